//! A path as JSON, byte for byte: text where it is text, as it always was, and otherwise the system's own form. A name on Unix is bytes
//! and need not be UTF-8; a file is not refused for how it is called.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    /// Bytes on Unix, in hexadecimal.
    Unix {
        unix: String,
    },
    /// UTF-16 units on Windows.
    Windows {
        windows: Vec<u16>,
    },
}

pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    let written = match path.to_str() {
        Some(text) => Written::Text(text.to_owned()),
        None => own_form(path),
    };
    written.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(match Written::deserialize(deserializer)? {
        Written::Text(text) => PathBuf::from(text),
        other => read(&other).ok_or_else(|| serde::de::Error::custom("a path of another system"))?.into(),
    })
}

#[cfg(unix)]
fn own_form(path: &Path) -> Written {
    use std::os::unix::ffi::OsStrExt as _;
    Written::Unix { unix: hex::encode(path.as_os_str().as_bytes()) }
}

#[cfg(unix)]
fn read(written: &Written) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    match written {
        Written::Unix { unix } => hex::decode(unix).ok().map(OsString::from_vec),
        _ => None,
    }
}

#[cfg(windows)]
fn own_form(path: &Path) -> Written {
    use std::os::windows::ffi::OsStrExt as _;
    Written::Windows { windows: path.as_os_str().encode_wide().collect() }
}

#[cfg(windows)]
fn read(written: &Written) -> Option<OsString> {
    use std::os::windows::ffi::OsStringExt as _;
    match written {
        Written::Windows { windows } => Some(OsString::from_wide(windows)),
        _ => None,
    }
}
