use imagepic_api::capabilities::Registration;
use imagepic_words::Lang;

use super::*;

fn given(environment: &[(&str, &str)]) -> Given {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Given { environment, data: Some(PathBuf::from("/data")), ..Given::default() }
}

fn refused(environment: &[(&str, &str)]) -> (String, String) {
    let problem = given(environment).config().expect_err("it must be refused");
    (problem.to(Lang::En), problem.to(Lang::ZhCn))
}

#[test]
fn nothing_set_is_a_server_on_loopback() {
    let config = given(&[]).config().expect("the defaults");
    assert_eq!(config.listen.to_string(), "127.0.0.1:3100");
    assert!(config.s3.is_none());
    assert_eq!(config.accounts_folder(), Some(Path::new("/data/accounts")));
    assert_eq!(config.registration(), Registration::Open);
    assert!(!config.anonymous_reads());
}

#[test]
fn registration_is_closed_where_others_can_reach_it_unless_somebody_opens_it() {
    let config = given(&[("IMAGEPIC_LISTEN", "0.0.0.0:3100")]).config().expect("an address");
    assert_eq!(config.registration(), Registration::Closed);
    let config = given(&[("IMAGEPIC_LISTEN", "0.0.0.0:3100"), ("IMAGEPIC_REGISTRATION", "invite")]).config().expect("both");
    assert_eq!(config.registration(), Registration::Invite);
}

#[test]
fn flags_come_before_the_environment_and_that_before_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("server.toml");
    std::fs::write(
        &file,
        "listen = \"127.0.0.1:1\"\ngrace = 7\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\naccounts = \"people\"\n",
    )
    .expect("a file");
    let mut given = given(&[("IMAGEPIC_LISTEN", "127.0.0.1:2"), ("IMAGEPIC_GRACE", "")]);
    given.file = Some(file);
    let config = given.config().expect("all of it");
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.grace.as_secs(), 7, "an empty variable is none");
    assert_eq!(config.trusted_proxies.len(), 2);
    assert_eq!(config.accounts_folder(), Some(dir.path().join("people").as_path()), "relative to the file that says so");
    given.flags.insert("IMAGEPIC_LISTEN", "127.0.0.1:3".to_owned());
    assert_eq!(given.config().expect("all of it").listen.port(), 3);
}

#[test]
fn a_bad_value_names_key_value_and_what_is_allowed_in_both_languages() {
    let (en, zh) = refused(&[("IMAGEPIC_REGISTRATION", "everybody")]);
    for text in [&en, &zh] {
        for part in ["IMAGEPIC_REGISTRATION", "everybody", "invite"] {
            assert!(text.contains(part), "{text}");
        }
    }
    assert!(en.contains("Allowed:") && zh.contains("允许："), "{en} {zh}");
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_probably_meant() {
    let (en, zh) = refused(&[("IMAGEPIC_REGISTRATON", "closed")]);
    assert!(en.contains("IMAGEPIC_REGISTRATON") && en.contains("Perhaps IMAGEPIC_REGISTRATION was meant"), "{en}");
    assert!(zh.contains("IMAGEPIC_REGISTRATON"), "{zh}");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("server.toml");
    std::fs::write(&file, "lisen = \"127.0.0.1:1\"\n").expect("a file");
    let given = Given { file: Some(file), ..given(&[]) };
    let text = given.config().expect_err("it must be refused").to_string();
    assert!(text.contains("lisen") && text.contains("127.0.0.1:1") && text.contains("Perhaps listen"), "{text}");
}

#[test]
fn what_kubernetes_and_the_desktop_put_into_the_environment_is_nobodys_mistake() {
    let others =
        [("IMAGEPIC_SERVICE_HOST", "10.0.0.1"), ("IMAGEPIC_PORT_3100_TCP", "tcp://10.0.0.1:3100"), ("IMAGEPIC_HOME", "/x")];
    given(&others).config().expect("not ours");
}

#[test]
fn no_message_shows_a_secret() {
    let secret = "hunter2";
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("server.toml");
    let mut texts = vec![
        refused(&[("IMAGEPIC_JWT_SECRET", secret)]).0,
        refused(&[("IMAGEPIC_ACCOUNTS", "mysql://u:hunter2@host/db")]).0,
        refused(&[("IMAGEPIC_S3_SECRET_KEYS", secret)]).0,
        refused(&[("IMAGEPIC_S3_SECRET_KEY", secret)]).0,
        refused(&[("IMAGEPIC_JWT_SECERT", secret)]).0,
        refused(&[("IMAGEPIC_S3_SECRT_KY", secret)]).0,
        refused(&[("IMAGEPIC_DATABASE", "postgres://u:hunter2@host/db")]).0,
    ];
    for broken in [
        "jwt_secret = \"hunter2",
        "s3_secret_key = [[\"hunter2\"]]",
        "secret = \"hunter2\"",
        "jwt_secert = \"hunter2\"",
        "database_url = \"postgres://u:hunter2@host/db\"",
    ] {
        std::fs::write(&file, broken).expect("a file");
        let given = Given { file: Some(file.clone()), ..given(&[]) };
        texts.push(given.config().expect_err(broken).to_string());
    }
    for text in texts {
        assert!(!text.contains(secret), "{text}");
    }
    let config = given(&[("IMAGEPIC_ACCOUNTS", "postgres://u:hunter2@host/db")]).config().expect("a database");
    assert!(!format!("{config:?}").contains(secret));
}

#[test]
fn secrets_come_from_files_too_but_not_from_both() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("key");
    std::fs::write(&file, format!("{}\n", "k".repeat(40))).expect("a file");
    let path = file.display().to_string();
    let config = given(&[("IMAGEPIC_JWT_SECRET_FILE", &path)]).config().expect("a secret");
    assert_eq!(config.jwt_secret.map(|secret| secret.expose_secret().len()), Some(40), "without the line end");
    let (en, _) = refused(&[("IMAGEPIC_JWT_SECRET_FILE", &path), ("IMAGEPIC_JWT_SECRET", &"x".repeat(40))]);
    assert!(en.contains("both set"), "{en}");
    let (en, _) = refused(&[("IMAGEPIC_JWT_SECRET_FILE", "/nowhere/key")]);
    assert!(en.contains("/nowhere/key"), "{en}");
    assert!(refused(&[("IMAGEPIC_LISTEN_FILE", &path)]).0.contains("no setting"), "only secrets are worth a file");
}

#[test]
fn a_store_is_whole_or_not_there() {
    let (en, _) = refused(&[("IMAGEPIC_S3_ENDPOINT", "http://127.0.0.1:9000"), ("IMAGEPIC_S3_ACCESS_KEY", "a")]);
    assert!(en.contains("IMAGEPIC_S3_SECRET_KEY is missing"), "{en}");
    let (en, _) = refused(&[("IMAGEPIC_S3_REGION", "eu-1")]);
    assert!(en.contains("IMAGEPIC_S3_ENDPOINT is not"), "{en}");
    let keys = [("IMAGEPIC_S3_ACCESS_KEY", "a"), ("IMAGEPIC_S3_SECRET_KEY", "b")];
    let style = |endpoint: &'static str| {
        let all = [&keys[..], &[("IMAGEPIC_S3_ENDPOINT", endpoint)]].concat();
        given(&all).config().expect("a store").s3.expect("a store").path_style
    };
    assert!(style("http://127.0.0.1:9000"));
    assert!(!style("https://s3.eu-central-1.amazonaws.com"));
}

#[test]
fn every_default_told_in_words_is_the_one_the_parser_has() {
    let defaults = Config::new(Path::new("/data"));
    for setting in SETTINGS {
        let mut config = Config::new(Path::new("/data"));
        let raw = Raw { text: setting.default, folder: None };
        // Those told in words parse as nothing, or are folders.
        if setting.secret || setting.name == "IMAGEPIC_DATA" || setting.set(&mut config, &raw).is_none() || config.s3.is_some() {
            continue;
        }
        let (told, real) = (format!("{config:?}"), format!("{defaults:?}"));
        let chosen = ["IMAGEPIC_ANONYMOUS_READS", "IMAGEPIC_PASSWORD_PATTERN", "IMAGEPIC_EMAIL_PATTERN", "IMAGEPIC_BUCKETS"];
        assert!(told == real || chosen.contains(&setting.name), "{}: {told}\n{real}", setting.name);
    }
}
