//! One home, several processes.

use imagepic_tests::{Desktop, display, eventually, pictures};

use crate::steps::{BUCKET, gives_back_png, history, link_on_clipboard, links_on_clipboard, picture_files};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_with_files_uploads_them_in_the_first_one() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let files = picture_files(&desktop, "second", 2, 60);
    let mut second = desktop.start_app(&[&files[0].0, &files[1].0]);
    assert!(second.wait_for_end().await.success(), "{}", second.said());
    for (link, (_, bytes)) in links_on_clipboard(&desktop, 2).await.iter().zip(&files) {
        gives_back_png(link, bytes).await;
    }
    assert_eq!(desktop.tray().registrations(), 1, "a second icon in the tray");
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_bare_start_shows_where_imagepic_is() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let mut second = desktop.start_app::<&str>(&[]);
    assert!(second.wait_for_end().await.success(), "{}", second.said());
    display::wait_for_window(&desktop.machine, "Drop zone").await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_beside_the_tray_app_uses_its_bucket() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let file = desktop.file("console.png", &pictures::png(30, 90, 90));
    let said = desktop.imagepic(&["upload", "--json", file.to_str().expect("plain")]);
    let results = said.success().json();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["ok"], true, "{results:?}");
    let bytes = std::fs::read(&file).expect("it was written");
    assert_eq!(results[0]["sha256"].as_str(), Some(pictures::sha256(&bytes).as_str()));
    gives_back_png(results[0]["url"].as_str().expect("a link"), &bytes).await;
    // The tray hears of it.
    desktop.tray().wait_for(&["Recent", "console.png"]).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_starts_at_once_make_one_app_and_lose_no_file() {
    let desktop = Desktop::start().await;
    let files = picture_files(&desktop, "race", 2, 60);
    let mut one = desktop.start_app(&[&files[0].0]);
    let mut other = desktop.start_app(&[&files[1].0]);
    eventually("one of the two to hand over and end", async || one.ended().or_else(|| other.ended())).await;
    eventually("both files to be uploaded", async || {
        let done = history(&desktop).iter().filter(|upload| upload["stage"] == "done").count();
        (done == 2).then_some(())
    })
    .await;
    assert_eq!(desktop.keys(BUCKET).len(), 2);
    assert!(one.ended().is_none() || other.ended().is_none(), "both have ended");
    link_on_clipboard(&desktop, None).await;
}
