//! What is begun when the tray's menu opens: the library is drawn in secret, and a window that is chosen next has its process.

use std::time::Duration;

use imagepic_tests::display::Shown;
use imagepic_tests::embedded::embedded;
use imagepic_tests::relay::Relay;
use imagepic_tests::wait::PATIENCE;
use imagepic_tests::{Desktop, display, eventually, pictures, within};

use crate::steps::{BUCKET, add_s3};
use crate::survival::memory;

/// Fewer colours has what is not drawn yet.
const PAINTED: usize = 16;

/// The processes that show pages.
pub(crate) fn page_processes(app: &imagepic_tests::App) -> Vec<u32> {
    // The kernel keeps fifteen letters of a name.
    let of = app.descendants().into_iter().filter(|(_, name)| name.starts_with("WebKitWebProces"));
    of.map(|(pid, _)| pid).collect()
}

pub(crate) async fn drawn(desktop: &Desktop, window: &Shown) {
    let colours = async || display::colours(&desktop.machine, window, (0, 0, 220, 180)).filter(|colours| *colours > PAINTED);
    eventually("letters", colours).await;
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
        drawn(&desktop, &window).await;
        assert_eq!(page_processes(&app), [begun], "the window has the process, and nobody another one");
        display::close(&desktop.machine, &window);
        display::wait_until_closed(&desktop.machine, title).await;
        eventually("the process to end", async || page_processes(&app).is_empty().then_some(())).await;
    }
    // The library comes however it is asked for, and stays where it was shown.
    desktop.tray().open().await;
    let begun = one("a process to begin with the menu").await;
    assert_eq!(desktop.start_app(&["--show", "library"]).wait_for_end().await.code(), Some(0));
    let library = display::wait_for_window(&desktop.machine, "Library").await;
    desktop.tray().open().await;
    desktop.tray().click(&["Settings"]).await;
    let settings = display::wait_for_window(&desktop.machine, "Settings").await;
    assert_eq!(page_processes(&app), [begun], "one process for all windows");
    assert!(display::windows(&desktop.machine).contains(&library), "a window that somebody asked for went away");
    for (window, title) in [(library, "Library"), (settings, "Settings")] {
        display::close(&desktop.machine, &window);
        display::wait_until_closed(&desktop.machine, title).await;
    }
    eventually("the process to end", async || page_processes(&app).is_empty().then_some(())).await;
    // Who chooses no window leaves nothing running.
    desktop.tray().open().await;
    let begun = one("a process to begin with the menu").await;
    let environment = std::fs::read(format!("/proc/{begun}/environ")).expect("our own process");
    let told = |set: &[u8]| environment.split(|byte| *byte == 0).any(|one| one == set);
    assert!(told(b"JSC_useJIT=0"), "it compiles scripts");
    assert!(told(b"WEBKIT_DISABLE_DMABUF_RENDERER=1"), "it loads a graphics card's driver");
    // It is kept for twenty seconds.
    within(2 * PATIENCE, "the process to end", async || page_processes(&app).is_empty().then_some(())).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_is_drawn_however_soon_it_is_asked_for() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    // Shown while it comes, WebKit would draw nothing, ever: the worst moment is a fraction of a second after the menu opened.
    for read in (0..360).step_by(30) {
        desktop.tray().open().await;
        tokio::time::sleep(Duration::from_millis(read)).await;
        desktop.tray().click(&["Library"]).await;
        desktop.tray().click(&["Library"]).await;
        let window = display::wait_for_window(&desktop.machine, "Library").await;
        drawn(&desktop, &window).await;
        display::close(&desktop.machine, &window);
        display::wait_until_closed(&desktop.machine, "Library").await;
    }
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_drawn_in_secret_asks_no_store() {
    let desktop = Desktop::start().await;
    let store = embedded().await;
    store.itself.ensure_bucket(BUCKET).await.expect("a bucket");
    let line = Relay::before(&store.by_any_name().await.endpoint).await;
    add_s3(&desktop, "Line", &line.address, (store.reached.access_key, store.reached.secret_key));
    let picture = desktop.file("a.png", &pictures::png(1, 60, 40));
    desktop.imagepic(&["upload".as_ref(), picture.as_os_str()]).success();
    let at_first = line.heard();
    let app = desktop.launch::<&str>(&[]).await;
    // Its small picture can only be made of the object, then.
    std::fs::remove_dir_all(desktop.home().join("thumbnails")).expect("there was one");
    std::fs::remove_file(picture).expect("it is there");
    // The menu's own look at the place, at the start of the app: its buckets, and what lies there.
    eventually("the tray's look at the place", async || (line.heard() >= at_first + 2).then_some(())).await;
    let before = line.heard();
    desktop.tray().open().await;
    let mut last = Vec::new();
    eventually("the library to be drawn", async || {
        last.push(memory(&page_processes(&app)));
        let still = last.iter().rev().take(50).filter(|now| **now > 0 && Some(*now) == last.last()).count();
        (still == 50).then_some(())
    })
    .await;
    assert_eq!(line.heard(), before, "somebody opened a menu, and a store was asked");
    desktop.tray().click(&["Library"]).await;
    eventually("the store to be asked once the library is seen", async || (line.heard() > before).then_some(())).await;
    app.quit();
}
