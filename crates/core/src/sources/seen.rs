//! What was taken out of watched folders, so that nothing is taken twice, in this run or a later one; and which folders a person has
//! agreed to.
//!
//! A file is the same as long as its path, inode, size and time of change are: one that is saved anew is another picture. It is a small
//! database of its own beside the journal, `watched.sqlite`, because it says nothing about uploads: whoever loses it loses none.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use imagepic_words::sources as words;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::{Code, Error, Result};
use crate::home::{Home, open_private};
use crate::sources::folder::Stamp;

/// The form this build reads and writes (`PRAGMA user_version`).
const VERSION: i64 = 1;
/// Rows after which those of files that are no more are dropped.
const MANY: i64 = 100_000;

/// See the module. Every call blocks.
pub(crate) struct Seen {
    file: PathBuf,
    connection: Mutex<Connection>,
}

impl Seen {
    /// Opens or makes it.
    ///
    /// # Errors
    /// `HomeNewer`; `HomeUnwritable`.
    pub(crate) fn open(home: &Home) -> Result<Self> {
        let file = home.data().join("watched.sqlite");
        let broken = |error: rusqlite::Error| broken(&file, error);
        open_private(&file).map_err(|error| crate::home::unwritable(&file, error))?;
        let connection = Connection::open(&file).map_err(broken)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(broken)?;
        let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(broken)?;
        if found > VERSION {
            return Err(Error::new(Code::HomeNewer, words::memory_newer(file.display())));
        }
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE;
                 CREATE TABLE IF NOT EXISTS taken (
                   path BLOB PRIMARY KEY, device INTEGER NOT NULL, inode INTEGER NOT NULL,
                   modified INTEGER NOT NULL, size INTEGER NOT NULL
                 ) WITHOUT ROWID;
                 CREATE TABLE IF NOT EXISTS agreed (
                   path BLOB NOT NULL, destination TEXT NOT NULL, PRIMARY KEY (path, destination)
                 ) WITHOUT ROWID;
                 PRAGMA user_version = {VERSION};
                 COMMIT;"
            ))
            .map_err(broken)?;
        let seen = Self { file: file.clone(), connection: Mutex::new(connection) };
        seen.prune()?;
        Ok(seen)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self, error: rusqlite::Error) -> Error {
        broken(&self.file, error)
    }

    fn prune(&self) -> Result<()> {
        let connection = self.lock();
        let run = || -> rusqlite::Result<()> {
            let count: i64 = connection.query_row("SELECT count(*) FROM taken", [], |row| row.get(0))?;
            if count < MANY {
                return Ok(());
            }
            let mut all = connection.prepare("SELECT path FROM taken")?;
            let paths = all.query_map([], |row| row.get::<_, Vec<u8>>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
            let transaction = connection.unchecked_transaction()?;
            for path in paths {
                if is_gone(&path) {
                    transaction.execute("DELETE FROM taken WHERE path = ?1", [&path])?;
                }
            }
            transaction.commit()
        };
        run().map_err(|error| self.broken(error))
    }

    /// Whether this very file was taken before.
    ///
    /// # Errors
    /// `HomeUnwritable`.
    pub(crate) fn knows(&self, path: &Path, stamp: Stamp) -> Result<bool> {
        let connection = self.lock();
        let known = connection
            .prepare_cached("SELECT device, inode, modified, size FROM taken WHERE path = ?1")
            .and_then(|mut find| {
                find.query_row([path.as_os_str().as_encoded_bytes()], |row| {
                    Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
                })
                .optional()
            })
            .map_err(|error| self.broken(error))?;
        Ok(known == Some(stamp.columns()))
    }

    /// These were taken.
    ///
    /// # Errors
    /// `DiskFull`, `HomeUnwritable`.
    pub(crate) fn taken(&self, files: &[(PathBuf, Stamp)]) -> Result<()> {
        let connection = self.lock();
        let run = || -> rusqlite::Result<()> {
            let transaction = connection.unchecked_transaction()?;
            for (path, stamp) in files {
                let [device, inode, modified, size] = stamp.columns();
                transaction.prepare_cached("INSERT OR REPLACE INTO taken VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
                    path.as_os_str().as_encoded_bytes(),
                    device,
                    inode,
                    modified,
                    size
                ])?;
            }
            transaction.commit()
        };
        run().map_err(|error| self.broken(error))
    }

    /// Whether a person has agreed that what appears in this folder goes there by itself.
    ///
    /// # Errors
    /// `HomeUnwritable`.
    pub(crate) fn agreed(&self, folder: &Path, destination: &str) -> Result<bool> {
        let connection = self.lock();
        let mut find = connection
            .prepare_cached("SELECT 1 FROM agreed WHERE path = ?1 AND destination = ?2")
            .map_err(|error| self.broken(error))?;
        find.exists(params![folder.as_os_str().as_encoded_bytes(), destination]).map_err(|error| self.broken(error))
    }

    /// A person has agreed.
    ///
    /// # Errors
    /// `DiskFull`, `HomeUnwritable`.
    pub(crate) fn agree(&self, folder: &Path, destination: &str) -> Result<()> {
        let row = params![folder.as_os_str().as_encoded_bytes(), destination];
        let done = self.lock().execute("INSERT OR IGNORE INTO agreed VALUES (?1, ?2)", row);
        done.map(drop).map_err(|error| self.broken(error))
    }

    /// A folder that is watched anew asks anew: forgets what was agreed on for all but these.
    ///
    /// # Errors
    /// `DiskFull`, `HomeUnwritable`.
    pub(crate) fn keep_agreed(&self, folders: &[PathBuf]) -> Result<()> {
        let connection = self.lock();
        let run = || -> rusqlite::Result<()> {
            let mut all = connection.prepare("SELECT DISTINCT path FROM agreed")?;
            let paths = all.query_map([], |row| row.get::<_, Vec<u8>>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
            for path in paths {
                if folders.iter().all(|kept| kept.as_os_str().as_encoded_bytes() != path) {
                    connection.execute("DELETE FROM agreed WHERE path = ?1", [&path])?;
                }
            }
            Ok(())
        };
        run().map_err(|error| self.broken(error))
    }
}

#[cfg(unix)]
fn is_gone(path: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(path)).symlink_metadata().is_err()
}

#[cfg(not(unix))]
fn is_gone(path: &[u8]) -> bool {
    std::str::from_utf8(path).is_ok_and(|path| Path::new(path).symlink_metadata().is_err())
}

fn broken(file: &Path, error: rusqlite::Error) -> Error {
    let full = matches!(&error, rusqlite::Error::SqliteFailure(code, _) if code.code == rusqlite::ErrorCode::DiskFull);
    if full {
        return Error::new(Code::DiskFull, imagepic_words::home::disk_full(file.display())).because(error);
    }
    Error::new(Code::HomeUnwritable, words::memory_broken(file.display(), &error)).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_known_after_a_restart_and_only_as_long_as_it_is_the_same_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::at(dir.path());
        home.prepare().expect("a home");
        let stamp = Stamp { device: 1, inode: u64::MAX, modified: -5, size: 7 };
        let path = Path::new("/shots/a.png");
        let seen = Seen::open(&home).expect("opened");
        assert!(!seen.knows(path, stamp).expect("asked"));
        seen.taken(&[(path.to_owned(), stamp)]).expect("noted");
        drop(seen);
        let seen = Seen::open(&home).expect("opened again");
        assert!(seen.knows(path, stamp).expect("asked"));
        for other in [Stamp { inode: 2, ..stamp }, Stamp { modified: 0, ..stamp }, Stamp { size: 8, ..stamp }] {
            assert!(!seen.knows(path, other).expect("asked"), "{other:?}");
        }
        assert!(!seen.knows(Path::new("/shots/b.png"), stamp).expect("asked"));
    }

    #[test]
    fn a_folder_that_was_given_up_and_is_watched_again_asks_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::at(dir.path());
        home.prepare().expect("a home");
        let seen = Seen::open(&home).expect("opened");
        let (one, two) = (PathBuf::from("/one"), PathBuf::from("/two"));
        seen.agree(&one, "team").expect("agreed");
        seen.agree(&two, "").expect("agreed");
        assert!(
            seen.agreed(&one, "team").expect("asked") && !seen.agreed(&one, "").expect("asked"),
            "another place, another question"
        );
        seen.keep_agreed(std::slice::from_ref(&two)).expect("kept");
        assert!(!seen.agreed(&one, "team").expect("asked") && seen.agreed(&two, "").expect("asked"));
    }

    #[test]
    fn a_memory_of_a_newer_imagepic_is_left_as_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::at(dir.path());
        home.prepare().expect("a home");
        drop(Seen::open(&home).expect("opened"));
        let file = home.data().join("watched.sqlite");
        Connection::open(&file).expect("opened").execute_batch("PRAGMA user_version = 99").expect("set");
        let before = std::fs::read(&file).expect("read");
        assert_eq!(Seen::open(&home).err().expect("refused").code, Code::HomeNewer);
        assert_eq!(std::fs::read(&file).expect("read"), before);
    }
}
