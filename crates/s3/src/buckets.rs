//! Which buckets there are. Asked at every listing of a team server, so without the SDK, whose way from its builder to the wire and back
//! costs several times what signing and reading the answer do.

use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use http::Method;

use crate::client::{Bucket, Client, time};
use crate::error::{About, Kind, S3Error};
use crate::raw::{Ask, EMPTY};

/// A store lists 10,000 buckets at most, in some 200 bytes each (AWS, "Bucket quotas").
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

impl Client {
    /// The buckets these keys may list.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] where listing is not allowed, and every kind of [`S3Error`].
    pub async fn buckets(&self) -> Result<Vec<Bucket>, S3Error> {
        let ask =
            Ask { method: Method::GET, bucket: "", key: None, query: "", headers: vec![], hash: EMPTY.to_owned(), length: None };
        let answer = self.ask_all(ask, SdkBody::empty(), LONGEST_ANSWER, About::Service).await?;
        let none = || S3Error::new(Kind::NotS3, "the answer to ListBuckets is none");
        let text = std::str::from_utf8(answer.body()).map_err(|_| none())?;
        read(text).ok().flatten().ok_or_else(none)
    }
}

/// `None` where it is an answer of somebody else's that happens to be XML: it has no owner and no buckets, and no store leaves both out.
fn read(text: &str) -> Result<Option<Vec<Bucket>>, XmlDecodeError> {
    let mut document = Document::new(text);
    let mut root = document.root_element()?;
    // The reader takes the end of the text for the end of everything that is open.
    let whole = text.trim_end().ends_with("ListAllMyBucketsResult>") || text.trim_end().ends_with("/>");
    if !whole || !root.start_el().matches("ListAllMyBucketsResult") {
        return Ok(None);
    }
    let (mut known, mut buckets) = (false, Vec::new());
    while let Some(mut part) = root.next_tag() {
        known |= part.start_el().matches("Owner") || part.start_el().matches("Buckets");
        if part.start_el().matches("Buckets") {
            while let Some(mut one) = part.next_tag() {
                if one.start_el().matches("Bucket") {
                    buckets.extend(bucket(&mut one)?);
                }
            }
        }
    }
    Ok(known.then_some(buckets))
}

fn bucket(one: &mut ScopedDecoder<'_, '_>) -> Result<Option<Bucket>, XmlDecodeError> {
    let (mut name, mut created) = (None, None);
    while let Some(mut field) = one.next_tag() {
        if field.start_el().matches("Name") {
            name = Some(try_data(&mut field)?.into_owned());
        } else if field.start_el().matches("CreationDate") {
            created = DateTime::from_str(try_data(&mut field)?.trim(), Format::DateTimeWithOffset).ok().and_then(time);
        }
    }
    Ok(name.map(|name| Bucket { name, created }))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn buckets_are_read_as_stores_write_them() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Owner><ID>x</ID><DisplayName>a &amp; b</DisplayName></Owner>
              <Buckets><Bucket><Name>pics</Name><CreationDate>2026-11-22T10:20:30.500Z</CreationDate><BucketRegion>r</BucketRegion></Bucket>
              <Bucket><CreationDate>nonsense</CreationDate><Name>more</Name></Bucket></Buckets>
            </ListAllMyBucketsResult>"#;
        let buckets = read(text).expect("XML").expect("a listing");
        assert_eq!(buckets.iter().map(|bucket| bucket.name.as_str()).collect::<Vec<_>>(), ["pics", "more"]);
        assert_eq!(buckets[0].created, Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_342_830_500)));
        assert_eq!(buckets[1].created, None);
        let none = "<ListAllMyBucketsResult><Owner><ID>x</ID></Owner><Buckets/></ListAllMyBucketsResult>";
        assert_eq!(read(none).expect("XML"), Some(Vec::new()));
    }

    #[test]
    fn an_answer_of_somebody_elses_is_no_empty_list() {
        for text in
            ["", "hello", "<html><body/></html>", "<ListAllMyBucketsResult/>", "<ListAllMyBucketsResult><Buckets><Bucket>"]
        {
            assert!(!matches!(read(text), Ok(Some(_))), "{text}");
        }
    }
}
