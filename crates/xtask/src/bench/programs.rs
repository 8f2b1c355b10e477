//! What the programs take without uploading anything.

use super::measure::Report;
use super::server::{Server, program};
use crate::sh::{self, Done};

/// Start to tray, memory and processor time at rest, clipboard watch on.
pub(super) fn tray(report: &mut Report) -> Done {
    let mut inside = sh::command(program("imagepic-bench"));
    inside.arg("tray").arg(program("imagepic-desktop")).arg(program("imagepic"));
    let said = sh::read(&mut inside)?;
    let figures: Vec<serde_json::Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let figure = |name: &str| figures.iter().find_map(|line| line[name].as_f64()).unwrap_or(f64::NAN);
    report.at_most("tray: start to icon, warm", figure("ms"), 150.0, " ms");
    report.at_most("tray: private dirty memory at rest", figure("private_dirty_mb"), 40.0, " MB");
    report.at_most("tray: processor time in 60 s at rest", figure("cpu_s"), 0.02, " s");
    Ok(())
}

/// The windows on the uploads of ten years: from asking to drawn, what the library takes while it is scrolled, what a search takes.
pub(super) fn library(report: &mut Report) -> Done {
    let server = Server::start()?;
    let mut inside = sh::command(program("imagepic-bench"));
    inside.arg("library").arg(program("imagepic-desktop")).arg(server.scratch().join("years"));
    let figures: serde_json::Value =
        serde_json::from_str(sh::read(&mut inside)?.trim()).map_err(|why| format!("imagepic-bench: {why}"))?;
    let figure = |name: &str| figures[name].as_f64().unwrap_or(f64::NAN);
    report.at_most("drop zone: asked for in the tray to drawn", figure("drop_zone_ms"), 400.0, " ms");
    report.at_most("settings: asked for in the tray to drawn", figure("settings_ms"), 400.0, " ms");
    report.at_most("library: asked for in the tray to drawn, 100,000 uploads", figure("open_ms"), 400.0, " ms");
    report.at_most(
        "library: asked for by the app's icon (imagepic desktop) to drawn",
        figure("open_by_console_ms"),
        400.0,
        " ms",
    );
    report.tell(
        "library: asked for by a further start of the app itself to drawn",
        &format!("{:.0} ms", figure("open_by_program_ms")),
    );
    report.at_most("library: a search among 100,000 uploads", figure("search_ms"), 30.0, " ms");
    for (how, by) in [("a held key", "by_key"), ("the wheel", "by_wheel"), ("the thumb of its bar", "by_thumb")] {
        let share = |what: &str| figures[by][what].as_f64().unwrap_or(100.0);
        report.at_most(
            &format!("library: pictures without an entry in sight, scrolled by {how}"),
            share("blank_percent"),
            0.0,
            " %",
        );
        report.tell(
            &format!("library: pictures with a row without its name, scrolled by {how}"),
            &format!("{:.1} %", share("partly_percent")),
        );
    }
    report.at_most("library: memory of its window, scrolled", figure("memory_mb"), 250.0, " MB");
    Ok(())
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
