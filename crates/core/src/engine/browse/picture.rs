//! Small pictures of what lies at a store: only of images, only of those that are not too large, a few at a time, kept on disk.

use imagepic_words::browse as words;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::{Browse, media_type};
use crate::engine::thumbnails::small;
use crate::error::{Code, Error, Result};
use crate::queue::blocking;

/// Bytes of an image that is fetched at most.
const LARGEST: u64 = 24 << 20;
/// Images that are fetched at a time, and decoded.
const FETCHED: usize = 4;
const DECODED: usize = 1;

#[derive(Debug)]
pub(super) struct Pictures {
    fetching: Semaphore,
    decoding: Semaphore,
}

impl Default for Pictures {
    fn default() -> Self {
        Self { fetching: Semaphore::new(FETCHED), decoding: Semaphore::new(DECODED) }
    }
}

impl Browse {
    /// A small picture of an object, as PNG. `version` is whatever tells its contents apart (ETag or date): pictures are kept by it.
    ///
    /// # Errors
    /// `NoSuchObject` where there is none: no image, too large, damaged, gone; the store's.
    pub async fn picture(&self, destination: &str, bucket: &str, key: &str, version: &str) -> Result<Vec<u8>> {
        let none = || Error::new(Code::NoSuchObject, words::no_preview(key));
        if !matches!(
            media_type(key),
            "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/bmp" | "image/x-icon" | "image/tiff" | "image/qoi"
        ) {
            return Err(none());
        }
        let id = self.id(destination)?;
        let mut digest = Sha256::new();
        for part in [id.as_str(), bucket, key, version] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        let kept = self.inner.home.thumbnails().join(format!("{}.png", hex::encode(digest.finalize())));
        let pictures = &self.inner.browsed.pictures;
        let closed = |_| Error::new(Code::Cancelled, words::no_preview(key));
        let held = {
            let kept = kept.clone();
            blocking(move || Ok(std::fs::read(kept).ok())).await?
        };
        if let Some(png) = held {
            return Ok(png);
        }
        let bytes = {
            let _turn = pictures.fetching.acquire().await.map_err(closed)?;
            self.inner.stores.of(&id).await?.read(bucket, key, LARGEST).await?
        };
        let _turn = pictures.decoding.acquire().await.map_err(closed)?;
        let png = blocking(move || Ok(small(&bytes, &kept))).await?;
        png.ok_or_else(none)
    }
}
