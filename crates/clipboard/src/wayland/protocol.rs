//! The two data-control protocols as one: `ext-data-control-v1` and the older `wlr-data-control-unstable-v1` differ in names only.
//! What the events mean is [`super::hub`]'s part, behind [`Events`].

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use wayland_client::globals::{GlobalList, GlobalListContents};
use wayland_client::protocol::wl_registry::{self, WlRegistry};
use wayland_client::protocol::wl_seat::{self, WlSeat};
use wayland_client::{Connection, Dispatch, QueueHandle};
use wayland_protocols::ext::data_control::v1::client as ext;
use wayland_protocols_wlr::data_control::v1::client as wlr;

use ext::ext_data_control_device_v1::ExtDataControlDeviceV1;
use ext::ext_data_control_manager_v1::ExtDataControlManagerV1;
use ext::ext_data_control_offer_v1::ExtDataControlOfferV1;
use ext::ext_data_control_source_v1::ExtDataControlSourceV1;
use wlr::zwlr_data_control_device_v1::ZwlrDataControlDeviceV1;
use wlr::zwlr_data_control_manager_v1::ZwlrDataControlManagerV1;
use wlr::zwlr_data_control_offer_v1::ZwlrDataControlOfferV1;
use wlr::zwlr_data_control_source_v1::ZwlrDataControlSourceV1;

use super::hub::State;
use crate::{Entry, Kind};

/// What one source of ours serves; shared with the events of that source.
pub(super) type Entries = Arc<Vec<Entry>>;

/// What the compositor tells.
pub(super) trait Events {
    fn introduced(&mut self, offer: Offer);
    fn offered(&mut self, offer: &Offer, name: String);
    fn selected(&mut self, offer: Option<Offer>);
    fn primary_selected(&mut self, offer: Option<Offer>);
    fn wanted(&mut self, entries: &Entries, name: &str, fd: OwnedFd);
    fn cancelled(&mut self, source: &Source);
    fn finished(&mut self);
}

#[derive(Debug)]
pub(super) enum Manager {
    Ext(ExtDataControlManagerV1),
    Wlr(ZwlrDataControlManagerV1),
}

#[derive(Debug)]
pub(super) enum Device {
    Ext(ExtDataControlDeviceV1),
    Wlr(ZwlrDataControlDeviceV1),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Offer {
    Ext(ExtDataControlOfferV1),
    Wlr(ZwlrDataControlOfferV1),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Ext(ExtDataControlSourceV1),
    Wlr(ZwlrDataControlSourceV1),
}

impl Manager {
    /// The better protocol of those the compositor has.
    pub(super) fn bind(globals: &GlobalList, queue: &QueueHandle<State>) -> Option<Self> {
        if let Ok(manager) = globals.bind(queue, 1..=1, ()) {
            return Some(Self::Ext(manager));
        }
        globals.bind(queue, 1..=1, ()).ok().map(Self::Wlr)
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Ext(_) => Kind::ExtDataControl,
            Self::Wlr(_) => Kind::WlrDataControl,
        }
    }

    pub(super) fn device(&self, seat: &WlSeat, queue: &QueueHandle<State>) -> Device {
        match self {
            Self::Ext(manager) => Device::Ext(manager.get_data_device(seat, queue, ())),
            Self::Wlr(manager) => Device::Wlr(manager.get_data_device(seat, queue, ())),
        }
    }

    /// A source that offers all `entries`.
    pub(super) fn source(&self, entries: &Entries, queue: &QueueHandle<State>) -> Source {
        match self {
            Self::Ext(manager) => {
                let source = manager.create_data_source(queue, Arc::clone(entries));
                entries.iter().for_each(|entry| source.offer(entry.name.clone()));
                Source::Ext(source)
            }
            Self::Wlr(manager) => {
                let source = manager.create_data_source(queue, Arc::clone(entries));
                entries.iter().for_each(|entry| source.offer(entry.name.clone()));
                Source::Wlr(source)
            }
        }
    }
}

impl Device {
    /// Takes the clipboard, or empties it.
    pub(super) fn select(&self, source: Option<&Source>) {
        match (self, source) {
            (Self::Ext(device), Some(Source::Ext(source))) => device.set_selection(Some(source)),
            (Self::Wlr(device), Some(Source::Wlr(source))) => device.set_selection(Some(source)),
            (Self::Ext(device), _) => device.set_selection(None),
            (Self::Wlr(device), _) => device.set_selection(None),
        }
    }
}

impl Offer {
    pub(super) fn receive(&self, name: String, fd: BorrowedFd<'_>) {
        match self {
            Self::Ext(offer) => offer.receive(name, fd),
            Self::Wlr(offer) => offer.receive(name, fd),
        }
    }

    pub(super) fn destroy(&self) {
        match self {
            Self::Ext(offer) => offer.destroy(),
            Self::Wlr(offer) => offer.destroy(),
        }
    }
}

impl Source {
    pub(super) fn destroy(&self) {
        match self {
            Self::Ext(source) => source.destroy(),
            Self::Wlr(source) => source.destroy(),
        }
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for State {
    fn event(_: &mut Self, _: &WlRegistry, _: wl_registry::Event, _: &GlobalListContents, _: &Connection, _: &QueueHandle<Self>) {
    }
}

impl Dispatch<WlSeat, ()> for State {
    fn event(_: &mut Self, _: &WlSeat, _: wl_seat::Event, (): &(), _: &Connection, _: &QueueHandle<Self>) {}
}

macro_rules! speak {
    ($side:ident, $manager:ty, $device:ty, $device_module:path, $offer:ty, $offer_module:path, $source:ty, $source_module:path) => {
        const _: () = {
            use $device_module as device;
            use $offer_module as offer;
            use $source_module as source;

            impl Dispatch<$manager, ()> for State {
                fn event(
                    _: &mut Self,
                    _: &$manager,
                    _: <$manager as wayland_client::Proxy>::Event,
                    (): &(),
                    _: &Connection,
                    _: &QueueHandle<Self>,
                ) {
                }
            }

            impl Dispatch<$device, ()> for State {
                fn event(state: &mut Self, _: &$device, event: device::Event, (): &(), _: &Connection, _: &QueueHandle<Self>) {
                    match event {
                        device::Event::DataOffer { id } => state.introduced(Offer::$side(id)),
                        device::Event::Selection { id } => state.selected(id.map(Offer::$side)),
                        device::Event::PrimarySelection { id } => state.primary_selected(id.map(Offer::$side)),
                        device::Event::Finished => state.finished(),
                        _ => {}
                    }
                }

                wayland_client::event_created_child!(State, $device, [
                    device::EVT_DATA_OFFER_OPCODE => ($offer, ()),
                ]);
            }

            impl Dispatch<$offer, ()> for State {
                fn event(state: &mut Self, proxy: &$offer, event: offer::Event, (): &(), _: &Connection, _: &QueueHandle<Self>) {
                    if let offer::Event::Offer { mime_type } = event {
                        state.offered(&Offer::$side(proxy.clone()), mime_type);
                    }
                }
            }

            impl Dispatch<$source, Entries> for State {
                fn event(
                    state: &mut Self,
                    proxy: &$source,
                    event: source::Event,
                    entries: &Entries,
                    _: &Connection,
                    _: &QueueHandle<Self>,
                ) {
                    match event {
                        source::Event::Send { mime_type, fd } => state.wanted(entries, &mime_type, fd),
                        source::Event::Cancelled => state.cancelled(&Source::$side(proxy.clone())),
                        _ => {}
                    }
                }
            }
        };
    };
}

speak!(
    Ext,
    ExtDataControlManagerV1,
    ExtDataControlDeviceV1,
    ext::ext_data_control_device_v1,
    ExtDataControlOfferV1,
    ext::ext_data_control_offer_v1,
    ExtDataControlSourceV1,
    ext::ext_data_control_source_v1
);
speak!(
    Wlr,
    ZwlrDataControlManagerV1,
    ZwlrDataControlDeviceV1,
    wlr::zwlr_data_control_device_v1,
    ZwlrDataControlOfferV1,
    wlr::zwlr_data_control_offer_v1,
    ZwlrDataControlSourceV1,
    wlr::zwlr_data_control_source_v1
);
