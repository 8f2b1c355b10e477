//! The team server: the register/login store and the bucket routes that the team's tools use, over any S3.
//!
//! [`router`] is everything that can be called, apart from any port; the console program binds it. What stays out: the engine, its
//! home and its settings. The two meet only over HTTP, by the types of `imagepic-api`.

mod accounts;
mod answer;
mod around;
mod client;
pub mod config;
mod cors;
mod data;
mod doorstep;
mod drain;
mod failure;
mod front;
mod input;
mod listen;
pub mod log;
mod metrics;
mod news;
mod objects;
mod openapi;
mod paths;
mod people;
mod routes;
mod serve;
mod state;
mod work;

pub use config::Config;
pub use failure::OpenError;
pub use serve::Bound;
pub use state::{App, document, open, router};

/// Looking after accounts from the console, beside a running server if there is one.
pub mod keeping {
    pub use crate::accounts::document::Oddity;
    pub use crate::people::Role;
    pub use crate::people::console::{Exported, Imported, Keeper, KeeperError, Left, Listed, Newcomer, Person, State};
}
