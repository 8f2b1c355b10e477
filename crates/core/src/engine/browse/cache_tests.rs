use super::*;
use crate::destination::Destination;

fn object(key: &str, modified: i64) -> ListedObject {
    ListedObject { key: key.to_owned(), size: 1, modified: Some(modified), etag: None }
}

fn listing(folders: &[&str], objects: &[(&str, i64)]) -> Folder {
    Folder::of(&Listing {
        folders: folders.iter().map(|folder| (*folder).to_owned()).collect(),
        objects: objects.iter().map(|(key, modified)| object(key, *modified)).collect(),
        ..Listing::default()
    })
}

fn destination() -> Destination {
    Destination { folder: "docs/img".to_owned(), ..Destination::this_computer("Here".to_owned()) }
}

/// After so long, the computer being awake all the time.
fn after(time: Duration) -> Moment {
    let now = Moment::now();
    Moment { steady: now.steady + time, wall: now.wall + time }
}

fn places(due: &[Want]) -> Vec<String> {
    let place = |want: &Want| match want {
        Want::Buckets => "*".to_owned(),
        Want::Place(bucket, prefix, here) => format!("{bucket}:{prefix}{}", if *here { "!" } else { "" }),
    };
    due.iter().map(place).collect()
}

#[test]
fn what_a_menu_shows_is_asked_for_once_and_again_when_it_is_old() {
    let (cache, destination) = (Cache::default(), destination());
    let id = destination.id.as_str();
    let (due, _) = cache.due(&destination, true, Moment::now());
    assert_eq!(places(&due), ["*", "images:", "images:docs/", "images:docs/img/!"]);
    cache.keep_buckets(id, Ok(vec!["images".to_owned(), "other".to_owned()]));
    for prefix in ["", "docs/", "docs/img/"] {
        cache.keep_place(id, "images", prefix, Ok(listing(&[], &[])));
    }
    cache.keep_place(id, "images", "docs/", Ok(listing(&["docs/img/", "docs/video/", "docs//"], &[])));
    let (due, _) = cache.due(&destination, true, Moment::now());
    assert_eq!(places(&due), ["images:docs/video/", "other:"], "what a listing brought, without what has no name");
    for want in due {
        let Want::Place(bucket, prefix, _) = want else { continue };
        cache.keep_place(id, &bucket, &prefix, Ok(listing(&[], &[])));
    }
    let (due, next) = cache.due(&destination, true, Moment::now());
    assert!(due.is_empty() && next > NEAR / 2, "{due:?}");
    let (due, _) = cache.due(&destination, true, after(NEAR));
    assert_eq!(places(&due), ["*", "images:", "images:docs/", "images:docs/img/!"], "the way first, the rest has time");
}

#[test]
fn what_a_computer_slept_through_is_not_taken_for_fresh() {
    let (cache, destination) = (Cache::default(), destination());
    let id = destination.id.as_str();
    cache.keep_buckets(id, Ok(vec!["images".to_owned()]));
    for prefix in ["", "docs/", "docs/img/"] {
        cache.keep_place(id, "images", prefix, Ok(listing(&[], &[])));
    }
    let awake = Moment::now();
    // The steady clock stands still meanwhile.
    let woken = Moment { wall: awake.wall + NEAR, ..awake };
    assert!(cache.due(&destination, true, awake).0.is_empty());
    assert_eq!(cache.due(&destination, true, woken).0.len(), 4);
    assert!(woken.slept_since(awake) && !after(NEAR).slept_since(Moment::now()));
    // A clock that is set back makes nothing old, and does not keep anything fresh for ever.
    let back = |time| Moment { wall: awake.wall - 2 * NEAR, ..after(time) };
    assert!(cache.due(&destination, true, back(Duration::ZERO)).0.is_empty() && !back(NEAR).slept_since(awake));
    assert_eq!(cache.due(&destination, true, back(NEAR)).0.len(), 4);
    // Nor is the pause after an outage longer for it.
    cache.keep_place(id, "images", "", Err(Error::new(Code::Unreachable, imagepic_words::store::unreachable("s3.example"))));
    assert!(cache.due(&destination, true, awake).0.is_empty());
    assert!(!cache.due(&destination, true, Moment { wall: awake.wall + NEAR + PAUSE.1, ..awake }).0.is_empty());
}

#[test]
fn a_destination_that_is_not_in_use_is_asked_little() {
    let (cache, destination) = (Cache::default(), destination());
    cache.keep_buckets(&destination.id, Ok((0..200).map(|number| format!("b{number}")).collect()));
    let (due, _) = cache.due(&destination, false, Moment::now());
    assert_eq!(due.len(), 3 + OTHER_TOPS, "{due:?}");
}

#[test]
fn an_outage_keeps_what_was_known_and_is_not_asked_about_all_the_time() {
    let (cache, destination) = (Cache::default(), destination());
    let id = destination.id.as_str();
    cache.keep_place(id, "images", "", Ok(listing(&["docs/"], &[])));
    let before = cache.known(id);
    assert!(before.as_of.is_some() && before.trouble.is_none());
    let out = || Error::new(Code::Unreachable, imagepic_words::store::unreachable("s3.example"));
    assert!(cache.keep_place(id, "images", "", Err(out())), "that is news");
    let known = cache.known(id);
    assert_eq!((&known.folders, known.as_of), (&before.folders, before.as_of));
    assert!(known.trouble.is_some());
    assert!(!cache.keep_place(id, "images", "", Err(out())), "that is none");
    let (due, next) = cache.due(&destination, true, Moment::now());
    assert!(due.is_empty() && next > PAUSE.0 / 2, "{due:?}");
    assert!(!cache.due(&destination, true, after(PAUSE.1)).0.is_empty());
    assert!(cache.keep_place(id, "images", "", Ok(listing(&["docs/"], &[]))), "it answers again");
    assert!(cache.known(id).trouble.is_none());
}

#[test]
fn credentials_that_may_not_list_are_no_outage() {
    let (cache, destination) = (Cache::default(), destination());
    cache.keep_buckets(&destination.id, Err(Error::new(Code::Forbidden, imagepic_words::store::forbidden("s3.example", "AK"))));
    let known = cache.known(&destination.id);
    assert_eq!((known.buckets, known.trouble), (None, None));
    assert!(!cache.due(&destination, true, Moment::now()).0.contains(&Want::Buckets), "and not asked again at once");
}

#[test]
fn what_was_uploaded_is_the_newest_at_once_and_its_folders_are_there() {
    let (cache, destination) = (Cache::default(), destination());
    let id = destination.id.as_str();
    cache.keep_place(id, "images", "", Ok(listing(&["a/"], &[])));
    cache.keep_place(id, "images", "docs/img/", Ok(listing(&[], &[("docs/img/old.png", 1), ("docs/img/notes.txt", 9)])));
    assert_eq!(cache.came(id, "images", &object("docs/img/new.png", 5)), "docs/img/");
    cache.came(id, "images", &object("docs/img/old.png", 2));
    let known = cache.known(id);
    let place = |prefix: &str| known.folders[&("images".to_owned(), prefix.to_owned())].clone();
    let newest: Vec<_> = place("docs/img/").newest.iter().map(|object| (object.key.clone(), object.modified)).collect();
    assert_eq!(newest, [("docs/img/new.png".to_owned(), Some(5)), ("docs/img/old.png".to_owned(), Some(2))]);
    assert_eq!((place("docs/img/").images, place("").folders.clone()), (2, vec!["a/".to_owned(), "docs/".to_owned()]));
    assert!(!cache.due(&destination, true, Moment::now()).0.contains(&Want::Place(
        "images".to_owned(),
        "docs/img/".to_owned(),
        true
    )));
    assert!(cache.due(&destination, true, after(CALM)).0.contains(&Want::Place(
        "images".to_owned(),
        "docs/img/".to_owned(),
        true
    )));

    cache.gone(id, "images", "docs/img/new.png");
    assert_eq!(cache.known(id).folders[&("images".to_owned(), "docs/img/".to_owned())].images, 1);
}

#[test]
fn a_folder_that_was_made_here_is_there_before_anything_lies_in_it() {
    let cache = Cache::default();
    cache.made("d", "b", "docs/new/deep/");
    let below = |prefix: &str| cache.made_below("d", "b", prefix).into_iter().collect::<Vec<_>>();
    assert_eq!(below(""), ["docs/"]);
    assert_eq!(below("docs/"), ["docs/new/"]);
    assert_eq!(below("docs/n"), ["docs/new/"]);
    assert_eq!(below("docs/new/"), ["docs/new/deep/"]);
    assert!(below("docs/x").is_empty() && below("docs/new/deep/").is_empty());
    assert!(cache.made_below("d", "other", "").is_empty());
    cache.unmade("d", "b", "docs/new/");
    assert!(below("docs/").is_empty());
}

#[test]
fn of_a_place_somebody_looked_at_what_lies_directly_below_is_known_too_and_no_more() {
    let (cache, destination) = (Cache::default(), destination());
    let id = destination.id.as_str();
    let spot =
        |bucket: &str, prefix: &str| Spot { destination: id.to_owned(), bucket: bucket.to_owned(), prefix: prefix.to_owned() };
    for prefix in ["", "docs/", "docs/img/"] {
        cache.keep_place(id, "images", prefix, Ok(listing(&[], &[])));
    }
    cache.keep_buckets(id, Ok(vec!["images".to_owned()]));
    cache.turned_to(spot("far", "a/b/"));
    let due = |moment| places(&cache.due(&destination, true, moment).0);
    assert_eq!(due(Moment::now()), ["far:", "far:a/", "far:a/b/"], "itself, and the way to it");
    let folders: Vec<String> = (0..300).map(|number| format!("a/b/{number:03}/")).collect();
    let many = Folder { folders, ..Folder::default() };
    for (prefix, folder) in [("", listing(&["a/"], &[])), ("a/", listing(&["a/b/"], &[])), ("a/b/", many)] {
        cache.keep_place(id, "far", prefix, Ok(folder));
    }
    let below = due(Moment::now());
    assert_eq!((below.len(), below[0].as_str()), (BELOW, "far:a/b/000/"));
    for place in &below {
        cache.keep_place(id, "far", place.trim_start_matches("far:"), Ok(listing(&["deeper/"], &[])));
    }
    assert!(due(Moment::now()).is_empty(), "it does not walk on by itself");
    // However many places somebody looks at, what is asked for again and again stays bounded.
    for number in 0..500 {
        cache.turned_to(spot(&format!("bucket-{number}"), "x/y/z/"));
    }
    cache.used(spot("far", "2026/11/"));
    let all = due(after(FAR));
    assert!(all.contains(&"far:2026/11/".to_owned()), "own uploads are not pushed out: {all:?}");
    assert!(all.len() <= 4 + 4 * LOOKED.0, "{all:?}");
}

#[test]
fn a_place_is_said_to_be_looked_at_until_the_last_who_asked_has_an_answer() {
    let cache = Cache::default();
    let spot = Spot { destination: "d".to_owned(), bucket: "b".to_owned(), prefix: "a/".to_owned() };
    let is_asked = || cache.known("d").asked.contains(&("b".to_owned(), "a/".to_owned()));
    let (one, other) = (cache.ask(&spot), cache.ask(&spot));
    drop(one);
    assert!(is_asked());
    drop(other);
    assert!(!is_asked());
    let forgotten = cache.ask(&spot);
    cache.forget("d");
    drop(forgotten);
    assert!(!is_asked());
}
