//! Accounts in a folder of files, `auth_<phone>.json`, as the old service left them.
//!
//! A file is never half there: a temporary one in the same folder is filled, synced and renamed into place, and the folder is synced.
//! One server a folder (`.imagepic.lock`, held as long as it runs); each write, the console program's too, is made under a second
//! lock (`.imagepic.write`) that is held only while writing, so that accounts can be looked after beside a running server.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::document::Whole;
use super::{Accounts, Document, Invite, Invites, Opener, StoreError, Version};

/// No account is larger: sessions and failures are bounded.
const LARGEST: u64 = 1 << 20;
/// Documents kept in memory; each request looks at one.
const CACHED: usize = 4096;
/// A file written so shortly before it was read may be written once more without its time stamp telling.
const SETTLED: Duration = Duration::from_millis(50);
/// Begins the names of unfinished files.
const UNFINISHED: &str = ".imagepic-";
const INVITES: &str = "imagepic-invites.json";

/// See the module.
pub(crate) struct FolderHome {
    inside: Arc<Inside>,
    /// Held for as long as the server lives.
    _server: Option<File>,
}

struct Inside {
    folder: PathBuf,
    write: Mutex<File>,
    cache: Mutex<HashMap<String, Cached>>,
}

struct Cached {
    stamp: Stamp,
    read: SystemTime,
    document: Document,
}

/// Tells one state of a file from another without reading it.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
    inode: u64,
}

impl Stamp {
    fn of(data: &fs::Metadata) -> io::Result<Self> {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(data);
        #[cfg(not(unix))]
        let inode = 0;
        Ok(Self { modified: data.modified()?, length: data.len(), inode })
    }
}

/// Syncs a folder's list of names.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Where the files are below what was named: the folder itself if they lie in it, otherwise `db/imagepic` as the old service had it.
pub(crate) fn place(root: &Path) -> PathBuf {
    let has_accounts = |folder: &Path| phones_in(folder).is_ok_and(|phones| !phones.is_empty());
    let inner = [root.to_owned(), root.join("imagepic"), root.join("db").join("imagepic")];
    let named = |folder: &&PathBuf| folder.ends_with("db/imagepic");
    inner
        .iter()
        .find(|folder| has_accounts(folder))
        .or_else(|| inner.iter().find(named))
        .cloned()
        .unwrap_or_else(|| root.join("db").join("imagepic"))
}

/// All `<phone>` of `auth_<phone>.json`, in order.
pub(crate) fn phones_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut phones = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let phone = name.to_str().and_then(|name| name.strip_prefix("auth_")?.strip_suffix(".json"));
        phones.extend(phone.map(str::to_owned));
    }
    phones.sort_unstable();
    Ok(phones)
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).read(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What the old service left can be read by everybody on the computer, clear passwords and all.
fn close_to_others(folder: &Path) {
    #[cfg(unix)]
    for phone in phones_in(folder).unwrap_or_default() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join(format!("auth_{phone}.json"));
        let open = |data: &fs::Metadata| data.is_file() && data.permissions().mode() & 0o777 != 0o600;
        if fs::symlink_metadata(&path).is_ok_and(|data| open(&data))
            && let Err(error) = fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
        {
            let file = format!("auth_{phone}.json");
            tracing::warn!(file, %error, "others on this computer can read an account's file");
        }
    }
    #[cfg(not(unix))]
    let _ = folder;
}

impl FolderHome {
    /// Opens, and makes it if it is not there. Fails where another server holds it.
    pub(crate) fn open(root: &Path, opener: Opener) -> Result<Self, String> {
        let folder = place(root);
        let fail = |why: &dyn std::fmt::Display| format!("{}: {why}", folder.display());
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder).map_err(|error| fail(&error))?;
        close_to_others(&folder);
        let lock_file = folder.join(".imagepic.lock");
        let server = match opener {
            Opener::Console => {
                // Its presence says that no other service left these accounts: true of a folder that has none yet.
                if phones_in(&folder).is_ok_and(|phones| phones.is_empty()) {
                    private(&lock_file).map_err(|error| fail(&error))?;
                }
                None
            }
            Opener::Server => {
                let lock = private(&lock_file).map_err(|error| fail(&error))?;
                match lock.try_lock() {
                    Ok(()) => Some(lock),
                    Err(fs::TryLockError::WouldBlock) => {
                        return Err(fail(
                            &"another server has these accounts open; one folder serves one server, PostgreSQL serves many",
                        ));
                    }
                    Err(fs::TryLockError::Error(error)) => return Err(fail(&error)),
                }
            }
        };
        let write = private(&folder.join(".imagepic.write")).map_err(|error| fail(&error))?;
        let inside = Inside { folder: folder.clone(), write: Mutex::new(write), cache: Mutex::default() };
        if server.is_some() {
            inside.sweep().map_err(|error| fail(&error))?;
        }
        Ok(Self { inside: Arc::new(inside), _server: server })
    }

    /// Where the files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.inside.folder
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inside) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inside = Arc::clone(&self.inside);
        tokio::task::spawn_blocking(move || work(&inside)).await.map_err(|error| StoreError::Failed(error.to_string()))?
    }
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn version(bytes: &[u8]) -> Version {
    Version(hex::encode(&Sha256::digest(bytes)[..16]))
}

impl Inside {
    /// The file of a phone number. What is none never reaches the file system.
    fn path(&self, phone: &str) -> Option<PathBuf> {
        let safe = !phone.is_empty() && phone.len() <= 64 && phone.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+');
        safe.then(|| self.folder.join(format!("auth_{phone}.json")))
    }

    /// What a process that was killed left unfinished.
    fn sweep(&self) -> io::Result<()> {
        self.writing(|| {
            for entry in fs::read_dir(&self.folder)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        })
    }

    /// Runs `work` while nobody else writes, in this process or another.
    fn writing<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let file = self.write.lock().unwrap_or_else(PoisonError::into_inner);
        file.lock()?;
        let done = work();
        let _ = file.unlock();
        done
    }

    fn bytes(path: &Path) -> io::Result<Option<(Vec<u8>, Stamp)>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let stamp = Stamp::of(&file.metadata()?)?;
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        Ok(Some((bytes, stamp)))
    }

    fn read(&self, phone: &str, path: &Path) -> Result<Option<(Whole, Vec<u8>, Stamp)>, StoreError> {
        let Some((bytes, stamp)) = Self::bytes(path).map_err(failed)? else { return Ok(None) };
        let broken = |why: String| StoreError::Broken { phone: phone.to_owned(), why };
        if bytes.len() as u64 > LARGEST {
            return Err(broken("it is larger than any account".to_owned()));
        }
        Ok(Some((Whole::read(&bytes, phone).map_err(broken)?, bytes, stamp)))
    }

    /// What was read before, if the file is still the same. One look at its stamp, which the system has in memory: cheap enough to be
    /// taken where the request is, and not on a thread for slow work.
    fn known(&self, phone: &str) -> Option<Document> {
        let path = self.path(phone)?;
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let cached = cache.get(phone)?;
        let settled = cached.read.duration_since(cached.stamp.modified).is_ok_and(|age| age > SETTLED);
        let same = settled && fs::metadata(&path).and_then(|data| Stamp::of(&data)).is_ok_and(|stamp| stamp == cached.stamp);
        same.then(|| cached.document.clone())
    }

    fn find(&self, phone: &str) -> Result<Option<Document>, StoreError> {
        let Some(path) = self.path(phone) else { return Ok(None) };
        let now = SystemTime::now();
        let Some((whole, bytes, stamp)) = self.read(phone, &path)? else { return Ok(None) };
        let Some(person) = whole.person() else { return Ok(None) };
        let document = Document { phone: phone.to_owned(), fields: person.clone(), version: version(&bytes) };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(phone.to_owned(), Cached { stamp, read: now, document: document.clone() });
        Ok(Some(document))
    }

    /// Puts a file there as a whole or not at all.
    fn put(&self, path: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        if replace {
            file.persist(path)?
        } else {
            file.persist_noclobber(path)?
        };
        sync_folder(&self.folder)
    }

    fn add(&self, phone: &str, fields: Map<String, Value>) -> Result<Document, StoreError> {
        let path = self.path(phone).ok_or_else(|| failed("no phone number"))?;
        self.writing(|| {
            // An empty list is nobody: whoever registers moves in. A file that cannot be read may be somebody, and is left alone.
            let (whole, replace) = match self.read(phone, &path) {
                Ok(None) => (Whole::of(fields.clone()), false),
                Ok(Some((whole, ..))) if whole.person().is_none() => (whole.with(fields.clone()), true),
                Ok(Some(_)) | Err(StoreError::Broken { .. }) => return Ok(Err(StoreError::Exists)),
                Err(error) => return Ok(Err(error)),
            };
            let bytes = whole.bytes();
            match self.put(&path, &bytes, replace) {
                Ok(()) => Ok(Ok(Document { phone: phone.to_owned(), fields, version: version(&bytes) })),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Err(StoreError::Exists)),
                Err(error) => Err(error),
            }
        })
        .map_err(failed)?
    }

    fn update(&self, document: Document) -> Result<Document, StoreError> {
        let path = self.path(&document.phone).ok_or(StoreError::Changed)?;
        self.writing(|| {
            let (whole, bytes, _) = match self.read(&document.phone, &path) {
                Ok(Some(read)) => read,
                Ok(None) | Err(StoreError::Broken { .. }) => return Ok(Err(StoreError::Changed)),
                Err(error) => return Ok(Err(error)),
            };
            if version(&bytes) != document.version {
                return Ok(Err(StoreError::Changed));
            }
            let bytes = whole.with(document.fields.clone()).bytes();
            self.put(&path, &bytes, true)?;
            Ok(Ok(Document { version: version(&bytes), ..document }))
        })
        .map_err(failed)?
    }

    fn remove(&self, phone: &str) -> Result<bool, StoreError> {
        let Some(path) = self.path(phone) else { return Ok(false) };
        self.writing(|| match fs::remove_file(&path) {
            Ok(()) => sync_folder(&self.folder).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        })
        .map_err(failed)
    }

    /// Changes the list of invitations; `change` tells whether it did.
    fn invites(&self, change: impl FnOnce(&mut Vec<Invite>) -> bool) -> Result<bool, StoreError> {
        let path = self.folder.join(INVITES);
        self.writing(|| {
            let mut invites: Vec<Invite> = match Self::bytes(&path)? {
                Some((bytes, _)) => serde_json::from_slice(&bytes)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{INVITES} cannot be read: {error}")))?,
                None => Vec::new(),
            };
            let changed = change(&mut invites);
            if changed {
                self.put(&path, &serde_json::to_vec(&invites)?, true)?;
            }
            Ok(changed)
        })
        .map_err(failed)
    }
}

#[async_trait]
impl Accounts for FolderHome {
    async fn find(&self, phone: &str) -> Result<Option<Document>, StoreError> {
        if let Some(known) = self.inside.known(phone) {
            return Ok(Some(known));
        }
        let phone = phone.to_owned();
        self.blocking(move |inside| inside.find(&phone)).await
    }

    async fn add(&self, phone: &str, fields: Map<String, Value>) -> Result<Document, StoreError> {
        let phone = phone.to_owned();
        self.blocking(move |inside| inside.add(&phone, fields)).await
    }

    async fn update(&self, document: Document) -> Result<Document, StoreError> {
        self.blocking(move |inside| inside.update(document)).await
    }

    async fn remove(&self, phone: &str) -> Result<bool, StoreError> {
        let phone = phone.to_owned();
        self.blocking(move |inside| inside.remove(&phone)).await
    }

    async fn phones(&self) -> Result<Vec<String>, StoreError> {
        self.blocking(|inside| phones_in(&inside.folder).map_err(failed)).await
    }
}

#[async_trait]
impl Invites for FolderHome {
    async fn invite(&self, invite: Invite, now: i64) -> Result<(), StoreError> {
        self.blocking(move |inside| {
            inside.invites(|invites| {
                invites.retain(|old| old.expires > now && old.uses > 0);
                invites.push(invite);
                true
            })
        })
        .await
        .map(drop)
    }

    async fn take(&self, hash: &str, now: i64) -> Result<bool, StoreError> {
        let hash = hash.to_owned();
        self.blocking(move |inside| {
            inside.invites(|invites| {
                let found = invites.iter_mut().find(|invite| invite.hash == hash && invite.expires > now && invite.uses > 0);
                found.map(|invite| invite.uses -= 1).is_some()
            })
        })
        .await
    }

    async fn give_back(&self, hash: &str) -> Result<(), StoreError> {
        let hash = hash.to_owned();
        self.blocking(move |inside| {
            inside
                .invites(|invites| invites.iter_mut().find(|invite| invite.hash == hash).map(|invite| invite.uses += 1).is_some())
        })
        .await
        .map(drop)
    }
}
