//! The library window on the real program: found, copied, deleted, taken back, renamed, tried again.

use std::time::{Duration, Instant};

use imagepic_tests::display::{Eye, Shown};
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, display, eventually, http, pictures};

use crate::steps::{BUCKET, Elsewhere, history, link_on_clipboard, picture_files, set};

/// The page asks for the small picture of what it shows; it is there once it has a size.
async fn thumbnails(session: &Session, count: usize) {
    let script = "return [...document.querySelectorAll('.tile img')].filter((one) => one.naturalWidth > 0).length";
    eventually("small pictures", async || {
        let seen = session.execute(script, Vec::new()).await.ok()?.as_u64()?;
        (seen >= count as u64).then_some(())
    })
    .await;
}

async fn click(session: &Session, css: &str) {
    session.find_soon(css).await.click().await.unwrap_or_else(|why| panic!("{css} cannot be clicked: {why}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_found_copied_deleted_and_taken_back() {
    let desktop = Desktop::start().await;
    let files = picture_files(&desktop, "shot", 3, 60);
    let first = desktop.file("登录页.png", &pictures::png(7, 90, 60));
    let mut arguments = vec!["upload".to_owned()];
    arguments.extend(files.iter().map(|(path, _)| path.display().to_string()));
    arguments.push(first.display().to_string());
    desktop.imagepic(&arguments).success();
    let session = Session::start(&desktop, &["--show", "library"]).await;
    display::wait_for_window(&desktop.machine, "Library").await;
    session.text_with("all uploads", |text| text.contains("4 uploads") && text.contains("登录页")).await;
    thumbnails(&session, 4).await;
    session.find_soon(".details .formats button").await;
    let lines = "return new Set([...document.querySelectorAll('.details .formats button')].map((one) => one.offsetTop)).size";
    let lines = session.execute(lines, Vec::new()).await.expect("a page").as_u64();
    assert_eq!(lines, Some(1), "the formats that are always there stand in one line");

    let search = session.find_soon(".tools input").await;
    search.send_keys("登录").await.expect("a field");
    session.text_with("one upload", |text| text.contains("1 upload") && !text.contains("shot00")).await;
    session.press("Copy URL").await;
    let link = link_on_clipboard(&desktop, None).await;
    assert_eq!(http::get(&link).await.bytes, pictures::png(7, 90, 60));

    click(&session, ".details [aria-label=Delete]").await;
    session.text_with("it to leave the list", |text| text.contains("1 upload deleted")).await;
    assert_eq!(desktop.keys(BUCKET).len(), 4, "its seconds are not over");
    let in_the_menu =
        async || desktop.tray().wait_for(&["Recent"]).await.children.iter().any(|line| line.label.starts_with("登录页"));
    eventually("the menu to offer its link no longer", async || (!in_the_menu().await).then_some(())).await;
    click(&session, ".bulk .undo").await;
    session.text_with("it to be back", |text| !text.contains("1 upload deleted") && text.contains("登录页.png")).await;
    eventually("its line in the menu", async || in_the_menu().await.then_some(())).await;
    assert_eq!(http::get(&link).await.status, 200);

    click(&session, ".details [aria-label=Delete]").await;
    eventually("the object to go", async || (desktop.keys(BUCKET).len() == 3).then_some(())).await;
    eventually("its row to go", async || (history(&desktop).len() == 3).then_some(())).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_drawing_is_seen_in_the_list() {
    let desktop = Desktop::start().await;
    let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60"><style>path{fill:#07c}</style><path d="M9 9h70v40H9z"/></svg>"##;
    let file = desktop.file("logo.svg", svg.as_bytes());
    desktop.imagepic(&["upload", file.to_str().expect("plain")]).success();
    let session = Session::start(&desktop, &["--show", "library"]).await;
    thumbnails(&session, 1).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_goes_with_the_window_that_is_closed() {
    let desktop = Desktop::start().await;
    let file = desktop.file("a.png", &pictures::png(9, 50, 50));
    desktop.imagepic(&["upload", file.to_str().expect("plain")]).success();
    let session = Session::start(&desktop, &["--show", "library"]).await;
    let window = display::wait_for_window(&desktop.machine, "Library").await;
    click(&session, ".details [aria-label=Delete]").await;
    session.text_with("it to leave the list", |text| text.contains("1 upload deleted")).await;
    display::close(&desktop.machine, &window);
    eventually("the object to go", async || desktop.keys(BUCKET).is_empty().then_some(())).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_goes_when_imagepic_is_told_to_end() {
    let desktop = Desktop::start().await;
    let file = desktop.file("a.png", &pictures::png(10, 50, 50));
    desktop.imagepic(&["upload", file.to_str().expect("plain")]).success();
    let session = Session::start(&desktop, &["--show", "library"]).await;
    click(&session, ".details [aria-label=Delete]").await;
    session.text_with("it to leave the list", |text| text.contains("1 upload deleted")).await;
    // As at the end of a session: nobody closes windows first.
    desktop.ask_app_to_end();
    desktop.app_ends().await;
    assert!(desktop.keys(BUCKET).is_empty(), "it is deleted, as it was said");
    assert!(history(&desktop).is_empty());
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_was_stopped_is_tried_again_from_the_library() {
    for (language, [waiting, cancel, stopped, retry, equal, copy]) in [
        ("en", ["Waiting for the network", "Cancel", "Stopped", "Retry", "checksum equal", "Copy URL"]),
        ("zh-CN", ["等待网络", "取消", "已停止", "重试", "校验一致", "复制 URL"]),
    ] {
        let desktop = Desktop::start().await;
        set(&desktop, "general.language", language);
        let mut store = Elsewhere::start(&desktop).await;
        store.add(&desktop, "Elsewhere");
        let session = Session::start(&desktop, &["--show", "library"]).await;
        store.stop();
        let picture = pictures::png(11, 70, 50);
        assert!(desktop.start_app(&[desktop.file("late.png", &picture)]).wait_for_end().await.success());
        session.text_with("it to wait", |text| text.contains("late.png") && text.contains(waiting)).await;
        session.press(cancel).await;
        session.text_with("it to be stopped", |text| text.contains(stopped)).await;
        store.again(&desktop).await;
        session.press(retry).await;
        session.text_with("it to be uploaded", |text| text.contains(equal)).await;
        session.press(copy).await;
        let link = link_on_clipboard(&desktop, None).await;
        assert_eq!(http::get(&link).await.bytes, picture);
        session.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_upload_opens_under_its_new_name_and_a_hostile_one_breaks_nothing() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let hostile = "\"><img src=x onerror=document.title='broken'>.png";
    let file = desktop.file(hostile, &pictures::png(13, 60, 60));
    desktop.imagepic(&["upload", file.to_str().expect("plain")]).success();
    let session = Session::start(&desktop, &["--show", "library"]).await;
    display::wait_for_window(&desktop.machine, "图库").await;
    session.text_with("the name as text", |text| text.contains("onerror")).await;
    thumbnails(&session, 1).await;
    let count = "return document.querySelectorAll('img[onerror]').length";
    assert_eq!(session.execute(count, Vec::new()).await.expect("a number").as_u64(), Some(0));
    click(&session, ".details [aria-haspopup=menu]").await;
    let line = session.find_soon(".details [role=menuitem]").await;
    line.click().await.expect("a line");
    let field = session.find_soon("dialog input").await;
    field.clear().await.expect("a field");
    field.send_keys("plain.png").await.expect("a field");
    session.press("重命名").await;
    session.text_with("its new name", |text| text.contains("已重命名为 plain.png")).await;
    assert_eq!(desktop.keys(BUCKET), ["plain.png"]);
    // Once more in English, by keyboard.
    let window = crate::hands::speaks(&desktop, "en", "Library").await;
    click(&session, ".cell").await;
    display::press(&desktop.machine, &window, "F2");
    let field = session.find_soon("dialog input").await;
    field.clear().await.expect("a field");
    field.send_keys("plainer.png").await.expect("a field");
    session.press("Rename").await;
    session.text_with("its new name", |text| text.contains("Renamed to plainer.png")).await;
    assert_eq!(desktop.keys(BUCKET), ["plainer.png"]);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_was_uploaded_twice_is_one_object_whose_name_both_have() {
    let desktop = Desktop::start().await;
    let file = desktop.file("twice.png", &pictures::png(14, 60, 60));
    for _ in 0..2 {
        desktop.imagepic(&["upload", file.to_str().expect("plain")]).success();
    }
    let session = Session::start(&desktop, &["--show", "library"]).await;
    for (language, title, shares, renames, name) in [
        ("en", "Library", "1 other upload of the same image shares this object", "Rename", "both.png"),
        ("zh-CN", "图库", "同一图片的另外 1 个上传共用这个对象", "重命名", "两个.png"),
    ] {
        let window = crate::hands::speaks(&desktop, language, title).await;
        // The newer one, which found the bytes there already.
        click(&session, ".cell").await;
        display::press(&desktop.machine, &window, "F2");
        session.text_with("whose name it is", |text| text.contains(shares)).await;
        crate::hands::type_over(&session, "dialog input", name).await;
        session.press(renames).await;
        let names = "[...document.querySelectorAll('.tile .name')].map((one) => one.title).join()";
        crate::hands::until(&session, "both to have it", &format!("{names} === '{name},{name}'")).await;
        assert_eq!(desktop.keys(BUCKET), [name]);
        let uploads = desktop.imagepic(&["history", "--json"]).success().json();
        assert_eq!((&uploads[0]["key"], &uploads[1]["key"]), (&name.into(), &name.into()));
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_of_a_hundred_thousand_opens_and_scrolls() {
    let desktop = Desktop::start().await;
    let file = desktop.file("a.png", &pictures::png(17, 50, 50));
    desktop.imagepic(&["upload", file.to_str().expect("plain")]).success();
    fill(&desktop, 100_000);
    let session = Session::start(&desktop, &["--show", "library"]).await;
    session.text_with("all of them", |text| text.contains("100,001 uploads")).await;
    let figures = session
        .execute(
            "const scroll = document.querySelector('.scroll'); scroll.scrollTop = scroll.scrollHeight / 2; return scroll.scrollHeight",
            Vec::new(),
        )
        .await
        .expect("a height");
    assert!(figures.as_u64().is_some_and(|height| height > 1_000_000), "{figures}");
    session.text_with("what lies in the middle", |text| text.contains("old-4") || text.contains("old-5")).await;
    // Wherever one goes, each shows at once what it is called: nothing can have been asked for in between.
    let jump = "const [part, done] = arguments; const scroll = document.querySelector('.scroll'); \
                scroll.addEventListener('scroll', () => setTimeout(() => done([...document.querySelectorAll('.cell')] \
                .every((cell) => /^(old-|a\\.png)/.test(cell.querySelector('.name')?.textContent)))), { once: true }); \
                scroll.scrollTop = scroll.scrollHeight * part";
    let mut part = 0.1;
    eventually("names at once", async || {
        part = (part + 0.037) % 0.9;
        let all = session.execute_async(jump, vec![part.into()]).await.expect("a script");
        all.as_bool().filter(|all| *all)
    })
    .await;
    let search = session.find_soon(".tools input").await;
    let asked = Instant::now();
    search.send_keys("old-77777-").await.expect("a field");
    session.text_with("the one", |text| text.contains("old-77777-") && text.contains("1 upload")).await;
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(10), "a search took {took:?}");
    session.close().await;
}

/// Rows as years of work leave them, made in the journal itself.
fn fill(desktop: &Desktop, count: u32) {
    let journal = rusqlite::Connection::open(desktop.home().join("journal.sqlite")).expect("the journal");
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
         INSERT INTO uploads (batch, position, state, source, name, size, content_type, width, height, original, prepared, destination, \
         bucket, folder, key, taken_at, done_at, deliver, created, changed) \
         SELECT 1 + i, 0, 'done', 'drop', 'old-' || i || '-登录页.png', 80000 + i, 'application/x-old', 1440, 900, zeroblob(32), zeroblob(32), \
         'this-computer', 'images', '', 'old-' || i || '-' || hex(randomblob(4)) || '.bin', 1500000000000 + i * 240000, \
         1500000000000 + i * 240000, 'no', 0, 1000 + i FROM n";
    journal.execute(rows, [count]).expect("filled");
}

/// What the focus stands on: the upload's number, or the value of the search.
async fn focused(session: &Session, what: &str, wanted: impl Fn(&str) -> bool) -> String {
    let script = "const now = document.activeElement; return now.dataset?.id ? `cell ${now.dataset.id}` : `${now.tagName} ${now.value ?? ''}`";
    eventually(what, async || {
        let now = session.execute(script, Vec::new()).await.ok()?.as_str()?.to_owned();
        wanted(&now).then_some(now)
    })
    .await
}

/// The library with three uploads, the focus moved from the first to the second one by a key; and what [`focused`] calls these two.
async fn second_of_three(desktop: &Desktop) -> (Session, Shown, [String; 2]) {
    let files = picture_files(desktop, "shot", 3, 60);
    let arguments: Vec<_> =
        std::iter::once("upload".to_owned()).chain(files.iter().map(|(path, _)| path.display().to_string())).collect();
    desktop.imagepic(&arguments).success();
    let session = Session::start(desktop, &["--show", "library"]).await;
    let window = display::wait_for_window(&desktop.machine, "Library").await;
    session.text_with("all uploads", |text| text.contains("3 uploads")).await;
    let first = focused(&session, "the list to have the focus", |now| now.starts_with("cell")).await;
    display::press(&desktop.machine, &window, "Right");
    let second = focused(&session, "the next one", |now| now.starts_with("cell") && now != first).await;
    (session, window, [first, second])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_work_as_soon_as_the_library_is_open_and_go_on_after_a_deletion() {
    let desktop = Desktop::start().await;
    let (session, window, [first, second]) = second_of_three(&desktop).await;
    display::press(&desktop.machine, &window, "Delete");
    session.text_with("it to leave the list", |text| text.contains("1 upload deleted")).await;
    focused(&session, "its neighbour", |now| now.starts_with("cell") && now != first && now != second).await;
    display::press(&desktop.machine, &window, "s");
    focused(&session, "the search to take what is typed", |now| now == "INPUT s").await;
    display::press(&desktop.machine, &window, "Escape");
    focused(&session, "Escape to take back the search first", |now| now == "INPUT ").await;
    display::press(&desktop.machine, &window, "Escape");
    focused(&session, "Escape to leave the search then", |now| now.starts_with("cell")).await;
    let stood = focused(&session, "the list", |now| now.starts_with("cell")).await;
    // Escape has nothing left to take back, and leaves the window to Ctrl+W.
    display::press(&desktop.machine, &window, "Escape");
    display::press(&desktop.machine, &window, "Left");
    focused(&session, "the one before it after Escape", |now| now.starts_with("cell") && now != stood).await;
    display::press(&desktop.machine, &window, "ctrl+w");
    display::wait_until_closed(&desktop.machine, "Library").await;
    session.close().await;
}

/// How many entries of the list look chosen, are said to be, and have the focus: a person takes each for the one that keys go to.
async fn marked(session: &Session) -> Vec<String> {
    let script = "const ids = (css) => [...document.querySelectorAll(css)].map((one) => one.closest('.cell').dataset.id); \
         return [ids('.cell .is-on, .cell .is-current'), ids('.cell[aria-selected=true]'), ids('.cell:focus')].map((all) => all.join())";
    let marked = session.execute(script, Vec::new()).await.expect("a script");
    marked.as_array().expect("three").iter().map(|ids| ids.as_str().expect("numbers").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_upload_is_chosen_after_a_deletion_was_taken_back_by_hand_or_by_key() {
    let desktop = Desktop::start().await;
    let (session, window, [first, second]) = second_of_three(&desktop).await;
    for by_hand in [false, true] {
        display::press(&desktop.machine, &window, "Delete");
        session.text_with("it to leave the list", |text| text.contains("1 upload deleted")).await;
        focused(&session, "its neighbour", |now| now.starts_with("cell") && now != first && now != second).await;
        if by_hand {
            click(&session, ".bulk .undo").await;
        } else {
            display::press(&desktop.machine, &window, "ctrl+z");
        }
        session.text_with("it to be back", |text| !text.contains("1 upload deleted") && text.contains("3 uploads")).await;
        focused(&session, "what is back to have the focus", |now| now == second).await;
        let back = second.trim_start_matches("cell ");
        assert_eq!(marked(&session).await, [back, back, back], "by hand: {by_hand}");
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_turn_of_the_wheel_is_seen_also_after_keys_have_scrolled() {
    let desktop = Desktop::start().await;
    desktop.imagepic(&["history"]).success();
    fill(&desktop, 2_000);
    let session = Session::start(&desktop, &["--show", "library"]).await;
    let window = display::wait_for_window(&desktop.machine, "Library").await;
    session.text_with("all uploads", |text| text.contains("2,000 uploads")).await;
    focused(&session, "the list to have the focus", |now| now.starts_with("cell")).await;
    display::page_down(&desktop.machine, &window, 20);
    let eye = Eye::on(&desktop.machine, &window, (300, 120, 300, 400));
    // What comes late, pictures of what stands still, is no answer to the wheel.
    let mut before = still(&eye).await;
    for turn in 1..=6 {
        display::wheel(&desktop.machine, &window, (500, 400), if turn % 2 == 0 { -3 } else { 2 }, Duration::from_millis(12));
        eventually(&format!("the list to move at turn {turn}"), async || eye.look().filter(|now| *now != before)).await;
        before = still(&eye).await;
    }
    session.close().await;
}

/// What is shown once it no longer changes.
async fn still(eye: &Eye) -> Vec<u8> {
    let mut last = Vec::new();
    eventually("the list to stand still", async || {
        let now = eye.look()?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let same = now == last;
        last.clone_from(&now);
        same.then_some(now)
    })
    .await
}
