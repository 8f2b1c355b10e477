//! Invitations: codes that let somebody register where not everybody may. Only their hashes are kept.

use sha2::{Digest as _, Sha256};

use crate::accounts::Invite;

/// Neither 0 nor 1, so that no letter is taken for a digit.
const LETTERS: &[u8; 32] = b"abcdefghjkmnopqrstuvwxyz23456789";
/// 5 bits each: 100 bits in all.
const LENGTH: usize = 20;

/// A new code, in groups for reading.
pub(crate) fn code() -> String {
    let mut bytes = [0_u8; LENGTH];
    rand::fill(&mut bytes);
    let letters: Vec<u8> = bytes.iter().map(|byte| LETTERS[usize::from(byte % 32)]).collect();
    letters.chunks(5).map(|group| String::from_utf8_lossy(group).into_owned()).collect::<Vec<_>>().join("-")
}

/// What is kept of it. Case, spaces and hyphens are what people add.
pub(crate) fn hash(code: &str) -> String {
    let plain: String = code.chars().filter(|one| one.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    hex::encode(Sha256::digest(plain.as_bytes()))
}

/// As it is kept.
pub(crate) fn of(code: &str, uses: u32, expires: i64) -> Invite {
    Invite { hash: hash(code), uses, expires }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = code();
        assert_eq!(code.len(), LENGTH + 3);
        assert_eq!(hash(&code), hash(&code.to_uppercase().replace('-', " ")));
        assert_ne!(hash(&code), hash(&super::code()));
    }
}
