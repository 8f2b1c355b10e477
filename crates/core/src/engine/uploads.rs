//! Uploads: give, wait, stop, retry, take back, look up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures::stream::{self, StreamExt as _};
use imagepic_words::errors;

use super::Inner;
use crate::capture::{Capture, Content, Source};
use crate::deliver::Held;
use crate::destination::{LONGEST_PRESIGN, LinkPolicy};
use crate::error::{Code, Error, Result};
use crate::event::{Refusal, Settled, Stage, Upload};
use crate::journal::{Deliver, Row, RowState, Search};
use crate::link::Format;
use crate::opening::promises;
use crate::store::Link;

/// Uploads that are cancelled, retried or dismissed side by side.
const AT_ONCE: usize = 16;
/// Of copied links so many are looked at whether they lead somewhere.
const LOOKED_AT: usize = 20;

/// How a capture is to be uploaded; the settings fill what is `None`.
#[derive(Debug, Clone, Default)]
pub struct Submit {
    /// Name or id.
    pub destination: Option<String>,
    /// Instead of the destination's bucket.
    pub bucket: Option<String>,
    /// Instead of the destination's folder.
    pub folder: Option<String>,
    /// What happens to the clipboard.
    pub deliver: Deliver,
    /// Instead of the settings' format.
    pub format: Option<Format>,
    /// Instead of what the destination wants done to images.
    pub images: Option<crate::destination::Images>,
    /// Somebody gives it at this moment, in front of a window that can ask: where the settings want that (`names.ask`), it waits until its
    /// name is confirmed. Not for what goes by itself (a watched folder, the automatic clipboard) and not for programs, which nobody answers.
    pub by_hand: bool,
    /// Whoever gives it is there to answer: before very many files go because a folder was given, a question is asked
    /// ([`QuestionKind::Amount`](crate::event::QuestionKind::Amount)), and nothing in folders is taken until it is answered.
    pub asks: bool,
}

/// What was taken in.
#[derive(Debug, Clone)]
pub struct Batch {
    /// To wait for it; 0 where nothing was taken.
    pub id: i64,
    /// The uploads, in order.
    pub uploads: Vec<i64>,
    /// What was not taken in, and why.
    pub refused: Vec<Refusal>,
    /// All of it in the order it was given, taken or not.
    pub each: Vec<Each>,
    /// Names of images that may still say where and with what they were taken, though the destination wants that cut out: their
    /// format or their size does not allow it, or they are damaged.
    pub keeps_private: Vec<String>,
}

/// What became of one thing at the door.
#[derive(Debug, Clone)]
pub struct Each {
    /// Which of the captures it came of, from 0.
    pub capture: usize,
    /// Where below it, with `/` between, where the capture was a folder.
    pub within: Option<String>,
    /// The upload, or why there is none.
    pub outcome: std::result::Result<i64, Refusal>,
}

/// Which part of the history.
#[derive(Debug, Clone, Default)]
pub struct HistoryQuery {
    /// Rows at most; 0: a hundred.
    pub limit: u32,
    /// Only uploads older than this one.
    pub before: Option<i64>,
    /// Part of the name, the key or the bucket.
    pub search: Option<String>,
    /// Only those that stand so.
    pub stage: Option<Stage>,
}

/// Handle to uploads.
#[derive(Clone)]
pub struct Uploads {
    pub(super) inner: Arc<Inner>,
}

impl Uploads {
    /// Takes things in: when this returns, they are on disk and in the journal. Folders are opened, order is kept. What is refused is
    /// named in the answer and in [`Event::Refused`].
    ///
    /// # Errors
    /// Where nothing at all could be taken because of the place: no such destination, no bucket chosen, a journal that cannot be written.
    pub async fn submit(&self, captures: Vec<Capture>, how: Submit) -> Result<Batch> {
        let delivery = Arc::clone(&self.inner.delivery);
        let held = match how.deliver {
            // Asked beside the reading of the files: a display may take a moment to answer.
            Deliver::ByHand | Deliver::IfUnchanged => Some(tokio::spawn(async move { delivery.mark().await })),
            Deliver::No | Deliver::Always => None,
        };
        let files = super::library::files_of(&captures);
        let batch = self.inner.submit(captures, how, held).await?;
        self.inner.remember_files(&files, &batch).await;
        Ok(batch)
    }

    /// Uploads what the clipboard holds: an image's bytes, or the files that were copied.
    ///
    /// # Errors
    /// `ClipboardEmpty`, `ClipboardUnavailable`, and those of [`submit`](Self::submit).
    pub async fn submit_clipboard(&self, how: Submit) -> Result<Batch> {
        let (captures, held) = self.inner.delivery.read_clipboard().await?;
        let files = super::library::files_of(&captures);
        let given = Held { mark: held.mark, content: None };
        let batch = self.inner.submit(captures, how, Some(tokio::spawn(async { Some(held) }))).await?;
        if batch.id != 0 {
            self.inner.delivery.withdraw_given(&given);
        }
        self.inner.remember_files(&files, &batch).await;
        Ok(batch)
    }

    /// Answers "ask": uploads what was offered, or lets it be.
    ///
    /// # Errors
    /// `ClipboardEmpty` where the offer is gone, and those of [`submit`](Self::submit).
    pub async fn answer_offer(&self, id: u64, upload: bool) -> Result<()> {
        let Some((captures, held)) = self.inner.delivery.take_offer(id) else {
            return Err(Error::new(Code::ClipboardEmpty, errors::offer_gone()));
        };
        if upload {
            let how = Submit { deliver: Deliver::IfUnchanged, by_hand: true, ..Submit::default() };
            self.inner.submit(captures, how, Some(tokio::spawn(async { Some(held) }))).await?;
        }
        Ok(())
    }

    /// Waits until nothing of the batch is queued or on its way.
    ///
    /// # Errors
    /// The journal's.
    pub async fn settled(&self, batch: i64) -> Result<Settled> {
        self.wait(batch, false).await
    }

    /// Waits until everything of the batch is done, failed or cancelled, however long something outside takes.
    ///
    /// # Errors
    /// The journal's.
    pub async fn finished(&self, batch: i64) -> Result<Settled> {
        self.inner.listen()?;
        self.wait(batch, true).await
    }

    /// Waits until nothing of the batch is queued or on its way and all there is to know of its links is known: whether public ones open
    /// ([`Upload::closed`]).
    ///
    /// # Errors
    /// `Cancelled` where the engine is closed meanwhile.
    pub async fn told(&self, batch: i64) -> Result<()> {
        self.over(batch, false).await
    }

    async fn wait(&self, batch: i64, to_the_end: bool) -> Result<Settled> {
        self.over(batch, to_the_end).await?;
        self.inner.delivery.settled(batch).await
    }

    async fn over(&self, batch: i64, to_the_end: bool) -> Result<()> {
        let hub = &self.inner.hub;
        let mut changes = hub.generations();
        loop {
            let over = hub.with(|live| {
                let busy = if to_the_end { live.batch_open(batch) } else { live.batch_busy(batch) };
                let told = live.batches.get(&batch).is_none_or(|batch| !batch.news && !batch.telling);
                !busy && told
            });
            if over {
                return Ok(());
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { break },
                () = self.inner.stop.cancelled() => break,
            }
        }
        Err(Error::new(Code::Cancelled, errors::internal("the engine was closed")))
    }

    /// One upload as it stands.
    ///
    /// # Errors
    /// `NoSuchUpload`.
    pub async fn get(&self, id: i64) -> Result<Upload> {
        Ok(self.inner.hub.view(&self.inner.ended(id).await?))
    }

    /// Stops an upload; one that is over stays as it is.
    ///
    /// # Errors
    /// `NoSuchUpload`.
    pub async fn cancel(&self, id: i64) -> Result<()> {
        // What is still being fetched, or made, has no row, and no number of one.
        if id < 0 {
            return self.inner.cancel_fetch(id);
        }
        self.inner.queue.cancel(id).await
    }

    /// Ends what is being made of pictures on their way in, now and from now on: for whoever is about to end and does not wait for what
    /// takes long. These are refused as `Cancelled`.
    pub fn stop_making(&self) {
        self.inner.making.cancel();
    }

    /// The uploads that are queued and nobody sends: the process that took them in has ended, and no tray app runs.
    ///
    /// # Errors
    /// The journal's.
    pub async fn left(&self) -> Result<Vec<i64>> {
        self.inner.queue.left().await
    }

    /// Tries again what failed, was cancelled or waits, and what nobody sends.
    ///
    /// # Errors
    /// `NoSuchUpload`; `BadRequest` for one that is done or on its way.
    pub async fn retry(&self, id: i64) -> Result<()> {
        self.inner.outside.secrets.ask_again();
        // It may have to wait for another process, whose end must be heard.
        if let Err(error) = self.inner.listen() {
            tracing::warn!(%error, "does not hear other processes");
        }
        self.inner.queue.retry(id).await
    }

    /// As [`cancel`](Self::cancel) for many. One that fails does not keep the others; what is over by then is left as it is.
    ///
    /// # Errors
    /// The first that there was, once all have been tried.
    pub async fn cancel_all(&self, ids: &[i64]) -> Result<()> {
        each(ids, |id| self.cancel(id)).await
    }

    /// As [`retry`](Self::retry) for many, under the rule of [`cancel_all`](Self::cancel_all).
    ///
    /// # Errors
    /// The first that there was, once all have been tried.
    pub async fn retry_all(&self, ids: &[i64]) -> Result<()> {
        each(ids, |id| self.retry(id)).await
    }

    /// As [`dismiss`](Self::dismiss) for many, under the rule of [`cancel_all`](Self::cancel_all).
    ///
    /// # Errors
    /// The first that there was, once all have been tried.
    pub async fn dismiss_all(&self, ids: &[i64]) -> Result<()> {
        each(ids, |id| self.dismiss(id)).await
    }

    /// Lets an upload go on that waits for its name ([`Waiting::Name`](crate::error::Waiting::Name)): under the name that a person typed
    /// for it, whose extension may be left out, or with `None` as it is called. One whose bytes turned out to be there already is done.
    ///
    /// # Errors
    /// `NoSuchUpload`; `BadRequest` at `name` for what cannot be one, and for an upload that does not wait for a name.
    pub async fn name(&self, id: i64, name: Option<&str>) -> Result<()> {
        self.inner.queue.name(id, name).await
    }

    /// Takes an upload back: the object goes if this home put it there, no other upload shares it and it is unchanged; the clipboard
    /// gets back what the link replaced, if the link is still there. Whether nothing of it is left in the bucket.
    ///
    /// # Errors
    /// `NoSuchUpload`; `StoreRefused` where the object is another one by now; the store's.
    pub async fn undo(&self, id: i64) -> Result<bool> {
        let row = self.inner.row(id).await?;
        let gone = self.inner.queue.undo(id).await?;
        self.inner.delivery.restore(row.batch).await;
        Ok(gone)
    }

    /// Takes an upload off the list: a failed or cancelled one for good, a finished one only until it is looked up in the history.
    ///
    /// # Errors
    /// `NoSuchUpload`; `BadRequest` while it is on its way.
    pub async fn dismiss(&self, id: i64) -> Result<()> {
        self.inner.queue.dismiss(id).await
    }

    /// The link, made anew.
    ///
    /// # Errors
    /// `NoSuchUpload`; `NoSuchObject` while it is not uploaded; `SecretMissing` and the like where it is signed.
    pub async fn link(&self, id: i64) -> Result<Link> {
        let row = self.inner.ended(id).await?;
        let link = self.inner.delivery.link(&row).await?;
        self.inner.link_lives(row, &link).await?;
        Ok(link)
    }

    /// As [`copy_link`](Self::copy_link), but with a signature that lives as long as one can where the public link was found to open for
    /// nobody.
    ///
    /// # Errors
    /// As [`copy_link`](Self::copy_link).
    pub async fn copy_opening_link(&self, ids: &[i64], format: Option<Format>) -> Result<String> {
        let (format, own) = self.inner.format(format)?;
        let mut lines = Vec::with_capacity(ids.len());
        for id in ids {
            let row = self.inner.ended(*id).await?;
            let settings = self.inner.hub.settings();
            let promised = settings.find(&row.destination).is_ok_and(promises);
            // Not by what is shown of the upload: once a signed link was made, that is what is shown of it.
            let closed = promised && self.inner.hub.with(|live| live.is_closed(&row.destination, &row.bucket, &row.key));
            let link = if closed {
                let policy = LinkPolicy::Presigned { seconds: LONGEST_PRESIGN };
                let link = self.inner.stores.of(&row.destination).await?.link(&row.bucket, &row.key, &policy).await?;
                self.inner.link_lives(row.clone(), &link).await?;
                link
            } else {
                self.link(*id).await?
            };
            lines.push(crate::deliver::line(&row, &link.url, format, &own));
        }
        let text = lines.join("\n");
        self.inner.delivery.write(&text).await?;
        Ok(text)
    }

    /// Puts the links on the clipboard, one a line, in the order of `ids`; returns the text.
    ///
    /// # Errors
    /// As [`link`](Self::link), `BadRequest` for a template that is none, and `ClipboardUnavailable`.
    pub async fn copy_link(&self, ids: &[i64], format: Option<Format>) -> Result<String> {
        let (format, own) = self.inner.format(format)?;
        let mut lines = Vec::with_capacity(ids.len());
        for id in ids {
            let row = self.inner.ended(*id).await?;
            let link = self.link(*id).await?;
            lines.push(crate::deliver::line(&row, &link.url, format, &own));
        }
        let text = lines.join("\n");
        self.inner.delivery.write(&text).await?;
        self.see_whether_there(ids);
        Ok(text)
    }

    /// Somebody has these links by now: where one leads nowhere any more, a notice says so a moment later. Of many the first are looked
    /// at; a store that does not tell is no reason for a word.
    pub fn see_whether_there(&self, ids: &[i64]) {
        let (inner, ids) = (Arc::clone(&self.inner), ids[..ids.len().min(LOOKED_AT)].to_vec());
        let looking = async move {
            let stop = inner.stop.clone();
            let look = |id: i64| {
                let inner = Arc::clone(&inner);
                async move {
                    let row = inner.ended(id).await.ok().filter(|row| row.state == RowState::Done)?;
                    let there = inner.stores.of(&row.destination).await.ok()?.stat(&row.bucket, &row.key).await;
                    there.is_ok_and(|there| there.is_none()).then_some(row)
                }
            };
            let looks = stream::iter(ids.into_iter().map(look)).buffered(AT_ONCE).collect::<Vec<_>>();
            let gone: Vec<_> = tokio::select! {
                gone = looks => gone.into_iter().flatten().collect(),
                () = stop.cancelled() => return,
            };
            let name = |row: &Row| if row.name.is_empty() { row.key.clone() } else { row.name.clone() };
            let text = match &gone[..] {
                [] => return,
                [one] => imagepic_words::library::leads_nowhere(name(one), &one.bucket),
                several => {
                    let names: Vec<String> = several.iter().map(name).collect();
                    imagepic_words::library::lead_nowhere(several.len(), names.join(", "))
                }
            };
            inner.notice(&Error::new(Code::NoSuchObject, text));
        };
        self.inner.tasks.spawn_on(looking, &self.inner.runtime);
    }

    /// The text of one upload's link in a format, without touching the clipboard.
    ///
    /// # Errors
    /// As [`link`](Self::link); `BadRequest` for a template that is none.
    pub async fn link_text(&self, id: i64, format: Option<Format>) -> Result<String> {
        let (format, own) = self.inner.format(format)?;
        let row = self.inner.ended(id).await?;
        Ok(crate::deliver::line(&row, &self.link(id).await?.url, format, &own))
    }

    /// Link and text at once, for whoever shows both: as [`link`](Self::link) and [`link_text`](Self::link_text).
    ///
    /// # Errors
    /// As [`link_text`](Self::link_text).
    pub async fn link_and_text(&self, id: i64, format: Option<Format>) -> Result<(Link, String)> {
        let (format, own) = self.inner.format(format)?;
        let row = self.inner.ended(id).await?;
        let link = self.inner.delivery.link(&row).await?;
        let text = crate::deliver::line(&row, &link.url, format, &own);
        self.inner.link_lives(row, &link).await?;
        Ok((link, text))
    }

    /// What was uploaded, newest first.
    ///
    /// # Errors
    /// The journal's.
    pub async fn history(&self, query: HistoryQuery) -> Result<Vec<Upload>> {
        let states = match query.stage {
            None => Vec::new(),
            Some(Stage::Queued | Stage::Sending) => vec![RowState::Queued],
            Some(Stage::Waiting) => vec![RowState::Waiting],
            Some(Stage::Done) => vec![RowState::Done],
            Some(Stage::Failed) => vec![RowState::Failed],
            Some(Stage::Cancelled) => vec![RowState::Cancelled],
        };
        let limit = if query.limit == 0 { 100 } else { query.limit.min(10_000) };
        let rows = self.inner.journal.search(Search { limit, before: query.before, text: query.search, states }).await?;
        Ok(rows.iter().map(|row| self.inner.hub.view(row)).collect())
    }

    /// SHA-256 of the bytes that were sent, and whether they differ from what was given.
    ///
    /// # Errors
    /// `NoSuchUpload`.
    pub async fn sha256(&self, id: i64) -> Result<[u8; 32]> {
        Ok(self.inner.ended(id).await?.prepared)
    }

    /// A small picture with its media type: PNG, or SVG that may be shown where nothing runs and nothing is fetched.
    ///
    /// # Errors
    /// `NoSuchUpload`; `NoSuchObject` where there is none: no image, or its bytes are no longer on this computer.
    pub async fn thumbnail(&self, id: i64) -> Result<(Vec<u8>, &'static str)> {
        let row = self.inner.row(id).await?;
        self.inner.thumbnail(&row).await
    }

    /// While set, no upload starts; what is on its way goes on. A resident process remembers it for its next start.
    pub fn set_paused(&self, paused: bool) {
        self.inner.queue.set_paused(paused);
    }
}

impl Inner {
    /// An upload's link was made: when it ends is known from now on.
    async fn link_lives(&self, row: Row, link: &Link) -> Result<()> {
        let expires = link
            .expires
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_millis()).ok());
        // To the minute is enough for people, and spares a write for every copy.
        let differs = match (expires, row.expires_at) {
            (Some(new), Some(old)) => (new - old).abs() > 60_000,
            (new, old) => new != old,
        };
        if differs {
            self.journal.linked(row.id, expires).await?;
            let mut now = row;
            now.expires_at = expires;
            self.hub.with(|live| {
                let ended = live.ended.as_mut().and_then(|ended| ended.get_mut(&now.id));
                for row in ended.into_iter().chain(live.recent.iter_mut().find(|recent| recent.id == now.id)) {
                    row.expires_at = expires;
                }
            });
            self.hub.tell(&now);
        }
        Ok(())
    }

    /// As [`row`](Self::row), from memory where the upload came to its end in this process a moment ago.
    pub(crate) async fn ended(&self, id: i64) -> Result<Row> {
        match self.hub.with(|live| live.ended.as_ref()?.get(&id).cloned()) {
            Some(row) => Ok(row),
            None => self.row(id).await,
        }
    }

    pub(crate) async fn row(&self, id: i64) -> Result<Row> {
        let row = self.journal.get(id).await?;
        row.filter(|row| row.state != RowState::Gone).ok_or_else(|| Error::new(Code::NoSuchUpload, errors::no_such_upload(id)))
    }
}

/// Does it to each, some side by side, so that their commits share a flush.
async fn each<F: Future<Output = Result<()>>>(ids: &[i64], what: impl Fn(i64) -> F) -> Result<()> {
    let ends: Vec<Result<()>> = stream::iter(ids.iter().copied().map(what)).buffered(AT_ONCE).collect().await;
    let over = |error: &Error| matches!(error.code, Code::BadRequest | Code::NoSuchUpload);
    ends.into_iter().find(|end| end.as_ref().is_err_and(|error| !over(error))).unwrap_or(Ok(()))
}

/// Files given by path, as captures of now.
#[must_use]
pub fn files(paths: Vec<PathBuf>, source: Source, at: SystemTime) -> Vec<Capture> {
    paths.into_iter().map(|path| Capture { content: Content::Path(path), source, at }).collect()
}
