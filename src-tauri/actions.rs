//! What a person asked for, wherever they asked it: the tray, a notification's button, a further start, a drop, the file picker.
//!
//! Each is a call of the engine, off the main thread; what goes wrong is said in a notification, because nobody waits for an answer.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use imagepic_core::Result;
use imagepic_core::capture::{Capture, Content, Near, Source};
use imagepic_core::engine::{Batch, Deliver, Engine, Submit};
use imagepic_core::event::{Event, Refusal};
use imagepic_core::settings::ClipboardMode;
use imagepic_core::settings::shortcuts::Deed;
use imagepic_instance::{Answer, First, Request};
use imagepic_words::desktop as words;
use tauri::{AppHandle, Manager, Url};
use tauri_plugin_dialog::FilePath;

use crate::events;
use crate::notifications::{Button, said};
use crate::picker;
use crate::pointing::{self, Aim};
use crate::shell::Shell;
use crate::tray::menu::Action;
use crate::windows::{self, Name};

/// How long Quit waits for the engine; what is unfinished then goes on at the next start, as after any crash.
const GOODBYE: Duration = Duration::from_secs(5);

/// The picker offers these first; the engine looks into the bytes anyway.
const PICKED: [&str; 16] =
    ["png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "bmp", "tif", "tiff", "ico", "heic", "heif", "qoi", "jxl", "jfif"];

/// A line of the tray's menu was chosen.
pub(crate) fn chosen(app: &AppHandle, action: Action) {
    match action {
        Action::Offer { id, upload } => answer_offer(app, id, upload),
        Action::Answer { id, yes } => answer(app, id, yes),
        Action::UploadClipboard => upload_clipboard(app),
        Action::UploadFiles => choose_files(app),
        Action::CopyLink(id) => copy_links(app, vec![id]),
        Action::CopyObject { destination, bucket, key } => {
            let engine = engine(app);
            perform(app, async move { engine.browse().copy_link(&destination, &bucket, &key).await.map(drop) });
        }
        Action::NewFolder { destination, bucket, folder } => {
            pointing::show(app, Aim { destination, bucket, folder, new_folder: true, access: false });
        }
        Action::LookInto { destination, bucket, folder } => {
            let engine = engine(app);
            let prefix = if folder.is_empty() { folder } else { format!("{folder}/") };
            perform(app, async move { engine.browse().look_into(&destination, &bucket, &prefix).await });
        }
        Action::Browse { destination, bucket, folder } => {
            pointing::show(app, Aim { destination, bucket, folder, new_folder: false, access: false });
        }
        Action::Use { destination, bucket, folder } => {
            let engine = engine(app);
            perform(app, async move { engine.destinations().use_(&destination, bucket, folder).await.map(drop) });
        }
        Action::Format(format) => set(app, "link.format", format),
        Action::Watch(mode) => set::<ClipboardMode>(app, "capture.clipboard", mode),
        Action::Pause(paused) => app.state::<Shell>().engine.uploads().set_paused(paused),
        Action::Open(name) => windows::open(app, name),
        Action::AllUploads => windows::open_at(app, Name::Library, "uploads/all"),
        Action::EditTemplates => windows::open_at(app, Name::Settings, "links"),
        Action::Quit => quit(app),
    }
}

/// A notification's button was pressed.
pub(crate) fn pressed(app: &AppHandle, button: Button) {
    match button {
        Button::CopyLinks(ids) => copy_links(app, ids),
        Button::CopyOpening(ids) => {
            let engine = engine(app);
            perform(app, async move { engine.uploads().copy_opening_link(&ids, None).await.map(drop) });
        }
        Button::OpenFolder(id) => {
            let (handle, engine) = (app.clone(), engine(app));
            perform(app, async move {
                let upload = engine.uploads().get(id).await?;
                pointing::show(&handle, Aim::access_of(&upload));
                Ok(())
            });
        }
        Button::Browse(id) => {
            let engine = engine(app);
            perform(app, async move { crate::open::upload(&engine, id).await });
        }
        Button::Undo(ids) => {
            let (handle, engine) = (app.clone(), engine(app));
            perform(app, async move {
                // One that fails does not keep the others; the first failure is told.
                let mut outcome = Ok(());
                let (mut gone, mut stays) = (Vec::new(), Vec::new());
                for id in ids {
                    let upload = engine.uploads().get(id).await;
                    match engine.uploads().undo(id).await {
                        Ok(removed) => if removed { &mut gone } else { &mut stays }.extend(upload),
                        Err(error) => outcome = outcome.and(Err(error)),
                    }
                }
                // The button took its notification with it: without a word nobody knows.
                if let Some(said) = said::undone(&gone, &stays, engine.lang()) {
                    handle.state::<Shell>().notifier.show(said);
                }
                outcome
            });
        }
        Button::Retry(ids) => {
            let engine = engine(app);
            perform(app, async move {
                // One that fails does not keep the others; the first failure is told.
                let mut outcome = Ok(());
                for id in ids {
                    outcome = outcome.and(engine.uploads().retry(id).await);
                }
                outcome
            });
        }
        Button::Offer { id, upload } => answer_offer(app, id, upload),
        Button::Answer { id, yes } => answer(app, id, yes),
        Button::Open(name) => windows::open(app, name),
    }
}

/// A start of imagepic, this one or a further one, asks for this. A further one hears `answer` once what it gave lasts, or why it was
/// not taken; where imagepic is quitting it hears nothing, which sends it off to do that by itself.
pub(crate) fn asked(app: &AppHandle, request: Request, answer: Option<Answer>) {
    if app.state::<Shell>().quitting.load(Ordering::SeqCst) {
        return;
    }
    if let Some(name) = request.show {
        windows::open(app, name);
    }
    match request.act {
        Some(Deed::UploadClipboard) if request.files.is_empty() => return take_clipboard(app, answer),
        Some(deed) => crate::shortcuts::pressed(app, deed),
        None => {}
    }
    if !request.files.is_empty() {
        take(app, captures(request.files, Source::CommandLine), by_hand(), answer);
    } else if let Some(answer) = answer {
        answer.taken();
    }
}

/// A further start asks; one that asks for nothing asks where imagepic is.
pub(crate) fn asked_again(app: &AppHandle, request: Request, answer: Answer) {
    let show = if request.is_bare() { Some(Name::DropZone) } else { request.show };
    asked(app, Request { show, ..request }, Some(answer));
}

/// Takes files and folders in, for the place that `how` names.
pub(crate) fn give_files_to(app: &AppHandle, files: Vec<PathBuf>, source: Source, how: Submit) {
    take(app, captures(files, source), how, None);
}

/// Fetches pictures by their addresses and takes them in. Where one lies in a network around this computer, a person is asked first.
pub(crate) fn give_addresses_to(app: &AppHandle, addresses: Vec<Url>, how: Submit) {
    let at = SystemTime::now();
    let capture = |url| Capture { content: Content::Url { url, near: Near::Ask }, source: Source::Url, at };
    take(app, addresses.into_iter().map(capture).collect(), how, None);
}

fn captures(files: Vec<PathBuf>, source: Source) -> Vec<Capture> {
    let at = SystemTime::now();
    files.into_iter().map(|path| Capture { content: Content::Path(path), source, at }).collect()
}

fn take(app: &AppHandle, captures: Vec<Capture>, how: Submit, answer: Option<Answer>) {
    let (handle, engine) = (app.clone(), engine(app));
    perform(app, async move {
        let taken = engine.uploads().submit(captures, how).await;
        told(&handle, taken, answer)
    });
}

fn take_clipboard(app: &AppHandle, answer: Option<Answer>) {
    let (handle, engine) = (app.clone(), engine(app));
    perform(app, async move {
        let taken = engine.uploads().submit_clipboard(by_hand()).await;
        told(&handle, taken, answer)
    });
}

/// Tells what was refused, and whoever waits for it what became of all of it.
fn told(app: &AppHandle, taken: Result<Batch>, answer: Option<Answer>) -> Result<()> {
    let lang = app.state::<Shell>().engine.lang();
    let why = match &taken {
        // What a person declined is among these alone.
        Ok(batch) => batch.each.iter().filter_map(|each| Some(each.outcome.as_ref().err()?.message.clone())).collect::<Vec<_>>(),
        Err(error) => vec![error.message(lang)],
    };
    match answer {
        Some(answer) if why.is_empty() => answer.taken(),
        Some(answer) => answer.refused(&why.join("\n")),
        None => {}
    }
    let batch = taken?;
    // With something taken in, the refused ones are told with the links of the others.
    if batch.uploads.is_empty() {
        refused(app, &batch.refused);
    }
    Ok(())
}

/// Turned away before the engine saw it; the windows and the person are told as if it had.
pub(crate) fn turned_away(app: &AppHandle, refusals: Vec<Refusal>) {
    refused(app, &refusals);
    events::to_windows(app, &Event::Refused { refusals });
}

/// Nothing of it was taken in. The drop zone shows that itself where it is open.
pub(crate) fn refused(app: &AppHandle, refusals: &[Refusal]) {
    let shell = app.state::<Shell>();
    if !refusals.is_empty() && !windows::is_open(app, Name::DropZone) {
        shell.notifier.show(said::refused(refusals, shell.engine.lang()));
    }
}

/// Uploads what the clipboard holds.
pub(crate) fn upload_clipboard(app: &AppHandle) {
    take_clipboard(app, None);
}

/// Opens the system's file picker and uploads what was chosen there.
pub(crate) fn choose_files(app: &AppHandle) {
    choose_files_for(app, by_hand());
}

/// As [`choose_files`], for the place that `how` names.
pub(crate) fn choose_files_for(app: &AppHandle, how: Submit) {
    let lang = app.state::<Shell>().engine.lang();
    let handle = app.clone();
    picker::begin(app)
        .set_title(words::choose_title().to(lang))
        .add_filter(words::choose_images().to(lang), &PICKED)
        .add_filter(words::choose_all().to(lang), &["*"])
        .pick_files(move |chosen| {
            let files: Vec<_> =
                chosen.unwrap_or_default().into_iter().filter_map(|file| FilePath::into_path(file).ok()).collect();
            if !files.is_empty() {
                picker::remember(&handle, &files);
                give_files_to(&handle, files, Source::Picker, how);
            }
        });
}

fn answer(app: &AppHandle, id: u64, yes: bool) {
    let engine = engine(app);
    perform(app, async move { engine.sources().answer(id, yes) });
}

fn answer_offer(app: &AppHandle, id: u64, upload: bool) {
    let engine = engine(app);
    perform(app, async move { engine.uploads().answer_offer(id, upload).await.map(drop) });
}

fn copy_links(app: &AppHandle, ids: Vec<i64>) {
    let engine = engine(app);
    perform(app, async move { engine.uploads().copy_link(&ids, None).await.map(drop) });
}

fn set<T: serde::Serialize>(app: &AppHandle, key: &'static str, value: T) {
    // The values of these keys are plain names; what is written is what `settings.toml` holds.
    let value = serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let engine = engine(app);
    perform(app, async move { engine.settings().set(key, &value).await });
}

/// How everything that was asked for by hand is uploaded: to the present place, its link to the clipboard.
pub(crate) fn by_hand() -> Submit {
    Submit { deliver: Deliver::ByHand, by_hand: true, asks: true, ..Submit::default() }
}

fn engine(app: &AppHandle) -> Engine {
    app.state::<Shell>().engine.clone()
}

/// Does it beside the main thread; a failure becomes a notification. Where imagepic is quitting it is not begun.
fn perform(app: &AppHandle, work: impl Future<Output = Result<()>> + Send + 'static) {
    let app = app.clone();
    let Some(begun) = app.state::<Shell>().begin() else {
        tracing::info!("something was asked for while imagepic was quitting; it was not begun");
        return;
    };
    tauri::async_runtime::spawn(async move {
        let outcome = work.await;
        drop(begun);
        if let Err(error) = outcome {
            tracing::warn!(code = ?error.code, %error, "what was asked for was not done");
            let shell = app.state::<Shell>();
            shell.notifier.show(said::not_done(&error, shell.engine.lang()));
        }
    });
}

/// Ends imagepic: lets the engine finish what it writes, then leaves.
pub(crate) fn quit(app: &AppHandle) {
    let app = app.clone();
    if app.state::<Shell>().quitting.swap(true, Ordering::SeqCst) {
        return;
    }
    // From here on a further start waits for this one to end and takes over.
    if let Some(first) = app.try_state::<First>() {
        first.close();
    }
    windows::remember(&app);
    tauri::async_runtime::spawn(async move {
        let engine = engine(&app);
        let ended = async {
            // What was taken from a further start is in the journal before the engine ends.
            let shell = app.state::<Shell>();
            engine.sources().stop_asking();
            engine.uploads().stop_making();
            let _none_begins = shell.all_done().await;
            let (mut events, lang) = (engine.subscribe(), engine.lang());
            engine.close().await;
            // What it had to say at its end; whoever hears its events otherwise may not be done with them.
            while let Ok(event) = events.try_recv() {
                if let Event::Notice { code, message } = event {
                    shell.notifier.show(said::notice(code, message, lang));
                }
            }
            shell.notifier.told().await;
        };
        if tokio::time::timeout(GOODBYE, ended).await.is_err() {
            tracing::warn!("the engine did not end in time; what is unfinished goes on at the next start");
        }
        app.exit(0);
    });
}

/// The session ends, or somebody asks the process to: quits as if by the menu.
pub(crate) async fn quit_when_told(app: AppHandle) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut end), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
            tracing::warn!("signals are not heard");
            return;
        };
        tokio::select! {
            _ = end.recv() => {}
            _ = interrupt.recv() => {}
        }
        quit(&app);
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_ok() {
        quit(&app);
    }
}
