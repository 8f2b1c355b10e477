//! What a try came to: the row is written, and everybody is told.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Instant;

use super::Queue;
use super::probe::jitter;
use crate::destination::THIS_COMPUTER;
use crate::error::{Error, Remedy, Waiting};
use crate::journal::{Change, Last, Row, RowState};
use crate::live::Entry;
use crate::store::Store;

impl Queue {
    /// What an upload that met an error becomes, `mendings` being their number when its try began.
    pub(super) async fn met(&self, row: &Row, error: Error, mendings: u64) {
        tracing::warn!(id = row.id, code = %error.code.as_str(), "upload met an error");
        let mut change = Change::of(row);
        change.fault = Some(error.fault());
        let mut due = None;
        match error.code.remedy() {
            Remedy::Fail => {
                change.state = RowState::Failed;
                change.waiting = None;
            }
            Remedy::Wait(waiting) => {
                change.state = RowState::Waiting;
                change.waiting = Some(waiting);
                if waiting != Waiting::Network || row.destination == crate::destination::THIS_COMPUTER {
                    // The secret, or who serves this computer's bucket, may be another one next time.
                    self.stores.forget(&row.destination);
                }
            }
            Remedy::Retry => {
                change.tries = row.tries + 1;
                match self.pace.retries.get(row.tries as usize) {
                    Some(pause) => {
                        let pause = jitter(*pause);
                        change.state = RowState::Waiting;
                        change.waiting = Some(Waiting::Retry);
                        change.next_try_at = Some(self.now() + i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
                        due = Some(Instant::now() + pause);
                    }
                    None => {
                        change.state = RowState::Failed;
                        change.waiting = None;
                    }
                }
            }
        }
        let same = change.state == RowState::Waiting
            && change.waiting == row.waiting
            && change.tries == row.tries
            && row.fault.as_ref().is_some_and(|fault| fault.code == error.code);
        self.settle(row, change, due, same).await;
        if let Remedy::Wait(waiting) = error.code.remedy() {
            self.hold_back(row, waiting, &error).await;
            if self.mendings.load(Ordering::Acquire) != mendings {
                // It met what somebody has mended meanwhile.
                self.release(Some(&row.destination));
            }
        }
    }

    /// The others of that destination need not find out one by one.
    async fn hold_back(&self, met: &Row, waiting: Waiting, error: &Error) {
        let others: Vec<Row> = self.hub.with(|live| {
            let held = |entry: &&mut Entry| {
                let free = entry.own && !entry.sending && !entry.held_back;
                let waits = free && entry.row.state == RowState::Queued && !entry.row.wants_name();
                waits && entry.row.destination == met.destination
            };
            // In memory at once, so that none of them starts while the journal is being written.
            let hold = |entry: &mut Entry| {
                let before = entry.row.clone();
                entry.held_back = true;
                entry.row.state = RowState::Waiting;
                entry.row.waiting = Some(waiting);
                before
            };
            live.entries.values_mut().filter(held).map(hold).collect()
        });
        self.secure(others.iter().filter_map(|row| Some((row.id, self.hold_of(row.id)?))).collect()).await;
        let changes = others.into_iter().map(|row| async move {
            let mut change = Change::of(&row);
            change.state = RowState::Waiting;
            change.waiting = Some(waiting);
            change.fault = Some(error.fault());
            self.settle(&row, change, None, false).await;
        });
        futures::future::join_all(changes).await;
    }

    /// From when on it must outlive a power cut that an upload is done. One that can be found out again need not at once: the object
    /// is at the store, and the bytes to compare it with are there, or the store tells their hash.
    pub(super) async fn lasts(&self, row: &Row) -> Last {
        let there = row.spool.is_some() || row.reference.is_some();
        match there || self.names_hash(row).await {
            false => Last::Now,
            true if self.more_will_end() => Last::Together,
            true => Last::Soon,
        }
    }

    /// Whether a row's store is known to tell the SHA-256 of what is put there. This computer's does; of others it shows at the first
    /// object that is looked at.
    async fn names_hash(&self, row: &Row) -> bool {
        if row.destination == THIS_COMPUTER {
            return true;
        }
        let Ok(store) = self.stores.of(&row.destination).await else { return false };
        let known = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(row.destination.clone(), row.bucket.clone())).is_some_and(|(of, tells)| *tells && is_same(of, &store))
    }

    /// Looks at an object that was just put, once for each store: whoever is resident spares later uploads a flush by it.
    pub(super) fn learn_naming(self: &Arc<Self>, row: &Row) {
        if !self.keeps_spool || row.destination == THIS_COMPUTER || row.spool.is_some() || row.reference.is_some() {
            return;
        }
        let (queue, row) = (Arc::clone(self), row.clone());
        self.keeping.spawn(async move {
            let Ok(store) = queue.stores.of(&row.destination).await else { return };
            let known = || queue.naming.lock().unwrap_or_else(PoisonError::into_inner);
            let place = (row.destination.clone(), row.bucket.clone());
            if known().get(&place).is_some_and(|(of, _)| is_same(of, &store)) {
                return;
            }
            if let Ok(Some(object)) = store.stat(&row.bucket, &row.key).await {
                known().insert(place, (Arc::downgrade(&store), object.sha256 == Some(hex::encode(row.prepared))));
            }
        });
    }

    /// Whether uploads are on their way, or about to be, that their stores have not confirmed yet.
    fn more_will_end(&self) -> bool {
        let confirmed = self.confirmed.load(Ordering::Acquire);
        self.hub.with(|live| {
            let starts = |entry: &Entry| !live.paused && !entry.blocked && entry.row.state == RowState::Queued;
            live.entries.values().filter(|entry| entry.own && (entry.sending || starts(entry))).nth(confirmed).is_some()
        })
    }

    /// A row as it is known by now: a task that took it along may have missed that its bytes went to the disk.
    pub(super) fn newest(&self, row: &Row) -> Row {
        self.hub.with(|live| live.entries.get(&row.id).map(|entry| entry.row.clone())).unwrap_or_else(|| row.clone())
    }

    /// Writes what became of a row, and tells. Where the journal cannot be written the row waits in memory and is looked at again.
    pub(super) async fn settle(&self, row: &Row, change: Change, due: Option<Instant>, same: bool) -> bool {
        if change.state != RowState::Done
            && let Some(hold) = self.hold_of(row.id)
        {
            // Whatever it waits for, it is taken only with its bytes on the disk.
            self.secure(vec![(row.id, hold)]).await;
        }
        let over = matches!(change.state, RowState::Done | RowState::Failed | RowState::Cancelled | RowState::Gone);
        let written = if same {
            let mut kept = self.newest(row);
            (kept.state, kept.waiting, kept.fault) = (RowState::Waiting, row.waiting, row.fault.clone());
            Ok(Some(kept))
        } else {
            let last = if change.state == RowState::Done { self.lasts(row).await } else { Last::Now };
            self.journal.change(row, Some(self.owner.clone()), change, last).await
        };
        match written {
            Ok(Some(now)) => {
                let mut probes = self.probes();
                self.hub.with(|live| {
                    if let Some(entry) = live.entries.get_mut(&row.id) {
                        (entry.sending, entry.held_back) = (false, false);
                        entry.body = None;
                        entry.look_first = true;
                        entry.due = due;
                    }
                    let batch = live.batch_of(&now);
                    batch.news |= over || batch.told.is_none();
                    live.put(now.clone(), !over);
                });
                self.plan_probe(&mut probes, &now);
                drop(probes);
                self.hub.tell(&now);
                if now.state == RowState::Done {
                    self.spare_names(&now);
                }
                true
            }
            Ok(None) => {
                // Somebody else decided meanwhile; what they decided arrives as their change.
                self.hub.with(|live| live.entries.remove(&row.id));
                if let Ok(Some(now)) = self.journal.get(row.id).await {
                    // Once it is taken in here, what is heard of it by the journal is no news any more.
                    let over = matches!(now.state, RowState::Done | RowState::Failed);
                    self.hub.with(|live| live.batches.get_mut(&now.batch).map(|batch| batch.news |= over));
                    self.hub.take(&now, false);
                }
                false
            }
            Err(error) => {
                tracing::error!(id = row.id, error = %error, "the journal did not take what became of an upload");
                let mut now = self.newest(row);
                now.state = RowState::Waiting;
                now.waiting = Some(Waiting::Disk);
                now.fault = Some(error.fault());
                let mut probes = self.probes();
                self.hub.with(|live| {
                    if let Some(entry) = live.entries.get_mut(&row.id) {
                        (entry.sending, entry.held_back) = (false, false);
                        entry.body = None;
                        entry.look_first = true;
                    }
                    let batch = live.batch_of(&now);
                    batch.news |= batch.told.is_none();
                    live.put(now.clone(), true);
                });
                self.plan_probe(&mut probes, &now);
                drop(probes);
                self.hub.tell(&now);
                false
            }
        }
    }
}

/// A store is opened anew when its settings change, and may be another one then.
fn is_same(known: &Weak<dyn Store>, store: &Arc<dyn Store>) -> bool {
    std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(store))
}
