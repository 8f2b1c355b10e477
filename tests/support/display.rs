//! The windows on an X display: which there are, what they look like, where a person would find them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use imagepic_virtual::VirtualDesktop;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConnectionExt, ImageFormat, MOTION_NOTIFY_EVENT, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::wait::eventually;

/// A window as the window manager lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// X's number.
    pub id: Window,
    /// Its title.
    pub title: String,
}

/// All windows that the window manager lists.
///
/// # Panics
/// When the display is gone.
#[must_use]
pub fn windows(desktop: &VirtualDesktop) -> Vec<Shown> {
    let (x, screen) = connect(desktop);
    let root = x.setup().roots[screen].root;
    let list = atom(&x, "_NET_CLIENT_LIST");
    let name = atom(&x, "_NET_WM_NAME");
    let list = x.get_property(false, root, list, AtomEnum::WINDOW, 0, 1024).ok().and_then(|cookie| cookie.reply().ok());
    let ids: Vec<Window> = list.and_then(|reply| reply.value32().map(Iterator::collect)).unwrap_or_default();
    ids.into_iter()
        .filter_map(|id| {
            // A window may close between the two questions.
            let reply = x.get_property(false, id, name, AtomEnum::ANY, 0, 1024).ok()?.reply().ok()?;
            Some(Shown { id, title: String::from_utf8_lossy(&reply.value).into_owned() })
        })
        .collect()
}

/// Waits for a window with this title.
pub async fn wait_for_window(desktop: &VirtualDesktop, title: &str) -> Shown {
    eventually(&format!("a window \"{title}\""), async || windows(desktop).into_iter().find(|window| window.title == title)).await
}

/// Waits until no window has this title.
pub async fn wait_until_closed(desktop: &VirtualDesktop, title: &str) {
    eventually(&format!("\"{title}\" to close"), async || {
        (!windows(desktop).iter().any(|window| window.title == title)).then_some(())
    })
    .await;
}

/// Closes a window as its close button does: the window manager asks it to.
///
/// # Panics
/// When xdotool is missing.
pub fn close(desktop: &VirtualDesktop, window: &Shown) {
    let (x, screen) = connect(desktop);
    let root = x.setup().roots[screen].root;
    let close = atom(&x, "_NET_CLOSE_WINDOW");
    let event = x11rb::protocol::xproto::ClientMessageEvent::new(32, window.id, close, [0, 2, 0, 0, 0]);
    let mask =
        x11rb::protocol::xproto::EventMask::SUBSTRUCTURE_REDIRECT | x11rb::protocol::xproto::EventMask::SUBSTRUCTURE_NOTIFY;
    x.send_event(false, root, mask, event).expect("the display is there");
    // A connection that ends at once may take what it sent with it.
    x.get_input_focus().expect("the display is there").reply().expect("the display is there");
}

/// Does the window ask to stay above others (`_NET_WM_STATE_ABOVE`)?
///
/// # Panics
/// When the display is gone.
#[must_use]
pub fn is_above(desktop: &VirtualDesktop, window: &Shown) -> bool {
    let (x, _) = connect(desktop);
    let (state, above) = (atom(&x, "_NET_WM_STATE"), atom(&x, "_NET_WM_STATE_ABOVE"));
    let reply = x.get_property(false, window.id, state, AtomEnum::ATOM, 0, 64).ok().and_then(|cookie| cookie.reply().ok());
    reply.and_then(|reply| reply.value32().map(|mut atoms| atoms.any(|atom| atom == above))).unwrap_or_default()
}

/// Presses a key (xdotool's names) with this window in front.
///
/// # Panics
/// When xdotool is missing.
pub fn press(desktop: &VirtualDesktop, window: &Shown, key: &str) {
    let mut command = desktop.command("timeout");
    command.args(["5", "xdotool", "windowactivate", "--sync", &window.id.to_string(), "key", key]);
    // The window may have gone at the press before: that is for the caller to see.
    let done = command.stdin(Stdio::null()).stderr(Stdio::null()).status();
    done.expect("xdotool is installed");
}

/// Where the upper left corner of a window lies on the screen, without what the window manager draws around it.
///
/// # Panics
/// When the window is gone.
#[must_use]
pub fn place(desktop: &VirtualDesktop, window: &Shown) -> (i16, i16) {
    let (x, screen) = connect(desktop);
    let root = x.setup().roots[screen].root;
    let place =
        x.translate_coordinates(window.id, root, 0, 0).expect("the display is there").reply().expect("the window is there");
    (place.dst_x, place.dst_y)
}

/// Moves a window, as dragging it by its title does.
///
/// # Panics
/// When xdotool is missing.
pub fn move_to(desktop: &VirtualDesktop, window: &Shown, (x, y): (i16, i16)) {
    let mut command = desktop.command("xdotool");
    command.args(["windowmove", "--sync", &window.id.to_string(), &x.to_string(), &y.to_string()]);
    let done = command.stdin(Stdio::null()).status();
    done.expect("xdotool is installed");
}

/// Holds Page Down for so many pages in a window whose list has the focus, as fast as keyboards repeat: thirty a second.
///
/// # Panics
/// When xdotool is missing.
pub fn page_down(desktop: &VirtualDesktop, window: &Shown, pages: u32) {
    let mut command = desktop.command("xdotool");
    command.args([
        "windowactivate",
        "--sync",
        &window.id.to_string(),
        "key",
        "--delay",
        "33",
        "--repeat",
        &pages.to_string(),
        "Next",
    ]);
    let done = command.stdin(Stdio::null()).status();
    done.expect("xdotool is installed");
}

/// How many colours a part of a window shows at this moment (its corner, width and height in pixels): one before it is painted.
/// `None` while there is no such part.
#[must_use]
pub fn colours(desktop: &VirtualDesktop, window: &Shown, part: (i16, i16, u16, u16)) -> Option<usize> {
    Eye::on(desktop, window, part).colours()
}

/// A part of a window that is looked at again and again, as fast as it is drawn.
#[derive(Debug)]
pub struct Eye {
    x: RustConnection,
    window: Window,
    part: (i16, i16, u16, u16),
}

impl Eye {
    /// On this part of it: its corner, width and height in pixels.
    #[must_use]
    pub fn on(desktop: &VirtualDesktop, window: &Shown, part: (i16, i16, u16, u16)) -> Self {
        Self { x: connect(desktop).0, window: window.id, part }
    }

    /// Its pixels at this moment, four bytes each, line by line. `None` while there is no such part.
    #[must_use]
    pub fn look(&self) -> Option<Vec<u8>> {
        let (x, y, width, height) = self.part;
        let part = self.x.get_image(ImageFormat::Z_PIXMAP, self.window, x, y, width, height, !0).ok()?.reply().ok()?;
        Some(part.data)
    }

    /// How many colours it shows at this moment.
    #[must_use]
    pub fn colours(&self) -> Option<usize> {
        let pixels = self.look()?;
        let colours: std::collections::HashSet<&[u8]> = pixels.chunks_exact(4).map(|pixel| &pixel[..3]).collect();
        Some(colours.len())
    }
}

/// A mouse over a window, by the X server's own events.
struct Mouse<'a> {
    x: &'a RustConnection,
    root: Window,
    corner: (i16, i16),
}

impl Mouse<'_> {
    fn sends(&self, event: u8, detail: u8, (x, y): (i16, i16)) {
        let (x, y) = (self.corner.0 + x, self.corner.1 + y);
        self.x.xtest_fake_input(event, detail, x11rb::CURRENT_TIME, self.root, x, y, 0).expect("the display is there");
        self.x.flush().expect("the display is there");
    }

    fn moves(&self, to: (i16, i16)) {
        self.sends(MOTION_NOTIFY_EVENT, 0, to);
    }

    fn clicks(&self, button: u8, at: (i16, i16)) {
        self.sends(BUTTON_PRESS_EVENT, button, at);
        self.sends(BUTTON_RELEASE_EVENT, button, at);
    }
}

/// Turns the wheel over a place of the window by so many notches, below zero upwards, with so much time for each.
///
/// # Panics
/// When the display is gone.
pub fn wheel(desktop: &VirtualDesktop, window: &Shown, at: (i16, i16), notches: i32, each: Duration) {
    let (x, screen) = connect(desktop);
    let mouse = Mouse { x: &x, root: x.setup().roots[screen].root, corner: place(desktop, window) };
    mouse.moves(at);
    for _ in 0..notches.abs() {
        // X has a button for each direction.
        mouse.clicks(if notches < 0 { 4 } else { 5 }, at);
        std::thread::sleep(each);
    }
}

/// Takes hold of what lies at a place of the window and pulls it to each of these heights below it in turn, in so much time; then lets go.
///
/// # Panics
/// When the display is gone.
pub fn drag(desktop: &VirtualDesktop, window: &Shown, at: (i16, i16), way: &[(i16, Duration)]) {
    const STEP: Duration = Duration::from_millis(8);
    let (x, screen) = connect(desktop);
    let mouse = Mouse { x: &x, root: x.setup().roots[screen].root, corner: place(desktop, window) };
    mouse.moves((at.0, at.1 + 1));
    // A bar that hides itself shows where the mouse comes near.
    std::thread::sleep(Duration::from_millis(500));
    mouse.moves(at);
    mouse.sends(BUTTON_PRESS_EVENT, 1, at);
    let mut from = 0;
    for (to, takes) in way {
        let begun = Instant::now();
        while begun.elapsed() < *takes {
            let part = begun.elapsed().as_secs_f64() / takes.as_secs_f64();
            #[expect(clippy::cast_possible_truncation, reason = "between two places of a screen")]
            let y = (f64::from(from) + f64::from(to - from) * part) as i16;
            mouse.moves((at.0, at.1 + y));
            std::thread::sleep(STEP);
        }
        mouse.moves((at.0, at.1 + to));
        from = *to;
    }
    mouse.sends(BUTTON_RELEASE_EVENT, 1, (at.0, at.1 + from));
    x.get_input_focus().expect("the display is there").reply().expect("the display is there");
}

/// A picture of the whole screen, or of one window.
///
/// # Panics
/// When ImageMagick is missing.
pub fn screenshot(desktop: &VirtualDesktop, window: Option<&Shown>, file: &Path) {
    let mut command = desktop.command("import");
    let window = window.map_or_else(|| "root".to_owned(), |window| window.id.to_string());
    command.args(["-window", &window]).arg(file);
    let done = command.status().expect("ImageMagick is installed");
    assert!(done.success(), "no picture of {window}");
}

/// A picture of the whole screen for whoever looks why a test failed; without one that is as it is.
pub(crate) fn keep_screen(display: &str, file: &Path) {
    Command::new("import").env("DISPLAY", display).args(["-window", "root"]).arg(file).status().ok();
}

pub(crate) fn connect(desktop: &VirtualDesktop) -> (RustConnection, usize) {
    x11rb::connect(desktop.display()).expect("the display is there")
}

pub(crate) fn atom(x: &RustConnection, name: &str) -> u32 {
    x.intern_atom(false, name.as_bytes()).expect("the display is there").reply().expect("the display is there").atom
}
