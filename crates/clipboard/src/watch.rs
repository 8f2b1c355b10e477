//! One thread that sleeps until the backend counts a change, reads it, and tells whoever asked. It owns no connection state.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::gather::{Wish, gather};
use crate::shared::Patience;
use crate::{Board, Change, Error, Limits};

type OnChange = Box<dyn Fn(Result<Change, Error>) + Send>;

/// A running watch. Dropping it stops it: no call begins after that, though one that has begun runs to its end.
pub struct Watch {
    board: Arc<dyn Board>,
    stop: Arc<AtomicBool>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl Watch {
    pub(crate) fn start(board: Arc<dyn Board>, limits: Limits, on_change: OnChange) -> Result<Self, Error> {
        let seen = board.shared().now()?.serial;
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, stopped) = (Arc::clone(&board), Arc::clone(&stop));
        thread::Builder::new()
            .name("clipboard watch".to_owned())
            .spawn(move || run(theirs.as_ref(), &limits, &stopped, seen, &on_change))
            .map_err(|error| Error::Unavailable(format!("no thread for the clipboard watch: {error}")))?;
        Ok(Self { board, stop })
    }

    /// Whether the connection is gone, so that nothing will be reported any more.
    pub fn is_closed(&self) -> bool {
        self.board.shared().now().is_err()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.board.shared().wake();
    }
}

fn run(board: &dyn Board, limits: &Limits, stop: &AtomicBool, mut seen: u64, on_change: &OnChange) {
    let shared = board.shared();
    let stopped = || stop.load(Ordering::SeqCst);
    let mut source = None;
    loop {
        let state = shared.wait(|state| state.serial != seen || state.closed.is_some() || stopped());
        if stopped() {
            return;
        }
        if let Some(error) = state.closed {
            on_change(Err(error));
            return;
        }
        if state.own {
            seen = state.serial;
            continue;
        }
        let wish = Wish { lone_only: true, skip_own: true };
        let mut patience = Patience::new(limits, shared, &stopped);
        let opened = match source.take() {
            Some(source) => Ok(source),
            None => board.source(),
        };
        let report = match opened {
            Ok(mut opened) => match gather(opened.as_mut(), wish, &mut patience) {
                Ok(gathered) => {
                    // A connection that has just served well is kept, one with a transfer left half done is not.
                    source = Some(opened);
                    let again = gathered.serial == seen;
                    seen = gathered.serial;
                    if again || gathered.own {
                        continue;
                    }
                    Ok(Change { content: gathered.content, mark: shared.mark(gathered.serial) })
                }
                Err((error, serial)) => {
                    seen = serial.unwrap_or(state.serial);
                    Err(error)
                }
            },
            Err(error) => {
                seen = state.serial;
                Err(error)
            }
        };
        if stopped() {
            return;
        }
        match report {
            // The shared state says it too, at the top of the next round.
            Err(error) if error.is_closed() => {}
            report => on_change(report),
        }
    }
}
