//! A keychain that is locked, or not there yet: uploads wait, say why, and go on by themselves.

use std::time::Duration;

use imagepic_tests::{Desktop, keychain, pictures};

use crate::steps::{Elsewhere, gives_back_png, history, link_on_clipboard, set};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_waits_for_a_locked_keychain_says_so_and_goes_once_it_is_unlocked() {
    let desktop = Desktop::start().await;
    let store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "Elsewhere");
    keychain::lock(&desktop.machine).await;
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(94, 60, 60);
    assert!(desktop.start_app(&[desktop.file("locked.png", &picture)]).wait_for_end().await.success());
    let told = desktop.notifications().wait_for("the keychain", |told| told.summary.contains("keychain")).await;
    assert!(told.body.contains("locked") && told.body.contains("go on by themselves"), "{}", told.body);
    desktop.tray().wait_for(&["1 waiting for the keychain"]).await;
    let asked = keychain::questions(&desktop.machine);
    assert!(asked > 0, "no person was asked to unlock it");
    // Long enough for the next look, which must not open the question again.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(keychain::questions(&desktop.machine), asked, "whoever closed the question is asked again and again");
    assert_eq!(history(&desktop)[0]["stage"], "waiting");
    keychain::unlock(&desktop.machine).await;
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &picture).await;
    app.quit();

    // Once more in Chinese, by an app that has read no secret yet.
    set(&desktop, "general.language", "zh-CN");
    keychain::lock(&desktop.machine).await;
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(96, 60, 60);
    assert!(desktop.start_app(&[desktop.file("锁住.png", &picture)]).wait_for_end().await.success());
    let told = desktop.notifications().wait_for("the keychain", |told| told.summary.contains("系统钥匙串没有给出密钥")).await;
    assert!(told.body.contains("已锁定"), "{}", told.body);
    desktop.tray().wait_for(&["1 个等待系统钥匙串"]).await;
    keychain::unlock(&desktop.machine).await;
    gives_back_png(&link_on_clipboard(&desktop, Some(&link)).await, &picture).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_waits_for_a_keychain_that_is_not_there_yet() {
    let mut desktop = Desktop::start().await;
    let store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "Elsewhere");
    // As at log-in, where the tray app may start first.
    desktop.machine.crash("gnome-keyring-daemon");
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(95, 60, 60);
    assert!(desktop.start_app(&[desktop.file("early.png", &picture)]).wait_for_end().await.success());
    let told = desktop.notifications().wait_for("the keychain", |told| told.summary.contains("keychain")).await;
    assert!(told.body.contains("No keychain answers"), "{}", told.body);
    assert!(!desktop.home().join("secrets.json").exists(), "a file that hides the keychain's secrets");
    desktop.machine.start_keychain().expect("it comes up");
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    app.quit();
}
