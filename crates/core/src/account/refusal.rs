//! What a team server refuses, as the engine's codes and sentences: by the machine code where one comes, by the older service's own
//! texts where none does.

use imagepic_api::auth::reason;
use imagepic_api::{Code as Said, Envelope, REFUSED};
use imagepic_words::{Text, team as words};
use serde_json::Value;

use super::server::{Server, Trouble};
use crate::error::{Code, Error};

/// A refusal, as it came.
#[derive(Debug)]
pub(crate) struct Refused {
    said: Option<Said>,
    msg: String,
    /// The reasons of a form, or the one text.
    reasons: Vec<String>,
    /// The store's own code, where the store behind the server refused.
    store: Option<String>,
    retry_after: Option<u64>,
    /// There was nothing at all in it: how the older service says that a place is empty.
    pub(crate) bare: bool,
}

impl Refused {
    pub(super) fn new(envelope: Envelope<Value>, retry_after: Option<u64>) -> Self {
        let Envelope { data, msg, error, .. } = envelope;
        let text = |field: &str| data.as_ref().and_then(|data| data.get(field)?.as_str()).map(str::to_owned);
        let reasons = match &data {
            Some(Value::String(text)) => vec![text.clone()],
            _ => {
                text("err").or_else(|| text("message")).map(|err| err.split(',').map(str::to_owned).collect()).unwrap_or_default()
            }
        };
        let store = text("code").filter(|code| code.len() < 64);
        Self { said: error, msg, reasons, store, retry_after, bare: data.is_none() && error.is_none() }
    }

    pub(crate) fn is_token(&self) -> bool {
        use Said::{TokenExpired, TokenInvalid, TokenMalformed, TokenMissing, TokenRevoked};
        match self.said {
            Some(said) => matches!(said, TokenExpired | TokenInvalid | TokenMalformed | TokenMissing | TokenRevoked),
            None => self.msg == REFUSED,
        }
    }

    pub(crate) fn is_wrong_password(&self) -> bool {
        self.said == Some(Said::WrongCredentials) || (self.said.is_none() && self.has(reason::WRONG))
    }

    pub(crate) fn is(&self, said: Said) -> bool {
        self.said == Some(said)
    }

    fn has(&self, text: &str) -> bool {
        self.reasons.iter().any(|reason| reason == text)
    }

    /// What the server said beside its code, on one line and bounded.
    fn told(&self) -> String {
        let told = if self.reasons.is_empty() {
            self.store.clone().unwrap_or_else(|| self.msg.clone())
        } else {
            self.reasons.join(", ")
        };
        told.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
    }
}

/// What a question was about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) phone: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
}

/// The error a person reads.
pub(crate) fn fault(trouble: Trouble, server: &Server, about: About<'_>) -> Error {
    match trouble {
        Trouble::Fault(error) => error,
        Trouble::Refused(refused) => judge(&refused, server, about),
    }
}

fn judge(refused: &Refused, server: &Server, about: About<'_>) -> Error {
    let host = server.host();
    let About { phone, bucket, key } = about;
    let plain = |code, text| Error::new(code, text);
    match refused.said {
        None | Some(Said::BadPhone | Said::BadPassword | Said::BadEmail | Said::BadRequest | Said::Unknown) => {
            form(refused, server, about)
        }
        Some(Said::AlreadyRegistered) => plain(Code::BadRequest, words::registered(phone, host)).at("phone"),
        Some(Said::RegistrationClosed) => plain(Code::Forbidden, words::registration_closed(host)),
        Some(Said::BadInvite) => plain(Code::BadRequest, words::invite_bad(host)).at("invite"),
        Some(Said::WrongCredentials) => plain(Code::WrongPassword, words::wrong_password(host)).at("password"),
        Some(Said::TooManyAttempts) => {
            let text = refused.retry_after.map_or_else(|| words::too_many_later(host), |seconds| words::too_many(host, seconds));
            plain(Code::StoreBusy, text).at("password")
        }
        Some(Said::AccountDisabled) => plain(Code::SignInNeeded, words::disabled(phone, host)),
        Some(Said::TokenMissing | Said::TokenMalformed | Said::TokenInvalid | Said::TokenExpired | Said::TokenRevoked) => {
            plain(Code::SignInNeeded, words::session_ended(host, phone))
        }
        // What whoever runs the server has asked of everybody, or of this person.
        Some(Said::Forbidden) if refused.has(reason::PASSWORD) => {
            plain(Code::SignInNeeded, words::must_change(host, phone)).at("password")
        }
        Some(Said::Forbidden) if bucket.is_empty() => plain(Code::Forbidden, words::reads_refused(host, phone)),
        Some(Said::Forbidden) => plain(Code::Forbidden, words::forbidden(host, phone, bucket)),
        Some(Said::NoSuchBucket) => plain(Code::NoSuchBucket, words::no_such_bucket(bucket, host)).at("bucket"),
        Some(Said::NoSuchObject) => plain(Code::NoSuchObject, words::no_such_object(key, bucket, host)),
        Some(Said::NameRefused) => plain(Code::NameRefused, words::name_refused(host, key)),
        Some(Said::TypeRefused) => plain(Code::NotAnImage, words::type_refused(host, key)),
        Some(Said::TooLarge) => plain(Code::TooLarge, words::too_large(key, host)),
        Some(Said::Exists) => plain(Code::NameTaken, words::exists(key, bucket, host)),
        Some(Said::StoreUnreachable) => plain(Code::Unreachable, words::store_unreachable(host)),
        Some(Said::StoreRefused) => plain(Code::StoreRefused, words::refused(host, refused.told())),
        Some(Said::Unsupported | Said::NotFound) => plain(Code::Unsupported, words::unsupported(host)),
        Some(Said::Busy) => plain(Code::StoreBusy, words::busy(host)),
        Some(_) => plain(Code::StoreBusy, words::refused(host, refused.told())),
    }
}

/// By the older service's texts, which the newer one keeps in `data`: the first field that is wrong, and every reason in the sentence.
fn form(refused: &Refused, server: &Server, about: About<'_>) -> Error {
    let host = server.host();
    let known: [(&str, &'static str, Text); 6] = [
        (reason::PASSWORD, "password", words::password_form(host)),
        (reason::OLD_PASSWORD, "password", words::old_password_form(host)),
        (reason::NEW_PASSWORD, "new_password", words::new_password_form(host)),
        (reason::SAME_PASSWORD, "new_password", words::same_password(host)),
        (reason::EMAIL, "email", words::email_refused(host)),
        (reason::PHONE, "phone", words::phone_refused(host)),
    ];
    if let Some((_, field, text)) = known.into_iter().find(|(reason, ..)| refused.has(reason)) {
        return Error::new(Code::BadRequest, text).at(field);
    }
    if refused.has(reason::REGISTERED) {
        return Error::new(Code::BadRequest, words::registered(about.phone, host)).at("phone");
    }
    // The older service says no more than "failed" of somebody it does not know.
    if refused.has(reason::WRONG) || (about.bucket.is_empty() && refused.has(imagepic_api::FAILED)) {
        return Error::new(Code::WrongPassword, words::wrong_password(host)).at("password");
    }
    if refused.is_token() {
        return Error::new(Code::SignInNeeded, words::session_ended(host, about.phone));
    }
    match refused.store.as_deref() {
        Some("NoSuchBucket") => Error::new(Code::NoSuchBucket, words::no_such_bucket(about.bucket, host)).at("bucket"),
        Some("NoSuchKey" | "NotFound") => Error::new(Code::NoSuchObject, words::no_such_object(about.key, about.bucket, host)),
        Some("AccessDenied") => Error::new(Code::Forbidden, words::forbidden(host, about.phone, about.bucket)),
        Some("ECONNREFUSED" | "ENOTFOUND" | "ETIMEDOUT" | "ECONNRESET") => {
            Error::new(Code::Unreachable, words::store_unreachable(host))
        }
        _ => Error::new(Code::StoreRefused, words::refused(host, refused.told())),
    }
}
