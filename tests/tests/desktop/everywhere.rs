//! What every window takes alike: addresses, what a page may have named, and the system's own choice of light and dark.

use std::fs;

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, Site, display, eventually, http, pictures, xdnd};

use crate::hands::{click, speaks};
use crate::steps::{BUCKET, copy_picture, gives_back_png, history, link_on_clipboard};

/// Drops it, until the window took it.
async fn drop_on(desktop: &Desktop, window: &display::Shown, offers: &[xdnd::Offer]) {
    eventually("the window to take the drop", async || {
        let dropped = xdnd::drop_offers(&desktop.machine, window, offers);
        (dropped.accepted && dropped.finished).then_some(())
    })
    .await;
}

struct Words {
    language: &'static str,
    asks: &'static str,
    no: &'static str,
    yes: &'static str,
    network: &'static str,
    fetch: &'static str,
}

const BOTH: [Words; 2] = [
    Words {
        language: "en",
        asks: "A web page named a file of yours",
        no: "Don’t upload",
        yes: "Upload",
        network: "your own network",
        fetch: "Fetch",
    },
    Words {
        language: "zh-CN",
        asks: "有网页指定了你的一个文件",
        no: "不上传",
        yes: "上传",
        network: "你自己的网络",
        fetch: "获取",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_window_asks_about_a_file_that_a_page_named_and_takes_a_picture_out_of_one() {
    for (seed, (window, titles)) in (900..).step_by(10).zip([
        ("library", ["Library", "图库"]),
        ("settings", ["Settings", "设置"]),
        ("welcome", ["imagepic", "imagepic"]),
    ]) {
        let desktop = Desktop::start().await;
        let site = Site::start();
        let session = Session::start(&desktop, &["--show", window]).await;
        session.find_soon("main").await;
        let mut last = None;
        for (seed, (words, title)) in (seed..).step_by(2).zip(BOTH.iter().zip(titles)) {
            let shown = speaks(&desktop, words.language, title).await;
            let taken = history(&desktop).len();
            let secret = pictures::png(seed, 60, 40);
            let file = desktop.file(&format!("passport-{}.png", words.language), &secret);
            let named = xdnd::out_of_firefox(&xdnd::file_uri(&file));
            drop_on(&desktop, &shown, &named).await;
            session.text_with("the question", |text| text.contains(words.asks) && text.contains("passport-")).await;
            let on = session.execute("return document.activeElement.textContent", Vec::new()).await.expect("a page");
            assert_eq!(on, words.no, "whoever presses Enter means no");
            session.press(words.no).await;
            crate::hands::until(&session, "the question to go", "!document.querySelector('dialog[open]')").await;
            assert_eq!(history(&desktop).len(), taken, "it went before anybody said so");
            drop_on(&desktop, &shown, &named).await;
            session.find_soon("dialog[open]").await;
            let yes = format!(
                "[...document.querySelectorAll('dialog[open] button')].find((one) => one.textContent === '{}').click()",
                words.yes
            );
            session.execute(&yes, Vec::new()).await.expect("it can be said");
            let link = link_on_clipboard(&desktop, last.as_deref()).await;
            gives_back_png(&link, &secret).await;

            let picture = pictures::png(seed + 1, 60, 40);
            let address = site.show(&format!("/{}.png", words.language), "image/png", &picture);
            let before = site.asked().len();
            drop_on(&desktop, &shown, &xdnd::out_of_chromium(&address)).await;
            if last.is_none() {
                // Once for the host; in the window as well as in a notification.
                session.text_with("may it be fetched", |text| text.contains(words.network) && text.contains("127.0.0.1")).await;
                assert_eq!(site.asked().len(), before, "it was asked before anybody said so");
                session.press(words.fetch).await;
            }
            let fetched = link_on_clipboard(&desktop, Some(&link)).await;
            assert_eq!(http::get(&fetched).await.bytes, picture);
            last = Some(fetched);
        }
        session.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pasted_over_a_folder_of_a_bucket_goes_into_it() {
    let desktop = Desktop::start().await;
    let file = desktop.file("first.png", &pictures::png(950, 24, 18));
    desktop.imagepic(&["upload", file.to_str().expect("plain"), "--folder", "设计/登录"]).success();
    let session = Session::start(&desktop, &["--show", "library"]).await;
    let mut last = None;
    for (seed, (language, title)) in (951..).zip([("en", "Library"), ("zh-CN", "图库")]) {
        let window = speaks(&desktop, language, title).await;
        let there = format!(
            "location.hash = '#buckets/this-computer/{BUCKET}/设计%2F登录%2F'; dispatchEvent(new PopStateEvent('popstate'))"
        );
        session.execute(&there, Vec::new()).await.expect("a script");
        session.find_soon(".bucket-content [data-id^='o:设计/登录/first']").await;
        let picture = pictures::png(seed, 44, 33);
        let _owner = copy_picture(&desktop, &picture).await;
        click(&session, ".bucket-content .cell").await;
        display::press(&desktop.machine, &window, "ctrl+v");
        let link = link_on_clipboard(&desktop, last.as_deref()).await;
        gives_back_png(&link, &picture).await;
        assert_eq!(
            desktop.keys(BUCKET).iter().filter(|key| key.starts_with("设计/登录/")).count(),
            1 + usize::from(last.is_some()) + 1
        );
        last = Some(link);
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_system_is_dark_windows_are_until_somebody_chooses_otherwise() {
    let desktop = Desktop::start().await;
    let config = desktop.machine.dir().join("home/.config/gtk-3.0");
    fs::create_dir_all(&config).expect("ours");
    fs::write(config.join("settings.ini"), "[Settings]\ngtk-application-prefer-dark-theme=1\n").expect("ours");
    for window in ["drop-zone", "library", "settings", "welcome"] {
        let session = Session::start(&desktop, &["--show", window]).await;
        session.find_soon("html[data-theme=dark] main").await;
        crate::steps::set(&desktop, "general.theme", "light");
        session.find_soon("html[data-theme=light] main").await;
        crate::steps::set(&desktop, "general.theme", "system");
        session.find_soon("html[data-theme=dark] main").await;
        session.close().await;
        desktop.app_ends().await;
    }
}
