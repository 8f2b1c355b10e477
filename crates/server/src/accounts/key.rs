//! The key that signs tokens: 256 random bits, made once. Whoever has it can be anybody, so it lies in a file of its own, 0600.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

/// Shorter secrets can be guessed off line from a single token.
const SHORTEST: usize = 32;

/// Hex, 256 bits.
pub(super) fn made() -> String {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes);
    hex::encode(bytes)
}

/// As configured.
pub(super) fn given(secret: &SecretString) -> Result<Vec<u8>, String> {
    let secret = secret.expose_secret();
    if secret.len() < SHORTEST {
        return Err(format!(
            "the secret that signs tokens has {} bytes; {SHORTEST} at least are needed, for example from `openssl rand -hex 32`",
            secret.len()
        ));
    }
    Ok(secret.as_bytes().to_vec())
}

/// What [`made`] gave once.
pub(super) fn read(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.trim()).ok().filter(|key| key.len() == 32)
}

/// The key in a data folder, made if there is none.
pub(super) fn in_folder(data: &Path) -> Result<Vec<u8>, String> {
    let path = data.join("signing.key");
    let fail = |what: &str, why: &dyn std::fmt::Display| {
        format!("the key that signs tokens ({}) cannot be {what}: {why}", path.display())
    };
    match fs::read_to_string(&path) {
        Ok(text) => {
            return read(&text).ok_or_else(|| fail("read", &"it is not 64 hex digits; remove it and everybody logs in again"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail("read", &error)),
    }
    fs::create_dir_all(data).map_err(|error| fail("made", &error))?;
    let mut file = tempfile::Builder::new().prefix(".signing").tempfile_in(data).map_err(|error| fail("made", &error))?;
    file.write_all(made().as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(|error| fail("made", &error))?;
    match file.persist_noclobber(&path) {
        Ok(_) => {}
        // Another process made one at the same moment: that one counts.
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(fail("made", &error.error)),
    }
    super::folder::sync_folder(data).map_err(|error| fail("made", &error))?;
    let text = fs::read_to_string(&path).map_err(|error| fail("read", &error))?;
    read(&text).ok_or_else(|| fail("read", &"it is not 64 hex digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_nobody_else_may_read_it() {
        let data = tempfile::tempdir().expect("a folder");
        let first = in_folder(data.path()).expect("made");
        assert_eq!(first.len(), 32);
        assert_eq!(in_folder(data.path()).expect("read"), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(data.path().join("signing.key")).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_spoilt_key_or_a_short_secret_stops_the_start_instead_of_weakening_it() {
        let data = tempfile::tempdir().expect("a folder");
        fs::write(data.path().join("signing.key"), "abc").expect("a file");
        assert!(in_folder(data.path()).is_err());
        assert!(given(&SecretString::from("imagepic")).is_err());
    }
}
