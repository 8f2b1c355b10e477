//! `imagepic upload`: takes everything in first, then waits, then prints the links in the order they were asked for.

use std::collections::HashSet;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use clap::ArgMatches;
use imagepic_core::capture::{Capture, Content, Near, Source, address};
use imagepic_core::destination::{Images, Kind, check};
use imagepic_core::engine::{Batch, Deliver, Engine, Submit};
use imagepic_core::event::{Event, Question, QuestionKind};
use imagepic_core::link::Format;
use imagepic_core::outside::Outside;
use imagepic_core::{Code, Error, Result};
use imagepic_words::{console as words, intake};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::follow::{self, How, Outcome};
use crate::out::{Out, size};
use crate::progress::Progress;

/// Standard input is held in memory; more than this, in bytes, is better a file.
const LARGEST_INPUT: u64 = 256 << 20;

/// What the clipboard is called where files have their names.
const CLIPBOARD: &str = "clipboard";

/// One thing that was asked for: as it was written, and what is to be taken in, or why it cannot be.
struct Asked {
    name: String,
    what: std::result::Result<Content, Error>,
}

impl Asked {
    fn is_there(&self) -> bool {
        match &self.what {
            Ok(Content::Path(path)) => path.exists(),
            Ok(_) => true,
            Err(_) => false,
        }
    }
}

pub(crate) async fn run(engine: &Engine, outside: &Outside, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let given = |id: &str| args.get_one::<String>(id).cloned();
    let how = How {
        format: args.get_one::<Format>("as").copied(),
        copy: args.get_flag("copy"),
        quiet: args.get_flag("quiet"),
        json: args.get_flag("json"),
    };
    let submit = Submit {
        destination: given("to"),
        bucket: given("bucket"),
        folder: given("folder"),
        // The links are copied here, once, when all of them are known.
        deliver: Deliver::No,
        format: how.format,
        images: images(engine, args)?,
        by_hand: false,
        // In a pipe nobody reads a question; what is quiet or for programs asks none.
        asks: !how.quiet && !how.json && std::io::stdin().is_terminal() && Out::watched(),
    };
    let near = if args.get_flag("allow-private") { Near::Allow } else { Near::Refuse };
    let asked = asked(args.get_many("file").unwrap_or_default(), near, out);
    if let Some(bucket) = &submit.bucket {
        let create = args.get_flag("create");
        // For nothing at all no bucket is made.
        if !create || args.get_flag("clipboard") || asked.iter().any(Asked::is_there) {
            meant(engine, submit.destination.as_deref(), bucket, create, &how, out).await?;
        }
    }
    let mut events = engine.subscribe();

    let mut outcomes = Vec::new();
    let at = SystemTime::now();
    let captures: Vec<Capture> = asked
        .iter()
        .filter_map(|asked| asked.what.as_ref().ok())
        .map(|content| Capture { content: content.clone(), source: source_of(content), at })
        .collect();
    if !asked.is_empty() {
        let taken = if captures.is_empty() { None } else { Some(taking(engine, captures, submit.clone(), how.quiet, out).await) };
        outcomes.extend(in_order(asked, taken, out)?);
    }
    if args.get_flag("clipboard") {
        let taken = engine.uploads().submit_clipboard(submit).await;
        outcomes.extend(of_clipboard(taken, out)?);
    }
    follow::to_the_end(engine, outside, outcomes, &mut events, how, out).await
}

/// Nothing of this call can go right: a program reads that of each file, as it reads everything else.
pub(crate) fn failed(args: &ArgMatches, error: &Error, out: &mut Out) {
    let files = args.get_many::<PathBuf>("file").unwrap_or_default().map(|file| file.display().to_string());
    let clipboard = args.get_flag("clipboard").then(|| CLIPBOARD.to_owned());
    follow::failed(files.chain(clipboard), args.get_flag("json"), error, out);
}

/// A bucket that was mistyped is not made on the side: on this computer it would be, and elsewhere only where somebody says so.
async fn meant(engine: &Engine, to: Option<&str>, bucket: &str, create: bool, how: &How, out: &Out) -> Result<()> {
    let destination = match to {
        Some(name) => engine.destinations().resolve(name)?,
        None => engine.destinations().current(),
    };
    let here = destination.kind == Kind::ThisComputer;
    let path_style = match &destination.kind {
        Kind::S3(address) => address.path_style,
        _ => true,
    };
    check::bucket(bucket, path_style)?;
    // Its own bucket comes about with the first upload.
    if !create && (!here || bucket == destination.bucket) {
        return Ok(());
    }
    // Many keys may use a bucket and list none.
    let there = match engine.browse().buckets(&destination.id).await {
        Ok(names) => names,
        Err(error) if create && error.code == Code::Forbidden => Vec::new(),
        Err(error) => return Err(error),
    };
    if there.iter().any(|name| name == bucket) {
        return Ok(());
    }
    if create {
        match engine.browse().make_bucket(&destination.id, bucket).await {
            Ok(()) if how.quiet => {}
            Ok(()) => out.tell(&words::bucket_made(bucket)),
            // Somebody was quicker, or it cannot be listed; whether it can be written shows in a moment.
            Err(error) if error.code == Code::NameTaken => {}
            Err(error) => return Err(error),
        }
        return Ok(());
    }
    let text =
        if there.is_empty() { words::bucket_none_here(bucket) } else { words::bucket_unknown_here(bucket, there.join(", ")) };
    Err(Error::new(Code::NoSuchBucket, text))
}

fn asked<'a>(files: impl Iterator<Item = &'a PathBuf>, near: Near, out: &Out) -> Vec<Asked> {
    let mut read = false;
    files
        .map(|file| {
            let name = file.display().to_string();
            // A file of that name would have to be written with a path before it.
            if let Some(url) = file.to_str().and_then(address) {
                return Asked { name, what: Ok(Content::Url { url, near }) };
            }
            // A place on the disk is never called so, and nobody looks for one.
            if file.to_str().is_some_and(|text| text.contains("://")) && !file.exists() {
                return Asked { what: Err(Error::new(Code::BadRequest, imagepic_words::sources::address_bad(&name))), name };
            }
            if file.as_os_str() != "-" {
                // The journal outlives this working folder.
                return Asked { name, what: Ok(Content::Path(std::path::absolute(file).unwrap_or_else(|_| file.clone()))) };
            }
            let once = std::mem::replace(&mut read, true);
            let bytes = if once { Err(Error::new(Code::Empty, words::stdin_once())) } else { input(out) };
            Asked { name, what: bytes.map(|bytes| Content::Bytes { bytes, name: None }) }
        })
        .collect()
}

const fn source_of(content: &Content) -> Source {
    match content {
        Content::Url { .. } => Source::Url,
        _ => Source::CommandLine,
    }
}

/// Takes things in; what has to be fetched first shows how far it is.
async fn taking(engine: &Engine, captures: Vec<Capture>, submit: Submit, quiet: bool, out: &Out) -> Result<Batch> {
    let events = engine.subscribe();
    let mut progress = Progress::new(out.lang, quiet);
    let (mut fetches, mut asked) = (Vec::new(), HashSet::new());
    let hear = |event: Event| match event {
        Event::Question(question) => {
            // What was asked by how things stand may be told once more.
            if question.kind == QuestionKind::Amount && asked.insert(question.id) {
                progress.clear();
                let yes = out.confirms(&intake::many_ask(&question.title, &question.text));
                // It may have been taken back at this very moment.
                let _ = engine.sources().answer(question.id, yes);
            }
        }
        event => {
            if let Event::Upload(upload) = &event
                && upload.id < 0
            {
                fetches.push(upload.id);
            }
            progress.take(&event, &fetches);
        }
    };
    let uploads = engine.uploads();
    let taken = hearing(uploads.submit(captures, submit), events, || engine.snapshot().questions, hear).await;
    progress.clear();
    taken
}

/// Until it is taken; what happens meanwhile is heard, and where some of that was missed, what is asked by then.
async fn hearing<T>(
    taking: impl Future<Output = T>,
    mut events: Receiver<Event>,
    questions: impl Fn() -> Vec<Question>,
    mut hear: impl FnMut(Event),
) -> T {
    tokio::pin!(taking);
    loop {
        tokio::select! {
            biased;
            taken = &mut taking => return taken,
            event = events.recv() => match event {
                Ok(event) => hear(event),
                Err(RecvError::Lagged(_)) => questions().into_iter().map(Event::Question).for_each(&mut hear),
                Err(RecvError::Closed) => return taking.await,
            },
        }
    }
}

/// Standard input cannot be read.
pub(crate) fn unreadable(error: std::io::Error) -> Error {
    let text = words::stdin_unreadable("").with("reason", imagepic_words::reason(&error));
    Error::new(Code::FileUnreadable, text).because(error)
}

fn input(out: &Out) -> Result<Bytes> {
    if std::io::stdin().is_terminal() {
        out.tell(&words::stdin_reading());
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(LARGEST_INPUT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.is_empty() {
        return Err(Error::new(Code::Empty, words::stdin_empty()));
    }
    if bytes.len() as u64 > LARGEST_INPUT {
        return Err(Error::new(Code::TooLarge, words::stdin_too_large(size(LARGEST_INPUT))));
    }
    Ok(bytes.into())
}

/// What this call wants done to images instead of what the destination does, where it says anything about it.
fn images(engine: &Engine, args: &ArgMatches) -> Result<Option<Images>> {
    let destination = match args.get_one::<String>("to") {
        Some(name) => engine.destinations().resolve(name)?,
        None => engine.destinations().current(),
    };
    let mut images = destination.images;
    Ok(crate::images::fill(&mut images, args).then_some(images))
}

/// Wrong for all of them alike: nothing of this call can go right.
const fn hopeless(error: &Error) -> bool {
    matches!(error.code, Code::NoSuchDestination | Code::BadRequest)
}

/// Brings what was taken and what was refused back into the order of the command line. A folder gives as many as it held.
fn in_order(asked: Vec<Asked>, taken: Option<Result<Batch>>, out: &Out) -> Result<Vec<Outcome>> {
    let (mut each, error) = match taken {
        Some(Ok(batch)) => (batch.each, None),
        Some(Err(error)) if hopeless(&error) => return Err(error),
        Some(Err(error)) => (Vec::new(), Some(error)),
        None => (Vec::new(), None),
    };
    // Captures are in order, so what came of the first lies before what came of the second.
    each.reverse();
    let mut outcomes = Vec::new();
    let mut capture = 0;
    for Asked { name, what } in asked {
        let refused = |code, message| Outcome::Refused { file: name.clone(), folder: None, code, message };
        if let Err(error) = what {
            outcomes.push(refused(error.code, error.message(out.lang)));
            continue;
        }
        let before = outcomes.len();
        while let Some(one) = each.pop_if(|one| one.capture == capture) {
            let folder = one.within.is_some().then(|| name.trim_end_matches('/').to_owned());
            let file = match (&folder, &one.within) {
                (Some(folder), Some(within)) => Path::new(folder).join(within).display().to_string(),
                _ => name.clone(),
            };
            outcomes.push(match one.outcome {
                Ok(id) => Outcome::Taken { file, id },
                Err(refusal) => Outcome::Refused { file, folder, code: refusal.code, message: refusal.message },
            });
        }
        if outcomes.len() == before {
            outcomes.push(match &error {
                Some(error) => refused(error.code, error.message(out.lang)),
                // Whatever the reason: what has no link is never passed over in silence.
                None => refused(Code::Internal, words::not_answered(&name).to(out.lang)),
            });
        }
        capture += 1;
    }
    Ok(outcomes)
}

fn of_clipboard(taken: Result<Batch>, out: &Out) -> Result<Vec<Outcome>> {
    let batch = match taken {
        Ok(batch) => batch,
        Err(error) if hopeless(&error) => return Err(error),
        Err(error) => {
            let message = error.message(out.lang);
            return Ok(vec![Outcome::Refused { file: CLIPBOARD.to_owned(), folder: None, code: error.code, message }]);
        }
    };
    let several = batch.each.len() > 1;
    let outcome = |one: imagepic_core::engine::Each| match one.outcome {
        Ok(id) if several => Outcome::Unnamed { id },
        Ok(id) => Outcome::Taken { file: CLIPBOARD.to_owned(), id },
        Err(refusal) => {
            let file = if several { refusal.name } else { CLIPBOARD.to_owned() };
            Outcome::Refused { file, folder: None, code: refusal.code, message: refusal.message }
        }
    };
    Ok(batch.each.into_iter().map(outcome).collect())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_question_among_events_that_were_missed_is_asked_all_the_same() {
        let (sender, events) = tokio::sync::broadcast::channel(1);
        let text = String::new;
        let question = Question { id: 7, kind: QuestionKind::Amount, title: text(), text: text(), yes: text(), no: text() };
        for event in [Event::Question(question.clone()), Event::Settings, Event::Status] {
            sender.send(event).expect("somebody listens");
        }
        let (answer, answered) = tokio::sync::oneshot::channel();
        let answer = Cell::new(Some(answer));
        let hear = |event| {
            if let Event::Question(question) = event {
                answer.take().expect("asked once").send(question.id).expect("it is waited for");
            }
        };
        let taken = hearing(answered, events, || vec![question.clone()], hear);
        let taken = tokio::time::timeout(Duration::from_secs(60), taken).await.expect("somebody was asked");
        assert_eq!(taken.expect("answered"), 7);
    }
}
