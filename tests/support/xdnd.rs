//! Dragging onto a window, as file managers and browsers do: the source's half of XDND version 5 (freedesktop "Drag-and-Drop Protocol
//! for the X Window System").

use std::time::{Duration, Instant};

use imagepic_virtual::VirtualDesktop;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt, CreateWindowAux, EventMask, PropMode, Timestamp, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::display::{Shown, atom, connect};
use crate::selection;
use crate::wait::PATIENCE;

/// How a drag went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// The window said it would take it.
    pub accepted: bool,
    /// The window fetched the data and said it was done.
    pub finished: bool,
}

pub use crate::selection::Offer;

/// What a file manager offers.
#[must_use]
pub fn uri_list(uris: &[String]) -> Offer {
    ("text/uri-list", uris.iter().flat_map(|uri| format!("{uri}\r\n").into_bytes()).collect())
}

/// What Firefox offers for an image that is dragged out of a page; the others of its targets are its own.
#[must_use]
pub fn out_of_firefox(uri: &str) -> Vec<Offer> {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    vec![
        ("text/x-moz-url", wide(&format!("{uri}\nA picture"))),
        ("text/x-moz-url-data", wide(uri)),
        ("text/x-moz-url-desc", wide("A picture")),
        ("application/x-moz-nativehtml", format!("<img src=\"{uri}\">").into_bytes()),
        ("text/html", format!("<img src=\"{uri}\">").into_bytes()),
        uri_list(&[uri.to_owned()]),
        ("text/plain", uri.as_bytes().to_vec()),
    ]
}

/// What Chromium offers for one.
#[must_use]
pub fn out_of_chromium(uri: &str) -> Vec<Offer> {
    vec![
        uri_list(&[uri.to_owned()]),
        ("text/html", format!("<img src=\"{uri}\" alt=\"A picture\">").into_bytes()),
        ("text/x-moz-url", format!("{uri}\nA picture").encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("chromium/x-renderer-taint", Vec::new()),
    ]
}

/// Drags `text/uri-list` onto the middle of a window and lets go.
#[must_use]
pub fn drop_uris(desktop: &VirtualDesktop, window: &Shown, uris: &[String]) -> Dropped {
    drop_offers(desktop, window, &[uri_list(uris)])
}

/// Drags this onto the middle of a window and lets go.
#[must_use]
pub fn drop_offers(desktop: &VirtualDesktop, window: &Shown, offers: &[Offer]) -> Dropped {
    let mut drag = Drag::enter(desktop, window, offers);
    let accepted = drag.over();
    drag.send("XdndDrop", [0, drag.time, 0, 0]);
    let finished = drag.serve_until("XdndFinished").is_some();
    Dropped { accepted, finished }
}

/// Drags over the middle of a window, and stays there until dropped or [`Drag::leave`] is called.
pub struct Drag {
    x: RustConnection,
    source: Window,
    target: Window,
    middle: (u32, u32),
    /// By target.
    offers: Vec<(u32, Vec<u8>)>,
    time: Timestamp,
}

impl Drag {
    /// Enters the window with these kinds of data, the most wanted first.
    ///
    /// # Panics
    /// When the display is gone.
    #[must_use]
    pub fn enter(desktop: &VirtualDesktop, window: &Shown, offers: &[Offer]) -> Self {
        let (x, screen) = connect(desktop);
        let root = x.setup().roots[screen].root;
        let source = x.generate_id().expect("an id is free");
        let aux = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        x.create_window(0, source, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &aux).expect("the display is there");
        let time = selection::now(&x, source);
        x.set_selection_owner(source, atom(&x, "XdndSelection"), time).expect("the display is there");
        let geometry = x.get_geometry(window.id).expect("the display is there").reply().expect("the window is there");
        let place =
            x.translate_coordinates(window.id, root, 0, 0).expect("the display is there").reply().expect("the window is there");
        let middle = |start: i16, length: u16| u32::try_from(i32::from(start) + i32::from(length) / 2).unwrap_or_default();
        let middle = (middle(place.dst_x, geometry.width), middle(place.dst_y, geometry.height));
        let offers: Vec<_> = offers.iter().map(|(target, data)| (atom(&x, target), data.clone())).collect();
        let targets: Vec<u32> = offers.iter().map(|(target, _)| *target).collect();
        let list = atom(&x, "XdndTypeList");
        x.change_property32(PropMode::REPLACE, source, list, AtomEnum::ATOM, &targets).expect("the display is there");
        let first = |at: usize| targets.get(at).copied().unwrap_or_default();
        // The message has room for three; the lowest bit says that there are more, in the list.
        let more = u32::from(targets.len() > 3);
        let entered = [(5 << 24) | more, first(0), first(1), first(2)];
        let drag = Self { x, source, target: window.id, middle, offers, time };
        drag.send("XdndEnter", entered);
        drag
    }

    /// Moves over the window until it answers; does it accept?
    pub fn over(&mut self) -> bool {
        // Toolkits ask for the data on the first position and can answer truly only on a later one.
        let start = Instant::now();
        loop {
            self.position();
            let accepted = self.serve_until("XdndStatus").is_some_and(|data| data[1] & 1 == 1);
            if accepted || start.elapsed() > Duration::from_secs(3) {
                self.position();
                self.serve_for(Duration::from_millis(200));
                return accepted;
            }
            self.serve_for(Duration::from_millis(50));
        }
    }

    /// Leaves without dropping.
    pub fn leave(self) {
        self.send("XdndLeave", [0; 4]);
        self.x.sync().expect("the display is there");
    }

    fn position(&self) {
        let copy = atom(&self.x, "XdndActionCopy");
        self.send("XdndPosition", [0, (self.middle.0 << 16) | self.middle.1, self.time, copy]);
    }

    fn send(&self, message: &str, [a, b, c, d]: [u32; 4]) {
        let event = ClientMessageEvent::new(32, self.target, atom(&self.x, message), [self.source, a, b, c, d]);
        self.x.send_event(false, self.target, EventMask::NO_EVENT, event).expect("the display is there");
        self.x.flush().expect("the display is there");
    }

    /// Serves the data to whoever asks, until the window sends this message or patience ends.
    fn serve_until(&self, message: &str) -> Option<[u32; 5]> {
        let message = atom(&self.x, message);
        self.serve(PATIENCE, Some(message))
    }

    fn serve_for(&self, time: Duration) {
        self.serve(time, None);
    }

    fn serve(&self, time: Duration, until: Option<u32>) -> Option<[u32; 5]> {
        let start = Instant::now();
        while start.elapsed() < time {
            match self.x.poll_for_event().expect("the display is there") {
                Some(Event::ClientMessage(event)) if Some(event.type_) == until => return Some(event.data.as_data32()),
                Some(Event::SelectionRequest(request)) => selection::answer(&self.x, request, &self.offers),
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        None
    }
}

/// `file:///tmp/a%20b.png`: everything but unreserved characters and slashes is encoded (RFC 3986).
#[must_use]
pub fn file_uri(path: &std::path::Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}
