//! What lies at the stores: `ls`, `link`, `stat`, `rm`.

use clap::ArgMatches;
use imagepic_core::engine::Engine;
use imagepic_core::store::Object;
use imagepic_core::{Code, Error, Result};
use imagepic_words::console as words;
use serde_json::json;

use crate::out::{Out, iso, milliseconds, size, time};
use crate::{FAILED, WELL};

/// Objects asked for in one page of a listing.
const PAGE: u16 = 1000;

/// `[DEST:]rest`; a bucket holds no colon, so what stands before one is a destination, and some destinations have one in their name.
fn place<'a>(engine: &Engine, text: &'a str) -> Result<(String, &'a str)> {
    let head = &text[..text.find('/').unwrap_or(text.len())];
    let mut error = None;
    for (at, _) in head.match_indices(':').collect::<Vec<_>>().into_iter().rev() {
        match engine.destinations().resolve(&text[..at]) {
            Ok(destination) => return Ok((destination.id, &text[at + 1..])),
            Err(unknown) => error = Some(unknown),
        }
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return Err(Error::new(Code::BadRequest, words::place_is_link(text)));
    }
    error.map_or_else(|| Ok((engine.destinations().current().id, text)), Err)
}

fn object<'a>(engine: &Engine, text: &'a str) -> Result<(String, &'a str, &'a str)> {
    let (destination, rest) = place(engine, text)?;
    match rest.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty()) {
        Some((bucket, key)) => Ok((destination, bucket, key)),
        None => Err(Error::new(Code::BadRequest, words::place_bad(text))),
    }
}

/// A bucket that is not there, told with those that are; or a destination that was taken for one.
async fn meant(engine: &Engine, destination: &str, bucket: &str, text: &str, error: Error) -> Error {
    if error.code != Code::NoSuchBucket {
        return error;
    }
    let rest = text.strip_prefix(bucket).map(|rest| rest.trim_start_matches('/'));
    if let (Some(rest), Ok(named)) = (rest, engine.destinations().resolve(bucket)) {
        let instead = crate::out::quoted(&format!("{bucket}:{rest}"));
        return Error::new(error.code, words::is_destination(named.name, instead));
    }
    let (known, names) = (engine.destinations().resolve(destination), engine.browse().buckets(destination).await);
    match (known, names) {
        (Ok(known), Ok(names)) if !names.is_empty() => {
            Error::new(error.code, words::bucket_unknown_at(bucket, known.name, names.join(", ")))
        }
        _ => error,
    }
}

/// Why nothing was found there: what a shell would have expanded, a folder, or simply nothing.
async fn missing(engine: &Engine, destination: &str, bucket: &str, key: &str, text: &str) -> Error {
    let folder = if key.ends_with('/') { key.to_owned() } else { format!("{key}/") };
    let place = &text[..text.len() - key.len()];
    let there = match engine.browse().page(destination, bucket, &folder, None, 1).await {
        Ok(page) => !page.folders.is_empty() || !page.objects.is_empty(),
        Err(error) if error.code == Code::NoSuchBucket => return meant(engine, destination, bucket, text, error).await,
        Err(_) => false,
    };
    let words = if key.contains(['*', '?', '[']) {
        let above = key.find(['*', '?', '[']).and_then(|at| key[..at].rfind('/')).map_or("", |at| &key[..=at]);
        words::pattern(text, crate::out::quoted(&format!("{place}{above}")))
    } else if there {
        words::is_folder(text, crate::out::quoted(&format!("{place}{folder}")))
    } else {
        words::no_object(text)
    };
    Error::new(Code::NoSuchObject, words)
}

/// Destination, bucket and key of an object that is there, and what is known of it.
async fn found<'a>(engine: &Engine, text: &'a str) -> Result<(String, &'a str, &'a str, Object)> {
    let (destination, bucket, key) = object(engine, text)?;
    match engine.browse().stat(&destination, bucket, key).await {
        Ok(Some(object)) => Ok((destination, bucket, key, object)),
        Ok(None) => Err(missing(engine, &destination, bucket, key, text).await),
        Err(error) => Err(meant(engine, &destination, bucket, text, error).await),
    }
}

fn places(args: &ArgMatches) -> Vec<String> {
    args.get_many("place").unwrap_or_default().cloned().collect()
}

pub(crate) async fn ls(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let text = args.get_one::<String>("place").map(String::as_str).unwrap_or_default();
    let (destination, rest) = place(engine, text)?;
    let as_json = args.get_flag("json");
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        let buckets = engine.browse().buckets(&destination).await?;
        if as_json {
            out.json(&buckets);
        } else if buckets.is_empty() {
            out.tell(&words::no_buckets());
        } else {
            buckets.iter().for_each(|bucket| out.line(&format!("{bucket}/")));
        }
        return Ok(WELL);
    }
    let folder = if prefix.is_empty() || prefix.ends_with('/') { prefix.to_owned() } else { format!("{prefix}/") };
    let mut all = Vec::new();
    let mut cursor = None;
    let mut any = false;
    loop {
        let page = match engine.browse().page(&destination, bucket, &folder, cursor.as_deref(), PAGE).await {
            Ok(page) => page,
            Err(error) => return Err(meant(engine, &destination, bucket, text, error).await),
        };
        any |= !page.folders.is_empty() || !page.objects.is_empty();
        for folder in &page.folders {
            if as_json { all.push(json!({ "folder": folder })) } else { out.line(folder) }
        }
        for object in &page.objects {
            if as_json { all.push(told(object)) } else { listed(object, out) }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let mut code = WELL;
    if !any && prefix.is_empty() {
        out.tell(&words::bucket_empty(bucket));
    } else if !any {
        match engine.browse().stat(&destination, bucket, prefix).await? {
            Some(object) if as_json => all.push(told(&object)),
            Some(object) => listed(&object, out),
            None => {
                out.tell(&words::nothing_below(text));
                code = FAILED;
            }
        }
    }
    if as_json {
        out.json(&all);
    }
    Ok(code)
}

fn listed(object: &Object, out: &mut Out) {
    let when = object.modified.and_then(milliseconds).map(time).unwrap_or_default();
    out.line(&format!("{when:16}  {:>9}  {}", size(object.size), object.key));
}

pub(crate) async fn link(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let mut code = WELL;
    for text in places(args) {
        let made = async {
            let (destination, bucket, key, _) = found(engine, &text).await?;
            let link = engine.browse().link(&destination, bucket, key).await?;
            if engine.browse().is_closed(&destination, bucket, key, &link).await? {
                crate::follow::tell_closed(&crate::follow::folder(bucket, key), &destination, out);
            }
            Ok(link)
        };
        match made.await {
            Ok(link) => out.line(&link.url),
            Err(error) => {
                code = code.max(out.failure(&error));
                if error.text.key() == "team.no_public"
                    && let Ok((destination, ..)) = object(engine, &text)
                {
                    crate::follow::tell_no_public(&destination, out);
                }
            }
        }
    }
    Ok(code)
}

pub(crate) async fn stat(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let mut code = WELL;
    let mut all = Vec::new();
    for text in places(args) {
        match found(engine, &text).await.map(|(.., object)| object) {
            Ok(object) if args.get_flag("json") => all.push(told(&object)),
            Ok(object) => {
                let when = object.modified.and_then(milliseconds).map(time).unwrap_or_default();
                let kind = object.content_type.as_deref().unwrap_or("-");
                out.line(&format!("{}  {kind}  {when}  {}", size(object.size), object.key));
            }
            Err(error) => code = code.max(out.failure(&error)),
        }
    }
    if args.get_flag("json") {
        out.json(&all);
    }
    Ok(code)
}

pub(crate) async fn rm(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    let mut code = WELL;
    for text in places(args) {
        let removed = async {
            // A store says yes to what was never there; a person who mistyped wants to know.
            let (destination, bucket, key, _) = found(engine, &text).await?;
            engine.browse().remove(&destination, bucket, key).await
        };
        match removed.await {
            Ok(()) => out.tell(&words::deleted(&text)),
            Err(error) => code = code.max(out.failure(&error)),
        }
    }
    Ok(code)
}

fn told(object: &Object) -> serde_json::Value {
    json!({
        "key": object.key,
        "size": object.size,
        "etag": object.etag,
        "type": object.content_type,
        "modified": object.modified.and_then(milliseconds).and_then(iso),
        "sha256": object.sha256,
    })
}
