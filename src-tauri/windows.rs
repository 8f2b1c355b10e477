//! Every window, declared once: title, size, what keeps it on top. Made when asked for, destroyed when closed.
//!
//! A hidden web view costs about 120 MB, so none is kept for long (`system`). What windows show is in `ui/`, what they may ask in `permissions/`.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use imagepic_core::settings::Theme;
pub(crate) use imagepic_instance::Window as Name;
use imagepic_words::{Text, desktop as words};
use tauri::webview::Color;
use tauri::{AppHandle, Manager, PhysicalPosition, WebviewUrl, WebviewWindow, WebviewWindowBuilder, Wry};

use crate::notifications::{Matter, said};
use crate::shell::Shell;

#[cfg_attr(target_os = "linux", path = "windows/webkit.rs")]
#[cfg_attr(not(target_os = "linux"), path = "windows/elsewhere.rs")]
mod system;

pub(crate) use system::Ahead;
#[cfg(target_os = "linux")]
pub(crate) use system::{FOR_WINDOWS, tell_by_environment, warm};

struct Form {
    /// Logical pixels.
    size: (f64, f64),
    /// Smaller it cannot be made.
    least: (f64, f64),
    always_on_top: bool,
}

pub(crate) fn title(name: Name) -> Text {
    match name {
        Name::Welcome => words::title_welcome(),
        Name::DropZone => words::title_drop_zone(),
        Name::Library => words::title_library(),
        Name::Settings => words::title_settings(),
    }
}

const fn form(name: Name) -> Form {
    match name {
        Name::Welcome => Form { size: (640.0, 480.0), least: (560.0, 440.0), always_on_top: false },
        Name::DropZone => Form { size: (300.0, 220.0), least: (260.0, 180.0), always_on_top: true },
        Name::Library => Form { size: (1180.0, 760.0), least: (520.0, 420.0), always_on_top: false },
        Name::Settings => Form { size: (880.0, 640.0), least: (720.0, 480.0), always_on_top: false },
    }
}

/// Opens the window, or brings it to the front. From any thread.
pub(crate) fn open(app: &AppHandle, name: Name) {
    open_at(app, name, "");
}

/// As [`open`], at a part of its page, which the page knows by this word.
pub(crate) fn open_at(app: &AppHandle, name: Name, part: &'static str) {
    let handle = app.clone();
    let done = app.run_on_main_thread(move || {
        if let Err(error) = open_here(&handle, name, part) {
            tracing::error!(%error, window = name.label(), "the window could not be opened");
        }
    });
    if let Err(error) = done {
        tracing::error!(%error, window = name.label(), "the window could not be opened");
    }
}

/// Whether a person has the window before them.
pub(crate) fn is_open(app: &AppHandle, name: Name) -> bool {
    app.get_webview_window(name.label()).is_some() && !system::is_ahead(app, name)
}

fn open_here(app: &AppHandle, name: Name, part: &'static str) -> tauri::Result<()> {
    if name == Name::DropZone {
        // It asks itself.
        app.state::<Shell>().notifier.withdraw(Matter::Names);
    }
    if let Some(window) = app.get_webview_window(name.label()) {
        if !part.is_empty() {
            window.eval(format!("location.hash = '{part}'"))?;
        }
        if system::reveal(app, name, &window) {
            return Ok(());
        }
        window.unminimize()?;
        window.show()?;
        return window.set_focus();
    }
    let window = system::build(app, plan(app, name, part))?;
    system::end(app);
    #[cfg(target_os = "linux")]
    crate::drops::listen(&window)?;
    if name == Name::DropZone
        && let Some(place) = app.state::<Shell>().remembered_place()
        && is_on_a_screen(&window, place)
    {
        window.set_position(place)?;
    }
    Ok(())
}

/// The window as it is to be built.
fn plan<'a>(app: &'a AppHandle, name: Name, part: &str) -> WebviewWindowBuilder<'a, Wry, AppHandle> {
    let shell = app.state::<Shell>();
    let lang = shell.engine.lang();
    let chosen = shell.engine.settings().get().general.theme;
    let form = form(name);
    let part = if part.is_empty() { String::new() } else { format!("#{part}") };
    let page = WebviewUrl::App(PathBuf::from(format!("{}.html{part}", name.label())));
    WebviewWindowBuilder::new(app, name.label(), page)
        .title(title(name).to(lang))
        .inner_size(form.size.0, form.size.1)
        .min_inner_size(form.least.0, form.least.1)
        .always_on_top(form.always_on_top)
        .theme(theme(chosen))
        // Otherwise a dark window begins with a white flash: first of the window, then of a page that does not know the settings yet.
        .background_color(ground(chosen))
        .initialization_script(dressed(chosen))
        // What WebKit itself writes stays in the home. (A private web view would write nothing, but only the first one gets our protocols.)
        .data_directory(web_data(&shell))
        .on_navigation(is_ours)
        .on_new_window(|_, _| tauri::webview::NewWindowResponse::Deny)
}

/// Where WebKit writes what it keeps. One place for all windows: they share what stands on it.
fn web_data(shell: &Shell) -> PathBuf {
    shell.engine.home().run().join("web")
}

/// Whether there is any page that wants to hear what happens, seen or not.
pub(crate) fn any_listens(app: &AppHandle) -> bool {
    Name::ALL.into_iter().any(|name| app.get_webview_window(name.label()).is_some())
}

/// The window is about to close.
pub(crate) fn closing(app: &AppHandle, label: &str) {
    if label == Name::DropZone.label() {
        remember(app);
    }
}

/// The drop zone's place is kept for the next time.
pub(crate) fn remember(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(Name::DropZone.label())
        && let Ok(place) = window.outer_position()
    {
        app.state::<Shell>().remember_place(place);
    }
}

/// The window is gone. Where there is no tray, somebody who closed the last one should know how to get back.
pub(crate) fn closed(app: &AppHandle, label: &str) {
    let Some(name) = Name::of(label) else { return };
    let shell = app.state::<Shell>();
    shell.drops.forget(label);
    let unseen = system::was_ahead(app, name);
    if name == Name::Library {
        if !unseen {
            // What was deleted there goes now: nobody can take it back any more.
            shell.engine.library().leave_now();
        }
        shell.engine.library().rest();
    }
    if unseen {
        return;
    }
    if name == Name::DropZone && !shell.quitting.load(Ordering::SeqCst) {
        crate::naming::window_closed(app);
    }
    let last = Name::ALL.into_iter().all(|other| other == name || !is_open(app, other));
    if last && !shell.tray.is_there() && !shell.quitting.load(Ordering::SeqCst) {
        shell.notifier.show(said::still_running(shell.engine.lang()));
    }
}

/// A page of ours, and nothing else, may be shown: a link in a page never leads out of the app.
fn is_ours(url: &tauri::Url) -> bool {
    matches!((url.scheme(), url.host_str()), ("tauri", Some("localhost")) | ("http" | "https", Some("tauri.localhost")))
        || url.as_str() == "about:blank"
}

fn is_on_a_screen(window: &WebviewWindow, place: PhysicalPosition<i32>) -> bool {
    let screens = window.available_monitors().unwrap_or_default();
    screens.iter().any(|screen| {
        let (start, size) = (screen.position(), screen.size());
        let inside = |at: i32, from: i32, length: u32| {
            i64::from(at) >= i64::from(from) && i64::from(at) < i64::from(from) + i64::from(length)
        };
        inside(place.x, start.x, size.width) && inside(place.y, start.y, size.height)
    })
}

/// The open windows follow the settings. On the main thread, so that a window which is just being made is among them.
pub(crate) fn follow_settings(app: &AppHandle) {
    let handle = app.clone();
    let queued = app.run_on_main_thread(move || {
        let engine = &handle.state::<Shell>().engine;
        let (lang, chosen) = (engine.lang(), engine.settings().get().general.theme);
        #[cfg(target_os = "linux")]
        dress_toolkit(chosen);
        for (label, window) in handle.webview_windows() {
            let Some(name) = Name::of(&label) else { continue };
            let titled = window
                .set_title(&title(name).to(lang))
                .and_then(|()| if cfg!(target_os = "linux") { Ok(()) } else { window.set_theme(theme(chosen)) })
                .and_then(|()| window.set_background_color(Some(ground(chosen))));
            if let Err(error) = titled {
                tracing::warn!(%error, window = label, "the window does not follow the settings");
            }
        }
    });
    if let Err(error) = queued {
        tracing::warn!(%error, "the windows do not follow the settings");
    }
}

const fn theme(chosen: Theme) -> Option<tauri::Theme> {
    match chosen {
        Theme::System => None,
        Theme::Light => Some(tauri::Theme::Light),
        Theme::Dark => Some(tauri::Theme::Dark),
    }
}

/// What the toolkit draws itself, and what pages are told of the system's choice; on the main thread.
///
/// Not by the windows: theirs is one setting of the whole toolkit, and where nobody chooses any more they set it to light, whatever the
/// system wanted before somebody chose.
#[cfg(target_os = "linux")]
fn dress_toolkit(chosen: Theme) {
    use std::cell::Cell;

    use gtk::prelude::GtkSettingsExt;
    thread_local!(static SYSTEM: Cell<Option<bool>> = const { Cell::new(None) });
    let Some(settings) = gtk::Settings::default() else { return };
    match chosen {
        Theme::System => {
            if let Some(dark) = SYSTEM.take() {
                settings.set_gtk_application_prefer_dark_theme(dark);
            }
        }
        Theme::Light | Theme::Dark => {
            SYSTEM.set(SYSTEM.get().or_else(|| Some(settings.is_gtk_application_prefer_dark_theme())));
            settings.set_gtk_application_prefer_dark_theme(chosen == Theme::Dark);
        }
    }
}

/// `--bg` of the windows' own style sheet.
fn ground(chosen: Theme) -> Color {
    let dark = match chosen {
        Theme::Light => false,
        Theme::Dark => true,
        Theme::System => the_system_is_dark(),
    };
    if dark { Color(0x18, 0x19, 0x1d, 0xff) } else { Color(0xff, 0xff, 0xff, 0xff) }
}

/// What the page asks the web view for; on the main thread.
#[cfg(target_os = "linux")]
fn the_system_is_dark() -> bool {
    use gtk::prelude::GtkSettingsExt;
    // The toolkit's own override, and not told by its settings.
    let forced = std::env::var("GTK_THEME").ok().filter(|name| !name.is_empty());
    gtk::Settings::default().is_some_and(|settings| match forced.or_else(|| settings.gtk_theme_name().map(Into::into)) {
        Some(name) if is_dark_theme(&name) => true,
        _ => settings.is_gtk_application_prefer_dark_theme(),
    })
}

/// `Adwaita-dark`, `Adwaita:dark`: the forms GTK 3 gives the dark variant of a theme.
#[cfg(target_os = "linux")]
fn is_dark_theme(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("-dark") || name.ends_with(":dark")
}

#[cfg(not(target_os = "linux"))]
const fn the_system_is_dark() -> bool {
    false
}

/// Says on the page which theme it begins in, before it is painted; afterwards the page follows the settings itself.
fn dressed(chosen: Theme) -> &'static str {
    match chosen {
        Theme::Light => "document.documentElement?.setAttribute('data-theme', 'light')",
        Theme::Dark => "document.documentElement?.setAttribute('data-theme', 'dark')",
        Theme::System => {
            "document.documentElement?.setAttribute('data-theme', matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')"
        }
    }
}

#[cfg(test)]
mod tests {
    use imagepic_words::Lang;

    use super::*;

    #[test]
    fn windows_are_called_in_english_as_everybody_outside_knows_them() {
        let titles = Name::ALL.map(|name| title(name).to(Lang::En));
        assert_eq!(titles, ["imagepic", "Drop zone", "Library", "Settings"]);
        let labels = Name::ALL.map(Name::label);
        assert_eq!(labels, ["welcome", "drop-zone", "library", "settings"]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_dark_desktop_is_known_by_the_name_of_its_theme() {
        let known = ["Adwaita-dark", "Adwaita:dark", "Yaru-Dark", "Adwaita", "Darkness", "dark-matter"].map(is_dark_theme);
        assert_eq!(known, [true, true, true, false, false, false]);
    }

    #[test]
    fn no_page_from_outside_opens_in_a_window() {
        let ours = |url: &str| is_ours(&tauri::Url::parse(url).expect("an address"));
        assert!(ours("tauri://localhost/settings.html"));
        assert!(ours("http://tauri.localhost/library.html"));
        for url in ["https://example.com/", "file:///etc/passwd", "tauri://evil/", "http://localhost:1420/", "data:text/html,x"] {
            assert!(!ours(url), "{url}");
        }
    }
}
