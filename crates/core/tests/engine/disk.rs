//! A disk that is really full: a small tmpfs in a mount namespace of its own.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use crate::crash::{headless, sha256};
use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_what_does_not_fit_and_loses_nothing_that_was_taken() {
    let (place, remote) = (Place::new(), Remote::start().await);
    place.with(&remote).await.close().await;
    let mount = place.dir.path().join("small");
    std::fs::create_dir(&mount).expect("a folder");
    let files: Vec<_> = (0..12).map(|n| place.file(&format!("{n}.png"), &image(n, 700_000))).collect();
    remote.set(Line::Dead);

    let mut unshare = Command::new("unshare");
    // Without root's rights a user namespace gives them, where the system allows it.
    unshare.arg(if std::fs::metadata("/proc/self").is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0) {
        "-m"
    } else {
        "-rm"
    });
    let script = r#"mount -t tmpfs -o size=5m tmpfs "$1" && cp -a "$2"/. "$1"/ && IMAGEPIC_HOME="$1" exec "$3""#;
    unshare.args(["sh", "-c", script, "sh"]).arg(&mount).arg(place.home.data()).arg(headless());
    let mut child = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare starts");
    let mut input = child.stdin.take().expect("piped");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));

    let (taken, refused, closed) = tokio::task::block_in_place(|| {
        let (mut taken, mut refused, mut closed) = (Vec::new(), 0, false);
        let mut line = String::new();
        let mut next = |wanted: &str| loop {
            line.clear();
            if lines.read_line(&mut line).expect("a line") == 0 {
                return None;
            }
            let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            if value.get(wanted).is_some() || value.get("error").is_some() {
                return Some(value);
            }
        };
        next("ready").expect("it starts");
        for file in &files {
            writeln!(input, "{}", file.display()).expect("it lives");
            let said = next("taken").expect("it lives");
            match said["refused"][0]["code"].as_str().or(said["error"].as_str()) {
                Some(code) => {
                    assert_eq!(code, "disk_full", "{said}");
                    refused += 1;
                }
                None => taken.push(sha256(&std::fs::read(file).expect("a file"))),
            }
        }
        remote.set(Line::Open);
        drop(input);
        closed |= next("closed").is_some();
        (taken, refused, closed)
    });
    assert!(child.wait().expect("it ends").success() && closed, "a full disk ended the engine");
    assert!(!taken.is_empty() && refused > 0, "{} taken, {refused} refused: the disk had the wrong size", taken.len());
    let copies = remote.copies().await;
    assert_eq!(copies.len(), taken.len(), "what was refused is not there");
    assert!(taken.iter().all(|hash| copies.get(hash) == Some(&1)));
}
