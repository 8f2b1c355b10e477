//! From an address to an open connection: directly, or through the proxy; in TLS where the address asks for it.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower::Service;

use crate::{Failure, Shared};

type Future_<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// Opens connections for the pool.
#[derive(Clone)]
pub(crate) struct Connector {
    shared: Arc<Shared>,
    tcp: HttpConnector<Resolver>,
}

impl Connector {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        Self { shared, tcp }
    }

    async fn connect(mut self, uri: Uri) -> Result<Conn, Failure> {
        let https = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let uri = with_port(&uri, https)?;
        let mut proxied = false;
        let tcp = match self.shared.proxy_for(&uri) {
            None => match (self.dial(uri.clone()).await, self.shared.wake.clone()) {
                (Err(Failure::Connect(..)), Some(wake)) if wake().await => self.dial(uri).await?,
                (outcome, _) => outcome?,
            },
            Some(proxy) => {
                let at = proxy.uri().clone();
                let named = at.host().unwrap_or_default().to_owned();
                let refused = |error: &(dyn std::error::Error + 'static)| match Failure::find(error) {
                    Some(Failure::Dns(_) | Failure::Connect(..)) | None => Failure::Proxy(named.clone()),
                    Some(other) => other.clone(),
                };
                match at.scheme_str() {
                    Some("socks5" | "socks5h") => {
                        let mut socks = SocksV5::new(at.clone(), self.tcp).local_dns(at.scheme_str() == Some("socks5"));
                        if let Some((user, password)) = proxy.raw_auth() {
                            socks = socks.with_auth(user.to_owned(), password.to_owned());
                        }
                        socks.call(uri).await.map_err(|error| refused(&error))?.into_inner()
                    }
                    Some("http") if https => {
                        let mut tunnel = Tunnel::new(at, self.tcp);
                        if let Some(auth) = proxy.basic_auth() {
                            tunnel = tunnel.with_auth(auth.clone());
                        }
                        tunnel.call(uri).await.map_err(|error| refused(&error))?.into_inner()
                    }
                    Some("http") => {
                        proxied = true;
                        self.dial(at).await.map_err(|error| refused(&error))?
                    }
                    _ => return Err(Failure::Proxy(named)),
                }
            }
        };
        let io: Box<dyn Stream> = if https { Box::new(self.shared.greet(&host, tcp).await?) } else { Box::new(tcp) };
        Ok(Conn { io: TokioIo::new(io), proxied })
    }

    async fn dial(&mut self, uri: Uri) -> Result<TcpStream, Failure> {
        let at = uri.authority().map(ToString::to_string).unwrap_or_default();
        match self.tcp.call(uri).await {
            Ok(stream) => Ok(stream.into_inner()),
            Err(error) => Err(Failure::find(&error).cloned().unwrap_or_else(|| Failure::Connect(at, root(&error)))),
        }
    }
}

impl Shared {
    async fn greet(&self, host: &str, tcp: TcpStream) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Failure> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| Failure::Tls(error.to_string()))?;
        let connector = tokio_rustls::TlsConnector::from(self.tls().await?);
        connector.connect(name, tcp).await.map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(rustls::Error::InvalidMessage(_)) => Failure::NotTls,
                Some(tls) => Failure::Tls(tls.to_string()),
                None => Failure::Broken(error.to_string()),
            }
        })
    }
}

impl Service<Uri> for Connector {
    type Response = Conn;
    type Error = Failure;
    type Future = Future_<Conn>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let at = uri.authority().map(ToString::to_string).unwrap_or_default();
        let connecting = self.clone().connect(uri);
        let limit = self.shared.settings.connect_timeout;
        Box::pin(
            async move { tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| Err(Failure::ConnectTimeout(at))) },
        )
    }
}

/// SOCKS and CONNECT take the port from the address and know no default but 443.
fn with_port(uri: &Uri, https: bool) -> Result<Uri, Failure> {
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
    let scheme = if https { "https" } else { "http" };
    format!("{scheme}://{host}:{port}/").parse().map_err(|_| Failure::Dns(host.to_owned()))
}

fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}

/// The system's resolver; it says which name failed. Names below `localhost` are this computer, which not every system knows
/// (RFC 6761, 6.3): stores in host style on this computer have such names.
#[derive(Clone)]
pub(crate) struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Failure;
    type Future = Future_<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let named = name.as_str().to_owned();
        if crate::is_loopback(&named) && named.contains('.') {
            let here: [SocketAddr; 2] = [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()];
            return Box::pin(std::future::ready(Ok(Vec::from(here).into_iter())));
        }
        let looking = self.0.call(name);
        Box::pin(async move {
            let found: Vec<_> = looking.await.map_err(|_| Failure::Dns(named))?.collect();
            Ok(found.into_iter())
        })
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open connection.
pub(crate) struct Conn {
    io: TokioIo<Box<dyn Stream>>,
    proxied: bool,
}

impl Connection for Conn {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.proxied)
    }
}

impl Read for Conn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
