//! A permission for somebody else to put one object, once, with exactly the headers that were signed.

use std::time::{Duration, SystemTime};

use crate::client::Client;
use crate::error::S3Error;

impl Client {
    /// An address somebody else may put the object to, with exactly these headers (names in lower case, without `host`): the
    /// signature covers each of them. Makes no request.
    ///
    /// # Errors
    /// [`Kind::Config`](crate::Kind::Config) for a life that no signature can have.
    pub fn presigned_put_with(
        &self,
        bucket: &str,
        key: &str,
        headers: &[(&str, &str)],
        now: SystemTime,
        life: Duration,
    ) -> Result<String, S3Error> {
        self.signer.link("PUT", &self.address.of_object(bucket, key), now, life, headers)
    }
}
