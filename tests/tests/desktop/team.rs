//! A team server as a person meets it: registering in the settings, a link on the clipboard, and a password that changed elsewhere.

use imagepic_tests::team::Team;
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, eventually, pictures};
use serde_json::json;

use crate::hands::speaks;
use crate::steps::{drop_on_zone, gives_back_png, link_on_clipboard};

const PHONE: &str = "13800138000";
const FIRST: &str = "first-pass-1";
const SECOND: &str = "second-pass-2";

struct Words {
    language: &'static str,
    add: &'static str,
    team: &'static str,
    look: &'static str,
    there: &'static str,
    sign_in: &'static str,
    signed_in: &'static str,
    save: &'static str,
    choose: &'static str,
    change: &'static str,
    change_now: &'static str,
    differ: &'static str,
    not_present: &'static str,
    not_taken: &'static str,
    changed: &'static str,
    sign_out: &'static str,
    left: &'static str,
    nobody: &'static str,
}

const EN: Words = Words {
    language: "en",
    add: "Add destination",
    team: "Team server",
    look: "Look",
    there: "A team server is there",
    sign_in: "Sign in",
    signed_in: "Signed in",
    save: "Save",
    choose: "Use this",
    change: "Change password…",
    change_now: "Change password",
    differ: "The two new passwords differ",
    not_present: "not the present password",
    not_taken: "does not take this password",
    changed: "The password is changed",
    sign_out: "Sign out",
    left: "Signed out.",
    nobody: "Nobody is signed in",
};

const ZH: Words = Words {
    language: "zh-CN",
    add: "添加上传目标",
    team: "团队服务器",
    look: "查看",
    there: "这里是团队服务器",
    sign_in: "登录",
    signed_in: "已登录",
    save: "保存",
    choose: "使用此上传目标",
    change: "更改密码…",
    change_now: "更改密码",
    differ: "两次输入的新密码不一致",
    not_present: "的当前密码",
    not_taken: "不接受此密码",
    changed: "密码已更改",
    sign_out: "退出登录",
    left: "已退出登录",
    nobody: "尚未登录",
};

/// A destination at the server, with somebody signed in who is registered there already, saved.
async fn sign_in(session: &Session, server: &Team, words: &Words) {
    session.press(words.add).await;
    session.click_text(words.team).await;
    fill(session, "name", "Studio").await;
    fill(session, "server", &server.url).await;
    session.press(words.look).await;
    session.text_with("the server to be found", |text| text.contains(words.there)).await;
    fill(session, "phone", PHONE).await;
    fill(session, "password", FIRST).await;
    session.press(words.sign_in).await;
    session.text_with("somebody to be signed in", |text| text.contains(words.signed_in)).await;
    fill(session, "bucket", "images").await;
    session.press(words.save).await;
    session.press(words.choose).await;
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
    let words = EN;
    sign_in(&session, &server, &words).await;
    let elsewhere = server.login(PHONE, FIRST).await;

    session.press(words.change).await;
    fill(&session, "password", FIRST).await;
    fill(&session, "new_password", SECOND).await;
    fill(&session, "again", "another-one-3").await;
    session.press(words.change_now).await;
    session.text_with("that the two differ", |text| text.contains(words.differ)).await;
    // What the server says is told at the field it is about.
    for (present, new, field, word) in
        [("wrong-pass-1", SECOND, "password", words.not_present), (FIRST, "short", "new_password", words.not_taken)]
    {
        fill(&session, "password", present).await;
        fill(&session, "new_password", new).await;
        fill(&session, "again", new).await;
        session.press(words.change_now).await;
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
    // On in the other language.
    let words = ZH;
    speaks(&desktop, words.language, "设置").await;
    fill(&session, "password", FIRST).await;
    fill(&session, "new_password", SECOND).await;
    fill(&session, "again", SECOND).await;
    session.press(words.change_now).await;
    session.text_with("the password to be changed", |text| text.contains(words.changed)).await;
    let old = server.post("auth/login", None, &json!({ "phone": PHONE, "upwd": FIRST })).await;
    assert_eq!(old["error"], "wrong_credentials", "{old}");
    let at = json!({ "bucketName": "images", "objectName": "nothing.png" });
    let ended = server.post("object/statObject", Some(&elsewhere), &at).await;
    assert_eq!(ended["error"], "token_revoked", "other computers have to sign in again: {ended}");
    // Here it goes on.
    let test = ["destinations", "test", "Studio"];
    desktop.imagepic(&test).success();

    session.press(words.sign_out).await;
    session.text_with("somebody to be signed out", |text| text.contains(words.left)).await;
    let tested = desktop.imagepic(&test);
    assert!(tested.err.contains(words.nobody), "{tested:?}");
    // The window hears of that, too, and says it above the form, which moves down.
    session.find_soon(".account .note.warn").await;
    fill(&session, "password", SECOND).await;
    session.press(words.sign_in).await;
    session.text_with("somebody to be signed in again", |text| text.contains(words.signed_in)).await;
    desktop.imagepic(&test).success();
    for file in ["settings.toml", "journal.sqlite", "logs/imagepic.log"] {
        let bytes = std::fs::read(desktop.home().join(file)).unwrap_or_default();
        for password in [FIRST, SECOND] {
            assert!(!bytes.windows(password.len()).any(|window| window == password.as_bytes()), "a password in {file}");
        }
    }
    session.close().await;
}
