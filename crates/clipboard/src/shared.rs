//! What every backend keeps about the clipboard as a whole: how often it changed, whether we own it, whether the connection lives.
//! One condition variable wakes whoever waits, so that nobody polls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Error, Limits, Mark};

/// Counts connections within this process, so that a mark of an earlier one never equals a mark of a later one.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// One more with every change of the clipboard, ours included.
    pub serial: u64,
    /// What is there now was put there through this connection.
    pub own: bool,
    /// Nobody owns the clipboard.
    pub empty: bool,
    pub closed: Option<Error>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    connection: u64,
    state: Mutex<State>,
    moved: Condvar,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self { connection: CONNECTIONS.fetch_add(1, Ordering::Relaxed), state: Mutex::default(), moved: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section here is a few assignments, which leave the state whole even if the thread died.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn mark(&self, serial: u64) -> Mark {
        Mark { connection: self.connection, serial }
    }

    /// The state, or why there is none any more.
    pub(crate) fn now(&self) -> Result<State, Error> {
        let state = self.lock().clone();
        state.closed.clone().map_or(Ok(state), Err)
    }

    /// Notes that the clipboard changed; returns its new serial.
    pub(crate) fn changed(&self, own: bool, empty: bool) -> u64 {
        let mut state = self.lock();
        state.serial += 1;
        state.own = own;
        state.empty = empty;
        self.moved.notify_all();
        state.serial
    }

    /// Sets what was found at the start, which is no change.
    pub(crate) fn found(&self, empty: bool) {
        self.lock().empty = empty;
    }

    pub(crate) fn close(&self, error: Error) {
        let mut state = self.lock();
        state.closed.get_or_insert(error);
        state.own = false;
        self.moved.notify_all();
    }

    /// Wakes all who wait, under the lock, so that a flag set before is surely seen.
    pub(crate) fn wake(&self) {
        let _held = self.lock();
        self.moved.notify_all();
    }

    /// Blocks until `until` holds of the state.
    pub(crate) fn wait(&self, mut until: impl FnMut(&State) -> bool) -> State {
        let guard = self.lock();
        let guard = self.moved.wait_while(guard, |state| !until(state)).unwrap_or_else(PoisonError::into_inner);
        guard.clone()
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
impl Shared {
    /// Blocks until `until` holds of the state, at most for `patience`.
    pub(crate) fn wait_for(&self, patience: Duration, mut until: impl FnMut(&State) -> bool) -> State {
        let guard = self.lock();
        let (guard, _) =
            self.moved.wait_timeout_while(guard, patience, |state| !until(state)).unwrap_or_else(PoisonError::into_inner);
        guard.clone()
    }
}

/// How long a transfer may still take; asked before every wait for the other program.
pub(crate) struct Patience<'a> {
    pub limits: &'a Limits,
    shared: &'a Shared,
    stopped: &'a dyn Fn() -> bool,
    what: String,
    serial: u64,
    started: Instant,
    last: Instant,
    superseded: Option<Instant>,
}

/// While bytes flow, a stop or a newer content is noticed after this time at most.
const SLICE: Duration = Duration::from_millis(50);

impl<'a> Patience<'a> {
    pub(crate) fn new(limits: &'a Limits, shared: &'a Shared, stopped: &'a dyn Fn() -> bool) -> Self {
        let now = Instant::now();
        Self { limits, shared, stopped, what: String::new(), serial: 0, started: now, last: now, superseded: None }
    }

    /// Starts the clocks for one transfer of `what` out of the content with that serial.
    pub(crate) fn begin(&mut self, what: &str, serial: u64) {
        what.clone_into(&mut self.what);
        self.serial = serial;
        self.started = Instant::now();
        self.last = self.started;
        self.superseded = None;
    }

    /// Bytes came.
    pub(crate) fn progress(&mut self) {
        self.last = Instant::now();
    }

    /// How long to wait at most before asking again; fails once patience is over.
    pub(crate) fn slice(&mut self) -> Result<Duration, Error> {
        if (self.stopped)() {
            return Err(Error::Stopped);
        }
        let state = self.shared.now()?;
        let now = Instant::now();
        if state.serial != self.serial {
            self.superseded.get_or_insert(now);
        }
        let limits = self.limits;
        if now - self.last >= limits.stall {
            return Err(Error::Silent(limits.stall, self.what.clone()));
        }
        if now - self.started >= limits.total {
            return Err(Error::TooSlow(limits.total, self.what.clone()));
        }
        // Something newer waits to be read: what is nearly here may end, a slow one must not hold up the new one.
        if self.superseded.is_some_and(|since| now - since >= limits.superseded) {
            return Err(Error::TooSlow(limits.superseded, self.what.clone()));
        }
        Ok(SLICE)
    }

    /// Fails if `length` bytes are too many.
    pub(crate) fn fits(&self, length: u64, limit: u64) -> Result<(), Error> {
        if length > limit { Err(Error::TooLarge(limit, self.what.clone())) } else { Ok(()) }
    }
}
