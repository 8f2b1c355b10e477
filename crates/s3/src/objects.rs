//! What is asked of one object beside its bytes: looked at, copied, removed. Sent without the SDK, which takes a key of nothing but
//! blanks for none; a store may hold one, and then it must be possible to get rid of it.

use aws_smithy_types::body::SdkBody;
use http::{Method, StatusCode};

use crate::address::encode_key;
use crate::bulk::inner;
use crate::client::{Client, Object, unquoted};
use crate::error::{About, Kind, S3Error};
use crate::put::{ID, SHA256, Stored};
use crate::read::plain;

impl Client {
    /// What is known of an object; `None` where there is none.
    ///
    /// # Errors
    /// [`Kind::NoSuchBucket`], and every kind of [`S3Error`].
    pub async fn stat(&self, bucket: &str, key: &str) -> Result<Option<Object>, S3Error> {
        let found = self.look(bucket, key).await?;
        if found.is_none() && !self.quirks.knows(bucket) {
            self.head_bucket(bucket).await?;
        }
        Ok(found)
    }

    /// As [`Client::stat`], but a missing bucket reads as a missing object.
    pub(crate) async fn look(&self, bucket: &str, key: &str) -> Result<Option<Object>, S3Error> {
        let found = self.head(bucket, key).await?;
        Ok(found.map(|mut look| Object {
            key: key.to_owned(),
            size: look.size,
            etag: look.etag,
            content_type: look.content_type,
            modified: look.modified,
            sha256: look.metadata.remove(SHA256),
            id: look.metadata.remove(ID),
        }))
    }

    /// Copies within the store; metadata goes along.
    ///
    /// # Errors
    /// [`Kind::NoSuchKey`], and every kind of [`S3Error`].
    pub async fn copy(&self, bucket: &str, from: &str, to: &str) -> Result<Stored, S3Error> {
        let source = format!("{}/{}", encode_key(bucket), encode_key(from));
        let mut ask = plain(Method::PUT, bucket, to, vec![("x-amz-copy-source", source)]);
        ask.length = Some(0);
        let (mut head, said) = self.ask_all(ask, SdkBody::empty(), 0, About::Object).await?.into_parts();
        let text = String::from_utf8_lossy(&said);
        // AWS says 200 first and may still fail in the body; a copy that has no ETag has not happened.
        let Some(etag) = inner(&text, "ETag").filter(|_| text.contains("CopyObjectResult")) else {
            if text.contains("<Error>") {
                head.status = StatusCode::INTERNAL_SERVER_ERROR;
                return Err(S3Error::of_plain(&head, &said, About::Object));
            }
            return Err(S3Error::new(Kind::Busy, "the store did not confirm the copy"));
        };
        let version_id = head.headers.get("x-amz-version-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Stored { etag: Some(unquoted(&etag)), version_id })
    }

    /// Removes an object; one that is not there is removed already.
    ///
    /// # Errors
    /// [`Kind::Forbidden`], and every kind of [`S3Error`].
    pub async fn remove(&self, bucket: &str, key: &str) -> Result<(), S3Error> {
        match self.ask_all(plain(Method::DELETE, bucket, key, vec![]), SdkBody::empty(), 0, About::Object).await {
            Ok(_) => Ok(()),
            Err(gone) if gone.kind == Kind::NoSuchKey => Ok(()),
            Err(error) => Err(error),
        }
    }
}
