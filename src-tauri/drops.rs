//! What is dragged onto a window: which of it is a file of this computer, which is a picture on the web, what is refused and why, and
//! who has to be asked first.
//!
//! A web page can put any `file:` address into a drag. So a drop that carries a page's marks asks before anything is read, and only
//! complete paths of this computer count. Pictures of the page itself come by their addresses, which the engine fetches: it judges where
//! they lead. What is inside is the engine's business.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use imagepic_core::Code;
use imagepic_core::capture::{self, Source};
use imagepic_core::error::Error;
use imagepic_core::event::Refusal;
use imagepic_words::{Lang, Text, desktop as words};
use serde::Serialize;
use tauri::{AppHandle, DragDropEvent, Emitter, Manager, Url};

use crate::figures::middle_cut;
use crate::pointing::Pointing;
use crate::shell::Shell;

/// More than a person drags by hand; a folder counts as one.
const MOST: usize = 5_000;
/// Drops that wait for an answer at once; the oldest gives way.
const MOST_ASKING: usize = 8;
/// What a browser puts beside a drag is read up to this, in bytes.
#[cfg(target_os = "linux")]
const MOST_TEXT: usize = 1 << 20;
/// The longest name in a refusal, in characters.
const LONGEST_NAME: usize = 60;

/// What the window that is dragged over is told (event `drag`).
#[derive(Debug, Clone, Serialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct Drag {
    /// Where the drag stands.
    phase: Phase,
    /// Files, folders and pictures that would be taken.
    count: u32,
    /// What would not, and why.
    refusals: Vec<Refusal>,
    /// The first one's name.
    first: Option<String>,
}

/// Where a drag stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub(crate) enum Phase {
    Enter,
    Leave,
    Drop,
}

/// A drop that looks made by a web page (event `ask-drop`); answered by the command `answer_drop`.
#[derive(Debug, Clone, Serialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct AskDrop {
    /// To answer this very drop.
    #[ts(type = "number")]
    id: u64,
    /// What it named, for people.
    paths: Vec<String>,
}

/// What is being dragged over which window, and which drops wait for an answer.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    held: Mutex<HashMap<String, Held>>,
    asking: Mutex<VecDeque<(u64, Vec<PathBuf>)>>,
    next: AtomicU64,
}

/// What the toolkit's own event leaves out: addresses as they were sent, and the marks of a web page.
#[derive(Debug, Clone, Default)]
struct Held {
    addresses: Vec<String>,
    by_a_page: bool,
    /// The picture a page says it is, where a link around it is what is dragged.
    picture: Option<Url>,
    /// An address by another way than a list of them: some browsers give no list.
    other: Option<Url>,
}

/// What a drop comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sorted {
    files: Vec<PathBuf>,
    addresses: Vec<Url>,
    refusals: Vec<Refusal>,
}

/// Targets that browsers put beside what is dragged out of a page, and file managers do not.
const PAGE_MARKS: [&str; 5] =
    ["text/html", "chromium/x-renderer-taint", "text/x-moz-url", "text/x-moz-url-data", "application/x-moz-nativehtml"];

/// Whether these targets (media types offered by the source of a drag) are a web page's.
fn made_by_a_page<'a>(targets: impl IntoIterator<Item = &'a str>) -> bool {
    targets.into_iter().any(|target| PAGE_MARKS.iter().any(|mark| target.eq_ignore_ascii_case(mark)))
}

/// The one picture in what a page says of a drag, if it is one: a page is dragged as often by the link around its picture.
fn picture_in(html: &str) -> Option<Url> {
    let lower = html.to_ascii_lowercase();
    let at = lower.find("<img")?;
    if lower[at + 4..].contains("<img") {
        return None;
    }
    let tag = &html[at..at + lower[at..].find('>').unwrap_or(html.len() - at)];
    let lower = tag.to_ascii_lowercase();
    let start = lower
        .match_indices("src")
        .find(|(at, _)| lower[..*at].ends_with(char::is_whitespace) && lower[at + 3..].trim_start().starts_with('='))?;
    let value = tag[start.0 + 3..].trim_start().strip_prefix('=')?.trim_start();
    let value = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next()?,
        _ => value.split(char::is_whitespace).next()?.trim_end_matches('/'),
    };
    let plain = value.replace("&amp;", "&").replace("&#38;", "&");
    capture::address(&plain).or_else(|| picture_inside(&plain))
}

/// A picture that is inside its own address.
fn picture_inside(address: &str) -> Option<Url> {
    let begins = address.get(..11).is_some_and(|head| head.eq_ignore_ascii_case("data:image/"));
    begins.then(|| Url::parse(address).ok()).flatten()
}

/// Listens on the widget for what the toolkit's event leaves out.
///
/// The event decodes addresses on its own and drops the bytes of names that are no UTF-8; it does not say what else the source offers;
/// and it does not come at all where a browser offers no list of addresses. This runs before the event arrives.
#[cfg(target_os = "linux")]
pub(crate) fn listen(window: &tauri::WebviewWindow) -> tauri::Result<()> {
    use gtk::gdk::DragAction;
    use gtk::prelude::WidgetExt;
    let (app, label) = (window.app_handle().clone(), window.label().to_owned());
    window.with_webview(move |view| {
        let view = view.inner();
        let (held_by, of) = (app.clone(), label.clone());
        view.connect_drag_data_received(move |_, drag, _, _, data, _, _| {
            let targets: Vec<_> = drag.list_targets().iter().map(|target| target.name()).collect();
            let by_a_page = made_by_a_page(targets.iter().map(gtk::glib::GString::as_str));
            let text = || {
                let bytes = data.data();
                if bytes.len() <= MOST_TEXT { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() }
            };
            let drops = &held_by.state::<Shell>().drops;
            drops.hold(&of, |held| {
                held.by_a_page = by_a_page;
                match data.target().name().as_str() {
                    "text/uri-list" => held.addresses = data.uris().iter().map(|address| address.as_str().to_owned()).collect(),
                    "text/html" => held.picture = picture_in(&text()),
                    "_NETSCAPE_URL" => held.other = text().lines().next().and_then(capture::address),
                    _ => held.other = held.other.take().or_else(|| capture::address(&text())),
                }
            });
            if !targets.iter().any(|target| target == "text/uri-list") && drops.is_only_an_address(&of) {
                tell(&held_by, &of, Phase::Enter, &drops.only_address(&of));
            }
        });
        let (held_by, of) = (app.clone(), label.clone());
        view.connect_drag_motion(move |_, drag, _, _, time| {
            let ours = held_by.state::<Shell>().drops.is_only_an_address(&of);
            if ours {
                drag.drag_status(DragAction::COPY, time);
            }
            ours
        });
        let (held_by, of) = (app.clone(), label.clone());
        view.connect_drag_drop(move |_, drag, _, _, time| {
            let drops = &held_by.state::<Shell>().drops;
            let ours = drops.is_only_an_address(&of);
            if ours {
                let sorted = drops.only_address(&of);
                drops.forget(&of);
                drag.drop_finish(true, time);
                dropped(&held_by, &of, sorted, false);
            }
            ours
        });
        view.connect_drag_leave(move |_, _, _| {
            // A drop comes right behind its leaving.
            let (app, label) = (app.clone(), label.clone());
            gtk::glib::idle_add_local_once(move || {
                let drops = &app.state::<Shell>().drops;
                if drops.is_only_an_address(&label) {
                    tell(&app, &label, Phase::Leave, &Sorted::default());
                }
                drops.forget(&label);
            });
        });
    })
}

impl Drops {
    #[cfg(target_os = "linux")]
    fn hold(&self, label: &str, change: impl FnOnce(&mut Held)) {
        change(lock(&self.held).entry(label.to_owned()).or_default());
    }

    /// What is dragged has no list of addresses, and the toolkit's own event will not come.
    #[cfg(target_os = "linux")]
    fn is_only_an_address(&self, label: &str) -> bool {
        self.held(label).is_some_and(|held| held.addresses.is_empty() && (held.picture.is_some() || held.other.is_some()))
    }

    #[cfg(target_os = "linux")]
    fn only_address(&self, label: &str) -> Sorted {
        let address = self.held(label).and_then(|held| held.picture.or(held.other));
        Sorted { addresses: address.into_iter().collect(), ..Sorted::default() }
    }

    fn held(&self, label: &str) -> Option<Held> {
        lock(&self.held).get(label).cloned()
    }

    /// The window is gone, and with it what was held over it.
    pub(crate) fn forget(&self, label: &str) {
        lock(&self.held).remove(label);
    }

    fn ask(&self, files: Vec<PathBuf>) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let mut asking = lock(&self.asking);
        asking.push_back((id, files));
        if asking.len() > MOST_ASKING {
            tracing::warn!("a drop that nobody answered was given up");
            asking.pop_front();
        }
        id
    }

    /// The files of a drop that was asked about; once.
    ///
    /// # Errors
    /// `BadRequest` where it was answered before.
    pub(crate) fn answered(&self, id: u64) -> Result<Vec<PathBuf>, Error> {
        let mut asking = lock(&self.asking);
        let at = asking.iter().position(|(asked, _)| *asked == id);
        at.and_then(|at| asking.remove(at))
            .map(|(_, files)| files)
            .ok_or_else(|| Error::new(Code::BadRequest, words::drop_answered()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A drag over, or a drop on, one of our windows.
pub(crate) fn dragged(app: &AppHandle, label: &str, event: &DragDropEvent) {
    let shell = app.state::<Shell>();
    let lang = shell.engine.lang();
    match event {
        DragDropEvent::Enter { paths, .. } => {
            let sorted = sort(shell.drops.held(label).as_ref(), paths, lang);
            tell(app, label, Phase::Enter, &sorted);
        }
        DragDropEvent::Drop { paths, .. } => {
            let held = shell.drops.held(label);
            shell.drops.forget(label);
            let sorted = sort(held.as_ref(), paths, lang);
            dropped(app, label, sorted, held.is_some_and(|held| held.by_a_page));
        }
        DragDropEvent::Leave => tell(app, label, Phase::Leave, &Sorted::default()),
        _ => {}
    }
}

/// Takes what was dropped. Files that a page may have named go only once a person has said so; its pictures have no such secret, and
/// the engine asks where their addresses lead somewhere that has.
fn dropped(app: &AppHandle, label: &str, sorted: Sorted, by_a_page: bool) {
    tell(app, label, Phase::Drop, &sorted);
    crate::actions::turned_away(app, sorted.refusals);
    let how = || app.state::<Pointing>().by_hand_at(label);
    if !sorted.addresses.is_empty() {
        crate::actions::give_addresses_to(app, sorted.addresses, how());
    }
    if sorted.files.is_empty() {
        return;
    }
    if by_a_page {
        ask(app, label, sorted.files);
    } else {
        crate::actions::give_files_to(app, sorted.files, Source::Drop, how());
    }
}

fn tell(app: &AppHandle, label: &str, phase: Phase, sorted: &Sorted) {
    let drag = Drag {
        phase,
        count: u32::try_from(sorted.files.len() + sorted.addresses.len()).unwrap_or(u32::MAX),
        refusals: sorted.refusals.clone(),
        first: sorted.files.first().map(|path| name(path)).or_else(|| sorted.addresses.first().map(capture::shown_address)),
    };
    if let Err(error) = app.emit_to(label, "drag", drag) {
        tracing::warn!(%error, window = label, "the window was not told of a drag");
    }
}

/// The window it was dropped on asks.
fn ask(app: &AppHandle, label: &str, files: Vec<PathBuf>) {
    let paths: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
    let id = app.state::<Shell>().drops.ask(files);
    if let Err(error) = app.emit_to(label, "ask-drop", AskDrop { id, paths }) {
        tracing::warn!(%error, window = label, "the window could not ask about a drop");
    }
}

/// One thing that was dragged.
#[derive(Debug, PartialEq, Eq)]
enum Thing {
    File(PathBuf),
    Picture(Url),
}

/// Addresses as they were sent where they are known, paths as the toolkit read them otherwise.
fn sort(held: Option<&Held>, paths: &[PathBuf], lang: Lang) -> Sorted {
    let addresses = held.map(|held| held.addresses.as_slice()).filter(|addresses| !addresses.is_empty());
    let count = addresses.map_or(paths.len(), <[String]>::len);
    if count > MOST {
        let refusal = Refusal {
            name: paths.first().map(|path| name(path)).unwrap_or_default(),
            code: Code::BadRequest,
            message: words::drop_too_many(count, MOST).to(lang),
        };
        return Sorted { refusals: vec![refusal], ..Sorted::default() };
    }
    let mut sorted = Sorted::default();
    let mut put = |name: String, read: Result<Thing, Text>| match read {
        Ok(Thing::File(path)) => sorted.files.push(path),
        Ok(Thing::Picture(address)) => sorted.addresses.push(address),
        Err(text) => sorted.refusals.push(Refusal { name, code: Code::BadRequest, message: text.to(lang) }),
    };
    match addresses {
        Some(addresses) => addresses.iter().for_each(|address| put(bare(address), from_address(address))),
        None => paths.iter().for_each(|path| put(bare(&path.to_string_lossy()), from_path(path))),
    }
    // Of a picture inside a link both are dragged at once; the picture is meant.
    if let ([_], [], [], Some(picture)) =
        (&sorted.addresses[..], &sorted.files[..], &sorted.refusals[..], held.and_then(|held| held.picture.clone()))
    {
        sorted.addresses = vec![picture];
    }
    sorted
}

/// What an address means: a picture on the web or inside the address itself, or the path behind a `file:` address (RFC 8089), byte for
/// byte.
fn from_address(address: &str) -> Result<Thing, Text> {
    if let Some(url) = capture::address(address).or_else(|| picture_inside(address)) {
        return Ok(Thing::Picture(url));
    }
    file_at(address).map(Thing::File)
}

fn file_at(address: &str) -> Result<PathBuf, Text> {
    let Some((scheme, rest)) = address.split_once(':') else { return Err(words::drop_relative(bare(address))) };
    match scheme.to_ascii_lowercase().as_str() {
        "file" => {}
        "http" | "https" | "ftp" | "ftps" | "data" | "blob" => return Err(words::drop_web_address(bare(address))),
        _ => return Err(words::drop_unreadable(bare(address))),
    }
    let path = match rest.strip_prefix("//") {
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
                return Err(words::drop_other_computer(bare(address), middle_cut(host, LONGEST_NAME)));
            }
            path
        }
        None => rest,
    };
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
    if bytes.contains(&0) {
        return Err(words::drop_unreadable(bare(address)));
    }
    let path = path_of(bytes).ok_or_else(|| words::drop_unreadable(bare(address)))?;
    if path.is_absolute() { Ok(path) } else { Err(words::drop_relative(bare(address))) }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere not all bytes are a path")]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    let text = String::from_utf8(bytes).ok()?;
    // `/C:/Users` is the form a drive has in an address.
    Some(PathBuf::from(text.strip_prefix('/').filter(|rest| rest.get(1..2) == Some(":")).unwrap_or(&text)))
}

/// A path as a toolkit hands it over: a web address arrives as one too.
fn from_path(path: &Path) -> Result<Thing, Text> {
    if path.is_absolute() {
        return Ok(Thing::File(path.to_owned()));
    }
    let text = path.to_string_lossy();
    if text.contains(":/") { from_address(&text) } else { Err(words::drop_relative(bare(&text))) }
}

/// An address for people, without what may be a signature in it.
fn bare(address: &str) -> String {
    let end = address.find(['?', '#']).filter(|_| address.contains("://")).unwrap_or(address.len());
    middle_cut(&address[..end], LONGEST_NAME)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
#[path = "drops_tests.rs"]
mod tests;
