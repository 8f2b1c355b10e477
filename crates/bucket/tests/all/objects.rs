//! Put, get, head, delete, copy, by the AWS SDK.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{Delete, MetadataDirective, ObjectIdentifier};

use crate::common::{BUCKET, Home, bytes, code, eventually};

#[tokio::test]
async fn what_was_put_comes_back_byte_for_byte_even_after_a_restart() {
    let home = Home::new().await;
    for size in [0, 1, 83_000, 262_144, 262_145, 1_048_576, 5_000_001] {
        home.put(&format!("of {size}"), bytes(size)).await;
    }
    let home = home.restart().await;
    for size in [0, 1, 83_000, 262_144, 262_145, 1_048_576, 5_000_001] {
        assert!(home.get(&format!("of {size}")).await == bytes(size), "{size} bytes");
    }
}

#[tokio::test]
async fn any_key_s3_allows_is_a_key_and_never_a_path() {
    let home = Home::new().await;
    let long = "k".repeat(1024);
    let chinese = "截图/二〇二五年/屏幕 截图 (1).png";
    let keys = [
        "a",
        "a/b",
        "a/",
        "../x",
        "../../etc/passwd",
        "/",
        "//",
        "a//b",
        ".",
        "..",
        "./a",
        &long,
        chinese,
        "a b+c%20d&e=f?g#h",
        "\u{1f5bc}",
        "a\\b",
        "C:\\x",
        "quote\"'<>",
        "~*!()",
        "con",
        "tab\tkey",
    ];
    for (n, key) in keys.iter().enumerate() {
        home.put(key, format!("{n} {key}")).await;
    }
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(home.get(key).await, format!("{n} {key}").as_bytes(), "{key:?}");
    }
    let outside: Vec<_> =
        std::fs::read_dir(home.dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(
        outside.iter().all(|name| name == "blobs" || name == "key" || name == "lock" || name.starts_with("index.sqlite")),
        "{outside:?}"
    );
    let listed = home.s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert_eq!(listed.contents().len(), keys.len());
    let too_long = home.s3.put_object().bucket(BUCKET).key("k".repeat(1025)).send().await;
    assert_eq!(code(too_long), "KeyTooLongError");
}

#[tokio::test]
async fn what_is_said_about_an_object_is_said_again_on_reading() {
    let home = Home::new().await;
    let put = home
        .s3
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .content_type("image/png")
        .cache_control("max-age=60")
        .content_disposition("inline; filename=\"a.png\"")
        .content_language("de")
        .content_encoding("gzip")
        .expires(DateTime::from_secs(4_000_000_000))
        .metadata("by", "somebody")
        .metadata("ort", "Köln 科隆")
        .body(ByteStream::from_static(b"hello"))
        .send()
        .await
        .unwrap();
    assert_eq!(put.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let got = home.s3.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    let head = home.s3.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    for (kind, cache, disposition, language, encoding, metadata, etag, length) in [
        (
            got.content_type(),
            got.cache_control(),
            got.content_disposition(),
            got.content_language(),
            got.content_encoding(),
            got.metadata(),
            got.e_tag(),
            got.content_length(),
        ),
        (
            head.content_type(),
            head.cache_control(),
            head.content_disposition(),
            head.content_language(),
            head.content_encoding(),
            head.metadata(),
            head.e_tag(),
            head.content_length(),
        ),
    ] {
        assert_eq!((kind, cache, disposition), (Some("image/png"), Some("max-age=60"), Some("inline; filename=\"a.png\"")));
        assert_eq!((language, encoding, length), (Some("de"), Some("gzip"), Some(5)));
        assert_eq!(etag, put.e_tag());
        assert_eq!(metadata.unwrap()["by"], "somebody");
        assert!(metadata.unwrap().contains_key("ort"));
    }
    assert_eq!(got.expires_string(), Some("Tue, 02 Oct 2096 07:06:40 GMT"));
    assert!(got.last_modified().is_some());
    let huge = home.s3.put_object().bucket(BUCKET).key("k2").metadata("m", "x".repeat(2048)).send().await;
    assert_eq!(code(huge), "MetadataTooLarge");
}

#[tokio::test]
async fn a_range_gives_just_these_bytes() {
    let home = Home::new().await;
    let all = bytes(600_000);
    home.put("k", all.clone()).await;
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=599999-", 599_999, 600_000),
        ("bytes=-100", 599_900, 600_000),
        ("bytes=1-9999999", 1, 600_000),
    ] {
        let got = home.s3.get_object().bucket(BUCKET).key("k").range(range).send().await.unwrap();
        assert_eq!(got.content_range(), Some(&*format!("bytes {from}-{}/600000", to - 1)), "{range}");
        assert!(got.body.collect().await.unwrap().to_vec() == all[from..to], "{range}");
    }
    let beyond = home.s3.get_object().bucket(BUCKET).key("k").range("bytes=600000-").send().await;
    assert_eq!(code(beyond), "InvalidRange");
}

#[tokio::test]
async fn a_reader_is_spared_what_it_has_and_told_what_changed() {
    let home = Home::new().await;
    home.put("k", "one").await;
    let head = home.s3.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    let (etag, time) = (head.e_tag().unwrap(), head.last_modified().unwrap());
    let get = || home.s3.get_object().bucket(BUCKET).key("k");
    let status = |r: Result<_, aws_sdk_s3::error::SdkError<_>>| match r {
        Ok(_) => 200,
        Err(e) => e.raw_response().unwrap().status().as_u16(),
    };
    let (before, after) = (DateTime::from_secs(time.secs() - 10), DateTime::from_secs(time.secs() + 10));
    assert_eq!(status(get().if_match(etag).send().await), 200);
    assert_eq!(status(get().if_match("\"other\"").send().await), 412);
    assert_eq!(status(get().if_none_match(etag).send().await), 304);
    assert_eq!(status(get().if_none_match("\"other\"").send().await), 200);
    assert_eq!(status(get().if_modified_since(before).send().await), 200);
    assert_eq!(status(get().if_modified_since(after).send().await), 304);
    assert_eq!(status(get().if_unmodified_since(after).send().await), 200);
    assert_eq!(status(get().if_unmodified_since(before).send().await), 412);
    assert_eq!(status(get().if_match(etag).if_unmodified_since(before).send().await), 200, "If-Match outranks the date");
}

#[tokio::test]
async fn a_conditional_put_never_overwrites_what_somebody_else_wrote() {
    let home = Home::new().await;
    let put = |body: &'static str| home.s3.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(body.as_bytes()));
    assert_eq!(code(put("x").if_match("\"none\"").send().await), "NoSuchKey");
    let first = put("one").if_none_match("*").send().await.unwrap();
    assert_eq!(code(put("two").if_none_match("*").send().await), "PreconditionFailed");
    assert_eq!(code(put("two").if_match("\"other\"").send().await), "PreconditionFailed");
    assert_eq!(home.get("k").await, b"one");
    put("three").if_match(first.e_tag().unwrap()).send().await.unwrap();
    assert_eq!(home.get("k").await, b"three");
    assert_eq!(home.blobs(), 1, "refused and replaced bytes are gone from the disk");
}

#[tokio::test]
async fn of_many_puts_that_must_be_first_one_is() {
    let home = Home::new().await;
    let puts = (0..16).map(|n| home.s3.put_object().bucket(BUCKET).key("k").if_none_match("*").body(vec![n; 1000].into()).send());
    let done = futures::future::join_all(puts).await;
    assert_eq!(done.iter().filter(|r| r.is_ok()).count(), 1);
    let winner = done.iter().position(Result::is_ok).unwrap();
    assert_eq!(home.get("k").await, vec![u8::try_from(winner).unwrap(); 1000]);
    eventually("the bytes of the losers are gone", || home.blobs() == 1).await;
}

#[tokio::test]
async fn deleting_frees_the_disk_and_deleting_nothing_is_fine() {
    let home = Home::new().await;
    for n in 0..20 {
        home.put(&format!("k{n}"), "bytes").await;
    }
    home.s3.delete_object().bucket(BUCKET).key("k0").send().await.unwrap();
    home.s3.delete_object().bucket(BUCKET).key("never there").send().await.unwrap();
    let objects: Vec<_> = (1..25).map(|n| ObjectIdentifier::builder().key(format!("k{n}")).build().unwrap()).collect();
    let many = Delete::builder().set_objects(Some(objects)).build().unwrap();
    let deleted = home.s3.delete_objects().bucket(BUCKET).delete(many).send().await.unwrap();
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (24, 0));
    eventually("all bytes are gone", || home.blobs() == 0).await;
    assert_eq!(code(home.s3.get_object().bucket(BUCKET).key("k1").send().await), "NoSuchKey");
}

#[tokio::test]
async fn a_copy_stands_alone_and_costs_no_bytes() {
    let home = Home::new().await;
    home.s3
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .content_type("image/png")
        .metadata("m", "1")
        .body(bytes(100_000).into())
        .send()
        .await
        .unwrap();
    let copy = |to: &str| home.s3.copy_object().bucket(BUCKET).key(to).copy_source(format!("{BUCKET}/a"));
    copy("b").send().await.unwrap();
    copy("ü/c").content_type("image/webp").metadata_directive(MetadataDirective::Replace).send().await.unwrap();
    assert_eq!(home.blobs(), 1);
    assert_eq!(code(copy("a").send().await), "InvalidRequest");
    assert_eq!(code(copy("d").copy_source_if_match("\"other\"").send().await), "PreconditionFailed");
    home.s3.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert!(home.get("b").await == bytes(100_000));
    let head = |key: &str| home.s3.head_object().bucket(BUCKET).key(key).send();
    let (b, c) = (head("b").await.unwrap(), head("ü/c").await.unwrap());
    assert_eq!((b.content_type(), b.metadata().unwrap().len()), (Some("image/png"), 1));
    assert_eq!((c.content_type(), c.metadata().unwrap().len()), (Some("image/webp"), 0));
    for key in ["b", "ü/c"] {
        home.s3.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    eventually("the last reference took the bytes along", || home.blobs() == 0).await;
}

#[tokio::test]
async fn a_download_under_way_survives_the_deletion_of_its_key() {
    let home = Home::new().await;
    let all = bytes(40_000_000);
    home.put("k", all.clone()).await;
    let got = home.s3.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    home.s3.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    home.put("k", "other").await;
    assert!(got.body.collect().await.unwrap().to_vec() == all);
    eventually("the bytes are gone after the last reader", || home.blobs() == 1).await;
}
