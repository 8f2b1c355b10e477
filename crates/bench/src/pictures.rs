//! Pictures of noise: valid, of a wanted size, and never twice the same.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use rand::RngCore;

use crate::Outcome;

/// Above this a picture would be slow to make; the rest is a comment that every reader skips.
const LARGEST_PICTURE: u64 = 8_000_000;

/// Makes `count` files of about `bytes` bytes (within one percent) and prints their paths.
pub(crate) fn make(dir: &Path, bytes: u64, count: usize) -> Outcome {
    for number in 0..count {
        let path = dir.join(format!("{number:04}.png"));
        let pixels = bytes.min(LARGEST_PICTURE) / 3;
        let width = pixels.isqrt().max(1);
        let (width, height) = (u32::try_from(width)?, u32::try_from((pixels / width).max(1))?);
        let mut noise = vec![0; width as usize * height as usize * 3];
        rand::rng().fill_bytes(&mut noise);
        let mut file = BufWriter::new(File::create(&path)?);
        PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::NoFilter).write_image(
            &noise,
            width,
            height,
            ExtendedColorType::Rgb8,
        )?;
        // Bytes behind the end of a PNG are its own business; every reader ignores them.
        let mut missing = bytes.saturating_sub(LARGEST_PICTURE);
        while missing > 0 {
            let piece = usize::try_from(missing.min(noise.len() as u64))?;
            rand::rng().fill_bytes(&mut noise[..piece.min(64)]);
            file.write_all(&noise[..piece])?;
            missing -= piece as u64;
        }
        file.flush()?;
        println!("{}", path.display());
    }
    Ok(())
}
