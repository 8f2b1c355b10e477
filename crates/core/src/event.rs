//! The only way back from the engine: events as they happen, and one snapshot for whoever opens a window or a menu.
//!
//! Views carry finished sentences in the language of the settings, so that a window never puts words together. No image bytes.

mod image;
mod job;

use serde::{Deserialize, Serialize};

pub use image::ImageWork;
pub use job::{Job, JobKind, JobPhase};

use crate::capture::Source;
use crate::error::{Code, Waiting};
use crate::link::Format;
use crate::settings::ClipboardMode;

/// Something happened. Sent to every subscriber; one that lags takes a new [`Snapshot`].
#[derive(Debug, Clone, Serialize, ts_rs::TS)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[ts(export)]
#[expect(
    clippy::large_enum_variant,
    reason = "uploads are what most events are about: boxing them would only cost an allocation"
)]
pub enum Event {
    /// An upload is new or changed its state.
    Upload(Upload),
    /// Bytes moved; at most ten a second for each upload.
    Progress {
        /// Which upload.
        id: i64,
        /// Bytes the store's socket took.
        sent: u64,
        /// Bytes in all.
        total: u64,
    },
    /// An upload's row is gone (undone, or removed from the list).
    Gone {
        /// Which upload.
        id: i64,
    },
    /// State line, pause, place or counts changed: take a new snapshot.
    Status,
    /// Settings or destinations changed, here or in another process.
    Settings,
    /// What lies in a place changed; without a bucket, what menus know of the destination.
    Listing {
        /// Id of the destination.
        destination: String,
        /// Empty: no place in particular.
        bucket: String,
        /// Empty, or ending in `/`.
        prefix: String,
    },
    /// Something that takes long at a store began, went on or ended.
    Job(Box<Job>),
    /// The clipboard holds an image and the mode is "ask".
    Offer(Offer),
    /// The offered image is no longer on the clipboard, or was answered.
    OfferGone,
    /// Something that only a person can decide. Sent anew, with the same number, when its words change.
    Question(Question),
    /// The question was answered, or is no longer one.
    QuestionGone {
        /// Which question.
        id: u64,
    },
    /// Things were refused at the door; nothing was taken in.
    Refused {
        /// One for each.
        refusals: Vec<Refusal>,
    },
    /// A batch has settled: every upload of it is done, failed, waiting or cancelled.
    Settled(Settled),
    /// Something else a person has to be told (the bucket's port is taken, the keychain is missing…).
    Notice {
        /// For programs.
        code: Code,
        /// For people.
        message: String,
    },
}

/// The whole present, cheap to make: no disk, no network.
#[derive(Debug, Clone, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Snapshot {
    /// Which tray icon.
    pub state: State,
    /// "Uploading 3 of 7 · 42 %", "2 waiting for the network", "Ready · team / assets / docs".
    pub line: String,
    /// Where the next upload goes.
    pub place: Place,
    /// Uploads that are not over: queued, sending, waiting, failed; oldest first.
    pub open: Vec<Upload>,
    /// The last ten that are done, newest first.
    pub recent: Vec<Upload>,
    /// No upload starts while this is set.
    pub paused: bool,
    /// The clipboard watch.
    pub clipboard: ClipboardMode,
    /// What "ask" offers at present.
    pub offer: Option<Offer>,
    /// What waits for a person's answer, oldest first.
    pub questions: Vec<Question>,
    /// The format links are copied in.
    pub format: Format,
    /// Every format there is, one's own templates last.
    pub formats: Vec<Format>,
}

/// The tray icon's states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum State {
    /// Nothing to do.
    Idle,
    /// Bytes are moving.
    Working,
    /// Something waits for the network, a sign-in, the keychain or room.
    Waiting,
    /// A person paused it.
    Paused,
    /// Something failed and nobody has looked yet.
    Failed,
}

/// Destination, bucket and folder, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[ts(export)]
pub struct Place {
    /// Destination's id.
    pub destination: String,
    /// Destination's name.
    pub name: String,
    /// Bucket.
    pub bucket: String,
    /// Folder, may be empty.
    pub folder: String,
    /// Largest object taken, in bytes.
    pub max_bytes: Option<u64>,
    /// Links of this place open on this computer only.
    pub only_here: bool,
}

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Stage {
    /// Taken in; on disk and in the journal.
    Queued,
    /// Bytes travel, or are about to.
    Sending,
    /// Waits for something outside.
    Waiting,
    /// Confirmed by the store.
    Done,
    /// Over, kept, can be retried.
    Failed,
    /// Stopped by a person.
    Cancelled,
}

/// One upload, as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Upload {
    /// Journal row.
    pub id: i64,
    /// Uploads given together share this.
    pub batch: i64,
    /// Place in the batch, from 0.
    pub position: u32,
    /// The file's name as it came, or the object's name where it had none.
    pub name: String,
    /// Bytes to be sent.
    pub size: u64,
    /// Bytes sent so far.
    pub sent: u64,
    /// Media type.
    pub content_type: String,
    /// Pixels, where known.
    pub width: Option<u32>,
    /// Pixels, where known.
    pub height: Option<u32>,
    /// Which way it came.
    pub source: Source,
    /// Where it stands.
    pub stage: Stage,
    /// What it waits for, while it waits.
    pub waiting: Option<Waiting>,
    /// Why it waits or failed.
    pub code: Option<Code>,
    /// The same in a sentence; of one that is on its way, what is made of it before it can travel.
    pub message: Option<String>,
    /// Where it goes.
    pub place: Place,
    /// Object key.
    pub key: String,
    /// Taken, in milliseconds since 1970.
    pub taken_at: i64,
    /// Confirmed, in milliseconds since 1970.
    pub done_at: Option<i64>,
    /// The link existed already: the same bytes were there.
    pub reused: bool,
    /// When its last link ends, in milliseconds since 1970; `None` for a public one.
    pub expires_at: Option<i64>,
    /// Its link is public and was found to open for nobody: the store wants a signature there, or whatever the public address leads to.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub closed: bool,
    /// What was done to the image on its way; `None`: nothing, and there is nothing to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub made: Option<ImageWork>,
}

/// An image on the clipboard that "ask" offers to upload. Its bytes stay in bounded memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Offer {
    /// To answer this very offer.
    pub id: u64,
    /// Bytes.
    pub size: u64,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// How many files, where the clipboard holds files.
    pub files: u32,
}

/// Something that only a person can decide; what it is about waits until then. Its words are finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Question {
    /// To answer this very question.
    pub id: u64,
    /// What it is about.
    pub kind: QuestionKind,
    /// The question itself.
    pub title: String,
    /// What there is to know before answering.
    pub text: String,
    /// What the button says that agrees.
    pub yes: String,
    /// What the button says that does not.
    pub no: String,
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum QuestionKind {
    /// A picture's address leads to this computer or into a network around it.
    Address,
    /// New images were found in a watched folder for the first time.
    Folder,
    /// Very many files would go because a folder was given.
    Amount,
}

/// Something that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Refusal {
    /// File name, or what the source called it.
    pub name: String,
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
}

/// How a batch ended.
#[derive(Debug, Clone, PartialEq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Settled {
    /// Which batch.
    pub batch: i64,
    /// All its uploads, in order.
    pub uploads: Vec<Upload>,
    /// What was refused at the door.
    pub refused: Vec<Refusal>,
    /// The text with the links was put on the clipboard. `false`: it is offered ("Copy link"), the clipboard having moved on.
    pub copied: bool,
    /// It was meant for the clipboard, which holds something else by now. `false` too where nobody knows, after a restart.
    #[serde(skip)]
    #[ts(skip)]
    pub moved_on: bool,
    /// Those that are done and whose link could not be made just now: it is not in the text.
    #[serde(skip)]
    #[ts(skip)]
    pub without_link: Vec<i64>,
    /// The links in order, one a line, in the chosen format; empty where none is done. Never logged, never stored.
    #[serde(skip)]
    #[ts(skip)]
    pub text: String,
}
