//! The journal's rows, as the rest of the engine sees them.

use serde::{Deserialize, Serialize};

use crate::capture::Source;
use crate::error::{Fault, Waiting};
use crate::link::Format;
pub use crate::prepare::{Made, Was};

/// Where a row stands. Whether bytes travel at this moment is known in memory only: after a crash it does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowState {
    /// Taken; its owner sends it.
    Queued,
    /// Waits for something outside.
    Waiting,
    /// Confirmed by the store.
    Done,
    /// Over, kept, can be retried.
    Failed,
    /// Stopped by a person.
    Cancelled,
    /// Undone or removed from the list; kept so that other processes hear of it.
    Gone,
}

/// What happens to the clipboard once the link is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deliver {
    /// Nothing.
    #[default]
    No,
    /// The link takes the place of what was captured, if that is still there (clipboard watch).
    IfUnchanged,
    /// Within a minute in any case, later only if the clipboard has not changed since (drop, picker, shortcut).
    ByHand,
    /// In any case (`--copy`).
    Always,
}

/// A file that was too large to copy: where it is, and how to know that it is still the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Absolute path.
    #[serde(with = "super::path")]
    pub path: std::path::PathBuf,
    /// Device number (0 where the system has none).
    pub device: u64,
    /// Inode number (0 where the system has none).
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Last change, nanoseconds since 1970.
    pub modified: u64,
}

/// One upload as the journal keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Given by the journal.
    pub id: i64,
    /// The id of the first row that was given together with this one.
    pub batch: i64,
    /// Place in the batch, from 0.
    pub position: u32,
    /// Where it stands.
    pub state: RowState,
    /// Which way it came.
    pub source: Source,
    /// File name as it came; empty where it had none.
    pub name: String,
    /// File in `spool/` with the bytes to be sent.
    pub spool: Option<String>,
    /// Or the file itself.
    pub reference: Option<Reference>,
    /// Bytes to be sent.
    pub size: u64,
    /// Media type, by the bytes.
    pub content_type: String,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// SHA-256 of what was given.
    pub original: [u8; 32],
    /// SHA-256 of what is sent.
    pub prepared: [u8; 32],
    /// Destination's id.
    pub destination: String,
    /// Bucket.
    pub bucket: String,
    /// Folder, may be empty.
    pub folder: String,
    /// Full object key.
    pub key: String,
    /// What the store answered, without quotes.
    pub etag: Option<String>,
    /// Why it waits or failed.
    pub fault: Option<Fault>,
    /// What it waits for.
    pub waiting: Option<Waiting>,
    /// Tries that a busy store refused.
    pub tries: u32,
    /// Milliseconds since 1970; not before.
    pub next_try_at: Option<i64>,
    /// The process that sends it: a name in `run/`.
    pub owner: Option<String>,
    /// Milliseconds since 1970.
    pub taken_at: i64,
    /// Milliseconds since 1970.
    pub done_at: Option<i64>,
    /// What happens to the clipboard.
    pub deliver: Deliver,
    /// The format that was asked for, instead of the settings'.
    pub format: Option<Format>,
    /// The object was there already.
    pub reused: bool,
    /// This home put the object there.
    pub created: bool,
    /// When the last link ends, milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// What was done to the image before it was sent.
    pub made: Option<Made>,
    /// How many of its pixels lie side by side in one of a page's, by its own bytes; 1 where they say nothing.
    pub density: u8,
    /// Number of the row's last change.
    pub changed: i64,
}

/// What the queue writes back; everything else of a row never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where it stands.
    pub state: RowState,
    /// Another key: a name was taken and the next is tried, or the bytes lie under another already.
    pub key: Option<String>,
    /// What the store answered.
    pub etag: Option<String>,
    /// Why it waits or failed.
    pub fault: Option<Fault>,
    /// What it waits for.
    pub waiting: Option<Waiting>,
    /// Tries so far.
    pub tries: u32,
    /// Not before.
    pub next_try_at: Option<i64>,
    /// Confirmed at.
    pub done_at: Option<i64>,
    /// The object was there already.
    pub reused: bool,
    /// This home put the object there.
    pub created: bool,
    /// When the last link ends.
    pub expires_at: Option<i64>,
    /// The file in `spool/` is no longer wanted.
    pub forgets_spool: bool,
}

impl Change {
    /// Nothing changed yet.
    #[must_use]
    pub fn of(row: &Row) -> Self {
        Self {
            state: row.state,
            key: None,
            etag: row.etag.clone(),
            fault: row.fault.clone(),
            waiting: row.waiting,
            tries: row.tries,
            next_try_at: row.next_try_at,
            done_at: row.done_at,
            reused: row.reused,
            created: row.created,
            expires_at: row.expires_at,
            forgets_spool: false,
        }
    }
}

impl Row {
    /// Whether a person is to be asked for its name before it goes anywhere.
    pub(crate) fn wants_name(&self) -> bool {
        self.waiting == Some(Waiting::Name)
    }

    /// Takes over what a change says.
    pub(super) fn apply(&mut self, change: Change) {
        self.state = change.state;
        if let Some(key) = change.key {
            self.key = key;
        }
        self.etag = change.etag;
        self.fault = change.fault;
        self.waiting = change.waiting;
        self.tries = change.tries;
        self.next_try_at = change.next_try_at;
        self.done_at = change.done_at;
        self.reused = change.reused;
        self.created = change.created;
        self.expires_at = change.expires_at;
    }
}

/// Another row with the same bytes for the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// Its number.
    pub id: i64,
    /// Where it stands: done, or on its way in another process.
    pub state: RowState,
    /// Who sends it.
    pub owner: Option<String>,
    /// Its object.
    pub key: String,
    /// What the store answered for it.
    pub etag: Option<String>,
}

/// Which rows the history shows.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Rows at most.
    pub limit: u32,
    /// Only rows with a smaller id.
    pub before: Option<i64>,
    /// Part of name, key or bucket, without regard to ASCII case.
    pub text: Option<String>,
    /// Only these states; empty: all but `Gone`.
    pub states: Vec<RowState>,
}
