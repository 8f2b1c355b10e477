//! One proxy, certificate and time-out setting for every HTTP request imagepic makes.
//!
//! [`Http`] stands for one such setting. It hands the same routes and the same certificate checks to the S3 client ([`Http::sdk`])
//! and to everything that speaks plain HTTP ([`Http::reqwest`]), so that a proxy or a company's certificate authority given once
//! holds everywhere. Nothing is loaded before the first request needs it: an upload to this computer reads no certificates.
//!
//! Two rules have no setting. Requests to loopback addresses never go through a proxy. Redirects are never followed: requests carry
//! credentials, and a signature is made for one address only.
//!
//! What stays out: retries (the queue's), signatures (the S3 client's), sentences for people (the engine's).

mod connect;
mod failure;
mod guest;
pub mod header;
mod plain;
mod sdk;
mod tls;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

pub use failure::Failure;
pub use guest::{Own, Visit, Way, is_local_name, is_public};
pub use plain::Coming;

/// What a person can set about the network, and the two time-outs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which proxy.
    pub proxy: Proxy,
    /// PEM files with certificate authorities beside those of the system.
    pub ca_files: Vec<PathBuf>,
    /// For DNS, TCP and TLS together.
    pub connect_timeout: Duration,
    /// A request or an answer that moves no byte for so long is given up. There is no limit on the whole: a large file takes its time.
    pub stall_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            proxy: Proxy::System,
            ca_files: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(60),
        }
    }
}

/// Which proxy requests take. Loopback addresses take none, whatever is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// As the environment or the system's settings say (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`…).
    #[default]
    System,
    /// None at all.
    None,
    /// This one for everything: `http://host:port`, `socks5://host:port` or `socks5h://host:port`.
    Manual(String),
}

/// Sees to it that a server of this computer listens, and says whether one does now.
pub type Wake = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// A network setting in use. Cheap to make and to clone; clones share connections.
#[derive(Clone)]
pub struct Http(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) wake: Option<Wake>,
    matcher: OnceLock<Matcher>,
    pub(crate) tls: tokio::sync::OnceCell<Arc<rustls::ClientConfig>>,
    reqwest: tokio::sync::OnceCell<reqwest::Client>,
    reqwest_loopback: OnceLock<Result<reqwest::Client, String>>,
    pub(crate) client: OnceLock<sdk::Client>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Http").field(&self.0.settings).finish()
    }
}

impl Default for Http {
    fn default() -> Self {
        Self(Arc::new(Shared::new(Settings::default(), None)))
    }
}

impl Http {
    /// Puts a setting to use. Opens nothing and reads no file.
    ///
    /// # Errors
    /// [`Failure::Proxy`] for a manual proxy whose address is none, or of a kind that is not known.
    pub fn new(settings: Settings) -> Result<Self, Failure> {
        if let Proxy::Manual(address) = &settings.proxy {
            check_proxy(address)?;
        }
        Ok(Self(Arc::new(Shared::new(settings, None))))
    }

    /// For a server of this computer that comes and goes: where a connection is refused, `wake` is asked, and the connection tried
    /// once more if it says so; nothing had been sent until then. So is a request without a body that may be made twice, where the
    /// connection broke before an answer: the server ended as it came.
    #[must_use]
    pub fn waking(wake: Wake) -> Self {
        Self(Arc::new(Shared::new(Settings::default(), Some(wake))))
    }

    /// The setting.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The HTTP client of the AWS SDK: HTTP/1.1, connections kept and used again, `TCP_NODELAY`.
    #[must_use]
    pub fn sdk(&self) -> SharedHttpClient {
        SharedHttpClient::new(sdk::Sdk(self.clone()))
    }

    /// The client for requests to `url` that are no S3 requests. It follows no redirects.
    ///
    /// # Errors
    /// [`Failure::CaFile`] and [`Failure::Tls`], where the certificate authorities cannot be loaded.
    pub async fn reqwest(&self, url: &url::Url) -> Result<reqwest::Client, Failure> {
        let shared = &self.0;
        if url.scheme() == "http" && is_loopback(url.host_str().unwrap_or_default()) {
            let client = shared.reqwest_loopback.get_or_init(|| {
                let tls = tls::nobody_trusted();
                self.reqwest_with(tls).no_proxy().build().map_err(|error| error.to_string())
            });
            return client.clone().map_err(Failure::Tls);
        }
        if is_loopback(url.host_str().unwrap_or_default()) {
            let tls = shared.tls().await?;
            return self.reqwest_with((*tls).clone()).no_proxy().build().map_err(|error| Failure::Tls(error.to_string()));
        }
        let client = shared.reqwest.get_or_try_init(|| async {
            let tls = shared.tls().await?;
            let mut builder = self.reqwest_with((*tls).clone());
            match &shared.settings.proxy {
                Proxy::System => {}
                Proxy::None => builder = builder.no_proxy(),
                Proxy::Manual(address) => {
                    let proxy = reqwest::Proxy::all(address).map_err(|_| Failure::Proxy(proxy_host(address)))?;
                    builder = builder.no_proxy().proxy(proxy);
                }
            }
            builder.build().map_err(|error| Failure::Tls(error.to_string()))
        });
        client.await.cloned()
    }

    fn reqwest_with(&self, tls: rustls::ClientConfig) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(self.0.settings.connect_timeout)
            .pool_idle_timeout(sdk::IDLE)
    }
}

impl Shared {
    fn new(settings: Settings, wake: Option<Wake>) -> Self {
        Self {
            settings,
            wake,
            matcher: OnceLock::new(),
            tls: tokio::sync::OnceCell::new(),
            reqwest: tokio::sync::OnceCell::new(),
            reqwest_loopback: OnceLock::new(),
            client: OnceLock::new(),
        }
    }

    /// The proxy for this address, if it takes one.
    pub(crate) fn proxy_for(&self, uri: &http::Uri) -> Option<Intercept> {
        if matches!(self.settings.proxy, Proxy::None) || is_loopback(uri.host()?) {
            return None;
        }
        let matcher = self.matcher.get_or_init(|| match &self.settings.proxy {
            Proxy::Manual(address) => Matcher::builder().all(address.as_str()).build(),
            Proxy::System | Proxy::None => Matcher::from_system(),
        });
        matcher.intercept(uri)
    }

    /// The certificate checks, loaded once, off the async threads.
    pub(crate) async fn tls(&self) -> Result<Arc<rustls::ClientConfig>, Failure> {
        let files = self.settings.ca_files.clone();
        let load = || async {
            match tokio::task::spawn_blocking(move || tls::config(&files)).await {
                Ok(config) => config.map(Arc::new),
                Err(stopped) => Err(Failure::Tls(stopped.to_string())),
            }
        };
        self.tls.get_or_try_init(load).await.cloned()
    }
}

/// Whether a file holds at least one certificate as PEM, and nothing that cannot be read.
///
/// # Errors
/// [`Failure::CaFile`].
pub fn check_ca_file(file: &std::path::Path) -> Result<(), Failure> {
    tls::authorities(file).map(drop)
}

/// Whether a host is this computer by its address or by the one name that always means it (RFC 6761, 6.3).
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    bare.eq_ignore_ascii_case("localhost")
        || bare.to_ascii_lowercase().ends_with(".localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn check_proxy(address: &str) -> Result<(), Failure> {
    let refused = || Failure::Proxy(proxy_host(address));
    let url = url::Url::parse(address).map_err(|_| refused())?;
    let known = matches!(url.scheme(), "http" | "socks5" | "socks5h");
    if known && url.host_str().is_some_and(|host| !host.is_empty()) { Ok(()) } else { Err(refused()) }
}

/// The proxy's host, without a password somebody may have put into the address.
fn proxy_host(address: &str) -> String {
    url::Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| "?".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_is_recognised_however_it_is_written() {
        for host in ["127.0.0.1", "127.8.9.1", "[::1]", "::1", "localhost", "LOCALHOST.", "bucket.localhost"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1", "example.com", "notlocalhost", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_proxy_address_that_is_none_is_refused_at_once_and_keeps_its_password_to_itself() {
        for address in ["", "proxy:8080", "ftp://proxy:21", "https://"] {
            let settings = Settings { proxy: Proxy::Manual(address.to_owned()), ..Settings::default() };
            assert!(matches!(Http::new(settings), Err(Failure::Proxy(_))), "{address}");
        }
        let settings = Settings { proxy: Proxy::Manual("gopher://me:hunter2@proxy.example:1".to_owned()), ..Settings::default() };
        let refused = Http::new(settings).expect_err("an unknown kind").to_string();
        assert!(refused.contains("proxy.example") && !refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn loopback_never_takes_the_proxy_and_everything_else_does() {
        let settings = Settings { proxy: Proxy::Manual("http://proxy.example:3128".to_owned()), ..Settings::default() };
        let shared = Shared::new(settings, None);
        assert!(shared.proxy_for(&"http://127.0.0.1:9/".parse().unwrap()).is_none());
        assert!(shared.proxy_for(&"https://[::1]:9/".parse().unwrap()).is_none());
        let proxy = shared.proxy_for(&"https://s3.example/".parse().unwrap()).expect("goes through the proxy");
        assert_eq!(proxy.uri().host(), Some("proxy.example"));
        assert!(
            Shared::new(Settings { proxy: Proxy::None, ..Settings::default() }, None)
                .proxy_for(&"https://s3.example/".parse().unwrap())
                .is_none()
        );
    }
}
