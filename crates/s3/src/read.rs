//! Looking at an object with all that lies beside it, and handing its bytes on as they come.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body::{Frame, SizeHint};
use imagepic_net::Failure;

use crate::client::{Client, unquoted};
use crate::error::{About, Kind, S3Error};
use crate::raw::{Ask, EMPTY, refused};

/// An object with everything the store tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: Option<String>,
    /// Media type.
    pub content_type: Option<String>,
    /// When it was written, to the second.
    pub modified: Option<SystemTime>,
    /// Where the bucket keeps versions.
    pub version_id: Option<String>,
    /// `x-amz-meta-…`, without that beginning, names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// What else decides how a reader gets it ([`TOLD`]), where it is set; names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// Headers of an object that are kept with a [`Look`] beside its size, type, ETag and date.
pub const TOLD: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-amz-storage-class",
    "x-amz-server-side-encryption",
];

/// An object on its way.
#[derive(Debug)]
pub struct Opened {
    /// 200, 206, 304, 412 or 416.
    pub status: StatusCode,
    /// As the store sent them.
    pub headers: HeaderMap,
    /// The bytes.
    pub body: Arriving,
}

/// The bytes of an answer, as the connection brings them.
#[derive(Debug)]
pub struct Arriving(SdkBody);

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = S3Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, S3Error>>> {
        let frame = Pin::new(&mut self.0).poll_frame(cx);
        frame.map_err(|error| S3Error::of_failure(&Failure::of(&*error)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.0)
    }
}

pub(crate) fn plain<'a>(method: Method, bucket: &'a str, key: &'a str, headers: Vec<(&'static str, String)>) -> Ask<'a> {
    Ask { method, bucket, key: Some(key), query: "", headers, hash: EMPTY.to_owned(), length: None }
}

impl Client {
    /// Everything that is known of an object; `None` where there is none. One request, and a second where a bucket that was not
    /// seen before may be the one that is missing.
    ///
    /// # Errors
    /// [`Kind::NoSuchBucket`], and every kind of [`S3Error`].
    pub async fn look_at(&self, bucket: &str, key: &str) -> Result<Option<Look>, S3Error> {
        let found = self.head(bucket, key).await?;
        if found.is_none() && !self.quirks.knows(bucket) {
            self.head_bucket(bucket).await?;
        }
        Ok(found)
    }

    /// As [`Client::look_at`], but a missing bucket reads as a missing object.
    pub(crate) async fn head(&self, bucket: &str, key: &str) -> Result<Option<Look>, S3Error> {
        let answer = self.ask(plain(Method::HEAD, bucket, key, vec![]), SdkBody::empty()).await?;
        if !answer.status().is_success() {
            return match refused(answer, About::Object).await {
                missing if missing.kind == Kind::NoSuchKey => Ok(None),
                error => Err(error),
            };
        }
        self.quirks.saw(bucket);
        let headers = answer.headers();
        let text = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let metadata = headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-amz-meta-")?;
            Some((name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        });
        let modified = text("last-modified").and_then(|date| DateTime::from_str(&date, Format::HttpDate).ok());
        Ok(Some(Look {
            size: text("content-length").and_then(|size| size.parse().ok()).unwrap_or_default(),
            etag: text("etag").as_deref().map(unquoted),
            content_type: text("content-type"),
            modified: modified.and_then(crate::client::time),
            version_id: text("x-amz-version-id"),
            metadata: metadata.collect(),
            headers: TOLD.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?))).collect(),
        }))
    }

    /// Opens an object; `headers` (`range`, `if-none-match`…, names in lower case) go to the store as they are.
    ///
    /// # Errors
    /// [`Kind::NoSuchKey`], [`Kind::NoSuchBucket`], and every kind of [`S3Error`].
    pub async fn open(&self, bucket: &str, key: &str, headers: Vec<(&'static str, String)>) -> Result<Opened, S3Error> {
        let answer = self.ask(plain(Method::GET, bucket, key, headers), SdkBody::empty()).await?;
        match answer.status().as_u16() {
            200 | 206 => {
                self.quirks.saw(bucket);
                let (head, body) = answer.into_parts();
                Ok(Opened { status: head.status, headers: head.headers, body: Arriving(body) })
            }
            304 | 412 | 416 => {
                let (status, headers) = (answer.status(), answer.headers().clone());
                refused(answer, About::Object).await;
                Ok(Opened { status, headers, body: Arriving(SdkBody::empty()) })
            }
            _ => Err(refused(answer, About::Object).await),
        }
    }
}
