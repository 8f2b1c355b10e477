//! One upload's way to its store: look where looking is due, send, confirm.

use std::fs;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use imagepic_words::errors;
use md5::{Digest as _, Md5};

use super::Queue;
use super::hold::Held;
use crate::destination::THIS_COMPUTER;
use crate::error::{Code, Error, Result, Waiting};
use crate::event::Event;
use crate::home::Home;
use crate::intake::check_reference;
use crate::journal::{Change, Last, Row, RowState, Twin};
use crate::naming;
use crate::store::{Body, Object, Put, Store};

/// Other names that are tried when one is occupied by other bytes.
const VARIANTS: u32 = 30;
/// Progress events of one upload: ten a second.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// So long after an upload was taken the journal's word counts that no other has its bytes, in milliseconds.
const ALONE: i64 = 2000;

/// How an upload ended well.
pub(super) struct Confirmed {
    pub(super) key: String,
    pub(super) etag: Option<String>,
    /// The object was there before.
    pub(super) reused: bool,
    /// This home put it there.
    pub(super) created: bool,
}

enum Attempt {
    Confirmed(Confirmed),
    /// Another process (its name in `run/`) sends the same bytes; look again when the journal has changed.
    Blocked(String),
    /// A person is to be asked for its name first.
    Unnamed,
    /// Somebody else decided about the row.
    Overtaken,
}

/// A refused look has no body that says why, and a key may write and not read: the put that follows is told the reason. This computer's
/// bucket is not busy: it answers so about an object whose bytes are gone from the disk, and a put mends that.
fn seen(row: &Row, looked: Result<Option<Object>>) -> Result<Option<Object>> {
    match looked {
        Err(error) if error.code == Code::Forbidden => Ok(None),
        Err(error) if error.code == Code::StoreBusy && row.destination == THIS_COMPUTER => Ok(None),
        looked => looked,
    }
}

/// The object of a twin that is done, if it is still what it was.
async fn twin_is_there(store: &dyn Store, row: &Row, twin: Twin) -> Result<Option<Confirmed>> {
    let there = seen(row, store.stat(&row.bucket, &twin.key).await)?;
    let same = |object: Object| object.size == row.size && same_object(&object, &row.prepared, twin.etag.as_deref());
    let confirmed = Confirmed { key: twin.key.clone(), etag: twin.etag.clone(), reused: true, created: false };
    Ok(there.is_some_and(same).then_some(confirmed))
}

/// What a task takes with it from memory.
struct Job {
    row: Row,
    body: Option<Bytes>,
    look_first: bool,
    alone: bool,
}

impl Queue {
    pub(super) async fn send(self: Arc<Self>, id: i64) {
        let Some((job, cancel)) = self.hub.with(|live| {
            let entry = live.entries.get_mut(&id)?;
            // After a while another process may have brought the same.
            let alone = entry.alone && self.now() - entry.row.taken_at < ALONE;
            let job = Job { row: entry.row.clone(), body: entry.body.take(), look_first: entry.look_first, alone };
            // Only the commit that took it can say so; later another one may have come.
            entry.alone = false;
            Some((job, entry.cancel.clone()))
        }) else {
            return;
        };
        let mut row = job.row.clone();
        let mendings = self.mendings.load(Ordering::Acquire);
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            outcome = self.attempt(job, &mut row) => Some(outcome),
        };
        match outcome {
            None => self.cancelled(&row).await,
            Some(Ok(Attempt::Confirmed(confirmed))) => self.confirmed(&row, confirmed).await,
            Some(Ok(Attempt::Blocked(other))) => self.held_up(&row, &other).await,
            Some(Ok(Attempt::Unnamed)) => self.unnamed(&row).await,
            Some(Ok(Attempt::Overtaken)) => {
                self.hub.with(|live| live.entries.remove(&id));
                self.hub.tell_status();
                self.hub.bump();
            }
            Some(Err(error)) => self.met(&row, error, mendings).await,
        }
    }

    /// Waits behind another process, and says so once that takes longer than a moment. Kept in memory only: the row is as good as
    /// queued, and whoever takes it over need not know.
    async fn held_up(self: &Arc<Self>, row: &Row, other: &str) {
        let since = self.hub.with(|live| {
            let entry = live.entries.get_mut(&row.id)?;
            entry.sending = false;
            entry.blocked = true;
            let first = entry.blocked_since.is_none();
            Some((*entry.blocked_since.get_or_insert_with(Instant::now), first))
        });
        let Some((since, first)) = since else { return };
        self.hub.tell(row);
        self.watch_owners();
        let left = self.pace.turn.saturating_sub(since.elapsed());
        if !left.is_zero() {
            if !first {
                // The first hold-up still counts the time for all that follow.
                return;
            }
            tokio::time::sleep(left).await;
        }
        let still = self.hub.with(|live| {
            let entry = live.entries.get(&row.id)?;
            (entry.blocked && entry.row.state == RowState::Queued).then(|| entry.row.clone())
        });
        let Some(mut waits) = still else { return };
        let paused = self.home.paused_by().as_deref() == Some(other);
        let name = if row.name.is_empty() { row.key.rsplit('/').next().unwrap_or_default() } else { &row.name };
        let text = if paused { errors::queued_in_paused(name) } else { errors::queued_elsewhere(other, name) };
        waits.waiting = Some(Waiting::Turn);
        waits.fault = Some(Error::new(Code::QueuedElsewhere, text).fault());
        let change = Change::of(&waits);
        self.settle(&waits, change, None, true).await;
    }

    async fn attempt(&self, job: Job, row: &mut Row) -> Result<Attempt> {
        if row.wants_name() {
            // Whatever keeps it from being found out, a person is asked: what the store says against it is heard once there is a name.
            return Ok(self.there_already(row).await.ok().flatten().map_or(Attempt::Unnamed, Attempt::Confirmed));
        }
        let store = self.stores.of(&row.destination).await?;
        if !job.alone
            && let Some(twin) = self.journal.twin(row.clone()).await?
        {
            if twin.state == RowState::Done {
                if let Some(confirmed) = twin_is_there(store.as_ref(), row, twin).await? {
                    return Ok(Attempt::Confirmed(confirmed));
                }
            } else if let Some(other) = twin.owner.filter(|owner| self.home.alive(owner)) {
                // Behind one that has ended nobody waits: whoever takes its row over finds this one done.
                return Ok(Attempt::Blocked(other));
            }
        }
        if job.look_first
            && let Some(object) = seen(row, store.stat(&row.bucket, &row.key).await)?
            && self.is_ours(row, &object, None).await?
        {
            return self.found(store.as_ref(), row, object).await;
        }
        self.put(store.as_ref(), row, job).await
    }

    /// The object of another upload with the very bytes, where there is one.
    async fn there_already(&self, row: &Row) -> Result<Option<Confirmed>> {
        let Some(twin) = self.journal.twin(row.clone()).await?.filter(|twin| twin.state == RowState::Done) else {
            return Ok(None);
        };
        twin_is_there(self.stores.of(&row.destination).await?.as_ref(), row, twin).await
    }

    async fn put(&self, store: &dyn Store, row: &mut Row, job: Job) -> Result<Attempt> {
        let body = self.body(row, job.body).await?;
        let first = row.key.clone();
        let mut bucket_made = false;
        let mut variant = 1;
        loop {
            let put = Put {
                bucket: row.bucket.clone(),
                key: row.key.clone(),
                body: body.clone(),
                size: row.size,
                sha256: row.prepared,
                content_type: row.content_type.clone(),
                content_disposition: crate::prepare::disposition(&row.content_type),
                if_absent: true,
                id: Some(self.journal.object_id(row)),
            };
            let error = match store.put(put, self.progress(row)).await {
                Ok(stored) => {
                    // The store has confirmed the hash made at intake; what became of the file since is no matter.
                    return Ok(Attempt::Confirmed(Confirmed {
                        key: row.key.clone(),
                        etag: stored.etag,
                        reused: false,
                        created: true,
                    }));
                }
                Err(error) => error,
            };
            match error.code {
                Code::NoSuchBucket if row.destination == THIS_COMPUTER && !bucket_made => {
                    bucket_made = true;
                    match self.stores.make_bucket(&row.destination, &row.bucket).await {
                        Err(error) if error.code != Code::NameTaken => return Err(error),
                        _ => {}
                    }
                }
                Code::NameTaken => {
                    // An object of the very bytes is what was wanted, whoever put it there.
                    if let Some(object) = store.stat(&row.bucket, &row.key).await?
                        && self.is_ours(row, &object, Some(&body)).await?
                    {
                        return self.found(store, row, object).await;
                    }
                    variant += 1;
                    if variant > VARIANTS {
                        return Err(Error::new(Code::NameTaken, errors::name_taken(&first, &row.destination)));
                    }
                    // The name must be in the journal before a byte travels to it.
                    let mut change = Change::of(row);
                    change.state = RowState::Queued;
                    (change.waiting, change.fault) = (None, None);
                    change.key = Some(naming::occupied(&first, variant));
                    match self.journal.change(row, Some(self.owner.clone()), change, Last::Now).await? {
                        Some(changed) => {
                            self.hub.with(|live| {
                                if let Some(entry) = live.entries.get_mut(&row.id) {
                                    entry.row = changed.clone();
                                }
                            });
                            *row = changed;
                        }
                        None => return Ok(Attempt::Overtaken),
                    }
                }
                _ => {
                    // A file that changed while it was read shows as damaged bytes. What was sent from memory is safe from that: the
                    // file may be gone, and its bytes are in the spool.
                    if matches!(body, Body::File(_)) {
                        self.unchanged(row)?;
                    }
                    return Err(error);
                }
            }
        }
    }

    /// An object of the row's very bytes, at its key: put there by this very row before a crash or a broken line, or by somebody else.
    async fn found(&self, store: &dyn Store, row: &Row, object: Object) -> Result<Attempt> {
        let created = object.id == Some(self.journal.object_id(row));
        if created {
            store.arrived(&row.bucket, &row.key).await?;
        }
        Ok(Attempt::Confirmed(Confirmed { key: row.key.clone(), etag: object.etag, reused: !created, created }))
    }

    async fn body(&self, row: &Row, kept: Option<Bytes>) -> Result<Body> {
        if let Some(bytes) = kept {
            return Ok(Body::Bytes(bytes));
        }
        if let Some(hold) = self.hold_of(row.id)
            && let Some(bytes) = hold.bytes().await
        {
            return Ok(Body::Bytes(bytes));
        }
        if let Some(reference) = &row.reference {
            check_reference(reference)?;
            if row.prepared == row.original {
                return Ok(Body::File(reference.path.clone()));
            }
            // Taken, cleaned and not yet in the spool when its process ended: cleaned once more.
            let (reference, prepared) = (reference.clone(), row.prepared);
            return super::blocking(move || crate::intake::clean_again(&reference, prepared)).await.map(Body::Bytes);
        }
        let Some(name) = &row.spool else {
            return Err(Error::new(Code::FileMissing, errors::spool_missing(&row.name)));
        };
        let path = self.spool_file(name);
        // A spool file is written once and whole; only its absence or its length can be wrong.
        match tokio::fs::metadata(&path).await {
            Ok(data) if data.len() == row.size => Ok(Body::File(path)),
            _ => Err(Error::new(Code::FileMissing, errors::spool_missing(&row.name))),
        }
    }

    fn unchanged(&self, row: &Row) -> Result<()> {
        row.reference.as_ref().map_or(Ok(()), check_reference)
    }

    /// Whether the object holds the row's bytes: by the hash imagepic stores with it, or by an ETag that is an MD5.
    async fn is_ours(&self, row: &Row, object: &Object, kept: Option<&Body>) -> Result<bool> {
        if object.size != row.size {
            return Ok(false);
        }
        if let Some(sha256) = &object.sha256 {
            return Ok(*sha256 == hex::encode(row.prepared));
        }
        let Some(etag) = object.etag.as_deref().filter(|etag| etag.len() == 32).map(str::to_lowercase) else { return Ok(false) };
        // What has not been spooled yet is in memory.
        if let Some(Body::Bytes(bytes)) = kept {
            return Ok(hex::encode(Md5::digest(bytes)) == etag);
        }
        let path = match (&row.reference, &row.spool) {
            (Some(reference), _) => reference.path.clone(),
            (None, Some(name)) => self.spool_file(name),
            (None, None) => return Ok(false),
        };
        let name = row.name.clone();
        tokio::task::spawn_blocking(move || {
            let mut digest = Md5::new();
            let mut file = fs::File::open(&path).map_err(|error| crate::intake::unreadable(&path, &error))?;
            std::io::copy(&mut file, &mut digest).map_err(|error| crate::intake::unreadable(&path, &error))?;
            Ok(hex::encode(digest.finalize()) == etag)
        })
        .await
        .map_err(|error| Error::new(Code::Internal, errors::internal(format!("{name}: {error}"))))?
    }

    fn progress(&self, row: &Row) -> crate::store::Progress {
        let (id, total) = (row.id, row.size);
        let Some(counter) = self.hub.with(|live| live.entries.get(&id).map(|entry| Arc::clone(&entry.sent))) else {
            return Arc::new(|_| {});
        };
        counter.store(0, Ordering::Relaxed);
        let hub = Arc::clone(&self.hub);
        let last = Mutex::new(Instant::now());
        Arc::new(move |sent| {
            counter.store(sent.min(total), Ordering::Relaxed);
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() < PROGRESS_PAUSE {
                return;
            }
            *last = Instant::now();
            drop(last);
            hub.emit(Event::Progress { id, sent: sent.min(total), total });
            hub.tell_status();
        })
    }

    pub(super) async fn confirmed(self: &Arc<Self>, row: &Row, confirmed: Confirmed) {
        let hold = self.hold_of(row.id);
        // Nobody writes its bytes to the disk from here on; who does so at this moment comes to an end first.
        let mut kept = match &hold {
            Some(hold) => Some(hold.lock().await),
            None => None,
        };
        if hold.as_ref().is_some_and(|hold| hold.now() == Held::Refused) {
            // The one who gave it has been told that it was not taken.
            drop(kept);
            self.call_off(row.id).await;
            if confirmed.created {
                self.take_back(row, &confirmed.key).await;
            }
            return;
        }
        let mut row = self.newest(row);
        let mut change = Change::of(&row);
        change.state = RowState::Done;
        change.key = Some(confirmed.key.clone()).filter(|key| *key != row.key);
        change.etag = confirmed.etag.clone();
        change.reused = confirmed.reused;
        change.created = confirmed.created;
        change.fault = None;
        change.waiting = None;
        change.next_try_at = None;
        change.done_at = Some(self.now());
        change.expires_at = self.expires_at(&row.destination, &row.bucket, &confirmed.key).await;
        if let Some(kept) = &kept {
            row.spool = row.spool.or_else(|| kept.spool.clone());
        }
        change.forgets_spool = !self.keeps_spool && row.spool.is_some();
        if let Some(kept) = &kept {
            self.show(row.id, kept);
        }
        // Nothing travels for it any more: another one may start while this one's end is written down.
        self.confirmed.fetch_add(1, Ordering::AcqRel);
        self.wake();
        let settled = self.settle(&row, change, None, false).await;
        self.confirmed.fetch_sub(1, Ordering::AcqRel);
        if settled {
            self.learn_naming(&Row { key: confirmed.key.clone(), ..row.clone() });
            if let (Some(hold), Some(kept)) = (&hold, &mut kept) {
                self.let_go(&row, hold, kept);
            }
            if self.keeps_spool {
                self.keep_spool(&row);
            } else {
                self.drop_spool_later(&row);
            }
            self.answered(&row.destination);
            return;
        }
        self.fresh.remove(row.id);
        if confirmed.created
            && matches!(self.journal.get(row.id).await, Ok(Some(now)) if now.state == RowState::Cancelled || now.state == RowState::Gone)
        {
            // Cancelled by another process while the last bytes travelled.
            self.take_back(&row, &confirmed.key).await;
        }
    }

    pub(super) async fn cancelled(&self, row: &Row) {
        if let Some(hold) = self.hold_of(row.id) {
            self.secure(vec![(row.id, hold)]).await;
        }
        let row = &self.newest(row);
        let mut change = Change::of(row);
        change.state = RowState::Cancelled;
        change.fault = Some(Error::new(Code::Cancelled, errors::cancelled(&row.name)).fault());
        change.waiting = None;
        if self.settle(row, change, None, false).await {
            self.keep_spool(row);
        }
        // The store may have had all bytes when the line was cut.
        self.take_back(row, &row.key).await;
    }

    /// Removes an object that came about although its upload was stopped; only if this very row put it and nobody counts on it.
    async fn take_back(&self, row: &Row, key: &str) {
        let gone = async {
            let store = self.stores.of(&row.destination).await?;
            let Some(object) = store.stat(&row.bucket, key).await? else { return Ok(()) };
            if object.id != Some(self.journal.object_id(row)) {
                return Ok(());
            }
            let naming = self.journal.naming(row.bucket.clone(), key.to_owned()).await?;
            // Whoever retried it meanwhile wants it after all.
            let wanted =
                naming.iter().any(|other| other.id == row.id && !matches!(other.state, RowState::Cancelled | RowState::Gone));
            if !wanted && self.sharer(row, &naming).is_none() {
                store.remove(&row.bucket, key).await?;
            }
            Ok::<(), Error>(())
        };
        if let Err(error) = gone.await {
            tracing::info!(id = row.id, error = %error, "could not look whether a stopped upload left an object");
        }
    }

    /// When a link made now ends.
    pub(crate) async fn expires_at(&self, destination: &str, bucket: &str, key: &str) -> Option<i64> {
        let settings = self.hub.settings();
        let destination = settings.destinations.iter().find(|known| known.id == destination)?;
        match self.stores.policy(destination, bucket, key).await {
            crate::destination::LinkPolicy::Presigned { seconds } => Some(self.now() + i64::from(seconds) * 1000),
            crate::destination::LinkPolicy::Public { .. } => None,
        }
    }

    /// Keeps the bytes for a thumbnail or a change of mind, and lets the oldest go. Rows that still name those are put right at the next
    /// start.
    pub(super) fn keep_spool(&self, row: &Row) {
        let Some(name) = row.spool.as_ref().filter(|_| self.keeps_spool) else { return };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((name.clone(), row.size));
        let mut bytes: u64 = kept.iter().map(|(_, size)| size).sum();
        while kept.len() > super::KEPT_FILES || (bytes > super::KEPT_BYTES && kept.len() > 1) {
            let Some((name, size)) = kept.pop_front() else { break };
            bytes -= size;
            drop(fs::remove_file(self.spool_file(&name)));
        }
    }

    /// The bytes are needed again: they must not go with what is merely kept.
    pub(super) fn claim_spool(&self, row: &Row) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).retain(|(name, _)| row.spool.as_ref() != Some(name));
    }

    /// Gives the room of what is kept for thumbnails back; whether there was any.
    pub(crate) fn release_kept(&self) -> bool {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        for (name, _) in &kept {
            drop(fs::remove_file(self.spool_file(name)));
        }
        !kept.is_empty()
    }

    /// Once it lasts that the row is done: until then a power cut leaves it queued, and its bytes with it.
    fn drop_spool_later(&self, row: &Row) {
        if row.spool.is_some() {
            let (home, row) = (self.home.clone(), row.clone());
            self.journal.once_it_lasts(move || drop_spool(&home, &row));
        }
    }

    pub(crate) fn drop_spool(&self, row: &Row) {
        drop_spool(&self.home, row);
    }
}

fn drop_spool(home: &Home, row: &Row) {
    if let Some(name) = &row.spool {
        let path = home.spool().join(name);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::info!(path = %path.display(), %error, "a spool file stays until the next start");
        }
    }
}

fn same_object(object: &Object, sha256: &[u8; 32], etag: Option<&str>) -> bool {
    match &object.sha256 {
        Some(theirs) => *theirs == hex::encode(sha256),
        None => etag.is_some() && object.etag.as_deref() == etag,
    }
}
