//! What whole-program tests stand on: desktops with everything a person's desktop has, real S3 servers, and the small acts a person
//! does (copy a picture, drop files, open a menu, click a button).
//!
//! The programs under test are started as they are built; nothing here reaches into them but by the ways a desktop has. Build them
//! first (`cargo xtask test` does): `cargo build --workspace --bins`.

#![expect(clippy::print_stderr, reason = "tests speak to whoever runs them")]

pub mod clipboard;
pub mod contract;
pub mod desktop;
pub mod display;
#[cfg(feature = "services")]
pub mod embedded;
pub mod http;
pub mod keychain;
pub mod notifications;
#[cfg(feature = "services")]
pub mod old_service;
pub mod picker;
pub mod pictures;
pub mod ports;
pub mod proxy;
pub mod relay;
pub mod selection;
pub mod servers;
pub mod site;
pub mod team;
pub mod tray;
pub mod wait;
pub mod wayland;
#[cfg(feature = "windows")]
pub mod web;
pub mod xdnd;

pub use desktop::{App, Desktop, Setup};
pub use site::Site;
pub use wait::{eventually, within};
