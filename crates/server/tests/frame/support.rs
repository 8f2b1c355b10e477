//! A server in this process on a free port, and requests as bytes, since no client sends what hostile ones do.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use imagepic_server::{Bound, Config};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Longer than anything takes that goes well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) running: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
    _data: TempDir,
}

pub(crate) fn config(data: &Path) -> Config {
    let mut config = Config::new(data);
    config.listen.set_port(0);
    config
}

impl Server {
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut config = config(data.path());
        change(&mut config);
        let bound = Bound::open(config).await.expect("it opens");
        let (address, metrics) = (bound.address, bound.metrics);
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(bound.run(async move { drop(stopped.await) }));
        Self { address, metrics, running, stop: Some(stop), _data: data }
    }

    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Sends bytes as they are on a connection of their own, and reads one answer.
    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> Heard {
        let mut connection = self.connect().await;
        // A server that has had enough may close while there is still something to send.
        let _ = connection.write_all(bytes.as_ref()).await;
        hear(&mut connection).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    pub(crate) async fn get(&self, path: &str) -> Heard {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
    }

    pub(crate) async fn post(&self, path: &str, kind: &str, body: &str) -> Heard {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        self.send(head + body).await
    }
}

/// One answer, read as bytes.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// An envelope that says it failed, and why.
    pub(crate) fn failed(&self, status: u16, error: &str) {
        let body = self.json();
        let told = (self.status, body["code"].as_str(), body["success"].as_bool(), body["error"].as_str());
        assert_eq!(told, (status, Some("-1"), Some(false), Some(error)), "{body}");
    }
}

/// Reads one answer; an empty one where the connection was closed without.
pub(crate) async fn hear(connection: &mut TcpStream) -> Heard {
    let mut bytes = Vec::new();
    let read = async {
        loop {
            if let Some(heard) = parse(&bytes) {
                return heard;
            }
            let mut buffer = [0; 8192];
            match connection.read(&mut buffer).await {
                Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
                _ => return parse(&bytes).unwrap_or(Heard { status: 0, head: String::new(), body: Vec::new() }),
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("an answer, or the end of the connection")
}

fn parse(bytes: &[u8]) -> Option<Heard> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = &bytes[end + 4..];
    let mut heard = Heard { status, head, body: body.to_vec() };
    let length = heard.header("content-length").and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    (body.len() >= length).then(|| {
        heard.body.truncate(length);
        heard
    })
}
