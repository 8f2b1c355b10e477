//! Diagnostics: what surrounds imagepic and how it stands, in words that can be copied into a report.
//!
//! Whatever is said here leaves the computer, so nothing in it is a secret: no key, no password, no signature, no query of an address.
//! Each line is put together from harmless parts, and the finished line passes the log's redaction as well. What only the tray app knows
//! (tray, keys, notifications) it hands in itself.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use chrono::{DateTime, Local};
use imagepic_words::{Lang, doctor as words};
use serde::Serialize;

use super::{Inner, SecretsPlace};
use crate::autostart::Autostart;
use crate::destination::{Destination, Kind};
use crate::error::{Code, Result};
use crate::event::Stage;
use crate::log::redact;
use crate::settings::{Proxy, exchange};

/// Lines of the log that are told at most, and how much of its end is looked at, in bytes.
const LOG: (usize, u64) = (10, 64 << 10);
/// Uploads in trouble that are told at most.
const TROUBLES: usize = 5;
/// Less room than this is told, in bytes.
const LITTLE_ROOM: u64 = 500_000_000;
/// What a proxy can be named by.
const VARIABLES: [&str; 8] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"];

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Health {
    /// Nothing to judge.
    Fact,
    /// As it should be.
    Good,
    /// Works, with something to know.
    Warn,
    /// Does not work.
    Bad,
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Finding {
    /// For programs: `version`, `clipboard`, `destination.team`…
    pub topic: String,
    /// How it stands.
    pub health: Health,
    /// What it is about, for people.
    pub label: String,
    /// What was found, for people.
    pub text: String,
}

impl Finding {
    /// A line; its text loses whatever looks like a secret.
    #[must_use]
    pub fn new(topic: impl Into<String>, health: Health, label: &str, text: &str) -> Self {
        let text = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        Self { topic: topic.into(), health, label: redact(label).into_owned(), text: redact(&text).into_owned() }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export, rename = "DoctorReport")]
pub struct Report {
    /// In the order they are shown.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is bad.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.health != Health::Bad)
    }

    /// As text that can be copied.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        let mark = |health| match health {
            Health::Fact => " ",
            Health::Good => "✓",
            Health::Warn => "!",
            Health::Bad => "✗",
        };
        let colon = if lang == Lang::ZhCn { "：" } else { ": " };
        let lines = self.findings.iter().map(|found| format!("{} {}{colon}{}\n", mark(found.health), found.label, found.text));
        redact(&format!("{}\n{}", words::report().to(lang), lines.collect::<String>())).into_owned()
    }
}

/// When a saved destination was last tested, and what was wrong.
pub(crate) type Tested = Mutex<BTreeMap<String, (SystemTime, Option<Code>)>>;

/// Handle to diagnostics.
#[derive(Clone)]
pub struct Doctor {
    pub(super) inner: Arc<Inner>,
}

impl Doctor {
    /// Looks at everything on this computer; asks nothing over the network. `beside` is what the caller alone knows; it stands behind the
    /// session.
    pub async fn report(&self, version: &str, beside: Vec<Finding>) -> Report {
        let lang = self.inner.hub.lang();
        let mut findings = vec![
            Finding::new("version", Health::Fact, &words::version().to(lang), &format!("imagepic {version}")),
            Finding::new("system", Health::Fact, &words::system().to(lang), &system()),
            session(lang),
        ];
        findings.extend(beside);
        findings.push(self.clipboard(lang).await);
        findings.push(self.secrets(lang).await);
        findings.extend(self.places(lang).await);
        findings.push(self.bucket(lang).await);
        findings.push(self.proxy(lang));
        findings.extend(self.destinations(lang).await);
        findings.extend(self.queue(lang));
        findings.extend(self.log(lang).await);
        Report { findings }
    }

    /// Puts a report on the clipboard, where no watch of ours takes it for something that was copied.
    ///
    /// # Errors
    /// `ClipboardUnavailable`.
    pub async fn copy(&self, report: &Report) -> Result<()> {
        let (clipboard, text) = (Arc::clone(&self.inner.outside.clipboard), report.text(self.inner.hub.lang()));
        crate::queue::blocking(move || clipboard.write_text(&text)).await.map(drop)
    }

    async fn clipboard(&self, lang: Lang) -> Finding {
        let clipboard = Arc::clone(&self.inner.outside.clipboard);
        let backend = crate::queue::blocking(move || clipboard.backend()).await;
        let label = &words::clipboard().to(lang);
        match backend {
            // A reason says why a better way was not taken.
            Ok(backend) if backend.contains('(') => Finding::new("clipboard", Health::Warn, label, &backend),
            Ok(backend) => Finding::new("clipboard", Health::Good, label, &backend),
            Err(error) => Finding::new("clipboard", Health::Warn, label, &error.message(lang)),
        }
    }

    async fn secrets(&self, lang: Lang) -> Finding {
        let (health, text) = match self.inner.outside.secrets.place().await {
            SecretsPlace::Keychain => (Health::Good, words::keychain_there()),
            SecretsPlace::File => (Health::Warn, words::keychain_file()),
        };
        Finding::new("secrets", health, &words::keychain().to(lang), &text.to(lang))
    }

    async fn places(&self, lang: Lang) -> Vec<Finding> {
        let home = self.inner.home.clone();
        let data = home.data().to_owned();
        let mut found = vec![Finding::new("home", Health::Fact, &words::home().to(lang), &data.display().to_string())];
        let file = self.inner.file.clone();
        let settings = crate::queue::blocking(move || file.load()).await;
        let (health, text) = match settings {
            Ok(_) => (Health::Good, words::settings_good(home.settings_file().display()).to(lang)),
            Err(error) => (Health::Bad, error.message(lang)),
        };
        found.push(Finding::new("settings", health, &words::settings().to(lang), &text));
        if let Some(free) = crate::queue::blocking(move || Ok(room(&data))).await.ok().flatten() {
            let amount = size(free);
            let (health, text) = if free < LITTLE_ROOM {
                (Health::Warn, words::disk_low(amount))
            } else {
                (Health::Good, words::disk_free(amount))
            };
            found.push(Finding::new("disk", health, &words::disk().to(lang), &text.to(lang)));
        }
        let on = Autostart::of(&home).is_on();
        let text = if on { words::on() } else { words::off() };
        found.push(Finding::new("autostart", Health::Fact, &words::autostart().to(lang), &text.to(lang)));
        found
    }

    async fn bucket(&self, lang: Lang) -> Finding {
        let status = super::BucketHost { inner: Arc::clone(&self.inner) }.status().await;
        let (health, text) = match (status.running, status.port, status.pid) {
            (true, Some(port), Some(pid)) => (Health::Good, words::bucket_at(port, pid)),
            _ => (Health::Warn, words::bucket_off()),
        };
        Finding::new("bucket", health, &words::bucket().to(lang), &text.to(lang))
    }

    fn proxy(&self, lang: Lang) -> Finding {
        let settings = self.inner.hub.settings();
        let text = match &settings.general.proxy {
            Proxy::None => words::proxy_none().to(lang),
            Proxy::Manual(address) => host(address),
            Proxy::System => {
                let set = VARIABLES.iter().filter_map(|name| {
                    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
                    // Lists of hosts hold no address of a proxy.
                    let value = if name.eq_ignore_ascii_case("no_proxy") { without_secrets(&value) } else { host(&value) };
                    Some(format!("{name}={value}"))
                });
                let set = set.collect::<Vec<_>>().join(", ");
                if set.is_empty() { words::proxy_system_none() } else { words::proxy_system(set) }.to(lang)
            }
        };
        Finding::new("proxy", Health::Fact, &words::proxy().to(lang), &text)
    }

    async fn destinations(&self, lang: Lang) -> Vec<Finding> {
        let all = super::Destinations { inner: Arc::clone(&self.inner) };
        let current = all.current().id;
        let mut found = Vec::new();
        for destination in all.list() {
            let name = &destination.name;
            let label = if destination.id == current { words::destination_current(name) } else { words::destination(name) };
            let place = place(&destination, lang);
            let tested = self.inner.tested.lock().unwrap_or_else(PoisonError::into_inner).get(&destination.id).copied();
            let (health, text) = match tested {
                Some((at, None)) => (Health::Good, words::tested_good(place, time(at))),
                Some((at, Some(code))) => (Health::Bad, words::tested_bad(place, time(at), code.as_str())),
                None if !all.secret_saved(&destination.id).await => (Health::Warn, words::secret_missing(place)),
                None => (Health::Fact, words::not_tested(place)),
            };
            let topic = format!("destination.{}", destination.id);
            found.push(Finding::new(topic, health, &label.to(lang), &text.to(lang)));
        }
        found
    }

    fn queue(&self, lang: Lang) -> Vec<Finding> {
        let now = self.inner.hub.snapshot();
        let count = |stages: &[Stage]| now.open.iter().filter(|upload| stages.contains(&upload.stage)).count();
        let (waiting, failed) = (count(&[Stage::Waiting]), count(&[Stage::Failed]));
        let counts = words::queue_counts(count(&[Stage::Queued, Stage::Sending]), waiting, failed).to(lang);
        let text = if now.paused { words::queue_paused(counts).to(lang) } else { counts };
        let health = if failed > 0 || waiting > 0 { Health::Warn } else { Health::Good };
        let mut found = vec![Finding::new("queue", health, &words::queue().to(lang), &text)];
        let trouble = now.open.iter().rev().filter(|upload| matches!(upload.stage, Stage::Failed | Stage::Waiting));
        found.extend(
            trouble
                .filter_map(|upload| {
                    let code = upload.code.map(Code::as_str).unwrap_or_default();
                    let message = format!("{code}: {}", upload.message.as_ref()?);
                    Some(Finding::new("upload", Health::Warn, &words::upload_failed(upload.id).to(lang), &message))
                })
                .take(TROUBLES),
        );
        found
    }

    async fn log(&self, lang: Lang) -> Vec<Finding> {
        let path = self.inner.home.logs().join("imagepic.log");
        let lines = crate::queue::blocking({
            let path = path.clone();
            move || Ok(end_of(&path))
        })
        .await
        .unwrap_or_default();
        let label = || words::log().to(lang);
        let wrong: Vec<&str> = lines.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR ")).collect();
        if wrong.is_empty() {
            return vec![Finding::new("log", Health::Good, &label(), &words::log_quiet(path.display()).to(lang))];
        }
        let from = wrong.len().saturating_sub(LOG.0);
        wrong[from..].iter().map(|line| Finding::new("log", Health::Warn, &label(), line)).collect()
    }
}

impl Inner {
    /// Keeps how a test went, where it was of a destination as it is saved.
    pub(crate) fn tested(&self, destination: &Destination, code: Option<Code>) {
        let saved = self.hub.settings().destinations.iter().any(|other| other == destination);
        if saved {
            let mut tested = self.tested.lock().unwrap_or_else(PoisonError::into_inner);
            tested.insert(destination.id.clone(), (self.outside.clock.now(), code));
        }
    }
}

/// Name of the system, its version and what it runs on.
fn system() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).map(|name| name.trim_matches('"'));
    format!("{} ({})", pretty.unwrap_or(std::env::consts::OS), std::env::consts::ARCH)
}

fn session(lang: Lang) -> Finding {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let kind = match (set("WAYLAND_DISPLAY"), set("DISPLAY")) {
        (Some(_), Some(_)) => Some("Wayland, XWayland"),
        (Some(_), None) => Some("Wayland"),
        (None, Some(_)) => Some("X11"),
        (None, None) => None,
    };
    let desktop = set("XDG_CURRENT_DESKTOP").or_else(|| set("DESKTOP_SESSION")).unwrap_or_else(|| "—".to_owned());
    let text = match kind {
        Some(kind) => words::session_is(kind, desktop).to(lang),
        None if cfg!(target_os = "linux") => words::session_none().to(lang),
        None => std::env::consts::OS.to_owned(),
    };
    Finding::new("session", Health::Fact, &words::session().to(lang), &text)
}

fn place(destination: &Destination, lang: Lang) -> String {
    match &destination.kind {
        Kind::ThisComputer => words::here(&destination.bucket).to(lang),
        Kind::S3(address) => address_at(destination, &address.endpoint),
        Kind::Team(address) => address_at(destination, &address.server),
    }
}

/// The place as it is shown anywhere, but with no more than the host of its address.
fn address_at(destination: &Destination, address: &str) -> String {
    exchange::place(destination).replacen(address, &host(address), 1)
}

/// `https://host:port` of an address; nothing else of it is anybody's business.
fn host(address: &str) -> String {
    let parsed = url::Url::parse(address).ok().filter(|url| url.host_str().is_some());
    match parsed {
        Some(url) => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
        }
        None => without_secrets(address),
    }
}

/// `user:password@host` without a scheme is no address; what stands before the last `@` goes all the same.
fn without_secrets(text: &str) -> String {
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    text.split(['?', '#']).next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

fn end_of(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG.1)))?;
        let mut bytes = Vec::new();
        file.take(LOG.1).read_to_end(&mut bytes)?;
        // A line that begins before what was read might be half a word that redaction would know.
        let whole = if length > LOG.1 { bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1) } else { 0 };
        Ok(bytes.split_off(whole))
    };
    read().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(target_os = "linux")]
fn room(folder: &Path) -> Option<u64> {
    let about = rustix::fs::statvfs(folder).ok()?;
    about.f_bavail.checked_mul(about.f_frsize)
}

#[cfg(not(target_os = "linux"))]
const fn room(_folder: &Path) -> Option<u64> {
    None
}

fn size(bytes: u64) -> String {
    const GB: u64 = 1_000_000_000;
    if bytes >= GB { format!("{}.{} GB", bytes / GB, bytes % GB / (GB / 10)) } else { format!("{} MB", bytes / 1_000_000) }
}

fn time(at: SystemTime) -> String {
    DateTime::<Local>::from(at).format("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_the_host_is_told() {
        for (address, told) in [
            ("http://ann:hunter2@proxy.example:3128/x?key=hunter2", "http://proxy.example:3128"),
            ("ann:hunter2@proxy.example:3128", "proxy.example:3128"),
            ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080"),
            ("https://s3.example/path/hunter2?X-Amz-Signature=hunter2", "https://s3.example"),
        ] {
            assert_eq!(host(address), told);
        }
        assert_eq!(without_secrets("localhost,.example"), "localhost,.example");
    }

    #[test]
    fn a_line_of_the_report_holds_no_signature_password_or_user() {
        let line = Finding::new(
            "log",
            Health::Warn,
            "Log",
            "WARN GET https://ann:hunter2@s3.example/a?X-Amz-Signature=hunter2 failed\nAuthorization: AWS4 hunter2 hunter2\nsecret_key=hunter2",
        );
        assert!(!line.text.contains("hunter2") && line.text.contains("s3.example"), "{}", line.text);
        assert_eq!(line.text.lines().count(), 1, "one finding is one line");
    }

    #[test]
    fn half_a_line_of_a_long_log_is_not_told() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("imagepic.log");
        let secret = "X-Amz-Signature=hunter2";
        let long = "x".repeat(usize::try_from(LOG.1).expect("small"));
        std::fs::write(&path, format!("{secret}{long}\nWARN the end\n")).expect("written");
        assert_eq!(end_of(&path), "WARN the end\n");
    }
}
