//! The command line as data. Built at run time, so that its help speaks the person's language.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgGroup, Command, value_parser};
use imagepic_core::link::Format;
use imagepic_words::{Lang, Text, console as words};

pub(crate) fn command(lang: Lang) -> Command {
    let to = move |text: Text| text.to(lang);
    let option = move |name: &'static str, value: &'static str, help: Text| {
        Arg::new(name).long(name).value_name(value).help(help.to(lang))
    };
    let flag = move |name: &'static str, help: Text| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help.to(lang));
    let json = move || flag("json", words::json());
    let name = move || Arg::new("name").value_name("NAME").required(true).help(words::option_name().to(lang));
    let places = move || {
        Arg::new("place")
            .value_name("[DEST:]BUCKET/KEY")
            .required(true)
            .action(ArgAction::Append)
            .num_args(1..)
            .help(words::object_place().to(lang))
    };
    let formats = PossibleValuesParser::new(Format::ALL.map(Format::name));

    let upload = Command::new("upload")
        .about(to(words::upload()))
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .action(ArgAction::Append)
                .num_args(1..)
                .value_parser(value_parser!(std::path::PathBuf))
                .help(to(words::upload_file())),
        )
        .arg(flag("clipboard", words::upload_clipboard()))
        .group(ArgGroup::new("what").args(["file", "clipboard"]).required(true).multiple(true))
        .arg(option("to", "NAME", words::upload_to()))
        .arg(option("bucket", "BUCKET", words::upload_bucket()))
        .arg(option("folder", "FOLDER", words::upload_folder()))
        .arg(option("as", "FORMAT", words::upload_as()).value_parser(formats))
        .arg(flag("copy", words::upload_copy()))
        .arg(json());

    let seconds = value_parser!(u32).range(1..=i64::from(imagepic_core::destination::LONGEST_PRESIGN));
    let fields = move |command: Command| {
        command
            .arg(option("endpoint", "URL", words::option_endpoint()))
            .arg(option("region", "REGION", words::option_region()))
            .arg(option("access-key", "KEY", words::option_access_key()))
            .arg(flag("secret-key-stdin", words::option_secret_stdin()))
            .arg(option("bucket", "BUCKET", words::option_bucket()))
            .arg(option("folder", "FOLDER", words::option_folder()))
            .arg(flag("path-style", words::option_path_style()))
            .arg(option("public-base", "URL", words::option_public_base()).conflicts_with("presign"))
            .arg(option("presign", "SECONDS", words::option_presign()).value_parser(seconds))
            .arg(option("ca-file", "FILE", words::option_ca_file()).value_parser(value_parser!(std::path::PathBuf)))
    };
    let required = |command: Command| {
        ["endpoint", "access-key", "bucket"]
            .into_iter()
            .fold(command, |command, id| command.mut_arg(id, |arg| arg.required(true)))
    };
    let add = required(fields(
        Command::new("s3")
            .about(to(words::destinations_add_s3()))
            .arg(option("name", "NAME", words::option_name()).required(true)),
    ))
    .mut_arg("region", |arg| arg.default_value("us-east-1"));
    let edit = fields(Command::new("edit").about(to(words::destinations_edit())).arg(name()))
        .arg(option("rename", "NAME", words::option_name()))
        .arg(flag("host-style", words::option_host_style()).conflicts_with("path-style"));
    let destinations = Command::new("destinations")
        .about(to(words::destinations()))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about(to(words::destinations_list())).arg(json()))
        .subcommand(
            Command::new("add")
                .about(to(words::destinations_add()))
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(add),
        )
        .subcommand(edit)
        .subcommand(Command::new("remove").about(to(words::destinations_remove())).arg(name()))
        .subcommand(
            Command::new("use")
                .about(to(words::destinations_use()))
                .arg(name())
                .arg(option("bucket", "BUCKET", words::option_bucket()))
                .arg(option("folder", "FOLDER", words::option_folder())),
        )
        .subcommand(Command::new("test").about(to(words::destinations_test())).arg(name()).arg(json()));

    let history = Command::new("history")
        .about(to(words::history()))
        .arg(option("limit", "N", words::history_limit()).value_parser(value_parser!(u32).range(1..=10_000)).default_value("20"))
        .arg(option("search", "TEXT", words::history_search()))
        .arg(json());
    let ls = Command::new("ls")
        .about(to(words::ls()))
        .arg(Arg::new("place").value_name("[DEST:][BUCKET[/PREFIX]]").help(to(words::ls_place())))
        .arg(json());

    let bucket = Command::new("bucket")
        .about(to(words::bucket()))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("status").about(to(words::bucket_status())).arg(json()))
        .subcommand(Command::new("stop").about(to(words::bucket_stop())))
        .subcommand(Command::new("host").about(to(words::bucket_host())).hide(true));
    let key = move |required: bool| Arg::new("key").value_name("KEY").required(required).help(words::settings_key().to(lang));
    let settings = Command::new("settings")
        .about(to(words::settings()))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("get").about(to(words::settings_get())).arg(key(false)))
        .subcommand(Command::new("set").about(to(words::settings_set())).arg(key(true)).arg(
            Arg::new("value").value_name("VALUE").required(true).allow_hyphen_values(true).help(to(words::settings_value())),
        ));

    Command::new("imagepic")
        .version(env!("CARGO_PKG_VERSION"))
        .about(to(words::about()))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(upload)
        .subcommand(destinations)
        .subcommand(history)
        .subcommand(ls)
        .subcommand(Command::new("link").about(to(words::link())).arg(places()))
        .subcommand(Command::new("stat").about(to(words::stat())).arg(places()).arg(json()))
        .subcommand(Command::new("rm").about(to(words::rm())).arg(places()))
        .subcommand(bucket)
        .subcommand(settings)
        .subcommand(Command::new("doctor").about(to(words::doctor())))
        .subcommand(
            Command::new("completions")
                .about(to(words::completions()))
                .arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(clap_complete::Shell))),
        )
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
