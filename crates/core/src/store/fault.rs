//! From what an S3 store refused to a code and a sentence: which host, which bucket, why, and what to do.

use imagepic_s3::{Client, Kind, S3Error};
use imagepic_words::{Text, store as say};

use crate::error::{Code, Error};

/// What a request was about; bucket and key are empty where it was about neither.
pub(super) struct Subject<'a> {
    pub(super) client: &'a Client,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    /// The store is this computer's bucket.
    pub(super) here: bool,
}

/// An error of the S3 client, for people and for the queue.
pub(super) fn fault(error: S3Error, about: &Subject<'_>) -> Error {
    let (code, text) = judge(&error, about);
    Error::new(code, text).because(error)
}

fn judge(error: &S3Error, about: &Subject<'_>) -> (Code, Text) {
    let Subject { client, bucket, key, here } = *about;
    let host = client.host();
    let access_key = client.config().access_key.as_str();
    match error.kind {
        Kind::Config => (Code::BadRequest, say::refused(host, reason(error))),
        Kind::Dns => (Code::Unreachable, say::dns(host)),
        Kind::Unreachable if here => (Code::Unreachable, say::unreachable_here(host)),
        Kind::Unreachable => (Code::Unreachable, say::unreachable(host)),
        Kind::Proxy => (Code::Unreachable, say::proxy(host)),
        Kind::Timeout => (Code::Timeout, say::timeout(host)),
        Kind::Tls => (Code::Tls, say::tls(host, reason(error))),
        Kind::NotTls => (Code::Tls, say::not_tls(host)),
        Kind::CaFile => (Code::Tls, say::ca_file(host, reason(error))),
        Kind::ClockSkew => (Code::ClockSkew, clock(error, &host)),
        Kind::WrongRegion => {
            let region = client.config().region.as_str();
            let text = match &error.region {
                Some(expected) if expected != region => say::wrong_region_expected(host, expected, region),
                _ => say::wrong_region(host, region),
            };
            (Code::WrongRegion, text)
        }
        Kind::WrongAccessKey => (Code::WrongAccessKey, say::wrong_access_key(host, access_key)),
        Kind::WrongSecretKey => (Code::WrongSecretKey, say::wrong_secret_key(access_key, host)),
        Kind::NoSuchBucket => (Code::NoSuchBucket, say::no_such_bucket(bucket, host)),
        Kind::NoSuchKey => (Code::NoSuchObject, say::no_such_object(key, bucket, host)),
        Kind::Forbidden if bucket.is_empty() => (Code::Forbidden, say::forbidden(host, access_key)),
        Kind::Forbidden => (Code::Forbidden, say::forbidden_bucket(access_key, bucket, host)),
        Kind::NotS3 => (Code::NotS3, say::not_s3(host)),
        Kind::WrongStyle if client.config().path_style => (Code::WrongStyle, say::wrong_style_host(host)),
        Kind::WrongStyle => (Code::WrongStyle, say::wrong_style_path(host)),
        Kind::Busy => (Code::StoreBusy, say::busy(host)),
        Kind::NameTaken if key.is_empty() => (Code::NameTaken, say::bucket_taken(bucket, host)),
        Kind::NameTaken => (Code::NameTaken, say::name_taken(key, bucket, host)),
        Kind::NameRefused if key.is_empty() => (Code::NameRefused, say::bucket_refused(host, bucket)),
        Kind::NameRefused => (Code::NameRefused, say::key_refused(host, key)),
        Kind::Full if here => (Code::DiskFull, say::disk_full_here(bucket)),
        Kind::Full => (Code::DiskFull, say::disk_full(host, bucket)),
        Kind::Unguarded => (Code::Forbidden, say::unguarded(key, bucket, host, access_key)),
        Kind::TooLarge => (Code::TooLarge, say::too_large(key, host)),
        Kind::ChecksumMismatch => (Code::ChecksumMismatch, say::checksum(key, host)),
        Kind::Unsupported => (Code::Unsupported, say::unsupported(host)),
        Kind::Source => (Code::FileChanged, say::source(key, reason(error))),
        Kind::Refused => (Code::StoreRefused, say::refused(host, reason(error))),
    }
}

fn clock(error: &S3Error, host: &str) -> Text {
    match error.clock_ahead {
        Some(seconds) if seconds >= 60 => say::clock_ahead(seconds / 60, host),
        Some(seconds) if seconds <= -60 => say::clock_behind(-seconds / 60, host),
        _ => say::clock(host),
    }
}

/// The store's own code, which people can look up; its message may quote the request and stays in the log.
fn reason(error: &S3Error) -> String {
    match (&error.code, &error.message, error.status) {
        (Some(code), _, _) => code.clone(),
        (None, Some(message), None) => message.clone(),
        (_, _, Some(status)) => format!("HTTP {status}"),
        (None, None, None) => format!("{:?}", error.kind),
    }
}
