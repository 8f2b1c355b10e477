//! What the list of offered types means: pure decisions on names and small texts, so that every rule can be tested without a display.
//! Fetching what these decisions ask for is [`crate::gather`]'s part; whether bytes really are an image is found out by the engine.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// Beside everything imagepic puts on a clipboard, so that any process of imagepic recognises it, even after a clipboard manager has
/// taken it over (they copy all types).
pub(crate) const OWN: &str = "application/x-imagepic-own";

const HINT: &str = "x-kde-passwordManagerHint";

/// Names that say "keep out" by being there: macOS (nspasteboard.org), Windows (Cloud Clipboard documentation).
const CONCEALED: [&str; 4] = [
    "org.nspasteboard.ConcealedType",
    "com.agilebits.onepassword",
    "ExcludeClipboardContentFromMonitorProcessing",
    "Clipboard Viewer Ignore",
];

/// Chromium puts this beside whatever a page, not the person's own program, has written.
const TAINT: &str = "chromium/x-renderer-taint";

/// In order of preference: lossless and most likely the original first. Each with its names in the wild.
const IMAGES: [(&str, &[&str]); 8] = [
    ("image/png", &["image/png", "image/x-png", "public.png", "png"]),
    ("image/jpeg", &["image/jpeg", "image/jpg", "image/pjpeg", "public.jpeg", "jfif"]),
    ("image/webp", &["image/webp", "org.webmproject.webp"]),
    ("image/gif", &["image/gif", "com.compuserve.gif", "gif"]),
    ("image/avif", &["image/avif", "public.avif"]),
    ("image/bmp", &["image/bmp", "image/x-bmp", "image/x-ms-bmp", "com.microsoft.bmp"]),
    ("image/tiff", &["image/tiff", "image/x-tiff", "public.tiff"]),
    ("image/svg+xml", &["image/svg+xml", "image/svg", "public.svg-image"]),
];

const TEXTS: [&str; 13] = [
    "text/plain",
    "utf8_string",
    "string",
    "text",
    "compound_text",
    "text/rtf",
    "text/richtext",
    "application/rtf",
    "application/x-rtf",
    "public.utf8-plain-text",
    "nsstringpboardtype",
    "public.rtf",
    "rich text format",
];

const HTMLS: [&str; 3] = ["text/html", "public.html", "html format"];

/// The offered types, sorted by what they mean. Names are kept as offered, since they are asked for by that very name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Offered {
    /// Put there by imagepic.
    pub own: bool,
    /// Concealed without asking further.
    pub concealed: bool,
    /// To be read first: `secret` means concealed.
    pub hint: Option<String>,
    /// Where a list of files can be had, best first.
    pub files: Vec<String>,
    /// (name as offered, MIME type), best first.
    pub images: Vec<(String, String)>,
    /// Plain or rich text is offered.
    pub text: bool,
    /// The name of the HTML, if any.
    pub html: Option<String>,
    /// Nothing at all is offered.
    pub empty: bool,
}

impl Offered {
    /// Sorts `targets`; unknown names (`TIMESTAMP`, `chromium/x-source-url`, …) count for nothing.
    pub(crate) fn of(targets: &[String]) -> Self {
        let bare = |name: &str| name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let find = |wanted: &str| targets.iter().find(|target| bare(target) == wanted).cloned();
        let tainted = find(TAINT).is_some();
        let files = if tainted {
            Vec::new()
        } else {
            ["text/uri-list", "x-special/gnome-copied-files"].iter().filter_map(|name| find(name)).collect()
        };
        Self {
            own: targets.iter().any(|target| target.starts_with(OWN)),
            concealed: targets.iter().any(|target| CONCEALED.contains(&target.as_str())),
            hint: targets.iter().find(|target| target.eq_ignore_ascii_case(HINT)).cloned(),
            files,
            images: IMAGES
                .iter()
                .filter_map(|(mime, names)| names.iter().find_map(|name| find(name)).map(|target| (target, (*mime).to_owned())))
                .collect(),
            text: targets.iter().any(|target| TEXTS.contains(&bare(target).as_str())),
            html: HTMLS.iter().find_map(|name| find(name)),
            empty: targets.is_empty(),
        }
    }
}

/// Local files of a `text/uri-list` (RFC 2483) or of `x-special/gnome-copied-files` (first line `copy` or `cut`), in order.
///
/// Only `file:` with no host or `localhost` and an absolute path counts (RFC 8089); anything else is left out. The second number is
/// how many addresses were left out.
pub(crate) fn file_list(bytes: &[u8]) -> (Vec<PathBuf>, usize) {
    let text = String::from_utf8_lossy(bytes);
    let mut left_out = 0;
    let paths = text
        .split(['\n', '\r', '\0'])
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#') && *line != "copy" && *line != "cut")
        .filter_map(|line| {
            let path = file_path(line);
            left_out += usize::from(path.is_none());
            path
        })
        .collect();
    (paths, left_out)
}

fn file_path(uri: &str) -> Option<PathBuf> {
    let (scheme, rest) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("file") {
        return None;
    }
    let path = match rest.strip_prefix("//") {
        Some(with_host) => {
            let (host, path) = with_host.split_at(with_host.find('/')?);
            if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
                return None;
            }
            path
        }
        None => rest,
    };
    // A query or a fragment is no part of a file name: `#` and `?` in names arrive encoded.
    let path = path.split(['?', '#']).next()?;
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    if bytes.contains(&0) {
        return None;
    }
    let path = path_of(bytes)?;
    path.is_absolute().then_some(path)
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    let text = String::from_utf8(bytes).ok()?;
    // `/C:/Users` stands for `C:/Users`; without a drive it would be a path on whatever drive is current.
    let text = text.strip_prefix('/').filter(|rest| rest.as_bytes().get(1) == Some(&b':'))?;
    Some(PathBuf::from(text))
}

/// The list for other programs, the other way round.
pub(crate) fn uri_list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("{}\r\n", file_uri(path))).collect()
}

/// What GNOME's file manager pastes from.
pub(crate) fn gnome_file_list(paths: &[PathBuf]) -> String {
    let uris: Vec<String> = paths.iter().map(|path| file_uri(path)).collect();
    format!("copy\n{}", uris.join("\n"))
}

fn file_uri(path: &std::path::Path) -> String {
    const KEPT: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');
    let encoded = percent_encoding::percent_encode(path.as_os_str().as_encoded_bytes(), &KEPT);
    // A Windows path has no root of its own: `C:\\` becomes `/C:\\`.
    let root = if cfg!(windows) { "/" } else { "" };
    format!("file://{root}{encoded}")
}

/// Whether HTML is one `<img>` and nothing else a person would see: what a browser puts beside an image it copies.
/// An office program's HTML has text, tables or styles in it and is no lone image.
pub(crate) fn is_single_image(html: &[u8]) -> bool {
    let text = decode(html);
    let mut rest = fragment(&text);
    let mut images = 0;
    while let Some(open) = rest.find('<') {
        if !is_blank(&rest[..open]) {
            return false;
        }
        rest = &rest[open..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let end = tag_end(rest);
        let name: String = rest[1..end]
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        let closing = rest[1..].starts_with('/');
        match name.as_str() {
            "img" if !closing => images += 1,
            "img" | "html" | "head" | "body" | "meta" | "a" | "span" | "div" | "p" | "picture" | "source" | "figure" | "br" => {}
            // `<!doctype html>` and `<?xml …?>` have no name of that kind.
            "" => {}
            _ => return false,
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    images == 1 && is_blank(rest)
}

/// Where the tag at the start of `text` closes; a `>` in a quoted attribute does not.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn is_blank(text: &str) -> bool {
    text.replace("&nbsp;", " ").chars().all(|letter| letter.is_whitespace() || letter == '\0')
}

/// Windows puts a header of byte offsets before the HTML ("HTML Format"); what counts lies between the two comments.
fn fragment(text: &str) -> &str {
    if !text.starts_with("Version:") {
        return text;
    }
    let start = text.find('<').unwrap_or(text.len());
    &text[start..]
}

/// UTF-8, or UTF-16 with a byte order mark, which older Firefox sends.
fn decode(bytes: &[u8]) -> String {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(names: &[&str]) -> Offered {
        Offered::of(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn png_is_taken_before_whatever_is_offered_first() {
        let found = offered(&["TARGETS", "image/bmp", "image/x-ms-bmp", "image/jpeg", "image/png", "image/tiff"]);
        let mimes: Vec<&str> = found.images.iter().map(|(_, mime)| mime.as_str()).collect();
        assert_eq!(mimes, ["image/png", "image/jpeg", "image/bmp", "image/tiff"]);
        assert!(!found.text && found.html.is_none() && found.files.is_empty());
    }

    #[test]
    fn an_odd_name_is_asked_for_by_that_name_and_reported_by_the_registered_one() {
        assert_eq!(offered(&["image/JPG"]).images, [("image/JPG".to_owned(), "image/jpeg".to_owned())]);
        assert_eq!(offered(&["image/svg+xml;charset=utf-8"]).images[0].1, "image/svg+xml");
    }

    #[test]
    fn every_form_of_text_is_seen_as_text() {
        for name in
            ["text/plain", "text/plain;charset=utf-8", "UTF8_STRING", "STRING", "COMPOUND_TEXT", "text/rtf", "application/rtf"]
        {
            assert!(offered(&["image/png", name]).text, "{name}");
        }
        assert!(!offered(&["image/png", "TIMESTAMP", "SAVE_TARGETS", "MULTIPLE", "text/html"]).text);
    }

    #[test]
    fn a_page_cannot_make_us_read_files() {
        assert!(offered(&["text/uri-list", "chromium/x-renderer-taint"]).files.is_empty());
        assert_eq!(offered(&["x-special/gnome-copied-files", "text/uri-list"]).files[0], "text/uri-list");
    }

    #[test]
    fn names_that_conceal_do() {
        assert!(offered(&["public.utf8-plain-text", "org.nspasteboard.ConcealedType"]).concealed);
        assert!(offered(&["CF_UNICODETEXT", "ExcludeClipboardContentFromMonitorProcessing"]).concealed);
        assert_eq!(offered(&["x-kde-passwordManagerHint"]).hint.as_deref(), Some("x-kde-passwordManagerHint"));
    }

    #[cfg(unix)]
    #[test]
    fn file_names_with_spaces_percent_hash_and_chinese_arrive_as_they_are() {
        let (paths, left_out) = file_list(
            "# a comment\r\nfile:///tmp/a%20b%25%23.png\r\nfile://localhost/tmp/%E5%9B%BE.png\r\nfile:/tmp/c.png\r\n".as_bytes(),
        );
        assert_eq!(paths, ["/tmp/a b%#.png", "/tmp/图.png", "/tmp/c.png"].map(PathBuf::from));
        assert_eq!(left_out, 0);
        let (again, _) = file_list(uri_list(&paths).as_bytes());
        assert_eq!(again, paths);
        let (again, _) = file_list(gnome_file_list(&paths).as_bytes());
        assert_eq!(again, paths);
    }

    #[cfg(unix)]
    #[test]
    fn other_hosts_relative_paths_and_web_addresses_are_no_files() {
        let (paths, left_out) =
            file_list(b"copy\nfile://server/share/a.png\nfile://\nfile:a.png\nhttps://example.org/a.png\n/etc/passwd\nfile:///a%00b\nfile:///ok");
        assert_eq!(paths, [PathBuf::from("/ok")]);
        assert_eq!(left_out, 6);
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_unicode_survives() {
        use std::os::unix::ffi::OsStrExt;
        let (paths, _) = file_list(b"file:///tmp/%ff.png");
        assert_eq!(paths[0].as_os_str().as_bytes(), b"/tmp/\xff.png");
        assert_eq!(file_list(uri_list(&paths).as_bytes()).0, paths);
    }

    #[test]
    fn what_browsers_put_beside_a_copied_image_is_a_lone_image() {
        for html in [
            r#"<meta http-equiv="content-type" content="text/html; charset=utf-8"><img src="https://a/b.png" alt="a > b"/>"#,
            "<html><body>\r\n<!--StartFragment--><img src='x'><!--EndFragment-->\r\n</body>\r\n</html>",
            "Version:0.9\r\nStartHTML:0000000105\r\n<html><body><!--StartFragment--><img src=x><!--EndFragment--></body></html>",
            "<!DOCTYPE html><a href=\"https://a\"><IMG SRC=x></a>&nbsp;\n\0",
        ] {
            assert!(is_single_image(html.as_bytes()), "{html}");
        }
        let wide: Vec<u8> = [0xFF, 0xFE].into_iter().chain("<img src=\"x\">".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert!(is_single_image(&wide));
    }

    #[test]
    fn text_tables_and_several_images_are_not() {
        for html in [
            "<p>Hello</p>",
            "<img src=a><img src=b>",
            "<img src=a> caption",
            "<table><tr><td><img src=a></td></tr></table>",
            "<style>p{}</style><img src=a>",
            "caption <img src=a>",
            "",
            "<imgx src=a>",
            "<!-- <img src=a> -->",
            "</img>",
        ] {
            assert!(!is_single_image(html.as_bytes()), "{html}");
        }
    }
}
