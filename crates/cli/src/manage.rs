//! Settings, this computer's bucket, diagnostics and completions.

use clap::ArgMatches;
use imagepic_core::Result;
use imagepic_core::engine::{BucketHost, Draft, Engine, SecretsPlace};
use imagepic_core::home::Home;
use imagepic_core::outside::Outside;
use imagepic_core::settings::file::SettingsFile;
use imagepic_words::console as words;
use serde_json::json;

use crate::out::Out;
use crate::{FAILED, USAGE, WELL, args, destinations};

/// Needs no engine: a running tray app watches the file.
pub(crate) fn settings(home: &Home, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let file = SettingsFile::of(home);
    match args.subcommand() {
        Some(("get", args)) => {
            let settings = file.load()?;
            match args.get_one::<String>("key") {
                Some(key) => out.line(&settings.get_key(key)?),
                None => {
                    for key in settings.keys() {
                        out.line(&format!("{key} = {}", settings.get_key(&key)?));
                    }
                }
            }
        }
        Some(("set", args)) => {
            let given = |id: &str| args.get_one::<String>(id).map(String::as_str).unwrap_or_default();
            home.prepare()?;
            file.change(|settings| settings.set_key(given("key"), given("value")))?;
        }
        _ => return Ok(USAGE),
    }
    Ok(WELL)
}

pub(crate) async fn bucket(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let host = engine.bucket_host();
    match args.subcommand() {
        Some(("status", args)) => {
            let status = host.status().await;
            if args.get_flag("json") {
                out.json(&json!({ "running": status.running, "port": status.port, "pid": status.pid }));
            } else {
                out.tell(&match (status.running, status.port, status.pid) {
                    (true, Some(port), Some(pid)) => words::bucket_runs(port, pid),
                    _ => words::bucket_stopped(),
                });
            }
            Ok(if status.running { WELL } else { FAILED })
        }
        Some(("stop", _)) => {
            if !host.status().await.running {
                out.tell(&words::bucket_stopped());
                return Ok(WELL);
            }
            let stopped = host.stop().await?;
            out.tell(&if stopped { words::bucket_stops() } else { words::bucket_stays() });
            Ok(if stopped { WELL } else { FAILED })
        }
        _ => Ok(USAGE),
    }
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

pub(crate) async fn doctor(engine: &Engine, outside: &Outside, out: &mut Out) -> Result<u8> {
    let lang = out.lang;
    let home = engine.home();
    out.line(&words::doctor_version(env!("CARGO_PKG_VERSION")).to(lang));
    out.line(&words::doctor_home(home.data().display()).to(lang));
    out.line(&words::doctor_settings(home.settings_file().display()).to(lang));
    out.line(&match engine.settings().where_secrets().await {
        SecretsPlace::Keychain => words::doctor_keychain().to(lang),
        SecretsPlace::File => words::doctor_file().to(lang),
    });
    let clipboard = std::sync::Arc::clone(&outside.clipboard);
    let backend = tokio::task::spawn_blocking(move || clipboard.backend()).await;
    out.line(&match backend {
        Ok(Ok(backend)) => words::doctor_clipboard(backend).to(lang),
        Ok(Err(error)) => error.message(lang),
        Err(error) => error.to_string(),
    });
    let status = engine.bucket_host().status().await;
    out.line(&match (status.running, status.port, status.pid) {
        (true, Some(port), Some(pid)) => words::bucket_runs(port, pid).to(lang),
        _ => words::bucket_stopped().to(lang),
    });
    let current = engine.destinations().current();
    out.line(&words::doctor_destination(destinations::place(&current)).to(lang));
    let name = current.name.clone();
    let report = engine.destinations().test(Draft { destination: current, secret: None }).await;
    Ok(destinations::tell(&name, &report, out))
}

pub(crate) fn completions(args: &ArgMatches, out: &mut Out) -> u8 {
    let Some(shell) = args.get_one::<clap_complete::Shell>("shell") else { return USAGE };
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut args::command(out.lang), "imagepic", &mut script);
    out.line(String::from_utf8_lossy(&script).trim_end());
    WELL
}
