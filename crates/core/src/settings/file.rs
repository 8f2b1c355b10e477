//! Reading, changing and writing `settings.toml`.
//!
//! A person's file is theirs: only what changed is written, into the text as it stands, so comments, order and keys of other versions
//! survive. A file that does not parse, or that a newer imagepic wrote, is never written.

mod faults;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use imagepic_words::{Text, settings as words};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use super::{Settings, VERSION};
use crate::destination::{Destination, Kind, THIS_COMPUTER};
use crate::error::{Code, Error, Result};
use crate::home::{self, Home};

/// No person's settings are larger, in bytes; what is larger is not the settings.
const LARGEST: u64 = 1 << 20;

/// The settings of one home, on disk. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SettingsFile {
    home: Home,
    path: PathBuf,
}

impl SettingsFile {
    /// The settings of `home`.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        Self { home: home.clone(), path: home.settings_file() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file; defaults where there is none.
    ///
    /// # Errors
    /// `SettingsBroken` naming the line, `HomeNewer`, `HomeUnwritable` where it cannot be read.
    pub fn load(&self) -> Result<Settings> {
        self.text().and_then(|text| parse(&self.path, &text))
    }

    /// Reads the file; what keeps it from being read beside the defaults that serve until then.
    #[must_use]
    pub fn load_or_default(&self) -> (Settings, Option<Error>) {
        match self.load() {
            Ok(settings) => (settings, None),
            Err(error) => (Settings::default(), Some(error)),
        }
    }

    /// Reads, changes and writes under a lock between processes. Where `change` changes nothing, or fails, nothing is written.
    ///
    /// # Errors
    /// Those of [`load`](Self::load) and of `change`; `DiskFull` or `HomeUnwritable` where it cannot be written.
    pub fn change<T>(&self, change: impl FnOnce(&mut Settings) -> Result<T>) -> Result<(T, Settings)> {
        let _lock = self.home.lock("settings")?;
        let text = self.text()?;
        let old = parse(&self.path, &text)?;
        let mut new = old.clone();
        let value = change(&mut new)?;
        new.version = VERSION;
        new.complete();
        if new != old {
            let mut document: DocumentMut = text.parse().map_err(|error| faults::syntax(&self.path, &text, &error))?;
            merge(&mut document, &old, &new)?;
            let dir = self.home.settings_dir();
            fs::create_dir_all(dir).map_err(|error| home::unwritable(dir, error))?;
            home::write_whole(&self.path, document.to_string().as_bytes())?;
        }
        Ok((value, new))
    }

    fn text(&self) -> Result<String> {
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            fs::File::open(&self.path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let somewhere = |reason: Text| {
            let text = words::broken_somewhere(self.path.display(), "", "").with("reason", reason).with("then", words::mend());
            Error::new(Code::SettingsBroken, text)
        };
        let bytes = match read() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(home::unreadable(&self.path, error)),
        };
        if bytes.len() as u64 > LARGEST {
            return Err(somewhere(words::too_large(LARGEST)));
        }
        let text = String::from_utf8(bytes).map_err(|_| somewhere(words::not_text()))?;
        // A byte order mark, as some editors leave it.
        Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
    }
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Settings> {
    let document = toml_edit::Document::parse(text).map_err(|error| faults::syntax(path, text, &error))?;
    // The version first: whatever else a newer form holds may not be understood.
    if let Some(found) = document.get("version").and_then(Item::as_integer)
        && found > i64::from(VERSION)
    {
        return Err(Error::new(Code::HomeNewer, words::newer(path.display(), found, VERSION)));
    }
    let mut settings: Settings = toml_edit::de::from_str(text).map_err(|error| {
        let (at, reason) = faults::value(&document, text).unwrap_or_else(|| {
            let at = error.span().filter(|span| span.start > 0).map(|span| span.start);
            (at, words::unfit())
        });
        at_line(path, text, at, reason).because(error.message().to_owned())
    })?;
    consistent(&settings).map_err(|(reason, id)| {
        let at = id.and_then(|id| {
            destination_tables(&document).filter(|table| table_id(table) == Some(id)).last().and_then(Table::span)
        });
        at_line(path, text, at.map(|span| span.start), reason)
    })?;
    settings.complete();
    Ok(settings)
}

/// What no sane reading of the file allows. Form (an address, say) is not judged here: a destination with a wrong field fails by itself.
fn consistent(settings: &Settings) -> Result<(), (Text, Option<&str>)> {
    for (at, destination) in settings.destinations.iter().enumerate() {
        let id = destination.id.as_str();
        let before = &settings.destinations[..at];
        if !Destination::is_id(id) {
            return Err((words::destination_id_bad(id), Some(id)));
        }
        if before.iter().any(|other| other.id == id) {
            return Err((words::destination_twice(id), Some(id)));
        }
        if before.iter().any(|other| other.name.to_lowercase() == destination.name.to_lowercase()) {
            return Err((words::destination_name_twice(&destination.name), Some(id)));
        }
        if (id == THIS_COMPUTER) != (destination.kind == Kind::ThisComputer) {
            return Err((words::destination_kind_bad(THIS_COMPUTER), Some(id)));
        }
    }
    Ok(())
}

fn destination_tables<'a>(document: &'a toml_edit::Document<&str>) -> impl Iterator<Item = &'a Table> {
    document.get("destinations").and_then(Item::as_array_of_tables).into_iter().flatten()
}

fn table_id(table: &Table) -> Option<&str> {
    table.get("id").and_then(Item::as_str)
}

fn at_line(path: &Path, text: &str, at: Option<usize>, reason: Text) -> Error {
    let told = match at {
        Some(at) => words::broken(path.display(), faults::place(text, at).0, "", ""),
        None => words::broken_somewhere(path.display(), "", ""),
    };
    Error::new(Code::SettingsBroken, told.with("reason", reason).with("then", words::mend()))
}

/// Writes into the document what differs between `old` and `new`, and nothing else.
fn merge(document: &mut DocumentMut, old: &Settings, new: &Settings) -> Result<()> {
    let (old_table, new_table) = (table_of(old)?, table_of(new)?);
    let root = document.as_table_mut();
    if !root.contains_key("version") {
        root.insert("version", toml_edit::value(i64::from(VERSION)));
    }
    merge_table(root, &old_table, &new_table);

    let kept = |id: &str| new.destinations.iter().any(|destination| destination.id == id);
    if !root.get("destinations").is_some_and(Item::is_array_of_tables) {
        // An inline array is rewritten as tables: it cannot be changed in place. An empty one too.
        let tables = root.remove("destinations").and_then(|item| item.into_array_of_tables().ok()).unwrap_or_default();
        root.insert("destinations", Item::ArrayOfTables(tables));
    }
    let Some(tables) = root.get_mut("destinations").and_then(Item::as_array_of_tables_mut) else { return Ok(()) };
    let mut at = 0;
    while at < tables.len() {
        let gone = tables.get(at).and_then(table_id).is_some_and(|id| !kept(id));
        if gone {
            tables.remove(at);
        } else {
            at += 1;
        }
    }
    for destination in &new.destinations {
        let before = old.destinations.iter().find(|other| other.id == destination.id);
        if before == Some(destination) {
            continue;
        }
        let fresh = table_of(destination)?;
        let place = tables.iter().position(|table| table_id(table) == Some(&destination.id));
        match place.and_then(|place| tables.get_mut(place)) {
            Some(table) => merge_table(table, &before.map(table_of).transpose()?.unwrap_or_default(), &fresh),
            None => tables.push(fresh),
        }
    }
    if tables.is_empty() {
        root.remove("destinations");
    }
    Ok(())
}

fn merge_table(into: &mut Table, old: &Table, new: &Table) {
    for (key, item) in new {
        if key == "destinations" || old.get(key).is_some_and(|before| same(before, item)) {
            continue;
        }
        match (into.get_mut(key), item) {
            (Some(Item::Table(place)), Item::Table(item)) => {
                let empty = Table::new();
                merge_table(place, old.get(key).and_then(Item::as_table).unwrap_or(&empty), item);
            }
            (Some(Item::Value(place)), Item::Value(value)) => {
                // The comment behind a value stays.
                let decor = place.decor().clone();
                *place = value.clone();
                *place.decor_mut() = decor;
            }
            (Some(Item::Value(Value::InlineTable(place))), Item::Table(item)) => {
                // All of it must be written in the one line, lists of tables as lists of inline tables.
                for (key, item) in item {
                    if let Ok(value) = item.clone().into_value() {
                        place.insert(key, value);
                    }
                }
                for (key, _) in old.get(key).and_then(Item::as_table).into_iter().flatten() {
                    if !item.contains_key(key) {
                        place.remove(key);
                    }
                }
            }
            _ => {
                // A table gets only what differs from the defaults, a value is what it is.
                let changed = match (item, old.get(key).and_then(Item::as_table)) {
                    (Item::Table(item), Some(old)) => {
                        let mut fresh = Table::new();
                        merge_table(&mut fresh, old, item);
                        Item::Table(fresh)
                    }
                    _ => item.clone(),
                };
                into.insert(key, changed);
            }
        }
    }
    for (key, _) in old {
        if key != "destinations" && !new.contains_key(key) {
            into.remove(key);
        }
    }
}

fn same(one: &Item, two: &Item) -> bool {
    match (one, two) {
        // As text a table has only its values, not the tables in it.
        (Item::Table(one), Item::Table(two)) => same_table(one, two),
        (Item::ArrayOfTables(one), Item::ArrayOfTables(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same_table(one, two))
        }
        _ => one.to_string().trim() == two.to_string().trim(),
    }
}

fn same_table(one: &Table, two: &Table) -> bool {
    one.len() == two.len() && one.iter().all(|(key, item)| two.get(key).is_some_and(|other| same(item, other)))
}

/// A serialised value as a table without places of its own, so that it can stand anywhere in another document.
pub(super) fn table_of(value: &impl serde::Serialize) -> Result<Table> {
    let internal = |error: Box<dyn std::error::Error + Send + Sync>| {
        let text = words::broken_somewhere("settings.toml", "", "").with("reason", words::unfit()).with("then", words::mend());
        Error::new(Code::SettingsBroken, text).because(error)
    };
    let text = toml_edit::ser::to_string_pretty(value).map_err(|error| internal(error.into()))?;
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| internal(error.into()))?;
    Ok(placeless(document.as_table()))
}

fn placeless(table: &Table) -> Table {
    let mut fresh = Table::new();
    for (key, item) in table {
        let item = match item {
            Item::Table(inner) => Item::Table(placeless(inner)),
            Item::ArrayOfTables(tables) => Item::ArrayOfTables(tables.iter().map(placeless).collect::<ArrayOfTables>()),
            other => other.clone(),
        };
        fresh.insert(key, item);
    }
    fresh
}

#[cfg(test)]
mod tests;
