//! What is written about requests: JSON, a line each, on standard error. No query, no header, no body, no address of an object.
//!
//! Whatever text reaches the log through an error is looked over once more: telephone numbers lose their middle, and what stands
//! after a word such as `token` or in a query is gone.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::OnceLock;

use regex::{Captures, Regex};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Begins writing the log; the level is for imagepic's own parts, others are told of from `warn` on.
pub fn init(level: &str) {
    let own: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    let others = own.min(LevelFilter::WARN);
    let filter = Targets::new().with_default(others).with_target("imagepic", own);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(Lines);
    // Fails where a log is being written already, which then goes on.
    _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    std::panic::set_hook(Box::new(|panic| {
        // Not the message: it may show what a request brought.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a fault of the server: please report it with this line");
    }));
}

struct Lines;

struct Line;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        // A reader that went away must not stop a server for the sake of its log.
        _ = io::stderr().lock().write_all(private(&text).as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Text without telephone numbers, tokens, queries, and users in addresses.
pub(crate) fn private(text: &str) -> Cow<'_, str> {
    /// What each thing that is taken out has in it. Nearly no line has, and the whole pattern costs more than the rest of a line.
    static SUSPECT: OnceLock<Regex> = OnceLock::new();
    let suspect = SUSPECT.get_or_init(|| {
        Regex::new(r"eyJ|\?|://|[0-9]{8}|(?i:authorization|signature|secret|password|passwd|upwd|opwd|npwd|token)")
            .expect("a pattern that compiles: a test sees to it")
    });
    if suspect.is_match(text) { without_secrets(text) } else { Cow::Borrowed(text) }
}

fn without_secrets(text: &str) -> Cow<'_, str> {
    static SEEN: OnceLock<Regex> = OnceLock::new();
    let seen = SEEN.get_or_init(|| {
        Regex::new(concat!(
            r"(?P<jwt>\beyJ[\w-]+\.[\w-]*\.?[\w-]*)",
            r"|(?P<query>\?[^\s\x22'\\<>)]*=[^\s\x22'\\<>)]*)",
            r"|(?P<user>://[^\s\x22'/@\\]+@)",
            r"|(?P<phone>\+?[0-9]+)",
            r"|(?P<word>(?i:authorization|signature|secret\w*|password|passwd|upwd|opwd|npwd|token)\\?[\x22']?\s?[:=]\s?\\?[\x22']?(?i:bearer )?)(?P<value>[^\s\x22',}\\]+)",
        ))
        .expect("a pattern that compiles: a test sees to it")
    });
    seen.replace_all(text, |found: &Captures<'_>| {
        let whole = &found[0];
        if let Some(phone) = found.name("phone") {
            let phone = phone.as_str();
            return if is_phone(phone) { format!("{}…{}", &phone[..3], &phone[phone.len() - 2..]) } else { whole.to_owned() };
        }
        match (found.name("word"), found.name("user"), found.name("query")) {
            (Some(word), ..) => format!("{}…", word.as_str()),
            (_, Some(_), _) => "://…@".to_owned(),
            (.., Some(_)) => "?…".to_owned(),
            _ => "…".to_owned(),
        }
    })
}

/// `1[3-9]` and nine digits, or E.164 with its plus sign.
fn is_phone(digits: &str) -> bool {
    (digits.starts_with('+') && (9..=16).contains(&digits.len()))
        || (digits.len() == 11 && digits.starts_with('1') && !matches!(digits.as_bytes()[1], b'0'..=b'2'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_and_no_telephone_number_reaches_the_log() {
        for (line, expected) in [
            ("the account of 13800138000 cannot be read", "the account of 138…00 cannot be read"),
            ("auth_13800138000.json", "auth_138…00.json"),
            ("+8613800138000 and +15551234567", "+86…00 and +15…67"),
            ("GET /a?X-Amz-Signature=abc&x=1 failed", "GET /a?… failed"),
            ("postgres://imagepic:hunter2@db/imagepic", "postgres://…@db/imagepic"),
            ("token eyJhbGciOiJIUzI1NiJ9.eyJwIjoxfQ.sig-x here", "token … here"),
            ("{\"authorization\":\"Bearer abc.def\"}", "{\"authorization\":\"Bearer …\"}"),
            ("upwd=abc12345, phone", "upwd=…, phone"),
            (
                "{\"ms\":12,\"bytes\":1048576000,\"time\":\"2026-11-22T07:27:33.627Z\"}",
                "{\"ms\":12,\"bytes\":1048576000,\"time\":\"2026-11-22T07:27:33.627Z\"}",
            ),
            ("really? yes", "really? yes"),
            // A line of ours that is to arrive as it is.
            (
                "nobody can log in to an account: it has no usable password",
                "nobody can log in to an account: it has no usable password",
            ),
            // Digits of other scripts are several bytes each.
            ("13\u{967}\u{967}\u{967}", "13\u{967}\u{967}\u{967}"),
        ] {
            assert_eq!(private(line), expected, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_quick_look_lets_nothing_pass_that_the_whole_pattern_takes_out(
            text in "(eyJ[a-z.]{0,5}|\\?a=b|[+]?[0-9]{1,17}|s3://k@h|(Token|upwd|SECRETS)\\\\?[\"']?[:=] ?x|[ a-z?:/=@]{0,4}){0,8}"
        ) {
            proptest::prop_assert_eq!(private(&text), without_secrets(&text));
        }
    }
}
