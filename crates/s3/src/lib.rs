//! One S3 client: requests, presigned links, error mapping, and what was found out about stores that differ.
//!
//! [`Client`] is cheap to make: it opens nothing and reads nothing until the first request. It signs payloads with a SHA-256 the
//! caller made once, so that every store confirms the very bytes; it sends no ACL, no trailing checksums and no second try (the
//! queue retries). [`Client::probe`] climbs from the address to the permission to write and names the first thing that is wrong.
//!
//! What stays out: destinations, sentences and codes for people (the engine's), proxies and certificates (`imagepic-net`).

mod address;
mod body;
mod buckets;
mod bulk;
mod client;
mod error;
mod grant;
mod guard;
mod multipart;
mod objects;
pub mod policy;
mod probe;
mod put;
mod quirks;
mod raw;
mod read;
mod sign;
mod stream;

pub use address::encode_key;
pub use body::{Body, Progress};
pub use bulk::MOST_KEYS;
pub use client::{Bucket, Client, Config, Object, Page};
pub use error::{Kind, S3Error};
pub use imagepic_net::{Failure, Http};

pub use probe::{Access, Ladder, Rung, Suggestion};
pub use put::{Put, Stored};
pub use quirks::Conditions;
pub use read::{Arriving, Look, Opened, TOLD};
pub use sign::LONGEST_LINK;
pub use stream::Through;
