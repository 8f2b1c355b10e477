//! Settings, this computer's bucket and completions.

use clap::ArgMatches;
use imagepic_core::autostart::{self, Autostart};
use imagepic_core::engine::{BucketHost, Engine, HostStatus};
use imagepic_core::home::Home;
use imagepic_core::settings::file::SettingsFile;
use imagepic_core::{Code, Error, Result};
use imagepic_words::{Lang, Text, console as words};
use serde_json::json;

use crate::out::{Out, size};
use crate::{FAILED, USAGE, WELL, complete, exchange};

/// Needs no engine: a running tray app watches the file.
pub(crate) fn settings(home: &Home, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let file = SettingsFile::of(home);
    match args.subcommand() {
        Some(("export", args)) => return exchange::export(home, args, out),
        Some(("import", args)) => return exchange::import(home, args, out),
        Some(("get", args)) => {
            let settings = file.load()?;
            let autostart = || Autostart::of(home).is_on();
            match args.get_one::<String>("key") {
                Some(key) if key == autostart::KEY => out.line(&autostart().to_string()),
                Some(key) => out.line(&settings.get_key(key)?),
                None => {
                    for key in settings.keys() {
                        out.line(&format!("{key} = {}", settings.get_key(&key)?));
                    }
                    out.line(&format!("{} = {}", autostart::KEY, autostart()));
                }
            }
        }
        Some(("set", args)) => {
            let given = |id: &str| args.get_one::<String>(id).map(String::as_str).unwrap_or_default();
            home.prepare()?;
            if given("key") == autostart::KEY {
                autostart::set(home, given("value"))?;
                return Ok(WELL);
            }
            if given("key").ends_with(".ca_file") && !given("value").trim().is_empty() {
                imagepic_core::store::check_ca_file(std::path::Path::new(given("value").trim()))?;
            }
            let set = file.change(|settings| settings.set_key_at(home, given("key"), given("value")));
            set.map_err(|error| named(error, given("key"), out.lang))?;
        }
        _ => return Ok(USAGE),
    }
    Ok(WELL)
}

/// The same error, saying of which setting it speaks.
fn named(error: Error, key: &str, lang: Lang) -> Error {
    let message = error.message(lang);
    if error.code != Code::BadRequest || message.contains(key) {
        return error;
    }
    Error::new(error.code, words::failed_one(key, message)).because(error)
}

pub(crate) async fn bucket(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let host = engine.bucket_host();
    match args.subcommand() {
        Some(("status", args)) => {
            let status = host.status().await;
            let usage = host.usage().await?;
            let folder = engine.home().bucket();
            let address = status.port.map(|port| format!("http://127.0.0.1:{port}"));
            let holds = (usage.map_or(0, |usage| usage.objects), usage.map_or(0, |usage| usage.bytes));
            if args.get_flag("json") {
                let by = status.running.then_some(if status.resident { "tray" } else { "background" });
                out.json(&json!({
                    "running": status.running,
                    "port": status.port,
                    "pid": status.pid,
                    "by": by,
                    "address": address,
                    "folder": folder,
                    "objects": holds.0,
                    "bytes": holds.1,
                    "port_taken": status.port_taken,
                }));
            } else {
                let lang = out.lang;
                out.line(&words::bucket_folder(folder.display()).to(lang));
                out.line(&words::bucket_holds(holds.0, size(holds.1)).to(lang));
                match (address, status.pid) {
                    (Some(address), Some(pid)) if status.running => {
                        out.line(&words::bucket_address(address).to(lang));
                        let by = if status.resident { words::bucket_by_tray(pid) } else { words::bucket_by_host(pid) };
                        out.line(&by.to(lang));
                    }
                    _ => out.line(&not_served(&status).to(lang)),
                }
            }
            Ok(if status.running { WELL } else { FAILED })
        }
        Some(("start", _)) => {
            let status = host.start().await?;
            if let (Some(port), Some(pid)) = (status.port, status.pid) {
                out.tell(&words::bucket_runs(port, pid));
            }
            Ok(WELL)
        }
        Some(("stop", _)) => {
            let status = host.status().await;
            if !status.running {
                out.tell(&not_served(&status));
                return Ok(WELL);
            }
            let stopped = host.stop().await?;
            out.tell(&if stopped { words::bucket_stops() } else { words::bucket_stays() });
            Ok(if stopped { WELL } else { FAILED })
        }
        _ => Ok(USAGE),
    }
}

/// Why nobody serves, and what changes that.
fn not_served(status: &HostStatus) -> Text {
    status.port_taken.map_or_else(words::bucket_stopped, words::bucket_port_taken)
}

/// What an upload starts in the background.
pub(crate) async fn host(home: Home, out: &mut Out) -> Result<u8> {
    // Whoever started this reads there why it does not serve.
    BucketHost::serve(home, told_to_end()).await.inspect_err(|error| out.json(&error.fault()))?;
    Ok(WELL)
}

async fn told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

pub(crate) fn completions(args: &ArgMatches, out: &mut Out) -> u8 {
    let Some(script) = args.get_one::<String>("shell").and_then(|shell| complete::script(shell)) else { return USAGE };
    out.line(script.trim_end());
    WELL
}
