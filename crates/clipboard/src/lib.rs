//! The system clipboard by events, as raw bytes.
//!
//! One [`Clipboard`] is one connection to a display: it counts every change (a [`Mark`] says whether the clipboard still holds the same
//! thing), reads images as the bytes another program offers, lists of files as paths, and owns the clipboard itself to put links,
//! images or files there. [`Clipboard::watch`] reports changes; nothing here polls, and an idle watch takes no processor time.
//!
//! Decoding images, telling the same bytes twice, and what to do with any of it is the engine's part, which this crate does not know.
//! All calls block, at most for [`Limits`], so that they belong on a thread for blocking work.

mod content;
mod error;
mod gather;
mod shared;
mod watch;

#[cfg(all(unix, not(target_os = "macos")))]
mod line;
#[cfg(not(all(unix, not(target_os = "macos"))))]
mod other;
#[cfg(all(unix, not(target_os = "macos")))]
mod poll;
#[cfg(all(unix, not(target_os = "macos")))]
mod wayland;
#[cfg(all(unix, not(target_os = "macos")))]
mod x11;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use error::Error;
pub use watch::Watch;

use gather::{Source, Wish, gather};
use shared::{Patience, Shared};

/// What the clipboard holds, as far as it concerns imagepic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An image, unchanged.
    Image {
        /// As another program handed them over; whether they are what `mime` says is not checked here.
        bytes: Bytes,
        /// The registered MIME type, for instance `image/png`; PNG is taken before any other type that is offered.
        mime: String,
    },
    /// Local files and folders, absolute, in the order of the list, at least one. They need not exist.
    Files(Vec<PathBuf>),
    /// Anything else without an image: text, a spreadsheet, sound. It was not read.
    Text,
    /// A password manager marked it. It was not read.
    Concealed,
    /// Nobody owns the clipboard, or it is empty.
    Nothing,
    /// An image beside plain text, rich text, or HTML that is more than a single `<img>`. It was not read.
    Mixed,
}

/// Stands for one content of the clipboard: equal to [`Clipboard::current_mark`] as long as nobody has copied anything since.
///
/// It counts acts of copying, not bytes: the same image copied again is a new mark. Marks of different connections are never equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    connection: u64,
    serial: u64,
}

/// Something was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is there now.
    pub content: Content,
    /// Which content that is.
    pub mark: Mark,
}

/// Bounds on what other programs can cost us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest image that is read, in bytes. 256 MiB unless told otherwise.
    pub bytes: u64,
    /// How long another program may send nothing. 5 s.
    pub stall: Duration,
    /// How long one transfer may take in all. 60 s.
    pub total: Duration,
    /// How long a transfer may go on once something newer was copied. 2 s.
    pub superseded: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            stall: Duration::from_secs(5),
            total: Duration::from_secs(60),
            superseded: Duration::from_secs(2),
        }
    }
}

/// Which display to use. Both may be given: Wayland is preferred, where it lets other programs follow the clipboard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Display {
    /// As in `DISPLAY`, for instance `:0`.
    pub x11: Option<String>,
    /// The path of the compositor's socket.
    pub wayland: Option<PathBuf>,
}

impl Display {
    /// What `DISPLAY`, `WAYLAND_DISPLAY` and `XDG_RUNTIME_DIR` name.
    pub fn from_env() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let wayland = set("WAYLAND_DISPLAY").map(PathBuf::from).and_then(|name| {
            if name.is_absolute() { Some(name) } else { set("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join(name)) }
        });
        Self { x11: set("DISPLAY").and_then(|name| name.into_string().ok()), wayland }
    }
}

/// How the clipboard is reached, for diagnostics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// The way.
    pub kind: Kind,
    /// Why a better way was not taken, in English; for instance that GNOME on Wayland offers no data-control protocol.
    pub reason: Option<String>,
}

/// The ways to a clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `ext-data-control-v1`.
    ExtDataControl,
    /// `wlr-data-control-unstable-v1`.
    WlrDataControl,
    /// An X server.
    X11,
    /// The X server inside a Wayland session; some compositors pass the clipboard on only while an X11 window has the focus.
    XWayland,
    /// macOS or Windows.
    System,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExtDataControl => "Wayland (ext-data-control-v1)",
            Self::WlrDataControl => "Wayland (wlr-data-control-unstable-v1)",
            Self::X11 => "X11",
            Self::XWayland => "XWayland",
            Self::System => "system",
        })
    }
}

/// One type of content to put on the clipboard.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub name: String,
    pub bytes: Bytes,
}

/// A way to a clipboard.
pub(crate) trait Board: Send + Sync {
    fn shared(&self) -> &Arc<Shared>;

    /// Makes sure that every change that happened before this call is counted.
    fn sync(&self) -> Result<(), Error>;

    /// Takes the clipboard; returns the serial of the change this is. No entries: empties it.
    fn write(&self, entries: Vec<Entry>) -> Result<u64, Error>;

    /// A way to read that works beside all others.
    fn source(&self) -> Result<Box<dyn Source>, Error>;
}

/// A connection to the clipboard. Clones share it; it ends, and what it put on the clipboard with it, when the last clone and the last
/// [`Watch`] are dropped.
#[derive(Clone)]
pub struct Clipboard {
    board: Arc<dyn Board>,
    backend: Backend,
    limits: Limits,
}

impl fmt::Debug for Clipboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clipboard").field("backend", &self.backend).finish_non_exhaustive()
    }
}

impl Clipboard {
    /// Connects to the clipboard of this session: Wayland data-control, else X11, else what the system has. About a millisecond.
    ///
    /// # Errors
    /// [`Error::Unavailable`], naming every way that was tried.
    pub fn connect() -> Result<Self, Error> {
        Self::connect_to(&Display::from_env(), Limits::default())
    }

    /// Connects to a display that is named, whatever the environment says.
    ///
    /// # Errors
    /// [`Error::Unavailable`], naming every way that was tried.
    pub fn connect_to(display: &Display, limits: Limits) -> Result<Self, Error> {
        let (board, backend) = open(display, &limits)?;
        tracing::debug!(kind = %backend.kind, reason = backend.reason, "clipboard connected");
        Ok(Self { board, backend, limits })
    }

    /// How the clipboard is reached.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Whether the connection is gone; every further call fails then, and only connecting anew helps.
    pub fn is_closed(&self) -> bool {
        self.board.shared().now().is_err()
    }

    /// Reads what the clipboard holds now, what imagepic put there included.
    ///
    /// With `lone_only` an image beside text is [`Content::Mixed`], as for the watch; without, it is given: somebody asked for it.
    ///
    /// # Errors
    /// [`Error`]; the owner may refuse, be silent or offer too much.
    pub fn read(&self, lone_only: bool) -> Result<(Content, Mark), Error> {
        let shared = self.board.shared();
        shared.now()?;
        let mut patience = Patience::new(&self.limits, shared, &|| false);
        let mut source = self.board.source()?;
        let gathered = gather(source.as_mut(), Wish { lone_only, skip_own: false }, &mut patience).map_err(|(error, _)| error)?;
        Ok((gathered.content, shared.mark(gathered.serial)))
    }

    /// The text the clipboard holds, where it holds a short one (an address, say) that nobody concealed and imagepic did not put there.
    /// Only for somebody who asked just now: text is never read otherwise.
    ///
    /// # Errors
    /// [`Error`]; the owner may be silent.
    pub fn read_text(&self) -> Result<Option<(String, Mark)>, Error> {
        const SHORT: u64 = 16 << 10;
        let shared = self.board.shared();
        shared.now()?;
        let mut patience = Patience::new(&self.limits, shared, &|| false);
        let mut source = self.board.source()?;
        let text = gather::text(source.as_mut(), SHORT, &mut patience)?;
        Ok(text.map(|(text, serial)| (text, shared.mark(serial))))
    }

    /// What stands for the present content. Changes that happened before this call are surely counted.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn current_mark(&self) -> Result<Mark, Error> {
        self.board.sync()?;
        let shared = self.board.shared();
        Ok(shared.mark(shared.now()?.serial))
    }

    /// Puts text on the clipboard, for as long as this connection lives.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn write_text(&self, text: &str) -> Result<Mark, Error> {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let mut entries: Vec<Entry> = ["text/plain;charset=utf-8", "UTF8_STRING", "text/plain", "TEXT"]
            .iter()
            .map(|name| Entry { name: (*name).to_owned(), bytes: bytes.clone() })
            .collect();
        // ICCCM 2.6.2: STRING is Latin-1.
        let latin: Vec<u8> = text.chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect();
        entries.push(Entry { name: "STRING".to_owned(), bytes: latin.into() });
        self.write(entries)
    }

    /// Puts an image on the clipboard, under its one type.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn write_image(&self, bytes: Bytes, mime: &str) -> Result<Mark, Error> {
        self.write(vec![Entry { name: mime.to_owned(), bytes }])
    }

    /// Puts a list of files on the clipboard, as a file manager does.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn write_files(&self, paths: &[PathBuf]) -> Result<Mark, Error> {
        self.write(vec![
            Entry { name: "text/uri-list".to_owned(), bytes: content::uri_list(paths).into() },
            Entry { name: "x-special/gnome-copied-files".to_owned(), bytes: content::gnome_file_list(paths).into() },
        ])
    }

    /// Puts back what was read before, for undo.
    ///
    /// # Errors
    /// [`Error::NotWritable`] for content whose bytes were never read; [`Error::Closed`].
    pub fn restore(&self, content: &Content) -> Result<Mark, Error> {
        match content {
            Content::Image { bytes, mime } => self.write_image(bytes.clone(), mime),
            Content::Files(paths) => self.write_files(paths),
            Content::Nothing => self.write(Vec::new()),
            Content::Text | Content::Mixed => Err(Error::NotWritable("text is never read, so it cannot be put back")),
            Content::Concealed => Err(Error::NotWritable("concealed content is never read, so it cannot be put back")),
        }
    }

    fn write(&self, mut entries: Vec<Entry>) -> Result<Mark, Error> {
        if !entries.is_empty() {
            entries.push(Entry { name: content::OWN.to_owned(), bytes: Bytes::from_static(b"1") });
        }
        let serial = self.board.write(entries)?;
        Ok(self.board.shared().mark(serial))
    }

    /// Whether what the clipboard holds was put there through this connection. Answers from memory.
    pub fn is_own(&self) -> bool {
        self.board.shared().now().is_ok_and(|state| state.own)
    }

    /// Blocks until what was put on the clipboard through this connection has been replaced by somebody; at once if nothing was.
    ///
    /// # Errors
    /// [`Error::Closed`]: the display is gone, and the content with it.
    pub fn wait_replaced(&self) -> Result<(), Error> {
        let state = self.board.shared().wait(|state| !state.own || state.closed.is_some());
        state.closed.map_or(Ok(()), Err)
    }

    /// Calls `on_change` for everything that is copied from now on by others than imagepic, until the [`Watch`] is dropped.
    ///
    /// It is called on a thread of its own, one change at a time; of changes that come faster than they can be read, the newest is
    /// reported. [`Content::Text`] and the like are reported too, so that an offer to upload can be withdrawn. An error that
    /// [is closed](Error::is_closed) is the last call: the connection is gone. Any other error stands for one change that could not be
    /// read.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn watch(&self, on_change: impl Fn(Result<Change, Error>) + Send + 'static) -> Result<Watch, Error> {
        self.board.sync()?;
        Watch::start(Arc::clone(&self.board), self.limits.clone(), Box::new(on_change))
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn open(display: &Display, limits: &Limits) -> Result<(Arc<dyn Board>, Backend), Error> {
    let mut reasons = Vec::new();
    if let Some(path) = &display.wayland {
        match wayland::Wayland::connect(path, limits) {
            Ok((board, kind)) => return Ok((Arc::new(board), Backend { kind, reason: None })),
            Err(error) => reasons.push(reason(error)),
        }
    }
    if let Some(name) = &display.x11 {
        match x11::X11::connect(name, limits) {
            Ok(board) => {
                let kind = if display.wayland.is_some() { Kind::XWayland } else { Kind::X11 };
                let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
                return Ok((Arc::new(board), Backend { kind, reason }));
            }
            Err(error) => reasons.push(reason(error)),
        }
    }
    Err(if reasons.is_empty() { Error::NoDisplay } else { Error::Unavailable(reasons.join("; ")) })
}

/// Why one way does not lead there; the whole of them is one sentence.
#[cfg(all(unix, not(target_os = "macos")))]
fn reason(error: Error) -> String {
    let text = if let Error::Unavailable(reason) = error { reason } else { error.to_string() };
    // A number for those who read the sources of the system.
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn open(_display: &Display, _limits: &Limits) -> Result<(Arc<dyn Board>, Backend), Error> {
    Ok((Arc::new(other::System::connect()?), Backend { kind: Kind::System, reason: None }))
}
