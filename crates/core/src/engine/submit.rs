//! Taking in: from captures to rows in the journal and work for the queue.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Local};
use imagepic_words::{errors, images as words};
use rand::RngCore as _;

use super::taking::{Given, Making, Unnamed, spools, take_one};
use super::uploads::Each;
use super::{Batch, Inner, Submit};
use crate::capture::Capture;
use crate::destination::Destination;
use crate::error::{Code, Error, Result, Waiting};
use crate::event::{Event, Refusal};
use crate::intake::{self, Item, Refused, Taken, To};
use crate::journal::{Row, RowState};
use crate::naming::{Inputs, Template};
use crate::queue::blocking;
use crate::queue::hold::{HELD_AT_MOST, Held, Hold};
use crate::sources::fetches::Shown;

/// Uploads that share one commit at intake, so that the first of a thousand does not wait for the last.
const CHUNK: usize = 24;
/// The same while nothing travels yet: so many as start at once.
const FIRST: usize = 8;
/// Files that are read and hashed at the same time.
const READERS: usize = 4;

/// What the clipboard held when something was taken in, as soon as it is known.
pub(crate) type Holding = tokio::task::JoinHandle<Option<crate::deliver::Held>>;

/// What something is called, taken or not, and what it came of.
fn name_of(item: std::result::Result<&Item, &Refused>) -> (String, intake::From) {
    match item {
        Ok(item) => (shown(item), item.from.clone()),
        Err(refused) => (refused.name.clone(), refused.from.clone()),
    }
}

fn shown(item: &Item) -> String {
    item.from.within.clone().unwrap_or_else(|| item.name.clone())
}

impl Inner {
    /// Where uploads of this kind go: the destination with bucket and folder filled in.
    fn place(&self, how: &Submit) -> Result<Destination> {
        let settings = self.hub.settings();
        let mut destination = match &how.destination {
            Some(wanted) => settings.find(wanted)?.clone(),
            None => settings.current().clone(),
        };
        let path_style = match &destination.kind {
            crate::destination::Kind::ThisComputer | crate::destination::Kind::Team(_) => true,
            crate::destination::Kind::S3(address) => address.path_style,
        };
        if let Some(bucket) = &how.bucket {
            crate::destination::check::bucket(bucket, path_style)?;
            destination.bucket.clone_from(bucket);
        }
        if let Some(folder) = &how.folder {
            destination.folder = crate::destination::check::folder(folder)?;
        }
        if let Some(images) = &how.images {
            images.check()?;
            destination.images.clone_from(images);
        }
        if destination.bucket.is_empty() {
            return Err(Error::new(Code::BadRequest, errors::no_bucket_chosen(&destination.name)).at("bucket"));
        }
        Ok(destination)
    }

    /// See [`Uploads::submit`](super::Uploads::submit); `held` is what the clipboard held when it was taken.
    pub(crate) async fn submit(
        self: &Arc<Self>,
        captures: Vec<Capture>,
        mut how: Submit,
        mut held: Option<Holding>,
    ) -> Result<Batch> {
        // From here on: whether these wait until a person has confirmed their names. Asked once, so that all of them do, or none.
        how.by_hand &= self.hub.settings().names.ask;
        let destination = Arc::new(self.place(&how)?);
        self.format(how.format)?;
        let templates = Arc::new((Template::parse(&destination.names.file)?, Template::parse(&destination.names.clipboard)?));
        let items = self.opened(captures).await?;
        let lang = self.hub.lang();
        let mut batch = Batch { id: 0, uploads: Vec::new(), refused: Vec::new(), each: Vec::new(), keeps_private: Vec::new() };
        if items.is_empty() {
            return Err(Error::new(Code::Empty, errors::nothing_given()));
        }
        let (items, declined) = if how.asks { self.wanted(items, &destination).await? } else { (items, Vec::new()) };
        let mut position = 0_u32;
        let mut failed = None;
        let mut holds = Vec::new();
        // Until the store shows that it takes its time, bytes wait for it in memory; for a person they wait on the disk.
        let mut patient = !how.by_hand;
        let mut coming = self.fetch_all(&items, &destination);
        let mut items = items.into_iter().peekable();
        while let Some(first) = items.next() {
            // What takes long to make does not keep what is made already from travelling, nor what has not come what has.
            let chunk = if batch.each.is_empty() { FIRST } else { CHUNK };
            let at_once = if crate::prepare::converts(&destination.images) { READERS } else { chunk };
            let mut chunk = vec![coming.take(first).await];
            while chunk.len() < at_once
                && let Some(next) = items.next_if(|next| coming.is_here(next))
            {
                chunk.push(coming.take(next).await);
            }
            let more = items.peek().is_some();
            let named = |given: &std::result::Result<Given, Refused>| name_of(given.as_ref().map(Given::item));
            let (names, refused) = (chunk.iter().map(named).collect::<Vec<_>>(), batch.refused.len());
            let outcome = self
                .take_chunk(chunk, &destination, &templates, &how, &mut batch, &mut position, lang, &mut held, more, patient)
                .await;
            // Shown until the uploads they became are.
            coming.shown();
            if let Ok(new) = &outcome {
                holds.extend(new.iter().cloned());
                patient = self.move_on(&mut holds, HELD_AT_MOST).await && patient;
            }
            if let Err(error) = outcome {
                // Nothing of this chunk was taken, and nothing after it will be: every one of them is answered for.
                batch.refused.truncate(refused);
                for (name, from) in names.into_iter().chain(items.map(|item| name_of(item.as_ref()))) {
                    let refusal = Refusal { name, code: error.code, message: error.message(lang) };
                    batch.refused.push(refusal.clone());
                    batch.each.push(Each { capture: from.capture, within: from.within, outcome: Err(refusal) });
                }
                failed = Some(error);
                break;
            }
        }
        if batch.id != 0 {
            self.hub.with(|live| {
                if let Some(known) = live.batches.get_mut(&batch.id) {
                    known.filling = false;
                    known.refused.clone_from(&batch.refused);
                }
            });
            self.hub.bump();
        }
        self.move_on(&mut holds, 0).await;
        if self.role == super::Role::Console {
            // While the links are made and written.
            self.journal.rest();
        }
        self.without_refused(&holds, &mut batch, lang);
        if !declined.is_empty() {
            batch.each.extend(declined);
            batch.each.sort_by_key(|each| each.capture);
        }
        if let Some(name) = batch.keeps_private.first() {
            let limit = intake::bytes(crate::prepare::LARGEST);
            let message = words::private_stays(batch.keeps_private.len(), name, limit).to(lang);
            self.hub.emit(Event::Notice { code: Code::Unsupported, message });
        }
        if !batch.refused.is_empty() {
            self.hub.emit(Event::Refused { refusals: batch.refused.clone() });
        }
        match failed {
            // What was taken before the fault is taken; it is told beside the fault.
            Some(error) if batch.id == 0 => Err(error),
            Some(error) => {
                self.notice(&error);
                Ok(batch)
            }
            None => Ok(batch),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of submit, apart only for its length")]
    async fn take_chunk(
        self: &Arc<Self>,
        chunk: Vec<std::result::Result<Given, Refused>>,
        destination: &Arc<Destination>,
        templates: &Arc<(Template, Template)>,
        how: &Submit,
        batch: &mut Batch,
        position: &mut u32,
        lang: imagepic_words::Lang,
        held: &mut Option<Holding>,
        more: bool,
        patient: bool,
    ) -> Result<Vec<(i64, Arc<Hold>)>> {
        // Until the uploads they became are.
        let (taken, _shown) = self.take_files(chunk, destination, patient).await?;
        let counter = if templates.0.counts() || templates.1.counts() { self.journal.count().await? } else { 0 };
        let mut rows = Vec::new();
        let mut bodies = Vec::new();
        let mut each = Vec::new();
        // From here on rows may name them, though nobody waits for the answer any more.
        let mut spooled = Vec::new();
        let mut small = Vec::new();
        for outcome in taken {
            // Whoever took one back while it waited for those beside it was in time.
            let outcome = match outcome {
                Ok((item, taken, file)) => match file.into_file(&item) {
                    Ok(file) => Ok((item, taken, file)),
                    Err(error) => Err(Refused { name: shown(&item), from: item.from, error }),
                },
                Err(refused) => Err(refused),
            };
            match outcome {
                Ok((item, mut taken, file)) => {
                    spooled.extend(file);
                    small.extend(taken.small.take().map(|picture| (taken.prepared, picture)));
                    let count = counter + 1 + rows.len() as u64;
                    let (row, body) = self.new_row(&item, taken, destination, templates, how, batch.id, *position, count);
                    *position += 1;
                    rows.push(row);
                    bodies.push(body);
                    // Its number comes with the journal's answer.
                    each.push(Each { capture: item.from.capture, within: item.from.within, outcome: Ok(0) });
                }
                Err(refused) => {
                    let refusal = intake::told(&refused, lang);
                    batch.refused.push(refusal.clone());
                    each.push(Each { capture: refused.from.capture, within: refused.from.within, outcome: Err(refusal) });
                }
            }
        }
        if rows.is_empty() {
            batch.each.extend(each);
            return Ok(Vec::new());
        }
        let inserted = match self.journal.insert(rows).await {
            Ok(inserted) => inserted,
            Err(error) => {
                // Not in the journal means not taken: nothing may be left behind, and nothing goes on by itself.
                for path in spooled {
                    let _ = std::fs::remove_file(path);
                }
                if error.code == Code::DiskFull {
                    return Err(Error::new(error.code, errors::disk_full_untaken(self.home.data().display())).because(error));
                }
                return Err(error);
            }
        };
        // Of what is no upload nothing small stays either.
        self.keep_small(small).await?;
        if inserted.iter().any(|(_, twin)| twin.as_ref().is_some_and(|twin| twin.state != RowState::Done)) {
            // Another process sends the same bytes; its end must be heard. What is taken stays taken where it cannot be.
            if let Err(error) = self.listen() {
                self.notice(&error);
            }
        }
        let numbers = each.iter_mut().filter_map(|each| each.outcome.as_mut().ok());
        for (number, (row, _)) in numbers.zip(&inserted) {
            *number = row.id;
        }
        batch.each.extend(each);
        for (row, _) in &inserted {
            if row.made.as_ref().is_some_and(|made| made.private) {
                batch.keeps_private.push(if row.name.is_empty() { row.key.clone() } else { row.name.clone() });
            }
            batch.id = row.batch;
            batch.uploads.push(row.id);
        }
        let held = match held.take() {
            Some(holding) => holding.await.ok().flatten(),
            None => None,
        };
        if let Some((first, _)) = inserted.first() {
            self.hub.with(|live| {
                let known = live.batch_of(first);
                known.held = known.held.take().or(held);
                known.filling = more;
                known.refused.clone_from(&batch.refused);
            });
        }
        let mut holds = Vec::new();
        let entering = inserted.into_iter().zip(bodies).map(|((row, twin), body)| {
            let memory_only = body.clone().filter(|_| row.spool.is_none());
            let hold = memory_only.map(|bytes| Hold::new(row.name.clone(), bytes));
            holds.extend(hold.clone().map(|hold| (row.id, hold)));
            (row, twin, body, hold)
        });
        self.queue.enter(entering.collect());
        Ok(holds)
    }

    /// Waits until at most so many of these are in memory only; what takes longer than the queue's patience goes to the disk, and
    /// all others with it. Whether the store was quick enough.
    async fn move_on(&self, holds: &mut Vec<(i64, Arc<Hold>)>, at_most: usize) -> bool {
        let mut changes = self.hub.generations();
        loop {
            holds.retain(|(_, hold)| hold.now() != Held::Safe);
            let open = || holds.iter().filter(|(_, hold)| hold.now() == Held::Open);
            let Some(oldest) = open().map(|(_, hold)| hold.since).min() else { return true };
            if open().count() <= at_most {
                return true;
            }
            let left = if self.hub.with(|live| live.paused) {
                Duration::ZERO
            } else {
                self.queue.pace.hold.saturating_sub(oldest.elapsed())
            };
            if left.is_zero() {
                self.queue.secure(open().cloned().collect()).await;
                return false;
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return true },
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    /// What found no room on the disk in the end is among the refused ones, where it would have been in the first place.
    fn without_refused(&self, holds: &[(i64, Arc<Hold>)], batch: &mut Batch, lang: imagepic_words::Lang) {
        let mut any = false;
        for (id, hold) in holds {
            let Some(error) = hold.refusal() else { continue };
            any = true;
            batch.uploads.retain(|other| other != id);
            let mut refusal = Refusal { name: hold.name.clone(), code: error.code, message: error.message(lang) };
            if let Some(each) = batch.each.iter_mut().find(|each| each.outcome.as_ref().is_ok_and(|other| other == id)) {
                refusal.name = each.within.clone().unwrap_or(refusal.name);
                each.outcome = Err(refusal.clone());
            }
            batch.refused.push(refusal);
        }
        if any {
            self.hub.with(|live| {
                if let Some(known) = live.batches.get_mut(&batch.id) {
                    known.refused.clone_from(&batch.refused);
                }
            });
            if batch.uploads.is_empty() {
                batch.id = 0;
            }
        }
    }

    /// Reads, checks, hashes and spools, several files at a time, in their order. What was made of them is shown as long as it is kept.
    async fn take_files(
        self: &Arc<Self>,
        chunk: Vec<std::result::Result<Given, Refused>>,
        destination: &Arc<Destination>,
        patient: bool,
    ) -> Result<(Vec<std::result::Result<(Item, Taken, Unnamed), Refused>>, Vec<Shown>)> {
        let readers = READERS.min(chunk.len()).max(1);
        let share = chunk.len().div_ceil(readers);
        let mut chunk = chunk.into_iter();
        let mut reading = Vec::with_capacity(readers);
        for _ in 0..readers {
            let items: Vec<_> = chunk.by_ref().take(share).collect();
            let (inner, spool, destination) = (Arc::clone(self), self.home.spool(), Arc::clone(destination));
            // One by itself needs no further trip to another thread for its folder entry.
            let seals = readers == 1;
            reading.push(blocking(move || {
                let mut taken = Vec::with_capacity(items.len());
                let mut making = Vec::new();
                for item in items {
                    taken.push(match item {
                        Ok(Given::Item(item)) => {
                            let watch = Making::new(&inner, &item, &destination);
                            let to = To { spool: &spool, owner: &inner.owner, memory: patient, watch: &watch };
                            match take_one(&item, &destination, to, &inner.queue) {
                                Ok(taken) => {
                                    let shown = watch.into_shown();
                                    let file = Unnamed::of(&taken, &spool, shown.as_ref());
                                    making.extend(shown);
                                    Ok((item, taken, file))
                                }
                                Err(error) => {
                                    drop(watch);
                                    Err(Refused { name: shown(&item), from: item.from, error })
                                }
                            }
                        }
                        Ok(Given::Taken(item, taken, file)) => Ok((item, *taken, file)),
                        Err(refused) => Err(refused),
                    });
                }
                if seals && spools(&taken) {
                    intake::seal(&spool);
                }
                Ok((taken, making))
            }));
        }
        let (results, making): (Vec<_>, Vec<_>) = futures::future::try_join_all(reading).await?.into_iter().unzip();
        let (results, making) = (results.into_iter().flatten().collect::<Vec<_>>(), making.into_iter().flatten().collect());
        if readers > 1 && spools(&results) {
            let spool = self.home.spool();
            blocking(move || {
                intake::seal(&spool);
                Ok(())
            })
            .await?;
        }
        Ok((results, making))
    }

    #[expect(clippy::too_many_arguments, reason = "a row has many columns")]
    fn new_row(
        &self,
        item: &Item,
        taken: Taken,
        destination: &Destination,
        templates: &(Template, Template),
        how: &Submit,
        batch: i64,
        position: u32,
        counter: u64,
    ) -> (Row, Option<bytes::Bytes>) {
        let mut random = [0; 32];
        rand::rng().fill_bytes(&mut random);
        let named = !item.name.is_empty();
        let at: DateTime<Local> = item.at.into();
        let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_default();
        let inputs = Inputs {
            name: named.then_some(item.name.as_str()),
            ext: taken.kind.extension.as_ref(),
            at: at.naive_local(),
            sha256: &taken.prepared,
            random: &random,
            counter,
            user: &user,
            source: item.source,
            width: taken.kind.width,
            height: taken.kind.height,
        };
        let template = if named { &templates.0 } else { &templates.1 };
        let key = template.key(&destination.folder, &inputs);
        let asks = how.by_hand;
        let row = Row {
            id: 0,
            batch,
            position,
            state: if asks { RowState::Waiting } else { RowState::Queued },
            source: item.source,
            name: item.name.clone(),
            spool: taken.spool,
            reference: taken.reference,
            size: taken.size,
            content_type: taken.kind.content_type.to_string(),
            width: taken.kind.width,
            height: taken.kind.height,
            original: taken.original,
            prepared: taken.prepared,
            destination: destination.id.clone(),
            bucket: destination.bucket.clone(),
            folder: destination.folder.clone(),
            fault: asks.then(|| crate::queue::asked::wanted(&key).fault()),
            waiting: asks.then_some(Waiting::Name),
            key,
            etag: None,
            tries: 0,
            next_try_at: None,
            owner: Some(self.owner.clone()),
            taken_at: self.queue.now(),
            done_at: None,
            deliver: how.deliver,
            format: how.format,
            reused: false,
            created: false,
            expires_at: None,
            made: taken.made,
            density: taken.kind.density,
            changed: 0,
        };
        // Nobody knows how long a person takes: the bytes are not kept in memory meanwhile.
        (row, taken.body.filter(|_| !asks))
    }
}
