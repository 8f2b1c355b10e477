//! A program that owns the X clipboard and behaves as a test wants: several types, pieces, silence, refusals, second thoughts.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, CreateWindowAux, EventMask, PropMode, Property,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::support::PATIENCE;

/// What the owner does when it is asked for one type.
pub(crate) enum Answer {
    Bytes(Vec<u8>),
    /// INCR: piece after piece, each after the pause; `endless` never sends the last, empty one but starts over.
    Pieces {
        pieces: Vec<Vec<u8>>,
        pause: Duration,
        endless: bool,
    },
    Silence,
    Refusal,
    /// Refuses that often, then answers.
    Later(usize, Vec<u8>),
    /// Answers once the test says so.
    OnWord(Vec<u8>, Receiver<()>),
}

pub(crate) struct Owner {
    log: Arc<Mutex<Vec<String>>>,
    asked: Receiver<String>,
}

impl Owner {
    /// Takes the clipboard. TARGETS lists all types unless there is an answer for it.
    pub(crate) fn take(display: &str, answers: Vec<(&str, Answer)>) -> Self {
        let (conn, screen) = RustConnection::connect(Some(display)).unwrap();
        let atom = |name: &str| conn.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom;
        let (clipboard, targets, incr) = (atom("CLIPBOARD"), atom("TARGETS"), atom("INCR"));
        let order: Vec<Atom> = answers.iter().map(|(name, _)| atom(name)).filter(|found| *found != targets).collect();
        let answers = answers.into_iter().map(|(name, answer)| (atom(name), answer)).collect();
        let window = conn.generate_id().unwrap();
        let root = conn.setup().roots[screen].root;
        conn.create_window(0, window, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &CreateWindowAux::new()).unwrap();
        conn.set_selection_owner(window, clipboard, x11rb::CURRENT_TIME).unwrap();
        assert_eq!(conn.get_selection_owner(clipboard).unwrap().reply().unwrap().owner, window);
        let log = Arc::new(Mutex::new(Vec::new()));
        let (tell, asked) = mpsc::channel();
        let mut running = Running { conn, targets, incr, order, answers, transfers: Vec::new(), log: Arc::clone(&log), tell };
        thread::spawn(move || while running.step() {});
        Self { log, asked }
    }

    /// Waits until somebody asks for `target`.
    pub(crate) fn wait_asked(&self, target: &str) {
        while self.asked.recv_timeout(PATIENCE).expect("the owner is asked") != target {}
    }

    /// Everything it was asked for so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

struct Transfer {
    requestor: Window,
    property: Atom,
    target: Atom,
    next: usize,
}

struct Running {
    conn: RustConnection,
    targets: Atom,
    incr: Atom,
    order: Vec<Atom>,
    answers: HashMap<Atom, Answer>,
    transfers: Vec<Transfer>,
    log: Arc<Mutex<Vec<String>>>,
    tell: Sender<String>,
}

impl Running {
    fn step(&mut self) -> bool {
        match self.conn.wait_for_event() {
            Ok(Event::SelectionRequest(request)) => self.answer(&request),
            Ok(Event::PropertyNotify(event)) if event.state == Property::DELETE => self.piece(event.window, event.atom),
            Ok(_) => {}
            // The display has gone, and the test with it.
            Err(_) => return false,
        }
        self.conn.flush().is_ok()
    }

    fn answer(&mut self, request: &SelectionRequestEvent) {
        let (requestor, property, target) = (request.requestor, request.property, request.target);
        let name = self.conn.get_atom_name(target).unwrap().reply().unwrap().name;
        let name = String::from_utf8(name).unwrap();
        self.log.lock().unwrap().push(name.clone());
        let _ = self.tell.send(name);
        let put = |bytes: &[u8]| {
            if target == self.targets {
                self.conn.change_property32(PropMode::REPLACE, requestor, property, AtomEnum::ATOM, &self.order).unwrap();
            } else {
                self.conn.change_property8(PropMode::REPLACE, requestor, property, target, bytes).unwrap();
            }
            property
        };
        let given = match self.answers.get_mut(&target) {
            Some(Answer::Bytes(bytes)) => put(bytes),
            Some(Answer::Pieces { .. }) => {
                let mask = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
                self.conn.change_window_attributes(requestor, &mask).unwrap();
                self.conn.change_property32(PropMode::REPLACE, requestor, property, self.incr, &[0]).unwrap();
                self.transfers.push(Transfer { requestor, property, target, next: 0 });
                property
            }
            Some(Answer::Silence) => return,
            Some(Answer::Later(left, bytes)) if *left == 0 => put(bytes),
            Some(Answer::Later(left, _)) => {
                *left -= 1;
                x11rb::NONE
            }
            Some(Answer::OnWord(bytes, word)) => {
                word.recv().unwrap();
                put(bytes)
            }
            None if target == self.targets => put(&[]),
            Some(Answer::Refusal) | None => x11rb::NONE,
        };
        let event = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor,
            selection: request.selection,
            target,
            property: given,
        };
        self.conn.send_event(false, requestor, EventMask::NO_EVENT, event).unwrap();
    }

    fn piece(&mut self, window: Window, atom: Atom) {
        let Some(at) = self.transfers.iter().position(|one| one.requestor == window && one.property == atom) else { return };
        let transfer = &mut self.transfers[at];
        let Some(Answer::Pieces { pieces, pause, endless }) = self.answers.get(&transfer.target) else { return };
        thread::sleep(*pause);
        let next = if *endless { transfer.next % pieces.len() } else { transfer.next };
        let piece = pieces.get(next).map_or(&[][..], Vec::as_slice);
        self.conn.change_property8(PropMode::REPLACE, window, atom, transfer.target, piece).unwrap();
        transfer.next += 1;
        if piece.is_empty() {
            self.transfers.swap_remove(at);
        }
    }
}
