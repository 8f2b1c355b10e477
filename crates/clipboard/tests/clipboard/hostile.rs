//! What no well-behaved program does to an X clipboard, and passwords, which nobody may read.

use std::sync::mpsc;
use std::time::Duration;

use imagepic_clipboard::{Content, Error, Limits};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{ConnectionExt as _, CreateWindowAux, EventMask, PropMode, Window, WindowClass};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::owner::{Answer, Owner};
use crate::support::{Reports, XServer, ends_promptly, image, picture, silent_watch};

fn brief() -> Limits {
    Limits { stall: Duration::from_millis(300), ..Limits::default() }
}

fn png(answer: Answer) -> Vec<(&'static str, Answer)> {
    vec![("image/png", answer)]
}

#[test]
fn concealed_content_is_never_touched() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let reports = Reports::of(&clipboard);
    for hint in [Answer::Bytes(b"secret".to_vec()), Answer::Refusal] {
        let owner = Owner::take(
            &server.display,
            vec![
                ("x-kde-passwordManagerHint", hint),
                ("image/png", Answer::Bytes(picture(1, 100))),
                ("text/uri-list", Answer::Bytes(b"file:///etc/passwd\r\n".to_vec())),
                ("UTF8_STRING", Answer::Bytes(b"hunter2".to_vec())),
            ],
        );
        assert_eq!(reports.change().content, Content::Concealed);
        assert_eq!(clipboard.read(false).unwrap().0, Content::Concealed);
        let hint = "x-kde-passwordManagerHint";
        assert_eq!(owner.log(), ["TARGETS", hint, "TARGETS", hint]);
    }
    let public =
        vec![("x-kde-passwordManagerHint", Answer::Bytes(b"public".to_vec())), ("image/png", Answer::Bytes(picture(1, 100)))];
    let _owner = Owner::take(&server.display, public);
    assert_eq!(reports.change().content, image(&picture(1, 100)));
}

#[test]
fn an_owner_that_falls_silent_costs_one_change_and_not_the_next() {
    let server = XServer::start();
    let clipboard = server.clipboard_with(brief());
    let reports = Reports::of(&clipboard);
    let _mute = Owner::take(&server.display, vec![("TARGETS", Answer::Silence)]);
    assert!(matches!(reports.next(), Err(Error::Silent(..))));
    let _mute = Owner::take(&server.display, png(Answer::Silence));
    assert!(matches!(reports.next(), Err(Error::Silent(_, what)) if what == "image/png"));
    assert!(matches!(clipboard.read(false), Err(Error::Silent(..))));
    let stalls = Answer::Pieces { pieces: vec![picture(1, 100)], pause: Duration::from_millis(600), endless: false };
    let _stalls = Owner::take(&server.display, png(stalls));
    assert!(matches!(reports.next(), Err(Error::Silent(..))));
    server.copy("image/png", &picture(2, 4000));
    assert_eq!(reports.change().content, image(&picture(2, 4000)));
}

#[test]
fn an_image_that_comes_in_slow_pieces_is_whole() {
    let server = XServer::start();
    let clipboard = server.clipboard_with(brief());
    let reports = Reports::of(&clipboard);
    let whole = picture(3, 20_000);
    let pieces = whole.chunks(3000).map(<[u8]>::to_vec).collect();
    // Longer in all than the owner may be silent.
    let slow = Answer::Pieces { pieces, pause: Duration::from_millis(60), endless: false };
    let _owner = Owner::take(&server.display, png(slow));
    assert!(reports.change().content == image(&whole));
}

#[test]
fn an_endless_or_too_large_image_is_given_up() {
    let server = XServer::start();
    let limits = Limits { bytes: 1 << 20, total: Duration::from_millis(500), ..Limits::default() };
    let clipboard = server.clipboard_with(limits);
    let reports = Reports::of(&clipboard);
    let trickle = Answer::Pieces { pieces: vec![vec![0; 10]], pause: Duration::from_millis(20), endless: true };
    let _owner = Owner::take(&server.display, png(trickle));
    assert!(matches!(reports.next(), Err(Error::TooSlow(..))));
    let flood = Answer::Pieces { pieces: vec![vec![0; 100_000]], pause: Duration::ZERO, endless: true };
    let _owner = Owner::take(&server.display, png(flood));
    assert!(matches!(reports.next(), Err(Error::TooLarge(..))));
    let _owner = Owner::take(&server.display, png(Answer::Bytes(picture(1, (1 << 20) + 1))));
    assert!(matches!(reports.next(), Err(Error::TooLarge(..))));
    let _owner = Owner::take(&server.display, png(Answer::Bytes(picture(1, 1 << 20))));
    assert!(reports.change().content == image(&picture(1, 1 << 20)));
}

#[test]
fn a_slow_owner_does_not_hold_up_what_is_copied_next() {
    let server = XServer::start();
    let clipboard = server.clipboard_with(Limits { superseded: Duration::from_millis(100), ..Limits::default() });
    let reports = Reports::of(&clipboard);
    let trickle = Answer::Pieces { pieces: vec![vec![0; 10]], pause: Duration::from_millis(20), endless: true };
    let slow = Owner::take(&server.display, png(trickle));
    slow.wait_asked("image/png");
    server.copy("image/png", &picture(2, 4000));
    assert!(matches!(reports.next(), Err(Error::TooSlow(..))));
    assert_eq!(reports.change().content, image(&picture(2, 4000)));
}

#[test]
fn an_image_that_is_replaced_while_it_is_handed_over_is_not_lost() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let reports = Reports::of(&clipboard);
    // The reader makes sure right after asking that it has asked the right owner. When that is over cannot be seen from here, so that a
    // slow machine gets more time and another go.
    for (seed, pause) in [(0, 50), (10, 500), (20, 5000)] {
        let (old, new) = (picture(seed, 4000), picture(seed + 1, 4000));
        let (word, wait) = mpsc::channel();
        let first = Owner::take(&server.display, png(Answer::OnWord(old.clone(), wait)));
        first.wait_asked("image/png");
        std::thread::sleep(Duration::from_millis(pause));
        server.copy("image/png", &new);
        word.send(()).unwrap();
        let change = reports.change();
        if change.content == image(&new) {
            continue;
        }
        assert_eq!(change.content, image(&old));
        assert_ne!(change.mark, clipboard.current_mark().unwrap(), "what was captured is no longer there");
        assert_eq!(reports.change().content, image(&new));
        return;
    }
    panic!("the image that was replaced is lost");
}

#[test]
fn an_owner_that_is_not_ready_yet_is_asked_again() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let reports = Reports::of(&clipboard);
    let late = vec![("TARGETS", Answer::Later(2, Vec::new())), ("image/png", Answer::Bytes(picture(1, 100)))];
    let _owner = Owner::take(&server.display, late);
    assert_eq!(reports.change().content, image(&picture(1, 100)));
    let _owner = Owner::take(&server.display, vec![("TARGETS", Answer::Refusal)]);
    assert!(matches!(reports.next(), Err(Error::Refused(_))));
    let _owner = Owner::take(&server.display, png(Answer::Refusal));
    assert!(matches!(reports.next(), Err(Error::Refused(what)) if what == "image/png"));
}

#[test]
fn a_watch_stops_at_once_in_the_middle_of_a_transfer() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let (watch, gone) = silent_watch(&clipboard);
    let owner = Owner::take(&server.display, png(Answer::Silence));
    owner.wait_asked("image/png");
    drop(watch);
    assert!(ends_promptly(&gone));
}

/// Somebody who pastes, by hand.
struct Paster {
    conn: RustConnection,
    window: Window,
}

impl Paster {
    fn new(display: &str) -> Self {
        let (conn, screen) = RustConnection::connect(Some(display)).unwrap();
        let window = conn.generate_id().unwrap();
        let root = conn.setup().roots[screen].root;
        let aux = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        conn.create_window(0, window, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &aux).unwrap();
        Self { conn, window }
    }

    fn atom(&self, name: &str) -> u32 {
        self.conn.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }

    /// Asks for `target` into the property of that name; whether it was given.
    fn ask(&self, target: &str, property: &str) -> bool {
        let (clipboard, target, property) = (self.atom("CLIPBOARD"), self.atom(target), self.atom(property));
        self.conn.convert_selection(self.window, clipboard, target, property, x11rb::CURRENT_TIME).unwrap();
        self.conn.flush().unwrap();
        loop {
            if let Event::SelectionNotify(event) = self.conn.wait_for_event().unwrap() {
                return event.property != x11rb::NONE;
            }
        }
    }

    fn property(&self, name: &str) -> x11rb::protocol::xproto::GetPropertyReply {
        self.conn.get_property(false, self.window, self.atom(name), 0_u32, 0, 1 << 20).unwrap().reply().unwrap()
    }
}

#[test]
fn a_clipboard_manager_that_asks_for_several_types_at_once_gets_them() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    clipboard.write_text("link").unwrap();
    let paster = Paster::new(&server.display);
    let pairs = [("UTF8_STRING", "A"), ("image/png", "B"), ("TIMESTAMP", "C")]
        .map(|(target, into)| [paster.atom(target), paster.atom(into)]);
    let (list, pair) = (paster.atom("LIST"), paster.atom("ATOM_PAIR"));
    paster.conn.change_property32(PropMode::REPLACE, paster.window, list, pair, pairs.as_flattened()).unwrap();
    assert!(paster.ask("MULTIPLE", "LIST"));
    assert_eq!(paster.property("A").value, b"link");
    assert!(paster.property("C").value32().unwrap().next().unwrap() > 0);
    let answered: Vec<u32> = paster.property("LIST").value32().unwrap().collect();
    assert_eq!(answered[3], x11rb::NONE, "what is not there is said to be not there");
    assert!(!paster.ask("image/png", "D"));
}

#[test]
fn a_program_that_vanishes_while_pasting_harms_nobody() {
    let server = XServer::start();
    let clipboard = server.clipboard_with(brief());
    let large = picture(1, 3 << 20);
    clipboard.write_image(large.clone().into(), "image/png").unwrap();
    for _ in 0..40 {
        let paster = Paster::new(&server.display);
        assert!(paster.ask("image/png", "A"), "left-over transfers do not block new ones");
        assert_eq!(paster.property("A").type_, paster.atom("INCR"));
    }
    assert!(server.paste("image/png") == large);
}
