//! Small pictures for windows, made on demand and kept in `thumbnails/`: PNG, and drawings as they are where they are small and quiet.

use std::fs;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use imagepic_words::errors;
use tokio::sync::Semaphore;

use super::{Browse, Inner, Uploads};
use crate::error::{Code, Error, Result};
use crate::home::{Home, SMALL};
use crate::journal::{Row, RowState};
use crate::queue::blocking;

/// Bytes of an image that is decoded at most.
const DECODED_AT_MOST: u64 = 128 << 20;
/// Small pictures that are kept at most; the oldest go first, and can be made again while their bytes are here.
const KEPT_AT_MOST: usize = 2000;

/// Two at a time, of uploads and of what lies at stores together, however fast somebody scrolls; how much memory they take meanwhile
/// is decided where pictures are prepared.
pub(super) static DECODING: Semaphore = Semaphore::const_new(2);

/// Bytes and their media type.
pub(super) type Picture = (Vec<u8>, &'static str);

/// What small pictures are, by the ends of their names.
const KINDS: [(&str, &str); 2] = [(SMALL[0], "image/png"), (SMALL[1], "image/svg+xml")];

impl Inner {
    /// Keeps small pictures (PNG) that were made on the way, by what they are of.
    pub(super) async fn keep_small(&self, made: Vec<([u8; 32], Vec<u8>)>) -> Result<()> {
        if made.is_empty() {
            return Ok(());
        }
        let home = self.home.clone();
        blocking(move || {
            made.iter().for_each(|(of, picture)| keep(&stem(&home, of), KINDS[0].0, picture));
            Ok(())
        })
        .await
    }

    /// From the bytes that are here; where they are not, from the store.
    pub(super) async fn thumbnail(self: &std::sync::Arc<Self>, row: &Row) -> Result<Picture> {
        let here = self.thumbnail_here(row).await;
        let elsewhere = matches!(&here, Err(error) if matches!(error.code, Code::NoSuchObject | Code::FileChanged | Code::FileMissing | Code::FileUnreadable));
        if !elsewhere || row.state != RowState::Done || self.catalog.lacks_picture(row.id) {
            return here;
        }
        let browse = Browse { inner: std::sync::Arc::clone(self) };
        let picture = browse.picture(&row.destination, &row.bucket, &row.key, &hex::encode(row.prepared)).await;
        if picture.is_err() {
            self.catalog.had_no_picture(row.id);
        }
        picture
    }

    async fn thumbnail_here(&self, row: &Row) -> Result<Picture> {
        // By content, so that the same picture is made small once.
        // Just done: its bytes are on their way to the spool, or have come there since the row was read.
        let fresh = if row.spool.is_none() { self.queue.fresh.get(row.id) } else { None };
        let newer = if row.spool.is_none() && fresh.is_none() { self.journal.get(row.id).await? } else { None };
        let row = newer.as_ref().unwrap_or(row);
        let stem = stem(&self.home, &row.prepared);
        let spool = row.spool.as_ref().map(|name| self.queue.spool_file(name));
        let reference = row.reference.clone();
        let name = row.name.clone();
        let made = stem.clone();
        if let Some(picture) = blocking(move || Ok(kept(&made))).await? {
            return Ok(picture);
        }
        let _turn = DECODING.acquire().await.map_err(|_| Error::new(Code::NoSuchObject, errors::no_thumbnail(&name)))?;
        blocking(move || {
            // Another one may have wanted the same.
            if let Some(picture) = kept(&stem) {
                return Ok(picture);
            }
            let none = || Error::new(Code::NoSuchObject, errors::no_thumbnail(&name));
            if let Some(bytes) = fresh {
                return small(Cursor::new(&bytes), &stem).ok_or_else(none);
            }
            let source = match (&reference, spool) {
                (Some(reference), _) => {
                    crate::intake::check_reference(reference)?;
                    reference.path.clone()
                }
                (None, Some(path)) => path,
                (None, None) => return Err(none()),
            };
            let file = fs::File::open(&source).map_err(|error| none().because(error))?;
            if file.metadata().map_err(|error| none().because(error))?.len() > DECODED_AT_MOST {
                return Err(none());
            }
            small(BufReader::new(file), &stem).ok_or_else(none)
        })
        .await
    }
}

impl Uploads {
    /// A small picture (PNG) of the image that "ask" offers under this number. `None` where that is no longer offered, or cannot be shown:
    /// damaged, larger than anybody decodes, or no image that is known.
    pub async fn offered_picture(&self, id: u64) -> Option<Vec<u8>> {
        let bytes = self.inner.delivery.offered_bytes(id).filter(|bytes| bytes.len() as u64 <= DECODED_AT_MOST)?;
        let _turn = DECODING.acquire().await.ok()?;
        blocking(move || Ok(crate::prepare::thumbnail(Cursor::new(bytes)))).await.ok()?
    }
}

/// What is kept under this name, which has no end yet.
pub(super) fn kept(stem: &Path) -> Option<Picture> {
    KINDS.into_iter().find_map(|(end, kind)| Some((fs::read(stem.with_extension(end)).ok()?, kind)))
}

/// The name, without an end, of what is small of these bytes.
pub(super) fn stem(home: &Home, prepared: &[u8; 32]) -> PathBuf {
    home.thumbnail(prepared)
}

/// Keeps one under this name, which gets this end. Most can be made again at any time, so a failure to keep one is no failure.
pub(super) fn keep(stem: &Path, end: &str, bytes: &[u8]) {
    match crate::home::write_whole(&stem.with_extension(end), bytes) {
        Ok(()) => stem.parent().map_or((), |folder| prune(folder, KEPT_AT_MOST)),
        Err(error) => tracing::debug!(%error, "a thumbnail was not kept"),
    }
}

/// Makes one and keeps it under this name, which has no end yet.
pub(super) fn small(mut picture: impl BufRead + Seek, stem: &Path) -> Option<Picture> {
    let drawing = imagepic_media::drawing(&mut picture).inspect_err(|error| tracing::debug!(%error, "no thumbnail")).ok()?;
    let [png, svg] = KINDS;
    let (bytes, (end, kind)) = match drawing {
        Some(drawing) => (drawing, svg),
        None => (crate::prepare::thumbnail(picture)?, png),
    };
    keep(stem, end, &bytes);
    Some((bytes, kind))
}

/// Removes the oldest files of a folder that has more than `most`, and a quarter more, so that not every new one counts them down.
fn prune(folder: &Path, most: usize) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let entries: Vec<_> = entries.flatten().collect();
    if entries.len() <= most {
        return;
    }
    let age = |entry: &fs::DirEntry| entry.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut aged: Vec<_> = entries.into_iter().map(|entry| (age(&entry), entry.path())).collect();
    aged.sort();
    let over = aged.len() - most + most / 4;
    for (_, path) in aged.into_iter().take(over) {
        if let Err(error) = fs::remove_file(&path) {
            tracing::debug!(path = %path.display(), %error, "an old thumbnail stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pictures_do_not_pile_up_for_ever_and_the_newest_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        for age in 0..9_u64 {
            let file = fs::File::create(folder.path().join(format!("{age}.png"))).expect("a file");
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(age * 60)).expect("aged");
        }
        prune(folder.path(), 9);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 9, "nothing is over the bound");
        prune(folder.path(), 8);
        let mut left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, ["0.png", "1.png", "2.png", "3.png", "4.png", "5.png"]);
    }
}
