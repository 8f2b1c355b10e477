//! What a call that was killed leaves in the spool.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::*;

/// Longer than anything takes that goes well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A call that ends with SIGKILL, however the test ends.
struct Call(Child);

impl Call {
    fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A store that takes what is sent to it and never answers.
fn silent_store(home: &Home) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
            });
        }
    });
    let add = ["destinations", "add", "s3", "--name", "silent", "--access-key", "K", "--bucket", "assets", "--secret-key-stdin"];
    home.run_with(&[&add[..], &["--endpoint", &endpoint]].concat(), b"s").ends(0);
}

/// A call that is in the middle of its upload, and what it has put into the spool and its row names: without a row it would be swept once
/// the call is gone.
fn under_way(home: &Home, file: &str) -> (Call, PathBuf) {
    let mut command = home.command(&["upload", file, "--to", "silent"]);
    let call = Call(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"));
    let begin = Instant::now();
    loop {
        let spool = std::fs::read_dir(home.path().join("spool")).into_iter().flatten().flatten().map(|entry| entry.path());
        let mine = |path: &PathBuf| name(path).starts_with(&format!("{}_", call.id())) && !name(path).ends_with(".part");
        if let Some(kept) = spool.into_iter().find(mine)
            && named(home).iter().any(|spool| spool == name(&kept))
        {
            return (call, kept);
        }
        assert!(begin.elapsed() < PATIENCE, "nothing came into the spool, or no row names it");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn name(path: &std::path::Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The rows of the journal that name a file of the spool.
fn named(home: &Home) -> Vec<String> {
    let journal = rusqlite::Connection::open(home.path().join("journal.sqlite")).expect("a journal");
    journal.busy_timeout(PATIENCE).expect("patience");
    let mut rows = journal.prepare("SELECT spool FROM uploads WHERE spool IS NOT NULL").expect("a query");
    rows.query_map([], |row| row.get(0)).expect("rows").map(|name| name.expect("a name")).collect()
}

#[cfg(unix)]
#[test]
fn what_a_killed_call_left_half_written_is_swept_by_the_next_one_and_nothing_that_is_needed() {
    let home = Home::new();
    silent_store(&home);
    home.write("a.png", &png(85));
    home.write("b.png", &png(86));
    let (killed, kept) = under_way(&home, "a.png");
    let of_killed = killed.id();
    drop(killed);
    // Where the kill met it in the middle of a file, or before its row was written.
    let spool = home.path().join("spool");
    let left = |pid: u32, what: &str| {
        let path = spool.join(format!("{pid}_{what}"));
        std::fs::write(&path, b"half").expect("written");
        path
    };
    let swept = [left(of_killed, "0123.part"), left(of_killed, "4567")];
    let (living, of_living) = under_way(&home, "b.png");
    let stay = [left(living.id(), "0123.part"), left(living.id(), "4567"), kept, of_living];
    home.run(&["history"]).ends(0);
    for path in &swept {
        assert!(!path.exists(), "{} is nobody's", path.display());
    }
    for path in &stay {
        assert!(path.exists(), "{} is needed", path.display());
    }
    let of_both = [of_killed, living.id()];
    drop(living);
    home.run(&["history"]).ends(0);
    assert!(!stay[0].exists() && !stay[1].exists() && stay[2].exists() && stay[3].exists(), "once it is gone too");
    let run: Vec<_> = std::fs::read_dir(home.path().join("run")).expect("a folder").flatten().map(|entry| entry.path()).collect();
    for pid in of_both {
        assert!(!run.iter().any(|path| name(path) == pid.to_string()), "{run:?}");
    }
}

#[cfg(unix)]
#[test]
fn what_only_the_memory_of_a_killed_call_held_fails_with_its_reason_and_waits_for_nobody() {
    let home = Home::new();
    silent_store(&home);
    home.write("a.png", &png(88));
    let (killed, kept) = under_way(&home, "a.png");
    drop(killed);
    // Where the kill met it a moment earlier, and it was given through a pipe: the row is written, and the bytes are not.
    let journal = rusqlite::Connection::open(home.path().join("journal.sqlite")).expect("a journal");
    journal.busy_timeout(PATIENCE).expect("patience");
    journal.execute("UPDATE uploads SET spool = NULL, reference = NULL", []).expect("written");
    std::fs::remove_file(kept).expect("removed");
    let seen = home.run(&["history", "--json"]).ends(0).json();
    assert_eq!((seen[0]["stage"].as_str(), seen[0]["code"].as_str()), (Some("failed"), Some("file_missing")), "{seen}");
    let told = seen[0]["message"].as_str().expect("a reason");
    assert!(told.contains("a.png is gone from this computer") && told.contains("Add the file again"), "{seen}");
}
