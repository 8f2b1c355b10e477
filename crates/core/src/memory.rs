//! The bytes that stay in memory between intake and their sending, within one budget for the whole process.
//!
//! It exists so that a single screenshot is never read back from the disk, and a thousand files do not fill the memory: what finds
//! no room is read from the spool as it travels. What stays out: bytes that a caller holds itself.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// Bytes that are kept at most, all uploads together.
static BUDGET: Budget = Budget::new(48 << 20);

/// Room that is taken by [`Budget::keep`] and given back when the last clone of the bytes is gone.
#[derive(Debug)]
struct Budget {
    left: AtomicUsize,
}

struct Held {
    bytes: Bytes,
    budget: &'static Budget,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes.len(), Ordering::AcqRel);
    }
}

impl Budget {
    const fn new(bytes: usize) -> Self {
        Self { left: AtomicUsize::new(bytes) }
    }

    fn keep(&'static self, bytes: Bytes) -> Option<Bytes> {
        let size = bytes.len();
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(size)).ok()?;
        Some(Bytes::from_owner(Held { bytes, budget: self }))
    }
}

/// Keeps bytes that lie in the spool as well, if there is room for them.
pub(crate) fn keep(bytes: Bytes) -> Option<Bytes> {
    BUDGET.keep(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_at_once_do_not_fill_the_memory_and_what_was_sent_makes_room() {
        static SMALL: Budget = Budget::new(100);
        let first = SMALL.keep(Bytes::from(vec![1; 60])).expect("there is room");
        assert!(SMALL.keep(Bytes::from(vec![2; 60])).is_none(), "over the budget");
        let second = SMALL.keep(Bytes::from(vec![3; 40])).expect("there is room for exactly this");
        assert_eq!((first.len(), &second[..]), (60, &[3; 40][..]));
        let on_its_way = first.clone();
        drop(first);
        assert!(SMALL.keep(Bytes::from(vec![4; 60])).is_none(), "it is still being sent");
        drop(on_its_way);
        assert!(SMALL.keep(Bytes::from(vec![4; 60])).is_some());
    }
}
