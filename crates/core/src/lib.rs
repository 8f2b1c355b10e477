//! The engine: from capture to link, without a window library.
//!
//! Data goes one way: [`capture::Capture`] → intake → journal → prepare → naming → [`store::Store::put`] → link → deliver. The only
//! way back is [`event::Event`], through one subscription, and [`event::Snapshot`] when somebody opens a window or a menu.
//!
//! Pure modules (`capture`, `destination`, `error`, `event`, `link`, `naming`, `prepare`) import only each other; adapters (`home`,
//! `account`, `hosting`, `journal`, `outside`, `secrets`, `settings`, `store`) import pure ones; `intake`, `queue` and `deliver` import both and
//! meet in `hub`; `engine` imports all and nothing imports `engine`.

mod account;
pub mod autostart;
pub mod capture;
mod deliver;
pub mod deployment;
pub mod destination;
pub mod engine;
pub mod error;
pub mod event;
pub mod home;
mod hosting;
mod hub;
pub mod intake;
pub mod journal;
pub mod link;
mod live;
pub mod log;
mod memory;
pub mod naming;
mod opening;
pub mod outside;
mod prepare;
mod queue;
pub mod secrets;
pub mod settings;
mod sources;
pub mod store;
mod stores;
mod watching;

pub use error::{Code, Error, Result};
