//! putObject: large and small, whole and broken, honest and not.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::over_every_store;
use crate::place::{END, PHONE, Place, Store, answer, file, part, png};

over_every_store!(
    a_file_too_large_for_memory_arrives_however_its_form_is_written,
    an_upload_that_breaks_off_leaves_nothing_behind,
    a_name_that_is_taken_is_kept_where_that_was_asked,
);

const MIB: usize = 1024 * 1024;

async fn a_file_too_large_for_memory_arrives_however_its_form_is_written(store: Store) {
    let place = Place::new(store).await;
    let bytes = png(3 * MIB + 17);
    // Full of what a boundary begins with, around the places where pieces are cut.
    let mut tricky = png(2 * MIB);
    for at in (100..tricky.len() - 20).step_by(8_191) {
        tricky[at..at + 10].copy_from_slice(b"\r\n--boundX");
    }
    let after = part("form-data; name=\"more\"", b"something behind the file");
    let forms = [
        ("last.png", &bytes, [file("last.png", &bytes), END.to_vec()].concat()),
        ("bare-end.png", &bytes, [file("bare-end.png", &bytes), b"--bound--".to_vec()].concat()),
        ("before.png", &bytes, [file("before.png", &bytes), after.clone(), END.to_vec()].concat()),
        ("epilogue.png", &bytes, [file("epilogue.png", &bytes), END.to_vec(), b"good bye".to_vec()].concat()),
        ("behind.png", &bytes, [after.clone(), file("behind.png", &bytes), END.to_vec()].concat()),
        ("tricky.png", &tricky, [file("tricky.png", &tricky), END.to_vec()].concat()),
    ];
    for (key, bytes, form) in &forms {
        let came = place.form(&[], form).await;
        assert_eq!((came.status, &came.body["data"]["objectName"]), (200, &json!(key)), "{key}: {}", came.body);
        let (stored, kind, _) = place.stored(key).await.expect("it is there");
        assert!(&stored == *bytes && kind == "image/png", "{key}: {} bytes of {kind}", stored.len());
    }
    // Nobody knows the length beforehand.
    let pieces: Vec<_> = forms[0].2.chunks(60_000).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
    let request = place.team.http.post(format!("{}/imagepic/object/putObject", place.team.url));
    let request = request.body(reqwest::Body::wrap_stream(futures::stream::iter(pieces)));
    let request = request.header("content-type", "multipart/form-data; boundary=bound").header("folder", "chunked");
    let request = request.header("authorization", &place.token).header("bucket", &place.bucket);
    let came: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(came["data"]["objectName"], "chunked/last.png", "{came}");
    assert!(place.stored("chunked/last.png").await.expect("there").0 == bytes);
}

async fn an_upload_that_breaks_off_leaves_nothing_behind(store: Store) {
    let place = Place::new(store).await;
    for size in [50_000, 3 * MIB] {
        let whole = [file("cut.png", &png(size)), END.to_vec()].concat();
        let length = whole.len().to_string();
        let headers = [("content-type", &b"multipart/form-data; boundary=bound"[..]), ("content-length", length.as_bytes())];
        // The line breaks: in the data, before the last delimiter, in it.
        for cut in [whole.len() / 2, whole.len() - END.len(), whole.len() - 5] {
            let mut line = place.begin(&headers).await;
            line.write_all(&whole[..cut]).await.expect("it goes out");
            line.shutdown().await.expect("closed");
            let mut rest = Vec::new();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut line, &mut rest).await;
        }
        // The length is right and the form is not: the last delimiter is another one's.
        let mut other = whole.clone();
        let at = other.len() - END.len();
        other[at..at + 9].copy_from_slice(b"--bounX--");
        let came = place.form(&[], &other).await;
        assert_eq!((came.status, came.error()), (400, "bad_request"), "{}", came.body);
        // A second file.
        let two = [file("cut.png", &png(size)), file("cut.png", &png(10)), END.to_vec()].concat();
        let came = place.form(&[], &two).await;
        assert_eq!((came.status, came.error()), (400, "bad_request"), "{}", came.body);
    }
    assert_eq!(place.count("").await, 0, "nothing lies in the bucket");
}

async fn a_name_that_is_taken_is_kept_where_that_was_asked(store: Store) {
    let place = Place::new(store).await;
    let first = png(2000);
    for (size, status) in [(2000, 200), (3000, 412), (2 * MIB, 412)] {
        let came = place.form(&[("if-none-match", b"*")], &[file("a.png", &png(size)), END.to_vec()].concat()).await;
        assert_eq!(came.status, status, "{}", came.body);
        assert_eq!(came.error(), if status == 412 { "exists" } else { "" });
    }
    assert!(place.stored("a.png").await.expect("there").0 == first, "it is what it was");
    let came = place.form(&[("if-none-match", b"\"etag\"")], &[file("a.png", &first), END.to_vec()].concat()).await;
    assert_eq!((came.status, came.error()), (400, "bad_request"));
}

#[tokio::test]
async fn what_is_no_form_or_has_no_file_in_it_is_refused_and_the_server_lives() {
    let place = Place::new(Store::Embedded).await;
    let picture = png(500);
    let good = [file("a.png", &picture), END.to_vec()].concat();
    let field = part("form-data; name=\"x\"", b"1");
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("no parts", END.to_vec()),
        ("no file", [field.clone(), END.to_vec()].concat()),
        ("a field called file", [part("form-data; name=\"file\"", &picture), END.to_vec()].concat()),
        ("a file of another name", [part("form-data; name=\"image\"; filename=\"a.png\"", &picture), END.to_vec()].concat()),
        ("too many fields", [field.repeat(65), good.clone()].concat()),
        ("a field as large as a file", [part("form-data; name=\"x\"", &vec![b'x'; 2 * MIB]), good.clone()].concat()),
        ("endless headers", [b"--bound\r\nX: ".to_vec(), vec![b'x'; 40_000], b"\r\n\r\n".to_vec(), good.clone()].concat()),
        ("no blank line", [b"--bound\r\nContent-Disposition: form-data".to_vec(), END.to_vec()].concat()),
        ("no delimiter at all", picture.clone()),
        ("an endless epilogue", [good.clone(), vec![b'x'; 40_000]].concat()),
    ];
    for (what, form) in &forms {
        let came = place.form(&[], form).await;
        assert_eq!((came.status, came.error(), &came.body["code"]), (400, "bad_request", &json!("-1")), "{what}: {}", came.body);
    }
    for kind in [
        "application/json",
        "text/plain",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=bound",
    ] {
        let length = good.len().to_string();
        let came = place.raw(&[("content-type", kind.as_bytes()), ("content-length", length.as_bytes())], &good).await;
        assert_eq!((came.status, came.error()), (400, "bad_request"), "{kind}: {}", came.body);
    }
    let came = place.raw(&[("content-length", b"0")], b"").await;
    assert_eq!((came.status, came.error()), (400, "bad_request"), "without any type");
    let came = place.form(&[("bucket", b"")], &good).await;
    assert_eq!((came.status, came.error()), (400, "bad_request"), "without a bucket");
    for bucket in ["../other", "a/b", "no-such-bucket-here", "%2e%2e", "bücket"] {
        let came = place.form(&[("bucket", bucket.as_bytes())], &good).await;
        assert_eq!((came.status, came.error()), (200, "no_such_bucket"), "{bucket}: {}", came.body);
    }
    assert_eq!(place.count("").await, 0);
    assert_eq!(place.form(&[], &good).await.status, 200, "and it still takes a picture");
}

#[tokio::test]
async fn names_that_stores_read_differently_are_refused_and_all_others_arrive() {
    let place = Place::new(Store::Embedded).await;
    let picture = png(500);
    let long = "x".repeat(1020);
    for (folder, name) in [
        ("", ".."),
        ("", "."),
        ("", ""),
        ("", "a/.."),
        ("..", "a.png"),
        ("a/../b", "a.png"),
        ("a//b", "a.png"),
        ("/a", "a.png"),
        ("a//", "a.png"),
        ("a/./b", "a.png"),
        (&long, "a.png"),
        ("", "a\u{1}b.png"),
        ("", "a\tb.png"),
    ] {
        let came = place.form(&[("folder", folder.as_bytes())], &[file(name, &picture), END.to_vec()].concat()).await;
        assert_eq!((came.status, came.error()), (400, "name_refused"), "{folder:?} {name:?}: {}", came.body);
    }
    // A line end that only shows when the name is decoded.
    let injected = part("form-data; name=\"file\"; filename*=UTF-8''a%0d%0ax-amz-acl%3a%20public-read.png", &picture);
    let came = place.form(&[], &[injected, END.to_vec()].concat()).await;
    assert_eq!((came.status, came.error()), (400, "name_refused"));
    let latin = [
        b"--bound\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\xfc.png\"\r\n\r\n".as_slice(),
        &picture,
        b"\r\n",
        END,
    ]
    .concat();
    let came = place.form(&[], &latin).await;
    assert_eq!((came.status, came.error()), (400, "name_refused"));
    for folder in [&b"%zz%FC"[..], b"\xfc"] {
        let headers = [("folder", folder), ("x-imagepic-encoding", &b"percent"[..])];
        let came = place.form(&headers, &[file("a.png", &picture), END.to_vec()].concat()).await;
        assert_eq!((came.status, came.error()), (400, "name_refused"), "{folder:?}");
    }
    assert_eq!(place.count("").await, 0);
    for (headers, name, key) in [
        (&[("folder", "截图/2026".as_bytes())][..], "图 1.png", "截图/2026/图 1.png"),
        (&[("folder", b"%E6%88%AA".as_slice())], "a.png", "%E6%88%AA/a.png"),
        (&[("folder", b"%E6%88%AA%2Fx/".as_slice()), ("x-imagepic-encoding", b"percent")], "a.png", "截/x/a.png"),
        (&[("folder", b"shots/".as_slice())], "C:\\pictures\\b.png", "shots/b.png"),
        (&[("folder", b"/".as_slice())], "a&b<c>+%20;'=?#.png", "a&b<c>+%20;'=?#.png"),
        (&[], "no extension", "no extension"),
    ] {
        let came = place.form(headers, &[file(name, &picture), END.to_vec()].concat()).await;
        assert_eq!(came.body["data"]["objectName"], key, "{}", came.body);
        assert_eq!(place.stored(key).await.expect("there").0, picture, "{key}");
        assert_eq!(place.data("object/getObject", place.at(key)).await, 500, "{key}");
        place.data("object/removeObject", place.at(key)).await;
    }
}

#[tokio::test]
async fn the_bytes_decide_about_the_type_and_nothing_that_runs_is_shown() {
    let place = Place::new(Store::Embedded).await;
    let put = async |name: &str, bytes: &[u8]| place.form(&[], &[file(name, bytes), END.to_vec()].concat()).await;
    for (name, bytes) in [
        ("a.png", &b"<!DOCTYPE html><script>alert(1)</script>"[..]),
        ("a.html", b"<html></html>"),
        ("a.pdf", b"%PDF-1.7"),
        ("a.exe", b"MZ\x90\0"),
        ("a.png", &[b"<html>".as_slice(), &vec![b' '; 2 * MIB]].concat()),
    ] {
        let came = put(name, bytes).await;
        assert_eq!((came.status, came.error()), (415, "type_refused"), "{name}");
    }
    assert_eq!(place.count("").await, 0);
    assert_eq!(put("picture.html", &png(500)).await.status, 200);
    assert_eq!(place.stored("picture.html").await.expect("there").1, "image/png");
    let drawing = b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    assert_eq!(put("d.svg", drawing).await.status, 200);
    let (_, kind, disposition) = place.stored("d.svg").await.expect("there");
    assert_eq!((kind.as_str(), disposition.as_deref()), ("image/svg+xml", Some("attachment")));
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_its_reason_and_not_with_a_reset() {
    let place = Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_MAX_BYTES", "2M")).await;
    for size in [2 * MIB + 1, 6 * MIB] {
        let came = place.form(&[], &[file("a.png", &png(size)), END.to_vec()].concat()).await;
        assert_eq!((came.status, came.error()), (413, "too_large"), "{size}");
    }
    assert_eq!(place.count("").await, 0);
    let came = place.form(&[], &[file("a.png", &png(2 * MIB)), END.to_vec()].concat()).await;
    assert_eq!(came.status, 200, "{}", came.body);
    // A token that does not hold is told before and while 2 MB come.
    let body = [file("a.png", &png(2 * MIB)), END.to_vec()].concat();
    let came = place.form(&[("authorization", b"nonsense")], &body).await;
    assert_eq!((came.status, came.error()), (200, "token_malformed"), "{}", came.body);
}

#[tokio::test]
async fn more_uploads_than_the_budget_holds_are_told_to_come_back() {
    let place =
        Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_UPLOAD_MEMORY", "8M").set("IMAGEPIC_IDLE_TIMEOUT", 300))
            .await;
    let form = [file("slow.png", &png(MIB / 2)), END.to_vec()].concat();
    let length = form.len().to_string();
    let headers = [("content-type", &b"multipart/form-data; boundary=bound"[..]), ("content-length", length.as_bytes())];
    let begin = async || {
        let mut line = place.begin(&headers).await;
        line.write_all(&form[..200]).await.expect("it goes out");
        line
    };
    let mut lines = Vec::new();
    // Each takes 64 KiB of the purse when it begins. They come in any order, and the look itself takes room for a moment: so one more
    // before each look, until nothing is left.
    for _ in 0..120 {
        lines.push(begin().await);
    }
    let refused = imagepic_tests::within(Duration::from_secs(30), "the purse is empty", async || {
        lines.push(begin().await);
        let came = place.form(&[], &form).await;
        (came.status != 200).then_some(came)
    })
    .await;
    assert_eq!((refused.status, refused.error()), (503, "busy"), "{}", refused.body);
    assert!(refused.head.contains("\r\nretry-after: "), "{}", refused.head);
    // Room comes back as they go, and those that stayed go through.
    let stayed: Vec<_> = lines.drain(..8).collect();
    drop(lines);
    for mut line in stayed {
        line.write_all(&form[200..]).await.expect("it goes out");
        let came = answer(&mut line).await;
        assert_eq!(came.status, 200, "{}", came.body);
    }
    let left = std::fs::read_dir(place.team.data.join("spool")).expect("the folder").count();
    assert_eq!(left, 0, "no file is left behind");
}

#[tokio::test]
async fn a_body_that_stands_still_is_given_up() {
    let place = Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_IDLE_TIMEOUT", 1)).await;
    for size in [5_000, 3 * MIB] {
        let form = [file("slow.png", &png(size)), END.to_vec()].concat();
        let length = form.len().to_string();
        let headers = [("content-type", &b"multipart/form-data; boundary=bound"[..]), ("content-length", length.as_bytes())];
        let mut line = place.begin(&headers).await;
        line.write_all(&form[..form.len() - 100]).await.expect("it goes out");
        let came = answer(&mut line).await;
        assert!(matches!(came.status, 400 | 408), "{} {}", came.status, came.body);
    }
    assert_eq!(place.count("").await, 0, "nothing lies in the bucket");
}

#[tokio::test]
async fn a_store_that_is_gone_is_named_in_the_old_form() {
    let nobody = imagepic_tests::servers::S3Server {
        endpoint: "http://127.0.0.1:1".to_owned(),
        region: "us-east-1",
        access_key: "a",
        secret_key: "b",
        port: 1,
    };
    let team = imagepic_tests::team::TeamSetup::default().store(&nobody).start().await;
    team.register(PHONE, "abc12345").await;
    let token = team.login(PHONE, "abc12345").await;
    let put = team.put(&token, "pics", "", "a.png", png(500)).await;
    assert_eq!((&put["code"], &put["error"]), (&json!("-1"), &json!("store_unreachable")), "{put}");
    assert_eq!(put["data"], json!({ "code": "ECONNREFUSED", "bucketname": "pics" }), "no address");
    let removed = team.post("object/removeObject", Some(&token), &json!({ "bucketName": "pics", "objectName": "a" })).await;
    assert_eq!(removed["error"], "store_unreachable");
    let answer = team.http.get(format!("{}/imagepic/bucket/listBuckets", team.url)).header("authorization", &token).send().await;
    assert_eq!(answer.expect("an answer").status(), 502);
}

/// A client that was interrupted finds by its mark what it had put, and removes nothing of anybody else's.
#[tokio::test]
async fn an_upload_carries_the_mark_of_who_put_it() {
    let place = Place::new(Store::Embedded).await;
    for (name, size) in [("small.png", 700), ("large.png", 3 * MIB)] {
        let form = [file(name, &png(size)), END.to_vec()].concat();
        let came = place.form(&[("x-imagepic-id", b"01J-mark/7")], &form).await;
        assert_eq!((came.status, came.body["code"].as_str()), (200, Some("0")), "{}", came.body);
        let stat = place.data("object/statObject", place.at(name)).await;
        assert_eq!(stat["metaData"]["imagepic-id"], "01J-mark/7", "{name}");
    }
    let form = [file("odd.png", &png(700)), END.to_vec()].concat();
    for odd in [&b""[..], b"a b", "\u{e9}".as_bytes(), &[b'x'; 129]] {
        let came = place.form(&[("x-imagepic-id", odd)], &form).await;
        assert_eq!((came.status, came.error()), (400, "bad_request"), "{odd:?}");
    }
    assert!(place.stored("odd.png").await.is_none());
}
