//! Browse: what lies at the stores, asked anew for the console, from a cache for menus that must never wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Inner;
use crate::error::{Code, Result};
use crate::event::Event;
use crate::store::{Link, Object};

/// A listing older than this is asked for again when a menu shows it.
const FRESH: Duration = Duration::from_secs(30);
/// Objects of one place that are listed at most.
const MOST: usize = 1000;
/// Places that are remembered.
const PLACES: usize = 512;

/// What lies directly in one place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Listing {
    /// Full prefixes, ending in `/`.
    pub folders: Vec<String>,
    /// Objects, in key order.
    pub objects: Vec<ListedObject>,
    /// There is more than is listed here.
    pub more: bool,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct ListedObject {
    /// Full key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Written, in milliseconds since 1970.
    pub modified: Option<i64>,
}

#[derive(Debug, Clone)]
struct Kept<T> {
    value: Option<T>,
    at: Instant,
    asking: bool,
}

/// What menus are filled from.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    buckets: Mutex<HashMap<String, Kept<Vec<String>>>>,
    places: Mutex<HashMap<(String, String, String), Kept<Listing>>>,
}

/// Handle to what lies at the stores. A destination is given by name or id.
#[derive(Clone)]
pub struct Browse {
    pub(super) inner: Arc<Inner>,
}

impl Browse {
    /// The buckets a destination's credentials may list.
    ///
    /// # Errors
    /// `NoSuchDestination`, and the store's.
    pub async fn buckets(&self, destination: &str) -> Result<Vec<String>> {
        let id = self.id(destination)?;
        let store = self.inner.stores.of(&id).await?;
        let buckets: Vec<String> = store.buckets().await?.into_iter().map(|bucket| bucket.name).collect();
        keep(&self.inner.browsed.buckets, id, Some(buckets.clone()));
        Ok(buckets)
    }

    /// The folders and objects directly below a prefix (empty, or ending in `/`); the first thousand.
    ///
    /// # Errors
    /// `NoSuchDestination`, `NoSuchBucket`, and the store's.
    pub async fn folders(&self, destination: &str, bucket: &str, prefix: &str) -> Result<Listing> {
        let id = self.id(destination)?;
        let store = self.inner.stores.of(&id).await?;
        let mut listing = Listing::default();
        let mut cursor = None;
        loop {
            let page = store.list(bucket, prefix, cursor.as_deref(), 1000).await?;
            listing.folders.extend(page.folders);
            listing.objects.extend(page.objects.into_iter().filter(|object| object.key != prefix).map(listed));
            cursor = page.next;
            listing.more = cursor.is_some();
            if cursor.is_none() || listing.folders.len() + listing.objects.len() >= MOST {
                break;
            }
        }
        keep(&self.inner.browsed.places, (id, bucket.to_owned(), prefix.to_owned()), Some(listing.clone()));
        Ok(listing)
    }

    /// The same from memory, for a menu; never waits. Asks the store in the background where it is old or unknown, and tells by
    /// [`Event::Status`] when it has come.
    #[must_use]
    pub fn cached_buckets(&self, destination: &str) -> Option<Vec<String>> {
        let id = self.id(destination).ok()?;
        let (value, ask) = look(&self.inner.browsed.buckets, &id);
        if ask {
            let this = self.clone();
            self.ask(async move {
                let asked = this.buckets(&id).await;
                if asked.is_err() {
                    keep(&this.inner.browsed.buckets, id, None);
                }
                asked.is_ok()
            });
        }
        value
    }

    /// As [`cached_buckets`](Self::cached_buckets), for one place.
    #[must_use]
    pub fn cached_folders(&self, destination: &str, bucket: &str, prefix: &str) -> Option<Listing> {
        let id = self.id(destination).ok()?;
        let place = (id, bucket.to_owned(), prefix.to_owned());
        let (value, ask) = look(&self.inner.browsed.places, &place);
        if ask {
            let this = self.clone();
            self.ask(async move {
                let asked = this.folders(&place.0, &place.1, &place.2).await;
                if asked.is_err() {
                    keep(&this.inner.browsed.places, place, None);
                }
                asked.is_ok()
            });
        }
        value
    }

    /// One page, for programs that walk through everything.
    ///
    /// # Errors
    /// `NoSuchDestination`, `NoSuchBucket`, and the store's.
    pub async fn page(
        &self,
        destination: &str,
        bucket: &str,
        prefix: &str,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<crate::store::Page> {
        self.store(destination).await?.list(bucket, prefix, cursor, limit).await
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// `NoSuchDestination`, `NoSuchBucket`, and the store's.
    pub async fn stat(&self, destination: &str, bucket: &str, key: &str) -> Result<Option<Object>> {
        self.store(destination).await?.stat(bucket, key).await
    }

    /// Removes an object, whoever put it there: for a person who names it.
    ///
    /// # Errors
    /// `NoSuchDestination`, `NoSuchBucket`, `Forbidden`, and the network's.
    pub async fn remove(&self, destination: &str, bucket: &str, key: &str) -> Result<()> {
        self.store(destination).await?.remove(bucket, key).await
    }

    /// The link that opens an object, by the destination's policy.
    ///
    /// # Errors
    /// `NoSuchDestination`, `SecretMissing` and the like.
    pub async fn link(&self, destination: &str, bucket: &str, key: &str) -> Result<Link> {
        let policy = self.inner.hub.settings().find(destination)?.link.clone();
        self.store(destination).await?.link(bucket, key, &policy).await
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// `BadRequest` for a name no bucket can have; `NameTaken`, `Forbidden`, and the network's.
    pub async fn make_bucket(&self, destination: &str, bucket: &str) -> Result<()> {
        let id = self.id(destination)?;
        crate::destination::check::bucket(bucket, false)?;
        match self.inner.stores.make_bucket(&id, bucket).await {
            Err(error) if error.code != Code::NameTaken => return Err(error),
            Err(error) => return Err(error.at("bucket")),
            Ok(()) => {}
        }
        self.inner.browsed.buckets.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        Ok(())
    }

    fn id(&self, destination: &str) -> Result<String> {
        Ok(self.inner.hub.settings().find(destination)?.id.clone())
    }

    async fn store(&self, destination: &str) -> Result<Arc<dyn crate::store::Store>> {
        self.inner.stores.of(&self.id(destination)?).await
    }

    fn ask(&self, asking: impl Future<Output = bool> + Send + 'static) {
        let (hub, stop) = (Arc::clone(&self.inner.hub), self.inner.stop.clone());
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                answered = asking => if answered { hub.emit(Event::Status) },
            }
        });
    }
}

impl Inner {
    /// A destination changed: what was listed with it is worth nothing.
    pub(crate) fn forget_listings(&self, destination: &str) {
        self.browsed.buckets.lock().unwrap_or_else(PoisonError::into_inner).remove(destination);
        self.browsed.places.lock().unwrap_or_else(PoisonError::into_inner).retain(|(id, _, _), _| id != destination);
    }
}

fn listed(object: Object) -> ListedObject {
    let modified = object.modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    ListedObject {
        key: object.key,
        size: object.size,
        modified: modified.and_then(|since| i64::try_from(since.as_millis()).ok()),
    }
}

fn keep<K: std::hash::Hash + Eq, T>(cache: &Mutex<HashMap<K, Kept<T>>>, key: K, value: Option<T>) {
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= PLACES {
        cache.clear();
    }
    let kept = cache.entry(key).or_insert(Kept { value: None, at: Instant::now(), asking: false });
    // An answer that did not come leaves what was known.
    if value.is_some() {
        kept.value = value;
    }
    kept.at = Instant::now();
    kept.asking = false;
}

/// What is kept, and whether to ask anew (noted, so that nobody asks twice).
fn look<K: std::hash::Hash + Eq + Clone, T: Clone>(cache: &Mutex<HashMap<K, Kept<T>>>, key: &K) -> (Option<T>, bool) {
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    match cache.get_mut(key) {
        Some(kept) => {
            let ask = !kept.asking && kept.at.elapsed() > FRESH;
            kept.asking |= ask;
            (kept.value.clone(), ask)
        }
        None => {
            cache.insert(key.clone(), Kept { value: None, at: Instant::now(), asking: true });
            (None, true)
        }
    }
}
