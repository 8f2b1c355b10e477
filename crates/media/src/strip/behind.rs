//! What lies behind the end of a picture: what it is, so that whoever loses it can be told.
//!
//! Phones append the film of a motion photo, and the pictures that make HDR or a second view of it; other programs append whatever they
//! like. What stays out: cutting it off.

use crate::sniff;

/// Samsung's phones end whatever they append with it, behind a list of all that, which begins with [`LIST`].
const END: &[u8] = b"SEFT";
const LIST: &[u8] = b"SEFH";
/// Nearly every picture of theirs has notes on how it was taken: private data like any other, which nobody misses. A sound, a map of
/// depths or what makes an edit undone is longer than so many bytes.
const NOTE: usize = 4 << 10;
/// Nor are all of them together longer.
const NOTES: usize = 64 << 10;
/// Places that look like the beginning of a film and are looked at.
const TRIES: usize = 16;

/// What lay behind the end of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// As far as it is known.
    pub what: What,
    /// All of it.
    pub bytes: u64,
}

/// See [`Behind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A motion photo's.
    Film,
    /// Another picture: it makes the first one HDR, or shows it from a second side.
    Picture,
    /// Both.
    FilmAndPicture,
    /// Something else.
    Data,
}

impl Behind {
    /// `None` where there is nothing, padding, or nothing but short notes of a camera.
    pub(super) fn of(tail: &[u8]) -> Option<Self> {
        let padding = tail.iter().take_while(|byte| **byte == 0).count();
        let first = &tail[padding..];
        if first.is_empty() {
            return None;
        }
        let what = match (holds_film(tail), sniff(first).is_some_and(|media| media.is_image())) {
            (true, true) => What::FilmAndPicture,
            (true, false) => What::Film,
            (false, true) => What::Picture,
            (false, false) if only_notes(tail, padding).is_some() => return None,
            (false, false) => What::Data,
        };
        Some(Self { what, bytes: tail.len() as u64 })
    }
}

/// `None` unless a phone's own list names every byte behind so much `padding` as part of something short. The list, in numbers of four
/// bytes with the least first: [`LIST`], a version, how many there are; for each its kind, how far before the list it begins, and its
/// length; then the list's length, and [`END`] (ExifTool's `Samsung.pm`).
fn only_notes(tail: &[u8], padding: usize) -> Option<()> {
    let number = |bytes: &[u8], at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let body = tail.strip_suffix(END).filter(|body| body.len() <= NOTES)?;
    let (body, length) = (body.get(..body.len().checked_sub(4)?)?, number(body, body.len() - 4)?);
    let (notes, list) = body.split_at(body.len().checked_sub(length)?);
    let (count, all) = (number(list, 8).filter(|_| list.starts_with(LIST))?, list.get(12..)?);
    let mut named = Vec::new();
    if Some(all.len()) != count.checked_mul(12) {
        return None;
    }
    for entry in all.chunks_exact(12) {
        let begin = notes.len().checked_sub(number(entry, 4)?)?;
        named.push(begin..begin.checked_add(number(entry, 8)?.min(NOTE + 1))?);
    }
    named.sort_by_key(|note| note.start);
    let mut at = padding;
    for note in named {
        at = (note.start <= at && note.len() <= NOTE).then_some(note.end.max(at))?;
    }
    (at == notes.len()).then_some(())
}

/// A film anywhere in it: makers put a mark of their own, or another picture, before it.
fn holds_film(tail: &[u8]) -> bool {
    let begins = tail.windows(8).enumerate().filter(|(_, window)| window.ends_with(b"ftyp")).map(|(at, _)| at);
    begins.take(TRIES).any(|at| sniff(&tail[at..]).is_some_and(|media| media.is_video()))
}
