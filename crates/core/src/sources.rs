//! Ways in that need more than taking what was given: a picture known by its address, and folders in which pictures appear.
//!
//! Each module knows the outside (the web, the file system) or keeps what must be remembered between two looks at it; when something is
//! fetched, asked about or taken in is decided by the engine.

pub(crate) mod asking;
pub(crate) mod fetches;
pub(crate) mod folder;
pub(crate) mod seen;
pub(crate) mod url;
