//! An upload to a team server: straight to the bucket by a grant, or through the server; confirmed in either case.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method, Request, header};
use imagepic_api::Code as Said;
use imagepic_api::object::{Address, Grant, PresignPut};
use imagepic_words::{store as say, team as words};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::bytes::{Digests, Sending, digests, etag_in_parts, form};
use super::{TeamStore, stored};
use crate::account::{Answered, Speaks, Trouble, fault, shown, unanswered};
use crate::error::{Code, Error, Result};
use crate::store::{Body, Progress, Put, Store as _, Stored};

/// A store's answer to a put is short; what is longer is not read, in bytes.
const LARGEST: usize = 64 * 1024;
/// Sizes of parts in which the library of the older service stores what is large, in bytes.
const PARTS: [u64; 4] = [64 << 20, 576 << 20, 5 << 20, 16 << 20];

impl TeamStore {
    pub(super) async fn send(&self, put: &Put, progress: &Progress) -> Result<Stored> {
        let speaks = self.server().speaks().await?;
        let digests = self.checked(put).await?;
        if let Speaks::Old = speaks {
            let sent = self.send_old(put, &digests, progress).await;
            if !self.is_replaced(&sent).await? {
                return sent;
            }
        }
        let mut found = self.server().ours().await?;
        if found.as_ref().is_some_and(|found| put.size > found.max_bytes) {
            // It may take more than when it was asked.
            found = self.server().ours_since(Duration::ZERO).await?;
        }
        let Some(found) = found else { return Err(self.old_cannot()) };
        if put.size > found.max_bytes {
            return Err(Error::new(Code::TooLarge, words::too_large(&put.key, self.server().host())));
        }
        if self.grants(&found)
            && let Some(stored) = self.send_granted(put, &digests, progress).await?
        {
            return Ok(stored);
        }
        let stored = self.send_through(put, true, progress).await?;
        // What went through the server is confirmed by what the bucket says it holds.
        if stored.etag.as_deref() == Some(&hex::encode(digests.md5)) {
            return Ok(stored);
        }
        let there = self.stat(&put.bucket, &put.key).await?;
        match there.and_then(|object| object.sha256) {
            Some(sha256) if sha256 == hex::encode(digests.sha256) => Ok(stored),
            Some(_) => Err(self.damaged(put)),
            None => self.confirmed_by_parts(put, stored, &digests).await,
        }
    }

    /// The bytes are those that were hashed at intake.
    async fn checked(&self, put: &Put) -> Result<Digests> {
        let read = digests(&put.body).await;
        match (read, &put.body) {
            (Ok(digests), _) if digests.sha256 == put.sha256 && digests.size == put.size => Ok(digests),
            (Ok(_), Body::Bytes(_)) => Err(self.damaged(put)),
            (Ok(_), Body::File(_)) => Err(Error::new(Code::FileChanged, words::source(&put.key))),
            (Err(error), _) => Err(Error::new(Code::FileChanged, words::source(&put.key)).because(error)),
        }
    }

    fn damaged(&self, put: &Put) -> Error {
        Error::new(Code::ChecksumMismatch, words::checksum(&put.key, self.server().host()))
    }

    /// `None` where the server grants nothing after all, or the bucket's own address cannot be reached from here.
    async fn send_granted(&self, put: &Put, digests: &Digests, progress: &Progress) -> Result<Option<Stored>> {
        let ask = PresignPut {
            bucket_name: put.bucket.clone(),
            object_name: put.key.clone(),
            content_type: put.content_type.clone(),
            size: put.size,
            sha256: hex::encode(put.sha256),
            md5: STANDARD.encode(digests.md5),
            if_absent: Some(put.if_absent),
            id: put.id.clone(),
        };
        let granted: Answered<Grant> = self.ask("object/presignedPutObject", &ask).await;
        let grant = match granted {
            Ok(grant) => grant,
            Err(Trouble::Refused(no)) if no.is(Said::Unsupported) => return Ok(None),
            Err(trouble) => return Err(fault(trouble, self.server(), self.about(&put.bucket, &put.key))),
        };
        match self.use_grant(put, grant, progress).await? {
            true => {}
            false => return Ok(None),
        }
        let completed = self.completed(&put.bucket, &put.key).await;
        completed
            .map(|done| Some(stored(done)))
            .map_err(|trouble| fault(trouble, self.server(), self.about(&put.bucket, &put.key)))
    }

    /// The server looks at what lies there, and tells its listeners.
    async fn completed(&self, bucket: &str, key: &str) -> Answered<imagepic_api::object::Stored> {
        let address = Address { bucket_name: bucket.to_owned(), object_name: key.to_owned() };
        self.ask("object/putCompleted", &address).await
    }

    /// Completes a put whose answer was lost, if it was by a grant.
    pub(super) async fn has_arrived(&self, bucket: &str, key: &str) -> Result<()> {
        if !self.has("object/putCompleted").await? {
            return Ok(());
        }
        match self.completed(bucket, key).await {
            // Not by a grant: it went through the server, which has looked at it and told of it.
            Err(Trouble::Refused(no)) if no.is(Said::Forbidden) => Ok(()),
            done => done.map(drop).map_err(|trouble| fault(trouble, self.server(), self.about(bucket, key))),
        }
    }

    /// Puts the bytes where the grant says; `false` where nobody can be reached there, or nothing may be sent there.
    async fn use_grant(&self, put: &Put, grant: Grant, progress: &Progress) -> Result<bool> {
        let odd = |address: &str| Error::new(Code::StoreRefused, words::grant_odd(self.server().host(), address));
        let url = Url::parse(&grant.url).map_err(|_| odd("?"))?;
        let host = shown(&url);
        if grant.method != "PUT" {
            return Err(odd(&format!("{}://{host}", url.scheme())));
        }
        if !self.server().may_send_to(&url) {
            // A store that is not meant for this client, such as one without TLS behind a server with it.
            tracing::info!(scheme = url.scheme(), %host, "imagepic sends nothing to the bucket's own address; bytes go through the team server");
            self.detour.take();
            return Ok(false);
        }
        let mut request = Request::builder().method(Method::PUT).uri(&grant.url);
        for (name, value) in &grant.headers {
            let allowed = name.to_ascii_lowercase();
            // The body gives its own length, the address its host.
            if allowed == "content-length" || allowed == "host" {
                continue;
            }
            if !(allowed.starts_with("content-") || allowed.starts_with("x-amz-") || allowed == "if-none-match") {
                return Err(odd(&host));
            }
            let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
                return Err(odd(&host));
            };
            request = request.header(name, value);
        }
        let body = self.open(put, None, progress).await?;
        let request = request.body(body).map_err(|error| self.server().unsayable(error))?;
        let answer = match self.server().http().ask(request, LARGEST).await {
            Ok(answer) => answer,
            Err(failure) if failure.is_before_sending() => {
                tracing::info!(%failure, "the bucket's own address cannot be reached; bytes go through the team server");
                self.detour.take();
                return Ok(false);
            }
            Err(failure) => return Err(unanswered(failure, &host)),
        };
        if answer.status().is_success() {
            return Ok(true);
        }
        Err(self.judge(put, &host, answer.status().as_u16(), &String::from_utf8_lossy(answer.body())))
    }

    /// What the bucket itself said to a granted put.
    fn judge(&self, put: &Put, host: &str, status: u16, body: &str) -> Error {
        let said = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code);
        let Put { bucket, key, .. } = put;
        match (status, said) {
            (_, "BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest") => self.damaged(put),
            // Bytes that came late or not at all: the same put may do better.
            (_, "RequestTimeout" | "IncompleteBody") => Error::new(Code::StoreBusy, say::busy(host)),
            (412, _) | (409, "ConditionalRequestConflict") => Error::new(Code::NameTaken, words::exists(key, bucket, host)),
            (_, "NoSuchBucket") => Error::new(Code::NoSuchBucket, words::no_such_bucket(bucket, host)).at("bucket"),
            (_, "QuotaExceeded") => Error::new(Code::DiskFull, say::disk_full(host, bucket)),
            (413, _) | (_, "EntityTooLarge") => Error::new(Code::TooLarge, words::too_large(key, host)),
            // The grant's ten minutes were over before the bucket looked at it; the next try gets another one.
            (403, "AccessDenied" | "RequestExpired" | "ExpiredToken") if body.to_ascii_lowercase().contains("expired") => {
                Error::new(Code::StoreBusy, say::busy(host))
            }
            (403, _) => Error::new(Code::Forbidden, words::forbidden(host, self.account.phone(), bucket)),
            (429 | 500..=599, _) => Error::new(Code::StoreBusy, say::busy(host)),
            (300..=399, _) => Error::new(Code::StoreRefused, words::odd_answer(host)),
            _ => Error::new(Code::StoreRefused, words::refused(host, format!("HTTP {status} {said}").trim())),
        }
    }

    async fn open(&self, put: &Put, frame: Option<(bytes::Bytes, bytes::Bytes)>, progress: &Progress) -> Result<Sending> {
        Sending::open(&put.body, put.size, frame, progress)
            .await
            .map_err(|error| Error::new(Code::FileChanged, words::source(&put.key)).because(error))
    }

    /// Through the server. `ours` knows percent-encoded names and conditions.
    pub(super) async fn send_through(&self, put: &Put, ours: bool, progress: &Progress) -> Result<Stored> {
        let (folder, name) = put.key.rsplit_once('/').unwrap_or(("", &put.key));
        if name.contains('\\') {
            // Every server takes what stands before it for a path of the computer the file came from.
            return Err(Error::new(Code::NameRefused, words::name_refused(self.server().host(), &put.key)));
        }
        let once = |token: std::sync::Arc<str>| async move {
            let (boundary, head, tail) = form(name, &put.content_type, ours);
            let mut request = self
                .server()
                .builder(Method::POST, "object/putObject", Some(&token))
                .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
                .header("bucket", &put.bucket);
            if ours {
                let segments: Vec<_> =
                    folder.split('/').map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string()).collect();
                request = request.header("x-imagepic-encoding", "percent").header("folder", segments.join("/"));
                if put.if_absent {
                    request = request.header(header::IF_NONE_MATCH, "*");
                }
                // By it an upload that was cancelled in the middle is known again, and removed.
                if let Some(id) = &put.id {
                    request = request.header("x-imagepic-id", id);
                }
            } else if !folder.is_empty() {
                request = request.header("folder", folder);
            }
            let body = self.open(put, Some((head, tail)), progress).await?;
            let request = request.body(body).map_err(|error| self.server().unsayable(error))?;
            let answer = self.server().http().ask(request, LARGEST).await;
            let answer = answer.map_err(|failure| unanswered(failure, self.server().host()))?;
            if answer.status().is_redirection() {
                return Err(Trouble::Fault(Error::new(Code::StoreRefused, words::odd_answer(self.server().host()))));
            }
            self.server().data::<imagepic_api::object::Stored>(answer)
        };
        let sent = self.account.with_token(once).await;
        sent.map(stored).map_err(|trouble| fault(trouble, self.server(), self.about(&put.bucket, &put.key)))
    }

    /// Confirms by the ETag alone: the MD5 of the bytes, or that of their parts.
    pub(super) async fn confirmed_by_parts(&self, put: &Put, stored: Stored, digests: &Digests) -> Result<Stored> {
        let unconfirmed = || Error::new(Code::StoreRefused, words::unconfirmed(self.server().host(), &put.key));
        let etag = stored.etag.clone().unwrap_or_default().to_ascii_lowercase();
        if etag == hex::encode(digests.md5) {
            return Ok(stored);
        }
        let Some(count) = etag.split_once('-').and_then(|(_, count)| count.parse::<u64>().ok()) else {
            // A plain MD5 of other bytes, or no MD5 at all.
            let is_md5 = etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
            return Err(if is_md5 { self.damaged(put) } else { unconfirmed() });
        };
        for part in PARTS.into_iter().filter(|part| put.size.div_ceil(*part) == count) {
            let body = put.body.clone();
            let made = tokio::task::spawn_blocking(move || etag_in_parts(&body, part)).await;
            if matches!(made, Ok(Ok(made)) if made == etag) {
                return Ok(stored);
            }
        }
        Err(unconfirmed())
    }
}
