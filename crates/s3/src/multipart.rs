//! Objects too large for one request, in parts: constant memory, every part confirmed by its SHA-256, the whole compared with what
//! it was, and nothing left at the store when it fails, is dropped half-way, or was cut off with the process that sent it.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use sha2::{Digest as _, Sha256};

use crate::body::{Body, InMemory, Progress, read};
use crate::client::{Client, time, unquoted};
use crate::error::{About, Kind, S3Error};
use crate::put::{Hashed, Put, Stored, length, source};

/// Size of a part; larger only where 10,000 of them (the most S3 takes) would not do: from 80 GiB on.
pub(crate) const PART: u64 = 8 * 1024 * 1024;
/// Parts on their way at once: with the one being read, 24 MiB.
const AT_ONCE: usize = 2;

impl Client {
    pub(crate) async fn put_in_parts(&self, put: &Put, condition: bool, progress: &Progress) -> Result<Stored, S3Error> {
        progress(0);
        self.end_leftovers(put).await;
        let answer = self
            .sdk
            .create_multipart_upload()
            .bucket(&put.bucket)
            .key(&put.key)
            .content_type(&put.content_type)
            .set_content_disposition(put.content_disposition.clone())
            .set_metadata(Some(put.metadata()))
            .send()
            .await
            .map_err(|error| S3Error::of(&error, About::Bucket))?;
        let id = answer.upload_id.ok_or_else(|| S3Error::new(Kind::NotS3, "the answer to CreateMultipartUpload has no id"))?;
        self.quirks.began(&id);
        let mut open = Open { client: self.clone(), bucket: put.bucket.clone(), key: put.key.clone(), id: Some(id.clone()) };
        let sent = match self.send_parts(put, &id, progress).await {
            Ok(parts) => self.complete(put, &id, parts, condition).await,
            Err(error) => Err(error),
        };
        if sent.is_ok() {
            open.id = None;
            self.quirks.ended(&id);
        } else {
            open.abort().await;
        }
        sent
    }

    /// The uploads in parts to exactly this key that are neither complete nor ended: id and beginning. The first thousand.
    ///
    /// # Errors
    /// [`Kind::Unsupported`] where the store does not list them, and every kind of [`S3Error`].
    pub async fn unfinished(&self, bucket: &str, key: &str) -> Result<Vec<(String, Option<SystemTime>)>, S3Error> {
        let answer = self.sdk.list_multipart_uploads().bucket(bucket).prefix(key).send().await;
        let uploads = answer.map_err(|error| S3Error::of(&error, About::Bucket))?.uploads.unwrap_or_default();
        let here = uploads.into_iter().filter(|upload| upload.key.as_deref() == Some(key));
        Ok(here.filter_map(|upload| Some((upload.upload_id?, upload.initiated.and_then(time)))).collect())
    }

    /// Ends what a run that was cut off has left unfinished at exactly this key: nobody else would, and its parts cost room.
    ///
    /// Not every store lists uploads, and not every key may: then its lifecycle rules have to do.
    async fn end_leftovers(&self, put: &Put) {
        let uploads = match self.unfinished(&put.bucket, &put.key).await {
            Ok(uploads) => uploads,
            Err(error) => {
                tracing::debug!(%error, "unfinished uploads cannot be listed");
                return;
            }
        };
        for (id, begun) in uploads {
            let leftover = match self.quirks.sends(&id) {
                Some(sends) => !sends,
                // Somebody else may send to this key right now; what began before this client did is nobody's any more.
                None => begun.is_some_and(|begun| begun < self.made),
            };
            if leftover {
                abort(self, &put.bucket, &put.key, &id).await;
            }
        }
    }

    async fn send_parts(&self, put: &Put, id: &str, progress: &Progress) -> Result<Vec<CompletedPart>, S3Error> {
        let size = PART.max(put.size.div_ceil(10_000));
        let count = put.size.div_ceil(size);
        let mut reader = Reader::open(&put.body).await.map_err(|error| source(&error))?;
        let sent = Arc::new(AtomicU64::new(0));
        let mut parts = Vec::new();
        let mut going = FuturesOrdered::new();
        for number in 1..=count {
            let length = size.min(put.size - (number - 1) * size);
            let piece;
            (reader, piece) = reader.next(length).await?;
            let (piece, hash) = piece.map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => S3Error::new(Kind::Source, "the file is shorter than it was"),
                _ => source(&error),
            })?;
            if going.len() == AT_ONCE
                && let Some(part) = going.next().await
            {
                parts.push(part?);
            }
            going.push_back(self.send_part(put, id, number, piece, hash, Arc::clone(&sent), Arc::clone(progress)));
        }
        if !reader.was(&put.sha256) {
            return Err(S3Error::new(Kind::Source, "the file is not the one that was measured"));
        }
        while let Some(part) = going.next().await {
            parts.push(part?);
        }
        Ok(parts)
    }

    #[expect(clippy::too_many_arguments, reason = "one part is all of these, and nobody else sends one")]
    async fn send_part(
        &self,
        put: &Put,
        id: &str,
        number: u64,
        piece: Bytes,
        hash: String,
        sent: Arc<AtomicU64>,
        progress: Progress,
    ) -> Result<CompletedPart, S3Error> {
        let number = i32::try_from(number).map_err(|_| S3Error::new(Kind::TooLarge, "too many parts"))?;
        let size = length(piece.len() as u64)?;
        let before = AtomicU64::new(0);
        let told: Progress = Arc::new(move |now| {
            let new = now - before.swap(now, Ordering::Relaxed);
            progress(sent.fetch_add(new, Ordering::Relaxed) + new);
        });
        let body = ByteStream::new(SdkBody::from_body_1_x(InMemory { left: piece, sent: 0, progress: told }));
        let request = self.sdk.upload_part().bucket(&put.bucket).key(&put.key).upload_id(id).part_number(number);
        let request = request.content_length(size).body(body).customize().interceptor(Hashed(hash));
        let answer = request.send().await.map_err(|error| in_parts(S3Error::of(&error, About::Object)))?;
        let etag = answer.e_tag.ok_or_else(|| S3Error::new(Kind::NotS3, "the answer to UploadPart has no ETag"))?;
        Ok(CompletedPart::builder().part_number(number).e_tag(etag).build())
    }

    async fn complete(&self, put: &Put, id: &str, parts: Vec<CompletedPart>, condition: bool) -> Result<Stored, S3Error> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request =
            self.sdk.complete_multipart_upload().bucket(&put.bucket).key(&put.key).upload_id(id).multipart_upload(parts);
        let request = request.set_if_none_match(condition.then(|| "*".to_owned()));
        let answer = request.send().await.map_err(|error| in_parts(S3Error::of(&error, About::Object)))?;
        // AWS may say 200 before it knows, and put the error into the body.
        let etag = answer.e_tag.ok_or_else(|| S3Error::new(Kind::Busy, "the store did not confirm the parts"))?;
        let mut etag = Some(unquoted(&etag)).filter(|etag| !etag.is_empty());
        if etag.is_none() {
            // Ceph leaves it empty here, and knows it.
            etag = self.look(&put.bucket, &put.key).await.ok().flatten().and_then(|object| object.etag);
        }
        Ok(Stored { etag, version_id: answer.version_id })
    }
}

/// Somebody else has ended this upload; begun again, it can succeed.
fn in_parts(error: S3Error) -> S3Error {
    if error.kind == Kind::NoSuchKey { S3Error { kind: Kind::Busy, ..error } } else { error }
}

/// Cuts a body into parts. Memory stays as it is; a file is hashed as a whole too, for it may have changed since it was measured.
enum Reader {
    Bytes(Bytes),
    File(File, Sha256),
}

/// A part and the SHA-256 of it, in hex.
type Piece = io::Result<(Bytes, String)>;

impl Reader {
    async fn open(body: &Body) -> io::Result<Self> {
        Ok(match body {
            Body::Bytes(bytes) => Self::Bytes(bytes.clone()),
            Body::File(path) => Self::File(tokio::fs::File::open(path).await?.into_std().await, Sha256::new()),
        })
    }

    /// Reads and hashes the next part away from the async threads.
    async fn next(mut self, length: u64) -> Result<(Self, Piece), S3Error> {
        let length = usize::try_from(length).map_err(|_| S3Error::new(Kind::TooLarge, "too large for this computer"))?;
        let work = move || {
            let piece = self.cut(length);
            (self, piece)
        };
        tokio::task::spawn_blocking(work).await.map_err(|stopped| S3Error::new(Kind::Source, stopped.to_string()))
    }

    fn cut(&mut self, length: usize) -> Piece {
        let piece = match self {
            Self::Bytes(bytes) if bytes.len() < length => return Err(io::ErrorKind::UnexpectedEof.into()),
            Self::Bytes(bytes) => bytes.split_to(length),
            Self::File(file, whole) => {
                let piece = read(file, length)?;
                whole.update(&piece);
                piece
            }
        };
        let hash = hex::encode(Sha256::digest(&piece));
        Ok((piece, hash))
    }

    /// Whether what was read is what was measured.
    fn was(self, sha256: &[u8; 32]) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::File(_, whole) => <[u8; 32]>::from(whole.finalize()) == *sha256,
        }
    }
}

/// An upload in parts that has begun. Dropped half-way (a person cancelled), it still ends at the store.
struct Open {
    client: Client,
    bucket: String,
    key: String,
    id: Option<String>,
}

impl Open {
    async fn abort(&mut self) {
        if let Some(id) = self.id.take() {
            abort(&self.client, &self.bucket, &self.key, &id).await;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        self.client.quirks.gave_up(&id);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (client, bucket, key) = (self.client.clone(), std::mem::take(&mut self.bucket), std::mem::take(&mut self.key));
        runtime.spawn(async move { abort(&client, &bucket, &key, &id).await });
    }
}

async fn abort(client: &Client, bucket: &str, key: &str, id: &str) {
    client.quirks.gave_up(id);
    match client.sdk.abort_multipart_upload().bucket(bucket).key(key).upload_id(id).send().await {
        Ok(_) => client.quirks.ended(id),
        Err(error) => match S3Error::of(&error, About::Object) {
            gone if gone.kind == Kind::NoSuchKey => client.quirks.ended(id),
            error => {
                tracing::warn!(%error, "an upload in parts could not be ended at the store; the next one to this key tries again");
            }
        },
    }
}
