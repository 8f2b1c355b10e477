//! Keeps memory constant under `aws-chunked` bodies. s3s holds a whole chunk before it passes it on, and some clients send a
//! file as a single chunk. Unsigned chunks are cut into small ones here; signed ones cannot be, so large ones are refused
//! (clients in use send 64 KiB to 1 MiB). The framing: "Signature Version 4 streaming" in the S3 reference.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// The pieces an unsigned chunk is cut into.
const PIECE: usize = 64 * 1024;
/// The largest signed chunk that is taken.
const LARGEST_SIGNED: u64 = 16 * 1024 * 1024;
/// The longest line before a chunk.
const LONGEST_LINE: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Cut,
    Check,
}

/// What the framing can do wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("AwsChunkedStreamError: FormatError")]
    Format,
    #[error("AwsChunkedStreamError: ChunkTooLarge: a signed chunk is larger than 16 MiB")]
    TooLarge,
    #[error("AwsChunkedStreamError: Underlying: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

enum State {
    /// In the line that tells the size of a chunk.
    Line,
    /// So many bytes of data are to come, then a line end.
    Data(u64),
    /// At the line end behind the data.
    End,
    /// Behind the last chunk: trailers go through as they are.
    Rest,
}

/// An `aws-chunked` body on its way to s3s.
pub(crate) struct Rechunk<B> {
    inner: Pin<Box<B>>,
    mode: Mode,
    state: State,
    buffer: BytesMut,
    ended: bool,
}

/// How the body of a request with these headers must be treated, if at all.
pub(crate) fn mode(headers: &HeaderMap) -> Option<Mode> {
    let value = headers.get("x-amz-content-sha256")?.as_bytes();
    match value {
        b"STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Some(Mode::Cut),
        _ if value.starts_with(b"STREAMING-") => Some(Mode::Check),
        _ => None,
    }
}

impl<B> Rechunk<B> {
    pub(crate) fn new(inner: B, mode: Mode) -> Self {
        Self { inner: Box::pin(inner), mode, state: State::Line, buffer: BytesMut::new(), ended: false }
    }

    /// Takes the next frame out of what has arrived; `None` asks for more.
    fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            match self.state {
                State::Line => {
                    let Some(at) = self.buffer.iter().position(|&b| b == b'\n') else {
                        return if self.buffer.len() > LONGEST_LINE { Err(Fault::Format) } else { Ok(None) };
                    };
                    let size = self.buffer[..at].split(|b| matches!(b, b';' | b'\r')).next().unwrap_or_default();
                    let size =
                        std::str::from_utf8(size).ok().and_then(|s| u64::from_str_radix(s, 16).ok()).ok_or(Fault::Format)?;
                    if self.mode == Mode::Check && size > LARGEST_SIGNED {
                        return Err(Fault::TooLarge);
                    }
                    let line = self.buffer.split_to(at + 1).freeze();
                    self.state = if size == 0 { State::Rest } else { State::Data(size) };
                    if self.mode == Mode::Check || size == 0 {
                        return Ok(Some(line));
                    }
                }
                State::Data(left) => {
                    if self.buffer.is_empty() {
                        return Ok(None);
                    }
                    let n = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len()).min(PIECE);
                    let data = self.buffer.split_to(n).freeze();
                    let left = left - n as u64;
                    self.state = if left == 0 { State::End } else { State::Data(left) };
                    if self.mode == Mode::Check {
                        return Ok(Some(data));
                    }
                    let mut framed = BytesMut::with_capacity(n + 12);
                    framed.extend_from_slice(format!("{n:x}\r\n").as_bytes());
                    framed.extend_from_slice(&data);
                    framed.extend_from_slice(b"\r\n");
                    return Ok(Some(framed.freeze()));
                }
                State::End => {
                    if self.buffer.len() < 2 {
                        return Ok(None);
                    }
                    if &self.buffer[..2] != b"\r\n" {
                        return Err(Fault::Format);
                    }
                    let end = self.buffer.split_to(2).freeze();
                    self.state = State::Line;
                    if self.mode == Mode::Check {
                        return Ok(Some(end));
                    }
                }
                State::Rest => {
                    if self.buffer.is_empty() {
                        return Ok(None);
                    }
                    return Ok(Some(self.buffer.split().freeze()));
                }
            }
        }
    }
}

impl<B> Body for Rechunk<B>
where
    B: Body<Data = Bytes>,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            match self.next() {
                Err(fault) => {
                    self.buffer.clear();
                    self.ended = true;
                    return Poll::Ready(Some(Err(fault)));
                }
                Ok(Some(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Ok(None) if self.ended => {
                    // A cut in the middle of a line is passed on for s3s to refuse.
                    let rest = self.buffer.split().freeze();
                    return Poll::Ready(rest.has_remaining().then_some(Ok(Frame::data(rest))));
                }
                Ok(None) => {}
            }
            match ready!(self.inner.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(e)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(Fault::Body(Box::new(e)))));
                }
                None => self.ended = true,
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;

    async fn through(input: &[u8], mode: Mode, arrive: usize) -> Result<Vec<Bytes>, Fault> {
        let frames: Vec<_> =
            input.chunks(arrive).map(|c| Ok::<_, std::io::Error>(Frame::data(Bytes::copy_from_slice(c)))).collect();
        let stream = futures::stream::iter(frames);
        let mut body = Rechunk::new(http_body_util::StreamBody::new(stream), mode);
        let mut out = Vec::new();
        while let Some(frame) = futures::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            out.push(frame?.into_data().unwrap());
        }
        Ok(out)
    }

    #[tokio::test]
    async fn a_file_sent_as_one_chunk_never_lies_in_memory_whole() {
        let data: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let mut input = format!("{:x}\r\n", data.len()).into_bytes();
        input.extend_from_slice(&data);
        input.extend_from_slice(b"\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n");
        for arrive in [1, 7, 4096, 300_000, 2_000_000] {
            let out = through(&input, Mode::Cut, arrive).await.unwrap();
            let mut found = Vec::new();
            let mut rest = &out.concat()[..];
            loop {
                let at = rest.windows(2).position(|w| w == b"\r\n").unwrap();
                let size = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
                assert!(size <= PIECE);
                rest = &rest[at + 2..];
                if size == 0 {
                    break;
                }
                found.extend_from_slice(&rest[..size]);
                assert_eq!(&rest[size..size + 2], b"\r\n");
                rest = &rest[size + 2..];
            }
            assert!(found == data, "arriving by {arrive}");
            assert_eq!(rest, b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n");
        }
        _ = futures::stream::empty::<()>().next().await;
    }

    #[tokio::test]
    async fn signed_chunks_pass_unchanged_and_huge_ones_are_refused() {
        let input = b"5;chunk-signature=abc\r\nhello\r\n0;chunk-signature=def\r\n\r\n";
        assert_eq!(through(input, Mode::Check, 3).await.unwrap().concat(), input);
        assert!(matches!(through(b"1000001;chunk-signature=abc\r\n", Mode::Check, 100).await, Err(Fault::TooLarge)));
        assert!(matches!(through(b"nonsense\r\n", Mode::Cut, 100).await, Err(Fault::Format)));
        assert!(matches!(through(b"2\r\nabcd", Mode::Cut, 100).await, Err(Fault::Format)));
    }
}
