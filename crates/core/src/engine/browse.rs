//! Browse: what lies at the stores, asked anew for windows and the console, from memory for menus that must never wait.
//!
//! What is remembered for menus is in `cache`, how it stays true in `refresh` and `news`, what takes long in `jobs`.

mod access;
mod cache;
mod follow;
mod jobs;
mod names;
mod news;
mod picture;
mod refresh;
mod trail;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use imagepic_words::browse as words;
use serde::{Deserialize, Serialize};

use super::Inner;
use crate::error::{Code, Error, Result};
use crate::event::Event;
use crate::link::{Format, Target, text};
use crate::store::{Link, Object, Store};

pub use access::{AccessView, Closing};
pub(crate) use cache::Cache;
pub use cache::{Folder, Known};
use names::{check_length, check_new, media_type, name, parent};
pub use trail::Spot;
use walk::Walk;

/// Objects of one place that [`Browse::folders`] lists at most.
const MOST: usize = 1000;
/// Requests that counting a folder takes at most.
const COUNTED: usize = 20;
/// Links that go to the clipboard at once.
const MOST_LINKS: usize = 1000;

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
    /// Give it back for more.
    pub next: Option<String>,
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
    /// What tells one content from the next, without quotes.
    pub etag: Option<String>,
}

/// A thing in a place, as a person chose it: names alone do not tell an object from a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[ts(export)]
pub struct Picked {
    /// Full key, or full prefix ending in `/`.
    pub key: String,
    /// Everything below that prefix.
    pub folder: bool,
}

/// What a folder holds, everything below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Sum {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the newest was written, in milliseconds since 1970.
    pub newest: Option<i64>,
    /// That is all; otherwise it is at least so much.
    pub whole: bool,
}

/// An object with everything the store tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct ObjectView {
    /// Full key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: Option<String>,
    /// Media type.
    pub content_type: Option<String>,
    /// Written, in milliseconds since 1970.
    pub modified: Option<i64>,
    /// Hex, where imagepic stored it.
    pub sha256: Option<String>,
    /// Where the bucket keeps versions.
    pub version_id: Option<String>,
    /// `cache-control` and the like.
    pub headers: BTreeMap<String, String>,
    /// What was kept with it.
    pub metadata: BTreeMap<String, String>,
}

/// A folder that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct NewFolder {
    /// Its full prefix.
    pub prefix: String,
    /// The store keeps it though it is empty; otherwise it is there once something lies in it.
    pub kept: bool,
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
        let buckets: Vec<String> = self.heard(&id, store.buckets().await)?.into_iter().map(|bucket| bucket.name).collect();
        self.inner.browsed.keep_buckets(&id, Ok(buckets.clone()));
        Ok(buckets)
    }

    /// The folders and objects directly below a prefix (empty, or ending in `/`); the first thousand.
    ///
    /// # Errors
    /// `NoSuchDestination`, `NoSuchBucket`, and the store's.
    pub async fn folders(&self, destination: &str, bucket: &str, prefix: &str) -> Result<Listing> {
        let id = self.id(destination)?;
        let store = self.inner.stores.of(&id).await?;
        let listing = self.heard(&id, gather(store.as_ref(), bucket, prefix, MOST).await)?;
        self.inner.browsed.keep_place(&id, bucket, prefix, Ok(Folder::of(&listing)));
        Ok(listing)
    }

    /// Menus say it too where nobody answers somebody who asks: they would offer for minutes what cannot be had.
    fn heard<T>(&self, destination: &str, answer: Result<T>) -> Result<T> {
        answer.inspect_err(|error| {
            if self.inner.browsed.failed(destination, error) {
                self.inner.tell_menus(destination);
            }
        })
    }

    /// What is known of a destination, from memory: makes no request and waits for nothing.
    #[must_use]
    pub fn known(&self, destination: &str) -> Known {
        self.id(destination).map(|id| self.inner.browsed.known(&id)).unwrap_or_default()
    }

    /// Looks into a place because a person asks for it, so that menus have it from then on, with what lies directly below it. Menus say
    /// meanwhile that it is looked at ([`Known::asked`]).
    ///
    /// # Errors
    /// As [`folders`](Self::folders).
    pub async fn look_into(&self, destination: &str, bucket: &str, prefix: &str) -> Result<()> {
        let spot = self.spot(destination, bucket, prefix)?;
        let id = spot.destination.clone();
        let asking = self.inner.browsed.ask(&spot);
        self.inner.tell_menus(&id);
        let looked = self.folders(&id, bucket, prefix).await;
        drop(asking);
        if looked.is_ok() {
            self.inner.browsed.turned_to(spot);
        }
        self.inner.tell_menus(&id);
        looked.map(drop)
    }

    /// A window shows this place now: menus lead there from now on, and know what lies directly below it.
    pub fn turned_to(&self, destination: &str, bucket: &str, prefix: &str) {
        if let Ok(spot) = self.spot(destination, bucket, prefix)
            && !bucket.is_empty()
        {
            let id = spot.destination.clone();
            self.inner.browsed.turned_to(spot);
            self.inner.tell_menus(&id);
        }
    }

    /// Where a person has looked, newest first, from memory.
    #[must_use]
    pub fn looked(&self) -> Vec<Spot> {
        self.inner.browsed.looked()
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

    /// One page for a window: one request to the store, whatever the bucket holds. What is just being removed is left out, and a folder
    /// that was made here and holds nothing yet is there. `prefix` may be the beginning of names.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub async fn look(&self, destination: &str, bucket: &str, prefix: &str, cursor: Option<&str>, limit: u16) -> Result<Listing> {
        let id = self.id(destination)?;
        let page = self.inner.stores.of(&id).await?.list(bucket, prefix, cursor, limit).await?;
        let mut listing = Listing { folders: page.folders, more: page.next.is_some(), next: page.next, ..Listing::default() };
        listing.objects.extend(page.objects.into_iter().map(listed));
        if cursor.is_none() && !listing.more && (prefix.is_empty() || prefix.ends_with('/')) {
            // The whole of it: menus need not ask for the same again.
            self.inner.browsed.keep_place(&id, bucket, prefix, Ok(Folder::of(&listing)));
        }
        if cursor.is_none() {
            for made in self.inner.browsed.made_below(&id, bucket, prefix) {
                if let Err(at) = listing.folders.binary_search(&made) {
                    listing.folders.insert(at, made);
                }
            }
        }
        let going = self.going(&id, bucket);
        listing.folders.retain(|prefix| !going.contains(&(prefix.clone(), true)));
        listing.objects.retain(|object| !going.contains(&(object.key.clone(), false)));
        Ok(listing)
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// `NoSuchDestination`, `NoSuchBucket`, and the store's.
    pub async fn stat(&self, destination: &str, bucket: &str, key: &str) -> Result<Option<Object>> {
        self.store(destination).await?.stat(bucket, key).await
    }

    /// Everything the store tells of an object.
    ///
    /// # Errors
    /// `NoSuchObject`, and those of [`stat`](Self::stat).
    pub async fn details(&self, destination: &str, bucket: &str, key: &str) -> Result<ObjectView> {
        let found = self.store(destination).await?.details(bucket, key).await?;
        let found = found.ok_or_else(|| Error::new(Code::NoSuchObject, words::gone(key, bucket)))?;
        let object = found.object;
        Ok(ObjectView {
            key: object.key,
            size: object.size,
            etag: object.etag,
            content_type: object.content_type,
            modified: object.modified.and_then(millis),
            sha256: object.sha256,
            version_id: found.version_id,
            headers: found.headers,
            metadata: found.metadata,
        })
    }

    /// Counts what lies below a prefix, in a bounded number of requests.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub async fn sum(&self, destination: &str, bucket: &str, prefix: &str) -> Result<Sum> {
        let mut walk = Walk::below(self.store(destination).await?, bucket, prefix);
        let mut sum = Sum::default();
        for _ in 0..COUNTED {
            let Some(step) = walk.next().await? else {
                sum.whole = true;
                break;
            };
            sum.objects += step.objects.len() as u64;
            sum.bytes += step.objects.iter().map(|object| object.size).sum::<u64>();
            sum.newest = sum.newest.max(step.objects.iter().filter_map(|object| object.modified.and_then(millis)).max());
        }
        Ok(sum)
    }

    /// Removes an object, whoever put it there: for a person who names it. An upload whose object it is leaves the history.
    ///
    /// # Errors
    /// `NoSuchDestination`, `NoSuchBucket`, `Forbidden`, and the network's.
    pub async fn remove(&self, destination: &str, bucket: &str, key: &str) -> Result<()> {
        let id = self.id(destination)?;
        let uploads = self.inner.uploads_at(&id, bucket, vec![key.to_owned()]).await;
        self.inner.stores.of(&id).await?.remove(bucket, key).await?;
        self.inner.uploads_leave(uploads).await;
        self.inner.browsed.gone(&id, bucket, key);
        self.changed(&id, bucket, parent(key));
        Ok(())
    }

    /// The link that opens an object, by the destination's policy; a signed one where a public one of this computer would open for nobody.
    ///
    /// # Errors
    /// `NoSuchDestination`, `SecretMissing` and the like.
    pub async fn link(&self, destination: &str, bucket: &str, key: &str) -> Result<Link> {
        self.inner.stores.link(self.inner.hub.settings().find(destination)?, bucket, key).await
    }

    /// The text of links in a format, one a line, in the order of `keys`, without touching the clipboard.
    ///
    /// # Errors
    /// As [`link`](Self::link); `BadRequest` for none, and for more than a thousand.
    pub async fn link_text(&self, destination: &str, bucket: &str, keys: &[String], format: Option<Format>) -> Result<String> {
        if keys.is_empty() {
            return Err(Error::new(Code::BadRequest, words::nothing_chosen()));
        }
        if keys.len() > MOST_LINKS {
            return Err(Error::new(Code::BadRequest, words::too_many_chosen(keys.len(), MOST_LINKS)));
        }
        let (format, own) = self.inner.format(format)?;
        let uploads = self.inner.uploads_by_key(&self.id(destination)?, bucket, keys.to_vec()).await;
        let mut lines = Vec::with_capacity(keys.len());
        for key in keys {
            let link = self.link(destination, bucket, key).await?;
            // What this home uploaded it knows more of than any listing tells: width, height and what it was called.
            if let Some(row) = uploads.get(key) {
                lines.push(crate::deliver::line(row, &link.url, format, &own));
                continue;
            }
            let content_type = media_type(key);
            let target = Target { url: &link.url, name: name(key), content_type, width: None, height: None, density: 1 };
            lines.push(text(&target, format, &own));
        }
        Ok(lines.join("\n"))
    }

    /// Puts the link of an object on the clipboard, by the destination's policy, in the format of the settings; returns the text. Where it
    /// opens for nobody, an [`Event::Notice`] says so.
    ///
    /// # Errors
    /// As [`link`](Self::link), and `ClipboardUnavailable`.
    pub async fn copy_link(&self, destination: &str, bucket: &str, key: &str) -> Result<String> {
        let text = self.copy_links(destination, bucket, &[key.to_owned()], None).await?;
        let link = self.link(destination, bucket, key).await?;
        if self.is_closed(destination, bucket, key, &link).await? {
            let name = self.inner.hub.settings().find(destination)?.name.clone();
            let place = format!("{bucket}/{}", parent(key));
            let told = imagepic_words::opening::closed(place.trim_end_matches('/'), name);
            self.inner.notice(&Error::new(Code::Forbidden, told));
        }
        Ok(text)
    }

    /// As [`copy_link`](Self::copy_link) for several, one a line.
    ///
    /// # Errors
    /// As [`link_text`](Self::link_text), and `ClipboardUnavailable`.
    pub async fn copy_links(&self, destination: &str, bucket: &str, keys: &[String], format: Option<Format>) -> Result<String> {
        let text = self.link_text(destination, bucket, keys, format).await?;
        self.inner.delivery.write(&text).await?;
        Ok(text)
    }

    /// Makes a folder in a place (`prefix` is empty or ends in `/`). The name may hold slashes.
    ///
    /// # Errors
    /// `BadRequest` at `name` for one that no folder can have; the store's.
    pub async fn make_folder(&self, destination: &str, bucket: &str, prefix: &str, name: &str) -> Result<NewFolder> {
        let id = self.id(destination)?;
        let name = name.trim().trim_matches('/');
        check_new(name)?;
        let made = format!("{prefix}{name}/");
        check_length(&made)?;
        let kept = self.inner.stores.of(&id).await?.make_folder(bucket, &made).await?;
        self.inner.browsed.made(&id, bucket, &made);
        self.changed(&id, bucket, prefix);
        Ok(NewFolder { prefix: made, kept })
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
        self.inner.browsed.doubt(&id, None);
        Ok(())
    }

    fn id(&self, destination: &str) -> Result<String> {
        Ok(self.inner.hub.settings().find(destination)?.id.clone())
    }

    fn spot(&self, destination: &str, bucket: &str, prefix: &str) -> Result<Spot> {
        Ok(Spot { destination: self.id(destination)?, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    async fn store(&self, destination: &str) -> Result<Arc<dyn Store>> {
        self.inner.stores.of(&self.id(destination)?).await
    }

    /// Something changed in a place: menus ask again, windows that show it too.
    fn changed(&self, id: &str, bucket: &str, prefix: &str) {
        self.inner.browsed.doubt(id, Some((bucket, prefix)));
        self.inner.tell_place(id, bucket, prefix);
    }
}

impl Inner {
    /// A destination changed: what was listed with it is worth nothing.
    pub(crate) fn forget_listings(&self, destination: &str) {
        self.browsed.forget(destination);
    }

    pub(crate) fn tell_place(&self, destination: &str, bucket: &str, prefix: &str) {
        self.hub.emit(Event::Listing {
            destination: destination.to_owned(),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        });
    }
}

/// Everything directly in a place, up to `most` entries.
async fn gather(store: &dyn Store, bucket: &str, prefix: &str, most: usize) -> Result<Listing> {
    let mut listing = Listing::default();
    loop {
        let page = store.list(bucket, prefix, listing.next.as_deref(), 1000).await?;
        listing.folders.extend(page.folders);
        listing.objects.extend(page.objects.into_iter().filter(|object| object.key != prefix).map(listed));
        let again = page.next.is_some() && page.next == listing.next;
        listing.next = page.next;
        listing.more = listing.next.is_some();
        if listing.next.is_none() || again || listing.folders.len() + listing.objects.len() >= most {
            return Ok(listing);
        }
    }
}

fn listed(object: Object) -> ListedObject {
    ListedObject { key: object.key, size: object.size, modified: object.modified.and_then(millis), etag: object.etag }
}

fn millis(at: SystemTime) -> Option<i64> {
    at.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_millis()).ok())
}

/// When something was, where this computer is: "10:32" where that is today by `now`, "2026-11-21 10:32" on any other day.
#[must_use]
pub fn moment(at: SystemTime, now: SystemTime) -> String {
    moment_by_clocks(
        chrono::DateTime::<chrono::Local>::from(at).naive_local(),
        chrono::DateTime::<chrono::Local>::from(now).naive_local(),
    )
}

fn moment_by_clocks(at: chrono::NaiveDateTime, now: chrono::NaiveDateTime) -> String {
    at.format(if at.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_another_day_is_never_taken_for_one_of_today() {
        let at = |text: &str| text.parse::<chrono::NaiveDateTime>().expect("a time");
        let now = at("2026-11-23T00:05:00");
        for (seen, said) in [
            ("2026-11-23T00:01:30", "00:01"),
            ("2026-11-22T23:59:59", "2026-11-22 23:59"),
            ("2025-11-23T00:05:00", "2025-11-23 00:05"),
            ("2026-11-24T00:00:00", "2026-11-24 00:00"),
        ] {
            assert_eq!(moment_by_clocks(at(seen), now), said);
        }
    }
}
