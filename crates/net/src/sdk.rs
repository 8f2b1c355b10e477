//! The SDK's HTTP client on our own routes: pool, proxy, certificates and time-outs are those of [`Http`].

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::connect::Connector;
use crate::{Failure, Http};

/// Unused connections are closed after this; below the 60 s many servers and balancers use, so that they do not hang up first.
pub(crate) const IDLE: Duration = Duration::from_secs(50);

pub(crate) type Client = legacy::Client<Connector, SdkBody>;

#[derive(Debug, Clone)]
pub(crate) struct Sdk(pub(crate) Http);

impl HttpClient for Sdk {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Sdk {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = self.0.clone();
        HttpConnectorFuture::new(async move { http.send(request).await })
    }
}

impl Http {
    fn client(&self) -> &Client {
        self.0.client.get_or_init(|| {
            legacy::Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .build(Connector::new(Arc::clone(&self.0)))
        })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let answer = self.exchange(request).await.map_err(connector_error)?;
        HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
    }

    /// Sends one request as it is and waits for the head of its answer: no credentials, no redirects, no second try (but for what
    /// [`Http::waking`] says). For whoever signs by itself and has no use for the SDK's machinery.
    ///
    /// # Errors
    /// Every [`Failure`].
    pub async fn exchange(&self, request: http::Request<SdkBody>) -> Result<http::Response<SdkBody>, Failure> {
        let again = self.0.wake.as_ref().and_then(|wake| Some((wake, bare(&request)?)));
        match (self.exchange_once(request).await, again) {
            (Err(Failure::Broken(_)), Some((wake, again))) if wake().await => self.exchange_once(again).await,
            (outcome, _) => outcome,
        }
    }

    async fn exchange_once(&self, request: http::Request<SdkBody>) -> Result<http::Response<SdkBody>, Failure> {
        let limit = self.0.settings.stall_timeout;
        let activity = Arc::new(Activity::new());
        let (mut head, body) = request.into_parts();
        if head.uri.scheme_str() == Some("http")
            && let Some(auth) = self.0.proxy_for(&head.uri).and_then(|proxy| proxy.basic_auth().cloned())
        {
            head.headers.insert(http::header::PROXY_AUTHORIZATION, auth);
        }
        let watched = SdkBody::from_body_1_x(Sending { body, activity: Arc::clone(&activity) });
        let answer = self.client().request(http::Request::from_parts(head, watched));
        let answer = tokio::select! {
            answer = answer => answer.map_err(|error| Failure::of(&error))?,
            () = activity.stalled(limit) => return Err(Failure::Timeout),
        };
        Ok(answer.map(|body| SdkBody::from_body_1_x(Receiving { body, limit, timer: None })))
    }

    /// Asks for an address as anybody would: no credentials, no redirects, the path exactly as it is written. For probes, and for
    /// seeing what a link gives; at most `most` bytes of the answer are kept.
    ///
    /// # Errors
    /// Every [`Failure`]; [`Failure::Broken`] for an address that is none.
    pub async fn get(&self, url: &str, most: usize) -> Result<http::Response<Bytes>, Failure> {
        let request = http::Request::get(url).body(SdkBody::empty()).map_err(|error| Failure::Broken(error.to_string()))?;
        self.ask(request, most).await
    }
}

/// A copy of a request that carries nothing and may be made twice (RFC 9110, 9.2.2).
fn bare(request: &http::Request<SdkBody>) -> Option<http::Request<SdkBody>> {
    let (method, body) = (request.method(), request.body());
    (method.is_idempotent() && body.content_length() == Some(0)).then(|| {
        let mut copy = http::Request::new(SdkBody::empty());
        method.clone_into(copy.method_mut());
        request.uri().clone_into(copy.uri_mut());
        request.headers().clone_into(copy.headers_mut());
        copy
    })
}

fn connector_error(failure: Failure) -> ConnectorError {
    match failure {
        Failure::Timeout | Failure::ConnectTimeout(_) => ConnectorError::timeout(failure.into()),
        failure => ConnectorError::io(failure.into()),
    }
}

/// When a byte last moved, in milliseconds since the request began.
struct Activity {
    began: Instant,
    last: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self { began: Instant::now(), last: AtomicU64::new(0) }
    }

    fn mark(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Ends when nothing has moved for `limit`.
    async fn stalled(&self, limit: Duration) {
        loop {
            let deadline = self.began + Duration::from_millis(self.last.load(Ordering::Relaxed)) + limit;
            if Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep_until(deadline.into()).await;
        }
    }
}

/// A request's body, marking each time the connection asks for more.
struct Sending {
    body: SdkBody,
    activity: Arc<Activity>,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_ready() {
            self.activity.mark();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.body)
    }
}

/// An answer's body that gives up when nothing more comes.
struct Receiving {
    body: hyper::body::Incoming,
    limit: Duration,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Body for Receiving {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| Failure::of(&error))));
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        timer.as_mut().poll(cx).map(|()| Some(Err(Failure::Timeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
