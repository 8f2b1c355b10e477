//! Pictures on their way here, as people see them: like uploads under numbers below zero, since no row of the journal stands for them
//! before their bytes are here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use imagepic_words::{Text, sources as words};
use tokio_util::sync::CancellationToken;

use crate::capture::Source;
use crate::event::{Event, Place, Stage, Upload};
use crate::hub::Hub;
use crate::intake::bytes as size;

/// So much more has come when the next event tells of it, in bytes; at the end it is told in any case.
const STEP: u64 = 64 << 10;

/// One picture that is being fetched.
#[derive(Debug, Clone)]
pub(crate) struct Fetch {
    pub(crate) id: i64,
    pub(crate) host: String,
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) taken_at: i64,
    pub(crate) cancel: CancellationToken,
    received: Arc<AtomicU64>,
    /// 0 while nobody has said.
    total: Arc<AtomicU64>,
}

impl Fetch {
    pub(crate) fn new(id: i64, host: String, name: String, place: Place, taken_at: i64, cancel: CancellationToken) -> Self {
        Self { id, host, name, place, taken_at, cancel, received: Arc::default(), total: Arc::default() }
    }

    fn figures(&self) -> (u64, u64) {
        (self.received.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    pub(crate) fn line(&self) -> Text {
        let (received, total) = self.figures();
        match (received * 100).checked_div(total) {
            Some(percent) => words::fetching(&self.host, percent.min(100)),
            None => words::fetching_unknown(&self.host, size(received)),
        }
    }

    pub(crate) fn view(&self) -> Upload {
        let (received, total) = self.figures();
        Upload {
            id: self.id,
            batch: self.id,
            position: 0,
            name: self.name.clone(),
            size: total.max(received),
            sent: received,
            content_type: String::new(),
            width: None,
            height: None,
            source: Source::Url,
            stage: Stage::Sending,
            waiting: None,
            code: None,
            message: None,
            place: self.place.clone(),
            key: String::new(),
            taken_at: self.taken_at,
            done_at: None,
            reused: false,
            expires_at: None,
            closed: false,
            made: None,
        }
    }
}

/// Shows a fetch from its beginning until it is dropped.
pub(crate) struct Shown {
    hub: Arc<Hub>,
    pub(crate) fetch: Fetch,
    told: AtomicU64,
}

impl Shown {
    pub(crate) fn new(hub: Arc<Hub>, fetch: Fetch) -> Self {
        hub.with(|live| live.fetches.insert(fetch.id, fetch.clone()));
        hub.emit(Event::Upload(fetch.view()));
        hub.tell_status();
        Self { hub, fetch, told: AtomicU64::new(0) }
    }

    pub(crate) fn progress(&self, received: u64, total: Option<u64>) {
        self.fetch.received.store(received, Ordering::Relaxed);
        self.fetch.total.store(total.unwrap_or_default(), Ordering::Relaxed);
        let told = self.told.load(Ordering::Relaxed);
        if received == 0 || received >= told + STEP || Some(received) == total {
            self.told.store(received, Ordering::Relaxed);
            self.hub.emit(Event::Progress { id: self.fetch.id, sent: received, total: total.unwrap_or(received).max(received) });
            self.hub.tell_status();
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.hub.with(|live| live.fetches.remove(&self.fetch.id));
        self.hub.emit(Event::Gone { id: self.fetch.id });
        self.hub.tell_status();
    }
}
