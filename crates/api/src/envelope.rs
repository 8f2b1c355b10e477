//! The form of every answer: `{"code":"0"|"-1","data":…,"msg":"…","success":true|false}`, and `"error"` on failures.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Code;

/// `msg` of every success. Old clients compare these texts, so they never follow the caller's language.
pub const OK: &str = "成功";
/// `msg` of every failure but those of the token.
pub const FAILED: &str = "失败";
/// `msg` where the token does not suffice.
pub const REFUSED: &str = "未满足权限";

/// An answer. `data` is absent from some failures of the old service and may be a plain string where an object is expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Envelope<T> {
    /// `"0"` for success, `"-1"` for failure; a string.
    pub code: String,
    /// What was asked for, or what is known of the failure.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
    /// [`OK`], [`FAILED`] or [`REFUSED`].
    #[serde(default)]
    pub msg: String,
    /// The same as `code == "0"`.
    pub success: bool,
    /// Only on failures, and only from this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Code>,
}

fn none<T>() -> Option<T> {
    None
}

impl<T> Envelope<T> {
    /// A success.
    pub fn ok(data: T) -> Self {
        Self { code: "0".to_owned(), data: Some(data), msg: OK.to_owned(), success: true, error: None }
    }
}

impl Envelope<Value> {
    /// A failure; `msg` is [`FAILED`] or [`REFUSED`].
    #[must_use]
    pub fn failure(msg: &str, data: Option<Value>, error: Code) -> Self {
        Self { code: "-1".to_owned(), data, msg: msg.to_owned(), success: false, error: Some(error) }
    }
}

/// `data` of a refused token, in the words of the library the old service used: clients match on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenFailure {
    /// `TokenExpiredError` or `JsonWebTokenError`.
    pub name: String,
    /// `jwt expired`, `jwt must be provided`, `jwt malformed`, `invalid signature`, `invalid token`.
    pub message: String,
    /// Only with `TokenExpiredError`: UTC with milliseconds and `Z`.
    #[serde(rename = "expiredAt", default, skip_serializing_if = "Option::is_none")]
    pub expired_at: Option<String>,
}
