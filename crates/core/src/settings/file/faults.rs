//! What is wrong with a settings file, in words of our own: where it is no TOML line and column, where a value does not fit its key and
//! what that takes. The parser's own words are English only and speak of its types; they go to the log.
//!
//! Looked for once a file was refused, and never to refuse one: whatever is not found here is told without its key.

use std::path::Path;

use imagepic_words::{Text, settings as words};
use toml_edit::{Item, TableLike, Value};

use super::VERSION;
use crate::destination::{LONGEST_PRESIGN, LONGEST_SIDE};
use crate::error::{Code, Error};
use crate::link::{Format, TemplateName};
use crate::settings::keys::{self, BOOLS};

/// A value is shown in an error up to this many characters.
const SHOWN: usize = 60;

/// What a key takes.
#[derive(Clone, Copy)]
enum Need {
    Text,
    Bool,
    /// A whole number: those from the first to the second are right, and nothing above the third can be read.
    Number(u64, u64, u64),
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of the words that `settings set` takes.
    Setting,
    Version,
    Format,
    TemplateName,
    Table(&'static [Field]),
    Tables(&'static [Field]),
}

struct Field {
    name: &'static str,
    need: Need,
    required: bool,
    /// Only where this other key of the table has this value.
    only: Option<(&'static str, &'static str)>,
}

const fn may(name: &'static str, need: Need) -> Field {
    Field { name, need, required: false, only: None }
}

const fn must(name: &'static str, need: Need) -> Field {
    Field { name, need, required: true, only: None }
}

impl Field {
    const fn only(self, key: &'static str, value: &'static str) -> Self {
        Self { only: Some((key, value)), ..self }
    }
}

/// The file's form, as [`Settings`](super::Settings) reads it.
static SETTINGS: [Field; 8] = [
    may("version", Need::Version),
    may("general", Need::Table(&GENERAL)),
    may("capture", Need::Table(&CAPTURE)),
    may("link", Need::Table(&LINK)),
    may("names", Need::Table(&NAMES)),
    may("shortcuts", Need::Table(&SHORTCUTS)),
    may("destination", Need::Table(&CURRENT)),
    may("destinations", Need::Tables(&DESTINATION)),
];
static GENERAL: [Field; 4] =
    [may("language", Need::Setting), may("theme", Need::Setting), may("notifications", Need::Setting), may("proxy", Need::Text)];
static CAPTURE: [Field; 2] = [may("clipboard", Need::Setting), may("folders", Need::Tables(&FOLDER))];
static FOLDER: [Field; 4] =
    [must("path", Need::Text), may("destination", Need::Text), may("recursive", Need::Bool), may("enabled", Need::Bool)];
static LINK: [Field; 2] = [may("format", Need::Format), may("templates", Need::Tables(&TEMPLATE))];
static TEMPLATE: [Field; 2] = [must("name", Need::TemplateName), must("text", Need::Text)];
static NAMES: [Field; 1] = [may("ask", Need::Bool)];
static SHORTCUTS: [Field; 5] = [
    may("upload_clipboard", Need::Text),
    may("choose_files", Need::Text),
    may("drop_zone", Need::Text),
    may("library", Need::Text),
    may("pause", Need::Text),
];
static CURRENT: [Field; 1] = [may("current", Need::Text)];
static DESTINATION: [Field; 19] = [
    must("id", Need::Text),
    must("name", Need::Text),
    must("kind", Need::Words(&["this-computer", S3, TEAM])),
    must("endpoint", Need::Text).only("kind", S3),
    must("region", Need::Text).only("kind", S3),
    must("access_key", Need::Text).only("kind", S3),
    may("path_style", Need::Bool).only("kind", S3),
    may("ca_file", Need::Text).only("kind", S3),
    must("server", Need::Text).only("kind", TEAM),
    must("phone", Need::Text).only("kind", TEAM),
    may("allow_plain_http", Need::Bool).only("kind", TEAM),
    may("ca_file", Need::Text).only("kind", TEAM),
    may("bucket", Need::Text),
    may("folder", Need::Text),
    may("link", Need::Table(&POLICY)),
    may("names", Need::Table(&TEMPLATES)),
    may("images", Need::Table(&IMAGES)),
    may("max_bytes", Need::Number(1, keys::MOST_BYTES, u64::MAX)),
    may("any_file", Need::Bool),
];
const S3: &str = "s3";
const TEAM: &str = "team";
static POLICY: [Field; 3] = [
    must("policy", Need::Words(&[PRESIGNED, PUBLIC])),
    must("seconds", Need::Number(1, LONGEST_PRESIGN as u64, u32::MAX as u64)).only("policy", PRESIGNED),
    may("base", Need::Text).only("policy", PUBLIC),
];
const PRESIGNED: &str = "presigned";
const PUBLIC: &str = "public";
static TEMPLATES: [Field; 2] = [may("file", Need::Text), may("clipboard", Need::Text)];
static IMAGES: [Field; 6] = [
    may("strip_metadata", Need::Bool),
    may("convert", Need::Words(&["png", "jpeg", "webp", "avif"])),
    may("quality", Need::Number(1, 100, u8::MAX as u64)),
    may("max_width", Need::Number(1, LONGEST_SIDE as u64, u32::MAX as u64)),
    may("max_height", Need::Number(1, LONGEST_SIDE as u64, u32::MAX as u64)),
    may("squeeze", Need::Bool),
];

/// Line and column of a place in a text, both from 1; the column in characters.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// The file is no TOML.
pub(super) fn syntax(path: &Path, text: &str, error: &toml_edit::TomlError) -> Error {
    let (line, column) = place(text, error.span().map_or(0, |span| span.start));
    let told = words::no_toml(path.display(), line, column, "").with("then", words::mend());
    Error::new(Code::SettingsBroken, told).because(error.message().to_owned())
}

/// Where the first value is that does not fit its key, and why; `None` where all of those known do.
pub(super) fn value(document: &toml_edit::Document<&str>, text: &str) -> Option<(Option<usize>, Text)> {
    let mut found = Vec::new();
    look(document.as_table(), None, "", &SETTINGS, text, &mut found);
    found.into_iter().min_by_key(|(at, _)| at.unwrap_or(usize::MAX))
}

fn look(
    table: &dyn TableLike,
    lies: Option<usize>,
    path: &str,
    fields: &[Field],
    text: &str,
    found: &mut Vec<(Option<usize>, Text)>,
) {
    let has = |(key, value): (&str, &str)| table.get(key).and_then(Item::as_str) == Some(value);
    for field in fields.iter().filter(|field| field.only.is_none_or(has)) {
        let key = if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
        let Some(item) = table.get(field.name) else {
            if field.required {
                found.push((lies, words::missing(key)));
            }
            continue;
        };
        let at = item.span().map(|span| span.start).or(lies);
        match (field.need, item) {
            (Need::Table(fields), item) if item.is_table_like() => {
                item.as_table_like().into_iter().for_each(|table| look(table, at, &key, fields, text, found));
            }
            (Need::Tables(fields), Item::ArrayOfTables(tables)) => {
                for table in tables {
                    look(table, table.span().map(|span| span.start), &named(&key, table), fields, text, found);
                }
            }
            (Need::Tables(fields), Item::Value(Value::Array(list))) => {
                for value in list {
                    let at = value.span().map(|span| span.start).or(at);
                    match value.as_inline_table() {
                        Some(table) => look(table, at, &named(&key, table), fields, text, found),
                        None => found.push((at, words::takes_tables(&key, shown(value.span(), text)))),
                    }
                }
            }
            (need, item) => {
                if let Some(reason) = wrong(need, &key, item, text) {
                    found.push((at, reason));
                }
            }
        }
    }
}

/// A destination by its id.
fn named(key: &str, table: &dyn TableLike) -> String {
    match table.get("id").and_then(Item::as_str) {
        Some(id) => format!("{key}.{id}"),
        None => key.to_owned(),
    }
}

fn wrong(need: Need, key: &str, item: &Item, text: &str) -> Option<Text> {
    let given = || shown(item.span(), text);
    let one_of = |allowed: String, fits: bool| (!fits).then(|| words::takes(key, allowed, given()));
    let word = item.as_str();
    let number = item.as_integer().and_then(|number| u64::try_from(number).ok());
    match need {
        Need::Text => word.is_none().then(|| words::takes_text(key, given())),
        Need::Bool => one_of(BOOLS.to_owned(), item.is_bool()),
        Need::Number(least, most, largest) => {
            let fits = number.is_some_and(|number| number <= largest);
            (!fits).then(|| words::takes_number(key, least, most, given()))
        }
        Need::Words(allowed) => one_of(allowed.join(" | "), word.is_some_and(|word| allowed.contains(&word))),
        Need::Setting => {
            let allowed = keys::values(key);
            one_of(allowed.join(" | "), word.is_some_and(|word| allowed.contains(&word)))
        }
        Need::Version => one_of(VERSION.to_string(), number.is_some_and(|number| u32::try_from(number).is_ok())),
        Need::Format => {
            let known = Format::ALL.map(|format| format.word()).join(" | ");
            one_of(format!("{known} | custom:NAME"), word.is_some_and(|word| Format::named(word).is_some()))
        }
        Need::TemplateName => {
            let fits = word.is_some_and(|word| TemplateName::new(word).is_some());
            (!fits).then(|| words::takes_name(key, TemplateName::LONGEST, given()))
        }
        Need::Table(_) => Some(words::takes_table(key, given())),
        Need::Tables(_) => Some(words::takes_tables(key, given())),
    }
}

/// The value as it stands in the file.
fn shown(span: Option<std::ops::Range<usize>>, text: &str) -> String {
    let value = span.and_then(|span| text.get(span)).unwrap_or_default();
    let line = value.lines().next().unwrap_or_default();
    if line.chars().count() <= SHOWN && line.len() == value.len() {
        return line.to_owned();
    }
    line.chars().take(SHOWN).chain(['…']).collect()
}
