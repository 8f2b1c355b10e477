//! The clipboard of a Wayland compositor that lets any program follow it (data-control). One thread per connection, the hub: it counts
//! offers and owns the clipboard for us. Contents flow through pipes, read and written on other threads.

mod hub;
mod protocol;
mod transfer;

use std::io::PipeReader;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use bytes::Bytes;

use crate::gather::{Halt, Look, Source};
use crate::line::Line;
use crate::shared::{Patience, Shared};
use crate::{Board, Entry, Error, Kind, Limits};

pub(crate) enum Command {
    Sync(SyncSender<Result<(), Error>>),
    /// The types on offer, and the serial they belong to.
    Look(SyncSender<Result<Look, Error>>),
    /// A pipe with one type of the content with that serial; none if the content has changed.
    Receive(u64, String, SyncSender<Result<Option<PipeReader>, Error>>),
    Write(Vec<Entry>, SyncSender<Result<u64, Error>>),
}

pub(crate) struct Wayland {
    shared: Arc<Shared>,
    line: Arc<Line<Command>>,
}

impl Wayland {
    pub(crate) fn connect(path: &Path, limits: &Limits) -> Result<(Self, Kind), Error> {
        let shared = Arc::new(Shared::new());
        let (socket, state, limits) = (path.to_owned(), Arc::clone(&shared), limits.clone());
        let run = move |orders: &_, ready: &_| hub::run(&socket, &state, orders, limits, ready);
        let server = format!("Wayland compositor {}", path.display());
        let (line, kind) = Line::start("clipboard Wayland", server, Arc::clone(&shared), run)?;
        Ok((Self { shared, line: Arc::new(line) }, kind))
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

struct Reader {
    line: Arc<Line<Command>>,
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
