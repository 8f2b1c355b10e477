//! `imagepic accounts …` beside a running server.

use std::process::Output;

use imagepic_tests::servers::postgres;
use serde_json::{Value, json};

use crate::serve::{Served, accounts, setup};

fn said(output: &Output) -> (Option<i32>, String) {
    let words = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8_lossy(&words).into_owned())
}

fn list(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", said(output).1);
    serde_json::from_slice(&output.stdout).expect("a JSON list")
}

async fn keep(settings: &[(&str, &str)]) {
    let data = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str], input: &str| accounts(data.path(), settings, arguments, input);
    let server = Served::start(data.path(), settings).await;
    assert_eq!(server.register("13800138000", "abc12345").await.error(), "bad_invite", "registration is by invitation");

    let added = said(&run(&["add", "13800138000", "--name", "小明", "--admin", "--password-stdin"], "abc12345\n"));
    assert_eq!(added.0, Some(0), "{}", added.1);
    let token = server.token("13800138000", "abc12345").await;
    let policy = server.with_token("policy/setBucketPolicy", Some(&token), json!({})).await;
    assert_ne!(policy.error(), "forbidden", "the first admin is one: {policy:?}");
    let again = said(&run(&["add", "+8613800138000", "--password-stdin"], "abc12345\n"));
    assert_eq!(again.0, Some(1), "{}", again.1);
    let weak = said(&run(&["add", "13800138001", "--password-stdin"], "short\n"));
    assert_eq!(weak.0, Some(2), "{}", weak.1);

    let invited = run(&["invite", "--uses", "1"], "");
    let code = String::from_utf8_lossy(&invited.stdout).trim().to_owned();
    let with = |phone: &str| json!({"email":"a@b.cd","phone":phone,"upwd":"abc12345","invite":code});
    assert!(server.ask("auth/register", with("13800138001")).await.ok());
    assert_eq!(server.ask("auth/register", with("13800138002")).await.error(), "bad_invite");

    assert_eq!(said(&run(&["role", "13800138000", "member"], "")).0, Some(0));
    let refused = server
        .with_token("policy/setBucketPolicy", Some(&token), json!({"bucketName":"images","prefix":"","access":"private"}))
        .await;
    assert_eq!((refused.status, refused.error()), (403, "forbidden"), "{refused:?}");
    assert_eq!(said(&run(&["disable", "13800138000"], "")).0, Some(0));
    assert_eq!(server.takes(&token).await.error(), "account_disabled", "at the next request");
    let listed = list(&run(&["list", "--json"], ""));
    let of = |phone: &str| listed.iter().find(|one| one["phone"] == phone).cloned().expect("listed");
    assert_eq!((of("13800138000")["disabled"].clone(), of("13800138000")["role"].clone()), (json!(true), json!("member")));
    assert_eq!(of("13800138001")["disabled"], json!(false));
    assert_eq!(said(&run(&["disable", "13800138000", "--undo"], "")).0, Some(0));
    assert_eq!(said(&run(&["require-change", "--all"], "")).0, Some(0));
    assert_eq!(server.login("13800138000", "abc12345").await.error(), "forbidden");
    assert_eq!(said(&run(&["reset-password", "13800138000", "--password-stdin"], "other123\n")).0, Some(0));
    server.token("13800138000", "other123").await;

    let out = data.path().join("out");
    let folder = out.display().to_string();
    assert_eq!(said(&run(&["export", &folder], "")).0, Some(0));
    let written = std::fs::read_to_string(out.join("auth_13800138000.json")).expect("exported");
    assert!(written.contains("$argon2id$") && !written.contains("other123"));
    // Into a home of the other kind, and out of a running server's hands.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let brought = said(&accounts(elsewhere.path(), &[], &["import", &folder], ""));
    assert_eq!(brought.0, Some(0), "{}", brought.1);
    let other = Served::start(elsewhere.path(), &[]).await;
    other.token("13800138000", "other123").await;
}

#[tokio::test]
async fn accounts_are_looked_after_beside_a_running_server_in_a_folder() {
    keep(&[("IMAGEPIC_REGISTRATION", "invite")]).await;
}

#[tokio::test]
async fn accounts_are_looked_after_beside_a_running_server_in_a_database() {
    let url = postgres().database("keeping");
    keep(&[("IMAGEPIC_REGISTRATION", "invite"), ("IMAGEPIC_ACCOUNTS", &url)]).await;
}

#[test]
fn who_looks_at_accounts_in_the_wrong_place_is_told_so_and_makes_nothing_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let wrong = folder.path().join("typo");
    for arguments in
        [&["list"][..], &["list", "--json"], &["export", "out"], &["role", "13800138000", "admin"], &["require-change", "--all"]]
    {
        let (code, words) = said(&accounts(&wrong, &[], arguments, ""));
        assert_eq!(code, Some(1), "{arguments:?}: {words}");
        assert!(words.contains("There are no accounts at") && words.contains("typo"), "{words}");
        assert!(!wrong.exists(), "{arguments:?}");
    }
    assert_eq!(said(&accounts(&wrong, &[], &["add", "13800138000", "--admin", "--password-stdin"], "abc12345\n")).0, Some(0));
    assert_eq!(list(&accounts(&wrong, &[], &["list", "--json"], "")).len(), 1, "the first one makes the place");
}

#[tokio::test]
async fn a_second_server_on_the_same_accounts_says_so() {
    let data = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let shared = data[0].path().join("accounts").display().to_string();
    let settings = [("IMAGEPIC_ACCOUNTS", shared.as_str())];
    let _server = Served::start(data[0].path(), &settings).await;
    let refused = setup(data[1].path(), &settings).try_start().await.expect_err("one folder serves one server");
    assert!(refused.said.contains("another server"), "{}", refused.said);
}
