//! A picture like a photo: soft areas, and grain over all of them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{Rgb, RgbImage};
use rand::RngCore;

use crate::Outcome;

/// What a common camera takes.
const WIDTH: u32 = 6000;
const HEIGHT: u32 = 4000;
/// So many pixels across are the soft areas.
const SOFT: u32 = 8;

/// Writes a JPEG of 24 megapixels.
pub(crate) fn make(path: &Path) -> Outcome {
    let mut random = rand::rng();
    let mut noise = vec![0; (WIDTH / SOFT) as usize * (HEIGHT / SOFT) as usize * 3];
    random.fill_bytes(&mut noise);
    let coarse = RgbImage::from_raw(WIDTH / SOFT, HEIGHT / SOFT, noise).ok_or("too few pixels")?;
    let mut photo = resize(&coarse, WIDTH, HEIGHT, FilterType::CatmullRom);
    let mut grain = vec![0; WIDTH as usize];
    for row in photo.rows_mut() {
        random.fill_bytes(&mut grain);
        for (Rgb(pixel), grain) in row.zip(&grain) {
            for channel in pixel {
                *channel = (*channel).saturating_add(grain & 15);
            }
        }
    }
    let mut file = BufWriter::new(File::create(path)?);
    photo.write_with_encoder(JpegEncoder::new_with_quality(&mut file, 90))?;
    file.flush()?;
    Ok(())
}
