//! The history follows what is done in buckets: an upload whose object is moved there has its new key, and one whose object is removed
//! there leaves the list, as where the library does it.
//!
//! What other programs do to objects is not seen, and what a store tells of itself says nothing of where an object went.

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};

use super::{name, parent};
use crate::destination::Destination;
use crate::engine::Inner;
use crate::error::Result;
use crate::journal::{Moved, Row, RowState};

/// Uploads that leave the list at the same time.
const AT_ONCE: usize = 16;

impl Inner {
    /// The destinations that are one and the same store under several names, itself among them.
    pub(super) fn one_store(&self, id: &str) -> Vec<Destination> {
        let settings = self.hub.settings();
        let Some(here) = settings.destinations.iter().find(|destination| destination.id == id) else { return Vec::new() };
        settings.destinations.iter().filter(|other| here.kind.is_one_store(&other.kind)).cloned().collect()
    }

    /// The finished uploads whose objects these are.
    pub(in crate::engine) async fn uploads_of(&self, id: &str, bucket: &str, keys: Vec<String>) -> Result<Vec<Row>> {
        let mut rows = self.journal.naming_any(bucket.to_owned(), keys).await?;
        if rows.is_empty() {
            return Ok(rows);
        }
        let stores = self.one_store(id);
        rows.retain(|row| row.state == RowState::Done && stores.iter().any(|store| store.id == row.destination));
        Ok(rows)
    }

    /// What this home uploaded of these keys, the newest where a name was used again.
    pub(super) async fn uploads_by_key(&self, id: &str, bucket: &str, keys: Vec<String>) -> HashMap<String, Row> {
        let rows = self.uploads_of(id, bucket, keys).await.unwrap_or_else(|error| {
            tracing::warn!(%error, bucket, "links are made without the sizes of own uploads");
            Vec::new()
        });
        // The journal gives them oldest first.
        rows.into_iter().map(|row| (row.key.clone(), row)).collect()
    }

    /// An object has been copied to another key and is about to leave the old one.
    ///
    /// # Errors
    /// The journal's: the object should stay where it was then.
    pub(in crate::engine) async fn uploads_follow(
        &self,
        id: &str,
        bucket: &str,
        from: &str,
        to: &str,
        etag: Option<&str>,
    ) -> Result<()> {
        let rows = self.uploads_of(id, bucket, vec![from.to_owned()]).await?;
        let mut moved = Vec::with_capacity(rows.len());
        for row in rows {
            moved.push(Moved {
                id: row.id,
                old: from.to_owned(),
                new: to.to_owned(),
                // A name that was chosen anew is what it is called; a file's own name outlives a move.
                name: if name(from) == name(to) { row.name.clone() } else { name(to).to_owned() },
                folder: folder(&row.folder, from, to),
                etag: etag.map(str::to_owned).or_else(|| row.etag.clone()),
                expires_at: self.queue.expires_at(&row.destination, bucket, to).await,
            });
        }
        if moved.is_empty() {
            return Ok(());
        }
        for row in self.journal.moved(moved).await? {
            self.now_is(&row);
        }
        Ok(())
    }

    /// The uploads that leave the list once these objects are removed. To be asked for before that: a key that is free may be
    /// another upload's a moment later.
    pub(super) async fn uploads_at(&self, id: &str, bucket: &str, keys: Vec<String>) -> Vec<Row> {
        self.uploads_of(id, bucket, keys).await.unwrap_or_else(|error| {
            tracing::warn!(%error, bucket, "the history will still name objects that are removed");
            Vec::new()
        })
    }

    /// The objects of these have been removed: they leave the list, also where nobody waits for that any more.
    pub(super) async fn uploads_leave(self: &Arc<Self>, rows: Vec<Row>) {
        if rows.is_empty() {
            return;
        }
        let this = Arc::clone(self);
        let leaving = async move {
            // Side by side, so that their commits share a flush.
            let each = rows.into_iter().map(|row| {
                let this = Arc::clone(&this);
                async move { this.leaves(&row).await }
            });
            let mut each = stream::iter(each).buffer_unordered(AT_ONCE);
            while let Some(left) = each.next().await {
                if let Err(error) = left {
                    tracing::warn!(%error, "the history still names an object that was removed");
                }
            }
        };
        // A removal that is cut short by the end leaves no upload behind whose object is gone.
        if let Err(error) = self.removals.spawn_on(leaving, &self.runtime).await {
            tracing::warn!(%error, "the history may still name objects that were removed");
        }
    }

    async fn leaves(&self, row: &Row) -> Result<()> {
        let now = self.journal.get(row.id).await?;
        // It may have been moved elsewhere in time, or deleted by hand.
        let still = |now: &Row| now.state == RowState::Done && (&now.bucket, &now.key) == (&row.bucket, &row.key);
        if now.is_some_and(|now| still(&now)) { self.queue.forget(row.id).await } else { Ok(()) }
    }

    /// An upload that is over is as the journal has it now: menus and windows hear it.
    pub(super) fn now_is(&self, row: &Row) {
        self.hub.with(|live| {
            let ended = live.ended.as_mut().and_then(|ended| ended.get_mut(&row.id));
            for known in ended.into_iter().chain(live.recent.iter_mut().find(|recent| recent.id == row.id)) {
                known.clone_from(row);
            }
        });
        self.hub.tell(row);
    }
}

/// The folder an upload went to, once its object lies under another key: of two names for one tree the part that moved is replaced.
fn folder(before: &str, from: &str, to: &str) -> String {
    let (from, to) = (parent(from), parent(to));
    if from == to {
        return before.to_owned();
    }
    // What a template put between the folder and the name stays below it.
    let inner = if before.is_empty() { Some(from) } else { from.strip_prefix(before).and_then(|rest| rest.strip_prefix('/')) };
    let above = inner.and_then(|inner| to.strip_suffix(inner)).unwrap_or(to);
    above.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_that_was_moved_belongs_to_the_folder_it_was_moved_to() {
        for (before, from, to, after) in [
            ("docs", "docs/a.png", "docs/b.png", "docs"),
            ("docs", "docs/a.png", "other/a.png", "other"),
            ("docs", "docs/a.png", "a.png", ""),
            ("", "a.png", "docs/a.png", "docs"),
            ("docs/img", "docs/img/a.png", "text/img/a.png", "text/img"),
            ("docs", "docs/2026/11/a.png", "text/2026/11/a.png", "text"),
            ("docs", "docs/2026/11/a.png", "text/a.png", "text"),
            ("", "2026/a.png", "old/2026/a.png", "old"),
        ] {
            assert_eq!(folder(before, from, to), after, "{before}: {from} → {to}");
        }
    }
}
