//! Private metadata cut out of JPEG, PNG and WebP, without touching a pixel.
//!
//! Cut: EXIF (position, camera, time, embedded preview), XMP, IPTC, and whatever hides behind the end of the picture. Kept: the pixels'
//! bytes as they are, colour profile, animation, and which way is up, which is written back as the only tag of a new EXIF block.

use std::borrow::Cow;

use crate::{exif, sniff};

mod behind;

pub use behind::{Behind, What};

/// What became of a file's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing private in it.
    Unchanged,
    /// The same picture without it.
    Stripped {
        /// The new file.
        bytes: Vec<u8>,
        /// How many bytes went.
        removed: u64,
        /// It is damaged: a part of it could not be followed and stays, whatever is in there.
        unread: bool,
        /// What lay behind its end and went too, where that is more than private data.
        behind: Option<Behind>,
    },
    /// Nothing was cut, and it is damaged: a part of it could not be followed, whatever is in there.
    Unread,
    /// A format (its media type) that can carry it and from which it is not cut.
    Carries(&'static str),
}

/// Cuts private metadata out. What cannot be understood stays as it is. Doing it twice changes nothing more.
#[must_use]
pub fn strip_metadata(bytes: &[u8]) -> Outcome {
    let Some(media) = sniff(bytes) else { return Outcome::Unchanged };
    if matches!(media.mime, "image/heic" | "image/avif" | "image/tiff" | "image/jxl") {
        return Outcome::Carries(media.mime);
    }
    let walked = walk(bytes, media.mime);
    match walked.kept {
        Some(kept) if kept != bytes => {
            let removed = (bytes.len() as u64).saturating_sub(kept.len() as u64);
            Outcome::Stripped { bytes: kept, removed, unread: walked.unread, behind: Behind::of(walked.tail) }
        }
        _ if walked.unread => Outcome::Unread,
        _ => Outcome::Unchanged,
    }
}

/// What lies behind the end of a JPEG, PNG or WebP and is more than private data: whoever makes another picture of it leaves it behind.
#[must_use]
pub fn behind(bytes: &[u8]) -> Option<Behind> {
    Behind::of(walk(bytes, sniff(bytes)?.mime).tail)
}

/// What one format's way through a file came to.
#[derive(Default)]
struct Walked<'a> {
    /// The new file; `None` where there is nothing to cut.
    kept: Option<Vec<u8>>,
    /// A part could not be followed, and was not cut.
    unread: bool,
    /// What follows the end of the picture.
    tail: &'a [u8],
}

fn walk<'a>(bytes: &'a [u8], mime: &str) -> Walked<'a> {
    match mime {
        "image/jpeg" => jpeg(bytes),
        "image/png" => png(bytes),
        "image/webp" => webp(bytes),
        _ => Walked::default(),
    }
}

fn jpeg(bytes: &[u8]) -> Walked<'_> {
    let mut unread = false;
    let mut tail: &[u8] = &[];
    let mut out = bytes.get(..2).unwrap_or_default().to_vec();
    let mut at = 2;
    let mut orientation = None;
    // Where the orientation goes: behind JFIF, which has to come first.
    let mut place = 2;
    let mut cut = false;
    loop {
        let Some(&[mark, kind]) = bytes.get(at..at + 2) else {
            out.extend_from_slice(&bytes[at..]);
            break;
        };
        if mark != 0xff {
            out.extend_from_slice(&bytes[at..]);
            unread = true;
            break;
        }
        match kind {
            0xff => {
                out.push(0xff);
                at += 1;
            }
            0x01 | 0xd0..=0xd8 => {
                out.extend_from_slice(&bytes[at..at + 2]);
                at += 2;
            }
            0xd9 => {
                out.extend_from_slice(&bytes[at..at + 2]);
                // Further pictures, films, makers' trailers: each with metadata of its own. Plain padding is harmless and stays.
                tail = &bytes[at + 2..];
                if tail.iter().all(|byte| *byte == 0) {
                    out.extend_from_slice(tail);
                } else {
                    cut = true;
                }
                break;
            }
            _ => {
                let length = bytes.get(at + 2..at + 4).map(|length| usize::from(u16::from_be_bytes([length[0], length[1]])));
                let length = length.filter(|length| *length >= 2);
                let end = length.map_or(bytes.len(), |length| at + 2 + length).min(bytes.len());
                let segment = &bytes[at..end];
                let body = segment.get(4..).unwrap_or_default();
                at = end;
                if is_private_segment(kind, body) {
                    cut = true;
                    if let Some(tiff) = body.strip_prefix(exif::MARK) {
                        orientation = orientation.or(Some(exif::orientation(tiff)));
                    }
                } else {
                    unread |= length.is_none();
                    out.extend_from_slice(segment);
                    if kind == 0xe0 && place == 2 && out.len() == 2 + segment.len() {
                        place = out.len();
                    }
                    if kind == 0xda {
                        let scan = scan_length(&bytes[at..]);
                        out.extend_from_slice(&bytes[at..at + scan]);
                        at += scan;
                    }
                }
            }
        }
    }
    if !cut {
        return Walked { kept: None, unread, tail };
    }
    if let Some(orientation) = orientation.filter(|orientation| *orientation > 1) {
        let body = [exif::MARK, &exif::only_orientation(orientation)].concat();
        let length = u16::try_from(body.len() + 2).unwrap_or(u16::MAX).to_be_bytes();
        let segment = [&[0xff, 0xe1], &length[..], &body].concat();
        out.splice(place..place, segment);
    }
    Walked { kept: Some(out), unread, tail }
}

/// Of the application segments only those stay that a picture is decoded by; a block of ours with nothing but the orientation too.
fn is_private_segment(kind: u8, body: &[u8]) -> bool {
    match kind {
        0xe0 | 0xee => false,
        0xe2 => !body.starts_with(b"ICC_PROFILE\0"),
        0xe1 => body.strip_prefix(exif::MARK).is_none_or(|tiff| tiff != exif::only_orientation(exif::orientation(tiff))),
        0xe3..=0xef => true,
        _ => false,
    }
}

/// Bytes of compressed picture up to the next marker that is not a restart.
fn scan_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at + 1 < bytes.len() {
        if bytes[at] == 0xff && !matches!(bytes[at + 1], 0x00 | 0xd0..=0xd7 | 0xff) {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

fn png(bytes: &[u8]) -> Walked<'_> {
    let mut unread = false;
    let mut tail: &[u8] = &[];
    // Most pictures have nothing to cut, and the larger ones are only copied where there is.
    let mut kept = vec![Cow::Borrowed(bytes.get(..8).unwrap_or_default())];
    let mut at = 8;
    let mut cut = false;
    while at < bytes.len() {
        let header = bytes.get(at..at + 8);
        let end = header.and_then(|header| {
            let length = usize::try_from(u32::from_be_bytes([header[0], header[1], header[2], header[3]])).ok()?;
            at.checked_add(length)?.checked_add(12).filter(|end| *end <= bytes.len())
        });
        let (Some(header), Some(end)) = (header, end) else {
            // Pixels that break off hold nothing else.
            unread = header.is_some_and(|header| header[4..] != *b"IDAT");
            kept.push(Cow::Borrowed(&bytes[at..]));
            break;
        };
        let (kind, body) = (&header[4..], &bytes[at + 8..end - 4]);
        if kind == b"eXIf" {
            let plain = exif::only_orientation(exif::orientation(body));
            if body == plain {
                kept.push(Cow::Borrowed(&bytes[at..end]));
            } else {
                cut = true;
                if exif::orientation(body) > 1 {
                    kept.push(Cow::Owned(png_chunk(*b"eXIf", &plain)));
                }
            }
        } else if is_private_text(kind, body) {
            cut = true;
        } else {
            kept.push(Cow::Borrowed(&bytes[at..end]));
        }
        at = end;
        if kind == b"IEND" {
            // What an editor left behind the end has shown more than people meant before.
            tail = &bytes[at..];
            cut |= !tail.is_empty();
            break;
        }
    }
    Walked { kept: cut.then(|| kept.concat()), unread, tail }
}

/// XMP, and what ImageMagick and ExifTool write of EXIF, IPTC and XMP as text.
fn is_private_text(kind: &[u8], body: &[u8]) -> bool {
    if !matches!(kind, b"tEXt" | b"zTXt" | b"iTXt") {
        return false;
    }
    let keyword = body.split(|byte| *byte == 0).next().unwrap_or_default();
    let colour = keyword.eq_ignore_ascii_case(b"Raw profile type icc") || keyword.eq_ignore_ascii_case(b"Raw profile type icm");
    keyword == b"XML:com.adobe.xmp" || keyword.starts_with(b"exif:") || keyword.starts_with(b"Raw profile type ") && !colour
}

fn png_chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    let inside = [&kind[..], body].concat();
    [&length[..], &inside, &crc(&inside).to_be_bytes()].concat()
}

/// CRC-32 as PNG wants it (annex D); for a few bytes, so without a table.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 })
    })
}

/// RFC 9649: chunks in a RIFF; flags of the first say which there are.
fn webp(bytes: &[u8]) -> Walked<'_> {
    chunks(bytes).unwrap_or(Walked { kept: None, unread: true, tail: &[] })
}

/// `None` for a file that does not hold what it says.
fn chunks(bytes: &[u8]) -> Option<Walked<'_>> {
    const HAS_EXIF: u8 = 0x08;
    const HAS_XMP: u8 = 0x04;
    let size = usize::try_from(u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?)).ok()?;
    let end = size.checked_add(8).filter(|end| *end <= bytes.len() && *end >= 12)?;
    let mut out = bytes[..12].to_vec();
    let mut at = 12;
    let tail = &bytes[end..];
    let mut cut = !tail.is_empty();
    let mut orientation = 1;
    let mut keeps_exif = false;
    while at < end {
        let Some(header) = bytes.get(at..at + 8).filter(|_| at + 8 <= end) else {
            out.extend_from_slice(&bytes[at..end]);
            break;
        };
        let length = usize::try_from(u32::from_le_bytes([header[4], header[5], header[6], header[7]])).ok()?;
        let stop = at.checked_add(8)?.checked_add(length)?.checked_add(length & 1)?.min(end);
        let body = bytes.get(at + 8..(at + 8 + length).min(end))?;
        match &header[..4] {
            b"EXIF" => {
                let tiff = body.strip_prefix(exif::MARK).unwrap_or(body);
                if body == exif::only_orientation(exif::orientation(tiff)) {
                    keeps_exif = true;
                    out.extend_from_slice(&bytes[at..stop]);
                } else {
                    cut = true;
                    orientation = exif::orientation(tiff);
                }
            }
            b"XMP " => cut = true,
            _ => out.extend_from_slice(&bytes[at..stop]),
        }
        at = stop;
    }
    if !cut {
        return Some(Walked { kept: None, unread: false, tail });
    }
    let extended = out.get(12..16) == Some(b"VP8X") && out.len() > 20;
    if extended && orientation > 1 && !keeps_exif {
        let body = exif::only_orientation(orientation);
        out.extend_from_slice(b"EXIF");
        out.extend_from_slice(&u32::try_from(body.len()).ok()?.to_le_bytes());
        out.extend_from_slice(&body);
        keeps_exif = true;
    }
    if extended {
        out[20] &= !(HAS_EXIF | HAS_XMP);
        if keeps_exif {
            out[20] |= HAS_EXIF;
        }
    }
    let size = u32::try_from(out.len() - 8).ok()?.to_le_bytes();
    out[4..8].copy_from_slice(&size);
    Some(Walked { kept: Some(out), unread: false, tail })
}

#[cfg(test)]
mod tests;
