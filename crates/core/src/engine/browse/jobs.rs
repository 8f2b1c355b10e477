//! What takes long at a store: removing and moving, of many objects and whole folders, with progress and an end.
//!
//! A removal waits a few seconds before it begins, and that is how it is undone: what was only about to go is still there. Where imagepic
//! ends in order meanwhile, it happens at once; what does not come to its end within the engine's last seconds stops between two objects
//! and is told. It is not done later: what lies under those keys by then may be somebody else's, and bears no mark of ours. A move copies,
//! and removes what was copied; nothing is overwritten, and what could not go is counted and left.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use imagepic_words::{Text, browse as words};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::walk::Walk;
use super::{Browse, Picked, check_length, check_new, millis, name, parent};
use crate::engine::Inner;
use crate::error::{Code, Error, Result};
use crate::event::{Event, Job, JobKind, JobPhase};
use crate::store::{MOST_REMOVED, Store};

/// How long a removal can be taken back.
const UNDO: Duration = Duration::from_secs(10);
/// Things chosen for one job.
const MOST: usize = 1000;
/// Keys that are held at a time; a larger folder takes several rounds.
const HELD: usize = 20_000;
/// Copies on their way at a time.
const AT_ONCE: usize = 8;
/// Requests that counting takes, before a removal begins.
const COUNTED: usize = 20;
/// Keys that did not go and are remembered, so that no round tries them again.
const LEFT: usize = 50_000;
/// Progress is told no more often than this.
const BREATH: Duration = Duration::from_millis(200);
/// Jobs that are remembered when they are over.
const KEPT: usize = 50;

#[derive(Debug)]
struct Held {
    job: watch::Sender<Job>,
    /// What is about to go, so that no listing shows it.
    going: HashSet<(String, bool)>,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
pub(super) struct Jobs {
    held: Mutex<Vec<Held>>,
    next: AtomicU64,
}

/// One thing and the name it shall have; `None` for a removal.
type Task = (Picked, Option<String>);

impl Jobs {
    fn with<T>(&self, run: impl FnOnce(&mut Vec<Held>) -> T) -> T {
        run(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn over(phase: JobPhase) -> bool {
    matches!(phase, JobPhase::Done | JobPhase::Stopped | JobPhase::Failed)
}

impl Browse {
    /// Removes objects and folders after ten seconds, unless [`stop`](Self::stop) comes before.
    ///
    /// # Errors
    /// `NoSuchDestination`; `BadRequest` for nothing, and for more than a thousand things.
    pub fn remove_later(&self, destination: &str, bucket: &str, items: Vec<Picked>) -> Result<Job> {
        self.begin(destination, bucket, items.into_iter().map(|item| (item, None)).collect(), None, UNDO)
    }

    /// As [`remove_later`](Self::remove_later) without the wait.
    ///
    /// # Errors
    /// The same.
    pub fn remove_now(&self, destination: &str, bucket: &str, items: Vec<Picked>) -> Result<Job> {
        self.begin(destination, bucket, items.into_iter().map(|item| (item, None)).collect(), None, Duration::ZERO)
    }

    /// Moves objects and folders into another folder (`folder` without slashes at its ends; empty for the top) of the same bucket.
    ///
    /// # Errors
    /// `NoSuchDestination`; `BadRequest` for nothing, for more than a thousand things, for a folder into itself, for a name too long.
    pub fn move_to(&self, destination: &str, bucket: &str, items: Vec<Picked>, folder: &str) -> Result<Job> {
        let folder = crate::destination::check::folder(folder)?;
        let place = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let tasks = items.into_iter().map(|item| {
            let to = format!("{place}{}{}", name(&item.key), if item.folder { "/" } else { "" });
            (item, Some(to))
        });
        self.begin(destination, bucket, tasks.collect(), Some(place.clone()), Duration::ZERO)
    }

    /// Gives one object or folder another name in its place.
    ///
    /// # Errors
    /// `NoSuchDestination`; `BadRequest` at `name` for one that nothing can have.
    pub fn rename(&self, destination: &str, bucket: &str, item: Picked, name: &str) -> Result<Job> {
        let name = name.trim().trim_matches('/');
        check_new(name)?;
        let to = format!("{}{name}{}", parent(&item.key), if item.folder { "/" } else { "" });
        self.begin(destination, bucket, vec![(item, Some(to.clone()))], Some(to), Duration::ZERO)
    }

    /// Stops a job: one that has not begun does not happen; of one that is under way, what is done stays done.
    ///
    /// # Errors
    /// `BadRequest` where it is over.
    pub fn stop(&self, id: u64) -> Result<()> {
        self.inner.browsed.jobs.with(|all| {
            let held = all.iter().find(|held| held.job.borrow().id == id && !over(held.job.borrow().phase));
            held.map(|held| held.stop.cancel()).ok_or_else(|| Error::new(Code::BadRequest, words::no_such_job()))
        })
    }

    /// The jobs of this run, oldest first; those that are over are forgotten in time.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        self.inner.browsed.jobs.with(|all| all.iter().map(|held| held.job.borrow().clone()).collect())
    }

    /// Waits for a job's end.
    ///
    /// # Errors
    /// `BadRequest` for a job that nobody remembers.
    pub async fn finished(&self, id: u64) -> Result<Job> {
        let job = self.inner.browsed.jobs.with(|all| {
            let held = all.iter().find(|held| held.job.borrow().id == id);
            held.map(|held| held.job.subscribe())
        });
        let mut job = job.ok_or_else(|| Error::new(Code::BadRequest, words::no_such_job()))?;
        let seen = job.wait_for(|job| over(job.phase)).await.map(|job| job.clone());
        seen.map_err(|_| Error::new(Code::Cancelled, words::no_such_job()))
    }

    /// What is just being removed or moved away from a bucket.
    pub(super) fn going(&self, destination: &str, bucket: &str) -> HashSet<(String, bool)> {
        self.inner.browsed.jobs.with(|all| {
            let here = all.iter().filter(|held| {
                let job = held.job.borrow();
                !over(job.phase) && job.kind == JobKind::Remove && job.destination == destination && job.bucket == bucket
            });
            here.flat_map(|held| held.going.iter().cloned()).collect()
        })
    }

    fn begin(&self, destination: &str, bucket: &str, tasks: Vec<Task>, to: Option<String>, wait: Duration) -> Result<Job> {
        let id = self.id(destination)?;
        let Some((first, target)) = tasks.first() else { return Err(Error::new(Code::BadRequest, words::nothing_chosen())) };
        if tasks.len() > MOST {
            return Err(Error::new(Code::BadRequest, words::too_many_chosen(tasks.len(), MOST)));
        }
        for (item, to) in &tasks {
            if item.key.is_empty() || (item.folder && !item.key.ends_with('/')) {
                return Err(Error::new(Code::BadRequest, words::nothing_chosen()));
            }
            let Some(to) = to else { continue };
            check_length(to)?;
            if item.folder && to.starts_with(&item.key) {
                return Err(Error::new(Code::BadRequest, words::into_itself(name(&item.key))).at("folder"));
            }
            if *to == item.key {
                return Err(Error::new(Code::BadRequest, words::name_taken(name(to), bucket)).at("name"));
            }
        }
        let jobs = &self.inner.browsed.jobs;
        let objects = tasks.iter().filter(|(item, _)| !item.folder).count() as u64;
        let job = Job {
            id: jobs.next.fetch_add(1, Ordering::Relaxed) + 1,
            kind: if target.is_some() { JobKind::Move } else { JobKind::Remove },
            phase: if wait.is_zero() { JobPhase::Running } else { JobPhase::Waiting },
            destination: id,
            bucket: bucket.to_owned(),
            prefix: parent(&first.key).to_owned(),
            first: name(&first.key).to_owned(),
            folder: first.folder,
            chosen: u32::try_from(tasks.len()).unwrap_or(u32::MAX),
            to,
            found: objects,
            bytes: 0,
            whole: objects == tasks.len() as u64,
            done: 0,
            failed: 0,
            until: (!wait.is_zero()).then(|| millis(SystemTime::now() + wait)).flatten(),
            message: None,
        };
        let stop = self.inner.stop.child_token();
        let going = tasks.iter().map(|(item, _)| (item.key.clone(), item.folder)).collect();
        let sender = watch::Sender::new(job.clone());
        jobs.with(|all| {
            let finished = all.iter().filter(|held| over(held.job.borrow().phase)).count();
            if finished >= KEPT
                && let Some(at) = all.iter().position(|held| over(held.job.borrow().phase))
            {
                all.remove(at);
            }
            all.push(Held { job: sender.clone(), going, stop: stop.clone() });
        });
        let run = Run { inner: Arc::clone(&self.inner), job: sender, stop, told: Instant::now(), reason: None };
        self.inner.hub.emit(Event::Job(Box::new(job.clone())));
        self.inner.tell_place(&job.destination, &job.bucket, &job.prefix);
        // Moves end with everything else: what was not moved lies where it was.
        let tracker = if job.kind == JobKind::Remove { &self.inner.removals } else { &self.inner.tasks };
        tracker.spawn(run.go(tasks, Instant::now() + wait));
        Ok(job)
    }
}

/// A job under way.
struct Run {
    inner: Arc<Inner>,
    job: watch::Sender<Job>,
    stop: CancellationToken,
    told: Instant,
    /// Why the first was left.
    reason: Option<Text>,
}

impl Run {
    async fn go(mut self, tasks: Vec<Task>, begins: Instant) {
        let removes = self.job.borrow().kind == JobKind::Remove;
        let (ended, ending) = (self.inner.stop.clone(), self.inner.ending.clone());
        let outcome = tokio::select! {
            outcome = self.work(&tasks, begins) => outcome,
            // A store that does not answer keeps nobody from ending. A move goes on to the next object: its copy would lie there twice.
            () = ended.cancelled(), if removes => Ok(()),
        };
        let lang = self.inner.hub.lang();
        let stopped = self.stop.is_cancelled();
        let reason = self.reason.take();
        self.change(|job| {
            let message = match (outcome, reason) {
                (Err(error), _) => Some(error.message(lang)),
                (Ok(()), Some(reason)) => Some(words::some_left(job.failed, reason.to(lang)).to(lang)),
                (Ok(()), None) => None,
            };
            job.until = None;
            job.phase = match (&message, stopped) {
                (_, true) => JobPhase::Stopped,
                (Some(_), _) => JobPhase::Failed,
                (None, _) => JobPhase::Done,
            };
            job.message = message;
        });
        let job = self.job.borrow().clone();
        let begun = job.done > 0 || job.failed > 0;
        if let Some(message) = &job.message {
            tracing::warn!(message, kind = ?job.kind, bucket = job.bucket, "not everything was done");
        }
        // Who took it back knows; who quit a moment later does not.
        let taken_back = self.stop.is_cancelled() && !ended.is_cancelled();
        if removes && ending.is_cancelled() && job.phase != JobPhase::Done && !taken_back {
            let name = if job.first.is_empty() { &job.bucket } else { &job.first };
            let text = match job.chosen {
                1 => words::cut_short(name, &job.bucket),
                several => words::cut_short_several(several, &job.bucket),
            };
            self.inner.notice(&Error::new(Code::Cancelled, text));
        }
        let browsed = &self.inner.browsed;
        // Also where all of it failed: an answer that is lost tells nothing of what was done.
        if begun || job.phase != JobPhase::Stopped {
            browsed.doubt(&job.destination, Some((&job.bucket, "")));
        }
        if begun || job.phase == JobPhase::Done {
            for (item, _) in tasks.iter().filter(|(item, _)| item.folder) {
                browsed.unmade(&job.destination, &job.bucket, &item.key);
            }
            if let Some(to) = &job.to {
                self.inner.tell_place(&job.destination, &job.bucket, if job.chosen == 1 { parent(to) } else { to });
            }
        }
        self.inner.tell_place(&job.destination, &job.bucket, &job.prefix);
    }

    async fn work(&mut self, tasks: &[Task], begins: Instant) -> Result<()> {
        let (destination, bucket) = {
            let job = self.job.borrow();
            (job.destination.clone(), job.bucket.clone())
        };
        let waits = begins > Instant::now();
        let store = if waits {
            let (stop, ending) = (self.stop.clone(), self.inner.ending.clone());
            let counting = async {
                let store = self.inner.stores.of(&destination).await?;
                // What cannot be counted can still be removed; the reason is told then.
                if let Err(error) = self.count(&store, &bucket, tasks).await {
                    tracing::debug!(%error, "what is to go could not be counted");
                }
                tokio::time::sleep_until(begins).await;
                Ok::<_, Error>(store)
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = ending.cancelled() => None,
                store = counting => Some(store?),
            }
        } else {
            None
        };
        let store = match store {
            Some(store) => store,
            None => self.inner.stores.of(&destination).await?,
        };
        self.change(|job| {
            job.phase = JobPhase::Running;
            job.until = None;
        });
        let objects: Vec<&Task> = tasks.iter().filter(|(item, _)| !item.folder).collect();
        for chunk in objects.chunks(MOST_REMOVED) {
            let pairs = chunk.iter().map(|(item, to)| (item.key.clone(), to.clone())).collect();
            self.each(&store, &bucket, pairs).await?;
        }
        for (item, to) in tasks.iter().filter(|(item, _)| item.folder) {
            self.folder(&store, &bucket, &item.key, to.as_deref()).await?;
        }
        Ok(())
    }

    /// Counts what lies in the folders, in a bounded number of requests.
    async fn count(&mut self, store: &Arc<dyn Store>, bucket: &str, tasks: &[Task]) -> Result<()> {
        let mut left = COUNTED;
        for (item, _) in tasks.iter().filter(|(item, _)| item.folder) {
            let mut walk = Walk::below(Arc::clone(store), bucket, &item.key);
            loop {
                if left == 0 {
                    return Ok(());
                }
                left -= 1;
                let Some(step) = walk.next().await? else { break };
                self.change(|job| {
                    job.found += step.objects.len() as u64;
                    job.bytes += step.objects.iter().map(|object| object.size).sum::<u64>();
                });
            }
        }
        self.change(|job| job.whole = true);
        Ok(())
    }

    /// Everything below a prefix, in rounds: first the names, then the work, so that no cursor is used on a place that changes.
    async fn folder(&mut self, store: &Arc<dyn Store>, bucket: &str, prefix: &str, to: Option<&str>) -> Result<()> {
        let mut left = HashSet::new();
        let renamed = |key: &str| to.map(|to| format!("{to}{}", &key[prefix.len()..]));
        loop {
            let mut walk = Walk::below(Arc::clone(store), bucket, prefix);
            let (mut keys, mut places, mut whole) = (Vec::new(), vec![prefix.to_owned()], false);
            while keys.len() < HELD && !self.stop.is_cancelled() {
                let Some(step) = walk.next().await? else {
                    whole = true;
                    break;
                };
                if step.empty
                    && let Some(to) = renamed(&step.prefix)
                {
                    store.make_folder(bucket, &to).await?;
                }
                keys.extend(step.objects.into_iter().map(|object| object.key).filter(|key| !left.contains(key)));
                places.push(step.prefix);
            }
            let nothing = keys.is_empty();
            for chunk in keys.chunks(MOST_REMOVED) {
                let pairs = chunk.iter().map(|key| (key.clone(), renamed(key))).collect();
                left.extend(self.each(store, bucket, pairs).await?);
                if left.len() > LEFT {
                    return Ok(());
                }
            }
            if self.stop.is_cancelled() {
                return Ok(());
            }
            // The marks of folders: few stores have them, and one that stays hides nothing.
            if left.is_empty() {
                for chunk in places.chunks(MOST_REMOVED) {
                    store.remove_many(bucket, chunk).await.ok();
                }
            }
            if whole || nothing {
                return Ok(());
            }
        }
    }

    /// Removes or moves these; the keys that were left.
    async fn each(&mut self, store: &Arc<dyn Store>, bucket: &str, pairs: Vec<(String, Option<String>)>) -> Result<Vec<String>> {
        if self.stop.is_cancelled() {
            return Ok(Vec::new());
        }
        let mut left = Vec::new();
        if pairs.iter().all(|(_, to)| to.is_none()) {
            let keys: Vec<String> = pairs.into_iter().map(|(key, _)| key).collect();
            let destination = self.job.borrow().destination.clone();
            let mut uploads = self.inner.uploads_at(&destination, bucket, keys.clone()).await;
            let outcomes = store.remove_many(bucket, &keys).await?;
            {
                let gone = keys.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
                let gone: HashSet<&str> = gone.map(|(key, _)| key.as_str()).collect();
                uploads.retain(|upload| gone.contains(upload.key.as_str()));
            }
            self.inner.uploads_leave(uploads).await;
            for (key, outcome) in keys.into_iter().zip(outcomes) {
                left.extend(self.took(key, outcome));
            }
            return Ok(left);
        }
        let stop = self.stop.clone();
        let destination = self.job.borrow().destination.clone();
        let inner = Arc::clone(&self.inner);
        let moves = pairs.into_iter().filter_map(|(key, to)| Some((key, to?))).map(|(key, to)| {
            let (store, stop, inner) = (Arc::clone(store), stop.clone(), Arc::clone(&inner));
            let (destination, bucket) = (destination.clone(), bucket.to_owned());
            async move {
                if stop.is_cancelled() {
                    return None;
                }
                let outcome = async {
                    check_length(&to)?;
                    let copied = store.copy_new(&bucket, &key, &to).await?;
                    // Before the old name goes: an upload names an object that is there at every moment.
                    inner.uploads_follow(&destination, &bucket, &key, &to, copied.etag.as_deref()).await?;
                    store.remove(&bucket, &key).await
                };
                let outcome = outcome.await;
                Some((key, outcome))
            }
        });
        let mut moving = futures::stream::iter(moves).buffer_unordered(AT_ONCE);
        while let Some(moved) = moving.next().await {
            if let Some((key, outcome)) = moved {
                left.extend(self.took(key, outcome));
            }
        }
        Ok(left)
    }

    /// Notes what became of one; the key where it was left.
    fn took(&mut self, key: String, outcome: Result<()>) -> Option<String> {
        let left = match outcome {
            Ok(()) => None,
            Err(error) => {
                self.reason.get_or_insert(error.text);
                Some(key)
            }
        };
        let counts = left.is_none();
        self.job.send_modify(|job| {
            if counts {
                job.done += 1;
            } else {
                job.failed += 1;
            }
            job.found = job.found.max(job.done + job.failed);
        });
        if self.told.elapsed() >= BREATH {
            self.tell();
        }
        left
    }

    fn change(&mut self, change: impl FnOnce(&mut Job)) {
        self.job.send_modify(change);
        self.tell();
    }

    fn tell(&mut self) {
        self.told = Instant::now();
        let job = self.job.borrow().clone();
        self.inner.hub.emit(Event::Job(Box::new(job)));
    }
}
