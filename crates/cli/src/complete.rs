//! What a shell offers at the Tab key. Read from the settings file alone: it never waits for a network, a keychain or another process.

use std::ffi::OsStr;

use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};
use imagepic_core::destination::{Destination, Kind};
use imagepic_core::home::Home;
use imagepic_core::settings::Settings;
use imagepic_core::settings::file::SettingsFile;
use imagepic_core::settings::keys;
use imagepic_words::Lang;

use crate::args;

/// Set by the scripts that [`script`] writes.
const VARIABLE: &str = "IMAGEPIC_COMPLETE";

/// Those a script can be had for.
pub(crate) const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// Answers a shell that asks; whether one did.
///
/// # Errors
/// Where the answer cannot be written, or the shell is none of [`SHELLS`].
pub(crate) fn answer(lang: Lang) -> Result<bool, clap::Error> {
    let here = std::env::current_dir().ok();
    CompleteEnv::with_factory(|| args::command(lang)).var(VARIABLE).try_complete(std::env::args_os(), here.as_deref())
}

/// What a shell reads once to ask this program at every Tab.
pub(crate) fn script(shell: &str) -> Option<String> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    shells.completer(shell)?.write_registration(VARIABLE, "imagepic", "imagepic", "imagepic", &mut script).ok()?;
    String::from_utf8(script).ok()
}

fn read() -> Option<Settings> {
    SettingsFile::of(&Home::locate().ok()?).load().ok()
}

/// The name, or the id where a shell would take the name for two words.
fn word(destination: &Destination) -> &str {
    if destination.name.contains(char::is_whitespace) { &destination.id } else { &destination.name }
}

pub(crate) fn nothing() -> Vec<CompletionCandidate> {
    Vec::new()
}

pub(crate) fn destinations() -> Vec<CompletionCandidate> {
    let Some(settings) = read() else { return Vec::new() };
    let help = |destination: &Destination| match &destination.kind {
        Kind::S3(address) => format!("{} ({})", destination.name, address.endpoint),
        _ => destination.name.clone(),
    };
    let all = settings.destinations.iter();
    all.map(|destination| CompletionCandidate::new(word(destination)).help(Some(help(destination).into()))).collect()
}

pub(crate) fn buckets() -> Vec<CompletionCandidate> {
    let Some(settings) = read() else { return Vec::new() };
    let mut names: Vec<String> = settings.destinations.into_iter().map(|destination| destination.bucket).collect();
    names.sort();
    names.dedup();
    names.into_iter().filter(|name| !name.is_empty()).map(CompletionCandidate::new).collect()
}

/// Buckets of the current destination as they are, those of the others with their destination before them.
pub(crate) fn places() -> Vec<CompletionCandidate> {
    let Some(settings) = read() else { return Vec::new() };
    let current = settings.current().id.clone();
    let place = |destination: &Destination| {
        let inside = format!("{}/", destination.bucket);
        let inside = if destination.bucket.is_empty() { String::new() } else { inside };
        if destination.id == current { inside } else { format!("{}:{inside}", word(destination)) }
    };
    let all = settings.destinations.iter().map(place).filter(|place| !place.is_empty());
    all.map(CompletionCandidate::new).collect()
}

pub(crate) fn settings() -> Vec<CompletionCandidate> {
    read().unwrap_or_default().keys().into_iter().map(CompletionCandidate::new).collect()
}

/// Values for the key that stands before; the line itself is the only place to read it from.
pub(crate) fn value(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    let line: Vec<String> = std::env::args().collect();
    let key = line.iter().position(|word| word == "set").and_then(|at| line.get(at + 1)).map(String::as_str).unwrap_or_default();
    let all: Vec<CompletionCandidate> = match key {
        "destination.current" => destinations(),
        _ if key.ends_with(".bucket") => buckets(),
        _ => keys::values(key).iter().map(|value| CompletionCandidate::new(*value)).collect(),
    };
    all.into_iter().filter(|candidate| candidate.get_value().to_string_lossy().starts_with(current)).collect()
}
