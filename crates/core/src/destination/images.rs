//! What a destination wants done to images on the way.

use imagepic_words::images as words;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// The longest side that can be asked for, in pixels.
pub const LONGEST_SIDE: u32 = 65_500;
/// The quality where none is set, of 100.
pub const USUAL_QUALITY: u8 = imagepic_media::convert::QUALITY;

/// What is done to images on the way. Never to what moves or is drawn by lines, and nothing is kept that is no smaller than before;
/// both are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(export)]
pub struct Images {
    /// Cut position and camera data (EXIF, XMP) out of JPEG, WebP and PNG, without touching a pixel.
    pub strip_metadata: bool,
    /// The format they go as; `None`: the one they have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub convert: Option<Convert>,
    /// Of JPEG, WebP and AVIF, 1 to 100; WebP is lossless at 100. `None`: [`USUAL_QUALITY`] for what has to be made anew, and nothing is made
    /// anew for the quality's sake.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub quality: Option<u8>,
    /// Pixels at most, up to [`LONGEST_SIDE`]. Nothing is enlarged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub max_width: Option<u32>,
    /// Pixels at most, up to [`LONGEST_SIDE`].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub max_height: Option<u32>,
    /// Repack PNG without changing a pixel.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub squeeze: bool,
}

/// What images can be converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "lowercase")]
#[ts(export)]
pub enum Convert {
    /// Lossless.
    Png,
    /// Without transparency.
    Jpeg,
    /// Lossy below a quality of 100.
    Webp,
    /// Lossy; takes seconds.
    Avif,
}

impl Convert {
    /// Every one of them by the word it has in settings.
    pub const ALL: [(&'static str, Self); 4] =
        [("png", Self::Png), ("jpeg", Self::Jpeg), ("webp", Self::Webp), ("avif", Self::Avif)];

    /// By its word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(name, _)| *name == word).map(|(_, convert)| convert)
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
            Self::Avif => "avif",
        }
    }
}

impl Default for Images {
    fn default() -> Self {
        Self { strip_metadata: true, convert: None, quality: None, max_width: None, max_height: None, squeeze: false }
    }
}

impl Images {
    /// Whether all numbers are within their bounds.
    ///
    /// # Errors
    /// `BadRequest` at `quality`, `max_width` or `max_height`.
    pub fn check(&self) -> Result<()> {
        if let Some(quality) = self.quality.filter(|quality| !(1..=100).contains(quality)) {
            return Err(Error::new(Code::BadRequest, words::quality_bad(quality)).at("quality"));
        }
        for (field, side) in [("max_width", self.max_width), ("max_height", self.max_height)] {
            if let Some(side) = side.filter(|side| !(1..=LONGEST_SIDE).contains(side)) {
                return Err(Error::new(Code::BadRequest, words::side_bad(LONGEST_SIDE, side)).at(field));
            }
        }
        Ok(())
    }
}
