//! Links that are true: what closing a place does to them, and what is done in buckets to the objects of uploads.

use std::sync::atomic::Ordering;
use std::time::Duration;

use imagepic_core::destination::{Destination, LinkPolicy, THIS_COMPUTER};
use imagepic_core::engine::{Deliver, Draft, Engine, HistoryQuery, LibraryQuery, Picked, Role, Submit};
use imagepic_core::error::Code;
use imagepic_core::event::{Event, JobPhase, Upload};

use super::support::*;

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("a time")
}

async fn upload(engine: &Engine, seed: u64) -> (Upload, String) {
    let batch =
        engine.uploads().submit(vec![bytes(image(seed, 4000), Some(&format!("{seed}.png")))], quietly()).await.expect("taken");
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    (settled.uploads[0].clone(), settled.text)
}

/// "Team", whose links are public.
async fn public_team(place: &Place, remote: &Remote) -> Engine {
    let engine = place.with(remote).await;
    let team = engine.destinations().resolve("Team").expect("a destination");
    let team = Destination { link: LinkPolicy::Public { base: None }, ..team };
    engine.destinations().save(Draft { destination: team, secret: None }).await.expect("saved");
    engine
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobodys_link_waits_for_a_reader_who_gets_no_answer() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let always = || Submit { deliver: Deliver::Always, ..quietly() };
    let copied = async |seed: u64| {
        let copied = async {
            while !place.clipboard.text().is_some_and(|text| text.contains(&format!("/{seed}-"))) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), copied).await.expect("its link is there");
    };
    // Where the second upload alone takes longer than a reader is patient, nothing can be seen: once more.
    for seed in [10, 20, 30, 40, 50] {
        let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", deaf.local_addr().expect("an address"));
        let team = engine.destinations().resolve("Team").expect("a destination");
        let team = Destination { link: LinkPolicy::Public { base: Some(base) }, ..team };
        engine.destinations().save(Draft { destination: team, secret: None }).await.expect("saved");
        let mut events = engine.subscribe();
        let mut asked_since = None;
        let mut first = 0;
        for seed in [seed, seed + 1] {
            let picture = vec![bytes(image(seed, 4000), Some(&format!("{seed}.png")))];
            let batch = engine.uploads().submit(picture, always()).await.expect("taken");
            copied(seed).await;
            if asked_since.is_none() {
                (first, asked_since) = (batch.id, Some(std::time::Instant::now()));
            }
        }
        if asked_since.is_some_and(|since| since.elapsed() > Duration::from_secs(2)) {
            continue;
        }
        while let Ok(event) = events.try_recv() {
            assert!(!matches!(event, Event::Settled(settled) if settled.batch == first), "the reader was waited for");
        }
        engine.close().await;
        return;
    }
    panic!("an upload takes longer than two seconds here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_back_while_a_reader_was_asked_is_not_told_as_done() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", slow.local_addr().expect("an address"));
    let team = engine.destinations().resolve("Team").expect("a destination");
    let team = Destination { link: LinkPolicy::Public { base: Some(base) }, ..team };
    engine.destinations().save(Draft { destination: team, secret: None }).await.expect("saved");
    let mut events = engine.subscribe();
    let picture = vec![bytes(image(1, 4000), Some("1.png"))];
    let batch = engine.uploads().submit(picture, quietly()).await.expect("taken");
    let (reader, _) = slow.accept().await.expect("a reader comes");
    engine.uploads().undo(batch.uploads[0]).await.expect("taken back");
    drop(reader);
    engine.uploads().told(batch.id).await.expect("told");
    while let Ok(event) = events.try_recv() {
        assert!(!matches!(event, Event::Settled(settled) if !settled.uploads.is_empty()), "it is gone");
    }
    engine.close().await;
}

async fn status(url: &str) -> u16 {
    get(url).await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_of_this_computer_open_also_once_its_bucket_is_private() {
    let place = Place::new();
    let engine = place.open(Role::Desktop).await;
    let (first, public) = upload(&engine, 1).await;
    assert_eq!((status(&public).await, first.expires_at), (200, None));

    let closing = engine.browse().closing(THIS_COMPUTER, "images", "").await.expect("told");
    assert_eq!(closing.uploads, 1);
    assert!(closing.text.contains("One upload") && closing.text.contains("7 days"), "{}", closing.text);
    engine.browse().set_access(THIS_COMPUTER, "images", "", false).await.expect("closed");
    assert_eq!(status(&public).await, 403);

    // What was handed out before is told to have ended, and can be had anew.
    let ended = engine.uploads().get(first.id).await.expect("it is there").expires_at.expect("an end");
    assert!(ended <= now());
    let anew = engine.uploads().link(first.id).await.expect("a link");
    assert_eq!((status(&anew.url).await, anew.expires.is_some()), (200, true));
    assert_eq!(status(&engine.browse().link(THIS_COMPUTER, "images", &first.key).await.expect("a link").url).await, 200);

    // What comes later is handed out with a link that opens.
    let (second, signed) = upload(&engine, 2).await;
    assert_eq!(status(&signed).await, 200, "{signed}");
    assert!(second.expires_at.expect("an end") > now() + 6 * 24 * 3600 * 1000);
    // Another process of this home sees it too.
    let console = place.open(Role::Console).await;
    assert_eq!(status(&upload(&console, 3).await.1).await, 200);
    console.close().await;

    // Opened again, the first links are good again.
    engine.browse().set_access(THIS_COMPUTER, "images", "", true).await.expect("opened");
    assert!(!engine.uploads().link(first.id).await.expect("a link").url.contains('?'));
    assert_eq!(status(&public).await, 200);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_links_that_nothing_else_keeps_open_are_counted_and_ended() {
    let place = Place::new();
    let engine = place.open(Role::Desktop).await;
    let (top, _) = upload(&engine, 1).await;
    engine.destinations().use_(THIS_COMPUTER, None, Some("open".to_owned())).await.expect("used");
    let (below, _) = upload(&engine, 2).await;
    let browse = engine.browse();
    browse.set_access(THIS_COMPUTER, "images", "open/", true).await.expect("opened");
    assert_eq!(browse.closing(THIS_COMPUTER, "images", "").await.expect("told").uploads, 1);
    let wider = browse.closing(THIS_COMPUTER, "images", "open/").await.expect_err("the whole bucket is open");
    assert_eq!(wider.code, Code::Unsupported);
    browse.set_access(THIS_COMPUTER, "images", "", false).await.expect("closed");
    assert!(engine.uploads().get(top.id).await.expect("it is there").expires_at.is_some());
    assert_eq!(engine.uploads().get(below.id).await.expect("it is there").expires_at, None);
    assert_eq!(status(&engine.uploads().link(below.id).await.expect("a link").url).await, 200);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_public_link_that_nobody_can_open_is_told_with_the_upload_and_until_it_opens() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = public_team(&place, &remote).await;
    let (one, link) = upload(&engine, 1).await;
    assert_eq!(status(&link).await, 403);
    assert!(one.closed, "{one:?}");
    assert!(engine.uploads().get(one.id).await.expect("it is there").closed);
    // Known to the next process before anybody asks.
    engine.close().await;
    let engine = place.open(Role::Desktop).await;
    assert!(engine.uploads().history(HistoryQuery::default()).await.expect("a history")[0].closed);

    engine.browse().set_access("Team", BUCKET, "docs/", true).await.expect("opened");
    assert!(!engine.uploads().get(one.id).await.expect("it is there").closed);
    let (two, link) = upload(&engine, 2).await;
    assert_eq!((status(&link).await, two.closed), (200, false));

    let closing = engine.browse().closing("Team", BUCKET, "docs/").await.expect("told");
    assert_eq!(closing.uploads, 2);
    assert!(closing.text.contains("do not open either"), "{}", closing.text);
    engine.browse().set_access("Team", BUCKET, "docs/", false).await.expect("closed");
    assert!(engine.uploads().get(two.id).await.expect("it is there").closed);
    // Signed links are no matter of who may read.
    let team = engine.destinations().resolve("Team").expect("a destination");
    let team = Destination { link: LinkPolicy::default(), ..team };
    engine.destinations().save(Draft { destination: team, secret: None }).await.expect("saved");
    assert!(!engine.uploads().get(two.id).await.expect("it is there").closed);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_known_to_be_open_costs_an_upload_no_further_request() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = public_team(&place, &remote).await;
    engine.browse().set_access("Team", BUCKET, "docs/", true).await.expect("opened");
    upload(&engine, 1).await;
    engine.close().await;
    let console = place.open(Role::Console).await;
    let before = remote.tries.load(Ordering::SeqCst);
    let (one, link) = upload(&console, 2).await;
    assert!(!one.closed);
    assert_eq!(remote.tries.load(Ordering::SeqCst) - before, 1, "one connection, for the put");
    assert_eq!(status(&link).await, 200);
    console.close().await;
}

async fn done(engine: &Engine, job: u64) {
    let job = engine.browse().finished(job).await.expect("over");
    assert_eq!(job.phase, JobPhase::Done, "{job:?}");
}

async fn opens(engine: &Engine, upload: &Upload, seed: u64) -> Upload {
    let now = engine.uploads().get(upload.id).await.expect("it is there");
    let link = engine.uploads().link(upload.id).await.expect("a link");
    assert!(link.url.contains(&now.key), "{} {}", link.url, now.key);
    let (status, _, body) = get(&link.url).await;
    assert_eq!((status, body == image(seed, 4000)), (200, true), "{}", link.url);
    now
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_renamed_and_moved_in_a_bucket_keeps_its_upload_and_its_link() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let browse = engine.browse();
    let (one, _) = upload(&engine, 1).await;
    let (two, _) = upload(&engine, 2).await;
    let object = |key: &str| Picked { key: key.to_owned(), folder: false };

    done(&engine, browse.rename("Team", BUCKET, object(&one.key), "better.png").expect("begun").id).await;
    let now = opens(&engine, &one, 1).await;
    assert_eq!((now.key.as_str(), now.name.as_str()), ("docs/better.png", "better.png"));
    assert!(now.expires_at.is_some());

    let both = vec![object("docs/better.png"), object(&two.key)];
    done(&engine, browse.move_to("Team", BUCKET, both, "other/deep").expect("begun").id).await;
    let now = opens(&engine, &two, 2).await;
    assert_eq!((now.name.as_str(), now.place.folder.as_str()), ("2.png", "other/deep"), "{now:?}");
    opens(&engine, &one, 1).await;

    let folder = Picked { key: "other/".to_owned(), folder: true };
    done(&engine, browse.rename("Team", BUCKET, folder, "kept").expect("begun").id).await;
    let now = opens(&engine, &two, 2).await;
    assert!(now.key.starts_with("kept/deep/"), "{}", now.key);
    assert_eq!(now.place.folder, "kept/deep");
    // It is still this home's: the library may delete it.
    engine.library().delete(&[one.id]).await.expect("deleted");
    engine.library().leave_now();
    gone(&engine, one.id).await;
    assert_eq!(browse.folders("Team", BUCKET, "kept/deep/").await.expect("a listing").objects.len(), 1);
    engine.close().await;
}

async fn gone(engine: &Engine, id: i64) {
    let gone = async {
        while engine.uploads().get(id).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("its row goes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_removed_from_a_bucket_leaves_the_uploads_once_it_cannot_be_taken_back() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let browse = engine.browse();
    let mut uploads = Vec::new();
    for seed in 1..=4 {
        uploads.push(upload(&engine, seed).await.0);
    }
    let all = || async { engine.library().find(LibraryQuery::default()).await.expect("found").all };
    let object = |upload: &Upload| Picked { key: upload.key.clone(), folder: false };
    // Taken back: it is as it was.
    let later = browse.remove_later("Team", BUCKET, vec![object(&uploads[0])]).expect("begun");
    assert_eq!(all().await, 4);
    browse.stop(later.id).expect("stopped");
    browse.finished(later.id).await.expect("over");
    opens(&engine, &uploads[0], 1).await;

    done(&engine, browse.remove_now("Team", BUCKET, vec![object(&uploads[0])]).expect("begun").id).await;
    assert_eq!(all().await, 3);
    assert_eq!(engine.uploads().link(uploads[0].id).await.expect_err("it is gone").code, Code::NoSuchUpload);
    // One by name, as the console does, and the rest with its folder.
    browse.remove("Team", BUCKET, &uploads[1].key).await.expect("removed");
    assert_eq!(all().await, 2);
    let folder = Picked { key: "docs/".to_owned(), folder: true };
    done(&engine, browse.remove_now("Team", BUCKET, vec![folder]).expect("begun").id).await;
    assert_eq!(all().await, 0);
    assert!(engine.snapshot().recent.is_empty());
    engine.close().await;
}
