//! Who may read without a signature: what the store says, changing it, and what becomes of links then.

use std::collections::BTreeSet;

use imagepic_words::{browse, opening as words};
use serde::Serialize;

use super::Browse;
use crate::destination::{Destination, Kind, LONGEST_PRESIGN, LinkPolicy};
use crate::engine::Inner;
use crate::error::{Code, Error, Result};
use crate::journal::LinkBelow;
use crate::opening::{Asked, promises};
use crate::store::{Link, Rule};

/// Uploads that windows are told of one by one when their links change; what is further back shows when it is looked for.
const TOLD: usize = 1000;
const DAY: u32 = 24 * 3600;

/// Who may read without a signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct AccessView {
    /// Prefixes that everybody may read; an empty one is the whole bucket.
    pub public: Vec<String>,
    /// Why nothing can be said or changed.
    pub message: Option<String>,
}

/// What closing a place does to links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Closing {
    /// Uploads of this home whose last link stops opening.
    pub uploads: u32,
    /// What there is to know before it is done.
    pub text: String,
}

impl Browse {
    /// Who may read what in a bucket without a signature. A store that knows no such rules says so in the answer.
    ///
    /// # Errors
    /// `NoSuchBucket`, and the network's.
    pub async fn access(&self, destination: &str, bucket: &str) -> Result<AccessView> {
        match self.store(destination).await?.access(bucket).await {
            Ok(rules) => {
                let public = rules.into_iter().filter(|rule| rule.public).map(|rule| rule.prefix).collect();
                Ok(AccessView { public, message: None })
            }
            Err(error) if matches!(error.code, Code::Unsupported | Code::Forbidden) => {
                Ok(AccessView { public: Vec::new(), message: Some(error.message(self.inner.hub.lang())) })
            }
            Err(error) => Err(error),
        }
    }

    /// What becomes of links when a folder (`prefix` ends in `/`; empty for the whole bucket) is closed to the public.
    ///
    /// # Errors
    /// `Unsupported` where another rule would keep it open; as [`access`](Self::access), and the journal's.
    pub async fn closing(&self, destination: &str, bucket: &str, prefix: &str) -> Result<Closing> {
        let settings = self.inner.hub.settings();
        let destination = settings.find(destination)?;
        let place = format!("{bucket}/{prefix}");
        let place = place.trim_end_matches('/');
        let rules = self.inner.stores.of(&destination.id).await?.access(bucket).await?;
        let wider = |rule: &Rule| rule.public && rule.prefix != prefix && prefix.starts_with(&rule.prefix);
        if rules.iter().any(wider) {
            return Err(Error::new(Code::Unsupported, browse::rule_wider(place)));
        }
        let open = narrower(rules, prefix);
        let mut uploads = 0;
        for one in self.inner.one_store(&destination.id) {
            let links = self.inner.journal.links_below(one.id, bucket.to_owned(), prefix.to_owned()).await?;
            uploads += links.iter().filter(|link| link.expires_at.is_none() && !is_below(&link.key, &open)).count();
        }
        let first = if uploads == 0 { words::closing_none(place) } else { words::closing(uploads, place) };
        let days = |seconds: u32| words::then_signed(seconds.div_ceil(DAY));
        let then = match (&destination.kind, &destination.link) {
            (_, LinkPolicy::Presigned { seconds }) => days(*seconds),
            (_, LinkPolicy::Public { base: Some(base) }) => words::then_base(base),
            (Kind::ThisComputer, LinkPolicy::Public { base: None }) => days(LONGEST_PRESIGN),
            (_, LinkPolicy::Public { base: None }) => words::then_dead(&destination.name),
        };
        let lang = self.inner.hub.lang();
        let text = words::both(first.to(lang), then.to(lang)).to(lang);
        Ok(Closing { uploads: u32::try_from(uploads).unwrap_or(u32::MAX), text })
    }

    /// Opens a folder (`prefix` ends in `/`; empty for the whole bucket) to everybody, or closes it. Uploads whose public links open no
    /// longer are shown so.
    ///
    /// # Errors
    /// `Unsupported` where the store cannot, or another rule would keep it open; `Forbidden`, and the network's.
    pub async fn set_access(&self, destination: &str, bucket: &str, prefix: &str, public: bool) -> Result<()> {
        let id = self.id(destination)?;
        self.inner.stores.of(&id).await?.set_access(bucket, prefix, public).await?;
        self.inner.stores.hosting().doubt_public();
        tracing::info!(destination = id, bucket, prefix, public, "who may read was changed");
        let open = if public { Vec::new() } else { self.still_open(&id, bucket, prefix).await.unwrap_or_default() };
        for one in self.inner.one_store(&id) {
            // The rule is as a person wanted it; what is shown of earlier links follows as far as it can.
            if let Err(error) = self.inner.links_follow(&one, bucket, prefix, public, &open).await {
                tracing::warn!(%error, "the history does not show whose links were opened or closed");
            }
        }
        self.changed(&id, bucket, prefix);
        Ok(())
    }

    /// Prefixes below one that have rules of their own and stay open when it is closed.
    async fn still_open(&self, id: &str, bucket: &str, prefix: &str) -> Result<Vec<String>> {
        Ok(narrower(self.inner.stores.of(id).await?.access(bucket).await?, prefix))
    }

    /// Whether a link that carries no signature was found to open for nobody; looked at where that is not known.
    ///
    /// # Errors
    /// `NoSuchDestination`.
    pub async fn is_closed(&self, destination: &str, bucket: &str, key: &str, link: &Link) -> Result<bool> {
        let settings = self.inner.hub.settings();
        let destination = settings.find(destination)?;
        if link.expires.is_some() || !promises(destination) {
            return Ok(false);
        }
        let opening = self.inner.stores.opening();
        opening.look(destination, &[Asked { bucket, key, url: &link.url }]).await;
        Ok(self.inner.hub.with(|live| live.is_closed(&destination.id, bucket, key)))
    }
}

fn narrower(rules: Vec<Rule>, prefix: &str) -> Vec<String> {
    let narrower = |open: &String| open.len() > prefix.len() && open.starts_with(prefix);
    rules.into_iter().filter(|rule| rule.public).map(|rule| rule.prefix).filter(narrower).collect()
}

fn is_below(key: &str, prefixes: &[String]) -> bool {
    prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()))
}

impl Inner {
    /// The history shows whose public links open since a place was opened or closed.
    async fn links_follow(&self, one: &Destination, bucket: &str, prefix: &str, public: bool, open: &[String]) -> Result<()> {
        let links = self.journal.links_below(one.id.clone(), bucket.to_owned(), prefix.to_owned()).await?;
        let now = self.queue.now();
        let met = |link: &&LinkBelow| match public {
            true => link.expires_at.is_some_and(|end| end <= now),
            false => link.expires_at.is_none() && !is_below(&link.key, open),
        };
        let met: Vec<&LinkBelow> = links.iter().filter(met).collect();
        let mut ids: Vec<i64> = met.iter().map(|link| link.id).collect();
        match (&one.kind, &one.link) {
            // Whoever copies it anew gets a signed one.
            (Kind::ThisComputer, LinkPolicy::Public { base: None }) => {
                self.journal.links_end(ids.clone(), (!public).then_some(now)).await?;
            }
            _ if promises(one) => {
                let behind = matches!(&one.link, LinkPolicy::Public { base: Some(_) });
                let closed: BTreeSet<&str> = met.iter().map(|link| super::parent(&link.key)).collect();
                let closed = if public || behind { Vec::new() } else { closed.into_iter().map(str::to_owned).collect() };
                self.stores.opening().changed(&one.id, bucket, prefix, closed).await;
                ids = links.iter().filter(|link| link.expires_at.is_none()).map(|link| link.id).collect();
            }
            _ => return Ok(()),
        }
        // The newest first.
        ids.reverse();
        ids.truncate(TOLD);
        for row in self.journal.rows(ids).await? {
            self.now_is(&row);
        }
        Ok(())
    }
}
