//! What menus are filled from: lists of buckets and folders and the newest images, as they were when they were last seen.
//!
//! Pure memory. Whoever reads never waits, and reading asks nobody for anything; what is due to be asked is said by `due`, and asked by
//! `refresh`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::jobs::Jobs;
use super::picture::Pictures;
use super::trail::{Spot, Trail};
use super::{ListedObject, Listing, media_type, millis, parent};
use crate::destination::Destination;
use crate::error::{Code, Error, Fault, Result};

/// What lies on the way to the present place is asked again after this.
const NEAR: Duration = Duration::from_secs(10 * 60);
/// And everything else after this.
const FAR: Duration = Duration::from_secs(60 * 60);
/// What is known to have changed is asked again, but not more often than this.
const CALM: Duration = Duration::from_secs(3);
/// Pauses after a destination could not be reached: the first and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10 * 60));
/// A wall clock that differs by more from a steady one shows that the computer slept.
const CLOCKS: Duration = Duration::from_secs(20);
/// Images of a place that are remembered.
const NEWEST: usize = 10;
/// Folders of a place that are remembered; a menu shows a few and says that there are more.
const FOLDERS: usize = 5000;
/// Places of a destination that are remembered, and asked for.
const PLACES: usize = 256;
/// Folders beside the way whose own folders are asked for: in the present bucket, and other buckets' tops.
const BESIDE: usize = 16;
const TOPS: usize = 8;
/// The same for a destination that is not in use.
const OTHER_TOPS: usize = 3;
/// Places a person looked at, or own uploads went to, that are kept true, and folders directly below each: whoever looked at a place goes on
/// one level without asking again. In the destination in use, and in another one.
const LOOKED: (usize, usize) = (6, 2);
const BELOW: usize = 12;
/// Folders made here that hold nothing yet.
const MADE: usize = 1000;

/// What is remembered of one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// Full prefixes, ending in `/`, in the store's order.
    pub folders: Vec<String>,
    /// The newest images of those that were seen, newest first.
    pub newest: Vec<ListedObject>,
    /// Images that were seen.
    pub images: usize,
    /// There is more than was looked at.
    pub more: bool,
}

impl Folder {
    pub(super) fn of(listing: &Listing) -> Self {
        let pictures = listing.objects.iter().filter(|object| is_image(&object.key));
        let mut newest: Vec<ListedObject> = pictures.clone().cloned().collect();
        newest.sort_by(newer);
        newest.truncate(NEWEST);
        let folders = listing.folders.iter().take(FOLDERS).cloned().collect();
        Self { folders, newest, images: pictures.count(), more: listing.more || listing.folders.len() > FOLDERS }
    }

    fn put(&mut self, object: ListedObject) {
        let before = self.newest.len();
        self.newest.retain(|known| known.key != object.key);
        self.images += usize::from(self.newest.len() == before);
        self.newest.push(object);
        self.newest.sort_by(newer);
        self.newest.truncate(NEWEST);
    }

    fn put_folder(&mut self, prefix: &str) {
        if let Err(at) = self.folders.binary_search_by(|known| known.as_str().cmp(prefix)) {
            self.folders.insert(at, prefix.to_owned());
        }
    }
}

fn newer(one: &ListedObject, other: &ListedObject) -> std::cmp::Ordering {
    other.modified.cmp(&one.modified).then_with(|| one.key.cmp(&other.key))
}

fn is_image(key: &str) -> bool {
    media_type(key).starts_with("image/")
}

/// What is known of a destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// `None` where they were not seen yet, or are not to be listed.
    pub buckets: Option<Arc<Vec<String>>>,
    /// By bucket and prefix (empty, or ending in `/`).
    pub folders: HashMap<(String, String), Arc<Folder>>,
    /// Places that a person asked to look into and that have not been answered for yet.
    pub asked: HashSet<(String, String)>,
    /// When the store last answered, in milliseconds since 1970.
    pub as_of: Option<i64>,
    /// Why it did not answer when it was asked after that.
    pub trouble: Option<Fault>,
}

/// A moment by both clocks: one that never jumps, and stands still while the computer sleeps, and the one on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) steady: Instant,
    pub(super) wall: SystemTime,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }

    /// How long ago that was: by the wall where that says more. A clock that was set back says nothing.
    pub(super) fn since(self, earlier: Self) -> Duration {
        let steady = self.steady.saturating_duration_since(earlier.steady);
        self.wall.duration_since(earlier.wall).unwrap_or_default().max(steady)
    }

    /// Whether the computer slept since then, by more than clocks are ever set right.
    pub(super) fn slept_since(self, earlier: Self) -> bool {
        self.since(earlier).saturating_sub(self.steady.saturating_duration_since(earlier.steady)) > CLOCKS
    }
}

#[derive(Debug)]
struct Kept<T> {
    value: Option<Arc<T>>,
    tried: Moment,
    doubted: bool,
}

impl<T: PartialEq> Kept<T> {
    fn now(value: Option<T>) -> Self {
        Self { value: value.map(Arc::new), tried: Moment::now(), doubted: false }
    }
}

#[derive(Debug, Default)]
struct Of {
    buckets: Option<Kept<Vec<String>>>,
    places: HashMap<(String, String), Kept<Folder>>,
    asked: HashMap<(String, String), usize>,
    answered: Option<SystemTime>,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    fault: Fault,
    tries: u32,
    at: Moment,
    pause: Duration,
}

/// Something to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Want {
    Buckets,
    /// Bucket and prefix; whether it is where the next upload goes.
    Place(String, String, bool),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    known: Mutex<HashMap<String, Of>>,
    trail: Mutex<Trail>,
    made: Mutex<HashSet<(String, String, String)>>,
    /// Something may be due.
    pub(super) wake: Notify,
    pub(super) jobs: Jobs,
    pub(super) pictures: Pictures,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a failure says that nobody answers there, and not merely that this one thing is not to be seen.
fn is_outage(code: Code) -> bool {
    !matches!(
        code,
        Code::Forbidden | Code::NoSuchBucket | Code::NoSuchObject | Code::Unsupported | Code::BadRequest | Code::NameRefused
    )
}

impl Cache {
    /// See [`super::Browse::known`].
    pub(super) fn known(&self, destination: &str) -> Known {
        let all = lock(&self.known);
        let Some(of) = all.get(destination) else { return Known::default() };
        let places = of.places.iter().filter_map(|(place, kept)| Some((place.clone(), kept.value.clone()?)));
        Known {
            buckets: of.buckets.as_ref().and_then(|kept| kept.value.clone()),
            folders: places.collect(),
            asked: of.asked.keys().cloned().collect(),
            as_of: of.answered.and_then(millis),
            trouble: of.trouble.as_ref().map(|trouble| trouble.fault.clone()),
        }
    }

    /// Takes what the store answered; whether anything a menu shows is different now.
    pub(super) fn keep_buckets(&self, destination: &str, answer: Result<Vec<String>>) -> bool {
        let mut all = lock(&self.known);
        let of = all.entry(destination.to_owned()).or_default();
        let changed = of.heard(answer.as_ref().err());
        let before = of.buckets.take();
        let (now, differs) = merged(before, answer.ok());
        of.buckets = Some(now);
        changed | differs
    }

    /// As [`keep_buckets`](Self::keep_buckets), for one place.
    pub(super) fn keep_place(&self, destination: &str, bucket: &str, prefix: &str, answer: Result<Folder>) -> bool {
        let mut all = lock(&self.known);
        let of = all.entry(destination.to_owned()).or_default();
        let changed = of.heard(answer.as_ref().err());
        let place = (bucket.to_owned(), prefix.to_owned());
        if of.places.len() >= PLACES && !of.places.contains_key(&place) {
            let oldest = of.places.iter().min_by_key(|(_, kept)| kept.tried).map(|(place, _)| place.clone());
            oldest.and_then(|oldest| of.places.remove(&oldest));
        }
        let gone = answer.as_ref().is_err_and(|error| error.code == Code::NoSuchBucket);
        let before = of.places.remove(&place).filter(|_| !gone);
        let (now, differs) = merged(before, answer.ok());
        of.places.insert(place, now);
        changed | differs
    }

    /// Somebody asked there and got no answer, or none that helps; whether that is news.
    pub(super) fn failed(&self, destination: &str, error: &Error) -> bool {
        lock(&self.known).entry(destination.to_owned()).or_default().heard(Some(error))
    }

    /// An object came: the menu has it at once, and the place is looked at again soon. Gives the place.
    pub(super) fn came(&self, destination: &str, bucket: &str, object: &ListedObject) -> String {
        let place = parent(&object.key).to_owned();
        self.change(destination, bucket, &object.key, |folder| {
            if is_image(&object.key) {
                folder.put(object.clone());
            }
        });
        place
    }

    /// An object is gone.
    pub(super) fn gone(&self, destination: &str, bucket: &str, key: &str) {
        self.change(destination, bucket, key, |folder| {
            let before = folder.newest.len();
            folder.newest.retain(|known| known.key != key);
            folder.images = folder.images.saturating_sub(before - folder.newest.len());
        });
    }

    /// Changes the place of a key, and has the folders on the way to it where they are known.
    fn change(&self, destination: &str, bucket: &str, key: &str, change: impl FnOnce(&mut Folder)) {
        let place = parent(key);
        let mut all = lock(&self.known);
        let Some(of) = all.get_mut(destination) else { return };
        let mut below = place;
        while !below.is_empty() {
            let above = parent(below);
            if let Some(kept) = of.places.get_mut(&(bucket.to_owned(), above.to_owned()))
                && let Some(folder) = &mut kept.value
                && !folder.folders.iter().any(|known| known == below)
            {
                Arc::make_mut(folder).put_folder(below);
            }
            below = above;
        }
        if let Some(kept) = of.places.get_mut(&(bucket.to_owned(), place.to_owned())) {
            kept.doubted = true;
            if let Some(folder) = &mut kept.value {
                change(Arc::make_mut(folder));
            }
        }
        drop(all);
        self.wake.notify_one();
    }

    /// What is known of it may be wrong by now: of a place and everything on the way to and below it, or of the buckets.
    pub(super) fn doubt(&self, destination: &str, place: Option<(&str, &str)>) {
        if let Some(of) = lock(&self.known).get_mut(destination) {
            match place {
                None => of.buckets.iter_mut().for_each(|kept| kept.doubted = true),
                Some((bucket, prefix)) => {
                    let near = |known: &(String, String)| {
                        known.0 == bucket && (known.1.starts_with(prefix) || prefix.starts_with(&known.1))
                    };
                    of.places.iter_mut().filter(|(known, _)| near(known)).for_each(|(_, kept)| kept.doubted = true);
                }
            }
        }
        self.wake.notify_one();
    }

    /// Nobody answered there when it was last asked.
    pub(super) fn is_out(&self, destination: &str) -> bool {
        lock(&self.known).get(destination).is_some_and(|of| of.trouble.is_some())
    }

    /// A person turned to a place: what lies there is kept true from now on, and what lies directly below it.
    pub(super) fn turned_to(&self, spot: Spot) {
        lock(&self.trail).turned_to(spot);
        self.wake.notify_one();
    }

    /// Own uploads went to a place.
    pub(super) fn used(&self, spot: Spot) {
        lock(&self.trail).used(spot);
        self.wake.notify_one();
    }

    /// Where uploads go.
    pub(super) fn stands(&self, spot: Option<Spot>) {
        lock(&self.trail).stands(spot);
    }

    /// See [`super::Browse::looked`].
    pub(super) fn looked(&self) -> Vec<Spot> {
        lock(&self.trail).looked()
    }

    /// A place is being looked into because somebody asked for it, for as long as this lives.
    pub(super) fn ask(&self, spot: &Spot) -> Asking<'_> {
        let place = (spot.bucket.clone(), spot.prefix.clone());
        *lock(&self.known).entry(spot.destination.clone()).or_default().asked.entry(place.clone()).or_default() += 1;
        Asking { cache: self, destination: spot.destination.clone(), place }
    }

    pub(super) fn forget(&self, destination: &str) {
        lock(&self.trail).forget(destination);
        lock(&self.known).remove(destination);
        lock(&self.made).retain(|(id, ..)| id != destination);
        self.wake.notify_one();
    }

    pub(super) fn made(&self, destination: &str, bucket: &str, prefix: &str) {
        let mut made = lock(&self.made);
        if made.len() < MADE {
            made.insert((destination.to_owned(), bucket.to_owned(), prefix.to_owned()));
        }
    }

    /// A folder that was made here is gone again, with everything below it.
    pub(super) fn unmade(&self, destination: &str, bucket: &str, prefix: &str) {
        lock(&self.made).retain(|(id, in_bucket, made)| id != destination || in_bucket != bucket || !made.starts_with(prefix));
    }

    /// The folders directly in a place (or whose names begin so) that exist because somebody made them here.
    pub(super) fn made_below(&self, destination: &str, bucket: &str, prefix: &str) -> BTreeSet<String> {
        let place = &prefix[..prefix.rfind('/').map_or(0, |at| at + 1)];
        let made = lock(&self.made);
        let here = made.iter().filter(|(id, in_bucket, _)| id == destination && in_bucket == bucket);
        here.filter_map(|(_, _, made)| {
            let rest = made.strip_prefix(place).filter(|_| made.starts_with(prefix))?;
            Some(format!("{place}{}", &rest[..=rest.find('/')?]))
        })
        .collect()
    }

    /// What is to be asked of a destination at this moment, and after how long there will be more.
    pub(super) fn due(&self, destination: &Destination, present: bool, now: Moment) -> (Vec<Want>, Duration) {
        let trail = lock(&self.trail).of(&destination.id);
        let all = lock(&self.known);
        let none = Of::default();
        let of = all.get(&destination.id).unwrap_or(&none);
        if let Some(trouble) = &of.trouble {
            let left = trouble.pause.saturating_sub(now.since(trouble.at));
            if !left.is_zero() {
                return (Vec::new(), left);
            }
        }
        let (mut due, mut next) = (Vec::new(), FAR);
        let mut see = |want: Want, tried: Option<(Moment, bool)>, lasts: Duration| match tried {
            None => due.push(want),
            Some((tried, doubted)) => {
                let left = if doubted { CALM } else { lasts }.saturating_sub(now.since(tried));
                if left.is_zero() { due.push(want) } else { next = next.min(left) }
            }
        };
        let near = if present { NEAR } else { FAR };
        see(Want::Buckets, of.buckets.as_ref().map(|kept| (kept.tried, kept.doubted)), near);
        for (bucket, prefix, here, near) in of.places_wanted(destination, present, &trail) {
            let kept = of.places.get(&(bucket.clone(), prefix.clone()));
            let lasts = if near && present { NEAR } else { FAR };
            see(Want::Place(bucket, prefix, here && present), kept.map(|kept| (kept.tried, kept.doubted)), lasts);
        }
        (due, next)
    }
}

impl Of {
    /// Takes note of whether anybody answered; whether that is news.
    fn heard(&mut self, failed: Option<&Error>) -> bool {
        match failed.filter(|error| is_outage(error.code)) {
            None => {
                self.answered = Some(SystemTime::now());
                self.trouble.take().is_some()
            }
            Some(error) => {
                let tries = self.trouble.as_ref().map_or(0, |trouble| trouble.tries + 1);
                let pause = PAUSE.0.saturating_mul(1 << tries.min(8)).min(PAUSE.1);
                let known = self.trouble.as_ref().is_some_and(|trouble| trouble.fault.text == error.text);
                self.trouble = Some(Trouble { fault: error.fault(), tries, at: Moment::now(), pause });
                !known
            }
        }
    }

    /// The places a menu shows: the way to where uploads go, what lies beside it, the places a person turned to with what lies directly
    /// below them, and the tops of a few other buckets. Bucket, prefix, whether it is the very place, whether it is on the way.
    fn places_wanted(
        &self,
        destination: &Destination,
        present: bool,
        trail: &[(String, String)],
    ) -> Vec<(String, String, bool, bool)> {
        let bucket = &destination.bucket;
        let (mut wanted, mut known) = (Vec::new(), HashSet::new());
        let mut want = |bucket: &str, prefix: &str, here: bool, near: bool| {
            if wanted.len() < PLACES && known.insert((bucket.to_owned(), prefix.to_owned())) {
                wanted.push((bucket.to_owned(), prefix.to_owned(), here, near));
            }
        };
        let below = |bucket: &str, prefix: &str| {
            let kept = self.places.get(&(bucket.to_owned(), prefix.to_owned())).and_then(|kept| kept.value.clone());
            let folders = kept.map_or_else(Vec::new, |folder| folder.folders.clone());
            folders.into_iter().filter(|folder| !folder.ends_with("//"))
        };
        if !bucket.is_empty() {
            let folder = if destination.folder.is_empty() { String::new() } else { format!("{}/", destination.folder) };
            let way = way(&folder);
            way.iter().for_each(|place| want(bucket, place, *place == folder, true));
            if present {
                for place in &way {
                    let beside = below(bucket, place).filter(|folder| !way.contains(folder));
                    beside.take(BESIDE).for_each(|folder| want(bucket, &folder, false, false));
                }
            }
        }
        for (bucket, prefix) in trail.iter().take(if present { LOOKED.0 } else { LOOKED.1 }) {
            way(prefix).iter().for_each(|place| want(bucket, place, false, false));
            below(bucket, prefix).take(BELOW).for_each(|folder| want(bucket, &folder, false, false));
        }
        let others = self.buckets.as_ref().and_then(|kept| kept.value.clone()).unwrap_or_default();
        let tops = others.iter().filter(|other| *other != bucket).take(if present { TOPS } else { OTHER_TOPS });
        tops.for_each(|other| want(other, "", false, false));
        wanted
    }
}

/// The places from the top down to this one.
fn way(prefix: &str) -> Vec<String> {
    let mut way = vec![prefix.to_owned()];
    while let Some(last) = way.last().filter(|last| !last.is_empty()) {
        let above = parent(last).to_owned();
        way.push(above);
    }
    way.reverse();
    way
}

/// See [`Cache::ask`].
#[derive(Debug)]
pub(super) struct Asking<'a> {
    cache: &'a Cache,
    destination: String,
    place: (String, String),
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        // Where the destination was forgotten meanwhile there is nothing left to end.
        let mut known = lock(&self.cache.known);
        let Some(of) = known.get_mut(&self.destination) else { return };
        let left = of.asked.get(&self.place).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            of.asked.remove(&self.place);
        } else {
            of.asked.insert(self.place.clone(), left);
        }
    }
}

/// An answer that did not come leaves what was known; whether what a menu shows differs.
fn merged<T: PartialEq>(before: Option<Kept<T>>, answer: Option<T>) -> (Kept<T>, bool) {
    let before = before.and_then(|kept| kept.value);
    match answer {
        Some(now) => {
            let differs = before.as_deref() != Some(&now);
            (Kept::now(Some(now)), differs)
        }
        None => (Kept { value: before, tried: Moment::now(), doubted: false }, false),
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
