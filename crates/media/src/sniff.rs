//! Type and size by the first bytes, following the structure of each format as far as a small budget allows.

mod boxes;
mod text;

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use crate::{Media, exif};

/// What may be read of one file to find out what it is, in bytes; and in how many pieces.
const BUDGET: usize = 2 << 20;
const PIECES: usize = 20_000;

/// What `bytes` are, `None` where they are nothing imagepic knows. The beginning of a file does: what lies beyond is not missed but for
/// the size of films and of some TIFF files.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<Media> {
    look(&mut Head::new(Cursor::new(bytes)))
}

/// What a file is, `None` where it is nothing imagepic knows. Reads at most 2 MiB, wherever they lie.
///
/// # Errors
/// Those of `reader`, but for an early end.
pub fn sniff_reader(reader: impl Read + Seek) -> io::Result<Option<Media>> {
    let mut head = Head::new(reader);
    let media = look(&mut head);
    head.error.map_or(Ok(media), Err)
}

/// Random access with a budget; an end, an error and an empty purse all read as `None`.
pub(crate) struct Head<R> {
    reader: R,
    left: usize,
    pieces: usize,
    error: Option<io::Error>,
}

impl<R: Read + Seek> Head<R> {
    fn new(reader: R) -> Self {
        Self { reader, left: BUDGET, pieces: PIECES, error: None }
    }

    /// Up to `length` bytes at `at`; fewer only at the end.
    pub(crate) fn some(&mut self, at: u64, length: usize) -> Option<Vec<u8>> {
        if self.error.is_some() || self.pieces == 0 || length > self.left {
            return None;
        }
        self.pieces -= 1;
        self.left -= length;
        let mut bytes = Vec::with_capacity(length.min(4096));
        let read =
            self.reader.seek(SeekFrom::Start(at)).and_then(|_| self.reader.by_ref().take(length as u64).read_to_end(&mut bytes));
        match read {
            Ok(_) => Some(bytes),
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    /// Exactly `length` bytes at `at`.
    pub(crate) fn at(&mut self, at: u64, length: usize) -> Option<Vec<u8>> {
        self.some(at, length).filter(|bytes| bytes.len() == length)
    }

    pub(crate) fn array<const N: usize>(&mut self, at: u64) -> Option<[u8; N]> {
        self.at(at, N)?.try_into().ok()
    }

    pub(crate) fn be16(&mut self, at: u64) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    pub(crate) fn be32(&mut self, at: u64) -> Option<u32> {
        self.array(at).map(u32::from_be_bytes)
    }
}

fn look<R: Read + Seek>(head: &mut Head<R>) -> Option<Media> {
    let start = head.some(0, 64)?;
    match start.as_slice() {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(png(head)),
        [0xff, 0xd8, 0xff, ..] => {
            let frame = jpeg(head);
            Some(Media::of("image/jpeg", "jpg").sized(frame.map(|frame| frame.size)))
        }
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(gif(head, &start)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(webp(&start)),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => boxes::look(head),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => boxes::matroska(head),
        [b'B', b'M', ..] => bmp(&start),
        [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => {
            let size = tiff(head);
            Some(Media::of("image/tiff", "tiff").sized(size))
        }
        [0, 0, 1, 0, ..] => ico(head),
        [b'q', b'o', b'i', b'f', ..] => Some(Media::of("image/qoi", "qoi").sized(be32(&start, 4).zip(be32(&start, 8)))),
        [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', b' ', b'\r', b'\n', 0x87, b'\n', ..] => {
            Some(Media::of("image/jxl", "jxl"))
        }
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(Media::of("application/pdf", "pdf")),
        _ => text::look(&head.some(0, text::HEAD)?),
    }
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

fn le16(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 2)?.try_into().ok().map(|bytes| u32::from(u16::from_le_bytes(bytes)))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// Pixels a metre of a screen with two pixels where others have one: twice the 72 dots an inch of macOS, which writes this into its
/// screenshots, and twice the 96 of everybody else, either way of rounding.
///
/// No other density halves a picture, and none but that of PNG is asked: scanners and cameras write 150, 300 or 600 dots an inch, into
/// JPEG's JFIF and EXIF above all, and mean the size on paper. A photograph must never come out at a quarter of its size for that.
const DENSE: [u32; 4] = [5669, 5670, 7559, 7560];

/// PNG specification, third edition, 11.3.4.3: pixels a unit along both axes, and the unit, of which 1 is the metre.
fn png_density(physical: [u8; 9]) -> u8 {
    let (across, down) = (be32(&physical, 0), be32(&physical, 4));
    if physical[8] == 1 && across == down && across.is_some_and(|pixels| DENSE.contains(&pixels)) { 2 } else { 1 }
}

/// PNG specification, third edition: `IHDR` comes first; `acTL` before `IDAT` makes it animated, and `pHYs` stands there, too.
fn png<R: Read + Seek>(head: &mut Head<R>) -> Media {
    let size = head.be32(16).zip(head.be32(20)).filter(|(width, height)| *width < 1 << 31 && *height < 1 << 31);
    let mut media = Media::of("image/png", "png").sized(size);
    let mut at = 8_u64;
    while let Some(chunk) = head.array::<8>(at) {
        match &chunk[4..] {
            b"acTL" => media.animated = head.be32(at + 8).is_some_and(|frames| frames > 1),
            b"pHYs" => media.density = head.array::<9>(at + 8).map_or(1, png_density),
            b"IDAT" | b"IEND" => break,
            _ => {}
        }
        at += 12 + u64::from(be32(&chunk, 0).unwrap_or_default());
    }
    media
}

/// The frame header of a JPEG.
struct Frame {
    /// As shown.
    size: (u32, u32),
    /// Progressive: all of it is held as coefficients until the last pass has come.
    in_passes: bool,
}

/// Whether a JPEG comes in passes.
pub(crate) fn is_in_passes(reader: impl Read + Seek) -> bool {
    jpeg(&mut Head::new(reader)).is_some_and(|frame| frame.in_passes)
}

/// ITU-T T.81, annex B: segments up to the frame header; EXIF says whether it is shown lying.
fn jpeg<R: Read + Seek>(head: &mut Head<R>) -> Option<Frame> {
    let mut at = 2_u64;
    let mut lying = false;
    loop {
        let [mark, kind] = head.array::<2>(at)?;
        if mark != 0xff {
            return None;
        }
        match kind {
            // Fill bytes, and markers that stand alone.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            0xd9 | 0xda => return None,
            0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                let (height, width) = (u32::from(head.be16(at + 5)?), u32::from(head.be16(at + 7)?));
                let size = if lying { (height, width) } else { (width, height) };
                return Some(Frame { size, in_passes: matches!(kind, 0xc2 | 0xc6 | 0xca | 0xce) });
            }
            _ => {
                let length = u64::from(head.be16(at + 2)?);
                if length < 2 {
                    return None;
                }
                if kind == 0xe1 {
                    let segment = head.some(at + 4, usize::try_from(length).ok()?.min(4096))?;
                    lying = segment.strip_prefix(exif::MARK).is_some_and(|tiff| exif::orientation(tiff) >= 5) || lying;
                }
                at += 2 + length;
            }
        }
    }
}

/// GIF89a: the second image makes it animated.
fn gif<R: Read + Seek>(head: &mut Head<R>, start: &[u8]) -> Media {
    let mut media = Media::of("image/gif", "gif").sized(le16(start, 6).zip(le16(start, 8)));
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3_u64 << ((flags & 7) + 1) };
    let mut at = 13 + table(start.get(10).copied().unwrap_or_default());
    let mut images = 0;
    while let Some([kind]) = head.array::<1>(at) {
        at = match kind {
            0x21 => at + 2,
            0x2c => {
                images += 1;
                if images > 1 {
                    media.animated = true;
                    break;
                }
                let Some([flags]) = head.array::<1>(at + 9) else { break };
                at + 11 + table(flags)
            }
            _ => break,
        };
        // Sub-blocks up to the empty one. A long first image uses the purse up; only then is a moving picture taken for a still one.
        loop {
            match head.array::<1>(at) {
                Some([0]) => break at += 1,
                Some([length]) => at += 1 + u64::from(length),
                None => return media,
            }
        }
    }
    media
}

/// RFC 9649.
fn webp(start: &[u8]) -> Media {
    let media = Media::of("image/webp", "webp");
    let size = match start.get(12..16) {
        Some(b"VP8X") => {
            let side = |at: usize| Some(1 + (le32(start, at)? & 0x00ff_ffff));
            let mut media = media.sized(side(24).zip(side(27)));
            media.animated = start.get(20).is_some_and(|flags| flags & 2 != 0);
            return media;
        }
        Some(b"VP8L") if start.get(20) == Some(&0x2f) => {
            le32(start, 21).map(|bits| (1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff)))
        }
        Some(b"VP8 ") if start.get(23..26) == Some(&[0x9d, 0x01, 0x2a]) => {
            le16(start, 26).zip(le16(start, 28)).map(|(width, height)| (width & 0x3fff, height & 0x3fff))
        }
        _ => None,
    };
    media.sized(size)
}

fn bmp(start: &[u8]) -> Option<Media> {
    let size = match le32(start, 14)? {
        12 => le16(start, 18).zip(le16(start, 20)),
        40 | 52 | 56 | 64 | 108 | 124 => {
            let side = |at: usize| Some(le32(start, at)?.cast_signed().unsigned_abs());
            side(18).zip(side(22))
        }
        // "BM" alone begins many a text.
        _ => return None,
    };
    Some(Media::of("image/bmp", "bmp").sized(size))
}

/// TIFF 6.0: tags 256 and 257 of the first directory.
fn tiff<R: Read + Seek>(head: &mut Head<R>) -> Option<(u32, u32)> {
    let start = head.array::<8>(0)?;
    let little = start[0] == b'I';
    if start[2] == b'+' || start[3] == b'+' {
        return None;
    }
    let word = |bytes: [u8; 4]| if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
    let half = |bytes: [u8; 2]| if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
    let directory = u64::from(word(start[4..].try_into().ok()?));
    let (mut width, mut height) = (None, None);
    for entry in 0..u64::from(half(head.array(directory)?)) {
        let bytes = head.array::<12>(directory + 2 + entry * 12)?;
        let tag = half([bytes[0], bytes[1]]);
        if !matches!(tag, 256 | 257) {
            continue;
        }
        let value = match half([bytes[2], bytes[3]]) {
            3 => u32::from(half([bytes[8], bytes[9]])),
            4 => word([bytes[8], bytes[9], bytes[10], bytes[11]]),
            _ => return None,
        };
        if tag == 256 {
            width = Some(value);
        } else {
            height = Some(value);
        }
        if let Some(size) = width.zip(height) {
            return Some(size);
        }
    }
    None
}

/// The largest picture of an icon; 0 stands for 256.
fn ico<R: Read + Seek>(head: &mut Head<R>) -> Option<Media> {
    let count = head.array::<2>(4).map(u16::from_le_bytes)?;
    // The same four bytes begin other things: the first entry has to look like one.
    let first = head.array::<16>(6)?;
    let place = le32(&first, 12)?;
    if count == 0 || count > 256 || first[9] != 0 && first[3] != 0 || place < 6 + 16 * u32::from(count) {
        return None;
    }
    let side = |byte: u8| if byte == 0 { 256 } else { u32::from(byte) };
    let mut largest = (0, 0);
    for entry in 0..u64::from(count) {
        let Some([width, height]) = head.array::<2>(6 + 16 * entry) else { break };
        largest = largest.max((side(width), side(height)));
    }
    Some(Media::of("image/vnd.microsoft.icon", "ico").sized(Some(largest)))
}

#[cfg(test)]
mod tests;
