//! What people are told when it is not done, in the contract's words.

use http::StatusCode;
use imagepic_api::Code;
use imagepic_api::auth::reason;

use super::rules;
use super::sessions::Gone;
use crate::accounts::StoreError;
use crate::answer::Refusal;
use crate::input::Input;

pub(super) fn refused(flaws: &[(bool, Code, &str)]) -> Refusal {
    let broken: Vec<_> = flaws.iter().filter(|(broken, ..)| *broken).collect();
    let reasons: Vec<_> = broken.iter().map(|(.., reason)| *reason).collect();
    Refusal::reasons(broken.first().map_or(Code::BadRequest, |(_, code, _)| *code), &reasons)
}

pub(super) fn note(input: &Input, name: &str) -> Result<Option<String>, Refusal> {
    rules::note(input.get(name)).map_err(|()| {
        let reason = format!("{name} is text of {} characters at most, without control characters", rules::LONGEST_NOTE);
        Refusal::new(StatusCode::BAD_REQUEST, Code::BadRequest, &reason)
    })
}

pub(super) fn wrong() -> Refusal {
    Refusal::reasons(Code::WrongCredentials, &[reason::WRONG])
}

pub(super) fn nobody() -> Refusal {
    Refusal::person(Code::TokenRevoked, reason::NOBODY)
}

pub(super) fn gone(stands: Result<(), Gone>) -> Result<(), Refusal> {
    stands.map_err(|gone| match gone {
        Gone::Changed => Refusal::person(Code::TokenRevoked, reason::CHANGED_SINCE),
        Gone::Flaw(flaw) => flaw.into(),
    })
}

pub(super) fn too_often(milliseconds: i64) -> Result<(), Refusal> {
    if milliseconds <= 0 {
        return Ok(());
    }
    let seconds = u64::try_from(milliseconds).unwrap_or_default().div_ceil(1000);
    Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyAttempts, "too many wrong tries").retry_after(seconds))
}

pub(super) fn too_many_accounts(milliseconds: i64) -> Refusal {
    let seconds = u64::try_from(milliseconds).unwrap_or_default().div_ceil(1000);
    let reason = "too many accounts were made from this address";
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyAttempts, reason).retry_after(seconds)
}

pub(super) fn busy(reason: &str) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, reason).retry_after(2)
}

/// The store's own words are for the log: they may name hosts and files.
#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
pub(super) fn store(error: StoreError) -> Refusal {
    tracing::error!(%error, "the account store failed");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Code::Internal, "the account store does not answer").retry_after(5)
}
