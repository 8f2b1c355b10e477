//! Pictures on their way here, fetched or being made into others, as people see them: like uploads under numbers below zero, since no row
//! of the journal stands for them before their bytes are here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use imagepic_media::convert::Format;
use imagepic_words::{Lang, Text, images, sources as words};
use tokio_util::sync::CancellationToken;

use crate::capture::Source;
use crate::error::{Code, Error, Result};
use crate::event::{Event, Place, Stage, Upload};
use crate::hub::Hub;
use crate::intake::bytes as size;

/// So much more has come when the next event tells of it, in bytes; at the end it is told in any case.
const STEP: u64 = 64 << 10;

/// One picture that is being fetched, or made into another one.
#[derive(Debug, Clone)]
pub(crate) struct Fetch {
    pub(crate) id: i64,
    /// Where it is fetched from; empty for what is here.
    pub(crate) host: String,
    pub(crate) source: Source,
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) taken_at: i64,
    pub(crate) cancel: CancellationToken,
    received: Arc<AtomicU64>,
    /// 0 while nobody has said.
    total: Arc<AtomicU64>,
    /// What it is made into, once that has begun.
    making: Arc<OnceLock<Format>>,
    /// Whether it becomes an upload: settled once, by the journal or by whoever takes it back.
    goes: Arc<OnceLock<bool>>,
}

impl Fetch {
    pub(crate) fn new(id: i64, host: String, name: String, place: Place, taken_at: i64, cancel: CancellationToken) -> Self {
        let (received, total, making, goes) = Default::default();
        Self { id, host, source: Source::Url, name, place, taken_at, cancel, received, total, making, goes }
    }

    /// Takes it back, whatever is still to be done for it. Whether that holds: it is too late once its row is about to be written.
    pub(crate) fn take_back(&self) -> bool {
        let back = !*self.goes.get_or_init(|| false);
        if back {
            self.cancel.cancel();
        }
        back
    }

    /// From here on it cannot be taken back any more.
    ///
    /// # Errors
    /// `Cancelled` where somebody did; `name` is what it is called.
    pub(crate) fn go(&self, name: &str) -> Result<()> {
        if *self.goes.get_or_init(|| true) {
            return Ok(());
        }
        Err(match self.making.get() {
            Some(format) => crate::prepare::stopped(name, *format),
            None => Error::new(Code::Cancelled, words::fetch_stopped(&self.name)),
        })
    }

    /// One that is here, and begins to be made into another one of what had so many bytes.
    pub(crate) fn here(self, source: Source, format: Format, bytes: u64) -> Self {
        self.makes(format, bytes);
        Self { source, ..self }
    }

    fn makes(&self, format: Format, bytes: u64) {
        self.received.store(0, Ordering::Relaxed);
        self.total.store(bytes, Ordering::Relaxed);
        let _ = self.making.set(format);
    }

    fn making(&self) -> Option<Text> {
        self.making.get().map(|format| images::making(crate::prepare::format_name(format.mime())))
    }

    fn figures(&self) -> (u64, u64) {
        (self.received.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    pub(crate) fn line(&self) -> Text {
        if let Some(making) = self.making() {
            return making;
        }
        let (received, total) = self.figures();
        match (received * 100).checked_div(total) {
            Some(percent) => words::fetching(&self.host, percent.min(100)),
            None => words::fetching_unknown(&self.host, size(received)),
        }
    }

    pub(crate) fn view(&self, lang: Lang) -> Upload {
        let (received, total) = self.figures();
        let making = self.making().map(|making| making.to(lang));
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
            source: self.source,
            stage: Stage::Sending,
            waiting: None,
            code: None,
            message: making,
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

/// Shows one from its beginning until it is dropped.
pub(crate) struct Shown {
    hub: Arc<Hub>,
    pub(crate) fetch: Fetch,
    told: AtomicU64,
}

impl Shown {
    pub(crate) fn new(hub: Arc<Hub>, fetch: Fetch) -> Self {
        hub.with(|live| live.fetches.insert(fetch.id, fetch.clone()));
        let shown = Self { hub, fetch, told: AtomicU64::new(0) };
        shown.tell();
        shown
    }

    fn is_seen(&self) -> bool {
        self.hub.with(|live| live.fetches.contains_key(&self.fetch.id))
    }

    fn tell(&self) {
        if !self.is_seen() {
            return;
        }
        self.hub.emit(Event::Upload(self.fetch.view(self.hub.lang())));
        self.hub.tell_status();
    }

    /// What was taken back is not seen any more, though an end to it may still take a while.
    pub(crate) fn gone(hub: &Hub, id: i64) {
        hub.with(|live| live.fetches.remove(&id));
        hub.emit(Event::Gone { id });
        hub.tell_status();
    }

    /// It is here, and begins to be made into another one of what had so many bytes.
    pub(crate) fn makes(&self, format: Format, bytes: u64) {
        self.fetch.makes(format, bytes);
        self.tell();
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
        if self.is_seen() {
            Self::gone(&self.hub, self.fetch.id);
        }
    }
}
