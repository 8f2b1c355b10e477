//! Uploads that are at their place and have no link all the same.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::*;

/// A team server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// This home signed in at a server of its own, and a destination there whose links are to be public, though nobody has said where.
fn without_a_public_address(home: &Home) -> Server {
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let server = Server(child);
    let url = line.trim().rsplit(' ').next().expect("an address").to_owned();
    let register = ["register", "--server", &url, "--phone", "13800138000", "--email", "a@example.com", "--password-stdin"];
    home.run_with(&register, b"abc12345\n").ends(0);
    let add = ["destinations", "add", "team", "--name", "the team", "--server", &url, "--phone", "13800138000"];
    home.run(&[&add[..], &["--bucket", "images", "--public-base", ""]].concat()).ends(0);
    server
}

#[test]
fn what_is_stored_without_a_link_is_said_to_be_stored_with_the_reason_and_the_way_out() {
    let home = Home::new();
    let _server = without_a_public_address(&home);
    home.write("a.png", &png(91));
    let run = home.run(&["upload", "a.png", "--to", "the team", "--folder", "docs"]).ends(1);
    assert!(run.out.is_empty(), "{run:?}");
    for says in ["a.png: It is stored as images/docs/a-", "but has no link", "no public address", "uploaded again"] {
        assert!(run.err.contains(says), "{says}: {}", run.err);
    }
    let json = home.run(&["upload", "a.png", "--to", "the team", "--folder", "docs", "--json"]).ends(1);
    let one = &json.json()[0];
    assert_eq!((one["ok"].as_bool(), one["stored"].as_bool(), one["url"].is_null()), (Some(false), Some(true), true), "{one}");
    assert_eq!((one["bucket"].as_str(), one["error"]["code"].as_str()), (Some("images"), Some("unsupported")), "{one}");
    assert!(one["error"]["message"].as_str().is_some_and(|message| message.contains("stored as images/docs/a-")), "{one}");
    let key = one["key"].as_str().expect("a key").to_owned();
    home.run(&["stat", &format!("the team:images/{key}")]).ends(0);
    // What it says to do does it.
    let said = |err: &str, begins: &str| {
        let line = err.lines().find_map(|line| line.split_once(begins)).expect("the command is told").1.to_owned();
        line.split('\'').nth(1).expect("quoted for a shell").to_owned()
    };
    assert_eq!(said(&run.err, "imagepic link "), format!("the team:images/{key}"));
    let named = said(&run.err, "imagepic destinations edit ");
    let link = home.run(&["link", &format!("the team:images/{key}")]).ends(1);
    assert!(link.err.contains("imagepic destinations edit"), "{}", link.err);
    // The test of the destination finds it out too.
    let test = home.run(&["destinations", "test", "the team", "--json"]).ends(1);
    assert!(test.json()["code"] == "unsupported" && test.err.contains("imagepic destinations edit 'the team'"), "{test:?}");
    home.run(&["destinations", "edit", &named, "--presign", "604800"]).ends(0);
    home.run(&["destinations", "test", "the team"]).ends(0);
    let link = home.run(&["link", &format!("the team:images/{key}")]).ends(0);
    opens(link.out.trim(), &png(91));
    assert!(!home.run(&["upload", "a.png", "--to", "the team", "--folder", "docs", "--json"]).ends(0).out.contains("stored"));
}

#[test]
fn a_failed_upload_is_not_said_to_be_stored() {
    let home = Home::new();
    let one = home.run(&["upload", "gone.png", "--json"]).ends(1).json();
    assert!(one[0]["stored"].is_null() && one[0]["ok"] == false, "{one}");
}
