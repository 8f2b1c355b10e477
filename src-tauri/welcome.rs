//! The welcome: whether it is due, and how far somebody came. It opens by itself at the very first start and once more after it was
//! closed midway; done, or left by its own button, it never comes back unasked. What stays out: what it shows (`ui/`), and every
//! decision about destinations (the engine's).

use std::path::{Path, PathBuf};
use std::time::Duration;

use imagepic_core::destination::Destination;
use imagepic_core::home::{Home, write_whole};
use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Manager};

use crate::shell::Shell;
use crate::windows::{self, Name};

/// The icon goes first: so long the welcome waits for a tray, at most.
const AFTER_TRAY: Duration = Duration::from_millis(600);
const LOOK: Duration = Duration::from_millis(20);

/// `welcome.json`: how far somebody came. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct Progress {
    /// The form of the file.
    #[ts(skip)]
    #[serde(default)]
    version: u32,
    /// It was gone through, or left on purpose.
    pub(crate) done: bool,
    /// From 1.
    pub(crate) step: u32,
    /// Which way was chosen at the first step: `team`, `s3` or `here`.
    #[serde(default)]
    way: String,
    /// What was filled in and is not saved yet, or the destination that was saved.
    draft: Option<Destination>,
}

/// Where the state of the welcome lies in a home.
pub(crate) struct Kept {
    file: PathBuf,
    /// This start opens it.
    pub(crate) due: bool,
}

const VERSION: u32 = 1;

impl Kept {
    /// Looks at the home before the engine has touched it: a home that somebody has set up before needs no welcome.
    pub(crate) fn of(home: &Home) -> Self {
        let file = home.data().join("welcome.json");
        let due = match read(&file) {
            Ok(progress) => progress.is_some_and(|progress| !progress.done),
            Err(()) => !home.settings_file().exists(),
        };
        Self { file, due }
    }

    /// How far somebody came; `None` at the beginning.
    pub(crate) fn progress(&self) -> Option<Progress> {
        read(&self.file).ok().flatten()
    }

    /// Keeps how far somebody came. A convenience: where it cannot be kept, the welcome begins anew.
    pub(crate) fn keep(&self, progress: &Progress) {
        let progress = Progress { version: VERSION, ..progress.clone() };
        let written = serde_json::to_vec(&progress)
            .map_err(|error| error.to_string())
            .and_then(|bytes| write_whole(&self.file, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(error, "how far the welcome came is not kept");
        }
    }

    /// It does not come back by itself.
    pub(crate) fn finish(&self) {
        let progress = Progress { version: VERSION, done: true, step: 1, way: String::new(), draft: None };
        self.keep(&progress);
    }
}

/// `Err`: there is no such file. A file that cannot be understood counts as a welcome that is over.
fn read(file: &Path) -> Result<Option<Progress>, ()> {
    let bytes = std::fs::read(file).map_err(|_| ())?;
    Ok(serde_json::from_slice::<Progress>(&bytes).ok().filter(|progress| progress.version <= VERSION))
}

/// Opens the welcome where it is due, once the tray has its icon.
pub(crate) fn begin(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let waited = tokio::time::timeout(AFTER_TRAY, async {
            while !app.state::<Shell>().tray.is_there() {
                tokio::time::sleep(LOOK).await;
            }
        });
        // Without a tray it is all the more needed.
        let _ = waited.await;
        let shell = app.state::<Shell>();
        if shell.welcome.progress().is_none() {
            shell.welcome.keep(&Progress { version: VERSION, done: false, step: 1, way: String::new(), draft: None });
        }
        windows::open(&app, Name::Welcome);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(home: &Path) -> Kept {
        Kept::of(&Home::at(home))
    }

    #[test]
    fn the_welcome_is_due_at_the_very_first_start_and_until_it_was_gone_through() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(kept(dir.path()).due, "a fresh home");
        let midway = Progress { version: VERSION, done: false, step: 3, way: "s3".to_owned(), draft: None };
        kept(dir.path()).keep(&midway);
        assert!(kept(dir.path()).due, "closed midway");
        assert_eq!(kept(dir.path()).progress(), Some(midway));
        kept(dir.path()).finish();
        assert!(!kept(dir.path()).due, "done");
    }

    #[test]
    fn who_has_set_up_imagepic_before_is_not_welcomed() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("settings.toml"), "version = 1\n").expect("written");
        assert!(!kept(dir.path()).due);
        std::fs::write(dir.path().join("welcome.json"), "{}").expect("written");
        assert!(!kept(dir.path()).due, "a file nobody understands");
    }
}
