//! Intake: from what a source gave to something that survives a power cut.
//!
//! Looks into the bytes (what they are, how many, their hash), refuses what the destination does not take, and writes what is to be
//! sent into the spool; files over 32 MB stay where they are and are only remembered. Everything here blocks and belongs on a thread
//! for blocking work. What stays out: the journal row that makes it "taken" (the engine writes it once the spool is on disk).

mod folder;
mod spool;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use imagepic_words::{Text, errors, intake as words};
use sha2::{Digest as _, Sha256};

pub(crate) use folder::{From, Item, Refused, expand};
use spool::{clone, refusal, write};
pub(crate) use spool::{orphans, seal, spool, sweep};

use crate::capture::{Content, Source};
use crate::destination::Destination;
use crate::error::{Code, Error, Result};
use crate::journal::Reference;
use crate::prepare;

/// Files above this are taken by reference instead of copied, in bytes.
pub const COPIED_AT_MOST: u64 = 32 << 20;
/// Images up to this are read whole to cut private metadata out of them; larger ones go as they are.
const CLEANED_AT_MOST: u64 = 128 << 20;

/// What lies in the spool, ready for a row.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) spool: Option<String>,
    pub(crate) reference: Option<Reference>,
    /// The bytes to be sent, while it is cheap to keep them.
    pub(crate) body: Option<Bytes>,
    pub(crate) size: u64,
    pub(crate) kind: prepare::Kind,
    pub(crate) made: Option<prepare::Made>,
    /// A small picture (PNG) of what nobody here can decode again.
    pub(crate) small: Option<Vec<u8>>,
    pub(crate) original: [u8; 32],
    pub(crate) prepared: [u8; 32],
}

/// Where bytes go that are to be sent.
#[derive(Clone, Copy)]
pub(crate) struct To<'a> {
    pub(crate) spool: &'a Path,
    /// This process, as rows name it.
    pub(crate) owner: &'a str,
    /// They may stay in memory, if there is room: whoever asks for that sees to it that they go to the spool in time.
    pub(crate) memory: bool,
    /// Who waits for them.
    pub(crate) watch: &'a dyn prepare::Watched,
}

/// Takes one thing: sniffed, checked, hashed, prepared, and in the spool with its bytes on disk, or in memory. The folder entry is
/// made durable by [`seal`] afterwards, once for all that come together.
///
/// # Errors
/// Whatever the refusal is; nothing is left behind then.
pub(crate) fn take(item: &Item, destination: &Destination, place: &str, to: To<'_>) -> Result<Taken> {
    let shown = called(item);
    match &item.content {
        Content::Bytes { bytes, .. } => take_bytes(bytes.clone(), shown, destination, place, to),
        Content::Url { url, .. } => {
            Err(Error::new(Code::BadRequest, imagepic_words::sources::address_bad(crate::sources::url::shown(url))))
        }
        Content::Path(path) => {
            let opened = if item.source == Source::Folder { crate::sources::folder::open(path) } else { File::open(path) };
            let file = opened.map_err(|error| unreadable(path, &error))?;
            let data = file.metadata().map_err(|error| unreadable(path, &error))?;
            if !data.is_file() {
                return Err(Error::new(Code::BadRequest, errors::not_a_file(path.display())));
            }
            if data.len() <= COPIED_AT_MOST {
                let bytes = read_whole(&file, path, &data)?;
                let mut taken = take_bytes(bytes, shown, destination, place, to)?;
                if taken.spool.is_none() {
                    // Should this process end before they are in the spool, most likely they are still there.
                    taken.reference = Some(reference(path, &data));
                }
                return Ok(taken);
            }
            take_large(file, path, &data, shown, destination, place, to)
        }
    }
}

/// What people know it by.
pub(crate) fn called(item: &Item) -> &str {
    match item.source {
        _ if !item.name.is_empty() => item.name.as_str(),
        Source::CommandLine => "stdin",
        _ => "clipboard",
    }
}

fn take_bytes(bytes: Bytes, name: &str, destination: &Destination, place: &str, to: To<'_>) -> Result<Taken> {
    if bytes.is_empty() {
        return Err(Error::new(Code::Empty, errors::empty_file(name)));
    }
    let kind = prepare::kind(&bytes, name);
    admit(&kind, name, destination, place)?;
    let original: [u8; 32] = Sha256::digest(&bytes).into();
    let damaged = imagepic_media::breaks_off(&bytes);
    let prepared = named(prepare::apply(bytes, kind, &destination.images, name, to.watch)?, damaged);
    fits(name, prepared.body.len() as u64, destination, place)?;
    keep(prepared, original, name, to)
}

/// Notes that a picture goes damaged: it is what somebody gave, and they may not know.
fn named(mut prepared: prepare::Prepared, damaged: bool) -> prepare::Prepared {
    // What was made anew of it is whole, whatever is missing in it, and its maker refused what cannot be read.
    if damaged && !prepared.made_anew {
        let made = prepared.made.get_or_insert_default();
        made.damaged = true;
        made.notices.push(words::breaks_off());
    }
    prepared
}

/// Puts prepared bytes where they are sent from.
fn keep(prepared: prepare::Prepared, original: [u8; 32], name: &str, to: To<'_>) -> Result<Taken> {
    let prepare::Prepared { body, kind, changed, made_anew, small, made } = prepared;
    let prepared = if changed { Sha256::digest(&body).into() } else { original };
    let size = body.len() as u64;
    let kept = crate::memory::keep(body.clone());
    // What took long to make is not made again after a crash.
    let spooled = if to.memory && kept.is_some() && !made_anew {
        None
    } else {
        Some(write(&body, to.spool, to.owner, true).map_err(|error| refusal(name, to.spool, error))?)
    };
    Ok(Taken { spool: spooled, reference: None, body: kept, size, kind, made, small, original, prepared })
}

fn take_large(
    mut file: File,
    path: &Path,
    data: &fs::Metadata,
    name: &str,
    destination: &Destination,
    place: &str,
    to: To<'_>,
) -> Result<Taken> {
    let lost = |error: io::Error| unreadable(path, &error);
    let To { spool, owner, .. } = to;
    let kind = prepare::kind_of_file(&mut file, name).map_err(lost)?;
    admit(&kind, name, destination, place)?;
    let cleans = destination.images.strip_metadata && prepare::may_hold_metadata(&kind);
    let converts = kind.image && prepare::converts(&destination.images);
    let mut made = prepare::too_large(&kind, data.len(), &destination.images);
    if data.len() <= CLEANED_AT_MOST && (cleans || converts) {
        let bytes = read_whole(&File::open(path).map_err(lost)?, path, data)?;
        let given = bytes.clone();
        let damaged = imagepic_media::breaks_off(&bytes);
        let prepared = named(prepare::apply(bytes, kind.clone(), &destination.images, name, to.watch)?, damaged);
        if prepared.changed {
            fits(name, prepared.body.len() as u64, destination, place)?;
            let original = Sha256::digest(&given).into();
            drop(given);
            return keep(prepared, original, name, To { memory: false, ..to });
        }
        made = prepared.made;
    }
    fits(name, data.len(), destination, place)?;
    // A reflink costs nothing and shields against later changes; where the file system has none, the file itself is remembered.
    if let Some(spooled) = clone(&file, spool, owner) {
        let copy = spool.join(&spooled);
        let hash = hash_file(&copy).map_err(|error| unreadable(&copy, &error));
        match hash {
            Ok((hash, size)) if size == data.len() && is_as_it_was(&file, path, data) => {
                return Ok(Taken {
                    spool: Some(spooled),
                    reference: None,
                    body: None,
                    size,
                    kind,
                    made,
                    small: None,
                    original: hash,
                    prepared: hash,
                });
            }
            _ => drop(fs::remove_file(&copy)),
        }
        if !is_as_it_was(&file, path, data) {
            return Err(being_written(path));
        }
    }
    let reference = reference(path, data);
    let (hash, _) = hash_file(path).map_err(lost)?;
    // A file that grew under our hands is not the one whose hash we have.
    check_reference(&reference)?;
    Ok(Taken {
        spool: None,
        size: reference.size,
        reference: Some(reference),
        body: None,
        kind,
        made,
        small: None,
        original: hash,
        prepared: hash,
    })
}

/// Whether the destination takes such a thing.
fn admit(kind: &prepare::Kind, name: &str, destination: &Destination, place: &str) -> Result<()> {
    if !kind.image && !destination.any_file {
        return Err(Error::new(Code::NotAnImage, errors::not_an_image(name, place)));
    }
    Ok(())
}

/// Whether the destination takes so many bytes, as they are sent.
fn fits(name: &str, size: u64, destination: &Destination, place: &str) -> Result<()> {
    match destination.max_bytes.filter(|limit| size > *limit) {
        Some(limit) => Err(Error::new(Code::TooLarge, errors::too_large(name, bytes(size), place, bytes(limit)))),
        None => Ok(()),
    }
}

/// Reads a file that had `before` when it was opened. Half a picture is none: what changes meanwhile is refused.
fn read_whole(file: &File, path: &Path, before: &fs::Metadata) -> Result<Bytes> {
    let size = before.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    // A file that grows while it is read may not fill the memory.
    file.take(size + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 != size || !is_as_it_was(file, path, before) {
        return Err(being_written(path));
    }
    Ok(bytes.into())
}

fn is_as_it_was(file: &File, path: &Path, before: &fs::Metadata) -> bool {
    file.metadata().is_ok_and(|now| reference(path, &now) == reference(path, before))
}

fn being_written(path: &Path) -> Error {
    Error::new(Code::FileChanged, words::being_written(path.display()))
}

fn hash_file(path: &Path) -> io::Result<([u8; 32], u64)> {
    let mut digest = Sha256::new();
    let size = io::copy(&mut File::open(path)?, &mut digest)?;
    Ok((digest.finalize().into(), size))
}

/// The bytes of a file that was taken and cleaned, from where it lies.
///
/// # Errors
/// `FileMissing`, `FileChanged`.
pub(crate) fn clean_again(taken: &Reference, prepared: [u8; 32]) -> Result<Bytes> {
    let bytes = Bytes::from(fs::read(&taken.path).map_err(|error| unreadable(&taken.path, &error))?);
    let cleaned = prepare::without_metadata(&bytes, &prepare::kind(&bytes, "")).unwrap_or(bytes);
    let same = <[u8; 32]>::from(Sha256::digest(&cleaned)) == prepared;
    if same { Ok(cleaned) } else { Err(Error::new(Code::FileChanged, errors::file_changed(taken.path.display()))) }
}

fn reference(path: &Path, data: &fs::Metadata) -> Reference {
    #[cfg(unix)]
    let (device, inode) = {
        use std::os::unix::fs::MetadataExt as _;
        (data.dev(), data.ino())
    };
    #[cfg(not(unix))]
    let (device, inode) = (0, 0);
    let modified = data.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_nanos());
    Reference { path: path.to_owned(), device, inode, size: data.len(), modified: u64::try_from(modified).unwrap_or_default() }
}

/// Whether a file taken by reference is still the one that was taken.
///
/// # Errors
/// `FileMissing`, `FileChanged`.
pub(crate) fn check_reference(taken: &Reference) -> Result<()> {
    let data = fs::metadata(&taken.path).map_err(|error| unreadable(&taken.path, &error))?;
    if reference(&taken.path, &data) != *taken {
        return Err(Error::new(Code::FileChanged, errors::file_changed(taken.path.display())));
    }
    Ok(())
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Error {
    let code = if error.kind() == io::ErrorKind::NotFound { Code::FileMissing } else { Code::FileUnreadable };
    let text = match code {
        Code::FileMissing => errors::file_missing(path.display()),
        _ => errors::file_unreadable(path.display(), "").with("reason", imagepic_words::reason(error)),
    };
    Error::new(code, text).because(error.to_string())
}

/// Bytes as people read them: `0.9 MB`, in powers of ten.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    for (unit, size) in UNITS {
        if count >= size {
            let tenths = count / (size / 10);
            return if tenths.is_multiple_of(10) {
                format!("{} {unit}", tenths / 10)
            } else {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            };
        }
    }
    format!("{count} B")
}

/// A refusal as events tell it.
pub(crate) fn told(refused: &Refused, lang: imagepic_words::Lang) -> crate::event::Refusal {
    let text: &Text = &refused.error.text;
    crate::event::Refusal { name: refused.name.clone(), code: refused.error.code, message: text.to(lang) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        let told = [0, 999, 83_000, 1_500_000, 2_000_000, 3_210_000_000].map(bytes);
        assert_eq!(told, ["0 B", "999 B", "83 kB", "1.5 MB", "2 MB", "3.2 GB"]);
    }

    #[test]
    fn half_a_picture_is_refused_while_somebody_still_writes_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.png");
        fs::write(&path, b"the first half").expect("written");
        let file = File::open(&path).expect("there");
        let before = file.metadata().expect("read");
        assert_eq!(read_whole(&file, &path, &before).expect("whole"), "the first half");
        for now in [&b"the first half, and the other"[..], b"the"] {
            fs::write(&path, now).expect("written");
            let error = read_whole(&File::open(&path).expect("there"), &path, &before).expect_err("cut");
            assert_eq!(error.code, Code::FileChanged);
        }
    }
}
