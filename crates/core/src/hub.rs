//! The one place where the present, the settings and the events meet, so that everybody tells the same story.
//!
//! What stays out: deciding (queue, deliver) and keeping (journal, settings file).

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use imagepic_words::Lang;
use tokio::sync::{Notify, broadcast, watch};

use crate::event::{Event, Snapshot, State, Upload};
use crate::journal::{Row, RowState};
use crate::live::Live;
use crate::settings::{Language, Settings};

/// Events a slow subscriber may fall behind before it has to take a new snapshot.
const EVENTS: usize = 2048;
/// Notices that wait for the first subscriber.
const EARLY: usize = 16;
/// The state line is told anew so often at most while uploads come and go: nobody reads faster, and of a thousand files each has three
/// changes.
const LINE: Duration = Duration::from_millis(40);
static SYSTEM: OnceLock<Lang> = OnceLock::new();

pub(crate) struct Hub {
    live: Mutex<Live>,
    settings: RwLock<Arc<Settings>>,
    events: broadcast::Sender<Event>,
    told: Mutex<Told>,
    /// Notices from before anybody listened (a broken settings file, say).
    early: Mutex<Vec<Event>>,
    generation: watch::Sender<u64>,
    /// Counts changes of the settings.
    changes: watch::Sender<u64>,
    /// A batch may have settled.
    pub(crate) settling: Notify,
    /// The line waits to be told, see [`Hub::catch_up`].
    pub(crate) stale: Notify,
}

/// What was last said of the whole.
#[derive(Default)]
struct Told {
    line: Option<(State, String)>,
    at: Option<Instant>,
    /// Something has changed since.
    stale: bool,
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
            stale: Notify::new(),
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
        let settings = self.settings();
        // Asked several times for each upload; what the system speaks does not change while this runs.
        if settings.general.language == Language::System { *SYSTEM.get_or_init(Lang::of_system) } else { settings.lang() }
    }

    /// Looks at or changes the present; the lock is never held across an await.
    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut Live) -> R) -> R {
        run(&mut self.live.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let (settings, lang) = (self.settings(), self.lang());
        self.with(|live| live.snapshot(&settings, lang))
    }

    pub(crate) fn outline(&self) -> Snapshot {
        let (settings, lang) = (self.settings(), self.lang());
        self.with(|live| live.outline(&settings, lang))
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
        self.with(|live| live.view_open(row.id, &settings, lang).unwrap_or_else(|| live.view_done(row, &settings, lang)))
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
        if !self.may_wait() {
            self.tell_status();
        }
        self.bump();
    }

    /// Whether the line was told a moment ago and counts on; then [`catch_up`](Self::catch_up) tells it in time.
    fn may_wait(&self) -> bool {
        let busy = self.with(|live| live.busy());
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let working = matches!(told.line, Some((State::Working, _)));
        let waits = busy && working && told.at.is_some_and(|at| at.elapsed() < LINE);
        if waits && !std::mem::replace(&mut told.stale, true) {
            self.stale.notify_one();
        }
        waits
    }

    /// Tells the line if it is due; when it is, where it is stale.
    pub(crate) fn catch_up(&self) -> Option<Instant> {
        let due = {
            let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.at.filter(|_| told.stale).map(|at| at + LINE)?
        };
        if due > Instant::now() {
            return Some(due);
        }
        self.tell_status();
        None
    }

    /// Tells of icon and state line, if they changed.
    pub(crate) fn tell_status(&self) {
        let (settings, lang) = (self.settings(), self.lang());
        let now = self.with(|live| live.state(&settings, lang));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        (told.at, told.stale) = (Some(Instant::now()), false);
        if told.line.as_ref() != Some(&now) {
            told.line = Some(now);
            drop(told);
            self.emit(Event::Status);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_told_at_once_when_all_is_done_and_never_stays_behind_what_is_under_way() {
        let hub = Hub::new(Settings::default());
        let mut row = crate::live::tests::row(1, RowState::Queued, None);
        hub.take(&row, true);
        let mut events = hub.subscribe();
        let mut statuses =
            move || std::iter::from_fn(|| events.try_recv().ok()).filter(|event| matches!(event, Event::Status)).count();
        // A second one within the same moment may wait, and is told then.
        hub.take(&crate::live::tests::row(2, RowState::Queued, None), true);
        while hub.catch_up().is_some() {
            std::thread::yield_now();
        }
        assert_eq!(statuses(), 1, "1 of 2");
        assert_eq!(hub.catch_up(), None);
        for id in [1, 2] {
            row = crate::live::tests::row(id, RowState::Done, None);
            hub.take(&row, true);
        }
        assert!(matches!(hub.told.lock().expect("no panic").line, Some((State::Idle, _))));
        assert!(statuses() >= 1, "ready, told without waiting");
    }
}
