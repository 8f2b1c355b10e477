//! The tray: icon by state, tooltip, menu. Optional: where the desktop has none, it comes when one appears.
//!
//! The menu is data (`menu`), made anew at each change and shown (`shown`) only where it differs from what is there. Nothing here waits
//! for the network.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use imagepic_core::event::State;
use imagepic_core::settings::shortcuts::Deed;
use imagepic_words::{Lang, tray as words};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager};
use tokio::sync::Notify;

use crate::notifications::said;
use crate::shell::Shell;
use crate::windows::{self, Name};

#[cfg(target_os = "linux")]
mod host;
mod icon;
pub(crate) mod menu;
mod places;
mod shown;
mod upload_to;

pub(crate) use icon::Ink;
use menu::Entry;
use shown::Shown;

/// The least time between two changes of the tray: a progress bar is what windows are for.
const BREATH: Duration = Duration::from_millis(200);
/// The least time between two menus: while many uploads end, each would take the menu away from under a person who reads it.
const MENU_BREATH: Duration = Duration::from_secs(1);

/// What is said of time (another day, an old list, a link that ends) is looked at after this where nothing else changes.
const TICK: Duration = Duration::from_secs(60);

/// What the tray keeps between two changes.
#[derive(Default)]
pub(crate) struct Tray {
    changed: Notify,
    there: AtomicBool,
    ink: Mutex<Ink>,
    icon: Mutex<Option<TrayIcon>>,
    present: Mutex<Option<Present>>,
    shown: Mutex<Shown>,
    /// When the menu was last made anew.
    made: Mutex<Option<Instant>>,
}

/// Everything the tray shows at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Present {
    state: State,
    ink: Ink,
    line: String,
    lang: Lang,
    entries: Vec<Entry>,
    /// How many of the entries stand above the state line.
    above: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tray {
    /// Something the tray shows may have changed.
    pub(crate) fn touch(&self) {
        self.changed.notify_one();
    }

    /// Whether the desktop shows it.
    pub(crate) fn is_there(&self) -> bool {
        self.there.load(Ordering::Relaxed)
    }

    /// The panel's colour became known.
    pub(crate) fn set_ink(&self, ink: Ink) {
        *lock(&self.ink) = ink;
        self.touch();
    }
}

/// Puts the tray up, on the main thread. Where the desktop has none, says so, opens the drop zone in its place and waits for one.
pub(crate) fn begin(app: &AppHandle, started: Instant) {
    app.on_menu_event(|app, event| {
        let action = lock(&app.state::<Shell>().tray.shown).action(event.id().as_ref());
        match action {
            Some(action) => {
                // Whoever chose something looks for what came of it: the next menu is not kept waiting, or what was offered is offered again.
                *lock(&app.state::<Shell>().tray.made) = None;
                crate::actions::chosen(app, action);
            }
            None => tracing::debug!(id = event.id().as_ref(), "a line of a menu that is long gone was chosen"),
        }
    });
    match put_up(app) {
        Ok(()) => tracing::info!(milliseconds = started.elapsed().as_millis(), "the tray is there"),
        Err(error) => {
            tracing::warn!(%error, "this desktop has no tray; the drop zone is opened instead");
            let shell = app.state::<Shell>();
            // The welcome says it in words of its own, and leads to the drop zone.
            if !shell.welcome.due {
                shell.notifier.show(said::no_tray(shell.engine.lang()));
                windows::open(app, Name::DropZone);
            }
            #[cfg(target_os = "linux")]
            tauri::async_runtime::spawn(host::wait(app.clone()));
        }
    }
    tauri::async_runtime::spawn(keep_up(app.clone()));
    #[cfg(target_os = "linux")]
    tauri::async_runtime::spawn(host::follow_ink(app.clone()));
}

/// One try. On the main thread.
fn put_up(app: &AppHandle) -> tauri::Result<()> {
    let shell = app.state::<Shell>();
    let tray = &shell.tray;
    let present = present(&shell);
    let menu = lock(&tray.shown).build(app, &present.entries, present.above, &present.line)?;
    let icon = TrayIconBuilder::with_id("imagepic")
        .title("imagepic")
        .icon(icon::image(present.state, present.ink)?)
        .icon_as_template(true)
        .tooltip(words::tooltip(&present.line).to(present.lang))
        .menu(&menu)
        .show_menu_on_left_click(false)
        .on_tray_icon_event(|icon, event| {
            if let TrayIconEvent::Click { button: MouseButton::Left, button_state: MouseButtonState::Up, .. } = event {
                windows::open(icon.app_handle(), Name::DropZone);
            }
        })
        .build(app)?;
    *lock(&tray.icon) = Some(icon);
    *lock(&tray.present) = Some(present);
    tray.there.store(true, Ordering::Relaxed);
    Ok(())
}

fn present(shell: &Shell) -> Present {
    let engine = &shell.engine;
    let (now, lang) = (engine.snapshot(), engine.lang());
    let destinations = engine.destinations().list();
    let at = std::time::SystemTime::now();
    let places = places::known(&engine.browse(), &destinations, at);
    let keys = crate::shortcuts::working(shell, Deed::UploadClipboard);
    let mut entries = menu::names(&now.open, lang);
    entries.extend(menu::offer(now.offer.as_ref(), lang));
    entries.extend(menu::questions(&now.questions));
    let above = entries.len();
    entries.extend(menu::menu(&now, &destinations, &places, &menu::Outside { lang, at, keys }));
    Present { state: now.state, ink: *lock(&shell.tray.ink), line: now.line, lang, entries, above }
}

/// Brings the tray up to date after each change, at most once a breath and at least once a tick, until the app ends.
async fn keep_up(app: AppHandle) {
    loop {
        let _ = tokio::time::timeout(TICK, app.state::<Shell>().tray.changed.notified()).await;
        let handle = app.clone();
        let (done, finished) = tokio::sync::oneshot::channel::<()>();
        let queued = app.run_on_main_thread(move || {
            if let Err(error) = bring_up(&handle) {
                tracing::warn!(%error, "the tray could not be brought up to date");
            }
            drop(done);
        });
        if queued.is_err() {
            return;
        }
        let _ = finished.await;
        tokio::time::sleep(BREATH).await;
    }
}

/// On the main thread: menus may be touched nowhere else.
fn bring_up(app: &AppHandle) -> tauri::Result<()> {
    let shell = app.state::<Shell>();
    let tray = &shell.tray;
    let Some(icon) = lock(&tray.icon).clone() else { return Ok(()) };
    let present = present(&shell);
    let before = lock(&tray.present).replace(present.clone());
    let same = |what: fn(&Present, &Present) -> bool| before.as_ref().is_some_and(|before| what(before, &present));
    if !same(|a, b| (a.state, a.ink) == (b.state, b.ink)) {
        icon.set_icon_with_as_template(Some(icon::image(present.state, present.ink)?), true)?;
    }
    if !same(|a, b| (&a.line, a.lang) == (&b.line, b.lang)) {
        icon.set_tooltip(Some(words::tooltip(&present.line).to(present.lang)))?;
    }
    let now = Instant::now();
    let due = lock(&tray.made).map_or(now, |made| made + MENU_BREATH);
    if !same(|a, b| (&a.entries, a.above) == (&b.entries, b.above)) {
        if due <= now {
            let menu = lock(&tray.shown).build(app, &present.entries, present.above, &present.line)?;
            *lock(&tray.made) = Some(now);
            return icon.set_menu(Some(menu));
        }
        // What is shown stays what was shown, so that the next look finds the difference again.
        if let (Some(shown), Some(before)) = (lock(&tray.present).as_mut(), &before) {
            (shown.entries, shown.above) = (before.entries.clone(), before.above);
        }
        let handle = app.clone();
        tauri::async_runtime::spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            handle.state::<Shell>().tray.touch();
        });
    }
    if !same(|a, b| a.line == b.line) {
        lock(&tray.shown).set_line(&present.line)?;
    }
    Ok(())
}
