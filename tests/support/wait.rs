//! Waiting on conditions, never on time alone.

use std::time::{Duration, Instant};

/// How long anything may take on a loaded machine with two cores before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer; panics with `what` after [`PATIENCE`].
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, ask).await
}

/// Like [`eventually`], with another patience.
///
/// # Panics
/// When there is no answer in time.
pub async fn within<T>(patience: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < patience, "waited {} s in vain: {what}", patience.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
