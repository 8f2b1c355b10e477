//! Every sentence a person reads from Rust, in English and Simplified Chinese.
//!
//! The sentences live in `locales/*.toml`; the build turns each into a function that takes what the sentence needs, so that a
//! missing sentence, language or argument is a compile error. A [`Text`] is kept as key and arguments and becomes words only
//! where somebody reads it: the same journal row speaks whichever language is chosen today.
//!
//! What stays out: choosing a language (settings do that) and the windows' own labels (`ui/src/locales`).

#[cfg(test)]
mod chinese;
mod reason;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use reason::reason;

include!(concat!(env!("OUT_DIR"), "/sentences.rs"));

/// A name or an address as it may stand beside other words: in the place of each letter that turns writing around (Unicode Standard
/// Annex 9, explicit directional formatting) stands a sign, so that `gnp.exe` is not read from the right, and the words behind it are
/// not either. Letters of every script stay.
#[must_use]
pub fn upright(text: &str) -> Cow<'_, str> {
    let turns = |letter: char| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.contains(turns) { Cow::Owned(text.replace(turns, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A language imagepic speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Lang {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// 简体中文.
    #[serde(rename = "zh-CN")]
    ZhCn,
}

impl Lang {
    /// The language of a locale name such as `zh_CN.UTF-8`, `zh-Hans` or `en_GB`: Chinese for every `zh`, English otherwise.
    #[must_use]
    pub fn from_locale(locale: &str) -> Self {
        let head = locale.split(['_', '-', '.', '@']).next().unwrap_or_default();
        if head.eq_ignore_ascii_case("zh") { Self::ZhCn } else { Self::En }
    }

    /// The language this system asks for, after POSIX: `LANGUAGE` (first entry), `LC_ALL`, `LC_MESSAGES`, `LANG`.
    #[must_use]
    pub fn of_system() -> Self {
        ["LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty())
            .map_or(Self::En, |value| Self::from_locale(value.split(':').next().unwrap_or_default()))
    }

    /// The BCP 47 tag, as `<html lang>` and the settings want it.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhCn => "zh-CN",
        }
    }
}

/// A sentence that has not been put into a language yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    key: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    args: Vec<(String, String)>,
    /// Arguments that are sentences themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    texts: Option<Box<Texts>>,
}

/// Apart, because few sentences have any, and every error carries one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Texts(Vec<(String, Text)>);

struct Sentence {
    en: &'static str,
    en_one: Option<&'static str>,
    zh_cn: &'static str,
    count: Option<&'static str>,
}

impl Text {
    fn new(key: &str, args: Vec<(String, String)>) -> Self {
        Self { key: key.to_owned(), args, texts: None }
    }

    /// Takes `text` for the argument `name`, whatever was given there before: it is said in the language of the whole.
    #[must_use]
    pub fn with(mut self, name: &str, text: Self) -> Self {
        self.args.retain(|(known, _)| known != name);
        let texts = &mut self.texts.get_or_insert_default().0;
        texts.retain(|(known, _)| known != name);
        texts.push((name.to_owned(), text));
        self
    }

    /// `file.sentence`, stable across languages; what a test or a log may look at.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The sentence in `lang`. A key this version does not know (a journal written by a newer one) reads as the key itself.
    #[must_use]
    pub fn to(&self, lang: Lang) -> String {
        let Some(sentence) = sentence(&self.key) else { return self.key.clone() };
        let one = || self.argument(sentence.count?).filter(|count| *count == "1").and(sentence.en_one);
        let template = match lang {
            Lang::En => one().unwrap_or(sentence.en),
            Lang::ZhCn => sentence.zh_cn,
        };
        self.fill(template, lang)
    }

    /// The same, said to somebody who has the form it is about before them: without the way there, where the sentence names one.
    #[must_use]
    pub fn at_hand(mut self) -> Self {
        let at_hand = format!("{}_at_hand", self.key);
        if sentence(&at_hand).is_some() {
            self.key = at_hand;
        }
        self
    }

    fn argument(&self, name: &str) -> Option<&str> {
        self.args.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// One pass, so that an argument holding braces is never taken for a placeholder.
    fn fill(&self, template: &str, lang: Lang) -> String {
        let mut out = String::with_capacity(template.len() + 32);
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let tail = &rest[at..];
            if tail.starts_with("{{") || tail.starts_with("}}") {
                out.push_str(&tail[..1]);
                rest = &tail[2..];
            } else if let Some(end) = tail.find('}').filter(|_| tail.starts_with('{')) {
                let name = &tail[1..end];
                let mut texts = self.texts.iter().flat_map(|texts| &texts.0);
                match texts.find(|(known, _)| known == name) {
                    Some((_, text)) => out.push_str(&text.to(lang)),
                    None => out.push_str(&upright(self.argument(name).unwrap_or_default())),
                }
                rest = &tail[end + 1..];
            } else {
                out.push_str(&tail[..1]);
                rest = &tail[1..];
            }
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_that_looks_like_a_placeholder_is_shown_as_it_is() {
        let text = errors::file_missing("{path}");
        assert_eq!(text.to(Lang::En), "{path} is not there.");
    }

    #[test]
    fn a_name_turns_no_sentence_around() {
        let text = errors::file_missing("a\u{202e}gnp.exe\u{2069}");
        assert_eq!(text.to(Lang::En), "a\u{fffd}gnp.exe\u{fffd} is not there.");
        assert_eq!(upright("صور شاشة.png"), "صور شاشة.png");
    }

    #[test]
    fn who_has_the_form_open_is_not_sent_to_it_and_every_other_sentence_stays_the_same() {
        let key = errors::secret_missing("Studio");
        assert!(key.to(Lang::En).contains("settings of this destination"));
        assert!(!key.at_hand().to(Lang::En).contains("settings"));
        let unreachable = store::unreachable("s3.example.com");
        assert_eq!(unreachable.clone().at_hand(), unreachable);
    }

    #[test]
    fn a_text_survives_the_journal_and_then_speaks_another_language() {
        let text = errors::file_missing("a.png");
        let kept = serde_json::to_string(&text).expect("a text serialises");
        let back: Text = serde_json::from_str(&kept).expect("a text deserialises");
        assert_eq!(back.to(Lang::ZhCn), "a.png 不存在。");
    }

    #[test]
    fn a_sentence_within_a_sentence_speaks_the_same_language() {
        let text = settings::bad_value("proxy", "", "x").with("allowed", settings::not_text());
        let kept = serde_json::to_string(&text).expect("a text serialises");
        let back: Text = serde_json::from_str(&kept).expect("a text deserialises");
        assert_eq!(back.to(Lang::En), "\"proxy\" takes the file is not UTF-8 text, not \"x\".");
        assert_eq!(back.to(Lang::ZhCn), "“proxy”可以是 文件不是 UTF-8 文本，不能是“x”。");
    }

    #[test]
    fn system_locales_choose_the_language() {
        assert_eq!(Lang::from_locale("zh_CN.UTF-8"), Lang::ZhCn);
        assert_eq!(Lang::from_locale("zh-Hans"), Lang::ZhCn);
        assert_eq!(Lang::from_locale("de_DE"), Lang::En);
        assert_eq!(Lang::from_locale(""), Lang::En);
    }
}
