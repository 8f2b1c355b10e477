//! A request's body on its way to a route: given up when nothing comes any more, and read to its end after a refusal.
//!
//! An answer in the middle of a body makes hyper close the connection, and the client then sees a reset and not the reason. So what
//! a route left unread is read and thrown away first, for a while.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body as Inner;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// Longer than that nobody is listened to after a refusal.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes a second that a body must bring on the whole, once it has been waited for [`GRACE`] times as long as for a single byte: who sends
/// one now and then would hold a place for days.
const PACE: u64 = 1024;
const GRACE: u32 = 4;

/// Says of a connection that its client may still be sending what nobody will read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unread(Arc<AtomicBool>);

impl Unread {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct Slot {
    begun: AtomicBool,
    stalled: AtomicBool,
    body: Mutex<Option<Inner>>,
}

/// A body that ends with an error when nothing comes for too long, and that goes to its [`Lender`] when its reader lets go of it.
pub(crate) struct Lent {
    body: Option<Inner>,
    slot: Arc<Slot>,
    idle: Duration,
    /// Armed while somebody waits for a frame.
    timer: Pin<Box<Sleep>>,
    waiting: Option<Instant>,
    /// How long has been waited for all frames so far.
    waited: Duration,
    came: u64,
}

impl Lent {
    fn stalls(&self, why: String) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.slot.stalled.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(std::io::Error::new(std::io::ErrorKind::TimedOut, why)))))
    }
}

/// Who gets the unread rest of a body.
pub(crate) struct Lender(Arc<Slot>);

/// Splits a body into what a route reads and what remains of it.
pub(crate) fn lend(body: Inner, idle: Duration) -> (Lent, Lender) {
    let slot = Arc::new(Slot { begun: AtomicBool::new(false), stalled: AtomicBool::new(false), body: Mutex::new(None) });
    let timer = Box::pin(tokio::time::sleep(idle));
    let (waiting, waited, came) = (None, Duration::ZERO, 0);
    (Lent { body: Some(body), slot: Arc::clone(&slot), idle, timer, waiting, waited, came }, Lender(slot))
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.slot.body.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
    }
}

impl Lender {
    /// Whether anybody began to read: then "100 Continue" has gone out.
    pub(crate) fn begun(&self) -> bool {
        self.0.begun.load(Ordering::Relaxed)
    }

    /// Whether the body was given up because nothing came.
    pub(crate) fn stalled(&self) -> bool {
        self.0.stalled.load(Ordering::Relaxed)
    }

    /// Reads what nobody wants: `most` bytes, for ten seconds, and no longer than `idle` without a byte. Whether the end was reached.
    pub(crate) async fn drain(self, most: u64, idle: Duration) -> bool {
        let Some(mut body) = self.0.body.lock().unwrap_or_else(PoisonError::into_inner).take() else { return true };
        if body.is_end_stream() {
            return true;
        }
        // An announced length over the bound is not even begun: the end would not be reached.
        if body.size_hint().lower() > most {
            return false;
        }
        let rest = async {
            let mut left = most;
            loop {
                let next = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
                match tokio::time::timeout(idle, next).await {
                    Ok(None) => return true,
                    Ok(Some(Ok(frame))) => {
                        let length = frame.data_ref().map_or(0, Bytes::len);
                        match left.checked_sub(length as u64) {
                            Some(less) => left = less,
                            None => return false,
                        }
                    }
                    Ok(Some(Err(_))) | Err(_) => return false,
                }
            }
        };
        tokio::time::timeout(PATIENCE, rest).await.unwrap_or(false)
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        this.slot.begun.store(true, Ordering::Relaxed);
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(frame) = &polled {
            this.waited += this.waiting.take().map_or(Duration::ZERO, |since| since.elapsed());
            if let Some(Ok(frame)) = frame {
                this.came += frame.data_ref().map_or(0, |data| data.len() as u64);
                if this.waited > this.idle * GRACE && this.came < this.waited.as_secs() * PACE {
                    return this.stalls(format!("{} bytes came in {} s", this.came, this.waited.as_secs()));
                }
            }
            return polled;
        }
        if this.waiting.is_none() {
            let now = Instant::now();
            this.waiting = Some(now);
            this.timer.as_mut().reset(now + this.idle);
        }
        std::task::ready!(this.timer.as_mut().poll(cx));
        this.stalls(format!("no byte came for {} s", this.idle.as_secs()))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::BodyExt as _;

    use super::*;

    const IDLE: Duration = Duration::from_secs(30);

    fn pieces(count: usize) -> Inner {
        Inner::from_stream(stream::iter((0..count).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"0123456789")))))
    }

    #[tokio::test]
    async fn what_a_route_left_is_read_to_its_end_but_not_beyond_the_bound() {
        let (mut lent, lender) = lend(pieces(10), IDLE);
        lent.frame().await.expect("a frame").expect("bytes");
        drop(lent);
        assert!(lender.begun());
        assert!(lender.drain(90, IDLE).await);
        let (lent, lender) = lend(pieces(10), IDLE);
        drop(lent);
        assert!(!lender.begun());
        assert!(!lender.drain(89, IDLE).await);
    }

    #[tokio::test]
    async fn a_body_that_stands_still_is_given_up() {
        let idle = Duration::from_millis(50);
        let start = Instant::now();
        let (lent, lender) = lend(Inner::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()), idle);
        assert!(lent.collect().await.is_err());
        assert!(start.elapsed() >= idle);
        assert!(lender.stalled());
    }

    #[tokio::test]
    async fn a_slow_body_is_waited_for_as_long_as_it_moves() {
        // All of it takes longer than the idle time, no step does.
        let slow = stream::unfold(0, |n| async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            (n < 5).then(|| (Ok::<_, std::io::Error>(Bytes::from_static(b"x")), n + 1))
        });
        let (lent, _) = lend(Inner::from_stream(slow), Duration::from_secs(1));
        assert_eq!(lent.collect().await.expect("all of it").to_bytes().len(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_only_trickles_is_given_up_and_one_that_comes_in_bursts_is_not() {
        let every = |seconds: u64, size: usize, count: usize| {
            Inner::from_stream(stream::unfold(0, move |n| async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                (n < count).then(|| (Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; size])), n + 1))
            }))
        };
        let (lent, lender) = lend(every(29, 1, 1000), IDLE);
        let start = Instant::now();
        assert!(lent.collect().await.is_err());
        assert!(lender.stalled() && start.elapsed() < IDLE * (GRACE + 1), "{:?}", start.elapsed());
        let (lent, _) = lend(every(29, 64 * 1024, 20), IDLE);
        assert_eq!(lent.collect().await.expect("all of it").to_bytes().len(), 20 * 64 * 1024);
    }
}
