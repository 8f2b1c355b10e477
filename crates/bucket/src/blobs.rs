//! The bytes: one file for each put or part, under a random name that is never used again.
//!
//! A blob is written and made durable before the index knows it, and unlinked after the index forgot it, so that a crash in
//! between leaves at most a file nobody refers to: the sweep after an unclean end takes those away. A key never comes near a
//! path. Who refers to a blob is the index's business; here is only who reads it (`Pinned`) and who is writing it (`Fresh`).

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use crate::counters::Counters;
use crate::error::{Error, Result};
use crate::fail::{Fail, Try, broken};
use crate::index::Piece;

/// Puts that run side by side share one folder and so one fsync of it; a folder is left for the next after this many.
const PER_FOLDER: u32 = 4096;

/// The name of a blob: its first byte is the folder.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BlobId(pub(crate) [u8; 16]);

impl BlobId {
    pub(crate) fn folder(self) -> u8 {
        self.0[0]
    }

    fn parse(folder: &str, name: &str) -> Option<Self> {
        let mut id = [0; 16];
        hex::decode_to_slice(name, &mut id).ok()?;
        (hex::encode([id[0]]) == folder).then_some(BlobId(id))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[derive(Default)]
struct Pin {
    readers: u32,
    doomed: bool,
}

/// The folder of blob files.
pub(crate) struct Blobs {
    root: PathBuf,
    pub(crate) counters: Arc<Counters>,
    writing: Mutex<HashSet<BlobId>>,
    pins: Mutex<HashMap<BlobId, Pin>>,
    /// Held for reading from the look into the index until the blobs found there are pinned.
    gate: RwLock<()>,
    folder: Mutex<(u8, u32)>,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the entries of a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and the file system orders its metadata itself.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Creates a folder only this person may enter.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Options that make files only this person may read.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl Blobs {
    pub(crate) fn open(root: PathBuf, counters: Arc<Counters>) -> Result<Self> {
        private_folder(&root).map_err(|e| Error::io("create", &root, e))?;
        Ok(Self {
            root,
            counters,
            writing: Mutex::default(),
            pins: Mutex::default(),
            gate: RwLock::default(),
            folder: Mutex::new((rand::random(), 0)),
        })
    }

    pub(crate) fn path(&self, id: BlobId) -> PathBuf {
        self.folder_path(id.folder()).join(hex::encode(id.0))
    }

    fn folder_path(&self, folder: u8) -> PathBuf {
        self.root.join(hex::encode([folder]))
    }

    /// Makes a new empty blob; it is unlinked again unless `Fresh::keep` is called.
    pub(crate) fn create(self: &Arc<Self>) -> io::Result<(Fresh, File)> {
        let folder = {
            let mut current = lock(&self.folder);
            if current.1 == PER_FOLDER {
                *current = (rand::random(), 0);
            }
            current.1 += 1;
            current.0
        };
        let mut id: [u8; 16] = rand::random();
        id[0] = folder;
        let id = BlobId(id);
        lock(&self.writing).insert(id);
        let fresh = Fresh { blobs: Arc::clone(self), id, kept: false };
        let path = self.path(id);
        let mut options = private_file();
        options.write(true).create_new(true);
        let file = match options.open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                private_folder(&self.folder_path(folder))?;
                sync_folder(&self.root)?;
                Counters::add(&self.counters.folders);
                options.open(&path)?
            }
            other => other?,
        };
        Ok((fresh, file))
    }

    pub(crate) fn sync_file(&self, file: &File) -> io::Result<()> {
        Counters::add(&self.counters.blobs);
        file.sync_data()
    }

    pub(crate) fn sync_folders(&self, folders: &HashSet<u8>) -> io::Result<()> {
        for &folder in folders {
            Counters::add(&self.counters.folders);
            sync_folder(&self.folder_path(folder))?;
        }
        Ok(())
    }

    /// Makes sure that blobs are there and as long as the index says. What lies in them is not read.
    pub(crate) fn check(&self, pieces: impl IntoIterator<Item = Piece>) -> Try<()> {
        for piece in pieces {
            let path = self.path(piece.blob);
            match fs::metadata(&path) {
                Ok(data) if data.len() == piece.size => {}
                Ok(data) => {
                    let why = format!("{} bytes long, not {}", data.len(), piece.size);
                    return Err(broken(&path, &why).into());
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(broken(&path, "missing").into()),
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// Whether blobs can be given back; false only where it is certain that they cannot.
    pub(crate) fn are_whole(&self, pieces: &[Piece]) -> bool {
        !matches!(self.check(pieces.iter().copied()), Err(Fail::S3(_)))
    }

    /// While the guard lives, no blob that the index still names is unlinked.
    pub(crate) fn gate(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps blobs from being unlinked; call it while holding the gate.
    pub(crate) fn pin(self: &Arc<Self>, ids: impl IntoIterator<Item = BlobId>) -> Pinned {
        let mut held = Vec::new();
        let mut pins = lock(&self.pins);
        for id in ids {
            pins.entry(id).or_default().readers += 1;
            held.push(id);
        }
        drop(pins);
        Pinned { blobs: Arc::clone(self), ids: held }
    }

    /// Unlinks blobs that the index has forgotten, or leaves that to their last reader.
    pub(crate) fn remove(&self, ids: &[BlobId]) {
        if ids.is_empty() {
            return;
        }
        let free: Vec<BlobId> = {
            let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
            let mut pins = lock(&self.pins);
            ids.iter()
                .copied()
                .filter(|id| match pins.get_mut(id) {
                    Some(pin) => {
                        pin.doomed = true;
                        false
                    }
                    None => true,
                })
                .collect()
        };
        for id in free {
            self.unlink(id);
        }
    }

    fn unlink(&self, id: BlobId) {
        let path = self.path(id);
        if let Err(e) = fs::remove_file(&path)
            && e.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), error = %e, "a blob nobody refers to could not be removed; the next sweep tries again");
        }
    }

    /// Whether there are bytes at all.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(crate) fn any(&self) -> Result<bool> {
        for folder in fs::read_dir(&self.root).map_err(|e| Error::io("list", &self.root, e))? {
            let path = folder.map_err(|e| Error::io("list", &self.root, e))?.path();
            if path.is_dir() && fs::read_dir(&path).map_err(|e| Error::io("list", &path, e))?.next().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Unlinks every blob that neither the index knows nor anybody writes; returns how many.
    pub(crate) fn sweep(&self, mut known: impl FnMut(BlobId) -> Result<bool>) -> Result<u64> {
        let mut swept = 0;
        for folder in fs::read_dir(&self.root).map_err(|e| Error::io("list", &self.root, e))? {
            let folder = folder.map_err(|e| Error::io("list", &self.root, e))?;
            let name = folder.file_name();
            let Some(name) = name.to_str().filter(|_| folder.file_type().is_ok_and(|t| t.is_dir())) else { continue };
            let path = folder.path();
            for file in fs::read_dir(&path).map_err(|e| Error::io("list", &path, e))? {
                let file = file.map_err(|e| Error::io("list", &path, e))?;
                let Some(id) = file.file_name().to_str().and_then(|f| BlobId::parse(name, f)) else { continue };
                // In this order: a put leaves `writing` only after its commit.
                if !lock(&self.writing).contains(&id) && !known(id)? && !lock(&self.pins).contains_key(&id) {
                    self.unlink(id);
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }
}

/// A blob the index does not know yet.
pub(crate) struct Fresh {
    blobs: Arc<Blobs>,
    pub(crate) id: BlobId,
    kept: bool,
}

impl Fresh {
    /// The index knows it now.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.kept {
            self.blobs.unlink(self.id);
        }
        lock(&self.blobs.writing).remove(&self.id);
    }
}

/// Blobs somebody reads.
pub(crate) struct Pinned {
    blobs: Arc<Blobs>,
    ids: Vec<BlobId>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut doomed = Vec::new();
        let mut pins = lock(&self.blobs.pins);
        for id in &self.ids {
            if let Some(pin) = pins.get_mut(id) {
                pin.readers -= 1;
                if pin.readers == 0 {
                    if pin.doomed {
                        doomed.push(*id);
                    }
                    pins.remove(id);
                }
            }
        }
        drop(pins);
        for id in doomed {
            self.blobs.unlink(id);
        }
    }
}
