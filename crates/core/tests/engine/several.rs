//! One home, several engines.

use imagepic_core::engine::{BucketHost, Role};
use imagepic_core::error::{Code, Waiting};
use imagepic_core::event::{Event, Stage};

use crate::support::*;

#[tokio::test]
async fn what_a_console_leaves_waiting_the_tray_app_finishes_and_both_see_it() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let desktop = place.with(&remote).await;
    let console = place.open(Role::Console).await;
    remote.set(Line::Dead);
    let batch = console.uploads().submit(vec![bytes(image(1, 3000), Some("a.png"))], quietly()).await.expect("taken");
    console.uploads().settled(batch.id).await.expect("settled");
    until(&desktop, batch.uploads[0], |upload| upload.stage == Stage::Waiting).await;
    remote.set(Line::Open);
    console.close().await;
    stage(&desktop, batch.uploads[0], Stage::Done).await;
    assert_eq!(remote.copies().await.values().sum::<usize>(), 1);
    desktop.close().await;
}

#[tokio::test]
async fn an_upload_of_one_process_appears_in_the_other_and_can_be_cancelled_there() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let desktop = place.with(&remote).await;
    let console = place.open(Role::Console).await;
    let mut events = desktop.subscribe();
    remote.set(Line::Stuck);
    let batch = desktop.uploads().submit(vec![bytes(image(1, 2_000_000), Some("a.png"))], quietly()).await.expect("taken");
    stage(&desktop, batch.uploads[0], Stage::Sending).await;
    console.uploads().cancel(batch.uploads[0]).await.expect("cancelled");
    let cancelled = async {
        loop {
            if let Ok(Event::Upload(upload)) = events.recv().await
                && upload.stage == Stage::Cancelled
            {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), cancelled).await.expect("heard");
    remote.set(Line::Open);
    assert!(remote.objects().await.is_empty());
    let done = console.uploads().submit(vec![bytes(image(2, 3000), Some("b.png"))], quietly()).await.expect("taken");
    console.uploads().settled(done.id).await.expect("settled");
    let seen = async {
        while desktop.snapshot().recent.iter().all(|upload| upload.id != done.uploads[0]) {
            let _ = events.recv().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), seen).await.expect("seen");
    console.close().await;
    desktop.close().await;
}

#[tokio::test]
async fn settings_changed_in_one_process_hold_in_the_other() {
    let place = Place::new();
    let desktop = place.open(Role::Desktop).await;
    let console = place.open(Role::Console).await;
    console.settings().set("link.format", "markdown").await.expect("set");
    let mut events = desktop.subscribe();
    let heard = async {
        while desktop.snapshot().format != imagepic_core::link::Format::Markdown {
            let _ = events.recv().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), heard).await.expect("heard");
    console.close().await;
    desktop.close().await;
}

#[tokio::test]
async fn the_bucket_has_one_host_and_whoever_waits_takes_it_over_at_the_same_address() {
    let place = Place::new();
    let first = place.open(Role::Desktop).await;
    let status = first.bucket_host().start().await.expect("hosted");
    assert!(status.here);
    let second = place.open(Role::Desktop).await;
    let other = second.bucket_host().start().await.expect("hosted");
    assert_eq!((other.here, other.port), (false, status.port));
    let batch = second.uploads().submit(vec![bytes(image(1, 3000), None)], quietly()).await.expect("taken");
    let link = second.uploads().settled(batch.id).await.expect("settled").text;
    first.close().await;
    let taken_over = async {
        while !second.bucket_host().status().await.here {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), taken_over).await.expect("taken over");
    assert_eq!(get(&link).await.0, 200);
    second.close().await;
}

#[tokio::test]
async fn whoever_finds_the_host_gone_goes_on_as_if_nothing_had_been() {
    let place = Place::new();
    let console = place.open(Role::Console).await;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let until = async move { drop(ended.await) };
    let background = tokio::spawn(BucketHost::serve(place.home.clone(), until));
    let running = async {
        while !console.bucket_host().status().await.running {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), running).await.expect("served");
    assert_eq!(console.browse().buckets("this-computer").await.expect("a listing"), ["images"]);
    end.send(()).expect("it runs");
    background.await.expect("no panic").expect("it ends well");
    let there = console.browse().stat("this-computer", "images", "nothing.png").await;
    assert!(there.expect("somebody serves again").is_none());
    console.close().await;
}

#[tokio::test]
async fn the_same_bytes_given_to_two_processes_at_once_are_sent_once() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let desktop = place.with(&remote).await;
    let console = place.open(Role::Console).await;
    remote.set(Line::Stuck);
    let image = image(1, 50_000);
    let first = desktop.uploads().submit(vec![bytes(image.clone(), Some("a.png"))], quietly()).await.expect("taken");
    stage(&desktop, first.uploads[0], Stage::Sending).await;
    let second = console.uploads().submit(vec![bytes(image, Some("b.png"))], quietly()).await.expect("taken");
    remote.set(Line::Open);
    let first = desktop.uploads().settled(first.id).await.expect("settled");
    // It may have said by now that it waits for its turn.
    let second = console.uploads().finished(second.id).await.expect("finished");
    assert_eq!(first.uploads[0].key, second.uploads[0].key);
    assert!(second.uploads[0].reused);
    assert_eq!(remote.objects().await.len(), 1);
    console.close().await;
    desktop.close().await;
}

#[tokio::test]
async fn while_another_program_has_the_buckets_port_images_wait_and_go_once_it_is_free() {
    let place = Place::new();
    place.home.prepare().expect("a home");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    imagepic_bucket::keys::store_port(&place.home.bucket(), taken.local_addr().expect("an address").port()).expect("stored");
    let engine = place.open(Role::Desktop).await;
    let mut events = engine.subscribe();
    let batch = engine.uploads().submit(vec![bytes(image(1, 3000), None)], quietly()).await.expect("taken");
    let waiting = stage(&engine, batch.uploads[0], Stage::Waiting).await;
    assert_eq!(waiting.code, Some(imagepic_core::error::Code::BucketPortTaken));
    let notice = async {
        loop {
            if let Ok(Event::Notice { code, .. }) = events.recv().await {
                return code;
            }
        }
    };
    let code = tokio::time::timeout(std::time::Duration::from_secs(30), notice).await.expect("told");
    assert_eq!(code, imagepic_core::error::Code::BucketPortTaken);
    let port = taken.local_addr().expect("an address").port();
    drop(taken);
    let settled = engine.uploads().finished(batch.id).await.expect("finished");
    assert!(settled.text.contains(&format!(":{port}/")), "the port must stay the same: {}", settled.text);
    assert_eq!(get(&settled.text).await.0, 200);
    engine.close().await;
}

async fn hosted_by(engine: &imagepic_core::engine::Engine) {
    let hosted = async {
        while !engine.bucket_host().status().await.here {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), hosted).await.expect("hosted");
}

#[tokio::test]
async fn a_host_in_the_background_makes_way_for_the_tray_app_and_links_stay() {
    let place = Place::new();
    let console = place.open(Role::Console).await;
    let background = tokio::spawn(BucketHost::serve(place.home.clone(), std::future::pending()));
    let running = async {
        while !console.bucket_host().status().await.running {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), running).await.expect("served");
    assert!(!console.bucket_host().status().await.resident);
    let batch = console.uploads().submit(vec![bytes(image(1, 3000), None)], quietly()).await.expect("taken");
    let link = console.uploads().settled(batch.id).await.expect("settled").text;
    assert_eq!(get(&link).await.0, 200);
    let desktop = place.open(Role::Desktop).await;
    hosted_by(&desktop).await;
    background.await.expect("no panic").expect("it ends well");
    assert_eq!(get(&link).await.0, 200);
    assert!(console.bucket_host().status().await.resident);
    let asked = std::time::Instant::now();
    assert!(!console.bucket_host().stop().await.expect("told"), "the tray app serves while it runs");
    assert!(asked.elapsed() < std::time::Duration::from_secs(5), "nobody waits for what will not be");
    assert_eq!(get(&link).await.0, 200);
    console.close().await;
    desktop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_said_to_have_stopped_has_let_go_of_its_port() {
    use std::io::Write as _;
    let place = Place::new();
    let console = place.open(Role::Console).await;
    let background = tokio::spawn(BucketHost::serve(place.home.clone(), std::future::pending()));
    let status = console.bucket_host().start().await.expect("served");
    let port = status.port.expect("a port");
    // What is under way keeps it for a moment.
    let mut under_way = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    write!(under_way, "PUT /images/a HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: 9\r\n\r\n1").expect("it reads");
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        drop(under_way);
    });
    assert!(console.bucket_host().stop().await.expect("told"));
    drop(std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free"));
    assert!(console.bucket_host().status().await.port_taken.is_none());
    background.await.expect("no panic").expect("it ends well");
    console.close().await;
}

#[tokio::test]
async fn a_port_that_was_busy_at_the_start_is_served_once_it_is_free_without_any_upload() {
    let place = Place::new();
    place.home.prepare().expect("a home");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    imagepic_bucket::keys::store_port(&place.home.bucket(), taken.local_addr().expect("an address").port()).expect("stored");
    let engine = place.open(Role::Desktop).await;
    let mut events = engine.subscribe();
    let notice = async {
        loop {
            if let Ok(Event::Notice { code, .. }) = events.recv().await {
                return code;
            }
        }
    };
    let code = tokio::time::timeout(std::time::Duration::from_secs(30), notice).await.expect("told");
    assert_eq!(code, imagepic_core::error::Code::BucketPortTaken);
    drop(taken);
    hosted_by(&engine).await;
    engine.close().await;
}

#[tokio::test]
async fn a_bucket_that_a_person_closed_to_readers_stays_closed_at_the_next_start() {
    let place = Place::new();
    let engine = place.open(Role::Desktop).await;
    let batch = engine.uploads().submit(vec![bytes(image(1, 3000), None)], quietly()).await.expect("taken");
    let link = engine.uploads().settled(batch.id).await.expect("settled").text;
    assert_eq!(get(&link).await.0, 200);
    engine.close().await;
    let index = rusqlite::Connection::open(place.home.bucket().join("index.sqlite")).expect("the index");
    index.execute("UPDATE bucket SET policy = NULL", []).expect("closed");
    drop(index);
    let engine = place.open(Role::Desktop).await;
    hosted_by(&engine).await;
    assert_eq!(get(&link).await.0, 403);
    engine.close().await;
}

#[tokio::test]
async fn what_waits_behind_a_paused_tray_app_says_so_and_goes_on_with_it() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let desktop = place.with(&remote).await;
    desktop.uploads().set_paused(true);
    let same = || bytes(image(7, 3000), Some("a.png"));
    let first = desktop.uploads().submit(vec![same()], quietly()).await.expect("taken");
    let console = place.open(Role::Console).await;
    let second = console.uploads().submit(vec![same()], quietly()).await.expect("taken");
    let waits = until(&console, second.uploads[0], |upload| upload.stage == Stage::Waiting).await;
    assert_eq!((waits.waiting, waits.code), (Some(Waiting::Turn), Some(Code::QueuedElsewhere)));
    assert!(waits.message.as_deref().is_some_and(|words| words.contains("paused")), "{:?}", waits.message);
    console.uploads().settled(second.id).await.expect("it is settled: nothing moves until somebody acts");
    desktop.uploads().set_paused(false);
    stage(&desktop, first.uploads[0], Stage::Done).await;
    let done = until(&console, second.uploads[0], |upload| upload.stage == Stage::Done).await;
    assert!(done.reused, "one copy serves both");
    assert_eq!(remote.copies().await.values().sum::<usize>(), 1);
    console.close().await;
    desktop.close().await;
}

#[tokio::test]
async fn nobody_waits_behind_a_process_that_has_ended() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let console = place.open(Role::Console).await;
    add(&console, &remote, SECRET).await;
    remote.set(Line::Stuck);
    let same = || bytes(image(8, 3000), Some("a.png"));
    let first = console.uploads().submit(vec![same()], quietly()).await.expect("taken");
    stage(&console, first.uploads[0], Stage::Sending).await;
    // As if that process had been killed: its name stays in the journal, its lock is gone.
    let journal = rusqlite::Connection::open(place.home.journal_file()).expect("the journal");
    journal.execute("UPDATE uploads SET owner = '999999' WHERE id = ?1", [first.uploads[0]]).expect("written");
    remote.set(Line::Open);
    let other = place.open(Role::Console).await;
    let second = other.uploads().submit(vec![same()], quietly()).await.expect("taken");
    stage(&other, second.uploads[0], Stage::Done).await;
    other.close().await;
    console.close().await;
}
