//! `imagepic register|login|passwd|logout`: who signs in at a team server. A password comes from standard input or a hidden prompt,
//! never from an argument.

use std::io::{IsTerminal, Read};

use clap::ArgMatches;
use imagepic_core::destination::{Destination, Images, Kind, LONGEST_PRESIGN, LinkPolicy, Names, TeamAddress};
use imagepic_core::engine::{Draft, Engine, Registering};
use imagepic_core::{Code, Error, Result};
use imagepic_words::{Text, team as say};
use secrecy::SecretString;

use crate::out::Out;
use crate::{USAGE, WELL};

/// More than two of the longest passwords, in bytes.
const MOST: u64 = 8192;

pub(crate) async fn run(engine: &Engine, verb: &str, args: &ArgMatches, out: &Out) -> Result<u8> {
    let address = address(engine, args)?;
    let accounts = engine.accounts();
    let (host, phone) = (host(&address), address.phone.clone());
    match verb {
        "logout" => {
            let told = accounts.logout(&address.signing_in()?).await?;
            out.tell(&if told { say::did_logout(host) } else { say::did_logout_here(host) });
            return Ok(WELL);
        }
        // What is wrong with the address is told before anybody types a password.
        _ => drop(address.signing_in()?),
    }
    let found = accounts.probe(&address).await?;
    let Some(mut given) = passwords(args, verb, &phone, &host, out)? else {
        out.tell(&say::password_needed());
        return Ok(USAGE);
    };
    let first = given.next();
    match verb {
        "register" => {
            let text = |id: &str| args.get_one::<String>(id).cloned().unwrap_or_default();
            let form = Registering {
                name: text("name"),
                tfs: text("tfs"),
                email: text("email"),
                password: first,
                invite: text("invite"),
            };
            accounts.register(&address, form).await?;
            // Without the password kept, a sign-in at an older server ends with this program.
            out.tell(&if found.old { say::did_register_only(phone, host) } else { say::did_register(phone, host) });
        }
        "passwd" => {
            let new = given.next();
            accounts.change_password(&address, first, new).await?;
            out.tell(&say::did_change(phone, host));
        }
        _ => {
            let keep = args.get_flag("keep-password");
            if found.old && !keep {
                return Err(Error::new(Code::BadRequest, say::kept_needed(host)));
            }
            accounts.login(&address, first, keep).await?;
            out.tell(&say::did_login(host, phone));
        }
    }
    Ok(WELL)
}

pub(crate) async fn add(engine: &Engine, args: &ArgMatches, out: &Out) -> Result<u8> {
    let text = |id: &str| args.get_one::<String>(id).cloned().unwrap_or_default();
    let link = match (args.get_one::<String>("public-base"), args.get_one::<i64>("presign")) {
        (Some(base), _) => LinkPolicy::Public { base: Some(base.clone()).filter(|base| !base.is_empty()) },
        (None, Some(seconds)) => LinkPolicy::Presigned { seconds: u32::try_from(*seconds).unwrap_or(LONGEST_PRESIGN) },
        (None, None) => LinkPolicy::default(),
    };
    let address = TeamAddress {
        server: text("server"),
        phone: text("phone"),
        allow_plain_http: args.get_flag("allow-http"),
        ca_file: ca_file(args),
    };
    let names = if matches!(link, LinkPolicy::Public { .. }) { Names::unguessable() } else { Names::default() };
    let mut images = Images::default();
    crate::images::fill(&mut images, args);
    let destination = Destination {
        id: String::new(),
        name: text("name"),
        kind: Kind::Team(address.clone()),
        bucket: text("bucket"),
        folder: text("folder"),
        link,
        names,
        images,
        max_bytes: None,
        any_file: false,
    };
    let saved = engine.destinations().save(Draft { destination, secret: None }).await?;
    let signed_in = engine.accounts().signed_in(&address).await;
    out.tell(&match (signed_in, address.phone.trim().is_empty()) {
        (true, _) => say::did_add_signed_in(&saved.name),
        (false, true) => say::did_add_without_phone(&saved.name, &saved.name),
        (false, false) => say::did_add(&saved.name, &saved.name),
    });
    Ok(WELL)
}

fn ca_file(args: &ArgMatches) -> Option<std::path::PathBuf> {
    let path = args.get_one::<std::path::PathBuf>("ca-file")?;
    Some(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
}

/// `--server`, the destination named by `--to`, the one uploads go to, or the only one there is.
fn address(engine: &Engine, args: &ArgMatches) -> Result<TeamAddress> {
    let team = |destination: &Destination| match &destination.kind {
        Kind::Team(address) => Some(address.clone()),
        _ => None,
    };
    let destinations = engine.destinations();
    let mut all: Vec<TeamAddress> = destinations.list().iter().filter_map(team).collect();
    let mut address = if let Some(server) = args.get_one::<String>("server") {
        let given = TeamAddress {
            server: server.clone(),
            phone: String::new(),
            allow_plain_http: args.get_flag("allow-http"),
            ca_file: ca_file(args),
        };
        let form = TeamAddress { allow_plain_http: true, ..given.clone() }.checked()?;
        // Who is known there need not be named again.
        all.retain(|known| known.server == form.server);
        all.dedup_by(|one, other| one.phone == other.phone);
        match all.as_slice() {
            [known] if ca_file(args).is_none() => known.clone(),
            _ => given,
        }
    } else if let Some(name) = args.get_one::<String>("to") {
        let destination = destinations.resolve(name)?;
        team(&destination).ok_or_else(|| Error::new(Code::BadRequest, say::not_a_team(&destination.name)))?
    } else {
        all.dedup_by(|one, other| one.server == other.server && one.phone == other.phone);
        match (team(&destinations.current()), all.as_slice()) {
            (Some(current), _) => current,
            (None, [only]) => only.clone(),
            _ => return Err(Error::new(Code::BadRequest, say::which_server())),
        }
    };
    if let Some(phone) = args.get_one::<String>("phone") {
        address.phone.clone_from(phone);
    }
    address.allow_plain_http |= args.get_flag("allow-http");
    address.checked()
}

fn host(address: &TeamAddress) -> String {
    let rest = address.server.split_once("://").map_or(address.server.as_str(), |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}

/// One password after the other, as they were given.
struct Given(std::vec::IntoIter<SecretString>);

impl Given {
    fn next(&mut self) -> SecretString {
        self.0.next().unwrap_or_default()
    }
}

fn passwords(args: &ArgMatches, verb: &str, phone: &str, host: &str, out: &Out) -> Result<Option<Given>> {
    if args.get_flag("password-stdin") {
        let mut text = String::new();
        std::io::stdin().lock().take(MOST).read_to_string(&mut text).map_err(crate::upload::unreadable)?;
        let lines: Vec<_> = text.lines().map(SecretString::from).collect();
        return Ok(Some(Given(lines.into_iter())));
    }
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let ask = |prompt: Text| crate::secret::ask(&prompt.to(out.lang)).map_err(crate::upload::unreadable);
    let twice = |first: String| {
        let again = ask(say::prompt_again())?;
        if first == again { Ok(SecretString::from(first)) } else { Err(Error::new(Code::BadRequest, say::passwords_differ())) }
    };
    let given = match verb {
        "register" => vec![twice(ask(say::prompt_registering(phone, host))?)?],
        "passwd" => vec![SecretString::from(ask(say::prompt_password(phone, host))?), twice(ask(say::prompt_new())?)?],
        _ => vec![SecretString::from(ask(say::prompt_password(phone, host))?)],
    };
    Ok(Some(Given(given.into_iter())))
}
