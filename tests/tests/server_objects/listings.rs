//! Listings by page and by cursor, copying, and removing many at once.

use serde_json::{Value, json};

use crate::over_every_store;
use crate::place::{Place, Store, png};

over_every_store!(
    pages_hold_objects_first_and_then_prefixes,
    a_cursor_leads_through_a_place_once,
    copying_keeps_what_is_there_unless_told_otherwise,
    many_are_removed_at_once_and_each_is_accounted_for,
);

async fn fill(place: &Place) {
    for key in ["b.png", "d.png", "f.png", "a/1.png", "c/1.png", "e/1.png", "e/x/1.png"] {
        let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        assert_eq!(place.team.put(&place.token, &place.bucket, folder, name, png(100)).await["code"], "0");
    }
}

fn said(lists: &Value) -> Vec<String> {
    let name = |one: &Value| one["name"].as_str().or(one["prefix"].as_str()).expect("an entry").to_owned();
    lists.as_array().expect("a list").iter().map(name).collect()
}

async fn pages_hold_objects_first_and_then_prefixes(store: Store) {
    let place = Place::new(store).await;
    fill(&place).await;
    let all = ["b.png", "d.png", "f.png", "a/", "c/", "e/"];
    for size in 1..=7_usize {
        let mut seen = Vec::new();
        for number in 1..=7 {
            let body = json!({ "bucketName": place.bucket, "pageSize": size, "pageNum": number });
            let page = place.data("object/listObjects", body).await;
            assert_eq!(page["total"], 6);
            seen.extend(said(&page["lists"]));
        }
        assert_eq!(seen, all, "pages of {size}");
    }
    let deep = place.data("object/listObjects", json!({ "bucketName": place.bucket, "prefix": "e/" })).await;
    assert_eq!((deep["total"].as_u64(), said(&deep["lists"])), (Some(2), vec!["e/1.png".to_owned(), "e/x/".to_owned()]));
    let none = place.data("object/listObjects", json!({ "bucketName": place.bucket, "prefix": "nothing/" })).await;
    assert_eq!(none, json!({ "total": 0, "lists": [] }));
    for (field, value) in
        [("pageSize", json!(0)), ("pageNum", json!(0)), ("pageNum", json!(-2)), ("pageSize", json!("x")), ("prefix", json!([1]))]
    {
        let mut body = json!({ "bucketName": place.bucket });
        body[field] = value.clone();
        let came = place.ask("object/listObjects", body).await;
        assert_eq!((came.status, came.error()), (400, "bad_request"), "{field} = {value}");
    }
    let huge = json!({ "bucketName": place.bucket, "pageSize": i64::MAX, "pageNum": i64::MAX });
    assert_eq!(place.data("object/listObjects", huge).await, json!({ "total": 6, "lists": [] }));
    let gone = place.ask("object/listObjects", json!({ "bucketName": "nope-bucket" })).await;
    assert_eq!((gone.status, gone.error()), (404, "no_such_bucket"));
}

async fn a_cursor_leads_through_a_place_once(store: Store) {
    let place = Place::new(store).await;
    fill(&place).await;
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    for _ in 0..10 {
        let body = json!({ "bucketName": place.bucket, "cursor": cursor, "limit": 2 });
        let slice = place.data("object/listObjects", body).await;
        let here = said(&slice["lists"]);
        assert!(here.len() <= 2 && slice.get("total").is_none(), "{slice}");
        seen.extend(here);
        cursor = slice["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, ["a/", "b.png", "c/", "d.png", "e/", "f.png"]);
    for limit in [json!(0), json!(1001), json!(-5)] {
        let came = place.ask("object/listObjects", json!({ "bucketName": place.bucket, "limit": limit })).await;
        assert_eq!((came.status, came.error()), (400, "bad_request"));
    }
    for odd in ["nonsense", "2:nonsense", "1:nonsense"] {
        let came = place.ask("object/listObjects", json!({ "bucketName": place.bucket, "cursor": odd, "limit": 5 })).await;
        assert!(came.status < 500 || came.error() == "store_refused", "{odd}: {} {}", came.status, came.body);
    }
}

async fn copying_keeps_what_is_there_unless_told_otherwise(store: Store) {
    let place = Place::new(store).await;
    for (name, size) in [("a.png", 100), ("b.png", 200)] {
        assert_eq!(place.team.put(&place.token, &place.bucket, "截图", name, png(size)).await["code"], "0");
    }
    let copy = |from: &str, to: &str| json!({ "bucketName": place.bucket, "objectName": from, "targetName": to });
    let done = place.data("object/copyObject", copy("截图/a.png", "other/ü & c.png")).await;
    assert_eq!((&done["objectName"], done["etag"].as_str().map(str::len)), (&json!("other/ü & c.png"), Some(32)));
    assert_eq!(place.stored("other/ü & c.png").await.expect("there"), (png(100), "image/png".to_owned(), None));
    let taken = place.ask("object/copyObject", copy("截图/a.png", "截图/b.png")).await;
    assert_eq!((taken.status, taken.error()), (412, "exists"));
    assert_eq!(place.stored("截图/b.png").await.expect("there").0, png(200));
    let mut over = copy("截图/a.png", "截图/b.png");
    over["ifAbsent"] = json!(false);
    place.data("object/copyObject", over).await;
    assert_eq!(place.stored("截图/b.png").await.expect("there").0, png(100));
    for (from, to, status, error) in [
        ("nope.png", "x.png", 404, "no_such_object"),
        ("截图/a.png", "../x.png", 400, "name_refused"),
        ("截图/a.png", "截图/a.png", 400, "bad_request"),
        ("截图/a.png", "", 400, "bad_request"),
    ] {
        let came = place.ask("object/copyObject", copy(from, to)).await;
        assert_eq!((came.status, came.error()), (status, error), "{from} to {to}");
    }
}

async fn many_are_removed_at_once_and_each_is_accounted_for(store: Store) {
    let place = Place::new(store).await;
    let keys = ["a&b<c>.png", "截图 1.png", "quote\"'.png", "plain.png"];
    for key in keys.iter().filter(|key| !key.contains('"')).chain(&["kept.png"]) {
        assert_eq!(place.team.put(&place.token, &place.bucket, "", key, png(100)).await["code"], "0", "{key}");
    }
    let long = "x".repeat(1025);
    let names: Vec<&str> = keys.iter().copied().chain([long.as_str(), "", "not there.png"]).collect();
    let came = place.data("object/removeObjects", json!({ "bucketName": place.bucket, "objectNames": names })).await;
    let results = came.as_array().expect("a list");
    assert_eq!(results.len(), names.len());
    for (result, name) in results.iter().zip(&names) {
        let good = !name.is_empty() && name.len() <= 1024;
        assert_eq!((&result["objectName"], &result["success"]), (&json!(name), &json!(good)), "{result}");
        assert_eq!(result.get("error"), (!good).then_some(&json!("name_refused")));
    }
    assert_eq!(place.count("").await, 1, "what was not named stays");
    for names in [json!([]), json!([1]), json!(vec!["x"; 1001]), Value::Null] {
        let came = place.ask("object/removeObjects", json!({ "bucketName": place.bucket, "objectNames": names })).await;
        assert_eq!((came.status, came.error()), (400, "bad_request"), "{names}");
    }
    let gone = place.ask("object/removeObjects", json!({ "bucketName": "nope-bucket", "objectNames": ["a"] })).await;
    assert_eq!((gone.status, gone.error()), (404, "no_such_bucket"));
    let unsigned =
        place.team.post("object/removeObjects", None, &json!({ "bucketName": place.bucket, "objectNames": ["kept.png"] })).await;
    assert_eq!(unsigned["error"], "token_missing");
    assert_eq!(place.count("").await, 1);
}
