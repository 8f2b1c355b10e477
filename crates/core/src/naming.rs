//! Template → object key. Pure: time, randomness and numbers are passed in.
//!
//! A template is text with placeholders (`docs/{yyyy}/{stem}-{hash:8}.{ext}`); a slash in it makes folders. Whatever a placeholder brings
//! in is hostile until cleaned: a file name can hold slashes, control characters and a thousand bytes.

use chrono::{Datelike, NaiveDateTime, Timelike};
use imagepic_words::naming as words;

use crate::capture::Source;
use crate::error::{Code, Error, Result};

/// The longest key S3 allows, in bytes of UTF-8 (S3 user guide, "Creating object key names").
pub const LONGEST_KEY: usize = 1024;
/// The longest template, in bytes.
pub const LONGEST_TEMPLATE: usize = 512;
/// Placeholders as people write them, in the order they are told.
pub const PLACEHOLDERS: [&str; 16] = [
    "stem", "ext", "yyyy", "MM", "dd", "HH", "mm", "ss", "hash", "random", "uuid", "counter", "user", "source", "width", "height",
];

/// How much of a key a suffix against occupied names (`-2`, `-3`…) may need.
const ROOM_FOR_SUFFIX: usize = 12;
const LONGEST_RANDOM: usize = 32;
const LONGEST_HASH: usize = 64;
/// Without letters and digits that look alike, in one case, so that a key can be read out; 32 of them take five bits each.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Everything a name can be made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The file's name as it came, with or without folders; `None` for the clipboard and standard input.
    pub name: Option<&'a str>,
    /// By the bytes, without dot (`png`).
    pub ext: &'a str,
    /// When it was captured, in local time.
    pub at: NaiveDateTime,
    /// Of the bytes that are sent.
    pub sha256: &'a [u8; 32],
    /// Fresh for each upload, from the system's generator.
    pub random: &'a [u8; 32],
    /// Counts up for each upload of this home.
    pub counter: u64,
    /// The person's login name.
    pub user: &'a str,
    /// Which way it came.
    pub source: Source,
    /// Pixels, where known.
    pub width: Option<u32>,
    /// Pixels, where known.
    pub height: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Stem,
    Ext,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Hash(usize),
    Random(usize),
    Uuid,
    Counter,
    User,
    Source,
    Width,
    Height,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(Placeholder),
}

/// A template that has been understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Understands a template.
    ///
    /// # Errors
    /// `BadRequest`, naming the placeholder that is unknown or the part that cannot be in a key.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |text| Error::new(Code::BadRequest, text);
        if text.trim().is_empty() {
            return Err(bad(words::empty()));
        }
        if text.len() > LONGEST_TEMPLATE {
            return Err(bad(words::too_long(LONGEST_TEMPLATE)));
        }
        let mut parts = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let Some(open) = rest.find(['{', '}']) else {
                parts.push(Part::Text(rest.to_owned()));
                break;
            };
            if open > 0 {
                parts.push(Part::Text(rest[..open].to_owned()));
            }
            let close = rest[open..].find('}').filter(|close| *close > 0).ok_or_else(|| bad(words::unclosed(text)))?;
            parts.push(Part::Hole(placeholder(text, &rest[open + 1..open + close])?));
            rest = &rest[open + close + 1..];
        }
        let template = Self { parts };
        template.check_parts(text)?;
        Ok(template)
    }

    /// Whether names of this template need [`Inputs::counter`], which costs a write.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.parts.contains(&Part::Hole(Placeholder::Counter))
    }

    /// The key below `folder` (in its normal form, may be empty): at most [`LONGEST_KEY`] bytes with room for a suffix, no empty, `.`
    /// or `..` part. A name that is too long loses the end of its stem.
    #[must_use]
    pub fn key(&self, folder: &str, inputs: &Inputs<'_>) -> String {
        let stem = stem(inputs.name);
        let limit = LONGEST_KEY - ROOM_FOR_SUFFIX;
        let key = self.fill(folder, inputs, &stem);
        if key.len() <= limit {
            return key;
        }
        let stem = cut(&stem, stem.len().saturating_sub(key.len() - limit).max(1));
        let key = self.fill(folder, inputs, stem);
        if key.len() <= limit { key } else { shorten(&key, limit) }
    }

    fn fill(&self, folder: &str, inputs: &Inputs<'_>, stem: &str) -> String {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Hole(hole) => name.push_str(&value(*hole, inputs, stem)),
            }
        }
        let mut key = folder.to_owned();
        for part in name.split('/').map(str::trim).filter(|part| !part.is_empty()) {
            if !key.is_empty() {
                key.push('/');
            }
            key.push_str(if part == "." || part == ".." { "_" } else { part });
        }
        key
    }

    /// What the person wrote between slashes must be able to be a part of a key, whatever the placeholders bring.
    fn check_parts(&self, text: &str) -> Result<()> {
        let sample: String =
            self.parts.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { "x" }).collect();
        let wrong = |part: &str| {
            part.trim().is_empty() || part == "." || part == ".." || part.contains('\\') || part.contains(char::is_control)
        };
        if sample.split('/').any(wrong) {
            return Err(Error::new(Code::BadRequest, words::bad_part(text)));
        }
        Ok(())
    }
}

fn placeholder(template: &str, inside: &str) -> Result<Placeholder> {
    let bad = |text| Error::new(Code::BadRequest, text);
    let (name, length) = inside.split_once(':').map_or((inside, None), |(name, length)| (name, Some(length)));
    let sized = |most: usize, default: usize| match length {
        None => Ok(default),
        Some(length) => length
            .parse()
            .ok()
            .filter(|length| (1..=most).contains(length) && !inside.contains('+'))
            .ok_or_else(|| bad(words::length_bad(template, name, most))),
    };
    let hole = match name {
        "stem" => Placeholder::Stem,
        "ext" => Placeholder::Ext,
        "yyyy" => Placeholder::Year,
        "MM" => Placeholder::Month,
        "dd" => Placeholder::Day,
        "HH" => Placeholder::Hour,
        "mm" => Placeholder::Minute,
        "ss" => Placeholder::Second,
        "hash" => return sized(LONGEST_HASH, LONGEST_HASH).map(Placeholder::Hash),
        "random" => return sized(LONGEST_RANDOM, 16).map(Placeholder::Random),
        "uuid" => Placeholder::Uuid,
        "counter" => Placeholder::Counter,
        "user" => Placeholder::User,
        "source" => Placeholder::Source,
        "width" => Placeholder::Width,
        "height" => Placeholder::Height,
        _ => {
            let known = PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(" ");
            let shown: String = inside.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(bad(words::unknown(template, shown, known)));
        }
    };
    if length.is_some() {
        return Err(bad(words::no_length(template, name)));
    }
    Ok(hole)
}

fn value(hole: Placeholder, inputs: &Inputs<'_>, stem: &str) -> String {
    let pixels = |length: Option<u32>| length.unwrap_or(0).to_string();
    match hole {
        Placeholder::Stem => stem.to_owned(),
        Placeholder::Ext => clean(inputs.ext).to_lowercase(),
        Placeholder::Year => format!("{:04}", inputs.at.year()),
        Placeholder::Month => format!("{:02}", inputs.at.month()),
        Placeholder::Day => format!("{:02}", inputs.at.day()),
        Placeholder::Hour => format!("{:02}", inputs.at.hour()),
        Placeholder::Minute => format!("{:02}", inputs.at.minute()),
        Placeholder::Second => format!("{:02}", inputs.at.second()),
        Placeholder::Hash(length) => hex::encode(inputs.sha256)[..length].to_owned(),
        Placeholder::Random(length) => {
            inputs.random.iter().take(length).map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
        }
        Placeholder::Uuid => {
            let bytes: [u8; 16] = std::array::from_fn(|at| inputs.random[at] ^ inputs.random[at + 16].rotate_left(3));
            uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
        }
        Placeholder::Counter => inputs.counter.to_string(),
        Placeholder::User => Some(clean(inputs.user)).filter(|user| !user.is_empty()).unwrap_or_else(|| "user".to_owned()),
        Placeholder::Source => match inputs.source {
            Source::Clipboard => "clipboard",
            Source::Drop => "drop",
            Source::Picker => "picker",
            Source::CommandLine => "command_line",
            Source::Folder => "folder",
            Source::Url => "url",
        }
        .to_owned(),
        Placeholder::Width => pixels(inputs.width),
        Placeholder::Height => pixels(inputs.height),
    }
}

/// The last part of a path of whichever platform, without its extension, cleaned; `image` where nothing is left.
fn stem(name: Option<&str>) -> String {
    let last = name.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = match last.rfind('.') {
        Some(dot) if dot > 0 => &last[..dot],
        _ => last,
    };
    let stem = clean(stem);
    if stem.is_empty() { "image".to_owned() } else { stem }
}

/// Without slashes, control characters and the marks that turn writing around, so that a name reads as what it is; other writing is kept.
pub(crate) fn clean(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffd}')
    };
    let text: String = text.chars().filter(|c| !hidden(*c)).map(|c| if matches!(c, '/' | '\\') { '-' } else { c }).collect();
    text.trim_matches(|c: char| c.is_whitespace() || c == '.').to_owned()
}

/// The first `length` bytes of `text`, or fewer where a character would be torn.
fn cut(text: &str, length: usize) -> &str {
    let mut end = length.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Takes bytes off the end of the name, before its extension, where cutting the stem was not enough.
fn shorten(key: &str, limit: usize) -> String {
    let (head, ext) = split_ext(key);
    let ext = if ext.len() < limit / 2 { ext } else { "" };
    format!("{}{ext}", cut(head, limit - ext.len()).trim_end_matches('/'))
}

/// `a/b.png` → (`a/b`, `.png`); a name that is only an extension has none.
fn split_ext(key: &str) -> (&str, &str) {
    let name = key.rfind('/').map_or(0, |slash| slash + 1);
    match key[name..].rfind('.') {
        Some(dot) if dot > 0 => key.split_at(name + dot),
        _ => (key, ""),
    }
}

/// Why what a person typed cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misnamed {
    /// Nothing of it can be seen.
    Empty,
    /// It would lie in another folder.
    Slash,
    /// With its folder it is longer than [`LONGEST_KEY`].
    Long,
}

/// Endings that say what a file is: what stands behind the dot of `release 1.2` does not.
const EXTENSIONS: [&str; 20] = [
    "png", "apng", "jpg", "jpeg", "jfif", "gif", "webp", "avif", "svg", "bmp", "tif", "tiff", "ico", "heic", "heif", "qoi",
    "jxl", "mp4", "webm", "mov",
];

/// The key with another last part, as a person typed it; an extension that is left out stays.
pub(crate) fn renamed(key: &str, typed: &str) -> Result<String, Misnamed> {
    if typed.contains(['/', '\\']) {
        return Err(Misnamed::Slash);
    }
    let (folder, old) = key.rsplit_once('/').map_or(("", key), |(folder, old)| (folder, old));
    let kept = split_ext(old).1;
    let known = |extension: &str| EXTENSIONS.contains(&extension.trim_start_matches('.').to_ascii_lowercase().as_str());
    let mut name = clean(typed);
    // Who empties a field up to the extension has named nothing.
    if name.is_empty() || (!kept.is_empty() && typed.trim() == kept) {
        return Err(Misnamed::Empty);
    }
    let written = split_ext(&name).1;
    if written.is_empty() || (known(kept) && !known(written)) {
        name.push_str(kept);
    }
    let new = if folder.is_empty() { name } else { format!("{folder}/{name}") };
    if new.len() > LONGEST_KEY { Err(Misnamed::Long) } else { Ok(new) }
}

/// The key to try instead of one that other bytes occupy: `a/b.png` → `a/b-2.png`, `a/b-3.png`… Never longer than [`LONGEST_KEY`].
#[must_use]
pub fn occupied(key: &str, number: u32) -> String {
    let (head, ext) = split_ext(key);
    let suffix = format!("-{number}");
    let room = LONGEST_KEY.saturating_sub(suffix.len() + ext.len());
    format!("{}{suffix}{ext}", cut(head, room))
}

#[cfg(test)]
mod tests;
