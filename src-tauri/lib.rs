//! The desktop shell: tray, windows, drops and notifications over the engine, and the only Rust that names tauri.
//!
//! Data goes one way: what a person does becomes a call of the engine (`actions`, `commands`), and what happens comes back as its events
//! (`events`). The shell decides nothing about uploads and keeps no second truth.

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use imagepic_core::engine::{Engine, Role};
use imagepic_core::home::Home;
use imagepic_core::outside::Outside;
use imagepic_core::settings::file::SettingsFile;
use imagepic_instance::{Claim, First, Request};
use imagepic_words::{Lang, desktop as words};
use tauri::{Manager, RunEvent, WindowEvent};

use crate::args::Line;
use crate::notifications::Notifier;
use crate::shell::Shell;

mod actions;
mod args;
#[cfg(target_os = "linux")]
mod bus;
mod commands;
mod drops;
mod events;
mod figures;
#[cfg(test)]
mod fixtures;
mod naming;
mod notifications;
mod open;
mod picker;
mod pointing;
mod remote_thumbnails;
mod shell;
mod shortcuts;
mod thumbnails;
mod tray;
mod welcome;
mod windows;

/// Exit code of a command line that cannot be done.
const WRONG: u8 = 2;

/// Runs the tray app until it is quit.
#[must_use]
pub fn run() -> ExitCode {
    let started = Instant::now();
    #[cfg(target_os = "linux")]
    windows::tell_by_environment();
    let lang = spoken();
    let folder = std::env::current_dir().unwrap_or_default();
    let request = match args::read(std::env::args_os().skip(1), &folder) {
        Line::Start(request) => request,
        Line::Version => return print(concat!("imagepic-desktop ", env!("CARGO_PKG_VERSION"))),
        Line::Help => return print(&words::usage().to(lang)),
        Line::Wrong(text) => return refuse(&text.to(lang), ExitCode::from(WRONG)),
    };
    match begin(started, request, lang) {
        Ok(code) => code,
        Err(message) => {
            let message = words::cannot_start(message).to(lang);
            tracing::error!(message, "imagepic did not start");
            #[cfg(target_os = "linux")]
            tauri::async_runtime::block_on(bus::say("imagepic", &message));
            refuse(&message, ExitCode::FAILURE)
        }
    }
}

/// The language of the settings before there is an engine that reads them: who cannot start says why in it, too.
fn spoken() -> Lang {
    let settings = Home::locate().and_then(|home| SettingsFile::of(&home).load());
    settings.map_or_else(|_| Lang::of_system(), |settings| settings.lang())
}

fn begin(started: Instant, request: Request, lang: Lang) -> Result<ExitCode, String> {
    let told = |error: imagepic_core::Error| error.message(lang);
    let home = Home::locate().map_err(told)?;
    home.prepare().map_err(told)?;
    let _log = imagepic_core::log::init(&home);
    let place = || home.data().display().to_string();
    let first = match imagepic_instance::claim(&home, &request) {
        Ok(Claim::First(first)) => first,
        Ok(Claim::HandedOver) => return Ok(print(&words::already_running(place()).to(lang))),
        Ok(Claim::Refused(why)) => return Ok(refuse(&why, ExitCode::FAILURE)),
        Ok(Claim::Silent) => return Ok(refuse(&words::already_running_silent(place()).to(lang), ExitCode::FAILURE)),
        Err(error) => return Err(told(imagepic_core::home::unwritable(&home.run(), error))),
    };

    // Before the engine opens: it would take the bucket over from whoever serves it, only to end at once.
    #[cfg(target_os = "linux")]
    if ["DISPLAY", "WAYLAND_DISPLAY", "GDK_BACKEND"]
        .iter()
        .all(|name| std::env::var_os(name).is_none_or(|value| value.is_empty()))
    {
        return Err(words::no_display().to(lang));
    }

    // The main thread belongs to the toolkit and calls the engine too, which spawns.
    let runtime = tauri::async_runtime::handle();
    let _inside = runtime.inner().enter();

    // Before the engine makes a home of the folder.
    let mut welcome = welcome::Kept::of(&home);
    // Whoever asks for something gets that, and is welcomed another time.
    welcome.due &= request.is_bare();
    let greets = welcome.due;

    // Disk and display are opened at the same time: what a person waits for is the tray.
    let opening = tauri::async_runtime::spawn({
        let home = home.clone();
        async move { Engine::open(home.clone(), Outside::real(&home), Role::Desktop).await }
    });
    #[cfg(target_os = "linux")]
    let display = gtk::init().is_ok();
    #[cfg(not(target_os = "linux"))]
    let display = true;
    let engine = tauri::async_runtime::block_on(opening).map_err(|error| error.to_string())?.map_err(told)?;
    if !display {
        tauri::async_runtime::block_on(engine.close());
        return Err(words::no_display().to(lang));
    }

    let (notifier, orders) = Notifier::new();
    // The first who subscribes hears what the engine had to say while it opened; from here on nothing is missed.
    let events = events::gather(engine.subscribe());
    let shell = Shell::new(engine.clone(), &home, notifier, welcome);
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .manage(shell)
        .manage(pointing::Pointing::default())
        .register_asynchronous_uri_scheme_protocol(
            "imagepic-thumb",
            |context, request, responder| match remote_thumbnails::asked(&request) {
                Some(asked) => remote_thumbnails::answer(context.app_handle(), asked, responder),
                None => thumbnails::answer(context.app_handle(), &request, responder),
            },
        )
        .invoke_handler(commands::handler())
        .on_window_event(|window, event| match event {
            WindowEvent::DragDrop(drag) => drops::dragged(window.app_handle(), window.label(), drag),
            WindowEvent::CloseRequested { .. } => windows::closing(window.app_handle(), window.label()),
            WindowEvent::Destroyed => {
                shortcuts::window_closed(window.app_handle(), window.label());
                windows::closed(window.app_handle(), window.label());
            }
            _ => {}
        })
        .setup(move |app| {
            let app = app.handle();
            tauri::async_runtime::spawn(notifications::serve(app.clone(), orders));
            tauri::async_runtime::spawn(events::follow(app.clone(), events));
            tray::begin(app, started);
            shortcuts::follow_settings(app);
            commands::refresh_autostart(&home);
            let handle = app.clone();
            first.listen(move |request, answer| actions::asked_again(&handle, request, answer))?;
            app.manage(first);
            #[cfg(target_os = "linux")]
            tauri::async_runtime::spawn(bus::announce(home.id()));
            tauri::async_runtime::spawn(actions::quit_when_told(app.clone()));
            actions::asked(app, request.clone(), None);
            if greets {
                welcome::begin(app);
            }
            Ok(())
        })
        .build(tauri::generate_context!())
        .map_err(|error| error.to_string())?;
    app.run(|app, event| match event {
        // The last window was closed; the tray stays.
        RunEvent::ExitRequested { code: None, api, .. } if !app.state::<Shell>().quitting.load(Ordering::SeqCst) => {
            api.prevent_exit();
        }
        RunEvent::Exit => app.state::<First>().close(),
        _ => {}
    });
    Ok(ExitCode::SUCCESS)
}

fn print(text: &str) -> ExitCode {
    // Nobody to tell where standard output is closed.
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::SUCCESS
}

fn refuse(text: &str, code: ExitCode) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{text}");
    code
}
