//! Every statement that changes the journal.

use imagepic_words::errors;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::rows::{Change, Row, RowState, Twin};
use super::table::{COLUMNS, NEXT_CHANGE, OPEN, all, insert, row, twin, unjson, word};
use super::{Journal, Last};
use crate::error::{Code, Error, Result};

pub(super) fn claim(dead: usize) -> String {
    let holders = vec!["?"; dead].join(", ");
    format!(
        "UPDATE uploads SET owner = ?, state = iif(waiting IS 'name', state, 'queued'), fault = iif(waiting IS 'name', fault, NULL), \
         waiting = iif(waiting IS 'name', waiting, NULL), changed = {NEXT_CHANGE} WHERE {OPEN} AND state <> 'failed' AND \
         (owner IS NULL OR owner IN ({holders})) RETURNING {COLUMNS}"
    )
}

pub(super) fn release() -> String {
    format!("UPDATE uploads SET owner = NULL, changed = {NEXT_CHANGE} WHERE {OPEN} AND state <> 'failed' AND owner = ?1")
}

pub(super) fn lost(dead: usize) -> String {
    let holders = vec!["?"; dead].join(", ");
    format!(
        "SELECT id, name FROM uploads WHERE {OPEN} AND state <> 'failed' AND spool IS NULL AND reference IS NULL AND \
         (owner IS NULL OR owner IN ({holders}))"
    )
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
    /// (a cancel from another process, say) was first. `last`: from when on it outlives a power cut.
    ///
    /// # Errors
    /// `DiskFull` and the like; then nothing changed.
    pub(crate) async fn change(&self, of: &Row, owner: Option<String>, change: Change, last: Last) -> Result<Option<Row>> {
        let own = self.own.clone();
        let mut row = of.clone();
        let run = move |connection: &Connection| {
            let fault = change.fault.as_ref().and_then(|fault| serde_json::to_string(fault).ok());
            let over = matches!(change.state, RowState::Done | RowState::Failed | RowState::Cancelled | RowState::Gone);
            // SQLite writes the entries of every index anew whose columns are named here, changed or not.
            let key = if change.key.is_some() { ", key = ?15" } else { "" };
            let spool = if change.forgets_spool { ", spool = NULL" } else { "" };
            let (state, waiting) = (word(change.state), change.waiting.and_then(word));
            let owned = owner.as_ref().filter(|_| !over);
            // Asked before, not by RETURNING: for that SQLite opens a table of its own each time, and notes every page before it changes it.
            let before = connection
                .prepare_cached(&format!("SELECT spool, reference, {NEXT_CHANGE} FROM uploads WHERE id = ?1"))?
                .query_row([row.id], |sql| Ok((sql.get(0)?, unjson(sql, "reference")?, sql.get(2)?)))
                .optional()?;
            let Some((kept, reference, changed)): Option<(Option<String>, _, i64)> = before else { return Ok(None) };
            let mut values = params![
                row.id,
                owner,
                owned,
                state,
                change.etag,
                fault,
                waiting,
                change.tries,
                change.next_try_at,
                change.done_at,
                change.reused,
                change.created,
                change.expires_at,
                changed
            ]
            .to_vec();
            if let Some(key) = &change.key {
                values.push(key);
            }
            let written = connection
                .prepare_cached(&format!(
                    "UPDATE uploads SET state = ?4, etag = ?5, fault = ?6, waiting = ?7, tries = ?8, next_try_at = ?9, done_at = ?10, \
                     reused = ?11, created = ?12, expires_at = ?13, owner = ?3, changed = ?14{key}{spool} \
                     WHERE id = ?1 AND (?2 IS NULL OR (owner IS ?2 AND state IN ('queued', 'waiting')))"
                ))?
                .execute(values.as_slice())?;
            if written == 0 {
                return Ok(None);
            }
            // What a change does not touch is as it was: everything else of a row is written once.
            (row.owner, row.changed) = (owned.cloned(), changed);
            (row.spool, row.reference) = (kept.filter(|_| !change.forgets_spool), reference);
            row.apply(change);
            own.note(&row);
            Ok(Some(row))
        };
        self.write_as(last, run).await
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

    /// Takes open rows over, in one statement: those nobody owns, and those of owners whose lock is free. They become queued, but for
    /// those that wait for their names: no process can know them.
    ///
    /// # Errors
    /// The database's.
    pub async fn claim(&self, owner: String, dead: Vec<String>) -> Result<Vec<Row>> {
        let own = self.own.clone();
        self.write(move |connection| {
            let claim = claim(dead.len());
            let mut values = vec![Value::Text(owner)];
            values.extend(dead.into_iter().map(Value::Text));
            let mut rows: Vec<Row> =
                connection.prepare(&claim)?.query_map(params_from_iter(values), row)?.collect::<rusqlite::Result<_>>()?;
            rows.sort_by_key(|row| row.id);
            rows.iter().for_each(|row| own.note(row));
            Ok(rows)
        })
        .await
    }

    /// Says of what only the memory of the `dead` held that it failed: how many those are. A further try still finds what reached its store.
    ///
    /// # Errors
    /// The database's.
    pub async fn give_up_lost(&self, dead: Vec<String>) -> Result<usize> {
        self.write(move |connection| {
            let rows: Vec<(i64, String)> = connection
                .prepare(&lost(dead.len()))?
                .query_map(params_from_iter(&dead), |sql| Ok((sql.get(0)?, sql.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            for (id, name) in &rows {
                let fault = Error::new(Code::FileMissing, errors::spool_missing(name)).fault();
                connection.execute(
                    &format!("UPDATE uploads SET owner = NULL, state = 'failed', fault = ?2, waiting = NULL, changed = {NEXT_CHANGE} WHERE id = ?1"),
                    params![id, serde_json::to_string(&fault).ok()],
                )?;
            }
            Ok(rows.len())
        })
        .await
    }

    /// Takes one row to try it again that failed, was cancelled or waits, or is queued and has nobody who sends it: no owner, or one of
    /// the `dead`. One that waits may be another process's, which lets go of it: should both send it, the store takes the first and the
    /// second finds it.
    ///
    /// # Errors
    /// The database's.
    pub async fn reopen(&self, id: i64, owner: String, dead: Vec<String>) -> Result<Option<Row>> {
        let own = self.own.clone();
        self.write(move |connection| {
            let holders = vec!["?"; dead.len()].join(", ");
            let mut values = vec![Value::Text(owner), Value::Integer(id)];
            values.extend(dead.into_iter().map(Value::Text));
            let changed = connection.execute(
                &format!(
                    "UPDATE uploads SET owner = ?, state = 'queued', tries = 0, next_try_at = NULL, fault = NULL, waiting = NULL, changed = \
                     {NEXT_CHANGE} WHERE id = ? AND (state IN ('failed', 'cancelled', 'waiting') OR (state = 'queued' AND \
                     (owner IS NULL OR owner IN ({holders}))))"
                ),
                params_from_iter(values),
            )?;
            if changed == 0 { Ok(None) } else { Ok(all(connection, "WHERE id = ?1", [id])?.pop().inspect(|row| own.note(row))) }
        })
        .await
    }

    /// Gives a row that waits for its name a key and lets it go on, in one statement: of two who name it, one does. `name` is what
    /// people see from then on, where they typed it.
    ///
    /// # Errors
    /// The database's.
    pub async fn named(&self, id: i64, owner: String, key: String, name: Option<String>) -> Result<Option<Row>> {
        let own = self.own.clone();
        self.write(move |connection| {
            let changed = connection.execute(
                &format!(
                    "UPDATE uploads SET owner = ?2, state = 'queued', key = ?3, name = coalesce(?4, name), fault = NULL, waiting = NULL, \
                     changed = {NEXT_CHANGE} WHERE id = ?1 AND state = 'waiting' AND waiting = 'name'"
                ),
                params![id, owner, key, name],
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
        self.write(move |connection| connection.execute(&release(), [owner]).map(|_| ())).await
    }

    /// Notes until when the row's latest link opens.
    ///
    /// # Errors
    /// The database's.
    pub async fn linked(&self, id: i64, expires_at: Option<i64>) -> Result<()> {
        self.write(move |connection| {
            let renewed = format!("UPDATE uploads SET expires_at = ?2, changed = {NEXT_CHANGE} WHERE id = ?1");
            connection.execute(&renewed, params![id, expires_at]).map(|_| ())
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
}
