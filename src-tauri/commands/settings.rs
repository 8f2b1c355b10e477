//! What the settings window asks beyond destinations: keys, the start at log-in, diagnostics, and settings in a file.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use imagepic_core::engine::{Finding, Health, Report};
use imagepic_core::settings::exchange::{self, Import};
use imagepic_core::{Code, Error};
use imagepic_words::{Lang, desktop, doctor, exchange as words};
use serde::Serialize;
use tauri::{AppHandle, Manager, State};
use tauri_plugin_dialog::{DialogExt, FilePath};
use tokio::sync::oneshot;

use super::{Answer, DraftForm};
use crate::shell::Shell;
use crate::shortcuts::{self, ShortcutsView};

/// The file that was last looked at, until it is imported: what is taken over is what was shown.
#[derive(Default)]
pub(crate) struct Looked {
    last: Mutex<(u64, String)>,
    imported: Mutex<Option<(u64, Import)>>,
}

/// What importing a file would change.
#[derive(Debug, Serialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct ImportView {
    /// To import this very text.
    id: u64,
    /// The file's name.
    file: String,
    changes: Vec<exchange::Change>,
    left_out: Vec<exchange::LeftOut>,
    /// Destinations that need their secret afterwards.
    unsigned: Vec<String>,
}

#[tauri::command]
pub(super) async fn shortcuts(app: AppHandle) -> Answer<ShortcutsView> {
    looked(&app, shortcuts::looked_at).await
}

#[tauri::command]
pub(super) async fn record_shortcut(app: AppHandle, recording: bool) -> Answer<()> {
    looked(&app, move |app| shortcuts::record(app, recording)).await
}

/// Beside the async threads: the display is asked.
async fn looked<T: Send + 'static>(app: &AppHandle, look: impl FnOnce(&AppHandle) -> T + Send + 'static) -> Answer<T> {
    let handle = app.clone();
    let done = tauri::async_runtime::spawn_blocking(move || look(&handle)).await;
    app.state::<Shell>().answer(done.map_err(|error| Error::new(Code::Internal, imagepic_words::errors::internal(error))))
}

#[tauri::command]
pub(super) async fn check_secret(shell: State<'_, Shell>, draft: DraftForm) -> Answer<()> {
    shell.answer(shell.engine.destinations().check_secret(&draft.into()).await)
}

#[tauri::command]
pub(super) async fn diagnostics(app: AppHandle) -> Answer<Report> {
    Ok(report(&app).await)
}

#[tauri::command]
pub(super) async fn copy_diagnostics(app: AppHandle, shell: State<'_, Shell>) -> Answer<()> {
    let report = report(&app).await;
    shell.answer(shell.engine.doctor().copy(&report).await)
}

async fn report(app: &AppHandle) -> Report {
    let engine = app.state::<Shell>().engine.clone();
    let lang = engine.lang();
    let beside = vec![tray(app, lang).await, notifications(lang).await, keys(app, lang)];
    engine.doctor().report(env!("CARGO_PKG_VERSION"), beside).await
}

async fn tray(app: &AppHandle, lang: Lang) -> Finding {
    let label = doctor::tray().to(lang);
    if !app.state::<Shell>().tray.is_there() {
        return Finding::new("tray", Health::Warn, &label, &doctor::tray_missing().to(lang));
    }
    #[cfg(target_os = "linux")]
    let host = crate::bus::owner("org.kde.StatusNotifierWatcher").await.unwrap_or_else(|| "StatusNotifierWatcher".to_owned());
    #[cfg(not(target_os = "linux"))]
    let host = std::env::consts::OS;
    Finding::new("tray", Health::Good, &label, &doctor::tray_there(host).to(lang))
}

#[cfg_attr(not(target_os = "linux"), expect(clippy::unused_async, reason = "on Linux the bus is asked"))]
async fn notifications(lang: Lang) -> Finding {
    let label = doctor::notifications().to(lang);
    #[cfg(target_os = "linux")]
    let daemon = crate::notifications::daemon().await;
    #[cfg(not(target_os = "linux"))]
    let daemon: Option<(String, Vec<String>)> = None;
    match daemon {
        Some((daemon, abilities)) => {
            let text = doctor::notifications_by(daemon, abilities.join(", "));
            Finding::new("notifications", Health::Good, &label, &text.to(lang))
        }
        None => Finding::new("notifications", Health::Warn, &label, &doctor::notifications_none().to(lang)),
    }
}

fn keys(app: &AppHandle, lang: Lang) -> Finding {
    let view = shortcuts::view(&app.state::<Shell>());
    let label = doctor::shortcuts().to(lang);
    let set = view.set();
    if let Some(trouble) = view.trouble() {
        return Finding::new("shortcuts", Health::Warn, &label, trouble);
    }
    let text = if set.is_empty() { doctor::shortcuts_none().to(lang) } else { set.join(", ") };
    Finding::new("shortcuts", Health::Good, &label, &text)
}

/// Asks where to, and writes all settings there; the path, or nothing where the person thought better of it.
#[tauri::command]
pub(super) async fn export_settings(app: AppHandle, shell: State<'_, Shell>) -> Answer<Option<String>> {
    let lang = shell.engine.lang();
    let text = shell.answer(shell.engine.settings().export())?;
    let (sender, chosen) = oneshot::channel();
    app.dialog()
        .file()
        .set_title(words::export_title().to(lang))
        .set_file_name("imagepic-settings.toml")
        .add_filter("TOML", &["toml"])
        .save_file(move |file| drop(sender.send(file)));
    let Some(path) = path_of(chosen.await.ok().flatten()) else { return Ok(None) };
    let written = tauri::async_runtime::spawn_blocking({
        let path = path.clone();
        move || std::fs::write(path, text)
    });
    let outcome = written.await.map_err(|error| error.to_string()).and_then(|done| done.map_err(|error| error.to_string()));
    let failed = |reason| Error::new(Code::HomeUnwritable, words::unwritable(path.display(), reason));
    shell.answer(outcome.map_err(failed)).map(|()| Some(path.display().to_string()))
}

/// Asks for a file and tells what importing it would change; nothing where the person thought better of it.
#[tauri::command]
pub(super) async fn look_at_settings(app: AppHandle, shell: State<'_, Shell>) -> Answer<Option<ImportView>> {
    let lang = shell.engine.lang();
    let (sender, chosen) = oneshot::channel();
    app.dialog()
        .file()
        .set_title(words::import_title().to(lang))
        .add_filter("TOML", &["toml"])
        .add_filter(desktop::choose_all().to(lang), &["*"])
        .pick_file(move |file| drop(sender.send(file)));
    let Some(path) = path_of(chosen.await.ok().flatten()) else { return Ok(None) };
    let read = tauri::async_runtime::spawn_blocking({
        let path = path.clone();
        move || exchange::read_file(&path)
    });
    let text = read.await.unwrap_or_else(|error| Err(Error::new(Code::Internal, imagepic_words::errors::internal(error))));
    let text = shell.answer(text)?;
    let plan = shell.answer(shell.engine.settings().plan_import(text.clone()).await)?;
    let id = shell.looked.keep(text);
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Some(ImportView { id, file, changes: plan.changes, left_out: plan.left_out, unsigned: plan.unsigned }))
}

/// Takes over what was shown; how many settings changed.
#[tauri::command]
pub(super) async fn import_settings(shell: State<'_, Shell>, id: u64) -> Answer<usize> {
    let text = shell.looked.take(id).ok_or_else(|| Error::new(Code::BadRequest, words::nothing()));
    let text = shell.answer(text)?;
    let import = shell.answer(shell.engine.settings().import(text).await)?;
    let changed = import.changes.len();
    shell.looked.done(id, import);
    Ok(changed)
}

/// Takes the import of this number back; the last one alone, and once.
#[tauri::command]
pub(super) async fn undo_import(shell: State<'_, Shell>, id: u64) -> Answer<()> {
    let import = shell.looked.undone(id).ok_or_else(|| Error::new(Code::BadRequest, words::nothing()));
    let import = shell.answer(import)?;
    let back = shell.engine.settings().take_back(import.clone()).await;
    if back.is_err() {
        shell.looked.not_undone(id, import);
    }
    shell.answer(back)
}

/// Asks for a folder to watch; nothing where the person thought better of it.
#[tauri::command]
pub(super) async fn choose_folder(app: AppHandle, shell: State<'_, Shell>) -> Answer<Option<String>> {
    let (sender, chosen) = oneshot::channel();
    let title = words::folder_title().to(shell.engine.lang());
    app.dialog().file().set_title(title).pick_folder(move |folder| drop(sender.send(folder)));
    Ok(path_of(chosen.await.ok().flatten()).map(|path| path.display().to_string()))
}

/// Asks for the file of a private authority; nothing where the person thought better of it. Whether it holds certificates says the test.
#[tauri::command]
pub(super) async fn choose_certificates(app: AppHandle, shell: State<'_, Shell>) -> Answer<Option<String>> {
    let lang = shell.engine.lang();
    let (sender, chosen) = oneshot::channel();
    app.dialog()
        .file()
        .set_title(desktop::choose_ca().to(lang))
        .add_filter("PEM", &["pem", "crt", "cer"])
        .add_filter(desktop::choose_all().to(lang), &["*"])
        .pick_file(move |file| drop(sender.send(file)));
    Ok(path_of(chosen.await.ok().flatten()).map(|path| path.display().to_string()))
}

fn path_of(chosen: Option<FilePath>) -> Option<PathBuf> {
    chosen.and_then(|file| file.into_path().ok())
}

impl Looked {
    fn done(&self, id: u64, import: Import) {
        *self.imported.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, import));
    }

    fn undone(&self, id: u64) -> Option<Import> {
        let mut imported = self.imported.lock().unwrap_or_else(PoisonError::into_inner);
        imported.take_if(|(done, _)| *done == id).map(|(_, import)| import)
    }

    /// It is still there to be taken back, unless another one has been imported meanwhile.
    fn not_undone(&self, id: u64, import: Import) {
        self.imported.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((id, import));
    }

    fn keep(&self, text: String) -> u64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (last.0 + 1, text);
        last.0
    }

    fn take(&self, id: u64) -> Option<String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        (last.0 == id && !last.1.is_empty()).then(|| std::mem::take(&mut last.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_shown_is_imported_and_only_once() {
        let looked = Looked::default();
        assert_eq!(looked.take(0), None);
        let (first, second) = (looked.keep("a".to_owned()), looked.keep("b".to_owned()));
        assert_eq!(looked.take(first), None, "another file was looked at since");
        assert_eq!(looked.take(second).as_deref(), Some("b"));
        assert_eq!(looked.take(second), None);
    }
}
