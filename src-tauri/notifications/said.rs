//! What notifications say: pure functions from what happened to title, body and buttons.

use imagepic_core::error::Waiting;
use imagepic_core::event::{Offer, Place, Question, Refusal, Settled, Stage, Upload};
use imagepic_core::link::Format;
use imagepic_core::{Code, Error};
use imagepic_words::{Lang, asked, notifications as words, opening};

use super::{Button, Matter, Notification, Picture, Weight};
use crate::figures::{middle_cut, size};
use crate::tray::menu::format_name;
use crate::windows::Name;

/// The longest name, in characters.
const LONGEST_NAME: usize = 48;

/// A batch has settled: links copied, offered, failed, waiting. `None` where there is nothing to say (all of it was cancelled).
pub(crate) fn settled(batch: &Settled, format: Format, now: i64, lang: Lang) -> Option<Notification> {
    let at = |stage: Stage| batch.uploads.iter().filter(move |upload| upload.stage == stage).collect::<Vec<_>>();
    let (done, failed, waiting) = (at(Stage::Done), at(Stage::Failed), at(Stage::Waiting));
    let total = done.len() + failed.len() + waiting.len();
    let ids = |uploads: &[&Upload]| uploads.iter().map(|upload| upload.id).collect::<Vec<_>>();
    if total == 0 || (done.is_empty() && failed.is_empty()) {
        // What only waits is told once an outage, not once a batch: see `waiting`.
        return None;
    }

    let linked = done.len() - done.iter().filter(|upload| batch.without_link.contains(&upload.id)).count();
    let title = match (batch.copied, done.len(), failed.len(), waiting.len()) {
        (_, 0, failed, _) => words::failed(failed),
        (true, done, ..) if linked < done => words::links_copied_some_without(linked, total, done - linked),
        (true, done, 0, 0) => words::links_copied(done),
        (true, done, 0, waiting) => words::links_copied_some_wait(done, total, waiting),
        (true, done, failed, _) => words::links_copied_some_failed(done, total, failed),
        (false, done, 0, _) => words::uploaded(done),
        (false, done, failed, _) => words::uploaded_some_failed(done, total, failed),
    };

    let mut lines = Vec::new();
    if let Some(first) = done.first().filter(|_| failed.is_empty()) {
        let name = middle_cut(&first.name, LONGEST_NAME);
        let format = format_name(format).to(lang);
        lines.push(match (batch.copied, done.len() - 1) {
            (true, 0) => words::file_as(name, format).to(lang),
            (true, others) => words::files_as(name, others, format).to(lang),
            (false, 0) => name,
            (false, others) => words::files(name, others).to(lang),
        });
    }
    lines.extend(failed.iter().chain(&waiting).take(3).map(|upload| why(upload, lang)));
    lines.extend(batch.refused.iter().take(3).map(|refusal| refusal.message.clone()));
    lines.extend(known(&done, lang));
    let unlinked = done.iter().find(|upload| batch.without_link.contains(&upload.id));
    if let Some(unlinked) = unlinked {
        lines.push(words::no_link(middle_cut(&unlinked.name, LONGEST_NAME)).to(lang));
    } else if !done.is_empty() && !batch.copied && batch.moved_on {
        lines.push(words::moved_on().to(lang));
    } else if let [only] = done[..]
        && failed.is_empty()
    {
        lines.push(if only.reused && !only.closed { words::was_there().to(lang) } else { life(only, now, lang) });
    } else if let Some(closed) = done.iter().find(|upload| upload.closed) {
        lines.push(life(closed, now, lang));
    }

    let mut buttons = Vec::new();
    if let Some(closed) = done.iter().find(|upload| upload.closed) {
        buttons.push((
            if done.len() == 1 { words::copy_signed() } else { words::copy_signed_many() }.to(lang),
            Button::CopyOpening(ids(&done)),
        ));
        buttons.push((words::open_folder().to(lang), Button::OpenFolder(closed.id)));
    } else if !done.is_empty() && !batch.copied {
        buttons.push((words::copy_link().to(lang), Button::CopyLinks(ids(&done))));
    }
    if !failed.is_empty() {
        buttons.push((words::retry().to(lang), Button::Retry(ids(&failed))));
    }
    // What was there before is not ours to take away.
    let ours: Vec<_> = done.iter().filter(|upload| !upload.reused).map(|upload| upload.id).collect();
    if !ours.is_empty() {
        buttons.push((words::undo().to(lang), Button::Undo(ours)));
    }
    if let [only] = done[..]
        && !only.closed
        && unlinked.is_none()
    {
        buttons.push((words::open().to(lang), Button::Browse(only.id)));
    }
    buttons.push((words::show_in_library().to(lang), Button::Open(Name::Library)));
    Some(Notification {
        matter: Matter::Batch(batch.batch),
        weight: if failed.is_empty() && batch.refused.is_empty() && !done.iter().any(|upload| upload.closed || is_damaged(upload))
        {
            Weight::Result
        } else {
            Weight::Problem
        },
        title: title.to(lang),
        body: lines.join("\n"),
        buttons,
        picture: done.first().map(|upload| Picture::Upload(upload.id)),
        opens: Some(Name::Library),
    })
}

fn is_damaged(upload: &Upload) -> bool {
    upload.made.as_ref().is_some_and(|work| work.damaged)
}

/// What there is to know of the pictures themselves, the worst first: one line for all that it holds for alike.
fn known(done: &[&Upload], lang: Lang) -> Vec<String> {
    let mut alike: Vec<(&str, Vec<&Upload>)> = Vec::new();
    let (damaged, whole): (Vec<_>, Vec<_>) = done.iter().copied().partition(|upload| is_damaged(upload));
    for upload in damaged.into_iter().chain(whole) {
        for notice in upload.made.iter().flat_map(|work| &work.notices) {
            match alike.iter_mut().find(|(known, _)| known == notice) {
                Some((_, uploads)) => uploads.push(upload),
                None => alike.push((notice, vec![upload])),
            }
        }
    }
    let line = |(notice, uploads): (&str, Vec<&Upload>)| {
        let name = middle_cut(&uploads[0].name, LONGEST_NAME);
        let which = if uploads.len() == 1 { name } else { words::files(name, uploads.len() - 1).to(lang) };
        words::why(which, notice).to(lang)
    };
    alike.into_iter().take(3).map(line).collect()
}

fn why(upload: &Upload, lang: Lang) -> String {
    let name = middle_cut(&upload.name, LONGEST_NAME);
    match &upload.message {
        Some(message) => words::why(name, message).to(lang),
        None => name,
    }
}

/// How long, and for whom, the link opens.
fn life(upload: &Upload, now: i64, lang: Lang) -> String {
    const MINUTE: i64 = 60_000;
    let place = &upload.place;
    if upload.closed {
        let folder = upload.key.rfind('/').map_or("", |at| &upload.key[..=at]);
        let folder = format!("{}/{folder}", place.bucket);
        return opening::closed(middle_cut(folder.trim_end_matches('/'), LONGEST_NAME), &place.name).to(lang);
    }
    let Some(end) = upload.expires_at else {
        return if upload.place.only_here { words::opens_here() } else { words::public_link() }.to(lang);
    };
    // Half a minute is added so that a link of seven days, made a moment ago, does not read as six.
    let minutes = (end - now + MINUTE / 2).max(0) / MINUTE;
    let opens = match minutes {
        0..120 => words::opens_for_minutes(minutes),
        120..2_880 => words::opens_for_hours(minutes / 60),
        _ => words::opens_for_days(minutes / 1_440),
    };
    let opens = opens.to(lang);
    if place.only_here { opening::only_here(opens).to(lang) } else { opens }
}

/// "team / assets / docs"
pub(crate) fn place(place: &Place) -> String {
    let parts = [&place.name, &place.bucket, &place.folder];
    parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" / ")
}

/// Uploads wait for something outside: said once for each thing they wait for.
pub(crate) fn waiting(what: Waiting, uploads: &[Upload], lang: Lang) -> Option<Notification> {
    let first = uploads.first()?;
    let count = uploads.len();
    let title = match what {
        Waiting::Network => words::waiting_network(count),
        Waiting::SignIn if first.code == Some(Code::SignInNeeded) => imagepic_words::team::waiting_at(&first.place.name, count),
        Waiting::SignIn => words::waiting_sign_in(&first.place.name, count),
        Waiting::Keychain => words::waiting_keychain(count),
        Waiting::Disk => words::waiting_disk(count),
        // The next try comes within minutes, or once another process is done, by itself. For names see `unnamed`.
        Waiting::Retry | Waiting::Turn | Waiting::Name => return None,
    };
    let mut lines: Vec<_> = first.message.iter().cloned().collect();
    lines.push(words::kept().to(lang));
    let button = match what {
        Waiting::SignIn | Waiting::Keychain => (words::open_settings().to(lang), Button::Open(Name::Settings)),
        _ => (words::show().to(lang), Button::Open(Name::DropZone)),
    };
    Some(Notification {
        matter: Matter::Waiting,
        weight: Weight::Problem,
        title: title.to(lang),
        body: lines.join("\n"),
        buttons: vec![button],
        picture: None,
        opens: None,
    })
}

/// Uploads wait for their names, and no window is there to ask. `None` where none does.
pub(crate) fn unnamed(uploads: &[Upload], lang: Lang) -> Option<Notification> {
    let first = uploads.first()?;
    let name = middle_cut(&first.name, LONGEST_NAME);
    let which = if uploads.len() == 1 { name } else { words::files(name, uploads.len() - 1).to(lang) };
    Some(Notification {
        matter: Matter::Names,
        weight: Weight::Question,
        title: asked::title(uploads.len()).to(lang),
        body: format!("{which}\n{}", asked::kept().to(lang)),
        buttons: vec![(asked::give().to(lang), Button::Open(Name::DropZone))],
        picture: Some(Picture::Upload(first.id)),
        opens: Some(Name::DropZone),
    })
}

/// These were taken back; of those that stay, the objects are shared with other uploads, and their links open as before. `None` where there
/// are none of either.
pub(crate) fn undone(gone: &[Upload], stays: &[Upload], lang: Lang) -> Option<Notification> {
    let uploads = if gone.is_empty() { stays } else { gone };
    let first = uploads.first()?;
    let name = middle_cut(&first.name, LONGEST_NAME);
    let which = if uploads.len() == 1 { name } else { words::files(name, uploads.len() - 1).to(lang) };
    Some(Notification {
        matter: Matter::Batch(first.batch),
        weight: Weight::Result,
        title: if gone.is_empty() { words::undone_not() } else { words::undone(gone.len()) }.to(lang),
        body: match (gone.len(), stays.len()) {
            (0, _) => format!("{which}\n{}", words::undone_shared().to(lang)),
            (_, 0) => format!("{which}\n{}", words::undone_where(place(&first.place)).to(lang)),
            (_, some) => format!("{which}\n{}", words::undone_some_stay(some).to(lang)),
        },
        buttons: Vec::new(),
        picture: None,
        opens: None,
    })
}

/// Nothing of what was given was taken in.
pub(crate) fn refused(refusals: &[Refusal], lang: Lang) -> Notification {
    Notification {
        matter: Matter::Refused,
        weight: Weight::Problem,
        title: words::refused(refusals.len()).to(lang),
        body: refusals.iter().take(4).map(|refusal| refusal.message.as_str()).collect::<Vec<_>>().join("\n"),
        buttons: Vec::new(),
        picture: None,
        opens: None,
    }
}

/// The clipboard watch asks.
pub(crate) fn offer(offer: &Offer, to: &Place, lang: Lang) -> Notification {
    let title = if offer.files == 0 { words::ask_image() } else { words::ask_files(offer.files) };
    let what = match (offer.width, offer.height) {
        (Some(width), Some(height)) => words::ask_size(width, height, size(offer.size)).to(lang),
        _ => size(offer.size),
    };
    Notification {
        matter: Matter::Offer,
        weight: Weight::Question,
        title: title.to(lang),
        body: format!("{what}\n{}", words::ask_to(place(to)).to(lang)),
        buttons: vec![
            (words::upload().to(lang), Button::Offer { id: offer.id, upload: true }),
            (words::not_this_one().to(lang), Button::Offer { id: offer.id, upload: false }),
        ],
        picture: (offer.files == 0).then_some(Picture::Offer(offer.id)),
        opens: None,
    }
}

/// Something that only a person can decide; its words are the engine's.
pub(crate) fn question(question: &Question) -> Notification {
    Notification {
        matter: Matter::Question(question.id),
        weight: Weight::Question,
        title: question.title.clone(),
        body: question.text.clone(),
        buttons: vec![
            (question.yes.clone(), Button::Answer { id: question.id, yes: true }),
            (question.no.clone(), Button::Answer { id: question.id, yes: false }),
        ],
        picture: None,
        opens: Some(Name::DropZone),
    }
}

/// Something a person asked for was not done.
pub(crate) fn not_done(error: &Error, lang: Lang) -> Notification {
    problem(error.code, words::not_done().to(lang), error.message(lang))
}

/// Something else a person has to be told.
pub(crate) fn notice(code: Code, message: String, lang: Lang) -> Notification {
    problem(code, words::notice().to(lang), message)
}

fn problem(code: Code, title: String, body: String) -> Notification {
    Notification {
        matter: Matter::Problem(code),
        weight: Weight::Problem,
        title,
        body,
        buttons: Vec::new(),
        picture: None,
        opens: None,
    }
}

/// A window that the web view could not keep.
#[cfg(target_os = "linux")]
pub(crate) fn window_closed(title: String, lang: Lang) -> Notification {
    problem(Code::Internal, words::window_closed(title).to(lang), words::window_closed_how().to(lang))
}

/// The desktop has no tray.
pub(crate) fn no_tray(lang: Lang) -> Notification {
    Notification {
        matter: Matter::Desktop,
        weight: Weight::Problem,
        title: words::no_tray().to(lang),
        body: words::no_tray_how().to(lang),
        buttons: vec![(words::show().to(lang), Button::Open(Name::DropZone))],
        picture: None,
        opens: None,
    }
}

/// The last window was closed where there is no tray.
pub(crate) fn still_running(lang: Lang) -> Notification {
    Notification { title: words::still_running().to(lang), body: words::still_running_how().to(lang), ..no_tray(lang) }
}

#[cfg(test)]
#[path = "said_tests.rs"]
mod tests;
