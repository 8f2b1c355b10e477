//! Link → text in a format. Pure.
//!
//! Names and addresses come from files and servers: every format escapes them for the place they end up in, so that a picture's name can
//! close no tag, no bracket and no string.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// `link.format`: what is put on the clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Format {
    /// The bare address.
    #[default]
    Url,
    /// `![alt](url)`
    Markdown,
    /// `<img src alt width height>`
    Html,
    /// `[img]url[/img]`
    Bbcode,
    /// `url("…")`
    Css,
    /// `<img src={…} />`
    Jsx,
}

impl Format {
    /// All of them, in the order menus show them.
    pub const ALL: [Self; 6] = [Self::Url, Self::Markdown, Self::Html, Self::Bbcode, Self::Css, Self::Jsx];

    /// As in the settings and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Bbcode => "bbcode",
            Self::Css => "css",
            Self::Jsx => "jsx",
        }
    }

    /// The format called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// What a link shows.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The address, as the store made it.
    pub url: &'a str,
    /// The file's name as it came; its stem becomes the alternative text.
    pub name: &'a str,
    /// Media type: pictures are shown, videos play, everything else is linked.
    pub content_type: &'a str,
    /// Pixels, where known.
    pub width: Option<u32>,
    /// Pixels, where known.
    pub height: Option<u32>,
}

/// What a URL never holds in the open (RFC 3986, appendix A), so that it stays one word wherever it is pasted. `%` is left alone: the
/// store has encoded already.
const NOT_IN_URL: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');
/// Brackets that would end a Markdown destination or a BBCode tag. Encoded they mean the same to every server.
const NOT_IN_BRACKETS: &AsciiSet = &NOT_IN_URL.add(b'(').add(b')').add(b'[').add(b']').add(b'\'');

/// The text for one link.
#[must_use]
pub fn text(target: &Target<'_>, format: Format) -> String {
    let url = utf8_percent_encode(target.url, NOT_IN_URL).to_string();
    let bare = utf8_percent_encode(target.url, NOT_IN_BRACKETS).to_string();
    let picture = target.content_type.starts_with("image/");
    let video = target.content_type.starts_with("video/");
    let alt = alt(target.name);
    match format {
        Format::Url => url,
        Format::Markdown => format!("{}[{}]({bare})", if picture { "!" } else { "" }, markdown(&alt)),
        Format::Html => {
            let (url, alt, size) = (entities(&url), entities(&alt), size(target, |length| format!("\"{length}\"")));
            if picture {
                format!("<img src=\"{url}\" alt=\"{alt}\"{size}>")
            } else if video {
                format!("<video src=\"{url}\"{size} controls></video>")
            } else {
                format!("<a href=\"{url}\">{alt}</a>")
            }
        }
        Format::Bbcode if picture => format!("[img]{bare}[/img]"),
        Format::Bbcode => format!("[url={bare}]{}[/url]", alt.replace(['[', ']'], "")),
        Format::Css => format!("url(\"{bare}\")"),
        Format::Jsx => {
            let (url, alt, size) = (script(&url), script(&alt), size(target, |length| format!("{{{length}}}")));
            if picture {
                format!("<img src={{{url}}} alt={{{alt}}}{size} />")
            } else if video {
                format!("<video src={{{url}}}{size} controls />")
            } else {
                format!("<a href={{{url}}}>{{{alt}}}</a>")
            }
        }
    }
}

/// One text for several links, one a line, in order.
#[must_use]
pub fn texts<'a>(targets: impl IntoIterator<Item = Target<'a>>, format: Format) -> String {
    targets.into_iter().map(|target| text(&target, format)).collect::<Vec<_>>().join("\n")
}

/// The file's stem without its density mark, on one line.
fn alt(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = last.rfind('.').filter(|dot| *dot > 0).map_or(last, |dot| &last[..dot]);
    let stem = density(stem).0;
    stem.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect::<String>()
        .trim()
        .to_owned()
}

/// `shot@2x` → (`shot`, 2).
fn density(stem: &str) -> (&str, u32) {
    match stem.strip_suffix("@2x") {
        Some(plain) => (plain, 2),
        None => stem.strip_suffix("@3x").map_or((stem, 1), |plain| (plain, 3)),
    }
}

/// ` width=… height=…` in CSS pixels: divided by the density the name tells.
fn size(target: &Target<'_>, quoted: impl Fn(u32) -> String) -> String {
    let (Some(width), Some(height)) = (target.width, target.height) else { return String::new() };
    let stem = target.name.rfind('.').filter(|dot| *dot > 0).map_or(target.name, |dot| &target.name[..dot]);
    let factor = density(stem).1;
    format!(" width={} height={}", quoted(width.div_ceil(factor)), quoted(height.div_ceil(factor)))
}

/// CommonMark 2.4: any ASCII punctuation may be escaped by a backslash.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '[' | ']' | '*' | '_' | '`' | '<' | '>' | '&' | '!' | '~' | '|' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A JavaScript string; JSON is a subset of it (ECMA-262 since 2019).
fn script(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target<'a>(url: &'a str, name: &'a str) -> Target<'a> {
        Target { url, name, content_type: "image/png", width: Some(801), height: Some(600) }
    }

    #[test]
    fn each_format_is_what_its_readers_expect() {
        let target = target("https://cdn.example/a%20b.png?X=1&Y=2", "shot.png");
        for (format, expected) in [
            (Format::Url, "https://cdn.example/a%20b.png?X=1&Y=2"),
            (Format::Markdown, "![shot](https://cdn.example/a%20b.png?X=1&Y=2)"),
            (Format::Html, r#"<img src="https://cdn.example/a%20b.png?X=1&amp;Y=2" alt="shot" width="801" height="600">"#),
            (Format::Bbcode, "[img]https://cdn.example/a%20b.png?X=1&Y=2[/img]"),
            (Format::Css, r#"url("https://cdn.example/a%20b.png?X=1&Y=2")"#),
            (Format::Jsx, r#"<img src={"https://cdn.example/a%20b.png?X=1&Y=2"} alt={"shot"} width={801} height={600} />"#),
        ] {
            assert_eq!(text(&target, format), expected);
        }
    }

    #[test]
    fn pictures_for_dense_screens_are_shown_at_their_intended_size() {
        let html = text(&target("https://x.example/a.png", "shot@2x.png"), Format::Html);
        assert_eq!(html, r#"<img src="https://x.example/a.png" alt="shot" width="401" height="300">"#);
    }

    #[test]
    fn what_is_no_picture_is_linked_and_not_shown() {
        let film = Target { content_type: "video/mp4", ..target("https://x.example/a.mp4", "a.mp4") };
        assert_eq!(text(&film, Format::Markdown), "[a](https://x.example/a.mp4)");
        assert_eq!(
            text(&film, Format::Html),
            r#"<video src="https://x.example/a.mp4" width="801" height="600" controls></video>"#
        );
        let paper = Target { content_type: "application/pdf", ..target("https://x.example/a.pdf", "a.pdf") };
        assert_eq!(text(&paper, Format::Bbcode), "[url=https://x.example/a.pdf]a[/url]");
        assert_eq!(text(&paper, Format::Jsx), r#"<a href={"https://x.example/a.pdf"}>{"a"}</a>"#);
    }

    #[test]
    fn a_hostile_name_or_address_breaks_out_of_nothing() {
        let name = "x](y)\"><script>alert(1)</script>{`[/img].png";
        let url = "https://x.example/a)b\"]'><script>\n[/img]{}\\.png";
        let hostile = target(url, name);
        assert_eq!(text(&hostile, Format::Url), "https://x.example/a)b%22]'%3E%3Cscript%3E%0A[/img]%7B%7D%5C.png");
        let bare = "https://x.example/a%29b%22%5D%27%3E%3Cscript%3E%0A%5B/img%5D%7B%7D%5C.png";
        assert!(text(&hostile, Format::Markdown).ends_with(&format!("]({bare})")));
        assert_eq!(text(&hostile, Format::Bbcode), format!("[img]{bare}[/img]"));
        assert_eq!(text(&hostile, Format::Css), format!("url(\"{bare}\")"));
        assert!(!text(&hostile, Format::Html).contains("<script"));
    }

    #[test]
    fn several_links_come_one_a_line_in_order() {
        let both = [target("https://x.example/1", "1"), target("https://x.example/2", "2")];
        assert_eq!(texts(both, Format::Url), "https://x.example/1\nhttps://x.example/2");
    }

    #[test]
    fn every_format_is_found_by_its_name() {
        for format in Format::ALL {
            assert_eq!(Format::named(format.name()), Some(format));
            assert_eq!(serde_json::to_value(format).expect("serialises"), format.name());
        }
    }

    proptest! {
        #[test]
        fn any_link_is_one_line_and_keeps_its_frame(url in "https://x\\.example/\\PC*", name in ".*") {
            for format in Format::ALL {
                let text = text(&target(&url, &name), format);
                prop_assert!(!text.contains(['\n', '\r']));
                match format {
                    Format::Html => prop_assert_eq!(text.matches(['<', '>']).count(), 2),
                    Format::Bbcode => prop_assert_eq!(text.matches(['[', ']']).count(), 4),
                    Format::Css => prop_assert_eq!(text.matches(['"', '(', ')']).count(), 4),
                    _ => {}
                }
            }
        }
    }
}
