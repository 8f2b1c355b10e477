//! A photo of 24 megapixels made into a WebP of 2000 pixels, beside vipsthumbnail, which does nothing else.

use super::measure::{Report, cost, of, ratio};
use super::server::{Server, program};
use crate::sh::{self, Done};

/// Pixels the result is wide; and the quality both are asked for.
const WIDE: &str = "2000";
const QUALITY: &str = "80";

/// The whole `imagepic upload`, hashing and sending included, against the conversion alone.
pub(super) fn convert(report: &mut Report) -> Done {
    const ROUNDS: usize = 9;
    let server = Server::start()?;
    let photo = server.scratch().join("photo.jpg");
    sh::run(sh::command(program("imagepic-bench")).arg("photo").arg(&photo))?;
    let small = server.scratch().join("vips.webp");
    let mut ours = Vec::new();
    let mut vips = Vec::new();
    for round in 0..=ROUNDS {
        let mut thumbnail = sh::command("vipsthumbnail");
        thumbnail.arg(&photo).args(["--size", &format!("{WIDE}x")]);
        thumbnail.arg("-o").arg(format!("{}[Q={QUALITY}]", small.display()));
        let thumbnailed = cost(&thumbnail, server.scratch())?;
        let mut upload = server.imagepic();
        upload.args(["upload", "--convert", "webp", "--max-width", WIDE, "--quality", QUALITY]).arg(&photo);
        let uploaded = cost(&upload, server.scratch())?;
        // The first round only warms the file cache.
        if round > 0 {
            vips.push(thumbnailed);
            ours.push(uploaded);
        }
    }
    for (name, costs) in [("imagepic upload", &ours), ("vipsthumbnail", &vips)] {
        let told = format!(
            "{:.2} s CPU, {:.2} s, {:.0} MiB",
            of(costs, |cost| cost.cpu),
            of(costs, |cost| cost.wall),
            of(costs, |cost| cost.peak)
        );
        report.tell(&format!("images: {name}"), &told);
    }
    report.at_most("images: of vipsthumbnail's CPU time", ratio(&ours, &vips, |cost| cost.cpu), 1.3, "×");
    report.at_most("images: peak memory", of(&ours, |cost| cost.peak), 238.0, " MiB");
    Ok(())
}
