//! What whoever runs the server does with accounts, from the console, beside a running server if there is one.
//!
//! It works on the same home as the server and by the same conditional updates, so neither can overwrite the other. Words stay out:
//! the console program has them.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use zeroize::Zeroizing;

use super::passwords::Passwords;
use super::registration::person;
use super::rules::{self, Rules};
use super::{Clock, Role, invites, sessions, set_password};
use crate::accounts::document::{Oddity, oddity};
use crate::accounts::{Accounts, Document, Home, Invites, Opener, StoreError};
use crate::config::Config;

mod transfer;

pub use transfer::{Exported, Imported, Left};

const DAY: i64 = 24 * 3600 * 1000;
/// See the same of [`super::People`].
const TRIES: u32 = 32;

/// The accounts, opened for looking after them.
pub struct Keeper {
    home: Home,
    accounts: std::sync::Arc<dyn Accounts>,
    invites: std::sync::Arc<dyn Invites>,
    rules: Rules,
    passwords: Passwords,
    clock: Clock,
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeeperError {
    /// The home cannot be opened.
    #[error("{0}")]
    Open(String),
    /// There is no folder of accounts, and nothing is to be put into one.
    #[error("{} is no folder of accounts", .0.display())]
    NoHome(PathBuf),
    /// No phone number by the server's rule.
    #[error("\"{0}\" is no phone number")]
    BadPhone(String),
    /// No password by the server's rule.
    #[error("the password breaks the rule")]
    BadPassword,
    /// No e-mail address by the server's rule.
    #[error("\"{0}\" is no e-mail address")]
    BadEmail(String),
    /// A name that is too long or holds control characters.
    #[error("the name is too long, or holds control characters")]
    BadName,
    /// The phone number has an account.
    #[error("{0} has an account already")]
    Exists(String),
    /// The phone number has none.
    #[error("{0} has no account")]
    Nobody(String),
    /// There is an account, but it cannot be read.
    #[error("the account of {phone} cannot be read: {why}")]
    Broken {
        /// Whose.
        phone: String,
        /// Without its content.
        why: String,
    },
    /// The store failed.
    #[error("{0}")]
    Store(String),
    /// A folder for import, backup or export.
    #[error("{}: {why}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The folder of an export has accounts already.
    #[error("{} has accounts already", .0.display())]
    Occupied(PathBuf),
    /// The folder of an import has none.
    #[error("{} has no accounts", .0.display())]
    NoAccounts(PathBuf),
}

impl From<StoreError> for KeeperError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Broken { phone, why } => Self::Broken { phone, why },
            other => Self::Store(other.to_string()),
        }
    }
}

/// An account, as a list tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// As the store has it.
    pub phone: String,
    /// What there is to know, or why nothing can be known.
    pub state: State,
}

/// See [`Listed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Somebody.
    Person(Person),
    /// A file with an empty list: whoever registers moves in.
    Empty,
    /// A file nothing can be read from; the reason, without its content.
    Broken(String),
}

/// Somebody, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// May be empty.
    pub name: String,
    /// May be empty.
    pub email: String,
    /// What the person may do.
    pub role: Role,
    /// Nobody can log in.
    pub disabled: bool,
    /// The password must be changed at the next log-in.
    pub require_change: bool,
    /// Kept sessions that are alive.
    pub sessions: usize,
    /// What is unusual.
    pub oddity: Option<Oddity>,
}

/// Somebody to be added.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Any form the rule takes.
    pub phone: String,
    /// What people call the person.
    pub name: Option<String>,
    /// E-mail address; optional here, since whoever runs the server knows whom it is about.
    pub email: Option<String>,
    /// By the server's rule.
    pub password: SecretString,
    /// What the person may do.
    pub role: Role,
}

impl Keeper {
    /// Opens the accounts a server with that configuration uses. A folder that is not there is made only where `make` says so: whoever
    /// looks at accounts and mistypes the folder is not shown an empty one.
    ///
    /// # Errors
    /// [`KeeperError::Open`] and [`KeeperError::NoHome`].
    pub async fn open(config: &Config, make: bool) -> Result<Self, KeeperError> {
        if let Some(root) = config.accounts_folder()
            && !make
            && !crate::accounts::folder::place(root).is_dir()
        {
            return Err(KeeperError::NoHome(root.to_owned()));
        }
        let home = Home::open(config, Opener::Console).await.map_err(KeeperError::Open)?;
        Ok(Self::over(home, Rules::new(config.password_pattern.clone(), config.email_pattern.clone())))
    }

    fn over(home: Home, rules: Rules) -> Self {
        let (accounts, invites) = (home.accounts(), home.invites());
        Self { home, accounts, invites, rules, passwords: Passwords::new(1), clock: Clock::system() }
    }

    /// By another clock, for tests.
    #[cfg(test)]
    pub(crate) fn by(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Everybody, and every file that is nobody.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn list(&self) -> Result<Vec<Listed>, KeeperError> {
        let now = self.clock.now();
        let mut all = Vec::new();
        for phone in self.accounts.phones().await? {
            let state = if rules::bare(&phone).as_deref() == Some(phone.as_str()) {
                match self.accounts.find(&phone).await {
                    Ok(Some(document)) => State::Person(told(&document, now)),
                    Ok(None) => State::Empty,
                    Err(StoreError::Broken { why, .. }) => State::Broken(why),
                    Err(error) => return Err(error.into()),
                }
            } else {
                State::Broken("its name is not that of an account".to_owned())
            };
            all.push(Listed { phone, state });
        }
        Ok(all)
    }

    /// Adds somebody; gives the phone number in the form it is kept in.
    ///
    /// # Errors
    /// Where a rule is broken, or the phone number has an account.
    pub async fn add(&self, new: Newcomer) -> Result<String, KeeperError> {
        let phone = self.phone(&new.phone)?;
        let password = self.password(&new.password)?;
        let name = rules::note(new.name.map(Value::from).as_ref()).map_err(|()| KeeperError::BadName)?;
        let email = match new.email {
            Some(email) => self.rules.email(Some(&Value::from(email.as_str()))).ok_or(KeeperError::BadEmail(email))?,
            None => String::new(),
        };
        let mut fields = person(&phone, name, None, &email, new.role);
        fields.insert("upwd".to_owned(), Value::from(self.hash(&password).await));
        match self.accounts.add(&phone, fields).await {
            Ok(_) => Ok(phone),
            Err(StoreError::Exists) => Err(KeeperError::Exists(phone)),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes an invitation: the code, which is kept nowhere.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn invite(&self, uses: u32, days: u32) -> Result<String, KeeperError> {
        let (code, now) = (invites::code(), self.clock.now());
        self.invites.invite(invites::of(&code, uses, now + i64::from(days) * DAY), now).await?;
        Ok(code)
    }

    /// Disables somebody and ends every session, or enables again.
    ///
    /// # Errors
    /// Where there is nobody.
    pub async fn disable(&self, phone: &str, disabled: bool) -> Result<(), KeeperError> {
        let now = self.clock.now();
        self.edit(&self.phone(phone)?, |document| {
            if disabled {
                document.set("disabled", true);
                sessions::end_all(document, now);
            } else {
                document.unset("disabled");
            }
        })
        .await
    }

    /// Forgets somebody; the number is free again, and every session is over.
    ///
    /// # Errors
    /// Where there is nobody.
    pub async fn remove(&self, phone: &str) -> Result<(), KeeperError> {
        let phone = self.phone(phone)?;
        if self.accounts.remove(&phone).await? { Ok(()) } else { Err(KeeperError::Nobody(phone)) }
    }

    /// Makes somebody an admin, or a member again.
    ///
    /// # Errors
    /// Where there is nobody.
    pub async fn role(&self, phone: &str, role: Role) -> Result<(), KeeperError> {
        self.edit(&self.phone(phone)?, |document| document.set("role", role)).await
    }

    /// Gives somebody another password; every session is over, and so is the slow-down.
    ///
    /// # Errors
    /// Where there is nobody, or the rule is broken.
    pub async fn reset_password(&self, phone: &str, password: &SecretString) -> Result<(), KeeperError> {
        let phone = self.phone(phone)?;
        let hash = self.hash(&self.password(password)?).await;
        self.edit(&phone, |document| {
            set_password(document, &hash);
            document.unset("failures");
        })
        .await
    }

    /// Lets nobody of these in before the password was changed, and ends their sessions; everybody, where none is named. Gives how many.
    ///
    /// # Errors
    /// Where there is nobody. Of everybody those who cannot be read are left out.
    pub async fn require_change(&self, phones: &[String]) -> Result<usize, KeeperError> {
        let now = self.clock.now();
        let require = |document: &mut Document| {
            document.set("requireChange", true);
            sessions::end_all(document, now);
        };
        let named = !phones.is_empty();
        let phones = if named { phones.to_vec() } else { self.accounts.phones().await? };
        let mut count = 0;
        for phone in phones {
            let done = match self.phone(&phone) {
                Ok(phone) => self.edit(&phone, require).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => count += 1,
                Err(KeeperError::BadPhone(_) | KeeperError::Nobody(_) | KeeperError::Broken { .. }) if !named => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// Brings the accounts of a folder into the home, passwords hashed; of the home's own folder it hashes them in place. What was in
    /// the home's folder is copied beside it first.
    ///
    /// # Errors
    /// Where a folder fails; what was brought until then stays, and doing it again brings the rest.
    pub async fn import(&self, from: &Path) -> Result<Imported, KeeperError> {
        transfer::import(self, from).await
    }

    /// Writes all accounts into an empty folder in the old service's form, passwords as hashes.
    ///
    /// # Errors
    /// Where the folder has accounts, or fails.
    pub async fn export(&self, to: &Path) -> Result<Exported, KeeperError> {
        transfer::export(self, to).await
    }

    /// Whether this can be somebody's number; before a password is asked for.
    ///
    /// # Errors
    /// `BadPhone`.
    pub fn check_phone(&self, text: &str) -> Result<(), KeeperError> {
        self.phone(text).map(drop)
    }

    #[expect(clippy::unused_self, reason = "a rule of the home, as the others")]
    fn phone(&self, text: &str) -> Result<String, KeeperError> {
        rules::bare(text).ok_or_else(|| KeeperError::BadPhone(text.to_owned()))
    }

    fn password(&self, password: &SecretString) -> Result<Zeroizing<String>, KeeperError> {
        self.rules.new_password(Some(&Value::from(password.expose_secret()))).ok_or(KeeperError::BadPassword)
    }

    async fn hash(&self, password: &Zeroizing<String>) -> String {
        loop {
            if let Ok(turn) = self.passwords.turn().await {
                return self.passwords.hash(&turn, password).await;
            }
        }
    }

    async fn edit(&self, phone: &str, mut change: impl FnMut(&mut Document)) -> Result<(), KeeperError> {
        for _ in 0..TRIES {
            let mut document = self.accounts.find(phone).await?.ok_or_else(|| KeeperError::Nobody(phone.to_owned()))?;
            change(&mut document);
            match self.accounts.update(document).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Changed) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(KeeperError::Store(StoreError::Changed.to_string()))
    }
}

fn told(document: &Document, now: i64) -> Person {
    let text = |name: &str| document.text(name).unwrap_or_default().to_owned();
    Person {
        name: text("name"),
        email: text("email"),
        role: document.get("role").unwrap_or_default(),
        disabled: document.is("disabled"),
        require_change: document.is("requireChange"),
        sessions: sessions::alive(document, now),
        oddity: oddity(&document.fields),
    }
}
