//! Faults of one request: an S3 error, or a fault of the index or a file that becomes one.
//! Codes follow the list in the S3 API reference ("Error responses").

use std::borrow::Cow;
use std::io;

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

/// Something S3 has and this bucket does not.
pub(crate) fn unsupported(what: &str) -> S3Error {
    S3Error::with_message(S3ErrorCode::NotImplemented, format!("This bucket does not support {what}."))
}
