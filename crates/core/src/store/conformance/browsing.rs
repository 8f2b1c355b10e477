//! What browsing asks of every store.

use super::{Place, bytes, hour, keys};
use crate::error::Code;

/// What begins so is listed by it, an object of exactly that name too.
///
/// # Panics
/// Where that does not hold.
pub async fn the_beginning_of_a_name_finds_it(place: &Place) {
    for (key, size) in [("p/shot.png", 41), ("p/shot.png.old", 42), ("p/shots/1.png", 43), ("p/other.png", 44)] {
        place.put(key, &bytes(size)).await;
    }
    let found = place.page("p/shot").await;
    assert_eq!((keys(&found), &found.folders), (vec!["p/shot.png", "p/shot.png.old"], &vec!["p/shots/".to_owned()]));
    assert_eq!(keys(&place.page("p/shot.png").await), ["p/shot.png", "p/shot.png.old"]);
    assert!(place.page("p/x").await.objects.is_empty());
}

/// Several go at once, each with an outcome; what was not there is gone.
///
/// # Panics
/// Where that does not hold.
pub async fn many_are_removed_at_once(place: &Place) {
    let names = ["m/1.png", "m/ü &<>\" 2.png", "m/deep/3.png"];
    for (index, name) in names.iter().enumerate() {
        place.put(name, &bytes(50 + index)).await;
    }
    place.put("m/stays.png", &bytes(60)).await;
    let mut gone: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    gone.push("m/never-there.png".to_owned());
    let outcomes = place.store.remove_many(&place.bucket, &gone).await.expect("answered");
    assert_eq!(outcomes.len(), gone.len());
    for (name, outcome) in gone.iter().zip(outcomes) {
        outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(place.store.stat(&place.bucket, name).await.unwrap(), None, "{name}");
    }
    assert_eq!(keys(&place.page("m/").await), ["m/stays.png"]);
    assert!(place.store.remove_many(&place.bucket, &[]).await.expect("nothing to do").is_empty());
}

/// A copy that wants a free name takes no other one's.
///
/// # Panics
/// Where that does not hold.
pub async fn a_copy_to_a_taken_name_is_refused(place: &Place) {
    place.put("from.png", &bytes(500)).await;
    place.put("taken.png", &bytes(600)).await;
    let refused = place.store.copy_new(&place.bucket, "from.png", "taken.png").await.expect_err("taken");
    assert_eq!(refused.code, Code::NameTaken, "{refused}");
    assert_eq!(place.read("taken.png").await.body(), &bytes(600));
    place.store.copy_new(&place.bucket, "from.png", "free.png").await.expect("copied");
    assert_eq!(place.read("free.png").await.body(), &bytes(500));
}

/// The bytes come as they are, up to a limit, and with everything that is told of them.
///
/// # Panics
/// Where that does not hold.
pub async fn an_object_is_read_and_told_of(place: &Place) {
    let content = bytes(70_001);
    place.put("r/截图 1.png", &content).await;
    let (bucket, key) = (place.bucket.as_str(), "r/截图 1.png");
    assert_eq!(place.store.read(bucket, key, 70_001).await.expect("read"), content);
    assert_eq!(place.store.read(bucket, key, 70_000).await.expect_err("too much").code, Code::TooLarge);
    assert_eq!(place.store.read(bucket, "r/none.png", 100).await.expect_err("not there").code, Code::NoSuchObject);
    let told = place.store.details(bucket, key).await.expect("answered").expect("there");
    assert_eq!((told.object.size, told.object.content_type.as_deref()), (70_001, Some("image/png")));
    assert_eq!(told.metadata.get("imagepic-id").map(String::as_str), Some("an-id"), "{told:?}");
    assert_eq!(told.object.id.as_deref(), Some("an-id"));
    assert_eq!(place.store.details(bucket, "r/none.png").await.expect("answered"), None);
}

/// A folder is opened to everybody and closed again, or the store says that it cannot.
///
/// # Panics
/// Where that does not hold.
pub async fn a_folder_is_opened_and_closed_or_refused_with_the_reason(place: &Place) {
    place.put("open/a.png", &bytes(80)).await;
    place.put("shut/a.png", &bytes(81)).await;
    let unsigned = async |key: &str| {
        let link = place.store.link(&place.bucket, key, &hour()).await.expect("a link");
        place.open(link.url.split('?').next().unwrap_or_default()).await.status().as_u16()
    };
    if let Err(refused) = place.store.set_access(&place.bucket, "open/", true).await {
        assert!(matches!(refused.code, Code::Unsupported | Code::Forbidden), "{refused}");
        return;
    }
    assert_eq!((unsigned("open/a.png").await, unsigned("shut/a.png").await), (200, 403));
    let rules = place.store.access(&place.bucket).await.expect("told");
    let open: Vec<&str> = rules.iter().filter(|rule| rule.public).map(|rule| rule.prefix.as_str()).collect();
    assert_eq!(open, ["open/"]);
    place.store.set_access(&place.bucket, "open/", false).await.expect("closed");
    assert_eq!(unsigned("open/a.png").await, 403);
    assert!(place.store.access(&place.bucket).await.expect("told").iter().all(|rule| !rule.public));
}
