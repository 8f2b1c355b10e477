//! What can go wrong at the clipboard. Plain English for logs; the engine maps these to its own codes and sentences.

use std::time::Duration;

/// Everything this crate fails with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither a Wayland nor an X display is named: nothing was tried.
    #[error("no clipboard can be reached: neither WAYLAND_DISPLAY nor DISPLAY is set")]
    NoDisplay,
    /// No display, or one that lacks what is needed; the text names each way that was tried.
    #[error("no clipboard can be reached: {0}")]
    Unavailable(String),
    /// The display server went away or broke the protocol. The [`crate::Clipboard`] stays dead: connect anew.
    #[error("the connection to the clipboard was lost: {0}")]
    Closed(String),
    /// One exchange failed, in the system or at the display server; the next may succeed.
    #[error("the clipboard could not be read or written just now: {0}")]
    Transfer(String),
    /// The program that owns the clipboard stopped answering.
    #[error("the program that owns the clipboard sent nothing for {0:?} when asked for {1}; copy again, or restart that program")]
    Silent(Duration, String),
    /// The owner keeps sending, but would never be done in sensible time.
    #[error("the program that owns the clipboard took longer than {0:?} to hand over {1}")]
    TooSlow(Duration, String),
    /// More bytes than [`crate::Limits::bytes`].
    #[error("the clipboard holds more than {0} bytes of {1}, which is more than is read")]
    TooLarge(u64, String),
    /// The owner offered a type and then did not give it.
    #[error("the program that owns the clipboard offers {0} but does not hand it over")]
    Refused(String),
    /// The content was replaced over and over while it was being read.
    #[error("the clipboard changed so often that nothing could be read from it; try again")]
    Restless,
    /// Only images and files can be put back.
    #[error("this content cannot be put on the clipboard: {0}")]
    NotWritable(&'static str),
    /// The watch was dropped while it was reading.
    #[error("the clipboard watch was stopped")]
    Stopped,
}

impl Error {
    /// Whether the whole connection is gone, so that only connecting anew helps.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_) | Self::Unavailable(_) | Self::NoDisplay)
    }
}
