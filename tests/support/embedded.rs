//! This computer's bucket in the test's own process, as a store like any other.

use std::path::PathBuf;

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use imagepic_bucket::{Config, Server, open};
use tokio::net::TcpListener;

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

impl Embedded {
    /// The same at a port that does not mind by which name it is called: for what stands before it and bears another one. It ends with
    /// the test's runtime.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn by_any_name(&self) -> S3Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let service = self.itself.service();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        S3Server { endpoint: format!("http://127.0.0.1:{port}"), port, ..self.reached.clone() }
    }
}
