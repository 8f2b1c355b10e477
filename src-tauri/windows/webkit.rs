//! What WebKitGTK is told so that windows come fast and take little: how its processes run, and what is begun ahead of being asked for.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gtk::prelude::{GtkWindowExt as _, WidgetExt as _};
use tauri::webview::PageLoadEvent;
use tauri::{AppHandle, Manager, WebviewWindow, WebviewWindowBuilder, Wry};
use webkit2gtk::WebView;

use super::Name;
use crate::shell::Shell;

/// How long what nobody asked for is kept after the menu was opened last: longer than a person looks for a line in it.
const KEPT: Duration = Duration::from_secs(20);

/// A page that takes longer may never come: its window is shown all the same, so that there is something to close.
const COMES_WITHIN: Duration = Duration::from_secs(3);

/// The window with the most to show: it is drawn in secret while somebody reads the menu. Any other takes over its process.
const AHEAD: Name = Name::Library;

#[derive(Default)]
pub(crate) struct Warmth {
    /// How often a window was expected: who comes to end what was begun ahead asks whether somebody expected one since.
    expected: AtomicU64,
    /// [`AHEAD`] is there, and nobody has asked for it.
    unasked: AtomicBool,
    /// Its page has come.
    loaded: AtomicBool,
}

/// WebKit compiles scripts to machine code as they are used: for lists and forms that brings nothing that can be seen, and costs sixty
/// megabytes a window. Nor is there memory then that a page could write and run. Its processes take that from their environment alone.
/// To be called before there are other threads.
pub(crate) fn interpret_scripts() {
    // Only a name that is none is refused (setenv(3)); and nobody keeps a log yet.
    let _ = gtk::glib::setenv(JIT, "0", false);
}

/// What [`interpret_scripts`] sets; other programs must not inherit it from here, least of all a browser.
pub(crate) const JIT: &str = "JSC_useJIT";

/// A window may be asked for next: begins the process it needs, which takes longer than all that comes after it. From any thread.
pub(crate) fn warm(app: &AppHandle) {
    let number = app.state::<Shell>().warmth.expected.fetch_add(1, Ordering::SeqCst) + 1;
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
            if app.state::<Shell>().warmth.expected.load(Ordering::SeqCst) == number {
                end(&app);
            }
        });
    });
}

fn on_main(app: &AppHandle, deed: impl FnOnce() + Send + 'static) {
    if let Err(error) = app.run_on_main_thread(deed) {
        tracing::debug!(%error, "imagepic is ending");
    }
}

fn begin(app: &AppHandle) -> tauri::Result<()> {
    let shell = app.state::<Shell>();
    if shell.quitting.load(Ordering::SeqCst) || app.get_webview_window(AHEAD.label()).is_some() {
        return Ok(());
    }
    shell.warmth.unasked.store(true, Ordering::SeqCst);
    shell.warmth.loaded.store(false, Ordering::SeqCst);
    let plan = super::plan(app, AHEAD, "").visible(false).on_page_load(|window, page| {
        if page.event() == PageLoadEvent::Finished {
            let warmth = &window.app_handle().state::<Shell>().warmth;
            if !warmth.loaded.swap(true, Ordering::SeqCst) && !warmth.unasked.load(Ordering::SeqCst) {
                present(&window);
            }
        }
    });
    let window = build(app, plan).inspect_err(|_| {
        shell.warmth.unasked.store(false, Ordering::SeqCst);
    })?;
    crate::drops::listen(&window)
}

/// Whether the window is there without having been asked for.
pub(super) fn is_ahead(app: &AppHandle, name: Name) -> bool {
    name == AHEAD && app.state::<Shell>().warmth.unasked.load(Ordering::SeqCst)
}

/// The same of a window that is gone; the next one of its kind begins anew.
pub(super) fn was_ahead(app: &AppHandle, name: Name) -> bool {
    name == AHEAD && app.state::<Shell>().warmth.unasked.swap(false, Ordering::SeqCst)
}

/// Shows the window if it was there without having been asked for. Not before its page has come: WebKit never draws a page that begins
/// unseen and is shown while it comes.
pub(super) fn reveal(app: &AppHandle, name: Name, window: &WebviewWindow) -> bool {
    let was_ahead = was_ahead(app, name);
    if was_ahead && has_come(app) {
        present(window);
    } else if was_ahead {
        let window = window.clone();
        tauri::async_runtime::spawn(async move {
            tokio::time::sleep(COMES_WITHIN).await;
            let app = window.app_handle().clone();
            on_main(&app, move || {
                if !has_come(window.app_handle()) {
                    tracing::warn!(window = window.label(), "a page has not come yet; its window is shown without it");
                    present(&window);
                }
            });
        });
    }
    was_ahead
}

fn has_come(app: &AppHandle) -> bool {
    app.state::<Shell>().warmth.loaded.load(Ordering::SeqCst)
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

/// Takes away what was begun ahead and not asked for. On the main thread.
pub(super) fn end(app: &AppHandle) {
    if is_ahead(app, AHEAD)
        && let Some(window) = app.get_webview_window(AHEAD.label())
        && let Err(error) = window.destroy()
    {
        tracing::warn!(%error, "a window that nobody asked for goes on running");
    }
}

/// Builds the window, in the process of another one where there is one. On the main thread.
pub(super) fn build(app: &AppHandle, mut builder: WebviewWindowBuilder<'_, Wry, AppHandle>) -> tauri::Result<WebviewWindow> {
    thread_local!(static VIEW: std::cell::RefCell<Option<WebView>> = const { std::cell::RefCell::new(None) });
    if let Some(other) = Name::ALL.into_iter().find_map(|name| app.get_webview_window(name.label())) {
        // On this thread, and before it returns: tauri calls it later only where it was asked on another one.
        other.with_webview(|view| VIEW.set(Some(view.inner())))?;
    }
    if let Some(view) = VIEW.take() {
        builder = builder.with_related_view(view);
    }
    let window = builder.build()?;
    keep_little(&window)?;
    Ok(window)
}

/// Our windows show one page each: WebKit need not keep resources for others. Nor are lists and forms worth a graphics card's driver,
/// which takes a hundred megabytes and some of the time until the window is drawn.
fn keep_little(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{CacheModel, HardwareAccelerationPolicy, SettingsExt as _, WebContextExt as _, WebViewExt as _};
    window.with_webview(|view| {
        let view = view.inner();
        if let Some(context) = view.context() {
            context.set_cache_model(CacheModel::DocumentViewer);
        }
        if let Some(settings) = webkit2gtk::WebViewExt::settings(&view) {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}
