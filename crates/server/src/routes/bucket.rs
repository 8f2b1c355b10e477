//! Buckets.

use axum::extract::{RawQuery, State};
use imagepic_api::Envelope;
use imagepic_api::object::Bucket;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::{Answer, Good};
use crate::objects::faults::{Voice, refusal};
use crate::objects::{fields, listing};
use crate::people::Reader;
use crate::state::App;

/// `/imagepic/bucket/…`
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_buckets))
}

/// The buckets that are offered.
///
/// With both `pageSize` and `pageNum` (from 1) that page of them, and an empty list where one of them is no number or less than 1. With
/// only one of them, or none, all.
#[utoipa::path(
    get,
    path = "/imagepic/bucket/listBuckets",
    tag = "bucket",
    params(
        ("pageSize" = Option<String>, Query, description = "Buckets a page; only with `pageNum`"),
        ("pageNum" = Option<String>, Query, description = "Which page, from 1; only with `pageSize`")
    ),
    responses((status = 200, body = Envelope<Vec<Bucket>>))
)]
async fn list_buckets(State(app): State<App>, _: Reader, RawQuery(query): RawQuery) -> Answer<Vec<Bucket>> {
    let all = app.objects.store.buckets().await.map_err(|error| refusal(&error, "", None, Voice::Fitting))?;
    let offered = all.into_iter().filter(|bucket| app.objects.offers(&bucket.name));
    let buckets = offered.map(|bucket| Bucket { name: bucket.name, created: bucket.created.map(listing::time) });
    let query = fields::query(query.as_deref());
    let number = |name: &str| query.get(name).map(|text| text.trim().parse::<usize>().unwrap_or_default());
    Ok(Good(match (number("pageSize"), number("pageNum")) {
        (Some(size), Some(page)) if size > 0 && page > 0 => buckets.skip((page - 1).saturating_mul(size)).take(size).collect(),
        (Some(_), Some(_)) => Vec::new(),
        _ => buckets.collect(),
    }))
}
