//! Who may do what: registration, log-in, password change, sessions, tokens.
//!
//! Here the parts meet: the store of documents, the rules, the hashes, the tokens, the brakes. Routes hand in fields as they came and
//! get an answer or a refusal in the contract's words. HTTP stays out, and so does everything about objects.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use imagepic_api::Code;
use imagepic_api::auth::{Session, reason};
use imagepic_api::capabilities::{PasswordRule, Registration};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::accounts::document::{Oddity, oddity};
use crate::accounts::{Accounts, Alone, Document, Home, Invites, Opener, StoreError};
use crate::answer::Refusal;
use crate::config::Config;
use crate::input::Input;
use crate::work::to_its_end;

pub(crate) mod caller;
pub(crate) mod console;
pub(crate) mod invites;
pub(crate) mod passwords;
mod refusals;
mod registration;
pub(crate) mod rules;
pub(crate) mod sessions;
pub(crate) mod throttle;
pub(crate) mod tokens;

pub(crate) use caller::{Caller, Reader};

use passwords::{Checked, Passwords, Turn};
use refusals::{busy, gone, nobody, note, refused, store, too_often, wrong};
use rules::Rules;
use sessions::{RefreshToken, Renewed};
use throttle::Throttle;
use tokens::{Flaw, Tokens};

/// How often an update is tried again that somebody else was quicker with.
const TRIES: u32 = 32;
/// A refused log-in is answered no sooner: whether there is such an account can then not be told from the time that looking, comparing
/// and counting take.
const NO_SOONER: Duration = Duration::from_millis(300);

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Use the buckets.
    #[default]
    Member,
    /// And change who may read them.
    Admin,
}

/// The time, in milliseconds since 1970.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// The system's.
    pub(crate) fn system() -> Self {
        Self(Arc::new(|| chrono::Utc::now().timestamp_millis()))
    }

    /// Another one, for tests.
    #[cfg(test)]
    pub(crate) fn of(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> i64 {
        (self.0)()
    }
}

/// Accounts and what is done with them.
pub(crate) struct People {
    home: Home,
    accounts: Arc<dyn Accounts>,
    invites: Arc<dyn Invites>,
    rules: Rules,
    passwords: Passwords,
    tokens: Tokens,
    throttle: Throttle,
    registration: Registration,
    clock: Clock,
}

/// Somebody whose password is right, and the turn that is still to be used for hashing.
type Known = (Turn, Document, Checked);

/// What an attempt to change a document comes to.
enum Edit<T> {
    /// Nothing to write.
    Keep(T),
    /// To be written, or begun anew where somebody else was quicker.
    Write(T),
}

impl People {
    /// Opens the accounts and the signing key. The reason is for whoever starts the server.
    pub(crate) async fn open(config: &Config) -> Result<Self, String> {
        let home = Home::open(config, Opener::Server).await?;
        let key = home.signing_key(config).await?;
        let people = Self::with(config, home, key, Clock::system()).await?;
        people.report().await;
        Ok(people)
    }

    /// Tells the log what is odd about the files of a folder, once at the start: each of them is somebody's trouble at log-in.
    async fn report(&self) {
        if !matches!(self.home, Home::Folder(_)) {
            return;
        }
        let mut clear = 0_usize;
        for phone in self.accounts.phones().await.unwrap_or_default() {
            let file = format!("auth_{phone}.json");
            match self.accounts.find(&phone).await {
                Ok(Some(document)) => match oddity(&document.fields) {
                    Some(Oddity::ClearPassword) => clear += 1,
                    Some(Oddity::NoPassword) => {
                        tracing::warn!(file, "nobody can log in to an account: it has no usable password");
                    }
                    Some(Oddity::NumericPhone) | None => {}
                },
                Ok(None) => tracing::warn!(file, "an account file has nobody in it: the number is free"),
                Err(error) => tracing::warn!(file, %error, "an account file cannot be read: nobody can log in to it"),
            }
        }
        if clear > 0 {
            tracing::warn!(
                accounts = clear,
                "passwords in clear text, until the next log-in of each or `imagepic accounts import`"
            );
        }
    }

    /// Over an open home.
    pub(crate) async fn with(config: &Config, home: Home, key: Vec<u8>, clock: Clock) -> Result<Self, String> {
        let hashes = config.limits.hashes;
        let passwords = tokio::task::spawn_blocking(move || Passwords::new(hashes)).await.map_err(|error| error.to_string())?;
        Ok(Self {
            accounts: home.accounts(),
            invites: home.invites(),
            rules: Rules::new(config.password_pattern.clone(), config.email_pattern.clone()),
            passwords,
            tokens: Tokens::new(key),
            throttle: Throttle::new(),
            registration: config.registration(),
            clock,
            home,
        })
    }

    /// The database, where accounts are in one: replicas tell each other the news by it.
    pub(crate) fn pool(&self) -> Option<&sqlx::PgPool> {
        self.home.pool()
    }

    /// The right to do something that no other replica does meanwhile; given back when dropped. Without a database there is no other.
    pub(crate) async fn alone(&self, what: &str) -> Result<Option<Alone>, Refusal> {
        self.home.alone(what).await.map_err(store)
    }

    /// Whether the store answers.
    pub(crate) async fn ready(&self) -> Result<(), StoreError> {
        // A number nobody can have: the question is whether there is an answer.
        self.accounts.find("10000000000").await.map(drop)
    }

    /// What a new password must be.
    pub(crate) fn password_rule(&self) -> PasswordRule {
        self.rules.password_rule()
    }

    /// `POST /auth/login`.
    pub(crate) async fn login(self: &Arc<Self>, input: &Input, from: IpAddr) -> Result<Session, Refusal> {
        let password = rules::given_password(input.get("upwd"));
        let phone = rules::phone(input.get("phone"));
        let (Some(password), Some(phone)) = (&password, &phone) else {
            return Err(refused(&[
                (password.is_none(), Code::BadPassword, reason::PASSWORD),
                (phone.is_none(), Code::BadPhone, reason::PHONE),
            ]));
        };
        let device = note(input, "device")?;
        let place = throttle::place(from);
        let (turn, known, checked) = self.knows(phone, password, &place).await?;
        if known.is("requireChange") {
            // The old clients show this at the password; the new ones go by the code.
            return Err(Refusal::reasons(Code::Forbidden, &[reason::PASSWORD]));
        }
        let better = if checked == Checked::Outdated { Some(self.passwords.hash(&turn, password).await) } else { None };
        drop(turn);
        let seen = known.fields.get("upwd").cloned();
        let done = self
            .edit(phone, |document| {
                if document.fields.get("upwd") != seen.as_ref() || document.is("disabled") {
                    return Err(wrong());
                }
                let now = self.clock.now();
                let mut write = throttle::forgive(document, &place);
                if let Some(better) = &better {
                    document.set("upwd", better);
                    write = true;
                }
                if document.text("ver").is_none() {
                    document.set("ver", tokens::random());
                    write = true;
                }
                let ver = document.text("ver").unwrap_or_default().to_owned();
                let (sid, refresh) = match &device {
                    Some(device) => {
                        write = true;
                        let (sid, refresh) = sessions::begin(document, device, now);
                        (sid, Some(refresh))
                    }
                    None => (sessions::passing(), None),
                };
                let session = Session { token: self.tokens.issue(phone, &sid, &ver, now), refresh_token: refresh };
                Ok(if write { Edit::Write(session) } else { Edit::Keep(session) })
            })
            .await?;
        done.ok_or_else(wrong)
    }

    /// `POST /auth/change`.
    pub(crate) async fn change(self: &Arc<Self>, input: &Input, from: IpAddr) -> Result<(), Refusal> {
        let old = rules::given_password(input.get("opwd"));
        let new = self.rules.new_password(input.get("npwd"));
        let phone = rules::phone(input.get("phone"));
        let (Some(old), Some(new), Some(phone)) = (&old, &new, &phone) else {
            return Err(refused(&[
                (old.is_none(), Code::BadPassword, reason::OLD_PASSWORD),
                (new.is_none(), Code::BadPassword, reason::NEW_PASSWORD),
                (phone.is_none(), Code::BadPhone, reason::PHONE),
            ]));
        };
        let place = throttle::place(from);
        let (turn, known, _) = self.knows(phone, old, &place).await?;
        if known.is("requireChange") && old == new {
            return Err(Refusal::reasons(Code::BadPassword, &[reason::SAME_PASSWORD]));
        }
        let hash = self.passwords.hash(&turn, new).await;
        drop(turn);
        let seen = known.fields.get("upwd").cloned();
        let done = self
            .edit(phone, |document| {
                // Of two changes at once one is first, and the other one's old password is then wrong.
                if document.fields.get("upwd") != seen.as_ref() {
                    return Err(wrong());
                }
                throttle::forgive(document, &place);
                set_password(document, &hash);
                Ok(Edit::Write(()))
            })
            .await?;
        done.ok_or_else(wrong)
    }

    /// `POST /auth/refresh`.
    pub(crate) async fn refresh(&self, input: &Input, from: IpAddr) -> Result<Session, Refusal> {
        let place = throttle::place(from);
        let token = match input.get("refreshToken") {
            None | Some(Value::Null) => return Err(Flaw::Missing.into()),
            Some(value) => value.as_str().and_then(RefreshToken::read).ok_or(Flaw::Malformed)?,
        };
        self.not_too_often(&place)?;
        let done = self
            .edit(&token.phone, |document| {
                let now = self.clock.now();
                let ver = document.text("ver").unwrap_or_default().to_owned();
                Ok(match sessions::renew(document, &token, &self.tokens, now) {
                    // Only to whoever has the session: anybody can make up a token with a phone number in it.
                    Renewed::On { .. } if document.is("disabled") => return Err(Flaw::Disabled(now).into()),
                    Renewed::On { sid, refresh, write } => {
                        let session =
                            Session { token: self.tokens.issue(&token.phone, &sid, &ver, now), refresh_token: Some(refresh) };
                        if write { Edit::Write(Some(session)) } else { Edit::Keep(Some(session)) }
                    }
                    Renewed::Reused => {
                        tracing::warn!("a refresh token was used twice; its session is over");
                        Edit::Write(None)
                    }
                    Renewed::Unknown => Edit::Keep(None),
                })
            })
            .await?;
        done.flatten().ok_or_else(|| {
            let now = self.clock.now();
            self.throttle.failed_at_address(&place, now);
            Flaw::Ended(now).into()
        })
    }

    /// `POST /auth/logout`: ends the session of a token that holds.
    pub(crate) async fn logout(&self, token: &str) -> Result<(), Refusal> {
        let claims = self.tokens.read(token, self.clock.now())?;
        let done = self
            .edit(&claims.phone, |document| {
                let now = self.clock.now();
                gone(sessions::stands(document, &claims, now))?;
                sessions::end(document, &claims, now);
                Ok(Edit::Write(()))
            })
            .await?;
        done.ok_or_else(nobody)
    }

    /// Whose token it is, if it holds at this moment.
    pub(crate) async fn check(&self, token: &str) -> Result<Caller, Refusal> {
        let now = self.clock.now();
        let claims = self.tokens.read(token, now)?;
        let document = match self.accounts.find(&claims.phone).await {
            Ok(document) => document.ok_or_else(nobody)?,
            Err(StoreError::Broken { .. }) => return Err(nobody()),
            Err(error) => return Err(store(error)),
        };
        gone(sessions::stands(&document, &claims, now))?;
        Ok(Caller { phone: claims.phone, role: document.get("role").unwrap_or_default(), sid: Some(claims.sid) })
    }

    /// Finds out whether a password is right, as slowly for a phone number nobody has as for one somebody has, and keeps count. The
    /// turn that comes back is still to be used for hashing.
    async fn knows(self: &Arc<Self>, phone: &str, password: &Zeroizing<String>, place: &str) -> Result<Known, Refusal> {
        let begun = tokio::time::Instant::now();
        self.not_too_often(place)?;
        // Within a turn, so that a hundred tries at once are not all made before the first is counted.
        let turn = self.turn().await?;
        let (people, phone, password, place) = (Arc::clone(self), phone.to_owned(), password.clone(), place.to_owned());
        // Who hangs up before the answer has tried all the same.
        let tried = to_its_end(async move { people.tried(turn, &phone, &password, &place).await });
        if let Some(known) = tried.await? {
            return Ok(known);
        }
        tokio::time::sleep_until(begun + NO_SOONER).await;
        Err(wrong())
    }

    /// `None` for a password that is not the one; it is counted then.
    async fn tried(&self, turn: Turn, phone: &str, password: &Zeroizing<String>, place: &str) -> Result<Option<Known>, Refusal> {
        let document = match self.accounts.find(phone).await {
            Ok(document) => document,
            Err(StoreError::Broken { phone, why }) => {
                tracing::error!(%why, file = %format!("auth_{phone}.json"), "an account cannot be read, nobody can log in to it");
                None
            }
            Err(error) => return Err(store(error)),
        };
        let now = self.clock.now();
        // Looked up for everybody, so that the time it takes tells nothing.
        let nobody = match self.home.shared() {
            Some(home) => throttle::shared_wait(home, phone, place, now).await.map_err(store)?,
            None => self.throttle.wait_for_nobody(phone, place, now),
        };
        too_often(document.as_ref().map_or(nobody, |document| throttle::wait(document, place, now)))?;
        let checked = self.passwords.check(&turn, document.as_ref().and_then(|document| document.text("upwd")), password).await;
        let Some(document) = document.filter(|_| checked != Checked::Wrong) else {
            let counted = self.failed(phone, place).await;
            drop(turn);
            counted?;
            return Ok(None);
        };
        if document.is("disabled") {
            return Err(Refusal::reasons(Code::AccountDisabled, &[reason::WRONG]));
        }
        Ok(Some((turn, document, checked)))
    }

    /// Counts a failure, in the account if there is one.
    async fn failed(&self, phone: &str, place: &str) -> Result<(), Refusal> {
        let now = self.clock.now();
        self.throttle.failed_at_address(place, now);
        let counted = self.edit(phone, |document| {
            throttle::failed(document, place, now);
            Ok(Edit::Write(()))
        });
        if counted.await?.is_none() {
            match self.home.shared() {
                Some(home) => throttle::shared_failure(home, phone, place, now).await.map_err(store)?,
                None => self.throttle.failed_with_nobody(phone, place, now),
            }
        }
        Ok(())
    }

    fn not_too_often(&self, place: &str) -> Result<(), Refusal> {
        too_often(self.throttle.wait_of_address(place, self.clock.now()))
    }

    async fn turn(&self) -> Result<Turn, Refusal> {
        self.passwords.turn().await.map_err(|_| busy("too many log-ins at once"))
    }

    /// Changes a person's document, beginning anew where somebody else was quicker; `None` where there is nobody.
    async fn edit<T>(
        &self,
        phone: &str,
        mut change: impl FnMut(&mut Document) -> Result<Edit<T>, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        for attempt in 0..TRIES {
            let mut document = match self.accounts.find(phone).await {
                Ok(Some(document)) => document,
                Ok(None) | Err(StoreError::Broken { .. }) => return Ok(None),
                Err(error) => return Err(store(error)),
            };
            let done = match change(&mut document)? {
                Edit::Keep(done) => return Ok(Some(done)),
                Edit::Write(done) => done,
            };
            match self.accounts.update(document).await {
                Ok(_) => return Ok(Some(done)),
                Err(StoreError::Changed) => {
                    // Not all of them again at the same moment.
                    let pause = rand::random_range(0..=u64::from(attempt.min(10)) * 2);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                Err(StoreError::Broken { .. }) => return Ok(None),
                Err(error) => return Err(store(error)),
            }
        }
        Err(busy("the account is being changed by too many at once"))
    }
}

/// Puts a new hash in the place of the old password; every session and token from before is over.
pub(crate) fn set_password(document: &mut Document, hash: &str) {
    document.set("upwd", hash);
    document.set("ver", tokens::random());
    document.unset("requireChange");
    sessions::forget(document);
}

#[cfg(test)]
mod tests;
