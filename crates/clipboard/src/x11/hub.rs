//! The thread that follows the X clipboard and owns it for us.
//!
//! XFixes tells every change of owner, in the server's order; a round trip on this connection makes sure that all earlier ones are counted.

use std::collections::HashMap;
use std::os::fd::AsFd as _;
use std::sync::mpsc::{SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use x11rb::CURRENT_TIME;
use x11rb::connection::Connection as _;
use x11rb::connection::RequestConnection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xfixes::{ConnectionExt as _, SelectionEvent, SelectionEventMask, SelectionNotifyEvent};
use x11rb::protocol::xproto::{Atom, ConnectionExt as _, CreateWindowAux, EventMask, Timestamp, Window, WindowClass};
use x11rb::rust_connection::RustConnection;

use super::serve::Transfer;
use super::{Atoms, Broken, Command};
use crate::line::Orders;
use crate::poll;
use crate::shared::Shared;
use crate::{Entry, Error, Limits};

/// What we serve while we own the clipboard.
#[derive(Debug, Default)]
pub(super) struct Offer {
    /// In the order in which they are listed.
    pub order: Vec<Atom>,
    pub bytes: HashMap<Atom, Bytes>,
    /// When we took the clipboard, in the server's time.
    pub since: Timestamp,
}

pub(super) struct Hub<'a> {
    pub conn: RustConnection,
    pub atoms: Atoms,
    pub window: Window,
    /// The most that goes into one property.
    pub chunk: usize,
    pub limits: &'a Limits,
    pub offer: Option<Offer>,
    pub transfers: Vec<Transfer>,
    shared: &'a Shared,
    /// Set from the request to own until XFixes confirms: an older change that is still on its way must not clear it.
    staged: Option<Offer>,
    own_serial: u64,
    last: Option<(Window, Timestamp, Timestamp)>,
}

/// Connects, says through `ready` how that went, and works until the orders end or the connection does.
pub(super) fn run(
    display: &str,
    shared: &Shared,
    orders: &Orders<Command>,
    limits: &Limits,
    ready: &SyncSender<Result<(), Broken>>,
) {
    match Hub::connect(display, shared, limits) {
        Ok(mut hub) => {
            let _ = ready.send(Ok(()));
            let error = match hub.work(orders) {
                Ok(()) => Error::Closed("it was dropped".to_owned()),
                Err(broken) => Error::Closed(format!("X server {display}: {broken}")),
            };
            shared.close(error);
        }
        Err(broken) => {
            let _ = ready.send(Err(broken));
        }
    }
}

/// Connects and makes a window that is never shown.
pub(super) fn open(display: &str) -> Result<(RustConnection, Window, Atoms), Broken> {
    let (conn, screen) = RustConnection::connect(Some(display))?;
    let atoms = Atoms::new(&conn)?;
    let window = conn.generate_id()?;
    let root = conn.setup().roots.get(screen).ok_or(Broken::Lacks("a screen"))?.root;
    let aux = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
    conn.create_window(0, window, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &aux)?.check()?;
    let atoms = atoms.reply()?;
    Ok((conn, window, atoms))
}

impl<'a> Hub<'a> {
    fn connect(display: &str, shared: &'a Shared, limits: &'a Limits) -> Result<Self, Broken> {
        let (conn, window, atoms) = open(display)?;
        conn.extension_information(x11rb::protocol::xfixes::X11_EXTENSION_NAME)?.ok_or(Broken::Lacks("the XFIXES extension"))?;
        conn.xfixes_query_version(5, 0)?.reply()?;
        let mask = SelectionEventMask::SET_SELECTION_OWNER
            | SelectionEventMask::SELECTION_WINDOW_DESTROY
            | SelectionEventMask::SELECTION_CLIENT_CLOSE;
        conn.xfixes_select_selection_input(window, atoms.CLIPBOARD, mask)?.check()?;
        let owner = conn.get_selection_owner(atoms.CLIPBOARD)?.reply()?.owner;
        shared.found(owner == x11rb::NONE);
        let chunk = conn.maximum_request_bytes().saturating_sub(1024).min(1 << 20);
        Ok(Self {
            conn,
            atoms,
            window,
            chunk,
            limits,
            offer: None,
            transfers: Vec::new(),
            shared,
            staged: None,
            own_serial: 0,
            last: None,
        })
    }

    fn work(&mut self, orders: &Orders<Command>) -> Result<(), Broken> {
        loop {
            if !self.obey(orders)? {
                return Ok(());
            }
            self.conn.flush()?;
            // Flushing and asking may both have read events already, so that only an empty queue may be slept on.
            if self.drain()? {
                continue;
            }
            let now = Instant::now();
            self.transfers.retain(|transfer| transfer.deadline > now);
            let timeout = self.transfers.iter().map(|transfer| transfer.deadline - now).min();
            let timeout = timeout.map(|left| left.max(Duration::from_millis(1)));
            let [_, woken] = poll::readable([self.conn.stream().as_fd(), orders.as_fd()], timeout)?;
            if woken {
                orders.awake();
            }
        }
    }

    /// Handles every event that has arrived; whether there was one.
    fn drain(&mut self) -> Result<bool, Broken> {
        let mut any = false;
        while let Some(event) = self.conn.poll_for_event()? {
            any = true;
            self.handle(event)?;
        }
        Ok(any)
    }

    /// Afterwards, everything the server did before is handled.
    fn round_trip(&mut self) -> Result<(), Broken> {
        self.conn.get_input_focus()?.reply()?;
        self.drain()?;
        Ok(())
    }

    /// Does what was asked for; false once nobody can ask any more.
    fn obey(&mut self, orders: &Orders<Command>) -> Result<bool, Broken> {
        loop {
            match orders.next() {
                Ok(Command::Sync(answer)) => {
                    self.round_trip()?;
                    let _ = answer.send(Ok(()));
                }
                Ok(Command::Write(entries, answer)) => {
                    let serial = self.take_clipboard(&entries)?;
                    let _ = answer.send(Ok(serial));
                }
                Err(TryRecvError::Empty) => return Ok(true),
                Err(TryRecvError::Disconnected) => return Ok(false),
            }
        }
    }

    fn take_clipboard(&mut self, entries: &[Entry]) -> Result<u64, Broken> {
        let cookies: Vec<_> =
            entries.iter().map(|entry| self.conn.intern_atom(false, entry.name.as_bytes())).collect::<Result<_, _>>()?;
        let mut offer = Offer::default();
        for (cookie, entry) in cookies.into_iter().zip(entries) {
            let atom = cookie.reply()?.atom;
            offer.order.push(atom);
            offer.bytes.insert(atom, entry.bytes.clone());
        }
        let owner = if entries.is_empty() { x11rb::NONE } else { self.window };
        self.staged = Some(offer);
        // The server's own time: this can be neither too old nor lose against another program's.
        self.conn.set_selection_owner(owner, self.atoms.CLIPBOARD, CURRENT_TIME)?;
        self.round_trip()?;
        self.staged = None;
        if owner == x11rb::NONE {
            return Ok(self.shared.now().map_or(0, |state| state.serial));
        }
        Ok(self.own_serial)
    }

    fn handle(&mut self, event: Event) -> Result<(), Broken> {
        match event {
            Event::XfixesSelectionNotify(event) if event.selection == self.atoms.CLIPBOARD => self.changed(&event),
            Event::SelectionRequest(event) => return self.serve(&event),
            Event::PropertyNotify(event) => return self.go_on(&event),
            Event::DestroyNotify(event) => self.transfers.retain(|transfer| transfer.requestor != event.window),
            // Nearly always a window that is gone by now.
            Event::Error(error) => tracing::trace!(?error, "X11 error"),
            _ => {}
        }
        Ok(())
    }

    fn changed(&mut self, event: &SelectionNotifyEvent) {
        let set = event.subtype == SelectionEvent::SET_SELECTION_OWNER;
        let owner = if set { event.owner } else { x11rb::NONE };
        let own = owner == self.window;
        let stamp = (owner, event.timestamp, event.selection_timestamp);
        // Some toolkits take the clipboard twice for one act of copying, within the same millisecond.
        if !own && self.last == Some(stamp) {
            return;
        }
        self.last = Some(stamp);
        if own {
            if let Some(staged) = self.staged.take() {
                self.offer = Some(Offer { since: event.selection_timestamp, ..staged });
            }
        } else {
            self.offer = None;
        }
        let serial = self.shared.changed(own, owner == x11rb::NONE);
        if own {
            self.own_serial = serial;
        }
    }
}
