//! The host of this computer's bucket: who it is, and starting and stopping it.

use std::sync::Arc;

use notify::{RecursiveMode, Watcher as _};

use super::Inner;
use crate::error::Result;
use crate::home::Home;
use crate::hosting::Hosting;

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
            return HostStatus { running: true, here: true, pid: Some(std::process::id()), port: hosting.port().await };
        }
        match hosting.other() {
            Some((owner, port)) => {
                let pid = owner.split('-').next().and_then(|pid| pid.parse().ok());
                HostStatus { running: true, here: false, pid, port: Some(port) }
            }
            None => HostStatus { running: false, here: false, pid: None, port: None },
        }
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
        if hosting.other().is_none() {
            return Ok(true);
        }
        crate::home::write_whole(&hosting.stop_file(), b"stop\n")?;
        let since = std::time::Instant::now();
        while since.elapsed() < std::time::Duration::from_secs(12) {
            if hosting.other().is_none() {
                return Ok(true);
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        let _ = std::fs::remove_file(hosting.stop_file());
        Ok(false)
    }

    /// Serves the bucket of `home` until told to stop (by [`stop`](Self::stop), or by `until`): what `imagepic bucket host` does. At
    /// once where another process serves it already.
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
        let (tell, stop_file) = (Arc::clone(&told), hosting.stop_file());
        let watched = stop_file.clone();
        let mut watcher = notify::recommended_watcher(move |_| {
            if watched.exists() {
                tell.notify_one();
            }
        })
        .map_err(|error| crate::home::unwritable(&home.bucket(), std::io::Error::other(error)))?;
        watcher
            .watch(&home.bucket(), RecursiveMode::NonRecursive)
            .map_err(|error| crate::home::unwritable(&home.bucket(), std::io::Error::other(error)))?;
        if stop_file.exists() {
            told.notify_one();
        }
        tokio::select! {
            () = told.notified() => {}
            () = until => {}
        }
        drop(watcher);
        hosting.close().await;
        let _ = std::fs::remove_file(stop_file);
        Ok(())
    }
}

impl Inner {
    /// The resident engine serves the bucket from the start, so that links open while it runs.
    pub(super) fn start_hosting(self: &Arc<Self>) {
        let this = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Err(error) = this.stores.hosting().host().await {
                this.notice(&error);
            }
        });
    }
}
