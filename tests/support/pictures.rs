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

/// A drawn screenshot of 1280 × 800 pixels, as people look at them: a window with a bar, text, and a chart, cards or a table. Each `seed`
/// another one.
///
/// # Panics
/// Never.
#[must_use]
pub fn drawn(seed: u32) -> Vec<u8> {
    const TONES: [[[u8; 3]; 4]; 6] = [
        [[246, 248, 252], [225, 231, 245], [72, 102, 232], [44, 52, 84]],
        [[24, 26, 32], [42, 46, 58], [79, 179, 165], [214, 219, 228]],
        [[250, 246, 240], [240, 226, 207], [205, 116, 55], [72, 54, 40]],
        [[242, 248, 244], [213, 233, 221], [47, 133, 90], [36, 62, 48]],
        [[38, 34, 58], [60, 54, 90], [190, 140, 245], [232, 226, 246]],
        [[244, 246, 248], [214, 226, 236], [46, 120, 168], [38, 58, 74]],
    ];
    let [ground, soft, strong, ink] = TONES[seed as usize % TONES.len()].map(Rgb);
    let mut picture = RgbImage::from_pixel(1280, 800, ground);
    let mut fill = |x: u32, y: u32, width: u32, height: u32, colour: Rgb<u8>| {
        for (x, y) in (y..(y + height).min(800)).flat_map(|y| (x..(x + width).min(1280)).map(move |x| (x, y))) {
            picture.put_pixel(x, y, colour);
        }
    };
    fill(0, 0, 1280, 72, soft);
    fill(40, 26, 180, 20, ink);
    fill(1100, 20, 140, 32, strong);
    // Lengths that differ from picture to picture, and are the same each time.
    let length = |at: u32, most: u32| 40 + (seed.wrapping_mul(2_654_435_761).wrapping_add(at.wrapping_mul(40_503)) >> 7) % most;
    fill(40, 120, 200 + length(1, 300), 30, ink);
    fill(40, 168, 300 + length(2, 400), 14, soft);
    match (seed + seed / 6) % 3 {
        0 => {
            for bar in 0..12 {
                let height = length(bar + 3, 420);
                fill(40 + bar * 100, 740 - height, 64, height, if bar % 4 == 2 { strong } else { soft });
            }
            fill(40, 740, 1200, 4, ink);
        }
        1 => {
            for card in 0..6 {
                let (x, y) = (40 + card % 3 * 410, 230 + card / 3 * 280);
                fill(x, y, 380, 250, soft);
                fill(x + 24, y + 24, 332, 120, if card == seed % 6 { strong } else { ground });
                fill(x + 24, y + 168, 60 + length(card, 200), 16, ink);
                fill(x + 24, y + 200, 100 + length(card + 9, 160), 12, ground);
            }
        }
        _ => {
            for line in 0..9 {
                let y = 230 + line * 60;
                fill(40, y, 1200, 2, soft);
                fill(56, y + 22, 80 + length(line, 220), 14, ink);
                fill(520, y + 22, 60 + length(line + 20, 160), 14, soft);
                fill(1120, y + 16, 90, 26, if line % 3 == 0 { strong } else { soft });
            }
        }
    }
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).expect("memory takes any picture");
    bytes
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
