//! What the shell keeps while it runs: the engine's handle and the few things the engine does not know of.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use imagepic_core::engine::Engine;
use imagepic_core::home::{Home, write_whole};
use serde::{Deserialize, Serialize};
use tauri::PhysicalPosition;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::commands::Looked;
use crate::drops::Drops;
use crate::notifications::Notifier;
use crate::shortcuts::Shortcuts;
use crate::tray::Tray;
use crate::welcome::Kept;
use crate::windows::Ahead;

/// Managed by tauri; one for the process.
pub(crate) struct Shell {
    pub(crate) engine: Engine,
    pub(crate) drops: Drops,
    pub(crate) notifier: Notifier,
    pub(crate) tray: Tray,
    pub(crate) shortcuts: Shortcuts,
    pub(crate) looked: Looked,
    pub(crate) welcome: Kept,
    pub(crate) ahead: Ahead,
    /// Quit was chosen: the last window's end ends the app.
    pub(crate) quitting: AtomicBool,
    /// Held for reading by everything a person asked for, until the engine has it.
    under_way: Arc<RwLock<()>>,
    place: Remembered,
}

impl Shell {
    pub(crate) fn new(engine: Engine, home: &Home, notifier: Notifier, welcome: Kept) -> Self {
        Self {
            engine,
            drops: Drops::default(),
            notifier,
            tray: Tray::default(),
            shortcuts: Shortcuts::default(),
            looked: Looked::default(),
            welcome,
            ahead: Ahead::default(),
            quitting: AtomicBool::new(false),
            under_way: Arc::default(),
            place: Remembered::of(home.data().join("windows.json")),
        }
    }

    /// Whoever does something holds this meanwhile; `None` once imagepic is quitting.
    pub(crate) fn begin(&self) -> Option<OwnedRwLockReadGuard<()>> {
        if self.quitting.load(Ordering::SeqCst) {
            return None;
        }
        Arc::clone(&self.under_way).try_read_owned().ok()
    }

    /// Waits until everything that was begun is done; nothing is begun any more while the answer is held.
    pub(crate) async fn all_done(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.under_way).write_owned().await
    }

    /// Where the drop zone stood when it was last closed.
    pub(crate) fn remembered_place(&self) -> Option<PhysicalPosition<i32>> {
        self.place.get()
    }

    /// The drop zone stands here.
    pub(crate) fn remember_place(&self, place: PhysicalPosition<i32>) {
        self.place.set(place);
    }
}

/// `windows.json`. A convenience: whatever is wrong with it, the window opens where the desktop puts it.
struct Remembered {
    file: PathBuf,
    last: Mutex<Option<PhysicalPosition<i32>>>,
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    version: u32,
    drop_zone: (i32, i32),
}

impl Remembered {
    const VERSION: u32 = 1;

    fn of(file: PathBuf) -> Self {
        Self { file, last: Mutex::new(None) }
    }

    fn get(&self) -> Option<PhysicalPosition<i32>> {
        let read: OnDisk = serde_json::from_slice(&std::fs::read(&self.file).ok()?).ok()?;
        (read.version == Self::VERSION).then(|| PhysicalPosition::new(read.drop_zone.0, read.drop_zone.1))
    }

    fn set(&self, place: PhysicalPosition<i32>) {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.replace(place) == Some(place) {
            return;
        }
        let kept = OnDisk { version: Self::VERSION, drop_zone: (place.x, place.y) };
        let written = serde_json::to_vec(&kept)
            .map_err(|error| error.to_string())
            .and_then(|bytes| write_whole(&self.file, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(error, "the drop zone's place is not remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drop_zone_comes_back_where_it_was() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("windows.json");
        assert_eq!(Remembered::of(file.clone()).get(), None);
        Remembered::of(file.clone()).set(PhysicalPosition::new(-40, 900));
        assert_eq!(Remembered::of(file.clone()).get(), Some(PhysicalPosition::new(-40, 900)));
        std::fs::write(&file, "{\"version\":99,\"drop_zone\":[1,2]}").expect("written");
        assert_eq!(Remembered::of(file).get(), None, "a newer form is not guessed at");
    }
}
