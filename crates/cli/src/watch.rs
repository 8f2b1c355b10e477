//! `imagepic watch`: which folders are watched. The watching itself is the tray app's; what lies in a folder already is uploaded here.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use imagepic_core::engine::{Deliver, Engine, Submit};
use imagepic_core::link::Format;
use imagepic_core::outside::Outside;
use imagepic_core::settings::WatchedFolder;
use imagepic_core::{Code, Result};
use imagepic_words::sources as words;

use crate::follow::{self, How, Outcome};
use crate::out::{Out, quoted};
use crate::{USAGE, WELL};

pub(crate) async fn run(engine: &Engine, outside: &Outside, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    match args.subcommand() {
        Some(("add", args)) => {
            let to = args.get_one::<String>("to").map(String::as_str);
            let folder = engine.sources().watch(&path(args), to, args.get_flag("recursive")).await?;
            let shown = folder.path.display().to_string();
            out.tell(&words::watch_added(&shown, quoted(&shown)));
            if !engine.bucket_host().status().await.resident {
                out.tell(&words::watch_idle());
            }
        }
        Some(("list", args)) => list(engine, args.get_flag("json"), out),
        Some(("remove", args)) => {
            let folder = engine.sources().unwatch(&path(args)).await?;
            out.tell(&words::watch_removed(folder.path.display()));
        }
        Some(("upload", args)) => return upload(engine, outside, args, out).await,
        _ => return Ok(USAGE),
    }
    Ok(WELL)
}

/// As the settings hold it: whole, and where it is still there without links on the way.
fn path(args: &ArgMatches) -> PathBuf {
    let given = args.get_one::<PathBuf>("path").cloned().unwrap_or_default();
    let whole = std::path::absolute(&given).unwrap_or(given);
    std::fs::canonicalize(&whole).unwrap_or(whole)
}

fn list(engine: &Engine, json: bool, out: &mut Out) {
    let settings = engine.settings().get();
    let folders = &settings.capture.folders;
    if json {
        return out.json(folders);
    }
    if folders.is_empty() {
        out.tell(&words::watch_none());
    }
    let place = |folder: &WatchedFolder| match &folder.destination {
        Some(id) => settings.find(id).map_or_else(|_| id.clone(), |to| to.name.clone()),
        None => words::watch_current().to(out.lang),
    };
    let lines: Vec<_> = folders
        .iter()
        .map(|folder| {
            let path = folder.path.display();
            let text = if !folder.enabled {
                words::watch_line_off(path)
            } else if folder.recursive {
                words::watch_line_deep(path, place(folder))
            } else {
                words::watch_line(path, place(folder))
            };
            text.to(out.lang)
        })
        .collect();
    for line in lines {
        out.line(&line);
    }
}

async fn upload(engine: &Engine, outside: &Outside, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let how = How {
        format: args.get_one::<Format>("as").copied(),
        copy: false,
        quiet: args.get_flag("quiet"),
        json: args.get_flag("json"),
    };
    let submit = Submit {
        destination: args.get_one::<String>("to").cloned(),
        deliver: Deliver::No,
        format: how.format,
        ..Submit::default()
    };
    let path = path(args);
    let mut events = engine.subscribe();
    let taken = engine.sources().upload_what_is_there(Path::new(&path), submit).await;
    let each = match taken {
        Ok(batch) => batch.each,
        // To have nothing to do is no failure.
        Err(error) if error.code == Code::Empty => {
            if !how.quiet {
                out.say(&error.message(out.lang));
            }
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    let outcomes = each
        .into_iter()
        .map(|one| match one.outcome {
            Ok(id) => Outcome::Unnamed { id },
            Err(refusal) => Outcome::Refused { file: refusal.name, folder: None, code: refusal.code, message: refusal.message },
        })
        .collect();
    follow::to_the_end(engine, outside, outcomes, &mut events, how, out).await
}
