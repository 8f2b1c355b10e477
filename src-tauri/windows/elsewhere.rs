//! Windows and macOS keep processes for web views by themselves: nothing is begun ahead.

use tauri::{AppHandle, WebviewWindow, WebviewWindowBuilder, Wry};

use super::Name;

/// Nothing to remember.
#[derive(Default)]
pub(crate) struct Ahead;

/// Builds the window. On the main thread.
pub(super) fn build(_app: &AppHandle, builder: WebviewWindowBuilder<'_, Wry, AppHandle>) -> tauri::Result<WebviewWindow> {
    builder.build()
}

/// None is built before it is asked for.
pub(super) const fn is_ahead(_app: &AppHandle, _name: Name) -> bool {
    false
}

/// As [`is_ahead`].
pub(super) const fn was_ahead(_app: &AppHandle, _name: Name) -> bool {
    false
}

/// As [`is_ahead`].
pub(super) const fn reveal(_app: &AppHandle, _name: Name, _window: &WebviewWindow) -> bool {
    false
}

/// As [`is_ahead`].
pub(super) const fn end(_app: &AppHandle) {}
