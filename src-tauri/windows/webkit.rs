//! What WebKitGTK is told so that windows come fast and take little: how its processes run, and what becomes of a window whose process
//! went away.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tauri::{AppHandle, Manager, WebviewWindow, WebviewWindowBuilder, Wry};
use webkit2gtk::WebView;

use super::Name;
use crate::notifications::said;
use crate::shell::Shell;

mod ahead;

pub(crate) use ahead::{Ahead, warm};
pub(super) use ahead::{end, is_ahead, reveal, was_ahead};

/// A process that goes away as soon after the one before it would go on doing so.
const AGAIN: Duration = Duration::from_secs(10);

/// WebKit compiles scripts to machine code as they are used: for lists and forms that brings nothing that can be seen, and costs sixty
/// megabytes a window. Nor is there memory then that a page could write and run. Its processes take that from their environment alone.
/// To be called before there are other threads.
pub(crate) fn interpret_scripts() {
    // Only a name that is none is refused (setenv(3)); and nobody keeps a log yet.
    let _ = gtk::glib::setenv(JIT, "0", false);
}

/// What [`interpret_scripts`] sets; other programs must not inherit it from here, least of all a browser.
pub(crate) const JIT: &str = "JSC_useJIT";

fn on_main(app: &AppHandle, deed: impl FnOnce() + Send + 'static) {
    if let Err(error) = app.run_on_main_thread(deed) {
        tracing::debug!(%error, "imagepic is ending");
    }
}

/// Builds the window, in the process of another one where there is one. On the main thread.
pub(super) fn build(app: &AppHandle, mut builder: WebviewWindowBuilder<'_, Wry, AppHandle>) -> tauri::Result<WebviewWindow> {
    thread_local!(static VIEW: RefCell<Option<WebView>> = const { RefCell::new(None) });
    if let Some(other) = Name::ALL.into_iter().find_map(|name| app.get_webview_window(name.label())) {
        // On this thread, and before it returns: tauri calls it later only where it was asked on another one.
        other.with_webview(|view| VIEW.set(Some(view.inner())))?;
    }
    if let Some(view) = VIEW.take() {
        builder = builder.with_related_view(view);
    }
    let window = builder.build()?;
    keep_little(&window)?;
    outlive_its_process(&window)?;
    Ok(window)
}

/// WebKit leaves a window blank whose process went away, and all windows have the same one: the page comes anew, in a new process. One
/// that goes with it again and again is closed, and that is told.
fn outlive_its_process(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::WebViewExt as _;
    let of = window.clone();
    window.with_webview(move |view| {
        let last = Cell::new(None::<Instant>);
        view.inner().connect_web_process_terminated(move |view, reason| {
            let (app, label) = (of.app_handle(), of.label());
            tracing::error!(window = label, ?reason, "the process that showed the window went away");
            let again = last.replace(Some(Instant::now())).is_some_and(|before| before.elapsed() < AGAIN);
            let Some(name) = Name::of(label) else { return };
            if is_ahead(app, name) {
                end(app);
                return;
            }
            if !again {
                view.reload();
                return;
            }
            let shell = app.state::<Shell>();
            let lang = shell.engine.lang();
            shell.notifier.show(said::window_closed(name.title().to(lang), lang));
            if let Err(error) = of.destroy() {
                tracing::error!(%error, window = label, "a blank window stays");
            }
        });
    })
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
