//! Secret keys: in the system's keychain, or where there is none in an encrypted file that only this user can read.
//!
//! A secret belongs to an address and an access key ([`account`]), not to a destination: a destination that is pointed at another
//! address finds no secret there, so no imported setting can send a saved one to a stranger. Which secret is needed when is the
//! business of whoever asks; nothing here is ever printed, logged or kept in memory.

mod keychain;
mod sealed;

use async_trait::async_trait;
use imagepic_words::secrets as words;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use sealed::SealedFile;

use crate::destination::S3Address;
use crate::error::{Code, Error, Result};
use crate::home::Home;
use keychain::{Failure, Keychain};

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum SecretsPlace {
    /// The system's keychain.
    Keychain,
    /// The encrypted file of this home. Its key lies beside it: whoever reads this user's files can read both.
    File,
}

/// Keeps secrets under an account name made by [`account`].
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret, `None` where none is saved.
    ///
    /// # Errors
    /// `KeychainLocked` where a person has to unlock something first.
    async fn get(&self, account: &str) -> Result<Option<SecretString>>;

    /// Saves a secret, over an older one; where it went.
    ///
    /// # Errors
    /// `KeychainLocked`, and the disk's.
    async fn set(&self, account: &str, secret: &SecretString) -> Result<SecretsPlace>;

    /// Forgets a secret; one that is not there is forgotten already.
    ///
    /// # Errors
    /// `KeychainLocked`, and the disk's.
    async fn delete(&self, account: &str) -> Result<()>;

    /// Where the next secret would go.
    async fn place(&self) -> SecretsPlace;

    /// A person wants it now: the keychain's question may be opened again, though it was closed a moment ago.
    fn ask_again(&self) {}
}

/// The name a secret is kept under: access key and address, in their normal form.
#[must_use]
pub fn account(address: &S3Address) -> String {
    format!("{}@{}", address.access_key.trim(), address.endpoint.trim().trim_end_matches('/').to_lowercase())
}

/// The keychain, and the file where there is no keychain. A secret in the file moves to the keychain once there is one.
#[derive(Debug)]
pub struct SystemSecrets {
    keychain: Keychain,
    file: SealedFile,
    /// There once something of this home went to a keychain: one that does not answer yet, at log-in say, is waited for. Without it
    /// nothing can be in one, and what is not in the file was never saved.
    used: std::path::PathBuf,
}

impl SystemSecrets {
    /// The secrets of `home`. Asks nobody anything yet.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        Self {
            keychain: Keychain::new(format!("imagepic-{}", home.id()), keychain::DEADLINE),
            file: SealedFile::of(home),
            used: home.data().join("secrets.in-keychain"),
        }
    }

    /// Notes that the keychain holds something of this home.
    fn uses_keychain(&self) {
        if !self.used.exists()
            && let Err(error) = std::fs::write(&self.used, b"")
        {
            tracing::warn!(%error, "a keychain that does not answer yet will not be waited for");
        }
    }

    fn fault(failure: Failure) -> Error {
        match failure {
            Failure::Missing | Failure::Locked => Error::new(Code::KeychainLocked, words::locked()),
            Failure::Busy => Error::new(Code::KeychainLocked, words::busy()),
            Failure::Refused(reason) => Error::new(Code::KeychainLocked, words::keychain_failed(reason)),
        }
    }
}

#[async_trait]
impl Secrets for SystemSecrets {
    async fn get(&self, account: &str) -> Result<Option<SecretString>> {
        // What is in the file was saved while there was no keychain, so it is newer than what the keychain holds.
        let broken = match self.file.get(account).await {
            Ok(Some(secret)) => {
                if self.keychain.set(account, &secret).await.is_ok() {
                    self.uses_keychain();
                    tracing::info!("a secret moved from the file to the keychain");
                    self.file.delete(account).await?;
                }
                return Ok(Some(secret));
            }
            Ok(None) => None,
            // Most secrets are in the keychain and need no file.
            Err(error) => Some(error),
        };
        match (self.keychain.get(account).await, broken) {
            (Ok(Some(secret)), _) => {
                self.uses_keychain();
                Ok(Some(secret))
            }
            (_, Some(error)) => Err(error),
            (Ok(None), None) => Ok(None),
            // A home whose secrets are in the file misses this one, and so does one that never had any.
            (Err(Failure::Missing), None) if !self.used.exists() || !self.file.is_empty() => Ok(None),
            (Err(Failure::Missing), None) => Err(Error::new(Code::KeychainLocked, words::absent()).at("secret")),
            (Err(failure), None) => Err(Self::fault(failure)),
        }
    }

    async fn set(&self, account: &str, secret: &SecretString) -> Result<SecretsPlace> {
        match self.keychain.set(account, secret).await {
            Ok(()) => {
                self.uses_keychain();
                self.file.delete(account).await?;
                Ok(SecretsPlace::Keychain)
            }
            Err(Failure::Missing) => self.file.set(account, secret).await,
            Err(failure) => Err(Self::fault(failure)),
        }
    }

    async fn delete(&self, account: &str) -> Result<()> {
        self.file.delete(account).await?;
        match self.keychain.delete(account).await {
            Ok(()) | Err(Failure::Missing) => Ok(()),
            Err(failure) => Err(Self::fault(failure)),
        }
    }

    async fn place(&self) -> SecretsPlace {
        if self.keychain.usable().await { SecretsPlace::Keychain } else { SecretsPlace::File }
    }

    fn ask_again(&self) {
        self.keychain.ask_again();
    }
}

#[cfg(test)]
mod tests;
