//! `settings.toml`: readable, versioned, without a secret, unknown keys and comments kept.
//!
//! This file holds the types; [`file`] reads, changes and writes, [`keys`] reaches every setting by its name, [`watch`] tells of changes
//! made by others; [`exchange`] takes them to another computer.

mod back;
pub mod exchange;
pub mod file;
mod folders;
pub mod keys;
mod network;
pub mod shortcuts;
pub mod watch;

pub(crate) use back::taken_back;

use std::path::PathBuf;

use imagepic_words::{Lang, destinations as words, links};
use serde::{Deserialize, Serialize};

use crate::destination::{Destination, Kind, THIS_COMPUTER};
use crate::error::{Code, Error, Result};
use crate::link::{Format, LinkTemplate, MOST_TEMPLATES};

/// Everything a person can set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(export)]
pub struct Settings {
    /// Version of the file's form; this build writes [`VERSION`].
    pub version: u32,
    /// `general.*`
    pub general: General,
    /// `capture.*`
    pub capture: Capture,
    /// `link.*`
    pub link: Link,
    /// `names.*`
    pub names: Naming,
    /// `shortcuts.*`
    pub shortcuts: shortcuts::Shortcuts,
    /// `destination.*`
    pub destination: Current,
    /// `[[destinations]]`; this computer is always among them.
    pub destinations: Vec<Destination>,
}

/// The form of `settings.toml` that this build reads and writes.
pub const VERSION: u32 = 1;

/// `general.*`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(export)]
pub struct General {
    /// `general.language`
    pub language: Language,
    /// `general.theme`
    pub theme: Theme,
    /// `general.notifications`
    pub notifications: Notifications,
    /// `general.proxy`: `system`, `none`, or an address (`http://`, `socks5://`), without a password.
    pub proxy: Proxy,
}

/// `general.language`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[ts(export)]
pub enum Language {
    /// As the system says.
    #[default]
    #[serde(rename = "system")]
    System,
    /// English.
    #[serde(rename = "en")]
    En,
    /// 简体中文.
    #[serde(rename = "zh-CN")]
    ZhCn,
}

/// `general.theme`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// `general.notifications`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Notifications {
    /// When a link was copied, and for everything that needs a person.
    #[default]
    All,
    /// Only for what failed, waits or asks.
    Problems,
    /// Only what asks a question; the tray icon shows the rest.
    Quiet,
}

/// `general.proxy`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Proxy {
    /// As the environment says (`HTTPS_PROXY`, `NO_PROXY`…).
    #[default]
    System,
    /// None at all.
    None,
    /// This address.
    #[serde(untagged)]
    Manual(String),
}

/// `capture.*`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(export)]
pub struct Capture {
    /// `capture.clipboard`
    pub clipboard: ClipboardMode,
    /// `capture.folders`: folders whose new images upload by themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<WatchedFolder>>", optional)]
    pub folders: Vec<WatchedFolder>,
}

/// One of `capture.folders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[ts(export)]
pub struct WatchedFolder {
    /// The whole path.
    pub path: PathBuf,
    /// A destination's id; the current one where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub destination: Option<String>,
    /// Also the folders in it.
    #[serde(default)]
    pub recursive: bool,
    /// Off: it is remembered and not watched.
    #[serde(default = "yes")]
    pub enabled: bool,
}

const fn yes() -> bool {
    true
}

/// `capture.clipboard`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum ClipboardMode {
    /// The clipboard is not watched.
    #[default]
    Off,
    /// A notification and the tray offer to upload.
    Ask,
    /// Images upload by themselves.
    Automatic,
}

/// `names.*`; the templates are each destination's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(export)]
pub struct Naming {
    /// `names.ask`: what is given by hand waits until a person has confirmed its name.
    pub ask: bool,
}

/// `link.*`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(export)]
pub struct Link {
    /// `link.format`
    pub format: Format,
    /// `[[link.templates]]`: formats of one's own, in the order menus show them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<LinkTemplate>>", optional)]
    pub templates: Vec<LinkTemplate>,
}

impl Link {
    /// Every format there is: those that are always there, and one's own.
    #[must_use]
    pub fn formats(&self) -> Vec<Format> {
        Format::ALL.into_iter().chain(self.templates.iter().map(|template| Format::Own(template.name))).collect()
    }

    /// Whether there is such a format.
    ///
    /// # Errors
    /// `BadRequest` at `format` for a template that is none, naming those there are.
    pub fn check(&self, format: Format) -> Result<()> {
        match format {
            Format::Own(name) if self.templates.iter().all(|template| template.name != name) => {
                let names: Vec<_> = self.templates.iter().map(|template| template.name.to_string()).collect();
                let text = if names.is_empty() { links::none(name) } else { links::no_such(name, names.join(", ")) };
                Err(Error::new(Code::BadRequest, text).at("format"))
            }
            _ => Ok(()),
        }
    }

    /// Takes these templates, checked; where the chosen one is no more, links are bare addresses again.
    ///
    /// # Errors
    /// `BadRequest` for one that cannot be understood, two of one name, or too many.
    pub fn set_templates(&mut self, templates: Vec<LinkTemplate>) -> Result<()> {
        if templates.len() > MOST_TEMPLATES {
            return Err(Error::new(Code::BadRequest, links::too_many(MOST_TEMPLATES)));
        }
        let mut checked: Vec<LinkTemplate> = Vec::with_capacity(templates.len());
        for template in templates {
            let template = LinkTemplate::new(template.name.as_str(), &template.text)?;
            let lower = template.name.as_str().to_lowercase();
            if checked.iter().any(|other| other.name.as_str().to_lowercase() == lower) {
                return Err(Error::new(Code::BadRequest, links::name_taken(template.name)).at("name"));
            }
            // One that was called so before this was refused stays usable: `custom:url` is another format than `url`.
            let had = self.templates.iter().any(|other| other.name == template.name);
            if !had && let Some(fixed) = Format::ALL.iter().find(|fixed| fixed.word() == lower) {
                return Err(Error::new(Code::BadRequest, links::name_fixed(template.name, fixed.word())).at("name"));
            }
            checked.push(template);
        }
        self.templates = checked;
        if self.check(self.format).is_err() {
            self.format = Format::Url;
        }
        Ok(())
    }
}

/// `destination.*`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(export)]
pub struct Current {
    /// `destination.current`: a destination's id (its name is understood when set).
    pub current: String,
}

impl Default for Current {
    fn default() -> Self {
        Self { current: THIS_COMPUTER.to_owned() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let mut settings = Self {
            version: VERSION,
            general: General::default(),
            capture: Capture::default(),
            link: Link::default(),
            names: Naming::default(),
            shortcuts: shortcuts::Shortcuts::default(),
            destination: Current::default(),
            destinations: Vec::new(),
        };
        settings.complete();
        settings
    }
}

impl Settings {
    /// The language of the settings, or the system's.
    #[must_use]
    pub fn lang(&self) -> Lang {
        match self.general.language {
            Language::System => Lang::of_system(),
            Language::En => Lang::En,
            Language::ZhCn => Lang::ZhCn,
        }
    }

    /// Where uploads go unless something else is said: this computer where the chosen one is gone.
    ///
    /// # Panics
    /// Never: this computer is always among the destinations.
    #[must_use]
    pub fn current(&self) -> &Destination {
        let by_id = |id: &str| self.destinations.iter().find(|destination| destination.id == id);
        by_id(&self.destination.current).or_else(|| by_id(THIS_COMPUTER)).expect("this computer is always among the destinations")
    }

    /// The destination with this id, or else with this name, whatever its case. This computer answers to its name in every language.
    ///
    /// # Errors
    /// `NoSuchDestination`, naming the ones there are.
    pub fn find(&self, name_or_id: &str) -> Result<&Destination> {
        let wanted = name_or_id.trim();
        let lower = wanted.to_lowercase();
        let by = |fits: &dyn Fn(&Destination) -> bool| self.destinations.iter().find(|destination| fits(destination));
        by(&|destination| destination.id == wanted)
            .or_else(|| by(&|destination| destination.name.to_lowercase() == lower))
            .or_else(|| by(&|destination| destination.id == THIS_COMPUTER && is_this_computers_name(wanted)))
            .ok_or_else(|| {
                let names: Vec<_> = self.destinations.iter().map(|destination| destination.name.as_str()).collect();
                Error::new(Code::NoSuchDestination, words::unknown(wanted, names.join(", ")))
            })
    }

    /// Adds `destination`, or replaces the one with its id; one without an id gets one. Form is checked.
    ///
    /// # Errors
    /// As [`Destination::checked`], and `BadRequest` at `name` where another destination has the name.
    pub fn put(&mut self, destination: &Destination) -> Result<Destination> {
        let mut new = destination.checked()?;
        let lower = new.name.to_lowercase();
        let taken = |other: &Destination| {
            other.id != new.id
                && (other.name.to_lowercase() == lower || other.id == THIS_COMPUTER && is_this_computers_name(&new.name))
        };
        if self.destinations.iter().any(taken) {
            return Err(Error::new(Code::BadRequest, words::name_taken(&new.name)).at("name"));
        }
        if new.id == THIS_COMPUTER {
            new.kind = Kind::ThisComputer;
        }
        if new.id.is_empty() {
            new.id = Destination::fresh_id(&new.name, self.destinations.iter().map(|other| other.id.as_str()));
        }
        match self.destinations.iter_mut().find(|other| other.id == new.id) {
            Some(place) => *place = new.clone(),
            None => self.destinations.push(new.clone()),
        }
        Ok(new)
    }

    /// Takes a destination out; where it was the current one, this computer is.
    ///
    /// # Errors
    /// `NoSuchDestination`; `BadRequest` for this computer.
    pub fn remove(&mut self, name_or_id: &str) -> Result<Destination> {
        let id = self.find(name_or_id)?.id.clone();
        if id == THIS_COMPUTER {
            return Err(Error::new(Code::BadRequest, words::this_computer_stays()));
        }
        let at = self.destinations.iter().position(|destination| destination.id == id).expect("it was found above");
        let removed = self.destinations.remove(at);
        if self.destination.current == id {
            THIS_COMPUTER.clone_into(&mut self.destination.current);
        }
        Ok(removed)
    }

    /// Puts this computer before all other destinations, named in the language of the settings unless a person named it.
    pub(crate) fn complete(&mut self) {
        let name = words::this_computer().to(self.lang());
        match self.destinations.iter().position(|destination| destination.id == THIS_COMPUTER) {
            Some(at) => {
                // A file has it wherever it was first changed.
                self.destinations[..=at].rotate_right(1);
                if is_this_computers_name(&self.destinations[0].name) {
                    self.destinations[0].name = name;
                }
            }
            None => self.destinations.insert(0, Destination::this_computer(name)),
        }
    }
}

fn is_this_computers_name(name: &str) -> bool {
    [Lang::En, Lang::ZhCn].iter().any(|lang| words::this_computer().to(*lang).to_lowercase() == name.trim().to_lowercase())
}
