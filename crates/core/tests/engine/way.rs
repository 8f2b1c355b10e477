//! The way of an image when nothing goes wrong.

use imagepic_core::destination::Names;
use imagepic_core::engine::{Draft, HistoryQuery, Role};
use imagepic_core::error::Code;
use imagepic_core::event::Stage;
use imagepic_core::store::Store as _;

use crate::support::*;

#[tokio::test]
async fn on_a_fresh_home_a_link_opens_and_gives_back_the_very_bytes() {
    let place = Place::new();
    let engine = place.open(Role::Desktop).await;
    let image = image(1, 80_000);
    let batch = engine.uploads().submit(vec![bytes(image.clone(), None)], quietly()).await.expect("taken");
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    assert_eq!(settled.uploads[0].stage, Stage::Done, "{:?}", settled.uploads[0]);
    let (status, head, body) = get(&settled.text).await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: image/png"), "{head}");
    assert!(body == image, "the bytes differ");
    assert!(!settled.text.contains('?'), "this computer's links carry no signature");
    assert!(settled.uploads[0].place.only_here);
    engine.close().await;
}

#[tokio::test]
async fn twenty_files_give_twenty_links_in_their_order() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let files: Vec<_> =
        (0..20).map(|n| path(&place.file(&format!("shot {n}.png"), &image(n, 500 + 7000 * (n as usize % 3))))).collect();
    let batch = engine.uploads().submit(files, quietly()).await.expect("taken");
    assert_eq!(batch.uploads.len(), 20);
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    let links: Vec<_> = settled.text.lines().collect();
    assert_eq!(links.len(), 20);
    for (n, link) in links.iter().enumerate() {
        assert!(link.contains(&format!("/docs/shot%20{n}-")), "{n}: {link}");
        assert_eq!(settled.uploads[n].position as usize, n);
    }
    assert_eq!(remote.copies().await.len(), 20);
    let (status, _, body) = get(links[7]).await;
    assert_eq!((status, body), (200, image(7, 500 + 7000)));
    engine.close().await;
}

#[tokio::test]
async fn a_folder_gives_its_images_and_names_the_text_file_as_refused() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = place.dir.path().join("drop");
    place.file("drop/a.png", &image(1, 100));
    place.file("drop/notes.txt", b"no image");
    place.file("drop/.hidden.png", &image(2, 100));
    place.file("drop/deeper/b.png", &image(3, 100));
    #[cfg(unix)]
    std::os::unix::fs::symlink(place.file("elsewhere.png", &image(4, 100)), folder.join("link.png")).expect("a link");
    let batch = engine.uploads().submit(vec![path(&folder)], quietly()).await.expect("taken");
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    let names: Vec<_> = settled.uploads.iter().map(|upload| upload.name.as_str()).collect();
    assert_eq!(names, ["a.png", "b.png"]);
    assert_eq!(settled.refused.len(), 1);
    assert_eq!((settled.refused[0].name.as_str(), settled.refused[0].code), ("notes.txt", Code::NotAnImage));
    assert!(std::fs::read_dir(place.home.spool()).expect("a spool").count() <= 2, "what was refused left something behind");
    engine.close().await;
}

#[tokio::test]
async fn the_same_bytes_again_give_the_link_they_have_and_send_nothing() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let image = image(1, 200_000);
    let twice = vec![bytes(image.clone(), Some("a.png")), bytes(image.clone(), Some("a.png"))];
    let batch = engine.uploads().submit(twice, quietly()).await.expect("taken");
    let first = engine.uploads().settled(batch.id).await.expect("settled");
    assert_eq!(first.uploads[0].key, first.uploads[1].key);
    assert_eq!((first.uploads[0].reused, first.uploads[1].reused), (false, true));
    let again = engine.uploads().submit(vec![bytes(image.clone(), Some("b.png"))], quietly()).await.expect("taken");
    let again = engine.uploads().settled(again.id).await.expect("settled");
    assert!(again.uploads[0].reused);
    assert_eq!(again.uploads[0].key, first.uploads[0].key);
    assert_eq!(remote.copies().await.values().sum::<usize>(), 1);
    assert!(remote.received.load(std::sync::atomic::Ordering::SeqCst) < 300_000, "the bytes travelled twice");

    // The object is gone: the bytes are sent anew.
    remote.store().remove(BUCKET, &first.uploads[0].key).await.expect("removed");
    let third = engine.uploads().submit(vec![bytes(image, Some("c.png"))], quietly()).await.expect("taken");
    let third = engine.uploads().settled(third.id).await.expect("settled");
    assert!(!third.uploads[0].reused);
    assert_eq!(remote.copies().await.values().sum::<usize>(), 1);
    engine.close().await;
}

#[tokio::test]
async fn a_name_that_other_bytes_have_is_not_overwritten() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let mut destination = engine.destinations().current();
    destination.names = Names { file: "{stem}.{ext}".to_owned(), clipboard: "{stem}.{ext}".to_owned() };
    engine.destinations().save(Draft { destination, secret: None }).await.expect("saved");
    let mut keys = Vec::new();
    for seed in 0..3 {
        let batch = engine.uploads().submit(vec![bytes(image(seed, 100), Some("a.png"))], quietly()).await.expect("taken");
        keys.push(engine.uploads().settled(batch.id).await.expect("settled").uploads[0].key.clone());
    }
    assert_eq!(keys, ["docs/a.png", "docs/a-2.png", "docs/a-3.png"]);
    let (_, _, first) = get(&engine.uploads().link(1).await.expect("a link").url).await;
    assert_eq!(first, image(0, 100));
    engine.close().await;
}

#[tokio::test]
async fn undo_removes_the_object_but_not_one_that_another_upload_shares_or_somebody_changed() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let give = async |seed| {
        let batch = engine.uploads().submit(vec![bytes(image(seed, 100), Some("a.png"))], quietly()).await.expect("taken");
        engine.uploads().settled(batch.id).await.expect("settled").uploads[0].clone()
    };
    let (first, second) = (give(1).await, give(1).await);
    assert_eq!(first.key, second.key);
    let gone = engine.uploads().undo(first.id).await.expect("undone");
    assert!(!gone, "its link still opens");
    assert_eq!(remote.objects().await.len(), 1, "the second upload still counts on it");
    let gone = engine.uploads().undo(second.id).await.expect("undone");
    assert!(gone, "it does not open any more");
    assert_eq!(remote.objects().await.len(), 0, "the last one takes it along");
    assert_eq!(engine.uploads().get(first.id).await.expect_err("gone").code, Code::NoSuchUpload);

    let third = give(2).await;
    let store = remote.store();
    let other = image(3, 100);
    let put = imagepic_core::store::Put {
        bucket: BUCKET.to_owned(),
        key: third.key.clone(),
        size: other.len() as u64,
        sha256: <sha2::Sha256 as sha2::Digest>::digest(&other).into(),
        body: imagepic_core::store::Body::Bytes(other.into()),
        content_type: "image/png".to_owned(),
        content_disposition: None,
        if_absent: false,
        id: None,
    };
    store.put(put, std::sync::Arc::new(|_| {})).await.expect("overwritten by somebody");
    let refused = engine.uploads().undo(third.id).await.expect_err("not ours any more");
    assert_eq!(refused.code, Code::StoreRefused);
    assert_eq!(remote.objects().await.len(), 1);
    engine.close().await;
}

#[tokio::test]
async fn history_is_searched_and_outlives_the_engine() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let files = (0..5).map(|n| bytes(image(n, 100), Some(&format!("bild_{n}%.png")))).collect();
    let batch = engine.uploads().submit(files, quietly()).await.expect("taken");
    engine.uploads().settled(batch.id).await.expect("settled");
    engine.close().await;
    let engine = place.open(Role::Console).await;
    let found = engine
        .uploads()
        .history(HistoryQuery { search: Some("_3%".to_owned()), ..HistoryQuery::default() })
        .await
        .expect("found");
    assert_eq!(found.iter().map(|upload| upload.name.as_str()).collect::<Vec<_>>(), ["bild_3%.png"]);
    let page = engine
        .uploads()
        .history(HistoryQuery { limit: 2, before: Some(found[0].id), ..HistoryQuery::default() })
        .await
        .expect("a page");
    assert_eq!(page.len(), 2);
    assert!(page.iter().all(|upload| upload.id < found[0].id && upload.stage == Stage::Done));
    assert_eq!(engine.snapshot().recent.len(), 5);
    engine.close().await;
}

#[tokio::test]
async fn a_file_too_large_to_copy_is_sent_from_where_it_is_and_a_change_is_told() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let large = place.file("large.png", &image(1, 33 << 20));
    let batch = engine.uploads().submit(vec![path(&large)], quietly()).await.expect("taken");
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    assert_eq!(settled.uploads[0].stage, Stage::Done, "{:?}", settled.uploads[0]);

    engine.uploads().set_paused(true);
    let other = place.file("other.png", &image(2, 33 << 20));
    let batch = engine.uploads().submit(vec![path(&other)], quietly()).await.expect("taken");
    let kept: Vec<_> = std::fs::read_dir(place.home.spool()).expect("a spool").collect();
    place.file("other.png", &image(3, 33 << 20));
    engine.uploads().set_paused(false);
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    if kept.is_empty() {
        assert_eq!((settled.uploads[0].stage, settled.uploads[0].code), (Stage::Failed, Some(Code::FileChanged)));
    } else {
        // The file system could clone it, so the change cannot reach what was taken.
        assert_eq!(settled.uploads[0].stage, Stage::Done);
    }
    engine.close().await;
}

#[tokio::test]
async fn a_finished_upload_has_a_small_picture_and_keeps_it() {
    // One red pixel.
    const PIXEL: &str = "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082";
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let batch =
        engine.uploads().submit(vec![bytes(hex::decode(PIXEL).expect("hex"), Some("dot.png"))], quietly()).await.expect("taken");
    engine.uploads().settled(batch.id).await.expect("settled");
    let (png, kind) = engine.uploads().thumbnail(batch.uploads[0]).await.expect("a small picture");
    assert!(png.starts_with(b"\x89PNG") && kind == "image/png");
    engine.close().await;
    std::fs::remove_dir_all(place.home.spool()).expect("emptied");
    let engine = place.open(Role::Desktop).await;
    assert_eq!(engine.uploads().thumbnail(batch.uploads[0]).await.expect("kept").0, png);
    engine.close().await;
}

#[tokio::test]
async fn testing_a_destination_names_the_one_wrong_field() {
    use imagepic_core::engine::{RungName, RungState};
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.open(Role::Desktop).await;
    let draft = |secret: &str| Draft { destination: remote.destination(), secret: Some(secrecy::SecretString::from(secret)) };
    let good = engine.destinations().test(draft(SECRET)).await;
    assert_eq!(good.code, None, "{good:?}");
    assert!(good.rungs.iter().all(|rung| rung.state != RungState::Bad));
    let bad = engine.destinations().test(draft("wrong")).await;
    assert_eq!(bad.code, Some(Code::WrongSecretKey));
    assert_eq!(bad.rungs.iter().find(|rung| rung.state == RungState::Bad).map(|rung| rung.rung), Some(RungName::Secret));
    assert!(remote.objects().await.is_empty(), "a test leaves nothing behind");
    engine.close().await;
}

#[tokio::test]
async fn a_broken_settings_file_is_told_and_left_as_it_is() {
    let place = Place::new();
    place.home.prepare().expect("a home");
    std::fs::write(place.home.settings_file(), "[general").expect("an editor");
    let engine = place.open(Role::Desktop).await;
    let mut events = engine.subscribe();
    let told = loop {
        if let imagepic_core::event::Event::Notice { code, .. } = events.recv().await.expect("an event") {
            break code;
        }
    };
    assert_eq!(told, Code::SettingsBroken);
    assert_eq!(engine.settings().set("general.theme", "dark").await.expect_err("refused").code, Code::SettingsBroken);
    assert_eq!(std::fs::read_to_string(place.home.settings_file()).expect("read"), "[general");
    // It still uploads.
    let batch = engine.uploads().submit(vec![bytes(image(1, 100), None)], quietly()).await.expect("taken");
    assert_eq!(engine.uploads().settled(batch.id).await.expect("settled").uploads[0].stage, Stage::Done);
    engine.close().await;
}

#[tokio::test]
async fn another_bucket_of_this_computer_is_made_when_needed_and_its_links_open() {
    let place = Place::new();
    let engine = place.open(Role::Desktop).await;
    let how = imagepic_core::engine::Submit { bucket: Some("notes".to_owned()), folder: Some("a/b".to_owned()), ..quietly() };
    let batch = engine.uploads().submit(vec![bytes(image(1, 3000), Some("x.png"))], how).await.expect("taken");
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    assert!(settled.text.contains("/notes/a/b/x-"), "{settled:?}");
    assert_eq!(get(&settled.text).await.0, 200);
    let buckets = engine.browse().buckets("this-computer").await.expect("listed");
    assert_eq!(buckets, ["images", "notes"]);
    let listing = engine.browse().folders("this-computer", "notes", "").await.expect("listed");
    assert_eq!(listing.folders, ["a/"]);
    let known = engine.browse().known("this-computer");
    assert_eq!(known.folders[&("notes".to_owned(), String::new())].folders, ["a/"], "a menu has it without asking");
    engine.close().await;
}
