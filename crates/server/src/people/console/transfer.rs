//! Moving accounts between homes: cut-over from the old service, and from a folder to a database and back.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{Keeper, KeeperError};
use crate::accounts::document::{Oddity, Whole, oddity};
use crate::accounts::{Home, StoreError, folder};
use crate::people::{rules, tokens};

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Accounts that are now in the home with a hash for a password.
    pub brought: usize,
    /// Accounts that were in order already.
    pub unchanged: usize,
    /// What was left, and why: the file's name or the phone number, and the reason.
    pub left: Vec<(String, Left)>,
    /// Where the home's files were copied first. It holds the passwords as they were.
    pub backup: Option<PathBuf>,
}

/// Why an account was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// The home has that phone number.
    Exists,
    /// There is nobody in the file.
    Empty,
    /// Nothing can be read from it.
    Broken(String),
    /// It was brought, but has no password that could be hashed: it needs a reset.
    NoPassword,
}

/// What an export did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Accounts written.
    pub written: usize,
    /// Phone numbers that cannot be read, and why.
    pub left: Vec<(String, String)>,
}

fn fail(path: &Path) -> impl Fn(std::io::Error) -> KeeperError + '_ {
    move |error| KeeperError::Folder { path: path.to_owned(), why: error.to_string() }
}

/// What does not belong to a person but to this server.
const OURS_ALONE: [&str; 3] = ["sessions", "failures", "ended"];

pub(super) async fn import(keeper: &Keeper, from: &Path) -> Result<Imported, KeeperError> {
    let from = folder::place(from).canonicalize().map_err(fail(from))?;
    let names = folder::phones_in(&from).map_err(fail(&from))?;
    if names.is_empty() {
        return Err(KeeperError::NoAccounts(from));
    }
    let mut imported = Imported::default();
    let own = match &keeper.home {
        Home::Folder(home) => Some(home.folder().canonicalize().map_err(fail(home.folder()))?),
        Home::Postgres(_) => None,
    };
    if let Some(own) = &own {
        imported.backup = backup(own)?;
    }
    for name in names {
        let done = if own.as_ref() == Some(&from) { in_place(keeper, &name).await } else { bring(keeper, &from, &name).await };
        match done? {
            Done::Brought => imported.brought += 1,
            Done::Unchanged => imported.unchanged += 1,
            Done::Left(why) => imported.left.push((name, why)),
        }
    }
    Ok(imported)
}

enum Done {
    Brought,
    Unchanged,
    Left(Left),
}

/// Takes away what stands in a password's place and cannot be hashed: an array has it in clear text. Tells whether there was any.
fn emptied(fields: &mut Map<String, Value>) -> bool {
    match fields.get_mut("upwd") {
        None | Some(Value::Null) => false,
        Some(kept) => {
            *kept = Value::Null;
            true
        }
    }
}

/// Hashes a clear password, takes one away that nobody can log in with, gives a `ver` where there is none; tells whether anything was to do.
async fn harden(keeper: &Keeper, fields: &mut Map<String, Value>) -> bool {
    let mut changed = false;
    if oddity(fields) == Some(Oddity::ClearPassword)
        && let Some(Value::String(clear)) = fields.get("upwd")
    {
        let hash = keeper.hash(&Zeroizing::new(clear.clone())).await;
        fields.insert("upwd".to_owned(), Value::from(hash));
        changed = true;
    }
    if oddity(fields) == Some(Oddity::NoPassword) {
        changed |= emptied(fields);
    }
    if fields.get("ver").and_then(Value::as_str).is_none() {
        fields.insert("ver".to_owned(), Value::from(tokens::random()));
        changed = true;
    }
    changed
}

async fn in_place(keeper: &Keeper, name: &str) -> Result<Done, KeeperError> {
    if rules::bare(name).as_deref() != Some(name) {
        return Ok(Done::Left(Left::Broken("its name is not that of an account".to_owned())));
    }
    loop {
        let mut document = match keeper.accounts.find(name).await {
            Ok(Some(document)) => document,
            Ok(None) => return Ok(Done::Left(Left::Empty)),
            Err(StoreError::Broken { why, .. }) => return Ok(Done::Left(Left::Broken(why))),
            Err(error) => return Err(error.into()),
        };
        let no_password = oddity(&document.fields) == Some(Oddity::NoPassword);
        let done = |done| if no_password { Done::Left(Left::NoPassword) } else { done };
        if !harden(keeper, &mut document.fields).await {
            return Ok(done(Done::Unchanged));
        }
        match keeper.accounts.update(document).await {
            Ok(_) => return Ok(done(Done::Brought)),
            // Somebody logged in meanwhile, and may have hashed it: look again.
            Err(StoreError::Changed) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn bring(keeper: &Keeper, from: &Path, name: &str) -> Result<Done, KeeperError> {
    let Some(phone) = rules::bare(name) else {
        return Ok(Done::Left(Left::Broken("its name is not that of an account".to_owned())));
    };
    let path = from.join(format!("auth_{name}.json"));
    let bytes = fs::read(&path).map_err(fail(&path))?;
    let whole = match Whole::read(&bytes, &phone) {
        Ok(whole) => whole,
        Err(why) => return Ok(Done::Left(Left::Broken(why))),
    };
    let Some(mut fields) = whole.person().cloned() else { return Ok(Done::Left(Left::Empty)) };
    if matches!(keeper.home, Home::Postgres(_)) && Value::Object(fields.clone()).to_string().contains("\\u0000") {
        return Ok(Done::Left(Left::Broken("it holds a NUL character, which PostgreSQL cannot keep".to_owned())));
    }
    let no_password = oddity(&fields) == Some(Oddity::NoPassword);
    harden(keeper, &mut fields).await;
    match keeper.accounts.add(&phone, fields).await {
        Ok(_) if no_password => Ok(Done::Left(Left::NoPassword)),
        Ok(_) => Ok(Done::Brought),
        Err(StoreError::Exists) => Ok(Done::Left(Left::Exists)),
        Err(error) => Err(error.into()),
    }
}

/// Copies a folder's accounts beside it, readable to nobody else; `None` where there is nothing to copy.
fn backup(folder: &Path) -> Result<Option<PathBuf>, KeeperError> {
    let names = folder::phones_in(folder).map_err(fail(folder))?;
    if names.is_empty() {
        return Ok(None);
    }
    let stamp = chrono::Utc::now().format("%Y%m%dT%H%M%S%3fZ");
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let to = folder.with_file_name(format!("{name}-before-{stamp}"));
    make(&to).map_err(fail(&to))?;
    for name in names {
        let file = format!("auth_{name}.json");
        let path = folder.join(&file);
        let bytes = fs::read(&path).map_err(fail(&path))?;
        write(&to.join(&file), &bytes).map_err(fail(&to))?;
    }
    folder::sync_folder(&to).map_err(fail(&to))?;
    Ok(Some(to))
}

fn make(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(super) async fn export(keeper: &Keeper, to: &Path) -> Result<Exported, KeeperError> {
    make(to).map_err(fail(to))?;
    if !folder::phones_in(to).map_err(fail(to))?.is_empty() {
        return Err(KeeperError::Occupied(to.to_owned()));
    }
    let mut exported = Exported::default();
    for phone in keeper.accounts.phones().await? {
        match keeper.accounts.find(&phone).await {
            Ok(Some(mut document)) => {
                for name in OURS_ALONE {
                    document.unset(name);
                }
                let path = to.join(format!("auth_{phone}.json"));
                write(&path, &Whole::of(document.fields).bytes()).map_err(fail(&path))?;
                exported.written += 1;
            }
            Ok(None) => {}
            Err(StoreError::Broken { why, .. }) => exported.left.push((phone, why)),
            Err(error) => return Err(error.into()),
        }
    }
    folder::sync_folder(to).map_err(fail(to))?;
    Ok(exported)
}
