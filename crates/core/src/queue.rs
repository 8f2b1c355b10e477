//! The queue: the one place that changes an upload's state, and always through the journal.
//!
//! One task starts what may start and wakes what is due; each upload is a task of its own. What waits for something outside waits
//! without limit: one upload of a destination is tried now and then (a probe), and its success wakes all others. What stays out:
//! taking things in (intake), and what happens to the clipboard afterwards (deliver).

mod act;
pub(crate) mod asked;
pub(crate) mod hold;
mod outcome;
mod probe;
mod send;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::{Code, Error, Result};
use crate::home::Home;
use crate::hub::Hub;
use crate::journal::{Journal, Last, Row, RowState, Twin};
use crate::live::Entry;
use crate::outside::Clock;
use crate::store::Store;
use crate::stores::Stores;
use probe::Probe;

/// Uploads on their way at the same time.
const WORKERS: usize = 8;
/// Spool files of finished uploads that are kept for their thumbnails, and their bytes in all.
pub(crate) const KEPT_FILES: usize = 100;
pub(crate) const KEPT_BYTES: u64 = 256 << 20;

/// The queue's patience. The defaults are PRODUCT's; tests are in more of a hurry.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Pauses between the tries at a busy store; one try more than pauses.
    pub retries: Vec<Duration>,
    /// First and longest pause between probes of a store that cannot be reached.
    pub probe: (Duration, Duration),
    /// Pause between probes where a person has to act first.
    pub sign_in: Duration,
    /// How long an upload is held up by another process of this home before people are told.
    pub turn: Duration,
    /// So long "taken" waits for the store's own word before the bytes go to the disk.
    pub hold: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            retries: [10, 40, 150, 400].map(Duration::from_secs).to_vec(),
            probe: (Duration::from_secs(2), Duration::from_secs(60)),
            sign_in: Duration::from_secs(300),
            turn: Duration::from_secs(3),
            hold: Duration::from_millis(150),
        }
    }
}

/// A new row, its twin, its bytes while they are in memory, and their hold while they are nowhere else.
pub(crate) type Entering = (Row, Option<Twin>, Option<bytes::Bytes>, Option<Arc<hold::Hold>>);

/// By destination and bucket: which store it was, and whether it tells the hash of what it holds.
type Naming = HashMap<(String, String), (Weak<dyn Store>, bool)>;

/// See the module.
pub(crate) struct Queue {
    pub(crate) hub: Arc<Hub>,
    pub(crate) journal: Journal,
    pub(crate) stores: Arc<Stores>,
    pub(crate) home: Home,
    /// This process, as rows name it.
    pub(crate) owner: String,
    pub(crate) clock: Arc<dyn Clock>,
    /// Spool files of finished uploads are kept for thumbnails.
    pub(crate) keeps_spool: bool,
    pub(crate) stop: CancellationToken,
    pub(crate) pace: Pace,
    wake: Notify,
    /// Uploads that their store has confirmed and whose end is being written down.
    confirmed: AtomicUsize,
    /// As far as it is known.
    naming: Mutex<Naming>,
    probes: Mutex<HashMap<String, Probe>>,
    /// How often something was mended: a try that began before it has told nothing about what holds now.
    mendings: AtomicU64,
    /// Other processes whose end is waited for.
    watched: Mutex<HashSet<String>>,
    /// The journal may have news from other processes.
    pub(crate) heard: Notify,
    /// Spool files of finished uploads, kept for thumbnails, oldest first.
    kept: Mutex<VecDeque<(String, u64)>>,
    pub(crate) fresh: hold::Fresh,
    /// Tasks that keep bytes for thumbnails.
    pub(crate) keeping: tokio_util::task::TaskTracker,
}

impl Queue {
    #[expect(clippy::too_many_arguments, reason = "made in one place, from parts that have no other common home")]
    pub(crate) fn new(
        hub: Arc<Hub>,
        journal: Journal,
        stores: Arc<Stores>,
        home: Home,
        owner: String,
        clock: Arc<dyn Clock>,
        keeps_spool: bool,
        pace: Pace,
        stop: CancellationToken,
    ) -> Self {
        Self {
            hub,
            journal,
            stores,
            home,
            owner,
            clock,
            keeps_spool,
            stop,
            pace,
            wake: Notify::new(),
            confirmed: AtomicUsize::new(0),
            naming: Mutex::default(),
            probes: Mutex::default(),
            mendings: AtomicU64::new(0),
            watched: Mutex::default(),
            heard: Notify::new(),
            kept: Mutex::default(),
            fresh: hold::Fresh::default(),
            keeping: tokio_util::task::TaskTracker::new(),
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        let since = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    pub(crate) fn spool_file(&self, name: &str) -> PathBuf {
        self.home.spool().join(name)
    }

    /// Runs until stopped; what is on its way then is dropped and stays in the journal as it is.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut running = JoinSet::new();
        loop {
            self.follow_probes();
            self.start(&mut running);
            let due = [self.next_due(), self.hub.catch_up()].into_iter().flatten().min();
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = self.wake.notified() => {}
                () = self.hub.stale.notified() => {}
                Some(_) = running.join_next(), if !running.is_empty() => {}
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => self.wake_due(),
            }
        }
        running.shutdown().await;
    }

    /// Something may be startable.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn start(self: &Arc<Self>, running: &mut JoinSet<()>) {
        let chosen = self.hub.with(|live| {
            let travelling = WORKERS + self.confirmed.load(Ordering::Acquire);
            let sending = || live.entries.values().filter(|entry| entry.sending);
            let free = if live.paused { 0 } else { travelling.saturating_sub(sending().count()) };
            // Asked at every change of every upload: nothing is looked through, and nothing copied, where nothing can start.
            if free == 0 {
                return Vec::new();
            }
            // The same bytes for the same place go one after the other, so that the second finds the first.
            let mut content: HashSet<_> = sending().map(|entry| same_content(&entry.row)).collect();
            let may = |entry: &&Entry| entry.own && !entry.sending && !entry.blocked && entry.row.state == RowState::Queued;
            let chosen = live.entries.values().filter(may).filter(|entry| content.insert(same_content(&entry.row)));
            let chosen: Vec<i64> = chosen.take(free).map(|entry| entry.row.id).collect();
            let begun = |id: i64| {
                let entry = live.entries.get_mut(&id)?;
                begin(entry);
                Some(entry.row.clone())
            };
            chosen.into_iter().filter_map(begun).collect()
        });
        for row in chosen {
            running.spawn(Arc::clone(self).send(row.id));
            self.hub.tell(&row);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let probes = self.probes().values().map(|probe| probe.due).min();
        let entries = self
            .hub
            .with(|live| live.entries.values().filter(|entry| entry.own && !entry.sending).filter_map(|entry| entry.due).min());
        [probes, entries].into_iter().flatten().min()
    }

    /// Puts what intake has written to work.
    pub(crate) fn enter(&self, taken: Vec<Entering>) {
        for (row, twin, body, hold) in taken {
            self.hub.with(|live| {
                live.batch_of(&row);
                live.put(row.clone(), true);
                if twin.as_ref().is_some_and(|twin| twin.state == RowState::Done) {
                    Self::look_whether_there(live, row.id);
                }
                let mut alone = twin.is_none();
                let others = live.entries.values_mut().filter(|other| other.row.id != row.id);
                for other in others.filter(|other| other.row.prepared == row.prepared) {
                    // Whichever of them goes first, the other finds a twin.
                    (alone, other.alone) = (false, false);
                }
                if let Some(entry) = live.entries.get_mut(&row.id) {
                    entry.alone = alone;
                    (entry.body, entry.hold) = (body, hold);
                }
            });
            self.hub.tell(&row);
        }
        self.wake();
    }

    /// Processes that have ended and could not let go of their rows.
    async fn dead(&self) -> Result<Vec<String>> {
        // A process that had this process's very number and ended hard counts as ended, of course.
        let at_start = self.hub.with(|live| live.entries.values().all(|entry| !entry.own));
        let owners = self.journal.owners().await?.into_iter();
        Ok(owners.filter(|owner| if *owner == self.owner { at_start } else { !self.home.alive(owner) }).collect())
    }

    /// What is queued and nobody sends; only a resident process takes it over by itself.
    pub(crate) async fn left(&self) -> Result<Vec<i64>> {
        self.journal.left(self.dead().await?).await
    }

    /// Takes over what nobody sends: rows without an owner, and those of processes that have ended.
    pub(crate) async fn recover(&self) -> Result<()> {
        let rows = self.journal.claim(self.owner.clone(), self.dead().await?).await?;
        for row in rows {
            tracing::info!(id = row.id, "goes on with an upload that another process left");
            self.adopt(&row);
            if row.wants_name() && self.journal.twin(row.clone()).await?.is_some_and(|twin| twin.state == RowState::Done) {
                self.hub.with(|live| Self::look_whether_there(live, row.id));
            }
        }
        self.wake();
        Ok(())
    }

    /// A row that is this process's from now on; an earlier try may have reached the store.
    fn adopt(&self, row: &Row) {
        self.hub.with(|live| {
            live.batch_of(row).news = true;
            live.put(row.clone(), true);
            if let Some(entry) = live.entries.get_mut(&row.id) {
                entry.look_first = true;
            }
        });
        self.hub.tell(row);
    }
}

/// Runs what blocks on a thread for that.
pub(crate) async fn blocking<T: Send + 'static>(run: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(run)
        .await
        .map_err(|error| Error::new(Code::Internal, imagepic_words::errors::internal(&error)).because(error))?
}

fn begin(entry: &mut Entry) {
    entry.sending = true;
    entry.due = None;
    entry.sent.store(0, std::sync::atomic::Ordering::Relaxed);
    entry.cancel = CancellationToken::new();
}

fn same_content(row: &Row) -> (&[u8; 32], &str, &str, &str) {
    (&row.prepared, &row.destination, &row.bucket, &row.folder)
}
