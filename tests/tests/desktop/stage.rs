//! The stage itself: a test that stands on a tray, a drop or a clipboard that does nothing proves nothing.

use imagepic_tests::{Desktop, clipboard, display, pictures};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_program_copies_another_one_reads() {
    let desktop = Desktop::start().await;
    let picture = pictures::png(1, 64, 48);
    let file = desktop.file("a.png", &picture);
    let owner = clipboard::copy(&desktop.machine, "image/png", &file).await;
    imagepic_tests::eventually("the picture on the clipboard", async || {
        clipboard::targets(&desktop.machine).contains(&"image/png".to_owned()).then_some(())
    })
    .await;
    drop(owner);
    let text = desktop.file("a.txt", "Grüße".as_bytes());
    let _owner = clipboard::copy(&desktop.machine, "UTF8_STRING", &text).await;
    assert_eq!(clipboard::wait_for_text(&desktop.machine, "the text", |text| text.starts_with('G')).await, "Grüße");
    assert!(display::windows(&desktop.machine).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wayland_has_a_clipboard_too() {
    let mut desktop = Desktop::with(&imagepic_tests::Setup { screen: false, keychain: false, ..Default::default() }).await;
    let sway = imagepic_tests::wayland::Sway::start(&mut desktop).await;
    let text = desktop.file("a.txt", "Grüße".as_bytes());
    assert_eq!(sway.text(), None);
    sway.copy("text/plain;charset=utf-8", &text);
    imagepic_tests::eventually("the text", async || sway.text().filter(|text| text == "Grüße")).await;
}
