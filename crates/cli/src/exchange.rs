//! Settings in one file: out without secrets, in after having said what would change.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use clap::ArgMatches;
use imagepic_core::home::Home;
use imagepic_core::settings::exchange::{self, Import};
use imagepic_core::settings::file::SettingsFile;
use imagepic_core::{Code, Error, Result};
use imagepic_words::exchange as words;
use serde_json::json;

use crate::out::Out;
use crate::{FAILED, WELL};

/// `settings export [FILE]`
pub(crate) fn export(home: &Home, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let text = exchange::export(&SettingsFile::of(home).load()?)?;
    match args.get_one::<String>("file").filter(|file| *file != "-") {
        None => out.line(text.trim_end()),
        Some(file) => std::fs::write(file, text).map_err(|error| {
            let text = words::unwritable(file, "").with("reason", imagepic_words::reason(&error));
            Error::new(Code::HomeUnwritable, text).because(error)
        })?,
    }
    Ok(WELL)
}

/// `settings import FILE [--yes] [--dry-run]`
pub(crate) fn import(home: &Home, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let file = args.get_one::<String>("file").map_or("-", String::as_str);
    let text = if file == "-" { standard_input()? } else { exchange::read_file(Path::new(file))? };
    let settings = SettingsFile::of(home);
    let plan = exchange::plan(home, &settings.load()?, &text)?;
    let dry = args.get_flag("dry-run");
    if args.get_flag("json") {
        out.json(&json!({
            "changes": plan.changes, "left_out": plan.left_out, "unsigned": plan.unsigned, "applied": !dry && args.get_flag("yes"),
        }));
    } else {
        tell(&plan, out);
    }
    if dry || plan.changes.is_empty() {
        return Ok(WELL);
    }
    if !args.get_flag("yes") && !asked(file, out) {
        out.tell(&words::needs_yes());
        return Ok(FAILED);
    }
    home.prepare()?;
    let (count, _) = settings.change(|settings| {
        let plan = exchange::plan(home, settings, &text)?;
        settings.clone_from(&plan.settings);
        Ok(plan.changes.len())
    })?;
    out.tell(&words::done(count));
    Ok(WELL)
}

fn tell(plan: &Import, out: &mut Out) {
    let lang = out.lang;
    let named = |text: &Option<String>| text.clone().unwrap_or_else(|| words::unset().to(lang));
    for change in &plan.changes {
        match (&change.destination, &change.from, &change.to) {
            // A whole new destination: its key has no field.
            (Some(name), None, Some(place)) if change.key.matches('.').count() == 1 => {
                out.line(&words::added(name, place).to(lang));
            }
            _ => out.line(&format!("{}: {} → {}", change.key, named(&change.from), named(&change.to))),
        }
    }
    for left in &plan.left_out {
        out.tell(&words::not_taken(&left.key, &left.reason));
    }
    for name in &plan.unsigned {
        out.tell(&words::needs_secret(name));
    }
    if plan.changes.is_empty() {
        out.tell(&words::nothing());
    }
}

/// Only a person at a terminal can be asked, and not where the file itself came that way.
fn asked(file: &str, out: &Out) -> bool {
    let stdin = std::io::stdin();
    if file == "-" || !stdin.is_terminal() || !Out::watched() {
        return false;
    }
    out.confirms(&words::ask())
}

fn standard_input() -> Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(exchange::LARGEST).unwrap_or(u64::MAX) + 1;
    let read = std::io::stdin().lock().take(limit).read_to_string(&mut text);
    read.map_err(crate::upload::unreadable)?;
    Ok(text)
}
