//! What WebKitGTK is told so that windows come fast and take little: how its processes run, and what becomes of a window whose process
//! went away.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tauri::webview::Color;
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

/// What WebKit takes from its environment alone. Programs that are opened from here must not inherit it, least of all a browser.
///
/// - It compiles scripts to machine code as they are used: for lists and forms that brings nothing that can be seen, and costs sixty
///   megabytes a window. Nor is there memory then that a page could write and run.
/// - It draws with a graphics card where it can: that takes a driver of a hundred megabytes and some of the time until a window is drawn,
///   and leaves windows blank with some drivers. Its settings could say so too, but each page hears them only once it has begun with the
///   driver: then it scrolls by the wheel in jumps, as nothing tells it any more when to draw.
pub(crate) const FOR_WINDOWS: [(&str, &str); 2] = [("JSC_useJIT", "0"), ("WEBKIT_DISABLE_DMABUF_RENDERER", "1")];

/// To be called before there are other threads.
pub(crate) fn tell_by_environment() {
    for (name, value) in FOR_WINDOWS {
        // Only a name that is none is refused (setenv(3)); and nobody keeps a log yet. What a person has set stays.
        let _ = gtk::glib::setenv(name, value, false);
    }
}

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
    draw_once_the_page_has_come(&window, super::ground(app.state::<Shell>().engine.settings().get().general.theme))?;
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
            shell.notifier.show(said::window_closed(super::title(name).to(lang), lang));
            if let Err(error) = of.destroy() {
                tracing::error!(%error, window = label, "a blank window stays");
            }
        });
    })
}

/// A page that is on its way shows its ground. WebKit itself would ask the page's process for a picture there is none of yet, and wait for
/// it half a second in the main thread, from which the page in turn wants its scripts.
fn draw_once_the_page_has_come(window: &WebviewWindow, ground: Color) -> tauri::Result<()> {
    use gtk::glib::Propagation;
    use gtk::prelude::WidgetExt as _;
    use webkit2gtk::{LoadEvent, WebViewExt as _};
    window.with_webview(move |view| {
        let view = view.inner();
        let come = Rc::new(Cell::new(false));
        let has_come = come.clone();
        view.connect_load_changed(move |view, event| match event {
            LoadEvent::Started => has_come.set(false),
            LoadEvent::Finished => {
                has_come.set(true);
                view.queue_draw();
            }
            _ => {}
        });
        view.connect_draw(move |_, paper| {
            if come.get() {
                return Propagation::Proceed;
            }
            let Color(red, green, blue, _) = ground;
            let [red, green, blue] = [red, green, blue].map(|part| f64::from(part) / 255.0);
            paper.set_source_rgb(red, green, blue);
            if let Err(error) = paper.paint() {
                tracing::debug!(%error, "a window shows no ground");
            }
            Propagation::Stop
        });
    })
}

/// Our windows show one page each: WebKit need not keep resources for others.
fn keep_little(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{CacheModel, WebContextExt as _, WebViewExt as _};
    window.with_webview(|view| {
        if let Some(context) = view.inner().context() {
            context.set_cache_model(CacheModel::DocumentViewer);
        }
    })
}
