//! What is handed to whoever writes AVIF: its encoder is large and slow, and runs in a process of its own, behind two pipes.
//!
//! An [`Order`] says what the pixels are and what is wanted of them; the pixels follow it, row by row, each channel in the byte order of
//! the machine; back comes the whole file, or nothing. What stays out: the encoder, and how its process is started.

use std::io::{self, Read, Write};
use std::time::Duration;

/// Argument by which the console program becomes the encoder. No person types it.
pub const COMMAND: &str = "__avif";
/// Pixels of the largest picture that is made into AVIF: its encoder takes up to thirty bytes for each of them.
pub const PIXELS: u64 = 36_000_000;
/// Up to so many pixels the colours of what came without loss stay as fine as its light; above, that would cost memory nobody sees.
pub(super) const FINE: u64 = 12_000_000;
/// Bytes for each pixel that the encoder was seen to take, with and without fine colours, and a bit more.
const TAKEN: (u64, u64) = (30, 22);
/// First bytes of an order. Another number is another imagepic.
const MARK: [u8; 16] = *b"imagepic avif 1\n";
/// The longest profile, and the longest EXIF data, in bytes.
const LONGEST: u32 = 16 << 20;

/// Why nothing came of an order.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
/// Makes a file of pixels.
pub type Coder<'a> = dyn Fn(&Order, Vec<u8>) -> Result<Vec<u8>, Cause> + 'a;

/// What is to be made, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Pixels, up to [`PIXELS`] in all.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Grey; grey and alpha; red, green and blue; these and alpha.
    pub channels: u8,
    /// Sixteen bits a channel instead of eight.
    pub deep: bool,
    /// 1 to 100.
    pub quality: u8,
    /// Colours as fine as light (4:4:4 instead of 4:2:0).
    pub fine: bool,
    /// ICC profile of the colours.
    pub profile: Option<Vec<u8>>,
    /// EXIF data, from its byte order on.
    pub exif: Option<Vec<u8>>,
}

impl Order {
    /// Bytes of a row of pixels.
    #[must_use]
    pub fn row(&self) -> usize {
        self.width as usize * usize::from(self.channels) * if self.deep { 2 } else { 1 }
    }

    /// The most memory that making it takes, in bytes, beside the pixels that are there already.
    #[must_use]
    pub fn memory(width: u32, height: u32, fine: bool) -> u64 {
        let each = if fine { TAKEN.0 } else { TAKEN.1 };
        (16 << 20) + u64::from(width) * u64::from(height) * each
    }

    /// The longest that making it may take: a minute, and one more for each million pixels, begun ones included. On two cores photos were
    /// seen to take a fiftieth of that, and the worst there is (noise with transparency, of the best quality) a fifth.
    #[must_use]
    pub fn limit(&self) -> Duration {
        let millions = (u64::from(self.width) * u64::from(self.height)).div_ceil(1_000_000);
        Duration::from_secs(60 * (1 + millions))
    }

    /// Writes the order; the pixels are to follow.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        let mut head = MARK.to_vec();
        head.extend(self.width.to_le_bytes());
        head.extend(self.height.to_le_bytes());
        head.extend([self.channels, u8::from(self.deep), self.quality, u8::from(self.fine)]);
        for extra in [&self.profile, &self.exif] {
            let extra = extra.as_deref().unwrap_or_default();
            head.extend(u32::try_from(extra.len()).unwrap_or(u32::MAX).to_le_bytes());
            head.extend(extra);
        }
        out.write_all(&head)
    }

    /// Reads what [`write`](Self::write) wrote, and no byte more.
    ///
    /// # Errors
    /// Those of `from`; `InvalidData` for what is no order.
    pub fn read(mut from: impl Read) -> io::Result<Self> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "this is no order of this version of imagepic");
        let mut head = [0; MARK.len() + 12];
        from.read_exact(&mut head)?;
        let [rest @ .., channels, deep, quality, fine] = head;
        let number = |at: usize| u32::from_le_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        let (width, height) = (number(MARK.len()), number(MARK.len() + 4));
        let pixels = u64::from(width) * u64::from(height);
        if rest[..MARK.len()] != MARK || !(1..=PIXELS).contains(&pixels) || !(1..=4).contains(&channels) || deep > 1 || fine > 1 {
            return Err(wrong());
        }
        let mut extra = || -> io::Result<Option<Vec<u8>>> {
            let mut length = [0; 4];
            from.read_exact(&mut length)?;
            let length = u32::from_le_bytes(length);
            if length > LONGEST {
                return Err(wrong());
            }
            let mut bytes = vec![0; length as usize];
            from.read_exact(&mut bytes)?;
            Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
        };
        let (profile, exif) = (extra()?, extra()?);
        Ok(Self { width, height, channels, deep: deep == 1, quality: quality.clamp(1, 100), fine: fine == 1, profile, exif })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_arrives_as_it_was_given_and_nothing_else_is_taken_for_one() {
        let order = Order {
            width: 7,
            height: 5,
            channels: 4,
            deep: true,
            quality: 80,
            fine: false,
            profile: Some(vec![1, 2, 3]),
            exif: None,
        };
        let mut bytes = Vec::new();
        order.write(&mut bytes).expect("written");
        bytes.extend(b"pixels");
        let mut from = bytes.as_slice();
        assert_eq!(Order::read(&mut from).expect("read"), order);
        assert_eq!((from, order.row()), (&b"pixels"[..], 7 * 4 * 2));
        for (at, byte) in [(0, b'I'), (14, b'2'), (19, 200), (24, 0), (24, 5), (25, 2), (31, 255)] {
            let mut other = bytes.clone();
            other[at] = byte;
            assert!(Order::read(other.as_slice()).is_err(), "{byte} at {at}");
        }
        assert!(Order::read(&bytes[..20]).is_err());
    }
}
