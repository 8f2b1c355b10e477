//! People over a real folder, with a clock that can be set.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::response::IntoResponse as _;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::console::{Keeper, Newcomer};
use super::*;
use crate::accounts::Home;

const NOW: i64 = 1_795_332_453_627;
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const PHONE: &str = "13800138000";

struct World {
    people: Arc<People>,
    keeper: Keeper,
    time: Arc<AtomicI64>,
    data: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(set: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut config = Config::new(data.path());
        set(&mut config);
        let time = Arc::new(AtomicI64::new(NOW));
        let people = open(&config, &time).await;
        let keeper = Keeper::open(&config, false).await.expect("beside the server").by(clock(&time));
        Self { people, keeper, time, data }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.data.path().join("accounts/db/imagepic")
    }

    fn file(&self, phone: &str) -> Value {
        let text = std::fs::read_to_string(self.folder().join(format!("auth_{phone}.json"))).expect("a file");
        let whole: Value = serde_json::from_str(&text).expect("JSON");
        whole["_collections"][0].clone()
    }

    fn write(&self, phone: &str, text: &str) {
        std::fs::write(self.folder().join(format!("auth_{phone}.json")), text).expect("a file");
    }

    fn later(&self, milliseconds: i64) {
        self.time.fetch_add(milliseconds, Ordering::Relaxed);
    }

    async fn register(&self, phone: &str) {
        let fields = json!({"name":"小明","tfs":"t001","email":"xm@example.com","phone":phone,"upwd":"abc12345"});
        self.people.register(&input(fields), HERE).await.expect("registered");
    }

    async fn login(&self, phone: &str, password: &str) -> Result<Session, Refusal> {
        self.people.login(&input(json!({"phone":phone,"upwd":password})), HERE).await
    }

    async fn device(&self, phone: &str, password: &str) -> Session {
        self.people.login(&input(json!({"phone":phone,"upwd":password,"device":"desk"})), HERE).await.expect("logged in")
    }

    async fn change(&self, phone: &str, old: &str, new: &str) -> Result<(), Refusal> {
        self.people.change(&input(json!({"phone":phone,"opwd":old,"npwd":new})), HERE).await
    }

    async fn refresh(&self, token: &str) -> Result<Session, Refusal> {
        self.people.refresh(&input(json!({"refreshToken":token})), HERE).await
    }
}

async fn open(config: &Config, time: &Arc<AtomicI64>) -> Arc<People> {
    let home = Home::open(config, Opener::Server).await.expect("a folder of its own");
    let key = home.signing_key(config).await.expect("a key");
    Arc::new(People::with(config, home, key, clock(time)).await.expect("opened"))
}

fn clock(time: &Arc<AtomicI64>) -> Clock {
    let time = Arc::clone(time);
    Clock::of(move || time.load(Ordering::Relaxed))
}

fn input(fields: Value) -> Input {
    match fields {
        Value::Object(fields) => Input(fields),
        _ => Input::default(),
    }
}

fn told<T>(answer: Result<T, Refusal>) -> (u16, Code, Value) {
    let Err(refusal) = answer else { panic!("it was not refused") };
    (refusal.status.as_u16(), refusal.error, refusal.data.unwrap_or_default())
}

fn reasons(text: &str) -> Value {
    json!({ "err": text })
}

fn expired(milliseconds: i64) -> Value {
    json!({"name":"TokenExpiredError","message":"jwt expired","expiredAt":tokens::time(milliseconds)})
}

#[tokio::test]
async fn accounts_of_the_old_service_work_and_are_mended_as_people_log_in() {
    let world = World::new().await;
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/old-accounts");
    for entry in std::fs::read_dir(old).expect("the fixture") {
        let entry = entry.expect("a file");
        std::fs::copy(entry.path(), world.folder().join(entry.file_name())).expect("copied");
    }
    let before = world.file(PHONE);
    world.login(PHONE, "abc12345").await.expect("a clear password lets in");
    let after = world.file(PHONE);
    assert!(after["upwd"].as_str().expect("text").starts_with("$argon2id$"), "and is replaced");
    for name in ["_id", "name", "tfs", "email", "phone"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    world.login(PHONE, "abc12345").await.expect("the hash lets in too");
    // Without name.
    world.change("13800138001", "new12345", "abc12345").await.expect("changed");
    assert_eq!(world.file("13800138001")["_id"], "831e52e2-cac7-4232-b112-36a278de4900");
    // A numeric phone, and a password shorter than a new one may be.
    let number = json!({"phone":13_800_138_003_u64,"upwd":"abc123"});
    world.people.login(&input(number), HERE).await.expect("found by its digits");
    assert_eq!(world.file("13800138003")["phone"], 13_800_138_003_u64, "and left as it is");
    // What nobody can log in to is told from a wrong password by nothing.
    for phone in ["13800138002", "13800138004", "13800138005"] {
        assert_eq!(told(world.login(phone, "abc12345").await), (200, Code::WrongCredentials, reasons("密码不正确")), "{phone}");
    }
    // An empty list is nobody; a file that is cut off may be somebody.
    world.register("13800138004").await;
    world.login("13800138004", "abc12345").await.expect("moved in");
    let again = json!({"email":"a@b.cd","phone":"13800138005","upwd":"abc12345"});
    assert_eq!(told(world.people.register(&input(again), HERE).await), (200, Code::AlreadyRegistered, reasons("已注册")));
    assert_eq!(
        std::fs::read_to_string(world.folder().join("auth_13800138005.json")).expect("still there").trim_end(),
        r#"{"_name":"auth","_collections":[{"_id":"9d1f"#,
    );
    // All of it is told to whoever runs the server.
    let list = world.keeper.list().await.expect("a list");
    let odd: Vec<_> = list
        .iter()
        .map(|listed| match &listed.state {
            console::State::Person(person) => format!("{:?}", person.oddity),
            console::State::Empty => "empty".to_owned(),
            console::State::Broken(why) => why.clone(),
        })
        .collect();
    assert_eq!(odd, ["None", "None", "Some(NoPassword)", "Some(NumericPhone)", "None", "its JSON is cut off"]);
}

#[tokio::test]
async fn a_change_keeps_everything_and_ends_every_session_and_token() {
    let world = World::new().await;
    world.register(PHONE).await;
    let before = world.file(PHONE);
    let mut text = std::fs::read_to_string(world.folder().join(format!("auth_{PHONE}.json"))).expect("a file");
    text = text.replace("\"email\"", "\"theirs\":{\"a\":[1,2]},\"email\"");
    world.write(PHONE, &text);
    let (plain, kept) = (world.login(PHONE, "abc12345").await.expect("in"), world.device(PHONE, "abc12345").await);
    world.people.check(&plain.token).await.expect("stands");
    world.change(PHONE, "abc12345", "new12345").await.expect("changed");
    let after = world.file(PHONE);
    for name in ["_id", "name", "tfs", "email", "phone"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    assert_eq!(after["theirs"], json!({"a":[1,2]}));
    let names: Vec<_> = after.as_object().expect("fields").keys().map(String::as_str).collect();
    assert_eq!(names, ["_id", "name", "tfs", "theirs", "email", "phone", "upwd", "ver"]);
    for token in [&plain.token, &kept.token] {
        assert_eq!(told(world.people.check(token).await), (200, Code::TokenRevoked, json!("登录密码不正确")));
    }
    assert_eq!(told(world.refresh(&kept.refresh_token.expect("kept")).await).1, Code::TokenRevoked);
    assert_eq!(told(world.login(PHONE, "abc12345").await).1, Code::WrongCredentials);
    let new = world.login(PHONE, "new12345").await.expect("in");
    world.people.check(&new.token).await.expect("a log-in in the very second of the change stands");
}

#[tokio::test]
async fn a_log_out_ends_that_session_and_no_other() {
    let world = World::new().await;
    world.register(PHONE).await;
    let [one, other] = [world.device(PHONE, "abc12345").await, world.device(PHONE, "abc12345").await];
    let [plain, fourth] = [world.login(PHONE, "abc12345").await.expect("in"), world.login(PHONE, "abc12345").await.expect("in")];
    for token in [&one.token, &plain.token] {
        world.people.logout(token).await.expect("out");
        assert_eq!(told(world.people.check(token).await), (200, Code::TokenRevoked, expired(NOW)));
        assert_eq!(told(world.people.logout(token).await).1, Code::TokenRevoked);
    }
    assert_eq!(told(world.refresh(&one.refresh_token.expect("kept")).await), (200, Code::TokenRevoked, expired(NOW)));
    for token in [&other.token, &fourth.token] {
        world.people.check(token).await.expect("still in");
    }
    assert!(
        !world.file(PHONE).to_string().contains(&other.refresh_token.expect("kept")[30..]),
        "refresh tokens are stored hashed"
    );
}

#[tokio::test]
async fn a_session_goes_on_after_its_token_has_expired() {
    let world = World::new().await;
    world.register(PHONE).await;
    let first = world.device(PHONE, "abc12345").await;
    let end = (NOW / 1000 + 3600) * 1000;
    world.later(3_600_000);
    assert_eq!(told(world.people.check(&first.token).await), (200, Code::TokenExpired, expired(end)));
    let second = world.refresh(&first.refresh_token.clone().expect("kept")).await.expect("renewed");
    world.people.check(&second.token).await.expect("stands");
    let again = world.refresh(&first.refresh_token.clone().expect("kept")).await.expect("an answer got lost");
    assert_eq!(again.refresh_token, second.refresh_token);
    world.later(60_001);
    assert_eq!(told(world.refresh(&first.refresh_token.expect("kept")).await).1, Code::TokenRevoked);
    assert_eq!(told(world.people.check(&second.token).await).1, Code::TokenRevoked, "a token used twice ends the session");
}

#[tokio::test]
async fn guessing_is_slowed_for_the_guesser_alone_and_a_restart_forgets_nothing() {
    let world = World::new().await;
    world.register(PHONE).await;
    for phone in [PHONE, "13900000000"] {
        for _ in 0..5 {
            assert_eq!(told(world.login(phone, "abc99999").await).1, Code::WrongCredentials);
        }
        let refusal = world.login(phone, "abc12345").await.err().expect("too fast, even with the right one");
        assert_eq!(
            (refusal.status.as_u16(), refusal.error, refusal.retry_after),
            (429, Code::TooManyAttempts, Some(1)),
            "{phone}"
        );
    }
    let elsewhere = input(json!({"phone":PHONE,"upwd":"abc12345"}));
    world.people.login(&elsewhere, THERE).await.expect("a colleague is not locked out");
    let config = Config::new(world.data.path());
    let World { people, time, data: _data, .. } = world;
    drop(people);
    let people = open(&config, &time).await;
    let right = input(json!({"phone":PHONE,"upwd":"abc12345"}));
    assert_eq!(told(people.login(&right, HERE).await).0, 429);
    time.fetch_add(1000, Ordering::Relaxed);
    people.login(&right, HERE).await.expect("after the pause");
    people.login(&input(json!({"phone":PHONE,"upwd":"abc99999"})), HERE).await.err().expect("wrong");
    people.login(&right, HERE).await.expect("and the count began anew");
}

#[tokio::test]
async fn many_guesses_at_once_are_counted_before_the_next_is_tried() {
    let world = World::new().await;
    world.register(PHONE).await;
    let tries = (0..30).map(|_| {
        let people = Arc::clone(&world.people);
        tokio::spawn(async move { told(people.login(&input(json!({"phone":PHONE,"upwd":"abc99999"})), HERE).await).0 })
    });
    let mut compared = 0;
    for one in tries.collect::<Vec<_>>() {
        compared += u32::from(one.await.expect("no panic") == 200);
    }
    // Two are under way at once.
    assert!((5..=6).contains(&compared), "{compared} of 30 were compared");
}

#[tokio::test]
async fn nobody_can_tell_by_the_time_who_is_registered() {
    let world = World::new().await;
    world.register(PHONE).await;
    // In turn, and the quickest of each: what else this computer does falls on both alike.
    let mut quickest = [Duration::MAX; 2];
    for round in 0..9_u8 {
        for (kind, phone) in [PHONE, "13900000000"].into_iter().enumerate() {
            let from = IpAddr::V4(Ipv4Addr::new(10, 1, u8::try_from(kind).expect("two"), round));
            let begun = std::time::Instant::now();
            let refused = world.people.login(&input(json!({"phone":phone,"upwd":"abc99999"})), from).await;
            assert_eq!(told(refused), (200, Code::WrongCredentials, reasons("密码不正确")));
            quickest[kind] = quickest[kind].min(begun.elapsed());
        }
    }
    let apart = quickest[0].abs_diff(quickest[1]);
    assert!(apart < Duration::from_millis(40), "{quickest:?}");
}

#[tokio::test]
async fn of_fifty_who_register_one_number_at_once_one_wins() {
    let world = World::new().await;
    let all = (0..50).map(|i| {
        let people = Arc::clone(&world.people);
        let fields = json!({"name":format!("n{i}"),"email":"a@b.cd","phone":PHONE,"upwd":format!("abc{i:05}")});
        tokio::spawn(async move { people.register(&input(fields), HERE).await.is_ok() })
    });
    let mut winners = Vec::new();
    for (i, one) in all.collect::<Vec<_>>().into_iter().enumerate() {
        if one.await.expect("no panic") {
            winners.push(i);
        }
    }
    assert_eq!(winners.len(), 1);
    world.login(PHONE, &format!("abc{:05}", winners[0])).await.expect("and it is the winner who can log in");
}

#[tokio::test]
async fn registration_can_be_closed_or_by_invitation() {
    let closed = World::with(|config| config.registration = Some(Registration::Closed)).await;
    let fields = || json!({"email":"a@b.cd","phone":PHONE,"upwd":"abc12345"});
    let refused = told(closed.people.register(&input(fields()), HERE).await);
    assert_eq!((refused.0, refused.1), (200, Code::RegistrationClosed));
    let world = World::with(|config| config.registration = Some(Registration::Invite)).await;
    let code = world.keeper.invite(1, 1).await.expect("a code");
    let with = |phone: &str, code: &str| {
        let mut fields = fields();
        fields["phone"] = json!(phone);
        fields["invite"] = json!(code);
        input(fields)
    };
    assert_eq!(told(world.people.register(&input(fields()), HERE).await).1, Code::BadInvite);
    assert_eq!(told(world.people.register(&with(PHONE, "nonsense"), HERE).await).1, Code::BadInvite);
    world.people.register(&with(PHONE, &code.to_uppercase()), HERE).await.expect("invited");
    assert_eq!(told(world.people.register(&with("13900000000", &code), HERE).await).1, Code::BadInvite, "used up");
    let second = world.keeper.invite(1, 1).await.expect("a code");
    assert_eq!(told(world.people.register(&with(PHONE, &second), HERE).await).1, Code::AlreadyRegistered);
    world.people.register(&with("13900000000", &second), HERE).await.expect("the use that came to nothing was given back");
    let late = world.keeper.invite(1, 1).await.expect("a code");
    world.later(25 * 3_600_000);
    assert_eq!(told(world.people.register(&with("13900000001", &late), HERE).await).1, Code::BadInvite, "out of date");
    let kept = std::fs::read_to_string(world.folder().join("imagepic-invites.json")).expect("kept");
    assert!(!kept.contains(&late), "codes are stored hashed");
}

#[tokio::test]
async fn one_address_does_not_make_accounts_by_the_thousand() {
    let world = World::new().await;
    while world.people.throttle.newcomer(HERE, NOW).is_ok() {}
    let fields = json!({"email":"xm@example.com","phone":PHONE,"upwd":"abc12345"});
    let refused = world.people.register(&input(fields.clone()), HERE).await.expect_err("too many");
    assert_eq!((refused.status.as_u16(), refused.error, refused.retry_after), (429, Code::TooManyAttempts, Some(60)));
    assert!(world.people.accounts.find(PHONE).await.expect("it answers").is_none());
    world.people.register(&input(fields), THERE).await.expect("somebody else's address");
}

#[tokio::test]
async fn whoever_runs_the_server_disables_requires_a_change_and_resets() {
    let world = World::new().await;
    let new =
        Newcomer { phone: "+8613800138000".to_owned(), name: None, email: None, password: "abc12345".into(), role: Role::Admin };
    assert_eq!(world.keeper.add(new.clone()).await.expect("added"), PHONE);
    assert_eq!(world.keeper.add(new).await, Err(console::KeeperError::Exists(PHONE.to_owned())));
    let [plain, kept] = [world.login(PHONE, "abc12345").await.expect("in"), world.device(PHONE, "abc12345").await];
    let caller = world.people.check(&plain.token).await.expect("stands");
    assert!(caller.role == Role::Admin && caller.admin().is_ok());
    world.keeper.role(PHONE, Role::Member).await.expect("done");
    assert_eq!(
        world.people.check(&plain.token).await.expect("stands").admin().err().map(|refusal| refusal.status.as_u16()),
        Some(403)
    );

    world.keeper.disable(PHONE, true).await.expect("done");
    for token in [&plain.token, &kept.token] {
        assert_eq!(told(world.people.check(token).await).1, Code::AccountDisabled);
    }
    assert_eq!(told(world.login(PHONE, "abc12345").await).1, Code::AccountDisabled);
    assert_eq!(
        told(world.login(PHONE, "abc99999").await).1,
        Code::WrongCredentials,
        "who does not know the password learns nothing"
    );
    world.keeper.disable(PHONE, false).await.expect("done");
    assert_eq!(told(world.people.check(&plain.token).await).1, Code::TokenRevoked);
    world.later(1000);
    let back = world.login(PHONE, "abc12345").await.expect("in again");

    assert_eq!(world.keeper.require_change(&[]).await, Ok(1));
    assert_eq!(told(world.login(PHONE, "abc12345").await), (200, Code::Forbidden, reasons("密码不符合规范")));
    assert_eq!(told(world.people.check(&back.token).await).1, Code::TokenRevoked);
    let same = told(world.change(PHONE, "abc12345", "abc12345").await);
    assert_eq!(same, (200, Code::BadPassword, reasons("新密码与旧密码相同")), "nothing is wrong with its form");
    world.change(PHONE, "abc12345", "new12345").await.expect("changed");
    world.login(PHONE, "new12345").await.expect("in");
    world.keeper.reset_password(PHONE, &"other123".into()).await.expect("done");
    world.login(PHONE, "other123").await.expect("in");
    let last = world.login(PHONE, "other123").await.expect("in");
    world.keeper.remove(PHONE).await.expect("done");
    assert_eq!(told(world.people.check(&last.token).await), (200, Code::TokenRevoked, json!("登录用户未找到")));
    assert_eq!(world.keeper.remove(PHONE).await, Err(console::KeeperError::Nobody(PHONE.to_owned())));
    assert_eq!(world.keeper.role("13999999999", Role::Admin).await, Err(console::KeeperError::Nobody("13999999999".to_owned())));
}

#[tokio::test]
async fn an_import_in_place_hashes_everything_after_a_copy_and_an_export_goes_into_another_home() {
    let world = World::new().await;
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/old-accounts");
    for entry in std::fs::read_dir(&old).expect("the fixture") {
        let entry = entry.expect("a file");
        std::fs::copy(entry.path(), world.folder().join(entry.file_name())).expect("copied");
    }
    let imported = world.keeper.import(&world.folder()).await.expect("imported");
    assert_eq!((imported.brought, imported.unchanged, imported.left.len()), (3, 0, 3));
    let backup = imported.backup.expect("a copy");
    for entry in std::fs::read_dir(&old).expect("the fixture") {
        let entry = entry.expect("a file");
        let copy = std::fs::read(backup.join(entry.file_name())).expect("copied");
        assert_eq!(copy, std::fs::read(entry.path()).expect("the fixture"));
    }
    for phone in [PHONE, "13800138001", "13800138003"] {
        assert!(world.file(phone)["upwd"].as_str().expect("text").starts_with("$argon2id$"), "{phone}");
    }
    assert!(world.file("13800138002")["upwd"].is_null(), "nor does a list keep its words in clear text");
    world.login(PHONE, "abc12345").await.expect("in");
    assert_eq!(world.keeper.import(&world.folder()).await.expect("again").brought, 0);
    let to = world.data.path().join("out");
    let exported = world.keeper.export(&to).await.expect("exported");
    assert_eq!((exported.written, exported.left.len()), (4, 1));
    assert!(world.keeper.export(&to).await.is_err(), "nothing is overwritten");
    let other = World::new().await;
    let brought = other.keeper.import(&to).await.expect("imported");
    assert_eq!((brought.brought, brought.backup), (3, None));
    other.login(PHONE, "abc12345").await.expect("in there too");
}

#[tokio::test]
async fn a_folder_serves_one_server_and_leftovers_of_a_killed_one_are_swept() {
    let world = World::new().await;
    let config = Config::new(world.data.path());
    assert!(Home::open(&config, Opener::Server).await.is_err());
    std::fs::write(world.folder().join(".imagepic-half"), "half").expect("a file");
    let folder = world.folder();
    drop(world.people);
    let _home = Home::open(&config, Opener::Server).await.expect("free again");
    assert!(!folder.join(".imagepic-half").exists());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC*".prop_map(Value::from),
        ".*".prop_map(Value::from),
        "(\\+86)?1[3-9][0-9]{9}".prop_map(Value::from),
        "[a-z]{1,8}[0-9]{1,8}".prop_map(Value::from),
        "r1\\.[A-Za-z0-9_-]{0,24}\\.[a-z0-9]{0,8}\\.[A-Za-z0-9_-]{0,44}".prop_map(Value::from),
        "[a-z]{1,5}@[a-z]{1,5}\\.[a-z]{2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::from))
}

#[test]
fn no_input_brings_a_fault_of_ours() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let world = runtime.block_on(World::new());
    let names = ["name", "tfs", "email", "phone", "upwd", "opwd", "npwd", "device", "invite", "refreshToken"];
    let fields = prop::collection::hash_map(prop::sample::select(names.to_vec()), any_json(), 0..8);
    let config = ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(fields in fields, token in "\\PC*", place in any::<u32>())| {
        let input = Input(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
        let from = IpAddr::from(place.to_be_bytes());
        runtime.block_on(async {
            let answers = [
                world.people.register(&input, from).await.err(),
                world.people.login(&input, from).await.err(),
                world.people.change(&input, from).await.err(),
                world.people.refresh(&input, from).await.err(),
                world.people.logout(&token).await.err(),
                world.people.check(&token).await.err(),
            ];
            for refusal in answers.into_iter().flatten() {
                let answer = refusal.into_response();
                prop_assert!(answer.status().as_u16() < 500, "{}", answer.status());
            }
            Ok(())
        })?;
    });
    let unfinished = std::fs::read_dir(world.folder()).expect("the folder").filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().starts_with(".imagepic-")
    });
    assert_eq!(unfinished.count(), 0, "no file is left over");
}
