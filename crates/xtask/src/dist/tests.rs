use std::path::{Path, PathBuf};

use super::package::{self, About, Content, PROGRAMS, Part};
use super::{LARGEST, small_enough, texts};
use crate::sh;

/// Programs that answer what the package maker asks, and nothing else.
fn programs(folder: &Path) -> PathBuf {
    let script = "#!/bin/sh\ncase \"$*\" in\n  'completions '*) echo \"# for $2\" ;;\n  --help) printf 'Uploads\\n\\nCommands:\\n  one  The first\\n         of them\\n  help  This\\n\\nOptions:\\n  --x\\n' ;;\n  *--help) echo 'Usage: one .' ;;\nesac\n";
    let place = folder.join("programs");
    for program in PROGRAMS {
        let text = folder.join("script");
        package::write(&text, script.as_bytes()).expect("written");
        sh::read(sh::command("install").args(["-D", "-m", "700"]).arg(&text).arg(place.join(program))).expect("installed");
    }
    place
}

fn about() -> About {
    About {
        version: "1.2.3".into(),
        architecture: "amd64".into(),
        depends: "libc6 (>= 2.34)".into(),
        seconds: "1700000000".into(),
        date: "Tue, 14 Nov 2023 22:13:20 +0000".into(),
        bundle: package::bundle().expect("tauri.conf.json"),
    }
}

fn field(package: &Path, name: &str) -> String {
    let value = sh::read(sh::command("dpkg-deb").arg("--field").arg(package).arg(name)).expect("a package");
    value.trim().to_owned()
}

#[test]
fn the_package_says_who_it_is_and_holds_programs_icons_menu_entry_manuals_and_completions() {
    let folder = tempfile::tempdir().expect("a folder");
    let about = about();
    let parts = package::parts(&about, &programs(folder.path())).expect("all parts");
    let package = package::pack(&about, &parts, &folder.path().join("dist")).expect("a package");

    assert_eq!(package.file_name().and_then(|name| name.to_str()), Some("imagepic_1.2.3-1_amd64.deb"));
    for (name, wanted) in [
        ("Package", "imagepic"),
        ("Version", "1.2.3-1"),
        ("Architecture", "amd64"),
        ("Depends", "libc6 (>= 2.34)"),
        ("Recommends", "gnome-keyring | kwalletmanager"),
        ("Section", "graphics"),
    ] {
        assert_eq!(field(&package, name), wanted, "{name}");
    }
    assert!(field(&package, "Maintainer").contains('@'), "dpkg takes no maintainer without an address");
    assert_ne!(field(&package, "Installed-Size"), "0");
    assert!(field(&package, "Description").lines().count() > 1, "a short and a long one");

    package::look_through(&package, &parts).expect("as listed");
    let places: Vec<_> = parts.iter().map(|part| part.place.as_str()).collect();
    for wanted in [
        "usr/bin/imagepic",
        "usr/bin/imagepic-desktop",
        "usr/share/applications/imagepic.desktop",
        "usr/share/bash-completion/completions/imagepic",
        "usr/share/doc/imagepic/copyright",
        "usr/share/icons/hicolor/scalable/apps/imagepic-desktop.svg",
        "usr/share/man/man1/imagepic.1.gz",
        "usr/share/man/man1/imagepic-desktop.1.gz",
    ] {
        assert!(places.contains(&wanted), "{wanted} is not among {places:?}");
    }
    // The sums let a person see later whether a file is still what was installed.
    let out = folder.path().join("out");
    sh::read(sh::command("dpkg-deb").arg("--raw-extract").arg(&package).arg(&out)).expect("unpacked");
    sh::read(sh::command("md5sum").current_dir(&out).args(["--check", "--strict", "DEBIAN/md5sums"]))
        .expect("every sum is right");
}

#[test]
fn a_file_too_many_and_a_file_too_few_are_told_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |place: &str| Part { place: place.into(), content: Content::Text("text".into()) };
    let package = package::pack(&about(), &[text("usr/share/a"), text("usr/share/b")], folder.path()).expect("a package");
    let why = package::look_through(&package, &[text("usr/share/a"), text("usr/share/c")]).expect_err("two faults");
    assert!(why.contains("usr/share/b does not belong there") && why.contains("usr/share/c is missing"), "{why}");
    let program = Part { place: "usr/share/a".into(), content: Content::Program(PathBuf::new()) };
    let why = package::look_through(&package, &[program, text("usr/share/b")]).expect_err("nobody could start it");
    assert!(why.contains("usr/share/a has the mode -rw-r--r--, not -rwxr-xr-x"), "{why}");
}

#[test]
fn the_same_sources_make_the_same_package() {
    let make = || {
        let folder = tempfile::tempdir().expect("a folder");
        let part = Part { place: "usr/share/doc/a.gz".into(), content: Content::Text("text".repeat(100)) };
        let package = package::pack(&about(), &[part], folder.path()).expect("a package");
        std::fs::read(package).expect("bytes")
    };
    assert!(make() == make());
}

#[test]
fn a_package_at_the_limit_is_refused() {
    assert!(small_enough(LARGEST - 1).is_ok());
    assert!(small_enough(LARGEST).expect_err("too large").contains("12000000"));
}

#[test]
fn the_menu_entry_starts_a_packed_program_and_shows_a_packed_icon() {
    let entry = std::fs::read_to_string(sh::root().join("src-tauri/linux/imagepic.desktop")).expect("the entry");
    let value = |line: &'static str| entry.lines().filter_map(move |entry| entry.strip_prefix(line));
    assert!(value("Exec=").count() > 0);
    for command in value("Exec=") {
        let program = command.split(' ').next().unwrap_or_default();
        assert!(PROGRAMS.contains(&program), "{command}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let parts = package::parts(&about(), &programs(folder.path())).expect("all parts");
    let icon = value("Icon=").next().expect("an icon");
    assert!(parts.iter().any(|part| part.place.ends_with(&format!("/scalable/apps/{icon}.svg"))), "{icon}");
    assert!(!entry.contains("{{"), "nobody fills in templates");
}

#[test]
fn the_manual_shows_every_commands_help_unchanged() {
    let page = texts::manual("imagepic", &about(), |arguments| {
        Ok(match arguments {
            [] => "Uploads\n\nCommands:\n  one-a  The first\n           of them\n  help  This\n\nOptions:\n  --x  'y'\n".into(),
            ["one-a"] => ".dot \\ and\n\nCommands:\n  two  Below\n".into(),
            ["one-a", "two"] => "'last".into(),
            other => panic!("nobody asks for {other:?}"),
        })
    });
    let page = page.expect("a page");
    for wanted in [
        ".TH IMAGEPIC 1 \"14 Nov 2023\" \"imagepic 1.2.3\"",
        ".SH NAME\nimagepic \\- Uploads\n",
        "  \\-\\-x  'y'\n",
        ".SH \"imagepic one\\-a\"\n.nf\n\\&.dot \\e and\n",
        ".SH \"imagepic one\\-a two\"\n.nf\n\\&'last\n",
    ] {
        assert!(page.contains(wanted), "{wanted:?} is not in\n{page}");
    }
}

#[test]
fn a_long_description_is_folded_as_a_control_file_wants_it() {
    assert_eq!(texts::folded("one two three\n\nfour", 7), " one two\n three\n .\n four\n");
    assert!(texts::folded(&"word ".repeat(50), 78).lines().all(|line| line.starts_with(' ') && line.len() <= 79));
}
