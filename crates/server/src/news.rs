//! What happened to objects, for those who listen: told once to everybody at this replica, and through PostgreSQL to the others.
//!
//! Nobody is waited for. A listener who is too slow, and all of them where the way between the replicas was broken, are told that
//! something was missed. News that the database does not take are offered again until it does; where they become too many, the other
//! replicas are told that some were lost. What stays out: changes that did not go through this server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use imagepic_api::object::{Changed, Happened};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

/// News a listener may be behind.
const BEHIND: usize = 256;
/// News on their way to the other replicas.
const OUTGOING: usize = 1024;
/// Listeners of all people together.
const SEATS: usize = 1024;
const CHANNEL: &str = "imagepic_objects";
/// PostgreSQL takes payloads of less than 8000 bytes.
const LONGEST: usize = 7999;
/// Between two tries to reach the database.
const PAUSE: Duration = Duration::from_secs(1);

/// What a listener hears.
#[derive(Debug, Clone)]
pub(crate) enum Heard {
    /// Something happened.
    Changed(Arc<Changed>),
    /// Something else happened that is not known any more: look for yourself.
    Missed,
    /// The server stops.
    End,
}

#[derive(Serialize, Deserialize)]
struct Message {
    from: uuid::Uuid,
    /// `None`: something that cannot be told any more.
    changed: Option<Changed>,
}

impl Message {
    fn text(from: uuid::Uuid, changed: Option<Changed>) -> String {
        serde_json::to_string(&Self { from, changed }).unwrap_or_default()
    }
}

/// News on their way to the other replicas.
struct Outgoing {
    queue: mpsc::Sender<Changed>,
    /// Some found no place in it.
    lost: Arc<AtomicBool>,
}

/// Tells and lets listen.
pub(crate) struct News {
    here: broadcast::Sender<Heard>,
    others: Option<Outgoing>,
    seats: Seats,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for News {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl News {
    /// With a database, replicas tell each other. The reason is for whoever starts the server.
    pub(crate) async fn open(pool: Option<&PgPool>) -> Result<Self, String> {
        let (here, _) = broadcast::channel(BEHIND);
        let mut news = Self { here, others: None, seats: Seats::default(), tasks: Vec::new() };
        if let Some(pool) = pool {
            let me = uuid::Uuid::new_v4();
            let listener = listen(pool).await.map_err(|error| error.to_string())?;
            let (queue, outgoing) = mpsc::channel(OUTGOING);
            let lost = Arc::new(AtomicBool::new(false));
            news.others = Some(Outgoing { queue, lost: Arc::clone(&lost) });
            news.tasks.push(tokio::spawn(hear(pool.clone(), listener, me, news.here.clone())));
            news.tasks.push(tokio::spawn(pass_on(pool.clone(), outgoing, lost, me)));
        }
        Ok(news)
    }

    /// Tells everybody who listens, at every replica. Never waits.
    pub(crate) fn tell(&self, changed: Changed) {
        if let Some(others) = &self.others
            && others.queue.try_send(changed.clone()).is_err()
            && !others.lost.swap(true, Ordering::AcqRel)
        {
            tracing::warn!("news for the other replicas are lost: the database does not keep up");
        }
        // Nobody may be listening.
        let _ = self.here.send(Heard::Changed(Arc::new(changed)));
    }

    /// A seat for that person; `None` where all of the person's, or all there are, are taken.
    pub(crate) fn subscribe(&self, person: &str, most: usize, filter: Filter) -> Option<Listener> {
        let seat = self.seats.take(person, most)?;
        Some(Listener { heard: self.here.subscribe(), filter, _seat: seat })
    }

    /// Ends all listening, so that the server can stop.
    pub(crate) fn close(&self) {
        let _ = self.here.send(Heard::End);
    }
}

async fn listen(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

async fn hear(pool: PgPool, mut listener: PgListener, me: uuid::Uuid, here: broadcast::Sender<Heard>) {
    loop {
        match listener.try_recv().await {
            Ok(Some(notice)) => match serde_json::from_str::<Message>(notice.payload()) {
                Ok(message) if message.from == me => {}
                Ok(message) => {
                    let _ = here.send(message.changed.map_or(Heard::Missed, |changed| Heard::Changed(Arc::new(changed))));
                }
                Err(error) => {
                    tracing::warn!(%error, "another replica's news cannot be read");
                    let _ = here.send(Heard::Missed);
                }
            },
            // The line was lost and is found again; what was told meanwhile is gone.
            Ok(None) => {
                let _ = here.send(Heard::Missed);
            }
            Err(error) => {
                tracing::warn!(%error, "the other replicas cannot be heard");
                let _ = here.send(Heard::Missed);
                listener = loop {
                    tokio::time::sleep(PAUSE).await;
                    if let Ok(listener) = listen(&pool).await {
                        break listener;
                    }
                };
                // What was told since is gone as well: whoever looked when the line broke looks once more.
                let _ = here.send(Heard::Missed);
            }
        }
    }
}

async fn pass_on(pool: PgPool, mut outgoing: mpsc::Receiver<Changed>, lost: Arc<AtomicBool>, me: uuid::Uuid) {
    while let Some(changed) = outgoing.recv().await {
        let mut payload = Message::text(me, Some(changed));
        if payload.len() > LONGEST {
            tracing::warn!("an object's name is too long for the other replicas' news");
            payload = Message::text(me, None);
        }
        notify(&pool, &payload).await;
        // Behind what still found a place: who looks then sees what was lost as well.
        if outgoing.is_empty() && lost.swap(false, Ordering::AcqRel) {
            notify(&pool, &Message::text(me, None)).await;
        }
    }
}

/// Tells the other replicas, however long the database is away.
async fn notify(pool: &PgPool, payload: &str) {
    let mut told = false;
    while let Err(error) = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(pool).await {
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(%error, "the other replicas cannot be told for now");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What somebody wants to hear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Only of this bucket.
    pub(crate) bucket: String,
    /// Only of keys that begin so.
    pub(crate) prefix: String,
    /// Only of keys that end so.
    pub(crate) suffix: String,
    /// Only these; empty for all.
    pub(crate) events: Vec<Happened>,
}

impl Filter {
    fn wants(&self, changed: &Changed) -> bool {
        changed.bucket_name == self.bucket
            && changed.object_name.starts_with(&self.prefix)
            && changed.object_name.ends_with(&self.suffix)
            && (self.events.is_empty() || self.events.contains(&changed.event))
    }
}

/// Somebody who listens; the seat is free again when this is dropped.
pub(crate) struct Listener {
    heard: broadcast::Receiver<Heard>,
    filter: Filter,
    _seat: Seat,
}

impl Listener {
    /// The next thing this listener wants to hear.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            match self.heard.recv().await {
                Ok(Heard::Changed(changed)) if !self.filter.wants(&changed) => {}
                Ok(heard) => return heard,
                Err(broadcast::error::RecvError::Lagged(_)) => return Heard::Missed,
                Err(broadcast::error::RecvError::Closed) => return Heard::End,
            }
        }
    }
}

/// How many listen, by person.
#[derive(Debug, Clone, Default)]
struct Seats(Arc<Mutex<HashMap<String, usize>>>);

#[derive(Debug)]
struct Seat {
    seats: Seats,
    person: String,
}

impl Seats {
    fn take(&self, person: &str, most: usize) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(person).copied().unwrap_or_default();
        if own >= most || taken.values().sum::<usize>() >= SEATS {
            return None;
        }
        taken.insert(person.to_owned(), own + 1);
        Some(Seat { seats: self.clone(), person: person.to_owned() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.person) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(bucket: &str, key: &str, event: Happened) -> Changed {
        let (bucket_name, object_name) = (bucket.to_owned(), key.to_owned());
        Changed { event, bucket_name, object_name, size: None, etag: None, time: String::new() }
    }

    fn filter() -> Filter {
        Filter { bucket: "pics".to_owned(), prefix: "a/".to_owned(), suffix: ".png".to_owned(), events: vec![Happened::Created] }
    }

    #[tokio::test]
    async fn a_listener_hears_what_was_asked_for_and_nothing_else() {
        let news = News::open(None).await.expect("no database");
        let mut listener = news.subscribe("me", 1, filter()).expect("a seat");
        for (bucket, key, event) in [
            ("other", "a/1.png", Happened::Created),
            ("pics", "b/1.png", Happened::Created),
            ("pics", "a/1.jpg", Happened::Created),
            ("pics", "a/1.png", Happened::Removed),
            ("pics", "a/2.png", Happened::Created),
        ] {
            news.tell(changed(bucket, key, event));
        }
        assert!(matches!(listener.next().await, Heard::Changed(changed) if changed.object_name == "a/2.png"));
        news.close();
        assert!(matches!(listener.next().await, Heard::End));
    }

    #[tokio::test]
    async fn who_listens_too_slowly_is_told_and_hears_on() {
        let news = News::open(None).await.expect("no database");
        let mut listener = news.subscribe("me", 1, filter()).expect("a seat");
        for number in 0..=BEHIND {
            news.tell(changed("pics", &format!("a/{number}.png"), Happened::Created));
        }
        assert!(matches!(listener.next().await, Heard::Missed));
        assert!(matches!(listener.next().await, Heard::Changed(changed) if changed.object_name == "a/1.png"));
    }

    #[tokio::test]
    async fn seats_are_counted_by_person_and_come_back() {
        let news = News::open(None).await.expect("no database");
        let first = news.subscribe("me", 2, filter());
        let second = news.subscribe("me", 2, filter());
        assert!(first.is_some() && second.is_some() && news.subscribe("me", 2, filter()).is_none());
        assert!(news.subscribe("you", 2, filter()).is_some());
        drop(first);
        assert!(news.subscribe("me", 2, filter()).is_some());
    }
}
