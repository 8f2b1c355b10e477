//! What replaces the clipboard, and what does not.

use imagepic_clipboard::Content as Clip;
use imagepic_core::engine::{Deliver, Engine, Role, Submit};
use imagepic_core::event::{Event, Offer, Settled, Stage};
use tokio::sync::broadcast::Receiver;

use crate::support::*;

fn copied(seed: u64) -> Clip {
    Clip::Image { bytes: image(seed, 5000).into(), mime: "image/png".to_owned() }
}

async fn settled(events: &mut Receiver<Event>) -> Settled {
    let next = async {
        loop {
            if let Ok(Event::Settled(settled)) = events.recv().await {
                return settled;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), next).await.expect("in time")
}

async fn watching(place: &Place, wanted: bool) {
    while place.clipboard.watched() != wanted {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_image_that_was_copied_is_uploaded_and_its_link_takes_its_place_once() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    engine.settings().set("capture.clipboard", "automatic").await.expect("set");
    watching(&place, true).await;
    let mut events = engine.subscribe();
    for seed in 0..10 {
        place.clipboard.copy(copied(seed));
        let done = settled(&mut events).await;
        assert!(done.copied && !done.moved_on);
        assert_eq!(place.clipboard.text().as_deref(), Some(done.text.as_str()));
        let (status, _, body) = get(&done.text).await;
        assert_eq!((status, body), (200, image(seed, 5000)));
    }
    // The same bytes again are no new upload.
    place.clipboard.copy(copied(9));
    place.clipboard.copy(copied(10));
    settled(&mut events).await;
    assert_eq!(remote.copies().await.len(), 11);
    assert_eq!(engine.uploads().history(imagepic_core::engine::HistoryQuery::default()).await.expect("history").len(), 11);
    engine.settings().set("capture.clipboard", "off").await.expect("set");
    watching(&place, false).await;
    engine.close().await;
}

#[tokio::test]
async fn whoever_copied_something_else_meanwhile_keeps_it() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    engine.settings().set("capture.clipboard", "automatic").await.expect("set");
    watching(&place, true).await;
    let mut events = engine.subscribe();
    remote.set(Line::Stuck);
    place.clipboard.copy(copied(1));
    while engine.snapshot().open.iter().all(|upload| upload.stage != Stage::Sending) {
        events.recv().await.expect("an event");
    }
    place.clipboard.copy(Clip::Text);
    remote.set(Line::Open);
    let done = settled(&mut events).await;
    assert!(!done.copied && done.moved_on);
    assert!(!done.text.is_empty(), "the link is offered");
    assert_eq!(place.clipboard.content(), Some(Clip::Text));
    engine.close().await;
}

#[tokio::test]
async fn after_a_restart_nobody_is_told_that_they_copied_something_else() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    engine.settings().set("capture.clipboard", "automatic").await.expect("set");
    watching(&place, true).await;
    let mut events = engine.subscribe();
    remote.set(Line::Stuck);
    place.clipboard.copy(copied(1));
    while engine.snapshot().open.iter().all(|upload| upload.stage != Stage::Sending) {
        events.recv().await.expect("an event");
    }
    engine.close().await;
    remote.set(Line::Open);
    let engine = place.open(Role::Desktop).await;
    let mut events = engine.subscribe();
    let done = settled(&mut events).await;
    assert!(!done.copied && !done.moved_on, "nobody knows what the clipboard held before");
    assert!(!done.text.is_empty(), "the link is offered");
    engine.close().await;
}

/// An engine that asks about each image that is copied, and hears.
async fn asking() -> (Place, Remote, Engine, Receiver<Event>) {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    engine.settings().set("capture.clipboard", "ask").await.expect("set");
    watching(&place, true).await;
    let events = engine.subscribe();
    (place, remote, engine, events)
}

async fn offered(events: &mut Receiver<Event>) -> Offer {
    loop {
        if let Event::Offer(offer) = events.recv().await.expect("an event") {
            return offer;
        }
    }
}

#[tokio::test]
async fn ask_offers_and_uploads_only_when_told_and_an_offer_ends_with_the_next_copy() {
    let (place, remote, engine, mut events) = asking().await;
    place.clipboard.copy(copied(1));
    let first = offered(&mut events).await;
    assert_eq!(engine.snapshot().offer, Some(first.clone()));
    place.clipboard.copy(copied(2));
    let second = offered(&mut events).await;
    assert!(engine.uploads().answer_offer(first.id, true).await.is_err(), "the first is gone");
    assert!(remote.objects().await.is_empty());
    engine.uploads().answer_offer(second.id, true).await.expect("answered");
    assert!(settled(&mut events).await.copied);
    assert_eq!(engine.snapshot().offer, None);
    engine.close().await;
}

#[tokio::test]
async fn what_is_uploaded_another_way_is_offered_no_longer_and_neither_is_what_a_link_replaced() {
    let (place, _remote, engine, mut events) = asking().await;
    // Given by Ctrl+V, and not even on its way yet.
    engine.uploads().set_paused(true);
    place.clipboard.copy(copied(1));
    offered(&mut events).await;
    engine.uploads().submit_clipboard(Submit { deliver: Deliver::No, ..Submit::default() }).await.expect("taken");
    assert_eq!(engine.snapshot().offer, None, "it was uploaded");
    engine.uploads().set_paused(false);

    // The link of another upload takes the place of what was offered.
    let other = engine.uploads().submit(vec![bytes(image(2, 100), Some("b.png"))], quietly()).await.expect("taken");
    engine.uploads().finished(other.id).await.expect("done");
    place.clipboard.copy(copied(3));
    offered(&mut events).await;
    engine.uploads().copy_link(&other.uploads, None).await.expect("copied");
    assert_eq!(engine.snapshot().offer, None, "it is no longer on the clipboard");
    engine.close().await;
}

#[tokio::test]
async fn undo_gives_the_clipboard_back_what_the_link_replaced() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    place.clipboard.copy(copied(1));
    let how = Submit { deliver: Deliver::ByHand, ..Submit::default() };
    let batch = engine.uploads().submit_clipboard(how).await.expect("taken");
    assert!(engine.uploads().settled(batch.id).await.expect("settled").copied);
    assert!(place.clipboard.text().is_some());
    engine.uploads().undo(batch.uploads[0]).await.expect("undone");
    assert_eq!(place.clipboard.content(), Some(copied(1)));
    assert!(remote.objects().await.is_empty());
    engine.close().await;
}

#[tokio::test]
async fn files_on_the_clipboard_upload_these_files() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let paths = vec![place.file("b.png", &image(1, 100)), place.file("a.png", &image(2, 100))];
    place.clipboard.copy(Clip::Files(paths));
    let how = Submit { deliver: Deliver::ByHand, ..Submit::default() };
    let batch = engine.uploads().submit_clipboard(how).await.expect("taken");
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    assert_eq!(settled.uploads.iter().map(|upload| upload.name.as_str()).collect::<Vec<_>>(), ["b.png", "a.png"]);
    assert_eq!(place.clipboard.text().expect("links").lines().count(), 2);
    place.clipboard.copy(Clip::Text);
    let empty = engine.uploads().submit_clipboard(Submit::default()).await.expect_err("nothing there");
    assert_eq!(empty.code, imagepic_core::error::Code::ClipboardEmpty);
    engine.close().await;
}

#[tokio::test]
async fn the_console_role_never_watches_the_clipboard() {
    let place = Place::new();
    let engine = place.open(Role::Console).await;
    engine.settings().set("capture.clipboard", "automatic").await.expect("set");
    assert!(!place.clipboard.watched());
    engine.close().await;
}

#[tokio::test]
async fn a_clipboard_mode_set_by_another_process_holds_and_so_does_what_is_set_after_it() {
    let place = Place::new();
    let desktop = place.open(Role::Desktop).await;
    let console = place.open(Role::Console).await;
    let changes = async {
        console.settings().set("capture.clipboard", "ask").await.expect("set");
        watching(&place, true).await;
        console.settings().set("capture.clipboard", "off").await.expect("set");
        watching(&place, false).await;
        console.settings().set("capture.clipboard", "ask").await.expect("set");
        watching(&place, true).await;
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), changes).await.expect("heard each time");
    console.close().await;
    desktop.close().await;
}

#[tokio::test]
async fn an_image_copied_again_after_something_else_is_offered_again() {
    let (place, _remote, engine, mut events) = asking().await;
    place.clipboard.copy(copied(1));
    place.clipboard.copy(Clip::Text);
    place.clipboard.copy(copied(1));
    let offers = async {
        let mut offers = 0;
        while offers < 2 {
            offers += u32::from(matches!(events.recv().await.expect("an event"), Event::Offer(_)));
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), offers).await.expect("offered twice");
    engine.close().await;
}
