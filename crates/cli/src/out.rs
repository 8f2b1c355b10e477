//! Standard output and standard error. A reader that goes away ends the writing, not the work.

use std::io::{self, BufRead as _, IsTerminal, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use imagepic_core::Error;
use imagepic_words::{Lang, Text, console as words};
use serde::Serialize;

pub(crate) struct Out {
    pub(crate) lang: Lang,
    closed: bool,
    failed: bool,
    answered: bool,
}

impl Out {
    pub(crate) const fn new(lang: Lang) -> Self {
        Self { lang, closed: false, failed: false, answered: false }
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
                self.unwritten(&error);
            }
        }
    }

    pub(crate) fn json(&mut self, value: &impl Serialize) {
        self.answered = true;
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

    /// Asks whoever sits at the terminal; anything but a clear yes is none.
    pub(crate) fn confirms(&self, question: &Text) -> bool {
        {
            let mut err = io::stderr().lock();
            let _ = write!(err, "{}", question.to(self.lang)).and_then(|()| err.flush());
        }
        let mut answer = String::new();
        let _ = io::stdin().lock().read_line(&mut answer);
        // Ctrl+D leaves whoever reads on in the line of the question.
        if !answer.ends_with('\n') {
            self.say("");
        }
        matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "是")
    }

    /// Tells an error and gives the exit code it means.
    pub(crate) fn failure(&self, error: &Error) -> u8 {
        self.say(&error.message(self.lang));
        if error.code == imagepic_core::Code::PlainHttp {
            self.tell(&imagepic_words::team::plain_hint());
        }
        crate::exit_code(error)
    }

    /// The answer is lost.
    pub(crate) fn unwritten(&self, error: &io::Error) {
        self.tell(&words::pipe_broken("").with("reason", imagepic_words::reason(error)));
    }

    /// What a program concludes where all went well but for the answer, which nobody got.
    pub(crate) const fn ends(&self, code: u8) -> u8 {
        if code == crate::WELL && self.failed { crate::FAILED } else { code }
    }

    /// Names one after the other, as they are written in this language.
    pub(crate) fn list(&self, names: &[String]) -> String {
        names.join(if self.lang == Lang::ZhCn { "、" } else { ", " })
    }

    /// Programs have their answer already.
    pub(crate) const fn answered(&self) -> bool {
        self.answered
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

/// Local time to the minute, of milliseconds since 1970.
pub(crate) fn time(milliseconds: i64) -> String {
    chrono::DateTime::from_timestamp_millis(milliseconds)
        .map(|time| time.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_default()
}

/// For programs: RFC 3339 in UTC, to the second, of milliseconds since 1970.
pub(crate) fn iso(milliseconds: i64) -> Option<String> {
    let at = chrono::DateTime::from_timestamp(milliseconds.div_euclid(1000), 0)?;
    Some(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

/// Milliseconds since 1970.
pub(crate) fn milliseconds(at: SystemTime) -> Option<i64> {
    i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// How long it is until then, in the largest unit that says enough.
pub(crate) fn left(until: i64, lang: Lang) -> String {
    let seconds = (until - milliseconds(SystemTime::now()).unwrap_or(until) + 500) / 1000;
    // A link made a moment ago for seven days opens for seven days, not for six.
    let round = |unit: i64| (seconds + unit / 2) / unit;
    match seconds {
        ..=0 => words::over(),
        1..120 => words::seconds(seconds),
        120..7_200 => words::minutes(round(60)),
        7_200..172_800 => words::hours(round(3_600)),
        _ => words::days(round(86_400)),
    }
    .to(lang)
}

/// As a shell takes it for one word.
pub(crate) fn quoted(name: &str) -> String {
    if name.chars().any(|c| c.is_whitespace() || "\"'`$&|;<>()*?[]#~!\\".contains(c)) {
        format!("'{}'", name.replace('\'', "'\\''"))
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_link_opens_is_said_as_it_was_meant() {
        let now = milliseconds(SystemTime::now()).expect("after 1970");
        for (seconds, says) in
            [(604_800, "7 days"), (86_400, "24 hours"), (3_600, "60 minutes"), (60, "60 seconds"), (1, "1 second"), (-5, "ended")]
        {
            assert_eq!(left(now + seconds * 1000, Lang::En), says);
        }
    }

    #[test]
    fn a_name_in_a_hint_can_be_copied_into_a_shell() {
        assert_eq!(quoted("team"), "team");
        assert_eq!(quoted("Team 1"), "'Team 1'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
