//! What the programs take without uploading anything.

use std::path::Path;
use std::time::{Duration, Instant};

use imagepic_virtual::{Options, VirtualDesktop, ask_to_end};

use super::measure::{Report, median};
use super::server::{Server, program};
use crate::sh::{self, Done};

/// Start to tray, memory and processor time at rest, clipboard watch on.
pub(super) fn tray(report: &mut Report) -> Done {
    const STARTS: usize = 7;
    const REST: Duration = Duration::from_secs(60);
    let desktop = VirtualDesktop::start(&Options::default()).map_err(|why| why.to_string())?;
    let home = std::env::temp_dir().join(format!("imagepic-bench-tray-{}", std::process::id()));
    let mut starts = Vec::new();
    let mut outcome = Ok(());
    for start in 0..=STARTS {
        let mut app = desktop.command(program("imagepic-desktop"));
        app.env("IMAGEPIC_HOME", &home).env("RUST_LOG", "info");
        let begun = Instant::now();
        let mut app = app.spawn().map_err(|why| format!("imagepic-desktop: {why}"))?;
        let waited = wait_for_ready(&home, app.id(), begun);
        match waited {
            // The first start makes the home.
            Ok(took) if start > 0 => starts.push(took),
            Ok(_) => {}
            Err(why) => outcome = Err(why),
        }
        if outcome.is_ok() && start == STARTS {
            sh::read(sh::command(program("imagepic")).env("IMAGEPIC_HOME", &home).args([
                "settings",
                "set",
                "capture.clipboard",
                "ask",
            ]))?;
            std::thread::sleep(Duration::from_secs(2));
            let before = processor_time(app.id())?;
            std::thread::sleep(REST);
            let spent = processor_time(app.id())? - before;
            report.at_most("tray: processor time in 60 s at rest", spent, 0.02, " s");
            report.at_most("tray: private dirty memory at rest", private_dirty(app.id())?, 40.0, " MB");
        }
        ask_to_end(&mut app, Duration::from_secs(10));
        if outcome.is_err() {
            break;
        }
    }
    std::fs::remove_dir_all(&home).ok();
    outcome?;
    report.at_most("tray: start until it is ready, warm", median(starts) * 1000.0, 150.0, " ms");
    Ok(())
}

/// The app writes `run/ready` when the tray icon stands, or is known to be impossible.
fn wait_for_ready(home: &Path, pid: u32, begun: Instant) -> Result<f64, String> {
    let ready = home.join("run/ready");
    loop {
        if std::fs::read_to_string(&ready).is_ok_and(|text| text.trim() == pid.to_string()) {
            return Ok(begun.elapsed().as_secs_f64());
        }
        if begun.elapsed() > Duration::from_secs(20) {
            return Err("imagepic-desktop was not ready within 20 s".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// User and system time of a process, in seconds (proc(5), `stat`, fields 14 and 15, in ticks of 10 ms).
fn processor_time(pid: u32) -> Result<f64, String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|why| format!("process {pid}: {why}"))?;
    // The second field is a name in brackets that may hold blanks.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().filter_map(|field| fields.get(*field)?.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

/// Memory that is this process's alone and was written, in MB (proc(5), `smaps_rollup`).
fn private_dirty(pid: u32) -> Result<f64, String> {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).map_err(|why| format!("process {pid}: {why}"))?;
    let kib = smaps
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kib.map(|kib| kib * 1024.0 / 1e6).ok_or_else(|| "the kernel tells no Private_Dirty".to_owned())
}

/// A page of a folder among a million objects.
pub(super) fn bucket(report: &mut Report) -> Done {
    let server = Server::start()?;
    let mut inside = sh::command(program("imagepic-bench"));
    inside.arg("page").arg(server.scratch().join("million")).arg("1000000");
    let figures: serde_json::Value =
        serde_json::from_str(&sh::read(&mut inside)?).map_err(|why| format!("imagepic-bench: {why}"))?;
    let figure = |name: &str| figures[name].as_f64().unwrap_or(f64::NAN);
    report.at_most("bucket: a page of folders among 1,000,000 objects", figure("folders_ms"), 10.0, " ms");
    report.at_most("bucket: a page of objects among 1,000,000", figure("objects_ms"), 10.0, " ms");
    Ok(())
}
