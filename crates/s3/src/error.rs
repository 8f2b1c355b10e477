//! What went wrong at an S3 store, in one type: the kind decides, the rest is for the log and for hints.
//!
//! Stores differ in codes and statuses; [`S3Error::of`] is the one place that knows the differences. Nothing here holds an address
//! beyond the host, a signature or a secret.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use imagepic_net::Failure;

/// The kinds of failure. One kind has one remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The configuration cannot be used: no address, no host, an empty region.
    Config,
    /// The host's name leads nowhere.
    Dns,
    /// Nobody takes connections there, or the connection broke.
    Unreachable,
    /// The proxy refuses, or cannot be reached.
    Proxy,
    /// No answer in time.
    Timeout,
    /// The certificate is not accepted.
    Tls,
    /// `https://` was asked for and the other side speaks plain HTTP.
    NotTls,
    /// A file with certificate authorities cannot be read.
    CaFile,
    /// The clocks differ by more than a signature allows; see [`S3Error::clock_ahead`].
    ClockSkew,
    /// Another region signs here; see [`S3Error::region`].
    WrongRegion,
    /// The access key is not known.
    WrongAccessKey,
    /// The signature is not accepted.
    WrongSecretKey,
    /// No such bucket.
    NoSuchBucket,
    /// No such object (or upload, or policy).
    NoSuchKey,
    /// Signed in, but not allowed to.
    Forbidden,
    /// Whoever answers is no S3 store.
    NotS3,
    /// Path and host style are mixed up.
    WrongStyle,
    /// Overloaded or broken for now; the same request may succeed later.
    Busy,
    /// The key exists, and the request was only to make a new one; or the bucket's name is taken.
    NameTaken,
    /// The store does not take this name.
    NameRefused,
    /// Larger than the store takes.
    TooLarge,
    /// The store's disk is full, or the bucket's quota is used up: it goes on when somebody makes room.
    Full,
    /// The request was only to make a new object, and neither a look nor a condition can tell that the key is free.
    Unguarded,
    /// The bytes that arrived are not the bytes that were signed.
    ChecksumMismatch,
    /// The store does not know this operation.
    Unsupported,
    /// The file to be sent cannot be read, or is not what it was when it was measured.
    Source,
    /// Refused for another reason; [`S3Error::code`] has the store's own word for it.
    Refused,
}

/// A failed request.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", self.describe())]
pub struct S3Error {
    /// What it comes to.
    pub kind: Kind,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The store's own code (`SlowDown`).
    pub code: Option<String>,
    /// The store's own message, or the network's. For the log; never shown to people as it is.
    pub message: Option<String>,
    /// The region the store says it is in.
    pub region: Option<String>,
    /// How far this computer's clock runs ahead of the store's, in seconds (negative: behind).
    pub clock_ahead: Option<i64>,
}

/// What a status without a code in it means depends on what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Service,
    Bucket,
    Object,
}

/// The largest difference of clocks SigV4 allows (AWS, "RequestTimeTooSkewed": 15 minutes).
pub(crate) const LARGEST_SKEW: i64 = 15 * 60;

impl S3Error {
    /// A failure that was found on this side.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, status: None, code: None, message: Some(message.into()), region: None, clock_ahead: None }
    }

    fn describe(&self) -> String {
        let mut text = format!("{:?}", self.kind);
        if let Some(status) = self.status {
            text.push_str(&format!(", status {status}"));
        }
        for part in [&self.code, &self.message].into_iter().flatten() {
            text.push_str(": ");
            text.push_str(part);
        }
        text
    }

    /// Any error of the SDK.
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>, about: About) -> Self
    where
        E: std::error::Error + 'static,
    {
        match error {
            SdkError::ConstructionFailure(_) => Self::new(Kind::Config, chain(error)),
            SdkError::TimeoutError(_) => Self::new(Kind::Timeout, "no answer in time"),
            SdkError::DispatchFailure(_) => Self::of_network(error),
            SdkError::ResponseError(context) => match Failure::find(error) {
                Some(failure) => Self::of_failure(failure),
                None => Self::of_answer(context.raw(), about),
            },
            SdkError::ServiceError(context) => Self::of_answer(context.raw(), about),
            _ => Self::new(Kind::Refused, chain(error)),
        }
    }

    fn of_network(error: &(dyn std::error::Error + 'static)) -> Self {
        if let Some(source) = crate::body::SourceError::find(error) {
            return Self::new(Kind::Source, source.to_string());
        }
        match Failure::find(error) {
            Some(failure) => Self::of_failure(failure),
            None => Self::new(Kind::Config, chain(error)),
        }
    }

    /// A request that got no answer.
    pub(crate) fn of_failure(failure: &Failure) -> Self {
        let kind = match failure {
            Failure::Dns(_) => Kind::Dns,
            Failure::Connect(..) | Failure::Broken(_) => Kind::Unreachable,
            Failure::Timeout | Failure::ConnectTimeout(_) => Kind::Timeout,
            Failure::Tls(_) => Kind::Tls,
            Failure::NotTls => Kind::NotTls,
            Failure::Proxy(_) => Kind::Proxy,
            Failure::CaFile(_) => Kind::CaFile,
        };
        Self::new(kind, failure.to_string())
    }

    fn of_answer(answer: &HttpResponse, about: About) -> Self {
        let body = answer.body().bytes().unwrap_or_default();
        Seen::of(answer.status().as_u16(), |name| answer.headers().get(name), body).judge(about, SystemTime::now())
    }

    /// An answer that came without the SDK.
    pub(crate) fn of_plain(answer: &http::response::Parts, body: &[u8], about: About) -> Self {
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
        Seen::of(answer.status.as_u16(), header, body).judge(about, SystemTime::now())
    }
}

/// What an answer says, apart from the library that carried it.
struct Seen {
    status: u16,
    region: Option<String>,
    date: Option<String>,
    html: bool,
    s3: bool,
    body: String,
}

impl Seen {
    fn of<'a>(status: u16, header: impl Fn(&'static str) -> Option<&'a str>, body: &[u8]) -> Self {
        Self {
            status,
            region: header("x-amz-bucket-region").map(str::to_owned),
            date: header("date").map(str::to_owned),
            html: header("content-type").is_some_and(|kind| kind.starts_with("text/html")),
            s3: header("x-amz-request-id").is_some() || header("server").is_some_and(|server| server.contains("S3")),
            body: String::from_utf8_lossy(body).into_owned(),
        }
    }

    fn judge(self, about: About, now: SystemTime) -> S3Error {
        let code = tag(&self.body, "Code");
        let message = tag(&self.body, "Message");
        let region = self.region.clone().or_else(|| tag(&self.body, "Region")).or_else(|| expected_region(message.as_deref()));
        let clock_ahead = self.date.as_deref().and_then(|date| ahead(date, now));
        let mut kind =
            code.as_deref().and_then(|code| by_code(code, message.as_deref(), region.as_deref())).unwrap_or_else(|| {
                if code.is_some() { by_status(self.status, about, true) } else { self.without_code(about, region.is_some()) }
            });
        let signed = matches!(kind, Kind::Forbidden | Kind::WrongSecretKey | Kind::Refused) && matches!(self.status, 400..=403);
        if signed && clock_ahead.is_some_and(|seconds| seconds.abs() > LARGEST_SKEW) {
            kind = Kind::ClockSkew;
        }
        S3Error { kind, status: Some(self.status), code, message, region, clock_ahead }
    }

    fn without_code(&self, about: About, region: bool) -> Kind {
        match self.status {
            429 | 500 | 502..=504 => Kind::Busy,
            413 => Kind::TooLarge,
            507 => Kind::Full,
            301 | 302 | 307 | 308 | 400 if region => Kind::WrongRegion,
            _ if self.html && !self.s3 => Kind::NotS3,
            200..=299 => Kind::NotS3,
            status => by_status(status, about, self.s3),
        }
    }
}

fn by_status(status: u16, about: About, s3: bool) -> Kind {
    match (status, about) {
        (301 | 302 | 307 | 308, _) if s3 => Kind::WrongStyle,
        (300..=399, _) => Kind::NotS3,
        (401 | 403, _) => Kind::Forbidden,
        (404, About::Object) => Kind::NoSuchKey,
        (404, About::Bucket) => Kind::NoSuchBucket,
        (404, About::Service) => Kind::NotS3,
        (405 | 501, _) => Kind::Unsupported,
        (408 | 429, _) => Kind::Busy,
        (412, _) => Kind::NameTaken,
        (413, _) => Kind::TooLarge,
        (507, _) => Kind::Full,
        (500..=599, _) => Kind::Busy,
        _ => Kind::Refused,
    }
}

/// AWS, "Error responses", and the words other stores have for the same.
fn by_code(code: &str, message: Option<&str>, region: Option<&str>) -> Option<Kind> {
    Some(match code {
        "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError" => {
            let about_region = region.is_some() || message.is_some_and(|text| text.to_ascii_lowercase().contains("region"));
            if about_region { Kind::WrongRegion } else { Kind::WrongAccessKey }
        }
        "IllegalLocationConstraintException" | "InvalidRegion" | "InvalidLocationConstraint" => Kind::WrongRegion,
        "PermanentRedirect" | "TemporaryRedirect" | "Redirect" => match region {
            Some(_) => Kind::WrongRegion,
            None => Kind::WrongStyle,
        },
        "RequestTimeTooSkewed" | "RequestInTheFuture" | "RequestExpired" => Kind::ClockSkew,
        "InvalidAccessKeyId" | "InvalidAccessKey" | "NotSignedUp" | "UnrecognizedClientException" | "InvalidClientTokenId" => Kind::WrongAccessKey,
        "SignatureDoesNotMatch" => Kind::WrongSecretKey,
        "NoSuchBucket" => Kind::NoSuchBucket,
        "NoSuchKey" | "NoSuchUpload" | "NoSuchBucketPolicy" | "NoSuchVersion" => Kind::NoSuchKey,
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "Forbidden" => Kind::Forbidden,
        "VirtualHostDomainRequired" | "SecondLevelDomainForbidden" => Kind::WrongStyle,
        "SlowDown" | "SlowDownRead" | "SlowDownWrite" | "ServiceUnavailable" | "InternalError" | "InternalFailure" | "RequestTimeout"
        | "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequests" | "ServerBusy" | "OperationAborted"
        // AWS: "a conflicting operation occurs during the upload: retry it"; the retry then sees whether the name is taken.
        | "ConditionalRequestConflict" => Kind::Busy,
        "PreconditionFailed" | "BucketAlreadyExists" | "BucketAlreadyOwnedByYou" | "FileAlreadyExists" | "ObjectAlreadyExists" => {
            Kind::NameTaken
        }
        "InvalidBucketName" | "KeyTooLongError" | "KeyTooLong" | "InvalidObjectName" | "InvalidURI"
        | "XMinioInvalidObjectName" => Kind::NameRefused,
        "EntityTooLarge" | "MaxMessageLengthExceeded" => Kind::TooLarge,
        "InsufficientStorage" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" | "QuotaExceeded" => Kind::Full,
        "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" | "IncompleteBody" => {
            Kind::ChecksumMismatch
        }
        "NotImplemented" | "MethodNotAllowed" | "UnsupportedOperation" => Kind::Unsupported,
        _ => return None,
    })
}

/// The text of the first `<name>`, with the five XML entities undone; answers are small and never nested here.
fn tag(body: &str, name: &str) -> Option<String> {
    let open = format!("<{name}>");
    let start = body.find(&open)? + open.len();
    let end = start + body[start..].find(&format!("</{name}>"))?;
    let text = body[start..end].trim();
    let plain =
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&");
    (!plain.is_empty()).then_some(plain)
}

/// "the region 'x' is wrong; expecting 'y'" (AWS, Swift, MinIO).
fn expected_region(message: Option<&str>) -> Option<String> {
    let rest = message?.split_once("expecting '")?.1;
    let region = rest.split_once('\'')?.0;
    (!region.is_empty()).then(|| region.to_owned())
}

/// Seconds this clock is ahead of an HTTP date (RFC 9110, 5.6.7).
pub(crate) fn ahead(date: &str, now: SystemTime) -> Option<i64> {
    use aws_smithy_types::DateTime;
    use aws_smithy_types::date_time::Format;
    let theirs = DateTime::from_str(date, Format::HttpDate).ok()?.secs();
    let ours = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    Some(i64::try_from(ours).unwrap_or(i64::MAX) - theirs)
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        parts.push(error.to_string());
        next = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, body: &str, about: About) -> S3Error {
        let seen = Seen { status, region: None, date: None, html: body.starts_with("<html"), s3: false, body: body.to_owned() };
        seen.judge(about, SystemTime::UNIX_EPOCH)
    }

    fn answer(code: &str, more: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code>{more}</Error>")
    }

    #[test]
    fn the_region_the_store_expects_is_found_wherever_it_says_so() {
        let said = answer("AuthorizationHeaderMalformed", "<Message>the region 'x' is wrong; expecting 'eu-1'</Message>");
        let tagged = answer("AuthorizationHeaderMalformed", "<Message>wrong</Message><Region>eu-1</Region>");
        for body in [said, tagged] {
            let error = judge(400, &body, About::Bucket);
            assert_eq!((error.kind, error.region.as_deref()), (Kind::WrongRegion, Some("eu-1")));
        }
        let seen = Seen { region: Some("eu-1".to_owned()), s3: true, status: 301, date: None, html: false, body: String::new() };
        assert_eq!(seen.judge(About::Bucket, SystemTime::UNIX_EPOCH).kind, Kind::WrongRegion);
    }

    #[test]
    fn a_web_server_that_is_no_store_is_told_from_a_store_that_says_no() {
        assert_eq!(judge(403, "<html>go away</html>", About::Bucket).kind, Kind::NotS3);
        assert_eq!(judge(200, "<html>welcome</html>", About::Service).kind, Kind::NotS3);
        assert_eq!(judge(403, &answer("AccessDenied", ""), About::Bucket).kind, Kind::Forbidden);
        assert_eq!(judge(502, "<html>bad gateway</html>", About::Bucket).kind, Kind::Busy);
    }

    #[test]
    fn a_clock_that_is_off_is_named_even_where_the_store_only_says_no() {
        let seen = Seen {
            status: 403,
            region: None,
            date: Some("Thu, 01 Jan 1970 01:00:00 GMT".to_owned()),
            html: false,
            s3: false,
            body: answer("AccessDenied", ""),
        };
        let error = seen.judge(About::Service, SystemTime::UNIX_EPOCH);
        assert_eq!((error.kind, error.clock_ahead), (Kind::ClockSkew, Some(-3600)));
    }

    #[test]
    fn an_unknown_code_is_judged_by_its_status_and_kept() {
        let error = judge(409, &answer("SomethingNew", "<Message>a &lt;b&gt;</Message>"), About::Object);
        assert_eq!(error.kind, Kind::Refused);
        assert_eq!((error.code.as_deref(), error.message.as_deref()), (Some("SomethingNew"), Some("a <b>")));
        assert_eq!(judge(503, &answer("Whatever", ""), About::Object).kind, Kind::Busy);
    }

    #[test]
    fn a_full_disk_is_not_taken_for_a_store_that_is_busy_for_a_moment() {
        assert_eq!(judge(507, &answer("InsufficientStorage", ""), About::Bucket).kind, Kind::Full);
        assert_eq!(judge(507, &answer("XMinioStorageFull", ""), About::Bucket).kind, Kind::Full);
        assert_eq!(judge(403, &answer("QuotaExceeded", ""), About::Bucket).kind, Kind::Full);
        assert_eq!(judge(507, &answer("Whatever", ""), About::Object).kind, Kind::Full);
        assert_eq!(judge(507, "<html>full</html>", About::Object).kind, Kind::Full);
    }
}
