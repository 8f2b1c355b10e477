//! `putObject`: one file of a form on its way to the store.
//!
//! Up to [`MEMORY`] bytes wait in memory until the form has ended. More than that travel on while they come: the store must be told the
//! length beforehand, and it is the request's less the framing, if nothing stands behind the file. Whether something does shows at the
//! end only. So the last piece is held back until then, and what travels is written to a file without a name as well; when the guess
//! was wrong the request to the store is left incomplete, which stores nothing, and the file goes instead.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::{Stream, StreamExt as _};
use http::StatusCode;
use http_body::{Frame, SizeHint};
use imagepic_api::Code;
use imagepic_s3::{Kind, S3Error, Stored, Through};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use super::Objects;
use super::budget::{Share, busy};
use super::faults::{Voice, refusal};
use super::form::{NotText, Part};
use super::multipart::{FormError, Multipart};
use super::types::{HEAD, Kept};
use crate::answer::Refusal;

/// Files up to this size wait in memory.
const MEMORY: u64 = 1024 * 1024;
/// Memory is taken from the purse in steps, as it fills.
const STEP: u64 = 64 * 1024;
/// What an upload on its way may hold: the pieces between the two connections, and one for the disk.
const ON_THE_WAY: u64 = 192 * 1024;
/// Room on disk is taken in steps.
const DISK_STEP: u64 = 4 * 1024 * 1024;
/// Parts of one form.
const MOST_PARTS: usize = 64;
/// Bytes of all that is not the file.
const MOST_BESIDE: u64 = 1024 * 1024;
const PIECE: usize = 64 * 1024;

/// What the request's head says.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) bucket: String,
    /// Without a slash at its end; empty for none.
    pub(crate) folder: String,
    pub(crate) if_absent: bool,
    /// Kept with the object.
    pub(crate) id: Option<String>,
    /// Of the form.
    pub(crate) boundary: String,
    /// Of the whole request, where it says so.
    pub(crate) length: Option<u64>,
}

/// What lies in the store now.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) stored: Stored,
}

fn bad(reason: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, Code::BadRequest, reason)
}

fn too_large(most: u64) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, &format!("files have {most} bytes at most here"))
}

/// No picture, by its bytes.
pub(crate) fn type_refused() -> Refusal {
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::TypeRefused, "the bytes are of no type this server takes")
}

fn no_text() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, Code::NameRefused, "the name is no UTF-8")
}

impl From<NotText> for Refusal {
    fn from(_: NotText) -> Self {
        no_text()
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        bad(&error.to_string())
    }
}

/// A form, and how much of it beside the file was read.
struct Form<S> {
    reader: Multipart<S>,
    parts: usize,
    beside: u64,
}

impl<S, E> Form<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    /// The file's name; its data comes next.
    async fn file(&mut self) -> Result<String, Refusal> {
        loop {
            let Some(head) = self.reader.next().await? else { return Err(bad("the form has no field file with a file in it")) };
            let part = Part::read(&head);
            self.count(head.len() as u64)?;
            match part.file {
                Some(name) if part.field.as_deref() == Some("file") => return Ok(name?),
                _ => self.skip().await?,
            }
        }
    }

    /// Everything behind the file.
    async fn rest(&mut self) -> Result<(), Refusal> {
        while let Some(head) = self.reader.next().await? {
            self.count(head.len() as u64)?;
            let part = Part::read(&head);
            if part.file.is_some() && part.field.as_deref() == Some("file") {
                return Err(bad("the form has more than one file"));
            }
            self.skip().await?;
        }
        Ok(self.reader.epilogue(8 * 1024).await?)
    }

    async fn skip(&mut self) -> Result<(), Refusal> {
        while let Some(piece) = self.reader.piece().await? {
            self.beside += piece.len() as u64;
            self.room()?;
        }
        Ok(())
    }

    fn count(&mut self, bytes: u64) -> Result<(), Refusal> {
        self.parts += 1;
        self.beside += bytes;
        if self.parts > MOST_PARTS { Err(bad("the form has more than 64 parts")) } else { self.room() }
    }

    fn room(&self) -> Result<(), Refusal> {
        if self.beside <= MOST_BESIDE { Ok(()) } else { Err(bad("the fields beside the file hold more than 1 MiB")) }
    }
}

/// Pieces in memory, and how many bytes they are.
#[derive(Default)]
struct Held {
    pieces: VecDeque<Bytes>,
    size: u64,
}

impl Held {
    /// Keeps a copy: a piece as it comes is a slice of the connection's read buffer and would hold all of it, which the budget does not
    /// count.
    fn push(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        self.pieces.push_back(Bytes::copy_from_slice(piece));
    }

    fn head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(HEAD.min(usize::try_from(self.size).unwrap_or(HEAD)));
        for piece in &self.pieces {
            head.extend_from_slice(&piece[..piece.len().min(HEAD - head.len())]);
        }
        head
    }
}

impl Objects {
    /// Takes the one file of a form to the store.
    ///
    /// # Errors
    /// The answer for whoever sent it; nothing new lies in the store then.
    pub(crate) async fn receive<S, E>(&self, pieces: S, wanted: Wanted) -> Result<Done, Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        if wanted.length.is_some_and(|length| length > self.max_bytes + MOST_BESIDE) {
            return Err(too_large(self.max_bytes));
        }
        let mut share = self.budget.memory(wanted.length.unwrap_or(STEP).min(STEP))?;
        let mut form = Form { reader: Multipart::new(pieces, &wanted.boundary), parts: 0, beside: 0 };
        let name = form.file().await?;
        let key = if wanted.folder.is_empty() { name } else { format!("{}/{name}", wanted.folder) };
        super::names::new_key(&key)?;
        let begun = form.reader.position();
        let mut held = Held::default();
        let mut kept = None;
        let whole = loop {
            let Some(piece) = form.reader.piece().await? else { break true };
            held.push(&piece);
            if held.size > self.max_bytes {
                return Err(too_large(self.max_bytes));
            }
            if kept.is_none() && held.size >= HEAD as u64 {
                kept = Some(self.types.of(&held.head()).ok_or_else(type_refused)?);
            }
            if held.size >= MEMORY || !share.grow_to(held.size + STEP) {
                break false;
            }
        };
        let kept = match kept {
            Some(kept) => kept,
            None => self.types.of(&held.head()).ok_or_else(type_refused)?,
        };
        let put = |size: u64| Through {
            bucket: wanted.bucket.clone(),
            key: key.clone(),
            size,
            content_type: kept.mime.clone(),
            content_disposition: kept.disposition.map(str::to_owned),
            if_absent: wanted.if_absent,
            id: wanted.id.clone(),
        };
        let (size, stored) = if whole {
            form.rest().await?;
            (held.size, self.put_held(&put(held.size), held.pieces).await)
        } else {
            // The line's end behind the file, the last delimiter and, as nearly all clients write it, a line's end behind that.
            let framing = wanted.boundary.len() as u64 + 8;
            let guess = wanted.length.and_then(|length| length.checked_sub(begun + framing)).filter(|guess| *guess > held.size);
            share.shrink_to(held.size.max(ON_THE_WAY));
            self.put_on(form, held, share, guess, put).await?
        };
        let stored = stored.map_err(|error| refusal(&error, &wanted.bucket, Some(&key), Voice::Old))?;
        Ok(Done { key, size, stored })
    }

    async fn put_held(&self, put: &Through, pieces: VecDeque<Bytes>) -> Result<Stored, S3Error> {
        let _place = self.budget.put().await;
        let body = InMemory { pieces: pieces.clone(), left: put.size };
        match self.store.put_through(put, body).await {
            // A connection that had waited for use may have been closed by the store at this very moment.
            Err(error) if error.kind == Kind::Unreachable && !put.if_absent => {
                self.store.put_through(put, InMemory { pieces, left: put.size }).await
            }
            stored => stored,
        }
    }

    /// The rest of a file that is too large for memory.
    async fn put_on<S, E>(
        &self,
        mut form: Form<S>,
        mut held: Held,
        mut share: Share,
        guess: Option<u64>,
        put: impl Fn(u64) -> Through,
    ) -> Result<(u64, Result<Stored, S3Error>), Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let mut spool = Spool::open(self).await;
        let place = guess.and_then(|_| self.budget.stream());
        if let (Some(guess), Some(_place)) = (guess.filter(|guess| *guess <= self.max_bytes), &place) {
            let (sender, pieces) = mpsc::channel(1);
            let put_now = put(guess);
            let store = Box::pin(self.store.put_through(&put_now, Travelling { pieces, left: guess }));
            let feed = Box::pin(self.feed(&mut form, &mut held, &mut share, Some((sender, guess)), &mut spool));
            let size = match select(feed, store).await {
                Either::Left((Ok(Fed { size, last: Some((sender, piece)) }), store)) => {
                    let send = async move { sender.send(piece).await.is_ok() };
                    let (_, stored) = futures_util::future::join(send, store).await;
                    return Ok((size, stored));
                }
                Either::Left((Ok(Fed { size, last: None }), store)) => {
                    // It stays incomplete.
                    drop(store);
                    size
                }
                Either::Left((Err(refused), _)) => return Err(refused),
                Either::Right((Err(error), _)) => return Ok((guess, Err(error))),
                Either::Right((Ok(_), _)) => {
                    let error = S3Error::new(Kind::NotS3, "the store confirmed an object that had not come to its end");
                    return Ok((guess, Err(error)));
                }
            };
            return self.put_spooled(&put(size), spool).await;
        }
        drop(place);
        let fed = self.feed(&mut form, &mut held, &mut share, None, &mut spool).await?;
        drop(share);
        self.put_spooled(&put(fed.size), spool).await
    }

    /// Reads the form to its end: what was held, what comes, and what stands behind. With `on` the pieces travel on to the store, all
    /// but the last; with another length than was guessed they do not arrive.
    async fn feed<S, E>(
        &self,
        form: &mut Form<S>,
        held: &mut Held,
        share: &mut Share,
        on: Option<(mpsc::Sender<Bytes>, u64)>,
        spool: &mut Option<Spool>,
    ) -> Result<Fed, Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let mut on = on;
        let (mut size, mut last) = (0_u64, None::<Bytes>);
        loop {
            let piece = match held.pieces.pop_front() {
                Some(piece) => piece,
                None => match form.reader.piece().await? {
                    Some(piece) => piece,
                    None => break,
                },
            };
            if held.pieces.is_empty() {
                share.shrink_to(ON_THE_WAY);
            }
            size += piece.len() as u64;
            if size > self.max_bytes {
                return Err(too_large(self.max_bytes));
            }
            if let Some(file) = spool
                && let Err(error) = file.write(&piece).await
            {
                tracing::warn!(%error, "an upload cannot be kept on disk");
                *spool = None;
            }
            if on.as_ref().is_some_and(|(_, guess)| size > *guess) {
                on = None;
            }
            if let Some((sender, _)) = &on
                && let Some(before) = last.replace(piece)
                && sender.send(before).await.is_err()
            {
                // The store has ended the request; what it says is heard beside this.
                std::future::pending::<()>().await;
            }
            if on.is_none() && spool.is_none() {
                return Err(busy("there is no room on the server's disk for an upload this large"));
            }
        }
        form.rest().await?;
        match (on, last) {
            (Some((sender, guess)), Some(piece)) if size == guess => Ok(Fed { size, last: Some((sender, piece)) }),
            _ if spool.is_some() => Ok(Fed { size, last: None }),
            _ => Err(busy("there is no room on the server's disk for an upload this large")),
        }
    }

    async fn put_spooled(&self, put: &Through, spool: Option<Spool>) -> Result<(u64, Result<Stored, S3Error>), Refusal> {
        let Some(spool) = spool else { return Err(busy("there is no room on the server's disk for an upload this large")) };
        let _place = self.budget.put().await;
        let (body, _share) = spool.read().await.map_err(|error| {
            tracing::error!(%error, "a spooled upload cannot be read");
            Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                Code::Internal,
                "the upload cannot be read again from the server's disk",
            )
        })?;
        Ok((put.size, self.store.put_through(put, body).await))
    }
}

/// A form read to its end.
struct Fed {
    size: u64,
    /// What is still to be sent, where the guess was right.
    last: Option<(mpsc::Sender<Bytes>, Bytes)>,
}

/// A file without a name, and its share of the disk.
struct Spool {
    file: tokio::fs::File,
    share: Share,
    size: u64,
}

impl Spool {
    async fn open(objects: &Objects) -> Option<Self> {
        match objects.budget.spool().await {
            Ok((file, share)) => Some(Self { file: tokio::fs::File::from_std(file), share, size: 0 }),
            Err(error) => {
                tracing::warn!(%error, "no upload can be kept on disk");
                None
            }
        }
    }

    async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.size += piece.len() as u64;
        if !self.share.grow_to(self.size.next_multiple_of(DISK_STEP)) {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "all uploads together hold as much as they may"));
        }
        self.file.write_all(piece).await
    }

    async fn read(
        mut self,
    ) -> io::Result<(impl http_body::Body<Data = Bytes, Error = io::Error> + Send + Sync + 'static, Share)> {
        self.file.flush().await?;
        self.file.rewind().await?;
        let frames = ReaderStream::with_capacity(self.file, PIECE).map(|piece| piece.map(Frame::data));
        Ok((http_body_util::StreamBody::new(frames), self.share))
    }
}

/// Pieces in memory as a body.
struct InMemory {
    pieces: VecDeque<Bytes>,
    left: u64,
}

impl http_body::Body for InMemory {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let piece = self.pieces.pop_front();
        self.left -= piece.as_ref().map_or(0, Bytes::len) as u64;
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Pieces that somebody else hands over; an end that comes too early is an error, so that no store takes it for one.
struct Travelling {
    pieces: mpsc::Receiver<Bytes>,
    left: u64,
}

impl http_body::Body for Travelling {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.pieces.poll_recv(cx).map(|piece| match piece {
            Some(piece) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Some(Ok(Frame::data(piece)))
            }
            None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// As what somebody's own words about a type are kept, for grants.
pub(crate) fn kept(objects: &Objects, mime: &str) -> Result<Kept, Refusal> {
    objects.types.kept(mime).ok_or_else(type_refused)
}

/// Now, as answers write it.
pub(crate) fn now() -> String {
    super::listing::time(SystemTime::now())
}
