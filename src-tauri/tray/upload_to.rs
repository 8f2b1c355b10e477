//! "Upload to": every destination, its buckets, their folders, and the newest images of a folder. Pure, and short whatever lies there:
//! more than fits leads to the library.

use std::cell::Cell;

use imagepic_core::Code;
use imagepic_core::destination::Destination;
use imagepic_core::event::Place;
use imagepic_words::{Lang, Text, tray as words};

use super::menu::{Action, Entry};
use super::places::{Places, Seen, Worth, name, prefix};
use crate::figures::middle_cut;
use crate::windows::Name as Window;

/// The longest name in a menu, in characters; longer ones lose their middle.
pub(super) const LONGEST_NAME: usize = 44;
/// More buckets or folders than a person can overlook.
const LONGEST_LIST: usize = 20;
/// Newest images of a folder.
const NEWEST: usize = 5;
/// How deep it follows folders.
const DEEPEST: usize = 6;
/// Lines in all; every one crosses the session bus.
const LINES: usize = 1200;
/// What marks the present place on its way down, where the system draws no check on a submenu.
const MARK: &str = "✓ ";

/// The submenu.
pub(super) fn upload_to(place: &Place, destinations: &[Destination], places: &Places, lang: Lang) -> Vec<Entry> {
    let left = Cell::new(LINES);
    let mut entries: Vec<_> = destinations
        .iter()
        .map(|destination| {
            let present = destination.id == place.destination;
            let branch = Branch { place, destination, seen: places.of(&destination.id), present, lang, left: &left };
            Entry::Menu(marked(&destination.name, present), branch.buckets())
        })
        .collect();
    if !entries.is_empty() {
        entries.push(Entry::Separator);
    }
    entries.push(Entry::Item(words::add_destination().to(lang), Action::Open(Window::Settings)));
    entries
}

/// One destination.
struct Branch<'a> {
    place: &'a Place,
    destination: &'a Destination,
    seen: Option<&'a Seen>,
    /// It is where uploads go.
    present: bool,
    lang: Lang,
    left: &'a Cell<usize>,
}

impl Branch<'_> {
    fn buckets(&self) -> Vec<Entry> {
        let (mut entries, lang) = (Vec::new(), self.lang);
        match self.seen.map(|seen| &seen.worth) {
            Some(Worth::Old(time)) => entries.push(Entry::Words(words::as_of(time).to(lang))),
            Some(Worth::Troubled(code, time)) => {
                let why = why(*code, &middle_cut(&self.destination.name, LONGEST_NAME)).to(lang);
                entries.push(Entry::Words(time.as_ref().map_or_else(|| why.clone(), |time| words::seen(&why, time).to(lang))));
            }
            _ => {}
        }
        if !self.present {
            // Where it would go without a further choice.
            let own = [self.destination.bucket.as_str(), self.destination.folder.as_str()];
            let own = own.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" / ");
            let action = Action::Use { destination: self.destination.id.clone(), bucket: None, folder: None };
            let text = if own.is_empty() { words::upload_here() } else { words::upload_to_place(middle_cut(&own, LONGEST_NAME)) };
            entries.push(Entry::Item(text.to(lang), action));
        }
        if !entries.is_empty() {
            entries.push(Entry::Separator);
        }
        // The present bucket is there also before, or without, a list: these credentials may not be allowed to list buckets.
        let own = if self.present { &self.place.bucket } else { &self.destination.bucket };
        let known = self.seen.map_or(&[][..], Seen::buckets);
        let own = Some(own.as_str()).filter(|bucket| !bucket.is_empty());
        let (names, added) = in_sight(known.iter().map(String::as_str), own, LONGEST_LIST);
        let hidden = known.len() + usize::from(added) - names.len();
        entries.extend(names.iter().map(|bucket| {
            let here = self.present && *bucket == self.place.bucket;
            Entry::Menu(marked(bucket, here), self.below(bucket, "", 0))
        }));
        self.more(&mut entries, hidden, false, "", "");
        while matches!(entries.last(), Some(Entry::Separator)) {
            entries.pop();
        }
        self.count(entries)
    }

    /// "Upload here", the folders below `folder` (no slash at either end; empty: the top), and its newest images.
    fn below(&self, bucket: &str, folder: &str, depth: usize) -> Vec<Entry> {
        let (lang, destination) = (self.lang, || self.destination.id.clone());
        let in_bucket = self.present && bucket == self.place.bucket;
        let action = Action::Use { destination: destination(), bucket: Some(bucket.to_owned()), folder: Some(folder.to_owned()) };
        let here = in_bucket && self.place.folder == folder;
        let mut entries = vec![Entry::Check(words::upload_here().to(lang), here, action)];
        if Window::Library.exists() {
            let action = Action::NewFolder { destination: destination(), bucket: bucket.to_owned(), folder: folder.to_owned() };
            entries.push(Entry::Item(words::new_folder().to(lang), action));
        }
        let prefix = prefix(folder);
        let known = self.seen.and_then(|seen| seen.folder(bucket, folder));
        let folders = known.map_or(&[][..], |known| &known.folders);
        let next = if in_bucket { next_towards(&self.place.folder, folder) } else { None };
        let room = if depth < DEEPEST && self.left.get() > 0 { LONGEST_LIST } else { usize::from(next.is_some()) };
        // A folder nobody has uploaded to yet does not exist in any list.
        let (names, added) = in_sight(folders.iter().filter_map(|folder| name(folder, &prefix)), next, room);
        let shown: Vec<Entry> = names
            .iter()
            .map(|name| {
                let path = format!("{prefix}{name}");
                let on_the_way = in_bucket && is_at_or_below(&self.place.folder, &path);
                Entry::Menu(marked(name, on_the_way), self.below(bucket, &path, depth + 1))
            })
            .collect();
        // What is not shown is counted, what has no name to be shown by too.
        let mut hidden = folders.len() + usize::from(added) - shown.len();
        if !shown.is_empty() {
            entries.push(Entry::Separator);
            entries.extend(shown);
        }
        if let Some(known) = known.filter(|known| !known.newest.is_empty()) {
            entries.push(Entry::Separator);
            entries.push(Entry::Words(words::newest().to(lang)));
            entries.extend(known.newest.iter().take(NEWEST).map(|object| {
                let name = object.key.strip_prefix(&prefix).unwrap_or(&object.key);
                let action =
                    Action::CopyObject { destination: destination(), bucket: bucket.to_owned(), key: object.key.clone() };
                Entry::Item(middle_cut(name, LONGEST_NAME), action)
            }));
            hidden += known.images.saturating_sub(NEWEST);
        }
        // What nobody has looked into yet must not pass for empty.
        self.more(&mut entries, hidden, known.is_none_or(|known| known.more), bucket, folder);
        self.count(entries)
    }

    /// The way to what is not shown.
    fn more(&self, entries: &mut Vec<Entry>, hidden: usize, uncounted: bool, bucket: &str, folder: &str) {
        if hidden == 0 && !uncounted {
            return;
        }
        let text = if uncounted { words::more_in_library() } else { words::count_in_library(hidden) }.to(self.lang);
        entries.push(Entry::Separator);
        entries.push(if Window::Library.exists() {
            let destination = self.destination.id.clone();
            Entry::Item(text, Action::Browse { destination, bucket: bucket.to_owned(), folder: folder.to_owned() })
        } else {
            Entry::Words(text)
        });
    }

    fn count(&self, entries: Vec<Entry>) -> Vec<Entry> {
        self.left.set(self.left.get().saturating_sub(entries.len()));
        entries
    }
}

/// Why a destination did not answer, in a few words; the library and "Test" in the settings have the whole sentence.
fn why(code: Code, name: &str) -> Text {
    match code {
        Code::Unreachable | Code::Timeout | Code::BucketPortTaken => words::unreachable(name),
        Code::WrongAccessKey | Code::WrongSecretKey => words::wrong_key(name),
        Code::SecretMissing => words::no_key(name),
        Code::Forbidden => words::refused(name),
        Code::SignInNeeded | Code::WrongPassword => words::sign_in(name),
        Code::KeychainLocked => words::keychain(name),
        Code::Tls => words::certificate(name),
        Code::ClockSkew => words::clock(name),
        Code::StoreBusy => words::busy(name),
        _ => words::trouble(name),
    }
}

/// The first `room` names of a list, with what is present among them: in its place where that is in sight, otherwise first. Also whether
/// the list does not have it at all. Lists are long and this is done for each: nothing behind what is shown is looked at without need.
fn in_sight<'a>(mut names: impl Iterator<Item = &'a str>, present: Option<&'a str>, room: usize) -> (Vec<&'a str>, bool) {
    let mut shown: Vec<&str> = names.by_ref().take(room).collect();
    let Some(present) = present.filter(|present| !shown.contains(present)) else { return (shown, false) };
    let added = !names.any(|name| name == present);
    shown.insert(0, present);
    shown.truncate(room);
    (shown, added)
}

/// `docs` is on the way to `docs/img`, and at itself.
fn is_at_or_below(place: &str, folder: &str) -> bool {
    place.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The name of the folder that comes after `from` on the way to `place`.
fn next_towards<'a>(place: &'a str, from: &str) -> Option<&'a str> {
    let rest = if from.is_empty() { place } else { place.strip_prefix(from)?.strip_prefix('/')? };
    rest.split('/').next().filter(|name| !name.is_empty())
}

fn marked(name: &str, present: bool) -> String {
    let name = middle_cut(name, LONGEST_NAME);
    if present { format!("{MARK}{name}") } else { name }
}

#[cfg(test)]
#[path = "upload_to_tests.rs"]
mod tests;
