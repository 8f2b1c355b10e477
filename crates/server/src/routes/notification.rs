//! What happens to objects, as it happens.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use imagepic_api::Code;
use imagepic_api::object::{Changed, Happened};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::NoBucket;
use crate::answer::Refusal;
use crate::news::{Filter, Heard, Listener};
use crate::objects::faults::{Voice, refusal};
use crate::objects::fields;
use crate::people::{Caller, caller};
use crate::state::App;

/// A sign of life, and the moment at which the token is asked again.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Seconds until a seat may be free again.
const LATER: u64 = 15;

/// `/imagepic/notification/…`
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(listen))
}

/// Objects that are created and removed through this server, from now on.
///
/// Each event is called `s3:ObjectCreated` or `s3:ObjectRemoved` and carries JSON. `missed` says that something happened which is not
/// known any more; `end` comes last, with the reason in `error` where the token does not hold any more.
#[utoipa::path(
    get,
    path = "/imagepic/notification/listen",
    tag = "notification",
    params(
        ("bucketName" = String, Query, description = "Where", example = "images"),
        ("prefix" = Option<String>, Query, description = "Only keys that begin so"),
        ("suffix" = Option<String>, Query, description = "Only keys that end so"),
        ("events" = Option<String>, Query, description = "`s3:ObjectCreated`, `s3:ObjectRemoved` or both, with a comma; all by default")
    ),
    responses(
        (status = 200, body = Changed, content_type = "text/event-stream"),
        (status = 400, description = "A field that is missing or none"),
        NoBucket,
        (status = 429, description = "This person listens too often already; `Retry-After`")
    )
)]
async fn listen(State(app): State<App>, who: Caller, headers: HeaderMap, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let mut query = fields::query(query.as_deref());
    let bad = |reason: &str| Refusal::new(StatusCode::BAD_REQUEST, Code::BadRequest, reason);
    let bucket =
        query.remove("bucketName").filter(|bucket| !bucket.is_empty()).ok_or_else(|| bad("the query must have bucketName"))?;
    app.objects.bucket(&bucket, Voice::Fitting)?;
    let events = query.remove("events").unwrap_or_default();
    let events = events.split(',').map(str::trim).filter(|event| !event.is_empty()).map(event).collect::<Option<Vec<_>>>();
    let events = events.ok_or_else(|| bad("events may hold s3:ObjectCreated and s3:ObjectRemoved"))?;
    let known = app.objects.store.known_bucket(&bucket).await;
    known.map_err(|error| refusal(&error, &bucket, None, Voice::Fitting))?;
    let mut text = |name: &str| query.remove(name).unwrap_or_default();
    let filter = Filter { bucket, prefix: text("prefix"), suffix: text("suffix"), events };
    let seat = app.news.subscribe(&who.phone, app.config.limits.listeners, filter);
    let listener = seat.ok_or_else(|| {
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, Code::Busy, "there are too many listeners already").retry_after(LATER)
    })?;
    let token = caller::token(&headers)?.to_owned();
    let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = Some(Listening { app, token, listener, heartbeat, greeted: false });
    let pieces = futures_util::stream::unfold(state, |state| async move {
        let (piece, state) = state?.next().await;
        Some((Ok::<_, std::convert::Infallible>(piece), state))
    });
    let mut answer = Response::new(Body::from_stream(pieces));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would keep events back until its buffer is full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(answer)
}

/// `s3:ObjectCreated`, with or without what S3 writes behind it (`:*`, `:Put`).
fn event(name: &str) -> Option<Happened> {
    let name = name.strip_prefix("s3:").unwrap_or(name);
    match name.split(':').next() {
        Some("ObjectCreated") => Some(Happened::Created),
        Some("ObjectRemoved") => Some(Happened::Removed),
        _ => None,
    }
}

struct Listening {
    app: App,
    token: String,
    listener: Listener,
    heartbeat: Interval,
    greeted: bool,
}

impl Listening {
    /// The next piece of the stream; without a state behind it, the last.
    async fn next(mut self) -> (Bytes, Option<Self>) {
        if !self.greeted {
            // So that the head of the answer goes out, and whoever waits for it knows that nothing is missed from now on.
            self.greeted = true;
            return (Bytes::from_static(b": listening\n\n"), Some(self));
        }
        tokio::select! {
            heard = self.listener.next() => match heard {
                Heard::Changed(changed) => {
                    let name = match changed.event {
                        Happened::Created => "s3:ObjectCreated",
                        Happened::Removed => "s3:ObjectRemoved",
                    };
                    // JSON has no bare line end, so it is one line of the stream whatever the key holds.
                    let data = serde_json::to_string(&*changed).unwrap_or_default();
                    (format!("event: {name}\ndata: {data}\n\n").into(), Some(self))
                }
                Heard::Missed => (Bytes::from_static(b"event: missed\ndata: {}\n\n"), Some(self)),
                Heard::End => (Bytes::from_static(b"event: end\ndata: {}\n\n"), None),
            },
            _ = self.heartbeat.tick() => match self.app.people.check(&self.token).await {
                Ok(_) => (Bytes::from_static(b": here\n\n"), Some(self)),
                Err(refused) => {
                    let error = serde_json::to_string(&refused.error).unwrap_or_default();
                    (format!("event: end\ndata: {{\"error\":{error}}}\n\n").into(), None)
                }
            },
        }
    }
}
