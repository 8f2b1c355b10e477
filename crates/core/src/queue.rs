//! The queue: the one place that changes an upload's state, and always through the journal.
//!
//! One task starts what may start and wakes what is due; each upload is a task of its own. What waits for something outside waits
//! without limit: one upload of a destination is tried now and then (a probe), and its success wakes all others. What stays out:
//! taking things in (intake), and what happens to the clipboard afterwards (deliver).

mod act;
pub(crate) mod hold;
mod send;

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use rand::Rng as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::{Code, Error, Remedy, Result, Waiting};
use crate::home::Home;
use crate::hub::Hub;
use crate::journal::{Change, Journal, Row, RowState, Twin};
use crate::live::Entry;
use crate::outside::Clock;
use crate::stores::Stores;

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

#[derive(Debug)]
struct Probe {
    pause: Duration,
    due: Instant,
    /// The upload that tries at present.
    row: Option<i64>,
}

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
    probes: Mutex<HashMap<String, Probe>>,
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
            probes: Mutex::default(),
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
            let due = self.next_due();
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = self.wake.notified() => {}
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
            // The same bytes for the same place go one after the other, so that the second finds the first.
            let mut content: HashSet<_> =
                live.entries.values().filter(|entry| entry.sending).map(|entry| same_content(&entry.row)).collect();
            let mut free = WORKERS.saturating_sub(live.entries.values().filter(|entry| entry.sending).count());
            if live.paused {
                free = 0;
            }
            let mut chosen = Vec::new();
            for entry in live.entries.values_mut() {
                let may = entry.own && !entry.sending && !entry.blocked && entry.row.state == RowState::Queued;
                if may && free > 0 && content.insert(same_content(&entry.row)) {
                    begin(entry);
                    free -= 1;
                    chosen.push(entry.row.clone());
                } else if may {
                    // By the time it goes it may have a twin.
                    entry.alone = false;
                }
            }
            chosen
        });
        for row in chosen {
            running.spawn(Arc::clone(self).send(row.id));
            self.hub.tell(&row);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner).values().map(|probe| probe.due).min();
        let entries = self
            .hub
            .with(|live| live.entries.values().filter(|entry| entry.own && !entry.sending).filter_map(|entry| entry.due).min());
        [probes, entries].into_iter().flatten().min()
    }

    /// Lets those go on whose time has come: busy stores' uploads, and one upload of each destination that is probed.
    fn wake_due(&self) {
        let now = Instant::now();
        let mut probed = Vec::new();
        {
            let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
            for (destination, probe) in probes.iter_mut().filter(|(_, probe)| probe.due <= now) {
                probed.push(destination.clone());
                // Set anew when the probe has failed; until then nothing is due.
                probe.due = now + self.pace.probe.1.max(self.pace.sign_in) * 2;
            }
        }
        let chosen: Vec<(String, Option<i64>)> = self.hub.with(|live| {
            for entry in live.entries.values_mut().filter(|entry| entry.own && entry.due.is_some_and(|due| due <= now)) {
                entry.due = None;
                entry.row.state = RowState::Queued;
            }
            let choose = |destination: String| {
                let oldest = live.entries.values_mut().find(|entry| {
                    entry.own && !entry.sending && entry.row.destination == destination && waits_outside(&entry.row)
                });
                let row = oldest.map(|entry| {
                    entry.row.state = RowState::Queued;
                    entry.row.id
                });
                (destination, row)
            };
            probed.into_iter().map(choose).collect()
        });
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        for (destination, row) in chosen {
            match (row, probes.get_mut(&destination)) {
                (Some(_), Some(probe)) => probe.row = row,
                _ => drop(probes.remove(&destination)),
            }
        }
    }

    /// A probe that ended without an answer about its destination (its file was gone, a person stopped it) has told nothing: the next
    /// upload that waits tries at once.
    fn follow_probes(&self) {
        let probes = || self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended: Vec<i64> = probes().values().filter_map(|probe| probe.row).collect();
        if ended.is_empty() {
            return;
        }
        let tries = |entry: &Entry| entry.sending || (entry.own && !entry.blocked && entry.row.state == RowState::Queued);
        self.hub.with(|live| ended.retain(|id| !live.entries.get(id).is_some_and(tries)));
        for probe in probes().values_mut().filter(|probe| probe.row.is_some_and(|id| ended.contains(&id))) {
            probe.row = None;
            probe.due = Instant::now();
        }
    }

    /// Puts what intake has written to work.
    pub(crate) fn enter(&self, taken: Vec<Entering>) {
        for (row, twin, body, hold) in taken {
            self.hub.with(|live| {
                live.batch_of(&row);
                live.put(row.clone(), true);
                if let Some(entry) = live.entries.get_mut(&row.id) {
                    entry.alone = twin.is_none();
                    (entry.body, entry.hold) = (body, hold);
                }
            });
            self.hub.tell(&row);
        }
        self.wake();
    }

    /// Takes over what nobody sends: rows without an owner, and those of processes that have ended.
    pub(crate) async fn recover(&self) -> Result<()> {
        // A process that had this process's very number and ended hard counts as ended, of course.
        let at_start = self.hub.with(|live| live.entries.values().all(|entry| !entry.own));
        let dead: Vec<String> = self
            .journal
            .owners()
            .await?
            .into_iter()
            .filter(|owner| if *owner == self.owner { at_start } else { !self.home.alive(owner) })
            .collect();
        let rows = self.journal.claim(self.owner.clone(), dead).await?;
        for row in rows {
            tracing::info!(id = row.id, "goes on with an upload that another process left");
            self.adopt(&row);
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

    /// Something changed that may let waiting uploads go on: a destination's settings, a secret (`None`: of all destinations).
    pub(crate) fn mended(&self, destination: Option<&str>) {
        let rows = self.hub.with(|live| {
            let concerned = |entry: &&mut Entry| {
                entry.own
                    && !entry.sending
                    && waits_outside(&entry.row)
                    && destination.is_none_or(|id| id == entry.row.destination)
            };
            live.entries
                .values_mut()
                .filter(concerned)
                .map(|entry| {
                    entry.row.state = RowState::Queued;
                    entry.row.clone()
                })
                .collect::<Vec<_>>()
        });
        {
            let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
            probes.retain(|id, _| destination.is_some_and(|destination| destination != id));
        }
        for row in &rows {
            self.hub.tell(row);
        }
        if !rows.is_empty() {
            self.wake();
        }
    }

    /// Uploads of one destination that wait go on: it has just answered.
    fn answered(&self, destination: &str) {
        let probed = self.probes.lock().unwrap_or_else(PoisonError::into_inner).contains_key(destination);
        if probed {
            self.mended(Some(destination));
        }
    }

    /// A new upload that meets the same trouble is no probe, and does not make the next one later.
    fn plan_probe(&self, id: i64, destination: &str, waiting: Waiting) {
        let (first, longest) = if waiting == Waiting::SignIn { (self.pace.sign_in, self.pace.sign_in) } else { self.pace.probe };
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if probes.get(destination).is_some_and(|probe| probe.row != Some(id) && probe.due > now && probe.pause <= longest) {
            return;
        }
        let pause = probes.get(destination).map_or(first, |probe| (probe.pause * 2).min(longest).max(first));
        probes.insert(destination.to_owned(), Probe { pause, due: now + jitter(pause), row: None });
    }

    /// What an upload that met an error becomes.
    async fn met(&self, row: &Row, error: Error) {
        tracing::warn!(id = row.id, code = %error.code.as_str(), "upload met an error");
        let mut change = Change::of(row);
        change.fault = Some(error.fault());
        let mut due = None;
        match error.code.remedy() {
            Remedy::Fail => {
                change.state = RowState::Failed;
                change.waiting = None;
            }
            Remedy::Wait(waiting) => {
                change.state = RowState::Waiting;
                change.waiting = Some(waiting);
                if waiting != Waiting::Network || row.destination == crate::destination::THIS_COMPUTER {
                    // The secret, or who serves this computer's bucket, may be another one next time.
                    self.stores.forget(&row.destination);
                }
                self.plan_probe(row.id, &row.destination, waiting);
            }
            Remedy::Retry => {
                change.tries = row.tries + 1;
                match self.pace.retries.get(row.tries as usize) {
                    Some(pause) => {
                        let pause = jitter(*pause);
                        change.state = RowState::Waiting;
                        change.waiting = Some(Waiting::Retry);
                        change.next_try_at = Some(self.now() + i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
                        due = Some(Instant::now() + pause);
                    }
                    None => {
                        change.state = RowState::Failed;
                        change.waiting = None;
                    }
                }
            }
        }
        let same = change.state == RowState::Waiting
            && change.waiting == row.waiting
            && change.tries == row.tries
            && row.fault.as_ref().is_some_and(|fault| fault.code == error.code);
        self.settle(row, change, due, same).await;
        if let Remedy::Wait(waiting) = error.code.remedy() {
            self.hold_back(row, waiting, &error).await;
        }
    }

    /// The others of that destination need not find out one by one.
    async fn hold_back(&self, met: &Row, waiting: Waiting, error: &Error) {
        let others: Vec<Row> = self.hub.with(|live| {
            let held = |entry: &&mut Entry| {
                entry.own && !entry.sending && entry.row.state == RowState::Queued && entry.row.destination == met.destination
            };
            // In memory at once, so that none of them starts while the journal is being written.
            let hold = |entry: &mut Entry| {
                let before = entry.row.clone();
                entry.row.state = RowState::Waiting;
                entry.row.waiting = Some(waiting);
                before
            };
            live.entries.values_mut().filter(held).map(hold).collect()
        });
        self.secure(others.iter().filter_map(|row| Some((row.id, self.hold_of(row.id)?))).collect()).await;
        let changes = others.into_iter().map(|row| async move {
            let mut change = Change::of(&row);
            change.state = RowState::Waiting;
            change.waiting = Some(waiting);
            change.fault = Some(error.fault());
            self.settle(&row, change, None, false).await;
        });
        futures::future::join_all(changes).await;
    }

    /// A row as it is known by now: a task that took it along may have missed that its bytes went to the disk.
    fn newest(&self, row: &Row) -> Row {
        self.hub.with(|live| live.entries.get(&row.id).map(|entry| entry.row.clone())).unwrap_or_else(|| row.clone())
    }

    /// Writes what became of a row, and tells. Where the journal cannot be written the row waits in memory and is looked at again.
    async fn settle(&self, row: &Row, change: Change, due: Option<Instant>, same: bool) -> bool {
        if change.state != RowState::Done
            && let Some(hold) = self.hold_of(row.id)
        {
            // Whatever it waits for, it is taken only with its bytes on the disk.
            self.secure(vec![(row.id, hold)]).await;
        }
        let over = matches!(change.state, RowState::Done | RowState::Failed | RowState::Cancelled | RowState::Gone);
        let written = if same {
            let mut kept = self.newest(row);
            (kept.state, kept.waiting, kept.fault) = (RowState::Waiting, row.waiting, row.fault.clone());
            Ok(Some(kept))
        } else {
            self.journal.change(row.id, Some(self.owner.clone()), change).await
        };
        match written {
            Ok(Some(now)) => {
                self.hub.with(|live| {
                    if let Some(entry) = live.entries.get_mut(&row.id) {
                        entry.sending = false;
                        entry.body = None;
                        entry.look_first = true;
                        entry.due = due;
                    }
                    let batch = live.batch_of(&now);
                    batch.news |= over || batch.told.is_none();
                    live.put(now.clone(), !over);
                });
                self.hub.tell(&now);
                true
            }
            Ok(None) => {
                // Somebody else decided meanwhile; what they decided arrives as their change.
                self.hub.with(|live| live.entries.remove(&row.id));
                if let Ok(Some(now)) = self.journal.get(row.id).await {
                    self.hub.take(&now, false);
                }
                false
            }
            Err(error) => {
                tracing::error!(id = row.id, error = %error, "the journal did not take what became of an upload");
                self.plan_probe(row.id, &row.destination, Waiting::Disk);
                let mut now = self.newest(row);
                now.state = RowState::Waiting;
                now.waiting = Some(Waiting::Disk);
                now.fault = Some(error.fault());
                self.hub.with(|live| {
                    if let Some(entry) = live.entries.get_mut(&row.id) {
                        entry.sending = false;
                        entry.body = None;
                        entry.look_first = true;
                    }
                    let batch = live.batch_of(&now);
                    batch.news |= batch.told.is_none();
                    live.put(now.clone(), true);
                });
                self.hub.tell(&now);
                false
            }
        }
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

type Content = ([u8; 32], String, String, String);

fn same_content(row: &Row) -> Content {
    (row.prepared, row.destination.clone(), row.bucket.clone(), row.folder.clone())
}

/// It waits for something that a probe or a person can mend.
fn waits_outside(row: &Row) -> bool {
    row.state == RowState::Waiting && !matches!(row.waiting, Some(Waiting::Retry | Waiting::Turn))
}

/// A fifth more or less, so that many clients do not come back at once.
fn jitter(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.8..1.2))
}
