//! Which one thing is wrong: a climb from the address to the permission to write, with real requests, stopping at the first rung
//! that does not hold. What the climb puts into the bucket it takes away again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use imagepic_net::Failure;
use sha2::{Digest as _, Sha256};

use crate::body::Body;
use crate::client::{Client, Config};
use crate::error::{Kind, LARGEST_SKEW, S3Error, ahead};
use crate::put::Put;
use crate::quirks::Conditions;

/// The rungs, from the ground up. Windows know them as `RungName`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
#[ts(export, rename = "RungName")]
pub enum Rung {
    /// Name, connection, and an S3 store that answers.
    Address,
    /// The certificate, and that TLS is spoken at all.
    Tls,
    /// The clocks agree.
    Clock,
    /// The region signatures are made for.
    Region,
    /// The access key is known.
    Key,
    /// The secret key fits.
    Secret,
    /// The bucket is there.
    Bucket,
    /// Writing, reading and removing below the folder.
    Permission,
    /// Path or host style.
    Style,
}

impl Rung {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Address,
        Self::Tls,
        Self::Clock,
        Self::Region,
        Self::Key,
        Self::Secret,
        Self::Bucket,
        Self::Permission,
        Self::Style,
    ];
}

/// What to put into which field; tried before it is suggested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// This address.
    Endpoint(String),
    /// This region.
    Region(String),
    /// Path style on, or off.
    PathStyle(bool),
}

/// Who may open what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody: public links open.
    Public,
    /// Only holders of a signed link.
    Private,
}

/// How far the climb came.
#[derive(Debug, Clone)]
pub struct Ladder {
    /// The first rung that does not hold, and why. `None`: all is well.
    pub wrong: Option<(Rung, S3Error)>,
    /// What would make it hold.
    pub suggestion: Option<Suggestion>,
    /// Whether what lies in bucket and folder opens without a signature; known when the climb reached the top.
    pub access: Option<Access>,
}

impl Ladder {
    /// Whether this rung was climbed and holds.
    #[must_use]
    pub fn holds(&self, rung: Rung) -> bool {
        // Style shows only when a bucket answers; its place at the end of the list is for people.
        self.wrong.as_ref().is_none_or(|(wrong, _)| rung < *wrong && (*wrong != Rung::Style || rung < Rung::Bucket))
    }
}

type Wrong = (Rung, S3Error, Option<Suggestion>);

impl Client {
    /// Climbs. Takes some requests' time; gives up with the time-outs of the network setting.
    pub async fn probe(&self, bucket: &str, folder: &str) -> Ladder {
        self.probe_telling(bucket, folder, &|_| {}).await
    }

    /// As [`probe`](Self::probe); `tell` is called with each rung that is set out for, when those below it hold.
    pub async fn probe_telling(&self, bucket: &str, folder: &str, tell: &(dyn Fn(Rung) + Send + Sync)) -> Ladder {
        match self.climb(bucket, folder, tell).await {
            Ok(access) => Ladder { wrong: None, suggestion: None, access: Some(access) },
            Err((rung, error, suggestion)) => Ladder { wrong: Some((rung, error)), suggestion, access: None },
        }
    }

    async fn climb(&self, bucket: &str, folder: &str, tell: &(dyn Fn(Rung) + Send + Sync)) -> Result<Access, Wrong> {
        tell(Rung::Address);
        self.reach().await?;
        tell(Rung::Region);
        match self.buckets().await {
            Ok(_) => {}
            // Many keys may use one bucket and list none.
            Err(error) if matches!(error.kind, Kind::Forbidden | Kind::Unsupported) => {}
            Err(error) => return Err(self.at_rung(error)),
        }
        tell(Rung::Bucket);
        self.find(bucket).await?;
        tell(Rung::Permission);
        self.write_and_read(bucket, folder).await
    }

    /// Address, TLS and clock, by asking without a signature.
    async fn reach(&self) -> Result<(), Wrong> {
        let endpoint = self.address.of_bucket(None);
        let answer = match self.http.get(&format!("{endpoint}/"), 64 * 1024).await {
            Ok(answer) => answer,
            Err(failure) => {
                let (rung, other) = match failure {
                    Failure::NotTls => (Rung::Tls, endpoint.strip_prefix("https://").map(|rest| format!("http://{rest}"))),
                    Failure::Tls(_) | Failure::CaFile(_) => (Rung::Tls, None),
                    Failure::Broken(_) => (Rung::Address, self.other_scheme().await),
                    _ => (Rung::Address, None),
                };
                return Err((rung, S3Error::of_failure(&failure), other.map(Suggestion::Endpoint)));
            }
        };
        // A server that wants TLS says 400 to plain HTTP, in words of its own.
        if answer.status() == StatusCode::BAD_REQUEST
            && !self.address.is_https()
            && let Some(other) = self.other_scheme().await
        {
            let error = S3Error::new(Kind::NotS3, "the address speaks TLS");
            return Err((Rung::Tls, error, Some(Suggestion::Endpoint(other))));
        }
        let date = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        if let Some(seconds) = date.and_then(|date| ahead(date, SystemTime::now()))
            && seconds.abs() > LARGEST_SKEW
        {
            let error = S3Error { clock_ahead: Some(seconds), ..S3Error::new(Kind::ClockSkew, "the clocks differ") };
            return Err((Rung::Clock, error, None));
        }
        Ok(())
    }

    /// `https://` for an address that was given as `http://`, if that answers.
    async fn other_scheme(&self) -> Option<String> {
        let endpoint = self.address.of_bucket(None);
        let other = format!("https://{}", endpoint.strip_prefix("http://")?);
        match self.http.get(&format!("{other}/"), 1024).await {
            // A certificate that is not accepted is still TLS.
            Ok(_) | Err(Failure::Tls(_)) => Some(other),
            Err(_) => None,
        }
    }

    fn at_rung(&self, error: S3Error) -> Wrong {
        let rung = match error.kind {
            Kind::Tls | Kind::NotTls | Kind::CaFile => Rung::Tls,
            Kind::ClockSkew => Rung::Clock,
            Kind::WrongRegion => Rung::Region,
            Kind::WrongAccessKey => Rung::Key,
            Kind::WrongSecretKey => Rung::Secret,
            Kind::NoSuchBucket | Kind::NameRefused => Rung::Bucket,
            Kind::WrongStyle => Rung::Style,
            Kind::Forbidden => Rung::Permission,
            _ => Rung::Address,
        };
        let ours = self.config.region.trim();
        let region = error.region.clone().filter(|region| error.kind == Kind::WrongRegion && region != ours);
        (rung, error, region.map(Suggestion::Region))
    }

    /// The bucket, and the style it is asked for in.
    async fn find(&self, bucket: &str) -> Result<(), Wrong> {
        if bucket.trim().is_empty() {
            return Err((Rung::Bucket, S3Error::new(Kind::NoSuchBucket, "no bucket is named"), None));
        }
        let Err(error) = self.list(bucket, "", None, 1).await else { return Ok(()) };
        if matches!(error.kind, Kind::ClockSkew | Kind::WrongRegion | Kind::Busy | Kind::Timeout) {
            return Err(self.at_rung(error));
        }
        if let Some(other) = self.other_style(bucket)
            && other.list(bucket, "", None, 1).await.is_ok()
        {
            let error = S3Error { kind: Kind::WrongStyle, ..error };
            return Err((Rung::Style, error, Some(Suggestion::PathStyle(other.config.path_style))));
        }
        match error.kind {
            // Listing may be denied where writing is allowed: the next rung tells.
            Kind::Forbidden => Ok(()),
            // The store answered a moment ago under its own name, so it is the bucket's name that leads nowhere.
            Kind::Dns | Kind::Unreachable | Kind::Tls | Kind::NotS3 if !self.address.by_path(bucket) => {
                Err((Rung::Style, S3Error { kind: Kind::WrongStyle, ..error }, None))
            }
            _ => {
                let (rung, error, suggestion) = self.at_rung(error);
                Err((if rung == Rung::Address { Rung::Bucket } else { rung }, error, suggestion))
            }
        }
    }

    /// The same client in the other style, where the bucket's address differs in it.
    fn other_style(&self, bucket: &str) -> Option<Self> {
        let config = Config { path_style: !self.config.path_style, ..(*self.config).clone() };
        let other = Self::new(config, self.http.clone()).ok()?;
        (other.address.by_path(bucket) != self.address.by_path(bucket)).then_some(other)
    }

    async fn write_and_read(&self, bucket: &str, folder: &str) -> Result<Access, Wrong> {
        let folder = folder.trim_matches('/');
        let name = format!(".imagepic-test-{}.txt", uuid::Uuid::new_v4().simple());
        let key = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let bytes = Bytes::from(format!("imagepic wrote this to see whether it may, and removes it at once: {key}\n"));
        let put = Put {
            bucket: bucket.to_owned(),
            key: key.clone(),
            size: bytes.len() as u64,
            sha256: Sha256::digest(&bytes).into(),
            body: Body::Bytes(bytes.clone()),
            content_type: "text/plain".to_owned(),
            content_disposition: None,
            if_absent: false,
            id: None,
        };
        self.put(&put, Arc::new(|_| {})).await.map_err(|error| self.writing(error))?;
        let seen = self.read_back(&put, &bytes).await;
        let removed = self.remove(bucket, &key).await;
        let access = seen?;
        removed.map_err(|error| self.writing(error))?;
        Ok(access)
    }

    async fn read_back(&self, put: &Put, bytes: &Bytes) -> Result<Access, Wrong> {
        if self.conditions() == Conditions::Unknown
            && let Err(error) = self.learn_conditions(put).await
        {
            tracing::debug!(%error, "whether conditions are honoured is still not known");
        }
        let unreadable = |why: String| (Rung::Permission, S3Error::new(Kind::Forbidden, why), None);
        let link = self.presigned_get(&put.bucket, &put.key, SystemTime::now(), Duration::from_secs(60));
        let link = link.map_err(|error| self.at_rung(error))?;
        match self.http.get(&link, 4096).await {
            Ok(answer) if answer.status() == StatusCode::OK && answer.body() == bytes => {}
            Ok(answer) => return Err(unreadable(format!("a signed link answers {}", answer.status()))),
            Err(failure) => return Err(self.at_rung(S3Error::of_failure(&failure))),
        }
        let open = self.http.get(&self.public_url(&put.bucket, &put.key), 4096).await;
        let public = open.is_ok_and(|answer| answer.status() == StatusCode::OK && answer.body() == bytes);
        Ok(if public { Access::Public } else { Access::Private })
    }

    fn writing(&self, error: S3Error) -> Wrong {
        match error.kind {
            Kind::Forbidden | Kind::Refused | Kind::NameRefused | Kind::Unsupported => (Rung::Permission, error, None),
            _ => {
                let (rung, error, suggestion) = self.at_rung(error);
                (if rung == Rung::Address { Rung::Permission } else { rung }, error, suggestion)
            }
        }
    }
}
