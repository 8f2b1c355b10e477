//! What cannot be brought about from outside: ends that meet at the very same moment.

use bytes::Bytes;
use imagepic_bucket::{Config, Server};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use super::hold::{Held, Hold};
use super::send::Confirmed;
use super::*;
use crate::destination::{Destination, Images, Kind, LinkPolicy, Names, S3Address};
use crate::error::{Code, Error, Waiting};
use crate::journal::{Change, Last};
use crate::outside::SystemClock;
use crate::secrets::{SealedFile, Secrets as _, account};
use crate::settings::Settings;
use crate::store::{Body, Put};

const BUCKET: &str = "images";

/// A queue that nothing runs, in a home of its own, with a bucket to send to.
struct Scene {
    queue: Arc<Queue>,
    _server: Server,
    _running: imagepic_bucket::Running,
    _dir: tempfile::TempDir,
}

impl Scene {
    async fn set() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let config = Config {
            dir: dir.path().join("bucket"),
            access_key: "ACCESS".to_owned(),
            secret_key: SecretString::from("secret"),
            port: Some(0),
            region: "us-east-1".to_owned(),
        };
        let server = imagepic_bucket::open(config).await.expect("a bucket");
        server.ensure_bucket(BUCKET).await.expect("a first bucket");
        let running = server.bind(None).await.expect("a port");
        let address = S3Address {
            endpoint: format!("http://{}", running.addr()),
            region: "us-east-1".to_owned(),
            access_key: "ACCESS".to_owned(),
            path_style: true,
            ca_file: None,
        };
        let home = Home::at(dir.path().join("home"));
        home.prepare().expect("a home");
        let secrets = Arc::new(SealedFile::of(&home));
        secrets.set(&account(&address), &SecretString::from("secret")).await.expect("kept");
        let mut settings = Settings::default();
        settings.destinations.push(Destination {
            id: "there".to_owned(),
            name: "There".to_owned(),
            kind: Kind::S3(address),
            bucket: BUCKET.to_owned(),
            folder: String::new(),
            link: LinkPolicy::default(),
            names: Names::default(),
            images: Images::default(),
            max_bytes: None,
            any_file: false,
        });
        let hub = Arc::new(Hub::new(settings));
        let journal = Journal::open(&home.journal_file(), home.data().join("changed"), "1".to_owned()).expect("a journal");
        let stores = Arc::new(Stores::new(home.clone(), "1".to_owned(), true, Arc::clone(&hub), secrets));
        let stop = CancellationToken::new();
        let clock = Arc::new(SystemClock);
        let pace = Pace { probe: (Duration::from_millis(5), Duration::from_millis(5)), ..Pace::default() };
        let queue = Queue::new(hub, journal, stores, home, "1".to_owned(), clock, true, pace, stop);
        Self { queue: Arc::new(queue), _server: server, _running: running, _dir: dir }
    }

    /// An upload that was taken into memory only.
    async fn take(&self, name: &str) -> (Row, Arc<Hold>, Bytes) {
        let bytes = Bytes::from(format!("the picture {name}"));
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let row = Row {
            batch: 0,
            size: bytes.len() as u64,
            original: sha256,
            prepared: sha256,
            destination: "there".to_owned(),
            bucket: BUCKET.to_owned(),
            key: name.to_owned(),
            name: String::new(),
            owner: Some("1".to_owned()),
            taken_at: self.queue.now(),
            ..crate::live::tests::row(0, RowState::Queued, None)
        };
        let (row, twin) = self.queue.journal.insert(vec![row]).await.expect("taken").remove(0);
        let hold = Hold::new(String::new(), bytes.clone());
        self.queue.enter(vec![(row.clone(), twin, Some(bytes.clone()), Some(Arc::clone(&hold)))]);
        (row, hold, bytes)
    }

    /// Puts a row's object where it belongs.
    async fn put(&self, row: &Row, bytes: Bytes) {
        let put = Put {
            bucket: BUCKET.to_owned(),
            key: row.key.clone(),
            body: Body::Bytes(bytes),
            size: row.size,
            sha256: row.prepared,
            content_type: row.content_type.clone(),
            content_disposition: None,
            if_absent: true,
            id: Some(self.queue.journal.object_id(row)),
        };
        let store = self.queue.stores.of(&row.destination).await.expect("a store");
        store.put(put, Arc::new(|_| {})).await.expect("stored");
    }

    async fn state(&self, id: i64) -> RowState {
        self.queue.journal.get(id).await.expect("read").expect("it is there").state
    }

    async fn is_there(&self, row: &Row) -> bool {
        let store = self.queue.stores.of(&row.destination).await.expect("a store");
        store.stat(BUCKET, &row.key).await.expect("asked").is_some()
    }
}

fn confirmed(row: &Row) -> Confirmed {
    Confirmed { key: row.key.clone(), etag: None, reused: false, created: true }
}

#[tokio::test]
async fn an_upload_that_is_done_is_not_called_off_because_the_disk_was_full() {
    let scene = Scene::set().await;
    let (row, ..) = scene.take("a.png").await;
    let done = Change { state: RowState::Done, created: true, ..Change::of(&row) };
    scene.queue.journal.change(&row, row.owner.clone(), done, Last::Now).await.expect("written").expect("it was open");
    scene.queue.call_off(row.id).await;
    assert_eq!(scene.state(row.id).await, RowState::Done);
}

#[tokio::test]
async fn what_was_told_as_refused_leaves_no_object_though_the_store_confirms_it_a_moment_later() {
    let scene = Scene::set().await;
    let (row, hold, bytes) = scene.take("b.png").await;
    scene.put(&row, bytes).await;
    {
        let mut kept = hold.lock().await;
        hold.refuse(&mut kept, Error::new(Code::DiskFull, imagepic_words::errors::disk_full("here")));
    }
    scene.queue.confirmed(&row, confirmed(&row)).await;
    assert_eq!((hold.now(), scene.state(row.id).await), (Held::Refused, RowState::Gone));
    assert!(!scene.is_there(&row).await, "an object of an upload that was never taken stays behind");
}

#[tokio::test]
async fn bytes_that_only_memory_held_are_done_for_good_at_once_until_the_store_is_known_to_tell_their_hash() {
    let scene = Scene::set().await;
    let (mut row, _, bytes) = scene.take("c.png").await;
    assert_eq!(scene.queue.lasts(&row).await, Last::Now, "after a power cut nothing would tell that the object is this one");
    scene.put(&row, bytes).await;
    scene.queue.confirmed(&row, confirmed(&row)).await;
    scene.queue.keeping.close();
    scene.queue.keeping.wait().await;
    assert_eq!(scene.queue.lasts(&row).await, Last::Soon, "the bucket has shown that it tells");
    // Another store may stand behind the same name.
    scene.queue.stores.forget("there");
    assert_eq!(scene.queue.lasts(&row).await, Last::Now);
    row.spool = Some("1_a".to_owned());
    assert_eq!(scene.queue.lasts(&row).await, Last::Soon, "the bytes are here to be compared");
}

/// What an upload meets where nobody answers.
fn no_network() -> Error {
    Error::new(Code::Unreachable, imagepic_words::errors::cancelled("nobody answers"))
}

impl Scene {
    fn sends(&self, row: &Row) {
        self.queue.hub.with(|live| begin(live.entries.get_mut(&row.id).expect("it is open")));
    }

    fn stands(&self, row: &Row) -> (RowState, Option<Waiting>, bool) {
        self.queue.hub.with(|live| {
            let entry = &live.entries[&row.id];
            (entry.row.state, entry.row.waiting, entry.held_back)
        })
    }

    async fn until(&self, row: &Row, wanted: (RowState, Option<Waiting>, bool)) {
        let mut changes = self.queue.hub.generations();
        while self.stands(row) != wanted {
            let _ = tokio::time::timeout(Duration::from_millis(5), changes.changed()).await;
        }
    }
}

#[tokio::test]
async fn an_upload_goes_on_by_itself_however_slowly_the_disk_notes_that_it_waits() {
    let scene = Scene::set().await;
    let (row, hold, _) = scene.take("d.png").await;
    scene.sends(&row);
    // The disk is as slow as this lock is held.
    let slow = hold.lock().await;
    let queue = Arc::clone(&scene.queue);
    let met = tokio::spawn({
        let row = row.clone();
        async move { queue.met(&row, no_network(), 0).await }
    });
    let longer_than_the_pause = Duration::from_millis(30);
    tokio::time::sleep(longer_than_the_pause).await;
    scene.queue.wake_due();
    drop(slow);
    met.await.expect("no panic");
    assert_eq!(scene.stands(&row), (RowState::Waiting, Some(Waiting::Network), false));
    assert!(scene.queue.next_due().is_some(), "nobody will ever try again");
    tokio::time::sleep(longer_than_the_pause).await;
    scene.queue.wake_due();
    assert_eq!(scene.stands(&row).0, RowState::Queued);
}

#[tokio::test]
async fn what_is_just_being_held_back_when_its_store_answers_again_is_not_forgotten() {
    let scene = Scene::set().await;
    let (first, ..) = scene.take("e.png").await;
    let (second, hold, _) = scene.take("f.png").await;
    scene.sends(&first);
    let slow = hold.lock().await;
    let queue = Arc::clone(&scene.queue);
    let met = tokio::spawn({
        let first = first.clone();
        async move { queue.met(&first, no_network(), 0).await }
    });
    scene.until(&second, (RowState::Waiting, Some(Waiting::Network), true)).await;
    // Another upload has come through.
    scene.queue.answered("there");
    assert_eq!(scene.stands(&first).0, RowState::Queued);
    assert_ne!(scene.stands(&second).0, RowState::Queued, "it would be sent while it is written down as waiting");
    drop(slow);
    met.await.expect("no panic");
    assert_eq!(scene.stands(&second), (RowState::Waiting, Some(Waiting::Network), false));
    assert!(scene.queue.next_due().is_some(), "nobody will ever try it again");
}
