//! What the library asks of the journal: every row in brief to search in memory, rows by number, and the chores that outlive a crash
//! (an object to be removed, a name to be changed).
//!
//! There is no full-text index: two letters of Chinese are a word, which is less than the shortest index entry SQLite offers, so a scan
//! would be needed anyway, and a scan in memory is quicker than any index is kept up to date beside each upload.

use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::Journal;
use super::rows::{Row, RowState};
use super::table::{NEXT_CHANGE, all, unword, word};
use crate::error::Result;

/// Version 3: what is still to be done to objects of finished uploads.
pub(super) const SCHEMA: &str = "
CREATE TABLE chores (
    upload INTEGER NOT NULL,
    kind TEXT NOT NULL,
    old TEXT NOT NULL,
    new TEXT NOT NULL,
    PRIMARY KEY (upload, kind)
);
CREATE TABLE origins (
    upload INTEGER PRIMARY KEY,
    path BLOB NOT NULL
);
";

/// A row, as far as it can be searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// Its number.
    pub id: i64,
    /// Milliseconds since 1970.
    pub taken_at: i64,
    /// Where it stands.
    pub state: RowState,
    /// Destination's id.
    pub destination: String,
    /// When its last link ends, milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// File name as it came.
    pub name: String,
    /// Bucket.
    pub bucket: String,
    /// Object key.
    pub key: String,
}

/// What is to be done to an upload's object, and must be finished or taken back after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChoreKind {
    /// Remove the object and the row.
    Delete,
    /// Remove the row only.
    Forget,
    /// The object goes from one key to another.
    Rename,
}

/// See [`ChoreKind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chore {
    /// Which upload.
    pub upload: i64,
    /// What.
    pub kind: ChoreKind,
    /// The key before; empty but for a rename.
    pub old: String,
    /// The key after; empty but for a rename.
    pub new: String,
}

/// An upload that is done, as far as its link is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkBelow {
    /// Its number.
    pub id: i64,
    /// Object key.
    pub key: String,
    /// When its last link ends, milliseconds since 1970; `None` for a public one.
    pub expires_at: Option<i64>,
}

/// An upload whose object has another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Its number.
    pub id: i64,
    /// The key before.
    pub old: String,
    /// The key now.
    pub new: String,
    /// What it is called now.
    pub name: String,
    /// The folder it belongs to now.
    pub folder: String,
    /// What tells the object now, without quotes.
    pub etag: Option<String>,
    /// When a link made now ends, milliseconds since 1970.
    pub expires_at: Option<i64>,
}

const BRIEF: &str = "SELECT id, taken_at, state, destination, expires_at, name, bucket, key FROM uploads";

fn brief(sql: &rusqlite::Row<'_>) -> rusqlite::Result<Brief> {
    Ok(Brief {
        id: sql.get(0)?,
        taken_at: sql.get(1)?,
        state: unword(sql, "state")?.unwrap_or(RowState::Failed),
        destination: sql.get(3)?,
        expires_at: sql.get(4)?,
        name: sql.get(5)?,
        bucket: sql.get(6)?,
        key: sql.get(7)?,
    })
}

/// An object keeps the mark of the row that put it, whatever it is called: rows that are gone go with it to its new name, so that it is
/// still known as this home's when the last upload of it is deleted.
fn marks_follow(connection: &Connection, id: i64, old: &str, new: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE uploads SET key = ?3 WHERE state = 'gone' AND key = ?2 \
             AND (bucket, destination) = (SELECT bucket, destination FROM uploads WHERE id = ?1)",
        )?
        .execute(params![id, old, new])
        .map(drop)
}

impl Journal {
    /// Rows in brief after a number, in the order of their numbers; not those that are gone.
    ///
    /// # Errors
    /// The database's.
    pub async fn briefs(&self, after: i64, limit: u32) -> Result<Vec<Brief>> {
        self.read(move |connection| {
            connection
                .prepare_cached(&format!("{BRIEF} WHERE id > ?1 AND state <> 'gone' ORDER BY id LIMIT ?2"))?
                .query_map(params![after, limit], brief)?
                .collect()
        })
        .await
    }

    /// Rows in brief that changed after `changed`, those that are gone too, and the highest number of a change there is.
    ///
    /// # Errors
    /// The database's.
    pub async fn briefs_since(&self, changed: i64) -> Result<(Vec<Brief>, i64)> {
        self.read(move |connection| {
            let upto = connection
                .prepare_cached("SELECT coalesce(max(changed), 0) FROM uploads")?
                .query_row([], |sql| sql.get::<_, i64>(0))?;
            if upto <= changed {
                return Ok((Vec::new(), upto));
            }
            let rows = connection
                .prepare_cached(&format!("{BRIEF} WHERE changed > ?1 AND changed <= ?2"))?
                .query_map([changed, upto], brief)?
                .collect::<rusqlite::Result<_>>()?;
            Ok((rows, upto))
        })
        .await
    }

    /// The newest rows, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn newest(&self, limit: u32) -> Result<Vec<Row>> {
        self.read(move |connection| all(connection, "WHERE state <> 'gone' ORDER BY id DESC LIMIT ?1", [limit])).await
    }

    /// These rows, in no order; those that are gone are left out.
    ///
    /// # Errors
    /// The database's.
    pub async fn rows(&self, ids: Vec<i64>) -> Result<Vec<Row>> {
        self.read(move |connection| {
            let mut rows = Vec::with_capacity(ids.len());
            // Below SQLite's limit of values in one statement.
            for some in ids.chunks(500) {
                let places = vec!["?"; some.len()].join(", ");
                let found = all(connection, &format!("WHERE id IN ({places}) AND state <> 'gone'"), params_from_iter(some))?;
                rows.extend(found);
            }
            Ok(rows)
        })
        .await
    }

    /// Where the files of uploads lay when they were given.
    ///
    /// # Errors
    /// The database's.
    pub async fn remember_origins(&self, files: Vec<(i64, Vec<u8>)>) -> Result<()> {
        self.write_soon(move |connection| {
            for (upload, path) in files {
                connection
                    .prepare_cached("INSERT OR REPLACE INTO origins (upload, path) VALUES (?1, ?2)")?
                    .execute(params![upload, path])?;
            }
            Ok(())
        })
        .await
    }

    /// Where the file of an upload lay when it was given, as the system writes paths.
    ///
    /// # Errors
    /// The database's.
    pub async fn origin(&self, upload: i64) -> Result<Option<Vec<u8>>> {
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT path FROM origins WHERE upload = ?1")?
                .query_row([upload], |sql| sql.get(0))
                .optional()
        })
        .await
    }

    /// What was begun and is not finished.
    ///
    /// # Errors
    /// The database's.
    pub async fn chores(&self) -> Result<Vec<Chore>> {
        self.read(|connection| {
            connection
                .prepare("SELECT upload, kind, old, new FROM chores ORDER BY upload, kind")?
                .query_map([], |sql| {
                    let kind: Option<ChoreKind> = unword(sql, "kind")?;
                    Ok(kind.map(|kind| (sql.get(0), kind, sql.get(2), sql.get(3))))
                })?
                .filter_map(rusqlite::Result::transpose)
                .map(|found| {
                    let (upload, kind, old, new) = found?;
                    Ok(Chore { upload: upload?, kind, old: old?, new: new? })
                })
                .collect()
        })
        .await
    }

    /// Notes what is about to be done; on disk when this returns.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_chores(&self, chores: Vec<Chore>) -> Result<()> {
        self.write(move |connection| {
            for chore in chores {
                connection
                    .prepare_cached("INSERT OR REPLACE INTO chores (upload, kind, old, new) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![chore.upload, word(chore.kind), chore.old, chore.new])?;
            }
            Ok(())
        })
        .await
    }

    /// Forgets what was to be done: it is done, or taken back.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_chores(&self, uploads: Vec<i64>, kind: ChoreKind) -> Result<()> {
        self.write(move |connection| {
            for upload in uploads {
                connection
                    .prepare_cached("DELETE FROM chores WHERE upload = ?1 AND kind = ?2")?
                    .execute(params![upload, word(kind)])?;
            }
            Ok(())
        })
        .await
    }

    /// Every row that names one of these keys, however it stands.
    ///
    /// # Errors
    /// The database's.
    pub async fn naming_any(&self, bucket: String, keys: Vec<String>) -> Result<Vec<Row>> {
        self.read(move |connection| {
            let mut rows = Vec::new();
            for key in keys {
                rows.extend(all(connection, "WHERE bucket = ?1 AND key = ?2 ORDER BY id", [&bucket, &key])?);
            }
            Ok(rows)
        })
        .await
    }

    /// Uploads of a destination that are done and whose keys begin with `prefix`, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn links_below(&self, destination: String, bucket: String, prefix: String) -> Result<Vec<LinkBelow>> {
        self.read(move |connection| {
            let mut found = connection.prepare_cached(
                "SELECT id, key, expires_at FROM uploads WHERE bucket = ?1 AND key >= ?2 AND destination = ?3 AND state = 'done' \
                 AND substr(key, 1, length(?2)) = ?2 ORDER BY id",
            )?;
            found
                .query_map(params![bucket, prefix, destination], |sql| {
                    Ok(LinkBelow { id: sql.get(0)?, key: sql.get(1)?, expires_at: sql.get(2)? })
                })?
                .collect()
        })
        .await
    }

    /// Notes that the last links of these uploads end then, or with `None` that they are public ones that open.
    ///
    /// # Errors
    /// The database's.
    pub async fn links_end(&self, ids: Vec<i64>, at: Option<i64>) -> Result<()> {
        self.write(move |connection| {
            let ended = format!("UPDATE uploads SET expires_at = ?2, changed = {NEXT_CHANGE} WHERE id = ?1 AND state = 'done'");
            let mut ended = connection.prepare_cached(&ended)?;
            for id in ids {
                ended.execute(params![id, at])?;
            }
            Ok(())
        })
        .await
    }

    /// Notes that objects of uploads have other keys; those that are still what they were, as they are now.
    ///
    /// # Errors
    /// The database's.
    pub async fn moved(&self, uploads: Vec<Moved>) -> Result<Vec<Row>> {
        let own = self.own.clone();
        self.write(move |connection: &Connection| {
            let mut rows = Vec::with_capacity(uploads.len());
            for one in uploads {
                let changed = connection
                    .prepare_cached(&format!(
                        "UPDATE uploads SET key = ?3, name = ?4, folder = ?5, etag = ?6, expires_at = ?7, changed = {NEXT_CHANGE} \
                         WHERE id = ?1 AND key = ?2 AND state = 'done'"
                    ))?
                    .execute(params![one.id, one.old, one.new, one.name, one.folder, one.etag, one.expires_at])?;
                if changed > 0 {
                    marks_follow(connection, one.id, &one.old, &one.new)?;
                    rows.extend(all(connection, "WHERE id = ?1", [one.id])?.into_iter().inspect(|row| own.note(row)));
                }
            }
            Ok(rows)
        })
        .await
    }

    /// Notes that an upload's object has another key and name; `None` where it is no longer what it was.
    ///
    /// # Errors
    /// The database's.
    pub async fn renamed(&self, id: i64, old: String, new: String, name: String, etag: Option<String>) -> Result<Option<Row>> {
        let own = self.own.clone();
        self.write(move |connection: &Connection| {
            let changed = connection
                .prepare_cached(&format!(
                    "UPDATE uploads SET key = ?3, name = ?4, etag = ?5, created = 1, expires_at = NULL, changed = {NEXT_CHANGE} \
                     WHERE id = ?1 AND key = ?2 AND state = 'done'"
                ))?
                .execute(params![id, old, new, name, etag])?;
            if changed == 0 {
                return Ok(None);
            }
            marks_follow(connection, id, &old, &new)?;
            Ok(all(connection, "WHERE id = ?1", [id])?.pop().inspect(|row| own.note(row)))
        })
        .await
    }
}
