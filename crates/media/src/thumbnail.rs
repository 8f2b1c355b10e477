//! A small picture for lists. The only place that decodes, so the only one with limits on pixels and memory.

use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

/// Pixels of the largest picture that is decoded: a 12,000 × 12,000 scan passes, a bomb of a few kilobytes does not.
const PIXELS: u64 = 150_000_000;
/// Memory a decoder may take, in bytes.
const MEMORY: u64 = 768 << 20;
/// A side no format of cameras or screens reaches.
const SIDE: u32 = 65_500;

/// Why there is no thumbnail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A format that is not decoded here (SVG, HEIC, AVIF, films), or no picture.
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
    /// Damaged, or needing more memory than it may have.
    #[error("the picture cannot be decoded")]
    Broken(#[source] image::ImageError),
}

/// The picture as PNG, at most `side` pixels wide and high, shown the way it is meant to be; a smaller one keeps its size.
///
/// # Errors
/// [`Error`]. Takes up to 768 MiB for the largest pictures, for as long as it runs.
pub fn thumbnail(bytes: &[u8], side: u32) -> Result<Vec<u8>, Error> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| Error::Broken(error.into()))?;
    if reader.format().is_none() {
        return Err(Error::Unsupported);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS {
        return Err(Error::TooLarge { width, height });
    }
    let orientation = decoder.orientation().map_err(broken)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    let side = side.max(1);
    if width > side || height > side {
        picture = picture.thumbnail(side, side);
    }
    picture.apply_orientation(orientation);
    // Sixteen bits and floats are more than a list shows.
    let picture = if picture.color().has_alpha() {
        DynamicImage::from(picture.into_rgba8())
    } else {
        DynamicImage::from(picture.into_rgb8())
    };
    let mut out = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive);
    picture.write_with_encoder(encoder).map_err(broken)?;
    Ok(out)
}

fn broken(error: image::ImageError) -> Error {
    match error {
        image::ImageError::Unsupported(_) => Error::Unsupported,
        other => Error::Broken(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GenericImageView, ImageFormat, RgbImage};
    use proptest::prelude::*;

    fn encode(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, _| image::Rgb([x as u8, 0, 0])))
            .write_to(&mut out, format)
            .expect("encodes");
        out.into_inner()
    }

    fn size(bytes: &[u8], side: u32) -> (u32, u32) {
        image::load_from_memory_with_format(&thumbnail(bytes, side).expect("a thumbnail"), ImageFormat::Png)
            .expect("a PNG")
            .dimensions()
    }

    #[test]
    fn pictures_become_small_and_small_ones_stay() {
        for format in [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Gif,
            ImageFormat::WebP,
            ImageFormat::Bmp,
            ImageFormat::Tiff,
            ImageFormat::Qoi,
        ] {
            assert_eq!(size(&encode(format, 200, 100), 64), (64, 32), "{format:?}");
        }
        assert_eq!(size(&encode(ImageFormat::Png, 20, 10), 64), (20, 10));
    }

    #[test]
    fn a_photo_taken_upright_has_an_upright_thumbnail() {
        let plain = encode(ImageFormat::Jpeg, 200, 100);
        let exif = [crate::exif::MARK, &crate::exif::only_orientation(6)].concat();
        let length = u16::try_from(exif.len() + 2).expect("small").to_be_bytes();
        let turned = [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..]].concat();
        assert_eq!(size(&turned, 64), (32, 64));
    }

    #[test]
    fn a_bomb_is_refused_before_it_takes_memory() {
        let mut bomb = encode(ImageFormat::Bmp, 4, 4);
        bomb[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
        bomb[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
        assert!(thumbnail(&bomb, 64).is_err());
        let mut wide = encode(ImageFormat::Qoi, 4, 4);
        wide[4..8].copy_from_slice(&60_000_u32.to_be_bytes());
        wide[8..12].copy_from_slice(&60_000_u32.to_be_bytes());
        assert!(matches!(thumbnail(&wide, 64), Err(Error::TooLarge { .. } | Error::Broken(_))));
    }

    #[test]
    fn what_is_not_decoded_says_so() {
        assert!(matches!(thumbnail(b"<svg/>", 64), Err(Error::Unsupported)));
        assert!(matches!(thumbnail(b"", 64), Err(Error::Unsupported)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        #[test]
        fn mutilated_files_never_harm(format in 0usize..6, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10)) {
            let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Qoi];
            let mut bytes = encode(formats[format], 9, 7);
            for (place, byte) in flips {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            let _ = thumbnail(&bytes, 4);
        }
    }
}
