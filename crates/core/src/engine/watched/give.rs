//! What is complete goes: asked about the first time, taken in, and tried again where that fails for a reason that passes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

use imagepic_words::sources as words;

use super::words_of::question;
use super::{AGAIN, Folder, Question};
use crate::engine::{Inner, Submit};
use crate::error::{Code, Error, Result};
use crate::event::Event;
use crate::journal::Deliver;
use crate::queue::blocking;
use crate::settings::WatchedFolder;
use crate::sources::folder;

/// The id of where a folder's images go.
fn destination(inner: &Inner, wish: &WatchedFolder) -> String {
    wish.destination.clone().unwrap_or_else(|| inner.hub.settings().current().id.clone())
}

/// Files that wait for an answer; what is more stays in the folder.
const ASKED: usize = 10_000;

impl Folder {
    /// Takes in what is ready, or asks.
    pub(super) async fn give(&mut self) -> Result<()> {
        let Some(inner) = self.inner.upgrade() else { return Ok(()) };
        let Some(wish) = self.wish(&inner) else { return Ok(()) };
        // Who agreed to one destination has not agreed to whichever is the current one later.
        let to = destination(&inner, &wish);
        let (seen, path, asked_for) = (inner.seen().await?, self.path.clone(), to.clone());
        let agreed = blocking(move || seen.agreed(&path, &asked_for)).await?;
        if agreed && self.asked.is_none() {
            return self.take(to, Deliver::IfUnchanged).await;
        }
        let ready = std::mem::take(&mut self.ready);
        (self.first, self.retry) = (None, None);
        match &mut self.asked {
            Some(asked) => {
                // Saved anew while it was asked about: it goes once, as it is then.
                asked.files.retain(|(old, _)| ready.iter().all(|(new, _)| new != old));
                asked.files.extend(ready);
                asked.files.truncate(ASKED);
                self.reword();
            }
            None => {
                let Some(words) = question(&inner, &self.path, &ready, &to) else { return Ok(()) };
                let asking = inner.sources.questions.ask(words);
                self.asked = Some(Question { asking, files: ready, destination: to });
            }
        }
        self.tell(self.state(), self.crowded.clone());
        Ok(())
    }

    pub(super) fn reword(&mut self) {
        let Some(inner) = self.inner.upgrade() else { return };
        let to = self.wish(&inner).map(|wish| destination(&inner, &wish));
        let Some((asked, to)) = self.asked.as_mut().zip(to) else { return };
        if let Some(words) = question(&inner, &self.path, &asked.files, &to) {
            asked.destination = to;
            asked.asking.reword(words);
        }
    }

    pub(super) async fn answered(&mut self, yes: bool) {
        let Some(Question { files, destination, .. }) = self.asked.take() else { return };
        self.tell(self.state(), self.crowded.clone());
        let Some(inner) = self.inner.upgrade().filter(|_| yes) else { return };
        let agree = async {
            let (seen, path, to) = (inner.seen().await?, self.path.clone(), destination.clone());
            blocking(move || seen.agree(&path, &to)).await
        };
        if let Err(error) = agree.await {
            inner.notice(&error);
        }
        let mut all = files;
        all.append(&mut self.ready);
        self.ready = all;
        self.first = Some(Instant::now());
        // Somebody said so just now: the link may take the clipboard.
        if let Err(error) = self.take(destination, Deliver::ByHand).await {
            self.later(&error);
        }
    }

    /// Takes in what is ready. What fails for a reason that passes stays ready.
    pub(super) async fn take(&mut self, destination: String, deliver: Deliver) -> Result<()> {
        let Some(inner) = self.inner.upgrade() else { return Ok(()) };
        let now = self.ready.clone();
        let gone = blocking(move || {
            let gone = now.into_iter().filter(|(path, stamp)| folder::look(path).is_none_or(|look| look.stamp != *stamp));
            Ok(gone.map(|(path, _)| path).collect::<HashSet<PathBuf>>())
        })
        .await?;
        // Changed or taken away meanwhile: its own event speaks for it.
        self.ready.retain(|(path, _)| !gone.contains(path));
        if self.ready.is_empty() {
            (self.first, self.retry) = (None, None);
            return Ok(());
        }
        let files = self.ready.clone();
        let how = Submit { destination: Some(destination), deliver, ..Submit::default() };
        let batch = inner.submit_files(files.clone(), how).await?;
        self.ready.clear();
        (self.first, self.retry) = (None, None);
        for each in &batch.each {
            let (Err(refusal), Some((path, _))) = (&each.outcome, files.get(each.capture)) else { continue };
            match refusal.code {
                // Somebody is still at it, or took it away.
                Code::FileChanged | Code::FileMissing => drop(self.known.remove(path)),
                _ if batch.uploads.is_empty() => {
                    inner.hub.emit(Event::Notice { code: refusal.code, message: refusal.message.clone() });
                }
                // Told with the links of the others.
                _ => {}
            }
        }
        Ok(())
    }

    /// Nothing of it was taken: it stays ready, and is tried again.
    pub(super) fn later(&mut self, error: &Error) {
        let pause = self.retry.map_or(AGAIN.0, |(_, pause)| (pause * 2).min(AGAIN.1));
        self.retry = Some((Instant::now() + pause, pause));
        self.first.get_or_insert_with(Instant::now);
        let told = Error::new(error.code, words::folder_waits(self.path.display(), "").with("reason", error.text.clone()));
        self.complain(&told, self.state());
    }
}
