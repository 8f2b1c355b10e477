//! The library: everything that was uploaded, to be found, looked at, renamed and deleted.
//!
//! What is deleted leaves the list at once and the store a few seconds later, so that it can be taken back. What stays out: buckets and
//! objects that no upload of this home made (browse).

mod catalog;
mod chores;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use imagepic_words::errors;
use serde::{Deserialize, Serialize};

use super::{Batch, Each, Inner, Role, Uploads};
use crate::capture::{Capture, Content};
use crate::error::{Code, Error, Result};
use crate::event::{Stage, Upload};
use crate::journal::{ChoreKind, Row, RowState};
use crate::link::Format;

pub(crate) use catalog::Catalog;
pub(crate) use chores::Leavers;
pub use chores::UNDO_SECONDS;

/// Uploads that are shown at a time at most.
const ROWS_AT_MOST: usize = 1000;
/// Names that are read at a time, so that others who ask the journal do not wait for all of them.
const NAMES_AT_ONCE: u32 = 10_000;
/// Bytes of a name above which it is left out where all of them are told.
const NAME_AT_MOST: usize = 255;

/// How long links still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum LinkLife {
    /// Less than a day.
    Ending,
    /// No longer.
    Ended,
}

/// What is sought. Everything narrows; nothing set finds all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(export)]
pub struct LibraryQuery {
    /// Words that all stand in name, bucket or key, whatever their case; or a link.
    pub text: String,
    /// Destination's id.
    pub destination: Option<String>,
    /// How it stands; queued and sending are one.
    pub stage: Option<Stage>,
    /// How long its last link opens.
    pub life: Option<LinkLife>,
    /// Taken then or later, in milliseconds since 1970.
    pub from: Option<i64>,
    /// Taken before, in milliseconds since 1970.
    pub until: Option<i64>,
}

/// What was found, and how much there is of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Number and time of each, newest first.
    pub ids: Vec<(i64, i64)>,
    /// Uploads in all.
    pub all: u32,
    /// Of these: waiting.
    pub waiting: u32,
    /// Failed.
    pub failed: u32,
    /// With a link that opens for less than a day.
    pub ending: u32,
}

/// How one upload's link is pasted in one format. A signature in it is left out.
#[derive(Debug, Clone, PartialEq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct LinkLine {
    /// Which format.
    pub format: Format,
    /// The text, without the query of a signed link.
    pub text: String,
}

/// What is known of one upload beyond its line in the list.
#[derive(Debug, Clone, PartialEq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct LibraryDetails {
    /// The upload.
    pub upload: Upload,
    /// Of the bytes that were sent, in hexadecimal.
    pub sha256: String,
    /// These are the bytes that were given.
    pub unchanged: bool,
    /// This home put the object there, so it may remove and rename it.
    pub created: bool,
    /// Other uploads of the same bytes whose object it is too: another name is theirs as well.
    pub shared: u32,
    /// Links end by themselves.
    pub signed: bool,
    /// The file it came from, where that is still there; to be shown, since a name need not be text.
    pub file: Option<String>,
    /// How it is pasted; empty where no link can be made.
    pub lines: Vec<LinkLine>,
    /// Why no link can be made.
    pub message: Option<String>,
}

/// How an object stands beside its upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Presence {
    /// There, and as it was uploaded.
    There,
    /// There, with other bytes.
    Changed,
    /// Not there any more.
    Gone,
}

/// What of an upload can be copied beside its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Part {
    /// The object's key.
    Key,
    /// Of the bytes that were sent, in hexadecimal.
    Sha256,
}

/// What is about to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Leaving {
    /// These left the list.
    pub ids: Vec<i64>,
    /// How many of their objects stay at the store: others count on them, or this home did not put them there.
    pub stay: u32,
    /// So long it can be taken back.
    pub seconds: u32,
}

/// Handle to the library.
#[derive(Clone)]
pub struct Library {
    pub(super) inner: Arc<Inner>,
}

impl Library {
    /// The newest uploads, for a window that has just been opened.
    ///
    /// # Errors
    /// The journal's.
    pub async fn newest(&self, limit: u32) -> Result<Vec<Upload>> {
        let leaving = self.inner.leavers.ids();
        let rows = self.inner.journal.newest(limit.min(1000)).await?;
        Ok(rows.iter().filter(|row| !leaving.contains(&row.id)).map(|row| self.inner.hub.view(row)).collect())
    }

    /// Everything that fits the query. The first search reads the journal, later ones only what changed.
    ///
    /// # Errors
    /// The journal's.
    pub async fn find(&self, query: LibraryQuery) -> Result<Found> {
        let (now, leaving) = (self.inner.queue.now(), self.inner.leavers.ids());
        self.inner.catalog.find(&self.inner.journal, query, now, leaving).await
    }

    /// These uploads, in this order; those that are gone are left out. A thousand at most.
    ///
    /// # Errors
    /// The journal's.
    pub async fn rows(&self, ids: &[i64]) -> Result<Vec<Upload>> {
        let ids = &ids[..ids.len().min(ROWS_AT_MOST)];
        let rows = self.inner.journal.rows(ids.to_vec()).await?;
        let mut found: HashMap<i64, Upload> = rows.iter().map(|row| (row.id, self.inner.hub.view(row))).collect();
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Numbers and names of all uploads, the oldest number first: for a list that is scrolled faster than its rows can be asked for. Names
    /// that are longer than any list shows are left out.
    ///
    /// # Errors
    /// The journal's.
    pub async fn names(&self) -> Result<Vec<(i64, String)>> {
        let mut names = Vec::new();
        let mut after = 0;
        loop {
            let briefs = self.inner.journal.briefs(after, NAMES_AT_ONCE).await?;
            let Some(last) = briefs.last() else { return Ok(names) };
            after = last.id;
            let shown = briefs.into_iter().filter(|brief| brief.name.len() <= NAME_AT_MOST);
            names.extend(shown.map(|brief| (brief.id, brief.name)));
        }
    }

    /// Tries again what failed, was cancelled or waits among these, whether anybody has looked at it or not.
    ///
    /// # Errors
    /// The journal's, and those of [`Uploads::retry_all`].
    pub async fn retry(&self, ids: &[i64]) -> Result<()> {
        let ids = self.standing(ids, &[Stage::Failed, Stage::Cancelled, Stage::Waiting]).await?;
        self.uploads().retry_all(&ids).await
    }

    /// Stops what is not over among these, whether anybody has looked at it or not.
    ///
    /// # Errors
    /// The journal's, and those of [`Uploads::cancel_all`].
    pub async fn cancel(&self, ids: &[i64]) -> Result<()> {
        let mut standing = self.standing(ids, &[Stage::Queued, Stage::Waiting]).await?;
        // No row stands for what is still on its way in.
        standing.extend(ids.iter().filter(|id| **id < 0));
        self.uploads().cancel_all(&standing).await
    }

    fn uploads(&self) -> Uploads {
        Uploads { inner: Arc::clone(&self.inner) }
    }

    /// Those of these that stand in one of these ways, oldest first: as they were given.
    async fn standing(&self, ids: &[i64], stages: &[Stage]) -> Result<Vec<i64>> {
        let wanted: HashSet<i64> = ids.iter().copied().collect();
        let mut standing = Vec::new();
        for stage in stages {
            let found = self.find(LibraryQuery { stage: Some(*stage), ..LibraryQuery::default() }).await?;
            standing.extend(found.ids.into_iter().map(|(id, _)| id).filter(|id| wanted.contains(id)));
        }
        standing.sort_unstable();
        Ok(standing)
    }

    /// Gives back the memory that searching takes; the next search reads the journal anew.
    pub fn rest(&self) {
        self.inner.catalog.rest();
    }

    /// Everything about one upload.
    ///
    /// # Errors
    /// `NoSuchUpload`.
    pub async fn details(&self, id: i64) -> Result<LibraryDetails> {
        let inner = &self.inner;
        let row = inner.row(id).await?;
        let settings = inner.hub.settings();
        let file = inner.file_of(&row).await?.map(|path| path.display().to_string());
        let link = match row.state {
            RowState::Done => Some(inner.delivery.link(&row).await),
            _ => None,
        };
        let own = &settings.link.templates;
        let formats = Format::ALL.into_iter().chain(own.iter().map(|template| Format::Own(template.name)));
        let (lines, signed, message) = match &link {
            Some(Ok(link)) => {
                let signed = link.expires.is_some();
                let url = if signed { unsigned(&link.url) } else { link.url.clone() };
                let line = |format: Format| {
                    let text = crate::deliver::line(&row, &url, format, own);
                    LinkLine { text: if signed { with_dots(&text, &url) } else { text }, format }
                };
                (formats.map(line).collect(), signed, None)
            }
            Some(Err(error)) => (Vec::new(), row.expires_at.is_some(), Some(error.message(inner.hub.lang()))),
            None => (Vec::new(), false, None),
        };
        let sharing = inner.sharing(&row).await?;
        Ok(LibraryDetails {
            sha256: hex::encode(row.prepared),
            unchanged: row.original == row.prepared,
            created: row.created || sharing.iter().any(|other| other.created),
            shared: u32::try_from(sharing.len()).unwrap_or(u32::MAX),
            upload: inner.hub.view(&row),
            signed,
            file,
            lines,
            message,
        })
    }

    /// Puts a part of what is known of an upload on the clipboard.
    ///
    /// # Errors
    /// `NoSuchUpload`, `ClipboardUnavailable`.
    pub async fn copy(&self, id: i64, part: Part) -> Result<()> {
        let row = self.inner.row(id).await?;
        let text = match part {
            Part::Key => row.key,
            Part::Sha256 => hex::encode(row.prepared),
        };
        self.inner.delivery.write(&text).await
    }

    /// Looks at the store whether the object is there as it was uploaded.
    ///
    /// # Errors
    /// `NoSuchUpload`, and the store's.
    pub async fn check(&self, id: i64) -> Result<Presence> {
        let row = self.inner.row(id).await?;
        let store = self.inner.stores.of(&row.destination).await?;
        let Some(object) = store.stat(&row.bucket, &row.key).await? else { return Ok(Presence::Gone) };
        let same = match (&object.sha256, &object.etag, &row.etag) {
            (Some(sha256), ..) => *sha256 == hex::encode(row.prepared),
            (None, Some(there), Some(here)) => there == here,
            _ => object.size == row.size,
        };
        Ok(if same { Presence::There } else { Presence::Changed })
    }

    /// The file an upload came from, where it is still there.
    ///
    /// # Errors
    /// `NoSuchUpload`; `NoSuchObject` where it is not.
    pub async fn file(&self, id: i64) -> Result<PathBuf> {
        let row = self.inner.row(id).await?;
        let file = self.inner.file_of(&row).await?;
        file.ok_or_else(|| Error::new(Code::NoSuchObject, imagepic_words::library::file_gone(&row.name)))
    }

    /// Takes uploads off the list, and [`UNDO_SECONDS`] later their objects off the store, under the rules of undo; until then
    /// [`keep`](Self::keep) takes it back. It is done even if the process ends meanwhile: the next one does it.
    ///
    /// # Errors
    /// The journal's; then nothing is deleted.
    pub async fn delete(&self, ids: &[i64]) -> Result<Leaving> {
        self.inner.leave(ids, ChoreKind::Delete).await
    }

    /// Takes uploads off the list as [`delete`](Self::delete) does, and leaves their objects where they are.
    ///
    /// # Errors
    /// The journal's; then nothing is forgotten.
    pub async fn forget(&self, ids: &[i64]) -> Result<Leaving> {
        self.inner.leave(ids, ChoreKind::Forget).await
    }

    /// Takes back what was deleted or forgotten, where its seconds are not over; how many came back.
    ///
    /// # Errors
    /// The journal's.
    pub async fn keep(&self, ids: &[i64]) -> Result<usize> {
        self.inner.stay(ids).await
    }

    /// Does at once what waits for its seconds to be over: nobody can take it back any more.
    pub fn leave_now(&self) {
        self.inner.leavers.hurry();
    }

    /// Gives the object of an upload another name in its folder; an extension that is left out stays. Other uploads of the same bytes,
    /// whose object it is too, have that name with it. Links to the old name end. Only for what this home put there and nobody has changed
    /// since.
    ///
    /// # Errors
    /// `NoSuchUpload`; `BadRequest` for a name that is none; `NameTaken`; `StoreRefused` where the object is not this home's or another
    /// one by now; the store's.
    pub async fn rename(&self, id: i64, name: &str) -> Result<Upload> {
        let row = self.inner.rename(id, name).await?;
        Ok(self.inner.hub.view(&row))
    }
}

/// The files that captures name, in their order.
pub(super) fn files_of(captures: &[Capture]) -> Vec<Option<PathBuf>> {
    let path = |capture: &Capture| match &capture.content {
        Content::Path(path) => Some(path.clone()),
        _ => None,
    };
    captures.iter().map(path).collect()
}

impl Inner {
    /// Notes which files a batch came from, so that the library can show them. A convenience: the upload does not fail with it.
    pub(super) async fn remember_files(&self, files: &[Option<PathBuf>], batch: &Batch) {
        // The console's uploads do not wait for it.
        if self.role != Role::Desktop {
            return;
        }
        let file = |each: &Each| {
            let id = each.outcome.as_ref().ok().copied().filter(|id| *id > 0)?;
            let path = files.get(each.capture)?.as_ref()?;
            let path = each.within.as_ref().map_or_else(|| path.clone(), |within| path.join(within));
            Some((id, path.into_os_string().into_encoded_bytes()))
        };
        let named: Vec<_> = batch.each.iter().filter_map(file).collect();
        if !named.is_empty()
            && let Err(error) = self.journal.remember_origins(named).await
        {
            tracing::debug!(%error, "where files lay was not noted");
        }
    }

    /// The file an upload came from, where it is still there.
    async fn file_of(&self, row: &Row) -> Result<Option<PathBuf>> {
        let path = match &row.reference {
            Some(reference) => Some(reference.path.clone()),
            None => self.journal.origin(row.id).await?.and_then(path_of),
        };
        let Some(path) = path else { return Ok(None) };
        crate::queue::blocking(move || Ok(std::fs::metadata(&path).is_ok_and(|data| data.is_file()).then_some(path))).await
    }

    /// An upload that is done; the others have no object.
    async fn done(&self, id: i64) -> Result<Row> {
        let row = self.row(id).await?;
        if row.state == RowState::Done {
            return Ok(row);
        }
        Err(Error::new(Code::NoSuchObject, errors::not_done(if row.name.is_empty() { &row.key } else { &row.name })))
    }
}

/// A signed link without its signature: it is looked at, not followed.
fn unsigned(url: &str) -> String {
    match url.split_once('?') {
        Some((path, query)) => format!("{path}?{}…", &query[..query.find('-').map_or(0, |at| at + 1)]),
        None => url.to_owned(),
    }
}

/// The formats encode what no address holds in the open, the dots of a shortened one too: `%E2%80%A6` tells nobody that something is left out.
fn with_dots(text: &str, shown: &str) -> String {
    let end = shown.rfind('?').map_or("", |at| &shown[at..]);
    let coded = end.replace('…', "%E2%80%A6");
    if coded.is_empty() { text.to_owned() } else { text.replace(&coded, end) }
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_not_shown() {
        let shown = unsigned("https://s3.example/b/a.png?X-Amz-Algorithm=AWS4&X-Amz-Signature=00ff");
        assert_eq!(shown, "https://s3.example/b/a.png?X-…");
        assert_eq!(unsigned("https://s3.example/b/a.png?sig=00ff"), "https://s3.example/b/a.png?…");
        assert_eq!(unsigned("https://s3.example/b/a.png"), "https://s3.example/b/a.png");
    }

    #[test]
    fn what_is_left_out_of_a_signed_link_shows_as_dots_in_every_format() {
        let signed = ["https://s3.example/b/a%20(1).png?X-Amz-Signature=00ff", "https://s3.example/b/a.png?sig=00ff"];
        for url in signed.map(unsigned) {
            for format in Format::ALL {
                let target = crate::link::Target {
                    url: &url,
                    name: "a.png",
                    content_type: "image/png",
                    width: None,
                    height: None,
                    density: 1,
                };
                let text = with_dots(&crate::link::text(&target, format, &[]), &url);
                assert!(text.contains('…') && !text.contains("%E2%80%A6") && !text.contains("00ff"), "{format}: {text}");
            }
        }
        assert_eq!(
            with_dots("https://s3.example/%E2%80%A6.png", "https://s3.example/%E2%80%A6.png"),
            "https://s3.example/%E2%80%A6.png"
        );
    }
}
