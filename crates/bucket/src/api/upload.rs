//! Bytes on their way in: hashed and written while they arrive, in constant memory, compared with what the client claimed,
//! and only then made durable. Whatever fails leaves no file behind.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, TrailingHeaders};
use tokio::task::JoinHandle;

use crate::blobs::{Blobs, Fresh};
use crate::digest::{Claims, Digested, Digests};
use crate::fail::{Fail, Try, refuse};

/// Bytes that go to the disk together: at least so many where it waits for them, at most so many while it is at work.
const PIECE: usize = 128 * 1024;
const GATHER: usize = 1024 * 1024;
/// The largest body of one put or part: 5 GiB ("Uploading objects" in the S3 guide).
pub(crate) const LARGEST: u64 = 5 * 1024 * 1024 * 1024;
/// Bytes after which the disk is set to work on what has come, so that not all of a large body is left for the end: the client
/// waits for that without a byte moving.
const FLUSH: u64 = 64 * 1024 * 1024;
/// A client that sends nothing for so long has gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that are on the disk and not yet in the index.
pub(crate) struct Written {
    pub(crate) fresh: Fresh,
    pub(crate) found: Digested,
}

struct Sink {
    blobs: Arc<Blobs>,
    fresh: Fresh,
    file: File,
    digests: Digests,
    written: u64,
    unflushed: u64,
    flushing: Option<std::thread::JoinHandle<std::io::Result<()>>>,
}

impl Sink {
    fn create(blobs: Arc<Blobs>, digests: Digests) -> Try<Self> {
        let (fresh, file) = blobs.create()?;
        Ok(Self { blobs, fresh, file, digests, written: 0, unflushed: 0, flushing: None })
    }

    fn write(mut self, chunks: &[Bytes]) -> Try<Self> {
        let before = self.written;
        for chunk in chunks {
            self.file.write_all(chunk)?;
            self.written += chunk.len() as u64;
        }
        // More is to come: the disk works on this while the rest travels, so that the flush at the end finds little left to do.
        begin_writing_back(&self.file, before, self.written - before);
        chunks.iter().for_each(|chunk| self.digests.update(chunk));
        self.unflushed += self.written - before;
        if self.unflushed >= FLUSH {
            self.unflushed = 0;
            self.flushed()?;
            let (blobs, file) = (Arc::clone(&self.blobs), self.file.try_clone()?);
            let flush = std::thread::Builder::new().name("bucket-flush".into()).spawn(move || blobs.sync_file(&file));
            self.flushing = Some(flush?);
        }
        Ok(self)
    }

    /// The last bytes.
    fn end(mut self, chunks: &[Bytes], claims: &Claims) -> Try<Written> {
        for chunk in chunks {
            self.file.write_all(chunk)?;
            self.digests.update(chunk);
        }
        self.finish(claims)
    }

    /// Waits for the flush under way: the system tells a fault of the disk once, and there it was told.
    fn flushed(&mut self) -> Try<()> {
        match self.flushing.take() {
            Some(flush) => Ok(flush.join().map_err(|_| Fail::Closed)??),
            None => Ok(()),
        }
    }

    fn finish(mut self, claims: &Claims) -> Try<Written> {
        self.flushed()?;
        let found = self.digests.finish();
        claims.verify(&found)?;
        self.blobs.sync_file(&self.file)?;
        Ok(Written { fresh: self.fresh, found })
    }
}

/// Sets the disk to work on bytes without waiting for it. Linux does so where a program says that it will not read them soon; what
/// cannot be begun early is done at the end.
#[cfg(target_os = "linux")]
fn begin_writing_back(file: &File, from: u64, length: u64) {
    if let Some(length) = std::num::NonZeroU64::new(length) {
        _ = rustix::fs::fadvise(file, from, Some(length), rustix::fs::Advice::DontNeed);
    }
}

#[cfg(not(target_os = "linux"))]
fn begin_writing_back(_: &File, _: u64, _: u64) {}

/// The disk's side of a body under way.
enum Disk {
    /// Nothing has been written yet.
    New(Arc<Blobs>, Digests),
    Waits(Sink),
    Works(JoinHandle<Try<Sink>>),
}

impl Disk {
    /// Waits until it can take more.
    async fn ready(&mut self) -> Try<()> {
        if let Self::Works(task) = self {
            *self = Self::Waits(task.await.map_err(|_| Fail::Closed)??);
        }
        Ok(())
    }

    fn works(&self) -> bool {
        matches!(self, Self::Works(_))
    }

    /// Gives it bytes, once it is ready.
    async fn write(mut self, chunks: Vec<Bytes>) -> Try<Self> {
        self.ready().await?;
        Ok(Self::Works(match self {
            Self::New(blobs, digests) => tokio::task::spawn_blocking(move || Sink::create(blobs, digests)?.write(&chunks)),
            Self::Waits(sink) => tokio::task::spawn_blocking(move || sink.write(&chunks)),
            Self::Works(task) => task,
        }))
    }

    /// Gives it the last bytes and waits until all of them are durable.
    async fn end(mut self, chunks: Vec<Bytes>, claims: Claims) -> Try<Written> {
        self.ready().await?;
        let last = move || match self {
            Self::New(blobs, digests) => Sink::create(blobs, digests)?.end(&chunks, &claims),
            Self::Waits(sink) => sink.end(&chunks, &claims),
            Self::Works(_) => Err(Fail::Closed),
        };
        tokio::task::spawn_blocking(last).await.map_err(|_| Fail::Closed)?
    }
}

/// Reads a body to its end into a new blob. What comes while the disk is at work is gathered, so that a fast sender and a slow disk
/// meet in few large writes.
pub(crate) async fn receive(
    blobs: &Arc<Blobs>,
    body: Option<StreamingBlob>,
    mut claims: Claims,
    trailers: Option<TrailingHeaders>,
) -> Try<Written> {
    let mut body = body.unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
    let mut disk = Disk::New(Arc::clone(blobs), claims.digests());
    let mut chunks = Vec::new();
    let (mut gathered, mut come) = (0, 0);
    loop {
        if gathered >= if disk.works() { GATHER } else { PIECE } {
            disk = disk.write(std::mem::take(&mut chunks)).await?;
            gathered = 0;
        }
        let chunk = tokio::select! {
            biased;
            ready = disk.ready(), if disk.works() => {
                ready?;
                continue;
            }
            chunk = next(&mut body, claims.length()) => chunk?,
        };
        let Some(chunk) = chunk else { break };
        come += chunk.len() as u64;
        if come > claims.length() {
            return Err(refuse(S3ErrorCode::IncompleteBody, "More bytes came than were announced.").into());
        }
        gathered += chunk.len();
        chunks.push(chunk);
    }
    claims.read_trailers(trailers.as_ref())?;
    disk.end(chunks, claims).await
}

/// The next bytes; `None` where the body ended.
async fn next(body: &mut StreamingBlob, announced: u64) -> S3Result<Option<Bytes>> {
    match tokio::time::timeout(PATIENCE, body.next()).await {
        Err(_) => {
            let text = "Your socket connection to the server was not read from or written to within the timeout period.";
            Err(refuse(S3ErrorCode::RequestTimeout, text))
        }
        Ok(None) => Ok(None),
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(Some(Err(e))) => Err(stream_error(&e, announced)),
    }
}

/// s3s keeps the types of its stream errors to itself: their text is all there is to tell them apart.
fn stream_error(e: &StdError, announced: u64) -> S3Error {
    let text = e.to_string();
    if text.contains("Sha256Mismatch") {
        let text = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        let mut error = refuse(S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()), text);
        error.set_status_code(http::StatusCode::BAD_REQUEST);
        error
    } else if text.contains("SignatureMismatch") {
        refuse(S3ErrorCode::SignatureDoesNotMatch, "The signature of a chunk does not match.")
    } else if text.contains("ChunkTooLarge") || text.contains("ChunkMetaTooLarge") || text.contains("Trailer") {
        refuse(S3ErrorCode::InvalidRequest, "The chunks of the body are not of a form that is taken here.")
    } else {
        tracing::debug!(error = %text, "bucket: a body broke off");
        refuse(S3ErrorCode::IncompleteBody, format!("The body broke off or is not as announced ({announced} bytes)."))
    }
}

/// Writes bytes that are read from this bucket, for copies of a part.
pub(crate) fn write_local(
    blobs: &Arc<Blobs>,
    claims: &Claims,
    mut fill: impl FnMut(&mut dyn FnMut(Bytes) -> Try<()>) -> Try<()>,
) -> Try<Written> {
    let mut sink = Some(Sink::create(Arc::clone(blobs), claims.digests())?);
    fill(&mut |chunk| {
        let open = sink.take().ok_or(Fail::Closed)?;
        sink = Some(open.write(&[chunk])?);
        Ok(())
    })?;
    sink.ok_or(Fail::Closed)?.finish(claims)
}
