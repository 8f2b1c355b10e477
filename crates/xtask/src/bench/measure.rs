//! Timing a program from outside: wall time by our clock, CPU time and peak memory as the kernel counted them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::sh;

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// Seconds by the clock.
    pub(super) wall: f64,
    /// Seconds of processor time, user and system.
    pub(super) cpu: f64,
    /// Largest resident memory, in MiB.
    pub(super) peak: f64,
}

/// Runs a program under GNU time, whose own cost (about 1 ms) every side pays alike. A failing run is an error: a fast failure is
/// not a fast upload.
pub(super) fn cost(command: &Command, scratch: &std::path::Path) -> Result<Cost, String> {
    let figures: PathBuf = scratch.join("time");
    let mut timed = sh::command("time");
    timed.args(["-f", "%U %S %M", "-o"]).arg(&figures).arg("--").arg(command.get_program()).args(command.get_args());
    take_place_of(command, &mut timed);
    let start = Instant::now();
    let output = timed.stdin(Stdio::null()).output().map_err(|why| format!("time could not be started: {why}"))?;
    let wall = start.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(format!(
            "\"{}\" failed: {}{}",
            sh::typed(command),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let text = std::fs::read_to_string(&figures).map_err(|why| format!("{}: {why}", figures.display()))?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [user, system, kib] = numbers[..] else { return Err(format!("time said \"{text}\"")) };
    Ok(Cost { wall, cpu: user + system, peak: kib / 1024.0 })
}

/// How often a run of the program makes the disk promise something (fsync and the like), with all that it starts. A run of its own: being
/// watched makes it slow.
pub(super) fn promises(command: &Command, scratch: &std::path::Path) -> Result<usize, String> {
    let log = scratch.join("strace");
    let mut watched = sh::command("strace");
    watched.args(["-f", "-qq", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-e", "signal=none", "-o"]).arg(&log);
    watched.arg(command.get_program()).args(command.get_args());
    take_place_of(command, &mut watched);
    sh::read(watched.stdin(Stdio::null()))?;
    let text = std::fs::read_to_string(&log).map_err(|why| format!("{}: {why}", log.display()))?;
    Ok(text.lines().filter(|line| line.contains("sync") && !line.contains("resumed")).count())
}

/// Environment and folder of one command for another.
fn take_place_of(command: &Command, other: &mut Command) {
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        other.current_dir(dir);
    }
}

/// The middle value; of an even number the lower middle.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Median of one figure.
pub(super) fn of(costs: &[Cost], figure: impl Fn(&Cost) -> f64) -> f64 {
    median(costs.iter().map(figure).collect())
}

/// The median of the pairwise ratios: each round's two sides ran next to each other.
pub(super) fn ratio(over: &[Cost], under: &[Cost], figure: impl Fn(&Cost) -> f64) -> f64 {
    median(over.iter().zip(under).map(|(over, under)| figure(over) / figure(under)).collect())
}

/// Claims and whether they held.
#[derive(Default)]
pub(super) struct Report {
    missed: Vec<String>,
}

impl Report {
    /// A figure without a promise.
    #[expect(clippy::unused_self, reason = "reads like the claims beside it")]
    pub(super) fn tell(&self, what: &str, figure: &str) {
        println!("     {what:<58} {figure}");
    }

    /// `value` is promised to be at most `limit`.
    pub(super) fn at_most(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        self.claim(what, value, limit, unit, value <= limit, "≤");
    }

    /// `value` is promised to be at least `limit`.
    pub(super) fn at_least(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        self.claim(what, value, limit, unit, value >= limit, "≥");
    }

    fn claim(&mut self, what: &str, value: f64, limit: f64, unit: &str, held: bool, sign: &str) {
        let line = format!("{what:<58} {value:.3}{unit} ({sign} {limit}{unit})");
        println!("   {} {line}", if held { "✓" } else { "✗" });
        if !held {
            self.missed.push(line);
        }
    }

    /// An error that names every missed claim.
    pub(super) fn end(self) -> crate::sh::Done {
        if self.missed.is_empty() {
            return Ok(());
        }
        Err(format!("{} figure(s) missed what is promised:\n  {}", self.missed.len(), self.missed.join("\n  ")))
    }
}
