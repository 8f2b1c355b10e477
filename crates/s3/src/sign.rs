//! Signature Version 4 (AWS, "Signature Version 4 signing process"), by headers and by query, with a signing key that is derived once a
//! day.
//!
//! The SDK's own signer derives the key anew for every request and builds what it signs through some forty small pieces of memory: a
//! tenth of all the processor time of an upload of hundreds of files, and again for each of their links. What stays out: what is
//! signed (the caller's), chunked and SigV4A signatures (the SDK's).

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use crate::error::{Kind, S3Error};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Stands for the body's hash in links: whoever uses one later has bytes nobody knows yet.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// The longest life of a presigned link: seven days (AWS, "Authenticating requests: using query parameters").
pub const LONGEST_LINK: Duration = Duration::from_secs(604_800);
const NON_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Signs for one pair of keys in one region.
pub(crate) struct Signer {
    access_key: String,
    secret_key: SecretString,
    region: String,
    /// The key of a day (`20260131`), ready to sign.
    key: Mutex<Option<(String, Hmac<Sha256>)>>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl Signer {
    pub(crate) fn new(access_key: &str, secret_key: SecretString, region: &str) -> Self {
        Self { access_key: access_key.to_owned(), secret_key, region: region.to_owned(), key: Mutex::default() }
    }

    /// The headers that make a request with these headers (names in lower case, `host` among them) and a body of this hash (SHA-256 in
    /// hex) one of ours.
    pub(crate) fn headers(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        hash: &str,
        at: SystemTime,
    ) -> [(&'static str, String); 3] {
        let at = stamp(at);
        let own = [("x-amz-content-sha256", hash), ("x-amz-date", at.as_str())];
        let mut named: Vec<(&str, &str)> = headers.iter().copied().chain(own).collect();
        let signed = signed_names(&mut named);
        let (_, path, query) = parts(url);
        let scope = self.scope(&at);
        let request = canonical(method, path, &in_order(query), &named, &signed, hash);
        let signature = self.signature(&at, &scope, &request);
        let authorization =
            format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", self.access_key);
        [("x-amz-content-sha256", hash.to_owned()), ("authorization", authorization), ("x-amz-date", at)]
    }

    /// An address that may be used for `life` from `at` on, with exactly these headers (without `host`). It has no query of its own.
    ///
    /// # Errors
    /// [`Kind::Config`] for a life that no signature can have.
    pub(crate) fn link(
        &self,
        method: &str,
        url: &str,
        at: SystemTime,
        life: Duration,
        headers: &[(&str, &str)],
    ) -> Result<String, S3Error> {
        if life.is_zero() || life > LONGEST_LINK {
            return Err(S3Error::new(Kind::Config, "a link lives between a second and seven days"));
        }
        let at = stamp(at);
        let (host, path, _) = parts(url);
        let mut named: Vec<(&str, &str)> = headers.iter().copied().chain([("host", host)]).collect();
        let signed = signed_names(&mut named);
        let scope = self.scope(&at);
        let mut query = String::with_capacity(256);
        let credential = format!("{}/{scope}", self.access_key);
        let seconds = life.as_secs().to_string();
        // In the order of their names, as they are signed.
        for (name, value) in [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &at),
            ("X-Amz-Expires", &seconds),
            ("X-Amz-SignedHeaders", &signed),
        ] {
            let mark = if query.is_empty() { "" } else { "&" };
            let _ = write!(query, "{mark}{name}={}", utf8_percent_encode(value, NON_UNRESERVED));
        }
        let request = canonical(method, path, &query, &named, &signed, UNSIGNED);
        let signature = self.signature(&at, &scope, &request);
        Ok(format!("{url}?{query}&X-Amz-Signature={signature}"))
    }

    fn scope(&self, at: &str) -> String {
        format!("{}/{}/s3/aws4_request", day(at), self.region)
    }

    fn signature(&self, at: &str, scope: &str, request: &str) -> String {
        let text = format!("{ALGORITHM}\n{at}\n{scope}\n{}", hex(&Sha256::digest(request)));
        hex(&self.key(day(at)).chain_update(text).finalize().into_bytes())
    }

    fn key(&self, day: &str) -> Hmac<Sha256> {
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = kept.as_ref().filter(|(of, _)| of == day) {
            return key.clone();
        }
        let secret = zeroize::Zeroizing::new(format!("AWS4{}", self.secret_key.expose_secret()));
        let steps = [day, self.region.as_str(), "s3", "aws4_request"];
        let key = steps.iter().fold(mac(secret.as_bytes()), |key, step| mac(&key.chain_update(step).finalize().into_bytes()));
        *kept = Some((day.to_owned(), key.clone()));
        key
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length will do (RFC 2104, 2)")
}

/// Bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = vec![0; bytes.len() * 2];
    // Twice as many letters as bytes always fit, and they are ASCII.
    let _ = hex::encode_to_slice(bytes, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// `20260131T235959Z`.
fn stamp(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).format("%Y%m%dT%H%M%SZ").to_string()
}

fn day(stamp: &str) -> &str {
    stamp.split('T').next().unwrap_or_default()
}

/// Authority, path and query of an address.
fn parts(url: &str) -> (&str, &str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    match place.find('/') {
        Some(at) => (&place[..at], &place[at..], query),
        None => (place, "/", query),
    }
}

/// Sorts headers as they are signed, and names them.
fn signed_names(headers: &mut [(&str, &str)]) -> String {
    headers.sort_unstable_by_key(|(name, _)| *name);
    headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
}

/// A query as it is signed: each name and value encoded in the one way, and all in order.
fn in_order(query: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_UNRESERVED).to_string();
    let pairs = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (encoded(&name), encoded(&value)));
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// What is signed of a request: `path` and `query` encoded already, `headers` sorted.
fn canonical(method: &str, path: &str, query: &str, headers: &[(&str, &str)], signed: &str, hash: &str) -> String {
    let mut text = String::with_capacity(768);
    let _ = write!(text, "{method}\n{path}\n{query}\n");
    for (name, value) in headers {
        text.push_str(name);
        // Blanks around a value do not count, and several within it are one.
        for (index, word) in value.split(' ').filter(|word| !word.is_empty()).enumerate() {
            text.push(if index == 0 { ':' } else { ' ' });
            text.push_str(word);
        }
        if value.trim_matches(' ').is_empty() {
            text.push(':');
        }
        text.push('\n');
    }
    let _ = write!(text, "\n{signed}\n{hash}");
    text
}

#[cfg(test)]
mod tests {
    use aws_sigv4::http_request as theirs;

    use super::*;

    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn signer() -> Signer {
        Signer::new(KEY, SECRET.to_owned().into(), "us-east-1")
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// The example of AWS, "Authenticating requests: using query parameters (AWS Signature Version 4)".
    #[test]
    fn a_link_is_signed_as_the_published_example_says() {
        let url = "https://examplebucket.s3.amazonaws.com/test.txt";
        let link = |life| signer().link("GET", url, at(1_369_353_600), Duration::from_secs(life), &[]);
        let made = link(86_400).expect("a life that is allowed");
        assert!(made.ends_with("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"), "{made}");
        assert!(link(604_801).is_err() && link(0).is_err());
    }

    /// The example of AWS, "Signature calculations for the Authorization header: transferring payload in a single chunk", PUT Object.
    #[test]
    fn a_put_is_signed_as_the_published_example_says() {
        let url = "https://examplebucket.s3.amazonaws.com/test%24file.text";
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ];
        let hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
        let signed = signer().headers("PUT", url, &headers, hash, at(1_369_353_600));
        let signature = "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
        assert!(signed[1].1.ends_with(signature), "{signed:?}");
        assert_eq!((signed[0].1.as_str(), signed[2].1.as_str()), (hash, "20130524T000000Z"));
    }

    fn settings() -> theirs::SigningSettings {
        let mut settings = theirs::SigningSettings::default();
        settings.percent_encoding_mode = theirs::PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = theirs::UriPathNormalizationMode::Disabled;
        settings
    }

    fn sdk(
        request: theirs::SignableRequest<'_>,
        settings: theirs::SigningSettings,
        at: SystemTime,
    ) -> theirs::SigningInstructions {
        let identity = aws_credential_types::Credentials::new(KEY, SECRET, None, None, "test").into();
        let params = aws_sigv4::sign::v4::SigningParams::builder();
        let params = params.identity(&identity).region("us-east-1").name("s3").time(at).settings(settings);
        let params = params.build().expect("complete").into();
        theirs::sign(request, &params).expect("signed").into_parts().0
    }

    #[test]
    fn every_request_is_signed_as_the_sdk_signs_it() {
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let odd = "  inline;   filename*=UTF-8''%E5%9B%BE.png ";
        let queries = ["", "?delete=", "?uploads", "?list-type=2&prefix=a%20b%2F%E5%9B%BE&delimiter=%2F", "?b=2&a=1&b=1&c=x+y~"];
        // Beyond midnight too: the key of another day.
        for (second, query) in (1_767_225_590..).step_by(7).zip(queries) {
            let signer = signer();
            for (method, path) in [("PUT", "/pics/a%2F..%2Fb%20%2B.png"), ("GET", "/pics/a/../b/"), ("DELETE", "/")] {
                let url = format!("http://127.0.0.1:9000{path}{query}");
                let headers =
                    [("host", "127.0.0.1:9000"), ("content-disposition", odd), ("if-none-match", "*"), ("x-amz-meta-a", "")];
                let own = signer.headers(method, &url, &headers, hash, at(second));
                let body = theirs::SignableBody::Precomputed(hash.to_owned());
                let request = theirs::SignableRequest::new(method, &url, headers.into_iter(), body).expect("a request");
                let mut settings = settings();
                settings.payload_checksum_kind = theirs::PayloadChecksumKind::XAmzSha256;
                let sdk = sdk(request, settings, at(second));
                for (name, value) in own {
                    let theirs = sdk.headers().find(|(header, _)| *header == name).map(|(_, value)| value);
                    assert_eq!(theirs, Some(value.as_str()), "{method} {url}: {name}");
                }
            }
        }
    }

    #[test]
    fn every_link_is_signed_as_the_sdk_signs_it() {
        let signer = signer();
        for (url, headers) in [
            ("https://store.example/pics/%E5%9B%BE/a%20b%2B.png", &[][..]),
            ("http://pics.store.example:8080/a", &[("content-type", "image/png")]),
            ("http://[::1]:9000/pics/..%2Fx", &[("x-amz-meta-sha256", "00"), ("content-length", "5")]),
        ] {
            let life = Duration::from_secs(3600);
            let own = signer.link("PUT", url, at(1_767_225_599), life, headers).expect("signed");
            let body = theirs::SignableBody::UnsignedPayload;
            let request = theirs::SignableRequest::new("PUT", url, headers.iter().copied(), body).expect("a request");
            let mut settings = settings();
            settings.signature_location = theirs::SignatureLocation::QueryParams;
            settings.expires_in = Some(life);
            let sdk = sdk(request, settings, at(1_767_225_599));
            let params =
                sdk.params().iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_UNRESERVED)));
            assert_eq!(own, format!("{url}?{}", params.collect::<Vec<_>>().join("&")));
        }
    }

    #[test]
    fn a_secret_is_in_no_log() {
        let said = format!("{:?}", signer());
        assert!(said.contains(KEY) && !said.contains(SECRET), "{said}");
    }
}
