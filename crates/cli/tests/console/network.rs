//! A proxy and a certificate authority of one's own, by real connections: what is set is what is used.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::Home;

/// Nobody has this name but for the proxy.
const HOST: &str = "s3.proxied.test";

/// An HTTP proxy on loopback that leads every tunnel to one port and keeps what it was asked.
struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, to, &kept));
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

fn serve(mut stream: TcpStream, to: u16, kept: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    let tunnel = line.starts_with("CONNECT ");
    kept.lock().expect("nobody panics with it").push(line);
    let Some(mut there) = TcpStream::connect(("127.0.0.1", to)).ok().filter(|_| tunnel) else {
        let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
        return;
    };
    let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
    let (mut back, mut forth) = (there.try_clone().expect("a handle"), stream.try_clone().expect("a handle"));
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut forth, &mut there);
        let _ = there.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut back, &mut stream);
    let _ = stream.shutdown(Shutdown::Both);
}

/// A TLS server whose certificate no system knows; killed when dropped.
struct Secure {
    child: Child,
    port: u16,
    certificate: PathBuf,
}

impl Secure {
    fn start(folder: &Path) -> Self {
        let (key, certificate) = (folder.join("key.pem"), folder.join("own-ca.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &format!("/CN={HOST}")])
            // It is its own authority and no other one's.
            .args(["-addext", &format!("subjectAltName=DNS:{HOST}"), "-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .stderr(Stdio::null())
            .status()
            .expect("openssl is installed");
        assert!(made.success());
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).expect("a free port").port();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-www", "-accept", &format!("127.0.0.1:{port}"), "-key"])
            .arg(&key)
            .arg("-cert")
            .arg(&certificate)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let server = Self { child, port, certificate };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "the server does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rung(report: &serde_json::Value, name: &str) -> String {
    let rungs = report["rungs"].as_array().expect("a list");
    let found = rungs.iter().find(|rung| rung["rung"] == name).expect("every rung is told");
    found["state"].as_str().expect("a state").to_owned()
}

#[test]
fn a_manual_proxy_is_taken_and_an_own_authority_trusted_where_it_is_named_and_nowhere_else() {
    let home = Home::new();
    let server = Secure::start(home.dir.path());
    let proxy = Proxy::start(server.port);
    let endpoint = format!("https://{HOST}");
    let add = [
        "destinations",
        "add",
        "s3",
        "--name",
        "Far",
        "--endpoint",
        &endpoint,
        "--access-key",
        "AK",
        "--bucket",
        "assets",
        "--path-style",
        "--secret-key-stdin",
    ];
    home.run_with(&add, b"a-secret-of-a-test").ends(0);
    let test = || home.run(&["destinations", "test", "Far", "--json"]).ends(1).json();

    home.run(&["settings", "set", "general.proxy", "none"]).ends(0);
    let before = proxy.asked().len();
    assert_eq!(rung(&test(), "address"), "bad", "without the proxy nobody knows the name");
    assert_eq!(proxy.asked().len(), before, "\"none\" is none");

    home.run(&["settings", "set", "general.proxy", &format!("http://127.0.0.1:{}", proxy.port)]).ends(0);
    let report = test();
    assert_eq!((rung(&report, "tls").as_str(), report["code"].as_str()), ("bad", Some("tls")), "{report}");
    assert!(proxy.asked().iter().any(|line| line.starts_with(&format!("CONNECT {HOST}:443"))), "{:?}", proxy.asked());

    let certificate = server.certificate.to_str().expect("plain");
    home.run(&["settings", "set", "destinations.Far.ca_file", certificate]).ends(0);
    let asked = proxy.asked().len();
    let report = test();
    assert_eq!(report["code"], "not_s3", "trusted and read; what answers there is a web page: {report}");
    assert!(proxy.asked().len() > asked);

    // This computer's own bucket is reached past every proxy.
    let asked = proxy.asked().len();
    home.write("a.png", &crate::support::png(9));
    home.run(&["upload", "a.png", "--to", "this-computer"]).ends(0);
    assert_eq!(proxy.asked().len(), asked, "{:?}", proxy.asked());
}
