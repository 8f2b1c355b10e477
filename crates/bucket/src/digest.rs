//! What a client claims about its bytes, and what they really are: Content-MD5 and the five `x-amz-checksum-*` in header or
//! trailer. The payload hash of the signature is s3s's own business and arrives here as an error of the stream.
//!
//! An ETag is the MD5 of the bytes, with one exception: an object that names its own SHA-256 in its metadata, where the signature
//! vouches for that very hash. MD5 would say less than is known already, and it costs more than all else that is done with the bytes.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::Checksum;
use s3s::{S3Error, S3ErrorCode, TrailingHeaders};
use serde::{Deserialize, Serialize};

use crate::fail::refuse;

/// A checksum S3 knows beside MD5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Algorithm; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha1, Self::Sha256];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(name))
    }

    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The parameters by which checksums of parts can be joined without reading the parts again; the hashes have none.
    fn joinable(self) -> Option<crc_fast::CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(crc_fast::CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(crc_fast::CrcAlgorithm::Crc32Iscsi),
            Self::Crc64nvme => Some(crc_fast::CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// Checksums in base64, as S3 writes them; one over parts ends in `-N`.
pub(crate) type Sums = BTreeMap<Algorithm, String>;

/// Reads the five fields every S3 structure with checksums has.
macro_rules! sums_of {
    ($x:expr) => {
        $crate::digest::gather([
            ($crate::digest::Algorithm::Crc32, $x.checksum_crc32.as_deref()),
            ($crate::digest::Algorithm::Crc32c, $x.checksum_crc32c.as_deref()),
            ($crate::digest::Algorithm::Crc64nvme, $x.checksum_crc64nvme.as_deref()),
            ($crate::digest::Algorithm::Sha1, $x.checksum_sha1.as_deref()),
            ($crate::digest::Algorithm::Sha256, $x.checksum_sha256.as_deref()),
        ])
    };
}

/// Fills the five fields every S3 structure with checksums has.
macro_rules! set_sums {
    ($x:expr, $sums:expr) => {{
        let sums: &$crate::digest::Sums = $sums;
        $x.checksum_crc32 = sums.get(&$crate::digest::Algorithm::Crc32).cloned();
        $x.checksum_crc32c = sums.get(&$crate::digest::Algorithm::Crc32c).cloned();
        $x.checksum_crc64nvme = sums.get(&$crate::digest::Algorithm::Crc64nvme).cloned();
        $x.checksum_sha1 = sums.get(&$crate::digest::Algorithm::Sha1).cloned();
        $x.checksum_sha256 = sums.get(&$crate::digest::Algorithm::Sha256).cloned();
    }};
}
pub(crate) use {set_sums, sums_of};

pub(crate) fn gather(fields: [(Algorithm, Option<&str>); 5]) -> Sums {
    fields.into_iter().filter_map(|(a, v)| Some((a, v?.to_owned()))).collect()
}

/// What the client said its bytes would be.
#[derive(Default)]
pub(crate) struct Claims {
    md5: Option<[u8; 16]>,
    sums: Sums,
    trailing: BTreeSet<Algorithm>,
    wanted: BTreeSet<Algorithm>,
    length: u64,
    /// The SHA-256 that s3s holds the bytes to, where it stands in for their MD5.
    proven: Option<[u8; 32]>,
}

impl Claims {
    /// Gathers the claims of headers; malformed ones are refused before a byte is read.
    pub(crate) fn new(md5: Option<&str>, sums: Sums, headers: &HeaderMap, length: u64) -> Result<Self, S3Error> {
        let md5 = md5.map(decode_md5).transpose()?;
        for (&algorithm, value) in &sums {
            check_form(algorithm, value)?;
        }
        let mut trailing = BTreeSet::new();
        for name in headers.get_all("x-amz-trailer").iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')) {
            let name = name.trim().to_ascii_lowercase();
            match Algorithm::ALL.into_iter().find(|a| a.header() == name) {
                Some(algorithm) => _ = trailing.insert(algorithm),
                None => return Err(refuse(S3ErrorCode::InvalidRequest, format!("The trailer {name} is not supported."))),
            }
        }
        let mut wanted: BTreeSet<Algorithm> = sums.keys().chain(&trailing).copied().collect();
        for name in ["x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm"] {
            wanted.extend(headers.get(name).and_then(|v| v.to_str().ok()).and_then(Algorithm::parse));
        }
        Ok(Self { md5, sums, trailing, wanted, length, proven: None })
    }

    /// Adds an algorithm to compute though the client claims nothing for it.
    pub(crate) fn want(&mut self, algorithm: Algorithm) {
        self.wanted.insert(algorithm);
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Lets the hash of the signature stand for the bytes where the object bears the same in its metadata. A client that speaks of
    /// MD5 itself gets one; the stream of a signed request ends in an error where its bytes are others.
    pub(crate) fn trust(&mut self, headers: &HeaderMap, named: Option<&str>) {
        let signed = headers.get("x-amz-content-sha256").and_then(|v| v.to_str().ok());
        let Some(signed) = signed.filter(|signed| Some(*signed) == named && self.md5.is_none()) else { return };
        let mut hash = [0; 32];
        // Of a body without bytes there is no stream that could end so.
        if self.length > 0 && hex::decode_to_slice(signed, &mut hash).is_ok() {
            self.proven = Some(hash);
        }
    }

    /// Takes over what came behind the bytes; an announced trailer that is missing is refused.
    pub(crate) fn read_trailers(&mut self, trailers: Option<&TrailingHeaders>) -> Result<(), S3Error> {
        for &algorithm in &self.trailing {
            let value = trailers
                .and_then(|t| t.read(|h| h.get(algorithm.header()).and_then(|v| v.to_str().ok().map(str::to_owned))))
                .flatten()
                .ok_or_else(|| {
                    refuse(
                        S3ErrorCode::Custom("MalformedTrailerError".into()),
                        format!("The trailer {} is missing.", algorithm.header()),
                    )
                })
                .map_err(|mut e| {
                    e.set_status_code(http::StatusCode::BAD_REQUEST);
                    e
                })?;
            check_form(algorithm, &value)?;
            self.sums.insert(algorithm, value);
        }
        Ok(())
    }

    pub(crate) fn digests(&self) -> Digests {
        let on = |a| self.wanted.contains(&a);
        Digests {
            md5: self.proven.is_none().then(Md5::new),
            proven: self.proven,
            sums: ChecksumHasher {
                crc32: on(Algorithm::Crc32).then(Crc32::new),
                crc32c: on(Algorithm::Crc32c).then(Crc32c::new),
                crc64nvme: on(Algorithm::Crc64nvme).then(Crc64Nvme::new),
                sha1: on(Algorithm::Sha1).then(Sha1::new),
                sha256: on(Algorithm::Sha256).then(Sha256::new),
            },
            length: 0,
        }
    }

    /// Compares the claims with the bytes that came.
    pub(crate) fn verify(&self, found: &Digested) -> Result<(), S3Error> {
        if found.length != self.length {
            return Err(refuse(
                S3ErrorCode::IncompleteBody,
                format!("{} bytes were announced and {} came.", self.length, found.length),
            ));
        }
        if self.md5.is_some_and(|md5| found.id != Identity::Md5(md5)) {
            return Err(refuse(S3ErrorCode::BadDigest, "The Content-MD5 you specified did not match what we received."));
        }
        for (algorithm, claimed) in &self.sums {
            if found.sums.get(algorithm) != Some(claimed) {
                let name = algorithm.name();
                return Err(refuse(
                    S3ErrorCode::BadDigest,
                    format!("The {name} you specified did not match the calculated checksum."),
                ));
            }
        }
        Ok(())
    }
}

fn decode_md5(value: &str) -> Result<[u8; 16], S3Error> {
    STANDARD
        .decode(value)
        .ok()
        .and_then(|b| b.try_into().ok())
        .ok_or_else(|| refuse(S3ErrorCode::InvalidDigest, "The Content-MD5 you specified is not valid."))
}

fn check_form(algorithm: Algorithm, value: &str) -> Result<(), S3Error> {
    if STANDARD.decode(value).is_ok_and(|b| b.len() == algorithm.bytes()) {
        return Ok(());
    }
    Err(refuse(S3ErrorCode::InvalidRequest, format!("Value for {} header is invalid.", algorithm.header())))
}

/// Hashes in the making.
pub(crate) struct Digests {
    md5: Option<Md5>,
    proven: Option<[u8; 32]>,
    sums: ChecksumHasher,
    length: u64,
}

/// By what bytes are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    Md5([u8; 16]),
    /// See [`Claims::trust`].
    Sha256([u8; 32]),
}

impl Identity {
    /// The ETag of a whole object. One with a hyphen is no MD5, as clients know from objects that came in parts; this one came in
    /// one.
    pub(crate) fn etag(self) -> String {
        match self {
            Self::Md5(md5) => hex::encode(md5),
            Self::Sha256(sha256) => format!("{}-1", hex::encode(&sha256[..16])),
        }
    }
}

/// What the bytes were.
pub(crate) struct Digested {
    pub(crate) id: Identity,
    pub(crate) sums: Sums,
    pub(crate) length: u64,
}

impl Digests {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        self.sums.update(bytes);
        self.length += bytes.len() as u64;
    }

    pub(crate) fn finish(self) -> Digested {
        let found: Checksum = self.sums.finalize();
        let id = match (self.proven, self.md5) {
            (Some(sha256), _) => Identity::Sha256(sha256),
            (None, md5) => Identity::Md5(md5.unwrap_or_else(Md5::new).finalize()),
        };
        Digested { id, sums: sums_of!(found), length: self.length }
    }
}

/// The ETag of a multipart object: MD5 over the MD5s of its parts, a hyphen and their number.
pub(crate) fn multipart_etag(parts: &[[u8; 16]]) -> String {
    let md5 = Md5::checksum(parts.concat().as_slice());
    format!("{}-{}", hex::encode(md5), parts.len())
}

/// The checksum over a multipart object: of the part checksums (COMPOSITE), or joined to that of the whole (FULL_OBJECT).
/// `None` where a part lacks the checksum or the algorithm cannot be joined.
pub(crate) fn join_sums(algorithm: Algorithm, full: bool, parts: &[(Option<&String>, u64)]) -> Option<String> {
    let mut raw = Vec::with_capacity(parts.len());
    for (sum, length) in parts {
        raw.push((STANDARD.decode(sum.as_ref()?).ok()?, *length));
    }
    if full {
        let crc = algorithm.joinable()?;
        let joined = raw.iter().fold(None, |whole: Option<u64>, (sum, length)| {
            let sum = sum.iter().fold(0, |n, b| (n << 8) | u64::from(*b));
            Some(whole.map_or(sum, |whole| crc_fast::checksum_combine(crc, whole, sum, *length)))
        })?;
        return Some(STANDARD.encode(&joined.to_be_bytes()[8 - algorithm.bytes()..]));
    }
    let all: Vec<u8> = raw.into_iter().flat_map(|(sum, _)| sum).collect();
    let sum = match algorithm {
        Algorithm::Crc32 => STANDARD.encode(Crc32::checksum(&all)),
        Algorithm::Crc32c => STANDARD.encode(Crc32c::checksum(&all)),
        Algorithm::Crc64nvme => return None,
        Algorithm::Sha1 => STANDARD.encode(Sha1::checksum(&all)),
        Algorithm::Sha256 => STANDARD.encode(Sha256::checksum(&all)),
    };
    Some(format!("{sum}-{}", parts.len()))
}
