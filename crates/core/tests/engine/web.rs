//! Pictures by their addresses: what is fetched, from where, and what is said of everything else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use imagepic_clipboard::Content as Clip;
use imagepic_core::Code;
use imagepic_core::capture::{Capture, Content, Near, Source};
use imagepic_core::destination::{Destination, Names};
use imagepic_core::engine::{Batch, Draft, Engine, HistoryQuery, Role, Submit};
use imagepic_core::event::{Event, Question, Stage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::*;

/// A web server that answers each path with these very bytes; a path that ends in `slow` never ends its answer.
struct Site {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    pages: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

impl Site {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (asked, pages) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<HashMap<String, Vec<u8>>>>::default());
        let (log, all) = (Arc::clone(&asked), Arc::clone(&pages));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (log, all) = (Arc::clone(&log), Arc::clone(&all));
                tokio::spawn(async move {
                    let mut request = vec![0; 8192];
                    let Ok(read) = stream.read(&mut request).await else { return };
                    let request = String::from_utf8_lossy(&request[..read]).into_owned();
                    let path = request.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
                    log.lock().expect("no panic").push(request);
                    let page = all.lock().expect("no panic").get(&path).cloned();
                    let page = page
                        .unwrap_or_else(|| b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec());
                    let _ = stream.write_all(&page).await;
                    if path.ends_with("slow") {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self { address, asked, pages }
    }

    fn put(&self, path: &str, head: &str, body: &[u8]) -> url::Url {
        let mut page = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).into_bytes();
        page.extend(body);
        self.raw(path, page)
    }

    fn raw(&self, path: &str, page: Vec<u8>) -> url::Url {
        self.pages.lock().expect("no panic").insert(path.to_owned(), page);
        format!("{}{path}", self.address).parse().expect("an address")
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}

fn by_address(url: url::Url, near: Near) -> Capture {
    Capture { content: Content::Url { url, near }, source: Source::Url, at: SystemTime::now() }
}

async fn give(engine: &Engine, url: url::Url) -> Batch {
    engine.uploads().submit(vec![by_address(url, Near::Allow)], quietly()).await.expect("a batch")
}

async fn refused(engine: &Engine, url: url::Url) -> (Code, String) {
    let batch = give(engine, url).await;
    assert!(batch.uploads.is_empty(), "it was taken");
    (batch.refused[0].code, batch.refused[0].message.clone())
}

async fn question(events: &mut tokio::sync::broadcast::Receiver<Event>) -> Question {
    let next = async {
        loop {
            if let Ok(Event::Question(question)) = events.recv().await {
                return question;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), next).await.expect("a question")
}

#[tokio::test]
async fn a_picture_by_its_address_is_uploaded_under_its_own_name() {
    let (place, remote, site) = (Place::new(), Remote::start().await, Site::start().await);
    let engine = place.with(&remote).await;
    let picture = image(1, 5000);
    // It says it is something else: the bytes count.
    site.put("/there", "302 Found\r\nLocation: /pictures/%E7%8C%AB.png?token=s3cret", b"");
    site.put("/pictures/%E7%8C%AB.png", "200 OK\r\nContent-Type: application/octet-stream", &picture);
    let batch = give(&engine, format!("{}/there", site.address).parse().expect("an address")).await;
    let done = stage(&engine, batch.uploads[0], Stage::Done).await;
    assert_eq!((done.name.as_str(), done.source, done.content_type.as_str()), ("猫.png", Source::Url, "image/png"));
    let (status, _, body) = get(&engine.uploads().link(done.id).await.expect("a link").url).await;
    assert_eq!((status, body), (200, picture));
    let asked = site.asked.lock().expect("no panic").join("\n").to_lowercase();
    for credential in ["cookie", "authorization", "referer"] {
        assert!(!asked.contains(credential), "{asked}");
    }
    engine.close().await;
}

#[tokio::test]
async fn what_is_no_picture_is_refused_and_it_is_said_what_came() {
    let (place, remote, site) = (Place::new(), Remote::start().await, Site::start().await);
    let engine = place.with(&remote).await;
    let page = site.put("/page", "200 OK\r\nContent-Type: text/html; charset=utf-8", &b"<!doctype html><p>hello</p>".repeat(500));
    let (code, message) = refused(&engine, page).await;
    assert_eq!(code, Code::NotAnImage);
    assert!(message.contains("text/html") && message.contains("13.5 kB"), "{message}");
    let (code, message) = refused(&engine, site.put("/text", "200 OK\r\nContent-Type: image/png", b"no picture")).await;
    assert!(code == Code::NotAnImage && message.contains("10 B") && !message.contains("image/png"), "{message}");
    for (path, head, code) in [
        ("/gone", "404 Not Found", Code::NoSuchObject),
        ("/secret", "403 Forbidden", Code::Forbidden),
        ("/broken", "500 Oops", Code::StoreRefused),
        ("/empty", "200 OK", Code::Empty),
        ("/loop", "302 Found\r\nLocation: /loop", Code::BadRequest),
        ("/away", "302 Found\r\nLocation: file:///etc/passwd", Code::BadRequest),
        ("/nowhere", "302 Found", Code::BadRequest),
    ] {
        let (found, message) = refused(&engine, site.put(path, head, b"")).await;
        assert_eq!(found, code, "{path}: {message}");
    }
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\nConnection: close\r\n\r\n";
    let half = [cut.as_bytes(), &image(3, 1000)].concat();
    let (code, message) = refused(&engine, site.raw("/half.png", half)).await;
    assert_eq!(code, Code::Unreachable, "half a picture is none: {message}");
    let huge = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", 900_u64 << 20);
    let (code, message) = refused(&engine, site.raw("/huge.png", [huge.as_bytes(), &image(4, 200_000)].concat())).await;
    assert!(code == Code::TooLarge && message.contains("67.1 MB"), "{code:?} {message}");
    let before = site.asked();
    let secret = format!("http://me:hunter2@{}/x.png", site.address.trim_start_matches("http://"));
    let (code, message) = refused(&engine, secret.parse().expect("an address")).await;
    assert!(code == Code::BadRequest && !message.contains("hunter2"), "{message}");
    assert_eq!(site.asked(), before, "it was asked with credentials");
    let (code, _) = refused(&engine, "http://127.0.0.1:1/a.png".parse().expect("an address")).await;
    assert_eq!(code, Code::Unreachable);
    assert!(remote.objects().await.is_empty());
    engine.close().await;
}

#[tokio::test]
async fn an_address_in_ones_own_network_is_asked_only_after_a_person_said_so() {
    let (place, remote, site) = (Place::new(), Remote::start().await, Site::start().await);
    let engine = place.with(&remote).await;
    let mut events = engine.subscribe();
    let url = site.put("/a.png", "200 OK", &image(5, 3000));
    let submit = |url: url::Url| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.uploads().submit(vec![by_address(url, Near::Ask)], quietly()).await.expect("a batch") })
    };
    let first = submit(url.clone());
    let asked = question(&mut events).await;
    assert!(asked.text.contains("127.0.0.1") && asked.text.contains("/a.png"), "{}", asked.text);
    assert_eq!(engine.snapshot().questions, std::slice::from_ref(&asked));
    assert_eq!(site.asked(), 0, "it was asked before anybody said so");
    engine.sources().answer(asked.id, false).expect("answered");
    assert_eq!(first.await.expect("no panic").refused[0].code, Code::PrivateAddress);
    assert_eq!(site.asked(), 0, "it was asked though somebody said no");
    assert!(engine.snapshot().questions.is_empty());
    assert_eq!(engine.sources().answer(asked.id, true).expect_err("answered before").code, Code::BadRequest);

    // Under other names it is the same computer.
    let port = url.port().expect("a port");
    for spelt in [format!("http://localhost:{port}/a.png"), format!("http://[::ffff:127.0.0.1]:{port}/a.png")] {
        let given = submit(spelt.parse().expect("an address"));
        engine.sources().answer(question(&mut events).await.id, false).expect("answered");
        assert_eq!(given.await.expect("no panic").refused[0].code, Code::PrivateAddress, "{spelt}");
    }

    let second = submit(url.clone());
    engine.sources().answer(question(&mut events).await.id, true).expect("answered");
    let batch = second.await.expect("no panic");
    stage(&engine, batch.uploads[0], Stage::Done).await;
    // The same host at the same address, in the same run: said once.
    let third = submit(site.put("/b.png", "200 OK", &image(6, 3000))).await.expect("no panic");
    stage(&engine, third.uploads[0], Stage::Done).await;
    engine.close().await;
}

#[tokio::test]
async fn nobody_is_asked_in_a_console_and_nothing_is_sent_there() {
    let (place, site) = (Place::new(), Site::start().await);
    let engine = place.open(Role::Console).await;
    let url = site.put("/a.png", "200 OK", &image(7, 3000));
    let batch = engine.uploads().submit(vec![by_address(url, Near::Refuse)], quietly()).await.expect("a batch");
    assert_eq!(batch.refused[0].code, Code::PrivateAddress);
    assert!(batch.refused[0].message.contains("--allow-private"), "{}", batch.refused[0].message);
    assert_eq!(site.asked(), 0);
    engine.close().await;
}

#[tokio::test]
async fn a_fetch_shows_its_bytes_and_can_be_stopped() {
    let (place, remote, site) = (Place::new(), Remote::start().await, Site::start().await);
    let engine = place.with(&remote).await;
    let mut events = engine.subscribe();
    let picture = image(8, 300_000);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", picture.len());
    let url = site.raw("/slow", [head.as_bytes(), &picture[..200_000]].concat());
    let fetching = tokio::spawn({
        let engine = engine.clone();
        async move { give(&engine, url).await }
    });
    let (id, sent, total) = loop {
        if let Ok(Event::Progress { id, sent, total }) = events.recv().await
            && sent >= 131_000
        {
            break (id, sent, total);
        }
    };
    assert!(id < 0 && sent <= 200_000 && total == picture.len() as u64, "{id} {sent} {total}");
    let now = engine.snapshot();
    let open = now.open.iter().find(|upload| upload.id == id).expect("it is among what is open");
    assert_eq!((open.stage, open.source), (Stage::Sending, Source::Url));
    assert!(now.line.contains("127.0.0.1") && now.line.contains('%'), "{}", now.line);
    engine.uploads().cancel(id).await.expect("stopped");
    let batch = fetching.await.expect("no panic");
    assert_eq!(batch.refused[0].code, Code::Cancelled);
    assert!(engine.snapshot().open.is_empty());
    assert!(engine.uploads().cancel(id).await.is_err(), "it is over");
    engine.close().await;
}

#[tokio::test]
async fn addresses_and_files_keep_the_order_they_were_given_in() {
    let (place, remote, site) = (Place::new(), Remote::start().await, Site::start().await);
    let engine = place.with(&remote).await;
    let captures = vec![
        by_address(site.put("/one.png", "200 OK", &image(10, 9000)), Near::Allow),
        path(&place.file("two.png", &image(11, 1000))),
        by_address(site.put("/gone.png", "410 Gone", b""), Near::Allow),
        by_address(
            "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7".parse().expect("an address"),
            Near::Refuse,
        ),
    ];
    let batch = engine.uploads().submit(captures, Submit { ..quietly() }).await.expect("a batch");
    let mut names = Vec::new();
    for each in &batch.each {
        names.push(match &each.outcome {
            Ok(id) => engine.uploads().get(*id).await.expect("there").name,
            Err(refusal) => format!("{:?}", refusal.code),
        });
    }
    assert_eq!(names, ["one.png", "two.png", "NoSuchObject", "image.gif"]);
    assert_eq!(batch.each.iter().map(|each| each.capture).collect::<Vec<_>>(), [0, 1, 2, 3]);
    engine.close().await;
}

#[tokio::test]
async fn an_address_that_was_copied_is_uploaded_by_hand_and_never_by_the_watch() {
    let (place, remote, site) = (Place::new(), Remote::start().await, Site::start().await);
    let engine = place.with(&remote).await;
    let url = site.put("/copied.png", "200 OK", &image(12, 3000));
    engine.settings().set("capture.clipboard", "automatic").await.expect("set");
    while !place.clipboard.watched() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    place.clipboard.copy_text(url.as_str());
    let mut events = engine.subscribe();
    let uploads = engine.uploads();
    let giving = uploads.submit_clipboard(quietly());
    let answering = async {
        let asked = question(&mut events).await;
        engine.sources().answer(asked.id, true).expect("answered");
    };
    let (batch, ()) = tokio::join!(giving, answering);
    let done = stage(&engine, batch.expect("a batch").uploads[0], Stage::Done).await;
    assert_eq!(done.name, "copied.png");
    assert_eq!(site.asked(), 1);
    for text in ["see https://x.example/a.png", "just words"] {
        place.clipboard.copy_text(text);
        let error = engine.uploads().submit_clipboard(quietly()).await.expect_err(text);
        assert_eq!(error.code, Code::ClipboardEmpty);
    }
    place.clipboard.copy(Clip::Nothing);
    engine.close().await;
}

#[tokio::test]
async fn a_question_that_nobody_answers_keeps_no_other_picture_from_being_fetched_and_is_asked_once() {
    let (place, remote, site) = (Place::new(), Remote::start().await, Site::start().await);
    let engine = place.with(&remote).await;
    let mut events = engine.subscribe();
    let urls: Vec<_> = (0..4).map(|at| site.put(&format!("/{at}.png"), "200 OK", &image(40 + at, 2000))).collect();
    let captures =
        urls.into_iter().enumerate().map(|(at, url)| by_address(url, if at < 3 { Near::Ask } else { Near::Allow })).collect();
    let giving = tokio::spawn({
        let engine = engine.clone();
        async move { engine.uploads().submit(captures, quietly()).await.expect("a batch") }
    });
    let asked = question(&mut events).await;
    while site.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(engine.snapshot().questions.len(), 1);
    engine.sources().answer(asked.id, true).expect("answered");
    let batch = giving.await.expect("no panic");
    let mut names = Vec::new();
    for id in &batch.uploads {
        names.push(stage(&engine, *id, Stage::Done).await.name);
    }
    assert_eq!(names, ["0.png", "1.png", "2.png", "3.png"]);
    while let Ok(event) = events.try_recv() {
        assert!(!matches!(event, Event::Question(_)), "the same was asked twice");
    }
    engine.close().await;
}

#[tokio::test]
async fn what_came_lies_on_the_disk_while_others_are_still_coming_and_what_is_before_them_goes_on() {
    let (place, remote, site) = (Place::new(), Remote::start().await, Site::start().await);
    let engine = place.with(&remote).await;
    let never = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_vec();
    let captures = vec![
        by_address(site.put("/first.png", "200 OK", &image(50, 2000)), Near::Allow),
        by_address(site.raw("/slow", never), Near::Allow),
        by_address(site.put("/third.png", "200 OK", &image(51, 2000)), Near::Allow),
        by_address(site.put("/fourth.png", "200 OK", &image(52, 2000)), Near::Allow),
    ];
    let giving = tokio::spawn({
        let engine = engine.clone();
        async move { engine.uploads().submit(captures, quietly()).await.expect("a batch") }
    });
    let done = |name: &'static str| {
        let engine = engine.clone();
        async move {
            loop {
                let rows = engine.uploads().history(HistoryQuery::default()).await.expect("the history");
                if rows.iter().any(|row| row.name == name && row.stage == Stage::Done) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), done("first.png")).await.expect("it waits for nobody");
    let held = || {
        let names = std::fs::read_dir(place.home.spool()).expect("a spool").flatten().map(|entry| entry.file_name());
        names.filter(|name| !name.to_string_lossy().ends_with(".part")).count()
    };
    // The first one's may lie there a while longer, for its small picture.
    let waited = async {
        while held() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waited).await.expect("they are kept in memory");
    let open = engine.snapshot().open;
    let slow = open.iter().find(|upload| upload.name.ends_with("/slow")).expect("it is shown");
    engine.uploads().cancel(slow.id).await.expect("stopped");
    let batch = giving.await.expect("no panic");
    assert_eq!((batch.uploads.len(), batch.refused[0].code), (3, Code::Cancelled));
    done("fourth.png").await;
    engine.close().await;
}

#[tokio::test]
async fn a_name_of_ones_own_network_that_only_a_proxy_knows_is_asked_about() {
    let (place, remote, proxy) = (Place::new(), Remote::start().await, Site::start().await);
    let engine = place.with(&remote).await;
    engine.settings().set("general.proxy", &proxy.address).await.expect("set");
    let mut events = engine.subscribe();
    let url: url::Url = "http://no-such-wiki-here/a.png".parse().expect("an address");
    let giving = tokio::spawn({
        let engine = engine.clone();
        async move { engine.uploads().submit(vec![by_address(url, Near::Ask)], quietly()).await.expect("a batch") }
    });
    let asked = question(&mut events).await;
    assert!(asked.text.contains("no-such-wiki-here") && asked.text.contains("proxy"), "{}", asked.text);
    engine.sources().answer(asked.id, false).expect("answered");
    assert_eq!(giving.await.expect("no panic").refused[0].code, Code::PrivateAddress);
    assert_eq!(proxy.asked(), 0);
    engine.close().await;
}

#[tokio::test]
async fn a_picture_that_was_fetched_and_cannot_be_taken_leaves_no_file_behind() {
    let (place, remote, site) = (Place::new(), Remote::start().await, Site::start().await);
    let engine = place.with(&remote).await;
    let team = engine.destinations().resolve("Team").expect("a destination");
    let names = Names { file: "{counter}-{stem}.{ext}".to_owned(), ..team.names.clone() };
    let draft = Draft { destination: Destination { names, ..team }, secret: None };
    engine.destinations().save(draft).await.expect("saved");
    let journal = rusqlite::Connection::open(place.home.journal_file()).expect("the journal");
    journal.busy_timeout(Duration::from_secs(30)).expect("set");
    journal.execute_batch("ALTER TABLE uploads RENAME TO away").expect("nobody can count");
    let given = vec![by_address(site.put("/a.png", "200 OK", &image(60, 3000)), Near::Allow)];
    engine.uploads().submit(given, quietly()).await.expect_err("there is no number for its name");
    assert_eq!(site.asked(), 1, "it was fetched");
    let left = std::fs::read_dir(place.home.spool()).expect("a spool").flatten().map(|entry| entry.file_name());
    assert_eq!(left.collect::<Vec<_>>(), Vec::<std::ffi::OsString>::new());
    journal.execute_batch("ALTER TABLE away RENAME TO uploads").expect("as it was");
    engine.close().await;
}
