//! Pictures of the real windows for people and for the README: `cargo xtask shots` puts them into `artifacts/shots/`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use imagepic_tests::desktop::root;
use imagepic_tests::{Desktop, clipboard, display, eventually, http, pictures};

use crate::steps::{drop_on_zone, links_on_clipboard, set};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes pictures, proves nothing: cargo xtask shots"]
async fn every_window_in_both_languages_and_themes() {
    let folder = root().join("artifacts/shots");
    std::fs::create_dir_all(&folder).expect("the disk has room");
    for (language, titles) in [("en", ["Drop zone", "Settings"]), ("zh-CN", ["拖放区", "设置"])] {
        for theme in ["light", "dark"] {
            let desktop = Desktop::start().await;
            set(&desktop, "general.language", language);
            set(&desktop, "general.theme", theme);
            let app = desktop.launch(&["--show", "drop-zone"]).await;
            let zone = display::wait_for_window(&desktop.machine, titles[0]).await;
            picture(&desktop, &zone, folder.join(format!("drop-zone-{language}-{theme}.png"))).await;
            if language == "en" {
                let sample = root().join("assets/sample.png");
                let others = [61, 62].map(|seed| desktop.file(&format!("noise-{seed}.png"), &pictures::png(seed, 90, 60)));
                drop_on_zone(&desktop, &[sample, others[0].clone(), others[1].clone()]).await;
                let links = links_on_clipboard(&desktop, 3).await;
                assert_eq!(http::get(&links[0]).await.status, 200);
                assert!(clipboard::text(&desktop.machine).is_some());
                picture(&desktop, &zone, folder.join(format!("drop-zone-done-{theme}.png"))).await;
            }
            // It stays above, and would be in the way.
            display::close(&desktop.machine, &zone);
            display::wait_until_closed(&desktop.machine, titles[0]).await;
            desktop.tray().click(&[if language == "en" { "Settings" } else { "设置" }]).await;
            let settings = display::wait_for_window(&desktop.machine, titles[1]).await;
            picture(&desktop, &settings, folder.join(format!("settings-{language}-{theme}.png"))).await;
            app.quit();
        }
    }
}

/// A window paints some time after it is listed, and nobody tells when it is done: two pictures that are alike and show more than an
/// empty page are taken for the end.
async fn picture(desktop: &Desktop, window: &display::Shown, file: PathBuf) {
    let mut last = Vec::new();
    eventually("the window to be painted", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        display::screenshot(&desktop.machine, Some(window), &file);
        let pixels = std::fs::read(&file).expect("it was made");
        let colours: HashSet<_> = image::load_from_memory(&pixels).ok()?.to_rgb8().pixels().map(|pixel| pixel.0).collect();
        let done = pixels == last && colours.len() > 20;
        last = pixels;
        done.then_some(())
    })
    .await;
}
