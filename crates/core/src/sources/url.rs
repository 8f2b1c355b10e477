//! A picture by its address: fetched without credentials, judged by its bytes, and only from where it may be fetched.
//!
//! An address that was dropped or copied is somebody else's choice. Each host it names or leads on to is looked up, judged, and the
//! connection goes to the very addresses that were judged. What stays out: the question to the person, and taking in.

use bytes::{Bytes, BytesMut};
use imagepic_net::header::{extended, parameters};
use imagepic_net::{Failure, Http, Own, Visit, is_local_name, is_public};
use imagepic_words::{Lang, Text, sources as words};
use url::Url;

use crate::error::{Code, Error, Result};
use crate::intake::bytes as size;

/// More is not fetched, in bytes: it has to be in memory at once.
pub(crate) const LARGEST: u64 = 64 << 20;
/// How often an address may lead on to another.
const REDIRECTS: usize = 5;
/// Bytes after which what comes must show what it is; an SVG may begin with a long comment.
const HEAD: usize = 64 << 10;
/// The longest name that is taken over, in bytes.
const LONGEST_NAME: usize = 120;
/// The longest address in a sentence, in characters.
const LONGEST_SHOWN: usize = 80;
const AGENT: &str = concat!("imagepic/", env!("CARGO_PKG_VERSION"));

/// What came.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) bytes: Bytes,
    /// A file name without folders, as the other side or the address calls it.
    pub(crate) name: String,
}

/// A host that is on this computer or in a network around it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Near {
    /// As the address names it, with its port where that is an unusual one.
    pub(crate) host: String,
    /// The first of the addresses that are not of the open internet; `None` where only a proxy knows it, and the name is one that
    /// means something nowhere else.
    pub(crate) ip: Option<std::net::IpAddr>,
}

/// What a fetch asks of whoever began it.
pub(crate) trait Watched: Sync {
    /// How long all of it may take, questions not counted.
    fn patience(&self) -> std::time::Duration;

    /// So many bytes have come, of so many in all.
    fn progress(&self, received: u64, total: Option<u64>);

    /// Whether it may go there; asked before anything is sent.
    fn may(&self, near: Near) -> impl Future<Output = Result<()>> + Send;
}

/// A text that is one address of something on the web (`http`, `https`) and nothing else, as people copy and browsers drag it.
#[must_use]
pub fn address(text: &str) -> Option<Url> {
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\0');
    if text.contains(char::is_whitespace) {
        return None;
    }
    let scheme = text.split(':').next()?.to_ascii_lowercase();
    let url = matches!(scheme.as_str(), "http" | "https").then(|| Url::parse(text).ok()).flatten()?;
    url.host_str().is_some_and(|host| !host.is_empty()).then_some(url)
}

/// An address for people and logs: without user, password, query and fragment, which may hold secrets, and not longer than a line.
#[must_use]
pub fn shown(url: &Url) -> String {
    let text = match url.host_str() {
        Some(_) => format!("{}://{}{}", url.scheme(), host(url), url.path()),
        None => format!("{}:{}", url.scheme(), url.path().split([',', ';']).next().unwrap_or_default()),
    };
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= LONGEST_SHOWN {
        return text;
    }
    let half = LONGEST_SHOWN / 2;
    let (start, end) = (&letters[..half], &letters[letters.len() - half + 1..]);
    start.iter().chain(&['…']).chain(end).collect()
}

fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// Fetches the picture at `url`.
///
/// # Errors
/// Each with a sentence that says what came, or why nothing did: `BadRequest`, `PrivateAddress`, `Unreachable`, `Timeout`, `Tls`,
/// `NoSuchObject`, `Forbidden`, `StoreRefused`, `NotAnImage`, `TooLarge`, `Empty`.
pub(crate) async fn fetch(http: &Http, url: &Url, watched: &impl Watched, lang: Lang) -> Result<Fetched> {
    if url.scheme() == "data" {
        return of_data(url, lang);
    }
    let mut at = url.clone();
    let mut ways = 0;
    loop {
        allowed(&at)?;
        let mut way = http.way(&at).await.map_err(|failure| failed(&at, &failure))?;
        let ips = || way.addresses().iter().map(std::net::SocketAddr::ip);
        let own = if ips().any(is_public) { Own::now().await } else { Ok(Own::default()) };
        let own = own.unwrap_or_else(|error| {
            tracing::warn!(%error, "the networks of this computer are not known");
            Own::default()
        });
        if let Some(ip) = ips().find(|ip| own.is_near(*ip)) {
            watched.may(Near { host: host(&at), ip: Some(ip) }).await?;
            // A name may mean several: nobody has said yes to the others.
            way.keep(|other| !own.is_near(other) || other == ip || (other.is_loopback() && ip.is_loopback()));
        } else if way.addresses().is_empty() && at.host_str().is_some_and(is_local_name) {
            watched.may(Near { host: host(&at), ip: None }).await?;
        }
        let visit = http.visit(&at, &way, AGENT).await.map_err(|failure| failed(&at, &failure))?;
        if !matches!(visit.status(), 301 | 302 | 303 | 307 | 308) {
            let taking = tokio::time::timeout(watched.patience(), take(visit, &at, watched, lang));
            return taking.await.unwrap_or_else(|_| Err(failed(&at, &Failure::Timeout)));
        }
        ways += 1;
        if ways > REDIRECTS {
            return Err(Error::new(Code::BadRequest, words::leads_on(shown(url), REDIRECTS)));
        }
        let nowhere = || Error::new(Code::BadRequest, words::leads_nowhere(shown(&at)));
        let next = visit.header("location").and_then(|to| at.join(to.trim()).ok()).ok_or_else(nowhere)?;
        if !matches!(next.scheme(), "http" | "https") {
            return Err(nowhere());
        }
        at = next;
    }
}

fn allowed(url: &Url) -> Result<()> {
    let named = url.host_str().is_some_and(|host| !host.is_empty());
    let text = match url.scheme() {
        "http" | "https" if !named => words::address_bad(shown(url)),
        "http" | "https" if !url.username().is_empty() || url.password().is_some() => words::address_password(host(url)),
        "http" | "https" => return Ok(()),
        "blob" => words::address_blob(shown(url)),
        _ => words::address_bad(shown(url)),
    };
    Err(Error::new(Code::BadRequest, text))
}

async fn take(mut visit: Visit, url: &Url, watched: &impl Watched, lang: Lang) -> Result<Fetched> {
    let (host, address, status) = (host(url), shown(url), visit.status());
    match status {
        200 => {}
        404 | 410 => return Err(Error::new(Code::NoSuchObject, words::not_there(address, status))),
        401 | 402 | 403 | 407 | 451 => return Err(Error::new(Code::Forbidden, words::not_for_everybody(host, address, status))),
        _ => return Err(Error::new(Code::StoreRefused, words::status(host, status, address))),
    }
    let total = visit.length();
    let too_large = || Error::new(Code::TooLarge, words::too_large(shown(url), size(LARGEST)));
    let said = visit.header("content-type");
    let no_image = |bytes: &[u8], size: u64| not_an_image(shown(url), bytes, said.as_deref(), size, lang);
    let mut bytes = BytesMut::new();
    let mut known = false;
    watched.progress(0, total);
    while let Some(chunk) = visit.chunk().await.map_err(|failure| match failure {
        Failure::Timeout => failed(url, &failure),
        other => Error::new(Code::Unreachable, words::cut_off(crate::sources::url::host(url), shown(url))).because(other),
    })? {
        if bytes.len() as u64 + chunk.len() as u64 > LARGEST {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
        watched.progress(bytes.len() as u64, total);
        if !known && bytes.len() >= HEAD {
            if !is_image(&bytes) {
                return Err(no_image(&bytes, total.unwrap_or(bytes.len() as u64).max(bytes.len() as u64)));
            }
            // Only of a picture it matters how large it says it is.
            if total.is_some_and(|total| total > LARGEST) {
                return Err(too_large());
            }
            known = true;
        }
    }
    if bytes.is_empty() {
        return Err(Error::new(Code::Empty, words::nothing_came(address)));
    }
    if !known && !is_image(&bytes) {
        return Err(no_image(&bytes, bytes.len() as u64));
    }
    let name = visit.header("content-disposition").and_then(|value| disposed(&value)).unwrap_or_else(|| name_of(url));
    Ok(Fetched { bytes: bytes.freeze(), name })
}

fn is_image(bytes: &[u8]) -> bool {
    crate::prepare::kind(bytes, "").image
}

/// What came instead of a picture: by its bytes where they tell, otherwise as the other side calls it.
fn not_an_image(address: String, bytes: &[u8], said: Option<&str>, length: u64, lang: Lang) -> Error {
    let kind = crate::prepare::kind(bytes, "").content_type;
    let said = said.and_then(|said| said.split(';').next()).map(str::trim).filter(|said| {
        let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"/+-._".contains(&letter);
        !said.is_empty() && said.len() <= 80 && said.contains('/') && said.bytes().all(plain)
    });
    let what = match (kind.as_ref(), said) {
        ("application/octet-stream", Some(said)) if !said.starts_with("image/") => said.to_owned(),
        ("application/octet-stream", _) => words::unknown_type().to(lang),
        (kind, _) => kind.to_owned(),
    };
    Error::new(Code::NotAnImage, words::not_an_image(address, what, size(length)))
}

fn failed(url: &Url, failure: &Failure) -> Error {
    let (host, address) = (host(url), shown(url));
    let (code, text): (Code, Text) = match failure {
        Failure::Dns(_) => (Code::Unreachable, words::name_unknown(host)),
        Failure::Timeout | Failure::ConnectTimeout(_) => (Code::Timeout, words::too_slow(host, address)),
        Failure::Tls(reason) => (Code::Tls, words::not_secure(host, reason)),
        Failure::NotTls => (Code::Tls, words::not_secure(host, failure)),
        Failure::Proxy(proxy) => (Code::Unreachable, words::proxy(address, proxy)),
        Failure::Connect(_, reason) => (Code::Unreachable, words::unreachable(host, plain(reason))),
        Failure::Broken(_) => (Code::Unreachable, words::cut_off(host, address)),
        Failure::CaFile(_) => (Code::Tls, words::not_secure(host, failure)),
    };
    Error::new(code, text).because(failure.clone())
}

/// The system's words without "(os error 111)".
fn plain(reason: &str) -> String {
    reason.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// The picture inside a `data:` address (RFC 2397).
fn of_data(url: &Url, lang: Lang) -> Result<Fetched> {
    let bad = || Error::new(Code::BadRequest, words::data_bad());
    let text = url.as_str();
    if text.len() as u64 > LARGEST * 2 {
        return Err(Error::new(Code::TooLarge, words::too_large("data:", size(LARGEST))));
    }
    let (head, data) = text.strip_prefix("data:").and_then(|rest| rest.split_once(',')).ok_or_else(bad)?;
    let raw: Vec<u8> = percent_encoding::percent_decode_str(data).collect();
    let bytes = if head.to_ascii_lowercase().trim_end().ends_with(";base64") {
        use base64::Engine as _;
        use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let dense: Vec<u8> = raw.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
        GeneralPurpose::new(&base64::alphabet::STANDARD, lenient).decode(dense).map_err(|error| bad().because(error))?
    } else {
        raw
    };
    if bytes.is_empty() {
        return Err(bad());
    }
    if bytes.len() as u64 > LARGEST {
        return Err(Error::new(Code::TooLarge, words::too_large("data:", size(LARGEST))));
    }
    let kind = crate::prepare::kind(&bytes, "");
    if !kind.image {
        return Err(not_an_image("data:".to_owned(), &bytes, head.split(';').next(), bytes.len() as u64, lang));
    }
    Ok(Fetched { name: format!("image.{}", kind.extension), bytes: bytes.into() })
}

/// The file name of a `Content-Disposition` (RFC 6266): the encoded form (RFC 8187) before the plain one.
fn disposed(value: &str) -> Option<String> {
    let (_, rest) = value.split_once(';')?;
    let parameters = parameters(rest);
    let named = |wanted| parameters.iter().filter_map(move |(name, value)| (name == wanted).then_some(value));
    let encoded = named("filename*").find_map(|value| sanitised(&extended(value)?));
    encoded.or_else(|| named("filename").find_map(|value| sanitised(value)))
}

/// The last part of an address's path, readable; `image` where it has none.
fn name_of(url: &Url) -> String {
    let last = url.path_segments().and_then(|mut parts| parts.rfind(|part| !part.is_empty())).unwrap_or_default();
    let decoded = percent_encoding::percent_decode_str(last).decode_utf8_lossy();
    sanitised(&decoded).unwrap_or_else(|| "image".to_owned())
}

/// A file name somebody else made up: no folders, nothing invisible, nothing that hides it, and of a bearable length. Its end is kept,
/// where the extension is.
fn sanitised(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}')
    };
    let clean: String = last
        .chars()
        .filter(|letter| !hidden(*letter))
        .map(|letter| if "<>:\"|?*".contains(letter) { '-' } else { letter })
        .collect();
    let clean = clean.trim().trim_start_matches('.').trim_end_matches(['.', ' ']).trim_start();
    let mut start = clean.len().saturating_sub(LONGEST_NAME);
    while !clean.is_char_boundary(start) {
        start += 1;
    }
    Some(clean[start..].trim_start_matches('.').to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
