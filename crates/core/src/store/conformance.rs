//! What every [`Store`] must do, as one suite: each function makes a bucket of its own in a real store and panics where a person
//! would be let down. For tests only.
//!
//! Links are opened as a reader would open them: by their address alone, without a key.

mod browsing;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use imagepic_net::Http;
use sha2::{Digest as _, Sha256};

pub use browsing::*;

use super::{Body, Page, Put, Store};
use crate::destination::LinkPolicy;
use crate::error::Code;

/// A fresh bucket in a store.
pub struct Place {
    store: Arc<dyn Store>,
    bucket: String,
    reader: Http,
}

/// The beginning of a PNG, up to the end of its first chunk: some stores look at what they are given.
const HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU";

/// Bytes that begin as an image, compress badly and differ everywhere, so that a part in the wrong place shows.
fn bytes(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut out = Vec::with_capacity(len + HEAD.len() + 8);
    out.extend_from_slice(HEAD);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    out.into()
}

fn hour() -> LinkPolicy {
    LinkPolicy::Presigned { seconds: 3600 }
}

impl Place {
    /// Makes the bucket.
    ///
    /// # Panics
    /// Where the store makes none.
    pub async fn make(store: Arc<dyn Store>) -> Self {
        let bucket = format!("conformance-{}", uuid::Uuid::new_v4().simple());
        store.make_bucket(&bucket).await.expect("a bucket can be made");
        Self { store, bucket, reader: Http::default() }
    }

    fn put_of(&self, key: &str, content: &Bytes) -> Put {
        Put {
            bucket: self.bucket.clone(),
            key: key.to_owned(),
            body: Body::Bytes(content.clone()),
            size: content.len() as u64,
            sha256: Sha256::digest(content).into(),
            content_type: "image/png".to_owned(),
            content_disposition: None,
            if_absent: false,
            id: Some("an-id".to_owned()),
        }
    }

    async fn put(&self, key: &str, content: &Bytes) {
        let stored = self.store.put(self.put_of(key, content), Arc::new(|_| {})).await;
        stored.unwrap_or_else(|error| panic!("{key:?} is stored: {error} ({:?})", std::error::Error::source(&error)));
    }

    async fn page(&self, prefix: &str) -> Page {
        self.store.list(&self.bucket, prefix, None, 1000).await.expect("a listing")
    }

    /// Opens the link of a key as a reader.
    async fn read(&self, key: &str) -> http::Response<Bytes> {
        let link = self.store.link(&self.bucket, key, &hour()).await.expect("a link");
        self.open(&link.url).await
    }

    async fn open(&self, url: &str) -> http::Response<Bytes> {
        self.reader.get(url, 256 * 1024 * 1024).await.expect("the store answers")
    }

    async fn fails(&self, put: Put) -> Code {
        self.store.put(put, Arc::new(|_| {})).await.expect_err("must be refused").code
    }
}

fn keys(page: &Page) -> Vec<&str> {
    page.objects.iter().map(|object| object.key.as_str()).collect()
}

/// The link of what was put gives the very bytes, with their type; progress ends at their number; a stat knows their hash.
///
/// # Panics
/// Where that does not hold.
pub async fn what_was_put_comes_back_through_its_link(place: &Place) {
    let content = bytes(300_001);
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let stored = place.store.put(place.put_of("a/picture.png", &content), Arc::new(move |now| telling.lock().unwrap().push(now)));
    let stored = stored.await.expect("stored");
    let told = told.lock().unwrap().clone();
    assert!(told.is_sorted() && told.len() > 2 && told.last() == Some(&300_001), "progress is real: {told:?}");

    let answer = place.read("a/picture.png").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.body(), &content);

    let seen = place.store.stat(&place.bucket, "a/picture.png").await.unwrap().expect("it is there");
    assert_eq!((seen.size, seen.content_type.as_deref()), (300_001, Some("image/png")));
    assert_eq!(seen.sha256, Some(hex::encode(Sha256::digest(&content))));
    assert_eq!(seen.id.as_deref(), Some("an-id"), "who put it must know it again");
    assert_eq!(seen.etag, stored.etag);
    assert!(seen.modified.is_some());
}

/// `if_absent` refuses a name that is taken, whatever was asked before, and leaves what is there alone.
///
/// # Panics
/// Where that does not hold.
pub async fn a_taken_name_is_never_overwritten(place: &Place) {
    let (first, second) = (bytes(1000), bytes(2000));
    let only_new = |key: &str, content: &Bytes| Put { if_absent: true, ..place.put_of(key, content) };
    place.store.put(only_new("taken", &first), Arc::new(|_| {})).await.expect("a free name");
    for _ in 0..2 {
        assert_eq!(place.fails(only_new("taken", &second)).await, Code::NameTaken);
    }
    assert_eq!(place.read("taken").await.body(), &first);
    place.store.put(only_new("free", &second), Arc::new(|_| {})).await.expect("another name is still free");
    place.put("taken", &second).await;
    assert_eq!(place.read("taken").await.body(), &second, "without the condition the object is replaced");
}

/// Pages in key order, nothing twice, nothing missing, folders among them.
///
/// # Panics
/// Where that does not hold.
pub async fn a_long_listing_comes_in_pages_without_gaps(place: &Place) {
    let content = bytes(43);
    let mut expected = BTreeSet::new();
    for number in 0..23 {
        place.put(&format!("p/file-{number:02}"), &content).await;
        expected.insert(format!("p/file-{number:02}"));
    }
    for name in ["alpha", "file-05x", "zulu"] {
        place.put(&format!("p/{name}/inside"), &content).await;
        place.put(&format!("p/{name}/inside2"), &content).await;
        expected.insert(format!("p/{name}/"));
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let page = place.store.list(&place.bucket, "p/", cursor.as_deref(), 7).await.expect("a page");
        assert!(page.objects.len() + page.folders.len() <= 7, "no more than asked for");
        assert!(keys(&page).is_sorted());
        seen.extend(page.objects.into_iter().map(|object| object.key));
        seen.extend(page.folders);
        pages += 1;
        assert!(pages < 30, "a listing ends");
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), expected.len(), "nothing twice: {seen:?}");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(pages >= 4);
}

/// An object may have the name of a folder; a folder shows what lies directly in it.
///
/// # Panics
/// Where that does not hold.
pub async fn an_object_lies_beside_a_folder_of_the_same_name(place: &Place) {
    for (key, size) in [("a", 41), ("a/b", 42), ("a/b/c", 43), ("ab", 44)] {
        place.put(key, &bytes(size)).await;
    }
    let top = place.page("").await;
    assert_eq!((keys(&top), &top.folders), (vec!["a", "ab"], &vec!["a/".to_owned()]));
    let inside = place.page("a/").await;
    assert_eq!((keys(&inside), &inside.folders), (vec!["a/b"], &vec!["a/b/".to_owned()]));
    for (key, size) in [("a", 41), ("a/b", 42), ("a/b/c", 43), ("ab", 44)] {
        assert_eq!(place.read(key).await.body(), &bytes(size), "{key}");
    }
    assert!(place.page("nothing/here/").await.objects.is_empty());
}

/// Names as people have them survive the way through addresses, listings and links.
///
/// # Panics
/// Where that does not hold.
pub async fn names_as_people_have_them_survive(place: &Place) {
    let names = [
        "Screenshot 2026-01-01 at 10.00.00.png",
        "a+b.png",
        "100%.png",
        "%41.png",
        "hash#tag.png",
        "what?a=b&c=d.png",
        "截图/第 一 张.png",
        "Ångström e\u{301}.png",
        "😀.gif",
        "it's \"quoted\".png",
        "(1) [2] {3} ;:@!$*,=~.png",
        "back\\slash.png",
    ];
    for (index, name) in names.iter().enumerate() {
        let content = bytes(100 + index);
        let key = format!("names/{name}");
        place.put(&key, &content).await;
        let seen = place.store.stat(&place.bucket, &key).await.unwrap().unwrap_or_else(|| panic!("{name:?} is there"));
        assert_eq!(seen.size, 100 + index as u64, "{name:?}");
        let answer = place.read(&key).await;
        assert_eq!((answer.status().as_u16(), answer.body()), (200, &content), "{name:?}");
    }
    let mut listed = Vec::new();
    for prefix in ["names/", "names/截图/"] {
        listed.extend(place.page(prefix).await.objects.into_iter().map(|object| object.key));
    }
    let expected: BTreeSet<_> = names.iter().map(|name| format!("names/{name}")).collect();
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
    for name in names {
        let key = format!("names/{name}");
        place.store.remove(&place.bucket, &key).await.expect("removed");
        assert_eq!(place.store.stat(&place.bucket, &key).await.unwrap(), None, "{name:?}");
    }
}

/// A copy has the same bytes, type and hash; what is not there cannot be copied.
///
/// # Panics
/// Where that does not hold.
pub async fn a_copy_is_the_same_thing_under_another_name(place: &Place) {
    let content = bytes(5000);
    place.put("from/ü +%.png", &content).await;
    place.store.copy(&place.bucket, "from/ü +%.png", "to/copy.png").await.expect("copied");
    let answer = place.read("to/copy.png").await;
    assert_eq!((answer.body(), &answer.headers()["content-type"]), (&content, &"image/png".parse().unwrap()));
    let seen = place.store.stat(&place.bucket, "to/copy.png").await.unwrap().expect("there");
    assert_eq!(seen.sha256, Some(hex::encode(Sha256::digest(&content))));
    let error = place.store.copy(&place.bucket, "nowhere", "to/x").await.expect_err("nothing to copy");
    assert_eq!(error.code, Code::NoSuchObject);
}

/// What is removed is gone, its link says so, and removing it again is no error.
///
/// # Panics
/// Where that does not hold.
pub async fn what_is_removed_is_gone(place: &Place) {
    place.put("gone.png", &bytes(50)).await;
    for _ in 0..2 {
        place.store.remove(&place.bucket, "gone.png").await.expect("removed");
        assert_eq!(place.store.stat(&place.bucket, "gone.png").await.unwrap(), None);
    }
    assert_eq!(place.read("gone.png").await.status(), 404);
    assert!(place.page("").await.objects.is_empty());
}

/// A link ends when it says, opens nothing but its object, and nothing opens without it.
///
/// # Panics
/// Where that does not hold.
pub async fn a_link_opens_its_object_only_and_ends_in_time(place: &Place) {
    place.put("mine.png", &bytes(50)).await;
    place.put("other.png", &bytes(60)).await;
    let link = place.store.link(&place.bucket, "mine.png", &hour()).await.unwrap();
    assert_eq!(place.open(&link.url).await.status(), 200);
    let swapped = link.url.replacen("mine.png", "other.png", 1);
    let longer = link.url.replacen("X-Amz-Expires=3600", "X-Amz-Expires=7200", 1);
    let (base, signature) = link.url.split_at(link.url.len() - 1);
    let forged = format!("{base}{}", if signature == "0" { "1" } else { "0" });
    let unsigned = link.url.split('?').next().unwrap().to_owned();
    for (url, what) in [(swapped, "another key"), (longer, "a longer life"), (forged, "a forged signature"), (unsigned, "none")] {
        let status = place.open(&url).await.status();
        assert!(status.is_client_error(), "{what}: {status}");
    }
    let short = place.store.link(&place.bucket, "mine.png", &LinkPolicy::Presigned { seconds: 1 }).await.unwrap();
    let mut refused = false;
    for _ in 0..100 {
        refused = place.open(&short.url).await.status().is_client_error();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(refused, "a link of one second still opens after ten");
}

/// Bytes that do not fit their hash are refused, and nothing is left of them.
///
/// # Panics
/// Where that does not hold.
pub async fn damaged_bytes_are_refused(place: &Place) {
    let content = bytes(70_000);
    for size in [content.len(), 300] {
        let content = content.slice(..size);
        let wrong = Put { sha256: Sha256::digest(b"something else").into(), ..place.put_of("damaged.png", &content) };
        assert_eq!(place.fails(wrong).await, Code::ChecksumMismatch);
        assert_eq!(place.store.stat(&place.bucket, "damaged.png").await.unwrap(), None);
    }
}

/// A file larger than one request carries arrives whole, from disk, and a file that changed meanwhile does not arrive.
///
/// # Panics
/// Where that does not hold.
pub async fn a_large_file_arrives_whole(place: &Place) {
    let content = bytes(65 * 1024 * 1024 + 17);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.bin");
    std::fs::write(&path, &content).unwrap();
    let put = Put { body: Body::File(path.clone()), ..place.put_of("large.tif", &content) };
    let last = Arc::new(AtomicU64::new(0));
    let telling = Arc::clone(&last);
    let progress = Arc::new(move |now| {
        telling.fetch_max(now, Ordering::Relaxed);
    });
    place.store.put(put.clone(), progress).await.expect("stored");
    assert_eq!(last.load(Ordering::Relaxed), content.len() as u64);
    let seen = place.store.stat(&place.bucket, "large.tif").await.unwrap().expect("there");
    assert_eq!((seen.size, seen.content_type.as_deref()), (content.len() as u64, Some("image/png")));
    assert_eq!(seen.sha256, Some(hex::encode(Sha256::digest(&content))));
    assert_eq!(seen.id.as_deref(), Some("an-id"));
    let answer = place.read("large.tif").await;
    assert!(answer.body() == &content, "the very bytes");

    let other = Put { if_absent: true, ..put.clone() };
    assert_eq!(place.fails(other).await, Code::NameTaken);
    let mut changed = content.to_vec();
    changed[40_000_000] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    assert_eq!(place.fails(Put { key: "changed.tif".to_owned(), ..put }).await, Code::FileChanged);
    assert_eq!(place.store.stat(&place.bucket, "changed.tif").await.unwrap(), None);
}

/// A file on disk arrives as it is; one that shrank or vanished is named and leaves nothing.
///
/// # Panics
/// Where that does not hold.
pub async fn a_file_travels_from_disk(place: &Place) {
    let content = bytes(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.png");
    std::fs::write(&path, &content).unwrap();
    let put = Put { body: Body::File(path.clone()), ..place.put_of("file.png", &content) };
    place.store.put(put.clone(), Arc::new(|_| {})).await.expect("stored");
    assert_eq!(place.read("file.png").await.body(), &content);
    std::fs::write(&path, &content[..500_000]).unwrap();
    let again = Put { key: "again.png".to_owned(), ..put };
    assert_eq!(place.fails(again.clone()).await, Code::FileChanged);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(place.fails(again).await, Code::FileChanged);
    assert_eq!(place.store.stat(&place.bucket, "again.png").await.unwrap(), None);
}

/// Nothing is something, too.
///
/// # Panics
/// Where that does not hold.
pub async fn an_empty_object_is_an_object(place: &Place) {
    place.put("empty", &Bytes::new()).await;
    let seen = place.store.stat(&place.bucket, "empty").await.unwrap().expect("there");
    assert_eq!(seen.size, 0);
    let answer = place.read("empty").await;
    assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 0));
}

/// A bucket that is not there is named as what is missing, whatever is asked of it.
///
/// # Panics
/// Where that does not hold.
pub async fn a_missing_bucket_is_named(place: &Place) {
    let missing = format!("missing-{}", uuid::Uuid::new_v4().simple());
    let put = Put { bucket: missing.clone(), ..place.put_of("x", &bytes(41)) };
    let told = place.store.put(put, Arc::new(|_| {})).await.expect_err("no bucket");
    assert_eq!(told.code, Code::NoSuchBucket);
    assert!(told.to_string().contains(&missing), "{told}");
    assert_eq!(place.store.list(&missing, "", None, 10).await.expect_err("no bucket").code, Code::NoSuchBucket);
    assert_eq!(place.store.stat(&missing, "x").await.expect_err("no bucket").code, Code::NoSuchBucket);
    let buckets = place.store.buckets().await.expect("buckets");
    assert!(buckets.iter().any(|bucket| bucket.name == place.bucket));
    assert!(buckets.iter().all(|bucket| bucket.name != missing));
}

/// A type that a browser would run is kept as an attachment where that was asked for.
///
/// # Panics
/// Where that does not hold.
pub async fn a_disposition_is_kept(place: &Place) {
    let put = Put {
        content_type: "image/svg+xml".to_owned(),
        content_disposition: Some("attachment; filename=\"x.svg\"".to_owned()),
        ..place.put_of("x.svg", &Bytes::from_static(b"<svg xmlns='http://www.w3.org/2000/svg'/>"))
    };
    place.store.put(put, Arc::new(|_| {})).await.expect("stored");
    let answer = place.read("x.svg").await;
    assert_eq!(answer.headers()["content-type"], "image/svg+xml");
    assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"), "{:?}", answer.headers());
}

/// Makes one test of each function above, for one store: `conformance!(opening)`, where `opening` is an async function that gives an
/// `Arc<dyn Store>`.
#[macro_export]
macro_rules! conformance {
    ($open:path) => {
        $crate::conformance!($open:
            what_was_put_comes_back_through_its_link,
            a_taken_name_is_never_overwritten,
            a_long_listing_comes_in_pages_without_gaps,
            an_object_lies_beside_a_folder_of_the_same_name,
            names_as_people_have_them_survive,
            a_copy_is_the_same_thing_under_another_name,
            what_is_removed_is_gone,
            a_link_opens_its_object_only_and_ends_in_time,
            damaged_bytes_are_refused,
            a_large_file_arrives_whole,
            a_file_travels_from_disk,
            an_empty_object_is_an_object,
            a_missing_bucket_is_named,
            a_disposition_is_kept,
            the_beginning_of_a_name_finds_it,
            many_are_removed_at_once,
            a_copy_to_a_taken_name_is_refused,
            an_object_is_read_and_told_of,
            a_folder_is_opened_and_closed_or_refused_with_the_reason,
        );
    };
    ($open:path: $($name:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                let place = $crate::store::conformance::Place::make($open().await).await;
                $crate::store::conformance::$name(&place).await;
            }
        )*
    };
}
