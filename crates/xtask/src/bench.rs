//! `cargo xtask bench`: how fast, beside what others take, in the same run against the same server.
//!
//! Wall times of one machine say little about another, so every claim is a ratio of medians of interleaved rounds: a slow minute
//! meets both sides. The server is the embedded bucket in a folder of its own; the sizes are those of a screenshot, a photo and a
//! large PNG. What must be measured from inside a process (the resident engine, a page of a million objects) is done by
//! `imagepic-bench`; here programs are started, timed and compared.

mod images;
mod measure;
mod programs;
mod server;
mod team;
mod uploads;

use crate::sh::{self, Done, step};
use crate::{setup, ui};
use measure::Report;

/// `cargo xtask bench [resident] [cold] [many] [large] [images] [tray] [library] [bucket] [server]`
pub(crate) fn bench(arguments: &[String]) -> Done {
    const ALL: [&str; 9] = ["resident", "cold", "many", "large", "images", "tray", "library", "bucket", "server"];
    if let Some(unknown) = arguments.iter().find(|name| !ALL.contains(&name.as_str())) {
        return Err(format!("bench does not know \"{unknown}\"; it measures {}", ALL.join(", ")));
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);

    setup::for_bench()?;
    // A quick build shows in a moment whether a change was worth its while; what is promised is measured on what is packed.
    match server::given() {
        Some(folder) => println!("   measures the programs in {}", folder.display()),
        None => build()?,
    }

    let mut report = Report::default();
    if wanted("resident") {
        step("resident: capture to link beside a bare PUT and a resident picgo", || uploads::resident(&mut report))?;
    }
    if wanted("cold") {
        step("cold: one file, one process", || uploads::cold(&mut report))?;
    }
    if wanted("many") {
        step("many: 500 files", || uploads::many(&mut report))?;
    }
    if wanted("large") {
        step("large: one file of 1 GB", || uploads::large(&mut report))?;
    }
    if wanted("images") {
        step("images: a photo of 24 megapixels to a WebP of 2000 pixels", || images::convert(&mut report))?;
    }
    if wanted("tray") {
        step("tray: start, memory and rest", || programs::tray(&mut report))?;
    }
    if wanted("library") {
        step("library: its window on 100,000 uploads", || programs::library(&mut report))?;
    }
    if wanted("bucket") {
        step("bucket: a page among 1,000,000 objects", || programs::bucket(&mut report))?;
    }
    if wanted("server") {
        step("server: the team server beside a plain Node service", || team::compare(&mut report))?;
    }
    report.end()
}

/// The programs as they are packed.
fn build() -> Done {
    ui::build()?;
    step("programs, optimised", || {
        sh::run(sh::cargo().args([
            "build",
            "--release",
            "--locked",
            "-p",
            "imagepic-cli",
            "-p",
            "imagepic-bench",
            "-p",
            "imagepic-desktop",
        ]))
    })
}
