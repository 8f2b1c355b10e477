//! Every statement that reads or changes the journal.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, named_params, params, params_from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Journal;
use super::rows::{Change, Row, RowState, Search, Twin};
use crate::capture::Source;
use crate::error::Result;

/// The table as version 1 has it. `changed` grows with every change, so that another process can ask for what is new.
pub(super) const SCHEMA_1: &str = "
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
pub(super) const SCHEMA_2: &str = "
CREATE TABLE identity (id TEXT NOT NULL);
INSERT INTO identity VALUES (lower(hex(randomblob(16))));
DROP INDEX uploads_object;
CREATE INDEX uploads_object ON uploads (bucket, key);
";

const COLUMNS: &str = "id, batch, position, state, source, name, spool, reference, size, content_type, width, height, original, prepared, \
     destination, bucket, folder, key, etag, fault, waiting, tries, next_try_at, owner, taken_at, done_at, deliver, format, reused, \
     created, expires_at, changed";

const NEXT_CHANGE: &str = "(SELECT coalesce(max(changed), 0) + 1 FROM uploads)";

fn word<T: Serialize>(value: T) -> Option<String> {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned))
}

fn unword<T: DeserializeOwned>(row: &SqlRow<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_value(serde_json::Value::String(text)).ok()))
}

fn unjson<T: DeserializeOwned>(row: &SqlRow<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

#[expect(clippy::cast_sign_loss, reason = "sizes are written from u64 and never negative")]
fn row(sql: &SqlRow<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: sql.get("id")?,
        batch: sql.get("batch")?,
        position: sql.get("position")?,
        state: unword(sql, "state")?.unwrap_or(RowState::Failed),
        source: unword(sql, "source")?.unwrap_or(Source::CommandLine),
        name: sql.get("name")?,
        spool: sql.get("spool")?,
        reference: unjson(sql, "reference")?,
        size: sql.get::<_, i64>("size")? as u64,
        content_type: sql.get("content_type")?,
        width: sql.get("width")?,
        height: sql.get("height")?,
        original: sql.get("original")?,
        prepared: sql.get("prepared")?,
        destination: sql.get("destination")?,
        bucket: sql.get("bucket")?,
        folder: sql.get("folder")?,
        key: sql.get("key")?,
        etag: sql.get("etag")?,
        fault: unjson(sql, "fault")?,
        waiting: unword(sql, "waiting")?,
        tries: sql.get("tries")?,
        next_try_at: sql.get("next_try_at")?,
        owner: sql.get("owner")?,
        taken_at: sql.get("taken_at")?,
        done_at: sql.get("done_at")?,
        deliver: unword(sql, "deliver")?.unwrap_or_default(),
        format: unword(sql, "format")?,
        reused: sql.get("reused")?,
        created: sql.get("created")?,
        expires_at: sql.get("expires_at")?,
        changed: sql.get("changed")?,
    })
}

fn all(connection: &Connection, tail: &str, values: impl rusqlite::Params) -> rusqlite::Result<Vec<Row>> {
    connection.prepare_cached(&format!("SELECT {COLUMNS} FROM uploads {tail}"))?.query_map(values, row)?.collect()
}

fn insert(connection: &Connection, new: &mut Row) -> rusqlite::Result<()> {
    let json =
        |value: serde_json::Result<String>| value.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)));
    let reference = new.reference.as_ref().map(serde_json::to_string).map(json).transpose()?;
    let (id, changed): (i64, i64) = connection
        .prepare_cached(&format!(
            "INSERT INTO uploads (batch, position, state, source, name, spool, reference, size, content_type, width, height, original, \
             prepared, destination, bucket, folder, key, owner, taken_at, deliver, format, changed) VALUES (:batch, :position, \
             :state, :source, :name, :spool, :reference, :size, :content_type, :width, :height, :original, :prepared, :destination, \
             :bucket, :folder, :key, :owner, :taken_at, :deliver, :format, {NEXT_CHANGE}) RETURNING id, changed"
        ))?
        .query_row(
            named_params! {
                ":batch": new.batch, ":position": new.position, ":state": word(new.state), ":source": word(new.source),
                ":name": new.name, ":spool": new.spool, ":reference": reference, ":size": i64::try_from(new.size).unwrap_or(i64::MAX),
                ":content_type": new.content_type, ":width": new.width, ":height": new.height, ":original": new.original,
                ":prepared": new.prepared, ":destination": new.destination, ":bucket": new.bucket, ":folder": new.folder,
                ":key": new.key, ":owner": new.owner, ":taken_at": new.taken_at, ":deliver": word(new.deliver),
                ":format": new.format.and_then(word),
            },
            |sql| Ok((sql.get(0)?, sql.get(1)?)),
        )?;
    new.id = id;
    new.changed = changed;
    if new.batch == 0 {
        new.batch = id;
        connection.prepare_cached("UPDATE uploads SET batch = id WHERE id = ?1")?.execute([id])?;
    }
    Ok(())
}

fn twin(connection: &Connection, of: &Row) -> rusqlite::Result<Option<Twin>> {
    connection
        .prepare_cached(
            "SELECT id, state, owner, key, etag FROM uploads WHERE prepared = ?1 AND destination = ?2 AND bucket = ?3 AND folder = ?4 \
             AND id <> ?5 AND (state = 'done' OR (state = 'queued' AND id < ?5 AND owner IS NOT NULL AND owner <> ?6)) \
             ORDER BY state = 'done' DESC, id DESC LIMIT 1",
        )?
        .query_row(params![of.prepared, of.destination, of.bucket, of.folder, of.id, of.owner], |sql| {
            Ok(Twin {
                id: sql.get("id")?,
                state: unword(sql, "state")?.unwrap_or(RowState::Failed),
                owner: sql.get("owner")?,
                key: sql.get("key")?,
                etag: sql.get("etag")?,
            })
        })
        .optional()
}

impl Journal {
    /// Writes new rows in one commit and gives them their numbers; a batch of 0 becomes the first row's number. With each comes
    /// the twin it has, if any.
    ///
    /// # Errors
    /// `DiskFull` and the like; then none of them was taken.
    pub async fn insert(&self, mut new: Vec<Row>) -> Result<Vec<(Row, Option<Twin>)>> {
        let own = self.own.clone();
        self.write(move |connection| {
            let mut batch = 0;
            let mut taken = Vec::with_capacity(new.len());
            for mut row in new.drain(..) {
                if row.batch == 0 {
                    row.batch = batch;
                }
                insert(connection, &mut row)?;
                batch = row.batch;
                own.note(&row);
                let twin = twin(connection, &row)?;
                taken.push((row, twin));
            }
            Ok(taken)
        })
        .await
    }

    /// Writes what became of a row, if it is still open and `owner`'s; the row as it now stands, or `None` when somebody else
    /// (a cancel from another process, say) was first.
    ///
    /// # Errors
    /// `DiskFull` and the like; then nothing changed.
    pub async fn change(&self, id: i64, owner: Option<String>, change: Change) -> Result<Option<Row>> {
        let own = self.own.clone();
        let confirmed = change.state == RowState::Done;
        let run = move |connection: &Connection| {
            let fault = change.fault.as_ref().and_then(|fault| serde_json::to_string(fault).ok());
            let over = matches!(change.state, RowState::Done | RowState::Failed | RowState::Cancelled | RowState::Gone);
            let changed = connection
                .prepare_cached(&format!(
                    "UPDATE uploads SET state = :state, key = :key, etag = :etag, fault = :fault, waiting = :waiting, tries = :tries, \
                     next_try_at = :next, done_at = :done, reused = :reused, created = :created, expires_at = :expires, spool = CASE WHEN :forget THEN NULL ELSE spool END, \
                     owner = CASE WHEN :over THEN NULL ELSE :owner END, changed = {NEXT_CHANGE} \
                     WHERE id = :id AND (:owner IS NULL OR (owner IS :owner AND state IN ('queued', 'waiting')))"
                ))?
                .execute(named_params! {
                    ":id": id, ":owner": owner, ":over": over, ":state": word(change.state), ":key": change.key, ":etag": change.etag,
                    ":fault": fault, ":waiting": change.waiting.and_then(word), ":tries": change.tries, ":next": change.next_try_at,
                    ":done": change.done_at, ":reused": change.reused, ":created": change.created, ":expires": change.expires_at,
                    ":forget": change.forgets_spool,
                })?;
            if changed == 0 {
                return Ok(None);
            }
            Ok(all(connection, "WHERE id = ?1", [id])?.pop().inspect(|row| own.note(row)))
        };
        // After a power cut the object is found at the store, see `Last::Soon`.
        if confirmed { self.write_soon(run).await } else { self.write(run).await }
    }

    /// Notes in which spool files the bytes of rows lie that were in memory only; those rows that needed it still.
    ///
    /// # Errors
    /// `DiskFull` and the like; then nothing changed.
    pub async fn secure(&self, files: Vec<(i64, String)>) -> Result<Vec<Row>> {
        let own = self.own.clone();
        self.write(move |connection| {
            let mut rows = Vec::with_capacity(files.len());
            for (id, name) in files {
                let changed = connection
                    .prepare_cached(&format!(
                        "UPDATE uploads SET spool = ?2, reference = NULL, changed = {NEXT_CHANGE} WHERE id = ?1 AND spool IS NULL AND \
                         state NOT IN ('done', 'gone')"
                    ))?
                    .execute(params![id, name])?;
                if changed > 0 {
                    rows.extend(all(connection, "WHERE id = ?1", [id])?);
                }
            }
            rows.iter().for_each(|row| own.note(row));
            Ok(rows)
        })
        .await
    }

    /// Notes which spool file keeps the bytes of an upload that is done, for a thumbnail; whether the row took it.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep(&self, id: i64, name: String) -> Result<bool> {
        self.write_soon(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE uploads SET spool = ?2, reference = NULL WHERE id = ?1 AND spool IS NULL AND state = 'done'",
                )?
                .execute(params![id, name])
                .map(|changed| changed > 0)
        })
        .await
    }

    /// Takes open rows over, in one statement: those nobody owns, and those of owners whose lock is free. They become queued.
    ///
    /// # Errors
    /// The database's.
    pub async fn claim(&self, owner: String, dead: Vec<String>) -> Result<Vec<Row>> {
        let own = self.own.clone();
        self.write(move |connection| {
            let holders = vec!["?"; dead.len()].join(", ");
            let mut values = vec![Value::Text(owner)];
            values.extend(dead.into_iter().map(Value::Text));
            let mut rows: Vec<Row> = connection
                .prepare(&format!(
                    "UPDATE uploads SET owner = ?, state = 'queued', fault = NULL, waiting = NULL, changed = {NEXT_CHANGE} WHERE \
                     state IN ('queued', 'waiting') AND (owner IS NULL OR owner IN ({holders})) RETURNING {COLUMNS}"
                ))?
                .query_map(params_from_iter(values), row)?
                .collect::<rusqlite::Result<_>>()?;
            rows.sort_by_key(|row| row.id);
            rows.iter().for_each(|row| own.note(row));
            Ok(rows)
        })
        .await
    }

    /// Takes one row that failed, was cancelled or waits, to try it again. One that waits may be another process's, which lets go of it:
    /// should both send it, the store takes the first and the second finds it.
    ///
    /// # Errors
    /// The database's.
    pub async fn reopen(&self, id: i64, owner: String) -> Result<Option<Row>> {
        let own = self.own.clone();
        self.write(move |connection| {
            let changed = connection.execute(
                &format!(
                    "UPDATE uploads SET owner = ?2, state = 'queued', tries = 0, next_try_at = NULL, fault = NULL, waiting = NULL, changed = \
                     {NEXT_CHANGE} WHERE id = ?1 AND state IN ('failed', 'cancelled', 'waiting')"
                ),
                params![id, owner],
            )?;
            if changed == 0 { Ok(None) } else { Ok(all(connection, "WHERE id = ?1", [id])?.pop().inspect(|row| own.note(row))) }
        })
        .await
    }

    /// Lets go of everything `owner` still has open, so that another process goes on with it.
    ///
    /// # Errors
    /// The database's.
    pub async fn release(&self, owner: String) -> Result<()> {
        self.write(move |connection| {
            connection
                .execute(
                    &format!("UPDATE uploads SET owner = NULL, changed = {NEXT_CHANGE} WHERE owner = ?1 AND state IN ('queued', 'waiting')"),
                    [owner],
                )
                .map(|_| ())
        })
        .await
    }

    /// Notes until when the row's latest link opens.
    ///
    /// # Errors
    /// The database's.
    pub async fn linked(&self, id: i64, expires_at: Option<i64>) -> Result<()> {
        self.write(move |connection| {
            connection.execute("UPDATE uploads SET expires_at = ?2 WHERE id = ?1", params![id, expires_at]).map(|_| ())
        })
        .await
    }

    /// Forgets spool files that were kept for their thumbnails.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_spool(&self, ids: Vec<i64>) -> Result<()> {
        self.write(move |connection| {
            for id in ids {
                connection
                    .prepare_cached("UPDATE uploads SET spool = NULL WHERE id = ?1 AND state IN ('done', 'cancelled')")?
                    .execute([id])?;
            }
            Ok(())
        })
        .await
    }

    /// One row.
    ///
    /// # Errors
    /// The database's.
    pub async fn get(&self, id: i64) -> Result<Option<Row>> {
        self.read(move |connection| Ok(all(connection, "WHERE id = ?1", [id])?.pop())).await
    }

    /// A batch's rows in order, without those that are gone.
    ///
    /// # Errors
    /// The database's.
    pub async fn batch(&self, batch: i64) -> Result<Vec<Row>> {
        self.read(move |connection| all(connection, "WHERE batch = ?1 AND state <> 'gone' ORDER BY position", [batch])).await
    }

    /// Rows that are not over (queued, waiting, failed), oldest first, and the last `recent` that are done, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn present(&self, recent: u32) -> Result<(Vec<Row>, Vec<Row>)> {
        self.read(move |connection| {
            let open = all(connection, "WHERE state IN ('queued', 'waiting', 'failed') ORDER BY id", [])?;
            let done = all(connection, "WHERE state = 'done' ORDER BY done_at DESC, id DESC LIMIT ?1", [recent])?;
            Ok((open, done))
        })
        .await
    }

    /// Rows that other processes changed after `changed`, in the order of their change, and the highest number there is now.
    ///
    /// # Errors
    /// The database's.
    pub async fn since(&self, changed: i64) -> Result<(Vec<Row>, i64)> {
        // A claim or a release changes many rows under one number, so a page may not end in the middle of one.
        let mut rows =
            self.read(move |connection| all(connection, "WHERE changed > ?1 ORDER BY changed, id LIMIT 5000", [changed])).await?;
        let upto = rows.last().map_or(changed, |row| row.changed);
        let mut own = self.own.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        rows.retain(|row| !own.contains(&(row.id, row.changed)));
        own.retain(|(_, number)| *number > upto);
        Ok((rows, upto))
    }

    /// Gives the duty to remove an object to another upload that shares it.
    ///
    /// # Errors
    /// The database's.
    pub async fn pass_on(&self, to: i64) -> Result<()> {
        self.write(move |connection| {
            connection.execute("UPDATE uploads SET created = 1 WHERE id = ?1 AND state = 'done'", [to]).map(|_| ())
        })
        .await
    }

    /// Who owns open rows.
    ///
    /// # Errors
    /// The database's.
    pub async fn owners(&self) -> Result<BTreeSet<String>> {
        self.read(|connection| {
            connection
                .prepare("SELECT DISTINCT owner FROM uploads WHERE owner IS NOT NULL AND state IN ('queued', 'waiting')")?
                .query_map([], |sql| sql.get(0))?
                .collect()
        })
        .await
    }

    /// Every file in the spool that a row still names, with the rows that are done apart (they keep it for a thumbnail only).
    ///
    /// # Errors
    /// The database's.
    pub async fn spooled(&self) -> Result<Vec<(i64, String, RowState, u64)>> {
        self.read(|connection| {
            connection
                .prepare("SELECT id, spool, state, size FROM uploads WHERE spool IS NOT NULL ORDER BY id")?
                .query_map([], |sql| {
                    Ok((
                        sql.get("id")?,
                        sql.get("spool")?,
                        unword(sql, "state")?.unwrap_or(RowState::Failed),
                        sql.get::<_, i64>("size")?.unsigned_abs(),
                    ))
                })?
                .collect()
        })
        .await
    }

    /// The twin of a row, see [`Twin`].
    ///
    /// # Errors
    /// The database's.
    pub async fn twin(&self, of: Row) -> Result<Option<Twin>> {
        self.read(move |connection| twin(connection, &of)).await
    }

    /// Every row that names this bucket and key, at whichever destination and however it stands, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn naming(&self, bucket: String, key: String) -> Result<Vec<Row>> {
        self.read(move |connection| all(connection, "WHERE bucket = ?1 AND key = ?2 ORDER BY id", [bucket, key])).await
    }

    /// How many uploads this home has ever taken: what `{counter}` counts.
    ///
    /// # Errors
    /// The database's.
    pub async fn count(&self) -> Result<u64> {
        self.read(|connection| connection.query_row("SELECT coalesce(max(id), 0) FROM uploads", [], |sql| sql.get::<_, i64>(0)))
            .await
            .map(i64::unsigned_abs)
    }

    /// History, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn search(&self, search: Search) -> Result<Vec<Row>> {
        self.read(move |connection| {
            let mut tail = String::from("WHERE state <> 'gone'");
            let mut values = Vec::new();
            if let Some(before) = search.before {
                tail.push_str(" AND id < ?");
                values.push(Value::Integer(before));
            }
            if !search.states.is_empty() {
                tail.push_str(&format!(" AND state IN ({})", vec!["?"; search.states.len()].join(", ")));
                values.extend(search.states.into_iter().filter_map(word).map(Value::Text));
            }
            if let Some(text) = search.text.filter(|text| !text.is_empty()) {
                let like = format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
                tail.push_str(" AND (name LIKE ? ESCAPE '\\' OR key LIKE ? ESCAPE '\\' OR bucket LIKE ? ESCAPE '\\')");
                values.extend([Value::Text(like.clone()), Value::Text(like.clone()), Value::Text(like)]);
            }
            tail.push_str(" ORDER BY id DESC LIMIT ?");
            values.push(Value::Integer(i64::from(search.limit)));
            all(connection, &tail, params_from_iter(values))
        })
        .await
    }
}
