//! What is said to a newcomer: where a thing went, when it ends, what was mistyped.

use crate::support::*;

#[test]
fn a_signed_link_says_when_it_ends_and_stdout_stays_links_only() {
    let home = Home::new();
    home.write("a.png", &png(51));
    home.run(&["settings", "set", "destinations.this-computer.presign", "604800"]).ends(0);
    let up = home.run(&["upload", "a.png"]).ends(0);
    assert_eq!(up.lines().len(), 1);
    assert!(up.err.contains("The link opens until 20") && up.err.contains("(7 days)"), "{}", up.err);
    assert!(home.run(&["history"]).ends(0).out.contains("opens for 7 days"));
    let quiet = home.run(&["upload", "a.png", "-q"]).ends(0);
    assert!(quiet.err.is_empty() && quiet.lines().len() == 1, "{quiet:?}");
    assert!(!home.run(&["upload", "a.png", "--json"]).ends(0).err.contains("until"));
}

#[test]
fn a_bucket_that_was_mistyped_is_refused_until_somebody_says_it_is_meant() {
    let home = Home::new();
    home.write("a.png", &png(52));
    let typo = home.run(&["upload", "a.png", "--bucket", "imagse"]).ends(1);
    assert!(typo.err.contains("images") && typo.err.contains("--create") && typo.out.is_empty(), "{typo:?}");
    assert!(!home.run(&["ls"]).ends(0).out.contains("imagse"));
    home.run(&["upload", "a.png", "--bucket", "images"]).ends(0);
    home.run(&["upload", "a.png", "--bucket", "docs", "--create"]).ends(0);
    assert!(home.run(&["ls"]).ends(0).out.contains("docs/"));
    home.run(&["upload", "a.png", "--bucket", "docs", "--create"]).ends(0);
    home.run(&["upload", "a.png", "--create"]).ends(2);
}

#[test]
fn ls_tells_an_object_from_a_folder_and_from_nothing() {
    let home = Home::new();
    home.write("a.png", &png(53));
    let key =
        home.run(&["upload", "a.png", "--folder", "docs", "--json"]).ends(0).json()[0]["key"].as_str().expect("a key").to_owned();
    let one = home.run(&["ls", &format!("images/{key}")]).ends(0);
    assert!(one.lines().len() == 1 && one.out.contains(&key), "{one:?}");
    let missing = home.run(&["ls", "images/dosc"]).ends(1);
    assert!(missing.out.is_empty() && missing.err.contains("images/dosc"), "{missing:?}");
    assert_eq!(home.run(&["ls", "images/dosc", "--json"]).ends(1).out.trim(), "[]");
    home.run(&["ls", "nowhere"]).ends(1);
    home.run(&["rm", &format!("images/{key}")]).ends(0);
    let empty = home.run(&["ls", "images"]).ends(0);
    assert!(empty.out.is_empty() && empty.err.contains("empty"), "{empty:?}");
}

#[test]
fn what_lies_deep_in_a_folder_is_named_by_where_it_lies_and_what_is_no_image_is_summed_up() {
    let home = Home::new();
    home.write("shots/deep/er/a.png", &png(54));
    home.write("shots/deep/empty.png", b"");
    for name in ["a.txt", "b.txt", "sub/c.txt", "sub/d.txt"] {
        home.write(&format!("shots/{name}"), b"words");
    }
    let run = home.run(&["upload", "shots"]).ends(1);
    assert!(run.err.contains("shots/deep/empty.png: "), "{}", run.err);
    assert!(run.err.contains("4 files are no images") && run.err.contains("a.txt, b.txt, sub/c.txt, …"), "{}", run.err);
    assert_eq!(run.err.matches(".txt").count(), 3, "{}", run.err);
    let all = home.run(&["upload", "shots/", "--json"]).ends(1).json();
    let files: Vec<_> = all.as_array().expect("all").iter().map(|one| one["file"].as_str().expect("a name")).collect();
    assert_eq!(files.len(), 6, "{files:?}");
    for file in ["shots/deep/er/a.png", "shots/sub/d.txt", "shots/deep/empty.png"] {
        assert!(files.contains(&file), "{file}: {files:?}");
    }
}

#[test]
fn a_secret_that_others_use_is_not_changed_on_the_side() {
    let home = Home::new();
    let add = |name: &str, secret: &[u8], more: &[&str]| {
        let args =
            ["destinations", "add", "s3", "--endpoint", "http://127.0.0.1:9", "--access-key", "AKIA", "--bucket", "assets"];
        home.run_with(&[&args[..], &["--secret-key-stdin", "--name", name], more].concat(), secret)
    };
    add("First", b"hunter2", &[]).ends(0);
    add("Same", b"hunter2", &[]).ends(0);
    let refused = add("Other", b"hunter3", &[]).ends(2);
    assert!(
        refused.err.contains("First") && refused.err.contains("Same") && refused.err.contains("--replace-secret"),
        "{refused:?}"
    );
    assert!(!home.run(&["destinations", "list"]).ends(0).out.contains("Other"));
    let edit = ["destinations", "edit", "Same", "--secret-key-stdin"];
    assert!(home.run_with(&edit, b"hunter3").ends(2).err.contains("First"));
    let said = home.run_with(&[&edit[..], &["--replace-secret"]].concat(), b"hunter3").ends(0);
    assert!(said.err.contains("First"), "{}", said.err);
    add("Other", b"hunter3", &[]).ends(0);
}

#[test]
fn errors_of_the_console_speak_of_no_window() {
    let home = Home::new();
    let missing = home.run(&["upload", "nowhere.png"]).ends(1);
    let clipboard = home.run(&["upload", "--clipboard"]).ends(1);
    let empty = home.run_with(&["upload", "-"], b"").ends(1);
    let words = home.run_with(&["upload", "-"], b"no image").ends(1);
    for run in [&missing, &clipboard, &empty, &words] {
        for window in ["Choose", "Drop", "drop zone"] {
            assert!(!run.err.contains(window), "{}", run.err);
        }
    }
    assert!(empty.err.contains("Standard input is empty") && !words.err.contains("clipboard"), "{} {}", empty.err, words.err);
}

#[test]
fn usage_errors_and_help_follow_the_language_of_the_settings() {
    let home = Home::new();
    home.run(&["settings", "set", "general.language", "zh-CN"]).ends(0);
    let wrong = home.run(&["upload", "--colour"]).ends(2);
    assert!(wrong.err.contains("错误") && !wrong.err.contains("error"), "{}", wrong.err);
    let help = home.run(&["upload", "--help"]).ends(0);
    assert!(help.out.contains("用法") && !help.out.contains("Options"), "{}", help.out);
    assert!(home.run(&["--help"]).ends(0).out.contains("退出码"));
}

#[test]
fn the_tab_key_knows_destinations_settings_and_their_values() {
    let home = Home::new();
    home.run(&["settings", "set", "destinations.this-computer.name", "laptop"]).ends(0);
    let offers = |line: &[&str]| {
        let index = (line.len() - 1).to_string();
        let output = home
            .command(&[&["--"][..], line].concat())
            .env("IMAGEPIC_COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", index)
            .env("_CLAP_IFS", "\n")
            .output()
            .expect("it answers");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(offers(&["imagepic", "upload", "--to", ""]).contains(&"laptop".to_owned()));
    assert!(offers(&["imagepic", "destinations", "use", "lap"]).contains(&"laptop".to_owned()));
    assert_eq!(offers(&["imagepic", "settings", "set", "link.f"]), ["link.format"]);
    assert_eq!(offers(&["imagepic", "settings", "set", "link.format", "m"]), ["markdown"]);
    assert!(offers(&["imagepic", "ls", ""]).contains(&"images/".to_owned()));
    assert!(home.run(&["completions", "bash"]).ends(0).out.contains("IMAGEPIC_COMPLETE"));
}

#[test]
fn a_test_says_what_it_tries_and_a_bad_certificate_file_is_refused_at_once() {
    let home = Home::new();
    let test = home.run(&["destinations", "test", "this-computer"]).ends(0);
    for says in ["Testing", "✓ address", "✓ permission"] {
        assert!(test.err.contains(says), "{}", test.err);
    }
    assert_eq!(test.err.matches("✓ address").count(), 1, "each rung once: {}", test.err);
    let add = [
        "destinations",
        "add",
        "s3",
        "--name",
        "T",
        "--endpoint",
        "https://127.0.0.1:9",
        "--access-key",
        "K",
        "--bucket",
        "assets",
    ];
    home.run_with(&[&add[..], &["--secret-key-stdin"]].concat(), b"s").ends(0);
    let refused = home.run(&["settings", "set", "destinations.T.ca_file", "/nope"]).ends(2);
    assert!(refused.err.contains("/nope") && refused.err.contains("no such file"), "{}", refused.err);
    home.write("notes.txt", b"no certificate");
    home.run(&["destinations", "edit", "T", "--ca-file", "notes.txt"]).ends(2);
}

#[test]
fn bucket_status_tells_where_it_is_and_what_it_holds() {
    let home = Home::new();
    home.write("a.png", &png(55));
    let up = home.run(&["upload", "a.png", "--json"]).ends(0).json();
    let shown = home.run(&["bucket", "status"]).ends(0).out;
    let folder = home.path().join("bucket").display().to_string();
    for says in [folder.as_str(), "http://127.0.0.1:", "1 object", "in the background"] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    let status = home.run(&["bucket", "status", "--json"]).ends(0).json();
    assert_eq!((status["objects"].as_u64(), status["bytes"].as_u64()), (Some(1), up[0]["size"].as_u64()));
    assert_eq!(status["by"], "background");
    home.run(&["bucket", "stop"]).ends(0);
    assert!(home.run(&["bucket", "status"]).ends(1).out.contains("1 object"), "also while nobody serves it");
}

#[test]
fn a_bucket_whose_port_another_program_has_does_not_promise_to_come_back_by_itself() {
    let home = Home::new();
    home.write("a.png", &png(56));
    home.run(&["upload", "a.png"]).ends(0);
    let port = home.run(&["bucket", "status", "--json"]).ends(0).json();
    assert!(port["port_taken"].is_null(), "{port}");
    let port = port["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
    home.run(&["bucket", "stop"]).ends(0);
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    let status = home.run(&["bucket", "status", "--json"]).ends(1).json();
    assert_eq!((status["running"].as_bool(), status["port_taken"].as_u64()), (Some(false), Some(port.into())));
    let port_named = port.to_string();
    for told in [
        home.run(&["bucket", "status"]).ends(1).out,
        home.run(&["bucket", "stop"]).ends(0).err,
        home.run(&["history"]).ends(0).err,
        home.run(&["bucket", "start"]).ends(1).err,
    ] {
        assert!(told.contains("another program") && told.contains(&port_named), "{told}");
        assert!(!told.contains("until the tray app"), "{told}");
    }
    drop(taken);
    assert!(home.run(&["bucket", "status"]).ends(1).out.contains("until the tray app"));
    home.run(&["bucket", "start"]).ends(0);
    home.run(&["bucket", "stop"]).ends(0);
}

#[test]
fn a_folder_of_hundreds_asks_at_a_terminal_and_goes_where_nobody_can_answer() {
    let home = Home::new();
    for seed in 0..=200_u8 {
        home.write(&format!("album/{seed:03}.png"), &png(seed));
    }
    let said = home.at_a_terminal("upload album", b"n\n");
    assert!(said.contains("Upload 201 files from album?") && said.contains("[y/N]"), "{said}");
    assert!(home.run(&["history"]).ends(0).out.is_empty(), "nothing went");
    let said = home.at_a_terminal("upload album", b"y\n");
    assert_eq!(said.matches("http://").count(), 201, "{said}");
    let piped = home.run(&["upload", "album"]).ends(0);
    assert!(piped.lines().len() == 201 && !piped.err.contains('?'), "{}", piped.err);
}
