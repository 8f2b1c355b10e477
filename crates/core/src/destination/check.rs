//! Whether a destination can be what it says: form only, nothing is asked over the network. Every error names its field.

use imagepic_words::{destinations as words, team};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Destination, Kind, LONGEST_PRESIGN, LinkPolicy, S3Address, THIS_COMPUTER, TeamAddress};
use crate::error::{Code, Error, Result};
use crate::naming::Template;

/// The longest folder, in bytes: a key has 1,024, and a file name needs room.
pub const LONGEST_FOLDER: usize = 768;
/// The longest name of a destination, in characters.
pub const LONGEST_NAME: usize = 60;
/// The longest part of an id that comes from the name.
const LONGEST_SLUG: usize = 40;

fn bad(field: &'static str, text: imagepic_words::Text) -> Error {
    Error::new(Code::BadRequest, text).at(field)
}

impl Destination {
    /// The same destination in its normal form (trimmed, no slash at the ends), or the first field that cannot be.
    ///
    /// # Errors
    /// `BadRequest` with [`Error::field`] one of `name`, `endpoint`, `region`, `access_key`, `server`, `phone`, `ca_file`, `bucket`,
    /// `folder`, `link`, `file`, `clipboard`, `max_bytes`, `quality`, `max_width`, `max_height`; `PlainHttp` at `server`.
    pub fn checked(&self) -> Result<Self> {
        let mut this = self.reachable()?;
        this.name = self.name.trim().to_owned();
        if this.name.is_empty() {
            return Err(bad("name", words::name_missing()));
        }
        if this.name.chars().count() > LONGEST_NAME {
            return Err(bad("name", words::name_too_long(LONGEST_NAME)));
        }
        if this.bucket.is_empty() {
            return Err(bad("bucket", words::bucket_missing()));
        }
        if this.max_bytes == Some(0) {
            return Err(bad("max_bytes", words::max_bytes_bad()));
        }
        this.images.check()?;
        Template::parse(&this.names.file).map_err(|error| error.at("file"))?;
        Template::parse(&this.names.clipboard).map_err(|error| error.at("clipboard"))?;
        Ok(this)
    }

    /// As [`checked`](Self::checked), for a test before it has a name or a bucket: only what is needed to reach the store, and of the
    /// rest only what is filled in.
    ///
    /// # Errors
    /// As [`checked`](Self::checked).
    pub fn reachable(&self) -> Result<Self> {
        let mut this = self.clone();
        match &mut this.kind {
            Kind::ThisComputer => {}
            Kind::S3(address) => *address = address.checked()?,
            Kind::Team(address) => *address = address.checked()?,
        }
        this.bucket = self.bucket.trim().to_owned();
        if !this.bucket.is_empty() {
            let lenient = match &this.kind {
                Kind::ThisComputer => false,
                Kind::S3(address) => address.path_style,
                Kind::Team(_) => true,
            };
            bucket(&this.bucket, lenient)?;
        }
        this.folder = folder(&self.folder)?;
        this.link = match &self.link {
            LinkPolicy::Presigned { seconds } if !(1..=LONGEST_PRESIGN).contains(seconds) => {
                return Err(bad("link", words::presign_bad(LONGEST_PRESIGN, seconds)));
            }
            LinkPolicy::Public { base: Some(base) } if base.trim().is_empty() => LinkPolicy::Public { base: None },
            LinkPolicy::Public { base: Some(base) } => LinkPolicy::Public { base: Some(public_base(base)?) },
            kept => kept.clone(),
        };
        Ok(this)
    }

    /// An id made from the name that none of `taken` has: lower-case letters, digits and hyphens (`minio-frankfurt`).
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "an iterator is passed as one")]
    pub fn fresh_id<'a>(name: &str, taken: impl Iterator<Item = &'a str> + Clone) -> String {
        let mut slug = String::new();
        for c in name.chars() {
            if slug.len() >= LONGEST_SLUG {
                break;
            }
            if c.is_ascii_alphanumeric() {
                slug.push(c.to_ascii_lowercase());
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let slug = slug.trim_end_matches('-');
        let slug = if slug.is_empty() { "destination" } else { slug };
        let free = |id: &str| id != THIS_COMPUTER && !taken.clone().any(|other| other == id);
        if free(slug) {
            return slug.to_owned();
        }
        let mut number = 2_u32;
        loop {
            let id = format!("{slug}-{number}");
            if free(&id) {
                return id;
            }
            number += 1;
        }
    }

    /// Whether `id` has the form of an id.
    #[must_use]
    pub fn is_id(id: &str) -> bool {
        !id.is_empty() && id.len() <= 80 && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    }
}

impl S3Address {
    fn checked(&self) -> Result<Self> {
        let endpoint = endpoint(&self.endpoint)?;
        Ok(Self {
            region: region(&self.region)?,
            access_key: access_key(&self.access_key)?,
            path_style: self.path_style || path_only(&endpoint),
            endpoint,
            ca_file: ca_file(self.ca_file.as_ref())?,
        })
    }
}

impl TeamAddress {
    /// The same address in its normal form. The phone number may be missing: whoever signs in first gives it.
    ///
    /// # Errors
    /// `BadRequest` at `server`, `phone` or `ca_file`; `PlainHttp` at `server` for an unencrypted way to another computer that nobody has
    /// confirmed.
    pub fn checked(&self) -> Result<Self> {
        let text = self.server.trim();
        if text.is_empty() {
            return Err(bad("server", team::server_missing()));
        }
        let server = endpoint(text).map_err(|error| match Url::parse(text) {
            Ok(url) if is_web(&url) || has_credentials(&url) => error.at("server"),
            _ if text.contains('@') => error.at("server"),
            _ => bad("server", team::server_bad(shown(text))),
        })?;
        // As people copy it from the address of a route.
        let cut = server.len().saturating_sub("/imagepic".len());
        let server = match server.get(cut..) {
            Some(end) if end.eq_ignore_ascii_case("/imagepic") => server[..cut].to_owned(),
            _ => server,
        };
        let url = Url::parse(&server).map_err(|error| bad("server", team::server_bad(shown(text))).because(error))?;
        let host = url.host_str().unwrap_or_default();
        if url.scheme() == "http" && !imagepic_net::is_loopback(host) && !self.allow_plain_http {
            return Err(Error::new(Code::PlainHttp, team::plain_http(host)).at("server"));
        }
        Ok(Self {
            server,
            phone: phone(&self.phone)?,
            // What was confirmed for an unencrypted way says nothing about another one.
            allow_plain_http: self.allow_plain_http && url.scheme() == "http",
            ca_file: ca_file(self.ca_file.as_ref())?,
        })
    }

    /// As [`checked`](Self::checked), for somebody who signs in.
    ///
    /// # Errors
    /// As [`checked`](Self::checked), and `BadRequest` at `phone` where it is missing.
    pub fn signing_in(&self) -> Result<Self> {
        let this = self.checked()?;
        if this.phone.is_empty() { Err(bad("phone", team::phone_missing())) } else { Ok(this) }
    }
}

/// As it is kept: without the spaces and hyphens people write, and without the country code that the server leaves out too. What a phone
/// number is the server decides.
fn phone(text: &str) -> Result<String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && !"-()".contains(*c)).collect();
    let plain = match plain.strip_prefix("+86") {
        Some(bare) if bare.len() == 11 && bare.starts_with('1') => bare.to_owned(),
        _ => plain,
    };
    let digits = plain.strip_prefix('+').unwrap_or(&plain);
    if plain.is_empty() || ((5..=20).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit())) {
        Ok(plain)
    } else {
        Err(bad("phone", team::phone_bad()))
    }
}

fn ca_file(path: Option<&std::path::PathBuf>) -> Result<Option<std::path::PathBuf>> {
    match path {
        Some(path) if path.as_os_str().is_empty() => Ok(None),
        Some(path) if !path.is_absolute() => Err(bad("ca_file", words::ca_file_bad(path.display()))),
        kept => Ok(kept.cloned()),
    }
}

/// `https://host[:port][/path]` without a slash at the end.
fn endpoint(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(bad("endpoint", words::endpoint_missing()));
    }
    // Credentials first: an error must not repeat them.
    let url = Url::parse(text).ok();
    if url.as_ref().is_some_and(has_credentials) || text.split(['?', '#']).next().is_some_and(|head| head.contains('@')) {
        return Err(bad("endpoint", words::endpoint_credentials()));
    }
    let wrong = || bad("endpoint", words::endpoint_bad(shown(text)));
    let url = url.filter(is_web).ok_or_else(wrong)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("endpoint", words::endpoint_extra()));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn public_base(text: &str) -> Result<String> {
    let text = text.trim();
    let wrong = || bad("link", words::public_base_bad(shown(text)));
    let url = Url::parse(text).ok();
    if url.as_ref().is_some_and(has_credentials) {
        return Err(bad("link", words::endpoint_credentials()));
    }
    let url = url.filter(is_web).ok_or_else(wrong)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("link", words::endpoint_extra()));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty())
}

/// Whether buckets can only stand in the path of this address: no name can be put before an IP address, and before `localhost` or a name
/// without dots it leads nowhere.
#[must_use]
pub fn path_only(endpoint: &str) -> bool {
    match Url::parse(endpoint.trim()).ok().as_ref().and_then(Url::host) {
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            !name.contains('.') || name.ends_with(".localhost")
        }
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => true,
        None => false,
    }
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn region(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(bad("region", words::region_missing()));
    }
    if text.len() > 64 || !text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) {
        return Err(bad("region", words::region_bad(shown(text))));
    }
    Ok(text.to_owned())
}

fn access_key(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(bad("access_key", words::access_key_missing()));
    }
    // A slash ends the key in the credential scope of a signature; the sentence does not repeat what might be a secret in the wrong field.
    if text.len() > 256 || !text.chars().all(|c| c.is_ascii_graphic() && !"/,\"".contains(c)) {
        return Err(bad("access_key", words::access_key_bad()));
    }
    Ok(text.to_owned())
}

/// A secret key as people paste it, without the space around it.
///
/// # Errors
/// `BadRequest` at `secret` where nothing is left or a line break is inside.
pub fn secret(text: &SecretString) -> Result<SecretString> {
    let text = text.expose_secret().trim();
    if text.is_empty() || text.len() > 1024 || text.chars().any(char::is_control) {
        return Err(bad("secret", words::secret_bad()));
    }
    Ok(SecretString::from(text))
}

/// Whether `name` can be a bucket: after the S3 user guide, "Bucket naming rules". In path style older and foreign stores (Ceph, MinIO's
/// predecessors) also know capitals, underscores and up to 255 characters.
///
/// # Errors
/// `BadRequest` at `bucket`.
pub fn bucket(name: &str, path_style: bool) -> Result<()> {
    let longest = if path_style { 255 } else { 63 };
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let fits = (3..=longest).contains(&name.len())
        && name.chars().all(|c| inner(c) || path_style && (c.is_ascii_uppercase() || c == '_'))
        && end(name.chars().next())
        && end(name.chars().next_back())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err();
    if fits { Ok(()) } else { Err(bad("bucket", words::bucket_bad(shown(name)))) }
}

/// A folder in its normal form: `docs/img`, no slash at the ends, no empty part.
///
/// # Errors
/// `BadRequest` at `folder` for `.`, `..`, empty parts, control characters and more than [`LONGEST_FOLDER`] bytes.
pub fn folder(text: &str) -> Result<String> {
    let folder = text.trim().trim_matches('/');
    if folder.len() > LONGEST_FOLDER {
        return Err(bad("folder", words::folder_too_long(LONGEST_FOLDER)));
    }
    let wrong =
        |part: &str| part.is_empty() || part == "." || part == ".." || part.contains('\\') || part.chars().any(char::is_control);
    if !folder.is_empty() && folder.split('/').any(wrong) {
        return Err(bad("folder", words::folder_bad(shown(text.trim()))));
    }
    Ok(folder.to_owned())
}

/// What was typed, short enough for a sentence and on one line.
fn shown(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect();
    if text.chars().count() > 80 { format!("{clean}…") } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3() -> Destination {
        Destination {
            id: String::new(),
            name: "MinIO Frankfurt".to_owned(),
            kind: Kind::S3(S3Address {
                endpoint: "https://minio.example:9000/".to_owned(),
                region: "us-east-1".to_owned(),
                access_key: "AKIA123".to_owned(),
                path_style: true,
                ca_file: None,
            }),
            bucket: "assets".to_owned(),
            ..Destination::this_computer(String::new())
        }
    }

    fn with(change: impl FnOnce(&mut Destination, &mut S3Address)) -> Destination {
        let mut destination = s3();
        let Kind::S3(mut address) = destination.kind.clone() else { unreachable!("made above") };
        change(&mut destination, &mut address);
        destination.kind = Kind::S3(address);
        destination
    }

    #[test]
    fn what_people_paste_is_put_into_its_normal_form() {
        let pasted = with(|destination, address| {
            destination.folder = "/docs/img/".to_owned();
            destination.link = LinkPolicy::Public { base: Some("https://cdn.example/x/ ".to_owned()) };
            address.endpoint = " https://S3.Example:443/ ".to_owned();
            address.region = " eu-central-1 ".to_owned();
        });
        let checked = pasted.checked().expect("a good destination");
        assert_eq!(checked.folder, "docs/img");
        assert_eq!(checked.link, LinkPolicy::Public { base: Some("https://cdn.example/x".to_owned()) });
        let Kind::S3(address) = &checked.kind else { panic!("still S3") };
        assert_eq!((address.endpoint.as_str(), address.region.as_str()), ("https://s3.example", "eu-central-1"));
        assert_eq!(checked.checked().expect("still good"), checked);
    }

    #[test]
    fn the_one_wrong_field_is_named() {
        let table: Vec<(&str, Destination)> = vec![
            ("name", with(|d, _| d.name = " ".to_owned())),
            ("endpoint", with(|_, a| a.endpoint = "minio.example:9000".to_owned())),
            ("endpoint", with(|_, a| a.endpoint = "ftp://minio.example".to_owned())),
            ("endpoint", with(|_, a| a.endpoint = "https://minio.example/?x=1".to_owned())),
            ("endpoint", with(|_, a| a.endpoint = "https://".to_owned())),
            ("region", with(|_, a| a.region = "eu west".to_owned())),
            ("access_key", with(|_, a| a.access_key = "AK IA".to_owned())),
            ("access_key", with(|_, a| a.access_key = String::new())),
            ("ca_file", with(|_, a| a.ca_file = Some("ca.pem".into()))),
            ("bucket", with(|d, _| d.bucket = "a/b".to_owned())),
            ("bucket", with(|d, _| d.bucket = String::new())),
            ("bucket", with(|d, a| (d.bucket, a.path_style) = ("Upper".to_owned(), false))),
            ("bucket", with(|d, _| d.bucket = "192.168.5.4".to_owned())),
            ("folder", with(|d, _| d.folder = "a//b".to_owned())),
            ("folder", with(|d, _| d.folder = "../up".to_owned())),
            ("folder", with(|d, _| d.folder = "é".repeat(400))),
            ("link", with(|d, _| d.link = LinkPolicy::Presigned { seconds: 0 })),
            ("link", with(|d, _| d.link = LinkPolicy::Presigned { seconds: LONGEST_PRESIGN + 1 })),
            ("link", with(|d, _| d.link = LinkPolicy::Public { base: Some("cdn.example".to_owned()) })),
            ("file", with(|d, _| d.names.file = "{steam}".to_owned())),
            ("clipboard", with(|d, _| d.names.clipboard = String::new())),
            ("max_bytes", with(|d, _| d.max_bytes = Some(0))),
        ];
        for (field, destination) in table {
            let error = destination.checked().expect_err(field);
            assert_eq!(error.field, Some(field), "{error}");
        }
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        for endpoint in ["https://user:hunter2@minio.example", "user:hunter2@minio.example", "https://user:hunter2@"] {
            let error = with(|_, a| a.endpoint = endpoint.to_owned()).checked().expect_err("credentials");
            assert_eq!(error.field, Some("endpoint"));
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_test_needs_neither_name_nor_bucket() {
        let draft = with(|d, _| (d.name, d.bucket) = (String::new(), String::new()));
        assert!(draft.reachable().is_ok());
        assert!(draft.checked().is_err());
    }

    #[test]
    fn ids_come_from_names_and_do_not_collide() {
        let taken = ["minio-frankfurt", "destination"];
        assert_eq!(Destination::fresh_id("MinIO  Frankfurt!", taken.into_iter()), "minio-frankfurt-2");
        assert_eq!(Destination::fresh_id("团队", taken.into_iter()), "destination-2");
        assert_eq!(Destination::fresh_id("This computer", std::iter::empty()), "this-computer-2");
        assert!(Destination::is_id(&Destination::fresh_id(&"x-".repeat(100), taken.into_iter())));
    }

    #[test]
    fn a_bucket_stands_in_the_path_where_no_name_can_be_put_before_the_host() {
        let address = |endpoint: &str| {
            let address = S3Address {
                endpoint: endpoint.to_owned(),
                region: "eu".to_owned(),
                access_key: "AK".to_owned(),
                path_style: false,
                ca_file: None,
            };
            address.checked().expect("an address").path_style
        };
        for endpoint in [
            "http://127.0.0.1:9000",
            "https://192.168.1.5",
            "http://[::1]:9000",
            "http://localhost:9000",
            "http://minio:9000",
            "https://s3.localhost",
        ] {
            assert!(address(endpoint), "{endpoint}");
        }
        for endpoint in ["https://s3.example.com", "https://s3.eu-central-1.amazonaws.com", "https://a.b"] {
            assert!(!address(endpoint), "{endpoint}");
        }
    }

    #[test]
    fn a_secret_is_trimmed_and_never_printed() {
        assert_eq!(secret(&SecretString::from(" hunter2\n")).expect("good").expose_secret(), "hunter2");
        for text in ["", " \n", "a\nb"] {
            assert_eq!(secret(&SecretString::from(text)).expect_err("bad").field, Some("secret"));
        }
    }
}
