//! Team servers: what is at an address, registering, signing in and out, and who is signed in.

use std::sync::Arc;

use imagepic_api::capabilities::Registration;
use imagepic_words::team as words;
use secrecy::SecretString;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Inner;
use super::destinations::{Rung, RungName, RungState, TestReport};
use crate::account::{Account, Server, Speaks, Standing};
use crate::destination::{Destination, Kind, TeamAddress};
use crate::error::{Code, Error, Result};
use crate::store::{Body, Put, Store, TeamStore};

pub use crate::account::Registering;

/// The smallest image there is, for trying whether a place can be written to.
const PIXEL: &[u8] = b"\
        \x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\
        \x08\x00\x00\x00\x00\x3a\x7e\x9b\x55\x00\x00\x00\x0a\x49\x44\x41\x54\x78\x9c\x63\x68\x00\x00\x00\
        \x82\x00\x81\x77\xcd\x72\xb6\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";
/// The steps of a test of a team server, in the order they are climbed; `Key` is the sign-in.
pub const TEAM_RUNGS: [RungName; 5] = [RungName::Address, RungName::Tls, RungName::Key, RungName::Bucket, RungName::Permission];

/// What is at a team server's address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct TeamServer {
    /// The address in its normal form.
    pub server: String,
    /// The older service: it cannot renew a sign-in, so staying signed in needs the password.
    pub old: bool,
    /// Somebody may register here.
    pub registers: bool,
    /// Only with an invitation.
    pub invited: bool,
    /// Characters a new password needs at least, where the server says so.
    pub password_min: Option<u32>,
}

/// Who is signed in for a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct AccountView {
    /// Destination's id.
    pub destination: String,
    /// Somebody is, as far as this computer knows.
    pub signed_in: bool,
    /// Why nobody is any more.
    pub message: Option<String>,
    /// The password is in the keychain, as the person allowed.
    pub keeps_password: bool,
}

/// Handle to team servers and who is signed in there.
#[derive(Clone)]
pub struct Accounts {
    pub(super) inner: Arc<Inner>,
}

impl Accounts {
    /// What is at the address, asked anew. Sends nothing secret.
    ///
    /// # Errors
    /// `BadRequest` and `PlainHttp` at `server`; `NotTeamServer`; the network's.
    pub async fn probe(&self, address: &TeamAddress) -> Result<TeamServer> {
        let address = TeamAddress { phone: String::new(), ..address.clone() }.checked()?;
        let server = Server::open(&address, &self.inner.hub.settings().general.proxy)?;
        Ok(match server.speaks().await? {
            Speaks::Old => TeamServer { server: address.server, old: true, registers: true, invited: false, password_min: None },
            Speaks::Ours(found) => TeamServer {
                server: address.server,
                old: false,
                registers: found.registration != Registration::Closed,
                invited: found.registration == Registration::Invite,
                password_min: found.password.pattern.is_none().then_some(found.password.min),
            },
        })
    }

    /// Registers the address's phone number and signs in.
    ///
    /// # Errors
    /// `BadRequest` with the field (`phone`, `email`, `password`, `invite`), `Forbidden` where nobody may register; those of
    /// [`login`](Self::login), the account being there by then.
    pub async fn register(&self, address: &TeamAddress, form: Registering) -> Result<()> {
        self.account(address)?.register(&form).await?;
        self.login(address, form.password, false).await
    }

    /// Signs in. `keep`: the password goes to the keychain, for a server that cannot renew a sign-in. Destinations of the server that
    /// have no phone number yet take this one.
    ///
    /// # Errors
    /// `WrongPassword` at `password`, `BadRequest` with the field; `NotTeamServer`; `KeychainLocked`; the network's; those of settings
    /// that cannot be written.
    pub async fn login(&self, address: &TeamAddress, password: SecretString, keep: bool) -> Result<()> {
        self.account(address)?.login(&password, keep).await?;
        self.named(address).await?;
        self.told(address);
        Ok(())
    }

    /// Destinations of the server that were added without a phone number have one by now.
    async fn named(&self, address: &TeamAddress) -> Result<()> {
        let TeamAddress { server, phone, .. } = address.checked()?;
        let lacks = move |kind: &Kind| matches!(kind, Kind::Team(theirs) if theirs.phone.is_empty() && theirs.server == server);
        if !self.inner.hub.settings().destinations.iter().any(|destination| lacks(&destination.kind)) {
            return Ok(());
        }
        let change = move |settings: &mut crate::settings::Settings| {
            for destination in settings.destinations.iter_mut().filter(|destination| lacks(&destination.kind)) {
                if let Kind::Team(theirs) = &mut destination.kind {
                    theirs.phone.clone_from(&phone);
                }
            }
            Ok(())
        };
        self.inner.change_settings(change).await
    }

    /// Changes the password, which ends every session elsewhere; here it goes on.
    ///
    /// # Errors
    /// `WrongPassword` at `password`, `BadRequest` at `new_password`; the network's.
    pub async fn change_password(&self, address: &TeamAddress, old: SecretString, new: SecretString) -> Result<()> {
        self.account(address)?.change(&old, &new).await?;
        self.told(address);
        Ok(())
    }

    /// Signs out, here in any case; `false`: the server could not be told.
    ///
    /// # Errors
    /// `KeychainLocked`.
    pub async fn logout(&self, address: &TeamAddress) -> Result<bool> {
        let told = self.account(address)?.logout().await?;
        self.told(address);
        Ok(told)
    }

    /// Whether somebody is signed in at the address, as far as this computer knows; asks nobody.
    pub async fn signed_in(&self, address: &TeamAddress) -> bool {
        match self.inner.stores.account(address) {
            Ok(account) => matches!(account.standing().await, Ok(Standing::In)),
            Err(_) => false,
        }
    }

    /// Who is signed in for each destination at a team server.
    pub async fn list(&self) -> Vec<AccountView> {
        let mut views = Vec::new();
        for destination in &self.inner.hub.settings().destinations {
            let Kind::Team(address) = &destination.kind else { continue };
            views.push(self.view(&destination.id, address).await);
        }
        views
    }

    /// Who is signed in at an address; `destination` is only passed on.
    pub async fn view(&self, destination: &str, address: &TeamAddress) -> AccountView {
        let lang = self.inner.hub.lang();
        let nobody = |message: Option<String>| AccountView {
            destination: destination.to_owned(),
            signed_in: false,
            message,
            keeps_password: false,
        };
        let account = match self.inner.stores.account(address) {
            Ok(account) => account,
            Err(error) => return nobody(Some(error.message(lang))),
        };
        match account.standing().await {
            Ok(standing) => AccountView {
                signed_in: standing == Standing::In,
                message: account.ended().filter(|_| standing == Standing::Ended).map(|text| text.to(lang)),
                keeps_password: account.keeps_password().await.unwrap_or_default(),
                ..nobody(None)
            },
            Err(error) => nobody(Some(error.message(lang))),
        }
    }

    pub(super) fn store(&self, address: &TeamAddress) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(TeamStore::new(self.account(address)?)))
    }

    /// No destination uses the address any more: nothing of it is kept.
    pub(super) async fn forget_unused(&self, address: &TeamAddress) -> Result<()> {
        if address.phone.is_empty() {
            return Ok(());
        }
        let same = |other: &TeamAddress| other.server == address.server && other.phone == address.phone;
        let settings = self.inner.hub.settings();
        if settings.destinations.iter().any(|other| matches!(&other.kind, Kind::Team(theirs) if same(theirs))) {
            return Ok(());
        }
        self.account(address)?.forget().await
    }

    fn account(&self, address: &TeamAddress) -> Result<Arc<Account>> {
        self.inner.stores.account(&address.signing_in()?)
    }

    /// What waits for a sign-in goes on, here and in other processes.
    fn told(&self, address: &TeamAddress) {
        let Ok(address) = address.checked() else { return };
        let settings = self.inner.hub.settings();
        let same = |other: &TeamAddress| other.server == address.server && other.phone == address.phone;
        for destination in &settings.destinations {
            if matches!(&destination.kind, Kind::Team(theirs) if same(theirs)) {
                self.inner.forget_listings(&destination.id);
                self.inner.secret_changed(&destination.id);
            }
        }
    }

    /// Climbs from the address to the permission to write; what it writes it removes again.
    pub(super) async fn test(&self, destination: &Destination, tell: &(dyn Fn(RungName) + Send + Sync)) -> TestReport {
        let lang = self.inner.hub.lang();
        let mut good = Vec::new();
        let climbed = self.climb(destination, &mut good, tell).await;
        let (error, public) = match climbed {
            Ok(public) => (None, public),
            Err(error) => (Some(error), None),
        };
        if matches!(error.as_ref().map(|error| error.code), Some(Code::Tls)) && good.is_empty() {
            good.push(RungName::Address);
        }
        let wrong = error.is_some().then(|| TEAM_RUNGS.into_iter().find(|rung| !good.contains(rung))).flatten();
        let state = |rung| match () {
            () if good.contains(&rung) => RungState::Ok,
            () if wrong == Some(rung) => RungState::Bad,
            () => RungState::Todo,
        };
        TestReport {
            rungs: TEAM_RUNGS.into_iter().map(|rung| Rung { rung, state: state(rung) }).collect(),
            code: error.as_ref().map(|error| error.code),
            message: error.as_ref().map(|error| error.message(lang)),
            suggestion: None,
            public,
            took_ms: 0,
            team: true,
        }
    }

    async fn climb(
        &self,
        destination: &Destination,
        good: &mut Vec<RungName>,
        tell: &(dyn Fn(RungName) + Send + Sync),
    ) -> Result<Option<bool>> {
        tell(RungName::Address);
        let destination = destination.reachable()?;
        let Kind::Team(address) = &destination.kind else {
            return Err(Error::new(Code::Internal, imagepic_words::errors::internal("not a team server")));
        };
        self.probe(address).await?;
        good.extend([RungName::Address, RungName::Tls]);
        tell(RungName::Key);
        let account = self.inner.stores.account(address)?;
        account.token().await?;
        good.push(RungName::Key);
        tell(RungName::Bucket);
        let store = TeamStore::new(Arc::clone(&account));
        let (host, bucket) = (account.server().host(), destination.bucket.as_str());
        if bucket.is_empty() {
            return Err(Error::new(Code::NoSuchBucket, imagepic_words::destinations::bucket_missing()).at("bucket"));
        }
        if !store.buckets().await?.iter().any(|known| known.name == bucket) {
            return Err(Error::new(Code::NoSuchBucket, words::no_such_bucket(bucket, host)).at("bucket"));
        }
        good.push(RungName::Bucket);
        tell(RungName::Permission);
        let name = format!("imagepic-test-{}.png", uuid::Uuid::new_v4().simple());
        let key = if destination.folder.is_empty() { name } else { format!("{}/{name}", destination.folder) };
        let put = Put {
            bucket: bucket.to_owned(),
            key: key.clone(),
            body: Body::Bytes(bytes::Bytes::from_static(PIXEL)),
            size: PIXEL.len() as u64,
            sha256: Sha256::digest(PIXEL).into(),
            content_type: "image/png".to_owned(),
            content_disposition: None,
            if_absent: true,
            id: None,
        };
        let stored = store.put(put, Arc::new(|_| {})).await;
        let base = store.public_base(bucket).await?;
        let public = match (&stored, &base) {
            (Ok(_), Some(base)) => {
                Some(store.opens(&format!("{}/{}", base.trim_end_matches('/'), imagepic_s3::encode_key(&key))).await)
            }
            _ => None,
        };
        // Whatever came of it: nothing of the test is to stay.
        let removed = store.remove(bucket, &key).await;
        stored?;
        removed?;
        good.push(RungName::Permission);
        // All of it can be reached, and yet no upload would have a link.
        store.has_links(bucket, &destination.link, base.as_deref())?;
        Ok(public)
    }
}
