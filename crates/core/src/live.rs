//! The present, in memory: every upload that is not over, the batches they belong to, and the last ten that are done.
//!
//! It exists so that a menu or a window never waits for disk or network. It is filled from the journal and changed only after the
//! journal took the change. What stays out: the history (the journal has it) and any decision (the queue's).

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use imagepic_words::{Lang, status};
use tokio_util::sync::CancellationToken;

use crate::destination::{Destination, Kind};
use crate::error::Waiting;
use crate::event::{Offer, Place, Refusal, Snapshot, Stage, State, Upload};
use crate::journal::{Deliver, Row, RowState};
use crate::link::Format;
use crate::settings::Settings;
use crate::sources::asking::Asked;
use crate::sources::fetches::Fetch;

/// Characters of a reason in the line of state.
const LONGEST_REASON: usize = 80;
/// "Recent" in the tray.
const RECENT: usize = 10;
/// Batches that are remembered after they have settled, for whoever still asks.
const BATCHES: usize = 256;
/// Uploads that are remembered after they are done, see [`Live::ended`].
const ENDED: usize = 4096;

/// One open upload.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    /// This process sends it.
    pub(crate) own: bool,
    /// Bytes travel at this moment, or are about to.
    pub(crate) sending: bool,
    /// It is being written down as waiting, because another one met the trouble: until that is done nobody takes it up.
    pub(crate) held_back: bool,
    /// Bytes the socket took.
    pub(crate) sent: Arc<AtomicU64>,
    /// The bytes, while they are still in memory from intake.
    pub(crate) body: Option<Bytes>,
    /// While they are nowhere else.
    pub(crate) hold: Option<Arc<crate::queue::hold::Hold>>,
    /// A try before this one may have reached the store (crash, broken connection): look before sending.
    pub(crate) look_first: bool,
    /// The journal has been asked for a twin in the commit that took it, and knew none.
    pub(crate) alone: bool,
    /// Another process sends the same bytes to the same place: wait until the journal changes.
    pub(crate) blocked: bool,
    /// Since when it has been kept from going that way.
    pub(crate) blocked_since: Option<Instant>,
    /// Stops it.
    pub(crate) cancel: CancellationToken,
    /// Waits at least until then.
    pub(crate) due: Option<Instant>,
}

impl Entry {
    pub(crate) fn new(row: Row, own: bool) -> Self {
        Self {
            row,
            own,
            sending: false,
            held_back: false,
            sent: Arc::new(AtomicU64::new(0)),
            body: None,
            hold: None,
            look_first: false,
            alone: false,
            blocked: false,
            blocked_since: None,
            cancel: CancellationToken::new(),
            due: None,
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.row.state {
            RowState::Queued | RowState::Waiting if self.sending => Stage::Sending,
            state => stage(state),
        }
    }
}

fn stage(state: RowState) -> Stage {
    match state {
        RowState::Queued => Stage::Queued,
        RowState::Waiting => Stage::Waiting,
        RowState::Done => Stage::Done,
        RowState::Failed => Stage::Failed,
        RowState::Cancelled | RowState::Gone => Stage::Cancelled,
    }
}

/// What is remembered of uploads that were given together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    /// Intake still adds to it.
    pub(crate) filling: bool,
    pub(crate) refused: Vec<Refusal>,
    pub(crate) deliver: Deliver,
    pub(crate) format: Option<Format>,
    /// What the clipboard held when it was taken.
    pub(crate) held: Option<crate::deliver::Held>,
    pub(crate) taken_at: i64,
    /// Something of it came to an end since it was last told.
    pub(crate) news: bool,
    /// It is being told at this moment.
    pub(crate) telling: bool,
    /// It has been told, and whether its text went to the clipboard.
    pub(crate) told: Option<bool>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) entries: BTreeMap<i64, Entry>,
    pub(crate) recent: VecDeque<Row>,
    pub(crate) batches: BTreeMap<i64, Batch>,
    /// What came to a good end in this process, where somebody is about to ask for all of it: a console with a thousand files.
    pub(crate) ended: Option<BTreeMap<i64, Row>>,
    pub(crate) paused: bool,
    pub(crate) offer: Option<Offer>,
    /// What waits for a person's answer.
    pub(crate) questions: BTreeMap<u64, Asked>,
    /// Pictures on their way here, fetched or being made, by numbers below zero: no row stands for them yet.
    pub(crate) fetches: BTreeMap<i64, Fetch>,
    /// Uploads that left the library's list and may still come back.
    pub(crate) leaving: HashSet<i64>,
    /// Destination, bucket and prefix of places whose public links were found to open for nobody, see `opening`.
    pub(crate) closed: HashSet<(String, String, String)>,
    /// Uploads and bytes that came to an end since something was last idle: "Uploading 3 of 7".
    burst_count: u64,
    burst_bytes: u64,
}

impl Live {
    /// Takes a row as it now stands, unless an older look at it comes late.
    pub(crate) fn put(&mut self, row: Row, own: bool) {
        if let Some(ended) = &mut self.ended {
            if row.state == RowState::Done {
                ended.insert(row.id, row.clone());
                if ended.len() > ENDED {
                    ended.pop_first();
                }
            } else {
                ended.remove(&row.id);
            }
        }
        match row.state {
            RowState::Queued | RowState::Waiting | RowState::Failed => match self.entries.get_mut(&row.id) {
                Some(entry) if entry.row.changed > row.changed => {}
                Some(entry) => {
                    entry.own = own;
                    entry.row = row;
                }
                None => {
                    self.entries.insert(row.id, Entry::new(row, own));
                }
            },
            RowState::Done => {
                if self.entries.remove(&row.id).is_some() {
                    self.burst_count += 1;
                    self.burst_bytes += row.size;
                }
                self.recent.retain(|other| other.id != row.id);
                let at = self.recent.iter().position(|other| other.done_at <= row.done_at).unwrap_or(self.recent.len());
                self.recent.insert(at, row);
                self.recent.truncate(RECENT);
            }
            RowState::Cancelled | RowState::Gone => {
                self.entries.remove(&row.id);
                self.recent.retain(|other| other.id != row.id);
            }
        }
        if !self.busy() {
            self.burst_count = 0;
            self.burst_bytes = 0;
        }
    }

    /// Something is queued or on its way.
    pub(crate) fn busy(&self) -> bool {
        self.entries.values().any(|entry| matches!(entry.stage(), Stage::Queued | Stage::Sending))
    }

    /// Something of the batch is queued or on its way, or about to be written down as waiting.
    pub(crate) fn batch_busy(&self, batch: i64) -> bool {
        self.batches.get(&batch).is_some_and(|batch| batch.filling)
            || self.of(batch).any(|entry| entry.held_back || matches!(entry.stage(), Stage::Queued | Stage::Sending))
    }

    /// Something of the batch is not over.
    pub(crate) fn batch_open(&self, batch: i64) -> bool {
        self.batch_busy(batch) || self.of(batch).any(|entry| entry.row.state == RowState::Waiting)
    }

    fn of(&self, batch: i64) -> impl Iterator<Item = &Entry> {
        // A batch is named by its first row, so its rows cannot have smaller numbers.
        self.entries.range(batch..).map(|(_, entry)| entry).filter(move |entry| entry.row.batch == batch)
    }

    /// The batch a row belongs to, made from the row where this process has not seen it begin.
    pub(crate) fn batch_of(&mut self, row: &Row) -> &mut Batch {
        if self.batches.len() > BATCHES {
            let old: Vec<i64> = self.batches.keys().copied().take(BATCHES / 2).collect();
            for id in old {
                if !self.batch_open(id) {
                    self.batches.remove(&id);
                }
            }
        }
        self.batches.entry(row.batch).or_insert_with(|| Batch {
            deliver: row.deliver,
            format: row.format,
            taken_at: row.taken_at,
            ..Batch::default()
        })
    }

    /// The whole present for people.
    pub(crate) fn snapshot(&self, settings: &Settings, lang: Lang) -> Snapshot {
        let entries = self.entries.values().map(|entry| self.view_entry(entry, settings, lang));
        let recent = self.recent.iter().filter(|row| !self.leaving.contains(&row.id));
        Snapshot {
            open: self.fetches.values().map(|fetch| fetch.view(lang)).chain(entries).collect(),
            recent: recent.map(|row| self.view_done(row, settings, lang)).collect(),
            ..self.outline(settings, lang)
        }
    }

    /// The present without its uploads.
    pub(crate) fn outline(&self, settings: &Settings, lang: Lang) -> Snapshot {
        let (state, line) = self.state(settings, lang);
        Snapshot {
            state,
            line,
            place: place_of(settings.current()),
            open: Vec::new(),
            recent: Vec::new(),
            paused: self.paused,
            clipboard: settings.capture.clipboard,
            offer: self.offer.clone(),
            questions: self.questions.iter().map(|(id, asked)| asked.told(*id, lang)).collect(),
            format: settings.link.format,
            formats: settings.link.formats(),
        }
    }

    /// An upload that is over, with what is known of its link.
    pub(crate) fn view_done(&self, row: &Row, settings: &Settings, lang: Lang) -> Upload {
        let mut upload = view(row, settings, lang);
        if !self.closed.is_empty() && row.state == RowState::Done && row.expires_at.is_none() {
            let destination = settings.destinations.iter().find(|destination| destination.id == row.destination);
            let promised = destination.is_some_and(crate::opening::promises);
            upload.closed = promised && self.is_closed(&row.destination, &row.bucket, &row.key);
        }
        upload
    }

    /// Whether public links of the key's place were found to open for nobody.
    pub(crate) fn is_closed(&self, destination: &str, bucket: &str, key: &str) -> bool {
        let prefix = &key[..key.rfind('/').map_or(0, |at| at + 1)];
        !self.closed.is_empty() && self.closed.contains(&(destination.to_owned(), bucket.to_owned(), prefix.to_owned()))
    }

    fn view_entry(&self, entry: &Entry, settings: &Settings, lang: Lang) -> Upload {
        let mut upload = view(&entry.row, settings, lang);
        upload.stage = entry.stage();
        upload.sent = if upload.stage == Stage::Sending { entry.sent.load(Ordering::Relaxed).min(upload.size) } else { 0 };
        if matches!(upload.stage, Stage::Sending | Stage::Queued) {
            upload.waiting = None;
            upload.code = None;
            upload.message = None;
        }
        upload
    }

    /// One upload as it stands, `None` when it is not open.
    pub(crate) fn view_open(&self, id: i64, settings: &Settings, lang: Lang) -> Option<Upload> {
        self.entries.get(&id).map(|entry| self.view_entry(entry, settings, lang))
    }

    /// Icon and sentence; the first that holds: paused, working, waiting, failed, idle.
    pub(crate) fn state(&self, settings: &Settings, lang: Lang) -> (State, String) {
        let mut sending = 0_u64;
        let mut queued = 0_u64;
        let mut failed = 0_u64;
        let mut bytes = (self.burst_bytes, self.burst_bytes);
        let mut waiting: HashMap<Waiting, u64> = HashMap::new();
        let mut signed_out = false;
        let mut reasons: Vec<&imagepic_words::Text> = Vec::new();
        for entry in self.entries.values() {
            match entry.stage() {
                Stage::Sending => {
                    sending += 1;
                    bytes.0 += entry.sent.load(Ordering::Relaxed).min(entry.row.size);
                    bytes.1 += entry.row.size;
                }
                Stage::Queued => {
                    queued += 1;
                    bytes.1 += entry.row.size;
                }
                Stage::Waiting => {
                    signed_out |= entry.row.fault.as_ref().is_some_and(|fault| fault.code == crate::error::Code::SignInNeeded);
                    *waiting.entry(entry.row.waiting.unwrap_or(Waiting::Network)).or_default() += 1;
                }
                Stage::Failed => {
                    failed += 1;
                    reasons.extend(entry.row.fault.as_ref().map(|fault| &fault.text));
                }
                Stage::Done | Stage::Cancelled => {}
            }
        }
        if sending > 0 || (queued > 0 && !self.paused) {
            let percent = (bytes.0 * 100).checked_div(bytes.1).unwrap_or(0).min(100);
            let total = self.burst_count + sending + queued;
            return (State::Working, status::uploading((self.burst_count + 1).min(total), total, percent).to(lang));
        }
        if let Some(fetch) = self.fetches.values().next() {
            return (State::Working, fetch.line().to(lang));
        }
        if self.paused {
            let text = if queued > 0 { status::paused_with(queued) } else { status::paused() };
            return (State::Paused, text.to(lang));
        }
        // One line has room for one reason: the one a person can do most about comes first.
        let first =
            [Waiting::Name, Waiting::SignIn, Waiting::Disk, Waiting::Keychain, Waiting::Network, Waiting::Turn, Waiting::Retry];
        if let Some((reason, count)) = first.into_iter().find_map(|reason| Some((reason, *waiting.get(&reason)?))) {
            let text = match reason {
                Waiting::Name => imagepic_words::asked::line(count),
                Waiting::Network => status::waiting_network(count),
                Waiting::SignIn if signed_out => imagepic_words::team::waiting(count),
                Waiting::SignIn => status::waiting_sign_in(count),
                Waiting::Keychain => status::waiting_keychain(count),
                Waiting::Disk => status::waiting_disk(count),
                Waiting::Turn => status::waiting_turn(count),
                Waiting::Retry => status::waiting_retry(count),
            };
            return (State::Waiting, text.to(lang));
        }
        if failed > 0 {
            // Of several only what they have in common.
            let why =
                reasons.first().filter(|first| reasons.len() as u64 == failed && reasons.iter().all(|other| other == *first));
            let text =
                why.map_or_else(|| status::failed(failed), |why| status::failed_because(failed, first_sentence(&why.to(lang))));
            return (State::Failed, text.to(lang));
        }
        let place = place_of(settings.current());
        let parts = [place.name.as_str(), place.bucket.as_str(), place.folder.as_str()];
        let place = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" / ");
        (State::Idle, status::ready(place).to(lang))
    }
}

/// What is said before anything is recommended, short enough for a line of a menu and without the stop at its end.
fn first_sentence(text: &str) -> String {
    let end = [". ", "。", "\n"].into_iter().filter_map(|stop| text.find(stop)).min().unwrap_or(text.len());
    let first = text[..end].trim_end_matches('.');
    match first.char_indices().nth(LONGEST_REASON) {
        Some((cut, _)) => format!("{}…", &first[..cut]),
        None => first.to_owned(),
    }
}

/// A destination as a place for people.
pub(crate) fn place_of(destination: &Destination) -> Place {
    Place {
        destination: destination.id.clone(),
        name: destination.name.clone(),
        bucket: destination.bucket.clone(),
        folder: destination.folder.clone(),
        max_bytes: destination.max_bytes,
        only_here: destination.kind == Kind::ThisComputer,
    }
}

/// A row for people.
pub(crate) fn view(row: &Row, settings: &Settings, lang: Lang) -> Upload {
    let destination = settings.destinations.iter().find(|destination| destination.id == row.destination);
    let place = Place {
        destination: row.destination.clone(),
        // A destination that was removed is still called by its id.
        name: destination.map_or_else(|| row.destination.clone(), |destination| destination.name.clone()),
        bucket: row.bucket.clone(),
        folder: row.folder.clone(),
        max_bytes: destination.and_then(|destination| destination.max_bytes),
        only_here: row.destination == crate::destination::THIS_COMPUTER,
    };
    let name = if row.name.is_empty() { row.key.rsplit('/').next().unwrap_or_default().to_owned() } else { row.name.clone() };
    let stage = stage(row.state);
    Upload {
        id: row.id,
        batch: row.batch,
        position: row.position,
        name,
        size: row.size,
        sent: if stage == Stage::Done { row.size } else { 0 },
        content_type: row.content_type.clone(),
        width: row.width,
        height: row.height,
        source: row.source,
        stage,
        waiting: row.waiting.filter(|_| stage == Stage::Waiting),
        code: row.fault.as_ref().map(|fault| fault.code),
        message: row.fault.as_ref().map(|fault| fault.text.to(lang)),
        place,
        key: row.key.clone(),
        taken_at: row.taken_at,
        done_at: row.done_at,
        reused: row.reused,
        expires_at: row.expires_at,
        closed: false,
        made: row.made.as_ref().map(|made| made.view(row.size, lang)),
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
pub(crate) mod tests;
