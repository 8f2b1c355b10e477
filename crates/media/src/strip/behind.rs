//! What lies behind the end of a picture: what it is, so that whoever loses it can be told.
//!
//! Phones append the film of a motion photo, and the pictures that make HDR or a second view of it; other programs append whatever they
//! like. What stays out: cutting it off.

use crate::sniff;

/// Samsung's phones end whatever they append with it.
const NOTES: &[u8] = b"SEFT";
/// Up to so many bytes of theirs are notes on how the picture was taken: private data like any other, which nobody misses.
const NOTES_AT_MOST: usize = 64 << 10;
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
    /// `None` where there is nothing, padding, or nothing but notes of a camera.
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
            (false, false) if first.len() <= NOTES_AT_MOST && first.ends_with(NOTES) => return None,
            (false, false) => What::Data,
        };
        Some(Self { what, bytes: tail.len() as u64 })
    }
}

/// A film anywhere in it: makers put a mark of their own, or another picture, before it.
fn holds_film(tail: &[u8]) -> bool {
    let begins = tail.windows(8).enumerate().filter(|(_, window)| window.ends_with(b"ftyp")).map(|(at, _)| at);
    begins.take(TRIES).any(|at| sniff(&tail[at..]).is_some_and(|media| media.is_video()))
}
