//! A server that many may ask at once and anybody may kill, and small questions to it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use imagepic_tests::desktop::built;
use imagepic_tests::team::{Team, TeamSetup};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};
use sha2::Sha256;

/// Signs the tokens of a server that is given it.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";
/// Longer than any line of log-ins on a busy computer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server; it is killed when this is dropped.
pub(crate) struct Served {
    url: String,
    team: Mutex<Team>,
    client: reqwest::Client,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn ok(&self) -> bool {
        self.body["code"] == "0"
    }

    pub(crate) fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }
}

/// `imagepic accounts …` on the data folder of a server, with nothing of this computer's settings.
pub(crate) fn accounts(data: &Path, settings: &[(&str, &str)], arguments: &[&str], input: &str) -> Output {
    use std::io::Write as _;
    let mut command = Command::new(built("imagepic"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("IMAGEPIC_") {
            command.env_remove(name);
        }
    }
    let mut child = command
        .arg("accounts")
        .args(arguments)
        .env("IMAGEPIC_DATA", data)
        .env("HOME", data)
        .env("LC_ALL", "C.UTF-8")
        .env_remove("LANGUAGE")
        .envs(settings.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program is built");
    // It may end without reading.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

/// Puts the account files that the old service left into a data folder; where they lie there, and where they came from.
pub(crate) fn old_accounts(data: &Path) -> (PathBuf, PathBuf) {
    let folder = data.join("accounts/db/imagepic");
    std::fs::create_dir_all(&folder).expect("a folder");
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/old-accounts");
    for entry in std::fs::read_dir(&old).expect("the fixture") {
        let entry = entry.expect("a file");
        std::fs::copy(entry.path(), folder.join(entry.file_name())).expect("copied");
    }
    (folder, old)
}

/// How a server with these settings is started.
pub(crate) fn setup(data: &Path, settings: &[(&str, &str)]) -> TeamSetup {
    settings.iter().fold(TeamSetup::default().data(data), |setup, (name, value)| setup.set(name, value))
}

impl Served {
    pub(crate) async fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        let team = setup(data, settings).start().await;
        Self { url: team.url.clone(), client: team.http.clone(), team: Mutex::new(team) }
    }

    /// `127.0.0.1:{port}`
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// All it has written to standard error.
    pub(crate) fn said(&self) -> String {
        self.team.lock().expect("nobody panicked with it").said()
    }

    /// As a power cut would.
    pub(crate) fn kill_now(&self) {
        self.team.lock().expect("nobody panicked with it").kill();
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}/imagepic/{path}", self.url)).timeout(PATIENCE)
    }

    /// `None` where it was gone before it answered.
    pub(crate) async fn try_ask(&self, path: &str, body: &Value) -> Option<Answer> {
        Self::answer(self.post(path).json(body)).await
    }

    pub(crate) async fn ask(&self, path: &str, body: Value) -> Answer {
        self.try_ask(path, &body).await.expect("an answer")
    }

    /// From another address, as a trusted proxy says.
    pub(crate) async fn ask_from(&self, address: &str, path: &str, body: Value) -> Answer {
        Self::answer(self.post(path).header("x-forwarded-for", address).json(&body)).await.expect("an answer")
    }

    /// A body as it is, with its type.
    pub(crate) async fn ask_raw(&self, path: &str, kind: Option<&str>, body: &str) -> Answer {
        let mut request = self.post(path).body(body.to_owned());
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        Self::answer(request).await.expect("an answer")
    }

    /// A path as it is, by any method, with whatever headers and no body.
    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let method = method.to_ascii_uppercase().parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.url)).timeout(PATIENCE);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::answer(request).await.expect("an answer")
    }

    /// Puts a file; `None` where the server was gone before it answered.
    pub(crate) async fn try_put(&self, token: &str, bucket: &str, folder: &str, name: &str, bytes: Vec<u8>) -> Option<Answer> {
        let file = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let request = self.post("object/putObject").multipart(reqwest::multipart::Form::new().part("file", file));
        Self::answer(request.header(AUTHORIZATION, token).header("bucket", bucket).header("folder", folder)).await
    }

    /// The news of a bucket, as they come.
    pub(crate) async fn listen(&self, token: &str, bucket: &str) -> reqwest::Response {
        let url = format!("{}/imagepic/notification/listen?bucketName={bucket}", self.url);
        let answer = self.client.get(url).header(AUTHORIZATION, token).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer
    }

    pub(crate) async fn with_token(&self, path: &str, token: Option<&str>, body: Value) -> Answer {
        let mut request = self.post(path).json(&body);
        if let Some(token) = token {
            request =
                request.header(AUTHORIZATION, HeaderValue::from_bytes(token.as_bytes()).expect("what may stand in a header"));
        }
        Self::answer(request).await.expect("an answer")
    }

    async fn answer(request: reqwest::RequestBuilder) -> Option<Answer> {
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{status} with {text:?}: {why}"));
        Some(Answer { status, retry_after, body })
    }

    pub(crate) async fn register(&self, phone: &str, password: &str) -> Answer {
        self.ask("auth/register", json!({"name":"小明","email":"xm@example.com","phone":phone,"upwd":password})).await
    }

    pub(crate) async fn login(&self, phone: &str, password: &str) -> Answer {
        self.ask("auth/login", json!({"phone":phone,"upwd":password})).await
    }

    /// A token, of a log-in that must succeed.
    pub(crate) async fn token(&self, phone: &str, password: &str) -> String {
        let answer = self.login(phone, password).await;
        assert!(answer.ok(), "{answer:?}");
        answer.body["data"]["token"].as_str().expect("a token").to_owned()
    }

    /// Whether a token opens anything.
    pub(crate) async fn takes(&self, token: &str) -> Answer {
        self.with_token("object/removeObject", Some(token), json!({"bucketName":"images","objectName":"nothing.png"})).await
    }
}

/// A token with whatever header and claims, signed with whatever key.
pub(crate) fn forge(key: &str, header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// What a token says.
pub(crate) fn claims(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("three parts")).expect("base64");
    serde_json::from_slice(&payload).expect("JSON")
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs()).expect("not so late")
}
