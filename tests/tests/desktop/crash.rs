//! `kill -9` of the real app at moments nobody chose.

use std::collections::BTreeMap;
use std::time::Duration;

use imagepic_tests::{Desktop, eventually, http};

use crate::steps::{BUCKET, history, picture_files};

const ROUNDS: u64 = 20;
const FILES: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_taken_in_is_in_the_bucket_exactly_once_after_twenty_kills() {
    let desktop = Desktop::start().await;
    let mut given = BTreeMap::new();
    let mut moment: u64 = 0x9e37;
    for round in 0..ROUNDS {
        let files = picture_files(&desktop, &format!("r{round:02}n"), FILES, 400);
        let mut app = desktop.launch::<&str>(&[]).await;
        let paths: Vec<_> = files.iter().map(|(path, _)| path.clone()).collect();
        let mut second = desktop.start_app(&paths);
        // Spread over the way in, sending and the end, the same in every run.
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if round % 5 > 0 {
            second.wait_for_end().await;
        }
        tokio::time::sleep(Duration::from_millis((moment >> 33) % 250)).await;
        app.kill();
        second.kill();
        given.extend(
            files.into_iter().map(|(path, bytes)| (path.file_stem().expect("a name").to_string_lossy().into_owned(), bytes)),
        );
    }

    let app = desktop.launch::<&str>(&[]).await;
    let uploads = eventually("everything to be done after the last start", async || {
        let uploads = history(&desktop);
        uploads.iter().all(|upload| upload["stage"] == "done").then_some(uploads)
    })
    .await;
    let stem = |key: &str| key.rsplit('/').next().unwrap_or_default().split('-').next().unwrap_or_default().to_owned();
    let keys = desktop.keys(BUCKET);
    let mut objects = BTreeMap::<String, Vec<String>>::new();
    keys.into_iter().for_each(|key| objects.entry(stem(&key)).or_default().push(key));
    let taken: Vec<String> = uploads.iter().map(|upload| stem(upload["key"].as_str().expect("a key"))).collect();
    assert!(taken.len() >= 20, "only {} uploads were taken in: the kills came too early to prove anything", taken.len());
    for name in &taken {
        assert_eq!(taken.iter().filter(|other| *other == name).count(), 1, "{name} was taken in twice");
        let found = objects.get(name).map_or(&[][..], Vec::as_slice);
        assert_eq!(found.len(), 1, "{name} is in the bucket as {found:?}");
        let link = desktop.imagepic(&["link", &format!("{BUCKET}/{}", found[0])]);
        let answer = http::get(link.success().out.trim()).await;
        assert!(answer.bytes == given[name], "{name} holds other bytes");
    }
    assert_eq!(objects.len(), taken.len(), "the bucket holds what the history does not know: {objects:?}");
    app.quit();
}
