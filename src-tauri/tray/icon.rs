//! The tray's pictures: one a state, in light and in dark ink. Made by `icons/make.py`.

use imagepic_core::event::State;
use tauri::image::Image;

/// The colour the glyph is drawn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ink {
    /// For dark panels, which most desktops have.
    #[default]
    Light,
    /// For light ones.
    Dark,
}

/// 44 px: twice the usual panel's grid; desktops scale down well and up badly.
macro_rules! drawing {
    ($state:literal, $ink:literal) => {
        include_bytes!(concat!("../../icons/tray/", $state, "-", $ink, "-44.png")).as_slice()
    };
}

/// macOS colours a template itself and wants it dark.
pub(super) fn image(state: State, ink: Ink) -> tauri::Result<Image<'static>> {
    let ink = if cfg!(target_os = "macos") { Ink::Dark } else { ink };
    Image::from_bytes(match (state, ink) {
        (State::Idle, Ink::Light) => drawing!("idle", "light"),
        (State::Idle, Ink::Dark) => drawing!("idle", "dark"),
        (State::Working, Ink::Light) => drawing!("working", "light"),
        (State::Working, Ink::Dark) => drawing!("working", "dark"),
        (State::Waiting, Ink::Light) => drawing!("waiting", "light"),
        (State::Waiting, Ink::Dark) => drawing!("waiting", "dark"),
        (State::Paused, Ink::Light) => drawing!("paused", "light"),
        (State::Paused, Ink::Dark) => drawing!("paused", "dark"),
        (State::Failed, Ink::Light) => drawing!("failed", "light"),
        (State::Failed, Ink::Dark) => drawing!("failed", "dark"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_looks_different_in_outline_and_not_only_in_colour() {
        let states = [State::Idle, State::Working, State::Waiting, State::Paused, State::Failed];
        for ink in [Ink::Light, Ink::Dark] {
            let outlines = states.map(|state| {
                let image = image(state, ink).expect("a readable picture");
                assert_eq!((image.width(), image.height()), (44, 44));
                image.rgba().iter().skip(3).step_by(4).map(|alpha| *alpha > 127).collect::<Vec<_>>()
            });
            for (at, one) in outlines.iter().enumerate() {
                for other in &outlines[at + 1..] {
                    let differing = one.iter().zip(other).filter(|(a, b)| a != b).count();
                    assert!(differing > 40, "{differing} pixels");
                }
            }
        }
    }
}
