//! What stands in the headers of an upload: which part is the file, what it is called, and where it shall lie.

use std::borrow::Cow;

use http::HeaderMap;
use imagepic_net::header::{extended, parameters};
use percent_encoding::percent_decode;

/// A part, by its headers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// The field's name.
    pub(crate) field: Option<String>,
    /// The last component of the file's name; `Err` for one that is no UTF-8, `None` for a field that is no file.
    pub(crate) file: Option<Result<String, NotText>>,
}

/// Bytes that are no UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotText;

impl Part {
    /// Reads `Content-Disposition` (RFC 7578, 4.2); anything else is of no interest.
    pub(crate) fn read(head: &[u8]) -> Self {
        // Bytes that are no UTF-8 survive as the letters of the same number, and are found again below.
        let text = match std::str::from_utf8(head) {
            Ok(text) => (Cow::Borrowed(text), true),
            Err(_) => (head.iter().copied().map(char::from).collect(), false),
        };
        let (text, is_text) = text;
        let disposition = text.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
        });
        let Some((kind, rest)) = disposition.and_then(|value| value.split_once(';')) else { return Self::default() };
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return Self::default();
        }
        let parameters = parameters(rest);
        let find = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let extended = find("filename*").and_then(|value| extended(value));
        let file = match (extended, find("filename")) {
            (Some(name), _) => Some(Ok(name)),
            (None, Some(name)) if is_text || name.is_ascii() => Some(Ok(name.clone())),
            (None, Some(_)) => Some(Err(NotText)),
            (None, None) => None,
        };
        Self { field: find("name").cloned(), file: file.map(|name| name.map(|name| last_component(&name).to_owned())) }
    }
}

/// Both kinds of slash: some browsers send the whole path of the computer the file came from.
fn last_component(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// The folder of the request's headers, without one slash at its end; empty for none. Raw UTF-8, or percent-encoded where the request
/// says so.
pub(crate) fn folder(headers: &HeaderMap) -> Result<String, NotText> {
    let raw = headers.get("folder").map(http::HeaderValue::as_bytes).unwrap_or_default();
    let encoded = headers.get("x-imagepic-encoding").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"percent"));
    let folder = if encoded {
        percent_decode(raw).decode_utf8().map_err(|_| NotText)?.into_owned()
    } else {
        std::str::from_utf8(raw).map_err(|_| NotText)?.to_owned()
    };
    Ok(folder.strip_suffix('/').unwrap_or(&folder).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(disposition: &str) -> Option<Result<String, NotText>> {
        Part::read(format!("Content-Type: image/png\r\ncontent-disposition:{disposition}").as_bytes()).file
    }

    #[test]
    fn a_file_is_called_by_the_last_part_of_whatever_name_came() {
        for (disposition, wanted) in [
            (r#" form-data; name="file"; filename="a.png""#, "a.png"),
            (r#"form-data;name=file;filename=a.png"#, "a.png"),
            (r#" form-data; name="file"; filename="../../evil.png""#, "evil.png"),
            (r#" form-data; name="file"; filename="C:\pics\a b.png""#, "a b.png"),
            (r#" form-data; name="file"; filename="a\"b\\c.png""#, "c.png"),
            (r#" form-data; name="file"; filename="a\"b.png""#, "a\"b.png"),
            (r#" form-data; name="file"; filename="截图 1.png""#, "截图 1.png"),
            (r#" form-data; name="file"; filename="x.png"; filename*=UTF-8''dir%2F%E6%88%AA%E5%9B%BE.png"#, "截图.png"),
            (r#" form-data; name="file"; filename*=utf-8'en'a%5Cb.png; filename="x.png""#, "b.png"),
            (r#" form-data; name="file"; filename*=iso-8859-1''%FC.png"#, "ü.png"),
            (r#" form-data; name="file"; filename*=what''%FC.png; filename="x.png""#, "x.png"),
            (r#" form-data; name="file"; filename="a;b=c.png""#, "a;b=c.png"),
            (r#" form-data; name="file"; filename="""#, ""),
            (r#" form-data; name="file"; filename="..""#, ".."),
            (r#" form-data; odd; name="file"; filename="a.png""#, "a.png"),
        ] {
            assert_eq!(file(disposition), Some(Ok(wanted.to_owned())), "{disposition}");
        }
        assert_eq!(file(r#" form-data; name="file""#), None, "a field, not a file");
        assert_eq!(file(r#" attachment; name="file"; filename="a.png""#), None);
        let latin = b"Content-Disposition: form-data; name=\"file\"; filename=\"\xfc.png\"";
        assert_eq!(Part::read(latin), Part { field: Some("file".to_owned()), file: Some(Err(NotText)) });
    }

    #[test]
    fn a_folder_is_decoded_only_where_the_request_says_so() {
        let read = |folder_: &[u8], encoding: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert("folder", http::HeaderValue::from_bytes(folder_).expect("a header"));
            encoding.map(|encoding| headers.insert("x-imagepic-encoding", encoding.parse().expect("a header")));
            folder(&headers)
        };
        assert_eq!(read("截图".as_bytes(), None), Ok("截图".to_owned()));
        assert_eq!(read(b"%E6%88%AA/", None), Ok("%E6%88%AA".to_owned()));
        assert_eq!(read(b"%E6%88%AA%E5%9B%BE/a", Some("Percent")), Ok("截图/a".to_owned()));
        assert_eq!(read(b"a//", None), Ok("a/".to_owned()), "one slash, not two");
        assert_eq!(read(b"\xfc", None), Err(NotText));
        assert_eq!(read(b"%FC", Some("percent")), Err(NotText));
        assert_eq!(folder(&HeaderMap::new()), Ok(String::new()));
    }

    proptest::proptest! {
        #[test]
        fn no_header_brings_the_reader_down(head in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), tail in "[a-z;=\"\\\\* ]{0,60}") {
            Part::read(&head);
            Part::read(format!("Content-Disposition: form-data;{tail}").as_bytes());
        }
    }
}
