//! Who asks: the token of a request, checked, as an argument of a route.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use imagepic_api::Code;

use super::Role;
use super::tokens::Flaw;
use crate::answer::Refusal;
use crate::state::App;

/// Somebody whose token holds at this moment: the session is alive and the password is the one it was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// In the form it is kept in.
    pub(crate) phone: String,
    /// What the person may do.
    pub(crate) role: Role,
    /// The session; tokens always name one.
    pub(crate) sid: Option<String>,
}

impl Caller {
    /// Lets admins through.
    ///
    /// # Errors
    /// 403 `forbidden` for everybody else.
    pub(crate) fn admin(&self) -> Result<(), Refusal> {
        match self.role {
            Role::Admin => Ok(()),
            Role::Member => Err(Refusal::new(StatusCode::FORBIDDEN, Code::Forbidden, "this is for admins")),
        }
    }
}

/// Somebody who reads: a caller, or nobody where the configuration lets everybody read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reader(pub(crate) Option<Caller>);

/// The token in `authorization`, raw as the old clients send it, or after `Bearer` (RFC 6750; the scheme in any case).
pub(crate) fn token(headers: &HeaderMap) -> Result<&str, Flaw> {
    let value = headers.get(header::AUTHORIZATION).ok_or(Flaw::Missing)?;
    let value = value.to_str().map_err(|_| Flaw::Malformed)?.trim();
    let token = match value.split_at_checked(6) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") && (rest.is_empty() || rest.starts_with(' ')) => {
            rest.trim_start()
        }
        _ => value,
    };
    if token.is_empty() { Err(Flaw::Missing) } else { Ok(token) }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        app.people.check(token(&parts.headers)?).await
    }
}

impl FromRequestParts<App> for Reader {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let caller = Caller::from_request_parts(parts, app).await;
        if app.config.anonymous_reads() {
            // The old clients send whatever token they have, to routes that never asked for one.
            return Ok(Self(caller.ok()));
        }
        caller.map(|caller| Self(Some(caller)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_raw_and_as_a_bearer() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().expect("a header"));
            token(&headers).map(str::to_owned)
        };
        assert_eq!(read("a.b.c"), Ok("a.b.c".to_owned()));
        assert_eq!(read("Bearer a.b.c"), Ok("a.b.c".to_owned()));
        assert_eq!(read("bearer  a.b.c "), Ok("a.b.c".to_owned()));
        assert_eq!(read("bearera.b.c"), Ok("bearera.b.c".to_owned()));
        assert_eq!(read("Bearer"), Err(Flaw::Missing));
        assert_eq!(read(""), Err(Flaw::Missing));
        assert_eq!(token(&HeaderMap::new()), Err(Flaw::Missing));
    }
}
