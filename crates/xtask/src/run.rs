//! `cargo xtask run`: from a fresh machine to the tray app in one command.
//!
//! On a machine with a display the app simply starts there. On one without (a server, a container) it gets a virtual desktop, and since
//! nobody can look at it, it shows that it works: a sample is uploaded, and its link is opened and compared byte for byte.

use std::fs::{File, TryLockError};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use imagepic_virtual::{Options, VirtualDesktop, ask_to_end};
use serde_json::Value;

use crate::setup::{self, For};
use crate::sh::{self, Done, step};
use crate::ui;

/// How long the app may take from its start until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// `cargo xtask run [FILES] [--once]`
pub(crate) fn run(arguments: &[String]) -> Done {
    let mut once = false;
    let mut files = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            "--once" => once = true,
            flag if flag.starts_with("--") => return Err(format!("run does not know {flag}; it takes --once and files")),
            file => files.push(std::path::absolute(file).map_err(|why| format!("{file}: {why}"))?),
        }
    }
    if let Some(absent) = files.iter().find(|file| !file.exists()) {
        return Err(format!("{} does not exist", absent.display()));
    }
    let display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let display = display || !cfg!(target_os = "linux");
    build(display)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(|why| format!("signals cannot be watched: {why}"))?;
    }
    if display { on_display(&files, once, &stop) } else { on_virtual_desktop(&files, once, &stop) }
}

/// What is missing, the windows, the programs.
fn build(display: bool) -> Done {
    setup::node()?;
    setup::packages(if display { &[For::Build] } else { &[For::Build, For::VirtualDesktop] })?;
    ui::modules()?;
    ui::build()?;
    step("programs", || sh::run(sh::cargo().args(["build", "--locked", "--workspace", "--bins"])))
}

fn program(name: &str) -> PathBuf {
    sh::target().join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

fn on_display(files: &[PathBuf], once: bool, stop: &AtomicBool) -> Done {
    let home = home()?;
    if let Some(done) = once.then(|| proved_by_another(&home, files)).flatten() {
        return done;
    }
    println!("── imagepic runs in the tray of this desktop; Ctrl-C ends it");
    let mut app = sh::command(program("imagepic-desktop"));
    // What is to be proved is uploaded by the console program, and once only.
    app.args(if once { &[] } else { files });
    let mut app = app.spawn().map_err(|why| format!("imagepic-desktop could not be started: {why}"))?;
    let done = if once {
        up(&mut app, &home).and_then(|()| prove(files, Some(&mut app), || sh::command(program("imagepic"))))
    } else {
        stay(&mut app, stop)
    };
    ask_to_end(&mut app, Duration::from_secs(5));
    done
}

/// `run --once` as on a machine without a display, in a home of its own and with programs that are built: for the tests.
pub(crate) fn proved(home: &Path) -> Done {
    virtually(home, &[], true, &AtomicBool::new(false))
}

fn on_virtual_desktop(files: &[PathBuf], once: bool, stop: &AtomicBool) -> Done {
    virtually(&home()?, files, once, stop)
}

fn virtually(home: &Path, files: &[PathBuf], once: bool, stop: &AtomicBool) -> Done {
    if let Some(done) = proved_by_another(home, files) {
        return done;
    }
    println!("── There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set): imagepic gets a virtual one");
    let desktop = VirtualDesktop::start(&Options::default()).map_err(|why| why.to_string())?;
    println!("   To join it from another terminal:");
    for (name, value) in desktop
        .environment()
        .into_iter()
        .filter(|(name, _)| ["DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"].contains(name))
    {
        println!("     export {name}={value}");
    }
    let mut app = desktop
        .command(program("imagepic-desktop"))
        .env("IMAGEPIC_HOME", home)
        .spawn()
        .map_err(|why| format!("imagepic-desktop could not be started: {why}"))?;
    let imagepic = || {
        let mut imagepic = desktop.command(program("imagepic"));
        imagepic.env("IMAGEPIC_HOME", home);
        imagepic
    };
    let done = up(&mut app, home).and_then(|()| prove(files, Some(&mut app), imagepic)).and_then(|()| {
        if once {
            return Ok(());
        }
        println!("── imagepic keeps running; Ctrl-C ends it");
        stay(&mut app, stop)
    });
    ask_to_end(&mut app, Duration::from_secs(5));
    done
}

/// Where the app lives on this machine.
fn home() -> Result<PathBuf, String> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = || named("XDG_DATA_HOME").or_else(|| Some(named("HOME")?.join(".local/share"))).map(|data| data.join("imagepic"));
    named("IMAGEPIC_HOME").or_else(data).ok_or_else(|| "neither IMAGEPIC_HOME nor HOME is set".to_owned())
}

/// Whether the app lives in this home: it holds a lock there, listens for further starts and serves its bucket.
fn lives(home: &Path) -> bool {
    let run = home.join("run");
    let lock = File::open(run.join("desktop.lock"));
    let locked = lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)));
    // Before the app serves its bucket, the console program would start a host of its own beside it.
    let host = std::fs::read_to_string(home.join("bucket/host")).unwrap_or_default();
    let port = host.trim().rsplit(' ').next().and_then(|port| port.parse::<u16>().ok());
    locked && run.join("desktop.sock").exists() && port.is_some_and(|port| TcpStream::connect(("127.0.0.1", port)).is_ok())
}

/// Waits until the app that was started lives in its home.
fn up(app: &mut Child, home: &Path) -> Done {
    let start = Instant::now();
    while !lives(home) {
        if let Ok(Some(status)) = app.try_wait() {
            return Err(format!("imagepic-desktop ended at its start ({status})"));
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("imagepic-desktop does not live in {} after {} s", home.display(), PATIENCE.as_secs()));
        }
        sleep(Duration::from_millis(20));
    }
    println!("   imagepic-desktop is up ({:.0} ms)", start.elapsed().as_secs_f64() * 1000.0);
    Ok(())
}

/// Uploads through an app that runs in this home already, where it does.
fn proved_by_another(home: &Path, files: &[PathBuf]) -> Option<Done> {
    lives(home).then(|| {
        println!("── imagepic runs in {} already", home.display());
        prove(files, None, || {
            let mut imagepic = sh::command(program("imagepic"));
            imagepic.env("IMAGEPIC_HOME", home);
            imagepic
        })
    })
}

/// Uploads the files, or the sample, through the running app's home, and opens every link.
fn prove(files: &[PathBuf], app: Option<&mut Child>, imagepic: impl Fn() -> Command) -> Done {
    let sample = [sh::root().join("assets/sample.png")];
    let files = if files.is_empty() { &sample[..] } else { files };
    step("upload, and back by the link", || {
        let mut upload = imagepic();
        upload.args(["upload", "--json"]).args(files).stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = upload.output().map_err(|why| format!("imagepic could not be started: {why}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let results: Value =
            serde_json::from_str(&said).map_err(|why| format!("imagepic upload --json printed no JSON ({why}): {said}"))?;
        let results = results.as_array().ok_or("imagepic upload --json printed no array")?;
        if results.is_empty() {
            return Err("nothing was uploaded".into());
        }
        for result in results {
            back(result)?;
        }
        if let Some(Ok(Some(status))) = app.map(Child::try_wait) {
            return Err(format!("imagepic-desktop has ended meanwhile ({status})"));
        }
        if output.status.success() { Ok(()) } else { Err(format!("imagepic upload failed ({})", output.status)) }
    })
}

/// Opens the link of one result and compares what comes with the file, or with the hash of what was sent where metadata was cut out.
fn back(result: &Value) -> Done {
    let file = result["file"].as_str().unwrap_or("?");
    let Some(url) = result["url"].as_str() else {
        return Err(format!("{file}: {}", result["error"]["message"].as_str().unwrap_or("no link")));
    };
    println!("   {file}\n   {url}");
    let mut curl = sh::command("curl");
    let output = curl
        .args(["--silent", "--show-error", "--fail", "--noproxy", "127.0.0.1", url])
        .output()
        .map_err(|why| format!("curl: {why}"))?;
    if !output.status.success() {
        return Err(format!("The link does not open: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let local = std::fs::read(Path::new(file)).map_err(|why| format!("{file}: {why}"))?;
    if output.stdout == local {
        println!("   ✓ the link gives back the file, byte for byte ({} bytes)", local.len());
        return Ok(());
    }
    let (size, hash) = (result["size"].as_u64(), result["sha256"].as_str().unwrap_or_default());
    if size != u64::try_from(output.stdout.len()).ok() || sha256(&output.stdout)? != hash {
        return Err(format!(
            "{file}: what comes back is not what was sent ({} bytes, {} were sent)",
            output.stdout.len(),
            local.len()
        ));
    }
    println!("   ✓ the link gives back what was sent ({} bytes; metadata was cut out of the file)", output.stdout.len());
    Ok(())
}

fn sha256(bytes: &[u8]) -> Result<String, String> {
    use std::io::Write;
    let mut child = sh::command("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|why| format!("sha256sum: {why}"))?;
    child.stdin.take().ok_or("sha256sum takes nothing")?.write_all(bytes).map_err(|why| format!("sha256sum: {why}"))?;
    let output = child.wait_with_output().map_err(|why| format!("sha256sum: {why}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap_or_default().to_owned())
}

/// Until somebody stops us, or the app ends.
fn stay(app: &mut Child, stop: &AtomicBool) -> Done {
    loop {
        if let Some(status) = app.try_wait().map_err(|why| why.to_string())? {
            return if status.success() { Ok(()) } else { Err(format!("imagepic-desktop ended ({status})")) };
        }
        if stop.load(Ordering::Relaxed) {
            println!("\n── stopping");
            return Ok(());
        }
        sleep(Duration::from_millis(50));
    }
}
