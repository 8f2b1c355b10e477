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
    // What a store makes of them differs: to some any text is a place to go on from.
    for odd in ["zz", "nonsense", "2:nonsense", "2:!!!!", "1:nonsense", "%2e%2e", "zz\u{0}", "\u{0}", "截图", &"x".repeat(5000)]
    {
        let came = place.ask("object/listObjects", json!({ "bucketName": place.bucket, "cursor": odd, "limit": 5 })).await;
        assert!(
            came.status == 200 || (came.status, came.error()) == (400, "bad_request"),
            "{odd:?}: {} {}",
            came.status,
            came.body
        );
        assert!(store != Store::Embedded || came.status == 400 || odd.starts_with("1:"), "{odd:?}: {}", came.body);
    }
    assert!(!place.team.said().contains("the store did not do it"), "{}", place.team.said());
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

/// As many as there may be, with names as long as people's folders make them.
#[tokio::test]
async fn a_thousand_long_names_are_removed_at_once() {
    let place = Place::new(Store::Embedded).await;
    let folder = format!("2026/11/{}", "截图".repeat(60));
    for name in ["000.png", "999.png"] {
        assert_eq!(place.team.put(&place.token, &place.bucket, &folder, name, png(100)).await["code"], "0");
    }
    let names: Vec<_> = (0..1000).map(|at| format!("{folder}/{at:03}.png")).collect();
    let came = place.data("object/removeObjects", json!({ "bucketName": place.bucket, "objectNames": names })).await;
    assert_eq!(came.as_array().expect("a list").iter().filter(|one| one["success"] == true).count(), 1000);
    assert_eq!(place.count("2026/").await, 0);
    let names: Vec<_> = (0..1000).map(|at| format!("{}{at:03}", "x".repeat(2200))).collect();
    let came = place.ask("object/removeObjects", json!({ "bucketName": place.bucket, "objectNames": names })).await;
    assert_eq!((came.status, came.error()), (413, "too_large"), "more than a thousand names can be");
}

/// Sixteen megabytes each, which nobody reads.
#[tokio::test]
async fn long_listings_that_nobody_reads_do_not_fill_the_servers_memory() {
    use tokio::io::AsyncWriteExt as _;
    let embedded = imagepic_tests::embedded::embedded().await;
    let place = Place::over(embedded.reached.clone(), |setup, _| setup).await;
    // Few of them, with names as long as names can be.
    fill_by_sql(&embedded, &place.bucket, 16_000, 980).await;
    let host = place.team.url.trim_start_matches("http://");
    let body = json!({ "bucketName": place.bucket, "pageNum": -1 }).to_string();
    let mut unread = Vec::new();
    let refused = loop {
        let mut line = tokio::net::TcpStream::connect(host).await.expect("a connection");
        let head = format!(
            "POST /imagepic/object/listObjects HTTP/1.1\r\nhost: {host}\r\nauthorization: {}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            place.token,
            body.len()
        );
        line.write_all(head.as_bytes()).await.expect("it goes out");
        let mut status = [0; 12];
        while line.peek(&mut status).await.expect("an answer") < status.len() {}
        if &status != b"HTTP/1.1 200" {
            break crate::place::answer(&mut line).await;
        }
        unread.push(line);
        assert!(unread.len() < 20, "{} of them lie in memory", unread.len());
    };
    assert_eq!((refused.status, refused.error()), (503, "busy"), "{}", refused.body);
    assert!(refused.head.contains("\r\nretry-after: ") && unread.len() > 1, "{}", refused.head);
    drop(unread);
    let all = imagepic_tests::within(std::time::Duration::from_secs(30), "there is room again", async || {
        let came = place.ask("object/listObjects", json!({ "bucketName": place.bucket, "pageNum": -1 })).await;
        (came.status == 200).then_some(came)
    });
    assert_eq!(all.await.body["data"]["lists"].as_array().map(Vec::len), Some(16_000));
}

/// What pages may cost at most, and what a cursor costs however large the place: half of them objects, half of them prefixes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: cargo xtask test --all"]
async fn a_place_of_a_million_entries_is_listed_by_page_and_by_cursor() {
    let embedded = imagepic_tests::embedded::embedded().await;
    let place = Place::over(embedded.reached.clone(), |setup, _| setup).await;
    fill_by_sql(&embedded, &place.bucket, 1_000_000, 0).await;
    let page = async |size: u64, number: i64| {
        place.ask("object/listObjects", json!({ "bucketName": place.bucket, "pageSize": size, "pageNum": number })).await
    };
    let holds = async |size: u64, number: i64, first: &str, last: &str| {
        let came = page(size, number).await;
        let names = said(&came.body["data"]["lists"]);
        assert_eq!((came.status, came.body["data"]["total"].as_u64()), (200, Some(1_000_000)), "page {number} of {size}");
        assert_eq!((names.first().map(String::as_str), names.last().map(String::as_str)), (Some(first), Some(last)), "{number}");
    };
    tokio::join!(
        holds(1000, 500, "o0499000.png", "o0499999.png"),
        holds(3000, 167, "o0498000.png", "p0000999/"),
        holds(1000, 1000, "p0499000/", "p0499999/"),
    );
    let came = page(10, -1).await;
    assert_eq!((came.status, came.error()), (413, "too_large"), "an answer holds no more than 100,000");

    let (mut cursor, mut seen, mut requests) = (Value::Null, 0_usize, 0_usize);
    let mut before = String::new();
    loop {
        let body = json!({ "bucketName": place.bucket, "cursor": cursor, "limit": 1000 });
        let slice = place.data("object/listObjects", body).await;
        let names = said(&slice["lists"]);
        assert!(names.is_sorted() && names.first().is_none_or(|first| *first > before), "{names:?}");
        (seen, requests) = (seen + names.len(), requests + 1);
        before = names.last().cloned().unwrap_or(before);
        cursor = slice["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!((seen, requests), (1_000_000, 1000));
    assert_eq!(place.team.put(&place.token, &place.bucket, "", "one-more.png", png(100)).await["code"], "0");
    let came = page(10, 1).await;
    assert_eq!((came.status, came.error()), (413, "too_large"), "beyond a million only the cursor leads through");
}

/// Half of so many as `o0000000.png` and on, the other half one by one in `p0000000/` and on, with so many letters more behind the number:
/// the first is put as every object, the others are written beside it as it stands in the index.
async fn fill_by_sql(embedded: &imagepic_tests::embedded::Embedded, bucket: &str, count: usize, more: usize) {
    imagepic_bucket::bench::fill(&embedded.itself, bucket, 1, |_| "o0000000.png".to_owned()).await.expect("one is there");
    let index = rusqlite::Connection::open(embedded.dir.join("index.sqlite")).expect("the index");
    let written = index.execute(
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1 - 1)
         INSERT INTO object (bucket, key, size, etag, modified, meta, pieces)
         SELECT bucket, CAST(CASE WHEN n < ?1 / 2 THEN printf('o%07d%s.png', n, ?2) ELSE printf('p%07d%s/1.png', n - ?1 / 2, ?2) END AS BLOB),
                size, etag, modified, meta, pieces
         FROM number, object WHERE key = CAST('o0000000.png' AS BLOB)",
        rusqlite::params![i64::try_from(count).expect("a number"), "x".repeat(more)],
    );
    assert_eq!(written.expect("written"), count - 1);
}
