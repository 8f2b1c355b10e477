//! The clipboard of a Wayland compositor that lets any program follow it (data-control). One thread per connection, the hub: it counts
//! offers and owns the clipboard for us. Contents flow through pipes, read and written on other threads.

mod hub;
mod protocol;
mod transfer;

use std::io::{PipeReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;

use crate::gather::{Halt, Look, Source};
use crate::shared::{Patience, Shared};
use crate::{Board, Entry, Error, Kind, Limits};

/// The compositor is on this machine: longer than this means that it hangs.
const COMPOSITOR: Duration = Duration::from_secs(5);

pub(crate) enum Command {
    Sync(SyncSender<Result<(), Error>>),
    /// The types on offer, and the serial they belong to.
    Look(SyncSender<Result<Look, Error>>),
    /// A pipe with one type of the content with that serial; none if the content has changed.
    Receive(u64, String, SyncSender<Result<Option<PipeReader>, Error>>),
    Write(Vec<Entry>, SyncSender<Result<u64, Error>>),
}

/// Where the hub gets its orders; writing a byte to `wake` makes it look.
pub(crate) struct Orders {
    pub commands: Receiver<Command>,
    pub wake: UnixStream,
}

pub(crate) struct Wayland {
    shared: Arc<Shared>,
    line: Arc<Line>,
    hub: Option<JoinHandle<()>>,
    ended: Mutex<Receiver<()>>,
}

struct Line {
    shared: Arc<Shared>,
    commands: Mutex<Option<Sender<Command>>>,
    wake: UnixStream,
}

impl Line {
    fn ask<T>(&self, command: impl FnOnce(SyncSender<Result<T, Error>>) -> Command) -> Result<T, Error> {
        self.shared.now()?;
        let gone = || self.shared.now().err().unwrap_or_else(|| Error::Closed("the Wayland thread has ended".to_owned()));
        let (answer, answered) = mpsc::sync_channel(1);
        {
            let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
            commands.as_ref().ok_or_else(gone)?.send(command(answer)).map_err(|_| gone())?;
        }
        // A full pipe means that it is awake anyway.
        let _ = (&self.wake).write(&[1]);
        match answered.recv_timeout(COMPOSITOR) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(Error::Silent(COMPOSITOR, "an answer of the Wayland compositor".to_owned())),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }
}

impl Wayland {
    pub(crate) fn connect(path: &Path, limits: &Limits) -> Result<(Self, Kind), Error> {
        let unavailable =
            |error: &dyn std::fmt::Display| Error::Unavailable(format!("Wayland compositor {}: {error}", path.display()));
        let shared = Arc::new(Shared::new());
        let (ours, theirs) = UnixStream::pair().map_err(|error| unavailable(&error))?;
        for end in [&ours, &theirs] {
            end.set_nonblocking(true).map_err(|error| unavailable(&error))?;
        }
        let (commands, received) = mpsc::channel();
        let orders = Orders { commands: received, wake: theirs };
        let (ready, started) = mpsc::sync_channel(1);
        let (end, ended) = mpsc::sync_channel(1);
        let (state, path_there, patience) = (Arc::clone(&shared), path.to_owned(), limits.clone());
        let hub = thread::Builder::new()
            .name("clipboard Wayland".to_owned())
            .spawn(move || {
                hub::run(&path_there, &state, &orders, patience, &ready);
                let _ = end.send(());
            })
            .map_err(|error| unavailable(&error))?;
        let kind = started
            .recv_timeout(COMPOSITOR)
            .map_err(|_| unavailable(&"it does not answer"))?
            .map_err(|error| unavailable(&error))?;
        let line = Arc::new(Line { shared: Arc::clone(&shared), commands: Mutex::new(Some(commands)), wake: ours });
        Ok((Self { shared, line, hub: Some(hub), ended: Mutex::new(ended) }, kind))
    }
}

impl Board for Wayland {
    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn sync(&self) -> Result<(), Error> {
        self.line.ask(Command::Sync)
    }

    fn write(&self, entries: Vec<Entry>) -> Result<u64, Error> {
        self.line.ask(|answer| Command::Write(entries, answer))
    }

    fn source(&self) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(Reader { line: Arc::clone(&self.line) }))
    }
}

impl Drop for Wayland {
    fn drop(&mut self) {
        self.line.commands.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = (&self.line.wake).write(&[1]);
        // So that the clipboard is really given up when this returns; a compositor that hangs may not hang us.
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(Duration::from_secs(1)).is_ok()
            && let Some(hub) = self.hub.take()
        {
            let _ = hub.join();
        }
    }
}

struct Reader {
    line: Arc<Line>,
}

impl Source for Reader {
    fn look(&mut self, _patience: &mut Patience<'_>) -> Result<Look, Halt> {
        Ok(self.line.ask(Command::Look)?)
    }

    fn fetch(&mut self, serial: u64, target: &str, limit: u64, patience: &mut Patience<'_>) -> Result<Bytes, Halt> {
        patience.begin(target, serial);
        let pipe = self.line.ask(|answer| Command::Receive(serial, target.to_owned(), answer))?.ok_or(Halt::Changed)?;
        let bytes = transfer::read(pipe, limit, patience)?;
        // A refusal has no form of its own on Wayland: the owner just closes the pipe.
        if bytes.is_empty() { Err(Halt::Refused) } else { Ok(bytes) }
    }
}
