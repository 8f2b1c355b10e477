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

const BOOLS: &str = "true | false";

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
                    serde_json::from_str(list).map_err(|error| Error::new(Code::BadRequest, links::list_bad(error)))?;
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
    Error::new(Code::BadRequest, words::unknown_key(key, keys.join(", ")))
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
            let lang = imagepic_words::Lang::of_system();
            // What might hold a password is not repeated.
            if url.as_ref().is_some_and(|url| !url.username().is_empty() || url.password().is_some()) || address.contains('@') {
                return Err(wrong(key, words::proxy_allowed().to(lang), "…@…"));
            }
            url.filter(|url| matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") && url.host_str().is_some())
                .map(|_| Proxy::Manual(address.to_owned()))
                .ok_or_else(|| wrong(key, words::proxy_allowed().to(lang), address))
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
            .ok_or_else(|| wrong(key, words::number_allowed(least, most).to(imagepic_words::Lang::of_system()), value))
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
        "max_bytes" => destination.max_bytes = if value.is_empty() { None } else { Some(number(1, 1 << 50)?) },
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
mod tests {
    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::default();
        let team = Destination {
            id: "team".to_owned(),
            name: "Team v1.2".to_owned(),
            kind: Kind::S3(S3Address {
                endpoint: "https://s3.example".to_owned(),
                region: "eu-1".to_owned(),
                access_key: "AK".to_owned(),
                path_style: false,
                ca_file: None,
            }),
            bucket: "assets".to_owned(),
            ..Destination::this_computer(String::new())
        };
        let office = Destination {
            id: "office".to_owned(),
            name: "Office".to_owned(),
            kind: Kind::Team(crate::destination::TeamAddress {
                server: "https://images.example".to_owned(),
                phone: "13800138000".to_owned(),
                allow_plain_http: false,
                ca_file: None,
            }),
            ..team.clone()
        };
        settings.destinations.extend([team, office]);
        settings
    }

    #[test]
    fn every_key_reads_back_what_was_set() {
        let mut settings = settings();
        for (key, value) in [
            ("capture.clipboard", "automatic"),
            ("capture.folders", r#"[{"path":"/tmp/shots","destination":"team","recursive":true,"enabled":false}]"#),
            ("capture.folders", "[]"),
            ("general.language", "zh-CN"),
            ("general.theme", "dark"),
            ("general.notifications", "problems"),
            ("general.proxy", "socks5://127.0.0.1:1080"),
            ("general.proxy", "none"),
            ("link.format", "markdown"),
            ("link.templates", r#"[{"name":"wiki","text":"[[{url}|{alt}]]"},{"name":"two words","text":"{url}"}]"#),
            ("link.format", "custom:two words"),
            ("link.templates.wiki", "{url} {alt}"),
            ("link.templates.新 v1.2", "{url}"),
            ("names.ask", "true"),
            ("names.ask", "false"),
            ("shortcuts.upload_clipboard", "Ctrl+Alt+U"),
            ("shortcuts.pause", "F9"),
            ("shortcuts.pause", ""),
            ("destination.current", "team"),
            ("destinations.team.name", "Team two"),
            ("destinations.team.bucket", "shots"),
            ("destinations.team.folder", "docs/img"),
            ("destinations.team.presign", "3600"),
            ("destinations.team.link", "presigned"),
            ("destinations.team.public_base", "https://cdn.example"),
            ("destinations.team.link", "public"),
            ("destinations.team.file_name", "{hash}.{ext}"),
            ("destinations.team.clipboard_name", "{uuid}.{ext}"),
            ("destinations.team.strip_metadata", "false"),
            ("destinations.team.convert", "webp"),
            ("destinations.team.convert", "none"),
            ("destinations.team.quality", "72"),
            ("destinations.team.quality", ""),
            ("destinations.team.max_width", "2000"),
            ("destinations.team.max_height", "65500"),
            ("destinations.team.max_height", ""),
            ("destinations.team.squeeze", "true"),
            ("destinations.team.max_bytes", "1048576"),
            ("destinations.team.any_file", "true"),
            ("destinations.this-computer.any_file", "true"),
            ("destinations.team.endpoint", "http://127.0.0.1:9000"),
            ("destinations.team.region", "auto"),
            ("destinations.team.access_key", "AK2"),
            ("destinations.team.path_style", "true"),
            ("destinations.team.ca_file", "/etc/ca.pem"),
            ("destinations.office.server", "http://127.0.0.1:8080"),
            ("destinations.office.allow_plain_http", "true"),
            ("destinations.office.phone", "+4915112345678"),
            ("destinations.office.ca_file", "/etc/ca.pem"),
            ("destinations.this-computer.folder", "mine"),
        ] {
            settings.set_key(key, value).unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(settings.get_key(key).expect(key), value, "{key}");
        }
        for key in settings.keys() {
            settings.get_key(&key).unwrap_or_else(|error| panic!("{key}: {error}"));
        }
    }

    #[test]
    fn with_the_template_that_was_chosen_its_format_goes_and_no_other() {
        let mut settings = settings();
        settings.set_key("link.templates.wiki", "[[{url}]]").expect("set");
        settings.set_key("link.templates.other", "{url}").expect("set");
        settings.set_key("link.format", "CUSTOM:wiki").expect("chosen");
        settings.set_key("link.templates.other", "").expect("removed");
        assert_eq!(settings.get_key("link.format").expect("set"), "custom:wiki");
        settings.set_key("link.templates.wiki", "").expect("removed");
        assert_eq!(settings.get_key("link.format").expect("set"), "url");
        assert_eq!(settings.get_key("link.templates").expect("set"), "[]");
    }

    #[test]
    fn destinations_answer_to_their_names_dots_and_all() {
        let mut settings = settings();
        settings.set_key("destinations.team V1.2.folder", "x").expect("by name");
        settings.set_key("destination.current", "team v1.2").expect("by name");
        assert_eq!(settings.get_key("destination.current").expect("set"), "team");
    }

    #[test]
    fn what_cannot_be_set_is_refused_and_says_what_can() {
        for (key, value, word) in [
            ("general.theme", "purple", "system | light | dark"),
            ("capture.folders", "/tmp/shots", "[{\"path\":"),
            ("capture.folders", r#"[{"path":"shots"}]"#, "complete path"),
            ("capture.folders", r#"[{"path":"/tmp/a"},{"path":"/tmp/a/"}]"#, "already"),
            ("capture.folders", r#"[{"path":"/tmp/a","destination":"nowhere"}]"#, "Team v1.2"),
            ("general.colour", "x", "general.theme"),
            ("general.proxy", "http://u:hunter2@proxy:1", "without user"),
            ("general.proxy", "proxy", "socks5"),
            ("shortcuts.library", "Ctrl+V", "copy, paste"),
            ("link.format", "custom:wiki", "none has been made"),
            ("link.format", "latex", "markdown | html"),
            ("link.templates", "{}", "[{\"name\""),
            ("link.templates", r#"[{"name":"a","text":"{ulr}"}]"#, "{ulr}"),
            ("link.templates", r#"[{"name":"a","text":"{url}"},{"name":"A","text":"{url}"}]"#, "two link templates"),
            ("link.templates.wiki", "{alt}", "{url} is missing"),
            ("link.templates.wiki", "", "none has been made"),
            ("names.ask", "yes", "true | false"),
            ("destination.current", "nowhere", "Team v1.2"),
            ("destinations.team.secret", "x", "destinations.NAME.bucket"),
            ("destinations.team.presign", "604801", "604800"),
            ("destinations.team.endpoint", "s3.example", "https://"),
            ("destinations.this-computer.endpoint", "https://a.example", "This computer"),
            ("destinations.office.region", "eu-1", "Office"),
            ("destinations.team.phone", "13800138000", "Team v1.2"),
            ("destinations.team.convert", "avif", "none | png | jpeg | webp"),
            ("destinations.team.quality", "0", "100"),
            ("destinations.team.max_width", "65501", "65500"),
            ("destinations.office.server", "http://images.example", "without encryption"),
        ] {
            let mut settings = settings();
            let before = settings.clone();
            let error = settings.set_key(key, value).expect_err(key);
            assert!(error.to_string().contains(word), "{key}: {error}");
            assert!(!error.to_string().contains("hunter2"));
            assert_eq!(settings, before, "{key}");
        }
    }
}
