//! Who may read without a signature.

use axum::extract::State;
use http::StatusCode;
use imagepic_api::object::{Access, GetPolicy, Policy, SetPolicy};
use imagepic_api::{Code, Envelope};
use imagepic_s3::{Kind, S3Error};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::NoBucket;
use crate::answer::{Answer, Good, Nothing, Refusal};
use crate::input::Input;
use crate::objects::faults::{Voice, refusal};
use crate::objects::{fields, policy};
use crate::people::{Caller, Reader};
use crate::state::App;
use crate::work::to_its_end;

/// A policy is read, changed and written: by one replica at a time.
const POLICIES: &str = "imagepic policies";

/// `/imagepic/policy/…`
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_bucket_policy)).routes(routes!(set_bucket_policy))
}

async fn document(app: &App, bucket: &str) -> Result<Option<Value>, Refusal> {
    let text = app.objects.store.policy(bucket).await.map_err(|error| failed(&error, bucket))?;
    let unreadable = |_| Refusal::new(StatusCode::BAD_GATEWAY, Code::StoreRefused, "the bucket's policy cannot be read");
    text.map(|text| serde_json::from_str(&text).map_err(unreadable)).transpose()
}

fn bad(reason: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, Code::BadRequest, reason)
}

fn failed(error: &S3Error, bucket: &str) -> Refusal {
    match error.kind {
        Kind::Unsupported => {
            Refusal::new(StatusCode::NOT_IMPLEMENTED, Code::Unsupported, "the store behind this server knows no policies")
        }
        _ => refusal(error, bucket, None, Voice::Fitting),
    }
}

/// Who may read what in a bucket without a signature.
#[utoipa::path(
    post,
    path = "/imagepic/policy/getBucketPolicy",
    tag = "policy",
    request_body = GetPolicy,
    responses(
        (status = 200, body = Envelope<Policy>),
        NoBucket,
        (status = 501, description = "The store knows no policies")
    )
)]
async fn get_bucket_policy(State(app): State<App>, _: Reader, input: Input) -> Answer<Policy> {
    let bucket = fields::text(&input, "bucketName")?;
    app.objects.bucket(&bucket, Voice::Fitting)?;
    let document = document(&app, &bucket).await?;
    Ok(Good(Policy { access: policy::rules(&bucket, document.as_ref()), policy: document }))
}

/// Changes who may read below one prefix; every other statement stays. For admins.
#[utoipa::path(
    post,
    path = "/imagepic/policy/setBucketPolicy",
    tag = "policy",
    request_body = SetPolicy,
    responses(
        (status = 200, body = Envelope<Nothing>),
        (status = 400, description = "A prefix that another rule opens, or one that no rule can have"),
        (status = 403, description = "For admins"),
        NoBucket,
        (status = 501, description = "The store knows no policies")
    )
)]
async fn set_bucket_policy(State(app): State<App>, caller: Caller, input: Input) -> Answer<Nothing> {
    caller.admin()?;
    let bucket = fields::text(&input, "bucketName")?;
    let prefix = fields::optional_text(&input, "prefix")?.unwrap_or_default();
    let access = match fields::text(&input, "access")?.as_str() {
        "private" => Access::Private,
        "public-read" => Access::PublicRead,
        _ => return Err(bad("the field access must be private or public-read")),
    };
    if prefix.len() > 1024 || prefix.chars().any(char::is_control) {
        return Err(bad("the field prefix must have no control characters and at most 1024 bytes"));
    }
    app.objects.bucket(&bucket, Voice::Fitting)?;
    // The lock must not be given back while the store still writes.
    to_its_end(async move { change(app, caller, bucket, prefix, access).await }).await
}

async fn change(app: App, caller: Caller, bucket: String, prefix: String, access: Access) -> Answer<Nothing> {
    let _alone = app.objects.policies.lock().await;
    let _of_all_replicas = app.people.alone(POLICIES).await?;
    let before = document(&app, &bucket).await?;
    let after = policy::change(&bucket, before.clone(), &prefix, access).map_err(|stuck| bad(&stuck.to_string()))?;
    if after != before {
        let store = &app.objects.store;
        let done = match &after {
            Some(document) => store.set_policy(&bucket, &document.to_string()).await,
            None => store.remove_policy(&bucket).await,
        };
        done.map_err(|error| failed(&error, &bucket))?;
        tracing::info!(bucket, prefix, ?access, by = caller.phone, "who may read was changed");
    }
    Ok(Good(Nothing {}))
}
