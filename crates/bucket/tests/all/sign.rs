//! Signatures by hand, to make the ones no well-behaved client makes. ("Authenticating Requests: AWS Signature Version 4")

use base64::Engine as _;
use imagepic_bucket::keys::Keys;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::crypto::{Checksum, Sha1, Sha256};
use secrecy::ExposeSecret as _;

const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
const QUERY: &AsciiSet = &PATH.add(b'/');

fn hmac<H: Checksum>(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = H::checksum(&[&block.map(|b| b ^ 0x36)[..], text].concat());
    H::checksum(&[&block.map(|b| b ^ 0x5c)[..], inner.as_ref()].concat()).as_ref().to_vec()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::checksum(bytes))
}

fn sign(keys: &Keys, when: &str, canonical: &str) -> String {
    let day = &when[..8];
    let scope = format!("{day}/us-east-1/s3/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{when}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let mut key = format!("AWS4{}", keys.secret_key.expose_secret()).into_bytes();
    for part in [day, "us-east-1", "s3", "aws4_request"] {
        key = hmac::<Sha256>(&key, part.as_bytes());
    }
    hex::encode(hmac::<Sha256>(&key, to_sign.as_bytes()))
}

fn now() -> String {
    chrono::Utc::now().format("%Y%m%dT%H%M%SZ").to_string()
}

fn canonical_headers(headers: &[(&str, &str)]) -> (String, String) {
    let mut sorted: Vec<_> = headers.to_vec();
    sorted.sort_unstable();
    let lines = sorted.iter().map(|(k, v)| format!("{k}:{v}\n")).collect();
    (lines, sorted.iter().map(|(k, _)| *k).collect::<Vec<_>>().join(";"))
}

/// A presigned URL: for any number of seconds, with any headers.
pub(crate) fn presign(
    keys: &Keys,
    method: &str,
    port: u16,
    path: &str,
    query: &[(&str, &str)],
    headers: &[(&str, &str)],
    seconds: i64,
) -> String {
    let (when, host) = (now(), format!("127.0.0.1:{port}"));
    let all_headers = [headers, &[("host", &*host)]].concat();
    let (lines, names) = canonical_headers(&all_headers);
    let credential = format!("{}/{}/us-east-1/s3/aws4_request", keys.access_key, &when[..8]);
    let seconds = seconds.to_string();
    let mut all = query.to_vec();
    all.extend([
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &when),
        ("X-Amz-Expires", &seconds),
        ("X-Amz-SignedHeaders", &names),
    ]);
    all.sort_unstable();
    let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
    let query = all.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect::<Vec<_>>().join("&");
    let path = utf8_percent_encode(path, PATH).to_string();
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD");
    format!("http://{host}{path}?{query}&X-Amz-Signature={}", sign(keys, &when, &canonical))
}

/// The headers of a request signed by header: `Authorization`, `x-amz-date` and `x-amz-content-sha256` besides the given ones.
pub(crate) fn headers(
    keys: &Keys,
    method: &str,
    port: u16,
    path: &str,
    given: &[(&str, &str)],
    payload: &str,
) -> Vec<(String, String)> {
    let (when, host) = (now(), format!("127.0.0.1:{port}"));
    let all = [given, &[("host", &*host), ("x-amz-content-sha256", payload), ("x-amz-date", &*when)]].concat();
    let (lines, names) = canonical_headers(&all);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = utf8_percent_encode(path, PATH).to_string();
    let signature = sign(keys, &when, &format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}"));
    let credential = format!("{}/{}/us-east-1/s3/aws4_request", keys.access_key, &when[..8]);
    let authorization = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}");
    let own = [("authorization", &*authorization), ("x-amz-content-sha256", payload), ("x-amz-date", &*when)];
    given.iter().chain(&own).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// `Date` and `Authorization` in the manner of version 2.
pub(crate) fn version_two(keys: &Keys, method: &str, path: &str) -> [(String, String); 2] {
    let date = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let signature = hmac::<Sha1>(keys.secret_key.expose_secret().as_bytes(), format!("{method}\n\n\n{date}\n{path}").as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(signature);
    [("date".into(), date), ("authorization".into(), format!("AWS {}:{signature}", keys.access_key))]
}
