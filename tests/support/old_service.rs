//! The service that was there before the team server, as it answered: `tests/fixtures/old-service.md` word for word, and the questions
//! that it never answered. Passwords in clear, tokens that hold them, silent overwriting: all of it, since clients must bear it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use ::http::{Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use md5::{Digest as _, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// `encodeURIComponent`, with slashes left alone.
const URI: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const REFUSED: &str = "未满足权限";

/// One running service with two buckets, `empty` and `pics`; it ends with the test's runtime.
#[derive(Clone)]
pub struct OldService {
    /// `http://127.0.0.1:{port}`
    pub address: String,
    state: Arc<Mutex<State>>,
    serving: CancellationToken,
}

#[derive(Default)]
struct State {
    /// Phone → password, in clear as it was.
    people: BTreeMap<String, String>,
    /// Bucket → key → bytes.
    buckets: BTreeMap<String, BTreeMap<String, Bytes>>,
    /// Every request: method, path, body where it is text.
    asked: Vec<(String, String)>,
    /// Tokens handed out so far; each holds its number.
    handed_out: u64,
    /// Tokens with a number up to this one have expired.
    expired: u64,
    /// Log-ins answer with a redirect to here.
    redirect: Option<String>,
}

type Answer = Response<Full<Bytes>>;

impl OldService {
    /// Starts it.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let state = State {
            buckets: [("empty".to_owned(), BTreeMap::new()), ("pics".to_owned(), BTreeMap::new())].into(),
            ..State::default()
        };
        let this = Self { address, state: Arc::new(Mutex::new(state)), serving: CancellationToken::new() };
        let serving = this.clone();
        tokio::spawn(this.serving.clone().run_until_cancelled_owned(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (serving, stop) = (serving.clone(), serving.serving.clone());
                tokio::spawn(stop.run_until_cancelled_owned(async move {
                    let service = service_fn(move |request| serving.clone().answer(request));
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                }));
            }
        }));
        this
    }

    /// Ends it, open connections included; its port is free a moment later.
    pub fn stop(&self) {
        self.serving.cancel();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody with that password; also how it is changed behind everybody's back.
    pub fn person(&self, phone: &str, password: &str) {
        self.state().people.insert(phone.to_owned(), password.to_owned());
    }

    /// What lies there.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.state().buckets.get(bucket)?.get(key).cloned()
    }

    /// Puts an object there without asking anybody.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        self.state().buckets.entry(bucket.to_owned()).or_default().insert(key.to_owned(), Bytes::copy_from_slice(bytes));
    }

    /// Every key in a bucket, in order.
    #[must_use]
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.state().buckets.get(bucket).map(|objects| objects.keys().cloned().collect()).unwrap_or_default()
    }

    /// Every token made so far has expired.
    pub fn expire_tokens(&self) {
        let mut state = self.state();
        state.expired = state.handed_out;
    }

    /// Log-ins are sent on to this address from now on.
    pub fn redirect_to(&self, address: &str) {
        self.state().redirect = Some(address.to_owned());
    }

    /// Paths that were asked for, and what was sent there.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, String)> {
        self.state().asked.clone()
    }

    /// How often a path was asked for.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.state().asked.iter().filter(|(asked, _)| asked.ends_with(path)).count()
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let path = head.uri.path().to_owned();
        let text = if body.len() < 4096 { String::from_utf8_lossy(&body).into_owned() } else { String::new() };
        self.state().asked.push((path.clone(), text));
        let Some(route) = path.to_lowercase().strip_prefix("/imagepic/").map(|route| route.trim_end_matches('/').to_owned())
        else {
            return Ok(self.bytes(&path));
        };
        let input: Value = serde_json::from_slice(&body).unwrap_or_else(|_| json!({}));
        let header = |name: &str| head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let token = header("authorization");
        let redirect = self.state().redirect.clone();
        if let (Some(target), true) = (redirect, route.starts_with("auth/")) {
            let moved = Response::builder().status(StatusCode::TEMPORARY_REDIRECT).header("location", format!("{target}{path}"));
            return Ok(moved.body(Full::default()).expect("a redirect"));
        }
        let answer = match route.as_str() {
            "auth/register" => self.register(&input),
            "auth/login" => self.login(&input),
            "auth/change" => self.change(&input),
            "bucket/listbuckets" => self.buckets(head.uri.query()),
            "object/listobjects" => self.list(&input),
            "object/statobject" | "object/getobject" => match self.look(&route, &input) {
                Some(answer) => answer,
                // It threw inside a callback, and nobody ever answered.
                None => std::future::pending().await,
            },
            "object/presignedgetobject" => self.link(&input),
            "object/putobject" => match self.whose(token.as_deref()) {
                Ok(()) => {
                    let kind = header("content-type").unwrap_or_default();
                    self.store(&header("bucket").unwrap_or_default(), header("folder").as_deref(), &kind, &body)
                }
                Err(data) => refused(data),
            },
            "object/removeobject" => match self.whose(token.as_deref()) {
                Ok(()) => self.remove(&input),
                Err(data) => refused(data),
            },
            _ => {
                let page = format!("<!DOCTYPE html>\n<html><body><pre>Cannot {} {path}</pre></body></html>", head.method);
                let answer = Response::builder().status(StatusCode::NOT_FOUND).header("content-type", "text/html; charset=utf-8");
                return Ok(answer.body(Full::from(page)).expect("a page"));
            }
        };
        let answer =
            Response::builder().header("content-type", "application/json; charset=utf-8").body(Full::from(answer.to_string()));
        Ok(answer.expect("an answer"))
    }

    fn register(&self, input: &Value) -> Value {
        let mut wrong = Vec::new();
        if !is_password(&input["upwd"]) {
            wrong.push("密码不符合规范");
        }
        if !input["email"].as_str().is_some_and(|email| email.contains('@')) {
            wrong.push("邮箱填写不符合规范");
        }
        if !is_phone(&input["phone"]) {
            wrong.push("手机号码填写不符合规范");
        }
        if !wrong.is_empty() {
            return failed(json!({ "err": wrong.join(",") }));
        }
        let (phone, password) = (input["phone"].as_str().unwrap_or_default(), input["upwd"].as_str().unwrap_or_default());
        if self.state().people.contains_key(phone) {
            return failed(json!({ "err": "已注册" }));
        }
        self.person(phone, password);
        ok(json!({}))
    }

    fn login(&self, input: &Value) -> Value {
        let mut wrong = Vec::new();
        if !is_password(&input["upwd"]) {
            wrong.push("密码不符合规范");
        }
        if !is_phone(&input["phone"]) {
            wrong.push("手机号码填写不符合规范");
        }
        if !wrong.is_empty() {
            return failed(json!({ "err": wrong.join(",") }));
        }
        let phone = input["phone"].as_str().unwrap_or_default();
        let mut state = self.state();
        match state.people.get(phone) {
            None => failed(json!({ "err": "失败" })),
            Some(password) if input["upwd"].as_str() != Some(password) => failed(json!({ "err": "密码不正确" })),
            Some(password) => {
                let password = password.clone();
                state.handed_out += 1;
                let number = state.handed_out;
                let claims = json!({ "phone": phone, "upwd": password, "iat": now(), "exp": now() + 3600, "number": number });
                let claims = base64(claims.to_string().as_bytes());
                ok(json!({ "token": format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{}", sign(&claims)) }))
            }
        }
    }

    fn change(&self, input: &Value) -> Value {
        let phone = input["phone"].as_str().unwrap_or_default();
        let mut wrong = Vec::new();
        if !is_password(&input["opwd"]) {
            wrong.push("旧密码不符合规范");
        }
        if !is_password(&input["npwd"]) {
            wrong.push("新密码不符合规范");
        }
        if !is_phone(&input["phone"]) {
            wrong.push("手机号码填写不符合规范");
        }
        if !wrong.is_empty() {
            return failed(json!({ "err": wrong.join(",") }));
        }
        let known = self.state().people.get(phone).cloned();
        match known {
            None => failed(json!({ "err": "失败" })),
            Some(password) if input["opwd"].as_str() != Some(&password) => failed(json!({ "err": "密码不正确" })),
            Some(_) => {
                self.person(phone, input["npwd"].as_str().unwrap_or_default());
                ok(json!({}))
            }
        }
    }

    /// Whether the token lets somebody in.
    fn whose(&self, token: Option<&str>) -> Result<(), Value> {
        let broken = |message: &str| json!({ "name": "JsonWebTokenError", "message": message });
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Err(broken("jwt must be provided")) };
        let parts: Vec<_> = token.split('.').collect();
        let [_, claims, signature] = parts.as_slice() else { return Err(broken("jwt malformed")) };
        if token.contains(' ') {
            return Err(broken("invalid token"));
        }
        if *signature != sign(claims) {
            return Err(broken("invalid signature"));
        }
        let claims: Value = serde_json::from_slice(&unbase64(claims)).unwrap_or_default();
        let state = self.state();
        if claims["number"].as_u64() <= Some(state.expired) {
            return Err(
                json!({ "name": "TokenExpiredError", "message": "jwt expired", "expiredAt": "2026-11-22T06:27:42.000Z" }),
            );
        }
        match state.people.get(claims["phone"].as_str().unwrap_or_default()) {
            None => Err(json!("登录用户未找到")),
            Some(password) if claims["upwd"].as_str() != Some(password) => Err(json!("登录密码不正确")),
            Some(_) => Ok(()),
        }
    }

    fn buckets(&self, query: Option<&str>) -> Value {
        let all: Vec<Value> =
            self.state().buckets.keys().map(|name| json!({ "name": name, "creationDate": "2026-11-22T07:27:33.627Z" })).collect();
        let Some(query) = query.filter(|query| !query.is_empty()) else { return ok(json!(all)) };
        let number = |name: &str| {
            let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.parse::<usize>().ok())
        };
        match (number("pageSize"), number("pageNum")) {
            (Some(size), Some(page)) if page > 0 => {
                ok(json!(all.into_iter().skip(size * (page - 1)).take(size).collect::<Vec<_>>()))
            }
            // Any stray parameter emptied the list.
            _ => ok(json!([])),
        }
    }

    fn list(&self, input: &Value) -> Value {
        let nothing = json!({ "code": "-1", "msg": "失败", "success": false });
        let prefix = input["prefix"].as_str().unwrap_or_default();
        let state = self.state();
        let Some(objects) = state.buckets.get(input["bucketName"].as_str().unwrap_or_default()) else { return nothing };
        let (mut lists, mut folders) = (Vec::new(), Vec::new());
        for (key, bytes) in objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
            match key[prefix.len()..].split_once('/') {
                Some((folder, _)) => {
                    let folder =
                        json!({ "prefix": utf8_percent_encode(&format!("{prefix}{folder}/"), URI).to_string(), "size": 0 });
                    if !folders.contains(&folder) {
                        folders.push(folder);
                    }
                }
                None => lists.push(json!({
                    "name": key, "lastModified": "2026-11-22T07:27:39.316Z", "etag": etag(bytes), "size": bytes.len(),
                })),
            }
        }
        lists.append(&mut folders);
        if lists.is_empty() {
            return nothing;
        }
        let total = lists.len();
        let (size, page) = (input["pageSize"].as_i64().unwrap_or(10), input["pageNum"].as_i64().unwrap_or(1));
        if page != -1 {
            let (size, page) = (usize::try_from(size).unwrap_or(10), usize::try_from(page).unwrap_or(1));
            lists = lists.into_iter().skip(size * (page - 1)).take(size).collect();
        }
        ok(json!({ "total": total, "lists": lists }))
    }

    /// `None` where it never answered.
    fn look(&self, route: &str, input: &Value) -> Option<Value> {
        let key = input["objectName"].as_str().unwrap_or_default();
        let bytes = self.object(input["bucketName"].as_str().unwrap_or_default(), key)?;
        if route == "object/getobject" {
            return Some(ok(json!(bytes.len())));
        }
        let kind = format!("image/.{}", key.rsplit_once('.').map_or("", |(_, extension)| extension));
        Some(ok(json!({
            "size": bytes.len(), "metaData": { "content-type": kind }, "lastModified": "2026-11-22T07:27:39.000Z",
            "versionId": null, "etag": etag(&bytes),
        })))
    }

    fn link(&self, input: &Value) -> Value {
        let (bucket, key) = (input["bucketName"].as_str().unwrap_or_default(), input["objectName"].as_str().unwrap_or_default());
        let seconds = input["expiry"].as_u64().unwrap_or(604_800);
        let path = utf8_percent_encode(key, URI);
        ok(json!(format!(
            "{}/{bucket}/{path}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires={seconds}&X-Amz-Signature=0",
            self.address
        )))
    }

    /// What a link opens.
    fn bytes(&self, path: &str) -> Answer {
        let path = percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy().into_owned();
        let (bucket, key) = path.split_once('/').unwrap_or_default();
        match self.object(bucket, key) {
            Some(bytes) => Response::new(Full::from(bytes)),
            None => Response::builder().status(StatusCode::NOT_FOUND).body(Full::default()).expect("an answer"),
        }
    }

    fn store(&self, bucket: &str, folder: Option<&str>, kind: &str, body: &Bytes) -> Value {
        let boundary = kind.split("boundary=").nth(1).unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let find =
            |needle: &[u8], from: usize| body[from..].windows(needle.len()).position(|at| at == needle).map(|at| at + from);
        // Not multipart, or without a file: the whole service died. The test dies with it.
        let begin = find(b"\r\n\r\n", 0).expect("a part has a head") + 4;
        let end = find(format!("\r\n--{boundary}").as_bytes(), begin).expect("a part has an end");
        let head = text(&body[..begin]);
        assert!(head.contains("name=\"file\""), "the field is called file: {head}");
        let name = head.split("filename=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a file name").to_owned();
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        // A folder header came as Latin-1 and was stored as such.
        let folder = folder.map(|folder| folder.trim_end_matches('/')).filter(|folder| !folder.is_empty());
        let key = folder.map_or_else(|| name.clone(), |folder| format!("{folder}/{name}"));
        let bytes = body.slice(begin..end);
        let mut state = self.state();
        let Some(objects) = state.buckets.get_mut(bucket) else { return failed(missing(bucket)) };
        let answer = ok(json!({ "etag": etag(&bytes), "versionId": null }));
        objects.insert(key, bytes);
        answer
    }

    fn remove(&self, input: &Value) -> Value {
        let bucket = input["bucketName"].as_str().unwrap_or_default();
        let mut state = self.state();
        let Some(objects) = state.buckets.get_mut(bucket) else { return failed(missing(bucket)) };
        objects.remove(input["objectName"].as_str().unwrap_or_default());
        ok(json!({}))
    }
}

fn ok(data: impl Into<Value>) -> Value {
    let data: Value = data.into();
    json!({ "code": "0", "data": data, "msg": "成功", "success": true })
}

fn failed(data: impl Into<Value>) -> Value {
    let data: Value = data.into();
    json!({ "code": "-1", "data": data, "msg": "失败", "success": false })
}

fn refused(data: impl Into<Value>) -> Value {
    let data: Value = data.into();
    json!({ "code": "-1", "data": data, "msg": REFUSED, "success": false })
}

fn missing(bucket: &str) -> Value {
    json!({
        "code": "NoSuchBucket", "bucketname": bucket, "requestid": "tx00000a643ad43b13c57be-006b02996d-1029-default",
        "hostid": "1029-default-default", "amzRequestid": null, "amzId2": null, "amzBucketRegion": null,
    })
}

fn is_phone(value: &Value) -> bool {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.len() == 11 && text.starts_with('1') && text.bytes().all(|byte| byte.is_ascii_digit()) && text.as_bytes()[1] >= b'3'
}

fn is_password(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        (6..=20).contains(&text.len()) && text.chars().any(char::is_alphabetic) && text.chars().any(|c| c.is_ascii_digit())
    })
}

fn etag(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

fn sign(claims: &str) -> String {
    use sha2::Sha256;
    hex::encode(Sha256::digest(format!("{claims} imagepic")))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn unbase64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
