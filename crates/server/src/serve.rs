//! From a configuration to a server that listens, and to its end.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use http::header;
use imagepic_api::capabilities::Registration;
use imagepic_words::{Text, server as words};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::failure::OpenError;
use crate::state::App;
use crate::{listen, state};

/// Connections that may wait to be taken; the system has a bound of its own besides. With the 128 that libraries choose, a crowd that
/// comes at once is reset (Linux answers with SYN cookies then, and forgets some of those who come back with them).
const BACKLOG: u32 = 4096;

/// A server that listens.
#[derive(Debug)]
pub struct Bound {
    /// Where.
    pub address: SocketAddr,
    /// Where its figures are, if anywhere.
    pub metrics: Option<SocketAddr>,
    app: App,
    listeners: Vec<(TcpListener, Router)>,
}

fn listen_at(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that was just stopped leaves connections behind that would keep the port; on Windows the option means something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), OpenError> {
    let fail = |why: std::io::Error| {
        OpenError::Told(match why.kind() {
            std::io::ErrorKind::AddrInUse => words::port_taken(address),
            _ => words::not_bound(address, why),
        })
    };
    let listener = listen_at(address).map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    Ok((listener, bound))
}

impl Bound {
    /// Opens and binds everything; nothing is answered yet.
    ///
    /// # Errors
    /// What cannot be opened or bound, and why.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        // First the port: whoever starts a second server by mistake hears so before anything is touched.
        let (listener, address) = bind(config.listen)?;
        let figures = match config.metrics {
            Some(address) => Some(bind(address)?),
            None => None,
        };
        let app = state::open(config).await?;
        let mut listeners = vec![(listener, state::router(app.clone()))];
        let metrics = figures.map(|(listener, address)| {
            listeners.push((listener, metrics(app.clone())));
            address
        });
        Ok(Self { address, metrics, app, listeners })
    }

    /// What is served.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// What whoever starts it should know: how to register, and what is open or closed.
    #[must_use]
    pub fn advice(&self) -> Vec<Text> {
        let config = self.app.config();
        let url = config.public_url.as_ref().map_or_else(|| format!("http://{}", self.address), ToString::to_string);
        let url = url.trim_end_matches('/');
        let mut advice = vec![match config.registration() {
            Registration::Open => words::register_open(url),
            Registration::Invite => words::register_invite(url),
            Registration::Closed => words::register_closed(url),
        }];
        if self.app.is_embedded() {
            advice.push(words::embedded(config.data.join("bucket").display()));
        }
        if config.anonymous_reads() {
            advice.push(words::reads_open());
        }
        if !config.listen.ip().is_loopback() {
            if !config.anonymous_reads() {
                advice.push(words::reads_closed());
            }
            if self.app.is_embedded() && !self.app.is_mounted() {
                advice.push(words::embedded_unreachable());
            }
            if config.trusted_proxies.is_empty() {
                advice.push(words::plain_http(self.address));
            }
        }
        advice
    }

    /// Answers until `stop`, then takes nothing new, lets what is under way end within the grace, and closes everything.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let stopped = CancellationToken::new();
        let grace = self.app.config().grace;
        let serving = self
            .listeners
            .into_iter()
            .map(|(listener, routes)| tokio::spawn(listen::accept(listener, self.app.clone(), routes, stopped.clone(), grace)));
        let serving: Vec<_> = serving.collect();
        stop.await;
        tracing::info!(grace = grace.as_secs(), "stopping");
        self.app.stop();
        stopped.cancel();
        for task in serving {
            // A task that panicked has nothing left to wait for.
            _ = task.await;
        }
        self.app.close().await;
        tracing::info!("stopped");
    }
}

/// The figures, on an address of their own.
fn metrics(app: App) -> Router {
    let text = async move || ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.text());
    Router::new().route("/metrics", get(text))
}
