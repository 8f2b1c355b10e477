//! Between intake and the disk: bytes that are in memory only, their upload already on its way.
//!
//! "Taken" is answered for an upload when its bytes are in the spool, or when the store has confirmed them, whichever is sooner: a
//! store that answers within a moment spares the disk a copy that would be removed at once. Bucket, key and hash are in the journal
//! before the first byte travels all the same. Whatever is not done within [`Pace::hold`](super::Pace::hold), and whatever meets any trouble, goes to the
//! spool. What stays out: who waits for the answer (the engine's intake).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;

use super::{Queue, blocking};
use crate::error::{Code, Error, Result};
use crate::intake;
use crate::journal::{Change, Last, Row, RowState};

/// Uploads of one batch that may be in memory only; the next are read when these have moved on.
pub(crate) const HELD_AT_MOST: usize = 32;
/// Files that are flushed at the same time.
const WRITERS: usize = 4;

/// What became of held bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// In memory only.
    Open,
    /// On this disk, or at the store: taken.
    Safe,
    /// Neither, and the upload was called off: it was never taken.
    Refused,
}

/// One upload's bytes in memory. The lock is held while they are written or the upload comes to its end.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) since: Instant,
    /// The file's name, for people.
    pub(crate) name: String,
    now: AtomicU8,
    kept: tokio::sync::Mutex<Kept>,
    refusal: Mutex<Option<Error>>,
}

#[derive(Debug)]
pub(crate) struct Kept {
    bytes: Option<Bytes>,
    /// The file in the spool, once they are there.
    pub(crate) spool: Option<String>,
}

impl Hold {
    pub(crate) fn new(name: String, bytes: Bytes) -> Arc<Self> {
        let kept = tokio::sync::Mutex::new(Kept { bytes: Some(bytes), spool: None });
        Arc::new(Self { since: Instant::now(), name, now: AtomicU8::new(0), kept, refusal: Mutex::default() })
    }

    pub(crate) fn now(&self) -> Held {
        match self.now.load(Ordering::Acquire) {
            0 => Held::Open,
            1 => Held::Safe,
            _ => Held::Refused,
        }
    }

    /// Why it was refused.
    pub(crate) fn refusal(&self) -> Option<Error> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The bytes, while they are in memory only.
    pub(super) async fn bytes(&self) -> Option<Bytes> {
        self.kept.lock().await.bytes.clone()
    }

    pub(crate) async fn lock(&self) -> tokio::sync::MutexGuard<'_, Kept> {
        self.kept.lock().await
    }

    fn safe(&self, kept: &mut Kept) -> Option<Bytes> {
        self.now.store(1, Ordering::Release);
        kept.bytes.take()
    }

    pub(super) fn refuse(&self, kept: &mut Kept, error: Error) {
        kept.bytes = None;
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.now.store(2, Ordering::Release);
    }
}

/// Bytes of uploads that are done, on their way to the spool for thumbnails.
#[derive(Debug, Default)]
pub(crate) struct Fresh(Mutex<HashMap<i64, Bytes>>);

impl Fresh {
    fn put(&self, id: i64, bytes: Bytes) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, bytes);
    }

    pub(super) fn remove(&self, id: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    pub(crate) fn get(&self, id: i64) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}

impl Queue {
    /// The hold of an upload that is still in memory only.
    pub(super) fn hold_of(&self, id: i64) -> Option<Arc<Hold>> {
        self.hub.with(|live| live.entries.get(&id).and_then(|entry| entry.hold.clone()))
    }

    /// Brings bytes that are in memory only to the disk, with one commit for all of them. What finds no room there is called off:
    /// see [`Held::Refused`].
    pub(crate) async fn secure(&self, holds: Vec<(i64, Arc<Hold>)>) {
        use futures::stream::{self, StreamExt as _};
        // In the order of their numbers, so that two who secure the same ones do not wait for each other.
        let mut holds = holds;
        holds.sort_by_key(|(id, _)| *id);
        holds.dedup_by_key(|(id, _)| *id);
        let mut open = Vec::new();
        for (id, hold) in &holds {
            let kept = hold.lock().await;
            if let Some(bytes) = kept.bytes.clone() {
                open.push((*id, hold, kept, bytes));
            }
        }
        if open.is_empty() {
            return;
        }
        let writes: Vec<_> = open.iter().map(|(_, hold, _, bytes)| self.spool(hold.name.clone(), bytes.clone())).collect();
        let written: Vec<Result<String>> = stream::iter(writes).buffered(WRITERS).collect().await;
        let spool = self.home.spool();
        let sealed = blocking(move || {
            intake::seal(&spool);
            Ok(())
        });
        let sealed = sealed.await;
        let names: Vec<(i64, String)> =
            open.iter().zip(&written).filter_map(|((id, ..), name)| Some((*id, name.as_ref().ok()?.clone()))).collect();
        let noted = match sealed {
            Ok(()) => self.journal.secure(names).await,
            Err(error) => Err(error),
        };
        for ((id, hold, mut kept, _), name) in open.into_iter().zip(written) {
            let failed = match (&name, &noted) {
                (Err(error), _) | (Ok(_), Err(error)) => Error::new(error.code, error.text.clone()),
                (Ok(name), Ok(rows)) => {
                    match rows.iter().find(|row| row.id == id) {
                        Some(row) => {
                            self.hub.with(|live| {
                                if let Some(entry) = live.entries.get_mut(&id) {
                                    (entry.row.spool, entry.row.reference) = (row.spool.clone(), None);
                                    entry.row.changed = entry.row.changed.max(row.changed);
                                    entry.hold = None;
                                }
                            });
                            kept.spool = Some(name.clone());
                        }
                        // Gone meanwhile: nobody needs the file.
                        None => drop(std::fs::remove_file(self.spool_file(name))),
                    }
                    hold.safe(&mut kept);
                    continue;
                }
            };
            if let Ok(name) = &name {
                drop(std::fs::remove_file(self.spool_file(name)));
            }
            hold.refuse(&mut kept, failed);
            drop(kept);
            self.call_off(id).await;
        }
        self.hub.bump();
    }

    async fn spool(&self, name: String, bytes: Bytes) -> Result<String> {
        let (folder, owner) = (self.home.spool(), self.owner.clone());
        let write = {
            let (name, folder, owner, bytes) = (name.clone(), folder.clone(), owner.clone(), bytes.clone());
            blocking(move || intake::spool(&name, &bytes, &folder, &owner, true))
        };
        match write.await {
            // What is kept for thumbnails gives way first.
            Err(error) if error.code == Code::DiskFull && self.release_kept() => {
                blocking(move || intake::spool(&name, &bytes, &folder, &owner, true)).await
            }
            written => written,
        }
    }

    /// Takes back an upload that was never taken: the one who gave it is told, and nobody else heard a promise. Its hold stays, for
    /// whoever comes back from the store meanwhile.
    pub(super) async fn call_off(&self, id: i64) {
        let found = self.hub.with(|live| {
            let entry = live.entries.get(&id)?;
            Some((entry.row.clone(), entry.cancel.clone()))
        });
        let Some((row, cancel)) = found else { return };
        let mut change = Change::of(&row);
        change.state = RowState::Gone;
        match self.journal.change(&row, Some(self.owner.clone()), change, Last::Now).await {
            Ok(Some(gone)) => self.hub.take(&gone, false),
            // Somebody else has brought it to an end.
            Ok(None) => {}
            Err(error) => tracing::error!(id, %error, "an upload that was not taken stays in the journal"),
        }
        cancel.cancel();
        self.wake();
    }

    /// Whoever hears that the upload is done may want its thumbnail at once.
    pub(super) fn show(&self, id: i64, kept: &Kept) {
        if self.keeps_spool
            && kept.spool.is_none()
            && let Some(bytes) = &kept.bytes
        {
            self.fresh.put(id, bytes.clone());
        }
    }

    /// The upload is done: its bytes need no disk any more, but for a thumbnail.
    pub(super) fn let_go(self: &Arc<Self>, row: &Row, hold: &Hold, kept: &mut Kept) {
        let bytes = hold.safe(kept);
        self.hub.bump();
        let Some(bytes) = bytes else { return };
        if !self.keeps_spool || kept.spool.is_some() {
            return;
        }
        let (queue, mut row) = (Arc::clone(self), row.clone());
        self.keeping.spawn(async move {
            let (folder, owner) = (queue.home.spool(), queue.owner.clone());
            let kept = match blocking(move || intake::spool("", &bytes, &folder, &owner, false)).await {
                Ok(name) => match queue.journal.keep(row.id, name.clone()).await {
                    Ok(true) => {
                        row.spool = Some(name);
                        queue.keep_spool(&row);
                        Ok(())
                    }
                    other => {
                        drop(std::fs::remove_file(queue.spool_file(&name)));
                        other.map(drop)
                    }
                },
                Err(error) => Err(error),
            };
            if let Err(error) = kept {
                tracing::info!(id = row.id, %error, "no bytes are kept for a thumbnail");
            }
            queue.fresh.remove(row.id);
        });
    }

    /// Everything of this process that is in memory only.
    pub(crate) fn held(&self) -> Vec<(i64, Arc<Hold>)> {
        self.hub.with(|live| {
            let held = live.entries.values().filter_map(|entry| Some((entry.row.id, entry.hold.clone()?)));
            held.collect()
        })
    }
}
