//! Why a server cannot start, for whoever starts it.

use imagepic_words::{Lang, Text, server as words};

/// Why a server cannot start.
#[derive(Debug)]
pub enum OpenError {
    /// The accounts cannot be opened.
    Accounts(String),
    /// The store cannot be opened.
    Store(String),
    /// A whole sentence.
    Told(Text),
}

impl OpenError {
    /// The sentence.
    #[must_use]
    pub fn to(&self, lang: Lang) -> String {
        match self {
            Self::Accounts(reason) => words::accounts_unusable(reason.trim_end_matches('.')).to(lang),
            Self::Store(reason) => words::store_unusable(reason.trim_end_matches('.')).to(lang),
            Self::Told(text) => text.to(lang),
        }
    }
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to(Lang::En))
    }
}

impl std::error::Error for OpenError {}
