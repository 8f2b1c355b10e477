//! Windows: on demand, gone when closed, in the person's language.

use imagepic_tests::{Desktop, display, eventually};

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
    for (name, title) in [("settings", "Settings"), ("drop-zone", "Drop zone")] {
        let app = desktop.launch(&["--show", name]).await;
        display::wait_for_window(&desktop.machine, title).await;
        app.quit();
        display::wait_until_closed(&desktop.machine, title).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_to_come_say_so_and_end_with_2() {
    let desktop = Desktop::start().await;
    for name in ["welcome", "library"] {
        let mut app = desktop.start_app(&["--show", name]);
        assert_eq!(app.wait_for_end().await.code(), Some(2));
        assert!(app.said().contains(name), "{}", app.said());
    }
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
