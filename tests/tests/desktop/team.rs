//! A team server as a person meets it: registering in the settings, a link on the clipboard, and a password that changed elsewhere.

use imagepic_tests::team::Team;
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, eventually, pictures};
use serde_json::json;

use crate::steps::{drop_on_zone, gives_back_png, link_on_clipboard};

const PHONE: &str = "13800138000";
const FIRST: &str = "first-pass-1";
const SECOND: &str = "second-pass-2";

/// A destination at the server, with somebody signed in who is registered there already, saved.
async fn sign_in(session: &Session, server: &Team) {
    session.press("Add destination").await;
    session.click_text("Team server").await;
    fill(session, "name", "Studio").await;
    fill(session, "server", &server.url).await;
    session.press("Look").await;
    session.text_with("the server to be found", |text| text.contains("A team server is there")).await;
    fill(session, "phone", PHONE).await;
    fill(session, "password", FIRST).await;
    session.press("Sign in").await;
    session.text_with("somebody to be signed in", |text| text.contains("Signed in")).await;
    fill(session, "bucket", "images").await;
    session.press("Save").await;
    session.press("Use this").await;
}

async fn fill(session: &Session, field: &str, text: &str) {
    let input = session.find_soon(&format!("#field-{field}")).await;
    input.clear().await.expect("a field");
    input.send_keys(text).await.expect("a field");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_registering_in_the_settings_to_a_link_and_on_after_the_password_changed_elsewhere() {
    let desktop = Desktop::start().await;
    let server = Team::start().await;
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    session.press("Add destination").await;
    session.click_text("Team server").await;
    fill(&session, "name", "Studio").await;
    fill(&session, "server", &server.url).await;
    session.press("Look").await;
    session.text_with("the server to be found", |text| text.contains("A team server is there")).await;

    session.click_text("Register").await;
    fill(&session, "phone", PHONE).await;
    fill(&session, "email", "me@example.com").await;
    fill(&session, "password", "short").await;
    session.press("Register").await;
    session.text_with("the server's rule at the password", |text| text.contains("does not take this password")).await;
    fill(&session, "password", FIRST).await;
    session.press("Register").await;
    session.text_with("somebody to be signed in", |text| text.contains("Signed in")).await;

    session.find_soon("#field-bucket + button").await.click().await.expect("a list of buckets");
    session.find_soon(".pop [role=option]:not([aria-disabled])").await.click().await.expect("a bucket");
    fill(&session, "folder", "shots").await;
    session.press("Test").await;
    session.text_with("the test to find everything right", |text| text.contains("Everything right")).await;
    session.press("Save").await;
    session.press("Use this").await;
    eventually("the settings to name it", async || {
        let settings = std::fs::read_to_string(desktop.home().join("settings.toml")).ok()?;
        assert!(!settings.contains(FIRST), "the password is in settings.toml");
        settings.contains("current = \"studio\"").then_some(())
    })
    .await;

    let picture = pictures::png(70, 90, 90);
    assert!(desktop.start_app(&["--show", "drop-zone"]).wait_for_end().await.success());
    drop_on_zone(&desktop, &[desktop.file("first.png", &picture)]).await;
    let link = link_on_clipboard(&desktop, None).await;
    assert!(link.contains("/images/shots/first-"), "{link}");
    gives_back_png(&link, &picture).await;

    let changed = server.post("auth/change", None, &json!({ "phone": PHONE, "opwd": FIRST, "npwd": SECOND })).await;
    assert_eq!(changed["code"], "0", "{changed}");
    let picture = pictures::png(71, 90, 90);
    drop_on_zone(&desktop, &[desktop.file("second.png", &picture)]).await;
    let told =
        desktop.notifications().wait_for("signing in is asked for", |told| told.summary.contains("Sign in at Studio")).await;
    assert!(told.body.contains(PHONE), "{told:?}");
    desktop.tray().wait_for(&["1 waiting for you to sign in"]).await;
    session.text_with("the settings to say so", |text| text.contains("does not accept the sign-in")).await;
    fill(&session, "password", SECOND).await;
    session.press("Sign in").await;
    let second = link_on_clipboard(&desktop, Some(&link)).await;
    assert!(second.contains("/images/shots/second-"), "{second}");
    gives_back_png(&second, &picture).await;
    session.text_with("somebody to be signed in again", |text| text.contains("Signed in")).await;

    for file in ["settings.toml", "journal.sqlite", "logs/imagepic.log"] {
        let bytes = std::fs::read(desktop.home().join(file)).unwrap_or_default();
        for password in [FIRST, SECOND] {
            assert!(!bytes.windows(password.len()).any(|window| window == password.as_bytes()), "a password in {file}");
        }
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_settings_a_password_is_changed_and_somebody_signs_out() {
    let desktop = Desktop::start().await;
    let server = Team::start().await;
    server.register(PHONE, FIRST).await;
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    sign_in(&session, &server).await;
    let elsewhere = server.login(PHONE, FIRST).await;

    session.press("Change password…").await;
    fill(&session, "password", FIRST).await;
    fill(&session, "new_password", SECOND).await;
    fill(&session, "again", "another-one-3").await;
    session.press("Change password").await;
    session.text_with("that the two differ", |text| text.contains("The two new passwords differ")).await;
    // What the server says is told at the field it is about.
    for (present, new, field, word) in [
        ("wrong-pass-1", SECOND, "password", "not the present password"),
        (FIRST, "short", "new_password", "does not take this password"),
    ] {
        fill(&session, "password", present).await;
        fill(&session, "new_password", new).await;
        fill(&session, "again", new).await;
        session.press("Change password").await;
        session.text_with("the server's reason", |text| text.contains(word)).await;
        // It is led there, and whoever typed meanwhile would go on typing in another field.
        eventually("the field to be the one that is typed in", async || {
            let at = session.execute("return document.activeElement.id", Vec::new()).await.ok()?;
            (at == format!("field-{field}")).then_some(())
        })
        .await;
        let wrong = session.find_soon(&format!("#field-{field}[aria-invalid=true]")).await;
        assert_eq!(wrong.prop("value").await.expect("a field").as_deref(), Some(""), "no password stays in a form");
    }
    fill(&session, "password", FIRST).await;
    fill(&session, "new_password", SECOND).await;
    fill(&session, "again", SECOND).await;
    session.press("Change password").await;
    session.text_with("the password to be changed", |text| text.contains("The password is changed")).await;
    let old = server.post("auth/login", None, &json!({ "phone": PHONE, "upwd": FIRST })).await;
    assert_eq!(old["error"], "wrong_credentials", "{old}");
    let at = json!({ "bucketName": "images", "objectName": "nothing.png" });
    let ended = server.post("object/statObject", Some(&elsewhere), &at).await;
    assert_eq!(ended["error"], "token_revoked", "other computers have to sign in again: {ended}");
    // Here it goes on.
    let test = ["destinations", "test", "Studio"];
    desktop.imagepic(&test).success();

    session.press("Sign out").await;
    session.text_with("somebody to be signed out", |text| text.contains("Signed out.")).await;
    let tested = desktop.imagepic(&test);
    assert!(tested.err.contains("Nobody is signed in"), "{tested:?}");
    fill(&session, "password", SECOND).await;
    session.press("Sign in").await;
    session.text_with("somebody to be signed in again", |text| text.contains("Signed in")).await;
    desktop.imagepic(&test).success();
    for file in ["settings.toml", "journal.sqlite", "logs/imagepic.log"] {
        let bytes = std::fs::read(desktop.home().join(file)).unwrap_or_default();
        for password in [FIRST, SECOND] {
            assert!(!bytes.windows(password.len()).any(|window| window == password.as_bytes()), "a password in {file}");
        }
    }
    session.close().await;
}
