//! `cargo xtask test`: everything CI runs, in the order that fails soonest. Nothing is skipped in silence: what a test needs and cannot
//! be had is a failure.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::sh::{self, Done, step};
use crate::{rules, run, setup, ui};

/// `cargo xtask test [--all] [FILTER]`
pub(crate) fn test(arguments: &[String]) -> Done {
    let mut all = false;
    let mut filter = None;
    for argument in arguments {
        match argument.as_str() {
            "--all" => all = true,
            flag if flag.starts_with('-') => return Err(format!("test does not know {flag}; it takes --all and a filter")),
            text if filter.is_none() => filter = Some(text.to_owned()),
            surplus => return Err(format!("test takes one filter; \"{surplus}\" is a second one")),
        }
    }
    setup::for_tests()?;
    if all {
        setup::for_long_tests()?;
    }
    if !CLIPPY.is_file() {
        return Err(format!("{} is missing: install clippy (rustup component add clippy)", CLIPPY.display()));
    }
    if let Some(filter) = filter {
        step("programs and tests", || sh::run(&mut programs()))?;
        return step(&format!("Rust tests with \"{filter}\""), || sh::run(nextest(all).arg(filter)));
    }

    let mut steps = Steps::default();
    steps.run("formatting", || sh::run(sh::cargo().args(["fmt", "--all", "--check"])));
    steps.run("dependency rules", rules::check);
    steps.run("ui: types", ui::check);
    steps.run("ui: unit tests", ui::test);
    steps.run("ui: every window and state under axe", ui::axe);
    let mut warnings = 0;
    let built = steps.run("programs and tests, under clippy", || {
        warnings = build(programs())?;
        Ok(())
    });
    steps.run("no warning", || if warnings == 0 { Ok(()) } else { Err(format!("{warnings} warnings; they are above")) });
    if !built {
        // What cannot be built cannot be run; the compiler has said why, and need not say it three times more.
        steps.not_run("doc tests, types made from Rust, Rust and desktop tests");
        return steps.end();
    }
    steps.run("doc tests", || sh::run(locked(&["test"]).args(["--workspace", "--doc", "--quiet"])));
    steps.run("types made from Rust", bindings);
    steps.run("the sample, from a start to its link, twice", sample);
    steps.run(if all { "Rust and desktop tests, the long ones too" } else { "Rust and desktop tests" }, || {
        sh::run(&mut nextest(all))
    });
    if all {
        steps.run("a million objects, and a hundred drops", || {
            // One after the other: they say how long things take.
            sh::run(nextest(all).args(["--run-ignored", "only", "--test-threads", "1", "-E", MINUTES]))
        });
        steps.run("Kubernetes manifests against their schemas", manifests);
        steps.run("the team server against its own description", || {
            sh::run(nextest(all).args(["--run-ignored", "only", "-E", "test(whatever_its_description_allows_finds_no_fault)"]))
        });
    }
    steps.end()
}

/// The tests that take minutes each.
const MINUTES: &str = "test(=buckets::a_bucket_of_a_million_objects_is_browsed_as_fast_as_a_small_one) \
                       + test(=listings::a_place_of_a_million_entries_is_listed_by_page_and_by_cursor) \
                       + test(=drop::a_hundred_drops_make_a_hundred_links_no_loop_no_double)";

/// Clippy as the compiler of what is ours: it judges and builds in one pass, so that nothing that others wrote is compiled a second
/// time only to be looked at.
static CLIPPY: LazyLock<PathBuf> = LazyLock::new(|| {
    let sysroot = sh::read(sh::command("rustc").args(["--print", "sysroot"])).unwrap_or_default();
    Path::new(sysroot.trim()).join("bin/clippy-driver").with_extension(std::env::consts::EXE_EXTENSION)
});

fn locked(command: &[&str]) -> Command {
    let mut cargo = sh::cargo();
    cargo.args(command).arg("--locked").env("RUSTC_WORKSPACE_WRAPPER", &*CLIPPY);
    cargo
}

/// What the whole-program tests start, and the tests. In one call, so that cargo unites features once and builds nothing twice.
pub(crate) fn programs() -> Command {
    let mut build = locked(&["build"]);
    build.args(["--workspace", "--bins", "--tests"]);
    build
}

/// Builds, says what the compiler says, and counts its warnings: those of an earlier build too, which cargo says again.
fn build(mut cargo: Command) -> Result<usize, String> {
    let mut child = cargo.arg("--message-format=json").stdout(Stdio::piped()).spawn().map_err(|why| format!("cargo: {why}"))?;
    let mut warnings = 0;
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let line = line.map_err(|why| format!("cargo: {why}"))?;
        let said: serde_json::Value = serde_json::from_str(&line).map_err(|why| format!("cargo said {line:?}: {why}"))?;
        if let Some(text) = said["message"]["rendered"].as_str() {
            eprint!("{text}");
        }
        warnings += usize::from(warns(&said));
    }
    let status = child.wait().map_err(|why| format!("cargo: {why}"))?;
    if status.success() { Ok(warnings) } else { Err(format!("cargo build: {status}")) }
}

/// Whether what cargo says is a warning about a place in the code; how many there were in all is said as a warning, too.
fn warns(said: &serde_json::Value) -> bool {
    let message = &said["message"];
    message["level"] == "warning" && message["spans"].as_array().is_some_and(|places| !places.is_empty())
}

/// The tests, as [`programs`] built them.
pub(crate) fn nextest(all: bool) -> Command {
    let mut nextest = locked(&["nextest", "run"]);
    nextest.args(["--workspace", "--no-fail-fast"]);
    if std::env::var_os("CI").is_some() {
        nextest.args(["--profile", "ci"]);
    }
    if all {
        // Fifteen kills of the headless engine become two hundred.
        nextest.env("IMAGEPIC_KILL_ROUNDS", "200");
    }
    nextest
}

/// What `run` shows on a machine without a display: in a home that is new, and once more in the same.
fn sample() -> Done {
    let home = tempfile::tempdir().map_err(|why| format!("no folder for a home: {why}"))?;
    run::proved(home.path())?;
    let start = Instant::now();
    run::proved(home.path())?;
    let again = start.elapsed();
    if again < AT_ONCE {
        Ok(())
    } else {
        Err(format!("the second start took {:.1} s, at most {AT_ONCE:?} are promised", again.as_secs_f64()))
    }
}

/// From a second start to its link, the desktop's own start included.
const AT_ONCE: Duration = Duration::from_secs(15);

/// Offline: the schemas come with the tool. A property nobody knows is a failure, too.
fn manifests() -> Done {
    let mut validate = sh::command(sh::tools().join("venv-kubernetes/bin/kubernetes-validate"));
    validate.args(["--strict", "--kubernetes-version", "1.33", "deploy/dev/imagepic.yaml", "deploy/production/imagepic.yaml"]);
    sh::run(&mut validate)
}

/// The committed types are those the Rust types make today. They are made elsewhere, so that the check changes nothing.
fn bindings() -> Done {
    let made = sh::target().join("bindings");
    std::fs::remove_dir_all(&made).ok();
    sh::run(nextest(false).args(["--status-level", "fail", "export_bindings"]).env("TS_RS_EXPORT_DIR", &made))?;
    let committed = sh::root().join("ui/src/bindings");
    let (made, committed) = (contents(&made)?, contents(&committed)?);
    let mut differ: Vec<_> =
        made.iter().filter(|file| !committed.contains(file)).map(|(name, _)| name.display().to_string()).collect();
    differ.extend(
        committed
            .iter()
            .filter(|(name, _)| !made.iter().any(|(other, _)| other == name))
            .map(|(name, _)| format!("{} (no longer made)", name.display())),
    );
    if made.is_empty() {
        return Err("no types were made".into());
    }
    if differ.is_empty() {
        println!("  {} files are as committed", made.len());
        Ok(())
    } else {
        Err(format!(
            "ui/src/bindings is not what the Rust types make: {}. Run `cargo nextest run --workspace export_bindings` and commit the result.",
            differ.join(", ")
        ))
    }
}

fn contents(dir: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(next) = dirs.pop() {
        for entry in std::fs::read_dir(&next).map_err(|why| format!("{}: {why}", next.display()))?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|kind| kind == "ts") {
                let text = std::fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
                files.push((path.strip_prefix(dir).unwrap_or(&path).to_path_buf(), text));
            }
        }
    }
    Ok(files)
}

/// What was done and how it went, for the end.
#[derive(Default)]
struct Steps {
    done: Vec<(String, Duration, Done)>,
}

impl Steps {
    /// Did it succeed? One failing step does not hide what the next ones would say.
    fn run(&mut self, what: &str, work: impl FnOnce() -> Done) -> bool {
        let start = Instant::now();
        let done = step(what, work);
        if let Err(why) = &done {
            eprintln!("{why}");
        }
        let succeeded = done.is_ok();
        self.done.push((what.to_owned(), start.elapsed(), done));
        succeeded
    }

    fn not_run(&mut self, what: &str) {
        self.done.push((format!("{what} (not run)"), Duration::ZERO, Err("not run".to_owned())));
    }

    fn end(self) -> Done {
        println!();
        for (what, took, done) in &self.done {
            println!("{} {:>7.1} s  {what}", if done.is_ok() { "✓" } else { "✗" }, took.as_secs_f64());
        }
        let failed: Vec<_> = self.done.iter().filter(|(.., done)| done.is_err()).map(|(what, ..)| what.as_str()).collect();
        if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clippy_is_heard_when_it_compiles_and_its_warnings_are_counted() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("src")).expect("a folder");
        std::fs::write(dir.path().join("Cargo.toml"), "[package]\nname = \"judged\"\nedition = \"2024\"\n[workspace]\n")
            .expect("written");
        let count = |source: &str| {
            std::fs::write(dir.path().join("src/lib.rs"), source).expect("written");
            let mut cargo = sh::cargo();
            cargo
                .args(["build", "--quiet", "--offline"])
                .current_dir(dir.path())
                .env("CARGO_TARGET_DIR", dir.path().join("target"));
            cargo.env("RUSTC_WORKSPACE_WRAPPER", &*CLIPPY);
            build(cargo).expect("it compiles")
        };
        assert_eq!(count("pub fn len(text: &str) -> usize { text.len() }\n"), 0);
        let odd = "pub fn len(text: &str) -> usize { return text.len(); }\n";
        assert_eq!(count(odd), 1, "clippy alone minds a needless return");
        assert_eq!(count(odd), 1, "and does so again when nothing is to be built");
    }
}
