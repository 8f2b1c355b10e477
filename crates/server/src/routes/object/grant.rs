//! Putting straight to the store: a grant for one object, and the look at what arrived under it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::SystemTime;

use axum::extract::State;
use http::StatusCode;
use http_body::Body as _;
use imagepic_api::object::{Address, Grant, PresignPut, Stored};
use imagepic_api::{Code, Envelope};
use imagepic_s3::{Conditions, Look, S3Error};
use sha2::{Digest as _, Sha256};

use super::super::NoBucket;
use super::{bad, bad_mark, stored};
use crate::answer::{Answer, Good, Refusal};
use crate::input::Input;
use crate::objects::faults::{Voice, no_such_object, refusal};
use crate::objects::grants::{LIFE, META, Permit};
use crate::objects::types::HEAD;
use crate::objects::upload::{kept, type_refused};
use crate::objects::{fields, listing, names};
use crate::people::Caller;
use crate::state::App;
use crate::work::to_its_end;

/// Permission to put one object straight to the store, for ten minutes.
///
/// All headers of the answer must be sent as they are: the signature covers them. `putCompleted` is to be called afterwards.
#[utoipa::path(
    post,
    path = "/imagepic/object/presignedPutObject",
    tag = "object",
    request_body = PresignPut,
    responses(
        (status = 200, body = Envelope<Grant>),
        (status = 400, description = "A field that is none, or a name that is refused"),
        NoBucket,
        (status = 412, description = "The key is taken"),
        (status = 413, description = "Too large"),
        (status = 415, description = "A type this server does not take"),
        (status = 501, description = "The store cannot keep from overwriting, and the request asked for it")
    )
)]
pub(super) async fn presigned_put_object(State(app): State<App>, caller: Caller, input: Input) -> Answer<Grant> {
    let objects = &app.objects;
    let (bucket, key) = fields::address(&input)?;
    let mime = fields::text(&input, "contentType")?;
    let size = fields::number(&input, "size")?.and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0);
    let size = size.ok_or_else(|| bad("the field size must be 1 or more"))?;
    let (sha256, md5) = (fields::text(&input, "sha256")?, fields::text(&input, "md5")?);
    let if_absent = fields::flag(&input, "ifAbsent")?.unwrap_or(true);
    let mark = fields::optional_text(&input, "id")?.filter(|mark| !mark.is_empty());
    let mark = mark.map(|mark| fields::mark(mark.as_bytes()).ok_or_else(|| bad_mark("field id"))).transpose()?;
    objects.bucket(&bucket, Voice::Fitting)?;
    names::new_key(&key)?;
    let kept = kept(objects, &mime)?;
    if size > objects.max_bytes {
        return Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::TooLarge,
            &format!("files have {} bytes at most here", objects.max_bytes),
        ));
    }
    let permit = Permit::new(size, kept.mime.clone(), &sha256, &md5);
    let permit = permit.ok_or_else(|| bad("the field sha256 must be 64 hex digits, and md5 the Base64 of 16 bytes"))?;
    let failed = |error: S3Error| refusal(&error, &bucket, Some(&key), Voice::Fitting);
    // Who puts past this server would hear of a missing bucket from a store it need not know of.
    objects.store.known_bucket(&bucket).await.map_err(failed)?;
    let condition = if_absent && objects.store.guarded(&bucket, &key).await.map_err(failed)?;
    let condition = condition && objects.store.conditions() == Conditions::Honoured;
    let now = SystemTime::now();
    let mut headers = BTreeMap::from([
        ("content-type".to_owned(), permit.mime.clone()),
        ("content-length".to_owned(), size.to_string()),
        ("content-md5".to_owned(), permit.md5.clone()),
        ("x-amz-meta-sha256".to_owned(), permit.sha256.clone()),
    ]);
    headers.extend(kept.disposition.map(|disposition| ("content-disposition".to_owned(), disposition.to_owned())));
    headers.extend(mark.map(|mark| ("x-amz-meta-imagepic-id".to_owned(), mark)));
    headers.extend(condition.then(|| ("if-none-match".to_owned(), "*".to_owned())));
    headers.insert(format!("x-amz-meta-{META}"), objects.grants.make(&caller.phone, &bucket, &key, permit, now));
    let signed: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let url = objects.outside.presigned_put_with(&bucket, &key, &signed, now, LIFE).map_err(failed)?;
    Ok(Good(Grant { url, method: "PUT".to_owned(), headers, expires_at: listing::time(now + LIFE) }))
}

/// Says that the bytes of a grant have arrived; the server looks at them, and tells the listeners.
///
/// What is not what the grant was for is removed. Only the person who had the grant can call this.
#[utoipa::path(
    post,
    path = "/imagepic/object/putCompleted",
    tag = "object",
    request_body = Address,
    responses(
        (status = 200, body = Envelope<Stored>),
        (status = 400, description = "Other bytes than the grant was for; they are removed"),
        (status = 403, description = "What lies there was not put under a grant of this person"),
        (status = 404, description = "No such bucket, or nothing arrived"),
        (status = 415, description = "Bytes of another type than the grant was for; they are removed")
    )
)]
pub(super) async fn put_completed(State(app): State<App>, caller: Caller, input: Input) -> Answer<Stored> {
    let (bucket, key) = fields::address(&input)?;
    app.objects.bucket(&bucket, Voice::Fitting)?;
    names::old_key(&key)?;
    to_its_end(async move { completed(app, caller, bucket, key).await }).await
}

async fn completed(app: App, caller: Caller, bucket: String, key: String) -> Answer<Stored> {
    let store = &app.objects.store;
    let failed = |error: S3Error| refusal(&error, &bucket, Some(&key), Voice::Fitting);
    let found = store.look_at(&bucket, &key).await.map_err(failed)?.ok_or_else(|| no_such_object(&bucket, &key))?;
    let grant = found.metadata.get(META).map(String::as_str).unwrap_or_default();
    let Some(permit) = app.objects.grants.read(grant, &caller.phone, &bucket, &key, SystemTime::now()) else {
        let reason = "what lies there was not put under a grant of yours";
        return Err(Refusal::new(StatusCode::FORBIDDEN, Code::Forbidden, reason));
    };
    if let Err(why) = fits(&app, &bucket, &key, &found, &permit).await.map_err(failed)? {
        store.remove(&bucket, &key).await.map_err(failed)?;
        return Err(why);
    }
    let confirmed = imagepic_s3::Stored { etag: found.etag, version_id: found.version_id };
    Ok(Good(stored(&app, &bucket, key, found.size, confirmed)))
}

/// Whether what arrived is what was granted.
async fn fits(app: &App, bucket: &str, key: &str, found: &Look, permit: &Permit) -> Result<Result<(), Refusal>, S3Error> {
    let other = || Ok(Err(bad("other bytes arrived than the grant was for; they were removed")));
    if found.size != permit.size || found.metadata.get("sha256") != Some(&permit.sha256) {
        return other();
    }
    if found.content_type.as_deref() != Some(permit.mime.as_str()) {
        return Ok(Err(type_refused()));
    }
    let head = read(app, bucket, key, Some(HEAD), |_| {}).await?;
    if app.objects.types.of(&head).is_none_or(|kept| kept.mime != permit.mime) {
        return Ok(Err(type_refused()));
    }
    // The bytes themselves are asked, and not only their ETag: the hash beside an object is what others take for its content, and MD5 and
    // SHA-256 of a grant need not have been of the same bytes.
    let _place = app.objects.budget.look().await;
    let mut hash = Sha256::new();
    read(app, bucket, key, None, |piece| hash.update(piece)).await?;
    if hex::encode(hash.finalize()) != permit.sha256 {
        return other();
    }
    Ok(Ok(()))
}

/// Reads an object, or its beginning; only the beginning is kept.
async fn read(app: &App, bucket: &str, key: &str, most: Option<usize>, mut see: impl FnMut(&[u8])) -> Result<Vec<u8>, S3Error> {
    let range = most.map(|most| ("range", format!("bytes=0-{}", most - 1)));
    let mut body = app.objects.store.open(bucket, key, range.into_iter().collect()).await?.body;
    let mut head = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(piece) = frame?.into_data() {
            see(&piece);
            head.extend_from_slice(&piece[..piece.len().min(HEAD - head.len())]);
            if most.is_some_and(|most| head.len() >= most) {
                break;
            }
        }
    }
    Ok(head)
}
