//! `kill -9` of the real app at moments nobody chose.

use std::collections::BTreeMap;
use std::time::Duration;

use imagepic_tests::{Desktop, eventually, http};

use crate::steps::{BUCKET, history, picture_files};

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

fn name(path: &std::path::Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}
