//! What takes a keychain that refuses, two processes of one home, and a server that ends a session whose token comes twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body::Body as _;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::session::{UNKNOWN_LIFE, life};
use super::*;

/// A keychain that several processes share and that refuses one of them.
#[derive(Default, Clone)]
struct Kept(Arc<Mutex<HashMap<String, String>>>);

struct Keychain {
    kept: Kept,
    refuses: AtomicBool,
}

#[async_trait]
impl Secrets for Keychain {
    async fn get(&self, account: &str) -> Result<Option<SecretString>> {
        let kept = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.get(account).map(|text| SecretString::from(text.clone())))
    }

    async fn set(&self, account: &str, secret: &SecretString) -> Result<SecretsPlace> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err(Error::new(Code::DiskFull, imagepic_words::errors::disk_full("here")));
        }
        let mut kept = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(account.to_owned(), secret.expose_secret().to_owned());
        Ok(SecretsPlace::File)
    }

    async fn delete(&self, account: &str) -> Result<()> {
        self.kept.0.lock().unwrap_or_else(PoisonError::into_inner).remove(account);
        Ok(())
    }

    async fn place(&self) -> SecretsPlace {
        SecretsPlace::File
    }
}

/// One session at a server, whose refresh tokens are `r1`, `r2` and so on; its tokens have no life, so that each question renews.
#[derive(Default)]
struct Line {
    /// The number of the present one; 0 once the session is over.
    present: u32,
    /// Whether the one before still works, as it does for a minute.
    lenient: bool,
    came: Vec<String>,
}

async fn serve() -> (String, Arc<Mutex<Line>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let line = Arc::new(Mutex::new(Line::default()));
    let serving = Arc::clone(&line);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let line = Arc::clone(&serving);
            tokio::spawn(async move {
                let service = service_fn(|request| answer(Arc::clone(&line), request));
                drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    (address, line)
}

async fn answer(
    line: Arc<Mutex<Line>>,
    request: hyper::Request<Incoming>,
) -> std::result::Result<hyper::Response<String>, std::convert::Infallible> {
    let path = request.uri().path().to_owned();
    let mut body = request.into_body();
    let mut sent = Vec::new();
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await {
        sent.extend_from_slice(&frame.into_data().unwrap_or_else(|_| Bytes::new()));
    }
    let sent: Value = serde_json::from_slice(&sent).unwrap_or_default();
    let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
    let session = |number: u32| {
        let token = format!("head.{}.sign", URL_SAFE_NO_PAD.encode(r#"{"iat":1,"exp":2}"#));
        json!({"code":"0","success":true,"msg":"成功","data":{"token":token,"refreshToken":format!("r{number}")}})
    };
    let told = match path.trim_start_matches("/imagepic/") {
        "capabilities" => json!({"code":"0","success":true,"msg":"成功","data":{
            "server":"imagepic","version":"1","registration":"open","password":{"min":8,"max":64},"maxBytes":1,
            "anonymousReads":false,"routes":["auth/refresh"],"publicBases":{},
        }}),
        "auth/login" => {
            line.present = 1;
            session(1)
        }
        _ => {
            let came = sent["refreshToken"].as_str().unwrap_or_default().to_owned();
            line.came.push(came.clone());
            let number: u32 = came[1..].parse().expect("one of ours");
            match line.present {
                present if present == number => {
                    line.present += 1;
                    session(line.present)
                }
                present if present == number + 1 && line.lenient => session(present),
                _ => {
                    line.present = 0;
                    json!({"code":"-1","success":false,"msg":"未满足权限","error":"token_revoked","data":{}})
                }
            }
        }
    };
    Ok(hyper::Response::new(told.to_string()))
}

struct Scene {
    line: Arc<Mutex<Line>>,
    kept: Kept,
    address: TeamAddress,
    home: tempfile::TempDir,
}

impl Scene {
    async fn set() -> Self {
        let (server, line) = serve().await;
        let home = tempfile::tempdir().expect("a folder");
        Home::at(home.path()).prepare().expect("a home");
        let address = TeamAddress { server, phone: "13800138000".to_owned(), allow_plain_http: false, ca_file: None };
        Self { line, kept: Kept::default(), address, home }
    }

    /// The account as one process of the home has it.
    fn process(&self) -> (Arc<Account>, Arc<Keychain>) {
        let keychain = Arc::new(Keychain { kept: self.kept.clone(), refuses: AtomicBool::new(false) });
        let secrets: Arc<dyn Secrets> = keychain.clone();
        let accounts = Accounts::new(Home::at(self.home.path()), secrets, Arc::new(|| {}));
        (accounts.of(&self.address, &Proxy::None).expect("an address"), keychain)
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn came(&self) -> Vec<String> {
        std::mem::take(&mut self.line().came)
    }
}

#[tokio::test]
async fn a_session_goes_on_in_memory_where_the_keychain_takes_nothing() {
    let scene = Scene::set().await;
    let (account, keychain) = scene.process();
    account.login(&SecretString::from("abc12345"), false).await.expect("signed in");
    drop(account.token().await.expect("renewed"));
    keychain.refuses.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        account.token().await.expect("renewed, though the keychain holds what was used up");
    }
    assert_eq!(scene.came(), ["r1", "r2", "r3", "r4"]);
    keychain.refuses.store(false, Ordering::Relaxed);
    account.token().await.expect("renewed");
    scene.process().0.token().await.expect("the keychain has it again");
    assert_eq!(scene.came(), ["r5", "r6"]);
}

/// One process could not save what it got; another has renewed since. A token that comes twice ends the session for both.
#[tokio::test]
async fn what_one_process_could_not_save_does_not_beat_what_another_saved_since() {
    let scene = Scene::set().await;
    let ((one, keychain), (two, _)) = (scene.process(), scene.process());
    one.login(&SecretString::from("abc12345"), false).await.expect("signed in");
    keychain.refuses.store(true, Ordering::Relaxed);
    one.token().await.expect("the token of the log-in has no life: renewed");
    scene.line().lenient = true;
    two.token().await.expect("renewed by what the keychain holds, within the minute");
    two.token().await.expect("renewed and saved");
    scene.line().lenient = false;
    assert_eq!(scene.came(), ["r1", "r1", "r2"]);
    one.token().await.expect("by what the other one saved");
    assert_eq!(scene.came(), ["r3"]);
    assert_eq!(scene.line().present, 4, "the session goes on");

    // Who signs out in one process is not kept signed in by what another one could not save.
    two.logout().await.expect("signed out");
    let error = one.token().await.expect_err("signed out");
    assert_eq!(error.code, Code::SignInNeeded);
}

#[test]
fn a_token_is_used_as_long_as_it_says_whatever_the_clock_shows() {
    let token = |claims: &str| format!("head.{}.sign", URL_SAFE_NO_PAD.encode(claims));
    assert_eq!(life(&token(r#"{"iat":1000,"exp":4600}"#)), Duration::from_secs(3600));
    for odd in ["", "a.b.c", &token("{}"), &token(r#"{"iat":5,"exp":1}"#)] {
        assert_eq!(life(odd), UNKNOWN_LIFE, "{odd}");
    }
}

#[test]
fn what_is_granted_goes_nowhere_less_protected_and_to_nothing_of_this_computer_but_from_here() {
    let server = |address: &str| {
        let address = TeamAddress {
            server: address.to_owned(),
            phone: String::new(),
            // Confirmed by a person, for this server.
            allow_plain_http: true,
            ca_file: None,
        };
        Server::open(&address, &Proxy::None).expect("an address")
    };
    let may = |server: &Server, url: &str| server.may_send_to(&url::Url::parse(url).expect("an address"));
    let own = [
        "http://127.0.0.1:9000/b/k",
        "http://localhost/b",
        "http://[::1]:1/",
        "http://0.0.0.0:80/",
        "http://[::ffff:127.0.0.1]/",
    ];
    for (at, other_http, other_https, here_http, here_https) in [
        ("https://images.example", false, true, false, false),
        ("http://images.example", true, true, false, false),
        ("http://127.0.0.1:3100", true, true, true, true),
        ("https://localhost:3443", false, true, false, true),
    ] {
        let server = server(at);
        assert_eq!(may(&server, "http://store.example/b/k"), other_http, "{at}");
        assert_eq!(may(&server, "https://store.example/b/k"), other_https, "{at}");
        for url in own {
            assert_eq!(may(&server, url), here_http, "{at}: {url}");
            assert_eq!(may(&server, &url.replacen("http", "https", 1)), here_https, "{at}: {url} in TLS");
        }
        assert!(!may(&server, "ftp://store.example/b"), "{at}");
    }
}
