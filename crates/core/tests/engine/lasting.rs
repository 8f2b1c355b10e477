//! What a power cut may take and what it may not: bytes that only memory holds were never promised, and what the store has confirmed
//! is found there again.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use imagepic_core::engine::{Pace, Role};
use imagepic_core::event::Stage;

use crate::support::*;

fn spooled(home: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(home.join("spool")).expect("a spool").flatten().map(|entry| entry.path()).collect()
}

/// The journal as the disk has it at this moment, to be put back later: what was written since is lost.
struct Cut(Vec<(PathBuf, Vec<u8>)>);

impl Cut {
    fn now(home: &Path) -> Self {
        let files = ["journal.sqlite", "journal.sqlite-wal"].map(|name| home.join(name));
        Self(files.into_iter().filter_map(|path| std::fs::read(&path).ok().map(|bytes| (path, bytes))).collect())
    }

    fn strike(self, home: &Path) {
        for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
            let _ = std::fs::remove_file(home.join(name));
        }
        for (path, bytes) in self.0 {
            std::fs::write(path, bytes).expect("put back");
        }
        for file in spooled(home) {
            std::fs::remove_file(file).expect("removed");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_store_confirmed_just_before_a_power_cut_is_found_there_and_not_sent_again() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    remote.set(Line::Stuck);
    let taken = engine.uploads().submit(vec![bytes(image(1, 90_000), None)], quietly()).await.expect("taken");
    stage(&engine, taken.uploads[0], Stage::Sending).await;
    let cut = Cut::now(place.home.data());
    remote.set(Line::Open);
    let settled = engine.uploads().settled(taken.id).await.expect("settled");
    let key = settled.uploads[0].key.clone();
    engine.close().await;
    let sent = remote.received.load(Ordering::SeqCst);

    // Neither that it was done nor its bytes have come through.
    cut.strike(place.home.data());
    let engine = place.open(Role::Desktop).await;
    let again = stage(&engine, taken.uploads[0], Stage::Done).await;
    assert_eq!((again.key, again.reused), (key, false));
    assert_eq!(remote.copies().await.values().sum::<usize>(), 1);
    assert!(remote.received.load(Ordering::SeqCst) - sent < 40_000, "the bytes travelled twice");
    // It is still known as ours: undo takes it back.
    engine.uploads().undo(again.id).await.expect("undone");
    assert!(remote.objects().await.is_empty());
    engine.close().await;
}

fn blobs(home: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(home.join("bucket/blobs")).expect("bytes");
    folders
        .flat_map(|folder| std::fs::read_dir(folder.expect("a folder").path()).expect("files"))
        .map(|file| file.expect("a file").path())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_given_again_after_the_disk_lost_its_bytes_has_a_link_that_opens() {
    let place = Place::new();
    let engine = place.open(Role::Desktop).await;
    let picture = image(1, 400_000);
    let upload = async || {
        let batch = engine.uploads().submit(vec![bytes(picture.clone(), Some("a.png"))], quietly()).await.expect("taken");
        engine.uploads().finished(batch.id).await.expect("finished")
    };
    let first = upload().await;
    assert_eq!(get(&first.text).await.0, 200);
    for file in blobs(place.home.data()) {
        std::fs::remove_file(file).expect("removed");
    }
    assert_eq!(get(&first.text).await.0, 500, "nothing is given out as a picture");
    let again = upload().await;
    let (status, _, body) = get(&again.text).await;
    assert_eq!((status, body), (200, picture.clone()), "{:?}", again.uploads);
    let third = upload().await;
    assert!(third.uploads[0].reused, "it is there now");
    assert_eq!(get(&third.text).await.0, 200);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_bytes_only_memory_held_is_sent_from_where_it_lies() {
    let (place, remote) = (Place::new(), Remote::start().await);
    place.with(&remote).await.close().await;
    let engine = place.open_at(Role::Desktop, Pace { hold: Duration::from_secs(3600), ..hurried() }).await;
    let text = b"tEXtXML:com.adobe.xmp\0somewhere";
    let plain = image(1, 90_000);
    // The same picture with words about where it was taken, between its head and its pixels.
    let mut told = plain[..33].to_vec();
    told.extend(u32::try_from(text.len() - 4).expect("small").to_be_bytes());
    told.extend(text);
    told.extend([0; 4]);
    told.extend(&plain[33..]);
    let files = [place.file("plain.png", &plain), place.file("told.png", &told)];
    remote.set(Line::Stuck);
    let uploads = engine.uploads();
    let mut events = engine.subscribe();
    let captures = files.iter().map(|file| path(file)).collect();
    let giving = tokio::spawn(async move { uploads.submit(captures, quietly()).await });
    let mut ids = std::collections::BTreeSet::new();
    while ids.len() < 2 {
        if let Ok(imagepic_core::event::Event::Upload(upload)) = events.recv().await {
            ids.insert(upload.id);
        }
    }
    assert_eq!(spooled(place.home.data()), Vec::<PathBuf>::new());
    let cut = Cut::now(place.home.data());
    engine.close().await;
    giving.abort();
    remote.set(Line::Open);
    assert!(remote.objects().await.is_empty());

    cut.strike(place.home.data());
    let engine = place.open(Role::Desktop).await;
    for id in ids {
        stage(&engine, id, Stage::Done).await;
    }
    // Both are the same picture once the words are cut out.
    assert_eq!(remote.copies().await, [(crate::crash::sha256(&plain), 1)].into());
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taken_is_said_although_the_store_says_nothing_and_then_the_bytes_are_on_the_disk() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    remote.set(Line::Stuck);
    let images: Vec<_> = (0..40).map(|n| image(n, 3000)).collect();
    let given = images.iter().map(|image| bytes(image.clone(), None)).collect();
    let taken = tokio::time::timeout(Duration::from_secs(60), engine.uploads().submit(given, quietly())).await;
    let taken = taken.expect("in time").expect("taken");
    assert_eq!(taken.uploads.len(), 40);
    let mut kept: Vec<_> = spooled(place.home.data()).into_iter().map(|path| std::fs::read(path).expect("read")).collect();
    kept.sort();
    let mut wanted = images.clone();
    wanted.sort();
    assert!(kept == wanted, "{} of 40 are there", kept.len());
    remote.set(Line::Open);
    engine.uploads().settled(taken.id).await.expect("settled");
    assert_eq!(remote.copies().await.len(), 40);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_leaves_nothing_in_the_spool_of_what_it_has_uploaded() {
    let (place, remote) = (Place::new(), Remote::start().await);
    place.with(&remote).await.close().await;
    let engine = place.open(Role::Console).await;
    // The second time the store keeps it waiting, so that the spool has it for a while.
    for (seed, line) in [(1, Line::Open), (2, Line::Stuck)] {
        remote.set(line);
        let taken = engine.uploads().submit(vec![bytes(image(seed, 3000), None)], quietly()).await.expect("taken");
        remote.set(Line::Open);
        engine.uploads().settled(taken.id).await.expect("settled");
    }
    engine.close().await;
    assert_eq!(spooled(place.home.data()), Vec::<PathBuf>::new());
    assert_eq!(remote.copies().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_stopped_before_its_bytes_were_on_the_disk_can_be_tried_again() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    remote.set(Line::Stuck);
    let uploads = engine.uploads();
    let mut events = engine.subscribe();
    let giving = tokio::spawn(async move { uploads.submit(vec![bytes(image(1, 3000), None)], quietly()).await });
    let id = loop {
        if let Ok(imagepic_core::event::Event::Upload(upload)) = events.recv().await {
            break upload.id;
        }
    };
    engine.uploads().cancel(id).await.expect("stopped");
    giving.await.expect("no panic").expect("taken");
    stage(&engine, id, Stage::Cancelled).await;
    remote.set(Line::Open);
    engine.uploads().retry(id).await.expect("tried again");
    stage(&engine, id, Stage::Done).await;
    assert_eq!(remote.copies().await.get(&crate::crash::sha256(&image(1, 3000))), Some(&1));
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_may_go_once_it_was_taken_and_its_upload_waits_for_the_network_all_the_same() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    remote.set(Line::Stuck);
    let picture = image(1, 90_000);
    let file = place.file("shot.png", &picture);
    let taken = engine.uploads().submit(vec![path(&file)], quietly()).await.expect("taken");
    std::fs::remove_file(&file).expect("a screenshot tool cleans up");
    remote.set(Line::Dead);
    stage(&engine, taken.uploads[0], Stage::Waiting).await;
    remote.set(Line::Open);
    engine.uploads().retry(taken.uploads[0]).await.expect("tried again");
    stage(&engine, taken.uploads[0], Stage::Done).await;
    assert_eq!(remote.copies().await, [(crate::crash::sha256(&picture), 1)].into());
    engine.close().await;
}
