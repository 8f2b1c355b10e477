//! Who serves this computer's bucket. It belongs to whoever holds `bucket/lock`; all others of the home use that one's port.
//!
//! Nothing is ever sent to a port nobody of this home is known to hold: the host says in `bucket/host` who it is, and its lock in
//! `run/` says that it lives. What stays out: the protocol (the bucket's crate has it).

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use imagepic_bucket::{Config, Error as BucketError, Running, Server, keys};
use imagepic_words::errors;
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::error::{Code, Error, Result};
use crate::home::Home;

/// The bucket every home has.
const FIRST_BUCKET: &str = "images";
/// Told to clients; requests signed for another region are taken too.
const REGION: &str = "us-east-1";
/// A host that was started answers within this time.
const START: Duration = Duration::from_secs(10);

/// How to reach this computer's bucket.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) region: &'static str,
    pub(crate) access_key: String,
    pub(crate) secret_key: SecretString,
}

struct Held {
    server: Server,
    running: Running,
}

/// See the module.
pub(crate) struct Hosting {
    home: Home,
    /// This process, as `run/` knows it.
    owner: String,
    /// Hosts itself and takes over; otherwise a host of its own is started.
    resident: bool,
    held: Mutex<Option<Held>>,
    waiting: AtomicBool,
    closed: AtomicBool,
}

impl Hosting {
    pub(crate) fn new(home: Home, owner: String, resident: bool) -> Self {
        Self { home, owner, resident, held: Mutex::default(), waiting: AtomicBool::new(false), closed: AtomicBool::new(false) }
    }

    fn host_file(&self) -> PathBuf {
        self.home.bucket().join("host")
    }

    pub(crate) fn stop_file(&self) -> PathBuf {
        self.home.bucket().join("stop")
    }

    /// Makes sure that somebody serves the bucket, and says how to reach it.
    ///
    /// # Errors
    /// `BucketPortTaken`, `HomeNewer`, `DiskFull`, `HomeUnwritable`; `Unreachable` where another process should serve and does not.
    pub(crate) async fn endpoint(self: &Arc<Self>) -> Result<Endpoint> {
        if let Some(port) = self.port().await {
            return self.at(port).await;
        }
        if !self.resident
            && let Some(program) = console()
        {
            self.start_host(&program)?;
        } else {
            self.host().await?;
        }
        let since = Instant::now();
        loop {
            if let Some(port) = self.port().await {
                return self.at(port).await;
            }
            if since.elapsed() > START {
                return Err(Error::new(Code::Unreachable, errors::bucket_host_missing("it does not answer")));
            }
            // Another process of this home is on its way; there is no event for "listens now".
            tokio::time::sleep(Duration::from_millis(15)).await;
            if self.resident || console().is_none() {
                self.host().await?;
            }
        }
    }

    /// The port that is served now, by this process or another one of this home.
    pub(crate) async fn port(&self) -> Option<u16> {
        if let Some(held) = &*self.held.lock().await {
            return Some(held.running.addr().port());
        }
        self.other().map(|(_, port)| port)
    }

    /// Another living process that serves: its name in `run/`, and the port.
    pub(crate) fn other(&self) -> Option<(String, u16)> {
        let text = fs::read_to_string(self.host_file()).ok()?;
        let (owner, port) = text.trim().split_once(' ')?;
        (owner != self.owner && self.home.alive(owner)).then_some(())?;
        Some((owner.to_owned(), port.parse().ok()?))
    }

    async fn at(&self, port: u16) -> Result<Endpoint> {
        let dir = self.home.bucket();
        let keys = crate::queue::blocking(move || keys::load_or_create(&dir).map_err(broken)).await?;
        Ok(Endpoint {
            url: format!("http://127.0.0.1:{port}"),
            region: REGION,
            access_key: keys.access_key,
            secret_key: keys.secret_key,
        })
    }

    /// Serves the bucket if nobody does; where somebody does, waits in the background to take over (only where resident).
    ///
    /// # Errors
    /// As [`endpoint`](Self::endpoint).
    pub(crate) async fn host(self: &Arc<Self>) -> Result<()> {
        let mut held = self.held.lock().await;
        if held.is_some() || self.closed.load(Ordering::SeqCst) {
            return Ok(());
        }
        let dir = self.home.bucket();
        let keys = {
            let dir = dir.clone();
            crate::queue::blocking(move || keys::load_or_create(&dir).map_err(broken)).await?
        };
        let config =
            Config { dir, access_key: keys.access_key, secret_key: keys.secret_key, port: None, region: REGION.to_owned() };
        let server = match imagepic_bucket::open(config).await {
            Ok(server) => server,
            Err(BucketError::Locked { .. }) => {
                drop(held);
                self.wait_to_take_over();
                return Ok(());
            }
            Err(error) => return Err(broken(error)),
        };
        let opened = async {
            server.ensure_bucket(FIRST_BUCKET).await?;
            server.set_public_read(FIRST_BUCKET, "").await?;
            server.bind(None).await
        };
        match opened.await {
            Ok(running) => {
                let port = running.addr().port();
                let _ = fs::remove_file(self.stop_file());
                let said = fs::write(self.host_file(), format!("{} {port}\n", self.owner));
                *held = Some(Held { server, running });
                tracing::info!(port, "serves this computer's bucket");
                said.map_err(|error| crate::home::unwritable(&self.host_file(), error))
            }
            Err(error) => {
                server.close().await;
                Err(broken(error))
            }
        }
    }

    /// Stops serving, after what is under way.
    pub(crate) async fn stop(&self) {
        let held = self.held.lock().await.take();
        if let Some(Held { server, running }) = held {
            let _ = fs::remove_file(self.host_file());
            running.shutdown().await;
            server.close().await;
        }
    }

    /// Stops serving for good.
    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.stop().await;
    }

    pub(crate) async fn is_mine(&self) -> bool {
        self.held.lock().await.is_some()
    }

    /// A free lock is no file event, so a thread waits for it.
    fn wait_to_take_over(self: &Arc<Self>) {
        if !self.resident || self.waiting.swap(true, Ordering::SeqCst) {
            return;
        }
        let path = self.home.bucket().join("lock");
        let this = Arc::downgrade(self);
        let runtime = tokio::runtime::Handle::current();
        let waiting = thread::Builder::new().name("bucket-heir".to_owned()).spawn(move || {
            if let Ok(file) = fs::OpenOptions::new().write(true).open(&path) {
                let _ = file.lock();
            }
            let Some(this) = this.upgrade() else { return };
            this.waiting.store(false, Ordering::SeqCst);
            if this.closed.load(Ordering::SeqCst) {
                return;
            }
            runtime.spawn(async move {
                if let Err(error) = this.host().await {
                    tracing::warn!(%error, "could not take this computer's bucket over");
                }
            });
        });
        if waiting.is_err() {
            self.waiting.store(false, Ordering::SeqCst);
        }
    }

    /// Starts the console program as the bucket's host, apart from this process.
    fn start_host(&self, program: &PathBuf) -> Result<()> {
        let mut command = std::process::Command::new(program);
        command.args(["bucket", "host"]);
        if self.home.data() == self.home.settings_dir() {
            command.env(crate::home::VARIABLE, self.home.data());
        }
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        // A Ctrl-C meant for this process is not meant for the host.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
            .spawn()
            .map(drop)
            .map_err(|error| Error::new(Code::Unreachable, errors::bucket_host_missing(&error)).because(error))
    }
}

/// The console program, where this process is it.
fn console() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    (program.file_stem()?.to_str()? == "imagepic").then_some(program)
}

/// What a fault of the bucket as a whole means for a person.
fn broken(error: BucketError) -> Error {
    let built = match &error {
        BucketError::PortTaken { port } => Error::new(Code::BucketPortTaken, errors::bucket_port_taken(port)),
        BucketError::NewerFormat { path, .. } => Error::new(Code::HomeNewer, errors::home_newer(path.display())),
        BucketError::DiskFull { dir } => Error::new(Code::DiskFull, errors::disk_full(dir.display())),
        BucketError::Io { path, source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            Error::new(Code::DiskFull, errors::disk_full(path.display()))
        }
        BucketError::Io { path, .. } => Error::new(Code::HomeUnwritable, errors::home_unwritable(path.display())),
        _ => Error::new(Code::Internal, errors::bucket_broken(&error)),
    };
    built.because(error)
}
