//! What went wrong, for programs.

use serde::{Deserialize, Serialize};

/// The `error` of a failed envelope. The old service sent none: its clients look at `code` and at the Chinese texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// The request makes no sense: not JSON, not multipart, a field of the wrong type.
    BadRequest,
    /// No phone number by the server's rule.
    BadPhone,
    /// No password by the server's rule.
    BadPassword,
    /// No e-mail address by the server's rule.
    BadEmail,
    /// Somebody registered this phone number before.
    AlreadyRegistered,
    /// This server takes no registrations.
    RegistrationClosed,
    /// The invitation is missing, wrong, used up or out of date.
    BadInvite,
    /// Phone and password do not belong together, or nobody has that phone.
    WrongCredentials,
    /// Too many wrong tries; `Retry-After` says when to come back.
    TooManyAttempts,
    /// Whoever runs the server has disabled the account.
    AccountDisabled,
    /// No token came.
    TokenMissing,
    /// What came is no token.
    TokenMalformed,
    /// The signature or the claims do not hold.
    TokenInvalid,
    /// The token's hour is over.
    TokenExpired,
    /// The session has ended, or the password was changed since.
    TokenRevoked,
    /// The person may not do this.
    Forbidden,
    /// There is no such bucket, or it is not offered.
    NoSuchBucket,
    /// There is no such object.
    NoSuchObject,
    /// The store cannot or must not keep an object of this name.
    NameRefused,
    /// The bytes are not of a type this server takes.
    TypeRefused,
    /// Larger than this server takes.
    TooLarge,
    /// The name is taken, and the request asked not to overwrite.
    Exists,
    /// The store behind the server does not answer.
    StoreUnreachable,
    /// The store behind the server refused.
    StoreRefused,
    /// The store behind the server cannot do this.
    Unsupported,
    /// Too much at once; `Retry-After` says when to come back.
    Busy,
    /// No such route.
    NotFound,
    /// A fault of the server.
    Internal,
    /// A code of a later version.
    #[serde(other)]
    Unknown,
}
