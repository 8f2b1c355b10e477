//! What this machine lacks, and how it gets it.
//!
//! Everything is looked for by what is used of it (a program, a pkg-config module, a file), not by a package's name, so that any
//! Linux will do; the names are Debian's and serve for installing. With nothing missing it takes a fraction of a second.

use std::path::PathBuf;

use crate::sh::{self, Done, step};
use crate::ui;

/// What a package is recognised by.
enum Probe {
    Program(&'static str),
    PkgConfig(&'static str),
    File(&'static str),
    Python(&'static str),
}

/// What the packages are wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Building the programs.
    Build,
    /// A desktop that nobody looks at.
    VirtualDesktop,
    /// The tests: desktops, foreign clients, foreign servers.
    Tests,
    /// The Debian package.
    Dist,
    /// What figures are compared with, and what takes them.
    Bench,
}

use For::{Bench, Build, Dist, Tests, VirtualDesktop};
use Probe::{File, PkgConfig, Program, Python};

/// Debian package, what of it is used, what for.
const PACKAGES: &[(&str, Probe, For)] = &[
    ("build-essential", Program("cc"), Build),
    ("pkg-config", Program("pkg-config"), Build),
    ("libwebkit2gtk-4.1-dev", PkgConfig("webkit2gtk-4.1"), Build),
    ("librsvg2-dev", PkgConfig("librsvg-2.0"), Build),
    ("libxdo-dev", File("/usr/include/xdo.h"), Build),
    ("xvfb", Program("Xvfb"), VirtualDesktop),
    ("dbus", Program("dbus-daemon"), VirtualDesktop),
    ("openbox", Program("openbox"), VirtualDesktop),
    ("gnome-keyring", Program("gnome-keyring-daemon"), VirtualDesktop),
    ("util-linux", Program("setpriv"), VirtualDesktop),
    ("curl", Program("curl"), VirtualDesktop),
    ("webkit2gtk-driver", Program("WebKitWebDriver"), Tests),
    ("libsecret-tools", Program("secret-tool"), Tests),
    ("at-spi2-core", File("/usr/libexec/at-spi-bus-launcher"), Tests),
    ("fonts-noto-cjk", File("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"), Tests),
    ("imagemagick", Program("import"), Tests),
    ("xdotool", Program("xdotool"), Tests),
    ("xclip", Program("xclip"), Tests),
    ("wl-clipboard", Program("wl-copy"), Tests),
    ("sway", Program("sway"), Tests),
    ("python3-venv", Python("ensurepip"), Tests),
    // Looks at every window for what hinders people.
    ("chromium", File("/usr/bin/chromium"), Tests),
    ("openssl", Program("openssl"), Tests),
    ("rclone", Program("rclone"), Tests),
    ("s3cmd", Program("s3cmd"), Tests),
    ("ceph-mon", Program("ceph-mon"), Tests),
    ("ceph-osd", Program("ceph-osd"), Tests),
    ("radosgw", Program("radosgw"), Tests),
    ("ceph-common", Program("radosgw-admin"), Tests),
    ("uuid-runtime", Program("uuidgen"), Tests),
    // Debian keeps the server itself out of the search path; this comes with it.
    ("postgresql", Program("pg_ctlcluster"), Tests),
    // Sees from outside in which order the embedded bucket asks the disk.
    ("strace", Program("strace"), Tests),
    ("xz-utils", Program("xz"), Tests),
    // Looks at our AVIF with other eyes.
    ("libavif-bin", Program("avifdec"), Tests),
    ("dpkg-dev", Program("dpkg-shlibdeps"), Dist),
    ("time", Program("time"), Bench),
    ("libvips-tools", Program("vipsthumbnail"), Bench),
];

/// `cargo xtask setup`
pub(crate) fn setup(arguments: &[String]) -> Done {
    if let Some(surplus) = arguments.first() {
        return Err(format!("setup takes no arguments, not \"{surplus}\""));
    }
    for_tests()?;
    println!("Everything is there.");
    Ok(())
}

/// Everything `run` and `test` need.
pub(crate) fn for_tests() -> Done {
    node()?;
    packages(&[Build, VirtualDesktop, Tests])?;
    ui::modules()?;
    ui::build()?;
    cargo_tool("cargo-nextest", "cargo-nextest", None)?;
    cargo_tool("tauri-driver", "tauri-driver", Some("^2"))?;
    python_tool("venv", "awscli", "aws")?;
    python_tool("venv-swift", "swift", "swift-proxy-server")
}

/// What only the long tests need.
pub(crate) fn for_long_tests() -> Done {
    python_tool("venv-schemathesis", "schemathesis", "schemathesis")?;
    python_tool("venv-kubernetes", "kubernetes-validate", "kubernetes-validate")
}

/// Everything `bench` needs.
pub(crate) fn for_bench() -> Done {
    node()?;
    packages(&[Build, VirtualDesktop, Tests, Bench])?;
    ui::modules()?;
    npm_tool("picgo", &["picgo@^3", "picgo-plugin-s3"], "picgo")
}

/// Node 20 or newer; Debian's own is older, so that we can only say it.
pub(crate) fn node() -> Done {
    let version = sh::which("node").and_then(|node| sh::read(sh::command(node).arg("--version")).ok()).unwrap_or_default();
    let major: u32 = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if major >= 20 && sh::which("npm").is_some() {
        return Ok(());
    }
    let found = if version.is_empty() { "is not installed".to_owned() } else { format!("is {}", version.trim()) };
    Err(format!(
        "Node.js 20 or newer with npm is needed to build the windows, and here it {found}. Install it (nodejs.org/download), then start again."
    ))
}

/// Installs the Debian packages that are missing, or says how.
pub(crate) fn packages(wanted: &[For]) -> Done {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let missing = missing(wanted);
    if missing.is_empty() {
        return Ok(());
    }
    step(&format!("packages: {}", missing.join(" ")), || {
        let apt = sh::which("apt-get");
        let root = sh::read(sh::command("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
        let sudo = !root && sh::which("sudo").is_some() && sh::succeeds(sh::command("sudo").args(["-n", "true"]));
        let Some(apt) = apt.filter(|_| root || sudo) else {
            return Err(format!(
                "Packages are missing, and they cannot be installed from here without a password. Run\n\n    sudo apt-get update && sudo apt-get install --no-install-recommends {}\n\n(the names are Debian's; elsewhere take what corresponds), then start again.",
                missing.join(" ")
            ));
        };
        let apt = || {
            let mut command = if sudo { sh::command("sudo") } else { sh::command(&apt) };
            if sudo {
                command.args(["-n", "DEBIAN_FRONTEND=noninteractive"]).arg(&apt);
            }
            command.env("DEBIAN_FRONTEND", "noninteractive");
            // Another installation may be under way.
            command.args(["-q", "-y", "-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Use-Pty=0"]);
            command
        };
        sh::run(apt().arg("update"))?;
        sh::run(apt().args(["install", "--no-install-recommends"]).args(&missing))
    })?;
    let still = self::missing(wanted);
    if still.is_empty() {
        Ok(())
    } else {
        Err(format!("These packages are installed, but what is used of them is not there: {}", still.join(" ")))
    }
}

fn missing(wanted: &[For]) -> Vec<&'static str> {
    let absent = PACKAGES.iter().filter(|(_, probe, what_for)| {
        wanted.contains(what_for)
            && match probe {
                Program(program) => sh::which(program).is_none(),
                PkgConfig(module) => !sh::succeeds(sh::command("pkg-config").args(["--exists", module])),
                File(file) => !PathBuf::from(file).exists(),
                Python(module) => !sh::succeeds(sh::command("python3").args(["-c", &format!("import {module}")])),
            }
    });
    absent.map(|(package, ..)| *package).collect()
}

/// A cargo program: the one in the search path, or our own.
fn cargo_tool(krate: &str, program: &str, version: Option<&str>) -> Done {
    if sh::which(program).is_some() {
        return Ok(());
    }
    step(&format!("{program} (built once)"), || {
        let mut install = sh::cargo();
        // The programs that are tested must be fast, the ones that test need only be there soon.
        install.args(["install", krate, "--locked", "--debug", "--root"]).arg(sh::tools());
        install.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_TARGET_DIR", sh::target().join("tools-build"));
        if let Some(version) = version {
            install.args(["--version", version]);
        }
        sh::run(&mut install)?;
        std::fs::remove_dir_all(sh::target().join("tools-build")).ok();
        Ok(())
    })
}

/// A program from npm, in a folder of its own below `target/tools`.
pub(crate) fn npm_tool(folder: &str, packages: &[&str], program: &str) -> Done {
    let place = sh::tools().join(folder);
    if place.join("node_modules/.bin").join(program).is_file() {
        return Ok(());
    }
    step(&format!("{} (target/tools/{folder})", packages.join(", ")), || {
        std::fs::create_dir_all(&place).map_err(|why| format!("{}: {why}", place.display()))?;
        sh::run(sh::command("npm").args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&place).args(packages))
    })
}

/// A Python program in a virtual environment of its own.
fn python_tool(environment: &str, package: &str, program: &str) -> Done {
    let place = sh::tools().join(environment);
    if place.join("bin").join(program).is_file() {
        return Ok(());
    }
    step(&format!("{package} (target/tools/{environment})"), || {
        // What an interrupted installation left is no base to build on.
        std::fs::remove_dir_all(&place).ok();
        let python = sh::which("python3").ok_or("python3 is not installed")?;
        sh::run(sh::command(python).args(["-m", "venv"]).arg(&place))?;
        sh::run(sh::command(place.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", package]))
    })
}
