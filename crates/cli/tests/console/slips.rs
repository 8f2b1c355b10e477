//! Slips of the hand: told at once, and nothing is made or changed by them.

use crate::support::*;

#[test]
fn a_mistyped_bucket_is_told_before_it_is_used_and_none_is_made_for_nothing() {
    let home = Home::new();
    home.write("a.png", &png(71));
    home.run(&["upload", "a.png"]).ends(0);
    let typo = home.run(&["destinations", "use", "This computer", "--bucket", "imagse"]).ends(1);
    assert!(typo.err.contains("imagse") && typo.err.contains("images"), "{}", typo.err);
    let gone = home.run(&["upload", "gone.png", "--bucket", "fresh", "--create"]).ends(1);
    assert!(gone.err.contains("gone.png") && !gone.err.contains("fresh"), "{}", gone.err);
    assert_eq!(home.run(&["ls"]).ends(0).lines(), ["images/"]);
    home.run(&["upload", "a.png", "--bucket", "fresh", "--create"]).ends(0);
    home.run(&["destinations", "use", "This computer", "--bucket", "fresh"]).ends(0);
}

#[test]
fn a_team_servers_destination_is_edited_as_what_it_is_and_this_computer_stays_first() {
    let home = Home::new();
    let add = ["destinations", "add", "team", "--name", "T", "--server", "http://127.0.0.1:9", "--phone", "13800138000"];
    home.run(&[&add[..], &["--bucket", "images"]].concat()).ends(0);
    let wrong = home.run(&["destinations", "edit", "T", "--endpoint", "https://s3.example.com"]).ends(2);
    assert!(wrong.err.contains("team server") && !wrong.err.contains("this computer"), "{}", wrong.err);
    let plain = home.run(&["destinations", "edit", "T", "--server", "http://images.example.com"]).ends(2);
    assert!(plain.err.contains("--allow-http"), "{}", plain.err);
    home.run(&["destinations", "edit", "T", "--server", "https://images.example.com", "--phone", "13900139000"]).ends(0);
    home.run(&["destinations", "edit", "this computer", "--folder", "shots"]).ends(0);
    let list = home.run(&["destinations", "list", "--json"]).ends(0).json();
    let names: Vec<_> = list.as_array().expect("all").iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["This computer", "T"]);
    assert_eq!((&list[1]["server"], &list[1]["phone"]), (&"https://images.example.com".into(), &"13900139000".into()));
}

#[test]
fn without_a_desktop_the_clipboard_is_told_to_be_out_of_reach_once() {
    let home = Home::new();
    let run = home.run(&["upload", "--clipboard"]).ends(1);
    assert_eq!(run.err.matches("reached").count(), 1, "{}", run.err);
    assert!(run.err.contains("DISPLAY"), "{}", run.err);
}

#[test]
fn the_bucket_is_served_when_asked_for() {
    let home = Home::new();
    home.write("a.png", &png(72));
    let url = home.run(&["upload", "a.png"]).ends(0).out;
    home.run(&["bucket", "stop"]).ends(0);
    assert!(home.run(&["bucket", "start"]).ends(0).err.contains("127.0.0.1"));
    opens(url.trim(), &png(72));
    home.run(&["bucket", "start"]).ends(0);
}
