//! Every question to the journal. Answered by a thread of its own, so that none waits for a disk flush.

use std::collections::BTreeSet;

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::Journal;
use super::rows::{Row, RowState, Search, Twin};
use super::table::{OPEN, all, twin, unword, word};
use crate::error::Result;

pub(super) fn owners() -> String {
    format!("SELECT DISTINCT owner FROM uploads WHERE {OPEN} AND state <> 'failed' AND owner IS NOT NULL")
}

pub(super) fn left(dead: usize) -> String {
    let holders = vec!["?"; dead].join(", ");
    format!("SELECT id FROM uploads WHERE {OPEN} AND state = 'queued' AND (owner IS NULL OR owner IN ({holders}))")
}

impl Journal {
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
            let open = all(connection, &format!("WHERE {OPEN} ORDER BY id"), [])?;
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

    /// Who owns open rows.
    ///
    /// # Errors
    /// The database's.
    pub async fn owners(&self) -> Result<BTreeSet<String>> {
        self.read(|connection| connection.prepare(&owners())?.query_map([], |sql| sql.get(0))?.collect()).await
    }

    /// The queued rows that nobody sends: without an owner, or with one of the `dead`.
    ///
    /// # Errors
    /// The database's.
    pub async fn left(&self, dead: Vec<String>) -> Result<Vec<i64>> {
        self.read(move |connection| {
            connection.prepare(&left(dead.len()))?.query_map(rusqlite::params_from_iter(dead), |sql| sql.get(0))?.collect()
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

    /// Whether any upload, however it stands, is of these bytes.
    ///
    /// # Errors
    /// The database's.
    pub async fn holds(&self, prepared: [u8; 32]) -> Result<bool> {
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM uploads WHERE prepared = ?1 AND state <> 'gone')")?
                .query_row([prepared], |sql| sql.get(0))
        })
        .await
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
