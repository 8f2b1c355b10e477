//! The index: which keys there are, what is said about them, and which blobs hold their bytes.
//!
//! One thread writes, over one connection, and commits what has gathered meanwhile in one go, so that puts side by side share
//! an fsync. Reads go over a few connections of their own on the blocking pool and see the last commit. What a row means to
//! S3 is decided in `api`; how the bytes lie on disk, in `blobs`.

mod list;
mod read;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

pub(crate) use list::{Entry, Listing, Page, list};
pub(crate) use read::*;
pub(crate) use writer::{Effects, Writer};

use crate::error::{Error, Result};
use crate::fail::{Fail, Try};

/// The newest format of the index file, kept in SQLite's `user_version`.
const FORMAT: i64 = 1;
/// SQLite's `application_id` of our files: "ipbk".
const APPLICATION: i64 = 0x6970_626b;
const READERS: usize = 6;

const SCHEMA: &str = "
CREATE TABLE state (
    name TEXT PRIMARY KEY,
    value
) WITHOUT ROWID;
CREATE TABLE bucket (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    policy TEXT
);
-- What a listing shows stands before what may be long, so that a page is read without overflow pages.
CREATE TABLE object (
    bucket INTEGER NOT NULL,
    key BLOB NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified INTEGER NOT NULL,
    meta TEXT NOT NULL,
    pieces BLOB NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    bucket INTEGER NOT NULL,
    key BLOB NOT NULL,
    created INTEGER NOT NULL,
    meta TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX upload_by_key ON upload (bucket, key, id);
CREATE TABLE part (
    upload TEXT NOT NULL,
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    md5 BLOB NOT NULL,
    modified INTEGER NOT NULL,
    sums TEXT NOT NULL,
    blob BLOB NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE TABLE blob (
    id BLOB PRIMARY KEY,
    refs INTEGER NOT NULL
) WITHOUT ROWID;
";

pub(crate) fn index_error(what: &'static str, path: &Path) -> impl Fn(rusqlite::Error) -> Error {
    let path = path.to_owned();
    move |source| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => Error::Foreign { path: path.clone(), why: "it is no SQLite database".into() },
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => Error::Foreign { path: path.clone(), why: "it is damaged".into() },
        Some(rusqlite::ErrorCode::DiskFull) => Error::DiskFull { dir: path.clone() },
        _ => Error::Index { what, source },
    }
}

/// Opens the index for writing, making it where there is none; tells whether the last process ended without closing it. `bytes`: there
/// are bytes of objects, of which a new index would know nothing, and which a sweep would take away.
pub(crate) fn open(path: &Path, bytes: bool) -> Result<(Connection, bool)> {
    let err = |what| index_error(what, path);
    let there = path.metadata().is_ok_and(|m| m.len() > 0);
    if bytes && !there {
        return Err(Error::Foreign {
            path: path.into(),
            why: "it is missing or empty, though bytes of objects are there".into(),
        });
    }
    // Looked at through a connection that cannot write: a newer file must stay as it is.
    if there {
        let look = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(err("open"))?;
        let pragma = |name| look.pragma_query_value(None, name, |r| r.get::<_, i64>(0)).map_err(err("read its format"));
        let (application, found) = (pragma("application_id")?, pragma("user_version")?);
        if application != APPLICATION && (application, found) != (0, 0) {
            return Err(Error::Foreign { path: path.into(), why: "it belongs to another program".into() });
        }
        if found > FORMAT {
            return Err(Error::NewerFormat { path: path.into(), found, known: FORMAT });
        }
    } else {
        crate::blobs::private_file()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| Error::io("create", path, e))?;
    }
    let mut conn = Connection::open(path).map_err(err("open"))?;
    let setup = |conn: &Connection| {
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        // Writes that share a commit have a savepoint each; the pages to take back for one need not go through a file.
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        // Checkpoints wait for a quiet moment; see `writer`.
        conn.pragma_update(None, "wal_autocheckpoint", 0)?;
        conn.busy_timeout(std::time::Duration::from_secs(5))?;
        conn.set_prepared_statement_cache_capacity(64);
        conn.pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0))
    };
    let version = setup(&conn).map_err(err("be set up"))?;
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(err("be written"))?;
    if version == 0 {
        tx.execute_batch(SCHEMA).map_err(err("be created"))?;
        tx.pragma_update(None, "application_id", APPLICATION).map_err(err("be created"))?;
        tx.pragma_update(None, "user_version", FORMAT).map_err(err("be created"))?;
    }
    let unclean = tx
        .query_row("SELECT value FROM state WHERE name = 'open'", [], |r| r.get::<_, bool>(0))
        .or_else(|e| if e == rusqlite::Error::QueryReturnedNoRows { Ok(false) } else { Err(e) })
        .map_err(err("be read"))?;
    tx.execute("INSERT OR REPLACE INTO state VALUES ('open', 1)", []).map_err(err("be written"))?;
    tx.commit().map_err(err("be written"))?;
    Ok((conn, unclean))
}

/// Connections that only read.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    slots: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default(), slots: Arc::new(Semaphore::new(READERS)) }
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        if let Some(conn) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(conn);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.path, flags)?;
        conn.busy_timeout(std::time::Duration::from_secs(5))?;
        conn.set_prepared_statement_cache_capacity(64);
        Ok(conn)
    }

    /// Lends a connection to a closure on this thread, which may block.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&Connection) -> Try<T>) -> Try<T> {
        let conn = self.take()?;
        let out = f(&conn);
        if !matches!(out, Err(Fail::Db(_))) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        }
        out
    }

    /// Runs a closure with a connection on the blocking pool.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        f: impl FnOnce(&Connection) -> Try<T> + Send + 'static,
    ) -> Try<T> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Fail::Closed)?;
        let readers = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let _slot = slot;
            readers.with(f)
        })
        .await
        .map_err(|_| Fail::Closed)?
    }
}
