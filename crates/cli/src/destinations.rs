//! `imagepic destinations`: where uploads go. A secret key comes from standard input or a hidden prompt, never from an argument.

use std::io::{IsTerminal, Read};

use clap::ArgMatches;
use clap::parser::ValueSource;
use imagepic_core::destination::check::path_only;
use imagepic_core::destination::{Destination, Images, Kind, LinkPolicy, Names, S3Address};
use imagepic_core::engine::{Draft, Engine, SecretsPlace};
use imagepic_core::{Code, Error, Result};
use imagepic_words::console as words;
use secrecy::SecretString;
use serde_json::json;

use crate::out::Out;
use crate::{USAGE, WELL, climb};

pub(crate) async fn run(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    match args.subcommand() {
        Some(("list", args)) => Ok(list(engine, args, out)),
        Some(("add", args)) => match args.subcommand() {
            Some(("team", args)) => crate::team::add(engine, args, out).await,
            Some((_, args)) => add(engine, args, out).await,
            None => Ok(USAGE),
        },
        Some(("edit", args)) => edit(engine, args, out).await,
        Some(("remove", args)) => {
            let destination = engine.destinations().resolve(name(args))?;
            if let Err(error) = engine.destinations().remove(&destination.id).await {
                let code = out.failure(&error);
                if error.text.key() == "errors.destination_in_use" {
                    out.tell(&words::cancel_hint(crate::out::quoted(&destination.name)));
                }
                return Ok(code);
            }
            out.tell(&words::removed(destination.name));
            Ok(WELL)
        }
        Some(("use", args)) => {
            let given = |id: &str| args.get_one::<String>(id).cloned();
            if let Some(bucket) = args.get_one::<String>("bucket") {
                is_there(engine, name(args), bucket).await?;
            }
            engine.destinations().use_(name(args), given("bucket"), given("folder")).await?;
            out.tell(&words::used(place(&engine.destinations().current())));
            Ok(WELL)
        }
        Some(("test", args)) => {
            let destination = match args.get_one::<String>("name") {
                Some(name) => engine.destinations().resolve(name)?,
                None => engine.destinations().current(),
            };
            let name = destination.name.clone();
            let (code, report) = climb::test(engine, destination, out).await;
            if args.get_flag("json") {
                let mut report = json!(report);
                report["destination"] = json!(name);
                out.json(&report);
            }
            Ok(code)
        }
        _ => Ok(USAGE),
    }
}

fn name(args: &ArgMatches) -> &str {
    args.get_one::<String>("name").map(String::as_str).unwrap_or_default()
}

/// A bucket that was mistyped would be missed only at the next upload. Where buckets cannot be listed at the moment, it is believed.
async fn is_there(engine: &Engine, name: &str, bucket: &str) -> Result<()> {
    let destination = engine.destinations().resolve(name)?;
    let own = destination.kind == Kind::ThisComputer && destination.bucket == bucket;
    match engine.browse().buckets(&destination.id).await {
        Ok(names) if !own && !names.is_empty() && !names.iter().any(|name| name == bucket) => {
            Err(Error::new(Code::NoSuchBucket, words::bucket_unknown_at(bucket, &destination.name, names.join(", ")))
                .at("bucket"))
        }
        _ => Ok(()),
    }
}

/// Name, bucket and folder in one line, as the tray shows them.
pub(crate) fn place(destination: &Destination) -> String {
    [&destination.name, &destination.bucket, &destination.folder]
        .into_iter()
        .filter(|part| !part.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join(" / ")
}

fn list(engine: &Engine, args: &ArgMatches, out: &mut Out) -> u8 {
    let current = engine.destinations().current().id;
    let all = engine.destinations().list();
    if args.get_flag("json") {
        let all: Vec<_> = all
            .iter()
            .map(|destination| {
                let mut value = json!(destination);
                value["current"] = json!(destination.id == current);
                value
            })
            .collect();
        out.json(&all);
    } else {
        for destination in &all {
            let mark = if destination.id == current { '*' } else { ' ' };
            let address = match &destination.kind {
                Kind::ThisComputer => String::new(),
                Kind::S3(address) => format!("  {}", address.endpoint),
                Kind::Team(address) if address.phone.is_empty() => format!("  {}", address.server),
                Kind::Team(address) => format!("  {} ({})", address.server, address.phone),
            };
            out.line(&format!("{mark} {}{address}", place(destination)));
        }
    }
    WELL
}

async fn add(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let mut destination = Destination {
        id: String::new(),
        name: name(args).to_owned(),
        kind: Kind::S3(S3Address {
            endpoint: String::new(),
            region: String::new(),
            access_key: String::new(),
            path_style: false,
            ca_file: None,
        }),
        bucket: String::new(),
        folder: String::new(),
        link: LinkPolicy::default(),
        names: Names::default(),
        images: Images::default(),
        max_bytes: None,
        any_file: false,
    };
    fill(&mut destination, args)?;
    if matches!(destination.link, LinkPolicy::Public { .. }) {
        destination.names = Names::unguessable();
    }
    // What is wrong with the form is told before anybody types a secret.
    engine.destinations().check(&Draft { destination: destination.clone(), secret: None })?;
    let Some(secret) = secret(args, true, out)? else {
        out.tell(&words::secret_needed());
        return Ok(USAGE);
    };
    let draft = Draft { destination, secret: Some(secret) };
    if let Some(code) = shares(engine, &draft, args, out).await? {
        return Ok(code);
    }
    let saved = engine.destinations().save(draft).await?;
    out.tell(&match engine.settings().where_secrets().await {
        SecretsPlace::Keychain => words::added(saved.name),
        SecretsPlace::File => words::added_file(saved.name),
    });
    Ok(WELL)
}

async fn edit(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let mut destination = engine.destinations().resolve(name(args))?;
    let given = |id: &clap::Id| id != "name" && args.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    if !args.ids().any(given) {
        out.tell(&words::nothing_to_change(&destination.name));
        return Ok(USAGE);
    }
    if let Some(name) = args.get_one::<String>("rename") {
        destination.name.clone_from(name);
    }
    fill(&mut destination, args)?;
    let secret = secret(args, false, out)?;
    let draft = Draft { destination, secret };
    if let Some(code) = shares(engine, &draft, args, out).await? {
        return Ok(code);
    }
    let saved = engine.destinations().save(draft).await?;
    match &saved.kind {
        Kind::Team(address) if !engine.accounts().signed_in(address).await => {
            out.tell(&imagepic_words::team::did_edit(&saved.name, &saved.name));
        }
        _ => out.tell(&words::changed(saved.name)),
    }
    Ok(WELL)
}

/// A secret that other destinations use too is changed for them only where somebody says so. The exit code of a refusal.
async fn shares(engine: &Engine, draft: &Draft, args: &ArgMatches, out: &Out) -> Result<Option<u8>> {
    match engine.destinations().check_secret(draft).await {
        Err(error) if error.code == Code::SecretShared && args.get_flag("replace-secret") => {
            out.tell(&error.text);
            Ok(None)
        }
        Err(error) if error.code == Code::SecretShared => {
            let code = out.failure(&error);
            out.tell(&words::replace_hint());
            Ok(Some(code))
        }
        checked => checked.map(|()| None),
    }
}

/// Puts what was given into the form; what was not given stays.
fn fill(destination: &mut Destination, args: &ArgMatches) -> Result<()> {
    let given = |id: &str| args.get_one::<String>(id);
    // `add s3` has no arguments of a team server.
    let team_given = |id: &str| args.try_get_one::<String>(id).ok().flatten();
    let plain = matches!(args.try_get_one::<bool>("allow-http"), Ok(Some(true)));
    let ca_file =
        args.get_one::<std::path::PathBuf>("ca-file").map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
    let host_style = matches!(args.try_get_one::<bool>("host-style"), Ok(Some(true)));
    let of_s3 = ["endpoint", "region", "access-key"].iter().any(|id| args.contains_id(id))
        || ["path-style", "secret-key-stdin"].iter().any(|id| args.get_flag(id))
        || host_style;
    let of_team = ["server", "phone"].iter().any(|id| team_given(id).is_some()) || plain;
    let wrong = |text| Err(Error::new(Code::BadRequest, text));
    match &mut destination.kind {
        Kind::S3(_) if of_team => return wrong(words::edit_s3(&destination.name)),
        Kind::S3(address) => {
            for (id, field) in
                [("endpoint", &mut address.endpoint), ("region", &mut address.region), ("access-key", &mut address.access_key)]
            {
                if let Some(value) = given(id) {
                    field.clone_from(value);
                }
            }
            address.path_style = (address.path_style || args.get_flag("path-style")) && !host_style;
            if host_style && path_only(&address.endpoint) {
                return wrong(words::no_host_style(&address.endpoint));
            }
            address.ca_file = ca_file.or(address.ca_file.take());
        }
        Kind::Team(_) if of_s3 => return wrong(words::edit_team(&destination.name)),
        Kind::Team(address) => {
            for (id, field) in [("server", &mut address.server), ("phone", &mut address.phone)] {
                if let Some(value) = team_given(id) {
                    field.clone_from(value);
                }
            }
            address.allow_plain_http |= plain;
            address.ca_file = ca_file.or(address.ca_file.take());
        }
        Kind::ThisComputer if of_s3 || of_team || ca_file.is_some() => return wrong(words::not_s3(&destination.name)),
        Kind::ThisComputer => {}
    }
    if let Some(bucket) = given("bucket") {
        destination.bucket.clone_from(bucket);
    }
    if let Some(folder) = given("folder") {
        destination.folder.clone_from(folder);
    }
    if let Some(base) = given("public-base") {
        destination.link = LinkPolicy::Public { base: Some(base.clone()).filter(|base| !base.is_empty()) };
    } else if let Some(seconds) = args.get_one::<i64>("presign").and_then(|seconds| u32::try_from(*seconds).ok()) {
        destination.link = LinkPolicy::Presigned { seconds };
    }
    crate::images::fill(&mut destination.images, args);
    Ok(())
}

fn secret(args: &ArgMatches, needed: bool, out: &Out) -> Result<Option<SecretString>> {
    if args.get_flag("secret-key-stdin") {
        let mut text = String::new();
        std::io::stdin().lock().take(8192).read_to_string(&mut text).map_err(crate::upload::unreadable)?;
        return Ok(Some(SecretString::from(text)));
    }
    if !needed || !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let line = crate::secret::ask(&words::secret_prompt().to(out.lang)).map_err(crate::upload::unreadable)?;
    Ok(Some(SecretString::from(line)))
}
