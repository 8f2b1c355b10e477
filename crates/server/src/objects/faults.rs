//! What a store's failure becomes on the way to whoever asked: the old service's words where it had any, never an address.

use http::StatusCode;
use imagepic_api::{Code, FAILED};
use imagepic_s3::{Kind, S3Error};
use serde_json::{Value, json};

use crate::answer::Refusal;

/// How a route speaks of a store that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// As the old service on putObject and removeObject: 200, and the truth in `code`.
    Old,
    /// A status that fits.
    Fitting,
}

/// The failure of one request about a bucket, and an object in it perhaps.
pub(crate) fn refusal(error: &S3Error, bucket: &str, key: Option<&str>, voice: Voice) -> Refusal {
    let kind = kind(error);
    let (status, code, word) = judge(kind);
    if matches!(code, Code::StoreRefused | Code::StoreUnreachable) {
        tracing::warn!(%error, bucket, "the store did not do it");
    }
    let said = error.code.as_deref().filter(|said| said.len() <= 64 && said.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    // A missing object is NoSuchKey whatever the store calls it, and a gap in the line has no code of the store's.
    let mut data = json!({ "code": said.unwrap_or(word), "bucketname": bucket });
    if let (Some(key), true) = (key, matches!(kind, Kind::NoSuchKey | Kind::NameTaken | Kind::NameRefused)) {
        data["key"] = Value::from(key);
    }
    let status = match voice {
        Voice::Old if !matches!(kind, Kind::NameTaken | Kind::NameRefused | Kind::TooLarge | Kind::Unguarded) => StatusCode::OK,
        _ => status,
    };
    let refusal = Refusal { status, msg: FAILED, data: Some(data), error: code, retry_after: None };
    if kind == Kind::Busy { refusal.retry_after(2) } else { refusal }
}

/// Answers to HEAD have no words. What a 400 can mean there is a name, for nothing else of it comes from outside.
fn kind(error: &S3Error) -> Kind {
    match error.kind {
        Kind::Refused if error.status == Some(400) && error.code.is_none() => Kind::NameRefused,
        kind => kind,
    }
}

/// A bucket that is not there, or not offered.
pub(crate) fn no_such_bucket(bucket: &str, voice: Voice) -> Refusal {
    refusal(&S3Error::new(Kind::NoSuchBucket, ""), bucket, None, voice)
}

/// An object that is not there.
pub(crate) fn no_such_object(bucket: &str, key: &str) -> Refusal {
    refusal(&S3Error::new(Kind::NoSuchKey, ""), bucket, Some(key), Voice::Fitting)
}

/// The code alone, for lists of results.
pub(crate) fn code(error: &S3Error) -> Code {
    judge(kind(error)).1
}

fn judge(kind: Kind) -> (StatusCode, Code, &'static str) {
    match kind {
        Kind::NoSuchBucket => (StatusCode::NOT_FOUND, Code::NoSuchBucket, "NoSuchBucket"),
        Kind::NoSuchKey => (StatusCode::NOT_FOUND, Code::NoSuchObject, "NoSuchKey"),
        Kind::NameTaken => (StatusCode::PRECONDITION_FAILED, Code::Exists, "PreconditionFailed"),
        Kind::NameRefused => (StatusCode::BAD_REQUEST, Code::NameRefused, "InvalidObjectName"),
        Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, "EntityTooLarge"),
        // The words Node has for a line that does not hold: the old service passed them on.
        Kind::Unreachable => (StatusCode::BAD_GATEWAY, Code::StoreUnreachable, "ECONNREFUSED"),
        Kind::Dns => (StatusCode::BAD_GATEWAY, Code::StoreUnreachable, "ENOTFOUND"),
        Kind::Timeout => (StatusCode::BAD_GATEWAY, Code::StoreUnreachable, "ETIMEDOUT"),
        Kind::Proxy | Kind::Tls | Kind::NotTls | Kind::CaFile => (StatusCode::BAD_GATEWAY, Code::StoreUnreachable, "ECONNRESET"),
        Kind::Busy => (StatusCode::SERVICE_UNAVAILABLE, Code::Busy, "SlowDown"),
        Kind::Full => (StatusCode::BAD_GATEWAY, Code::StoreRefused, "InsufficientStorage"),
        Kind::Unsupported | Kind::Unguarded => (StatusCode::NOT_IMPLEMENTED, Code::Unsupported, "NotImplemented"),
        Kind::Forbidden | Kind::WrongAccessKey | Kind::WrongSecretKey => {
            (StatusCode::BAD_GATEWAY, Code::StoreRefused, "AccessDenied")
        }
        _ => (StatusCode::BAD_GATEWAY, Code::StoreRefused, "StoreRefused"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stores_words_come_through_and_its_address_does_not() {
        let mut error = S3Error::new(Kind::Unreachable, "nobody takes connections at 10.0.0.7:9000");
        let old = refusal(&error, "pics", Some("a.png"), Voice::Old);
        assert_eq!((old.status.as_u16(), old.error), (200, Code::StoreUnreachable));
        assert_eq!(old.data, Some(json!({ "code": "ECONNREFUSED", "bucketname": "pics" })));
        assert_eq!(refusal(&error, "pics", None, Voice::Fitting).status.as_u16(), 502);
        error = S3Error { code: Some("x<y>10.0.0.7".to_owned()), ..S3Error::new(Kind::Refused, "") };
        assert_eq!(refusal(&error, "pics", None, Voice::Old).data, Some(json!({ "code": "StoreRefused", "bucketname": "pics" })));
        error = S3Error { status: Some(400), code: None, ..error };
        assert_eq!(refusal(&error, "s", Some("a"), Voice::Fitting).status.as_u16(), 400, "a HEAD about a name no store can have");
        let gone = no_such_bucket("nope-bucket", Voice::Old);
        assert_eq!(
            (gone.status.as_u16(), gone.data),
            (200, Some(json!({ "code": "NoSuchBucket", "bucketname": "nope-bucket" })))
        );
    }
}
