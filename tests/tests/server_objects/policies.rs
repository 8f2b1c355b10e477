//! Who may read without a signature.

use serde_json::json;

use crate::place::{Place, Store, png};

fn admin(data: &std::path::Path) {
    let done = std::process::Command::new(imagepic_tests::desktop::built("imagepic"))
        .args(["accounts", "role", crate::place::PHONE, "admin"])
        .env("IMAGEPIC_DATA", data)
        .output()
        .expect("the program is built");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

async fn opens(place: &Place, key: &str) -> bool {
    imagepic_tests::http::get(&place.direct.public_url(&place.bucket, key)).await.status == 200
}

async fn one_prefix_is_opened_and_closed(store: Store) {
    let mut place = Place::new(store).await;
    for folder in ["open", "shut"] {
        assert_eq!(place.team.put(&place.token, &place.bucket, folder, "a.png", png(100)).await["code"], "0");
    }
    let set = |prefix: &str, access: &str| json!({ "bucketName": place.bucket, "prefix": prefix, "access": access });
    let refused = place.ask("policy/setBucketPolicy", set("open/", "public-read")).await;
    assert_eq!((refused.status, refused.error()), (403, "forbidden"), "a member may not");
    let get = json!({ "bucketName": place.bucket });
    let before = json!({ "access": [{ "prefix": "", "access": "private" }], "policy": null });
    assert_eq!(place.data("policy/getBucketPolicy", get.clone()).await, before);
    let set: Vec<_> =
        [("open/", "public-read"), ("open/", "private"), ("", "public-read"), ("open/", "private"), ("", "private")]
            .into_iter()
            .map(|(prefix, access)| set(prefix, access))
            .collect();
    place = promoted(place).await;
    place.data("policy/setBucketPolicy", set[0].clone()).await;
    assert!(opens(&place, "open/a.png").await && !opens(&place, "shut/a.png").await);
    let told = place.data("policy/getBucketPolicy", get.clone()).await;
    assert_eq!(told["access"], json!([{ "prefix": "", "access": "private" }, { "prefix": "open/", "access": "public-read" }]));
    assert!(told["policy"]["Statement"].is_array());
    place.data("policy/setBucketPolicy", set[1].clone()).await;
    assert!(!opens(&place, "open/a.png").await);
    assert_eq!(place.data("policy/getBucketPolicy", get.clone()).await, before, "nothing is left of it");
    place.data("policy/setBucketPolicy", set[2].clone()).await;
    assert!(opens(&place, "shut/a.png").await);
    let wider = place.ask("policy/setBucketPolicy", set[3].clone()).await;
    assert_eq!((wider.status, wider.error()), (400, "bad_request"), "the whole bucket is open");
    place.data("policy/setBucketPolicy", set[4].clone()).await;
    assert!(!opens(&place, "shut/a.png").await);
    for (field, value) in
        [("access", json!("everybody")), ("access", json!(null)), ("prefix", json!("a*")), ("prefix", json!(["a"]))]
    {
        let mut odd = set[0].clone();
        odd[field] = value.clone();
        let came = place.ask("policy/setBucketPolicy", odd).await;
        assert_eq!((came.status, came.error()), (400, "bad_request"), "{field} = {value}");
    }
}

/// The data folder belongs to the server while it runs, so it is stopped for the console's sake.
async fn promoted(mut place: Place) -> Place {
    place.between_two_runs(admin).await;
    place
}

#[tokio::test]
async fn embedded_one_prefix_is_opened_and_closed() {
    one_prefix_is_opened_and_closed(Store::Embedded).await;
}

#[tokio::test]
async fn ceph_one_prefix_is_opened_and_closed() {
    one_prefix_is_opened_and_closed(Store::Ceph).await;
}

/// A policy is one document: of two servers that change it at once neither may undo the other's rule.
#[tokio::test]
async fn rules_that_two_servers_set_at_once_are_all_there() {
    let url = imagepic_tests::servers::postgres().database("policies");
    let place = Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_ACCOUNTS", &url)).await;
    let done = std::process::Command::new(imagepic_tests::desktop::built("imagepic"))
        .args(["accounts", "role", crate::place::PHONE, "admin"])
        .env("IMAGEPIC_DATA", &place.team.data)
        .env("IMAGEPIC_ACCOUNTS", &url)
        .status();
    assert!(done.expect("the program is built").success());
    let other = place.replica().await;
    let set = |at: usize| {
        let body = json!({ "bucketName": place.bucket, "prefix": format!("{at:02}/"), "access": "public-read" });
        let (team, token) = (if at.is_multiple_of(2) { &place.team } else { &other }, &place.token);
        async move { team.post("policy/setBucketPolicy", Some(token), &body).await }
    };
    for answer in futures::future::join_all((0..24).map(set)).await {
        assert_eq!(answer["code"], "0", "{answer}");
    }
    let told = place.data("policy/getBucketPolicy", json!({ "bucketName": place.bucket })).await;
    let open: Vec<_> = told["access"].as_array().expect("a list").iter().filter(|rule| rule["access"] == "public-read").collect();
    assert_eq!(open.len(), 24, "{told}");
}

#[tokio::test]
async fn a_store_without_policies_says_so() {
    let place = promoted(Place::new(Store::Swift).await).await;
    let came = place.ask("policy/getBucketPolicy", json!({ "bucketName": place.bucket })).await;
    assert_eq!((came.status, came.error()), (501, "unsupported"), "{}", came.body);
    let set = json!({ "bucketName": place.bucket, "prefix": "", "access": "public-read" });
    let came = place.ask("policy/setBucketPolicy", set).await;
    assert_eq!((came.status, came.error()), (501, "unsupported"), "{}", came.body);
}
