//! Settings in a file, diagnostics and the start at log-in, by the real program.

use crate::support::Home;

const SECRET: &str = "hunter2hunter2hunter2";

fn with_destination(home: &Home) {
    let add = [
        "destinations",
        "add",
        "s3",
        "--name",
        "Team",
        "--endpoint",
        "http://127.0.0.1:1",
        "--access-key",
        "AK",
        "--bucket",
        "assets",
        "--path-style",
        "--secret-key-stdin",
    ];
    home.run_with(&add, SECRET.as_bytes()).ends(0);
}

#[test]
fn an_import_says_what_it_would_change_before_it_does_and_brings_no_secret() {
    let (here, there) = (Home::new(), Home::new());
    with_destination(&here);
    here.run(&["settings", "set", "general.theme", "dark"]).ends(0);
    here.run(&["settings", "export", "out.toml"]).ends(0);
    let text = std::fs::read_to_string(here.dir.path().join("out.toml")).expect("it was written");
    assert!(text.contains("127.0.0.1:1") && !text.contains(SECRET), "{text}");

    there.write("in.toml", text.as_bytes());
    let told = there.run(&["settings", "import", "in.toml", "--dry-run"]).ends(0);
    assert!(told.out.contains("general.theme: system → dark") && told.out.contains("Team"), "{told:?}");
    assert!(told.err.contains("Team needs its secret key"), "{told:?}");
    assert_eq!(there.run(&["settings", "get", "general.theme"]).ends(0).out.trim(), "system", "nothing has changed yet");
    let refused = there.run(&["settings", "import", "in.toml"]).ends(1);
    assert!(refused.err.contains("--yes"), "without a terminal nobody was asked: {refused:?}");
    assert_eq!(there.run(&["settings", "get", "general.theme"]).ends(0).out.trim(), "system");
    let applied = there.run(&["settings", "import", "in.toml", "--yes", "--json"]).ends(0);
    assert_eq!(applied.json()["unsigned"][0], "Team");
    assert_eq!(there.run(&["settings", "get", "general.theme"]).ends(0).out.trim(), "dark");
    assert_eq!(there.run(&["settings", "get", "destinations.Team.endpoint"]).ends(0).out.trim(), "http://127.0.0.1:1");
    assert!(there.run(&["settings", "import", "in.toml", "--yes"]).ends(0).err.contains("Nothing would change"));
}

#[test]
fn a_file_that_points_a_destination_elsewhere_does_not_take_its_secret_along() {
    let home = Home::new();
    with_destination(&home);
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let text = home.run(&["settings", "export"]).ends(0).out.replace("127.0.0.1:1\"", &format!("127.0.0.1:{port}\""));
    home.write("evil.toml", text.as_bytes());
    let told = home.run(&["settings", "import", "evil.toml", "--yes"]).ends(0);
    assert!(told.out.contains(&format!("http://127.0.0.1:1 → http://127.0.0.1:{port}")), "{told:?}");
    home.run(&["destinations", "use", "Team"]).ends(0);
    let test = home.run(&["destinations", "test", "Team", "--json"]).ends(1);
    assert_eq!(test.json()["code"], "secret_missing", "{test:?}");
    listener.set_nonblocking(true).expect("a socket");
    assert!(listener.accept().is_err(), "nothing was signed for the new address");
}

#[test]
fn the_report_tells_everything_but_secrets_and_says_by_its_exit_code_whether_all_is_well() {
    let home = Home::new();
    home.run(&["doctor"]).ends(0);
    with_destination(&home);
    home.run(&["destinations", "use", "Team"]).ends(0);
    let settings = std::fs::read_to_string(home.path().join("settings.toml")).expect("there");
    // What no one should write by hand, and somebody will.
    let settings = format!("{settings}\n[general]\nproxy = \"http://ann:{SECRET}@proxy.example:3128\"\n");
    std::fs::write(home.path().join("settings.toml"), settings).expect("an editor");
    let log = format!(
        "2026-11-22T10:00:00Z  WARN imagepic: GET https://s3.example/a?X-Amz-Signature={SECRET} failed\n2026-11-22T10:00:01Z ERROR imagepic: Authorization: AWS4 {SECRET}\n"
    );
    std::fs::write(home.path().join("logs/imagepic.log"), log).expect("a log");
    let with_proxy = |args: &[&str]| {
        let output = home.command(args).env("HTTPS_PROXY", format!("http://ann:{SECRET}@proxy.example:3128")).output();
        crate::support::Run::of(output.expect("it starts"))
    };
    let report = with_proxy(&["doctor"]).ends(1);
    let json = with_proxy(&["doctor", "--json"]).ends(1);
    for text in [&report.out, &report.err, &json.out, &json.err] {
        assert!(!text.contains(SECRET) && !text.contains("ann:"), "{text}");
    }
    assert!(report.out.contains("proxy.example:3128") && report.out.contains("s3.example"), "{}", report.out);
    let json = json.json();
    assert_eq!((json["well"].as_bool(), json["test"]["code"].as_str()), (Some(false), Some("unreachable")), "{json}");
    let topics: Vec<_> = json["findings"].as_array().expect("a list").iter().filter_map(|line| line["topic"].as_str()).collect();
    for topic in [
        "version",
        "system",
        "session",
        "clipboard",
        "secrets",
        "home",
        "settings",
        "bucket",
        "proxy",
        "destination.team",
        "queue",
        "log",
    ] {
        assert!(topics.contains(&topic), "{topic} in {topics:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_start_at_log_in_is_switched_in_the_systems_own_list() {
    let home = Home::new();
    let run = |args: &[&str]| {
        let output = home.command(args).env("XDG_CONFIG_HOME", home.dir.path().join("config")).output();
        crate::support::Run::of(output.expect("it starts"))
    };
    let files = || std::fs::read_dir(home.dir.path().join("config/autostart")).map_or(0, Iterator::count);
    assert_eq!(run(&["settings", "get", "general.autostart"]).ends(0).out.trim(), "false");
    run(&["settings", "set", "general.autostart", "perhaps"]).ends(2);
    run(&["settings", "set", "general.autostart", "true"]).ends(0);
    assert_eq!((run(&["settings", "get", "general.autostart"]).out.trim(), files()), ("true", 1));
    run(&["settings", "set", "general.autostart", "false"]).ends(0);
    assert_eq!((run(&["settings", "get", "general.autostart"]).out.trim(), files()), ("false", 0));
}
