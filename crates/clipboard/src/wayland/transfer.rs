//! Pipes to and from programs that may be slow, stuck or hostile.

use std::fs::File;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::poll;
use crate::shared::Patience;
use crate::{Error, Limits};

/// More at once than any desktop has clipboard managers.
const WRITERS: usize = 16;

/// Reads to the end, at most `limit` bytes.
pub(super) fn read(mut pipe: PipeReader, limit: u64, patience: &mut Patience<'_>) -> Result<Bytes, Error> {
    let broken = |error: io::Error| Error::Transfer(format!("reading from its owner: {error}"));
    rustix::io::ioctl_fionbio(&pipe, true).map_err(|error| broken(error.into()))?;
    let mut bytes = Vec::new();
    // What a pipe holds at most, unless its owner has made it larger.
    let mut piece = vec![0; 64 << 10];
    loop {
        match pipe.read(&mut piece) {
            Ok(0) => return Ok(bytes.into()),
            Ok(count) => {
                patience.fits((bytes.len() + count) as u64, limit)?;
                patience.progress();
                bytes.extend_from_slice(&piece[..count]);
                // A stop, a newer content and the time in all count for a fast owner too.
                patience.slice()?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let slice = patience.slice()?;
                poll::readable([pipe.as_fd()], Some(slice)).map_err(broken)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(error)),
        }
    }
}

/// Hands `bytes` over on a thread of its own, which ends by itself when the other side is gone or stuck.
pub(super) fn write(bytes: Bytes, fd: OwnedFd, limits: &Limits, running: &Arc<AtomicUsize>) {
    if running.fetch_add(1, Ordering::SeqCst) >= WRITERS {
        running.fetch_sub(1, Ordering::SeqCst);
        tracing::warn!("too many programs read the clipboard at once; one is refused");
        return;
    }
    let (limits, theirs) = (limits.clone(), Arc::clone(running));
    let spawned = thread::Builder::new().name("clipboard writer".to_owned()).spawn(move || {
        if let Err(error) = write_all(&bytes, fd, &limits) {
            tracing::debug!(%error, "another program stopped reading the clipboard");
        }
        theirs.fetch_sub(1, Ordering::SeqCst);
    });
    if let Err(error) = spawned {
        running.fetch_sub(1, Ordering::SeqCst);
        tracing::warn!(%error, "no thread to hand the clipboard over");
    }
}

fn write_all(mut bytes: &[u8], fd: OwnedFd, limits: &Limits) -> io::Result<()> {
    rustix::io::ioctl_fionbio(&fd, true)?;
    let mut file = File::from(fd);
    let until = Instant::now() + limits.total;
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let left = until.saturating_duration_since(Instant::now()).min(limits.stall);
                if left < Duration::from_millis(1) || !poll::writable(file.as_fd(), left)? {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
