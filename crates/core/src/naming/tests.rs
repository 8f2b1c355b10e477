use super::*;
use chrono::NaiveDate;
use proptest::prelude::*;

const SHA: [u8; 32] = [0xab; 32];
const RANDOM: [u8; 32] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32];

fn inputs(name: Option<&str>) -> Inputs<'_> {
    Inputs {
        name,
        ext: "png",
        at: NaiveDate::from_ymd_opt(2026, 3, 4).expect("a day").and_hms_opt(5, 6, 7).expect("a time"),
        sha256: &SHA,
        random: &RANDOM,
        counter: 42,
        user: "ann",
        source: Source::Clipboard,
        width: Some(640),
        height: None,
    }
}

fn key(template: &str, name: Option<&str>) -> String {
    Template::parse(template).expect("a good template").key("", &inputs(name))
}

#[test]
fn every_placeholder_says_what_it_promises() {
    assert_eq!(key("{stem}-{hash:8}.{ext}", Some("shot.PNG")), "shot-abababab.png");
    assert_eq!(key("{yyyy}{MM}{dd}-{HH}{mm}{ss}", None), "20260304-050607");
    assert_eq!(key("{hash}", None), "ab".repeat(32));
    assert_eq!(key("{random:8}", None), "12345678");
    assert_eq!(key("{random}", None).len(), 16);
    assert_eq!(key("{counter}/{user}/{source}/{width}x{height}", None), "42/ann/clipboard/640x0");
    let uuid = key("{uuid}", None);
    assert_eq!(uuid::Uuid::parse_str(&uuid).expect("a uuid").get_version_num(), 4);
    assert_eq!(Template::parse("{stem}.{ext}").expect("good").key("docs/img", &inputs(Some("a.png"))), "docs/img/a.png");
}

#[test]
fn a_wrong_template_names_what_is_wrong() {
    for (template, word) in [
        ("{steam}.{ext}", "{steam}"),
        ("{stem", "not closed"),
        ("stem}", "not closed"),
        ("{hash:0}", "1 to 64"),
        ("{hash:65}", "1 to 64"),
        ("{random:x}", "1 to 32"),
        ("{random:+8}", "1 to 32"),
        ("{stem:3}", "no length"),
        ("a//b", "slashes"),
        ("../{stem}", "slashes"),
        ("/{stem}", "slashes"),
        ("a\\{stem}", "slashes"),
        ("  ", "empty"),
    ] {
        let error = Template::parse(template).expect_err(template);
        assert_eq!(error.code, Code::BadRequest);
        assert!(error.to_string().contains(word), "{template}: {error}");
    }
}

#[test]
fn hostile_file_names_stay_in_their_folder_and_readable() {
    for (name, expected) in [
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\ann\图片 1.png", "图片 1"),
        ("..", "image"),
        (".png", "png"),
        ("a\u{0}b\nc\u{7f}.png", "abc"),
        ("photo\u{202e}gnp.exe", "photognp"),
        ("archive.tar.gz", "archive.tar"),
        ("  . spaced . ", "spaced"),
        ("👩‍🎨.png", "👩‍🎨"),
        ("", "image"),
        ("a?b#c%20.png", "a?b#c%20"),
    ] {
        assert_eq!(key("{stem}", Some(name)), expected, "{name:?}");
    }
}

#[test]
fn a_name_that_is_too_long_keeps_its_hash_and_extension() {
    let long = format!("{}.png", "图".repeat(600));
    let key = key("{stem}-{hash:8}.{ext}", Some(&long));
    assert!(key.len() <= LONGEST_KEY && key.len() > LONGEST_KEY - 20, "{}", key.len());
    assert!(key.ends_with("图-abababab.png"));
}

#[test]
fn a_taken_name_gets_a_number_before_its_extension() {
    assert_eq!(occupied("a/b.png", 2), "a/b-2.png");
    assert_eq!(occupied("a.b/c", 3), "a.b/c-3");
    assert_eq!(occupied("a/.png", 2), "a/.png-2");
    assert_eq!(occupied(&format!("{}.png", "x".repeat(1020)), 10).len(), LONGEST_KEY);
}

#[test]
fn a_typed_name_stays_in_its_folder_and_keeps_the_ending_it_was_not_given() {
    for (typed, key) in [
        ("login", "docs/img/login.png"),
        ("登录页.png", "docs/img/登录页.png"),
        ("photo.JPG", "docs/img/photo.JPG"),
        ("release 1.2", "docs/img/release 1.2.png"),
        (" two  words ", "docs/img/two  words.png"),
        ("a\u{202e}gpj.png", "docs/img/agpj.png"),
        ("a\nb", "docs/img/ab.png"),
        ("...x", "docs/img/x.png"),
    ] {
        assert_eq!(renamed("docs/img/old-9f3a.png", typed).as_deref(), Ok(key), "{typed:?}");
    }
    assert_eq!(renamed("notes.json", "notes.txt").as_deref(), Ok("notes.txt"));
    assert_eq!(renamed("LICENSE", "licence").as_deref(), Ok("licence"));
    for (typed, why) in [
        ("", Misnamed::Empty),
        (" . ", Misnamed::Empty),
        ("..", Misnamed::Empty),
        (".png", Misnamed::Empty),
        ("\u{200b}", Misnamed::Empty),
        ("../x", Misnamed::Slash),
        ("a\\b", Misnamed::Slash),
        (&"x".repeat(LONGEST_KEY), Misnamed::Long),
    ] {
        assert_eq!(renamed("docs/img/old-9f3a.png", typed), Err(why), "{typed:?}");
    }
}

#[test]
fn only_templates_with_a_counter_cost_a_number() {
    assert!(Template::parse("{counter}").expect("good").counts());
    assert!(!Template::parse("{stem}").expect("good").counts());
}

proptest! {
    #[test]
    fn any_name_makes_a_key_a_store_takes(name in ".*", ext in "[a-z0-9]{1,5}", user in ".*", folder in "(|a|a/b{1,700})") {
        let template = Template::parse("{user}/{stem}/{stem}-{hash:8}.{ext}").expect("good");
        let key = template.key(&folder, &Inputs { ext: &ext, user: &user, ..inputs(Some(&name)) });
        prop_assert!(key.len() <= LONGEST_KEY - ROOM_FOR_SUFFIX);
        prop_assert!(key.starts_with(&folder));
        prop_assert!(key.split('/').all(|part| !part.is_empty() && part != "." && part != ".."), "{key:?}");
        prop_assert!(!key.contains(char::is_control));
        prop_assert_ne!(occupied(&key, 2), key);
    }

    #[test]
    fn any_template_is_understood_or_refused(text in ".*") {
        if let Ok(template) = Template::parse(&text) {
            let key = template.key("", &inputs(Some("a.png")));
            prop_assert!(!key.is_empty() && key.len() <= LONGEST_KEY);
        }
    }

    #[test]
    fn a_suffix_never_makes_a_key_too_long(key in "\\PC{1,400}", number in 2u32..100_000) {
        prop_assert!(occupied(&key, number).len() <= LONGEST_KEY);
    }
}
