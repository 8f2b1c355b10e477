use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use imagepic_core::destination::Kind;
use imagepic_core::engine::{Folder, Known, ListedObject, Spot};

use super::*;

fn place(bucket: &str, folder: &str) -> Place {
    Place {
        destination: "atelier".to_owned(),
        name: "Atelier".to_owned(),
        bucket: bucket.to_owned(),
        folder: folder.to_owned(),
        max_bytes: None,
        only_here: false,
    }
}

fn atelier() -> Destination {
    Destination { id: "atelier".to_owned(), kind: Kind::ThisComputer, ..Destination::this_computer("Atelier".to_owned()) }
}

fn object(key: &str) -> ListedObject {
    ListedObject { key: key.to_owned(), size: 1, modified: Some(1), etag: None }
}

fn folder(folders: &[&str], newest: &[&str]) -> Folder {
    Folder {
        folders: folders.iter().map(|name| (*name).to_owned()).collect(),
        newest: newest.iter().map(|key| object(key)).collect(),
        images: newest.len(),
        more: false,
    }
}

fn known(buckets: &[&str], folders: Vec<(&str, &str, Folder)>) -> Known {
    let folders = folders.into_iter().map(|(bucket, prefix, folder)| ((bucket.to_owned(), prefix.to_owned()), Arc::new(folder)));
    Known {
        buckets: Some(Arc::new(buckets.iter().map(|name| (*name).to_owned()).collect())),
        folders: folders.collect(),
        ..Known::default()
    }
}

fn made(place: &Place, known: Known) -> Vec<Entry> {
    let places = Places::with("atelier", known, SystemTime::now());
    upload_to(place, &[atelier()], &places, Lang::En)
}

/// The labels on the way down, and whether each is there.
fn find<'a>(entries: &'a [Entry], way: &[&str]) -> Option<&'a Entry> {
    let (first, rest) = way.split_first()?;
    let found = entries.iter().find(|entry| match entry {
        Entry::Words(label) | Entry::Item(label, _) | Entry::Check(label, ..) | Entry::Menu(label, _) => label == first,
        Entry::Separator => false,
    })?;
    match found {
        Entry::Menu(_, below) if !rest.is_empty() => find(below, rest),
        found => rest.is_empty().then_some(found),
    }
}

fn labels(entries: &[Entry]) -> String {
    let mut out = String::new();
    for entry in entries {
        let _ = match entry {
            Entry::Separator => write!(out, "--|"),
            Entry::Words(label) => write!(out, "({label})|"),
            Entry::Item(label, _) | Entry::Check(label, ..) => write!(out, "{label}|"),
            Entry::Menu(label, _) => write!(out, "{label} >|"),
        };
    }
    out
}

fn below<'a>(entries: &'a [Entry], way: &[&str]) -> &'a [Entry] {
    match find(entries, way) {
        Some(Entry::Menu(_, below)) => below,
        found => panic!("no menu at {way:?}: {found:?}"),
    }
}

fn count(entries: &[Entry]) -> usize {
    let inside = |entry: &Entry| if let Entry::Menu(_, below) = entry { count(below) } else { 0 };
    entries.iter().map(|entry| 1 + inside(entry)).sum()
}

#[test]
fn the_present_place_is_in_the_menu_before_any_list_has_come() {
    let menu = upload_to(&place("assets", "docs/new"), &[atelier()], &Places::default(), Lang::En);
    let way = ["✓ Atelier", "✓ assets", "✓ docs", "✓ new", "Upload here"];
    assert!(matches!(find(&menu, &way), Some(Entry::Check(_, true, _))), "{menu:?}");
}

#[test]
fn a_folder_whose_name_only_begins_like_the_present_one_is_not_marked() {
    let menu =
        made(&place("assets", "docs"), known(&["assets"], vec![("assets", "", folder(&["doc/", "docs/", "docs-old/"], &[]))]));
    let drawn = labels(below(&menu, &["✓ Atelier", "✓ assets"]));
    assert_eq!(drawn, "Upload here|New folder…|--|doc >|✓ docs >|docs-old >|");
}

#[test]
fn the_newest_images_of_a_folder_copy_their_links() {
    let newest = ["docs/a.png", "docs/截图.webp", "docs/c.gif", "docs/d.png", "docs/e.png", "docs/f.png", "docs/g.png"];
    let menu = made(&place("assets", "docs"), known(&["assets"], vec![("assets", "docs/", folder(&["docs/img/"], &newest))]));
    let docs = below(&menu, &["✓ Atelier", "✓ assets", "✓ docs"]);
    assert_eq!(
        labels(docs),
        "Upload here|New folder…|--|img >|--|(Newest: choosing one copies its link)|a.png|截图.webp|c.gif|d.png|e.png|--|2 more in the library…|"
    );
    let action =
        Action::CopyObject { destination: "atelier".to_owned(), bucket: "assets".to_owned(), key: "docs/截图.webp".to_owned() };
    assert_eq!(find(docs, &["截图.webp"]), Some(&Entry::Item("截图.webp".to_owned(), action)));
    let action = Action::Browse { destination: "atelier".to_owned(), bucket: "assets".to_owned(), folder: "docs".to_owned() };
    assert_eq!(docs.last(), Some(&Entry::Item("2 more in the library…".to_owned(), action)));
    let action =
        Action::NewFolder { destination: "atelier".to_owned(), bucket: "assets".to_owned(), folder: "docs/img".to_owned() };
    assert_eq!(find(docs, &["img", "New folder…"]), Some(&Entry::Item("New folder…".to_owned(), action)));
}

#[test]
fn what_is_old_says_since_when_and_what_does_not_answer_says_so() {
    let at = SystemTime::now() - Duration::from_secs(5 * 3600);
    let as_of = i64::try_from(at.duration_since(UNIX_EPOCH).expect("after 1970").as_millis()).ok();
    let time = imagepic_core::engine::moment(at, SystemTime::now());
    let old = Known { as_of, ..known(&["assets"], vec![]) };
    let menu = made(&place("assets", ""), old.clone());
    assert_eq!(labels(below(&menu, &["✓ Atelier"])), format!("(As of {time})|--|✓ assets >|"));
    let because = |code| {
        let text = imagepic_words::store::unreachable("s3.example");
        Some(imagepic_core::error::Fault { code, text })
    };
    let trouble = because(Code::Unreachable);
    let menu = made(&place("assets", ""), Known { trouble: trouble.clone(), ..old });
    assert_eq!(labels(below(&menu, &["✓ Atelier"])), format!("(Atelier cannot be reached; as of {time})|--|✓ assets >|"));
    let menu = made(&place("assets", ""), Known { trouble, ..Known::default() });
    assert_eq!(labels(below(&menu, &["✓ Atelier"])), "(Atelier cannot be reached)|--|✓ assets >|");
    for (code, said) in [
        (Code::WrongSecretKey, "Atelier does not accept the key"),
        (Code::Forbidden, "Atelier refuses access"),
        (Code::SignInNeeded, "Atelier: sign in again"),
        (Code::Tls, "Atelier: its certificate is not accepted"),
        (Code::WrongRegion, "Atelier cannot be used as it is set up"),
    ] {
        let menu = made(&place("assets", ""), Known { trouble: because(code), ..Known::default() });
        assert_eq!(labels(below(&menu, &["✓ Atelier"])), format!("({said})|--|✓ assets >|"));
    }
}

#[test]
fn of_a_long_list_only_what_is_shown_is_looked_at() {
    let names: Vec<String> = (0..5000).map(|number| format!("folder-{number:04}")).collect();
    let looked = |present: Option<&str>, room: usize| {
        let count = Cell::new(0);
        let all = names.iter().map(String::as_str).inspect(|_| count.set(count.get() + 1));
        let (shown, added) = in_sight(all, present, room);
        (shown.into_iter().map(str::to_owned).collect::<Vec<_>>(), added, count.get())
    };
    assert_eq!(looked(None, 20), (names[..20].to_vec(), false, 20));
    assert_eq!(looked(Some("folder-0007"), 20), (names[..20].to_vec(), false, 20), "it stays in its place");
    assert_eq!(looked(None, 0), (vec![], false, 0));
    let (shown, added, count) = looked(Some("folder-0100"), 20);
    assert_eq!((shown[0].as_str(), shown.len(), added, count), ("folder-0100", 20, false, 101));
    let (shown, added, _) = looked(Some("nowhere"), 20);
    assert_eq!((shown[0].as_str(), &shown[1..], added), ("nowhere", &names[..19], true));
    // Where there is room for one alone it is the one on the way.
    assert_eq!(looked(Some("folder-0001"), 1), (vec![names[1].clone()], false, 2));
}

#[test]
fn two_hundred_buckets_and_five_thousand_folders_make_a_short_menu_quickly() {
    let names = ["docs", "截图", "скриншоты", "صور", "चित्र", "画像 ", "이미지", "r&d", "<b>", "a\u{202e}gnp", "../x"];
    let buckets: Vec<String> = (0..200).map(|number| format!("bucket-{number:03}")).collect();
    let tops: Vec<String> = (0..5000).map(|number| format!("{}-{number}/", names[number % names.len()])).collect();
    let many = |prefix: &str| Folder {
        folders: tops.iter().map(|name| format!("{prefix}{name}")).collect(),
        newest: (0..10).map(|number| object(&format!("{prefix}{number}.png"))).collect(),
        images: 100_000,
        more: false,
    };
    let mut folders = HashMap::new();
    for bucket in &buckets {
        folders.insert((bucket.clone(), String::new()), Arc::new(many("")));
    }
    for top in &tops[..200] {
        folders.insert((buckets[0].clone(), top.clone()), Arc::new(many(top)));
    }
    let known = Known { buckets: Some(Arc::new(buckets)), folders, ..Known::default() };
    let present = place("bucket-000", "docs-4994/deep/er");
    let places = Places::with("atelier", known, SystemTime::now());
    let destinations = [atelier()];
    let fastest = (0..5)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(upload_to(&present, &destinations, &places, Lang::En));
            begun.elapsed()
        })
        .min();
    let menu = upload_to(&present, &destinations, &places, Lang::En);
    assert!(fastest < Some(Duration::from_millis(30)), "{fastest:?} unoptimised");
    assert!(count(&menu) < LINES + LINES / 4, "{} lines", count(&menu));
    let top = below(&menu, &["✓ Atelier"]);
    assert_eq!(top.iter().filter(|entry| matches!(entry, Entry::Menu(..))).count(), LONGEST_LIST);
    assert!(find(top, &["180 more in the library…"]).is_some(), "{}", labels(top));
    let first = below(&menu, &["✓ Atelier", "✓ bucket-000"]);
    assert!(labels(first).contains("✓ docs-4994 >"), "the present folder is in sight: {}", labels(first));
    assert!(find(&menu, &["✓ Atelier", "✓ bucket-000", "✓ docs-4994", "✓ deep", "✓ er", "Upload here"]).is_some());
}

#[test]
fn a_list_that_was_cut_off_does_not_pretend_to_know_how_much_is_left() {
    let cut = Folder { more: true, ..folder(&["a/"], &[]) };
    let menu = made(&place("assets", ""), known(&["assets"], vec![("assets", "", cut)]));
    assert_eq!(labels(below(&menu, &["✓ Atelier", "✓ assets"])), "Upload here|New folder…|--|a >|--|More in the library…|");
}

#[test]
fn a_folder_that_nobody_has_looked_into_does_not_pass_for_empty_and_can_be_looked_into() {
    let places = vec![("assets", "", folder(&["a/", "b/"], &[])), ("assets", "b/", folder(&[], &[]))];
    let mut known = known(&["assets"], places);
    let menu = made(&place("assets", ""), known.clone());
    let inside = below(&menu, &["✓ Atelier", "✓ assets", "a"]);
    assert_eq!(labels(inside), "Upload here|New folder…|--|Look inside|More in the library…|");
    let action = Action::Browse { destination: "atelier".to_owned(), bucket: "assets".to_owned(), folder: "a".to_owned() };
    assert_eq!(inside.last(), Some(&Entry::Item("More in the library…".to_owned(), action)));
    let action = Action::LookInto { destination: "atelier".to_owned(), bucket: "assets".to_owned(), folder: "a".to_owned() };
    assert_eq!(find(inside, &["Look inside"]), Some(&Entry::Item("Look inside".to_owned(), action)));
    assert_eq!(labels(below(&menu, &["✓ Atelier", "✓ assets", "b"])), "Upload here|New folder…|");
    known.asked.insert(("assets".to_owned(), "a/".to_owned()));
    let menu = made(&place("assets", ""), known);
    let inside = below(&menu, &["✓ Atelier", "✓ assets", "a"]);
    assert_eq!(labels(inside), "Upload here|New folder…|--|(Looking…)|More in the library…|");
}

/// Looks into the folder at this way of the menu; its path.
fn look_into(menu: &[Entry], way: &[&str]) -> Option<String> {
    match find(menu, &[way, &["Look inside"]].concat()) {
        Some(Entry::Item(_, Action::LookInto { folder, .. })) => Some(folder.clone()),
        _ => None,
    }
}

#[test]
fn whoever_looks_into_folder_after_folder_comes_to_the_deepest() {
    let (mut folders, mut looked, mut path) = (Vec::new(), Vec::new(), String::new());
    let names: Vec<String> = (0..15).map(|depth| format!("f{depth}")).collect();
    for name in &names {
        // Each knows the folder below it, and nobody has looked into that.
        let next = format!("{path}{name}/");
        folders.push(("assets", path.clone(), folder(&[&next], &[])));
        let known =
            known(&["assets"], folders.iter().map(|(bucket, at, folder)| (*bucket, at.as_str(), folder.clone())).collect());
        let spot = Spot { destination: "atelier".to_owned(), bucket: "assets".to_owned(), prefix: path.clone() };
        looked.insert(0, spot);
        let places = Places::with("atelier", known, SystemTime::now()).and_looked(looked.clone());
        let menu = upload_to(&place("assets", "elsewhere"), &[atelier()], &places, Lang::En);
        let Some(Entry::Menu(first, _)) = menu.first() else { panic!("{menu:?}") };
        assert_eq!(look_into(&menu, &[first, name]).as_deref(), Some(next.trim_end_matches('/')), "{}", labels(&menu));
        assert!(menu.iter().position(|entry| matches!(entry, Entry::Separator)) <= Some(LOOKED), "{}", labels(&menu));
        path = next;
    }
}

#[test]
fn where_a_person_looked_last_stands_first_but_for_where_uploads_go() {
    let spot = |destination: &str, bucket: &str, prefix: &str| Spot {
        destination: destination.to_owned(),
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    };
    let looked = vec![
        spot("gone", "b", "x/"),
        spot("atelier", "assets", "docs/"),
        spot("atelier", "far", "设计稿/一/"),
        spot("atelier", "far", ""),
    ];
    let places = Places::with("atelier", known(&["assets", "far"], vec![]), SystemTime::now()).and_looked(looked);
    let menu = upload_to(&place("assets", "docs"), &[atelier()], &places, Lang::ZhCn);
    assert_eq!(labels(&menu), "Atelier / far / 设计稿 / 一 >|Atelier / far >|--|✓ Atelier >|--|添加上传目标…|");
    let action =
        Action::Use {
            destination: "atelier".to_owned(), bucket: Some("far".to_owned()), folder: Some("设计稿/一".to_owned())
        };
    assert_eq!(
        find(&menu, &["Atelier / far / 设计稿 / 一", "上传到这里"]),
        Some(&Entry::Check("上传到这里".to_owned(), false, action))
    );
}

#[test]
fn a_bucket_that_holds_much_leaves_room_for_the_others() {
    let many = |prefix: &str| {
        let folders: Vec<String> = (0..20).map(|number| format!("{prefix}{number:02}/")).collect();
        folder(&folders.iter().map(String::as_str).collect::<Vec<_>>(), &[])
    };
    let buckets: Vec<String> = (0..20).map(|number| format!("bucket-{number:02}")).collect();
    let names: Vec<&str> = buckets.iter().map(String::as_str).collect();
    let mut all = known(&names, vec![]);
    for bucket in &buckets {
        all.folders.insert((bucket.clone(), String::new()), Arc::new(many("")));
        for number in 0..20 {
            let prefix = format!("{number:02}/");
            all.folders.insert((bucket.clone(), prefix.clone()), Arc::new(many(&prefix)));
        }
    }
    let menu = made(&place("bucket-19", "03/05"), all);
    assert!(count(&menu) <= LINES + LINES / 10, "{} lines", count(&menu));
    for bucket in &buckets[..19] {
        let below = below(&menu, &["✓ Atelier", bucket]);
        let folders = below.iter().filter(|entry| matches!(entry, Entry::Menu(..))).count();
        assert!(folders >= 3, "{bucket}: {}", labels(below));
        assert_eq!(look_into(below, &[]).is_some(), folders < LONGEST_LIST, "{bucket}: {}", labels(below));
    }
    let present = below(&menu, &["✓ Atelier", "✓ bucket-19"]);
    assert_eq!(present.iter().filter(|entry| matches!(entry, Entry::Menu(..))).count(), LONGEST_LIST);
    assert!(find(&menu, &["✓ Atelier", "✓ bucket-19", "✓ 03", "✓ 05", "Upload here"]).is_some());
}
