//! The bucket over its real port, asked by the AWS SDK, by bare HTTP, and by programs of others.
#![expect(clippy::print_stdout, reason = "a child tells its parent the port")]

mod access;
mod checksums;
mod common;
mod crash;
mod durable;
mod foreign;
mod home;
mod listing;
mod lost;
mod multipart;
mod objects;
mod operations;
mod sign;
