//! The windows: npm's packages, their build, their checks.

use std::path::Path;
use std::time::SystemTime;

use crate::sh::{self, Done, step};

/// `npm ci`, where the lock file is newer than what is installed.
pub(crate) fn modules() -> Done {
    let ui = sh::root().join("ui");
    let installed = changed(&ui.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= changed(&ui.join("package-lock.json")) {
        return Ok(());
    }
    step("npm packages of ui/", || sh::run(sh::npm().args(["ci", "--no-audit", "--no-fund", "--prefer-offline"])))
}

/// `ui/dist`, where a source is newer than it.
pub(crate) fn build() -> Done {
    let ui = sh::root().join("ui");
    let newest_source = newest(&ui, &["node_modules", "dist"]);
    let newest_built = newest(&ui.join("dist"), &[]);
    if newest_built.is_some() && newest_built >= newest_source {
        return Ok(());
    }
    step("windows (ui/dist)", || sh::run(sh::npm().args(["run", "--silent", "build"])))
}

/// Types and unit tests. The scripts stand in `ui/package.json`.
pub(crate) fn check() -> Done {
    sh::run(sh::npm().args(["run", "--silent", "check"]))
}

/// Unit tests of the windows.
pub(crate) fn test() -> Done {
    sh::run(sh::npm().args(["run", "--silent", "test"]))
}

/// Every window in every state, in both themes and languages, under axe: what hinders people fails.
pub(crate) fn axe() -> Done {
    sh::run(sh::npm().args(["run", "--silent", "axe"]))
}

/// Pictures of every window in every state.
pub(crate) fn shots() -> Done {
    sh::run(sh::npm().args(["run", "--silent", "shots"]))
}

fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|about| about.modified()).ok()
}

fn newest(dir: &Path, without: &[&str]) -> Option<SystemTime> {
    let entries = std::fs::read_dir(dir).ok()?;
    let times = entries.flatten().filter(|entry| !without.iter().any(|name| entry.file_name() == *name)).filter_map(|entry| {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) { newest(&entry.path(), &[]) } else { changed(&entry.path()) }
    });
    times.max()
}
