//! Small pictures for windows, made on demand and kept in `thumbnails/`.

use std::fs;

use imagepic_words::errors;

use super::Inner;
use crate::error::{Code, Error, Result};
use crate::journal::Row;
use crate::queue::blocking;

/// Bytes of an image that is decoded at most.
const DECODED_AT_MOST: u64 = 128 << 20;

impl Inner {
    pub(super) async fn thumbnail(&self, row: &Row) -> Result<Vec<u8>> {
        // By content, so that the same picture is made small once.
        let kept = self.home.thumbnails().join(format!("{}.png", hex::encode(row.prepared)));
        let spool = row.spool.as_ref().map(|name| self.queue.spool_file(name));
        let reference = row.reference.clone();
        let name = row.name.clone();
        blocking(move || {
            if let Ok(png) = fs::read(&kept) {
                return Ok(png);
            }
            let none = || Error::new(Code::NoSuchObject, errors::no_thumbnail(&name));
            let source = match (&reference, spool) {
                (Some(reference), _) => {
                    crate::intake::check_reference(reference)?;
                    reference.path.clone()
                }
                (None, Some(path)) => path,
                (None, None) => return Err(none()),
            };
            if fs::metadata(&source).map_err(|error| none().because(error))?.len() > DECODED_AT_MOST {
                return Err(none());
            }
            let bytes = fs::read(&source).map_err(|error| none().because(error))?;
            let png = crate::prepare::thumbnail(&bytes).ok_or_else(none)?;
            // Can be made again at any time, so a failure to keep it is no failure.
            if let Err(error) = crate::home::write_whole(&kept, &png) {
                tracing::debug!(%error, "a thumbnail was not kept");
            }
            Ok(png)
        })
        .await
    }
}
