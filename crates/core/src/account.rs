//! Signing in at a team server, and staying signed in.
//!
//! A token lives an hour and only in memory. What renews it is in the keychain, under server and phone number: the refresh token, and,
//! for the older service that cannot renew and only where the person allowed it, the password. One renewal at a time serves every
//! upload of this process, and one lock every process of this home, since a refresh token works once. Where nothing renews any more,
//! everything waits for a person: [`Code::SignInNeeded`].

mod form;
mod refusal;
mod server;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use imagepic_api::auth::{Change, Register};
use imagepic_words::team as words;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use form::Registering;

use form::check_password;
pub(crate) use refusal::{About, Refused, fault};
pub(crate) use server::{Answered, Server, Speaks, Trouble, shown, unanswered};
use session::Held;

use crate::destination::TeamAddress;
use crate::error::{Code, Error, Result};
use crate::home::Home;
use crate::secrets::{Secrets, SecretsPlace};
use crate::settings::Proxy;

/// Accounts that are remembered: a form makes one for each address that is typed.
const MOST: usize = 64;

/// Told when somebody signed in or out, or has to.
pub(crate) type OnChange = Arc<dyn Fn() + Send + Sync>;

/// The accounts of one engine: one for each server and phone number, however many destinations use it.
pub(crate) struct Accounts {
    home: Home,
    secrets: Arc<dyn Secrets>,
    changed: OnChange,
    known: Mutex<HashMap<(TeamAddress, String), Arc<Account>>>,
}

impl Accounts {
    pub(crate) fn new(home: Home, secrets: Arc<dyn Secrets>, changed: OnChange) -> Self {
        Self { home, secrets, changed, known: Mutex::default() }
    }

    /// The account of an address.
    ///
    /// # Errors
    /// As [`TeamAddress::checked`].
    pub(crate) fn of(&self, address: &TeamAddress, proxy: &Proxy) -> Result<Arc<Account>> {
        let address = address.checked()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (address.clone(), format!("{proxy:?}"));
        if let Some(account) = known.get(&key) {
            return Ok(Arc::clone(account));
        }
        if known.len() >= MOST {
            // Those a store uses stay; the others are made again when they are asked for.
            known.retain(|_, account| Arc::strong_count(account) > 1);
        }
        let account = Arc::new(Account {
            server: Server::open(&address, proxy)?,
            phone: address.phone.clone(),
            names: Names::of(&address),
            home: self.home.clone(),
            secrets: Arc::clone(&self.secrets),
            changed: Arc::clone(&self.changed),
            held: tokio::sync::Mutex::default(),
            ended: Mutex::new(None),
        });
        known.insert(key, Arc::clone(&account));
        Ok(account)
    }

    /// What was learned of servers is asked anew, and who was refused may try again: settings or secrets have changed. Tokens stay.
    pub(crate) fn look_again(&self) {
        for account in self.known.lock().unwrap_or_else(PoisonError::into_inner).values() {
            account.set_ended(None);
            account.server.forget();
        }
    }
}

/// The names of an account's secrets in the keychain.
#[derive(Debug, Clone)]
struct Names {
    refresh: String,
    password: String,
    lock: String,
}

impl Names {
    fn of(address: &TeamAddress) -> Self {
        let account = format!("{}@{}", address.phone, address.server.to_lowercase());
        let lock = format!("team-{}", hex::encode(&Sha256::digest(&account)[..8]));
        Self { refresh: format!("team-refresh:{account}"), password: format!("team-password:{account}"), lock }
    }
}

/// Whether somebody is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Out,
    In,
    /// Was, and the server accepts it no more.
    Ended,
}

/// One phone number at one server. See the module.
pub(crate) struct Account {
    server: Server,
    phone: String,
    names: Names,
    home: Home,
    secrets: Arc<dyn Secrets>,
    changed: OnChange,
    held: tokio::sync::Mutex<Held>,
    /// Why nobody is signed in any more.
    ended: Mutex<Option<imagepic_words::Text>>,
}

impl Account {
    pub(crate) const fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn phone(&self) -> &str {
        &self.phone
    }

    /// The file in `run/` in which processes of this home note something about the account; nothing secret.
    pub(crate) fn note(&self, what: &str) -> std::path::PathBuf {
        self.home.run().join(format!("{}.{what}", self.names.lock))
    }

    /// Signs in. The password is kept only where `keep` says so.
    ///
    /// # Errors
    /// `WrongPassword` and `BadRequest` with the field; `NotTeamServer`; `KeychainLocked`; the network's.
    pub(crate) async fn login(&self, password: &SecretString, keep: bool) -> Result<()> {
        check_password(password, "password")?;
        if self.phone.is_empty() {
            return Err(Error::new(Code::BadRequest, words::phone_missing()).at("phone"));
        }
        let mut held = self.held.lock().await;
        let turn = self.turn().await?;
        self.server.forget();
        let before = self.secrets.get(&self.names.refresh).await;
        let session = self.ask_login(password).await.map_err(|trouble| self.fault(trouble))?;
        held.unsaved = None;
        let token = self.keep(&mut held, session, before).await;
        if keep {
            self.secrets.set(&self.names.password, password).await?;
        } else {
            self.secrets.delete(&self.names.password).await?;
        }
        held.token = Some(token);
        drop((held, turn));
        self.set_ended(None);
        (self.changed)();
        Ok(())
    }

    /// Registers; who registered still has to sign in.
    ///
    /// # Errors
    /// `BadRequest` with the field, `Forbidden` where nobody may; the network's.
    pub(crate) async fn register(&self, form: &Registering) -> Result<()> {
        check_password(&form.password, "password")?;
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        // Before a password travels it is known who is there.
        let ours = self.server.ours().await?;
        let ask = Register {
            name: some(&form.name),
            tfs: some(&form.tfs),
            email: form.email.trim().to_owned(),
            phone: self.phone.clone(),
            upwd: form.password.expose_secret().to_owned(),
            invite: ours.and_then(|_| some(&form.invite)),
        };
        let answer = self.server.post::<Value>("auth/register", &ask, None).await;
        answer.map(drop).map_err(|trouble| self.with_rule(self.fault(trouble)))
    }

    /// A refused password, with the rule where the server tells it.
    fn with_rule(&self, error: Error) -> Error {
        let Some(Speaks::Ours(found)) = self.server.known() else { return error };
        let rule = &found.password;
        let host = self.server.host();
        match error.field {
            Some(field @ ("password" | "new_password")) if error.code == Code::BadRequest => {
                let text = match &rule.pattern {
                    Some(pattern) => words::password_refused_by(host, pattern),
                    None => words::password_refused(host, rule.min, rule.max),
                };
                Error::new(Code::BadRequest, text).at(field)
            }
            _ => error,
        }
    }

    /// Changes the password, which ends every session, and signs in anew.
    ///
    /// # Errors
    /// `WrongPassword` at `password`, `BadRequest` with the field; the network's.
    pub(crate) async fn change(&self, old: &SecretString, new: &SecretString) -> Result<()> {
        check_password(old, "password")?;
        check_password(new, "new_password")?;
        self.server.speaks().await?;
        // Known before anything is changed: what cannot be read afterwards would look like a change that failed.
        let kept = match self.keeps_password().await {
            Err(error) if !self.cannot_be_kept(&error).await => return Err(error),
            kept => kept.unwrap_or(false),
        };
        let ask =
            Change { phone: self.phone.clone(), opwd: old.expose_secret().to_owned(), npwd: new.expose_secret().to_owned() };
        let answer = self.server.post::<Value>("auth/change", &ask, None).await;
        answer.map_err(|trouble| match self.fault(trouble) {
            error if error.code == Code::WrongPassword => {
                let text = words::wrong_password_of(&self.phone, self.server.host());
                Error::new(Code::WrongPassword, text).at("password")
            }
            // The newer server has one code for both passwords; the old one's form is hardly asked for.
            error if error.field == Some("password") && error.code == Code::BadRequest => {
                self.with_rule(error.at("new_password"))
            }
            error if error.field == Some("new_password") && old.expose_secret() == new.expose_secret() => {
                Error::new(Code::BadRequest, words::password_same(self.server.host())).at("new_password")
            }
            error => self.with_rule(error),
        })?;
        self.login(new, kept).await
    }

    /// Signs out: here in any case, and at the server where it can be told; whether it was.
    ///
    /// # Errors
    /// `KeychainLocked`.
    pub(crate) async fn logout(&self) -> Result<bool> {
        let told = match self.server.ours().await {
            Ok(Some(_)) => {
                let tell =
                    |token: Arc<str>| async move { self.server.post::<Value>("auth/logout", &json!({}), Some(&token)).await };
                match self.with_token(tell).await.map_err(|trouble| self.fault(trouble)) {
                    Ok(_) => true,
                    // Who is not signed in there is signed out.
                    Err(error) => error.code == Code::SignInNeeded || self.cannot_be_kept(&error).await,
                }
            }
            Ok(None) => true,
            Err(_) => false,
        };
        let mut held = self.held.lock().await;
        *held = Held::default();
        self.secrets.delete(&self.names.refresh).await?;
        self.secrets.delete(&self.names.password).await?;
        drop(held);
        self.set_ended(None);
        (self.changed)();
        Ok(told)
    }

    /// Whether the keychain that could not be asked is none at all: nothing of this computer's is in it.
    async fn cannot_be_kept(&self, error: &Error) -> bool {
        error.code == Code::KeychainLocked && self.secrets.place().await == SecretsPlace::File
    }

    /// Forgets what this home knows of the account: no destination uses it any more.
    pub(crate) async fn forget(&self) -> Result<()> {
        *self.held.lock().await = Held::default();
        self.secrets.delete(&self.names.refresh).await?;
        self.secrets.delete(&self.names.password).await
    }

    /// Whether somebody is signed in, as far as this computer knows; asks nobody.
    ///
    /// # Errors
    /// `KeychainLocked`.
    pub(crate) async fn standing(&self) -> Result<Standing> {
        if self.ended.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(Standing::Ended);
        }
        if self.held.try_lock().is_ok_and(|held| held.token.is_some()) {
            return Ok(Standing::In);
        }
        let saved = self.secrets.get(&self.names.refresh).await?.is_some() || self.keeps_password().await?;
        Ok(if saved { Standing::In } else { Standing::Out })
    }

    pub(crate) async fn keeps_password(&self) -> Result<bool> {
        Ok(self.secrets.get(&self.names.password).await?.is_some())
    }

    /// Why nobody is signed in any more.
    pub(crate) fn ended(&self) -> Option<imagepic_words::Text> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_ended(&self, why: Option<&imagepic_words::Text>) {
        let before = std::mem::replace(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner), why.cloned());
        if before.is_some() != why.is_some() {
            (self.changed)();
        }
    }

    fn fault(&self, trouble: Trouble) -> Error {
        fault(trouble, &self.server, About { phone: &self.phone, ..About::default() })
    }
}

#[cfg(test)]
mod tests;
