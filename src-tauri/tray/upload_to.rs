//! "Upload to": every destination, its buckets, their folders, and the newest images of a folder. Pure, and short whatever lies there:
//! more than fits leads to the library, and a folder nobody has looked into is looked into when a person says so. Where somebody looked
//! last stands above all, so that one goes on from there.

use std::cell::Cell;

use imagepic_core::Code;
use imagepic_core::destination::Destination;
use imagepic_core::engine::Spot;
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
/// Lines of a place of which nothing more is shown than what can be done there.
const LEAST: usize = 6;
/// Places a person looked at last, above everything else, and the part of all lines that each of them may take.
const LOOKED: usize = 3;
const PART: usize = 8;
/// What marks the present place on its way down, where the system draws no check on a submenu.
const MARK: &str = "✓ ";

/// The submenu.
pub(super) fn upload_to(place: &Place, destinations: &[Destination], places: &Places, lang: Lang) -> Vec<Entry> {
    let spare = Cell::new(LINES);
    let branch = |destination| Branch::new(place, destination, places, lang);
    let mut entries: Vec<_> = looked(place, destinations, places)
        .map(|(destination, bucket, folder)| {
            let share = Cell::new(spare.get() / PART);
            spare.set(spare.get() - share.get());
            let name = [&destination.name, bucket, folder].map(String::as_str).join("/");
            let name = name.trim_end_matches('/').split('/').collect::<Vec<_>>().join(" / ");
            let below = branch(destination).below(bucket, folder.trim_end_matches('/'), 0, &share);
            spare.set(spare.get() + share.get());
            Entry::Menu(middle_cut(&name, LONGEST_NAME), below)
        })
        .collect();
    if !entries.is_empty() {
        entries.push(Entry::Separator);
    }
    let present = destinations.iter().position(|destination| destination.id == place.destination);
    entries.extend(spread(
        &spare,
        destinations,
        present,
        |_| true,
        |destination, spare| {
            let branch = branch(destination);
            Entry::Menu(marked(&destination.name, branch.present), branch.buckets(spare))
        },
    ));
    if !destinations.is_empty() {
        entries.push(Entry::Separator);
    }
    entries.push(Entry::Item(words::add_destination().to(lang), Action::Open(Window::Settings)));
    entries
}

/// The places a person looked at last, but for where uploads go, which has its mark: destination, bucket, prefix.
fn looked<'a>(
    place: &'a Place,
    destinations: &'a [Destination],
    places: &'a Places,
) -> impl Iterator<Item = (&'a Destination, &'a String, &'a String)> {
    let is_present = |spot: &&Spot| {
        (&spot.destination, &spot.bucket) == (&place.destination, &place.bucket) && spot.prefix == prefix(&place.folder)
    };
    let there = |spot: &'a Spot| {
        let destination = destinations.iter().find(|destination| destination.id == spot.destination)?;
        Some((destination, &spot.bucket, &spot.prefix))
    };
    places.looked().iter().filter(move |spot| !is_present(spot)).filter_map(there).take(LOOKED)
}

/// Makes one of each, in their order. What lines are left is shared out among those that have something to show: half to `first`, where
/// the next uploads go, and what one does not need is there for the next.
fn spread<'n, T>(
    spare: &Cell<usize>,
    all: &'n [T],
    first: Option<usize>,
    has: impl Fn(&T) -> bool,
    make: impl Fn(&'n T, &Cell<usize>) -> Entry,
) -> Vec<Entry> {
    let mut made: Vec<Option<Entry>> = all.iter().map(|_| None).collect();
    let rest = (0..all.len()).filter(|at| Some(*at) != first);
    let needs: Vec<bool> = all.iter().enumerate().map(|(at, one)| Some(at) == first || has(one)).collect();
    let mut left = needs.iter().filter(|needs| **needs).count();
    for at in first.into_iter().chain(rest) {
        let share = match needs[at] {
            true if Some(at) == first && left > 1 => spare.get() / 2,
            true => spare.get() / left,
            false => 0,
        };
        left -= usize::from(needs[at]);
        let share = Cell::new(share);
        spare.set(spare.get() - share.get());
        made[at] = Some(make(&all[at], &share));
        spare.set(spare.get() + share.get());
    }
    made.into_iter().flatten().collect()
}

/// Takes so many lines of what is left, or as many as there are.
fn take(spare: &Cell<usize>, lines: usize) {
    spare.set(spare.get().saturating_sub(lines));
}

/// One destination.
struct Branch<'a> {
    place: &'a Place,
    destination: &'a Destination,
    seen: Option<&'a Seen>,
    /// It is where uploads go.
    present: bool,
    lang: Lang,
}

impl<'a> Branch<'a> {
    fn new(place: &'a Place, destination: &'a Destination, places: &'a Places, lang: Lang) -> Self {
        Self { place, destination, seen: places.of(&destination.id), present: destination.id == place.destination, lang }
    }

    fn buckets(&self, spare: &Cell<usize>) -> Vec<Entry> {
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
        let room = LONGEST_LIST.min(spare.get() / LEAST).max(usize::from(own.is_some()));
        let (names, added) = in_sight(known.iter().map(String::as_str), own, room);
        let hidden = known.len() + usize::from(added) - names.len();
        take(spare, names.len() * LEAST);
        let here = |bucket: &&str| self.present && *bucket == self.place.bucket;
        entries.extend(spread(
            spare,
            &names,
            names.iter().position(here),
            |bucket| self.is_known(bucket, ""),
            |bucket, spare| Entry::Menu(marked(bucket, here(bucket)), self.below(bucket, "", 0, spare)),
        ));
        self.more(&mut entries, Vec::new(), (hidden, false), "", "");
        while matches!(entries.last(), Some(Entry::Separator)) {
            entries.pop();
        }
        entries
    }

    fn is_known(&self, bucket: &str, folder: &str) -> bool {
        self.seen.is_some_and(|seen| seen.folder(bucket, folder).is_some())
    }

    /// "Upload here", the folders below `folder` (no slash at either end; empty: the top), and its newest images. `spare`: how many lines there may be
    /// besides those that every place has.
    fn below(&self, bucket: &str, folder: &str, depth: usize, spare: &Cell<usize>) -> Vec<Entry> {
        let (lang, destination) = (self.lang, || self.destination.id.clone());
        let in_bucket = self.present && bucket == self.place.bucket;
        let action = Action::Use { destination: destination(), bucket: Some(bucket.to_owned()), folder: Some(folder.to_owned()) };
        let here = in_bucket && self.place.folder == folder;
        let mut entries = vec![Entry::Check(words::upload_here().to(lang), here, action)];
        let action = Action::NewFolder { destination: destination(), bucket: bucket.to_owned(), folder: folder.to_owned() };
        entries.push(Entry::Item(words::new_folder().to(lang), action));
        let prefix = prefix(folder);
        let known = self.seen.and_then(|seen| seen.folder(bucket, folder));
        let folders = known.map_or(&[][..], |known| &known.folders);
        let next = if in_bucket { next_towards(&self.place.folder, folder) } else { None };
        let newest = known.map_or(&[][..], |known| &known.newest);
        let newest = &newest[..newest.len().min(NEWEST).min(spare.get())];
        take(spare, newest.len() + 2);
        let room = if depth < DEEPEST { LONGEST_LIST.min(spare.get() / LEAST) } else { 0 }.max(usize::from(next.is_some()));
        // A folder nobody has uploaded to yet does not exist in any list.
        let (names, added) = in_sight(folders.iter().filter_map(|folder| name(folder, &prefix)), next, room);
        take(spare, names.len() * LEAST);
        let on_the_way = |name: &&str| in_bucket && is_at_or_below(&self.place.folder, &format!("{prefix}{name}"));
        let known_below = |name: &&str| self.is_known(bucket, &format!("{prefix}{name}"));
        let shown = spread(spare, &names, names.iter().position(on_the_way), known_below, |name, spare| {
            let below = self.below(bucket, &format!("{prefix}{name}"), depth + 1, spare);
            Entry::Menu(marked(name, on_the_way(name)), below)
        });
        // What is not shown is counted, what has no name to be shown by too.
        let mut hidden = folders.len() + usize::from(added) - shown.len();
        if !shown.is_empty() {
            entries.push(Entry::Separator);
            entries.extend(shown);
        }
        let cut = room < LONGEST_LIST && hidden > 0;
        if !newest.is_empty() {
            entries.push(Entry::Separator);
            entries.push(Entry::Words(words::newest().to(lang)));
            entries.extend(newest.iter().map(|object| {
                let name = object.key.strip_prefix(&prefix).unwrap_or(&object.key);
                let action =
                    Action::CopyObject { destination: destination(), bucket: bucket.to_owned(), key: object.key.clone() };
                Entry::Item(middle_cut(name, LONGEST_NAME), action)
            }));
        }
        hidden += known.map_or(0, |known| known.images.saturating_sub(newest.len()));
        // What nobody has looked into yet must not pass for empty.
        let look = if self.seen.is_some_and(|seen| seen.is_asked(bucket, folder)) {
            vec![Entry::Words(words::looking().to(lang))]
        } else if known.is_none() || cut {
            let action = Action::LookInto { destination: destination(), bucket: bucket.to_owned(), folder: folder.to_owned() };
            vec![Entry::Item(words::look_inside().to(lang), action)]
        } else {
            Vec::new()
        };
        self.more(&mut entries, look, (hidden, known.is_none_or(|known| known.more)), bucket, folder);
        entries
    }

    /// The ways to what is not shown: `look`, and the library, where something is `hidden`: how much, and whether that much is not all.
    fn more(&self, entries: &mut Vec<Entry>, look: Vec<Entry>, hidden: (usize, bool), bucket: &str, folder: &str) {
        let (hidden, uncounted) = hidden;
        if hidden == 0 && !uncounted && look.is_empty() {
            return;
        }
        entries.push(Entry::Separator);
        entries.extend(look);
        if hidden == 0 && !uncounted {
            return;
        }
        let text = if uncounted { words::more_in_library() } else { words::count_in_library(hidden) }.to(self.lang);
        let destination = self.destination.id.clone();
        entries.push(Entry::Item(text, Action::Browse { destination, bucket: bucket.to_owned(), folder: folder.to_owned() }));
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
