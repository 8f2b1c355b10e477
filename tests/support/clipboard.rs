//! The clipboard as other programs see it: xclip owns it and reads it, and where several kinds are on offer at once, a thread of the test.

use std::io::{self, BufRead as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use imagepic_virtual::VirtualDesktop;
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{ConnectionExt as _, CreateWindowAux, EventMask, WindowClass};

use crate::display::{atom, connect};
use crate::selection::{self, Offer};
use crate::wait::eventually;

/// A program that offers something on the clipboard until another one does; gone when dropped.
#[derive(Debug)]
pub struct Owner(Child);

impl Drop for Owner {
    fn drop(&mut self) {
        imagepic_virtual::end(&mut self.0);
    }
}

/// Copies a file's content as `target` (`image/png`, `text/uri-list`…). Returns when it is on offer.
///
/// # Panics
/// When xclip cannot be started.
pub async fn copy(desktop: &VirtualDesktop, target: &str, file: &Path) -> Owner {
    let mut command = desktop.command("xclip");
    command.args(["-quiet", "-selection", "clipboard", "-t", target, "-i"]).arg(file);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("xclip starts");
    let said = child.stderr.take().expect("it is piped");
    let (ready, waits) = tokio::sync::oneshot::channel();
    // It says that it waits for whoever pastes, once the selection is its own; what it says later is read so that it may go on.
    std::thread::spawn(move || {
        let mut lines = io::BufReader::new(said).lines().map_while(Result::ok);
        lines.next();
        ready.send(()).ok();
        lines.for_each(drop);
    });
    waits.await.ok();
    Owner(child)
}

/// The targets on offer at present; empty where nobody owns the clipboard.
#[must_use]
pub fn targets(desktop: &VirtualDesktop) -> Vec<String> {
    let bytes = read(desktop, "TARGETS").unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}

/// The text on the clipboard, where there is one.
#[must_use]
pub fn text(desktop: &VirtualDesktop) -> Option<String> {
    read(desktop, "UTF8_STRING").ok().and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| !text.is_empty())
}

/// Waits for a text on the clipboard that pleases.
pub async fn wait_for_text(desktop: &VirtualDesktop, what: &str, pleases: impl Fn(&str) -> bool) -> String {
    eventually(what, async || text(desktop).filter(|text| pleases(text))).await
}

fn read(desktop: &VirtualDesktop, target: &str) -> io::Result<Vec<u8>> {
    // An owner that does not answer must not hold the test for ever.
    let mut command: Command = desktop.command("timeout");
    command.args(["5", "xclip", "-selection", "clipboard", "-t", target, "-o"]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    if output.status.success() { Ok(output.stdout) } else { Err(io::Error::other("nothing of this kind is on the clipboard")) }
}

/// A program that offers several kinds of data at once, until another one copies something; gone when dropped.
#[derive(Debug)]
pub struct Offers {
    asked: Arc<Mutex<Vec<&'static str>>>,
    over: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

/// Copies all of this at once, as office programs, browsers and password managers do; it is on offer when this returns.
///
/// # Panics
/// When the display is gone.
#[must_use]
pub fn offer(desktop: &VirtualDesktop, kinds: &[Offer]) -> Offers {
    let (x, screen) = connect(desktop);
    let root = x.setup().roots[screen].root;
    let window = x.generate_id().expect("an id is free");
    let aux = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
    x.create_window(0, window, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &aux).expect("the display is there");
    let time = selection::now(&x, window);
    let names: Vec<(u32, &'static str)> = kinds.iter().map(|(kind, _)| (atom(&x, kind), *kind)).collect();
    let offers: Vec<(u32, Vec<u8>)> = kinds.iter().map(|(kind, data)| (atom(&x, kind), data.clone())).collect();
    let clipboard = atom(&x, "CLIPBOARD");
    x.set_selection_owner(window, clipboard, time).expect("the display is there");
    let owner = x.get_selection_owner(clipboard).expect("the display is there").reply().expect("the display is there").owner;
    assert_eq!(owner, window, "the clipboard went to somebody else");
    let (asked, over) = (Arc::<Mutex<Vec<&'static str>>>::default(), Arc::<AtomicBool>::default());
    let (hears, ends) = (Arc::clone(&asked), Arc::clone(&over));
    let serving = std::thread::spawn(move || {
        while !ends.load(Ordering::SeqCst) {
            match x.poll_for_event() {
                Ok(Some(Event::SelectionRequest(request))) => {
                    let name = names.iter().find(|(atom, _)| *atom == request.target).map_or("TARGETS", |(_, name)| *name);
                    hears.lock().expect("nobody panics with it").push(name);
                    selection::answer(&x, request, &offers);
                }
                Ok(Some(Event::SelectionClear(_))) | Err(_) => return,
                Ok(Some(_)) => {}
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    });
    Offers { asked, over, serving: Some(serving) }
}

impl Offers {
    /// What programs have asked for, in order; whatever is not on offer counts as a look at the list.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn asked(&self) -> Vec<&'static str> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Offers {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(serving) = self.serving.take() {
            serving.join().ok();
        }
    }
}
