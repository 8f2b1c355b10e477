//! Where objects can be read without a signature: one rule for all buckets, or one each.

use std::collections::BTreeMap;

/// `https://pics.example.com/{bucket}` for all buckets, or `bucket=https://…` for some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicBases {
    /// With `{bucket}` in it.
    every: Option<String>,
    by_bucket: BTreeMap<String, String>,
}

impl PublicBases {
    /// One rule for every bucket; `{bucket}` in it stands for the bucket's name.
    #[must_use]
    pub fn every(mut self, template: &str) -> Self {
        self.every = Some(template.to_owned());
        self
    }

    /// Adds a bucket of its own.
    #[must_use]
    pub fn with(mut self, bucket: &str, base: &str) -> Self {
        self.by_bucket.insert(bucket.to_owned(), base.to_owned());
        self
    }

    /// The base of a bucket, with a slash at its end: the key is appended.
    #[must_use]
    pub fn of(&self, bucket: &str) -> Option<String> {
        let base = self.by_bucket.get(bucket).cloned().or_else(|| Some(self.every.as_ref()?.replace("{bucket}", bucket)))?;
        Some(format!("{}/", base.trim_end_matches('/')))
    }

    /// Whether every bucket has one.
    #[must_use]
    pub const fn is_for_all(&self) -> bool {
        self.every.is_some()
    }

    /// The buckets that have a base of their own.
    pub fn buckets(&self) -> impl Iterator<Item = &str> {
        self.by_bucket.keys().map(String::as_str)
    }
}
