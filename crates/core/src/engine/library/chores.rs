//! What the library does to objects of finished uploads: delete after some seconds, forget, rename. Each is written down before it
//! begins, and whoever opens the home next finishes it or takes it back: nothing stays half done.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use imagepic_words::{errors, library as words};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::{Inner, Leaving};
use crate::error::{Code, Error, Remedy, Result};
use crate::event::Event;
use crate::journal::{Chore, ChoreKind, Row, RowState};
use crate::naming::{self, Misnamed};

/// So long a deletion can be taken back.
pub const UNDO_SECONDS: u32 = 8;
/// Objects that are removed at the same time.
const AT_ONCE: usize = 6;
/// Pause before what was taken back is written down once more, where the journal could not.
const AGAIN: Duration = Duration::from_secs(2);

/// Uploads that left the list and may still come back.
#[derive(Debug, Default)]
pub(crate) struct Leavers {
    going: Mutex<HashMap<i64, Stage>>,
    hurry: Arc<Notify>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its seconds are not over.
    Waits,
    /// Taken back, which is still being written down.
    Stays,
    /// Too late to take it back.
    Goes,
}

impl Leavers {
    pub(crate) fn ids(&self) -> Vec<i64> {
        self.with(|going| going.keys().copied().collect())
    }

    pub(crate) fn hurry(&self) {
        self.hurry.notify_waiters();
    }

    /// They are in the list again.
    fn forget(&self, ids: &[i64]) {
        self.with(|going| {
            for id in ids {
                going.remove(id);
            }
        });
    }

    fn with<T>(&self, run: impl FnOnce(&mut HashMap<i64, Stage>) -> T) -> T {
        run(&mut self.going.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    /// The present shows none of what has left the list.
    fn show_leavers(&self) {
        let leaving = self.leavers.ids().into_iter().collect();
        let before = self.hub.with(|live| std::mem::replace(&mut live.leaving, leaving));
        if self.hub.with(|live| live.leaving != before) {
            self.hub.emit(Event::Status);
        }
    }

    pub(super) async fn leave(self: &Arc<Self>, ids: &[i64], kind: ChoreKind) -> Result<Leaving> {
        // Heard from here on: a window may close before the task below first runs.
        let hurried = Arc::clone(&self.leavers.hurry).notified_owned();
        let mut rows = self.journal.rows(ids.to_vec()).await?;
        // One that leaves already leaves once.
        self.leavers.with(|going| rows.retain(|row| going.insert(row.id, Stage::Waits).is_none()));
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let chores = ids.iter().map(|id| Chore { upload: *id, kind, old: String::new(), new: String::new() }).collect();
        if let Err(error) = self.journal.begin_chores(chores).await {
            self.leavers.forget(&ids);
            return Err(error);
        }
        let stay = match self.staying(&rows, kind).await {
            Ok(stay) => stay,
            Err(error) => {
                // Nobody heard that they leave, so they do not.
                self.stay(&ids).await?;
                return Err(error);
            }
        };
        self.show_leavers();
        let (this, leaving) = (Arc::clone(self), ids.clone());
        self.removals.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(u64::from(UNDO_SECONDS))) => {}
                () = hurried => {}
                () = this.ending.cancelled() => {}
                // The next process does it.
                () = this.stop.cancelled() => return,
            }
            this.go_on(leaving, kind).await;
        });
        Ok(Leaving { ids, stay, seconds: UNDO_SECONDS })
    }

    /// How many of these leave the list alone: their objects are somebody else's too.
    async fn staying(&self, rows: &[Row], kind: ChoreKind) -> Result<u32> {
        if kind != ChoreKind::Delete {
            return Ok(0);
        }
        let ids: HashSet<i64> = rows.iter().map(|row| row.id).collect();
        let made: HashSet<(&str, &str)> =
            rows.iter().filter(|row| row.created).map(|row| (row.bucket.as_str(), row.key.as_str())).collect();
        let mut stay = 0;
        for row in rows.iter().filter(|row| row.state == RowState::Done) {
            let naming = self.journal.naming(row.bucket.clone(), row.key.clone()).await?;
            let others: Vec<Row> = naming.into_iter().filter(|other| !ids.contains(&other.id)).collect();
            // Several that share one object go together, and the object with the last of them.
            let ours = made.contains(&(row.bucket.as_str(), row.key.as_str()));
            stay += u32::from(!ours || self.queue.sharer(row, &others).is_some());
        }
        Ok(stay)
    }

    /// Takes back what still waits. Once this is answered nothing removes it; where that cannot be written down at once, it is as soon as it can.
    pub(super) async fn stay(self: &Arc<Self>, ids: &[i64]) -> Result<usize> {
        let mut back: Vec<i64> = Vec::new();
        self.leavers.with(|going| {
            for id in ids {
                if let Some(stage) = going.get_mut(id).filter(|stage| **stage == Stage::Waits) {
                    *stage = Stage::Stays;
                    back.push(*id);
                }
            }
        });
        let written = self.no_longer_leave(&back).await;
        // Shown again only now: a chore that is left behind would be done at the next start.
        self.leavers.forget(&back);
        self.show_leavers();
        if let Err(error) = written {
            let (this, back) = (Arc::clone(self), back);
            self.tasks.spawn_on(
                async move {
                    loop {
                        tokio::select! {
                            () = tokio::time::sleep(AGAIN) => {}
                            () = this.stop.cancelled() => return,
                        }
                        if this.no_longer_leave(&back).await.is_ok() {
                            return;
                        }
                    }
                },
                &self.runtime,
            );
            return Err(error);
        }
        Ok(back.len())
    }

    async fn no_longer_leave(&self, ids: &[i64]) -> Result<()> {
        for kind in [ChoreKind::Delete, ChoreKind::Forget] {
            self.journal.end_chores(ids.to_vec(), kind).await?;
        }
        Ok(())
    }

    /// Removes what nobody took back.
    async fn go_on(self: &Arc<Self>, ids: Vec<i64>, kind: ChoreKind) {
        let ids = self.leavers.with(|going| {
            let mut left = ids;
            left.retain(|id| match going.get_mut(id) {
                Some(stage @ Stage::Waits) => {
                    *stage = Stage::Goes;
                    true
                }
                _ => false,
            });
            left
        });
        let rows = match self.journal.rows(ids.clone()).await {
            Ok(rows) => rows,
            Err(error) => return self.come_back(&ids, &error),
        };
        // Uploads that share an object go one after the other: the last of them takes it along.
        let mut lanes: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
        for row in rows {
            lanes.entry((row.bucket, row.key)).or_default().push(row.id);
        }
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut removing = JoinSet::new();
        for lane in lanes.into_values() {
            let (this, room) = (Arc::clone(self), Arc::clone(&room));
            removing.spawn(async move {
                let _room = room.acquire().await;
                for id in lane {
                    this.remove_one(id, kind).await;
                }
            });
        }
        tokio::select! {
            () = async { while removing.join_next().await.is_some() {} } => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn remove_one(&self, id: i64, kind: ChoreKind) {
        let outcome = match kind {
            ChoreKind::Delete => self.queue.undo(id).await.map(drop),
            ChoreKind::Forget | ChoreKind::Rename => self.queue.forget(id).await,
        };
        match outcome {
            // Somebody else was quicker.
            Err(error) if error.code != Code::NoSuchUpload => {
                // What the network did not let through in the last moment is the next process's.
                let passes = matches!(error.code.remedy(), Remedy::Wait(_) | Remedy::Retry);
                if self.stop.is_cancelled() || (passes && self.ending.is_cancelled()) {
                    return;
                }
                if let Err(error) = self.journal.end_chores(vec![id], kind).await {
                    tracing::warn!(id, %error, "a deletion that failed is tried again at the next start");
                }
                self.come_back(&[id], &error);
            }
            _ => {
                self.leavers.with(|going| going.remove(&id));
                self.show_leavers();
                if let Err(error) = self.journal.end_chores(vec![id], kind).await {
                    tracing::warn!(id, %error, "a deletion is looked at again at the next start");
                }
            }
        }
    }

    /// What could not be removed is in the list again, and it is said why.
    fn come_back(&self, ids: &[i64], error: &Error) {
        self.leavers.forget(ids);
        self.show_leavers();
        self.notice(error);
        self.hub.emit(Event::Status);
    }

    pub(super) async fn rename(self: &Arc<Self>, id: i64, name: &str) -> Result<Row> {
        let begun = self.journal.chores().await?;
        if let Some(chore) = begun.iter().find(|chore| chore.upload == id && chore.kind == ChoreKind::Rename) {
            self.finish_rename(chore).await?;
        }
        let row = self.done(id).await?;
        let new = renamed(&row.key, name).map_err(|error| error.at("name"))?;
        if new == row.key {
            return Ok(row);
        }
        let naming = self.journal.naming(row.bucket.clone(), row.key.clone()).await?;
        let store = self.stores.of(&row.destination).await?;
        let object = store.stat(&row.bucket, &row.key).await?;
        let Some(object) = object else {
            return Err(Error::new(Code::NoSuchObject, words::object_gone(&row.key, &row.bucket)));
        };
        if !row.created && !self.sharing(&row).await?.iter().any(|other| other.created) {
            return Err(Error::new(Code::StoreRefused, words::not_ours(&row.key)));
        }
        if !self.queue.may_remove(&row, &naming, &object) {
            return Err(Error::new(Code::StoreRefused, errors::object_changed(&row.key)));
        }
        let chore = Chore { upload: id, kind: ChoreKind::Rename, old: row.key.clone(), new: new.clone() };
        self.journal.begin_chores(vec![chore]).await?;
        let copied = store.copy_new(&row.bucket, &row.key, &new).await;
        let copied = match copied {
            Ok(copied) => copied,
            Err(error) => {
                // A copy whose answer was lost is looked for at the next start.
                if !matches!(error.code.remedy(), Remedy::Wait(_) | Remedy::Retry) {
                    self.journal.end_chores(vec![id], ChoreKind::Rename).await?;
                }
                return Err(if error.code == Code::NameTaken { error.at("name") } else { error });
            }
        };
        let shown = new.rsplit('/').next().unwrap_or(&new).to_owned();
        let etag = copied.etag.or_else(|| row.etag.clone());
        let Some(now) = self.journal.renamed(id, row.key.clone(), new.clone(), shown, etag.clone()).await? else {
            store.remove(&row.bucket, &new).await?;
            self.journal.end_chores(vec![id], ChoreKind::Rename).await?;
            return Err(Error::new(Code::NoSuchUpload, errors::no_such_upload(id)));
        };
        self.hub.take(&now, false);
        let left = match self.uploads_follow(&row.destination, &row.bucket, &row.key, &new, etag.as_deref()).await {
            Ok(()) => self.remove_old(&row).await,
            // Both names stay.
            Err(error) => Err(error),
        };
        match left {
            Ok(()) => self.journal.end_chores(vec![id], ChoreKind::Rename).await?,
            // The upload has its new name; the object under the old one goes at the next start.
            Err(error) => self.notice(&error),
        }
        // The new name has a link of its own, with a life of its own.
        let linked = super::super::Uploads { inner: Arc::clone(self) }.link(id).await;
        if let Err(error) = linked {
            tracing::info!(id, %error, "no link was made after a rename");
        }
        self.row(id).await
    }

    /// Other finished uploads whose object is this one's: the same bytes were taken more than once.
    pub(super) async fn sharing(&self, row: &Row) -> Result<Vec<Row>> {
        let mut rows = self.uploads_of(&row.destination, &row.bucket, vec![row.key.clone()]).await?;
        rows.retain(|other| other.id != row.id);
        Ok(rows)
    }

    /// After a rename: the object under the old name goes, unless somebody else counts on it who did not follow.
    async fn remove_old(&self, before: &Row) -> Result<()> {
        let naming = self.journal.naming(before.bucket.clone(), before.key.clone()).await?;
        if let Some(other) = self.queue.sharer(before, &naming) {
            return self.journal.pass_on(other.id).await;
        }
        self.stores.of(&before.destination).await?.remove(&before.bucket, &before.key).await
    }

    /// What an earlier process began and did not finish.
    pub(in crate::engine) async fn finish_chores(self: &Arc<Self>) -> Result<()> {
        let (renames, leaves): (Vec<_>, Vec<_>) =
            self.journal.chores().await?.into_iter().partition(|chore| chore.kind == ChoreKind::Rename);
        for kind in [ChoreKind::Delete, ChoreKind::Forget] {
            let ids: Vec<i64> = leaves.iter().filter(|chore| chore.kind == kind).map(|chore| chore.upload).collect();
            if ids.is_empty() {
                continue;
            }
            self.leavers.with(|going| going.extend(ids.iter().map(|id| (*id, Stage::Waits))));
            self.show_leavers();
            self.go_on(ids.clone(), kind).await;
            // Of those whose rows were gone nothing is left to be done.
            let gone: Vec<i64> = self.leavers.with(|going| ids.into_iter().filter(|id| going.remove(id).is_some()).collect());
            self.show_leavers();
            if !self.stop.is_cancelled() {
                self.journal.end_chores(gone, kind).await?;
            }
        }
        for chore in renames {
            if let Err(error) = self.finish_rename(&chore).await {
                tracing::info!(id = chore.upload, %error, "an interrupted rename is looked at again at the next start");
            }
        }
        Ok(())
    }

    async fn finish_rename(&self, chore: &Chore) -> Result<()> {
        if let Some(row) = self.journal.get(chore.upload).await?.filter(|row| row.state == RowState::Done) {
            let store = self.stores.of(&row.destination).await?;
            // The one of the two names that the upload does not have.
            let other = if row.key == chore.new { &chore.old } else { &chore.new };
            let naming = self.journal.naming(row.bucket.clone(), other.clone()).await?;
            if let Some(sharer) = naming.iter().find(|one| one.state == RowState::Done) {
                self.journal.pass_on(sharer.id).await?;
            } else if let Some(object) = store.stat(&row.bucket, other).await?
                && object.id.as_deref() == Some(self.journal.object_id(&row).as_str())
            {
                store.remove(&row.bucket, other).await?;
            }
        }
        self.journal.end_chores(vec![chore.upload], ChoreKind::Rename).await
    }
}

/// The key with another last part; an extension that is left out stays.
fn renamed(key: &str, name: &str) -> Result<String> {
    naming::renamed(key, name).map_err(|wrong| {
        let text = match wrong {
            Misnamed::Empty => words::name_empty(),
            Misnamed::Slash => words::name_slash(),
            Misnamed::Long => words::name_long(naming::LONGEST_KEY),
        };
        Error::new(Code::BadRequest, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_stays_in_its_folder_and_keeps_its_extension() {
        let to = |name| renamed("docs/img/old-9f3a.png", name).map_err(|error| error.code);
        assert_eq!(to("new.png").as_deref(), Ok("docs/img/new.png"));
        assert_eq!(to("v1").as_deref(), Ok("docs/img/v1.png"));
        assert_eq!(to(" 登录页\u{202e}.webp ").as_deref(), Ok("docs/img/登录页.webp"));
        for bad in ["", " . ", "../x.png", "a/b.png", "a\\b.png"] {
            assert_eq!(to(bad), Err(Code::BadRequest), "{bad:?}");
        }
        assert_eq!(to(&"x".repeat(2000)), Err(Code::BadRequest));
        assert_eq!(renamed("root.png", "b").map_err(|error| error.code).as_deref(), Ok("b.png"));
    }
}
