//! A server over a store, with two buckets of its own there, and somebody who is signed in.

use std::time::{Duration, SystemTime};

use imagepic_s3::{Client, Config, Http};
use imagepic_tests::embedded::embedded;
use imagepic_tests::servers::{self, S3Server};
use imagepic_tests::team::{Team, TeamSetup};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const PHONE: &str = "13800138000";
pub(crate) const PASSWORD: &str = "abc12345";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Embedded,
    Ceph,
    Swift,
}

/// A server and what it stands on.
pub(crate) struct Place {
    pub(crate) team: Team,
    /// The store itself, past the server.
    pub(crate) direct: Client,
    pub(crate) bucket: String,
    pub(crate) empty: String,
    pub(crate) token: String,
    setup: TeamSetup,
    folder: tempfile::TempDir,
}

/// What came, whatever it is.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Came {
    pub(crate) fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }
}

impl Place {
    pub(crate) async fn new(store: Store) -> Self {
        Self::with(store, |setup, _| setup).await
    }

    /// With further settings; the second argument of `more` is the bucket.
    pub(crate) async fn with(store: Store, more: impl FnOnce(TeamSetup, &str) -> TeamSetup) -> Self {
        let server = match store {
            Store::Embedded => embedded().await.reached,
            Store::Ceph => servers::ceph(),
            Store::Swift => servers::swift(),
        };
        Self::over(server, more).await
    }

    /// Over a server that is there.
    pub(crate) async fn over(server: S3Server, more: impl FnOnce(TeamSetup, &str) -> TeamSetup) -> Self {
        let config = Config {
            endpoint: server.endpoint.clone(),
            region: server.region.to_owned(),
            access_key: server.access_key.to_owned(),
            secret_key: SecretString::from(server.secret_key),
            path_style: true,
        };
        let direct = Client::new(config, Http::default()).expect("a client");
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let (bucket, empty) = (format!("pics-{unique}"), format!("empty-{unique}"));
        for name in [&bucket, &empty] {
            direct.make_bucket(name).await.expect("a bucket");
        }
        let setup = TeamSetup::default().store(&server).set("IMAGEPIC_BUCKETS", format!("{bucket},{empty},nope-bucket"));
        let data = tempfile::tempdir().expect("a folder");
        let setup = more(setup, &bucket).data(&data.path().join("data"));
        let team = setup.clone().start().await;
        team.register(PHONE, PASSWORD).await;
        let token = team.login(PHONE, PASSWORD).await;
        Self { team, direct, bucket, empty, token, setup, folder: data }
    }

    /// Stops the server, does something to its data folder, and starts it again.
    pub(crate) async fn between_two_runs(&mut self, work: impl FnOnce(&std::path::Path)) {
        self.team.ask_to_stop();
        self.team.ended(Duration::from_secs(30)).await;
        work(&self.team.data);
        self.team = self.setup.clone().start().await;
        self.token = self.team.login(PHONE, PASSWORD).await;
    }

    /// Another server with the same settings, but for its data folder.
    pub(crate) async fn replica(&self) -> Team {
        self.setup.clone().data(&self.folder.path().join("replica")).start().await
    }

    /// JSON to a route below `/imagepic/`, signed in.
    pub(crate) async fn ask(&self, route: &str, body: Value) -> Came {
        self.ask_as(&self.token, route, body).await
    }

    pub(crate) async fn ask_as(&self, token: &str, route: &str, body: Value) -> Came {
        let request = self.team.http.post(format!("{}/imagepic/{route}", self.team.url)).json(&body);
        let answer = request.header("authorization", token).send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("an answer");
        let body = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{route}: {status} {why}: {text}"));
        Came { status, head: String::new(), body }
    }

    /// The data of an answer that must be a success.
    pub(crate) async fn data(&self, route: &str, body: Value) -> Value {
        let came = self.ask(route, body).await;
        assert_eq!(
            (came.status, &came.body["code"], &came.body["success"]),
            (200, &json!("0"), &json!(true)),
            "{route}: {}",
            came.body
        );
        came.body["data"].clone()
    }

    pub(crate) fn at(&self, key: &str) -> Value {
        json!({ "bucketName": self.bucket, "objectName": key })
    }

    /// The bytes and the type at a key, from the store itself.
    pub(crate) async fn stored(&self, key: &str) -> Option<(Vec<u8>, String, Option<String>)> {
        let link = self.direct.presigned_get(&self.bucket, key, SystemTime::now(), Duration::from_secs(60)).expect("a link");
        let answer = self.team.http.get(link).send().await.expect("an answer");
        if answer.status() == 404 {
            return None;
        }
        assert_eq!(answer.status(), 200, "{key}");
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        let (kind, disposition) = (header("content-type").unwrap_or_default(), header("content-disposition"));
        Some((answer.bytes().await.expect("the body").to_vec(), kind, disposition))
    }

    /// How many objects lie below a prefix, in the store itself.
    pub(crate) async fn count(&self, prefix: &str) -> usize {
        let page = self.direct.list(&self.bucket, prefix, None, 1000).await.expect("a listing");
        page.objects.iter().filter(|object| !object.key.contains(".imagepic-test-")).count() + page.folders.len()
    }

    /// A request for `putObject`, byte by byte: headers behind the fixed ones, then the body as it is.
    pub(crate) async fn raw(&self, headers: &[(&str, &[u8])], body: &[u8]) -> Came {
        let mut line = self.begin(headers).await;
        // The server may have answered and closed before all was written.
        let _ = line.write_all(body).await;
        answer(&mut line).await
    }

    /// Only the head of such a request.
    pub(crate) async fn begin(&self, headers: &[(&str, &[u8])]) -> TcpStream {
        let host = self.team.url.trim_start_matches("http://");
        let mut line = TcpStream::connect(host).await.expect("a connection");
        let mut head = format!("POST /imagepic/object/putObject HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n").into_bytes();
        let fixed = [("authorization", self.token.as_bytes()), ("bucket", self.bucket.as_bytes())];
        for (name, value) in fixed.iter().filter(|(name, _)| !headers.iter().any(|(other, _)| other == name)).chain(headers) {
            head.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head.extend_from_slice(b"\r\n");
        line.write_all(&head).await.expect("the head goes out");
        line
    }

    /// A whole form with its right length.
    pub(crate) async fn form(&self, headers: &[(&str, &[u8])], form: &[u8]) -> Came {
        let length = form.len().to_string();
        let more = [("content-type", &b"multipart/form-data; boundary=bound"[..]), ("content-length", length.as_bytes())];
        self.raw(&[headers, &more].concat(), form).await
    }
}

/// The answer on a line that is closed behind it.
pub(crate) async fn answer(line: &mut TcpStream) -> Came {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), line.read_to_end(&mut bytes)).await;
    assert!(read.is_ok(), "nothing came for a minute");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?} {read:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {head}"));
    let body = serde_json::from_str(body).unwrap_or_else(|why| panic!("{why}: {head}\n{body}"));
    Came { status, head: head.to_ascii_lowercase(), body }
}

/// A 1 × 1 PNG with so many bytes in all.
pub(crate) fn png(size: usize) -> Vec<u8> {
    const PIXEL: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55\x00\x00\x00\x0a\x49\x44\x41\x54\x78\x9c\x63\x68\x00\x00\x00\x82\x00\x81\x77\xcd\x72\xb6\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";
    let mut bytes = PIXEL.to_vec();
    let mut state = 1_u32;
    while bytes.len() < size {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push((state >> 24) as u8);
    }
    bytes
}

/// A part of a form with the boundary `bound`.
pub(crate) fn part(disposition: &str, data: &[u8]) -> Vec<u8> {
    [format!("--bound\r\nContent-Disposition: {disposition}\r\n\r\n").as_bytes(), data, b"\r\n"].concat()
}

/// The file of a form.
pub(crate) fn file(name: &str, data: &[u8]) -> Vec<u8> {
    part(&format!("form-data; name=\"file\"; filename=\"{name}\""), data)
}

/// Its end.
pub(crate) const END: &[u8] = b"--bound--\r\n";
