//! Keeping true what menus are filled from: asked in the background when it is due, never because somebody looks.
//!
//! Own uploads are taken in as they are done; what a store tells by itself comes by `news`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::cache::{Moment, Want};
use super::{Folder, ListedObject, Spot, gather};
use crate::destination::Destination;
use crate::engine::Inner;
use crate::error::Result;
use crate::journal::{Row, RowState};
use crate::store::Store;
use futures::StreamExt as _;

/// The tray comes first at a start.
const FIRST: Duration = Duration::from_millis(1500);
/// Several reasons to ask are one.
const GATHER: Duration = Duration::from_millis(300);
/// Requests to one store at a time.
const AT_ONCE: usize = 3;
/// Rounds of one refresh: what a listing brings leads to further places.
const ROUNDS: usize = 5;
/// Entries that are looked at for the newest where uploads go, and elsewhere.
const DEEP: usize = 5000;
const SHALLOW: usize = 1000;

/// A computer that was woken is noticed after this.
const STEP: Duration = Duration::from_secs(30);

/// Sleeps so long, or until it turns out that the computer slept: timers stand still then, and what is shown grows old.
async fn rest(time: Duration) {
    let begun = Moment::now();
    loop {
        let now = Moment::now();
        let left = time.saturating_sub(now.since(begun));
        if left.is_zero() || now.slept_since(begun) {
            return;
        }
        tokio::time::sleep(left.min(STEP)).await;
    }
}

impl Inner {
    /// Begins to keep menus true, until the engine closes.
    pub(crate) fn keep_browsing(self: &Arc<Self>) {
        self.tasks.spawn(Arc::clone(self).follow_uploads());
        self.tasks.spawn(Arc::clone(self).follow_news());
        self.tasks.spawn(Arc::clone(self).refresh_when_due());
    }

    async fn refresh_when_due(self: Arc<Self>) {
        let mut settings = self.hub.settings_changes();
        let mut pause = FIRST;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            let next = tokio::select! {
                () = self.stop.cancelled() => return,
                next = self.refresh() => next,
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = rest(next) => {}
                () = self.browsed.wake.notified() => {}
                changed = settings.changed() => if changed.is_err() { return },
            }
            pause = GATHER;
        }
    }

    /// Asks everything that is due; after how long there will be more.
    async fn refresh(self: &Arc<Self>) -> Duration {
        let settings = self.hub.settings();
        let here = settings.current();
        let current = here.id.clone();
        let prefix = if here.folder.is_empty() { String::new() } else { format!("{}/", here.folder) };
        let spot = Spot { destination: current.clone(), bucket: here.bucket.clone(), prefix };
        self.browsed.stands(Some(spot).filter(|spot| !spot.bucket.is_empty()));
        let each = settings.destinations.iter().map(|destination| self.refresh_one(destination, destination.id == current));
        // Side by side: one that does not answer holds up no other.
        let nexts = futures::future::join_all(each).await;
        nexts.into_iter().min().unwrap_or(Duration::from_secs(3600))
    }

    async fn refresh_one(self: &Arc<Self>, destination: &Destination, present: bool) -> Duration {
        let mut changed = false;
        for _ in 0..ROUNDS {
            let (due, next) = self.browsed.due(destination, present, Moment::now());
            if due.is_empty() {
                self.tell_listing(destination, changed);
                return next;
            }
            let store = match self.stores.of(&destination.id).await {
                Ok(store) => store,
                Err(error) => {
                    tracing::debug!(%error, destination = destination.id, "a menu cannot be filled");
                    changed |= self.browsed.keep_buckets(&destination.id, Err(error));
                    break;
                }
            };
            let mut asked =
                futures::stream::iter(due).map(|want| self.ask(destination, Arc::clone(&store), want)).buffer_unordered(AT_ONCE);
            while let Some(differs) = asked.next().await {
                changed |= differs;
                // The first that nobody answers is the last that is asked.
                if self.browsed.is_out(&destination.id) {
                    break;
                }
            }
        }
        self.tell_listing(destination, changed);
        self.browsed.due(destination, present, Moment::now()).1.max(GATHER)
    }

    /// One request, or the few of one place; whether what a menu shows differs now.
    async fn ask(&self, destination: &Destination, store: Arc<dyn Store>, want: Want) -> bool {
        match want {
            Want::Buckets => {
                let answer = store.buckets().await.map(|all| all.into_iter().map(|bucket| bucket.name).collect());
                self.browsed.keep_buckets(&destination.id, answer)
            }
            Want::Place(bucket, prefix, here) => {
                let most = if here { DEEP } else { SHALLOW };
                let answer: Result<Folder> =
                    gather(store.as_ref(), &bucket, &prefix, most).await.map(|listing| Folder::of(&listing));
                self.browsed.keep_place(&destination.id, &bucket, &prefix, answer)
            }
        }
    }

    fn tell_listing(&self, destination: &Destination, changed: bool) {
        if changed {
            self.tell_menus(&destination.id);
        }
    }

    /// What menus show of a destination is different; nothing is said of any one place.
    pub(super) fn tell_menus(&self, destination: &str) {
        self.tell_place(destination, "", "");
    }

    /// Takes in what this home has uploaded, without asking anybody.
    async fn follow_uploads(self: Arc<Self>) {
        let mut changes = self.hub.generations();
        let mut seen: BTreeSet<i64> = self.hub.with(|live| live.recent.iter().map(|row| row.id).collect());
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
            }
            let recent: Vec<Row> = self.hub.with(|live| live.recent.iter().cloned().collect());
            let new: Vec<&Row> = recent.iter().filter(|row| row.state == RowState::Done && !seen.contains(&row.id)).collect();
            if new.is_empty() {
                continue;
            }
            let mut places = BTreeSet::new();
            for row in new {
                let object = ListedObject { key: row.key.clone(), size: row.size, modified: row.done_at, etag: None };
                let place = self.browsed.came(&row.destination, &row.bucket, &object);
                let spot = Spot { destination: row.destination.clone(), bucket: row.bucket.clone(), prefix: place.clone() };
                self.browsed.used(spot);
                places.insert((row.destination.clone(), row.bucket.clone(), place));
            }
            seen = recent.iter().map(|row| row.id).collect();
            for (destination, bucket, prefix) in places {
                self.tell_place(&destination, &bucket, &prefix);
            }
        }
    }
}
