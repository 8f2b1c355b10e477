//! How much all uploads together may hold: memory, disk, and requests that are open at the store. Long answers have a purse of their own.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use imagepic_api::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::Refusal;
use crate::config::Limits;

/// What is counted in one piece.
const UNIT: u64 = 1024;
/// Uploads that travel on to the store while they come, at once; others wait on disk until they are whole. Few, for each keeps a request
/// open at the store for as long as its client likes, and what the store (the embedded bucket too) holds for it in memory.
const STREAMS: usize = 16;
/// Requests that put what is here already; these are done as fast as the store takes them.
const PUTS: usize = 64;
/// Objects that are read whole at once, to see whether they are what was granted.
const LOOKS: usize = 16;
/// Bytes of all answers together that are as long as listings can be. Whoever reads one slowly holds it for as long.
const ANSWERS: u64 = 64 * 1024 * 1024;
/// Seconds until a refused upload may find room.
const SOON: u64 = 2;

/// The purse of all uploads. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    memory: Arc<Semaphore>,
    disk: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    puts: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    folder: Arc<PathBuf>,
}

/// A share of the purse; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    purse: Arc<Semaphore>,
    permit: OwnedSemaphorePermit,
}

impl Share {
    fn take(purse: &Arc<Semaphore>, bytes: u64) -> Option<Self> {
        let permit = Arc::clone(purse).try_acquire_many_owned(units(bytes)?).ok()?;
        Some(Self { purse: Arc::clone(purse), permit })
    }

    /// Makes the share at least so large; false where the purse is empty.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> bool {
        let Some(wanted) = units(bytes) else { return false };
        let have = u32::try_from(self.permit.num_permits()).unwrap_or(u32::MAX);
        let Some(more) = wanted.checked_sub(have).filter(|more| *more > 0) else { return true };
        match Arc::clone(&self.purse).try_acquire_many_owned(more) {
            Ok(more) => {
                self.permit.merge(more);
                true
            }
            Err(_) => false,
        }
    }

    /// Gives back what is beyond so many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let Some(keep) = units(bytes) else { return };
        let have = self.permit.num_permits();
        drop(self.permit.split(have.saturating_sub(keep as usize)));
    }
}

fn units(bytes: u64) -> Option<u32> {
    u32::try_from(bytes.div_ceil(UNIT)).ok()
}

fn purse(bytes: u64) -> Arc<Semaphore> {
    let units = usize::try_from(bytes / UNIT).unwrap_or(usize::MAX).min(u32::MAX as usize).min(Semaphore::MAX_PERMITS);
    Arc::new(Semaphore::new(units))
}

impl Budget {
    /// A purse by the configuration; `folder` takes what does not fit into memory.
    pub(crate) fn new(limits: &Limits, folder: &Path) -> Self {
        Self {
            memory: purse(limits.upload_memory),
            disk: purse(limits.spool_bytes),
            streams: Arc::new(Semaphore::new(STREAMS)),
            puts: Arc::new(Semaphore::new(PUTS)),
            looks: Arc::new(Semaphore::new(LOOKS)),
            answers: purse(ANSWERS),
            folder: Arc::new(folder.to_owned()),
        }
    }

    /// Memory to begin with.
    ///
    /// # Errors
    /// 503 `busy`.
    pub(crate) fn memory(&self, bytes: u64) -> Result<Share, Refusal> {
        Share::take(&self.memory, bytes).ok_or_else(|| busy("too many uploads at once"))
    }

    /// A long answer, counted until its last byte has gone out.
    ///
    /// # Errors
    /// 503 `busy`.
    pub(crate) fn answer(&self, text: Vec<u8>) -> Result<Bytes, Refusal> {
        struct Counted {
            text: Vec<u8>,
            _share: Share,
        }
        impl AsRef<[u8]> for Counted {
            fn as_ref(&self) -> &[u8] {
                &self.text
            }
        }
        let share =
            Share::take(&self.answers, text.len() as u64).ok_or_else(|| busy("too many long answers are on their way"))?;
        Ok(Bytes::from_owner(Counted { text, _share: share }))
    }

    /// A place among the uploads that travel on while they come, if there is one at once.
    pub(crate) fn stream(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }

    /// A place to put what is here already, in turn.
    pub(crate) async fn put(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.puts).acquire_owned().await.ok()
    }

    /// A place to read an object whole, in turn.
    pub(crate) async fn look(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.looks).acquire_owned().await.ok()
    }

    /// A file without a name, mode 0600, and an empty share of the disk.
    pub(crate) async fn spool(&self) -> io::Result<(File, Share)> {
        let folder = Arc::clone(&self.folder);
        let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(&*folder)).await.map_err(io::Error::other)??;
        let share = Share::take(&self.disk, 0).ok_or_else(|| io::Error::other("the purse is closed"))?;
        Ok((file, share))
    }
}

/// 503 with a time to come back.
pub(crate) fn busy(reason: &str) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, reason).retry_after(SOON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_purse_is_never_overdrawn_and_everything_comes_back() {
        let limits = Limits { upload_memory: 10 * UNIT, ..Limits::default() };
        let budget = Budget::new(&limits, Path::new("/"));
        let mut first = budget.memory(4 * UNIT).expect("room");
        let second = budget.memory(4 * UNIT).expect("room");
        let refused = budget.memory(4 * UNIT).expect_err("none left");
        assert_eq!((refused.status.as_u16(), refused.error, refused.retry_after), (503, Code::Busy, Some(SOON)));
        assert!(first.grow_to(6 * UNIT) && !first.grow_to(7 * UNIT));
        first.shrink_to(UNIT);
        assert!(first.grow_to(5 * UNIT));
        drop((first, second));
        assert!(budget.memory(10 * UNIT).is_ok());
    }

    #[tokio::test]
    async fn so_many_objects_are_read_whole_at_once_and_the_next_one_has_its_turn() {
        let budget = Budget::new(&Limits::default(), Path::new("/"));
        let mut places = futures_util::future::join_all((0..LOOKS).map(|_| budget.look())).await;
        let mut next = Box::pin(budget.look());
        assert!(futures_util::poll!(next.as_mut()).is_pending());
        places.pop();
        assert!(futures_util::poll!(next.as_mut()).is_ready());
    }

    #[test]
    fn a_long_answer_counts_until_its_last_byte_has_gone() {
        let budget = Budget::new(&Limits::default(), Path::new("/"));
        let long = || budget.answer(vec![b'x'; 40 * 1024 * 1024]);
        let mut first = long().expect("room");
        let rest = first.split_off(1000);
        drop(first);
        assert_eq!(long().expect_err("the rest of it is still here").error, Code::Busy);
        drop(rest);
        assert!(long().is_ok());
    }
}
