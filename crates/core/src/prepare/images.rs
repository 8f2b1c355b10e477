//! What a destination wants done to an image, done: private metadata out, and another picture made where one is wanted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use imagepic_media::convert::{self, Format, Look, Outcome, Wish};
use imagepic_media::{Behind, What};
use imagepic_words::{Text, images as words};

use super::made::{Made, name as called};
use super::{Cleaned, Kind, THUMBNAIL, Watched, avif, keeps_metadata, kind, may_hold_metadata, room};
use crate::destination::Images;
use crate::error::{Code, Error, Result};
use crate::intake::bytes as told;

/// Bytes of the largest file that is looked into.
pub(crate) const LARGEST: u64 = convert::FILE;

/// Bytes to be sent, and how they came about.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) body: Bytes,
    pub(crate) kind: Kind,
    /// The bytes are others than those that were given.
    pub(crate) changed: bool,
    /// Another picture was made, which takes too long to be done twice.
    pub(crate) made_anew: bool,
    /// A small picture (PNG) of what nobody here can decode again.
    pub(crate) small: Option<Vec<u8>>,
    pub(crate) made: Option<Made>,
}

fn wish(images: &Images) -> Wish {
    Wish {
        format: images.convert.map(crate::destination::Convert::media),
        quality: images.quality,
        max_width: images.max_width,
        max_height: images.max_height,
        squeeze: images.squeeze,
        keep_exif: !images.strip_metadata,
        small: Some(THUMBNAIL),
    }
}

/// Whether anything but cutting metadata is wanted of images.
pub(crate) fn converts(images: &Images) -> bool {
    !wish(images).is_empty()
}

/// What there is to tell of an image that is too large to be looked into.
pub(crate) fn too_large(kind: &Kind, size: u64, images: &Images) -> Option<Made> {
    let kept = (kind.image && converts(images)).then(|| Made::kept(&convert::Kept::TooLarge, kind, size));
    let large = (images.strip_metadata && may_hold_metadata(kind)).then(|| words::keeps_private_large(told(LARGEST)));
    with_private(kept, kind, images, large)
}

/// Does what is wanted. Takes as long as it takes, and waits for memory: to be called on a thread for blocking work.
///
/// # Errors
/// `BrokenImage` where something is wanted of a picture that is damaged or hostile; `name` is what it is called then. `Cancelled` where
/// nobody waits any more. Where nothing is wanted, nothing is refused.
pub(crate) fn apply(bytes: Bytes, kind: Kind, images: &Images, name: &str, watch: &dyn Watched) -> Result<Prepared> {
    let cleaned = if images.strip_metadata { Cleaned::of(&bytes, &kind) } else { Cleaned::default() };
    let changed = cleaned.body.is_some();
    let mut behind = cleaned.behind;
    let body = cleaned.body.unwrap_or(bytes);
    let mut prepared = Prepared { body, kind, changed, made_anew: false, small: None, made: None };
    let wish = wish(images);
    if prepared.kind.image && !wish.is_empty() {
        let before = prepared.body.len() as u64;
        let (kept, new) = match make(&prepared.body, &wish, name, watch)? {
            None => (None, None),
            Some(Outcome::Kept(kept)) => (Some(Made::kept(&kept, &prepared.kind, before)), None),
            Some(Outcome::Made(new)) => (Some(Made::of(&new, &prepared.kind, before)), Some(new)),
        };
        prepared.made = kept;
        if let Some(new) = new {
            // What is made is the picture and nothing else.
            behind = behind.or_else(|| imagepic_media::behind(&prepared.body));
            // Another format does not say how dense the screen was; with other measures it would not be true any more.
            let density = if new.resized { 1 } else { prepared.kind.density };
            prepared.body = new.bytes.into();
            prepared.small = new.small;
            prepared.kind = Kind { density, ..self::kind(&prepared.body, name) };
            (prepared.changed, prepared.made_anew) = (true, true);
        }
    }
    let damaged = cleaned.unread.then(words::keeps_private_damaged);
    // Nor does it say anything that nobody asked for, whatever its format could hold.
    if !prepared.made_anew {
        prepared.made = with_private(prepared.made, &prepared.kind, images, damaged);
    }
    if let Some(behind) = behind {
        let keep = if prepared.made_anew { words::behind_keep_made() } else { words::behind_keep() };
        prepared.made.get_or_insert_default().notices.extend([left_behind(behind), keep]);
    }
    Ok(prepared)
}

/// What lay behind the end of the picture and does not go along.
fn left_behind(Behind { what, bytes }: Behind) -> Text {
    let size = told(bytes);
    match what {
        What::Film => words::behind_film(size),
        What::Picture => words::behind_picture(size),
        What::FilmAndPicture => words::behind_both(size),
        What::Data => words::behind_data(size),
    }
}

/// Notes that a picture may say more than is wanted: `reason`, or because of its format.
fn with_private(made: Option<Made>, kind: &Kind, images: &Images, reason: Option<Text>) -> Option<Made> {
    let format = images.strip_metadata && keeps_metadata(&kind.content_type);
    let reason = reason.or_else(|| format.then(|| words::keeps_private(called(&kind.content_type))));
    let Some(reason) = reason else { return made };
    let mut made = made.unwrap_or_default();
    made.notices.push(reason);
    made.private = true;
    Some(made)
}

fn make(bytes: &[u8], wish: &Wish, name: &str, watch: &dyn Watched) -> Result<Option<Outcome>> {
    let refused = |error: convert::Error| refusal(error, wish, name);
    let work = match convert::look(bytes, wish).map_err(refused)? {
        Look::Nothing => return Ok(None),
        Look::Kept(kept) => return Ok(Some(Outcome::Kept(kept))),
        Look::Work(work) => work,
    };
    let format = work.format();
    watch.making(format, bytes.len() as u64);
    let _room = room::take(work.memory(), &|| watch.stopped()).ok_or_else(|| stopped(name, format))?;
    // Decoders meet hostile files: what one of them trips over must not take along what was given beside it.
    match catch_unwind(AssertUnwindSafe(|| work.run(&|order, pixels| avif::code(order, pixels, name, watch)))) {
        Ok(outcome) => outcome.map(Some).map_err(refused),
        Err(_) => Err(Error::new(Code::BrokenImage, words::broken(name)).because("the decoder gave up")),
    }
}

/// Nobody waits for it any more.
pub(crate) fn stopped(name: &str, format: Format) -> Error {
    Error::new(Code::Cancelled, words::making_stopped(name, called(format.mime())))
}

fn refusal(error: convert::Error, wish: &Wish, name: &str) -> Error {
    let error = match error {
        // What has a sentence of its own keeps it.
        convert::Error::Unmade(cause) => match cause.downcast::<Error>() {
            Ok(error) => return *error,
            Err(cause) => convert::Error::Unmade(cause),
        },
        other => other,
    };
    let text = match &error {
        convert::Error::Bomb { width, height, bytes } => words::bomb(name, width, height, told(*bytes)),
        convert::Error::Truncated => words::truncated(name),
        convert::Error::Broken(_) => words::broken(name),
        convert::Error::Unmade(_) => words::unmade(name, wish.format.map_or("PNG", |format| called(format.mime()))),
    };
    let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    Error::new(Code::BrokenImage, text).because(why)
}
