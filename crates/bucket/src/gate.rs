//! What a request may carry: nothing but what the operation it was taken for acts upon.
//!
//! S3 tells its operations apart by a name in the query or by a header, and has new ones every year. s3s takes a request for the plain
//! operation of its method where it does not know that name: `PUT /key?renameObject` for a put, whose empty body would be the new
//! bytes, `DELETE /key?annotation` for a delete. A header that it does not know is passed over, and with it a condition, an offset or an
//! encryption that the sender counts on. So every operation that is served is written down here with all that it may carry, and
//! whatever else comes is refused by name.
//!
//! Reading an object is the exception, as S3 itself passes over what it does not know there and links carry things against caches:
//! nothing is lost by it. Of a name without a value that reads like a part of S3 (`?annotation`) the object's bytes would be a wrong
//! answer, where a program asks; a stranger's link (`?download`) asks nothing of S3.

use http::{HeaderMap, HeaderName, Uri};
use percent_encoding::percent_decode_str;
use s3s::S3Result;

use crate::fail::unsupported;

/// An operation that is served.
struct Operation {
    name: &'static str,
    /// Names in the query.
    query: &'static [&'static str],
    /// Headers of a write beside [`ANY`]; a `*` at the end stands for whatever follows.
    headers: &'static [&'static [&'static str]],
}

/// Reads of an object: see above.
const READS: [&str; 2] = ["GetObject", "HeadObject"];

/// What a link that was signed beforehand carries in its query ("Authenticating Requests: Using Query Parameters").
const SIGNATURE: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];

/// Said of the way here, of the sender, or without effect where there are no versions, no locks and no bills.
const ANY: &[&str] = &[
    "x-amz-bypass-governance-retention",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-expected-bucket-owner",
    "x-amz-mfa",
    "x-amz-request-payer",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-te",
    "x-amz-trailer",
    "x-amz-user-agent",
];

/// What may be wished for a new object; `check_wishes!` refuses the wishes that cannot be met.
const WISHES: &[&str] = &[
    "x-amz-acl",
    "x-amz-grant-*",
    "x-amz-meta-*",
    "x-amz-object-lock-*",
    "x-amz-server-side-encryption*",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
];
const SOURCE: &[&str] = &[
    "x-amz-copy-source",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-source-expected-bucket-owner",
];
/// Looked at with the bytes.
const SUMS: &[&str] = &["x-amz-checksum-*"];
/// Which checksum is to be made.
const SUM_WISHES: &[&str] = &["x-amz-checksum-algorithm", "x-amz-checksum-type"];
const CONDITIONS: &[&str] = &["if-match", "if-none-match"];

/// Headers that are no business of S3 alone and would be a promise all the same: without them something else is written.
const PROMISES: [&str; 5] = ["content-range", "if-match", "if-modified-since", "if-none-match", "if-unmodified-since"];

const fn operation(name: &'static str, query: &'static [&'static str], headers: &'static [&'static [&'static str]]) -> Operation {
    Operation { name, query, headers }
}

const SERVED: [Operation; 24] = [
    operation("ListBuckets", &["bucket-region", "continuation-token", "max-buckets", "prefix"], &[]),
    operation(
        "CreateBucket",
        &[],
        &[&["x-amz-acl", "x-amz-bucket-object-lock-enabled", "x-amz-grant-*", "x-amz-object-ownership"]],
    ),
    operation("HeadBucket", &[], &[]),
    operation("DeleteBucket", &[], &[]),
    operation("GetBucketLocation", &["location"], &[]),
    operation("GetBucketVersioning", &["versioning"], &[]),
    operation("GetBucketPolicy", &["policy"], &[]),
    operation("PutBucketPolicy", &["policy"], &[SUMS, &["x-amz-confirm-remove-self-bucket-access"]]),
    operation("DeleteBucketPolicy", &["policy"], &[]),
    operation("ListObjects", &["delimiter", "encoding-type", "marker", "max-keys", "prefix"], &[]),
    operation(
        "ListObjectsV2",
        // "metadata" asks MinIO for more than a listing of S3 has; its clients send it to everybody.
        &[
            "continuation-token",
            "delimiter",
            "encoding-type",
            "fetch-owner",
            "list-type",
            "max-keys",
            "metadata",
            "prefix",
            "start-after",
        ],
        &[],
    ),
    operation(
        "ListMultipartUploads",
        &["delimiter", "encoding-type", "key-marker", "max-uploads", "prefix", "upload-id-marker", "uploads"],
        &[],
    ),
    operation("DeleteObjects", &["delete"], &[SUMS]),
    operation("GetObject", &[], &[]),
    operation("HeadObject", &[], &[]),
    operation("PutObject", &[], &[WISHES, CONDITIONS, SUMS]),
    operation(
        "CopyObject",
        &[],
        &[WISHES, CONDITIONS, SOURCE, SUM_WISHES, &["x-amz-metadata-directive", "x-amz-tagging-directive"]],
    ),
    operation("DeleteObject", &["versionId"], &[&["if-match", "x-amz-if-match-last-modified-time", "x-amz-if-match-size"]]),
    operation("CreateMultipartUpload", &["uploads"], &[WISHES, SUM_WISHES]),
    operation("UploadPart", &["partNumber", "uploadId"], &[SUMS]),
    operation("UploadPartCopy", &["partNumber", "uploadId"], &[SOURCE, &["x-amz-copy-source-range"]]),
    operation("CompleteMultipartUpload", &["uploadId"], &[CONDITIONS, SUMS, &["x-amz-mp-object-size"]]),
    operation("AbortMultipartUpload", &["uploadId"], &[]),
    operation("ListParts", &["max-parts", "part-number-marker", "uploadId"], &[]),
];

/// Names and values of a query, decoded as s3s does it.
pub(crate) fn pairs(uri: &Uri) -> impl Iterator<Item = (String, String)> {
    let text = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (text(name), text(value))
    })
}

/// Refuses what the operation would pass over. `signed`: a program asks, not a link that anybody may have.
///
/// # Errors
/// `NotImplemented`, with the name of what is not served.
pub(crate) fn check(name: &str, uri: &Uri, headers: &HeaderMap, signed: bool) -> S3Result<()> {
    let Some(operation) = SERVED.iter().find(|o| o.name == name) else {
        let named: Vec<String> = pairs(uri).filter(|(_, value)| value.is_empty()).map(|(name, _)| format!("?{name}")).collect();
        return Err(unsupported(format!("{name} {}", named.join(" ")).trim_end()));
    };
    let reads = READS.contains(&name);
    for (parameter, value) in pairs(uri) {
        let fits = match &*parameter {
            "x-id" => value == name || (reads && READS.contains(&&*value)),
            "X-Amz-Content-Sha256" => reads || value == "UNSIGNED-PAYLOAD",
            // What a maker of links meant to compute and did not.
            "x-amz-sdk-checksum-algorithm" | "x-amz-user-agent" | "X-Amz-User-Agent" => true,
            parameter if SIGNATURE.contains(&parameter) || operation.query.contains(&parameter) => true,
            parameter => reads && !(signed && value.is_empty() && reads_like_s3(parameter)),
        };
        if !fits {
            return Err(unsupported(&format!("\"{parameter}\" in the query of {name}")));
        }
    }
    // What only reads may be answered as if a header were not there.
    if ["Get", "Head", "List"].iter().any(|verb| name.starts_with(verb)) {
        return Ok(());
    }
    match headers.keys().find(|header| is_a_promise(header) && !carries(operation, header)) {
        Some(header) => Err(unsupported(&format!("the header \"{header}\" of {name}"))),
        None => Ok(()),
    }
}

/// As S3 names parts of an object: a word, or some with hyphens. What is put behind links against caches has a digit or a value.
fn reads_like_s3(parameter: &str) -> bool {
    !parameter.is_empty() && parameter.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
}

/// Whether a write without the header would be another write. Of other makers' headers what names a source is one: without it the
/// body, mostly none, would be taken for the bytes.
fn is_a_promise(header: &HeaderName) -> bool {
    let name = header.as_str();
    name.starts_with("x-amz-") || PROMISES.contains(&name) || (name.starts_with("x-") && name.contains("-source"))
}

fn carries(operation: &Operation, header: &HeaderName) -> bool {
    let name = header.as_str();
    let is = |pattern: &&str| pattern.strip_suffix('*').map_or(*pattern == name, |start| name.starts_with(start));
    ANY.iter().any(is) || operation.headers.iter().any(|group| group.iter().any(is))
}
