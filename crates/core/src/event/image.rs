//! What was done to an image on its way, as people see it.

use serde::Serialize;

use crate::destination::Convert;

/// What was done to an image, or why nothing was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct ImageWork {
    /// "412 kB → 96 kB, WebP, 2000 × 1333"; `None` where it stayed as it was.
    pub summary: Option<String>,
    /// Bytes before, where it was changed.
    pub was_size: Option<u64>,
    /// Media type before.
    pub was_type: Option<String>,
    /// Pixels before.
    pub was_width: Option<u32>,
    /// Pixels before.
    pub was_height: Option<u32>,
    /// The format it was converted to.
    pub converted: Option<Convert>,
    /// It has fewer pixels.
    pub resized: bool,
    /// It was repacked without changing a pixel.
    pub squeezed: bool,
    /// The picture breaks off before its end; the notices say so too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub damaged: bool,
    /// What there is to know: why it was left as it is, what could not be kept, what it may still tell about its taker.
    pub notices: Vec<String>,
}
