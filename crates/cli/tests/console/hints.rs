//! What somebody types who knows other programs, and what is said to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Sender, channel};

use crate::support::*;

#[test]
fn help_is_a_command_too() {
    let home = Home::new();
    let all = home.run(&["help"]).ends(0);
    assert_eq!(all.out, home.run(&["--help"]).ends(0).out);
    assert_eq!(home.run(&["help", "upload"]).ends(0).out, home.run(&["upload", "--help"]).ends(0).out);
    assert_eq!(home.run(&["help", "watch", "add"]).ends(0).out, home.run(&["watch", "add", "--help"]).ends(0).out);
    home.run(&["help", "frobnicate"]).ends(2);
}

#[test]
fn who_says_delete_is_told_of_rm_in_either_language() {
    let home = Home::new();
    assert!(home.run(&["delete", "images/a.png"]).ends(2).err.contains("Did you mean imagepic rm?"));
    home.run(&["settings", "set", "general.language", "zh-CN"]).ends(0);
    let told = home.run(&["remove", "images/a.png"]).ends(2);
    assert!(told.err.contains("是否想用 imagepic rm？") && !told.err.contains("serve"), "{}", told.err);
}

#[test]
fn rm_takes_several_and_says_why_a_pattern_or_a_folder_is_not_removed() {
    let home = Home::new();
    let mut keys = Vec::new();
    for seed in [1, 2, 3] {
        home.write(&format!("{seed}.png"), &png(seed));
        let up = home.run(&["upload", &format!("{seed}.png"), "--folder", "docs", "--json"]).ends(0).json();
        keys.push(format!("images/{}", up[0]["key"].as_str().expect("a key")));
    }
    let pattern = home.run(&["rm", "images/docs/*.png"]).ends(1);
    assert!(
        pattern.err.contains("Patterns are not expanded") && pattern.err.contains("imagepic ls images/docs/"),
        "{}",
        pattern.err
    );
    for folder in ["images/docs", "images/docs/"] {
        let told = home.run(&["rm", folder]).ends(1);
        assert!(told.err.contains("is a folder") && told.err.contains("imagepic ls images/docs/"), "{}", told.err);
    }
    let gone = home.run(&["rm", &keys[0], "images/docs/none.png", &keys[1]]).ends(1);
    assert!(gone.err.contains("images/docs/none.png is not there"), "{}", gone.err);
    let left = home.run(&["ls", "images/docs"]).ends(0);
    assert_eq!(left.lines().len(), 1, "{left:?}");
    // What is removed leaves the history: its link would be dead.
    assert_eq!(home.run(&["history", "--json"]).ends(0).json().as_array().map(Vec::len), Some(1));
    // A key may hold a star.
    home.write("odd*.png", &png(4));
    home.run(&["settings", "set", "destinations.this-computer.file_name", "{stem}.{ext}"]).ends(0);
    home.run(&["upload", "odd*.png"]).ends(0);
    home.run(&["rm", "images/odd*.png"]).ends(0);
}

#[test]
fn a_tilde_in_quotes_is_told_as_the_reason() {
    let home = Home::new();
    let whole = format!("{}/a.png", home.dir.path().display());
    let told = home.run(&["upload", "~/a.png"]).ends(1);
    assert!(told.err.contains("did not replace the ~") && told.err.contains(&whole), "{}", told.err);
    assert!(home.run(&["watch", "add", "~/shots"]).ends(1).err.contains("did not replace the ~"));
    assert!(!home.run(&["upload", "a.png"]).ends(1).err.contains('~'));
    // A folder may be called so.
    home.write("~/b.png", &png(5));
    home.run(&["upload", "~/b.png"]).ends(0);
}

#[test]
fn a_setting_that_is_refused_is_named_and_all_of_it_is_in_one_language() {
    let home = Home::new();
    let told = home.run(&["settings", "set", "link.fromat", "url"]).ends(2);
    assert!(told.err.contains("link.format") && !told.err.contains("shortcuts."), "{}", told.err);
    assert!(home.run(&["settings", "get", "nope"]).ends(2).err.contains("destinations.NAME.folder"));
    let folder = home.run(&["settings", "set", "destinations.this-computer.folder", "../x"]).ends(2);
    assert!(folder.err.contains("destinations.this-computer.folder: "), "{}", folder.err);
    home.run(&["settings", "set", "general.language", "zh-CN"]).ends(0);
    for (key, value) in
        [("destinations.this-computer.presign", "0"), ("general.proxy", "x"), ("destinations.this-computer.max_width", "0")]
    {
        let told = home.run(&["settings", "set", key, value]).ends(2);
        assert!(told.err.contains(key) && !told.err.contains("whole number") && !told.err.contains("such as"), "{}", told.err);
    }
}

/// This home's bucket as a store like any other, and a bucket in it that nobody may read without a signature.
fn private_store(home: &Home) {
    home.write("a.png", &png(6));
    home.run(&["upload", "a.png"]).ends(0);
    let status = home.run(&["bucket", "status", "--json"]).ends(0).json();
    let keys = std::fs::read(home.path().join("bucket/key")).expect("keys");
    let keys: serde_json::Value = serde_json::from_slice(&keys).expect("keys");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let (endpoint, access, secret) = (text(&status["address"]), text(&keys["access_key"]), text(&keys["secret_key"]));
    let add = ["destinations", "add", "s3", "--name", "store", "--bucket", "quiet", "--public-base", "", "--secret-key-stdin"];
    home.run_with(&[&add[..], &["--endpoint", &endpoint, "--access-key", &access]].concat(), secret.as_bytes()).ends(0);
}

#[test]
fn a_bucket_at_an_ip_address_stands_in_the_path_without_being_asked_for() {
    let home = Home::new();
    private_store(&home);
    let list = home.run(&["destinations", "list", "--json"]).ends(0).json();
    let store = list.as_array().expect("all").iter().find(|one| one["name"] == "store").expect("it was added");
    assert_eq!(store["path_style"], true, "{store}");
    let refused = home.run(&["destinations", "edit", "store", "--host-style"]).ends(2);
    assert!(refused.err.contains("IP address"), "{}", refused.err);
    assert!(home.run(&["destinations", "add", "s3", "--help"]).ends(0).out.contains("localhost"));
}

#[test]
fn a_public_link_that_opens_for_nobody_is_told_however_quiet_and_the_way_out_works() {
    let home = Home::new();
    private_store(&home);
    let up = home.run(&["upload", "a.png", "--to", "store", "--bucket", "quiet", "--create", "-q"]).ends(0);
    assert!(up.err.contains("does not open for others: quiet") && up.err.contains("--presign"), "{}", up.err);
    let key = up.lines()[0].rsplit_once("/quiet/").expect("a link").1.to_owned();
    let link = home.run(&["link", &format!("store:quiet/{key}")]).ends(0);
    assert!(link.err.contains("does not open for others"), "{}", link.err);
    home.run(&["destinations", "edit", "store", "--presign", "604800"]).ends(0);
    let link = home.run(&["link", &format!("store:quiet/{key}")]).ends(0);
    assert!(link.err.is_empty(), "{}", link.err);
    opens(link.lines()[0], &png(6));
}

/// Where public links of "store" lead from here on. A reader is refused there, but not before somebody says so.
fn slow_readers(home: &Home) -> (String, Sender<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let (answers, wait) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            if wait.recv().is_err() {
                return;
            }
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    home.run(&["destinations", "edit", "store", "--public-base", &base]).ends(0);
    (base, answers)
}

/// An upload, and the link it has printed.
fn printed(home: &Home) -> (Child, BufReader<ChildStdout>, String) {
    let mut command = home.command(&["upload", "a.png", "--to", "store", "--bucket", "quiet", "--create"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut link = String::new();
    out.read_line(&mut link).expect("a line");
    (child, out, link)
}

#[test]
fn a_link_is_printed_before_it_is_known_whether_it_opens() {
    let home = Home::new();
    private_store(&home);
    let (base, answers) = slow_readers(&home);
    let (child, _out, link) = printed(&home);
    assert!(link.starts_with(&base), "{link}");
    answers.send(()).expect("somebody listens");
    let run = Run::of(child.wait_with_output().expect("it ends")).ends(0);
    assert!(run.err.contains("does not open for others"), "{}", run.err);
}

#[test]
fn nobody_has_to_wait_until_it_is_known_whether_a_link_opens() {
    let home = Home::new();
    private_store(&home);
    let (base, _answers) = slow_readers(&home);
    let (child, _out, link) = printed(&home);
    assert!(link.starts_with(&base), "{link}");
    let interrupt = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().expect("a shell");
    assert!(interrupt.success());
    let run = Run::of(child.wait_with_output().expect("it ends")).ends(130);
    assert!(!run.err.contains("does not open") && !run.err.contains("Stopped"), "nothing is left to be done: {}", run.err);
}
