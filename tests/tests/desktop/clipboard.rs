//! A screenshot on the clipboard, and its link in its place.

use imagepic_tests::{Desktop, clipboard, http, pictures};

use crate::steps::{BUCKET, app_watching, copy_picture, gives_back_png, link_on_clipboard, picture_files, set};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screenshot_becomes_a_link_that_gives_back_the_very_bytes() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let app = app_watching(&desktop, "automatic").await;
    let picture = pictures::png(7, 320, 200);
    let _owner = copy_picture(&desktop, &picture).await;
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &picture).await;
    desktop.notifications().wait_for("the link was copied", |told| told.summary == "已复制 1 个链接").await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_screenshots_make_a_hundred_links_no_loop_no_double() {
    let desktop = Desktop::start().await;
    let app = app_watching(&desktop, "automatic").await;
    let mut last: Option<String> = None;
    for number in 0..100 {
        let picture = pictures::png(1000 + number, 48, 32);
        let _owner = copy_picture(&desktop, &picture).await;
        let link = link_on_clipboard(&desktop, last.as_deref()).await;
        gives_back_png(&link, &picture).await;
        last = Some(link);
    }
    assert_eq!(desktop.keys(BUCKET).len(), 100);
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clipboard_uploads_from_the_tray_with_the_watch_off() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(8, 100, 80);
    let _owner = copy_picture(&desktop, &picture).await;
    // Off is off.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(desktop.keys(BUCKET).is_empty());
    desktop.tray().click(&["Upload clipboard"]).await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_on_the_clipboard_upload_these_files() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let files = picture_files(&desktop, "copied", 2, 40);
    let list: String = files.iter().map(|(file, _)| format!("{}\r\n", imagepic_tests::xdnd::file_uri(file))).collect();
    let list = desktop.file("list", list.as_bytes());
    let _owner = clipboard::copy(&desktop.machine, "text/uri-list", &list).await;
    desktop.tray().click(&["Upload clipboard"]).await;
    let links = crate::steps::links_on_clipboard(&desktop, 2).await;
    for (link, (_, bytes)) in links.iter().zip(&files) {
        gives_back_png(link, bytes).await;
    }
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_app_hears_settings_set_on_the_console() {
    let desktop = Desktop::start().await;
    let app = app_watching(&desktop, "off").await;
    set(&desktop, "capture.clipboard", "automatic");
    imagepic_tests::eventually("the watch to be on in the tray", async || {
        desktop.tray().wait_for(&["Watch clipboard", "Automatic"]).await.checked.then_some(())
    })
    .await;
    let picture = pictures::png(9, 64, 64);
    let _owner = copy_picture(&desktop, &picture).await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ask_asks_and_uploads_only_on_yes() {
    for (language, question, no, yes) in
        [("en", "Upload this screenshot?", "Not this one", "Upload"), ("zh-CN", "上传这张截图？", "不传这个", "上传")]
    {
        let desktop = Desktop::start().await;
        set(&desktop, "general.language", language);
        let app = app_watching(&desktop, "ask").await;
        let left = pictures::png(10, 64, 64);
        let _first = copy_picture(&desktop, &left).await;
        let asked = desktop.notifications().wait_for("may it upload?", |told| told.summary.contains(question)).await;
        desktop.notifications().press(&asked, no).await;
        let wanted = pictures::png(11, 65, 64);
        let _second = copy_picture(&desktop, &wanted).await;
        let asked = desktop
            .notifications()
            .wait_for("may the second one upload?", |told| told.summary.contains(question) && told.body.contains("65"))
            .await;
        desktop.notifications().press(&asked, yes).await;
        gives_back_png(&link_on_clipboard(&desktop, None).await, &wanted).await;
        assert_eq!(desktop.keys(BUCKET).len(), 1);
        app.quit();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copied_text_stays_what_it_is() {
    let desktop = Desktop::start().await;
    let app = app_watching(&desktop, "automatic").await;
    let file = desktop.file("note.txt", b"buy milk");
    let _owner = clipboard::copy(&desktop.machine, "UTF8_STRING", &file).await;
    clipboard::wait_for_text(&desktop.machine, "the note", |text| text == "buy milk").await;
    // A picture afterwards shows that the watch is alive and past the text.
    let picture = pictures::png(12, 30, 30);
    let _picture = copy_picture(&desktop, &picture).await;
    let link = link_on_clipboard(&desktop, None).await;
    assert_eq!(http::get(&link).await.bytes, picture);
    assert_eq!(desktop.keys(BUCKET).len(), 1);
    app.quit();
}
