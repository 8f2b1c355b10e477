//! `imagepic serve`: the team server. It has settings and a data folder of its own and opens neither the desktop's home nor its engine.
//!
//! Standard output gets one line, the address; standard error gets words for whoever starts it, then the log.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ArgMatches;
use imagepic_server::config::{Given, Problem};
use imagepic_server::{Bound, Config, log};
use imagepic_words::server as words;

use crate::out::Out;
use crate::{FAILED, USAGE, WELL};

/// Understands flags, environment and settings file; also for those who look after the same server's accounts.
///
/// # Errors
/// The first setting that cannot be.
pub(crate) fn config(args: &ArgMatches) -> Result<Config, Problem> {
    let text = |name: &str| args.try_get_one::<String>(name).ok().flatten().cloned();
    let path = |name: &str| args.try_get_one::<PathBuf>(name).ok().flatten().cloned();
    let mut flags = BTreeMap::new();
    if let Some(listen) = text("listen") {
        flags.insert("IMAGEPIC_LISTEN", listen);
    }
    if let Some(data) = path("data") {
        flags.insert("IMAGEPIC_DATA", data.to_string_lossy().into_owned());
    }
    let ours = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        let name = name.into_string().ok().filter(|name| name.starts_with("IMAGEPIC_"))?;
        Some((name, value.to_string_lossy().into_owned()))
    };
    let environment: BTreeMap<_, _> = std::env::vars_os().filter_map(ours).collect();
    let named = environment.get("IMAGEPIC_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    Given { flags, file: path("config").or(named), data: data_folder(), environment }.config()
}

/// Where data lies that nobody placed elsewhere: beside the desktop's, never in it.
fn data_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(home) = folder("IMAGEPIC_HOME") {
        return Some(home.join("server"));
    }
    let user = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")))
    };
    user.map(|user| user.join("imagepic-server"))
}

/// Serves until it is told to stop.
pub(crate) fn run(args: &ArgMatches, out: &mut Out) -> u8 {
    let config = match config(args) {
        Ok(config) => config,
        Err(problem) => {
            out.say(&problem.to(out.lang));
            return USAGE;
        }
    };
    log::init(&config.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out.say(&error.to_string());
            return FAILED;
        }
    };
    let code = runtime.block_on(serve(config, out));
    // A look-up of a name that nobody answers must not keep the server from ending.
    runtime.shutdown_background();
    code
}

async fn serve(config: Config, out: &mut Out) -> u8 {
    // Whoever says stop while it still opens has said it.
    let stop = match told_to_stop() {
        Ok(stop) => stop,
        Err(error) => {
            out.say(&error.to_string());
            return FAILED;
        }
    };
    let bound = match Bound::open(config).await {
        Ok(bound) => bound,
        Err(error) => {
            out.say(&error.to(out.lang));
            return FAILED;
        }
    };
    out.line(&format!("imagepic listening on http://{}", bound.address));
    for text in bound.advice() {
        out.tell(&text);
    }
    let grace = bound.app().config().grace.as_secs();
    let lang = out.lang;
    bound
        .run(async {
            stop.await;
            Out::new(lang).tell(&words::stopping(grace));
        })
        .await;
    WELL
}

/// SIGTERM and SIGINT; the second one does not wait.
#[cfg(unix)]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => std::process::exit(128 + 15),
                _ = interrupt.recv() => std::process::exit(128 + 2),
            }
        });
    })
}

#[cfg(not(unix))]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Where Ctrl-C cannot be heard, the server goes on until it is ended.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
