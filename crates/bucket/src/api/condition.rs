//! Conditions on requests: RFC 9110 section 13 for reading, "Conditional writes" in the S3 guide for writing.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use s3s::dto::{ETag, ETagCondition, Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::{seconds, timestamp};
use crate::fail::{refuse, unsupported};
use crate::index::Object;

fn failed() -> S3Error {
    refuse(S3ErrorCode::PreconditionFailed, "At least one of the pre-conditions you specified did not hold.")
}

/// The conditions of a read.
#[derive(Default)]
pub(crate) struct ReadIf<'a> {
    pub(crate) matches: Option<&'a ETagCondition>,
    pub(crate) none_match: Option<&'a ETagCondition>,
    pub(crate) modified_since: Option<&'a Timestamp>,
    pub(crate) unmodified_since: Option<&'a Timestamp>,
}

impl ReadIf<'_> {
    /// Checks in the order of RFC 9110 section 13.2.2; a copy treats "not modified" as failed too.
    pub(crate) fn check(&self, object: &Object, copying: bool) -> S3Result<()> {
        let modified = object.modified.div_euclid(1000);
        let holds = match (self.matches, self.unmodified_since) {
            (Some(condition), _) => is(condition, &object.etag),
            (None, Some(since)) => modified <= seconds(since),
            (None, None) => true,
        };
        if !holds {
            return Err(failed());
        }
        let changed = match (self.none_match, self.modified_since) {
            (Some(condition), _) => !is(condition, &object.etag),
            (None, Some(since)) => modified > seconds(since),
            (None, None) => true,
        };
        match (changed, copying) {
            (true, _) => Ok(()),
            (false, true) => Err(failed()),
            (false, false) => Err(not_modified(object)),
        }
    }
}

fn is(condition: &ETagCondition, etag: &str) -> bool {
    condition.is_any() || condition.as_etag().is_some_and(|e| e.value() == etag)
}

/// 304 with the headers a cache wants (RFC 9110 section 15.4.5).
fn not_modified(object: &Object) -> S3Error {
    let mut headers = HeaderMap::new();
    let mut add = |name, value: Option<String>| {
        if let Some(value) = value.and_then(|v| HeaderValue::try_from(v).ok()) {
            headers.insert(name, value);
        }
    };
    add(header::ETAG, Some(format!("\"{}\"", object.etag)));
    add(header::LAST_MODIFIED, http_date(object));
    add(header::CACHE_CONTROL, object.meta.cache_control.clone());
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    error.set_status_code(http::StatusCode::NOT_MODIFIED);
    error.set_headers(headers);
    error
}

fn http_date(object: &Object) -> Option<String> {
    let mut text = Vec::new();
    timestamp(object.modified).format(TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}

/// Whether a range counts: with `If-Range` only if the object is still the one the client has (RFC 9110 section 13.1.5).
pub(crate) fn range_counts(headers: &HeaderMap, object: &Object) -> bool {
    let Some(value) = headers.get(header::IF_RANGE) else { return true };
    match ETag::parse_http_header(value.as_bytes()) {
        Ok(ETag::Strong(etag)) if value.as_bytes().starts_with(b"\"") => etag == object.etag,
        _ => http_date(object).is_some_and(|date| value.as_bytes() == date.as_bytes()),
    }
}

/// The conditions of a write.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteIf {
    absent: bool,
    matches: Option<ETagCondition>,
}

impl WriteIf {
    pub(crate) fn new(matches: Option<ETagCondition>, none_match: Option<&ETagCondition>) -> S3Result<Self> {
        if none_match.is_some_and(|c| !c.is_any()) {
            return Err(unsupported("If-None-Match with anything but * on writing"));
        }
        Ok(Self { absent: none_match.is_some(), matches })
    }

    /// Conditions of a copy on what it would replace: s3s does not know them there.
    pub(crate) fn of_headers(headers: &HeaderMap) -> S3Result<Self> {
        let read = |name: HeaderName| match headers.get(&name) {
            None => Ok(None),
            Some(value) => ETagCondition::parse_http_header(value.as_bytes())
                .map(Some)
                .map_err(|_| refuse(S3ErrorCode::InvalidArgument, format!("The value of the header {name} is no ETag."))),
        };
        Self::new(read(header::IF_MATCH)?, read(header::IF_NONE_MATCH)?.as_ref())
    }

    /// Whether there is anything to check.
    pub(crate) fn is_any(&self) -> bool {
        self.absent || self.matches.is_some()
    }

    /// Checked in the transaction that writes.
    pub(crate) fn check(&self, present: Option<&Object>) -> S3Result<()> {
        if self.absent && present.is_some() {
            return Err(failed());
        }
        match (&self.matches, present) {
            (None, _) => Ok(()),
            (Some(condition), Some(object)) if is(condition, &object.etag) => Ok(()),
            (Some(_), Some(_)) => Err(failed()),
            (Some(_), None) => Err(refuse(S3ErrorCode::NoSuchKey, "The specified key does not exist.")),
        }
    }
}
