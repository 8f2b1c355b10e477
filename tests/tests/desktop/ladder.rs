//! "Test" in the settings names the one field that is wrong, puts the cursor there, and offers what it knows better.

use std::time::Duration;

use fantoccini::Locator;
use imagepic_core::destination::S3Address;
use imagepic_core::settings::Proxy;
use imagepic_core::store::{S3Store, Store as _};
use imagepic_tests::servers::{self, S3Server};
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, ports};
use secrecy::SecretString;

use crate::hands::{click, speaks, type_over, until};
use crate::steps::{add_s3, set};

struct Words {
    language: &'static str,
    title: &'static str,
    test: &'static str,
    again: &'static str,
    right: &'static str,
}

const BOTH: [Words; 2] = [
    Words { language: "en", title: "Settings", test: "Test", again: "Test again", right: "Everything right" },
    Words { language: "zh-CN", title: "设置", test: "测试", again: "重新测试", right: "全部正确" },
];

/// A bucket of one's own at a real store, as a destination that is right.
async fn at(desktop: &Desktop, server: &S3Server, name: &str) -> (S3Store, String) {
    let address = S3Address {
        endpoint: server.endpoint.clone(),
        region: server.region.to_owned(),
        access_key: server.access_key.to_owned(),
        path_style: true,
        ca_file: None,
    };
    let store = S3Store::open(&address, SecretString::from(server.secret_key), &Proxy::None).expect("a store");
    let bucket = format!("climb-{}", uuid::Uuid::new_v4().simple());
    store.make_bucket(&bucket).await.expect("a bucket");
    add_s3(desktop, name, &server.endpoint, (server.access_key, server.secret_key));
    set(desktop, &format!("destinations.{name}.bucket"), &bucket);
    (store, bucket)
}

/// Looks at the last destination, by its name.
async fn look_at(session: &Session, name: &str, words: &Words, desktop: &Desktop) {
    speaks(desktop, words.language, words.title).await;
    let last = format!("document.querySelector('.dests li:last-child')?.textContent.includes({})", serde_json::json!(name));
    until(session, "the destination in the list", &last).await;
    click(session, ".dests li:last-child button").await;
    until(session, "its form", &format!("document.querySelector('#field-name')?.value === {}", serde_json::json!(name))).await;
}

async fn test(session: &Session, words: &Words) {
    let either = format!("//button[normalize-space(.)='{}' or normalize-space(.)='{}']", words.test, words.again);
    let button = session.wait().for_element(Locator::XPath(&either)).await.expect("a button");
    button.click().await.expect("it can be pressed");
}

async fn is_named(session: &Session, field: &str, says: &str) {
    session.text_with(says, |text| text.contains(says)).await;
    session.find_soon(&format!("#field-{field}[aria-invalid=true]")).await;
    until(session, "the cursor in the field", &format!("document.activeElement.id === 'field-{field}'")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_wrong_field_is_named_and_has_the_cursor() {
    let desktop = Desktop::start().await;
    let ceph = servers::ceph();
    let (_store, bucket) = at(&desktop, &ceph, "Ceph").await;
    let nobody = format!("http://127.0.0.1:{}", ports::free(1)[0]);
    let tls = ceph.endpoint.replace("http:", "https:");
    let all = [
        ("endpoint", nobody.as_str(), ["The address is wrong", "地址有误"], ceph.endpoint.as_str()),
        ("endpoint", &tls, ["The certificate is not accepted", "证书不被接受"], &ceph.endpoint),
        ("access_key", "nobody-knows-it", ["The access key is unknown", "访问密钥 ID 不存在"], ceph.access_key),
        ("bucket", "no-such-bucket-here", ["The bucket is wrong", "存储桶有误"], &bucket),
    ];
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    for (language, words) in BOTH.iter().enumerate() {
        look_at(&session, "Ceph", words, &desktop).await;
        for (field, typed, says, right) in all {
            type_over(&session, &format!("#field-{field}"), typed).await;
            // A secret belongs to an address and a key: for another one it has to be typed.
            let kept = field == "bucket";
            if !kept {
                type_over(&session, "input#field-secret", ceph.secret_key).await;
            }
            test(&session, words).await;
            is_named(&session, field, says[language]).await;
            type_over(&session, &format!("#field-{field}"), right).await;
        }
        test(&session, words).await;
        session.text_with("everything to be right", |text| text.contains(words.right)).await;
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_region_is_offered_in_the_place_of_a_wrong_one() {
    let desktop = Desktop::start().await;
    let swift = servers::swift();
    at(&desktop, &swift, "Swift").await;
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    for (words, (says, take)) in BOTH.iter().zip([("The region is wrong", "Use us-east-1"), ("区域填写有误", "改用 us-east-1")])
    {
        look_at(&session, "Swift", words, &desktop).await;
        type_over(&session, "#field-region", "eu-west-9").await;
        test(&session, words).await;
        is_named(&session, "region", says).await;
        session.press(take).await;
        until(&session, "it in its place", "document.querySelector('#field-region').value === 'us-east-1'").await;
        test(&session, words).await;
        session.text_with("everything to be right", |text| text.contains(words.right)).await;
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_permission_and_a_clock_that_is_off_are_named() {
    let desktop = Desktop::start().await;
    let ceph = servers::ceph();
    let (store, bucket) = at(&desktop, &ceph, "Reader").await;
    set(&desktop, "destinations.Reader.folder", "some/folder");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::{bucket}/some/*"}}]}}"#
    );
    store.client().set_policy(&bucket, &policy).await.expect("Ceph knows policies");
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    for (words, says) in BOTH.iter().zip(["Permission is missing", "权限不足"]) {
        look_at(&session, "Reader", words, &desktop).await;
        test(&session, words).await;
        is_named(&session, "bucket", says).await;
    }
    // The test cannot set the computer's clock, so a store that lives two hours ahead stands in for it.
    let ahead = servers::store_with_another_clock(Duration::from_secs(7200));
    add_s3(&desktop, "Ahead", &ahead, (ceph.access_key, ceph.secret_key));
    for (words, says) in BOTH.iter().zip(["This computer’s clock is wrong", "本机时钟不准"]) {
        look_at(&session, "Ahead", words, &desktop).await;
        test(&session, words).await;
        session.text_with(says, |text| text.contains(says)).await;
    }
    session.close().await;
}
