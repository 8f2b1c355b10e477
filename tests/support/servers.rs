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
    let ports = shared("ceph", 3, &[]);
    S3Server { endpoint: at(ports[0]), region: "us-east-1", access_key: "test", secret_key: "testsecret", port: ports[0] }
}

/// OpenStack Swift with its S3 front. It knows no region but its own, and no bucket policies.
///
/// # Panics
/// Where Swift is missing (`cargo xtask setup` installs it) or does not start; the message says which step failed.
#[must_use]
pub fn swift() -> S3Server {
    let venv = workspace().join("target/tools/venv-swift");
    let ports = shared("swift", 4, &[&venv.display().to_string()]);
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
    let ports = shared("postgres", 1, &[]);
    let (_, name) = run();
    let bin =
        fs::read_to_string(workspace().join(format!("target/tmp/servers/postgres-{name}/bin"))).expect("the guardian wrote it");
    Postgres { port: ports[0], psql: Path::new(bin.trim()).join("psql") }
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

fn shared(server: &str, ports: usize, more: &[&str]) -> Vec<u16> {
    let (run, name) = run();
    let root = workspace().join("target/tmp/servers");
    let folder = root.join(format!("{server}-{name}"));
    fs::create_dir_all(&root).expect("target/ can be written");
    // Beside the folder; the guardian removes both.
    let lock = File::create(folder.with_added_extension("lock")).expect("target/ can be written");
    lock.lock().expect("the lock can be waited for");
    let list = folder.join("ports");
    if !list.exists() {
        fs::create_dir_all(&folder).expect("target/ can be written");
        start(server, &folder, run, &free(ports), more);
    }
    wait(server, &folder);
    let text = fs::read_to_string(&list).expect("the starter wrote it");
    text.split_whitespace().map(|port| port.parse().expect("a port")).collect()
}

#[expect(clippy::zombie_processes, reason = "the guardian outlives this process on purpose, and ends with the run")]
fn start(server: &str, folder: &Path, run: u32, ports: &[u16], more: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("support/servers/{server}.sh"));
    let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
    fs::write(folder.join("ports"), ports.join(" ")).expect("target/ can be written");
    // A session of its own, and no stream of this test: the runner waits for neither and kills neither.
    Command::new("setsid")
        .arg(script)
        .arg(folder)
        .arg(run.to_string())
        .args(&ports)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{server} cannot be started: {error}"));
}

fn wait(server: &str, folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !folder.join("ready").exists() {
        if let Ok(reason) = fs::read_to_string(folder.join("failed")) {
            panic!("{server} did not start: {}", reason.trim());
        }
        assert!(Instant::now() < deadline, "{server} did not start within two minutes; see {}", folder.display());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ports nobody listens on just now, all different.
fn free(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("a bound port").port()).collect()
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
