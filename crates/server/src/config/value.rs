//! A value as text, and as what it should be.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use imagepic_api::capabilities::Registration;
use ipnet::IpNet;
use regex::Regex;
use secrecy::SecretString;
use url::Url;

use super::{AccountsHome, Config, PublicBases, S3Settings};

/// A value as it was given.
pub(super) struct Raw<'a> {
    /// Without white space around it.
    pub(super) text: &'a str,
    /// What paths in it are relative to; `None` for the working directory.
    pub(super) folder: Option<&'a Path>,
}

/// What stands in a half-filled store setting until its endpoint is given.
pub(super) const NO_ENDPOINT: &str = "http://unset.invalid/";

/// The store's settings, to be filled.
pub(super) fn s3(config: &mut Config) -> &mut S3Settings {
    config.s3.get_or_insert_with(|| S3Settings {
        endpoint: Url::parse(NO_ENDPOINT).expect("an address"),
        region: "us-east-1".to_owned(),
        access_key: String::new(),
        secret_key: SecretString::from(""),
        path_style: true,
    })
}

pub(super) fn text(text: &str) -> Option<String> {
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

pub(super) fn path(raw: &Raw<'_>) -> Option<PathBuf> {
    let path = PathBuf::from(text(raw.text)?);
    Some(raw.folder.map_or(path.clone(), |folder| folder.join(path)))
}

pub(super) fn yes(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" | "on" => Some(true),
        "false" | "no" | "0" | "off" => Some(false),
        _ => None,
    }
}

pub(super) fn whole(text: &str, range: RangeInclusive<u64>) -> Option<u64> {
    text.parse().ok().filter(|number| range.contains(number))
}

const UNITS: [(char, u32); 4] = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];

/// `1024`, `64K`, `64 MiB`, `1G`.
pub(super) fn bytes(text: &str, range: RangeInclusive<u64>) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim().to_ascii_uppercase();
    let unit = unit.strip_suffix("IB").or_else(|| unit.strip_suffix('B')).unwrap_or(&unit);
    let shift = match unit {
        "" => 0,
        unit => UNITS.iter().find(|(letter, _)| unit.chars().eq([*letter])).map(|(_, shift)| *shift)?,
    };
    number.checked_mul(1 << shift).filter(|bytes| range.contains(bytes))
}

/// A size as one would write it.
pub(super) fn spelled(bytes: u64) -> String {
    let unit = UNITS.iter().rev().find(|(_, shift)| bytes >= 1 << shift && bytes.is_multiple_of(1 << shift));
    unit.map_or_else(|| bytes.to_string(), |(letter, shift)| format!("{}{letter}", bytes >> shift))
}

/// An address that names a place and nothing else.
pub(super) fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    (plain && matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

pub(super) fn accounts(raw: &Raw<'_>) -> Option<AccountsHome> {
    if raw.text.starts_with("postgres://") || raw.text.starts_with("postgresql://") {
        let url = Url::parse(raw.text).ok()?;
        return url.has_host().then(|| AccountsHome::Postgres(SecretString::from(raw.text)));
    }
    // An address of another kind is no folder anybody meant.
    (!raw.text.contains("://")).then(|| path(raw).map(AccountsHome::Folder))?
}

pub(super) fn registration(text: &str) -> Option<Registration> {
    match text {
        "open" => Some(Registration::Open),
        "invite" => Some(Registration::Invite),
        "closed" => Some(Registration::Closed),
        _ => None,
    }
}

/// Commas between, white space around.
pub(super) fn list<T>(text: &str, one: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(one).collect()
}

/// S3's rule for names ("Bucket naming rules").
pub(super) fn is_bucket(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let outer = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name.bytes().all(inner)
        && outer(name.bytes().next())
        && outer(name.bytes().next_back())
        && !name.contains("..")
}

pub(super) fn bases(text: &str) -> Option<PublicBases> {
    let mut bases = PublicBases::default();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if part.contains("{bucket}") {
            address(&part.replace("{bucket}", "bucket"))?;
            bases = bases.every(part);
        } else {
            let (bucket, base) = part.split_once('=')?;
            bases = bases.with(Some(bucket.trim()).filter(|name| is_bucket(name))?, address(base.trim())?.as_str());
        }
    }
    Some(bases)
}

pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

/// `scheme://host[:port]`, as browsers send it (RFC 6454, 6.1), or `*`.
pub(super) fn origin(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let url = address(text)?;
    (url.path() == "/").then(|| url.origin().ascii_serialization())
}

pub(super) fn pattern(text: &str) -> Option<Regex> {
    // What somebody types into a form is held against it: neither program nor memory may grow without bound.
    regex::RegexBuilder::new(text).size_limit(1 << 20).build().ok()
}

pub(super) fn media_type(text: &str) -> Option<String> {
    let token = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    let text = text.to_ascii_lowercase();
    let (kind, name) = text.split_once('/')?;
    // HTML is never taken: a stored page would run as the bucket's own.
    (token(kind) && token(name) && !matches!(text.as_str(), "text/html" | "application/xhtml+xml")).then_some(text)
}

pub(super) fn level(text: &str) -> Option<String> {
    let level = text.to_ascii_lowercase();
    matches!(level.as_str(), "error" | "warn" | "info" | "debug" | "trace").then_some(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them_and_spelled_back() {
        let all = 1..=u64::MAX;
        for (text, expected) in [
            ("1024", Some(1024)),
            ("64K", Some(65536)),
            ("64 MiB", Some(64 << 20)),
            ("1g", Some(1 << 30)),
            ("2TB", Some(2 << 40)),
        ] {
            assert_eq!(bytes(text, all.clone()), expected, "{text}");
        }
        for text in ["", "K", "-1", "1.5G", "1KK", "99999999999999999999", "99999999T", "1 GX"] {
            assert_eq!(bytes(text, all.clone()), None, "{text}");
        }
        assert_eq!((spelled(1), spelled(1 << 20), spelled(5 << 40)), ("1".into(), "1M".into(), "5T".into()));
    }

    #[test]
    fn an_address_with_a_password_or_a_query_in_it_is_no_endpoint() {
        assert!(address("https://s3.example.com:9000").is_some());
        for text in ["https://me:pw@host", "https://host/?a=b", "https://host/#x", "ftp://host", "host:9000", "http://"] {
            assert!(address(text).is_none(), "{text}");
        }
    }

    #[test]
    fn public_bases_are_one_rule_or_one_each() {
        let one = bases("https://{bucket}.pics.example.com").expect("a template");
        assert_eq!(one.of("shots").as_deref(), Some("https://shots.pics.example.com/"));
        let each = bases("shots=https://a.example/x/, logos=https://b.example").expect("two");
        assert_eq!(each.of("shots").as_deref(), Some("https://a.example/x/"));
        assert_eq!(each.of("logos").as_deref(), Some("https://b.example/"));
        assert_eq!(each.of("other"), None);
        assert!(bases("https://pics.example.com").is_none(), "one address for all buckets would mix them up");
        assert!(bases("x=https://a.example").is_none(), "no bucket is called so");
    }

    #[test]
    fn networks_are_single_addresses_too() {
        let holds = |network: &str, address: &str| {
            super::network(network)
                .is_some_and(|network| network.contains(&address.parse::<std::net::IpAddr>().expect("an address")))
        };
        assert!(holds("10.0.0.0/8", "10.2.3.4") && holds("::1", "::1") && holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.8"));
        assert!(super::network("10.0.0.0/33").is_none() && super::network("proxy").is_none());
    }

    #[test]
    fn html_cannot_be_allowed() {
        assert_eq!(media_type("Image/SVG+xml").as_deref(), Some("image/svg+xml"));
        assert!(media_type("text/html").is_none() && media_type("image").is_none() && media_type("a/b\n").is_none());
    }
}
