//! `GET /imagepic/capabilities`: what a client asks once. An answer that is not this one comes from an older service.

use serde::{Deserialize, Serialize};

/// What the server is and can do. The answer's `data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// `imagepic`.
    pub server: String,
    /// The server's version, as in its releases.
    pub version: String,
    /// Whom it lets register.
    pub registration: Registration,
    /// What a password must be, for the hint beside the field.
    pub password: PasswordRule,
    /// Largest object, in bytes.
    pub max_bytes: u64,
    /// Reading needs no token.
    pub anonymous_reads: bool,
    /// The routes beyond the old service's, by their path below `/imagepic` (`object/presignedPutObject`).
    pub routes: Vec<String>,
    /// Where objects of a bucket can be read without a signature, by bucket; the key is appended.
    pub public_bases: std::collections::BTreeMap<String, String>,
}

/// Whom a server lets register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody.
    Open,
    /// Whoever has a code.
    Invite,
    /// Nobody.
    Closed,
}

/// What a new password must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PasswordRule {
    /// Characters at least.
    pub min: u32,
    /// Characters at most.
    pub max: u32,
    /// The pattern of the server's configuration, where it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}
