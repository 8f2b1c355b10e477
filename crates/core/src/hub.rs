//! The one place where the present, the settings and the events meet, so that everybody tells the same story.
//!
//! What stays out: deciding (queue, deliver) and keeping (journal, settings file).

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use imagepic_words::Lang;
use tokio::sync::{Notify, broadcast, watch};

use crate::event::{Event, Snapshot, State, Upload};
use crate::journal::{Row, RowState};
use crate::live::{Live, view};
use crate::settings::Settings;

/// Events a slow subscriber may fall behind before it has to take a new snapshot.
const EVENTS: usize = 2048;
/// Notices that wait for the first subscriber.
const EARLY: usize = 16;

pub(crate) struct Hub {
    live: Mutex<Live>,
    settings: RwLock<Arc<Settings>>,
    events: broadcast::Sender<Event>,
    told: Mutex<Option<(State, String)>>,
    /// Notices from before anybody listened (a broken settings file, say).
    early: Mutex<Vec<Event>>,
    generation: watch::Sender<u64>,
    /// Counts changes of the settings.
    changes: watch::Sender<u64>,
    /// A batch may have settled.
    pub(crate) settling: Notify,
}

impl Hub {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            live: Mutex::default(),
            settings: RwLock::new(Arc::new(settings)),
            events: broadcast::channel(EVENTS).0,
            told: Mutex::default(),
            early: Mutex::default(),
            generation: watch::channel(0).0,
            changes: watch::channel(0).0,
            settling: Notify::new(),
        }
    }

    /// The settings as they are now; a copy that does not change under the reader.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes other settings; the ones before.
    pub(crate) fn replace_settings(&self, settings: Settings) -> Arc<Settings> {
        let mut held = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *held, Arc::new(settings));
        drop(held);
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
        before
    }

    /// Wakes whoever has to know that settings may have changed; unlike a subscriber it hears no events.
    pub(crate) fn settings_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn lang(&self) -> Lang {
        self.settings().lang()
    }

    /// Looks at or changes the present; the lock is never held across an await.
    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut Live) -> R) -> R {
        run(&mut self.live.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let (settings, lang) = (self.settings(), self.lang());
        self.with(|live| live.snapshot(&settings, lang))
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        let receiver = self.events.subscribe();
        for event in std::mem::take(&mut *self.early.lock().unwrap_or_else(PoisonError::into_inner)) {
            let _ = self.events.send(event);
        }
        receiver
    }

    /// Nobody listening is no fault; notices wait for the first who does.
    pub(crate) fn emit(&self, event: Event) {
        if let Err(unheard) = self.events.send(event)
            && matches!(unheard.0, Event::Notice { .. })
        {
            let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
            if early.len() < EARLY {
                early.push(unheard.0);
            }
        }
    }

    /// Wakes whoever waits for a batch.
    pub(crate) fn bump(&self) {
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
        self.settling.notify_one();
    }

    pub(crate) fn generations(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// How a row looks to people now.
    pub(crate) fn view(&self, row: &Row) -> Upload {
        let (settings, lang) = (self.settings(), self.lang());
        self.with(|live| live.view_open(row.id, &settings, lang)).unwrap_or_else(|| view(row, &settings, lang))
    }

    /// Takes a row into the present and tells everybody.
    pub(crate) fn take(&self, row: &Row, own: bool) {
        self.with(|live| live.put(row.clone(), own));
        self.tell(row);
    }

    /// Tells everybody how a row stands.
    pub(crate) fn tell(&self, row: &Row) {
        if row.state == RowState::Gone {
            self.emit(Event::Gone { id: row.id });
        } else {
            self.emit(Event::Upload(self.view(row)));
        }
        self.tell_status();
        self.bump();
    }

    /// Tells of icon and state line, if they changed.
    pub(crate) fn tell_status(&self) {
        let (settings, lang) = (self.settings(), self.lang());
        let now = self.with(|live| live.state(&settings, lang));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_ref() != Some(&now) {
            *told = Some(now);
            drop(told);
            self.emit(Event::Status);
        }
    }
}
