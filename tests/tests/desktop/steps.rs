//! Steps that many of the stories share.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use imagepic_tests::tray::Tray;
use imagepic_tests::{App, Desktop, clipboard, display, eventually, http, pictures, xdnd};
use serde_json::Value;

/// The bucket of this computer, as every home starts with it.
pub(crate) const BUCKET: &str = "images";

/// Puts a picture on the clipboard as a screenshot program does; it is on offer when this returns.
pub(crate) async fn copy_picture(desktop: &Desktop, picture: &[u8]) -> clipboard::Owner {
    let file = desktop.file("clipboard.png", picture);
    clipboard::copy(&desktop.machine, "image/png", &file).await
}

/// Waits for a link on the clipboard that is not `before`.
pub(crate) async fn link_on_clipboard(desktop: &Desktop, before: Option<&str>) -> String {
    clipboard::wait_for_text(&desktop.machine, "a link on the clipboard", |text| text.starts_with("http") && Some(text) != before)
        .await
}

/// Waits until the clipboard holds this many links, one a line.
pub(crate) async fn links_on_clipboard(desktop: &Desktop, count: usize) -> Vec<String> {
    let what = format!("{count} links on the clipboard");
    let text = clipboard::wait_for_text(&desktop.machine, &what, |text| {
        text.lines().count() == count && text.lines().all(|line| line.starts_with("http"))
    });
    text.await.lines().map(str::to_owned).collect()
}

/// The open drop zone, whatever language it speaks.
pub(crate) async fn zone(desktop: &Desktop) -> display::Shown {
    eventually("the drop zone", async || {
        display::windows(&desktop.machine).into_iter().find(|window| ["Drop zone", "拖放区"].contains(&window.title.as_str()))
    })
    .await
}

/// Drops files onto the open drop zone, as a file manager does.
pub(crate) async fn drop_on_zone(desktop: &Desktop, files: &[PathBuf]) {
    let zone = zone(desktop).await;
    let uris: Vec<String> = files.iter().map(|file| xdnd::file_uri(file)).collect();
    // A window is listed before its page can take anything.
    eventually("the drop zone to take the drop", async || {
        let dropped = xdnd::drop_uris(&desktop.machine, &zone, &uris);
        (dropped.accepted && dropped.finished).then_some(())
    })
    .await;
}

/// Everything in the history, newest first.
pub(crate) fn history(desktop: &Desktop) -> Vec<Value> {
    let said = desktop.imagepic(&["history", "--json", "--limit", "1000"]);
    said.success();
    said.json()
}

/// `settings set KEY VALUE`.
pub(crate) fn set(desktop: &Desktop, key: &str, value: &str) {
    desktop.imagepic(&["settings", "set", key, value]).success();
}

/// The app on a fresh desktop, with the clipboard watch in this mode.
pub(crate) async fn app_watching(desktop: &Desktop, mode: &str) -> App {
    set(desktop, "capture.clipboard", mode);
    let app = desktop.launch::<&str>(&[]).await;
    // In either language.
    let ways = match mode {
        "off" => [["Watch clipboard", "Off"], ["监听剪贴板", "关闭"]],
        "ask" => [["Watch clipboard", "Ask"], ["监听剪贴板", "询问"]],
        _ => [["Watch clipboard", "Automatic"], ["监听剪贴板", "自动"]],
    };
    eventually("the watch to be on in the tray", async || {
        let menu = desktop.tray().menu().await;
        ways.iter().find_map(|way| Tray::find(&menu, way)).filter(|line| line.checked)
    })
    .await;
    app
}

/// A link that must give back a PNG.
pub(crate) async fn gives_back_png(url: &str, picture: &[u8]) {
    http::gives_back(url, picture, "image/png").await;
}

/// An S3 store somewhere else: the bucket of another home, served by the console program. Gone when dropped.
pub(crate) struct Elsewhere {
    host: Option<Child>,
    pub(crate) port: u16,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    home: PathBuf,
}

impl Elsewhere {
    pub(crate) async fn start(desktop: &Desktop) -> Self {
        let home = desktop.machine.dir().join("elsewhere");
        let host = host(desktop, &home);
        let port = eventually("the other bucket's port", async || {
            fs::read_to_string(home.join("bucket/port")).ok()?.trim().parse().ok()
        })
        .await;
        let key = eventually("the other bucket's key", async || {
            serde_json::from_str::<Value>(&fs::read_to_string(home.join("bucket/key")).ok()?).ok()
        })
        .await;
        let text = |name: &str| key[name].as_str().unwrap_or_else(|| panic!("{name} in {key}")).to_owned();
        let store = Self { host: Some(host), port, access_key: text("access_key"), secret_key: text("secret_key"), home };
        store.answers().await;
        store
    }

    /// The network goes away.
    pub(crate) fn stop(&mut self) {
        if let Some(host) = &mut self.host {
            imagepic_virtual::end(host);
        }
        self.host = None;
    }

    /// The network comes back.
    pub(crate) async fn again(&mut self, desktop: &Desktop) {
        self.host = Some(host(desktop, &self.home));
        self.answers().await;
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes another bucket there.
    pub(crate) fn make_other_bucket(&self, desktop: &Desktop, bucket: &str) {
        let there = |arguments: &[&str]| {
            desktop
                .imagepic_with(arguments, |command| {
                    command.env("IMAGEPIC_HOME", &self.home);
                })
                .success();
        };
        there(&["settings", "set", "destinations.this-computer.bucket", bucket]);
        let first = desktop.file("other.png", &pictures::png(2, 8, 8));
        there(&["upload", first.to_str().expect("plain")]);
    }

    /// Another program removes the object of this upload, as the history names it.
    pub(crate) fn loses(&self, desktop: &Desktop, bucket: &str, upload: &Value) {
        let place = format!("{bucket}/{}", upload["key"].as_str().expect("a key"));
        desktop
            .imagepic_with(&["rm", &place], |command| {
                command.env("IMAGEPIC_HOME", &self.home);
            })
            .success();
    }

    /// Makes the bucket that [`Elsewhere::add`] names, by uploading something there.
    pub(crate) fn make_bucket(&self, desktop: &Desktop) {
        let first = desktop.file("first.png", &pictures::png(1, 8, 8));
        let said = desktop.imagepic_with(&["upload", first.to_str().expect("plain")], |command| {
            command.env("IMAGEPIC_HOME", &self.home);
        });
        said.success();
    }

    /// Adds it as a destination of the desktop's home and makes it the current one.
    pub(crate) fn add(&self, desktop: &Desktop, name: &str) {
        self.make_bucket(desktop);
        add_s3(desktop, name, &self.endpoint(), (&self.access_key, &self.secret_key));
    }

    async fn answers(&self) {
        eventually("the other bucket to answer", async || tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.ok())
            .await;
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Adds a store as a destination of the desktop's home, by its access and secret key, and makes it the current one.
pub(crate) fn add_s3(desktop: &Desktop, name: &str, endpoint: &str, (access_key, secret_key): (&str, &str)) {
    let secret = desktop.file("secret", secret_key.as_bytes());
    let arguments = [
        "destinations",
        "add",
        "s3",
        "--name",
        name,
        "--endpoint",
        endpoint,
        "--region",
        "us-east-1",
        "--access-key",
        access_key,
        "--secret-key-stdin",
        "--bucket",
        BUCKET,
        "--path-style",
    ];
    desktop
        .imagepic_with(&arguments, |command| {
            command.stdin(fs::File::open(&secret).expect("it was written"));
        })
        .success();
    desktop.imagepic(&["destinations", "use", name]).success();
}

fn host(desktop: &Desktop, home: &PathBuf) -> Child {
    let mut command = desktop.program("imagepic");
    command.args(["bucket", "host"]).env("IMAGEPIC_HOME", home);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("imagepic is built")
}

/// Pictures in files, each with other bytes.
pub(crate) fn picture_files(desktop: &Desktop, prefix: &str, count: u64, side: u32) -> Vec<(PathBuf, Vec<u8>)> {
    (0..count)
        .map(|number| {
            let seed = prefix.bytes().fold(number, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
            let bytes = pictures::png(seed, side, side);
            (desktop.file(&format!("{prefix}{number:02}.png"), &bytes), bytes)
        })
        .collect()
}
