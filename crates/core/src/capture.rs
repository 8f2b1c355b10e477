//! What every source makes: bytes or a path, where they came from, and when.

use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url::Url;

/// Something a person gave to imagepic, before anybody looked into it.
#[derive(Debug, Clone)]
pub struct Capture {
    /// The thing itself.
    pub content: Content,
    /// Which way it came.
    pub source: Source,
    /// When it came; names are made from this, in local time.
    pub at: SystemTime,
}

/// Bytes in memory, or a file that stays where it is until intake has copied or referenced it.
#[derive(Debug, Clone)]
pub enum Content {
    /// For instance the raw `image/png` of the clipboard.
    Bytes {
        /// Unchanged.
        bytes: Bytes,
        /// A file name, where the source knew one (`imagepic upload -` has none).
        name: Option<String>,
    },
    /// An absolute path; a folder stands for the images directly and deeper inside it.
    Path(PathBuf),
    /// The address of a picture: `http`, `https` or `data`. It is fetched before it is taken in.
    Url {
        /// As it was dropped, copied or written.
        url: Url,
        /// Whether it may lie on this computer or in a network around it.
        near: Near,
    },
}

/// What happens to an address that is none of the open internet: on this computer, in a network around it, or set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Near {
    /// It is refused.
    Refuse,
    /// A person is asked ([`crate::event::Event::Question`]) and nothing is sent there until the answer.
    #[default]
    Ask,
    /// Somebody has confirmed it.
    Allow,
}

pub use crate::sources::url::{address, shown as shown_address};

/// The ways in. Serialised in `snake_case` as `{source}` in names and in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Source {
    /// The clipboard watch, or "upload clipboard".
    Clipboard,
    /// A drop on a window.
    Drop,
    /// The file picker.
    Picker,
    /// The console program, or file arguments of the tray app.
    CommandLine,
    /// A watched folder.
    Folder,
    /// An address that was dropped or copied.
    Url,
}
