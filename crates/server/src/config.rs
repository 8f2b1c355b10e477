//! What can be set about the server, checked before anything is opened.
//!
//! [`Config`] is the whole truth the rest of the server looks at; [`list`] is every setting by name, as documentation and parser
//! both read it. What stays out: reading the environment and the command line (the console program hands both in).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use imagepic_api::capabilities::Registration;
use ipnet::IpNet;
use regex::Regex;
use secrecy::SecretString;
use url::Url;

mod bases;
mod list;
mod problem;
mod read;
mod value;

pub use bases::PublicBases;
pub use list::{SETTINGS, Setting};
pub use problem::{Problem, Source};
pub use read::Given;

/// Largest upload where nothing is set: 1 GiB.
const MAX_BYTES: u64 = 1 << 30;

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The folder for keys, the folder home of the accounts and the embedded bucket; one process at a time.
    pub data: PathBuf,
    /// The store; `None` for the embedded bucket below [`Self::data`]. Always `Some` once the server is open.
    pub s3: Option<S3Settings>,
    /// Where the store is for clients, if under another name: links and grants are signed for it.
    pub s3_public_endpoint: Option<Url>,
    /// Where accounts are kept.
    pub accounts: AccountsHome,
    /// Signs tokens; `None` for the key the server makes for itself.
    pub jwt_secret: Option<SecretString>,
    /// Who may register; `None` for open on loopback, closed elsewhere. Ask [`Self::registration`].
    pub registration: Option<Registration>,
    /// The buckets that are offered; `None` for all.
    pub buckets: Option<Vec<String>>,
    /// Where objects can be read without a signature.
    pub public_base: PublicBases,
    /// The server's own address as clients see it, without a slash at the end.
    pub public_url: Option<Url>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Reading needs no token; `None` where nobody chose, which counts as no.
    pub anonymous_reads: Option<bool>,
    /// Origins whose pages may call the server.
    pub cors: Vec<String>,
    /// What a new password must match, instead of the built-in rule.
    pub password_pattern: Option<Regex>,
    /// What an e-mail address must match, instead of the built-in rule.
    pub email_pattern: Option<Regex>,
    /// Largest object, in bytes.
    pub max_bytes: u64,
    /// Media types taken beside raster images.
    pub types: Vec<String>,
    /// Bounds on what one client, and all of them, may take.
    pub limits: Limits,
    /// How long a stop waits for requests under way.
    pub grace: Duration,
    /// Where `/metrics` answers; `None` for nowhere.
    pub metrics: Option<SocketAddr>,
    /// How much is logged.
    pub log: String,
}

/// Where the store is and who asks.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// `https://host[:port]`, without bucket.
    pub endpoint: Url,
    /// As the store signs.
    pub region: String,
    /// Access key id.
    pub access_key: String,
    /// Never printed, never logged.
    pub secret_key: SecretString,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`.
    pub path_style: bool,
}

/// Where accounts are kept.
#[derive(Debug, Clone)]
pub enum AccountsHome {
    /// JSON documents in a folder.
    Folder(PathBuf),
    /// `postgres://…`, with a password perhaps.
    Postgres(SecretString),
}

/// Bounds on what one client, and all of them, may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once, all together; more wait unaccepted.
    pub connections: usize,
    /// Connections at once from one address that is no trusted proxy; more are closed.
    pub connections_per_address: usize,
    /// For the head of a request.
    pub head_timeout: Duration,
    /// A body that moves no byte for so long is given up; one that trickles, after four times as long.
    pub idle_timeout: Duration,
    /// An answer of which a client takes no byte for so long is given up, connection and all. No setting: nobody needs more.
    pub unread_timeout: Duration,
    /// The bytes of a request's head.
    pub head_bytes: usize,
    /// The headers of a request.
    pub headers: usize,
    /// Bytes of spooled uploads on disk at once.
    pub spool_bytes: u64,
    /// Bytes of memory for the bodies of all uploads under way together.
    pub upload_memory: u64,
    /// Password hashes computed at once.
    pub hashes: usize,
    /// Listeners of `notification/listen` per person.
    pub listeners: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 1024,
            head_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(30),
            unread_timeout: Duration::from_secs(60),
            head_bytes: 64 * 1024,
            headers: 64,
            spool_bytes: 4 << 30,
            upload_memory: 64 << 20,
            hashes: 2,
            listeners: 8,
        }
    }
}

impl Config {
    /// The defaults over a data folder: loopback, embedded bucket, accounts in a folder.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3100),
            data: data.to_owned(),
            s3: None,
            s3_public_endpoint: None,
            accounts: AccountsHome::Folder(data.join("accounts")),
            jwt_secret: None,
            registration: None,
            buckets: None,
            public_base: PublicBases::default(),
            public_url: None,
            trusted_proxies: Vec::new(),
            anonymous_reads: None,
            cors: Vec::new(),
            password_pattern: None,
            email_pattern: None,
            max_bytes: MAX_BYTES,
            types: Vec::new(),
            limits: Limits::default(),
            grace: Duration::from_secs(30),
            metrics: None,
            log: "info".to_owned(),
        }
    }

    /// Who may register: as set, otherwise everybody who reaches a server on loopback, and nobody elsewhere.
    #[must_use]
    pub fn registration(&self) -> Registration {
        self.registration.unwrap_or(if self.listen.ip().is_loopback() { Registration::Open } else { Registration::Closed })
    }

    /// Whether reading needs no token.
    #[must_use]
    pub fn anonymous_reads(&self) -> bool {
        self.anonymous_reads.unwrap_or(false)
    }

    /// Whether a bucket is offered at all.
    #[must_use]
    pub fn offers(&self, bucket: &str) -> bool {
        self.buckets.as_ref().is_none_or(|offered| offered.iter().any(|one| one == bucket))
    }
}
