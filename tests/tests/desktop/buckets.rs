//! Buckets in the library's window: seen, filled, renamed, deleted and taken back, by hand and by keyboard.

use std::time::{Duration, Instant};

use imagepic_bucket::{Config, bench, keys};
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, eventually, http, pictures};
use serde_json::json;

use crate::steps::{BUCKET, Elsewhere, set};

async fn lies_there(desktop: &Desktop, folder: &str, seed: u64) -> String {
    let file = desktop.file(&format!("shot-{seed}.png"), &pictures::png(seed, 24, 18));
    let mut arguments = vec!["upload", file.to_str().expect("plain")];
    if !folder.is_empty() {
        arguments.extend(["--folder", folder]);
    }
    desktop.imagepic(&arguments).success();
    desktop.keys(BUCKET).into_iter().find(|key| key.contains(&format!("shot-{seed}"))).expect("it is there")
}

async fn at(session: &Session, folder: &str) {
    session.execute(&place("this-computer", folder), Vec::new()).await.expect("a script");
}

/// The script that goes there.
fn place(destination: &str, folder: &str) -> String {
    let encoded = folder.replace('/', "%2F");
    format!("location.hash = '#buckets/{destination}/{BUCKET}/{encoded}'; dispatchEvent(new PopStateEvent('popstate'))")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_browsed_and_a_deleted_folder_is_taken_back() {
    let desktop = Desktop::start().await;
    let top = lies_there(&desktop, "", 81).await;
    let inside = lies_there(&desktop, "docs", 82).await;
    let session = Session::start(&desktop, &["--show", "library"]).await;
    session.press("This computer").await;
    session.press(BUCKET).await;
    session.text_with("what lies there", |text| text.contains("docs") && text.contains(&top[..7])).await;
    let folder = session.find_soon("[data-id='f:docs/']").await;
    folder.click().await.expect("a folder");
    let delete = session.find_soon(".details [aria-label='Delete folder']").await;
    delete.click().await.expect("a button");
    session
        .text_with("what was deleted", |text| text.contains("docs and 1 object deleted from images") && text.contains("Undo"))
        .await;
    let undo = session.find_soon(".bulk .undo").await;
    undo.click().await.expect("Undo");
    session.find_soon("[data-id='f:docs/']").await;
    assert!(desktop.keys(BUCKET).contains(&inside), "nothing had happened yet");
    crate::hands::speaks(&desktop, "zh-CN", "图库").await;
    crate::hands::click(&session, "[data-id='f:docs/']").await;
    crate::hands::click(&session, ".details [aria-label=删除文件夹]").await;
    session
        .text_with("what was deleted", |text| text.contains("已从 images 删除 docs 和 1 个对象") && text.contains("撤销"))
        .await;
    crate::hands::click(&session, ".bulk .undo").await;
    session.find_soon("[data-id='f:docs/']").await;
    assert!(desktop.keys(BUCKET).contains(&inside), "nothing had happened yet");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_a_moment_ago_goes_when_imagepic_is_quit() {
    let desktop = Desktop::start().await;
    let kept = lies_there(&desktop, "", 84).await;
    lies_there(&desktop, "docs", 85).await;
    let session = Session::start(&desktop, &["--show", "library"]).await;
    at(&session, "").await;
    session.find_soon("[data-id='f:docs/']").await.click().await.expect("a folder");
    session.find_soon(".details [aria-label='Delete folder']").await.click().await.expect("a button");
    session.text_with("what was deleted", |text| text.contains("deleted from images") && text.contains("Undo")).await;
    desktop.tray().click(&["Quit"]).await;
    desktop.app_ends().await;
    assert_eq!(desktop.keys(BUCKET), [kept]);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_network_did_not_let_go_before_the_end_is_told() {
    let desktop = Desktop::start().await;
    let mut store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "Elsewhere");
    let file = desktop.file("stays.png", &pictures::png(86, 24, 18));
    desktop.imagepic(&["upload", file.to_str().expect("plain")]).success();
    let session = Session::start(&desktop, &["--show", "library"]).await;
    session.execute(&place("elsewhere", ""), Vec::new()).await.expect("a script");
    session.find_soon("[data-id^='o:stays']").await.click().await.expect("an object");
    session.find_soon(".details [aria-label='Delete']").await.click().await.expect("a button");
    session.text_with("what was deleted", |text| text.contains("deleted from images")).await;
    store.stop();
    desktop.tray().click(&["Quit"]).await;
    let told = desktop.notifications().wait_for("what was not deleted", |told| told.body.contains("is not deleted from")).await;
    assert!(told.body.contains("stays"), "{}", told.body);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_folder_is_made_and_an_object_renamed_and_moved_there() {
    for (language, [rename, moves, now, refused, new_folder, create, empty]) in [
        ("en", ["Rename", "Move…", "Move", "no “.” or “..”", "New folder", "Create", "Nothing here yet"]),
        ("zh-CN", ["重命名", "移动…", "移动", "“.”、“..”", "新建文件夹", "新建", "这里还没有内容"]),
    ] {
        let desktop = Desktop::start().await;
        set(&desktop, "general.language", language);
        let key = lies_there(&desktop, "", 83).await;
        let session = Session::start(&desktop, &["--show", "library"]).await;
        at(&session, "").await;
        session.find_soon(&format!("[data-id='o:{key}']")).await.click().await.expect("an object");
        session.find_soon(&format!(".details [aria-label='{rename}']")).await.click().await.expect("a button");
        let name = session.find_soon("dialog input").await;
        name.clear().await.expect("a field");
        name.send_keys("截图 <b>.png").await.expect("a field");
        session.press(rename).await;
        eventually("the other name", async || desktop.keys(BUCKET).contains(&"截图 <b>.png".to_owned()).then_some(())).await;
        session.text_with("the other name as it is", |text| text.contains("截图 <b>.png")).await;

        session.find_soon("[data-id='o:截图 <b>.png']").await.click().await.expect("an object");
        session.press(moves).await;
        let place = session.find_soon("#naming").await;
        place.clear().await.expect("a field");
        place.send_keys("archive/2026").await.expect("a field");
        session.press(now).await;
        eventually("the other place", async || {
            desktop.keys(BUCKET).contains(&"archive/2026/截图 <b>.png".to_owned()).then_some(())
        })
        .await;
        session.find_soon("[data-id='f:archive/']").await;
        // The upload is found where its object is, and its link opens.
        let uploads = desktop.imagepic(&["history", "--json"]).success().json();
        assert_eq!((&uploads[0]["key"], &uploads[0]["name"]), (&json!("archive/2026/截图 <b>.png"), &json!("截图 <b>.png")));
        let link = uploads[0]["url"].as_str().expect("a link");
        http::gives_back(link, &pictures::png(83, 24, 18), "image/png").await;

        session.find_soon(&format!(".tools [aria-label='{new_folder}']")).await.click().await.expect("a button");
        let name = session.find_soon("dialog input").await;
        name.send_keys("..").await.expect("a field");
        session.press(create).await;
        session.text_with("why not", |text| text.contains(refused)).await;
        name.clear().await.expect("a field");
        name.send_keys("设计稿").await.expect("a field");
        session.press(create).await;
        session.text_with("the new folder", |text| text.contains(empty)).await;
        session.close().await;
    }
}

struct Access {
    language: &'static str,
    title: &'static str,
    closing: &'static str,
    close: &'static str,
    private: &'static str,
    ended: &'static str,
    public: &'static str,
}

const ACCESS: [Access; 2] = [
    Access {
        language: "en",
        title: "Library",
        closing: "One upload has a link into images that stops opening",
        close: "Make private",
        private: "images is private",
        ended: "ended",
        public: "images is public",
    },
    Access {
        language: "zh-CN",
        title: "图库",
        closing: "1 个上传在 images 中的链接将无法打开",
        close: "设为私有",
        private: "images 已设为私有",
        ended: "已到期",
        public: "images 已公开",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_a_bucket_becomes_private_it_is_said_which_links_end_and_later_ones_open() {
    let desktop = Desktop::start().await;
    let file = desktop.file("seen.png", &pictures::png(87, 24, 18));
    let public = desktop.imagepic(&["upload", file.to_str().expect("plain")]).success().out.trim().to_owned();
    let session = Session::start(&desktop, &["--show", "library"]).await;
    session.press("This computer").await;
    session.press(BUCKET).await;
    for (seed, words) in (880..).zip(ACCESS) {
        crate::hands::speaks(&desktop, words.language, words.title).await;
        crate::hands::click(&session, ".filters .badge").await;
        crate::hands::click(&session, ".details label.card:nth-of-type(1)").await;
        session.text_with("what becomes of links", |text| text.contains(words.closing)).await;
        assert_eq!(http::get(&public).await.status, 200, "nothing has happened yet");
        session.press(words.close).await;
        session.text_with("that it is done", |text| text.contains(words.private)).await;
        assert_eq!(http::get(&public).await.status, 403);
        session
            .execute("location.hash = '#uploads'; dispatchEvent(new PopStateEvent('popstate'))", Vec::new())
            .await
            .expect("a script");
        session.text_with("that the link has ended", |text| text.contains("seen.png") && text.contains(words.ended)).await;
        let again = desktop.file("later.png", &pictures::png(seed, 24, 18));
        let signed = desktop.imagepic(&["upload", again.to_str().expect("plain")]).success().out.trim().to_owned();
        http::gives_back(&signed, &pictures::png(seed, 24, 18), "image/png").await;

        at(&session, "").await;
        crate::hands::click(&session, ".filters .badge").await;
        crate::hands::click(&session, ".details label.card:nth-of-type(2)").await;
        session.text_with("that it is open again", |text| text.contains(words.public)).await;
        http::gives_back(&public, &pictures::png(87, 24, 18), "image/png").await;
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_a_bucket_that_is_public_as_a_whole_is_closed_by_way_of_the_bucket() {
    let desktop = Desktop::start().await;
    lies_there(&desktop, "docs", 89).await;
    let session = Session::start(&desktop, &["--show", "library"]).await;
    at(&session, "").await;
    for (language, title, why, go) in [
        ("en", "Library", "To make it private, make the bucket private first", "Go to images"),
        ("zh-CN", "图库", "先把整个存储桶设为私有", "转到 images"),
    ] {
        crate::hands::speaks(&desktop, language, title).await;
        crate::hands::click(&session, "[data-id='f:docs/']").await;
        session.find_soon(".details input[name=bucket-access]:disabled").await;
        session.text_with("why not", |text| text.contains(why)).await;
        session.press(go).await;
        let there = "document.querySelector('.details .title')?.textContent === 'images' && \
             document.querySelectorAll('.details input[name=bucket-access]:not(:disabled)').length === 2";
        crate::hands::until(&session, "the bucket's own rule", there).await;
    }
    session.close().await;
}

/// Rows without bytes under the names that ten years of work leave: half of them flat in one folder, half in a hundred folders.
async fn filled(desktop: &Desktop, counts: &[(&str, u32)]) {
    let dir = desktop.home().join("bucket");
    std::fs::create_dir_all(&dir).expect("the disk has room");
    let keys = keys::load_or_create(&dir).expect("a key");
    let (access_key, secret_key) = (keys.access_key, keys.secret_key);
    let config = Config { dir, access_key, secret_key, port: None, region: "us-east-1".to_owned() };
    let server = imagepic_bucket::open(config).await.expect("the bucket's index");
    for (bucket, count) in counts {
        server.ensure_bucket(bucket).await.expect("a bucket");
        let name =
            |n: u32| if n.is_multiple_of(2) { format!("team/{:02}/{n:07}.txt", n / 2 % 100) } else { format!("flat/{n:07}.txt") };
        bench::fill(&server, bucket, *count, name).await.expect("filled");
    }
    server.close().await;
}

/// Milliseconds from choosing a folder to its first entries in the window.
async fn browsed(session: &Session, bucket: &str, folder: &str, first: &str) -> f64 {
    let script = "const [hash, first, done] = arguments; \
         location.hash = '#buckets/this-computer/'; dispatchEvent(new PopStateEvent('popstate')); \
         setTimeout(() => { const began = performance.now(); location.hash = hash; dispatchEvent(new PopStateEvent('popstate')); \
         const look = () => { const cell = document.querySelector('.bucket-content .cell'); \
         if (cell?.dataset.id === first) done(performance.now() - began); else setTimeout(look, 1); }; look(); }, 300)";
    let hash = format!("#buckets/this-computer/{bucket}/{}", folder.replace('/', "%2F"));
    session.execute_async(script, vec![hash.into(), first.into()]).await.expect("a script").as_f64().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "fills a bucket with a million objects: cargo xtask test --all"]
async fn a_bucket_of_a_million_objects_is_browsed_as_fast_as_a_small_one() {
    let desktop = Desktop::start().await;
    filled(&desktop, &[("few-objects", 2_000), ("many-objects", 1_000_000)]).await;
    let session = Session::start(&desktop, &["--show", "library"]).await;
    session.find_soon(".tree .node").await;
    for (folder, first) in [("flat/", "o:flat/0000001.txt"), ("team/", "f:team/00/")] {
        let (mut few, mut many) = (Vec::new(), Vec::new());
        for _ in 0..7 {
            few.push(browsed(&session, "few-objects", folder, first).await);
            many.push(browsed(&session, "many-objects", folder, first).await);
        }
        few.sort_by(f64::total_cmp);
        many.sort_by(f64::total_cmp);
        assert!(many[3] < few[3] * 1.5 + 50.0, "{folder}: {many:?} ms among a million, {few:?} ms among a few");
    }
    // On to the next pages by scrolling, and straight to a name in the middle.
    browsed(&session, "many-objects", "flat/", "o:flat/0000001.txt").await;
    let down = "const scroll = document.querySelector('.bucket-content .scroll'); scroll.scrollTop = scroll.scrollHeight; \
                return [...document.querySelectorAll('.cell')].some((one) => one.dataset.id > 'o:flat/0003000.txt')";
    eventually("the fourth page", async || {
        session.execute(down, Vec::new()).await.expect("a script").as_bool().filter(|there| *there)
    })
    .await;
    let field = session.find_soon(".filters input").await;
    let asked = Instant::now();
    field.send_keys("05000").await.expect("a field");
    session.find_soon("[data-id='o:flat/0500001.txt']").await;
    assert!(asked.elapsed() < Duration::from_secs(3), "a name in the middle took {:?}", asked.elapsed());
    session.close().await;
}
