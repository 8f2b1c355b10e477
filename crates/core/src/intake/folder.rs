//! What was given, one thing at a time: folders are opened, and whatever is left out of them is named.

use std::path::{Path, PathBuf};
use std::{fs, io};

use imagepic_words::{errors, intake as words};

use super::unreadable;
use crate::capture::{Capture, Content, Source};
use crate::error::{Code, Error};
use crate::home::Home;

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

/// Opens folders; the order is that of the captures, and of names within a folder. Folders of the `home` are left out: what lies in its
/// bucket would be uploaded there once more each time.
pub(crate) fn expand(captures: Vec<Capture>, home: &Home) -> Vec<std::result::Result<Item, Refused>> {
    let mut items = Vec::with_capacity(captures.len());
    let own = home.own();
    for (number, capture) in captures.into_iter().enumerate() {
        let (source, at) = (capture.source, capture.at);
        let from = |within| From { capture: number, within };
        let refused = |path: &Path, error| Refused { name: file_name(path), from: from(None), error };
        match capture.content {
            Content::Bytes { bytes, name } => {
                let name = name.map(|name| file_name(Path::new(&name))).unwrap_or_default();
                items.push(Ok(Item { content: Content::Bytes { bytes, name: None }, source, at, name, from: from(None) }));
            }
            // The engine fetches it.
            Content::Url { url, near } => {
                let name = crate::sources::url::shown(&url);
                items.push(Ok(Item { content: Content::Url { url, near }, source, at, name, from: from(None) }));
            }
            Content::Path(path) => match entry(&path, source) {
                Ok(data) if data.is_dir() => {
                    let before = items.len();
                    // No link is followed below it.
                    let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
                    let own = Own { all: &own, given: &path, real: &real };
                    folder(&path, 0, &own, &mut |found| {
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

/// What lies at a path. Out of a watched folder nothing is reached through a link, though it were made a moment ago.
fn entry(path: &Path, source: Source) -> io::Result<fs::Metadata> {
    if source == Source::Folder { fs::symlink_metadata(path) } else { fs::metadata(path) }
}

/// Where `path` lies below `folder`; `None` for the folder itself.
fn below(folder: &Path, path: &Path) -> Option<String> {
    let within = path.strip_prefix(folder).ok()?;
    let parts: Vec<_> = within.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// What is never opened.
struct Own<'a> {
    all: &'a [PathBuf],
    given: &'a Path,
    /// The given folder without links.
    real: &'a Path,
}

impl Own<'_> {
    fn holds(&self, path: &Path) -> bool {
        let real = path.strip_prefix(self.given).map_or_else(|_| path.to_owned(), |within| self.real.join(within));
        self.all.iter().any(|own| real.starts_with(own))
    }
}

/// Files of a folder: those directly in it first, then those deeper; no hidden ones, no symbolic links. A folder that is left out is
/// given with the reason.
fn folder(
    path: &Path,
    depth: usize,
    own: &Own<'_>,
    give: &mut impl FnMut(std::result::Result<PathBuf, (PathBuf, Error)>) -> bool,
) -> bool {
    let left_out = |error| Err((path.to_owned(), error));
    if own.holds(path) {
        return give(left_out(Error::new(Code::BadRequest, words::folder_own(path.display()))));
    }
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
    deeper.into_iter().all(|path| folder(&path, depth + 1, own, give))
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_is_too_deep_or_too_full_for_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let given = |path: &Path| {
            let content = Content::Path(path.to_owned());
            let capture = Capture { content, source: Source::Drop, at: std::time::SystemTime::now() };
            expand(vec![capture], &Home::at("/nowhere/home"))
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
    #[cfg(unix)]
    #[test]
    fn the_home_itself_is_left_out_however_it_is_reached_and_said_to_be() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::at(dir.path().join("pictures/home"));
        fs::create_dir_all(home.bucket()).expect("made");
        fs::write(home.bucket().join("blob.png"), b"x").expect("written");
        fs::write(dir.path().join("pictures/a.png"), b"x").expect("written");
        fs::create_dir(dir.path().join("pictures/home-made")).expect("made");
        fs::write(dir.path().join("pictures/home-made/b.png"), b"x").expect("written");
        std::os::unix::fs::symlink("pictures", dir.path().join("another-way")).expect("linked");
        let given = |path: &str| {
            let content = Content::Path(dir.path().join(path));
            let capture = Capture { content, source: Source::Drop, at: std::time::SystemTime::now() };
            expand(vec![capture], &home).into_iter().map(|found| found.map(|item| item.name).map_err(|refused| refused.name))
        };
        for above in ["pictures", "another-way", "pictures/home-made/.."] {
            let found: Vec<_> = given(above).collect();
            assert_eq!(found, [Ok("a.png".to_owned()), Err("home".to_owned()), Ok("b.png".to_owned())], "{above}");
        }
        for (within, called) in [("pictures/home", "home"), ("another-way/home/bucket", "bucket")] {
            assert_eq!(given(within).collect::<Vec<_>>(), [Err(called.to_owned())]);
        }
        // Who names a file means it.
        assert_eq!(given("pictures/home/bucket/blob.png").collect::<Vec<_>>(), [Ok("blob.png".to_owned())]);
    }
}
