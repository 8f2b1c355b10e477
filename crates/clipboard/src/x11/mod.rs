//! The clipboard of an X server. One thread per connection, the hub: it counts changes by XFixes and serves what we own. Reading goes
//! over connections of its own ([`read`]), so that a slow owner never holds up the hub.

mod hub;
mod read;
mod serve;

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};

use crate::gather::Source;
use crate::shared::Shared;
use crate::{Board, Entry, Error, Limits};

x11rb::atom_manager! {
    pub(crate) Atoms: AtomsCookie {
        CLIPBOARD,
        TARGETS,
        TIMESTAMP,
        MULTIPLE,
        ATOM_PAIR,
        INCR,
        DATA: b"IMAGEPIC_SELECTION",
    }
}

/// The X server is on this machine, or in this room: longer than this means that it hangs.
const SERVER: Duration = Duration::from_secs(5);

pub(crate) enum Command {
    Sync(SyncSender<Result<(), Error>>),
    Write(Vec<Entry>, SyncSender<Result<u64, Error>>),
}

/// Where the hub gets its orders; writing a byte to `wake` makes it look.
pub(crate) struct Orders {
    pub commands: Receiver<Command>,
    pub wake: UnixStream,
}

pub(crate) struct X11 {
    shared: Arc<Shared>,
    line: Arc<Line>,
    display: String,
    hub: Option<JoinHandle<()>>,
    ended: Mutex<Receiver<()>>,
}

/// The way to the hub; gone when the last holder drops it, and then the hub ends.
pub(crate) struct Line {
    commands: Mutex<Option<Sender<Command>>>,
    wake: UnixStream,
}

impl Line {
    fn ask<T>(&self, shared: &Shared, command: impl FnOnce(SyncSender<Result<T, Error>>) -> Command) -> Result<T, Error> {
        shared.now()?;
        let gone = || shared.now().err().unwrap_or_else(|| Error::Closed("the X11 thread has ended".to_owned()));
        let (answer, answered) = mpsc::sync_channel(1);
        {
            let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
            commands.as_ref().ok_or_else(gone)?.send(command(answer)).map_err(|_| gone())?;
        }
        // A full pipe means that it is awake anyway.
        let _ = (&self.wake).write(&[1]);
        match answered.recv_timeout(SERVER) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(Error::Silent(SERVER, "an answer of the X server".to_owned())),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }

    pub(crate) fn sync(&self, shared: &Shared) -> Result<(), Error> {
        self.ask(shared, Command::Sync)
    }
}

impl X11 {
    pub(crate) fn connect(display: &str, limits: &Limits) -> Result<Self, Error> {
        let shared = Arc::new(Shared::new());
        let (ours, theirs) = UnixStream::pair().map_err(|error| Error::Unavailable(error.to_string()))?;
        for end in [&ours, &theirs] {
            end.set_nonblocking(true).map_err(|error| Error::Unavailable(error.to_string()))?;
        }
        let (commands, received) = mpsc::channel();
        let orders = Orders { commands: received, wake: theirs };
        let (ready, started) = mpsc::sync_channel(1);
        let (end, ended) = mpsc::sync_channel(1);
        let (state, name, patience) = (Arc::clone(&shared), display.to_owned(), limits.clone());
        let hub = thread::Builder::new()
            .name("clipboard X11".to_owned())
            .spawn(move || {
                hub::run(&name, &state, &orders, &patience, &ready);
                let _ = end.send(());
            })
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        started
            .recv_timeout(SERVER)
            .map_err(|_| Error::Unavailable(format!("the X server {display} does not answer")))?
            .map_err(|error| Error::Unavailable(format!("X server {display}: {error}")))?;
        let line = Arc::new(Line { commands: Mutex::new(Some(commands)), wake: ours });
        Ok(Self { shared, line, display: display.to_owned(), hub: Some(hub), ended: Mutex::new(ended) })
    }
}

impl Board for X11 {
    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn sync(&self) -> Result<(), Error> {
        self.line.sync(&self.shared)
    }

    fn write(&self, entries: Vec<Entry>) -> Result<u64, Error> {
        self.line.ask(&self.shared, |answer| Command::Write(entries, answer))
    }

    fn source(&self) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(read::Reader::connect(&self.display, Arc::clone(&self.shared), Arc::clone(&self.line))?))
    }
}

impl Drop for X11 {
    fn drop(&mut self) {
        self.line.commands.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = (&self.line.wake).write(&[1]);
        // So that the clipboard is really given up when this returns; a server that hangs may not hang us.
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(Duration::from_secs(1)).is_ok()
            && let Some(hub) = self.hub.take()
        {
            let _ = hub.join();
        }
    }
}

/// Any failure of the X connection: whoever has it open needs a new one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("{0}")]
    Connect(#[from] ConnectError),
    #[error("{0}")]
    Connection(#[from] ConnectionError),
    #[error("{0}")]
    Reply(#[from] ReplyError),
    #[error("{0}")]
    Id(#[from] ReplyOrIdError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the X server lacks {0}")]
    Lacks(&'static str),
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        Self::Closed(format!("X server: {broken}"))
    }
}
