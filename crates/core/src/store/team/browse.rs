//! What browsing asks of a team server beyond listing: bytes, rules, many at once, and the line on which it tells.

use std::collections::BTreeMap;

use ::bytes::Bytes;
use http::{Method, header};
use imagepic_api::object::{Access, Address, Copy, GetPolicy, Policy, RemoveMany, Removed, SetPolicy, Stat};
use imagepic_words::{browse, team as words};
use serde_json::Value;

use super::{TeamStore, meta, object, stored};
use crate::account::{Answered, Speaks, fault, unanswered};
use crate::error::{Code, Error, Result};
use crate::store::{Details, News, Object, Rule, Store as _, Stored};

/// A link that is followed at once lives so many seconds.
const MOMENT: u32 = 300;

impl TeamStore {
    async fn is_old(&self) -> Result<bool> {
        Ok(matches!(self.server().speaks().await?, Speaks::Old))
    }

    pub(super) async fn has(&self, route: &str) -> Result<bool> {
        let found = self.server().ours().await?;
        Ok(found.is_some_and(|found| found.routes.iter().any(|known| known.eq_ignore_ascii_case(route))))
    }

    pub(super) async fn details_of(&self, bucket: &str, key: &str) -> Result<Option<Details>> {
        if self.is_old().await? {
            let object = self.stat_old(bucket, key).await?;
            return Ok(object.map(|object| Details { object, ..Details::default() }));
        }
        let Some((object, stat)) = self.told_of(bucket, key).await? else { return Ok(None) };
        let (mut headers, mut metadata) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in stat.meta_data {
            let name = name.to_ascii_lowercase();
            match name.strip_prefix("x-amz-meta-") {
                _ if name == "content-type" => {}
                Some(bare) => drop(metadata.insert(bare.to_owned(), value)),
                None if imagepic_s3::TOLD.contains(&name.as_str()) => drop(headers.insert(name, value)),
                None => drop(metadata.insert(name, value)),
            }
        }
        Ok(Some(Details { object, version_id: stat.version_id, headers, metadata }))
    }

    /// An object as the server tells of it; `None` where there is none.
    pub(super) async fn told_of(&self, bucket: &str, key: &str) -> Result<Option<(Object, Stat)>> {
        let address = Address { bucket_name: bucket.to_owned(), object_name: key.to_owned() };
        let asked: Answered<Stat> = self.look("object/statObject", &address).await;
        match asked.map_err(|trouble| fault(trouble, self.server(), self.about(bucket, key))) {
            Ok(stat) => {
                let mut seen = object(key.to_owned(), stat.size, &stat.etag, &stat.last_modified);
                seen.content_type = meta(&stat.meta_data, "content-type");
                seen.sha256 = meta(&stat.meta_data, "sha256");
                seen.id = meta(&stat.meta_data, "imagepic-id");
                Ok(Some((seen, stat)))
            }
            Err(error) if error.code == Code::NoSuchObject => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Straight from the bucket, or through the server where the bucket's own address is no use from here.
    pub(super) async fn bytes_of(&self, bucket: &str, key: &str, most: u64) -> Result<Bytes> {
        let limit = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1);
        // The older service hands out no bytes itself.
        let through = !self.is_old().await?;
        let straight = if through && self.detour.is_taken() { None } else { self.bytes_straight(bucket, key, limit).await? };
        let bytes = match straight {
            Some(bytes) => bytes,
            None if through => self.bytes_through(bucket, key, limit).await?,
            None => return Err(Error::new(Code::StoreRefused, words::odd_answer(self.server().host()))),
        };
        if bytes.len() < limit { Ok(bytes) } else { Err(Error::new(Code::TooLarge, browse::too_large_to_read(key))) }
    }

    /// `None` where nobody can be reached there, or nothing may be sent there.
    async fn bytes_straight(&self, bucket: &str, key: &str, limit: usize) -> Result<Option<Bytes>> {
        let (link, url) = self.signed(bucket, key, MOMENT).await?;
        let host = self.server().host();
        if !self.server().may_send_to(&url) {
            self.detour.take();
            return Ok(None);
        }
        let answer = match self.server().http().get(&link, limit).await {
            Ok(answer) => answer,
            Err(failure) if failure.is_before_sending() => {
                tracing::info!(%failure, "the bucket's own address cannot be reached; bytes come through the team server");
                self.detour.take();
                return Ok(None);
            }
            Err(failure) => return Err(unanswered(failure, host)),
        };
        match answer.status().as_u16() {
            200 => Ok(Some(answer.into_body())),
            404 => Err(Error::new(Code::NoSuchObject, words::no_such_object(key, bucket, host))),
            status => Err(Error::new(Code::StoreRefused, words::refused(host, format!("HTTP {status}")))),
        }
    }

    async fn bytes_through(&self, bucket: &str, key: &str, limit: usize) -> Result<Bytes> {
        let part = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let path = format!("object/getObject?bucketName={}&objectName={}", part(bucket), part(key));
        let path = path.as_str();
        let freely = if self.reads_freely().await? { Some(self.server().bytes(path, None, limit).await) } else { None };
        let asked = match freely.filter(|answer| !self.wants_token(answer)) {
            Some(answer) => answer,
            None => self.account.with_token(|token| async move { self.server().bytes(path, Some(&token), limit).await }).await,
        };
        asked.map_err(|trouble| fault(trouble, self.server(), self.about(bucket, key)))
    }

    pub(super) async fn copied(&self, bucket: &str, from: &str, to: &str, if_absent: bool) -> Result<Stored> {
        if self.is_old().await? {
            return Err(self.old_cannot());
        }
        let copy = Copy {
            bucket_name: bucket.to_owned(),
            object_name: from.to_owned(),
            target_name: to.to_owned(),
            if_absent: Some(if_absent),
        };
        let asked: Answered<imagepic_api::object::Stored> = self.ask("object/copyObject", &copy).await;
        asked.map(stored).map_err(|trouble| match fault(trouble, self.server(), self.about(bucket, from)) {
            taken if taken.code == Code::NameTaken => Error::new(Code::NameTaken, browse::name_taken(to, bucket)),
            error => error,
        })
    }

    pub(super) async fn removed_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Result<()>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        if self.is_old().await? {
            let mut outcomes = Vec::with_capacity(keys.len());
            for key in keys {
                outcomes.push(self.remove(bucket, key).await);
            }
            return Ok(outcomes);
        }
        let many = RemoveMany { bucket_name: bucket.to_owned(), object_names: keys.to_vec() };
        let asked: Answered<Vec<Removed>> = self.ask("object/removeObjects", &many).await;
        let told = asked.map_err(|trouble| fault(trouble, self.server(), self.about(bucket, "")))?;
        let host = self.server().host();
        let outcome = |key: &String| match told.iter().find(|removed| removed.object_name == *key) {
            Some(removed) if removed.success => Ok(()),
            Some(removed) => {
                let code = removed.error.and_then(|code| serde_json::to_value(code).ok());
                let code = code.as_ref().and_then(Value::as_str).unwrap_or("?").to_owned();
                Err(Error::new(Code::StoreRefused, words::refused(host, code)))
            }
            None => Err(Error::new(Code::StoreRefused, words::odd_answer(host))),
        };
        Ok(keys.iter().map(outcome).collect())
    }

    pub(super) async fn rules_of(&self, bucket: &str) -> Result<Vec<Rule>> {
        if !self.has("policy/getBucketPolicy").await? {
            return Err(Error::new(Code::Unsupported, browse::no_rules(bucket)));
        }
        let get = GetPolicy { bucket_name: bucket.to_owned() };
        let asked: Answered<Policy> = self.look("policy/getBucketPolicy", &get).await;
        let policy = asked.map_err(|trouble| self.rules_fault(fault(trouble, self.server(), self.about(bucket, "")), bucket))?;
        let rule = |rule: imagepic_api::object::Rule| Rule { prefix: rule.prefix, public: rule.access == Access::PublicRead };
        Ok(policy.access.into_iter().map(rule).collect())
    }

    pub(super) async fn set_rule(&self, bucket: &str, prefix: &str, public: bool) -> Result<()> {
        if !self.has("policy/setBucketPolicy").await? {
            return Err(Error::new(Code::Unsupported, browse::no_rules(bucket)));
        }
        let access = if public { Access::PublicRead } else { Access::Private };
        let set = SetPolicy { bucket_name: bucket.to_owned(), prefix: prefix.to_owned(), access };
        let asked: Answered<Value> = self.ask("policy/setBucketPolicy", &set).await;
        asked.map(drop).map_err(|trouble| self.rules_fault(fault(trouble, self.server(), self.about(bucket, "")), bucket))
    }

    fn rules_fault(&self, error: Error, bucket: &str) -> Error {
        match error.code {
            Code::Unsupported => Error::new(Code::Unsupported, browse::no_rules(bucket)).because(error),
            // Whoever may read and write everything else learns that this one thing takes an admin.
            Code::Forbidden => Error::new(Code::Forbidden, browse::rules_admin(self.server().host())).because(error),
            _ => error,
        }
    }

    pub(super) async fn news_of(&self, bucket: &str) -> Result<Option<News>> {
        if !self.has("notification/listen").await? {
            return Ok(None);
        }
        let token = self.account.token().await?;
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("bucketName", bucket).finish();
        let request = self
            .server()
            .builder(Method::GET, &format!("notification/listen?{query}"), Some(&token))
            .header(header::ACCEPT, "text/event-stream")
            .body(Nothing)
            .map_err(|error| self.server().unsayable(error))?;
        let host = self.server().host();
        let answer = self.server().http().open(request).await.map_err(|failure| unanswered(failure, host))?;
        // A token that does not hold is told in an envelope, with status 200.
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let tells = kind.starts_with("text/event-stream");
        match answer.status().as_u16() {
            200 if tells => Ok(Some(News::new(answer.into_body()))),
            404 | 405 | 501 => Ok(None),
            429 | 503 => Err(Error::new(Code::StoreBusy, words::busy(host))),
            status => Err(Error::new(Code::StoreRefused, words::refused(host, format!("HTTP {status}")))),
        }
    }
}

/// The body of a request that has none.
struct Nothing;

impl http_body::Body for Nothing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<std::result::Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(0)
    }
}
