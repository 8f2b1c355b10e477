//! Requests made up byte by byte and sent over a plain socket, as no client library would: forms, tokens, paths and methods. Whatever
//! comes is answered in time and by no fault of the server, and nothing lies there afterwards but what was answered with success.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use imagepic_tests::pictures;
use imagepic_tests::team::{Team, TeamSetup};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const PHONE: &str = "13800138000";
const PASSWORD: &str = "abc12345";
/// Longer than any answer takes, a body that came to a halt included.
const PATIENCE: Duration = Duration::from_secs(15);

/// A server and somebody's token.
struct Place {
    runtime: Runtime,
    team: Team,
    token: String,
}

/// The same requests in every run.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, max_shrink_time: 20_000, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

impl Place {
    fn new() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (team, token) = runtime.block_on(async {
            let team = TeamSetup::default().set("IMAGEPIC_IDLE_TIMEOUT", 1).set("IMAGEPIC_HEAD_TIMEOUT", 1).start().await;
            team.register(PHONE, PASSWORD).await;
            let token = team.login(PHONE, PASSWORD).await;
            (team, token)
        });
        Self { runtime, team, token }
    }

    /// Sends these bytes; status and body of the answer. A stream without an end is left after its head.
    fn send(&self, bytes: &[u8]) -> Result<(u16, Vec<u8>), TestCaseError> {
        let mut stream = TcpStream::connect(self.team.url.trim_start_matches("http://")).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time");
        let since = Instant::now();
        // Whoever is refused early may find the line closed; the answer is there all the same.
        let _ = stream.write_all(bytes);
        let mut heard = Vec::new();
        let mut piece = [0; 16 * 1024];
        while !is_whole(&heard) {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => heard.extend_from_slice(&piece[..read]),
                Err(why) => return Err(TestCaseError::fail(format!("no answer after {:?}: {why}", since.elapsed()))),
            }
        }
        let (head, body) = split(&heard);
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or_else(|| TestCaseError::fail(format!("no answer: {heard:?}")))?;
        let busy = status == 503 && head.to_ascii_lowercase().contains("\r\nretry-after:");
        prop_assert!(status < 500 || busy, "{}\n{}", head, String::from_utf8_lossy(body));
        Ok((status, body.to_vec()))
    }

    /// Nothing broke, and it still serves.
    fn is_well(&self) {
        self.runtime.block_on(self.team.login(PHONE, PASSWORD));
        let said = self.team.said();
        assert!(!said.contains("a fault of the server"), "{said}");
        assert!(!said.contains("the store did not do it"), "{said}");
    }

    /// Every key below a prefix.
    fn keys(&self, prefix: &str, found: &mut BTreeSet<String>) {
        let body = json!({ "bucketName": "images", "prefix": prefix, "pageNum": -1, "pageSize": 1 });
        let listed = self.runtime.block_on(self.team.post("object/listObjects", Some(&self.token), &body));
        for entry in listed["data"]["lists"].as_array().unwrap_or_else(|| panic!("{listed}")) {
            match (entry["name"].as_str(), entry["prefix"].as_str()) {
                (Some(name), _) => drop(found.insert(name.to_owned())),
                (None, Some(below)) => self.keys(below, found),
                (None, None) => panic!("{entry}"),
            }
        }
    }
}

fn split(heard: &[u8]) -> (std::borrow::Cow<'_, str>, &[u8]) {
    let end = heard.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = end.map_or((heard, &heard[heard.len()..]), |end| (&heard[..end], &heard[end + 4..]));
    (String::from_utf8_lossy(head), body)
}

/// Whether there is no need to wait for the line to close.
fn is_whole(heard: &[u8]) -> bool {
    let (head, body) = split(heard);
    if head.len() == heard.len() {
        return false;
    }
    let head = head.to_ascii_lowercase();
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    head.contains("text/event-stream") || length.is_some_and(|length| body.len() >= length)
}

/// A form, or what looks like one.
#[derive(Debug, Clone)]
struct Form {
    kind: String,
    bucket: String,
    folder: Vec<u8>,
    more: String,
    body: Vec<u8>,
    /// How far the length that is told is off; `None`: the body comes in chunks.
    off: Option<i64>,
}

fn file_name() -> impl Strategy<Value = String> {
    let nasty =
        ["a.png", "../../a.png", "..", "", "截图.png", "a\\b.png", "a%2Fb.png", "a\u{0}b.png", "C:\\x\\a.png", "/", "a\"b.png"];
    prop_oneof![3 => "[a-z]{1,8}\\.png", 3 => select(nasty.map(str::to_owned).to_vec()), 1 => "\\PC{0,40}", 1 => Just("n".repeat(1100))]
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    let odd = select(vec!["File", "other", "", "file\"; x=\""]);
    let name = prop_oneof![9 => Just("file"), 1 => odd];
    let content = prop_oneof![
        8 => (0_u64..20).prop_map(|seed| pictures::png(seed, 5, 5)),
        2 => vec(any::<u8>(), 0..300),
        1 => Just(b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()),
        1 => Just(vec![b'x'; 200_000]),
        1 => Just(Vec::new()),
    ];
    let extra = select(vec![
        "",
        "Content-Type: image/png\r\n",
        "Content-Type: text/html\r\nX: y\r\n",
        ": \r\n",
        "Content-Transfer-Encoding: base64\r\n",
    ]);
    (name, file_name(), extra, content, any::<bool>()).prop_map(|(name, file, extra, content, starred)| {
        let file = if starred { format!("filename*=UTF-8''{file}") } else { format!("filename=\"{file}\"") };
        [format!("Content-Disposition: form-data; name=\"{name}\"; {file}\r\n{extra}\r\n").as_bytes(), &content].concat()
    })
}

fn form() -> impl Strategy<Value = Form> {
    let boundary = prop_oneof![4 => "[a-zA-Z0-9]{1,70}", 1 => "[a-zA-Z0-9'()+_,./:=?-]{1,80}", 1 => Just(String::new())];
    let piece = prop_oneof![
        12 => part().prop_map(|part| (true, part)),
        1 => vec(any::<u8>(), 0..60).prop_map(|noise| (false, noise)),
        1 => select(vec!["\r\n", "\n", "--", "\r\n--", "\r\n\r\n", "\u{0}"]).prop_map(|text| (false, text.as_bytes().to_vec())),
    ];
    let ends = prop_oneof![6 => Just("--\r\n"), 1 => select(vec!["--", "", "\r\n", "--x\r\nbehind the end"])];
    let kinds = select(vec![
        "multipart/form-data; boundary=B",
        "multipart/form-data; boundary=\"B\"",
        "Multipart/Form-Data;boundary=B; charset=utf-8",
        "multipart/form-data",
        "multipart/mixed; boundary=B",
        "application/json",
        "",
    ]);
    let kind = prop_oneof![6 => Just("multipart/form-data; boundary=B"), 1 => kinds];
    let bucket = prop_oneof![6 => Just("images".to_owned()), 1 => "[ -~]{0,30}"];
    let folder = prop_oneof![
        6 => "[a-z]{1,5}(/[a-z]{1,5}){0,2}/?".prop_map(String::into_bytes),
        1 => vec(0x20_u8..=0xff, 0..40),
        1 => Just("x/".repeat(600).into_bytes()),
    ];
    let more = prop_oneof![
        3 => Just(String::new()),
        1 => Just("If-None-Match: *\r\n".to_owned()),
        1 => "[ -~]{0,150}".prop_map(|mark| format!("x-imagepic-id: {mark}\r\nx-imagepic-encoding: percent\r\n")),
    ];
    // A body that is told to be longer than it is costs a second.
    let off =
        prop_oneof![48 => Just(Some(0)), 8 => Just(None), 4 => (-40_i64..0).prop_map(Some), 1 => (1_i64..40).prop_map(Some)];
    (boundary, vec(piece, 0..4), ends, kind, bucket, folder, more, off).prop_map(
        |(boundary, pieces, end, kind, bucket, folder, more, off)| {
            let mut body = Vec::new();
            for (framed, piece) in pieces {
                if framed {
                    body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                }
                body.extend_from_slice(&piece);
                if framed {
                    body.extend_from_slice(b"\r\n");
                }
            }
            body.extend_from_slice(format!("--{boundary}{end}").as_bytes());
            Form { kind: kind.replace('B', &boundary), bucket, folder, more, body, off }
        },
    )
}

impl Form {
    fn request(&self, token: &str) -> Vec<u8> {
        let Self { kind, bucket, more, .. } = self;
        let head = format!(
            "POST /imagepic/object/putObject HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {token}\r\n\
             Content-Type: {kind}\r\nbucket: {bucket}\r\n{more}"
        );
        let length = self.body.len() as i64;
        let told = match self.off {
            Some(off) => format!("Content-Length: {}\r\n\r\n", (length + off).max(0)),
            None => "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
        };
        let mut body = Vec::new();
        match self.off {
            Some(_) => body.extend_from_slice(&self.body),
            None => {
                for chunk in self.body.chunks(7000) {
                    body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    body.extend_from_slice(chunk);
                    body.extend_from_slice(b"\r\n");
                }
                body.extend_from_slice(b"0\r\n\r\n");
            }
        }
        [head.as_bytes(), b"folder: ", &self.folder, b"\r\n", told.as_bytes(), &body].concat()
    }
}

#[test]
fn of_forms_that_were_made_up_only_what_was_taken_lies_there() {
    let place = Place::new();
    let taken = std::cell::RefCell::new(BTreeSet::new());
    let tried = runner(400).run(&form(), |form| {
        let (status, body) = place.send(&form.request(&place.token))?;
        let answer: Value = match serde_json::from_slice(&body) {
            Ok(answer) => answer,
            // What is no request of HTTP is refused before there is a route.
            Err(_) if [400, 431].contains(&status) && body.is_empty() => return Ok(()),
            Err(why) => return Err(TestCaseError::fail(format!("{status}: {why}: {}", String::from_utf8_lossy(&body)))),
        };
        if answer["code"] == "0" {
            let key = answer["data"]["objectName"].as_str().expect("where it lies").to_owned();
            prop_assert!(!key.split('/').any(|part| matches!(part, "" | "." | "..")), "{}", key);
            taken.borrow_mut().insert(key);
        } else {
            prop_assert!(answer["error"].is_string(), "{}", answer);
        }
        Ok(())
    });
    tried.unwrap_or_else(|why| panic!("{why}\n{}", place.team.said()));
    let (taken, mut there) = (taken.into_inner(), BTreeSet::new());
    assert!(taken.len() > 10, "some of them were forms: {taken:?}");
    place.keys("", &mut there);
    assert_eq!(there, taken);
    let spool = std::fs::read_dir(place.team.data.join("spool")).expect("a folder");
    let left: Vec<_> = spool.map(|entry| entry.expect("an entry").path()).collect();
    assert!(left.is_empty(), "{left:?}");
    place.is_well();
}

fn token(good: &str) -> impl Strategy<Value = String> + use<> {
    let parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    let encoded = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let algorithm = select(vec!["none", "None", "HS256", "HS384", "RS256", ""]);
    let header = algorithm.prop_map(move |alg| encoded(json!({ "alg": alg, "typ": "JWT", "kid": "../../dev/null" })));
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(&parts[1]).expect("a token of ours")).expect("claims");
    let claim = (
        select(vec!["phone", "exp", "iat", "ver", "sid", "role"]),
        select(vec![json!("13800138001"), json!(0), json!(9_999_999_999_u64), json!(null), json!(["admin"]), json!("../x")]),
    );
    let other = claim.prop_map(move |(name, value)| {
        let mut claims = claims.clone();
        claims[name] = value;
        encoded(claims)
    });
    let any_part = prop_oneof!["[A-Za-z0-9_=-]{0,60}", Just("eyJ".to_owned()), "[!-~]{0,40}"];
    let piece = |own: String| prop_oneof![2 => Just(own), 1 => any_part.clone()];
    let (good_header, good_claims, good_sign) = (parts[0].clone(), parts[1].clone(), parts[2].clone());
    let assembled = (
        prop_oneof![1 => piece(good_header), 1 => header],
        prop_oneof![1 => piece(good_claims), 1 => other],
        prop_oneof![2 => piece(good_sign), 1 => Just(String::new())],
    )
        .prop_map(|(header, claims, sign)| format!("{header}.{claims}.{sign}"));
    let good = good.to_owned();
    let scratched = (any::<Index>(), select(b"ABCDyz019_-=. ~".to_vec()), any::<bool>()).prop_map(move |(at, with, cut)| {
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = with;
        bytes.truncate(if cut { at } else { bytes.len() });
        String::from_utf8(bytes).expect("ASCII")
    });
    let token = prop_oneof![3 => assembled, 3 => scratched, 1 => "[ -~]{0,200}", 1 => Just("a".repeat(20_000))];
    (select(vec!["", "", "Bearer ", "bearer  ", "Basic "]), token).prop_map(|(before, token)| format!("{before}{token}"))
}

#[test]
fn no_token_that_was_made_up_opens_anything() {
    let place = Place::new();
    let routes =
        ["object/removeObject", "object/statObject", "policy/setBucketPolicy", "object/presignedPutObject", "auth/logout"];
    let body = r#"{"bucketName":"images","objectName":"a.png","prefix":"","access":"private"}"#;
    let tried = runner(600).run(&(token(&place.token), select(routes.to_vec())), |(token, route)| {
        prop_assume!(token.trim().trim_start_matches("Bearer ").trim_start_matches("bearer ").trim() != place.token);
        let request = format!(
            "POST /imagepic/{route} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, body) = place.send(request.as_bytes())?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let error = answer["error"].as_str().unwrap_or_default();
        prop_assert!(error.starts_with("token_"), "{}: {}", status, answer);
        Ok(())
    });
    tried.unwrap_or_else(|why| panic!("{why}\n{}", place.team.said()));
    let body = json!({ "bucketName": "images", "objectName": "nothing.png" });
    let still = place.runtime.block_on(place.team.post("object/removeObject", Some(&place.token), &body));
    assert_eq!(still["code"], "0", "and the good one still does: {still}");
    place.is_well();
}

fn path() -> impl Strategy<Value = String> {
    let words = [
        "imagepic",
        "Imagepic",
        "object",
        "getObject",
        "putObject",
        "listObjects",
        "bucket",
        "listBuckets",
        "auth",
        "login",
        "refresh",
        "notification",
        "listen",
        "policy",
        "getBucketPolicy",
        "capabilities",
        "openapi.json",
        "docs",
        "page.js",
        "healthz",
        "readyz",
        "..",
        ".",
        "%2e%2e",
        "%2F",
        "%00",
        "%",
        "%zz",
        "%E6%88%AA",
        "",
        "images",
        "*",
        "\\",
        "a;b",
        "a:b@c",
    ];
    let segment = prop_oneof![8 => select(words.map(str::to_owned).to_vec()), 1 => "[!-~]{0,20}", 1 => Just("s".repeat(9000))];
    let known =
        select(vec!["/imagepic/object/getObject", "/imagepic/bucket/listBuckets", "/imagepic/notification/listen", "/healthz"]);
    let path = prop_oneof![
        2 => vec(segment, 0..5).prop_map(|all| format!("/{}", all.join("/"))),
        1 => known.prop_map(str::to_owned),
        1 => select(vec!["*", "localhost:80", "http://other.example/imagepic/docs", "//imagepic", "imagepic"]).prop_map(str::to_owned),
    ];
    let name = select(vec!["bucketName", "objectName", "prefix", "pageNum", "pageSize", "events", "", "x"]);
    let value = select(vec![
        "images",
        "-1",
        "0",
        "99999999999999999999",
        "a.png",
        "..%2F..%2Fetc%2Fpasswd",
        "%00",
        "%ff",
        "=",
        "s3:ObjectCreated",
    ]);
    let query = vec((name, value), 0..4).prop_map(|all| {
        let pairs: Vec<_> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    });
    (path, query).prop_map(|(path, query)| format!("{path}{query}"))
}

#[test]
fn no_path_and_no_method_that_were_made_up_break_anything() {
    let place = Place::new();
    let methods = ["GET", "GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "X"];
    let headers = [
        "",
        "Range: bytes=0-0",
        "Range: bytes=9-1",
        "If-None-Match: *",
        "If-Modified-Since: yesterday",
        "Accept: text/event-stream",
        "Origin: https://evil.example",
        "Access-Control-Request-Method: PUT",
        "Expect: 100-continue",
        "X-Forwarded-For: 1.2.3.4, x",
        "x-request-id: \"",
        "Host: evil.example",
        "Content-Type: application/json",
        "Content-Type: \u{1}",
        "Upgrade: websocket",
    ];
    let bodies = ["", "{}", "[", "{\"bucketName\":[]}", "bucketName=images&objectName=%00", "\u{0}"];
    let strategy =
        (select(methods.to_vec()), path(), vec(select(headers.to_vec()), 0..3), select(bodies.to_vec()), any::<bool>());
    let tried = runner(800).run(&strategy, |(method, path, headers, body, signed)| {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for header in headers.iter().filter(|header| !header.is_empty()) {
            request.push_str(&format!("{header}\r\n"));
        }
        if signed {
            request.push_str(&format!("Authorization: {}\r\n", place.token));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        place.send(request.as_bytes()).map(drop)
    });
    tried.unwrap_or_else(|why| panic!("{why}\n{}", place.team.said()));
    place.is_well();
}
