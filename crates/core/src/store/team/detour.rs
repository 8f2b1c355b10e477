//! Whether bytes take the way through the team server, since the bucket's own address is no use from here.
//!
//! To find that out may take as long as a connection is waited for, and each upload of a console is a process of its own: what one
//! finds is noted for all processes of the home. It is looked at again after a while, since computers are carried to other networks.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// How long what was found is believed.
const WHILE: Duration = Duration::from_secs(600);

/// The note: a file; when it was written is what it says.
pub(super) struct Detour(PathBuf);

impl Detour {
    pub(super) const fn noted_at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn is_taken(&self) -> bool {
        let noted = fs::metadata(&self.0).and_then(|file| file.modified());
        // A time to come was written by a clock that was wrong.
        noted.is_ok_and(|noted| noted.elapsed().is_ok_and(|age| age < WHILE))
    }

    /// From now on.
    pub(super) fn take(&self) {
        if let Err(error) = fs::write(&self.0, b"\n") {
            tracing::warn!(%error, "the next upload will look for the bucket's own address again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_round_is_taken_by_every_process_of_the_home_and_looked_at_again_after_a_while() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("note");
        let (one, other) = (Detour::noted_at(path.clone()), Detour::noted_at(path.clone()));
        assert!(!one.is_taken());
        one.take();
        assert!(one.is_taken() && other.is_taken());
        let note = fs::File::options().write(true).open(&path).expect("a file");
        let now = std::time::SystemTime::now();
        note.set_modified(now - WHILE).expect("a time");
        assert!(!other.is_taken(), "it is tried again");
        note.set_modified(now + WHILE).expect("a time");
        assert!(!other.is_taken(), "whatever the clock said then");
        one.take();
        assert!(other.is_taken(), "and found out again");
    }
}
