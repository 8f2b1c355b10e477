//! Uploads, ours and theirs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use imagepic_virtual::{Options, VirtualDesktop};

use super::measure::{Cost, Report, cost, median, of, promises, ratio};
use super::server::{BUCKET, Server, program};
use crate::sh::{self, Done};

/// A screenshot, a large screenshot, a photo.
const SIZES: [(&str, u64); 3] = [("83 kB", 83_000), ("972 kB", 972_000), ("4.99 MB", 4_990_000)];

/// Every call is a new process: what a shell script or an editor pays.
pub(super) fn cold(report: &mut Report) -> Done {
    const ROUNDS: usize = 15;
    let server = Server::start()?;
    let desktop =
        VirtualDesktop::start(&Options { window_manager: false, ..Options::default() }).map_err(|why| why.to_string())?;
    server.introduce_at(&desktop)?;
    for (name, bytes) in SIZES {
        let pictures = server.pictures(&format!("cold-{bytes}"), bytes, ROUNDS + 2)?;
        let mut ours = Vec::new();
        let mut with_keychain = Vec::new();
        let mut rclone = Vec::new();
        let mut picgo = Vec::new();
        let (last, pictures) = pictures.split_last().ok_or("no pictures were made")?;
        let sides = |picture: &Path, round: usize| -> Result<_, String> {
            let (mut copy, mut pick) = (server.rclone(), server.picgo()?);
            copy.arg("copyto").arg(picture).arg(format!("bench:{BUCKET}/rclone/{bytes}-{round}.png"));
            pick.arg("upload").arg(picture);
            let (mut upload, mut unlock) = (server.imagepic(), server.imagepic_at(&desktop));
            upload.arg("upload").arg(picture);
            unlock.args(["upload", "--folder", "at-desktop"]).arg(picture);
            Ok([upload, unlock, copy, pick])
        };
        for (round, picture) in pictures.iter().enumerate() {
            let mut costs = Vec::new();
            for side in sides(picture, round)? {
                costs.push(cost(&side, server.scratch())?);
            }
            let [imagepic, unlocked, copied, picked] = costs[..] else { return Err("four sides have four costs".into()) };
            // The first round only warms the file cache.
            if round > 0 {
                ours.push(imagepic);
                with_keychain.push(unlocked);
                rclone.push(copied);
                picgo.push(picked);
            }
        }
        let mut syncs = Vec::new();
        for side in sides(last, ROUNDS + 1)? {
            syncs.push(promises(&side, server.scratch())?);
        }
        tell(report, name, "imagepic upload", &ours, syncs[0]);
        tell(report, name, "imagepic upload, key from the keychain", &with_keychain, syncs[1]);
        tell(report, name, "rclone copyto", &rclone, syncs[2]);
        tell(report, name, "picgo upload", &picgo, syncs[3]);
        for (how, ours) in [("", &ours), (", with the keychain", &with_keychain)] {
            report.at_least(&format!("{name}: faster than picgo by{how}"), ratio(&picgo, ours, |cost| cost.wall), 12.0, "×");
            report.at_least(&format!("{name}: faster than rclone by{how}"), ratio(&rclone, ours, |cost| cost.wall), 1.5, "×");
        }
        report.at_most(&format!("{name}: peak memory"), of(&ours, |cost| cost.peak), 30.0, " MiB");
    }
    Ok(())
}

/// 500 files in one call, against curl with as many connections.
pub(super) fn many(report: &mut Report) -> Done {
    const ROUNDS: usize = 5;
    const FILES: usize = 500;
    let server = Server::start()?;
    let mut ours = Vec::new();
    let mut curl = Vec::new();
    let mut rclone = Vec::new();
    let sides = |round: usize| -> Result<_, String> {
        let pictures = server.pictures(&format!("many-{round}"), 84_000, FILES)?;
        let (curl, mut upload, mut copy) = (curl_parallel(&server, round, &pictures)?, server.imagepic(), server.rclone());
        upload.arg("upload").args(&pictures);
        copy.args(["copy", "--transfers", "8", "--checkers", "8", "--no-traverse"]);
        copy.arg(pictures[0].parent().unwrap_or(Path::new("."))).arg(format!("bench:{BUCKET}/many-{round}"));
        Ok([curl, upload, copy])
    };
    for round in 0..=ROUNDS {
        let [curled, uploaded, copied] = sides(round)?.map(|side| cost(&side, server.scratch()));
        let (curled, uploaded, copied) = (curled?, uploaded?, copied?);
        if round > 0 {
            ours.push(uploaded);
            curl.push(curled);
            rclone.push(copied);
        }
    }
    let [curled, uploaded, copied] = sides(ROUNDS + 1)?.map(|side| promises(&side, server.scratch()));
    tell(report, "500 × 84 kB", "imagepic upload", &ours, uploaded?);
    tell(report, "500 × 84 kB", "curl -Z, 8 at once, presigned", &curl, curled?);
    tell(report, "500 × 84 kB", "rclone copy, 8 transfers", &rclone, copied?);
    report.at_most("500 × 84 kB: wall time of curl's", ratio(&ours, &curl, |cost| cost.wall), 1.15, "×");
    report.at_most("500 × 84 kB: CPU time of rclone's", ratio(&ours, &rclone, |cost| cost.cpu), 0.4, "×");
    Ok(())
}

/// One file of 1 GB, a raw film to both sides: streaming, not decoding.
pub(super) fn large(report: &mut Report) -> Done {
    const ROUNDS: usize = 3;
    let server = Server::start()?;
    let mut ours = Vec::new();
    let mut curl = Vec::new();
    let mut syncs = [0, 0];
    for round in 0..=ROUNDS {
        let picture = server.pictures(&format!("large-{round}"), 1_000_000_000, 1)?.remove(0);
        let address = server.presigned(&format!("large-{round}"), 1)?.remove(0);
        let (mut put, mut upload) = (sh::command("curl"), server.imagepic());
        put.args(["-sS", "--fail", "-H", "content-type: image/png", "-o", "/dev/null", "-T"]).arg(&picture).arg(address);
        upload.arg("upload").arg(&picture);
        if round == 0 {
            // The first round only warms the file cache.
            syncs = [promises(&upload, server.scratch())?, promises(&put, server.scratch())?];
        } else {
            curl.push(cost(&put, server.scratch())?);
            ours.push(cost(&upload, server.scratch())?);
        }
        std::fs::remove_file(&picture).ok();
    }
    tell(report, "1 GB", "imagepic upload", &ours, syncs[0]);
    tell(report, "1 GB", "curl, presigned", &curl, syncs[1]);
    report.at_least("1 GB: speed of curl's", ratio(&curl, &ours, |cost| cost.wall), 0.7, "×");
    report.at_most("1 GB: peak memory", of(&ours, |cost| cost.peak), 64.0, " MiB");
    Ok(())
}

/// The resident engine, a bare PUT and a resident picgo in turn, measured by `imagepic-bench` from inside.
pub(super) fn resident(report: &mut Report) -> Done {
    let server = Server::start()?;
    let port = free_port()?;
    let mut picgo = server.picgo()?;
    picgo.args(["server", "--port", &port.to_string(), "--host", "127.0.0.1"]);
    let mut picgo =
        picgo.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|why| format!("picgo: {why}"))?;
    let outcome = wait_for_port(port).and_then(|()| {
        for (name, bytes) in SIZES {
            let pictures = server.pictures(&format!("resident-{bytes}"), bytes, 61)?;
            let mut inside = sh::command(program("imagepic-bench"));
            inside.args(["resident", &server.endpoint]).arg(server.bucket_dir()).args([BUCKET, &port.to_string()]);
            inside.arg(server.scratch().join(format!("engine-{bytes}"))).args(&pictures);
            let before = processor_time(picgo.id())?;
            let figures: serde_json::Value =
                serde_json::from_str(&sh::read(&mut inside)?).map_err(|why| format!("imagepic-bench: {why}"))?;
            let figure = |name: &str| figures[name].as_f64().unwrap_or(f64::NAN);
            let fsyncs = fsyncs(&server, bytes)?;
            report.tell(
                &format!("{name}: engine, capture to link"),
                &format!("{:.2} ms, {:.2} ms CPU, {fsyncs:.1} fsyncs", figure("engine_ms"), figure("engine_cpu_ms")),
            );
            let picked = (processor_time(picgo.id())? - before) / pictures.len() as f64 * 1000.0;
            report.tell(
                &format!("{name}: bare keep-alive PUT"),
                &format!("{:.2} ms, {:.2} ms CPU, no fsync", figure("bare_ms"), figure("bare_cpu_ms")),
            );
            report.tell(&format!("{name}: picgo server"), &format!("{:.2} ms, {picked:.2} ms CPU", figure("picgo_ms")));
            let faster = match bytes {
                83_000 => {
                    report.at_most("83 kB: over the bare PUT by", figure("over_bare_ms"), 2.0, " ms");
                    2.0
                }
                4_990_000 => {
                    report.at_most("4.99 MB: time of the bare PUT's", figure("bare_ratio"), 1.3, "×");
                    3.0
                }
                _ => 3.0,
            };
            report.at_least(&format!("{name}: faster than picgo server by"), figure("picgo_ratio"), faster, "×");
        }
        Ok(())
    });
    picgo.kill().ok();
    picgo.wait().ok();
    outcome
}

/// How often the engine makes the disk promise something, for one upload: what a hundred cost more than none.
fn fsyncs(server: &Server, bytes: u64) -> Result<f64, String> {
    const UPLOADS: usize = 100;
    let pictures = server.pictures(&format!("fsyncs-{bytes}"), bytes, UPLOADS)?;
    let home = server.scratch().join(format!("fsyncs-{bytes}"));
    let mut counts = Vec::new();
    for pictures in [&[], &pictures[..1], &pictures[1..]] {
        let mut engine = sh::command(program("imagepic-bench"));
        engine.args(["engine", &server.endpoint]).arg(server.bucket_dir()).arg(BUCKET).arg(&home);
        counts.push(promises(engine.args(pictures), server.scratch())?);
    }
    Ok(counts[2].saturating_sub(counts[1]) as f64 / (UPLOADS - 2) as f64)
}

/// Processor time of a process so far, in seconds (proc(5), `stat`: user and system time in hundredths of a second).
fn processor_time(pid: u32) -> Result<f64, String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|why| format!("process {pid}: {why}"))?;
    // What stands before the last bracket is the program's name, which may hold anything.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let times = after_name.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<f64>().ok());
    Ok(times.sum::<f64>() / 100.0)
}

fn tell(report: &mut Report, size: &str, who: &str, costs: &[Cost], fsyncs: usize) {
    let figure = format!(
        "{:.3} s wall, {:.3} s CPU, {:.0} MiB, {fsyncs} fsyncs",
        of(costs, |cost| cost.wall),
        of(costs, |cost| cost.cpu),
        median(costs.iter().map(|cost| cost.peak).collect())
    );
    report.tell(&format!("{size}: {who}"), &figure);
}

/// curl reads its transfers from a file: five hundred addresses do not fit a command line, and need not stand in a process list.
fn curl_parallel(server: &Server, round: usize, pictures: &[PathBuf]) -> Result<Command, String> {
    let addresses = server.presigned(&format!("curl-{round}"), pictures.len())?;
    let transfers: String = pictures
        .iter()
        .zip(addresses)
        .map(|(picture, address)| {
            format!("upload-file = \"{}\"\nurl = \"{address}\"\noutput = \"/dev/null\"\n", picture.display())
        })
        .collect();
    let config = server.scratch().join("curl.conf");
    std::fs::write(&config, transfers).map_err(|why| format!("{}: {why}", config.display()))?;
    let mut curl = sh::command("curl");
    curl.args(["-sS", "--fail", "-H", "content-type: image/png", "-Z", "--parallel-max", "8", "-K"]).arg(config);
    Ok(curl)
}

fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|why| format!("no free port: {why}"))?;
    listener.local_addr().map(|address| address.port()).map_err(|why| format!("no free port: {why}"))
}

fn wait_for_port(port: u16) -> Done {
    let start = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if start.elapsed() > Duration::from_secs(30) {
            return Err(format!("picgo server does not listen on {port} after 30 s"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
