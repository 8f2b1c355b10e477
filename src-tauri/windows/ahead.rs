//! The library is drawn in secret while somebody reads the tray's menu: shown as it stands if it is asked for, destroyed if not. Any other
//! window takes over its process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gtk::prelude::{GtkWindowExt as _, WidgetExt as _};
use tauri::webview::PageLoadEvent;
use tauri::{AppHandle, Manager, WebviewWindow};

use super::super::{Name, open, plan};
use super::{build, on_main};
use crate::shell::Shell;

/// How long what nobody asked for is kept after the menu was opened last: longer than a person looks for a line in it.
const KEPT: Duration = Duration::from_secs(20);

/// A page that takes longer may never come: its window is built anew, before the person's eyes.
const COMES_WITHIN: Duration = Duration::from_secs(3);

/// The window with the most to show.
const AHEAD: Name = Name::Library;

#[derive(Default)]
pub(crate) struct Ahead {
    /// How often a window was expected: who comes to end what was begun ahead asks whether somebody expected one since.
    expected: AtomicU64,
    phase: Mutex<Phase>,
}

/// How it stands with [`AHEAD`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is not there, or before a person.
    #[default]
    No,
    /// Its page is on its way. WebKit never draws a page that begins unseen and is shown while it comes: who asks for it waits.
    Coming { asked: bool },
    /// It is drawn, and nobody sees it.
    Drawn,
    /// It is being destroyed; who asks for it gets another one.
    Going { asked: bool },
}

impl Ahead {
    fn change<T>(&self, change: impl FnOnce(&mut Phase) -> T) -> T {
        change(&mut self.phase.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn change<T>(app: &AppHandle, deed: impl FnOnce(&mut Phase) -> T) -> T {
    app.state::<Shell>().ahead.change(deed)
}

/// A window may be asked for next: begins the process it needs, which takes longer than all that comes after it. From any thread.
pub(crate) fn warm(app: &AppHandle) {
    let number = app.state::<Shell>().ahead.expected.fetch_add(1, Ordering::SeqCst) + 1;
    let handle = app.clone();
    on_main(app, move || {
        if let Err(error) = begin(&handle) {
            tracing::warn!(%error, "no window could be begun ahead");
        }
    });
    let handle = app.clone();
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(KEPT).await;
        let app = handle.clone();
        on_main(&handle, move || {
            if app.state::<Shell>().ahead.expected.load(Ordering::SeqCst) == number {
                end(&app);
            }
        });
    });
}

fn begin(app: &AppHandle) -> tauri::Result<()> {
    let shell = app.state::<Shell>();
    if shell.quitting.load(Ordering::SeqCst) || app.get_webview_window(AHEAD.label()).is_some() {
        return Ok(());
    }
    shell.ahead.change(|phase| *phase = Phase::Coming { asked: false });
    let plan = plan(app, AHEAD, "").visible(false).on_page_load(|window, page| {
        if page.event() == PageLoadEvent::Finished && has_come(window.app_handle()) {
            present(&window);
        }
    });
    let window = build(app, plan).inspect_err(|_| shell.ahead.change(|phase| *phase = Phase::No))?;
    crate::drops::listen(&window)
}

/// Whether somebody waits for it.
fn has_come(app: &AppHandle) -> bool {
    change(app, |phase| match *phase {
        Phase::Coming { asked } => {
            *phase = if asked { Phase::No } else { Phase::Drawn };
            asked
        }
        _ => false,
    })
}

/// Whether the window is there without having been asked for.
pub(in super::super) fn is_ahead(app: &AppHandle, name: Name) -> bool {
    name == AHEAD
        && change(app, |phase| matches!(phase, Phase::Coming { asked: false } | Phase::Drawn | Phase::Going { asked: false }))
}

/// Shows the window if it was there without having been asked for, or will as soon as that makes sense. `false`: it is a window like any.
pub(in super::super) fn reveal(app: &AppHandle, name: Name, window: &WebviewWindow) -> bool {
    if name != AHEAD {
        return false;
    }
    let before = change(app, |phase| {
        let before = *phase;
        match phase {
            Phase::No => {}
            Phase::Drawn => *phase = Phase::No,
            Phase::Coming { asked } | Phase::Going { asked } => *asked = true,
        }
        before
    });
    match before {
        Phase::Drawn => present(window),
        Phase::Coming { asked: false } => {
            let handle = app.clone();
            tauri::async_runtime::spawn(async move {
                tokio::time::sleep(COMES_WITHIN).await;
                let app = handle.clone();
                on_main(&handle, move || give_up(&app));
            });
        }
        Phase::No | Phase::Coming { asked: true } | Phase::Going { .. } => {}
    }
    before != Phase::No
}

fn present(window: &WebviewWindow) {
    match window.gtk_window() {
        Ok(window) => {
            window.show_all();
            window.present();
        }
        Err(error) => tracing::error!(%error, window = window.label(), "the window could not be shown"),
    }
}

/// Somebody has waited long enough.
fn give_up(app: &AppHandle) {
    let waits = change(app, |phase| {
        let waits = *phase == Phase::Coming { asked: true };
        if waits {
            *phase = Phase::Going { asked: true };
        }
        waits
    });
    if waits {
        tracing::warn!(window = AHEAD.label(), "a page did not come; its window is built anew");
        destroy(app);
    }
}

/// Takes away what was begun ahead and not asked for. On the main thread.
pub(in super::super) fn end(app: &AppHandle) {
    let goes = change(app, |phase| {
        let goes = matches!(phase, Phase::Coming { asked: false } | Phase::Drawn);
        if goes {
            *phase = Phase::Going { asked: false };
        }
        goes
    });
    if goes {
        destroy(app);
    }
}

fn destroy(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(AHEAD.label())
        && let Err(error) = window.destroy()
    {
        tracing::warn!(%error, "a window that nobody asked for goes on running");
    }
}

/// The window is gone: whether that one was never before a person. Who asked for it in its last moment gets another one.
pub(in super::super) fn was_ahead(app: &AppHandle, name: Name) -> bool {
    if name != AHEAD {
        return false;
    }
    let before = change(app, std::mem::take);
    if before == (Phase::Going { asked: true }) {
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            // Its name is free a moment after it says that it is gone.
            while app.get_webview_window(AHEAD.label()).is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            open(&app, AHEAD);
        });
    }
    before != Phase::No
}
