//! The spool: bytes that are to be sent and may not be lost, each in a file whose name tells which process made it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use imagepic_words::errors;

use crate::error::{Code, Error, Result};
use crate::home::sync_dir;

/// Names in the spool begin with the process that made them, so that what nobody knows can be swept once that process is gone.
fn spool_name(owner: &str) -> String {
    format!("{owner}_{}", uuid::Uuid::new_v4().simple())
}

pub(super) fn write(bytes: &[u8], spool: &Path, owner: &str, lasting: bool) -> io::Result<String> {
    let name = spool_name(owner);
    let temporary = spool.join(format!("{name}.part"));
    let written = || -> io::Result<()> {
        let mut file = create(&temporary)?;
        file.write_all(bytes)?;
        if lasting {
            file.sync_data()?;
        }
        fs::rename(&temporary, spool.join(&name))
    };
    written().inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    Ok(name)
}

/// Writes bytes to the spool; `lasting`: they outlive a power cut (their name does after [`seal`]).
///
/// # Errors
/// `DiskFull` and the like.
pub(crate) fn spool(name: &str, bytes: &[u8], spool: &Path, owner: &str, lasting: bool) -> Result<String> {
    let shown = if name.is_empty() { "clipboard" } else { name };
    write(bytes, spool, owner, lasting).map_err(|error| refusal(shown, spool, error))
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(target_os = "linux")]
pub(super) fn clone(file: &File, spool: &Path, owner: &str) -> Option<String> {
    let name = spool_name(owner);
    let path = spool.join(&name);
    let copy = create(&path).ok()?;
    let cloned = rustix::fs::ioctl_ficlone(&copy, file).is_ok() && copy.sync_all().is_ok();
    if cloned {
        return Some(name);
    }
    drop(fs::remove_file(&path));
    None
}

#[cfg(not(target_os = "linux"))]
pub(super) fn clone(_: &File, _: &Path, _: &str) -> Option<String> {
    None
}

/// Files whose process is gone: those of them that no row names afterwards are nobody's.
pub(crate) fn orphans(spool: &Path, alive: impl Fn(&str) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(spool) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.split_once('_').is_some_and(|(owner, _)| !alive(owner))).collect()
}

/// Removes what nobody needs: [`orphans`] that no row names. The rows must have been read after the orphans.
pub(crate) fn sweep(spool: &Path, orphans: Vec<String>, named: &std::collections::HashSet<String>) {
    for name in orphans.into_iter().filter(|name| !named.contains(name)) {
        tracing::info!(name, "sweeps a spool file that was never taken");
        drop(fs::remove_file(spool.join(name)));
    }
}

/// Makes the names of new spool files durable.
pub(crate) fn seal(spool: &Path) {
    sync_dir(spool);
}

pub(super) fn refusal(name: &str, spool: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::new(Code::DiskFull, errors::disk_full_refused(name)).because(error)
        }
        _ => crate::home::unwritable(spool, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_file_of_a_dead_process_that_no_row_names_is_swept_and_no_other() {
        let spool = tempfile::tempdir().expect("a folder");
        for name in ["1_a", "1_b", "1_c.part", "2_d", "stranger"] {
            fs::write(spool.path().join(name), b"x").expect("a file");
        }
        let orphans = orphans(spool.path(), |owner| owner == "2");
        // Taken by a process that had begun and ended while the journal was read.
        fs::write(spool.path().join("3_e"), b"x").expect("a file");
        sweep(spool.path(), orphans, &["1_a".to_owned()].into());
        let mut left: Vec<_> = fs::read_dir(spool.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, ["1_a", "2_d", "3_e", "stranger"]);
    }
}
