//! What is dragged onto a window: which of it is a file of this computer, what is refused and why, and who has to be asked first.
//!
//! A web page can put any `file:` address into a drag. So a drop that carries a page's marks asks before anything is read, and only
//! complete paths of this computer count. What is inside the files is the engine's business.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use imagepic_core::Code;
use imagepic_core::capture::Source;
use imagepic_core::error::Error;
use imagepic_core::event::Refusal;
use imagepic_words::{Lang, Text, desktop as words};
use serde::Serialize;
use tauri::{AppHandle, DragDropEvent, Emitter, Manager};

use crate::figures::middle_cut;
use crate::pointing::Pointing;
use crate::shell::Shell;

/// More than a person drags by hand; a folder counts as one.
const MOST: usize = 5_000;
/// Drops that wait for an answer at once; the oldest gives way.
const MOST_ASKING: usize = 8;
/// The longest name in a refusal, in characters.
const LONGEST_NAME: usize = 60;

/// What the window that is dragged over is told (event `drag`).
#[derive(Debug, Clone, Serialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct Drag {
    /// Where the drag stands.
    phase: Phase,
    /// Files and folders that would be taken.
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
}

/// What a drop comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sorted {
    files: Vec<PathBuf>,
    refusals: Vec<Refusal>,
}

/// Targets that browsers put beside what is dragged out of a page, and file managers do not.
const PAGE_MARKS: [&str; 5] =
    ["text/html", "chromium/x-renderer-taint", "text/x-moz-url", "text/x-moz-url-data", "application/x-moz-nativehtml"];

/// Whether these targets (media types offered by the source of a drag) are a web page's.
fn made_by_a_page<'a>(targets: impl IntoIterator<Item = &'a str>) -> bool {
    targets.into_iter().any(|target| PAGE_MARKS.iter().any(|mark| target.eq_ignore_ascii_case(mark)))
}

/// Listens on the widget for what the toolkit's event leaves out.
///
/// The event decodes addresses on its own and drops the bytes of names that are no UTF-8; and it does not say what else the source
/// offers. This runs before the event arrives.
#[cfg(target_os = "linux")]
pub(crate) fn listen(window: &tauri::WebviewWindow) -> tauri::Result<()> {
    use gtk::prelude::WidgetExt;
    let (app, label) = (window.app_handle().clone(), window.label().to_owned());
    window.with_webview(move |view| {
        view.inner().connect_drag_data_received(move |_, drag, _, _, data, _, _| {
            let targets: Vec<_> = drag.list_targets().iter().map(|target| target.name()).collect();
            let held = Held {
                addresses: data.uris().iter().map(|address| address.as_str().to_owned()).collect(),
                by_a_page: made_by_a_page(targets.iter().map(gtk::glib::GString::as_str)),
            };
            if !held.addresses.is_empty() {
                app.state::<Shell>().drops.hold(&label, held);
            }
        });
    })
}

impl Drops {
    fn hold(&self, label: &str, held: Held) {
        lock(&self.held).insert(label.to_owned(), held);
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
            let sorted = sort(shell.drops.held(label).map(|held| held.addresses).as_deref(), paths, lang);
            tell(app, label, Phase::Enter, &sorted);
        }
        DragDropEvent::Drop { paths, .. } => {
            let held = shell.drops.held(label);
            shell.drops.forget(label);
            let sorted = sort(held.as_ref().map(|held| held.addresses.as_slice()), paths, lang);
            tell(app, label, Phase::Drop, &sorted);
            crate::actions::turned_away(app, sorted.refusals);
            if sorted.files.is_empty() {
                return;
            }
            if held.is_some_and(|held| held.by_a_page) {
                ask(app, label, sorted.files);
            } else {
                let how = app.state::<Pointing>().by_hand_at(label);
                crate::actions::give_files_to(app, sorted.files, Source::Drop, how);
            }
        }
        DragDropEvent::Leave => tell(app, label, Phase::Leave, &Sorted::default()),
        _ => {}
    }
}

fn tell(app: &AppHandle, label: &str, phase: Phase, sorted: &Sorted) {
    let drag = Drag {
        phase,
        count: u32::try_from(sorted.files.len()).unwrap_or(u32::MAX),
        refusals: sorted.refusals.clone(),
        first: sorted.files.first().map(|path| name(path)),
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

/// Addresses as they were sent where they are known, paths as the toolkit read them otherwise.
fn sort(addresses: Option<&[String]>, paths: &[PathBuf], lang: Lang) -> Sorted {
    let count = addresses.map_or(paths.len(), <[String]>::len);
    if count > MOST {
        let refusal = Refusal {
            name: paths.first().map(|path| name(path)).unwrap_or_default(),
            code: Code::BadRequest,
            message: words::drop_too_many(count, MOST).to(lang),
        };
        return Sorted { files: Vec::new(), refusals: vec![refusal] };
    }
    let mut sorted = Sorted::default();
    let mut put = |name: String, read: Result<PathBuf, Text>| match read {
        Ok(path) => sorted.files.push(path),
        Err(text) => sorted.refusals.push(Refusal { name, code: Code::BadRequest, message: text.to(lang) }),
    };
    match addresses {
        Some(addresses) => addresses.iter().for_each(|address| put(bare(address), from_address(address))),
        None => paths.iter().for_each(|path| put(bare(&path.to_string_lossy()), from_path(path))),
    }
    sorted
}

/// The path behind a `file:` address (RFC 8089), byte for byte.
fn from_address(address: &str) -> Result<PathBuf, Text> {
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
fn from_path(path: &Path) -> Result<PathBuf, Text> {
    if path.is_absolute() {
        return Ok(path.to_owned());
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
