//! An owner's half of X selections (ICCCM 2.2): whoever asks gets what is on offer.

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ConnectionExt, EventMask, PropMode, SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Timestamp,
    Window,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::display::atom;

/// A kind of data (media type) and the data itself.
pub type Offer = (&'static str, Vec<u8>);

/// A real time of the server, by touching a window that hears changes of its properties: owners by "current time" are refused by some.
pub(crate) fn now(x: &RustConnection, window: Window) -> Timestamp {
    x.change_property8(PropMode::REPLACE, window, AtomEnum::WM_NAME, AtomEnum::STRING, b"owner").expect("the display is there");
    x.flush().expect("the display is there");
    loop {
        if let Event::PropertyNotify(event) = x.wait_for_event().expect("the display is there") {
            return event.time;
        }
    }
}

/// Hands over what is asked for, by target, or says that it is not on offer.
pub(crate) fn answer(x: &RustConnection, request: SelectionRequestEvent, offers: &[(u32, Vec<u8>)]) {
    let put = |target, data: &[u8]| x.change_property8(PropMode::REPLACE, request.requestor, request.property, target, data);
    let property = if let Some((target, data)) = offers.iter().find(|(target, _)| *target == request.target) {
        put(*target, data).expect("the display is there");
        request.property
    } else if request.target == atom(x, "TARGETS") {
        let targets: Vec<u32> = offers.iter().map(|(target, _)| *target).collect();
        x.change_property32(PropMode::REPLACE, request.requestor, request.property, AtomEnum::ATOM, &targets)
            .expect("the display is there");
        request.property
    } else {
        x11rb::NONE
    };
    let event = SelectionNotifyEvent {
        response_type: SELECTION_NOTIFY_EVENT,
        sequence: 0,
        time: request.time,
        requestor: request.requestor,
        selection: request.selection,
        target: request.target,
        property,
    };
    x.send_event(false, request.requestor, EventMask::NO_EVENT, event).expect("the display is there");
    x.flush().expect("the display is there");
}
