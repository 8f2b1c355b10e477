//! One SQLite table that is both the journal of what is under way and the history of what was done.
//!
//! It exists so that "taken" can be said truthfully: a row is on disk before anybody hears of it. One thread writes, and puts
//! whatever waits for it into one commit (so twenty workers share one fsync); another reads, so that history never waits for a
//! disk flush. What a store has confirmed is committed without a flush of its own ([`Last::Soon`]). What stays out: deciding what a row becomes next (the queue does) and the image bytes (the spool has them).

mod changes;
mod library;
mod path;
mod queries;
mod rows;
mod schema;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use imagepic_words::errors;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

pub use library::{Brief, Chore, ChoreKind, LinkBelow, Moved};
pub use rows::{Change, Deliver, Made, Reference, Row, RowState, Search, Twin, Was};
pub use schema::VERSION;

use crate::error::{Code, Error, Result};

/// Jobs that share one commit at most, so that the first of them is not kept waiting.
const JOBS_IN_A_COMMIT: usize = 64;
/// So long a commit of [`Last::Soon`] waits at most for the flush of another one.
const SOON: Duration = Duration::from_millis(50);
/// So long a change of [`Last::Together`] waits at most for a commit it can share. Whatever is to be answered sooner takes it along.
const TOGETHER: Duration = Duration::from_millis(5);
/// Commits after which the write-ahead log is folded into the file: when nothing is asked for, and in any case. Folding flushes both
/// files, and nobody who waits for an upload should wait for that.
const FOLD_IDLE: u32 = 20;
const FOLD_ANYWAY: u32 = 200;
/// Up to this size, in bytes, the log is left as it is at the end; the next process reads it again, which takes a millisecond for so much.
const LOG_AT_REST: u64 = 1 << 20;

type Answer = Box<dyn FnOnce(std::result::Result<(), Error>) + Send>;
/// Changes of this process (row and number), noted before they are committed, so that none is heard as somebody else's.
#[derive(Clone, Default)]
struct Own(Arc<Mutex<HashSet<(i64, i64)>>>);

impl Own {
    fn note(&self, row: &Row) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((row.id, row.changed));
    }
}

type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;

/// From when on a change outlives a power cut. A process that is killed loses no change that was answered, either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// When it is answered: everything that is promised, and everything that must be known before a byte travels.
    Now,
    /// A moment later; changes of one statement only. For what can be found out again: that the store has confirmed an upload. Its bucket, key and hash have lasted
    /// since before its first byte travelled, so after a power cut the object is found under its key, and nothing is sent twice.
    Soon,
    /// As `Soon`, and it may wait a moment for others to share its commit.
    Together,
}

impl Last {
    fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::Now, _) | (_, Self::Now) => Self::Now,
            (Self::Soon, _) | (_, Self::Soon) => Self::Soon,
            (Self::Together, Self::Together) => Self::Together,
        }
    }

    /// The level of flushing at commits: of FULL one is on disk when it returns, in WAL mode; of NORMAL with the next flush.
    fn level(self) -> &'static str {
        match self {
            Self::Now => "PRAGMA synchronous = FULL",
            Self::Soon | Self::Together => "PRAGMA synchronous = NORMAL",
        }
    }
}

enum Message {
    Run(Job, Last),
    /// To be done once everything that was committed before lasts.
    After(Box<dyn FnOnce() + Send>),
    /// Nothing more is expected, though it may come.
    Rest,
    /// The last one; answered once the database is closed.
    Close(oneshot::Sender<()>),
}

/// A handle to the journal of one home; cheap to clone. The threads end when the last handle is gone.
#[derive(Clone)]
pub struct Journal {
    writer: mpsc::Sender<Message>,
    reader: mpsc::Sender<Message>,
    seen: Arc<AtomicI64>,
    own: Own,
    /// Made at random with the table, and part of every [`Journal::object_id`].
    identity: Arc<str>,
}

impl Journal {
    /// Opens or makes the journal. `changed` is the file that is touched after each commit, with `owner` in it.
    ///
    /// # Errors
    /// `HomeNewer` when a newer imagepic wrote it; `DiskFull`, `HomeUnwritable`.
    pub fn open(file: &Path, changed: PathBuf, owner: String) -> Result<Self> {
        let connection = Connection::open(file).map_err(|error| fault(&error, file))?;
        schema::prepare(&connection, file)?;
        let reading = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| fault(&error, file))?;
        reading.busy_timeout(Duration::from_secs(10)).map_err(|error| fault(&error, file))?;
        for connection in [&connection, &reading] {
            // See `Writer::rest`.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(|error| fault(&error, file))?;
        }
        let seen: i64 = reading
            .query_row("SELECT coalesce(max(changed), 0) FROM uploads", [], |row| row.get(0))
            .map_err(|error| fault(&error, file))?;

        let identity: String =
            reading.query_row("SELECT id FROM identity", [], |row| row.get(0)).map_err(|error| fault(&error, file))?;

        let (writer, jobs) = mpsc::channel();
        let path = file.to_owned();
        thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || write_loop(connection, &jobs, &path, &changed, &owner))
            .map_err(|error| Error::new(Code::Internal, errors::internal(&error)))?;
        let (reader, jobs) = mpsc::channel();
        thread::Builder::new()
            .name("journal-reader".to_owned())
            .spawn(move || read_loop(reading, &jobs))
            .map_err(|error| Error::new(Code::Internal, errors::internal(&error)))?;
        Ok(Self { writer, reader, seen: Arc::new(AtomicI64::new(seen)), own: Own::default(), identity: identity.into() })
    }

    /// Closes the database after everything that was asked before; later calls fail. Returns once its files are at rest.
    pub async fn close(&self) {
        for thread in [&self.reader, &self.writer] {
            let (answer, answered) = oneshot::channel();
            if thread.send(Message::Close(answer)).is_ok() {
                let _ = answered.await;
            }
        }
    }

    /// What marks the object that a row puts as this row's and nobody else's: the same at every try, and not to be guessed.
    #[must_use]
    pub fn object_id(&self, row: &Row) -> String {
        let mut digest = Sha256::new();
        digest.update(self.identity.as_bytes());
        // The number alone would come again where an old copy of the home is put back.
        for number in [row.id, row.taken_at] {
            digest.update(number.to_le_bytes());
        }
        digest.update(row.prepared);
        hex::encode(&digest.finalize()[..16])
    }

    /// The highest change number this process has looked at; rows above it were written by somebody else.
    #[must_use]
    pub fn seen(&self) -> i64 {
        self.seen.load(Ordering::Acquire)
    }

    /// Notes that everything up to `changed` has been looked at.
    pub fn saw(&self, changed: i64) {
        self.seen.fetch_max(changed, Ordering::AcqRel);
    }

    async fn write<T, F>(&self, run: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        send(&self.writer, run, Last::Now).await
    }

    /// As [`write`](Self::write), for what need not last at once.
    async fn write_soon<T, F>(&self, run: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        send(&self.writer, run, Last::Soon).await
    }

    async fn write_as<T, F>(&self, last: Last, run: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        send(&self.writer, run, last).await
    }

    /// Calls `then` on the writer's thread once everything that was answered before outlives a power cut; not at all where that
    /// cannot be had, or the process ends first.
    pub fn once_it_lasts(&self, then: impl FnOnce() + Send + 'static) {
        // A journal that is closed lasts, but what was to follow may belong to somebody else by now.
        let _ = self.writer.send(Message::After(Box::new(then)));
    }

    /// Does now, beside whatever else there is to do, what [`close`](Self::close) would be waited for: for a process that is about to end.
    pub(crate) fn rest(&self) {
        let _ = self.writer.send(Message::Rest);
    }

    async fn read<T, F>(&self, run: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        send(&self.reader, run, Last::Now).await
    }
}

async fn send<T, F>(to: &mpsc::Sender<Message>, run: F, last: Last) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let job: Job = Box::new(move |connection| {
        // A single statement takes itself back.
        let outcome = if last == Last::Now { in_savepoint(connection, run) } else { run(connection) };
        Box::new(move |committed| {
            let outcome = match committed {
                Ok(()) => outcome.map_err(|error| fault(&error, Path::new("journal.sqlite"))),
                Err(error) => Err(error),
            };
            // The asker may have gone; what was committed stays committed.
            let _ = answer.send(outcome);
        })
    });
    let gone = || Error::new(Code::Internal, errors::internal("the journal is closed"));
    to.send(Message::Run(job, last)).map_err(|_| gone())?;
    answered.await.map_err(|_| gone())?
}

/// One job's failure must not take the others of its commit with it.
fn in_savepoint<T>(connection: &Connection, run: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    if connection.is_autocommit() {
        return run(connection);
    }
    connection.prepare_cached("SAVEPOINT job")?.execute([])?;
    let outcome = run(connection);
    if outcome.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK TO job");
    }
    if !connection.is_autocommit() {
        connection.prepare_cached("RELEASE job")?.execute([])?;
    }
    outcome
}

/// The writing side: what was committed, and what of it lasts.
struct Writer<'a> {
    connection: Connection,
    file: &'a Path,
    changed: &'a Path,
    owner: &'a str,
    /// How far the connection flushes its commits at present.
    flushes: Last,
    /// Since when something committed does not last yet.
    owing: Option<Instant>,
    /// What follows once it does.
    after: Vec<Box<dyn FnOnce() + Send>>,
    /// Commits since the log was last folded.
    commits: u32,
}

fn write_loop(connection: Connection, jobs: &mpsc::Receiver<Message>, file: &Path, changed: &Path, owner: &str) {
    let (flushes, owing, after) = (Last::Now, None, Vec::new());
    let mut writer = Writer { connection, file, changed, owner, flushes, owing, after, commits: 0 };
    let mut closing = None;
    while closing.is_none() {
        let mut next = match writer.due() {
            Some(due) => match jobs.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Err(RecvTimeoutError::Timeout) => {
                    writer.make_last();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Ok(message) => Some(message),
            },
            None => match jobs.recv() {
                Ok(message) => Some(message),
                Err(_) => break,
            },
        };
        // What waits already shares a commit; what comes while it is made has the next.
        let mut batch = Vec::new();
        let (mut last, mut rests) = (Last::Together, false);
        let since = Instant::now();
        while let Some(message) = next {
            match message {
                Message::Run(job, wanted) => {
                    batch.push(job);
                    last = last.sooner(wanted);
                }
                Message::After(then) => writer.after.push(then),
                Message::Rest => rests = true,
                Message::Close(answer) => {
                    closing = Some(answer);
                    break;
                }
            }
            let patient = last == Last::Together && !batch.is_empty();
            next = if batch.len() >= JOBS_IN_A_COMMIT {
                None
            } else if patient {
                jobs.recv_timeout(TOGETHER.saturating_sub(since.elapsed())).ok()
            } else {
                jobs.try_recv().ok()
            };
        }
        writer.commit(batch, last);
        if rests && closing.is_none() {
            writer.rest();
        }
        if writer.commits >= FOLD_ANYWAY {
            writer.fold();
        }
    }
    writer.rest();
    drop(writer);
    if let Some(answer) = closing {
        let _ = answer.send(());
    }
}

impl Writer<'_> {
    fn commit(&mut self, mut batch: Vec<Job>, last: Last) {
        if batch.is_empty() {
            return self.follow();
        }
        if self.flushes.level() != last.level() && self.connection.execute_batch(last.level()).is_ok() {
            self.flushes = last;
        }
        if let Err(error) = execute(&self.connection, "BEGIN IMMEDIATE") {
            for job in batch {
                refuse(&self.connection, job, &error, self.file);
            }
            return;
        }
        let before = self.connection.total_changes();
        let answers: Vec<Answer> = batch.drain(..).map(|job| job(&self.connection)).collect();
        // SQLite itself rolls back on some errors (disk full); there is nothing to commit then, and nobody may believe so.
        let committed = if self.connection.is_autocommit() {
            Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None))
        } else {
            execute(&self.connection, "COMMIT")
        };
        if committed.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        let wrote = self.connection.total_changes() != before;
        if committed.is_err() {
            // The log may be what fills the disk.
            self.fold();
        }
        if committed.is_ok() && wrote {
            self.commits += 1;
            if self.flushes == Last::Now {
                // A flush is of the whole log, so whatever was committed before lasts too.
                self.owing = None;
            } else {
                self.owing.get_or_insert_with(Instant::now);
            }
        }
        for answer in answers {
            answer(committed.as_ref().copied().map_err(|error| fault(error, self.file)));
        }
        if committed.is_ok() && wrote {
            touch(self.changed, self.owner);
        }
        self.follow();
    }

    /// When there is something to do that nobody asks for.
    fn due(&self) -> Option<Instant> {
        let full = || (self.commits >= FOLD_IDLE).then(Instant::now);
        self.owing.or_else(full).map(|since| since + SOON)
    }

    /// Nothing is asked for: flushes what does not last yet.
    fn make_last(&mut self) {
        if self.commits >= FOLD_IDLE {
            self.fold();
        }
        if self.owing.is_some() {
            // By a handle of our own: SQLite flushes the log only together with a commit.
            match OpenOptions::new().write(true).open(self.log()).and_then(|log| log.sync_data()) {
                Ok(()) => self.owing = None,
                Err(error) => {
                    tracing::error!(%error, "the journal's last changes would not outlive a power cut");
                    // Asked again with the next change, and not in a circle.
                    self.owing = None;
                    self.after.clear();
                }
            }
        }
        self.follow();
    }

    /// The last act. A short log stays for the next process: to fold it and to make it anew costs five flushes, and a console program
    /// that uploads one file would wait for all of them.
    fn rest(&mut self) {
        let long = std::fs::metadata(self.log()).is_ok_and(|log| log.len() > LOG_AT_REST);
        let fold = "PRAGMA wal_checkpoint(TRUNCATE)";
        if long && self.connection.query_row(fold, [], |row| row.get::<_, i64>(0)).is_ok_and(|busy| busy == 0) {
            self.owing = None;
        }
        self.commits = 0;
        self.make_last();
    }

    fn log(&self) -> PathBuf {
        let mut log = self.file.as_os_str().to_owned();
        log.push("-wal");
        log.into()
    }

    fn follow(&mut self) {
        if self.owing.is_none() {
            self.after.drain(..).for_each(|then| then());
        }
    }

    fn fold(&mut self) {
        self.commits = 0;
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the journal's log was not folded");
        }
    }
}

fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}

fn refuse(connection: &Connection, job: Job, error: &rusqlite::Error, file: &Path) {
    // The job must be run to get its answer; without a transaction it may write nothing, hence query_only.
    let _ = connection.execute_batch("PRAGMA query_only = ON");
    let answer = job(connection);
    let _ = connection.execute_batch("PRAGMA query_only = OFF");
    answer(Err(fault(error, file)));
}

fn read_loop(connection: Connection, jobs: &mpsc::Receiver<Message>) {
    while let Ok(message) = jobs.recv() {
        match message {
            Message::Run(job, _) => job(&connection)(Ok(())),
            Message::After(then) => then(),
            Message::Rest => {}
            Message::Close(answer) => {
                drop(connection);
                let _ = answer.send(());
                return;
            }
        }
    }
}

/// Others hear of the commit by this file; it is a signal and need not survive a crash. It is not cut to length: a file that was cut and
/// written is flushed by some systems (ext4) when it is closed.
fn touch(changed: &Path, owner: &str) {
    let written = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(changed)
        .and_then(|mut file| file.write_all(owner.as_bytes()));
    if let Err(error) = written {
        tracing::debug!(%error, "journal.changed was not touched");
    }
}

/// What a database error means for a person.
fn fault(error: &rusqlite::Error, file: &Path) -> Error {
    use rusqlite::ErrorCode as Kind;
    let said = error.to_string();
    let built = match error.sqlite_error_code() {
        Some(Kind::DiskFull) => Error::new(Code::DiskFull, errors::disk_full(file.display())),
        Some(Kind::ReadOnly | Kind::CannotOpen | Kind::PermissionDenied) => {
            Error::new(Code::HomeUnwritable, errors::home_unwritable(file.display()))
        }
        // A write that the disk did not take is reported as an I/O error where the room ran out in the middle of it.
        Some(Kind::SystemIoFailure) => Error::new(Code::DiskFull, errors::disk_full(file.display())),
        Some(Kind::NotADatabase | Kind::DatabaseCorrupt) => Error::new(Code::Internal, errors::journal_damaged(file.display())),
        _ => Error::new(Code::Internal, errors::internal(&said)),
    };
    built.because(said)
}
