//! Where things are: the address of a bucket and of an object, in path or host style.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use crate::error::{Kind, S3Error};

/// All but the unreserved characters of RFC 3986, as SigV4 demands it of a path; slashes stay between segments.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A store's address, without bucket.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    scheme: String,
    host: String,
    port: Option<u16>,
    /// Without a slash at its end; empty, or beginning with one.
    path: String,
    path_style: bool,
    named: bool,
}

impl Address {
    pub(crate) fn parse(endpoint: &str, path_style: bool) -> Result<Self, S3Error> {
        let refuse = |why: &str| S3Error::new(Kind::Config, why);
        let url = Url::parse(endpoint.trim()).map_err(|_| refuse("the endpoint is no address"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("the endpoint is neither http:// nor https://"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("the endpoint carries a name, a password, a query or a fragment"));
        }
        let host = url.host().ok_or_else(|| refuse("the endpoint has no host"))?;
        let named = matches!(host, Host::Domain(_));
        Ok(Self {
            scheme: url.scheme().to_owned(),
            // "store.example." is the same host, but its certificate and its signature know it without the dot.
            host: host.to_string().trim_end_matches('.').to_owned(),
            port: url.port(),
            path: url.path().trim_end_matches('/').to_owned(),
            path_style,
            named,
        })
    }

    /// The host, for people.
    pub(crate) fn host(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    pub(crate) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// Nothing but the store's own look at the bytes guards their way: no TLS, and other machines on the line.
    pub(crate) fn is_bare(&self) -> bool {
        !self.is_https() && !imagepic_net::is_loopback(&self.host)
    }

    /// AWS's own stores are known to do what AWS documents.
    pub(crate) fn is_aws(&self) -> bool {
        self.host.ends_with(".amazonaws.com") || self.host.ends_with(".amazonaws.com.cn")
    }

    /// Identifies the store in the table of quirks.
    pub(crate) fn store(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host(), self.path)
    }

    /// Whether this bucket is addressed by path. IP addresses have no subdomains, and a bucket whose name is no host name (or would
    /// not match a wildcard certificate, having dots) cannot become one.
    pub(crate) fn by_path(&self, bucket: &str) -> bool {
        self.path_style || !self.named || !is_label(bucket) || (self.is_https() && bucket.contains('.'))
    }

    /// Without a slash at its end.
    pub(crate) fn of_bucket(&self, bucket: Option<&str>) -> String {
        let at = self.host();
        match bucket {
            None => format!("{}://{at}{}", self.scheme, self.path),
            Some(bucket) if self.by_path(bucket) => {
                format!("{}://{at}{}/{}", self.scheme, self.path, utf8_percent_encode(bucket, SEGMENT))
            }
            Some(bucket) => format!("{}://{bucket}.{at}{}", self.scheme, self.path),
        }
    }

    pub(crate) fn of_object(&self, bucket: &str, key: &str) -> String {
        format!("{}/{}", self.of_bucket(Some(bucket)), encode_key(key))
    }
}

/// A key as it stands in an address.
#[must_use]
pub fn encode_key(key: &str) -> String {
    utf8_percent_encode(key, SEGMENT).to_string()
}

/// Lower-case letters, digits, hyphens and inner dots, 3 to 63 of them (AWS, "General purpose bucket naming rules").
fn is_label(bucket: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'.')
        && bucket.split('.').all(|label| label.bytes().next().is_some_and(plain) && label.bytes().last().is_some_and(plain))
        && bucket.parse::<std::net::Ipv4Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(endpoint: &str, path_style: bool) -> Address {
        Address::parse(endpoint, path_style).expect("an address")
    }

    #[test]
    fn objects_are_addressed_in_the_style_the_store_takes() {
        let host = address("https://s3.example.com/", false);
        assert_eq!(host.of_object("my-pics", "a b/ü+.png"), "https://my-pics.s3.example.com/a%20b/%C3%BC%2B.png");
        assert_eq!(host.of_object("my.pics", "x"), "https://s3.example.com/my.pics/x", "a dot breaks the wildcard certificate");
        assert_eq!(host.of_object("My_Pics", "x"), "https://s3.example.com/My_Pics/x", "no host name");
        assert_eq!(address("http://127.0.0.1:9000//", false).of_object("pics", "x"), "http://127.0.0.1:9000/pics/x");
        assert_eq!(address("https://gw.example:8443/s3/", true).of_object("pics", "x"), "https://gw.example:8443/s3/pics/x");
        assert_eq!(address("https://s3.example.com.", false).of_bucket(Some("pics")), "https://pics.s3.example.com");
    }

    #[test]
    fn an_endpoint_that_is_no_address_is_refused_before_any_request() {
        for endpoint in
            ["", "s3.example.com", "ftp://x", "https://", "https://key:secret@s3.example.com", "https://s3.example.com?x=1"]
        {
            assert_eq!(Address::parse(endpoint, true).expect_err(endpoint).kind, Kind::Config, "{endpoint}");
        }
    }

    #[test]
    fn only_a_line_that_others_share_in_the_clear_counts_as_bare() {
        for (endpoint, bare) in [
            ("http://store.example", true),
            ("http://10.0.0.7:9000", true),
            ("https://store.example", false),
            ("http://127.0.0.1:9000", false),
            ("http://[::1]:9000", false),
            ("http://localhost:9000", false),
        ] {
            assert_eq!(address(endpoint, true).is_bare(), bare, "{endpoint}");
        }
    }
}
