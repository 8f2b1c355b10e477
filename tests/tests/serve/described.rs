//! Requests made up from the OpenAPI document by schemathesis.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use imagepic_tests::desktop::{built, root, tool};
use imagepic_tests::team::Team;

const MEMBER: &str = "13800138000";
const ADMIN: &str = "13800138001";
/// Whose log-ins are tried; nobody's session ends by that.
const OTHER: &str = "13800138002";
const PASSWORD: &str = "abc12345";
/// Listening never ends.
const LEFT_OUT: &str = "/listen$";

/// Every operation of the document that is tried, as `POST /path`.
async fn operations(team: &Team) -> BTreeSet<String> {
    let document = team.http.get(format!("{}/imagepic/openapi.json", team.url)).send().await.expect("an answer");
    let document: serde_json::Value = serde_json::from_str(&document.text().await.expect("text")).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").iter();
    let tried = paths.filter(|(path, _)| !path.ends_with("/listen"));
    tried
        .flat_map(|(path, item)| {
            item.as_object().expect("operations").keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

/// Without a token, of a member and of an admin: no hang, no fault of the server, no answer it does not tell of. And each operation was
/// answered with success to somebody who may do everything, so that more than refusals were looked at.
#[tokio::test]
#[ignore = "takes minutes: cargo xtask test --all"]
async fn whatever_its_description_allows_finds_no_fault() {
    let team = Team::start().await;
    for phone in [MEMBER, ADMIN, OTHER] {
        team.register(phone, PASSWORD).await;
    }
    let token = team.login(MEMBER, PASSWORD).await;
    let promoted = Command::new(built("imagepic"))
        .args(["accounts", "role", ADMIN, "admin"])
        .env("IMAGEPIC_DATA", &team.data)
        .status()
        .expect("the program is built");
    assert!(promoted.success());
    let admin = team.login(ADMIN, PASSWORD).await;
    let folder = tempfile::tempdir().expect("a folder");
    let successes = folder.path().join("successes");
    // Whoever may do the most is tried the most.
    for (who, authorization, examples) in
        [("nobody", None, "60"), ("a member", Some(&token), "120"), ("an admin", Some(&admin), "240")]
    {
        std::fs::write(&successes, "").expect("a file");
        let mut command = tokio::process::Command::new(tool("schemathesis"));
        command.args([
            "run",
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ]);
        command.args(["--exclude-path-regex", LEFT_OUT, "--max-examples", examples, "--request-timeout", "30"]);
        command.args(["--seed", "7", "--generation-database", "none"]);
        if let Some(token) = authorization {
            command.args(["--header", &format!("Authorization: {token}")]).env("DESCRIBED_TOKEN", token);
        }
        command
            .env("SCHEMATHESIS_HOOKS", root().join("tests/fixtures/described.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("DESCRIBED_SERVER", &team.url)
            .env("DESCRIBED_KEEPER", &admin)
            .env("DESCRIBED_PHONE", OTHER)
            .env("DESCRIBED_PASSWORD", PASSWORD)
            .env("DESCRIBED_SUCCESSES", &successes);
        command.arg(format!("{}/imagepic/openapi.json", team.url)).current_dir(folder.path()).kill_on_drop(true);
        let ended = tokio::time::timeout(Duration::from_secs(1200), command.output()).await.expect("it ends").expect("it starts");
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.status.success(), "as {who}\n{said}{}", String::from_utf8_lossy(&ended.stderr));
    }
    let reached = std::fs::read_to_string(&successes).expect("written down");
    let reached: BTreeSet<String> = reached.lines().map(str::to_owned).collect();
    let missed: Vec<_> = operations(&team).await.difference(&reached).cloned().collect();
    assert!(missed.is_empty(), "never answered with success: {missed:?}");
    assert!(!team.said().contains("a fault of the server"), "{}", team.said());
}
