//! Whether a picture reaches its own end: a download or a copy that broke off is told without decoding anything.

/// Whether the file ends before the picture in it does, by the structure of PNG, JPEG, GIF and WebP; `false` for every other format, and
/// where only what follows the pixels is missing. Of a whole file this reads little more than the lengths in it.
#[must_use]
pub fn breaks_off(bytes: &[u8]) -> bool {
    match bytes {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, chunks @ ..] => png(chunks),
        [0xff, 0xd8, segments @ ..] => jpeg(segments),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', blocks @ ..] => gif(blocks).is_none(),
        [b'R', b'I', b'F', b'F', a, b, c, d, b'W', b'E', b'B', b'P', ..] => {
            (bytes.len() as u64) < u64::from(u32::from_le_bytes([*a, *b, *c, *d])) + 8
        }
        _ => false,
    }
}

/// Up to `IEND`, whose checksum nobody misses.
fn png(mut chunks: &[u8]) -> bool {
    loop {
        let Some((head, rest)) = chunks.split_first_chunk::<8>() else { return true };
        let [a, b, c, d, kind @ ..] = *head;
        if kind == *b"IEND" {
            return false;
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let Some(next) = length.checked_add(4).and_then(|length| rest.get(length..)) else { return true };
        chunks = next;
    }
}

/// In what is coded, `FF D9` stands at the end and nowhere else; before it, a small picture in the metadata may have one of its own.
fn jpeg(mut segments: &[u8]) -> bool {
    loop {
        segments = match segments {
            // Fill bytes, and markers without a length.
            [0xff, 0xff, ..] => &segments[1..],
            [0xff, 0x01 | 0xd0..=0xd8, rest @ ..] => rest,
            [0xff, 0xd9, ..] => return false,
            [0xff, 0xda, coded @ ..] => return !coded.windows(2).rev().any(|pair| pair == [0xff, 0xd9]),
            [0xff, _, a, b, ..] => match segments.get(2 + usize::from(u16::from_be_bytes([*a, *b])).max(2)..) {
                Some(rest) => rest,
                None => return true,
            },
            [] | [_] | [0xff, ..] => return true,
            // Rubbish between segments: readers look for the next marker, and whether that is a picture is not told here.
            [_, rest @ ..] => rest,
        };
    }
}

/// `Some` where every image that is begun is there; a file without the last byte of all shows as well as one with it.
fn gif(blocks: &[u8]) -> Option<()> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = blocks.get(7 + table(*blocks.get(4)?)..)?;
    let mut images = 0;
    loop {
        rest = match rest {
            [0x3b, ..] => return Some(()),
            [] => return (images > 0).then_some(()),
            [0x21, _, blocks @ ..] => sub_blocks(blocks)?,
            [0x2c, image @ ..] => {
                images += 1;
                sub_blocks(image.get(9 + table(*image.get(8)?) + 1..)?)?
            }
            // Rubbish behind a picture that is there.
            _ => return (images > 0).then_some(()),
        };
    }
}

fn sub_blocks(mut blocks: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = blocks.split_first()?;
        if *length == 0 {
            return Some(rest);
        }
        blocks = rest.get(usize::from(*length)..)?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, RgbImage};

    use super::*;

    fn picture(format: ImageFormat) -> Vec<u8> {
        let pixels = RgbImage::from_fn(60, 40, |x, y| image::Rgb([x * 7, y * 11, x * y].map(|part| part.to_le_bytes()[0])));
        let mut bytes = Vec::new();
        DynamicImage::ImageRgb8(pixels).write_to(&mut Cursor::new(&mut bytes), format).expect("encodes");
        bytes
    }

    #[test]
    fn a_whole_picture_is_whole_with_whatever_stands_behind_it() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
            let mut bytes = picture(format);
            assert!(!breaks_off(&bytes), "{format:?}");
            bytes.extend_from_slice(b"\0\0made by a camera");
            assert!(!breaks_off(&bytes), "{format:?} with something behind it");
        }
        assert!(!breaks_off(b"") && !breaks_off(b"<svg/>") && !breaks_off(b"BM"), "of the others nothing is known");
    }

    #[test]
    fn one_that_was_cut_anywhere_in_its_pixels_breaks_off() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
            let bytes = picture(format);
            for part in 1..8 {
                assert!(breaks_off(&bytes[..bytes.len() * part / 8]), "{format:?} cut at {part}/8");
            }
        }
    }

    #[test]
    fn the_end_of_a_small_picture_in_the_metadata_is_not_taken_for_that_of_the_whole() {
        let whole = picture(ImageFormat::Jpeg);
        let exif = [&[0xff, 0xe1, 0, 12][..], b"Exif\0\0", &[0xff, 0xd9, 0xff, 0xd9]].concat();
        let with = [&whole[..2], &exif, &whole[2..]].concat();
        assert!(!breaks_off(&with));
        assert!(breaks_off(&with[..with.len() * 3 / 4]));
    }

    #[test]
    fn a_picture_without_the_very_last_byte_still_shows() {
        let gif = picture(ImageFormat::Gif);
        assert!(!breaks_off(&gif[..gif.len() - 1]));
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_comes_along_makes_it_fall_over(head in 0_usize..5, tail in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let heads: [&[u8]; 5] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"GIF89a", b"RIFF\x09\0\0\0WEBP", b""];
            let _ = breaks_off(&[heads[head], &tail].concat());
        }
    }
}
