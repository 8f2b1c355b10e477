//! Waiting for file descriptors with a time limit: the only thing the standard library lacks for an event loop of this size.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

/// Waits until one of `fds` can be read or has ended, at most for `timeout` (none: for ever). Says which.
pub(crate) fn readable<const N: usize>(fds: [BorrowedFd<'_>; N], timeout: Option<Duration>) -> io::Result<[bool; N]> {
    wait(fds, PollFlags::IN, timeout)
}

/// Waits until `fd` can be written to or has ended, at most for `timeout`.
pub(crate) fn writable(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    wait([fd], PollFlags::OUT, Some(timeout)).map(|[ready]| ready)
}

fn wait<const N: usize>(fds: [BorrowedFd<'_>; N], flags: PollFlags, timeout: Option<Duration>) -> io::Result<[bool; N]> {
    let mut polled: [PollFd<'_>; N] = std::array::from_fn(|at| PollFd::from_borrowed_fd(fds[at], flags));
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match rustix::event::poll(&mut polled, timeout.as_ref()) {
        // A signal: as if nothing had come; every caller asks again.
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(std::array::from_fn(|at| !polled[at].revents().is_empty())),
        Err(error) => Err(error.into()),
    }
}
