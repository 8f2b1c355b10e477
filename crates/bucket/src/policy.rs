//! The part of bucket policies this bucket has: anybody may `s3:GetObject` what a resource pattern names.
//!
//! A statement that would mean more or less than that is refused, so that a policy never promises what does not happen.
//! The language is that of "Policies and permissions in Amazon S3".

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use s3s::{S3Error, S3ErrorCode};
use serde_json::{Map, Value, json};

use crate::fail::{refuse, unsupported};

/// Longest policy S3 takes, in bytes.
const LONGEST: usize = 20 * 1024;
const ARN: &str = "arn:aws:s3:::";

/// Which keys of a bucket anybody may read: patterns with `*` and `?`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Public(Vec<String>);

impl Public {
    /// Whether this key is among them.
    pub fn allows(&self, key: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern.as_bytes(), key.as_bytes()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `*` stands for any bytes, `?` for one; linear in time but for one step back.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

fn malformed(why: impl Into<String>) -> S3Error {
    refuse(S3ErrorCode::MalformedPolicy, format!("This policy is not valid: {}.", why.into()))
}

fn one_or_many<'v>(value: Option<&'v Value>, name: &str) -> Result<Vec<&'v str>, S3Error> {
    let values = match value {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(value) => vec![value],
        None => return Err(malformed(format!("a statement has no {name}"))),
    };
    values.into_iter().map(|v| v.as_str().ok_or_else(|| malformed(format!("{name} is not a string")))).collect()
}

fn statement(bucket: &str, statement: &Map<String, Value>, patterns: &mut Vec<String>) -> Result<(), S3Error> {
    if let Some(other) = statement.keys().find(|k| !matches!(k.as_str(), "Sid" | "Effect" | "Principal" | "Action" | "Resource"))
    {
        return Err(match other.as_str() {
            "Condition" | "NotPrincipal" | "NotAction" | "NotResource" => unsupported(&format!("{other} in a policy")),
            _ => malformed(format!("unknown element {other}")),
        });
    }
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => {}
        Some("Deny") => return Err(unsupported("Deny in a policy")),
        _ => return Err(malformed("Effect is neither Allow nor Deny")),
    }
    let principal = match statement.get("Principal") {
        Some(Value::Object(map)) if map.len() == 1 => map.get("AWS"),
        other => other,
    };
    if one_or_many(principal, "Principal")? != ["*"] {
        return Err(unsupported("a Principal other than \"*\" in a policy"));
    }
    if let Some(other) =
        one_or_many(statement.get("Action"), "Action")?.into_iter().find(|a| !a.eq_ignore_ascii_case("s3:GetObject"))
    {
        return Err(unsupported(&format!("the action {other} in a policy; only s3:GetObject")));
    }
    for resource in one_or_many(statement.get("Resource"), "Resource")? {
        let pattern = resource
            .strip_prefix(ARN)
            .and_then(|r| r.strip_prefix(bucket))
            .and_then(|r| r.strip_prefix('/'))
            .ok_or_else(|| malformed(format!("the resource {resource} is not {ARN}{bucket}/…")))?;
        patterns.push(pattern.to_owned());
    }
    Ok(())
}

/// Reads a policy document.
pub(crate) fn parse(bucket: &str, text: &str) -> Result<Public, S3Error> {
    if text.len() > LONGEST {
        return Err(malformed("it is longer than 20 KB"));
    }
    let document: Value = serde_json::from_str(text).map_err(|e| malformed(format!("it is no JSON, {e}")))?;
    let document = document.as_object().ok_or_else(|| malformed("it is no JSON object"))?;
    if let Some(other) = document.keys().find(|k| !matches!(k.as_str(), "Version" | "Id" | "Statement")) {
        return Err(malformed(format!("unknown element {other}")));
    }
    if !matches!(document.get("Version").and_then(Value::as_str), None | Some("2012-10-17" | "2008-10-17")) {
        return Err(malformed("unknown Version"));
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(one) => vec![one],
        None => return Err(malformed("it has no Statement")),
    };
    if statements.is_empty() {
        return Err(malformed("it has no Statement"));
    }
    let mut patterns = Vec::new();
    for value in statements {
        let map = value.as_object().ok_or_else(|| malformed("a Statement is no object"))?;
        statement(bucket, map, &mut patterns)?;
    }
    Ok(Public(patterns))
}

/// The present policy with one more public prefix; `None` where everything under it is public already.
pub(crate) fn with_public(bucket: &str, present: Option<&str>, prefix: &str) -> Result<Option<String>, S3Error> {
    if prefix.contains(['*', '?']) {
        return Err(refuse(S3ErrorCode::InvalidArgument, "A public prefix cannot contain * or ?."));
    }
    let pattern = format!("{prefix}*");
    let mut statements = Vec::new();
    if let Some(present) = present {
        let public = parse(bucket, present)?;
        if public.0.iter().any(|p| matches(p.as_bytes(), pattern.as_bytes()) && p.ends_with('*')) {
            return Ok(None);
        }
        let document: Value = serde_json::from_str(present).map_err(|e| malformed(e.to_string()))?;
        match document.get("Statement") {
            Some(Value::Array(all)) => statements.extend(all.iter().cloned()),
            Some(one) => statements.push(one.clone()),
            None => {}
        }
    }
    statements.push(json!({
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": format!("{ARN}{bucket}/{pattern}"),
    }));
    Ok(Some(json!({ "Version": "2012-10-17", "Statement": statements }).to_string()))
}

/// What is public in each bucket, kept in memory because every anonymous read asks.
#[derive(Default)]
pub(crate) struct Policies(RwLock<HashMap<String, Public>>);

impl Policies {
    pub(crate) fn allows(&self, bucket: &str, key: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(bucket).is_some_and(|p| p.allows(key))
    }

    pub(crate) fn of(&self, bucket: &str) -> Public {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(bucket).cloned().unwrap_or_default()
    }

    pub(crate) fn set(&self, bucket: &str, public: Public) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if public.is_empty() {
            all.remove(bucket)
        } else {
            all.insert(bucket.to_owned(), public)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_opens_only_what_it_names() {
        for (pattern, key, open) in [
            ("pub/*", "pub/a.png", true),
            ("pub/*", "pub", false),
            ("pub/*", "private/pub/a", false),
            ("*", "anything/at all", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*.png", "x/y.png", true),
            ("*.png", "x/y.pngx", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXcXb", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), key.as_bytes()), open, "{pattern} against {key}");
        }
    }

    #[test]
    fn a_statement_that_means_more_than_reading_is_refused() {
        let with = |change: &str| {
            format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"{change}}}]}}"#
            )
        };
        assert!(parse("b", &with("")).unwrap().allows("x"));
        assert!(parse("other", &with("")).is_err(), "a policy for another bucket");
        assert_eq!(parse("b", &with(r#","Condition":{}"#)).unwrap_err().code(), &S3ErrorCode::NotImplemented);
        assert_eq!(parse("b", &with(r#","Surprise":1"#)).unwrap_err().code(), &S3ErrorCode::MalformedPolicy);
        for (from, to) in
            [("Allow", "Deny"), ("\"*\",\"Action", "{\"AWS\":\"arn:aws:iam::1:root\"},\"Action"), ("s3:GetObject", "s3:*")]
        {
            assert_eq!(parse("b", &with("").replacen(from, to, 1)).unwrap_err().code(), &S3ErrorCode::NotImplemented, "{to}");
        }
        assert_eq!(parse("b", "{").unwrap_err().code(), &S3ErrorCode::MalformedPolicy);
    }

    #[test]
    fn making_a_prefix_public_keeps_what_was_public_before() {
        let first = with_public("b", None, "one/").unwrap().unwrap();
        assert_eq!(with_public("b", Some(&first), "one/deeper/").unwrap(), None);
        let both = parse("b", &with_public("b", Some(&first), "two/").unwrap().unwrap()).unwrap();
        assert!(both.allows("one/a") && both.allows("two/a") && !both.allows("three/a"));
    }
}
