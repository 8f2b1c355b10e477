//! The clipboard of an X server. One thread per connection, the hub: it counts changes by XFixes and serves what we own. Reading goes
//! over connections of its own ([`read`]), so that a slow owner never holds up the hub.

mod hub;
mod read;
mod serve;

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};

use crate::gather::Source;
use crate::line::Line;
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

pub(crate) enum Command {
    Sync(SyncSender<Result<(), Error>>),
    Write(Vec<Entry>, SyncSender<Result<u64, Error>>),
}

pub(crate) struct X11 {
    shared: Arc<Shared>,
    line: Arc<Line<Command>>,
    display: String,
}

impl X11 {
    pub(crate) fn connect(display: &str, limits: &Limits) -> Result<Self, Error> {
        let shared = Arc::new(Shared::new());
        let (name, state, limits) = (display.to_owned(), Arc::clone(&shared), limits.clone());
        let run = move |orders: &_, ready: &_| hub::run(&name, &state, orders, &limits, ready);
        let (line, ()) = Line::start("clipboard X11", format!("X server {display}"), Arc::clone(&shared), run)?;
        Ok(Self { shared, line: Arc::new(line), display: display.to_owned() })
    }
}

impl Board for X11 {
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
        Ok(Box::new(read::Reader::connect(&self.display, Arc::clone(&self.shared), Arc::clone(&self.line))?))
    }
}

/// Any failure of an X connection: whoever has it open needs a new one.
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
