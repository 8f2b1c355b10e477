//! The tray's menu as data: a pure function of the present, so that it is tested without a tray and rebuilt only when it changed.
//!
//! What stays out: how a menu is drawn (`super::shown`) and where the lists of buckets and folders come from (`super::places`).

use imagepic_core::destination::Destination;
use imagepic_core::event::{Offer, Snapshot, Upload};
use imagepic_core::link::Format;
use imagepic_core::settings::ClipboardMode;
use imagepic_words::{Lang, Text, tray as words};

use super::places::Places;
use crate::figures::{middle_cut, size};
use crate::windows::Name as Window;

/// The longest name in a menu, in characters; longer ones lose their middle.
const LONGEST_NAME: usize = 44;
/// More buckets or folders than a person can overlook; the settings window has the rest.
const LONGEST_LIST: usize = 24;
/// How deep "Upload to" follows folders.
const DEEPEST: usize = 4;
/// What marks the present place on its way down, where the system draws no check on a submenu.
const MARK: &str = "✓ ";

/// One line of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A line between groups.
    Separator,
    /// Words that cannot be chosen.
    Words(String),
    /// Something to do.
    Item(String, Action),
    /// Something that is on or off, or one of several.
    Check(String, bool, Action),
    /// More below.
    Menu(String, Vec<Self>),
}

/// What choosing a line does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Answers the clipboard watch.
    Offer {
        /// Which offer.
        id: u64,
        /// Yes or no.
        upload: bool,
    },
    /// Uploads what the clipboard holds.
    UploadClipboard,
    /// Opens the file picker.
    UploadFiles,
    /// Copies the link of an upload.
    CopyLink(i64),
    /// Makes this the place of the next uploads.
    Use {
        /// Destination's id.
        destination: String,
        /// `None`: the one it has.
        bucket: Option<String>,
        /// `None`: the one it has.
        folder: Option<String>,
    },
    /// Chooses the format of links.
    Format(Format),
    /// Switches the clipboard watch.
    Watch(ClipboardMode),
    /// Starts or stops uploading.
    Pause(bool),
    /// Opens a window.
    Open(Window),
    /// Ends imagepic.
    Quit,
}

/// The menu of this moment, below its state line: that one changes far more often, and is changed in place.
pub(super) fn menu(now: &Snapshot, destinations: &[Destination], places: &Places, lang: Lang) -> Vec<Entry> {
    let item = |text: Text, action| Entry::Item(text.to(lang), action);
    vec![
        item(words::upload_clipboard(), Action::UploadClipboard),
        item(words::upload_files(), Action::UploadFiles),
        Entry::Separator,
        Entry::Menu(words::recent().to(lang), recent(&now.recent, lang)),
        Entry::Menu(words::upload_to().to(lang), upload_to(now, destinations, places, lang)),
        Entry::Menu(words::link_as().to(lang), formats(now.format, lang)),
        Entry::Separator,
        Entry::Menu(words::watch_clipboard().to(lang), watch(now.clipboard, lang)),
        Entry::Check(words::pause().to(lang), now.paused, Action::Pause(!now.paused)),
        Entry::Separator,
        item(words::drop_zone(), Action::Open(Window::DropZone)),
        item(words::settings(), Action::Open(Window::Settings)),
        Entry::Separator,
        item(words::quit(), Action::Quit),
    ]
}

/// What stands above everything while the clipboard watch asks and nobody has answered: the one place to answer where notifications
/// have no buttons.
pub(super) fn offer(offer: Option<&Offer>, lang: Lang) -> Vec<Entry> {
    let Some(offer) = offer else { return Vec::new() };
    let label = match (offer.files, offer.width, offer.height) {
        (0, Some(width), Some(height)) => words::offer_image(width, height),
        (0, ..) => words::offer_bytes(size(offer.size)),
        (files, ..) => words::offer_files(files),
    };
    vec![
        Entry::Item(label.to(lang), Action::Offer { id: offer.id, upload: true }),
        Entry::Item(words::offer_no().to(lang), Action::Offer { id: offer.id, upload: false }),
        Entry::Separator,
    ]
}

fn recent(uploads: &[Upload], lang: Lang) -> Vec<Entry> {
    if uploads.is_empty() {
        return vec![Entry::Words(words::recent_none().to(lang))];
    }
    let item = |upload: &Upload| Entry::Item(middle_cut(&upload.name, LONGEST_NAME), Action::CopyLink(upload.id));
    uploads.iter().map(item).collect()
}

fn formats(chosen: Format, lang: Lang) -> Vec<Entry> {
    [Format::Url, Format::Markdown, Format::Html, Format::Bbcode, Format::Css, Format::Jsx]
        .into_iter()
        .map(|format| Entry::Check(format_name(format).to(lang), format == chosen, Action::Format(format)))
        .collect()
}

/// What people call a format.
pub(crate) fn format_name(format: Format) -> Text {
    match format {
        Format::Url => words::format_url(),
        Format::Markdown => words::format_markdown(),
        Format::Html => words::format_html(),
        Format::Bbcode => words::format_bbcode(),
        Format::Css => words::format_css(),
        Format::Jsx => words::format_jsx(),
    }
}

fn watch(chosen: ClipboardMode, lang: Lang) -> Vec<Entry> {
    [
        (ClipboardMode::Off, words::watch_off()),
        (ClipboardMode::Ask, words::watch_ask()),
        (ClipboardMode::Automatic, words::watch_automatic()),
    ]
    .into_iter()
    .map(|(mode, text)| Entry::Check(text.to(lang), mode == chosen, Action::Watch(mode)))
    .collect()
}

fn upload_to(now: &Snapshot, destinations: &[Destination], places: &Places, lang: Lang) -> Vec<Entry> {
    let mut entries: Vec<_> = destinations
        .iter()
        .map(|destination| {
            let present = destination.id == now.place.destination;
            let below = if present { buckets(now, places, lang) } else { own_place(destination, lang) };
            Entry::Menu(marked(&destination.name, present), below)
        })
        .collect();
    if !entries.is_empty() {
        entries.push(Entry::Separator);
    }
    entries.push(Entry::Item(words::add_destination().to(lang), Action::Open(Window::Settings)));
    entries
}

/// A destination that is not in use shows the place it would go to; its buckets are asked for once it is in use.
fn own_place(destination: &Destination, lang: Lang) -> Vec<Entry> {
    let place = if destination.folder.is_empty() {
        destination.bucket.clone()
    } else {
        format!("{} / {}", destination.bucket, destination.folder)
    };
    let action = Action::Use { destination: destination.id.clone(), bucket: None, folder: None };
    let here = Entry::Check(words::upload_here().to(lang), false, action);
    if place.is_empty() { vec![here] } else { vec![here, Entry::Separator, Entry::Words(middle_cut(&place, LONGEST_NAME))] }
}

fn buckets(now: &Snapshot, places: &Places, lang: Lang) -> Vec<Entry> {
    let place = &now.place;
    let known = places.buckets(&place.destination);
    // The present bucket is there also before, or without, a list: these credentials may not be allowed to list buckets.
    let names = with_present(known, Some(place.bucket.as_str()).filter(|bucket| !bucket.is_empty()));
    capped(&names, lang, |bucket| {
        let present = *bucket == place.bucket;
        let branch = Branch { now, places, lang, bucket, present };
        Entry::Menu(marked(bucket, present), branch.below("", 0))
    })
}

struct Branch<'a> {
    now: &'a Snapshot,
    places: &'a Places,
    lang: Lang,
    bucket: &'a str,
    /// This is the present bucket.
    present: bool,
}

impl Branch<'_> {
    /// "Upload here" and the folders below `folder` (no slash at either end; empty: the top).
    fn below(&self, folder: &str, depth: usize) -> Vec<Entry> {
        let here = self.present && self.now.place.folder == folder;
        let action = Action::Use {
            destination: self.now.place.destination.clone(),
            bucket: Some(self.bucket.to_owned()),
            folder: Some(folder.to_owned()),
        };
        let mut entries = vec![Entry::Check(words::upload_here().to(self.lang), here, action)];
        let folders = self.folders(folder);
        if folders.is_empty() || depth >= DEEPEST {
            return entries;
        }
        entries.push(Entry::Separator);
        entries.extend(capped(&folders, self.lang, |name| {
            let path = if folder.is_empty() { (*name).to_owned() } else { format!("{folder}/{name}") };
            let present = self.present && is_at_or_below(&self.now.place.folder, &path);
            Entry::Menu(marked(name, present), self.below(&path, depth + 1))
        }));
        entries
    }

    /// The names directly below `folder`, the way to the present folder among them even where no list is known: a folder nobody has
    /// uploaded to yet does not exist in any list.
    fn folders(&self, folder: &str) -> Vec<String> {
        let names = self.places.folders(&self.now.place.destination, self.bucket, folder);
        let next = if self.present { next_towards(&self.now.place.folder, folder) } else { None };
        with_present(names, next)
    }
}

/// The list, with what is present in it: in its place where that is in sight, otherwise first.
fn with_present(names: &[String], present: Option<&str>) -> Vec<String> {
    let mut all = names.to_vec();
    if let Some(present) = present
        && !all.iter().take(LONGEST_LIST).any(|name| name == present)
    {
        all.retain(|name| name != present);
        all.insert(0, present.to_owned());
    }
    all
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

fn capped<T>(all: &[T], lang: Lang, entry: impl Fn(&T) -> Entry) -> Vec<Entry> {
    let mut entries: Vec<_> = all.iter().take(LONGEST_LIST).map(entry).collect();
    if all.len() > LONGEST_LIST {
        entries.push(Entry::Words(words::more(all.len() - LONGEST_LIST).to(lang)));
    }
    entries
}

#[cfg(test)]
#[path = "menu_tests.rs"]
mod tests;
