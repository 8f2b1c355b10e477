//! What a watched folder may be, which of its files count, and when one of them is complete. Looks at the file system and changes
//! nothing; when it is asked is the engine's business.

use std::fs::{self, File, Metadata};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use imagepic_words::sources as words;

use crate::error::{Code, Error, Result};
use crate::home::Home;

/// How deep a folder is searched, and how many files of one look count: more is no place where pictures appear one by one.
const DEPTH: usize = 32;
pub(crate) const FILES: usize = 20_000;
/// Bytes at the end of a file among which its format's last ones must be; programs add a little behind them.
const TAIL: u64 = 4096;

/// Ends of names that programs give to what they have not finished yet.
const UNFINISHED: [&str; 14] = [
    "part",
    "partial",
    "crdownload",
    "download",
    "opdownload",
    "tmp",
    "temp",
    "filepart",
    "aria2",
    "!ut",
    "bc!",
    "swp",
    "lock",
    "kate-swp",
];

/// What tells one file from the next: see [`super::seen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// In nanoseconds since 1970.
    pub(crate) modified: i64,
    pub(crate) size: u64,
}

impl Stamp {
    /// As a database holds them, which knows no larger numbers.
    pub(crate) const fn columns(self) -> [i64; 4] {
        [self.device.cast_signed(), self.inode.cast_signed(), self.modified, self.size.cast_signed()]
    }
}

/// A file as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) stamp: Stamp,
    /// When it was put where it is, or changed, whichever is later.
    pub(crate) arrived: SystemTime,
    /// Names it has.
    pub(crate) links: u64,
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As its format ends.
    Whole,
    /// Its format does not say.
    Unknown,
    /// Something is still missing.
    Missing,
}

/// The folder as it is to be watched: there, a folder and no link, not one that feeds itself, and not the person's home.
///
/// # Errors
/// `FileMissing`, `FileUnreadable`, `BadRequest`.
pub(crate) fn admitted(home: &Home, path: &Path, recursive: bool) -> Result<PathBuf> {
    admitted_to(std::env::home_dir().as_deref(), home, path, recursive)
}

/// As [`admitted`], where `person` is the home of whoever watches.
fn admitted_to(person: Option<&Path>, home: &Home, path: &Path, recursive: bool) -> Result<PathBuf> {
    let refused = |text| Error::new(Code::BadRequest, text);
    let data = fs::symlink_metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            Error::new(Code::FileMissing, words::folder_missing(path.display()))
        }
        _ => unreadable(path, &error),
    })?;
    if data.is_symlink() {
        return Err(refused(words::folder_is_link(path.display())));
    }
    if !data.is_dir() {
        return Err(refused(words::folder_is_file(path.display())));
    }
    let real = fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
    // Programs of every kind put images there that nobody means to publish.
    let person =
        person.filter(|person| person.is_absolute()).map(|person| fs::canonicalize(person).unwrap_or_else(|_| person.into()));
    if real.parent().is_none() || person.is_some_and(|person| person.starts_with(&real)) {
        return Err(refused(words::folder_is_everything(path.display())));
    }
    for own in [home.data(), home.settings_dir()] {
        let own = fs::canonicalize(own).unwrap_or_else(|_| own.to_owned());
        if real.starts_with(&own) || (recursive && own.starts_with(&real)) {
            return Err(refused(words::folder_is_home(path.display(), own.display())));
        }
    }
    // Whoever may not list it hears of its files and cannot read them.
    fs::read_dir(&real).map_err(|error| unreadable(path, &error))?;
    Ok(real)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let text = words::folder_unreadable(path.display(), "").with("reason", imagepic_words::reason(error));
    Error::new(Code::FileUnreadable, text).because(error.to_string())
}

/// As [`admitted`], of a folder that is to be watched from now on: one that is not there is a mistake then.
///
/// # Errors
/// As there.
pub(crate) fn admitted_new(home: &Home, path: &Path, recursive: bool) -> Result<PathBuf> {
    admitted(home, path, recursive).map_err(|error| match error.code {
        Code::FileMissing => Error::new(Code::FileMissing, words::folder_none(path.display())),
        _ => error,
    })
}

/// Whether a path below `root` counts by its name: deep enough, not hidden, not a program's unfinished file.
pub(crate) fn counts(root: &Path, path: &Path, recursive: bool) -> bool {
    let Ok(within) = path.strip_prefix(root) else { return false };
    let mut parts = 0;
    for part in within.components() {
        let Component::Normal(name) = part else { return false };
        if name.as_encoded_bytes().starts_with(b".") {
            return false;
        }
        parts += 1;
    }
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let unfinished = name.ends_with('~')
        || name.starts_with("~$")
        || (name.starts_with('#') && name.ends_with('#'))
        || name.rsplit_once('.').is_some_and(|(_, end)| UNFINISHED.contains(&end));
    (1..=if recursive { DEPTH } else { 1 }).contains(&parts) && !unfinished
}

/// A regular file with something in it, reached through no link; `None` for everything else.
pub(crate) fn look(path: &Path) -> Option<Look> {
    let data = fs::symlink_metadata(path).ok().filter(|data| data.is_file() && data.len() > 0)?;
    let parent = path.parent()?;
    (fs::canonicalize(parent).ok()? == parent).then(|| of(&data))
}

#[cfg(unix)]
fn of(data: &Metadata) -> Look {
    use std::os::unix::fs::MetadataExt as _;
    let at = |seconds: i64, nanoseconds: i64| {
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let base = if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
        base.unwrap_or(UNIX_EPOCH) + Duration::from_nanos(nanoseconds.unsigned_abs())
    };
    Look {
        stamp: Stamp {
            device: data.dev(),
            inode: data.ino(),
            modified: data.mtime().saturating_mul(1_000_000_000).saturating_add(data.mtime_nsec()),
            size: data.len(),
        },
        // The system sets it when a file is written, linked or moved, and no program can set it back.
        arrived: at(data.ctime(), data.ctime_nsec()),
        links: data.nlink(),
    }
}

#[cfg(not(unix))]
fn of(data: &Metadata) -> Look {
    let modified = data.modified().unwrap_or(UNIX_EPOCH);
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Look {
        stamp: Stamp { device: 0, inode: 0, modified: i64::try_from(since.as_nanos()).unwrap_or(i64::MAX), size: data.len() },
        arrived: data.created().unwrap_or(modified).max(modified),
        links: 1,
    }
}

/// What one look at a folder found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) paths: Vec<PathBuf>,
    /// There are more, which were not looked at.
    pub(crate) more: bool,
}

/// The files below a folder that count by their names, those directly in it first, and not more than [`FILES`]. Links are not followed.
pub(crate) fn files(root: &Path, from: &Path, recursive: bool) -> Files {
    up_to(FILES, root, from, recursive)
}

fn up_to(most: usize, root: &Path, from: &Path, recursive: bool) -> Files {
    let mut found = Files::default();
    let mut folders = vec![from.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            if !counts(root, &path, recursive) {
                continue;
            }
            if kind.is_dir() && recursive {
                folders.push(path);
            } else if kind.is_file() {
                if found.paths.len() == most {
                    found.more = true;
                    return found;
                }
                found.paths.push(path);
            }
        }
    }
    found
}

/// Opens a file, but no link to one, so that nobody can exchange it for something else in between.
///
/// # Errors
/// The system's.
pub(crate) fn open(path: &Path) -> std::io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

/// How a file ends, where nothing but its bytes says whether its writer is done.
pub(crate) fn end(path: &Path) -> End {
    let read = || -> std::io::Result<(Vec<u8>, Vec<u8>, u64)> {
        let mut file = open(path)?;
        let length = file.metadata()?.len();
        let mut head = Vec::new();
        file.by_ref().take(32).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut tail = Vec::new();
        file.take(TAIL).read_to_end(&mut tail)?;
        Ok((head, tail, length))
    };
    let Ok((head, tail, length)) = read() else { return End::Missing };
    let ends = |last: &[u8]| tail.windows(last.len()).any(|part| part == last);
    let sure = |whole: bool| if whole { End::Whole } else { End::Missing };
    match head.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => sure(ends(b"IEND\xae\x42\x60\x82")),
        [b'G', b'I', b'F', b'8', ..] => sure(tail.contains(&0x3b)),
        [b'R', b'I', b'F', b'F', a, b, c, d, ..] => sure(u64::from(u32::from_le_bytes([*a, *b, *c, *d])) + 8 <= length),
        // Phones hang a film behind the picture.
        [0xff, 0xd8, 0xff, ..] if ends(b"\xff\xd9") => End::Whole,
        _ if ends(b"</svg>") => End::Whole,
        _ => End::Unknown,
    }
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
