//! What the engine says, passed on: to the windows as it is, to the tray as "look again", to notifications in sentences.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use imagepic_core::error::Waiting;
use imagepic_core::event::{Event, Settled, Upload};
use tauri::{AppHandle, Emitter, Manager};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::naming::Asking;
use crate::notifications::{Matter, said};
use crate::shell::Shell;
use crate::windows;

/// An outage is told with all it holds up, so the first upload that waits is not told alone.
pub(crate) const GATHER: Duration = Duration::from_millis(1_500);

/// What the engine says, in order and whole.
pub(crate) type Gathered = UnboundedReceiver<Heard>;

/// One thing that was heard.
#[derive(Debug)]
pub(crate) enum Heard {
    Event(Box<Event>),
    /// Some were missed all the same: look at the present anew.
    Missed,
}

/// Takes the engine's events as fast as they come: its own queue gives up the oldest, and a result or a question that somebody was to
/// be told must not be lost because windows are slow.
pub(crate) fn gather(mut events: Receiver<Event>) -> Gathered {
    let (sender, gathered) = mpsc::unbounded_channel();
    tauri::async_runtime::spawn(async move {
        loop {
            let heard = match events.recv().await {
                Ok(event) => Heard::Event(Box::new(event)),
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "events were missed; windows take a new snapshot");
                    Heard::Missed
                }
                Err(RecvError::Closed) => return,
            };
            if sender.send(heard).is_err() {
                return;
            }
        }
    });
    gathered
}

/// Follows the engine until it ends.
pub(crate) async fn follow(app: AppHandle, mut events: Gathered) {
    let (mut outages, mut asking) = (Outages::default(), Asking::default());
    let before = app.state::<Shell>().engine.snapshot().open;
    tell(&app, outages.anew(&before));
    asking.begin(&app, &before);
    while let Some(heard) = events.recv().await {
        match heard {
            Heard::Event(event) => pass_on(&app, *event, &mut outages, &mut asking),
            Heard::Missed => {
                pass_on(&app, Event::Status, &mut outages, &mut asking);
                if crate::windows::any_listens(&app)
                    && let Err(error) = app.emit("missed", ())
                {
                    tracing::warn!(%error, "the windows were not told that they missed something");
                }
                let now = app.state::<Shell>().engine.snapshot();
                if let Some(offer) = now.offer {
                    pass_on(&app, Event::Offer(offer), &mut outages, &mut asking);
                }
                tell(&app, outages.anew(&now.open));
                asking.anew(&app, &now.open);
            }
        }
    }
}

fn pass_on(app: &AppHandle, event: Event, outages: &mut Outages, asking: &mut Asking) {
    let shell = app.state::<Shell>();
    let lang = shell.engine.lang();
    to_windows(app, &event);
    if !matches!(event, Event::Refused { .. } | Event::Notice { .. }) {
        shell.tray.touch();
    }
    match event {
        Event::Settings => {
            windows::follow_settings(app);
            crate::shortcuts::follow_settings(app);
        }
        Event::Offer(offer) => shell.notifier.show(said::offer(&offer, &shell.engine.snapshot().place, lang)),
        Event::OfferGone => shell.notifier.withdraw(Matter::Offer),
        Event::Question(question) => shell.notifier.show(said::question(&question)),
        Event::QuestionGone { id } => shell.notifier.withdraw(Matter::Question(id)),
        Event::Settled(batch) => settled(&shell, &batch),
        // The engine wrote it to the log.
        Event::Notice { code, message } => shell.notifier.show(said::notice(code, message, lang)),
        Event::Upload(upload) => {
            tell(app, outages.now(upload.id, upload.waiting));
            asking.now(app, upload.id, upload.waiting);
        }
        Event::Gone { id } => {
            tell(app, outages.now(id, None));
            asking.now(app, id, None);
        }
        Event::Progress { .. } | Event::Refused { .. } | Event::Status | Event::Listing { .. } | Event::Job(_) => {}
    }
}

/// Tells the windows that are open.
pub(crate) fn to_windows(app: &AppHandle, event: &Event) {
    // A refusal of nothing says nothing, and would still be shown.
    let empty = matches!(event, Event::Refused { refusals } if refusals.is_empty());
    if !empty
        && crate::windows::any_listens(app)
        && let Err(error) = app.emit("engine", event)
    {
        tracing::warn!(%error, "the windows were not told of an event");
    }
}

fn tell(app: &AppHandle, change: Change) {
    if change.over {
        app.state::<Shell>().notifier.withdraw(Matter::Waiting);
    }
    for what in change.begun {
        tauri::async_runtime::spawn(tell_outage(app.clone(), what));
    }
}

fn settled(shell: &Shell, batch: &Settled) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let format = shell.engine.settings().get().link.format;
    if let Some(notification) = said::settled(batch, format, now, shell.engine.lang()) {
        shell.notifier.show(notification);
    }
}

async fn tell_outage(app: AppHandle, what: Waiting) {
    tokio::time::sleep(GATHER).await;
    let shell = app.state::<Shell>();
    let mut waiting = shell.engine.snapshot().open;
    waiting.retain(|upload| upload.waiting == Some(what));
    if let Some(notification) = said::waiting(what, &waiting, shell.engine.lang()) {
        shell.notifier.show(notification);
    }
}

/// What uploads wait for at present, so that each outage is told once. Counted along with the events: to look at everything at each of
/// them would take the longer the more there is.
#[derive(Debug, Default)]
struct Outages {
    /// Only the uploads that wait.
    waits: HashMap<i64, Waiting>,
    counts: HashMap<Waiting, usize>,
}

/// What there is to tell.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    /// The outages that have just begun.
    begun: Vec<Waiting>,
    /// The last one is just over.
    over: bool,
}

impl Outages {
    /// One upload waits for this now.
    fn now(&mut self, id: i64, waiting: Option<Waiting>) -> Change {
        // A pause before the next try is no outage, nor is another process that goes first, nor a question.
        let waiting = waiting.filter(|what| !matches!(what, Waiting::Retry | Waiting::Turn | Waiting::Name));
        let before = match waiting {
            Some(what) => self.waits.insert(id, what),
            None => self.waits.remove(&id),
        };
        if before == waiting {
            return Change::default();
        }
        let begun = waiting.filter(|what| {
            let count = self.counts.entry(*what).or_default();
            *count += 1;
            *count == 1
        });
        if let Some(count) = before.and_then(|what| self.counts.get_mut(&what)) {
            *count -= 1;
        }
        Change { begun: begun.into_iter().collect(), over: before.is_some() && self.waits.is_empty() }
    }

    /// All that is open, where what happened since was missed.
    fn anew(&mut self, open: &[Upload]) -> Change {
        let waited = !self.waits.is_empty();
        let counts = std::mem::take(&mut self.counts);
        self.waits.clear();
        for upload in open {
            self.now(upload.id, upload.waiting);
        }
        let known = |what: &Waiting| counts.get(what).is_some_and(|count| *count > 0);
        let begun = self.counts.keys().filter(|what| !known(what)).copied().collect();
        Change { begun, over: waited && self.waits.is_empty() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    fn upload(waiting: Option<Waiting>) -> Upload {
        fixtures::upload(1, waiting)
    }

    fn begun(what: Waiting) -> Change {
        Change { begun: vec![what], over: false }
    }

    #[test]
    fn an_outage_is_told_once_and_not_once_a_file() {
        let (nothing, over) = (Change::default, || Change { begun: vec![], over: true });
        let mut outages = Outages::default();
        assert_eq!(outages.now(1, None), nothing());
        assert_eq!(outages.now(1, Some(Waiting::Network)), begun(Waiting::Network));
        assert_eq!(outages.now(1, Some(Waiting::Network)), nothing());
        assert_eq!(outages.now(2, Some(Waiting::Network)), nothing());
        assert_eq!(outages.now(2, Some(Waiting::Keychain)), begun(Waiting::Keychain));
        assert_eq!(outages.now(1, None), nothing(), "the other one still waits");
        assert_eq!(outages.now(2, None), over());
        assert_eq!(outages.now(2, None), nothing(), "its end too is told once");
        assert_eq!(outages.now(3, Some(Waiting::Network)), begun(Waiting::Network), "the next outage is another one");
    }

    #[test]
    fn a_pause_before_the_next_try_is_no_outage() {
        assert_eq!(Outages::default().now(1, Some(Waiting::Retry)), Change::default());
        assert_eq!(Outages::default().now(1, Some(Waiting::Turn)), Change::default());
        assert_eq!(Outages::default().now(1, Some(Waiting::Name)), Change::default());
    }

    #[test]
    fn an_outage_that_went_on_while_events_were_missed_is_not_told_again() {
        let mut outages = Outages::default();
        assert_eq!(outages.anew(&[upload(Some(Waiting::Network))]), begun(Waiting::Network), "from an earlier run");
        assert_eq!(outages.anew(&[upload(Some(Waiting::Network))]), Change::default());
        assert_eq!(outages.anew(&[upload(Some(Waiting::Disk))]), begun(Waiting::Disk));
        assert_eq!(outages.anew(&[upload(None)]), Change { begun: vec![], over: true });
        assert_eq!(outages.now(1, Some(Waiting::Disk)), begun(Waiting::Disk));
    }

    #[tokio::test]
    async fn a_result_is_told_however_much_happens_while_the_windows_are_busy() {
        let (sender, receiver) = tokio::sync::broadcast::channel(8);
        let mut gathered = gather(receiver);
        for id in 0..1_000 {
            sender.send(Event::Gone { id }).expect("it is heard");
            // Where it is heard from, nobody has looked yet.
            while sender.len() > 4 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        drop(sender);
        for expected in 0..1_000 {
            let heard = gathered.recv().await;
            assert!(
                matches!(&heard, Some(Heard::Event(event)) if matches!(**event, Event::Gone { id } if id == expected)),
                "{heard:?}"
            );
        }
        assert!(gathered.recv().await.is_none());
    }
}
