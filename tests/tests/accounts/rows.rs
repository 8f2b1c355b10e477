//! Rows of the contract about people that the old service had not, and those where it had no answer: every route and every reason.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use imagepic_tests::contract::row;
use imagepic_tests::servers::postgres;
use imagepic_tests::{eventually, within};
use serde_json::{Value, json};

use crate::serve::{Answer, KEY, Served, accounts, claims, forge, now, old_accounts};

const PHONE: &str = "13800138000";
const PASSWORD: &str = "abc12345";
const LONG: Duration = Duration::from_secs(60);

/// The whole body of a failure, as the old service wrote one, and the code beside it.
fn refused(answer: &Answer, status: u16, error: &str, data: &Value) {
    let msg = if error.starts_with("token_") || data.is_string() { "未满足权限" } else { "失败" };
    let body = json!({"code":"-1","data":data,"msg":msg,"success":false,"error":error});
    assert_eq!((answer.status, &answer.body), (status, &body));
}

fn reasons(text: &str) -> Value {
    json!({ "err": text })
}

async fn device(server: &Served, phone: &str, password: &str) -> Value {
    let answer = server.ask("auth/login", json!({"phone":phone,"upwd":password,"device":"desk"})).await;
    assert!(answer.ok(), "{answer:?}");
    answer.body["data"].clone()
}

/// The list is the document's own, so that a route that comes one day is asked as well.
#[tokio::test]
async fn no_route_does_anything_without_a_token_that_holds_but_those_that_need_none() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Served::start(data.path(), &[("IMAGEPIC_JWT_SECRET", KEY)]).await;
    assert!(server.register(PHONE, PASSWORD).await.ok());
    let ended = server.token(PHONE, PASSWORD).await;
    assert!(server.with_token("auth/logout", Some(&ended), json!({})).await.ok());
    let stale = forge(KEY, &json!({"alg":"HS256","typ":"JWT"}), &{
        let mut claims = claims(&ended);
        claims["exp"] = json!(now() - 1800);
        claims
    });
    let document = server.call("get", "/imagepic/openapi.json", &[]).await.body;
    let open = ["auth/register", "auth/login", "auth/change", "auth/refresh", "capabilities"];
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        if !path.starts_with("/imagepic/") || open.iter().any(|open| path.ends_with(open)) {
            continue;
        }
        for method in item.as_object().expect("methods").keys().filter(|method| ["get", "post"].contains(&method.as_str())) {
            asked += 1;
            for (token, title, error) in [
                (None, "putObject no token", "token_missing"),
                (Some("nonsense"), "putObject bad token", "token_malformed"),
                (Some(stale.as_str()), "putObject expired token", "token_expired"),
                (Some(ended.as_str()), "putObject expired token", "token_revoked"),
            ] {
                let headers: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
                let answer = server.call(method, path, &headers).await;
                let mut expected = row(title).expected.expect("the whole answer")["data"].clone();
                if let Some(at) = expected.get_mut("expiredAt") {
                    *at = answer.body["data"]["expiredAt"].clone();
                    assert!(at.as_str().is_some_and(|at| at.len() == 24 && at.ends_with('Z')), "{method} {path}: {answer:?}");
                }
                refused(&answer, 200, error, &expected);
            }
        }
    }
    assert_eq!(asked, 16, "every route but the five that are open");
}

#[tokio::test]
async fn where_registration_is_closed_nobody_gets_in_and_everybody_is_told() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Served::start(data.path(), &[("IMAGEPIC_REGISTRATION", "closed")]).await;
    refused(&server.register(PHONE, PASSWORD).await, 200, "registration_closed", &reasons("注册未开放"));
    let told = server.call("get", "/imagepic/capabilities", &[]).await;
    assert_eq!(told.body["data"]["registration"], "closed");
    assert!(!server.login(PHONE, PASSWORD).await.ok());
    let added = accounts(data.path(), &[], &["add", PHONE, "--password-stdin"], &format!("{PASSWORD}\n"));
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    server.token(PHONE, PASSWORD).await;
}

#[tokio::test]
async fn whoever_is_disabled_is_told_so_only_with_the_right_password() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Served::start(data.path(), &[]).await;
    assert!(server.register(PHONE, PASSWORD).await.ok());
    let session = device(&server, PHONE, PASSWORD).await;
    let refresh = || server.ask("auth/refresh", json!({"refreshToken": session["refreshToken"]}));
    let run = |arguments: &[&str]| assert!(accounts(data.path(), &[], arguments, "").status.success(), "{arguments:?}");
    run(&["disable", PHONE]);
    refused(&server.login(PHONE, PASSWORD).await, 200, "account_disabled", &reasons("密码不正确"));
    refused(&server.login(PHONE, "abc99999").await, 200, "wrong_credentials", &reasons("密码不正确"));
    refused(&server.login("13900000000", PASSWORD).await, 200, "wrong_credentials", &reasons("密码不正确"));
    let change = json!({"phone":PHONE,"opwd":PASSWORD,"npwd":"new12345"});
    refused(&server.ask("auth/change", change).await, 200, "account_disabled", &reasons("密码不正确"));
    assert_eq!(refresh().await.error(), "token_revoked", "every session has ended");
    let phone = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, PHONE);
    let made_up = json!({"refreshToken": format!("r1.{phone}.sAAAA.AAAA")});
    assert_eq!(server.ask("auth/refresh", made_up).await.error(), "token_revoked", "a made-up token tells nothing of anybody");
    run(&["disable", PHONE, "--undo"]);
    assert_eq!(refresh().await.error(), "token_revoked", "what was ended stays so");
    server.token(PHONE, PASSWORD).await;
    run(&["require-change", PHONE]);
    refused(&server.login(PHONE, PASSWORD).await, 200, "forbidden", &reasons("密码不符合规范"));
    let same = json!({"phone":PHONE,"opwd":PASSWORD,"npwd":PASSWORD});
    refused(&server.ask("auth/change", same).await, 200, "bad_password", &reasons("新密码与旧密码相同"));
    let change = json!({"phone":PHONE,"opwd":PASSWORD,"npwd":"new12345"});
    assert!(server.ask("auth/change", change).await.ok());
    server.token(PHONE, "new12345").await;
}

#[tokio::test]
async fn a_change_keeps_the_person_and_ends_every_session_and_no_token_tells_the_password() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Served::start(data.path(), &[]).await;
    assert!(server.register(PHONE, PASSWORD).await.ok());
    let file = data.path().join(format!("accounts/db/imagepic/auth_{PHONE}.json"));
    let person = || {
        let whole: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("JSON");
        assert_eq!(whole["_name"], "auth");
        whole["_collections"][0].clone()
    };
    let before = person();
    assert!(server.login(PHONE, PASSWORD).await.body["data"].get("refreshToken").is_none(), "only to a device");
    let session = device(&server, PHONE, PASSWORD).await;
    let token = session["token"].as_str().expect("a token");
    let told = claims(token);
    let names: Vec<_> = told.as_object().expect("claims").keys().map(String::as_str).collect();
    assert_eq!(names, ["phone", "sid", "ver", "jti", "iat", "exp"]);
    assert_eq!(told["exp"].as_i64().expect("seconds") - told["iat"].as_i64().expect("seconds"), 3600);
    assert!(!told.to_string().contains(PASSWORD));

    let change = json!({"phone":PHONE,"opwd":PASSWORD,"npwd":"new12345"});
    assert_eq!(server.ask("auth/change", change).await.body, json!({"code":"0","data":{},"msg":"成功","success":true}));
    refused(&server.takes(token).await, 200, "token_revoked", &json!("登录密码不正确"));
    let gone = server.ask("auth/refresh", json!({"refreshToken": session["refreshToken"]})).await;
    assert_eq!((gone.status, gone.error(), &gone.body["msg"]), (200, "token_revoked", &json!("未满足权限")));
    let after = person();
    for name in ["_id", "name", "email", "phone"] {
        assert!(before[name].is_string() && before[name] == after[name], "{name}: {before} {after}");
    }
    for kept in [&before, &after] {
        assert!(kept["upwd"].as_str().expect("text").starts_with("$argon2id$"), "{kept}");
    }
    server.token(PHONE, "new12345").await;
}

#[tokio::test]
async fn accounts_of_the_old_service_go_on_working() {
    let data = tempfile::tempdir().expect("a folder");
    let (folder, _) = old_accounts(data.path());
    let path = |phone: &str| folder.join(format!("auth_{phone}.json"));
    let phones = (0..6).map(|i| format!("1380013800{i}"));
    for phone in phones.clone() {
        let mode = if phone.ends_with('5') { 0o444 } else { 0o644 };
        std::fs::set_permissions(path(&phone), std::fs::Permissions::from_mode(mode)).expect("ours");
    }
    let server = Served::start(data.path(), &[("IMAGEPIC_ANONYMOUS_READS", "true")]).await;
    for phone in phones {
        let mode = std::fs::metadata(path(&phone)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else reads {phone}, whose password may be in clear text");
    }
    let told = "nobody can log in to an account: it has no usable password";
    eventually("the list for a password is told of", async || server.said().contains(told).then_some(())).await;
    let text = |phone: &str| std::fs::read_to_string(path(phone)).expect("a file");
    assert!(text(PHONE).contains(PASSWORD), "in clear, as it was left");
    server.token(PHONE, PASSWORD).await;
    assert!(!text(PHONE).contains(PASSWORD) && text(PHONE).contains("$argon2id$"), "replaced at the log-in");
    let number = server.ask("auth/login", json!({"phone": 13_800_138_003_u64, "upwd": "abc123"})).await;
    assert!(number.ok(), "{number:?}");
    let change = json!({"phone":"13800138001","opwd":"new12345","npwd":"other123"});
    assert!(server.ask("auth/change", change).await.ok(), "one without a name");
    // A list for a password, nobody at all, a file that is cut off.
    for phone in ["13800138002", "13800138004", "13800138005"] {
        refused(&server.login(phone, PASSWORD).await, 200, "wrong_credentials", &reasons("密码不正确"));
    }
    assert!(server.register("13800138004", PASSWORD).await.ok(), "nobody's number is free");
    let cut = text("13800138005");
    refused(&server.register("13800138005", PASSWORD).await, 200, "already_registered", &reasons("已注册"));
    assert_eq!(text("13800138005"), cut, "somebody's, perhaps");
}

/// By the codes of invitations, which cost nothing to try.
#[tokio::test]
async fn an_address_that_fails_too_often_has_to_wait_whomever_it_tries() {
    let data = tempfile::tempdir().expect("a folder");
    let settings = [("IMAGEPIC_REGISTRATION", "invite"), ("IMAGEPIC_TRUSTED_PROXIES", "127.0.0.1/32")];
    let server = Served::start(data.path(), &settings).await;
    let register =
        |at: usize| json!({"email":"a@b.cd","phone":format!("139{at:08}"),"upwd":PASSWORD,"invite":format!("code-{at}")});
    let mut tried = 0;
    let slowed = loop {
        let answer = server.ask_from("203.0.113.9", "auth/register", register(tried)).await;
        tried += 1;
        if answer.status != 200 || tried > 200 {
            break answer;
        }
        refused(&answer, 200, "bad_invite", &reasons("邀请码无效"));
    };
    assert!((101..130).contains(&tried), "after {tried} tries: {slowed:?}");
    assert_eq!((slowed.status, slowed.error()), (429, "too_many_attempts"));
    assert!(slowed.retry_after.is_some_and(|seconds| (1..=6).contains(&seconds)), "{slowed:?}");
    let login = json!({"phone":PHONE,"upwd":PASSWORD});
    assert_eq!(server.ask_from("203.0.113.9", "auth/login", login.clone()).await.status, 429);
    assert_eq!(server.ask_from("203.0.113.10", "auth/login", login).await.error(), "wrong_credentials", "and nobody else");
}

#[tokio::test]
async fn patterns_of_the_configuration_hold_and_are_told() {
    let data = tempfile::tempdir().expect("a folder");
    let settings = [("IMAGEPIC_PASSWORD_PATTERN", "^[a-z]{12,20}$"), ("IMAGEPIC_EMAIL_PATTERN", "@example\\.com$")];
    let server = Served::start(data.path(), &settings).await;
    let told = server.call("get", "/imagepic/capabilities", &[]).await;
    assert_eq!(told.body["data"]["password"]["pattern"], "^[a-z]{12,20}$");
    let form = |email: &str, password: &str| json!({"email":email,"phone":PHONE,"upwd":password});
    let answer = server.ask("auth/register", form("a@example.com", PASSWORD)).await;
    refused(&answer, 200, "bad_password", &reasons("密码不符合规范"));
    let answer = server.ask("auth/register", form("a@example.org", "correcthorse")).await;
    refused(&answer, 200, "bad_email", &reasons("邮箱填写不符合规范"));
    assert!(server.ask("auth/register", form("a@example.com", "correcthorse")).await.ok());
    let change = |new: &str| json!({"phone":PHONE,"opwd":"correcthorse","npwd":new});
    refused(&server.ask("auth/change", change("new12345")).await, 200, "bad_password", &reasons("新密码不符合规范"));
    assert!(server.ask("auth/change", change("batterystaple")).await.ok());
}

/// Browsers send their language unasked, and the old clients compare texts.
#[tokio::test]
async fn the_texts_are_the_same_in_every_language_of_the_caller() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Served::start(data.path(), &[]).await;
    for language in ["en", "de-DE,de;q=0.9", "zh-CN", "*"] {
        let headers = [("accept-language", language)];
        let answer = server.call("post", "/imagepic/auth/register", &headers).await;
        let all = "密码不符合规范,邮箱填写不符合规范,手机号码填写不符合规范";
        refused(&answer, 200, "bad_password", &reasons(all));
        let answer = server.call("get", "/imagepic/capabilities", &headers).await;
        assert_eq!(answer.body["msg"], "成功", "{language}");
    }
}

#[tokio::test]
async fn accounts_that_cannot_be_read_are_told_as_such_and_come_back() {
    let url = postgres().database("rows_away");
    let data = tempfile::tempdir().expect("a folder");
    let server = Served::start(data.path(), &[("IMAGEPIC_ACCOUNTS", &url)]).await;
    assert!(server.register(PHONE, PASSWORD).await.ok());
    let token = server.token(PHONE, PASSWORD).await;
    let name = url.rsplit('/').next().expect("a name").to_owned();
    let ask = |query: &str| drop(postgres().query("postgres://127.0.0.1/postgres", query));
    ask(&format!("alter database {name} allow_connections false"));
    ask(&format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"));
    for answer in
        [server.takes(&token).await, server.login(PHONE, PASSWORD).await, server.register("13900000000", PASSWORD).await]
    {
        assert_eq!((answer.status, answer.error(), answer.retry_after), (503, "internal", Some(5)), "{answer:?}");
        assert!(!answer.body.to_string().contains(&name), "nothing of the database: {answer:?}");
    }
    within(LONG, "it is not ready", async || {
        let ready = server.call("get", "/readyz", &[]).await;
        (ready.status == 503 && ready.error() == "internal").then_some(())
    })
    .await;
    assert_eq!(server.call("get", "/healthz", &[]).await.status, 200);
    ask(&format!("alter database {name} allow_connections true"));
    within(LONG, "it is ready again", async || (server.call("get", "/readyz", &[]).await.status == 200).then_some(())).await;
    assert!(server.takes(&token).await.ok());
    server.token(PHONE, PASSWORD).await;
}

/// A right password is answered at once, a wrong one later: who hangs up in between must not guess for nothing.
#[tokio::test]
async fn who_does_not_wait_for_the_answer_has_tried_all_the_same() {
    use tokio::io::AsyncWriteExt as _;
    let data = tempfile::tempdir().expect("a folder");
    let server = Served::start(data.path(), &[]).await;
    assert!(server.register(PHONE, PASSWORD).await.ok());
    let body = json!({"phone":PHONE,"upwd":"abc99999"}).to_string();
    let head = format!(
        "POST /imagepic/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let file = data.path().join(format!("accounts/db/imagepic/auth_{PHONE}.json"));
    within(LONG, "all of them are counted", async || {
        let mut line = tokio::net::TcpStream::connect(server.address()).await.expect("a connection");
        line.write_all((head.clone() + &body).as_bytes()).await.expect("it goes out");
        // While the hash is made, and gone before it is.
        tokio::time::sleep(Duration::from_millis(30)).await;
        drop(line);
        let whole: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("JSON");
        let counted = whole["_collections"][0]["failures"]["127.0.0.1"]["count"].as_u64();
        counted.is_some_and(|counted| counted >= 5).then_some(())
    })
    .await;
    assert_eq!(server.login(PHONE, PASSWORD).await.status, 429);
}
