//! What was done to an image on its way: as the journal keeps it, and as people read it.

use imagepic_media::convert::{Format, Kept, Loss, Made as New};
use imagepic_words::{Lang, Text, images as words};
use serde::{Deserialize, Serialize};

use super::Kind;
use crate::destination::Convert;
use crate::event::ImageWork;
use crate::intake::bytes as told;

/// What was done to an image, or why nothing was. Stands in the journal as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Made {
    /// The format it has now, if another than before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub converted: Option<Convert>,
    /// Its pixels now, if fewer than before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resized: Option<(u32, u32)>,
    /// It was repacked without changing a pixel.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub squeezed: bool,
    /// What it was, where it was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<Was>,
    /// It may still say where and with what it was taken, though that was not wanted; the notices say why.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// It breaks off before its end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub damaged: bool,
    /// What somebody has to be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Text>,
}

/// An image before it was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Was {
    /// Bytes.
    pub size: u64,
    /// Media type.
    #[serde(rename = "type")]
    pub content_type: String,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
}

impl Made {
    /// A file that is another one now.
    pub(super) fn of(new: &New, was: &Kind, size: u64) -> Self {
        let converts = new.format.mime() != was.content_type;
        let format = name(new.format.mime());
        let lost = |loss: &Loss| match loss {
            Loss::Depth if new.format == Format::Avif => words::lost_depth_ten(format),
            Loss::Depth => words::lost_depth(format),
            Loss::Transparency => words::lost_transparency(format),
            Loss::Profile => words::lost_profile(format),
        };
        Self {
            converted: converts.then(|| Convert::of(new.format)),
            resized: new.resized.then_some((new.width, new.height)),
            squeezed: new.squeezed,
            was: Some(Was { size, content_type: was.content_type.to_string(), width: was.width, height: was.height }),
            private: false,
            damaged: false,
            notices: new.losses.iter().map(lost).collect(),
        }
    }

    /// A file that stays what it is.
    pub(super) fn kept(kept: &Kept, kind: &Kind, size: u64) -> Self {
        let notice = match kept {
            Kept::Animated => words::kept_animated(),
            Kept::Vector => words::kept_vector(),
            Kept::Format(mime) => words::kept_format(name(mime)),
            Kept::Several => words::kept_several(),
            Kept::Print => words::kept_print(),
            Kept::Colours => words::kept_colours(),
            Kept::TooLarge => {
                let pixels = u64::from(kind.width.unwrap_or_default()) * u64::from(kind.height.unwrap_or_default());
                words::kept_too_large(pixels.div_ceil(1_000_000), told(size))
            }
            Kept::TooManyFor(format, most) => words::kept_too_many(name(format.mime()), most / 1_000_000),
            Kept::TooLargeFor(format) => words::kept_too_long(name(format.mime())),
            Kept::NotSmaller(after) => words::kept_not_smaller(told(*after), told(size)),
        };
        Self { notices: vec![notice], ..Self::default() }
    }

    /// For people; `size` is what it has now.
    #[must_use]
    pub fn view(&self, size: u64, lang: Lang) -> ImageWork {
        let summary = self.was.as_ref().map(|was| {
            let mut how = Vec::new();
            how.extend(self.converted.map(|format| name(format.media().mime()).to_owned()));
            how.extend(self.resized.map(|(width, height)| format!("{width} × {height}")));
            how.extend(self.squeezed.then(|| words::squeezed().to(lang)));
            let (before, after) = (told(was.size), told(size));
            if how.is_empty() {
                words::saved(before, after).to(lang)
            } else {
                words::saved_how(before, after, how.join(if lang == Lang::ZhCn { "，" } else { ", " })).to(lang)
            }
        });
        let was = self.was.as_ref();
        ImageWork {
            summary,
            was_size: was.map(|was| was.size),
            was_type: was.map(|was| was.content_type.clone()),
            was_width: was.and_then(|was| was.width),
            was_height: was.and_then(|was| was.height),
            converted: self.converted,
            resized: self.resized.is_some(),
            squeezed: self.squeezed,
            damaged: self.damaged,
            notices: self.notices.iter().map(|notice| notice.to(lang)).collect(),
        }
    }
}

/// A format as people call it.
pub(crate) fn name(mime: &str) -> &str {
    match mime {
        "image/svg+xml" => "SVG",
        "image/vnd.microsoft.icon" => "ICO",
        "image/webp" => "WebP",
        "image/jpeg" => "JPEG",
        "image/png" => "PNG",
        "image/gif" => "GIF",
        "image/tiff" => "TIFF",
        "image/avif" => "AVIF",
        "image/heic" => "HEIC",
        "image/jxl" => "JPEG XL",
        "image/bmp" => "BMP",
        "image/qoi" => "QOI",
        other => other,
    }
}

impl Convert {
    /// The one the picture library means.
    pub(crate) const fn of(format: Format) -> Self {
        match format {
            Format::Png => Self::Png,
            Format::Jpeg => Self::Jpeg,
            Format::WebP => Self::Webp,
            Format::Avif => Self::Avif,
        }
    }

    /// As the picture library calls it.
    pub(crate) const fn media(self) -> Format {
        match self {
            Self::Png => Format::Png,
            Self::Jpeg => Format::Jpeg,
            Self::Webp => Format::WebP,
            Self::Avif => Format::Avif,
        }
    }
}
