//! What the system's events mean for a watched folder. Where it tells of closing, nothing else says that a file is complete.

use std::path::{Path, PathBuf};

use notify::EventKind;
use notify::event::{AccessKind, AccessMode, CreateKind, Flag, ModifyKind, RemoveKind, RenameMode};

/// What happened in the folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Complete(PathBuf),
    There(PathBuf),
    Writing(PathBuf),
    Folder(PathBuf),
    Gone(PathBuf),
    /// Some were missed.
    Missed,
}

impl Change {
    /// The file that has to be looked at.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Complete(path) | Self::There(path) => Some(path),
            Self::Writing(path) if cfg!(not(target_os = "linux")) => Some(path),
            Self::Writing(_) | Self::Folder(_) | Self::Gone(_) | Self::Missed => None,
        }
    }
}

/// What an event means, file by file.
pub(super) fn read(event: notify::Result<notify::Event>) -> Vec<Change> {
    let Ok(event) = event else { return vec![Change::Missed] };
    if event.flag() == Some(Flag::Rescan) {
        return vec![Change::Missed];
    }
    let kind = event.kind;
    let of = |path: PathBuf| {
        Some(match kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Change::Complete(path),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) if is_folder(&path) => Change::Folder(path),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Change::Complete(path),
            EventKind::Modify(ModifyKind::Name(RenameMode::From))
            | EventKind::Remove(RemoveKind::Any | RemoveKind::File | RemoveKind::Folder | RemoveKind::Other) => {
                Change::Gone(path)
            }
            EventKind::Create(CreateKind::Folder) => Change::Folder(path),
            EventKind::Create(_) if is_folder(&path) => Change::Folder(path),
            EventKind::Create(_) => Change::There(path),
            // Both ends of a renaming were told each by itself, where the system tells them apart.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) if cfg!(target_os = "linux") => return None,
            EventKind::Modify(ModifyKind::Name(_)) => Change::There(path),
            EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => Change::Writing(path),
            _ => return None,
        })
    };
    event.paths.into_iter().filter_map(of).collect()
}

fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|data| data.is_dir())
}

/// What stands for a folder itself: its device and inode.
pub(super) fn identity(root: &Path) -> Option<(u64, u64)> {
    let data = std::fs::symlink_metadata(root).ok().filter(std::fs::Metadata::is_dir)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Some((data.dev(), data.ino()))
    }
    #[cfg(not(unix))]
    Some((0, data.created().ok()?.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?.as_secs()))
}
