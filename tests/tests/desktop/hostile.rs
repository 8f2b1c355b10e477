//! Names that somebody made to do harm, from files, from a bucket and from a server: text wherever they are shown, and the windows'
//! own rules, which hold even where one would slip through.

use imagepic_bucket::bench;
use imagepic_tests::embedded::embedded;
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, Site, eventually, pictures};
use serde_json::json;

use crate::hands::{click, speaks};
use crate::steps::{BUCKET, add_s3, drop_on_zone, gives_back_png, history, link_on_clipboard};

/// Closes an attribute and a tag, begins a picture that is none, breaks the line and turns the writing round.
const HOSTILE: &str = "\"><img src=x onerror=document.title='broken'>&lt;b>\n{{1+1}}\u{202e}gnp";
/// What of it must be read as it is.
const READ: &str = "<img src=x onerror=document.title='broken'>";

/// Nothing of it became a part of the page, and nothing that is read is turned round.
async fn is_text(session: &Session) {
    let look = "return [document.querySelectorAll('img[onerror], img[src=x], script:not([src])').length, document.title === 'broken', \
                document.body.innerText + [...document.querySelectorAll('[title]')].map((one) => one.title).join('')]";
    let seen = session.execute(look, Vec::new()).await.expect("a page");
    assert_eq!((&seen[0], &seen[1]), (&json!(0), &json!(false)), "it became a part of the page");
    let text = seen[2].as_str().expect("a text");
    assert!(!text.contains('\u{202e}'), "what follows is read from the right: {text}");
}

/// No line of the menu is turned round, and none is two.
async fn is_a_line(desktop: &Desktop, recent: &str, begins: &str) {
    let line = eventually("its line", async || {
        let lines = desktop.tray().wait_for(&[recent]).await.children;
        lines.into_iter().find(|line| line.label.starts_with(begins))
    })
    .await;
    assert!(!line.label.contains('\n') && line.label.contains("gnp.png · "), "{:?}", line.label);
    assert!(!desktop.tray().menu_text().await.contains('\u{202e}'), "{:?}", line.label);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_file_name_is_text_in_the_zone_the_tray_notifications_and_the_library() {
    let desktop = Desktop::start().await;
    desktop.notifications().read_markup();
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    let mut last = None;
    for (seed, (language, zone_title, recent, refused, copied, clear)) in (210..).zip([
        ("en", "Drop zone", "Recent", "is not an image", "Link copied", "Close"),
        ("zh-CN", "拖放区", "最近上传", "不是图片", "链接已复制", "清除"),
    ]) {
        speaks(&desktop, language, zone_title).await;
        let notes = desktop.file(&format!("{language}{HOSTILE}.txt"), b"these are notes");
        drop_on_zone(&desktop, &[notes]).await;
        session.text_with("why it was not taken", |text| text.contains("onerror") && text.contains(refused)).await;
        is_text(&session).await;
        session.press(clear).await;

        let picture = pictures::png(seed, 60, 40);
        let file = desktop.file(&format!("{language}{HOSTILE}.png"), &picture);
        let good = desktop.file(&format!("{language}-good.png"), &pictures::png(seed + 10, 60, 40));
        drop_on_zone(&desktop, &[file]).await;
        let link = link_on_clipboard(&desktop, last.as_deref()).await;
        gives_back_png(&link, &picture).await;
        session.text_with("that it is done", |text| text.contains(copied)).await;
        is_text(&session).await;
        is_a_line(&desktop, recent, &format!("{language}\">")).await;
        let told = desktop.notifications().wait_for("its link", |told| told.body.contains(&format!("{language}\""))).await;
        assert!(told.body.contains("&lt;img") && !told.body.contains("<img"), "a tag in a notification: {}", told.body);
        assert!(!told.body.contains('\u{202e}'), "{:?}", told.body);

        // The next one goes as if nothing had been.
        drop_on_zone(&desktop, &[good]).await;
        let next = link_on_clipboard(&desktop, Some(&link)).await;
        gives_back_png(&next, &pictures::png(seed + 10, 60, 40)).await;
        last = Some(next);
    }
    session.close().await;
    desktop.app_ends().await;

    let session = Session::start(&desktop, &["--show", "library"]).await;
    for (language, title) in [("zh-CN", "图库"), ("en", "Library")] {
        speaks(&desktop, language, title).await;
        session.text_with("both of them", |text| text.matches("\"><img src").count() >= 2).await;
        is_text(&session).await;
        // In lines, and in the details of one.
        session
            .execute("document.querySelector('.seg.icons label:nth-child(2) input').click()", Vec::new())
            .await
            .expect("a script");
        click(&session, ".cell[data-id='3'] .thumb").await;
        session.text_with("its details", |text| text.contains(READ)).await;
        is_text(&session).await;
        session
            .execute("document.querySelector('.seg.icons label:nth-child(1) input').click()", Vec::new())
            .await
            .expect("a script");
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_keys_and_folders_of_a_bucket_are_text_in_the_library_the_settings_and_the_tray() {
    let desktop = Desktop::start().await;
    let store = embedded().await;
    store.itself.ensure_bucket(BUCKET).await.expect("a bucket");
    let names = [
        format!("{HOSTILE}.png"),
        format!("{HOSTILE}/a.png"),
        "../up.png".to_owned(),
        "{{ 1 + 1 }}/b.png".to_owned(),
        "nul\u{0}\u{7}.png".to_owned(),
        format!("{}.png", "w".repeat(900)),
        " ".to_owned(),
    ];
    let count = u32::try_from(names.len()).expect("few");
    bench::fill(&store.itself, BUCKET, count, move |n| names[n as usize].clone()).await.expect("filled");
    let keys = (store.reached.access_key, store.reached.secret_key);
    add_s3(&desktop, "Wild <b>", &store.reached.endpoint, keys);
    let session = Session::start(&desktop, &["--show", "library"]).await;
    for (language, title, to) in [("en", "Library", "Upload to"), ("zh-CN", "图库", "上传到")] {
        speaks(&desktop, language, title).await;
        let id = desktop.imagepic(&["settings", "get", "destination.current"]).success().out.trim().to_owned();
        let go = format!("location.hash = '#buckets/{id}/{BUCKET}/'; dispatchEvent(new PopStateEvent('popstate'))");
        session.execute(&go, Vec::new()).await.expect("a script");
        session
            .text_with("what lies there", |text| text.matches(READ).count() >= 2 && text.contains("up.png") | text.contains(".."))
            .await;
        is_text(&session).await;
        let cells = "document.querySelectorAll('.bucket-content .cell')";
        let pick = format!("{cells}[0].dispatchEvent(new MouseEvent('click', {{ bubbles: true }})); return {cells}.length");
        let shown = session.execute(&pick, Vec::new()).await.expect("a list").as_u64();
        assert!(shown.is_some_and(|shown| shown >= 6), "{shown:?} entries");
        is_text(&session).await;
        let place = desktop.tray().wait_for(&[to, "✓ Wild <b>", "✓ images"]).await;
        let folder = eventually("its folder in the menu", async || {
            let place = desktop.tray().wait_for(&[to, "✓ Wild <b>", "✓ images"]).await;
            place.children.into_iter().map(|line| line.label).find(|label| label.contains("<img"))
        })
        .await;
        assert!(!folder.contains(['\n', '\u{202e}']), "{folder:?}");
        assert!(place.children.iter().all(|line| !line.label.contains(['\n', '\u{202e}', '\u{0}'])), "{place:?}");
        // And it still opens a window and uploads.
        let picture = pictures::png(230, 40, if language == "en" { 30 } else { 31 });
        assert!(desktop.start_app(&[desktop.file("plain.png", &picture)]).wait_for_end().await.success());
        eventually("it to be uploaded", async || (history(&desktop)[0]["stage"] == "done").then_some(())).await;
    }
    session.close().await;
    desktop.app_ends().await;

    let session = Session::start(&desktop, &["--show", "settings"]).await;
    for (language, title) in [("zh-CN", "设置"), ("en", "Settings")] {
        speaks(&desktop, language, title).await;
        session.text_with("the destination's name as it is", |text| text.contains("Wild <b>")).await;
        is_text(&session).await;
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hostile_server_says_is_text() {
    let desktop = Desktop::start().await;
    let site = Site::start();
    let said = format!(
        "<?xml version=\"1.0\"?><Error><Code>Odd{HOSTILE}</Code><Message>&lt;img src=x onerror=1>{HOSTILE}</Message></Error>"
    );
    for path in ["/", "/images", "/images/"] {
        let _ = site.show(
            path,
            "application/xml",
            said.replace(HOSTILE, "&lt;img src=x onerror=document.title='broken'>\u{202e}").as_bytes(),
        );
    }
    let address = site.show("/x", "text/plain", b"");
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    add_s3(&desktop, "Odd", address.trim_end_matches("/x"), ("key", "secret"));
    for (language, title, test) in [("en", "Settings", "Test"), ("zh-CN", "设置", "测试")] {
        speaks(&desktop, language, title).await;
        click(&session, ".dests li:last-child .dest, .dests li:last-child button").await;
        let before = site.asked().len();
        session.press(test).await;
        eventually("it to be asked", async || (site.asked().len() > before).then_some(())).await;
        eventually("what is wrong", async || {
            session
                .execute("return document.querySelector('.ladder, [role=alert], .note')?.textContent", Vec::new())
                .await
                .ok()?
                .as_str()
                .map(drop)
        })
        .await;
        is_text(&session).await;
    }
    session.close().await;
}
