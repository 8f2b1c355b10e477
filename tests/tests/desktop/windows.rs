//! Windows: on demand, gone when closed, in the person's language.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, Setup, display, eventually};

use crate::steps::set;

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
    for (line, title, key) in [("Settings", "Settings", "Escape"), ("Drop zone", "Drop zone", "ctrl+w")] {
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
    eventually("imagepic to end", async || (!desktop.has_app()).then_some(())).await;
}
