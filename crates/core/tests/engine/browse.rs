//! Browsing a real bucket: what menus know without asking, and what is renamed, moved, deleted and opened.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use imagepic_core::destination::{Destination, Names};
use imagepic_core::engine::{Draft, Engine, Known, Picked, Role};
use imagepic_core::error::Code;
use imagepic_core::event::{Event, JobPhase, Stage, Upload};
use imagepic_core::link::Format;
use imagepic_core::store::{Body, Put, Store as _};
use sha2::{Digest as _, Sha256};

use super::support::*;

async fn put(remote: &Remote, key: &str) {
    let bytes = bytes::Bytes::from(image(key.len() as u64, 200));
    let put = Put {
        bucket: BUCKET.to_owned(),
        key: key.to_owned(),
        size: bytes.len() as u64,
        sha256: Sha256::digest(&bytes).into(),
        body: Body::Bytes(bytes),
        content_type: "image/png".to_owned(),
        content_disposition: None,
        if_absent: false,
        id: None,
    };
    remote.store().put(put, Arc::new(|_| {})).await.unwrap_or_else(|error| panic!("{key:?}: {error}"));
}

/// Waits until what a menu knows of "Team" is as wanted.
async fn known(engine: &Engine, wanted: impl Fn(&Known) -> bool) -> Known {
    let waiting = async {
        loop {
            let known = engine.browse().known("Team");
            if wanted(&known) {
                return known;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("in time")
}

fn at(prefix: &str) -> (String, String) {
    (BUCKET.to_owned(), prefix.to_owned())
}

fn object(key: &str) -> Picked {
    Picked { key: key.to_owned(), folder: false }
}

fn folder(key: &str) -> Picked {
    Picked { key: key.to_owned(), folder: true }
}

async fn keys(remote: &Remote, prefix: &str) -> Vec<String> {
    let page = remote.store().list(BUCKET, prefix, None, 1000).await.expect("a listing");
    page.objects.into_iter().map(|object| object.key).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_menu_knows_buckets_and_folders_and_asks_nobody_when_it_is_opened() {
    let (place, remote) = (Place::new(), Remote::start().await);
    for key in ["docs/a.png", "docs/img/b.png", "other/c.png"] {
        put(&remote, key).await;
    }
    let engine = place.with(&remote).await;
    let seen = known(&engine, |known| known.folders.contains_key(&at("docs/img/")) && known.buckets.is_some()).await;
    assert_eq!(seen.folders[&at("")].folders, ["docs/", "other/"]);
    assert_eq!(seen.folders[&at("docs/")].newest[0].key, "docs/a.png");
    // Whatever is still on its way comes to its end first.
    let mut before = remote.tries.load(Ordering::SeqCst) + remote.received.load(Ordering::SeqCst);
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let now = remote.tries.load(Ordering::SeqCst) + remote.received.load(Ordering::SeqCst);
        if now == before {
            break;
        }
        before = now;
    }
    for line in [Line::Open, Line::Stuck, Line::Dead] {
        remote.set(line);
        let begun = Instant::now();
        for _ in 0..200 {
            assert_eq!(engine.browse().known("Team").folders.len(), seen.folders.len());
        }
        assert!(begun.elapsed() < Duration::from_millis(500), "{line:?}: {:?}", begun.elapsed());
    }
    let after = remote.tries.load(Ordering::SeqCst) + remote.received.load(Ordering::SeqCst);
    assert_eq!(after, before, "opening a menu moved bytes");
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_answer_is_told_and_what_was_known_stays() {
    let (place, remote) = (Place::new(), Remote::start().await);
    put(&remote, "docs/a.png").await;
    let engine = place.with(&remote).await;
    let before = known(&engine, |known| known.folders.contains_key(&at("docs/"))).await;
    assert!(before.trouble.is_none() && before.as_of.is_some());
    remote.set(Line::Dead);
    engine.browse().make_bucket("Team", "another").await.expect_err("nobody answers");
    // Something that makes it look again: a removal that cannot reach the store.
    let job = engine.browse().remove_now("Team", BUCKET, vec![object("docs/a.png")]).expect("begun");
    assert_eq!(engine.browse().finished(job.id).await.expect("over").phase, JobPhase::Failed);
    let after = known(&engine, |known| known.trouble.is_some()).await;
    assert_eq!(after.folders[&at("docs/")].newest.len(), 1, "what was known is still there");
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_menu_gets_to_know_a_place_somebody_looks_into_and_what_lies_below_it() {
    let (place, remote) = (Place::new(), Remote::start().await);
    put(&remote, "one/two/three/four/five/six.png").await;
    put(&remote, "else/where/deep/down/a.png").await;
    let engine = place.with(&remote).await;
    let first = known(&engine, |known| known.folders.contains_key(&at("one/"))).await;
    assert!(!first.folders.contains_key(&at("one/two/")), "nobody has asked for it");
    engine.browse().look_into("Team", BUCKET, "one/two/three/").await.expect("looked into");
    let now = engine.browse().known("Team");
    assert_eq!(now.folders[&at("one/two/three/")].folders, ["one/two/three/four/"]);
    assert!(now.asked.is_empty());
    assert_eq!(engine.browse().looked()[0].prefix, "one/two/three/");
    let later = known(&engine, |known| known.folders.contains_key(&at("one/two/three/four/"))).await;
    assert!(!later.folders.contains_key(&at("one/two/three/four/five/")), "one level, not all of them");
    // Walking through the library leads the menu as well.
    engine.browse().turned_to("Team", BUCKET, "else/where/");
    known(&engine, |known| known.folders.contains_key(&at("else/where/deep/"))).await;
    let looked: Vec<_> = engine.browse().looked().into_iter().map(|spot| spot.prefix).collect();
    assert_eq!(looked, ["else/where/", "one/two/three/"]);
    // A place that cannot be looked into is told as such, and nobody is led there.
    remote.set(Line::Dead);
    engine.browse().look_into("Team", BUCKET, "one/nowhere/").await.expect_err("nobody answers");
    assert!(engine.browse().known("Team").asked.is_empty());
    assert_eq!(engine.browse().looked().len(), 2);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_just_uploaded_is_among_the_newest_without_asking_the_store() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    known(&engine, |known| known.folders.contains_key(&at("docs/"))).await;
    let batch = engine.uploads().submit(vec![bytes_of(1)], quietly()).await.expect("taken");
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    let key = settled.uploads[0].key.clone();
    let known = known(&engine, |known| known.folders[&at("docs/")].newest.iter().any(|newest| newest.key == key)).await;
    assert!(known.folders[&at("")].folders.contains(&"docs/".to_owned()), "{known:?}");
    let text = engine.browse().copy_link("Team", BUCKET, &key).await.expect("copied");
    assert_eq!(place.clipboard.text().as_deref(), Some(text.as_str()));
    assert_eq!(get(&text).await.0, 200);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_of_an_own_upload_has_its_size_wherever_it_is_copied_and_that_of_a_strangers_object_has_none() {
    let (place, remote) = (Place::new(), Remote::start().await);
    put(&remote, "docs/strange.png").await;
    let engine = place.with(&remote).await;
    // 16 × 9 pixels of a screen on which two by two make one.
    let capture = bytes(image(3, 3000), Some("shot@2x.png"));
    let batch = engine.uploads().submit(vec![capture], quietly()).await.expect("taken");
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    let key = settled.uploads[0].key.clone();
    let browse = engine.browse();
    let keys = [key.clone(), "docs/strange.png".to_owned()];
    let text = browse.link_text("Team", BUCKET, &keys, Some(Format::Html)).await.expect("links");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].contains(r#"width="8""#) && lines[0].contains(r#"alt="shot""#), "{text}");
    assert!(lines[1].contains("/docs/strange.png") && !lines[1].contains("width"), "{text}");
    // Another upload under the same key in another bucket is not this one.
    let text = browse.link_text("Team", "other", &keys[..1], Some(Format::Html)).await.expect("a link");
    assert!(!text.contains("width"), "{text}");
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_drawing_is_its_own_small_picture_and_one_that_could_do_something_has_none() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let good = br#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle r="3"/></svg>"#.to_vec();
    let bad = br#"<svg xmlns="http://www.w3.org/2000/svg"><script>fetch("https://evil.example")</script></svg>"#.to_vec();
    for (svg, name, shown) in [(good, "logo.svg", true), (bad, "evil.svg", false)] {
        let batch = engine.uploads().submit(vec![bytes(svg.clone(), Some(name))], quietly()).await.expect("taken");
        let settled = engine.uploads().settled(batch.id).await.expect("settled");
        let (id, key) = (batch.uploads[0], &settled.uploads[0].key);
        // Twice: as it is made, and as it was kept.
        for _ in 0..2 {
            let own = engine.uploads().thumbnail(id).await.ok();
            let there = engine.browse().picture("Team", BUCKET, key, "1").await.ok();
            let wanted = shown.then(|| (svg.clone(), "image/svg+xml"));
            assert_eq!((&own, &there), (&wanted, &wanted), "{name}");
        }
    }
    engine.close().await;
}

fn bytes_of(seed: u64) -> imagepic_core::capture::Capture {
    bytes(image(seed, 3000), Some("shot.png"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_can_be_taken_back_and_then_nothing_has_happened() {
    let (place, remote) = (Place::new(), Remote::start().await);
    for number in 0..7 {
        put(&remote, &format!("docs/old/{number}.png")).await;
    }
    let engine = place.with(&remote).await;
    let browse = engine.browse();
    let job = browse.remove_later("Team", BUCKET, vec![folder("docs/old/")]).expect("begun");
    assert_eq!((job.phase, job.until.is_some()), (JobPhase::Waiting, true));
    assert!(browse.look("Team", BUCKET, "docs/", None, 100).await.expect("seen").folders.is_empty(), "it looks deleted");
    browse.stop(job.id).expect("taken back");
    let over = browse.finished(job.id).await.expect("over");
    assert_eq!((over.phase, over.done), (JobPhase::Stopped, 0));
    assert_eq!(browse.look("Team", BUCKET, "docs/", None, 100).await.expect("seen").folders, ["docs/old/"]);
    assert_eq!(keys(&remote, "docs/old/").await.len(), 7);
    assert!(browse.stop(job.id).is_err(), "over is over");

    let sum = browse.sum("Team", BUCKET, "docs/").await.expect("counted");
    assert_eq!((sum.objects, sum.whole), (7, true));
    let job = browse.remove_now("Team", BUCKET, vec![folder("docs/old/")]).expect("begun");
    let over = browse.finished(job.id).await.expect("over");
    assert_eq!((over.phase, over.done, over.failed), (JobPhase::Done, 7, 0), "{over:?}");
    assert!(keys(&remote, "docs/old/").await.is_empty());
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_took_back_is_removed_when_imagepic_ends_in_order() {
    let (place, remote) = (Place::new(), Remote::start().await);
    for key in ["docs/old/1.png", "docs/old/2.png", "docs/kept.png", "docs/alone.png"] {
        put(&remote, key).await;
    }
    let engine = place.with(&remote).await;
    let browse = engine.browse();
    browse.remove_later("Team", BUCKET, vec![folder("docs/old/")]).expect("begun");
    browse.remove_later("Team", BUCKET, vec![object("docs/alone.png")]).expect("begun");
    let back = browse.remove_later("Team", BUCKET, vec![object("docs/kept.png")]).expect("begun");
    browse.stop(back.id).expect("taken back");
    let mut events = engine.subscribe();
    let begun = Instant::now();
    engine.close().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(keys(&remote, "docs/").await, ["docs/kept.png"]);
    assert_eq!(notices(&mut events), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_the_end_cuts_short_is_told_and_keeps_nobody_from_ending() {
    let (place, remote) = (Place::new(), Remote::start().await);
    put(&remote, "docs/a.png").await;
    let engine = place.with(&remote).await;
    known(&engine, |known| known.folders.contains_key(&at("docs/"))).await;
    remote.set(Line::Stuck);
    engine.browse().remove_later("Team", BUCKET, vec![object("docs/a.png")]).expect("begun");
    let mut events = engine.subscribe();
    let begun = Instant::now();
    engine.close().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let told = notices(&mut events);
    assert!(told.iter().any(|text| text.contains("a.png is not deleted from")), "{told:?}");
    remote.set(Line::Open);
    assert_eq!(keys(&remote, "docs/").await, ["docs/a.png"]);
}

async fn uploaded(engine: &Engine, seed: u64, name: &str) -> Upload {
    let batch = engine.uploads().submit(vec![bytes(image(seed, 300), Some(name))], quietly()).await.expect("taken");
    stage(engine, batch.uploads[0], Stage::Done).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_takes_a_name_which_was_freed_a_moment_ago_stays_in_the_list() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let team = engine.destinations().resolve("Team").expect("a destination");
    let names = Names { file: "{stem}.{ext}".to_owned(), ..team.names.clone() };
    let draft = Draft { destination: Destination { names, ..team }, secret: None };
    engine.destinations().save(draft).await.expect("saved");
    let old = uploaded(&engine, 1, "a.png").await;
    // The store has removed it, and its answer takes a while.
    remote.set(Line::Mute);
    let job = engine.browse().remove_now("Team", BUCKET, vec![object(&old.key)]).expect("begun");
    let freed = async {
        while !keys(&remote, "docs/").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), freed).await.expect("it is removed");
    let new = uploaded(&engine, 2, "a.png").await;
    assert_eq!(new.key, old.key);
    remote.set(Line::Open);
    assert_eq!(engine.browse().finished(job.id).await.expect("over").phase, JobPhase::Done);
    assert_eq!(engine.uploads().get(old.id).await.expect_err("its object is gone").code, Code::NoSuchUpload);
    engine.uploads().get(new.id).await.expect("its object lies there");
    assert_eq!(keys(&remote, "docs/").await, [new.key]);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_whose_objects_are_gone_leave_the_list_though_imagepic_ends_meanwhile() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let mut uploads = Vec::new();
    for seed in 1..=3 {
        uploads.push(uploaded(&engine, seed, "a.png").await);
    }
    // Somebody keeps the journal busy for longer than the end waits for what is removed.
    let journal = rusqlite::Connection::open(place.home.journal_file()).expect("the journal");
    journal.busy_timeout(Duration::from_secs(30)).expect("set");
    journal.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let browse = engine.browse();
    let picked = uploads.iter().map(|upload| object(&upload.key)).collect();
    let job = browse.remove_now("Team", BUCKET, picked).expect("begun");
    let closing = tokio::spawn(engine.close());
    assert_eq!(browse.finished(job.id).await.expect("over").phase, JobPhase::Stopped);
    assert!(keys(&remote, "docs/").await.is_empty());
    journal.execute_batch("ROLLBACK").expect("free again");
    closing.await.expect("no panic");
    let engine = place.open(Role::Desktop).await;
    for upload in uploads {
        assert_eq!(engine.uploads().get(upload.id).await.expect_err("its object is gone").code, Code::NoSuchUpload);
    }
    engine.close().await;
}

/// What was told since.
fn notices(events: &mut tokio::sync::broadcast::Receiver<Event>) -> Vec<String> {
    std::iter::from_fn(|| events.try_recv().ok())
        .filter_map(|event| if let Event::Notice { message, .. } = event { Some(message) } else { None })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_moves_with_everything_below_it_and_overwrites_nothing() {
    let (place, remote) = (Place::new(), Remote::start().await);
    for key in ["a/1.png", "a/2.png", "a/deep/3.png", "b/a/2.png"] {
        put(&remote, key).await;
    }
    let engine = place.with(&remote).await;
    let browse = engine.browse();
    let into_itself = browse.move_to("Team", BUCKET, vec![folder("a/")], "a/deep").expect_err("that has no end");
    assert_eq!((into_itself.code, into_itself.field), (Code::BadRequest, Some("folder")));
    let job = browse.move_to("Team", BUCKET, vec![folder("a/")], "b").expect("begun");
    let over = browse.finished(job.id).await.expect("over");
    assert_eq!((over.phase, over.done, over.failed), (JobPhase::Failed, 2, 1), "{over:?}");
    assert!(over.message.as_deref().is_some_and(|message| message.contains("b/a/2.png")), "{over:?}");
    assert_eq!(keys(&remote, "a/").await, ["a/2.png"], "the one whose name was taken stayed");
    assert_eq!(keys(&remote, "b/a/").await, ["b/a/1.png", "b/a/2.png"]);
    assert_eq!(keys(&remote, "b/a/deep/").await, ["b/a/deep/3.png"]);

    let job = browse.rename("Team", BUCKET, object("b/a/1.png"), "first.png").expect("begun");
    assert_eq!(browse.finished(job.id).await.expect("over").phase, JobPhase::Done);
    assert_eq!(keys(&remote, "b/a/").await, ["b/a/2.png", "b/a/first.png"]);
    for bad in ["", "..", "x/../y", "a\nb"] {
        assert!(browse.rename("Team", BUCKET, object("b/a/2.png"), bad).is_err(), "{bad:?}");
    }
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_of_any_name_can_be_seen_copied_renamed_and_deleted() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let long = "w".repeat(1024);
    let names = [
        "../x.png",
        "<script>alert(1)</script>.png",
        "a//b.png",
        "line\nbreak.png",
        "\u{202e}gnp.exe",
        " ",
        "..",
        "%2e%2e/y",
        &long,
    ];
    for name in names {
        put(&remote, name).await;
    }
    let engine = place.with(&remote).await;
    let browse = engine.browse();
    let mut seen = Vec::new();
    let mut places = vec![String::new()];
    while let Some(prefix) = places.pop() {
        let listing = browse.look("Team", BUCKET, &prefix, None, 100).await.expect("seen");
        seen.extend(listing.objects.into_iter().map(|object| object.key));
        places.extend(listing.folders);
    }
    seen.sort();
    let mut wanted: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    wanted.sort();
    assert_eq!(seen, wanted);
    for (number, name) in names.iter().enumerate() {
        assert_eq!(browse.details("Team", BUCKET, name).await.unwrap_or_else(|error| panic!("{name:?}: {error}")).key, *name);
        let link = browse.link("Team", BUCKET, name).await.expect("a link");
        // A reader's own address rules eat such a part before anything is asked.
        if name.split('/').all(|part| part != "..") {
            assert_eq!(get(&link.url).await.0, 200, "{name:?}: {}", link.url);
        }
        let job = browse.rename("Team", BUCKET, object(name), &format!("plain-{number}.png")).expect("begun");
        let over = browse.finished(job.id).await.expect("over");
        assert_eq!(over.phase, JobPhase::Done, "{name:?}: {over:?}");
    }
    let all: Vec<Picked> = ["", "../", "<script>alert(1)</", "a//", "%2e%2e/"]
        .iter()
        .flat_map(|prefix| (0..names.len()).map(move |number| object(&format!("{prefix}plain-{number}.png"))))
        .collect();
    let job = browse.remove_now("Team", BUCKET, all).expect("begun");
    assert_eq!(browse.finished(job.id).await.expect("over").phase, JobPhase::Done);
    let left = browse.sum("Team", BUCKET, "").await.expect("counted");
    assert_eq!(left.objects, 0, "{left:?}");
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_made_opened_to_everybody_and_closed_again() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let browse = engine.browse();
    let made = browse.make_folder("Team", BUCKET, "docs/", " 设计稿 ").await.expect("made");
    assert_eq!((made.prefix.as_str(), made.kept), ("docs/设计稿/", true));
    assert_eq!(browse.look("Team", BUCKET, "docs/", None, 100).await.expect("seen").folders, ["docs/设计稿/"]);
    assert!(
        browse.look("Team", BUCKET, "docs/设计稿/", None, 100).await.expect("seen").objects.is_empty(),
        "its mark is no thing in it"
    );
    let refused = browse.make_folder("Team", BUCKET, "docs/", "..").await.expect_err("no folder");
    assert_eq!(refused.field, Some("name"));

    put(&remote, "docs/设计稿/a.png").await;
    let open = format!("{}/{BUCKET}/docs/%E8%AE%BE%E8%AE%A1%E7%A8%BF/a.png", remote.address);
    assert_eq!(get(&open).await.0, 403);
    browse.set_access("Team", BUCKET, "docs/设计稿/", true).await.expect("opened");
    assert_eq!(get(&open).await.0, 200, "anybody may read it");
    assert_eq!(browse.access("Team", BUCKET).await.expect("told").public, ["docs/设计稿/"]);
    browse.set_access("Team", BUCKET, "", true).await.expect("opened");
    browse.set_access("Team", BUCKET, "docs/设计稿/", false).await.expect_err("the whole bucket is open");
    browse.set_access("Team", BUCKET, "", false).await.expect("closed");
    browse.set_access("Team", BUCKET, "docs/设计稿/", false).await.expect("closed");
    assert_eq!(get(&open).await.0, 403);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_browses_and_keeps_no_lists() {
    let (place, remote) = (Place::new(), Remote::start().await);
    put(&remote, "docs/a.png").await;
    place.with(&remote).await.close().await;
    let engine = place.open(Role::Console).await;
    let page = engine.browse().look("Team", BUCKET, "docs/a", None, 100).await.expect("seen");
    assert_eq!(page.objects.len(), 1, "the beginning of a name is enough, all of it too");
    assert!(engine.browse().known("Team").folders.is_empty());
    engine.close().await;
}
