//! The thread that follows the Wayland clipboard and owns it for us.
//!
//! Every selection event is one change. What we put there ourselves is recognised by a name that no other program can know beforehand.

use std::collections::HashMap;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TryRecvError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use wayland_client::backend::WaylandError;
use wayland_client::globals::{GlobalError, registry_queue_init};
use wayland_client::protocol::wl_seat::WlSeat;
use wayland_client::{ConnectError, Connection, DispatchError, EventQueue, Proxy as _};

use super::protocol::{Device, Entries, Events, Manager, Offer, Source};
use super::{Command, transfer};
use crate::content::OWN;
use crate::gather::Look;
use crate::line::Orders;
use crate::poll;
use crate::shared::Shared;
use crate::{Entry, Error, Kind, Limits};

/// More types than any program offers; what comes after is not looked at.
const NAMES: usize = 512;

/// Why there is no clipboard here, or none any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Connect(#[from] ConnectError),
    #[error("{0}")]
    Global(#[from] GlobalError),
    #[error("{0}")]
    Wayland(#[from] WaylandError),
    #[error("{0}")]
    Dispatch(#[from] DispatchError),
    #[error(
        "it lets no program follow the clipboard: neither ext-data-control nor wlr-data-control is there (GNOME has neither)"
    )]
    NoProtocol,
    #[error("it has no seat, and so no clipboard")]
    NoSeat,
    #[error("the seat is gone")]
    SeatGone,
}

/// A write that waits for the compositor to hand our own offer back.
struct Pending {
    token: String,
    answer: SyncSender<Result<u64, Error>>,
}

/// What the events change.
pub(super) struct State {
    shared: Arc<Shared>,
    limits: Limits,
    /// Offers whose selection event is still to come.
    introduced: HashMap<Offer, Vec<String>>,
    current: Option<(Offer, Vec<String>)>,
    /// Our sources that are not cancelled yet.
    sources: Vec<Source>,
    token: Option<String>,
    pending: Option<Pending>,
    writers: Arc<AtomicUsize>,
    /// The first selection event tells what was there before.
    started: bool,
    finished: bool,
}

struct Hub {
    conn: Connection,
    queue: EventQueue<State>,
    state: State,
    manager: Manager,
    device: Device,
}

/// Connects, says through `ready` how that went, and works until the orders end or the connection does.
pub(super) fn run(
    path: &Path,
    shared: &Arc<Shared>,
    orders: &Orders<Command>,
    limits: Limits,
    ready: &SyncSender<Result<Kind, Broken>>,
) {
    match Hub::connect(path, shared, limits) {
        Ok(mut hub) => {
            let _ = ready.send(Ok(hub.manager.kind()));
            let error = match hub.work(orders) {
                Ok(()) => Error::Closed("it was dropped".to_owned()),
                Err(broken) => Error::Closed(format!("Wayland compositor {}: {broken}", path.display())),
            };
            shared.close(error);
        }
        Err(broken) => {
            let _ = ready.send(Err(broken));
        }
    }
}

impl Hub {
    fn connect(path: &Path, shared: &Arc<Shared>, limits: Limits) -> Result<Self, Broken> {
        let conn = Connection::from_socket(UnixStream::connect(path)?)?;
        let (globals, mut queue) = registry_queue_init::<State>(&conn)?;
        let handle = queue.handle();
        let manager = Manager::bind(&globals, &handle).ok_or(Broken::NoProtocol)?;
        let seat = globals
            .contents()
            .with_list(|list| list.iter().find(|global| global.interface == WlSeat::interface().name).map(|global| global.name));
        let seat: WlSeat = globals.registry().bind(seat.ok_or(Broken::NoSeat)?, 1, &handle, ());
        let device = manager.device(&seat, &handle);
        let mut state = State {
            shared: Arc::clone(shared),
            limits,
            introduced: HashMap::new(),
            current: None,
            sources: Vec::new(),
            token: None,
            pending: None,
            writers: Arc::default(),
            started: false,
            finished: false,
        };
        queue.roundtrip(&mut state)?;
        shared.found(state.current.is_none());
        state.started = true;
        Ok(Self { conn, queue, state, manager, device })
    }

    fn work(&mut self, orders: &Orders<Command>) -> Result<(), Broken> {
        loop {
            if !self.obey(orders)? {
                // Our content goes with us: nobody could read it any more.
                return Ok(());
            }
            self.queue.dispatch_pending(&mut self.state)?;
            if self.state.finished {
                return Err(Broken::SeatGone);
            }
            match self.queue.flush() {
                Ok(()) => {}
                // The compositor is behind; what is left goes out with the next round.
                Err(WaylandError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            let Some(guard) = self.queue.prepare_read() else { continue };
            let [readable, woken] = poll::readable([guard.connection_fd(), orders.as_fd()], None)?;
            if readable {
                match guard.read() {
                    Ok(_) => {}
                    Err(WaylandError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if woken {
                orders.awake();
            }
        }
    }

    /// Does what was asked for; false once nobody can ask any more.
    fn obey(&mut self, orders: &Orders<Command>) -> Result<bool, Broken> {
        loop {
            match orders.next() {
                Ok(Command::Sync(answer)) => {
                    self.queue.roundtrip(&mut self.state)?;
                    let _ = answer.send(Ok(()));
                }
                Ok(Command::Look(answer)) => {
                    self.queue.roundtrip(&mut self.state)?;
                    let _ = answer.send(self.look());
                }
                Ok(Command::Receive(serial, name, answer)) => {
                    let _ = answer.send(self.receive(serial, name).map_err(|error| Error::Transfer(error.to_string())));
                }
                Ok(Command::Write(entries, answer)) => self.write(entries, answer)?,
                Err(TryRecvError::Empty) => return Ok(true),
                Err(TryRecvError::Disconnected) => return Ok(false),
            }
        }
    }

    fn look(&self) -> Result<Look, Error> {
        let serial = self.state.shared.now()?.serial;
        Ok(match &self.state.current {
            Some((_, names)) => Look { serial, empty: false, targets: names.clone() },
            None => Look { serial, empty: true, targets: Vec::new() },
        })
    }

    fn receive(&self, serial: u64, name: String) -> io::Result<Option<PipeReader>> {
        let same = self.state.shared.now().is_ok_and(|state| state.serial == serial);
        let Some((offer, _)) = self.state.current.as_ref().filter(|_| same) else { return Ok(None) };
        let (reader, writer) = io::pipe()?;
        offer.receive(name, writer.as_fd());
        // Our end for writing is closed when this returns, or the end would never be seen; the request holds its own until it is sent,
        // which the next round of the loop does at the latest.
        let _ = self.conn.flush();
        Ok(Some(reader))
    }

    fn write(&mut self, mut entries: Vec<Entry>, answer: SyncSender<Result<u64, Error>>) -> Result<(), Broken> {
        if entries.is_empty() {
            self.device.select(None);
            self.queue.roundtrip(&mut self.state)?;
            let _ = answer.send(self.state.shared.now().map(|state| state.serial));
            return Ok(());
        }
        let token = fresh_token();
        entries.push(Entry { name: token.clone(), bytes: Bytes::from_static(b"1") });
        let source = self.manager.source(&Arc::new(entries), &self.queue.handle());
        self.device.select(Some(&source));
        self.state.sources.push(source);
        self.state.token = Some(token.clone());
        if let Some(earlier) = self.state.pending.replace(Pending { token, answer }) {
            let _ = earlier.answer.send(Err(Error::Restless));
        }
        Ok(())
    }
}

/// A type of ours that is offered by this one act of writing and by no other.
fn fresh_token() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{OWN};id={}-{}-{now}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Events for State {
    fn introduced(&mut self, offer: Offer) {
        self.introduced.insert(offer, Vec::new());
    }

    fn offered(&mut self, offer: &Offer, name: String) {
        // KDE's bridge to XWayland sends some names after the selection event already.
        let late = self.current.as_mut().filter(|(current, _)| current == offer).map(|(_, names)| names);
        if let Some(names) = self.introduced.get_mut(offer).or(late)
            && names.len() < NAMES
        {
            names.push(name);
        }
    }

    fn selected(&mut self, offer: Option<Offer>) {
        let next = offer.map(|offer| {
            let names = self.introduced.remove(&offer).unwrap_or_default();
            (offer, names)
        });
        let names = next.as_ref().map_or(&[][..], |(_, names)| names.as_slice());
        let holds = |token: &String| names.contains(token);
        let own = self.token.as_ref().is_some_and(holds);
        let confirmed = self.pending.as_ref().is_some_and(|pending| holds(&pending.token));
        if let Some((old, _)) = std::mem::replace(&mut self.current, next) {
            old.destroy();
        }
        if !self.started {
            return;
        }
        let serial = self.shared.changed(own, self.current.is_none());
        if confirmed && let Some(pending) = self.pending.take() {
            let _ = pending.answer.send(Ok(serial));
        }
    }

    fn primary_selected(&mut self, offer: Option<Offer>) {
        if let Some(offer) = offer {
            self.introduced.remove(&offer);
            offer.destroy();
        }
    }

    fn wanted(&mut self, entries: &Entries, name: &str, fd: OwnedFd) {
        if let Some(entry) = entries.iter().find(|entry| entry.name == name) {
            transfer::write(entry.bytes.clone(), fd, &self.limits, &self.writers);
        }
    }

    fn cancelled(&mut self, source: &Source) {
        source.destroy();
        self.sources.retain(|other| other != source);
    }

    fn finished(&mut self) {
        self.finished = true;
    }
}
