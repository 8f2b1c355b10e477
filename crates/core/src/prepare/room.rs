//! Memory for pictures being decoded, within one budget for the whole process.
//!
//! It exists because a photo of a few megabytes is a hundred in memory, and a folder of them would come all at once. Who finds no room
//! waits for it on its own thread; a picture larger than the budget has it to itself.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::LOOKS;

/// All pictures that are decoded at the same time may take so many bytes together.
static ROOM: Room = Room::new(224 << 20);

/// A budget of bytes.
pub(super) struct Room {
    all: u64,
    now: Mutex<Now>,
    changed: Condvar,
}

struct Now {
    taken: u64,
    waiting: usize,
}

/// A part of it, given back when dropped.
pub(super) struct Part<'a> {
    of: &'a Room,
    bytes: u64,
}

impl Room {
    const fn new(all: u64) -> Self {
        Self { all, now: Mutex::new(Now { taken: 0, waiting: 0 }), changed: Condvar::new() }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for so many bytes, or, where they are more than there ever is, until nobody else has any. `None` once
    /// `stopped` says that nobody waits any more.
    fn take(&self, bytes: u64, stopped: &dyn Fn() -> bool) -> Option<Part<'_>> {
        let bytes = bytes.min(self.all);
        let mut now = self.now();
        now.waiting += 1;
        let stops = loop {
            if stopped() {
                break true;
            }
            if now.taken + bytes <= self.all {
                break false;
            }
            now = self.changed.wait_timeout(now, LOOKS).unwrap_or_else(PoisonError::into_inner).0;
        };
        now.waiting -= 1;
        if stops {
            return None;
        }
        now.taken += bytes;
        Some(Part { of: self, bytes })
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        self.of.now().taken -= self.bytes;
        self.of.changed.notify_all();
    }
}

/// Waits for room. Blocks: to be called on a thread for blocking work.
pub(super) fn take(bytes: u64, stopped: &dyn Fn() -> bool) -> Option<Part<'static>> {
    ROOM.take(bytes, stopped)
}

/// Who waits for room at present.
#[cfg(test)]
pub(super) fn waiting() -> usize {
    ROOM.now().waiting
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn many_pictures_at_once_never_have_more_than_the_budget_and_all_come_to_their_turn() {
        static SMALL: Room = Room::new(100);
        static NOW: AtomicU64 = AtomicU64::new(0);
        static MOST: AtomicU64 = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for bytes in [30, 60, 250, 10, 99, 1, 50, 50] {
                scope.spawn(move || {
                    for _ in 0..50 {
                        let part = SMALL.take(bytes, &|| false).expect("its turn comes");
                        MOST.fetch_max(NOW.fetch_add(part.bytes, Ordering::SeqCst) + part.bytes, Ordering::SeqCst);
                        std::thread::yield_now();
                        NOW.fetch_sub(part.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(MOST.load(Ordering::SeqCst) <= 100);
        assert_eq!(SMALL.now().taken, 0);
    }

    #[test]
    fn who_is_stopped_while_all_room_is_taken_waits_no_longer_and_has_none() {
        static FULL: Room = Room::new(100);
        let all = FULL.take(100, &|| false).expect("nobody else is there");
        let stop = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| FULL.take(1, &|| stop.load(Ordering::SeqCst) > 0).is_none());
            while FULL.now().waiting == 0 {
                std::thread::yield_now();
            }
            stop.store(1, Ordering::SeqCst);
            assert!(waits.join().expect("no panic"));
        });
        drop(all);
        let now = FULL.now();
        assert_eq!((now.taken, now.waiting), (0, 0));
    }
}
