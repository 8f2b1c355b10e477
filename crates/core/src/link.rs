//! Link → text in a format. Pure.
//!
//! Names and addresses come from files and servers: every format escapes them for the place they end up in, so that a picture's name can
//! close no tag, no bracket and no string.

mod template;

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use template::{LONGEST_TEMPLATE, LinkTemplate, MOST_TEMPLATES, PLACEHOLDERS, Template, TemplateName};

/// `link.format`: what is put on the clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ts_rs::TS)]
#[ts(export, type = "\"url\" | \"markdown\" | \"html\" | \"bbcode\" | \"css\" | \"jsx\" | `custom:${string}`")]
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
    /// The template of that name in `link.templates`; written `custom:NAME`.
    Own(TemplateName),
}

/// What stands before the name of a template of one's own.
const OWN: &str = "custom:";

impl Format {
    /// Those that are always there, in the order menus show them; templates of one's own come after them.
    pub const ALL: [Self; 6] = [Self::Url, Self::Markdown, Self::Html, Self::Bbcode, Self::Css, Self::Jsx];

    /// As in the settings and on the command line.
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Own(name) => Cow::Owned(format!("{OWN}{name}")),
            fixed => Cow::Borrowed(fixed.word()),
        }
    }

    /// The name of one of [`ALL`](Self::ALL), `custom` for the others.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Bbcode => "bbcode",
            Self::Css => "css",
            Self::Jsx => "jsx",
            Self::Own(_) => "custom",
        }
    }

    /// The format called `name`, whatever its case; `custom:NAME` is one whether there is such a template or not.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        if let Some(fixed) = Self::ALL.into_iter().find(|format| format.word().eq_ignore_ascii_case(name)) {
            return Some(fixed);
        }
        let (head, rest) = name.split_at_checked(OWN.len())?;
        if head.eq_ignore_ascii_case(OWN) { TemplateName::new(rest).map(Self::Own) } else { None }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| {
            let known = Self::ALL.map(|format| format.word()).join(", ");
            serde::de::Error::custom(format_args!("unknown link format \"{name}\", expected one of {known}, custom:NAME"))
        })
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
    /// How many of them lie side by side in one of a page's, by the picture's own bytes; a name that tells it (`@2x`) goes before.
    pub density: u8,
}

/// What a URL never holds in the open (RFC 3986, appendix A), so that it stays one word wherever it is pasted. `%` is left alone: the
/// store has encoded already.
const NOT_IN_URL: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');
/// Brackets that would end a Markdown destination or a BBCode tag. Encoded they mean the same to every server.
const NOT_IN_BRACKETS: &AsciiSet = &NOT_IN_URL.add(b'(').add(b')').add(b'[').add(b']').add(b'\'');

/// The text for one link. `own` are the templates of the settings; a format whose template is not among them gives the bare address,
/// so that a link is never lost with its template.
#[must_use]
pub fn text(target: &Target<'_>, format: Format, own: &[LinkTemplate]) -> String {
    let url = utf8_percent_encode(target.url, NOT_IN_URL).to_string();
    let bare = utf8_percent_encode(target.url, NOT_IN_BRACKETS).to_string();
    let picture = target.content_type.starts_with("image/");
    let video = target.content_type.starts_with("video/");
    let alt = alt(target.name);
    match format {
        Format::Url => url,
        Format::Own(name) => {
            let template = own.iter().find(|one| one.name == name).and_then(|one| Template::parse(&one.text).ok());
            template.map_or(url, |template| template.fill(target))
        }
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
pub fn texts<'a>(targets: impl IntoIterator<Item = Target<'a>>, format: Format, own: &[LinkTemplate]) -> String {
    targets.into_iter().map(|target| text(&target, format, own)).collect::<Vec<_>>().join("\n")
}

/// The name without folders.
fn last(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// The name without folders and extension.
fn stem(name: &str) -> &str {
    let last = last(name);
    last.rfind('.').filter(|dot| *dot > 0).map_or(last, |dot| &last[..dot])
}

/// The file's stem without its density mark, on one line.
fn alt(name: &str) -> String {
    one_line(density(stem(name)).0)
}

/// Without line ends, other control characters and the marks that turn writing around: a name reads as what it is, on one line.
fn one_line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain = |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
    text.chars().filter(|c| !turns(*c)).map(plain).collect::<String>().trim().to_owned()
}

/// `shot@2x` → (`shot`, 2).
fn density(stem: &str) -> (&str, u32) {
    match stem.strip_suffix("@2x") {
        Some(plain) => (plain, 2),
        None => stem.strip_suffix("@3x").map_or((stem, 1), |plain| (plain, 3)),
    }
}

/// ` width=… height=…` in CSS pixels.
fn size(target: &Target<'_>, quoted: impl Fn(u32) -> String) -> String {
    let (Some(width), Some(height)) = shown(target) else { return String::new() };
    format!(" width={} height={}", quoted(width), quoted(height))
}

/// Width and height in CSS pixels: divided by the density the name tells, or the picture.
fn shown(target: &Target<'_>) -> (Option<u32>, Option<u32>) {
    let factor = match density(stem(target.name)).1 {
        1 => u32::from(target.density.max(1)),
        named => named,
    };
    let divided = |length: Option<u32>| length.map(|length| length.div_ceil(factor));
    (divided(target.width), divided(target.height))
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
mod tests;
