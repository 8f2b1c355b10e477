//! Dragging files onto a window, as a file manager does: the source's half of XDND version 5 (freedesktop "Drag-and-Drop Protocol for
//! the X Window System").

use std::time::{Duration, Instant};

use imagepic_virtual::VirtualDesktop;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt, CreateWindowAux, EventMask, PropMode, SelectionNotifyEvent,
    SelectionRequestEvent, Timestamp, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::display::{Shown, atom, connect};
use crate::wait::PATIENCE;

/// How a drag went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// The window said it would take it.
    pub accepted: bool,
    /// The window fetched the data and said it was done.
    pub finished: bool,
}

/// Drags `text/uri-list` onto the middle of a window and lets go.
#[must_use]
pub fn drop_uris(desktop: &VirtualDesktop, window: &Shown, uris: &[String]) -> Dropped {
    let mut drag = Drag::enter(desktop, window, uris);
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
    data: Vec<u8>,
    time: Timestamp,
}

impl Drag {
    /// Enters the window with these URIs.
    ///
    /// # Panics
    /// When the display is gone.
    #[must_use]
    pub fn enter(desktop: &VirtualDesktop, window: &Shown, uris: &[String]) -> Self {
        let (x, screen) = connect(desktop);
        let root = x.setup().roots[screen].root;
        let source = x.generate_id().expect("an id is free");
        let aux = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        x.create_window(0, source, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &aux).expect("the display is there");
        // A real time of the server: owners by "current time" are refused by some.
        x.change_property8(PropMode::REPLACE, source, AtomEnum::WM_NAME, AtomEnum::STRING, b"drag")
            .expect("the display is there");
        x.flush().expect("the display is there");
        let time = loop {
            if let Event::PropertyNotify(event) = x.wait_for_event().expect("the display is there") {
                break event.time;
            }
        };
        x.set_selection_owner(source, atom(&x, "XdndSelection"), time).expect("the display is there");
        let geometry = x.get_geometry(window.id).expect("the display is there").reply().expect("the window is there");
        let place =
            x.translate_coordinates(window.id, root, 0, 0).expect("the display is there").reply().expect("the window is there");
        let middle = |start: i16, length: u16| u32::try_from(i32::from(start) + i32::from(length) / 2).unwrap_or_default();
        let middle = (middle(place.dst_x, geometry.width), middle(place.dst_y, geometry.height));
        let mut data = Vec::new();
        uris.iter().for_each(|uri| data.extend_from_slice(format!("{uri}\r\n").as_bytes()));
        let drag = Self { x, source, target: window.id, middle, data, time };
        let kind = atom(&drag.x, "text/uri-list");
        drag.send("XdndEnter", [5 << 24, kind, 0, 0]);
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
                Some(Event::SelectionRequest(request)) => self.answer(request),
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        None
    }

    fn answer(&self, request: SelectionRequestEvent) {
        let uri_list = atom(&self.x, "text/uri-list");
        let property = if request.target == uri_list {
            self.x
                .change_property8(PropMode::REPLACE, request.requestor, request.property, uri_list, &self.data)
                .expect("the display is there");
            request.property
        } else if request.target == atom(&self.x, "TARGETS") {
            self.x
                .change_property32(PropMode::REPLACE, request.requestor, request.property, AtomEnum::ATOM, &[uri_list])
                .expect("the display is there");
            request.property
        } else {
            x11rb::NONE
        };
        let event = SelectionNotifyEvent {
            response_type: x11rb::protocol::xproto::SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property,
        };
        self.x.send_event(false, request.requestor, EventMask::NO_EVENT, event).expect("the display is there");
        self.x.flush().expect("the display is there");
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
