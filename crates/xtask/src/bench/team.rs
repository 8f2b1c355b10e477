//! The team server beside a plain Node service of the same routes: one S3 behind both, rounds in turn.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::measure::{Report, median};
use super::server::{BUCKET, Server, program};
use crate::sh::{self, Done};

const CLIENTS: usize = 16;
const ROUNDS: usize = 5;
/// A screenshot.
const BYTES: usize = 102_400;

/// A service under load, and its process.
struct Service {
    child: Child,
    /// `127.0.0.1:PORT`
    host: String,
    token: String,
    login_ms: f64,
}

impl Service {
    /// Starts it, waits for the line with its address, and logs in.
    fn start(mut command: Command) -> Result<Self, String> {
        let what = sh::typed(&command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|why| format!("\"{what}\" could not be started: {why}"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(|why| why.to_string())?;
        }
        let host = line.trim().rsplit_once("http://").map(|(_, host)| host.to_owned());
        let mut service = Self { child, host: String::new(), token: String::new(), login_ms: 0.0 };
        service.host = host.ok_or(format!("\"{what}\" did not say where it listens, but \"{}\"", line.trim()))?;
        let session = read(sh::command(program("imagepic-bench")).args(["team-login", &service.host]))?;
        service.token = session["token"].as_str().unwrap_or_default().to_owned();
        service.login_ms = session["milliseconds"].as_f64().unwrap_or(f64::NAN);
        Ok(service)
    }

    fn bench(&self, arguments: &[&str]) -> Result<Value, String> {
        read(sh::command(program("imagepic-bench")).args(arguments).env("IMAGEPIC_BENCH_TOKEN", &self.token))
    }

    /// Answers a second.
    fn rate(&self, what: &str, count: usize) -> Result<f64, String> {
        let (clients, count, bytes) = (CLIENTS.to_string(), count.to_string(), BYTES.to_string());
        let answer = self.bench(&["team-load", what, &self.host, BUCKET, &clients, &count, &bytes])?;
        answer["rate"].as_f64().ok_or(format!("no rate in {answer}"))
    }

    /// Largest resident memory so far, in MB.
    fn peak(&self) -> Result<f64, String> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).map_err(|why| format!("{path}: {why}"))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next());
        let kib: f64 = kib.and_then(|kib| kib.parse().ok()).ok_or(format!("{path} tells no VmHWM"))?;
        Ok(kib * 1024.0 / 1e6)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn read(command: &mut Command) -> Result<Value, String> {
    let text = sh::read(command)?;
    serde_json::from_str(&text).map_err(|why| format!("\"{}\" printed no JSON: {why}", text.trim()))
}

pub(super) fn compare(report: &mut Report) -> Done {
    let store = Server::start()?;
    let ours = || Service::start(store.team(&store.scratch().join("team")));
    {
        let (team, node) = (ours()?, Service::start(plain(&store)?)?);
        let sides = [("imagepic serve", &team), ("node, express", &node)];
        for (what, name, count, promise) in
            [("put", "putObject, 100 kB, 16 clients", 1000, 2.5), ("list", "listBuckets, 16 clients", 4000, 2.0)]
        {
            let mut rates = [Vec::new(), Vec::new()];
            for round in 0..=ROUNDS {
                for (side, (_, service)) in sides.iter().enumerate() {
                    let rate = service.rate(what, count)?;
                    // The first round opens connections and, there, compiles.
                    if round > 0 {
                        rates[side].push(rate);
                    }
                }
            }
            for (side, (who, _)) in sides.iter().enumerate() {
                report.tell(&format!("{name}: {who}"), &format!("{:.0} a second", median(rates[side].clone())));
            }
            let ratios = rates[0].iter().zip(&rates[1]).map(|(ours, theirs)| ours / theirs).collect();
            report.at_least(&format!("{name}: of node's rate"), median(ratios), promise, "×");
        }
        report.tell("peak memory: node, express", &format!("{:.0} MB", node.peak()?));
        report.at_most("peak memory under that load", team.peak()?, 40.0, " MB");
        report.tell("a log-in", &format!("{:.1} ms with {}", team.login_ms, parameters(&store.scratch().join("team"))?));
    }
    slow(report, &ours()?)
}

/// A thousand uploads that stop in the middle together.
fn slow(report: &mut Report, team: &Service) -> Done {
    let answer = team.bench(&["team-slow", &team.host, BUCKET, "1000", &BYTES.to_string()])?;
    if answer["other"] != 0 {
        return Err(format!("slow uploads ended neither stored nor asked to retry: {answer}"));
    }
    report.tell("1,000 slow uploads", &format!("{} stored, {} asked to retry", answer["stored"], answer["busy"]));
    report.at_most("1,000 slow uploads: peak memory", team.peak()?, 150.0, " MB");
    Ok(())
}

/// The Node service, its modules installed once.
fn plain(store: &Server) -> Result<Command, String> {
    let here = sh::root().join("crates/xtask/src/bench/team");
    let there = sh::tools().join("team-node");
    std::fs::create_dir_all(&there).map_err(|why| format!("{}: {why}", there.display()))?;
    for file in ["package.json", "service.mjs"] {
        std::fs::copy(here.join(file), there.join(file)).map_err(|why| format!("{file}: {why}"))?;
    }
    if !there.join("node_modules/express").is_dir() {
        sh::run(sh::npm().args(["install", "--no-audit", "--no-fund", "--no-package-lock"]).current_dir(&there))?;
    }
    let mut command = sh::command("node");
    command.arg("service.mjs").current_dir(&there).env("NODE_ENV", "production").env("PORT", "0").env("JWT_SECRET", "bench");
    let (access_key, secret_key) = store.keys();
    command.env("S3_ENDPOINT", &store.endpoint).env("S3_ACCESS_KEY", access_key).env("S3_SECRET_KEY", secret_key);
    Ok(command)
}

/// argon2's parameters, as they stand before the hash in the account file.
fn parameters(data: &Path) -> Result<String, String> {
    let text = sh::read(sh::command("grep").args(["-rhoE", r"\$argon2id\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+"]).arg(data))?;
    Ok(text.lines().next().unwrap_or("no argon2id").trim_start_matches('$').replace('$', " "))
}
