//! Uploads that wait for their names: the drop zone is opened to ask, and where it is not there to ask, a notification says so.
//!
//! What stays out: which uploads are asked about (the engine decides) and the fields (the page's).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use imagepic_core::error::Waiting;
use imagepic_core::event::Upload;
use tauri::{AppHandle, Manager};

use crate::events::GATHER;
use crate::notifications::{Matter, said};
use crate::shell::Shell;
use crate::windows::{self, Name};

/// Of uploads that come together the first one opens the window.
const TOGETHER: Duration = Duration::from_secs(1);

/// Which uploads wait for their names at present, counted along with the events.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    waits: BTreeSet<i64>,
    /// When the window was last opened, or raised.
    opened: Option<Instant>,
}

impl Asking {
    /// What an earlier run left: said, but no window opens by itself at a start.
    pub(crate) fn begin(&mut self, app: &AppHandle, open: &[Upload]) {
        if self.take(open) {
            say_unless_shown(app);
        }
    }

    /// One upload waits for this now.
    pub(crate) fn now(&mut self, app: &AppHandle, id: i64, waiting: Option<Waiting>) {
        if waiting == Some(Waiting::Name) {
            if self.waits.insert(id) {
                self.ask(app);
            }
        } else if self.waits.remove(&id) && self.waits.is_empty() {
            app.state::<Shell>().notifier.withdraw(Matter::Names);
        }
    }

    /// All that is open, where what happened since was missed.
    pub(crate) fn anew(&mut self, app: &AppHandle, open: &[Upload]) {
        if self.take(open) {
            self.ask(app);
        }
        if self.waits.is_empty() {
            app.state::<Shell>().notifier.withdraw(Matter::Names);
        }
    }

    /// Whether there are new ones among them.
    fn take(&mut self, open: &[Upload]) -> bool {
        let now: BTreeSet<i64> = unnamed(open).map(|upload| upload.id).collect();
        let fresh = !now.is_subset(&self.waits);
        self.waits = now;
        fresh
    }

    fn ask(&mut self, app: &AppHandle) {
        if self.opened.is_some_and(|at| at.elapsed() < TOGETHER) {
            return;
        }
        self.opened = Some(Instant::now());
        windows::open(app, Name::DropZone);
        // Where it could not be opened, or was closed at once.
        say_unless_shown(app);
    }
}

fn unnamed(open: &[Upload]) -> impl Iterator<Item = &Upload> {
    open.iter().filter(|upload| upload.waiting == Some(Waiting::Name))
}

/// The window that asks is gone: what still waits is said elsewhere.
pub(crate) fn window_closed(app: &AppHandle) {
    say(&app.state::<Shell>());
}

fn say_unless_shown(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(GATHER).await;
        if !windows::is_open(&app, Name::DropZone) {
            say(&app.state::<Shell>());
        }
    });
}

fn say(shell: &Shell) {
    let waiting: Vec<Upload> = unnamed(&shell.engine.snapshot().open).cloned().collect();
    if let Some(notification) = said::unnamed(&waiting, shell.engine.lang()) {
        shell.notifier.show(notification);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::upload;

    #[test]
    fn only_what_is_new_among_those_that_wait_for_a_name_is_asked_about() {
        let mut asking = Asking::default();
        assert!(!asking.take(&[upload(1, Some(Waiting::Network))]));
        assert!(asking.take(&[upload(1, Some(Waiting::Network)), upload(2, Some(Waiting::Name))]));
        assert!(!asking.take(&[upload(2, Some(Waiting::Name))]), "it is asked about already");
        assert!(asking.take(&[upload(2, Some(Waiting::Name)), upload(3, Some(Waiting::Name))]));
        assert!(!asking.take(&[]));
        assert!(asking.waits.is_empty());
    }
}
