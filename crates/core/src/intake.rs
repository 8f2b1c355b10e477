//! Intake: from what a source gave to something that survives a power cut.
//!
//! Looks into the bytes (what they are, how many, their hash), refuses what the destination does not take, and writes what is to be
//! sent into the spool; files over 32 MB stay where they are and are only remembered. Everything here blocks and belongs on a thread
//! for blocking work. What stays out: the journal row that makes it "taken" (the engine writes it once the spool is on disk).

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use imagepic_words::{Text, errors, intake as words};
use sha2::{Digest as _, Sha256};

use crate::capture::{Capture, Content, Source};
use crate::destination::Destination;
use crate::error::{Code, Error, Result};
use crate::home::sync_dir;
use crate::journal::Reference;
use crate::prepare;

/// Files above this are taken by reference instead of copied, in bytes.
pub const COPIED_AT_MOST: u64 = 32 << 20;
/// Images up to this are read whole to cut private metadata out of them; larger ones go as they are.
const CLEANED_AT_MOST: u64 = 128 << 20;
/// Files of one folder at most, and how deep it is searched: a drop of a whole disk is a mistake.
const FOLDER_FILES: usize = 10_000;
const FOLDER_DEPTH: usize = 32;

/// One thing to take in, after folders have been opened.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) content: Content,
    pub(crate) source: Source,
    pub(crate) at: std::time::SystemTime,
    pub(crate) name: String,
    pub(crate) from: From,
}

/// What was given that a thing came of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct From {
    /// Which of the captures.
    pub(crate) capture: usize,
    /// Where below it, with `/` between, where that was a folder.
    pub(crate) within: Option<String>,
}

/// Something refused at the door.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The file's name, with the folders it lies in below the one that was given.
    pub(crate) name: String,
    pub(crate) from: From,
    pub(crate) error: Error,
}

/// What lies in the spool, ready for a row.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) spool: Option<String>,
    pub(crate) reference: Option<Reference>,
    /// The bytes to be sent, while it is cheap to keep them.
    pub(crate) body: Option<Bytes>,
    pub(crate) size: u64,
    pub(crate) kind: prepare::Kind,
    pub(crate) original: [u8; 32],
    pub(crate) prepared: [u8; 32],
}

/// Opens folders; the order is that of the captures, and of names within a folder.
pub(crate) fn expand(captures: Vec<Capture>) -> Vec<std::result::Result<Item, Refused>> {
    let mut items = Vec::with_capacity(captures.len());
    for (number, capture) in captures.into_iter().enumerate() {
        let (source, at) = (capture.source, capture.at);
        let from = |within| From { capture: number, within };
        let refused = |path: &Path, error| Refused { name: file_name(path), from: from(None), error };
        match capture.content {
            Content::Bytes { bytes, name } => {
                let name = name.map(|name| file_name(Path::new(&name))).unwrap_or_default();
                items.push(Ok(Item { content: Content::Bytes { bytes, name: None }, source, at, name, from: from(None) }));
            }
            Content::Path(path) => match fs::metadata(&path) {
                Ok(data) if data.is_dir() => {
                    let before = items.len();
                    folder(&path, 0, &mut |found| {
                        if items.len() - before == FOLDER_FILES {
                            let error = Error::new(Code::TooLarge, words::folder_full(FOLDER_FILES, path.display()));
                            items.push(Err(refused(&path, error)));
                            return false;
                        }
                        items.push(match found {
                            Ok(found) => {
                                let (name, from) = (file_name(&found), from(below(&path, &found)));
                                Ok(Item { content: Content::Path(found), source, at, name, from })
                            }
                            Err((left_out, error)) => {
                                let within = below(&path, &left_out);
                                let name = within.clone().unwrap_or_else(|| file_name(&path));
                                Err(Refused { name, from: from(within), error })
                            }
                        });
                        true
                    });
                    if items.len() == before {
                        let error = Error::new(Code::Empty, errors::empty_folder(path.display()));
                        items.push(Err(refused(&path, error)));
                    }
                }
                Ok(data) if data.is_file() => {
                    let name = file_name(&path);
                    items.push(Ok(Item { content: Content::Path(path), source, at, name, from: from(None) }));
                }
                Ok(_) => {
                    let error = Error::new(Code::BadRequest, errors::not_a_file(path.display()));
                    items.push(Err(refused(&path, error)));
                }
                Err(error) => items.push(Err(refused(&path, unreadable(&path, &error)))),
            },
        }
    }
    items
}

/// Where `path` lies below `folder`; `None` for the folder itself.
fn below(folder: &Path, path: &Path) -> Option<String> {
    let within = path.strip_prefix(folder).ok()?;
    let parts: Vec<_> = within.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Files of a folder: those directly in it first, then those deeper; no hidden ones, no symbolic links. A folder that is left out is
/// given with the reason.
fn folder(path: &Path, depth: usize, give: &mut impl FnMut(std::result::Result<PathBuf, (PathBuf, Error)>) -> bool) -> bool {
    let left_out = |error| Err((path.to_owned(), error));
    if depth > FOLDER_DEPTH {
        return give(left_out(Error::new(Code::TooLarge, words::folder_deep(path.display(), FOLDER_DEPTH))));
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return give(left_out(unreadable(path, &error))),
    };
    let mut entries: Vec<_> = entries.flatten().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut deeper = Vec::new();
    for entry in entries {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            deeper.push(entry.path());
        } else if kind.is_file() && !give(Ok(entry.path())) {
            return false;
        }
    }
    deeper.into_iter().all(|path| folder(&path, depth + 1, give))
}

/// Where bytes go that are to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct To<'a> {
    pub(crate) spool: &'a Path,
    /// This process, as rows name it.
    pub(crate) owner: &'a str,
    /// They may stay in memory, if there is room: whoever asks for that sees to it that they go to the spool in time.
    pub(crate) memory: bool,
}

/// Takes one thing: sniffed, checked, hashed, prepared, and in the spool with its bytes on disk, or in memory. The folder entry is
/// made durable by [`sync_dir`] afterwards, once for all that come together.
///
/// # Errors
/// Whatever the refusal is; nothing is left behind then.
pub(crate) fn take(item: &Item, destination: &Destination, place: &str, to: To<'_>) -> Result<Taken> {
    let shown = match item.source {
        _ if !item.name.is_empty() => item.name.as_str(),
        Source::CommandLine => "stdin",
        _ => "clipboard",
    };
    match &item.content {
        Content::Bytes { bytes, .. } => take_bytes(bytes.clone(), shown, destination, place, to),
        Content::Path(path) => {
            let file = File::open(path).map_err(|error| unreadable(path, &error))?;
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

fn take_bytes(bytes: Bytes, name: &str, destination: &Destination, place: &str, to: To<'_>) -> Result<Taken> {
    if bytes.is_empty() {
        return Err(Error::new(Code::Empty, errors::empty_file(name)));
    }
    let kind = prepare::kind(&bytes, name);
    admit(&kind, name, bytes.len() as u64, destination, place)?;
    let original: [u8; 32] = Sha256::digest(&bytes).into();
    let cleaned = if destination.images.strip_metadata { prepare::without_metadata(&bytes, &kind) } else { None };
    let (body, prepared) = match cleaned {
        Some(cleaned) => {
            let prepared = Sha256::digest(&cleaned).into();
            (cleaned, prepared)
        }
        None => (bytes, original),
    };
    let size = body.len() as u64;
    let kept = crate::memory::keep(body.clone());
    let spooled = if to.memory && kept.is_some() {
        None
    } else {
        Some(write(&body, to.spool, to.owner, true).map_err(|error| refusal(name, to.spool, error))?)
    };
    Ok(Taken { spool: spooled, reference: None, body: kept, size, kind, original, prepared })
}

fn take_large(
    mut file: File,
    path: &Path,
    data: &fs::Metadata,
    name: &str,
    destination: &Destination,
    place: &str,
    To { spool, owner, .. }: To<'_>,
) -> Result<Taken> {
    let lost = |error: io::Error| unreadable(path, &error);
    let kind = prepare::kind_of_file(&mut file, name).map_err(lost)?;
    admit(&kind, name, data.len(), destination, place)?;
    if data.len() <= CLEANED_AT_MOST && destination.images.strip_metadata && prepare::may_hold_metadata(&kind) {
        let bytes = read_whole(&File::open(path).map_err(lost)?, path, data)?;
        if let Some(cleaned) = prepare::without_metadata(&bytes, &kind) {
            let original = Sha256::digest(&bytes).into();
            let prepared = Sha256::digest(&cleaned).into();
            let size = cleaned.len() as u64;
            let spooled = write(&cleaned, spool, owner, true).map_err(|error| refusal(name, spool, error))?;
            return Ok(Taken { spool: Some(spooled), reference: None, body: None, size, kind, original, prepared });
        }
    }
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
    Ok(Taken { spool: None, size: reference.size, reference: Some(reference), body: None, kind, original: hash, prepared: hash })
}

/// Whether the destination takes it.
fn admit(kind: &prepare::Kind, name: &str, size: u64, destination: &Destination, place: &str) -> Result<()> {
    if !kind.image && !destination.any_file {
        return Err(Error::new(Code::NotAnImage, errors::not_an_image(name, place)));
    }
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

/// Names in the spool begin with the process that made them, so that what nobody knows can be swept once that process is gone.
fn spool_name(owner: &str) -> String {
    format!("{owner}_{}", uuid::Uuid::new_v4().simple())
}

fn write(bytes: &[u8], spool: &Path, owner: &str, lasting: bool) -> io::Result<String> {
    let name = spool_name(owner);
    let temporary = spool.join(format!("{name}.part"));
    let written = || -> io::Result<()> {
        let mut file = create(&temporary)?;
        file.write_all(bytes)?;
        if lasting {
            file.sync_data()?;
        }
        fs::rename(&temporary, spool.join(&name))
    };
    written().inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    Ok(name)
}

/// Writes bytes to the spool; `lasting`: they outlive a power cut (their name does after [`seal`]).
///
/// # Errors
/// `DiskFull` and the like.
pub(crate) fn spool(name: &str, bytes: &[u8], spool: &Path, owner: &str, lasting: bool) -> Result<String> {
    let shown = if name.is_empty() { "clipboard" } else { name };
    write(bytes, spool, owner, lasting).map_err(|error| refusal(shown, spool, error))
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

fn create(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(target_os = "linux")]
fn clone(file: &File, spool: &Path, owner: &str) -> Option<String> {
    let name = spool_name(owner);
    let path = spool.join(&name);
    let copy = create(&path).ok()?;
    let cloned = rustix::fs::ioctl_ficlone(&copy, file).is_ok() && copy.sync_all().is_ok();
    if cloned {
        return Some(name);
    }
    drop(fs::remove_file(&path));
    None
}

#[cfg(not(target_os = "linux"))]
fn clone(_: &File, _: &Path, _: &str) -> Option<String> {
    None
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

/// Files whose process is gone: those of them that no row names afterwards are nobody's.
pub(crate) fn orphans(spool: &Path, alive: impl Fn(&str) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(spool) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.split_once('_').is_some_and(|(owner, _)| !alive(owner))).collect()
}

/// Removes what nobody needs: [`orphans`] that no row names. The rows must have been read after the orphans.
pub(crate) fn sweep(spool: &Path, orphans: Vec<String>, named: &std::collections::HashSet<String>) {
    for name in orphans.into_iter().filter(|name| !named.contains(name)) {
        tracing::info!(name, "sweeps a spool file that was never taken");
        drop(fs::remove_file(spool.join(name)));
    }
}

/// Makes the names of new spool files durable.
pub(crate) fn seal(spool: &Path) {
    sync_dir(spool);
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Error {
    let code = if error.kind() == io::ErrorKind::NotFound { Code::FileMissing } else { Code::FileUnreadable };
    let text = match code {
        Code::FileMissing => errors::file_missing(path.display()),
        _ => errors::file_unreadable(path.display(), plain(error)),
    };
    Error::new(code, text).because(error.to_string())
}

fn refusal(name: &str, spool: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::new(Code::DiskFull, errors::disk_full_refused(name)).because(error)
        }
        _ => crate::home::unwritable(spool, error),
    }
}

/// The system's words without "(os error 13)".
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
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
    fn a_spool_file_of_a_dead_process_that_no_row_names_is_swept_and_no_other() {
        let spool = tempfile::tempdir().expect("a folder");
        for name in ["1_a", "1_b", "1_c.part", "2_d", "stranger"] {
            fs::write(spool.path().join(name), b"x").expect("a file");
        }
        let orphans = orphans(spool.path(), |owner| owner == "2");
        // Taken by a process that had begun and ended while the journal was read.
        fs::write(spool.path().join("3_e"), b"x").expect("a file");
        sweep(spool.path(), orphans, &["1_a".to_owned()].into());
        let mut left: Vec<_> = fs::read_dir(spool.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, ["1_a", "2_d", "3_e", "stranger"]);
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

    #[test]
    fn what_a_folder_is_too_deep_or_too_full_for_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let given = |path: &Path| {
            let content = Content::Path(path.to_owned());
            expand(vec![Capture { content, source: Source::Drop, at: std::time::SystemTime::now() }])
        };
        let mut deep = dir.path().join("deep");
        for depth in 0..=FOLDER_DEPTH {
            deep.push(depth.to_string());
        }
        fs::create_dir_all(&deep).expect("made");
        fs::write(deep.join("lost.png"), b"x").expect("written");
        fs::write(dir.path().join("deep/kept.png"), b"x").expect("written");
        let found = given(&dir.path().join("deep"));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].as_ref().expect("taken").name, "kept.png");
        let way: Vec<String> = (0..=FOLDER_DEPTH).map(|depth| depth.to_string()).collect();
        assert_eq!(found[1].as_ref().expect_err("left out").name, way.join("/"), "named by where it lies");

        let full = dir.path().join("full");
        fs::create_dir(&full).expect("made");
        for number in 0..=FOLDER_FILES {
            fs::write(full.join(number.to_string()), b"").expect("written");
        }
        let found = given(&full);
        assert_eq!(found.len(), FOLDER_FILES + 1);
        assert_eq!(found[FOLDER_FILES].as_ref().expect_err("left out").name, "full");
        fs::remove_file(full.join("0")).expect("removed");
        assert!(given(&full).iter().all(std::result::Result::is_ok), "what fits is no reason for words");
    }
}
