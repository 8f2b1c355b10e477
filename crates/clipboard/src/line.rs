//! The thread behind a connection, and the way to give it orders: what X11 and Wayland have in common, which is all but the protocol.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Error;
use crate::shared::Shared;

/// Display servers are on this machine, or in this room: longer than this means that one hangs.
const SERVER: Duration = Duration::from_secs(5);

/// How long giving up the clipboard may hold up whoever drops the connection.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where the thread gets its orders.
pub(crate) struct Orders<C> {
    commands: Receiver<C>,
    wake: UnixStream,
}

impl<C> Orders<C> {
    /// The next order, if there is one; `Disconnected` once nobody can give any more.
    pub(crate) fn next(&self) -> Result<C, TryRecvError> {
        self.commands.try_recv()
    }

    /// After being woken, before sleeping again.
    pub(crate) fn awake(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.wake).read(&mut bytes), Ok(count) if count == bytes.len()) {}
    }
}

impl<C> AsFd for Orders<C> {
    /// Readable when there are orders.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

/// The way to the thread, which ends when this is dropped.
pub(crate) struct Line<C> {
    shared: Arc<Shared>,
    /// In messages: which server this is.
    server: String,
    commands: Mutex<Option<Sender<C>>>,
    wake: UnixStream,
    thread: Option<JoinHandle<()>>,
    ended: Mutex<Receiver<()>>,
}

impl<C: Send + 'static> Line<C> {
    /// Starts the thread, and waits until it says through the channel that it has connected, or why not.
    pub(crate) fn start<T, E, F>(name: &str, server: String, shared: Arc<Shared>, run: F) -> Result<(Self, T), Error>
    where
        T: Send + 'static,
        E: fmt::Display + Send + 'static,
        F: FnOnce(&Orders<C>, &SyncSender<Result<T, E>>) + Send + 'static,
    {
        let unavailable = |error: &dyn fmt::Display| Error::Unavailable(format!("{server}: {error}"));
        let (ours, theirs) = UnixStream::pair().map_err(|error| unavailable(&error))?;
        for end in [&ours, &theirs] {
            end.set_nonblocking(true).map_err(|error| unavailable(&error))?;
        }
        let (commands, received) = mpsc::channel();
        let orders = Orders { commands: received, wake: theirs };
        let (ready, started) = mpsc::sync_channel(1);
        let (end, ended) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                run(&orders, &ready);
                let _ = end.send(());
            })
            .map_err(|error| unavailable(&error))?;
        let value =
            started.recv_timeout(SERVER).map_err(|_| unavailable(&"it does not answer"))?.map_err(|error| unavailable(&error))?;
        let commands = Mutex::new(Some(commands));
        Ok((Self { shared, server, commands, wake: ours, thread: Some(thread), ended: Mutex::new(ended) }, value))
    }

    /// Gives an order and waits for the answer.
    pub(crate) fn ask<T>(&self, command: impl FnOnce(SyncSender<Result<T, Error>>) -> C) -> Result<T, Error> {
        self.shared.now()?;
        let gone = || self.shared.now().err().unwrap_or_else(|| Error::Closed(format!("{}: its thread has ended", self.server)));
        let (answer, answered) = mpsc::sync_channel(1);
        {
            let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
            commands.as_ref().ok_or_else(gone)?.send(command(answer)).map_err(|_| gone())?;
        }
        self.wake();
        match answered.recv_timeout(SERVER) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(Error::Transfer(format!("{} has not answered for {SERVER:?}", self.server))),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }
}

impl<C> Line<C> {
    fn wake(&self) {
        // A full pipe means that it is awake anyway.
        let _ = (&self.wake).write(&[1]);
    }
}

impl<C> Drop for Line<C> {
    fn drop(&mut self) {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.wake();
        // So that the clipboard is really given up when this returns; a server that hangs may not hang us.
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(FAREWELL).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}
