//! What may be asked of the tray app from outside, and how it is written down on the way.

use std::path::PathBuf;

use imagepic_core::settings::shortcuts::Deed;
use serde::{Deserialize, Serialize};

/// The windows: their names are part of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// First start.
    Welcome,
    /// Drag in, see progress, copy again.
    DropZone,
    /// Uploads and buckets.
    Library,
    /// Destinations and everything else that can be set.
    Settings,
}

impl Window {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Welcome, Self::DropZone, Self::Library, Self::Settings];

    /// What `--show` takes.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::DropZone => "drop-zone",
            Self::Library => "library",
            Self::Settings => "settings",
        }
    }

    /// The window of that label.
    #[must_use]
    pub fn of(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.label() == label)
    }
}

/// What a start asks for; handed to the running imagepic where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The window to open.
    pub show: Option<Window>,
    /// What keys would do.
    pub act: Option<Deed>,
    /// Absolute paths to upload, byte for byte as they were given.
    pub files: Vec<PathBuf>,
}

impl Request {
    /// A start that asks for nothing: of a running imagepic it means "where are you?".
    #[must_use]
    pub const fn is_bare(&self) -> bool {
        self.show.is_none() && self.act.is_none() && self.files.is_empty()
    }
}

/// What `--do` takes: as the settings spell it, with the hyphens of a command line.
#[must_use]
pub const fn spoken(deed: Deed) -> &'static str {
    match deed {
        Deed::UploadClipboard => "upload-clipboard",
        Deed::ChooseFiles => "choose-files",
        Deed::DropZone => "drop-zone",
        Deed::Library => "library",
        Deed::Pause => "pause",
    }
}

/// What keys do, by its name; the settings' own spelling is understood too.
#[must_use]
pub fn deed(name: &str) -> Option<Deed> {
    Deed::ALL.into_iter().find(|deed| spoken(*deed) == name || deed.name() == name)
}

/// Before a deed's name, where a window's would stand.
#[cfg(unix)]
const DEED: &str = "do:";

/// `1`, the window, `do:` and a deed, or nothing, the files; each ended by a NUL, which no path holds.
#[cfg(unix)]
pub(crate) fn write(request: &Request) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let mut bytes = b"1\0".to_vec();
    match request.act {
        Some(deed) => bytes.extend_from_slice(format!("{DEED}{}", deed.name()).as_bytes()),
        None => bytes.extend_from_slice(request.show.map_or("", Window::label).as_bytes()),
    }
    bytes.push(0);
    for file in &request.files {
        bytes.extend_from_slice(file.as_os_str().as_bytes());
        bytes.push(0);
    }
    bytes
}

#[cfg(unix)]
pub(crate) fn read(bytes: &[u8]) -> Option<Request> {
    use std::os::unix::ffi::OsStrExt;
    let mut parts = bytes.strip_suffix(&[0])?.split(|byte| *byte == 0);
    if parts.next()? != b"1" {
        return None;
    }
    let mut act = None;
    let show = match std::str::from_utf8(parts.next()?).ok()? {
        "" => None,
        deed if deed.starts_with(DEED) => {
            act = Some(Deed::named(&deed[DEED.len()..])?);
            None
        }
        label => Some(Window::of(label)?),
    };
    let files: Vec<PathBuf> = parts.map(|part| PathBuf::from(std::ffi::OsStr::from_bytes(part))).collect();
    files.iter().all(|file| file.is_absolute()).then_some(Request { show, act, files })
}
