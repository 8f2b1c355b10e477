//! What a person is asked before the first images of a folder go.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use imagepic_words::sources as words;

use crate::engine::Inner;
use crate::event::QuestionKind;
use crate::sources::asking::Asked;
use crate::sources::folder::Stamp;

/// `None` where there is nothing to ask about, or nowhere to go.
pub(super) fn question(inner: &Arc<Inner>, path: &Path, files: &[(PathBuf, Stamp)], destination: &str) -> Option<Asked> {
    let settings = inner.hub.settings();
    let to = settings.find(destination).ok()?;
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let first = name(&files.first()?.0);
    let more = (files.len() > 1).then(|| words::ask_folder_more(&first, files.len() - 1));
    let place =
        [&to.name, &to.bucket, &to.folder].into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" / ");
    Some(Asked {
        kind: QuestionKind::Folder,
        title: words::ask_folder(files.len(), name(path)),
        text: match more {
            Some(more) => words::ask_folder_text("", place).with("files", more),
            None => words::ask_folder_text(first, place),
        },
        yes: words::ask_folder_yes(),
        no: words::ask_folder_no(),
    })
}
