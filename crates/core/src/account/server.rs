//! Talking to a team server: one envelope, bounded answers, a time-out for each question, and no redirect ever followed.
//!
//! What the server is gets asked once. An answer that is not ours is not yet the older service: something in between may have given it,
//! so nothing secret is sent before the older service's own envelope has been seen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body::Frame;
use imagepic_api::capabilities::Capabilities;
use imagepic_api::{Envelope, FAILED, OK, REFUSED};
use imagepic_net::{Failure, Http};
use imagepic_words::{store as say, team as words};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OnceCell;
use url::Url;

use super::refusal::Refused;
use crate::destination::TeamAddress;
use crate::error::{Code, Error, Result};
use crate::settings::Proxy;

/// The largest answer that is read, in bytes: a listing of a thousand long names fits.
const LARGEST: usize = 8 << 20;
/// An answer may take so long in all. The older service never answers some questions.
const ANSWER: Duration = Duration::from_secs(20);

/// What is at the address.
#[derive(Debug, Clone)]
pub(crate) enum Speaks {
    /// A server of ours.
    Ours(Arc<Capabilities>),
    /// The older service with the same routes.
    Old,
}

/// Why a question got no good answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The server said no.
    Refused(Box<Refused>),
    /// It did not come that far.
    Fault(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Fault(error)
    }
}

impl Trouble {
    /// The token was the reason: another one may help.
    pub(crate) fn is_token(&self) -> bool {
        matches!(self, Self::Refused(refused) if refused.is_token())
    }
}

pub(crate) type Answered<T> = std::result::Result<T, Trouble>;

/// A team server. Cheap to make: it opens nothing.
pub(crate) struct Server {
    base: String,
    host: String,
    https: bool,
    /// It is on this computer.
    here: bool,
    plain_allowed: bool,
    http: Http,
    /// Replaced when it shall be asked anew.
    speaks: Mutex<Arc<OnceCell<Speaks>>>,
    /// When it was asked last.
    looked: Mutex<Option<Instant>>,
}

impl Server {
    /// # Errors
    /// As [`TeamAddress::checked`]; `BadRequest` for a proxy address that is none.
    pub(crate) fn open(address: &TeamAddress, proxy: &Proxy) -> Result<Self> {
        let address = address.checked()?;
        let url = Url::parse(&address.server)
            .map_err(|error| Error::new(Code::BadRequest, words::server_bad(&address.server)).at("server").because(error))?;
        let host = shown(&url);
        let http = Http::new(proxy.network(address.ca_file.as_ref()))
            .map_err(|failure| Error::new(Code::BadRequest, say::proxy(&host)).because(failure))?;
        Ok(Self {
            https: url.scheme() == "https",
            here: is_here(&url),
            plain_allowed: address.allow_plain_http,
            base: address.server,
            host,
            http,
            speaks: Mutex::default(),
            looked: Mutex::default(),
        })
    }

    /// Host and port, for people.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) const fn http(&self) -> &Http {
        &self.http
    }

    /// Whether bytes may go to this address: never less protected than the way to the server itself.
    pub(crate) fn may_send_to(&self, url: &Url) -> bool {
        let here = is_here(url);
        match url.scheme() {
            // A server elsewhere has no business with what listens on this computer.
            _ if here && !self.here => false,
            "https" => url.has_host(),
            "http" => !self.https && (here || self.plain_allowed),
            _ => false,
        }
    }

    /// Whether a link leads to the computer the server itself is on, which is another one: it opens for nobody here.
    pub(crate) fn means_itself(&self, url: &Url) -> bool {
        !self.here && is_here(url)
    }

    /// What is at the address; asked once, and again after [`forget`](Self::forget).
    ///
    /// # Errors
    /// `NotTeamServer`, and the network's.
    pub(crate) async fn speaks(&self) -> Result<Speaks> {
        let asked = self.asked();
        asked.get_or_try_init(|| self.look()).await.cloned()
    }

    /// What is at the address, if that is known already.
    pub(crate) fn known(&self) -> Option<Speaks> {
        self.asked().get().cloned()
    }

    /// Asks anew next time: another server may have taken the place, or this one another configuration.
    pub(crate) fn forget(&self) {
        *self.speaks.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    fn asked(&self) -> Arc<OnceCell<Speaks>> {
        Arc::clone(&self.speaks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn look(&self) -> Result<Speaks> {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let answer = self.ask(self.request(Method::GET, "capabilities", None)?, ANSWER).await?;
        if answer.status().is_redirection() {
            return Err(self.moved(&answer));
        }
        if let Ok(envelope) = serde_json::from_slice::<Envelope<Capabilities>>(answer.body())
            && let Some(found) = envelope.data.filter(|found| found.server == "imagepic")
        {
            return Ok(Speaks::Ours(Arc::new(found)));
        }
        // A fault of the moment is not an older service.
        if answer.status().is_server_error() || matches!(answer.status().as_u16(), 408 | 421 | 425 | 429) {
            return Err(Error::new(Code::StoreBusy, words::broken(&self.host, answer.status().as_u16())));
        }
        // An empty log-in: it holds no secret, counts against nobody, and only this service answers it in these words.
        let request = self.json(Method::POST, "auth/login", None, &serde_json::json!({}))?;
        let answer = self.ask(request, ANSWER).await?;
        if answer.status().is_redirection() {
            return Err(self.moved(&answer));
        }
        let envelope = serde_json::from_slice::<Envelope<Value>>(answer.body()).ok().filter(known);
        let said = envelope.as_ref().and_then(|envelope| envelope.data.as_ref()?.get("err")?.as_str());
        // The older service names no error code: who does is ours, and something between us swallowed the first answer.
        if envelope.as_ref().is_some_and(|envelope| envelope.error.is_some()) {
            return Err(Error::new(Code::StoreBusy, words::broken(&self.host, answer.status().as_u16())));
        }
        if envelope.as_ref().is_some_and(|envelope| !envelope.success)
            && said.is_some_and(|said| said.contains(imagepic_api::auth::reason::PHONE))
        {
            return Ok(Speaks::Old);
        }
        Err(Error::new(Code::NotTeamServer, words::not_team(&self.host)).at("server"))
    }

    fn moved(&self, answer: &http::Response<Bytes>) -> Error {
        let target = answer.headers().get(header::LOCATION).and_then(|target| target.to_str().ok());
        let target = target.and_then(|target| Url::parse(&self.base).ok()?.join(target).ok());
        let text = match target {
            Some(target) => words::moved(&self.host, target.origin().ascii_serialization()),
            None => words::not_team(&self.host),
        };
        Error::new(Code::NotTeamServer, text).at("server")
    }

    /// The server's `capabilities`; `None` at an older one.
    ///
    /// # Errors
    /// As [`speaks`](Self::speaks).
    pub(crate) async fn ours(&self) -> Result<Option<Arc<Capabilities>>> {
        Ok(match self.speaks().await? {
            Speaks::Ours(found) => Some(found),
            Speaks::Old => None,
        })
    }

    /// As [`ours`](Self::ours), asked anew where it was asked longer ago than that: what a server offers changes.
    ///
    /// # Errors
    /// As [`speaks`](Self::speaks).
    pub(crate) async fn ours_since(&self, age: Duration) -> Result<Option<Arc<Capabilities>>> {
        let looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_none_or(|at| at.elapsed() >= age) {
            self.forget();
        }
        self.ours().await
    }

    /// Posts a question and gives the `data` of its answer.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize, token: Option<&str>) -> Answered<T> {
        let request = self.json(Method::POST, path, token, body)?;
        self.data(self.ask(request, ANSWER).await?)
    }

    /// Gets an answer's `data`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, token: Option<&str>) -> Answered<T> {
        let request = self.request(Method::GET, path, token)?;
        self.data(self.ask(request, ANSWER).await?)
    }

    /// Gets an object's bytes through the server, at most `most` of them.
    pub(crate) async fn bytes(&self, path: &str, token: Option<&str>, most: usize) -> Answered<Bytes> {
        let request = self.request(Method::GET, path, token)?;
        let answer = self.http.ask(request, most.max(LARGEST)).await.map_err(|failure| unanswered(failure, &self.host))?;
        // Refusals come with 200, too, but are no objects.
        if answer.status() == StatusCode::OK && answer.headers().contains_key(header::ETAG) {
            return Ok(answer.into_body());
        }
        let status = answer.status();
        Err(self.data::<Value>(answer).err().unwrap_or_else(|| Trouble::Fault(self.odd(status))))
    }

    /// The `data` of an answer in the envelope.
    pub(crate) fn data<T: DeserializeOwned>(&self, answer: http::Response<Bytes>) -> Answered<T> {
        let (head, body) = answer.into_parts();
        let envelope = serde_json::from_slice::<Envelope<Value>>(&body).ok().filter(known);
        let Some(envelope) = envelope else { return Err(Trouble::Fault(self.odd(head.status))) };
        if envelope.code == "0" && envelope.success {
            let data = envelope.data.unwrap_or(Value::Null);
            return serde_json::from_value(data)
                .map_err(|error| Trouble::Fault(Error::new(Code::StoreRefused, words::odd_answer(&self.host)).because(error)));
        }
        let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Err(Trouble::Refused(Box::new(Refused::new(envelope, retry_after))))
    }

    /// An answer that is not the server's.
    fn odd(&self, status: StatusCode) -> Error {
        let host = &self.host;
        match status.as_u16() {
            413 => Error::new(Code::TooLarge, words::refused(host, "HTTP 413")),
            429 => Error::new(Code::StoreBusy, words::busy(host)),
            status @ 500..=599 => Error::new(Code::StoreBusy, words::broken(host, status)),
            _ => Error::new(Code::StoreRefused, words::odd_answer(host)),
        }
    }

    /// A request below `/imagepic`, without a body yet.
    pub(crate) fn builder(&self, method: Method, path: &str, token: Option<&str>) -> http::request::Builder {
        let request = Request::builder().method(method).uri(format!("{}/imagepic/{path}", self.base));
        let request = request.header(header::ACCEPT, "application/json");
        match token {
            Some(token) => request.header(header::AUTHORIZATION, token),
            None => request,
        }
    }

    fn request(&self, method: Method, path: &str, token: Option<&str>) -> Result<Request<Whole>> {
        self.builder(method, path, token).body(Whole::default()).map_err(|error| self.unsayable(error))
    }

    fn json(&self, method: Method, path: &str, token: Option<&str>, body: &impl Serialize) -> Result<Request<Whole>> {
        let text = serde_json::to_vec(body).map_err(|error| {
            Error::new(Code::Internal, imagepic_words::errors::internal("a question cannot be written")).because(error)
        })?;
        let builder = self.builder(method, path, token).header(header::CONTENT_TYPE, "application/json");
        builder.body(Whole(Some(text.into()))).map_err(|error| self.unsayable(error))
    }

    /// A header that cannot be sent: a token with a line break in it, say.
    pub(crate) fn unsayable(&self, error: http::Error) -> Error {
        Error::new(Code::StoreRefused, words::odd_answer(&self.host)).because(error)
    }

    async fn ask(&self, request: Request<Whole>, limit: Duration) -> Result<http::Response<Bytes>> {
        match tokio::time::timeout(limit, self.http.ask(request, LARGEST)).await {
            Ok(answer) => answer.map_err(|failure| unanswered(failure, &self.host)),
            Err(_) => Err(Error::new(Code::Timeout, say::timeout(&self.host))),
        }
    }
}

/// Whether an envelope is one of this contract: others write `code` and `success` too.
fn known(envelope: &Envelope<Value>) -> bool {
    matches!(envelope.code.as_str(), "0" | "-1") && [OK, FAILED, REFUSED].contains(&envelope.msg.as_str())
}

/// A request without an answer, for people; `host` is what was asked.
pub(crate) fn unanswered(failure: Failure, host: &str) -> Error {
    let (code, text) = match &failure {
        Failure::Dns(_) => (Code::Unreachable, say::dns(host)),
        Failure::Connect(..) | Failure::Broken(_) => (Code::Unreachable, say::unreachable(host)),
        Failure::Proxy(_) => (Code::Unreachable, say::proxy(host)),
        Failure::Timeout | Failure::ConnectTimeout(_) => (Code::Timeout, say::timeout(host)),
        Failure::Tls(reason) => (Code::Tls, say::tls(host, reason)),
        Failure::NotTls => (Code::Tls, say::not_tls(host)),
        Failure::CaFile(path) => (Code::Tls, say::ca_file(host, path)),
    };
    Error::new(code, text).at("server").because(failure)
}

/// Whether an address is this computer's by what is written there. The unspecified address leads here, too.
fn is_here(url: &Url) -> bool {
    let ours = |address: std::net::IpAddr| address.is_loopback() || address.is_unspecified();
    match url.host() {
        Some(url::Host::Domain(name)) => imagepic_net::is_loopback(name),
        Some(url::Host::Ipv4(address)) => ours(address.into()),
        Some(url::Host::Ipv6(address)) => ours(address.to_canonical()),
        None => false,
    }
}

/// Host and port of an address; never what may stand beside them.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A small body, sent in one piece.
#[derive(Debug, Default)]
struct Whole(Option<Bytes>);

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<std::result::Result<Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
