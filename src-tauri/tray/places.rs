//! What the menu knows of buckets and folders: the engine's cache, which is filled in the background and read without waiting.

use std::collections::HashMap;

use imagepic_core::engine::Browse;
use imagepic_core::event::Place;

/// Other buckets of the destination whose topmost folders are asked for too; the rest come once they are in use.
const MOST_OTHERS: usize = 4;

/// Lists of one destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    destination: String,
    buckets: Vec<String>,
    /// By bucket and folder (no slash at either end).
    folders: HashMap<(String, String), Vec<String>>,
}

/// What is known of the present destination at this moment. What is not, or is old, is asked for in the background; the engine then says
/// that something changed.
pub(super) fn known(browse: &Browse, place: &Place) -> Places {
    let mut places = Places::of(&place.destination);
    places.buckets = browse.cached_buckets(&place.destination).unwrap_or_default();
    let way = way_to(&place.folder).into_iter().map(|folder| (place.bucket.clone(), folder));
    let others = places.buckets.iter().filter(|bucket| **bucket != place.bucket).take(MOST_OTHERS);
    let asked: Vec<_> = way.chain(others.map(|bucket| (bucket.clone(), String::new()))).collect();
    for (bucket, folder) in asked.into_iter().filter(|(bucket, _)| !bucket.is_empty()) {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        if let Some(listing) = browse.cached_folders(&place.destination, &bucket, &prefix) {
            places.set_folders(&bucket, &folder, names(&listing.folders, &prefix));
        }
    }
    places
}

/// `docs/img/` below `docs/` is called `img`. A folder without a name (a key with two slashes in a row) cannot be chosen.
fn names(folders: &[String], prefix: &str) -> Vec<String> {
    let name = |folder: &String| Some(folder.strip_prefix(prefix)?.strip_suffix('/')?.to_owned());
    folders.iter().filter_map(name).filter(|name| !name.is_empty()).collect()
}

impl Places {
    /// Nothing but `destination`.
    pub(super) fn of(destination: &str) -> Self {
        Self { destination: destination.to_owned(), ..Self::default() }
    }

    /// The buckets, empty where they are not (yet) known or not to be listed.
    pub(super) fn buckets(&self, destination: &str) -> &[String] {
        if destination == self.destination { &self.buckets } else { &[] }
    }

    /// The names of the folders directly below `folder`.
    pub(super) fn folders(&self, destination: &str, bucket: &str, folder: &str) -> &[String] {
        if destination != self.destination {
            return &[];
        }
        self.folders.get(&(bucket.to_owned(), folder.to_owned())).map_or(&[], Vec::as_slice)
    }

    #[cfg(test)]
    pub(super) fn set_buckets(&mut self, buckets: Vec<String>) {
        self.buckets = buckets;
    }

    pub(super) fn set_folders(&mut self, bucket: &str, folder: &str, names: Vec<String>) {
        self.folders.insert((bucket.to_owned(), folder.to_owned()), names);
    }
}

/// Every folder from the top down to `folder`: "", "docs", "docs/img".
fn way_to(folder: &str) -> Vec<String> {
    let mut way = vec![String::new()];
    for name in folder.split('/').filter(|name| !name.is_empty()) {
        let last = way.last().map_or("", String::as_str);
        way.push(if last.is_empty() { name.to_owned() } else { format!("{last}/{name}") });
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_on_the_way_is_asked_for() {
        assert_eq!(way_to(""), [""]);
        assert_eq!(way_to("docs/img/2026"), ["", "docs", "docs/img", "docs/img/2026"]);
    }

    #[test]
    fn folders_are_called_by_their_last_name() {
        let folders = ["docs/img/", "docs/设计稿/", "docs//", "other/"].map(str::to_owned);
        assert_eq!(names(&folders, "docs/"), ["img", "设计稿"]);
    }
}
