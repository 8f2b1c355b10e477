//! This computer's bucket in the test's own process, as a store like any other.

use std::path::PathBuf;

use imagepic_bucket::{Config, Server, open};

use crate::servers::S3Server;

/// A bucket server of this process, served from a folder of its own until the test's runtime ends.
#[derive(Debug)]
pub struct Embedded {
    /// As others reach it.
    pub reached: S3Server,
    /// As itself.
    pub itself: Server,
    /// Where it keeps what it has.
    pub dir: PathBuf,
}

/// Starts one.
///
/// # Panics
/// Where it cannot have a folder or a port.
pub async fn embedded() -> Embedded {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        dir: folder.path().to_owned(),
        access_key: "embedded".to_owned(),
        secret_key: "embeddedsecret".into(),
        port: None,
        region: "us-east-1".to_owned(),
    };
    let server = open(config).await.expect("opens");
    let running = server.bind(None).await.expect("binds");
    let port = running.addr().port();
    let reached = S3Server {
        endpoint: format!("http://127.0.0.1:{port}"),
        region: "us-east-1",
        access_key: "embedded",
        secret_key: "embeddedsecret",
        port,
    };
    let (itself, dir) = (server.clone(), folder.path().to_owned());
    // All three live as long as the test's runtime does.
    tokio::spawn(async move {
        let _alive = (running, server, folder);
        std::future::pending::<()>().await;
    });
    Embedded { reached, itself, dir }
}
