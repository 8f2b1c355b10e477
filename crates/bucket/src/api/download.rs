//! Bytes on their way out: small objects in the same step that looks them up, large ones piece by piece in constant memory.
//! The blobs stay on disk as long as somebody reads them, whatever happens to the key meanwhile.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use s3s::StdError;
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};
use tokio::task::JoinHandle;

use crate::blobs::{Blobs, Pinned};
use crate::fail::Try;
use crate::index::Piece;

/// Read from the disk at once.
const CHUNK: u64 = 256 * 1024;

/// A stretch of pieces, being read.
pub(crate) struct Reading {
    blobs: Arc<Blobs>,
    _pinned: Pinned,
    /// What is left: the blob and the range in it.
    left: VecDeque<(Piece, Range<u64>)>,
    open: Option<File>,
}

impl Reading {
    /// `pinned` must hold every piece.
    ///
    /// # Errors
    /// A piece that would be read is not on the disk as it was stored: that is said before the first byte, not in the middle.
    pub(crate) fn new(blobs: Arc<Blobs>, pinned: Pinned, pieces: &[Piece], range: Range<u64>) -> Try<Self> {
        let mut left = VecDeque::new();
        let mut start = 0;
        for piece in pieces {
            let end = start + piece.size;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                left.push_back((*piece, from - start..to - start));
            }
            start = end;
        }
        blobs.check(left.iter().map(|(piece, _)| *piece))?;
        Ok(Self { blobs, _pinned: pinned, left, open: None })
    }

    pub(crate) fn remaining(&self) -> u64 {
        self.left.iter().map(|(_, r)| r.end - r.start).sum()
    }

    /// The next bytes; `None` at the end. Blocks.
    pub(crate) fn read(&mut self) -> std::io::Result<Option<Bytes>> {
        let Some((piece, range)) = self.left.front_mut() else { return Ok(None) };
        let file = match &mut self.open {
            Some(file) => file,
            None => {
                let mut file = File::open(self.blobs.path(piece.blob))?;
                if range.start > 0 {
                    file.seek(SeekFrom::Start(range.start))?;
                }
                self.open.insert(file)
            }
        };
        let n = (range.end - range.start).min(CHUNK);
        let mut chunk = Vec::with_capacity(usize::try_from(n).unwrap_or(0));
        if file.take(n).read_to_end(&mut chunk)? as u64 != n {
            return Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                format!("blob {:?} is shorter than the index says", piece.blob),
            ));
        }
        range.start += n;
        if range.start == range.end {
            self.left.pop_front();
            self.open = None;
        }
        Ok(Some(chunk.into()))
    }

    /// A body: read at once where one step is enough.
    pub(crate) fn into_body(mut self) -> Try<StreamingBlob> {
        let size = self.remaining();
        if size <= CHUNK {
            let mut all = Vec::new();
            while let Some(chunk) = self.read()? {
                if all.is_empty() && chunk.len() as u64 == size {
                    return Ok(s3s::Body::from(chunk).into());
                }
                all.extend_from_slice(&chunk);
            }
            return Ok(s3s::Body::from(all).into());
        }
        Ok(StreamingBlob::new(Outgoing { size, state: State::Idle(Some(self)) }))
    }
}

enum State {
    Idle(Option<Reading>),
    Busy(JoinHandle<(Reading, std::io::Result<Option<Bytes>>)>),
}

/// One step on the blocking pool for each chunk: a client that stalls holds no thread.
struct Outgoing {
    size: u64,
    state: State,
}

impl Stream for Outgoing {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut self.state {
                State::Idle(reading) => {
                    let Some(mut reading) = reading.take() else { return Poll::Ready(None) };
                    self.state = State::Busy(tokio::task::spawn_blocking(move || {
                        let read = reading.read();
                        (reading, read)
                    }));
                }
                State::Busy(step) => {
                    let (reading, read) = match ready!(Pin::new(step).poll(cx)) {
                        Ok(done) => done,
                        Err(e) => {
                            self.state = State::Idle(None);
                            return Poll::Ready(Some(Err(e.into())));
                        }
                    };
                    return Poll::Ready(match read {
                        Ok(Some(chunk)) => {
                            self.size = self.size.saturating_sub(chunk.len() as u64);
                            self.state = State::Idle(Some(reading));
                            Some(Ok(chunk))
                        }
                        Ok(None) => {
                            self.state = State::Idle(None);
                            None
                        }
                        Err(e) => {
                            tracing::error!(error = %e, "bucket: a blob could not be read");
                            self.state = State::Idle(None);
                            Some(Err(e.into()))
                        }
                    });
                }
            }
        }
    }
}

impl ByteStream for Outgoing {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(usize::try_from(self.size).unwrap_or(usize::MAX))
    }
}
