//! Listings by page, as the old service had them: objects first, then prefixes, with the number of all of them.
//!
//! Stores give a place in key order, a thousand entries a request, and never count. So a page costs a walk through the place; what is
//! kept of it is the page and no more. A page among the prefixes of a place that has very many takes a second walk. Clients with large
//! places use the cursor, which is one request.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use http::StatusCode;
use imagepic_api::Code;
use imagepic_api::object::{Entry, Listed, Slice};
use imagepic_s3::{Client, Object, Page, S3Error};

use crate::answer::Refusal;

/// Entries of one answer.
pub(crate) const LARGEST_PAGE: u64 = 100_000;
/// Entries a walk counts; a place with more is listed by cursor.
pub(crate) const LONGEST_WALK: u64 = 1_000_000;
/// Prefixes the first walk keeps in case the page lies among them.
const KEPT: u64 = 10_000;
/// Entries a request to the store brings.
const STRIDE: u16 = 1000;

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum NoPage {
    /// More than a walk or an answer holds.
    TooLarge,
    /// The store's failure.
    Store(S3Error),
}

impl From<S3Error> for NoPage {
    fn from(error: S3Error) -> Self {
        Self::Store(error)
    }
}

/// UTC with milliseconds and `Z`.
pub(crate) fn time(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn object(object: Object) -> Entry {
    Entry::Object {
        name: object.key,
        last_modified: object.modified.map(time).unwrap_or_default(),
        etag: object.etag.unwrap_or_default(),
        size: object.size,
    }
}

fn prefix(prefix: String) -> Entry {
    Entry::Prefix { prefix, size: 0 }
}

/// Entries `from..to` of a place, and how many there are.
pub(crate) async fn page(client: &Client, bucket: &str, place: &str, from: u64, to: u64) -> Result<Listed, NoPage> {
    let mut lists = Vec::new();
    let (mut objects, mut prefixes) = (0_u64, 0_u64);
    let mut kept = Vec::new();
    walk(client, bucket, place, |page| {
        for one in page.objects {
            if (from..to).contains(&objects) {
                lists.push(object(one));
            }
            objects += 1;
        }
        // A prefix comes behind all objects, so those of the page are among the first `to - objects`.
        let useful = to.saturating_sub(objects).min(KEPT);
        prefixes += page.folders.len() as u64;
        kept.extend(page.folders);
        kept.truncate(usize::try_from(useful).unwrap_or(usize::MAX));
        if lists.len() as u64 + kept.len() as u64 > LARGEST_PAGE + KEPT || objects + prefixes > LONGEST_WALK {
            return Err(NoPage::TooLarge);
        }
        Ok(())
    })
    .await?;
    let total = objects + prefixes;
    let (first, last) = (from.saturating_sub(objects), to.saturating_sub(objects).min(prefixes));
    if total.min(to).saturating_sub(from) > LARGEST_PAGE {
        return Err(NoPage::TooLarge);
    }
    if last <= kept.len() as u64 {
        let skipped = kept.into_iter().skip(usize::try_from(first).unwrap_or(usize::MAX));
        lists.extend(skipped.take(usize::try_from(last.saturating_sub(first)).unwrap_or_default()).map(prefix));
    } else {
        let mut at = 0;
        walk(client, bucket, place, |page| {
            for one in page.folders {
                if (first..last).contains(&at) {
                    lists.push(prefix(one));
                }
                at += 1;
            }
            Ok(())
        })
        .await?;
    }
    Ok(Listed { total, lists })
}

async fn walk(client: &Client, bucket: &str, place: &str, mut see: impl FnMut(Page) -> Result<(), NoPage>) -> Result<(), NoPage> {
    let mut cursor = None;
    loop {
        let mut page = client.list(bucket, place, cursor.as_deref(), STRIDE).await?;
        let next = page.next.take();
        see(page)?;
        match next {
            // A store that gives the same place again would be walked for ever.
            Some(next) if Some(&next) != cursor.as_ref() => cursor = Some(next),
            _ => return Ok(()),
        }
    }
}

/// The next entries behind a cursor: one request to the store.
pub(crate) async fn slice(
    client: &Client,
    bucket: &str,
    place: &str,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Slice, S3Error> {
    let page = client.list(bucket, place, cursor, limit).await?;
    let lists = page.objects.into_iter().map(object).chain(page.folders.into_iter().map(prefix)).collect();
    Ok(Slice { lists, next: page.next })
}

/// Too much for pages.
pub(crate) fn too_large() -> Refusal {
    let reason = "this place holds more than a listing by page can: use cursor and limit";
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, reason)
}
