//! The arguments of whoever looks after the accounts of a team server.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, value_parser};
use imagepic_words::accounts as words;

use super::Make;

/// `imagepic accounts …`
pub(super) fn keeping(make: Make) -> Command {
    let phone = || Arg::new("phone").value_name("PHONE").required(true).help(words::option_phone().to(make.0));
    let dir = || {
        let arg = Arg::new("dir").value_name("DIR").required(true).value_parser(value_parser!(std::path::PathBuf));
        arg.help(words::option_dir().to(make.0))
    };
    let password = || make.flag("password-stdin", words::option_password_stdin());
    let path = |arg: Arg| arg.global(true).value_parser(value_parser!(std::path::PathBuf));
    let role = Arg::new("role").value_name("ROLE").required(true).help(words::option_role().to(make.0));
    let phones = phone().required(false).action(ArgAction::Append).num_args(1..).required_unless_present("all");
    make.group("accounts", words::about())
        .arg(path(make.option("data", "DIR", words::option_data())))
        .arg(path(make.option("config", "FILE", words::option_config())))
        .subcommand(make.command("list", words::about_list()).arg(make.json()))
        .subcommand(
            make.shown("add", words::about_add(), &["accounts add 13800138000 --name 小明 --admin"])
                .arg(phone())
                .arg(make.option("name", "NAME", words::option_name()))
                .arg(make.option("email", "EMAIL", words::option_email()))
                .arg(make.flag("admin", words::option_admin()))
                .arg(password()),
        )
        .subcommand(
            make.shown("invite", words::about_invite(), &["accounts invite --uses 20 --days 3"])
                .arg(make.number(make.option("uses", "N", words::option_uses()).default_value("1"), 1, 10_000))
                .arg(make.number(make.option("days", "N", words::option_days()).default_value("7"), 1, 365)),
        )
        .subcommand(make.command("disable", words::about_disable()).arg(phone()).arg(make.flag("undo", words::option_undo())))
        .subcommand(make.command("remove", words::about_remove()).arg(phone()))
        .subcommand(
            make.shown("role", words::about_role(), &["accounts role 13800138000 admin"])
                .arg(phone())
                .arg(role.value_parser(PossibleValuesParser::new(["admin", "member"]))),
        )
        .subcommand(make.command("reset-password", words::about_reset()).arg(phone()).arg(password()))
        .subcommand(
            make.shown(
                "require-change",
                words::about_require(),
                &["accounts require-change 13800138000", "accounts require-change --all"],
            )
            .arg(phones)
            .arg(make.flag("all", words::option_all()).conflicts_with("phone")),
        )
        .subcommand(make.shown("import", words::about_import(), &["accounts import /srv/old/db/imagepic"]).arg(dir()))
        .subcommand(make.shown("export", words::about_export(), &["accounts export accounts-backup"]).arg(dir()))
}
