//! More of the library's buckets: dropped into the folder shown, sorted, searched, opened to everybody, and a move that is stopped.

use imagepic_tests::embedded::embedded;
use imagepic_tests::relay::Relay;
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, display, eventually, http, pictures, xdnd};

use crate::hands::{BACKSPACE, choose, click, copy_a_word, entries, speaks, type_over, until};
use crate::steps::{BUCKET, add_s3, gives_back_png, link_on_clipboard, picture_files, set};

/// Uploads a picture of this width into a folder of this computer's bucket; its link and its bytes.
fn lies_there(desktop: &Desktop, folder: &str, name: &str, width: u32) -> (String, Vec<u8>) {
    let picture = pictures::png(u64::from(width) + 7000, width, 30);
    let file = desktop.file(name, &picture);
    let said = desktop.imagepic(&["upload", file.to_str().expect("plain"), "--folder", folder]);
    (said.success().out.trim().to_owned(), picture)
}

async fn names(session: &Session) -> Vec<String> {
    let stem = |key: &str| key.rsplit('/').next().and_then(|name| name.split('-').next()).unwrap_or_default().to_owned();
    entries(session).await.iter().map(|id| stem(id)).collect()
}

async fn stand(session: &Session, what: &str, order: &[&str]) {
    eventually(what, async || (names(session).await == order).then_some(())).await;
}

struct Words {
    language: &'static str,
    title: &'static str,
    sort: &'static str,
    size: &'static str,
    changed: &'static str,
    turn: [&'static str; 2],
    headers: &'static str,
    copy: &'static str,
    nothing: &'static str,
}

const BOTH: [Words; 2] = [
    Words {
        language: "zh-CN",
        title: "图库",
        sort: "排序",
        size: "大小",
        changed: "更改时间",
        turn: ["升序", "降序"],
        headers: "标头",
        copy: "复制链接",
        nothing: "这里没有以“zz”开头的内容",
    },
    Words {
        language: "en",
        title: "Library",
        sort: "Sort by",
        size: "Size",
        changed: "Changed",
        turn: ["Ascending", "Descending"],
        headers: "Headers",
        copy: "Copy link",
        nothing: "Nothing here starts with “zz”",
    },
];

/// In a folder of a, b, c and d that is shown as tiles by name, and is again afterwards.
async fn sorted_and_searched(desktop: &Desktop, session: &Session, words: &Words) {
    stand(session, "the folder by name", &["a", "b", "c", "d"]).await;
    // The largest and the newest first; another click turns it round.
    let sort = format!("select[aria-label='{}']", words.sort);
    choose(session, &sort, words.size).await;
    stand(session, "the largest first", &["b", "c", "a", "d"]).await;
    let [up, down] = words.turn;
    click(session, &format!(".filters [aria-label={up}], .filters [aria-label={down}]")).await;
    stand(session, "the smallest first", &["d", "a", "c", "b"]).await;
    choose(session, &sort, words.changed).await;
    stand(session, "the newest first", &["d", "c", "a", "b"]).await;
    let show_as = async |which: u32| {
        let script = format!("document.querySelector('.seg.icons label:nth-child({which}) input').click()");
        session.execute(&script, Vec::new()).await.expect("a script");
    };
    show_as(2).await;
    click(session, ".list-head .first").await;
    stand(session, "lines by name", &["a", "b", "c", "d"]).await;
    click(session, ".list-head .size").await;
    stand(session, "lines, the largest first", &["b", "c", "a", "d"]).await;

    let search = ".filters input[type=text]";
    type_over(session, search, "c").await;
    stand(session, "what begins so", &["c"]).await;
    // Whether its picture is there yet or comes while the button is held.
    let pressed = "const { x, y, width, height } = document.querySelector('.cell .thumb').getBoundingClientRect(); \
        return document.elementFromPoint(x + width / 2, y + height / 2).classList.contains('thumb')";
    assert_eq!(session.execute(pressed, Vec::new()).await.expect("a script"), true, "what is pressed stays");
    click(session, ".cell .thumb").await;
    session.text_with("its headers", |text| text.contains(words.headers) && text.contains("image/png")).await;
    let _word = copy_a_word(desktop, "something else").await;
    session.press(words.copy).await;
    let link = imagepic_tests::clipboard::wait_for_text(&desktop.machine, "its link", |text| text.contains("/c-")).await;
    gives_back_png(&link, &pictures::png(7200, 200, 30)).await;
    type_over(session, search, "zz").await;
    session.text_with("that nothing does", |text| text.contains(words.nothing)).await;

    type_over(session, search, BACKSPACE).await;
    click(session, ".list-head .first").await;
    show_as(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_goes_into_the_folder_that_is_shown_which_is_sorted_and_searched() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    for (name, width) in [("b.png", 300), ("a.png", 100), ("c.png", 200)] {
        lies_there(&desktop, "设计/登录", name, width);
    }
    let session = Session::start(&desktop, &["--show", "library"]).await;
    let window = display::wait_for_window(&desktop.machine, "图库").await;
    session.press("本机").await;
    session.press(BUCKET).await;
    // By mouse from folder to folder, each with two clicks.
    for folder in ["f:设计/", "f:设计/登录/"] {
        let cell = session.find_soon(&format!("[data-id='{folder}']")).await;
        cell.click().await.expect("a folder");
        let script = format!(
            "document.querySelector('[data-id=\"{folder}\"]').dispatchEvent(new MouseEvent('dblclick', {{ bubbles: true }}))"
        );
        session.execute(&script, Vec::new()).await.expect("a script");
    }
    stand(&session, "the folder by name", &["a", "b", "c"]).await;

    let picture = pictures::png(150, 40, 20);
    let file = desktop.file("d.png", &picture);
    eventually("the window to take the drop", async || {
        let dropped = xdnd::drop_uris(&desktop.machine, &window, &[xdnd::file_uri(&file)]);
        (dropped.accepted && dropped.finished).then_some(())
    })
    .await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    stand(&session, "what was dropped among them", &["a", "b", "c", "d"]).await;
    assert!(desktop.keys(BUCKET).iter().any(|key| key.starts_with("设计/登录/d-")), "{:?}", desktop.keys(BUCKET));

    for words in BOTH {
        speaks(&desktop, words.language, words.title).await;
        sorted_and_searched(&desktop, &session, &words).await;
    }

    click(&session, ".crumbs button:nth-of-type(2)").await;
    session.find_soon("[data-id='f:设计/']").await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_a_private_bucket_is_opened_to_everybody_and_nothing_beside_it() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let (open, picture) = lies_there(&desktop, "公开", "seen.png", 80);
    let (shut, _) = lies_there(&desktop, "内部", "kept.png", 90);
    let session = Session::start(&desktop, &["--show", "library"]).await;
    session.press("本机").await;
    session.press(BUCKET).await;
    session.text_with("who opens it", |text| text.contains("链接只能在本机打开")).await;
    click(&session, ".filters .badge").await;
    click(&session, ".details label.card:nth-of-type(1)").await;
    session.text_with("what becomes of links", |text| text.contains("把 images 设为私有？")).await;
    session.press("设为私有").await;
    session.text_with("that it is done", |text| text.contains("images 已设为私有")).await;
    assert_eq!((http::get(&open).await.status, http::get(&shut).await.status), (403, 403));

    click(&session, "[data-id='f:公开/']").await;
    click(&session, ".details label.card:nth-of-type(2)").await;
    session.text_with("that it is done", |text| text.contains("公开 已公开") && text.contains("上级是私有的")).await;
    gives_back_png(&open, &picture).await;
    assert_eq!(http::get(&shut).await.status, 403, "the folder beside it is open, too");
    until(&session, "its own sign", "document.querySelector('[data-id=\"f:公开/\"] .state.public')").await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_stopped_on_its_way_leaves_every_object_at_one_place() {
    let desktop = Desktop::start().await;
    let store = embedded().await;
    store.itself.ensure_bucket(BUCKET).await.expect("a bucket");
    let line = Relay::before(&store.by_any_name().await.endpoint).await;
    add_s3(&desktop, "Line", &line.address, (store.reached.access_key, store.reached.secret_key));
    let files = picture_files(&desktop, "p", 40, 12);
    let mut arguments = vec!["upload".to_owned(), "--folder".to_owned(), "docs".to_owned()];
    arguments.extend(files.iter().map(|(path, _)| path.display().to_string()));
    desktop.imagepic(&arguments).success();
    let session = Session::start(&desktop, &["--show", "library"]).await;
    for (language, title, [moves, now, moving, stop], from, to) in [
        ("zh-CN", "图库", ["移动…", "移动", "正在移动", "停止"], "docs", "归档"),
        ("en", "Library", ["Move…", "Move", "Moving ", "Stop"], "docs", "archive"),
    ] {
        speaks(&desktop, language, title).await;
        let place = format!("location.hash = '#buckets/line/{BUCKET}/'; dispatchEvent(new PopStateEvent('popstate'))");
        session.execute(&place, Vec::new()).await.expect("a script");
        click(&session, &format!("[data-id='f:{from}/']")).await;
        session.press(moves).await;
        type_over(&session, "#naming", to).await;
        line.holds("x-amz-copy-source");
        session.press(now).await;
        line.has_held().await;
        session.text_with("that it is under way", |text| text.contains(moving)).await;
        session.press(stop).await;
        line.mends();
        session.text_with("that it is over", |text| !text.contains(moving)).await;
        let keys = desktop.keys(BUCKET);
        let here = keys.iter().filter(|key| key.starts_with(&format!("{from}/"))).count();
        let there = keys.iter().filter(|key| key.starts_with(&format!("{to}/"))).count();
        assert!(here > 0 && there > 0, "{here} here, {there} there: it was not stopped on its way");
        let names: std::collections::HashSet<_> = keys.iter().filter_map(|key| key.rsplit('/').next()).collect();
        assert_eq!((keys.len(), names.len()), (40, 40), "{keys:?}");
    }
    session.close().await;
}
