//! What keeps an object from being overwritten silently: the condition on the put where the store honours it, else a look before it.
//! Where neither can tell, nothing is put.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::body::{Body, Progress};
use crate::client::Client;
use crate::error::{Kind, S3Error};
use crate::put::{MD5_UP_TO, Put};
use crate::quirks::Conditions;

/// A process that has looked so often will put more: from then on it pays to know whether looking is needed.
const LEARN_AT: u32 = 3;
/// Before a random part: two computers that try at the same time must not take each other's object for a condition that is honoured, or
/// the other's removal for one that is ignored.
const TRIAL: &str = ".imagepic-test-";
const TRIAL_TEXT: &[u8] = b"imagepic wrote this to see whether the store protects names that are taken.\n";

impl Client {
    /// Makes sure that a put with the condition overwrites nothing; true where it took a look for that.
    ///
    /// # Errors
    /// [`Kind::NameTaken`], and [`Kind::Unguarded`] where nothing can tell.
    pub(crate) async fn guard(&self, put: &Put, in_parts: bool) -> Result<bool, S3Error> {
        // Stores that honour the condition on a put may still ignore it when parts are joined (Ceph, Swift).
        let may_ignore = in_parts && !self.address.is_aws();
        if self.quirks.conditions() == Conditions::Honoured && !may_ignore {
            return Ok(false);
        }
        if self.is_free(put).await? {
            return Ok(true);
        }
        if !may_ignore && self.quirks.conditions() == Conditions::Unknown {
            self.try_conditions(&put.bucket, &put.key).await?;
            if self.quirks.conditions() == Conditions::Honoured {
                return Ok(false);
            }
        }
        Err(unguarded())
    }

    /// Looks, and takes nothing but a free key for an answer.
    pub(crate) async fn must_be_free(&self, put: &Put) -> Result<(), S3Error> {
        if self.is_free(put).await? { Ok(()) } else { Err(unguarded()) }
    }

    /// False where these keys may not look: many stores answer so for a free key when listing is not allowed.
    async fn is_free(&self, put: &Put) -> Result<bool, S3Error> {
        match self.look(&put.bucket, &put.key).await {
            Ok(None) => Ok(true),
            Ok(Some(_)) => Err(S3Error::new(Kind::NameTaken, "the key exists already")),
            Err(error) if error.kind == Kind::Forbidden => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// After some looks, and where it costs little, finds out whether they are needed.
    pub(crate) async fn learn_sometimes(&self, put: &Put) {
        let small = matches!(&put.body, Body::Bytes(bytes) if bytes.len() <= MD5_UP_TO);
        if small
            && self.quirks.looked() == LEARN_AT
            && let Err(error) = self.learn_conditions(put).await
        {
            tracing::debug!(%error, "whether conditions are honoured is still not known");
        }
    }

    /// Puts what was just put once more, under the condition: the very same bytes do no harm where it is ignored.
    ///
    /// # Errors
    /// Whatever leaves the question open.
    pub(crate) async fn learn_conditions(&self, put: &Put) -> Result<(), S3Error> {
        let quiet: Progress = Arc::new(|_| {});
        match self.put_whole(put, true, &quiet).await {
            Ok(_) => self.quirks.learn(Conditions::Ignored),
            Err(error) if error.kind == Kind::NameTaken => self.quirks.learn(Conditions::Honoured),
            Err(error) if error.kind == Kind::Unsupported => self.quirks.learn(Conditions::Refused),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Finds out with an object of its own beside the key, for keys that may write and not look.
    pub(crate) async fn try_conditions(&self, bucket: &str, key: &str) -> Result<(), S3Error> {
        let folder = key.rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/"));
        let key = format!("{folder}{TRIAL}{}.txt", uuid::Uuid::new_v4().simple());
        let trial = Put {
            bucket: bucket.to_owned(),
            key,
            body: Body::Bytes(Bytes::from_static(TRIAL_TEXT)),
            size: TRIAL_TEXT.len() as u64,
            sha256: Sha256::digest(TRIAL_TEXT).into(),
            content_type: "text/plain".to_owned(),
            content_disposition: None,
            if_absent: true,
            id: None,
        };
        // One of this process is enough.
        let _alone = self.quirks.trial.lock().await;
        if self.quirks.conditions() != Conditions::Unknown {
            return Ok(());
        }
        let quiet: Progress = Arc::new(|_| {});
        match self.put_whole(&trial, true, &quiet).await {
            Ok(_) => self.learn_conditions(&trial).await?,
            Err(error) if error.kind == Kind::NameTaken => self.quirks.learn(Conditions::Honoured),
            Err(error) if error.kind == Kind::Unsupported => self.quirks.learn(Conditions::Refused),
            Err(error) => return Err(error),
        }
        if let Err(error) = self.remove(&trial.bucket, &trial.key).await {
            tracing::debug!(%error, key = trial.key, "a small test object stays in the bucket");
        }
        Ok(())
    }
}

fn unguarded() -> S3Error {
    S3Error::new(Kind::Unguarded, "this key may not look whether the object exists, and the store ignores If-None-Match")
}
