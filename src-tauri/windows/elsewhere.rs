//! Windows and macOS keep processes for web views by themselves: nothing is begun ahead.

use tauri::{AppHandle, WebviewWindow, WebviewWindowBuilder, Wry};

/// Nothing to remember.
#[derive(Default)]
pub(crate) struct Warmth;

/// Builds the window. On the main thread.
pub(super) fn build(_app: &AppHandle, builder: WebviewWindowBuilder<'_, Wry, AppHandle>) -> tauri::Result<WebviewWindow> {
    builder.build()
}
