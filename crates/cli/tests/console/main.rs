//! The real program on a home of its own, against the embedded bucket it starts in the background.

mod again;
mod avif;
mod hints;
mod images;
mod impatient;
mod killed;
mod network;
mod odd;
mod settings;
mod slips;
mod stored;
mod support;
mod words;

use std::path::Path;
use std::process::Stdio;

use sha2::{Digest, Sha256};

use support::*;

#[test]
fn files_become_links_in_their_order_that_open_with_the_very_bytes() {
    let home = Home::new();
    home.write("一 图.png", &png(1));
    home.write("b#?%.png", &png(2));
    home.write("dir/c.txt.png", &png(3));
    let run = home.run(&["upload", "一 图.png", "b#?%.png", "dir/c.txt.png", "-"]);
    // Standard input is empty, which is refused; the rest is not held back by it.
    let run = run.ends(1);
    assert!(run.err.contains("-: "), "{}", run.err);
    let links = run.lines();
    assert_eq!(links.len(), 3);
    for (at, link) in links.iter().enumerate() {
        opens(link, &png(u8::try_from(at + 1).expect("small")));
    }
    let again = home.run(&["upload", "一 图.png"]).ends(0);
    assert_eq!(again.lines(), vec![links[0]], "the same bytes give the link they have");
}

#[test]
fn standard_input_is_uploaded_and_formats_are_as_asked() {
    let home = Home::new();
    let run = home.run_with(&["upload", "-", "--as", "markdown"], &png(4)).ends(0);
    let link = run.out.trim().strip_prefix("![").and_then(|rest| rest.split_once("](")).expect("Markdown").1;
    opens(link.trim_end_matches(')'), &png(4));
    home.write("shot@2x.png", &png(5));
    let html = home.run(&["upload", "shot@2x.png", "--as", "html"]).ends(0);
    assert!(html.out.contains("alt=\"shot\" width=\"2\" height=\"1\""), "{}", html.out);
}

#[test]
fn json_has_the_fields_that_scripts_rely_on() {
    let home = Home::new();
    home.write("a.png", &png(6));
    let all = home.run(&["upload", "a.png", "missing.png", "--json"]).ends(1).json();
    let [good, bad] = all.as_array().expect("an array").as_slice() else { panic!("two: {all}") };
    let mut fields: Vec<_> = good.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "bucket",
            "destination",
            "error",
            "expires_at",
            "file",
            "height",
            "id",
            "key",
            "ok",
            "reused",
            "sha256",
            "size",
            "text",
            "type",
            "url",
            "width"
        ]
    );
    assert_eq!(good["file"], "a.png");
    assert_eq!((good["ok"].as_bool(), good["error"].is_null(), good["reused"].as_bool()), (Some(true), true, Some(false)));
    assert_eq!((good["width"].as_u64(), good["height"].as_u64()), (Some(3), Some(2)));
    assert_eq!((good["type"].as_str(), good["bucket"].as_str()), (Some("image/png"), Some("images")));
    assert_eq!(good["size"].as_u64(), Some(png(6).len() as u64));
    let hash: String = Sha256::digest(png(6)).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(good["sha256"].as_str(), Some(hash.as_str()));
    opens(good["url"].as_str().expect("a link"), &png(6));

    assert_eq!((bad["file"].as_str(), bad["ok"].as_bool(), bad["url"].is_null()), (Some("missing.png"), Some(false), true));
    assert_eq!(bad["error"]["code"], "file_missing");
    assert!(bad["error"]["message"].as_str().expect("words").contains("missing.png"));
    let again = home.run(&["upload", "a.png", "--json"]).ends(0).json();
    assert_eq!(again[0]["reused"], true);
}

#[test]
fn a_folder_gives_its_images_and_names_what_is_none() {
    let home = Home::new();
    home.write("folder/a.png", &png(7));
    home.write("folder/b.png", &png(8));
    home.write("folder/notes.txt", b"not an image");
    let run = home.run(&["upload", "folder"]).ends(1);
    let links = run.lines();
    assert_eq!(links.len(), 2);
    opens(links[0], &png(7));
    opens(links[1], &png(8));
    assert!(run.err.contains("folder/notes.txt"), "{}", run.err);
}

#[test]
fn what_cannot_be_meant_is_refused_with_exit_code_two() {
    let home = Home::new();
    home.write("a.png", &png(9));
    for args in [
        &["upload"][..],
        &["upload", "a.png", "--as", "pdf"],
        &["upload", "a.png", "--to", "nowhere"],
        &["upload", "a.png", "--bucket", "No/Bucket"],
        &["settings", "set", "general.theme", "purple"],
        &["settings", "get", "general.colour"],
        &["destinations", "use", "nowhere"],
        &["link", "images"],
        &["frobnicate"],
        &[],
    ] {
        let run = home.run(args).ends(2);
        assert!(run.out.is_empty() && !run.err.trim().is_empty(), "{args:?}: {run:?}");
    }
}

#[test]
fn settings_are_set_and_read_back() {
    let home = Home::new();
    assert_eq!(home.run(&["settings", "get", "capture.clipboard"]).ends(0).out, "off\n");
    home.run(&["settings", "set", "capture.clipboard", "ask"]).ends(0);
    assert_eq!(home.run(&["settings", "get", "capture.clipboard"]).ends(0).out, "ask\n");
    home.run(&["settings", "set", "general.language", "zh-CN"]).ends(0);
    assert!(home.run(&["destinations", "list"]).ends(0).out.contains("本机"));
    assert!(home.run(&["upload", "没有.png"]).ends(1).err.contains("不"), "words follow the settings");
    let all = home.run(&["settings", "get"]).ends(0);
    assert!(all.out.contains("link.format = url"), "{}", all.out);
}

#[test]
fn a_broken_settings_file_is_told_and_left_alone() {
    let home = Home::new();
    let text = "version = 1\n[general\n";
    home.write("home/settings.toml", text.as_bytes());
    home.write("a.png", &png(10));
    for args in [&["upload", "a.png"][..], &["settings", "set", "general.theme", "dark"], &["destinations", "list"]] {
        let run = home.run(args).ends(1);
        assert!(run.err.contains("settings.toml") && run.err.contains("line 2"), "{}", run.err);
        assert!(run.out.is_empty());
    }
    assert_eq!(std::fs::read_to_string(home.path().join("settings.toml")).expect("there"), text);
}

#[test]
fn a_destination_is_added_without_its_secret_in_any_file_or_list() {
    let home = Home::new();
    let add = [
        "destinations",
        "add",
        "s3",
        "--name",
        "Team 1",
        "--endpoint",
        "http://127.0.0.1:9",
        "--access-key",
        "AKIA",
        "--bucket",
        "assets",
    ];
    let missing = home.run(&add).ends(2);
    assert!(missing.err.contains("--secret-key-stdin"), "{}", missing.err);
    let added = home.run_with(&[&add[..], &["--secret-key-stdin"]].concat(), b"hunter2\n").ends(0);
    assert!(added.err.contains("Team 1") && !added.err.contains("hunter2"));
    home.run_with(&[&add[..], &["--secret-key-stdin"]].concat(), b"hunter2\n").ends(2);

    home.run(&["destinations", "use", "team 1", "--folder", "docs"]).ends(0);
    let list = home.run(&["destinations", "list"]).ends(0);
    assert!(list.out.contains("* Team 1 / assets / docs"), "{}", list.out);
    home.run(&["destinations", "edit", "Team 1", "--rename", "Team 2", "--presign", "60"]).ends(0);
    let list = home.run(&["destinations", "list", "--json"]).ends(0).json();
    assert_eq!((list[1]["name"].as_str(), list[1]["link"]["seconds"].as_u64()), (Some("Team 2"), Some(60)));

    let test = home.run(&["destinations", "test", "Team 2"]).ends(1);
    assert!(test.err.contains("✗ address"), "{}", test.err);
    home.run(&["destinations", "remove", "Team 2"]).ends(0);
    home.run(&["destinations", "remove", "This computer"]).ends(2);
    no_secret(&home.path());
}

fn no_secret(dir: &Path) {
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        if entry.file_type().expect("a type").is_dir() {
            no_secret(&entry.path());
        } else {
            let bytes = std::fs::read(entry.path()).expect("a file");
            assert!(!bytes.windows(7).any(|window| window == b"hunter2"), "{}", entry.path().display());
        }
    }
}

#[test]
fn an_upload_that_cannot_reach_its_store_is_kept_and_said() {
    let home = Home::new();
    home.write("a.png", &png(11));
    let add = [
        "destinations",
        "add",
        "s3",
        "--name",
        "Gone",
        "--endpoint",
        "http://127.0.0.1:9",
        "--access-key",
        "AKIA",
        "--bucket",
        "assets",
        "--secret-key-stdin",
    ];
    home.run_with(&add, b"hunter2").ends(0);
    let run = home.run(&["upload", "a.png", "--to", "gone", "--json"]).ends(1);
    assert_eq!((run.json()[0]["ok"].as_bool(), run.json()[0]["error"]["code"].as_str()), (Some(false), Some("unreachable")));
    assert!(run.err.contains("a.png: ") && run.err.contains("kept"), "{}", run.err);
    let history = home.run(&["history", "--json"]).ends(0).json();
    assert_eq!(history[0]["stage"], "waiting", "kept: {history}");
}

#[test]
fn objects_are_listed_linked_told_and_deleted() {
    let home = Home::new();
    home.write("a.png", &png(12));
    let up = home.run(&["upload", "a.png", "--folder", "docs/img", "--json"]).ends(0).json();
    let key = up[0]["key"].as_str().expect("a key");
    let place = format!("This computer:images/{key}");
    assert!(home.run(&["ls"]).ends(0).out.contains("images/"));
    assert_eq!(home.run(&["ls", "images"]).ends(0).out, "docs/\n");
    assert!(home.run(&["ls", "this-computer:images/docs/img"]).ends(0).out.contains(key));
    let link = home.run(&["link", &place]).ends(0);
    opens(link.out.trim(), &png(12));
    let stat = home.run(&["stat", &place, "--json"]).ends(0).json();
    assert_eq!((stat[0]["type"].as_str(), stat[0]["sha256"].as_str()), (Some("image/png"), up[0]["sha256"].as_str()));
    home.run(&["rm", &place]).ends(0);
    assert!(home.run(&["rm", &place]).ends(1).err.contains("not there"));
    home.run(&["link", &place]).ends(1);
}

#[test]
fn this_computers_bucket_is_served_until_it_is_stopped() {
    let home = Home::new();
    home.write("a.png", &png(13));
    home.run(&["bucket", "status"]).ends(1);
    let up = home.run(&["upload", "a.png"]).ends(0);
    assert!(up.err.contains("in the background") && up.err.contains("this computer only"), "{}", up.err);
    let url = up.out.trim().to_owned();
    let port = home.run(&["bucket", "status", "--json"]).ends(0).json()["port"].as_u64().expect("a port");
    assert!(url.contains(&format!("127.0.0.1:{port}/")), "{url}");
    home.run(&["bucket", "stop"]).ends(0);
    home.run(&["bucket", "status"]).ends(1);
    let again = home.run(&["upload", "a.png"]).ends(0);
    assert_eq!(again.out.trim(), url, "the port stays, so the link does");
    opens(&url, &png(13));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::new();
    let mut child =
        home.command(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(home.run(&["completions", "zsh"]).ends(0).out.contains("imagepic"));
}

#[test]
fn without_a_desktop_the_clipboard_is_refused_in_words() {
    let home = Home::new();
    let run = home.run(&["upload", "--clipboard", "--json"]).ends(1);
    assert_eq!(run.json()[0]["error"]["code"], "clipboard_unavailable");
    home.write("a.png", &png(57));
    let copy = home.run(&["upload", "a.png", "--copy"]).ends(1);
    opens(copy.lines()[0], &png(57));
    let chinese = home.command(&["upload", "--clipboard"]).env("LANG", "zh_CN.UTF-8").output().expect("the program starts");
    let chinese = Run::of(chinese).ends(1).err;
    assert!(chinese.contains("这里没有桌面") && !chinese.contains("neither"), "{chinese}");
    assert!(copy.err.contains("Nothing was copied") && !copy.err.contains("as a file"), "{}", copy.err);
    assert!(home.run(&["doctor"]).out.contains("imagepic "));
}

#[test]
fn what_keeps_the_bucket_in_the_background_from_serving_is_told_as_it_is() {
    let home = Home::new();
    home.write("a.png", &png(14));
    home.write("b.png", &png(15));
    let up = home.run(&["upload", "a.png", "--json"]).ends(0);
    let url = up.json()[0]["url"].as_str().expect("a link").to_owned();
    home.run(&["bucket", "stop"]).ends(0);
    let address = url.trim_start_matches("http://").split('/').next().expect("an address").to_owned();
    let taken = std::net::TcpListener::bind(&address).expect("the port is free again");
    let run = home.run(&["upload", "b.png", "--json"]).ends(1);
    assert_eq!(run.json()[0]["error"]["code"], "bucket_port_taken", "{run:?}");
    drop(taken);
}
