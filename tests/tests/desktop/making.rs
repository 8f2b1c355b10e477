//! What the settings say about images and links, and what comes of it: in Chinese, from the window to the clipboard.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, clipboard, eventually, http, pictures};

use crate::hands::{ENTER, choose, click, type_over, until};
use crate::steps::{history, link_on_clipboard, set};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_are_made_as_the_settings_say_and_links_follow_ones_own_template() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    session.press("图片与命名").await;
    choose(&session, "#set-convert", "WebP").await;
    // What is wrong with a number is said of the field, and not of its name in the file.
    type_over(&session, "#set-max_width", &format!("wide{ENTER}")).await;
    session.text_with("what it takes", |text| text.contains("“最大宽度”是 1 到") && !text.contains("max_width")).await;
    type_over(&session, "#set-max_width", &format!("400{ENTER}")).await;
    let get =
        |key: &str| desktop.imagepic(&["settings", "get", &format!("destinations.this-computer.{key}")]).out.trim().to_owned();
    eventually("both in the settings", async || (get("convert") == "webp" && get("max_width") == "400").then_some(())).await;

    let drawn = desktop.file("报表@2x.png", &pictures::drawn(3));
    assert!(desktop.start_app(&[&drawn]).wait_for_end().await.success());
    let link = link_on_clipboard(&desktop, None).await;
    let made = http::get(&link).await;
    assert_eq!(made.content_type, "image/webp");
    let made = image::load_from_memory_with_format(&made.bytes, image::ImageFormat::WebP).expect("a WebP");
    assert_eq!((made.width(), made.height()), (400, 250));

    session.press("链接").await;
    click(&session, "#add-template").await;
    type_over(&session, "#template-name-0", "维基").await;
    type_over(&session, "#template-text-0", "[[{nothing}]]").await;
    until(
        &session,
        "what is wrong with it",
        "document.querySelector('#template-text-0-said')?.textContent.includes('{nothing}')",
    )
    .await;
    type_over(&session, "#template-text-0", &format!("[[{{url}}|{{alt}}|{{width}}]]{ENTER}")).await;
    desktop.tray().click(&["链接格式", "维基"]).await;
    eventually("it alone to be the format", async || {
        let lines = desktop.tray().wait_for(&["链接格式"]).await.children;
        let marked: Vec<_> = lines.iter().filter(|line| line.checked).map(|line| line.label.as_str()).collect();
        (marked == ["维基"]).then_some(())
    })
    .await;
    let uploaded = history(&desktop)[0]["name"].as_str().expect("a name").to_owned();
    desktop.tray().click(&["最近上传", &uploaded]).await;
    let copied = clipboard::wait_for_text(&desktop.machine, "the link by the template", |text| text.starts_with("[[")).await;
    assert!(copied.starts_with(&format!("[[{link}|报表")) && copied.ends_with("]]"), "{copied}");

    // A recording goes where the destination takes it, as it is.
    let film = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".repeat(40);
    let recording = desktop.file("录屏.mp4", &film);
    let mut refused = desktop.start_app(&[&recording]);
    assert_eq!(refused.wait_for_end().await.code(), Some(1), "{}", refused.said());
    session.press("上传目标").await;
    click(&session, ".form .twist").await;
    click(&session, ".tick:has(#field-any_file)").await;
    session.press("保存").await;
    eventually("it in the settings", async || (get("any_file") == "true").then_some(())).await;
    let mut taken = desktop.start_app(&[&recording]);
    assert!(taken.wait_for_end().await.success(), "{}", taken.said());
    let copied = clipboard::wait_for_text(&desktop.machine, "its link", |text| text.contains(".mp4")).await;
    let link = copied.trim_start_matches("[[").split('|').next().expect("a link");
    let sent = http::get(link).await;
    assert_eq!((sent.content_type.as_str(), sent.bytes == film), ("video/mp4", true));
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tray_app_has_avif_made_by_the_console_program_beside_it() {
    let desktop = Desktop::start().await;
    set(&desktop, "destinations.this-computer.max_width", "400");
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    session.press("Images & names").await;
    choose(&session, "#set-convert", "AVIF").await;
    let chosen = || desktop.imagepic(&["settings", "get", "destinations.this-computer.convert"]).out.trim() == "avif";
    eventually("it in the settings", async || chosen().then_some(())).await;
    let drawn = desktop.file("chart.png", &pictures::drawn(3));
    assert!(desktop.start_app(&[&drawn]).wait_for_end().await.success());
    let link = link_on_clipboard(&desktop, None).await;
    let made = http::get(&link).await;
    assert!(made.content_type == "image/avif" && link.ends_with(".avif"), "{link}: {}", made.content_type);
    assert_eq!(&made.bytes[4..12], b"ftypavif");
    // ISO/IEC 23008-12: the size stands in a box of its own.
    let at = made.bytes.windows(4).position(|name| name == b"ispe").expect("a size");
    assert_eq!(made.bytes[at + 8..at + 16], [0, 0, 1, 144, 0, 0, 0, 250], "400 × 250");
    session.close().await;
}
