//! Lets a client that is still sending hear why it was refused. An answer in the middle of a body makes hyper close the
//! connection, and the client then sees a broken pipe instead of "no space left". So the rest is read and thrown away first,
//! for a while.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Longer than that nobody is listened to after a refusal.
const PATIENCE: Duration = Duration::from_secs(10);

struct Slot<B> {
    begun: AtomicBool,
    body: Mutex<Option<Pin<Box<B>>>>,
}

/// A body that comes back to [`Lender`] when its reader lets go of it.
pub(crate) struct Lent<B> {
    body: Option<Pin<Box<B>>>,
    slot: Arc<Slot<B>>,
}

/// Who gets the unread rest of a body.
pub(crate) struct Lender<B>(Arc<Slot<B>>);

pub(crate) fn lend<B>(body: B) -> (Lent<B>, Lender<B>) {
    let slot = Arc::new(Slot { begun: AtomicBool::new(false), body: Mutex::new(None) });
    (Lent { body: Some(Box::pin(body)), slot: Arc::clone(&slot) }, Lender(slot))
}

impl<B> Drop for Lent<B> {
    fn drop(&mut self) {
        *self.slot.body.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
    }
}

impl<B: Body<Data = Bytes>> Lender<B> {
    /// Whether anybody began to read: then "100 Continue" has gone out.
    pub(crate) fn begun(&self) -> bool {
        self.0.begun.load(Ordering::Relaxed)
    }

    /// Reads what nobody wants.
    pub(crate) async fn drain(self) {
        let Some(mut body) = self.0.body.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let rest = async { while let Some(Ok(_)) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {} };
        _ = tokio::time::timeout(PATIENCE, rest).await;
    }
}

impl<B: Body<Data = Bytes>> Body for Lent<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.slot.begun.store(true, Ordering::Relaxed);
        self.body.as_mut().map_or(Poll::Ready(None), |body| body.as_mut().poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Some(body) => body.is_end_stream(),
            None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}
