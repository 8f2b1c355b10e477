//! The S3 operations, in the words of s3s, over index and blobs. What is not here answers `NotImplemented` by s3s's default.

mod bucket;
mod condition;
mod download;
mod listing;
mod multipart;
mod object;
mod upload;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use s3s::dto::*;
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::blobs::Blobs;
use crate::fail::{refuse, unsupported};
use crate::index::{Millis, Readers, Writer};
use crate::policy::Policies;

/// Everything an operation needs; cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) readers: Arc<Readers>,
    pub(crate) writer: Arc<Writer>,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) region: Arc<str>,
}

pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from(UNIX_EPOCH + Duration::from_millis(u64::try_from(at).unwrap_or(0)))
}

/// The whole seconds of a timestamp since 1970.
pub(crate) fn seconds(at: &Timestamp) -> i64 {
    let mut text = Vec::new();
    if at.format(TimestampFormat::EpochSeconds, &mut text).is_err() {
        return 0;
    }
    let text = String::from_utf8_lossy(&text);
    text.split('.').next().and_then(|s| s.parse().ok()).unwrap_or(0)
}

pub(crate) fn i64_of(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// ACLs that say what is so anyway are taken; others would promise what no bucket with policies alone does.
pub(crate) fn check_acl(acl: Option<&str>, grants: bool) -> S3Result<()> {
    if grants || !matches!(acl, None | Some("private" | "bucket-owner-full-control" | "bucket-owner-read")) {
        let text = "The bucket does not allow ACLs; use a bucket policy to make objects public.";
        return Err(refuse(S3ErrorCode::AccessControlListNotSupported, text));
    }
    Ok(())
}

/// Refuses what an upload may ask for and would not get. Silence would lose it.
macro_rules! check_wishes {
    ($input:expr) => {{
        let input = $input;
        let grants = input.grant_full_control.is_some()
            || input.grant_read.is_some()
            || input.grant_read_acp.is_some()
            || input.grant_write_acp.is_some();
        $crate::api::check_acl(input.acl.as_ref().map(|a| a.as_str()), grants)?;
        $crate::api::check_extras(&[
            (
                "server-side encryption",
                input.server_side_encryption.is_some() || input.sse_customer_algorithm.is_some() || input.ssekms_key_id.is_some(),
            ),
            ("object lock", input.object_lock_mode.is_some() || input.object_lock_legal_hold_status.is_some()),
            ("tags", input.tagging.as_deref().is_some_and(|t| !t.is_empty())),
            ("website redirects", input.website_redirect_location.is_some()),
            (
                "storage classes other than STANDARD",
                input.storage_class.as_ref().is_some_and(|c| c.as_str() != StorageClass::STANDARD),
            ),
        ])?;
    }};
}
pub(crate) use check_wishes;

pub(crate) fn check_extras(extras: &[(&str, bool)]) -> S3Result<()> {
    extras.iter().find(|(_, asked)| *asked).map_or(Ok(()), |(what, _)| Err(unsupported(what)))
}

/// There are no versions here: only "null" names the one there is.
pub(crate) fn check_version(id: Option<&str>) -> S3Result<()> {
    match id {
        None | Some("null" | "") => Ok(()),
        Some(_) => Err(refuse(S3ErrorCode::NoSuchVersion, "This bucket keeps no versions.")),
    }
}

type Answer<T> = S3Result<S3Response<T>>;

#[async_trait]
impl S3 for Api {
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        self.bucket_create(req.input).await.map(S3Response::new)
    }
    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        self.bucket_delete(req.input).await.map(S3Response::new)
    }
    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.bucket_head(req.input).await.map(S3Response::new)
    }
    async fn list_buckets(&self, req: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        self.bucket_list(req.input).await.map(S3Response::new)
    }
    async fn get_bucket_location(&self, req: S3Request<GetBucketLocationInput>) -> Answer<GetBucketLocationOutput> {
        self.bucket_location(req.input).await.map(S3Response::new)
    }
    async fn get_bucket_versioning(&self, req: S3Request<GetBucketVersioningInput>) -> Answer<GetBucketVersioningOutput> {
        self.bucket_head(HeadBucketInput { bucket: req.input.bucket, ..Default::default() }).await?;
        Ok(S3Response::new(GetBucketVersioningOutput::default()))
    }
    async fn get_bucket_policy(&self, req: S3Request<GetBucketPolicyInput>) -> Answer<GetBucketPolicyOutput> {
        let mut answer = S3Response::new(self.policy_get(req.input).await?);
        answer.headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        Ok(answer)
    }
    async fn put_bucket_policy(&self, req: S3Request<PutBucketPolicyInput>) -> Answer<PutBucketPolicyOutput> {
        self.policy_put(req.input).await?;
        Ok(S3Response::with_status(PutBucketPolicyOutput::default(), http::StatusCode::NO_CONTENT))
    }
    async fn delete_bucket_policy(&self, req: S3Request<DeleteBucketPolicyInput>) -> Answer<DeleteBucketPolicyOutput> {
        self.policy_delete(req.input).await.map(S3Response::new)
    }
    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        self.list_v1(req.input).await.map(S3Response::new)
    }
    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        self.list_v2(req.input).await.map(S3Response::new)
    }
    async fn put_object(&self, req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        self.object_put(req).await
    }
    async fn get_object(&self, req: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        self.object_get(req).await
    }
    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        self.object_head(req).await
    }
    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        self.object_delete(req.input).await.map(S3Response::new)
    }
    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        self.object_delete_many(req.input).await.map(S3Response::new)
    }
    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        self.object_copy(req).await.map(S3Response::new)
    }
    async fn create_multipart_upload(&self, req: S3Request<CreateMultipartUploadInput>) -> Answer<CreateMultipartUploadOutput> {
        self.upload_create(req.input).await.map(S3Response::new)
    }
    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        self.part_put(req).await.map(S3Response::new)
    }
    async fn upload_part_copy(&self, req: S3Request<UploadPartCopyInput>) -> Answer<UploadPartCopyOutput> {
        self.part_copy(req.input).await.map(S3Response::new)
    }
    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        self.upload_complete(req).await.map(S3Response::new)
    }
    async fn abort_multipart_upload(&self, req: S3Request<AbortMultipartUploadInput>) -> Answer<AbortMultipartUploadOutput> {
        self.upload_abort(req.input).await.map(S3Response::new)
    }
    async fn list_multipart_uploads(&self, req: S3Request<ListMultipartUploadsInput>) -> Answer<ListMultipartUploadsOutput> {
        self.upload_list(req.input).await.map(S3Response::new)
    }
    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        self.part_list(req.input).await.map(S3Response::new)
    }
}
