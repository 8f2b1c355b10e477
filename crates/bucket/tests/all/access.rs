//! Who may do what, asked by bare HTTP: strangers, holders of links, web pages.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};

use crate::common::{BUCKET, Home, code, minute};
use crate::sign;

fn http() -> Client {
    _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

async fn status_and_code(answer: reqwest::Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let code = text.split_once("<Code>").and_then(|(_, t)| t.split_once("</Code>")).map_or("", |(c, _)| c);
    (status, code.to_owned())
}

impl Home {
    fn port(&self) -> u16 {
        self.running.addr().port()
    }

    async fn signed(
        &self,
        method: Method,
        path: &str,
        given: &[(&str, &str)],
        extra: &[(&str, &str)],
        body: &'static str,
    ) -> reqwest::Response {
        let headers = sign::headers(&self.keys, method.as_str(), self.port(), path, given, &sign::sha256(body.as_bytes()));
        let mut request = http().request(method, self.url(&path[1..])).body(body);
        for (name, value) in headers.iter().map(|(k, v)| (&**k, &**v)).chain(extra.iter().copied()) {
            request = request.header(name, value);
        }
        request.send().await.unwrap()
    }
}

#[tokio::test]
async fn a_stranger_can_do_nothing_at_all() {
    let home = Home::new().await;
    home.put("k", "secret").await;
    for (method, path) in [
        (Method::GET, "images/k"),
        (Method::HEAD, "images/k"),
        (Method::GET, "images/none"),
        (Method::GET, "images"),
        (Method::GET, ""),
        (Method::PUT, "images/k"),
        (Method::DELETE, "images/k"),
        (Method::POST, "images?delete"),
        (Method::PUT, "other"),
        (Method::PUT, "images?policy"),
        (Method::GET, "images?policy"),
        (Method::POST, "images/k?uploads"),
    ] {
        let answer = http().request(method.clone(), home.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {path}");
    }
    let form = http()
        .post(home.url("images"))
        .header("content-type", "multipart/form-data; boundary=x")
        .body("--x--")
        .send()
        .await
        .unwrap();
    assert_eq!(status_and_code(form).await, (501, "NotImplemented".into()));
    assert_eq!(home.get("k").await, b"secret");
}

#[tokio::test]
async fn a_public_folder_is_readable_without_a_signature_and_only_it() {
    let home = Home::new().await;
    home.put("pub/图 1.png", "open").await;
    home.put("private.png", "shut").await;
    home.server.set_public_read(BUCKET, "pub/").await.unwrap();
    home.server.set_public_read(BUCKET, "pub/").await.unwrap();
    let get = async |path: &str| {
        let answer = http().get(home.url(path)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("images/pub/图%201.png").await, (200, "open".into()));
    assert_eq!(get("images/private.png").await.0, 403);
    assert_eq!(get("images/pub/../private.png").await.0, 403);
    assert_eq!(get("images?prefix=pub/").await.0, 403, "listing is not reading");
    let put = http().put(home.url("images/pub/new")).body("x").send().await.unwrap();
    assert_eq!(put.status(), 403);
    let page = get("images/pub/图%201.png?response-content-type=text/html").await;
    assert_eq!(page.0, 400, "a stranger's link cannot make a picture a page: {}", page.1);
    let home = home.restart().await;
    assert_eq!(http().get(home.url("images/pub/图%201.png")).send().await.unwrap().status(), 200, "still public after a restart");
}

#[tokio::test]
async fn a_policy_is_kept_as_written_and_taken_away_again() {
    let home = Home::new().await;
    home.put("p/k", "x").await;
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Sid":"one","Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::images/p/*"]}]}"#;
    assert_eq!(code(home.s3.get_bucket_policy().bucket(BUCKET).send().await), "NoSuchBucketPolicy");
    home.s3.put_bucket_policy().bucket(BUCKET).policy(policy).send().await.unwrap();
    assert_eq!(home.s3.get_bucket_policy().bucket(BUCKET).send().await.unwrap().policy(), Some(policy));
    assert_eq!(http().get(home.url("images/p/k")).send().await.unwrap().status(), 200);
    let too_much = policy.replace("s3:GetObject", "s3:PutObject");
    assert_eq!(code(home.s3.put_bucket_policy().bucket(BUCKET).policy(too_much).send().await), "NotImplemented");
    home.s3.delete_bucket_policy().bucket(BUCKET).send().await.unwrap();
    assert_eq!(http().get(home.url("images/p/k")).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn presigned_links_read_and_write_one_key_and_expire() {
    let home = Home::new().await;
    let put = home.s3.put_object().bucket(BUCKET).key("a/图.png").content_type("image/png").presigned(minute()).await.unwrap();
    let sent = http().put(put.uri()).header("content-type", "image/png").body("picture").send().await.unwrap();
    assert_eq!(sent.status(), 200, "{}", sent.text().await.unwrap());
    let get = home.s3.get_object().bucket(BUCKET).key("a/图.png").presigned(minute()).await.unwrap();
    let got = http().get(get.uri()).send().await.unwrap();
    assert_eq!(got.headers()["content-type"], "image/png");
    assert_eq!(got.text().await.unwrap(), "picture");
    let other = get.uri().replace("/images/a", "/images/b");
    assert_eq!(http().get(other).send().await.unwrap().status(), 403);
    assert_eq!(http().put(get.uri()).body("x").send().await.unwrap().status(), 403);
    let brief = aws_sdk_s3::presigning::PresigningConfig::builder()
        .expires_in(Duration::from_secs(5))
        .start_time(std::time::SystemTime::now() - Duration::from_secs(60))
        .build()
        .unwrap();
    let expired = home.s3.get_object().bucket(BUCKET).key("a/图.png").presigned(brief).await.unwrap();
    assert_eq!(status_and_code(http().get(expired.uri()).send().await.unwrap()).await, (403, "AccessDenied".into()));
}

#[tokio::test]
async fn a_link_cannot_live_longer_than_a_week() {
    let home = Home::new().await;
    home.put("k", "x").await;
    let get = async |seconds| {
        let url = sign::presign(&home.keys, "GET", home.port(), "/images/k", &[], &[], seconds);
        status_and_code(http().get(url).send().await.unwrap()).await
    };
    assert_eq!(get(604_800).await.0, 200);
    assert_eq!(get(604_801).await, (400, "AuthorizationQueryParametersError".into()));
}

#[tokio::test]
async fn the_holder_of_an_upload_link_cannot_turn_it_into_a_copy() {
    let home = Home::new().await;
    home.put("secret", "secret").await;
    let url = sign::presign(&home.keys, "PUT", home.port(), "/images/mine", &[], &[], 60);
    let copied = http().put(&url).header("x-amz-copy-source", "images/secret").send().await.unwrap();
    assert_eq!(status_and_code(copied).await, (403, "AccessDenied".into()));
    let marked = http().put(&url).header("x-amz-meta-by", "me").body("x").send().await.unwrap();
    assert_eq!(marked.status(), 403);
    let wrong = http().put(&url).header("x-amz-content-sha256", sign::sha256(b"other")).body("x").send().await.unwrap();
    assert_eq!(status_and_code(wrong).await, (400, "XAmzContentSHA256Mismatch".into()));
    assert_eq!(http().put(&url).body("x").send().await.unwrap().status(), 200);
    let unsigned = home.signed(Method::PUT, "/images/mine", &[], &[("x-amz-copy-source", "images/secret")], "").await;
    assert_eq!(unsigned.status(), 403);
    assert_eq!(home.get("mine").await, b"x");
}

#[tokio::test]
async fn signatures_of_version_two_and_wrong_keys_are_refused() {
    let home = Home::new().await;
    home.put("k", "x").await;
    let mut request = http().get(home.url("images/k"));
    for (name, value) in sign::version_two(&home.keys, "GET", "/images/k") {
        request = request.header(name, value);
    }
    assert_eq!(status_and_code(request.send().await.unwrap()).await, (400, "InvalidRequest".into()));
    let stranger =
        imagepic_bucket::keys::Keys { access_key: home.keys.access_key.clone(), secret_key: "guessed".to_owned().into() };
    let wrong = crate::common::client(home.port(), &stranger);
    assert_eq!(code(wrong.get_object().bucket(BUCKET).key("k").send().await), "SignatureDoesNotMatch");
}

#[tokio::test]
async fn a_page_under_a_foreign_name_for_this_host_gets_nothing() {
    let home = Home::new().await;
    home.put("pub", "x").await;
    home.server.set_public_read(BUCKET, "").await.unwrap();
    let get =
        async |host: String| http().get(home.url("images/pub")).header("host", host).send().await.unwrap().status().as_u16();
    assert_eq!(get(format!("localhost:{}", home.port())).await, 200);
    assert_eq!(get(format!("127.0.0.1:{}", home.port())).await, 200);
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{}", home.port()),
        "127.0.0.1".into(),
        format!("127.0.0.1.evil.example:{}", home.port()),
    ] {
        assert_eq!(get(host.clone()).await, 421, "{host}");
    }
}

#[tokio::test]
async fn what_is_stored_cannot_act_in_a_browser() {
    let home = Home::new().await;
    home.server.set_public_read(BUCKET, "").await.unwrap();
    let put = |key: &str, kind: &str, disposition: Option<&str>| {
        home.s3
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .content_type(kind)
            .set_content_disposition(disposition.map(Into::into))
            .body(vec![b'x'].into())
            .send()
    };
    put("a.png", "image/png", None).await.unwrap();
    put("a.svg", "image/svg+xml", Some("inline; filename=\"a.svg\"")).await.unwrap();
    put("a.html", "text/html; charset=utf-8", None).await.unwrap();
    for (key, disposition) in [("a.png", None), ("a.svg", Some("attachment; filename=\"a.svg\"")), ("a.html", Some("attachment"))]
    {
        let link = home.s3.get_object().bucket(BUCKET).key(key).presigned(minute()).await.unwrap().uri().to_owned();
        for url in [home.url(&format!("images/{key}")), link] {
            let answer = http().get(url).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let header = |name| answer.headers().get(name).map(|v| v.to_str().unwrap());
            assert_eq!(header("x-content-type-options"), Some("nosniff"));
            assert_eq!(header("content-security-policy"), Some("sandbox"));
            assert_eq!(header("content-disposition"), disposition, "{key}");
        }
    }
    let as_page =
        home.s3.get_object().bucket(BUCKET).key("a.png").response_content_type("text/html").presigned(minute()).await.unwrap();
    let answer = http().get(as_page.uri()).send().await.unwrap();
    assert_eq!(
        (&answer.headers()["content-type"], &answer.headers()["content-disposition"]),
        (&"text/html".parse().unwrap(), &"attachment".parse().unwrap())
    );
    let stored = home.s3.head_object().bucket(BUCKET).key("a.svg").send().await.unwrap();
    assert_eq!(stored.content_disposition(), Some("inline; filename=\"a.svg\""), "a program with the key sees what it stored");
}

#[tokio::test]
async fn a_web_page_may_read_what_is_public_and_write_nothing() {
    let home = Home::new().await;
    home.put("k", "x").await;
    home.server.set_public_read(BUCKET, "").await.unwrap();
    let ask = async |method: &'static str| {
        let request = http().request(Method::OPTIONS, home.url("images/k")).header("origin", "https://page.example");
        request
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "range")
            .send()
            .await
            .unwrap()
    };
    for method in ["GET", "HEAD"] {
        let answer = ask(method).await;
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        assert!(answer.headers()["access-control-allow-headers"].to_str().unwrap().contains("range"));
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    }
    for method in ["PUT", "POST", "DELETE"] {
        let answer = ask(method).await;
        assert_eq!(answer.status(), 403, "{method}");
        assert!(!answer.headers().contains_key("access-control-allow-origin"));
    }
    let got = http().get(home.url("images/k")).header("origin", "https://page.example").send().await.unwrap();
    assert_eq!(got.headers()["access-control-allow-origin"], "*");
    assert!(got.headers()["access-control-expose-headers"].to_str().unwrap().contains("etag"));
    let put = home.signed(Method::PUT, "/images/k", &[], &[("origin", "https://page.example")], "y").await;
    assert!(!put.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_browser_resumes_a_download_only_of_the_same_picture() {
    let home = Home::new().await;
    home.put("k", "0123456789").await;
    home.server.set_public_read(BUCKET, "").await.unwrap();
    let etag = http().head(home.url("images/k")).send().await.unwrap().headers()["etag"].to_str().unwrap().to_owned();
    let get = async |if_range: &str| {
        let answer =
            http().get(home.url("images/k")).header("range", "bytes=5-").header("if-range", if_range).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get(&etag).await, (206, "56789".into()));
    assert_eq!(get("\"other\"").await, (200, "0123456789".into()));
    let again = http().get(home.url("images/k")).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.headers()["etag"].to_str().unwrap()), (304, &*etag));
    assert_eq!(again.bytes().await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_not_supported_says_so_instead_of_pretending() {
    use aws_sdk_s3::types::{ObjectCannedAcl, ServerSideEncryption, StorageClass};
    let home = Home::new().await;
    let put = || home.s3.put_object().bucket(BUCKET).key("k").body(vec![1].into());
    assert_eq!(code(put().acl(ObjectCannedAcl::PublicRead).send().await), "AccessControlListNotSupported");
    assert_eq!(code(put().server_side_encryption(ServerSideEncryption::Aes256).send().await), "NotImplemented");
    assert_eq!(code(put().tagging("a=b").send().await), "NotImplemented");
    assert_eq!(code(put().storage_class(StorageClass::Glacier).send().await), "NotImplemented");
    assert_eq!(code(put().if_none_match("\"etag\"").send().await), "NotImplemented");
    put().acl(ObjectCannedAcl::Private).storage_class(StorageClass::Standard).send().await.unwrap();
    assert_eq!(code(home.s3.get_object_tagging().bucket(BUCKET).key("k").send().await), "NotImplemented");
    assert_eq!(code(home.s3.get_bucket_acl().bucket(BUCKET).send().await), "NotImplemented");
    assert_eq!(code(home.s3.get_bucket_cors().bucket(BUCKET).send().await), "NotImplemented");
    assert_eq!(code(home.s3.list_object_versions().bucket(BUCKET).send().await), "NotImplemented");
    assert_eq!(code(home.s3.get_object().bucket(BUCKET).key("k").version_id("v1").send().await), "NoSuchVersion");
    assert!(home.s3.get_bucket_versioning().bucket(BUCKET).send().await.unwrap().status().is_none());
}

#[tokio::test]
async fn who_sends_a_large_file_hears_why_it_was_refused() {
    let home = Home::new().await;
    let large = crate::common::bytes(30_000_000);
    let nowhere = home.s3.put_object().bucket("nowhere").key("k").body(large.clone().into()).send().await;
    assert_eq!(code(nowhere), "NoSuchBucket");
    let unsigned = http().put(home.url("images/k")).body(large).send().await.unwrap();
    assert_eq!(status_and_code(unsigned).await, (403, "AccessDenied".into()));
}
