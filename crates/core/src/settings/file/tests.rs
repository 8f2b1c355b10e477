use super::*;
use crate::destination::{LinkPolicy, S3Address};
use crate::settings::{ClipboardMode, Theme, WatchedFolder};

fn place(text: Option<&str>) -> (tempfile::TempDir, SettingsFile) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let home = Home::at(dir.path());
    home.prepare().expect("a fresh home");
    if let Some(text) = text {
        fs::write(home.settings_file(), text).expect("a settings file");
    }
    (dir, SettingsFile::of(&home))
}

fn s3(name: &str) -> Destination {
    Destination {
        id: String::new(),
        name: name.to_owned(),
        kind: Kind::S3(S3Address {
            endpoint: "https://minio.example".to_owned(),
            region: "us-east-1".to_owned(),
            access_key: "AKIA".to_owned(),
            path_style: true,
            ca_file: None,
        }),
        bucket: "assets".to_owned(),
        link: LinkPolicy::Public { base: Some("https://cdn.example".to_owned()) },
        ..Destination::this_computer(String::new())
    }
}

const MINE: &str = r#"# My settings
version = 1
future = "kept"   # by a newer build

[general]
theme = "dark" # easier on the eyes
telepathy = true

# the team's
[[destinations]]
id = "team"
name = "Team"
kind = "s3"
endpoint = "https://s3.example"   # moved in May
region = "eu-1"
access_key = "AK"
bucket = "assets"
odd = [1, 2]

[destinations.link]
policy = "public"
base = "https://cdn.example"
"#;

#[test]
fn without_a_file_there_are_defaults_and_this_computer() {
    let (_dir, file) = place(None);
    let settings = file.load().expect("defaults");
    assert_eq!(settings.current().id, THIS_COMPUTER);
    assert_eq!(settings.general.theme, Theme::System);
    assert!(!file.path().exists(), "reading writes nothing");
}

#[test]
fn a_change_touches_only_its_own_line() {
    let (_dir, file) = place(Some(MINE));
    file.change(|settings| {
        settings.general.theme = Theme::Light;
        Ok(())
    })
    .expect("a change");
    let text = fs::read_to_string(file.path()).expect("written");
    assert_eq!(text, MINE.replace("\"dark\"", "\"light\""));
}

#[test]
fn a_changed_destination_keeps_comments_and_unknown_keys() {
    let (_dir, file) = place(Some(MINE));
    file.change(|settings| {
        let mut team = settings.find("TEAM")?.clone();
        team.folder = "docs".to_owned();
        team.link = LinkPolicy::Presigned { seconds: 60 };
        settings.put(&team)
    })
    .expect("a change");
    let text = fs::read_to_string(file.path()).expect("written");
    for kept in ["# the team's", "# moved in May", "odd = [1, 2]", "folder = \"docs\"", "seconds = 60", "telepathy = true"] {
        assert!(text.contains(kept), "{kept} in\n{text}");
    }
    assert!(!text.contains("cdn.example"), "what no longer holds is gone:\n{text}");
    let team = file.load().expect("still good").find("team").expect("still there").clone();
    assert_eq!((team.folder.as_str(), &team.link), ("docs", &LinkPolicy::Presigned { seconds: 60 }));
}

#[test]
fn destinations_come_and_go_and_the_rest_stays() {
    let (_dir, file) = place(Some(MINE));
    let (added, settings) = file.change(|settings| settings.put(&s3("Minio Two"))).expect("added");
    assert_eq!(added.id, "minio-two");
    assert_eq!(file.load().expect("good"), settings);
    let before = fs::read_to_string(file.path()).expect("written");
    assert!(before.starts_with(MINE.trim_end()), "{before}");

    file.change(|settings| {
        settings.destination.current = "minio-two".to_owned();
        Ok(())
    })
    .expect("chosen");
    assert_eq!(file.load().expect("good").current().id, "minio-two");

    file.change(|settings| settings.remove("Team")).expect("removed");
    file.change(|settings| settings.remove("minio two")).expect("removed");
    let settings = file.load().expect("good");
    assert_eq!(settings.current().id, THIS_COMPUTER);
    assert_eq!(settings.destinations.len(), 1);
    assert!(file.change(|settings| settings.remove(THIS_COMPUTER)).is_err());
}

#[test]
fn this_computer_can_be_given_another_bucket() {
    let (_dir, file) = place(None);
    file.change(|settings| {
        let mut this = settings.find("本机")?.clone();
        this.bucket = "shots".to_owned();
        settings.put(&this)
    })
    .expect("a change");
    assert_eq!(file.load().expect("good").current().bucket, "shots");
}

#[test]
fn two_destinations_cannot_share_a_name() {
    let (_dir, file) = place(Some(MINE));
    for name in ["tEAM", "This Computer", "本机"] {
        let error = file.change(|settings| settings.put(&s3(name))).expect_err("taken");
        assert_eq!(error.field, Some("name"));
    }
    assert_eq!(fs::read_to_string(file.path()).expect("there"), MINE, "a refused change writes nothing");
}

#[test]
fn a_broken_file_names_its_line_and_is_never_written() {
    for (text, line) in [
        ("version = 1\n[general\ntheme = 1\n", "line 2"),
        ("version = 1\n\n[general]\ntheme = \"purple\"\n", "line 4"),
        ("version = 1\n[[destinations]]\nid = \"a\"\nname = \"A\"\nkind = \"tape\"\n", "line 5"),
        ("version = \"one\"\n", "line 1"),
    ] {
        let (_dir, file) = place(Some(text));
        let (settings, error) = file.load_or_default();
        let error = error.expect("broken");
        assert_eq!(error.code, Code::SettingsBroken);
        assert!(error.to_string().contains(line), "{error}");
        assert_eq!(settings, Settings::default());
        let refused = file.change(|settings| {
            settings.capture.clipboard = ClipboardMode::Ask;
            Ok(())
        });
        assert_eq!(refused.expect_err("not written").code, Code::SettingsBroken);
        assert_eq!(fs::read_to_string(file.path()).expect("there"), text);
    }
}

#[test]
fn destinations_that_contradict_each_other_are_told_with_their_line() {
    let table = |id: &str, name: &str| {
        format!(
            "[[destinations]]\nid = \"{id}\"\nname = \"{name}\"\nkind = \"s3\"\nendpoint = \"https://a.example\"\nregion = \"r\"\naccess_key = \"k\"\n"
        )
    };
    for (text, word) in [
        (table("a", "A") + &table("a", "B"), "line 8"),
        (table("a", "A") + &table("b", "a"), "the name"),
        (table("A b", "A"), "lower-case"),
        (table(THIS_COMPUTER, "A"), "this-computer"),
    ] {
        let (_dir, file) = place(Some(&text));
        let error = file.load().expect_err("contradiction");
        assert!(error.message(imagepic_words::Lang::En).contains(word), "{error}");
    }
}

#[test]
fn a_newer_file_is_left_alone() {
    let text = "version = 2\ngeneral = \"whatever that means\"\n";
    let (_dir, file) = place(Some(text));
    assert_eq!(file.load().expect_err("newer").code, Code::HomeNewer);
    assert_eq!(file.change(|_| Ok(())).expect_err("newer").code, Code::HomeNewer);
    assert_eq!(fs::read_to_string(file.path()).expect("there"), text);
}

#[test]
fn what_is_no_text_at_all_is_told_and_bounded() {
    let (_dir, file) = place(None);
    fs::write(file.path(), [0xff, 0xfe, 0x00]).expect("bytes");
    assert_eq!(file.load().expect_err("no text").code, Code::SettingsBroken);
    fs::write(file.path(), vec![b'#'; 2 << 20]).expect("bytes");
    assert_eq!(file.load().expect_err("too large").code, Code::SettingsBroken);
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let (_dir, file) = place(None);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = &file;
            scope.spawn(move || file.change(|settings| settings.put(&s3(&format!("Place {number}")))).expect("added"));
        }
    });
    assert_eq!(file.load().expect("good").destinations.len(), 9);
}

#[cfg(unix)]
#[test]
fn a_linked_settings_file_stays_a_link_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, file) = place(None);
    let real = dir.path().join("dotfiles.toml");
    fs::write(&real, "version = 1\n").expect("a file");
    std::os::unix::fs::symlink(&real, file.path()).expect("a link");
    file.change(|settings| {
        settings.general.theme = Theme::Dark;
        Ok(())
    })
    .expect("a change");
    assert!(fs::symlink_metadata(file.path()).expect("there").is_symlink());
    assert!(fs::read_to_string(&real).expect("there").contains("dark"));
    assert_eq!(fs::metadata(&real).expect("there").permissions().mode() & 0o777, 0o600);
}

fn folder(path: &str) -> WatchedFolder {
    WatchedFolder { path: path.into(), destination: None, recursive: false, enabled: true }
}

#[test]
fn watched_folders_are_written_and_read_however_the_file_is_laid_out() {
    let texts = [
        "",
        MINE,
        "[capture]\nclipboard = \"ask\" # mine\n",
        "capture = { clipboard = \"ask\" }\n",
        "capture.clipboard = \"ask\"\n",
        "[capture]\nfolders = [{ path = \"/old\" }]\n",
        "[[capture.folders]] # here\npath = \"/old\"\n",
        "capture = { folders = [{ path = \"/old\" }] }\n",
    ];
    for text in texts {
        let (_dir, file) = place(Some(text));
        let before = file.load().expect("it reads");
        for path in ["/one", "/two"] {
            file.change(|settings| settings.watch_folder(folder(path))).expect("written");
        }
        let mut wanted = before.capture.folders.clone();
        wanted.extend([folder("/one"), folder("/two")]);
        let after = file.load().expect("it reads");
        assert_eq!(after.capture.folders, wanted, "{text:?}");
        assert_eq!(after.capture.clipboard, before.capture.clipboard, "{text:?}");
        let switched = |settings: &mut Settings| {
            settings.capture.folders.last_mut().expect("one").enabled = false;
            Ok(())
        };
        file.change(switched).expect("written");
        assert!(!file.load().expect("it reads").capture.folders.last().expect("one").enabled, "{text:?}");
        for folder in &wanted {
            file.change(|settings| settings.unwatch_folder(&folder.path)).expect("written");
        }
        assert_eq!(file.load().expect("it reads").capture.folders, [], "{text:?}");
    }
}

/// What a person reads about a file that does not read, in both languages, has nothing of the parser's in it.
#[test]
fn what_is_wrong_with_a_file_is_said_in_our_own_words_in_both_languages() {
    let team = "version = 1\n[[destinations]]\nid = \"team\"\nname = \"Team\"\n";
    let s3 = format!("{team}kind = \"s3\"\nendpoint = \"https://a.example\"\nregion = \"r\"\naccess_key = \"k\"\n");
    for (text, line, told) in [
        ("version = 1\n[general]\ntheme = \"purple\"\n", 3, &["general.theme", "system | light | dark", "\"purple\""][..]),
        ("[general]\nlanguage = 5\n", 2, &["general.language", "system | en | zh-CN", "5"]),
        ("general = { notifications = \"loud\" }\n", 1, &["general.notifications", "all | problems | quiet", "\"loud\""]),
        ("general = true\n", 1, &["general", "true"]),
        ("capture.clipboard = \"never\"\n", 1, &["capture.clipboard", "off | ask | automatic"]),
        ("version = \"one\"\n", 1, &["version", "1"]),
        ("[names]\nask = \"yes\"\n", 2, &["names.ask", "true | false", "\"yes\""]),
        ("[link]\nformat = \"pdf\"\n", 2, &["link.format", "url | markdown | html | bbcode | css | jsx | custom:NAME"]),
        ("[[link.templates]]\nname = \"a\"\n", 1, &["link.templates.text"]),
        ("[shortcuts]\n\nlibrary = 7\n", 3, &["shortcuts.library", "7"]),
        ("[capture]\nfolders = [{ path = \"/a\" }, { recursive = true }]\n", 2, &["capture.folders.path"]),
        ("[capture]\nfolders = \"/a\"\n", 2, &["capture.folders", "\"/a\""]),
        (
            "[[capture.folders]]\npath = \"/a\"\n[[capture.folders]]\npath = \"/b\"\nenabled = 1\n",
            5,
            &["capture.folders.enabled"],
        ),
        ("destinations = 1\n", 1, &["destinations"]),
        (team, 2, &["destinations.team.kind"]),
        (&format!("{team}kind = \"tape\"\n"), 5, &["destinations.team.kind", "this-computer | s3 | team", "\"tape\""]),
        (&format!("{team}kind = \"s3\"\nendpoint = \"https://a\"\nregion = \"r\"\n"), 2, &["destinations.team.access_key"]),
        (&format!("{team}kind = \"team\"\nphone = \"1\"\n"), 2, &["destinations.team.server"]),
        (&format!("{s3}max_bytes = -1\n"), 9, &["destinations.team.max_bytes", "-1"]),
        (&format!("{s3}images = {{ quality = 900 }}\n"), 9, &["destinations.team.images.quality", "1", "100", "900"]),
        (
            &format!("{s3}[destinations.images]\nconvert = \"heic\"\n"),
            10,
            &["destinations.team.images.convert", "png | jpeg | webp | avif"],
        ),
        (&format!("{s3}[destinations.link]\npolicy = \"open\"\n"), 10, &["destinations.team.link.policy", "presigned | public"]),
        (&format!("{s3}[destinations.link]\npolicy = \"presigned\"\n"), 9, &["destinations.team.link.seconds"]),
    ] {
        let (_dir, file) = place(Some(text));
        let error = file.load().expect_err(text);
        assert_eq!(error.code, Code::SettingsBroken);
        let (en, zh) = (error.message(imagepic_words::Lang::En), error.message(imagepic_words::Lang::ZhCn));
        assert!(en.contains(&format!("line {line}:")), "line {line} of {text}: {en}");
        assert!(zh.contains(&format!("第 {line} 行")), "line {line} of {text}: {zh}");
        for word in told {
            assert!(en.contains(word) && zh.contains(word), "{word} for {text}: {en}\n{zh}");
        }
        ours(&en, &zh);
    }
}

#[test]
fn of_a_file_that_is_no_toml_line_and_column_are_told_and_what_to_do() {
    for (text, line, column) in [
        ("version = 1\n[general\n", 2, 9),
        ("version = 1\n\n[general]\ntheme = dark\n", 4, 9),
        ("# 图床\nname = \"本机\" x\n", 2, 13),
        ("a = 1\na = 2\n", 2, 1),
        ("[general]\nproxy = \"half\n", 2, 14),
    ] {
        let (_dir, file) = place(Some(text));
        let error = file.load().expect_err(text);
        let (en, zh) = (error.message(imagepic_words::Lang::En), error.message(imagepic_words::Lang::ZhCn));
        assert!(en.contains(&format!("line {line}, column {column}")), "{text}: {en}");
        assert!(zh.contains(&format!("第 {line} 行第 {column} 列")), "{text}: {zh}");
        assert!(en.contains("Correct"), "{en}");
        ours(&en, &zh);
        let cause = std::error::Error::source(&error).expect("the log may know more").to_string();
        assert!(!cause.is_empty());
    }
}

fn ours(en: &str, zh: &str) {
    for told in [en, zh] {
        for word in ["expected", "unknown variant", "invalid", "missing field", "unclosed", "duplicate key", "did not match", "`"]
        {
            assert!(!told.contains(word), "the parser's {word}: {told}");
        }
    }
    let words = zh
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| ["not", "takes", "is", "the", "of", "or", "line"].contains(word));
    assert_eq!(words.count(), 0, "English in {zh}");
}
