//! `imagepic upload`: takes everything in first, then waits, then prints the links in the order they were asked for.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use clap::ArgMatches;
use imagepic_core::capture::{Capture, Content, Source};
use imagepic_core::engine::{Batch, Deliver, Engine, Submit};
use imagepic_core::error::Waiting;
use imagepic_core::event::{Event, Stage, Upload};
use imagepic_core::link::Format;
use imagepic_core::outside::Outside;
use imagepic_core::{Code, Error, Result};
use imagepic_words::console as words;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use crate::out::{Out, size};
use crate::progress::Progress;
use crate::{FAILED, INTERRUPTED, WELL};

/// Standard input is held in memory; more than this, in bytes, is better a file.
const LARGEST_INPUT: u64 = 256 << 20;

/// One line of the answer. The names are fixed: scripts read them.
#[derive(Debug, Serialize)]
struct Answer {
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
    error: Option<Trouble>,
    /// Not over: it is in the journal, and somebody goes on with it.
    #[serde(skip)]
    stage: Option<Stage>,
}

#[derive(Debug, Serialize)]
struct Trouble {
    code: String,
    message: String,
}

impl Answer {
    fn failed(file: String, code: Code, message: String) -> Self {
        Self {
            file,
            ok: false,
            url: None,
            text: None,
            destination: None,
            bucket: None,
            key: None,
            size: None,
            sha256: None,
            content_type: None,
            width: None,
            height: None,
            expires_at: None,
            reused: false,
            error: Some(Trouble { code: code.as_str(), message }),
            stage: None,
        }
    }
}

/// What was asked for, in order: as it was written, and what came of it.
enum Outcome {
    Taken { file: String, id: i64 },
    Refused { file: String, code: Code, message: String },
}

pub(crate) async fn run(engine: &Engine, outside: &Outside, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let format = args.get_one::<String>("as").and_then(|name| Format::named(name));
    let how = Submit {
        destination: args.get_one::<String>("to").cloned(),
        bucket: args.get_one::<String>("bucket").cloned(),
        folder: args.get_one::<String>("folder").cloned(),
        // The links are copied here, once, when all of them are known.
        deliver: Deliver::No,
        format,
    };
    let files: Vec<PathBuf> = args.get_many("file").unwrap_or_default().cloned().collect();
    let host = engine.bucket_host().status().await;
    // The tray app serves as soon as it can; nothing is started beside it.
    let served = host.running || host.resident;
    let mut events = engine.subscribe();
    let mut progress = Progress::new(out.lang);

    let mut outcomes = Vec::new();
    for group in groups(&files) {
        let taken = match group.captures() {
            Ok(captures) => engine.uploads().submit(captures, how.clone()).await,
            Err(error) => Err(error),
        };
        take(engine, taken, &group.names(), &mut outcomes, out).await?;
    }
    if args.get_flag("clipboard") {
        let taken = engine.uploads().submit_clipboard(how).await;
        take(engine, taken, &["clipboard".to_owned()], &mut outcomes, out).await?;
    }

    let ids: Vec<i64> =
        outcomes.iter().filter_map(|outcome| if let Outcome::Taken { id, .. } = outcome { Some(*id) } else { None }).collect();
    let interrupted = tokio::select! {
        () = wait(engine, &ids, &mut events, &mut progress, out) => false,
        _ = tokio::signal::ctrl_c() => true,
    };
    progress.clear();

    let mut answers = Vec::new();
    let mut done = Vec::new();
    let mut open = 0_usize;
    let mut only_here = false;
    for outcome in outcomes {
        let answer = match outcome {
            Outcome::Refused { file, code, message } => Answer::failed(file, code, message),
            Outcome::Taken { file, id } => {
                let upload = engine.uploads().get(id).await?;
                open += usize::from(matches!(upload.stage, Stage::Queued | Stage::Sending | Stage::Waiting));
                only_here |= upload.place.only_here && upload.stage == Stage::Done;
                let answer = answer(engine, file, &upload, format).await;
                if answer.ok {
                    done.push(id);
                }
                answer
            }
        };
        answers.push(answer);
    }

    for answer in &answers {
        let still_open = matches!(answer.stage, Some(Stage::Queued | Stage::Sending | Stage::Waiting));
        // What was merely on its way is told in one sentence at the end.
        let said = answer.error.as_ref().filter(|trouble| !(interrupted && still_open && trouble.message.is_empty()));
        if let Some(trouble) = said {
            out.tell(&match answer.stage {
                Some(Stage::Queued | Stage::Sending | Stage::Waiting) => words::waiting_one(&answer.file, &trouble.message),
                Some(Stage::Cancelled) => words::cancelled_one(&answer.file),
                _ => words::failed_one(&answer.file, &trouble.message),
            });
        }
    }
    if args.get_flag("json") {
        out.json(&answers);
    } else {
        for text in answers.iter().filter_map(|answer| answer.text.as_deref()) {
            out.line(text);
        }
    }
    if only_here {
        if !served {
            out.tell(&words::host_started());
        }
        out.tell(&words::only_here());
    }
    if interrupted {
        out.tell(&words::interrupted(open));
        return Ok(INTERRUPTED);
    }
    if args.get_flag("copy") && !done.is_empty() {
        engine.uploads().copy_link(&done, format).await?;
        hold_clipboard(outside, out).await;
    }
    Ok(if answers.iter().all(|answer| answer.ok) && !out.lost() { WELL } else { FAILED })
}

/// What the clipboard holds is gone with the process that put it there, so this one stays until somebody else has copied something.
async fn hold_clipboard(outside: &Outside, out: &Out) {
    out.tell(&words::copied());
    let clipboard = std::sync::Arc::clone(&outside.clipboard);
    let replaced = tokio::task::spawn_blocking(move || clipboard.wait_replaced());
    tokio::select! {
        _ = replaced => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Adjacent files travel as one batch; a folder is one of its own, so that it is known what came out of it.
enum Group<'a> {
    Files(Vec<&'a Path>),
    Folder(&'a Path),
    Input,
}

fn groups(files: &[PathBuf]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for file in files {
        if file.as_os_str() == "-" {
            groups.push(Group::Input);
        } else if file.is_dir() {
            groups.push(Group::Folder(file));
        } else if let Some(Group::Files(files)) = groups.last_mut() {
            files.push(file);
        } else {
            groups.push(Group::Files(vec![file]));
        }
    }
    groups
}

impl Group<'_> {
    fn captures(&self) -> Result<Vec<Capture>> {
        let at = SystemTime::now();
        let capture = |content| Capture { content, source: Source::CommandLine, at };
        let path = |path: &Path| capture(Content::Path(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())));
        Ok(match self {
            Self::Files(files) => files.iter().map(|file| path(file)).collect(),
            Self::Folder(folder) => vec![path(folder)],
            Self::Input => vec![capture(Content::Bytes { bytes: input()?, name: None })],
        })
    }

    /// What was written on the command line, one for each thing that is expected; a folder gives its things their names.
    fn names(&self) -> Vec<String> {
        match self {
            Self::Files(files) => files.iter().map(|file| file.display().to_string()).collect(),
            Self::Folder(folder) => vec![format!("{}/", folder.display().to_string().trim_end_matches('/'))],
            Self::Input => vec!["-".to_owned()],
        }
    }
}

fn input() -> Result<Bytes> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(LARGEST_INPUT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new(Code::FileUnreadable, words::stdin_unreadable(&error)).because(error))?;
    if bytes.len() as u64 > LARGEST_INPUT {
        return Err(Error::new(Code::TooLarge, words::stdin_too_large(size(LARGEST_INPUT))));
    }
    Ok(bytes.into())
}

/// Brings what was taken and what was refused back into the order of the command line.
async fn take(engine: &Engine, taken: Result<Batch>, names: &[String], outcomes: &mut Vec<Outcome>, out: &Out) -> Result<()> {
    let batch = match taken {
        Ok(batch) => batch,
        // Wrong for all of them alike: nothing of this call can go right.
        Err(error) if matches!(error.code, Code::NoSuchDestination | Code::BadRequest) && outcomes.is_empty() => {
            return Err(error);
        }
        Err(error) => {
            let message = error.message(out.lang);
            outcomes.extend(names.iter().map(|file| Outcome::Refused {
                file: file.clone(),
                code: error.code,
                message: message.clone(),
            }));
            return Ok(());
        }
    };
    if let Some(name) = batch.keeps_private.first() {
        out.tell(&imagepic_words::intake::keeps_private(batch.keeps_private.len(), name));
    }
    let mut uploads = std::collections::VecDeque::new();
    for id in batch.uploads {
        uploads.push_back((id, engine.uploads().get(id).await?.name));
    }
    let mut refused: std::collections::VecDeque<_> = batch.refused.into();
    let folder = names.first().filter(|name| name.ends_with('/')).map(String::as_str);
    // A folder, and a clipboard with several files, stand for things with names of their own.
    let given = if folder.is_some() || uploads.len() + refused.len() > names.len() { &[] } else { names };
    for file in given {
        let name = Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_refused = refused.front().is_some_and(|refusal| refusal.name == name)
            && uploads.front().is_some_and(|(_, other)| *other != name);
        match uploads.pop_front_if(|_| !is_refused) {
            Some((id, _)) => outcomes.push(Outcome::Taken { file: file.clone(), id }),
            None => outcomes.push(match refused.pop_front() {
                Some(refusal) => Outcome::Refused { file: file.clone(), code: refusal.code, message: refusal.message },
                // Whatever the reason: what has no link is never passed over in silence.
                None => {
                    Outcome::Refused { file: file.clone(), code: Code::Internal, message: words::not_answered(file).to(out.lang) }
                }
            }),
        }
    }
    let within = |name: String| folder.map_or_else(|| name.clone(), |folder| format!("{folder}{name}"));
    outcomes.extend(uploads.into_iter().map(|(id, name)| Outcome::Taken { file: within(name), id }));
    outcomes.extend(refused.into_iter().map(|refusal| Outcome::Refused {
        file: within(refusal.name),
        code: refusal.code,
        message: refusal.message,
    }));
    Ok(())
}

/// Until everything is over. What waits for a person (a key, the keychain, room) is not waited for; the network is, where a person
/// sits in front of it.
async fn wait(
    engine: &Engine,
    ids: &[i64],
    events: &mut tokio::sync::broadcast::Receiver<Event>,
    progress: &mut Progress,
    out: &Out,
) {
    let worth_it = |upload: &Upload| match upload.stage {
        Stage::Queued | Stage::Sending => true,
        Stage::Waiting => match upload.waiting {
            Some(Waiting::Retry) | None => true,
            Some(Waiting::Network) => Out::watched(),
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
                    if let Some(words) = progress.take(&event, ids).filter(|_| Out::watched()) {
                        out.say(&words);
                    }
                    // Asking after every event would read the journal a thousand times for a thousand files.
                    if let Event::Upload(upload) = &event
                        && !worth_it(upload)
                    {
                        open.retain(|id| *id != upload.id);
                        if open.is_empty() {
                            return;
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
    let (mut url, mut text, mut expires_at) = (None, None, None);
    let error = match upload.stage {
        Stage::Done => match (uploads.link(upload.id).await, uploads.link_text(upload.id, format).await) {
            (Ok(link), Ok(made)) => {
                expires_at = link.expires.and_then(iso);
                (url, text) = (Some(link.url), Some(made));
                None
            }
            (Err(error), _) | (_, Err(error)) => Some(trouble(error.code, error.message(lang))),
        },
        Stage::Cancelled => Some(trouble(Code::Cancelled, upload.message.clone().unwrap_or_default())),
        _ => Some(trouble(upload.code.unwrap_or(Code::Unreachable), upload.message.clone().unwrap_or_default())),
    };
    Answer {
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
        expires_at,
        reused: upload.reused,
        error,
        stage: Some(upload.stage),
    }
}

/// RFC 3339 in UTC, to the second.
fn iso(at: SystemTime) -> Option<String> {
    let seconds = i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    chrono::DateTime::from_timestamp(seconds, 0).map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}
