//! Display servers that end with their test, and the programs on the other side.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use imagepic_clipboard::{Change, Clipboard, Content, Display, Error, Limits, Watch};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xfixes::{ConnectionExt as _, SelectionEventMask};
use x11rb::protocol::xproto::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

/// Longer than anything here takes on a loaded machine; only a failing test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A command, or a clear word about what is missing.
pub(crate) fn program(name: &str) -> Command {
    let found =
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    assert!(found, "this test needs the program {name}, which is not installed: run `cargo xtask setup`");
    Command::new(name)
}

/// A child that does not outlive its test.
struct Leashed(Child);

impl Drop for Leashed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct XServer {
    pub(crate) display: String,
    server: Leashed,
}

impl XServer {
    pub(crate) fn start() -> Self {
        let child = program("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "64x64x24", "-nolisten", "tcp", "-noreset"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Leashed(child);
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let number: u32 = line.trim().parse().expect("Xvfb names its display");
        Self { display: format!(":{number}"), server }
    }

    pub(crate) fn clipboard(&self) -> Clipboard {
        self.clipboard_with(Limits::default())
    }

    pub(crate) fn clipboard_with(&self, limits: Limits) -> Clipboard {
        Clipboard::connect_to(&Display { x11: Some(self.display.clone()), wayland: None }, limits).unwrap()
    }

    /// Another program copies; it stays in the background as the owner.
    pub(crate) fn copy(&self, target: &str, bytes: &[u8]) {
        // xclip returns a little before it has the clipboard.
        let (conn, screen) = RustConnection::connect(Some(&self.display)).unwrap();
        let clipboard = conn.intern_atom(false, b"CLIPBOARD").unwrap().reply().unwrap().atom;
        conn.xfixes_query_version(5, 0).unwrap().reply().unwrap();
        let root = conn.setup().roots[screen].root;
        conn.xfixes_select_selection_input(root, clipboard, SelectionEventMask::SET_SELECTION_OWNER).unwrap().check().unwrap();
        let mut command = program("xclip");
        command.args(["-display", &self.display, "-selection", "clipboard", "-t", target, "-i"]);
        feed(command, bytes);
        while !matches!(conn.wait_for_event().unwrap(), Event::XfixesSelectionNotify(_)) {}
    }

    /// Another program pastes.
    pub(crate) fn paste(&self, target: &str) -> Vec<u8> {
        let mut command = program("xclip");
        command.args(["-display", &self.display, "-selection", "clipboard", "-t", target, "-o"]);
        output(command)
    }

    pub(crate) fn kill(&mut self) {
        self.server.0.kill().unwrap();
        self.server.0.wait().unwrap();
    }
}

pub(crate) struct Compositor {
    pub(crate) socket: PathBuf,
    folder: tempfile::TempDir,
    server: Leashed,
}

impl Compositor {
    pub(crate) fn start() -> Self {
        // sway refuses to run as root, so that it gets a user of its own then; clients of root may connect to it.
        const NOBODY: u32 = 65534;
        let root = fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).unwrap() == 0;
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        fs::write(&config, "xwayland disable\n").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let sway = program("sway").get_program().to_owned();
        let mut command = if root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            let mut command = program("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(sway);
            command
        } else {
            Command::new(sway)
        };
        let log = File::create(folder.path().join("log")).unwrap();
        let child = command
            .args(["--unsupported-gpu", "-c"])
            .arg(&config)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .envs([("WLR_BACKENDS", "headless"), ("WLR_RENDERER", "pixman"), ("WLR_LIBINPUT_NO_DEVICES", "1")])
            .env("XDG_RUNTIME_DIR", folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Leashed(child);
        let socket = folder.path().join("wayland-1");
        let until = Instant::now() + PATIENCE;
        // Its name is all that tells when it is there.
        while UnixStream::connect(&socket).is_err() {
            let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            assert!(server.0.try_wait().unwrap().is_none(), "sway ended: {}", log());
            assert!(Instant::now() < until, "sway does not come up: {}", log());
            thread::sleep(Duration::from_millis(10));
        }
        Self { socket, folder, server }
    }

    pub(crate) fn clipboard(&self) -> Clipboard {
        self.clipboard_with(Limits::default())
    }

    pub(crate) fn clipboard_with(&self, limits: Limits) -> Clipboard {
        Clipboard::connect_to(&Display { x11: None, wayland: Some(self.socket.clone()) }, limits).unwrap()
    }

    fn client(&self, name: &str) -> Command {
        let mut command = program(name);
        command.env("WAYLAND_DISPLAY", &self.socket).env("XDG_RUNTIME_DIR", self.folder.path());
        command
    }

    pub(crate) fn copy(&self, mime: &str, bytes: &[u8]) {
        let mut command = self.client("wl-copy");
        command.args(["-t", mime]);
        feed(command, bytes);
    }

    pub(crate) fn clear(&self) {
        let mut command = self.client("wl-copy");
        command.arg("--clear");
        output(command);
    }

    pub(crate) fn paste(&self, mime: &str) -> Vec<u8> {
        let mut command = self.client("wl-paste");
        command.args(["-n", "-t", mime]);
        output(command)
    }

    pub(crate) fn types(&self) -> String {
        let mut command = self.client("wl-paste");
        command.arg("-l");
        String::from_utf8(output(command)).unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.server.0.kill().unwrap();
        self.server.0.wait().unwrap();
    }
}

fn feed(mut command: Command, bytes: &[u8]) {
    // The part that stays in the background keeps what it inherited open: no pipes for its output.
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?} failed");
}

fn output(mut command: Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What a watch reports, one by one.
pub(crate) struct Reports {
    reports: Receiver<Result<Change, Error>>,
    pub(crate) watch: Watch,
}

impl Reports {
    pub(crate) fn of(clipboard: &Clipboard) -> Self {
        let (sender, reports) = mpsc::channel();
        let watch = clipboard.watch(move |report| drop(sender.send(report))).unwrap();
        Self { reports, watch }
    }

    pub(crate) fn next(&self) -> Result<Change, Error> {
        self.reports.recv_timeout(PATIENCE).expect("a change is reported")
    }

    pub(crate) fn change(&self) -> Change {
        self.next().expect("the change can be read")
    }

    /// Nothing more will come, because the watch has ended by itself.
    pub(crate) fn ended(&self) -> bool {
        self.reports.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Disconnected)
    }
}

/// A watch that does nothing but tell, by the receiver's end, that its thread is gone.
pub(crate) fn silent_watch(clipboard: &Clipboard) -> (Watch, Receiver<()>) {
    let (alive, gone) = mpsc::channel();
    let watch = clipboard
        .watch(move |_| {
            let _ = &alive;
        })
        .unwrap();
    (watch, gone)
}

/// Whether the thread behind `gone` ended within a time that a person would not notice.
pub(crate) fn ends_promptly(gone: &Receiver<()>) -> bool {
    gone.recv_timeout(Duration::from_secs(2)) == Err(RecvTimeoutError::Disconnected)
}

pub(crate) fn image(bytes: &[u8]) -> Content {
    Content::Image { bytes: Bytes::copy_from_slice(bytes), mime: "image/png".to_owned() }
}

/// Bytes that begin like a PNG and cannot be mistaken for others of another seed or shifted ones.
pub(crate) fn picture(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let noise = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    });
    b"\x89PNG\r\n\x1a\n".iter().copied().chain(noise).take(length).collect()
}

/// How often the clipboard's own threads of this process have gone to sleep; a thread that polls does so again and again.
pub(crate) fn sleeps() -> Vec<(PathBuf, String)> {
    let counts = |task: &Path| {
        let status = fs::read_to_string(task.join("status")).unwrap_or_default();
        status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap_or_default().to_owned()
    };
    let mut found: Vec<(PathBuf, String)> = fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| task.unwrap().path())
        .filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("clipboard ")))
        .map(|task| (task.clone(), counts(&task)))
        .collect();
    found.sort();
    found
}
