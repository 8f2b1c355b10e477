//! One field is wrong; the climb stops there, says so, and suggests what it knows.

use super::*;
use imagepic_s3::Rung;

async fn bucket_in(server: &S3Server) -> String {
    let bucket = format!("ladder-{}", uuid::Uuid::new_v4().simple());
    opened(server).make_bucket(&bucket).await.expect("a bucket");
    bucket
}

async fn wrong(address: &S3Address, secret: &str, bucket: &str) -> (Rung, Code, Option<Suggestion>) {
    let ladder = open(address, secret).test(bucket, "some/folder").await;
    let error = ladder.error.unwrap_or_else(|| panic!("something is wrong: {:?}", ladder.rungs));
    let rung = ladder.rungs.iter().find(|(_, state)| *state == Some(false)).map(|(rung, _)| *rung).expect("a rung is named");
    (rung, error.code, ladder.suggestion)
}

async fn all_is_well(server: &S3Server, public: bool) {
    let bucket = bucket_in(server).await;
    let store = open(&address(server), server.secret_key);
    let ladder = store.test(&bucket, "some/folder").await;
    assert!(ladder.error.is_none(), "{:?}", ladder.error);
    assert!(ladder.rungs.iter().all(|(_, state)| *state == Some(true)), "{:?}", ladder.rungs);
    assert_eq!(ladder.public, Some(public));
    let left = store.list(&bucket, "some/folder/", None, 10).await.unwrap();
    assert!(left.objects.is_empty(), "nothing is left behind: {left:?}");
}

/// `unknown`: what this store says to a key it does not know.
async fn each_wrong_field_is_named(server: &S3Server, unknown: (Rung, Code)) {
    let right = address(server);
    let bucket = bucket_in(server).await;

    let typo = S3Address { access_key: "nobody:knows".to_owned(), ..right.clone() };
    let (rung, code, _) = wrong(&typo, server.secret_key, &bucket).await;
    assert_eq!((rung, code), unknown);

    let (rung, code, _) = wrong(&right, "not the secret", &bucket).await;
    assert_eq!((rung, code), (Rung::Secret, Code::WrongSecretKey));

    let (rung, code, _) = wrong(&right, server.secret_key, "no-such-bucket-here").await;
    assert_eq!((rung, code), (Rung::Bucket, Code::NoSuchBucket));
    let (rung, code, _) = wrong(&right, server.secret_key, "").await;
    assert_eq!((rung, code), (Rung::Bucket, Code::NoSuchBucket));

    let tls = S3Address { endpoint: right.endpoint.replace("http://", "https://"), ..right.clone() };
    let (rung, code, suggestion) = wrong(&tls, server.secret_key, &bucket).await;
    assert_eq!((rung, code), (Rung::Tls, Code::Tls));
    assert_eq!(suggestion, Some(Suggestion { field: "endpoint", value: right.endpoint.clone() }));
}

#[tokio::test]
async fn ceph_each_wrong_field_is_named() {
    each_wrong_field_is_named(&servers::ceph(), (Rung::Key, Code::WrongAccessKey)).await;
}

#[tokio::test]
async fn swift_each_wrong_field_is_named() {
    // Swift answers an unknown key and a wrong secret with the same words, so the sentence names both.
    each_wrong_field_is_named(&servers::swift(), (Rung::Secret, Code::WrongSecretKey)).await;
}

#[tokio::test]
async fn this_computer_each_wrong_field_is_named() {
    each_wrong_field_is_named(&embedded().await.reached, (Rung::Key, Code::WrongAccessKey)).await;
}

#[tokio::test]
async fn a_right_destination_is_right_everywhere() {
    all_is_well(&servers::ceph(), false).await;
    all_is_well(&servers::swift(), false).await;
    all_is_well(&embedded().await.reached, false).await;
}

#[tokio::test]
async fn the_right_region_is_suggested() {
    let server = servers::swift();
    let bucket = bucket_in(&server).await;
    let elsewhere = S3Address { region: "eu-west-9".to_owned(), ..address(&server) };
    let (rung, code, suggestion) = wrong(&elsewhere, server.secret_key, &bucket).await;
    assert_eq!((rung, code), (Rung::Region, Code::WrongRegion));
    assert_eq!(suggestion, Some(Suggestion { field: "region", value: "us-east-1".to_owned() }));
}

#[tokio::test]
async fn the_other_style_is_tried_before_the_bucket_is_blamed() {
    // Swift knows `s3.swift.localhost`, not `localhost`: in host style it sees no bucket at all.
    let server = servers::swift();
    let bucket = bucket_in(&server).await;
    let host_style = S3Address { endpoint: format!("http://localhost:{}", server.port), path_style: false, ..address(&server) };
    let (rung, code, suggestion) = wrong(&host_style, server.secret_key, &bucket).await;
    assert_eq!((rung, code), (Rung::Style, Code::WrongStyle));
    assert_eq!(suggestion, Some(Suggestion { field: "path_style", value: "true".to_owned() }));
}

#[tokio::test]
async fn an_address_where_nobody_is_or_somebody_else_is_named() {
    let server = servers::ceph();
    let right = address(&server);
    let nobody = S3Address { endpoint: "http://127.0.0.1:1".to_owned(), ..right.clone() };
    assert_eq!(wrong(&nobody, "x", "bucket").await, (Rung::Address, Code::Unreachable, None));
    let nowhere = S3Address { endpoint: "http://no-such-host.invalid".to_owned(), ..right.clone() };
    assert_eq!(wrong(&nowhere, "x", "bucket").await, (Rung::Address, Code::Unreachable, None));

    let website = imagepic_tests::servers::website();
    let somebody = S3Address { endpoint: website, ..right };
    assert_eq!(wrong(&somebody, "x", "bucket").await, (Rung::Address, Code::NotS3, None));
}

#[tokio::test]
async fn a_clock_that_is_off_is_named_with_its_distance() {
    // The test cannot set the computer's clock, so a store that lives two hours ahead stands in for it.
    let hour_ahead = servers::store_with_another_clock(std::time::Duration::from_secs(7200));
    let ladder = open(&S3Address { endpoint: hour_ahead, ..address(&servers::ceph()) }, "x").test("bucket", "").await;
    assert_eq!(ladder.rungs.iter().find(|(_, state)| *state == Some(false)), Some(&(Rung::Clock, Some(false))));
    let error = ladder.error.expect("the clocks differ");
    assert_eq!(error.code, Code::ClockSkew);
    assert!(error.to_string().contains("min behind"), "{error}");
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused_and_its_authority_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let (endpoint, authority) = servers::with_own_certificate(&servers::ceph(), folder.path());
    let server = servers::ceph();
    let bucket = bucket_in(&server).await;
    let right = S3Address { endpoint, ..address(&server) };
    let (rung, code, suggestion) = wrong(&right, server.secret_key, &bucket).await;
    assert_eq!((rung, code, suggestion), (Rung::Tls, Code::Tls, None));
    let trusted = S3Address { ca_file: Some(authority), ..right.clone() };
    let ladder = open(&trusted, server.secret_key).test(&bucket, "").await;
    assert!(ladder.error.is_none(), "{:?}", ladder.error);
    let plain = S3Address { endpoint: right.endpoint.replace("https://", "http://"), ..trusted };
    let (rung, code, suggestion) = wrong(&plain, server.secret_key, &bucket).await;
    assert_eq!((rung, code), (Rung::Tls, Code::Tls));
    assert_eq!(suggestion, Some(Suggestion { field: "endpoint", value: right.endpoint }));
}

#[tokio::test]
async fn a_key_that_may_only_read_is_told_from_a_wrong_one() {
    let server = servers::ceph();
    let bucket = bucket_in(&server).await;
    let store = open(&address(&server), server.secret_key);
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::{bucket}/some/*"}},
           {{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::{bucket}/*"}}]}}"#
    );
    store.client().set_policy(&bucket, &policy).await.expect("Ceph knows policies");
    assert!(store.client().policy(&bucket).await.expect("a policy").expect("a policy").contains("Deny"));
    let (rung, code, _) = wrong(&address(&server), server.secret_key, &bucket).await;
    assert_eq!((rung, code), (Rung::Permission, Code::Forbidden));
    let elsewhere = store.test(&bucket, "other").await;
    assert_eq!((elsewhere.error.is_none(), elsewhere.public), (true, Some(true)), "{:?}", elsewhere.error);
}
