//! The command line as data. Built at run time, so that its help speaks the person's language.

mod accounts;
mod formats;
mod images;
mod serve;
mod settings;
mod team;
mod watch;

use std::ffi::OsString;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgGroup, Command, value_parser};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use imagepic_core::settings::shortcuts::Deed;
use imagepic_instance::{Window, spoken};
use imagepic_words::{Lang, Text, console as words, console_usage as usage};

use crate::{complete, frames};

/// Makes commands and arguments whose words are in one language.
#[derive(Clone, Copy)]
struct Make(Lang);

#[expect(clippy::needless_pass_by_value, reason = "sentences are made where they are passed")]
impl Make {
    fn command(self, name: &'static str, about: Text) -> Command {
        Command::new(name).about(about.to(self.0))
    }

    /// With lines a newcomer can copy.
    fn shown(self, name: &'static str, about: Text, examples: &[&str]) -> Command {
        let lines: Vec<String> = examples.iter().map(|example| format!("  imagepic {example}")).collect();
        let heading = usage::examples().to(self.0);
        self.command(name, about).after_help(format!("{heading}\n{}", lines.join("\n")))
    }

    fn group(self, name: &'static str, about: Text) -> Command {
        self.command(name, about).subcommand_required(true).arg_required_else_help(true)
    }

    fn option(self, name: &'static str, value: &'static str, help: Text) -> Arg {
        Arg::new(name).long(name).value_name(value).help(help.to(self.0))
    }

    fn flag(self, name: &'static str, help: Text) -> Arg {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help.to(self.0))
    }

    fn json(self) -> Arg {
        self.flag("json", words::json())
    }

    fn quiet(self) -> Arg {
        self.flag("quiet", words::quiet()).short('q')
    }

    fn destination(self, arg: Arg) -> Arg {
        arg.add(candidates(complete::destinations))
    }

    fn bucket(self, help: Text) -> Arg {
        self.option("bucket", "BUCKET", help).add(candidates(complete::buckets))
    }

    /// A whole number within bounds; what is none is told in the same language as everything else.
    fn number(self, arg: Arg, least: i64, most: i64) -> Arg {
        let Self(lang) = self;
        arg.allow_negative_numbers(true).value_parser(move |text: &str| {
            let number = text.parse::<i64>().ok().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| usage::number(least, most).to(lang))
        })
    }

    fn ids(self) -> Arg {
        let Self(lang) = self;
        let ids = Arg::new("id").value_name("ID").action(ArgAction::Append).num_args(1..).help(words::upload_id().to(lang));
        let number = move |text: &str| {
            let number = text.parse::<i64>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| usage::history_number().to(lang))
        };
        ids.value_parser(number).add(candidates(complete::nothing))
    }

    fn places(self) -> Arg {
        Arg::new("place")
            .value_name("[DEST:]BUCKET/KEY")
            .required(true)
            .action(ArgAction::Append)
            .num_args(1..)
            .add(candidates(complete::places))
            .help(words::object_place().to(self.0))
    }

    fn format(self, help: Text) -> Arg {
        self.option("as", "FORMAT", help).value_parser(formats::Formats)
    }
}

fn candidates(find: fn() -> Vec<CompletionCandidate>) -> ArgValueCandidates {
    ArgValueCandidates::new(find)
}

/// `imagepic help COMMAND` is `imagepic COMMAND --help`: clap's own command for it speaks English only.
pub(crate) fn asked_for_help(mut given: Vec<OsString>) -> Vec<OsString> {
    if given.get(1).is_some_and(|word| word == "help") {
        given.remove(1);
        given.retain(|word| word != "--help" && word != "-h");
        given.push("--help".into());
    }
    given
}

/// The command that somebody means who calls it by another name.
pub(crate) fn meant(command: &str) -> Option<&'static str> {
    Some(match command {
        "delete" | "del" | "remove" | "unlink" | "erase" => "rm",
        "list" | "dir" | "browse" => "ls",
        "url" | "get" | "share" | "presign" => "link",
        "info" | "show" | "head" => "stat",
        "add" | "put" | "push" | "up" | "send" => "upload",
        "log" | "recent" | "uploads" => "history",
        "config" | "set" | "preferences" => "settings",
        "destination" | "dest" | "remote" | "remotes" => "destinations",
        "signin" | "sign-in" => "login",
        "signout" | "sign-out" => "logout",
        "signup" | "sign-up" => "register",
        "password" => "passwd",
        "server" => "serve",
        "check" | "diagnose" | "status" => "doctor",
        "stop" | "abort" => "cancel",
        "open" | "app" | "tray" | "window" | "gui" => "desktop",
        "completion" => "completions",
        _ => return None,
    })
}

/// The whole command line in `lang`.
pub(crate) fn command(lang: Lang) -> Command {
    let make = Make(lang);
    let root = make
        .group("imagepic", words::about())
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(usage::exit_codes().to(lang))
        .subcommand(upload(make))
        .subcommand(history(make))
        .subcommand(again(make, "cancel", words::cancel(), words::all_open(), &["cancel 12 13", "cancel --all --to NAME"]))
        .subcommand(
            again(make, "retry", words::retry(), words::all_again(), &["retry 12", "retry --all"])
                .arg(make.format(words::upload_as()))
                .arg(make.quiet())
                .arg(make.json()),
        )
        .subcommand(ls(make))
        .subcommand(make.shown("link", words::link(), &["link images/a.png", "link team:assets/docs/a.png"]).arg(make.places()))
        .subcommand(make.shown("stat", words::stat(), &["stat images/a.png"]).arg(make.places()).arg(make.json()))
        .subcommand(make.shown("rm", words::rm(), &["rm images/a.png"]).arg(make.places()))
        .subcommand(destinations(make))
        .subcommands(team::accounts(make))
        .subcommand(serve::serving(make))
        .subcommand(accounts::keeping(make))
        .subcommand(watch::watching(make))
        .subcommand(desktop(make))
        .subcommand(bucket(make))
        .subcommand(setting(make))
        .subcommand(settings::doctor(make))
        .subcommand(completions(make));
    frames::dress(root, lang)
}

fn upload(make: Make) -> Command {
    let examples = [
        "upload a.png b.png",
        "upload https://example.com/a.png",
        "upload --clipboard --copy",
        "upload --to team --folder docs shots/",
        "upload - < a.png",
    ];
    let command = images::images(make, make.shown("upload", words::upload(), &examples));
    command
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .action(ArgAction::Append)
                .num_args(1..)
                .value_parser(value_parser!(std::path::PathBuf))
                .help(words::upload_file().to(make.0)),
        )
        .arg(make.flag("clipboard", words::upload_clipboard()))
        .group(ArgGroup::new("what").args(["file", "clipboard"]).required(true).multiple(true))
        .arg(make.destination(make.option("to", "NAME", words::upload_to())))
        .arg(make.bucket(words::upload_bucket()))
        .arg(make.flag("create", words::upload_create()).requires("bucket"))
        .arg(make.option("folder", "FOLDER", words::upload_folder()))
        .arg(make.format(words::upload_as()))
        .arg(make.flag("copy", words::upload_copy()))
        .arg(make.flag("allow-private", imagepic_words::sources::allow_private()))
        .arg(make.quiet())
        .arg(make.json())
}

fn history(make: Make) -> Command {
    let limit = make.number(make.option("limit", "N", words::history_limit()), 1, 10_000).default_value("20");
    make.shown("history", words::history(), &["history", "history --search logo --json"])
        .arg(limit)
        .arg(make.option("search", "TEXT", words::history_search()))
        .arg(make.json())
}

/// What is done to uploads of the history by their numbers.
fn again(make: Make, name: &'static str, about: Text, all: Text, examples: &[&str]) -> Command {
    make.shown(name, about, examples)
        .arg(make.ids())
        .arg(make.flag("all", all))
        .group(ArgGroup::new("which").args(["id", "all"]).required(true))
        .arg(make.destination(make.option("to", "NAME", words::only_to())).requires("all"))
}

fn desktop(make: Make) -> Command {
    let deeds = Deed::ALL.map(spoken);
    let file = Arg::new("file").value_name("FILE").action(ArgAction::Append).num_args(0..);
    make.shown(
        "desktop",
        words::desktop(),
        &["desktop", "desktop --show library", "desktop a.png", "desktop --do upload-clipboard"],
    )
    .arg(file.value_parser(value_parser!(std::path::PathBuf)).help(words::desktop_file().to(make.0)))
    .arg(make.option("show", "WINDOW", words::desktop_show()).value_parser(Window::ALL.map(Window::label)))
    .arg(make.option("do", "WHAT", words::desktop_do()).value_parser(PossibleValuesParser::new(deeds)).conflicts_with("show"))
}

fn ls(make: Make) -> Command {
    let place = Arg::new("place").value_name("[DEST:][BUCKET[/PREFIX]]").help(words::ls_place().to(make.0));
    make.shown("ls", words::ls(), &["ls", "ls images/docs", "ls team:assets"])
        .arg(place.add(candidates(complete::places)))
        .arg(make.json())
}

fn destinations(make: Make) -> Command {
    let lang = make.0;
    let named = |help: Text| make.destination(Arg::new("name").value_name("NAME").help(help.to(lang)));
    let name = || named(words::option_name()).required(true);
    let longest = i64::from(imagepic_core::destination::LONGEST_PRESIGN);
    let fields = move |command: Command| {
        images::images(make, command)
            .arg(make.option("endpoint", "URL", words::option_endpoint()))
            .arg(make.option("region", "REGION", words::option_region()))
            .arg(make.option("access-key", "KEY", words::option_access_key()))
            .arg(make.flag("secret-key-stdin", words::option_secret_stdin()))
            .arg(make.flag("replace-secret", words::option_replace_secret()))
            .arg(make.bucket(words::option_bucket()))
            .arg(make.option("folder", "FOLDER", words::option_folder()))
            .arg(make.flag("path-style", words::option_path_style()))
            .arg(make.option("public-base", "URL", words::option_public_base()).conflicts_with("presign"))
            .arg(make.number(make.option("presign", "SECONDS", words::option_presign()), 1, longest))
            .arg(make.option("ca-file", "FILE", words::option_ca_file()).value_parser(value_parser!(std::path::PathBuf)))
    };
    let required = |command: Command| {
        ["endpoint", "access-key", "bucket"]
            .into_iter()
            .fold(command, |command, id| command.mut_arg(id, |arg| arg.required(true)))
    };
    let s3 = make.shown(
        "s3",
        words::destinations_add_s3(),
        &["destinations add s3 --name team --endpoint https://s3.example.com --access-key KEY --bucket assets"],
    );
    let add = required(fields(s3.arg(make.option("name", "NAME", words::option_name()).required(true))))
        .mut_arg("region", |arg| arg.default_value("us-east-1"));
    let edit = make.shown(
        "edit",
        words::destinations_edit(),
        &["destinations edit team --folder docs", "destinations edit team --secret-key-stdin < secret.txt"],
    );
    let edit = team::addressed(make, fields(edit.arg(name())))
        .arg(make.option("rename", "NAME", words::option_rename()))
        .arg(make.flag("host-style", words::option_host_style()).conflicts_with("path-style"));
    let pick = make
        .shown("use", words::destinations_use(), &["destinations use team --bucket assets --folder docs"])
        .arg(name())
        .arg(make.bucket(words::option_bucket()))
        .arg(make.option("folder", "FOLDER", words::option_folder()));
    let test = make.shown("test", words::destinations_test(), &["destinations test", "destinations test team"]);
    make.group("destinations", words::destinations())
        .subcommand(make.command("list", words::destinations_list()).arg(make.json()))
        .subcommand(make.group("add", words::destinations_add()).subcommand(add).subcommand(team::add(make)))
        .subcommand(edit)
        .subcommand(make.command("remove", words::destinations_remove()).arg(name()))
        .subcommand(pick)
        .subcommand(test.arg(named(words::option_name_or_current())).arg(make.json()))
}

fn bucket(make: Make) -> Command {
    make.group("bucket", words::bucket())
        .subcommand(make.command("status", words::bucket_status()).arg(make.json()))
        .subcommand(make.command("start", words::bucket_start()))
        .subcommand(make.command("stop", words::bucket_stop()))
        .subcommand(make.command("host", words::bucket_host()).hide(true))
}

fn setting(make: Make) -> Command {
    let lang = make.0;
    let key = |required: bool| {
        let key = Arg::new("key").value_name("KEY").required(required).help(words::settings_key().to(lang));
        key.add(candidates(complete::settings))
    };
    let value = Arg::new("value")
        .value_name("VALUE")
        .required(true)
        .allow_hyphen_values(true)
        .add(ArgValueCompleter::new(complete::value))
        .help(words::settings_value().to(lang));
    let group = make
        .group("settings", words::settings())
        .subcommand(make.shown("get", words::settings_get(), &["settings get", "settings get link.format"]).arg(key(false)))
        .subcommand(make.shown("set", words::settings_set(), &["settings set link.format markdown"]).arg(key(true)).arg(value));
    settings::exchanging(make, group)
}

fn completions(make: Make) -> Command {
    let shell = Arg::new("shell").value_name("SHELL").required(true).help(words::completions_shell().to(make.0));
    make.command("completions", words::completions())
        .after_help(usage::completions().to(make.0))
        .arg(shell.value_parser(PossibleValuesParser::new(complete::SHELLS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together_in_both_languages() {
        for lang in [Lang::En, Lang::ZhCn] {
            command(lang).debug_assert();
        }
    }
}
