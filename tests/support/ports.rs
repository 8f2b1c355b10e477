//! Ports for programs that want to be told theirs.

use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;

/// Where they are looked for. Linux hands out 32768 to 60999 to whoever asks for any port (`ip_local_port_range` in ip(7)), and with many
/// tests at once that is often: a port from there would now and then be somebody else's before the program takes it.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// Ports that were free a moment ago, all different.
///
/// # Panics
/// Where there are not as many.
#[must_use]
pub fn free(count: usize) -> Vec<u16> {
    let width = u64::from(RANGE.end - RANGE.start);
    let from = u16::try_from(RandomState::new().hash_one(0) % width).expect("less than its width");
    let listeners: Vec<_> = (RANGE.start + from..RANGE.end)
        .chain(RANGE.start..RANGE.start + from)
        .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        .take(count)
        .collect();
    assert_eq!(listeners.len(), count, "free ports between {} and {}", RANGE.start, RANGE.end);
    listeners.iter().map(|listener| listener.local_addr().expect("a bound port").port()).collect()
}
