//! A Wayland desktop that nobody looks at: sway without a screen.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use imagepic_virtual::Folder;
use rustix::process::getuid;

use crate::desktop::Desktop;
use crate::wait::eventually;

/// A running compositor.
#[derive(Debug)]
pub struct Sway {
    child: Child,
    socket: PathBuf,
    _dir: Folder,
}

impl Sway {
    /// Starts one and sends all programs of `desktop` to it.
    ///
    /// # Panics
    /// When sway is missing or does not come up.
    pub async fn start(desktop: &mut Desktop) -> Self {
        let dir = Folder::new("imagepic-sway").expect("the disk has room");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if getuid().is_root() {
            // sway refuses to run as root; its clients may be root.
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
            std::os::unix::fs::chown(dir.path(), Some(65534), Some(65534)).expect("root may give things away");
        }
        let configuration = desktop.file("sway.conf", b"xwayland disable\n");
        open_way(desktop.machine.dir());
        command.args(["--", "sway", "--unsupported-gpu", "-c"]).arg(configuration);
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("SWAYSOCK");
        command.env("XDG_RUNTIME_DIR", dir.path()).env("HOME", dir.path());
        command.envs([("WLR_BACKENDS", "headless"), ("WLR_RENDERER", "pixman"), ("WLR_LIBINPUT_NO_DEVICES", "1")]);
        let log = File::create(desktop.machine.dir().join("logs/sway.log")).expect("the disk has room");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = command.spawn().expect("sway starts");
        let socket = eventually("sway's socket", async || {
            let entries = fs::read_dir(dir.path()).ok()?.flatten();
            entries.map(|entry| entry.path()).find(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("wayland-")) && path.extension().is_none()
            })
        })
        .await;
        desktop.set_env("WAYLAND_DISPLAY", &socket.display().to_string());
        desktop.set_env("GDK_BACKEND", "wayland");
        desktop.set_env("XDG_SESSION_TYPE", "wayland");
        let sway = Self { child, socket, _dir: dir };
        eventually("sway to answer", async || sway.client("wl-paste").arg("--list-types").output().ok().filter(answered)).await;
        sway
    }

    /// A program on this display.
    #[must_use]
    pub fn client(&self, program: &str) -> Command {
        let mut command = imagepic_virtual::leashed(program);
        command.env_remove("DISPLAY").env("WAYLAND_DISPLAY", &self.socket).stdin(Stdio::null());
        command
    }

    /// Copies a file's content as `kind`; it is on offer until another copy.
    ///
    /// # Panics
    /// When wl-copy fails.
    pub fn copy(&self, kind: &str, file: &Path) {
        let file = File::open(file).expect("the file is there");
        let done = self.client("wl-copy").args(["--type", kind]).stdin(file).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(done.expect("wl-copy is installed").success(), "wl-copy failed");
    }

    /// The text on the clipboard, where there is one.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let output = self
            .client("timeout")
            .args(["5", "wl-paste", "--no-newline", "--type", "text"])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()).filter(|text| !text.is_empty())
    }
}

impl Drop for Sway {
    fn drop(&mut self) {
        imagepic_virtual::end(&mut self.child);
    }
}

/// An empty clipboard is an answer too; no display is none.
fn answered(output: &std::process::Output) -> bool {
    output.status.success()
        || String::from_utf8_lossy(&output.stderr).contains("Nothing is copied")
        || String::from_utf8_lossy(&output.stderr).contains("No selection")
}

/// sway's user must reach its configuration.
fn open_way(dir: &Path) {
    for path in [dir.to_path_buf(), dir.join("files")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o711)).expect("it is ours");
    }
}
