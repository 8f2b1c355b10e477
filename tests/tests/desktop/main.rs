//! The programs as a person has them, on whole desktops: every test starts the built tray app or console program and asks no more of
//! them than a person could.

mod buckets;
mod chinese;
mod clipboard;
mod company;
mod copying;
mod crash;
mod drop;
mod encoding;
mod exchange;
mod folders;
mod hands;
mod hostile;
mod icon;
mod instances;
mod keychain;
mod library;
mod making;
mod naming;
mod notices;
mod page;
mod settings;
mod shots;
mod stage;
mod steps;
mod survival;
mod team;
mod tray;
mod trouble;
mod uploads;
mod warm;
mod watched;
mod wayland;
mod welcome;
mod windows;
mod zone;
