//! "Ask for the name before uploading": taken in at once, sent when a person has named it, and never before.

use std::path::Path;
use std::time::Duration;

use imagepic_clipboard::Content as Clip;
use imagepic_core::engine::{Batch, Deliver, Engine, Role, Submit};
use imagepic_core::error::{Code, Waiting};
use imagepic_core::event::{Event, Stage, State, Upload};
use imagepic_words::Lang;

use crate::crash::start;
use crate::support::*;

fn by_hand() -> Submit {
    Submit { deliver: Deliver::ByHand, by_hand: true, ..Submit::default() }
}

async fn asking(place: &Place, remote: &Remote) -> Engine {
    let engine = place.with(remote).await;
    engine.settings().set("names.ask", "true").await.expect("set");
    engine
}

async fn give(engine: &Engine, captures: Vec<imagepic_core::capture::Capture>) -> Batch {
    engine.uploads().submit(captures, by_hand()).await.expect("taken")
}

async fn asked(engine: &Engine, id: i64) -> Upload {
    until(engine, id, |upload| upload.waiting == Some(Waiting::Name)).await
}

fn spooled(place: &Place) -> usize {
    std::fs::read_dir(place.home.spool()).expect("a spool").count()
}

/// Lets one upload that nobody is asked about go its whole way: whatever else could go by itself has had the time to.
async fn another_goes(engine: &Engine, seed: u64) {
    let batch = engine.uploads().submit(vec![bytes(image(seed, 900), Some("other.png"))], quietly()).await.expect("taken");
    stage(engine, batch.uploads[0], Stage::Done).await;
}

#[tokio::test]
async fn what_is_given_by_hand_waits_for_its_name_on_the_disk_and_goes_under_the_one_it_is_given() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = asking(&place, &remote).await;
    let picture = image(1, 5000);
    let file = place.file("IMG_1.png", &picture);
    let batch = give(&engine, vec![path(&file)]).await;
    let id = batch.uploads[0];
    // Taken: the file may go.
    std::fs::remove_file(&file).expect("ours");
    let waits = asked(&engine, id).await;
    assert_eq!((waits.stage, waits.code), (Stage::Waiting, Some(Code::NameWanted)));
    let proposed = waits.key.strip_prefix("docs/").expect("its folder").to_owned();
    assert!(proposed.starts_with("IMG_1-") && waits.message.expect("a reason").contains(&proposed));
    assert_eq!(spooled(&place), 1);
    let now = engine.snapshot();
    assert_eq!((now.state, now.line.as_str()), (State::Waiting, "1 waiting for its name"));
    assert_eq!(engine.uploads().settled(batch.id).await.expect("told").text, "", "nobody is kept waiting for a link");

    // Neither another upload nor a mended destination, a new setting or a look at everything lets it go.
    another_goes(&engine, 2).await;
    engine.settings().set("names.ask", "false").await.expect("set");
    engine
        .destinations()
        .save(imagepic_core::engine::Draft { destination: remote_of(&engine), secret: None })
        .await
        .expect("saved");
    another_goes(&engine, 3).await;
    assert_eq!(asked(&engine, id).await.stage, Stage::Waiting);
    assert_eq!(remote.keys().await.len(), 2, "it went by itself");

    engine.uploads().name(id, Some("登录页")).await.expect("named");
    let done = stage(&engine, id, Stage::Done).await;
    assert_eq!((done.key.as_str(), done.name.as_str(), done.code), ("docs/登录页.png", "登录页.png", None));
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    assert!(settled.copied);
    assert_eq!(place.clipboard.text().as_deref(), Some(settled.text.as_str()));
    let (status, _, body) = get(&settled.text).await;
    assert_eq!((status, body), (200, picture));
    engine.close().await;
}

fn remote_of(engine: &Engine) -> imagepic_core::destination::Destination {
    engine.destinations().list().into_iter().find(|destination| destination.name == "Team").expect("it was added")
}

#[tokio::test]
async fn what_goes_by_itself_or_for_a_program_is_not_asked_about() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = asking(&place, &remote).await;
    let mut events = engine.subscribe();
    another_goes(&engine, 1).await;
    engine.settings().set("capture.clipboard", "automatic").await.expect("set");
    while !place.clipboard.watched() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    place.clipboard.copy(Clip::Image { bytes: image(2, 700).into(), mime: "image/png".to_owned() });
    let copied = async {
        loop {
            if let Ok(Event::Settled(settled)) = events.recv().await
                && settled.copied
            {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), copied).await.expect("in time");
    engine.settings().set("capture.clipboard", "ask").await.expect("set");
    // An offer is taken by hand.
    let offer = async {
        // What is copied while the watch changes hands is nobody's, and what is copied again replaces the offer before.
        loop {
            place.clipboard.copy(Clip::Image { bytes: image(3, 700).into(), mime: "image/png".to_owned() });
            for _ in 0..100 {
                if let Some(offer) = engine.snapshot().offer
                    && engine.uploads().answer_offer(offer.id, true).await.is_ok()
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), offer).await.expect("offered and answered");
    let open = engine.snapshot().open;
    assert_eq!(open.iter().map(|upload| upload.waiting).collect::<Vec<_>>(), [Some(Waiting::Name)]);
    engine.close().await;
}

#[tokio::test]
async fn a_name_that_cannot_be_one_is_refused_at_its_field_and_the_upload_goes_on_waiting() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = asking(&place, &remote).await;
    let id = give(&engine, vec![bytes(image(1, 500), Some("a.png"))]).await.uploads[0];
    let proposed = asked(&engine, id).await.key;
    for (bad, word, zh) in [
        ("", "A name is needed", "需要一个名称"),
        (" . ", "A name is needed", "需要一个名称"),
        (".png", "A name is needed", "需要一个名称"),
        ("../x.png", "no slash", "斜杠"),
        ("a/b.png", "no slash", "斜杠"),
        ("a\\b", "no slash", "斜杠"),
        (&"x".repeat(1100), "1024 bytes", "1024 字节"),
    ] {
        let error = engine.uploads().name(id, Some(bad)).await.expect_err(bad);
        assert_eq!((error.code, error.field), (Code::BadRequest, Some("name")), "{bad:?}");
        assert!(error.message(Lang::En).contains(word) && error.message(Lang::ZhCn).contains(zh), "{error}");
    }
    assert_eq!(asked(&engine, id).await.key, proposed);
    assert!(remote.keys().await.is_empty());
    // As it is called, then.
    engine.uploads().name(id, None).await.expect("named");
    assert_eq!(stage(&engine, id, Stage::Done).await.key, proposed);
    assert_eq!(remote.keys().await, [proposed]);
    let unknown = engine.uploads().name(4711, None).await.expect_err("no such");
    assert_eq!(unknown.code, Code::NoSuchUpload);
    engine.close().await;
}

#[tokio::test]
async fn a_name_that_others_have_gets_a_number_and_overwrites_nothing() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = asking(&place, &remote).await;
    for seed in [1, 2] {
        let id = give(&engine, vec![bytes(image(seed, 500), Some("a.png"))]).await.uploads[0];
        asked(&engine, id).await;
        engine.uploads().name(id, Some("shot.png")).await.expect("named");
        stage(&engine, id, Stage::Done).await;
    }
    let mut keys = remote.keys().await;
    keys.sort();
    assert_eq!(keys, ["docs/shot-2.png", "docs/shot.png"]);
    assert_eq!(remote.copies().await.len(), 2);
    engine.close().await;
}

#[tokio::test]
async fn bytes_that_are_there_already_give_their_link_and_nobody_is_asked() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = asking(&place, &remote).await;
    let picture = || bytes(image(1, 500), Some("a.png"));
    // Twice in one batch: with the first the second has its link.
    let batch = give(&engine, vec![picture(), picture()]).await;
    asked(&engine, batch.uploads[1]).await;
    engine.uploads().name(batch.uploads[0], Some("first")).await.expect("named");
    let second = stage(&engine, batch.uploads[1], Stage::Done).await;
    assert_eq!((second.key.as_str(), second.reused), ("docs/first.png", true));
    // Once more.
    let again = give(&engine, vec![picture()]).await.uploads[0];
    let done = stage(&engine, again, Stage::Done).await;
    assert_eq!((done.key.as_str(), done.reused), ("docs/first.png", true));
    // Where it cannot be found out, a person is asked, and what is wrong with the store is heard afterwards.
    remote.set(Line::Dead);
    let offline = give(&engine, vec![picture()]).await.uploads[0];
    asked(&engine, offline).await;
    engine.uploads().name(offline, Some("second")).await.expect("named");
    until(&engine, offline, |upload| upload.waiting == Some(Waiting::Network)).await;
    remote.set(Line::Open);
    assert_eq!(stage(&engine, offline, Stage::Done).await.key, "docs/first.png");
    // What is no longer there is a question again.
    imagepic_core::store::Store::remove(&remote.store(), BUCKET, "docs/first.png").await.expect("removed");
    let gone = give(&engine, vec![picture()]).await.uploads[0];
    asked(&engine, gone).await;
    assert!(remote.keys().await.is_empty());
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_waits_for_its_name_it_waits_afterwards_and_has_lost_nothing() {
    let (place, remote) = (Place::new(), Remote::start().await);
    asking(&place, &remote).await.close().await;
    let pictures = [image(1, 400_000), image(2, 900)];
    let files: Vec<_> = pictures.iter().enumerate().map(|(n, bytes)| place.file(&format!("{n}.png"), bytes)).collect();
    tokio::task::block_in_place(|| killed_after_taking(&place, &files));
    for file in &files {
        std::fs::remove_file(file).expect("ours");
    }
    let engine = place.open(Role::Desktop).await;
    let ids: Vec<i64> = engine.snapshot().open.iter().map(|upload| upload.id).collect();
    assert_eq!(ids.len(), 2);
    another_goes(&engine, 9).await;
    for id in &ids {
        let waits = asked(&engine, *id).await;
        assert_eq!((waits.stage, waits.code), (Stage::Waiting, Some(Code::NameWanted)));
    }
    for (id, name) in ids.iter().zip(["one", "two"]) {
        engine.uploads().name(*id, Some(name)).await.expect("named");
    }
    for (id, picture) in ids.iter().zip(&pictures) {
        stage(&engine, *id, Stage::Done).await;
        let link = engine.uploads().link(*id).await.expect("a link").url;
        assert_eq!(get(&link).await.2, *picture);
    }
    engine.close().await;
}

fn killed_after_taking(place: &Place, files: &[std::path::PathBuf]) {
    use std::io::{BufRead as _, Write as _};
    let (mut child, mut lines) = start(place);
    let mut input = child.stdin.take().expect("piped");
    let names: Vec<_> = files.iter().map(|path: &std::path::PathBuf| Path::display(path).to_string()).collect();
    writeln!(input, "{}", names.join("\t")).expect("it reads");
    let mut line = String::new();
    while !line.contains("\"taken\"") {
        line.clear();
        assert!(lines.read_line(&mut line).expect("a line") > 0, "the headless engine ended");
    }
    child.kill().expect("it runs");
    child.wait().expect("it ended");
}

#[tokio::test]
async fn links_come_in_the_order_of_the_files_whatever_order_they_are_named_in() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = asking(&place, &remote).await;
    let captures = (0..3).map(|n| bytes(image(n, 600), Some(&format!("{n}.png")))).collect();
    let batch = give(&engine, captures).await;
    for (at, name) in [(2, "c"), (0, "a"), (1, "b")] {
        let id = batch.uploads[at];
        asked(&engine, id).await;
        engine.uploads().name(id, Some(name)).await.expect("named");
        stage(&engine, id, Stage::Done).await;
        engine.uploads().settled(batch.id).await.expect("told");
    }
    let text = place.clipboard.text().expect("links");
    let names: Vec<_> =
        text.lines().map(|link| link.split('?').next().and_then(|path| path.rsplit('/').next()).expect("a name")).collect();
    assert_eq!(names, ["a.png", "b.png", "c.png"]);
    engine.close().await;
}

#[tokio::test]
async fn one_that_is_cancelled_is_not_sent_and_can_still_be_wanted_after_all() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = asking(&place, &remote).await;
    let id = give(&engine, vec![bytes(image(1, 500), Some("a.png"))]).await.uploads[0];
    let proposed = asked(&engine, id).await.key;
    engine.uploads().cancel(id).await.expect("cancelled");
    assert_eq!(engine.uploads().get(id).await.expect("kept").stage, Stage::Cancelled);
    let over = engine.uploads().name(id, Some("late")).await.expect_err("it was cancelled");
    assert!(over.code == Code::BadRequest && over.message(Lang::En).contains("a.png"), "{over}");
    assert!(remote.keys().await.is_empty());
    assert_eq!(engine.snapshot().state, State::Idle);
    engine.uploads().retry(id).await.expect("wanted after all");
    assert_eq!(stage(&engine, id, Stage::Done).await.key, proposed);
    engine.close().await;
}

#[tokio::test]
async fn a_retry_from_the_console_lets_it_go_as_it_is_called_and_the_tray_app_sees_it() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = asking(&place, &remote).await;
    let id = give(&engine, vec![bytes(image(1, 500), Some("a.png"))]).await.uploads[0];
    let proposed = asked(&engine, id).await.key;
    let console = place.open(Role::Console).await;
    let told = console.uploads().get(id).await.expect("in the history");
    assert_eq!((told.stage, told.waiting), (Stage::Waiting, Some(Waiting::Name)));
    console.uploads().retry(id).await.expect("tried");
    assert_eq!(stage(&console, id, Stage::Done).await.key, proposed);
    stage(&engine, id, Stage::Done).await;
    assert!(engine.snapshot().open.is_empty());
    let other = give(&engine, vec![bytes(image(2, 500), Some("b.png"))]).await;
    asked(&engine, other.uploads[0]).await;
    engine.close().await;
    // With nobody there to hold it, the clipboard keeps what a person has copied.
    place.clipboard.copy(Clip::Text);
    console.uploads().retry(other.uploads[0]).await.expect("tried");
    stage(&console, other.uploads[0], Stage::Done).await;
    assert!(!console.uploads().settled(other.id).await.expect("settled").copied);
    assert_eq!(place.clipboard.text(), None);
    console.close().await;
}
