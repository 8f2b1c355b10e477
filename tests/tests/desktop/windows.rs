//! Windows: on demand, gone when closed, in the person's language.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, Setup, clipboard, display, eventually, pictures, xdnd};

use crate::steps::{BUCKET, copy_picture, gives_back_png, link_on_clipboard, set};

fn web_processes(app: &imagepic_tests::App) -> Vec<String> {
    app.descendants().into_iter().map(|(_, name)| name).filter(|name| name.contains("WebKit")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_window_gives_its_memory_back_and_opens_again() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    assert!(display::windows(&desktop.machine).is_empty(), "a window that nobody asked for");
    assert!(web_processes(&app).is_empty(), "a web view without a window: {:?}", app.descendants());
    for _ in 0..2 {
        desktop.tray().click(&["Drop zone"]).await;
        let zone = display::wait_for_window(&desktop.machine, "Drop zone").await;
        eventually("the drop zone to stay above", async || display::is_above(&desktop.machine, &zone).then_some(())).await;
        display::close(&desktop.machine, &zone);
        display::wait_until_closed(&desktop.machine, "Drop zone").await;
        eventually("the web process to end", async || {
            web_processes(&app).iter().all(|name| !name.contains("WebProcess")).then_some(())
        })
        .await;
    }
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_window_opens_by_name_at_start() {
    let desktop = Desktop::start().await;
    for (name, title) in [("settings", "Settings"), ("drop-zone", "Drop zone"), ("welcome", "imagepic")] {
        let app = desktop.launch(&["--show", name]).await;
        display::wait_for_window(&desktop.machine, title).await;
        app.quit();
        display::wait_until_closed(&desktop.machine, title).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_there_is_none_of_says_so_and_ends_with_2() {
    let desktop = Desktop::start().await;
    let mut app = desktop.start_app(&["--show", "attic"]);
    assert_eq!(app.wait_for_end().await.code(), Some(2));
    assert!(app.said().contains("attic"), "{}", app.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_language_changes_in_tray_and_window_while_it_runs() {
    let desktop = Desktop::start().await;
    let app = desktop.launch(&["--show", "settings"]).await;
    display::wait_for_window(&desktop.machine, "Settings").await;
    set(&desktop, "general.language", "zh-CN");
    display::wait_for_window(&desktop.machine, "设置").await;
    desktop.tray().wait_for(&["上传剪贴板"]).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quit_in_the_tray_ends_the_app() {
    let desktop = Desktop::start().await;
    let mut app = desktop.launch::<&str>(&[]).await;
    desktop.tray().click(&["Quit"]).await;
    assert!(app.wait_for_end().await.success(), "{}", app.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn escape_and_ctrl_w_close_a_window_nobody_has_clicked_in() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    // Escape in the library takes back what is chosen or sought, as in a file manager, and leaves the window.
    let windows = [("Settings", "Settings", "Escape"), ("Drop zone", "Drop zone", "ctrl+w"), ("Library…", "Library", "ctrl+w")];
    for (line, title, key) in windows {
        desktop.tray().click(&[line]).await;
        let window = display::wait_for_window(&desktop.machine, title).await;
        // A window is listed before its page hears keys.
        eventually("the window to close at its key", async || {
            display::press(&desktop.machine, &window, key);
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            (!display::windows(&desktop.machine).iter().any(|shown| shown.title == title)).then_some(())
        })
        .await;
    }
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_drop_zone_can_quit_imagepic_where_there_is_no_tray_to_do_it() {
    let desktop = Desktop::with(&Setup { tray: false, ..Setup::default() }).await;
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    assert!(desktop.has_app());
    session.find_soon(".dz-foot [aria-label=More]").await.click().await.expect("a button");
    session.pick("Quit").await;
    desktop.app_ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pasted_into_or_dropped_on_the_settings_or_the_welcome_is_uploaded_too() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let mut last = None;
    for (seed, (language, window, title)) in
        (180..).step_by(2).zip([("en", "settings", "Settings"), ("zh-CN", "settings", "设置"), ("zh-CN", "welcome", "imagepic")])
    {
        set(&desktop, "general.language", language);
        assert!(desktop.start_app(&["--show", window]).wait_for_end().await.success());
        let shown = display::wait_for_window(&desktop.machine, title).await;
        let dropped = pictures::png(seed, 50, 40);
        let file = desktop.file(&format!("dropped-{seed}.png"), &dropped);
        eventually("the window to take the drop", async || {
            let dropped = xdnd::drop_uris(&desktop.machine, &shown, &[xdnd::file_uri(&file)]);
            (dropped.accepted && dropped.finished).then_some(())
        })
        .await;
        let link = link_on_clipboard(&desktop, last.as_deref()).await;
        gives_back_png(&link, &dropped).await;
        let pasted = pictures::png(seed + 1, 60, 40);
        let _owner = copy_picture(&desktop, &pasted).await;
        eventually("the picture on the clipboard", async || {
            clipboard::targets(&desktop.machine).contains(&"image/png".to_owned()).then_some(())
        })
        .await;
        display::press(&desktop.machine, &shown, "ctrl+v");
        let link = link_on_clipboard(&desktop, Some(&link)).await;
        gives_back_png(&link, &pasted).await;
        last = Some(link);
        display::close(&desktop.machine, &shown);
        display::wait_until_closed(&desktop.machine, title).await;
    }
    app.quit();
}

/// GTK's own input method: Ctrl+Shift+U and the number of a letter, which stands in the field underlined until Enter ends it.
fn compose(desktop: &Desktop, window: &display::Shown, number: &str) {
    display::press(&desktop.machine, window, "ctrl+shift+u");
    for digit in number.chars() {
        display::press(&desktop.machine, window, &digit.to_string());
    }
    display::press(&desktop.machine, window, "Return");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_an_input_method_are_its_own_until_it_has_written() {
    let mut desktop = Desktop::start().await;
    desktop.set_env("GTK_IM_MODULE", "gtk-im-context-simple");
    set(&desktop, "general.language", "zh-CN");
    set(&desktop, "names.ask", "true");
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    session.find_soon(".dz-foot .where").await;
    let zone = display::wait_for_window(&desktop.machine, "拖放区").await;
    let picture = pictures::png(190, 64, 48);
    let _owner = copy_picture(&desktop, &picture).await;
    desktop.tray().click(&["上传剪贴板"]).await;
    session.find_soon(".naming input:focus").await;
    let value = "return document.activeElement.value ?? ''";
    let reads = async |what: &str, wanted: &str| {
        eventually(what, async || (session.execute(value, Vec::new()).await.ok()?.as_str()? == wanted).then_some(())).await;
    };
    // The whole name is chosen but its extension; the Enter that ends the letter is not the one that sends the name.
    display::press(&desktop.machine, &zone, "ctrl+a");
    compose(&desktop, &zone, "767b");
    reads("the first letter alone", "登").await;
    compose(&desktop, &zone, "5f55");
    reads("both letters", "登录").await;
    assert!(desktop.keys(BUCKET).is_empty(), "it was sent while its name was being written");
    display::press(&desktop.machine, &zone, "Return");
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &picture).await;
    assert_eq!(desktop.keys(BUCKET), ["登录.png"]);

    // In the library a letter begins a search, and Escape within one takes back that letter and no more.
    set(&desktop, "names.ask", "false");
    let other = desktop.file("other.png", &pictures::png(191, 64, 48));
    desktop.imagepic(&["upload", other.to_str().expect("plain")]).success();
    session.close().await;
    desktop.app_ends().await;
    let session = Session::start(&desktop, &["--show", "library"]).await;
    let library = display::wait_for_window(&desktop.machine, "图库").await;
    session.text_with("both", |text| text.contains("2 个上传")).await;
    display::press(&desktop.machine, &library, "ctrl+f");
    session.find_soon(".tools input:focus").await;
    compose(&desktop, &library, "767b");
    session.text_with("the one of that name", |text| text.contains("1 个上传") && text.contains("登录")).await;
    display::press(&desktop.machine, &library, "ctrl+shift+u");
    display::press(&desktop.machine, &library, "7");
    display::press(&desktop.machine, &library, "Escape");
    let reads = session.execute("return document.querySelector('.tools input').value", Vec::new()).await.expect("a field");
    assert_eq!(reads, "登", "what was sought is gone with the letter that was being written");
    session.close().await;
}
