//! `cargo xtask dist`: the Debian package, with the console program in it, looked through before anybody installs it.

use std::path::PathBuf;

use crate::setup::{self, For};
use crate::sh::{self, Done, step};
use crate::ui;

/// Larger than this it is no small tray app any more, in bytes.
const LARGEST: u64 = 12_000_000;

/// What must be in the package.
const CONTENTS: &[&str] = &["./usr/bin/imagepic-desktop", "./usr/bin/imagepic", ".desktop", "/apps/imagepic-desktop.png"];

/// `cargo xtask dist`
pub(crate) fn dist(arguments: &[String]) -> Done {
    if let Some(surplus) = arguments.first() {
        return Err(format!("dist takes no arguments, not \"{surplus}\""));
    }
    setup::node()?;
    setup::packages(&[For::Build, For::Dist])?;
    setup::npm_tool("tauri-cli", &["@tauri-apps/cli@^2"], "tauri")?;
    ui::modules()?;
    step("console program, optimised", || sh::run(sh::cargo().args(["build", "--locked", "--release", "-p", "imagepic-cli"])))?;
    let folder = sh::target().join("release/bundle/deb");
    step("Debian package", || {
        // An older package beside the new one would be taken for it.
        std::fs::remove_dir_all(&folder).ok();
        let mut tauri = sh::command(sh::tools().join("tauri-cli/node_modules/.bin/tauri"));
        sh::run(tauri.args(["build", "--bundles", "deb", "--", "--locked"]))
    })?;
    let packages: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map_err(|why| format!("{}: {why}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "deb"))
        .collect();
    let [package] = packages.as_slice() else {
        return Err(format!("one package was expected in {}, not {}", folder.display(), packages.len()));
    };
    step("looking through it", || {
        let contents = sh::read(sh::command("dpkg-deb").arg("--contents").arg(package))?;
        let missing: Vec<_> = CONTENTS.iter().filter(|file| !contents.lines().any(|line| line.ends_with(*file))).collect();
        if !missing.is_empty() {
            return Err(format!("the package lacks {missing:?}:\n{contents}"));
        }
        let size = std::fs::metadata(package).map_err(|why| why.to_string())?.len();
        if size >= LARGEST {
            return Err(format!("the package has {size} bytes; {LARGEST} are the limit"));
        }
        println!("  {} ({:.1} MB)", package.strip_prefix(sh::root()).unwrap_or(package).display(), size as f64 / 1e6);
        Ok(())
    })
}
