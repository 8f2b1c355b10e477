//! The tray's menu as a way through buckets: choosing where uploads go, copying the links of what lies there, and what it says when
//! nobody answers. And each of its other lines.

use std::net::TcpListener;
use std::time::Duration;

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, clipboard, display, eventually, http, pictures};

use crate::steps::{BUCKET, Elsewhere, copy_picture, link_on_clipboard};

/// A panel that waits longer is seen to wait.
const AT_ONCE: Duration = Duration::from_millis(100);

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
async fn a_folder_however_deep_is_reached_by_looking_inside_and_opening_the_menu_looks_nowhere() {
    let desktop = Desktop::start().await;
    lies_there(&desktop, "a/b/c/d/e/f", 88).await;
    let app = desktop.launch::<&str>(&[]).await;
    let tray = desktop.tray();
    let look = ["Upload to", "✓ This computer", "✓ images", "a", "b", "Look inside"];
    tray.wait_for(&look).await;
    tray.opens_in(30).await;
    assert!(tray.wait_for(&look[..5]).await.children.iter().all(|line| line.label != "c"), "somebody has only opened the menu");
    tray.click(&look).await;
    // Where somebody looked stands first, and one level below it is known already.
    tray.click(&["Upload to", "This computer / images / a / b", "c", "d", "Look inside"]).await;
    let deep = ["Upload to", "This computer / images / a / b / c / d", "e", "f", "Upload here"];
    tray.wait_for(&deep).await;
    assert!(tray.opens_in(15).await < AT_ONCE);
    tray.click(&deep).await;
    let here = ["Upload to", "✓ This computer", "✓ images", "✓ a", "✓ b", "✓ c", "✓ d", "✓ e", "✓ f", "Upload here"];
    assert!(tray.wait_for(&here).await.checked);
    let _owner = copy_picture(&desktop, &pictures::png(89, 20, 20)).await;
    tray.click(&["Upload clipboard"]).await;
    let link = link_on_clipboard(&desktop, None).await;
    assert!(link.contains("/images/a/b/c/d/e/f/"), "{link}");
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_reached_is_said_to_be_and_the_menu_opens_as_fast_as_before() {
    let desktop = Desktop::start().await;
    let mut elsewhere = Elsewhere::start(&desktop).await;
    elsewhere.add(&desktop, "Elsewhere");
    let app = desktop.launch::<&str>(&[]).await;
    let here = ["Upload to", "✓ Elsewhere", "✓ images", "Upload here"];
    desktop.tray().wait_for(&["Upload to", "✓ Elsewhere", "✓ images", "Newest: choosing one copies its link"]).await;
    let alive = desktop.tray().opens_in(15).await;

    // Somebody takes the call and never says a word, which is worse than nobody being there.
    elsewhere.stop();
    let silent = eventually("the port", async || TcpListener::bind(("127.0.0.1", elsewhere.port)).ok()).await;
    let _owner = copy_picture(&desktop, &pictures::png(74, 20, 20)).await;
    desktop.tray().click(&["Upload clipboard"]).await;
    eventually("an upload under way", async || desktop.tray().menu_text().await.starts_with("Uploading 1 of 1").then_some(()))
        .await;
    let silence = desktop.tray().opens_in(15).await;
    assert!(desktop.tray().menu_text().await.contains("Uploading 1 of 1"), "it was measured while a request hung");
    drop(silent);

    desktop.tray().wait_for(&["1 waiting for the network"]).await;
    let dead = desktop.tray().opens_in(15).await;
    assert!([alive, silence, dead].iter().all(|took| *took < AT_ONCE), "alive {alive:?}, silent {silence:?}, dead {dead:?}");
    app.quit();

    // Nothing is known yet, and nobody can be asked.
    let app = desktop.launch::<&str>(&[]).await;
    desktop.tray().wait_for(&["Upload to", "✓ Elsewhere", "Elsewhere cannot be reached"]).await;
    desktop.tray().wait_for(&here).await;
    assert!(desktop.tray().opens_in(15).await < AT_ONCE);
    app.quit();
}

/// Waits until this line, and no other of its menu, has the mark.
async fn only(desktop: &Desktop, menu: &str, label: &str) {
    eventually(&format!("{label} alone to be marked"), async || {
        let lines = desktop.tray().wait_for(&[menu]).await.children;
        let marked: Vec<_> = lines.iter().filter(|line| line.checked).map(|line| line.label.as_str()).collect();
        (marked == [label]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn icon_recent_link_as_and_watch_clipboard_do_what_they_say() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    // Choosing what is chosen already changes nothing, its mark included.
    desktop.tray().click(&["Link as", "URL"]).await;
    desktop.tray().click_icon().await;
    let zone = display::wait_for_window(&desktop.machine, "Drop zone").await;
    display::close(&desktop.machine, &zone);
    display::wait_until_closed(&desktop.machine, "Drop zone").await;
    only(&desktop, "Link as", "URL").await;

    let shot = desktop.file("shot.png", &pictures::png(75, 40, 30));
    desktop.imagepic(&["upload", shot.to_str().expect("plain")]).success();
    desktop.tray().click(&["Recent", "shot.png"]).await;
    let link = link_on_clipboard(&desktop, None).await;
    http::gives_back(&link, &pictures::png(75, 40, 30), "image/png").await;

    desktop.tray().click(&["Link as", "HTML"]).await;
    only(&desktop, "Link as", "HTML").await;
    desktop.tray().click(&["Recent", "shot.png"]).await;
    let copied = clipboard::wait_for_text(&desktop.machine, "the link as HTML", |text| text.contains("<img")).await;
    assert!(copied.contains(&link) && copied.contains(r#"width="40" height="30""#), "{copied}");
    // Among the newest of the bucket it is the same link, with the name it was uploaded by.
    let key = link.rsplit('/').next().expect("a name");
    desktop.tray().click(&["Link as", "Markdown"]).await;
    eventually("Markdown to be chosen", async || desktop.tray().wait_for(&["Link as", "Markdown"]).await.checked.then_some(()))
        .await;
    desktop.tray().click(&["Upload to", "✓ This computer", "✓ images", key]).await;
    clipboard::wait_for_text(&desktop.machine, "the link as Markdown", |text| text == format!("![shot]({link})")).await;

    for (label, mode) in [("Ask", "ask"), ("Automatic", "automatic"), ("Off", "off")] {
        desktop.tray().click(&["Watch clipboard", label]).await;
        only(&desktop, "Watch clipboard", label).await;
        assert_eq!(desktop.imagepic(&["settings", "get", "capture.clipboard"]).success().out.trim(), mode);
    }
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_lead_to_a_window_open_it_where_they_say() {
    let desktop = Desktop::start().await;
    for seed in 80..87 {
        lies_there(&desktop, "docs", seed).await;
    }
    let session = Session::start(&desktop, &["--show", "library"]).await;
    desktop.tray().click(&["Upload to", "✓ This computer", "✓ images", "docs", "2 more in the library"]).await;
    session.text_with("the folder", |text| text.contains("shot-80") && text.contains("shot-86")).await;
    desktop.tray().click(&["Upload to", "✓ This computer", "✓ images", "docs", "New folder"]).await;
    let field = session.find_soon("dialog input").await;
    field.send_keys("设计稿\u{e007}").await.expect("a field");
    // Whoever begins a folder here means to upload into it.
    desktop.tray().wait_for(&["Upload to", "✓ This computer", "✓ images", "✓ docs", "✓ 设计稿", "Upload here"]).await;

    let library = display::wait_for_window(&desktop.machine, "Library").await;
    desktop.tray().click(&["Settings"]).await;
    display::wait_for_window(&desktop.machine, "Settings").await;
    display::close(&desktop.machine, &library);
    display::wait_until_closed(&desktop.machine, "Library").await;
    desktop.tray().click(&["Library"]).await;
    display::wait_for_window(&desktop.machine, "Library").await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edit_templates_opens_the_settings_at_them_and_leads_there_in_open_ones() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    session.press("Shortcuts").await;
    session.find_soon("#record-library").await;
    for _ in 0..2 {
        desktop.tray().click(&["Link as", "Edit templates"]).await;
        session.find_soon("#add-template").await;
        session.press("Shortcuts").await;
        session.find_soon("#record-library").await;
    }
    session.close().await;
    // And in settings that were closed.
    let app = desktop.launch::<&str>(&[]).await;
    desktop.tray().click(&["Link as", "Edit templates"]).await;
    display::wait_for_window(&desktop.machine, "Settings").await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_chinese_the_menu_has_every_line_in_its_order_and_no_word_of_english() {
    let desktop = Desktop::start().await;
    crate::steps::set(&desktop, "general.language", "zh-CN");
    lies_there(&desktop, "设计稿", 90).await;
    lies_there(&desktop, "图标/一/二", 91).await;
    let app = desktop.launch::<&str>(&[]).await;
    let tray = desktop.tray();
    tray.wait_for(&["上传到", "✓ 本机", "✓ images", "设计稿", "最新图片：点选即复制链接"]).await;
    tray.wait_for(&["上传到", "✓ 本机", "✓ images", "图标", "一", "查看里面有什么"]).await;
    let lines = tray.menu().await;
    let labels: Vec<_> = lines.iter().map(|line| line.label.as_str()).filter(|label| !label.is_empty()).collect();
    assert!(labels[0] == "就绪 · 本机 / images" && !lines[0].enabled, "{labels:?}");
    let wanted =
        ["上传剪贴板", "上传文件…", "最近上传", "上传到", "链接格式", "监听剪贴板", "暂停", "拖放区", "图库…", "设置…", "退出"];
    assert_eq!(labels[1..], wanted);
    // But for names: of formats, buckets and files.
    let text = tray.menu_text().await;
    for word in ["Upload", "Look", "Add", "New", "More", "Recent", "Ask", "Off", "Edit", "All ", "library"] {
        assert!(!text.contains(word), "{word}:\n{text}");
    }
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_seen_before_a_store_went_away_stays_with_the_time_it_is_of() {
    for (language, to, look, gone, here, end) in [
        ("en", "Upload to", "Look inside", "Elsewhere cannot be reached; as of ", "Upload here", "Quit"),
        ("zh-CN", "上传到", "查看里面有什么", "无法连接 Elsewhere；截至 ", "上传到这里", "退出"),
    ] {
        let desktop = Desktop::start().await;
        crate::steps::set(&desktop, "general.language", language);
        let mut store = Elsewhere::start(&desktop).await;
        store.add(&desktop, "Elsewhere");
        let file = desktop.file("deep.png", &pictures::png(94, 24, 18));
        desktop.imagepic(&["upload", file.to_str().expect("plain"), "--folder", "docs/旧/更旧"]).success();
        let app = desktop.launch::<&str>(&[]).await;
        let tray = desktop.tray();
        tray.wait_for(&[end]).await;
        let deep = [to, "✓ Elsewhere", "✓ images", "docs", "旧", look];
        tray.wait_for(&deep).await;
        store.stop();
        tray.click(&deep).await;
        eventually("that it is gone, and since when", async || {
            let lines = tray.wait_for(&[to, "✓ Elsewhere"]).await.children;
            lines.iter().any(|line| !line.enabled && line.label.starts_with(gone) && line.label.contains(':')).then_some(())
        })
        .await;
        // What was seen can still be chosen.
        assert!(tray.opens_in(15).await < AT_ONCE);
        tray.click(&[to, "✓ Elsewhere", "✓ images", "docs", here]).await;
        tray.wait_for(&[to, "✓ Elsewhere", "✓ images", "✓ docs", here]).await;
        // It says so no longer once it is back and was asked.
        store.again(&desktop).await;
        tray.click(&[to, "✓ Elsewhere", "✓ images", "✓ docs", "旧", look]).await;
        tray.wait_for(&[to, "Elsewhere / images / docs / 旧", "更旧"]).await;
        eventually("no word of it", async || (!tray.menu_text().await.contains(gone)).then_some(())).await;
        app.quit();
    }
}
