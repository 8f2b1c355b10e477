//! The arguments of whoever signs in at a team server.

use clap::{Arg, Command, value_parser};
use imagepic_words::{console as words, team};

use super::Make;

fn address(make: Make, command: Command) -> Command {
    command
        .arg(make.option("phone", "PHONE", team::option_phone()))
        .arg(make.flag("allow-http", team::option_allow_http()))
        .arg(make.option("ca-file", "FILE", words::option_ca_file()).value_parser(value_parser!(std::path::PathBuf)))
}

/// What `destinations edit` changes of a destination at a team server, beside what every kind has.
pub(super) fn addressed(make: Make, command: Command) -> Command {
    command
        .arg(server(make))
        .arg(make.option("phone", "PHONE", team::option_phone()))
        .arg(make.flag("allow-http", team::option_allow_http()))
}

fn server(make: Make) -> Arg {
    make.option("server", "URL", team::option_server())
}

/// `imagepic destinations add team`
pub(super) fn add(make: Make) -> Command {
    let longest = i64::from(imagepic_core::destination::LONGEST_PRESIGN);
    let examples = ["destinations add team --name team --server https://images.example.com --bucket assets"];
    let command = make
        .shown("team", team::about_add(), &examples)
        .arg(make.option("name", "NAME", words::option_name()).required(true))
        .arg(server(make).required(true))
        .arg(make.option("bucket", "BUCKET", words::option_bucket()).required(true))
        .arg(make.option("folder", "FOLDER", words::option_folder()))
        .arg(make.option("public-base", "URL", words::option_public_base()).conflicts_with("presign"))
        .arg(make.number(make.option("presign", "SECONDS", words::option_presign()), 1, longest));
    let command = super::images::images(make, command);
    address(make, command)
}

/// `imagepic register|login|passwd|logout`
pub(super) fn accounts(make: Make) -> [Command; 4] {
    let account = |command: Command| {
        let to = make.destination(make.option("to", "NAME", team::option_to()));
        address(make, command).arg(server(make).conflicts_with("to")).arg(to)
    };
    let password = |command: Command| command.arg(make.flag("password-stdin", team::option_password_stdin()));
    let register = make.shown(
        "register",
        team::about_register(),
        &["register --server https://images.example.com --phone 13800138000 --email me@example.com"],
    );
    let login = make.shown(
        "login",
        team::about_login(),
        &["login --server https://images.example.com --phone 13800138000", "login --to team --password-stdin < password.txt"],
    );
    [
        password(account(register))
            .arg(make.option("email", "EMAIL", team::option_email()).required(true))
            .arg(make.option("name", "NAME", team::option_person()))
            .arg(make.option("tfs", "NUMBER", team::option_tfs()))
            .arg(make.option("invite", "CODE", team::option_invite())),
        password(account(login)).arg(make.flag("keep-password", team::option_keep_password())),
        password(account(make.shown("passwd", team::about_passwd(), &["passwd --to team"]))),
        account(make.shown("logout", team::about_logout(), &["logout --to team"])),
    ]
}
