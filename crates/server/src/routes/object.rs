//! Objects: what is there, what one may know of it, and putting, copying and removing.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use imagepic_api::object::{
    Address, Changed, Copy, Happened, List, Listed, PresignGet, RemoveMany, Removed, Slice, Stat, Stored,
};
use imagepic_api::{Code, Envelope};
use imagepic_s3::{Kind, LONGEST_LINK};
use serde::Serialize;
use std::time::{Duration, SystemTime};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{NoBucket, NoObject};
use crate::answer::{Answer, Good, Nothing, Refusal};
use crate::input::{Input, Names};
use crate::objects::faults::{self, Voice, no_such_object, refusal};
use crate::objects::upload::{Wanted, now};
use crate::objects::{fields, form, grants, listing, multipart, names};
use crate::people::{Caller, Reader};
use crate::state::App;
use crate::work::to_its_end;

mod grant;
mod stream;

/// Entries a page has unless asked otherwise, as before.
const PAGE: i64 = 10;
/// Listings longer than that are counted while they go out, in bytes.
const LONG: usize = 1024 * 1024;

/// `/imagepic/object/…`
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_objects))
        .routes(routes!(get_object, stream::get_object_bytes))
        .routes(routes!(stat_object))
        .routes(routes!(presigned_get_object))
        .routes(routes!(put_object))
        .routes(routes!(remove_object))
        .routes(routes!(remove_objects))
        .routes(routes!(copy_object))
        .routes(routes!(grant::presigned_put_object))
        .routes(routes!(grant::put_completed))
}

/// Either kind of listing.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum Listing {
    /// By page.
    Page(Listed),
    /// By cursor.
    Slice(Slice),
}

fn bad(reason: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, Code::BadRequest, reason)
}

fn bad_mark(what: &str) -> Refusal {
    bad(&format!("the {what} must be 1 to {} visible ASCII characters", fields::LONGEST_MARK))
}

/// What lies directly below a prefix.
///
/// By page (`pageSize`, `pageNum`, -1 for all): objects first, then prefixes, with the number of all. The place is walked through for
/// that, up to 1,000,000 entries, and an answer holds 100,000 at most; beyond, `too_large`. By cursor (`cursor`, `limit`): one request
/// to the store each, however large the place.
#[utoipa::path(
    post,
    path = "/imagepic/object/listObjects",
    tag = "object",
    request_body = List,
    responses(
        (status = 200, body = Envelope<Listing>),
        NoBucket,
        (status = 413, description = "More than a page or a walk holds: use the cursor"),
        (status = 503, description = "Too many long answers at once; `Retry-After`")
    )
)]
async fn list_objects(State(app): State<App>, _: Reader, input: Input) -> Result<Response, Refusal> {
    let listing = listed(&app, &input).await?;
    let text = serde_json::to_vec(&Envelope::ok(listing)).map_err(|error| {
        tracing::error!(%error, "a listing cannot be written");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, "a fault of the server; its log tells more")
    })?;
    let body = if text.len() > LONG { Body::from(app.objects.budget.answer(text)?) } else { Body::from(text) };
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn listed(app: &App, input: &Input) -> Result<Listing, Refusal> {
    let objects = &app.objects;
    let bucket = fields::text(input, "bucketName")?;
    let prefix = fields::optional_text(input, "prefix")?.unwrap_or_default();
    let cursor = fields::optional_text(input, "cursor")?;
    let limit = fields::number(input, "limit")?;
    let size = fields::number(input, "pageSize")?.unwrap_or(PAGE);
    let number = fields::number(input, "pageNum")?.unwrap_or(1);
    objects.bucket(&bucket, Voice::Fitting)?;
    let failed = |error| refusal(&error, &bucket, None, Voice::Fitting);
    if cursor.is_some() || limit.is_some() {
        let limit = u16::try_from(limit.unwrap_or(1000)).ok().filter(|limit| (1..=1000).contains(limit));
        let limit = limit.ok_or_else(|| bad("the field limit must be from 1 to 1000"))?;
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        let slice = listing::slice(&objects.store, &bucket, &prefix, cursor.as_deref(), limit).await;
        return slice.map(Listing::Slice).map_err(|error| match error.kind {
            // All else of the request is this server's own.
            Kind::Refused if error.status == Some(400) && cursor.is_some() => {
                bad("the field cursor must be next of an answer for the same place")
            }
            _ => failed(error),
        });
    }
    let (from, to) = if number == -1 {
        (0, u64::MAX)
    } else {
        let (Some(size), Some(number)) =
            (u64::try_from(size).ok().filter(|size| *size > 0), u64::try_from(number).ok().filter(|number| *number > 0))
        else {
            return Err(bad("the fields pageSize and pageNum must be 1 or more; pageNum may be -1"));
        };
        let from = (number - 1).saturating_mul(size);
        (from, from.saturating_add(size))
    };
    let _turn = objects.walks.acquire().await;
    let page = listing::page(&objects.store, &bucket, &prefix, from, to).await;
    page.map(Listing::Page).map_err(|why| match why {
        listing::NoPage::TooLarge => listing::too_large(),
        listing::NoPage::Store(error) => failed(error),
    })
}

async fn look(app: &App, input: &Input) -> Result<(String, String, imagepic_s3::Look), Refusal> {
    let (bucket, key) = fields::address(input)?;
    app.objects.bucket(&bucket, Voice::Fitting)?;
    names::old_key(&key)?;
    let found = app.objects.store.look_at(&bucket, &key).await;
    let found = found.map_err(|error| refusal(&error, &bucket, Some(&key), Voice::Fitting))?;
    let found = found.ok_or_else(|| no_such_object(&bucket, &key))?;
    Ok((bucket, key, found))
}

/// The size of an object, in bytes.
#[utoipa::path(
    post,
    path = "/imagepic/object/getObject",
    tag = "object",
    request_body = Address,
    responses((status = 200, body = Envelope<u64>), NoObject)
)]
async fn get_object(State(app): State<App>, _: Reader, input: Input) -> Answer<u64> {
    look(&app, &input).await.map(|(_, _, found)| Good(found.size))
}

/// What is known of an object.
#[utoipa::path(
    post,
    path = "/imagepic/object/statObject",
    tag = "object",
    request_body = Address,
    responses((status = 200, body = Envelope<Stat>), NoObject)
)]
async fn stat_object(State(app): State<App>, _: Reader, input: Input) -> Answer<Stat> {
    let (_, _, found) = look(&app, &input).await?;
    let mut meta_data = found.metadata;
    meta_data.remove(grants::META);
    meta_data.extend(found.content_type.map(|kind| ("content-type".to_owned(), kind)));
    Ok(Good(Stat {
        size: found.size,
        meta_data,
        last_modified: found.modified.map(listing::time).unwrap_or_default(),
        version_id: found.version_id,
        etag: found.etag.unwrap_or_default(),
    }))
}

/// A link that opens the object without a token for `expiry` seconds; also for an object that is not there (yet).
#[utoipa::path(
    post,
    path = "/imagepic/object/presignedGetObject",
    tag = "object",
    request_body = PresignGet,
    responses(
        (status = 200, body = Envelope<String>),
        (status = 400, description = "An expiry that is not from 1 to 604800, or a name with a part that is `.` or `..`: no browser asks for such a one"),
        NoBucket
    )
)]
async fn presigned_get_object(State(app): State<App>, _: Reader, input: Input) -> Answer<String> {
    let (bucket, key) = fields::address(&input)?;
    let life = match fields::number(&input, "expiry")? {
        None => Some(LONGEST_LINK),
        Some(seconds) => {
            u64::try_from(seconds).ok().map(Duration::from_secs).filter(|life| !life.is_zero() && *life <= LONGEST_LINK)
        }
    };
    let life = life.ok_or_else(|| bad("the field expiry must be from 1 to 604800"))?;
    app.objects.bucket(&bucket, Voice::Fitting)?;
    names::linked_key(&key)?;
    let link = app.objects.outside.presigned_get(&bucket, &key, SystemTime::now(), life);
    link.map(Good).map_err(|error| refusal(&error, &bucket, Some(&key), Voice::Fitting))
}

/// The form of `putObject`.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it describes a body that is read piece by piece")]
struct Upload {
    /// A raster image, SVG, or what the server's configuration adds.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Puts one file.
///
/// It lies at `folder/` and the last component of its name then. What is there is overwritten, unless `If-None-Match: *` comes along.
/// The media type is that of the bytes. Fields beside `file` are ignored.
#[utoipa::path(
    post,
    path = "/imagepic/object/putObject",
    tag = "object",
    params(
        ("bucket" = String, Header, description = "Where", example = "images"),
        ("folder" = Option<String>, Header, description = "UTF-8 as it is; one slash at its end is dropped", example = "docs"),
        ("x-imagepic-encoding" = Option<String>, Header, description = "`percent` where the folder is percent-encoded"),
        ("if-none-match" = Option<String>, Header, description = "`*`: refuse where the key is taken"),
        ("x-imagepic-id" = Option<String>, Header, description = "A mark that is kept with the object (`x-amz-meta-imagepic-id`): up to 128 visible ASCII characters")
    ),
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Envelope<Stored>),
        (status = 400, description = "No form, no file in it, or a name that is refused"),
        (status = 412, description = "The key is taken, and the request asked not to overwrite"),
        (status = 413, description = "Too large"),
        (status = 415, description = "The bytes are of no type this server takes"),
        (status = 501, description = "The store cannot keep from overwriting, and the request asked for it"),
        (status = 503, description = "Too many uploads at once; `Retry-After`")
    )
)]
async fn put_object(State(app): State<App>, _: Caller, headers: HeaderMap, body: Body) -> Answer<Stored> {
    let header = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let boundary = multipart::boundary(header(header::CONTENT_TYPE).unwrap_or_default())?;
    let bucket =
        headers.get("bucket").and_then(|bucket| std::str::from_utf8(bucket.as_bytes()).ok()).map(str::trim).unwrap_or_default();
    if bucket.is_empty() {
        return Err(bad("the header bucket must name a bucket"));
    }
    app.objects.bucket(bucket, Voice::Old)?;
    let if_absent = match headers.get(header::IF_NONE_MATCH).map(|value| value.as_bytes().trim_ascii()) {
        None => false,
        Some(b"*") => true,
        Some(_) => return Err(bad("the header if-none-match may only be *")),
    };
    let mark =
        headers.get("x-imagepic-id").map(|mark| fields::mark(mark.as_bytes()).ok_or_else(|| bad_mark("header x-imagepic-id")));
    let wanted = Wanted {
        id: mark.transpose()?,
        bucket: bucket.to_owned(),
        folder: form::folder(&headers)?,
        if_absent,
        boundary,
        length: header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
    };
    let bucket = bucket.to_owned();
    to_its_end(async move {
        let done = app.objects.receive(body.into_data_stream(), wanted).await?;
        Ok(Good(stored(&app, &bucket, done.key, done.size, done.stored)))
    })
    .await
}

/// Tells the listeners, and whoever put it.
fn stored(app: &App, bucket: &str, key: String, size: u64, stored: imagepic_s3::Stored) -> Stored {
    let etag = stored.etag.unwrap_or_default();
    app.news.tell(Changed {
        event: Happened::Created,
        bucket_name: bucket.to_owned(),
        object_name: key.clone(),
        size: Some(size),
        etag: Some(etag.clone()),
        time: now(),
    });
    Stored { etag, version_id: stored.version_id, object_name: Some(key) }
}

fn removed(app: &App, bucket: &str, key: &str) {
    let (bucket_name, object_name) = (bucket.to_owned(), key.to_owned());
    app.news.tell(Changed { event: Happened::Removed, bucket_name, object_name, size: None, etag: None, time: now() });
}

/// Removes an object; one that is not there is removed already.
#[utoipa::path(
    post,
    path = "/imagepic/object/removeObject",
    tag = "object",
    request_body = Address,
    responses((status = 200, body = Envelope<Nothing>))
)]
async fn remove_object(State(app): State<App>, _: Caller, input: Input) -> Answer<Nothing> {
    let (bucket, key) = fields::address(&input)?;
    app.objects.bucket(&bucket, Voice::Old)?;
    names::old_key(&key)?;
    to_its_end(async move {
        let done = app.objects.store.remove(&bucket, &key).await;
        done.map_err(|error| refusal(&error, &bucket, Some(&key), Voice::Old))?;
        removed(&app, &bucket, &key);
        Ok(Good(Nothing {}))
    })
    .await
}

/// Removes up to 1000 objects; the answer says of each, in order, whether it is gone.
#[utoipa::path(
    post,
    path = "/imagepic/object/removeObjects",
    tag = "object",
    request_body = RemoveMany,
    responses((status = 200, body = Envelope<Vec<Removed>>), NoBucket)
)]
async fn remove_objects(State(app): State<App>, _: Caller, Names(input, share): Names) -> Answer<Vec<Removed>> {
    let bucket = fields::text(&input, "bucketName")?;
    let keys = fields::texts(&input, "objectNames")?;
    if keys.is_empty() || keys.len() > imagepic_s3::MOST_KEYS {
        return Err(bad("the field objectNames must hold 1 to 1000 names"));
    }
    app.objects.bucket(&bucket, Voice::Fitting)?;
    to_its_end(async move {
        let _share = share;
        remove_many(app, bucket, keys).await
    })
    .await
}

async fn remove_many(app: App, bucket: String, keys: Vec<String>) -> Answer<Vec<Removed>> {
    let sayable: Vec<String> = keys.iter().filter(|key| names::old_key(key).is_ok()).cloned().collect();
    let results = app.objects.store.remove_many(&bucket, &sayable).await;
    let results = results.map_err(|error| refusal(&error, &bucket, None, Voice::Fitting))?;
    let mut results = results.into_iter();
    let answers = keys.into_iter().map(|key| {
        let result = match names::old_key(&key) {
            Ok(()) => results.next().map_or(Err(Code::Internal), |result| result.map_err(|error| faults::code(&error))),
            Err(refused) => Err(refused.error),
        };
        if result.is_ok() {
            removed(&app, &bucket, &key);
        }
        Removed { object_name: key, success: result.is_ok(), error: result.err() }
    });
    Ok(Good(answers.collect()))
}

/// Copies an object within its bucket; with a removal behind it, a rename.
#[utoipa::path(
    post,
    path = "/imagepic/object/copyObject",
    tag = "object",
    request_body = Copy,
    responses(
        (status = 200, body = Envelope<Stored>),
        NoObject,
        (status = 412, description = "The target is taken")
    )
)]
async fn copy_object(State(app): State<App>, _: Caller, input: Input) -> Answer<Stored> {
    let target = fields::text(&input, "targetName")?;
    let if_absent = fields::flag(&input, "ifAbsent")?.unwrap_or(true);
    names::new_key(&target)?;
    let (bucket, key, found) = look(&app, &input).await?;
    if key == target {
        return Err(bad("the field targetName must be another name than objectName"));
    }
    to_its_end(copy(app, bucket, key, target, found.size, if_absent)).await
}

async fn copy(app: App, bucket: String, key: String, target: String, size: u64, if_absent: bool) -> Answer<Stored> {
    let store = &app.objects.store;
    let failed = |error: &imagepic_s3::S3Error| refusal(error, &bucket, Some(&target), Voice::Fitting);
    if if_absent && store.look_at(&bucket, &target).await.map_err(|error| failed(&error))?.is_some() {
        return Err(failed(&imagepic_s3::S3Error::new(Kind::NameTaken, "the target is taken")));
    }
    let copied = store.copy(&bucket, &key, &target).await.map_err(|error| match error.kind {
        Kind::NoSuchKey => no_such_object(&bucket, &key),
        _ => failed(&error),
    })?;
    Ok(Good(stored(&app, &bucket, target, size, copied)))
}
