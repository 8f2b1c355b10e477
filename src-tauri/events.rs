//! What the engine says, passed on: to the windows as it is, to the tray as "look again", to notifications in sentences.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use imagepic_core::error::Waiting;
use imagepic_core::event::{Event, Settled, Upload};
use tauri::{AppHandle, Emitter, Manager};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::notifications::{Matter, said};
use crate::shell::Shell;
use crate::windows;

/// An outage is told with all it holds up, so the first upload that waits is not told alone.
const GATHER: Duration = Duration::from_millis(1_500);

/// Follows the engine until it ends.
pub(crate) async fn follow(app: AppHandle, mut events: Receiver<Event>) {
    let mut outages = Outages::default();
    loop {
        match events.recv().await {
            Ok(event) => heard(&app, event, &mut outages),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "events were missed; windows take a new snapshot");
                heard(&app, Event::Status, &mut outages);
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn heard(app: &AppHandle, event: Event, outages: &mut Outages) {
    let shell = app.state::<Shell>();
    let lang = shell.engine.lang();
    if !app.webview_windows().is_empty()
        && let Err(error) = app.emit("engine", &event)
    {
        tracing::warn!(%error, "the windows were not told of an event");
    }
    if !matches!(event, Event::Refused { .. } | Event::Notice { .. }) {
        shell.tray.touch();
    }
    match event {
        Event::Settings => windows::follow_settings(app),
        Event::Offer(offer) => shell.notifier.show(said::offer(&offer, &shell.engine.snapshot().place, lang)),
        Event::OfferGone => shell.notifier.withdraw(Matter::Offer),
        Event::Settled(batch) => settled(&shell, &batch),
        Event::Notice { code, message } => {
            tracing::warn!(?code, message, "notice");
            shell.notifier.show(said::notice(message, lang));
        }
        Event::Upload(_) | Event::Status | Event::Gone { .. } => {
            let (begun, over) = outages.now(&shell.engine.snapshot().open);
            if over {
                shell.notifier.withdraw(Matter::Waiting);
            }
            for what in begun {
                tauri::async_runtime::spawn(tell_outage(app.clone(), what));
            }
        }
        Event::Progress { .. } | Event::Refused { .. } => {}
    }
}

fn settled(shell: &Shell, batch: &Settled) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let format = shell.engine.snapshot().format;
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

/// What uploads wait for at present, so that each outage is told once.
#[derive(Debug, Default)]
struct Outages {
    told: BTreeSet<u8>,
}

impl Outages {
    /// The outages that have just begun, and whether the last one is just over.
    fn now(&mut self, open: &[Upload]) -> (Vec<Waiting>, bool) {
        // A pause before the next try is no outage.
        let waits = open.iter().filter_map(|upload| upload.waiting).filter(|what| *what != Waiting::Retry);
        let mut begun = Vec::new();
        let mut now = BTreeSet::new();
        for what in waits {
            if now.insert(what as u8) && !self.told.contains(&(what as u8)) {
                begun.push(what);
            }
        }
        let over = now.is_empty() && !self.told.is_empty();
        self.told = now;
        (begun, over)
    }
}

#[cfg(test)]
mod tests {
    use imagepic_core::capture::Source;
    use imagepic_core::event::{Place, Stage};

    use super::*;

    fn upload(waiting: Option<Waiting>) -> Upload {
        let text = String::new;
        let place =
            Place { destination: text(), name: text(), bucket: text(), folder: text(), max_bytes: None, only_here: false };
        Upload {
            id: 1,
            batch: 1,
            position: 0,
            name: text(),
            size: 0,
            sent: 0,
            content_type: text(),
            width: None,
            height: None,
            source: Source::Drop,
            stage: if waiting.is_some() { Stage::Waiting } else { Stage::Sending },
            waiting,
            code: None,
            message: None,
            place,
            key: text(),
            taken_at: 0,
            done_at: None,
            reused: false,
            expires_at: None,
        }
    }

    #[test]
    fn an_outage_is_told_once_and_not_once_a_file() {
        let mut outages = Outages::default();
        let network = || upload(Some(Waiting::Network));
        assert_eq!(outages.now(&[upload(None)]), (vec![], false));
        assert_eq!(outages.now(&[network(), upload(None)]), (vec![Waiting::Network], false));
        assert_eq!(outages.now(&[network(), network()]), (vec![], false));
        assert_eq!(outages.now(&[network(), upload(Some(Waiting::Keychain))]), (vec![Waiting::Keychain], false));
        assert_eq!(outages.now(&[upload(None)]), (vec![], true));
        assert_eq!(outages.now(&[]), (vec![], false), "its end too is told once");
        assert_eq!(outages.now(&[network()]), (vec![Waiting::Network], false), "the next outage is another one");
    }

    #[test]
    fn a_pause_before_the_next_try_is_no_outage() {
        assert_eq!(Outages::default().now(&[upload(Some(Waiting::Retry))]), (vec![], false));
    }
}
