//! Request bodies that tell how far they are: bytes in memory or a file, read as the connection takes them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

/// Called with the number of body bytes the connection has taken so far. Starts again at 0 on a fresh try.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// Memory is handed over in pieces of this size, so that progress moves; sharing, not copying.
const PIECE: usize = 128 * 1024;
/// A file is read in blocks of this size, large enough that the hop to a blocking thread does not count; two are in memory.
const BLOCK: usize = 1024 * 1024;

/// Bytes in memory or in a file. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Body {
    /// In memory.
    Bytes(Bytes),
    /// In a file, read as it travels.
    File(PathBuf),
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// The thing to be sent cannot be read, or is not what it was.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("the file cannot be read: {0}")]
    Unreadable(Arc<io::Error>),
    #[error("the file is shorter than it was")]
    Shorter,
}

impl SourceError {
    pub(crate) fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl Body {
    /// Opens the body for one try of a request.
    pub(crate) async fn stream(&self, size: u64, progress: Progress) -> io::Result<ByteStream> {
        progress(0);
        Ok(match self {
            Self::Bytes(bytes) => ByteStream::new(SdkBody::from_body_1_x(InMemory { left: bytes.clone(), sent: 0, progress })),
            Self::File(path) => {
                let file = tokio::fs::File::open(path).await?.into_std().await;
                ByteStream::new(SdkBody::from_body_1_x(FromFile::new(file, size, progress)))
            }
        })
    }
}

/// Bytes in memory, handed over piece by piece.
pub(crate) struct InMemory {
    pub(crate) left: Bytes,
    pub(crate) sent: u64,
    pub(crate) progress: Progress,
}

impl http_body::Body for InMemory {
    type Data = Bytes;
    type Error = SourceError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SourceError>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let piece = PIECE.min(self.left.len());
        let piece = self.left.split_to(piece);
        self.sent += piece.len() as u64;
        (self.progress)(self.sent);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

/// A file, read one block ahead of the connection, so that disk and network work at the same time.
struct FromFile {
    reading: Option<JoinHandle<(File, io::Result<Bytes>)>>,
    /// What was read and not yet handed over.
    block: Bytes,
    /// Bytes that nobody has begun to read.
    unread: u64,
    left: u64,
    sent: u64,
    progress: Progress,
}

impl FromFile {
    fn new(file: File, size: u64, progress: Progress) -> Self {
        let mut body = Self { reading: None, block: Bytes::new(), unread: size, left: size, sent: 0, progress };
        body.read_on(file);
        body
    }

    fn read_on(&mut self, file: File) {
        if self.unread == 0 {
            return;
        }
        let length = usize::try_from(self.unread).unwrap_or(BLOCK).min(BLOCK);
        self.unread -= length as u64;
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let block = read(&file, length);
            (file, block)
        }));
    }
}

/// Exactly so many bytes, into memory that is not cleared first.
pub(crate) fn read(file: &File, length: usize) -> io::Result<Bytes> {
    let mut block = Vec::with_capacity(length);
    file.take(length as u64).read_to_end(&mut block)?;
    if block.len() < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(block.into()) }
}

impl http_body::Body for FromFile {
    type Data = Bytes;
    type Error = SourceError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SourceError>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        if this.block.is_empty() {
            let unreadable = |error| Poll::Ready(Some(Err(SourceError::Unreadable(Arc::new(error)))));
            let Some(reading) = &mut this.reading else { return Poll::Ready(Some(Err(SourceError::Shorter))) };
            let read = ready!(Pin::new(reading).poll(cx));
            this.reading = None;
            match read {
                Ok((file, Ok(block))) => {
                    this.block = block;
                    this.read_on(file);
                }
                Ok((_, Err(error))) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Some(Err(SourceError::Shorter)));
                }
                Ok((_, Err(error))) => return unreadable(error),
                Err(stopped) => return unreadable(io::Error::other(stopped)),
            }
        }
        let piece = this.block.split_to(PIECE.min(this.block.len()));
        this.left -= piece.len() as u64;
        this.sent += piece.len() as u64;
        (this.progress)(this.sent);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
