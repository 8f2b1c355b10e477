//! "Test" on a destination: the climb of the S3 client, with the engine's codes and sentences.

use imagepic_s3::{Access, Kind, Rung, S3Error};
use imagepic_words::store as say;

use super::S3Store;
use super::fault::fault;
use crate::error::{Code, Error};

/// How far the climb came.
#[derive(Debug)]
pub struct Ladder {
    /// Every rung in order, and whether it holds; `None`: not reached.
    pub rungs: Vec<(Rung, Option<bool>)>,
    /// Why the wrong one does not hold. `None`: all is well.
    pub error: Option<Error>,
    /// What would make it hold, where the store said or showed it.
    pub suggestion: Option<Suggestion>,
    /// Whether the place opens without a signature; known when all is well.
    pub public: Option<bool>,
}

/// What to put into which field of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// `endpoint`, `region` or `path_style`.
    pub field: &'static str,
    /// As it is typed; `true` or `false` for the style.
    pub value: String,
}

impl S3Store {
    /// Climbs from the address to the permission to write below `folder`, and stops at the first rung that does not hold. What it
    /// writes into the bucket it removes again.
    pub async fn test(&self, bucket: &str, folder: &str) -> Ladder {
        self.test_telling(bucket, folder, &|_| {}).await
    }

    /// As [`test`](Self::test); `tell` is called with each rung that is set out for, when those below it hold.
    pub async fn test_telling(&self, bucket: &str, folder: &str, tell: &(dyn Fn(Rung) + Send + Sync)) -> Ladder {
        let climbed = self.client.probe_telling(bucket, folder, tell).await;
        let rungs = Rung::ALL.into_iter().map(|rung| match &climbed.wrong {
            Some((wrong, _)) if *wrong == rung => (rung, Some(false)),
            _ => (rung, climbed.holds(rung).then_some(true)),
        });
        let rungs = rungs.collect();
        Ladder {
            rungs,
            error: climbed.wrong.map(|(rung, error)| self.sentence(rung, error, bucket)),
            suggestion: climbed.suggestion.map(|suggestion| match suggestion {
                imagepic_s3::Suggestion::Endpoint(value) => Suggestion { field: "endpoint", value },
                imagepic_s3::Suggestion::Region(value) => Suggestion { field: "region", value },
                imagepic_s3::Suggestion::PathStyle(on) => Suggestion { field: "path_style", value: on.to_string() },
            }),
            public: climbed.access.map(|access| access == Access::Public),
        }
    }

    fn sentence(&self, rung: Rung, error: S3Error, bucket: &str) -> Error {
        if rung == Rung::Tls && error.kind == Kind::NotS3 {
            return Error::new(Code::Tls, say::needs_tls(self.client.host())).because(error);
        }
        if rung == Rung::Bucket && bucket.trim().is_empty() {
            return Error::new(Code::NoSuchBucket, say::bucket_missing(self.client.host())).because(error);
        }
        fault(error, &self.at(bucket, ""))
    }
}
