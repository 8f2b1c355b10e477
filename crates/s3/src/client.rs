//! The client and its plain requests: buckets, listing, policies and links.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_s3::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_sdk_s3::config::{
    BehaviorVersion, IdentityCache, Region, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_sdk_s3::config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::EncodingType;
use aws_smithy_types::endpoint::EndpointAuthScheme;
use imagepic_net::Http;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use crate::address::Address;
use crate::error::{About, Kind, S3Error};
use crate::quirks::{Conditions, Quirks};
use crate::sign::Signer;

/// Where a store is and who asks.
#[derive(Debug, Clone)]
pub struct Config {
    /// `https://host[:port][/path]`, without bucket. Slashes and dots at its end do no harm.
    pub endpoint: String,
    /// As the store signs: `us-east-1`, `auto`…
    pub region: String,
    /// Access key id.
    pub access_key: String,
    /// Never printed, never logged.
    pub secret_key: SecretString,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`.
    pub path_style: bool,
}

/// One store, seen with one pair of keys. Clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) sdk: aws_sdk_s3::Client,
    pub(crate) http: Http,
    pub(crate) address: Arc<Address>,
    pub(crate) config: Arc<Config>,
    pub(crate) quirks: Arc<Quirks>,
    /// Unfinished uploads from before this are of a run that has ended.
    pub(crate) made: SystemTime,
    pub(crate) signer: Arc<Signer>,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Option<SystemTime>,
}

/// A page of a listing.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Full prefixes, ending in `/`.
    pub folders: Vec<String>,
    /// Objects directly in the place.
    pub objects: Vec<Object>,
    /// Give it back for the next page.
    pub next: Option<String>,
}

/// An object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// Full key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: Option<String>,
    /// Only from [`Client::stat`].
    pub content_type: Option<String>,
    /// When it was written.
    pub modified: Option<SystemTime>,
    /// `x-amz-meta-sha256`, in hex; only from [`Client::stat`].
    pub sha256: Option<String>,
    /// [`Put::id`](crate::Put::id); only from [`Client::stat`].
    pub id: Option<String>,
}

/// Addresses by our own rules: the SDK's know AWS's regions and partitions, and cost milliseconds to load.
#[derive(Debug)]
struct Resolver {
    address: Arc<Address>,
    region: String,
}

impl ResolveEndpoint for Resolver {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        let scheme = EndpointAuthScheme::with_capacity("sigv4", 3)
            .put("disableDoubleEncoding", true)
            .put("signingName", "s3".to_owned())
            .put("signingRegion", self.region.clone());
        EndpointFuture::ready(Ok(Endpoint::builder().url(self.address.of_bucket(params.bucket())).auth_scheme(scheme).build()))
    }
}

impl Client {
    /// Makes a client. No request, no file, no name look-up.
    ///
    /// # Errors
    /// [`Kind::Config`] for an endpoint that is no address, and an empty region or access key.
    pub fn new(config: Config, http: Http) -> Result<Self, S3Error> {
        let address = Arc::new(Address::parse(&config.endpoint, config.path_style)?);
        if config.region.trim().is_empty() || config.access_key.trim().is_empty() {
            return Err(S3Error::new(Kind::Config, "region and access key must not be empty"));
        }
        let credentials = Credentials::new(config.access_key.trim(), config.secret_key.expose_secret(), None, None, "imagepic");
        let sdk = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::no_cache())
            .region(Region::new(config.region.trim().to_owned()))
            .endpoint_resolver(Resolver { address: Arc::clone(&address), region: config.region.trim().to_owned() })
            .http_client(http.sdk())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .disable_s3_express_session_auth(true)
            .disable_clock_skew_correction(true)
            .build();
        let quirks = Quirks::of(&address.store());
        if address.is_aws() {
            quirks.learn(Conditions::Honoured);
        }
        let signer = Arc::new(Signer::new(config.access_key.trim(), config.secret_key.clone(), config.region.trim()));
        Ok(Self {
            sdk: aws_sdk_s3::Client::from_conf(sdk),
            http,
            address,
            config: Arc::new(config),
            quirks,
            made: SystemTime::now(),
            signer,
        })
    }

    /// Host and port, for people.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.host()
    }

    /// Who asks, and where.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What is known of conditional puts at this store.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        self.quirks.conditions()
    }

    /// Tells what is known of conditional puts beforehand, so that no put looks first (this computer's bucket honours them).
    pub fn set_conditions(&self, conditions: Conditions) {
        self.quirks.learn(conditions);
    }

    /// Tells the largest body this store takes in one request, in bytes: above it objects travel in parts. Found out by itself
    /// where the store says so (413); for stores behind a proxy that says nothing and hangs up.
    pub fn set_largest_request(&self, bytes: u64) {
        self.quirks.learn_largest(bytes);
    }

    /// One page of what lies directly below `prefix`, in key order; `limit` from 1 to 1,000.
    ///
    /// # Errors
    /// [`Kind::NoSuchBucket`], and every kind of [`S3Error`].
    pub async fn list(&self, bucket: &str, prefix: &str, cursor: Option<&str>, limit: u16) -> Result<Page, S3Error> {
        let limit = i32::from(limit.clamp(1, 1000));
        let first_version = self.quirks.list_v1() || cursor.is_some_and(|cursor| cursor.starts_with("1:"));
        let page = if first_version {
            self.list_v1(bucket, prefix, cursor, limit).await
        } else {
            match self.list_v2(bucket, prefix, cursor, limit).await {
                Err(error) if cursor.is_none() && error.kind == Kind::Unsupported => {
                    let page = self.list_v1(bucket, prefix, None, limit).await?;
                    self.quirks.learn_list_v1();
                    Ok(page)
                }
                page => page,
            }
        }?;
        self.quirks.saw(bucket);
        Ok(page)
    }

    async fn list_v2(&self, bucket: &str, prefix: &str, cursor: Option<&str>, limit: i32) -> Result<Page, S3Error> {
        let answer = self
            .sdk
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .delimiter("/")
            .encoding_type(EncodingType::Url)
            .max_keys(limit)
            .set_continuation_token(cursor.map(|cursor| cursor.trim_start_matches("2:").to_owned()))
            .send()
            .await
            .map_err(|error| S3Error::of(&error, About::Bucket))?;
        if answer.name.is_none() && answer.key_count.is_none() {
            return Err(S3Error::new(Kind::NotS3, "the answer to ListObjectsV2 is none"));
        }
        let encoded = answer.encoding_type == Some(EncodingType::Url);
        let next = answer.next_continuation_token.filter(|_| answer.is_truncated == Some(true));
        Ok(Page {
            folders: folders(answer.common_prefixes, encoded),
            objects: objects(answer.contents, prefix, encoded),
            next: next.map(|token| format!("2:{token}")),
        })
    }

    async fn list_v1(&self, bucket: &str, prefix: &str, cursor: Option<&str>, limit: i32) -> Result<Page, S3Error> {
        let answer = self
            .sdk
            .list_objects()
            .bucket(bucket)
            .prefix(prefix)
            .delimiter("/")
            .encoding_type(EncodingType::Url)
            .max_keys(limit)
            .set_marker(cursor.map(|cursor| cursor.trim_start_matches("1:").to_owned()))
            .send()
            .await
            .map_err(|error| S3Error::of(&error, About::Bucket))?;
        let encoded = answer.encoding_type == Some(EncodingType::Url);
        let folders = folders(answer.common_prefixes, encoded);
        let objects = objects(answer.contents, prefix, encoded);
        let last = || {
            let object = objects.last().map(|object| object.key.clone());
            object.max(folders.last().cloned())
        };
        let next = (answer.is_truncated == Some(true)).then(|| match answer.next_marker {
            Some(marker) => Some(decode(&marker, encoded)),
            None => last(),
        });
        Ok(Page { next: next.flatten().map(|marker| format!("1:{marker}")), folders, objects })
    }

    /// Whether the bucket is there, and ours to look at.
    ///
    /// # Errors
    /// [`Kind::NoSuchBucket`], [`Kind::Forbidden`], and every kind of [`S3Error`].
    pub async fn head_bucket(&self, bucket: &str) -> Result<(), S3Error> {
        match self.sdk.head_bucket().bucket(bucket).send().await {
            Ok(_) => {
                self.quirks.saw(bucket);
                Ok(())
            }
            Err(error) => {
                let error = S3Error::of(&error, About::Bucket);
                if error.kind == Kind::NoSuchBucket {
                    self.quirks.forget(bucket);
                }
                Err(error)
            }
        }
    }

    /// Makes sure that the bucket is there, unless it was seen before; keys that may not look at it are believed to have one.
    ///
    /// # Errors
    /// [`Kind::NoSuchBucket`], and every kind of [`S3Error`].
    pub async fn known_bucket(&self, bucket: &str) -> Result<(), S3Error> {
        if self.quirks.knows(bucket) {
            return Ok(());
        }
        match self.head_bucket(bucket).await {
            Err(error) if error.kind == Kind::Forbidden => Ok(()),
            seen => seen,
        }
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// [`Kind::NameTaken`], [`Kind::NameRefused`], and every kind of [`S3Error`].
    pub async fn make_bucket(&self, bucket: &str) -> Result<(), S3Error> {
        use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
        let mut request = self.sdk.create_bucket().bucket(bucket);
        // AWS wants the region said, but for the one that has no name for it; other stores take no constraint at all.
        if self.address.is_aws() && self.config.region != "us-east-1" {
            let constraint = BucketLocationConstraint::from(self.config.region.as_str());
            request =
                request.create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(constraint).build());
        }
        request.send().await.map_err(|error| S3Error::of(&error, About::Bucket))?;
        self.quirks.saw(bucket);
        Ok(())
    }

    /// The bucket's policy as JSON; `None` where it has none.
    ///
    /// # Errors
    /// [`Kind::Unsupported`] where the store knows no policies, and every kind of [`S3Error`].
    pub async fn policy(&self, bucket: &str) -> Result<Option<String>, S3Error> {
        match self.sdk.get_bucket_policy().bucket(bucket).send().await {
            Ok(answer) => Ok(answer.policy.filter(|policy| !policy.trim().is_empty())),
            Err(error) => match S3Error::of(&error, About::Bucket) {
                none if none.kind == Kind::NoSuchKey => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Replaces the bucket's policy.
    ///
    /// # Errors
    /// [`Kind::Unsupported`] where the store knows no policies, and every kind of [`S3Error`].
    pub async fn set_policy(&self, bucket: &str, policy: &str) -> Result<(), S3Error> {
        let request = self.sdk.put_bucket_policy().bucket(bucket).policy(policy);
        request.send().await.map(|_| ()).map_err(|error| S3Error::of(&error, About::Bucket))
    }

    /// The object's address, for stores and prefixes everybody may read. Makes no request.
    #[must_use]
    pub fn public_url(&self, bucket: &str, key: &str) -> String {
        self.address.of_object(bucket, key)
    }

    /// A link that opens the object for `life` (one second to seven days) from `now` on. Makes no request.
    ///
    /// # Errors
    /// [`Kind::Config`] for a life that no signature can have.
    pub fn presigned_get(&self, bucket: &str, key: &str, now: SystemTime, life: Duration) -> Result<String, S3Error> {
        self.signer.link("GET", &self.address.of_object(bucket, key), now, life, &[])
    }

    /// An address somebody else may put the object to, with exactly this content type. Makes no request.
    ///
    /// # Errors
    /// [`Kind::Config`] for a life that no signature can have.
    pub fn presigned_put(
        &self,
        bucket: &str,
        key: &str,
        content_type: &str,
        now: SystemTime,
        life: Duration,
    ) -> Result<String, S3Error> {
        self.signer.link("PUT", &self.address.of_object(bucket, key), now, life, &[("content-type", content_type)])
    }

    /// Makes a request with these headers (`host` among them) and a body of this hash (SHA-256 in hex) one of ours.
    pub(crate) fn sign<B>(
        &self,
        request: &mut http::Request<B>,
        url: &str,
        headers: &[(&str, &str)],
        hash: &str,
    ) -> Result<(), S3Error> {
        let made = self.signer.headers(request.method().as_str(), url, headers, hash, SystemTime::now());
        for (name, value) in made {
            let mut value = http::HeaderValue::try_from(value)
                .map_err(|_| S3Error::new(Kind::Config, "the access key or the region fit no header"))?;
            value.set_sensitive(name == "authorization");
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }
}

pub(crate) fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

pub(crate) fn time(time: DateTime) -> Option<SystemTime> {
    SystemTime::try_from(time).ok()
}

fn decode(text: &str, encoded: bool) -> String {
    if !encoded {
        return text.to_owned();
    }
    // `encoding-type=url` writes a blank as `+` (AWS) or `%20` (others); a plus is always `%2B`.
    percent_decode_str(&text.replace('+', "%20")).decode_utf8_lossy().into_owned()
}

fn folders(prefixes: Option<Vec<aws_sdk_s3::types::CommonPrefix>>, encoded: bool) -> Vec<String> {
    prefixes.unwrap_or_default().into_iter().filter_map(|prefix| Some(decode(&prefix.prefix?, encoded))).collect()
}

fn objects(contents: Option<Vec<aws_sdk_s3::types::Object>>, prefix: &str, encoded: bool) -> Vec<Object> {
    let objects = contents.unwrap_or_default().into_iter().filter_map(|object| {
        let key = decode(&object.key?, encoded);
        Some(Object {
            key,
            size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            etag: object.e_tag.as_deref().map(unquoted),
            modified: object.last_modified.and_then(time),
            ..Object::default()
        })
    });
    // The folder's own marker object ("a/" in the listing of "a/") is the place, not a thing in it.
    objects.filter(|object| object.key != prefix || !prefix.ends_with('/')).collect()
}
