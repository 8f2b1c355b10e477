//! One SQLite table that is both the journal of what is under way and the history of what was done.
//!
//! It exists so that "taken" can be said truthfully: a row is on disk before anybody hears of it. One thread writes, and puts
//! whatever waits for it into one commit (so twenty workers share one fsync); another reads, so that history never waits for a
//! disk flush. What stays out: deciding what a row becomes next (the queue does) and the image bytes (the spool has them).

mod rows;
mod statements;

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use imagepic_words::errors;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

pub use rows::{Change, Deliver, Reference, Row, RowState, Search, Twin};

use crate::error::{Code, Error, Result};

/// The form of the table that this build reads and writes (`PRAGMA user_version`).
pub const VERSION: i64 = 2;

/// Jobs that wait for the writer at most; callers wait beyond it.
const WAITING_JOBS: usize = 1024;
/// Jobs that share one commit at most, so that the first of them is not kept waiting.
const JOBS_IN_A_COMMIT: usize = 64;

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

enum Message {
    Run(Job),
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
        prepare(&connection, file)?;
        let reading = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| fault(&error, file))?;
        reading.busy_timeout(Duration::from_secs(10)).map_err(|error| fault(&error, file))?;
        let seen: i64 = reading
            .query_row("SELECT coalesce(max(changed), 0) FROM uploads", [], |row| row.get(0))
            .map_err(|error| fault(&error, file))?;

        let identity: String =
            reading.query_row("SELECT id FROM identity", [], |row| row.get(0)).map_err(|error| fault(&error, file))?;

        let (writer, jobs) = mpsc::channel(WAITING_JOBS);
        let path = file.to_owned();
        thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || write_loop(connection, jobs, &path, &changed, &owner))
            .map_err(|error| Error::new(Code::Internal, errors::internal(&error)))?;
        let (reader, jobs) = mpsc::channel(WAITING_JOBS);
        thread::Builder::new()
            .name("journal-reader".to_owned())
            .spawn(move || read_loop(reading, jobs))
            .map_err(|error| Error::new(Code::Internal, errors::internal(&error)))?;
        Ok(Self { writer, reader, seen: Arc::new(AtomicI64::new(seen)), own: Own::default(), identity: identity.into() })
    }

    /// Closes the database after everything that was asked before; later calls fail. Returns once its files are at rest.
    pub async fn close(&self) {
        for thread in [&self.reader, &self.writer] {
            let (answer, answered) = oneshot::channel();
            if thread.send(Message::Close(answer)).await.is_ok() {
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
        send(&self.writer, run).await
    }

    async fn read<T, F>(&self, run: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        send(&self.reader, run).await
    }
}

async fn send<T, F>(to: &mpsc::Sender<Message>, run: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let job: Job = Box::new(move |connection| {
        let outcome = in_savepoint(connection, run);
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
    to.send(Message::Run(job)).await.map_err(|_| gone())?;
    answered.await.map_err(|_| gone())?
}

/// One job's failure must not take the others of its commit with it.
fn in_savepoint<T>(connection: &Connection, run: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    if connection.is_autocommit() {
        return run(connection);
    }
    connection.execute_batch("SAVEPOINT job")?;
    let outcome = run(connection);
    if outcome.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK TO job");
    }
    if !connection.is_autocommit() {
        connection.execute_batch("RELEASE job")?;
    }
    outcome
}

fn write_loop(connection: Connection, mut jobs: mpsc::Receiver<Message>, file: &Path, changed: &Path, owner: &str) {
    let mut closing = None;
    while closing.is_none() {
        let first = match jobs.blocking_recv() {
            Some(Message::Run(job)) => job,
            Some(Message::Close(answer)) => {
                closing = Some(answer);
                break;
            }
            None => break,
        };
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            refuse(&connection, first, &error, file);
            continue;
        }
        let before = connection.total_changes();
        let mut answers = vec![first(&connection)];
        while answers.len() < JOBS_IN_A_COMMIT {
            match jobs.try_recv() {
                Ok(Message::Run(job)) => answers.push(job(&connection)),
                Ok(Message::Close(answer)) => {
                    closing = Some(answer);
                    break;
                }
                Err(_) => break,
            }
        }
        // SQLite itself rolls back on some errors (disk full); there is nothing to commit then, and nobody may believe so.
        let committed = if connection.is_autocommit() {
            Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None))
        } else {
            connection.execute_batch("COMMIT")
        };
        if committed.is_err() && !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        let wrote = connection.total_changes() != before;
        for answer in answers {
            answer(committed.as_ref().copied().map_err(|error| fault(error, file)));
        }
        if committed.is_ok() && wrote {
            touch(changed, owner);
        }
    }
    // Leaves one tidy file behind where nobody else has it open.
    let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    drop(connection);
    if let Some(answer) = closing {
        let _ = answer.send(());
    }
}

fn refuse(connection: &Connection, job: Job, error: &rusqlite::Error, file: &Path) {
    // The job must be run to get its answer; without a transaction it may write nothing, hence query_only.
    let _ = connection.execute_batch("PRAGMA query_only = ON");
    let answer = job(connection);
    let _ = connection.execute_batch("PRAGMA query_only = OFF");
    answer(Err(fault(error, file)));
}

fn read_loop(connection: Connection, mut jobs: mpsc::Receiver<Message>) {
    while let Some(message) = jobs.blocking_recv() {
        match message {
            Message::Run(job) => job(&connection)(Ok(())),
            Message::Close(answer) => {
                drop(connection);
                let _ = answer.send(());
                return;
            }
        }
    }
}

/// Others hear of the commit by this file; it is a signal and need not survive a crash.
fn touch(changed: &Path, owner: &str) {
    let written = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(changed)
        .and_then(|mut file| file.write_all(owner.as_bytes()));
    if let Err(error) = written {
        tracing::debug!(%error, "journal.changed was not touched");
    }
}

fn prepare(connection: &Connection, file: &Path) -> Result<()> {
    let wrong = |error: &rusqlite::Error| fault(error, file);
    connection.busy_timeout(Duration::from_secs(10)).map_err(|error| wrong(&error))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|error| wrong(&error))?;
    if version > VERSION {
        return Err(Error::new(Code::HomeNewer, errors::home_newer(file.display())));
    }
    // FULL: in WAL mode a commit is on disk when it returns, which is what "taken" promises.
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000;")
        .map_err(|error| wrong(&error))?;
    if version < VERSION {
        migrate(connection).map_err(|error| wrong(&error))?;
    }
    Ok(())
}

/// Each step leads from one version to the next; two processes may start at once, so the version is read again inside.
fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let step = || -> rusqlite::Result<()> {
        if version < 1 {
            connection.execute_batch(statements::SCHEMA_1)?;
        }
        if version < 2 {
            connection.execute_batch(statements::SCHEMA_2)?;
        }
        connection.execute_batch(&format!("PRAGMA user_version = {VERSION}"))
    };
    match step() {
        Ok(()) => connection.execute_batch("COMMIT"),
        Err(error) => {
            let _ = connection.execute_batch("ROLLBACK");
            Err(error)
        }
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
