//! Uploads on their way to their links: waiting for them, and saying what became of each.

use std::collections::HashSet;
use std::time::Duration;

use imagepic_core::engine::Engine;
use imagepic_core::error::Waiting;
use imagepic_core::event::{Event, ImageWork, Stage, Upload};
use imagepic_core::link::Format;
use imagepic_core::outside::Outside;
use imagepic_core::{Code, Error, Result};
use imagepic_words::console as words;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::out::{Out, iso, left, time};
use crate::progress::Progress;
use crate::{FAILED, INTERRUPTED, WELL};

/// Files that are named in a line that sums up more of them.
const NAMED: usize = 3;
/// Whether links open is not waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the answer is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) format: Option<Format>,
    pub(crate) copy: bool,
    pub(crate) quiet: bool,
    pub(crate) json: bool,
}

/// What became of something at the door.
pub(crate) enum Outcome {
    Taken {
        file: String,
        id: i64,
    },
    /// It has no name of the command line's; the upload's own does.
    Unnamed {
        id: i64,
    },
    /// `folder`: the one it was found in.
    Refused {
        file: String,
        folder: Option<String>,
        code: Code,
        message: String,
    },
}

/// One line of the answer. The names are fixed: scripts read them.
#[derive(Debug, Default, Serialize)]
struct Answer {
    /// For `imagepic cancel` and `imagepic retry`; `null` where nothing was taken in.
    id: Option<i64>,
    file: String,
    ok: bool,
    url: Option<String>,
    text: Option<String>,
    destination: Option<String>,
    bucket: Option<String>,
    key: Option<String>,
    size: Option<u64>,
    sha256: Option<String>,
    #[serde(rename = "type")]
    content_type: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    expires_at: Option<String>,
    reused: bool,
    /// What was done to the image, where anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ImageWork>,
    error: Option<Trouble>,
    /// Not over: it is in the journal, and somebody goes on with it.
    #[serde(skip)]
    stage: Option<Stage>,
    /// No image, found in this folder.
    #[serde(skip)]
    left_out_of: Option<String>,
    /// When the link ends, in milliseconds since 1970.
    #[serde(skip)]
    ends: Option<i64>,
    /// It was found to open for nobody.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    closed: bool,
    /// The bytes are at their place all the same; only the link is missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stored: bool,
    /// Its place is said to have public links, and nobody knows their address.
    #[serde(skip)]
    no_public: bool,
}

#[derive(Debug, Serialize)]
struct Trouble {
    code: String,
    message: String,
}

impl Answer {
    const fn is_open(&self) -> bool {
        matches!(self.stage, Some(Stage::Queued | Stage::Sending | Stage::Waiting))
    }
}

/// Waits for the links and prints them.
pub(crate) async fn to_the_end(
    engine: &Engine,
    outside: &Outside,
    outcomes: Vec<Outcome>,
    events: &mut Receiver<Event>,
    how: How,
    out: &mut Out,
) -> Result<u8> {
    let ids: Vec<i64> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Taken { id, .. } | Outcome::Unnamed { id } => Some(*id),
            Outcome::Refused { .. } => None,
        })
        .collect();
    let mut progress = Progress::new(out.lang, how.quiet);
    // One for everything that is waited for: the signal ends nothing by itself any more, and between two of them it would be lost.
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    let mut interrupted = tokio::select! {
        () = wait(engine, &ids, events, &mut progress, out) => false,
        _ = &mut interrupt => true,
    };
    progress.clear();
    // A program reads its answer as a whole; a person wants the link now.
    if how.json && !interrupted {
        interrupted = stopped_before_told(engine, &ids, interrupt.as_mut()).await;
    }

    let mut answers = Vec::new();
    let mut only_here = false;
    for outcome in outcomes {
        answers.push(match outcome {
            Outcome::Refused { file, folder, code, message } => Answer {
                file,
                left_out_of: folder.filter(|_| code == Code::NotAnImage),
                error: Some(Trouble { code: code.as_str(), message }),
                ..Answer::default()
            },
            Outcome::Taken { id, .. } | Outcome::Unnamed { id } => {
                let upload = engine.uploads().get(id).await?;
                let file = if let Outcome::Taken { file, .. } = outcome { file } else { upload.name.clone() };
                let answer = answer(engine, file, &upload, how.format).await;
                only_here |= upload.place.only_here && answer.ok;
                answer
            }
        });
    }
    tell_troubles(engine, &answers, interrupted, out);
    if how.json {
        out.json(&answers);
    } else {
        // In one piece: whoever reads them wakes once, and not for each.
        let texts: Vec<&str> = answers.iter().filter_map(|answer| answer.text.as_deref()).collect();
        if !texts.is_empty() {
            out.line(&texts.join("\n"));
        }
    }
    let done: Vec<i64> = answers.iter().filter(|answer| answer.ok).filter_map(|answer| answer.id).collect();
    let copies = how.copy && !done.is_empty() && !interrupted;
    let copied = if copies { engine.uploads().copy_link(&done, how.format).await.map(Some) } else { Ok(None) };
    if !how.quiet {
        crate::images::tell(answers.iter().filter_map(|answer| Some((answer.file.as_str(), answer.image.as_ref()?))), out);
        if only_here {
            if engine.bucket_host().started() {
                out.tell(&words::host_started());
            }
            out.tell(&words::only_here());
        }
        if !how.json {
            tell_end(&answers, out);
        }
    }
    if !how.json && !interrupted {
        interrupted = stopped_before_told(engine, &ids, interrupt.as_mut()).await;
        for answer in &mut answers {
            if let Some(id) = answer.id.filter(|_| answer.ok) {
                answer.closed = engine.uploads().get(id).await.is_ok_and(|upload| upload.closed);
            }
        }
    }
    // No success that nobody can use is told as one, however quiet.
    let mut told = HashSet::new();
    for answer in answers.iter().filter(|answer| answer.closed && told.insert(place(answer))) {
        tell_closed(&place(answer), answer.destination.as_deref().unwrap_or_default(), out);
    }
    let copied = copied?;
    if interrupted {
        let open = answers.iter().filter(|answer| answer.is_open()).count();
        if open > 0 {
            out.tell(&words::interrupted(open));
        }
        return Ok(INTERRUPTED);
    }
    if let Some(text) = copied {
        hold_clipboard(outside, text, how.quiet, out, interrupt).await;
    }
    Ok(if answers.iter().all(|answer| answer.ok) { WELL } else { FAILED })
}

/// The answer for programs where all of it has failed alike, unless they have one.
pub(crate) fn failed(files: impl Iterator<Item = String>, json: bool, error: &Error, out: &mut Out) {
    if !json || out.answered() {
        return;
    }
    let trouble = || Some(Trouble { code: error.code.as_str(), message: error.message(out.lang) });
    let answers: Vec<_> = files.map(|file| Answer { file, error: trouble(), ..Answer::default() }).collect();
    out.json(&answers);
}

/// Waits until it is known whether public links open, where that is still being found out; whether somebody stopped that.
async fn stopped_before_told(engine: &Engine, ids: &[i64], interrupt: impl Future) -> bool {
    let told = async {
        let mut batches = HashSet::new();
        for id in ids {
            if let Ok(upload) = engine.uploads().get(*id).await
                && upload.stage == Stage::Done
                && batches.insert(upload.batch)
            {
                // A batch that is not told of is not waited for.
                let _ = engine.uploads().told(upload.batch).await;
            }
        }
    };
    tokio::select! {
        _ = tokio::time::timeout(PATIENCE, told) => false,
        _ = interrupt => true,
    }
}

/// Bucket and folder.
fn place(answer: &Answer) -> String {
    let key = answer.key.as_deref().unwrap_or_default();
    folder(answer.bucket.as_deref().unwrap_or_default(), key)
}

/// `bucket/folder` of a key.
pub(crate) fn folder(bucket: &str, key: &str) -> String {
    key.rfind('/').map_or_else(|| bucket.to_owned(), |at| format!("{bucket}/{}", &key[..at]))
}

/// A public link that opens for nobody, and the way out.
pub(crate) fn tell_closed(place: &str, destination: &str, out: &Out) {
    out.tell(&imagepic_words::opening::closed_console(place, crate::out::quoted(destination)));
}

/// Every trouble in a line, but for what a folder held beside its images: that is one line for all.
fn tell_troubles(engine: &Engine, answers: &[Answer], interrupted: bool, out: &Out) {
    let mut summed: Vec<&str> = Vec::new();
    for answer in answers {
        let Some(trouble) = &answer.error else { continue };
        // What was merely on its way is told in one sentence at the end.
        if interrupted && answer.is_open() && trouble.message.is_empty() {
            continue;
        }
        if let Some(folder) = &answer.left_out_of {
            let same: Vec<_> = answers.iter().filter(|other| other.left_out_of.as_ref() == Some(folder)).collect();
            if same.len() > 1 {
                if !summed.contains(&folder.as_str()) {
                    summed.push(folder);
                    out.tell(&words::not_images(folder, same.len(), names(&same, folder, out)));
                }
                continue;
            }
        }
        out.tell(&match (answer.stage, answer.id) {
            (Some(Stage::Queued | Stage::Sending | Stage::Waiting), Some(id)) => {
                words::waiting_one(&answer.file, &trouble.message, id)
            }
            (Some(Stage::Cancelled), _) => words::cancelled_one(&answer.file),
            // Some sentences begin with the name by themselves.
            _ if trouble.message.starts_with(&answer.file) => {
                out.say(&trouble.message);
                continue;
            }
            _ => words::failed_one(&answer.file, &trouble.message),
        });
    }
    let secret = [Code::SecretMissing, Code::WrongSecretKey].map(Code::as_str);
    let unlocked = answers.iter().find(|answer| answer.error.as_ref().is_some_and(|trouble| secret.contains(&trouble.code)));
    if let Some(destination) = unlocked.and_then(|answer| answer.destination.as_deref()) {
        out.tell(&words::secret_hint(crate::out::quoted(destination)));
    }
    if let Some(answer) = answers.iter().find(|answer| answer.no_public) {
        tell_no_public(answer.destination.as_deref().unwrap_or_default(), out);
    }
    tell_stored(answers, out);
    if answers.iter().any(Answer::is_open) && engine.home().paused_by().is_some() {
        out.tell(&words::tray_paused());
    }
}

/// How what has no public link gets a link that opens.
pub(crate) fn tell_no_public(destination: &str, out: &Out) {
    out.tell(&words::signed_hint(crate::out::quoted(destination)));
}

/// How what is stored gets its link later; nobody needs to upload it again for that.
fn tell_stored(answers: &[Answer], out: &Out) {
    let place = |answer: &Answer| {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        crate::out::quoted(&format!("{}:{}/{}", part(&answer.destination), part(&answer.bucket), part(&answer.key)))
    };
    let places: Vec<String> = answers.iter().filter(|answer| answer.stored).map(place).collect();
    match places.len() {
        0 => {}
        1..=NAMED => out.tell(&words::link_hint(places.join(" "))),
        _ => out.tell(&words::links_hint()),
    }
}

fn names(answers: &[&Answer], folder: &str, out: &Out) -> String {
    let short = |answer: &&Answer| answer.file.strip_prefix(folder).unwrap_or(&answer.file).trim_start_matches('/').to_owned();
    let named = out.list(&answers.iter().take(NAMED).map(short).collect::<Vec<_>>());
    if answers.len() > NAMED { words::and_more(named).to(out.lang) } else { named }
}

/// Whoever passes a signed link on wants to know how long it opens.
fn tell_end(answers: &[Answer], out: &Out) {
    let links = answers.iter().filter(|answer| answer.ok).count();
    let Some(first) = answers.iter().filter_map(|answer| answer.ends).min() else { return };
    let (when, left) = (time(first), left(first, out.lang));
    out.tell(&if links > 1 { words::links_end(when, left) } else { words::link_ends(when, left) });
}

/// What the clipboard holds is gone with the process that put it there: a copy of this program takes it over, or this one stays until
/// somebody else has copied something.
async fn hold_clipboard(outside: &Outside, text: String, quiet: bool, out: &Out, interrupt: impl Future) {
    let handed = tokio::task::spawn_blocking(move || crate::holding::hand_over(&text)).await.unwrap_or(false);
    if !quiet {
        out.tell(&if handed { words::copied() } else { words::copied_stays() });
    }
    if handed {
        return;
    }
    let clipboard = std::sync::Arc::clone(&outside.clipboard);
    let replaced = tokio::task::spawn_blocking(move || clipboard.wait_replaced());
    tokio::select! {
        _ = replaced => {}
        _ = interrupt => {}
    }
}

/// Until everything is over. What waits for a person (a key, the keychain, room) is not waited for; the network, and a tray app that
/// is paused, are, where a person sits in front of it.
async fn wait(engine: &Engine, ids: &[i64], events: &mut Receiver<Event>, progress: &mut Progress, out: &Out) {
    let worth_it = |upload: &Upload| match upload.stage {
        Stage::Queued | Stage::Sending => true,
        Stage::Waiting => match upload.waiting {
            Some(Waiting::Retry) | None => true,
            Some(Waiting::Network) => Out::watched(),
            Some(Waiting::Turn) => Out::watched() || engine.home().paused_by().is_none(),
            Some(_) => false,
        },
        _ => false,
    };
    let mut open: Vec<i64> = ids.to_vec();
    loop {
        let mut still = Vec::new();
        for id in open {
            if engine.uploads().get(id).await.is_ok_and(|upload| worth_it(&upload)) {
                still.push(id);
            }
        }
        open = still;
        if open.is_empty() {
            return;
        }
        loop {
            match events.recv().await {
                Ok(event) => {
                    let words = progress.take(&event, ids);
                    if let Event::Upload(upload) = &event {
                        let goes_on = worth_it(upload);
                        // What is not waited for is told at the end, once.
                        if let Some(words) = words.filter(|_| goes_on) {
                            out.say(&words);
                        }
                        // Asking after every event would read the journal a thousand times for a thousand files.
                        if !goes_on {
                            open.retain(|id| *id != upload.id);
                            if open.is_empty() {
                                return;
                            }
                        }
                    }
                }
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return,
            }
        }
    }
}

async fn answer(engine: &Engine, file: String, upload: &Upload, format: Option<Format>) -> Answer {
    let lang = engine.lang();
    let trouble = |code: Code, message: String| Trouble { code: code.as_str(), message };
    let uploads = engine.uploads();
    let (mut url, mut text, mut ends) = (None, None, None);
    let (mut stored, mut no_public) = (false, false);
    let error = match upload.stage {
        Stage::Done => match uploads.link_and_text(upload.id, format).await {
            Ok((link, made)) => {
                ends = link.expires.and_then(crate::out::milliseconds);
                (url, text) = (Some(link.url), Some(made));
                None
            }
            Err(error) => {
                (stored, no_public) = (true, error.text.key() == "team.no_public");
                let place = format!("{}/{}", upload.place.bucket, upload.key);
                Some(trouble(error.code, words::stored_without_link(place, error.message(lang)).to(lang)))
            }
        },
        Stage::Cancelled => Some(trouble(Code::Cancelled, upload.message.clone().unwrap_or_default())),
        _ => Some(trouble(upload.code.unwrap_or(Code::Unreachable), upload.message.clone().unwrap_or_default())),
    };
    Answer {
        id: Some(upload.id),
        file,
        ok: error.is_none(),
        url,
        text,
        destination: Some(upload.place.name.clone()),
        bucket: Some(upload.place.bucket.clone()),
        key: Some(upload.key.clone()),
        size: Some(upload.size),
        sha256: uploads.sha256(upload.id).await.ok().map(hex::encode),
        content_type: Some(upload.content_type.clone()),
        width: upload.width,
        height: upload.height,
        expires_at: ends.and_then(iso),
        reused: upload.reused,
        image: upload.made.clone(),
        error,
        stage: Some(upload.stage),
        left_out_of: None,
        ends,
        closed: upload.closed,
        stored,
        no_public,
    }
}
