//! Removing many objects in one request, and a policy altogether.

use std::collections::HashMap;

use aws_smithy_types::body::SdkBody;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{Method, StatusCode};
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::client::Client;
use crate::error::{About, Kind, S3Error};
use crate::raw::{Ask, EMPTY};

/// Keys of one request (AWS, "DeleteObjects").
pub const MOST_KEYS: usize = 1000;
/// An answer tells each key again, every byte of it written as an entity perhaps.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

impl Client {
    /// Removes up to [`MOST_KEYS`] objects in one request; what became of each, in the order of `keys`. One that is not there is
    /// removed already. Keys that XML cannot write, and all of them at a store that knows no bulk removal, go one by one.
    ///
    /// # Errors
    /// What keeps all of them: [`Kind::NoSuchBucket`], and every kind of [`S3Error`].
    pub async fn remove_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Result<(), S3Error>>, S3Error> {
        let (plain, odd): (Vec<_>, Vec<_>) = keys.iter().map(String::as_str).partition(|key| is_xml(key));
        let mut known = HashMap::new();
        if !plain.is_empty() {
            match self.remove_at_once(bucket, &plain).await {
                Ok(told) => known = told,
                Err(error) if error.kind == Kind::Unsupported => {}
                Err(error) => return Err(error),
            }
        }
        let mut results = Vec::with_capacity(keys.len());
        for key in keys {
            let result = match known.get(key) {
                Some(result) if !odd.contains(&key.as_str()) => result.clone(),
                _ => self.remove(bucket, key).await,
            };
            match result {
                Err(error) if error.kind == Kind::NoSuchBucket => return Err(error),
                result => results.push(result),
            }
        }
        Ok(results)
    }

    async fn remove_at_once(&self, bucket: &str, keys: &[&str]) -> Result<HashMap<String, Result<(), S3Error>>, S3Error> {
        let mut text = String::from("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>false</Quiet>");
        for key in keys {
            text.push_str("<Object><Key>");
            text.push_str(&escape(key));
            text.push_str("</Key></Object>");
        }
        text.push_str("</Delete>");
        let ask = Ask {
            method: Method::POST,
            bucket,
            key: None,
            query: "delete=",
            headers: vec![
                ("content-md5", BASE64_STANDARD.encode(Md5::digest(&text))),
                ("content-type", "application/xml".to_owned()),
            ],
            hash: hex::encode(Sha256::digest(&text)),
            length: Some(text.len() as u64),
        };
        let (mut head, said) = self.ask_all(ask, SdkBody::from(text), LONGEST_ANSWER, About::Bucket).await?.into_parts();
        // What it says of a single key is judged by its code alone.
        head.status = StatusCode::BAD_REQUEST;
        let said = String::from_utf8_lossy(&said).into_owned();
        if !said.contains("DeleteResult") {
            return Err(S3Error::new(Kind::NotS3, "the answer to DeleteObjects is none"));
        }
        let removed = elements(&said, "Deleted").filter_map(|one| Some((inner(one, "Key")?, Ok(()))));
        let kept = elements(&said, "Error").filter_map(|one| {
            let error = match S3Error::of_plain(&head, one.as_bytes(), About::Object) {
                gone if gone.kind == Kind::NoSuchKey => Ok(()),
                error => Err(error),
            };
            Some((inner(one, "Key")?, error))
        });
        Ok(removed.chain(kept).collect())
    }

    /// Takes the bucket's policy away; one that is not there is gone already.
    ///
    /// # Errors
    /// [`Kind::Unsupported`] where the store knows no policies, and every kind of [`S3Error`].
    pub async fn remove_policy(&self, bucket: &str) -> Result<(), S3Error> {
        let ask = Ask {
            method: Method::DELETE,
            bucket,
            key: None,
            query: "policy=",
            headers: vec![],
            hash: EMPTY.to_owned(),
            length: None,
        };
        match self.ask_all(ask, SdkBody::empty(), 0, About::Bucket).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == Kind::NoSuchKey => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether XML 1.0 has a way to write every character of it, and gives it back as it was.
fn is_xml(key: &str) -> bool {
    key.chars().all(|letter| matches!(letter, ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..) && letter != '\u{7f}')
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}

fn elements<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(&open)? + open.len();
        let end = start + rest[start..].find(&close)?;
        let found = &rest[start..end];
        rest = &rest[end + close.len()..];
        Some(found)
    })
}

pub(crate) fn inner(text: &str, name: &str) -> Option<String> {
    elements(text, name).next().map(unescape)
}

/// The five entities, and characters by number.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').unwrap_or(0);
        let letter = match rest.get(1..end).unwrap_or_default() {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            number => number.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok().and_then(char::from_u32),
                None => number.parse().ok().and_then(char::from_u32),
            }),
        };
        match letter {
            Some(letter) => {
                plain.push(letter);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_way_through_xml() {
        for key in ["a&b<c>\"d'.png", "截图 1.png", "&amp;", "&#60;", "&;&", "a;b&", "]]>"] {
            assert_eq!(unescape(&escape(key)), key);
        }
        assert_eq!(unescape("a&#x26;b&#38;c&#10;"), "a&b&c\n");
        assert!(is_xml("a b/ü"));
        for key in ["a\nb", "a\u{0}b", "a\u{7f}", "\u{fffe}"] {
            assert!(!is_xml(key), "{key:?}");
        }
    }
}
