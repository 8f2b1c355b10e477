//! What can be called, by path. Each file has its routes and says in their annotations what the OpenAPI document tells of them.
//!
//! Paths are written as the contract spells them (`/imagepic/object/putObject`); any other case, and a slash at the end, are led to
//! them before this router sees a request.

use utoipa_axum::router::OpenApiRouter;

use crate::state::App;

mod auth;
mod bucket;
mod notification;
mod object;
mod policy;

/// Asked too often, or tried too often in vain.
#[derive(utoipa::IntoResponses)]
#[response(status = 429, description = "Too many wrong tries, or too many accounts from one address; `Retry-After`")]
struct TooOften;

/// A bucket that is not there, or not offered.
#[derive(utoipa::IntoResponses)]
#[response(status = 404, description = "No such bucket")]
struct NoBucket;

/// An object that is not there.
#[derive(utoipa::IntoResponses)]
#[response(status = 404, description = "No such bucket or object")]
struct NoObject;

/// All of them.
pub(crate) fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(auth::routes())
        .merge(bucket::routes())
        .merge(object::routes())
        .merge(policy::routes())
        .merge(notification::routes())
}
