//! The tray app, asked from here: a window, what keys do, files. It starts where it does not run.
//!
//! Who clicks the app's icon comes this way too. The tray app itself, started once more, could ask as well, but not before its window
//! library is loaded, which takes longer than all the rest of the way.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use clap::ArgMatches;
use imagepic_core::Error;
use imagepic_core::home::{Home, unwritable};
use imagepic_instance::{Claim, Request, Window, claim, deed, spoken};
use imagepic_words::{console as words, desktop};

use crate::out::Out;
use crate::{FAILED, WELL};

const PROGRAM: &str = "imagepic-desktop";

pub(crate) fn run(home: Result<Home, Error>, sub: &ArgMatches, out: &mut Out) -> u8 {
    let request = request(sub);
    let claimed = home.and_then(|home| {
        home.prepare()?;
        let place = home.data().display().to_string();
        claim(&home, &request).map(|claimed| (claimed, place)).map_err(|error| unwritable(&home.run(), error))
    });
    match claimed {
        Ok((Claim::First(nobody), _)) => {
            // The program claims the home for itself.
            drop(nobody);
            start(&request, out)
        }
        Ok((Claim::HandedOver, _)) => WELL,
        Ok((Claim::Refused(why), _)) => {
            out.say(&why);
            FAILED
        }
        Ok((Claim::Silent, place)) => {
            out.tell(&desktop::already_running_silent(place));
            FAILED
        }
        Err(error) => out.failure(&error),
    }
}

fn request(sub: &ArgMatches) -> Request {
    let folder = std::env::current_dir().unwrap_or_default();
    let named = |option: &str| sub.get_one::<String>(option).map(String::as_str);
    Request {
        show: named("show").and_then(Window::of),
        act: named("do").and_then(deed),
        files: sub.get_many::<PathBuf>("file").unwrap_or_default().map(|file| folder.join(file)).collect(),
    }
}

/// This process becomes the tray app where the system can do that, as whoever started it may wait for its end.
fn start(request: &Request, out: &mut Out) -> u8 {
    let beside =
        std::env::current_exe().ok().map(|here| here.with_file_name(PROGRAM).with_extension(std::env::consts::EXE_EXTENSION));
    let program = beside.filter(|program| program.exists()).unwrap_or_else(|| PROGRAM.into());
    let mut command = Command::new(&program);
    if let Some(window) = request.show {
        command.args(["--show", window.label()]);
    }
    if let Some(deed) = request.act {
        command.args(["--do", spoken(deed)]);
    }
    command.arg("--").args(&request.files);
    let Err(error) = become_it(command) else { return WELL };
    out.tell(&words::no_tray_app(program.display().to_string(), error.to_string()));
    FAILED
}

#[cfg(unix)]
fn become_it(mut command: Command) -> io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> io::Result<()> {
    command.spawn().map(drop)
}
