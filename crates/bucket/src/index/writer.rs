//! The one thread that changes the index.
//!
//! Jobs that arrive while a commit is under way are done together in the next transaction, each behind a savepoint of its
//! own: one that is refused takes nothing back from its neighbours. A caller hears of success only after the commit.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::blobs::{BlobId, Blobs, Fresh};
use crate::counters::Counters;
use crate::error::{Error, Result};
use crate::fail::{Fail, Try, from_db};

const BATCH: usize = 64;
const QUEUE: usize = 256;
/// Jobs after which the write-ahead log is folded into the file when nothing waits, and when something does.
const CHECKPOINT_IDLE: usize = 200;
const CHECKPOINT_ANYWAY: usize = 4000;

/// What a change asks for outside of the index.
#[derive(Default)]
pub(crate) struct Effects {
    /// Blobs without a reference left: unlinked after the commit.
    pub(crate) dropped: Vec<BlobId>,
    /// Called after the commit, before the caller hears of it.
    pub(crate) after: Vec<Box<dyn FnOnce() + Send>>,
}

trait Job: Send {
    fn run(&mut self, conn: &Connection, effects: &mut Effects) -> bool;
    fn folders(&self) -> &[u8];
    fn finish(self: Box<Self>, fault: Option<Fail>);
}

struct Change<T, F> {
    change: Option<F>,
    out: Option<Try<T>>,
    fresh: Vec<Fresh>,
    folders: Vec<u8>,
    reply: oneshot::Sender<Try<T>>,
}

impl<T: Send, F: FnOnce(&Connection, &mut Effects) -> Try<T> + Send> Job for Change<T, F> {
    fn run(&mut self, conn: &Connection, effects: &mut Effects) -> bool {
        let Some(change) = self.change.take() else { return false };
        let out = change(conn, effects);
        let ok = out.is_ok();
        self.out = Some(out);
        ok
    }

    fn folders(&self) -> &[u8] {
        &self.folders
    }

    fn finish(mut self: Box<Self>, fault: Option<Fail>) {
        let out = match fault {
            Some(fault) => Err(fault),
            None => self.out.take().unwrap_or(Err(Fail::Closed)),
        };
        if out.is_ok() {
            self.fresh.drain(..).for_each(Fresh::keep);
        } else {
            // Before the answer: once something is refused, nothing of it is left.
            self.fresh.clear();
        }
        // Whoever asked may have hung up; what was committed stays.
        _ = self.reply.send(out);
    }
}

enum Message {
    Job(Box<dyn Job>),
    Stop,
}

/// The sending end, shared by all requests.
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread; `keep` is held until it has ended.
    pub(crate) fn start(conn: Connection, blobs: Arc<Blobs>, keep: impl Send + 'static) -> Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("bucket-index".into())
            .spawn(move || {
                work(conn, jobs, &blobs);
                drop(keep);
            })
            .map_err(|e| Error::io("start the writer of", "the index", e))?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Does a change and answers after it is durable. `fresh` are the blobs it brings: kept if it succeeds, unlinked if not.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        fresh: Vec<Fresh>,
        change: impl FnOnce(&Connection, &mut Effects) -> Try<T> + Send + 'static,
    ) -> Try<T> {
        let (reply, answer) = oneshot::channel();
        let folders = fresh.iter().map(|f| f.id.folder()).collect();
        let job = Change { change: Some(change), out: None, fresh, folders, reply };
        self.queue.send(Message::Job(Box::new(job))).await.map_err(|_| Fail::Closed)?;
        answer.await.map_err(|_| Fail::Closed)?
    }

    /// Ends the thread after what is queued; the index is closed and marked so.
    pub(crate) async fn stop(&self) {
        _ = self.queue.send(Message::Stop).await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn work(conn: Connection, mut jobs: mpsc::Receiver<Message>, blobs: &Blobs) {
    let mut since_checkpoint = 0;
    let mut stop = false;
    while !stop {
        let mut batch = Vec::new();
        let mut next = jobs.blocking_recv();
        loop {
            match next {
                Some(Message::Job(job)) => batch.push(job),
                Some(Message::Stop) | None => {
                    stop = true;
                    break;
                }
            }
            if batch.len() == BATCH {
                break;
            }
            match jobs.try_recv() {
                Ok(message) => next = Some(message),
                Err(_) => break,
            }
        }
        since_checkpoint += batch.len();
        commit(&conn, batch, blobs);
        if since_checkpoint >= CHECKPOINT_ANYWAY || (since_checkpoint >= CHECKPOINT_IDLE && jobs.is_empty()) {
            since_checkpoint = 0;
            Counters::add(&blobs.counters.checkpoints);
            if let Err(e) = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
                tracing::warn!(error = %e, "bucket index: checkpoint");
            }
        }
    }
    if let Err(e) = conn.execute("UPDATE state SET value = 0 WHERE name = 'open'", []) {
        tracing::warn!(error = %e, "bucket index: the next start will sweep");
    }
    if let Err((_, e)) = conn.close() {
        tracing::warn!(error = %e, "bucket index: close");
    }
}

fn commit(conn: &Connection, mut batch: Vec<Box<dyn Job>>, blobs: &Blobs) {
    if batch.is_empty() {
        return;
    }
    let mut effects = Effects::default();
    match transact(conn, &mut batch, &mut effects, blobs) {
        Ok(()) => {
            for after in effects.after {
                after();
            }
            for job in batch {
                job.finish(None);
            }
            blobs.remove(&effects.dropped);
        }
        Err(fault) => {
            if !conn.is_autocommit()
                && let Err(e) = conn.execute_batch("ROLLBACK")
            {
                tracing::error!(error = %e, "bucket index: rollback");
            }
            // One fault, told to everybody who shared the commit.
            let told = s3s::S3Error::from(fault);
            for job in batch {
                let mut copy = s3s::S3Error::with_message(told.code().clone(), told.message().unwrap_or_default().to_owned());
                if let Some(status) = told.status_code() {
                    copy.set_status_code(status);
                }
                job.finish(Some(Fail::S3(copy)));
            }
        }
    }
}

fn transact(conn: &Connection, batch: &mut [Box<dyn Job>], effects: &mut Effects, blobs: &Blobs) -> Try<()> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let before = conn.total_changes();
    let mut folders = HashSet::new();
    for job in batch {
        conn.prepare_cached("SAVEPOINT job")?.execute([])?;
        let mut own = Effects::default();
        if job.run(conn, &mut own) {
            effects.dropped.append(&mut own.dropped);
            effects.after.append(&mut own.after);
            folders.extend(job.folders().iter().copied());
        } else {
            conn.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        conn.prepare_cached("RELEASE job")?.execute([])?;
    }
    blobs.sync_folders(&folders)?;
    if conn.total_changes() != before {
        Counters::add(&blobs.counters.commits);
    }
    conn.execute_batch("COMMIT").map_err(|e| Fail::S3(from_db(&e)))
}
