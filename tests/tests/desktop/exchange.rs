//! Settings in a file, and what they hold of secrets: through the system's own picker.

use std::fs;

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, Site, display, eventually, notifications, picker, pictures};

use crate::hands::{click, copy_a_word, from_menu, reach, speaks, until};
use crate::steps::{BUCKET, Elsewhere, gives_back_png, link_on_clipboard, set};

fn get(desktop: &Desktop, key: &str) -> String {
    desktop.imagepic(&["settings", "get", key]).success().out.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_go_into_a_file_without_secrets_and_come_back_once_their_changes_were_seen() {
    let desktop = Desktop::start().await;
    let store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "别处");
    for (key, value) in [("general.language", "zh-CN"), ("general.theme", "dark"), ("link.format", "markdown")] {
        set(&desktop, key, value);
    }
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    session.press("通用").await;
    reach(&session, "#set-exchange").await;
    session.press("导出…").await;
    let file = desktop.file("out/kept.toml", b"");
    fs::remove_file(&file).expect("ours");
    picker::choose(&desktop.machine, "导出设置", &file).await;
    session.text_with("where it was written", |text| text.contains(&format!("设置已写入 {}", file.display()))).await;
    let written = fs::read_to_string(&file).expect("it was said to be written");
    assert!(written.contains("markdown") && written.contains(&store.endpoint()), "{written}");
    assert!(!written.contains(&store.secret_key), "the secret travels in the file");

    for (key, value) in [("general.theme", "light"), ("link.format", "url")] {
        set(&desktop, key, value);
    }
    fs::write(&file, format!("{written}\n[attic]\nlight = true\n")).expect("ours");
    let look = async |[import, title, changes]: [&str; 3]| {
        session.press(import).await;
        picker::choose(&desktop.machine, title, &file).await;
        let says = |text: &str| text.contains(changes) && text.contains("general.theme") && text.contains("attic");
        session.text_with("what it would change", says).await;
    };
    look(["导入…", "导入设置", "kept.toml 会更改 2 项设置"]).await;
    session.press("取消").await;
    until(&session, "the question to go", "!document.querySelector('dialog[open]')").await;
    assert_eq!(get(&desktop, "general.theme"), "light", "nobody said yes");
    speaks(&desktop, "en", "Settings").await;
    session.press("Export…").await;
    let other = file.with_file_name("other.toml");
    picker::choose(&desktop.machine, "Export settings", &other).await;
    session.text_with("where it was written", |text| text.contains(&format!("Settings are in {}", other.display()))).await;
    let light = fs::read_to_string(&other).expect("it was said to be written");
    assert!(light.contains("light") && !light.contains(&store.secret_key), "{light}");
    fs::write(&file, format!("{}\n[attic]\nlight = true\n", written.replace("zh-CN", "en"))).expect("ours");
    look(["Import…", "Import settings", "kept.toml changes 2 settings"]).await;
    session.press("Change them").await;
    session.text_with("that it is done", |text| text.contains("2 settings changed")).await;
    session.find_soon("html[data-theme=dark]").await;
    assert_eq!((get(&desktop, "general.theme"), get(&desktop, "link.format")), ("dark".to_owned(), "markdown".to_owned()));
    // What somebody changes meanwhile is not the import's to take back.
    set(&desktop, "link.format", "html");
    session.press("Undo").await;
    session.find_soon("html[data-theme=light]").await;
    assert_eq!((get(&desktop, "general.theme"), get(&desktop, "link.format")), ("light".to_owned(), "html".to_owned()));
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_secret_is_never_shown_again_and_a_removed_destination_is_no_longer_used() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "别处");
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    session.text_with("that the secret is kept", |text| text.contains("已存入系统钥匙串")).await;
    let shown =
        "return document.documentElement.outerHTML + [...document.querySelectorAll('input')].map((one) => one.value).join('\\n')";
    let shown = session.execute(shown, Vec::new()).await.expect("a page");
    let shown = shown.as_str().expect("a text");
    assert!(shown.contains(&store.access_key) && !shown.contains(&store.secret_key), "the secret came back");

    speaks(&desktop, "en", "Settings").await;
    from_menu(&session, ".pane > header [aria-label=More]", "Remove…").await;
    session.text_with("what becomes of it", |text| text.contains("Remove 别处?") && text.contains("Its images stay")).await;
    session.press("Keep").await;
    until(&session, "the question to go", "!document.querySelector('dialog[open]')").await;
    speaks(&desktop, "zh-CN", "设置").await;
    from_menu(&session, ".pane > header [aria-label=更多]", "移除…").await;
    session.text_with("what becomes of it", |text| text.contains("移除 别处？") && text.contains("图片仍留在存储桶中")).await;
    session.press("移除上传目标").await;
    eventually("it to be gone", async || {
        let kept = fs::read_to_string(desktop.home().join("settings.toml")).ok()?;
        (!kept.contains(&store.access_key)).then_some(())
    })
    .await;
    let picture = pictures::png(121, 50, 40);
    assert!(desktop.start_app(&[desktop.file("here.png", &picture)]).wait_for_end().await.success());
    let link = link_on_clipboard(&desktop, None).await;
    assert!(!link.starts_with(&store.endpoint()), "{link}");
    gives_back_png(&link, &picture).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_chosen_and_folders_begin_to_be_watched_in_the_systems_own_picker() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    desktop.tray().click(&["上传文件…"]).await;
    let picture = pictures::png(122, 50, 40);
    picker::choose(&desktop.machine, "上传文件", &desktop.file("chosen.png", &picture)).await;
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &picture).await;
    speaks(&desktop, "en", "Settings").await;
    desktop.tray().click(&["Upload files"]).await;
    let picture = pictures::png(123, 50, 40);
    picker::choose(&desktop.machine, "Upload files", &desktop.file("chosen too.png", &picture)).await;
    gives_back_png(&link_on_clipboard(&desktop, Some(&link)).await, &picture).await;
    speaks(&desktop, "zh-CN", "设置").await;

    session.press("采集").await;
    session.press("添加文件夹…").await;
    let folder = desktop.machine.dir().join("shots");
    fs::create_dir_all(&folder).expect("ours");
    picker::choose(&desktop.machine, "监视文件夹", &folder).await;
    session.text_with("the folder", |text| text.contains(&folder.display().to_string())).await;
    // How long until the system watches it nobody tells: pictures come until one of them is asked about.
    let mut number = 0_u32;
    let asked: notifications::Notification = eventually("a question about its pictures", async || {
        number += 1;
        fs::write(folder.join(format!("new-{number}.png")), pictures::png(u64::from(number) + 4000, 40, 30)).expect("ours");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        desktop.notifications().all().into_iter().find(|told| told.summary.contains("shots 中的"))
    })
    .await;
    assert!(asked.body.contains("以后的会自动上传"), "{}", asked.body);
    desktop.notifications().press(&asked, "上传").await;
    eventually("its picture in the bucket", async || desktop.keys(BUCKET).iter().any(|key| key.contains("new-")).then_some(()))
        .await;
    click(&session, "[aria-label^='停止监视']").await;
    eventually("it to be watched no longer", async || {
        desktop.imagepic(&["watch", "list", "--json"]).success().json().is_empty().then_some(())
    })
    .await;
    assert!(display::windows(&desktop.machine).iter().all(|shown| shown.title == "设置"));
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imported_address_gets_nothing_that_was_saved_for_another() {
    let desktop = Desktop::start().await;
    let store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "Elsewhere");
    let site = Site::start();
    let trap = site.show("/", "text/plain", b"").trim_end_matches('/').to_owned();
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    for (language, title, [general, import, chooser, apply, later, done]) in [
        (
            "en",
            "Settings",
            ["General", "Import…", "Import settings", "Change them", "needs a secret key or a sign-in", "1 setting changed"],
        ),
        ("zh-CN", "设置", ["通用", "导入…", "导入设置", "应用更改", "之后需要填写密钥或登录", "已更改 1 项设置"]),
    ] {
        speaks(&desktop, language, title).await;
        let kept = fs::read_to_string(desktop.home().join("settings.toml")).expect("kept");
        assert!(kept.contains(&store.endpoint()), "{kept}");
        let file = desktop.file(&format!("theirs-{language}.toml"), kept.replace(&store.endpoint(), &trap).as_bytes());
        session.press(general).await;
        reach(&session, "#set-exchange").await;
        session.press(import).await;
        picker::choose(&desktop.machine, chooser, &file).await;
        session.text_with("that its key has to be typed", |text| text.contains(later) && text.contains("Elsewhere")).await;
        session.press(apply).await;
        session.text_with("that it is done", |text| text.contains(done)).await;
        let picture = desktop.file("shot.png", &pictures::png(140, 50, 40));
        assert!(desktop.start_app(&[&picture]).wait_for_end().await.success());
        let waits = || crate::steps::history(&desktop).iter().any(|one| one["waiting"] == "sign_in");
        eventually("it to wait for its key", async || waits().then_some(())).await;
        assert!(site.asked().is_empty(), "it was sent to an address from a file: {:?}", site.asked());
        // Back where the key belongs it is used without a word.
        desktop.imagepic(&["settings", "set", "destinations.Elsewhere.endpoint", &store.endpoint()]).success();
        for upload in crate::steps::history(&desktop).iter().filter(|one| one["waiting"] == "sign_in") {
            desktop.imagepic(&["cancel", &upload["id"].to_string()]).success();
        }
    }
    session.close().await;
}

/// Every file of the home but those of the web view, whose name is not its own.
fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_signature_and_no_secret_is_written_down_anywhere() {
    let desktop = Desktop::start().await;
    let store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "Elsewhere");
    let session = Session::start(&desktop, &["--show", "library"]).await;
    let mut last = None;
    for (number, language) in (142..).zip(["en", "zh-CN"]) {
        set(&desktop, "general.language", language);
        let picture = pictures::png(number, 50, 40);
        assert!(desktop.start_app(&[desktop.file(&format!("{number}.png"), &picture)]).wait_for_end().await.success());
        let link = link_on_clipboard(&desktop, last.as_deref()).await;
        assert!(link.contains("X-Amz-Signature="), "{link}");
        gives_back_png(&link, &picture).await;
        let _word = copy_a_word(&desktop, "something else").await;
        // Seen in the details, and copied again from the tray.
        session.text_with("its link", |text| text.contains(".png?X-")).await;
        desktop.tray().click(&[if language == "en" { "Recent" } else { "最近上传" }, &format!("{number}.png")]).await;
        last = Some(link_on_clipboard(&desktop, None).await);
    }
    session.close().await;
    desktop.app_ends().await;
    let mut all = Vec::new();
    files(desktop.home(), &mut all);
    assert!(all.iter().any(|path| path.ends_with("journal.sqlite")), "{all:?}");
    for path in all {
        let bytes = fs::read(&path).unwrap_or_default();
        for secret in ["X-Amz-Signature=", "X-Amz-Credential=", &store.secret_key] {
            let holds = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!holds, "{secret} in {}", path.display());
        }
    }
}
