//! What the engine hears by itself: commits of other processes, settings changed elsewhere, things copied to the clipboard.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use imagepic_clipboard::Content;
use imagepic_words::errors;
use notify::EventKind;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::{Inner, Role, Submit};
use crate::capture::Capture;
use crate::deliver::{Held, captures};
use crate::error::{Code, Error, Result};
use crate::event::Offer;
use crate::journal::Deliver;
use crate::outside::{Change, Told};
use crate::settings::ClipboardMode;
use crate::watching::{self, Heard};

/// Touched after each commit.
pub(super) const CHANGED: &str = "journal.changed";
/// Touched when a secret was saved.
const SECRETS: &str = "secrets.changed";
/// Commits come in bursts; one look serves them all.
const CALM: Duration = Duration::from_millis(15);
/// Pauses between tries to reach the clipboard, first and longest.
const CLIPBOARD: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

impl Inner {
    /// Begins to hear other processes; a second call does nothing, unless the first failed.
    ///
    /// # Errors
    /// `HomeUnwritable` where the system watches no folder.
    pub(super) fn listen(self: &Arc<Self>) -> Result<()> {
        if self.listening.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let begun = self.listen_to_others();
        if begun.is_err() {
            self.listening.store(false, Ordering::SeqCst);
        }
        begun
    }

    fn listen_to_others(self: &Arc<Self>) -> Result<()> {
        let this = Arc::downgrade(self);
        let watch = self.file.watch(move |settings| {
            if let Some(this) = this.upgrade() {
                this.take_settings(settings);
            }
        })?;
        self.listen_to_journal()?;
        self.keep_watch(watch);
        Ok(())
    }

    fn listen_to_journal(self: &Arc<Self>) -> Result<()> {
        let (queue, secrets) = (Arc::clone(&self.queue), Arc::new(tokio::sync::Notify::new()));
        let told = Arc::clone(&secrets);
        let heard: Heard = Arc::new(move |event: notify::Result<notify::Event>| {
            // An error may have hidden a change: look.
            let Ok(event) = event else { return queue.heard.notify_one() };
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            let named = |name: &str| event.paths.iter().any(|path| path.file_name().is_some_and(|file| file == name));
            if named(CHANGED) {
                queue.heard.notify_one();
            }
            if named(SECRETS) {
                told.notify_one();
            }
        });
        let failed = |error: notify::Error| {
            Error::new(Code::HomeUnwritable, errors::home_unwritable(self.home.data().display())).because(error)
        };
        self.keep_watch(watching::watch(self.home.data(), &heard).map_err(failed)?);
        let (queue, stores, stop) = (Arc::clone(&self.queue), Arc::clone(&self.stores), self.stop.clone());
        let takes_over = self.role == Role::Desktop;
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = queue.heard.notified() => {
                        tokio::time::sleep(CALM).await;
                        if let Err(error) = queue.look(takes_over).await {
                            tracing::warn!(%error, "could not look at what other processes did");
                        }
                    }
                    () = secrets.notified() => {
                        stores.forget_all();
                        queue.mended(None);
                    }
                }
            }
        });
        // What was written between opening the journal and watching it.
        self.queue.heard.notify_one();
        Ok(())
    }

    /// A secret was saved or removed: this process and the others look at it anew.
    pub(super) fn secret_changed(&self, destination: &str) {
        self.stores.forget(destination);
        self.queue.mended(Some(destination));
        let path = self.home.data().join(SECRETS);
        if let Err(error) = std::fs::write(&path, self.owner.as_bytes()) {
            tracing::warn!(%error, "other processes do not hear of a new secret");
        }
    }

    /// Follows the clipboard as the settings say. Called again when they change.
    pub(crate) fn watch_clipboard(self: &Arc<Self>) {
        if self.role != Role::Desktop {
            return;
        }
        // The one before ends, whatever it is doing.
        let stop = self.stop.child_token();
        let before = self.clipboard_watch.lock().unwrap_or_else(std::sync::PoisonError::into_inner).replace(stop.clone());
        if let Some(before) = before {
            before.cancel();
        }
        if self.hub.settings().capture.clipboard == ClipboardMode::Off {
            self.delivery.withdraw();
            return;
        }
        let this = Arc::clone(self);
        // The settings may have changed in another process: then this runs on the thread that watches the file.
        let following = async move {
            let mut pause = CLIPBOARD.0;
            let mut told = false;
            let mut last = None;
            while !stop.is_cancelled() {
                match this.follow(&stop, &mut last).await {
                    Ok(()) => pause = CLIPBOARD.0,
                    Err(error) => {
                        if !told {
                            told = true;
                            this.notice(&error);
                        }
                        pause = (pause * 2).min(CLIPBOARD.1);
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        };
        self.tasks.spawn_on(following, &self.runtime);
    }

    /// Takes changes of the clipboard until told to stop, or the connection is gone.
    async fn follow(self: &Arc<Self>, stop: &tokio_util::sync::CancellationToken, last: &mut Option<[u8; 32]>) -> Result<()> {
        let (send, mut changes) = mpsc::channel(4);
        let clipboard = Arc::clone(&self.outside.clipboard);
        let watch = crate::queue::blocking(move || {
            clipboard.watch(Box::new(move |change| {
                // Blocks the watch's own thread while we are busy; the newest change is reported afterwards.
                let _ = send.blocking_send(change);
            }))
        })
        .await?;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                change = changes.recv() => match change {
                    None => break,
                    Some(Told::Changed(change)) => self.copied(change, last).await,
                    Some(Told::Closed(error)) => return Err(error),
                    Some(Told::Unreadable(error)) => {
                        tracing::info!(%error, "something on the clipboard could not be read");
                        self.delivery.withdraw();
                        *last = None;
                    }
                }
            }
        }
        drop(changes);
        drop(watch);
        Ok(())
    }

    async fn copied(self: &Arc<Self>, change: Change, last: &mut Option<[u8; 32]>) {
        self.delivery.withdraw();
        let files = match &change.content {
            Content::Image { .. } => 0,
            // A person who copies documents in a file manager does not mean us.
            Content::Files(paths) if paths.iter().all(|path| looks_like_image(path)) => paths.len(),
            // Whoever copied something is gone; a clipboard manager may put the very same back.
            Content::Nothing => return,
            _ => {
                // An image copied after something else is meant anew, whatever its bytes.
                *last = None;
                return;
            }
        };
        let captures = captures(&change.content);
        let content = change.content.clone();
        let Ok((hash, size, dimensions)) = crate::queue::blocking(move || Ok(identity(&content))).await else { return };
        if *last == Some(hash) {
            return;
        }
        *last = Some(hash);
        let held = Held { mark: change.mark, content: Some(change.content) };
        match self.hub.settings().capture.clipboard {
            ClipboardMode::Off => {}
            ClipboardMode::Ask => {
                let (width, height) = dimensions.unzip();
                let offer = Offer { id: 0, size, width, height, files: u32::try_from(files).unwrap_or(u32::MAX) };
                self.delivery.offer(captures, held, offer);
            }
            ClipboardMode::Automatic => {
                if !self.upload_copied(captures, held).await {
                    // Copying it again is how a person tries again.
                    *last = None;
                }
            }
        }
    }

    /// Whether it was taken.
    async fn upload_copied(self: &Arc<Self>, captures: Vec<Capture>, held: Held) -> bool {
        let how = Submit { deliver: Deliver::IfUnchanged, ..Submit::default() };
        match self.submit(captures, how, Some(tokio::spawn(async { Some(held) }))).await {
            Ok(batch) => batch.id != 0,
            Err(error) => {
                self.notice(&error);
                false
            }
        }
    }
}

pub(super) fn looks_like_image(path: &Path) -> bool {
    const KNOWN: [&str; 14] =
        ["png", "jpg", "jpeg", "gif", "webp", "svg", "bmp", "tif", "tiff", "ico", "avif", "heic", "heif", "qoi"];
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase);
    extension.is_some_and(|extension| KNOWN.contains(&extension.as_str()))
}

/// What tells one content from the next, its bytes in all, and its pixels.
fn identity(content: &Content) -> ([u8; 32], u64, Option<(u32, u32)>) {
    match content {
        Content::Image { bytes, .. } => {
            let kind = crate::prepare::kind(bytes, "");
            (Sha256::digest(bytes).into(), bytes.len() as u64, kind.width.zip(kind.height))
        }
        Content::Files(paths) => {
            let mut digest = Sha256::new();
            let mut size = 0;
            for path in paths {
                let data = std::fs::metadata(path).ok();
                let length = data.as_ref().map_or(0, std::fs::Metadata::len);
                let modified = data.and_then(|data| data.modified().ok());
                size += length;
                digest.update(path.as_os_str().as_encoded_bytes());
                digest.update([0]);
                digest.update(length.to_le_bytes());
                digest.update(format!("{modified:?}").as_bytes());
            }
            (digest.finalize().into(), size, None)
        }
        _ => ([0; 32], 0, None),
    }
}
