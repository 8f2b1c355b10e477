//! What people do to uploads, and what other processes did to them.

use std::sync::Arc;
use std::thread;

use imagepic_words::errors;

use super::Queue;
use crate::error::{Code, Error, Result, Waiting};
use crate::event::Event;
use crate::home::SMALL;
use crate::journal::{Change, Row, RowState};
use crate::store::Object;

impl Queue {
    pub(super) async fn row(&self, id: i64) -> Result<Row> {
        let row = self.journal.get(id).await?;
        row.filter(|row| row.state != RowState::Gone).ok_or_else(|| Error::new(Code::NoSuchUpload, errors::no_such_upload(id)))
    }

    /// Stops an upload that is not over; one that is done stays (undo takes it back).
    pub(crate) async fn cancel(&self, id: i64) -> Result<()> {
        let row = self.row(id).await?;
        if !matches!(row.state, RowState::Queued | RowState::Waiting) {
            return Ok(());
        }
        let sending = self.hub.with(|live| {
            let entry = live.entries.get(&id)?;
            (entry.own && entry.sending).then(|| entry.cancel.clone())
        });
        if let Some(cancel) = sending {
            // Its own task writes the journal, so that the two never disagree.
            let mut changes = self.hub.generations();
            cancel.cancel();
            while self.hub.with(|live| live.entries.get(&id).is_some_and(|entry| entry.sending)) {
                if changes.changed().await.is_err() {
                    break;
                }
            }
            return Ok(());
        }
        if let Some(hold) = self.hold_of(id) {
            self.secure(vec![(id, hold)]).await;
        }
        let mut change = Change::of(&row);
        change.state = RowState::Cancelled;
        change.fault = Some(Error::new(Code::Cancelled, errors::cancelled(&row.name)).fault());
        change.waiting = None;
        if let Some(now) = self.journal.change(&row, row.owner.clone(), change, super::Last::Now).await? {
            self.hub.with(|live| live.batch_of(&now).news = true);
            self.hub.take(&now, false);
            self.keep_spool(&now);
            self.wake();
        }
        Ok(())
    }

    /// Tries again: what failed, was cancelled, or waits, or was left by a process that has ended.
    pub(crate) async fn retry(&self, id: i64) -> Result<()> {
        let row = self.row(id).await?;
        self.stores.forget(&row.destination);
        let sending = self.hub.with(|live| live.entries.get(&id).is_some_and(|entry| entry.sending));
        if row.state != RowState::Done {
            self.claim_spool(&row);
        }
        let reopened = if sending { None } else { self.journal.reopen(id, self.owner.clone(), self.dead().await?).await? };
        let Some(reopened) = reopened else {
            return Err(Error::new(Code::BadRequest, errors::cannot_retry(&row.name)));
        };
        self.hub
            .with(|live| if row.wants_name() { self.released(live, &reopened) } else { live.batch_of(&reopened).told = None });
        self.adopt(&reopened);
        self.wake();
        Ok(())
    }

    /// Takes an upload back: its object is removed if this home put it there, nobody else counts on it, and it is still the same. Whether
    /// nothing of it is left in the bucket.
    pub(crate) async fn undo(&self, id: i64) -> Result<bool> {
        let row = self.row(id).await?;
        let mut gone = true;
        match row.state {
            RowState::Done => {}
            RowState::Queued | RowState::Waiting => {
                self.cancel(id).await?;
                // It may have been done at that very moment.
                let now = self.row(id).await?;
                if now.state == RowState::Done {
                    gone = self.remove_object(&now).await?;
                }
            }
            RowState::Failed | RowState::Cancelled | RowState::Gone => {}
        }
        if row.state == RowState::Done {
            gone = self.remove_object(&row).await?;
        }
        self.go(&self.row(id).await?).await?;
        Ok(gone)
    }

    /// `false` where the object stays, because it was there before or another upload counts on it.
    async fn remove_object(&self, row: &Row) -> Result<bool> {
        if !row.created {
            return Ok(false);
        }
        let naming = self.journal.naming(row.bucket.clone(), row.key.clone()).await?;
        if let Some(other) = self.sharer(row, &naming) {
            // The object stays for the others, and the last of them takes it along.
            self.journal.pass_on(other.id).await?;
            return Ok(false);
        }
        let store = self.stores.of(&row.destination).await?;
        let Some(object) = store.stat(&row.bucket, &row.key).await? else { return Ok(true) };
        if !self.may_remove(row, &naming, &object) {
            return Err(Error::new(Code::StoreRefused, errors::object_changed(&row.key)));
        }
        store.remove(&row.bucket, &row.key).await?;
        Ok(true)
    }

    /// Whether an object is the one a row put, unchanged; `naming` are the rows that name its key.
    pub(crate) fn may_remove(&self, row: &Row, naming: &[Row], object: &Object) -> bool {
        let mark = match (&object.id, &object.sha256) {
            // Whichever row of this home put it: the duty may have been passed on.
            (Some(id), _) => naming.iter().any(|maker| self.journal.object_id(maker) == *id),
            // Bytes of ours that bear no mark were put by another home.
            (None, Some(_)) => false,
            // A store that keeps no metadata.
            (None, None) => object.etag.is_some() && row.etag.is_some(),
        };
        let hash = object.sha256.as_ref().is_none_or(|sha256| *sha256 == hex::encode(row.prepared));
        mark && hash && (row.etag.is_none() || object.etag.is_none() || object.etag == row.etag)
    }

    /// Takes an upload off the list for good and leaves its object where it is; the duty to remove that goes to another who counts on it.
    pub(crate) async fn forget(&self, id: i64) -> Result<()> {
        let row = self.row(id).await?;
        if matches!(row.state, RowState::Queued | RowState::Waiting) {
            self.cancel(id).await?;
        }
        if row.state == RowState::Done && row.created {
            let naming = self.journal.naming(row.bucket.clone(), row.key.clone()).await?;
            if let Some(other) = self.sharer(&row, &naming) {
                self.journal.pass_on(other.id).await?;
            }
        }
        self.go(&self.row(id).await?).await
    }

    /// Another finished upload that counts on the row's object, of all that name its key. Destinations may be one and the same place
    /// under several names; what a destination that is gone stood for is not known, so it counts.
    pub(crate) fn sharer<'a>(&self, row: &Row, naming: &'a [Row]) -> Option<&'a Row> {
        let settings = self.hub.settings();
        let place = |id: &str| settings.destinations.iter().find(|destination| destination.id == id).map(|known| &known.kind);
        let here = place(&row.destination);
        // A destination that is gone may have been any.
        let same_place = |other: &Row| match (here, place(&other.destination)) {
            (Some(here), Some(there)) => other.destination == row.destination || here.may_be_one_store(there),
            _ => true,
        };
        naming.iter().find(|other| other.id != row.id && other.state == RowState::Done && same_place(other))
    }

    /// Takes a failed or cancelled upload off the list for good; one that is done only off the present, the history keeps it.
    pub(crate) async fn dismiss(&self, id: i64) -> Result<()> {
        let row = self.row(id).await?;
        match row.state {
            RowState::Failed | RowState::Cancelled => self.go(&row).await,
            RowState::Done => {
                self.hub.with(|live| live.recent.retain(|recent| recent.id != id));
                self.hub.emit(Event::Gone { id });
                self.hub.tell_status();
                Ok(())
            }
            _ => Err(Error::new(Code::BadRequest, errors::still_sending(&row.name))),
        }
    }

    async fn go(&self, row: &Row) -> Result<()> {
        let mut change = Change::of(row);
        change.state = RowState::Gone;
        change.forgets_spool = true;
        let gone = self.journal.change(row, None, change, super::Last::Now).await?;
        self.drop_spool(row);
        // What it looked like is nobody's business any more, unless another upload is of the same bytes.
        if gone.is_some() && !self.journal.holds(row.prepared).await? {
            let small = self.home.thumbnail(&row.prepared);
            super::blocking(move || {
                SMALL.iter().for_each(|end| drop(std::fs::remove_file(small.with_extension(end))));
                Ok(())
            })
            .await?;
        }
        if let Some(gone) = gone {
            self.hub.take(&gone, false);
        }
        Ok(())
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.hub.with(|live| live.paused = paused);
        // Whoever waits behind this queue can say why.
        self.home.say_paused(&self.owner, paused);
        self.hub.tell_status();
        self.hub.emit(Event::Status);
        self.wake();
    }

    /// Looks at what other processes wrote. `takes_over`: goes on with what nobody sends any more.
    pub(crate) async fn look(self: &Arc<Self>, takes_over: bool) -> Result<()> {
        loop {
            let seen = self.journal.seen();
            let (news, upto) = self.journal.since(seen).await?;
            for row in &news {
                self.heard(row);
            }
            self.journal.saw(upto);
            if upto == seen {
                break;
            }
        }
        let unblocked = self.hub.with(|live| {
            let mut any = false;
            for entry in live.entries.values_mut().filter(|entry| entry.blocked) {
                entry.blocked = false;
                if entry.row.state == RowState::Waiting && entry.row.waiting == Some(Waiting::Turn) {
                    entry.row.state = RowState::Queued;
                }
                any = true;
            }
            any
        });
        if unblocked {
            self.wake();
        }
        if takes_over {
            let unowned = self.hub.with(|live| {
                live.entries.values().any(|entry| {
                    !entry.own
                        && matches!(entry.row.state, RowState::Queued | RowState::Waiting)
                        && entry.row.owner.as_ref().is_none_or(|owner| !self.home.alive(owner))
                })
            });
            if unowned {
                self.recover().await?;
            }
            self.watch_owners();
        }
        Ok(())
    }

    fn heard(&self, row: &Row) {
        let mine = row.owner.as_deref() == Some(self.owner.as_str());
        let stopped = matches!(row.state, RowState::Cancelled | RowState::Gone);
        let known = self.hub.with(|live| {
            if let Some(entry) = live.entries.get(&row.id)
                && entry.own
                && entry.sending
                && stopped
            {
                entry.cancel.cancel();
            }
            let open = live.entries.get(&row.id).map(|entry| entry.row.state);
            let was = open.or_else(|| live.recent.iter().find(|recent| recent.id == row.id).map(|recent| recent.state));
            if let Some(batch) = live.batches.get_mut(&row.batch) {
                // A link made anew, or another name, is no news: its batch would be told, and its links copied, once more.
                let news = was.map_or(batch.told.is_none(), |was| was != row.state);
                batch.news |= news && matches!(row.state, RowState::Done | RowState::Failed);
            }
            live.entries.contains_key(&row.id) || live.recent.iter().any(|recent| recent.id == row.id)
        });
        if !known && stopped {
            return;
        }
        if matches!(row.state, RowState::Queued | RowState::Waiting) {
            self.claim_spool(row);
        }
        self.hub.take(row, mine);
        if row.state == RowState::Done {
            self.spare_names(row);
        }
        if mine && stopped {
            self.wake();
        }
    }

    /// A process that dies says nothing; but its lock becomes free, and a thread that waits for it hears that.
    pub(crate) fn watch_owners(self: &Arc<Self>) {
        let owners: Vec<String> = self.hub.with(|live| {
            let foreign = live.entries.values().filter(|entry| !entry.own && entry.row.state != RowState::Failed);
            let mut owners: Vec<String> = foreign.filter_map(|entry| entry.row.owner.clone()).collect();
            owners.sort();
            owners.dedup();
            owners
        });
        for owner in owners {
            {
                let mut watched = self.watched.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if !watched.insert(owner.clone()) {
                    continue;
                }
            }
            let queue = Arc::downgrade(self);
            let path = self.home.run().join(&owner);
            let runtime = tokio::runtime::Handle::current();
            let watching = thread::Builder::new().name("owner-watch".to_owned()).spawn(move || {
                if let Ok(file) = std::fs::File::open(&path) {
                    let _ = file.lock_shared();
                }
                let Some(queue) = queue.upgrade() else { return };
                queue.watched.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&owner);
                if queue.stop.is_cancelled() {
                    return;
                }
                runtime.spawn(async move {
                    queue.heard.notify_one();
                });
            });
            if let Err(error) = watching {
                tracing::warn!(%error, "no thread to wait for another process");
            }
        }
    }
}
