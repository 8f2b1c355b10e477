//! `settings.toml`: readable, versioned, without a secret, unknown keys and comments kept.

use serde::{Deserialize, Serialize};

use crate::destination::{Destination, THIS_COMPUTER};
use crate::link::Format;

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

/// `link.*`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(export)]
pub struct Link {
    /// `link.format`
    pub format: Format,
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
        Self {
            version: VERSION,
            general: General::default(),
            capture: Capture::default(),
            link: Link::default(),
            destination: Current::default(),
            destinations: Vec::new(),
        }
    }
}
