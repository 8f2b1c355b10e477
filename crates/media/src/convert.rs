//! A picture made into another one: another format, fewer pixels, fewer bytes.
//!
//! [`look`] reads the head and decides without decoding; [`Work::run`] does what was decided, in the thread it is called on, within the
//! memory [`Work::memory`] names. What moves, what is drawn by lines, what is made for print and what would need colours we cannot
//! carry is left as it is, with the reason. What stays out: who wants what, how much of this may run at once, and words.

pub mod avif;
mod colour;
mod encode;
mod resize;
mod squeeze;

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageReader, Limits};

use crate::{Media, exif, sniff};
use avif::{Coder, Order};
use encode::{Extras, How};

/// Pixels of the largest picture that is decoded here; in the deepest format (RGBA of 16 bits) they fill [`MEMORY`].
pub const PIXELS: u64 = 100_000_000;
/// Memory a decoder may take, in bytes.
pub const MEMORY: u64 = 800 << 20;
/// Bytes of the largest file that is decoded here.
pub const FILE: u64 = 128 << 20;
/// More pixels for each byte than any picture of the world has, from so many pixels on: what claims to is made to fill the memory of
/// whoever opens it. Below, a screen of one colour may well be that small.
const BOMB: u64 = 400;
const BOMB_FROM: u64 = 30_000_000;
/// The quality where nobody said one.
pub const QUALITY: u8 = 80;
/// From here on WebP is made without any loss.
const LOSSLESS: u8 = 100;

/// What pictures can be made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Without loss.
    Png,
    /// Without transparency.
    Jpeg,
    /// With loss below a quality of 100.
    WebP,
    /// With loss, and written by somebody else: see [`avif`].
    Avif,
}

impl Format {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Png, Self::Jpeg, Self::WebP, Self::Avif];

    /// Registered media type.
    #[must_use]
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Avif => "image/avif",
        }
    }

    /// The one with this media type.
    #[must_use]
    pub fn of(mime: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.mime() == mime)
    }

    /// The longest side the format can say, in pixels.
    const fn side(self) -> u32 {
        match self {
            Self::Png => u32::MAX,
            Self::Jpeg => 65_500,
            Self::WebP => 16_383,
            // What browsers' decoders take.
            Self::Avif => 32_768,
        }
    }
}

/// What is wanted of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// To be in this format.
    pub format: Option<Format>,
    /// Of lossy formats, 1 to 100. Where it is said, a JPEG or lossy WebP is made anew for its sake alone; otherwise [`QUALITY`] holds
    /// for what has to be made anew.
    pub quality: Option<u8>,
    /// Pixels at most, as shown. Nothing is ever enlarged.
    pub max_width: Option<u32>,
    /// Pixels at most, as shown.
    pub max_height: Option<u32>,
    /// PNG made as small as it can be without changing a pixel.
    pub squeeze: bool,
    /// EXIF data goes with the pixels into their new file (without the way up, which is in the pixels then).
    pub keep_exif: bool,
    /// Pixels a side at most of a small picture that comes with what nobody here decodes (AVIF).
    pub small: Option<u32>,
}

impl Wish {
    /// Nothing is wanted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let Self { format, quality, max_width, max_height, squeeze, keep_exif: _, small: _ } = self;
        format.is_none() && quality.is_none() && max_width.is_none() && max_height.is_none() && !*squeeze
    }
}

/// Why a picture stays as it is, though something was wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It moves.
    Animated,
    /// It is drawn by lines (SVG).
    Vector,
    /// Its format (the media type) is not decoded here.
    Format(&'static str),
    /// It holds several pictures (TIFF pages, sizes of an icon).
    Several,
    /// Its colours are made for print (CMYK).
    Print,
    /// Its colours are described in a way that the new file could not say.
    Colours,
    /// More pixels, or more bytes, than are decoded.
    TooLarge,
    /// More pixels than the wanted format can hold.
    TooLargeFor(Format),
    /// More pixels in all than are made into the wanted format, of which this is the most.
    TooManyFor(Format, u64),
    /// What came out has so many bytes, and that is not less.
    NotSmaller(u64),
}

/// What was lost or changed on the way, for somebody to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Loss {
    /// 16 bits a colour became as many as the format holds: 10 in AVIF, 8 elsewhere.
    Depth,
    /// What was transparent is white.
    Transparency,
    /// A colour profile that does not fit the new file was left out.
    Profile,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It claims more pixels than so few bytes can mean.
    #[error("{width} × {height} pixels in {bytes} bytes: made to fill the memory of whoever opens it")]
    Bomb {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Of the file.
        bytes: u64,
    },
    /// It breaks off.
    #[error("the picture breaks off before its end")]
    Truncated,
    /// It cannot be decoded.
    #[error("the picture is damaged")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It could not be written in the new format.
    #[error("the picture could not be made")]
    Unmade(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a first look decided.
#[derive(Debug)]
pub enum Look<'a> {
    /// It is what is wanted already.
    Nothing,
    /// It stays as it is for a reason.
    Kept(Kept),
    /// There is something to do.
    Work(Work<'a>),
}

/// What is to be done.
#[derive(Debug)]
pub struct Work<'a> {
    bytes: &'a [u8],
    media: Media,
    wish: Wish,
    format: Format,
    /// As shown.
    size: (u32, u32),
    recode: bool,
    /// Colours are to stay as fine as light, where the format leaves the choice.
    fine: bool,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// It stays as it is.
    Kept(Kept),
    /// A smaller file.
    Made(Made),
}

/// A new file.
#[derive(Debug, PartialEq, Eq)]
pub struct Made {
    /// The file.
    pub bytes: Vec<u8>,
    /// A small PNG of it, where one was wanted and it cannot be decoded here.
    pub small: Option<Vec<u8>>,
    /// What it is.
    pub format: Format,
    /// Pixels as shown.
    pub width: u32,
    /// Pixels as shown.
    pub height: u32,
    /// It has fewer pixels than before.
    pub resized: bool,
    /// Not a pixel changed: it was only packed better.
    pub squeezed: bool,
    /// What somebody has to be told.
    pub losses: Vec<Loss>,
}

/// Decides what is to be done to a picture by its head. Bytes that are no picture, and films, are none of this module's business.
///
/// # Errors
/// [`Error::Bomb`], [`Error::Truncated`].
pub fn look<'a>(bytes: &'a [u8], wish: &Wish) -> Result<Look<'a>, Error> {
    let Some(media) = sniff(bytes).filter(Media::is_image).filter(|_| !wish.is_empty()) else { return Ok(Look::Nothing) };
    let keep = |kept| Ok(Look::Kept(kept));
    let source = Format::of(media.mime);
    let size = media.width.zip(media.height);
    let fitted = size.map(|size| resize::fit(size, wish.max_width, wish.max_height));
    let smaller = size.zip(fitted).is_some_and(|(size, fitted)| size != fitted);
    let lossy = match source {
        Some(Format::Jpeg) => true,
        Some(Format::WebP) => !colour::is_lossless_webp(bytes),
        _ => false,
    };
    let converts = wish.format.is_some_and(|format| Some(format) != source);
    let recode = converts || smaller || lossy && wish.quality.is_some_and(|quality| quality < LOSSLESS);
    let squeezes = wish.squeeze && source == Some(Format::Png);
    // What has no size in its head may well be larger than wanted.
    let unsure = size.is_none() && (wish.max_width.is_some() || wish.max_height.is_some());
    if !(recode || squeezes || unsure) {
        return Ok(Look::Nothing);
    }
    match media.mime {
        "image/svg+xml" => return keep(Kept::Vector),
        _ if media.animated => return keep(Kept::Animated),
        "image/vnd.microsoft.icon" => return keep(Kept::Several),
        "image/png" | "image/jpeg" | "image/webp" | "image/gif" | "image/bmp" | "image/tiff" | "image/qoi" => {}
        other => return keep(Kept::Format(other)),
    }
    let Some((width, height)) = size else { return Err(Error::Truncated) };
    let pixels = u64::from(width) * u64::from(height);
    if is_bomb(bytes, media.mime, pixels, bytes.len() as u64) {
        return Err(Error::Bomb { width, height, bytes: bytes.len() as u64 });
    }
    if pixels > PIXELS || bytes.len() as u64 > FILE {
        return keep(Kept::TooLarge);
    }
    match media.mime {
        "image/jpeg" => match colour::jpeg(bytes) {
            colour::Jpeg::Print => return keep(Kept::Print),
            colour::Jpeg::Truncated => return Err(Error::Truncated),
            colour::Jpeg::Plain => {}
        },
        "image/gif" => match colour::gif(bytes) {
            colour::Gif::Moves => return keep(Kept::Animated),
            colour::Gif::Truncated => return Err(Error::Truncated),
            colour::Gif::Still => {}
        },
        "image/png" if recode && colour::png_has_own_colours(bytes) => return keep(Kept::Colours),
        "image/tiff" if colour::has_pages(bytes) => return keep(Kept::Several),
        _ => {}
    }
    // GIF, BMP, TIFF and QOI cannot be written smaller by those who keep to a format that browsers know.
    let format = wish.format.or(source).unwrap_or(Format::Png);
    let size = fitted.unwrap_or((width, height));
    if recode && size.0.max(size.1) > format.side() {
        return keep(Kept::TooLargeFor(format));
    }
    let made = u64::from(size.0) * u64::from(size.1);
    if recode && format == Format::Avif && made > avif::PIXELS {
        return keep(Kept::TooManyFor(format, avif::PIXELS));
    }
    // What came with coarse colours has no finer ones to lose.
    let fine = (!lossy || wish.quality.is_some_and(|quality| quality >= encode::FINE)) && made <= avif::FINE;
    Ok(Look::Work(Work { bytes, media, wish: *wish, format, size, recode, fine }))
}

/// Whether so many pixels in so few bytes are made to do harm; `head` is at least the beginning of the file.
pub(crate) fn is_bomb(head: &[u8], mime: &str, pixels: u64, bytes: u64) -> bool {
    // Scans and plans in black and white are eight pixels a byte before they are packed.
    let packed = match (mime, head.get(24)) {
        ("image/png", Some(bits @ (1 | 2 | 4))) => 8 / u64::from(*bits),
        ("image/tiff", _) => 8,
        _ => 1,
    };
    pixels > BOMB_FROM && pixels / (BOMB * packed) > bytes
}

impl Work<'_> {
    /// What it is made into.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The most memory it takes at once, in bytes, beside the bytes that are there already.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let (width, height) = (self.media.width.unwrap_or(1), self.media.height.unwrap_or(1));
        let pixels = u64::from(width) * u64::from(height);
        let made = u64::from(self.size.0) * u64::from(self.size.1);
        let deep = if colour::is_deep(self.bytes, self.media.mime) { 2 } else { 1 };
        // Decoded with a copy of the file, made smaller by way of a strip of full height, written; squeezing tries several filters.
        let decoded = pixels * 4 * deep + self.bytes.len() as u64;
        let written = match self.format {
            Format::Png => made * 8 * deep,
            Format::Avif => Order::memory(self.size.0, self.size.1, self.fine),
            Format::Jpeg | Format::WebP => made * 9,
        };
        let squeezed = if self.wish.squeeze && self.format == Format::Png { made.max(pixels) * 12 * deep } else { 0 };
        decoded + written + squeezed
    }

    /// Does it; `avif` is who writes that format.
    ///
    /// # Errors
    /// [`Error::Broken`] for what cannot be decoded, [`Error::Unmade`] where the encoder gives up, with what `avif` said.
    pub fn run(self, avif: &Coder<'_>) -> Result<Outcome, Error> {
        let squeezes = self.wish.squeeze && self.format == Format::Png;
        let before = self.bytes.len() as u64;
        let mut made = if self.recode { Some(self.recoded(avif)?) } else { None };
        if let Some(Err(kept)) = made {
            return Ok(Outcome::Kept(kept));
        }
        if squeezes {
            let plain = || Made {
                bytes: Vec::new(),
                small: None,
                format: Format::Png,
                width: self.size.0,
                height: self.size.1,
                resized: false,
                squeezed: true,
                losses: Vec::new(),
            };
            made = Some(match made {
                Some(Ok(made)) => Ok(Made { bytes: squeeze::png(&made.bytes)?, squeezed: true, ..made }),
                _ => Ok(Made { bytes: squeeze::png(self.bytes)?, ..plain() }),
            });
        }
        let Some(Ok(made)) = made else { return Ok(Outcome::Kept(Kept::NotSmaller(before))) };
        let after = made.bytes.len() as u64;
        if after < before { Ok(Outcome::Made(made)) } else { Ok(Outcome::Kept(Kept::NotSmaller(after))) }
    }

    fn recoded(&self, avif: &Coder<'_>) -> Result<Result<Made, Kept>, Error> {
        let mut decoder = match decoder(self.bytes) {
            Ok(decoder) => decoder,
            Err(error) => return unsupported(error, self.media.mime),
        };
        if matches!(decoder.original_color_type(), ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16) {
            return Ok(Err(Kept::Print));
        }
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let profile = decoder.icc_profile().ok().flatten().filter(|profile| !profile.is_empty());
        let exif = if self.wish.keep_exif { decoder.exif_metadata().ok().flatten().and_then(upright) } else { None };
        let mut picture = match DynamicImage::from_decoder(decoder) {
            Ok(DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_)) => return Ok(Err(Kept::Colours)),
            Ok(picture) => picture,
            Err(error) => return unsupported(error, self.media.mime),
        };
        let (width, height) = (picture.width(), picture.height());
        let (shown, turned) = if lies(orientation) { ((height, width), true) } else { ((width, height), false) };
        // By what was decoded, which a head can get wrong.
        let size = resize::fit(shown, self.wish.max_width, self.wish.max_height);
        let resized = size != shown;
        if resized {
            picture = resize::resize(picture, if turned { (size.1, size.0) } else { size })?;
        }
        picture.apply_orientation(orientation);
        let quality = self.wish.quality.unwrap_or(QUALITY).clamp(1, 100);
        let how = How { format: self.format, quality, fine: self.fine, small: self.wish.small, avif };
        let (bytes, small, losses) = encode::encode(picture, &how, Extras { profile, exif })?;
        Ok(Ok(Made { bytes, small, format: self.format, width: size.0, height: size.1, resized, squeezed: false, losses }))
    }
}

fn decoder(bytes: &[u8]) -> image::ImageResult<impl ImageDecoder + '_> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    reader.into_decoder()
}

fn unsupported<T>(error: image::ImageError, mime: &'static str) -> Result<Result<T, Kept>, Error> {
    match error {
        image::ImageError::Unsupported(_) => Ok(Err(Kept::Format(mime))),
        image::ImageError::Limits(_) => Ok(Err(Kept::TooLarge)),
        other => Err(Error::Broken(Box::new(other))),
    }
}

const fn lies(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}

/// EXIF data for pixels that stand upright; `None` where nothing else was in it.
fn upright(mut exif: Vec<u8>) -> Option<Vec<u8>> {
    if exif.starts_with(exif::MARK) {
        exif.drain(..exif::MARK.len());
    }
    let _ = Orientation::remove_from_exif_chunk(&mut exif);
    (exif.len() > 8 && exif != exif::only_orientation(1)).then_some(exif)
}

#[cfg(test)]
mod tests;
