//! What bytes are, without trusting their name: type, size, whether they move and whether they can run; private metadata cut out of
//! them; other pictures made of them, small ones among them.
//!
//! Everything here is pure and meets hostile bytes: reading is bounded, nothing panics, and pictures are decoded under limits, for a
//! thumbnail and where another picture is wanted of them. What a destination takes, and what is done about metadata that cannot be
//! cut, is decided elsewhere.

pub mod convert;
mod exif;
mod sniff;
mod strip;
mod thumbnail;
mod whole;

pub use sniff::{sniff, sniff_reader};
pub use strip::{Behind, Outcome, What, behind, strip_metadata};
pub use thumbnail::{DRAWING, Error, Small, drawing, thumbnail};
pub use whole::breaks_off;

/// What bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Registered media type, for instance `image/png`.
    pub mime: &'static str,
    /// Usual file extension without dot, for instance `jpg`.
    pub ext: &'static str,
    /// Pixels as shown (orientation applied), where the head tells; never 0.
    pub width: Option<u32>,
    /// Pixels as shown, where the head tells; never 0.
    pub height: Option<u32>,
    /// More than one frame.
    pub animated: bool,
    /// How many of its pixels lie side by side in one of a page's: 2 for a PNG that says it was taken on a dense screen, otherwise 1.
    pub density: u8,
    /// Can run scripts in a browser (SVG, HTML): to be served as an attachment.
    pub active: bool,
}

impl Media {
    /// A picture, moving ones (GIF, APNG) included and films excluded.
    #[must_use]
    pub fn is_image(&self) -> bool {
        self.mime.starts_with("image/")
    }

    /// A film.
    #[must_use]
    pub fn is_video(&self) -> bool {
        self.mime.starts_with("video/")
    }

    const fn of(mime: &'static str, ext: &'static str) -> Self {
        Self { mime, ext, width: None, height: None, animated: false, density: 1, active: false }
    }

    fn sized(mut self, size: Option<(u32, u32)>) -> Self {
        if let Some((width, height)) = size.filter(|(width, height)| *width > 0 && *height > 0) {
            (self.width, self.height) = (Some(width), Some(height));
        }
        self
    }
}
