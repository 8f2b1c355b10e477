//! For measuring only: rows by the hundred thousand without their bytes, and the cost of a page in steps.

use crate::error::{Error, Result};
use crate::index::{self, Listing, Meta, Object};
use crate::server::Server;

/// Writes `count` rows without bytes under the names `name(0..count)`, in transactions of 10,000.
///
/// # Errors
/// The bucket is not there or the index cannot be written.
pub async fn fill(
    server: &Server,
    bucket: &str,
    count: u32,
    name: impl Fn(u32) -> String + Send + Sync + Clone + 'static,
) -> Result<()> {
    let mut from = 0;
    while from < count {
        let to = count.min(from + 10_000);
        let (bucket, name) = (bucket.to_owned(), name.clone());
        let row = Object {
            size: 0,
            etag: "d41d8cd98f00b204e9800998ecf8427e".into(),
            modified: 0,
            meta: Meta::default(),
            pieces: vec![],
        };
        let done = server.api.writer.change(vec![], move |conn, effects| {
            let id = index::bucket_id(conn, &bucket)?;
            (from..to).try_for_each(|n| index::put_object(conn, id, &name(n), &row, effects))
        });
        done.await.map_err(|_| Error::Closed)?;
        from = to;
    }
    Ok(())
}

/// Lists one page of a folder; returns how many entries it has and how many rows were stepped over for it.
///
/// # Errors
/// The bucket is not there or the index cannot be read.
pub async fn page(server: &Server, bucket: &str, prefix: &str, after: Option<String>) -> Result<(usize, usize)> {
    let bucket = bucket.to_owned();
    let listing = Listing { prefix: prefix.into(), delimiter: "/".into(), after, limit: 1000 };
    let page = server.api.readers.run(move |conn| index::list(conn, index::bucket_id(conn, &bucket)?, &listing)).await;
    page.map(|p| (p.entries.len(), p.steps)).map_err(|_| Error::Closed)
}
