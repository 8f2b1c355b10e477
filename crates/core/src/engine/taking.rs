//! One thing on its way in: read and prepared on a thread for blocking work, shown while that takes its time, and stopped where somebody
//! takes it back.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use imagepic_media::convert::Format;
use tokio_util::sync::CancellationToken;

use super::Inner;
use crate::destination::Destination;
use crate::error::{Code, Result};
use crate::intake::{self, Item, Refused, Taken, To};
use crate::live::place_of;
use crate::prepare::Watched;
use crate::sources::fetches::{Fetch, Shown};

pub(super) fn spools(taken: &[std::result::Result<(Item, Taken, Unnamed), Refused>]) -> bool {
    taken.iter().flatten().any(|(_, taken, _)| taken.spool.is_some())
}

/// A file in the spool that no row names yet: it goes with this.
pub(super) struct Unnamed {
    file: Option<PathBuf>,
    /// As what it is shown meanwhile, and can be taken back.
    fetch: Option<Box<Fetch>>,
}

impl Unnamed {
    pub(super) fn of(taken: &Taken, spool: &Path, shown: Option<&Shown>) -> Self {
        Self { file: taken.spool.as_ref().map(|name| spool.join(name)), fetch: shown.map(|shown| Box::new(shown.fetch.clone())) }
    }

    /// The file, which stays from here on.
    ///
    /// # Errors
    /// `Cancelled` where it was taken back; it goes then.
    pub(super) fn into_file(mut self, item: &Item) -> Result<Option<PathBuf>> {
        self.fetch.as_ref().map_or(Ok(()), |fetch| fetch.go(intake::called(item)))?;
        Ok(self.file.take())
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// One thing that was given.
pub(super) enum Given {
    /// To be taken.
    Item(Item),
    /// Fetched, and taken then.
    Taken(Item, Box<Taken>, Unnamed),
}

impl Given {
    pub(super) const fn item(&self) -> &Item {
        match self {
            Self::Item(item) | Self::Taken(item, ..) => item,
        }
    }
}

/// Reads, checks, hashes and spools one. Blocks.
pub(super) fn take_one(item: &Item, destination: &Destination, to: To<'_>, queue: &crate::queue::Queue) -> Result<Taken> {
    let take = || intake::take(item, destination, &destination.name, to);
    // What is kept for thumbnails gives way first.
    match take() {
        Err(error) if error.code == Code::DiskFull && queue.release_kept() => take(),
        other => other,
    }
}

/// Something whose bytes are here already, shown from when another picture begins to be made of it.
pub(super) struct Making<'a> {
    inner: &'a Inner,
    item: &'a Item,
    to: &'a Destination,
    cancel: CancellationToken,
    shown: Mutex<Option<Shown>>,
}

impl<'a> Making<'a> {
    pub(super) fn new(inner: &'a Inner, item: &'a Item, to: &'a Destination) -> Self {
        Self { inner, item, to, cancel: inner.making.child_token(), shown: Mutex::default() }
    }

    /// How it is shown, where it is: until the upload is.
    pub(super) fn into_shown(self) -> Option<Shown> {
        self.shown.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched for Making<'_> {
    fn making(&self, format: Format, bytes: u64) {
        let inner = self.inner;
        let (id, name) = (inner.sources.next_fetch(), intake::called(self.item).to_owned());
        let fetch = Fetch::new(id, String::new(), name, place_of(self.to), inner.queue.now(), self.cancel.clone());
        let shown = Shown::new(Arc::clone(&inner.hub), fetch.here(self.item.source, format, bytes));
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
    }

    fn stopped(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

/// Something that was fetched, and is shown since.
pub(super) struct Fetched {
    pub(super) inner: Arc<Inner>,
    pub(super) shown: Arc<Shown>,
    pub(super) cancel: CancellationToken,
}

impl Watched for Fetched {
    fn making(&self, format: Format, bytes: u64) {
        self.shown.makes(format, bytes);
    }

    fn stopped(&self) -> bool {
        self.cancel.is_cancelled() || self.inner.making.is_cancelled()
    }
}
