//! One upload's trouble is its own: it neither holds others up nor leaves more behind than it must.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use imagepic_core::error::Code;
use imagepic_core::event::Stage;

use crate::support::*;

fn spooled(place: &Place) -> Vec<PathBuf> {
    std::fs::read_dir(place.home.spool()).expect("a spool").flatten().map(|entry| entry.path()).collect()
}

#[tokio::test]
async fn after_an_outage_one_upload_whose_bytes_are_gone_does_not_hold_the_others_up() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    remote.set(Line::Dead);
    let lost = engine.uploads().submit(vec![bytes(image(1, 3000), Some("a.png"))], quietly()).await.expect("taken");
    stage(&engine, lost.uploads[0], Stage::Waiting).await;
    let files = spooled(&place);
    assert_eq!(files.len(), 1);
    let others = (2..5).map(|n| bytes(image(n, 3000), Some("b.png"))).collect();
    let others = engine.uploads().submit(others, quietly()).await.expect("taken");
    for id in &others.uploads {
        stage(&engine, *id, Stage::Waiting).await;
    }
    // No probe may be on its way while its bytes go.
    engine.uploads().set_paused(true);
    until(&engine, lost.uploads[0], |upload| upload.stage != Stage::Sending).await;
    std::fs::remove_file(&files[0]).expect("removed");
    remote.set(Line::Open);
    engine.uploads().set_paused(false);
    for id in &others.uploads {
        stage(&engine, *id, Stage::Done).await;
    }
    let lost = stage(&engine, lost.uploads[0], Stage::Failed).await;
    assert_eq!(lost.code, Some(Code::FileMissing));
    engine.close().await;
}

#[tokio::test]
async fn a_large_file_touched_as_its_last_bytes_travel_is_uploaded_all_the_same() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let large = place.file("large.png", &image(1, 33 << 20));
    let batch = engine.uploads().submit(vec![path(&large)], quietly()).await.expect("taken");
    while remote.received.load(Ordering::SeqCst) < 1 << 20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    remote.set(Line::Stuck);
    let file = std::fs::File::options().write(true).open(&large).expect("a file");
    file.set_modified(SystemTime::now() + Duration::from_secs(5)).expect("touched");
    remote.set(Line::Open);
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    assert_eq!(settled.uploads[0].stage, Stage::Done, "{:?}", settled.uploads[0]);
    engine.close().await;
}

#[tokio::test]
async fn what_was_stopped_does_not_fill_the_disk_and_the_latest_can_still_be_sent() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    engine.uploads().set_paused(true);
    let many = (0..110).map(|n| bytes(image(n, 300), Some("a.png"))).collect();
    let batch = engine.uploads().submit(many, quietly()).await.expect("taken");
    assert_eq!(spooled(&place).len(), 110);
    for id in &batch.uploads {
        engine.uploads().cancel(*id).await.expect("cancelled");
    }
    assert_eq!(spooled(&place).len(), 100);
    engine.uploads().set_paused(false);
    let last = batch.uploads[109];
    engine.uploads().retry(last).await.expect("tried again");
    stage(&engine, last, Stage::Done).await;
    engine.close().await;
}
