//! What the welcome may ask beside what every window may: how far somebody came, what the deployment proposes, and the proof at the end.

use std::time::SystemTime;

use imagepic_core::capture::{Capture, Content, Source};
use imagepic_core::deployment::Deployment;
use imagepic_core::engine::Reading;
use serde::Serialize;
use tauri::{AppHandle, State};

use super::{Answer, DraftForm};
use crate::shell::Shell;
use crate::welcome::Progress;
use crate::windows::{self, Name};

/// What somebody without an image at hand may try imagepic with.
const SAMPLE: &[u8] = include_bytes!("../../assets/sample.png");

/// What the welcome begins with.
#[derive(Debug, Serialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct WelcomeView {
    progress: Option<Progress>,
    /// The team's server, where whoever deployed imagepic says where it is.
    server: Option<String>,
    /// What its destination is called.
    server_name: Option<String>,
    /// The desktop shows the tray icon.
    tray: bool,
    /// `GNOME`, `KDE`… as the desktop calls itself; empty where it does not.
    desktop: String,
}

#[tauri::command]
pub(super) async fn welcome(shell: State<'_, Shell>) -> Answer<WelcomeView> {
    let team = Deployment::read().team.filter(|team| !team.server.trim().is_empty());
    Ok(WelcomeView {
        progress: shell.welcome.progress(),
        server: team.as_ref().map(|team| team.server.trim().to_owned()),
        server_name: team.map(|team| team.name.trim().to_owned()).filter(|name| !name.is_empty()),
        tray: shell.tray.is_there(),
        desktop: std::env::var("XDG_CURRENT_DESKTOP").unwrap_or_default(),
    })
}

#[tauri::command]
pub(super) async fn keep_welcome(shell: State<'_, Shell>, progress: Progress) -> Answer<()> {
    shell.welcome.keep(&progress);
    Ok(())
}

#[tauri::command]
pub(super) async fn finish_welcome(app: AppHandle, shell: State<'_, Shell>) -> Answer<()> {
    shell.welcome.finish();
    // Where there is no tray, the drop zone is where imagepic lives.
    if !shell.tray.is_there() {
        windows::open(&app, Name::DropZone);
    }
    Ok(())
}

#[tauri::command]
pub(super) async fn make_bucket(shell: State<'_, Shell>, draft: DraftForm, bucket: String) -> Answer<()> {
    shell.answer(shell.engine.destinations().make_bucket(draft.into(), &bucket).await)
}

#[tauri::command]
pub(super) async fn upload_sample(shell: State<'_, Shell>) -> Answer<()> {
    let content = Content::Bytes { bytes: SAMPLE.to_vec().into(), name: Some("imagepic-sample.png".to_owned()) };
    let capture = Capture { content, source: Source::Picker, at: SystemTime::now() };
    shell.answer(shell.engine.uploads().submit(vec![capture], crate::pointing::to_try()).await.map(drop))
}

#[tauri::command]
pub(super) async fn read_back(shell: State<'_, Shell>, id: i64) -> Answer<Reading> {
    shell.answer(shell.engine.uploads().read_back(id).await)
}
