//! A window that is chosen in the tray's menu comes from a process that was begun when the menu opened.

use imagepic_tests::wait::PATIENCE;
use imagepic_tests::{Desktop, display, eventually, within};

/// The processes that show pages.
fn page_processes(app: &imagepic_tests::App) -> Vec<u32> {
    // The kernel keeps fifteen letters of a name.
    let of = app.descendants().into_iter().filter(|(_, name)| name.starts_with("WebKitWebProces"));
    of.map(|(pid, _)| pid).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_chosen_from_the_menu_finds_its_process_running() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let one = |what: &'static str| {
        let app = &app;
        async move { eventually(what, async || <[u32; 1]>::try_from(page_processes(app)).ok()).await[0] }
    };
    for (line, title) in [("Drop zone", "Drop zone"), ("Library", "Library")] {
        desktop.tray().open().await;
        let begun = one("a process to begin with the menu").await;
        desktop.tray().open().await;
        assert!(display::windows(&desktop.machine).is_empty(), "a window that nobody asked for");
        desktop.tray().click(&[line]).await;
        let window = display::wait_for_window(&desktop.machine, title).await;
        assert_eq!(page_processes(&app), [begun], "the window has the process, and nobody another one");
        display::close(&desktop.machine, &window);
        display::wait_until_closed(&desktop.machine, title).await;
        eventually("the process to end", async || page_processes(&app).is_empty().then_some(())).await;
    }
    // Who chooses no window leaves nothing running.
    desktop.tray().open().await;
    let begun = one("a process to begin with the menu").await;
    let environment = std::fs::read(format!("/proc/{begun}/environ")).expect("our own process");
    assert!(environment.split(|byte| *byte == 0).any(|set| set == b"JSC_useJIT=0"), "it compiles scripts");
    // It is kept for twenty seconds.
    within(2 * PATIENCE, "the process to end", async || page_processes(&app).is_empty().then_some(())).await;
    app.quit();
}
