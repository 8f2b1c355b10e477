//! Request bodies that tell how far they are: bytes in memory or a file, read as the connection takes them.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};

/// Called with the number of body bytes the connection has taken so far. Starts again at 0 on a fresh try.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// Memory is handed over in pieces of this size, so that progress moves; sharing, not copying.
const PIECE: usize = 64 * 1024;
/// A file is read in pieces of this size: large enough that the hop to a blocking thread does not count.
const READ: usize = 256 * 1024;

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
                let file = open(path).await?;
                ByteStream::new(SdkBody::from_body_1_x(FromFile { file, buffer: BytesMut::new(), left: size, sent: 0, progress }))
            }
        })
    }
}

pub(crate) async fn open(path: &Path) -> io::Result<File> {
    let mut file = File::open(path).await?;
    file.set_max_buf_size(READ);
    Ok(file)
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

struct FromFile {
    file: File,
    buffer: BytesMut,
    left: u64,
    sent: u64,
    progress: Progress,
}

impl http_body::Body for FromFile {
    type Data = Bytes;
    type Error = SourceError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SourceError>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let want = usize::try_from(this.left).unwrap_or(READ).min(READ);
        this.buffer.resize(want, 0);
        let mut into = ReadBuf::new(&mut this.buffer);
        let read = ready!(Pin::new(&mut this.file).poll_read(cx, &mut into)).map(|()| into.filled().len());
        let read = match read {
            Ok(0) => return Poll::Ready(Some(Err(SourceError::Shorter))),
            Ok(read) => read,
            Err(error) => return Poll::Ready(Some(Err(SourceError::Unreadable(Arc::new(error))))),
        };
        let piece = this.buffer.split_to(read).freeze();
        this.left -= read as u64;
        this.sent += read as u64;
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
