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

use crate::blobs::{Blobs, Fresh};
use crate::digest::{Claims, Digested, Digests};
use crate::fail::{Fail, Try, refuse};

/// Bytes gathered before they go to the disk together.
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
    unflushed: u64,
    flushing: Option<std::thread::JoinHandle<std::io::Result<()>>>,
}

impl Sink {
    fn create(blobs: Arc<Blobs>, digests: Digests) -> Try<Self> {
        let (fresh, file) = blobs.create()?;
        Ok(Self { blobs, fresh, file, digests, unflushed: 0, flushing: None })
    }

    fn write(mut self, chunks: &[Bytes]) -> Try<Self> {
        for chunk in chunks {
            self.digests.update(chunk);
            self.file.write_all(chunk)?;
            self.unflushed += chunk.len() as u64;
        }
        if self.unflushed >= FLUSH {
            self.unflushed = 0;
            self.flushed()?;
            let (blobs, file) = (Arc::clone(&self.blobs), self.file.try_clone()?);
            let flush = std::thread::Builder::new().name("bucket-flush".into()).spawn(move || blobs.sync_file(&file));
            self.flushing = Some(flush?);
        }
        Ok(self)
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

async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Try<T> + Send + 'static) -> Try<T> {
    tokio::task::spawn_blocking(f).await.map_err(|_| Fail::Closed)?
}

/// Reads a body to its end into a new blob.
pub(crate) async fn receive(
    blobs: &Arc<Blobs>,
    body: Option<StreamingBlob>,
    mut claims: Claims,
    trailers: Option<TrailingHeaders>,
) -> Try<Written> {
    let mut body = body.unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
    let digests = claims.digests();
    let (mut chunks, mut ended) = gather(&mut body, claims.length()).await?;
    if ended {
        claims.read_trailers(trailers.as_ref())?;
        let blobs = Arc::clone(blobs);
        return blocking(move || Sink::create(blobs, digests)?.write(&chunks)?.finish(&claims)).await;
    }
    let begin = {
        let blobs = Arc::clone(blobs);
        move || Sink::create(blobs, digests)?.write(&chunks)
    };
    let mut writing = tokio::task::spawn_blocking(begin);
    let mut come = 0;
    loop {
        // The next bytes are read while the last ones are hashed and written.
        (chunks, ended) = gather(&mut body, claims.length()).await?;
        come += chunks.iter().map(|c| c.len() as u64).sum::<u64>();
        let sink = writing.await.map_err(|_| Fail::Closed)??;
        if come > claims.length() {
            return Err(refuse(S3ErrorCode::IncompleteBody, "More bytes came than were announced.").into());
        }
        if ended {
            claims.read_trailers(trailers.as_ref())?;
            return blocking(move || sink.write(&chunks)?.finish(&claims)).await;
        }
        writing = tokio::task::spawn_blocking(move || sink.write(&chunks));
    }
}

/// Reads up to `GATHER` bytes; true where the body ended.
async fn gather(body: &mut StreamingBlob, announced: u64) -> S3Result<(Vec<Bytes>, bool)> {
    let mut chunks = Vec::new();
    let mut size = 0;
    while size < GATHER {
        match tokio::time::timeout(PATIENCE, body.next()).await {
            Err(_) => {
                let text = "Your socket connection to the server was not read from or written to within the timeout period.";
                return Err(refuse(S3ErrorCode::RequestTimeout, text));
            }
            Ok(None) => return Ok((chunks, true)),
            Ok(Some(Ok(chunk))) => {
                size += chunk.len();
                chunks.push(chunk);
            }
            Ok(Some(Err(e))) => return Err(stream_error(&e, announced)),
        }
    }
    Ok((chunks, false))
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
