//! The history follows what is done in buckets: an upload whose object is moved there has its new key, and one whose object is removed
//! there leaves the list, as where the library does it.
//!
//! What other programs do to objects is not seen, and what a store tells of itself says nothing of where an object went.

use super::{name, parent};
use crate::destination::{Destination, Kind};
use crate::engine::Inner;
use crate::error::Result;
use crate::journal::{Moved, Row, RowState};

impl Inner {
    /// The destinations that are one and the same store under several names, itself among them.
    pub(super) fn one_store(&self, id: &str) -> Vec<Destination> {
        let settings = self.hub.settings();
        let Some(here) = settings.destinations.iter().find(|destination| destination.id == id) else { return Vec::new() };
        let same = |other: &&Destination| match (&here.kind, &other.kind) {
            (Kind::ThisComputer, Kind::ThisComputer) => true,
            (Kind::S3(one), Kind::S3(other)) => host(&one.endpoint) == host(&other.endpoint),
            (Kind::Team(one), Kind::Team(other)) => host(&one.server) == host(&other.server),
            _ => false,
        };
        settings.destinations.iter().filter(same).cloned().collect()
    }

    /// The finished uploads whose objects these are.
    async fn uploads_of(&self, id: &str, bucket: &str, keys: Vec<String>) -> Result<Vec<Row>> {
        let mut rows = self.journal.naming_any(bucket.to_owned(), keys).await?;
        if rows.is_empty() {
            return Ok(rows);
        }
        let stores = self.one_store(id);
        rows.retain(|row| row.state == RowState::Done && stores.iter().any(|store| store.id == row.destination));
        Ok(rows)
    }

    /// An object has been copied to another key and is about to leave the old one.
    ///
    /// # Errors
    /// The journal's: the object should stay where it was then.
    pub(super) async fn uploads_follow(&self, id: &str, bucket: &str, from: &str, to: &str, etag: Option<&str>) -> Result<()> {
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

    /// Objects have been removed: their uploads leave the list.
    pub(super) async fn uploads_leave(&self, id: &str, bucket: &str, keys: Vec<String>) {
        let gone = async {
            for row in self.uploads_of(id, bucket, keys).await? {
                self.queue.forget(row.id).await?;
            }
            Ok::<(), crate::Error>(())
        };
        if let Err(error) = gone.await {
            tracing::warn!(%error, bucket, "the history still names objects that were removed");
        }
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

fn host(address: &str) -> String {
    address.trim().trim_end_matches(['/', '.']).to_lowercase()
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
