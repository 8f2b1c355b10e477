//! The bytes of an object through the server: whole, in ranges, under conditions, and never in a form that runs.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::over_every_store;
use crate::place::{END, Place, Store, file, png};

over_every_store!(bytes_come_whole_in_ranges_and_under_conditions);

async fn get(place: &Place, method: Method, key: &str, headers: &[(&str, &str)]) -> Response {
    let mut url = reqwest::Url::parse(&format!("{}/imagepic/object/getObject", place.team.url)).expect("an address");
    url.query_pairs_mut().append_pair("bucketName", &place.bucket).append_pair("objectName", key);
    let mut request = place.team.http.request(method, url);
    request = request.header("authorization", format!("Bearer {}", place.token));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

fn header<'r>(answer: &'r Response, name: &str) -> &'r str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn bytes_come_whole_in_ranges_and_under_conditions(store: Store) {
    let place = Place::new(store).await;
    let bytes = png(300_000);
    let key = "截图/a b+c.png";
    assert_eq!(place.team.put(&place.token, &place.bucket, "截图", "a b+c.png", bytes.clone()).await["code"], "0");
    let whole = get(&place, Method::GET, key, &[]).await;
    assert_eq!((whole.status().as_u16(), header(&whole, "content-type")), (200, "image/png"));
    assert_eq!((header(&whole, "x-content-type-options"), header(&whole, "content-length")), ("nosniff", "300000"));
    assert!(header(&whole, "content-security-policy").contains("sandbox") && header(&whole, "content-disposition").is_empty());
    let (etag, modified) = (header(&whole, "etag").to_owned(), header(&whole, "last-modified").to_owned());
    assert!(whole.bytes().await.expect("all of it") == bytes);

    let part = get(&place, Method::GET, key, &[("range", "bytes=100-199")]).await;
    assert_eq!((part.status().as_u16(), header(&part, "content-range")), (206, "bytes 100-199/300000"));
    assert_eq!(part.bytes().await.expect("a part"), bytes[100..200]);
    let tail = get(&place, Method::GET, key, &[("range", "bytes=-5")]).await;
    assert_eq!((tail.status().as_u16(), tail.bytes().await.expect("a part").as_ref()), (206, &bytes[299_995..]));
    assert_eq!(get(&place, Method::GET, key, &[("range", "bytes=400000-")]).await.status(), 416);
    for odd in ["bytes=0-1,5-6", "lines=1-2", "nonsense", "bytes=a-b", "bytes=-", "bytes=--5", "bytes=1-2-3"] {
        assert_eq!(get(&place, Method::GET, key, &[("range", odd)]).await.status(), 200, "{odd}");
    }
    assert_eq!(get(&place, Method::GET, key, &[("if-none-match", &etag)]).await.status(), 304);
    assert_eq!(get(&place, Method::GET, key, &[("if-modified-since", &modified)]).await.status(), 304);
    assert_eq!(get(&place, Method::GET, key, &[("if-match", "\"other\"")]).await.status(), 412);
    assert_eq!(get(&place, Method::GET, key, &[("if-match", &etag)]).await.status(), 200);
    for odd in ["null", "yesterday", "", "Sun, 99 Nov 1994 08:49:37 GMT"] {
        for condition in ["if-modified-since", "if-unmodified-since"] {
            let answer = get(&place, Method::GET, key, &[(condition, odd)]).await;
            assert_eq!(answer.status(), 200, "{condition} that is no date is passed over: {odd}");
        }
    }
    for odd in [("if-none-match", "nonsense"), ("if-none-match", "\"a, b"), ("range", "bytes=99999999999999999999999-")] {
        let answer = get(&place, Method::GET, key, &[odd]).await;
        assert!(answer.status().as_u16() < 500, "{odd:?}: {}", answer.status());
    }
    let same = [("range", "bytes=0-9"), ("if-range", etag.as_str())];
    assert_eq!(get(&place, Method::GET, key, &same).await.status(), 206);
    assert_eq!(get(&place, Method::GET, key, &[("range", "bytes=0-9"), ("if-range", "\"other\"")]).await.status(), 200);

    let head = get(&place, Method::HEAD, key, &[]).await;
    assert_eq!((head.status().as_u16(), header(&head, "content-length"), header(&head, "etag")), (200, "300000", etag.as_str()));

    let gone = get(&place, Method::GET, "nope.png", &[]).await;
    assert_eq!(gone.status(), 404);
    assert_eq!(gone.json::<Value>().await.expect("JSON")["error"], "no_such_object");
}

#[tokio::test]
async fn a_drawing_that_can_run_comes_as_a_download_and_a_reader_needs_a_token() {
    let place = Place::new(Store::Embedded).await;
    let drawing = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    assert_eq!(place.form(&[], &[file("d.svg", drawing), END.to_vec()].concat()).await.status, 200);
    let answer = get(&place, Method::GET, "d.svg", &[]).await;
    assert_eq!(header(&answer, "content-disposition"), "attachment");
    let url = format!("{}/imagepic/object/getObject?bucketName={}&objectName=d.svg", place.team.url, place.bucket);
    let refused: Value = place.team.http.get(&url).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&refused["error"], &refused["msg"]), (&json!("token_missing"), &json!("未满足权限")));
    for query in ["", "?bucketName=x", "?objectName=x", "?bucketName=&objectName="] {
        let request = place.team.http.get(format!("{}/imagepic/object/getObject{query}", place.team.url));
        let answer = request.header("authorization", &place.token).send().await.expect("an answer");
        assert_eq!(answer.status(), 400, "{query}");
    }
    let other = url.replace(&place.bucket, "..%2F..%2Fetc");
    let answer = place.team.http.get(other).header("authorization", &place.token).send().await.expect("an answer");
    assert_eq!(answer.status(), 404);
}

#[tokio::test]
async fn readers_without_a_token_are_let_in_where_that_was_chosen() {
    let place = Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_ANONYMOUS_READS", "true")).await;
    assert_eq!(place.team.put(&place.token, &place.bucket, "", "a.png", png(100)).await["code"], "0");
    for (route, body) in [
        ("object/listObjects", json!({ "bucketName": place.bucket })),
        ("object/statObject", place.at("a.png")),
        ("object/getObject", place.at("a.png")),
        ("object/presignedGetObject", place.at("a.png")),
    ] {
        assert_eq!(place.team.post(route, None, &body).await["code"], "0", "{route}");
    }
    let removed = place.team.post("object/removeObject", None, &place.at("a.png")).await;
    assert_eq!(removed["error"], "token_missing", "and nothing else");
}

/// Browsers resolve such parts before they ask, so that the link would ask for something else than was signed.
#[tokio::test]
async fn no_link_is_made_that_no_browser_would_follow() {
    let place = Place::new(Store::Embedded).await;
    for key in ["../other/a.png", "a/../b.png", "a/.", "..", "./a.png"] {
        let came = place.ask("object/presignedGetObject", place.at(key)).await;
        assert_eq!((came.status, came.error()), (400, "name_refused"), "{key}");
    }
    for key in ["a..png", "..a/b.png", "...", "nothing/is/here.png"] {
        let link = place.data("object/presignedGetObject", place.at(key)).await;
        assert!(link.as_str().is_some_and(|link| link.contains("X-Amz-Signature")), "{key}: {link}");
    }
}
