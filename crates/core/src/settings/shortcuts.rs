//! Keys that do something from anywhere on the desktop, as text people read: `Ctrl+Alt+U`.
//!
//! What a combination may be is decided here, once for the settings window, the console and an imported file; who takes the keys from
//! the system is the shell's business.

use std::fmt;

use imagepic_words::{Text, shortcuts as words};
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// `shortcuts.*`; an empty text is no shortcut. None is set from the start: which keys are free is not ours to guess.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(export)]
pub struct Shortcuts {
    /// `shortcuts.upload_clipboard`
    pub upload_clipboard: String,
    /// `shortcuts.choose_files`
    pub choose_files: String,
    /// `shortcuts.drop_zone`
    pub drop_zone: String,
    /// `shortcuts.library`
    pub library: String,
    /// `shortcuts.pause`
    pub pause: String,
}

/// What keys can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Deed {
    /// Uploads what the clipboard holds.
    UploadClipboard,
    /// Opens the system's file picker.
    ChooseFiles,
    /// Opens the drop zone.
    DropZone,
    /// Opens the library.
    Library,
    /// Pauses uploads, or lets them go on.
    Pause,
}

impl Deed {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 5] = [Self::UploadClipboard, Self::ChooseFiles, Self::DropZone, Self::Library, Self::Pause];

    /// As in `settings.toml` and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UploadClipboard => "upload_clipboard",
            Self::ChooseFiles => "choose_files",
            Self::DropZone => "drop_zone",
            Self::Library => "library",
            Self::Pause => "pause",
        }
    }

    /// The deed called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.name() == name)
    }

    /// For people.
    #[must_use]
    pub fn words(self) -> Text {
        match self {
            Self::UploadClipboard => words::upload_clipboard(),
            Self::ChooseFiles => words::choose_files(),
            Self::DropZone => words::drop_zone(),
            Self::Library => words::library(),
            Self::Pause => words::pause(),
        }
    }
}

impl Shortcuts {
    /// The keys of a deed; empty for none.
    #[must_use]
    pub fn of(&self, deed: Deed) -> &str {
        match deed {
            Deed::UploadClipboard => &self.upload_clipboard,
            Deed::ChooseFiles => &self.choose_files,
            Deed::DropZone => &self.drop_zone,
            Deed::Library => &self.library,
            Deed::Pause => &self.pause,
        }
    }

    /// Gives keys to a deed; an empty text takes them away.
    ///
    /// # Errors
    /// `BadRequest` for keys that can be none, or that another deed has.
    pub fn set(&mut self, deed: Deed, text: &str) -> Result<()> {
        let keys = if text.trim().is_empty() { String::new() } else { Keys::parse(text)?.to_string() };
        let same = |other: &Deed| *other != deed && Keys::parse(self.of(*other)).is_ok_and(|theirs| theirs.to_string() == keys);
        if let Some(other) = Deed::ALL.iter().find(|other| same(other)) {
            return Err(Error::new(Code::BadRequest, words::taken(keys, "").with("action", other.words())));
        }
        *match deed {
            Deed::UploadClipboard => &mut self.upload_clipboard,
            Deed::ChooseFiles => &mut self.choose_files,
            Deed::DropZone => &mut self.drop_zone,
            Deed::Library => &mut self.library,
            Deed::Pause => &mut self.pause,
        } = keys;
        Ok(())
    }
}

/// A combination that was understood. Shown as `Ctrl+Alt+Shift+Super+KEY`, always in that order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Keys {
    /// Control.
    pub ctrl: bool,
    /// Alt, on a Mac Option.
    pub alt: bool,
    /// Shift.
    pub shift: bool,
    /// The key with the system's logo.
    pub logo: bool,
    /// A letter, a digit, `F1` to `F24`, or one of [`NAMED`].
    pub key: String,
}

/// Keys with names, those of W3C's `KeyboardEvent.code` but for the arrows and `PrintScreen`.
pub const NAMED: [&str; 25] = [
    "Space",
    "Insert",
    "Delete",
    "Home",
    "End",
    "PageUp",
    "PageDown",
    "Up",
    "Down",
    "Left",
    "Right",
    "PrintScreen",
    "Pause",
    "ScrollLock",
    "Minus",
    "Equal",
    "Comma",
    "Period",
    "Slash",
    "Backslash",
    "Semicolon",
    "Quote",
    "Backquote",
    "BracketLeft",
    "BracketRight",
];

/// With Ctrl alone these mean the same wherever one types.
const EVERYBODYS: [&str; 10] = ["A", "C", "F", "N", "O", "P", "S", "V", "X", "Z"];

impl Keys {
    /// Understands `Ctrl+Alt+U`, in any order and case; `Control`, `Option`, `Meta`, `Win` and `Cmd` are understood too.
    ///
    /// # Errors
    /// `BadRequest`: no key, one that is not known, one without which nobody can type, or one that every program uses.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |text| Error::new(Code::BadRequest, text);
        let shown: String = text.trim().chars().filter(|c| !c.is_control()).take(60).collect();
        let mut keys = Self { ctrl: false, alt: false, shift: false, logo: false, key: String::new() };
        for part in shown.split('+').map(str::trim) {
            match part.to_lowercase().as_str() {
                "ctrl" | "control" => keys.ctrl = true,
                "alt" | "option" => keys.alt = true,
                "shift" => keys.shift = true,
                "super" | "meta" | "win" | "cmd" | "command" => keys.logo = true,
                "" => return Err(bad(words::no_key(&shown))),
                _ if keys.key.is_empty() => keys.key = key(part).ok_or_else(|| bad(words::unknown_key(&shown, part)))?,
                _ => return Err(bad(words::unknown_key(&shown, part))),
            }
        }
        if keys.key.is_empty() {
            return Err(bad(words::no_key(&shown)));
        }
        let function = keys.key.len() > 1 && keys.key.starts_with('F') && keys.key[1..].parse::<u8>().is_ok();
        let alone = function || matches!(keys.key.as_str(), "PrintScreen" | "Pause" | "ScrollLock");
        if !(keys.ctrl || keys.alt || keys.logo || alone) {
            return Err(bad(words::needs_modifier(keys.to_string())));
        }
        if keys.ctrl && !keys.alt && !keys.shift && !keys.logo && EVERYBODYS.contains(&keys.key.as_str()) {
            return Err(bad(words::everybodys(keys.to_string())));
        }
        Ok(keys)
    }
}

fn key(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let single = upper.len() == 1 && upper.chars().all(|c| c.is_ascii_alphanumeric());
    let function = upper.strip_prefix('F').and_then(|number| number.parse::<u8>().ok()).is_some_and(|n| (1..=24).contains(&n));
    if single || function {
        return Some(upper);
    }
    NAMED.iter().find(|name| name.eq_ignore_ascii_case(text)).map(|name| (*name).to_owned())
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "Ctrl+"), (self.alt, "Alt+"), (self.shift, "Shift+"), (self.logo, "Super+")] {
            if held {
                f.write_str(name)?;
            }
        }
        f.write_str(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_understood_however_a_person_writes_them_and_shown_one_way() {
        for (text, shown) in [
            ("ctrl+alt+u", "Ctrl+Alt+U"),
            ("Alt + Control + u", "Ctrl+Alt+U"),
            ("Meta+Shift+f9", "Shift+Super+F9"),
            ("printscreen", "PrintScreen"),
            ("F12", "F12"),
            ("super+comma", "Super+Comma"),
            ("Ctrl+Shift+V", "Ctrl+Shift+V"),
        ] {
            let keys = Keys::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(keys.to_string(), shown);
            assert_eq!(Keys::parse(shown).expect("its own form"), keys);
        }
    }

    #[test]
    fn keys_that_would_take_typing_or_copying_away_are_refused_with_the_reason() {
        for (text, word) in [
            ("U", "every program you type in"),
            ("Shift+U", "every program you type in"),
            ("Ctrl+C", "copy, paste"),
            ("ctrl+v", "copy, paste"),
            ("Ctrl+Alt", "names no key"),
            ("Ctrl++U", "names no key"),
            ("Ctrl+Alt+Foo", "Foo"),
            ("Ctrl+U+I", "\"I\""),
            ("F25", "F25"),
        ] {
            let error = Keys::parse(text).expect_err(text);
            assert!(error.to_string().contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn two_deeds_never_share_keys() {
        let mut shortcuts = Shortcuts::default();
        shortcuts.set(Deed::UploadClipboard, "ctrl+alt+u").expect("free");
        let error = shortcuts.set(Deed::Library, "Alt+Ctrl+U").expect_err("taken");
        assert!(error.to_string().contains("Upload clipboard"), "{error}");
        shortcuts.set(Deed::UploadClipboard, "Ctrl+Alt+U").expect("its own keys again");
        shortcuts.set(Deed::UploadClipboard, "").expect("none");
        shortcuts.set(Deed::Library, "Ctrl+Alt+U").expect("free again");
        assert_eq!((shortcuts.library.as_str(), shortcuts.upload_clipboard.as_str()), ("Ctrl+Alt+U", ""));
    }
}
