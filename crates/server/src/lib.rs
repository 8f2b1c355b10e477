//! The team server: the register/login store and the bucket routes that the team's tools use, over any S3.
//!
//! [`router`] is everything that can be called, apart from any port; the console program binds it. What stays out: the engine, its
//! home and its settings. The two meet only over HTTP, by the types of `imagepic-api`.

#![expect(dead_code, reason = "the routes that use these stand on them")]

mod accounts;
mod answer;
