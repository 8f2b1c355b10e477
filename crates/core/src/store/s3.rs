//! Any S3, and this computer's bucket, behind [`Store`]: the requests are `imagepic-s3`'s, the codes and sentences are made here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use imagepic_net::Http;
use imagepic_s3::policy::{self, Stuck};
use imagepic_s3::{Client, Conditions, Config, Kind, encode_key};
use imagepic_words::{browse, destinations as words, store as say};
use secrecy::SecretString;

use super::fault::{Subject, fault};
use super::{Body, Bucket, Details, Link, Object, Page, Progress, Put, Rule, Store, Stored};
use crate::destination::{LinkPolicy, S3Address};
use crate::error::{Code, Error, Result};
use crate::settings::Proxy;

/// An S3 store. Cheap to make: it opens nothing. Clones share connections, so keep one for each destination.
#[derive(Debug, Clone)]
pub struct S3Store {
    pub(super) client: Client,
    /// This computer's bucket: its full disk is this computer's.
    here: bool,
    /// Signed links of the last moment: after an upload several ask for the same one.
    links: Arc<Mutex<Links>>,
}

type Links = HashMap<(String, String, u32), (SystemTime, Link)>;

/// Links that are remembered, how long, and of which life at least.
const LINKS: usize = 1024;
const LINK_AGE: Duration = Duration::from_secs(20);
const LINK_LIFE: u32 = 3600;

impl S3Store {
    /// A store of [`crate::destination::Kind::S3`].
    ///
    /// # Errors
    /// `BadRequest` for an address that is none, an empty region or access key, and a proxy address that is none.
    pub fn open(address: &S3Address, secret: SecretString, proxy: &Proxy) -> Result<Self> {
        let http = Http::new(proxy.network(address.ca_file.as_ref()))
            .map_err(|failure| Error::new(Code::BadRequest, say::proxy(shown(&address.endpoint))).because(failure))?;
        let config = Config {
            endpoint: address.endpoint.clone(),
            region: address.region.clone(),
            access_key: address.access_key.clone(),
            secret_key: secret,
            path_style: address.path_style,
        };
        Self::with(config, http)
    }

    /// This computer's bucket, at `http://127.0.0.1:{port}`. No proxy, no certificates; conditional puts are known to be honoured.
    ///
    /// # Errors
    /// `BadRequest` for an endpoint that is no address.
    pub fn this_computer(endpoint: &str, region: &str, access_key: &str, secret: SecretString, http: Http) -> Result<Self> {
        let config = Config {
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
            access_key: access_key.to_owned(),
            secret_key: secret,
            path_style: true,
        };
        let store = Self { here: true, ..Self::with(config, http)? };
        store.client.set_conditions(Conditions::Honoured);
        Ok(store)
    }

    fn with(config: Config, http: Http) -> Result<Self> {
        let endpoint = config.endpoint.clone();
        let complete = !config.region.trim().is_empty() && !config.access_key.trim().is_empty();
        let client = Client::new(config, http).map_err(|error| {
            let text = if complete { say::address_invalid(&endpoint) } else { say::setting_missing(shown(&endpoint)) };
            Error::new(Code::BadRequest, text).because(error)
        })?;
        Ok(Self { client, here: false, links: Arc::default() })
    }

    /// The client below, for what only S3 has (policies, the probe).
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn at<'a>(&'a self, bucket: &'a str, key: &'a str) -> Subject<'a> {
        Subject { client: &self.client, bucket, key, here: self.here }
    }
}

/// The host of an address, or the address where it has none; never what may stand beside the host.
fn shown(endpoint: &str) -> String {
    let host = url::Url::parse(endpoint).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| endpoint.to_owned())
}

/// Whether a file can serve as a destination's further certificate authorities.
///
/// # Errors
/// `BadRequest` at `ca_file`, with the reason.
pub fn check_ca_file(file: &std::path::Path) -> Result<()> {
    let bad = |text| Error::new(Code::BadRequest, text).at("ca_file");
    // Opened first: what the system says about it is the better reason.
    if let Err(error) = std::fs::read(file) {
        let text = words::ca_file_unreadable(file.display(), "").with("reason", imagepic_words::reason(&error));
        return Err(bad(text).because(error));
    }
    imagepic_net::check_ca_file(file).map_err(|failure| bad(words::ca_file_empty(file.display())).because(failure))
}

#[async_trait]
impl Store for S3Store {
    async fn buckets(&self) -> Result<Vec<Bucket>> {
        let buckets = self.client.buckets().await.map_err(|error| fault(error, &self.at("", "")))?;
        Ok(buckets.into_iter().map(|bucket| Bucket { name: bucket.name, created: bucket.created }).collect())
    }

    async fn list(&self, bucket: &str, prefix: &str, cursor: Option<&str>, limit: u16) -> Result<Page> {
        let page = self.client.list(bucket, prefix, cursor, limit).await.map_err(|error| fault(error, &self.at(bucket, "")))?;
        Ok(Page { folders: page.folders, objects: page.objects.into_iter().map(object).collect(), next: page.next })
    }

    async fn put(&self, put: Put, progress: Progress) -> Result<Stored> {
        let request = imagepic_s3::Put {
            bucket: put.bucket,
            key: put.key,
            body: match put.body {
                Body::Bytes(bytes) => imagepic_s3::Body::Bytes(bytes),
                Body::File(path) => imagepic_s3::Body::File(path),
            },
            size: put.size,
            sha256: put.sha256,
            content_type: put.content_type,
            content_disposition: put.content_disposition,
            if_absent: put.if_absent,
            id: put.id,
        };
        let progress = Arc::clone(&progress);
        let stored = self.client.put(&request, progress).await;
        stored.map(confirmed).map_err(|error| fault(error, &self.at(&request.bucket, &request.key)))
    }

    async fn stat(&self, bucket: &str, key: &str) -> Result<Option<Object>> {
        let found = self.client.stat(bucket, key).await.map_err(|error| fault(error, &self.at(bucket, key)))?;
        Ok(found.map(object))
    }

    async fn link(&self, bucket: &str, key: &str, policy: &LinkPolicy) -> Result<Link> {
        match policy {
            LinkPolicy::Presigned { seconds } => {
                let (now, life) = (SystemTime::now(), Duration::from_secs(u64::from(*seconds)));
                let asked = (bucket.to_owned(), key.to_owned(), *seconds);
                let links = || self.links.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((at, link)) = links().get(&asked)
                    && now.duration_since(*at).is_ok_and(|age| age < LINK_AGE)
                {
                    return Ok(link.clone());
                }
                let url = self.client.presigned_get(bucket, key, now, life);
                let url = url.map_err(|error| Error::new(Code::BadRequest, say::link_life(seconds)).because(error))?;
                let link = Link { url, expires: Some(now + life) };
                if *seconds >= LINK_LIFE {
                    let mut links = links();
                    if links.len() >= LINKS {
                        links.clear();
                    }
                    links.insert(asked, (now, link.clone()));
                }
                Ok(link)
            }
            LinkPolicy::Public { base: Some(base) } if !base.trim().is_empty() => {
                Ok(Link { url: format!("{}/{}", base.trim().trim_end_matches('/'), encode_key(key)), expires: None })
            }
            LinkPolicy::Public { .. } => Ok(Link { url: self.client.public_url(bucket, key), expires: None }),
        }
    }

    async fn copy(&self, bucket: &str, from: &str, to: &str) -> Result<Stored> {
        let copied = self.client.copy(bucket, from, to).await;
        copied.map(confirmed).map_err(|error| fault(error, &self.at(bucket, from)))
    }

    async fn remove(&self, bucket: &str, key: &str) -> Result<()> {
        self.client.remove(bucket, key).await.map_err(|error| fault(error, &self.at(bucket, key)))
    }

    async fn make_bucket(&self, bucket: &str) -> Result<()> {
        self.client.make_bucket(bucket).await.map_err(|error| fault(error, &self.at(bucket, "")))
    }

    async fn details(&self, bucket: &str, key: &str) -> Result<Option<Details>> {
        let found = self.client.look_at(bucket, key).await.map_err(|error| fault(error, &self.at(bucket, key)))?;
        Ok(found.map(|look| Details {
            object: Object {
                key: key.to_owned(),
                size: look.size,
                etag: look.etag,
                content_type: look.content_type,
                modified: look.modified,
                sha256: look.metadata.get("sha256").cloned(),
                id: look.metadata.get("imagepic-id").cloned(),
            },
            version_id: look.version_id,
            headers: look.headers,
            metadata: look.metadata,
        }))
    }

    async fn read(&self, bucket: &str, key: &str, most: u64) -> Result<Bytes> {
        let failed = |error| fault(error, &self.at(bucket, key));
        let mut opened = self.client.open(bucket, key, Vec::new()).await.map_err(failed)?;
        let too_large = || Error::new(Code::TooLarge, browse::too_large_to_read(key));
        if opened.body.size_hint().lower() > most {
            return Err(too_large());
        }
        let mut bytes = BytesMut::new();
        while let Some(frame) = std::future::poll_fn(|cx| std::pin::Pin::new(&mut opened.body).poll_frame(cx)).await {
            let Ok(piece) = frame.map_err(failed)?.into_data() else { continue };
            if (bytes.len() + piece.len()) as u64 > most {
                return Err(too_large());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }

    async fn remove_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Result<()>>> {
        let outcomes = self.client.remove_many(bucket, keys).await.map_err(|error| fault(error, &self.at(bucket, "")))?;
        let told =
            |(key, outcome): (&String, std::result::Result<(), _>)| outcome.map_err(|error| fault(error, &self.at(bucket, key)));
        Ok(keys.iter().zip(outcomes).map(told).collect())
    }

    async fn access(&self, bucket: &str) -> Result<Vec<Rule>> {
        Ok(policy::rules(bucket, self.policy(bucket).await?.as_ref()))
    }

    async fn set_access(&self, bucket: &str, prefix: &str, public: bool) -> Result<()> {
        let before = self.policy(bucket).await?;
        let after = policy::change(bucket, before.clone(), prefix, public).map_err(|stuck| {
            let (code, text) = match stuck {
                Stuck::Prefix => (Code::NameRefused, browse::rule_prefix(prefix)),
                Stuck::Wider => (Code::Unsupported, browse::rule_wider(shown_prefix(bucket, prefix))),
                Stuck::Unreadable => (Code::StoreRefused, browse::rule_unreadable(bucket)),
            };
            Error::new(code, text).because(stuck)
        })?;
        if after == before {
            return Ok(());
        }
        let done = match &after {
            Some(document) => self.client.set_policy(bucket, &document.to_string()).await,
            None => self.client.remove_policy(bucket).await,
        };
        done.map_err(|error| self.no_rules(error, bucket))
    }
}

impl S3Store {
    async fn policy(&self, bucket: &str) -> Result<Option<serde_json::Value>> {
        let text = self.client.policy(bucket).await.map_err(|error| self.no_rules(error, bucket))?;
        let unreadable = |error| Error::new(Code::StoreRefused, browse::rule_unreadable(bucket)).because(error);
        text.map(|text| serde_json::from_str(&text).map_err(unreadable)).transpose()
    }

    fn no_rules(&self, error: imagepic_s3::S3Error, bucket: &str) -> Error {
        match error.kind {
            Kind::Unsupported => Error::new(Code::Unsupported, browse::no_rules(bucket)).because(error),
            _ => fault(error, &self.at(bucket, "")),
        }
    }
}

/// `bucket / prefix`, for people.
fn shown_prefix(bucket: &str, prefix: &str) -> String {
    format!("{bucket}/{prefix}").trim_end_matches('/').to_owned()
}

fn object(object: imagepic_s3::Object) -> Object {
    Object {
        key: object.key,
        size: object.size,
        etag: object.etag,
        content_type: object.content_type,
        modified: object.modified,
        sha256: object.sha256,
        id: object.id,
    }
}

fn confirmed(stored: imagepic_s3::Stored) -> Stored {
    Stored { etag: stored.etag, version_id: stored.version_id }
}
