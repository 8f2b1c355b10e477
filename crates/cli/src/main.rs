//! The console program: links on standard output, words on standard error, an exit code that tells.
//!
//! It stands on the same engine, home and journal as the tray app and is safe beside it. No window library is below it. What it does
//! is the engine's work; here arguments are unpacked, one question is asked, and the answer is written.

mod accounts;
mod args;
mod climb;
mod complete;
mod desktop;
mod destinations;
mod doctor;
mod exchange;
mod follow;
mod frames;
mod holding;
mod images;
mod manage;
mod objects;
mod out;
mod progress;
mod secret;
mod serve;
mod team;
mod upload;
mod uploads;
mod watch;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::ArgMatches;
use clap::error::ErrorKind;
use imagepic_core::engine::{Engine, Role};
use imagepic_core::home::Home;
use imagepic_core::outside::Outside;
use imagepic_core::settings::Settings;
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
    // What it is to itself alone, before settings, home and languages. Two underscores before the name, and no place in help or completions.
    match std::env::args_os().nth(1) {
        Some(word) if word == imagepic_avif::COMMAND => return imagepic_avif::serve(),
        Some(word) if word == holding::COMMAND => return holding::serve(),
        _ => {}
    }
    let home = Home::locate();
    let settings = home.as_ref().ok().map(|home| SettingsFile::of(home).load());
    // Where the settings cannot be read there is still help, in the system's language.
    let lang = settings.as_ref().and_then(|settings| settings.as_ref().ok()).map_or_else(Lang::of_system, Settings::lang);
    match complete::answer(lang) {
        Ok(false) => {}
        Ok(true) => return ExitCode::from(WELL),
        Err(_) => return ExitCode::from(FAILED),
    }
    let mut out = Out::new(lang);
    let given: Vec<OsString> = std::env::args_os().collect();
    let matches = match args::command(lang).try_get_matches_from(args::asked_for_help(given.clone())) {
        Ok(matches) => matches,
        Err(error) => return ExitCode::from(refuse(&error, &out)),
    };
    if let Some(("completions", sub)) = matches.subcommand() {
        let code = manage::completions(sub, &mut out);
        return ExitCode::from(out.ends(code));
    }
    if let Some(("desktop", sub)) = matches.subcommand() {
        let code = desktop::run(home, sub, &mut out);
        return ExitCode::from(out.ends(code));
    }
    if let Some(("serve", sub)) = matches.subcommand() {
        let code = serve::run(sub, &mut out);
        return ExitCode::from(out.ends(code));
    }
    // One thread for everything that waits; hashing and disks have the blocking threads.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out.say(&error.to_string());
            return ExitCode::from(FAILED);
        }
    };
    // Like the server it looks after, it opens neither the desktop's home nor its engine.
    if let Some(("accounts", sub)) = matches.subcommand() {
        let code = runtime.block_on(accounts::run(sub, &mut out));
        return ExitCode::from(out.ends(code));
    }
    let code = runtime.block_on(run(home, settings, &matches, &mut out)).unwrap_or_else(|error| {
        match matches.subcommand() {
            Some(("upload", sub)) => upload::failed(sub, &error, &mut out),
            Some(("retry", sub)) => uploads::failed(sub, &error, &mut out),
            _ => {}
        }
        out.failure(&error)
    });
    if code != WELL {
        tell_of_tildes(&given, &out);
    }
    // A prompt of the keychain or a clipboard that nobody answers must not keep the program from ending.
    runtime.shutdown_background();
    ExitCode::from(out.ends(code))
}

/// A file that is not there because its `~` is the shell's to replace, which it does outside of quotes and at the beginning of a word.
fn tell_of_tildes(given: &[OsString], out: &Out) {
    let path = |word: &OsString| {
        let word = word.to_str()?;
        let path = word.strip_prefix("--").and_then(|option| option.split_once('=')).map_or(word, |(_, value)| value);
        Some(path.to_owned()).filter(|path| path.starts_with("~/") && !Path::new(path).exists())
    };
    if let Some(path) = given.iter().skip(1).find_map(path) {
        let home = std::env::var("HOME").unwrap_or_default();
        out.tell(&imagepic_words::console::tilde(&path, out::quoted(&format!("{home}{}", &path[1..]))));
    }
}

/// Help and version, which go to standard output and are no failure; and usage errors.
fn refuse(error: &clap::Error, out: &Out) -> u8 {
    if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let text = frames::render(error, out.lang);
        out.say(text.trim_end());
    } else if let Err(broken) = error.print().and_then(|()| std::io::stdout().flush())
        && broken.kind() != std::io::ErrorKind::BrokenPipe
    {
        out.unwritten(&broken);
        return FAILED;
    }
    u8::try_from(error.exit_code()).unwrap_or(USAGE)
}

async fn run(
    home: Result<Home, Error>,
    settings: Option<Result<Settings, Error>>,
    matches: &ArgMatches,
    out: &mut Out,
) -> Result<u8, Error> {
    let home = home?;
    log::init(&home);
    // With settings that cannot be read an upload would go to another place than the person has chosen.
    settings.transpose()?;
    match matches.subcommand() {
        Some(("bucket", sub)) if sub.subcommand_name() == Some("host") => manage::host(home, out).await,
        Some(("settings", sub)) => manage::settings(&home, sub, out),
        Some((name, sub)) => {
            let outside = Outside::real(&home);
            let engine = Engine::open(home, outside.clone(), Role::Console).await?;
            let code = match name {
                "upload" => upload::run(&engine, &outside, sub, out).await,
                "destinations" => destinations::run(&engine, sub, out).await,
                "register" | "login" | "passwd" | "logout" => team::run(&engine, name, sub, out).await,
                "history" => uploads::history(&engine, sub, out).await,
                "cancel" => uploads::cancel(&engine, sub, out).await,
                "retry" => uploads::retry(&engine, &outside, sub, out).await,
                "ls" => objects::ls(&engine, sub, out).await,
                "link" => objects::link(&engine, sub, out).await,
                "stat" => objects::stat(&engine, sub, out).await,
                "rm" => objects::rm(&engine, sub, out).await,
                "watch" => watch::run(&engine, &outside, sub, out).await,
                "bucket" => manage::bucket(&engine, sub, out).await,
                "doctor" => doctor::run(&engine, sub, out).await,
                _ => Ok(USAGE),
            };
            // An upload tells it with its links.
            if !matches!(name, "upload" | "retry" | "watch" | "bucket") && engine.bucket_host().started() {
                out.tell(&imagepic_words::console::host_started());
            }
            engine.close().await;
            code
        }
        None => Ok(USAGE),
    }
}

/// What a script may conclude from an error.
fn exit_code(error: &Error) -> u8 {
    match error.code {
        Code::BadRequest | Code::NoSuchDestination | Code::SecretShared | Code::PlainHttp | Code::PrivateAddress => USAGE,
        Code::Cancelled => INTERRUPTED,
        _ => FAILED,
    }
}
