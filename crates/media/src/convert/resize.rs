//! Fewer pixels.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{InnerPixel, U8, U8x2, U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use image::imageops::FilterType as SlowFilter;
use image::{DynamicImage, ImageBuffer, imageops};

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

/// By Lanczos' filter with three lobes, depth and transparency kept. Each kind of pixel is named by itself: the library brings megabytes
/// of code for all of them. Sixteen bits are rare and go the slow way.
pub(super) fn resize(picture: DynamicImage, size: (u32, u32)) -> Result<DynamicImage, Error> {
    use DynamicImage::{ImageLuma8, ImageLuma16, ImageLumaA8, ImageLumaA16, ImageRgb8, ImageRgb16, ImageRgba8, ImageRgba16};
    let (width, height) = size;
    let unmade = || Error::Unmade("pixels of an unknown kind".into());
    let old = (picture.width(), picture.height());
    let made = match picture {
        ImageLuma8(from) => ImageBuffer::from_raw(width, height, quick::<U8>(from.as_raw(), old, size)?).map(ImageLuma8),
        ImageLumaA8(from) => ImageBuffer::from_raw(width, height, quick::<U8x2>(from.as_raw(), old, size)?).map(ImageLumaA8),
        ImageRgb8(from) => ImageBuffer::from_raw(width, height, quick::<U8x3>(from.as_raw(), old, size)?).map(ImageRgb8),
        ImageRgba8(from) => ImageBuffer::from_raw(width, height, quick::<U8x4>(from.as_raw(), old, size)?).map(ImageRgba8),
        ImageLuma16(from) => Some(ImageLuma16(imageops::resize(&from, width, height, SlowFilter::Lanczos3))),
        ImageRgb16(from) => Some(ImageRgb16(imageops::resize(&from, width, height, SlowFilter::Lanczos3))),
        ImageLumaA16(mut from) => {
            from.pixels_mut().for_each(|pixel| weigh(&mut pixel.0));
            let mut made = imageops::resize(&from, width, height, SlowFilter::Lanczos3);
            made.pixels_mut().for_each(|pixel| unweigh(&mut pixel.0));
            Some(ImageLumaA16(made))
        }
        ImageRgba16(mut from) => {
            from.pixels_mut().for_each(|pixel| weigh(&mut pixel.0));
            let mut made = imageops::resize(&from, width, height, SlowFilter::Lanczos3);
            made.pixels_mut().for_each(|pixel| unweigh(&mut pixel.0));
            Some(ImageRgba16(made))
        }
        _ => None,
    };
    made.ok_or_else(unmade)
}

fn quick<P: PixelTrait + InnerPixel>(from: &[u8], old: (u32, u32), new: (u32, u32)) -> Result<Vec<u8>, Error> {
    let unmade = |error: &dyn std::fmt::Display| Error::Unmade(error.to_string().into());
    let from = TypedImageRef::<P>::from_buffer(old.0, old.1, from).map_err(|error| unmade(&error))?;
    let mut bytes = vec![0; new.0 as usize * new.1 as usize * P::size()];
    let mut made = TypedImage::<P>::from_buffer(new.0, new.1, &mut bytes).map_err(|error| unmade(&error))?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize_typed(&from, &mut made, &options).map_err(|error| unmade(&error))?;
    drop(made);
    Ok(bytes)
}

/// Colours count as much as they are seen, so that what is transparent does not bleed into what is not.
fn weigh(pixel: &mut [u16]) {
    if let [colours @ .., alpha] = pixel {
        for colour in colours {
            *colour = u16::try_from(u32::from(*colour) * u32::from(*alpha) / u32::from(u16::MAX)).unwrap_or(u16::MAX);
        }
    }
}

fn unweigh(pixel: &mut [u16]) {
    if let [colours @ .., alpha] = pixel
        && *alpha > 0
    {
        for colour in colours {
            *colour = u16::try_from(u32::from(*colour) * u32::from(u16::MAX) / u32::from(*alpha)).unwrap_or(u16::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

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

    /// Every kind of pixel, half of it a full red, half a green that nobody sees: no green comes out.
    #[test]
    fn every_kind_of_pixel_keeps_its_kind_and_the_unseen_does_not_bleed() {
        let seen =
            DynamicImage::from(RgbaImage::from_fn(
                64,
                64,
                |x, _| if x < 32 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) },
            ));
        for small in
            [resize(seen.clone(), (9, 9)).expect("made"), resize(DynamicImage::from(seen.to_rgba16()), (9, 9)).expect("made")]
        {
            assert_eq!((small.width(), small.height()), (9, 9));
            for (x, y, pixel) in small.to_rgba8().enumerate_pixels() {
                assert!(pixel[3] == 0 || (pixel[0] > 250 && pixel[1] < 5), "{pixel:?} at {x}, {y} of {:?}", small.color());
            }
        }
        let grey = seen.to_luma_alpha8();
        for picture in [
            DynamicImage::from(seen.to_luma8()),
            grey.into(),
            seen.to_rgb8().into(),
            seen.clone(),
            seen.to_luma16().into(),
            seen.to_luma_alpha16().into(),
            seen.to_rgb16().into(),
            seen.to_rgba16().into(),
        ] {
            let kind = picture.color();
            let expected = picture.crop_imm(0, 0, 16, 64).to_rgba8();
            let small = resize(picture, (9, 9)).expect("made");
            assert_eq!(small.color(), kind);
            let (made, wanted) = (small.to_rgba8().get_pixel(1, 4).0, expected.get_pixel(0, 0).0);
            assert!(
                made.iter().zip(wanted).all(|(made, wanted)| made.abs_diff(wanted) < 3),
                "{made:?} is not {wanted:?} in {kind:?}"
            );
        }
    }
}
