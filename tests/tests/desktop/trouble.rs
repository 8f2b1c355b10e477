//! What a desktop lacks, and what goes wrong: each a clear message, nothing lost, no panic.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use imagepic_tests::{Desktop, Setup, display, eventually, pictures};

use crate::steps::{BUCKET, Elsewhere, drop_on_zone, gives_back_png, history, link_on_clipboard, set};

/// The app's command in a mount namespace of its own, after `script` changed what is mounted there; root ignores file modes.
fn in_namespace(desktop: &Desktop, script: &str, arguments: &[&str]) -> Command {
    let app = desktop.program("imagepic-desktop");
    let mut command = desktop.program("imagepic-desktop");
    let environment: Vec<_> = command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    command = desktop.machine.command("unshare");
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let program = app.get_args().last().expect("the program itself").to_owned();
    command
        .args(["--mount", "--map-root-user", "sh", "-e", "-c", &format!("{script}\nexec \"$@\""), "sh"])
        .arg(program)
        .args(arguments);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_tray_the_drop_zone_is_home_and_a_tray_that_comes_is_used() {
    let mut desktop = Desktop::with(&Setup { tray: false, ..Setup::default() }).await;
    let app = desktop.launch::<&str>(&[]).await;
    display::wait_for_window(&desktop.machine, "Drop zone").await;
    desktop.notifications().wait_for("there is no tray", |told| told.summary == "This desktop has no tray").await;
    let picture = pictures::png(40, 70, 70);
    drop_on_zone(&desktop, &[desktop.file("no-tray.png", &picture)]).await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    desktop.bring_tray().await;
    desktop.tray().wait_for(&["Recent", "no-tray.png"]).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_keychain_the_secret_is_in_an_encrypted_file_of_ours() {
    use std::os::unix::fs::PermissionsExt;
    let desktop = Desktop::with(&Setup { keychain: false, ..Setup::default() }).await;
    let store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "Elsewhere");
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(41, 70, 70);
    let file = desktop.file("no-keychain.png", &picture);
    assert!(desktop.start_app(&[&file]).wait_for_end().await.success());
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    let mut files = vec![desktop.home().to_path_buf()];
    let mut private = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(&path).expect("ours").flatten().map(|entry| entry.path()));
        } else if let Ok(bytes) = fs::read(&path) {
            let holds = bytes.windows(store.secret_key.len()).any(|window| window == store.secret_key.as_bytes());
            assert!(!holds, "{} holds the secret in the clear", path.display());
            if path.file_name().is_some_and(|name| name == "secrets.json" || name == "secrets.key") {
                assert_eq!(
                    path.metadata().expect("ours").permissions().mode() & 0o077,
                    0,
                    "{} is open to others",
                    path.display()
                );
                private += 1;
            }
        }
    }
    assert_eq!(private, 2, "the secrets are not in secrets.json and secrets.key");
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_network_uploads_wait_say_so_and_go_on_by_themselves() {
    let desktop = Desktop::start().await;
    let mut store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "Elsewhere");
    store.stop();
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(42, 70, 70);
    let file = desktop.file("offline.png", &picture);
    assert!(desktop.start_app(&[&file]).wait_for_end().await.success());
    desktop.notifications().wait_for("no network", |told| told.summary.contains("No network")).await;
    // The file may go: what was taken in is ours.
    fs::remove_file(&file).expect("ours");
    store.again(&desktop).await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_port_that_another_program_took_is_said_and_waited_for() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let before = pictures::png(43, 70, 70);
    let file = desktop.file("before.png", &before);
    let first = desktop.imagepic(&["upload", "--json", file.to_str().expect("plain")]).success().json();
    let first = first[0]["url"].as_str().expect("a link").to_owned();
    app.quit();
    let port: u16 =
        fs::read_to_string(desktop.home().join("bucket/port")).expect("it stays the same").trim().parse().expect("a number");
    let mut last = None;
    for (seed, (language, told_so)) in (440..).zip([("en", "another program uses it"), ("zh-CN", "已被其他程序占用")]) {
        set(&desktop, "general.language", language);
        let thief = eventually("the port", async || TcpListener::bind(("127.0.0.1", port)).ok()).await;
        let app = desktop.launch::<&str>(&[]).await;
        let picture = pictures::png(seed, 70, 70);
        assert!(desktop.start_app(&[desktop.file("taken.png", &picture)]).wait_for_end().await.success());
        let says = |told: &str| told.contains(told_so) && told.contains(&port.to_string());
        desktop.notifications().wait_for("the port is taken", |told| says(&told.body) || says(&told.summary)).await;
        drop(thief);
        let link = link_on_clipboard(&desktop, last.as_deref()).await;
        gives_back_png(&link, &picture).await;
        gives_back_png(&first, &before).await;
        last = Some(link);
        app.quit();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_home_is_said_and_nothing_is_begun() {
    let desktop = Desktop::start().await;
    fs::create_dir_all(desktop.home()).expect("ours");
    let home = desktop.home().display().to_string();
    let script = format!("mount --bind '{home}' '{home}'\nmount -o remount,bind,ro '{home}'");
    // A home that nothing was written to yet, and one that was in use.
    for (language, told_so) in [(None, "cannot be written"), (Some("zh-CN"), "无法写入")] {
        if let Some(language) = language {
            set(&desktop, "general.language", language);
        }
        let mut app = desktop.start_command(in_namespace(&desktop, &script, &[]));
        let status = app.wait_for_end().await;
        assert!(!status.success());
        assert!(app.said().contains(&home) && app.said().contains(told_so), "{}", app.said());
        let says = |told: &str| told.contains(&home) && told.contains(told_so);
        desktop
            .notifications()
            .wait_for("the home cannot be written", |told| says(&format!("{}{}", told.summary, told.body)))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_what_does_not_fit_and_keeps_what_does() {
    let mut desktop = Desktop::start().await;
    fs::create_dir_all(desktop.home()).expect("ours");
    let home = desktop.home().display().to_string();
    // Room for the journal and small pictures, not for the large one.
    let script = format!("mount -t tmpfs -o size=4m tmpfs '{home}'");
    let large = desktop.file("large.png", &pictures::png(45, 1600, 1600));
    let small = pictures::png(46, 60, 60);
    let small_file = desktop.file("small.png", &small);
    let arguments = [large.to_str().expect("plain"), small_file.to_str().expect("plain")];
    let mut last = None;
    for (language, no_room) in [("C.UTF-8", "room"), ("zh_CN.UTF-8", "空间")] {
        // Settings lie in the home, which is empty there: it is the system's language.
        desktop.set_env("LANG", language);
        let mut app = desktop.start_command(in_namespace(&desktop, &script, &arguments));
        desktop.tray().wait_for_item().await;
        let says = |told: &str| told.to_lowercase().contains(no_room);
        desktop.notifications().wait_for("no room", |told| says(&format!("{}{}", told.summary, told.body))).await;
        let link = link_on_clipboard(&desktop, last.as_deref()).await;
        gives_back_png(&link, &small).await;
        assert!(app.ended().is_none(), "{}", app.said());
        last = Some(link);
        app.quit();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_settings_file_is_named_with_its_line_and_left_as_it_is() {
    let mut desktop = Desktop::start().await;
    // Which language was chosen nobody can read: it is the system's.
    desktop.set_env("LANG", "zh_CN.UTF-8");
    fs::create_dir_all(desktop.home()).expect("ours");
    let broken = "version = 1\n[general\nlanguage = \"en\"\n";
    let settings = desktop.home().join("settings.toml");
    fs::write(&settings, broken).expect("ours");
    let said = desktop.imagepic(&["settings", "set", "general.language", "en"]);
    assert!(!said.status.success());
    assert!(said.err.contains("settings.toml") && said.err.contains("第 2 行"), "{}", said.err);
    let app = desktop.launch::<&str>(&[]).await;
    desktop
        .notifications()
        .wait_for("the settings are broken", |told| told.body.contains("settings.toml") && told.body.contains("不改动它"))
        .await;
    desktop.tray().wait_for(&["上传剪贴板"]).await;
    let picture = pictures::png(47, 60, 60);
    assert!(desktop.start_app(&[desktop.file("still.png", &picture)]).wait_for_end().await.success());
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    assert_eq!(fs::read_to_string(&settings).expect("ours"), broken);
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_notification_daemon_everything_else_works() {
    let desktop = Desktop::with(&Setup { notifications: false, ..Setup::default() }).await;
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(48, 60, 60);
    assert!(desktop.start_app(&[desktop.file("quiet.png", &picture)]).wait_for_end().await.success());
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    assert_eq!(desktop.keys(BUCKET).len(), 1);
    assert_eq!(history(&desktop).len(), 1);
    app.quit();
}
