//! Buckets and their policies.

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Result};

use super::{Api, check_acl, check_extras, now, timestamp};
use crate::fail::{Try, refuse};
use crate::index;
use crate::policy;

/// The name AWS writes as no name at all.
const FIRST_REGION: &str = "us-east-1";

/// Everything belongs to the one person this bucket runs for.
pub(super) fn owner() -> Owner {
    Owner { display_name: Some("imagepic".into()), id: Some("imagepic".into()) }
}

impl Api {
    /// Makes a bucket; false where it was there.
    pub(crate) async fn add_bucket(&self, name: &str) -> Try<bool> {
        if !s3s::path::check_bucket_name(name) {
            return Err(refuse(S3ErrorCode::InvalidBucketName, format!("\"{name}\" is no valid bucket name.")).into());
        }
        let name = name.to_owned();
        self.writer.change(vec![], move |conn, _| index::add_bucket(conn, &name, now())).await
    }

    /// Lets anybody read what begins with a prefix.
    pub(crate) async fn publish(&self, bucket: &str, prefix: &str) -> Try<()> {
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        let policies = Arc::clone(&self.policies);
        self.writer
            .change(vec![], move |conn, effects| {
                let present = index::policy(conn, &bucket)?;
                if let Some(text) = policy::with_public(&bucket, present.as_deref(), &prefix)? {
                    let public = policy::parse(&bucket, &text)?;
                    index::set_policy(conn, &bucket, Some(&text))?;
                    effects.after.push(Box::new(move || policies.set(&bucket, public)));
                }
                Ok(())
            })
            .await
    }

    pub(super) async fn bucket_create(&self, input: CreateBucketInput) -> S3Result<CreateBucketOutput> {
        let grants = input.grant_full_control.is_some()
            || input.grant_read.is_some()
            || input.grant_read_acp.is_some()
            || input.grant_write.is_some()
            || input.grant_write_acp.is_some();
        check_acl(input.acl.as_ref().map(BucketCannedACL::as_str), grants)?;
        let owned = input.object_ownership.as_ref().map(ObjectOwnership::as_str);
        check_extras(&[
            ("object lock", input.object_lock_enabled_for_bucket.unwrap_or(false)),
            (
                "object ownership other than BucketOwnerEnforced",
                owned.is_some_and(|o| o != ObjectOwnership::BUCKET_OWNER_ENFORCED),
            ),
        ])?;
        if !self.add_bucket(&input.bucket).await? {
            let text = "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(refuse(S3ErrorCode::BucketAlreadyOwnedByYou, text));
        }
        Ok(CreateBucketOutput { location: Some(format!("/{}", input.bucket)) })
    }

    pub(super) async fn bucket_delete(&self, input: DeleteBucketInput) -> S3Result<DeleteBucketOutput> {
        let policies = Arc::clone(&self.policies);
        self.writer
            .change(vec![], move |conn, effects| {
                index::drop_bucket(conn, &input.bucket, effects)?;
                effects.after.push(Box::new(move || policies.set(&input.bucket, policy::Public::default())));
                Ok(())
            })
            .await?;
        Ok(DeleteBucketOutput::default())
    }

    pub(super) async fn bucket_head(&self, input: HeadBucketInput) -> S3Result<HeadBucketOutput> {
        self.readers.run(move |conn| index::bucket_id(conn, &input.bucket)).await?;
        Ok(HeadBucketOutput { bucket_region: Some(self.region.to_string()), ..Default::default() })
    }

    pub(super) async fn bucket_list(&self, input: ListBucketsInput) -> S3Result<ListBucketsOutput> {
        let mut rows = self.readers.run(index::buckets).await?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.unwrap_or_default();
        rows.retain(|b| b.name.starts_with(&prefix) && (after.is_empty() || b.name > after));
        let most = input.max_buckets.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let more = rows.len() > most;
        rows.truncate(most);
        let continuation_token = rows.last().filter(|_| more).map(|b| b.name.clone());
        let buckets = rows.into_iter().map(|b| Bucket {
            name: Some(b.name),
            creation_date: Some(timestamp(b.created)),
            bucket_region: None,
        });
        Ok(ListBucketsOutput { buckets: Some(buckets.collect()), owner: Some(owner()), prefix: input.prefix, continuation_token })
    }

    pub(super) async fn bucket_location(&self, input: GetBucketLocationInput) -> S3Result<GetBucketLocationOutput> {
        self.readers.run(move |conn| index::bucket_id(conn, &input.bucket)).await?;
        let region = (&*self.region != FIRST_REGION).then(|| BucketLocationConstraint::from(self.region.to_string()));
        Ok(GetBucketLocationOutput { location_constraint: region })
    }

    pub(super) async fn policy_get(&self, input: GetBucketPolicyInput) -> S3Result<GetBucketPolicyOutput> {
        let found = self.readers.run(move |conn| index::policy(conn, &input.bucket)).await?;
        let policy = found.ok_or_else(|| refuse(S3ErrorCode::NoSuchBucketPolicy, "The bucket policy does not exist."))?;
        Ok(GetBucketPolicyOutput { policy: Some(policy) })
    }

    pub(super) async fn policy_put(&self, input: PutBucketPolicyInput) -> S3Result<()> {
        let public = policy::parse(&input.bucket, &input.policy)?;
        let policies = Arc::clone(&self.policies);
        self.writer
            .change(vec![], move |conn, effects| {
                index::set_policy(conn, &input.bucket, Some(&input.policy))?;
                effects.after.push(Box::new(move || policies.set(&input.bucket, public)));
                Ok(())
            })
            .await?;
        Ok(())
    }

    pub(super) async fn policy_delete(&self, input: DeleteBucketPolicyInput) -> S3Result<DeleteBucketPolicyOutput> {
        let policies = Arc::clone(&self.policies);
        self.writer
            .change(vec![], move |conn, effects| {
                index::set_policy(conn, &input.bucket, None)?;
                effects.after.push(Box::new(move || policies.set(&input.bucket, policy::Public::default())));
                Ok(())
            })
            .await?;
        Ok(DeleteBucketPolicyOutput::default())
    }
}
