//! The tray's menu as a way through buckets: choosing where uploads go, copying the links of what lies there, and what it says when
//! nobody answers.

use imagepic_tests::{Desktop, http, pictures};

use crate::steps::{BUCKET, Elsewhere, copy_picture, link_on_clipboard};

/// Uploads a picture into a folder of this computer's bucket, as somebody else would; its name there.
async fn lies_there(desktop: &Desktop, folder: &str, seed: u64) -> (String, Vec<u8>) {
    let picture = pictures::png(seed, 24, 18);
    let file = desktop.file(&format!("shot-{seed}.png"), &picture);
    desktop.imagepic(&["upload", file.to_str().expect("plain"), "--folder", folder]).success();
    let key =
        desktop.keys(BUCKET).into_iter().find(|key| key.starts_with(&format!("{folder}/shot-{seed}"))).expect("it is there");
    (key.rsplit('/').next().expect("a name").to_owned(), picture)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_image_of_a_folder_gives_its_link_at_one_click() {
    let desktop = Desktop::start().await;
    let (name, picture) = lies_there(&desktop, "设计稿", 71).await;
    let app = desktop.launch::<&str>(&[]).await;
    let way = ["Upload to", "✓ This computer", "✓ images", "设计稿", &name];
    desktop.tray().wait_for(&way).await;
    desktop.tray().click(&way).await;
    let link = link_on_clipboard(&desktop, None).await;
    http::gives_back(&link, &picture, "image/png").await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_chosen_in_the_menu_is_where_the_next_upload_goes() {
    let desktop = Desktop::start().await;
    lies_there(&desktop, "docs", 72).await;
    let app = desktop.launch::<&str>(&[]).await;
    let here = ["Upload to", "✓ This computer", "✓ images", "docs", "Upload here"];
    desktop.tray().wait_for(&here).await;
    desktop.tray().click(&here).await;
    let chosen = desktop.tray().wait_for(&["Upload to", "✓ This computer", "✓ images", "✓ docs", "Upload here"]).await;
    assert!(chosen.checked, "the present place has its mark");
    let picture = pictures::png(73, 20, 20);
    let _owner = copy_picture(&desktop, &picture).await;
    desktop.tray().click(&["Upload clipboard"]).await;
    let link = link_on_clipboard(&desktop, None).await;
    assert!(link.contains("/images/docs/"), "{link}");
    // What was just uploaded is in the menu without anybody having asked the store.
    let name = link.rsplit('/').next().expect("a name").split('?').next().expect("a path").to_owned();
    desktop.tray().wait_for(&["Upload to", "✓ This computer", "✓ images", "✓ docs", &name]).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_reached_is_said_to_be_and_the_menu_opens_all_the_same() {
    let desktop = Desktop::start().await;
    let mut elsewhere = Elsewhere::start(&desktop).await;
    elsewhere.add(&desktop, "Elsewhere");
    elsewhere.stop();
    let app = desktop.launch::<&str>(&[]).await;
    desktop.tray().wait_for(&["Upload to", "✓ Elsewhere", "Elsewhere cannot be reached"]).await;
    let begun = std::time::Instant::now();
    desktop.tray().wait_for(&["Upload to", "✓ Elsewhere", "✓ images", "Upload here"]).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    app.quit();
}
