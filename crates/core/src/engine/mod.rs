//! The engine: one cheap handle through which the tray app and the console program do everything.
//!
//! It puts the parts together and owns every task; each kind of question has a facade and a file of its own. Nothing imports it.

pub mod accounts;
mod addresses;
mod amount;
mod browse;
mod bucket_host;
mod destinations;
pub mod doctor;
mod images;
pub mod library;
mod listen;
mod reading;
mod settings;
mod sources;
mod submit;
mod taking;
mod thumbnails;
mod uploads;
mod watched;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use imagepic_words::Lang;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use accounts::{AccountView, Accounts, Registering, TEAM_RUNGS, TeamServer};
pub use browse::{
    AccessView, Browse, Closing, Folder, Known, ListedObject, Listing, NewFolder, ObjectView, Picked, Spot, Sum, moment,
};
pub use bucket_host::{BucketHost, HostStatus};
pub use destinations::{Destinations, Draft, Rung, RungName, RungState, Suggestion, TestReport};
pub use doctor::{Doctor, Finding, Health, Report};
pub use images::ImagePreview;
pub use library::{Library, LibraryQuery};
pub use reading::Reading;
pub use settings::{SecretsPlace, SettingsHandle};
pub use sources::{FolderState, FolderView, Sources};
pub use uploads::{Batch, Each, HistoryQuery, Submit, Uploads, files};

pub use crate::journal::Deliver;
pub use crate::queue::Pace;

use crate::deliver::Delivery;
use crate::error::{Error, Result};
use crate::event::{Event, Snapshot};
use crate::home::{Home, Presence};
use crate::hub::Hub;
use crate::journal::Journal;
use crate::outside::Outside;
use crate::queue::{Queue, blocking};
use crate::settings::file::SettingsFile;
use crate::stores::Stores;

/// Rows the snapshot shows as recent.
const RECENT: u32 = 10;

/// What the process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Resident: hosts the bucket, watches clipboard and settings, goes on with what others left.
    Desktop,
    /// Does one thing and leaves what it cannot finish to others.
    Console,
}

/// Processes that were killed, and what bears their names in the spool.
struct Killed {
    names: Vec<String>,
    files: Vec<String>,
}

impl Killed {
    /// To be called before the process that is `owner` writes anything: what bears its name is a predecessor's with the same number.
    fn of(home: &Home, names: Vec<String>, owner: &str) -> Self {
        let gone = |name: &str| names.iter().any(|killed| killed == name) && (name == owner || !home.alive(name));
        let files = if names.is_empty() { Vec::new() } else { crate::intake::orphans(&home.spool(), |name| !gone(name)) };
        Self { names, files }
    }
}

/// How long an orderly end waits for what was deleted a moment before. Whoever quits with a dead network does not wait for long.
const LAST_REMOVALS: Duration = Duration::from_secs(3);

/// See the module. Clones share everything.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("home", &self.inner.home).field("role", &self.inner.role).finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    pub(crate) home: Home,
    pub(crate) role: Role,
    pub(crate) outside: Outside,
    pub(crate) hub: Arc<Hub>,
    pub(crate) journal: Journal,
    pub(crate) file: SettingsFile,
    pub(crate) stores: Arc<Stores>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) browsed: browse::Cache,
    pub(crate) sources: sources::State,
    pub(crate) catalog: library::Catalog,
    pub(crate) leavers: library::Leavers,
    pub(crate) tested: doctor::Tested,
    pub(crate) tasks: TaskTracker,
    /// Removals that wait to be taken back, or are under way.
    pub(crate) removals: TaskTracker,
    /// Ends what is made of pictures on their way in, see [`Uploads::stop_making`].
    pub(crate) making: CancellationToken,
    /// imagepic is about to end: nobody can take anything back any more.
    pub(crate) ending: CancellationToken,
    /// For what begins on a thread that has none: file events come on those.
    runtime: tokio::runtime::Handle,
    pub(crate) stop: CancellationToken,
    watches: Mutex<Vec<Box<dyn std::any::Any + Send>>>,
    listening: std::sync::atomic::AtomicBool,
    clipboard_watch: Mutex<Option<CancellationToken>>,
    presence: Mutex<Option<Presence>>,
    pub(crate) owner: String,
}

impl Engine {
    /// Opens the engine on a home; makes the home where there is none. Several may be open at once, also in several processes.
    ///
    /// # Errors
    /// `HomeNewer`, `HomeUnwritable`, `DiskFull`. A broken settings file is no error here: defaults serve, and a notice says so.
    pub async fn open(home: Home, outside: Outside, role: Role) -> Result<Self> {
        Self::open_at_pace(home, outside, role, Pace::default()).await
    }

    /// [`open`](Self::open) with another patience, for tests.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_at_pace(home: Home, outside: Outside, role: Role, pace: Pace) -> Result<Self> {
        let file = SettingsFile::of(&home);
        let (killed, presence, journal, settings, broken) = blocking({
            let (home, file) = (home.clone(), file.clone());
            move || {
                home.prepare()?;
                let names = home.killed();
                let presence = home.claim()?;
                let killed = Killed::of(&home, names, presence.name());
                let changed = home.data().join(listen::CHANGED);
                let journal = Journal::open(&home.journal_file(), changed, presence.name().to_owned())?;
                let (settings, broken) = file.load_or_default();
                Ok((killed, presence, journal, settings, broken))
            }
        })
        .await?;
        let owner = presence.name().to_owned();
        let hub = Arc::new(Hub::new(settings));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let stores = Arc::new(Stores::new(
            home.clone(),
            owner.clone(),
            role == Role::Desktop,
            Arc::clone(&hub),
            Arc::clone(&outside.secrets),
        ));
        let queue = Arc::new(Queue::new(
            Arc::clone(&hub),
            journal.clone(),
            Arc::clone(&stores),
            home.clone(),
            owner.clone(),
            Arc::clone(&outside.clock),
            role == Role::Desktop,
            pace,
            stop.clone(),
        ));
        let delivery = Arc::new(Delivery::new(Arc::clone(&queue), Arc::clone(&outside.clipboard)));
        // Before anything may start. The console program does what it is told, paused or not.
        if role == Role::Desktop && home.is_paused() {
            hub.with(|live| live.paused = true);
            home.say_paused(&owner, true);
        }
        if role == Role::Console {
            hub.with(|live| live.ended = Some(std::collections::BTreeMap::new()));
        }
        let sources = sources::State::new(&hub);
        // A resident process looks first whether it reached its store; where there is none, nobody else will.
        if role == Role::Console
            && !killed.names.is_empty()
            && !stores.hosting().resident_lives()
            && let Err(error) = journal.give_up_lost(killed.names.clone()).await
        {
            tracing::warn!(%error, "what went with the memory of a killed process is looked at again at the next start");
        }
        let (open, recent) = journal.present(RECENT).await?;
        for row in open.into_iter().chain(recent.into_iter().rev()) {
            hub.with(|live| live.put(row, false));
        }
        let inner = Arc::new(Inner {
            home,
            role,
            outside,
            hub,
            journal,
            file,
            stores,
            queue,
            delivery,
            browsed: browse::Cache::default(),
            sources,
            catalog: library::Catalog::default(),
            leavers: library::Leavers::default(),
            tested: doctor::Tested::default(),
            tasks,
            removals: TaskTracker::new(),
            making: CancellationToken::new(),
            ending: CancellationToken::new(),
            runtime: tokio::runtime::Handle::current(),
            stop,
            watches: Mutex::default(),
            listening: std::sync::atomic::AtomicBool::new(false),
            clipboard_watch: Mutex::default(),
            presence: Mutex::new(Some(presence)),
            owner,
        });
        inner.tasks.spawn(Arc::clone(&inner.queue).run());
        inner.tasks.spawn(Arc::clone(&inner.delivery).run());
        let engine = Self { inner };
        if role == Role::Console && !killed.names.is_empty() {
            let inner = Arc::clone(&engine.inner);
            engine.inner.tasks.spawn(async move {
                if let Err(error) = inner.sweep_after(killed).await {
                    tracing::warn!(%error, "what a killed process left in the spool is looked at again at the next start");
                }
            });
        } else if role == Role::Desktop {
            engine.inner.tidy().await?;
            engine.inner.home.forget(&killed.names);
            // An engine that does not hear other processes still uploads; the person is told.
            if let Err(error) = engine.inner.listen() {
                engine.inner.notice(&error);
            }
            engine.inner.watch_clipboard();
            engine.inner.follow_folders();
            engine.inner.start_hosting();
            engine.inner.keep_browsing();
            engine.inner.queue.recover().await?;
            let inner = Arc::clone(&engine.inner);
            engine.inner.tasks.spawn(async move {
                if let Err(error) = inner.finish_chores().await {
                    tracing::warn!(%error, "what an earlier run of the library began is looked at again at the next start");
                }
            });
        }
        if let Some(error) = broken {
            engine.inner.notice(&error);
        }
        Ok(engine)
    }

    /// Everything that happens from now on. One that lags takes a new [`Snapshot`].
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.inner.hub.subscribe()
    }

    /// The whole present, from memory: never waits for disk or network.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.inner.hub.snapshot()
    }

    /// The same without its uploads (`open` and `recent` are empty): who hears every event knows those, and making thousands of them anew
    /// for each change of the line would take longer than the uploads themselves.
    #[must_use]
    pub fn outline(&self) -> Snapshot {
        self.inner.hub.outline()
    }

    /// The language of the settings, or the system's.
    #[must_use]
    pub fn lang(&self) -> Lang {
        self.inner.hub.lang()
    }

    /// The home it works in.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.inner.home
    }

    /// Uploads and their history.
    #[must_use]
    pub fn uploads(&self) -> Uploads {
        Uploads { inner: Arc::clone(&self.inner) }
    }

    /// Destinations.
    #[must_use]
    pub fn destinations(&self) -> Destinations {
        Destinations { inner: Arc::clone(&self.inner) }
    }

    /// Settings.
    #[must_use]
    pub fn settings(&self) -> SettingsHandle {
        SettingsHandle { inner: Arc::clone(&self.inner) }
    }

    /// Diagnostics.
    #[must_use]
    pub fn doctor(&self) -> Doctor {
        Doctor { inner: Arc::clone(&self.inner) }
    }

    /// Everything that was uploaded: found, renamed, deleted.
    #[must_use]
    pub fn library(&self) -> Library {
        Library { inner: Arc::clone(&self.inner) }
    }

    /// Watched folders, and questions that wait for an answer.
    #[must_use]
    pub fn sources(&self) -> Sources {
        Sources { inner: Arc::clone(&self.inner) }
    }

    /// Buckets, folders and objects at the stores.
    #[must_use]
    pub fn browse(&self) -> Browse {
        Browse { inner: Arc::clone(&self.inner) }
    }

    /// Who is signed in at which team server.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts { inner: Arc::clone(&self.inner) }
    }

    /// Who serves this computer's bucket.
    #[must_use]
    pub fn bucket_host(&self) -> BucketHost {
        BucketHost { inner: Arc::clone(&self.inner) }
    }

    /// Does what was deleted and not taken back, for a few seconds at most; then ends every task, lets go of what is still open so that
    /// another process goes on with it, and frees the locks. What is on its way is dropped and starts anew elsewhere or next time;
    /// nothing is lost. Removals that were cut short are told in a notice, but for those of uploads: the next process does these.
    pub async fn close(self) {
        let inner = self.inner;
        inner.making.cancel();
        inner.ending.cancel();
        inner.removals.close();
        if tokio::time::timeout(LAST_REMOVALS, inner.removals.wait()).await.is_err() {
            tracing::warn!("not everything that was deleted went before the end");
        }
        inner.stop.cancel();
        inner.removals.wait().await;
        inner.watches.lock().unwrap_or_else(PoisonError::into_inner).clear();
        inner.tasks.close();
        inner.tasks.wait().await;
        inner.queue.secure(inner.queue.held()).await;
        inner.queue.keeping.close();
        inner.queue.keeping.wait().await;
        if let Err(error) = inner.journal.release(inner.owner.clone()).await {
            tracing::warn!(%error, "open uploads keep this process's name; its free lock frees them");
        }
        inner.stores.close().await;
        inner.journal.close().await;
        let presence = inner.presence.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(presence);
    }
}

impl Inner {
    /// Tells a person something that belongs to no upload.
    pub(crate) fn notice(&self, error: &Error) {
        tracing::warn!(code = %error.code.as_str(), %error, "notice");
        self.hub.emit(Event::Notice { code: error.code, message: error.message(self.hub.lang()) });
    }

    pub(crate) fn keep_watch(&self, watch: impl std::any::Any + Send) {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(watch));
    }

    /// Sweeps what killed processes left in the spool and no row names: the whole of it is looked through by the resident process, which
    /// may not be there for weeks.
    async fn sweep_after(&self, killed: Killed) -> Result<()> {
        let named = self.journal.spooled().await?.into_iter().map(|(_, name, ..)| name).collect();
        let home = self.home.clone();
        blocking(move || {
            crate::intake::sweep(&home.spool(), killed.files, &named);
            home.forget(&killed.names);
            Ok(())
        })
        .await
    }

    /// Sweeps what a crash left in the spool, and forgets spool files that were kept for thumbnails of long ago.
    async fn tidy(&self) -> Result<()> {
        // The spool first: whoever is gone by then has written its last row, so no row can come after the look at the journal.
        let (home, owner) = (self.home.clone(), self.owner.clone());
        let orphans = blocking(move || {
            // Nothing of this process is in the spool yet: what bears its name is a predecessor's with the same number.
            Ok(crate::intake::orphans(&home.spool(), |name| name != owner && home.alive(name)))
        })
        .await?;
        let spooled = self.journal.spooled().await?;
        let mut forget = Vec::new();
        let mut kept = 0_u64;
        let mut named = std::collections::HashSet::new();
        for (id, name, state, size) in spooled.into_iter().rev() {
            // Whoever stopped an upload in an earlier run has forgotten it; a failed one is kept.
            if state == crate::journal::RowState::Cancelled {
                forget.push((id, name));
                continue;
            }
            if state == crate::journal::RowState::Done {
                kept += size;
                if named.len() >= crate::queue::KEPT_FILES || kept > crate::queue::KEPT_BYTES {
                    forget.push((id, name));
                    continue;
                }
            }
            named.insert(name);
        }
        self.journal.forget_spool(forget.iter().map(|(id, _)| *id).collect()).await?;
        let spool = self.home.spool();
        blocking(move || {
            for (_, name) in forget {
                let _ = std::fs::remove_file(spool.join(name));
            }
            crate::intake::sweep(&spool, orphans, &named);
            Ok(())
        })
        .await
    }
}
