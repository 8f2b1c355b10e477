//! Buckets, objects and policies: `/imagepic/{bucket,object,policy}/…`. Times are UTC with milliseconds and `Z`, etags without quotes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A bucket, as `GET /imagepic/bucket/listBuckets` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// When it was made.
    #[serde(rename = "creationDate", default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
}

/// `POST /imagepic/object/listObjects`: by page, or by cursor where `limit` or `cursor` is given.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct List {
    /// Where.
    #[cfg_attr(feature = "openapi", schema(example = "images"))]
    pub bucket_name: String,
    /// Below which prefix; one level deep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "docs/"))]
    pub prefix: Option<String>,
    /// Entries a page, 10 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<i64>,
    /// From 1; -1 for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_num: Option<i64>,
    /// `next` of the answer before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Entries an answer, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
}

/// An entry of a listing: an object, or a prefix with size 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Entry {
    /// An object.
    Object {
        /// Full key.
        name: String,
        /// When it was written.
        #[serde(rename = "lastModified")]
        last_modified: String,
        /// Without quotes.
        etag: String,
        /// Bytes.
        size: u64,
    },
    /// A prefix, ending in `/`.
    Prefix {
        /// The full prefix, as it is.
        prefix: String,
        /// Always 0.
        size: u64,
    },
}

/// A listing by page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Listed {
    /// Entries in all.
    pub total: u64,
    /// Objects first, then prefixes.
    pub lists: Vec<Entry>,
}

/// A listing by cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Slice {
    /// Objects first, then prefixes.
    pub lists: Vec<Entry>,
    /// Give it back for more; `null` at the end.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub next: Option<String>,
}

/// An object's address: `statObject`, `getObject`, `removeObject`, `putCompleted`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Where.
    #[cfg_attr(feature = "openapi", schema(example = "images"))]
    pub bucket_name: String,
    /// Full key.
    #[cfg_attr(feature = "openapi", schema(example = "docs/shot.png"))]
    pub object_name: String,
}

/// `POST /imagepic/object/presignedGetObject`; the answer's `data` is the link.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PresignGet {
    /// Where.
    #[cfg_attr(feature = "openapi", schema(example = "images"))]
    pub bucket_name: String,
    /// Full key.
    #[cfg_attr(feature = "openapi", schema(example = "docs/shot.png"))]
    pub object_name: String,
    /// Seconds; 604800 by default and at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<u32>,
}

/// `data` of `statObject`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stat {
    /// Bytes.
    pub size: u64,
    /// `content-type`, and what else the object carries.
    pub meta_data: BTreeMap<String, String>,
    /// When it was written.
    pub last_modified: String,
    /// Where the bucket keeps versions.
    pub version_id: Option<String>,
    /// Without quotes.
    pub etag: String,
}

/// `data` of `putObject` and `putCompleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// Without quotes.
    pub etag: String,
    /// Where the bucket keeps versions.
    pub version_id: Option<String>,
    /// The key it lies under; the old service did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_name: Option<String>,
}

/// `POST /imagepic/object/presignedPutObject`; answers [`Grant`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PresignPut {
    /// Where.
    #[cfg_attr(feature = "openapi", schema(example = "images"))]
    pub bucket_name: String,
    /// Full key.
    #[cfg_attr(feature = "openapi", schema(example = "docs/new.png"))]
    pub object_name: String,
    /// Media type, by the bytes.
    #[cfg_attr(feature = "openapi", schema(example = "image/png"))]
    pub content_type: String,
    /// Bytes.
    #[cfg_attr(feature = "openapi", schema(example = 67))]
    pub size: u64,
    /// Hex SHA-256 of the bytes.
    #[cfg_attr(feature = "openapi", schema(example = "a4d4c009619311d9b83904acfd62fe3b7f918c312522bbcc6ad51cdec4fd1edf"))]
    pub sha256: String,
    /// Base64 MD5 of the bytes, as in `Content-MD5` (RFC 1864).
    #[cfg_attr(feature = "openapi", schema(example = "qnjeaELHwPqS1f2DKfIpzw=="))]
    pub md5: String,
    /// Refuse where the key is taken; true unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_absent: Option<bool>,
    /// Kept with the object (`x-amz-meta-imagepic-id`), so that whoever put it knows it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// A permission to put one object, once, straight to the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Where to send the bytes.
    pub url: String,
    /// `PUT`.
    pub method: String,
    /// All of these must be sent, as they are: the signature covers them.
    pub headers: BTreeMap<String, String>,
    /// UTC; ten minutes from now.
    pub expires_at: String,
}

/// `POST /imagepic/object/copyObject`; answers [`Stored`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Copy {
    /// Where, both of them.
    #[cfg_attr(feature = "openapi", schema(example = "images"))]
    pub bucket_name: String,
    /// The key that is there.
    #[cfg_attr(feature = "openapi", schema(example = "docs/shot.png"))]
    pub object_name: String,
    /// The key it shall have too.
    #[cfg_attr(feature = "openapi", schema(example = "docs/renamed.png"))]
    pub target_name: String,
    /// Refuse where the target is taken; true unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_absent: Option<bool>,
}

/// `POST /imagepic/object/removeObjects`; answers a list of [`Removed`], in order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RemoveMany {
    /// Where.
    #[cfg_attr(feature = "openapi", schema(example = "images"))]
    pub bucket_name: String,
    /// Full keys, 1 to 1000.
    #[cfg_attr(feature = "openapi", schema(example = json!(["docs/shot.png"])))]
    pub object_names: Vec<String>,
}

/// What became of one object of a bulk removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// Its key.
    pub object_name: String,
    /// It is not there any more.
    pub success: bool,
    /// Why it still is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<crate::Code>,
}

/// Who may read below a prefix without a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Nobody.
    Private,
    /// Everybody.
    PublicRead,
}

/// The read rule of a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rule {
    /// Empty for the whole bucket.
    pub prefix: String,
    /// Who may read there.
    pub access: Access,
}

/// `data` of `POST /imagepic/policy/getBucketPolicy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Policy {
    /// The rules that a reader can be told in a word.
    pub access: Vec<Rule>,
    /// The bucket's own document, or `null`.
    pub policy: Option<serde_json::Value>,
}

/// `POST /imagepic/policy/getBucketPolicy`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct GetPolicy {
    /// Which bucket.
    #[cfg_attr(feature = "openapi", schema(example = "images"))]
    pub bucket_name: String,
}

/// `POST /imagepic/policy/setBucketPolicy`; admins only; the answer's `data` is `{}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SetPolicy {
    /// Which bucket.
    #[cfg_attr(feature = "openapi", schema(example = "images"))]
    pub bucket_name: String,
    /// Below which prefix; empty for the whole bucket.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(example = "public/"))]
    pub prefix: String,
    /// Who may read there from now on.
    pub access: Access,
}

/// One event of `GET /imagepic/notification/listen`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// What happened.
    pub event: Happened,
    /// Where.
    pub bucket_name: String,
    /// To which key.
    pub object_name: String,
    /// Bytes, where something was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Without quotes, where something was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// UTC.
    pub time: String,
}

/// What can happen to an object, in S3's own names for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Happened {
    /// Put, or copied to.
    #[serde(rename = "s3:ObjectCreated")]
    Created,
    /// Removed.
    #[serde(rename = "s3:ObjectRemoved")]
    Removed,
}
