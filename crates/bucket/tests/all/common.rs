//! A bucket on a free port, and clients for it.

use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use imagepic_bucket::keys::Keys;
use imagepic_bucket::{Config, Running, Server, keys, open};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

pub(crate) const BUCKET: &str = "images";

/// An open bucket that listens; the folder goes with it.
pub(crate) struct Home {
    pub(crate) dir: TempDir,
    pub(crate) keys: Keys,
    pub(crate) server: Server,
    pub(crate) running: Running,
    pub(crate) s3: Client,
}

pub(crate) fn config(dir: &Path) -> (Config, Keys) {
    let keys = keys::load_or_create(dir).unwrap();
    let config = Config {
        dir: dir.into(),
        access_key: keys.access_key.clone(),
        secret_key: keys.secret_key.clone(),
        port: Some(0),
        region: "us-east-1".into(),
    };
    (config, keys)
}

pub(crate) fn client(port: u16, keys: &Keys) -> Client {
    let credentials = Credentials::from_keys(keys.access_key.clone(), keys.secret_key.expose_secret(), None);
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(credentials)
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .region(Region::new("us-east-1"))
        .force_path_style(true)
        .http_client(http)
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

impl Home {
    pub(crate) async fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap()).await
    }

    pub(crate) async fn at(dir: TempDir) -> Self {
        let (config, keys) = config(dir.path());
        let server = open(config).await.unwrap();
        server.ensure_bucket(BUCKET).await.unwrap();
        let running = server.bind(None).await.unwrap();
        let s3 = client(running.addr().port(), &keys);
        Self { dir, keys, server, running, s3 }
    }

    /// Stops and starts again over the same folder.
    pub(crate) async fn restart(self) -> Self {
        self.running.shutdown().await;
        self.server.close().await;
        Self::at(self.dir).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.running.addr().port())
    }

    pub(crate) async fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.s3.put_object().bucket(BUCKET).key(key).body(bytes.into().into()).send().await.unwrap();
    }

    pub(crate) async fn get(&self, key: &str) -> Vec<u8> {
        let got = self.s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        got.body.collect().await.unwrap().to_vec()
    }

    /// How many files of bytes there are on disk.
    pub(crate) fn blobs(&self) -> usize {
        blobs(self.dir.path())
    }
}

pub(crate) fn blobs(dir: &Path) -> usize {
    let folders = std::fs::read_dir(dir.join("blobs")).unwrap();
    folders.map(|f| std::fs::read_dir(f.unwrap().path()).unwrap().count()).sum()
}

/// The S3 error code of a call that must fail.
pub(crate) fn code<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(result: Result<T, SdkError<E>>) -> String {
    let error = result.unwrap_err();
    error.code().map_or_else(|| format!("{error:?}"), str::to_owned)
}

pub(crate) fn minute() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()
}

/// Bytes that differ everywhere, the same each time.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let words = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(len).collect()
}

/// Waits for something that is about to be so.
pub(crate) async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}
