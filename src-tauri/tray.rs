//! The tray: icon by state, tooltip, menu. Optional: where the desktop has none, it comes when one appears.
//!
//! The menu is data (`menu`), made anew at each change and given to the desktop (`system`, one a family of desktops) only where it differs
//! from what is there. Nothing here waits for the network.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use imagepic_core::event::State;
use imagepic_core::settings::shortcuts::Deed;
use imagepic_words::{Lang, tray as words};
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
#[cfg_attr(target_os = "linux", path = "tray/status_item.rs")]
#[cfg_attr(not(target_os = "linux"), path = "tray/native.rs")]
mod system;
mod upload_to;

pub(crate) use icon::Ink;
use menu::{Action, Entry};
use system::Icon;

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
    icon: Mutex<Option<Icon>>,
    present: Mutex<Option<Present>>,
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

impl Present {
    /// What stands above the state line, and below it.
    fn parts(&self) -> (&[Entry], &[Entry]) {
        self.entries.split_at(self.above.min(self.entries.len()))
    }
}

/// Which parts of the present are others than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Changes {
    picture: bool,
    line: bool,
    entries: bool,
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
    match tauri::async_runtime::block_on(put_up(app)) {
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

/// One try.
async fn put_up(app: &AppHandle) -> Result<(), String> {
    let shell = app.state::<Shell>();
    let present = present(&shell);
    let icon = system::put_up(app, &present).await?;
    let tray = &shell.tray;
    *lock(&tray.icon) = Some(icon);
    *lock(&tray.present) = Some(present);
    tray.there.store(true, Ordering::Relaxed);
    Ok(())
}

/// A line of the menu was chosen. On the main thread.
fn chosen(app: &AppHandle, action: Action) {
    // Whoever chose something looks for what came of it: the next menu is not kept waiting, or what was offered is offered again.
    *lock(&app.state::<Shell>().tray.made) = None;
    crate::actions::chosen(app, action);
}

/// What the icon says where a pointer rests on it.
fn tooltip(present: &Present) -> String {
    words::tooltip(&present.line).to(present.lang)
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
        if let Err(error) = bring_up(&app).await {
            tracing::warn!(%error, "the tray could not be brought up to date");
        }
        tokio::time::sleep(BREATH).await;
    }
}

async fn bring_up(app: &AppHandle) -> Result<(), String> {
    let shell = app.state::<Shell>();
    let tray = &shell.tray;
    let Some(icon) = lock(&tray.icon).clone() else { return Ok(()) };
    let mut present = present(&shell);
    let before = lock(&tray.present).clone();
    let differs = |what: fn(&Present, &Present) -> bool| before.as_ref().is_none_or(|before| what(before, &present));
    let mut changes = Changes {
        picture: differs(|a, b| (a.state, a.ink) != (b.state, b.ink)),
        line: differs(|a, b| (&a.line, a.lang) != (&b.line, b.lang)),
        entries: differs(|a, b| (&a.entries, a.above) != (&b.entries, b.above)),
    };
    let now = Instant::now();
    let due = lock(&tray.made).map_or(now, |made| made + MENU_BREATH);
    if changes.entries && due <= now {
        *lock(&tray.made) = Some(now);
    } else if changes.entries
        && let Some(before) = before
    {
        // What is shown stays what was shown, so that the next look finds the difference again.
        (present.entries, present.above) = (before.entries, before.above);
        changes.entries = false;
        let handle = app.clone();
        tauri::async_runtime::spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            handle.state::<Shell>().tray.touch();
        });
    }
    *lock(&tray.present) = Some(present.clone());
    icon.show(app, &present, changes).await
}
