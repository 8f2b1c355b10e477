//! The console program: links on standard output, words on standard error, an exit code that tells.
//!
//! It stands on the same engine, home and journal as the tray app and is safe beside it. No window library is below it. What it does
//! is the engine's work; here arguments are unpacked, one question is asked, and the answer is written.

mod args;
mod destinations;
mod manage;
mod objects;
mod out;
mod progress;
mod upload;

use std::process::ExitCode;

use clap::ArgMatches;
use imagepic_core::engine::{Engine, Role};
use imagepic_core::home::Home;
use imagepic_core::outside::Outside;
use imagepic_core::settings::file::SettingsFile;
use imagepic_core::{Code, Error, log};
use imagepic_words::Lang;

use out::Out;

/// All went well.
const WELL: u8 = 0;
/// Something failed.
const FAILED: u8 = 1;
/// The arguments make no sense.
const USAGE: u8 = 2;
/// Ended by Ctrl-C, as shells count it (128 + SIGINT).
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let lang = Lang::of_system();
    let matches = match args::command(lang).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version go to standard output and are no failure.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    let mut out = Out::new(lang);
    if let Some(("completions", sub)) = matches.subcommand() {
        return ExitCode::from(manage::completions(sub, &mut out));
    }
    // One thread for everything that waits; hashing and disks have the blocking threads.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out.say(&error.to_string());
            return ExitCode::from(FAILED);
        }
    };
    let code = runtime.block_on(run(&matches, &mut out)).unwrap_or_else(|error| out.failure(&error));
    // A prompt of the keychain or a clipboard that nobody answers must not keep the program from ending.
    runtime.shutdown_background();
    ExitCode::from(code)
}

async fn run(matches: &ArgMatches, out: &mut Out) -> Result<u8, Error> {
    let home = Home::locate()?;
    log::init(&home);
    // With settings that cannot be read an upload would go to another place than the person has chosen.
    let settings = SettingsFile::of(&home).load()?;
    out.lang = settings.lang();
    match matches.subcommand() {
        Some(("bucket", sub)) if sub.subcommand_name() == Some("host") => manage::host(home, out).await,
        Some(("settings", sub)) => manage::settings(&home, sub, out),
        Some((name, sub)) => {
            let outside = Outside::real(&home);
            let engine = Engine::open(home, outside.clone(), Role::Console).await?;
            let code = match name {
                "upload" => upload::run(&engine, &outside, sub, out).await,
                "destinations" => destinations::run(&engine, sub, out).await,
                "history" => objects::history(&engine, sub, out).await,
                "ls" => objects::ls(&engine, sub, out).await,
                "link" => objects::link(&engine, sub, out).await,
                "stat" => objects::stat(&engine, sub, out).await,
                "rm" => objects::rm(&engine, sub, out).await,
                "bucket" => manage::bucket(&engine, sub, out).await,
                "doctor" => manage::doctor(&engine, &outside, out).await,
                _ => Ok(USAGE),
            };
            engine.close().await;
            code
        }
        None => Ok(USAGE),
    }
}

/// What a script may conclude from an error.
fn exit_code(error: &Error) -> u8 {
    match error.code {
        Code::BadRequest | Code::NoSuchDestination => USAGE,
        Code::Cancelled => INTERRUPTED,
        _ => FAILED,
    }
}
