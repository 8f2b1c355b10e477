//! Why a configuration is refused, in either language.

use imagepic_words::{Lang, Text, server as words};

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `--listen` and its like.
    Flag,
    /// `IMAGEPIC_…`
    Environment,
    /// The settings file.
    File(String),
}

impl Source {
    fn text(&self) -> Text {
        match self {
            Self::Flag => words::source_flag(),
            Self::Environment => words::source_environment(),
            Self::File(path) => words::source_file(path),
        }
    }
}

/// What is wrong with a configuration. Never shows the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A value that is none.
    Value {
        /// The setting.
        name: String,
        /// What was given; `None` for a secret.
        value: Option<String>,
        /// Where.
        source: Source,
        /// What would have been right.
        allowed: Box<Text>,
    },
    /// A name nobody knows.
    Unknown {
        /// As it was written.
        name: String,
        /// What was given for it; `None` where it may be a secret.
        value: Option<String>,
        /// Where.
        source: Source,
        /// A known name that is close.
        near: Option<String>,
        /// All known names.
        allowed: String,
    },
    /// Something that another setting needs.
    Missing {
        /// The setting that is not there.
        name: String,
        /// The one that needs it.
        because: String,
        /// What it may be.
        allowed: Box<Text>,
    },
    /// Anything else, as a whole sentence.
    Other(Text),
}

impl Problem {
    /// The sentence for whoever starts the server.
    #[must_use]
    pub fn to(&self, lang: Lang) -> String {
        match self {
            Self::Value { name, value: Some(value), source, allowed } => {
                words::bad_value(name, value, source.text().to(lang), allowed.to(lang)).to(lang)
            }
            Self::Value { name, value: None, source, allowed } => {
                words::bad_secret(name, source.text().to(lang), allowed.to(lang)).to(lang)
            }
            Self::Unknown { name, value, source, near, allowed } => {
                let value = value.as_deref().unwrap_or("…");
                let source = source.text().to(lang);
                match near {
                    Some(near) => words::unknown_near(name, source, value, near, allowed).to(lang),
                    None => words::unknown(name, source, value, allowed).to(lang),
                }
            }
            Self::Missing { name, because, allowed } => words::missing(name, because, allowed.to(lang)).to(lang),
            Self::Other(text) => text.to(lang),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to(Lang::En))
    }
}

impl std::error::Error for Problem {}
