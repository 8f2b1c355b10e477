//! The very same suite through a team server, as somebody who is signed in there. Buckets are made behind its back, since a server
//! makes none; and nothing empty comes in, since that is no image.

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

    async fn arrived(&self, bucket: &str, key: &str) -> Result<()> {
        self.team.arrived(bucket, key).await
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
    this_computer: super::super::embedded().await.reached;
    ceph: super::super::servers::ceph();
    swift: super::super::servers::swift();
}
