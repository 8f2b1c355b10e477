//! Templates of one's own for links: `[[{url}|{alt}]]`. Pure.
//!
//! What a placeholder brings in is hostile, and only the template tells where it ends up. So the template decides how it is cleaned:
//! one with a tag gets entities, one with `](` gets Markdown's backslashes, and in any other, brackets and whatever punctuation the
//! template itself uses are left out of names. What stays out: where templates are kept (the settings).

use std::fmt;

use imagepic_words::links as words;
use percent_encoding::utf8_percent_encode;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{NOT_IN_BRACKETS, Target, alt, entities, last, markdown, one_line, shown, stem};
use crate::error::{Code, Error, Result};

/// The longest text of a template, in bytes.
pub const LONGEST_TEMPLATE: usize = 512;
/// Templates there can be.
pub const MOST_TEMPLATES: usize = 24;
/// Placeholders as people write them, in the order they are told. `{{` and `}}` are braces.
pub const PLACEHOLDERS: [&str; 7] = ["url", "name", "stem", "alt", "width", "height", "type"];

/// The longest name of a template, in bytes of UTF-8: sixteen 汉字.
const LONGEST_NAME: usize = 48;

/// The name of a template. It travels wherever a format does, so it is kept short and plain enough to be copied.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TemplateName {
    length: u8,
    /// Zeros behind `length`, so that equal names are equal bytes.
    bytes: [u8; LONGEST_NAME],
}

impl TemplateName {
    /// The longest, in bytes.
    pub(crate) const LONGEST: usize = LONGEST_NAME;

    /// The name in its normal form (trimmed); `None` for one that is empty, longer than 48 bytes or holds a control character.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let name = name.trim();
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) || name != one_line(name) {
            return None;
        }
        let mut bytes = [0; LONGEST_NAME];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Some(Self { length: u8::try_from(name.len()).ok()?, bytes })
    }

    /// As a person wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Display for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for TemplateName {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for TemplateName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).ok_or_else(|| serde::de::Error::custom(words::name_bad(name, LONGEST_NAME).to(imagepic_words::Lang::En)))
    }
}

/// One of `link.templates`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[ts(export)]
pub struct LinkTemplate {
    /// What menus call it; `link.format` is `custom:NAME`.
    #[ts(type = "string")]
    pub name: TemplateName,
    /// Text with `{url} {name} {stem} {alt} {width} {height} {type}`.
    pub text: String,
}

impl LinkTemplate {
    /// A template that can be used.
    ///
    /// # Errors
    /// `BadRequest` at `name` or `text`, naming the wrong part.
    pub fn new(name: &str, text: &str) -> Result<Self> {
        let named = TemplateName::new(name)
            .ok_or_else(|| Error::new(Code::BadRequest, words::name_bad(one_line(name), LONGEST_NAME)).at("name"))?;
        Template::parse(text).map_err(|error| error.at("text"))?;
        Ok(Self { name: named, text: text.trim().to_owned() })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hole {
    Url,
    Name,
    Stem,
    Alt,
    Width,
    Height,
    Type,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(Hole),
}

/// Where the text ends up, as far as the template shows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Html,
    Markdown,
    /// Anything else, with the punctuation that names may not bring along.
    Plain(String),
}

/// A template that has been understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    place: Place,
}

impl Template {
    /// Understands a template.
    ///
    /// # Errors
    /// `BadRequest`, naming the part that is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |text| Err(Error::new(Code::BadRequest, text).at("text"));
        let text = text.trim();
        if text.is_empty() {
            return bad(words::empty());
        }
        if text.len() > LONGEST_TEMPLATE {
            return bad(words::too_long(LONGEST_TEMPLATE));
        }
        if text.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            return bad(words::one_line(one_line(text)));
        }
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, behind) = (&rest[at..=at], &rest[at + 1..]);
            if let Some(behind) = behind.strip_prefix(brace) {
                // Doubled, it is a brace.
                literal.push_str(brace);
                rest = behind;
                continue;
            }
            let Some(close) = behind.find(['{', '}']).filter(|close| brace == "{" && behind[*close..].starts_with('}')) else {
                return bad(words::unclosed(text, rest[at..].chars().take(16).collect::<String>()));
            };
            let Some(hole) = hole(&behind[..close]) else {
                let known = PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(" ");
                return bad(words::unknown(text, behind[..close].chars().take(40).collect::<String>(), known));
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Hole(hole));
            rest = &behind[close + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        if !parts.contains(&Part::Hole(Hole::Url)) {
            return bad(words::no_address(text));
        }
        let place = place(&parts);
        if place == Place::Html
            && let Some(naked) = unquoted(&parts)
        {
            return bad(words::unquoted(text, naked));
        }
        Ok(Self { parts, place })
    }

    /// The text for one link, on one line.
    #[must_use]
    pub fn fill(&self, target: &Target<'_>) -> String {
        let (width, height) = shown(target);
        let pixels = |length: Option<u32>| length.map(|length| length.to_string()).unwrap_or_default();
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Hole(Hole::Url) => {
                    let url = utf8_percent_encode(target.url, NOT_IN_BRACKETS).to_string();
                    out.push_str(&if self.place == Place::Html { entities(&url) } else { url });
                }
                Part::Hole(Hole::Name) => out.push_str(&self.clean(&one_line(last(target.name)))),
                Part::Hole(Hole::Stem) => out.push_str(&self.clean(&one_line(stem(target.name)))),
                Part::Hole(Hole::Alt) => out.push_str(&self.clean(&alt(target.name))),
                Part::Hole(Hole::Width) => out.push_str(&pixels(width)),
                Part::Hole(Hole::Height) => out.push_str(&pixels(height)),
                Part::Hole(Hole::Type) => out.push_str(&self.clean(&one_line(target.content_type))),
            }
        }
        out
    }

    fn clean(&self, text: &str) -> String {
        match &self.place {
            // Braces run code in JSX and in the templates of many frameworks, a backslash ends a string before its quote.
            Place::Html => entities(&text.replace('\\', "")).replace('{', "&#123;").replace('}', "&#125;"),
            Place::Markdown => markdown(text),
            Place::Plain(own) => text.chars().filter(|c| !own.contains(*c)).collect(),
        }
    }
}

fn hole(name: &str) -> Option<Hole> {
    Some(match name {
        "url" => Hole::Url,
        "name" => Hole::Name,
        "stem" => Hole::Stem,
        "alt" => Hole::Alt,
        "width" => Hole::Width,
        "height" => Hole::Height,
        "type" => Hole::Type,
        _ => return None,
    })
}

fn place(parts: &[Part]) -> Place {
    let literal: String = parts.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { "x" }).collect();
    let tag = literal.match_indices('<').any(|(at, _)| literal[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic()));
    if tag {
        return Place::Html;
    }
    if literal.contains("](") {
        return Place::Markdown;
    }
    // Brackets always: any reader may take them for markup. Of the rest, what names are full of stays.
    let used = literal.chars().filter(|c| c.is_ascii_punctuation() && !matches!(c, '-' | '_' | '.' | '/' | ','));
    Place::Plain("<>[]{}`\\".chars().chain(used).collect())
}

/// A placeholder that is an attribute's value without quotes: a space in a name would begin another attribute.
fn unquoted(parts: &[Part]) -> Option<String> {
    let after = |text: &str| text.ends_with('=');
    parts.windows(2).find_map(|pair| match pair {
        [Part::Text(text), Part::Hole(Hole::Name | Hole::Stem | Hole::Alt | Hole::Url)] if after(text) => {
            Some(text.chars().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target<'a>(url: &'a str, name: &'a str) -> Target<'a> {
        Target { url, name, content_type: "image/png", width: Some(801), height: Some(600), density: 1 }
    }

    fn filled(template: &str, name: &str) -> String {
        Template::parse(template).expect("a good template").fill(&target("https://x.example/a b.png", name))
    }

    #[test]
    fn every_placeholder_says_what_it_promises() {
        assert_eq!(
            filled("{url} {name} {stem} {alt} {width}x{height} {type}", "docs/shot@2x.png"),
            "https://x.example/a%20b.png shot@2x.png shot@2x shot 401x300 image/png"
        );
        let unknown = Target { width: None, height: None, ..target("https://x.example/a", "a") };
        assert_eq!(Template::parse("{url},{width}").expect("good").fill(&unknown), "https://x.example/a,");
        assert_eq!(filled("{{{url}}}", "a.png"), "{https://x.example/a%20b.png}");
    }

    #[test]
    fn a_wrong_template_names_what_is_wrong() {
        for (template, word) in [
            ("{ulr}", "{ulr}"),
            ("{url", "{url"),
            ("{url} }x", "}x"),
            ("{url {alt}", "{url {alt}"),
            ("{alt}", "{url}"),
            ("  ", "empty"),
            ("{url}\n{alt}", "one line"),
            ("<img src=\"{url}\" alt={alt}>", "alt="),
        ] {
            let error = Template::parse(template).expect_err(template);
            assert_eq!((error.code, error.field), (Code::BadRequest, Some("text")));
            assert!(error.to_string().contains(word), "{template}: {error}");
        }
        assert!(Template::parse(&format!("{{url}}{}", "x".repeat(LONGEST_TEMPLATE))).is_err());
    }

    #[test]
    fn a_hostile_name_stays_inside_the_place_the_template_gives_it() {
        let name = "x]](y)\"><script>{alert(1)}`|' [[.png";
        assert_eq!(filled("[[{url}|{alt}]]", name), "[[https://x.example/a%20b.png|x(y)\"script".to_owned() + "alert(1)' ]]");
        assert_eq!(
            filled("![{alt}]({url})", name),
            r#"![x\]\](y)"\>\<script\>{alert(1)}\`\|' \[\[](https://x.example/a%20b.png)"#
        );
        let html = filled("<figure><img src=\"{url}\" alt=\"{alt}\"></figure>", name);
        assert_eq!(html.matches(['<', '>']).count(), 6, "{html}");
        assert_eq!(html.matches('"').count(), 4, "{html}");
        assert!(!html.contains(['{', '}', '\\']), "{html}");
        assert_eq!(filled("{url} \"{alt}\"", "a\"b\u{202e}c\nd.png"), "https://x.example/a%20b.png \"abc d\"");
    }

    #[test]
    fn names_are_short_plain_and_their_own_normal_form() {
        assert_eq!(TemplateName::new("  我的 wiki ").expect("good").as_str(), "我的 wiki");
        assert_eq!(TemplateName::new("a"), TemplateName::new(" a "));
        for bad in ["", "  ", "a\nb", "a\u{202e}b"] {
            assert_eq!(TemplateName::new(bad), None, "{bad:?}");
        }
        assert!(TemplateName::new(&"图".repeat(16)).is_some() && TemplateName::new(&"图".repeat(17)).is_none());
        let error = LinkTemplate::new("", "{url}").expect_err("no name");
        assert_eq!(error.field, Some("name"));
    }

    proptest! {
        #[test]
        fn any_name_leaves_a_plain_frame_as_it_is(url in "https://x\\.example/\\PC*", name in ".*") {
            let template = Template::parse("[[{url}|{alt}]]").expect("good");
            let text = template.fill(&target(&url, &name));
            prop_assert!(!text.contains(['\n', '\r']));
            prop_assert_eq!(text.matches(['[', ']']).count(), 4);
            prop_assert_eq!(text.matches('|').count(), 1);
        }

        #[test]
        fn any_template_is_understood_or_refused(text in ".*", name in ".*") {
            if let Ok(template) = Template::parse(&text) {
                let filled = template.fill(&target("https://x.example/a", &name));
                prop_assert!(filled.contains("https://x.example/a"));
            }
        }
    }
}
