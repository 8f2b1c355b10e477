//! Faults of one request: an S3 error, or a fault of the index or a file that becomes one.
//! Codes follow the list in the S3 API reference ("Error responses").

use std::borrow::Cow;
use std::io;
use std::path::Path;

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

use crate::error::is_full;

/// Why a request failed, before it is put into words for the client.
#[derive(Debug)]
pub(crate) enum Fail {
    S3(S3Error),
    Db(rusqlite::Error),
    Io(io::Error),
    Closed,
}

pub(crate) type Try<T> = Result<T, Fail>;

impl From<S3Error> for Fail {
    fn from(e: S3Error) -> Self {
        Fail::S3(e)
    }
}

impl From<S3ErrorCode> for Fail {
    fn from(e: S3ErrorCode) -> Self {
        Fail::S3(e.into())
    }
}

impl From<rusqlite::Error> for Fail {
    fn from(e: rusqlite::Error) -> Self {
        Fail::Db(e)
    }
}

impl From<io::Error> for Fail {
    fn from(e: io::Error) -> Self {
        Fail::Io(e)
    }
}

/// Status 507: clients show it and do not repeat it, unlike 500 and 503.
fn disk_full() -> S3Error {
    let mut e =
        S3Error::with_message(S3ErrorCode::Custom("InsufficientStorage".into()), "No space left on the disk of this bucket.");
    e.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
    e
}

pub(crate) fn from_db(e: &rusqlite::Error) -> S3Error {
    if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
        return disk_full();
    }
    tracing::error!(error = %e, "bucket index");
    S3Error::with_message(S3ErrorCode::InternalError, "The bucket's index could not do this.")
}

impl From<Fail> for S3Error {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::S3(e) => e,
            Fail::Db(e) => from_db(&e),
            Fail::Io(e) if is_full(&e) => disk_full(),
            Fail::Io(e) => {
                tracing::error!(error = %e, "bucket file");
                S3Error::with_message(S3ErrorCode::InternalError, "A file of the bucket could not be read or written.")
            }
            Fail::Closed => {
                let mut e = S3Error::with_message(S3ErrorCode::ServiceUnavailable, "The bucket is closing.");
                e.set_status_code(StatusCode::SERVICE_UNAVAILABLE);
                e
            }
        }
    }
}

/// An S3 error with a sentence of its own.
pub(crate) fn refuse(code: S3ErrorCode, message: impl Into<Cow<'static, str>>) -> S3Error {
    S3Error::with_message(code, message)
}

/// The bytes of an object are not what was stored: gone, or of another length. Nobody is told so much as "200" for them.
pub(crate) fn broken(path: &Path, why: &str) -> S3Error {
    tracing::error!(path = %path.display(), why, "bucket: the bytes of an object are not what was stored");
    let text = "The bytes of this object are gone from this computer's disk, or damaged there. Put the file again.";
    S3Error::with_message(S3ErrorCode::InternalError, text)
}

/// What a code means, for errors that come without a sentence of their own.
pub(crate) fn sentence(code: &str) -> &'static str {
    match code {
        "IncompleteBody" => "The body does not have as many bytes as the request announced.",
        "InternalError" => "This bucket met a fault of its own; its log says more.",
        "InvalidAccessKeyId" => "This bucket does not know the access key of the request.",
        "InvalidBucketName" => {
            "A bucket's name has 3 to 63 characters: lower-case letters, digits, dots and hyphens, a letter or a digit at both ends, \
             and no two dots side by side. It does not look like an IP address."
        }
        "InvalidRange" => "The range that the request names is none of this object.",
        "InvalidURI" => {
            "The address of the request cannot be read: it must be UTF-8 in percent encoding, with a bucket's name first."
        }
        "KeyTooLongError" => "The key is too long; it may have 1,024 bytes.",
        "MalformedXML" => "The XML in the body of the request cannot be read, or is not what this operation takes.",
        "MaxMessageLengthExceeded" => "The XML in the body of the request is too long.",
        "MethodNotAllowed" => "This bucket does not take this method here.",
        "MissingContentLength" => "The request needs a Content-Length header.",
        "MissingRequestBodyError" => "This operation takes XML in the body of the request, and none came.",
        "NotImplemented" => "This bucket does not support what the request asks for.",
        "SignatureDoesNotMatch" => {
            "The signature of the request is not the one its secret key makes. Check the secret key, and that nothing on the way changes \
             the address or the headers."
        }
        _ => "This bucket refuses the request for the reason that the code names.",
    }
}

/// Something S3 has and this bucket does not.
pub(crate) fn unsupported(what: &str) -> S3Error {
    S3Error::with_message(S3ErrorCode::NotImplemented, format!("This bucket does not support {what}."))
}
