//! Counts what durability costs: wall time flatters where a virtual disk answers an fsync at once.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often the bucket asked the system to make something durable, since it was opened.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) blobs: AtomicU64,
    pub(crate) folders: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
}

impl Counters {
    /// Fsyncs of blob files.
    pub fn blob_syncs(&self) -> u64 {
        self.blobs.load(Ordering::Relaxed)
    }

    /// Fsyncs of folders.
    pub fn folder_syncs(&self) -> u64 {
        self.folders.load(Ordering::Relaxed)
    }

    /// Commits of the index that changed something; each is one fsync of its write-ahead log.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Checkpoints of the write-ahead log; each is two fsyncs.
    pub fn checkpoints(&self) -> u64 {
        self.checkpoints.load(Ordering::Relaxed)
    }

    /// All fsyncs together.
    pub fn fsyncs(&self) -> u64 {
        self.blob_syncs() + self.folder_syncs() + self.commits() + 2 * self.checkpoints()
    }

    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
