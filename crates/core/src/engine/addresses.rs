//! Captures that are addresses: fetched, side by side and within bounds, before anything is taken in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use imagepic_net::Http;
use imagepic_words::sources as words;
use tokio_util::sync::CancellationToken;

use super::sources::State;
use super::{Inner, Role};
use crate::capture::{Capture, Content, Near};
use crate::destination::Destination;
use crate::error::{Code, Error, Result};
use crate::event::QuestionKind;
use crate::intake::{self, From, Item, Refused};
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

/// What came of the captures, and the fetches as they are shown until the uploads are.
type Opened = (Vec<std::result::Result<Item, Refused>>, Vec<Shown>);

impl Inner {
    /// Opens folders and fetches addresses; the order stays that of the captures.
    pub(super) async fn opened(self: &Arc<Self>, captures: Vec<Capture>, to: &Destination) -> Result<Opened> {
        if captures.iter().all(|capture| matches!(capture.content, Content::Bytes { .. })) {
            return Ok((intake::expand(captures), Vec::new()));
        }
        if captures.iter().all(|capture| !matches!(capture.content, Content::Url { .. })) {
            return Ok((blocking(move || Ok(intake::expand(captures))).await?, Vec::new()));
        }
        let fetching = captures.into_iter().enumerate().map(|(number, capture)| self.fetched(number, capture, to));
        let mut all = (Vec::new(), Vec::new());
        for (number, (outcome, shown)) in futures::future::join_all(fetching).await.into_iter().enumerate() {
            all.1.extend(shown);
            match outcome {
                Err(refused) => all.0.push(Err(refused)),
                Ok(capture) => {
                    let opened = blocking(move || Ok(intake::expand(vec![capture]))).await?;
                    for mut one in opened {
                        match &mut one {
                            Ok(item) => item.from.capture = number,
                            Err(refused) => refused.from.capture = number,
                        }
                        all.0.push(one);
                    }
                }
            }
        }
        Ok(all)
    }

    async fn fetched(
        self: &Arc<Self>,
        number: usize,
        capture: Capture,
        to: &Destination,
    ) -> (std::result::Result<Capture, Refused>, Option<Shown>) {
        let Content::Url { url, near } = capture.content else { return (Ok(capture), None) };
        let name = url::shown(&url);
        let cancel = self.stop.child_token();
        let host = url.host_str().unwrap_or(url.scheme()).to_owned();
        let id = self.sources.next_fetch();
        let shown =
            Shown::new(Arc::clone(&self.hub), Fetch::new(id, host, name.clone(), place_of(to), self.queue.now(), cancel.clone()));
        let outcome = self.fetch(&url, near, &shown, &cancel).await;
        let outcome = match outcome {
            Ok(Fetched { bytes, name }) => {
                let content = Content::Bytes { bytes, name: Some(name) };
                Ok(Capture { content, source: capture.source, at: capture.at })
            }
            Err(error) => {
                tracing::info!(code = %error.code.as_str(), %error, "an address was not fetched");
                Err(Refused { name, from: From { capture: number, within: None }, error })
            }
        };
        (outcome, Some(shown))
    }

    async fn fetch(self: &Arc<Self>, url: &::url::Url, near: Near, shown: &Shown, cancel: &CancellationToken) -> Result<Fetched> {
        let watch = Watch { inner: self, url, near, shown };
        let work = async {
            let http = self.sources.http(&self.hub.settings().general.proxy)?;
            let _turn = self.sources.turns.acquire().await;
            url::fetch(&http, url, &watch, self.hub.lang()).await
        };
        let stopped = || Error::new(Code::Cancelled, words::fetch_stopped(url::shown(url)));
        tokio::select! {
            () = cancel.cancelled() => Err(stopped()),
            outcome = work => outcome,
        }
    }
}

struct Watch<'a> {
    inner: &'a Arc<Inner>,
    url: &'a ::url::Url,
    near: Near,
    shown: &'a Shown,
}

impl url::Watched for Watch<'_> {
    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn progress(&self, received: u64, total: Option<u64>) {
        self.shown.progress(received, total);
    }

    async fn may(&self, near: url::Near) -> Result<()> {
        let refused = |text| Err(Error::new(Code::PrivateAddress, text));
        if self.near == Near::Allow || self.inner.sources.is_confirmed(&near) {
            return Ok(());
        }
        if self.near == Near::Refuse || self.inner.role == Role::Console {
            return refused(match self.inner.role {
                Role::Console => words::near_console(&near.host, near.ip),
                Role::Desktop => words::near(&near.host, near.ip),
            });
        }
        let mut asking = self.inner.sources.questions.ask(asked(&near.host, near.ip, self.url));
        let yes = tokio::time::timeout(ANSWER, asking.answer()).await.unwrap_or_default();
        if !yes {
            return refused(words::near(&near.host, near.ip));
        }
        self.inner.sources.confirm(near);
        Ok(())
    }
}

fn asked(host: &str, ip: IpAddr, url: &::url::Url) -> Asked {
    Asked {
        kind: QuestionKind::Address,
        title: words::ask_near(),
        text: words::ask_near_text(host, ip, url::shown(url)),
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
