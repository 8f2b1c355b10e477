//! The team server as its people start it: the real `imagepic serve`, a process of its own on a free port with a data folder of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::desktop::built;
use crate::servers::S3Server;
use crate::wait::{PATIENCE, within};

/// How a server is started; loopback and the embedded bucket, where nothing else is said.
#[derive(Debug, Clone, Default)]
pub struct TeamSetup {
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    data: Option<PathBuf>,
}

impl TeamSetup {
    /// Sets a variable, `IMAGEPIC_…`.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds an argument after `serve`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// A data folder that outlives the server; a fresh one otherwise.
    #[must_use]
    pub fn data(mut self, folder: &Path) -> Self {
        self.data = Some(folder.to_owned());
        self
    }

    /// A real store instead of the embedded bucket.
    #[must_use]
    pub fn store(self, server: &S3Server) -> Self {
        self.set("IMAGEPIC_S3_ENDPOINT", &server.endpoint)
            .set("IMAGEPIC_S3_REGION", server.region)
            .set("IMAGEPIC_S3_ACCESS_KEY", server.access_key)
            .set("IMAGEPIC_S3_SECRET_KEY", server.secret_key)
    }

    /// Starts it; comes back with the first line it prints.
    ///
    /// # Panics
    /// Where it ends before that, with what it said.
    pub async fn start(self) -> Team {
        match self.try_start().await {
            Ok(team) => team,
            Err(Refused { status, said }) => panic!("imagepic serve ended with {status}:\n{said}"),
        }
    }

    /// Starts it, or tells why it would not.
    ///
    /// # Errors
    /// It ended before it listened.
    ///
    /// # Panics
    /// Where it neither listens nor ends.
    pub async fn try_start(self) -> Result<Team, Refused> {
        tokio::task::spawn_blocking(move || self.start_now()).await.expect("nothing in there panics but on purpose")
    }

    fn start_now(self) -> Result<Team, Refused> {
        let temporary = TempDir::new().expect("a folder for a test");
        let data = self.data.unwrap_or_else(|| temporary.path().join("data"));
        let mut command = Command::new(built("imagepic"));
        // Nothing of the person who runs the tests.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("IMAGEPIC_") {
                command.env_remove(name);
            }
        }
        command.arg("serve").args(&self.arguments).env("HOME", temporary.path()).env("LC_ALL", "C.UTF-8").env_remove("LANGUAGE");
        command.env("IMAGEPIC_LISTEN", "127.0.0.1:0").env("IMAGEPIC_DATA", &data).envs(self.environment);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let (first, told) = mpsc::channel();
        let output = child.stdout.take().expect("piped");
        std::thread::spawn(move || {
            let mut lines = BufReader::new(output);
            let mut line = String::new();
            let _ = lines.read_line(&mut line);
            let _ = first.send(line);
            // Whoever stops reading would stop the server.
            let _ = std::io::copy(&mut lines, &mut std::io::sink());
        });
        let said = Arc::new(Mutex::new(String::new()));
        let errors = child.stderr.take().expect("piped");
        let listener = {
            let said = Arc::clone(&said);
            std::thread::spawn(move || collect(errors, &said))
        };
        let line = told.recv_timeout(PATIENCE).unwrap_or_default();
        let Some(url) = line.trim().strip_prefix("imagepic listening on ") else {
            let _ = child.kill();
            let status = child.wait().expect("a child of ours");
            let _ = listener.join();
            let said = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
            return Err(Refused { status, said: format!("{line}{said}") });
        };
        Ok(Team { url: url.to_owned(), data, said, child, http: client(), _temporary: temporary })
    }
}

fn collect(mut errors: impl std::io::Read, said: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = errors.read(&mut buffer) {
        said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}

/// A client as plain as a script's.
///
/// # Panics
/// Where this process can have none.
#[must_use]
pub fn client() -> reqwest::Client {
    // Fails where another test of this process installed it already.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().no_proxy().build().expect("a plain client")
}

/// Why a server did not start.
#[derive(Debug)]
pub struct Refused {
    /// What it ended with.
    pub status: ExitStatus,
    /// All it said.
    pub said: String,
}

/// A running server; it is killed when this is dropped.
#[derive(Debug)]
pub struct Team {
    /// `http://127.0.0.1:{port}`
    pub url: String,
    /// Its data folder.
    pub data: PathBuf,
    /// Asks it, without a proxy.
    pub http: reqwest::Client,
    said: Arc<Mutex<String>>,
    child: Child,
    _temporary: TempDir,
}

impl Drop for Team {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("what the server said:\n{}", self.said());
        }
    }
}

impl Team {
    /// One with nothing set but its port and its folder.
    pub async fn start() -> Self {
        TeamSetup::default().start().await
    }

    /// All it has written to standard error.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without a farewell, as a crash does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop, as a cluster does (SIGTERM).
    ///
    /// # Panics
    /// Where it has no process.
    pub fn ask_to_stop(&self) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::TERM).expect("it runs");
    }

    /// Waits for its end.
    pub async fn ended(&mut self, patience: Duration) -> ExitStatus {
        within(patience, "the server ends", async || self.child.try_wait().expect("a child of ours")).await
    }

    /// Sends JSON to a route below `/imagepic/` and gives back the envelope.
    ///
    /// # Panics
    /// Where the answer is no JSON.
    pub async fn post(&self, route: &str, token: Option<&str>, body: &Value) -> Value {
        let mut request = self.http.post(format!("{}/imagepic/{route}", self.url)).json(body);
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let answer = request.send().await.unwrap_or_else(|why| panic!("{route}: {why}"));
        let text = answer.text().await.unwrap_or_else(|why| panic!("{route}: {why}"));
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{route}: {why}: {text}"))
    }

    /// Registers somebody, as the old clients do.
    ///
    /// # Panics
    /// Where the server refuses.
    pub async fn register(&self, phone: &str, password: &str) {
        let body = json!({"name": "小明", "tfs": "t001", "email": "xm@example.com", "phone": phone, "upwd": password});
        let answer = self.post("auth/register", None, &body).await;
        assert_eq!(answer["code"], "0", "{answer}");
    }

    /// Logs somebody in; the token.
    ///
    /// # Panics
    /// Where the server refuses.
    pub async fn login(&self, phone: &str, password: &str) -> String {
        let answer = self.post("auth/login", None, &json!({"phone": phone, "upwd": password})).await;
        answer["data"]["token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    /// Puts an object as the old clients do; the envelope.
    ///
    /// # Panics
    /// Where the answer is no JSON.
    pub async fn put(&self, token: &str, bucket: &str, folder: &str, name: &str, bytes: Vec<u8>) -> Value {
        let file = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", file);
        let request = self.http.post(format!("{}/imagepic/object/putObject", self.url)).multipart(form);
        let request = request.header("authorization", token).header("bucket", bucket).header("folder", folder);
        let answer = request.send().await.expect("an answer").text().await.expect("an answer");
        serde_json::from_str(&answer).unwrap_or_else(|why| panic!("{why}: {answer}"))
    }
}
