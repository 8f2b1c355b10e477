//! The wire types of the team server: one envelope, one list of error codes, one type for each body.
//!
//! Server and client share them, so that neither can drift from the other. What stays out: HTTP, sentences for people, and every
//! decision. The old service's contract is kept to the letter; see [`envelope`] for what was added to it.

pub mod auth;
pub mod capabilities;
pub mod code;
pub mod envelope;
pub mod object;

pub use code::Code;
pub use envelope::{Envelope, FAILED, OK, REFUSED, TokenFailure};
