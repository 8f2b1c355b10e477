//! Handing over what we own to whoever asks: ICCCM section 2, large content in pieces (INCR).

use std::time::Instant;

use bytes::Bytes;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, EventMask, PropMode, Property, PropertyNotifyEvent,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window,
};
use x11rb::wrapper::ConnectionExt as _;

use super::Broken;
use super::hub::Hub;

/// More at once than any desktop has clipboard managers; each holds a reference to the content, not a copy.
const TRANSFERS: usize = 32;

/// More conversions in one request than we offer types.
const CONVERSIONS: u32 = 64;

/// Content on its way to another program, piece by piece: the next goes out when the last was taken.
#[derive(Debug)]
pub(super) struct Transfer {
    pub requestor: Window,
    pub deadline: Instant,
    property: Atom,
    target: Atom,
    rest: Bytes,
}

impl Hub<'_> {
    /// Answers a request for our content.
    pub(super) fn serve(&mut self, request: &SelectionRequestEvent) -> Result<(), Broken> {
        // ICCCM 2.2: an obsolete client names no property and means the target.
        let property = if request.property == x11rb::NONE { request.target } else { request.property };
        let ours = request.selection == self.atoms.CLIPBOARD && request.owner == self.window;
        let given = if !ours || self.offer.is_none() {
            false
        } else if request.target == self.atoms.MULTIPLE {
            self.convert_several(request.requestor, property)?
        } else {
            self.convert(request.requestor, property, request.target)?
        };
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property: if given { property } else { x11rb::NONE },
        };
        self.conn.send_event(false, request.requestor, EventMask::NO_EVENT, answer)?;
        Ok(())
    }

    /// MULTIPLE: pairs of target and property; what we cannot give is set to None in the list.
    fn convert_several(&mut self, requestor: Window, property: Atom) -> Result<bool, Broken> {
        // A requestor may have gone by now, which is its own affair.
        let Ok(list) = self.conn.get_property(false, requestor, property, self.atoms.ATOM_PAIR, 0, 2 * CONVERSIONS)?.reply()
        else {
            return Ok(false);
        };
        let Some(values) = list.value32() else { return Ok(false) };
        let mut pairs: Vec<Atom> = values.collect();
        for pair in pairs.chunks_exact_mut(2) {
            let given = pair[1] != x11rb::NONE && pair[0] != self.atoms.MULTIPLE && self.convert(requestor, pair[1], pair[0])?;
            if !given {
                pair[1] = x11rb::NONE;
            }
        }
        self.conn.change_property32(PropMode::REPLACE, requestor, property, self.atoms.ATOM_PAIR, &pairs)?;
        Ok(true)
    }

    /// Puts one type into a property of the requestor; false if we do not have it.
    fn convert(&mut self, requestor: Window, property: Atom, target: Atom) -> Result<bool, Broken> {
        let Some(offer) = &self.offer else { return Ok(false) };
        if target == self.atoms.TARGETS {
            let mut targets = vec![self.atoms.TARGETS, self.atoms.TIMESTAMP, self.atoms.MULTIPLE];
            targets.extend(&offer.order);
            self.conn.change_property32(PropMode::REPLACE, requestor, property, AtomEnum::ATOM, &targets)?;
            return Ok(true);
        }
        if target == self.atoms.TIMESTAMP {
            self.conn.change_property32(PropMode::REPLACE, requestor, property, AtomEnum::INTEGER, &[offer.since])?;
            return Ok(true);
        }
        let Some(bytes) = offer.bytes.get(&target).cloned() else { return Ok(false) };
        if bytes.len() <= self.chunk {
            self.conn.change_property8(PropMode::REPLACE, requestor, property, target, &bytes)?;
            return Ok(true);
        }
        if self.transfers.len() >= TRANSFERS {
            tracing::warn!("too many programs read the clipboard at once; one is refused");
            return Ok(false);
        }
        self.transfers.retain(|transfer| transfer.requestor != requestor || transfer.property != property);
        let mask = EventMask::PROPERTY_CHANGE | EventMask::STRUCTURE_NOTIFY;
        self.conn.change_window_attributes(requestor, &ChangeWindowAttributesAux::new().event_mask(mask))?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.conn.change_property32(PropMode::REPLACE, requestor, property, self.atoms.INCR, &[length])?;
        let deadline = Instant::now() + self.limits.stall;
        self.transfers.push(Transfer { requestor, deadline, property, target, rest: bytes });
        Ok(true)
    }

    /// A property was deleted, which is how the other side asks for the next piece.
    pub(super) fn go_on(&mut self, event: &PropertyNotifyEvent) -> Result<(), Broken> {
        if event.state != Property::DELETE {
            return Ok(());
        }
        let found =
            self.transfers.iter().position(|transfer| transfer.requestor == event.window && transfer.property == event.atom);
        let Some(at) = found else { return Ok(()) };
        let transfer = &mut self.transfers[at];
        let piece = transfer.rest.split_to(transfer.rest.len().min(self.chunk));
        transfer.deadline = Instant::now() + self.limits.stall;
        let (requestor, property, target) = (transfer.requestor, transfer.property, transfer.target);
        // The last piece is an empty one.
        self.conn.change_property8(PropMode::REPLACE, requestor, property, target, &piece)?;
        if piece.is_empty() {
            self.transfers.swap_remove(at);
            if !self.transfers.iter().any(|other| other.requestor == requestor) {
                let none = ChangeWindowAttributesAux::new().event_mask(EventMask::NO_EVENT);
                self.conn.change_window_attributes(requestor, &none)?;
            }
        }
        self.conn.flush()?;
        Ok(())
    }
}
