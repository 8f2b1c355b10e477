//! What was found out about a store: kept for as long as the process lives, shared by all clients of one address.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What the store makes of `If-None-Match: *` on a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    /// Not seen yet: look first, and send the header as well.
    Unknown,
    /// 412 was seen: no look is needed.
    Honoured,
    /// Taken and ignored: look first; the header does no harm.
    Ignored,
    /// Refused as not implemented: look first, and leave the header out.
    Refused,
}

#[derive(Debug, Default)]
pub(crate) struct Quirks {
    conditions: AtomicU8,
    looks: AtomicU32,
    list_v1: AtomicBool,
    /// 0: nothing is known.
    largest: AtomicU64,
    /// Uploads in parts that this process has begun; true while it sends.
    uploads: Mutex<HashMap<String, bool>>,
    buckets: Mutex<HashSet<String>>,
    /// Held while conditions are tried out.
    pub(crate) trial: tokio::sync::Mutex<()>,
}

impl Quirks {
    /// The one table entry of this store.
    pub(crate) fn of(store: &str) -> Arc<Self> {
        static TABLE: OnceLock<Mutex<HashMap<String, Arc<Quirks>>>> = OnceLock::new();
        let mut table = TABLE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(table.entry(store.to_owned()).or_default())
    }

    pub(crate) fn conditions(&self) -> Conditions {
        match self.conditions.load(Ordering::Relaxed) {
            1 => Conditions::Honoured,
            2 => Conditions::Ignored,
            3 => Conditions::Refused,
            _ => Conditions::Unknown,
        }
    }

    pub(crate) fn learn(&self, conditions: Conditions) {
        let value = match conditions {
            Conditions::Unknown => 0,
            Conditions::Honoured => 1,
            Conditions::Ignored => 2,
            Conditions::Refused => 3,
        };
        self.conditions.store(value, Ordering::Relaxed);
    }

    /// How often a put has looked first, this time included.
    pub(crate) fn looked(&self) -> u32 {
        self.looks.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Only the first version of ListObjects is understood.
    pub(crate) fn list_v1(&self) -> bool {
        self.list_v1.load(Ordering::Relaxed)
    }

    pub(crate) fn learn_list_v1(&self) {
        self.list_v1.store(true, Ordering::Relaxed);
    }

    /// Bytes of the largest body this store is sent in one request; above it goes in parts. `None`: nothing is known.
    pub(crate) fn largest(&self) -> Option<u64> {
        Some(self.largest.load(Ordering::Relaxed)).filter(|largest| *largest != 0)
    }

    pub(crate) fn learn_largest(&self, bytes: u64) {
        self.largest.store(bytes.max(1), Ordering::Relaxed);
    }

    /// An upload in parts begins.
    pub(crate) fn began(&self, id: &str) {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), true);
    }

    /// It was given up, and the store may not know yet.
    pub(crate) fn gave_up(&self, id: &str) {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), false);
    }

    /// It is complete, or the store has ended it.
    pub(crate) fn ended(&self, id: &str) {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Whether this process sends parts to it; `None` for an upload of somebody else's.
    pub(crate) fn sends(&self, id: &str) -> Option<bool> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    /// A bucket that was there a moment ago: "not found" means the object then.
    pub(crate) fn knows(&self, bucket: &str) -> bool {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).contains(bucket)
    }

    pub(crate) fn saw(&self, bucket: &str) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains(bucket) {
            buckets.insert(bucket.to_owned());
        }
    }

    pub(crate) fn forget(&self, bucket: &str) {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).remove(bucket);
    }
}
