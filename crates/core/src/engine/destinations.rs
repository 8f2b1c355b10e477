//! Destinations: list, save, test, choose, remove.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use chrono::{DateTime, Local};
use imagepic_words::errors;
use rand::RngCore as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{Inner, Role};
use crate::capture::Source;
use crate::destination::{Destination, Kind, THIS_COMPUTER};
use crate::error::{Code, Error, Result};
use crate::naming::{Inputs, Template};
use crate::secrets::account;
use crate::store::{Ladder, S3Store, Store};

/// One step of a test, in the order they are climbed.
pub use imagepic_s3::Rung as RungName;

/// Folders a form proposes at most.
const MOST_FOLDERS: usize = 1000;

/// A destination as a form gives it: the secret only where it is a new one.
#[derive(Debug, Clone)]
pub struct Draft {
    /// An empty id makes a new destination.
    pub destination: Destination,
    /// `None`: the one that is saved for this address and key.
    pub secret: Option<SecretString>,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum RungState {
    /// Good.
    Ok,
    /// This is what is wrong.
    Bad,
    /// Not reached.
    Todo,
}

/// One step and how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Rung {
    /// Which.
    pub rung: RungName,
    /// How.
    pub state: RungState,
}

/// A field's value that the store itself told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Suggestion {
    /// Field of the form.
    pub field: String,
    /// What it should hold.
    pub value: String,
}

/// What a test found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct TestReport {
    /// Every step, in order.
    pub rungs: Vec<Rung>,
    /// What is wrong, for programs; `None`: nothing.
    pub code: Option<Code>,
    /// The same for people.
    pub message: Option<String>,
    /// The way out, where the store told it.
    pub suggestion: Option<Suggestion>,
    /// Anybody may read objects; `None` where it was not found out.
    pub public: Option<bool>,
    /// Milliseconds.
    pub took_ms: u64,
    /// Of a team server: its step `key` is the sign-in.
    pub team: bool,
}

/// Handle to destinations.
#[derive(Clone)]
pub struct Destinations {
    pub(super) inner: Arc<Inner>,
}

impl Destinations {
    /// All of them; this computer is always among them.
    #[must_use]
    pub fn list(&self) -> Vec<Destination> {
        self.inner.hub.settings().destinations.clone()
    }

    /// Where the next upload goes.
    #[must_use]
    pub fn current(&self) -> Destination {
        self.inner.hub.settings().current().clone()
    }

    /// The destination with this id or name.
    ///
    /// # Errors
    /// `NoSuchDestination`, naming those there are.
    pub fn resolve(&self, name_or_id: &str) -> Result<Destination> {
        self.inner.hub.settings().find(name_or_id).cloned()
    }

    /// Whether the form can be saved.
    ///
    /// # Errors
    /// `BadRequest` with the field that cannot be.
    pub fn check(&self, draft: &Draft) -> Result<()> {
        let ca_file = match draft.destination.checked()?.kind {
            Kind::ThisComputer => None,
            Kind::S3(address) => address.ca_file,
            Kind::Team(address) => address.ca_file,
        };
        if let Some(file) = ca_file {
            crate::store::check_ca_file(&file)?;
        }
        if let Some(secret) = &draft.secret {
            crate::destination::check::secret(secret)?;
        }
        Ok(())
    }

    /// Whether saving the draft leaves every other destination's secret as it is. A secret belongs to an address and a key, so a new
    /// one for a pair that others use changes it for them too; whoever asks a person asks before [`save`](Self::save).
    ///
    /// # Errors
    /// `SecretShared` at `secret`, naming the others; `KeychainLocked`.
    pub async fn check_secret(&self, draft: &Draft) -> Result<()> {
        match self.sharing(draft).await?.as_slice() {
            [] => Ok(()),
            others => Err(Error::new(Code::SecretShared, errors::secret_shared(others.join(", "))).at("secret")),
        }
    }

    /// The names of the other destinations that a draft's secret would be changed for.
    async fn sharing(&self, draft: &Draft) -> Result<Vec<String>> {
        let (Kind::S3(address), Some(secret)) = (&draft.destination.checked()?.kind, &draft.secret) else {
            return Ok(Vec::new());
        };
        let account = account(address);
        let uses = |other: &Destination| matches!(&other.kind, Kind::S3(theirs) if crate::secrets::account(theirs) == account);
        let settings = self.inner.hub.settings();
        let others = settings.destinations.iter().filter(|other| other.id != draft.destination.id && uses(other));
        let others: Vec<String> = others.map(|other| other.name.clone()).collect();
        if others.is_empty() {
            return Ok(others);
        }
        let new = crate::destination::check::secret(secret)?;
        let changes = self.inner.outside.secrets.get(&account).await?;
        let changes = changes.is_some_and(|saved| saved.expose_secret() != new.expose_secret());
        Ok(if changes { others } else { Vec::new() })
    }

    /// Adds a destination, or edits the one with its id. The secret goes to the keychain, under address and key; where that changes it
    /// for other destinations too, an [`Event::Notice`](crate::event::Event::Notice) names them.
    ///
    /// # Errors
    /// `BadRequest` with the field that cannot be; `KeychainLocked`; `SettingsBroken`, `HomeUnwritable`, `DiskFull`.
    pub async fn save(&self, draft: Draft) -> Result<Destination> {
        self.check(&draft)?;
        let destination = draft.destination.checked()?;
        // A keychain that cannot be asked refuses the new secret a moment later, in words of its own.
        let sharing = self.sharing(&draft).await.unwrap_or_default();
        if let (Kind::S3(address), Some(secret)) = (&destination.kind, &draft.secret) {
            // First the secret: a destination that is saved can be used.
            let secret = crate::destination::check::secret(secret)?;
            self.inner.outside.secrets.set(&account(address), &secret).await?;
        }
        let saved = self.inner.change_settings(move |settings| settings.put(&destination)).await?;
        self.inner.forget_listings(&saved.id);
        if draft.secret.is_some() {
            self.inner.secret_changed(&saved.id);
        }
        if !sharing.is_empty() {
            self.inner.notice(&Error::new(Code::SecretShared, errors::secret_changed_for(sharing.join(", "))));
        }
        Ok(saved)
    }

    /// Removes a destination; its secret goes too, unless another destination uses the same address and key. What lies in its bucket
    /// stays.
    ///
    /// # Errors
    /// `NoSuchDestination`; `BadRequest` for this computer, and while uploads wait for it.
    pub async fn remove(&self, name_or_id: &str) -> Result<()> {
        let destination = self.resolve(name_or_id)?;
        self.inner.check_unused(&destination)?;
        let id = destination.id.clone();
        self.inner.change_settings(move |settings| settings.remove(&id).map(|_| ())).await?;
        self.inner.forget_listings(&destination.id);
        if let Kind::S3(address) = &destination.kind {
            let used =
                self.list().iter().any(|other| matches!(&other.kind, Kind::S3(theirs) if account(theirs) == account(address)));
            if !used {
                self.inner.outside.secrets.delete(&account(address)).await?;
            }
        }
        if let Kind::Team(address) = &destination.kind {
            self.accounts().forget_unused(address).await?;
        }
        Ok(())
    }

    /// Makes it the one uploads go to, and optionally another bucket or folder its own.
    ///
    /// # Errors
    /// `NoSuchDestination`; `BadRequest` for a bucket or folder that can be none.
    pub async fn use_(&self, name_or_id: &str, bucket: Option<String>, folder: Option<String>) -> Result<()> {
        let wanted = name_or_id.to_owned();
        self.inner
            .change_settings(move |settings| {
                let mut destination = settings.find(&wanted)?.clone();
                if let Some(bucket) = bucket {
                    destination.bucket = bucket;
                }
                if let Some(folder) = folder {
                    destination.folder = folder;
                }
                let destination = settings.put(&destination)?;
                settings.destination.current = destination.id;
                Ok(())
            })
            .await
    }

    /// Whether a secret is saved for the destination.
    pub async fn secret_saved(&self, name_or_id: &str) -> bool {
        let Ok(destination) = self.resolve(name_or_id) else { return false };
        match &destination.kind {
            Kind::ThisComputer => true,
            Kind::S3(address) => matches!(self.inner.outside.secrets.get(&account(address)).await, Ok(Some(_))),
            Kind::Team(address) => self.accounts().signed_in(address).await,
        }
    }

    /// Climbs from the address to the permission to write, and names the first thing that is wrong.
    pub async fn test(&self, draft: Draft) -> TestReport {
        self.test_telling(draft, &|_| {}).await
    }

    /// As [`test`](Self::test); `tell` is called with each step that is set out for, when those before it are good.
    pub async fn test_telling(&self, draft: Draft, tell: &(dyn Fn(RungName) + Send + Sync)) -> TestReport {
        let since = Instant::now();
        let mut report = match &draft.destination.kind {
            Kind::Team(_) => self.accounts().test(&draft.destination, tell).await,
            _ => self.report(self.climb(&draft, tell).await),
        };
        report.took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.inner.tested(&draft.destination, report.code);
        report
    }

    async fn climb(&self, draft: &Draft, tell: &(dyn Fn(RungName) + Send + Sync)) -> Result<Ladder> {
        let store = match &draft.destination.kind {
            Kind::ThisComputer => self.inner.stores.this_computer().await?,
            Kind::S3(_) | Kind::Team(_) => self.store(draft).await?,
        };
        Ok(store.test_telling(draft.destination.bucket.trim(), draft.destination.folder.trim_matches('/'), tell).await)
    }

    fn report(&self, outcome: Result<Ladder>) -> TestReport {
        let lang = self.inner.hub.lang();
        // At the console no form is open: there the way to it is part of the sentence.
        let said = |error: &Error| match self.inner.role {
            Role::Desktop => error.text.clone().at_hand().to(lang),
            Role::Console => error.message(lang),
        };
        match outcome {
            Ok(ladder) => TestReport {
                rungs: ladder.rungs.iter().map(|(rung, holds)| Rung { rung: *rung, state: RungState::of(*holds) }).collect(),
                code: ladder.error.as_ref().map(|error| error.code),
                message: ladder.error.as_ref().map(said),
                suggestion: ladder.suggestion.map(|found| Suggestion { field: found.field.to_owned(), value: found.value }),
                public: ladder.public,
                took_ms: 0,
                team: false,
            },
            Err(error) => {
                // What cannot even be tried: a field of the form, or no secret.
                let bad = match (error.code, error.field) {
                    (Code::SecretMissing | Code::KeychainLocked, _) | (_, Some("secret")) => RungName::Secret,
                    (_, Some("region")) => RungName::Region,
                    (_, Some("access_key")) => RungName::Key,
                    (_, Some("ca_file")) => RungName::Tls,
                    (_, Some("bucket" | "folder")) => RungName::Bucket,
                    _ => RungName::Address,
                };
                let state = |rung| if rung == bad { RungState::Bad } else { RungState::Todo };
                TestReport {
                    rungs: RungName::ALL.into_iter().map(|rung| Rung { rung, state: state(rung) }).collect(),
                    code: Some(error.code),
                    message: Some(said(&error)),
                    suggestion: None,
                    public: None,
                    took_ms: 0,
                    team: false,
                }
            }
        }
    }

    /// The buckets a form's credentials may list, before it is saved.
    ///
    /// # Errors
    /// `BadRequest` with the field; `SecretMissing`; the store's.
    pub async fn buckets(&self, draft: Draft) -> Result<Vec<String>> {
        let store: Arc<dyn Store> = match &draft.destination.kind {
            Kind::ThisComputer => self.inner.stores.of(THIS_COMPUTER).await?,
            Kind::S3(_) => Arc::new(self.store(&draft).await?),
            Kind::Team(address) => self.accounts().store(address)?,
        };
        Ok(store.buckets().await?.into_iter().map(|bucket| bucket.name).collect())
    }

    /// The folders directly below `prefix` (empty, or ending in `/`) in the form's bucket, before it is saved; the first thousand.
    ///
    /// # Errors
    /// As [`buckets`](Self::buckets); `NoSuchBucket`.
    pub async fn folders(&self, draft: Draft, prefix: &str) -> Result<Vec<String>> {
        let store: Arc<dyn Store> = match &draft.destination.kind {
            Kind::ThisComputer => self.inner.stores.of(THIS_COMPUTER).await?,
            Kind::S3(_) => Arc::new(self.store(&draft).await?),
            Kind::Team(address) => self.accounts().store(address)?,
        };
        let (mut folders, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.list(draft.destination.bucket.trim(), prefix, cursor.as_deref(), 1000).await?;
            folders.extend(page.folders);
            cursor = page.next;
            if cursor.is_none() || folders.len() >= MOST_FOLDERS {
                return Ok(folders);
            }
        }
    }

    /// Makes a bucket with a form's credentials, before it is saved.
    ///
    /// # Errors
    /// `BadRequest` at `bucket` for a name no bucket can have; `NameTaken` at `bucket`, `Forbidden`, and the network's.
    pub async fn make_bucket(&self, draft: Draft, bucket: &str) -> Result<()> {
        let bucket = bucket.trim();
        crate::destination::check::bucket(bucket, false)?;
        let made = match &draft.destination.kind {
            Kind::ThisComputer => self.inner.stores.make_bucket(THIS_COMPUTER, bucket).await,
            Kind::S3(_) => self.store(&draft).await?.make_bucket(bucket).await,
            Kind::Team(address) => self.accounts().store(address)?.make_bucket(bucket).await,
        };
        made.map_err(|error| error.at("bucket"))?;
        self.inner.forget_listings(&draft.destination.id);
        Ok(())
    }

    fn accounts(&self) -> super::Accounts {
        super::Accounts { inner: Arc::clone(&self.inner) }
    }

    /// The store a form describes.
    async fn store(&self, draft: &Draft) -> Result<S3Store> {
        let destination = draft.destination.reachable()?;
        let Kind::S3(address) = &destination.kind else {
            return Err(Error::new(Code::Unsupported, errors::internal("this computer needs no test of keys")));
        };
        let secret = match &draft.secret {
            Some(secret) => crate::destination::check::secret(secret)?,
            None => crate::stores::secret(self.inner.outside.secrets.as_ref(), address, &destination.name).await?,
        };
        S3Store::open(address, secret, &self.inner.hub.settings().general.proxy)
    }
}

impl Inner {
    /// # Errors
    /// `BadRequest` while uploads wait for it: without it they would be lost.
    pub(crate) fn check_unused(&self, destination: &Destination) -> Result<()> {
        let waiting = self.hub.with(|live| {
            let open = |entry: &&crate::live::Entry| {
                entry.row.destination == destination.id && entry.row.state != crate::journal::RowState::Failed
            };
            live.entries.values().filter(open).count()
        });
        if waiting == 0 {
            Ok(())
        } else {
            Err(Error::new(Code::BadRequest, errors::destination_in_use(waiting, &destination.name)))
        }
    }
}

impl RungState {
    const fn of(holds: Option<bool>) -> Self {
        match holds {
            Some(true) => Self::Ok,
            Some(false) => Self::Bad,
            None => Self::Todo,
        }
    }
}

/// The names the next file and the next clipboard image would get; empty where a template cannot be understood.
pub(super) fn name_preview(destination: &Destination) -> (String, String) {
    let now: DateTime<Local> = SystemTime::now().into();
    let mut random = [0; 32];
    rand::rng().fill_bytes(&mut random);
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_default();
    let name = |template: &str, name: Option<&str>, source| {
        let inputs = Inputs {
            name,
            ext: "png",
            at: now.naive_local(),
            sha256: &random,
            random: &random,
            counter: 1,
            user: &user,
            source,
            width: Some(1280),
            height: Some(720),
        };
        Template::parse(template).map(|template| template.key(&destination.folder, &inputs)).unwrap_or_default()
    };
    (
        name(&destination.names.file, Some("screenshot.png"), Source::Drop),
        name(&destination.names.clipboard, None, Source::Clipboard),
    )
}
