//! What stands before the S3 protocol and behind it: the check of `Host`, CORS for reading, and headers that keep what is
//! stored here from acting in a browser.
//!
//! The bucket listens on loopback, so every web page a person opens can send requests to it. A page may read what an image
//! tag could show anyway; it may not write, may not name this host by its own domain (DNS rebinding), and what it opens from
//! here runs nothing.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use s3s::region::Region;
use s3s::service::S3Service;
use s3s::{Body, S3Error, S3ErrorCode};

use crate::access::{Proof, proof};
use crate::chunked::{self, Rechunk};
use crate::drain;
use crate::fail::{refuse, sentence, unsupported};
use crate::gate;

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox");
const READ_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");
const READ_HEADERS: HeaderValue = HeaderValue::from_static(
    "range, if-match, if-none-match, if-modified-since, if-unmodified-since, if-range, cache-control, x-amz-checksum-mode",
);
const SHOWN_HEADERS: HeaderValue =
    HeaderValue::from_static("etag, content-range, accept-ranges, content-disposition, content-encoding, x-amz-mp-parts-count");

/// The S3 protocol over a bucket, to be served by hyper or mounted in a tower router.
#[derive(Clone)]
pub struct BucketService {
    pub(crate) s3: S3Service,
    /// The values of `Host` that are answered; `None` leaves that check to whoever mounts the service.
    pub(crate) hosts: Option<Arc<[String]>>,
    pub(crate) region: Arc<str>,
}

impl std::fmt::Debug for BucketService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BucketService").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

type Answer = Response<Body>;

impl BucketService {
    /// Answers one request; faults are answers too.
    pub async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let (uri, method) = (request.uri().clone(), request.method().clone());
        let proof = proof(&uri, request.headers());
        let waits = request.headers().contains_key(header::EXPECT);
        let final_at_once = waits && request.headers().get(header::CONTENT_LENGTH).is_some_and(|v| v.as_bytes() == b"0");
        let (parts, body) = request.into_parts();
        let (body, lender) = drain::lend(body);
        let request = Request::from_parts(parts, body);
        let answer = self.decide(request).await;
        // Who still waits for "100 Continue" hears the refusal instead and sends nothing.
        if !answer.status().is_success() && (lender.begun() || !waits) {
            lender.drain().await;
        }
        let mut answer = explained(answer, &method, &uri);
        guard(&mut answer, &method, proof);
        if final_at_once {
            // botocore keeps a status that came instead of "100 Continue" for the next answer on the same connection.
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    async fn decide<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        match self.refused(&request) {
            Some(error) => in_xml(error),
            None if request.method() == Method::OPTIONS => preflight(request.headers()),
            None if is_odd_region(request.headers()) => self.name_region(),
            None => self.ask(request).await,
        }
    }

    fn refused<B>(&self, request: &Request<B>) -> Option<S3Error> {
        if let Some(hosts) = &self.hosts
            && !host_is_ours(hosts, request.uri(), request.headers())
        {
            let mut error =
                refuse(S3ErrorCode::Custom("MisdirectedRequest".into()), "This bucket answers only to 127.0.0.1 and localhost.");
            error.set_status_code(StatusCode::MISDIRECTED_REQUEST);
            return Some(error);
        }
        // Forms are how a page could post here without asking, and s3s holds a posted file in memory.
        let form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|v| v.as_bytes().to_ascii_lowercase().starts_with(b"multipart/form-data"));
        (request.method() == Method::POST && form).then(|| unsupported("uploads by HTML form"))
    }

    /// AWS names the right region where a signature has a wrong one, and clients sign again with it.
    fn name_region(&self) -> Answer {
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization \
             header is malformed; the region is wrong; expecting '{region}'</Message><Region>{region}</Region></Error>",
            region = self.region
        );
        let mut answer = Response::new(Body::from(xml));
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        answer
    }

    async fn ask<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let request = match chunked::mode(request.headers()) {
            Some(mode) => request.map(|body| Body::http_body_unsync(Rechunk::new(body, mode))),
            None => request.map(Body::http_body_unsync),
        };
        match self.s3.call(request).await {
            Ok(answer) => answer,
            Err(e) => {
                tracing::error!(error = ?e, "bucket: the S3 protocol gave up on a request");
                in_xml(S3ErrorCode::InternalError.into())
            }
        }
    }
}

fn host_is_ours(hosts: &[String], uri: &Uri, headers: &HeaderMap) -> bool {
    let ours = |host: &str| hosts.iter().any(|h| h.eq_ignore_ascii_case(host));
    let mut named = headers.get_all(header::HOST).iter();
    let one = named.next().and_then(|v| v.to_str().ok()).is_some_and(ours);
    one && named.next().is_none() && uri.authority().is_none_or(|a| ours(a.as_str()))
}

/// A region no signature can have here: s3cmd signs with "US" until it is told another.
fn is_odd_region(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let credential = value.split([',', ' ']).find_map(|part| part.strip_prefix("Credential="));
    let region = credential.and_then(|c| c.rsplit('/').nth(2));
    region.is_some_and(|r| !r.is_empty() && Region::new(r.into()).is_err())
}

fn in_xml(error: S3Error) -> Answer {
    error.to_http_response().unwrap_or_else(|_| {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        answer
    })
}

/// Gives errors of s3s that come without a sentence one that says what is wrong, and names what it found no operation for.
fn explained(mut answer: Answer, method: &Method, uri: &Uri) -> Answer {
    if answer.status().as_u16() < 400 {
        return answer;
    }
    let Some(body) = answer.body().bytes() else { return answer };
    let Some((head, tail)) = std::str::from_utf8(&body).ok().and_then(|text| text.split_once("</Code>")) else { return answer };
    if tail.starts_with("<Message>Unknown operation</Message>") {
        let named: Vec<String> = gate::pairs(uri).map(|(name, _)| format!("\"{name}\"")).collect();
        let what = if named.is_empty() { "this address".to_owned() } else { format!("{} in the query", named.join(" and ")) };
        return in_xml(unsupported(&format!("{method} with {what}")));
    }
    if !tail.contains("<Message>") {
        let code = head.rsplit_once("<Code>").map_or("", |(_, code)| code);
        *answer.body_mut() = Body::from(format!("{head}</Code><Message>{}</Message>{tail}", sentence(code)));
        answer.headers_mut().remove(header::CONTENT_LENGTH);
    }
    answer
}

/// The browser asks whether a page may send a request; it may read. (Fetch standard, "CORS-preflight fetch")
fn preflight(headers: &HeaderMap) -> Answer {
    let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes);
    if !headers.contains_key(header::ORIGIN) || wanted.is_none() {
        return in_xml(refuse(
            S3ErrorCode::InvalidRequest,
            "OPTIONS is answered only as a CORS preflight, with Origin and Access-Control-Request-Method.",
        ));
    }
    if !matches!(wanted, Some(b"GET" | b"HEAD")) {
        let mut error =
            refuse(S3ErrorCode::Custom("AccessForbidden".into()), "CORSResponse: web pages may only read from this bucket.");
        error.set_status_code(StatusCode::FORBIDDEN);
        return in_xml(error);
    }
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let to = answer.headers_mut();
    to.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    to.insert(header::ACCESS_CONTROL_ALLOW_METHODS, READ_METHODS);
    to.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, READ_HEADERS);
    to.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    answer
}

/// Types a browser shows without running anything. All else a link leads to is saved, not shown.
fn is_harmless(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.split_once('/') {
        Some(("image", kind)) => !kind.ends_with("+xml") && kind != "svg",
        Some(("video" | "audio", _)) => true,
        Some(("text", kind)) => kind == "plain",
        _ => false,
    }
}

fn guard(answer: &mut Answer, method: &Method, proof: Proof) {
    let status = answer.status();
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    if method == Method::GET || method == Method::HEAD {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN_HEADERS);
        // Signed by header no browser can navigate here: programs get back the disposition they stored.
        let shows = matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) && headers.contains_key(header::ETAG);
        if proof != Proof::Header && shows {
            let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
            if !is_harmless(kind) {
                let disposition = attachment(headers.get(header::CONTENT_DISPOSITION));
                headers.insert(header::CONTENT_DISPOSITION, disposition);
            }
        }
    }
    if status == StatusCode::NOT_MODIFIED {
        headers.remove(header::CONTENT_TYPE);
        *answer.body_mut() = Body::empty();
    }
}

/// The stored disposition with its kind changed to `attachment`; a file name stays.
fn attachment(stored: Option<&HeaderValue>) -> HeaderValue {
    let plain = HeaderValue::from_static("attachment");
    let Some(stored) = stored else { return plain };
    let parameters = stored.as_bytes().iter().position(|&b| b == b';').map(|at| &stored.as_bytes()[at..]);
    parameters.map_or(plain.clone(), |p| HeaderValue::from_bytes(&[b"attachment", p].concat()).unwrap_or(plain))
}

impl<B> tower::Service<Request<B>> for BucketService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_run_in_a_browser_is_saved_instead() {
        for shown in ["image/png", "image/jpeg; x=y", "IMAGE/WebP", "video/mp4", "audio/ogg", "text/plain; charset=utf-8"] {
            assert!(is_harmless(shown), "{shown}");
        }
        for saved in [
            "image/svg+xml",
            "image/svg+xml;charset=utf-8",
            "text/html",
            "application/xhtml+xml",
            "text/xml",
            "application/pdf",
            "",
            "x",
        ] {
            assert!(!is_harmless(saved), "{saved}");
        }
    }

    #[test]
    fn a_stored_file_name_outlives_the_change_to_attachment() {
        let to = |v: &'static str| attachment(Some(&HeaderValue::from_static(v)));
        assert_eq!(to("inline; filename=\"a.svg\""), "attachment; filename=\"a.svg\"");
        assert_eq!(to("inline"), "attachment");
        assert_eq!(attachment(None), "attachment");
    }

    #[test]
    fn a_foreign_name_for_this_host_is_not_answered() {
        let hosts = ["127.0.0.1:2000".to_owned(), "localhost:2000".to_owned()];
        let with = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for v in values {
                headers.append(header::HOST, HeaderValue::from_static(v));
            }
            host_is_ours(&hosts, &Uri::from_static("/b/k"), &headers)
        };
        assert!(with(&["127.0.0.1:2000"]) && with(&["LocalHost:2000"]));
        for bad in [
            &["evil.example:2000"][..],
            &["127.0.0.1"],
            &["127.0.0.1:2001"],
            &["127.0.0.1.evil.example:2000"],
            &[],
            &["localhost:2000", "evil"],
        ] {
            assert!(!with(bad), "{bad:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost:2000"));
        assert!(!host_is_ours(&hosts, &Uri::from_static("http://evil.example/b"), &headers));
    }
}
