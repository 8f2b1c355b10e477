//! What a person fills in, and what can be told about it without asking the server.

use imagepic_words::team as words;
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{Code, Error, Result};

/// The longest password anybody is asked for (the server's contract), in characters.
const LONGEST_PASSWORD: usize = 128;

/// What a person fills in to register. The phone number is the address's.
#[derive(Debug, Clone)]
pub struct Registering {
    /// What colleagues call them; may be empty.
    pub name: String,
    /// Their number in the team; may be empty.
    pub tfs: String,
    /// E-mail address.
    pub email: String,
    /// The password to be.
    pub password: SecretString,
    /// Where registration is by invitation; may be empty.
    pub invite: String,
}

/// Whether a password can be one at all; what else it must be the server decides.
pub(super) fn check_password(password: &SecretString, field: &'static str) -> Result<()> {
    let text = password.expose_secret();
    if text.is_empty() {
        return Err(Error::new(Code::BadRequest, words::password_empty()).at(field));
    }
    if text.chars().count() > LONGEST_PASSWORD || text.chars().any(char::is_control) {
        return Err(Error::new(Code::BadRequest, words::password_long()).at(field));
    }
    Ok(())
}
