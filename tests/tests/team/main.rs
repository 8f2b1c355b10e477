//! Signing in at a team server and uploading there, with the engine as both programs use it: at the older service (`old`), as people
//! with such a server live with it, and at ours (`ours`), which also has the whole conformance suite in `stores.rs`.

mod detours;
mod old;
mod ours;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use imagepic_core::capture::{Capture, Content, Source};
use imagepic_core::destination::{Destination, Images, Kind, LinkPolicy, Names, TeamAddress};
use imagepic_core::engine::{Deliver, Draft, Engine, Pace, Registering, Role, Submit};
use imagepic_core::error::{Code, Waiting};
use imagepic_core::event::{Stage, State, Upload};
use imagepic_core::home::Home;
use imagepic_core::outside::{NoClipboard, Outside, SystemClock};
use imagepic_core::secrets::SealedFile;
use secrecy::SecretString;

const PHONE: &str = "13800138000";
const PASSWORD: &str = "abc12345";
const LONG: Duration = Duration::from_secs(30);

/// A 1 × 1 PNG with something behind its end, so that each is another file.
fn picture(extra: &[u8]) -> Vec<u8> {
    const PIXEL: &[u8] = b"\
        \x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\
        \x08\x00\x00\x00\x00\x3a\x7e\x9b\x55\x00\x00\x00\x0a\x49\x44\x41\x54\x78\x9c\x63\x68\x00\x00\x00\
        \x82\x00\x81\x77\xcd\x72\xb6\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";
    [PIXEL, extra].concat()
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn address(server: &str) -> TeamAddress {
    TeamAddress { server: server.to_owned(), phone: PHONE.to_owned(), allow_plain_http: false, ca_file: None }
}

fn destination(server: &str) -> Destination {
    Destination {
        id: String::new(),
        name: "Team".to_owned(),
        kind: Kind::Team(address(server)),
        bucket: "pics".to_owned(),
        folder: "shots".to_owned(),
        link: LinkPolicy::default(),
        names: Names { file: "{stem}.{ext}".to_owned(), ..Names::default() },
        images: Images { strip_metadata: false, ..Images::default() },
        max_bytes: None,
        any_file: false,
    }
}

struct Desk {
    _dir: tempfile::TempDir,
    home: Home,
    engine: Engine,
}

impl Desk {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::at(dir.path());
        home.prepare().expect("a home");
        let engine = open(&home).await;
        Self { _dir: dir, home, engine }
    }

    /// With the destination of that server, which is the one uploads go to.
    async fn at(server: &str) -> Self {
        let this = Self::new().await;
        let saved =
            this.engine.destinations().save(Draft { destination: destination(server), secret: None }).await.expect("saved");
        this.engine.destinations().use_(&saved.id, None, None).await.expect("chosen");
        this
    }

    async fn give(&self, name: &str, bytes: Vec<u8>) -> i64 {
        let content = Content::Bytes { bytes: Bytes::from(bytes), name: Some(name.to_owned()) };
        let capture = Capture { content, source: Source::CommandLine, at: SystemTime::now() };
        let how = Submit { deliver: Deliver::No, ..Submit::default() };
        let batch = self.engine.uploads().submit(vec![capture], how).await.expect("taken");
        batch.uploads[0]
    }

    async fn becomes(&self, id: i64, what: &str, good: impl Fn(&Upload) -> bool) -> Upload {
        becomes(&self.engine, id, what, good).await
    }

    async fn link(&self, id: i64) -> String {
        self.engine.uploads().link(id).await.expect("a link").url
    }
}

async fn open(home: &Home) -> Engine {
    let outside =
        Outside { clipboard: Arc::new(NoClipboard), secrets: Arc::new(SealedFile::of(home)), clock: Arc::new(SystemClock) };
    // Nothing is tried again by time alone: what goes on must have been told to.
    let never = Duration::from_secs(3600);
    let pace = Pace { sign_in: never, probe: (never, never), ..Pace::default() };
    Engine::open_at_pace(home.clone(), outside, Role::Desktop, pace).await.expect("an engine")
}

async fn becomes(engine: &Engine, id: i64, what: &str, good: impl Fn(&Upload) -> bool) -> Upload {
    let mut events = engine.subscribe();
    let look = || {
        let now = engine.snapshot();
        now.open.into_iter().chain(now.recent).find(|upload| upload.id == id)
    };
    let waiting = async {
        loop {
            if let Some(upload) = look().filter(|upload| good(upload)) {
                return upload;
            }
            let _ = events.recv().await;
        }
    };
    match tokio::time::timeout(LONG, waiting).await {
        Ok(upload) => upload,
        Err(_) => panic!("upload {id} never {what}: {:?}", look()),
    }
}

fn done(upload: &Upload) -> bool {
    upload.stage == Stage::Done
}

fn signed_out(upload: &Upload) -> bool {
    upload.stage == Stage::Waiting && upload.waiting == Some(Waiting::SignIn)
}

async fn fetch(url: &str) -> Bytes {
    let answer = imagepic_net::Http::default().get(url, 1 << 20).await.expect("an answer");
    assert_eq!(answer.status(), 200, "{url}");
    answer.into_body()
}
