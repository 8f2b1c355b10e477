//! `settings export|import` and `doctor`.

use clap::{Arg, ArgAction, Command};
use imagepic_words::{console as words, exchange};

use super::Make;

pub(super) fn doctor(make: Make) -> Command {
    make.shown("doctor", words::doctor(), &["doctor", "doctor --json"]).arg(make.json())
}

/// Adds them to `settings`.
pub(super) fn exchanging(make: Make, settings: Command) -> Command {
    let lang = make.0;
    let file = |required: bool| {
        Arg::new("file").value_name("FILE").required(required).action(ArgAction::Set).help(exchange::file().to(lang))
    };
    settings
        .subcommand(
            make.shown("export", exchange::export_about(), &["settings export", "settings export imagepic-settings.toml"])
                .arg(file(false)),
        )
        .subcommand(
            make.shown(
                "import",
                exchange::import_about(),
                &["settings import imagepic-settings.toml", "settings import FILE --yes"],
            )
            .arg(file(true))
            .arg(make.flag("yes", exchange::import_yes()))
            .arg(make.flag("dry-run", exchange::import_dry()))
            .arg(make.json()),
        )
}
