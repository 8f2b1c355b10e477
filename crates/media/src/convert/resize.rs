//! Fewer pixels.

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, IntoImageView as _, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, ImageBuffer};

use super::Error;

/// The largest size within bounds that has the same shape; never larger than it is, never nothing.
pub(super) fn fit((width, height): (u32, u32), max_width: Option<u32>, max_height: Option<u32>) -> (u32, u32) {
    let (most_wide, most_high) = (max_width.unwrap_or(width).max(1), max_height.unwrap_or(height).max(1));
    if width <= most_wide && height <= most_high {
        return (width, height);
    }
    let part = |side: u32, of: u32, most: u32| {
        let rounded = (u64::from(side) * u64::from(most) + u64::from(of) / 2) / u64::from(of.max(1));
        u32::try_from(rounded).unwrap_or(u32::MAX).max(1)
    };
    // Whichever bound is the narrower one.
    if u64::from(width) * u64::from(most_high) >= u64::from(height) * u64::from(most_wide) {
        (most_wide, part(height, width, most_wide).min(most_high))
    } else {
        (part(width, height, most_high).min(most_wide), most_high)
    }
}

/// By Lanczos' filter with three lobes, depth and transparency kept.
pub(super) fn resize(picture: &DynamicImage, (width, height): (u32, u32)) -> Result<DynamicImage, Error> {
    let unmade = |error: &dyn std::fmt::Display| Error::Unmade(error.to_string().into());
    let kind = picture.pixel_type().ok_or_else(|| unmade(&"pixels of an unknown kind"))?;
    let mut small = Image::new(width, height, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize(picture, &mut small, &options).map_err(|error| unmade(&error))?;
    let bytes = small.into_vec();
    let wide = || bytes.chunks_exact(2).map(|two| u16::from_ne_bytes([two[0], two[1]])).collect::<Vec<_>>();
    let made = match picture {
        DynamicImage::ImageLuma8(_) => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageLuma8),
        DynamicImage::ImageLumaA8(_) => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageLumaA8),
        DynamicImage::ImageRgb8(_) => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8),
        DynamicImage::ImageRgba8(_) => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgba8),
        DynamicImage::ImageLuma16(_) => ImageBuffer::from_raw(width, height, wide()).map(DynamicImage::ImageLuma16),
        DynamicImage::ImageLumaA16(_) => ImageBuffer::from_raw(width, height, wide()).map(DynamicImage::ImageLumaA16),
        DynamicImage::ImageRgb16(_) => ImageBuffer::from_raw(width, height, wide()).map(DynamicImage::ImageRgb16),
        DynamicImage::ImageRgba16(_) => ImageBuffer::from_raw(width, height, wide()).map(DynamicImage::ImageRgba16),
        _ => None,
    };
    made.ok_or_else(|| unmade(&"pixels of an unknown kind"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_shapes_too_and_nothing_grows() {
        for (size, width, height, fits) in [
            ((6000, 4000), Some(2000), None, (2000, 1333)),
            ((4000, 6000), Some(2000), Some(2000), (1333, 2000)),
            ((100, 50), Some(200), Some(200), (100, 50)),
            ((100, 50), None, None, (100, 50)),
            ((10_000, 3), Some(100), None, (100, 1)),
            ((3, 10_000), None, Some(100), (1, 100)),
            ((1, 1), Some(0), Some(0), (1, 1)),
            ((300, 200), Some(299), Some(199), (299, 199)),
        ] {
            assert_eq!(fit(size, width, height), fits, "{size:?} in {width:?} × {height:?}");
        }
    }
}
