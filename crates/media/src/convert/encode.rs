//! Pixels into a file, with what describes them.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageEncoder as _, RgbImage};
use img_parts::{ImageEXIF as _, ImageICC as _};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::avif::{Coder, Order};
use super::{Error, Format, LOSSLESS, Loss, colour};
use crate::{sniff, thumbnail};

/// How hard libwebp tries, of 6: its own default, and that of most who call it.
const EFFORT: i32 = 4;
/// From here on the colours of a JPEG are as fine as its light, and those of an AVIF made of one.
pub(super) const FINE: u8 = 90;
/// The longest EXIF data a JPEG can hold, in bytes: a segment, without its head.
const LONGEST_EXIF: usize = 65_527;

/// What goes along with the pixels.
pub(super) struct Extras {
    pub(super) profile: Option<Vec<u8>>,
    pub(super) exif: Option<Vec<u8>>,
}

/// What is wanted of the file.
pub(super) struct How<'a> {
    pub(super) format: Format,
    pub(super) quality: u8,
    /// AVIF alone: colours as fine as light.
    pub(super) fine: bool,
    /// AVIF alone: a small picture beside it, of so many pixels a side at most.
    pub(super) small: Option<u32>,
    pub(super) avif: &'a Coder<'a>,
}

/// The file, a small picture beside it, and what it could not hold.
pub(super) type Encoded = (Vec<u8>, Option<Vec<u8>>, Vec<Loss>);

fn unmade(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Unmade(error.into())
}

pub(super) fn encode(picture: DynamicImage, how: &How<'_>, mut extras: Extras) -> Result<Encoded, Error> {
    let How { format, quality, .. } = *how;
    let mut losses = Vec::new();
    let mut small = None;
    let deep = picture.color().bytes_per_pixel() / picture.color().channel_count() > 1;
    if deep && format != Format::Png {
        losses.push(Loss::Depth);
    }
    let picture = opaque(picture);
    let grey = !picture.color().has_color();
    // A profile describes the channels it was made for: grey in a format that knows only colours has none that fits.
    let wanted: &[u8] = if grey && format != Format::WebP { b"GRAY" } else { b"RGB " };
    if extras.profile.as_deref().is_some_and(|profile| colour::space(profile) != Some(wanted)) {
        extras.profile = None;
        losses.push(Loss::Profile);
    }
    let bytes = match format {
        Format::Png => png(&picture, extras)?,
        Format::Jpeg => {
            if picture.color().has_alpha() {
                losses.push(Loss::Transparency);
            }
            jpeg(picture, quality, extras, &mut losses)?
        }
        Format::WebP => webp(picture, quality, extras)?,
        Format::Avif => {
            small = how.small.and_then(|side| thumbnail::of(&picture, side).ok());
            avif(picture, deep, how, extras)?
        }
    };
    Ok((bytes, small, losses))
}

/// Without an alpha channel that says nothing.
fn opaque(picture: DynamicImage) -> DynamicImage {
    let solid = match &picture {
        DynamicImage::ImageLumaA8(pixels) => pixels.pixels().all(|pixel| pixel[1] == u8::MAX),
        DynamicImage::ImageRgba8(pixels) => pixels.pixels().all(|pixel| pixel[3] == u8::MAX),
        DynamicImage::ImageLumaA16(pixels) => pixels.pixels().all(|pixel| pixel[1] == u16::MAX),
        DynamicImage::ImageRgba16(pixels) => pixels.pixels().all(|pixel| pixel[3] == u16::MAX),
        _ => false,
    };
    match picture {
        DynamicImage::ImageLumaA8(_) if solid => DynamicImage::ImageLuma8(picture.into_luma8()),
        DynamicImage::ImageRgba8(_) if solid => DynamicImage::ImageRgb8(picture.into_rgb8()),
        DynamicImage::ImageLumaA16(_) if solid => DynamicImage::ImageLuma16(picture.into_luma16()),
        DynamicImage::ImageRgba16(_) if solid => DynamicImage::ImageRgb16(picture.into_rgb16()),
        other => other,
    }
}

fn png(picture: &DynamicImage, extras: Extras) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let mut encoder = PngEncoder::new_with_quality(&mut out, CompressionType::Default, FilterType::Adaptive);
    if let Some(profile) = extras.profile {
        encoder.set_icc_profile(profile).map_err(unmade)?;
    }
    if let Some(exif) = extras.exif {
        encoder.set_exif_metadata(exif).map_err(unmade)?;
    }
    picture.write_with_encoder(encoder).map_err(unmade)?;
    Ok(out)
}

fn jpeg(picture: DynamicImage, quality: u8, extras: Extras, losses: &mut Vec<Loss>) -> Result<Vec<u8>, Error> {
    let side = |side: u32| u16::try_from(side).map_err(unmade);
    let (width, height) = (side(picture.width())?, side(picture.height())?);
    let (pixels, kind) = if picture.color().has_color() || picture.color().has_alpha() {
        (on_white(picture).into_raw(), ColorType::Rgb)
    } else {
        (picture.into_luma8().into_raw(), ColorType::Luma)
    };
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, quality);
    encoder.set_sampling_factor(if quality < FINE { SamplingFactor::F_2_2 } else { SamplingFactor::F_1_1 });
    encoder.set_progressive(true);
    encoder.set_optimized_huffman_tables(true);
    if let Some(exif) = extras.exif.filter(|exif| exif.len() <= LONGEST_EXIF) {
        encoder.add_exif_metadata(&exif).map_err(unmade)?;
    }
    if let Some(profile) = extras.profile
        && encoder.add_icc_profile(&profile).is_err()
    {
        losses.push(Loss::Profile);
    }
    encoder.encode(&pixels, width, height, kind).map_err(unmade)?;
    Ok(out)
}

/// Transparent pixels on white paper.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let pixels = picture.into_rgba8();
    let mut flat = RgbImage::new(pixels.width(), pixels.height());
    for (from, to) in pixels.pixels().zip(flat.pixels_mut()) {
        let alpha = u32::from(from[3]);
        for channel in 0..3 {
            let mixed = (u32::from(from[channel]) * alpha + 255 * (255 - alpha) + 127) / 255;
            to[channel] = u8::try_from(mixed).unwrap_or(u8::MAX);
        }
    }
    flat
}

fn webp(picture: DynamicImage, quality: u8, extras: Extras) -> Result<Vec<u8>, Error> {
    let (width, height, alpha) = (picture.width(), picture.height(), picture.color().has_alpha());
    let pixels = if alpha { picture.into_rgba8().into_raw() } else { picture.into_rgb8().into_raw() };
    let encoder =
        if alpha { webp::Encoder::from_rgba(&pixels, width, height) } else { webp::Encoder::from_rgb(&pixels, width, height) };
    let mut config = webp::WebPConfig::new().map_err(|()| unmade("libwebp cannot be configured"))?;
    config.quality = f32::from(quality);
    config.method = EFFORT;
    if quality >= LOSSLESS {
        config.lossless = 1;
        // The colours below transparent pixels are no less the picture's than others.
        config.exact = 1;
        config.quality = 75.0;
    }
    let made = encoder.encode_advanced(&config).map_err(|error| unmade(format!("libwebp: {error:?}")))?;
    if extras.profile.is_none() && extras.exif.is_none() {
        return Ok(made.to_vec());
    }
    let mut file = img_parts::webp::WebP::from_bytes(made.to_vec().into()).map_err(unmade)?;
    file.set_icc_profile(extras.profile.map(Into::into));
    file.set_exif(extras.exif.map(Into::into));
    Ok(file.encoder().bytes().to_vec())
}

/// The pixels go to whoever writes AVIF, and are gone here as soon as they are there.
fn avif(picture: DynamicImage, deep: bool, how: &How<'_>, extras: Extras) -> Result<Vec<u8>, Error> {
    let (width, height) = (picture.width(), picture.height());
    let order = Order {
        width,
        height,
        channels: picture.color().channel_count(),
        deep,
        quality: how.quality,
        fine: how.fine,
        profile: extras.profile,
        exif: extras.exif,
    };
    let bytes = (how.avif)(&order, picture.into_bytes()).map_err(Error::Unmade)?;
    // It comes from another process: what is not what was ordered goes nowhere.
    let is = sniff(&bytes)
        .is_some_and(|media| media.mime == how.format.mime() && (media.width, media.height) == (Some(width), Some(height)));
    if is { Ok(bytes) } else { Err(unmade("what came is not the AVIF that was ordered")) }
}
