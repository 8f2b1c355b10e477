//! A bucket of a team server behind [`Store`]: the bytes go straight to the bucket where the server grants that, through the server
//! where it does not. What an older service cannot do is made up for here, or refused with the reason.
//!
//! What stays out: signing in and talking ([`crate::account`]).

mod browse;
mod bytes;
mod detour;
mod old;
mod send;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::bytes::Bytes;
use async_trait::async_trait;
use chrono::DateTime;
use imagepic_api::capabilities::Capabilities;
use imagepic_api::object::{Address, Entry, List, PresignGet, Slice};
use imagepic_s3::encode_key;
use imagepic_words::team as words;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use detour::Detour;

use super::{Bucket, Details, Link, News, Object, Page, Progress, Put, Rule, Store, Stored};
use crate::account::{About, Account, Answered, Server, Speaks, Trouble, fault};
use crate::destination::LinkPolicy;
use crate::error::{Code, Error, Result};

/// So often at most a server is asked for the public address of a bucket it named none for.
const MINUTE: Duration = Duration::from_secs(60);

/// A team server's objects. Clones of the account share its token.
pub(crate) struct TeamStore {
    account: Arc<Account>,
    detour: Detour,
}

impl TeamStore {
    pub(crate) fn new(account: Arc<Account>) -> Self {
        Self { detour: Detour::noted_at(account.note("detour")), account }
    }

    fn server(&self) -> &Server {
        self.account.server()
    }

    fn about<'a>(&'a self, bucket: &'a str, key: &'a str) -> About<'a> {
        About { phone: self.account.phone(), bucket, key }
    }

    /// Asks as the person who is signed in.
    async fn ask<T: DeserializeOwned + Send>(&self, path: &str, body: &(impl Serialize + Sync)) -> Answered<T> {
        self.account.with_token(|token| async move { self.server().post(path, body, Some(&token)).await }).await
    }

    /// Asks for something that only reads, which some servers let everybody do.
    async fn look<T: DeserializeOwned + Send>(&self, path: &str, body: &(impl Serialize + Sync)) -> Answered<T> {
        if self.reads_freely().await? {
            let answer = self.server().post(path, body, None).await;
            if !self.wants_token(&answer) {
                return answer;
            }
        }
        self.ask(path, body).await
    }

    /// Whether who was thought to let everybody read does not: it is another server by now, or configured anew.
    fn wants_token<T>(&self, answer: &Answered<T>) -> bool {
        let wants = answer.as_ref().is_err_and(Trouble::is_token);
        if wants {
            self.server().forget();
        }
        wants
    }

    async fn reads_freely(&self) -> Result<bool> {
        Ok(self.server().ours().await?.is_none_or(|found| found.anonymous_reads))
    }

    /// Whether the older service was found to be one of ours by now, while it was asked.
    async fn is_replaced<T>(&self, answer: &Result<T>) -> Result<bool> {
        let forgotten = answer.is_err() && self.server().known().is_none();
        Ok(forgotten && self.server().ours().await?.is_some())
    }

    fn grants(&self, found: &Capabilities) -> bool {
        found.routes.iter().any(|route| route.eq_ignore_ascii_case("object/presignedPutObject")) && !self.detour.is_taken()
    }

    fn old_cannot(&self) -> Error {
        Error::new(Code::Unsupported, words::old_unsupported(self.server().host()))
    }

    /// Whether anybody can read what lies in the bucket, by what the server says of itself.
    pub(crate) async fn public_base(&self, bucket: &str) -> Result<Option<String>> {
        let of = |found: Option<Arc<Capabilities>>| found.and_then(|found| found.public_bases.get(bucket).cloned());
        let base = match of(self.server().ours().await?) {
            // Made since, perhaps.
            None if matches!(self.server().known(), Some(Speaks::Ours(_))) => of(self.server().ours_since(MINUTE).await?),
            base => base,
        };
        Ok(base.filter(|base| Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))))
    }

    /// Why public links of this bucket cannot be made.
    fn no_public(&self, bucket: &str) -> Error {
        Error::new(Code::Unsupported, words::no_public(self.server().host(), bucket)).at("link")
    }

    /// Whether what is uploaded to the bucket gets a link of this kind, where its server's word is `base`.
    ///
    /// # Errors
    /// `Unsupported` where links are to be public and neither the person nor the server says where the bucket opens.
    pub(crate) fn has_links(&self, bucket: &str, policy: &LinkPolicy, base: Option<&str>) -> Result<()> {
        match policy {
            LinkPolicy::Public { base: own } if own_base(own.as_deref()).is_none() && base.is_none() => {
                Err(self.no_public(bucket))
            }
            _ => Ok(()),
        }
    }

    /// A signed link to the bucket's own address, as it came and as it is understood.
    async fn signed(&self, bucket: &str, key: &str, seconds: u32) -> Result<(String, Url)> {
        let ask = PresignGet { bucket_name: bucket.to_owned(), object_name: key.to_owned(), expiry: Some(seconds) };
        let asked: Answered<String> = self.look("object/presignedGetObject", &ask).await;
        let text = asked.map_err(|trouble| fault(trouble, self.server(), self.about(bucket, key)))?;
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| Error::new(Code::StoreRefused, words::odd_answer(self.server().host())))?;
        Ok((text, url))
    }

    /// Opens an address as a reader would, without signing in.
    pub(crate) async fn opens(&self, url: &str) -> bool {
        self.server().http().get(url, 64).await.is_ok_and(|answer| answer.status().is_success())
    }
}

/// A team server's objects as somebody who signs in anew, for tests of the store alone; secrets go to the file of `home`.
///
/// # Errors
/// As signing in.
#[cfg(feature = "conformance")]
pub async fn signed_in(
    address: &crate::destination::TeamAddress,
    password: &secrecy::SecretString,
    home: &crate::home::Home,
) -> Result<Arc<dyn Store>> {
    let secrets = Arc::new(crate::secrets::SealedFile::of(home));
    let accounts = crate::account::Accounts::new(home.clone(), secrets, Arc::new(|| {}));
    let account = accounts.of(address, &crate::settings::Proxy::None)?;
    account.login(password, false).await?;
    Ok(Arc::new(TeamStore::new(account)))
}

#[async_trait]
impl Store for TeamStore {
    async fn buckets(&self) -> Result<Vec<Bucket>> {
        let path = "bucket/listBuckets";
        let freely = if self.reads_freely().await? { Some(self.server().get(path, None).await) } else { None };
        let asked: Answered<Vec<imagepic_api::object::Bucket>> = match freely.filter(|answer| !self.wants_token(answer)) {
            Some(answer) => answer,
            None => self.account.with_token(|token| async move { self.server().get(path, Some(&token)).await }).await,
        };
        let buckets = asked.map_err(|trouble| fault(trouble, self.server(), self.about("", "")))?;
        let told = |bucket: imagepic_api::object::Bucket| Bucket {
            created: bucket.created.as_deref().and_then(time),
            name: bucket.name,
        };
        Ok(buckets.into_iter().map(told).collect())
    }

    async fn list(&self, bucket: &str, prefix: &str, cursor: Option<&str>, limit: u16) -> Result<Page> {
        if let Speaks::Old = self.server().speaks().await? {
            let listed = self.list_old(bucket, prefix, cursor, limit).await;
            if !self.is_replaced(&listed).await? {
                return listed;
            }
        }
        let list = List {
            bucket_name: bucket.to_owned(),
            prefix: Some(prefix.to_owned()),
            cursor: cursor.map(str::to_owned),
            limit: Some(limit.clamp(1, 1000)),
            ..List::default()
        };
        let asked: Answered<Slice> = self.look("object/listObjects", &list).await;
        let slice = asked.map_err(|trouble| fault(trouble, self.server(), self.about(bucket, "")))?;
        let mut page = Page { next: slice.next.filter(|next| !next.is_empty()), ..Page::default() };
        for entry in slice.lists {
            match entry {
                Entry::Object { name, last_modified, etag, size } => page.objects.push(object(name, size, &etag, &last_modified)),
                Entry::Prefix { prefix, .. } => page.folders.push(prefix),
            }
        }
        Ok(page)
    }

    async fn put(&self, put: Put, progress: Progress) -> Result<Stored> {
        self.send(&put, &progress).await
    }

    async fn arrived(&self, bucket: &str, key: &str) -> Result<()> {
        self.has_arrived(bucket, key).await
    }

    async fn stat(&self, bucket: &str, key: &str) -> Result<Option<Object>> {
        if let Speaks::Old = self.server().speaks().await? {
            let seen = self.stat_old(bucket, key).await;
            if !self.is_replaced(&seen).await? {
                return seen;
            }
        }
        Ok(self.told_of(bucket, key).await?.map(|(object, _)| object))
    }

    async fn link(&self, bucket: &str, key: &str, policy: &LinkPolicy) -> Result<Link> {
        let seconds = match policy {
            LinkPolicy::Presigned { seconds } => *seconds,
            LinkPolicy::Public { base } => {
                let base = match own_base(base.as_deref()) {
                    Some(base) => base.to_owned(),
                    None => self.public_base(bucket).await?.ok_or_else(|| self.no_public(bucket))?,
                };
                return Ok(Link { url: format!("{}/{}", base.trim_end_matches('/'), encode_key(key)), expires: None });
            }
        };
        let now = SystemTime::now();
        let (text, url) = self.signed(bucket, key, seconds).await?;
        if self.server().means_itself(&url) && self.server().ours().await?.is_some() {
            return Err(Error::new(Code::Unsupported, words::link_to_itself(self.server().host())).at("link"));
        }
        Ok(Link { url: text, expires: Some(now + Duration::from_secs(u64::from(seconds))) })
    }

    async fn copy(&self, bucket: &str, from: &str, to: &str) -> Result<Stored> {
        self.copied(bucket, from, to, false).await
    }

    async fn remove(&self, bucket: &str, key: &str) -> Result<()> {
        let address = Address { bucket_name: bucket.to_owned(), object_name: key.to_owned() };
        let asked: Answered<Value> = self.ask("object/removeObject", &address).await;
        match asked.map_err(|trouble| fault(trouble, self.server(), self.about(bucket, key))) {
            Err(error) if error.code != Code::NoSuchObject => Err(error),
            _ => Ok(()),
        }
    }

    async fn make_bucket(&self, _bucket: &str) -> Result<()> {
        Err(Error::new(Code::Unsupported, words::make_bucket(self.server().host())))
    }

    async fn details(&self, bucket: &str, key: &str) -> Result<Option<Details>> {
        self.details_of(bucket, key).await
    }

    async fn read(&self, bucket: &str, key: &str, most: u64) -> Result<Bytes> {
        self.bytes_of(bucket, key, most).await
    }

    async fn copy_new(&self, bucket: &str, from: &str, to: &str) -> Result<Stored> {
        self.copied(bucket, from, to, true).await
    }

    async fn remove_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Result<()>>> {
        self.removed_many(bucket, keys).await
    }

    /// Nothing but images comes in there, and an empty object is none.
    async fn make_folder(&self, _bucket: &str, _prefix: &str) -> Result<bool> {
        Ok(false)
    }

    async fn access(&self, bucket: &str) -> Result<Vec<Rule>> {
        self.rules_of(bucket).await
    }

    async fn set_access(&self, bucket: &str, prefix: &str, public: bool) -> Result<()> {
        self.set_rule(bucket, prefix, public).await
    }

    async fn listen(&self, bucket: &str) -> Result<Option<News>> {
        self.news_of(bucket).await
    }
}

fn stored(stored: imagepic_api::object::Stored) -> Stored {
    Stored { etag: Some(bare(&stored.etag)).filter(|etag| !etag.is_empty()), version_id: stored.version_id }
}

fn object(key: String, size: u64, etag: &str, modified: &str) -> Object {
    let etag = Some(bare(etag)).filter(|etag| !etag.is_empty());
    Object { key, size, etag, modified: time(modified), ..Object::default() }
}

/// What a person gave as the address that a bucket opens at.
fn own_base(base: Option<&str>) -> Option<&str> {
    base.map(str::trim).filter(|base| !base.is_empty())
}

fn bare(etag: &str) -> String {
    etag.trim().trim_matches('"').to_owned()
}

/// What an object carries, with or without the prefix it travels under.
fn meta(all: &BTreeMap<String, String>, name: &str) -> Option<String> {
    let fits = |key: &str| {
        let key = key.to_ascii_lowercase();
        key.strip_prefix("x-amz-meta-").unwrap_or(&key) == name
    };
    all.iter().find(|(key, _)| fits(key)).map(|(_, value)| value.clone())
}

fn time(text: &str) -> Option<SystemTime> {
    DateTime::parse_from_rfc3339(text).ok().map(SystemTime::from)
}
