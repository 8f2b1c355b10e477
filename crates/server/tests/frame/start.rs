use imagepic_server::Bound;
use imagepic_server::config::SETTINGS;

use crate::support::config;

const ACCOUNT: &str = r#"{"_name":"auth","_collections":[{"_id":"1","name":"x","tfs":"t","email":"x@example.com","phone":"13800138000","upwd":"abc12345"}]}"#;

#[tokio::test]
async fn one_data_folder_is_one_server() {
    let data = tempfile::tempdir().expect("a folder");
    let first = Bound::open(config(data.path())).await.expect("it opens");
    let why = Bound::open(config(data.path())).await.expect_err("two servers on one folder").to_string();
    assert!(why.contains(&data.path().display().to_string()) && why.contains("--data"), "{why}");
    drop(first);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let data = tempfile::tempdir().expect("a folder");
    let mut config = config(data.path());
    config.listen = taken.local_addr().expect("an address");
    let why = Bound::open(config.clone()).await.expect_err("the port is taken").to_string();
    assert!(why.contains(&config.listen.to_string()), "{why}");
}

#[tokio::test]
async fn accounts_of_the_old_service_demand_a_choice_about_reading() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().join("accounts/db/imagepic");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("auth_13800138000.json"), ACCOUNT).expect("an account");
    let why = Bound::open(config(data.path())).await.expect_err("nobody chose").to_string();
    assert!(why.contains("IMAGEPIC_ANONYMOUS_READS=true") && why.contains("IMAGEPIC_ANONYMOUS_READS=false"), "{why}");
    assert_eq!(std::fs::read_dir(&folder).expect("there").count(), 1, "nothing is touched before the choice");
    let mut chosen = config(data.path());
    chosen.anonymous_reads = Some(false);
    Bound::open(chosen).await.expect("somebody chose");
}

#[cfg(unix)]
#[tokio::test]
async fn keys_and_data_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().expect("a folder");
    let data = parent.path().join("data");
    let bound = Bound::open(config(&data)).await.expect("it opens");
    let mode = |path: &str| {
        std::fs::metadata(data.join(path)).unwrap_or_else(|why| panic!("{path}: {why}")).permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("signing.key"), 0o600);
    assert_eq!(mode("bucket/key"), 0o600);
    drop(bound);
}

#[test]
fn the_table_in_the_documentation_is_the_list_in_the_code() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/server.md")).expect("docs/server.md");
    let mut told = page.lines().filter(|line| line.starts_with("| `IMAGEPIC_"));
    for setting in SETTINGS {
        let line = told.next().unwrap_or_default();
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let mut cell = || cells.next().unwrap_or_default().to_owned();
        let (name, key, flag, default, allowed, meaning) = (cell(), cell(), cell(), cell(), cell(), cell());
        let file = if setting.secret { ", `_FILE`" } else { "" };
        assert_eq!(name, format!("`{}`{file}", setting.name));
        assert_eq!(key, format!("`{}`", setting.key()), "{name}");
        assert_eq!(flag, setting.flag.map_or(String::new(), |flag| format!("`{flag}`")), "{name}");
        assert_eq!(default, setting.default, "{name}");
        assert_eq!(allowed, setting.allowed().to(imagepic_words::Lang::En), "{name}");
        assert!(meaning.len() > 10, "{name} is not explained");
    }
    assert_eq!(told.next(), None, "a row without a setting");
}

/// `- name: X` and `value: Y` of the one container of a manifest.
fn environment(manifest: &str) -> std::collections::BTreeMap<String, String> {
    let mut found = std::collections::BTreeMap::new();
    let mut name = None;
    for line in manifest.lines().map(str::trim) {
        if let Some(variable) = line.strip_prefix("- name: ") {
            name = Some(variable).filter(|name| name.starts_with("IMAGEPIC_"));
        } else if let (Some(name), Some(value)) = (name, line.strip_prefix("value: ")) {
            found.insert(name.to_owned(), value.trim_matches('"').to_owned());
        }
    }
    found
}

#[test]
fn the_manifests_set_what_there_is_to_what_is_allowed() {
    let secrets = tempfile::tempdir().expect("a folder");
    for (folder, replicas) in [("dev", 1), ("production", 3)] {
        let path = format!("{}/../../deploy/{folder}/imagepic.yaml", env!("CARGO_MANIFEST_DIR"));
        let manifest = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"));
        assert!(manifest.contains(&format!("replicas: {replicas}\n")), "{folder}");
        let mut environment = environment(&manifest);
        assert!(environment.len() >= 5, "{folder}: {environment:?}");
        for (name, value) in &mut environment {
            if name.ends_with("_FILE") {
                let file = secrets.path().join(name);
                let secret = if name.contains("ACCOUNTS") { "postgres://imagepic:secret@db/imagepic" } else { "secret" };
                std::fs::write(&file, secret).expect("a file");
                *value = file.display().to_string();
            }
        }
        let given = imagepic_server::config::Given { environment, ..Default::default() };
        let config = given.config().unwrap_or_else(|why| panic!("{folder}: {why}"));
        assert_eq!(config.listen.port(), 3100);
        assert_eq!(config.accounts_folder().is_some(), replicas == 1, "a folder serves one server");
        assert!(config.registration.is_some() && !config.anonymous_reads());
        let wanted = config.grace.as_secs() + 5;
        let told = manifest.split("terminationGracePeriodSeconds: ").nth(1).and_then(|rest| rest.lines().next());
        assert!(
            told.and_then(|text| text.parse::<u64>().ok()).is_some_and(|seconds| seconds >= wanted),
            "{folder}: killed before its grace ends"
        );
    }
}
