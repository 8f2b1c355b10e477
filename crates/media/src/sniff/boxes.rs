//! Formats of nested boxes: ISO base media (AVIF, HEIC, MP4, `QuickTime`) and Matroska (`WebM`).

use std::io::{Read, Seek};

use super::Head;
use crate::Media;

/// ISO/IEC 14496-12: the brands of `ftyp` say what it is.
pub(super) fn look<R: Read + Seek>(head: &mut Head<R>) -> Option<Media> {
    let length = head.be32(0)?.clamp(16, 256) & !3;
    let ftyp = head.some(8, usize::try_from(length).ok()? - 8)?;
    // The minor version between major and compatible brands is no brand.
    let brands: Vec<&[u8]> = ftyp.chunks_exact(4).enumerate().filter(|(at, _)| *at != 1).map(|(_, brand)| brand).collect();
    let any = |wanted: &[&[u8]]| brands.iter().any(|brand| wanted.contains(brand));
    let major = brands.first().copied().unwrap_or_default();
    if any(&[b"avif", b"avis"]) {
        let mut media = still(head, Media::of("image/avif", "avif"));
        media.animated = any(&[b"avis"]);
        return Some(media);
    }
    if any(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"]) || matches!(major, b"mif1" | b"msf1") {
        let mut media = still(head, Media::of("image/heic", "heic"));
        media.animated = matches!(major, b"hevc" | b"hevx" | b"msf1");
        return Some(media);
    }
    if major == b"qt  " {
        return Some(film(head, Media::of("video/quicktime", "mov")));
    }
    let known: [&[u8]; 12] =
        [b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"dash", b"3gp4"];
    any(&known).then(|| film(head, Media::of("video/mp4", "mp4")))
}

#[derive(Clone, Copy)]
struct Span {
    kind: [u8; 4],
    start: u64,
    end: u64,
}

/// The box at `at`, if it ends within `end`.
fn span<R: Read + Seek>(head: &mut Head<R>, at: u64, end: u64) -> Option<Span> {
    if at >= end {
        return None;
    }
    let bytes = head.array::<8>(at)?;
    let kind = [bytes[4], bytes[5], bytes[6], bytes[7]];
    let (start, size) = match u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) {
        0 => (at + 8, end.checked_sub(at)?),
        1 => (at + 16, head.array(at + 8).map(u64::from_be_bytes)?),
        size => (at + 8, u64::from(size)),
    };
    let stop = at.checked_add(size)?;
    (stop >= start && stop <= end).then_some(Span { kind, start, end: stop })
}

/// The first box of `kind` in a range. Boxes that lie about their size end the search.
fn find<R: Read + Seek>(head: &mut Head<R>, kind: &[u8; 4], start: u64, end: u64) -> Option<Span> {
    let mut at = start;
    while let Some(found) = span(head, at, end) {
        if &found.kind == kind {
            return Some(found);
        }
        at = found.end;
    }
    None
}

/// HEIF: the largest `ispe` is the picture, smaller ones are tiles and thumbnails; an odd `irot` shows it lying.
fn still<R: Read + Seek>(head: &mut Head<R>, media: Media) -> Media {
    let mut measure = || -> Option<(u32, u32)> {
        let meta = find(head, b"meta", 0, u64::MAX)?;
        let properties = find(head, b"iprp", meta.start + 4, meta.end)?;
        let container = find(head, b"ipco", properties.start, properties.end)?;
        let (mut size, mut turned, mut at) = ((0, 0), false, container.start);
        while let Some(property) = span(head, at, container.end) {
            match &property.kind {
                b"ispe" => {
                    let found = (head.be32(property.start + 4)?, head.be32(property.start + 8)?);
                    if u64::from(found.0) * u64::from(found.1) > u64::from(size.0) * u64::from(size.1) {
                        size = found;
                    }
                }
                b"irot" => turned = head.array::<1>(property.start)?[0] & 1 == 1,
                _ => {}
            }
            at = property.end;
        }
        Some(if turned { (size.1, size.0) } else { size })
    };
    let size = measure();
    media.sized(size)
}

/// The first track with a picture; its size stands at the end of `tkhd` as 16.16 fixed point.
fn film<R: Read + Seek>(head: &mut Head<R>, media: Media) -> Media {
    let mut size = None;
    if let Some(movie) = find(head, b"moov", 0, u64::MAX) {
        let mut at = movie.start;
        while let Some(track) = find(head, b"trak", at, movie.end) {
            at = track.end;
            if let Some(header) = find(head, b"tkhd", track.start, track.end)
                && header.end - header.start >= 84
                && let Some((width, height)) = head.be32(header.end - 8).zip(head.be32(header.end - 4))
                && width >> 16 > 0
            {
                size = Some((width >> 16, height >> 16));
                break;
            }
        }
    }
    let mut media = media.sized(size);
    media.animated = true;
    media
}

const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK: u32 = 0xae;
const VIDEO: u32 = 0xe0;
const WIDTH: u32 = 0xb0;
const HEIGHT: u32 = 0xba;

/// RFC 8794 and RFC 9559: the document type tells `WebM` from Matroska.
pub(super) fn matroska<R: Read + Seek>(head: &mut Head<R>) -> Option<Media> {
    let (_, start, end) = element(head, 0)?;
    let (mut at, mut name) = (start, Vec::new());
    while at < end {
        let (id, from, to) = element(head, at)?;
        if id == DOC_TYPE {
            name = head.at(from, usize::try_from(to - from).ok().filter(|length| *length <= 16)?)?;
        }
        at = to;
    }
    let mut media = match name.split(|byte| *byte == 0).next()? {
        b"webm" => Media::of("video/webm", "webm"),
        b"matroska" => Media::of("video/x-matroska", "mkv"),
        _ => return None,
    };
    media.animated = true;
    let size = video(head, end);
    Some(media.sized(size))
}

fn video<R: Read + Seek>(head: &mut Head<R>, at: u64) -> Option<(u32, u32)> {
    let segment = child(head, SEGMENT, at, u64::MAX)?;
    let tracks = child(head, TRACKS, segment.0, segment.1)?;
    let mut at = tracks.0;
    while let Some(track) = child(head, TRACK, at, tracks.1) {
        at = track.1;
        let Some(video) = child(head, VIDEO, track.0, track.1) else { continue };
        let (width, height) = (child(head, WIDTH, video.0, video.1)?, child(head, HEIGHT, video.0, video.1)?);
        return Some((number(head, width)?, number(head, height)?));
    }
    None
}

fn child<R: Read + Seek>(head: &mut Head<R>, wanted: u32, start: u64, end: u64) -> Option<(u64, u64)> {
    let mut at = start;
    while at < end {
        let (id, from, to) = element(head, at)?;
        if id == wanted {
            return Some((from, to));
        }
        at = to;
    }
    None
}

/// Id, start and end of the element at `at`; an unknown length reaches as far as it can.
fn element<R: Read + Seek>(head: &mut Head<R>, at: u64) -> Option<(u32, u64, u64)> {
    let bytes = head.some(at, 12)?;
    let id_length = bytes.first()?.leading_zeros() as usize + 1;
    if id_length > 4 {
        return None;
    }
    let id = bytes.get(..id_length)?.iter().fold(0_u32, |id, byte| id << 8 | u32::from(*byte));
    let first = *bytes.get(id_length)?;
    let length = first.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let mask = if length == 8 { 0 } else { first & (0xff >> length) };
    let rest = bytes.get(id_length + 1..id_length + length)?;
    let size = rest.iter().fold(u64::from(mask), |size, byte| size << 8 | u64::from(*byte));
    let unknown = (1_u64 << (7 * length)) - 1;
    let start = at.checked_add((id_length + length) as u64)?;
    let end = if size == unknown { u64::MAX } else { start.checked_add(size)? };
    Some((id, start, end))
}

fn number<R: Read + Seek>(head: &mut Head<R>, (start, end): (u64, u64)) -> Option<u32> {
    let length = usize::try_from(end - start).ok().filter(|length| (1..=4).contains(length))?;
    Some(head.at(start, length)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}
