//! Opening the bucket's folder and listening on its port.

use std::fs::{File, TryLockError};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use s3s::region::Region;
use s3s::service::S3ServiceBuilder;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::access::{Access, Holder};
use crate::api::{self, Api};
use crate::blobs::{Blobs, private_file, private_folder};
use crate::counters::Counters;
use crate::error::{Error, Result};
use crate::fail::Fail;
use crate::front::BucketService;
use crate::index::{self, Readers, Writer};
use crate::keys;
use crate::policy::{self, Policies, Public};

/// Connections served at once; more wait.
const CONNECTIONS: usize = 512;
/// How long a shutdown waits for requests under way.
const FAREWELL: Duration = Duration::from_secs(10);
/// An upload in parts that nothing has come to for so long, in milliseconds, is one whose sender has gone: its parts only cost room.
const STALE: i64 = 24 * 60 * 60 * 1000;
/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(30);

/// Where the bucket lies and who may use it.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder for index, blobs, lock and port.
    pub dir: PathBuf,
    /// The access key of requests; see [`crate::keys::load_or_create`].
    pub access_key: String,
    /// Its secret.
    pub secret_key: SecretString,
    /// The port to listen on; `None` takes the stored one, or a random one on the first start, which is then stored.
    pub port: Option<u16>,
    /// The region told to clients; requests signed for another are taken too.
    pub region: String,
}

/// An open bucket: index and blobs are held, nothing listens yet.
#[derive(Clone)]
pub struct Server {
    pub(crate) api: Api,
    config: Arc<Config>,
    counters: Arc<Counters>,
    swept: watch::Receiver<bool>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("dir", &self.config.dir).finish_non_exhaustive()
    }
}

fn take_lock(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let lock = private_file().write(true).create(true).truncate(false).open(&path).map_err(|e| Error::io("open", &path, e))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { dir: dir.into() }),
        Err(TryLockError::Error(e)) => Err(Error::io("lock", &path, e)),
    }
}

/// Opens the bucket's folder, making it on the first start. It belongs to this process until [`Server::close`], or until the
/// last handle is dropped.
///
/// # Errors
/// [`Error::Locked`] while another process has it, [`Error::NewerFormat`] for an index of a newer version, and whatever the
/// file system refuses.
pub async fn open(config: Config) -> Result<Server> {
    tokio::task::spawn_blocking(move || open_now(config)).await.map_err(|_| Error::Closed)?
}

fn open_now(config: Config) -> Result<Server> {
    let region = Region::new(config.region.as_str().into()).map_err(|_| Error::Refused {
        code: "InvalidRegion".into(),
        message: format!("\"{}\" is no name of a region", config.region),
    })?;
    let dir = &config.dir;
    private_folder(dir).map_err(|e| Error::io("create", dir, e))?;
    let lock = take_lock(dir)?;
    let path = dir.join("index.sqlite");
    let counters = Arc::new(Counters::default());
    let blobs = Arc::new(Blobs::open(dir.join("blobs"), Arc::clone(&counters))?);
    let (conn, unclean) = index::open(&path, blobs.any()?)?;
    let readers = Arc::new(Readers::new(path));
    let policies = Arc::new(Policies::default());
    for bucket in index::buckets(&conn).map_err(|f| plain(f, dir))? {
        if let Some(text) = bucket.policy {
            match policy::parse(&bucket.name, &text) {
                Ok(public) => policies.set(&bucket.name, public),
                Err(e) => tracing::warn!(bucket = bucket.name, error = %e, "bucket: its policy cannot be read and opens nothing"),
            }
        }
    }
    let writer = Arc::new(Writer::start(conn, Arc::clone(&blobs), lock)?);
    let (done, swept) = watch::channel(!unclean);
    if unclean {
        // Beside the first requests: what it looks for is older than they are.
        let (blobs, readers) = (Arc::clone(&blobs), Arc::clone(&readers));
        let dir = dir.clone();
        let sweep = move || {
            let known = |id| readers.with(|conn| index::knows_blob(conn, id)).map_err(|f| plain(f, &dir));
            match blobs.sweep(known) {
                Ok(0) => {}
                Ok(n) => tracing::info!(blobs = n, "bucket: swept what an interrupted run left behind"),
                Err(e) => tracing::warn!(error = %e, "bucket: the sweep stopped; the next start goes on"),
            }
            _ = done.send(true);
        };
        let spawned = std::thread::Builder::new().name("bucket-sweep".into()).spawn(sweep);
        spawned.map_err(|e| Error::io("start the sweep of", &config.dir, e))?;
    }
    let tidying = Arc::clone(&writer);
    tokio::runtime::Handle::current().spawn(async move {
        let before = api::now().saturating_sub(STALE);
        match tidying.change(vec![], move |conn, effects| index::drop_stale_uploads(conn, before, effects)).await {
            Ok(0) | Err(Fail::Closed) => {}
            Ok(n) => tracing::info!(uploads = n, "bucket: removed uploads in parts that nobody finished"),
            Err(fail) => tracing::warn!(?fail, "bucket: unfinished uploads stay; the next start tries again"),
        }
    });
    let api = Api { readers, writer, blobs, policies, region: region.as_str().into() };
    Ok(Server { api, config: Arc::new(config), counters, swept })
}

/// A request's fault as one of the bucket.
fn plain(fail: Fail, dir: &Path) -> Error {
    match fail {
        Fail::Db(source) if source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) => {
            Error::DiskFull { dir: dir.into() }
        }
        Fail::Db(source) => index::index_error("be read", &dir.join("index.sqlite"))(source),
        Fail::Io(source) => Error::io("use", dir, source),
        Fail::Closed => Error::Closed,
        Fail::S3(e) if e.code().as_str() == "InsufficientStorage" => Error::DiskFull { dir: dir.into() },
        Fail::S3(e) => Error::Refused { code: e.code().as_str().into(), message: e.message().unwrap_or_default().into() },
    }
}

/// What the bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Number of buckets.
    pub buckets: u64,
    /// Number of objects in all of them.
    pub objects: u64,
    /// Their sizes together, in bytes.
    pub bytes: u64,
}

/// Counts what the bucket in `dir` holds, also while another process serves it; `None` where there is none yet.
///
/// # Errors
/// The index cannot be read.
pub fn usage(dir: &Path) -> Result<Option<Usage>> {
    let path = dir.join("index.sqlite");
    if !path.exists() {
        return Ok(None);
    }
    let unread = index::index_error("be read", &path);
    let connection = rusqlite::Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(&unread)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(&unread)?;
    let (buckets, objects, bytes) = index::usage(&connection).map_err(|fail| plain(fail, dir))?;
    Ok(Some(Usage { buckets, objects, bytes }))
}

/// What anybody may read in a bucket of the folder `dir`, also while another process serves it; nothing where there is no such bucket.
///
/// # Errors
/// The index cannot be read.
pub fn public(dir: &Path, bucket: &str) -> Result<Public> {
    let path = dir.join("index.sqlite");
    if !path.exists() {
        return Ok(Public::default());
    }
    let unread = index::index_error("be read", &path);
    let connection = rusqlite::Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(&unread)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(&unread)?;
    match index::policy(&connection, bucket) {
        // One that cannot be read opens nothing, as where it is served.
        Ok(text) => Ok(text.and_then(|text| policy::parse(bucket, &text).ok()).unwrap_or_default()),
        Err(Fail::S3(_)) => Ok(Public::default()),
        Err(fail) => Err(plain(fail, dir)),
    }
}

impl Server {
    /// What anybody who reaches the port may read in a bucket; nothing where there is no such bucket.
    pub fn public(&self, bucket: &str) -> Public {
        self.api.policies.of(bucket)
    }

    /// The S3 protocol without a listener. Whoever mounts it checks `Host` for itself.
    pub fn service(&self) -> BucketService {
        self.serve_as(None)
    }

    fn serve_as(&self, hosts: Option<Arc<[String]>>) -> BucketService {
        let mut builder = S3ServiceBuilder::new(self.api.clone());
        let secret_key = keys::expose(&self.config.secret_key).into();
        builder.set_auth(Holder { access_key: self.config.access_key.clone(), secret_key });
        builder.set_access(Access { policies: Arc::clone(&self.api.policies) });
        BucketService { s3: builder.build(), hosts, region: Arc::clone(&self.api.region) }
    }

    /// Makes a bucket if it is not there yet. Whether it was made.
    ///
    /// # Errors
    /// [`Error::Refused`] for a name S3 does not allow (3 to 63 lower-case letters, digits, dots and hyphens).
    pub async fn ensure_bucket(&self, name: &str) -> Result<bool> {
        self.api.add_bucket(name).await.map_err(|f| plain(f, &self.config.dir))
    }

    /// Lets anybody who reaches the port read the objects that begin with `prefix`; what was public before stays so.
    ///
    /// # Errors
    /// [`Error::Refused`] where there is no such bucket, or the prefix holds `*` or `?`.
    pub async fn set_public_read(&self, bucket: &str, prefix: &str) -> Result<()> {
        self.api.publish(bucket, prefix).await.map_err(|f| plain(f, &self.config.dir))
    }

    /// Counts what is stored.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn usage(&self) -> Result<Usage> {
        let counted = self.api.readers.run(index::usage).await.map_err(|f| plain(f, &self.config.dir))?;
        Ok(Usage { buckets: counted.0, objects: counted.1, bytes: counted.2 })
    }

    /// How often the disk was asked to make something durable.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Waits until the files of an interrupted run are gone; at once where the last run ended well.
    pub async fn swept(&self) {
        _ = self.swept.clone().wait_for(|done| *done).await;
    }

    /// Closes index and folder after what is under way; later calls on other handles answer that the bucket is closed.
    pub async fn close(&self) {
        self.api.writer.stop().await;
    }

    /// Listens on 127.0.0.1. `Some(port)` wants exactly that one and stores nothing (0: any free one). `None` wants the one of
    /// the configuration, else the stored one; the very first time a random free one is taken and stored, so that links stay
    /// good from run to run.
    ///
    /// # Errors
    /// [`Error::PortTaken`] where something else listens on the wanted port.
    pub async fn bind(&self, port: Option<u16>) -> Result<Running> {
        let listener = match port.or(self.config.port) {
            Some(port) => listen(port).await?,
            None => self.listen_as_before().await?,
        };
        let addr = listener.local_addr().map_err(|e| Error::io("listen on", "127.0.0.1", e))?;
        let hosts = [format!("127.0.0.1:{}", addr.port()), format!("localhost:{}", addr.port())];
        let (stop, stopped) = watch::channel(false);
        let service = self.serve_as(Some(Arc::new(hosts)));
        Ok(Running { addr, stop, task: Some(tokio::spawn(accept(listener, service, stopped))) })
    }

    async fn listen_as_before(&self) -> Result<TcpListener> {
        let dir = &self.config.dir;
        if let Some(port) = keys::stored_port(dir)? {
            return listen(port).await;
        }
        let mut tries = 0;
        loop {
            let port = keys::random_port();
            match listen(port).await {
                Ok(listener) => {
                    keys::store_port(dir, port)?;
                    return Ok(listener);
                }
                Err(Error::PortTaken { .. }) if tries < 100 => tries += 1,
                Err(e) => return Err(e),
            }
        }
    }
}

async fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|e| match e.kind() {
        io::ErrorKind::AddrInUse => Error::PortTaken { port },
        // Windows says so of a port another program holds for itself.
        io::ErrorKind::PermissionDenied if cfg!(windows) => Error::PortTaken { port },
        _ => Error::io("listen on", format!("127.0.0.1:{port}"), e),
    })
}

async fn accept(listener: TcpListener, service: BucketService, mut stopped: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut stop = std::pin::pin!(async move { _ = stopped.wait_for(|stop| *stop).await });
    let next = async || match Arc::clone(&slots).acquire_owned().await {
        Ok(slot) => listener.accept().await.map(|(stream, _)| (stream, slot)),
        Err(e) => Err(io::Error::other(e)),
    };
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = next() => accepted,
        };
        let (stream, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                // Out of file handles, say: those under way will free some.
                tracing::warn!(error = %e, "bucket: a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Err(e) = stream.set_nodelay(true) {
            tracing::debug!(error = %e, "bucket: TCP_NODELAY");
        }
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone())));
        tokio::spawn(async move {
            if let Err(e) = connection.await {
                tracing::debug!(error = %e, "bucket: a connection broke off");
            }
            drop(slot);
        });
    }
    drop(listener);
    _ = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
}

/// A bucket that listens. Dropping it stops listening without a farewell to requests under way.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it listens: 127.0.0.1 and the port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening, waits for requests under way (at most 10 seconds), and frees the port.
    pub async fn shutdown(mut self) {
        _ = self.stop.send(true);
        if let Some(task) = self.task.take() {
            _ = task.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}
