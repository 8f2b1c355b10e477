//! The clipboard against real display servers and other programs: an X server and a compositor of its own for every test, xclip and
//! wl-clipboard as the programs on the other side, and an owner made here for what no well-behaved program does.

#![cfg(all(unix, not(target_os = "macos")))]

mod hostile;
mod owner;
mod support;
mod wayland;
mod x11;
