//! What every store can do: one trait, one conformance suite.
//!
//! A store knows addresses, keys and bytes. It knows nothing of the journal, of naming or of settings: the queue asks, the store does.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod fault;
mod ladder;
pub(crate) mod news;
mod s3;
mod team;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use imagepic_words::browse as words;
use sha2::Digest as _;

use crate::destination::LinkPolicy;
use crate::error::{Code, Error, Result};

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

    /// One page of what lies directly below `prefix`, in key order. What does not end in `/` is the beginning of names.
    ///
    /// # Errors
    /// `NoSuchBucket`, `Forbidden`, and the network's.
    async fn list(&self, bucket: &str, prefix: &str, cursor: Option<&str>, limit: u16) -> Result<Page>;

    /// Stores the body. Returns only when the store has confirmed the bytes by a checksum.
    ///
    /// # Errors
    /// `NameTaken` when `if_absent` is set and the key exists; `ChecksumMismatch`; the network's.
    async fn put(&self, put: Put, progress: Progress) -> Result<Stored>;

    /// Says of an object that a [`put`](Self::put) whose end nobody heard has stored: it has arrived. A store that judges what arrives, or
    /// tells others of it, does so now.
    ///
    /// # Errors
    /// As `put`'s, where the store finds it to be other than was announced.
    async fn arrived(&self, _bucket: &str, _key: &str) -> Result<()> {
        Ok(())
    }

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

    /// Everything the store tells of an object, `None` where there is none.
    ///
    /// # Errors
    /// As [`stat`](Self::stat).
    async fn details(&self, bucket: &str, key: &str) -> Result<Option<Details>> {
        let object = self.stat(bucket, key).await?;
        Ok(object.map(|object| Details { object, ..Details::default() }))
    }

    /// The object's bytes, at most `most` of them.
    ///
    /// # Errors
    /// `NoSuchObject`; `TooLarge` for one that is larger than `most`; the network's.
    async fn read(&self, bucket: &str, key: &str, most: u64) -> Result<Bytes>;

    /// As [`copy`](Self::copy), where the name is free. A name that somebody else takes in this very moment may still be overwritten.
    ///
    /// # Errors
    /// `NameTaken`, and those of [`copy`](Self::copy).
    async fn copy_new(&self, bucket: &str, from: &str, to: &str) -> Result<Stored> {
        if self.stat(bucket, to).await?.is_some() {
            return Err(Error::new(Code::NameTaken, words::name_taken(to, bucket)));
        }
        self.copy(bucket, from, to).await
    }

    /// Removes up to [`MOST_REMOVED`] objects; what became of each, in order.
    ///
    /// # Errors
    /// What keeps all of them: `NoSuchBucket`, and the network's.
    async fn remove_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Result<()>>> {
        let mut outcomes = Vec::with_capacity(keys.len());
        for key in keys {
            outcomes.push(self.remove(bucket, key).await);
        }
        Ok(outcomes)
    }

    /// Marks a folder that holds nothing yet (`prefix` ends in `/`) by an empty object of that name. `false` where the store keeps no
    /// such marks: a folder is there as soon as something lies in it.
    ///
    /// # Errors
    /// `NameRefused`, `Forbidden`, and the network's.
    async fn make_folder(&self, bucket: &str, prefix: &str) -> Result<bool> {
        let put = Put {
            bucket: bucket.to_owned(),
            key: prefix.to_owned(),
            body: Body::Bytes(Bytes::new()),
            size: 0,
            sha256: sha2::Sha256::digest([]).into(),
            // What other programs write for the same purpose.
            content_type: "application/x-directory".to_owned(),
            content_disposition: None,
            if_absent: true,
            id: None,
        };
        match self.put(put, Arc::new(|_| {})).await {
            Err(error) if error.code != Code::NameTaken => Err(error),
            _ => Ok(true),
        }
    }

    /// Who may read what in a bucket without a signature: the rule of the whole bucket, and every prefix that is open.
    ///
    /// # Errors
    /// `Unsupported` where the store knows no such rules; `Forbidden`, and the network's.
    async fn access(&self, bucket: &str) -> Result<Vec<Rule>> {
        Err(Error::new(Code::Unsupported, words::no_rules(bucket)))
    }

    /// Opens a prefix (empty for the whole bucket) to everybody, or closes it; every other rule stays.
    ///
    /// # Errors
    /// `Unsupported` where the store knows no such rules, or where another rule would keep it open; `Forbidden`, and the network's.
    async fn set_access(&self, bucket: &str, _prefix: &str, _public: bool) -> Result<()> {
        Err(Error::new(Code::Unsupported, words::no_rules(bucket)))
    }

    /// Listens to what happens to a bucket's objects; `None` where the store tells nothing.
    ///
    /// # Errors
    /// The network's, and `SignInNeeded`.
    async fn listen(&self, _bucket: &str) -> Result<Option<News>> {
        Ok(None)
    }
}

/// Keys of one [`Store::remove_many`].
pub const MOST_REMOVED: usize = 1000;

pub use imagepic_s3::policy::Rule;
pub use news::{Heard, News};

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

/// An object with everything the store tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// As a stat tells it.
    pub object: Object,
    /// Where the bucket keeps versions.
    pub version_id: Option<String>,
    /// `cache-control` and the like, where set; names in lower case.
    pub headers: BTreeMap<String, String>,
    /// What was kept with it (`x-amz-meta-…`, without that beginning).
    pub metadata: BTreeMap<String, String>,
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
