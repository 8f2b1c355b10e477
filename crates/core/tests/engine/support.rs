//! A home, a real bucket behind a line that can be cut, and a clipboard that a test holds in its hand.

use std::any::Any;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use imagepic_bucket::{Config, Server};
use imagepic_clipboard::Content as Clip;
use imagepic_core::capture::{Capture, Content, Source};
use imagepic_core::destination::{Destination, Images, Kind, LinkPolicy, Names, S3Address};
use imagepic_core::engine::{Deliver, Draft, Engine, Pace, Role, Submit};
use imagepic_core::error::Result;
use imagepic_core::event::{Event, Stage, Upload};
use imagepic_core::home::Home;
use imagepic_core::outside::{Change, ClipboardPort, Mark, OnChange, Outside, SystemClock, Told};
use imagepic_core::secrets::SealedFile;
use imagepic_core::store::{Object, S3Store, Store};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const ACCESS: &str = "TESTACCESS";
pub(crate) const SECRET: &str = "a-secret-for-tests-only";
pub(crate) const BUCKET: &str = "team";

/// What the line to the bucket does with a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Line {
    Open,
    /// Closes every connection at once.
    Dead,
    /// Answers 503 to everything.
    Busy,
    /// Passes some bytes of a request on and cuts the connection.
    Cut,
    /// Passes nothing on, and keeps the connection.
    Stuck,
    /// Passes everything on, but keeps answers to a POST (which removes several objects) back.
    Mute,
}

/// A real bucket of its own, and a line to it.
pub(crate) struct Remote {
    pub(crate) address: String,
    line: Arc<AtomicU8>,
    /// Connections since the start.
    pub(crate) tries: Arc<AtomicU64>,
    /// Bytes that clients sent.
    pub(crate) received: Arc<AtomicU64>,
    /// Keeps the bucket open.
    _server: Server,
    _dir: TempDir,
}

impl Remote {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let config = Config {
            dir: dir.path().to_owned(),
            access_key: ACCESS.to_owned(),
            secret_key: SecretString::from(SECRET),
            port: None,
            region: "us-east-1".to_owned(),
        };
        let server = imagepic_bucket::open(config).await.expect("a bucket");
        server.ensure_bucket(BUCKET).await.expect("a first bucket");
        let inner = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target = inner.local_addr().expect("an address");
        let service = server.service();
        tokio::spawn(async move {
            while let Ok((stream, _)) = inner.accept().await {
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        let outer = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", outer.local_addr().expect("an address"));
        let line = Arc::new(AtomicU8::new(Line::Open as u8));
        let (tries, received) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (line_seen, tries_seen, received_seen) = (Arc::clone(&line), Arc::clone(&tries), Arc::clone(&received));
        tokio::spawn(async move {
            while let Ok((stream, _)) = outer.accept().await {
                tries_seen.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(pass(stream, target, Arc::clone(&line_seen), Arc::clone(&received_seen)));
            }
        });
        Self { address, line, tries, received, _server: server, _dir: dir }
    }

    pub(crate) fn set(&self, line: Line) {
        self.line.store(line as u8, Ordering::SeqCst);
    }

    /// As a foreign client sees it, past the faulty line's present state.
    pub(crate) fn store(&self) -> S3Store {
        S3Store::open(&self.s3(), SecretString::from(SECRET), &imagepic_core::settings::Proxy::None).expect("a store")
    }

    pub(crate) fn s3(&self) -> S3Address {
        S3Address {
            endpoint: self.address.clone(),
            region: "us-east-1".to_owned(),
            access_key: ACCESS.to_owned(),
            path_style: true,
            ca_file: None,
        }
    }

    pub(crate) fn destination(&self) -> Destination {
        Destination {
            id: String::new(),
            name: "Team".to_owned(),
            kind: Kind::S3(self.s3()),
            bucket: BUCKET.to_owned(),
            folder: "docs".to_owned(),
            link: LinkPolicy::default(),
            names: Names::unguessable(),
            images: Images::default(),
            max_bytes: None,
            any_file: false,
        }
    }

    /// Every key there is.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let store = self.store();
        let mut keys = Vec::new();
        let mut cursor = None;
        loop {
            let page = store.list(BUCKET, "docs/", cursor.as_deref(), 1000).await.expect("a listing");
            keys.extend(page.objects.into_iter().map(|object| object.key));
            cursor = page.next;
            if cursor.is_none() {
                return keys;
            }
        }
    }

    /// Every object there is, with its bytes' hash; only where none goes meanwhile.
    pub(crate) async fn objects(&self) -> Vec<Object> {
        let store = self.store();
        let mut objects = Vec::new();
        for key in self.keys().await {
            objects.push(store.stat(BUCKET, &key).await.expect("a stat").expect("it is there"));
        }
        objects
    }

    /// How many objects there are of each content.
    pub(crate) async fn copies(&self) -> HashMap<String, usize> {
        let mut copies = HashMap::new();
        for object in self.objects().await {
            *copies.entry(object.sha256.expect("imagepic's objects carry their hash")).or_default() += 1;
        }
        copies
    }
}

async fn pass(mut client: TcpStream, target: std::net::SocketAddr, line: Arc<AtomicU8>, received: Arc<AtomicU64>) {
    let now = || line.load(Ordering::SeqCst);
    let mut server = TcpStream::connect(target).await.expect("the bucket listens");
    let (mut buffer, mut answer) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    let (mut passed, mut posted) = (0_usize, false);
    loop {
        match now() {
            at if at == Line::Dead as u8 => return,
            at if at == Line::Busy as u8 => {
                let Ok(read) = client.read(&mut buffer).await else { return };
                if read > 0 {
                    let _ = client.write_all(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
                    // Reads on, so that the answer is not lost in a reset.
                    let _ =
                        tokio::time::timeout(Duration::from_millis(200), tokio::io::copy(&mut client, &mut tokio::io::sink()))
                            .await;
                }
                return;
            }
            at if at == Line::Stuck as u8 => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
            _ => {}
        }
        tokio::select! {
            read = client.read(&mut buffer) => {
                let Ok(read) = read else { return };
                if read == 0 { return }
                let begins = |method: &[u8]| buffer[..read].starts_with(method);
                posted = begins(b"POST ") || (posted && ![&b"GET "[..], b"PUT ", b"HEAD ", b"DELETE "].into_iter().any(begins));
                // Looked at again: the line may have been cut while nothing moved.
                if now() == Line::Dead as u8 || now() == Line::Busy as u8 {
                    if now() == Line::Busy as u8 {
                        let _ = client.write_all(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
                        let _ = tokio::time::timeout(Duration::from_millis(200), tokio::io::copy(&mut client, &mut tokio::io::sink())).await;
                    }
                    return;
                }
                while now() == Line::Stuck as u8 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                received.fetch_add(read as u64, Ordering::SeqCst);
                passed += read;
                if now() == Line::Cut as u8 && passed > 20_000 { return }
                if server.write_all(&buffer[..read]).await.is_err() { return }
            }
            read = server.read(&mut answer) => {
                let Ok(read) = read else { return };
                while posted && now() == Line::Mute as u8 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                if read == 0 || client.write_all(&answer[..read]).await.is_err() { return }
            }
        }
    }
}

/// A clipboard in memory that counts acts of copying.
#[derive(Default)]
pub(crate) struct FakeClipboard {
    state: Mutex<FakeState>,
}

#[derive(Default)]
struct FakeState {
    number: u64,
    content: Option<Clip>,
    /// What was written.
    text: Option<String>,
    /// What somebody else copied.
    words: Option<String>,
    watchers: Vec<(u64, std::sync::mpsc::Sender<Change>)>,
}

impl FakeClipboard {
    /// Somebody copies something.
    pub(crate) fn copy(&self, content: Clip) {
        let mut state = self.state.lock().expect("no panic");
        state.number += 1;
        state.text = None;
        state.words = None;
        state.content = Some(content.clone());
        let change = Change { content, mark: Mark::Number(state.number) };
        for (_, watcher) in &state.watchers {
            let _ = watcher.send(change.clone());
        }
    }

    /// Somebody copies words.
    pub(crate) fn copy_text(&self, text: &str) {
        self.copy(Clip::Text);
        self.state.lock().expect("no panic").words = Some(text.to_owned());
    }

    pub(crate) fn text(&self) -> Option<String> {
        self.state.lock().expect("no panic").text.clone()
    }

    pub(crate) fn content(&self) -> Option<Clip> {
        self.state.lock().expect("no panic").content.clone()
    }

    pub(crate) fn watched(&self) -> bool {
        !self.state.lock().expect("no panic").watchers.is_empty()
    }
}

pub(crate) struct Port(pub(crate) Arc<FakeClipboard>);

struct Watching(Arc<FakeClipboard>, u64);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.state.lock().expect("no panic").watchers.retain(|(id, _)| *id != self.1);
    }
}

impl ClipboardPort for Port {
    fn read(&self, _lone_only: bool) -> Result<(Clip, Mark)> {
        let state = self.0.state.lock().expect("no panic");
        Ok((state.content.clone().unwrap_or(Clip::Nothing), Mark::Number(state.number)))
    }

    fn read_text(&self) -> Result<Option<(String, Mark)>> {
        let state = self.0.state.lock().expect("no panic");
        Ok(state.words.clone().map(|text| (text, Mark::Number(state.number))))
    }

    fn current_mark(&self) -> Result<Mark> {
        Ok(Mark::Number(self.0.state.lock().expect("no panic").number))
    }

    fn write_text(&self, text: &str) -> Result<Mark> {
        let mut state = self.0.state.lock().expect("no panic");
        state.number += 1;
        state.content = Some(Clip::Text);
        state.text = Some(text.to_owned());
        Ok(Mark::Number(state.number))
    }

    fn restore(&self, content: &Clip) -> Result<Mark> {
        let mut state = self.0.state.lock().expect("no panic");
        state.number += 1;
        state.content = Some(content.clone());
        state.text = None;
        Ok(Mark::Number(state.number))
    }

    fn is_own(&self) -> bool {
        self.0.state.lock().expect("no panic").text.is_some()
    }

    fn wait_replaced(&self) -> Result<()> {
        Ok(())
    }

    fn watch(&self, on_change: OnChange) -> Result<Box<dyn Any + Send>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::SeqCst);
        // On a thread of its own, as the port promises.
        let (send, changes) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for change in changes {
                on_change(Told::Changed(change));
            }
        });
        self.0.state.lock().expect("no panic").watchers.push((id, send));
        Ok(Box::new(Watching(Arc::clone(&self.0), id)))
    }

    fn backend(&self) -> Result<String> {
        Ok("fake".to_owned())
    }
}

/// A patience that tests have.
pub(crate) fn hurried() -> Pace {
    Pace {
        retries: vec![Duration::from_millis(30); 4],
        probe: (Duration::from_millis(50), Duration::from_millis(200)),
        sign_in: Duration::from_secs(3600),
        turn: Duration::from_millis(100),
        hold: Duration::from_millis(150),
    }
}

/// A home with an engine in it.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) home: Home,
    pub(crate) clipboard: Arc<FakeClipboard>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::at(dir.path().join("home"));
        Self { dir, home, clipboard: Arc::default() }
    }

    pub(crate) async fn open(&self, role: Role) -> Engine {
        self.open_at(role, hurried()).await
    }

    pub(crate) async fn open_at(&self, role: Role, pace: Pace) -> Engine {
        let outside = Outside {
            clipboard: Arc::new(Port(Arc::clone(&self.clipboard))),
            secrets: Arc::new(SealedFile::of(&self.home)),
            clock: Arc::new(SystemClock),
        };
        Engine::open_at_pace(self.home.clone(), outside, role, pace).await.expect("an engine")
    }

    /// An engine whose uploads go to the remote bucket.
    pub(crate) async fn with(&self, remote: &Remote) -> Engine {
        let engine = self.open(Role::Desktop).await;
        add(&engine, remote, SECRET).await;
        engine
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        path
    }
}

pub(crate) async fn add(engine: &Engine, remote: &Remote, secret: &str) -> Destination {
    let draft = Draft { destination: remote.destination(), secret: Some(SecretString::from(secret)) };
    let saved = engine.destinations().save(draft).await.expect("a destination");
    engine.destinations().use_(&saved.id, None, None).await.expect("chosen");
    saved
}

/// A small image whose bytes nobody else has.
pub(crate) fn image(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let noise: Vec<u8> = (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &[0, 0, 0, 16, 0, 0, 0, 9, 8, 2, 0, 0, 0]);
    chunk(&mut png, b"IDAT", &noise);
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    png.extend(u32::try_from(data.len()).expect("small").to_be_bytes());
    png.extend(kind);
    png.extend(data);
    let mut crc = u32::MAX;
    // Nobody decodes the large ones, and a slow checksum of 33 MB would only cost time.
    let summed = if data.len() > 1 << 20 { &[] } else { data };
    for byte in kind.iter().chain(summed) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    png.extend((!crc).to_be_bytes());
}

pub(crate) fn bytes(bytes: Vec<u8>, name: Option<&str>) -> Capture {
    Capture {
        content: Content::Bytes { bytes: Bytes::from(bytes), name: name.map(str::to_owned) },
        source: Source::Drop,
        at: SystemTime::now(),
    }
}

pub(crate) fn path(path: &Path) -> Capture {
    Capture { content: Content::Path(path.to_owned()), source: Source::Drop, at: SystemTime::now() }
}

pub(crate) fn quietly() -> Submit {
    Submit { deliver: Deliver::No, ..Submit::default() }
}

/// Waits, by events, until an upload is as wanted.
pub(crate) async fn until(engine: &Engine, id: i64, wanted: impl Fn(&Upload) -> bool) -> Upload {
    let mut events = engine.subscribe();
    let waiting = async {
        loop {
            let now = engine.uploads().get(id).await.expect("it is there");
            if wanted(&now) {
                return now;
            }
            loop {
                match events.recv().await {
                    Ok(Event::Upload(upload)) if upload.id == id => break,
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("in time")
}

pub(crate) async fn stage(engine: &Engine, id: i64, wanted: Stage) -> Upload {
    until(engine, id, |upload| upload.stage == wanted).await
}

/// Fetches a link as a reader would.
pub(crate) async fn get(url: &str) -> (u16, String, Vec<u8>) {
    let url: url::Url = url.parse().expect("a link is an address");
    let authority = format!("{}:{}", url.host_str().expect("a host"), url.port_or_known_default().expect("a port"));
    let mut stream = TcpStream::connect(&authority).await.expect("the host listens");
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head, answer[end + 4..].to_vec())
}
