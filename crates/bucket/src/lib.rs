//! The embedded bucket: "This computer" as a destination speaks S3 like any other, so that one code path serves them all.
//!
//! The protocol is s3s's; the state is an SQLite index beside blob files in one folder, durable before an answer is given.
//! [`open`] takes the folder, [`Server::bind`] listens on 127.0.0.1. What stays out: versions, ACLs, encryption, tags,
//! replication, and every other operation that pictures do not need; they answer `NotImplemented`.

mod access;
mod api;
#[doc(hidden)]
pub mod bench;
mod blobs;
mod chunked;
mod counters;
mod digest;
mod drain;
mod error;
mod fail;
mod front;
mod gate;
mod index;
pub mod keys;
mod policy;
mod server;

pub use counters::Counters;
pub use error::{Error, Result};
pub use front::BucketService;
pub use policy::Public;
pub use server::{Config, Running, Server, Usage, open, public, usage};
