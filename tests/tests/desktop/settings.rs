//! The settings window, used as a person uses it.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, display, eventually, pictures};

use crate::steps::{BUCKET, Elsewhere, gives_back_png, link_on_clipboard};

/// Ctrl+A, as the driver writes it: what is typed next takes the place of all there was. It is let go where the keys end.
const ALL: &str = "\u{e009}a";

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
    session.find_soon("#field-secret[aria-invalid=true]:focus").await;
    crate::hands::speaks(&desktop, "zh-CN", "设置").await;
    session.press("测试").await;
    session.text_with("the test to name the secret key", |text| text.contains("私有密钥有误")).await;
    session.find_soon("#field-secret[aria-invalid=true]:focus").await;
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

fn press_key(desktop: &Desktop, keys: &str) {
    let pressed =
        desktop.machine.command("xdotool").args(["key", "--clearmodifiers", keys]).status().expect("xdotool is installed");
    assert!(pressed.success(), "{keys}");
}

/// The driver clicks only what is in sight.
async fn scroll_to(session: &Session, css: &str) -> fantoccini::elements::Element {
    let found = session.find_soon(css).await;
    let script = format!("document.querySelector({}).scrollIntoView({{ block: 'center' }})", serde_json::json!(css));
    session.execute(&script, Vec::new()).await.expect("a page");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_recorded_by_pressing_them_and_then_upload_the_clipboard_from_anywhere() {
    let desktop = Desktop::start().await;
    crate::steps::set(&desktop, "general.language", "zh-CN");
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    session.press("快捷键").await;
    let field = session.find_soon("#record-upload_clipboard").await;
    field.click().await.expect("a button");
    session.text_with("the field to wait for keys", |text| text.contains("按下按键…")).await;
    let window = display::wait_for_window(&desktop.machine, "设置").await;
    display::press(&desktop.machine, &window, "ctrl+alt+u");
    eventually("the keys in the settings", async || {
        let said = desktop.imagepic(&["settings", "get", "shortcuts.upload_clipboard"]);
        (said.out.trim() == "Ctrl+Alt+U").then_some(())
    })
    .await;
    session.text_with("the keys in the window", |text| !text.contains("按下按键…")).await;
    session.close().await;

    // A new run takes them at its start; no window of ours is open.
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(61, 50, 40);
    let _owner = crate::steps::copy_picture(&desktop, &picture).await;
    eventually("the keys to be taken", async || {
        std::fs::read_to_string(desktop.home().join("logs/imagepic.log")).ok()?.contains("keys were taken").then_some(())
    })
    .await;
    press_key(&desktop, "ctrl+alt+u");
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &picture).await;
    app.quit();
}

/// Presses keys, lets them go or both, as the keyboard itself does.
fn keys(desktop: &Desktop, arguments: &[&str]) {
    let done = desktop.machine.command("xdotool").args(arguments).status().expect("xdotool is installed");
    assert!(done.success(), "{arguments:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_another_program_has_taken_or_that_we_use_already_are_said_at_their_place() {
    use x11rb::connection::Connection as _;
    use x11rb::protocol::xproto::{ConnectionExt as _, GrabMode, ModMask};
    let desktop = Desktop::start().await;
    crate::steps::set(&desktop, "shortcuts.pause", "Ctrl+Alt+P");
    let (other, screen) = x11rb::connect(desktop.machine.display()).expect("the display");
    let root = other.setup().roots[screen].root;
    let setup = other.setup();
    let mapping = other
        .get_keyboard_mapping(setup.min_keycode, setup.max_keycode - setup.min_keycode + 1)
        .expect("asked")
        .reply()
        .expect("told");
    // F9, as XKeysymDB counts it.
    let at = mapping
        .keysyms
        .chunks_exact(usize::from(mapping.keysyms_per_keycode))
        .position(|row| row.contains(&0xffc6))
        .expect("a keyboard");
    let code = setup.min_keycode + u8::try_from(at).expect("a key code");
    other
        .grab_key(false, root, ModMask::CONTROL, code, GrabMode::ASYNC, GrabMode::ASYNC)
        .expect("asked")
        .check()
        .expect("nobody has it");
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    let window = display::wait_for_window(&desktop.machine, "Settings").await;
    // Keys that the other program hears never reach the field, which says so all the same.
    for (language, title, pane, says) in [
        ("zh-CN", "设置", "快捷键", "Ctrl+F9 已被其他程序占用"),
        ("en", "Settings", "Shortcuts", "Another program has taken Ctrl+F9"),
    ] {
        crate::hands::speaks(&desktop, language, title).await;
        session.press(pane).await;
        session.find_soon("#record-library").await.click().await.expect("a button");
        session.find_soon("#record-library.is-recording").await;
        // A finger stays on them until something is said.
        keys(&desktop, &["windowactivate", "--sync", &window.id.to_string(), "keydown", "ctrl+F9"]);
        session.text_with("whose keys they are", |text| text.contains(says)).await;
        keys(&desktop, &["keyup", "ctrl+F9"]);
        let recorded = desktop.imagepic(&["settings", "get", "shortcuts.library"]).out;
        assert!(recorded.trim().is_empty(), "{recorded}");
        session.find_soon("#record-library:not(.is-recording)").await;
    }
    // They may come from the console, too, or were free when they were recorded.
    crate::steps::set(&desktop, "shortcuts.drop_zone", "Ctrl+F9");
    let said = session.find_soon("#said-drop_zone").await.text().await.expect("a sentence");
    assert!(said.contains("Another program has taken Ctrl+F9"), "{said}");
    // What is refused is answered with other keys: the field goes on listening until some can be, or Escape.
    session.find_soon("#record-library").await.click().await.expect("a button");
    for (pressed, says) in [("ctrl+alt+p", "is used for \"Pause or resume\" already"), ("ctrl+c", "in every program")] {
        session.find_soon("#record-library.is-recording").await;
        display::press(&desktop.machine, &window, pressed);
        session.text_with(says, |text| text.contains(says)).await;
    }
    session.find_soon("#record-library.is-recording").await;
    display::press(&desktop.machine, &window, "ctrl+alt+o");
    eventually("the keys that can be", async || {
        (desktop.imagepic(&["settings", "get", "shortcuts.library"]).out.trim() == "Ctrl+Alt+O").then_some(())
    })
    .await;
    session.find_soon("#record-library:not(.is-recording):not(.is-wrong)").await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_is_found_by_a_word_changed_at_once_and_taken_back() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    let field = session.find_soon(".find input").await;
    field.send_keys("dark\u{e007}").await.expect("a field");
    session.find_soon("#set-theme.found").await;
    session.click_text("Dark").await;
    session.find_soon("html[data-theme=dark]").await;
    let theme = || desktop.imagepic(&["settings", "get", "general.theme"]).out.trim().to_owned();
    eventually("the theme in the settings", async || (theme() == "dark").then_some(())).await;
    session.press("Undo").await;
    eventually("the theme of before", async || (theme() == "system").then_some(())).await;
    session.find_soon("html:not([data-theme=dark])").await;
    crate::hands::speaks(&desktop, "zh-CN", "设置").await;
    crate::hands::type_over(&session, ".find input", &format!("免打扰{}", crate::hands::ENTER)).await;
    session.find_soon("#notify").await;
    crate::hands::choose(&session, "#notify", "仅提问").await;
    let told = || desktop.imagepic(&["settings", "get", "general.notifications"]).out.trim().to_owned();
    eventually("it in the settings", async || (told() == "quiet").then_some(())).await;
    session.press("撤销").await;
    eventually("what was told before", async || (told() == "all").then_some(())).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_start_at_log_in_is_one_switch_and_the_entry_starts_this_very_program() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    session.press("General").await;
    session.find_soon("#set-autostart").await.click().await.expect("a switch");
    let folder = desktop.machine.dir().join("home/.config/autostart");
    let entry = eventually("the entry", async || {
        let file = std::fs::read_dir(&folder).ok()?.flatten().next()?.path();
        std::fs::read_to_string(file).ok()
    })
    .await;
    let program = imagepic_tests::desktop::built("imagepic-desktop");
    assert!(entry.contains(&format!("\"{}\"", program.display())) && entry.contains("IMAGEPIC_HOME="), "{entry}");
    session.find_soon("#set-autostart[aria-checked=true]").await;
    session.find_soon("#set-autostart").await.click().await.expect("a switch");
    eventually("the entry to be gone", async || (std::fs::read_dir(&folder).ok()?.count() == 0).then_some(())).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_cannot_be_is_named_where_it_is_typed_and_the_next_name_is_shown() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    session.press("Images & names").await;
    let field = scroll_to(&session, "#set-file").await;
    field.send_keys(ALL).await.expect("a field");
    field.send_keys("{stem}-{size}.{ext}").await.expect("a field");
    session.find_soon("#set-file-said.error").await;
    session.text_with("the wrong part", |text| text.contains("{size}")).await;
    field.send_keys(ALL).await.expect("a field");
    field.send_keys("web/{stem}.{ext}\u{e007}").await.expect("a field");
    session.text_with("the next name", |text| text.contains("web/screenshot.png")).await;
    crate::hands::speaks(&desktop, "zh-CN", "设置").await;
    crate::hands::type_over(&session, "#set-clipboard_name", "{name}").await;
    session.text_with("the wrong part", |text| text.contains("没有占位符 {name}")).await;
    eventually("the template in the settings", async || {
        let said = desktop.imagepic(&["settings", "get", "destinations.this-computer.file_name"]);
        (said.out.trim() == "web/{stem}.{ext}").then_some(())
    })
    .await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copied_report_names_the_surroundings_and_no_secret() {
    let desktop = Desktop::start().await;
    let store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "Elsewhere");
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    session.press("General").await;
    scroll_to(&session, "#set-report").await;
    session.text_with("the report", |text| text.contains("Elsewhere (in use)")).await;
    session.press("Copy report").await;
    let copied =
        imagepic_tests::clipboard::wait_for_text(&desktop.machine, "the report", |text| text.contains("imagepic diagnostics"))
            .await;
    for part in ["X11", "Tray", "imagepic tests 1", &format!("127.0.0.1:{}", store.port), "Secrets"] {
        assert!(copied.contains(part), "{part} in\n{copied}");
    }
    assert!(!copied.contains(&store.secret_key), "{copied}");
    crate::hands::speaks(&desktop, "zh-CN", "设置").await;
    session.text_with("the report", |text| text.contains("Elsewhere（使用中）")).await;
    session.press("复制报告").await;
    let copied =
        imagepic_tests::clipboard::wait_for_text(&desktop.machine, "the report", |text| text.contains("imagepic 诊断信息"));
    let copied = copied.await;
    assert!(copied.contains(&format!("127.0.0.1:{}", store.port)) && !copied.contains(&store.secret_key), "{copied}");
    session.close().await;
}
