//! What every request passes on its way in and every answer on its way out, whatever the route.
//!
//! In: an id, the client's address, the path in the router's spelling, a body that cannot stall for ever. Out: the envelope (also for
//! what broke or was never reached), a body read to its end, headers that keep browsers from harm, a line in the log, a count.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use imagepic_api::Code;
use tower::ServiceExt as _;

use crate::answer::Refusal;
use crate::client::{self, ClientAddr, Peer};
use crate::drain::{self, Unread};
use crate::paths::{self, Paths};
use crate::state::App;

/// Given back in every answer, and in the log.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What routes that are not there are called in figures.
const NOWHERE: &str = "unknown";
/// What the embedded bucket's objects are called in figures.
const BUCKET: &str = "bucket";
/// Room for the framing of a form around the largest object.
const FRAMING: u64 = 64 * 1024;
/// Routes that read: without a token they are counted, so that it can be seen who has none yet.
const READS: [&str; 7] = [
    "/imagepic/bucket/listBuckets",
    "/imagepic/object/listObjects",
    "/imagepic/object/getObject",
    "/imagepic/object/statObject",
    "/imagepic/object/presignedGetObject",
    "/imagepic/policy/getBucketPolicy",
    "/imagepic/notification/listen",
];

/// The routes behind what every request passes.
#[derive(Clone)]
pub(crate) struct Front {
    app: App,
    routes: Router,
    paths: Arc<Paths>,
    /// Hosts a server on loopback answers to; `None` for all. A web page can lead its own name to this computer (DNS rebinding).
    hosts: Option<Arc<[String]>>,
}

impl Front {
    pub(crate) fn new(app: App, routes: Router, paths: Paths) -> Self {
        let config = &app.config;
        let hosts = config.listen.ip().is_loopback().then(|| {
            let public = [&config.public_url, &config.s3_public_endpoint].into_iter().flatten();
            public.filter_map(|url| url.host_str().map(str::to_owned)).collect()
        });
        Self { app, routes, paths: Arc::new(paths), hosts }
    }

    async fn answer(self, mut request: Request) -> Response {
        let start = Instant::now();
        let config = &self.app.config;
        let running = self.app.metrics.begin();
        let id = request_id(request.headers());
        let unread = request.extensions().get::<Unread>().cloned();
        let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
        let client = ClientAddr(client::address(peer, request.headers(), &config.trusted_proxies));
        let method = request.method().clone();
        let route = self.paths.canonical(request.uri().path());
        let stored = route.is_none() && self.app.mounted.is_some() && !below_ours(request.uri().path());
        request.extensions_mut().insert(client);
        if let Some(uri) =
            route.filter(|route| *route != request.uri().path()).and_then(|route| paths::with_path(request.uri(), route))
        {
            *request.uri_mut() = uri;
        }

        let waits = request.headers().contains_key(header::EXPECT);
        let refused = self.misdirected(&request);
        let (parts, body) = request.into_parts();
        let (body, lender) = drain::lend(body, config.limits.idle_timeout);
        let request = Request::from_parts(parts, Body::new(body));
        let answered = async {
            match (refused, &self.app.mounted) {
                (Some(refusal), _) => refusal.into_response(),
                (None, Some(bucket)) if stored => bucket.answer(request).await.map(Body::new),
                (None, _) => match self.routes.clone().oneshot(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                },
            }
        };
        let mut answer = AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(|_| {
            self.app.metrics.panics.fetch_add(1, Ordering::Relaxed);
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, "a fault of the server; its log tells more")
                .into_response()
        });
        let error = answer.extensions().get::<Code>().copied();
        // Who still waits for "100 Continue" hears the answer instead and sends nothing.
        let whole = lender.stalled() || (waits && !lender.begun());
        if lender.stalled() {
            answer = stalled().into_response();
        }
        let ended = whole || lender.drain(config.max_bytes.saturating_add(FRAMING), config.limits.idle_timeout).await;
        if let Some(unread) = unread.filter(|_| whole || !ended) {
            unread.set();
        }
        if !stored {
            answer = in_envelope(answer);
            guard(answer.headers_mut());
        }
        if !ended {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer.headers_mut().insert(REQUEST_ID, id.clone());
        let error = answer.extensions().get::<Code>().copied().or(error);
        self.tell(
            &Told {
                id: &id,
                client,
                method: &method,
                route: if stored { BUCKET } else { route.unwrap_or(NOWHERE) },
                error,
                start,
            },
            &answer,
        );
        drop(running);
        answer
    }

    /// Refuses names for this computer that only a hostile page would use. A proxy on this computer is no exception, however much it is
    /// trusted: browsers call from the very same address.
    fn misdirected(&self, request: &Request) -> Option<Refusal> {
        let hosts = self.hosts.as_ref()?;
        let named = request.headers().get(header::HOST)?.to_str().unwrap_or_default();
        let name = host_of(named);
        let ours = imagepic_net::is_loopback(name) || hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        (!ours).then(|| {
            let reason =
                "this server listens on this computer only and answers to localhost and to the host of IMAGEPIC_PUBLIC_URL";
            Refusal::new(StatusCode::MISDIRECTED_REQUEST, Code::NotFound, reason)
        })
    }

    fn tell(&self, told: &Told<'_>, answer: &Response) {
        let took = told.start.elapsed();
        let status = answer.status().as_u16();
        let error = told.error.map(name);
        self.app.metrics.answered(told.route, told.method, status, error.clone(), took);
        if told.error == Some(Code::TokenMissing) && READS.contains(&told.route) {
            self.app.metrics.refused_read(told.route);
        }
        let id = told.id.to_str().unwrap_or_default();
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (client, method, route) = (told.client.0, told.method.as_str(), told.route);
        let error = error.unwrap_or_default();
        if status >= 500 {
            tracing::warn!(id, %client, method, route, status, error, ms, "answered");
        } else if matches!(route, "/healthz" | "/readyz") {
            tracing::debug!(id, %client, method, route, status, error, ms, "answered");
        } else {
            tracing::info!(id, %client, method, route, status, error, ms, "answered");
        }
    }
}

struct Told<'a> {
    id: &'a HeaderValue,
    client: ClientAddr,
    method: &'a Method,
    route: &'static str,
    error: Option<Code>,
    start: Instant,
}

/// A code as it is spelled in answers.
pub(crate) fn name(code: Code) -> String {
    serde_json::to_value(code).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// `[::1]:3100` → `::1`
fn host_of(value: &str) -> &str {
    if let Some(rest) = value.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    value.rsplit_once(':').map_or(value, |(host, _)| host)
}

/// Whether a path is one of those that are never a bucket's.
fn below_ours(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    ["imagepic", "healthz", "readyz", ""].iter().any(|ours| first.eq_ignore_ascii_case(ours))
}

fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        (1..=64).contains(&value.len()) && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    };
    let made = || HeaderValue::try_from(uuid::Uuid::new_v4().to_string()).unwrap_or(HeaderValue::from_static("none"));
    headers.get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(made)
}

fn stalled() -> Refusal {
    Refusal::new(StatusCode::REQUEST_TIMEOUT, Code::BadRequest, "the body came to a halt")
}

/// Puts what a library answered for itself into the envelope.
fn in_envelope(answer: Response) -> Response {
    let status = answer.status();
    let failed = status.is_client_error() || status.is_server_error();
    if !failed || answer.extensions().get::<Code>().is_some() {
        return answer;
    }
    let (code, reason) = match status {
        StatusCode::NOT_FOUND => (Code::NotFound, "there is no such route"),
        StatusCode::METHOD_NOT_ALLOWED => (Code::NotFound, "this route is not called by this method"),
        StatusCode::PAYLOAD_TOO_LARGE => (Code::TooLarge, "the body is too large"),
        StatusCode::REQUEST_TIMEOUT => (Code::BadRequest, "the request took too long"),
        StatusCode::PRECONDITION_FAILED => (Code::Exists, "the condition does not hold"),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => (Code::Busy, "too much at once"),
        status if status.is_server_error() => (Code::Internal, "a fault of the server; its log tells more"),
        _ => (Code::BadRequest, "the request makes no sense"),
    };
    let (before, _) = answer.into_parts();
    let mut answer = Refusal::new(status, code, reason).into_response();
    for name in [header::ALLOW, header::RETRY_AFTER, header::CONTENT_RANGE] {
        if let Some(value) = before.headers.get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

/// Headers for browsers; what a route set for itself stays.
fn guard(headers: &mut HeaderMap) {
    let defaults = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

impl tower::Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let front = self.clone();
        Box::pin(async move { Ok(front.answer(request).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_forge_a_line_of_the_log_is_replaced() {
        let given = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(value).expect("a header"));
            request_id(&headers)
        };
        assert_eq!(given(b"abc-1.2_Z"), "abc-1.2_Z");
        for bad in [&b"a b"[..], b"", b"a\"b", "é".as_bytes(), &[b'x'; 65]] {
            assert_eq!(given(bad).len(), 36, "{bad:?}");
        }
    }

    #[test]
    fn hosts_are_read_with_and_without_ports() {
        assert_eq!(
            ["localhost:3100", "127.0.0.1", "[::1]:3100", "[::1]", "evil.example:80"].map(host_of),
            ["localhost", "127.0.0.1", "::1", "::1", "evil.example"]
        );
    }
}
