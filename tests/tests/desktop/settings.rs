//! The settings window, used as a person uses it.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, display, eventually, pictures};

use crate::steps::{BUCKET, Elsewhere, gives_back_png, link_on_clipboard};

async fn fill(session: &Session, field: &str, text: &str) {
    let input = session.find_soon(&format!("#field-{field}")).await;
    input.clear().await.expect("a field");
    input.send_keys(text).await.expect("a field");
}

async fn begin_destination(session: &Session, store: &Elsewhere, secret: &str) {
    session.press("Add destination").await;
    fill(session, "name", "Elsewhere").await;
    fill(session, "endpoint", &store.endpoint()).await;
    fill(session, "region", "us-east-1").await;
    fill(session, "access_key", &store.access_key).await;
    fill(session, "secret", secret).await;
    session.click_text("Path").await;
    fill(session, "bucket", BUCKET).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_s3_destination_is_added_tested_chosen_and_used() {
    let desktop = Desktop::start().await;
    let store = Elsewhere::start(&desktop).await;
    store.make_bucket(&desktop);
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    begin_destination(&session, &store, &store.secret_key).await;
    session.press("Test").await;
    session.text_with("the test to find everything right", |text| text.contains("Everything right")).await;
    session.press("Save").await;
    session.press("Use this").await;
    eventually("the settings to name it", async || {
        let settings = std::fs::read_to_string(desktop.home().join("settings.toml")).ok()?;
        assert!(!settings.contains(&store.secret_key), "the secret is in settings.toml");
        (settings.contains("Elsewhere") && settings.contains("current = \"elsewhere\"")).then_some(())
    })
    .await;
    let picture = pictures::png(60, 80, 80);
    assert!(desktop.start_app(&[desktop.file("chosen.png", &picture)]).wait_for_end().await.success());
    let link = link_on_clipboard(&desktop, None).await;
    assert!(link.starts_with(&store.endpoint()), "{link}");
    gives_back_png(&link, &picture).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_key_is_named_by_the_test_at_its_field() {
    let desktop = Desktop::start().await;
    let store = Elsewhere::start(&desktop).await;
    store.make_bucket(&desktop);
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    begin_destination(&session, &store, "not-the-secret-key").await;
    session.press("Test").await;
    session.text_with("the test to name the secret key", |text| text.contains("The secret key is wrong")).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_console_sets_the_open_window_shows() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    session.press("Capture").await;
    session.find_soon("input[value=off]:checked").await;
    crate::steps::set(&desktop, "capture.clipboard", "automatic");
    session.find_soon("input[value=automatic]:checked").await;
    crate::steps::set(&desktop, "general.language", "zh-CN");
    session.text_with("the window in Chinese", |text| text.contains("剪贴板")).await;
    display::wait_for_window(&desktop.machine, "设置").await;
    session.close().await;
}
