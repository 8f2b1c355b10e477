//! The first start, as a person has it: three ways to a working upload, and a welcome that does not come back.

use imagepic_tests::team::Team;
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, Setup, clipboard, display, eventually, pictures, xdnd};

use crate::hands::speaks;
use crate::steps::{BUCKET, Elsewhere, copy_picture, gives_back_png, history, link_on_clipboard, set};

const TITLE: &str = "imagepic";

async fn first_time() -> Desktop {
    Desktop::with(&Setup { first_start: true, ..Setup::default() }).await
}

async fn fill(session: &Session, field: &str, text: &str) {
    let input = session.find_soon(&format!("#field-{field}")).await;
    input.clear().await.expect("a field");
    input.send_keys(text).await.expect("a field");
}

async fn choose(session: &Session, way: &str) {
    session.find_soon(&format!("input[value={way}]")).await;
    session
        .execute(&format!("document.querySelector('input[value={way}]').click()"), Vec::new())
        .await
        .expect("the page takes the choice");
}

/// What the welcome says, and what its buttons are called.
struct Words {
    language: &'static str,
    go_on: &'static str,
    bucket: &'static str,
    answers: &'static str,
    sign_in: &'static str,
    register: &'static str,
    test: &'static str,
    wrong_key: &'static str,
    elsewhere: &'static str,
    writable: &'static str,
    readers: &'static str,
    habits: &'static str,
    sample: &'static str,
    works: &'static str,
    done: &'static str,
}

const EN: Words = Words {
    language: "en",
    go_on: "Continue",
    bucket: "Which bucket and folder?",
    answers: "answers",
    sign_in: "Sign in to Studio",
    register: "Register",
    test: "Test and continue",
    wrong_key: "The secret key is wrong",
    elsewhere: "in the settings of this destination",
    writable: "You may write to",
    readers: "Who will open your links?",
    habits: "How you work",
    sample: "Take the sample",
    works: "It works",
    done: "Done",
};

const ZH: Words = Words {
    language: "zh-CN",
    go_on: "继续",
    bucket: "放进哪个存储桶和文件夹？",
    answers: "有应答",
    sign_in: "登录 Studio",
    register: "注册",
    test: "测试并继续",
    wrong_key: "私有密钥有误",
    elsewhere: "在此上传目标的设置中",
    writable: "你可以写入",
    readers: "谁会打开你的链接？",
    habits: "你的习惯",
    sample: "用示例图片",
    works: "可以用了",
    done: "完成",
};

/// From the habits on all ways are one: the sample goes up, its link is opened as a reader would, and the welcome is over.
async fn try_and_finish(desktop: &Desktop, session: &Session, words: &Words) -> String {
    session.text_with("the habits", |text| text.contains(words.habits)).await;
    session.press(words.go_on).await;
    session.press(words.sample).await;
    session.text_with("the link to be opened", |text| text.contains(words.works)).await;
    let link = link_on_clipboard(desktop, None).await;
    session.press(words.go_on).await;
    session.press(words.done).await;
    display::wait_until_closed(&desktop.machine, TITLE).await;
    let kept = std::fs::read_to_string(desktop.home().join("welcome.json")).expect("kept");
    assert!(kept.contains("\"done\":true"), "{kept}");
    link
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_welcome_opens_by_itself_at_the_very_first_start_and_never_after_it_was_done() {
    let desktop = first_time().await;
    let app = desktop.launch::<&str>(&[]).await;
    display::wait_for_window(&desktop.machine, TITLE).await;
    app.quit();
    display::wait_until_closed(&desktop.machine, TITLE).await;
    // Closed midway it comes back; who asks for another window gets that one alone.
    let app = desktop.launch(&["--show", "settings"]).await;
    display::wait_for_window(&desktop.machine, "Settings").await;
    assert!(display::windows(&desktop.machine).iter().all(|shown| shown.title != TITLE));
    app.quit();
    let app = desktop.launch::<&str>(&[]).await;
    display::wait_for_window(&desktop.machine, TITLE).await;
    app.quit();
    imagepic_tests::desktop::greeted(desktop.home());
    let app = desktop.launch::<&str>(&[]).await;
    desktop.tray().wait_for(&["Settings"]).await;
    assert!(display::windows(&desktop.machine).is_empty(), "{:?}", display::windows(&desktop.machine));
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_a_paste_or_a_drop_is_told_in_the_welcome_itself() {
    let desktop = first_time().await;
    let session = Session::start(&desktop, &["--show", "welcome"]).await;
    let notes = desktop.file("notes.txt", b"these are notes");
    let mut last = None;
    // At the first step, and at the last.
    for (seed, (words, [copied, refused])) in
        (190..).zip([(EN, ["Link copied", "notes.txt is not an image"]), (ZH, ["链接已复制", "notes.txt 不是图片"])])
    {
        let window = speaks(&desktop, words.language, TITLE).await;
        let foot = if last.is_none() { words.go_on } else { words.done };
        session.text_with("the step", |text| text.contains(foot)).await;
        let picture = pictures::png(seed, 60, 40);
        let _owner = copy_picture(&desktop, &picture).await;
        eventually("the picture on the clipboard", async || {
            clipboard::targets(&desktop.machine).contains(&"image/png".to_owned()).then_some(())
        })
        .await;
        display::press(&desktop.machine, &window, "ctrl+v");
        session.text_with("that its link is copied", |text| text.contains(copied)).await;
        let link = link_on_clipboard(&desktop, last.as_deref()).await;
        gives_back_png(&link, &picture).await;
        eventually("the window to take the drop", async || {
            let dropped = xdnd::drop_uris(&desktop.machine, &window, &[xdnd::file_uri(&notes)]);
            (dropped.accepted && dropped.finished).then_some(())
        })
        .await;
        session.text_with("why it was not taken", |text| text.contains(refused)).await;
        if last.is_none() {
            for _ in 0..4 {
                session.press(words.go_on).await;
            }
        }
        last = Some(link);
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_computer_leads_to_a_link_that_opens_without_anything_filled_in() {
    for words in [EN, ZH] {
        let desktop = first_time().await;
        set(&desktop, "general.language", words.language);
        let session = Session::start(&desktop, &["--show", "welcome"]).await;
        session.press(words.go_on).await;
        session.text_with("the list of buckets", |text| text.contains(words.bucket) && text.contains(BUCKET)).await;
        session.press(words.go_on).await;
        let link = try_and_finish(&desktop, &session, &words).await;
        assert!(link.starts_with("http://127.0.0.1:"), "{link}");
        assert_eq!(history(&desktop).len(), 1);
        let settings = std::fs::read_to_string(desktop.home().join("settings.toml")).expect("kept");
        assert!(settings.contains("clipboard = \"ask\""), "what was proposed is set: {settings}");
        session.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_server_named_by_the_deployment_leads_from_registering_to_a_link() {
    for words in [EN, ZH] {
        from_registering_to_a_link(&words).await;
    }
}

async fn from_registering_to_a_link(words: &Words) {
    let mut desktop = first_time().await;
    set(&desktop, "general.language", words.language);
    let server = Team::start().await;
    let defaults = format!("version = 1\n[team]\nserver = \"{}\"\nname = \"Studio\"\n", server.url);
    let defaults = desktop.file("defaults.toml", defaults.as_bytes());
    desktop.set_env("IMAGEPIC_DEFAULTS", &defaults.display().to_string());
    let session = Session::start(&desktop, &["--show", "welcome"]).await;
    session.text_with("the server to be found", |text| text.contains(words.answers)).await;
    session.press(words.go_on).await;
    session.text_with("the sign-in", |text| text.contains(words.sign_in)).await;
    session.click_text(words.register).await;
    fill(&session, "phone", "13800138000").await;
    fill(&session, "email", "me@example.com").await;
    fill(&session, "password", "first-pass-1").await;
    session.press(words.register).await;
    session.text_with("the place to be writable", |text| text.contains(words.writable)).await;
    session.press(words.go_on).await;
    session.text_with("the question of readers", |text| text.contains(words.readers)).await;
    session.press(words.go_on).await;
    try_and_finish(&desktop, &session, words).await;
    let settings = std::fs::read_to_string(desktop.home().join("settings.toml")).expect("kept");
    assert!(settings.contains("current = \"studio\"") && !settings.contains("first-pass-1"), "{settings}");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_s3_store_with_a_key_leads_to_a_link_and_a_wrong_key_is_said_at_its_field() {
    for words in [EN, ZH] {
        from_a_key_to_a_link(&words).await;
    }
}

async fn from_a_key_to_a_link(words: &Words) {
    let desktop = first_time().await;
    set(&desktop, "general.language", words.language);
    let store = Elsewhere::start(&desktop).await;
    store.make_bucket(&desktop);
    let session = Session::start(&desktop, &["--show", "welcome"]).await;
    choose(&session, "s3").await;
    session.press(words.go_on).await;
    fill(&session, "endpoint", &store.endpoint()).await;
    fill(&session, "region", "us-east-1").await;
    fill(&session, "access_key", "AKIANOBODYKNOWSIT").await;
    fill(&session, "secret", "not-the-secret-key").await;
    session.press(words.test).await;
    // Of the field that is there, and not of a window that is not open; what was tried lies in sight, and goes once the field is another.
    let said = session.text_with("the key that nobody knows", |text| text.contains("AKIANOBODYKNOWSIT")).await;
    assert!(!said.contains(words.elsewhere), "{said}");
    let in_sight = "(() => { const box = document.querySelector('.wel > .body').getBoundingClientRect(); \
         const told = document.querySelector('.wel > .body > .note.danger')?.getBoundingClientRect(); \
         return told && told.top >= box.top && told.bottom <= box.bottom + 1; })()";
    crate::hands::until(&session, "what was tried in sight", in_sight).await;
    fill(&session, "access_key", &store.access_key).await;
    crate::hands::until(&session, "nothing red any more", "!document.querySelector('.error, .danger')").await;
    session.press(words.test).await;
    session.text_with("the wrong key to be named", |text| text.contains(words.wrong_key)).await;
    fill(&session, "secret", &store.secret_key).await;
    session.press(words.test).await;
    session.text_with("the place to be writable", |text| text.contains(words.writable)).await;
    session.press(words.go_on).await;
    session.text_with("the question of readers", |text| text.contains(words.readers)).await;
    session.press(words.go_on).await;
    let link = try_and_finish(&desktop, &session, words).await;
    assert!(link.starts_with(&store.endpoint()), "{link}");
    for file in ["settings.toml", "welcome.json", "logs/imagepic.log"] {
        let bytes = std::fs::read(desktop.home().join(file)).unwrap_or_default();
        let secret = store.secret_key.as_bytes();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "the secret key in {file}");
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_welcome_closed_midway_goes_on_where_it_was_and_skipping_leads_through() {
    let desktop = first_time().await;
    let session = Session::start(&desktop, &["--show", "welcome"]).await;
    choose(&session, "s3").await;
    session.press("Continue").await;
    fill(&session, "endpoint", "https://s3.kept.example").await;
    eventually("what was typed to be written down", async || {
        std::fs::read_to_string(desktop.home().join("welcome.json")).ok()?.contains("s3.kept.example").then_some(())
    })
    .await;
    session.close().await;
    desktop.app_ends().await;
    let session = Session::start(&desktop, &["--show", "welcome"]).await;
    let endpoint = session.find_soon("#field-endpoint").await;
    eventually("what was typed to be there", async || {
        (endpoint.prop("value").await.ok().flatten().as_deref() == Some("https://s3.kept.example")).then_some(())
    })
    .await;
    for question in ["How you work", "Try it", "imagepic lives in the tray"] {
        session.press("Skip").await;
        session.text_with(question, |text| text.contains(question)).await;
    }
    session.press("Done").await;
    display::wait_until_closed(&desktop.machine, TITLE).await;
    assert!(history(&desktop).is_empty());
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preset_fills_in_what_is_the_same_for_everybody_and_habits_are_kept_as_they_were_chosen() {
    for (words, format, [skip, automatic, shortcut, waits], keys) in [
        (EN, "Markdown", ["Skip", "Upload", "Set", "Press the keys…"], "ctrl+alt+i"),
        (ZH, "HTML", ["跳过", "上传", "设置", "按下快捷键…"], "ctrl+alt+k"),
    ] {
        let desktop = first_time().await;
        set(&desktop, "general.language", words.language);
        let session = Session::start(&desktop, &["--show", "welcome"]).await;
        choose(&session, "s3").await;
        session.press(words.go_on).await;
        let value = async |field: &str| {
            let script = format!("return document.querySelector('#field-{field}').value");
            session.execute(&script, Vec::new()).await.expect("a page").as_str().unwrap_or_default().to_owned()
        };
        for (provider, endpoint, region, host) in [
            ("oss", "https://s3.oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou", true),
            ("b2", "https://s3.us-west-004.backblazeb2.com", "us-west-004", true),
            ("garage", "", "garage", false),
            ("aws", "https://s3.us-east-1.amazonaws.com", "us-east-1", true),
        ] {
            let list = session.find_soon("#field-provider").await;
            list.select_by_value(provider).await.expect("a preset");
            eventually(provider, async || (value("region").await == region).then_some(())).await;
            assert_eq!(value("endpoint").await, endpoint, "{provider}");
            let styles = "return [...document.querySelectorAll('.form .seg input')].find((one) => one.checked)?.value";
            let style = session.execute(styles, Vec::new()).await.expect("a page");
            assert_eq!(style == "host", host, "{provider}: {style}");
        }
        // The address follows the region.
        crate::hands::type_over(&session, "#field-region", "eu-central-1").await;
        eventually("the address", async || (value("endpoint").await == "https://s3.eu-central-1.amazonaws.com").then_some(()))
            .await;

        session.press(skip).await;
        session.text_with("the habits", |text| text.contains(words.habits)).await;
        session.click_text(format).await;
        session.click_text(automatic).await;
        session.press(shortcut).await;
        session.text_with("the keys to be waited for", |text| text.contains(waits)).await;
        let window = display::wait_for_window(&desktop.machine, TITLE).await;
        display::press(&desktop.machine, &window, keys);
        session.text_with("the keys", |text| !text.contains(waits)).await;
        session.press(words.go_on).await;
        let get = |key: &str| desktop.imagepic(&["settings", "get", key]).success().out.trim().to_lowercase();
        eventually("all of it in the settings", async || {
            let kept = [get("link.format"), get("capture.clipboard"), get("shortcuts.upload_clipboard")];
            (kept == [format.to_lowercase(), "automatic".to_owned(), keys.to_owned()]).then_some(())
        })
        .await;
        session.close().await;
    }
}
