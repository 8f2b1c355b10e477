//! One open store for each destination: made when first needed, forgotten when its settings or its secret change.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use imagepic_net::Http;
use imagepic_words::errors;
use secrecy::SecretString;
use tokio::sync::OnceCell;

use crate::account::{Account, Accounts};
use crate::destination::{Destination, Kind, LONGEST_PRESIGN, LinkPolicy, S3Address, THIS_COMPUTER, TeamAddress};
use crate::error::{Code, Error, Result};
use crate::event::Event;
use crate::home::Home;
use crate::hosting::Hosting;
use crate::hub::Hub;
use crate::opening::Opening;
use crate::secrets::{self, Secrets};
use crate::settings::Proxy;
use crate::store::{Link, S3Store, Store, TeamStore};

type Kept = Arc<OnceCell<Arc<dyn Store>>>;

/// See the module.
pub(crate) struct Stores {
    hub: Arc<Hub>,
    secrets: Arc<dyn Secrets>,
    hosting: Arc<Hosting>,
    accounts: Accounts,
    opening: Opening,
    kept: Mutex<HashMap<String, Kept>>,
}

impl Stores {
    pub(crate) fn new(home: Home, owner: String, resident: bool, hub: Arc<Hub>, secrets: Arc<dyn Secrets>) -> Self {
        let told = Arc::clone(&hub);
        // Who is signed in is shown beside the settings.
        let accounts = Accounts::new(home.clone(), Arc::clone(&secrets), Arc::new(move || told.emit(Event::Settings)));
        let opening = Opening::new(&home, Arc::clone(&hub));
        Self { hub, secrets, hosting: Arc::new(Hosting::new(home, owner, resident)), accounts, opening, kept: Mutex::default() }
    }

    /// Whether public links open.
    pub(crate) const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// How the link of an object is made at this moment. A public one of this computer's bucket that nobody could open is a signed one,
    /// which lives as long as signatures can.
    pub(crate) async fn policy(&self, destination: &Destination, bucket: &str, key: &str) -> LinkPolicy {
        match (&destination.kind, &destination.link) {
            (Kind::ThisComputer, LinkPolicy::Public { base: None }) if self.hosting.opens(bucket, key).await == Some(false) => {
                LinkPolicy::Presigned { seconds: LONGEST_PRESIGN }
            }
            (_, policy) => policy.clone(),
        }
    }

    /// The link of an object, as [`policy`](Self::policy) has it.
    ///
    /// # Errors
    /// As [`of`](Self::of) and [`Store::link`].
    pub(crate) async fn link(&self, destination: &Destination, bucket: &str, key: &str) -> Result<Link> {
        let store = self.of(&destination.id).await?;
        store.link(bucket, key, &self.policy(destination, bucket, key).await).await
    }

    pub(crate) fn hosting(&self) -> &Arc<Hosting> {
        &self.hosting
    }

    /// Who signs in at an address.
    ///
    /// # Errors
    /// As [`TeamAddress::checked`].
    pub(crate) fn account(&self, address: &TeamAddress) -> Result<Arc<Account>> {
        self.accounts.of(address, &self.hub.settings().general.proxy)
    }

    /// The store of a destination, by id.
    ///
    /// # Errors
    /// `NoSuchDestination`; `SecretMissing`, `KeychainLocked`; those of this computer's bucket.
    pub(crate) async fn of(&self, id: &str) -> Result<Arc<dyn Store>> {
        let cell = Arc::clone(self.kept.lock().unwrap_or_else(PoisonError::into_inner).entry(id.to_owned()).or_default());
        let store = cell.get_or_try_init(|| async {
            let settings = self.hub.settings();
            self.open(settings.find(id)?, &settings.general.proxy).await
        });
        store.await.cloned()
    }

    async fn open(&self, destination: &Destination, proxy: &Proxy) -> Result<Arc<dyn Store>> {
        match &destination.kind {
            Kind::ThisComputer => Ok(Arc::new(self.this_computer().await?)),
            Kind::S3(address) => {
                let secret = secret(self.secrets.as_ref(), address, &destination.name).await?;
                Ok(Arc::new(S3Store::open(address, secret, proxy)?))
            }
            Kind::Team(address) => Ok(Arc::new(TeamStore::new(self.accounts.of(address, proxy)?))),
        }
    }

    /// This computer's bucket. Its host may end at any moment, and another one begin at the same address: whoever finds nobody there
    /// sees to it that somebody is.
    ///
    /// # Errors
    /// Those of [`Hosting::endpoint`].
    pub(crate) async fn this_computer(&self) -> Result<S3Store> {
        let at = self.hosting.endpoint().await?;
        let hosting = Arc::clone(&self.hosting);
        let wake = move || -> Pin<Box<dyn Future<Output = bool> + Send>> {
            let hosting = Arc::clone(&hosting);
            Box::pin(async move { hosting.serves_again().await })
        };
        S3Store::this_computer(&at.url, at.region, &at.access_key, at.secret_key, Http::waking(Arc::new(wake)))
    }

    /// Makes a bucket. One of this computer's can be read on loopback without a signature, as its links say.
    ///
    /// # Errors
    /// `NameTaken`, `NameRefused`, `Forbidden`, and the network's.
    pub(crate) async fn make_bucket(&self, id: &str, bucket: &str) -> Result<()> {
        if id != THIS_COMPUTER {
            return self.of(id).await?.make_bucket(bucket).await;
        }
        let store = self.this_computer().await?;
        store.make_bucket(bucket).await?;
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": format!("arn:aws:s3:::{bucket}/*"),
            }],
        });
        let published = store.client().set_policy(bucket, &policy.to_string()).await;
        published.map_err(|error| Error::new(Code::Internal, errors::bucket_broken(&error)).because(error))
    }

    /// The next call opens the destination's store anew.
    pub(crate) fn forget(&self, id: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// As [`forget`](Self::forget), for all.
    pub(crate) fn forget_all(&self) {
        self.accounts.look_again();
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) async fn close(&self) {
        self.forget_all();
        self.hosting.close().await;
    }
}

/// The secret key for an address, as it is saved.
///
/// # Errors
/// `SecretMissing`, `KeychainLocked`.
pub(crate) async fn secret(secrets: &dyn Secrets, address: &S3Address, name: &str) -> Result<SecretString> {
    let saved = secrets.get(&secrets::account(address)).await?;
    saved.ok_or_else(|| Error::new(Code::SecretMissing, errors::secret_missing(name)).at("secret"))
}
