//! What somebody in a hurry does: leaves things out, writes them elsewhere, sends the answer where it cannot go.

use std::process::Stdio;

use crate::support::*;

#[test]
fn a_test_without_a_name_is_of_the_current_destination_and_says_which() {
    let home = Home::new();
    let test = home.run(&["destinations", "test"]).ends(0);
    assert!(test.err.contains("Testing This computer") && test.err.contains("This computer works"), "{}", test.err);
    let json = home.run(&["destinations", "test", "--json"]).ends(0).json();
    assert_eq!((json["destination"].as_str(), json["code"].is_null()), (Some("This computer"), true), "{json}");
    let add = ["destinations", "add", "s3", "--name", "gone", "--endpoint", "http://127.0.0.1:9", "--access-key", "K"];
    home.run_with(&[&add[..], &["--bucket", "assets", "--secret-key-stdin"]].concat(), b"s").ends(0);
    home.run(&["destinations", "use", "gone"]).ends(0);
    assert!(home.run(&["destinations", "test"]).ends(1).err.contains("Testing gone"));
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_finds_no_room_is_no_success_whatever_was_asked() {
    let home = Home::new();
    home.write("a.png", &png(81));
    home.run(&["upload", "a.png"]).ends(0);
    for asked in [
        &["history"][..],
        &["ls", "images"],
        &["settings", "get"],
        &["settings", "export"],
        &["destinations", "list"],
        &["bucket", "status"],
        &["completions", "bash"],
        &["--help"],
        &["upload", "--help"],
        &["--version"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let run = home.command(asked).stdout(full).stderr(Stdio::piped()).output().expect("it starts");
        let run = Run::of(run).ends(1);
        assert!(run.err.contains("no room left"), "{asked:?}: {}", run.err);
    }
}

#[test]
fn an_edit_that_says_nothing_changes_nothing_and_says_so() {
    let home = Home::new();
    let told = home.run(&["destinations", "edit", "This computer"]).ends(2);
    assert!(told.err.contains("stays as it is") && told.err.contains("--help"), "{}", told.err);
    home.run(&["destinations", "edit", "This computer", "--folder", ""]).ends(0);
}

#[test]
fn a_bucket_that_is_not_there_is_told_with_those_that_are_and_a_destination_is_not_taken_for_one() {
    let home = Home::new();
    home.write("a.png", &png(82));
    home.run(&["upload", "a.png"]).ends(0);
    for asked in [&["ls", "imagse"][..], &["link", "imagse/a.png"], &["stat", "imagse/a.png"], &["rm", "imagse/a.png"]] {
        let told = home.run(asked).ends(1);
        assert!(told.err.contains("no bucket imagse") && told.err.contains("There are: images."), "{asked:?}: {}", told.err);
    }
    home.run(&["destinations", "edit", "This computer", "--rename", "laptop"]).ends(0);
    for (asked, instead) in [("laptop/images", "laptop:images"), ("laptop", "laptop:")] {
        let told = home.run(&["ls", asked]).ends(1);
        assert!(told.err.contains(&format!("is a destination, not a bucket. Write {instead}.")), "{}", told.err);
    }
    home.run(&["ls", "laptop:images"]).ends(0);
}

#[test]
fn what_was_deleted_is_said_to_be_deleted_in_either_language() {
    let home = Home::new();
    home.write("a.png", &png(83));
    home.write("b.png", &png(84));
    let all = home.run(&["upload", "a.png", "b.png", "--json"]).ends(0).json();
    let place = |at: usize| format!("images/{}", all[at]["key"].as_str().expect("a key"));
    assert_eq!(home.run(&["rm", &place(0)]).ends(0).err.lines().next(), Some(&*format!("Deleted {}.", place(0))));
    home.run(&["settings", "set", "general.language", "zh-CN"]).ends(0);
    assert!(home.run(&["rm", &place(1)]).ends(0).err.contains("已删除"));
}

#[test]
fn who_names_a_file_without_a_command_is_told_of_upload_and_a_link_is_not_taken_for_a_place() {
    let home = Home::new();
    home.write("a b.png", &png(87));
    for (asked, instead) in [("a b.png", "upload 'a b.png'"), ("https://example.com/x.png", "upload https://example.com/x.png")] {
        let told = home.run(&[asked]).ends(2);
        assert!(told.err.contains(&format!("Did you mean imagepic {instead}?")), "{}", told.err);
    }
    assert!(!home.run(&["gone.png"]).ends(2).err.contains("upload gone"));
    let link = home.run(&["upload", "a b.png"]).ends(0).out;
    for asked in ["rm", "stat", "link", "ls"] {
        let told = home.run(&[asked, link.trim()]).ends(2);
        assert!(told.err.contains("is a link") && told.err.contains("imagepic history"), "{asked}: {}", told.err);
    }
}

#[test]
fn an_address_that_is_none_of_the_web_is_told_as_such_and_not_as_a_missing_file() {
    let home = Home::new();
    let told = home.run(&["upload", "ftp://example.com/a.png"]).ends(1);
    assert!(told.err.contains("begins with https://") && !told.err.contains("is not there"), "{}", told.err);
    assert_eq!(told.err.matches("ftp://").count(), 1, "the name is said once: {}", told.err);
}

#[test]
fn a_file_of_settings_that_cannot_be_read_is_told_in_one_language_and_nobody_is_told_to_move_it_away() {
    let home = Home::new();
    let missing = home.run(&["settings", "import", "nope.toml"]).ends(1);
    assert!(missing.err.trim_end().ends_with("nope.toml cannot be read: no such file or directory."), "{}", missing.err);
    home.write("broken.toml", b"[general\n");
    let broken = home.run(&["settings", "import", "broken.toml"]).ends(1);
    assert!(broken.err.contains("import it again") && !broken.err.contains("move"), "{}", broken.err);
    home.run(&["settings", "set", "general.language", "zh-CN"]).ends(0);
    for asked in [&["settings", "import", "nope.toml"][..], &["serve", "--config", "nope.toml"], &["serve", "--data", "/proc/x"]]
    {
        let told = home.run(asked);
        assert!(told.code.is_some_and(|code| code > 0), "{told:?}");
        assert!(told.err.contains("没有这个文件") && !told.err.contains("os error"), "{asked:?}: {}", told.err);
    }
}

#[test]
fn who_ends_a_question_without_an_answer_reads_what_came_of_it_in_a_line_of_its_own() {
    let home = Home::new();
    home.write("s.toml", b"version = 1\n[general]\ntheme = \"dark\"\n");
    let said = home.at_a_terminal("settings import s.toml", b"\x04");
    assert!(said.contains("[y/N] \r\nNothing was changed."), "{said:?}");
    assert_eq!(home.run(&["settings", "get", "general.theme"]).ends(0).out, "system\n");
}

#[test]
fn a_number_below_nothing_is_refused_as_a_number_and_a_phone_number_before_its_password() {
    let home = Home::new();
    let told = home.run(&["history", "--limit", "-5"]).ends(2);
    assert!(told.err.contains("from 1 to 10000"), "{}", told.err);
    let told = home.run(&["accounts", "add", "123"]).ends(2);
    assert!(told.err.contains("123 is no phone number"), "{}", told.err);
    home.run(&["accounts", "add", "13800138000"]).ends(2);
    assert!(home.run(&["accounts", "reset-password", "12"]).ends(2).err.contains("12 is no phone number"));
}

#[test]
fn chinese_help_has_its_own_colons() {
    let home = Home::new();
    home.run(&["settings", "set", "general.language", "zh-CN"]).ends(0);
    for asked in [&["--help"][..], &["upload", "--help"], &["upload", "--colour"], &["history", "--limit", "x"]] {
        let told = home.run(asked);
        let all = told.out + &told.err;
        let odd = all.lines().find(|line| {
            let chars: Vec<char> = line.chars().collect();
            chars.windows(2).any(|two| ('\u{4e00}'..='\u{9fff}').contains(&two[0]) && matches!(two[1], ':' | ',' | '!' | '?'))
        });
        assert_eq!(odd, None, "{all}");
    }
}

/// The prompt of a secret, and the end of the name it is told by.
const ASKED: &str = "ecret key";

#[cfg(unix)]
#[test]
fn who_leaves_the_question_for_a_secret_by_ctrl_c_sees_what_they_type_next() {
    let home = Home::new();
    let program = env!("CARGO_BIN_EXE_imagepic");
    let add = "destinations add s3 --name gone --endpoint http://127.0.0.1:9 --access-key K --bucket assets";
    // A shell that changes nothing of the terminal, and goes on.
    let said = home.in_a_shell(&format!("trap : INT; {program} {add}; echo ended $?; stty -a"), &[(ASKED, b"half\x03")]);
    assert!(said.contains("ended 130"), "{said:?}");
    let modes: Vec<_> = said.split_whitespace().map(|mode| mode.trim_end_matches(';')).collect();
    assert!(modes.contains(&"echo") && modes.contains(&"isig") && modes.contains(&"icanon"), "{said:?}");
    assert!(!said.contains("half"), "{said:?}");
    assert!(!home.run(&["destinations", "list"]).ends(0).out.contains("gone"));
}

#[cfg(unix)]
#[test]
fn a_secret_is_typed_unseen_and_mended_like_any_line() {
    let home = Home::new();
    let add = "destinations add s3 --name later --endpoint http://127.0.0.1:9 --access-key K --bucket assets";
    let said =
        home.in_a_shell(&format!("{} {add}; echo ended $?", env!("CARGO_BIN_EXE_imagepic")), &[(ASKED, b"hidden-wordx\x7f\n")]);
    assert!(said.contains("ended 0") && !said.contains("hidden"), "{said:?}");
    assert!(home.run(&["destinations", "list"]).ends(0).out.contains("later"));
}
