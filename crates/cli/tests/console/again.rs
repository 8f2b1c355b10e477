//! Uploads that wait, failed or are over: told, stopped, tried again.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::*;

/// A destination at an address where nobody listens.
fn gone(home: &Home, name: &str) {
    let add = ["destinations", "add", "s3", "--name", name, "--endpoint", "http://127.0.0.1:9", "--access-key", "AKIA"];
    home.run_with(&[&add[..], &["--bucket", "images", "--secret-key-stdin"]].concat(), b"hunter2").ends(0);
}

#[test]
fn a_destination_whose_uploads_wait_can_be_removed_once_they_are_cancelled_by_the_numbers_shown() {
    let home = Home::new();
    home.write("a.png", &png(31));
    home.write("b.png", &png(32));
    gone(&home, "Gone");
    let run = home.run(&["upload", "a.png", "b.png", "--to", "gone"]).ends(1);
    let ids: Vec<i64> = home
        .run(&["history", "--json"])
        .ends(0)
        .json()
        .as_array()
        .expect("all")
        .iter()
        .filter_map(|one| one["id"].as_i64())
        .collect();
    assert!(run.err.contains(&format!("imagepic retry {}", ids[1])), "{}", run.err);
    let refused = home.run(&["destinations", "remove", "Gone"]).ends(2);
    assert!(refused.err.contains("imagepic cancel --all --to Gone"), "{}", refused.err);
    let shown = home.run(&["history"]).ends(0).out;
    assert!(shown.contains(&format!("… {}", ids[0])) && shown.contains("waiting"), "{shown}");
    assert!(home.run(&["cancel", &ids[0].to_string()]).ends(0).err.contains("Stopped"));
    assert!(home.run(&["cancel", &ids[0].to_string()]).ends(1).err.contains("over already"));
    home.run(&["cancel", "4711"]).ends(1);
    assert!(home.run(&["cancel", "--all", "--to", "Gone"]).ends(0).err.contains("Stopped"));
    assert!(home.run(&["cancel", "--all"]).ends(0).err.contains("Nothing"));
    home.run(&["destinations", "remove", "Gone"]).ends(0);
    home.run(&["cancel"]).ends(2);
    home.run(&["cancel", "1", "--all"]).ends(2);
}

#[test]
fn what_waited_is_tried_again_and_gives_its_link() {
    let home = Home::new();
    home.write("a.png", &png(33));
    gone(&home, "Here after all");
    home.run(&["upload", "a.png", "--to", "here after all"]).ends(1);
    assert!(home.run(&["retry", "--all"]).ends(1).err.contains("127.0.0.1"), "still not there, and said so");

    home.write("b.png", &png(34));
    let up = home.run(&["upload", "b.png", "--json"]).ends(0).json();
    let id = up[0]["id"].as_i64().expect("a number").to_string();
    assert!(home.run(&["retry", &id]).ends(1).err.contains("done"), "what is done is not sent twice");

    comes_back(&home, "Here after all", "http://127.0.0.1:9");
    let again = home.run(&["retry", "--all", "--as", "markdown"]).ends(0);
    assert!(again.out.starts_with("![") && again.lines().len() == 1, "{again:?}");
    assert!(home.run(&["retry", "--all"]).ends(0).err.contains("Nothing"));
}

/// This computer's own bucket stands in for the store that has come back.
fn comes_back(home: &Home, name: &str, address: &str) {
    home.run(&["ls", "This computer:images"]).ends(0);
    let settings = home.path().join("settings.toml");
    let status = home.run(&["bucket", "status", "--json"]).ends(0).json();
    let keys = std::fs::read_to_string(home.path().join("bucket/key")).expect("keys");
    let keys: serde_json::Value = serde_json::from_str(&keys).expect("JSON");
    let field = |name: &str| keys[name].as_str().expect("text").to_owned();
    let (access, secret) = (field("access_key"), field("secret_key"));
    let text = std::fs::read_to_string(&settings).expect("settings");
    let text = text.replace(address, status["address"].as_str().expect("an address")).replace("AKIA", &access);
    std::fs::write(&settings, text.replace("path_style = false", "path_style = true")).expect("written");
    home.run_with(&["destinations", "edit", name, "--path-style", "--secret-key-stdin"], secret.as_bytes()).ends(0);
}

#[test]
fn what_a_stopped_or_killed_call_left_goes_on_from_the_console() {
    let home = Home::new();
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = format!("http://{}", silent.local_addr().expect("bound"));
    let add = ["destinations", "add", "s3", "--name", "Slow", "--endpoint", &address, "--access-key", "AKIA"];
    home.run_with(&[&add[..], &["--bucket", "images", "--secret-key-stdin"]].concat(), b"hunter2").ends(0);
    let mut given = Vec::new();
    for (signal, code) in [("INT", Some(130)), ("KILL", None)] {
        let files: Vec<String> = ["a", "b"].iter().map(|name| format!("{name}{signal}.png")).collect();
        for file in &files {
            let bytes = png(60 + u8::try_from(given.len()).expect("small"));
            home.write(file, &bytes);
            given.push(bytes);
        }
        let mut command = home.command(&["upload", &files[0], &files[1], "--to", "slow"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        // Bytes that wait for a store are on the disk soon; what is killed before was not taken yet.
        let start = Instant::now();
        while std::fs::read_dir(home.path().join("spool")).map_or(0, Iterator::count) < given.len() {
            assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().expect("ours").is_none(), "nothing is spooled");
            std::thread::sleep(Duration::from_millis(20));
        }
        while !queued(&home, given.len()) {
            assert!(start.elapsed() < Duration::from_secs(60), "the spool is not in the journal");
            std::thread::sleep(Duration::from_millis(20));
        }
        if code.is_some() {
            let busy = home.run(&["retry", "1"]).ends(1);
            assert!(busy.err.contains("on its way"), "somebody sends it: {}", busy.err);
            assert!(!home.run(&["history"]).ends(0).err.contains("nobody sends"));
            assert!(home.run(&["retry", "--all"]).ends(0).err.contains("Nothing"));
        }
        let killed = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status().expect("a shell");
        assert!(killed.success());
        let run = Run::of(child.wait_with_output().expect("it ends"));
        assert_eq!(run.code, code, "{run:?}");
        let told = home.run(&["history"]).ends(0).err;
        assert!(told.contains("nobody sends") && told.contains("imagepic retry --all"), "{told}");
        assert!(code.is_none() || run.err.contains("imagepic retry --all"), "{}", run.err);
    }
    comes_back(&home, "Slow", &address);
    let one = home.run(&["retry", "2"]).ends(0);
    let mut links: Vec<String> = one.lines().into_iter().map(str::to_owned).collect();
    let rest = home.run(&["retry", "--all", "--to", "slow"]).ends(0);
    links.extend(rest.lines().into_iter().map(str::to_owned));
    assert_eq!(links.len(), 4, "{rest:?}");
    for (link, at) in links.iter().zip([1, 0, 2, 3]) {
        opens(link, &given[at]);
    }
    assert!(home.run(&["retry", "--all"]).ends(0).err.contains("Nothing"));
}

/// Whether so many uploads are in the journal with their bytes on the disk.
fn queued(home: &Home, count: usize) -> bool {
    let Ok(journal) = rusqlite::Connection::open(home.path().join("journal.sqlite")) else { return false };
    let spooled = "SELECT count(*) FROM uploads WHERE state = 'queued' AND spool IS NOT NULL";
    journal.query_row(spooled, [], |row| row.get::<_, i64>(0)).is_ok_and(|found| usize::try_from(found) == Ok(count))
}

#[test]
fn the_history_has_links_made_anew_and_times_that_programs_read() {
    let home = Home::new();
    home.write("a.png", &png(35));
    assert!(home.run(&["history"]).ends(0).err.contains("Nothing"));
    let up = home.run(&["upload", "a.png", "--json"]).ends(0).json();
    let all = home.run(&["history", "--json"]).ends(0).json();
    let one = &all[0];
    assert_eq!((&one["url"], &one["id"]), (&up[0]["url"], &up[0]["id"]));
    assert!(one["expires_at"].is_null(), "a public link does not end: {one}");
    for field in ["taken_at", "done_at"] {
        let time = one[field].as_str().expect(field);
        assert!(time.len() == 20 && time.ends_with('Z') && time.contains('T'), "{time}");
    }
    let shown = home.run(&["history"]).ends(0);
    assert!(shown.out.contains(up[0]["url"].as_str().expect("a link")), "{}", shown.out);
    assert!(home.run(&["history", "--search", "nothing like it"]).ends(0).err.contains("nothing like it"));
    home.run(&["bucket", "stop"]).ends(0);
    let stopped = home.run(&["history"]).ends(0);
    assert!(!stopped.out.contains("http://") && stopped.err.contains("nobody serves"), "{stopped:?}");
    home.run(&["bucket", "status"]).ends(1);
}

/// Somebody else's row for the very bytes, who holds a lock in `run/` and does nothing.
#[test]
fn an_upload_behind_a_paused_tray_app_says_so_instead_of_waiting_in_silence() {
    let home = Home::new();
    home.write("a.png", &png(36));
    home.write("b.png", &png(37));
    home.run(&["upload", "b.png"]).ends(0);
    gone(&home, "Gone");
    home.run(&["upload", "a.png", "--to", "Gone"]).ends(1);
    let run = home.path().join("run");
    let lock = File::create(run.join("999999")).expect("a claim");
    lock.lock().expect("locked");
    let journal = rusqlite::Connection::open(home.path().join("journal.sqlite")).expect("the journal");
    let own = "UPDATE uploads SET state = 'queued', owner = '999999', destination = 'this-computer', bucket = 'images' WHERE state = 'waiting'";
    assert_eq!(journal.execute(own, []).expect("written"), 1);
    std::fs::write(run.join("paused"), "999999").expect("a pause");
    // Not a terminal: it does not sit and wait for a person who has left.
    let waits =
        home.command(&["upload", "a.png", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let waits = Run::of(waits.wait_with_output().expect("it ends")).ends(1);
    assert_eq!(waits.json()[0]["error"]["code"], "queued_elsewhere", "{waits:?}");
    assert!(waits.err.contains("paused"), "{}", waits.err);
    // Once that process has ended nobody waits for it.
    drop(lock);
    home.run(&["upload", "a.png"]).ends(0);
}
