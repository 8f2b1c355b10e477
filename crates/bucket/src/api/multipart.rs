//! Multipart uploads. A part is a blob; completing makes an object of the list of them, so that nothing is copied.

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Result};

use super::condition::{ReadIf, WriteIf};
use super::download::Reading;
use super::object::{announced, check_key, check_present, checksum_type, meta_of, source};
use super::upload::{LARGEST, Written, receive, write_local};
use super::{Api, check_wishes, i64_of, now, timestamp};
use crate::digest::{Algorithm, Claims, Identity, Sums, claimed, join_sums, multipart_etag, set_sums, sums_of};
use crate::fail::{Fail, Try, refuse, unsupported};
use crate::index::{self, Meta, Object as Row, Part as PartRow, Piece, Upload};

/// Limits of "Amazon S3 multipart upload limits".
const SMALLEST_PART: u64 = 5 * 1024 * 1024;
const MOST_PARTS: i32 = 10_000;

fn check_number(number: i32) -> S3Result<()> {
    if (1..=MOST_PARTS).contains(&number) {
        return Ok(());
    }
    Err(refuse(S3ErrorCode::InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive."))
}

impl Api {
    pub(super) async fn upload_create(&self, input: CreateMultipartUploadInput) -> S3Result<CreateMultipartUploadOutput> {
        check_wishes!(&input);
        check_key(&input.key)?;
        let mut meta: Meta = meta_of!(input);
        let algorithm = input.checksum_algorithm.as_ref().map(|name| Algorithm::named(name.as_str())).transpose()?;
        if let Some(algorithm) = algorithm.filter(|a| !a.in_parts()) {
            return Err(unsupported(&format!("{} checksums of uploads in parts", algorithm.name())));
        }
        let kind = input.checksum_type.as_ref().map(ChecksumType::as_str);
        meta.composite = match (algorithm, kind) {
            (Some(Algorithm::Crc64nvme), Some(ChecksumType::COMPOSITE))
            | (Some(Algorithm::Sha1 | Algorithm::Sha256), Some(ChecksumType::FULL_OBJECT)) => {
                return Err(refuse(
                    S3ErrorCode::InvalidRequest,
                    "The checksum type cannot be used with this checksum algorithm.",
                ));
            }
            (Some(Algorithm::Crc64nvme), _) | (_, Some(ChecksumType::FULL_OBJECT)) => false,
            _ => true,
        };
        meta.algorithm = algorithm;
        let upload = Upload { id: hex::encode(rand::random::<[u8; 16]>()), key: input.key.clone(), created: now(), meta };
        let (id, composite) = (upload.id.clone(), upload.meta.composite);
        let bucket = input.bucket.clone();
        self.writer.change(vec![], move |conn, _| index::add_upload(conn, index::bucket_id(conn, &bucket)?, &upload)).await?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: algorithm.map(|_| checksum_type(composite)),
            ..Default::default()
        })
    }

    async fn upload_known(&self, bucket: &str, key: &str, id: &str) -> Try<Upload> {
        let (bucket, key, id) = (bucket.to_owned(), key.to_owned(), id.to_owned());
        self.readers.run(move |conn| index::upload(conn, &bucket, &key, &id)).await
    }

    async fn part_add(&self, bucket: String, key: String, upload: String, number: i32, written: Written) -> Try<PartRow> {
        let Written { fresh, found } = written;
        // The ETag of the whole is made of them.
        let Identity::Md5(md5) = found.id else { return Err(S3ErrorCode::InternalError.into()) };
        let part = PartRow { number, size: found.length, md5, modified: now(), sums: found.sums, blob: fresh.id };
        let row = part.clone();
        self.writer
            .change(vec![fresh], move |conn, effects| {
                index::upload(conn, &bucket, &key, &upload)?;
                index::put_part(conn, &upload, &row, effects)
            })
            .await?;
        Ok(part)
    }

    pub(super) async fn part_put(&self, req: S3Request<UploadPartInput>) -> S3Result<UploadPartOutput> {
        let input = req.input;
        check_number(input.part_number)?;
        let upload = self.upload_known(&input.bucket, &input.key, &input.upload_id).await?;
        let length = announced(input.content_length)?;
        let mut claims = Claims::new(input.content_md5.as_deref(), &req.headers, length)?;
        if let Some(algorithm) = upload.meta.algorithm {
            claims.want(algorithm);
        }
        let written = receive(&self.blobs, input.body, claims, req.trailing_headers).await?;
        let part = self.part_add(input.bucket, input.key, input.upload_id, input.part_number, written).await?;
        let mut output = UploadPartOutput { e_tag: Some(ETag::Strong(hex::encode(part.md5))), ..Default::default() };
        set_sums!(output, &part.sums);
        Ok(output)
    }

    pub(super) async fn part_copy(&self, input: UploadPartCopyInput) -> S3Result<UploadPartCopyOutput> {
        check_number(input.part_number)?;
        let upload = self.upload_known(&input.bucket, &input.key, &input.upload_id).await?;
        let (from_bucket, from_key) = source(&input.copy_source)?;
        let wanted = input.copy_source_range.as_deref().map(copy_range).transpose()?;
        let conditions = (
            input.copy_source_if_match,
            input.copy_source_if_none_match,
            input.copy_source_if_modified_since,
            input.copy_source_if_unmodified_since,
        );
        let blobs = Arc::clone(&self.blobs);
        let written = self
            .readers
            .run(move |conn| {
                let gate = blobs.gate();
                let row = index::object(conn, &from_bucket, &from_key)?;
                let pinned = blobs.pin(row.pieces.iter().map(|p| p.blob));
                drop(gate);
                let read_if = ReadIf {
                    matches: conditions.0.as_ref(),
                    none_match: conditions.1.as_ref(),
                    modified_since: conditions.2.as_ref(),
                    unmodified_since: conditions.3.as_ref(),
                };
                read_if.check(&row, true)?;
                let range = wanted.unwrap_or(0..row.size);
                let length = range.end - range.start;
                if range.end > row.size || length > LARGEST {
                    return Err(refuse(S3ErrorCode::InvalidRange, "The requested range is not satisfiable.").into());
                }
                let mut claims = Claims::new(None, &http::HeaderMap::new(), length)?;
                if let Some(algorithm) = upload.meta.algorithm {
                    claims.want(algorithm);
                }
                let mut reading = Reading::new(Arc::clone(&blobs), pinned, &row.pieces, range)?;
                write_local(&blobs, &claims, |write| {
                    while let Some(chunk) = reading.read()? {
                        write(chunk)?;
                    }
                    Ok(())
                })
            })
            .await?;
        let part = self.part_add(input.bucket, input.key, input.upload_id, input.part_number, written).await?;
        let mut result = CopyPartResult {
            e_tag: Some(ETag::Strong(hex::encode(part.md5))),
            last_modified: Some(timestamp(part.modified)),
            ..Default::default()
        };
        set_sums!(result, &part.sums);
        Ok(UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() })
    }

    pub(super) async fn upload_complete(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let input = req.input;
        let claimed = claimed(&req.headers)?;
        let named = input.multipart_upload.and_then(|u| u.parts).unwrap_or_default();
        if named.is_empty() {
            return Err(refuse(S3ErrorCode::MalformedXML, "You must specify at least one part."));
        }
        let condition = WriteIf::new(input.if_match, input.if_none_match.as_ref())?;
        let (bucket, key, upload) = (input.bucket.clone(), input.key.clone(), input.upload_id);
        let blobs = Arc::clone(&self.blobs);
        let size = input.mpu_object_size;
        let row = self
            .writer
            .change(vec![], move |conn, effects| {
                let started = index::upload(conn, &bucket, &key, &upload)?;
                let chosen = choose(&named, &index::parts(conn, &upload, 0)?)?;
                let row = assemble(started.meta, &chosen, &claimed, size)?;
                let id = index::bucket_id(conn, &bucket)?;
                blobs.check(row.pieces.iter().copied())?;
                check_present(conn, &blobs, (id, &key), &condition)?;
                let kept: Vec<_> = row.pieces.iter().map(|p| p.blob).collect();
                index::drop_upload(conn, &upload, &kept, effects)?;
                index::put_object(conn, id, &key, &row, effects)?;
                Ok(row)
            })
            .await?;
        let mut output = CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, super::listing::url_encode(&input.key))),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(row.etag)),
            ..Default::default()
        };
        set_sums!(output, &row.meta.sums);
        output.checksum_type = (!row.meta.sums.is_empty()).then(|| checksum_type(row.meta.composite));
        Ok(output)
    }

    pub(super) async fn upload_abort(&self, input: AbortMultipartUploadInput) -> S3Result<AbortMultipartUploadOutput> {
        self.writer
            .change(vec![], move |conn, effects| {
                index::upload(conn, &input.bucket, &input.key, &input.upload_id)?;
                index::drop_upload(conn, &input.upload_id, &[], effects)
            })
            .await?;
        Ok(AbortMultipartUploadOutput::default())
    }

    pub(super) async fn part_list(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let after = input.part_number_marker.unwrap_or(0);
        let limit = input.max_parts.unwrap_or(1000).clamp(0, 1000);
        let (bucket, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id.clone());
        let (upload, mut parts) =
            self.readers.run(move |conn| Ok((index::upload(conn, &bucket, &key, &id)?, index::parts(conn, &id, after)?))).await?;
        let most = usize::try_from(limit).unwrap_or(0);
        let more = parts.len() > most;
        parts.truncate(most);
        let last = parts.last().map(|p| p.number);
        let parts = parts.into_iter().map(|p| {
            let mut part = s3s::dto::Part {
                e_tag: Some(ETag::Strong(hex::encode(p.md5))),
                last_modified: Some(timestamp(p.modified)),
                part_number: Some(p.number),
                size: Some(i64_of(p.size)),
                ..Default::default()
            };
            set_sums!(part, &p.sums);
            part
        });
        Ok(ListPartsOutput {
            parts: Some(parts.collect()),
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            part_number_marker: Some(after),
            next_part_number_marker: last.filter(|_| more),
            max_parts: Some(limit),
            is_truncated: Some(more),
            checksum_algorithm: upload.meta.algorithm.map(|a| ChecksumAlgorithm::from_static(a.name())),
            checksum_type: upload.meta.algorithm.map(|_| checksum_type(upload.meta.composite)),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            ..Default::default()
        })
    }
}

/// `bytes=first-last`, both needed here.
fn copy_range(value: &str) -> S3Result<std::ops::Range<u64>> {
    match s3s::dto::Range::parse(value) {
        Ok(s3s::dto::Range::Int { first, last: Some(last) }) => Ok(first..last + 1),
        _ => Err(refuse(S3ErrorCode::InvalidArgument, "The x-amz-copy-source-range value must be of the form bytes=first-last.")),
    }
}

/// The parts the client names, in its order, which must be ascending.
fn choose(named: &[CompletedPart], present: &[PartRow]) -> Try<Vec<PartRow>> {
    let mut chosen: Vec<PartRow> = Vec::with_capacity(named.len());
    for name in named {
        let number = name.part_number.ok_or_else(|| refuse(S3ErrorCode::MalformedXML, "A part has no number."))?;
        if chosen.last().is_some_and(|p| p.number >= number) {
            return Err(refuse(S3ErrorCode::InvalidPartOrder, "The list of parts was not in ascending order.").into());
        }
        let wrong =
            || refuse(S3ErrorCode::InvalidPart, format!("Part {number} could not be found, or its ETag or checksum is another."));
        let part = present.binary_search_by_key(&number, |p| p.number).map_err(|_| wrong())?;
        let part = &present[part];
        if name.e_tag.as_ref().is_some_and(|e| e.value() != hex::encode(part.md5)) {
            return Err(wrong().into());
        }
        if sums_of!(name).iter().any(|(a, v)| part.sums.get(a).is_some_and(|have| have != v)) {
            return Err(wrong().into());
        }
        chosen.push(part.clone());
    }
    if chosen.iter().rev().skip(1).any(|p| p.size < SMALLEST_PART) {
        return Err(refuse(
            S3ErrorCode::EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size: every part but the last has at least 5 MiB.",
        )
        .into());
    }
    Ok(chosen)
}

fn assemble(mut meta: Meta, parts: &[PartRow], claimed: &Sums, size: Option<i64>) -> Try<Row> {
    let whole: u64 = parts.iter().map(|p| p.size).sum();
    if size.is_some_and(|s| s != i64_of(whole)) {
        return Err(refuse(
            S3ErrorCode::InvalidRequest,
            format!("The parts have {whole} bytes together, not what x-amz-mp-object-size says."),
        )
        .into());
    }
    let joined =
        |algorithm, full| join_sums(algorithm, full, &parts.iter().map(|p| (p.sums.get(&algorithm), p.size)).collect::<Vec<_>>());
    for (&algorithm, value) in claimed {
        // Some clients claim a sum over the whole, some over the sums of the parts; the form tells which.
        let full = !value.contains('-');
        let name = algorithm.name();
        let Some(found) = joined(algorithm, full) else {
            let text = format!("The parts came without what it takes to check the {name} of all of them.");
            return Err(refuse(S3ErrorCode::InvalidRequest, text).into());
        };
        if found != *value {
            return Err(Fail::S3(refuse(
                S3ErrorCode::BadDigest,
                format!("The {name} you specified did not match the calculated checksum."),
            )));
        }
        meta.composite = !full;
        meta.sums.insert(algorithm, found);
    }
    if let Some(algorithm) = meta.algorithm.take()
        && meta.sums.is_empty()
        && let Some(sum) = joined(algorithm, !meta.composite)
    {
        meta.sums.insert(algorithm, sum);
    }
    if meta.sums.is_empty() {
        meta.composite = false;
    }
    let etag = multipart_etag(&parts.iter().map(|p| p.md5).collect::<Vec<_>>());
    let pieces = parts.iter().map(|p| Piece { blob: p.blob, size: p.size }).collect();
    Ok(Row { size: whole, etag, modified: now(), meta, pieces })
}
