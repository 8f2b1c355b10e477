use super::*;
use secrecy::ExposeSecret;

fn home() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let home = Home::at(dir.path());
    home.prepare().expect("a fresh home");
    (dir, home)
}

fn shown(secret: Option<SecretString>) -> Option<String> {
    secret.map(|secret| secret.expose_secret().to_owned())
}

const ACCOUNT: &str = "AKIA@https://minio.example";

#[test]
fn a_secret_belongs_to_an_address_and_a_key() {
    let address = |endpoint: &str, access_key: &str| {
        account(&S3Address {
            endpoint: endpoint.to_owned(),
            region: String::new(),
            access_key: access_key.to_owned(),
            path_style: false,
            ca_file: None,
        })
    };
    assert_eq!(address("https://Minio.example/", "AKIA"), ACCOUNT);
    assert_ne!(address("https://evil.example", "AKIA"), ACCOUNT);
    assert_ne!(address("http://minio.example", "AKIA"), ACCOUNT);
    assert_ne!(address("https://minio.example", "AKIB"), ACCOUNT);
}

#[tokio::test]
async fn the_file_keeps_secrets_that_nobody_reads_over_a_shoulder() {
    let (_dir, home) = home();
    let file = SealedFile::of(&home);
    assert_eq!(shown(file.get(ACCOUNT).await.expect("none yet")), None);
    file.set(ACCOUNT, &SecretString::from("hunter2")).await.expect("saved");
    file.set("other", &SecretString::from("hunter3")).await.expect("saved");
    assert_eq!(shown(SealedFile::of(&home).get(ACCOUNT).await.expect("there")), Some("hunter2".to_owned()));

    for name in ["secrets.json", "secrets.key"] {
        let path = home.data().join(name);
        let bytes = std::fs::read(&path).expect("there");
        assert!(!bytes.windows(6).any(|window| window == b"hunter"), "{name}");
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).expect("there").permissions()) & 0o777,
            0o600
        );
    }
    file.delete(ACCOUNT).await.expect("forgotten");
    file.delete(ACCOUNT).await.expect("forgotten already");
    assert_eq!(shown(file.get(ACCOUNT).await.expect("gone")), None);
    assert_eq!(shown(file.get("other").await.expect("stays")), Some("hunter3".to_owned()));
}

#[tokio::test]
async fn a_damaged_or_swapped_file_is_told_and_not_overwritten() {
    let (_dir, home) = home();
    let file = SealedFile::of(&home);
    file.set("one", &SecretString::from("first")).await.expect("saved");
    file.set("two", &SecretString::from("second")).await.expect("saved");
    let path = home.data().join("secrets.json");
    let text = std::fs::read_to_string(&path).expect("there");

    // The entries of two accounts exchanged: an attacker who cannot read would send one store another's secret.
    let swapped = text.replace("\"one\"", "\"x\"").replace("\"two\"", "\"one\"").replace("\"x\"", "\"two\"");
    std::fs::write(&path, &swapped).expect("swapped");
    assert_eq!(file.get("one").await.expect_err("bound to its account").code, Code::SecretMissing);

    std::fs::write(&path, &text).expect("back");
    std::fs::remove_file(home.data().join("secrets.key")).expect("key lost");
    assert!(file.get("one").await.is_err());
    assert!(file.set("three", &SecretString::from("x")).await.is_err());
    assert_eq!(std::fs::read_to_string(&path).expect("there"), text);

    std::fs::write(&path, "{\"version\":2}").expect("newer");
    assert_eq!(file.get("one").await.expect_err("newer").code, Code::HomeNewer);
}

/// Runs the ignored test `name` of this very binary on a bus of its own, with `before` on it, so that tests never meet in a keychain.
#[cfg(target_os = "linux")]
fn on_a_bus(before: &str, name: &str) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // Without service folders nothing is started by asking for it: a daemon is there when `before` says so.
    let bus = "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>\
        <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>";
    let config = dir.path().join("bus.conf");
    std::fs::write(&config, bus).expect("a bus configuration");
    let script = format!("{before}\nexec \"$0\" --exact secrets::tests::{name} --ignored --nocapture");
    let output = std::process::Command::new("dbus-run-session")
        .arg(format!("--config-file={}", config.display()))
        .args(["--", "sh", "-c", &script])
        .arg(std::env::current_exe().expect("this test"))
        .env("HOME", dir.path())
        .env("XDG_RUNTIME_DIR", dir.path())
        .env("XDG_DATA_HOME", dir.path().join("data"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("NEXTEST")
        .output()
        .expect("dbus-run-session (package dbus) is there: cargo xtask setup");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[cfg(target_os = "linux")]
const DAEMON: &str = "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1";

/// The daemon detaches before it has put its collection on the bus.
#[cfg(target_os = "linux")]
async fn daemon_is_there(secrets: &SystemSecrets) {
    let ready = async {
        while secrets.place().await != SecretsPlace::Keychain {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ready).await.expect("a keychain");
}

#[cfg(target_os = "linux")]
#[test]
fn with_a_keychain_secrets_go_there_and_into_no_file() {
    on_a_bus(DAEMON, "inner_keychain");
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "runs on a bus of its own, started by the test above"]
async fn inner_keychain() {
    let (_dir, home) = home();
    let secrets = SystemSecrets::of(&home);
    daemon_is_there(&secrets).await;
    assert_eq!(shown(secrets.get(ACCOUNT).await.expect("none yet")), None);
    assert!(!secrets.used.exists(), "nothing is there that was to be waited for");
    assert_eq!(secrets.set(ACCOUNT, &SecretString::from("hunter2")).await.expect("saved"), SecretsPlace::Keychain);
    assert!(secrets.used.exists());
    // Of a home from before there was such a note.
    std::fs::remove_file(&secrets.used).expect("there");
    assert_eq!(shown(secrets.get(ACCOUNT).await.expect("there")), Some("hunter2".to_owned()));
    assert!(secrets.used.exists());
    assert!(!home.data().join("secrets.json").exists());

    let (_other_dir, other) = self::home();
    assert_eq!(shown(SystemSecrets::of(&other).get(ACCOUNT).await.expect("asked")), None, "homes do not meet in the keychain");

    secrets.delete(ACCOUNT).await.expect("forgotten");
    assert_eq!(shown(secrets.get(ACCOUNT).await.expect("gone")), None);
}

#[cfg(target_os = "linux")]
#[test]
fn a_keychain_that_appears_later_takes_the_secret_over() {
    on_a_bus("", "inner_appears");
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "runs on a bus of its own, started by the test above"]
async fn inner_appears() {
    let (_dir, home) = home();
    let secrets = SystemSecrets::of(&home);
    let set = secrets.set(ACCOUNT, &SecretString::from("hunter2")).await.expect("saved in the file");
    assert_eq!((set, secrets.place().await), (SecretsPlace::File, SecretsPlace::File));
    assert_eq!(shown(secrets.get(ACCOUNT).await.expect("there")), Some("hunter2".to_owned()));

    let status = std::process::Command::new("sh").args(["-c", DAEMON]).status().expect("sh");
    assert!(status.success());
    daemon_is_there(&secrets).await;
    assert_eq!(shown(secrets.get(ACCOUNT).await.expect("there")), Some("hunter2".to_owned()));
    assert_eq!(secrets.place().await, SecretsPlace::Keychain);
    let file = std::fs::read_to_string(home.data().join("secrets.json")).expect("there");
    assert!(!file.contains(ACCOUNT), "it moved: {file}");
    assert_eq!(shown(SystemSecrets::of(&home).get(ACCOUNT).await.expect("there")), Some("hunter2".to_owned()));

    // Saved anew while the keychain was away once more.
    secrets.file.set(ACCOUNT, &SecretString::from("newer")).await.expect("saved in the file");
    assert_eq!(shown(secrets.get(ACCOUNT).await.expect("there")), Some("newer".to_owned()), "an old secret beats no newer one");
    assert_eq!(shown(secrets.keychain.get(ACCOUNT).await.expect("asked")), Some("newer".to_owned()));
    assert_eq!(shown(secrets.file.get(ACCOUNT).await.expect("asked")), None);
}

#[cfg(target_os = "linux")]
#[test]
fn a_keychain_that_is_not_there_yet_is_waited_for_and_no_secret_is_called_missing() {
    on_a_bus("", "inner_absent");
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "runs on a bus of its own, started by the test above"]
async fn inner_absent() {
    let (_dir, home) = home();
    let secrets = SystemSecrets::of(&home);
    assert_eq!(shown(secrets.get(ACCOUNT).await.expect("nothing was ever saved")), None);
    secrets.uses_keychain();
    assert_eq!(secrets.get(ACCOUNT).await.expect_err("nobody to ask").code, Code::KeychainLocked);
    secrets.set("other", &SecretString::from("hunter2")).await.expect("saved in the file");
    assert_eq!(shown(secrets.get(ACCOUNT).await.expect("the file is where secrets are")), None);
}

#[cfg(target_os = "linux")]
#[test]
fn a_keychain_daemon_without_a_collection_is_no_keychain() {
    on_a_bus("gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1", "inner_without_collection");
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "runs on a bus of its own, started by the test above"]
async fn inner_without_collection() {
    let (_dir, home) = home();
    let secrets = SystemSecrets::of(&home);
    assert_eq!(secrets.place().await, SecretsPlace::File);
    assert_eq!(secrets.set(ACCOUNT, &SecretString::from("hunter2")).await.expect("saved"), SecretsPlace::File);
    assert_eq!(shown(secrets.get(ACCOUNT).await.expect("there")), Some("hunter2".to_owned()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_locked_keychain_is_told_and_nothing_goes_around_it() {
    on_a_bus(DAEMON, "inner_locked");
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "runs on a bus of its own, started by the test above"]
async fn inner_locked() {
    let (_dir, home) = home();
    let mut secrets = SystemSecrets::of(&home);
    secrets.keychain = Keychain::new("imagepic-locked".to_owned(), std::time::Duration::from_secs(3));
    daemon_is_there(&secrets).await;
    secrets.set(ACCOUNT, &SecretString::from("hunter2")).await.expect("saved");
    tokio::task::spawn_blocking(|| {
        let service = secret_service::blocking::SecretService::connect(secret_service::EncryptionType::Plain).expect("a daemon");
        service.get_default_collection().expect("a collection").lock().expect("locked");
    })
    .await
    .expect("locks");
    assert_eq!(secrets.get(ACCOUNT).await.expect_err("locked").code, Code::KeychainLocked);
    assert!(!home.data().join("secrets.json").exists());
    // Nobody answered; whoever looks again a moment later opens no second question, until a person asks for it.
    assert!(secrets.keychain.in_peace());
    assert_eq!(secrets.get(ACCOUNT).await.expect_err("still locked").code, Code::KeychainLocked);
    secrets.ask_again();
    assert!(!secrets.keychain.in_peace());
}
