//! Small pictures of what lies at a store: only of images, only of those that are not too large, a few at a time, kept on disk.

use std::io::Cursor;

use imagepic_words::browse as words;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::{Browse, media_type};
use crate::engine::thumbnails::{DECODING, Picture, kept, small};
use crate::error::{Code, Error, Result};
use crate::queue::blocking;

/// Bytes of an image that is fetched at most.
const LARGEST: u64 = 24 << 20;
/// Images that are fetched at a time, and in memory with all their bytes until they are decoded.
const FETCHED: usize = 4;

#[derive(Debug)]
pub(super) struct Pictures {
    fetching: Semaphore,
}

impl Default for Pictures {
    fn default() -> Self {
        Self { fetching: Semaphore::new(FETCHED) }
    }
}

impl Browse {
    /// A small picture of an object with its media type: PNG, or SVG that may be shown where nothing runs and nothing is fetched. `version` is whatever tells its contents apart (ETag or date): pictures are kept by it.
    ///
    /// # Errors
    /// `NoSuchObject` where there is none: no image, too large, damaged, gone; the store's.
    pub async fn picture(&self, destination: &str, bucket: &str, key: &str, version: &str) -> Result<(Vec<u8>, &'static str)> {
        let none = || Error::new(Code::NoSuchObject, words::no_preview(key));
        let most = match media_type(key) {
            "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/bmp" | "image/x-icon" | "image/tiff"
            | "image/qoi" => LARGEST,
            "image/svg+xml" => imagepic_media::DRAWING,
            _ => return Err(none()),
        };
        let id = self.id(destination)?;
        let mut digest = Sha256::new();
        for part in [id.as_str(), bucket, key, version] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        let stem = self.inner.home.thumbnails().join(hex::encode(digest.finalize()));
        let pictures = &self.inner.browsed.pictures;
        let closed = |_| Error::new(Code::Cancelled, words::no_preview(key));
        let held = {
            let stem = stem.clone();
            blocking(move || Ok(kept(&stem))).await?
        };
        if let Some(picture) = held {
            return Ok(picture);
        }
        // Held until it is decoded: whoever scrolls fast would fill the memory with what waits for that.
        let _turn = pictures.fetching.acquire().await.map_err(closed)?;
        let bytes = self.inner.stores.of(&id).await?.read(bucket, key, most).await?;
        let _decoding = DECODING.acquire().await.map_err(closed)?;
        let picture: Option<Picture> = blocking(move || Ok(small(Cursor::new(&bytes), &stem))).await?;
        picture.ok_or_else(none)
    }
}
