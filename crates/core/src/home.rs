//! One home: where imagepic keeps its files, and who of several processes is alive in it.
//!
//! A home is either the platform's own places (on Linux after the XDG base directory specification) or, with `IMAGEPIC_HOME`, one folder
//! with everything side by side. This module knows places and locks; what the files say is the business of whoever owns them.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Component, Path, PathBuf};

use imagepic_words::{home as words, reason};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};

/// In `run/`: there while uploads are paused, and names who paused its queue.
const PAUSED: &str = "paused";

/// What small pictures in `thumbnails/` are, by the ends of their names.
pub(crate) const SMALL: [&str; 2] = ["png", "svg"];

/// The variable that moves all state into one folder.
pub const VARIABLE: &str = "IMAGEPIC_HOME";

/// The places of one home. Cheap to clone; makes nothing on disk until [`Home::prepare`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    settings: PathBuf,
    data: PathBuf,
}

impl Home {
    /// The home of this process: `IMAGEPIC_HOME`, or the platform's places.
    ///
    /// # Errors
    /// `HomeUnwritable` where the system names no home folder, or the working folder cannot be told.
    pub fn locate() -> Result<Self> {
        if let Some(dir) = std::env::var_os(VARIABLE).filter(|dir| !dir.is_empty()) {
            return Ok(Self::at(PathBuf::from(dir)));
        }
        let nowhere = || Error::new(Code::HomeUnwritable, words::nowhere());
        let (settings, data) = platform_places().ok_or_else(nowhere)?;
        Ok(Self { settings: settings.join("imagepic"), data: data.join("imagepic") })
    }

    /// A home with everything side by side in `dir`; a relative one is taken from the working folder.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        let dir = std::path::absolute(&dir).unwrap_or(dir);
        Self { settings: dir.clone(), data: dir }
    }

    /// The folder of `settings.toml`.
    #[must_use]
    pub fn settings_dir(&self) -> &Path {
        &self.settings
    }

    /// The folder of everything else.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// `settings.toml`
    #[must_use]
    pub fn settings_file(&self) -> PathBuf {
        self.settings.join("settings.toml")
    }

    /// `journal.sqlite`: journal and history.
    #[must_use]
    pub fn journal_file(&self) -> PathBuf {
        self.data.join("journal.sqlite")
    }

    /// `spool/`: bytes that were taken in and are not yet confirmed.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.data.join("spool")
    }

    /// `thumbnails/`: can be thrown away at any time.
    #[must_use]
    pub fn thumbnails(&self) -> PathBuf {
        self.data.join("thumbnails")
    }

    /// What is small of these bytes, without its end, which is one of [`SMALL`].
    pub(crate) fn thumbnail(&self, of: &[u8; 32]) -> PathBuf {
        self.thumbnails().join(hex::encode(of))
    }

    /// `bucket/`: the embedded bucket's index, blobs, port, key and lock.
    #[must_use]
    pub fn bucket(&self) -> PathBuf {
        self.data.join("bucket")
    }

    /// `logs/`
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// `run/`: one locked file for each living process, and short locks.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.data.join("run")
    }

    /// Its folders as the file system has them, without links: what lies there is imagepic's own.
    pub(crate) fn own(&self) -> Vec<PathBuf> {
        let mut own = vec![canonical(&self.data), canonical(&self.settings)];
        own.dedup();
        own
    }

    /// Twelve hex digits that tell this home from every other one of this user: part of the keychain service and the single-instance
    /// name. The same through any symbolic link to it.
    #[must_use]
    pub fn id(&self) -> String {
        let digest = Sha256::digest(canonical(&self.data).as_os_str().as_encoded_bytes());
        hex::encode(&digest[..6])
    }

    /// Makes the folders of this home, readable by nobody else.
    ///
    /// # Errors
    /// `HomeUnwritable` or `DiskFull`, naming the folder.
    pub fn prepare(&self) -> Result<()> {
        for dir in [&self.settings, &self.data] {
            private_dir(dir).map_err(|error| unwritable(dir, error))?;
        }
        for dir in [self.spool(), self.thumbnails(), self.bucket(), self.logs(), self.run()] {
            private_dir(&dir).map_err(|error| unwritable(&dir, error))?;
            restrict(&dir);
        }
        // Names and places of everything that was uploaded: made here, since SQLite makes files that others can read. What it puts
        // beside them takes their rights.
        let journal = self.journal_file();
        open_private(&journal).map_err(|error| unwritable(&journal, error))?;
        restrict(&journal);
        Ok(())
    }

    /// Says that this process lives in this home.
    ///
    /// # Errors
    /// `HomeUnwritable` or `DiskFull`.
    pub fn claim(&self) -> Result<Presence> {
        let run = self.run();
        let pid = std::process::id();
        let mut turn = 1_u32;
        loop {
            let name = if turn == 1 { pid.to_string() } else { format!("{pid}-{turn}") };
            let path = run.join(&name);
            let file = open_private(&path).map_err(|error| unwritable(&path, error))?;
            match file.try_lock() {
                // Another process may have cleared the file away between opening and locking it.
                Ok(()) if same_file(&file, &path) => return Ok(Presence { name, path, _file: file }),
                Ok(()) => {}
                // A second engine in this process, or somebody who looks at this very moment: take the next name.
                Err(TryLockError::WouldBlock) => turn += 1,
                Err(TryLockError::Error(error)) => return Err(unwritable(&path, error)),
            }
        }
    }

    /// Whether the process that [`claim`](Self::claim)ed under `name` still lives. In doubt it does.
    #[must_use]
    pub fn alive(&self, name: &str) -> bool {
        if !is_presence(name) {
            return false;
        }
        match File::open(self.run().join(name)) {
            // Shared, so that two who look at once do not take each other for the living one.
            Ok(file) => !matches!(file.try_lock_shared(), Ok(())),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Whether a person paused uploads, in whatever run, and has not resumed them since.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.run().join(PAUSED).exists()
    }

    /// Says to other processes of this home, and to the next resident one, whether `owner` has paused its queue.
    pub(crate) fn say_paused(&self, owner: &str, paused: bool) {
        let path = self.run().join(PAUSED);
        let said = if paused { fs::write(&path, owner) } else { fs::remove_file(&path) };
        if let Err(error) = said
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "other processes do not hear of the pause");
        }
    }

    /// The living process that has paused its queue, as [`claim`](Self::claim) named it.
    #[must_use]
    pub fn paused_by(&self) -> Option<String> {
        fs::read_to_string(self.run().join(PAUSED)).ok().filter(|owner| self.alive(owner))
    }

    /// Waits for the lock `run/<name>.lock` and holds it until the guard is dropped; for work of milliseconds.
    ///
    /// # Errors
    /// `HomeUnwritable` or `DiskFull`.
    pub fn lock(&self, name: &str) -> Result<Lock> {
        let run = self.run();
        private_dir(&run).map_err(|error| unwritable(&run, error))?;
        let path = run.join(format!("{name}.lock"));
        let file = open_private(&path).map_err(|error| unwritable(&path, error))?;
        file.lock().map_err(|error| unwritable(&path, error))?;
        Ok(Lock { _file: file })
    }

    /// Processes that were killed: who ends in order takes its claim along. What they left elsewhere is cleared away before
    /// [`forget`](Self::forget) clears away their names, by which others know of it.
    #[must_use]
    pub fn killed(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.run()) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| is_presence(name) && !self.alive(name)).collect()
    }

    /// Clears away the claims of these processes, but for a name that somebody bears again.
    pub fn forget(&self, killed: &[String]) {
        for name in killed {
            let path = self.run().join(name);
            if let Ok(file) = File::open(&path) {
                clear(&file, &path);
            }
        }
    }
}

/// The claim of a living process. Dropping it, or ending in whatever way, frees it.
#[derive(Debug)]
pub struct Presence {
    name: String,
    path: PathBuf,
    _file: File,
}

impl Presence {
    /// What the journal writes as owner, and what [`Home::alive`] asks for: the process id, with a suffix for a second engine in it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A short lock between processes; see [`Home::lock`].
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// What it means that `path` could not be written: `DiskFull` or `HomeUnwritable`, in a sentence that names it.
#[must_use]
pub fn unwritable(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::new(Code::DiskFull, words::disk_full(path.display())),
        _ => Error::new(Code::HomeUnwritable, words::unwritable(path.display(), "").with("reason", reason(&error))),
    }
    .because(error)
}

/// What it means that `path` of this home could not be read.
#[must_use]
pub fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(Code::HomeUnwritable, words::unreadable(path.display(), "").with("reason", reason(&error))).because(error)
}

/// Writes `bytes` so that whoever reads `path` finds the old or the new content and nothing between, also after a power cut. Readable by
/// this user only; a symbolic link stays one.
///
/// # Errors
/// `DiskFull` or `HomeUnwritable`.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let write = || -> io::Result<()> {
        let dir = target.parent().unwrap_or(Path::new("."));
        // A named temporary file is made with mode 0600.
        let mut file = tempfile::Builder::new().prefix(".imagepic-").tempfile_in(dir)?;
        io::Write::write_all(&mut file, bytes)?;
        file.as_file().sync_all()?;
        file.persist(&target).map_err(|error| error.error)?;
        sync_dir(dir);
        Ok(())
    };
    write().map_err(|error| unwritable(path, error))
}

/// Makes a rename in `dir` durable where the platform lets a folder be synced.
pub fn sync_dir(dir: &Path) {
    #[cfg(unix)]
    if let Ok(dir) = File::open(dir) {
        let _ = dir.sync_all();
    }
    #[cfg(not(unix))]
    let _ = dir;
}

/// Clears away the claim that was opened as `file`, where nobody holds it.
fn clear(file: &File, path: &Path) {
    // Another process may have cleared it away since, and a newcomer of the same number claimed the name: that file is not this one.
    if file.try_lock().is_ok() && same_file(file, path) {
        let _ = fs::remove_file(path);
    }
}

fn is_presence(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_digit() || c == '-')
}

fn private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// A folder or file that an older hand made with wider rights; where it belongs to somebody else that stays as it is.
fn restrict(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Ok(data) = fs::metadata(path)
            && data.permissions().mode() & 0o077 != 0
        {
            let mode = if data.is_dir() { 0o700 } else { 0o600 };
            let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode));
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Opens or makes a file that only this user can read.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    matches!((file.metadata(), fs::metadata(path)), (Ok(one), Ok(two)) if one.dev() == two.dev() && one.ino() == two.ino())
}

#[cfg(not(unix))]
fn same_file(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// `path` without symbolic links, also where its end does not exist yet.
fn canonical(path: &Path) -> PathBuf {
    let mut missing = Vec::new();
    let mut head = path;
    loop {
        if let Ok(real) = fs::canonicalize(head) {
            return missing.iter().rev().fold(real, |path, part| path.join(part));
        }
        match (head.parent(), head.components().next_back()) {
            (Some(parent), Some(Component::Normal(name))) => {
                missing.push(name);
                head = parent;
            }
            _ => return path.to_owned(),
        }
    }
}

#[cfg(not(any(target_os = "macos", windows)))]
fn platform_places() -> Option<(PathBuf, PathBuf)> {
    // XDG base directory specification: a relative value is invalid and is ignored.
    let xdg = |name: &str, below_home: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(below_home)))
    };
    Some((xdg("XDG_CONFIG_HOME", ".config")?, xdg("XDG_DATA_HOME", ".local/share")?))
}

#[cfg(target_os = "macos")]
fn platform_places() -> Option<(PathBuf, PathBuf)> {
    let support = std::env::home_dir()?.join("Library/Application Support");
    Some((support.clone(), support))
}

#[cfg(windows)]
fn platform_places() -> Option<(PathBuf, PathBuf)> {
    let place = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    Some((place("APPDATA")?, place("LOCALAPPDATA")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let home = Home::at(dir.path());
        home.prepare().expect("a fresh home");
        (dir, home)
    }

    #[test]
    fn a_process_is_alive_as_long_as_it_holds_its_claim() {
        let (_dir, home) = home();
        let presence = home.claim().expect("a claim");
        let name = presence.name().to_owned();
        assert!(home.alive(&name));
        assert!(home.alive(&name), "looking does not take the claim away");
        drop(presence);
        assert!(!home.alive(&name));
    }

    #[test]
    fn two_engines_in_one_process_have_claims_of_their_own() {
        let (_dir, home) = home();
        let one = home.claim().expect("a claim");
        let two = home.claim().expect("a second claim");
        assert_ne!(one.name(), two.name());
        assert!(home.alive(one.name()) && home.alive(two.name()));
    }

    #[test]
    fn a_claim_left_by_a_crash_is_dead_and_is_cleared_away_and_no_living_one() {
        let (_dir, home) = home();
        fs::write(home.run().join("999999999"), "").expect("a stale file");
        fs::write(home.run().join("settings.lock"), "").expect("another file");
        assert!(!home.alive("999999999"));
        let presence = home.claim().expect("a claim");
        assert_eq!(home.killed(), ["999999999"]);
        home.forget(&["999999999".to_owned(), presence.name().to_owned()]);
        assert!(!home.run().join("999999999").exists());
        assert!(home.run().join(presence.name()).exists());
        assert!(home.run().join("settings.lock").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_claim_of_the_same_name_made_while_a_dead_one_is_cleared_away_stays() {
        let (_dir, home) = home();
        let path = home.run().join(std::process::id().to_string());
        fs::write(&path, "").expect("a stale file");
        let stale = File::open(&path).expect("it is there");
        home.forget(&[std::process::id().to_string()]);
        let newcomer = home.claim().expect("a claim");
        assert_eq!(newcomer.path, path);
        clear(&stale, &path);
        assert!(path.exists() && home.alive(newcomer.name()));
    }

    #[test]
    fn a_name_that_is_a_path_is_nobody() {
        let (_dir, home) = home();
        assert!(!home.alive("../settings.toml"));
        assert!(!home.alive(""));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_look_into_the_folders() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a temporary folder");
        let home = Home::at(dir.path().join("deep/er"));
        home.prepare().expect("a fresh home");
        for dir in [home.data().to_owned(), home.spool(), home.bucket(), home.logs(), home.run(), home.thumbnails()] {
            assert_eq!(fs::metadata(&dir).expect("made").permissions().mode() & 0o777, 0o700, "{}", dir.display());
        }
        assert_eq!(fs::metadata(home.journal_file()).expect("made").permissions().mode() & 0o777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_home_reached_through_a_link_is_the_same_home() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let real = Home::at(dir.path().join("real"));
        let before = real.id();
        real.prepare().expect("a fresh home");
        std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("link")).expect("a link");
        assert_eq!(Home::at(dir.path().join("link")).id(), real.id());
        assert_eq!(before, real.id(), "the id is there before the folder is");
        assert_ne!(Home::at(dir.path().join("other")).id(), real.id());
    }

    #[test]
    fn a_home_below_a_file_says_which_path_cannot_be_written() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::write(dir.path().join("file"), "").expect("a file");
        let error = Home::at(dir.path().join("file/home")).prepare().expect_err("no folder below a file");
        assert_eq!(error.code, Code::HomeUnwritable);
        assert!(error.to_string().contains("file/home"), "{error}");
        assert!(error.to_string().contains(VARIABLE), "{error}");
    }
}
