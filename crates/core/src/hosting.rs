//! Who serves this computer's bucket. It belongs to whoever holds `bucket/lock`; all others of the home use that one's port.
//!
//! Nothing is ever sent to a port nobody of this home is known to hold: the host says in `bucket/host` who it is, and its lock in
//! `run/` says that it lives. What stays out: the protocol (the bucket's crate has it).

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use imagepic_bucket::{Config, Error as BucketError, Public, Running, Server, keys};
use imagepic_words::errors;
use secrecy::SecretString;
use tokio::sync::{Mutex, Notify};

use crate::error::{Code, Error, Fault, Result};
use crate::home::Home;

/// The bucket every home has.
const FIRST_BUCKET: &str = "images";
/// Told to clients; requests signed for another region are taken too.
const REGION: &str = "us-east-1";
/// A host that was started answers within this time.
const START: Duration = Duration::from_secs(10);
/// A resident process that has just begun serves within this time.
const RESIDENT: Duration = Duration::from_secs(3);
/// Between two hosts that are started because the one at work does not answer, first and longest.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// So long it is believed what another process's bucket lets anybody read.
const BELIEVED: Duration = Duration::from_secs(1);

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
    /// Whoever finds nobody serving sees to it; the others wait for what comes of it.
    starting: Mutex<()>,
    closed: AtomicBool,
    /// The process that serves in the background was started by this one.
    started: AtomicBool,
    /// The host before is gone.
    free: Notify,
    /// What anybody may read in the buckets that another process serves, and when that was looked up.
    public: std::sync::Mutex<HashMap<String, (Instant, Public)>>,
}

impl Hosting {
    pub(crate) fn new(home: Home, owner: String, resident: bool) -> Self {
        Self {
            home,
            owner,
            resident,
            held: Mutex::default(),
            waiting: AtomicBool::new(false),
            starting: Mutex::default(),
            closed: AtomicBool::new(false),
            started: AtomicBool::new(false),
            free: Notify::new(),
            public: std::sync::Mutex::default(),
        }
    }

    fn host_file(&self) -> PathBuf {
        self.home.bucket().join("host")
    }

    pub(crate) fn stop_file(&self) -> PathBuf {
        self.home.bucket().join("stop")
    }

    /// Names the resident process that serves, or wants to: a host in the background makes way for it.
    fn resident_file(&self) -> PathBuf {
        self.home.bucket().join("resident")
    }

    /// Whether a file of the bucket's folder may be a reason for a host in the background to end.
    pub(crate) fn tells_to_end(name: &std::ffi::OsStr) -> bool {
        name == "stop" || name == "resident"
    }

    /// Whether a host in the background should end: told to, or because a resident process is there to serve.
    pub(crate) fn should_end(&self) -> bool {
        self.stop_file().exists() || self.resident_lives()
    }

    /// Another living process that serves for as long as it runs, or is about to.
    pub(crate) fn resident_lives(&self) -> bool {
        fs::read_to_string(self.resident_file()).is_ok_and(|owner| owner != self.owner && self.home.alive(&owner))
    }

    /// Whether this process serves for as long as it runs, and nobody stops it.
    pub(crate) fn is_resident(&self, owner: &str) -> bool {
        fs::read_to_string(self.resident_file()).is_ok_and(|resident| resident == owner)
    }

    fn announce(&self) {
        let said = fs::read_to_string(self.resident_file()).is_ok_and(|owner| owner == self.owner);
        if !said && let Err(error) = fs::write(self.resident_file(), &self.owner) {
            tracing::warn!(%error, "a host in the background does not hear that it can end");
        }
    }

    /// Makes sure that somebody serves the bucket, and says how to reach it.
    ///
    /// # Errors
    /// `BucketPortTaken`, `HomeNewer`, `DiskFull`, `HomeUnwritable`; `Unreachable` where another process should serve and does not.
    pub(crate) async fn endpoint(self: &Arc<Self>) -> Result<Endpoint> {
        let program = if self.resident { None } else { console() };
        let mut child = None;
        if let Some(port) = self.port().await {
            return self.at(port).await;
        }
        let _turn = self.starting.lock().await;
        let since = Instant::now();
        let mut pause = AGAIN.0;
        loop {
            if let Some(port) = self.port().await {
                // Of many that start one at once, only one finds the bucket free.
                if child
                    .as_ref()
                    .is_some_and(|child: &Child| self.other().is_some_and(|(owner, _)| pid(&owner) == Some(child.id())))
                {
                    self.started.store(true, Ordering::Relaxed);
                }
                return self.at(port).await;
            }
            match (&program, &mut child) {
                (None, _) => self.host().await?,
                (Some(program), None) if !self.resident_lives() || since.elapsed() > RESIDENT => {
                    child = Some(self.start_host(program)?);
                }
                (Some(_), None) => {}
                (Some(_), Some(running)) => {
                    if ended(running)? {
                        // It found a host at work. One that is about to end serves nobody any more: the next one is ours again.
                        child = None;
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(AGAIN.1);
                    }
                }
            }
            if self.closed.load(Ordering::SeqCst) {
                return Err(Error::new(Code::Unreachable, errors::bucket_host_missing("imagepic ends")));
            }
            if since.elapsed() > START {
                return Err(Error::new(Code::Unreachable, errors::bucket_host_missing("it does not answer")));
            }
            if self.port().await.is_none() {
                // Another process of this home is on its way; there is no event for "listens now".
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
        }
    }

    /// For whoever was refused at the port: waits until somebody listens there, and whether somebody does. A process that ends lets go of
    /// its port and of the lock that says it lives at two moments.
    pub(crate) async fn serves_again(self: &Arc<Self>) -> bool {
        let since = Instant::now();
        while let Ok(at) = self.endpoint().await {
            let address = at.url.trim_start_matches("http://");
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return true;
            }
            if since.elapsed() > RESIDENT {
                break;
            }
            tokio::time::sleep(AGAIN.0).await;
        }
        false
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
        if self.resident {
            self.announce();
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
            // Only at first: whoever closed the bucket meant it.
            if server.ensure_bucket(FIRST_BUCKET).await? {
                server.set_public_read(FIRST_BUCKET, "").await?;
            }
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
        if fs::read_to_string(self.resident_file()).is_ok_and(|owner| owner == self.owner) {
            let _ = fs::remove_file(self.resident_file());
        }
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

    /// Whether an object opens without a signature; `None` where that cannot be found out. Makes no request: where another process serves
    /// the bucket, its index is looked at.
    pub(crate) async fn opens(&self, bucket: &str, key: &str) -> Option<bool> {
        if let Some(held) = &*self.held.lock().await {
            return Some(held.server.public(bucket).allows(key));
        }
        let known = || self.public.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, public)) = known().get(bucket).filter(|(at, _)| at.elapsed() < BELIEVED) {
            return Some(public.allows(key));
        }
        let (dir, name) = (self.home.bucket(), bucket.to_owned());
        let public = crate::queue::blocking(move || imagepic_bucket::public(&dir, &name).map_err(broken)).await;
        let public = public.inspect_err(|error| tracing::warn!(%error, bucket, "who may read there is not known")).ok()?;
        let opens = public.allows(key);
        known().insert(bucket.to_owned(), (Instant::now(), public));
        Some(opens)
    }

    /// What was looked up may be wrong by now.
    pub(crate) fn doubt_public(&self) {
        self.public.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether this process started the host in the background that served when it was last looked for.
    pub(crate) fn has_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    pub(crate) async fn is_mine(&self) -> bool {
        self.held.lock().await.is_some()
    }

    /// Waits until whoever served when [`host`](Self::host) was called no longer does.
    pub(crate) async fn let_go(&self) {
        self.free.notified().await;
    }

    /// A free lock is no file event, so a thread waits for it.
    fn wait_to_take_over(self: &Arc<Self>) {
        if !self.resident || self.waiting.swap(true, Ordering::SeqCst) {
            return;
        }
        let path = self.home.bucket().join("lock");
        let this = Arc::downgrade(self);
        let waiting = thread::Builder::new().name("bucket-heir".to_owned()).spawn(move || {
            if let Ok(file) = fs::OpenOptions::new().write(true).open(&path) {
                let _ = file.lock();
            }
            let Some(this) = this.upgrade() else { return };
            this.waiting.store(false, Ordering::SeqCst);
            this.free.notify_one();
        });
        if waiting.is_err() {
            self.waiting.store(false, Ordering::SeqCst);
        }
    }

    /// Starts the console program as the bucket's host, apart from this process.
    fn start_host(&self, program: &PathBuf) -> Result<Child> {
        let mut command = std::process::Command::new(program);
        command.args(["bucket", "host"]);
        if self.home.data() == self.home.settings_dir() {
            command.env(crate::home::VARIABLE, self.home.data());
        }
        // What keeps it from serving comes back on its standard output.
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
        // A Ctrl-C meant for this process is not meant for the host.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(|error| Error::new(Code::Unreachable, errors::bucket_host_missing(&error)).because(error))
    }
}

/// The number of the process that `run/` knows by this name.
pub(crate) fn pid(owner: &str) -> Option<u32> {
    owner.split('-').next().and_then(|pid| pid.parse().ok())
}

/// Whether a host in the background has ended because it found another one at work, or what else kept it from serving.
fn ended(child: &mut Child) -> Result<bool> {
    let reason = match child.try_wait() {
        Ok(None) => return Ok(false),
        Ok(Some(status)) if status.success() => return Ok(true),
        Ok(Some(status)) => status.to_string(),
        Err(error) => error.to_string(),
    };
    let mut said = String::new();
    if let Some(out) = &mut child.stdout {
        let _ = out.take(64 << 10).read_to_string(&mut said);
    }
    let fault = serde_json::from_str::<Fault>(&said);
    Err(fault.map_or_else(|_| Error::new(Code::Unreachable, errors::bucket_host_missing(reason)), Error::from))
}

/// The console program, where this process is it.
fn console() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    (program.file_stem()?.to_str()? == "imagepic").then_some(program)
}

/// What a fault of the bucket as a whole means for a person.
pub(crate) fn broken(error: BucketError) -> Error {
    let built = match &error {
        BucketError::Foreign { path, .. } => {
            let folder = path.parent().unwrap_or(path);
            let text = match path.file_name().and_then(std::ffi::OsStr::to_str) {
                Some("key") => errors::bucket_key_broken(path.display()),
                Some("port") => errors::bucket_port_broken(path.display()),
                _ => errors::bucket_index_broken(path.display(), folder.display()),
            };
            Error::new(Code::Internal, text)
        }
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
