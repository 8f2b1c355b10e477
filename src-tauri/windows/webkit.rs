//! What WebKitGTK is told so that windows come fast and take little: how its processes run, and when one is begun ahead of its window.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder, Wry};
use webkit2gtk::WebView;

use crate::shell::Shell;

/// How long a process that no window took is kept after the menu was opened last: longer than a person looks for a line in it.
const KEPT: Duration = Duration::from_secs(20);

/// Under this label no window is ever seen, and no capability names it: its page may ask nothing.
const SPARE: &str = "spare";

/// How often a window was expected: who comes to end the spare process asks whether somebody expected one since.
#[derive(Default)]
pub(crate) struct Warmth(AtomicU64);

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
    let expected = &app.state::<Shell>().warmth.0;
    let number = expected.fetch_add(1, Ordering::SeqCst) + 1;
    let handle = app.clone();
    on_main(app, move || {
        if handle.get_webview_window(SPARE).is_none()
            && let Err(error) = begin(&handle)
        {
            tracing::warn!(%error, "no web process could be begun ahead of its window");
        }
    });
    let handle = app.clone();
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(KEPT).await;
        let app = handle.clone();
        on_main(&handle, move || {
            if app.state::<Shell>().warmth.0.load(Ordering::SeqCst) == number {
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
    if shell.quitting.load(Ordering::SeqCst) {
        return Ok(());
    }
    let window = WebviewWindowBuilder::new(app, SPARE, WebviewUrl::App("spare.html".into()))
        .visible(false)
        .focused(false)
        .skip_taskbar(true)
        .data_directory(super::web_data(&shell))
        .on_navigation(super::is_ours)
        .on_new_window(|_, _| tauri::webview::NewWindowResponse::Deny)
        .build()?;
    keep_little(&window)
}

fn end(app: &AppHandle) {
    if let Some(spare) = app.get_webview_window(SPARE)
        && let Err(error) = spare.destroy()
    {
        tracing::warn!(%error, "a web process that no window took goes on running");
    }
}

/// Builds the window in the process that was begun ahead, where there is one. On the main thread.
pub(super) fn build(app: &AppHandle, mut builder: WebviewWindowBuilder<'_, Wry, AppHandle>) -> tauri::Result<WebviewWindow> {
    thread_local!(static VIEW: std::cell::RefCell<Option<WebView>> = const { std::cell::RefCell::new(None) });
    if let Some(spare) = app.get_webview_window(SPARE) {
        // On this thread, and before it returns: tauri calls it later only where it was asked on another one.
        spare.with_webview(|view| VIEW.set(Some(view.inner())))?;
    }
    if let Some(view) = VIEW.take() {
        builder = builder.with_related_view(view);
    }
    let window = builder.build()?;
    end(app);
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
