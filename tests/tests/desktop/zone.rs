//! The drop zone as it is lived with: dragged over, cancelled, retried, clicked again, found where it was left.

use std::net::TcpListener;

use imagepic_tests::embedded::embedded;
use imagepic_tests::relay::Relay;
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, Setup, display, eventually, pictures, xdnd};

use crate::hands::{click, copy_a_word, speaks, until};
use crate::steps::{
    BUCKET, Elsewhere, add_s3, drop_on_zone, gives_back_png, history, link_on_clipboard, links_on_clipboard, picture_files, set,
};

struct Words {
    language: &'static str,
    title: &'static str,
    inviting: &'static str,
    over: &'static str,
    to: &'static str,
    elsewhere: &'static str,
    refused: &'static str,
    all: &'static str,
    close: &'static str,
    copy: &'static str,
    copied: &'static str,
    clear: &'static str,
}

const BOTH: [Words; 2] = [
    Words {
        language: "en",
        title: "Drop zone",
        inviting: "Drop images here",
        over: "Upload 2 items",
        to: "to This computer / images",
        elsewhere: "names a file on another computer (files.example)",
        refused: "is not an image",
        all: "1 failed · 6 links copied",
        close: "Close",
        copy: "Copy link:",
        copied: "Copied",
        clear: "Clear",
    },
    Words {
        language: "zh-CN",
        title: "拖放区",
        inviting: "把图片拖到这里",
        over: "上传 2 项",
        to: "上传到 本机 / images",
        elsewhere: "指向另一台电脑（files.example）",
        refused: "不是图片",
        all: "1 个失败 · 6 个链接已复制",
        close: "关闭",
        copy: "复制链接：",
        copied: "已复制",
        clear: "清除",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drag_is_told_what_would_happen_and_a_click_on_what_is_done_copies_its_link_again() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    let notes = desktop.file("notes.txt", b"these are notes");
    for words in BOTH {
        let zone = speaks(&desktop, words.language, words.title).await;
        session.text_with("the zone", |text| text.contains(words.inviting)).await;
        let files = picture_files(&desktop, &format!("{}-", words.language), 2, 60);
        let dragged =
            |paths: &[&std::path::Path]| xdnd::uri_list(&paths.iter().map(|path| xdnd::file_uri(path)).collect::<Vec<_>>());

        let mut drag = xdnd::Drag::enter(&desktop.machine, &zone, &[dragged(&[&files[0].0, &files[1].0])]);
        assert!(drag.over(), "two pictures are wanted");
        session.text_with("what would happen", |text| text.contains(words.over) && text.contains(words.to)).await;
        drag.leave();
        session.text_with("the zone as before", |text| text.contains(words.inviting)).await;
        let shared = xdnd::uri_list(&["file://files.example/a.png".to_owned()]);
        let mut drag = xdnd::Drag::enter(&desktop.machine, &zone, &[shared]);
        drag.over();
        session.text_with("the reason before it is dropped", |text| text.contains(words.elsewhere)).await;
        drag.leave();
        session.text_with("the zone as before", |text| text.contains(words.inviting)).await;
        drop_on_zone(&desktop, std::slice::from_ref(&notes)).await;
        session.text_with("the reason", |text| text.contains("notes") && text.contains(words.refused)).await;
        session.press(words.close).await;

        let mut all = picture_files(&desktop, &format!("{}-all-", words.language), 6, 40);
        all.push((notes.clone(), Vec::new()));
        drop_on_zone(&desktop, &all.into_iter().map(|(path, _)| path).collect::<Vec<_>>()).await;
        session.text_with("what became of all", |text| text.contains(words.all)).await;
        let seen = "const head = document.querySelector('.panel h2'); const bad = document.querySelector('.rows .bad').getBoundingClientRect(); \
                    return head.scrollWidth <= head.clientWidth && bad.top >= 0 && bad.bottom <= document.querySelector('.rows').getBoundingClientRect().bottom";
        until(&session, "what was refused to be in sight", &format!("(() => {{ {seen} }})()")).await;
        click(&session, ".panel > header .btn").await;
        session.text_with("the zone as before", |text| text.contains(words.inviting)).await;

        drop_on_zone(&desktop, &files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()).await;
        links_on_clipboard(&desktop, 2).await;
        for (path, picture) in &files {
            let _word = copy_a_word(&desktop, "something else").await;
            let name = path.file_name().expect("a name").to_string_lossy();
            click(&session, &format!(".four button[aria-label^='{}'][aria-label*='{name}']", words.copy)).await;
            gives_back_png(&link_on_clipboard(&desktop, None).await, picture).await;
            session.text_with("that it is copied", |text| text.contains(words.copied)).await;
        }
        click(&session, &format!(".panel [aria-label='{}']", words.clear)).await;
    }
    assert_eq!(desktop.keys(BUCKET).len(), 16, "a click copies and uploads nothing");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_on_its_way_is_cancelled_the_others_go_on_and_what_failed_is_retried() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let mut store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "别处");
    store.stop();
    // Somebody takes the call and says nothing: as long as that lasts uploads are on their way.
    let silent = eventually("the port", async || TcpListener::bind(("127.0.0.1", store.port)).ok()).await;
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    session.text_with("the zone", |text| text.contains("把图片拖到这里")).await;
    let files = picture_files(&desktop, "shot", 3, 60);
    drop_on_zone(&desktop, &files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()).await;
    session.text_with("them on their way", |text| text.contains("正在上传 1 / 3")).await;
    click(&session, "[aria-label='取消 shot01.png']").await;
    session.text_with("one less", |text| text.contains("正在上传 1 / 2") && !text.contains("shot01")).await;
    drop(silent);
    store.again(&desktop).await;
    let links = links_on_clipboard(&desktop, 2).await;
    gives_back_png(&links[0], &files[0].1).await;
    gives_back_png(&links[1], &files[2].1).await;
    let stages = |stage: &str| history(&desktop).iter().filter(|upload| upload["stage"] == stage).count();
    assert_eq!((stages("done"), stages("cancelled")), (2, 1));
    let keys = desktop.keys(BUCKET);
    assert!(!keys.iter().any(|key| key.contains("shot01")), "what was cancelled is there: {keys:?}");

    // The bucket does not exist yet.
    set(&desktop, "destinations.别处.bucket", "later");
    session.text_with("the other bucket", |text| text.contains("别处 / later")).await;
    let late = picture_files(&desktop, "late", 1, 70);
    drop_on_zone(&desktop, &[late[0].0.clone()]).await;
    session.text_with("that it failed", |text| text.contains("1 个上传失败") && text.contains("later")).await;
    store.make_other_bucket(&desktop, "later");
    click(&session, "[aria-label='重试 late00.png']").await;
    let last = links.join("\n");
    gives_back_png(&link_on_clipboard(&desktop, Some(&last)).await, &late[0].1).await;

    // All of them at once.
    store.stop();
    let silent = eventually("the port", async || TcpListener::bind(("127.0.0.1", store.port)).ok()).await;
    let more = picture_files(&desktop, "more", 2, 60);
    drop_on_zone(&desktop, &more.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()).await;
    session.press("全部取消").await;
    eventually("all of them to be stopped", async || (stages("cancelled") == 3).then_some(())).await;
    drop(silent);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_zone_opens_where_it_was_left_also_after_the_next_start() {
    opens_where_it_was_left(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_dense_screen_too_the_zone_opens_where_it_was_left() {
    opens_where_it_was_left(2).await;
}

async fn opens_where_it_was_left(scale: u32) {
    let desktop = Desktop::with(&Setup { scale, ..Setup::default() }).await;
    set(&desktop, "general.language", "zh-CN");
    let app = desktop.launch(&["--show", "drop-zone"]).await;
    let zone = display::wait_for_window(&desktop.machine, "拖放区").await;
    let put = (700, 500);
    // The window manager may still be placing a window that is listed.
    let left = eventually("the zone to be where it was moved to", async || {
        display::move_to(&desktop.machine, &zone, put);
        let now = display::place(&desktop.machine, &zone);
        ((now.0 - put.0).abs() < 60 && (now.1 - put.1).abs() < 60).then_some(now)
    })
    .await;
    let is_there = async |when: &str| {
        let zone = display::wait_for_window(&desktop.machine, "拖放区").await;
        eventually(&format!("the zone at {left:?} {when}"), async || {
            (display::place(&desktop.machine, &zone) == left).then_some(zone.clone())
        })
        .await
    };
    // Twice: a place that is kept a little wrong wanders.
    for _ in 0..2 {
        let zone = is_there("when it is opened again").await;
        display::close(&desktop.machine, &zone);
        display::wait_until_closed(&desktop.machine, "拖放区").await;
        desktop.tray().click(&["拖放区"]).await;
    }
    is_there("when it is opened again").await;
    app.quit();
    let app = desktop.launch(&["--show", "drop-zone"]).await;
    is_there("after the next start").await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_menu_shows_every_line_down_to_quit_in_the_small_window() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    for words in BOTH {
        speaks(&desktop, words.language, words.title).await;
        session.text_with("the zone", |text| text.contains(words.inviting)).await;
        click(&session, ".dz-foot > .floats:last-child > button").await;
        session.find_soon(".dz-foot .menu").await;
        let hidden = "const menu = document.querySelector('.dz-foot .menu'); const at = menu.getBoundingClientRect(); \
                      return Math.max(menu.scrollHeight - menu.clientHeight, -at.top, at.bottom - innerHeight)";
        let hidden = session.execute(hidden, Vec::new()).await.expect("a page").as_f64().expect("a number");
        assert!(hidden <= 0.0, "{hidden} px of the menu are out of sight in {}", words.language);
        session.active_element().await.expect("a line of it").send_keys("\u{e00c}").await.expect("keys");
    }
    session.close().await;
}

/// The part of a line such as "Uploading 1 of 2 · 42 %" that is done.
fn percent(text: &str, begins: &str) -> Option<u32> {
    let (_, rest) = text.split_once(begins)?.1.split_once("· ")?;
    rest.split('%').next()?.trim().parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_on_its_way_shows_its_real_bytes_and_how_fast_they_go() {
    let desktop = Desktop::start().await;
    let store = embedded().await;
    store.itself.ensure_bucket(BUCKET).await.expect("a bucket");
    let line = Relay::before(&store.by_any_name().await.endpoint).await;
    add_s3(&desktop, "Line", &line.address, (store.reached.access_key, store.reached.secret_key));
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    for (seed, (language, title, begins, rate)) in
        (600..).step_by(2).zip([("en", "Drop zone", "Uploading ", "/s"), ("zh-CN", "拖放区", "正在上传 ", "/秒")])
    {
        speaks(&desktop, language, title).await;
        session.find_soon(".dz-foot .where").await;
        line.slows(700_000);
        let files: Vec<_> =
            (0..2).map(|at| desktop.file(&format!("{language}-{at}.png"), &pictures::png(seed + at, 1500, 1500))).collect();
        drop_on_zone(&desktop, &files).await;
        let part = async |above: u32| {
            eventually(&format!("more than {above} %"), async || {
                let text = session.execute("return document.querySelector('.panel h2')?.textContent", Vec::new()).await.ok()?;
                percent(text.as_str()?, begins).filter(|part| (above + 1..100).contains(part))
            })
            .await
        };
        let first = part(0).await;
        let bars = "return [...document.querySelectorAll('.rows [role=progressbar]')].map((one) => Number(one.ariaValueNow ?? one.getAttribute('aria-valuenow')))";
        let bars = session.execute(bars, Vec::new()).await.expect("a page");
        assert!(bars.as_array().is_some_and(|bars| bars.len() == 2 && bars.iter().any(|bar| bar.as_u64() < Some(100))), "{bars}");
        let said = session.text_with("how fast", |text| text.contains(rate)).await;
        assert!(said.contains(&format!("MB{rate}")) || said.contains(&format!("kB{rate}")), "{said}");
        // The tray tells the same.
        eventually("the tray to say how much", async || {
            let menu = desktop.tray().menu_text().await;
            percent(menu.lines().next()?, begins).filter(|part| (1..100).contains(part))
        })
        .await;
        part(first).await;
        line.slows(0);
        links_on_clipboard(&desktop, 2).await;
        click(&session, ".panel > header .last").await;
    }
    session.close().await;
}

/// Goes on by Tab until the focus is on what this selects.
async fn tab_to(desktop: &Desktop, session: &Session, zone: &display::Shown, css: &str) {
    let there = format!("return document.activeElement?.matches({})", serde_json::json!(css));
    for _ in 0..20 {
        if session.execute(&there, Vec::new()).await.expect("a page") == true {
            let ring = "const style = getComputedStyle(document.activeElement); return document.activeElement.matches(':focus-visible') && (style.outlineStyle !== 'none' || style.boxShadow !== 'none')";
            assert_eq!(session.execute(ring, Vec::new()).await.expect("a page"), true, "{css} has the focus, and nobody sees it");
            return;
        }
        display::press(&desktop.machine, zone, "Tab");
    }
    panic!("Tab never comes to {css}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_in_the_zone_is_done_by_keys_alone() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    for (language, title, inviting, copied, removed) in [
        ("en", "Drop zone", "Drop images here", "Copied", "2 removed from"),
        ("zh-CN", "拖放区", "把图片拖到这里", "已复制", "删除 2 个"),
    ] {
        let zone = speaks(&desktop, language, title).await;
        session.text_with("the zone", |text| text.contains(inviting)).await;
        let files = picture_files(&desktop, &format!("{language}-key"), 2, 60);
        drop_on_zone(&desktop, &files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()).await;
        links_on_clipboard(&desktop, 2).await;
        let _word = copy_a_word(&desktop, "something else").await;
        tab_to(&desktop, &session, &zone, ".four button:nth-child(2)").await;
        display::press(&desktop.machine, &zone, "Return");
        session.text_with("that it is copied", |text| text.contains(copied)).await;
        gives_back_png(&link_on_clipboard(&desktop, None).await, &files[1].1).await;
        tab_to(&desktop, &session, &zone, ".panel > header .btn:not(.square)").await;
        // Of several links one was copied alone: they are offered, or taken back.
        display::press(&desktop.machine, &zone, "space");
        session.text_with("that they are gone", |text| text.contains(removed)).await;
        assert!(desktop.keys(BUCKET).is_empty());
        // The place of the next ones, without a mouse.
        tab_to(&desktop, &session, &zone, ".dz-foot .where").await;
        display::press(&desktop.machine, &zone, "Return");
        session.find_soon(".dz-foot [role=menu]").await;
        display::press(&desktop.machine, &zone, "Escape");
        until(&session, "the menu to go", "!document.querySelector('.dz-foot [role=menu]')").await;
    }
    session.close().await;
}
