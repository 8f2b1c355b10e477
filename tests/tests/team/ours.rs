//! The server as its people start it, and the console program beside the engine.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use imagepic_tests::desktop::built;
use imagepic_tests::old_service::OldService;
use imagepic_tests::relay::Relay;
use imagepic_tests::team::{Team, TeamSetup};
use imagepic_tests::wait::within;
use serde_json::json;

use super::*;

const OTHER: &str = "other12345";

fn at(server: &Team) -> Destination {
    Destination { bucket: "images".to_owned(), ..destination(&server.url) }
}

async fn desk(server: &Team) -> Desk {
    let desk = Desk::new().await;
    let saved = desk.engine.destinations().save(Draft { destination: at(server), secret: None }).await.expect("saved");
    desk.engine.destinations().use_(&saved.id, None, None).await.expect("chosen");
    desk
}

async fn upload(engine: &Engine, name: &str) {
    let content = Content::Bytes { bytes: Bytes::from(picture(name.as_bytes())), name: Some(format!("{name}.png")) };
    let capture = Capture { content, source: Source::CommandLine, at: SystemTime::now() };
    let how = Submit { deliver: Deliver::No, ..Submit::default() };
    let id = engine.uploads().submit(vec![capture], how).await.expect("taken").uploads[0];
    becomes(engine, id, "went through", done).await;
    let link = engine.uploads().link(id).await.expect("a link").url;
    assert_eq!(fetch(&link).await, picture(name.as_bytes()));
}

#[tokio::test]
async fn one_sign_in_serves_every_process_of_the_home_however_often_it_is_renewed() {
    let server = Team::start().await;
    server.register(PHONE, PASSWORD).await;
    let desk = desk(&server).await;
    desk.engine.accounts().login(&address(&server.url), secret(PASSWORD), false).await.expect("signed in");
    upload(&desk.engine, "first").await;
    // Each new process has no token and renews; a refresh token works once.
    for round in 0..3 {
        let (one, two) = (open(&desk.home).await, open(&desk.home).await);
        let names = [format!("one-{round}"), format!("two-{round}")];
        tokio::join!(upload(&one, &names[0]), upload(&two, &names[1]));
        one.close().await;
        two.close().await;
    }
    upload(&desk.engine, "last").await;
    assert!(desk.engine.accounts().list().await[0].signed_in);
}

#[tokio::test]
async fn a_password_changed_elsewhere_asks_once_and_then_goes_on() {
    let server = Team::start().await;
    server.register(PHONE, PASSWORD).await;
    let desk = desk(&server).await;
    desk.engine.accounts().login(&address(&server.url), secret(PASSWORD), false).await.expect("signed in");
    upload(&desk.engine, "before").await;
    let changed = server.post("auth/change", None, &json!({ "phone": PHONE, "opwd": PASSWORD, "npwd": OTHER })).await;
    assert_eq!(changed["code"], "0", "{changed}");
    let id = desk.give("after.png", picture(b"after")).await;
    let waits = desk.becomes(id, "waited", signed_out).await;
    assert_eq!(waits.code, Some(Code::SignInNeeded));
    desk.engine.accounts().login(&address(&server.url), secret(OTHER), false).await.expect("signed in again");
    desk.becomes(id, "went on by itself", done).await;
    // Whoever changes it here stays signed in here.
    desk.engine.accounts().change_password(&address(&server.url), secret(OTHER), secret(PASSWORD)).await.expect("changed");
    upload(&desk.engine, "later").await;
}

#[tokio::test]
async fn what_the_server_refuses_of_a_form_is_told_at_its_field_with_the_rule() {
    let server = Team::start().await;
    server.register(PHONE, PASSWORD).await;
    let desk = Desk::new().await;
    let accounts = desk.engine.accounts();
    let found = accounts.probe(&address(&server.url)).await.expect("there");
    assert!(!found.old && found.registers && !found.invited && found.password_min == Some(8), "{found:?}");
    let form = |email: &str, password: &str| Registering {
        name: String::new(),
        tfs: String::new(),
        email: email.to_owned(),
        password: secret(password),
        invite: String::new(),
    };
    let nobody = TeamAddress { phone: "13900000000".to_owned(), ..address(&server.url) };
    for (who, form, field, word) in [
        (address(&server.url), form("a@b.example", PASSWORD), "phone", "already"),
        (nobody.clone(), form("nothing", PASSWORD), "email", "e-mail"),
        (nobody.clone(), form("a@b.example", "abc1"), "password", "8 to 64"),
    ] {
        let error = accounts.register(&who, form).await.expect_err(field);
        assert_eq!(error.field, Some(field), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = accounts.login(&nobody, secret(PASSWORD), false).await.expect_err("unknown");
    assert_eq!((error.code, error.field), (Code::WrongPassword, Some("password")));
    let error = accounts.change_password(&address(&server.url), secret(PASSWORD), secret("abc1")).await.expect_err("short");
    assert_eq!(error.field, Some("new_password"), "{error}");
}

#[tokio::test]
async fn what_the_server_cannot_take_fails_at_once_and_says_why() {
    let server = Team::start().await;
    server.register(PHONE, PASSWORD).await;
    let desk = desk(&server).await;
    desk.engine.accounts().login(&address(&server.url), secret(PASSWORD), false).await.expect("signed in");
    desk.engine.destinations().use_("Team", Some("elsewhere".to_owned()), None).await.expect("any name");
    let id = desk.give("lost.png", picture(b"lost")).await;
    let failed = desk.becomes(id, "failed", |upload| upload.stage == Stage::Failed).await;
    assert_eq!(failed.code, Some(Code::NoSuchBucket));
    assert!(failed.message.as_deref().is_some_and(|message| message.contains("elsewhere")), "{:?}", failed.message);
}

#[tokio::test]
async fn a_server_that_takes_more_than_it_did_is_believed_without_a_restart_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = TeamSetup::default().data(&data).set("IMAGEPIC_MAX_BYTES", 1000).start().await;
    server.register(PHONE, PASSWORD).await;
    let desk = desk(&server).await;
    desk.engine.accounts().login(&address(&server.url), secret(PASSWORD), false).await.expect("signed in");
    let large = picture(&[b'x'; 5000]);
    let id = desk.give("large.png", large.clone()).await;
    let failed = desk.becomes(id, "failed", |upload| upload.stage == Stage::Failed).await;
    assert_eq!(failed.code, Some(Code::TooLarge));
    let listen = server.url.trim_start_matches("http://").to_owned();
    drop(server);
    let _server = TeamSetup::default().data(&data).set("IMAGEPIC_LISTEN", &listen).start().await;
    let id = desk.give("again.png", large).await;
    let ended = desk.becomes(id, "has ended", |upload| done(upload) || upload.stage == Stage::Failed).await;
    assert!(done(&ended), "{ended:?}");
}

fn imagepic(home: &std::path::Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(built("imagepic"));
    command.args(arguments).env("IMAGEPIC_HOME", home).env("HOME", home).env("LC_ALL", "C.UTF-8");
    // No keychain: secrets go to the file, as on a server without a desktop.
    command.env_remove("LANGUAGE").env_remove("DBUS_SESSION_BUS_ADDRESS").env("XDG_RUNTIME_DIR", home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("imagepic is built");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_registers_uploads_changes_the_password_and_signs_out() {
    let server = Team::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let run = |arguments: &[&str], input: &str| {
        let output = imagepic(home, arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        output
    };
    let url = server.url.as_str();
    run(
        &["register", "--server", url, "--phone", PHONE, "--email", "me@example.com", "--password-stdin"],
        &format!("{PASSWORD}\n"),
    );
    let place = ["--bucket", "images", "--folder", "shots"];
    run(&[&["destinations", "add", "team", "--name", "studio", "--server", url, "--phone", PHONE][..], &place].concat(), "");
    run(&["destinations", "use", "studio"], "");
    run(&["destinations", "test", "studio"], "");
    let file = home.join("a.png");
    std::fs::write(&file, picture(b"console")).expect("a file");
    let link = run(&["upload", file.to_str().expect("plain")], "");
    let link = String::from_utf8(link.stdout).expect("text");
    assert!(fetch(link.trim()).await.starts_with(b"\x89PNG"));

    run(&["passwd", "--password-stdin"], &format!("{PASSWORD}\n{OTHER}\n"));
    let wrong = imagepic(home, &["login", "--to", "studio", "--password-stdin"], PASSWORD);
    assert!(!wrong.status.success() && said(&wrong).contains("do not belong together"), "{}", said(&wrong));
    run(&["login", "--to", "studio", "--password-stdin"], OTHER);
    run(&["logout", "--to", "studio"], "");
    let again = run(&["logout", "--to", "studio"], "");
    assert!(said(&again).contains("Signed out of"), "{}", said(&again));
    let none = imagepic(home, &["destinations", "test", "studio"], "");
    assert!(!none.status.success() && said(&none).contains("✗ sign-in"), "{}", said(&none));
    assert!(said(&none).contains("Nobody is signed in") && said(&none).contains("imagepic login"), "{}", said(&none));

    // Whoever runs the server wants another password of everybody.
    run(&["accounts", "require-change", "--data", server.data.to_str().expect("plain"), PHONE], "");
    let asked = imagepic(home, &["login", "--to", "studio", "--password-stdin"], OTHER);
    assert!(!asked.status.success() && said(&asked).contains("imagepic passwd"), "{}", said(&asked));
    let same = imagepic(home, &["passwd", "--to", "studio", "--password-stdin"], &format!("{OTHER}\n{OTHER}\n"));
    assert!(!same.status.success() && said(&same).contains("the present one"), "{}", said(&same));
    let changed = run(&["passwd", "--to", "studio", "--password-stdin"], &format!("{OTHER}\nthird12345\n"));
    assert!(said(&changed).contains("changed"), "{}", said(&changed));
    run(&["destinations", "test", "studio"], "");
    for (file, secret) in [("settings.toml", PASSWORD), ("settings.toml", OTHER), ("secrets.json", OTHER)] {
        let text = std::fs::read_to_string(home.join(file)).unwrap_or_default();
        assert!(!text.contains(secret), "a password in {file}");
    }
}

/// By the names others drive it by: the number is given by whoever signs in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_was_added_without_a_number_takes_that_of_whoever_signs_in() {
    let server = Team::start().await;
    server.register(PHONE, PASSWORD).await;
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let run = |arguments: &[&str], input: &str| {
        let output = imagepic(home, arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        output
    };
    let url = server.url.as_str();
    let added =
        run(&["destinations", "add", "team", "--name", "studio", "--server", url, "--bucket", "images", "--folder", "shots"], "");
    assert!(said(&added).contains("imagepic login --to \"studio\" --phone"), "{}", said(&added));
    run(&["destinations", "use", "studio"], "");
    let file = home.join("a.png");
    std::fs::write(&file, picture(b"console")).expect("a file");
    let file = file.to_str().expect("plain");
    // Nobody ever signed in, and there is no keychain that could be waited for.
    for arguments in [&["destinations", "test", "studio"][..], &["upload", file]] {
        let nobody = imagepic(home, arguments, "");
        assert!(!nobody.status.success(), "{arguments:?}");
        let words = said(&nobody);
        assert!(words.contains("Nobody is signed in") && words.contains("imagepic login"), "{arguments:?}: {words}");
        assert!(!words.contains("eychain"), "{words}");
    }
    let told = run(&["history", "--json"], "");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("Nobody is signed in") && !told.contains("eychain"), "{told}");

    run(&["login", "--to", "studio", "--phone", PHONE, "--password-stdin"], PASSWORD);
    let settings = std::fs::read_to_string(home.join("settings.toml")).expect("settings");
    assert!(settings.contains(PHONE) && !settings.contains(PASSWORD), "{settings}");
    run(&["destinations", "test", "studio"], "");
    let link = run(&["upload", file], "");
    let link = String::from_utf8(link.stdout).expect("text");
    assert!(fetch(link.trim()).await.starts_with(b"\x89PNG"));
    run(&["passwd", "--password-stdin"], &format!("{PASSWORD}\n{OTHER}\n"));
    run(&["logout"], "");
    let out = imagepic(home, &["upload", file], "");
    assert!(!out.status.success() && said(&out).contains("Nobody is signed in"), "{}", said(&out));
    run(&["cancel", "--all", "--to", "studio"], "");
    run(&["destinations", "remove", "studio"], "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_an_older_service_the_console_keeps_the_password_only_where_that_is_said() {
    let service = OldService::start().await;
    service.person(PHONE, PASSWORD);
    let folder = tempfile::tempdir().expect("a folder");
    let login = ["login", "--server", &service.address, "--phone", PHONE, "--password-stdin"];
    let refused = imagepic(folder.path(), &login, PASSWORD);
    assert!(!refused.status.success() && said(&refused).contains("--keep-password"), "{}", said(&refused));
    assert!(service.asked().iter().all(|(_, sent)| !sent.contains(PASSWORD)));
    let kept = imagepic(folder.path(), &[&login[..], &["--keep-password"]].concat(), PASSWORD);
    assert!(kept.status.success(), "{}", said(&kept));
    let plain = imagepic(folder.path(), &["login", "--server", "http://images.example.com", "--phone", PHONE], "");
    assert!(plain.status.code() == Some(2) && said(&plain).contains("without encryption"), "{}", said(&plain));
    assert!(said(&plain).contains("--allow-http"), "{}", said(&plain));
}

#[tokio::test]
async fn a_server_that_takes_an_older_ones_place_is_known_as_what_it_is_without_a_restart() {
    let older = OldService::start().await;
    older.person(PHONE, PASSWORD);
    older.put("images", "there.png", b"");
    let desk = Desk::new().await;
    let draft = Draft { destination: Destination { bucket: "images".to_owned(), ..destination(&older.address) }, secret: None };
    let team = desk.engine.destinations().save(draft).await.expect("saved").id;
    desk.engine.destinations().use_(&team, None, None).await.expect("chosen");
    let accounts = desk.engine.accounts();
    let here = address(&older.address);
    accounts.login(&here, secret(PASSWORD), true).await.expect("signed in");
    upload(&desk.engine, "before").await;
    assert!(older.object("images", "shots/before.png").is_some());

    let data = tempfile::tempdir().expect("a folder");
    {
        // Somebody has moved the accounts before the switch.
        let server = TeamSetup::default().data(data.path()).start().await;
        server.register(PHONE, PASSWORD).await;
    }
    older.stop();
    let listen = older.address.strip_prefix("http://").expect("an address of a test");
    let patience = Duration::from_secs(10);
    let server = within(patience, "the port is free", async || {
        TeamSetup::default().set("IMAGEPIC_LISTEN", listen).data(data.path()).try_start().await.ok()
    })
    .await;

    // Nothing is set or saved in between: that alone would make everything be asked anew.
    upload(&desk.engine, "after").await;
    let standing = &accounts.list().await[0];
    assert!(standing.signed_in, "the password that may be kept was enough: {standing:?}");
    let found = accounts.probe(&here).await.expect("there");
    assert!(!found.old && found.server == server.url, "{found:?}");
}

/// Somebody at a line to the server that can break, and a colleague who listens on another one.
async fn at_a_line(server: &Team) -> (Relay, Desk, std::sync::Arc<dyn imagepic_core::store::Store>, imagepic_core::store::News) {
    let colleague = TeamAddress { phone: "13800138001".to_owned(), ..address(&server.url) };
    for phone in [PHONE, &colleague.phone] {
        server.register(phone, PASSWORD).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let theirs =
        imagepic_core::store::signed_in(&colleague, &secret(PASSWORD), &Home::at(folder.path())).await.expect("signed in");
    let news = theirs.listen("images").await.expect("asked").expect("it tells");
    let line = Relay::before(&server.url).await;
    let desk = Desk::new().await;
    let draft = Draft { destination: Destination { bucket: "images".to_owned(), ..destination(&line.address) }, secret: None };
    let team = desk.engine.destinations().save(draft).await.expect("saved").id;
    desk.engine.destinations().use_(&team, None, None).await.expect("chosen");
    desk.engine.accounts().login(&address(&line.address), secret(PASSWORD), false).await.expect("signed in");
    (line, desk, theirs, news)
}

async fn heard_of(news: &mut imagepic_core::store::News) -> String {
    use imagepic_core::store::Heard;
    match tokio::time::timeout(LONG, news.next()).await.expect("the colleague is told").expect("the line stands") {
        Heard::Created { key, .. } => key,
        other => panic!("{other:?}"),
    }
}

/// The bytes go straight to the bucket, so that only the last word tells the server of them.
#[tokio::test]
async fn a_colleague_hears_of_an_upload_whose_last_word_was_lost() {
    let server = Team::start().await;
    let (line, desk, theirs, mut news) = at_a_line(&server).await;
    line.breaks_at("object/putCompleted");
    let id = desk.give("lost.png", picture(b"lost")).await;
    let waits = desk.becomes(id, "waited", |upload| upload.stage == Stage::Waiting).await;
    assert_eq!(waits.waiting, Some(Waiting::Network));
    assert!(theirs.stat("images", "shots/lost.png").await.expect("asked").is_some(), "the bytes have arrived");
    line.mends();
    desk.engine.uploads().retry(id).await.expect("again");
    desk.becomes(id, "went through", done).await;
    assert_eq!(heard_of(&mut news).await, "shots/lost.png");
}

/// Where the bucket cannot be reached the server has the bytes, knows of them, and is not to be told.
#[tokio::test]
async fn an_upload_through_the_server_whose_answer_was_lost_is_done_once() {
    let store = imagepic_tests::embedded::embedded().await;
    store.itself.ensure_bucket("images").await.expect("a bucket");
    let setup = TeamSetup::default().store(&store.reached);
    let server = setup.set("IMAGEPIC_S3_PUBLIC_ENDPOINT", "http://127.0.0.1:1").start().await;
    let (line, desk, theirs, mut news) = at_a_line(&server).await;
    line.loses_answers_to("object/putObject");
    let id = desk.give("lost.png", picture(b"lost")).await;
    desk.becomes(id, "waited", |upload| upload.stage == Stage::Waiting).await;
    assert_eq!(heard_of(&mut news).await, "shots/lost.png");
    line.mends();
    desk.engine.uploads().retry(id).await.expect("again");
    desk.becomes(id, "went through", done).await;
    let keys: Vec<_> =
        theirs.list("images", "shots/", None, 10).await.expect("listed").objects.into_iter().map(|object| object.key).collect();
    assert_eq!(keys, ["shots/lost.png"], "and not a second time under another name");
}
