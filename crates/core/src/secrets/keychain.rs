//! The system's keychain through keyring, on a thread of its own: a prompt may wait for a person for ever, and then only that thread does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};

/// How long a person has for the keychain's question before the caller goes on without.
pub(super) const DEADLINE: Duration = Duration::from_secs(45);

/// Whoever has closed the keychain's question is not asked again for so long, however often a waiting upload looks.
const PEACE: Duration = Duration::from_secs(600);

/// Why the keychain did not do it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is none, or one without a collection to keep anything in.
    Missing,
    /// It is locked, its prompt was dismissed, or was not answered in time.
    Locked,
    /// The last prompt is still open: a second one would not help.
    Busy,
    /// Anything else, in its own words (they hold no secret).
    Refused(String),
}

#[derive(Debug)]
pub(super) struct Keychain {
    service: String,
    deadline: Duration,
    turn: tokio::sync::Mutex<()>,
    stuck: Arc<AtomicBool>,
    /// When its question was last closed or left unanswered.
    refused: Mutex<Option<Instant>>,
}

impl Keychain {
    pub(super) fn new(service: String, deadline: Duration) -> Self {
        Self { service, deadline, turn: tokio::sync::Mutex::new(()), stuck: Arc::default(), refused: Mutex::default() }
    }

    /// Reads a secret. Where the keychain is locked this opens its question, but not one after the other: see [`PEACE`].
    pub(super) async fn get(&self, account: &str) -> Result<Option<SecretString>, Failure> {
        if self.in_peace() && self.on_thread(is_locked).await? {
            return Err(Failure::Locked);
        }
        let got = self.read(account).await;
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = matches!(got, Err(Failure::Locked)).then(Instant::now);
        got
    }

    /// The next [`get`](Self::get) may open the question again.
    pub(super) fn ask_again(&self) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn in_peace(&self) -> bool {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| at.elapsed() < PEACE)
    }

    async fn read(&self, account: &str) -> Result<Option<SecretString>, Failure> {
        self.ask(account, |entry| match entry.get_password() {
            Ok(secret) => Ok(Some(SecretString::from(secret))),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(failure(error)),
        })
        .await
    }

    pub(super) async fn set(&self, account: &str, secret: &SecretString) -> Result<(), Failure> {
        let secret = secret.clone();
        self.ask(account, move |entry| match entry.set_password(secret.expose_secret()) {
            Ok(()) => Ok(()),
            // Nowhere to put it is no keychain.
            Err(keyring::Error::NoEntry) => Err(Failure::Missing),
            Err(error) => Err(failure(error)),
        })
        .await
    }

    pub(super) async fn delete(&self, account: &str) -> Result<(), Failure> {
        self.ask(account, |entry| match entry.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(failure(error)),
        })
        .await
    }

    /// Whether there is one that keeps things; locked counts.
    pub(super) async fn usable(&self) -> bool {
        matches!(self.on_thread(has_collection).await, Ok(true) | Err(Failure::Locked | Failure::Busy))
    }

    async fn ask<T: Send + 'static>(
        &self,
        account: &str,
        act: impl FnOnce(&keyring::Entry) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (service, account) = (self.service.clone(), account.to_owned());
        self.on_thread(move || act(&keyring::Entry::new(&service, &account).map_err(failure)?)).await?
    }

    async fn on_thread<T: Send + 'static>(&self, act: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let _turn = self.turn.lock().await;
        if self.stuck.swap(true, Ordering::AcqRel) {
            return Err(Failure::Busy);
        }
        let (answer, answered) = tokio::sync::oneshot::channel();
        let stuck = Arc::clone(&self.stuck);
        let spawned = std::thread::Builder::new().name("keychain".to_owned()).spawn(move || {
            let done = act();
            stuck.store(false, Ordering::Release);
            let _ = answer.send(done);
        });
        if let Err(error) = spawned {
            self.stuck.store(false, Ordering::Release);
            return Err(Failure::Refused(error.to_string()));
        }
        match tokio::time::timeout(self.deadline, answered).await {
            Ok(Ok(done)) => Ok(done),
            // The thread panicked inside the library; it waits for nobody.
            Ok(Err(_)) => {
                self.stuck.store(false, Ordering::Release);
                Err(Failure::Refused("the keychain library failed".to_owned()))
            }
            Err(_) => Err(Failure::Locked),
        }
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn has_collection() -> bool {
    use secret_service::EncryptionType;
    use secret_service::blocking::SecretService;
    SecretService::connect(EncryptionType::Plain).is_ok_and(|service| service.get_default_collection().is_ok())
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn has_collection() -> bool {
    true
}

/// Asks nobody anything. One that is not there is not locked.
#[cfg(all(unix, not(target_os = "macos")))]
fn is_locked() -> bool {
    use secret_service::EncryptionType;
    use secret_service::blocking::SecretService;
    SecretService::connect(EncryptionType::Plain)
        .and_then(|service| service.get_default_collection()?.is_locked())
        .unwrap_or(false)
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
const fn is_locked() -> bool {
    false
}

#[cfg(all(unix, not(target_os = "macos")))]
fn failure(error: keyring::Error) -> Failure {
    use secret_service::Error as Service;
    let (keyring::Error::PlatformFailure(inner) | keyring::Error::NoStorageAccess(inner)) = error else {
        return Failure::Refused(error.to_string());
    };
    match inner.downcast_ref::<Service>() {
        Some(Service::Locked | Service::Prompt) => Failure::Locked,
        // `org.freedesktop.Secret.Error.IsLocked` is the protocol's name and not a sentence.
        Some(Service::Zbus(error)) if error.to_string().contains("IsLocked") => Failure::Locked,
        Some(Service::ZbusFdo(error)) if error.to_string().contains("IsLocked") => Failure::Locked,
        // No bus, no daemon on it, no collection in it, or a daemon that went away while it was asked.
        Some(Service::NoResult | Service::Unavailable | Service::Zbus(_) | Service::ZbusFdo(_)) => Failure::Missing,
        _ => Failure::Refused(inner.to_string()),
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn failure(error: keyring::Error) -> Failure {
    match error {
        keyring::Error::NoStorageAccess(_) => Failure::Locked,
        other => Failure::Refused(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_prompt_nobody_answers_holds_up_its_thread_only() {
        let keychain = Keychain::new("imagepic-test".to_owned(), Duration::from_millis(20));
        let (answer, answered) = std::sync::mpsc::channel::<()>();
        let waiting = keychain.on_thread(move || answered.recv().is_ok()).await;
        assert_eq!(waiting, Err(Failure::Locked));
        assert_eq!(keychain.on_thread(|| ()).await, Err(Failure::Busy), "no second prompt while the first is open");
        answer.send(()).expect("the prompt is still open");
        while keychain.stuck.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        assert_eq!(keychain.on_thread(|| 7).await, Ok(7));
    }
}
