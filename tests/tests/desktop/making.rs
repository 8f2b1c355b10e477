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
    session.close().await;
}
