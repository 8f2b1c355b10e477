//! Real S3 servers, started when a test first wants one and shared by all tests of a run.
//!
//! `nextest` gives each test a process of its own; they find the server of their run in a folder named after the run, and a lock
//! decides who starts it. A guardian script owns the servers: it ends them and removes their data when the run's process is gone,
//! however that ended.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How to reach a server and sign in there.
#[derive(Debug, Clone)]
pub struct S3Server {
    /// `http://127.0.0.1:port`
    pub endpoint: String,
    /// The region it signs for.
    pub region: &'static str,
    /// Access key.
    pub access_key: &'static str,
    /// Secret key.
    pub secret_key: &'static str,
    /// Its port, for addresses in host style.
    pub port: u16,
}

/// A Ceph RADOS gateway; in host style it is `localhost:port`.
///
/// # Panics
/// Where Ceph is missing or does not start; the message says which step failed.
#[must_use]
pub fn ceph() -> S3Server {
    let ports = shared("ceph", 3, &[]).ports;
    S3Server { endpoint: at(ports[0]), region: "us-east-1", access_key: "test", secret_key: "testsecret", port: ports[0] }
}

/// OpenStack Swift with its S3 front. It knows no region but its own, and no bucket policies.
///
/// # Panics
/// Where Swift is missing (`cargo xtask setup` installs it) or does not start; the message says which step failed.
#[must_use]
pub fn swift() -> S3Server {
    let venv = workspace().join("target/tools/venv-swift");
    let ports = shared("swift", 4, &[&venv.display().to_string()]).ports;
    S3Server { endpoint: at(ports[0]), region: "us-east-1", access_key: "test:test", secret_key: "testsecret", port: ports[0] }
}

/// A PostgreSQL; user `imagepic`, no password.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// Its port on loopback.
    pub port: u16,
    psql: PathBuf,
}

impl Postgres {
    /// A database of its own for one test, as an address.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        let name = format!("{name}_{}", std::process::id());
        self.ask("postgres", &format!("create database {name}"));
        format!("postgres://imagepic@127.0.0.1:{}/{name}", self.port)
    }

    /// What a query in a database gives, a row a line.
    ///
    /// # Panics
    /// Where it fails.
    #[must_use]
    pub fn query(&self, url: &str, query: &str) -> String {
        self.ask(url.rsplit('/').next().unwrap_or("postgres"), query)
    }

    fn ask(&self, database: &str, query: &str) -> String {
        let done = Command::new(&self.psql)
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "imagepic", "-d", database])
            .args(["-p", &self.port.to_string(), "-c", query])
            .output()
            .expect("psql is there");
        assert!(done.status.success(), "{query}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }
}

/// A PostgreSQL server; tests take databases of their own.
///
/// # Panics
/// Where PostgreSQL is missing (`cargo xtask setup` installs it) or does not start; the message says which step failed.
#[must_use]
pub fn postgres() -> Postgres {
    let server = shared("postgres", 1, &[]);
    let programs = fs::read_to_string(server.folder.join("bin")).expect("the guardian wrote it");
    Postgres { port: server.ports[0], psql: Path::new(programs.trim()).join("psql") }
}

fn at(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace is there")
}

/// The run's own process and a name for it: nextest's, or this test program where it runs alone.
fn run() -> (u32, String) {
    match std::env::var("NEXTEST_RUN_ID") {
        Ok(id) => (std::os::unix::process::parent_id(), id),
        Err(_) => (std::process::id(), std::process::id().to_string()),
    }
}

/// How often a server is started before its tests are given up: a port may be gone in the moment before the server takes it, and a busy
/// machine may keep one from answering in time.
const ATTEMPTS: usize = 3;

/// A server that answers.
#[derive(Debug)]
struct Started {
    ports: Vec<u16>,
    folder: PathBuf,
}

fn shared(server: &str, ports: usize, more: &[&str]) -> Started {
    let (run, name) = run();
    let root = workspace().join(format!("target/tmp/servers/{server}-{name}"));
    started(server, &root, run, || crate::ports::free(ports), more)
        .unwrap_or_else(|reason| panic!("{server} did not start: {reason}"))
}

/// The server of a run, started by whoever asks first; or why there is none. Each attempt has a folder of its own, so that all who wait for the server
/// see the same.
fn started(server: &str, root: &Path, run: u32, ports: impl Fn() -> Vec<u16>, more: &[&str]) -> Result<Started, String> {
    fs::create_dir_all(root).expect("target/ can be written");
    // Inside the folder; the guardian removes both.
    let lock = File::create(root.join("lock")).expect("target/ can be written");
    lock.lock().expect("the lock can be waited for");
    let mut reasons = Vec::new();
    for attempt in 1..=ATTEMPTS {
        let folder = root.join(attempt.to_string());
        let list = folder.join("ports");
        if !list.exists() {
            fs::create_dir_all(&folder).expect("target/ can be written");
            let ports: Vec<_> = ports().iter().map(u16::to_string).collect();
            fs::write(&list, ports.join(" ")).expect("target/ can be written");
            start(server, &folder, run, &ports, more);
        }
        match wait(&folder) {
            Ok(()) => {
                let text = fs::read_to_string(&list).expect("written before the start");
                let ports = text.split_whitespace().map(|port| port.parse().expect("a port")).collect();
                return Ok(Started { ports, folder });
            }
            Err(reason) => reasons.push(format!("attempt {attempt}: {reason}")),
        }
    }
    Err(reasons.join("\n"))
}

#[expect(clippy::zombie_processes, reason = "the guardian outlives this process on purpose, and ends with the run")]
fn start(server: &str, folder: &Path, run: u32, ports: &[String], more: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("support/servers/{server}.sh"));
    // A session of its own, and no stream of this test: the runner waits for neither and kills neither.
    Command::new("setsid")
        .arg(script)
        .arg(folder)
        .arg(run.to_string())
        .args(ports)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{server} cannot be started: {error}"));
}

fn wait(folder: &Path) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !folder.join("ready").exists() {
        if let Ok(reason) = fs::read_to_string(folder.join("failed")) {
            return Err(reason.trim().to_owned());
        }
        if Instant::now() >= deadline {
            let reason = format!("nothing within two minutes; see {}", folder.display());
            // The others need not wait as long to learn it.
            fs::write(folder.join("failed"), &reason).expect("target/ can be written");
            return Err(reason);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A web server that is no store: it answers everything with a page, until the test's process ends.
///
/// # Panics
/// Where no port is free.
#[must_use]
pub fn website() -> String {
    answering(|| {
        let page = "<html><body>Welcome to our website</body></html>";
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{page}", page.len())
    })
}

/// A store whose clock is ahead of this computer's; it refuses everything, as it would.
///
/// # Panics
/// Where no port is free.
#[must_use]
pub fn store_with_another_clock(ahead: Duration) -> String {
    answering(move || {
        let date = Command::new("date")
            .env("LC_ALL", "C")
            .args(["-u", "-d", &format!("{} seconds", ahead.as_secs()), "+%a, %d %b %Y %H:%M:%S GMT"])
            .output()
            .expect("date is there");
        let date = String::from_utf8_lossy(&date.stdout).trim().to_owned();
        format!("HTTP/1.1 403 Forbidden\r\nDate: {date}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    })
}

fn answering(answer: impl Fn() -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a bound port").port();
    std::thread::spawn(move || {
        for mut visitor in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let heard = visitor.read(&mut request).and_then(|_| visitor.write_all(answer().as_bytes()));
            // A visitor that hangs up early is none of a website's business.
            drop(heard);
        }
    });
    at(port)
}

/// A name that leads nowhere but through a proxy of the test; [`with_own_certificate`]'s certificate is good for it, too.
pub const BY_NAME: &str = "s3.studio.example";

/// The same server behind TLS, with a certificate of an authority made for this test: the address, and the authority's file.
/// Plain HTTP gets a 400, as from most servers. Ends with the test's runtime.
///
/// # Panics
/// Outside a runtime, or where `openssl` is missing.
#[must_use]
pub fn with_own_certificate(server: &S3Server, folder: &Path) -> (String, PathBuf) {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl").current_dir(folder).args(arguments).output().expect("openssl is there");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let authority = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"];
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let own = ["req", "-x509", "-days", "2", "-subj", "/CN=A test authority", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(&[&own[..], &key, &authority].concat());
    openssl(&[&["req", "-new", "-subj", "/CN=store", "-keyout", "store.key", "-out", "store.csr"][..], &key].concat());
    fs::write(
        folder.join("names"),
        format!(
            "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:{BY_NAME}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
        ),
    )
    .expect("a file");
    openssl(&[
        "x509",
        "-req",
        "-days",
        "1",
        "-in",
        "store.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "store.pem",
    ]);
    let chain = CertificateDer::pem_file_iter(folder.join("store.pem")).expect("just made").map(|one| one.expect("just made"));
    let key = PrivateKeyDer::from_pem_file(folder.join("store.key")).expect("just made");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain.collect(), key))
        .expect("a certificate that fits its key");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a bound port").port();
    listener.set_nonblocking(true).expect("a socket");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
    let behind = server.port;
    tokio::spawn(async move {
        while let Ok((visitor, _)) = listener.accept().await {
            tokio::spawn(pass_on(visitor, acceptor.clone(), behind));
        }
    });
    (format!("https://127.0.0.1:{port}"), folder.join("ca.pem"))
}

async fn pass_on(mut visitor: tokio::net::TcpStream, acceptor: tokio_rustls::TlsAcceptor, behind: u16) {
    use tokio::io::AsyncWriteExt as _;
    let mut first = [0; 1];
    // A TLS greeting begins with 22 (RFC 8446, 5.1).
    if !matches!(visitor.peek(&mut first).await, Ok(1)) {
        return;
    }
    if first[0] != 22 {
        let answer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let _ = visitor.write_all(answer.as_bytes()).await;
        return;
    }
    if let (Ok(mut visitor), Ok(mut server)) =
        (acceptor.accept(visitor).await, tokio::net::TcpStream::connect(("127.0.0.1", behind)).await)
    {
        let _ = tokio::io::copy_bidirectional(&mut visitor, &mut server).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_server_whose_port_is_gone_is_started_on_another() {
        let root = workspace().join(format!("target/tmp/servers/postgres-taken-{}", std::process::id()));
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let taken = taken.local_addr().map(|address| (address.port(), taken)).expect("a bound port");
        let asked = Cell::new(0);
        let ports = || {
            asked.set(asked.get() + 1);
            if asked.get() == 1 { vec![taken.0] } else { crate::ports::free(1) }
        };
        let server = started("postgres", &root, std::process::id(), ports, &[]).expect("the second port is free");
        assert_eq!(asked.get(), 2);
        assert_ne!(server.ports, [taken.0]);
        let reason = fs::read_to_string(root.join("1/failed")).expect("the first attempt failed");
        assert!(reason.contains("Address already in use"), "{reason}");
    }
}
