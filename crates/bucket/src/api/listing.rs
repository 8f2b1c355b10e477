//! Listings: of objects in both versions, and of uploads under way.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3ErrorCode, S3Result};

use super::{Api, i64_of, timestamp};
use crate::fail::refuse;
use crate::index::{self, Entry, Listing, Page};

/// What `encoding-type=url` leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
const MOST: i32 = 1000;

pub(super) fn url_encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// Encodes names if the client asked for it: XML 1.0 cannot hold every character a key may have.
#[derive(Clone, Copy)]
struct Names {
    encode: bool,
}

impl Names {
    fn new(encoding: Option<&EncodingType>) -> S3Result<Self> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self { encode: false }),
            Some(EncodingType::URL) => Ok(Self { encode: true }),
            Some(_) => Err(refuse(S3ErrorCode::InvalidArgument, "Invalid Encoding Method specified in Request.")),
        }
    }

    fn write(self, name: String) -> String {
        if self.encode { url_encode(&name) } else { name }
    }

    fn echo(self) -> Option<EncodingType> {
        self.encode.then(|| EncodingType::from_static(EncodingType::URL))
    }
}

fn limit(asked: Option<i32>) -> S3Result<i32> {
    match asked.unwrap_or(MOST) {
        n if n < 0 => Err(refuse(S3ErrorCode::InvalidArgument, "The number of entries asked for is negative.")),
        n => Ok(n.min(MOST)),
    }
}

fn token(after: &str) -> String {
    format!("1{}", URL_SAFE_NO_PAD.encode(after))
}

fn read_token(token: &str) -> S3Result<String> {
    token
        .strip_prefix('1')
        .and_then(|t| URL_SAFE_NO_PAD.decode(t).ok())
        .and_then(|b| String::from_utf8(b).ok())
        .ok_or_else(|| refuse(S3ErrorCode::InvalidArgument, "The continuation token provided is incorrect."))
}

fn split(page: Page, names: Names, owner: bool) -> (Vec<s3s::dto::Object>, Vec<CommonPrefix>) {
    let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
    for entry in page.entries {
        match entry {
            Entry::Prefix(prefix) => prefixes.push(CommonPrefix { prefix: Some(names.write(prefix)) }),
            Entry::Object { key, size, etag, modified } => objects.push(s3s::dto::Object {
                key: Some(names.write(key)),
                size: Some(i64_of(size)),
                e_tag: Some(ETag::Strong(etag)),
                last_modified: Some(timestamp(modified)),
                storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                owner: owner.then(super::bucket::owner),
                ..Default::default()
            }),
        }
    }
    (objects, prefixes)
}

impl Api {
    async fn page(&self, bucket: String, listing: Listing) -> S3Result<Page> {
        Ok(self.readers.run(move |conn| index::list(conn, index::bucket_id(conn, &bucket)?, &listing)).await?)
    }

    pub(super) async fn list_v1(&self, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let names = Names::new(input.encoding_type.as_ref())?;
        let max = limit(input.max_keys)?;
        let listing = Listing {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: input.marker.clone().filter(|m| !m.is_empty()),
            limit: usize::try_from(max).unwrap_or(0),
        };
        let page = self.page(input.bucket.clone(), listing).await?;
        let more = page.more;
        let last = page.entries.last().map(|e| e.name().to_owned());
        let (contents, prefixes) = split(page, names, true);
        Ok(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(names.write(input.prefix.unwrap_or_default())),
            marker: Some(names.write(input.marker.unwrap_or_default())),
            next_marker: last.filter(|_| more).map(|l| names.write(l)),
            delimiter: input.delimiter.map(|d| names.write(d)),
            max_keys: Some(max),
            is_truncated: Some(more),
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            encoding_type: names.echo(),
            ..Default::default()
        })
    }

    pub(super) async fn list_v2(&self, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let names = Names::new(input.encoding_type.as_ref())?;
        let max = limit(input.max_keys)?;
        let after = match input.continuation_token.as_deref() {
            Some(token) => Some(read_token(token)?),
            None => input.start_after.clone().filter(|s| !s.is_empty()),
        };
        let listing = Listing {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after,
            limit: usize::try_from(max).unwrap_or(0),
        };
        let page = self.page(input.bucket.clone(), listing).await?;
        let more = page.more;
        let count = i32::try_from(page.entries.len()).unwrap_or(max);
        let next = page.entries.last().filter(|_| more).map(|e| token(e.name()));
        let (contents, prefixes) = split(page, names, input.fetch_owner.unwrap_or(false));
        Ok(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(names.write(input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(|d| names.write(d)),
            start_after: input.start_after.map(|s| names.write(s)),
            max_keys: Some(max),
            key_count: Some(count),
            is_truncated: Some(more),
            continuation_token: input.continuation_token,
            next_continuation_token: next,
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            encoding_type: names.echo(),
            ..Default::default()
        })
    }

    pub(super) async fn upload_list(&self, input: ListMultipartUploadsInput) -> S3Result<ListMultipartUploadsOutput> {
        let names = Names::new(input.encoding_type.as_ref())?;
        let max = limit(input.max_uploads)?;
        let most = usize::try_from(max).unwrap_or(0);
        let prefix = input.prefix.clone().unwrap_or_default();
        let delimiter = input.delimiter.clone().unwrap_or_default();
        let key_marker = input.key_marker.clone().unwrap_or_default();
        // Without an id the marker stands behind every upload of that key.
        let id_marker = match &input.upload_id_marker {
            Some(id) if !key_marker.is_empty() => id.clone(),
            _ if key_marker.is_empty() => String::new(),
            _ => "~".to_owned(),
        };
        let (bucket, wanted, marker) = (input.bucket.clone(), prefix.clone(), key_marker.clone());
        let found = self
            .readers
            .run(move |conn| index::uploads(conn, index::bucket_id(conn, &bucket)?, &wanted, (&marker, &id_marker)))
            .await?;
        let (mut uploads, mut prefixes): (Vec<MultipartUpload>, Vec<CommonPrefix>) = (Vec::new(), Vec::new());
        let (mut more, mut last) = (false, None);
        let mut group: Option<String> = None;
        for upload in found {
            let rolled = (!delimiter.is_empty())
                .then(|| upload.key[prefix.len()..].find(&delimiter))
                .flatten()
                .map(|at| upload.key[..prefix.len() + at + delimiter.len()].to_owned());
            if rolled.is_some() && (rolled == group || rolled.as_deref().is_some_and(|r| r <= key_marker.as_str())) {
                continue;
            }
            if uploads.len() + prefixes.len() == most {
                more = true;
                break;
            }
            if let Some(rolled) = rolled {
                last = Some((rolled.clone(), String::new()));
                prefixes.push(CommonPrefix { prefix: Some(names.write(rolled.clone())) });
                group = Some(rolled);
                continue;
            }
            last = Some((upload.key.clone(), upload.id.clone()));
            uploads.push(MultipartUpload {
                key: Some(names.write(upload.key)),
                upload_id: Some(upload.id),
                initiated: Some(timestamp(upload.created)),
                storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                checksum_algorithm: upload.meta.algorithm.map(|a| ChecksumAlgorithm::from_static(a.name())),
                owner: Some(super::bucket::owner()),
                initiator: Some(Initiator { display_name: super::bucket::owner().display_name, id: super::bucket::owner().id }),
                ..Default::default()
            });
        }
        let last = last.filter(|_| more);
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: Some(names.write(prefix)),
            delimiter: input.delimiter.map(|d| names.write(d)),
            key_marker: Some(names.write(key_marker)),
            upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
            next_key_marker: last.as_ref().map(|(key, _)| names.write(key.clone())),
            next_upload_id_marker: last.map(|(_, id)| id),
            max_uploads: Some(max),
            is_truncated: Some(more),
            uploads: Some(uploads),
            common_prefixes: Some(prefixes),
            encoding_type: names.echo(),
            ..Default::default()
        })
    }
}
