//! What lies where in the Debian package, and the package itself.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use super::{squeeze, texts};
use crate::sh::{self, Done};

/// The programs, in the order of `/usr/bin`. They share most of their code, which xz finds where they stand side by side.
pub(crate) const PROGRAMS: [&str; 2] = ["imagepic", "imagepic-desktop"];

/// Icons and the sizes they are drawn in.
const ICONS: &[(&str, &str)] = &[
    ("icons/32x32.png", "32x32"),
    ("icons/64x64.png", "64x64"),
    ("icons/128x128.png", "128x128"),
    ("icons/128x128@2x.png", "256x256"),
    ("icons/icon.png", "512x512"),
    ("icons/icon.svg", "scalable"),
];

/// Shells, and where Debian's look for completions.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "usr/share/bash-completion/completions/imagepic"),
    ("zsh", "usr/share/zsh/vendor-completions/_imagepic"),
    ("fish", "usr/share/fish/vendor_completions.d/imagepic.fish"),
];

/// What the package says of itself.
pub(crate) struct About {
    /// Of the programs.
    pub(crate) version: String,
    /// In Debian's words, such as `amd64`.
    pub(crate) architecture: String,
    /// The `Depends` field.
    pub(crate) depends: String,
    /// When the sources were last changed, in seconds since 1970: the same sources make the same package.
    pub(crate) seconds: String,
    /// The same as a mail's date.
    pub(crate) date: String,
    /// `bundle` of `tauri.conf.json`.
    pub(crate) bundle: Value,
}

impl About {
    /// The programs' version and the package's own.
    pub(crate) fn full_version(&self) -> String {
        format!("{}-1", self.version)
    }

    pub(crate) fn word<'a>(&'a self, pointer: &str) -> Result<&'a str, String> {
        self.bundle
            .pointer(pointer)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("tauri.conf.json: bundle{pointer} is not a text"))
    }
}

/// `bundle` of `tauri.conf.json`.
pub(crate) fn bundle() -> Result<Value, String> {
    let text = fs::read(sh::root().join("tauri.conf.json")).map_err(|why| format!("tauri.conf.json: {why}"))?;
    let mut settings: Value = serde_json::from_slice(&text).map_err(|why| format!("tauri.conf.json: {why}"))?;
    Ok(settings["bundle"].take())
}

/// One file of the package.
pub(crate) struct Part {
    /// Where it will lie, without the first slash. What ends in `.gz` is compressed here.
    pub(crate) place: String,
    /// What is in it.
    pub(crate) content: Content,
}

/// What is in a file of the package.
pub(crate) enum Content {
    /// A file that anybody may start.
    Program(PathBuf),
    /// A file of the sources.
    File(PathBuf),
    /// Made here.
    Text(String),
}

/// Everything that is in the package. The programs lie in `programs`; they are asked for their completions and their help.
pub(crate) fn parts(about: &About, programs: &Path) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut add = |place: String, content: Content| parts.push(Part { place, content });
    let source = |path: &str| Content::File(sh::root().join(path));
    for program in PROGRAMS {
        add(format!("usr/bin/{program}"), Content::Program(programs.join(program)));
        let manual = texts::manual(program, about, |arguments| help(&programs.join(program), arguments))?;
        add(format!("usr/share/man/man1/{program}.1.gz"), Content::Text(manual));
    }
    add("usr/share/applications/imagepic.desktop".into(), source("src-tauri/linux/imagepic.desktop"));
    for (icon, size) in ICONS {
        let kind = if icon.ends_with(".svg") { "svg" } else { "png" };
        add(format!("usr/share/icons/hicolor/{size}/apps/imagepic-desktop.{kind}"), source(icon));
    }
    for (shell, place) in COMPLETIONS {
        let script = sh::read(sh::command(programs.join("imagepic")).args(["completions", shell]))?;
        add((*place).to_owned(), Content::Text(script));
    }
    let documents = "usr/share/doc/imagepic";
    add(format!("{documents}/copyright"), Content::Text(texts::copyright()?));
    add(format!("{documents}/third-party.gz"), Content::Text(texts::third_party()?));
    add(format!("{documents}/changelog.gz"), source("CHANGELOG.md"));
    add(format!("{documents}/changelog.Debian.gz"), Content::Text(texts::changelog(about)));
    Ok(parts)
}

/// What a program says of itself or of one of its commands, in English whoever builds.
fn help(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = sh::command(program);
    for name in ["LANGUAGE", "LANG", "LC_MESSAGES"] {
        command.env_remove(name);
    }
    sh::read(command.env("LC_ALL", "C").args(arguments).arg("--help"))
}

/// Makes the package below `folder` and returns where it lies.
pub(crate) fn pack(about: &About, parts: &[Part], folder: &Path) -> Result<PathBuf, String> {
    let root = folder.join("root");
    let made = folder.join("made");
    let mut bytes = 0;
    for part in parts {
        let gzip = part.place.ends_with(".gz");
        let from = match &part.content {
            Content::Program(path) => path.clone(),
            Content::File(path) if !gzip => path.clone(),
            Content::File(path) => {
                let text = fs::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
                write_for(&made.join(&part.place), &text, gzip)?
            }
            Content::Text(text) => write_for(&made.join(&part.place), text.as_bytes(), gzip)?,
        };
        bytes += fs::metadata(&from).map_err(|why| format!("{}: {why}", from.display()))?.len();
        // "install" gives folders and files the modes they are to have, whatever those of the sources and of whoever builds.
        let mode = if matches!(part.content, Content::Program(_)) { "755" } else { "644" };
        sh::read(sh::command("install").args(["-D", "-p", "-m", mode]).arg(&from).arg(root.join(&part.place)))?;
    }
    let sums = sh::read(sh::command("md5sum").current_dir(&root).args(parts.iter().map(|part| &part.place)))?;
    for (name, text) in [("control", control(about, bytes)?), ("md5sums", sums)] {
        let from = folder.join(name);
        write(&from, text.as_bytes())?;
        sh::read(sh::command("install").args(["-D", "-p", "-m", "644"]).arg(&from).arg(root.join("DEBIAN").join(name)))?;
    }
    let package = folder.join(format!("imagepic_{}_{}.deb", about.full_version(), about.architecture));
    let plain = folder.join("plain.deb");
    let mut dpkg = sh::command("dpkg-deb");
    dpkg.args(["--root-owner-group", "-Znone", "--build"]).arg(&root).arg(&plain);
    sh::read(dpkg.env("SOURCE_DATE_EPOCH", &about.seconds))?;
    squeeze::squeeze(&plain, &package, &about.architecture, &about.seconds)?;
    Ok(package)
}

/// Debian Policy, chapter 5: what the package manager must know.
fn control(about: &About, bytes: u64) -> Result<String, String> {
    let mut text = String::new();
    let mut field = |name: &str, value: &str| text.push_str(&format!("{name}: {value}\n"));
    field("Package", "imagepic");
    field("Version", &about.full_version());
    field("Architecture", &about.architecture);
    field("Maintainer", texts::MAINTAINER);
    field("Installed-Size", &bytes.div_ceil(1024).to_string());
    field("Depends", &about.depends);
    let recommends = about.bundle.pointer("/linux/deb/recommends").and_then(Value::as_array);
    let recommends: Vec<_> = recommends.into_iter().flatten().filter_map(Value::as_str).collect();
    field("Recommends", &recommends.join(", "));
    field("Section", about.word("/linux/deb/section")?);
    field("Priority", "optional");
    field("Description", about.word("/shortDescription")?);
    text.push_str(&texts::folded(about.word("/longDescription")?, 78));
    Ok(text)
}

/// The package holds the parts, all of them and nothing else, owned by root, and only the programs can be started.
pub(crate) fn look_through(package: &Path, parts: &[Part]) -> Done {
    let listing = sh::read(sh::command("dpkg-deb").arg("--contents").arg(package))?;
    let mut wrong = Vec::new();
    let mut seen = Vec::new();
    for line in listing.lines() {
        // Mode, owner, size, day, minute, name.
        let words: Vec<_> = line.split_whitespace().collect();
        let [mode, owner, _, _, _, name] = words.as_slice() else {
            wrong.push(format!("this cannot be read: {line}"));
            continue;
        };
        let name = name.trim_start_matches("./");
        let folder = name.is_empty() || name.ends_with('/');
        let part = parts.iter().find(|part| part.place == name);
        let wanted = match part {
            None if folder => "drwxr-xr-x",
            Some(part) if matches!(part.content, Content::Program(_)) => "-rwxr-xr-x",
            Some(_) => "-rw-r--r--",
            None => {
                wrong.push(format!("{name} does not belong there"));
                continue;
            }
        };
        if *mode != wanted {
            wrong.push(format!("{name} has the mode {mode}, not {wanted}"));
        }
        if *owner != "root/root" {
            wrong.push(format!("{name} belongs to {owner}, not to root"));
        }
        seen.push(name);
    }
    wrong.extend(
        parts.iter().filter(|part| !seen.contains(&part.place.as_str())).map(|part| format!("{} is missing", part.place)),
    );
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{} is not as it should be:\n  {}", package.display(), wrong.join("\n  ")))
    }
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Done {
    let folder = path.parent().ok_or_else(|| format!("{} has no folder", path.display()))?;
    fs::create_dir_all(folder).and_then(|()| fs::write(path, bytes)).map_err(|why| format!("{}: {why}", path.display()))
}

fn write_for(path: &Path, bytes: &[u8], gzip: bool) -> Result<PathBuf, String> {
    write(path, bytes)?;
    if gzip {
        // Without name and time in it: the same text makes the same file.
        let zipped = fs::File::create(path).map_err(|why| format!("{}: {why}", path.display()))?;
        let mut child = sh::command("gzip")
            .args(["-9", "--no-name", "--stdout"])
            .stdin(Stdio::piped())
            .stdout(zipped)
            .spawn()
            .map_err(|why| format!("gzip: {why}"))?;
        child.stdin.take().ok_or("gzip takes nothing")?.write_all(bytes).map_err(|why| format!("gzip: {why}"))?;
        let status = child.wait().map_err(|why| format!("gzip: {why}"))?;
        if !status.success() {
            return Err(format!("gzip failed on {} ({status})", path.display()));
        }
    }
    Ok(path.to_path_buf())
}
