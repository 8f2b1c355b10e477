//! What the tray's icon tells: each state by its own picture, and a pause also after the next start.

use std::net::TcpListener;

use imagepic_tests::desktop::root;
use imagepic_tests::{Desktop, eventually, pictures};

use crate::steps::{BUCKET, Elsewhere, gives_back_png, history, link_on_clipboard, set};

/// The picture the designer drew for this state, in the form of a StatusNotifierItem: ARGB, the first byte first.
fn drawn(state: &str) -> (i32, i32, Vec<u8>) {
    let file = root().join(format!("icons/tray/{state}-light-44.png"));
    let picture = image::open(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display())).to_rgba8();
    let pixels = picture.pixels().flat_map(|pixel| [pixel[3], pixel[0], pixel[1], pixel[2]]).collect();
    let length = |length: u32| i32::try_from(length).expect("an icon is small");
    (length(picture.width()), length(picture.height()), pixels)
}

/// The state whose picture the panel draws at present.
async fn shown(desktop: &Desktop) -> Option<&'static str> {
    let [pixmap] = &desktop.tray().icon().await.pixmaps[..] else { panic!("one size of the icon") };
    ["idle", "working", "waiting", "paused", "failed"].into_iter().find(|state| drawn(state) == *pixmap)
}

async fn shows(desktop: &Desktop, state: &str) {
    eventually(&format!("the icon to show \"{state}\""), async || (shown(desktop).await == Some(state)).then_some(())).await;
}

async fn give(desktop: &Desktop, name: &str, picture: &[u8]) {
    assert!(desktop.start_app(&[desktop.file(name, picture)]).wait_for_end().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_icon_shows_each_state_by_the_picture_drawn_for_it() {
    let desktop = Desktop::start().await;
    let mut store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "Elsewhere");
    let app = desktop.launch::<&str>(&[]).await;
    shows(&desktop, "idle").await;
    desktop.tray().click(&["Pause"]).await;
    shows(&desktop, "paused").await;
    desktop.tray().click(&["Pause"]).await;
    shows(&desktop, "idle").await;

    store.stop();
    let picture = pictures::png(96, 60, 60);
    give(&desktop, "on-its-way.png", &picture).await;
    shows(&desktop, "waiting").await;
    // Somebody takes the call and says nothing: as long as that lasts the upload is under way.
    let silent = eventually("the port", async || TcpListener::bind(("127.0.0.1", store.port)).ok()).await;
    shows(&desktop, "working").await;
    drop(silent);
    store.again(&desktop).await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    shows(&desktop, "idle").await;

    set(&desktop, "destinations.Elsewhere.bucket", "nowhere");
    desktop.tray().wait_for(&["Ready · Elsewhere / nowhere"]).await;
    give(&desktop, "lost.png", &pictures::png(97, 60, 60)).await;
    shows(&desktop, "failed").await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_paused_stays_paused_at_the_next_start_and_after_a_crash() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    desktop.tray().click(&["Pause"]).await;
    shows(&desktop, "paused").await;
    app.quit();

    let picture = pictures::png(98, 60, 60);
    let mut app = desktop.launch(&[desktop.file("later.png", &picture)]).await;
    shows(&desktop, "paused").await;
    desktop.tray().wait_for(&["Paused · 1 queued"]).await;
    app.kill();

    let app = desktop.launch::<&str>(&[]).await;
    shows(&desktop, "paused").await;
    assert!(desktop.tray().wait_for(&["Pause"]).await.checked);
    assert_eq!(history(&desktop)[0]["stage"], "queued");
    assert!(desktop.keys(BUCKET).is_empty(), "it went although uploads are paused");
    desktop.tray().click(&["Pause"]).await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    app.quit();

    let app = desktop.launch::<&str>(&[]).await;
    shows(&desktop, "idle").await;
    app.quit();
}
