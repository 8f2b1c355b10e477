//! Starting other programs, saying which, and where things lie in the tree.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Ok, or a sentence that says what failed and what to do.
pub(crate) type Done = Result<(), String>;

/// The root of the tree.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A tree that was moved after this program was built is found by the folder it was called in.
    here.parent()
        .and_then(Path::parent)
        .filter(|root| root.join("Cargo.lock").is_file())
        .map_or_else(|| std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")), Path::to_path_buf)
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Programs that only this project needs: they are installed here and nowhere else.
pub(crate) fn tools() -> PathBuf {
    target().join("tools")
}

/// A program, started at the root of the tree, with our own tools in its search path.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command.env("PATH", search_path());
    // Cargo tells a program it runs about its package. Build scripts (ring's for one) watch these variables, so that handing them on
    // would rebuild half of the tree whenever somebody changes between `cargo xtask test` and plain cargo.
    for (name, _) in std::env::vars_os() {
        let told = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|start| name.starts_with(start))
                || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO", "LD_LIBRARY_PATH"].contains(&name)
        });
        if told {
            command.env_remove(name);
        }
    }
    command
}

/// Cargo, the very one that started us.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// npm in `ui/`.
pub(crate) fn npm() -> Command {
    let mut npm = command("npm");
    npm.current_dir(root().join("ui"));
    npm
}

fn search_path() -> std::ffi::OsString {
    let mut places = vec![tools().join("bin")];
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    // Debian puts servers where a plain user's shell does not look.
    places.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    std::env::join_paths(places).unwrap_or_default()
}

/// The first place in the search path with a program of this name.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&search_path()).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// The command as a person would type it.
pub(crate) fn typed(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| {
            let word = word.to_string_lossy();
            let shown =
                Path::new(word.as_ref()).strip_prefix(root()).map_or_else(|_| word.clone(), |short| short.to_string_lossy());
            if shown.contains(' ') { format!("'{shown}'") } else { shown.into_owned() }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs it in front of the person, and says so.
pub(crate) fn run(command: &mut Command) -> Done {
    let typed = typed(command);
    println!("  $ {typed}");
    let status = command.status().map_err(|why| format!("\"{typed}\" could not be started: {why}"))?;
    if status.success() { Ok(()) } else { Err(format!("\"{typed}\" failed ({status})")) }
}

/// Runs it silently and returns what it printed; its errors become ours.
pub(crate) fn read(command: &mut Command) -> Result<String, String> {
    let typed = typed(command);
    let output = command.stdin(Stdio::null()).output().map_err(|why| format!("\"{typed}\" could not be started: {why}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("\"{typed}\" failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

/// Runs it silently: did it succeed?
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Says what begins, and how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    println!("── {what}");
    let start = Instant::now();
    let done = work();
    println!("   {} {what} ({:.1} s)", if done.is_ok() { "✓" } else { "✗" }, start.elapsed().as_secs_f64());
    done
}
