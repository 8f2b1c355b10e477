//! The same on Wayland, under sway.

use imagepic_tests::wayland::Sway;
use imagepic_tests::{Desktop, Setup, eventually, pictures};

use crate::steps::{BUCKET, app_watching, gives_back_png};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_screenshots_on_wayland_make_a_hundred_links_no_loop_no_double() {
    let mut desktop = Desktop::with(&Setup { screen: false, ..Setup::default() }).await;
    let sway = Sway::start(&mut desktop).await;
    let app = app_watching(&desktop, "automatic").await;
    let mut last = None;
    for number in 0..100 {
        let picture = pictures::png(2000 + number, 64, 48);
        sway.copy("image/png", &desktop.file("wayland.png", &picture));
        let link = eventually("a link on the clipboard", async || {
            sway.text().filter(|text| text.starts_with("http") && Some(text) != last.as_ref())
        })
        .await;
        gives_back_png(&link, &picture).await;
        last = Some(link);
    }
    assert_eq!(desktop.keys(BUCKET).len(), 100);
    app.quit();
}
