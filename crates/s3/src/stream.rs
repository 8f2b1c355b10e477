//! Storing what comes from somebody else while it travels: a body of known length that was never in memory as a whole and that
//! nobody has hashed.

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::Method;

use crate::client::{Client, unquoted};
use crate::error::{About, Kind, S3Error};
use crate::put::{META_ID, Stored};
use crate::quirks::Conditions;
use crate::raw::{Ask, UNSIGNED, refused};

/// What to store, apart from its bytes.
#[derive(Debug, Clone)]
pub struct Through {
    /// Target bucket.
    pub bucket: String,
    /// Target key, without a leading slash.
    pub key: String,
    /// Number of bytes; a body that brings fewer or more is given up, and nothing is stored.
    pub size: u64,
    /// Media type.
    pub content_type: String,
    /// `inline` or `attachment; …`.
    pub content_disposition: Option<String>,
    /// Refuse when the key exists.
    pub if_absent: bool,
    /// As [`Put::id`](crate::Put::id).
    pub id: Option<String>,
}

impl Client {
    /// Stores a body as it comes. After an error the object is not there, or is what it was before: a body that ends early or fails
    /// leaves the request incomplete, which no store takes for an object.
    ///
    /// # Errors
    /// [`Kind::NameTaken`] with `if_absent`; [`Kind::Unreachable`] where the body broke off; and every kind of [`S3Error`].
    pub async fn put_through<B>(&self, put: &Through, body: B) -> Result<Stored, S3Error>
    where
        B: http_body::Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let condition = put.if_absent && self.guarded(&put.bucket, &put.key).await?;
        let mut headers = vec![("content-type", put.content_type.clone())];
        headers.extend(put.content_disposition.iter().map(|disposition| ("content-disposition", disposition.clone())));
        headers.extend(put.id.iter().map(|id| (META_ID, id.clone())));
        headers.extend(condition.then(|| ("if-none-match", "*".to_owned())));
        let ask = Ask {
            method: Method::PUT,
            bucket: &put.bucket,
            key: Some(&put.key),
            query: "",
            headers,
            hash: UNSIGNED.to_owned(),
            length: Some(put.size),
        };
        let answer = self.ask(ask, SdkBody::from_body_1_x(body)).await?;
        if !answer.status().is_success() {
            let error = refused(answer, About::Bucket).await;
            match error.kind {
                Kind::NameTaken if error.status == Some(412) => self.quirks.learn(Conditions::Honoured),
                Kind::NoSuchBucket => self.quirks.forget(&put.bucket),
                _ => {}
            }
            return Err(error);
        }
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let stored = Stored { etag: header("etag").as_deref().map(unquoted), version_id: header("x-amz-version-id") };
        if stored.etag.is_none() {
            return Err(S3Error::new(Kind::NotS3, "the answer to PutObject has no ETag"));
        }
        // Whatever is left in the answer must be read, or the connection is not used again.
        refused(answer, About::Bucket).await;
        self.quirks.saw(&put.bucket);
        Ok(stored)
    }

    /// Makes sure that nothing at that key is overwritten: by the condition where the store honours it, else by a look. Whether the
    /// condition belongs on the request.
    ///
    /// # Errors
    /// [`Kind::NameTaken`], and [`Kind::Unguarded`] where nothing can tell.
    pub async fn guarded(&self, bucket: &str, key: &str) -> Result<bool, S3Error> {
        match self.find_conditions(bucket, key).await {
            Ok(Conditions::Honoured) => return Ok(true),
            Ok(_) => {}
            Err(error) if matches!(error.kind, Kind::NoSuchBucket | Kind::Unreachable | Kind::Dns | Kind::Timeout) => {
                return Err(error);
            }
            Err(error) => tracing::debug!(%error, "whether conditions are honoured is not known"),
        }
        match self.look(bucket, key).await {
            Ok(None) => Ok(self.conditions() != Conditions::Refused),
            Ok(Some(_)) => Err(S3Error::new(Kind::NameTaken, "the key exists already")),
            Err(error) if error.kind == Kind::Forbidden => {
                Err(S3Error::new(Kind::Unguarded, "the store ignores If-None-Match, and this key may not look"))
            }
            Err(error) => Err(error),
        }
    }

    /// What the store makes of `If-None-Match: *`, found out once with a small object of its own beside `key`.
    ///
    /// # Errors
    /// Whatever leaves the question open.
    pub async fn find_conditions(&self, bucket: &str, key: &str) -> Result<Conditions, S3Error> {
        if self.conditions() == Conditions::Unknown {
            self.try_conditions(bucket, key).await?;
        }
        Ok(self.conditions())
    }
}
