//! Who may know whom, proved by cargo's own view of the tree.
//!
//! ARCHITECTURE.md gives the reasons. A crate that is not in the table fails the check: whoever adds one says here what it may know.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::sh::{self, Done};

/// Package, and which of our packages its code may use. Tests may use more: dev-dependencies do not count.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("imagepic-api", &[]),
    ("imagepic-words", &[]),
    ("imagepic-net", &[]),
    ("imagepic-media", &[]),
    ("imagepic-avif", &["imagepic-media"]),
    ("imagepic-clipboard", &[]),
    ("imagepic-bucket", &[]),
    ("imagepic-s3", &["imagepic-net"]),
    (
        "imagepic-core",
        &[
            "imagepic-api",
            "imagepic-words",
            "imagepic-net",
            "imagepic-media",
            "imagepic-clipboard",
            "imagepic-s3",
            "imagepic-bucket",
        ],
    ),
    ("imagepic-server", &["imagepic-api", "imagepic-words", "imagepic-net", "imagepic-media", "imagepic-s3", "imagepic-bucket"]),
    ("imagepic-instance", &["imagepic-core"]),
    ("imagepic-cli", &["imagepic-avif", "imagepic-core", "imagepic-instance", "imagepic-server", "imagepic-words"]),
    ("imagepic-desktop", &["imagepic-core", "imagepic-instance", "imagepic-words"]),
    (
        "imagepic-bench",
        &[
            "imagepic-core",
            "imagepic-bucket",
            "imagepic-net",
            "imagepic-s3",
            "imagepic-media",
            "imagepic-tests",
            "imagepic-virtual",
        ],
    ),
    ("imagepic-virtual", &[]),
    ("imagepic-xtask", &["imagepic-virtual"]),
    (
        "imagepic-tests",
        &[
            "imagepic-core",
            "imagepic-s3",
            "imagepic-bucket",
            "imagepic-net",
            "imagepic-media",
            "imagepic-words",
            "imagepic-virtual",
        ],
    ),
];

/// Only the shell may know a window library, even by way of others.
const WINDOWS: &[&str] = &["tauri", "wry", "tao", "gtk", "gdk", "webkit2gtk", "tray-icon", "muda"];

/// Nobody may bring these: a second TLS library is megabytes and a C build.
const NOWHERE: &[&str] = &["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls"];

/// All rules; every break is told, not only the first.
pub(crate) fn check() -> Done {
    let mut broken = Vec::new();
    let packages = packages()?;
    for (name, knows) in &packages {
        let Some((_, allowed)) = MAY_KNOW.iter().find(|(known, _)| known == name) else {
            broken.push(format!("{name} is not in the table of crates/xtask/src/rules.rs: say there which crates it may know"));
            continue;
        };
        broken.extend(
            knows.iter().filter(|other| !allowed.contains(&other.as_str())).map(|other| format!("{name} must not know {other}")),
        );
    }
    for (name, _) in &packages {
        let below = below(name)?;
        if name != "imagepic-desktop" {
            broken.extend(WINDOWS.iter().filter(|library| below.contains(**library)).map(|library| {
                format!("{name} must not need {library}: only the shell may (cargo tree -p {name} -i {library})")
            }));
        }
        broken.extend(
            NOWHERE
                .iter()
                .filter(|library| below.contains(**library))
                .map(|library| format!("{name} must not need {library} (cargo tree -p {name} -i {library})")),
        );
    }
    broken.extend(windows_boundary()?);
    if broken.is_empty() {
        println!("  {} crates keep to their places", packages.len());
        Ok(())
    } else {
        Err(format!("Borders are crossed:\n  {}", broken.join("\n  ")))
    }
}

/// Our packages, and which of our packages the code of each names.
fn packages() -> Result<Vec<(String, Vec<String>)>, String> {
    let text = sh::read(sh::cargo().args(["metadata", "--no-deps", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&text).map_err(|why| format!("cargo metadata is not JSON: {why}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let knows = |package: &Value| -> Vec<String> {
        let all = package["dependencies"].as_array().into_iter().flatten();
        let used = all
            .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
            .filter_map(|dependency| dependency["name"].as_str());
        used.filter(|name| ours.contains(name)).map(str::to_owned).collect()
    };
    Ok(packages.iter().filter_map(|package| Some((package["name"].as_str()?.to_owned(), knows(package)))).collect())
}

/// The names of all packages this one needs, itself included.
fn below(package: &str) -> Result<BTreeSet<String>, String> {
    let tree = sh::read(sh::cargo().args([
        "tree",
        "--locked",
        "-p",
        package,
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    Ok(tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

/// In the windows, one file speaks to the shell.
fn windows_boundary() -> Result<Vec<String>, String> {
    let mut crossed = Vec::new();
    let mut dirs = vec![sh::root().join("ui/src")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).map_err(|why| format!("{}: {why}", dir.display()))?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|kind| kind == "ts" || kind == "vue")
                && !path.ends_with("ui/src/ipc.ts")
                && std::fs::read_to_string(&path)
                    .unwrap_or_default()
                    .lines()
                    .any(|line| line.contains("from \"@tauri-apps/") || line.contains("from '@tauri-apps/"))
            {
                crossed.push(format!(
                    "{} must not import @tauri-apps/*: only ui/src/ipc.ts may",
                    path.strip_prefix(sh::root()).unwrap_or(&path).display()
                ));
            }
        }
    }
    Ok(crossed)
}
