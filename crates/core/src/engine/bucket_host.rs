//! The host of this computer's bucket: who it is, and starting and stopping it.

use std::sync::Arc;
use std::time::Duration;

use imagepic_bucket::Usage;

use super::{Inner, Role};
use crate::destination::THIS_COMPUTER;
use crate::error::Result;
use crate::home::Home;
use crate::hosting::Hosting;
use crate::watching::{self, Heard};

/// Pauses between tries to serve, first and longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// So long an answer of this computer itself is waited for.
const KNOCK: Duration = Duration::from_millis(500);

/// Who serves this computer's bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostStatus {
    /// Somebody does.
    pub running: bool,
    /// It is this process.
    pub here: bool,
    /// Process id of the host.
    pub pid: Option<u32>,
    /// Port on 127.0.0.1.
    pub port: Option<u16>,
    /// The tray app runs: it serves the bucket, or will in a moment.
    pub resident: bool,
    /// Nobody serves, and cannot: another program listens on this port, which the bucket's links name.
    pub port_taken: Option<u16>,
}

/// Handle to the host.
#[derive(Clone)]
pub struct BucketHost {
    pub(super) inner: Arc<Inner>,
}

impl BucketHost {
    /// Who serves the bucket now.
    pub async fn status(&self) -> HostStatus {
        let hosting = self.inner.stores.hosting();
        if hosting.is_mine().await {
            return HostStatus {
                running: true,
                here: true,
                pid: Some(std::process::id()),
                port: hosting.port().await,
                resident: self.inner.role == Role::Desktop,
                port_taken: None,
            };
        }
        let resident = hosting.resident_lives();
        let port_taken = if hosting.other().is_none() { self.port_taken().await } else { None };
        // One that begins listens a moment before it says so.
        match hosting.other() {
            Some((owner, port)) => {
                let pid = crate::hosting::pid(&owner);
                HostStatus { running: true, here: false, pid, port: Some(port), resident, port_taken: None }
            }
            None => HostStatus { running: false, here: false, pid: None, port: None, resident, port_taken },
        }
    }

    /// The bucket's port, where somebody listens on it.
    async fn port_taken(&self) -> Option<u16> {
        let dir = self.inner.home.bucket();
        let stored = crate::queue::blocking(move || Ok(imagepic_bucket::keys::stored_port(&dir).ok().flatten())).await;
        let port = stored.ok().flatten()?;
        let knock = tokio::net::TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port));
        matches!(tokio::time::timeout(KNOCK, knock).await, Ok(Ok(_))).then_some(port)
    }

    /// Whether this process started a host in the background that serves now. Of several that begin at once only one did.
    #[must_use]
    pub fn started(&self) -> bool {
        self.inner.stores.hosting().has_started()
    }

    /// How much the bucket holds, whoever serves it; `None` where nothing was ever put there.
    ///
    /// # Errors
    /// `Internal` where its index cannot be read.
    pub async fn usage(&self) -> Result<Option<Usage>> {
        let dir = self.inner.home.bucket();
        crate::queue::blocking(move || imagepic_bucket::usage(&dir).map_err(crate::hosting::broken)).await
    }

    /// Makes sure that somebody serves the bucket.
    ///
    /// # Errors
    /// `BucketPortTaken`, `HomeNewer`, `DiskFull`, `HomeUnwritable`, `Unreachable`.
    pub async fn start(&self) -> Result<HostStatus> {
        self.inner.stores.hosting().endpoint().await?;
        Ok(self.status().await)
    }

    /// Stops the host, if it is this process or one that was started in the background; the tray app goes on serving while it runs.
    /// Whether it has stopped.
    ///
    /// # Errors
    /// `HomeUnwritable` where it cannot be told.
    pub async fn stop(&self) -> Result<bool> {
        let hosting = self.inner.stores.hosting();
        if hosting.is_mine().await {
            hosting.stop().await;
            return Ok(true);
        }
        let Some((owner, _)) = hosting.other() else { return Ok(true) };
        if hosting.is_resident(&owner) {
            return Ok(false);
        }
        crate::home::write_whole(&hosting.stop_file(), b"stop\n")?;
        let since = std::time::Instant::now();
        while since.elapsed() < Duration::from_secs(20) {
            // It says that it serves no more before it has let go of its port: what is under way is finished.
            if !self.inner.home.alive(&owner) {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let _ = std::fs::remove_file(hosting.stop_file());
        Ok(false)
    }

    /// Serves the bucket of `home` until told to stop (by [`stop`](Self::stop), or by `until`), or until a resident engine is there to
    /// serve: what `imagepic bucket host` does. Ends at once where another process serves it already.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn serve(home: Home, until: impl Future<Output = ()> + Send) -> Result<()> {
        home.prepare()?;
        let presence = home.claim()?;
        let hosting = Arc::new(Hosting::new(home.clone(), presence.name().to_owned(), false));
        hosting.host().await?;
        if !hosting.is_mine().await {
            return Ok(());
        }
        let told = Arc::new(tokio::sync::Notify::new());
        let (tell, asked) = (Arc::clone(&told), Arc::clone(&hosting));
        let heard: Heard = Arc::new(move |event: notify::Result<notify::Event>| {
            let concerns =
                |event: notify::Event| event.paths.iter().filter_map(|path| path.file_name()).any(Hosting::tells_to_end);
            if event.map_or(true, concerns) && asked.should_end() {
                tell.notify_one();
            }
        });
        let watching = watching::watch(&home.bucket(), &heard)
            .map_err(|error| crate::home::unwritable(&home.bucket(), std::io::Error::other(error)))?;
        if hosting.should_end() {
            told.notify_one();
        }
        tokio::select! {
            () = told.notified() => {}
            () = until => {}
        }
        drop(watching);
        hosting.close().await;
        let _ = std::fs::remove_file(hosting.stop_file());
        Ok(())
    }
}

impl Inner {
    /// The resident engine serves the bucket from the start, so that links open while it runs: it takes over from whoever served
    /// before, and goes on trying where it cannot.
    pub(super) fn start_hosting(self: &Arc<Self>) {
        let this = Arc::clone(self);
        self.tasks.spawn(async move {
            let hosting = Arc::clone(this.stores.hosting());
            let (mut pause, mut told) = (PAUSE.0, None);
            loop {
                let wait = match hosting.host().await {
                    Ok(()) => {
                        if told.take().is_some() {
                            this.queue.mended(Some(THIS_COMPUTER));
                        }
                        pause = PAUSE.0;
                        None
                    }
                    Err(error) => {
                        if told.replace(error.code) != Some(error.code) {
                            this.notice(&error);
                        }
                        let now = pause;
                        pause = (pause * 2).min(PAUSE.1);
                        Some(now)
                    }
                };
                let again = async {
                    match wait {
                        Some(wait) => tokio::time::sleep(wait).await,
                        None => hosting.let_go().await,
                    }
                };
                tokio::select! {
                    () = this.stop.cancelled() => break,
                    () = again => {}
                }
            }
        });
    }
}
