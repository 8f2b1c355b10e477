//! One watched folder, from the moment somebody wants it watched: hears of files, waits until each is complete, asks before the first
//! ones go, and takes them in.
//!
//! A file counts once it was closed after writing or renamed into place; where nobody tells (events that were missed, other systems, a
//! folder without watches) once it has not changed for a while and ends as its format does. What was there before does not count. A
//! folder that is away is waited for, and what is put into it from then on counts too.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use imagepic_words::{Text, sources as words};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

mod changes;
mod give;
mod ripening;
mod words_of;

use changes::{Change, identity, read};

use super::Inner;
use super::sources::FolderState;
use crate::error::{Code, Error, Result};
use crate::queue::blocking;
use crate::settings::WatchedFolder;
use crate::sources::asking::Asking;
use crate::sources::folder::{self, Look, Stamp};
use crate::watching::{self, Watching};

/// Programs close and open again within this time.
const SETTLE: Duration = Duration::from_millis(150);
/// What comes within this time of each other goes together, and no longer than that.
const TOGETHER: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(3));
/// So long a file must not have changed where nobody tells that it is complete: where its end shows it, and where it does not.
const UNCHANGED: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// Where the end is missing, somebody is still at it; looked at again after this time.
const UNFINISHED: Duration = Duration::from_secs(5);
/// Pauses between tries, first and longest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// How often it is looked whether the folder is still the one that is watched, and how often at a folder without watches.
const ALIVE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_secs(2);
/// After so long it is tried whether the system has watches again.
const RENEW: Duration = Duration::from_secs(60);
/// Changes that wait; more are looked for afterwards. So many are looked into at once.
const CHANGES: usize = 4096;
const AT_ONCE: usize = 256;
/// Files of one batch.
const BATCH: usize = 500;
/// Clocks of file systems tick coarsely.
const TICK: Duration = Duration::from_millis(20);

/// How a folder stands, for whoever asks.
#[derive(Debug)]
struct Told {
    state: FolderState,
    message: Option<Text>,
    asking: u32,
}

/// Watches one folder as long as it lives.
pub(super) struct Keeper {
    stop: CancellationToken,
    again: Arc<Notify>,
    told: Arc<Mutex<Told>>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Keeper {
    pub(super) fn start(inner: &Arc<Inner>, path: PathBuf) -> Self {
        let stop = inner.stop.child_token();
        let again = Arc::new(Notify::new());
        let told = Arc::new(Mutex::new(Told { state: FolderState::Away, message: None, asking: 0 }));
        let watch = Folder {
            inner: Arc::downgrade(inner),
            path,
            stop: stop.clone(),
            again: Arc::clone(&again),
            told: Arc::clone(&told),
            since: SystemTime::now().checked_sub(TICK).unwrap_or_else(SystemTime::now),
            pending: HashMap::new(),
            known: HashMap::new(),
            ready: Vec::new(),
            first: None,
            last: Instant::now(),
            retry: None,
            asked: None,
            complained: None,
            crowded: None,
        };
        inner.tasks.spawn_on(watch.run(), &inner.runtime);
        Self { stop, again, told }
    }

    /// The settings changed.
    pub(super) fn look_again(&self) {
        self.again.notify_one();
    }

    pub(super) fn told(&self) -> (FolderState, Option<Text>, u32) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        (told.state, told.message.clone(), told.asking)
    }
}

/// How it is known of a file that it may be complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// It was closed after writing, or renamed into place.
    Complete,
    /// It is there.
    There,
}

#[derive(Debug)]
struct Pending {
    stamp: Stamp,
    heard: Heard,
    /// Since when it has been as it is.
    since: Instant,
    due: Instant,
}

/// Why a folder is no longer followed.
enum End_ {
    Stopped,
    /// The folder is another one, or gone.
    Lost,
}

struct Question {
    asking: Asking,
    files: Vec<(PathBuf, Stamp)>,
    /// The id of the one that the question names: what is agreed to is agreed to for that one.
    destination: String,
}

struct Folder {
    inner: Weak<Inner>,
    path: PathBuf,
    stop: CancellationToken,
    again: Arc<Notify>,
    told: Arc<Mutex<Told>>,
    /// What came before does not count.
    since: SystemTime,
    pending: HashMap<PathBuf, Pending>,
    /// What was decided on in this run, whichever way.
    known: HashMap<PathBuf, Stamp>,
    ready: Vec<(PathBuf, Stamp)>,
    first: Option<Instant>,
    last: Instant,
    /// Taking in failed for a reason that passes: tried again then, and after how long the time after.
    retry: Option<(Instant, Duration)>,
    asked: Option<Question>,
    /// What a person was told last, so that it is told once.
    complained: Option<String>,
    /// There are more files in it than are looked through; this is said as long as it is watched.
    crowded: Option<Text>,
}

/// What is heard while a folder is watched.
struct Hearing {
    root: PathBuf,
    /// Device and inode.
    identity: Option<(u64, u64)>,
    recursive: bool,
    changes: mpsc::Receiver<Change>,
    missed: Arc<AtomicBool>,
    /// `None`: looked at every few seconds.
    watching: Option<Watching>,
}

impl Folder {
    async fn run(mut self) {
        let mut pause = AGAIN.0;
        loop {
            let stop = self.stop.clone();
            let began = tokio::select! {
                () = stop.cancelled() => return,
                began = self.begin() => began,
            };
            match began {
                Ok(Some(hearing)) => {
                    pause = AGAIN.0;
                    match self.follow(hearing).await {
                        End_::Stopped => return,
                        // What is put into it from now on is found once it is back.
                        End_::Lost => {
                            let noticed = SystemTime::now().checked_sub(ALIVE + TICK).unwrap_or(self.since);
                            self.since = self.since.max(noticed);
                        }
                    }
                    continue;
                }
                Ok(None) => return,
                Err(error) => self.complain(&error, FolderState::Away),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.again.notified() => pause = AGAIN.0,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(AGAIN.1),
            }
        }
    }

    fn wish(&self, inner: &Arc<Inner>) -> Option<WatchedFolder> {
        let settings = inner.hub.settings();
        settings.capture.folders.iter().find(|folder| folder.enabled && folder.path == self.path).cloned()
    }

    fn tell(&self, state: FolderState, message: Option<Text>) {
        let asking = self.asked.as_ref().map_or(0, |asked| u32::try_from(asked.files.len()).unwrap_or(u32::MAX));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let differs = told.state != state || told.message != message || told.asking != asking;
        *told = Told { state, message, asking };
        drop(told);
        if differs && let Some(inner) = self.inner.upgrade() {
            inner.folder_changed();
        }
    }

    fn state(&self) -> FolderState {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).state
    }

    /// Says once what is wrong.
    fn complain(&mut self, error: &Error, state: FolderState) {
        self.tell(state, Some(error.text.clone()));
        let now = error.to_string();
        if self.complained.as_ref() != Some(&now) {
            self.complained = Some(now);
            if let Some(inner) = self.inner.upgrade() {
                inner.notice(error);
            }
        }
    }

    /// Begins to hear; `None` where nobody wants that any more.
    async fn begin(&mut self) -> Result<Option<Hearing>> {
        let Some(inner) = self.inner.upgrade() else { return Ok(None) };
        let Some(wish) = self.wish(&inner) else { return Ok(None) };
        let settings = inner.hub.settings();
        if let Some(id) = &wish.destination
            && settings.find(id).is_err()
        {
            let text = words::folder_destination(wish.path.display(), id);
            return Err(Error::new(Code::NoSuchDestination, text));
        }
        inner.seen().await?;
        let (home, path, recursive) = (inner.home.clone(), wish.path.clone(), wish.recursive);
        let root = blocking(move || folder::admitted(&home, &path, recursive)).await?;
        let (sender, changes) = mpsc::channel(CHANGES);
        let missed = Arc::new(AtomicBool::new(false));
        let (full, below) = (Arc::clone(&missed), root.clone());
        let heard: watching::Heard = Arc::new(move |event: notify::Result<notify::Event>| {
            for change in read(event) {
                if sender.try_send(change).is_err() {
                    full.store(true, Ordering::SeqCst);
                }
            }
        });
        let watched = blocking(move || Ok(watching::events(&below, recursive, &heard))).await?;
        let watching = match watched {
            Ok(watching) => Some(watching),
            Err(error) if watching::no_watches_left(&error) => None,
            Err(error) => {
                let text = words::folder_unreadable(self.path.display(), &error);
                return Err(Error::new(Code::FileUnreadable, text).because(error));
            }
        };
        if watching.is_some() {
            self.complained = None;
            self.tell(FolderState::Watching, self.crowded.clone());
        } else {
            self.complain(&Error::new(Code::FileUnreadable, words::folder_limit(self.path.display())), FolderState::Looking);
        }
        let of = root.clone();
        let identity = blocking(move || Ok(identity(&of))).await?;
        // Between the look at it and the first event something may have come.
        self.search(&root, &root, recursive, true).await?;
        Ok(Some(Hearing { root, identity, recursive, changes, missed, watching }))
    }

    async fn follow(&mut self, mut hearing: Hearing) -> End_ {
        let stop = self.stop.clone();
        let began = Instant::now();
        let mut alive = began + ALIVE;
        let mut look = if hearing.watching.is_some() { None } else { Some(Instant::now() + LOOK) };
        loop {
            let due = self.due().into_iter().chain(look).chain([alive]).min().unwrap_or(alive);
            let answer = async {
                match self.asked.as_mut() {
                    Some(asked) => asked.asking.answer().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return End_::Stopped,
                yes = answer => self.answered(yes).await,
                () = self.again.notified() => {
                    let wish = self.inner.upgrade().and_then(|inner| self.wish(&inner));
                    if wish.is_none_or(|wish| wish.recursive != hearing.recursive) {
                        return End_::Lost;
                    }
                    // Whatever kept files from being taken may have been mended.
                    if let Some((at, _)) = &mut self.retry {
                        *at = Instant::now();
                    }
                    self.reword();
                }
                change = hearing.changes.recv() => match change {
                    Some(first) => {
                        let mut changes = vec![first];
                        while changes.len() < AT_ONCE && let Ok(next) = hearing.changes.try_recv() {
                            changes.push(next);
                        }
                        let (root, recursive, missed) = (hearing.root.clone(), hearing.recursive, Arc::clone(&hearing.missed));
                        if self.heard(changes, &root, recursive, &missed).await {
                            return End_::Lost;
                        }
                    }
                    None => return End_::Lost,
                },
                () = tokio::time::sleep_until(due.into()) => {}
            }
            let now = Instant::now();
            if now >= alive {
                alive = now + ALIVE;
                let of = hearing.root.clone();
                if blocking(move || Ok(identity(&of))).await.ok().flatten() != hearing.identity {
                    return End_::Lost;
                }
            }
            let looks = look.is_some_and(|look| now >= look);
            if looks {
                look = Some(now + LOOK);
                if now >= began + RENEW {
                    return End_::Lost;
                }
            }
            if hearing.missed.swap(false, Ordering::SeqCst) || looks {
                let (root, recursive) = (hearing.root.clone(), hearing.recursive);
                if let Err(error) = self.search(&root, &root, recursive, true).await {
                    tracing::warn!(%error, "a watched folder could not be searched");
                }
            }
            self.ripen(now).await;
            if self.is_full(now)
                && let Err(error) = self.give().await
            {
                self.later(&error);
            }
        }
    }

    /// When there is something to do next.
    fn due(&self) -> Option<Instant> {
        let give = self.first.map(|first| match &self.retry {
            Some((at, _)) => *at,
            None => (self.last + TOGETHER.0).min(first + TOGETHER.1),
        });
        self.pending.values().map(|pending| pending.due).chain(give).min()
    }

    fn is_full(&self, now: Instant) -> bool {
        let Some(first) = self.first else { return false };
        if let Some((at, _)) = &self.retry {
            return now >= *at;
        }
        let more_comes = self.pending.values().any(|pending| pending.heard == Heard::Complete);
        self.ready.len() >= BATCH || now >= first + TOGETHER.1 || (now >= self.last + TOGETHER.0 && !more_comes)
    }

    /// Looks at what some changes are about, and does what follows. Whether the folder itself is gone.
    async fn heard(&mut self, changes: Vec<Change>, root: &Path, recursive: bool, missed: &AtomicBool) -> bool {
        let within = root.to_owned();
        let looked = blocking(move || {
            let look = |change: Change| {
                let path = change.file().filter(|path| folder::counts(&within, path, recursive));
                let look = path.and_then(folder::look);
                (change, look)
            };
            Ok(changes.into_iter().map(look).collect::<Vec<_>>())
        });
        let Ok(looked) = looked.await else {
            missed.store(true, Ordering::SeqCst);
            return false;
        };
        for (change, look) in looked {
            if self.changed(change, look, root, recursive, missed).await {
                return true;
            }
        }
        false
    }

    /// As [`heard`](Self::heard), of one whose file was looked at.
    async fn changed(&mut self, change: Change, look: Option<Look>, root: &Path, recursive: bool, missed: &AtomicBool) -> bool {
        let now = Instant::now();
        match change {
            Change::Complete(path) => {
                if let Some(look) = look {
                    self.await_(path, look, Heard::Complete, root, recursive);
                }
            }
            Change::There(path) => {
                // A further name of a file that is complete; what is being written says so itself.
                if let Some(look) = look.filter(|look| cfg!(not(target_os = "linux")) || look.links > 1) {
                    self.await_(path, look, Heard::There, root, recursive);
                }
            }
            Change::Writing(path) => {
                if let Some(pending) = self.pending.get_mut(&path) {
                    // Whoever closed it has opened it again, and will close it again.
                    pending.since = now;
                    pending.due = now + UNCHANGED.0;
                    pending.heard = Heard::There;
                } else if let Some(look) = look.filter(|_| cfg!(not(target_os = "linux"))) {
                    self.await_(path, look, Heard::There, root, recursive);
                }
            }
            Change::Folder(path) if recursive && folder::counts(root, &path, true) => {
                // All that lies in it has arrived with it.
                if let Err(error) = self.search(root, &path, true, false).await {
                    tracing::warn!(%error, "a folder in a watched one could not be searched");
                }
            }
            Change::Folder(_) => {}
            Change::Gone(path) => {
                if path == root {
                    return true;
                }
                self.pending.remove(&path);
            }
            Change::Missed => missed.store(true, Ordering::SeqCst),
        }
        false
    }
}
