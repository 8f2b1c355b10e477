//! Bytes → bytes: what they are, private metadata cut out of them, and other pictures made of them. What stays out: files, and everything
//! about uploads.

mod avif;
mod images;
mod made;
mod room;

use std::borrow::Cow;
use std::io::{self, BufRead, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use imagepic_media::convert::Format;
use imagepic_media::{Behind, Media, Outcome, Small};

pub(crate) use images::{LARGEST, Prepared, apply, converts, stopped, too_large};
pub(crate) use made::name as format_name;
pub use made::{Made, Was};

/// The longer side of a small picture, in pixels: sharp at twice the size of a tile.
const THUMBNAIL: u32 = 320;

/// How often it is looked whether somebody still waits, while there is nothing to do but wait.
const LOOKS: Duration = Duration::from_millis(100);

/// Who waits for a picture.
pub(crate) trait Watched {
    /// Another one of so many bytes begins to be made into this format, which may take its time.
    fn making(&self, format: Format, bytes: u64);

    /// Nobody waits any more.
    fn stopped(&self) -> bool;
}

/// What bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Media type.
    pub(crate) content_type: Cow<'static, str>,
    /// Without dot.
    pub(crate) extension: Cow<'static, str>,
    /// An image, as far as destinations are concerned that take images only.
    pub(crate) image: bool,
    /// Pixels.
    pub(crate) width: Option<u32>,
    /// Pixels.
    pub(crate) height: Option<u32>,
    /// Pixels side by side in one of a page's, where the bytes tell.
    pub(crate) density: u8,
}

impl Kind {
    fn of(media: Option<Media>, name: &str) -> Self {
        match media {
            Some(media) => Self {
                content_type: media.mime.into(),
                extension: media.ext.into(),
                image: media.is_image(),
                width: media.width,
                height: media.height,
                density: media.density,
            },
            None => Self {
                content_type: "application/octet-stream".into(),
                extension: extension(name).into(),
                image: false,
                width: None,
                height: None,
                density: 1,
            },
        }
    }
}

/// What the bytes are; the name is asked only for the extension of what nobody knows.
pub(crate) fn kind(bytes: &[u8], name: &str) -> Kind {
    Kind::of(imagepic_media::sniff(bytes), name)
}

/// As [`kind`], of a file too large for memory.
///
/// # Errors
/// The reader's.
pub(crate) fn kind_of_file(reader: impl Read + Seek, name: &str) -> io::Result<Kind> {
    Ok(Kind::of(imagepic_media::sniff_reader(reader)?, name))
}

fn extension(name: &str) -> String {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let plain = !extension.is_empty() && extension.len() <= 10 && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { extension.to_ascii_lowercase() } else { "bin".to_owned() }
}

/// Whether private metadata can be cut out of such bytes.
pub(crate) fn may_hold_metadata(kind: &Kind) -> bool {
    matches!(kind.content_type.as_ref(), "image/jpeg" | "image/png" | "image/webp")
}

/// Whether such a file may say where and with what it was taken, and cannot be rid of it.
pub(crate) fn keeps_metadata(content_type: &str) -> bool {
    matches!(content_type, "image/heic" | "image/avif" | "image/tiff" | "image/jxl")
}

/// The same picture without position and camera data; `None` where there is none.
pub(crate) fn without_metadata(bytes: &Bytes, kind: &Kind) -> Option<Bytes> {
    Cleaned::of(bytes, kind).body
}

/// What came of cutting private data out of a picture.
#[derive(Default)]
struct Cleaned {
    /// The picture without it; `None` where there is none.
    body: Option<Bytes>,
    /// Some may be left because the picture is damaged.
    unread: bool,
    /// What lay behind its end and is gone with it.
    behind: Option<Behind>,
}

impl Cleaned {
    fn of(bytes: &Bytes, kind: &Kind) -> Self {
        if !may_hold_metadata(kind) {
            return Self::default();
        }
        match imagepic_media::strip_metadata(bytes) {
            Outcome::Stripped { bytes, unread, behind, .. } => Self { body: Some(bytes.into()), unread, behind },
            Outcome::Unread => Self { unread: true, ..Self::default() },
            Outcome::Unchanged | Outcome::Carries(_) => Self::default(),
        }
    }
}

/// `attachment` for what can run in a browser, so that a link to it runs nothing.
pub(crate) fn disposition(content_type: &str) -> Option<String> {
    matches!(content_type, "image/svg+xml" | "text/html" | "application/xhtml+xml").then(|| "attachment".to_owned())
}

/// A small picture as PNG; `None` for what is not decoded. Waits for memory: to be called on a thread for blocking work.
pub(crate) fn thumbnail(picture: impl BufRead + Seek) -> Option<Vec<u8>> {
    let make = || {
        let small = Small::look(picture)?;
        let _room = room::take(small.memory(), &|| false);
        small.make(THUMBNAIL)
    };
    // As where pictures are converted: a decoder that trips ends with its picture.
    let made = catch_unwind(AssertUnwindSafe(make)).ok()?;
    made.inspect_err(|error| tracing::debug!(%error, "no thumbnail")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_that_keeps_private_data_is_known_as_one() {
        let avif = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf";
        let tiff = b"II*\0\x08\0\0\0\0\0\0\0\0\0";
        for bytes in [&avif[..], tiff] {
            let Outcome::Carries(content_type) = imagepic_media::strip_metadata(bytes) else { panic!("it carries them") };
            assert!(keeps_metadata(content_type) && kind(bytes, "").content_type == content_type);
        }
        assert!(!keeps_metadata("image/jpeg"));
    }

    #[test]
    fn a_thumbnail_waits_for_the_memory_that_conversions_have_taken() {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::new(700, 500).write_to(&mut bytes, image::ImageFormat::Bmp).expect("encodes");
        let bytes = bytes.into_inner();
        let all = room::take(u64::MAX, &|| false).expect("nobody else is there");
        let making = std::thread::spawn(move || thumbnail(std::io::Cursor::new(bytes)));
        while room::waiting() == 0 {
            assert!(!making.is_finished(), "it did not ask for room");
            std::thread::yield_now();
        }
        drop(all);
        assert!(making.join().expect("no panic").is_some(), "its turn comes");
    }

    #[test]
    fn a_photo_too_large_to_be_cleaned_says_that_it_keeps_its_private_data_and_others_say_nothing() {
        let photo = Kind { content_type: "image/jpeg".into(), extension: "jpg".into(), image: true, ..kind(b"", "") };
        let wanted = crate::destination::Images::default();
        let made = too_large(&photo, LARGEST + 1, &wanted).expect("something to tell");
        assert!(made.private && made.notices.len() == 1);
        assert_eq!(made.notices[0].key(), "images.keeps_private_large");
        let film = Kind { content_type: "video/mp4".into(), image: false, ..photo.clone() };
        assert_eq!(too_large(&film, LARGEST + 1, &wanted), None);
        assert_eq!(too_large(&photo, LARGEST + 1, &crate::destination::Images { strip_metadata: false, ..wanted }), None);
    }

    #[test]
    fn what_nobody_knows_keeps_a_plain_extension_and_nothing_else_of_its_name() {
        assert_eq!(kind(b"hello", "notes.TXT").extension, "txt");
        assert_eq!(kind(b"hello", "a.b/../c").extension, "bin");
        assert_eq!(kind(b"hello", "none").extension, "bin");
        assert!(!kind(b"hello", "fake.png").image, "a name makes no image");
    }
}
