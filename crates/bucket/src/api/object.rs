//! Objects: put, get, head, delete, copy.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rusqlite::Connection;
use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::condition::{ReadIf, WriteIf, range_counts};
use super::download::Reading;
use super::upload::{LARGEST, Written, receive};
use super::{Api, check_version, check_wishes, i64_of, now, seconds, timestamp};
use crate::blobs::Blobs;
use crate::digest::{Algorithm, Claims, Sums, set_sums, with_sums};
use crate::fail::{Fail, Try, refuse, sentence, unsupported};
use crate::index::{self, Meta, Object as Row, Piece};

/// Longest user metadata S3 takes, names and values together ("Working with object metadata").
const LONGEST_METADATA: usize = 2048;
const LONGEST_KEY: usize = 1024;
/// From this size on a put to a bucket that is not there is refused before its body is read.
const EARLY: u64 = 1024 * 1024;

/// Reads the fields every upload has for what is said about the object.
macro_rules! meta_of {
    ($input:expr) => {
        $crate::index::Meta {
            content_type: $input.content_type.clone(),
            cache_control: $input.cache_control.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_encoding: $crate::api::object::stored_encoding($input.content_encoding.as_deref()),
            content_language: $input.content_language.clone(),
            expires: $input.expires.as_ref().map(|e| $crate::api::seconds(e) * 1000),
            user: $crate::api::object::user_metadata($input.metadata.as_ref())?,
            ..Default::default()
        }
    };
}
pub(super) use meta_of;

pub(super) fn user_metadata(metadata: Option<&Metadata>) -> S3Result<BTreeMap<String, String>> {
    let user: BTreeMap<String, String> = metadata.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    if user.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>() > LONGEST_METADATA {
        return Err(refuse(
            S3ErrorCode::MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size of 2 KB.",
        ));
    }
    Ok(user)
}

/// `aws-chunked` is about the way here, not about the object.
pub(super) fn stored_encoding(sent: Option<&str>) -> Option<String> {
    let kept: Vec<&str> =
        sent?.split(',').map(str::trim).filter(|e| !e.is_empty() && !e.eq_ignore_ascii_case("aws-chunked")).collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

pub(super) fn check_key(key: &str) -> S3Result<()> {
    match key.len() {
        0 => Err(refuse(S3ErrorCode::InvalidArgument, "A key has at least one byte.")),
        1..=LONGEST_KEY => Ok(()),
        _ => Err(refuse(S3ErrorCode::KeyTooLongError, "Your key is too long; it may have 1,024 bytes.")),
    }
}

/// The length the client announced; a put without one is refused as S3 does.
pub(super) fn announced(length: Option<i64>) -> S3Result<u64> {
    let length =
        length.ok_or_else(|| refuse(S3ErrorCode::MissingContentLength, "You must provide the Content-Length HTTP header."))?;
    let length = u64::try_from(length).map_err(|_| refuse(S3ErrorCode::InvalidArgument, "Content-Length is negative."))?;
    if length > LARGEST {
        return Err(refuse(
            S3ErrorCode::EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed size of 5 GiB; use a multipart upload.",
        ));
    }
    Ok(length)
}

/// What a read found: the row and, for GET, its bytes.
struct Found {
    row: Row,
    range: Option<Range<u64>>,
    part: Option<i32>,
    body: Option<StreamingBlob>,
}

/// The stretch asked for by `Range` or `partNumber`.
fn stretch(row: &Row, range: Option<&s3s::dto::Range>, part: Option<i32>) -> S3Result<Option<Range<u64>>> {
    if let Some(number) = part {
        if range.is_some() {
            return Err(refuse(S3ErrorCode::InvalidRequest, "Cannot specify both Range header and partNumber query parameter."));
        }
        let index = usize::try_from(number - 1).ok().filter(|&n| n < row.pieces.len().max(1));
        let index = index.ok_or_else(|| refuse(S3ErrorCode::InvalidRange, "The requested part number is not satisfiable."))?;
        let start: u64 = row.pieces[..index.min(row.pieces.len())].iter().map(|p| p.size).sum();
        return Ok(row.pieces.get(index).map(|p| start..start + p.size).filter(|r| !r.is_empty()));
    }
    let Some(range) = range else { return Ok(None) };
    match range.check(row.size) {
        Ok(found) => Ok(Some(found)),
        Err(_) => {
            let mut error = refuse(S3ErrorCode::InvalidRange, "The requested range is not satisfiable.");
            let mut headers = http::HeaderMap::new();
            if let Ok(value) = http::HeaderValue::try_from(format!("bytes */{}", row.size)) {
                headers.insert(http::header::CONTENT_RANGE, value);
            }
            error.set_headers(headers);
            Err(error)
        }
    }
}

/// Fills the fields GET and HEAD share.
macro_rules! describe {
    ($output:ty, $found:expr, $checksums:expr) => {{
        let found: &Found = $found;
        let (row, meta) = (&found.row, &found.row.meta);
        let length = found.range.as_ref().map_or(row.size, |r| r.end - r.start);
        let mut output = <$output>::default();
        output.accept_ranges = Some("bytes".into());
        output.content_length = Some(i64_of(length));
        output.content_range = found.range.as_ref().map(|r| format!("bytes {}-{}/{}", r.start, r.end - 1, row.size));
        output.content_type = Some(meta.content_type.clone().unwrap_or_else(|| "binary/octet-stream".into()));
        output.cache_control = meta.cache_control.clone();
        output.content_disposition = meta.content_disposition.clone();
        output.content_encoding = meta.content_encoding.clone();
        output.content_language = meta.content_language.clone();
        output.expires = meta.expires.map(timestamp);
        output.e_tag = Some(ETag::Strong(row.etag.clone()));
        output.last_modified = Some(timestamp(row.modified));
        output.metadata = (!meta.user.is_empty()).then(|| meta.user.clone().into_iter().collect());
        output.parts_count =
            found.part.filter(|_| row.etag.contains('-')).map(|_| i32::try_from(row.pieces.len()).unwrap_or(i32::MAX));
        let sums = told(found, $checksums);
        if !sums.is_empty() {
            set_sums!(output, sums);
            output.checksum_type = Some(checksum_type(meta.composite));
        }
        output
    }};
}

/// The checksums an answer has. One of the whole beside a part of it would make clients see damage.
fn told(found: &Found, wanted: bool) -> &Sums {
    static NONE: Sums = Sums::new();
    if wanted && found.range.is_none() { &found.row.meta.sums } else { &NONE }
}

/// Checks the conditions of a write on what is at its key. An object whose bytes are gone does not stand in the way: nobody can have it,
/// and whoever puts it again mends it.
pub(super) fn check_present(conn: &Connection, blobs: &Blobs, place: (i64, &str), condition: &WriteIf) -> Try<()> {
    if !condition.is_any() {
        return Ok(());
    }
    let present = index::find_object(conn, place.0, place.1)?.filter(|row| blobs.are_whole(&row.pieces));
    Ok(condition.check(present.as_ref())?)
}

pub(super) fn checksum_type(composite: bool) -> ChecksumType {
    ChecksumType::from_static(if composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT })
}

impl Api {
    pub(super) async fn object_put(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = req.input;
        check_wishes!(&input);
        check_key(&input.key)?;
        if input.write_offset_bytes.is_some() {
            return Err(unsupported("appending"));
        }
        let mut meta: Meta = meta_of!(input);
        let condition = WriteIf::new(input.if_match, input.if_none_match.as_ref())?;
        let mut claims = Claims::new(input.content_md5.as_deref(), &req.headers, announced(input.content_length)?)?;
        if req.credentials.is_some() {
            claims.trust(&req.headers, meta.user.get("sha256").map(String::as_str));
        }
        let bucket = input.bucket;
        if claims.length() > EARLY {
            let name = bucket.clone();
            self.readers.run(move |conn| index::bucket_id(conn, &name)).await?;
        }
        let Written { fresh, found } = receive(&self.blobs, input.body, claims, req.trailing_headers).await?;
        meta.sums.clone_from(&found.sums);
        let etag = found.id.etag();
        let piece = Piece { blob: fresh.id, size: found.length };
        let row = Row { size: found.length, etag: etag.clone(), modified: now(), meta, pieces: vec![piece] };
        let (key, blobs) = (input.key, Arc::clone(&self.blobs));
        self.writer
            .change(vec![fresh], move |conn, effects| {
                let id = index::bucket_id(conn, &bucket)?;
                check_present(conn, &blobs, (id, &key), &condition)?;
                index::refer(conn, [piece.blob])?;
                index::put_object(conn, id, &key, &row, effects)
            })
            .await?;
        let mut output = PutObjectOutput { e_tag: Some(ETag::Strong(etag)), ..Default::default() };
        set_sums!(output, &found.sums);
        output.checksum_type = (!found.sums.is_empty()).then(|| checksum_type(false));
        Ok(with_sums(S3Response::new(output), &found.sums))
    }

    /// Looks up an object, checks a reader's conditions, and opens its bytes if they are wanted.
    async fn read(
        &self,
        bucket: String,
        key: String,
        bytes: bool,
        check: impl Fn(&Row) -> S3Result<(Option<Range<u64>>, Option<i32>)> + Send + 'static,
    ) -> Try<Found> {
        let blobs = Arc::clone(&self.blobs);
        self.readers
            .run(move |conn| {
                let gate = blobs.gate();
                let row = index::object(conn, &bucket, &key)?;
                let pinned = blobs.pin(row.pieces.iter().map(|p| p.blob));
                drop(gate);
                let (range, part) = check(&row)?;
                let whole = range.clone().unwrap_or(0..row.size);
                // Also where only the head is wanted: it must not tell of an object that cannot be read.
                let reading = Reading::new(Arc::clone(&blobs), pinned, &row.pieces, whole)?;
                let body = if bytes { Some(reading.into_body()?) } else { None };
                Ok(Found { row, range, part, body })
            })
            .await
    }

    pub(super) async fn object_get(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        check_version(input.version_id.as_deref())?;
        let checksums = input.checksum_mode.is_some();
        let headers = req.headers;
        let (bucket, key) = (input.bucket, input.key);
        let (if_match, none, since, unsince) =
            (input.if_match, input.if_none_match, input.if_modified_since, input.if_unmodified_since);
        let (range, part) = (input.range, input.part_number);
        let mut found = self
            .read(bucket, key, true, move |row| {
                let conditions = ReadIf {
                    matches: if_match.as_ref(),
                    none_match: none.as_ref(),
                    modified_since: since.as_ref(),
                    unmodified_since: unsince.as_ref(),
                };
                conditions.check(row, false)?;
                Ok((stretch(row, range.as_ref().filter(|_| range_counts(&headers, row)), part)?, part))
            })
            .await?;
        let body = found.body.take();
        let mut output = describe!(GetObjectOutput, &found, checksums);
        output.body = body;
        Ok(with_sums(S3Response::new(output), told(&found, checksums)))
    }

    pub(super) async fn object_head(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        check_version(input.version_id.as_deref())?;
        let checksums = input.checksum_mode.is_some();
        let headers = req.headers;
        let (bucket, key) = (input.bucket, input.key);
        let (if_match, none, since, unsince) =
            (input.if_match, input.if_none_match, input.if_modified_since, input.if_unmodified_since);
        let (range, part) = (input.range, input.part_number);
        let found = self
            .read(bucket, key, false, move |row| {
                let conditions = ReadIf {
                    matches: if_match.as_ref(),
                    none_match: none.as_ref(),
                    modified_since: since.as_ref(),
                    unmodified_since: unsince.as_ref(),
                };
                conditions.check(row, false)?;
                Ok((stretch(row, range.as_ref().filter(|_| range_counts(&headers, row)), part)?, part))
            })
            .await?;
        let output = describe!(HeadObjectOutput, &found, checksums);
        let status = if found.range.is_some() { http::StatusCode::PARTIAL_CONTENT } else { http::StatusCode::OK };
        Ok(with_sums(S3Response::with_status(output, status), told(&found, checksums)))
    }

    pub(super) async fn object_delete(&self, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
        check_version(input.version_id.as_deref())?;
        let condition = WriteIf::new(input.if_match, None)?;
        let (size, time) = (input.if_match_size, input.if_match_last_modified_time);
        self.writer
            .change(vec![], move |conn, effects| {
                let id = index::bucket_id(conn, &input.bucket)?;
                let present = index::find_object(conn, id, &input.key)?;
                condition.check(present.as_ref())?;
                if let Some(row) = &present {
                    let other_size = size.is_some_and(|s| s != i64_of(row.size));
                    let other_time = time.as_ref().is_some_and(|t| seconds(t) != row.modified.div_euclid(1000));
                    if other_size || other_time {
                        let text = "At least one of the pre-conditions you specified did not hold.";
                        return Err(refuse(S3ErrorCode::PreconditionFailed, text).into());
                    }
                }
                index::drop_object(conn, id, &input.key, effects)
            })
            .await?;
        Ok(DeleteObjectOutput::default())
    }

    pub(super) async fn object_delete_many(&self, input: DeleteObjectsInput) -> S3Result<DeleteObjectsOutput> {
        let objects = input.delete.objects;
        if objects.is_empty() || objects.len() > 1000 {
            return Err(refuse(S3ErrorCode::MalformedXML, "A request may name 1 to 1000 keys to delete."));
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        let bucket = input.bucket;
        let (deleted, errors) = self
            .writer
            .change(vec![], move |conn, effects| {
                let id = index::bucket_id(conn, &bucket)?;
                let (mut deleted, mut errors) = (Vec::new(), Vec::new());
                for object in objects {
                    let refused = check_version(object.version_id.as_deref()).and_then(|()| {
                        let condition = WriteIf::new(object.e_tag.clone().map(ETagCondition::ETag), None)?;
                        condition.check(index::find_object(conn, id, &object.key)?.as_ref())
                    });
                    match refused {
                        Ok(()) => {
                            index::drop_object(conn, id, &object.key, effects)?;
                            deleted.push(DeletedObject { key: Some(object.key), ..Default::default() });
                        }
                        Err(e) => errors.push(s3s::dto::Error {
                            code: Some(e.code().as_str().to_owned()),
                            key: Some(object.key),
                            message: Some(e.message().unwrap_or(sentence(e.code().as_str())).to_owned()),
                            version_id: None,
                        }),
                    }
                }
                Ok((deleted, errors))
            })
            .await?;
        Ok(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            errors: (!errors.is_empty()).then_some(errors),
            request_charged: None,
        })
    }

    pub(super) async fn object_copy(&self, req: S3Request<CopyObjectInput>) -> S3Result<CopyObjectOutput> {
        let condition = WriteIf::of_headers(&req.headers)?;
        let input = req.input;
        check_wishes!(&input);
        check_key(&input.key)?;
        let (from_bucket, from_key) = source(&input.copy_source)?;
        let replace = input.metadata_directive.as_ref().is_some_and(|d| d.as_str() == MetadataDirective::REPLACE);
        if from_bucket == input.bucket && from_key == input.key && !replace {
            let text =
                "This copy request is illegal because it is trying to copy an object to itself without changing its metadata.";
            return Err(refuse(S3ErrorCode::InvalidRequest, text));
        }
        let algorithm = input.checksum_algorithm.as_ref().map(|name| Algorithm::named(name.as_str())).transpose()?;
        let new_meta: Option<Meta> = if replace { Some(meta_of!(input)) } else { None };
        let (bucket, key) = (input.bucket, input.key);
        let conditions = (
            input.copy_source_if_match,
            input.copy_source_if_none_match,
            input.copy_source_if_modified_since,
            input.copy_source_if_unmodified_since,
        );
        let blobs = Arc::clone(&self.blobs);
        let row = self
            .writer
            .change(vec![], move |conn, effects| {
                let mut row = index::object(conn, &from_bucket, &from_key)?;
                let read_if = ReadIf {
                    matches: conditions.0.as_ref(),
                    none_match: conditions.1.as_ref(),
                    modified_since: conditions.2.as_ref(),
                    unmodified_since: conditions.3.as_ref(),
                };
                read_if.check(&row, true)?;
                if row.size > LARGEST {
                    return Err(Fail::S3(refuse(
                        S3ErrorCode::InvalidRequest,
                        "The source is larger than 5 GiB; copy it in parts.",
                    )));
                }
                blobs.check(row.pieces.iter().copied())?;
                if let Some(algorithm) = algorithm.filter(|a| !row.meta.sums.contains_key(a)) {
                    // No byte is read for a copy.
                    let what = format!("to make a {} checksum for a copy of an object that has none", algorithm.name());
                    return Err(unsupported(&what).into());
                }
                let id = index::bucket_id(conn, &bucket)?;
                check_present(conn, &blobs, (id, &key), &condition)?;
                if let Some(meta) = new_meta {
                    row.meta = Meta { sums: row.meta.sums, composite: row.meta.composite, ..meta };
                }
                row.modified = now();
                index::refer(conn, row.pieces.iter().map(|p| p.blob))?;
                index::put_object(conn, id, &key, &row, effects)?;
                Ok(row)
            })
            .await?;
        let mut result = CopyObjectResult {
            e_tag: Some(ETag::Strong(row.etag)),
            last_modified: Some(timestamp(row.modified)),
            ..Default::default()
        };
        set_sums!(result, &row.meta.sums);
        Ok(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() })
    }
}

/// Bucket and key a copy reads from.
pub(super) fn source(source: &CopySource) -> S3Result<(String, String)> {
    match source {
        CopySource::Bucket { bucket, key, version_id } => {
            check_version(version_id.as_deref())?;
            Ok((bucket.to_string(), key.to_string()))
        }
        _ => Err(unsupported("access points as the source of a copy")),
    }
}
