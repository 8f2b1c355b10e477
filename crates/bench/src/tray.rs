//! The tray app on a desktop that nobody looks at: start to icon, memory and processor time at rest.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use imagepic_tests::tray::Tray;
use imagepic_virtual::{Options, VirtualDesktop, ask_to_end};

use crate::Outcome;

const STARTS: usize = 9;
const REST: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts the app again and again, then watches the last one rest with the clipboard watch on; prints what it saw.
pub(crate) async fn measure(app: &Path, console: &Path) -> Outcome {
    let mut desktop = VirtualDesktop::start(&Options::default())?;
    desktop.start_keychain()?;
    let tray = Tray::start(desktop.bus()).await;
    let home = desktop.dir().join("imagepic");
    // What is measured is every start but the first, which opens the welcome.
    imagepic_tests::desktop::greeted(&home);
    let mut starts = Vec::new();
    for number in 0..=STARTS {
        let known = tray.registrations();
        let begun = Instant::now();
        let mut running = desktop.command(app).env("IMAGEPIC_HOME", &home).spawn()?;
        let outcome = wait_for_icon(&tray, known, begun).await;
        // The first start makes the home and fills the file cache.
        if number > 0 {
            starts.push(outcome?);
        }
        if number == STARTS {
            rest(&desktop, &mut running, console, &home).await?;
        }
        ask_to_end(&mut running, PATIENCE);
    }
    starts.sort_by(f64::total_cmp);
    println!("{{\"what\":\"start\",\"ms\":{}}}", starts[starts.len() / 2]);
    Ok(())
}

async fn wait_for_icon(tray: &Tray, known: usize, begun: Instant) -> Outcome<f64> {
    while tray.registrations() == known {
        if begun.elapsed() > PATIENCE {
            return Err("no icon in the tray within 20 s".into());
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}

async fn rest(desktop: &VirtualDesktop, running: &mut Child, console: &Path, home: &Path) -> Outcome {
    let set =
        desktop.command(console).env("IMAGEPIC_HOME", home).args(["settings", "set", "capture.clipboard", "ask"]).status()?;
    if !set.success() {
        return Err("the clipboard watch could not be switched on".into());
    }
    // What belongs to the start (the bucket, the first look at the clipboard) is over by then.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = processor_time(running.id())?;
    tokio::time::sleep(REST).await;
    let spent = processor_time(running.id())? - before;
    println!("{{\"what\":\"rest\",\"cpu_s\":{spent},\"private_dirty_mb\":{}}}", private_dirty(running.id())?);
    Ok(())
}

/// User and system time of a process, in seconds (proc(5), `stat`, fields 14 and 15, in ticks of 10 ms).
fn processor_time(pid: u32) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a name in brackets that may hold blanks.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().filter_map(|field| fields.get(*field)?.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

/// Memory that is this process's alone and was written, in MB (proc(5), `smaps_rollup`).
fn private_dirty(pid: u32) -> Outcome<f64> {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib = smaps
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    Ok(kib.ok_or("the kernel tells no Private_Dirty")? * 1024.0 / 1e6)
}
