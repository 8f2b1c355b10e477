//! One suite for every store, run against this computer's bucket, Ceph and Swift; and the climb that names one wrong field.

use std::sync::Arc;

use imagepic_core::destination::S3Address;
use imagepic_core::error::Code;
use imagepic_core::settings::Proxy;
use imagepic_core::store::{S3Store, Store, Suggestion};
use imagepic_tests::servers::{self, S3Server};
use secrecy::SecretString;

fn address(server: &S3Server) -> S3Address {
    S3Address {
        endpoint: server.endpoint.clone(),
        region: server.region.to_owned(),
        access_key: server.access_key.to_owned(),
        path_style: true,
        ca_file: None,
    }
}

fn open(address: &S3Address, secret: &str) -> S3Store {
    S3Store::open(address, SecretString::from(secret), &Proxy::System).expect("a store")
}

fn opened(server: &S3Server) -> Arc<dyn Store> {
    Arc::new(open(&address(server), server.secret_key))
}

/// This computer's bucket, served from a folder of its own until the test's process ends.
async fn embedded() -> S3Server {
    let folder = tempfile::tempdir().expect("a folder");
    let config = imagepic_bucket::Config {
        dir: folder.path().to_owned(),
        access_key: "embedded".to_owned(),
        secret_key: SecretString::from("embeddedsecret"),
        port: None,
        region: "us-east-1".to_owned(),
    };
    let server = imagepic_bucket::open(config).await.expect("opens");
    let running = server.bind(None).await.expect("binds");
    let port = running.addr().port();
    // All three live as long as the test's runtime does.
    tokio::spawn(async move {
        let _alive = (running, server, folder);
        std::future::pending::<()>().await;
    });
    S3Server {
        endpoint: format!("http://127.0.0.1:{port}"),
        region: "us-east-1",
        access_key: "embedded",
        secret_key: "embeddedsecret",
        port,
    }
}

mod this_computer {
    async fn store() -> super::Arc<dyn super::Store> {
        super::opened(&super::embedded().await)
    }
    imagepic_core::conformance!(store);
}

mod ceph {
    async fn store() -> super::Arc<dyn super::Store> {
        super::opened(&super::servers::ceph())
    }
    imagepic_core::conformance!(store);
}

mod swift {
    async fn store() -> super::Arc<dyn super::Store> {
        super::opened(&super::servers::swift())
    }
    imagepic_core::conformance!(store);
}

/// The bucket in the host's name, as most stores on the internet want it.
mod ceph_in_host_style {
    async fn store() -> super::Arc<dyn super::Store> {
        let server = super::servers::ceph();
        let mut address = super::address(&server);
        address.endpoint = format!("http://localhost:{}", server.port);
        address.path_style = false;
        super::Arc::new(super::open(&address, server.secret_key))
    }
    imagepic_core::conformance!(store);
}

/// The very same suite through a team server, as somebody who is signed in there. Buckets are made behind its back, since a server
/// makes none; and nothing empty comes in, since that is no image.
mod through_a_team_server {
    use async_trait::async_trait;
    use imagepic_core::destination::{LinkPolicy, TeamAddress};
    use imagepic_core::error::Result;
    use imagepic_core::home::Home;
    use imagepic_core::store::{Bucket, Details, Link, Object, Page, Progress, Put, Rule, Stored, signed_in};
    use imagepic_tests::team::TeamSetup;

    use super::*;

    struct WithBuckets {
        team: Arc<dyn Store>,
        below: Arc<dyn Store>,
    }

    #[async_trait]
    impl Store for WithBuckets {
        async fn buckets(&self) -> Result<Vec<Bucket>> {
            self.team.buckets().await
        }

        async fn list(&self, bucket: &str, prefix: &str, cursor: Option<&str>, limit: u16) -> Result<Page> {
            self.team.list(bucket, prefix, cursor, limit).await
        }

        async fn put(&self, put: Put, progress: Progress) -> Result<Stored> {
            self.team.put(put, progress).await
        }

        async fn stat(&self, bucket: &str, key: &str) -> Result<Option<Object>> {
            self.team.stat(bucket, key).await
        }

        async fn link(&self, bucket: &str, key: &str, policy: &LinkPolicy) -> Result<Link> {
            self.team.link(bucket, key, policy).await
        }

        async fn copy(&self, bucket: &str, from: &str, to: &str) -> Result<Stored> {
            self.team.copy(bucket, from, to).await
        }

        async fn remove(&self, bucket: &str, key: &str) -> Result<()> {
            self.team.remove(bucket, key).await
        }

        async fn make_bucket(&self, bucket: &str) -> Result<()> {
            self.below.make_bucket(bucket).await
        }

        async fn details(&self, bucket: &str, key: &str) -> Result<Option<Details>> {
            self.team.details(bucket, key).await
        }

        async fn read(&self, bucket: &str, key: &str, most: u64) -> Result<bytes::Bytes> {
            self.team.read(bucket, key, most).await
        }

        async fn copy_new(&self, bucket: &str, from: &str, to: &str) -> Result<Stored> {
            self.team.copy_new(bucket, from, to).await
        }

        async fn remove_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Result<()>>> {
            self.team.remove_many(bucket, keys).await
        }

        async fn access(&self, bucket: &str) -> Result<Vec<Rule>> {
            self.team.access(bucket).await
        }

        async fn set_access(&self, bucket: &str, prefix: &str, public: bool) -> Result<()> {
            self.team.set_access(bucket, prefix, public).await
        }
    }

    async fn over(server: &S3Server) -> Arc<dyn Store> {
        let team = TeamSetup::default().store(server).start().await;
        team.register("13800138000", "abc12345").await;
        let home = tempfile::tempdir().expect("a folder");
        let address =
            TeamAddress { server: team.url.clone(), phone: "13800138000".to_owned(), allow_plain_http: false, ca_file: None };
        let store = signed_in(&address, &SecretString::from("abc12345"), &Home::at(home.path())).await.expect("signed in");
        // Both live as long as the test's runtime does.
        tokio::spawn(async move {
            let _alive = (team, home);
            std::future::pending::<()>().await;
        });
        Arc::new(WithBuckets { team: store, below: opened(server) })
    }

    macro_rules! suite {
        ($($module:ident: $server:expr;)*) => {
            $(mod $module {
                async fn store() -> super::Arc<dyn super::Store> {
                    super::over(&$server).await
                }
                imagepic_core::conformance!(store:
                    what_was_put_comes_back_through_its_link,
                    a_taken_name_is_never_overwritten,
                    a_long_listing_comes_in_pages_without_gaps,
                    an_object_lies_beside_a_folder_of_the_same_name,
                    names_as_people_have_them_survive,
                    a_copy_is_the_same_thing_under_another_name,
                    what_is_removed_is_gone,
                    a_link_opens_its_object_only_and_ends_in_time,
                    damaged_bytes_are_refused,
                    a_large_file_arrives_whole,
                    a_file_travels_from_disk,
                    a_missing_bucket_is_named,
                    the_beginning_of_a_name_finds_it,
                    many_are_removed_at_once,
                    a_copy_to_a_taken_name_is_refused,
                    an_object_is_read_and_told_of,
                    a_folder_is_opened_and_closed_or_refused_with_the_reason,
                    a_disposition_is_kept,
                );
            })*
        };
    }
    suite! {
        this_computer: super::super::embedded().await;
        ceph: super::super::servers::ceph();
        swift: super::super::servers::swift();
    }
}

/// One field is wrong; the climb stops there, says so, and suggests what it knows.
mod ladder {
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
        each_wrong_field_is_named(&embedded().await, (Rung::Key, Code::WrongAccessKey)).await;
    }

    #[tokio::test]
    async fn a_right_destination_is_right_everywhere() {
        all_is_well(&servers::ceph(), false).await;
        all_is_well(&servers::swift(), false).await;
        all_is_well(&embedded().await, false).await;
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
        let host_style =
            S3Address { endpoint: format!("http://localhost:{}", server.port), path_style: false, ..address(&server) };
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
}

#[tokio::test]
async fn after_a_few_uploads_no_look_is_needed_where_the_store_refuses_taken_names() {
    use imagepic_s3::{Body, Conditions, Put};
    use sha2::{Digest as _, Sha256};
    for server in [servers::ceph(), servers::swift()] {
        let store = open(&address(&server), server.secret_key);
        let bucket = format!("learning-{}", uuid::Uuid::new_v4().simple());
        store.make_bucket(&bucket).await.expect("a bucket");
        assert_eq!(store.client().conditions(), Conditions::Unknown);
        for key in ["one", "two", "three"] {
            let put = Put {
                bucket: bucket.clone(),
                key: key.to_owned(),
                body: Body::from(key.as_bytes().to_vec()),
                size: key.len() as u64,
                sha256: Sha256::digest(key).into(),
                content_type: "image/png".to_owned(),
                content_disposition: None,
                if_absent: true,
                id: None,
            };
            store.client().put(&put, Arc::new(|_| {})).await.expect("stored");
        }
        assert_eq!(store.client().conditions(), Conditions::Honoured);
        assert_eq!(store.list(&bucket, "", None, 10).await.unwrap().objects.len(), 3);
    }
}

/// Whole files in parts, as they go where a store takes no large request.
mod in_parts {
    use std::sync::atomic::{AtomicU64, Ordering};

    use imagepic_core::store::{Body, Put};
    use sha2::{Digest as _, Sha256};

    use super::*;

    const SIZE: usize = 20 * 1024 * 1024 + 5;

    async fn bucket_of(server: &S3Server) -> (S3Store, String) {
        let store = open(&address(server), server.secret_key);
        store.client().set_largest_request(8 * 1024 * 1024);
        let bucket = format!("parts-{}", uuid::Uuid::new_v4().simple());
        store.make_bucket(&bucket).await.expect("a bucket");
        (store, bucket)
    }

    fn put(bucket: &str, content: &[u8], body: Body) -> Put {
        Put {
            bucket: bucket.to_owned(),
            key: "large.tif".to_owned(),
            body,
            size: content.len() as u64,
            sha256: Sha256::digest(content).into(),
            content_type: "image/tiff".to_owned(),
            content_disposition: None,
            if_absent: true,
            id: Some("an-id".to_owned()),
        }
    }

    async fn arrive(server: &S3Server, marks_parts: bool) {
        let (store, bucket) = bucket_of(server).await;
        let mut content: Vec<u8> = (0..SIZE).map(|at| (at / 7 % 251) as u8).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.tif");
        std::fs::write(&path, &content).unwrap();
        let put = put(&bucket, &content, Body::File(path.clone()));
        let last = Arc::new(AtomicU64::new(0));
        let telling = Arc::clone(&last);
        let progress = Arc::new(move |now| _ = telling.fetch_max(now, Ordering::Relaxed));
        let stored = store.put(put.clone(), progress).await.expect("stored");
        // Swift answers with the sum of its own segments.
        let etag = stored.etag.expect("an ETag");
        assert!(!marks_parts || etag.ends_with("-3"), "three parts: {etag}");
        assert_eq!(last.load(Ordering::Relaxed), SIZE as u64);
        let seen = store.stat(&bucket, &put.key).await.unwrap().expect("there");
        assert_eq!((seen.size, seen.sha256), (SIZE as u64, Some(hex_of(&content))));
        let link =
            store.client().presigned_get(&bucket, &put.key, std::time::SystemTime::now(), std::time::Duration::from_secs(60));
        let answer = imagepic_net::Http::default().get(&link.unwrap(), SIZE + 1).await.expect("an answer");
        assert!(answer.body() == &content, "the very bytes");

        let again = store.put(put.clone(), Arc::new(|_| {})).await.expect_err("taken");
        assert_eq!(again.code, Code::NameTaken);
        content[SIZE / 2] ^= 1;
        std::fs::write(&path, &content).unwrap();
        let changed = Put { key: "changed.tif".to_owned(), ..put };
        assert_eq!(store.put(changed, Arc::new(|_| {})).await.expect_err("changed").code, Code::FileChanged);
        assert_eq!(store.stat(&bucket, "changed.tif").await.unwrap(), None);
    }

    fn hex_of(content: &[u8]) -> String {
        Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[tokio::test]
    async fn files_arrive_whole_and_changed_ones_not_at_all() {
        arrive(&embedded().await, true).await;
        arrive(&servers::ceph(), true).await;
        arrive(&servers::swift(), false).await;
    }

    /// The first runtime ends in the middle of the upload and takes along whoever would have told the store.
    #[tokio::test]
    async fn what_was_cut_off_leaves_nothing_once_the_same_file_has_arrived() {
        let server = servers::ceph();
        let (store, bucket) = bucket_of(&server).await;
        let content = vec![7_u8; SIZE];
        let put = put(&bucket, &content, Body::Bytes(content.clone().into()));
        let (begun, going) = std::sync::mpsc::channel();
        let cut_off = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (first, request) = (open(&address(&server), server.secret_key), put.clone());
        let (alive, over) = std::sync::mpsc::channel::<()>();
        cut_off.spawn(async move {
            let _alive = alive;
            // Blocks in the middle, so that the runtime ends before the upload can.
            let progress = Arc::new(move |now| {
                if (1..1024 * 1024).contains(&now) {
                    _ = begun.send(());
                    std::thread::sleep(std::time::Duration::from_millis(50));
                }
            });
            _ = first.put(request, progress).await;
        });
        tokio::task::spawn_blocking(move || {
            going.recv().expect("it has begun");
            cut_off.shutdown_background();
            over.recv().expect_err("it ends with its runtime");
        })
        .await
        .unwrap();
        let unfinished = || async { store.client().unfinished(&bucket, "large.tif").await.expect("a list") };
        assert_eq!(unfinished().await.len(), 1, "the cut must have left something behind");
        store.put(put, Arc::new(|_| {})).await.expect("stored");
        assert_eq!(unfinished().await.len(), 0);
    }
}

/// Keys that may write and not look: the store's own protection has to do, and where it has none nothing is put.
#[tokio::test]
async fn nothing_is_overwritten_by_keys_that_may_not_look() {
    use imagepic_core::store::{Body, Put};
    use imagepic_s3::Conditions;
    use sha2::{Digest as _, Sha256};

    let server = servers::ceph();
    let store = open(&address(&server), server.secret_key);
    let bucket = format!("blind-{}", uuid::Uuid::new_v4().simple());
    store.make_bucket(&bucket).await.expect("a bucket");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],
           "Resource":["arn:aws:s3:::{bucket}","arn:aws:s3:::{bucket}/*"]}}]}}"#
    );
    store.client().set_policy(&bucket, &policy).await.expect("Ceph knows policies");
    let put = |text: &'static str| Put {
        bucket: bucket.clone(),
        key: "folder/name.png".to_owned(),
        body: Body::Bytes(text.as_bytes().into()),
        size: text.len() as u64,
        sha256: Sha256::digest(text).into(),
        content_type: "image/png".to_owned(),
        content_disposition: None,
        if_absent: true,
        id: None,
    };
    store.put(put("first"), Arc::new(|_| {})).await.expect("a free name");
    assert_eq!(store.put(put("second"), Arc::new(|_| {})).await.expect_err("taken").code, Code::NameTaken);
    assert_eq!(store.client().conditions(), Conditions::Honoured, "tried out where a look was not allowed");

    store.client().set_conditions(Conditions::Ignored);
    let refused = store.put(put("third"), Arc::new(|_| {})).await.expect_err("nothing can tell");
    assert_eq!(refused.code, Code::Forbidden);
    assert!(refused.to_string().starts_with("Nothing was sent"), "{refused}");
}
