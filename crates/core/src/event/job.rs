//! What takes long at a store, as windows see it.

use serde::Serialize;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum JobKind {
    /// Removes.
    Remove,
    /// Gives other names: moves and renames.
    Move,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum JobPhase {
    /// Nothing has happened yet; stopping it undoes it.
    Waiting,
    /// Under way.
    Running,
    /// Over.
    Done,
    /// Stopped by a person: before it began, or in the middle.
    Stopped,
    /// Over, with something left.
    Failed,
}

/// A job as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Job {
    /// To stop it.
    #[ts(type = "number")]
    pub id: u64,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub phase: JobPhase,
    /// Id of the destination.
    pub destination: String,
    /// In which bucket.
    pub bucket: String,
    /// The place its things lie in.
    pub prefix: String,
    /// The name of the first, and whether that is a folder.
    pub first: String,
    /// Whether the first is a folder.
    pub folder: bool,
    /// Things that were chosen.
    pub chosen: u32,
    /// Where a move goes: a full key or prefix for one thing, otherwise the folder.
    pub to: Option<String>,
    /// Objects that were found so far.
    pub found: u64,
    /// Their bytes, where counted.
    pub bytes: u64,
    /// Those are all.
    pub whole: bool,
    /// Objects that are done.
    pub done: u64,
    /// Objects that were left as they are.
    pub failed: u64,
    /// Until when it can be undone, in milliseconds since 1970.
    pub until: Option<i64>,
    /// What went wrong.
    pub message: Option<String>,
}
