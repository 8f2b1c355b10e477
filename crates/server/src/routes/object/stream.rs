//! The bytes of an object, from the store to whoever asked, as they come.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use imagepic_api::Code;
use imagepic_s3::{Kind, Look, S3Error};

use super::super::NoObject;
use crate::answer::Refusal;
use crate::objects::faults::{Voice, no_such_object, refusal};
use crate::objects::{fields, names, types};
use crate::people::Reader;
use crate::state::App;

/// What of the store's answer is handed on; everything else is between the store and this server.
const PASSED: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::ACCEPT_RANGES,
];
/// Nothing in it runs, loads or speaks to the page it lies beside.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// The bytes of an object.
///
/// Ranges (one) and conditions hold. What a browser could run comes as a download.
#[utoipa::path(
    get,
    path = "/imagepic/object/getObject",
    tag = "object",
    params(
        ("bucketName" = String, Query, description = "Where", example = "images"),
        ("objectName" = String, Query, description = "Full key", example = "docs/shot.png"),
        ("range" = Option<String>, Header, description = "One range of bytes"),
        ("if-none-match" = Option<String>, Header, description = "An ETag that is there already"),
        ("if-modified-since" = Option<String>, Header, description = "Or the time it is from")
    ),
    responses(
        (status = 200, description = "The bytes, with their own type", body = Vec<u8>, content_type = "*/*"),
        (status = 206, description = "The bytes that were asked for", body = Vec<u8>, content_type = "*/*"),
        (status = 304, description = "As it was"),
        (status = 400, description = "A field that is missing, or a name that is refused"),
        NoObject,
        (status = 412, description = "Not as it was wanted"),
        (status = 416, description = "No such bytes")
    )
)]
pub(super) async fn get_object_bytes(
    State(app): State<App>,
    _: Reader,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let query = fields::query(query.as_deref());
    let field = |name: &str| {
        let missing = || Refusal::new(StatusCode::BAD_REQUEST, Code::BadRequest, &format!("the query must have {name}"));
        query.get(name).filter(|value| !value.is_empty()).ok_or_else(missing)
    };
    let (bucket, key) = (field("bucketName")?, field("objectName")?);
    app.objects.bucket(bucket, Voice::Fitting)?;
    names::old_key(key)?;
    let failed = |error: &S3Error| refusal(error, bucket, Some(key), Voice::Fitting);
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let look = async || {
        let found = app.objects.store.look_at(bucket, key).await.map_err(|error| failed(&error))?;
        found.ok_or_else(|| no_such_object(bucket, key))
    };
    if method == Method::HEAD {
        return Ok(head(&look().await?));
    }
    let mut range = text(header::RANGE).filter(|range| is_one_range(range));
    // Stores differ in what they make of these two, so they are decided here (RFC 9110, 13.1.1 and 13.1.5).
    if let Some(wanted) = text(header::IF_MATCH)
        && !matches_any(&wanted, look().await?.etag.as_deref())
    {
        return Ok(empty(StatusCode::PRECONDITION_FAILED));
    }
    if let (Some(_), Some(wanted)) = (&range, text(header::IF_RANGE))
        && (wanted.trim() == "*" || !matches_any(&wanted, look().await?.etag.as_deref()))
    {
        range = None;
    }
    let passed = [
        ("range", range),
        ("if-none-match", text(header::IF_NONE_MATCH)),
        ("if-modified-since", text(header::IF_MODIFIED_SINCE).filter(|date| is_date(date))),
        ("if-unmodified-since", text(header::IF_UNMODIFIED_SINCE).filter(|date| is_date(date))),
    ];
    let passed: Vec<_> = passed.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let asked = !passed.is_empty();
    let opened = app.objects.store.open(bucket, key, passed).await.map_err(|error| match error.kind {
        Kind::Refused if asked && error.status == Some(400) => {
            Refusal::new(StatusCode::BAD_REQUEST, Code::BadRequest, "a range or a condition makes no sense to the store")
        }
        // A bucket that is missing has a code of its own in an answer to GET.
        Kind::NoSuchKey => no_such_object(bucket, key),
        _ => failed(&error),
    })?;
    let mut answer = Response::new(if opened.status.is_success() { Body::new(opened.body) } else { Body::empty() });
    *answer.status_mut() = opened.status;
    for name in PASSED {
        let about_bytes = name == header::CONTENT_LENGTH || name == header::CONTENT_TYPE;
        if let Some(value) = opened.headers.get(&name).filter(|_| opened.status.is_success() || !about_bytes) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    Ok(guarded(answer))
}

fn head(found: &Look) -> Response {
    let mut answer = empty(StatusCode::OK);
    let modified =
        found.modified.map(|time| chrono::DateTime::<chrono::Utc>::from(time).format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    let values = [
        (header::CONTENT_LENGTH, Some(found.size.to_string())),
        (header::CONTENT_TYPE, found.content_type.clone()),
        (header::ETAG, found.etag.as_ref().map(|etag| format!("\"{etag}\""))),
        (header::LAST_MODIFIED, modified),
        (header::ACCEPT_RANGES, Some("bytes".to_owned())),
    ];
    for (name, value) in values {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            answer.headers_mut().insert(name, value);
        }
    }
    guarded(answer)
}

fn empty(status: StatusCode) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

/// What keeps a browser from running what somebody uploaded.
fn guarded(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    let shown = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(types::is_shown);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if !shown {
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    answer
}

/// Several ranges may be answered with the whole (RFC 9110, 14.2); what is no range of bytes must be.
fn is_one_range(range: &str) -> bool {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let ends = range.trim().strip_prefix("bytes=").and_then(|set| set.split_once('-'));
    ends.is_some_and(|(from, to)| number(from) && number(to) && !(from.is_empty() && to.is_empty()))
}

/// A condition with a date that is none must be passed over (RFC 9110, 13.1.3 and 13.1.4).
fn is_date(text: &str) -> bool {
    chrono::DateTime::parse_from_rfc2822(text.trim()).is_ok()
}

/// Strong comparison.
fn matches_any(wanted: &str, etag: Option<&str>) -> bool {
    etag.is_some_and(|etag| wanted.split(',').map(str::trim).any(|one| one == "*" || one.trim_matches('"') == etag))
}
