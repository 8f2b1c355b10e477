//! Pictures to upload: each different from all others, with pixels that do not compress away where size matters.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};
use sha2::{Digest, Sha256};

/// A PNG of `width` × `height` pixels of noise; the same `seed` makes the same bytes, another one others. About three bytes a pixel.
///
/// # Panics
/// Never for sizes that fit into memory.
#[must_use]
pub fn png(seed: u64, width: u32, height: u32) -> Vec<u8> {
    encode(seed, width, height, ImageFormat::Png)
}

/// A JPEG, like [`png`].
#[must_use]
pub fn jpeg(seed: u64, width: u32, height: u32) -> Vec<u8> {
    encode(seed, width, height, ImageFormat::Jpeg)
}

/// The hash as `imagepic upload --json` gives it: lower-case hex of SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encode(seed: u64, width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    // SplitMix64 (Steele, Lea, Flood 2014): enough noise, and no dependency.
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let picture = RgbImage::from_fn(width, height, |_, _| {
        let [r, g, b, ..] = next().to_le_bytes();
        Rgb([r, g, b])
    });
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), format).expect("memory takes any picture");
    bytes
}
