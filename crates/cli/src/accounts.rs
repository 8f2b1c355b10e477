//! `imagepic accounts …`: what whoever runs a team server does with its accounts, beside the server if it runs.
//!
//! The settings are those of `imagepic serve`. A password comes from a prompt or standard input, never from an argument.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use imagepic_server::Config;
use imagepic_server::keeping::{Keeper, KeeperError, Left, Listed, Newcomer, Oddity, Person, Role, State};
use imagepic_words::{Text, accounts as words};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::out::Out;
use crate::{FAILED, USAGE, WELL, serve};

/// More than the longest password, in bytes.
const MOST: u64 = 4096;

/// Why it was not done, in words, and what a script may conclude.
struct Refused(u8, Text);

impl From<KeeperError> for Refused {
    fn from(error: KeeperError) -> Self {
        let shown = |path: &Path| path.display().to_string();
        match error {
            KeeperError::BadPhone(text) => Self(USAGE, words::bad_phone(text)),
            KeeperError::BadPassword => Self(USAGE, words::bad_password()),
            KeeperError::BadEmail(text) => Self(USAGE, words::bad_email(text)),
            KeeperError::BadName => Self(USAGE, words::bad_name()),
            KeeperError::Exists(phone) => Self(FAILED, words::exists(phone)),
            KeeperError::Nobody(phone) => Self(FAILED, words::nobody(phone)),
            KeeperError::Broken { phone, why } => Self(FAILED, words::broken(phone, why)),
            KeeperError::Open(why) => Self(FAILED, words::open_failed(why)),
            KeeperError::NoHome(path) => Self(FAILED, words::no_home(shown(&path))),
            KeeperError::Folder { path, why } => Self(FAILED, words::folder_failed(shown(&path), why)),
            KeeperError::Occupied(path) => Self(FAILED, words::occupied(shown(&path))),
            KeeperError::NoAccounts(path) => Self(FAILED, words::no_accounts(shown(&path))),
            other => Self(FAILED, words::store_failed(other)),
        }
    }
}

pub(crate) async fn run(args: &ArgMatches, out: &mut Out) -> u8 {
    let Some((verb, given)) = args.subcommand() else { return USAGE };
    let config = match serve::config(given) {
        Ok(config) => config,
        Err(problem) => {
            out.say(&problem.to(out.lang));
            return USAGE;
        }
    };
    match act(&config, verb, given, out).await {
        Ok(code) => code,
        Err(Refused(code, text)) => {
            out.tell(&text);
            code
        }
    }
}

async fn act(config: &Config, verb: &str, given: &ArgMatches, out: &mut Out) -> Result<u8, Refused> {
    // What brings the first account may come before the server was ever started.
    let keeper = Keeper::open(config, matches!(verb, "add" | "invite" | "import")).await?;
    let phone = || given.get_one::<String>("phone").cloned().unwrap_or_default();
    let folder = || given.get_one::<PathBuf>("dir").cloned().unwrap_or_default();
    match verb {
        "list" => list(&keeper.list().await?, given.get_flag("json"), out),
        "add" => {
            keeper.check_phone(&phone())?;
            let new = Newcomer {
                phone: phone(),
                name: given.get_one::<String>("name").cloned(),
                email: given.get_one::<String>("email").cloned(),
                password: password(given, &phone(), out)?,
                role: if given.get_flag("admin") { Role::Admin } else { Role::Member },
            };
            out.tell(&words::did_add(keeper.add(new).await?));
        }
        "invite" => {
            let number = |id: &str| given.get_one::<i64>(id).and_then(|number| u32::try_from(*number).ok()).unwrap_or(1);
            let (uses, days) = (number("uses"), number("days"));
            out.line(&keeper.invite(uses, days).await?);
            out.tell(&words::did_invite(uses, days));
        }
        "disable" => {
            let undo = given.get_flag("undo");
            keeper.disable(&phone(), !undo).await?;
            out.tell(&if undo { words::did_enable(phone()) } else { words::did_disable(phone()) });
        }
        "remove" => {
            keeper.remove(&phone()).await?;
            out.tell(&words::did_remove(phone()));
        }
        "role" => {
            let admin = given.get_one::<String>("role").is_some_and(|role| role == "admin");
            keeper.role(&phone(), if admin { Role::Admin } else { Role::Member }).await?;
            out.tell(&if admin { words::did_admin(phone()) } else { words::did_member(phone()) });
        }
        "reset-password" => {
            keeper.check_phone(&phone())?;
            keeper.reset_password(&phone(), &password(given, &phone(), out)?).await?;
            out.tell(&words::did_reset(phone()));
        }
        "require-change" => {
            let phones: Vec<String> = given.get_many("phone").into_iter().flatten().cloned().collect();
            out.tell(&words::did_require(keeper.require_change(&phones).await?));
        }
        "import" => import(&keeper, &folder(), out).await?,
        "export" => {
            let to = folder();
            let exported = keeper.export(&to).await?;
            for (phone, why) in &exported.left {
                out.say(&format!("{phone}  {}", words::odd_broken(why).to(out.lang)));
            }
            out.tell(&words::did_export(exported.written, to.display()));
        }
        _ => return Ok(USAGE),
    }
    Ok(WELL)
}

async fn import(keeper: &Keeper, from: &Path, out: &Out) -> Result<(), Refused> {
    let imported = keeper.import(from).await?;
    for (name, left) in &imported.left {
        let why = match left {
            Left::Exists => words::left_exists(),
            Left::Empty => words::left_empty(),
            Left::NoPassword => words::left_no_password(),
            Left::Broken(why) => words::odd_broken(why),
        };
        out.say(&format!("{name}  {}", why.to(out.lang)));
    }
    out.tell(&words::did_import(imported.brought, imported.unchanged, imported.left.len()));
    if let Some(backup) = imported.backup {
        out.tell(&words::did_backup(backup.display()));
    }
    Ok(())
}

fn list(all: &[Listed], json: bool, out: &mut Out) {
    if json {
        out.json(&all.iter().map(data).collect::<Vec<_>>());
        return;
    }
    if all.is_empty() {
        out.tell(&words::nobody_yet());
    }
    for listed in all {
        let remarks: Vec<String> = remarks(&listed.state).iter().map(|text| text.to(out.lang)).collect();
        let who = match &listed.state {
            State::Person(person) => [person.name.as_str(), person.email.as_str()].join("  "),
            _ => String::new(),
        };
        out.line(format!("{:<16}  {}  {}", listed.phone, remarks.join(", "), plain(&who)).trim_end());
    }
}

/// A name may hold whatever an older program let through; a terminal obeys some of that.
fn plain(text: &str) -> String {
    text.chars().filter(|one| !one.is_control()).collect()
}

fn oddity(oddity: Oddity) -> Text {
    match oddity {
        Oddity::ClearPassword => words::odd_clear(),
        Oddity::NoPassword => words::odd_none(),
        Oddity::NumericPhone => words::odd_numeric(),
    }
}

fn remarks(state: &State) -> Vec<Text> {
    match state {
        State::Empty => vec![words::odd_empty()],
        State::Broken(why) => vec![words::odd_broken(why)],
        State::Person(Person { role, disabled, require_change, sessions, oddity: odd, .. }) => {
            let role = if *role == Role::Admin { words::role_admin() } else { words::role_member() };
            let more = [
                disabled.then(words::is_disabled),
                require_change.then(words::must_change),
                (*sessions > 0).then(|| words::has_sessions(sessions)),
                odd.map(oddity),
            ];
            std::iter::once(role).chain(more.into_iter().flatten()).collect()
        }
    }
}

fn data(listed: &Listed) -> Value {
    match &listed.state {
        State::Empty => json!({ "phone": listed.phone, "problem": "empty" }),
        State::Broken(why) => json!({ "phone": listed.phone, "problem": "unreadable", "why": why }),
        State::Person(person) => json!({
            "phone": listed.phone,
            "name": person.name,
            "email": person.email,
            "role": if person.role == Role::Admin { "admin" } else { "member" },
            "disabled": person.disabled,
            "requireChange": person.require_change,
            "sessions": person.sessions,
            "problem": person.oddity.map(|oddity| match oddity {
                Oddity::ClearPassword => "clear-password",
                Oddity::NoPassword => "no-password",
                Oddity::NumericPhone => "numeric-phone",
            }),
        }),
    }
}

fn password(args: &ArgMatches, phone: &str, out: &Out) -> Result<SecretString, Refused> {
    let unreadable = |error: std::io::Error| {
        Refused(FAILED, imagepic_words::console::stdin_unreadable("").with("reason", imagepic_words::reason(&error)))
    };
    if args.get_flag("password-stdin") {
        let mut text = String::new();
        std::io::stdin().lock().take(MOST).read_to_string(&mut text).map_err(unreadable)?;
        return Ok(SecretString::from(text.lines().next().unwrap_or_default()));
    }
    if !std::io::stdin().is_terminal() {
        return Err(Refused(USAGE, words::needed()));
    }
    let ask = |prompt: Text| crate::secret::ask(&prompt.to(out.lang)).map_err(unreadable);
    let first = ask(words::prompt(phone))?;
    if first != ask(words::prompt_again())? {
        return Err(Refused(USAGE, words::differ()));
    }
    Ok(SecretString::from(first))
}
