//! Where images come from by themselves: watched folders, fetched addresses, and the questions both may ask.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use imagepic_net::Http;
use imagepic_words::{Text, sources as words};
use serde::Serialize;
use tokio::sync::Semaphore;

use super::watched::Keeper;
use super::{Batch, Inner, Role, Submit};
use crate::capture::{Capture, Content, Source};
use crate::error::{Code, Error, Result};
use crate::event::Event;
use crate::hub::Hub;
use crate::queue::blocking;
use crate::settings::{Proxy, WatchedFolder};
use crate::sources::asking::Questions;
use crate::sources::fetches::Shown;
use crate::sources::folder::{self, Stamp};
use crate::sources::seen::Seen;
use crate::sources::url::Near;

/// Pictures that are fetched at the same time; each may be in memory as a whole.
const FETCHES: usize = 2;

/// What the sources of one process keep.
pub(crate) struct State {
    pub(super) questions: Arc<Questions>,
    pub(super) turns: Semaphore,
    /// Held while a person is asked about an address.
    pub(super) asking: tokio::sync::Mutex<()>,
    /// Held from looking at what was taken until what is taken now is noted.
    taking: tokio::sync::Mutex<()>,
    fetches: AtomicI64,
    confirmed: Mutex<HashSet<Near>>,
    network: Mutex<Option<(Proxy, Http)>>,
    seen: Mutex<Option<Arc<Seen>>>,
    keepers: Mutex<BTreeMap<PathBuf, Keeper>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub(super) fn new(hub: &Arc<Hub>) -> Self {
        Self {
            questions: Arc::new(Questions::new(Arc::clone(hub))),
            turns: Semaphore::new(FETCHES),
            asking: tokio::sync::Mutex::new(()),
            taking: tokio::sync::Mutex::new(()),
            fetches: AtomicI64::new(0),
            confirmed: Mutex::default(),
            network: Mutex::default(),
            seen: Mutex::default(),
            keepers: Mutex::default(),
        }
    }

    /// Below zero, so that it is no row's.
    pub(super) fn next_fetch(&self) -> i64 {
        self.fetches.fetch_sub(1, Ordering::Relaxed) - 1
    }

    /// A person has said yes to this host at this address, in this run.
    pub(super) fn is_confirmed(&self, near: &Near) -> bool {
        lock(&self.confirmed).contains(near)
    }

    pub(super) fn confirm(&self, near: Near) {
        lock(&self.confirmed).insert(near);
    }

    pub(super) fn network(&self, proxy: &Proxy, make: impl FnOnce(&Proxy) -> Result<Http>) -> Result<Http> {
        let mut kept = lock(&self.network);
        if let Some((_, http)) = kept.as_ref().filter(|(of, _)| of == proxy) {
            return Ok(http.clone());
        }
        let http = make(proxy)?;
        *kept = Some((proxy.clone(), http.clone()));
        Ok(http)
    }
}

/// A watched folder and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct FolderView {
    /// As it is set.
    #[serde(flatten)]
    pub folder: WatchedFolder,
    /// How it stands in this process.
    pub state: FolderState,
    /// Why it is not watched, where that is nobody's wish.
    pub message: Option<String>,
    /// Images that wait for a person's answer.
    pub asking: u32,
}

/// How a watched folder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum FolderState {
    /// Changes are heard.
    Watching,
    /// The system has no watches left: it is looked at every few seconds.
    Looking,
    /// It cannot be watched at present; tried again and again.
    Away,
    /// Switched off, or another process watches.
    Off,
}

/// Handle to the sources.
#[derive(Clone)]
pub struct Sources {
    pub(super) inner: Arc<Inner>,
}

impl Sources {
    /// The watched folders, in the order of the settings.
    #[must_use]
    pub fn folders(&self) -> Vec<FolderView> {
        let (settings, lang) = (self.inner.hub.settings(), self.inner.hub.lang());
        let keepers = lock(&self.inner.sources.keepers);
        let view = |folder: &WatchedFolder| {
            let told = keepers.get(&folder.path).filter(|_| folder.enabled).map(Keeper::told);
            let (state, message, asking) = told.unwrap_or((FolderState::Off, None, 0));
            FolderView { folder: folder.clone(), state, message: message.map(|text: Text| text.to(lang)), asking }
        };
        settings.capture.folders.iter().map(view).collect()
    }

    /// Watches one more folder, from now on. `destination`: name or id; the current one where there is none.
    ///
    /// # Errors
    /// `BadRequest` for what is no folder, a link to one, imagepic's own, or watched already; `FileMissing`, `FileUnreadable`,
    /// `NoSuchDestination`, and those of writing the settings.
    pub async fn watch(&self, path: &Path, destination: Option<&str>, recursive: bool) -> Result<WatchedFolder> {
        let (home, given) = (self.inner.home.clone(), path.to_owned());
        let path = blocking(move || {
            if !given.is_absolute() {
                return Err(Error::new(Code::BadRequest, words::folder_relative(given.display())));
            }
            // Whoever names a link means what it leads to; what is watched is that.
            let real = std::fs::canonicalize(&given);
            let none = |_| Error::new(Code::FileMissing, words::folder_none(given.display()));
            folder::admitted(&home, &real.map_err(none)?, recursive)
        })
        .await?;
        let folder = WatchedFolder { path, destination: destination.map(str::to_owned), recursive, enabled: true };
        let wanted = folder.path.clone();
        self.inner
            .change_settings(move |settings| {
                settings.watch_folder(folder)?;
                let added = settings.capture.folders.iter().find(|folder| folder.path == wanted);
                added.cloned().ok_or_else(|| settings.no_such_folder(&wanted))
            })
            .await
    }

    /// Watches a folder no longer. What was found in it and not answered for is left where it is.
    ///
    /// # Errors
    /// `BadRequest` where it is not watched, and those of writing the settings.
    pub async fn unwatch(&self, path: &Path) -> Result<WatchedFolder> {
        let path = path.to_owned();
        self.inner.change_settings(move |settings| settings.unwatch_folder(&path)).await
    }

    /// Uploads what lies in a watched folder and was not taken out of it before: what came while nobody watched, or was there first.
    ///
    /// # Errors
    /// `BadRequest` where it is not watched, `Empty` where there is nothing new, and those of
    /// [`Uploads::submit`](super::Uploads::submit).
    pub async fn upload_what_is_there(&self, path: &Path, how: Submit) -> Result<Batch> {
        let settings = self.inner.hub.settings();
        let wanted: PathBuf = path.components().collect();
        let watched = settings.capture.folders.iter().find(|folder| folder.path == wanted).cloned();
        let watched = watched.ok_or_else(|| settings.no_such_folder(path))?;
        let destination = how.destination.clone().or_else(|| watched.destination.clone());
        let to = match &destination {
            Some(name) => settings.find(name)?,
            None => settings.current(),
        };
        let _taking = self.inner.sources.taking.lock().await;
        let (any_file, home, seen) = (to.any_file, self.inner.home.clone(), self.inner.seen().await?);
        let (there, more) = blocking(move || {
            let root = folder::admitted(&home, &watched.path, watched.recursive)?;
            let mut there = Vec::new();
            let found = folder::files(&root, &root, watched.recursive);
            for path in found.paths {
                let Some(look) = folder::look(&path) else { continue };
                if (any_file || is_image(&path)) && !seen.knows(&path, look.stamp)? {
                    there.push((path, look.stamp));
                }
            }
            Ok((there, found.more))
        })
        .await?;
        if more {
            self.inner.notice(&crowded(path));
        }
        if there.is_empty() {
            return Err(Error::new(Code::Empty, words::folder_nothing_new(path.display())));
        }
        self.inner.take_and_note(there, Submit { destination, ..how }).await
    }

    /// Answers a question ([`crate::event::Event::Question`]).
    ///
    /// # Errors
    /// `BadRequest` where it was answered before, or is none any more.
    pub fn answer(&self, id: u64, yes: bool) -> Result<()> {
        self.inner.sources.questions.answer(id, yes)
    }

    /// Answers with no what somebody who gave something is being asked, and would be from here on: imagepic is about to end, and does
    /// not wait for them. What was found in watched folders stays as it is, and is asked about at the next start.
    pub fn stop_asking(&self) {
        self.inner.sources.questions.end();
    }
}

/// That a folder holds more files than are looked through.
pub(super) fn crowded(path: &Path) -> Error {
    Error::new(Code::TooLarge, words::folder_crowded(path.display(), folder::FILES))
}

/// By its bytes; what cannot be read is none.
pub(super) fn is_image(path: &Path) -> bool {
    folder::open(path).and_then(|file| crate::prepare::kind_of_file(file, "")).is_ok_and(|kind| kind.image)
}

impl Inner {
    /// What was taken out of folders; opened when first needed.
    pub(super) async fn seen(self: &Arc<Self>) -> Result<Arc<Seen>> {
        let this = Arc::clone(self);
        blocking(move || {
            let mut kept = lock(&this.sources.seen);
            if let Some(seen) = kept.as_ref() {
                return Ok(Arc::clone(seen));
            }
            let seen = Arc::new(Seen::open(&this.home)?);
            *kept = Some(Arc::clone(&seen));
            Ok(seen)
        })
        .await
    }

    /// Takes files of a watched folder in and remembers those that were taken.
    pub(super) async fn submit_files(self: &Arc<Self>, files: Vec<(PathBuf, Stamp)>, how: Submit) -> Result<Batch> {
        let _taking = self.sources.taking.lock().await;
        self.take_and_note(files, how).await
    }

    async fn take_and_note(self: &Arc<Self>, files: Vec<(PathBuf, Stamp)>, how: Submit) -> Result<Batch> {
        let at = self.outside.clock.now();
        let captures =
            files.iter().map(|(path, _)| Capture { content: Content::Path(path.clone()), source: Source::Folder, at }).collect();
        let batch = super::Uploads { inner: Arc::clone(self) }.submit(captures, how).await?;
        let taken = batch.each.iter().filter(|each| each.outcome.is_ok());
        let noted: Vec<_> = taken.filter_map(|each| files.get(each.capture).cloned()).collect();
        let seen = self.seen().await?;
        blocking(move || seen.taken(&noted)).await?;
        Ok(batch)
    }

    /// Watches the folders of the settings, and no others. Called again when they change.
    pub(crate) fn follow_folders(self: &Arc<Self>) {
        if self.role != Role::Desktop {
            return;
        }
        let settings = self.hub.settings();
        let wanted = |path: &Path| settings.capture.folders.iter().any(|folder| folder.enabled && folder.path == path);
        let mut keepers = lock(&self.sources.keepers);
        let (had, before) = (keepers.len(), settings.capture.folders.len());
        keepers.retain(|path, _| wanted(path));
        for folder in settings.capture.folders.iter().filter(|folder| folder.enabled) {
            match keepers.get(&folder.path) {
                Some(keeper) => keeper.look_again(),
                None => drop(keepers.insert(folder.path.clone(), Keeper::start(self, folder.path.clone()))),
            }
        }
        drop(keepers);
        if had == 0 && before == 0 {
            return;
        }
        // Without folders nothing is opened: whoever never watched one has no memory of it.
        let (this, paths) =
            (Arc::clone(self), settings.capture.folders.iter().map(|folder| folder.path.clone()).collect::<Vec<_>>());
        self.tasks.spawn_on(
            async move {
                let kept = match this.seen().await {
                    Ok(seen) => blocking(move || seen.keep_agreed(&paths)).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = kept {
                    this.notice(&error);
                }
            },
            &self.runtime,
        );
    }

    /// Stops what is fetched or made, and takes back what came of it as long as no row names it.
    pub(super) fn cancel_fetch(&self, id: i64) -> Result<()> {
        let fetch = self.hub.with(|live| live.fetches.get(&id).cloned());
        if !fetch.is_some_and(|fetch| fetch.take_back()) {
            return Err(Error::new(Code::NoSuchUpload, imagepic_words::errors::no_such_upload(id)));
        }
        Shown::gone(&self.hub, id);
        Ok(())
    }

    pub(super) fn folder_changed(&self) {
        self.hub.emit(Event::Settings);
    }
}
