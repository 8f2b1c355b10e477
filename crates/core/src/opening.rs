//! Whether links that carry no signature open for anybody. A destination's settings say that its links are public; whether they are
//! decides the store, and what stands before it. So one of a place is asked for as a reader would ask, and what came of it is remembered.
//!
//! A place that was found open is believed for a week, so that an upload costs no further request; one that was found closed is looked at
//! with each upload, so that nobody is told of it when it has been opened. What is kept holds no signature and no key. What stays out:
//! this computer's bucket, whose rules are at hand (`hosting`), and signed links.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use imagepic_net::Http;
use serde::{Deserialize, Serialize};

use crate::destination::{Destination, Kind, LinkPolicy};
use crate::home::Home;
use crate::hub::Hub;

/// So long a place that was found open is believed to be, in milliseconds.
const BELIEVED: i64 = 7 * 24 * 3600 * 1000;
/// So long a reader's question may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// So long a place where nobody answered is not asked again: no upload waits for it twice.
const SILENCE: Duration = Duration::from_secs(300);
/// Places that are looked at for one batch, and at the same time.
const AT_ONCE: usize = 4;
/// Places that are remembered.
const PLACES: usize = 500;
/// The form of the file.
const VERSION: u32 = 1;

/// A folder of a bucket, as far as links into it are concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    destination: String,
    bucket: String,
    /// Empty, or ending in `/`.
    prefix: String,
    /// What its links begin with: another address is another place.
    address: String,
    open: bool,
    /// When that was seen, in milliseconds since 1970.
    at: i64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    places: Vec<Place>,
}

/// A link that is to be looked at, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    pub(crate) url: &'a str,
}

/// See the module.
pub(crate) struct Opening {
    file: PathBuf,
    hub: Arc<Hub>,
    known: Mutex<Vec<Place>>,
    /// What links began with where nobody answered, and when.
    silent: Mutex<HashMap<String, Instant>>,
    /// One asks at a time, so that many uploads into one place ask once; with the connections it has.
    asking: tokio::sync::Mutex<Option<Http>>,
}

fn parent(key: &str) -> &str {
    &key[..key.rfind('/').map_or(0, |at| at + 1)]
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Whether a destination promises what only a look can tell.
pub(crate) fn promises(destination: &Destination) -> bool {
    destination.kind != Kind::ThisComputer && matches!(destination.link, LinkPolicy::Public { .. })
}

impl Opening {
    pub(crate) fn new(home: &Home, hub: Arc<Hub>) -> Self {
        let file = home.data().join("opening.json");
        // A memory that cannot be read is none: a look makes it anew.
        let kept = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let places = kept.filter(|kept| kept.version == VERSION).map(|kept| kept.places).unwrap_or_default();
        let this = Self { file, hub, known: Mutex::new(places), silent: Mutex::default(), asking: tokio::sync::Mutex::default() };
        this.show();
        this
    }

    fn with<T>(&self, run: impl FnOnce(&mut Vec<Place>) -> T) -> T {
        run(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What people are shown beside uploads is true again.
    fn show(&self) {
        let closed = self.with(|places| {
            let closed = places.iter().filter(|place| !place.open);
            closed.map(|place| (place.destination.clone(), place.bucket.clone(), place.prefix.clone())).collect()
        });
        self.hub.with(|live| live.closed = closed);
    }

    /// Looks at one link of each place that is not known to be open, where the destination promises that it is.
    pub(crate) async fn look(&self, destination: &Destination, links: &[Asked<'_>]) {
        if !promises(destination) {
            return;
        }
        let mut asking = self.asking.lock().await;
        let mut due: Vec<(Place, String)> = Vec::new();
        for link in links {
            let place = Place {
                destination: destination.id.clone(),
                bucket: link.bucket.to_owned(),
                prefix: parent(link.key).to_owned(),
                address: parent(link.url).to_owned(),
                open: false,
                at: now(),
            };
            let same = |known: &Place| {
                (&known.destination, &known.bucket, &known.prefix, &known.address)
                    == (&place.destination, &place.bucket, &place.prefix, &place.address)
            };
            let believed = |known: &Place| same(known) && known.open && (0..BELIEVED).contains(&(place.at - known.at));
            let known = || self.with(|all| all.iter().any(believed)) || self.is_silent(&place.address);
            if due.len() < AT_ONCE && !due.iter().any(|(other, _)| same(other)) && !known() {
                due.push((place, link.url.to_owned()));
            }
        }
        if due.is_empty() {
            return;
        }
        let ca_file = match &destination.kind {
            Kind::ThisComputer => None,
            Kind::S3(address) => address.ca_file.as_ref(),
            Kind::Team(address) => address.ca_file.as_ref(),
        };
        let network = self.hub.settings().general.proxy.network(ca_file);
        let http = match asking.take().filter(|http| *http.settings() == network) {
            Some(http) => http,
            None => match Http::new(network) {
                Ok(http) => http,
                Err(_) => return,
            },
        };
        *asking = Some(http.clone());
        let looks = due.into_iter().map(|(place, url)| {
            let http = http.clone();
            async move { (opens(&http, &url).await, place) }
        });
        let mut seen = Vec::new();
        for (open, place) in futures::future::join_all(looks).await {
            match open {
                Some(open) => seen.push(Place { open, ..place }),
                None => self.fell_silent(place.address),
            }
        }
        if !seen.is_empty() {
            let before = self.with(|places| places.len());
            self.keep(seen, before).await;
        }
    }

    fn is_silent(&self, address: &str) -> bool {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.get(address).is_some_and(|since| since.elapsed() < SILENCE)
    }

    fn fell_silent(&self, address: String) {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if silent.len() >= PLACES {
            silent.clear();
        }
        silent.insert(address, Instant::now());
    }

    /// What is known of a place and everything below it is worth nothing: its rules were changed. `closed`: the places of uploads there
    /// that nobody can open any more.
    pub(crate) async fn changed(&self, destination: &str, bucket: &str, prefix: &str, closed: Vec<String>) {
        // Nobody's answer from before the change is kept after it.
        let _asking = self.asking.lock().await;
        let before = self.with(|places| {
            let before = places.len();
            places
                .retain(|place| place.destination != destination || place.bucket != bucket || !place.prefix.starts_with(prefix));
            before
        });
        let closed = closed.into_iter().map(|prefix| Place {
            destination: destination.to_owned(),
            bucket: bucket.to_owned(),
            prefix,
            address: String::new(),
            open: false,
            at: now(),
        });
        self.keep(closed.collect(), before).await;
    }

    /// Remembers; `before` is how many there were when the caller began.
    async fn keep(&self, seen: Vec<Place>, before: usize) {
        let places = self.with(|places| {
            let mut news = false;
            for new in seen {
                let same = |place: &Place| {
                    place.destination == new.destination && place.bucket == new.bucket && place.prefix == new.prefix
                };
                if !new.open && places.iter().any(|place| same(place) && !place.open && place.address == new.address) {
                    continue;
                }
                news = true;
                places.retain(|place| !same(place));
                if !new.open {
                    tracing::info!(
                        destination = new.destination,
                        bucket = new.bucket,
                        prefix = new.prefix,
                        "public links do not open"
                    );
                }
                places.push(new);
            }
            let over = places.len().saturating_sub(PLACES);
            places.drain(..over);
            (news || places.len() != before).then(|| places.clone())
        });
        let Some(places) = places else { return };
        self.show();
        let file = self.file.clone();
        let written = crate::queue::blocking(move || {
            let bytes = serde_json::to_vec(&Kept { version: VERSION, places }).unwrap_or_default();
            crate::home::write_whole(&file, &bytes)
        });
        if let Err(error) = written.await {
            tracing::info!(%error, "whether links open is found out anew next time");
        }
    }
}

/// Whether a link opens for somebody who has nothing but the link; `None` where nobody answered, which says nothing.
async fn opens(http: &Http, url: &str) -> Option<bool> {
    let answer = tokio::time::timeout(PATIENCE, http.get(url, 1)).await.ok()?.ok()?;
    match answer.status().as_u16() {
        200..=299 => Some(true),
        // Whoever is busy, or leads elsewhere (another region, a page to log in at), has not said.
        408 | 429 => None,
        // 404: stores say so of what somebody may not even know of; some say 400 of whatever bears no signature.
        400..=499 => Some(false),
        _ => None,
    }
}
