//! The process that draws the windows goes away.

use std::process::Command;

use imagepic_tests::{App, Desktop, display, eventually};

use crate::warm::{drawn, page_processes};

/// As the kernel does where memory runs out.
async fn kill_pages(app: &App) {
    let processes = page_processes(app);
    for process in &processes {
        // It may have ended by itself.
        Command::new("kill").args(["-KILL", &process.to_string()]).status().expect("kill is there");
    }
    eventually("the processes to end", async || (memory(&processes) == 0).then_some(())).await;
}

/// What they have in memory, in kilobytes.
pub(crate) fn memory(processes: &[u32]) -> u64 {
    let of = |process: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
        line.parse::<u64>().ok()
    };
    processes.iter().filter_map(of).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_come_back_after_their_process_was_killed_and_are_closed_with_a_word_where_that_goes_on() {
    let desktop = Desktop::start().await;
    let app = desktop.launch(&["--show", "library"]).await;
    let library = display::wait_for_window(&desktop.machine, "Library").await;
    drawn(&desktop, &library).await;
    desktop.tray().click(&["Settings"]).await;
    let settings = display::wait_for_window(&desktop.machine, "Settings").await;
    drawn(&desktop, &settings).await;

    let drawn_takes = memory(&page_processes(&app));
    kill_pages(&app).await;
    // What was on the screen may stay there for a while: a new process that has taken as much has drawn as much.
    let again = async || {
        eventually("the windows to be drawn again, or to close", async || {
            let closed = display::windows(&desktop.machine).is_empty();
            (closed || memory(&page_processes(&app)) > drawn_takes * 3 / 4).then_some(closed)
        })
        .await
    };
    assert!(!again().await, "the windows went away");
    for window in [&library, &settings] {
        drawn(&desktop, window).await;
    }
    // On a slow machine the second time may be long after the first.
    loop {
        kill_pages(&app).await;
        if again().await {
            break;
        }
    }
    let told = desktop.notifications().wait_for("why they closed", |told| told.summary.contains("was closed")).await;
    assert!(told.body.contains("Uploads go on"), "{told:?}");
    // Nothing else went with them.
    desktop.tray().click(&["Settings"]).await;
    drawn(&desktop, &display::wait_for_window(&desktop.machine, "Settings").await).await;
    app.quit();
}
