//! A folder of hundreds asks before anything of it goes; files that were named one by one do not.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use imagepic_core::Code;
use imagepic_core::capture::{Capture, Content, Near, Source};
use imagepic_core::engine::{Batch, Engine, Submit};
use imagepic_core::event::{Event, Question, QuestionKind};

use crate::support::*;

const FILES: u64 = 201;

fn album(place: &Place) -> PathBuf {
    for seed in 0..FILES {
        place.file(&format!("album/deep/{seed:03}.png"), &image(seed, 40));
    }
    place.dir.path().join("album")
}

fn asking() -> Submit {
    Submit { asks: true, ..quietly() }
}

/// Gives these while somebody answers whatever is asked.
async fn answered(engine: &Engine, given: Vec<imagepic_core::capture::Capture>, yes: bool) -> (Batch, Option<Question>) {
    let mut events = engine.subscribe();
    let uploads = engine.uploads();
    let giving = uploads.submit(given, asking());
    tokio::pin!(giving);
    let mut asked = None;
    loop {
        tokio::select! {
            biased;
            event = events.recv() => if let Ok(Event::Question(question)) = event {
                assert!(engine.snapshot().open.is_empty(), "nothing is taken before the answer");
                engine.sources().answer(question.id, yes).expect("it was open");
                asked = Some(question);
            },
            batch = &mut giving => return (batch.expect("an answer"), asked),
        }
    }
}

#[tokio::test]
async fn a_folder_of_hundreds_goes_only_when_somebody_says_so() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = album(&place);
    let alone = place.file("alone.png", &image(900, 40));
    let (batch, asked) = answered(&engine, vec![path(&alone), path(&folder)], false).await;
    let asked = asked.expect("a question");
    assert_eq!(asked.kind, QuestionKind::Amount);
    assert!(
        asked.title.contains("201") && asked.title.contains("album") && asked.text.contains("Team / team / docs"),
        "{asked:?}"
    );
    assert_eq!(batch.uploads.len(), 1, "what was named by itself is meant");
    assert!(batch.refused.is_empty(), "who said no need not be told so");
    let declined = batch.each[1].outcome.as_ref().expect_err("the folder did not go");
    assert_eq!((batch.each.len(), batch.each[1].capture, declined.code), (2, 1, Code::Cancelled));
    let (batch, asked) = answered(&engine, vec![path(&folder)], true).await;
    assert!(asked.is_some());
    assert_eq!(batch.uploads.len(), 201);
    engine.uploads().finished(batch.id).await.expect("done");
    engine.close().await;
}

#[tokio::test]
async fn nothing_is_asked_about_files_that_were_named_nor_where_nobody_can_answer() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = album(&place);
    let named = (0..FILES).map(|seed| path(&folder.join(format!("deep/{seed:03}.png")))).collect();
    let (batch, asked) = answered(&engine, named, false).await;
    assert_eq!((batch.uploads.len(), asked), (201, None));
    let batch = engine.uploads().submit(vec![path(&folder)], quietly()).await.expect("taken");
    assert_eq!(batch.uploads.len(), 201);
    engine.close().await;
}

#[tokio::test]
async fn an_open_question_does_not_hold_up_the_end() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = album(&place);
    let mut events = engine.subscribe();
    let (uploads, given) = (engine.uploads(), vec![path(&folder)]);
    let giving = tokio::spawn(async move { uploads.submit(given, asking()).await });
    while !matches!(events.recv().await.expect("an event"), Event::Question(_)) {}
    engine.sources().stop_asking();
    let batch = giving.await.expect("it ends").expect("an answer");
    assert!(batch.uploads.is_empty() && engine.snapshot().questions.is_empty());
    engine.close().await;
}

#[tokio::test]
async fn nothing_is_asked_once_imagepic_is_about_to_end() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = album(&place);
    let mut events = engine.subscribe();
    engine.sources().stop_asking();
    let near = Content::Url { url: "http://127.0.0.1:9/a.png".parse().expect("an address"), near: Near::Ask };
    let near = Capture { content: near, source: Source::Url, at: SystemTime::now() };
    let uploads = engine.uploads();
    let giving = uploads.submit(vec![path(&folder), near], asking());
    let batch = tokio::time::timeout(Duration::from_secs(60), giving).await.expect("nobody is waited for").expect("an answer");
    let codes = batch.each.iter().map(|each| each.outcome.as_ref().expect_err("nobody said so").code).collect::<Vec<_>>();
    assert_eq!(codes, [Code::Cancelled, Code::PrivateAddress]);
    while let Ok(event) = events.try_recv() {
        assert!(!matches!(event, Event::Question(_)), "{event:?}");
    }
    engine.close().await;
}
