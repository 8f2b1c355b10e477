//! What windows may ask about watched folders, and the answers to what only a person can decide.

use std::path::PathBuf;

use imagepic_core::engine::{FolderView, Submit};
use tauri::State;

use super::Answer;
use crate::shell::Shell;

#[tauri::command]
pub(super) fn answer_question(shell: State<'_, Shell>, id: u64, yes: bool) -> Answer<()> {
    shell.answer(shell.engine.sources().answer(id, yes))
}

#[tauri::command]
pub(super) fn watched_folders(shell: State<'_, Shell>) -> Vec<FolderView> {
    shell.engine.sources().folders()
}

#[tauri::command]
pub(super) async fn upload_watched(shell: State<'_, Shell>, path: PathBuf) -> Answer<()> {
    // There may be hundreds in it.
    let how = Submit { by_hand: false, asks: false, ..crate::actions::by_hand() };
    shell.answer(shell.engine.sources().upload_what_is_there(&path, how).await.map(drop))
}
