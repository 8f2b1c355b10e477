//! A desktop that nobody looks at: its own X server, session bus, window manager and keychain in a folder of its own, all gone when it
//! is dropped.
//!
//! `cargo xtask run` uses it on a machine without a display, the tests use one each, so that they neither meet each other nor the
//! person who works at the machine. It starts programs and knows nothing about imagepic. There is no tray host and no notification
//! daemon here: the tests play these themselves.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long a server may take until it answers; a loaded machine with two cores needs a tenth of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the desktop has, apart from a bus.
#[derive(Debug, Clone)]
pub struct Options {
    /// Width and height of the screen in pixels; `None`: no X server.
    pub screen: Option<(u32, u32)>,
    /// A window manager (openbox).
    pub window_manager: bool,
    /// An unlocked keychain (gnome-keyring).
    pub keychain: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { screen: Some((1280, 1024)), window_manager: true, keychain: true }
    }
}

/// A running desktop.
#[derive(Debug)]
pub struct VirtualDesktop {
    display: Option<String>,
    bus: String,
    children: Vec<(String, Child)>,
    dir: Folder,
}

impl VirtualDesktop {
    /// Starts everything and returns when all of it answers.
    ///
    /// # Errors
    /// A program that is missing or does not come up, by name, with the end of what it said.
    pub fn start(options: &Options) -> io::Result<Self> {
        let dir = Folder::new("imagepic-desktop")?;
        for part in ["home", "run", "logs"] {
            DirBuilder::new().mode(0o700).create(dir.path().join(part))?;
        }
        let mut desktop = Self { display: None, bus: String::new(), children: Vec::new(), dir };
        if let Some(size) = options.screen {
            desktop.start_screen(size)?;
        }
        desktop.start_bus()?;
        if options.window_manager && options.screen.is_some() {
            desktop.start_window_manager()?;
        }
        if options.keychain {
            desktop.start_keychain()?;
        }
        Ok(desktop)
    }

    /// The folder that holds everything of this desktop: `home/`, `run/` (XDG_RUNTIME_DIR), `logs/`.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// `:7`, where it has a screen.
    #[must_use]
    pub fn display(&self) -> Option<&str> {
        self.display.as_deref()
    }

    /// The address of the session bus.
    #[must_use]
    pub fn bus(&self) -> &str {
        &self.bus
    }

    /// What a program needs to be on this desktop and nowhere else. HOME is left to the caller.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = vec![
            ("DBUS_SESSION_BUS_ADDRESS", self.bus.clone()),
            ("XDG_RUNTIME_DIR", self.dir().join("run").display().to_string()),
            // Nobody listens to these here, and waiting for them costs seconds at start.
            ("NO_AT_BRIDGE", "1".to_owned()),
            ("GTK_A11Y", "none".to_owned()),
            ("GIO_USE_VFS", "local".to_owned()),
            ("GSETTINGS_BACKEND", "memory".to_owned()),
            ("GTK_USE_PORTAL", "0".to_owned()),
            ("LIBGL_ALWAYS_SOFTWARE", "1".to_owned()),
        ];
        if let Some(display) = &self.display {
            environment.push(("DISPLAY", display.clone()));
            environment.push(("GDK_BACKEND", "x11".to_owned()));
            environment.push(("XDG_SESSION_TYPE", "x11".to_owned()));
        }
        environment
    }

    /// A program on this desktop, in a process group of its own, which the kernel ends when the thread that starts it ends.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = leashed(program);
        for name in ["WAYLAND_DISPLAY", "DISPLAY", "XAUTHORITY", "SESSION_MANAGER", "DESKTOP_SESSION", "XDG_CURRENT_DESKTOP"] {
            command.env_remove(name);
        }
        command.envs(self.environment());
        command
    }

    /// Starts a keychain, unlocked, that keeps its secrets below this desktop's folder; returns when it answers on the bus.
    ///
    /// # Errors
    /// When gnome-keyring is not installed or does not come up.
    pub fn start_keychain(&mut self) -> io::Result<()> {
        let mut command = self.command("gnome-keyring-daemon");
        command
            .args(["--foreground", "--unlock", "--components=secrets", "--control-directory"])
            .arg(self.dir().join("run/keyring"));
        command.env("HOME", self.dir().join("home")).env("XDG_DATA_HOME", self.dir().join("home/.local/share"));
        let mut child = self.spawn("gnome-keyring-daemon", command.stdin(Stdio::piped()))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(b"throwaway")?;
        }
        self.children.push(("gnome-keyring-daemon".to_owned(), child));
        self.wait_for_name("gnome-keyring-daemon", "org.freedesktop.secrets")
    }

    /// The display goes away with everything that hangs on it, as it does when a session ends by the end of its server; then the next
    /// session begins, at another display.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn new_session(&mut self, size: (u32, u32)) -> io::Result<()> {
        for program in ["Xvfb", "openbox"] {
            self.crash(program);
        }
        fs::remove_file(self.openbox_started()).ok();
        self.start_screen(size)?;
        self.start_window_manager()
    }

    fn openbox_started(&self) -> PathBuf {
        self.dir().join("run/openbox-started")
    }

    /// Ends one of the desktop's own programs, as a crash would.
    pub fn crash(&mut self, program: &str) {
        if let Some(place) = self.children.iter().position(|(name, _)| name == program) {
            let (_, mut child) = self.children.remove(place);
            end(&mut child);
        }
    }

    /// Is there an owner of this name on the bus?
    #[must_use]
    pub fn has_name(&self, name: &str) -> bool {
        self.ask_bus(&["org.freedesktop.DBus.NameHasOwner", &format!("string:{name}")])
            .is_some_and(|answer| answer.contains("boolean true"))
    }

    /// All names on the bus that are not numbers.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let answer = self.ask_bus(&["org.freedesktop.DBus.ListNames"]).unwrap_or_default();
        answer.split('"').filter(|word| word.contains('.') && !word.starts_with(':')).map(str::to_owned).collect()
    }

    fn ask_bus(&self, call: &[&str]) -> Option<String> {
        let mut command = self.command("dbus-send");
        command.args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"]).args(call);
        let output = command.stdin(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn start_screen(&mut self, (width, height): (u32, u32)) -> io::Result<()> {
        let mut command = leashed("Xvfb");
        // The server chooses a free number by itself, so that two that start at once never want the same.
        command.args(["-displayfd", "1", "-screen", "0", &format!("{width}x{height}x24"), "-nolisten", "tcp", "-noreset"]);
        let log = File::create(self.dir().join("logs/Xvfb.log"))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|why| named("Xvfb", &why))?;
        let number = child.stdout.take().map(first_line).transpose()?.unwrap_or_default();
        self.children.push(("Xvfb".to_owned(), child));
        if number.is_empty() {
            return Err(self.failed("Xvfb"));
        }
        self.display = Some(format!(":{number}"));
        Ok(())
    }

    fn start_bus(&mut self) -> io::Result<()> {
        // No service folders: nothing starts by being asked for, so that what is absent stays absent.
        let configuration = self.dir().join("bus.conf");
        fs::write(
            &configuration,
            format!(
                r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><keep_umask/><listen>unix:path={}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"#,
                self.dir().join("run/bus").display()
            ),
        )?;
        let mut command = leashed("dbus-daemon");
        command.arg(format!("--config-file={}", configuration.display())).args(["--nofork", "--nosyslog", "--print-address=1"]);
        let log = File::create(self.dir().join("logs/dbus-daemon.log"))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|why| named("dbus-daemon", &why))?;
        self.bus = child.stdout.take().map(first_line).transpose()?.unwrap_or_default();
        self.children.push(("dbus-daemon".to_owned(), child));
        if self.bus.is_empty() { Err(self.failed("dbus-daemon")) } else { Ok(()) }
    }

    fn start_window_manager(&mut self) -> io::Result<()> {
        let started = self.openbox_started();
        let mut command = self.command("openbox");
        command.env("HOME", self.dir().join("home"));
        command.args(["--sm-disable", "--startup"]).arg(format!("touch {}", started.display()));
        let child = self.spawn("openbox", command.stdin(Stdio::null()))?;
        self.children.push(("openbox".to_owned(), child));
        self.wait("openbox", |_| started.exists())
    }

    fn spawn(&self, name: &str, command: &mut Command) -> io::Result<Child> {
        let log = File::create(self.dir().join("logs").join(format!("{name}.log")))?;
        command.stdout(log.try_clone()?).stderr(log);
        command.spawn().map_err(|why| named(name, &why))
    }

    fn wait_for_name(&mut self, program: &str, name: &str) -> io::Result<()> {
        self.wait(program, |desktop| desktop.has_name(name))
    }

    fn wait(&mut self, program: &str, ready: impl Fn(&Self) -> bool) -> io::Result<()> {
        let start = Instant::now();
        while !ready(self) {
            let ended = self
                .children
                .iter_mut()
                .any(|(name, child)| name == program && child.try_wait().is_ok_and(|state| state.is_some()));
            if ended || start.elapsed() > PATIENCE {
                return Err(self.failed(program));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn failed(&self, program: &str) -> io::Error {
        let said = fs::read_to_string(self.dir().join("logs").join(format!("{program}.log"))).unwrap_or_default();
        let end: Vec<_> = said.lines().rev().take(10).collect();
        io::Error::other(format!("{program} did not come up: {}", end.into_iter().rev().collect::<Vec<_>>().join("\n")))
    }
}

impl Drop for VirtualDesktop {
    fn drop(&mut self) {
        while let Some((_, mut child)) = self.children.pop() {
            end(&mut child);
        }
    }
}

/// A command in a process group of its own, which the kernel kills when the thread that started it ends: nothing is left over, however
/// the caller ends.
#[must_use]
pub fn leashed(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program).process_group(0);
    command
}

/// Kills a child and everything in its process group, and waits until it is gone.
pub fn end(child: &mut Child) {
    if let Some(pid) = pid(child) {
        // Fails where the group is gone already, which is what we want.
        kill_process_group(pid, Signal::KILL).ok();
    }
    child.kill().ok();
    child.wait().ok();
}

/// Asks a child to end (SIGTERM), waits, and kills it after `patience`. Returns whether it ended by itself.
pub fn ask_to_end(child: &mut Child, patience: Duration) -> bool {
    if let Some(pid) = pid(child) {
        kill_process(pid, Signal::TERM).ok();
    }
    let start = Instant::now();
    while start.elapsed() < patience {
        if child.try_wait().is_ok_and(|state| state.is_some()) {
            end(child);
            return true;
        }
        sleep(Duration::from_millis(10));
    }
    end(child);
    false
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn named(program: &str, why: &io::Error) -> io::Error {
    io::Error::new(why.kind(), format!("{program} could not be started: {why}"))
}

fn first_line(from: impl Read) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(from).read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// A folder that only we may enter, removed with everything in it when dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one in the system's place for temporary things. Its path is short: sockets live in it, and their paths may have 107 bytes.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(name: &str) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("{name}-{}-{count}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left by a process of the same number, long ago.
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                Err(why) => return Err(why),
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desktop_comes_up_whole_and_leaves_nothing_behind() {
        let desktop = VirtualDesktop::start(&Options::default()).unwrap();
        assert!(desktop.has_name("org.freedesktop.secrets"), "{:?}", desktop.names());
        let title = desktop.command("xdotool").args(["getdisplaygeometry"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&title.stdout).trim(), "1280 1024");
        let dir = desktop.dir().to_path_buf();
        let pids: Vec<u32> = desktop.children.iter().map(|(_, child)| child.id()).collect();
        assert_eq!(pids.len(), 4);
        drop(desktop);
        assert!(!dir.exists());
        for pid in pids {
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} still runs");
        }
    }

    #[test]
    fn two_desktops_do_not_meet() {
        let bare = Options { window_manager: false, keychain: false, ..Options::default() };
        let (one, other) = (VirtualDesktop::start(&bare).unwrap(), VirtualDesktop::start(&bare).unwrap());
        assert_ne!(one.display(), other.display());
        assert_ne!(one.bus(), other.bus());
        assert!(!one.has_name("org.freedesktop.secrets"), "a keychain that nobody asked for");
    }
}
