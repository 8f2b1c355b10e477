//! The one place where answers get their form: success, refusal, and what the old service's clients match on.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use imagepic_api::{Code, Envelope, FAILED, REFUSED, TokenFailure};
use serde::Serialize;
use serde_json::{Value, json};

/// What a route answers.
pub(crate) type Answer<T> = Result<Good<T>, Refusal>;

/// A success; `data` as given.
pub(crate) struct Good<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Good<T> {
    fn into_response(self) -> Response {
        axum::Json(Envelope::ok(self.0)).into_response()
    }
}

/// `data: {}`.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub(crate) struct Nothing {}

/// A failure, before it is an answer.
///
/// What the old service answered in JSON stays 200, since its clients look at `code`; what hung, died or came as HTML there has a
/// status that fits.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// HTTP status; 200 where the old service answered.
    pub(crate) status: StatusCode,
    /// [`FAILED`] or [`REFUSED`].
    pub(crate) msg: &'static str,
    /// As the old service had it; absent where it had none.
    pub(crate) data: Option<Value>,
    /// For programs.
    pub(crate) error: Code,
    /// Seconds, for `Retry-After`.
    pub(crate) retry_after: Option<u64>,
}

impl Refusal {
    /// In the old service's form: 200, 失败, `data.err`.
    pub(crate) fn reasons(error: Code, reasons: &[&str]) -> Self {
        Self { status: StatusCode::OK, msg: FAILED, data: Some(json!({ "err": reasons.join(",") })), error, retry_after: None }
    }

    /// In the old service's form: 200, 未满足权限, with what its token library said.
    pub(crate) fn token(error: Code, failure: &TokenFailure) -> Self {
        Self { status: StatusCode::OK, msg: REFUSED, data: serde_json::to_value(failure).ok(), error, retry_after: None }
    }

    /// In the old service's form: 200, 未满足权限, a plain text.
    pub(crate) fn person(error: Code, text: &str) -> Self {
        Self { status: StatusCode::OK, msg: REFUSED, data: Some(Value::from(text)), error, retry_after: None }
    }

    /// A failure the old service had no JSON for: a status, and a reason in plain English for whoever reads the traffic.
    pub(crate) fn new(status: StatusCode, error: Code, reason: &str) -> Self {
        Self { status, msg: FAILED, data: Some(json!({ "err": reason })), error, retry_after: None }
    }

    /// Asks to come back after that many seconds.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut answer = (self.status, axum::Json(Envelope::failure(self.msg, self.data, self.error))).into_response();
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // For the metrics and the log, which never read bodies.
        answer.extensions_mut().insert(self.error);
        answer
    }
}
