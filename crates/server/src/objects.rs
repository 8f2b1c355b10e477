//! The store behind the routes: one S3 client for the server's own requests, one that signs links for wherever its clients see the
//! store, and what bounds uploads.

use std::path::{Path, PathBuf};

use imagepic_net::Http;
use imagepic_s3::{Client, Kind, S3Error};
use tokio::sync::{Mutex, Semaphore};

use crate::answer::Refusal;
use crate::config::{Config, S3Settings};

pub(crate) mod budget;
pub(crate) mod faults;
pub(crate) mod fields;
pub(crate) mod form;
pub(crate) mod grants;
pub(crate) mod listing;
pub(crate) mod multipart;
pub(crate) mod names;
pub(crate) mod policy;
pub(crate) mod types;
pub(crate) mod upload;

use budget::Budget;
use faults::Voice;
use grants::Grants;
use types::Types;

/// Walks through whole places at once; more wait. Each is up to a thousand requests to the store.
const WALKS: usize = 4;

/// The store, as this server sees it and as its clients do.
pub(crate) struct Objects {
    /// For the server's own requests.
    pub(crate) store: Client,
    /// Makes no requests: signs links and grants for the address that clients know.
    pub(crate) outside: Client,
    pub(crate) types: Types,
    pub(crate) grants: Grants,
    pub(crate) budget: Budget,
    pub(crate) walks: Semaphore,
    /// A policy is read, changed and written: one at a time.
    pub(crate) policies: Mutex<()>,
    pub(crate) max_bytes: u64,
    offered: Option<Vec<String>>,
}

impl Objects {
    /// Makes the clients; no request. `config.s3` is always there. The reason is for whoever starts the server.
    pub(crate) fn open(config: &Config, http: &Http) -> Result<Self, String> {
        let settings = config.s3.as_ref().ok_or("no store is configured")?;
        let client =
            |endpoint: &str| Client::new(client_config(settings, endpoint), http.clone()).map_err(|error| error.to_string());
        let store = client(settings.endpoint.as_str())?;
        let outside = match &config.s3_public_endpoint {
            Some(endpoint) => client(endpoint.as_str())?,
            None => store.clone(),
        };
        Ok(Self {
            store,
            outside,
            types: Types::new(&config.types),
            grants: Grants::new(&settings.secret_key),
            budget: Budget::new(&config.limits, &spool(&config.data)),
            walks: Semaphore::new(WALKS),
            policies: Mutex::new(()),
            max_bytes: config.max_bytes,
            offered: config.buckets.clone(),
        })
    }

    /// Whether the store answers at all; that it may not list its buckets is an answer.
    ///
    /// # Errors
    /// What keeps it from answering.
    pub(crate) async fn ready(&self) -> Result<(), S3Error> {
        match self.store.buckets().await {
            Err(error) if !matches!(error.kind, Kind::Forbidden | Kind::Unsupported) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether a bucket is offered.
    pub(crate) fn offers(&self, bucket: &str) -> bool {
        self.offered.as_ref().is_none_or(|offered| offered.iter().any(|one| one == bucket))
    }

    /// Lets through buckets that are offered and can exist; any other is not there.
    pub(crate) fn bucket(&self, bucket: &str, voice: Voice) -> Result<(), Refusal> {
        if names::is_bucket(bucket) && self.offers(bucket) { Ok(()) } else { Err(faults::no_such_bucket(bucket, voice)) }
    }
}

fn client_config(settings: &S3Settings, endpoint: &str) -> imagepic_s3::Config {
    imagepic_s3::Config {
        endpoint: endpoint.to_owned(),
        region: settings.region.clone(),
        access_key: settings.access_key.clone(),
        secret_key: settings.secret_key.clone(),
        path_style: settings.path_style,
    }
}

/// Where uploads wait that are too large for memory: below the data folder, or where that takes nothing, the system's own place. The
/// files there have no names, so that none is left behind.
fn spool(data: &Path) -> PathBuf {
    let folder = data.join("spool");
    match std::fs::create_dir_all(&folder).and_then(|()| tempfile::tempfile_in(&folder)) {
        Ok(_) => folder,
        Err(error) => {
            let other = std::env::temp_dir();
            tracing::warn!(%error, "large uploads wait in {} instead of {}", other.display(), folder.display());
            other
        }
    }
}
