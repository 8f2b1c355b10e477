//! Rows of the contract about buckets and objects that the old service had not: what is not offered, what the configuration adds, what
//! the disk and the store do not take, and what a grant was not for.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use md5::Md5;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::over_every_store;
use crate::place::{Came, END, PASSWORD, PHONE, Place, Store, file, png};

over_every_store!(bytes_that_are_not_what_the_grant_was_for_do_not_stay);

const MIB: usize = 1024 * 1024;

async fn get(place: &Place, path: &str, token: Option<&str>) -> Came {
    let mut request = place.team.http.get(format!("{}/imagepic/{path}", place.team.url));
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let answer = request.send().await.expect("an answer");
    Came { status: answer.status().as_u16(), head: String::new(), body: answer.json().await.expect("JSON") }
}

/// The store has it; this server does not offer it.
#[tokio::test]
async fn a_bucket_that_is_not_offered_is_not_there_on_any_route() {
    let place = Place::new(Store::Embedded).await;
    let hidden = format!("hidden-{}", uuid::Uuid::new_v4().simple());
    place.direct.make_bucket(&hidden).await.expect("a bucket");
    let listed = get(&place, "bucket/listBuckets", Some(&place.token)).await;
    let names: Vec<_> = listed.body["data"].as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, [place.empty.as_str(), place.bucket.as_str()]);
    let picture = png(500);
    let wish = json!({
        "bucketName": "", "objectName": "a.png", "contentType": "image/png", "size": 500,
        "sha256": hex::encode(Sha256::digest(&picture)), "md5": BASE64_STANDARD.encode(Md5::digest(&picture)),
    });
    let at = json!({ "bucketName": "", "objectName": "a.png", "targetName": "b.png", "objectNames": ["a.png"] });
    // Where the old service answered, it did so with 200.
    for (route, body, status) in [
        ("object/listObjects", &at, 404),
        ("object/getObject", &at, 404),
        ("object/statObject", &at, 404),
        ("object/presignedGetObject", &at, 404),
        ("object/removeObject", &at, 200),
        ("object/removeObjects", &at, 404),
        ("object/copyObject", &at, 404),
        ("object/presignedPutObject", &wish, 404),
        ("object/putCompleted", &at, 404),
        ("policy/getBucketPolicy", &at, 404),
    ] {
        // The second one is offered, and the store has it not.
        for bucket in [&*hidden, "nope-bucket"] {
            if (route, bucket) == ("object/presignedGetObject", "nope-bucket") {
                // No question to the store is worth a link that may come true later.
                continue;
            }
            let mut body = body.clone();
            body["bucketName"] = json!(bucket);
            let came = place.ask(route, body).await;
            assert_eq!((came.status, came.error()), (status, "no_such_bucket"), "{route} {bucket}: {}", came.body);
            assert_eq!(came.body["data"], json!({ "code": "NoSuchBucket", "bucketname": bucket }), "{route}");
        }
    }
    for path in ["object/getObject?objectName=a.png&bucketName", "notification/listen?bucketName"] {
        let came = get(&place, &format!("{path}={hidden}"), Some(&place.token)).await;
        assert_eq!((came.status, came.error()), (404, "no_such_bucket"), "{path}");
    }
    let came = place.form(&[("bucket", hidden.as_bytes())], &[file("a.png", &picture), END.to_vec()].concat()).await;
    assert_eq!((came.status, came.error()), (200, "no_such_bucket"));
    assert!(place.direct.list(&hidden, "", None, 10).await.expect("a listing").objects.is_empty());
    for route in ["policy/getBucketPolicy", "object/listObjects", "object/removeObjects"] {
        let came = place.ask(route, json!({})).await;
        assert_eq!((came.status, came.error()), (400, "bad_request"), "{route} without a bucket");
    }
}

#[tokio::test]
async fn types_that_the_configuration_adds_are_taken_as_downloads_and_pages_never() {
    let place = Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_TYPES", "application/pdf, text/plain")).await;
    let came = place.form(&[], &[file("a.pdf", b"%PDF-1.7 of a test"), END.to_vec()].concat()).await;
    assert_eq!(came.status, 200, "{}", came.body);
    assert_eq!(place.stored("a.pdf").await.expect("there").1, "application/pdf");
    let url = format!("{}/imagepic/object/getObject?bucketName={}&objectName=a.pdf", place.team.url, place.bucket);
    let answer = place.team.http.get(url).header("authorization", &place.token).send().await.expect("an answer");
    assert_eq!(answer.headers()["content-disposition"], "attachment", "not on this server's own page");
    let came = place.form(&[], &[file("a.txt", b"<!DOCTYPE html><script>1</script>"), END.to_vec()].concat()).await;
    assert_eq!((came.status, came.error()), (415, "type_refused"));
    assert_eq!(place.count("").await, 1);
    let refused = imagepic_tests::team::TeamSetup::default().set("IMAGEPIC_TYPES", "text/html").try_start().await;
    assert!(refused.expect_err("no configuration opens that door").said.contains("IMAGEPIC_TYPES"));
}

#[tokio::test]
async fn an_upload_for_which_the_disk_has_no_room_is_told_to_come_back() {
    let place = Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_SPOOL_BYTES", "1M")).await;
    let form = [file("large.png", &png(3 * MIB)), END.to_vec()].concat();
    let pieces: Vec<_> = form.chunks(60_000).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
    let request = place.team.http.post(format!("{}/imagepic/object/putObject", place.team.url));
    let request = request.body(reqwest::Body::wrap_stream(futures::stream::iter(pieces)));
    let request = request.header("content-type", "multipart/form-data; boundary=bound");
    let request = request.header("authorization", &place.token).header("bucket", &place.bucket);
    let answer = request.send().await.expect("an answer, and no reset");
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("retry-after")), (503, true));
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!((&body["error"], &body["code"], &body["msg"]), (&json!("busy"), &json!("-1"), &json!("失败")));
    assert_eq!(place.count("").await, 0);
    // One whose length is known needs no room there.
    assert_eq!(place.form(&[], &form).await.status, 200);
}

/// One that answers and is none, and one that refuses everything.
#[tokio::test]
async fn what_a_store_refuses_is_told_without_its_address() {
    use imagepic_tests::servers::{store_with_another_clock, website};
    refused_by(website(), &[("object/listObjects", 502), ("object/removeObjects", 502)]).await;
    let clock = store_with_another_clock(std::time::Duration::from_secs(7200));
    refused_by(clock, &[("object/removeObject", 200), ("object/removeObjects", 502), ("policy/getBucketPolicy", 502)]).await;
}

async fn refused_by(endpoint: String, rows: &[(&str, u16)]) {
    let nobody = imagepic_tests::servers::S3Server { endpoint, region: "us-east-1", access_key: "a", secret_key: "b", port: 1 };
    let team = imagepic_tests::team::TeamSetup::default().store(&nobody).start().await;
    team.register(PHONE, PASSWORD).await;
    let token = team.login(PHONE, PASSWORD).await;
    let ask = async |route: &str| {
        let body = json!({ "bucketName": "pics", "objectName": "a.png", "targetName": "b.png", "objectNames": ["a.png"] });
        let request = team.http.post(format!("{}/imagepic/{route}", team.url)).json(&body).header("authorization", &token);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    for (route, status) in rows {
        let (came, body) = ask(route).await;
        assert_eq!((came, &body["error"], &body["code"]), (*status, &json!("store_refused"), &json!("-1")), "{route}: {body}");
        assert!(!body.to_string().contains("127.0.0.1"), "no address: {body}");
    }
}

async fn bytes_that_are_not_what_the_grant_was_for_do_not_stay(store: Store) {
    let place = Place::new(store).await;
    let (promised, sent) = (png(5000), [png(4999), vec![7]].concat());
    // The store is told the truth, and the server is not: the hash that others take for the content is of other bytes.
    let wish = json!({
        "bucketName": place.bucket, "objectName": "a.png", "contentType": "image/png", "size": sent.len(),
        "sha256": hex::encode(Sha256::digest(&promised)), "md5": BASE64_STANDARD.encode(Md5::digest(&sent)),
    });
    let grant = place.data("object/presignedPutObject", wish).await;
    let mut request = place.team.http.put(grant["url"].as_str().expect("an address")).body(sent);
    for (name, value) in grant["headers"].as_object().expect("headers").iter().filter(|(name, _)| *name != "content-length") {
        request = request.header(name, value.as_str().expect("text"));
    }
    let arrived = request.send().await.expect("an answer").status().as_u16();
    let came = place.ask("object/putCompleted", place.at("a.png")).await;
    if arrived == 200 {
        assert_eq!((came.status, came.error()), (400, "bad_request"), "{}", came.body);
    } else {
        // A store that holds the hash against the bytes by itself.
        assert_eq!((arrived / 100, came.status, came.error()), (4, 404, "no_such_object"), "{}", came.body);
    }
    assert!(place.stored("a.png").await.is_none(), "it is gone");
}

#[tokio::test]
async fn where_everybody_may_read_everybody_sees_buckets_and_rules_and_nobody_listens() {
    let place = Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_ANONYMOUS_READS", "true")).await;
    let listed = get(&place, "bucket/listBuckets", None).await;
    assert_eq!((listed.status, listed.body["data"].as_array().map(Vec::len)), (200, Some(2)), "{}", listed.body);
    let rules = place.team.post("policy/getBucketPolicy", None, &json!({ "bucketName": place.bucket })).await;
    assert_eq!(rules["data"]["access"], json!([{ "prefix": "", "access": "private" }]));
    let heard = get(&place, &format!("notification/listen?bucketName={}", place.bucket), None).await;
    assert_eq!((heard.status, heard.error()), (200, "token_missing"));
    let set = json!({ "bucketName": place.bucket, "prefix": "", "access": "public-read" });
    assert_eq!(place.team.post("policy/setBucketPolicy", None, &set).await["error"], "token_missing");
}
