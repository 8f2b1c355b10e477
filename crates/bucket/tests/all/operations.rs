//! Whatever S3 knows and this bucket does not is refused by name, and changes nothing. The protocol's library takes a request for the
//! plain operation of its method where it does not know what else it carries: a rename would be a put of no bytes.

use aws_sdk_s3::primitives::ByteStream;
use reqwest::Client;

use crate::common::{BUCKET, Home, bytes, code, minute};
use crate::sign;

#[derive(Debug, Clone, Copy)]
enum Level {
    Root,
    Bucket,
    Object,
}
use Level::{Bucket, Object, Root};

/// Every operation of S3 that is not served here: name, method, what it is about, and the query by which it is told from others, as in
/// the model that the programs of AWS come with; `id=1` and the like stand for what a caller fills in.
#[rustfmt::skip]
const NOT_SERVED: &[(&str, &str, Level, &str)] = &[
    ("CreateBucketMetadataConfiguration", "POST", Bucket, "metadataConfiguration="),
    ("CreateBucketMetadataTableConfiguration", "POST", Bucket, "metadataTable="),
    ("CreateSession", "GET", Bucket, "session="),
    ("DeleteBucketAnalyticsConfiguration", "DELETE", Bucket, "analytics=&id=1"),
    ("DeleteBucketCors", "DELETE", Bucket, "cors="),
    ("DeleteBucketEncryption", "DELETE", Bucket, "encryption="),
    ("DeleteBucketIntelligentTieringConfiguration", "DELETE", Bucket, "id=1&intelligent-tiering="),
    ("DeleteBucketInventoryConfiguration", "DELETE", Bucket, "id=1&inventory="),
    ("DeleteBucketLifecycle", "DELETE", Bucket, "lifecycle="),
    ("DeleteBucketMetadataConfiguration", "DELETE", Bucket, "metadataConfiguration="),
    ("DeleteBucketMetadataTableConfiguration", "DELETE", Bucket, "metadataTable="),
    ("DeleteBucketMetricsConfiguration", "DELETE", Bucket, "id=1&metrics="),
    ("DeleteBucketOwnershipControls", "DELETE", Bucket, "ownershipControls="),
    ("DeleteBucketReplication", "DELETE", Bucket, "replication="),
    ("DeleteBucketTagging", "DELETE", Bucket, "tagging="),
    ("DeleteBucketWebsite", "DELETE", Bucket, "website="),
    ("DeleteObjectAnnotation", "DELETE", Object, "annotation=&annotationName=1"),
    ("DeleteObjectTagging", "DELETE", Object, "tagging="),
    ("DeletePublicAccessBlock", "DELETE", Bucket, "publicAccessBlock="),
    ("GetBucketAbac", "GET", Bucket, "abac="),
    ("GetBucketAccelerateConfiguration", "GET", Bucket, "accelerate="),
    ("GetBucketAcl", "GET", Bucket, "acl="),
    ("GetBucketAnalyticsConfiguration", "GET", Bucket, "analytics=&id=1"),
    ("GetBucketCors", "GET", Bucket, "cors="),
    ("GetBucketEncryption", "GET", Bucket, "encryption="),
    ("GetBucketIntelligentTieringConfiguration", "GET", Bucket, "id=1&intelligent-tiering="),
    ("GetBucketInventoryConfiguration", "GET", Bucket, "id=1&inventory="),
    ("GetBucketLifecycle", "GET", Bucket, "lifecycle="),
    ("GetBucketLifecycleConfiguration", "GET", Bucket, "lifecycle="),
    ("GetBucketLogging", "GET", Bucket, "logging="),
    ("GetBucketMetadataConfiguration", "GET", Bucket, "metadataConfiguration="),
    ("GetBucketMetadataTableConfiguration", "GET", Bucket, "metadataTable="),
    ("GetBucketMetricsConfiguration", "GET", Bucket, "id=1&metrics="),
    ("GetBucketNotification", "GET", Bucket, "notification="),
    ("GetBucketNotificationConfiguration", "GET", Bucket, "notification="),
    ("GetBucketOwnershipControls", "GET", Bucket, "ownershipControls="),
    ("GetBucketPolicyStatus", "GET", Bucket, "policyStatus="),
    ("GetBucketReplication", "GET", Bucket, "replication="),
    ("GetBucketRequestPayment", "GET", Bucket, "requestPayment="),
    ("GetBucketTagging", "GET", Bucket, "tagging="),
    ("GetBucketWebsite", "GET", Bucket, "website="),
    ("GetObjectAcl", "GET", Object, "acl="),
    ("GetObjectAnnotation", "GET", Object, "annotation=&annotationName=1"),
    ("GetObjectAttributes", "GET", Object, "attributes="),
    ("GetObjectLegalHold", "GET", Object, "legal-hold="),
    ("GetObjectLockConfiguration", "GET", Bucket, "object-lock="),
    ("GetObjectRetention", "GET", Object, "retention="),
    ("GetObjectTagging", "GET", Object, "tagging="),
    ("GetObjectTorrent", "GET", Object, "torrent="),
    ("GetPublicAccessBlock", "GET", Bucket, "publicAccessBlock="),
    ("ListBucketAnalyticsConfigurations", "GET", Bucket, "analytics="),
    ("ListBucketIntelligentTieringConfigurations", "GET", Bucket, "intelligent-tiering="),
    ("ListBucketInventoryConfigurations", "GET", Bucket, "inventory="),
    ("ListBucketMetricsConfigurations", "GET", Bucket, "metrics="),
    ("ListDirectoryBuckets", "GET", Root, "x-id=ListDirectoryBuckets"),
    ("ListObjectAnnotations", "GET", Object, "annotation="),
    ("ListObjectVersions", "GET", Bucket, "versions="),
    ("PutBucketAbac", "PUT", Bucket, "abac="),
    ("PutBucketAccelerateConfiguration", "PUT", Bucket, "accelerate="),
    ("PutBucketAcl", "PUT", Bucket, "acl="),
    ("PutBucketAnalyticsConfiguration", "PUT", Bucket, "analytics=&id=1"),
    ("PutBucketCors", "PUT", Bucket, "cors="),
    ("PutBucketEncryption", "PUT", Bucket, "encryption="),
    ("PutBucketIntelligentTieringConfiguration", "PUT", Bucket, "id=1&intelligent-tiering="),
    ("PutBucketInventoryConfiguration", "PUT", Bucket, "id=1&inventory="),
    ("PutBucketLifecycle", "PUT", Bucket, "lifecycle="),
    ("PutBucketLifecycleConfiguration", "PUT", Bucket, "lifecycle="),
    ("PutBucketLogging", "PUT", Bucket, "logging="),
    ("PutBucketMetricsConfiguration", "PUT", Bucket, "id=1&metrics="),
    ("PutBucketNotification", "PUT", Bucket, "notification="),
    ("PutBucketNotificationConfiguration", "PUT", Bucket, "notification="),
    ("PutBucketOwnershipControls", "PUT", Bucket, "ownershipControls="),
    ("PutBucketReplication", "PUT", Bucket, "replication="),
    ("PutBucketRequestPayment", "PUT", Bucket, "requestPayment="),
    ("PutBucketTagging", "PUT", Bucket, "tagging="),
    ("PutBucketVersioning", "PUT", Bucket, "versioning="),
    ("PutBucketWebsite", "PUT", Bucket, "website="),
    ("PutObjectAcl", "PUT", Object, "acl="),
    ("PutObjectAnnotation", "PUT", Object, "annotation=&annotationName=1"),
    ("PutObjectLegalHold", "PUT", Object, "legal-hold="),
    ("PutObjectLockConfiguration", "PUT", Bucket, "object-lock="),
    ("PutObjectRetention", "PUT", Object, "retention="),
    ("PutObjectTagging", "PUT", Object, "tagging="),
    ("PutPublicAccessBlock", "PUT", Bucket, "publicAccessBlock="),
    ("RenameObject", "PUT", Object, "renameObject="),
    ("RestoreObject", "POST", Object, "restore="),
    ("SelectObjectContent", "POST", Object, "select=&select-type=2"),
    ("UpdateBucketMetadataAnnotationTableConfiguration", "PUT", Bucket, "metadataAnnotationTable="),
    ("UpdateBucketMetadataInventoryTableConfiguration", "PUT", Bucket, "metadataInventoryTable="),
    ("UpdateBucketMetadataJournalTableConfiguration", "PUT", Bucket, "metadataJournalTable="),
    ("UpdateObjectEncryption", "PUT", Object, "encryption="),
];

/// Status, code and message of an answer.
struct Answer {
    status: u16,
    code: String,
    message: String,
}

fn between(text: &str, tag: &str) -> String {
    let inner = text.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
    inner.map_or_else(String::new, |(inner, _)| inner.to_owned())
}

/// One for each test, which has a thread of its own: to make one takes longer than many requests.
fn client() -> Client {
    thread_local! {
        static CLIENT: Client = {
            _ = rustls::crypto::ring::default_provider().install_default();
            Client::new()
        };
    }
    CLIENT.with(Client::clone)
}

async fn answer(answer: reqwest::Response) -> Answer {
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    Answer { status, code: between(&text, "Code"), message: between(&text, "Message") }
}

/// A signed request; `path` has its query in the order of signing.
async fn send(home: &Home, method: &str, path: &str, given: &[(&str, &str)], body: &'static [u8]) -> Answer {
    let mut request = client().request(method.parse().unwrap(), home.url(&path[1..])).body(body);
    for (name, value) in sign::headers(&home.keys, method, home.running.addr().port(), path, given, &sign::sha256(body)) {
        request = request.header(name, value);
    }
    answer(request.send().await.unwrap()).await
}

/// Everything is as [`filled`] left it.
async fn untouched(home: &Home, after: &str) {
    assert!(home.get("k").await == bytes(3000), "{after}");
    let usage = home.server.usage().await.unwrap();
    assert_eq!((usage.buckets, usage.objects), (2, 1), "{after}");
    assert_eq!(home.blobs(), 1, "{after}");
    assert!(home.s3.get_bucket_policy().bucket(BUCKET).send().await.is_ok(), "{after}");
    assert_eq!(home.s3.list_multipart_uploads().bucket(BUCKET).send().await.unwrap().uploads().len(), 1, "{after}");
}

async fn filled() -> (Home, String) {
    let home = Home::new().await;
    home.put("k", bytes(3000)).await;
    home.server.ensure_bucket("empty").await.unwrap();
    home.server.set_public_read(BUCKET, "open/").await.unwrap();
    let upload = home.s3.create_multipart_upload().bucket(BUCKET).key("parts").send().await.unwrap();
    (home, upload.upload_id().unwrap().to_owned())
}

#[tokio::test]
async fn an_operation_of_s3_that_is_not_served_is_named_and_destroys_nothing() {
    let (home, _) = filled().await;
    for &(name, method, level, query) in NOT_SERVED {
        // A bucket without objects could be deleted, one that is not there made.
        let places: &[&str] = match level {
            Root => &["/"],
            Bucket => &["/images", "/empty", "/not-there"],
            Object => &["/images/k", "/images/not-there"],
        };
        let given: &[(&str, &str)] = if name == "RenameObject" { &[("x-amz-rename-source", "/images/k")] } else { &[] };
        for place in places {
            let body: &[u8] = if matches!(method, "PUT" | "POST") { b"<Other/>" } else { b"" };
            let refused = send(&home, method, &format!("{place}?{query}"), given, body).await;
            let what = format!("{name}: {method} {place}?{query}");
            assert_eq!((refused.status, &*refused.code), (501, "NotImplemented"), "{what}: {}", refused.message);
            let told = query.split('&').map(|pair| pair.trim_end_matches('='));
            let told = told.into_iter().any(|parameter| refused.message.contains(parameter.split('=').next().unwrap()));
            assert!(told || refused.message.contains(name), "{what}: {}", refused.message);
        }
        untouched(&home, name).await;
    }
}

/// Method, path, headers, and what the refusal names.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

#[tokio::test]
async fn whatever_else_a_write_carries_in_its_query_or_headers_it_is_not_done_without_it() {
    let (home, upload) = filled().await;
    let part = format!("/images/parts?partNumber=1&uploadId={upload}");
    let complete = format!("/images/parts?made-up=&uploadId={upload}");
    let cases: &[Case<'_>] = &[
        ("PUT", "/images/k?madeUp=", &[], "madeUp"),
        ("PUT", "/images/k?made-up=1", &[], "made-up"),
        ("PUT", "/images/k?a%2Bb%20c=1", &[], "a+b c"),
        ("PUT", "/images/k?versionId=null", &[], "versionId"),
        ("PUT", "/images/k?versionId=x", &[], "versionId"),
        ("PUT", "/images/k?partNumber=1", &[], "partNumber"),
        ("PUT", "/images/k?uploadId=x", &[], "uploadId"),
        ("PUT", "/images/k?x-id=RenameObject", &[], "x-id"),
        ("PUT", "/images/k?X-Amz-Acl=private", &[], "X-Amz-Acl"),
        ("PUT", "/not-there?madeUp=", &[], "madeUp"),
        ("PUT", "/images?policy=&x=1", &[], "x"),
        ("DELETE", "/images/k?madeUp=", &[], "madeUp"),
        ("DELETE", "/images/k?partNumber=1", &[], "partNumber"),
        ("DELETE", "/empty?madeUp=1", &[], "madeUp"),
        ("DELETE", "/images?policy=&x=1", &[], "x"),
        ("POST", "/images/k?madeUp=&uploads=", &[], "madeUp"),
        ("POST", "/images?delete=&madeUp=", &[], "madeUp"),
        ("POST", &complete, &[], "made-up"),
        ("GET", "/images?madeUp=", &[], "madeUp"),
        ("GET", "/images?older-than=1", &[], "older-than"),
        ("GET", "/images/k?madeUp=", &[], "madeUp"),
        ("PUT", "/images/k", &[("x-amz-made-up", "1")], "x-amz-made-up"),
        ("PUT", "/images/k", &[("x-amz-copy-source", "/images/k"), ("x-amz-checksum-crc32", "AAAAAA==")], "x-amz-checksum-crc32"),
        ("POST", "/images/new?uploads=", &[("x-amz-checksum-sha256", "x")], "x-amz-checksum-sha256"),
        ("PUT", "/images/k", &[("x-amz-rename-source", "/images/k")], "x-amz-rename-source"),
        ("PUT", "/images/k", &[("x-other-copy-source", "/images/k")], "x-other-copy-source"),
        ("PUT", "/images/k", &[("x-amz-write-offset-bytes", "3000")], "x-amz-write-offset-bytes"),
        ("PUT", "/images/k", &[("content-range", "bytes 0-7/3000")], "content-range"),
        ("PUT", "/images/k", &[("if-unmodified-since", "Wed, 21 Oct 2015 07:28:00 GMT")], "if-unmodified-since"),
        ("DELETE", "/images/k", &[("if-none-match", "*")], "if-none-match"),
        ("DELETE", "/images/k", &[("x-amz-object-if-match", "\"x\"")], "x-amz-object-if-match"),
        ("PUT", &part, &[("x-amz-server-side-encryption-customer-algorithm", "AES256")], "customer-algorithm"),
        ("DELETE", &part[..], &[], "partNumber"),
        ("PUT", "/not-there", &[("x-amz-bucket-namespace", "account-regional")], "x-amz-bucket-namespace"),
    ];
    for &(method, path, given, named) in cases {
        let body: &[u8] = if matches!(method, "PUT" | "POST") { b"<Other/>" } else { b"" };
        let refused = send(&home, method, path, given, body).await;
        let what = format!("{method} {path} {given:?}");
        assert_eq!((refused.status, &*refused.code), (501, "NotImplemented"), "{what}: {}", refused.message);
        assert!(refused.message.contains(named), "{what}: {}", refused.message);
        untouched(&home, &what).await;
    }
}

#[tokio::test]
async fn a_presigned_write_loses_nothing_that_its_link_says() {
    let (home, _) = filled().await;
    let port = home.running.addr().port();
    for hoisted in [("x-amz-meta-a", "1"), ("x-amz-checksum-crc32", "AAAAAA=="), ("X-Amz-Content-Sha256", &sign::sha256(b"x"))] {
        let link = sign::presign(&home.keys, "PUT", port, "/images/k", &[hoisted], &[], 60);
        let refused = answer(client().put(link).body("destroyed").send().await.unwrap()).await;
        assert_eq!((refused.status, &*refused.code), (501, "NotImplemented"), "{hoisted:?}");
        assert!(refused.message.contains(hoisted.0), "{}", refused.message);
        untouched(&home, hoisted.0).await;
    }
    for said in [("x-id", "PutObject"), ("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")] {
        let link = sign::presign(&home.keys, "PUT", port, "/images/k", &[said], &[], 60);
        assert_eq!(client().put(link).body(bytes(3000)).send().await.unwrap().status(), 200, "{said:?}");
    }
    let sdk = home.s3.put_object().bucket(BUCKET).key("k").presigned(minute()).await.unwrap();
    assert_eq!(client().put(sdk.uri()).body(bytes(3000)).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_link_with_something_behind_it_against_caches_still_opens() {
    let home = Home::new().await;
    home.put("k", "picture").await;
    let signed = ["v=2", "1699999999=", "t123=", "versionId=null", "x-id=GetObject", "a=&=&v=3"];
    for query in ["v=2", "1699999999=", "t123=", "utm_source=x", "versionId=null", "x-id=GetObject"] {
        let got = send(&home, "GET", &format!("/images/k?{query}"), &[], b"").await;
        assert_eq!(got.status, 200, "{query}: {}", got.message);
    }
    for header in ["if-modified-since", "x-amz-made-up"] {
        let given = [(header, "Wed, 21 Oct 2015 07:28:00 GMT")];
        assert_eq!(send(&home, "GET", "/images?prefix=k", &given, b"").await.status, 200, "{header}");
    }
    home.server.set_public_read(BUCKET, "").await.unwrap();
    for query in signed.into_iter().chain(["download", "raw", "", "&"]) {
        let got = client().get(home.url(&format!("images/k?{query}"))).send().await.unwrap();
        assert_eq!((got.status().as_u16(), got.text().await.unwrap()), (200, "picture".into()), "{query}");
        assert_eq!(client().head(home.url(&format!("images/k?{query}"))).send().await.unwrap().status(), 200, "{query}");
    }
}

#[tokio::test]
async fn a_copy_with_a_condition_overwrites_nothing_where_it_does_not_hold() {
    let home = Home::new().await;
    home.put("from", "new").await;
    home.put("there", "old").await;
    let etag = home.s3.head_object().bucket(BUCKET).key("there").send().await.unwrap().e_tag().unwrap().to_owned();
    let source = ("x-amz-copy-source", "/images/from");
    let copy = async |to: &str, condition: (&str, &str)| send(&home, "PUT", to, &[source, condition], b"").await.status;
    assert_eq!(copy("/images/there", ("if-none-match", "*")).await, 412);
    assert_eq!(copy("/images/there", ("if-match", "\"other\"")).await, 412);
    assert_eq!(copy("/images/free", ("if-match", &etag)).await, 404);
    assert_eq!(home.get("there").await, b"old");
    assert_eq!(copy("/images/free", ("if-none-match", "*")).await, 200);
    assert_eq!(copy("/images/there", ("if-match", &etag)).await, 200);
    assert_eq!((home.get("free").await, home.get("there").await), (b"new".to_vec(), b"new".to_vec()));
}

#[tokio::test]
async fn every_refusal_says_in_words_what_is_wrong() {
    let home = Home::new().await;
    home.put("k", "x").await;
    let long = format!("/images/{}", "k".repeat(1025));
    let begun = home.s3.create_multipart_upload().bucket(BUCKET).key("parts").send().await.unwrap();
    let complete = format!("/images/parts?uploadId={}", begun.upload_id().unwrap());
    let cases: &[(&str, &str, &[u8], &str)] = &[
        ("PUT", "/Not_A_Bucket", b"", "InvalidBucketName"),
        ("GET", "/Not_A_Bucket/k", b"", "InvalidBucketName"),
        ("PUT", &long, b"x", "KeyTooLongError"),
        ("POST", "/images?delete=", b"<x", "MalformedXML"),
        ("POST", "/images?delete=", b"", "MissingRequestBodyError"),
        ("POST", &complete, b"<CompleteMultipartUpload><Other/></CompleteMultipartUpload>", "MalformedXML"),
        ("PUT", "/images?policy=", b"not a policy", "MalformedPolicy"),
        ("GET", "/images/none", b"", "NoSuchKey"),
        ("GET", "/nowhere", b"", "NoSuchBucket"),
        ("GET", "/images?max-keys=many", b"", "InvalidArgument"),
        ("POST", "/images/k", b"", "NotImplemented"),
        ("POST", "/", b"", "NotImplemented"),
    ];
    let mut refusals = Vec::new();
    for &(method, path, body, wanted) in cases {
        let refused = send(&home, method, path, &[], body).await;
        assert_eq!(refused.code, wanted, "{method} {path}: {}", refused.message);
        refusals.push((format!("{method} {path}"), refused));
    }
    let stranger = imagepic_bucket::keys::Keys { access_key: "NOBODY".into(), ..home.keys.clone() };
    let liar = imagepic_bucket::keys::Keys { secret_key: "wrong".into(), ..home.keys.clone() };
    for (keys, wanted) in [(stranger, "InvalidAccessKeyId"), (liar, "SignatureDoesNotMatch")] {
        let mut request = client().get(home.url("images/k"));
        for (name, value) in sign::headers(&keys, "GET", home.running.addr().port(), "/images/k", &[], "UNSIGNED-PAYLOAD") {
            request = request.header(name, value);
        }
        let refused = answer(request.send().await.unwrap()).await;
        assert_eq!(refused.code, wanted);
        refusals.push((wanted.into(), refused));
    }
    let link = sign::presign(&home.keys, "GET", home.running.addr().port(), "/images/k", &[], &[], -10);
    refusals.push(("a link that is over".into(), answer(client().get(link).send().await.unwrap()).await));
    refusals.push(("no signature".into(), answer(client().get(home.url("images/k")).send().await.unwrap()).await));
    for (what, refused) in refusals {
        assert!(refused.status >= 400, "{what}");
        assert!(refused.message.split_whitespace().count() >= 4, "{what}: {}: \"{}\"", refused.code, refused.message);
    }
}

#[tokio::test]
async fn a_bucket_that_is_to_have_what_it_cannot_have_is_not_made() {
    let home = Home::new().await;
    let owned = aws_sdk_s3::types::ObjectOwnership::ObjectWriter;
    assert_eq!(code(home.s3.create_bucket().bucket("mine").object_ownership(owned).send().await), "NotImplemented");
    let owned = aws_sdk_s3::types::ObjectOwnership::BucketOwnerEnforced;
    home.s3.create_bucket().bucket("mine").object_ownership(owned).send().await.unwrap();
    home.s3.put_object().bucket("mine").key("k").body(ByteStream::from_static(b"x")).send().await.unwrap();
}
