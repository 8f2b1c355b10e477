//! `imagepic upload --copy`: the call ends with its links, and the clipboard keeps them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use imagepic_tests::{Desktop, clipboard, eventually};

use crate::steps::picture_files;

/// Console programs that run for this home.
fn consoles(desktop: &Desktop) -> usize {
    desktop.running().iter().filter(|name| *name == "imagepic").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_ends_after_copying_and_the_links_stay_until_something_else_is_copied() {
    let desktop = Desktop::start().await;
    let files: Vec<String> =
        picture_files(&desktop, "shot", 2, 40).into_iter().map(|(file, _)| file.display().to_string()).collect();
    // Who serves the bucket stays too, and is counted out.
    let first = desktop.imagepic(&["upload", &files[0]]);
    first.success();
    let hosts = consoles(&desktop);

    let said = desktop.imagepic(&["upload", &files[0], &files[1], "--as", "markdown", "--copy"]);
    said.success();
    assert_eq!(said.out.lines().count(), 2, "{}", said.out);
    assert!(said.err.contains("On the clipboard."), "{}", said.err);
    assert_eq!(clipboard::text(&desktop.machine).as_deref(), Some(said.out.trim_end()));
    assert_eq!(consoles(&desktop), hosts + 1);

    // One link after the other: whoever held the last one goes.
    let again = desktop.imagepic(&["upload", &files[1], "--copy", "-q"]);
    again.success();
    assert!(again.err.is_empty(), "{}", again.err);
    assert_eq!(clipboard::text(&desktop.machine).as_deref(), Some(again.out.trim_end()));
    eventually("the holder of the first links to end", async || (consoles(&desktop) == hosts + 1).then_some(())).await;

    let other = desktop.file("other.txt", b"something else");
    let _owner = clipboard::copy(&desktop.machine, "UTF8_STRING", &other).await;
    eventually("the holder to end", async || (consoles(&desktop) == hosts).then_some(())).await;
    assert_eq!(clipboard::text(&desktop.machine).as_deref(), Some("something else"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_of_any_length_is_held_to_its_last_word() {
    let desktop = Desktop::start().await;
    // More than seventy megabytes, and letters of several bytes where a cut would fall.
    let line = "链接 https://images.example/a/very/long/way/to/a/picture.png\n";
    let text = line.repeat((72 << 20) / line.len()) + "the last one";
    let mut holder = desktop
        .program("imagepic")
        .arg("__clipboard")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    holder.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("given");
    let mut answer = String::new();
    BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut answer).expect("an answer");
    assert_eq!(answer.trim_end(), "holds");
    let held = eventually("the text", async || clipboard::text(&desktop.machine)).await;
    assert!(held == text, "{} of {} bytes", held.len(), text.len());
    let other = desktop.file("other.txt", b"something else");
    let _owner = clipboard::copy(&desktop.machine, "UTF8_STRING", &other).await;
    eventually("the holder to end", async || holder.try_wait().expect("ours").map(|status| assert!(status.success()))).await;
}
