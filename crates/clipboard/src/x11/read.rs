//! Asking the owner of the X clipboard for what it holds, over a connection of our own that is thrown away if a transfer goes wrong.

use std::collections::HashMap;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use bytes::Bytes;
use x11rb::CURRENT_TIME;
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt as _, GetPropertyReply, Property, Window};
use x11rb::rust_connection::RustConnection;

use super::{Atoms, Broken, Command, hub};
use crate::Error;
use crate::gather::{Halt, Look, Source};
use crate::line::Line;
use crate::poll;
use crate::shared::{Patience, Shared};

/// More types than any program offers; what comes after is not looked at.
const TARGETS: usize = 512;

pub(super) struct Reader {
    conn: RustConnection,
    window: Window,
    atoms: Atoms,
    names: HashMap<Atom, String>,
    ids: HashMap<String, Atom>,
    shared: Arc<Shared>,
    line: Arc<Line<Command>>,
}

/// A failure of this connection, which is thrown away; whether the display has gone is the hub's to say.
fn broken(error: impl Into<Broken>) -> Halt {
    Halt::Failed(failed(&error.into()))
}

fn failed(broken: &Broken) -> Error {
    Error::Transfer(format!("X server: {broken}"))
}

impl Reader {
    pub(super) fn connect(display: &str, shared: Arc<Shared>, line: Arc<Line<Command>>) -> Result<Self, Error> {
        let (conn, window, atoms) = hub::open(display).map_err(|broken| failed(&broken))?;
        Ok(Self { conn, window, atoms, names: HashMap::new(), ids: HashMap::new(), shared, line })
    }

    /// Asks the owner for `target` and makes sure that it was the owner `serial` stands for who was asked.
    fn request(&mut self, serial: u64, target: Atom) -> Result<(), Halt> {
        let data = self.atoms.DATA;
        self.conn.delete_property(self.window, data).map_err(broken)?;
        self.conn.convert_selection(self.window, self.atoms.CLIPBOARD, target, data, CURRENT_TIME).map_err(broken)?;
        // The server passes the request on while it handles it, so that after this round trip its way is decided: content that is
        // replaced while it is being handed over is still handed over by its own owner.
        self.conn.get_input_focus().map_err(broken)?.reply().map_err(broken)?;
        self.line.ask(Command::Sync)?;
        if self.shared.now()?.serial == serial { Ok(()) } else { Err(Halt::Changed) }
    }

    /// Waits for the next event that `wanted` takes.
    fn wait<T>(&self, patience: &mut Patience<'_>, mut wanted: impl FnMut(&Event) -> Option<T>) -> Result<T, Halt> {
        loop {
            while let Some(event) = self.conn.poll_for_event().map_err(broken)? {
                if let Some(value) = wanted(&event) {
                    return Ok(value);
                }
            }
            let slice = patience.slice()?;
            poll::readable([self.conn.stream().as_fd()], Some(slice)).map_err(broken)?;
        }
    }

    /// The property the owner has filled; deleted, which tells an owner that sends pieces to go on.
    fn take_property(&self, patience: &Patience<'_>, limit: u64, so_far: usize) -> Result<GetPropertyReply, Halt> {
        let (window, data) = (self.window, self.atoms.DATA);
        // Its size first, so that nobody can make us hold more than the limit.
        let head = self.conn.get_property(false, window, data, AtomEnum::ANY, 0, 0).map_err(broken)?.reply().map_err(broken)?;
        if head.type_ != self.atoms.INCR {
            patience.fits(so_far as u64 + u64::from(head.bytes_after), limit)?;
        }
        let whole = head.bytes_after.div_ceil(4);
        self.conn.get_property(true, window, data, AtomEnum::ANY, 0, whole).map_err(broken)?.reply().map_err(broken)
    }

    /// Fetches one target; the type of the property and its bytes.
    fn convert(
        &mut self,
        serial: u64,
        target: Atom,
        limit: u64,
        patience: &mut Patience<'_>,
    ) -> Result<(GetPropertyReply, Vec<u8>), Halt> {
        self.request(serial, target)?;
        let (selection, data) = (self.atoms.CLIPBOARD, self.atoms.DATA);
        let property = self.wait(patience, |event| match event {
            Event::SelectionNotify(event) if event.selection == selection && event.target == target => Some(event.property),
            _ => None,
        })?;
        if property == x11rb::NONE {
            return Err(Halt::Refused);
        }
        patience.progress();
        let mut first = self.take_property(patience, limit, 0)?;
        if first.type_ != self.atoms.INCR {
            let bytes = std::mem::take(&mut first.value);
            return Ok((first, bytes));
        }
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            self.conn.flush().map_err(broken)?;
            self.wait(patience, |event| match event {
                Event::PropertyNotify(event) if event.atom == data && event.state == Property::NEW_VALUE => Some(()),
                _ => None,
            })?;
            let piece = self.take_property(patience, limit, bytes.len())?;
            if piece.type_ == x11rb::NONE {
                // Already taken with the one before.
                continue;
            }
            if piece.value.is_empty() {
                return Ok((piece, bytes));
            }
            patience.progress();
            bytes.extend_from_slice(&piece.value);
        }
    }

    fn name_all(&mut self, atoms: &[Atom]) -> Result<Vec<String>, Halt> {
        let unknown: Vec<Atom> =
            atoms.iter().copied().filter(|atom| *atom != x11rb::NONE && !self.names.contains_key(atom)).collect();
        let cookies: Vec<_> = unknown
            .into_iter()
            .map(|atom| self.conn.get_atom_name(atom).map(|cookie| (atom, cookie)))
            .collect::<Result<_, _>>()
            .map_err(broken)?;
        for (atom, cookie) in cookies {
            // An owner can list numbers that are no atoms.
            if let Ok(reply) = cookie.reply() {
                self.names.insert(atom, String::from_utf8_lossy(&reply.name).into_owned());
            }
        }
        Ok(atoms.iter().filter_map(|atom| self.names.get(atom).cloned()).collect())
    }

    fn atom(&mut self, name: &str) -> Result<Atom, Halt> {
        if let Some(atom) = self.ids.get(name) {
            return Ok(*atom);
        }
        let atom = self.conn.intern_atom(false, name.as_bytes()).map_err(broken)?.reply().map_err(broken)?.atom;
        self.ids.insert(name.to_owned(), atom);
        Ok(atom)
    }
}

impl Source for Reader {
    fn look(&mut self, patience: &mut Patience<'_>) -> Result<Look, Halt> {
        self.line.ask(Command::Sync)?;
        let state = self.shared.now()?;
        let serial = state.serial;
        if state.empty {
            return Ok(Look { serial, empty: true, targets: Vec::new() });
        }
        patience.begin("the list of its types", serial);
        let (_, bytes) = self.convert(serial, self.atoms.TARGETS, 1 << 20, patience)?;
        let atoms: Vec<Atom> =
            bytes.chunks_exact(4).take(TARGETS).map(|four| u32::from_ne_bytes([four[0], four[1], four[2], four[3]])).collect();
        let targets = self.name_all(&atoms)?;
        Ok(Look { serial, empty: false, targets })
    }

    fn fetch(&mut self, serial: u64, target: &str, limit: u64, patience: &mut Patience<'_>) -> Result<Bytes, Halt> {
        patience.begin(target, serial);
        let atom = self.atom(target)?;
        let (_, bytes) = self.convert(serial, atom, limit, patience)?;
        Ok(bytes.into())
    }
}
