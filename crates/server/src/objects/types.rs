//! Which bytes are taken, and as what.

use imagepic_media::{Media, sniff};

/// How much of the beginning tells what the bytes are, where the first look does not.
pub(crate) const HEAD: usize = 64 * 1024;
const SVG: &str = "image/svg+xml";
/// What cannot run but is no picture a browser shows: to be saved, not opened.
const UNKNOWN: &str = "application/octet-stream";

/// What is taken beside raster images.
#[derive(Debug, Clone, Default)]
pub(crate) struct Types(Vec<String>);

/// As what an object is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Media type.
    pub(crate) mime: String,
    /// Where it must not be opened in a browser.
    pub(crate) disposition: Option<&'static str>,
}

impl Types {
    /// With what the configuration adds: `video/mp4`, `video/*`.
    pub(crate) fn new(more: &[String]) -> Self {
        Self(more.iter().map(|one| one.trim().to_ascii_lowercase()).filter(|one| !one.is_empty()).collect())
    }

    /// As what bytes that begin so are kept; `None` for bytes that are not taken.
    pub(crate) fn of(&self, head: &[u8]) -> Option<Kept> {
        match sniff(head) {
            Some(Media { mime, .. }) => self.kept(mime),
            None if !head.is_empty() => self.kept(UNKNOWN),
            None => None,
        }
    }

    /// The same for a type that is known by name.
    pub(crate) fn kept(&self, mime: &str) -> Option<Kept> {
        let mime = mime.trim().to_ascii_lowercase();
        // Configuration cannot open this door: a page would run in the name of whoever serves it.
        let runs = ["html", "xml", "script"].iter().any(|active| mime.contains(active)) && mime != SVG;
        let taken = (mime.starts_with("image/") && mime.len() > "image/".len()) || self.0.iter().any(|more| covers(more, &mime));
        let plain = mime.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/+-._".contains(&byte));
        let saved = mime == SVG || mime == UNKNOWN;
        (taken && plain && !runs).then(|| Kept { mime, disposition: saved.then_some("attachment") })
    }
}

fn covers(rule: &str, mime: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(family) if family.ends_with('/') => mime.starts_with(family),
        _ => rule == mime,
    }
}

/// Whether a browser may show it where it is served: pictures, sound and films that cannot run.
pub(crate) fn is_shown(mime: &str) -> bool {
    let essence = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    ["image/", "video/", "audio/"].iter().any(|family| essence.starts_with(family))
        && !essence.contains("xml")
        && !essence.contains("html")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
    const SVG_TEXT: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";

    #[test]
    fn pages_never_come_in_whatever_they_call_themselves_and_whatever_is_configured() {
        let open = Types::new(&["text/html".to_owned(), "text/*".to_owned(), "application/xhtml+xml".to_owned(), "*".to_owned()]);
        for types in [&open, &Types::default()] {
            assert_eq!(types.of(b"<!DOCTYPE html><html><script>alert(1)</script></html>"), None);
            for mime in ["text/html", "TEXT/HTML", "application/xhtml+xml", "text/javascript", "text/xml"] {
                assert_eq!(types.kept(mime), None, "{mime}");
            }
        }
    }

    #[test]
    fn pictures_are_kept_as_what_they_are_and_drawings_that_can_run_are_only_saved() {
        let types = Types::default();
        assert_eq!(types.of(PNG), Some(Kept { mime: "image/png".to_owned(), disposition: None }));
        assert_eq!(types.of(SVG_TEXT), Some(Kept { mime: SVG.to_owned(), disposition: Some("attachment") }));
        for other in [&b""[..], b"abc", b"%PDF-1.7", b"MZ\x90"] {
            assert_eq!(types.of(other), None);
        }
        let more = Types::new(&["application/pdf".to_owned(), UNKNOWN.to_owned()]);
        assert_eq!(more.of(b"%PDF-1.7").expect("configured").mime, "application/pdf");
        assert_eq!(more.of(b"abc").expect("configured").disposition, Some("attachment"));
        assert_eq!(more.of(b""), None);
        assert_eq!(types.kept("image/png\r\nx: y"), None);
    }
}
