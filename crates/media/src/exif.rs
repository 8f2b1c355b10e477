//! The one thing of EXIF that pictures need: which way is up (TIFF 6.0 tag 274, EXIF 2.32 §4.6.4).

/// `Exif\0\0`, before the TIFF structure in JPEG.
pub(crate) const MARK: &[u8] = b"Exif\0\0";

/// The orientation in a TIFF structure, 1 to 8; 1 where there is none or it cannot be read.
pub(crate) fn orientation(tiff: &[u8]) -> u8 {
    read(tiff).unwrap_or(1)
}

fn read(tiff: &[u8]) -> Option<u8> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let u32_at = |at: usize| {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let ifd = usize::try_from(u32_at(4)?).ok()?;
    for entry in 0..usize::from(u16_at(ifd)?) {
        let at = ifd.checked_add(2 + entry * 12)?;
        // Type 3 is SHORT; its value stands at the start of the value field.
        if u16_at(at)? == 274 && u16_at(at + 2)? == 3 {
            return u16_at(at + 8).and_then(|value| u8::try_from(value).ok()).filter(|value| (1..=8).contains(value));
        }
    }
    None
}

/// A TIFF structure that says which way is up and nothing else.
pub(crate) fn only_orientation(orientation: u8) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    tiff.extend([orientation, 0, 0, 0, 0, 0, 0]);
    tiff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for value in 1..=8 {
            let tiff = only_orientation(value);
            assert_eq!(tiff.len(), 26);
            assert_eq!(orientation(&tiff), value);
        }
        assert_eq!(orientation(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"), 6);
        assert_eq!(orientation(b"II*\0\xff\xff\xff\xff"), 1);
        assert_eq!(orientation(&only_orientation(9)), 1);
    }
}
