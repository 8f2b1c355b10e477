//! How a row lies in the table: columns, words for what is chosen from a few, JSON for what has parts.

use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::rows::{Row, RowState, Twin};
use crate::capture::Source;

pub(super) const COLUMNS: &str = "id, batch, position, state, source, name, spool, reference, size, content_type, width, height, original, prepared, \
     destination, bucket, folder, key, etag, fault, waiting, tries, next_try_at, owner, taken_at, done_at, deliver, format, reused, \
     created, expires_at, made, density, changed";

/// Of a long history only these rows are open. Word for word the condition of the index `uploads_open`: SQLite takes an index of some
/// rows only for a statement that says so itself, and reads all of them otherwise.
pub(super) const OPEN: &str = "state IN ('queued', 'waiting', 'failed')";

pub(super) const NEXT_CHANGE: &str = "(SELECT coalesce(max(changed), 0) + 1 FROM uploads)";

/// The number of the next change, for statements that write one row: it must be asked for within their transaction.
pub(super) fn next_change(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached(&format!("SELECT {NEXT_CHANGE}"))?.query_row([], |sql| sql.get(0))
}

pub(super) fn word<T: Serialize>(value: T) -> Option<String> {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned))
}

pub(super) fn unword<T: DeserializeOwned>(row: &SqlRow<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_value(serde_json::Value::String(text)).ok()))
}

pub(super) fn unjson<T: DeserializeOwned>(row: &SqlRow<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

#[expect(clippy::cast_sign_loss, reason = "sizes are written from u64 and never negative")]
pub(super) fn row(sql: &SqlRow<'_>) -> rusqlite::Result<Row> {
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
        made: unjson(sql, "made")?,
        density: sql.get("density")?,
        changed: sql.get("changed")?,
    })
}

pub(super) fn all(connection: &Connection, tail: &str, values: impl rusqlite::Params) -> rusqlite::Result<Vec<Row>> {
    connection.prepare_cached(&format!("SELECT {COLUMNS} FROM uploads {tail}"))?.query_map(values, row)?.collect()
}

pub(super) fn insert(connection: &Connection, new: &mut Row) -> rusqlite::Result<()> {
    let json =
        |value: serde_json::Result<String>| value.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)));
    let reference = new.reference.as_ref().map(serde_json::to_string).map(json).transpose()?;
    let made = new.made.as_ref().map(serde_json::to_string).map(json).transpose()?;
    let fault = new.fault.as_ref().map(serde_json::to_string).map(json).transpose()?;
    let changed = next_change(connection)?;
    // By place, not by name: SQLite would look for each of the names among all of them, row for row.
    connection
        .prepare_cached(
            "INSERT INTO uploads (batch, position, state, source, name, spool, reference, size, content_type, width, height, original, \
             prepared, destination, bucket, folder, key, fault, waiting, owner, taken_at, deliver, format, made, density, changed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, \
             ?25, ?26)",
        )?
        .execute(params![
            new.batch,
            new.position,
            word(new.state),
            word(new.source),
            new.name,
            new.spool,
            reference,
            i64::try_from(new.size).unwrap_or(i64::MAX),
            new.content_type,
            new.width,
            new.height,
            new.original,
            new.prepared,
            new.destination,
            new.bucket,
            new.folder,
            new.key,
            fault,
            new.waiting.and_then(word),
            new.owner,
            new.taken_at,
            word(new.deliver),
            new.format.and_then(word),
            made,
            new.density,
            changed,
        ])?;
    new.id = connection.last_insert_rowid();
    new.changed = changed;
    if new.batch == 0 {
        new.batch = new.id;
        connection.prepare_cached("UPDATE uploads SET batch = id WHERE id = ?1")?.execute([new.id])?;
    }
    Ok(())
}

pub(super) fn twin(connection: &Connection, of: &Row) -> rusqlite::Result<Option<Twin>> {
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
