//! What a destination does to images, in text. An empty value is "as they are".

use imagepic_words::settings as words;

use super::{BOOLS, wrong};
use crate::destination::{Convert, Images, LONGEST_SIDE};
use crate::error::{Code, Error, Result};

/// The word for no conversion.
const NONE: &str = "none";

/// Words for `convert`.
pub(super) const FORMATS: &[&str] = &["none", "png", "jpeg", "webp", "avif"];

pub(super) fn get(images: &Images, field: &str) -> Option<String> {
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    Some(match field {
        "strip_metadata" => images.strip_metadata.to_string(),
        "convert" => images.convert.map_or(NONE, Convert::word).to_owned(),
        "quality" => number(images.quality.map(u32::from)),
        "max_width" => number(images.max_width),
        "max_height" => number(images.max_height),
        "squeeze" => images.squeeze.to_string(),
        _ => return None,
    })
}

/// `None` where the field is none of an image's.
pub(super) fn set(images: &mut Images, key: &str, field: &str, value: &str) -> Option<Result<()>> {
    let bool = || value.parse::<bool>().map_err(|_| wrong(key, BOOLS, value));
    let number = |most: u32| {
        if value.is_empty() {
            return Ok(None);
        }
        let number = value.parse::<u32>().ok().filter(|number| (1..=most).contains(number));
        number.map(Some).ok_or_else(|| Error::new(Code::BadRequest, words::bad_number(key, 1, most, value)))
    };
    let convert = || match value {
        NONE | "" => Ok(None),
        word => Convert::named(word).map(Some).ok_or_else(|| wrong(key, FORMATS.join(" | "), value)),
    };
    Some(match field {
        "strip_metadata" => bool().map(|on| images.strip_metadata = on),
        "convert" => convert().map(|format| images.convert = format),
        "quality" => number(100).map(|quality| images.quality = quality.and_then(|quality| u8::try_from(quality).ok())),
        "max_width" => number(LONGEST_SIDE).map(|side| images.max_width = side),
        "max_height" => number(LONGEST_SIDE).map(|side| images.max_height = side),
        "squeeze" => bool().map(|on| images.squeeze = on),
        _ => return None,
    })
}
