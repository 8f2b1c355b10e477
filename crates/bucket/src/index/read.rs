//! Rows: buckets, objects, uploads, parts and references to blobs, read and changed on a given connection.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use s3s::S3ErrorCode;
use serde::{Deserialize, Serialize};

use super::Effects;
use crate::blobs::BlobId;
use crate::digest::Sums;
use crate::fail::{Fail, Try, refuse};

/// Milliseconds since 1970.
pub(crate) type Millis = i64;

/// A stretch of an object's bytes: one whole blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) blob: BlobId,
    pub(crate) size: u64,
}

/// What is said about an object beside its bytes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Meta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Millis>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) user: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Sums::is_empty")]
    pub(crate) sums: Sums,
    /// True where the checksums are over the part checksums (COMPOSITE).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) composite: bool,
    /// Uploads only: the checksum asked for at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) algorithm: Option<crate::digest::Algorithm>,
}

/// A row of `object`.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified: Millis,
    pub(crate) meta: Meta,
    pub(crate) pieces: Vec<Piece>,
}

fn pack(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(|p| p.blob.0.into_iter().chain(p.size.to_be_bytes())).collect()
}

fn unpack(bytes: &[u8]) -> Vec<Piece> {
    let (rows, _) = bytes.as_chunks::<24>();
    rows.iter()
        .map(|row| {
            let (mut id, mut size) = ([0; 16], [0; 8]);
            id.copy_from_slice(&row[..16]);
            size.copy_from_slice(&row[16..]);
            Piece { blob: BlobId(id), size: u64::from_be_bytes(size) }
        })
        .collect()
}

fn json<T: for<'de> Deserialize<'de>>(column: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(e)))
}

fn to_json<T: Serialize>(value: &T) -> Try<String> {
    serde_json::to_string(value).map_err(|e| Fail::Io(e.into()))
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A row of `bucket`.
pub(crate) struct BucketRow {
    pub(crate) name: String,
    pub(crate) created: Millis,
    pub(crate) policy: Option<String>,
}

pub(crate) fn bucket_id(conn: &Connection, name: &str) -> Try<i64> {
    conn.prepare_cached("SELECT id FROM bucket WHERE name = ?")?
        .query_row([name], |r| r.get(0))
        .optional()?
        .ok_or_else(|| refuse(S3ErrorCode::NoSuchBucket, format!("There is no bucket \"{name}\".")).into())
}

pub(crate) fn buckets(conn: &Connection) -> Try<Vec<BucketRow>> {
    let mut query = conn.prepare_cached("SELECT name, created, policy FROM bucket ORDER BY name")?;
    let rows = query.query_map([], |r| Ok(BucketRow { name: r.get(0)?, created: r.get(1)?, policy: r.get(2)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes a bucket; false where it was there already.
pub(crate) fn add_bucket(conn: &Connection, name: &str, now: Millis) -> Try<bool> {
    let n = conn.prepare_cached("INSERT OR IGNORE INTO bucket (name, created) VALUES (?, ?)")?.execute(params![name, now])?;
    Ok(n == 1)
}

pub(crate) fn drop_bucket(conn: &Connection, name: &str, effects: &mut Effects) -> Try<()> {
    let id = bucket_id(conn, name)?;
    if conn.prepare_cached("SELECT 1 FROM object WHERE bucket = ? LIMIT 1")?.exists([id])? {
        return Err(refuse(S3ErrorCode::BucketNotEmpty, "The bucket you tried to delete is not empty.").into());
    }
    let uploads: Vec<String> = conn
        .prepare_cached("SELECT id FROM upload WHERE bucket = ?")?
        .query_map([id], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    for upload in uploads {
        drop_upload(conn, &upload, &[], effects)?;
    }
    conn.prepare_cached("DELETE FROM bucket WHERE id = ?")?.execute([id])?;
    Ok(())
}

pub(crate) fn set_policy(conn: &Connection, bucket: &str, policy: Option<&str>) -> Try<()> {
    let id = bucket_id(conn, bucket)?;
    conn.prepare_cached("UPDATE bucket SET policy = ? WHERE id = ?")?.execute(params![policy, id])?;
    Ok(())
}

pub(crate) fn policy(conn: &Connection, bucket: &str) -> Try<Option<String>> {
    let id = bucket_id(conn, bucket)?;
    Ok(conn.prepare_cached("SELECT policy FROM bucket WHERE id = ?")?.query_row([id], |r| r.get(0))?)
}

pub(crate) fn find_object(conn: &Connection, bucket: i64, key: &str) -> Try<Option<Object>> {
    let mut query = conn.prepare_cached("SELECT size, etag, modified, meta, pieces FROM object WHERE bucket = ? AND key = ?")?;
    let found = query
        .query_row(params![bucket, key.as_bytes()], |r| {
            Ok(Object {
                size: unsigned(r.get(0)?),
                etag: r.get(1)?,
                modified: r.get(2)?,
                meta: json(3, r.get_ref(3)?.as_str()?)?,
                pieces: unpack(r.get_ref(4)?.as_blob()?),
            })
        })
        .optional()?;
    Ok(found)
}

pub(crate) fn object(conn: &Connection, bucket: &str, key: &str) -> Try<Object> {
    let id = bucket_id(conn, bucket)?;
    find_object(conn, id, key)?.ok_or_else(|| refuse(S3ErrorCode::NoSuchKey, "The specified key does not exist.").into())
}

/// Writes an object row and lets go of the blobs of the one it replaces. The references of `object.pieces` are the caller's.
pub(crate) fn put_object(conn: &Connection, bucket: i64, key: &str, object: &Object, effects: &mut Effects) -> Try<()> {
    if let Some(old) = find_object(conn, bucket, key)? {
        release(conn, old.pieces.iter().map(|p| p.blob), effects)?;
    }
    conn.prepare_cached(
        "INSERT OR REPLACE INTO object (bucket, key, size, etag, modified, meta, pieces) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        bucket,
        key.as_bytes(),
        signed(object.size),
        object.etag,
        object.modified,
        to_json(&object.meta)?,
        pack(&object.pieces)
    ])?;
    Ok(())
}

pub(crate) fn drop_object(conn: &Connection, bucket: i64, key: &str, effects: &mut Effects) -> Try<()> {
    if let Some(old) = find_object(conn, bucket, key)? {
        release(conn, old.pieces.iter().map(|p| p.blob), effects)?;
        conn.prepare_cached("DELETE FROM object WHERE bucket = ? AND key = ?")?.execute(params![bucket, key.as_bytes()])?;
    }
    Ok(())
}

/// Adds a reference to each blob, the first of a new one included.
pub(crate) fn refer(conn: &Connection, blobs: impl IntoIterator<Item = BlobId>) -> Try<()> {
    let mut statement = conn.prepare_cached("INSERT INTO blob VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET refs = refs + 1")?;
    for blob in blobs {
        statement.execute([&blob.0[..]])?;
    }
    Ok(())
}

/// Takes a reference from each blob; those without one left are unlinked after the commit.
pub(crate) fn release(conn: &Connection, blobs: impl IntoIterator<Item = BlobId>, effects: &mut Effects) -> Try<()> {
    let mut less = conn.prepare_cached("UPDATE blob SET refs = refs - 1 WHERE id = ? RETURNING refs")?;
    let mut gone = conn.prepare_cached("DELETE FROM blob WHERE id = ?")?;
    for blob in blobs {
        let refs: Option<i64> = less.query_row([&blob.0[..]], |r| r.get(0)).optional()?;
        if refs.is_some_and(|n| n <= 0) {
            gone.execute([&blob.0[..]])?;
            effects.dropped.push(blob);
        }
    }
    Ok(())
}

pub(crate) fn knows_blob(conn: &Connection, blob: BlobId) -> Try<bool> {
    Ok(conn.prepare_cached("SELECT 1 FROM blob WHERE id = ?")?.exists([&blob.0[..]])?)
}

/// A row of `upload`.
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) created: Millis,
    pub(crate) meta: Meta,
}

/// A row of `part`.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) number: i32,
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) modified: Millis,
    pub(crate) sums: Sums,
    pub(crate) blob: BlobId,
}

pub(crate) fn add_upload(conn: &Connection, bucket: i64, upload: &Upload) -> Try<()> {
    conn.prepare_cached("INSERT INTO upload (id, bucket, key, created, meta) VALUES (?, ?, ?, ?, ?)")?.execute(params![
        upload.id,
        bucket,
        upload.key.as_bytes(),
        upload.created,
        to_json(&upload.meta)?
    ])?;
    Ok(())
}

fn upload_row(r: &rusqlite::Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        id: r.get(0)?,
        key: String::from_utf8_lossy(r.get_ref(1)?.as_blob()?).into_owned(),
        created: r.get(2)?,
        meta: json(3, r.get_ref(3)?.as_str()?)?,
    })
}

pub(crate) fn upload(conn: &Connection, bucket: &str, key: &str, id: &str) -> Try<Upload> {
    let bucket = bucket_id(conn, bucket)?;
    conn.prepare_cached("SELECT id, key, created, meta FROM upload WHERE id = ? AND bucket = ? AND key = ?")?
        .query_row(params![id, bucket, key.as_bytes()], upload_row)
        .optional()?
        .ok_or_else(|| {
            let text = "The specified multipart upload does not exist: it was completed, aborted, or never started.";
            refuse(S3ErrorCode::NoSuchUpload, text).into()
        })
}

/// Uploads in order of key and id, behind the given ones.
pub(crate) fn uploads(conn: &Connection, bucket: i64, prefix: &str, after: (&str, &str)) -> Try<Vec<Upload>> {
    let mut query = conn.prepare_cached(
        "SELECT id, key, created, meta FROM upload WHERE bucket = ? AND (key, id) > (?, ?) AND key >= ? ORDER BY key, id",
    )?;
    let mut rows = query.query(params![bucket, after.0.as_bytes(), after.1, prefix.as_bytes()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let upload = upload_row(row)?;
        if !upload.key.starts_with(prefix) {
            break;
        }
        found.push(upload);
    }
    Ok(found)
}

pub(crate) fn parts(conn: &Connection, upload: &str, after: i32) -> Try<Vec<Part>> {
    let mut query = conn.prepare_cached(
        "SELECT number, size, md5, modified, sums, blob FROM part WHERE upload = ? AND number > ? ORDER BY number",
    )?;
    let rows = query.query_map(params![upload, after], |r| {
        Ok(Part {
            number: r.get(0)?,
            size: unsigned(r.get(1)?),
            md5: r.get(2)?,
            modified: r.get(3)?,
            sums: json(4, r.get_ref(4)?.as_str()?)?,
            blob: BlobId(r.get(5)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn put_part(conn: &Connection, upload: &str, part: &Part, effects: &mut Effects) -> Try<()> {
    let old: Option<[u8; 16]> = conn
        .prepare_cached("SELECT blob FROM part WHERE upload = ? AND number = ?")?
        .query_row(params![upload, part.number], |r| r.get(0))
        .optional()?;
    release(conn, old.map(BlobId), effects)?;
    refer(conn, [part.blob])?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO part (upload, number, size, md5, modified, sums, blob) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![upload, part.number, signed(part.size), part.md5, part.modified, to_json(&part.sums)?, part.blob.0])?;
    Ok(())
}

/// Forgets an upload; the blobs in `kept` go over to the object with the reference they have.
pub(crate) fn drop_upload(conn: &Connection, upload: &str, kept: &[BlobId], effects: &mut Effects) -> Try<()> {
    let kept: std::collections::HashSet<_> = kept.iter().collect();
    let parts = parts(conn, upload, 0)?;
    release(conn, parts.iter().map(|p| p.blob).filter(|b| !kept.contains(b)), effects)?;
    conn.prepare_cached("DELETE FROM part WHERE upload = ?")?.execute([upload])?;
    conn.prepare_cached("DELETE FROM upload WHERE id = ?")?.execute([upload])?;
    Ok(())
}

/// Forgets uploads that were begun before `before` and have had no part since; returns how many.
pub(crate) fn drop_stale_uploads(conn: &Connection, before: Millis, effects: &mut Effects) -> Try<usize> {
    let stale: Vec<String> = conn
        .prepare_cached(
            "SELECT id FROM upload WHERE created < ?1
             AND NOT EXISTS (SELECT 1 FROM part WHERE part.upload = upload.id AND part.modified >= ?1)",
        )?
        .query_map([before], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    for upload in &stale {
        drop_upload(conn, upload, &[], effects)?;
    }
    Ok(stale.len())
}

/// How many buckets, objects and bytes there are.
pub(crate) fn usage(conn: &Connection) -> Try<(u64, u64, u64)> {
    let buckets = conn.query_row("SELECT count(*) FROM bucket", [], |r| r.get(0))?;
    let (objects, bytes) =
        conn.query_row("SELECT count(*), coalesce(sum(size), 0) FROM object", [], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok((unsigned(buckets), unsigned(objects), unsigned(bytes)))
}
