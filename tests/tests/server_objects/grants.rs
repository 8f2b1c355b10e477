//! Putting straight to the store under a grant, and what becomes of other bytes, other people and other keys.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::Md5;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::over_every_store;
use crate::place::{PASSWORD, Place, Store, png};

over_every_store!(
    a_grant_takes_the_very_bytes_it_was_for_and_nothing_else,
    what_lies_there_without_a_grant_is_nobodys_to_complete,
    a_key_that_is_taken_is_not_granted_away,
);

pub(crate) fn wish(place: &Place, key: &str, bytes: &[u8]) -> Value {
    json!({
        "bucketName": place.bucket,
        "objectName": key,
        "contentType": "image/png",
        "size": bytes.len(),
        "sha256": hex::encode(Sha256::digest(bytes)),
        "md5": BASE64_STANDARD.encode(Md5::digest(bytes)),
        "id": "mark-1",
    })
}

/// Sends bytes under a grant; the store's status. `change` may lie about a header.
pub(crate) async fn send(place: &Place, grant: &Value, bytes: Vec<u8>, change: impl Fn(&str, &str) -> Option<String>) -> u16 {
    let mut request = place.team.http.put(grant["url"].as_str().expect("an address")).body(bytes);
    for (name, value) in grant["headers"].as_object().expect("headers") {
        let value = value.as_str().expect("text");
        if let Some(value) = change(name, value)
            && name != "content-length"
        {
            request = request.header(name, value);
        }
    }
    request.send().await.map_or(0, |answer| answer.status().as_u16())
}

pub(crate) fn as_it_is(_: &str, value: &str) -> Option<String> {
    Some(value.to_owned())
}

async fn a_grant_takes_the_very_bytes_it_was_for_and_nothing_else(store: Store) {
    let place = Place::new(store).await;
    let bytes = png(70_000);
    let key = "shots/截图 1.png";
    let grant = place.data("object/presignedPutObject", wish(&place, key, &bytes)).await;
    assert_eq!(grant["method"], "PUT");
    let url = grant["url"].as_str().expect("an address");
    assert!(url.contains("X-Amz-Expires=600"), "{url}");
    for header in grant["headers"].as_object().expect("headers").keys() {
        assert!(url.contains(header.as_str()), "{header} is signed: {url}");
    }
    let expires = grant["expiresAt"].as_str().expect("a time");
    assert!(expires.len() == 24 && expires.ends_with('Z'), "{expires}");

    let nothing = place.ask("object/putCompleted", place.at(key)).await;
    assert_eq!((nothing.status, nothing.error()), (404, "no_such_object"));
    // Other bytes of the same length, fewer, more; another type; a header less.
    let mut other = bytes.clone();
    other[60_000] ^= 1;
    let longer = [bytes.as_slice(), b"x"].concat();
    for (what, wrong) in [("other", other), ("shorter", bytes[..60_000].to_vec()), ("longer", longer)] {
        let status = send(&place, &grant, wrong, as_it_is).await;
        assert!((400..500).contains(&status), "{what} bytes: {status}");
    }
    let lies = ["content-type", "content-md5", "x-amz-meta-sha256", "x-amz-meta-imagepic-id", "x-amz-meta-imagepic-grant"];
    for lie in lies {
        let status = send(&place, &grant, bytes.clone(), |name, value| {
            Some(if name == lie { value.replace(['a', 'i', 'm'], "b") } else { value.to_owned() })
        });
        assert!((400..500).contains(&status.await), "another {lie}");
        let status = send(&place, &grant, bytes.clone(), |name, value| (name != lie).then(|| value.to_owned())).await;
        assert!((400..500).contains(&status), "no {lie}");
    }
    assert!(place.stored(key).await.is_none(), "none of them lies there");

    assert_eq!(send(&place, &grant, bytes.clone(), as_it_is).await, 200);
    let done = place.data("object/putCompleted", place.at(key)).await;
    assert_eq!(done, json!({ "etag": hex::encode(Md5::digest(&bytes)), "versionId": null, "objectName": key }));
    assert_eq!(place.stored(key).await.expect("there"), (bytes.clone(), "image/png".to_owned(), None));
    let stat = place.data("object/statObject", place.at(key)).await;
    let meta = json!({ "content-type": "image/png", "sha256": hex::encode(Sha256::digest(&bytes)), "imagepic-id": "mark-1" });
    assert_eq!(stat["metaData"], meta, "the grant is nobody's business");
    assert_eq!(place.data("object/putCompleted", place.at(key)).await, done, "an answer that was lost can be asked for again");
}

async fn what_lies_there_without_a_grant_is_nobodys_to_complete(store: Store) {
    let place = Place::new(store).await;
    place.team.register("13800138001", PASSWORD).await;
    let other = place.team.login("13800138001", PASSWORD).await;
    let bytes = png(4000);
    assert_eq!(place.team.put(&place.token, &place.bucket, "", "plain.png", bytes.clone()).await["code"], "0");
    let came = place.ask("object/putCompleted", place.at("plain.png")).await;
    assert_eq!((came.status, came.error()), (403, "forbidden"));

    let grant = place.data("object/presignedPutObject", wish(&place, "granted.png", &bytes)).await;
    assert_eq!(send(&place, &grant, bytes.clone(), as_it_is).await, 200);
    let came = place.ask_as(&other, "object/putCompleted", place.at("granted.png")).await;
    assert_eq!((came.status, came.error()), (403, "forbidden"), "it was somebody else's");
    // A copy carries the grant's words along, and they are not about it.
    let copied = json!({ "bucketName": place.bucket, "objectName": "granted.png", "targetName": "copied.png" });
    assert_eq!(place.data("object/copyObject", copied).await["objectName"], "copied.png");
    assert_eq!(place.ask("object/putCompleted", place.at("copied.png")).await.status, 403);
    for key in ["plain.png", "granted.png", "copied.png"] {
        assert!(place.stored(key).await.expect("nothing was removed").0 == bytes);
    }

    // Bytes that are honest about everything but what they are.
    let page = b"<!DOCTYPE html><script>alert(1)</script>".to_vec();
    let grant = place.data("object/presignedPutObject", wish(&place, "page.png", &page)).await;
    assert_eq!(send(&place, &grant, page, as_it_is).await, 200);
    let came = place.ask("object/putCompleted", place.at("page.png")).await;
    assert_eq!((came.status, came.error()), (415, "type_refused"));
    assert!(place.stored("page.png").await.is_none(), "it is gone");
}

async fn a_key_that_is_taken_is_not_granted_away(store: Store) {
    let place = Place::new(store).await;
    let (bytes, more) = (png(4000), png(5000));
    assert_eq!(place.team.put(&place.token, &place.bucket, "", "a.png", bytes.clone()).await["code"], "0");
    let asked = place.ask("object/presignedPutObject", wish(&place, "a.png", &more)).await;
    if asked.status == 200 {
        // The store itself keeps what is there.
        let grant = &asked.body["data"];
        assert_eq!(grant["headers"]["if-none-match"], "*");
        assert_eq!(send(&place, grant, more.clone(), as_it_is).await, 412);
        let status = send(&place, grant, more.clone(), |name, value| (name != "if-none-match").then(|| value.to_owned())).await;
        assert!((400..500).contains(&status), "the condition cannot be left out: {status}");
    } else {
        assert_eq!((asked.status, asked.error()), (412, "exists"));
    }
    assert!(place.stored("a.png").await.expect("there").0 == bytes);
    let mut over = wish(&place, "a.png", &more);
    over["ifAbsent"] = json!(false);
    let grant = place.data("object/presignedPutObject", over).await;
    assert_eq!(grant["headers"].get("if-none-match"), None);
    assert_eq!(send(&place, &grant, more.clone(), as_it_is).await, 200);
    assert!(place.stored("a.png").await.expect("there").0 == more);
}

#[tokio::test]
async fn a_wish_that_cannot_be_granted_is_refused_with_its_reason() {
    let place = Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_MAX_BYTES", "1M")).await;
    let bytes = png(500);
    let cases = [
        ("objectName", json!("../a.png"), 400, "name_refused"),
        ("objectName", json!("a\r\nx-amz-acl: public-read"), 400, "name_refused"),
        ("objectName", json!("a/"), 400, "name_refused"),
        ("objectName", json!(["a"]), 400, "bad_request"),
        ("bucketName", json!("a/b"), 404, "no_such_bucket"),
        ("bucketName", json!("another-bucket"), 404, "no_such_bucket"),
        // Offered, and not there: whoever put under such a grant would hear it from a store whose address is nobody's business.
        ("bucketName", json!("nope-bucket"), 404, "no_such_bucket"),
        ("contentType", json!("text/html"), 415, "type_refused"),
        ("contentType", json!("image/png\r\nx: y"), 415, "type_refused"),
        ("contentType", json!("application/pdf"), 415, "type_refused"),
        ("size", json!(0), 400, "bad_request"),
        ("size", json!(-1), 400, "bad_request"),
        ("size", json!(1.5), 400, "bad_request"),
        ("size", json!(2_000_000), 413, "too_large"),
        ("sha256", json!("abc"), 400, "bad_request"),
        ("md5", json!("abc"), 400, "bad_request"),
        ("md5", Value::Null, 400, "bad_request"),
        ("id", json!("a\nb"), 400, "bad_request"),
        ("id", json!("x".repeat(129)), 400, "bad_request"),
        ("ifAbsent", json!("perhaps"), 400, "bad_request"),
    ];
    for (field, value, status, error) in cases {
        let mut body = wish(&place, "a.png", &bytes);
        body[field] = value.clone();
        let came = place.ask("object/presignedPutObject", body).await;
        assert_eq!((came.status, came.error()), (status, error), "{field} = {value}: {}", came.body);
    }
    let mut drawing = wish(&place, "d.svg", &bytes);
    drawing["contentType"] = json!("image/svg+xml");
    let grant = place.data("object/presignedPutObject", drawing).await;
    assert_eq!(grant["headers"]["content-disposition"], "attachment", "a drawing that can run is only ever saved");
}

#[tokio::test]
async fn grants_are_signed_for_the_address_that_clients_know() {
    let place =
        Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_S3_PUBLIC_ENDPOINT", "https://pics.example.com")).await;
    let grant = place.data("object/presignedPutObject", wish(&place, "a.png", &png(500))).await;
    assert!(grant["url"].as_str().expect("an address").starts_with("https://pics.example.com/"), "{grant}");
    let link = place.data("object/presignedGetObject", place.at("a.png")).await;
    assert!(link.as_str().expect("a link").starts_with("https://pics.example.com/"), "{link}");
}
