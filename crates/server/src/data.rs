//! The data folder: one process at a time, private, with the embedded bucket in it where no other store is set.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use imagepic_bucket::{BucketService, Running, Server, keys};
use imagepic_words::server as words;
use tokio::sync::Mutex;
use url::Url;

use crate::config::{Config, S3Settings};
use crate::failure::OpenError;

/// The bucket that is made where there is none.
const BUCKET: &str = "images";
const REGION: &str = "us-east-1";

/// Held as long as the server lives.
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not used")] File);

/// Makes the folder, readable by this user only, and takes it for this process.
pub(crate) fn lock(data: &Path) -> Result<Lock, OpenError> {
    let fail = |why: std::io::Error| {
        OpenError::Told(words::data_unusable(data.display(), "").with("reason", imagepic_words::reason(&why)))
    };
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(data).map_err(fail)?;
    let mut options = OpenOptions::new();
    options.create(true).read(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let lock = options.open(data.join("lock")).map_err(fail)?;
    match lock.try_lock() {
        Ok(()) => Ok(Lock(lock)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Told(words::data_locked(data.display()))),
        Err(TryLockError::Error(why)) => Err(fail(why)),
    }
}

/// Accounts that no server of ours has opened yet come from the old service, where reading was open: somebody has to say whether it
/// stays so. Which it was can then not change by an oversight.
pub(crate) fn choose_reads(config: &Config) -> Result<(), OpenError> {
    let Some(folder) = config.accounts_folder().map(crate::accounts::folder::place) else { return Ok(()) };
    let phones = crate::accounts::folder::phones_in(&folder).unwrap_or_default();
    let ours = folder.join(".imagepic.lock").exists();
    if config.anonymous_reads.is_none() && !ours && !phones.is_empty() {
        return Err(OpenError::Told(words::choose_reads(folder.display())));
    }
    Ok(())
}

/// The embedded bucket, listening on this computer.
pub(crate) struct Embedded {
    server: Server,
    listening: Mutex<Option<Running>>,
}

impl Embedded {
    /// Opens it below the data folder, makes its first bucket, and writes how to reach it into the configuration.
    pub(crate) async fn open(config: &mut Config) -> Result<Self, OpenError> {
        let fail = |why: imagepic_bucket::Error| OpenError::Store(why.to_string());
        let dir: PathBuf = config.data.join("bucket");
        let keys = keys::load_or_create(&dir).map_err(fail)?;
        let server = imagepic_bucket::open(imagepic_bucket::Config {
            dir,
            access_key: keys.access_key.clone(),
            secret_key: keys.secret_key.clone(),
            port: None,
            region: REGION.to_owned(),
        })
        .await
        .map_err(fail)?;
        let offered = config.buckets.clone().unwrap_or_else(|| vec![BUCKET.to_owned()]);
        for bucket in offered {
            server.ensure_bucket(&bucket).await.map_err(fail)?;
        }
        let listening = server.bind(None).await.map_err(fail)?;
        let endpoint = Url::parse(&format!("http://{}", listening.addr())).map_err(|why| OpenError::Store(why.to_string()))?;
        config.s3 = Some(S3Settings {
            endpoint,
            region: REGION.to_owned(),
            access_key: keys.access_key,
            secret_key: keys.secret_key,
            path_style: true,
        });
        // Others reach it by the server's own name, if it has one.
        if let Some(url) = config.public_url.as_ref().filter(|url| url.path() == "/") {
            config.s3_public_endpoint = Some(url.clone());
        }
        Ok(Self { server, listening: Mutex::new(Some(listening)) })
    }

    /// What answers for it under the server's own address; the signatures are made for that name.
    pub(crate) fn mounted(&self, config: &Config) -> Option<BucketService> {
        config.s3_public_endpoint.is_some().then(|| self.server.service())
    }

    /// Ends what is under way and closes index and blobs.
    pub(crate) async fn close(&self) {
        if let Some(listening) = self.listening.lock().await.take() {
            listening.shutdown().await;
        }
        self.server.close().await;
    }
}
