//! What few people meet and nobody may lose something by: names that are no text, errors for programs, many calls at once.

use std::process::Stdio;

use super::*;

#[cfg(target_os = "linux")]
#[test]
fn a_file_whose_name_is_no_text_goes_like_any_other() {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = std::ffi::OsStr::from_bytes(b"bad\xff.png");
    let home = Home::new();
    home.write("good.png", &png(40));
    home.write("folder/b.png", &png(42));
    for (folder, seed) in [("", 41), ("folder", 43)] {
        std::fs::write(home.dir.path().join(folder).join(odd), png(seed)).expect("a file");
    }
    let given = home.command(&["upload", "good.png", "--json"]).arg(odd).output().expect("the program starts");
    let all = Run::of(given).ends(0).json();
    assert_eq!(all[1]["file"], "bad\u{fffd}.png");
    opens(all[0]["url"].as_str().expect("a link"), &png(40));
    opens(all[1]["url"].as_str().expect("a link"), &png(41));
    let folder = home.run(&["upload", "folder"]).ends(0);
    let links = folder.lines();
    assert_eq!(links.len(), 2, "{folder:?}");
    opens(links[0], &png(42));
    opens(links[1], &png(43));
}

#[test]
fn whatever_goes_wrong_with_json_there_is_one_array_with_an_error_for_each_file() {
    let home = Home::new();
    home.write("a.png", &png(44));
    let answered = |run: Run, files: &[&str], code: &str| {
        let all = run.json();
        let all = all.as_array().expect("an array");
        let named: Vec<_> = all.iter().map(|one| one["file"].as_str().expect("a name")).collect();
        assert_eq!(named, files, "{run:?}");
        for one in all {
            assert_eq!((one["ok"].as_bool(), one["error"]["code"].as_str()), (Some(false), Some(code)), "{run:?}");
            assert!(one["url"].is_null() && one["id"].is_null(), "{run:?}");
            let message = one["error"]["message"].as_str().expect("words");
            assert!(run.err.contains(message), "{run:?}");
        }
    };
    let nobody = home.run(&["upload", "a.png", "b.png", "--to", "nobody", "--json"]).ends(2);
    answered(nobody, &["a.png", "b.png"], "no_such_destination");
    let clipboard = home.run(&["upload", "--clipboard", "--to", "nobody", "--json"]).ends(2);
    answered(clipboard, &["clipboard"], "no_such_destination");
    home.write("home/settings.toml", b"version = 1\n[general\n");
    answered(home.run(&["upload", "a.png", "--json"]).ends(1), &["a.png"], "settings_broken");
    home.write("home/settings.toml", b"version = 99\n");
    answered(home.run(&["upload", "a.png", "--json"]).ends(1), &["a.png"], "home_newer");
    assert!(home.run(&["upload", "a.png"]).ends(1).out.is_empty(), "links and nothing else where none was asked for");
    let unopened = home.command(&["upload", "-", "--json"]).env("IMAGEPIC_HOME", "/dev/null/home").output();
    let unopened = Run::of(unopened.expect("the program starts")).ends(1);
    assert_eq!(unopened.json()[0]["file"], "-", "{unopened:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn what_found_no_room_is_not_said_to_go_on_by_itself() {
    use std::os::unix::fs::MetadataExt as _;
    let home = Home::new();
    home.write("a.png", &png(46));
    std::fs::create_dir(home.path()).expect("a folder");
    let root = std::fs::metadata("/proc/self").is_ok_and(|data| data.uid() == 0);
    let script =
        r#"mount -t tmpfs -o size=1m tmpfs "$2" && "$1" history; dd if=/dev/zero of="$2/fill" bs=1k; exec "$1" upload a.png"#;
    let mut command = home.command(&[]);
    let program = command.get_program().to_owned();
    let environment: Vec<_> = command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    command = std::process::Command::new("unshare");
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(home.dir.path()).arg(if root { "-m" } else { "-rm" }).args(["sh", "-c", script, "sh"]);
    let run = Run::of(command.arg(program).arg(home.path()).output().expect("unshare starts")).ends(1);
    assert!(run.out.is_empty() && run.err.contains("Not taken: no room left"), "{run:?}");
    assert!(!run.err.contains("by itself"), "{}", run.err);
}

#[test]
fn whatever_starts_the_host_of_the_bucket_says_so() {
    let home = Home::new();
    for command in [&["ls", "images"][..], &["stat", "images/a.png"], &["link", "images/a.png"], &["rm", "images/a.png"]] {
        assert!(home.run(command).err.contains("Started the host"), "{command:?}");
        assert!(!home.run(command).err.contains("Started the host"), "it is there by now");
        home.run(&["bucket", "stop"]).ends(0);
    }
}

#[test]
fn what_is_damaged_in_the_buckets_folder_is_named_with_the_way_out() {
    let home = Home::new();
    home.write("a.png", &png(58));
    home.write("b.png", &png(59));
    let link = home.run(&["upload", "a.png"]).ends(0).lines()[0].to_owned();
    home.run(&["bucket", "stop"]).ends(0);
    for (file, harm) in [("key", "x"), ("port", "x"), ("index.sqlite", "no database, but long enough for a header of one")] {
        let path = home.path().join("bucket").join(file);
        let whole = std::fs::read(&path).expect("it is there");
        std::fs::write(&path, harm).expect("written");
        let told = home.run(&["upload", "b.png"]).ends(1).err;
        assert!(told.contains(path.to_str().expect("text")) && told.contains("Put it back"), "{told}");
        assert!(!told.contains("by itself"), "it does not mend itself: {told}");
        std::fs::write(&path, whole).expect("back");
    }
    let index = home.path().join("bucket/index.sqlite");
    std::fs::rename(&index, home.path().join("kept")).expect("moved");
    for arguments in [&["upload", "b.png"][..], &["ls", "images"], &["bucket", "start"]] {
        let told = home.run(arguments).ends(1).err;
        assert!(told.contains("missing or damaged"), "an empty bucket is not begun beside the bytes: {told}");
    }
    std::fs::rename(home.path().join("kept"), &index).expect("back");
    let again = home.run(&["retry", "--all"]).ends(0);
    let links = again.lines();
    assert!(links.len() == 4 && links.iter().all(|link| *link == links[0]), "given four times, stored once: {again:?}");
    opens(links[0], &png(59));
    opens(&link, &png(58));
}

#[test]
fn whoever_moves_a_damaged_journal_away_is_told_where_that_lies_which_still_waited() {
    let home = Home::new();
    home.write("a.png", &png(61));
    std::fs::create_dir(home.path()).expect("a folder");
    let damaged = b"no database, but long enough for a header of one".repeat(10);
    std::fs::write(home.path().join("journal.sqlite"), &damaged).expect("written");
    let told = home.run(&["upload", "a.png"]).ends(1).err;
    assert!(told.contains("journal.sqlite is damaged") && told.contains("folder spool"), "{told}");
    assert_eq!(std::fs::read(home.path().join("journal.sqlite")).expect("left as it is"), damaged);
}

/// Whoever says that it serves the bucket hangs up on everybody.
#[test]
fn a_host_that_ends_in_the_middle_is_not_told_as_an_address_to_be_checked() {
    let home = Home::new();
    home.write("a.png", &png(47));
    home.write("b.png", &png(48));
    home.run(&["upload", "a.png"]).ends(0);
    home.run(&["bucket", "stop"]).ends(0);
    let port = std::fs::read_to_string(home.path().join("bucket/port")).expect("it stays the same");
    let listener = std::net::TcpListener::bind(("127.0.0.1", port.trim().parse().expect("a number"))).expect("it is free");
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let lock = std::fs::File::create(home.path().join("run/999999")).expect("a claim");
    lock.lock().expect("locked");
    std::fs::write(home.path().join("bucket/host"), format!("999999 {}\n", port.trim())).expect("written");
    let run = home.run(&["upload", "b.png"]).ends(1);
    assert!(run.err.contains("what served it has ended") && !run.err.contains("Check the address"), "{}", run.err);
}

#[test]
fn of_many_calls_at_once_only_the_one_that_started_the_host_says_so() {
    let home = Home::new();
    for seed in 0..8 {
        home.write(&format!("{seed}.png"), &png(50 + seed));
    }
    let calls: Vec<_> = (0..8)
        .map(|seed| {
            let mut command = home.command(&["upload", &format!("{seed}.png")]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
        })
        .collect();
    let runs: Vec<_> = calls.into_iter().map(|call| Run::of(call.wait_with_output().expect("it ends")).ends(0)).collect();
    let said = runs.iter().filter(|run| run.err.contains("Started")).count();
    assert_eq!(said, 1, "{runs:#?}");
}

#[test]
fn what_lies_in_imagepics_own_home_is_not_uploaded_again_with_the_folder_around_it() {
    let home = Home::new();
    home.write("a.png", &png(45));
    home.run(&["upload", "a.png"]).ends(0);
    let again = home.run(&["upload", "."]).ends(1);
    assert_eq!(again.lines().len(), 1, "{again:?}");
    opens(again.lines()[0], &png(45));
    assert!(again.err.contains("home is imagepic’s own folder and was left out"), "{again:?}");
    let own = home.run(&["upload", "home/bucket"]).ends(1);
    assert!(own.out.is_empty() && own.err.contains("own folder"), "{own:?}");
}
