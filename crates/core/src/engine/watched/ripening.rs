//! Until a file is complete: found or heard of, waited for, and looked at until it stands still and ends as it should.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{Folder, Heard, Pending, SETTLE, UNCHANGED, UNFINISHED};
use crate::engine::sources::{crowded, is_image};
use crate::error::{Code, Error, Result};
use crate::queue::blocking;
use crate::settings::WatchedFolder;
use crate::sources::folder::{self, End, Look};

impl Folder {
    /// Waits for a file to be complete, if it counts; `look`: as it was a moment ago.
    pub(super) fn await_(&mut self, path: PathBuf, look: Look, heard: Heard, root: &Path, recursive: bool) {
        if !folder::counts(root, &path, recursive) || self.belongs_to_another(&path) {
            return;
        }
        if self.known.get(&path) == Some(&look.stamp) {
            return;
        }
        let now = Instant::now();
        let due = now + if heard == Heard::Complete { SETTLE } else { UNCHANGED.0 };
        self.pending.insert(path, Pending { stamp: look.stamp, heard, since: now, due });
    }

    /// A folder inside this one that is watched by itself has its own destination.
    fn belongs_to_another(&self, path: &Path) -> bool {
        let Some(inner) = self.inner.upgrade() else { return true };
        let settings = inner.hub.settings();
        let deeper = |folder: &WatchedFolder| {
            folder.path != self.path && folder.path.starts_with(&self.path) && path.starts_with(&folder.path)
        };
        settings.capture.folders.iter().any(|folder| folder.enabled && deeper(folder))
    }

    /// Looks for files nobody told of. `only_new`: those that arrived since it is watched.
    pub(super) async fn search(&mut self, root: &Path, from: &Path, recursive: bool, only_new: bool) -> Result<()> {
        let (root_, from, since) = (root.to_owned(), from.to_owned(), self.since);
        let (found, more) = blocking(move || {
            let files = folder::files(&root_, &from, recursive);
            let looked = files.paths.into_iter().filter_map(|path| folder::look(&path).map(|look| (path, look)));
            Ok((looked.filter(|(_, look)| !only_new || look.arrived >= since).collect::<Vec<_>>(), files.more))
        })
        .await?;
        for (path, look) in found {
            if !self.pending.contains_key(&path) {
                self.await_(path, look, Heard::There, root, recursive);
            }
        }
        if more {
            self.is_crowded();
        }
        Ok(())
    }

    /// Says once that not all of it is looked through.
    fn is_crowded(&mut self) {
        if self.crowded.is_some() {
            return;
        }
        let error = crowded(&self.path);
        self.crowded = Some(error.text.clone());
        self.tell(self.state(), self.crowded.clone());
        if let Some(inner) = self.inner.upgrade() {
            inner.notice(&error);
        }
    }

    /// Moves what is complete from what is waited for to what is given.
    pub(super) async fn ripen(&mut self, now: Instant) {
        let due: Vec<PathBuf> =
            self.pending.iter().filter(|(_, pending)| pending.due <= now).map(|(path, _)| path.clone()).collect();
        if due.is_empty() {
            return;
        }
        let Some(inner) = self.inner.upgrade() else { return };
        let settings = inner.hub.settings();
        let any_file = self.wish(&inner).is_some_and(|wish| match &wish.destination {
            Some(id) => settings.find(id).is_ok_and(|to| to.any_file),
            None => settings.current().any_file,
        });
        let Ok(seen) = inner.seen().await else { return };
        let looked = blocking(move || {
            let look = |path: PathBuf| {
                let look = folder::look(&path)?;
                let known = seen.knows(&path, look.stamp).unwrap_or_default();
                let wanted = any_file || is_image(&path);
                let end = folder::end(&path);
                Some((path, look.stamp, known, wanted, end))
            };
            Ok(due.into_iter().map(|path| (path.clone(), look(path))).collect::<Vec<_>>())
        })
        .await
        .unwrap_or_default();
        for (path, found) in looked {
            let Some(pending) = self.pending.get_mut(&path) else { continue };
            let Some((_, stamp, known, wanted, end)) = found else {
                self.pending.remove(&path);
                continue;
            };
            if stamp != pending.stamp {
                pending.stamp = stamp;
                pending.since = now;
                pending.due = now + if pending.heard == Heard::Complete { SETTLE } else { UNCHANGED.0 };
                continue;
            }
            let rest = now.saturating_duration_since(pending.since);
            let (complete, next) = match (pending.heard, end) {
                (Heard::Complete, _) => (true, SETTLE),
                (Heard::There, End::Whole) => (rest >= UNCHANGED.0, UNCHANGED.0),
                (Heard::There, End::Unknown) => (rest >= UNCHANGED.1, UNCHANGED.1.saturating_sub(rest)),
                (Heard::There, End::Missing) => (false, UNFINISHED),
            };
            if !complete {
                pending.due = now + next.max(SETTLE);
                continue;
            }
            self.pending.remove(&path);
            self.known.insert(path.clone(), stamp);
            if known {
                continue;
            }
            if wanted {
                self.first.get_or_insert(now);
                self.last = now;
                self.ready.push((path, stamp));
            } else if crate::engine::listen::looks_like_image(&path) {
                let text = imagepic_words::errors::not_an_image(path.display(), &settings.current().name);
                inner.notice(&Error::new(Code::NotAnImage, text));
            } else {
                tracing::debug!(path = %path.display(), "no image, and its destination takes images only");
            }
        }
    }
}
