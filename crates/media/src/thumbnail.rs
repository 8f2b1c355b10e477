//! A small picture for lists, in two steps: [`Small::look`] reads the head and says how much memory it will take, [`Small::make`] takes
//! it. What stays out: how many of these may run at once.
//!
//! PNG, the format of screenshots and of the worst bombs, is made small row by row and needs hardly more than one of them. Everything
//! else is decoded whole first: no decoder at hand does otherwise. A drawing (SVG) is no picture to be made small: [`drawing`] says which
//! may be shown as they are.

use std::error::Error as StdError;
use std::io::{BufRead, Cursor, Read as _, Seek, SeekFrom};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbaImage};

use crate::convert::is_bomb;
use crate::{Media, exif, sniff, sniff_reader};

/// Pixels of the largest picture that is decoded: a 12,000 × 12,000 scan passes.
const PIXELS: u64 = 150_000_000;
/// Memory a decoder may take, in bytes.
const MEMORY: u64 = 768 << 20;
/// What no thumbnail goes without: windows of decompression, rows, the small picture itself.
const LEAST: u64 = 1 << 20;
/// A side no format of cameras or screens reaches.
const SIDE: u32 = 65_500;

/// Why there is no thumbnail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A format that is not decoded here (SVG, for which there is [`drawing`], HEIC, AVIF, films), or no picture.
    #[error("this format has no thumbnail")]
    Unsupported,
    /// More pixels than are decoded.
    #[error("{width} × {height} pixels are too many")]
    TooLarge {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
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
    /// Damaged, or needing more memory than it may have.
    #[error("the picture cannot be decoded")]
    Broken(#[source] Box<dyn StdError + Send + Sync>),
}

/// A picture of which a small one can be made.
#[derive(Debug)]
pub struct Small<R> {
    reader: R,
    by_rows: bool,
    pixels: u64,
    memory: u64,
}

impl<R: BufRead + Seek> Small<R> {
    /// Looks at the head of a picture and judges whether a small one can be made of it. Nothing is decoded.
    ///
    /// # Errors
    /// [`Error`]; `Broken` where it cannot be read.
    pub fn look(mut reader: R) -> Result<Self, Error> {
        let media = sniff_reader(&mut reader).map_err(broken)?.ok_or(Error::Unsupported)?;
        match media.mime {
            "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/bmp" | "image/tiff" | "image/qoi" => {}
            "image/vnd.microsoft.icon" => {}
            _ => return Err(Error::Unsupported),
        }
        let length = reader.seek(SeekFrom::End(0)).map_err(broken)?;
        reader.rewind().map_err(broken)?;
        let mut head = [0; 32];
        let read = read_some(&mut reader, &mut head).map_err(broken)?;
        let head = &head[..read];
        let by_rows = media.mime == "image/png" && head.get(28) == Some(&0);
        let (Some(width), Some(height)) = (media.width, media.height) else {
            // The decoder may know better; until then it may be the largest there is.
            reader.rewind().map_err(broken)?;
            return Ok(Self { reader, by_rows, pixels: PIXELS, memory: MEMORY });
        };
        let pixels = u64::from(width) * u64::from(height);
        if pixels > PIXELS || width.max(height) > SIDE {
            return Err(Error::TooLarge { width, height });
        }
        if is_bomb(head, media.mime, pixels, length) {
            return Err(Error::Bomb { width, height, bytes: length });
        }
        let passes = media.mime == "image/jpeg" && sniff::is_in_passes(&mut reader);
        let memory = memory(&media, head, pixels, passes, length);
        if memory > MEMORY {
            return Err(Error::TooLarge { width, height });
        }
        reader.rewind().map_err(broken)?;
        Ok(Self { reader, by_rows, pixels, memory })
    }

    /// The most memory that [`make`](Self::make) takes, in bytes; at most 768 MiB.
    #[must_use]
    pub const fn memory(&self) -> u64 {
        self.memory
    }

    /// The picture as PNG, at most `side` pixels wide and high, shown the way it is meant to be; a smaller one keeps its size.
    ///
    /// # Errors
    /// [`Error`].
    pub fn make(self, side: u32) -> Result<Vec<u8>, Error> {
        let side = side.max(1);
        let (mut picture, orientation) = if self.by_rows { by_rows(self.reader, side)? } else { self.whole(side)? };
        picture.apply_orientation(orientation);
        png(picture)
    }

    fn whole(self, side: u32) -> Result<(DynamicImage, Orientation), Error> {
        let mut reader = ImageReader::new(self.reader).with_guessed_format().map_err(broken)?;
        if reader.format().is_none() {
            return Err(Error::Unsupported);
        }
        let mut limits = Limits::default();
        limits.max_image_width = Some(SIDE);
        limits.max_image_height = Some(SIDE);
        limits.max_alloc = Some(self.memory);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(of_image)?;
        let (width, height) = decoder.dimensions();
        // By what will be decoded, which a head can get wrong.
        if u64::from(width) * u64::from(height) > self.pixels || decoder.total_bytes() > self.memory {
            return Err(Error::TooLarge { width, height });
        }
        let orientation = decoder.orientation().map_err(of_image)?;
        let picture = DynamicImage::from_decoder(decoder).map_err(of_image)?;
        let picture = if width > side || height > side { picture.thumbnail(side, side) } else { picture };
        Ok((picture, orientation))
    }
}

/// A small picture of one that is decoded already and stands upright.
pub(crate) fn of(picture: &DynamicImage, side: u32) -> Result<Vec<u8>, Error> {
    let large = picture.width() > side || picture.height() > side;
    png(if large { picture.thumbnail(side, side) } else { picture.clone() })
}

fn png(picture: DynamicImage) -> Result<Vec<u8>, Error> {
    // Sixteen bits and floats are more than a list shows.
    let picture = if picture.color().has_alpha() {
        DynamicImage::from(picture.into_rgba8())
    } else {
        DynamicImage::from(picture.into_rgb8())
    };
    let mut out = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive);
    picture.write_with_encoder(encoder).map_err(of_image)?;
    Ok(out)
}

/// As [`Small`], of bytes that are there already.
///
/// # Errors
/// [`Error`].
pub fn thumbnail(bytes: &[u8], side: u32) -> Result<Vec<u8>, Error> {
    Small::look(Cursor::new(bytes))?.make(side)
}

/// A drawing is shown as it is up to so many bytes; browsers take memory and time by its elements.
pub const DRAWING: u64 = 256_000;
/// Elements a drawing may come to, once each part that it draws again is counted as often as that may be.
const ELEMENTS: u64 = 100_000;
/// Elements that run, move, bring in a picture or page of their own, or speak of more than they hold.
const LOUD: [&str; 14] = [
    "script",
    "handler",
    "listener",
    "foreignobject",
    "image",
    "feimage",
    "iframe",
    "embed",
    "object",
    "audio",
    "video",
    "canvas",
    "link",
    "meta",
];

/// The bytes of a drawing that may be shown as they are where nothing runs and nothing is fetched (an `<img>`); `None` for every other
/// picture, and for a drawing that is large, declares entities, embeds pictures, hides characters, or draws itself over and over.
///
/// # Errors
/// Those of `reader`.
pub fn drawing(reader: &mut (impl BufRead + Seek)) -> std::io::Result<Option<Vec<u8>>> {
    let length = reader.seek(SeekFrom::End(0))?;
    reader.rewind()?;
    if length > DRAWING || sniff_reader(&mut *reader)?.is_none_or(|media| media.mime != "image/svg+xml") {
        reader.rewind()?;
        return Ok(None);
    }
    reader.rewind()?;
    let mut bytes = Vec::new();
    reader.by_ref().take(DRAWING).read_to_end(&mut bytes)?;
    Ok(is_quiet(&bytes).then_some(bytes))
}

/// By its text, without a parser: what could mean one thing here and another in a browser is turned away.
fn is_quiet(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let text = text.to_ascii_lowercase();
    // A declaration could say that the bytes are to be read as other letters.
    let declared = text.split_once("<?xml").and_then(|(_, rest)| rest.split_once("?>")).map_or("", |(declared, _)| declared);
    let letters = declared.split_once("encoding").map_or("utf-8", |(_, value)| value.trim_start_matches([' ', '=', '\'', '"']));
    let plain = ["utf-8", "us-ascii"].iter().any(|known| letters.starts_with(known));
    // Entities and escapes, in which everything else could be written too; style sheets and pictures in the text itself.
    let hidden = ["<!doctype", "<!entity", "<?xml-stylesheet", "&#", "\\", "data:", "@import"];
    if !plain || hidden.iter().any(|part| text.contains(part)) {
        return false;
    }
    let (mut elements, mut again) = (0_u64, 0_u32);
    for part in text.split('<').skip(1) {
        let name = part.split([' ', '\t', '\r', '\n', '>', '/']).next().unwrap_or_default();
        let local = name.rsplit(':').next().unwrap_or_default();
        if LOUD.contains(&local) {
            return false;
        }
        elements += 1;
        again += u32::from(local == "use");
    }
    // What is drawn again may hold what is drawn again: so many of them come to no more than this.
    3_u64.checked_pow(again.div_ceil(3)).and_then(|times| times.checked_mul(elements)).is_some_and(|all| all <= ELEMENTS)
}

/// What decoders were seen to take, generously: the pixels as they come out, and what they are made from.
fn memory(media: &Media, head: &[u8], pixels: u64, passes: bool, length: u64) -> u64 {
    let row = u64::from(media.width.unwrap_or_default()) * 8;
    LEAST
        + match media.mime {
            "image/png" if head.get(28) == Some(&0) => row * 4,
            "image/png" => pixels * if head.get(24) == Some(&16) { 8 } else { 4 },
            // With a copy of the file; in passes every coefficient of two bytes beside it.
            "image/jpeg" => pixels * if passes { 9 } else { 3 } + length,
            "image/webp" => pixels * 9 + length,
            "image/tiff" => pixels * 8,
            "image/gif" => pixels * 9,
            _ => pixels * 4 + length,
        }
}

/// Non-interlaced PNG, averaged as its rows come.
fn by_rows<R: BufRead + Seek>(reader: R, side: u32) -> Result<(DynamicImage, Orientation), Error> {
    let mut decoder = png::Decoder::new_with_limits(reader, png::Limits { bytes: 64 << 20 });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(broken)?;
    let (width, height) = (reader.info().width, reader.info().height);
    let alpha = matches!(reader.output_color_type().0, png::ColorType::Rgba | png::ColorType::GrayscaleAlpha);
    let channels = reader.output_color_type().0.samples();
    let (across, down) = fit((width, height), side);
    let mut widths = vec![0; across as usize];
    (0..width).for_each(|x| widths[share(x, across, width) as usize] += 1);
    let mut small = RgbaImage::new(across, down);
    let mut sums = vec![Sum::default(); across as usize];
    let (mut line, mut y) = (0, 0);
    while let Some(row) = reader.next_row().map_err(broken)? {
        let to = share(y, down, height);
        if to != line {
            flush(&mut sums, &mut small, line);
            line = to;
        }
        match channels {
            1 => add(row.data(), &widths, &mut sums, |[grey]| ([grey; 3], u8::MAX)),
            2 => add(row.data(), &widths, &mut sums, |[grey, alpha]| ([grey; 3], alpha)),
            3 => add(row.data(), &widths, &mut sums, |colours| (colours, u8::MAX)),
            _ => add(row.data(), &widths, &mut sums, |[red, green, blue, alpha]| ([red, green, blue], alpha)),
        }
        y += 1;
    }
    flush(&mut sums, &mut small, line);
    let orientation = reader.info().exif_metadata.as_deref().map_or(1, exif::orientation);
    let orientation = Orientation::from_exif(orientation).unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from(small);
    Ok((if alpha { picture } else { picture.into_rgb8().into() }, orientation))
}

/// Which of `few` parts the one at `at` of `many` belongs to.
fn share(at: u32, few: u32, many: u32) -> u32 {
    u32::try_from(u64::from(at) * u64::from(few) / u64::from(many.max(1))).unwrap_or_default().min(few - 1)
}

/// At most `side` on both, in the same proportion; never larger, never nothing.
fn fit((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longer = width.max(height).max(1);
    if longer <= side {
        return (width, height);
    }
    let one = |of: u32| (u64::from(of) * u64::from(side) + u64::from(longer) / 2) / u64::from(longer);
    let one = |of: u32| u32::try_from(one(of)).unwrap_or(side).clamp(1, side);
    (one(width), one(height))
}

/// Pixels that become one: what is transparent has no colour to give.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    colours: [u64; 3],
    alpha: u64,
    count: u64,
}

/// Adds a row of `N` bytes a pixel, of which each column of the small picture takes its width. Once a pixel of the large one: in numbers
/// that stay in registers.
fn add<const N: usize>(row: &[u8], widths: &[usize], sums: &mut [Sum], split: impl Fn([u8; N]) -> ([u8; 3], u8)) {
    let (mut pixels, _) = row.as_chunks::<N>();
    for (sum, width) in sums.iter_mut().zip(widths) {
        let (these, rest) = pixels.split_at((*width).min(pixels.len()));
        pixels = rest;
        let (mut reds, mut greens, mut blues, mut alphas) = (0, 0, 0, 0);
        for pixel in these {
            let ([red, green, blue], alpha) = split(*pixel);
            let alpha = u64::from(alpha);
            reds += u64::from(red) * alpha;
            greens += u64::from(green) * alpha;
            blues += u64::from(blue) * alpha;
            alphas += alpha;
        }
        for (sum, more) in sum.colours.iter_mut().zip([reds, greens, blues]) {
            *sum += more;
        }
        sum.alpha += alphas;
        sum.count += these.len() as u64;
    }
}

impl Sum {
    fn mean(self) -> [u8; 4] {
        let mean = |sum: u64, of: u64| u8::try_from((sum + of / 2).checked_div(of).unwrap_or_default()).unwrap_or(u8::MAX);
        let [red, green, blue] = self.colours.map(|colour| mean(colour, self.alpha));
        [red, green, blue, mean(self.alpha, self.count)]
    }
}

fn flush(sums: &mut [Sum], small: &mut RgbaImage, line: u32) {
    for (x, sum) in (0..).zip(sums) {
        small.put_pixel(x, line, image::Rgba(std::mem::take(sum).mean()));
    }
}

fn read_some(reader: &mut impl BufRead, into: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match reader.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn broken(error: impl StdError + Send + Sync + 'static) -> Error {
    Error::Broken(Box::new(error))
}

fn of_image(error: image::ImageError) -> Error {
    match error {
        image::ImageError::Unsupported(_) => Error::Unsupported,
        other => broken(other),
    }
}

#[cfg(test)]
#[path = "thumbnail_tests.rs"]
mod tests;
