//! Who was allowed to put what, remembered by the object itself.
//!
//! A grant travels as one of the signed headers (`x-amz-meta-imagepic-grant`) and lies beside the bytes afterwards, under an HMAC. So
//! every replica knows the grants of all others, and a restart forgets none; nothing has to be kept. The key comes from the store's
//! own secret, which all replicas share. A copy of the object carries the grant along, but it names another key and opens nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The metadata's name, after `x-amz-meta-`.
pub(crate) const META: &str = "imagepic-grant";
/// How long the address takes bytes.
pub(crate) const LIFE: Duration = Duration::from_secs(600);
/// How long what arrived may be reported: an upload that began in time may take long.
const REPORT: Duration = Duration::from_secs(24 * 3600);

/// What may be put. The person is in the HMAC alone: anybody who may read the object may read its metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Permit {
    /// Bytes.
    #[serde(rename = "n")]
    pub(crate) size: u64,
    /// Media type.
    #[serde(rename = "t")]
    pub(crate) mime: String,
    /// Hex.
    #[serde(rename = "h")]
    pub(crate) sha256: String,
    /// Base64.
    #[serde(rename = "m")]
    pub(crate) md5: String,
    /// Seconds since 1970: until then it counts.
    #[serde(rename = "e")]
    until: u64,
}

/// Makes grants and knows its own again.
#[derive(Clone)]
pub(crate) struct Grants(Hmac<Sha256>);

impl Grants {
    /// With a key that all replicas share.
    pub(crate) fn new(secret: &SecretString) -> Self {
        // HMAC takes keys of any length (RFC 2104).
        #[expect(clippy::expect_used, reason = "no length of key is refused")]
        let keyed = Hmac::new_from_slice(secret.expose_secret().as_bytes()).expect("any length will do");
        Self(keyed.chain_update(b"imagepic grant 1\0"))
    }

    fn mac(&self, person: &str, bucket: &str, key: &str, permit: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in [person, bucket, key, permit] {
            // Lengths, so that no two lists of parts read the same.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }

    /// What the object has to carry.
    pub(crate) fn make(&self, person: &str, bucket: &str, key: &str, mut permit: Permit, now: SystemTime) -> String {
        permit.until = seconds(now + REPORT);
        let permit = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&permit).unwrap_or_default());
        let mac = BASE64_URL_SAFE_NO_PAD.encode(self.mac(person, bucket, key, &permit).finalize().into_bytes());
        format!("{permit}.{mac}")
    }

    /// What this person was allowed to put there; `None` for anything that is no grant of that person for that object, or out of date.
    pub(crate) fn read(&self, grant: &str, person: &str, bucket: &str, key: &str, now: SystemTime) -> Option<Permit> {
        let (permit, mac) = grant.split_once('.')?;
        let mac = BASE64_URL_SAFE_NO_PAD.decode(mac).ok()?;
        self.mac(person, bucket, key, permit).verify_slice(&mac).ok()?;
        let permit: Permit = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(permit).ok()?).ok()?;
        (permit.until >= seconds(now)).then_some(permit)
    }
}

impl Permit {
    /// What a client says it has; `None` where a hash is none.
    pub(crate) fn new(size: u64, mime: String, sha256: &str, md5: &str) -> Option<Self> {
        let sha256 = sha256.to_ascii_lowercase();
        let hash = hex::decode(&sha256).ok().filter(|hash| hash.len() == 32);
        let digest = BASE64_STANDARD.decode(md5).ok().filter(|digest| digest.len() == 16);
        (hash.is_some() && digest.is_some()).then(|| Self { size, mime, sha256, md5: md5.to_owned(), until: 0 })
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_good_for_one_person_one_object_and_one_day() {
        let grants = Grants::new(&SecretString::from("secret"));
        let permit = Permit::new(5, "image/png".to_owned(), &"AB".repeat(32), "1B2M2Y8AsgTpgAmY7PhCfg==").expect("hashes");
        assert_eq!(permit.sha256, "ab".repeat(32));
        let now = SystemTime::now();
        let grant = grants.make("13800138000", "pics", "a.png", permit, now);
        assert!(grant.is_ascii() && grant.len() < 512, "{grant}");
        let read = |grant: &str, person, bucket, key, now| grants.read(grant, person, bucket, key, now).map(|permit| permit.size);
        assert_eq!(read(&grant, "13800138000", "pics", "a.png", now), Some(5));
        assert_eq!(read(&grant, "13800138001", "pics", "a.png", now), None);
        assert_eq!(read(&grant, "13800138000", "pic", "sa.png", now), None);
        assert_eq!(read(&grant, "13800138000", "pics", "b.png", now), None);
        assert_eq!(read(&grant, "13800138000", "pics", "a.png", now + Duration::from_secs(25 * 3600)), None);
        for odd in ["", ".", "a.b", &grant[1..], &grant[..grant.len() - 2]] {
            assert_eq!(read(odd, "13800138000", "pics", "a.png", now), None, "{odd}");
        }
        let other = Grants::new(&SecretString::from("another"));
        assert_eq!(other.read(&grant, "13800138000", "pics", "a.png", now), None);
        assert!(Permit::new(1, String::new(), "ab", "1B2M2Y8AsgTpgAmY7PhCfg==").is_none());
        assert!(Permit::new(1, String::new(), &"ab".repeat(32), "ab").is_none());
    }
}
