//! What the store of the present place tells by itself: one line, open while that destination is the present one, opened again with
//! growing pauses where it breaks.

use std::sync::Arc;
use std::time::Duration;

use rand::RngCore as _;
use tokio::time::Instant;

use super::{ListedObject, parent};
use crate::engine::Inner;
use crate::error::Result;
use crate::store::Heard;

/// The first line waits until the tray is there.
const FIRST: Duration = Duration::from_secs(2);
/// Pauses before the line is opened again: the first and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5 * 60));
/// A line that held so long was a good one.
const GOOD: Duration = Duration::from_secs(60);

impl Inner {
    pub(super) async fn follow_news(self: Arc<Self>) {
        let mut settings = self.hub.settings_changes();
        let mut pause = FIRST;
        let mut place = self.present();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                changed = settings.changed() => if changed.is_err() { return },
            }
            if std::mem::replace(&mut place, self.present()) != place {
                pause = PAUSE.0;
            }
            let begun = Instant::now();
            let told = tokio::select! {
                () = self.stop.cancelled() => return,
                told = self.hear(&place.0, &place.1) => told,
                () = moved(&mut settings, &self, &place) => {
                    pause = Duration::ZERO;
                    continue;
                }
            };
            pause = match told {
                // There is nothing to hear; a settings change asks anew.
                Ok(false) => Duration::from_secs(3600),
                outcome => {
                    if let Err(error) = outcome {
                        tracing::debug!(%error, "no news of the present place");
                    }
                    let doubled = if begun.elapsed() > GOOD { PAUSE.0 } else { (pause * 2).clamp(PAUSE.0, PAUSE.1) };
                    // So that a team whose server was gone does not come back in one moment.
                    doubled + doubled.mul_f64(f64::from(rand::rng().next_u32() % 1000) / 2000.0)
                }
            };
        }
    }

    fn present(&self) -> (String, String) {
        let settings = self.hub.settings();
        let current = settings.current();
        (current.id.clone(), current.bucket.clone())
    }

    /// Hears until the line ends; `false` where there is none.
    async fn hear(&self, id: &str, bucket: &str) -> Result<bool> {
        if bucket.is_empty() {
            return Ok(false);
        }
        let Some(mut news) = self.stores.of(id).await?.listen(bucket).await? else { return Ok(false) };
        tracing::debug!(destination = id, bucket, "hears news");
        // What happened before the line was open is not told.
        self.browsed.doubt(id, Some((bucket, "")));
        while let Some(heard) = news.next().await {
            let place = match heard {
                Heard::Created { key, size, at } => {
                    let object = ListedObject { key, size: size.unwrap_or_default(), modified: at, etag: None };
                    self.browsed.came(id, bucket, &object)
                }
                Heard::Removed { key } => {
                    self.browsed.gone(id, bucket, &key);
                    parent(&key).to_owned()
                }
                Heard::Missed => {
                    self.browsed.doubt(id, Some((bucket, "")));
                    String::new()
                }
            };
            self.tell_place(id, bucket, &place);
        }
        Ok(true)
    }
}

/// Ends when the present place is another one.
async fn moved(settings: &mut tokio::sync::watch::Receiver<u64>, inner: &Inner, place: &(String, String)) {
    while settings.changed().await.is_ok() {
        if inner.present() != *place {
            return;
        }
    }
    std::future::pending::<()>().await;
}
