//! What stands around the routes, asked over real connections: paths, envelopes, refusals that are heard, slow clients, the end.

mod answers;
mod connections;
mod document;
mod start;
mod support;
