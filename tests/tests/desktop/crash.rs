//! `kill -9` of the real app at moments nobody chose, and the end of its display.

use std::collections::BTreeMap;
use std::time::Duration;

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, display, eventually, http, pictures};

use crate::hands::click;
use crate::steps::{BUCKET, gives_back_png, history, link_on_clipboard, picture_files};

const ROUNDS: u64 = 20;
const FILES: u64 = 8;

/// What becomes of the app that a further start gives its files to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    /// At the very moment the further start has ended.
    Answered,
    /// Some time after that.
    Later,
    /// Whatever is under way.
    Anywhere,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_taken_in_is_in_the_bucket_exactly_once_after_twenty_kills() {
    let desktop = Desktop::start().await;
    let (mut given, mut promised) = (BTreeMap::new(), Vec::new());
    let mut moment: u64 = 0x9e37;
    for round in 0..ROUNDS {
        let files = picture_files(&desktop, &format!("r{round:02}n"), FILES, 400);
        let kill = [Kill::Answered, Kill::Answered, Kill::Later, Kill::Anywhere][usize::try_from(round % 4).expect("small")];
        // Spread over the start, the way in, sending and the end, the same in every run.
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wait = Duration::from_millis((moment >> 33) % 250);
        let mut app = if round % 3 == 0 {
            // It takes what it was given while it was only starting.
            let app = desktop.start_app::<&str>(&[]);
            eventually("the app to hold its lock", async || desktop.has_app().then_some(())).await;
            app
        } else {
            desktop.launch::<&str>(&[]).await
        };
        if kill != Kill::Later {
            tokio::time::sleep(wait).await;
        }
        let paths: Vec<_> = files.iter().map(|(path, _)| path.clone()).collect();
        let mut second = desktop.start_app(&paths);
        match kill {
            Kill::Anywhere => tokio::time::sleep(wait).await,
            Kill::Answered | Kill::Later => {
                let status = eventually("the further start to end", async || {
                    // Looked at more often than others wait: what is lost is lost within milliseconds.
                    for _ in 0..20 {
                        if let Some(status) = second.ended() {
                            return Some(status);
                        }
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    None
                })
                .await;
                assert!(status.success(), "it was refused: {}", second.said());
                promised.extend(files.iter().map(|(path, _)| name(path)));
                if kill == Kill::Later {
                    tokio::time::sleep(wait).await;
                }
            }
        }
        app.kill();
        second.kill();
        given.extend(files.into_iter().map(|(path, bytes)| (name(&path), bytes)));
    }

    let app = desktop.launch::<&str>(&[]).await;
    let uploads = eventually("everything to be done after the last start", async || {
        let uploads = history(&desktop);
        uploads.iter().all(|upload| upload["stage"] == "done").then_some(uploads)
    })
    .await;
    let stem = |key: &str| key.rsplit('/').next().unwrap_or_default().split('-').next().unwrap_or_default().to_owned();
    let mut objects = BTreeMap::<String, Vec<String>>::new();
    desktop.keys(BUCKET).into_iter().for_each(|key| objects.entry(stem(&key)).or_default().push(key));
    let lost: Vec<_> = promised.iter().filter(|name| !objects.contains_key(*name)).collect();
    assert!(lost.is_empty(), "{} of {} files were given to an app that said it took them: {lost:?}", lost.len(), promised.len());
    for (name, found) in &objects {
        assert_eq!(found.len(), 1, "{name} is in the bucket as {found:?}");
        let known = uploads.iter().find(|upload| upload["key"] == found[0].as_str());
        let known = known.unwrap_or_else(|| panic!("the bucket holds {found:?}, which the history does not know"));
        let answer = http::get(known["url"].as_str().expect("a link")).await;
        assert!(answer.bytes == given[name], "{name} holds other bytes");
    }
    for upload in &uploads {
        let key = upload["key"].as_str().expect("a key");
        assert!(objects.contains_key(&stem(key)), "the history knows {key}, which is not in the bucket");
    }
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_display_goes_away_loses_nothing_and_the_next_one_begins_as_after_a_farewell() {
    let mut desktop = Desktop::start().await;
    let deleted = desktop.file("deleted.png", &pictures::png(195, 50, 40));
    desktop.imagepic(&["upload", deleted.to_str().expect("plain")]).success();
    let session = Session::start(&desktop, &["--show", "library"]).await;
    click(&session, ".details [aria-label=Delete]").await;
    session.text_with("it to leave the list", |text| text.contains("1 upload deleted")).await;
    desktop.tray().click(&["Pause"]).await;
    desktop.tray().wait_for(&["Paused"]).await;
    let picture = pictures::png(196, 60, 40);
    assert!(desktop.start_app(&[desktop.file("waits.png", &picture)]).wait_for_end().await.success());
    desktop.machine.new_session((1280, 1024)).expect("another display");
    desktop.app_ends().await;
    drop(session);
    eventually("its windows' processes to end", async || {
        desktop.running().iter().all(|name| !name.contains("WebKit") && !name.contains("imagepic-deskto")).then_some(())
    })
    .await;

    let told = desktop.notifications().all().len();
    let app = desktop.launch::<&str>(&[]).await;
    desktop.tray().wait_for(&["Paused · 1 queued"]).await;
    eventually("what was deleted to go", async || desktop.keys(BUCKET).is_empty().then_some(())).await;
    assert!(display::windows(&desktop.machine).is_empty(), "{:?}", display::windows(&desktop.machine));
    desktop.tray().click(&["Pause"]).await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    assert_eq!(history(&desktop).len(), 1);
    let told = desktop.notifications().all().split_off(told);
    assert!(told.iter().all(|told| told.summary == "Link copied"), "{told:?}");
    let log = std::fs::read_to_string(desktop.home().join("logs/imagepic.log")).expect("a log");
    assert!(!log.contains(" ERROR ") && !log.contains("panic"), "{log}");
    app.quit();
}

fn name(path: &std::path::Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}
