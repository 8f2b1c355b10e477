//! `capture.folders` as text and back: a JSON list, because a list of folders with their destinations has no simpler form that holds
//! every path. What a folder must be besides (there, and not imagepic's own) is looked at when it is added, and again when it is watched.

use std::path::{Component, Path, PathBuf};

use imagepic_words::{settings as settings_words, sources as words};

use super::{Settings, WatchedFolder};
use crate::error::{Code, Error, Result};
use crate::home::Home;

const EXAMPLE: &str = r#"[{"path":"/home/me/Screenshots","destination":null,"recursive":false,"enabled":true}]"#;

pub(super) fn text(folders: &[WatchedFolder]) -> String {
    serde_json::to_string(folders).unwrap_or_default()
}

/// # Errors
/// `BadRequest` for what is no such list, a path that is not complete, and one that is there twice; `NoSuchDestination`.
pub(super) fn read(settings: &Settings, key: &str, value: &str) -> Result<Vec<WatchedFolder>> {
    let given: Vec<WatchedFolder> = serde_json::from_str(value).map_err(|error| {
        let text = settings_words::bad_value(key, "", value).with("allowed", words::folders_bad(EXAMPLE));
        Error::new(Code::BadRequest, text).because(error)
    })?;
    let mut folders = Vec::with_capacity(given.len());
    for folder in given {
        add(settings, &mut folders, folder)?;
    }
    Ok(folders)
}

/// Puts one more into the list.
///
/// # Errors
/// As [`read`].
fn add(settings: &Settings, folders: &mut Vec<WatchedFolder>, mut folder: WatchedFolder) -> Result<()> {
    folder.path = tidy(&folder.path)?;
    if folders.iter().any(|other| other.path == folder.path) {
        return Err(Error::new(Code::BadRequest, words::folder_twice(folder.path.display())));
    }
    folder.destination = match folder.destination.filter(|name| !name.trim().is_empty()) {
        Some(name) => Some(settings.find(&name)?.id.clone()),
        None => None,
    };
    folders.push(folder);
    Ok(())
}

/// Whether a folder can be watched in this home, if it was not before. One that is watched already may be away. Blocks.
///
/// # Errors
/// `BadRequest` for what is no folder, a link to one, or imagepic's own; `FileMissing`, `FileUnreadable`.
pub(super) fn fits(home: &Home, before: &[WatchedFolder], folder: &WatchedFolder) -> Result<()> {
    let known = before.iter().find(|known| known.path == folder.path);
    if known.is_some_and(|known| known.recursive || !folder.recursive) {
        return Ok(());
    }
    match crate::sources::folder::admitted_new(home, &folder.path, folder.recursive) {
        Err(error) if known.is_none() || error.code == Code::BadRequest => Err(error),
        _ => Ok(()),
    }
}

/// The same path without a slash at its end and without `.`; one with `..` is not complete.
fn tidy(path: &Path) -> Result<PathBuf> {
    let whole = path.is_absolute() && path.components().all(|part| part != Component::ParentDir);
    if !whole {
        return Err(Error::new(Code::BadRequest, words::folder_relative(path.display())));
    }
    if path.to_str().is_none() {
        return Err(Error::new(Code::BadRequest, words::folder_name(path.display())));
    }
    Ok(path.components().collect())
}

impl Settings {
    /// As [`set_key`](Self::set_key), in this home: a folder that is to be watched from now on has to be one that can be. Blocks.
    ///
    /// # Errors
    /// As there, and `BadRequest`, `FileMissing`, `FileUnreadable` of such a folder.
    pub fn set_key_at(&mut self, home: &Home, key: &str, value: &str) -> Result<()> {
        let before = self.capture.folders.clone();
        self.set_key(key, value)?;
        self.capture.folders.iter().try_for_each(|folder| fits(home, &before, folder))
    }

    /// Adds a watched folder.
    ///
    /// # Errors
    /// `BadRequest` for a path that is not complete or is watched already, `NoSuchDestination`.
    pub fn watch_folder(&mut self, folder: WatchedFolder) -> Result<()> {
        let mut folders = std::mem::take(&mut self.capture.folders);
        let added = add(self, &mut folders, folder);
        self.capture.folders = folders;
        added
    }

    /// Takes a watched folder out of the list.
    ///
    /// # Errors
    /// `BadRequest` where it is not in it, naming those that are.
    pub fn unwatch_folder(&mut self, path: &Path) -> Result<WatchedFolder> {
        let wanted = tidy(path)?;
        let folders = &mut self.capture.folders;
        if let Some(at) = folders.iter().position(|folder| folder.path == wanted) {
            return Ok(folders.remove(at));
        }
        Err(self.no_such_folder(path))
    }

    /// That a folder is not watched.
    pub(crate) fn no_such_folder(&self, path: &Path) -> Error {
        let known: Vec<_> = self.capture.folders.iter().map(|folder| folder.path.display().to_string()).collect();
        let text = if known.is_empty() {
            words::folder_unknown_none(path.display())
        } else {
            words::folder_unknown(path.display(), known.join(", "))
        };
        Error::new(Code::BadRequest, text)
    }
}
