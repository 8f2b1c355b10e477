//! The service that was there before: what it does not tell is found out, what it would do wrong is kept from it.

use imagepic_tests::old_service::OldService;

use super::*;

#[tokio::test]
async fn from_registering_to_a_link_at_an_older_service() {
    let service = OldService::start().await;
    let desk = Desk::at(&service.address).await;
    let accounts = desk.engine.accounts();

    let found = accounts.probe(&address(&format!("{}/imagepic/", service.address))).await.expect("there");
    assert!(found.old && found.registers && found.server == service.address, "{found:?}");
    let form = Registering {
        name: "小明".to_owned(),
        tfs: String::new(),
        email: "xm@example.com".to_owned(),
        password: secret(PASSWORD),
        invite: String::new(),
    };
    let before = accounts.list().await;
    assert!(!before[0].signed_in);
    accounts.register(&address(&service.address), form.clone()).await.expect("registered and signed in");
    assert!(accounts.list().await[0].signed_in);

    let id = desk.give("截图 1.png", picture(b"one")).await;
    let upload = desk.becomes(id, "went through", done).await;
    assert_eq!(upload.key, "shots/截图 1.png");
    assert_eq!(service.object("pics", "shots/截图 1.png").expect("stored"), picture(b"one"));
    assert_eq!(fetch(&desk.link(id).await).await, picture(b"one"));

    let error = accounts.register(&address(&service.address), form).await.expect_err("twice");
    assert_eq!((error.code, error.field), (Code::BadRequest, Some("phone")), "{error}");
    assert!(error.to_string().contains("already"), "{error}");
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_told_at_its_field() {
    let service = OldService::start().await;
    service.person(PHONE, PASSWORD);
    let desk = Desk::new().await;
    let accounts = desk.engine.accounts();
    let here = address(&service.address);
    let form = |email: &str, password: &str| Registering {
        name: String::new(),
        tfs: String::new(),
        email: email.to_owned(),
        password: secret(password),
        invite: String::new(),
    };
    for (server, form, field) in [
        (TeamAddress { phone: "12345".to_owned(), ..here.clone() }, form("a@b.c", PASSWORD), "phone"),
        (here.clone(), form("nothing", PASSWORD), "email"),
        (here.clone(), form("a@b.c", "abc"), "password"),
        (here.clone(), form("a@b.c", ""), "password"),
    ] {
        let error = accounts.register(&server, form).await.expect_err(field);
        assert_eq!(error.field, Some(field), "{error}");
        assert!(!error.message(imagepic_words::Lang::ZhCn).is_empty());
    }
    for (phone, password) in [(PHONE, "wrong12345"), ("13900000000", PASSWORD)] {
        let who = TeamAddress { phone: phone.to_owned(), ..here.clone() };
        let error = accounts.login(&who, secret(password), false).await.expect_err("no such pair");
        assert_eq!((error.code, error.field), (Code::WrongPassword, Some("password")), "{error}");
    }
    let error = accounts.change_password(&here, secret("wrong12345"), secret("new12345")).await.expect_err("not the password");
    assert_eq!((error.code, error.field), (Code::WrongPassword, Some("password")));
    let error = accounts.change_password(&here, secret(PASSWORD), secret("new")).await.expect_err("too short");
    assert_eq!(error.field, Some("new_password"), "{error}");
    accounts.change_password(&here, secret(PASSWORD), secret("new12345")).await.expect("changed");
    assert!(accounts.signed_in(&here).await, "whoever changes the password stays signed in");
    accounts.login(&here, secret("new12345"), false).await.expect("the new one");
}

#[tokio::test]
async fn a_password_changed_elsewhere_makes_the_upload_wait_and_signing_in_sends_it() {
    let service = OldService::start().await;
    service.person(PHONE, PASSWORD);
    let desk = Desk::at(&service.address).await;
    let here = address(&service.address);
    desk.engine.accounts().login(&here, secret(PASSWORD), true).await.expect("signed in");
    let first = desk.give("a.png", picture(b"a")).await;
    desk.becomes(first, "went through", done).await;

    service.person(PHONE, "other12345");
    let second = desk.give("b.png", picture(b"b")).await;
    let waits = desk.becomes(second, "waited", signed_out).await;
    assert_eq!(waits.code, Some(Code::SignInNeeded));
    assert!(waits.message.as_deref().is_some_and(|message| message.contains(PHONE)), "{:?}", waits.message);
    let now = desk.engine.snapshot();
    assert_eq!((now.state, now.line.as_str()), (State::Waiting, "1 waiting for you to sign in"));
    let account = &desk.engine.accounts().list().await[0];
    assert!(!account.signed_in && account.message.is_some(), "{account:?}");
    assert!(!account.keeps_password, "a password that was refused is not kept, and not sent again");
    assert!(service.object("pics", "shots/b.png").is_none());

    desk.engine.accounts().login(&here, secret("other12345"), false).await.expect("signed in again");
    desk.becomes(second, "went on by itself", done).await;
    assert_eq!(service.object("pics", "shots/b.png").expect("stored"), picture(b"b"));
    assert!(desk.engine.accounts().list().await[0].signed_in);
}

#[tokio::test]
async fn signing_in_in_another_process_lets_this_ones_uploads_go_on() {
    let service = OldService::start().await;
    service.person(PHONE, PASSWORD);
    let desk = Desk::at(&service.address).await;
    let id = desk.give("a.png", picture(b"a")).await;
    desk.becomes(id, "waited", signed_out).await;

    let other = open(&desk.home).await;
    other.accounts().login(&address(&service.address), secret(PASSWORD), true).await.expect("signed in elsewhere");
    desk.becomes(id, "went on by itself", done).await;
    other.close().await;
}

#[tokio::test]
async fn a_token_that_ends_is_replaced_where_the_password_may_be_kept_and_asked_for_where_not() {
    let service = OldService::start().await;
    service.person(PHONE, PASSWORD);
    let here = address(&service.address);

    let keeps = Desk::at(&service.address).await;
    keeps.engine.accounts().login(&here, secret(PASSWORD), true).await.expect("signed in");
    service.expire_tokens();
    // Questions that only find out which service is there hold no phone.
    let log_ins = || service.asked().iter().filter(|(path, sent)| path.ends_with("auth/login") && sent.contains(PHONE)).count();
    let before = log_ins();
    let id = keeps.give("kept.png", picture(b"k")).await;
    keeps.becomes(id, "went through", done).await;
    assert_eq!(log_ins(), before + 1, "one log-in serves all");

    let asks = Desk::at(&service.address).await;
    asks.engine.accounts().login(&here, secret(PASSWORD), false).await.expect("signed in");
    service.expire_tokens();
    let id = asks.give("asked.png", picture(b"q")).await;
    let waits = asks.becomes(id, "waited", signed_out).await;
    assert!(waits.message.as_deref().is_some_and(|message| message.contains("cannot renew")), "{:?}", waits.message);
}

#[tokio::test]
async fn nobody_elses_object_is_overwritten_at_a_service_that_overwrites_silently() {
    let service = OldService::start().await;
    service.person(PHONE, PASSWORD);
    service.put("pics", "shots/a.png", b"somebody else's");
    service.put("pics", "shots/same.png", &picture(b"same"));
    let desk = Desk::at(&service.address).await;
    desk.engine.accounts().login(&address(&service.address), secret(PASSWORD), false).await.expect("signed in");

    let id = desk.give("a.png", picture(b"mine")).await;
    let upload = desk.becomes(id, "went through", done).await;
    assert_eq!(upload.key, "shots/a-2.png");
    assert_eq!(service.object("pics", "shots/a.png").expect("still there"), &b"somebody else's"[..]);

    let id = desk.give("same.png", picture(b"same")).await;
    let upload = desk.becomes(id, "was found", done).await;
    assert!(upload.reused && upload.key == "shots/same.png", "the very bytes are there already: {upload:?}");
    desk.engine.uploads().undo(id).await.expect("nothing to take away");
    assert!(service.object("pics", "shots/same.png").is_some(), "what was there before is not taken away");
}

#[tokio::test]
async fn questions_the_service_never_answers_are_not_asked() {
    let service = OldService::start().await;
    service.put("pics", "shots/there.png", &picture(b"x"));
    let desk = Desk::at(&service.address).await;
    let browse = desk.engine.browse();
    let asked = tokio::time::timeout(Duration::from_secs(10), browse.stat("Team", "pics", "shots/missing.png")).await;
    assert_eq!(asked.expect("an answer in time").expect("a good one"), None);
    let there = browse.stat("Team", "pics", "shots/there.png").await.expect("an answer").expect("there");
    assert_eq!((there.size, there.content_type.as_deref()), (picture(b"x").len() as u64, Some("image/.png")));
    let error = browse.stat("Team", "nowhere", "a.png").await.expect_err("no such bucket");
    assert_eq!(error.code, Code::NoSuchBucket);
    // An empty place is a failure without data there.
    assert!(browse.folders("Team", "empty", "").await.expect("an empty place").objects.is_empty());
    assert_eq!(browse.folders("Team", "nowhere", "").await.expect_err("no such bucket").code, Code::NoSuchBucket);
    assert_eq!(browse.buckets("Team").await.expect("buckets"), ["empty", "pics"]);
}

#[tokio::test]
async fn a_long_listing_comes_page_by_page_with_folders_as_they_are() {
    let service = OldService::start().await;
    for number in 0..25 {
        service.put("pics", &format!("shots/{number:02}.png"), b"x");
    }
    service.put("pics", "shots/截图/a.png", b"x");
    let desk = Desk::at(&service.address).await;
    let (mut keys, mut folders, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
    loop {
        let page = desk.engine.browse().page("Team", "pics", "shots/", cursor.as_deref(), 7).await.expect("a page");
        assert!(page.objects.len() + page.folders.len() <= 7);
        keys.extend(page.objects.into_iter().map(|object| object.key));
        folders.extend(page.folders);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(keys.len(), 25);
    assert!(keys.is_sorted());
    assert_eq!(folders, ["shots/截图/"]);
}

#[tokio::test]
async fn a_folder_the_service_would_mangle_is_refused_with_the_reason() {
    let service = OldService::start().await;
    service.person(PHONE, PASSWORD);
    let desk = Desk::at(&service.address).await;
    desk.engine.accounts().login(&address(&service.address), secret(PASSWORD), false).await.expect("signed in");
    desk.engine.destinations().use_("Team", None, Some("截图".to_owned())).await.expect("a folder");
    let id = desk.give("a.png", picture(b"a")).await;
    let failed = desk.becomes(id, "failed", |upload| upload.stage == Stage::Failed).await;
    assert_eq!(failed.code, Some(Code::NameRefused));
    assert!(failed.message.as_deref().is_some_and(|message| message.contains("截图")), "{:?}", failed.message);
    assert!(service.keys("pics").is_empty());
}

#[tokio::test]
async fn no_password_travels_before_the_server_is_known_and_none_follows_a_redirect() {
    let desk = Desk::new().await;
    let accounts = desk.engine.accounts();
    let website = imagepic_tests::servers::website();
    let error = accounts.login(&address(&website), secret(PASSWORD), false).await.expect_err("somebody else's address");
    assert_eq!((error.code, error.field), (Code::NotTeamServer, Some("server")), "{error}");

    let (service, thief) = (OldService::start().await, OldService::start().await);
    service.person(PHONE, PASSWORD);
    service.redirect_to(&thief.address);
    let error = accounts.login(&address(&service.address), secret(PASSWORD), false).await.expect_err("sent elsewhere");
    assert_eq!(error.code, Code::NotTeamServer);
    assert!(error.to_string().contains(&thief.address), "the address is named and not followed: {error}");
    assert!(thief.asked().is_empty());
    assert!(service.asked().iter().all(|(_, sent)| !sent.contains(PASSWORD)));
}

#[tokio::test]
async fn an_unencrypted_way_to_another_computer_needs_a_persons_word() {
    let desk = Desk::new().await;
    let plain = address("http://images.example.com");
    for error in [
        desk.engine.accounts().probe(&plain).await.expect_err("refused"),
        desk.engine.accounts().login(&plain, secret(PASSWORD), false).await.expect_err("refused"),
        desk.engine
            .destinations()
            .save(Draft { destination: destination(&plain.server), secret: None })
            .await
            .expect_err("refused"),
    ] {
        assert_eq!((error.code, error.field), (Code::PlainHttp, Some("server")), "{error}");
    }
    let confirmed = TeamAddress { allow_plain_http: true, ..plain };
    let draft = Destination { kind: Kind::Team(confirmed.clone()), ..destination("") };
    let saved = desk.engine.destinations().save(Draft { destination: draft, secret: None }).await.expect("confirmed");
    assert_eq!(saved.kind, Kind::Team(confirmed));
    let elsewhere = TeamAddress { server: "https://images.example.com".to_owned(), ..address("") };
    let Kind::Team(kept) =
        Destination { kind: Kind::Team(TeamAddress { allow_plain_http: true, ..elsewhere }), ..destination("") }
            .reachable()
            .expect("encrypted")
            .kind
    else {
        panic!("still a team server")
    };
    assert!(!kept.allow_plain_http, "what was said of one way holds for no other");
}

#[tokio::test]
async fn signing_out_leaves_nothing_behind() {
    let service = OldService::start().await;
    service.person(PHONE, PASSWORD);
    let desk = Desk::at(&service.address).await;
    let (accounts, here) = (desk.engine.accounts(), address(&service.address));
    accounts.login(&here, secret(PASSWORD), true).await.expect("signed in");
    assert!(accounts.list().await[0].keeps_password);
    accounts.logout(&here).await.expect("signed out");
    let account = &accounts.list().await[0];
    assert!(!account.signed_in && !account.keeps_password, "{account:?}");
    let id = desk.give("a.png", picture(b"a")).await;
    desk.becomes(id, "waited", signed_out).await;
    for file in std::fs::read_dir(desk.home.data()).expect("the home") {
        let path = file.expect("a file").path();
        let text = std::fs::read(&path).unwrap_or_default();
        assert!(!text.windows(PASSWORD.len()).any(|at| at == PASSWORD.as_bytes()), "a password in {}", path.display());
    }
}

#[tokio::test]
async fn a_test_says_that_nobody_is_signed_in_and_leaves_nothing_behind_when_all_is_well() {
    use imagepic_core::engine::{RungName, RungState};
    let service = OldService::start().await;
    service.person(PHONE, PASSWORD);
    let desk = Desk::at(&service.address).await;
    let destinations = desk.engine.destinations();
    let test = || destinations.test(Draft { destination: destination(&service.address), secret: None });
    let report = test().await;
    let bad = report.rungs.iter().find(|rung| rung.state == RungState::Bad).map(|rung| rung.rung);
    assert_eq!((report.code, bad), (Some(Code::SignInNeeded), Some(RungName::Key)), "{report:?}");
    desk.engine.accounts().login(&address(&service.address), secret(PASSWORD), false).await.expect("signed in");
    let report = test().await;
    assert_eq!(report.code, None, "{report:?}");
    assert!(report.rungs.iter().all(|rung| rung.state == RungState::Ok), "{report:?}");
    assert!(service.keys("pics").is_empty());
}

#[tokio::test]
async fn a_test_says_that_nobody_knows_where_public_links_open_whoever_asks_for_it() {
    use imagepic_core::engine::RungState;
    let service = OldService::start().await;
    service.person(PHONE, PASSWORD);
    let desk = Desk::at(&service.address).await;
    desk.engine.accounts().login(&address(&service.address), secret(PASSWORD), false).await.expect("signed in");
    // A form as the settings give it, saved or not.
    let test = async |base: Option<&str>| {
        let link = LinkPolicy::Public { base: base.map(str::to_owned) };
        let draft = Draft { destination: Destination { link, ..destination(&service.address) }, secret: None };
        desk.engine.destinations().test(draft).await
    };
    for nobody in [None, Some(" ")] {
        let report = test(nobody).await;
        assert_eq!(report.code, Some(Code::Unsupported), "{report:?}");
        assert!(report.message.as_deref().is_some_and(|told| told.contains("public address of bucket \"pics\"")), "{report:?}");
        assert!(report.rungs.iter().all(|rung| rung.state == RungState::Ok), "{report:?}");
    }
    assert_eq!(test(Some("https://img.example.com")).await.code, None);
    assert!(service.keys("pics").is_empty());
}
