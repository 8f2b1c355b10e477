//! Everything below a prefix, place by place: the store lists one level at a time, and that is all it has to know.

use std::sync::Arc;

use crate::error::Result;
use crate::store::{Object, Store};

/// Entries a request brings.
const STRIDE: u16 = 1000;

/// A walk through everything below a prefix. Holds the places that are still to be seen, and no objects.
pub(super) struct Walk {
    store: Arc<dyn Store>,
    bucket: String,
    /// Place and cursor; the last is seen next.
    ahead: Vec<(String, Option<String>)>,
}

/// What one request brought.
#[derive(Debug)]
pub(super) struct Step {
    /// The place.
    pub(super) prefix: String,
    /// Its objects, without its own mark.
    pub(super) objects: Vec<Object>,
    /// That is the whole place, and nothing lies in it.
    pub(super) empty: bool,
}

impl Walk {
    pub(super) fn below(store: Arc<dyn Store>, bucket: &str, prefix: &str) -> Self {
        Self { store, bucket: bucket.to_owned(), ahead: vec![(prefix.to_owned(), None)] }
    }

    /// The next page, one request; `None` at the end.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn next(&mut self) -> Result<Option<Step>> {
        let Some((prefix, cursor)) = self.ahead.pop() else { return Ok(None) };
        let page = self.store.list(&self.bucket, &prefix, cursor.as_deref(), STRIDE).await?;
        let first = cursor.is_none();
        // A store that gives the same page again would be walked for ever.
        let next = page.next.filter(|next| Some(next) != cursor.as_ref());
        let empty = first && next.is_none() && page.folders.is_empty() && page.objects.is_empty();
        if let Some(next) = next {
            self.ahead.push((prefix.clone(), Some(next)));
        }
        self.ahead.extend(page.folders.into_iter().filter(|folder| *folder != prefix).map(|folder| (folder, None)));
        let objects = page.objects.into_iter().filter(|object| object.key != prefix).collect();
        Ok(Some(Step { prefix, objects, empty }))
    }
}
