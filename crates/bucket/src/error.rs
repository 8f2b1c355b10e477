//! What can go wrong with the bucket as a whole: its folder, its lock, its port, its index.
//! Faults of one request are S3 errors and stay in `fail`.

use std::io;
use std::path::PathBuf;

/// Why the bucket could not be opened, bound or changed; each sentence is plain English for logs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has this bucket folder open.
    #[error("the bucket in {} is in use by another process", dir.display())]
    Locked {
        /// The bucket's folder.
        dir: PathBuf,
    },
    /// Something else listens on the port that this bucket's links point at.
    #[error("port {port} on 127.0.0.1 is taken by another program; the bucket's links need exactly this port")]
    PortTaken {
        /// The port that was wanted.
        port: u16,
    },
    /// The index or key file was written by a newer version; it is left untouched.
    #[error("{} has format {found}, this version knows formats up to {known}; use a newer version", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The version found in it.
        found: i64,
        /// The newest version this code reads.
        known: i64,
    },
    /// The file exists but is not what it should be; it is left untouched.
    #[error("{} is not a file of this bucket: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No space left for the bytes or the index.
    #[error("no space left in {}", dir.display())]
    DiskFull {
        /// The bucket's folder.
        dir: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// The verb, as in "read" or "create".
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The index refused a statement.
    #[error("the bucket's index cannot {what}: {source}")]
    Index {
        /// The verb, as in "open" or "list".
        what: &'static str,
        /// The database's reason.
        source: rusqlite::Error,
    },
    /// The request was refused by the rules of S3.
    #[error("{code}: {message}")]
    Refused {
        /// The S3 error code, as in "InvalidBucketName".
        code: String,
        /// The sentence.
        message: String,
    },
    /// The bucket was closed before the call was done.
    #[error("the bucket is closed")]
    Closed,
}

/// The result of calls on the bucket as a whole.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        if is_full(&source) {
            return Error::DiskFull { dir: path };
        }
        Error::Io { what, path, source }
    }
}

/// True where the system says that the disk, or this person's share of it, is full.
pub(crate) fn is_full(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
