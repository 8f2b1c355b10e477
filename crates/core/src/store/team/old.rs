//! What only the older service needs: listings by page, a look before every question it would never answer, and names it can bear.

use imagepic_api::object::{Address, Entry, List, Listed, Stat};
use imagepic_words::team as words;
use percent_encoding::percent_decode_str;

use super::bytes::Digests;
use super::{TeamStore, meta, object};
use crate::account::{Answered, Trouble, fault};
use crate::error::{Code, Error, Result};
use crate::store::{Object, Page, Progress, Put, Store as _, Stored};

impl TeamStore {
    /// The cursor is the number of the next page.
    pub(super) async fn list_old(&self, bucket: &str, prefix: &str, cursor: Option<&str>, limit: u16) -> Result<Page> {
        let number: i64 = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(1).max(1);
        let size = i64::from(limit.clamp(1, 1000));
        let Some(listed) = self.listed(bucket, prefix, Some((size, number))).await? else { return Ok(Page::default()) };
        let seen = u64::try_from(size.saturating_mul(number)).unwrap_or(u64::MAX);
        let mut page = Page { next: (seen < listed.total).then(|| (number + 1).to_string()), ..Page::default() };
        for entry in listed.lists {
            match entry {
                Entry::Object { name, last_modified, etag, size } => page.objects.push(object(name, size, &etag, &last_modified)),
                // Only folders come percent-encoded.
                Entry::Prefix { prefix, .. } => {
                    page.folders.push(percent_decode_str(&prefix).decode_utf8().map_or_else(|_| prefix.clone(), Into::into));
                }
            }
        }
        Ok(page)
    }

    /// `None`: nothing is there. The service says the same of a bucket that is not there, so the buckets are looked at then.
    async fn listed(&self, bucket: &str, prefix: &str, page: Option<(i64, i64)>) -> Result<Option<Listed>> {
        let list = List {
            bucket_name: bucket.to_owned(),
            prefix: Some(prefix.to_owned()),
            page_size: page.map(|(size, _)| size),
            page_num: Some(page.map_or(-1, |(_, number)| number)),
            ..List::default()
        };
        let asked: Answered<Listed> = self.server().post("object/listObjects", &list, None).await;
        self.wants_token(&asked);
        match asked {
            Ok(listed) => Ok(Some(listed)),
            Err(Trouble::Refused(no)) if no.bare => {
                if self.buckets().await?.iter().any(|known| known.name == bucket) {
                    return Ok(None);
                }
                Err(Error::new(Code::NoSuchBucket, words::no_such_bucket(bucket, self.server().host())).at("bucket"))
            }
            Err(trouble) => Err(fault(trouble, self.server(), self.about(bucket, ""))),
        }
    }

    /// A question about an object that is not there would never be answered, so the listing is asked first.
    pub(super) async fn stat_old(&self, bucket: &str, key: &str) -> Result<Option<Object>> {
        let Some(listed) = self.listed(bucket, key, None).await? else { return Ok(None) };
        let found = listed.lists.into_iter().find_map(|entry| match entry {
            Entry::Object { name, last_modified, etag, size } if name == key => Some(object(name, size, &etag, &last_modified)),
            _ => None,
        });
        let Some(mut found) = found else { return Ok(None) };
        let address = Address { bucket_name: bucket.to_owned(), object_name: key.to_owned() };
        let asked: Answered<Stat> = self.server().post("object/statObject", &address, None).await;
        if let Ok(stat) = asked {
            found.content_type = meta(&stat.meta_data, "content-type");
        }
        Ok(Some(found))
    }

    pub(super) async fn send_old(&self, put: &Put, digests: &Digests, progress: &Progress) -> Result<Stored> {
        let host = self.server().host();
        let (folder, name) = put.key.rsplit_once('/').unwrap_or(("", &put.key));
        if !folder.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') || folder.trim() != folder {
            return Err(Error::new(Code::NameRefused, words::folder_ascii(host, folder)).at("folder"));
        }
        if name.contains(['"', '\\', '%']) || name.chars().any(char::is_control) {
            return Err(Error::new(Code::NameRefused, words::name_old(host, &put.key)));
        }
        // It overwrites without a word.
        if put.if_absent && self.stat_old(&put.bucket, &put.key).await?.is_some() {
            return Err(Error::new(Code::NameTaken, words::exists(&put.key, &put.bucket, host)));
        }
        let stored = self.send_through(put, false, progress).await?;
        self.confirmed_by_parts(put, stored, digests).await
    }
}
