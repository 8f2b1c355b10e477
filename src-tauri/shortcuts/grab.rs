//! Keys grabbed from an X server (X11 protocol, `GrabKey`).
//!
//! One connection, one thread that sleeps until the server tells of a key. Whoever changes the keys asks over the same connection, which
//! may be used from several threads. While a window records keys the thread also hears when others' are pressed: these never reach the
//! window, but it loses the focus to their grab for as long as they are down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use imagepic_core::settings::shortcuts::{Deed, Keys, NAMED};
use imagepic_words::{Text, shortcuts as words};
use x11rb::connection::Connection;
use x11rb::errors::ReplyError;
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt, EventMask, GetKeyboardMappingReply, GrabMode, KeyButMask, Keycode, Mapping,
    ModMask, NotifyMode, Window,
};
use x11rb::protocol::{ErrorKind, Event};
use x11rb::rust_connection::RustConnection;

/// Caps Lock and Num Lock are modifiers to the server: keys work with either on only where they were grabbed with it too.
const LOCKS: [u16; 4] = [0, 1 << 1, 1 << 4, 1 << 1 | 1 << 4];
/// The modifiers a combination is made of.
const HELD: u16 = 1 | 1 << 2 | 1 << 3 | 1 << 6;

/// The keys of one connection.
pub(super) struct Grabs {
    shared: Arc<Shared>,
}

struct Shared {
    connection: RustConnection,
    root: Window,
    held: Mutex<Held>,
    over: AtomicBool,
}

#[derive(Default)]
struct Held {
    wanted: Vec<(Deed, Keys)>,
    taken: Vec<(Deed, Keycode, u16)>,
    /// The window that records keys.
    recording: Option<Window>,
}

impl Grabs {
    /// Connects to the display; `pressed`, and `foreign` with the reason why keys cannot be recorded that were pressed, are called on a
    /// thread of its own.
    pub(super) fn connect(
        pressed: impl Fn(Deed) + Send + 'static,
        foreign: impl Fn(Text) + Send + 'static,
    ) -> Result<Self, String> {
        let (connection, screen) = RustConnection::connect(None).map_err(|error| error.to_string())?;
        let root = connection.setup().roots.get(screen).ok_or("no screen")?.root;
        let shared = Arc::new(Shared { connection, root, held: Mutex::default(), over: AtomicBool::new(false) });
        let listening = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("shortcuts".to_owned())
            .spawn(move || {
                listening.listen(&pressed, &foreign);
                listening.over.store(true, Ordering::SeqCst);
            })
            .map_err(|error| error.to_string())?;
        Ok(Self { shared })
    }

    /// The display is gone.
    pub(super) fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::SeqCst)
    }

    /// The window that has the focus records keys from now on, or does no longer.
    pub(super) fn record(&self, recording: bool) {
        let mut held = self.shared.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = held.recording.take() {
            self.shared.hear_focus(window, EventMask::NO_EVENT);
        }
        let focus = || self.shared.connection.get_input_focus().ok()?.reply().ok().map(|reply| reply.focus);
        // 0 and 1 are no windows: nobody has the focus, or whoever is under the pointer.
        held.recording = recording.then(focus).flatten().filter(|window| *window > 1);
        if let Some(window) = held.recording {
            self.shared.hear_focus(window, EventMask::FOCUS_CHANGE);
        }
        let _ = self.shared.connection.flush();
    }

    /// Takes these and gives back all others; those that could not be taken, with the reason.
    pub(super) fn take(&self, wanted: &[(Deed, Keys)]) -> Vec<(Deed, Text)> {
        let mut held = self.shared.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Given back and taken anew, keys would be nobody's for a moment.
        if held.wanted == wanted && held.taken.len() == wanted.len() {
            return Vec::new();
        }
        held.wanted = wanted.to_vec();
        self.shared.take(&mut held)
    }
}

impl Shared {
    fn take(&self, held: &mut Held) -> Vec<(Deed, Text)> {
        for (_, code, modifiers) in held.taken.drain(..) {
            self.give_back(code, modifiers);
        }
        let mapping = self.mapping();
        let mut refused = Vec::new();
        for (deed, keys) in &held.wanted {
            let taken = match &mapping {
                Ok(mapping) => self.grab(mapping, keys),
                Err(reason) => Err(words::no_display(reason)),
            };
            match taken {
                Ok((code, modifiers)) => held.taken.push((*deed, code, modifiers)),
                Err(why) => refused.push((*deed, why)),
            }
        }
        let _ = self.connection.flush();
        refused
    }

    fn mapping(&self) -> Result<(Keycode, GetKeyboardMappingReply), String> {
        let (first, last) = (self.connection.setup().min_keycode, self.connection.setup().max_keycode);
        let asked = self.connection.get_keyboard_mapping(first, last - first + 1).map_err(|error| error.to_string())?;
        asked.reply().map(|mapping| (first, mapping)).map_err(|error| error.to_string())
    }

    fn grab(&self, (first, mapping): &(Keycode, GetKeyboardMappingReply), keys: &Keys) -> Result<(Keycode, u16), Text> {
        let missing = || words::not_on_keyboard(&keys.key);
        let symbol = keysym(&keys.key).ok_or_else(missing)?;
        let width = usize::from(mapping.keysyms_per_keycode).max(1);
        // The key that gives it without Shift before one that gives it only with it; then other groups, for keyboards without Latin letters.
        let at = (0..width).find_map(|column| mapping.keysyms.chunks_exact(width).position(|row| row[column] == symbol));
        let code = at.and_then(|at| u8::try_from(at).ok()).and_then(|at| first.checked_add(at)).ok_or_else(missing)?;
        let modifiers = modifiers(keys);
        for lock in LOCKS {
            let asked = self.connection.grab_key(
                false,
                self.root,
                ModMask::from(modifiers | lock),
                code,
                GrabMode::ASYNC,
                GrabMode::ASYNC,
            );
            let answer = asked.map_err(ReplyError::from).and_then(x11rb::cookie::VoidCookie::check);
            if let Err(error) = answer {
                self.give_back(code, modifiers);
                return Err(match error {
                    ReplyError::X11Error(error) if error.error_kind == ErrorKind::Access => words::grabbed(keys),
                    ReplyError::X11Error(error) => words::no_display(format!("{:?}", error.error_kind)),
                    ReplyError::ConnectionError(error) => words::no_display(error),
                });
            }
        }
        Ok((code, modifiers))
    }

    /// The mask of this connection alone. Waits for the server: whoever is told that keys are heard may press some at once.
    fn hear_focus(&self, window: Window, mask: EventMask) {
        let wanted = ChangeWindowAttributesAux::new().event_mask(mask);
        if let Ok(asked) = self.connection.change_window_attributes(window, &wanted)
            && let Err(error) = asked.check()
        {
            tracing::debug!(%error, "the window that recorded keys is gone");
        }
    }

    /// The keys that are down, where another program has taken them, as the reason why.
    fn taken_elsewhere(&self) -> Option<Text> {
        let down = self.connection.query_keymap().ok()?;
        let held = self.connection.query_pointer(self.root).ok()?;
        let (down, held) = (down.reply().ok()?.keys, u16::from(held.reply().ok()?.mask) & HELD);
        let (first, mapping) = self.mapping().ok()?;
        let width = usize::from(mapping.keysyms_per_keycode).max(1);
        let is_down = |code: usize| down[code / 8] & (1 << (code % 8)) != 0;
        let rows = mapping.keysyms.chunks_exact(width).zip(usize::from(first)..);
        let name = rows.filter(|(_, code)| is_down(*code)).find_map(|(row, _)| name(row[0]))?;
        let modifiers = [(1 << 2, "Ctrl+"), (1 << 3, "Alt+"), (1, "Shift+"), (1 << 6, "Super+")];
        let text: String = modifiers.iter().filter(|(bit, _)| held & bit != 0).map(|(_, name)| *name).chain([&*name]).collect();
        let keys = Keys::parse(&text).ok()?;
        // Whatever else took the focus (a menu, the window manager while windows are changed), these keys are nobody's.
        match self.grab(&(first, mapping), &keys) {
            Ok((code, modifiers)) => {
                self.give_back(code, modifiers);
                None
            }
            Err(why) => Some(why),
        }
    }

    fn give_back(&self, code: Keycode, modifiers: u16) {
        for lock in LOCKS {
            if let Ok(asked) = self.connection.ungrab_key(code, self.root, ModMask::from(modifiers | lock)) {
                asked.ignore_error();
            }
        }
    }

    fn listen(&self, pressed: &dyn Fn(Deed), foreign: &dyn Fn(Text)) {
        // A key that is held down comes again and again, each time as a release and a press of the same moment.
        let mut released = (0, 0);
        loop {
            match self.connection.wait_for_event() {
                Ok(Event::KeyPress(event)) => {
                    let modifiers = u16::from(event.state & KeyButMask::from(HELD));
                    let again = released == (event.detail, event.time);
                    let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                    let deed = held.taken.iter().find(|(_, code, with)| *code == event.detail && *with == modifiers);
                    let deed = deed.map(|(deed, ..)| *deed).filter(|_| !again);
                    drop(held);
                    if let Some(deed) = deed {
                        pressed(deed);
                    }
                }
                Ok(Event::KeyRelease(event)) => released = (event.detail, event.time),
                Ok(Event::FocusOut(event)) if matches!(event.mode, NotifyMode::GRAB | NotifyMode::WHILE_GRABBED) => {
                    if let Some(why) = self.taken_elsewhere() {
                        foreign(why);
                    }
                }
                // Another layout: the same keys may lie elsewhere.
                Ok(Event::MappingNotify(event)) if event.request == Mapping::KEYBOARD => {
                    let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                    for (deed, why) in self.take(&mut held) {
                        tracing::warn!(deed = deed.name(), why = %why.to(imagepic_words::Lang::En), "keys were lost with the layout");
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::info!(%error, "the display is gone, and its keys with it");
                    return;
                }
            }
        }
    }
}

/// Shift, Control, Mod1 (Alt) and Mod4 (Super), as every X server of today has them.
fn modifiers(keys: &Keys) -> u16 {
    [(keys.shift, 1), (keys.ctrl, 1 << 2), (keys.alt, 1 << 3), (keys.logo, 1 << 6)]
        .into_iter()
        .filter(|(held, _)| *held)
        .fold(0, |all, (_, bit)| all | bit)
}

/// The name of a key by X's number of its symbol, where keys can be set by it.
fn name(symbol: u32) -> Option<String> {
    let singles = ('A'..='Z').chain('0'..='9').map(String::from);
    let functions = (1..=24).map(|number| format!("F{number}"));
    singles.chain(functions).chain(NAMED.map(str::to_owned)).find(|key| keysym(key) == Some(symbol))
}

/// X's number of a key's symbol (X11 protocol, appendix A; `keysymdef.h`).
fn keysym(key: &str) -> Option<u32> {
    const F1: u32 = 0xffbe;
    let mut letters = key.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        return Some(u32::from(letter.to_ascii_lowercase()));
    }
    if let Some(number) = key.strip_prefix('F').and_then(|number| number.parse::<u32>().ok()) {
        return Some(F1 + number - 1);
    }
    Some(match key {
        "Space" => 0x20,
        "Minus" => 0x2d,
        "Equal" => 0x3d,
        "Comma" => 0x2c,
        "Period" => 0x2e,
        "Slash" => 0x2f,
        "Backslash" => 0x5c,
        "Semicolon" => 0x3b,
        "Quote" => 0x27,
        "Backquote" => 0x60,
        "BracketLeft" => 0x5b,
        "BracketRight" => 0x5d,
        "Pause" => 0xff13,
        "ScrollLock" => 0xff14,
        "Home" => 0xff50,
        "Left" => 0xff51,
        "Up" => 0xff52,
        "Right" => 0xff53,
        "Down" => 0xff54,
        "PageUp" => 0xff55,
        "PageDown" => 0xff56,
        "End" => 0xff57,
        "PrintScreen" => 0xff61,
        "Insert" => 0xff63,
        "Delete" => 0xffff,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_can_be_set_can_be_found_on_a_keyboard() {
        let singles = ('A'..='Z').chain('0'..='9').map(String::from);
        let functions = (1..=24).map(|number| format!("F{number}"));
        for key in singles.chain(functions).chain(NAMED.map(str::to_owned)) {
            let symbol = keysym(&key);
            assert!(symbol.is_some(), "{key}");
            assert_eq!(symbol.and_then(name).as_deref(), Some(&*key), "it is told under another name");
        }
        assert_eq!((keysym("U"), keysym("7"), keysym("F12")), (Some(0x75), Some(0x37), Some(0xffc9)));
    }

    #[test]
    fn modifiers_have_the_bits_the_protocol_gives_them() {
        let keys = Keys::parse("Ctrl+Alt+Shift+Super+U").expect("keys");
        assert_eq!(modifiers(&keys), HELD);
        assert_eq!(modifiers(&Keys::parse("Ctrl+Alt+U").expect("keys")), 0b1100);
    }
}
