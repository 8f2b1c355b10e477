//! The bucket's own key and port, kept beside the bytes they guard, so that links stay good from run to run.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::blobs::{private_file, private_folder, sync_folder};
use crate::error::{Error, Result};

const FORMAT: i64 = 1;
/// Below the ranges from which Linux, macOS and Windows take ports for outgoing connections: nobody gets this one by chance.
const PORTS: std::ops::RangeInclusive<u16> = 20_000..=32_767;

/// The one key pair of the bucket; its secret half prints as `[REDACTED]`.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The access key, no secret.
    pub access_key: String,
    /// The secret key.
    pub secret_key: SecretString,
}

/// What every version of the file has.
#[derive(Deserialize)]
struct Version {
    version: i64,
}

#[derive(Serialize, Deserialize)]
struct KeyFile {
    version: i64,
    access_key: String,
    secret_key: String,
}

/// Reads the key pair from the file `key` in the bucket's folder; the first call makes a random one, readable by this person
/// only.
///
/// # Errors
/// The folder cannot be written, or the file is not a key file or one of a newer version.
pub fn load_or_create(dir: &Path) -> Result<Keys> {
    let path = dir.join("key");
    if let Some(keys) = load(&path)? {
        return Ok(keys);
    }
    private_folder(dir).map_err(|e| Error::io("create", dir, e))?;
    let file = KeyFile {
        version: FORMAT,
        access_key: format!("IMAGEPIC{}", hex::encode_upper(rand::random::<[u8; 6]>())),
        secret_key: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 30]>()),
    };
    let text = serde_json::to_string_pretty(&file).map_err(|e| Error::io("write", &path, e.into()))?;
    publish(&path, text.as_bytes()).map_err(|e| Error::io("write", &path, e))?;
    // Another process may have been first.
    load(&path)?.ok_or_else(|| Error::io("read", &path, io::ErrorKind::NotFound.into()))
}

fn load(path: &Path) -> Result<Option<Keys>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", path, e)),
    };
    let foreign = |e: serde_json::Error| Error::Foreign { path: path.into(), why: format!("line {}", e.line()) };
    // Whatever else a newer one holds may not be understood.
    let Version { version } = serde_json::from_str(&text).map_err(foreign)?;
    if version > FORMAT {
        return Err(Error::NewerFormat { path: path.into(), found: version, known: FORMAT });
    }
    let file: KeyFile = serde_json::from_str(&text).map_err(foreign)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).map_err(|e| Error::io("read", path, e))?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|e| Error::io("protect", path, e))?;
        }
    }
    Ok(Some(Keys { access_key: file.access_key, secret_key: file.secret_key.into() }))
}

/// Writes a file that appears whole and durable or not at all; one that is there already stays.
fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", hex::encode(rand::random::<[u8; 8]>())));
    let draft = PathBuf::from(draft);
    let write = || {
        let mut file = private_file().write(true).create_new(true).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        match fs::hard_link(&draft, path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            // Some file systems know no hard links; there two first starts at once are left to the bucket's lock.
            Err(_) if !path.exists() => fs::rename(&draft, path),
            other => other,
        }
    };
    let done = write();
    _ = fs::remove_file(&draft);
    done?;
    sync_folder(dir)
}

/// The port in the file `port` of the bucket's folder, if one was chosen yet.
///
/// # Errors
/// The file cannot be read or holds no port.
pub fn stored_port(dir: &Path) -> Result<Option<u16>> {
    let path = dir.join("port");
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse() {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => Err(Error::Foreign { path, why: "it holds no port".into() }),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", path, e)),
    }
}

/// Stores the port for every later start; an older choice is replaced.
///
/// # Errors
/// The file cannot be written.
pub fn store_port(dir: &Path, port: u16) -> Result<()> {
    let path = dir.join("port");
    let draft = dir.join(format!("port.{}", hex::encode(rand::random::<[u8; 8]>())));
    let write = || {
        let mut file = private_file().write(true).create_new(true).open(&draft)?;
        file.write_all(format!("{port}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        sync_folder(dir)
    };
    write().map_err(|e| {
        _ = fs::remove_file(&draft);
        Error::io("write", &path, e)
    })
}

pub(crate) fn random_port() -> u16 {
    rand::random_range(PORTS)
}

/// The secret where it must be given on; keep the borrow short.
pub(crate) fn expose(secret: &SecretString) -> &str {
    secret.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_good_because_the_key_stays_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let first = load_or_create(dir.path()).unwrap();
        let second = load_or_create(dir.path()).unwrap();
        assert_eq!((first.access_key, expose(&first.secret_key)), (second.access_key, expose(&second.secret_key)));
        assert!(!format!("{:?}", second.secret_key).contains(expose(&second.secret_key)));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(dir.path().join("key")).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn two_first_starts_at_once_agree_on_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|s| {
            let threads: Vec<_> = (0..8).map(|_| s.spawn(|| load_or_create(dir.path()).unwrap())).collect();
            threads.into_iter().map(|t| t.join().unwrap().access_key).collect()
        });
        assert!(keys.windows(2).all(|w| w[0] == w[1]), "{keys:?}");
    }

    #[test]
    fn a_newer_key_file_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"{"version":2,"access_key":"a","secret_key":"s"}"#;
        fs::write(dir.path().join("key"), text).unwrap();
        assert!(matches!(load_or_create(dir.path()), Err(Error::NewerFormat { found: 2, .. })));
        assert_eq!(fs::read_to_string(dir.path().join("key")).unwrap(), text);
    }

    #[test]
    fn the_port_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(stored_port(dir.path()).unwrap(), None);
        store_port(dir.path(), 23_456).unwrap();
        store_port(dir.path(), 23_457).unwrap();
        assert_eq!(stored_port(dir.path()).unwrap(), Some(23_457));
        fs::write(dir.path().join("port"), "no port").unwrap();
        assert!(stored_port(dir.path()).is_err());
    }
}
