//! The package made smaller than `dpkg-deb` makes it, in the same form.
//!
//! xz finds more in machine code once the targets of its jumps are made alike, wherever they stand: a twentieth of the package.
//! `dpkg` and `apt` read that, as they read any xz, but `dpkg-deb` does not ask for it. What is in the archive stays its work.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::sh::{self, Done};

/// deb(5): what the first member says.
const FORMAT: &[u8] = b"2.0\n";

/// Writes what `plain`, a package that is not compressed, holds to `package`. `seconds`: when it was made, since 1970.
pub(super) fn squeeze(plain: &Path, package: &Path, architecture: &str, seconds: &str) -> Done {
    let filter: &[&str] = match architecture {
        "amd64" => &["--x86"],
        _ => &[],
    };
    // The largest window a level of xz has: both programs lie in it, so that what they share is stored once.
    let most = "--lzma2=preset=9e,dict=64MiB";
    let data = compressed(plain, "--fsys-tarfile", filter.iter().copied().chain([most]))?;
    let control = compressed(plain, "--ctrl-tarfile", [most])?;
    let members = [("debian-binary", FORMAT), ("control.tar.xz", &control), ("data.tar.xz", &data)];
    let wrong = |why| format!("{}: {why}", package.display());
    let mut file = File::create(package).map_err(wrong)?;
    file.write_all(&archive(&members, seconds)).map_err(wrong)?;
    file.sync_all().map_err(wrong)?;
    fs::remove_file(plain).map_err(|why| format!("{}: {why}", plain.display()))
}

fn compressed<'a>(plain: &Path, part: &str, how: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>, String> {
    let mut tar = sh::command("dpkg-deb");
    let mut tar = tar.arg(part).arg(plain).stdout(Stdio::piped()).spawn().map_err(|why| format!("dpkg-deb: {why}"))?;
    let from = tar.stdout.take().ok_or("dpkg-deb: no output")?;
    let mut xz = sh::command("xz");
    // One thread: several cut the window into pieces.
    xz.args(["--compress", "--stdout", "--check=crc32", "--threads=1"]).args(how).stdin(from).stderr(Stdio::inherit());
    let made = xz.output().map_err(|why| format!("xz: {why}"))?;
    let read = tar.wait().map_err(|why| format!("dpkg-deb: {why}"))?;
    if !read.success() || !made.status.success() {
        return Err(format!("the package's {part} was not compressed: dpkg-deb {read}, xz {}", made.status));
    }
    Ok(made.stdout)
}

/// deb(5): an `ar` archive of its old common form, names without a slash at the end.
fn archive(members: &[(&str, &[u8])], seconds: &str) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, data) in members {
        bytes.extend(format!("{name:<16}{seconds:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", data.len()).bytes());
        bytes.extend_from_slice(data);
        if data.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}
