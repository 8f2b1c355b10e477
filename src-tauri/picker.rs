//! The system's file picker begins where a person chose something last. A convenience: whatever is wrong with what is remembered, the
//! picker begins where the desktop has it.

use std::path::{Path, PathBuf};

use imagepic_core::home::write_whole;
use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Manager, Wry};
use tauri_plugin_dialog::{DialogExt, FileDialogBuilder};

use crate::shell::Shell;

const VERSION: u32 = 1;

/// `picker.json`
#[derive(Serialize, Deserialize)]
struct Last {
    version: u32,
    folder: PathBuf,
}

fn file(app: &AppHandle) -> PathBuf {
    app.state::<Shell>().engine.home().data().join("picker.json")
}

fn last(file: &Path) -> Option<PathBuf> {
    let last: Last = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    (last.version == VERSION && last.folder.is_dir()).then_some(last.folder)
}

/// A picker that begins in the last folder.
pub(crate) fn begin(app: &AppHandle) -> FileDialogBuilder<Wry> {
    let dialog = app.dialog().file();
    match last(&file(app)) {
        Some(folder) => dialog.set_directory(folder),
        None => dialog,
    }
}

/// The next one begins where these lie.
pub(crate) fn remember(app: &AppHandle, chosen: &[PathBuf]) {
    if let Some(folder) = chosen.first().and_then(|path| path.parent()) {
        keep(&file(app), folder);
    }
}

fn keep(file: &Path, folder: &Path) {
    let kept = Last { version: VERSION, folder: folder.to_owned() };
    // A folder whose name is no Unicode has no form here; the one before stays.
    let Ok(bytes) = serde_json::to_vec(&kept) else { return };
    if let Err(error) = write_whole(file, &bytes) {
        tracing::warn!(%error, "the folder of the file picker is not remembered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picker_begins_where_something_was_chosen_last_while_that_is_there() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, shots) = (dir.path().join("picker.json"), dir.path().join("shots"));
        std::fs::create_dir(&shots).expect("made");
        assert_eq!(last(&file), None);
        keep(&file, &shots);
        assert_eq!(last(&file).as_ref(), Some(&shots));
        std::fs::remove_dir(&shots).expect("removed");
        assert_eq!(last(&file), None, "a picker in a folder that is gone begins nowhere");
        std::fs::write(&file, "{").expect("written");
        assert_eq!(last(&file), None);
    }
}
