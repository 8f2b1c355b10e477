//! Listing as a range of the index. Behind a common prefix it seeks instead of stepping, so that a page costs what it shows
//! and not what lies in the folders it names.

use rusqlite::{Connection, params};

use super::Millis;
use crate::fail::Try;

/// One line of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Object { key: String, size: u64, etag: String, modified: Millis },
    Prefix(String),
}

impl Entry {
    /// The string by which entries are ordered and resumed.
    pub(crate) fn name(&self) -> &str {
        match self {
            Entry::Object { key, .. } => key,
            Entry::Prefix(prefix) => prefix,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) prefix: String,
    /// Empty for none.
    pub(crate) delimiter: String,
    /// Only entries (keys and common prefixes alike) greater than this.
    pub(crate) after: Option<String>,
    pub(crate) limit: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    pub(crate) more: bool,
    /// Rows of the index that were stepped over: what the page cost.
    pub(crate) steps: usize,
}

/// The smallest string greater than all that begin with `prefix`; `None` where there is none.
fn beyond(prefix: &[u8]) -> Option<Vec<u8>> {
    let end = prefix.iter().rposition(|&b| b != 0xff)?;
    let mut bound = prefix[..=end].to_vec();
    bound[end] += 1;
    Some(bound)
}

/// The common prefix a key is rolled up into, if any.
fn rolled_up<'k>(key: &'k str, prefix: &str, delimiter: &str) -> Option<&'k str> {
    if delimiter.is_empty() {
        return None;
    }
    let at = key.get(prefix.len()..)?.find(delimiter)?;
    Some(&key[..prefix.len() + at + delimiter.len()])
}

/// Lists one page.
pub(crate) fn list(conn: &Connection, bucket: i64, listing: &Listing) -> Try<Page> {
    let mut page = Page::default();
    if listing.limit == 0 {
        return Ok(page);
    }
    let prefix = listing.prefix.as_bytes();
    // Keys are UTF-8, so 0xff is above them all.
    let end = beyond(prefix).unwrap_or_else(|| vec![0xff]);
    let mut from = prefix.to_vec();
    if let Some(after) = listing.after.as_deref().filter(|a| a.as_bytes() >= prefix) {
        // Inside a common prefix everything left of it would be rolled up into an entry that is not greater.
        from = match rolled_up(
            after,
            if after.starts_with(&listing.prefix) { &listing.prefix } else { after },
            &listing.delimiter,
        ) {
            Some(group) => beyond(group.as_bytes()).unwrap_or_else(|| vec![0xff]),
            None => [after.as_bytes(), &[0]].concat(),
        };
    }
    let mut query = conn
        .prepare_cached("SELECT key, size, etag, modified FROM object WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key")?;
    'seek: loop {
        let mut rows = query.query(params![bucket, from, end])?;
        while let Some(row) = rows.next()? {
            page.steps += 1;
            let key =
                std::str::from_utf8(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?).map_err(rusqlite::Error::from)?;
            if page.entries.len() == listing.limit {
                page.more = true;
                return Ok(page);
            }
            if let Some(group) = rolled_up(key, &listing.prefix, &listing.delimiter) {
                let next = beyond(group.as_bytes());
                page.entries.push(Entry::Prefix(group.to_owned()));
                match next {
                    Some(next) => from = next,
                    None => return Ok(page),
                }
                continue 'seek;
            }
            let size: i64 = row.get(1)?;
            page.entries.push(Entry::Object {
                key: key.to_owned(),
                size: u64::try_from(size).unwrap_or(0),
                etag: row.get(2)?,
                modified: row.get(3)?,
            });
        }
        return Ok(page);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::index::{Effects, Meta, Object, SCHEMA, add_bucket, put_object};

    /// What S3 says a listing is, written down without any cleverness.
    fn naive(keys: &BTreeSet<String>, listing: &Listing) -> Vec<String> {
        let mut names = BTreeSet::new();
        for key in keys.iter().filter(|k| k.starts_with(&listing.prefix)) {
            let rest = &key[listing.prefix.len()..];
            let name = match rest.find(&listing.delimiter) {
                Some(at) if !listing.delimiter.is_empty() => {
                    key[..listing.prefix.len() + at + listing.delimiter.len()].to_owned()
                }
                _ => key.clone(),
            };
            if listing.after.as_ref().is_none_or(|after| name > *after) {
                names.insert(name);
            }
        }
        names.into_iter().collect()
    }

    fn filled(keys: &BTreeSet<String>) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(SCHEMA).unwrap();
        add_bucket(&conn, "one", 0).unwrap();
        add_bucket(&conn, "two", 0).unwrap();
        let row = Object { size: 1, etag: "e".into(), modified: 0, meta: Meta::default(), pieces: vec![] };
        for key in keys {
            put_object(&conn, 1, key, &row, &mut Effects::default()).unwrap();
        }
        put_object(&conn, 2, "a/other bucket", &row, &mut Effects::default()).unwrap();
        conn
    }

    fn text(longest: usize) -> impl Strategy<Value = String> {
        proptest::collection::vec(prop::sample::select(vec!["a", "b", "/", "//", "-", "é", "图", "\u{10ffff}", "~"]), 0..longest)
            .prop_map(|v| v.concat())
    }

    proptest! {
        #[test]
        fn pages_put_together_are_the_listing_s3_describes(
            keys in proptest::collection::btree_set(text(6).prop_filter("a key has a byte", |k| !k.is_empty()), 0..40),
            prefix in text(3),
            delimiter in prop::sample::select(vec!["", "/", "//", "-", "é", "a/"]),
            after in proptest::option::of(text(4).prop_filter("an empty one is none", |k| !k.is_empty())),
            limit in 1_usize..8,
        ) {
            let conn = filled(&keys);
            let whole = Listing { prefix, delimiter: delimiter.into(), after, limit };
            let wanted = naive(&keys, &whole);
            let (mut found, mut next) = (Vec::new(), whole.clone());
            loop {
                let page = list(&conn, 1, &next).unwrap();
                prop_assert!(page.entries.len() <= limit);
                prop_assert!(page.steps <= limit + 1, "{} steps for a page of {}", page.steps, limit);
                found.extend(page.entries.iter().map(|e| e.name().to_owned()));
                if !page.more {
                    break;
                }
                prop_assert_eq!(page.entries.len(), limit);
                next.after = page.entries.last().map(|e| e.name().to_owned());
            }
            prop_assert_eq!(found, wanted);
        }
    }
}
