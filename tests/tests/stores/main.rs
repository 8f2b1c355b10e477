//! One suite for every store, run against this computer's bucket, Ceph and Swift; and the climb that names one wrong field.

mod in_parts;
mod ladder;
mod through_a_team_server;

use std::sync::Arc;

use imagepic_core::destination::S3Address;
use imagepic_core::error::Code;
use imagepic_core::settings::Proxy;
use imagepic_core::store::{S3Store, Store, Suggestion};
use imagepic_tests::embedded::embedded;
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

mod this_computer {
    async fn store() -> super::Arc<dyn super::Store> {
        super::opened(&super::embedded().await.reached)
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
