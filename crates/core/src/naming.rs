//! Template → object key. Pure.
