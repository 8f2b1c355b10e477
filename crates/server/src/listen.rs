//! Accepting connections, within bounds: how many in all and from one address, how large a head may be and how long it may take, how
//! much is read at once, and how long a client may leave an answer unread. Who is still sending when a connection ends is let finish, so
//! that the last answer arrives and not a reset. At the end requests under way get their time.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::client::{Peer, is_trusted};
use crate::drain::Unread;
use crate::state::App;

/// How long what still comes is read and thrown away after the last answer.
const LINGER: Duration = Duration::from_secs(10);
/// Bytes of one read. hyper's buffer grows with what it is given, and stays as large for as long as a slow client waits.
const READ: usize = 16 * 1024;
/// After an error of the system, such as too many open files.
const BREATH: Duration = Duration::from_millis(50);

/// How many connections each address has.
#[derive(Clone, Default)]
struct Crowd(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A place in the crowd.
struct Place {
    crowd: Crowd,
    address: IpAddr,
}

impl Crowd {
    fn enter(&self, address: IpAddr, most: usize) -> Option<Place> {
        let address = household(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { crowd: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// One subscriber has a whole /64 of IPv6 (RFC 6177): its addresses count as one.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Serves until `stop`, then lets requests under way end for at most `grace`.
pub(crate) async fn accept(listener: TcpListener, app: App, routes: Router, stop: CancellationToken, grace: Duration) {
    let limits = app.config.limits.clone();
    let slots = Arc::new(Semaphore::new(limits.connections));
    let crowd = Crowd::default();
    let graceful = GracefulShutdown::new();
    let ended = CancellationToken::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(limits.headers)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes);
    loop {
        let slot = tokio::select! {
            () = stop.cancelled() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let most = if is_trusted(&app.config.trusted_proxies, peer.ip().to_canonical()) {
            usize::MAX
        } else {
            limits.connections_per_address
        };
        let Some(place) = crowd.enter(peer.ip(), most) else {
            app.metrics.turned_away.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let unread = Unread::default();
        let service = hyper::service::service_fn({
            let (routes, unread) = (routes.clone(), unread.clone());
            move |request| answer(routes.clone(), request, peer, unread.clone())
        });
        let connection =
            graceful.watch(http.serve_connection(TokioIo::new(Impatient::new(stream, limits.unread_timeout, unread)), service));
        let (app, ended) = (app.clone(), ended.clone());
        tokio::spawn(async move {
            let _all = (slot, place);
            app.metrics.connections.fetch_add(1, Ordering::Relaxed);
            let done = tokio::select! {
                // What is still under way after the farewell ends here.
                () = ended.cancelled() => Ok(()),
                done = connection => done,
            };
            if let Err(error) = done {
                tracing::debug!(%error, "a connection broke off");
            }
            app.metrics.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        let left = app.metrics.running.load(Ordering::Relaxed);
        tracing::warn!(left, "requests that took longer than the grace are broken off");
    }
    ended.cancel();
}

async fn answer(
    mut routes: Router,
    request: http::Request<Incoming>,
    peer: SocketAddr,
    unread: Unread,
) -> Result<axum::response::Response, std::convert::Infallible> {
    let mut request = request.map(axum::body::Body::new);
    request.extensions_mut().insert(Peer(peer));
    request.extensions_mut().insert(unread);
    routes.call(request).await
}

/// A stream that gives up when the other end takes nothing for too long (an answer nobody reads holds memory and a place), and that does
/// not hang up on somebody who is still sending: the system would answer that with a reset, which overtakes the answer.
struct Impatient {
    stream: TcpStream,
    patience: Duration,
    timer: Pin<Box<Sleep>>,
    waiting: bool,
    unread: Unread,
    /// Our side has ended.
    ended: bool,
}

impl Impatient {
    fn new(stream: TcpStream, patience: Duration, unread: Unread) -> Self {
        Self { stream, patience, timer: Box::pin(tokio::time::sleep(patience)), waiting: false, unread, ended: false }
    }

    /// Throws away what still comes, until the other end closes or time is up; whoever sends nothing more is not waited for.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; READ / 4];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.unread.set(),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if self.unread.is_set() => return self.timer.as_mut().poll(cx),
                Poll::Pending => return Poll::Ready(()),
            }
        }
    }

    fn patiently<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.waiting = false;
            return polled;
        }
        if !self.waiting {
            self.waiting = true;
            let until = Instant::now() + self.patience;
            self.timer.as_mut().reset(until);
        }
        std::task::ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing")))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let most = buffer.remaining().min(READ);
        let mut few = ReadBuf::new(buffer.initialize_unfilled_to(most));
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut few);
        let read = few.filled().len();
        buffer.advance(read);
        polled
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.patiently(cx, polled)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.patiently(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.patiently(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ended {
            std::task::ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.ended = true;
            self.timer.as_mut().reset(Instant::now() + LINGER);
        }
        self.linger(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_of_connections_and_gets_it_back() {
        let crowd = Crowd::default();
        let v4: IpAddr = "192.0.2.1".parse().expect("an address");
        let first = crowd.enter(v4, 1);
        assert!(first.is_some() && crowd.enter(v4, 1).is_none());
        assert!(crowd.enter("::ffff:192.0.2.1".parse().expect("an address"), 1).is_none(), "the same in another notation");
        drop(first);
        assert!(crowd.enter(v4, 1).is_some());
        let place = crowd.enter("2001:db8::1".parse().expect("an address"), 1);
        assert!(crowd.enter("2001:db8::2".parse().expect("an address"), 1).is_none(), "a household counts once");
        drop(place);
        assert!(crowd.0.lock().expect("nobody panicked").is_empty());
    }
}
