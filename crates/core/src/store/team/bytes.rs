//! The bytes of an upload: hashed once before they travel, then sent piece by piece, whole or inside a multipart form.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use http_body::{Frame, SizeHint};
use md5::Md5;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use crate::store::{Body, Progress};

/// Memory is handed over in pieces of this size, so that progress moves; sharing, not copying.
const PIECE: usize = 128 * 1024;
/// A file is read in blocks of this size.
const BLOCK: usize = 256 * 1024;

/// Both hashes of a body, and its length.
pub(super) struct Digests {
    pub(super) md5: [u8; 16],
    pub(super) sha256: [u8; 32],
    pub(super) size: u64,
}

/// Reads the body once, off the async threads.
pub(super) async fn digests(body: &Body) -> io::Result<Digests> {
    let body = body.clone();
    tokio::task::spawn_blocking(move || match body {
        Body::Bytes(bytes) => hash(&mut &bytes[..]),
        Body::File(path) => hash(&mut File::open(path)?),
    })
    .await
    .map_err(io::Error::other)?
}

fn hash(source: &mut dyn Read) -> io::Result<Digests> {
    let (mut md5, mut sha256, mut size) = (Md5::new(), Sha256::new(), 0_u64);
    let mut block = vec![0; BLOCK];
    loop {
        let length = source.read(&mut block)?;
        if length == 0 {
            return Ok(Digests { md5: md5.finalize().into(), sha256: sha256.finalize().into(), size });
        }
        md5.update(&block[..length]);
        sha256.update(&block[..length]);
        size += length as u64;
    }
}

/// The ETag of an object that was stored in parts of this size: the MD5 of the parts' MD5s, and their number.
pub(super) fn etag_in_parts(body: &Body, part: u64) -> io::Result<String> {
    let mut source: Box<dyn Read> = match body {
        Body::Bytes(bytes) => Box::new(io::Cursor::new(bytes.clone())),
        Body::File(path) => Box::new(File::open(path)?),
    };
    let (mut all, mut count) = (Md5::new(), 0_u64);
    loop {
        let of_part = hash(&mut (&mut source).take(part))?;
        if of_part.size == 0 {
            return Ok(format!("{}-{count}", hex::encode(all.finalize())));
        }
        all.update(of_part.md5);
        count += 1;
    }
}

type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + Sync>>;

/// A request's body: perhaps something before and after, the bytes between.
pub(super) struct Sending {
    before: Option<Bytes>,
    pieces: Option<Pieces>,
    after: Option<Bytes>,
    left: u64,
    sent: u64,
    size: u64,
    progress: Progress,
}

impl Sending {
    pub(super) async fn open(body: &Body, size: u64, frame: Option<(Bytes, Bytes)>, progress: &Progress) -> io::Result<Self> {
        let pieces: Pieces = match body {
            Body::Bytes(bytes) => {
                let mut left = bytes.clone();
                Box::pin(futures::stream::poll_fn(move |_| {
                    let length = left.len().min(PIECE);
                    Poll::Ready((length > 0).then(|| Ok(left.split_to(length))))
                }))
            }
            Body::File(path) => Box::pin(ReaderStream::with_capacity(open(path).await?.take(size), BLOCK)),
        };
        let (before, after) = frame.unzip();
        let framed = before.as_ref().map_or(0, Bytes::len) + after.as_ref().map_or(0, Bytes::len);
        progress(0);
        Ok(Self {
            before,
            pieces: Some(pieces),
            after,
            left: size + framed as u64,
            sent: 0,
            size,
            progress: Progress::clone(progress),
        })
    }

    fn hand_over(&mut self, piece: Bytes) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

async fn open(path: &Path) -> io::Result<tokio::fs::File> {
    tokio::fs::File::open(path).await
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if let Some(before) = this.before.take() {
            return this.hand_over(before);
        }
        if let Some(pieces) = &mut this.pieces {
            match ready!(pieces.as_mut().poll_next(cx)) {
                Some(Ok(piece)) => {
                    this.sent += piece.len() as u64;
                    (this.progress)(this.sent);
                    return this.hand_over(piece);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if this.sent < this.size => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                None => this.pieces = None,
            }
        }
        match this.after.take() {
            Some(after) => this.hand_over(after),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Boundary, head and tail of a form whose one part is the file.
///
/// `exactly`: the name also goes percent-encoded (RFC 5987), so that none of its letters is lost.
pub(super) fn form(name: &str, content_type: &str, exactly: bool) -> (String, Bytes, Bytes) {
    let boundary = format!("imagepic-{}", uuid::Uuid::new_v4().simple());
    let extended =
        if exactly { format!("; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC)) } else { String::new() };
    // As browsers write it (WHATWG HTML, "multipart/form-data encoding algorithm").
    let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    let kind: String = content_type.chars().filter(char::is_ascii_graphic).collect();
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"{extended}\r\nContent-Type: {kind}\r\n\r\n"
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    (boundary, head.into(), tail.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_in_parts_is_the_one_stores_make() {
        // Two parts, "hello " and "world", as S3 and minio count them.
        let parts = [Md5::digest(b"hello "), Md5::digest(b"world")].concat();
        let expected = format!("{}-2", hex::encode(Md5::digest(parts)));
        let body = Body::Bytes(Bytes::from_static(b"hello world"));
        assert_eq!(etag_in_parts(&body, 6).expect("in memory"), expected);
    }
}
