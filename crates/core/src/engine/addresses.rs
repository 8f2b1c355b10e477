//! Captures that are addresses: fetched side by side, and taken into the spool one by one as they come.
//!
//! However many are given at once, no more of them are in memory than may be fetched at the same time. Whoever waits for a person's
//! answer keeps nobody else from being fetched.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use imagepic_net::Http;
use imagepic_words::{Text, sources as words};
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::sources::State;
use super::taking::{self, Given, Unnamed, take_one};
use super::{Inner, Role};
use crate::capture::{Capture, Content, Near};
use crate::destination::Destination;
use crate::error::{Code, Error, Result};
use crate::event::QuestionKind;
use crate::intake::{self, Item, Refused, To};
use crate::live::place_of;
use crate::queue::blocking;
use crate::settings::Proxy;
use crate::sources::asking::Asked;
use crate::sources::fetches::{Fetch, Shown};
use crate::sources::url::{self, Fetched};

/// A picture that is not here by then is given up.
const PATIENCE: Duration = Duration::from_secs(300);
/// Nobody is asked for longer than this.
const ANSWER: Duration = Duration::from_secs(600);
/// Longer than this nothing may stand still.
const STALL: Duration = Duration::from_secs(30);

/// One thing that was given, or why it is not taken.
pub(super) type Found = std::result::Result<Item, Refused>;

/// The pictures of one giving that have to be fetched, each on its way from the beginning on.
pub(super) struct Coming {
    /// By the number of their captures.
    each: HashMap<usize, AbortOnDropHandle<Come>>,
    shown: Vec<Arc<Shown>>,
}

/// What came of one of them, and how it is shown until the upload is.
struct Come {
    outcome: std::result::Result<Given, Refused>,
    shown: Arc<Shown>,
}

impl Coming {
    fn is_coming(&self, found: &Found) -> Option<&AbortOnDropHandle<Come>> {
        let item = found.as_ref().ok().filter(|item| matches!(item.content, Content::Url { .. }))?;
        self.each.get(&item.from.capture)
    }

    /// Whether [`take`](Self::take) has nothing to wait for.
    pub(super) fn is_here(&self, found: &Found) -> bool {
        self.is_coming(found).is_none_or(AbortOnDropHandle::is_finished)
    }

    /// The same, once it is here.
    pub(super) async fn take(&mut self, found: Found) -> std::result::Result<Given, Refused> {
        let item = found?;
        let Some(coming) = self.each.remove(&item.from.capture).filter(|_| matches!(item.content, Content::Url { .. })) else {
            return Ok(Given::Item(item));
        };
        let lost = |error: tokio::task::JoinError| {
            let text = imagepic_words::errors::internal(&error);
            Refused { name: item.name.clone(), from: item.from.clone(), error: Error::new(Code::Internal, text).because(error) }
        };
        let come = coming.await.map_err(lost)?;
        self.shown.push(come.shown);
        come.outcome
    }

    /// What was taken last is shown as what it has become.
    pub(super) fn shown(&mut self) {
        self.shown.clear();
    }
}

impl Inner {
    /// Opens folders; the order stays that of the captures. Addresses stay what they are.
    pub(super) async fn opened(&self, captures: Vec<Capture>) -> Result<Vec<Found>> {
        if captures.iter().all(|capture| !matches!(capture.content, Content::Path(_))) {
            return Ok(intake::expand(captures, &self.home));
        }
        let home = self.home.clone();
        blocking(move || Ok(intake::expand(captures, &home))).await
    }

    /// Begins to fetch what has to be.
    pub(super) fn fetch_all(self: &Arc<Self>, items: &[Found], to: &Arc<Destination>) -> Coming {
        let declined = Arc::new(Mutex::default());
        let mut each = HashMap::new();
        for item in items.iter().flatten() {
            let Content::Url { url, near } = &item.content else { continue };
            let cancel = self.stop.child_token();
            let host = url.host_str().unwrap_or(url.scheme()).to_owned();
            let id = self.sources.next_fetch();
            let fetch = Fetch::new(id, host, url::shown(url), place_of(to), self.queue.now(), cancel.clone());
            let way = Fetching {
                inner: Arc::clone(self),
                url: url.clone(),
                near: *near,
                shown: Arc::new(Shown::new(Arc::clone(&self.hub), fetch)),
                declined: Arc::clone(&declined),
            };
            let (item, to) = (item.clone(), Arc::clone(to));
            let capture = item.from.capture;
            let task = self.tasks.spawn_on(way.run(item, to, cancel), &self.runtime);
            each.insert(capture, AbortOnDropHandle::new(task));
        }
        Coming { each, shown: Vec::new() }
    }
}

/// One picture on its way.
struct Fetching {
    inner: Arc<Inner>,
    url: ::url::Url,
    near: Near,
    shown: Arc<Shown>,
    /// What a person has said no to while what was given with it was fetched.
    declined: Arc<Mutex<HashSet<url::Near>>>,
}

impl Fetching {
    async fn run(self, item: Item, to: Arc<Destination>, cancel: CancellationToken) -> Come {
        let (name, from) = (item.name.clone(), item.from.clone());
        let outcome = self.taken(item, to, &cancel).await.map_err(|error| {
            tracing::info!(code = %error.code.as_str(), %error, "an address was not fetched");
            Refused { name, from, error }
        });
        Come { outcome, shown: self.shown }
    }

    /// Fetches it and puts it into the spool; only then another one has its turn.
    async fn taken(&self, item: Item, to: Arc<Destination>, cancel: &CancellationToken) -> Result<Given> {
        let inner = &self.inner;
        let watch = Watch { way: self, turn: Mutex::new(None) };
        let work = async {
            let http = inner.sources.http(&inner.hub.settings().general.proxy)?;
            watch.take_turn().await;
            url::fetch(&http, &self.url, &watch, inner.hub.lang()).await
        };
        let Fetched { bytes, name } = tokio::select! {
            () = cancel.cancelled() => Err(Error::new(Code::Cancelled, words::fetch_stopped(url::shown(&self.url)))),
            outcome = work => outcome,
        }?;
        let capture = Capture { content: Content::Bytes { bytes, name: Some(name) }, source: item.source, at: item.at };
        let watch = taking::Fetched { inner: Arc::clone(inner), shown: Arc::clone(&self.shown), cancel: cancel.clone() };
        blocking(move || {
            let inner = &watch.inner;
            let spool = inner.home.spool();
            let to_spool = To { spool: &spool, owner: &inner.owner, memory: false, watch: &watch };
            // What was fetched is called as its address calls it.
            let fetched = intake::expand(vec![capture], &inner.home).pop().and_then(std::result::Result::ok);
            let item = fetched.map_or_else(|| item.clone(), |fetched| Item { from: item.from.clone(), ..fetched });
            let taken = take_one(&item, &to, to_spool, &inner.queue)?;
            let file = Unnamed::of(&taken, &spool, Some(&watch.shown));
            intake::seal(&spool);
            Ok(Given::Taken(item, Box::new(taken), file))
        })
        .await
    }
}

/// What asks of a fetch, and its turn.
struct Watch<'a> {
    way: &'a Fetching,
    turn: Mutex<Option<SemaphorePermit<'a>>>,
}

impl Watch<'_> {
    async fn take_turn(&self) {
        let turn = self.way.inner.sources.turns.acquire().await.ok();
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }

    fn give_turn_back(&self) {
        drop(self.turn.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Asks a person; nobody is asked two things at once, nor the same twice about what was given together.
    async fn answered(&self, near: &url::Near) -> bool {
        let sources = &self.way.inner.sources;
        let until = Instant::now() + ANSWER;
        let Ok(_one) = tokio::time::timeout_at(until, sources.asking.lock()).await else { return false };
        let declined = || self.way.declined.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.is_confirmed(near) || declined().contains(near) {
            return sources.is_confirmed(near);
        }
        let mut asking = sources.questions.ask(asked(near, &self.way.url));
        let yes = tokio::time::timeout_at(until, asking.answer()).await.unwrap_or_default();
        if yes {
            sources.confirm(near.clone());
        } else {
            declined().insert(near.clone());
        }
        yes
    }
}

impl url::Watched for Watch<'_> {
    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn progress(&self, received: u64, total: Option<u64>) {
        self.way.shown.progress(received, total);
    }

    async fn may(&self, near: url::Near) -> Result<()> {
        let (wish, inner) = (self.way.near, &self.way.inner);
        let refused = |text| Err(Error::new(Code::PrivateAddress, text));
        if wish == Near::Allow || inner.sources.is_confirmed(&near) {
            return Ok(());
        }
        if wish == Near::Refuse || inner.role == Role::Console {
            return refused(match (inner.role, near.ip) {
                (Role::Console, Some(ip)) => words::near_console(&near.host, ip),
                (Role::Console, None) => words::near_name_console(&near.host),
                (Role::Desktop, _) => not_confirmed(&near),
            });
        }
        self.give_turn_back();
        if !self.answered(&near).await {
            return refused(not_confirmed(&near));
        }
        self.take_turn().await;
        Ok(())
    }
}

fn not_confirmed(near: &url::Near) -> Text {
    near.ip.map_or_else(|| words::near_name(&near.host), |ip| words::near(&near.host, ip))
}

fn asked(near: &url::Near, url: &::url::Url) -> Asked {
    let (host, address) = (&near.host, url::shown(url));
    Asked {
        kind: QuestionKind::Address,
        title: words::ask_near(),
        text: match near.ip {
            Some(ip) => words::ask_near_text(host, ip, address),
            None => words::ask_near_name_text(host, address),
        },
        yes: words::ask_near_yes(),
        no: words::ask_near_no(),
    }
}

impl State {
    /// The network as the settings have it; kept as long as they stay the same.
    fn http(&self, proxy: &Proxy) -> Result<Http> {
        self.network(proxy, |proxy| {
            Http::new(imagepic_net::Settings { stall_timeout: STALL, ..proxy.network(None) }).map_err(|failure| {
                let named = match &failure {
                    imagepic_net::Failure::Proxy(host) => host.clone(),
                    other => other.to_string(),
                };
                Error::new(Code::BadRequest, imagepic_words::store::proxy(named)).because(failure)
            })
        })
    }
}
