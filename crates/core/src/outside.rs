//! The outside world as the engine sees it: clipboard, secrets, clock. Passed in, so that the whole way runs without a desktop.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use imagepic_clipboard::{Clipboard, Content};
use imagepic_words::{Text, errors as words, reasons};

use crate::error::{Code, Error, Result};
use crate::home::Home;
use crate::secrets::{SealedFile, Secrets, SystemSecrets};

/// What surrounds an engine.
#[derive(Clone)]
pub struct Outside {
    /// The clipboard of this session.
    pub clipboard: Arc<dyn ClipboardPort>,
    /// Where secret keys are kept.
    pub secrets: Arc<dyn Secrets>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}

impl Outside {
    /// The system's own. Connects to nothing until something is asked.
    #[must_use]
    pub fn real(home: &Home) -> Self {
        Self {
            clipboard: Arc::new(SystemClipboard::default()),
            secrets: Arc::new(SystemSecrets::of(home)),
            clock: Arc::new(SystemClock),
        }
    }

    /// Without a desktop: no clipboard, secrets in the encrypted file.
    #[must_use]
    pub fn without_desktop(home: &Home) -> Self {
        Self { clipboard: Arc::new(NoClipboard), secrets: Arc::new(SealedFile::of(home)), clock: Arc::new(SystemClock) }
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, as the system's clock says; it may jump.
    fn now(&self) -> SystemTime;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Stands for one content of the clipboard: equal as long as nobody has copied anything since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Of a display.
    Display(imagepic_clipboard::Mark),
    /// Of a clipboard that counts for itself.
    Number(u64),
}

/// Something was copied, by others than imagepic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is there now.
    pub content: Content,
    /// Which content that is.
    pub mark: Mark,
}

/// Called for every change, on a thread of its own. [`Told::Closed`] is the last call.
pub type OnChange = Box<dyn Fn(Told) + Send>;

/// What a watch tells.
#[derive(Debug)]
pub enum Told {
    /// Something was copied.
    Changed(Change),
    /// One change could not be read.
    Unreadable(Error),
    /// The display is gone; watching anew may help.
    Closed(Error),
}

/// The clipboard, as far as the engine uses it. Every call blocks, for a bounded time but for [`wait_replaced`](Self::wait_replaced).
/// Errors are `ClipboardUnavailable`.
pub trait ClipboardPort: Send + Sync {
    /// What the clipboard holds. With `lone_only` an image beside text is [`Content::Mixed`].
    ///
    /// # Errors
    /// `ClipboardUnavailable`.
    fn read(&self, lone_only: bool) -> Result<(Content, Mark)>;

    /// The text the clipboard holds, where it holds a short one that nobody concealed.
    ///
    /// # Errors
    /// `ClipboardUnavailable`.
    fn read_text(&self) -> Result<Option<(String, Mark)>> {
        Ok(None)
    }

    /// What stands for the present content.
    ///
    /// # Errors
    /// `ClipboardUnavailable`.
    fn current_mark(&self) -> Result<Mark>;

    /// Puts text there.
    ///
    /// # Errors
    /// `ClipboardUnavailable`.
    fn write_text(&self, text: &str) -> Result<Mark>;

    /// Puts back what was read before.
    ///
    /// # Errors
    /// `ClipboardUnavailable`; also for content that is never read.
    fn restore(&self, content: &Content) -> Result<Mark>;

    /// Whether what the clipboard holds was put there through this very connection.
    fn is_own(&self) -> bool;

    /// Blocks until what was put there has been replaced by somebody.
    ///
    /// # Errors
    /// `ClipboardUnavailable`: the display is gone, and the content with it.
    fn wait_replaced(&self) -> Result<()>;

    /// Tells of changes until the guard is dropped.
    ///
    /// # Errors
    /// `ClipboardUnavailable`.
    fn watch(&self, on_change: OnChange) -> Result<Box<dyn Any + Send>>;

    /// How the clipboard is reached, for diagnostics, in English.
    ///
    /// # Errors
    /// `ClipboardUnavailable`.
    fn backend(&self) -> Result<String>;
}

fn unavailable(error: imagepic_clipboard::Error) -> Error {
    Error::new(Code::ClipboardUnavailable, words::clipboard_unavailable("").with("reason", reason(&error))).because(error)
}

/// As [`unavailable`], where something was to be put there: no file takes the place of that.
fn unwritable(error: imagepic_clipboard::Error) -> Error {
    Error::new(Code::ClipboardUnavailable, words::clipboard_unwritable("").with("reason", reason(&error))).because(error)
}

fn reason(error: &imagepic_clipboard::Error) -> Text {
    match error {
        imagepic_clipboard::Error::NoDisplay => reasons::no_display(),
        // The sentence around it says the rest.
        imagepic_clipboard::Error::Unavailable(reason) => reasons::other(reason),
        other => reasons::other(other),
    }
}

/// The session's clipboard: connected when first used, and anew after the display went away.
#[derive(Debug, Default)]
pub struct SystemClipboard {
    open: Mutex<Option<Clipboard>>,
}

impl SystemClipboard {
    fn connection(&self) -> Result<Clipboard, imagepic_clipboard::Error> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clipboard) = open.as_ref().filter(|clipboard| !clipboard.is_closed()) {
            return Ok(clipboard.clone());
        }
        let clipboard = Clipboard::connect()?;
        *open = Some(clipboard.clone());
        Ok(clipboard)
    }

    fn with<T>(&self, act: impl FnOnce(&Clipboard) -> Result<T, imagepic_clipboard::Error>) -> Result<T> {
        self.connection().and_then(|clipboard| act(&clipboard)).map_err(unavailable)
    }

    fn put(&self, act: impl FnOnce(&Clipboard) -> Result<imagepic_clipboard::Mark, imagepic_clipboard::Error>) -> Result<Mark> {
        self.connection().and_then(|clipboard| act(&clipboard)).map(Mark::Display).map_err(unwritable)
    }
}

impl ClipboardPort for SystemClipboard {
    fn read(&self, lone_only: bool) -> Result<(Content, Mark)> {
        let (content, mark) = self.with(|clipboard| clipboard.read(lone_only))?;
        Ok((content, Mark::Display(mark)))
    }

    fn read_text(&self) -> Result<Option<(String, Mark)>> {
        let text = self.with(Clipboard::read_text)?;
        Ok(text.map(|(text, mark)| (text, Mark::Display(mark))))
    }

    fn current_mark(&self) -> Result<Mark> {
        self.with(Clipboard::current_mark).map(Mark::Display)
    }

    fn write_text(&self, text: &str) -> Result<Mark> {
        self.put(|clipboard| clipboard.write_text(text))
    }

    fn restore(&self, content: &Content) -> Result<Mark> {
        self.put(|clipboard| clipboard.restore(content))
    }

    fn is_own(&self) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(Clipboard::is_own)
    }

    fn wait_replaced(&self) -> Result<()> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Nothing was put anywhere, so nothing is there to be replaced.
        open.map_or(Ok(()), |clipboard| clipboard.wait_replaced().map_err(unavailable))
    }

    fn watch(&self, on_change: OnChange) -> Result<Box<dyn Any + Send>> {
        let watch = self.with(|clipboard| {
            clipboard.watch(move |change| {
                on_change(match change {
                    Ok(change) => Told::Changed(Change { content: change.content, mark: Mark::Display(change.mark) }),
                    Err(error) if error.is_closed() => Told::Closed(unavailable(error)),
                    Err(error) => Told::Unreadable(unavailable(error)),
                });
            })
        })?;
        Ok(Box::new(watch))
    }

    fn backend(&self) -> Result<String> {
        let backend = self.connection().map_err(unavailable)?.backend().clone();
        Ok(backend.reason.map_or_else(|| backend.kind.to_string(), |reason| format!("{} ({reason})", backend.kind)))
    }
}

/// Where there is no desktop.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoClipboard;

impl NoClipboard {
    fn none<T>() -> Result<T> {
        Err(Error::new(Code::ClipboardUnavailable, words::clipboard_unavailable("").with("reason", reasons::no_display())))
    }
}

impl ClipboardPort for NoClipboard {
    fn read(&self, _lone_only: bool) -> Result<(Content, Mark)> {
        Self::none()
    }

    fn current_mark(&self) -> Result<Mark> {
        Self::none()
    }

    fn write_text(&self, _text: &str) -> Result<Mark> {
        Self::none()
    }

    fn restore(&self, _content: &Content) -> Result<Mark> {
        Self::none()
    }

    fn is_own(&self) -> bool {
        false
    }

    fn wait_replaced(&self) -> Result<()> {
        Ok(())
    }

    fn watch(&self, _on_change: OnChange) -> Result<Box<dyn Any + Send>> {
        Self::none()
    }

    fn backend(&self) -> Result<String> {
        Self::none()
    }
}
