//! Storing: one signed request up to [`LARGEST`], parts above it; the store confirms the bytes by their SHA-256.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::primitives::SdkBody;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use imagepic_net::Failure;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::body::{Body, Progress};
use crate::client::{Client, unquoted};
use crate::error::{About, Kind, S3Error};
use crate::multipart::PART;
use crate::quirks::Conditions;
use crate::sign::hex;

/// The largest body sent in one request. Stores take 5 GB ("Uploading objects" in the S3 guide); one request needs no second hash
/// on this side, for the store itself refuses bytes that are not those of the signed SHA-256. What breaks costs the whole either
/// way, since no part outlives a failed try; beyond an hour at 3.5 Mbit/s parts are kinder to proxies that limit a request's time.
pub(crate) const LARGEST: u64 = 1536 * 1024 * 1024;
/// After a line that broke in a body larger than this, the next try goes in parts: some proxies limit a request and only hang up.
const LARGEST_AFTER_A_BREAK: u64 = 64 * 1024 * 1024;

/// Up to this size the MD5 is sent too, for stores that do not look at the payload's SHA-256, where nothing else guards the way there
/// (see [`crate::address::Address::is_bare`]); it costs half a millisecond at most.
pub(crate) const MD5_UP_TO: usize = 256 * 1024;
/// Bytes of an answer that are read at most; errors are a few hundred.
const LONGEST_ANSWER: usize = 64 * 1024;
const USER_AGENT: &str = concat!("imagepic/", env!("CARGO_PKG_VERSION"));

/// Names in the metadata, after `x-amz-meta-`.
pub(crate) const SHA256: &str = "sha256";
pub(crate) const ID: &str = "imagepic-id";
const META_SHA256: &str = "x-amz-meta-sha256";
pub(crate) const META_ID: &str = "x-amz-meta-imagepic-id";

/// What to store.
#[derive(Clone)]
pub struct Put {
    /// Target bucket.
    pub bucket: String,
    /// Target key, without a leading slash.
    pub key: String,
    /// The bytes.
    pub body: Body,
    /// Their number.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// Media type.
    pub content_type: String,
    /// `inline` or `attachment; …`.
    pub content_disposition: Option<String>,
    /// Refuse when the key exists.
    pub if_absent: bool,
    /// Kept with the object, so that whoever put it knows it again among others of the very same bytes. Visible ASCII.
    pub id: Option<String>,
}

/// The store's confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Without quotes.
    pub etag: Option<String>,
    /// Where the bucket keeps versions.
    pub version_id: Option<String>,
}

impl Put {
    /// What is kept beside the bytes (`x-amz-meta-…`).
    pub(crate) fn metadata(&self) -> HashMap<String, String> {
        let id = self.id.iter().map(|id| (ID.to_owned(), id.clone()));
        id.chain([(SHA256.to_owned(), hex(&self.sha256))]).collect()
    }
}

impl Client {
    /// Stores an object. It is there, whole and as it was, when this returns; after an error it is not, or is what it was before
    /// (a connection that breaks at the very end leaves that open: look at [`Client::stat`]'s `sha256`).
    ///
    /// # Errors
    /// [`Kind::NameTaken`] and [`Kind::Unguarded`] with `if_absent`; [`Kind::ChecksumMismatch`]; [`Kind::Source`] for a file that
    /// cannot be read or changed meanwhile; and every kind of [`S3Error`].
    pub async fn put(&self, put: &Put, progress: Progress) -> Result<Stored, S3Error> {
        let known = self.quirks.conditions();
        let in_parts = put.size > self.quirks.largest().unwrap_or(LARGEST).min(LARGEST);
        let looked = put.if_absent && self.guard(put, in_parts).await?;
        let stored = match self.put_as(put, put.if_absent, in_parts, &progress).await {
            Err(error) if error.kind == Kind::TooLarge && !in_parts && put.size > PART => {
                if put.if_absent {
                    self.guard(put, true).await?;
                }
                let stored = self.put_as(put, put.if_absent, true, &progress).await;
                if stored.is_ok() {
                    self.quirks.learn_largest(put.size - 1);
                }
                stored
            }
            Err(error) if put.if_absent && error.kind == Kind::Unsupported && self.quirks.conditions() != Conditions::Refused => {
                // Without its condition only the look keeps this put from overwriting.
                if !looked {
                    self.must_be_free(put).await?;
                }
                let stored = self.put_as(put, false, in_parts, &progress).await;
                if stored.is_ok() {
                    self.quirks.learn(Conditions::Refused);
                }
                stored
            }
            stored => stored,
        };
        match &stored {
            Ok(_) => {
                self.quirks.saw(&put.bucket);
                if looked && known == Conditions::Unknown {
                    self.learn_sometimes(put).await;
                }
            }
            Err(error) if error.kind == Kind::NameTaken && error.status == Some(412) => self.quirks.learn(Conditions::Honoured),
            Err(error) if error.kind == Kind::NoSuchBucket => self.quirks.forget(&put.bucket),
            Err(_) => {}
        }
        stored
    }

    /// A put as it is, without the look before it.
    async fn put_as(&self, put: &Put, condition: bool, in_parts: bool, progress: &Progress) -> Result<Stored, S3Error> {
        let condition = condition && self.quirks.conditions() != Conditions::Refused;
        if in_parts {
            return self.put_in_parts(put, condition, progress).await;
        }
        let error = match self.put_whole(put, condition, progress).await {
            Ok(stored) => return Ok(stored),
            Err(error) => error,
        };
        match (error.kind, &put.body) {
            (Kind::Unreachable | Kind::Timeout, _) if put.size > LARGEST_AFTER_A_BREAK => {
                self.quirks.learn_largest(LARGEST_AFTER_A_BREAK);
            }
            // The store says only that the bytes are others than were signed; whether the line or the file did it shows here.
            (Kind::ChecksumMismatch, Body::File(path)) if !is_still(path.clone(), put.sha256).await => {
                return Err(S3Error { kind: Kind::Source, ..error });
            }
            _ => {}
        }
        Err(error)
    }

    pub(crate) async fn put_whole(&self, put: &Put, condition: bool, progress: &Progress) -> Result<Stored, S3Error> {
        check(put).await?;
        let head = self.signed_put(put, condition)?;
        let body = put.body.stream(put.size, Arc::clone(progress)).await.map_err(|error| source(&error))?;
        let answer = self.http.exchange(head.map(|()| body.into_inner())).await;
        let (answer, mut body) = answer.map_err(|failure| S3Error::of_failure(&failure))?.into_parts();
        // Read to its end in any case: a connection with something left in it is not used again.
        let said = words(&mut body).await?;
        if !answer.status.is_success() {
            return Err(S3Error::of_plain(&answer, &said, About::Bucket));
        }
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
        match header("etag") {
            Some(etag) => Ok(Stored { etag: Some(unquoted(etag)), version_id: header("x-amz-version-id").map(str::to_owned) }),
            None => Err(S3Error::new(Kind::NotS3, "the answer to PutObject has no ETag")),
        }
    }

    /// The head of a PutObject. The SDK's own way from its builder to the wire costs as much processor time as the rest of a small
    /// upload together, and this is the one request that is sent by the hundred.
    fn signed_put(&self, put: &Put, condition: bool) -> Result<http::Request<()>, S3Error> {
        let refuse = |error: &dyn std::fmt::Display| S3Error::new(Kind::Config, error.to_string());
        let url = self.address.of_object(&put.bucket, &put.key);
        let hash = hex(&put.sha256);
        let uri: http::Uri = url.parse().map_err(|error| refuse(&error))?;
        let mut headers = vec![
            ("host", uri.authority().map(ToString::to_string).unwrap_or_default()),
            ("content-type", put.content_type.clone()),
            (META_SHA256, hash.clone()),
        ];
        headers.extend(put.id.iter().map(|id| (META_ID, id.clone())));
        headers.extend(put.content_disposition.iter().map(|disposition| ("content-disposition", disposition.clone())));
        headers.extend(condition.then(|| ("if-none-match", "*".to_owned())));
        match &put.body {
            Body::Bytes(bytes) if bytes.len() <= MD5_UP_TO && self.address.is_bare() => {
                headers.push(("content-md5", BASE64_STANDARD.encode(Md5::digest(bytes))));
            }
            _ => {}
        }
        let mut request = http::Request::put(uri);
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        request = request.header("content-length", put.size).header("user-agent", USER_AGENT);
        let mut request = request.body(()).map_err(|error| refuse(&error))?;
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.sign(&mut request, &url, &headers, &hash)?;
        Ok(request)
    }
}

/// The text of an answer, as far as anybody reads it.
async fn words(body: &mut SdkBody) -> Result<Vec<u8>, S3Error> {
    let mut said = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut *body), cx)).await {
        let frame = frame.map_err(|error| S3Error::of_failure(&Failure::of(&*error)))?;
        if let Ok(data) = frame.into_data() {
            said.extend_from_slice(&data[..data.len().min(LONGEST_ANSWER - said.len())]);
        }
        if said.len() == LONGEST_ANSWER {
            break;
        }
    }
    Ok(said)
}

/// The body must be as long as it was measured, or the request could only break in the middle.
async fn check(put: &Put) -> Result<(), S3Error> {
    let size = match &put.body {
        Body::Bytes(bytes) => bytes.len() as u64,
        Body::File(path) => tokio::fs::metadata(path).await.map_err(|error| source(&error))?.len(),
    };
    if size == put.size { Ok(()) } else { Err(S3Error::new(Kind::Source, "the file has another size than it had")) }
}

/// Whether the file holds what it held when it was measured; true where that cannot be told.
async fn is_still(path: PathBuf, sha256: [u8; 32]) -> bool {
    let measure = move || {
        let mut hash = Sha256::new();
        io::copy(&mut std::fs::File::open(path)?, &mut hash)?;
        Ok::<_, io::Error>(<[u8; 32]>::from(hash.finalize()) == sha256)
    };
    tokio::task::spawn_blocking(measure).await.is_ok_and(|same| same.unwrap_or(true))
}

pub(crate) fn source(error: &io::Error) -> S3Error {
    S3Error::new(Kind::Source, error.to_string())
}

pub(crate) fn length(size: u64) -> Result<i64, S3Error> {
    i64::try_from(size).map_err(|_| S3Error::new(Kind::TooLarge, "too large for any store"))
}

/// Signs a payload by a SHA-256 that is known already. The SDK itself would send a stream unsigned.
#[derive(Debug)]
pub(crate) struct Hashed(pub(crate) String);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Hashed {
    fn name(&self) -> &'static str {
        "Hashed"
    }

    fn modify_before_signing(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), aws_sdk_s3::error::BoxError> {
        config.interceptor_state().store_put(PayloadSigningOverride::Precomputed(self.0.clone()));
        Ok(())
    }
}
