//! A screenshot on the clipboard, and its link in its place.

use imagepic_tests::selection::Offer;
use imagepic_tests::{Desktop, clipboard, eventually, http, pictures};

use crate::hands::copy_a_word;
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
    eventually("the watch to be on in the tray", async || {
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

/// Copied by an office program, which puts a picture of the text beside it.
fn beside_text(picture: &[u8]) -> Vec<Offer> {
    vec![("UTF8_STRING", b"Total 4,711".to_vec()), ("image/png", picture.to_vec())]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_password_manager_conceals_is_never_read_and_a_picture_beside_text_waits_to_be_asked_for() {
    let desktop = Desktop::start().await;
    let app = app_watching(&desktop, "automatic").await;
    let secret = || vec![("x-kde-passwordManagerHint", b"secret".to_vec()), ("image/png", pictures::png(170, 40, 30))];
    let alone = |picture: &[u8]| {
        vec![
            ("text/html", b"<meta charset=utf-8><img src=\"https://a.example/b.png\">".to_vec()),
            ("image/png", picture.to_vec()),
        ]
    };
    let mut before = None;
    for (number, (language, upload, nothing)) in (171..)
        .step_by(3)
        .zip([("en", "Upload clipboard", "The clipboard holds no image"), ("zh-CN", "上传剪贴板", "剪贴板中没有图片或文件")])
    {
        set(&desktop, "general.language", language);
        desktop.tray().wait_for(&[upload]).await;
        let concealed = clipboard::offer(&desktop.machine, &secret());
        eventually("the watch to look at it", async || concealed.asked().contains(&"x-kde-passwordManagerHint").then_some(()))
            .await;
        // Asked for by hand it stays concealed.
        desktop.tray().click(&[upload]).await;
        desktop.notifications().wait_for("that there is nothing", |told| told.body.contains(nothing)).await;
        assert!(!concealed.asked().contains(&"image/png"), "a secret was read");
        drop(concealed);

        let table = pictures::png(number, 50, 40);
        let office = clipboard::offer(&desktop.machine, &beside_text(&table));
        eventually("the watch to look at it", async || office.asked().contains(&"TARGETS").then_some(())).await;
        // The picture that a browser copies shows that the watch is past it, and that HTML of one picture alone is no text.
        let picture = pictures::png(number + 1, 60, 40);
        let browser = clipboard::offer(&desktop.machine, &alone(&picture));
        let link = link_on_clipboard(&desktop, before.as_deref()).await;
        gives_back_png(&link, &picture).await;
        assert!(!office.asked().contains(&"image/png"), "a table was read as a picture");
        drop((office, browser));

        // By hand it is what was meant.
        let office = clipboard::offer(&desktop.machine, &beside_text(&table));
        desktop.tray().click(&[upload]).await;
        let link = clipboard::wait_for_text(&desktop.machine, "its link", |text| text.starts_with("http") && text != link).await;
        gives_back_png(&link, &table).await;
        drop(office);
        before = Some(link);
    }
    assert_eq!(desktop.keys(BUCKET).len(), 4);
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_copies_meanwhile_stays_and_the_link_is_offered() {
    let desktop = Desktop::start().await;
    let app = app_watching(&desktop, "automatic").await;
    for (number, (language, [pause, queued, meanwhile, copy])) in (177..).zip([
        ("en", ["Pause", "Paused · 1 queued", "You copied something else meanwhile", "Copy link"]),
        ("zh-CN", ["暂停", "已暂停 · 1 个排队中", "你在此期间复制了别的内容", "复制链接"]),
    ]) {
        set(&desktop, "general.language", language);
        desktop.tray().click(&[pause]).await;
        let picture = pictures::png(number, 50, 40);
        let owner = copy_picture(&desktop, &picture).await;
        desktop.tray().wait_for(&[queued]).await;
        drop(owner);
        let _word = copy_a_word(&desktop, "a word").await;
        desktop.tray().click(&[pause]).await;
        let told = desktop.notifications().wait_for("the link", |told| told.body.contains(meanwhile)).await;
        assert_eq!(clipboard::text(&desktop.machine).as_deref(), Some("a word"), "what was copied meanwhile is gone");
        desktop.notifications().press(&told, copy).await;
        gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    }
    app.quit();
}
