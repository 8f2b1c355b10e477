//! What the settings say about images and links, and what comes of it: from the window to the clipboard.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, clipboard, eventually, http, pictures};

use crate::hands::{ENTER, choose, click, speaks, type_over, until};
use crate::steps::{history, link_on_clipboard, set};

struct Words {
    language: &'static str,
    title: &'static str,
    images: &'static str,
    keep: &'static str,
    refused: &'static str,
    links: &'static str,
    menu: [&'static str; 2],
    template: &'static str,
    stem: &'static str,
}

const BOTH: [Words; 2] = [
    Words {
        language: "en",
        title: "Settings",
        images: "Images & names",
        keep: "Keep the format",
        refused: "\"Largest width\" takes a whole number from 1 to",
        links: "Links",
        menu: ["Link as", "Recent"],
        template: "Wiki",
        stem: "report",
    },
    Words {
        language: "zh-CN",
        title: "设置",
        images: "图片与命名",
        keep: "保持原格式",
        refused: "“最大宽度”是 1 到",
        links: "链接",
        menu: ["链接格式", "最近上传"],
        template: "维基",
        stem: "报表",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_are_made_as_the_settings_say_and_links_follow_ones_own_template() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    let get =
        |key: &str| desktop.imagepic(&["settings", "get", &format!("destinations.this-computer.{key}")]).out.trim().to_owned();
    for (at, (words, (width, height))) in BOTH.into_iter().zip([(320, 200), (400, 250)]).enumerate() {
        speaks(&desktop, words.language, words.title).await;
        session.press(words.images).await;
        choose(&session, "#set-convert", words.keep).await;
        eventually("nothing to be converted", async || (get("convert") == "none").then_some(())).await;
        choose(&session, "#set-convert", "WebP").await;
        // What is wrong with a number is said of the field, and not of its name in the file.
        type_over(&session, "#set-max_width", &format!("wide{ENTER}")).await;
        session.text_with("what it takes", |text| text.contains(words.refused) && !text.contains("max_width")).await;
        type_over(&session, "#set-max_width", &format!("{width}{ENTER}")).await;
        let both = || get("convert") == "webp" && get("max_width") == width.to_string();
        eventually("both in the settings", async || both().then_some(())).await;

        let drawn = desktop.file(&format!("{}@2x.png", words.stem), &pictures::drawn(3));
        assert!(desktop.start_app(&[&drawn]).wait_for_end().await.success());
        // Not by the template of the language before, which is still the format.
        let link = eventually("its link", async || {
            let newest = desktop.imagepic(&["history", "--json", "--limit", "1"]).success().json().into_iter().next()?;
            (newest["stage"] == "done" && newest["name"].as_str()?.starts_with(words.stem)).then_some(())?;
            newest["url"].as_str().map(str::to_owned)
        })
        .await;
        let made = http::get(&link).await;
        assert_eq!(made.content_type, "image/webp");
        let made = image::load_from_memory_with_format(&made.bytes, image::ImageFormat::WebP).expect("a WebP");
        assert_eq!((made.width(), made.height()), (width, height));

        session.press(words.links).await;
        let field = |what: &str| format!("#template-{what}-{at}");
        click(&session, "#add-template").await;
        type_over(&session, &field("name"), words.template).await;
        type_over(&session, &field("text"), "[[{nothing}]]").await;
        let said = format!("document.querySelector('{}-said')?.textContent.includes('{{nothing}}')", field("text"));
        until(&session, "what is wrong with it", &said).await;
        type_over(&session, &field("text"), &format!("[[{{url}}|{{alt}}|{{width}}]]{ENTER}")).await;
        let [format, recent] = words.menu;
        desktop.tray().click(&[format, words.template]).await;
        eventually("it alone to be the format", async || {
            let lines = desktop.tray().wait_for(&[format]).await.children;
            let marked: Vec<_> = lines.iter().filter(|line| line.checked).map(|line| line.label.as_str()).collect();
            (marked == [words.template]).then_some(())
        })
        .await;
        let uploaded = history(&desktop)[0]["name"].as_str().expect("a name").to_owned();
        desktop.tray().click(&[recent, &uploaded]).await;
        let begins = format!("[[{link}|{}", words.stem);
        clipboard::wait_for_text(&desktop.machine, "the link by the template", |text| {
            text.starts_with(&begins) && text.ends_with("]]")
        })
        .await;
    }

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
