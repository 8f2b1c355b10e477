//! Buckets and listings as clients see them. That the pages are the right ones for any keys is tested beside the code.

use std::time::Instant;

use aws_sdk_s3::types::EncodingType;
use imagepic_bucket::bench;

use crate::common::{BUCKET, Home, code};

#[tokio::test]
async fn buckets_are_made_listed_found_and_taken_away() {
    let home = Home::new().await;
    for name in ["second", "a.third-1"] {
        home.s3.create_bucket().bucket(name).send().await.unwrap();
    }
    let names: Vec<_> =
        home.s3.list_buckets().send().await.unwrap().buckets().iter().map(|b| b.name().unwrap().to_owned()).collect();
    assert_eq!(names, ["a.third-1", BUCKET, "second"]);
    assert_eq!(code(home.s3.create_bucket().bucket("second").send().await), "BucketAlreadyOwnedByYou");
    for bad in ["UPPER", "ab", "under_score", "127.0.0.1", "-a-"] {
        assert_eq!(code(home.s3.create_bucket().bucket(bad).send().await), "InvalidBucketName", "{bad}");
        assert!(home.server.ensure_bucket(bad).await.is_err());
    }
    home.s3.head_bucket().bucket("second").send().await.unwrap();
    assert!(
        home.s3
            .get_bucket_location()
            .bucket("second")
            .send()
            .await
            .unwrap()
            .location_constraint()
            .is_none_or(|l| l.as_str().is_empty())
    );
    home.put("k", "x").await;
    assert_eq!(code(home.s3.delete_bucket().bucket(BUCKET).send().await), "BucketNotEmpty");
    home.s3.delete_bucket().bucket("second").send().await.unwrap();
    assert_eq!(code(home.s3.delete_bucket().bucket("second").send().await), "NoSuchBucket");
    assert_eq!(home.s3.head_bucket().bucket("second").send().await.unwrap_err().raw_response().unwrap().status().as_u16(), 404);
    assert_eq!(code(home.s3.put_object().bucket("second").key("k").send().await), "NoSuchBucket");
    assert_eq!(home.blobs(), 1);
}

#[tokio::test]
async fn folders_come_page_by_page_in_both_versions_of_the_call() {
    let home = Home::new().await;
    for key in ["a/1", "a/2", "b", "c/x/1", "c/y", "é/图", "z"] {
        home.put(key, key).await;
    }
    let mut v2 = Vec::new();
    let mut token = None;
    loop {
        let page = home
            .s3
            .list_objects_v2()
            .bucket(BUCKET)
            .delimiter("/")
            .max_keys(2)
            .set_continuation_token(token)
            .send()
            .await
            .unwrap();
        assert!(page.key_count().unwrap() <= 2);
        v2.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
        v2.extend(page.common_prefixes().iter().map(|p| p.prefix().unwrap().to_owned()));
        token = page.next_continuation_token().map(Into::into);
        if token.is_none() {
            break;
        }
    }
    let mut v1 = Vec::new();
    let mut marker = None;
    loop {
        let page = home.s3.list_objects().bucket(BUCKET).delimiter("/").max_keys(2).set_marker(marker).send().await.unwrap();
        v1.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
        v1.extend(page.common_prefixes().iter().map(|p| p.prefix().unwrap().to_owned()));
        marker = page.next_marker().map(Into::into);
        if marker.is_none() {
            break;
        }
    }
    v1.sort();
    v2.sort();
    assert_eq!(v1, ["a/", "b", "c/", "z", "é/"]);
    assert_eq!(v1, v2);
    let inner = home.s3.list_objects_v2().bucket(BUCKET).delimiter("/").prefix("c/").send().await.unwrap();
    assert_eq!((inner.contents()[0].key(), inner.common_prefixes()[0].prefix()), (Some("c/y"), Some("c/x/")));
    let after = home.s3.list_objects_v2().bucket(BUCKET).start_after("c/x/1").send().await.unwrap();
    assert_eq!(after.contents().iter().map(|o| o.key().unwrap()).collect::<Vec<_>>(), ["c/y", "z", "é/图"]);
    let wrong = home.s3.list_objects_v2().bucket(BUCKET).continuation_token("nonsense").send().await;
    assert_eq!(code(wrong), "InvalidArgument");
    assert_eq!(home.s3.list_objects_v2().bucket(BUCKET).max_keys(0).send().await.unwrap().key_count(), Some(0));
}

#[tokio::test]
async fn names_xml_cannot_hold_come_encoded_when_asked_for() {
    let home = Home::new().await;
    let keys = ["a b+c/%&<\u{1}>/图.png", "plain-._~/x"];
    for key in keys {
        home.put(key, "x").await;
    }
    let page =
        home.s3.list_objects_v2().bucket(BUCKET).encoding_type(EncodingType::Url).prefix("").delimiter("/").send().await.unwrap();
    assert_eq!(page.encoding_type(), Some(&EncodingType::Url));
    assert_eq!(page.common_prefixes().iter().map(|p| p.prefix().unwrap()).collect::<Vec<_>>(), ["a%20b%2Bc/", "plain-._~/"]);
    let page = home.s3.list_objects().bucket(BUCKET).encoding_type(EncodingType::Url).prefix("a b").send().await.unwrap();
    assert_eq!(page.prefix(), Some("a%20b"));
    assert_eq!(page.contents()[0].key(), Some("a%20b%2Bc/%25%26%3C%01%3E/%E5%9B%BE.png"));
}

#[tokio::test]
async fn a_page_of_a_folder_costs_what_it_shows_however_much_lies_in_the_folders() {
    let home = Home::new().await;
    // 40 folders of 500, and a folder with 20,000 keys of its own.
    bench::fill(&home.server, BUCKET, 20_000, |n| format!("in/{:02}/{n:06}.png", n % 40)).await.unwrap();
    bench::fill(&home.server, BUCKET, 20_000, |n| format!("flat/{n:06}.png")).await.unwrap();
    let (entries, steps) = bench::page(&home.server, BUCKET, "in/", None).await.unwrap();
    assert_eq!(entries, 40);
    assert!(steps <= 41, "{steps} rows were read to show 40 folders");
    let (entries, steps) = bench::page(&home.server, BUCKET, "flat/", Some("flat/010000.png".into())).await.unwrap();
    assert_eq!(entries, 1000);
    assert!(steps <= 1001, "{steps} rows were read to show 1000 keys");
    let (entries, steps) = bench::page(&home.server, BUCKET, "", None).await.unwrap();
    assert_eq!((entries, steps), (2, 2));
    let started = Instant::now();
    let listed = home.s3.list_objects_v2().bucket(BUCKET).prefix("in/").delimiter("/").send().await.unwrap();
    assert_eq!(listed.common_prefixes().len(), 40);
    assert!(cfg!(debug_assertions) || started.elapsed().as_millis() < 100);
}
