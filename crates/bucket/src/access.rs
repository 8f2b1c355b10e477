//! Who may do what: the holder of the key everything, anybody else only what the bucket's policy opens for reading.
//!
//! s3s has verified the signature before this is asked. What S3 refuses and s3s lets through is refused here: signatures of
//! version 2, presigned lives beyond seven days, and `x-amz-*` headers that the signature does not cover (with those, who
//! holds a presigned PUT could turn it into a copy of any object).

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::fail::refuse;
use crate::gate;
use crate::policy::Policies;

/// Seven days, the longest S3 knows.
const LONGEST_LIFE: u64 = 604_800;

pub(crate) struct Access {
    pub(crate) policies: Arc<Policies>,
}

/// The decoded value of a query parameter.
fn query(uri: &Uri, name: &str) -> Option<String> {
    uri.query()?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = percent_decode_str(key).decode_utf8_lossy();
        (key == name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}

/// The one who may do everything. s3s's own list of keys tells whoever is not in it to sign up somewhere.
pub(crate) struct Holder {
    pub(crate) access_key: String,
    pub(crate) secret_key: SecretKey,
}

#[async_trait]
impl S3Auth for Holder {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key { Ok(self.secret_key.clone()) } else { Err(S3ErrorCode::InvalidAccessKeyId.into()) }
    }
}

/// How a request proves who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Header,
    Presigned,
    None,
}

pub(crate) fn proof(uri: &Uri, headers: &HeaderMap) -> Proof {
    if query(uri, "X-Amz-Signature").is_some() || query(uri, "Signature").is_some() {
        Proof::Presigned
    } else if headers.contains_key(http::header::AUTHORIZATION) {
        Proof::Header
    } else {
        Proof::None
    }
}

fn denied(message: &'static str) -> S3Error {
    refuse(S3ErrorCode::AccessDenied, message)
}

fn check_signed_headers(signed: &str, headers: &HeaderMap, presigned: bool) -> S3Result<()> {
    let signed: Vec<&str> = signed.split(';').map(str::trim).collect();
    if !signed.contains(&"host") {
        return Err(denied("The signature does not cover the Host header."));
    }
    for name in headers.keys().map(http::HeaderName::as_str) {
        // A presigned link is made before the bytes are known; their hash may only narrow what it allows.
        let free = presigned && name == "x-amz-content-sha256";
        if name.starts_with("x-amz-") && !free && !signed.contains(&name) {
            return Err(denied("There were headers present in the request which were not signed."));
        }
    }
    Ok(())
}

fn check_signature(uri: &Uri, headers: &HeaderMap) -> S3Result<()> {
    match proof(uri, headers) {
        Proof::Presigned => {
            if query(uri, "X-Amz-Signature").is_none() {
                return Err(version_two());
            }
            let life = query(uri, "X-Amz-Expires").and_then(|v| v.parse::<u64>().ok());
            if life.is_none_or(|seconds| seconds > LONGEST_LIFE) {
                let text = "X-Amz-Expires must be at most a week (604800 seconds).";
                return Err(refuse(S3ErrorCode::AuthorizationQueryParametersError, text));
            }
            check_signed_headers(&query(uri, "X-Amz-SignedHeaders").unwrap_or_default(), headers, true)
        }
        Proof::Header => {
            let value = headers.get(http::header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
            if value.starts_with("AWS ") {
                return Err(version_two());
            }
            let signed = value.split([',', ' ']).find_map(|part| part.strip_prefix("SignedHeaders="));
            check_signed_headers(signed.unwrap_or_default(), headers, false)
        }
        Proof::None => Err(denied("The request is not signed.")),
    }
}

fn version_two() -> S3Error {
    refuse(
        S3ErrorCode::InvalidRequest,
        "Signature version 2 is not supported. Please use AWS4-HMAC-SHA256 (signature version 4).",
    )
}

#[async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        if cx.credentials().is_some() {
            check_signature(cx.uri(), cx.headers())?;
            return gate::check(cx.s3_op().name(), cx.uri(), cx.headers(), true);
        }
        let reads = matches!(cx.s3_op().name(), "GetObject" | "HeadObject");
        let public = cx.s3_path().as_object().is_some_and(|(bucket, key)| self.policies.allows(bucket, key));
        if !reads || !public {
            return Err(denied("This is not open to the public, and the request is not signed."));
        }
        // With these a stranger's link could make a picture a page.
        if cx
            .uri()
            .query()
            .is_some_and(|q| q.split('&').any(|p| percent_decode_str(p).decode_utf8_lossy().starts_with("response-")))
        {
            let text = "Request specific response headers cannot be used for anonymous GET requests.";
            return Err(refuse(S3ErrorCode::InvalidRequest, text));
        }
        gate::check(cx.s3_op().name(), cx.uri(), cx.headers(), false)
    }
}
