//! One desktop for one test: a virtual display, a bus, a window manager, a keychain, a tray, notifications, a home, and the programs
//! under test on it. A failing test leaves its logs and a picture of the screen in `artifacts/<test>/`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use imagepic_virtual::{Options, VirtualDesktop, ask_to_end, end};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::display;
use crate::notifications::Notifications;
use crate::tray::Tray;
use crate::wait::{eventually, within};

/// What the desktop has; everything, if nothing else is said.
#[derive(Debug, Clone)]
pub struct Setup {
    /// An X display; without it the test brings another one (Wayland).
    pub screen: bool,
    /// A tray host.
    pub tray: bool,
    /// A notification daemon.
    pub notifications: bool,
    /// An unlocked keychain.
    pub keychain: bool,
    /// The home has never seen a tray app: the welcome opens.
    pub first_start: bool,
    /// How many of the screen's pixels make one of a window's: 1, or 2 as on a dense screen, which is as much larger.
    pub scale: u32,
}

impl Default for Setup {
    fn default() -> Self {
        Self { screen: true, tray: true, notifications: true, keychain: true, first_start: false, scale: 1 }
    }
}

/// The desktop. Everything on it ends with it.
#[derive(Debug)]
pub struct Desktop {
    /// `None` where the test wants a desktop without a tray.
    tray: Option<Tray>,
    notifications: Option<Notifications>,
    /// Further variables for the programs under test (language, Wayland).
    environment: Vec<(String, String)>,
    logs: Mutex<Vec<PathBuf>>,
    home: PathBuf,
    /// The display, the bus and the rest. Last, so that it ends last.
    pub machine: VirtualDesktop,
}

impl Desktop {
    /// A desktop with everything.
    pub async fn start() -> Self {
        Self::with(&Setup::default()).await
    }

    /// A desktop with some of it.
    ///
    /// # Panics
    /// When a program is missing or does not come up.
    pub async fn with(setup: &Setup) -> Self {
        let screen = setup.screen.then_some((1280 * setup.scale, 1024 * setup.scale));
        let options = Options { screen, window_manager: setup.screen, keychain: setup.keychain };
        let machine = VirtualDesktop::start(&options).unwrap_or_else(|why| panic!("{why}"));
        let tray = if setup.tray { Some(Tray::start(machine.bus()).await) } else { None };
        let notifications = if setup.notifications { Some(Notifications::start(machine.bus()).await) } else { None };
        let home = machine.dir().join("imagepic");
        if !setup.first_start {
            greeted(&home);
        }
        // English, whatever the machine that runs the tests speaks.
        let mut environment = vec![
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("LC_ALL".to_owned(), String::new()),
            ("LANGUAGE".to_owned(), String::new()),
        ];
        if setup.scale > 1 {
            environment.push(("GDK_SCALE".to_owned(), setup.scale.to_string()));
        }
        Self { tray, notifications, environment, logs: Mutex::default(), home, machine }
    }

    /// `IMAGEPIC_HOME` of every program started here.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Another home, which the test made.
    pub fn set_home(&mut self, home: PathBuf) {
        self.home = home;
    }

    /// A variable for every program started from now on.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The tray host.
    ///
    /// # Panics
    /// On a desktop without one.
    #[must_use]
    pub fn tray(&self) -> &Tray {
        self.tray.as_ref().expect("this desktop has a tray")
    }

    /// Brings a tray to a desktop that had none.
    pub async fn bring_tray(&mut self) {
        self.tray = Some(Tray::start(self.machine.bus()).await);
    }

    /// The notification daemon.
    ///
    /// # Panics
    /// On a desktop without one.
    #[must_use]
    pub fn notifications(&self) -> &Notifications {
        self.notifications.as_ref().expect("this desktop has a notification daemon")
    }

    /// A file for the test, below the desktop's folder.
    ///
    /// # Panics
    /// When the disk is full.
    #[must_use]
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.machine.dir().join("files").join(name);
        fs::create_dir_all(path.parent().expect("it is below the folder")).expect("the disk has room");
        fs::write(&path, bytes).expect("the disk has room");
        path
    }

    /// One of the programs under test on this desktop, with this home.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        let mut command = self.machine.command(built(name));
        command.env("HOME", self.machine.dir().join("home")).env("IMAGEPIC_HOME", &self.home);
        for name in [
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_CACHE_HOME",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "http_proxy",
            "https_proxy",
            "all_proxy",
        ] {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the tray app with these arguments, and does not wait.
    ///
    /// # Panics
    /// When it is not built.
    pub fn start_app<A: AsRef<OsStr>>(&self, arguments: &[A]) -> App {
        let mut command = self.program("imagepic-desktop");
        command.args(arguments);
        self.start_command(command)
    }

    /// Starts a command that ends in the tray app, and does not wait.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_command(&self, mut command: Command) -> App {
        let mut logs = self.logs.lock().expect("nobody panics with it");
        let log = self.machine.dir().join("logs").join(format!("imagepic-desktop-{}.log", logs.len()));
        let file = File::create(&log).expect("the disk has room");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a second handle")).stderr(file);
        let child = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
        logs.push(log.clone());
        App { child, log, display: self.machine.display().map(str::to_owned) }
    }

    /// Starts the tray app with these arguments and waits until it stands in the tray (or, without a tray, on the bus).
    pub async fn launch<A: AsRef<OsStr>>(&self, arguments: &[A]) -> App {
        let before = self.tray.as_ref().map_or(0, Tray::registrations);
        let mut app = self.start_app(arguments);
        eventually("imagepic-desktop to be up", async || {
            if let Some(status) = app.ended() {
                panic!("imagepic-desktop ended at its start ({status}):\n{}", app.said());
            }
            match &self.tray {
                Some(tray) => (tray.registrations() > before).then_some(()),
                None => self.has_app().then_some(()),
            }
        })
        .await;
        app
    }

    /// Does a tray app live in the home? It holds a lock and listens for further starts.
    #[must_use]
    pub fn has_app(&self) -> bool {
        let run = self.home.join("run");
        let locked = || {
            File::open(run.join("desktop.lock"))
                .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
        };
        run.join("desktop.sock").exists() && locked()
    }

    /// Waits until no tray app lives in the home any more: one that is quitting gives its socket up first, and ends with its lock.
    pub async fn app_ends(&self) {
        let lock = self.home.join("run/desktop.lock");
        let free = || File::open(&lock).map_or(true, |lock| lock.try_lock_shared().is_ok());
        eventually("imagepic to end", async || (!self.has_app() && free()).then_some(())).await;
    }

    /// Names of the programs that run for this home.
    #[must_use]
    pub fn running(&self) -> Vec<String> {
        self.programs().into_iter().map(|(_, name)| name).collect()
    }

    /// Asks every tray app of the home to end (SIGTERM), as the end of a session does, whoever started it.
    pub fn ask_app_to_end(&self) {
        for (pid, name) in self.programs() {
            // The kernel keeps fifteen letters of a name.
            if name == "imagepic-deskto" {
                kill_process(pid, Signal::TERM).ok();
            }
        }
    }

    /// Runs the console program and returns what it printed.
    ///
    /// # Panics
    /// When it is not built.
    pub fn imagepic<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Said {
        self.imagepic_with(arguments, |_| {})
    }

    /// Like [`Desktop::imagepic`], with a change to the command before it starts.
    ///
    /// # Panics
    /// When it is not built.
    pub fn imagepic_with<A: AsRef<OsStr>>(&self, arguments: &[A], change: impl FnOnce(&mut Command)) -> Said {
        let mut command = self.program("imagepic");
        command.args(arguments).stdin(Stdio::null());
        change(&mut command);
        let output = command.output().unwrap_or_else(|why| panic!("{command:?}: {why}"));
        let said = Said {
            status: output.status,
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        assert!(!said.err.contains("panicked at"), "imagepic panicked:\n{}", said.err);
        said
    }

    /// All keys that are in a bucket of this computer, its folders and theirs included.
    ///
    /// # Panics
    /// When the console program fails.
    #[must_use]
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let mut keys = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let place = if folder.is_empty() { bucket.to_owned() } else { format!("{bucket}/{folder}") };
            for entry in self.imagepic(&["ls", "--json", &place]).success().json() {
                let text = |name: &str| entry[name].as_str().map(str::to_owned);
                match (text("key"), text("folder")) {
                    (Some(key), _) => keys.push(key),
                    (None, Some(folder)) => folders.push(folder),
                    (None, None) => panic!("neither key nor folder in {entry}"),
                }
            }
        }
        keys
    }

    /// Programs of this desktop with their names, those that detached themselves (the host of the bucket, windows of a killed app)
    /// too: they carry this desktop's folder in their environment; no other program does.
    fn programs(&self) -> Vec<(Pid, String)> {
        let mark = self.machine.dir().as_os_str().as_encoded_bytes();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
                continue;
            };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let ours = environment
                .split(|byte| *byte == 0)
                .any(|variable| variable.strip_prefix(b"IMAGEPIC_HOME=").is_some_and(|home| home.starts_with(mark)));
            if ours {
                let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                found.push((pid, name.trim_end().to_owned()));
            }
        }
        found
    }

    fn end_strays(&self) {
        for (pid, _) in self.programs() {
            kill_process(pid, Signal::KILL).ok();
        }
    }

    fn keep_artifacts(&self) {
        let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
        let place = root().join("artifacts").join(&test);
        fs::remove_dir_all(&place).ok();
        if fs::create_dir_all(&place).is_err() {
            return;
        }
        for logs in [self.machine.dir().join("logs"), self.home.join("logs")] {
            for entry in fs::read_dir(logs).into_iter().flatten().flatten() {
                fs::copy(entry.path(), place.join(entry.file_name())).ok();
            }
        }
        for log in self.logs.lock().map(|logs| logs.clone()).unwrap_or_default() {
            eprintln!("── {}\n{}", log.display(), fs::read_to_string(&log).unwrap_or_default());
        }
        eprintln!("── logs and a picture of the screen: artifacts/{test}/");
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep_artifacts();
        }
        self.end_strays();
    }
}

/// What the console program printed.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub status: ExitStatus,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// It must have succeeded.
    ///
    /// # Panics
    /// When it has not.
    pub fn success(&self) -> &Self {
        assert!(self.status.success(), "imagepic failed ({}):\n{}\n{}", self.status, self.out, self.err);
        self
    }

    /// Standard output as the array that `--json` promises.
    ///
    /// # Panics
    /// When it is no such array.
    #[must_use]
    pub fn json(&self) -> Vec<Value> {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("no JSON array ({why}):\n{}\n{}", self.out, self.err))
    }
}

/// A started tray app; killed when dropped.
#[derive(Debug)]
pub struct App {
    child: Child,
    log: PathBuf,
    display: Option<String>,
}

impl App {
    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its end.
    pub async fn wait_for_end(&mut self) -> ExitStatus {
        eventually("imagepic-desktop to end", async || self.child.try_wait().ok().flatten()).await
    }

    /// Everything it wrote to standard output and error.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// `kill -9`, to it alone: its windows' processes stay as they would.
    pub fn kill(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::KILL).ok();
        }
        self.child.wait().ok();
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Panics
    /// When it does not within ten seconds.
    pub fn quit(mut self) {
        assert!(
            ask_to_end(&mut self.child, Duration::from_secs(10)),
            "imagepic-desktop does not end when it is asked to:\n{}",
            self.said()
        );
    }

    /// The processes below it at present, for instance those of its windows.
    #[must_use]
    pub fn descendants(&self) -> Vec<(u32, String)> {
        descendants(self.pid())
    }
}

/// The processes below another one at present, with their names.
#[must_use]
pub fn descendants(of: u32) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    let mut parents = vec![of];
    while let Some(parent) = parents.pop() {
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // pid (comm) state ppid …; comm may hold anything, so look behind its last bracket.
            let Some((head, rest)) = stat.rsplit_once(") ") else { continue };
            let (state, ppid) = (rest.split(' ').next(), rest.split(' ').nth(1).and_then(|ppid| ppid.parse::<u32>().ok()));
            if ppid == Some(parent) && state != Some("Z") {
                found.push((pid, head.split_once('(').map(|(_, comm)| comm.to_owned()).unwrap_or_default()));
                parents.push(pid);
            }
        }
    }
    found
}

impl Drop for App {
    fn drop(&mut self) {
        if let Some(display) = self.display.as_ref().filter(|_| std::thread::panicking()) {
            // Before its windows are gone; the desktop keeps what lies beside the logs.
            display::keep_screen(display, &self.log.with_extension("png"));
        }
        end(&mut self.child);
        if !std::thread::panicking() {
            let said = self.said();
            assert!(!said.contains("panicked at"), "imagepic-desktop panicked:\n{said}");
        }
    }
}

/// The tree the tests were built from.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."))
}

/// A program under test, as cargo built it beside the test itself, or in `IMAGEPIC_PROGRAMS`.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let beside = || std::env::current_exe().ok()?.parent()?.parent().map(Path::to_path_buf);
    let dir =
        std::env::var_os("IMAGEPIC_PROGRAMS").map(PathBuf::from).or_else(beside).unwrap_or_else(|| root().join("target/debug"));
    let program = dir.join(name);
    assert!(program.is_file(), "{} is not built: cargo build --workspace --bins", program.display());
    program
}

/// A tool that `cargo xtask setup` installed for this project.
///
/// # Panics
/// When it is neither there nor in the search path.
#[must_use]
pub fn tool(name: &str) -> PathBuf {
    let beside = || std::env::current_exe().ok()?.parent()?.parent()?.parent().map(|target| target.join("tools"));
    let own = [beside(), Some(root().join("target/tools"))];
    let own = own
        .into_iter()
        .flatten()
        .flat_map(|tools| ["bin", "venv/bin", "venv-swift/bin", "venv-schemathesis/bin"].map(|dir| tools.join(dir).join(name)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = own.chain(std::env::split_paths(&path).map(|dir| dir.join(name))).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: cargo xtask setup"))
}

/// Marks a home as one whose welcome is over, so that a start opens only what it is asked for.
///
/// # Panics
/// When the disk is full.
pub fn greeted(home: &Path) {
    fs::create_dir_all(home).expect("the disk has room");
    fs::write(home.join("welcome.json"), r#"{"version":1,"done":true,"step":1,"draft":null}"#).expect("the disk has room");
}

/// Waits for a window of this app and returns it.
pub async fn window(desktop: &Desktop, title: &str) -> display::Shown {
    within(Duration::from_secs(30), &format!("the window \"{title}\""), async || {
        display::windows(&desktop.machine).into_iter().find(|window| window.title == title)
    })
    .await
}
