//! What things are called in a bucket: the place and the name in a key, what something new may be called, and what a name promises.

use imagepic_words::browse as words;

use crate::error::{Code, Error, Result};

/// Bytes of a key (AWS, "Naming Amazon S3 objects").
const LONGEST_KEY: usize = 1024;

/// The place something lies in: `docs/` for `docs/a.png` and for `docs/img/`.
pub(super) fn parent(key: &str) -> &str {
    let inside = key.strip_suffix('/').unwrap_or(key);
    &key[..inside.rfind('/').map_or(0, |at| at + 1)]
}

/// What it is called there: `a.png`, `img`.
pub(super) fn name(key: &str) -> &str {
    let inside = key.strip_suffix('/').unwrap_or(key);
    &inside[parent(key).len().min(inside.len())..]
}

/// What a person may call something new. What is there already may be called anything.
pub(super) fn check_new(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::new(Code::BadRequest, words::name_missing()).at("name"));
    }
    if name.split('/').any(|part| matches!(part.trim(), "" | "." | "..")) || name.chars().any(char::is_control) {
        return Err(Error::new(Code::BadRequest, words::name_bad()).at("name"));
    }
    Ok(())
}

pub(super) fn check_length(key: &str) -> Result<()> {
    if key.len() > LONGEST_KEY {
        return Err(Error::new(Code::BadRequest, words::name_too_long(key.len())).at("name"));
    }
    Ok(())
}

/// The media type a name promises: enough to choose between showing and naming it.
pub(super) fn media_type(key: &str) -> &'static str {
    let extension = name(key).rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "png" | "apng" => "image/png",
        "jpg" | "jpeg" | "jfif" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "svg" => "image/svg+xml",
        "bmp" => "image/bmp",
        "ico" => "image/x-icon",
        "tif" | "tiff" => "image/tiff",
        "heic" | "heif" => "image/heic",
        "qoi" => "image/qoi",
        "jxl" => "image/jxl",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_called_by_its_last_name_and_lies_in_the_rest() {
        for (key, place, called) in [
            ("a.png", "", "a.png"),
            ("docs/a.png", "docs/", "a.png"),
            ("docs/img/", "docs/", "img"),
            ("docs/", "", "docs"),
            ("docs//", "docs/", ""),
            ("/a", "/", "a"),
            ("../x", "../", "x"),
            ("", "", ""),
        ] {
            assert_eq!((parent(key), name(key)), (place, called), "{key:?}");
        }
    }

    #[test]
    fn a_new_name_is_one_that_every_program_reads_the_same_way() {
        for good in ["a", "设计稿", "a b", "2026/11", "...", "<script>"] {
            assert!(check_new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a//b", "a/../b", "/a", "a\nb", "a/ /b"] {
            assert!(check_new(bad).is_err(), "{bad:?}");
        }
    }
}
