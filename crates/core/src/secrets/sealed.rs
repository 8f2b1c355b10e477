//! The fallback where there is no keychain: an encrypted file, readable by this user only, with its random key beside it.
//!
//! What that is worth, honestly: the secrets do not show in a backup of `secrets.json` alone, in a search through files, or over a
//! shoulder. Whoever can read all files of this user can read them; so can every program this user runs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use imagepic_words::secrets as words;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Secrets, SecretsPlace};
use crate::error::{Code, Error, Result};
use crate::home::{self, Home};

const VERSION: u32 = 1;
const KEY: usize = 32;

/// The sealed secrets of one home. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SealedFile {
    home: Home,
    path: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
struct Form {
    version: u32,
    /// Account → base64 of nonce and ciphertext, sealed with ChaCha20-Poly1305 and bound to the account's name.
    secrets: BTreeMap<String, String>,
}

impl SealedFile {
    /// The file of `home`; it is made when the first secret is saved.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        Self { home: home.clone(), path: home.data().join("secrets.json"), key: home.data().join("secrets.key") }
    }

    /// Whether it certainly keeps nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.read().is_ok_and(|form| form.secrets.is_empty())
    }

    fn read(&self) -> Result<Form> {
        let Some(bytes) = self.bytes(&self.path)? else { return Ok(Form { version: VERSION, secrets: BTreeMap::new() }) };
        let found = serde_json::from_slice::<serde_json::Value>(&bytes).ok().and_then(|form| form.get("version")?.as_u64());
        if found.is_some_and(|found| found > u64::from(VERSION)) {
            return Err(Error::new(Code::HomeNewer, words::file_newer(self.path.display())));
        }
        serde_json::from_slice(&bytes).map_err(|_| self.broken())
    }

    fn bytes(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(home::unreadable(path, error)),
        }
    }

    fn broken(&self) -> Error {
        Error::new(Code::SecretMissing, words::file_broken(self.path.display()))
    }

    fn cipher(&self, make: bool) -> Result<LessSafeKey> {
        let key = match self.bytes(&self.key)? {
            Some(key) => key,
            None if make => {
                let mut key = Zeroizing::new(vec![0; KEY]);
                SystemRandom::new().fill(&mut key).map_err(|_| self.broken())?;
                home::write_whole(&self.key, &key)?;
                key
            }
            None => return Err(self.broken()),
        };
        UnboundKey::new(&CHACHA20_POLY1305, &key).map(LessSafeKey::new).map_err(|_| self.broken())
    }

    fn open(&self, account: &str) -> Result<Option<SecretString>> {
        let form = self.read()?;
        let Some(sealed) = form.secrets.get(account) else { return Ok(None) };
        let cipher = self.cipher(false)?;
        let mut bytes = BASE64.decode(sealed).map_err(|_| self.broken())?;
        if bytes.len() < NONCE_LEN {
            return Err(self.broken());
        }
        let mut body = Zeroizing::new(bytes.split_off(NONCE_LEN));
        let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| self.broken())?;
        let plain = cipher.open_in_place(nonce, Aad::from(account.as_bytes()), &mut body).map_err(|_| self.broken())?;
        let secret = std::str::from_utf8(plain).map_err(|_| self.broken())?;
        Ok(Some(SecretString::from(secret)))
    }

    fn seal(&self, account: &str, secret: &SecretString) -> Result<()> {
        let _lock = self.home.lock("secrets")?;
        let mut form = self.read()?;
        // A lost key must not be replaced while secrets are sealed with it: they would be beyond telling apart from damage.
        let cipher = self.cipher(form.secrets.is_empty())?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| self.broken())?;
        let mut body = secret.expose_secret().as_bytes().to_vec();
        cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(account.as_bytes()), &mut body)
            .map_err(|_| self.broken())?;
        form.secrets.insert(account.to_owned(), BASE64.encode([&nonce[..], &body].concat()));
        self.write(&form)
    }

    fn forget(&self, account: &str) -> Result<()> {
        // Most homes have no such file: nothing to lock for.
        if !self.path.exists() {
            return Ok(());
        }
        let _lock = self.home.lock("secrets")?;
        let mut form = self.read()?;
        if form.secrets.remove(account).is_some() {
            self.write(&form)?;
        }
        Ok(())
    }

    fn write(&self, form: &Form) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(form).map_err(|error| self.broken().because(error))?;
        text.push(b'\n');
        home::write_whole(&self.path, &text)
    }

    async fn blocking<T: Send + 'static>(&self, act: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || act(&this)).await.map_err(|error| self.broken().because(error))?
    }
}

#[async_trait]
impl Secrets for SealedFile {
    async fn get(&self, account: &str) -> Result<Option<SecretString>> {
        let account = account.to_owned();
        self.blocking(move |this| this.open(&account)).await
    }

    async fn set(&self, account: &str, secret: &SecretString) -> Result<SecretsPlace> {
        let (account, secret) = (account.to_owned(), secret.clone());
        self.blocking(move |this| this.seal(&account, &secret)).await?;
        Ok(SecretsPlace::File)
    }

    async fn delete(&self, account: &str) -> Result<()> {
        let account = account.to_owned();
        self.blocking(move |this| this.forget(&account)).await
    }

    async fn place(&self) -> SecretsPlace {
        SecretsPlace::File
    }
}
