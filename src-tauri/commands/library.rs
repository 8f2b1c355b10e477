//! What the library asks: find, look, rename, delete. Numbers of uploads come from the page and are looked up anew each time.

use imagepic_core::engine::library::{Leaving, LibraryDetails, LibraryQuery, Part, Presence};
use imagepic_core::event::Upload;
use tauri::State;
use tauri::ipc::Response;

use super::Answer;
use crate::open;
use crate::shell::Shell;

#[tauri::command]
pub(crate) async fn library_newest(shell: State<'_, Shell>, limit: u32) -> Answer<Vec<Upload>> {
    shell.answer(shell.engine.library().newest(limit).await)
}

/// Counts, then the numbers of all that was found, then when each was taken: doubles, as the page's own arrays hold them. A hundred
/// thousand would be slow to write and to read as text.
#[tauri::command]
pub(crate) async fn library_find(shell: State<'_, Shell>, query: LibraryQuery) -> Answer<Response> {
    let found = shell.answer(shell.engine.library().find(query).await)?;
    let mut bytes = Vec::with_capacity(32 + found.ids.len() * 16);
    for count in [found.all, found.waiting, found.failed, found.ending] {
        bytes.extend(f64::from(count).to_le_bytes());
    }
    for number in found.ids.iter().map(|(id, _)| *id).chain(found.ids.iter().map(|(_, taken_at)| *taken_at)) {
        bytes.extend(double(number).to_le_bytes());
    }
    Ok(Response::new(bytes))
}

/// Row numbers and milliseconds stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "up to 2^53 nothing is lost")]
const fn double(number: i64) -> f64 {
    number as f64
}

#[tauri::command]
pub(crate) async fn library_rows(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<Vec<Upload>> {
    shell.answer(shell.engine.library().rows(&ids).await)
}

/// How many there are and their numbers as doubles, where each name ends as 32 bits, then all names in one piece.
#[tauri::command]
pub(crate) async fn library_names(shell: State<'_, Shell>) -> Answer<Response> {
    let names = shell.answer(shell.engine.library().names().await)?;
    let length = names.iter().map(|(_, name)| name.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(8 + names.len() * 12 + length);
    let count = i64::try_from(names.len()).unwrap_or(i64::MAX);
    for number in std::iter::once(count).chain(names.iter().map(|(id, _)| *id)) {
        bytes.extend(double(number).to_le_bytes());
    }
    let mut end = 0_u32;
    for (_, name) in &names {
        end += u32::try_from(name.len()).unwrap_or_default();
        bytes.extend(end.to_le_bytes());
    }
    for (_, name) in &names {
        bytes.extend(name.as_bytes());
    }
    Ok(Response::new(bytes))
}

#[tauri::command]
pub(crate) async fn library_details(shell: State<'_, Shell>, id: i64) -> Answer<LibraryDetails> {
    shell.answer(shell.engine.library().details(id).await)
}

#[tauri::command]
pub(crate) async fn library_check(shell: State<'_, Shell>, id: i64) -> Answer<Presence> {
    shell.answer(shell.engine.library().check(id).await)
}

#[tauri::command]
pub(crate) async fn library_copy(shell: State<'_, Shell>, id: i64, part: Part) -> Answer<()> {
    shell.answer(shell.engine.library().copy(id, part).await)
}

#[tauri::command]
pub(crate) async fn library_retry(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<()> {
    shell.answer(shell.engine.library().retry(&ids).await)
}

#[tauri::command]
pub(crate) async fn library_cancel(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<()> {
    shell.answer(shell.engine.library().cancel(&ids).await)
}

#[tauri::command]
pub(crate) async fn library_delete(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<Leaving> {
    shell.answer(shell.engine.library().delete(&ids).await)
}

#[tauri::command]
pub(crate) async fn library_forget(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<Leaving> {
    shell.answer(shell.engine.library().forget(&ids).await)
}

#[tauri::command]
pub(crate) async fn library_keep(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<usize> {
    shell.answer(shell.engine.library().keep(&ids).await)
}

#[tauri::command]
pub(crate) async fn library_rename(shell: State<'_, Shell>, id: i64, name: String) -> Answer<Upload> {
    shell.answer(shell.engine.library().rename(id, &name).await)
}

#[tauri::command]
pub(crate) async fn library_open(shell: State<'_, Shell>, id: i64) -> Answer<()> {
    shell.answer(open::upload(&shell.engine, id).await)
}

#[tauri::command]
pub(crate) async fn library_show_file(shell: State<'_, Shell>, id: i64) -> Answer<()> {
    let file = shell.answer(shell.engine.library().file(id).await)?;
    shell.answer(open::in_folder(&file).await)
}
