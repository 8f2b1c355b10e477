//! `cargo xtask dist`: the Debian package, with both programs in it, looked through and tried before anybody installs it.
//!
//! It is made with Debian's own tools and not with tauri's bundler: that one knows gzip alone, with which the same programs weigh half as
//! much again, guesses what they depend on instead of looking, and needs the development files of a tray library we do not use.

mod package;
mod squeeze;
mod texts;

#[cfg(test)]
mod tests;

use std::path::Path;

use serde_json::Value;

use crate::setup::{self, For};
use crate::sh::{self, Done, step};
use crate::ui;
use package::{About, PROGRAMS};

/// Larger than this it is no small tray app any more, in bytes.
const LARGEST: u64 = 12_000_000;

/// `cargo xtask dist`
pub(crate) fn dist(arguments: &[String]) -> Done {
    if let Some(surplus) = arguments.first() {
        return Err(format!("dist takes no arguments, not \"{surplus}\""));
    }
    setup::node()?;
    setup::packages(&[For::Build, For::Dist])?;
    ui::modules()?;
    ui::build()?;
    let programs = sh::target().join("release");
    step("programs, optimised", || {
        sh::run(sh::cargo().args(["build", "--locked", "--release", "-p", "imagepic-cli", "-p", "imagepic-desktop"]))
    })?;
    let folder = sh::target().join("dist");
    // An older package beside the new one would be taken for it.
    std::fs::remove_dir_all(&folder).ok();
    let package = step("Debian package", || {
        let about = about(&programs, &folder)?;
        let parts = package::parts(&about, &programs)?;
        let package = package::pack(&about, &parts, &folder)?;
        package::look_through(&package, &parts)?;
        Ok(package)
    })?;
    step("trying what is in it", || try_programs(&package, &folder))?;
    let size = std::fs::metadata(&package).map_err(|why| format!("{}: {why}", package.display()))?.len();
    small_enough(size)?;
    println!("  {} ({:.1} MB)", package.strip_prefix(sh::root()).unwrap_or(&package).display(), size as f64 / 1e6);
    Ok(())
}

/// What the package says of itself.
fn about(programs: &Path, folder: &Path) -> Result<About, String> {
    let metadata = sh::read(sh::cargo().args(["metadata", "--no-deps", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|why| format!("cargo metadata is not JSON: {why}"))?;
    let ours = metadata["packages"].as_array().into_iter().flatten().find(|package| package["name"] == "imagepic-desktop");
    let version = ours.and_then(|package| package["version"].as_str()).ok_or("cargo metadata does not name imagepic-desktop")?;
    // Where the sources are no checkout, today will do.
    let date = |format: &str| {
        sh::read(sh::command("git").args(["log", "-1", &format!("--format={format}")]))
            .or_else(|_| sh::read(sh::command("date").arg(if format == "%ct" { "+%s" } else { "-R" })))
            .map(|date| date.trim().to_owned())
    };
    Ok(About {
        version: version.to_owned(),
        architecture: sh::read(sh::command("dpkg").arg("--print-architecture"))?.trim().to_owned(),
        depends: depends(programs, folder)?,
        seconds: date("%ct")?,
        date: date("%aD")?,
        bundle: package::bundle()?,
    })
}

/// The libraries both programs are linked with, as Debian packages and their least versions.
fn depends(programs: &Path, folder: &Path) -> Result<String, String> {
    let place = folder.join("shlibdeps");
    let control = place.join("debian/control");
    package::write(&control, b"Source: imagepic\n\nPackage: imagepic\nArchitecture: any\n")?;
    let mut shlibdeps = sh::command("dpkg-shlibdeps");
    shlibdeps.current_dir(&place).arg("-O").args(PROGRAMS.map(|program| programs.join(program)));
    let told = sh::read(&mut shlibdeps)?;
    let depends = told.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    depends.map(str::to_owned).ok_or_else(|| format!("dpkg-shlibdeps names no libraries: {told}"))
}

/// The programs as they come out of the package start, and say the version the package has.
fn try_programs(package: &Path, folder: &Path) -> Done {
    let place = folder.join("unpacked");
    sh::run(sh::command("dpkg-deb").arg("--extract").arg(package).arg(&place))?;
    let version = sh::read(sh::command("dpkg-deb").arg("--field").arg(package).arg("Version"))?;
    let version = version.trim();
    for program in PROGRAMS {
        let said = sh::read(sh::command(place.join("usr/bin").join(program)).arg("--version"))?;
        let wanted = format!("{program} {}", version.split_once('-').map_or(version, |(upstream, _)| upstream));
        if said.trim() != wanted {
            return Err(format!("{program} in the package says \"{}\", not \"{wanted}\"", said.trim()));
        }
    }
    Ok(())
}

fn small_enough(size: u64) -> Done {
    if size < LARGEST {
        return Ok(());
    }
    Err(format!(
        "The package has {size} bytes, and {LARGEST} are the limit: something large came into a program since it was last built. `cargo tree -d` and `nm --size-sort` on a build with CARGO_PROFILE_RELEASE_STRIP=none tell what."
    ))
}
