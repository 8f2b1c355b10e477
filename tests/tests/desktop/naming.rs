//! "Ask for the name before uploading", as a person meets it.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, clipboard, display, eventually, http, pictures};
use serde_json::Value;

use crate::steps::{
    BUCKET, copy_picture, drop_on_zone, gives_back_png, history, link_on_clipboard, links_on_clipboard, picture_files, set,
};

/// Ctrl+A and Enter, as the driver writes them.
const ALL: &str = "\u{e009}a";
const ENTER: &str = "\u{e007}";

struct Words {
    language: &'static str,
    upload: &'static str,
    title: &'static str,
    line: &'static str,
    menu: &'static str,
    refused: &'static str,
    typed: &'static str,
    in_link: &'static str,
}

const BOTH: [Words; 2] = [
    Words {
        language: "en",
        upload: "Upload clipboard",
        title: "Name this image",
        line: "1 waiting for its name",
        menu: "Name 1 image",
        refused: "A name holds no slash.",
        typed: "release 1.2",
        in_link: "/release%201.2.png",
    },
    Words {
        language: "zh-CN",
        upload: "上传剪贴板",
        title: "为这张图片命名",
        line: "1 个等待命名",
        menu: "为 1 张图片命名",
        refused: "名称不能含斜杠。",
        typed: "登录页",
        in_link: "/%E7%99%BB%E5%BD%95%E9%A1%B5.png",
    },
];

async fn asking(language: &str) -> Desktop {
    let desktop = Desktop::start().await;
    set(&desktop, "names.ask", "true");
    set(&desktop, "general.language", language);
    desktop
}

async fn type_name(session: &Session, name: &str) {
    let field = session.find_soon(".naming input").await;
    field.send_keys(ALL).await.expect("a field");
    field.send_keys(&format!("{name}{ENTER}")).await.expect("a field");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screenshot_goes_under_the_name_that_is_typed_and_its_link_carries_it() {
    for (seed, words) in (300..).zip(BOTH) {
        let desktop = asking(words.language).await;
        let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
        session.find_soon(".dz-foot .where").await;
        let picture = pictures::png(seed, 64, 48);
        let _owner = copy_picture(&desktop, &picture).await;
        desktop.tray().click(&[words.upload]).await;
        session.text_with("the question", |text| text.contains(words.title)).await;
        desktop.tray().wait_for(&[words.menu]).await;
        assert!(desktop.tray().menu_text().await.contains(words.line));
        session.find_soon(".naming input:focus").await;
        let chosen = "const field = document.activeElement; return [field.value, field.value.slice(field.selectionStart, field.selectionEnd)]";
        let chosen = session.execute(chosen, Vec::new()).await.expect("a field");
        let [Some(name), Some(stem)] = [chosen[0].as_str(), chosen[1].as_str()] else { panic!("{chosen}") };
        assert!(name.ends_with(".png") && name == format!("{stem}.png"), "{chosen}");

        type_name(&session, "a/b").await;
        session.text_with("why it cannot be called so", |text| text.contains(words.refused)).await;
        assert!(desktop.keys(BUCKET).is_empty(), "it went before it had a name");
        assert_eq!(history(&desktop)[0]["waiting"], "name");

        type_name(&session, words.typed).await;
        let link = link_on_clipboard(&desktop, None).await;
        assert!(link.contains(words.in_link), "{link}");
        gives_back_png(&link, &picture).await;
        assert_eq!(desktop.keys(BUCKET), [format!("{}.png", words.typed)]);
        let done = history(&desktop);
        assert_eq!((&done[0]["stage"], &done[0]["name"]), (&Value::from("done"), &Value::from(format!("{}.png", words.typed))));
        // The very picture once more: it has its link, and nobody is asked.
        let _owner = copy_picture(&desktop, &picture).await;
        eventually("the picture on the clipboard", async || {
            clipboard::targets(&desktop.machine).contains(&"image/png".to_owned()).then_some(())
        })
        .await;
        desktop.tray().click(&[words.upload]).await;
        assert_eq!(link_on_clipboard(&desktop, None).await, link);
        session.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_window_that_asks_opens_by_itself_and_the_question_outlives_it_and_a_kill() {
    let desktop = asking("en").await;
    let mut app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(310, 64, 48);
    let owner = copy_picture(&desktop, &picture).await;
    desktop.tray().click(&["Upload clipboard"]).await;
    let zone = display::wait_for_window(&desktop.machine, "Drop zone").await;
    drop(owner);
    // Closed, it is asked elsewhere, and leads back.
    display::close(&desktop.machine, &zone);
    display::wait_until_closed(&desktop.machine, "Drop zone").await;
    let told = desktop.notifications().wait_for("the question", |told| told.summary == "1 image waits for its name").await;
    assert!(told.body.contains("Nothing is sent before it has a name") && told.picture.is_some(), "{told:?}");
    desktop.notifications().press(&told, "Name…").await;
    display::wait_for_window(&desktop.machine, "Drop zone").await;
    assert!(desktop.keys(BUCKET).is_empty(), "it went by itself");
    app.kill();

    // The console tells the truth about it, and leaves it alone with all others.
    let said = desktop.imagepic(&["history"]);
    assert!(said.success().out.contains("waiting") && said.out.contains("Nothing is sent before it has a name"), "{}", said.out);
    let said = desktop.imagepic(&["retry", "--all"]);
    assert!(said.success().err.contains("1 waits for its name and is left alone"), "{}", said.err);
    assert!(said.out.is_empty(), "{}", said.out);

    let before = desktop.notifications().all().len();
    let app = desktop.launch::<&str>(&[]).await;
    desktop.tray().wait_for(&["Name 1 image"]).await;
    eventually("the question again", async || {
        desktop.notifications().all()[before..].iter().any(|told| told.summary == "1 image waits for its name").then_some(())
    })
    .await;
    assert!(display::windows(&desktop.machine).is_empty(), "no window opens by itself at a start");
    desktop.tray().click(&["Name 1 image"]).await;
    let zone = display::wait_for_window(&desktop.machine, "Drop zone").await;
    // Enter, and it goes as it is called. A window is listed before its page hears keys.
    eventually("it to go", async || {
        display::press(&desktop.machine, &zone, "Return");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        (history(&desktop)[0]["stage"] == "done").then_some(())
    })
    .await;
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &picture).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_drop_one_goes_by_the_console_one_is_cancelled_and_the_links_of_the_others_keep_their_order() {
    let desktop = asking("en").await;
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    session.find_soon(".dz-foot .where").await;
    let files = picture_files(&desktop, "shot", 4, 320);
    drop_on_zone(&desktop, &files.iter().map(|(file, _)| file.clone()).collect::<Vec<_>>()).await;
    session.text_with("the question", |text| text.contains("Name 4 images")).await;
    assert!(desktop.keys(BUCKET).is_empty());
    let mut waiting = history(&desktop);
    waiting.sort_by_key(|upload| upload["position"].as_i64());
    let said = desktop.imagepic(&["retry", &waiting[2]["id"].to_string()]);
    gives_back_png(said.success().out.trim(), &files[2].1).await;
    session.text_with("one less", |text| text.contains("Name 3 images")).await;
    // Escape, in the field of the first one.
    session.find_soon(".naming input").await.send_keys("\u{e00c}").await.expect("a field");
    session.text_with("one less", |text| text.contains("Name 2 images")).await;
    session.press("Upload all").await;
    let links = links_on_clipboard(&desktop, 3).await;
    for (link, (_, bytes)) in links.iter().zip(&files[1..]) {
        assert_eq!(http::get(link).await.bytes, *bytes);
    }
    assert_eq!(desktop.keys(BUCKET).len(), 3);
    assert_eq!(history(&desktop).iter().filter(|upload| upload["stage"] == "cancelled").count(), 1);
    session.close().await;
}
