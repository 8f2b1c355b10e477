//! A form as it comes (RFC 7578): part after part, never more than a piece of it in memory.
//!
//! A part's end is where a whole delimiter line stands (RFC 2046, 5.1.1), and nowhere else: bytes that only begin like one are data.
//! What stays out: what the parts mean, how much of their data is wanted, and how long one waits for it.

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use memchr::memmem::Finder;

/// The headers of one part, and what stands before the first delimiter.
const LONGEST_HEAD: usize = 16 * 1024;
/// Blanks a delimiter line may end with ("transport padding").
const LONGEST_PADDING: usize = 64;
/// RFC 2046 allows 70 characters.
const LONGEST_BOUNDARY: usize = 70;

/// Why a form is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// Not `multipart/form-data`, or without a boundary that could be one.
    #[error("the body must be multipart/form-data with a boundary")]
    NotAForm,
    /// The body ended before the last delimiter.
    #[error("the form breaks off before its end")]
    CutOff,
    /// The connection broke, or nothing came for too long.
    #[error("the body broke off")]
    Broken,
    /// A part's headers are too long, or what stands before the first part is.
    #[error("the headers of a part are longer than 16 KiB")]
    LongHead,
}

/// The boundary a `Content-Type` announces.
pub(crate) fn boundary(content_type: &str) -> Result<String, FormError> {
    let (essence, parameters) = content_type.split_once(';').ok_or(FormError::NotAForm)?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(FormError::NotAForm);
    }
    let boundary =
        imagepic_net::header::parameters(parameters).into_iter().find(|(name, _)| name == "boundary").map(|(_, value)| value);
    let boundary = boundary.ok_or(FormError::NotAForm)?;
    let fits =
        !boundary.is_empty() && boundary.len() <= LONGEST_BOUNDARY && boundary.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if fits && !boundary.ends_with(' ') { Ok(boundary) } else { Err(FormError::NotAForm) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first delimiter.
    Preamble,
    /// Behind a delimiter line.
    Head,
    /// In a part's data.
    Data,
    /// Behind the last delimiter.
    End,
}

enum Line {
    /// More bytes are needed to tell.
    Open,
    /// The last delimiter.
    Last,
    /// A part follows after so many bytes.
    Part(usize),
    /// It only looked like one.
    Data,
}

/// A form, read from a stream of pieces however they are cut.
pub(crate) struct Multipart<S> {
    pieces: S,
    /// `\r\n--boundary`
    delimiter: Finder<'static>,
    /// A piece as it came, without a copy where nothing was left of the one before: a form that waits holds no buffer of its own.
    buffer: Bytes,
    at: At,
    /// The stream has ended.
    over: bool,
    /// Bytes that came from the stream.
    came: u64,
}

impl<S, E> Multipart<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    /// A form of that boundary.
    pub(crate) fn new(pieces: S, boundary: &str) -> Self {
        let delimiter = Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        // The first delimiter may stand at the very beginning, where no line end precedes it.
        Self { pieces, delimiter, buffer: Bytes::from_static(b"\r\n"), at: At::Preamble, over: false, came: 0 }
    }

    /// Where the reader stands, in bytes from the beginning of the body.
    pub(crate) fn position(&self) -> u64 {
        self.came - self.buffer.len() as u64
    }

    /// The next part's headers as they stand, without the blank line; what is left of the part before is skipped. `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, FormError> {
        if self.at == At::Preamble {
            self.preamble().await?;
        }
        while self.at == At::Data {
            if self.piece().await?.is_none() {
                break;
            }
        }
        if self.at == At::End {
            return Ok(None);
        }
        loop {
            // A part without headers begins with its blank line.
            if self.buffer.starts_with(b"\r\n") {
                self.buffer.advance(2);
                self.at = At::Data;
                return Ok(Some(Bytes::new()));
            }
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                if end > LONGEST_HEAD {
                    return Err(FormError::LongHead);
                }
                let head = self.buffer.split_to(end);
                self.buffer.advance(4);
                self.at = At::Data;
                return Ok(Some(head));
            }
            if self.buffer.len() > LONGEST_HEAD {
                return Err(FormError::LongHead);
            }
            self.more().await?;
        }
    }

    /// More of the part's data; `None` at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, FormError> {
        if self.at != At::Data {
            return Ok(None);
        }
        loop {
            match self.delimiter.find(&self.buffer) {
                Some(0) => match self.line() {
                    Line::Open => self.more().await?,
                    Line::Last => {
                        self.at = At::End;
                        return Ok(None);
                    }
                    Line::Part(length) => {
                        self.buffer.advance(length);
                        self.at = At::Head;
                        return Ok(None);
                    }
                    // No delimiter can begin inside: a boundary has no line end.
                    Line::Data => return Ok(Some(self.buffer.split_to(self.delimiter.needle().len()))),
                },
                Some(at) => return Ok(Some(self.buffer.split_to(at))),
                None => {
                    let safe = self.buffer.len() - self.tail();
                    if safe > 0 {
                        return Ok(Some(self.buffer.split_to(safe)));
                    }
                    self.more().await?;
                }
            }
        }
    }

    /// Reads what stands behind the last delimiter, to the end of the body.
    pub(crate) async fn epilogue(&mut self, most: u64) -> Result<(), FormError> {
        let mut left = most;
        loop {
            left = left.checked_sub(self.buffer.len() as u64).ok_or(FormError::LongHead)?;
            self.buffer.clear();
            match self.more().await {
                Ok(()) => {}
                Err(FormError::CutOff) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    async fn preamble(&mut self) -> Result<(), FormError> {
        let mut skipped = 0;
        loop {
            match self.delimiter.find(&self.buffer) {
                Some(0) => match self.line() {
                    Line::Open => self.more().await?,
                    Line::Last => {
                        self.at = At::End;
                        return Ok(());
                    }
                    Line::Part(length) => {
                        self.buffer.advance(length);
                        self.at = At::Head;
                        return Ok(());
                    }
                    Line::Data => self.buffer.advance(self.delimiter.needle().len()),
                },
                Some(at) => {
                    skipped += at;
                    self.buffer.advance(at);
                }
                None => {
                    let safe = self.buffer.len() - self.tail();
                    skipped += safe;
                    self.buffer.advance(safe);
                    self.more().await?;
                }
            }
            if skipped > LONGEST_HEAD {
                return Err(FormError::LongHead);
            }
        }
    }

    /// What the bytes behind the delimiter at the buffer's beginning make of it.
    fn line(&self) -> Line {
        let length = self.delimiter.needle().len();
        let rest = &self.buffer[length..];
        if rest.starts_with(b"--") {
            return Line::Last;
        }
        let padding = rest.iter().take(LONGEST_PADDING + 1).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        match &rest[padding..] {
            [b'\r', b'\n', ..] if padding <= LONGEST_PADDING => Line::Part(length + padding + 2),
            [] | [b'\r'] if padding <= LONGEST_PADDING => Line::Open,
            [b'-'] if padding == 0 => Line::Open,
            _ => Line::Data,
        }
    }

    /// How many bytes at the end may be the beginning of a delimiter.
    fn tail(&self) -> usize {
        let needle = self.delimiter.needle();
        let from = self.buffer.len().saturating_sub(needle.len() - 1);
        let end = &self.buffer[from..];
        // A delimiter has one `\r`, its first byte.
        memchr::memrchr(b'\r', end).map(|at| &end[at..]).filter(|end| needle.starts_with(end)).map_or(0, <[u8]>::len)
    }

    /// At least one byte more; `CutOff` at the end of the stream.
    async fn more(&mut self) -> Result<(), FormError> {
        loop {
            if self.over {
                return Err(FormError::CutOff);
            }
            match self.pieces.next().await {
                None => self.over = true,
                Some(Err(_)) => return Err(FormError::Broken),
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    self.came += piece.len() as u64;
                    self.buffer = if self.buffer.is_empty() {
                        piece
                    } else {
                        let mut both = BytesMut::with_capacity(self.buffer.len() + piece.len());
                        both.extend_from_slice(&self.buffer);
                        both.extend_from_slice(&piece);
                        both.freeze()
                    };
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Parts = Vec<(Vec<u8>, Vec<u8>)>;

    /// Reads a whole body, cut into pieces of these lengths, the last one for ever.
    async fn read(body: &[u8], boundary: &str, cuts: &[usize]) -> Result<Parts, FormError> {
        let mut rest = body;
        let mut pieces = Vec::new();
        let mut cuts = cuts.iter().copied().chain(std::iter::repeat(cuts.last().copied().unwrap_or(usize::MAX)));
        while !rest.is_empty() {
            let cut = cuts.next().unwrap_or(1).clamp(1, rest.len());
            pieces.push(Ok::<_, ()>(Bytes::copy_from_slice(&rest[..cut])));
            rest = &rest[cut..];
        }
        let mut form = Multipart::new(futures_util::stream::iter(pieces), boundary);
        let mut parts = Vec::new();
        while let Some(head) = form.next().await? {
            let mut data = Vec::new();
            while let Some(piece) = form.piece().await? {
                assert!(!piece.is_empty(), "a piece moves the reader on");
                data.extend_from_slice(&piece);
            }
            parts.push((head.to_vec(), data));
        }
        form.epilogue(1024).await?;
        assert_eq!(form.position(), body.len() as u64);
        Ok(parts)
    }

    fn write(parts: &Parts, boundary: &str) -> Vec<u8> {
        let mut body = Vec::new();
        for (head, data) in parts {
            body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            body.extend_from_slice(head);
            body.extend_from_slice(b"\r\n\r\n");
            body.extend_from_slice(data);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        body
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
    }

    /// Bytes that are full of what a delimiter is made of.
    fn tricky() -> impl Strategy<Value = Vec<u8>> {
        let crumb = prop_oneof![
            Just(b"\r".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"--".to_vec()),
            Just(b"\r\n--".to_vec()),
            Just(b"\r\n--b".to_vec()),
            Just(b"\r\n--bou".to_vec()),
            Just(b"\r\n--boundX".to_vec()),
            Just(b"--bound\r\n".to_vec()),
            Just(b"\n--bound--".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..40),
        ];
        proptest::collection::vec(crumb, 0..12).prop_map(|crumbs| crumbs.concat())
    }

    /// A whole delimiter line is the one thing data cannot hold.
    fn is_data(data: &[u8]) -> bool {
        let delimiter = b"\r\n--bound";
        let framed = [b"\r\n", data, delimiter].concat();
        !framed[..framed.len() - delimiter.len()].windows(delimiter.len()).enumerate().skip(2).any(|(at, window)| {
            window == delimiter && {
                let rest = &framed[at + delimiter.len()..];
                let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                rest.starts_with(b"--") || rest[padding..].starts_with(b"\r\n")
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

        #[test]
        fn every_part_comes_out_as_it_went_in_however_the_body_is_cut(
            data in proptest::collection::vec(tricky().prop_filter("holds a delimiter line", |data| is_data(data)), 1..4),
            cuts in proptest::collection::vec(1_usize..50, 1..20),
        ) {
            let head = b"Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"".to_vec();
            let parts: Parts = data.into_iter().map(|data| (head.clone(), data)).collect();
            let body = write(&parts, "bound");
            prop_assert_eq!(now(read(&body, "bound", &cuts)), Ok(parts));
        }

        #[test]
        fn whatever_comes_the_reader_ends_and_does_not_depend_on_the_cuts(
            body in tricky(),
            cuts in proptest::collection::vec(1_usize..9, 1..9),
        ) {
            let whole = now(read(&body, "bound", &[usize::MAX]));
            prop_assert_eq!(now(read(&body, "bound", &cuts)), whole);
        }

        #[test]
        fn a_form_that_breaks_off_anywhere_is_never_taken_for_a_whole_one(data in tricky().prop_filter("", |data| is_data(data)), at in 0.0..1.0_f64) {
            let body = write(&vec![(b"A: b".to_vec(), data)], "bound");
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a short text")]
            let cut = ((body.len() - 4) as f64 * at) as usize;
            prop_assert!(now(read(&body[..cut], "bound", &[7])).is_err());
        }
    }

    #[test]
    fn a_boundary_that_others_begin_with_does_not_end_a_part() {
        let body = b"--b\r\nA: 1\r\n\r\nx\r\n--bb\r\n--b-\r\n--b x\r\n--b \t\r\nA: 2\r\n\r\n\r\n--b--";
        let parts = now(read(body, "b", &[1])).expect("a form");
        assert_eq!(parts, [(b"A: 1".to_vec(), b"x\r\n--bb\r\n--b-\r\n--b x".to_vec()), (b"A: 2".to_vec(), Vec::new())]);
    }

    #[test]
    fn a_part_without_headers_and_an_empty_form_are_forms() {
        assert_eq!(now(read(b"--b\r\n\r\nx\r\n--b--\r\n", "b", &[2])), Ok(vec![(vec![], b"x".to_vec())]));
        assert_eq!(now(read(b"--b\r\n\r\n\r\n--b--\r\n", "b", &[3])), Ok(vec![(vec![], vec![])]));
        assert_eq!(now(read(b"--b--\r\n", "b", &[3])), Ok(vec![]));
        assert_eq!(now(read(b"hello\r\n--b--\r\nbye", "b", &[3])), Ok(vec![]));
    }

    #[test]
    fn endless_headers_and_endless_preambles_are_cut_short() {
        let head = [b"--b\r\nA: ", vec![b'x'; 40_000].as_slice()].concat();
        assert_eq!(now(read(&head, "b", &[4096])), Err(FormError::LongHead));
        assert_eq!(now(read(&vec![b'x'; 40_000], "b", &[4096])), Err(FormError::LongHead));
        let behind = [b"--b--\r\n", vec![b'x'; 40_000].as_slice()].concat();
        assert_eq!(now(read(&behind, "b", &[4096])), Err(FormError::LongHead));
    }

    #[test]
    fn a_boundary_is_found_as_clients_write_it_and_nonsense_is_refused() {
        for (text, wanted) in [
            ("multipart/form-data; boundary=abc", "abc"),
            ("Multipart/Form-Data;charset=utf-8; BOUNDARY=\"a b'()+_,-./:=?\"", "a b'()+_,-./:=?"),
            ("multipart/form-data; boundary=----WebKitFormBoundaryX ; a=b", "----WebKitFormBoundaryX"),
        ] {
            assert_eq!(boundary(text).as_deref(), Ok(wanted), "{text}");
        }
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        for text in [
            "",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/mixed; boundary=a",
            "application/json; boundary=a",
            &long,
        ] {
            assert_eq!(boundary(text), Err(FormError::NotAForm), "{text}");
        }
    }
}
