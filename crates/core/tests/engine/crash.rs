//! Killed at random moments: nothing that was taken in is lost, and nothing is in the bucket twice.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use imagepic_core::engine::{Engine, Role};
use imagepic_core::event::Stage;
use rand::Rng as _;
use sha2::Digest as _;

use crate::support::*;

const FILES: u64 = 12;

fn rounds() -> u64 {
    std::env::var("IMAGEPIC_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(15)
}

pub(crate) fn headless() -> PathBuf {
    let mut path = std::env::current_exe().expect("this test has a path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join("examples").join(format!("headless{}", std::env::consts::EXE_SUFFIX))
}

pub(crate) fn start(place: &Place) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(headless())
        .env("IMAGEPIC_HOME", place.home.data())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the headless engine starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("\"ready\"") {
        line.clear();
        assert!(lines.read_line(&mut line).expect("a line") > 0, "the headless engine ended");
    }
    (child, lines)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(bytes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_everything_taken_is_in_the_bucket_exactly_once() {
    let (place, remote) = (Place::new(), Remote::start().await);
    place.with(&remote).await.close().await;
    let mut taken = HashSet::new();
    let mut given = HashSet::new();
    for round in 0..rounds() {
        let files: Vec<PathBuf> = (0..FILES)
            .map(|n| {
                let bytes = image(round * 1000 + n, if n % 4 == 0 { 300_000 } else { 9_000 });
                given.insert(sha256(&bytes));
                place.file(&format!("r{round}/{n}.png"), &bytes)
            })
            .collect();
        // From the first taken on, anything between nothing and everything is done: half of the rounds end while the first are on
        // their way, and in the other half a slow machine comes further too.
        let longest = if round % 2 == 0 { 60_000 } else { 600_000 };
        let patience = Duration::from_micros(rand::rng().random_range(0..longest));
        let place_ref = &place;
        let heard = tokio::task::block_in_place(|| {
            let (mut child, mut lines) = start(place_ref);
            let mut input = child.stdin.take().expect("piped");
            let feeder = std::thread::spawn(move || {
                for files in files.chunks(3) {
                    let names: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
                    if writeln!(input, "{}", names.join("\t")).is_err() {
                        break;
                    }
                }
                // Standard input stays open, so that the engine does not end by itself.
                input
            });
            let killer = std::thread::spawn(move || {
                std::thread::sleep(patience);
                let _ = child.kill();
                let _ = child.wait();
            });
            let mut heard = Vec::new();
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap_or(0) > 0 {
                if line.contains("\"taken\"") && line.ends_with('\n') {
                    heard.push(line.clone());
                }
                line.clear();
            }
            killer.join().expect("no panic");
            drop(feeder.join().expect("no panic"));
            heard
        });
        for line in heard {
            let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            for path in value["taken"].as_str().expect("paths").split('\t') {
                taken.insert(sha256(&std::fs::read(path).expect("a file")));
            }
        }
    }
    let engine: Engine = place.open(Role::Desktop).await;
    let ids: Vec<i64> = engine.snapshot().open.iter().map(|upload| upload.id).collect();
    for id in ids {
        stage(&engine, id, Stage::Done).await;
    }
    let copies = remote.copies().await;
    for hash in &taken {
        assert_eq!(copies.get(hash), Some(&1), "{hash} was taken");
    }
    for (hash, count) in &copies {
        assert!(given.contains(hash), "{hash} is nothing that was given");
        assert_eq!(*count, 1, "{hash} is there twice");
    }
    assert!(!taken.is_empty(), "no round came as far as taking anything in");
    engine.close().await;
    let left: Vec<_> = std::fs::read_dir(place.home.spool()).expect("a spool").flatten().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "half a file stayed in the spool: {left:?}");
}
