//! A tray's menu where there is far more than fits: hundreds of buckets, thousands of folders, names in every script.

use std::time::Duration;

use imagepic_bucket::bench;
use imagepic_tests::embedded::embedded;
use imagepic_tests::tray::Line;
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, eventually, pictures};

use crate::steps::{BUCKET, add_s3, app_watching, copy_picture, gives_back_png, link_on_clipboard, set};

/// A panel that waits longer is seen to wait.
const AT_ONCE: Duration = Duration::from_millis(100);
/// Every line crosses the session bus.
const MOST_LINES: usize = 1_400;
const SCRIPTS: [&str; 8] = ["docs", "截图", "скриншоты", "صور", "चित्र", "画像 ", "이미지", "r&d <b>"];

fn lines(all: &[Line]) -> usize {
    all.iter().map(|line| 1 + lines(&line.children)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_buckets_and_five_thousand_folders_make_a_short_menu_that_opens_at_once() {
    let desktop = Desktop::start().await;
    let store = embedded().await;
    for number in 0..200 {
        store.itself.ensure_bucket(&format!("bucket-{number:03}")).await.expect("a bucket");
    }
    store.itself.ensure_bucket(BUCKET).await.expect("a bucket");
    let folder = |n: u32| format!("{}-{n:04}", SCRIPTS[n as usize % SCRIPTS.len()]);
    bench::fill(&store.itself, BUCKET, 5_000, move |n| format!("{}/a.png", folder(n))).await.expect("filled");
    add_s3(&desktop, "众多", &store.reached.endpoint, (store.reached.access_key, store.reached.secret_key));
    let session = Session::start(&desktop, &["--show", "library"]).await;
    for (language, to, here, more, end) in [
        ("en", "Upload to", "Upload here", " more in the library…", "Quit"),
        ("zh-CN", "上传到", "上传到这里", " 项在图库中…", "退出"),
    ] {
        set(&desktop, "general.language", language);
        desktop.tray().wait_for(&[end]).await;
        let way = [to, "✓ 众多", "✓ images"];
        let (buckets, folders) = eventually("both lists to be cut", async || {
            let cut = |lines: &[Line]| lines.iter().any(|line| line.label.ends_with(more));
            let buckets = desktop.tray().wait_for(&way[..2]).await.children;
            let folders = desktop.tray().wait_for(&way).await.children;
            (cut(&buckets) && cut(&folders)).then_some((buckets, folders))
        })
        .await;
        for shown in [&buckets, &folders] {
            assert!(shown.len() < 40, "{} lines in one menu", shown.len());
        }
        let count = |lines: &[Line]| {
            let label = lines.iter().map(|line| line.label.as_str()).find(|label| label.ends_with(more)).unwrap_or_default();
            label.chars().filter(char::is_ascii_digit).collect::<String>().parse::<usize>().unwrap_or_default()
        };
        let named = |lines: &[Line]| lines.iter().filter(|line| !line.children.is_empty()).count();
        assert_eq!(count(&buckets) + named(&buckets), 201, "nothing is left out without a word");
        assert!(count(&folders) + named(&folders) >= 4_990, "{} and {}", count(&folders), named(&folders));
        let all = desktop.tray().menu().await;
        assert!(lines(&all) < MOST_LINES, "{} lines", lines(&all));
        // Whatever else this computer does beside it.
        eventually("the menu to open at once", async || (desktop.tray().opens_in(15).await < AT_ONCE).then_some(())).await;

        // Each leads somewhere: one that is shown, and those that are not.
        let shown = folders.iter().find(|line| !line.children.is_empty()).expect("a folder").label.clone();
        desktop.tray().click(&[to, "✓ 众多", "✓ images", &shown, here]).await;
        let picture = pictures::png(400, 30, if language == "en" { 20 } else { 21 });
        desktop.tray().wait_for(&[to, "✓ 众多", "✓ images", &format!("✓ {shown}")]).await;
        assert!(desktop.start_app(&[desktop.file("crowd.png", &picture)]).wait_for_end().await.success());
        let link = imagepic_tests::clipboard::wait_for_text(&desktop.machine, "its link", |text| text.contains("crowd-")).await;
        gives_back_png(&link, &picture).await;
        set(&desktop, "destinations.众多.folder", "");
        let all = folders.iter().find(|line| line.label.ends_with(more)).expect("the rest").label.clone();
        desktop.tray().wait_for(&[to, "✓ 众多", "✓ images", here]).await;
        desktop.tray().click(&[to, "✓ 众多", "✓ images", all.trim_end_matches('…')]).await;
        session.find_soon(".bucket-content .cell").await;
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_copied_is_offered_by_the_tray_as_well() {
    for (language, take, not) in
        [("en", "Upload the screenshot (64 × 48)", "Not this one"), ("zh-CN", "上传这张截图（64 × 48）", "不传这个")]
    {
        let desktop = Desktop::start().await;
        set(&desktop, "general.language", language);
        let app = app_watching(&desktop, "ask").await;
        let first = copy_picture(&desktop, &pictures::png(410, 64, 48)).await;
        desktop.tray().wait_for(&[take]).await;
        desktop.tray().click(&[not]).await;
        eventually("the offer to go", async || (!desktop.tray().menu_text().await.contains(take)).then_some(())).await;
        assert!(desktop.keys(BUCKET).is_empty());
        drop(first);
        let picture = pictures::png(411, 64, 48);
        let _owner = copy_picture(&desktop, &picture).await;
        desktop.tray().click(&[take]).await;
        gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
        eventually("the offer to go", async || (!desktop.tray().menu_text().await.contains(take)).then_some(())).await;
        app.quit();
    }
}
