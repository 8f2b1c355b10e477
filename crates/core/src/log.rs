//! The log: `logs/imagepic.log`, rotated, written by every process of a home, and cleaned of what must never stand in a file.
//!
//! Cleaning happens on the finished line, whoever wrote it: a library that prints a URL must not leak the signature in it.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::home::Home;

/// `IMAGEPIC_LOG=debug` says more about imagepic itself; libraries stay at warnings, since what they print is not ours to judge.
pub const VARIABLE: &str = "IMAGEPIC_LOG";

/// A log larger than this, in bytes, becomes the last one and a new one is begun.
const LARGEST: u64 = 1 << 20;
/// Logs that are kept beside the present one.
const KEPT: u32 = 3;
/// Bytes after which the file is opened anew, to notice that another process has rotated.
const LOOK: u64 = 64 << 10;

/// The log of this process.
#[derive(Debug, Clone)]
pub struct Log {
    file: Arc<Rotating>,
}

impl Log {
    /// Where it is written.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.file.path()
    }
}

/// Sends what this process traces to the home's log; panics too. The file is opened with the first line. A second call changes nothing.
pub fn init(home: &Home) -> Log {
    let level = std::env::var(VARIABLE).ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let log = Log { file: Arc::new(Rotating { home: home.clone(), open: Mutex::default() }) };
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(log.clone());
    if tracing_subscriber::registry().with(worth(level)).with(layer).try_init().is_ok() {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            tracing::error!("panic: {panic}");
            before(panic);
        }));
    }
    log
}

/// What is worth a line, and stands in the report of what went wrong.
fn worth(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        // s3s calls every refused request of a stranger an error; the bucket tells of its own ones.
        .with_target("s3s", LevelFilter::OFF)
        // What it leaves out of a PNG without harm it warns of; what it cannot do comes back as an error.
        .with_target("oxipng", LevelFilter::OFF)
        .with_target("imagepic", level)
}

#[derive(Debug)]
struct Rotating {
    home: Home,
    open: Mutex<Option<(File, u64)>>,
}

impl Rotating {
    fn path(&self) -> PathBuf {
        self.home.logs().join("imagepic.log")
    }

    fn write(&self, line: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_none_or(|(_, written)| *written > LOOK) {
            *open = None;
            *open = Some((self.open()?, 0));
        }
        if let Some((file, written)) = open.as_mut() {
            // One call a line: processes that append to one file do not tear each other's lines apart.
            file.write_all(line)?;
            *written += line.len() as u64;
        }
        Ok(())
    }

    fn open(&self) -> io::Result<File> {
        let path = self.path();
        let large = |path: &Path| fs::metadata(path).is_ok_and(|data| data.len() > LARGEST);
        if large(&path)
            && let Ok(_lock) = self.home.lock("log")
            && large(&path)
        {
            let numbered = |number: u32| self.home.logs().join(format!("imagepic.{number}.log"));
            for number in (1..KEPT).rev() {
                let _ = fs::rename(numbered(number), numbered(number + 1));
            }
            let _ = fs::rename(&path, numbered(1));
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { file: &self.file }
    }
}

/// Writes one event.
#[derive(Debug)]
pub struct Line<'a> {
    file: &'a Rotating,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        // A home that cannot be written must not stop anything for the sake of a log.
        let _ = self.file.write(redact(&line).as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Words after which a value follows that nobody may read, compared in lower case.
const KEYWORDS: [&str; 13] = [
    "authorization",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-credential",
    "signature",
    "secret_access_key",
    "secret_key",
    "secret-key",
    "secretkey",
    "x-picgo-secret",
    "session_token",
    "password",
    "passwd",
];

const GONE: &str = "…";

/// `text` without query strings, without users and passwords in addresses, and without the values of what is named like a secret.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let suspicious = text.contains('?') || text.contains("://") || {
        let lower = text.to_ascii_lowercase();
        KEYWORDS.iter().any(|word| lower.contains(word))
    };
    if !suspicious {
        return Cow::Borrowed(text);
    }
    Cow::Owned(values(&credentials(&queries(text))))
}

fn ends_a_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | ']' | '}' | '`')
}

/// `…?name=value&…` → `…?…`
fn queries(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('?') {
        let (before, query) = rest.split_at(at + 1);
        out.push_str(before);
        let end = query.find(ends_a_word).unwrap_or(query.len());
        if end > 0 {
            out.push_str(GONE);
        }
        rest = &query[end..];
    }
    out.push_str(rest);
    out
}

/// `https://user:password@host` → `https://…@host`
fn credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c| ends_a_word(c) || matches!(c, '/' | '?' | '#')).unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(host) => {
                out.push_str(GONE);
                rest = &after[host..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

/// `Authorization: …` to the end of its line; `secret_key = "…"` to the end of the value.
fn values(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let found = KEYWORDS.iter().filter_map(|word| lower[at..].find(word).map(|start| (at + start, *word))).min();
        let Some((start, word)) = found else { break };
        let after = start + word.len();
        let separators =
            lower[after..].find(|c: char| !matches!(c, '"' | '\'' | ':' | '=' | ' ' | '(')).unwrap_or(lower.len() - after);
        let named = lower[after..after + separators].contains([':', '=', '(']);
        out.push_str(&text[at..after]);
        at = after;
        if named {
            out.push_str(&text[after..after + separators]);
            let value = after + separators;
            // A header's value has spaces and commas in it.
            let whole = word == "authorization";
            let end = lower[value..].find(|c| if whole { c == '\n' } else { ends_a_word(c) || c == ',' || c == '&' });
            out.push_str(GONE);
            at = value + end.unwrap_or(lower.len() - value);
        }
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn signatures_passwords_and_secrets_do_not_reach_the_log() {
        for (line, expected) in [
            ("GET https://s3.example/b/k?X-Amz-Signature=abc&x=1 failed", "GET https://s3.example/b/k?… failed"),
            ("url=\"http://127.0.0.1:9/i/a.png?a=b\" took 3 ms", "url=\"http://127.0.0.1:9/i/a.png?…\" took 3 ms"),
            ("/images/a.png?X-Amz-Credential=AK", "/images/a.png?…"),
            ("proxy http://ann:hunter2@proxy:3128/ refused", "proxy http://…@proxy:3128/ refused"),
            ("Authorization: AWS4-HMAC-SHA256 Credential=AK/x, Signature=abc\nnext", "Authorization: …\nnext"),
            ("headers {\"authorization\": \"Bearer abc def\"}", "headers {\"authorization\": \"…"),
            ("secret_key=hunter2, region=eu", "secret_key=…, region=eu"),
            ("Password(\"hunter2\") is", "Password(\"…\") is"),
            ("X-Amz-Signature=abc&other=1", "X-Amz-Signature=…&other=1"),
            ("the signature of a.png does not fit", "the signature of a.png does not fit"),
            ("uploaded 团队/图.png in 12 ms", "uploaded 团队/图.png in 12 ms"),
            ("really? yes", "really? yes"),
        ] {
            assert_eq!(redact(line), expected);
        }
    }

    #[test]
    fn what_other_code_does_without_harm_is_not_reported_as_trouble() {
        let worth = worth(LevelFilter::INFO);
        assert!(!worth.would_enable("oxipng::headers", &tracing::Level::WARN));
        assert!(!worth.would_enable("s3s::ops", &tracing::Level::ERROR));
        assert!(worth.would_enable("imagepic_core::queue", &tracing::Level::INFO));
        assert!(worth.would_enable("hyper", &tracing::Level::WARN) && !worth.would_enable("hyper", &tracing::Level::INFO));
    }

    #[test]
    fn a_full_log_is_set_aside_and_old_ones_go() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let home = Home::at(dir.path());
        home.prepare().expect("a fresh home");
        let log = Rotating { home: home.clone(), open: Mutex::default() };
        let line = [b'x'; 100_000];
        for _ in 0..70 {
            log.write(&line).expect("written");
        }
        let mut names: Vec<_> = fs::read_dir(home.logs()).expect("there").flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        assert_eq!(names, ["imagepic.1.log", "imagepic.2.log", "imagepic.3.log", "imagepic.log"]);
        for entry in fs::read_dir(home.logs()).expect("there").flatten() {
            assert!(entry.metadata().expect("there").len() <= LARGEST + LOOK + 2 * line.len() as u64);
        }
    }

    proptest! {
        #[test]
        fn a_query_never_survives_whatever_stands_around_it(before in "\\PC*", secret in "[a-z0-9]{12}", after in "\\PC*") {
            let line = format!("{before} https://a.example/k?X-Amz-Signature={secret} {after}");
            prop_assert!(!redact(&line).contains(&secret));
        }
    }
}
