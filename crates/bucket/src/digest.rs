//! What a client claims about its bytes, and what they really are: Content-MD5 and the ten `x-amz-checksum-*` in header or
//! trailer. The payload hash of the signature is s3s's own business and arrives here as an error of the stream.
//!
//! An ETag is the MD5 of the bytes, with one exception: an object that names its own SHA-256 in its metadata, where the signature
//! vouches for that very hash. MD5 would say less than is known already, and it costs more than all else that is done with the bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::crypto::{Checksum, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::{S3Error, S3ErrorCode, S3Response, TrailingHeaders};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};
use twox_hash::{xxhash3_64, xxhash3_128, xxhash64};

use crate::fail::refuse;

/// A checksum S3 knows ("Checking object integrity").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64nvme,
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Xxhash3,
    Xxhash64,
    Xxhash128,
}

impl Algorithm {
    pub(crate) const ALL: [Algorithm; 10] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64nvme,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Xxhash3,
        Self::Xxhash64,
        Self::Xxhash128,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
            Self::Xxhash3 => "XXHASH3",
            Self::Xxhash64 => "XXHASH64",
            Self::Xxhash128 => "XXHASH128",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(name))
    }

    /// The algorithm a client asks for.
    ///
    /// # Errors
    /// It is none that is known here.
    pub(crate) fn named(name: &str) -> Result<Self, S3Error> {
        Self::parse(name).ok_or_else(|| {
            let text = format!("\"{name}\" is no checksum algorithm that is known here. Known are {}.", names());
            refuse(S3ErrorCode::InvalidRequest, text)
        })
    }

    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64nvme => "x-amz-checksum-crc64nvme",
            Self::Md5 => "x-amz-checksum-md5",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
            Self::Sha512 => "x-amz-checksum-sha512",
            Self::Xxhash3 => "x-amz-checksum-xxhash3",
            Self::Xxhash64 => "x-amz-checksum-xxhash64",
            Self::Xxhash128 => "x-amz-checksum-xxhash128",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64nvme | Self::Xxhash3 | Self::Xxhash64 => 8,
            Self::Md5 | Self::Xxhash128 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The parameters by which checksums of parts can be joined without reading the parts again; the hashes have none.
    fn joinable(self) -> Option<crc_fast::CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(crc_fast::CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(crc_fast::CrcAlgorithm::Crc32Iscsi),
            Self::Crc64nvme => Some(crc_fast::CrcAlgorithm::Crc64Nvme),
            _ => None,
        }
    }

    /// Whether s3s has words for it in the XML of uploads in parts; the others it knows in no form, and they travel in headers alone.
    pub(crate) fn in_parts(self) -> bool {
        matches!(self, Self::Crc32 | Self::Crc32c | Self::Crc64nvme | Self::Sha1 | Self::Sha256)
    }

    fn begin(self) -> Box<dyn Running> {
        match self {
            Self::Crc32 => Box::new(OfS3s(Crc32::new())),
            Self::Crc32c => Box::new(OfS3s(Crc32c::new())),
            Self::Crc64nvme => Box::new(OfS3s(Crc64Nvme::new())),
            Self::Md5 => Box::new(OfS3s(Md5::new())),
            Self::Sha1 => Box::new(OfS3s(Sha1::new())),
            Self::Sha256 => Box::new(OfS3s(Sha256::new())),
            Self::Sha512 => Box::new(Sha512::new()),
            Self::Xxhash3 => Box::new(xxhash3_64::Hasher::new()),
            Self::Xxhash64 => Box::new(xxhash64::Hasher::with_seed(0)),
            Self::Xxhash128 => Box::new(xxhash3_128::Hasher::new()),
        }
    }
}

/// A checksum in the making.
trait Running: Send {
    fn update(&mut self, bytes: &[u8]);
    fn finish(self: Box<Self>) -> String;
}

struct OfS3s<C>(C);

impl<C: Checksum + Send> Running for OfS3s<C> {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    fn finish(self: Box<Self>) -> String {
        STANDARD.encode(self.0.finalize())
    }
}

impl Running for Sha512 {
    fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(self, bytes);
    }
    fn finish(self: Box<Self>) -> String {
        STANDARD.encode(self.finalize())
    }
}

// S3 has xxHash in its canonical form: big end first (xxHash specification, "Endianness").
impl Running for xxhash64::Hasher {
    fn update(&mut self, bytes: &[u8]) {
        Hasher::write(self, bytes);
    }
    fn finish(self: Box<Self>) -> String {
        STANDARD.encode(Hasher::finish(&*self).to_be_bytes())
    }
}

impl Running for xxhash3_64::Hasher {
    fn update(&mut self, bytes: &[u8]) {
        Hasher::write(self, bytes);
    }
    fn finish(self: Box<Self>) -> String {
        STANDARD.encode(Hasher::finish(&*self).to_be_bytes())
    }
}

impl Running for xxhash3_128::Hasher {
    fn update(&mut self, bytes: &[u8]) {
        self.write(bytes);
    }
    fn finish(self: Box<Self>) -> String {
        STANDARD.encode(self.finish_128().to_be_bytes())
    }
}

/// Checksums in base64, as S3 writes them; one over parts ends in `-N`.
pub(crate) type Sums = BTreeMap<Algorithm, String>;

/// Reads the five fields every structure of s3s with checksums has.
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

/// Fills the five fields every structure of s3s with checksums has.
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

/// Adds the checksums to an answer that s3s has no fields for.
pub(crate) fn with_sums<T>(mut answer: S3Response<T>, sums: &Sums) -> S3Response<T> {
    for (algorithm, sum) in sums.iter().filter(|(algorithm, _)| !algorithm.in_parts()) {
        if let Ok(value) = HeaderValue::try_from(sum) {
            answer.headers.insert(HeaderName::from_static(algorithm.header()), value);
        }
    }
    answer
}

/// What headers claim; what cannot be checked here is refused, and so is what has not the form of its algorithm.
pub(crate) fn claimed(headers: &HeaderMap) -> Result<Sums, S3Error> {
    let mut sums = Sums::new();
    for (name, value) in headers {
        let Some(kind) = name.as_str().strip_prefix("x-amz-checksum-") else { continue };
        if matches!(kind, "algorithm" | "mode" | "type") {
            continue;
        }
        let algorithm = Algorithm::parse(kind).ok_or_else(|| {
            refuse(S3ErrorCode::InvalidRequest, format!("This bucket cannot check {name}. It knows {}.", names()))
        })?;
        if sums.insert(algorithm, String::from_utf8_lossy(value.as_bytes()).into_owned()).is_some() {
            return Err(refuse(S3ErrorCode::InvalidRequest, format!("The header {name} came twice.")));
        }
    }
    Ok(sums)
}

/// The algorithms, for sentences.
fn names() -> String {
    Algorithm::ALL.map(Algorithm::name).join(", ")
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
    pub(crate) fn new(md5: Option<&str>, headers: &HeaderMap, length: u64) -> Result<Self, S3Error> {
        let md5 = md5.map(decode_md5).transpose()?;
        let sums = claimed(headers)?;
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
            let asked =
                headers.get(name).map(|value| Algorithm::named(&String::from_utf8_lossy(value.as_bytes()))).transpose()?;
            wanted.extend(asked);
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
        Digests {
            md5: self.proven.is_none().then(Md5::new),
            proven: self.proven,
            sums: self.wanted.iter().map(|&algorithm| (algorithm, algorithm.begin())).collect(),
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
    sums: Vec<(Algorithm, Box<dyn Running>)>,
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
        self.sums.iter_mut().for_each(|(_, sum)| sum.update(bytes));
        self.length += bytes.len() as u64;
    }

    pub(crate) fn finish(self) -> Digested {
        let sums = self.sums.into_iter().map(|(algorithm, sum)| (algorithm, sum.finish())).collect();
        let id = match (self.proven, self.md5) {
            (Some(sha256), _) => Identity::Sha256(sha256),
            (None, md5) => Identity::Md5(md5.unwrap_or_else(Md5::new).finalize()),
        };
        Digested { id, sums, length: self.length }
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
    if algorithm == Algorithm::Crc64nvme {
        return None;
    }
    let mut sum = algorithm.begin();
    raw.iter().for_each(|(part, _)| sum.update(part));
    Some(format!("{}-{}", sum.finish(), parts.len()))
}
