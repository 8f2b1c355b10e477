//! What was uploaded and what still waits: `history`, `cancel`, `retry`.

use std::collections::HashSet;

use clap::ArgMatches;
use imagepic_core::engine::{Engine, HistoryQuery};
use imagepic_core::error::Waiting;
use imagepic_core::event::{Stage, Upload};
use imagepic_core::link::Format;
use imagepic_core::outside::Outside;
use imagepic_core::{Code, Error, Result};
use imagepic_words::{Text, asked, console as words};
use serde_json::json;

use crate::follow::{self, How, Outcome};
use crate::out::{Out, iso, left, milliseconds, size, time};
use crate::{FAILED, WELL};

/// Uploads that `--all` reaches at most.
const MOST: u32 = 10_000;

/// A link of the history, or why there is none.
type Made = Option<(String, Option<i64>)>;

pub(crate) async fn history(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let search = args.get_one::<String>("search").cloned();
    let limit = args.get_one::<i64>("limit").and_then(|limit| u32::try_from(*limit).ok()).unwrap_or(20);
    let uploads = engine.uploads().history(HistoryQuery { limit, search: search.clone(), ..HistoryQuery::default() }).await?;
    let links = links(engine, &uploads, out).await;
    if args.get_flag("json") {
        let all: Vec<_> = uploads.iter().zip(&links).map(|(upload, link)| for_programs(upload, link)).collect();
        out.json(&all);
        return Ok(WELL);
    }
    let nobodys = engine.uploads().left().await?;
    let nobodys = uploads.iter().filter(|upload| nobodys.contains(&upload.id)).count();
    if nobodys > 0 {
        out.tell(&words::left_behind(nobodys));
    }
    if uploads.is_empty() {
        out.tell(&search.map_or_else(words::history_empty, words::history_none));
    }
    let width = uploads.iter().map(|upload| upload.id.to_string().len()).max().unwrap_or(0);
    let indent = " ".repeat(width + 3);
    for (upload, link) in uploads.iter().zip(links) {
        let (mark, state) = state(upload.stage);
        let state = state.map(|state| format!("  {}", state.to(out.lang))).unwrap_or_default();
        let place = format!("{}:{}/{}", upload.place.name, upload.place.bucket, upload.key);
        let id = upload.id;
        out.line(&format!("{mark} {id:>width$}  {}  {:>9}  {place}{state}", time(upload.taken_at), size(upload.size)));
        if let Some((url, ends)) = link {
            let life = ends.map(|ends| words::opens_for(left(ends, out.lang)).to(out.lang));
            out.line(&format!("{indent}{url}{}", life.map(|life| format!("  ({life})")).unwrap_or_default()));
        } else if upload.stage != Stage::Cancelled
            && let Some(message) = &upload.message
        {
            out.line(&format!("{indent}{message}"));
        }
    }
    Ok(WELL)
}

const fn mark(stage: Stage) -> char {
    match stage {
        Stage::Done => '✓',
        Stage::Failed => '✗',
        Stage::Cancelled => '-',
        _ => '…',
    }
}

fn state(stage: Stage) -> (char, Option<Text>) {
    let text = match stage {
        Stage::Done => None,
        Stage::Queued => Some(words::state_queued()),
        Stage::Sending => Some(words::state_sending()),
        Stage::Waiting => Some(words::state_waiting()),
        Stage::Failed => Some(words::state_failed()),
        Stage::Cancelled => Some(words::state_cancelled()),
    };
    (mark(stage), text)
}

/// Links made anew. To look at the history starts no host, and what one destination lacks is told once.
async fn links(engine: &Engine, uploads: &[Upload], out: &Out) -> Vec<Made> {
    let host = engine.bucket_host().status().await;
    let mut told = HashSet::new();
    let mut links = Vec::with_capacity(uploads.len());
    for upload in uploads {
        if upload.stage != Stage::Done {
            links.push(None);
            continue;
        }
        let place = &upload.place;
        if place.only_here && !host.running {
            if told.insert(place.destination.clone()) {
                out.tell(&host.port_taken.map_or_else(words::links_not_served, words::links_port_taken));
            }
            links.push(None);
            continue;
        }
        links.push(match engine.browse().link(&place.destination, &place.bucket, &upload.key).await {
            Ok(link) => Some((link.url, link.expires.and_then(milliseconds))),
            Err(error) => {
                if told.insert(place.destination.clone()) {
                    let message = error.message(out.lang);
                    out.tell(&words::links_missing(&place.name, message));
                }
                None
            }
        });
    }
    links
}

fn for_programs(upload: &Upload, link: &Made) -> serde_json::Value {
    let mut value = json!(upload);
    value["taken_at"] = json!(iso(upload.taken_at));
    value["done_at"] = json!(upload.done_at.and_then(iso));
    value["url"] = json!(link.as_ref().map(|(url, _)| url));
    let ends = match link {
        Some((_, ends)) => *ends,
        None => upload.expires_at,
    };
    value["expires_at"] = json!(ends.and_then(iso));
    value
}

/// The uploads that are meant: those with the given numbers, or all that stand so and are `open` to it.
async fn meant(engine: &Engine, args: &ArgMatches, stages: &[Stage], open: impl Fn(&Upload) -> bool) -> Result<Vec<i64>> {
    if !args.get_flag("all") {
        return Ok(args.get_many::<i64>("id").unwrap_or_default().copied().collect());
    }
    let destination = match args.get_one::<String>("to") {
        Some(name) => Some(engine.destinations().resolve(name)?.id),
        None => None,
    };
    let mut ids = Vec::new();
    for stage in stages {
        let query = HistoryQuery { limit: MOST, stage: Some(*stage), ..HistoryQuery::default() };
        let found = engine.uploads().history(query).await?;
        let wanted = |upload: &Upload| open(upload) && destination.as_ref().is_none_or(|id| *id == upload.place.destination);
        ids.extend(found.into_iter().filter(wanted).map(|upload| upload.id));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

pub(crate) async fn cancel(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let ids = meant(engine, args, &[Stage::Waiting, Stage::Queued], |_| true).await?;
    if ids.is_empty() {
        out.tell(&words::nothing_open());
    }
    let mut code = WELL;
    for id in ids {
        match stop(engine, id).await {
            Ok(text) => out.tell(&text),
            Err(error) => {
                out.failure(&error);
                code = FAILED;
            }
        }
    }
    Ok(code)
}

async fn stop(engine: &Engine, id: i64) -> Result<Text> {
    let before = engine.uploads().get(id).await?;
    match before.stage {
        Stage::Done => return Err(Error::new(Code::BadRequest, words::stopped_done(id, &before.name))),
        Stage::Failed | Stage::Cancelled => return Err(Error::new(Code::BadRequest, words::stopped_not(id, &before.name))),
        _ => {}
    }
    engine.uploads().cancel(id).await?;
    let after = engine.uploads().get(id).await?;
    match after.stage {
        Stage::Cancelled => Ok(words::stopped(id, after.name)),
        // It was done at that very moment.
        _ => Err(Error::new(Code::BadRequest, words::stopped_done(id, after.name))),
    }
}

/// Takes out the uploads that wait for their names; how many they are.
async fn without_unnamed(engine: &Engine, ids: &mut Vec<i64>) -> Result<usize> {
    let mut others = Vec::with_capacity(ids.len());
    for id in ids.iter() {
        if engine.uploads().get(*id).await?.waiting != Some(Waiting::Name) {
            others.push(*id);
        }
    }
    let unnamed = ids.len() - others.len();
    *ids = others;
    Ok(unnamed)
}

/// As with `upload`: nothing of this call can go right.
pub(crate) fn failed(args: &ArgMatches, error: &Error, out: &mut Out) {
    let ids = args.get_many::<i64>("id").unwrap_or_default().map(i64::to_string);
    follow::failed(ids, args.get_flag("json"), error, out);
}

pub(crate) async fn retry(engine: &Engine, outside: &Outside, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let how = How {
        format: args.get_one::<Format>("as").copied(),
        copy: false,
        quiet: args.get_flag("quiet"),
        json: args.get_flag("json"),
    };
    let left = engine.uploads().left().await?;
    let ended = |upload: &Upload| matches!(upload.stage, Stage::Failed | Stage::Waiting) || left.contains(&upload.id);
    let mut ids = meant(engine, args, &[Stage::Failed, Stage::Waiting, Stage::Queued], ended).await?;
    if args.get_flag("all") {
        // They wait for an answer and not for another try.
        let unnamed = without_unnamed(engine, &mut ids).await?;
        if unnamed > 0 && !how.quiet {
            out.tell(&asked::left_alone(unnamed));
        }
    }
    if ids.is_empty() && !how.quiet {
        out.tell(&words::nothing_again());
    }
    let mut events = engine.subscribe();
    let mut outcomes = Vec::new();
    for id in ids {
        outcomes.push(match engine.uploads().retry(id).await {
            Ok(()) => Outcome::Unnamed { id },
            Err(error) => {
                Outcome::Refused { file: id.to_string(), folder: None, code: error.code, message: error.message(out.lang) }
            }
        });
    }
    follow::to_the_end(engine, outside, outcomes, &mut events, how, out).await
}
