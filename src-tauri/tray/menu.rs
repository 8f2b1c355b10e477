//! The tray's menu as data: a pure function of the present, so that it is tested without a tray and rebuilt only when it changed.
//!
//! What stays out: how a menu is drawn (`super::system`) and where the lists of buckets and folders come from (`super::places`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use imagepic_core::destination::Destination;
use imagepic_core::engine::moment;
use imagepic_core::error::Waiting;
use imagepic_core::event::{Offer, Question, Snapshot, Upload};
use imagepic_core::link::Format;
use imagepic_core::settings::ClipboardMode;
use imagepic_words::{Lang, Text, asked, tray as words};

use super::places::Places;
use super::upload_to::{LONGEST_NAME, upload_to};
use crate::figures::{middle_cut, size};
use crate::windows::Name as Window;

/// The longest sentence in a menu, in characters, and how many questions it asks at once.
const LONGEST_TEXT: usize = 90;
const MOST_QUESTIONS: usize = 6;
const HOUR: Duration = Duration::from_secs(3600);

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
    /// Answers what only a person can decide.
    Answer {
        /// Which question.
        id: u64,
        /// Yes or no.
        yes: bool,
    },
    /// Uploads what the clipboard holds.
    UploadClipboard,
    /// Opens the file picker.
    UploadFiles,
    /// Copies the link of an upload.
    CopyLink(i64),
    /// Copies the link of an object.
    CopyObject {
        /// Destination's id.
        destination: String,
        /// In which bucket.
        bucket: String,
        /// Full key.
        key: String,
    },
    /// Begins a new folder, in the library.
    NewFolder {
        /// Destination's id.
        destination: String,
        /// In which bucket.
        bucket: String,
        /// In which folder.
        folder: String,
    },
    /// Looks into a folder that nobody has looked into, for the next time the menu is opened.
    LookInto {
        /// Destination's id.
        destination: String,
        /// In which bucket.
        bucket: String,
        /// Which folder; empty: the bucket's top.
        folder: String,
    },
    /// Opens the library at a place.
    Browse {
        /// Destination's id.
        destination: String,
        /// Empty: its buckets.
        bucket: String,
        /// In which folder.
        folder: String,
    },
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
    /// Leads to all uploads in the library, wherever it stands.
    AllUploads,
    /// Opens the settings where templates of one's own are made.
    EditTemplates,
    /// Ends imagepic.
    Quit,
}

/// What a menu tells besides uploads and places.
#[derive(Debug, Clone)]
pub(super) struct Outside {
    pub(super) lang: Lang,
    /// What time it is: another day is said with its date.
    pub(super) at: SystemTime,
    /// Keys that upload the clipboard from anywhere; empty where there are none.
    pub(super) keys: String,
}

/// The menu of this moment, below its state line: that one changes far more often, and is changed in place.
pub(super) fn menu(now: &Snapshot, destinations: &[Destination], places: &Places, outside: &Outside) -> Vec<Entry> {
    let lang = outside.lang;
    let item = |text: Text, action| Entry::Item(text.to(lang), action);
    vec![
        Entry::Item(with_keys(words::upload_clipboard().to(lang), &outside.keys), Action::UploadClipboard),
        item(words::upload_files(), Action::UploadFiles),
        Entry::Separator,
        Entry::Menu(words::recent().to(lang), recent(&now.recent, outside)),
        Entry::Menu(words::upload_to().to(lang), upload_to(&now.place, destinations, places, lang)),
        Entry::Menu(words::link_as().to(lang), formats(now, lang)),
        Entry::Separator,
        Entry::Menu(words::watch_clipboard().to(lang), watch(now.clipboard, lang)),
        Entry::Check(words::pause().to(lang), now.paused, Action::Pause(!now.paused)),
        Entry::Separator,
        item(words::drop_zone(), Action::Open(Window::DropZone)),
        item(words::library(), Action::Open(Window::Library)),
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

/// What waits for a person's decision stands above everything too, each question with its two answers below it.
pub(super) fn questions(questions: &[Question]) -> Vec<Entry> {
    let entry = |question: &Question| {
        let answers = vec![
            Entry::Words(middle_cut(&question.text, LONGEST_TEXT)),
            Entry::Separator,
            Entry::Item(question.yes.clone(), Action::Answer { id: question.id, yes: true }),
            Entry::Item(question.no.clone(), Action::Answer { id: question.id, yes: false }),
        ];
        Entry::Menu(middle_cut(&question.title, LONGEST_TEXT), answers)
    };
    let mut entries: Vec<_> = questions.iter().take(MOST_QUESTIONS).map(entry).collect();
    if !entries.is_empty() {
        entries.push(Entry::Separator);
    }
    entries
}

/// What waits for its name leads to the window that asks.
pub(super) fn names(open: &[Upload], lang: Lang) -> Vec<Entry> {
    match open.iter().filter(|upload| upload.waiting == Some(Waiting::Name)).count() {
        0 => Vec::new(),
        count => vec![Entry::Item(asked::menu(count).to(lang), Action::Open(Window::DropZone)), Entry::Separator],
    }
}

/// The system draws no keys of ours at the end of a line.
fn with_keys(label: String, keys: &str) -> String {
    if keys.is_empty() { label } else { format!("{label} ({keys})") }
}

/// When it was uploaded or, where its link ends within a day, when that is.
fn when(upload: &Upload, outside: &Outside) -> String {
    let at = |millis: i64| UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    let lang = outside.lang;
    match upload.expires_at.map(|ends| at(ends).duration_since(outside.at)) {
        Some(Err(_)) => words::link_ended().to(lang),
        Some(Ok(left)) if left < HOUR => words::link_ends_soon().to(lang),
        Some(Ok(left)) if left < HOUR * 24 => words::link_ends_in(left.as_secs() / HOUR.as_secs()).to(lang),
        _ => moment(at(upload.done_at.unwrap_or(upload.taken_at)), outside.at),
    }
}

fn recent(uploads: &[Upload], outside: &Outside) -> Vec<Entry> {
    let lang = outside.lang;
    if uploads.is_empty() {
        return vec![Entry::Words(words::recent_none().to(lang))];
    }
    let item = |upload: &Upload| {
        let label = format!("{} · {}", middle_cut(&upload.name, LONGEST_NAME), when(upload, outside));
        Entry::Item(label, Action::CopyLink(upload.id))
    };
    let mut entries: Vec<_> = uploads.iter().map(item).collect();
    entries.push(Entry::Separator);
    entries.push(Entry::Item(words::recent_all().to(lang), Action::AllUploads));
    entries
}

fn formats(now: &Snapshot, lang: Lang) -> Vec<Entry> {
    let entry = |format: &Format| Entry::Check(format_name(*format).to(lang), *format == now.format, Action::Format(*format));
    let own = now.formats.iter().position(|format| matches!(format, Format::Own(_)));
    let mut entries: Vec<_> = now.formats.iter().map(entry).collect();
    if let Some(own) = own {
        entries.insert(own, Entry::Separator);
    }
    entries.extend([Entry::Separator, Entry::Item(words::edit_templates().to(lang), Action::EditTemplates)]);
    entries
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
        Format::Own(name) => imagepic_words::links::own(name),
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

#[cfg(test)]
#[path = "menu_tests.rs"]
mod tests;
