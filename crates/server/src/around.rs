//! What stands around the contract: what the server can do, whether it lives, whether it is ready, and what nothing else answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use http::StatusCode;
use imagepic_api::capabilities::Capabilities;
use imagepic_api::{Code, Envelope};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::{Answer, Good, Nothing, Refusal};
use crate::state::App;

/// Routes that the old service had; what else there is, is told in the capabilities.
const OLD: [&str; 10] = [
    "auth/register",
    "auth/login",
    "auth/change",
    "bucket/listBuckets",
    "object/listObjects",
    "object/getObject",
    "object/statObject",
    "object/presignedGetObject",
    "object/putObject",
    "object/removeObject",
];
/// So often at most the store and the accounts are asked whether they are there.
const FRESH: Duration = Duration::from_secs(2);
/// So long the store's buckets are believed to be those it named.
const NAMED: Duration = Duration::from_secs(30);
/// Buckets that are told of where none are configured.
const MOST_BUCKETS: usize = 1000;
/// Longer than that is not there.
const PATIENCE: Duration = Duration::from_secs(5);

/// All of them.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(capabilities)).routes(routes!(healthz)).routes(routes!(readyz))
}

/// What the server is and can do. A client asks once.
#[utoipa::path(get, path = "/imagepic/capabilities", tag = "around", responses((status = 200, body = Envelope<Capabilities>)))]
async fn capabilities(State(app): State<App>) -> Good<Capabilities> {
    let config = &app.config;
    let below = app.routes.iter().filter_map(|path| path.strip_prefix("/imagepic/"));
    let ours = below.filter(|route| route.contains('/') && !OLD.contains(route));
    // Whose rule holds for every bucket means those there are, where none are named.
    let there =
        if config.buckets.is_none() && config.public_base.is_for_all() { app.named.buckets(&app).await } else { Arc::default() };
    let named = config.buckets.iter().flatten().map(String::as_str);
    let offered = named.chain(config.public_base.buckets()).chain(there.iter().map(String::as_str));
    Good(Capabilities {
        server: "imagepic".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        registration: config.registration(),
        password: app.people.password_rule(),
        max_bytes: config.max_bytes,
        anonymous_reads: config.anonymous_reads(),
        routes: ours.map(str::to_owned).collect(),
        public_bases: offered.filter_map(|bucket| Some((bucket.to_owned(), config.public_base.of(bucket)?))).collect(),
    })
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "around", responses((status = 200, body = Envelope<Nothing>)))]
async fn healthz() -> Good<Nothing> {
    Good(Nothing {})
}

/// What is asked before requests are sent here.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub(crate) struct Ready {
    /// The store answers.
    store: bool,
    /// The accounts answer.
    accounts: bool,
}

/// The store and the accounts are there; asked again every two seconds at most. 503 while one of them is not, and while the server
/// is stopping.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "around",
    responses((status = 200, body = Envelope<Ready>), (status = 503, description = "`data.err` says what is missing"))
)]
async fn readyz(State(app): State<App>) -> Answer<Ready> {
    if app.stopping.is_cancelled() {
        return Err(not_ready(Code::Busy, "the server is stopping"));
    }
    let mut seen = app.ready.0.lock().await;
    let ready = match *seen {
        Some((when, ready)) if when.elapsed() < FRESH => ready,
        _ => {
            let store = async { tokio::time::timeout(PATIENCE, app.objects.ready()).await.is_ok_and(|ready| ready.is_ok()) };
            let accounts = async { tokio::time::timeout(PATIENCE, app.people.ready()).await.is_ok_and(|ready| ready.is_ok()) };
            let (store, accounts) = tokio::join!(store, accounts);
            *seen = Some((Instant::now(), Ready { store, accounts }));
            Ready { store, accounts }
        }
    };
    match ready {
        Ready { store: true, accounts: true } => Ok(Good(ready)),
        Ready { store: false, accounts: true } => Err(not_ready(Code::StoreUnreachable, "the store does not answer")),
        Ready { store: true, accounts: false } => Err(not_ready(Code::Internal, "the accounts cannot be read")),
        Ready { .. } => Err(not_ready(Code::Internal, "neither the store nor the accounts answer")),
    }
}

fn not_ready(code: Code, reason: &str) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, code, reason).retry_after(FRESH.as_secs())
}

/// What was seen last, and when; one request at a time looks.
#[derive(Clone, Default)]
pub(crate) struct Readiness(Arc<Mutex<Option<(Instant, Ready)>>>);

/// The store's buckets, as it named them last; one request at a time asks.
#[derive(Clone, Default)]
pub(crate) struct Named(Arc<Mutex<Option<Names>>>);

/// Names, and until when they are believed.
type Names = (Instant, Arc<[String]>);

impl Named {
    /// Those it names now, or where it does not answer those it named before.
    async fn buckets(&self, app: &App) -> Arc<[String]> {
        let mut seen = self.0.lock().await;
        match &*seen {
            Some((until, names)) if Instant::now() < *until => Arc::clone(names),
            before => {
                let asked = tokio::time::timeout(PATIENCE, app.objects.store.buckets()).await;
                let (names, life) = match asked {
                    Ok(Ok(all)) => (all.into_iter().map(|bucket| bucket.name).take(MOST_BUCKETS).collect(), NAMED),
                    _ => (before.as_ref().map(|(_, names)| Arc::clone(names)).unwrap_or_default(), FRESH),
                };
                *seen = Some((Instant::now() + life, Arc::clone(&names)));
                names
            }
        }
    }
}

/// No such route.
pub(crate) async fn nothing_here() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, Code::NotFound, "there is no such route")
}
