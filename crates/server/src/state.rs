//! What all routes share, opened once: the data folder, the accounts, the store, the listeners.

use std::ops::Deref;
use std::sync::Arc;

use imagepic_bucket::BucketService;
use imagepic_net::Http;
use tokio_util::sync::CancellationToken;

use crate::around::{Named, Readiness};
use crate::config::Config;
use crate::data::{self, Embedded};
use crate::failure::OpenError;
use crate::front::Front;
use crate::metrics::Metrics;
use crate::news::News;
use crate::objects::Objects;
use crate::paths::Paths;
use crate::people::People;
use crate::{around, cors, doorstep, openapi, routes};

/// An open server without a port. Clones are the same server.
#[derive(Clone)]
pub struct App(Arc<Parts>);

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("data", &self.0.config.data).finish_non_exhaustive()
    }
}

/// What a route may use.
pub struct Parts {
    pub(crate) config: Config,
    pub(crate) people: Arc<People>,
    pub(crate) objects: Objects,
    pub(crate) news: News,
    pub(crate) metrics: Metrics,
    pub(crate) ready: Readiness,
    pub(crate) named: Named,
    /// Cancelled when the server is asked to stop: what waits for news ends then.
    pub(crate) stopping: CancellationToken,
    /// Every path there is, as the contract spells it.
    pub(crate) routes: Vec<String>,
    /// The embedded bucket, where it is to be reached under the server's own address.
    pub(crate) mounted: Option<BucketService>,
    embedded: Option<Embedded>,
    _lock: data::Lock,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Opens everything a configuration names. The data folder belongs to this process until the last clone is dropped.
///
/// # Errors
/// What cannot be opened, and why.
pub async fn open(mut config: Config) -> Result<App, OpenError> {
    data::choose_reads(&config)?;
    let lock = data::lock(&config.data)?;
    let people = People::open(&config).await.map_err(OpenError::Accounts)?;
    let embedded = match config.s3 {
        Some(_) => None,
        None => Some(Embedded::open(&mut config).await?),
    };
    let mounted = embedded.as_ref().and_then(|embedded| embedded.mounted(&config));
    let objects = Objects::open(&config, &Http::default()).map_err(OpenError::Store)?;
    let news = News::open(people.pool()).await.map_err(OpenError::Accounts)?;
    let document = all().into_openapi();
    let parts = Parts {
        config,
        people: Arc::new(people),
        objects,
        news,
        metrics: Metrics::default(),
        ready: Readiness::default(),
        named: Named::default(),
        stopping: CancellationToken::new(),
        routes: document.paths.paths.keys().cloned().collect(),
        mounted,
        embedded,
        _lock: lock,
    };
    Ok(App(Arc::new(parts)))
}

fn all() -> utoipa_axum::router::OpenApiRouter<App> {
    routes::all().merge(around::routes())
}

/// The OpenAPI document of this version, for a server at `url`.
#[must_use]
pub fn document(url: &str) -> serde_json::Value {
    openapi::complete(&all().into_openapi(), url)
}

/// Everything that can be called, without a port.
pub fn router(app: App) -> axum::Router {
    let url = app.config.public_url.as_ref().map_or("/", |url| url.as_str().trim_end_matches('/')).to_owned();
    let (router, document) = all().split_for_parts();
    let paths = app.routes.iter().cloned().chain(openapi::PATHS.map(str::to_owned));
    let paths = Paths::new(paths);
    let routes = router
        .merge(openapi::routes(&openapi::complete(&document, if url.is_empty() { "/" } else { &url })))
        .merge(doorstep::routes())
        .fallback(around::nothing_here)
        .layer(cors::layer(&app.config.cors))
        .with_state(app.clone());
    axum::Router::new().fallback_service(Front::new(app, routes, paths))
}

impl App {
    /// The configuration, with the store that is in use.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the store is the embedded bucket.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Whether links to objects of the embedded bucket open on other computers.
    #[must_use]
    pub fn is_mounted(&self) -> bool {
        self.mounted.is_some()
    }

    /// From now on it is not ready, and those who wait for news are told to go.
    pub(crate) fn stop(&self) {
        self.stopping.cancel();
        self.news.close();
    }

    /// Closes what must not be left half-written.
    pub async fn close(&self) {
        self.stop();
        if let Some(embedded) = &self.embedded {
            embedded.close().await;
        }
    }
}
