//! Hearing of changed files: by the system's events, and where it has none left (inotify's limits are shared with every other program
//! of the person) by looking every second. What a change means is the business of whoever asked.

use std::any::Any;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::{Config, Event, PollWatcher, RecursiveMode, Watcher as _};

/// How often a folder is looked at where the system tells nothing.
const LOOK: Duration = Duration::from_secs(1);

/// Called for each change, and for each error that may have hidden one.
pub(crate) type Heard = Arc<dyn Fn(notify::Result<Event>) + Send + Sync>;

/// Watches as long as it lives.
pub(crate) struct Watching {
    _watcher: Box<dyn Any + Send>,
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").finish_non_exhaustive()
    }
}

/// Watches what lies directly in `dir`.
///
/// # Errors
/// The folder cannot be watched in either way.
pub(crate) fn watch(dir: &Path, heard: &Heard) -> notify::Result<Watching> {
    by_events(dir, heard).or_else(|error| {
        tracing::warn!(%error, dir = %dir.display(), "the system tells of no changes here; looks every second instead");
        by_looking(dir, heard)
    })
}

/// As [`watch`], by events alone; `recursive`: with the folders below, those to come included, links not followed.
///
/// # Errors
/// The folder cannot be watched; see [`no_watches_left`].
pub(crate) fn events(dir: &Path, recursive: bool, heard: &Heard) -> notify::Result<Watching> {
    let heard = Arc::clone(heard);
    let config = Config::default().with_follow_symlinks(false);
    let mut watcher = notify::RecommendedWatcher::new(move |event| heard(event), config)?;
    watcher.watch(dir, if recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive })?;
    Ok(Watching { _watcher: Box::new(watcher) })
}

/// Whether the system has none left, which all programs of the person share.
pub(crate) fn no_watches_left(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => true,
        // EMFILE and ENOSPC of inotify_init and inotify_add_watch.
        notify::ErrorKind::Io(error) => matches!(error.raw_os_error(), Some(24 | 28)),
        _ => false,
    }
}

fn by_events(dir: &Path, heard: &Heard) -> notify::Result<Watching> {
    let heard = Arc::clone(heard);
    let mut watcher = notify::recommended_watcher(move |event| heard(event))?;
    watcher.watch(dir, RecursiveMode::NonRecursive)?;
    Ok(Watching { _watcher: Box::new(watcher) })
}

fn by_looking(dir: &Path, heard: &Heard) -> notify::Result<Watching> {
    let heard = Arc::clone(heard);
    let mut watcher = PollWatcher::new(move |event| heard(event), Config::default().with_poll_interval(LOOK))?;
    watcher.watch(dir, RecursiveMode::NonRecursive)?;
    Ok(Watching { _watcher: Box::new(watcher) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_system_has_no_events_left_changes_are_still_heard() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("file"), "1").expect("written");
        let (send, told) = std::sync::mpsc::sync_channel(64);
        let heard: Heard = Arc::new(move |event| drop(send.try_send(event)));
        let _watching = by_looking(dir.path(), &heard).expect("a watch");
        std::fs::write(dir.path().join("file"), "other").expect("written");
        std::fs::write(dir.path().join("new"), "new").expect("written");
        told.recv_timeout(Duration::from_secs(20)).expect("heard").expect("an event");
    }
}
