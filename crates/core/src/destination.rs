//! A destination says where uploads go and how their links are made.

pub mod check;
mod images;

use serde::{Deserialize, Serialize};

pub use images::{Convert, Images, LONGEST_SIDE, USUAL_QUALITY};

/// The destination that is there from the first start.
pub const THIS_COMPUTER: &str = "this-computer";

/// The longest life a presigned link can have: seven days, in seconds (SigV4, AWS "Authenticating requests: query parameters").
pub const LONGEST_PRESIGN: u32 = 604_800;

/// One destination, as it stands in `settings.toml` (`[[destinations]]`). It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[ts(export)]
pub struct Destination {
    /// Made once from the name (`minio-frankfurt`), never changed; the journal refers to it. [`THIS_COMPUTER`] is reserved.
    pub id: String,
    /// What people call it. Unique, without regard to case.
    pub name: String,
    /// Which kind of store, and its address.
    #[serde(flatten)]
    pub kind: Kind,
    /// Where new uploads go.
    #[serde(default)]
    pub bucket: String,
    /// Below it; no slash at either end, may be empty.
    #[serde(default)]
    pub folder: String,
    /// How links are made.
    #[serde(default)]
    pub link: LinkPolicy,
    /// How objects are named.
    #[serde(default)]
    pub names: Names,
    /// What is done to images on the way.
    #[serde(default)]
    pub images: Images,
    /// Largest object taken, in bytes; `None`: no limit but the store's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(type = "number | null")]
    pub max_bytes: Option<u64>,
    /// Takes files that are no images too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_file: bool,
}

/// The kinds of store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[ts(export)]
pub enum Kind {
    /// The embedded bucket on loopback.
    ThisComputer,
    /// Any S3.
    S3(S3Address),
    /// A bucket of a team server.
    Team(TeamAddress),
}

impl Kind {
    /// Whether buckets of one name are surely the same bucket for both. Behind one address there may be a store for each account (Swift,
    /// Ceph's tenants), so that with another key they need not be.
    pub(crate) fn is_one_store(&self, other: &Self) -> bool {
        let sure = match (self, other) {
            (Self::S3(one), Self::S3(other)) => one.access_key.trim() == other.access_key.trim(),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        };
        sure && self.may_be_one_store(other)
    }

    /// Whether buckets of one name may be the same bucket for both. Which store stands behind a team server is not told: it may be any.
    pub(crate) fn may_be_one_store(&self, other: &Self) -> bool {
        let host = |address: &str| address.trim().trim_end_matches(['/', '.']).to_lowercase();
        match (self, other) {
            (Self::ThisComputer, Self::ThisComputer) | (Self::S3(_), Self::Team(_)) | (Self::Team(_), Self::S3(_)) => true,
            (Self::S3(one), Self::S3(other)) => host(&one.endpoint) == host(&other.endpoint),
            (Self::Team(one), Self::Team(other)) => host(&one.server) == host(&other.server),
            _ => false,
        }
    }
}

/// Who signs in at which team server. Password and refresh token are in the keychain under both, the token only in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[ts(export)]
pub struct TeamAddress {
    /// `https://host[:port]`, perhaps with a path; without `/imagepic`.
    pub server: String,
    /// As registered.
    pub phone: String,
    /// A person has confirmed that this very server is to be reached without encryption.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_plain_http: bool,
    /// A PEM file with further certificate authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<std::path::PathBuf>,
}

/// What signs in at an S3 store, but for the secret key, which the keychain holds under endpoint and access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[ts(export)]
pub struct S3Address {
    /// `https://host[:port]`, without bucket; a path below it is kept.
    pub endpoint: String,
    /// As the store signs: `us-east-1`, `auto`…
    pub region: String,
    /// Access key id. Not a secret.
    pub access_key: String,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`.
    #[serde(default)]
    pub path_style: bool,
    /// A PEM file with further certificate authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<std::path::PathBuf>,
}

/// How links are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "policy", rename_all = "kebab-case")]
#[ts(export)]
pub enum LinkPolicy {
    /// Signed; opens for `seconds` (1 to [`LONGEST_PRESIGN`]).
    Presigned {
        /// Life in seconds.
        seconds: u32,
    },
    /// Unsigned, below `base` (a CDN domain, say) or at the store's own address.
    Public {
        /// `https://cdn.example/path`; the key is appended, the bucket is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<String>,
    },
}

impl Default for LinkPolicy {
    fn default() -> Self {
        Self::Presigned { seconds: LONGEST_PRESIGN }
    }
}

/// Naming templates; see [`crate::naming`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
#[ts(export)]
pub struct Names {
    /// For things that have a file name.
    pub file: String,
    /// For the clipboard and standard input.
    pub clipboard: String,
}

impl Default for Names {
    fn default() -> Self {
        Self { file: "{stem}-{hash:8}.{ext}".to_owned(), clipboard: "{yyyy}{MM}{dd}-{HH}{mm}{ss}-{hash:8}.{ext}".to_owned() }
    }
}

impl Names {
    /// For places everybody can read: a hash can be guessed from the bytes, a random part cannot.
    #[must_use]
    pub fn unguessable() -> Self {
        Self { file: "{stem}-{random:8}.{ext}".to_owned(), clipboard: "{yyyy}{MM}{dd}-{HH}{mm}{ss}-{random:8}.{ext}".to_owned() }
    }
}

impl Destination {
    /// The destination every home starts with.
    #[must_use]
    pub fn this_computer(name: String) -> Self {
        Self {
            id: THIS_COMPUTER.to_owned(),
            name,
            kind: Kind::ThisComputer,
            bucket: "images".to_owned(),
            folder: String::new(),
            link: LinkPolicy::Public { base: None },
            names: Names::unguessable(),
            images: Images::default(),
            max_bytes: None,
            any_file: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_account_behind_the_same_address_is_another_store() {
        let s3 = |endpoint: &str, access_key: &str| {
            Kind::S3(S3Address {
                endpoint: endpoint.to_owned(),
                region: String::new(),
                access_key: access_key.to_owned(),
                path_style: true,
                ca_file: None,
            })
        };
        let mine = s3("https://s3.example", "MINE");
        assert!(mine.is_one_store(&s3("https://S3.example/ ", "MINE")));
        let yours = s3("https://s3.example", "YOURS");
        assert!(!mine.is_one_store(&yours) && mine.may_be_one_store(&yours), "it need not be, and may be");
        assert!(!mine.may_be_one_store(&s3("https://other.example", "MINE")));
        let team = |server: &str| {
            Kind::Team(TeamAddress {
                server: server.to_owned(),
                phone: "13800138000".to_owned(),
                allow_plain_http: false,
                ca_file: None,
            })
        };
        assert!(team("https://a.example/").is_one_store(&team("https://a.example")));
        assert!(!team("https://a.example").may_be_one_store(&team("https://b.example")));
        assert!(mine.may_be_one_store(&team("https://a.example")) && !mine.is_one_store(&team("https://a.example")));
        assert!(!mine.is_one_store(&Kind::ThisComputer) && Kind::ThisComputer.is_one_store(&Kind::ThisComputer));
    }
}
