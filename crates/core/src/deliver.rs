//! Delivery: links become text, and text goes to the clipboard, if it may.
//!
//! The guard: a link takes the place of what was captured only while that is still there; what a person gave by hand may take the
//! clipboard within a minute. What stays out: watching the clipboard (the engine's listener does) and notifications (the shell's).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use imagepic_clipboard::Content;
use imagepic_words::errors;

use crate::capture::{Capture, Content as Captured, Near, Source};
use crate::destination::THIS_COMPUTER;
use crate::error::{Code, Error, Result};
use crate::event::{Event, Offer, Settled, Stage};
use crate::journal::{Deliver, Row, RowState};
use crate::link::{Format, LinkTemplate, Target, text};
use crate::live::Batch;
use crate::opening::{self, Asked};
use crate::outside::{ClipboardPort, Mark};
use crate::queue::Queue;
use crate::store::Link;

/// So long after it was given, something given by hand may take the clipboard in any case, in milliseconds.
const BY_HAND: i64 = 60_000;

/// What the clipboard held when something was taken in.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// Which content it was.
    pub(crate) mark: Mark,
    /// The content itself, where it is what was captured: undo puts it back.
    pub(crate) content: Option<Content>,
}

/// What we last put on the clipboard.
#[derive(Debug)]
struct Delivered {
    batch: i64,
    mark: Mark,
    before: Option<Content>,
}

#[derive(Debug)]
struct Offered {
    id: u64,
    captures: Vec<Capture>,
    held: Held,
}

#[derive(Debug, Default)]
struct State {
    delivered: Option<Delivered>,
    offered: Option<Offered>,
    offers: u64,
}

/// See the module.
pub(crate) struct Delivery {
    queue: Arc<Queue>,
    clipboard: Arc<dyn ClipboardPort>,
    state: Mutex<State>,
}

/// A batch whose links are being looked at; it is told of however that ends.
struct Telling {
    delivery: Arc<Delivery>,
    batch: i64,
    settled: Option<Settled>,
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.delivery.told(self.batch, self.settled.take());
    }
}

impl Delivery {
    pub(crate) fn new(queue: Arc<Queue>, clipboard: Arc<dyn ClipboardPort>) -> Self {
        Self { queue, clipboard, state: Mutex::default() }
    }

    fn state<R>(&self, run: impl FnOnce(&mut State) -> R) -> R {
        run(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells of batches as they settle, until stopped.
    pub(crate) async fn run(self: Arc<Self>) {
        let hub = Arc::clone(&self.queue.hub);
        loop {
            let ready: Vec<i64> = hub.with(|live| {
                let news: Vec<i64> =
                    live.batches.iter().filter(|(_, batch)| batch.news && !batch.telling).map(|(id, _)| *id).collect();
                news.into_iter().filter(|id| !live.batch_busy(*id)).collect()
            });
            if ready.is_empty() {
                tokio::select! {
                    () = self.queue.stop.cancelled() => break,
                    () = hub.settling.notified() => {}
                }
                continue;
            }
            for batch in ready {
                self.tell(batch).await;
            }
        }
    }

    async fn tell(self: &Arc<Self>, id: i64) {
        let hub = &self.queue.hub;
        // News that come while this is told are told again.
        let known = hub.with(|live| {
            let batch = live.batches.get_mut(&id)?;
            batch.news = false;
            batch.telling = true;
            Some(batch.clone())
        });
        let Some(known) = known else { return };
        if self.hands_out_itself(&known) {
            return self.look_only(id).await;
        }
        match self.put_together(id).await {
            Ok((mut settled, links)) => {
                let may = self.may_copy(id, &known, &settled).await;
                // After a restart nobody knows what the clipboard held when it was taken.
                settled.moved_on = !may && known.deliver != Deliver::No && known.held.is_some();
                settled.copied = may && self.hand_over(id, &known, &settled.text).await;
                if links.is_empty() {
                    self.told(id, Some(settled));
                    return;
                }
                // A reader's question may take seconds, and the next batch's link is wanted now.
                let mut telling = Telling { delivery: Arc::clone(self), batch: id, settled: Some(settled) };
                tokio::spawn(async move {
                    let this = Arc::clone(&telling.delivery);
                    tokio::select! {
                        () = this.queue.stop.cancelled() => {}
                        () = this.see_who_can_open(&links) => this.as_it_stands(&mut telling).await,
                    }
                });
            }
            Err(error) => {
                tracing::error!(batch = id, %error, "could not tell how a batch ended");
                self.told(id, None);
            }
        }
    }

    /// A console asks for the links of its uploads one by one and copies them itself: nobody hears how the batch as a whole stands, and
    /// to put that together would take as long as a tenth of its uploads.
    fn hands_out_itself(&self, known: &Batch) -> bool {
        !self.queue.keeps_spool && known.deliver == Deliver::No
    }

    /// What there is to find out of such a batch all the same: whether public links open.
    async fn look_only(self: &Arc<Self>, id: i64) {
        let hub = &self.queue.hub;
        let settings = hub.settings();
        let promised = |row: &&Row| {
            let destination = settings.destinations.iter().find(|known| known.id == row.destination);
            row.batch == id && destination.is_some_and(opening::promises)
        };
        let rows: Vec<Row> = hub.with(|live| live.ended.iter().flat_map(BTreeMap::values).filter(promised).cloned().collect());
        let mut public = Vec::with_capacity(rows.len());
        for row in rows {
            match self.link(&row).await {
                Ok(link) => public.push((row, link.url)),
                Err(error) => tracing::warn!(id = row.id, %error, "no link could be made for an upload that is done"),
            }
        }
        if public.is_empty() {
            return self.told(id, None);
        }
        let telling = Telling { delivery: Arc::clone(self), batch: id, settled: None };
        tokio::spawn(async move {
            let this = Arc::clone(&telling.delivery);
            tokio::select! {
                () = this.queue.stop.cancelled() => {}
                () = this.see_who_can_open(&public) => {}
            }
        });
    }

    fn told(&self, id: i64, settled: Option<Settled>) {
        let hub = &self.queue.hub;
        hub.with(|live| {
            if let Some(batch) = live.batches.get_mut(&id) {
                batch.told = Some(settled.as_ref().is_some_and(|settled| settled.copied));
                batch.telling = false;
                // What undo may put back is kept with the delivery, of which there is one.
                if let Some(held) = &mut batch.held {
                    held.content = None;
                }
            }
        });
        if let Some(settled) = settled {
            hub.emit(Event::Settled(settled));
        }
        hub.bump();
    }

    /// A batch as it stands, with its links made anew.
    pub(crate) async fn settled(&self, id: i64) -> Result<Settled> {
        self.put_together(id).await.map(|(settled, _)| settled)
    }

    /// Asks a reader's question for public links where that is due.
    async fn see_who_can_open(&self, links: &[(Row, String)]) {
        let settings = self.queue.hub.settings();
        for destination in settings.destinations.iter().filter(|destination| opening::promises(destination)) {
            let here = links.iter().filter(|(row, _)| row.destination == destination.id);
            let asked: Vec<Asked<'_>> = here.map(|(row, url)| Asked { bucket: &row.bucket, key: &row.key, url }).collect();
            self.queue.stores.opening().look(destination, &asked).await;
        }
    }

    /// Meanwhile somebody may have taken uploads back: what is told is what is there now. Who is about to pass a public link on hears at
    /// once where it opens for nobody.
    async fn as_it_stands(&self, telling: &mut Telling) {
        let Some(before) = &telling.settled else { return };
        let Ok((now, _)) = self.put_together(telling.batch).await else { return };
        for upload in now.uploads.iter().filter(|upload| upload.stage == Stage::Done) {
            if before.uploads.iter().any(|told| told.id == upload.id && told.closed != upload.closed) {
                self.queue.hub.emit(Event::Upload(upload.clone()));
            }
        }
        let (copied, moved_on) = (before.copied, before.moved_on);
        telling.settled =
            Some(Settled { copied, moved_on, ..now }).filter(|now| !now.uploads.is_empty() || !now.refused.is_empty());
    }

    /// A batch as it stands, and the public links of it.
    async fn put_together(&self, id: i64) -> Result<(Settled, Vec<(Row, String)>)> {
        let hub = &self.queue.hub;
        let rows = self.queue.journal.batch(id).await?;
        let known = hub.with(|live| live.batches.get(&id).cloned()).unwrap_or_default();
        let format = known.format.or_else(|| rows.first().and_then(|row| row.format)).unwrap_or(hub.settings().link.format);
        let (mut lines, mut without_link, mut public) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows.iter().filter(|row| row.state == RowState::Done) {
            match self.link(row).await {
                Ok(link) => {
                    lines.push(line(row, &link.url, format, &hub.settings().link.templates));
                    if link.expires.is_none() && row.destination != THIS_COMPUTER {
                        public.push((row.clone(), link.url));
                    }
                }
                Err(error) => {
                    tracing::warn!(id = row.id, %error, "no link could be made for an upload that is done");
                    without_link.push(row.id);
                }
            }
        }
        let settled = Settled {
            batch: id,
            uploads: rows.iter().map(|row| hub.view(row)).collect(),
            refused: known.refused,
            copied: known.told.unwrap_or_default(),
            moved_on: false,
            without_link,
            text: lines.join("\n"),
        };
        Ok((settled, public))
    }

    /// The link that opens an upload's object.
    pub(crate) async fn link(&self, row: &Row) -> Result<Link> {
        if row.state != RowState::Done {
            let name = if row.name.is_empty() { &row.key } else { &row.name };
            return Err(Error::new(Code::NoSuchObject, errors::not_done(name)));
        }
        let settings = self.queue.hub.settings();
        self.queue.stores.link(settings.find(&row.destination)?, &row.bucket, &row.key).await
    }

    async fn may_copy(&self, id: i64, known: &crate::live::Batch, settled: &Settled) -> bool {
        // What a console program puts on the clipboard is gone with it; a resident one hears of what it has done, and delivers.
        let stays = self.queue.keeps_spool || known.deliver == Deliver::Always;
        if settled.text.is_empty() || !stays {
            return false;
        }
        let unchanged = || async {
            let Some(now) = self.mark().await else { return false };
            // Our own earlier text of this very batch may be replaced by the longer one.
            let ours = self.state(|state| state.delivered.as_ref().is_some_and(|last| last.batch == id && last.mark == now.mark));
            ours || known.held.as_ref().is_some_and(|held| held.mark == now.mark)
        };
        match known.deliver {
            Deliver::No => false,
            Deliver::Always => true,
            Deliver::IfUnchanged => unchanged().await,
            // What is offered came after it, and lies nowhere else.
            Deliver::ByHand => {
                let offered = self.state(|state| state.offered.is_some());
                (!offered && self.queue.now() - known.taken_at <= BY_HAND) || unchanged().await
            }
        }
    }

    async fn hand_over(&self, id: i64, known: &crate::live::Batch, text: &str) -> bool {
        match self.put_text(text.to_owned()).await {
            Ok(mark) => {
                let earlier =
                    self.state(|state| state.delivered.take()).filter(|last| last.batch == id).and_then(|last| last.before);
                let before = known.held.as_ref().and_then(|held| held.content.clone()).or(earlier);
                self.state(|state| state.delivered = Some(Delivered { batch: id, mark, before }));
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the clipboard did not take the link");
                let hub = &self.queue.hub;
                hub.emit(Event::Notice { code: error.code, message: error.message(hub.lang()) });
                false
            }
        }
    }

    /// Puts back what a batch's link replaced, if the link is still there.
    pub(crate) async fn restore(&self, batch: i64) {
        let Some(now) = self.mark().await else { return };
        let last = self.state(|state| state.delivered.take_if(|last| last.batch == batch));
        let Some(Delivered { mark, before: Some(before), .. }) = last else { return };
        if mark == now.mark {
            let clipboard = Arc::clone(&self.clipboard);
            let restored = tokio::task::spawn_blocking(move || clipboard.restore(&before)).await;
            if let Ok(Err(error)) = restored {
                tracing::info!(%error, "the clipboard did not take back what it held");
            }
        }
    }

    /// What the clipboard holds now; `None` where there is no clipboard.
    pub(crate) async fn mark(&self) -> Option<Held> {
        let clipboard = Arc::clone(&self.clipboard);
        let mark = tokio::task::spawn_blocking(move || clipboard.current_mark()).await.ok()?;
        mark.inspect_err(|error| tracing::debug!(%error, "no mark of the clipboard"))
            .ok()
            .map(|mark| Held { mark, content: None })
    }

    /// Puts a text on the clipboard.
    pub(crate) async fn write(&self, text: &str) -> Result<()> {
        self.put_text(text.to_owned()).await.map(|_| ())
    }

    async fn put_text(&self, text: String) -> Result<Mark> {
        let clipboard = Arc::clone(&self.clipboard);
        let offered = self.state(|state| state.offered.as_ref().map(|offered| offered.id));
        let mark = crate::queue::blocking(move || clipboard.write_text(&text)).await?;
        // No watch tells of what we put there ourselves, and what was offered lay there before.
        if self.state(|state| state.offered.take_if(|now| Some(now.id) == offered)).is_some() {
            self.offer_gone();
        }
        Ok(mark)
    }

    /// What the clipboard holds, as captures: an image, or the files that were copied.
    pub(crate) async fn read_clipboard(&self) -> Result<(Vec<Capture>, Held)> {
        let clipboard = Arc::clone(&self.clipboard);
        let (content, mark) = crate::queue::blocking(move || clipboard.read(false)).await?;
        let mut captures = captures(&content);
        if content == Content::Text {
            captures.extend(self.copied_address().await);
        }
        if captures.is_empty() {
            return Err(Error::new(Code::ClipboardEmpty, errors::clipboard_empty()));
        }
        Ok((captures, Held { mark, content: Some(content) }))
    }

    /// A text that is nothing but the address of something on the web: whoever uploads it means the picture there.
    async fn copied_address(&self) -> Option<Capture> {
        let clipboard = Arc::clone(&self.clipboard);
        let (text, _) = crate::queue::blocking(move || clipboard.read_text()).await.ok()??;
        let url = crate::capture::address(&text)?;
        let content = Captured::Url { url, near: Near::Ask };
        Some(Capture { content, source: Source::Url, at: SystemTime::now() })
    }

    /// "Ask": keeps the captures in memory (one offer at a time) and tells of them.
    pub(crate) fn offer(&self, captures: Vec<Capture>, held: Held, mut offer: Offer) {
        let id = self.state(|state| {
            state.offers += 1;
            state.offered = Some(Offered { id: state.offers, captures, held });
            state.offers
        });
        offer.id = id;
        let hub = &self.queue.hub;
        hub.with(|live| live.offer = Some(offer.clone()));
        hub.emit(Event::Offer(offer));
    }

    /// The offer is no longer on the clipboard.
    pub(crate) fn withdraw(&self) {
        if self.state(|state| state.offered.take()).is_some() {
            self.offer_gone();
        }
    }

    /// What was offered has been given in another way.
    pub(crate) fn withdraw_given(&self, held: &Held) {
        if self.state(|state| state.offered.take_if(|offered| offered.held.mark == held.mark)).is_some() {
            self.offer_gone();
        }
    }

    /// Takes an offer to answer it.
    pub(crate) fn take_offer(&self, id: u64) -> Option<(Vec<Capture>, Held)> {
        let offered = self.state(|state| state.offered.take_if(|offered| offered.id == id))?;
        self.offer_gone();
        Some((offered.captures, offered.held))
    }

    /// The bytes of a lone image that is offered at present.
    pub(crate) fn offered_bytes(&self, id: u64) -> Option<bytes::Bytes> {
        self.state(|state| match &state.offered.as_ref().filter(|offered| offered.id == id)?.captures[..] {
            [Capture { content: Captured::Bytes { bytes, .. }, .. }] => Some(bytes.clone()),
            _ => None,
        })
    }

    fn offer_gone(&self) {
        let hub = &self.queue.hub;
        hub.with(|live| live.offer = None);
        hub.emit(Event::OfferGone);
    }
}

/// One upload's link in a format.
pub(crate) fn line(row: &Row, url: &str, format: Format, own: &[LinkTemplate]) -> String {
    let name = if row.name.is_empty() { row.key.rsplit('/').next().unwrap_or_default() } else { &row.name };
    let (content_type, density) = (&row.content_type, row.density);
    text(&Target { url, name, content_type, width: row.width, height: row.height, density }, format, own)
}

/// Clipboard content as captures of now; empty where it holds nothing of ours.
pub(crate) fn captures(content: &Content) -> Vec<Capture> {
    let at = SystemTime::now();
    match content {
        Content::Image { bytes, .. } => {
            vec![Capture { content: Captured::Bytes { bytes: bytes.clone(), name: None }, source: Source::Clipboard, at }]
        }
        Content::Files(paths) => {
            let capture = |path: &PathBuf| Capture { content: Captured::Path(path.clone()), source: Source::Clipboard, at };
            paths.iter().map(capture).collect()
        }
        _ => Vec::new(),
    }
}
