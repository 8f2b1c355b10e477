//! Every setting by its name.

use super::*;

fn settings() -> Settings {
    let mut settings = Settings::default();
    let team = Destination {
        id: "team".to_owned(),
        name: "Team v1.2".to_owned(),
        kind: Kind::S3(S3Address {
            endpoint: "https://s3.example".to_owned(),
            region: "eu-1".to_owned(),
            access_key: "AK".to_owned(),
            path_style: false,
            ca_file: None,
        }),
        bucket: "assets".to_owned(),
        ..Destination::this_computer(String::new())
    };
    let office = Destination {
        id: "office".to_owned(),
        name: "Office".to_owned(),
        kind: Kind::Team(crate::destination::TeamAddress {
            server: "https://images.example".to_owned(),
            phone: "13800138000".to_owned(),
            allow_plain_http: false,
            ca_file: None,
        }),
        ..team.clone()
    };
    settings.destinations.extend([team, office]);
    settings
}

#[test]
fn every_key_reads_back_what_was_set() {
    let mut settings = settings();
    for (key, value) in [
        ("capture.clipboard", "automatic"),
        ("capture.folders", r#"[{"path":"/tmp/shots","destination":"team","recursive":true,"enabled":false}]"#),
        ("capture.folders", "[]"),
        ("general.language", "zh-CN"),
        ("general.theme", "dark"),
        ("general.notifications", "problems"),
        ("general.proxy", "socks5://127.0.0.1:1080"),
        ("general.proxy", "none"),
        ("link.format", "markdown"),
        ("link.templates", r#"[{"name":"wiki","text":"[[{url}|{alt}]]"},{"name":"two words","text":"{url}"}]"#),
        ("link.format", "custom:two words"),
        ("link.templates.wiki", "{url} {alt}"),
        ("link.templates.新 v1.2", "{url}"),
        ("names.ask", "true"),
        ("names.ask", "false"),
        ("shortcuts.upload_clipboard", "Ctrl+Alt+U"),
        ("shortcuts.pause", "F9"),
        ("shortcuts.pause", ""),
        ("destination.current", "team"),
        ("destinations.team.name", "Team two"),
        ("destinations.team.bucket", "shots"),
        ("destinations.team.folder", "docs/img"),
        ("destinations.team.presign", "3600"),
        ("destinations.team.link", "presigned"),
        ("destinations.team.public_base", "https://cdn.example"),
        ("destinations.team.link", "public"),
        ("destinations.team.file_name", "{hash}.{ext}"),
        ("destinations.team.clipboard_name", "{uuid}.{ext}"),
        ("destinations.team.strip_metadata", "false"),
        ("destinations.team.convert", "webp"),
        ("destinations.team.convert", "none"),
        ("destinations.team.quality", "72"),
        ("destinations.team.quality", ""),
        ("destinations.team.max_width", "2000"),
        ("destinations.team.max_height", "65500"),
        ("destinations.team.max_height", ""),
        ("destinations.team.squeeze", "true"),
        ("destinations.team.max_bytes", "1048576"),
        ("destinations.team.any_file", "true"),
        ("destinations.this-computer.any_file", "true"),
        ("destinations.team.endpoint", "http://127.0.0.1:9000"),
        ("destinations.team.region", "auto"),
        ("destinations.team.access_key", "AK2"),
        ("destinations.team.path_style", "true"),
        ("destinations.team.ca_file", "/etc/ca.pem"),
        ("destinations.office.server", "http://127.0.0.1:8080"),
        ("destinations.office.allow_plain_http", "true"),
        ("destinations.office.phone", "+4915112345678"),
        ("destinations.office.ca_file", "/etc/ca.pem"),
        ("destinations.this-computer.folder", "mine"),
    ] {
        settings.set_key(key, value).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(settings.get_key(key).expect(key), value, "{key}");
    }
    for key in settings.keys() {
        settings.get_key(&key).unwrap_or_else(|error| panic!("{key}: {error}"));
    }
}

#[test]
fn with_the_template_that_was_chosen_its_format_goes_and_no_other() {
    let mut settings = settings();
    settings.set_key("link.templates.wiki", "[[{url}]]").expect("set");
    settings.set_key("link.templates.other", "{url}").expect("set");
    settings.set_key("link.format", "CUSTOM:wiki").expect("chosen");
    settings.set_key("link.templates.other", "").expect("removed");
    assert_eq!(settings.get_key("link.format").expect("set"), "custom:wiki");
    settings.set_key("link.templates.wiki", "").expect("removed");
    assert_eq!(settings.get_key("link.format").expect("set"), "url");
    assert_eq!(settings.get_key("link.templates").expect("set"), "[]");
}

#[test]
fn destinations_answer_to_their_names_dots_and_all() {
    let mut settings = settings();
    settings.set_key("destinations.team V1.2.folder", "x").expect("by name");
    settings.set_key("destination.current", "team v1.2").expect("by name");
    assert_eq!(settings.get_key("destination.current").expect("set"), "team");
}

#[test]
fn what_cannot_be_set_is_refused_and_says_what_can() {
    for (key, value, word) in [
        ("general.theme", "purple", "system | light | dark"),
        ("capture.folders", "/tmp/shots", "[{\"path\":"),
        ("capture.folders", r#"[{"path":"shots"}]"#, "complete path"),
        ("capture.folders", r#"[{"path":"/tmp/a"},{"path":"/tmp/a/"}]"#, "already"),
        ("capture.folders", r#"[{"path":"/tmp/a","destination":"nowhere"}]"#, "Team v1.2"),
        ("general.colour", "x", "general.theme"),
        ("general.proxy", "http://u:hunter2@proxy:1", "without user"),
        ("general.proxy", "proxy", "socks5"),
        ("shortcuts.library", "Ctrl+V", "copy, paste"),
        ("link.format", "custom:wiki", "none has been made"),
        ("link.format", "latex", "markdown | html"),
        ("link.templates", "{}", "[{\"name\""),
        ("link.templates", r#"[{"name":"URL","text":"{url}"}]"#, "\"URL\""),
        ("link.templates.Markdown", "{url}", "markdown"),
        ("link.templates", r#"[{"name":"a","text":"{ulr}"}]"#, "{ulr}"),
        ("link.templates", r#"[{"name":"a","text":"{url}"},{"name":"A","text":"{url}"}]"#, "two link templates"),
        ("link.templates.wiki", "{alt}", "{url} is missing"),
        ("link.templates.wiki", "", "none has been made"),
        ("names.ask", "yes", "true | false"),
        ("destination.current", "nowhere", "Team v1.2"),
        ("destinations.team.secret", "x", "destinations.NAME.bucket"),
        ("destinations.team.presign", "604801", "604800"),
        ("destinations.team.endpoint", "s3.example", "https://"),
        ("destinations.this-computer.endpoint", "https://a.example", "This computer"),
        ("destinations.office.region", "eu-1", "Office"),
        ("destinations.team.phone", "13800138000", "Team v1.2"),
        ("destinations.team.convert", "heic", "none | png | jpeg | webp | avif"),
        ("destinations.team.quality", "0", "100"),
        ("destinations.team.max_width", "65501", "65500"),
        ("destinations.office.server", "http://images.example", "without encryption"),
    ] {
        let mut settings = settings();
        let before = settings.clone();
        let error = settings.set_key(key, value).expect_err(key);
        assert!(error.to_string().contains(word), "{key}: {error}");
        assert!(!error.to_string().contains("hunter2"));
        assert_eq!(settings, before, "{key}");
    }
}
