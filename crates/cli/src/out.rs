//! Standard output and standard error. A reader that goes away ends the writing, not the work.

use std::io::{self, IsTerminal, Write};

use imagepic_core::Error;
use imagepic_words::{Lang, Text, console as words};
use serde::Serialize;

pub(crate) struct Out {
    pub(crate) lang: Lang,
    closed: bool,
    failed: bool,
}

impl Out {
    pub(crate) const fn new(lang: Lang) -> Self {
        Self { lang, closed: false, failed: false }
    }

    /// One line of what was asked for.
    pub(crate) fn line(&mut self, line: &str) {
        if self.closed {
            return;
        }
        let mut out = io::stdout().lock();
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            self.closed = true;
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.failed = true;
                self.tell(&words::pipe_broken(error));
            }
        }
    }

    pub(crate) fn json(&mut self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(&text),
            Err(error) => self.say(&error.to_string()),
        }
    }

    /// Words for a person, which are never part of the answer.
    #[expect(clippy::unused_self, reason = "written where the answer is written")]
    pub(crate) fn say(&self, words: &str) {
        let _ = writeln!(io::stderr().lock(), "{words}");
    }

    pub(crate) fn tell(&self, text: &Text) {
        self.say(&text.to(self.lang));
    }

    /// Tells an error and gives the exit code it means.
    pub(crate) fn failure(&self, error: &Error) -> u8 {
        self.say(&error.message(self.lang));
        crate::exit_code(error)
    }

    /// The answer could not be written, for another reason than that nobody reads it.
    pub(crate) const fn lost(&self) -> bool {
        self.failed
    }

    pub(crate) fn watched() -> bool {
        io::stderr().is_terminal()
    }
}

/// Bytes for people, in powers of ten as file managers show them.
pub(crate) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
    let amount = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} kB", amount / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", amount / 1e6),
        _ => format!("{:.1} GB", amount / 1e9),
    }
}

/// Local time to the minute.
pub(crate) fn time(milliseconds: i64) -> String {
    chrono::DateTime::from_timestamp_millis(milliseconds)
        .map(|time| time.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_default()
}
