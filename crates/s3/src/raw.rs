//! Requests that are signed and sent without the SDK: for bodies that come from somewhere else while they travel, for answers that
//! are handed on as they come, and for servers that send them by the thousand.

use std::pin::Pin;

use aws_smithy_types::body::SdkBody;
use http::{Method, Response};
use imagepic_net::Failure;

use crate::client::Client;
use crate::error::{About, Kind, S3Error};

/// Stands for the body's hash where nobody has one (AWS, "Signature calculations: unsigned payload option").
pub(crate) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// The SHA-256 of nothing.
pub(crate) const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const USER_AGENT: &str = concat!("imagepic/", env!("CARGO_PKG_VERSION"));
/// Bytes of an answer that are read at most where nobody asked for them; errors are a few hundred.
const LONGEST: usize = 64 * 1024;

/// What to ask.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    /// Empty for the service itself.
    pub(crate) bucket: &'a str,
    /// `None` for the bucket itself.
    pub(crate) key: Option<&'a str>,
    /// Without question mark; empty for none.
    pub(crate) query: &'a str,
    /// Signed, all of them; names in lower case, without `host`.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// SHA-256 of the body in hex, or [`UNSIGNED`].
    pub(crate) hash: String,
    /// Of the body, where there is one.
    pub(crate) length: Option<u64>,
}

impl Client {
    /// Sends it and waits for the head of the answer.
    ///
    /// # Errors
    /// What keeps the answer from coming; any status is an answer.
    pub(crate) async fn ask(&self, ask: Ask<'_>, body: SdkBody) -> Result<Response<SdkBody>, S3Error> {
        let refuse = |error: &dyn std::fmt::Display| S3Error::new(Kind::Config, error.to_string());
        let mut url = match ask.key {
            Some(key) => self.address.of_object(ask.bucket, key),
            None if ask.bucket.is_empty() => format!("{}/", self.address.of_bucket(None)),
            None if self.address.by_path(ask.bucket) => self.address.of_bucket(Some(ask.bucket)),
            None => format!("{}/", self.address.of_bucket(Some(ask.bucket))),
        };
        if !ask.query.is_empty() {
            url.push('?');
            url.push_str(ask.query);
        }
        let uri: http::Uri = url.parse().map_err(|error| refuse(&error))?;
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        let mut request = http::Request::builder().method(ask.method).uri(uri).header("host", &host);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(length) = ask.length {
            request = request.header("content-length", length);
        }
        let mut request = request.header("user-agent", USER_AGENT).body(body).map_err(|error| refuse(&error))?;
        let named = ask.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<(&str, &str)> = named.chain([("host", host.as_str())]).collect();
        self.sign(&mut request, &url, &headers, &ask.hash)?;
        self.http.exchange(request).await.map_err(|failure| S3Error::of_failure(&failure))
    }

    /// As [`Client::ask`] for a request without body, whose whole answer is read (at most `most` bytes).
    ///
    /// # Errors
    /// Every kind of [`S3Error`].
    pub(crate) async fn ask_all(
        &self,
        ask: Ask<'_>,
        body: SdkBody,
        most: usize,
        about: About,
    ) -> Result<Response<Vec<u8>>, S3Error> {
        let (head, mut body) = self.ask(ask, body).await?.into_parts();
        // Read to its end in any case: a connection with something left in it is not used again.
        let said = read(&mut body, most.max(LONGEST)).await?;
        if !head.status.is_success() {
            return Err(S3Error::of_plain(&head, &said, about));
        }
        Ok(Response::from_parts(head, said))
    }
}

/// What an answer says when it is none that was wished for.
pub(crate) async fn refused(answer: Response<SdkBody>, about: About) -> S3Error {
    let (head, mut body) = answer.into_parts();
    match read(&mut body, LONGEST).await {
        Ok(said) => S3Error::of_plain(&head, &said, about),
        Err(_) => S3Error::of_plain(&head, &[], about),
    }
}

async fn read(body: &mut SdkBody, most: usize) -> Result<Vec<u8>, S3Error> {
    let mut said = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut *body), cx)).await {
        let frame = frame.map_err(|error| S3Error::of_failure(&Failure::of(&*error)))?;
        if let Ok(data) = frame.into_data() {
            said.extend_from_slice(&data[..data.len().min(most - said.len())]);
        }
        if said.len() == most {
            break;
        }
    }
    Ok(said)
}
