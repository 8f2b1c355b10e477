//! Every row about accounts and tokens that the old service had, body by body, and what is new beside it.

use imagepic_tests::contract::{row, rows};
use serde_json::{Value, json};

use crate::serve::{Answer, KEY, Served, claims, forge, now};

fn old(title: &str) -> Value {
    row(title).expected.expect("the whole answer")
}

/// The body without what the old service did not say; that a failure says it is checked on the way.
fn plain(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    let error = body.as_object_mut().expect("an envelope").remove("error");
    assert_eq!(error.is_some(), body["success"] == false, "{body}");
    body
}

#[tokio::test]
async fn registration_log_in_and_change_answer_as_the_old_service_did() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Served::start(data.path(), &[("IMAGEPIC_REGISTRATION", "open")]).await;
    let all: Vec<_> = rows().into_iter().filter(|row| row.section.starts_with("auth/")).collect();
    assert_eq!(all.len(), 18, "every row is read");
    for row in all {
        let kind = match row.body.as_str() {
            "" => None,
            sent if sent.starts_with('{') => Some("application/json"),
            _ => Some("application/x-www-form-urlencoded"),
        };
        let answer = server.ask_raw(row.path.trim_start_matches("/imagepic/"), kind, &row.body).await;
        let mut body = plain(&answer);
        assert_eq!(answer.status, 200, "{}", row.title);
        let expected = match row.title.as_str() {
            // Which of them is registered is nobody's business.
            "login unknown user" | "change unknown user" => reasons("密码不正确"),
            // Older accounts have short passwords, so that any length from 1 is compared.
            "login bad password form" => reasons("密码不正确"),
            "change bad form" => reasons("新密码不符合规范,手机号码填写不符合规范"),
            _ => row.expected.expect("the whole answer"),
        };
        if expected["data"]["token"].is_string() {
            let token = body["data"]["token"].take();
            assert_eq!(claims(token.as_str().expect("a token"))["phone"], "13800138000");
            body["data"]["token"] = expected["data"]["token"].clone();
        }
        assert_eq!(body, expected, "{}", row.title);
    }
}

fn reasons(err: &str) -> Value {
    json!({"code":"-1","data":{"err":err},"msg":"失败","success":false})
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_refused_in_the_old_words_on_every_route_that_asks_for_one() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Served::start(data.path(), &[("IMAGEPIC_REGISTRATION", "open"), ("IMAGEPIC_JWT_SECRET", KEY)]).await;
    assert!(server.register("13800138000", "abc12345").await.ok());
    assert!(server.register("13800138001", "abc12345").await.ok());
    let good = server.token("13800138000", "abc12345").await;
    let stale = server.token("13800138001", "abc12345").await;
    let changed = server.ask("auth/change", json!({"phone":"13800138001","opwd":"abc12345","npwd":"new12345"})).await;
    assert!(changed.ok());
    let hs256 = json!({"alg":"HS256","typ":"JWT"});
    let with = |name: &str, value: Value| {
        let mut all = claims(&good);
        all[name] = value;
        all
    };
    let without = |name: &str| {
        let mut all = claims(&good);
        all.as_object_mut().expect("claims").remove(name);
        all
    };
    assert!(server.takes(&forge(KEY, &hs256, &claims(&good))).await.ok(), "what is forged below fails for its own reason");
    let exp = now() - 1800;
    let unsigned = {
        let token = forge(KEY, &json!({"alg":"none","typ":"JWT"}), &claims(&good));
        format!("{}.", token.rsplit_once('.').expect("three parts").0)
    };
    let invalid = old("putObject Bearer prefix");
    let mut expired = old("putObject expired token");
    expired["data"]["expiredAt"] = json!(time(exp));
    let cases = [
        ("no token", None, old("putObject no token"), "token_missing"),
        ("no token after Bearer", Some("Bearer ".to_owned()), old("putObject no token"), "token_missing"),
        ("nonsense", Some("nonsense".to_owned()), old("putObject bad token"), "token_malformed"),
        ("four parts", Some("a.b.c.d".to_owned()), old("putObject bad token"), "token_malformed"),
        ("no JSON", Some("a.b.c".to_owned()), invalid.clone(), "token_invalid"),
        ("alg none, no signature", Some(unsigned), invalid.clone(), "token_invalid"),
        ("alg none, signed", Some(forge(KEY, &json!({"alg":"none"}), &claims(&good))), invalid.clone(), "token_invalid"),
        ("alg RS256", Some(forge(KEY, &json!({"alg":"RS256"}), &claims(&good))), invalid.clone(), "token_invalid"),
        ("alg HS512", Some(forge(KEY, &json!({"alg":"HS512"}), &claims(&good))), invalid.clone(), "token_invalid"),
        (
            "a path for a phone",
            Some(forge(KEY, &hs256, &with("phone", json!("../../etc/passwd")))),
            invalid.clone(),
            "token_invalid",
        ),
        (
            "a list for a phone",
            Some(forge(KEY, &hs256, &with("phone", json!(["13800138000"])))),
            invalid.clone(),
            "token_invalid",
        ),
        ("no session", Some(forge(KEY, &hs256, &without("sid"))), invalid.clone(), "token_invalid"),
        ("no version", Some(forge(KEY, &hs256, &without("ver"))), invalid.clone(), "token_invalid"),
        ("never expires", Some(forge(KEY, &hs256, &without("exp"))), invalid, "token_invalid"),
        (
            "another key",
            Some(forge("another key that is long enough..", &hs256, &claims(&good))),
            old("putObject wrong-secret token"),
            "token_invalid",
        ),
        ("expired", Some(forge(KEY, &hs256, &with("exp", json!(exp)))), expired.clone(), "token_expired"),
        (
            "of the old service",
            Some(forge("imagepic", &hs256, &json!({"phone":"13800138000","upwd":"abc12345","iat":exp - 3600,"exp":exp}))),
            expired,
            "token_expired",
        ),
        (
            "of nobody",
            Some(forge(KEY, &hs256, &with("phone", json!("13900000000")))),
            old("putObject token of unknown user"),
            "token_revoked",
        ),
        ("from before the change", Some(stale), old("putObject token with old password"), "token_revoked"),
    ];
    let body = || json!({"bucketName":"images","objectName":"nothing.png"});
    let routes = ["object/removeObject", "object/statObject", "object/listObjects", "object/presignedGetObject", "auth/logout"];
    for (what, token, expected, error) in &cases {
        for route in routes {
            let answer = server.with_token(route, token.as_deref(), body()).await;
            assert_eq!((answer.status, answer.error()), (200, *error), "{what} at {route}: {answer:?}");
            assert_eq!(&plain(&answer), expected, "{what} at {route}");
        }
    }
    for good in [good.clone(), format!("Bearer {good}"), format!("bearer {good}")] {
        assert!(server.takes(&good).await.ok(), "{good}");
    }
    // Nothing that may stand in a header brings a fault.
    for token in [
        "\u{e9}.b.c",
        "Bearer \u{e9}",
        "....",
        "..",
        "a..",
        " ",
        "eyJhbGciOiJIUzI1NiJ9.e30.",
        &"a.".repeat(4000),
        &"A".repeat(20_000),
    ] {
        let answer = server.with_token("auth/logout", Some(token), json!({})).await;
        assert!(answer.status < 500 && !answer.ok(), "{token:?}: {answer:?}");
    }
}

/// Whole seconds, as JavaScript writes them.
fn time(seconds: i64) -> String {
    let done = std::process::Command::new("date").args(["-u", "-d", &format!("@{seconds}"), "+%Y-%m-%dT%H:%M:%S.000Z"]).output();
    String::from_utf8_lossy(&done.expect("date is there").stdout).trim().to_owned()
}

#[tokio::test]
async fn sessions_are_renewed_and_ended() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Served::start(data.path(), &[("IMAGEPIC_REGISTRATION", "open")]).await;
    assert!(server.register("13800138000", "abc12345").await.ok());
    let first = server.ask("auth/login", json!({"phone":"13800138000","upwd":"abc12345","device":"desk"})).await.body;
    let refresh = |token: Value| server.ask("auth/refresh", json!({ "refreshToken": token }));
    let second = refresh(first["data"]["refreshToken"].clone()).await;
    assert!(second.ok() && server.takes(second.body["data"]["token"].as_str().expect("a token")).await.ok(), "{second:?}");
    assert_ne!(first["data"]["refreshToken"], second.body["data"]["refreshToken"]);
    let present = || second.body["data"]["refreshToken"].clone();
    let (one, other) = tokio::join!(refresh(present()), refresh(present()));
    assert_eq!(one.body["data"]["refreshToken"], other.body["data"]["refreshToken"], "two who renew at once");
    for (token, error) in [(json!(null), "token_missing"), (json!("x"), "token_malformed"), (json!(7), "token_malformed")] {
        let answer = refresh(token).await;
        assert_eq!((answer.status, answer.error()), (200, error), "{answer:?}");
    }
    let token = one.body["data"]["token"].as_str().expect("a token").to_owned();
    let out = server.with_token("auth/logout", Some(&token), json!({})).await;
    assert_eq!(out.body, json!({"code":"0","data":{},"msg":"成功","success":true}));
    let gone = server.takes(&token).await;
    assert_eq!((gone.error(), &gone.body["data"]["name"]), ("token_revoked", &json!("TokenExpiredError")));
    let gone = refresh(one.body["data"]["refreshToken"].clone()).await;
    assert_eq!((gone.error(), &gone.body["data"]["name"]), ("token_revoked", &json!("TokenExpiredError")));
}

#[tokio::test]
async fn guessing_is_slowed_per_address_also_after_a_restart() {
    let data = tempfile::tempdir().expect("a folder");
    let settings = [("IMAGEPIC_REGISTRATION", "open"), ("IMAGEPIC_TRUSTED_PROXIES", "127.0.0.1/32")];
    let server = Served::start(data.path(), &settings).await;
    assert!(server.register("13800138000", "abc12345").await.ok());
    let login = |password: &str| json!({"phone":"13800138000","upwd":password});
    for _ in 0..8 {
        server.ask_from("203.0.113.7", "auth/login", login("abc99999")).await;
    }
    let slowed = server.ask_from("203.0.113.7", "auth/login", login("abc12345")).await;
    assert_eq!((slowed.status, slowed.error()), (429, "too_many_attempts"), "{slowed:?}");
    assert!(slowed.retry_after.is_some_and(|seconds| (1..=900).contains(&seconds)), "{slowed:?}");
    assert_eq!((slowed.body["code"].clone(), slowed.body["msg"].clone()), (json!("-1"), json!("失败")));
    assert!(server.ask_from("203.0.113.8", "auth/login", login("abc12345")).await.ok(), "a colleague is not locked out");
    // The restart is quick, the pause would be too: more failures make it longer.
    for _ in 0..40 {
        let answer = server.ask_from("203.0.113.7", "auth/login", login("abc99999")).await;
        if answer.retry_after.is_some_and(|seconds| seconds >= 8) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_secs(answer.retry_after.unwrap_or(0))).await;
    }
    server.kill_now();
    let server = Served::start(data.path(), &settings).await;
    assert_eq!(server.ask_from("203.0.113.7", "auth/login", login("abc12345")).await.status, 429);
}

#[tokio::test]
async fn fields_of_any_shape_are_refused_by_their_own_texts() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Served::start(data.path(), &[("IMAGEPIC_REGISTRATION", "open")]).await;
    let all = "密码不符合规范,邮箱填写不符合规范,手机号码填写不符合规范";
    for shape in
        [json!(["abc12345"]), json!({"a":1}), json!(true), json!(null), json!(1.5), json!("\u{0}"), json!("a".repeat(10_000))]
    {
        let answer = server.ask("auth/register", json!({"email":shape,"phone":shape,"upwd":shape})).await;
        assert_eq!((answer.status, answer.error()), (200, "bad_password"), "{shape}: {answer:?}");
        assert_eq!(answer.body["data"]["err"], all, "{shape}");
        let answer =
            server.ask("auth/register", json!({"email":"a@b.cd","phone":"13800138000","upwd":"abc12345","name":"x\u{0}"})).await;
        assert_eq!((answer.status, answer.error()), (400, "bad_request"));
    }
    for (field, value, error) in
        [("phone", "12345", "bad_phone"), ("email", "x", "bad_email"), ("upwd", "short1", "bad_password")]
    {
        let mut fields = json!({"email":"a@b.cd","phone":"13800138000","upwd":"abc12345"});
        fields[field] = json!(value);
        assert_eq!(server.ask("auth/register", fields).await.error(), error);
    }
    for (kind, body, status) in [
        (Some("application/json"), "{", 400),
        (Some("application/json"), "[]", 400),
        (Some("text/plain"), "{}", 400),
        (Some("application/x-www-form-urlencoded"), "%zz=%ff&phone=%00", 200),
    ] {
        let answer = server.ask_raw("auth/register", kind, body).await;
        assert_eq!(answer.status, status, "{kind:?} {body}: {answer:?}");
        assert_eq!(answer.body["code"], "-1");
    }
    for phone in ["+8613800138009", "13800138009"] {
        let answer = server.register(phone, "abc12345").await;
        assert_eq!(answer.ok(), phone.starts_with('+'), "one person, however the number is written: {answer:?}");
    }
    assert!(server.register("+4915112345678", "abc12345").await.ok());
    assert!(server.login("+4915112345678", "abc12345").await.ok());
}
