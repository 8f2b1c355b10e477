//! What somebody else put into the bucket stays there, also where it holds the very same bytes under the very same name.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use imagepic_core::destination::Names;
use imagepic_core::engine::{Draft, Engine};
use imagepic_core::event::Stage;
use imagepic_core::store::{Body, Put, Store as _};
use secrecy::SecretString;
use sha2::Digest as _;

use crate::support::*;

fn plain_names() -> Names {
    Names { file: "{stem}.{ext}".to_owned(), clipboard: "{stem}.{ext}".to_owned() }
}

/// An engine at whose destination names can be foreseen.
async fn open(place: &Place, remote: &Remote) -> Engine {
    let engine = place.with(remote).await;
    let mut destination = engine.destinations().current();
    destination.names = plain_names();
    engine.destinations().save(Draft { destination, secret: None }).await.expect("saved");
    engine
}

/// A colleague with an imagepic of their own puts `content` at `docs/a.png`.
async fn colleague(remote: &Remote, content: &[u8]) {
    let put = Put {
        bucket: BUCKET.to_owned(),
        key: "docs/a.png".to_owned(),
        size: content.len() as u64,
        sha256: sha2::Sha256::digest(content).into(),
        body: Body::Bytes(content.to_vec().into()),
        content_type: "image/png".to_owned(),
        content_disposition: None,
        if_absent: true,
        id: Some("a-colleague's".to_owned()),
    };
    remote.store().put(put, Arc::new(|_| {})).await.expect("stored");
}

#[tokio::test]
async fn a_stopped_upload_does_not_take_a_colleagues_object_along() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = open(&place, &remote).await;
    let image = image(1, 2_000_000);
    colleague(&remote, &image).await;
    remote.set(Line::Stuck);
    let batch = engine.uploads().submit(vec![bytes(image, Some("a.png"))], quietly()).await.expect("taken");
    stage(&engine, batch.uploads[0], Stage::Sending).await;
    engine.uploads().cancel(batch.uploads[0]).await.expect("cancelled");
    let before = remote.received.load(Ordering::SeqCst);
    remote.set(Line::Open);
    // The look whether it left an object has passed the line; a removal would come right behind it.
    let looked = async {
        while remote.received.load(Ordering::SeqCst) == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looked).await.expect("looked");
    for _ in 0..20 {
        assert_eq!(remote.objects().await.len(), 1, "it is the colleague's");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    engine.close().await;
}

#[tokio::test]
async fn undo_after_an_outage_leaves_what_a_colleague_put_there_meanwhile() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = open(&place, &remote).await;
    remote.set(Line::Dead);
    let image = image(1, 3000);
    let batch = engine.uploads().submit(vec![bytes(image.clone(), Some("a.png"))], quietly()).await.expect("taken");
    stage(&engine, batch.uploads[0], Stage::Waiting).await;
    engine.uploads().set_paused(true);
    // A probe may be on its way already; it must not be the one that puts the object.
    until(&engine, batch.uploads[0], |upload| upload.stage != Stage::Sending).await;
    remote.set(Line::Open);
    colleague(&remote, &image).await;
    engine.uploads().set_paused(false);
    let done = stage(&engine, batch.uploads[0], Stage::Done).await;
    assert_eq!((done.key.as_str(), done.reused), ("docs/a.png", true), "not a byte of it was sent");
    engine.uploads().undo(done.id).await.expect("undone");
    assert_eq!(remote.objects().await.len(), 1, "it is the colleague's");
    engine.close().await;
}

#[tokio::test]
async fn undo_leaves_an_object_that_another_destination_of_the_same_place_counts_on() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = open(&place, &remote).await;
    let image = image(1, 3000);
    let give = async || {
        let batch = engine.uploads().submit(vec![bytes(image.clone(), Some("a.png"))], quietly()).await.expect("taken");
        engine.uploads().settled(batch.id).await.expect("settled").uploads[0].clone()
    };
    let first = give().await;
    let mut other = remote.destination();
    other.name = "The same place".to_owned();
    other.names = plain_names();
    let saved = engine.destinations().save(Draft { destination: other, secret: Some(SecretString::from(SECRET)) }).await;
    engine.destinations().use_(&saved.expect("saved").id, None, None).await.expect("chosen");
    let second = give().await;
    assert_ne!(first.place.destination, second.place.destination);
    assert_eq!((second.key.as_str(), second.reused), ("docs/a.png", true));
    engine.uploads().undo(first.id).await.expect("undone");
    assert_eq!(remote.objects().await.len(), 1, "the second upload still counts on it");
    engine.uploads().undo(second.id).await.expect("undone");
    assert_eq!(remote.objects().await.len(), 0, "the last one takes it along");
    engine.close().await;
}

#[tokio::test]
async fn a_journal_of_the_first_version_keeps_its_history_and_goes_on() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = open(&place, &remote).await;
    let batch = engine.uploads().submit(vec![bytes(image(1, 3000), Some("a.png"))], quietly()).await.expect("taken");
    engine.uploads().settled(batch.id).await.expect("settled");
    engine.close().await;
    let journal = rusqlite::Connection::open(place.home.journal_file()).expect("a journal");
    let older = "ALTER TABLE uploads DROP COLUMN made; ALTER TABLE uploads DROP COLUMN density; DROP TABLE chores; DROP TABLE origins; DROP TABLE identity;
        DROP INDEX uploads_object; PRAGMA user_version = 1;
        CREATE INDEX uploads_object ON uploads (destination, bucket, key);";
    journal.execute_batch(older).expect("as version 1 had it");
    drop(journal);
    let engine = place.open(imagepic_core::engine::Role::Desktop).await;
    assert_eq!(engine.uploads().get(batch.uploads[0]).await.expect("kept").stage, Stage::Done);
    let batch = engine.uploads().submit(vec![bytes(image(2, 3000), Some("b.png"))], quietly()).await.expect("taken");
    let done = engine.uploads().settled(batch.id).await.expect("settled");
    engine.uploads().undo(done.uploads[0].id).await.expect("undone");
    assert_eq!(remote.objects().await.len(), 1);
    engine.close().await;
}
