//! What every store can do: one trait, one conformance suite.
//!
//! A store knows addresses, keys and bytes. It knows nothing of the journal, of naming or of settings: the queue asks, the store does.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod fault;
mod ladder;
mod s3;
mod team;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::destination::LinkPolicy;
use crate::error::Result;

pub use ladder::{Ladder, Suggestion};
pub use s3::{S3Store, check_ca_file};
pub(crate) use team::TeamStore;
#[cfg(feature = "conformance")]
pub use team::signed_in;

/// A place that keeps objects. Every call has a time-out of its own; none retries (the queue does).
#[async_trait]
pub trait Store: Send + Sync {
    /// The buckets these credentials may list.
    ///
    /// # Errors
    /// `Forbidden` where listing buckets is not allowed: the person types the name then.
    async fn buckets(&self) -> Result<Vec<Bucket>>;

    /// One page of what lies directly below `prefix` (empty, or ending in `/`), in key order.
    ///
    /// # Errors
    /// `NoSuchBucket`, `Forbidden`, and the network's.
    async fn list(&self, bucket: &str, prefix: &str, cursor: Option<&str>, limit: u16) -> Result<Page>;

    /// Stores the body. Returns only when the store has confirmed the bytes by a checksum.
    ///
    /// # Errors
    /// `NameTaken` when `if_absent` is set and the key exists; `ChecksumMismatch`; the network's.
    async fn put(&self, put: Put, progress: Progress) -> Result<Stored>;

    /// What is known of an object, `None` where there is none.
    ///
    /// # Errors
    /// `NoSuchBucket`, `Forbidden`, and the network's.
    async fn stat(&self, bucket: &str, key: &str) -> Result<Option<Object>>;

    /// The link that opens the object. Makes no request.
    ///
    /// # Errors
    /// `SecretMissing` and the like, where signing needs what is not there.
    async fn link(&self, bucket: &str, key: &str, policy: &LinkPolicy) -> Result<Link>;

    /// Copies within the store, without moving bytes through this computer.
    ///
    /// # Errors
    /// `NoSuchObject`, and the network's.
    async fn copy(&self, bucket: &str, from: &str, to: &str) -> Result<Stored>;

    /// Removes an object; one that is not there is removed already.
    ///
    /// # Errors
    /// `Forbidden`, and the network's.
    async fn remove(&self, bucket: &str, key: &str) -> Result<()>;

    /// Makes a bucket.
    ///
    /// # Errors
    /// `NameTaken`, `NameRefused`, `Forbidden`, and the network's.
    async fn make_bucket(&self, bucket: &str) -> Result<()>;
}

/// Called with the number of body bytes the socket has taken so far; real bytes, never a guess. Falls back to 0 on a fresh try.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// When it was made, where the store says.
    pub created: Option<SystemTime>,
}

/// A page of a listing.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Full prefixes, ending in `/`.
    pub folders: Vec<String>,
    /// Objects directly in the place.
    pub objects: Vec<Object>,
    /// Give it back for the next page; `None` at the end.
    pub next: Option<String>,
}

/// An object, as a listing or a stat tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// Full key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: Option<String>,
    /// Only from a stat.
    pub content_type: Option<String>,
    /// When it was written.
    pub modified: Option<SystemTime>,
    /// Hex SHA-256 from `x-amz-meta-sha256`; only from a stat, and only of objects imagepic stored.
    pub sha256: Option<String>,
    /// [`Put::id`]; only from a stat.
    pub id: Option<String>,
}

/// What to store, and under which conditions.
#[derive(Debug, Clone)]
pub struct Put {
    /// Target bucket.
    pub bucket: String,
    /// Target key, without a leading slash.
    pub key: String,
    /// The bytes.
    pub body: Body,
    /// Their number.
    pub size: u64,
    /// Their SHA-256, made once: payload hash of the signed request, dedupe key, `{hash}`.
    pub sha256: [u8; 32],
    /// Media type, by the bytes.
    pub content_type: String,
    /// `inline` or `attachment; …` where the type asks for it.
    pub content_disposition: Option<String>,
    /// Refuse when the key exists (`If-None-Match: *`, or a look first where the store ignores it).
    pub if_absent: bool,
    /// Kept with the object (`x-amz-meta-imagepic-id`): who put it knows it again among others of the very same bytes.
    pub id: Option<String>,
}

/// Bytes in memory or in a file. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Body {
    /// In memory.
    Bytes(Bytes),
    /// In a file, read as it travels.
    File(PathBuf),
}

/// The store's confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Without quotes.
    pub etag: Option<String>,
    /// Where the bucket keeps versions.
    pub version_id: Option<String>,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The address.
    pub url: String,
    /// `None` for a public one.
    pub expires: Option<SystemTime>,
}
