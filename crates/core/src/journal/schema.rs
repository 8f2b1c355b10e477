//! The form of the table, and the way from every older form to this one.

use std::path::Path;
use std::time::{Duration, Instant};

use imagepic_words::errors;
use rusqlite::Connection;

use super::fault;
use crate::error::{Code, Error, Result};

/// The form of the table that this build reads and writes (`PRAGMA user_version`).
pub const VERSION: i64 = 5;

/// The table as version 1 has it. `changed` grows with every change, so that another process can ask for what is new.
const SCHEMA_1: &str = "
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch INTEGER NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL DEFAULT 'upload',
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    spool TEXT,
    reference TEXT,
    size INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    width INTEGER,
    height INTEGER,
    original BLOB NOT NULL,
    prepared BLOB NOT NULL,
    destination TEXT NOT NULL,
    bucket TEXT NOT NULL,
    folder TEXT NOT NULL,
    key TEXT NOT NULL,
    etag TEXT,
    fault TEXT,
    waiting TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER,
    owner TEXT,
    taken_at INTEGER NOT NULL,
    done_at INTEGER,
    deliver TEXT NOT NULL,
    format TEXT,
    reused INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER,
    changed INTEGER NOT NULL
);
CREATE INDEX uploads_batch ON uploads (batch, position);
CREATE INDEX uploads_changed ON uploads (changed);
CREATE INDEX uploads_open ON uploads (state) WHERE state IN ('queued', 'waiting', 'failed');
CREATE INDEX uploads_content ON uploads (prepared, destination, bucket, folder);
CREATE INDEX uploads_object ON uploads (destination, bucket, key);
CREATE INDEX uploads_done ON uploads (done_at) WHERE state = 'done';
CREATE INDEX uploads_spool ON uploads (spool) WHERE spool IS NOT NULL;
";

/// Version 2: objects are known again by an identity of this journal's own, and sharers of one are sought beyond one destination.
const SCHEMA_2: &str = "
CREATE TABLE identity (id TEXT NOT NULL);
INSERT INTO identity VALUES (lower(hex(randomblob(16))));
DROP INDEX uploads_object;
CREATE INDEX uploads_object ON uploads (bucket, key);
";

/// Version 4: what was done to an image before it was sent, as JSON.
const SCHEMA_4: &str = "ALTER TABLE uploads ADD COLUMN made TEXT;";

/// Version 5: how dense the screen was that an image was taken on, by its own word.
const SCHEMA_5: &str = "ALTER TABLE uploads ADD COLUMN density INTEGER NOT NULL DEFAULT 1;";

/// Another process may be busy with the journal for so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Switches to WAL mode. Of processes that do so to a new journal at the same moment all but one are refused at once: SQLite does not wait
/// for whoever waits for it.
fn log_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let since = Instant::now();
    loop {
        match connection.execute_batch("PRAGMA journal_mode = WAL;") {
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) && since.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

pub(super) fn prepare(connection: &Connection, file: &Path) -> Result<()> {
    let wrong = |error: &rusqlite::Error| fault(error, file);
    connection.busy_timeout(PATIENCE).map_err(|error| wrong(&error))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|error| wrong(&error))?;
    if version > VERSION {
        return Err(Error::new(Code::HomeNewer, errors::home_newer(file.display())));
    }
    // FULL: in WAL mode a commit is on disk when it returns, which is what "taken" promises. The log is folded by the writer.
    // Each job of a shared commit has its savepoint; the pages to take back for one need not go through a file.
    log_ahead(connection)
        .and_then(|()| {
            connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;")
        })
        .map_err(|error| wrong(&error))?;
    connection.set_prepared_statement_cache_capacity(64);
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
            connection.execute_batch(SCHEMA_1)?;
        }
        if version < 2 {
            connection.execute_batch(SCHEMA_2)?;
        }
        if version < 3 {
            connection.execute_batch(super::library::SCHEMA)?;
        }
        if version < 4 {
            connection.execute_batch(SCHEMA_4)?;
        }
        if version < 5 {
            connection.execute_batch(SCHEMA_5)?;
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
