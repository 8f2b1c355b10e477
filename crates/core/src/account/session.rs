//! Staying signed in: a token that is good for now, renewed by whatever the keychain has for that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imagepic_api::auth::{Login, Refresh, Session};
use imagepic_words::team as words;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{Account, Answered, Refused, Trouble};
use crate::error::{Code, Error, Result};
use crate::home::Lock;
use crate::queue::blocking;

/// A token is renewed so long before its end that a request on its way still finds it good.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a token of unknown life is used.
pub(super) const UNKNOWN_LIFE: Duration = Duration::from_secs(30 * 60);

#[derive(Default)]
pub(super) struct Held {
    pub(super) token: Option<Token>,
    pub(super) unsaved: Option<Unsaved>,
}

/// A refresh token the keychain did not take; without it the session would be lost with the present token.
pub(super) struct Unsaved {
    refresh: SecretString,
    /// What the keychain held in its place, where it could be asked.
    before: Result<Option<SecretString>>,
}

impl Unsaved {
    /// Whether the keychain still holds what it held then. What is there now was saved since by another process of this home, which
    /// renewed or signed out: this one has been used up.
    fn is_newest(&self, saved: Option<&SecretString>) -> bool {
        match &self.before {
            Ok(before) => before.as_ref().map(ExposeSecret::expose_secret) == saved.map(ExposeSecret::expose_secret),
            Err(_) => true,
        }
    }
}

pub(super) struct Token {
    text: Arc<str>,
    until: Instant,
}

impl Account {
    /// A token that is good for now.
    ///
    /// # Errors
    /// `SignInNeeded` where only a person can get one; `KeychainLocked`; the network's.
    pub(crate) async fn token(&self) -> Result<Arc<str>> {
        let mut held = self.held.lock().await;
        if let Some(token) = held.token.as_ref().filter(|token| token.until > Instant::now()) {
            return Ok(Arc::clone(&token.text));
        }
        held.token = None;
        match self.renew(&mut held).await {
            Ok(token) => {
                self.set_ended(None);
                let text = Arc::clone(&token.text);
                held.token = Some(token);
                Ok(text)
            }
            Err(error) => {
                if error.code == Code::SignInNeeded {
                    self.set_ended(Some(&error.text));
                }
                Err(error)
            }
        }
    }

    /// The server refused this token: the next question gets another one.
    async fn spent(&self, token: &str) {
        let mut held = self.held.lock().await;
        if held.token.as_ref().is_some_and(|kept| *kept.text == *token) {
            held.token = None;
        }
        // Another server, which knows nothing of it, may have taken the place.
        self.server.forget();
    }

    /// Asks with a token; once more with a fresh one where that was the reason.
    pub(crate) async fn with_token<T, F>(&self, ask: impl Fn(Arc<str>) -> F + Send) -> Answered<T>
    where
        T: Send,
        F: Future<Output = Answered<T>> + Send,
    {
        let token = self.token().await?;
        match ask(Arc::clone(&token)).await {
            Err(trouble) if trouble.is_token() => {
                self.spent(&token).await;
                let token = self.token().await?;
                let answer = ask(Arc::clone(&token)).await;
                if answer.as_ref().is_err_and(Trouble::is_token) {
                    self.spent(&token).await;
                }
                answer
            }
            answer => answer,
        }
    }

    async fn renew(&self, held: &mut Held) -> Result<Token> {
        if self.phone.is_empty() {
            return Err(Error::new(Code::SignInNeeded, words::nobody(self.server.host())).at("phone"));
        }
        let ours = self.server.ours().await?.is_some();
        let mut was_in = false;
        if ours {
            let _turn = self.turn().await?;
            let mut refused: Option<SecretString> = None;
            loop {
                let saved = self.secrets.get(&self.names.refresh).await?;
                drop(held.unsaved.take_if(|unsaved| !unsaved.is_newest(saved.as_ref())));
                let unsaved = held.unsaved.as_ref().map(|unsaved| unsaved.refresh.clone());
                let Some(refresh) = unsaved.or_else(|| saved.clone()) else { break };
                was_in = true;
                // Another process may have renewed while this one asked: its token is in the keychain by now.
                if refused.as_ref().is_some_and(|refused| refused.expose_secret() == refresh.expose_secret()) {
                    break;
                }
                let ask = Refresh { refresh_token: refresh.expose_secret().to_owned() };
                match self.server.post::<Session>("auth/refresh", &ask, None).await {
                    Ok(session) => return Ok(self.keep(held, session, Ok(saved)).await),
                    Err(Trouble::Refused(no)) if over(&no) => {
                        held.unsaved = None;
                        refused = Some(refresh);
                    }
                    Err(trouble) => return Err(self.fault(trouble)),
                }
            }
        }
        if let Some(password) = self.secrets.get(&self.names.password).await? {
            was_in = true;
            let saved = self.secrets.get(&self.names.refresh).await?;
            match self.ask_login(&password).await {
                Ok(session) => return Ok(self.keep(held, session, Ok(saved)).await),
                Err(Trouble::Refused(no)) if no.is_wrong_password() => {
                    // It is the password no more; to send it again would only count as guessing.
                    self.secrets.delete(&self.names.password).await?;
                }
                Err(trouble) => return Err(self.fault(trouble)),
            }
        }
        let host = self.server.host();
        Err(Error::new(
            Code::SignInNeeded,
            match (was_in, ours) {
                (true, _) => words::session_ended(host, &self.phone),
                (false, true) => words::sign_in(host, &self.phone),
                (false, false) => words::no_renewal(host, &self.phone),
            },
        ))
    }

    /// Between processes: whoever renews, renews for all, and the next one finds it done.
    pub(super) async fn turn(&self) -> Result<Lock> {
        let (home, name) = (self.home.clone(), self.names.lock.clone());
        blocking(move || home.lock(&name)).await
    }

    /// `before` is what the keychain holds.
    pub(super) async fn keep(&self, held: &mut Held, session: Session, before: Result<Option<SecretString>>) -> Token {
        if let Some(refresh) = session.refresh_token {
            held.unsaved = None;
            let refresh = SecretString::from(refresh);
            if let Err(error) = self.secrets.set(&self.names.refresh, &refresh).await {
                tracing::warn!(%error, "the keychain did not take a renewed sign-in; it is kept in memory");
                held.unsaved = Some(Unsaved { refresh, before });
            }
        }
        let until = Instant::now() + life(&session.token).saturating_sub(MARGIN);
        Token { text: session.token.into(), until }
    }

    pub(super) async fn ask_login(&self, password: &SecretString) -> Answered<Session> {
        let ours = self.server.ours().await?.is_some();
        let ask = Login {
            phone: self.phone.clone(),
            upwd: password.expose_secret().to_owned(),
            // The older service knows no devices.
            device: ours.then(device),
        };
        self.server.post("auth/login", &ask, None).await
    }
}

/// A refusal that no second try mends.
fn over(refused: &Refused) -> bool {
    refused.is_token() || refused.is_wrong_password() || refused.is(imagepic_api::Code::AccountDisabled)
}

/// How long a token is good, by its own claims. Measured from now, so that a clock that is off does no harm.
pub(super) fn life(token: &str) -> Duration {
    let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(&claims).ok());
    let number = |name: &str| claims.as_ref().and_then(|claims| claims.get(name)?.as_u64());
    match (number("iat"), number("exp")) {
        (Some(from), Some(to)) if to > from => Duration::from_secs((to - from).min(24 * 3600)),
        _ => UNKNOWN_LIFE,
    }
}

/// What this computer is called, for the list of sessions.
fn device() -> String {
    let named = ["COMPUTERNAME", "HOSTNAME"].iter().find_map(|name| std::env::var(name).ok());
    let named = named.or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let named: String = named.unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(60).collect();
    if named.is_empty() { "imagepic".to_owned() } else { format!("imagepic, {named}") }
}
