//! Which web pages may call the server: those of the allow-list, and none where it is empty.

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// A browser asks again after so many seconds.
const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(3600);

/// Answers for the origins of the list; `*` stands for all. No cookies are involved: pages send a token or nothing.
pub(crate) fn layer(origins: &[String]) -> tower::util::Either<CorsLayer, tower::layer::util::Identity> {
    if origins.is_empty() {
        return tower::util::Either::Right(tower::layer::util::Identity::new());
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let asked = ["bucket", "folder", "x-imagepic-encoding", "x-imagepic-id", "x-request-id"].map(HeaderName::from_static);
    let known = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
        header::IF_RANGE,
        header::RANGE,
    ];
    let told = [header::ETAG, header::CONTENT_RANGE, header::ACCEPT_RANGES, header::RETRY_AFTER, crate::front::REQUEST_ID];
    tower::util::Either::Left(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::HEAD, Method::POST])
            .allow_headers(asked.into_iter().chain(known).collect::<Vec<_>>())
            .expose_headers(told)
            .max_age(REMEMBERED),
    )
}
