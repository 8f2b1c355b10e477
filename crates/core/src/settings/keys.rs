//! Every setting by its name, for `imagepic settings get|set` and whoever else speaks in text.

mod images;

use imagepic_words::{links, settings as words};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::shortcuts::Deed;
use super::{Proxy, Settings, folders};
use crate::destination::{Destination, Kind, LONGEST_PRESIGN, LinkPolicy, S3Address};
use crate::error::{Code, Error, Result};
use crate::link::{Format, LinkTemplate};

/// The settings that are not a destination's.
pub const KEYS: [&str; 15] = [
    "capture.clipboard",
    "capture.folders",
    "general.language",
    "general.theme",
    "general.notifications",
    "general.proxy",
    "link.format",
    "link.templates",
    "names.ask",
    "destination.current",
    "shortcuts.upload_clipboard",
    "shortcuts.choose_files",
    "shortcuts.drop_zone",
    "shortcuts.library",
    "shortcuts.pause",
];

/// `link.templates.NAME` is one template's text; an empty one removes it.
const TEMPLATE: &str = "link.templates.";

/// What stands behind `destinations.<id>.`; those from `endpoint` on are of one kind of destination only.
pub const FIELDS: [&str; 24] = [
    "name",
    "bucket",
    "folder",
    "link",
    "presign",
    "public_base",
    "file_name",
    "clipboard_name",
    "strip_metadata",
    "convert",
    "quality",
    "max_width",
    "max_height",
    "squeeze",
    "max_bytes",
    "any_file",
    "endpoint",
    "region",
    "access_key",
    "path_style",
    "ca_file",
    "server",
    "phone",
    "allow_plain_http",
];

/// The fields every destination has.
const COMMON: usize = 16;
/// Those of S3.
const S3: std::ops::Range<usize> = COMMON..21;
/// Those of a team server.
const TEAM: std::ops::Range<usize> = 20..24;

/// So many settings are named instead of one that is none; of more all are.
const ALIKE: usize = 8;
/// No object is larger than a destination can be told to take, in bytes.
pub(super) const MOST_BYTES: u64 = 1 << 50;
pub(super) const BOOLS: &str = "true | false";

/// The words a setting takes, where it takes a few; otherwise those that have a meaning of their own, if any.
#[must_use]
pub fn values(key: &str) -> &'static [&'static str] {
    match key {
        "capture.clipboard" => &["off", "ask", "automatic"],
        "general.language" => &["system", "en", "zh-CN"],
        "general.theme" => &["system", "light", "dark"],
        "general.notifications" => &["all", "problems", "quiet"],
        "general.proxy" => &["system", "none"],
        "link.format" => &["url", "markdown", "html", "bbcode", "css", "jsx"],
        "names.ask" => &["true", "false"],
        _ => match split(key) {
            Ok((_, "link")) => &["presigned", "public"],
            Ok((_, "convert")) => images::FORMATS,
            Ok((_, "strip_metadata" | "any_file" | "squeeze" | "allow_plain_http" | "path_style")) => &["true", "false"],
            _ => &[],
        },
    }
}

impl Settings {
    /// Every key there is at present.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let fields = |destination: &Destination| {
            let own = match destination.kind {
                Kind::ThisComputer => &[][..],
                Kind::S3(_) => &FIELDS[S3],
                Kind::Team(_) => &FIELDS[TEAM],
            };
            let id = destination.id.clone();
            FIELDS[..COMMON].iter().chain(own).map(move |field| format!("destinations.{id}.{field}"))
        };
        let templates = self.link.templates.iter().map(|template| format!("{TEMPLATE}{}", template.name));
        KEYS.iter().map(|key| (*key).to_owned()).chain(templates).chain(self.destinations.iter().flat_map(fields)).collect()
    }

    /// The value of a setting as [`set_key`](Self::set_key) takes it.
    ///
    /// # Errors
    /// `BadRequest` for a key that is none, `NoSuchDestination`.
    pub fn get_key(&self, key: &str) -> Result<String> {
        if let Some(deed) = deed(key) {
            return Ok(self.shortcuts.of(deed).to_owned());
        }
        Ok(match key {
            "capture.clipboard" => word(&self.capture.clipboard),
            "capture.folders" => folders::text(&self.capture.folders),
            "general.language" => word(&self.general.language),
            "general.theme" => word(&self.general.theme),
            "general.notifications" => word(&self.general.notifications),
            "general.proxy" => word(&self.general.proxy),
            "link.format" => word(&self.link.format),
            "link.templates" => serde_json::to_string(&self.link.templates).unwrap_or_default(),
            "names.ask" => self.names.ask.to_string(),
            "destination.current" => self.current().id.clone(),
            _ if key.starts_with(TEMPLATE) => {
                let format = template_of(key)?;
                self.link.check(format)?;
                let found = self.link.templates.iter().find(|template| Format::Own(template.name) == format);
                found.map(|template| template.text.clone()).unwrap_or_default()
            }
            _ => {
                let (id, field) = split(key)?;
                field_of(self.find(id)?, key, field)?
            }
        })
    }

    /// Sets one setting from text. Destinations are checked as a whole.
    ///
    /// # Errors
    /// `BadRequest` for a key that is none or a value it does not take, `NoSuchDestination`.
    pub fn set_key(&mut self, key: &str, value: &str) -> Result<()> {
        let value = value.trim();
        if let Some(deed) = deed(key) {
            return self.shortcuts.set(deed, value);
        }
        match key {
            "capture.clipboard" => self.capture.clipboard = one_of(key, value)?,
            "capture.folders" => self.capture.folders = folders::read(self, key, value)?,
            "general.language" => {
                self.general.language = one_of(key, value)?;
                self.complete();
            }
            "general.theme" => self.general.theme = one_of(key, value)?,
            "general.notifications" => self.general.notifications = one_of(key, value)?,
            "general.proxy" => self.general.proxy = proxy(key, value)?,
            "link.format" => {
                let format = Format::named(value).ok_or_else(|| {
                    let formats: Vec<_> = self.link.formats().iter().map(|format| format.name().into_owned()).collect();
                    wrong(key, formats.join(" | "), value)
                })?;
                self.link.check(format)?;
                self.link.format = format;
            }
            "link.templates" => {
                let list = if value.is_empty() { "[]" } else { value };
                let templates =
                    serde_json::from_str(list).map_err(|error| Error::new(Code::BadRequest, links::list_bad()).because(error))?;
                self.link.set_templates(templates)?;
            }
            "names.ask" => self.names.ask = value.parse().map_err(|_| wrong(key, BOOLS, value))?,
            "destination.current" => self.destination.current = self.find(value)?.id.clone(),
            _ if key.starts_with(TEMPLATE) => {
                let format = template_of(key)?;
                let mut templates = self.link.templates.clone();
                let at = templates.iter().position(|template| Format::Own(template.name) == format);
                match at {
                    Some(at) if value.is_empty() => drop(templates.remove(at)),
                    None if value.is_empty() => self.link.check(format)?,
                    Some(at) => templates[at] = LinkTemplate::new(&key[TEMPLATE.len()..], value)?,
                    None => templates.push(LinkTemplate::new(&key[TEMPLATE.len()..], value)?),
                }
                self.link.set_templates(templates)?;
            }
            _ => {
                let (id, field) = split(key)?;
                let mut destination = self.find(id)?.clone();
                set_field(&mut destination, key, field, value)?;
                self.put(&destination)?;
            }
        }
        Ok(())
    }
}

fn unknown(key: &str) -> Error {
    let fields = FIELDS.map(|field| format!("destinations.NAME.{field}"));
    let keys: Vec<_> = KEYS.iter().map(|key| (*key).to_owned()).chain(fields).collect();
    let like = alike(key, &keys).join(", ");
    Error::new(
        Code::BadRequest,
        if like.is_empty() { words::unknown_key(key, keys.join(", ")) } else { words::unlike_key(key, like) },
    )
}

/// Those that share a word with it: `format` is part of `link.format`.
fn alike<'k>(key: &str, keys: &'k [String]) -> Vec<&'k str> {
    let key = key.to_lowercase();
    let asked: Vec<&str> = key.split(['.', '_', '-', ' ']).filter(|word| word.len() > 2).collect();
    let shared = |other: &str| {
        let theirs: Vec<&str> = other.split(['.', '_']).collect();
        asked.iter().filter(|word| theirs.contains(word)).count()
    };
    let most = keys.iter().map(|other| shared(other)).max().filter(|most| *most > 0);
    let like = keys.iter().filter(|other| Some(shared(other)) == most).map(String::as_str).collect::<Vec<_>>();
    // "destinations" alone says nothing of which of its settings is meant.
    if like.len() > ALIKE { Vec::new() } else { like }
}

fn wrong(key: &str, allowed: impl std::fmt::Display, value: &str) -> Error {
    Error::new(Code::BadRequest, words::bad_value(key, allowed, value))
}

fn deed(key: &str) -> Option<Deed> {
    key.strip_prefix("shortcuts.").and_then(Deed::named)
}

/// `destinations.<id or name>.<field>`; a name may hold dots, a field does not.
fn split(key: &str) -> Result<(&str, &str)> {
    key.strip_prefix("destinations.")
        .and_then(|rest| rest.rsplit_once('.'))
        .filter(|(id, field)| !id.is_empty() && FIELDS.contains(field))
        .ok_or_else(|| unknown(key))
}

/// The format `link.templates.NAME` is about.
fn template_of(key: &str) -> Result<Format> {
    let name = key.strip_prefix(TEMPLATE).unwrap_or_default();
    Format::named(&format!("custom:{name}")).ok_or_else(|| unknown(key))
}

fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn one_of<T: DeserializeOwned>(key: &str, value: &str) -> Result<T> {
    serde_json::from_value(serde_json::Value::from(value)).map_err(|_| wrong(key, values(key).join(" | "), value))
}

fn proxy(key: &str, value: &str) -> Result<Proxy> {
    match value {
        "system" => Ok(Proxy::System),
        "none" => Ok(Proxy::None),
        address => {
            let url = url::Url::parse(address).ok();
            // What might hold a password is not repeated.
            if url.as_ref().is_some_and(|url| !url.username().is_empty() || url.password().is_some()) || address.contains('@') {
                return Err(Error::new(Code::BadRequest, words::bad_proxy(key, "…@…")));
            }
            url.filter(|url| matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") && url.host_str().is_some())
                .map(|_| Proxy::Manual(address.to_owned()))
                .ok_or_else(|| Error::new(Code::BadRequest, words::bad_proxy(key, address)))
        }
    }
}

fn field_of(destination: &Destination, key: &str, field: &str) -> Result<String> {
    let optional = |value: Option<String>| value.unwrap_or_default();
    if let Some(value) = match field {
        "name" => Some(destination.name.clone()),
        "bucket" => Some(destination.bucket.clone()),
        "folder" => Some(destination.folder.clone()),
        "link" => Some(if matches!(destination.link, LinkPolicy::Public { .. }) { "public" } else { "presigned" }.to_owned()),
        "presign" => Some(optional(if let LinkPolicy::Presigned { seconds } = &destination.link {
            Some(seconds.to_string())
        } else {
            None
        })),
        "public_base" => Some(optional(if let LinkPolicy::Public { base } = &destination.link { base.clone() } else { None })),
        "file_name" => Some(destination.names.file.clone()),
        "clipboard_name" => Some(destination.names.clipboard.clone()),
        "max_bytes" => Some(optional(destination.max_bytes.map(|bytes| bytes.to_string()))),
        "any_file" => Some(destination.any_file.to_string()),
        field => images::get(&destination.images, field),
    } {
        return Ok(value);
    }
    let path = |path: &Option<std::path::PathBuf>| optional(path.as_ref().map(|path| path.display().to_string()));
    Ok(match (&destination.kind, field) {
        (Kind::S3(address), "endpoint") => address.endpoint.clone(),
        (Kind::S3(address), "region") => address.region.clone(),
        (Kind::S3(address), "access_key") => address.access_key.clone(),
        (Kind::S3(address), "path_style") => address.path_style.to_string(),
        (Kind::S3(address), "ca_file") => path(&address.ca_file),
        (Kind::Team(address), "server") => address.server.clone(),
        (Kind::Team(address), "phone") => address.phone.clone(),
        (Kind::Team(address), "allow_plain_http") => address.allow_plain_http.to_string(),
        (Kind::Team(address), "ca_file") => path(&address.ca_file),
        _ => return Err(of_another_kind(key, destination)),
    })
}

fn of_another_kind(key: &str, destination: &Destination) -> Error {
    Error::new(Code::BadRequest, words::of_another_kind(key, &destination.name))
}

fn set_field(destination: &mut Destination, key: &str, field: &str, value: &str) -> Result<()> {
    let number = |least: u64, most: u64| {
        value
            .parse::<u64>()
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| Error::new(Code::BadRequest, words::bad_number(key, least, most, value)))
    };
    let owned = || value.to_owned();
    if let Some(set) = images::set(&mut destination.images, key, field, value) {
        return set;
    }
    match field {
        "name" => destination.name = owned(),
        "bucket" => destination.bucket = owned(),
        "folder" => destination.folder = owned(),
        "link" => {
            destination.link = match (value, &destination.link) {
                ("public", kept @ LinkPolicy::Public { .. }) | ("presigned", kept @ LinkPolicy::Presigned { .. }) => kept.clone(),
                ("public", _) => LinkPolicy::Public { base: None },
                ("presigned", _) => LinkPolicy::default(),
                _ => return Err(wrong(key, "presigned | public", value)),
            }
        }
        "presign" => {
            let seconds = u32::try_from(number(1, u64::from(LONGEST_PRESIGN))?).unwrap_or(LONGEST_PRESIGN);
            destination.link = LinkPolicy::Presigned { seconds };
        }
        "public_base" => destination.link = LinkPolicy::Public { base: Some(owned()).filter(|base| !base.is_empty()) },
        "file_name" => destination.names.file = owned(),
        "clipboard_name" => destination.names.clipboard = owned(),
        "any_file" => destination.any_file = value.parse().map_err(|_| wrong(key, BOOLS, value))?,
        "max_bytes" => destination.max_bytes = if value.is_empty() { None } else { Some(number(1, MOST_BYTES)?) },
        _ => {
            let refused = of_another_kind(key, destination);
            match &mut destination.kind {
                Kind::S3(address) if !matches!(field, "server" | "phone" | "allow_plain_http") => {
                    set_address(address, key, field, value)?;
                }
                Kind::Team(address) => match field {
                    // What was said of one address holds for no other.
                    "server" => (address.server, address.allow_plain_http) = (owned(), false),
                    "phone" => address.phone = owned(),
                    "allow_plain_http" => address.allow_plain_http = value.parse().map_err(|_| wrong(key, BOOLS, value))?,
                    "ca_file" => address.ca_file = Some(value).filter(|path| !path.is_empty()).map(Into::into),
                    _ => return Err(refused),
                },
                _ => return Err(refused),
            }
        }
    }
    Ok(())
}

fn set_address(address: &mut S3Address, key: &str, field: &str, value: &str) -> Result<()> {
    match field {
        "endpoint" => value.clone_into(&mut address.endpoint),
        "region" => value.clone_into(&mut address.region),
        "access_key" => value.clone_into(&mut address.access_key),
        "path_style" => address.path_style = value.parse().map_err(|_| wrong(key, BOOLS, value))?,
        _ => address.ca_file = Some(value).filter(|path| !path.is_empty()).map(Into::into),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
