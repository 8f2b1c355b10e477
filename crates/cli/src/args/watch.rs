//! The command line of watched folders.

use clap::{Arg, Command, value_parser};
use imagepic_words::{console, sources as words};

use super::Make;

pub(super) fn watching(make: Make) -> Command {
    let lang = make.0;
    let path = || {
        let path = Arg::new("path").value_name("PATH").required(true).value_parser(value_parser!(std::path::PathBuf));
        path.help(words::watch_path().to(lang))
    };
    let to = || make.destination(make.option("to", "NAME", words::watch_to()));
    let add = make.shown("add", words::watch_add(), &["watch add ~/Screenshots", "watch add ~/shots --to team"]);
    let upload = make.shown("upload", words::watch_upload(), &["watch upload ~/Screenshots"]);
    make.group("watch", words::watch())
        .subcommand(add.arg(path()).arg(to()).arg(make.flag("recursive", words::watch_recursive())))
        .subcommand(make.command("list", words::watch_list()).arg(make.json()))
        .subcommand(make.command("remove", words::watch_remove()).arg(path()))
        .subcommand(upload.arg(path()).arg(to()).arg(make.format(console::upload_as())).arg(make.quiet()).arg(make.json()))
}
