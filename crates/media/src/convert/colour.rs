//! What of a file's colours a new file could not say, and whether it is whole, by its structure alone.

/// What a JPEG is made for.
pub(super) enum Jpeg {
    /// A screen.
    Plain,
    /// Print: four colours.
    Print,
    /// It has no end.
    Truncated,
}

/// ITU-T T.81, annex B: components of the frame, and an end behind the first scan.
pub(super) fn jpeg(bytes: &[u8]) -> Jpeg {
    let mut at = 2;
    let mut print = false;
    loop {
        let Some(&[mark, kind]) = bytes.get(at..at + 2) else { return Jpeg::Truncated };
        if mark != 0xff {
            return Jpeg::Truncated;
        }
        match kind {
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            0xd9 => return Jpeg::Truncated,
            0xda => break,
            _ => {
                let Some(length) = bytes.get(at + 2..at + 4) else { return Jpeg::Truncated };
                if matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc) {
                    print = bytes.get(at + 9) == Some(&4);
                }
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
        }
    }
    // Inside a scan these two bytes never stand beside each other; an end in a preview lies before the first scan.
    let ends = bytes[at..].windows(2).rev().any(|pair| pair == [0xff, 0xd9]);
    match (ends, print) {
        (false, _) => Jpeg::Truncated,
        (true, true) => Jpeg::Print,
        (true, false) => Jpeg::Plain,
    }
}

/// What the blocks of a GIF say.
pub(super) enum Gif {
    /// One picture.
    Still,
    /// Several, which a first glance at a long one does not see.
    Moves,
    /// It has no end.
    Truncated,
}

/// GIF89a, section 15 and following: all blocks, to the trailer. Where only that is missing, everything is there.
pub(super) fn gif(bytes: &[u8]) -> Gif {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3_usize << ((flags & 7) + 1) };
    let mut at = 13 + bytes.get(10).copied().map_or(0, table);
    let mut pictures = 0;
    loop {
        at += match bytes.get(at) {
            Some(0x21) => 2,
            Some(0x2c) => {
                pictures += 1;
                let Some(flags) = bytes.get(at + 9) else { return Gif::Truncated };
                11 + table(*flags)
            }
            Some(0x3b) => break,
            None if at == bytes.len() && pictures > 0 => break,
            _ => return Gif::Truncated,
        };
        loop {
            match bytes.get(at) {
                Some(0) => break at += 1,
                Some(length) => at += 1 + usize::from(*length),
                None => return Gif::Truncated,
            }
        }
    }
    match pictures {
        0 => Gif::Truncated,
        1 => Gif::Still,
        _ => Gif::Moves,
    }
}

/// Chunks before the pixels: name and content.
fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut at = 8_usize;
    std::iter::from_fn(move || {
        let head: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        let length = usize::try_from(u32::from_be_bytes([head[0], head[1], head[2], head[3]])).ok()?;
        let name = [head[4], head[5], head[6], head[7]];
        let body = bytes.get(at + 8..(at + 8).checked_add(length)?)?;
        at = at.checked_add(length)?.checked_add(12)?;
        (name != *b"IDAT" && name != *b"IEND").then_some((name, body))
    })
}

/// Colours that are said neither by a profile nor to be sRGB: code points (`cICP`), or a gamma of their own.
pub(super) fn png_has_own_colours(bytes: &[u8]) -> bool {
    let (mut profile, mut gamma, mut points) = (false, false, false);
    for (name, body) in png_chunks(bytes) {
        match &name {
            b"iCCP" | b"sRGB" => profile = true,
            // 1/2.2 is what sRGB is close to, in hundred thousandths.
            b"gAMA" => {
                let value = body.try_into().map(u32::from_be_bytes).unwrap_or_default();
                gamma = !(43_000..=48_000).contains(&value);
            }
            // ITU-T H.273: primaries 1 are those of sRGB, transfer 13 is its curve.
            b"cICP" => points = body.get(..2) != Some(&[1, 13]),
            _ => {}
        }
    }
    points || gamma && !profile
}

/// More than 8 bits a colour.
pub(super) fn is_deep(bytes: &[u8], mime: &str) -> bool {
    match mime {
        "image/png" => bytes.get(24) == Some(&16),
        "image/tiff" => true,
        _ => false,
    }
}

/// RFC 9649: a lossless picture is in a chunk of its own kind.
pub(super) fn is_lossless_webp(bytes: &[u8]) -> bool {
    let mut at = 12_usize;
    while let Some(head) = bytes.get(at..at.saturating_add(8)) {
        match &head[..4] {
            b"VP8L" => return true,
            b"VP8 " => return false,
            _ => {}
        }
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let Ok(length) = usize::try_from(length) else { return false };
        at = at.saturating_add(8).saturating_add(length).saturating_add(length & 1);
    }
    false
}

/// TIFF 6.0: a second directory behind the first.
pub(super) fn has_pages(bytes: &[u8]) -> bool {
    let little = bytes.starts_with(b"II");
    let word = |at: usize| {
        let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    };
    let next = || {
        let directory = usize::try_from(word(4)?).ok()?;
        let two: [u8; 2] = bytes.get(directory..directory.checked_add(2)?)?.try_into().ok()?;
        let entries = if little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) };
        word(directory.checked_add(2 + 12 * usize::from(entries))?)
    };
    next().is_some_and(|next| next != 0)
}

/// The space a profile describes (ICC.1:2022, 7.2.6), for instance `RGB `.
pub(super) fn space(profile: &[u8]) -> Option<&[u8]> {
    profile.get(16..20)
}
