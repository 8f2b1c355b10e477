//! More of the library's uploads: found by what they are, many at once, links that have ended, and what leads out of the window.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, display, eventually, http, pictures, xdnd};

use crate::hands::{click, entries, from_menu, speaks};
use crate::steps::{
    BUCKET, Elsewhere, copy_picture, gives_back_png, history, link_on_clipboard, links_on_clipboard, picture_files, set,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_are_filtered_and_many_at_once_are_renewed_copied_deleted_and_taken_back() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let upload = |files: &[(PathBuf, Vec<u8>)]| {
        let mut arguments = vec!["upload".to_owned()];
        arguments.extend(files.iter().map(|(path, _)| path.display().to_string()));
        let said = desktop.imagepic(&arguments);
        said.success().out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    upload(&picture_files(&desktop, "here", 2, 40));
    let store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "别处");
    set(&desktop, "destinations.别处.presign", "1");
    let files = picture_files(&desktop, "away", 3, 60);
    let old = upload(&files);
    eventually("the links to end", async || (http::get(&old[2]).await.status == 403).then_some(())).await;
    set(&desktop, "destinations.别处.presign", "600");

    let session = Session::start(&desktop, &["--show", "library"]).await;
    let window = display::wait_for_window(&desktop.machine, "图库").await;
    session.text_with("all uploads", |text| text.contains("5 个上传")).await;
    from_menu(&session, "[aria-label^='上传目标：']", "别处").await;
    session.text_with("those that lie elsewhere", |text| text.contains("3 个上传")).await;
    from_menu(&session, "[aria-label^='日期：']", "今天").await;
    from_menu(&session, "[aria-label^='状态：']", "失败").await;
    session.text_with("none of them", |text| text.contains("没有符合这些筛选条件的上传")).await;
    from_menu(&session, "[aria-label^='状态：']", "链接已到期").await;
    session.text_with("those whose links have ended", |text| text.contains("3 个上传") && text.contains("已到期")).await;

    // By keyboard, as in a file manager.
    click(&session, ".cell").await;
    display::press(&desktop.machine, &window, "ctrl+a");
    session.text_with("that all are chosen", |text| text.contains("已选择 3 个上传") && text.contains("3 个链接已到期")).await;
    let by_id: HashMap<String, String> = history(&desktop)
        .iter()
        .map(|upload| (upload["id"].to_string(), upload["name"].as_str().expect("a name").to_owned()))
        .collect();
    let order: Vec<_> = entries(&session).await.iter().map(|id| by_id[id].clone()).collect();
    assert_eq!(order.len(), 3);
    session.press("续期").await;
    let new = links_on_clipboard(&desktop, 3).await;
    for (link, name) in new.iter().zip(&order) {
        let (_, bytes) = files.iter().find(|(path, _)| path.ends_with(name)).expect("one of them");
        gives_back_png(link, bytes).await;
    }
    session.text_with("that none has ended any more", |text| text.contains("没有符合这些筛选条件的上传")).await;
    click(&session, ".filters [aria-label=所有状态]").await;

    session.text_with("them as they are now", |text| text.contains("3 个上传") && text.contains("10 分钟")).await;
    click(&session, ".cell").await;
    display::press(&desktop.machine, &window, "shift+Right");
    session.text_with("that two are chosen", |text| text.contains("已选择 2 个上传")).await;
    session.press("删除").await;
    session.text_with("that they are deleted", |text| text.contains("已删除 2 个上传") && text.contains("1 个上传")).await;
    assert_eq!(desktop.keys(BUCKET).len(), 4, "their seconds are not over");
    click(&session, ".bulk .undo").await;
    session.text_with("them to be back", |text| text.contains("3 个上传") && !text.contains("已删除")).await;

    // The same ways in English, and one that is renewed from its details.
    speaks(&desktop, "en", "Library").await;
    set(&desktop, "destinations.别处.presign", "1");
    let files = picture_files(&desktop, "late", 1, 60);
    let old = upload(&files);
    eventually("the link to end", async || (http::get(&old[0]).await.status == 403).then_some(())).await;
    // The store counts whole seconds, the history does not: what is found as ended is found by the history.
    let late = history(&desktop).into_iter().find(|entry| entry.to_string().contains("late00")).expect("it was uploaded");
    let ends = late["expires_at"].as_str().expect("it ends").get(..19).expect("to the second").to_owned();
    eventually("its second to be over", async || {
        let now = std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S"]).output().expect("date is there");
        (String::from_utf8_lossy(&now.stdout).trim() > ends.as_str()).then_some(())
    })
    .await;
    set(&desktop, "destinations.别处.presign", "600");
    click(&session, ".filters [aria-label='Any destination']").await;
    session.text_with("all uploads", |text| text.contains("6 uploads")).await;
    from_menu(&session, "[aria-label^='Destination:']", "别处").await;
    session.text_with("those that lie elsewhere", |text| text.contains("4 uploads")).await;
    from_menu(&session, "[aria-label^='Date:']", "Last 7 days").await;
    from_menu(&session, "[aria-label^='State:']", "Failed").await;
    session.text_with("none of them", |text| text.contains("Nothing fits these filters")).await;
    from_menu(&session, "[aria-label^='State:']", "Link ended").await;
    session.text_with("the one whose link has ended", |text| text.contains("1 upload") && text.contains("late00.png")).await;
    click(&session, ".cell").await;
    session.press("Renew").await;
    let renewed = link_on_clipboard(&desktop, Some(&new.join("\n"))).await;
    gives_back_png(&renewed, &files[0].1).await;
    session.text_with("that none has ended any more", |text| text.contains("Nothing fits these filters")).await;
    click(&session, ".filters [aria-label='Any state']").await;
    session.text_with("them as they are now", |text| text.contains("4 uploads") && text.contains("10 min")).await;
    click(&session, ".cell").await;
    display::press(&desktop.machine, &window, "ctrl+a");
    session.text_with("that all are chosen", |text| text.contains("4 uploads selected")).await;
    session.press("Delete").await;
    session.text_with("that they are deleted", |text| text.contains("4 uploads deleted")).await;
    click(&session, ".filters [aria-label='Any destination']").await;
    session.text_with("the others", |text| text.contains("2 uploads") && text.contains("here00.png")).await;
    // With the window they go at once.
    display::close(&desktop.machine, &window);
    eventually("their objects to go", async || (desktop.keys(BUCKET).len() == 1).then_some(())).await;
    assert_eq!(http::get(&new[0]).await.status, 404);
    session.close().await;
}

/// The desktop's browser and its file manager, which write down what they are asked to show.
pub(crate) struct Outside {
    browsed: PathBuf,
    shown: Arc<Mutex<Vec<String>>>,
    _bus: zbus::Connection,
}

struct FileManager(Arc<Mutex<Vec<String>>>);

#[zbus::interface(name = "org.freedesktop.FileManager1")]
impl FileManager {
    fn show_items(&self, uris: Vec<String>, _startup: String) {
        self.0.lock().expect("nobody panics with it").extend(uris);
    }
}

impl Outside {
    pub(crate) async fn of(desktop: &mut Desktop) -> Self {
        let browsed = desktop.machine.dir().join("browsed");
        // What is set for our own windows alone, a browser would suffer from.
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$1${{JSC_useJIT:+, in our environment}}${{WEBKIT_DISABLE_DMABUF_RENDERER:+, in our environment}}\" >> '{}'\n",
            browsed.display()
        );
        let browser = desktop.file("bin/xdg-open", script.as_bytes());
        fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).expect("ours");
        let path = std::env::var("PATH").unwrap_or_default();
        desktop.set_env("PATH", &format!("{}:{path}", browser.parent().expect("a folder").display()));
        let shown = Arc::<Mutex<Vec<String>>>::default();
        let bus = zbus::connection::Builder::address(desktop.machine.bus())
            .and_then(|builder| builder.serve_at("/org/freedesktop/FileManager1", FileManager(Arc::clone(&shown))))
            .and_then(|builder| builder.name("org.freedesktop.FileManager1"))
            .expect("fixed names are right")
            .build()
            .await
            .expect("a bus without a file manager");
        Self { browsed, shown, _bus: bus }
    }

    /// What the browser opened since the last time.
    pub(crate) async fn browsed(&self) -> String {
        let text = eventually("the browser to be asked", async || {
            fs::read_to_string(&self.browsed).ok().filter(|text| text.ends_with('\n'))
        });
        let text = text.await;
        fs::remove_file(&self.browsed).expect("ours");
        text.trim().to_owned()
    }
}

struct Words {
    language: &'static str,
    title: &'static str,
    open: &'static str,
    more: &'static str,
    show: &'static str,
    check: &'static str,
    there: &'static str,
    forget: &'static str,
    forgotten: &'static str,
}

const BOTH: [Words; 2] = [
    Words {
        language: "en",
        title: "Library",
        open: "Open in browser",
        more: "More",
        show: "Show file",
        check: "Check now",
        there: "there, checksum equal",
        forget: "Remove from history",
        forgotten: "1 removed from history",
    },
    Words {
        language: "zh-CN",
        title: "图库",
        open: "在浏览器中打开",
        more: "更多",
        show: "显示文件",
        check: "立即检查",
        there: "存在，校验一致",
        forget: "从历史中移除",
        forgotten: "已从历史中移除 1 个",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_opened_shown_checked_and_forgotten_and_what_is_pasted_or_dropped_is_one_more() {
    let mut desktop = Desktop::start().await;
    let outside = Outside::of(&mut desktop).await;
    let session = Session::start(&desktop, &["--show", "library"]).await;
    let mut last = None;
    for (seed, words) in (140..).step_by(3).zip(BOTH) {
        let window = speaks(&desktop, words.language, words.title).await;
        let file = desktop.file(&format!("{} 1.png", words.language), &pictures::png(seed, 60, 40));
        eventually("the window to take the drop", async || {
            let dropped = xdnd::drop_uris(&desktop.machine, &window, &[xdnd::file_uri(&file)]);
            (dropped.accepted && dropped.finished).then_some(())
        })
        .await;
        let link = link_on_clipboard(&desktop, last.as_deref()).await;
        gives_back_png(&link, &pictures::png(seed, 60, 40)).await;

        let named = format!("{} 1", words.language);
        session.text_with("it in the list", |text| text.contains(&named)).await;
        click(&session, ".cell").await;
        click(&session, &format!(".details .paste [aria-label='{}']", words.open)).await;
        assert_eq!(outside.browsed().await, link);
        let more = format!(".details footer [aria-label='{}']", words.more);
        from_menu(&session, &more, words.show).await;
        eventually("the file manager to be asked", async || {
            outside.shown.lock().expect("nobody panics with it").pop().filter(|uri| *uri == xdnd::file_uri(&file))
        })
        .await;
        from_menu(&session, &more, words.check).await;
        session.text_with("that it is there", |text| text.contains(words.there)).await;

        let pasted = pictures::png(seed + 1, 44, 33);
        let _owner = copy_picture(&desktop, &pasted).await;
        eventually("the picture on the clipboard", async || {
            imagepic_tests::clipboard::targets(&desktop.machine).contains(&"image/png".to_owned()).then_some(())
        })
        .await;
        display::press(&desktop.machine, &window, "ctrl+v");
        let second = link_on_clipboard(&desktop, None).await;
        gives_back_png(&second, &pasted).await;

        click(&session, ".cell").await;
        from_menu(&session, &more, words.forget).await;
        session.text_with("that it is off the list", |text| text.contains(words.forgotten)).await;
        last = Some(second);
    }
    // With the window goes what is off its list.
    let window = display::wait_for_window(&desktop.machine, "图库").await;
    display::close(&desktop.machine, &window);
    eventually("what was forgotten to be out of the history", async || (history(&desktop).len() == 2).then_some(())).await;
    assert_eq!(desktop.keys(BUCKET).len(), 4, "what is forgotten still lies there");
    session.close().await;
}
