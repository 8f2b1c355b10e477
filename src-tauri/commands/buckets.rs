//! What the library's buckets ask: each one expression over [`Browse`](imagepic_core::engine::Browse).

use imagepic_core::engine::{AccessView, Closing, Listing, NewFolder, ObjectView, Picked, Sum};
use imagepic_core::event::Job;
use imagepic_core::link::Format;
use tauri::{AppHandle, State};

use super::Answer;
use crate::pointing::{Aim, Pointing};
use crate::shell::Shell;

#[tauri::command]
pub(crate) async fn browse_buckets(shell: State<'_, Shell>, destination: String) -> Answer<Vec<String>> {
    shell.answer(shell.engine.browse().buckets(&destination).await)
}

#[tauri::command]
pub(crate) async fn browse_page(
    shell: State<'_, Shell>,
    destination: String,
    bucket: String,
    prefix: String,
    cursor: Option<String>,
    limit: u16,
) -> Answer<Listing> {
    shell.answer(shell.engine.browse().look(&destination, &bucket, &prefix, cursor.as_deref(), limit).await)
}

#[tauri::command]
pub(crate) async fn browse_details(
    shell: State<'_, Shell>,
    destination: String,
    bucket: String,
    key: String,
) -> Answer<ObjectView> {
    shell.answer(shell.engine.browse().details(&destination, &bucket, &key).await)
}

#[tauri::command]
pub(crate) async fn browse_sum(shell: State<'_, Shell>, destination: String, bucket: String, prefix: String) -> Answer<Sum> {
    shell.answer(shell.engine.browse().sum(&destination, &bucket, &prefix).await)
}

#[tauri::command]
pub(crate) async fn browse_access(shell: State<'_, Shell>, destination: String, bucket: String) -> Answer<AccessView> {
    shell.answer(shell.engine.browse().access(&destination, &bucket).await)
}

#[tauri::command]
pub(crate) async fn browse_closing(
    shell: State<'_, Shell>,
    destination: String,
    bucket: String,
    prefix: String,
) -> Answer<Closing> {
    shell.answer(shell.engine.browse().closing(&destination, &bucket, &prefix).await)
}

#[tauri::command]
pub(crate) async fn browse_set_access(
    shell: State<'_, Shell>,
    destination: String,
    bucket: String,
    prefix: String,
    public: bool,
) -> Answer<()> {
    shell.answer(shell.engine.browse().set_access(&destination, &bucket, &prefix, public).await)
}

#[tauri::command]
pub(crate) async fn browse_new_folder(
    shell: State<'_, Shell>,
    destination: String,
    bucket: String,
    prefix: String,
    name: String,
) -> Answer<NewFolder> {
    shell.answer(shell.engine.browse().make_folder(&destination, &bucket, &prefix, &name).await)
}

#[tauri::command]
pub(crate) fn browse_remove(shell: State<'_, Shell>, destination: String, bucket: String, items: Vec<Picked>) -> Answer<Job> {
    shell.answer(shell.engine.browse().remove_later(&destination, &bucket, items))
}

#[tauri::command]
pub(crate) fn browse_move(
    shell: State<'_, Shell>,
    destination: String,
    bucket: String,
    items: Vec<Picked>,
    folder: String,
) -> Answer<Job> {
    shell.answer(shell.engine.browse().move_to(&destination, &bucket, items, &folder))
}

#[tauri::command]
pub(crate) fn browse_rename(
    shell: State<'_, Shell>,
    destination: String,
    bucket: String,
    item: Picked,
    name: String,
) -> Answer<Job> {
    shell.answer(shell.engine.browse().rename(&destination, &bucket, item, &name))
}

#[tauri::command]
pub(crate) fn browse_stop(shell: State<'_, Shell>, id: u64) -> Answer<()> {
    shell.answer(shell.engine.browse().stop(id))
}

#[tauri::command]
pub(crate) fn browse_jobs(shell: State<'_, Shell>) -> Vec<Job> {
    shell.engine.browse().jobs()
}

#[tauri::command]
pub(crate) async fn browse_copy(
    shell: State<'_, Shell>,
    destination: String,
    bucket: String,
    keys: Vec<String>,
    format: Option<Format>,
) -> Answer<()> {
    shell.answer(shell.engine.browse().copy_links(&destination, &bucket, &keys, format).await.map(drop))
}

#[tauri::command]
pub(crate) async fn browse_open(shell: State<'_, Shell>, destination: String, bucket: String, key: String) -> Answer<()> {
    let link = shell.answer(shell.engine.browse().link(&destination, &bucket, &key).await)?;
    shell.answer(crate::open::in_browser(&link.url).await)
}

/// The library shows this place, which is where its drops go; or it shows none.
#[tauri::command]
pub(crate) fn browse_here(shell: State<'_, Shell>, pointing: State<'_, Pointing>, aim: Option<Aim>) {
    if let Some(aim) = &aim {
        let prefix = if aim.folder.is_empty() { String::new() } else { format!("{}/", aim.folder) };
        shell.engine.browse().turned_to(&aim.destination, &aim.bucket, &prefix);
    }
    pointing.shows(aim);
}

/// The place the library was asked to show, if it was; once.
#[tauri::command]
pub(crate) fn browse_asked(pointing: State<'_, Pointing>) -> Option<Aim> {
    pointing.asked()
}

/// Opens the file picker for a place.
#[tauri::command]
pub(crate) fn browse_upload(app: AppHandle, aim: Aim) {
    crate::actions::choose_files_for(&app, aim.submit());
}
