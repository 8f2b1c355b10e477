//! Keys that work from anywhere on the desktop: taken from the system, given back while new ones are recorded, and what became of each.
//!
//! On X11 they are grabbed by a connection of our own, which sleeps until one is pressed. (global-hotkey, which tauri's plugin stands on,
//! wakes twenty times a second for as long as the app runs, and answers "registered" where no display took anything.) Wayland lets no
//! program take keys: there the settings name commands that the desktop's own settings can bind. Nothing here stands in the way of the
//! start: the display is asked once the tray is there, and only where keys are set.

use std::sync::{Mutex, PoisonError};

use imagepic_core::settings::shortcuts::{Deed, Keys};
use imagepic_words::{Lang, Text, shortcuts as words};
use serde::Serialize;
use tauri::{AppHandle, Emitter, Manager};

use crate::actions;
use crate::shell::Shell;
use crate::windows::{self, Name};

#[cfg(target_os = "linux")]
mod grab;

/// The keys this app has taken.
#[derive(Default)]
pub(crate) struct Shortcuts {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A window records new keys: ours are given back meanwhile, or they would do what they do.
    recording: bool,
    refused: Vec<(Deed, Text)>,
    #[cfg(target_os = "linux")]
    grabbed: Option<grab::Grabs>,
}

/// One deed's keys, and whether they work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct ShortcutView {
    deed: Deed,
    /// What it does, for people.
    label: String,
    /// `Ctrl+Alt+U`; empty for none.
    keys: String,
    /// Why the keys don't work, where they don't.
    message: Option<String>,
    /// Does the same when the desktop binds it to keys of its own.
    command: String,
}

/// All of them, and whether a program may take keys here at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct ShortcutsView {
    /// Why no program may take keys here, where none may.
    none: Option<String>,
    all: Vec<ShortcutView>,
}

/// How the display looks at keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Display {
    X11,
    Wayland,
    Other,
}

impl Display {
    /// Of this session.
    pub(crate) fn of_session() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match (set("WAYLAND_DISPLAY"), set("DISPLAY")) {
            _ if !cfg!(target_os = "linux") => Self::Other,
            // XWayland hears keys only while one of its own windows has the focus.
            (true, _) => Self::Wayland,
            (false, true) => Self::X11,
            (false, false) => Self::Other,
        }
    }

    fn refuses(self) -> Option<Text> {
        match self {
            Self::X11 => None,
            Self::Wayland => Some(words::wayland()),
            Self::Other => Some(words::not_here()),
        }
    }
}

/// Takes the keys of the settings; at the start and whenever they change. Off the main thread.
pub(crate) fn follow_settings(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn_blocking(move || take(&app));
}

/// A window records keys, or has done with it.
pub(crate) fn record(app: &AppHandle, recording: bool) {
    lock(&app.state::<Shell>().shortcuts.state).recording = recording;
    take(app);
    #[cfg(target_os = "linux")]
    if Display::of_session() == Display::X11 {
        let shell = app.state::<Shell>();
        let mut state = lock(&shell.shortcuts.state);
        if recording && let Err(reason) = connect(app, &mut state) {
            tracing::warn!(reason, "keys that other programs have taken are not told of");
        }
        if let Some(grabs) = &state.grabbed {
            grabs.record(recording && state.recording);
        }
    }
}

/// The connection that takes keys, made where there is none.
#[cfg(target_os = "linux")]
fn connect(app: &AppHandle, state: &mut State) -> Result<(), String> {
    if state.grabbed.as_ref().is_none_or(grab::Grabs::is_over) {
        state.grabbed = None;
        let (pressing, recording) = (app.clone(), app.clone());
        let foreign = move |why: Text| {
            let lang = recording.state::<Shell>().engine.lang();
            if let Err(error) = recording.emit("keys-taken", why.to(lang)) {
                tracing::warn!(%error, "the window was not told whose keys were pressed");
            }
        };
        state.grabbed = Some(grab::Grabs::connect(move |deed| pressed(&pressing, deed), foreign)?);
    }
    Ok(())
}

/// Keys that a closed window was recording work again.
pub(crate) fn window_closed(app: &AppHandle, label: &str) {
    if label == Name::Settings.label() && lock(&app.state::<Shell>().shortcuts.state).recording {
        let app = app.clone();
        tauri::async_runtime::spawn_blocking(move || record(&app, false));
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take(app: &AppHandle) {
    let shell = app.state::<Shell>();
    // Read under the lock: of two changes the later one wins.
    let mut state = lock(&shell.shortcuts.state);
    let settings = shell.engine.settings().get().shortcuts;
    let wanted: Vec<(Deed, Keys)> = Deed::ALL
        .into_iter()
        .filter(|_| !state.recording)
        .filter_map(|deed| Some((deed, Keys::parse(settings.of(deed)).ok()?)))
        .collect();
    if state.recording {
        // What is wrong with keys does not change while others are pressed.
        give_back(&mut state);
        return;
    }
    state.refused = Deed::ALL
        .into_iter()
        .filter_map(|deed| {
            let text = settings.of(deed);
            Keys::parse(text).err().filter(|_| !text.is_empty()).map(|error| (deed, error.text))
        })
        .collect();
    if let Some(reason) = Display::of_session().refuses() {
        state.refused = wanted.into_iter().map(|(deed, _)| (deed, reason.clone())).collect();
        return;
    }
    #[cfg(target_os = "linux")]
    {
        if wanted.is_empty() && state.grabbed.is_none() {
            return;
        }
        if let Err(reason) = connect(app, &mut state) {
            tracing::warn!(reason, "no keys were taken");
            state.refused.extend(wanted.iter().map(|(deed, _)| (*deed, words::no_display(&reason))));
            return;
        }
        if let Some(grabs) = &state.grabbed {
            let refused = grabs.take(&wanted);
            tracing::info!(wanted = wanted.len(), refused = refused.len(), "keys were taken");
            for (deed, why) in &refused {
                tracing::warn!(deed = deed.name(), why = %why.to(Lang::En), "keys were not taken");
            }
            state.refused.extend(refused);
        }
    }
}

fn give_back(state: &mut State) {
    #[cfg(target_os = "linux")]
    if let Some(grabs) = &state.grabbed {
        grabs.take(&[]);
    }
    let _ = state;
}

/// Keys were pressed, or a command asks for the same.
pub(crate) fn pressed(app: &AppHandle, deed: Deed) {
    tracing::info!(deed = deed.name(), "keys were pressed");
    match deed {
        Deed::UploadClipboard => actions::upload_clipboard(app),
        Deed::ChooseFiles => actions::choose_files(app),
        Deed::DropZone => windows::open(app, Name::DropZone),
        Deed::Library => windows::open(app, Name::Library),
        Deed::Pause => {
            let uploads = app.state::<Shell>().engine.uploads();
            uploads.set_paused(!app.state::<Shell>().engine.snapshot().paused);
        }
    }
}

/// As [`view`], once what was just set has been tried.
pub(crate) fn looked_at(app: &AppHandle) -> ShortcutsView {
    take(app);
    view(&app.state::<Shell>())
}

impl ShortcutsView {
    /// The keys that are set.
    pub(crate) fn set(&self) -> Vec<String> {
        self.all.iter().filter(|one| !one.keys.is_empty()).map(|one| one.keys.clone()).collect()
    }

    /// Why some of them don't work.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.all.iter().find_map(|one| one.message.as_deref())
    }
}

/// The keys of a deed where they are set and work; otherwise empty.
pub(crate) fn working(shell: &Shell, deed: Deed) -> String {
    let refused =
        Display::of_session().refuses().is_some() || lock(&shell.shortcuts.state).refused.iter().any(|(other, _)| *other == deed);
    if refused { String::new() } else { shell.engine.settings().get().shortcuts.of(deed).to_owned() }
}

/// As the settings window shows them.
pub(crate) fn view(shell: &Shell) -> ShortcutsView {
    let lang = shell.engine.lang();
    let settings = shell.engine.settings().get().shortcuts;
    let state = lock(&shell.shortcuts.state);
    let why = |deed: Deed| state.refused.iter().find(|(other, _)| *other == deed).map(|(_, why)| why.to(lang));
    let all = Deed::ALL.into_iter().map(|deed| ShortcutView {
        deed,
        label: deed.words().to(lang),
        keys: settings.of(deed).to_owned(),
        message: why(deed).filter(|_| !settings.of(deed).is_empty()),
        command: format!("imagepic-desktop --do {}", deed.name().replace('_', "-")),
    });
    ShortcutsView { none: Display::of_session().refuses().map(|why| why.to(lang)), all: all.collect() }
}
