//! What must survive: no network, a wrong key, a busy store, a full disk, a change of mind.

use imagepic_core::engine::{Draft, Role};
use imagepic_core::error::{Code, Waiting};
use imagepic_core::event::{Stage, State, Upload};
use secrecy::SecretString;

use crate::support::*;

#[tokio::test]
async fn what_was_taken_offline_waits_and_goes_by_itself_once_the_line_is_back() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    remote.set(Line::Dead);
    let files = (0..12).map(|n| bytes(image(n, 3000), Some("a.png"))).collect();
    let batch = engine.uploads().submit(files, quietly()).await.expect("taken");
    engine.uploads().settled(batch.id).await.expect("settled");
    // Now and then one of them is tried: what holds between two tries is looked at.
    let mut events = engine.subscribe();
    let all_wait = async {
        loop {
            let now = engine.snapshot();
            let waits = |upload: &Upload| upload.stage == Stage::Waiting && upload.waiting == Some(Waiting::Network);
            if now.state == State::Waiting && now.open.len() == 12 && now.open.iter().all(waits) {
                return now;
            }
            drop(events.recv().await);
        }
    };
    let snapshot = tokio::time::timeout(std::time::Duration::from_secs(30), all_wait).await.expect("all of them wait");
    assert!(snapshot.line.contains("12"), "{}", snapshot.line);
    remote.set(Line::Open);
    let finished = engine.uploads().finished(batch.id).await.expect("finished");
    assert!(finished.uploads.iter().all(|upload| upload.stage == Stage::Done), "{:?}", finished.uploads);
    let copies = remote.copies().await;
    assert_eq!((copies.len(), copies.values().sum::<usize>()), (12, 12));
    engine.close().await;
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_leaves_one_whole_object() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    remote.set(Line::Cut);
    let batch = engine.uploads().submit(vec![bytes(image(1, 400_000), Some("a.png"))], quietly()).await.expect("taken");
    stage(&engine, batch.uploads[0], Stage::Waiting).await;
    assert!(remote.tries.load(std::sync::atomic::Ordering::SeqCst) >= 1);
    remote.set(Line::Open);
    let done = stage(&engine, batch.uploads[0], Stage::Done).await;
    assert_eq!(remote.copies().await.values().sum::<usize>(), 1);
    let (status, _, body) = get(&engine.uploads().link(done.id).await.expect("a link").url).await;
    assert_eq!((status, body), (200, image(1, 400_000)));
    engine.close().await;
}

#[tokio::test]
async fn with_a_wrong_secret_it_waits_and_goes_on_once_the_right_one_is_saved() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.open(Role::Desktop).await;
    let saved = add(&engine, &remote, "not-the-secret").await;
    let batch = engine.uploads().submit(vec![bytes(image(1, 3000), Some("a.png"))], quietly()).await.expect("taken");
    let waiting = stage(&engine, batch.uploads[0], Stage::Waiting).await;
    assert_eq!((waiting.waiting, waiting.code), (Some(Waiting::SignIn), Some(Code::WrongSecretKey)));
    // A second try looks before it sends, and a refused look gives no reason.
    engine.uploads().retry(waiting.id).await.expect("tried again");
    let again = &engine.uploads().settled(batch.id).await.expect("settled").uploads[0];
    assert_eq!((again.stage, again.code), (Stage::Waiting, Some(Code::WrongSecretKey)), "{again:?}");
    let draft = Draft { destination: saved, secret: Some(SecretString::from(SECRET)) };
    engine.destinations().save(draft).await.expect("saved");
    stage(&engine, batch.uploads[0], Stage::Done).await;
    assert_eq!(remote.copies().await.len(), 1);
    engine.close().await;
}

#[tokio::test]
async fn a_key_that_is_corrected_while_a_try_with_the_wrong_one_is_under_way_is_used_at_once() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.open(Role::Desktop).await;
    let saved = add(&engine, &remote, "not-the-secret").await;
    remote.set(Line::Stuck);
    let batch = engine.uploads().submit(vec![bytes(image(1, 3000), Some("a.png"))], quietly()).await.expect("taken");
    let tries = remote.tries.load(std::sync::atomic::Ordering::SeqCst);
    let under_way = async {
        while remote.tries.load(std::sync::atomic::Ordering::SeqCst) == tries {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), under_way).await.expect("it tries");
    let draft = Draft { destination: saved, secret: Some(SecretString::from(SECRET)) };
    engine.destinations().save(draft).await.expect("saved");
    remote.set(Line::Open);
    stage(&engine, batch.uploads[0], Stage::Done).await;
    engine.close().await;
}

#[tokio::test]
async fn a_busy_store_is_tried_five_times_then_the_upload_is_failed_kept_and_retried_at_a_click() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    remote.set(Line::Busy);
    let batch = engine.uploads().submit(vec![bytes(image(1, 3000), Some("a.png"))], quietly()).await.expect("taken");
    let failed = stage(&engine, batch.uploads[0], Stage::Failed).await;
    assert_eq!(failed.code, Some(Code::StoreBusy));
    assert_eq!(engine.snapshot().state, State::Failed);
    remote.set(Line::Open);
    engine.uploads().retry(failed.id).await.expect("tried again");
    stage(&engine, failed.id, Stage::Done).await;
    assert_eq!(engine.snapshot().state, State::Idle);
    engine.close().await;
}

#[tokio::test]
async fn cancel_stops_bytes_on_their_way_and_leaves_nothing_in_the_bucket() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    remote.set(Line::Stuck);
    let batch = engine.uploads().submit(vec![bytes(image(1, 3_000_000), Some("a.png"))], quietly()).await.expect("taken");
    stage(&engine, batch.uploads[0], Stage::Sending).await;
    engine.uploads().cancel(batch.uploads[0]).await.expect("cancelled");
    assert_eq!(engine.uploads().get(batch.uploads[0]).await.expect("kept").stage, Stage::Cancelled);
    remote.set(Line::Open);
    engine.uploads().settled(batch.id).await.expect("settled");
    assert!(remote.objects().await.is_empty());
    // A change of mind.
    engine.uploads().retry(batch.uploads[0]).await.expect("tried again");
    stage(&engine, batch.uploads[0], Stage::Done).await;
    assert_eq!(remote.objects().await.len(), 1);
    engine.close().await;
}

#[tokio::test]
async fn paused_takes_in_and_sends_nothing() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    engine.uploads().set_paused(true);
    let batch = engine.uploads().submit(vec![bytes(image(1, 3000), Some("a.png"))], quietly()).await.expect("taken");
    assert_eq!(engine.snapshot().state, State::Paused);
    assert_eq!(engine.snapshot().open[0].stage, Stage::Queued);
    assert!(remote.objects().await.is_empty());
    engine.uploads().set_paused(false);
    stage(&engine, batch.uploads[0], Stage::Done).await;
    engine.close().await;
}

#[tokio::test]
async fn a_journal_of_a_newer_imagepic_is_refused_and_left_untouched() {
    let place = Place::new();
    place.open(Role::Console).await.close().await;
    let journal = rusqlite::Connection::open(place.home.journal_file()).expect("a journal");
    journal.execute_batch("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE);").expect("marked");
    drop(journal);
    let before = std::fs::read(place.home.journal_file()).expect("read");
    let outside = imagepic_core::outside::Outside::without_desktop(&place.home);
    let refused = imagepic_core::engine::Engine::open(place.home.clone(), outside, Role::Console).await.expect_err("refused");
    assert_eq!(refused.code, Code::HomeNewer);
    assert!(std::fs::read(place.home.journal_file()).expect("read") == before, "it was written to");
}

#[tokio::test]
async fn what_was_not_taken_because_the_journal_failed_midway_is_answered_for_one_by_one() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let journal = rusqlite::Connection::open(place.home.journal_file()).expect("the journal");
    journal
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON uploads WHEN NEW.position >= 32 BEGIN SELECT RAISE(ABORT, 'no room'); END",
        )
        .expect("a trigger");
    drop(journal);
    let given = (0..60).map(|n| bytes(image(n, 300), Some(&format!("{n}.png")))).collect();
    let batch = engine.uploads().submit(given, quietly()).await.expect("the first are taken");
    assert_eq!(batch.uploads.len(), 32);
    let refused: Vec<_> = batch.refused.iter().map(|refusal| refusal.name.clone()).collect();
    assert_eq!(refused, (32..60).map(|n| format!("{n}.png")).collect::<Vec<_>>());
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    assert_eq!((settled.uploads.len(), settled.refused.len()), (32, 28));
    engine.close().await;
}

#[tokio::test]
async fn a_format_that_private_data_is_not_cut_out_of_is_told_where_that_was_wanted() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let mut events = engine.subscribe();
    let tiff = b"II*\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    let given = vec![bytes(image(1, 300), Some("a.png")), bytes(tiff, Some("scan.tif"))];
    let batch = engine.uploads().submit(given, quietly()).await.expect("taken");
    assert_eq!((batch.uploads.len(), batch.keeps_private), (2, vec!["scan.tif".to_owned()]));
    let told = async {
        loop {
            if let imagepic_core::event::Event::Notice { message, .. } = events.recv().await.expect("an event") {
                return message;
            }
        }
    };
    let told = tokio::time::timeout(std::time::Duration::from_secs(30), told).await.expect("told");
    assert!(told.contains("scan.tif"), "{told}");
    engine.close().await;
}

#[tokio::test]
async fn an_import_whose_destination_uploads_wait_for_is_not_taken_back_from_under_them() {
    let place = Place::new();
    let engine = place.open(Role::Desktop).await;
    let text = "version = 1\n[destination]\ncurrent = \"far\"\n[[destinations]]\nid = \"far\"\nname = \"Far\"\nkind = \"s3\"\n\
                endpoint = \"https://s3.example\"\nregion = \"eu\"\naccess_key = \"AK\"\nbucket = \"assets\"\n";
    let import = engine.settings().import(text.to_owned()).await.expect("imported");
    let batch = engine.uploads().submit(vec![bytes(image(1, 3000), Some("a.png"))], quietly()).await.expect("taken");
    // Its key was not in the file.
    stage(&engine, batch.uploads[0], Stage::Waiting).await;
    let refused = engine.settings().take_back(import.clone()).await.expect_err("somebody waits for it");
    assert_eq!(refused.code, Code::BadRequest);
    assert!(refused.text.to(imagepic_words::Lang::En).contains("Far"), "{refused:?}");
    engine.destinations().resolve("far").expect("it is still there");
    engine.uploads().cancel(batch.uploads[0]).await.expect("cancelled");
    stage(&engine, batch.uploads[0], Stage::Cancelled).await;
    engine.settings().take_back(import).await.expect("nobody waits any more");
    engine.destinations().resolve("far").expect_err("it is as it was before");
    engine.close().await;
}
