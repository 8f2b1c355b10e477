//! Passwords: argon2id, off the async threads, few at once.
//!
//! Parameters: 19 MiB, two passes, one lane, the first choice of OWASP's Password Storage Cheat Sheet. The memory is the price an
//! attacker pays too, and the reason that only so many are computed at once here; the others wait in a bounded line.
//!
//! A password of an account that is not there is checked against a hash nobody knows, at the same cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

/// KiB.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// A hash that came with an imported account may cost more than ours, but not take the machine down.
const MEMORY_AT_MOST: u32 = 64 * 1024;
const PASSES_AT_MOST: u32 = 8;
const LANES_AT_MOST: u32 = 8;
/// Requests that wait for their turn.
const LINE: usize = 512;
/// How long one waits.
const PATIENCE: Duration = Duration::from_secs(20);
/// glibc hands allocations above its largest dynamic threshold (32 MiB) back to the system when they are freed; smaller ones stay with
/// the process. Only what is used of it is ever touched.
const RESERVED: usize = 33 * 1024;

/// Computes hashes, a few at once.
pub(crate) struct Passwords {
    at_once: Arc<Semaphore>,
    waiting: AtomicUsize,
    nobody: String,
}

/// Too many wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowded;

/// The right to compute; what is held while it is decided whether somebody may try.
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// Not the password.
    Wrong,
    /// The password.
    Right,
    /// The password, but it is kept in clear text or by a weaker hash than today's.
    Outdated,
}

impl Passwords {
    /// `at_once` hashes at once; each takes 19 MiB.
    pub(crate) fn new(at_once: usize) -> Self {
        let mut unknown = [0_u8; 24];
        rand::fill(&mut unknown);
        // Computed here and never again: whoever asks about nobody pays for a check, as about anybody.
        let nobody = hash(&hex::encode(unknown));
        Self { at_once: Arc::new(Semaphore::new(at_once.max(1))), waiting: AtomicUsize::new(0), nobody }
    }

    /// Waits in line.
    ///
    /// # Errors
    /// Where the line is full, or does not move.
    pub(crate) async fn turn(&self) -> Result<Turn, Crowded> {
        struct InLine<'a>(&'a AtomicUsize);
        impl Drop for InLine<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _in_line = InLine(&self.waiting);
        if before >= LINE {
            return Err(Crowded);
        }
        match tokio::time::timeout(PATIENCE, Arc::clone(&self.at_once).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Turn { _permit: permit }),
            _ => Err(Crowded),
        }
    }
}

impl Passwords {
    /// The form a password is kept in.
    pub(crate) async fn hash(&self, _turn: &Turn, password: &Zeroizing<String>) -> String {
        let password = password.clone();
        // A task that computes cannot fail but by a panic, and then the log-in must not succeed with an empty hash.
        tokio::task::spawn_blocking(move || hash(&password)).await.expect("computing a hash does not panic")
    }

    /// Compares with what is kept, which may be nothing at all: always at the price of one hash.
    pub(crate) async fn check(&self, _turn: &Turn, kept: Option<&str>, password: &Zeroizing<String>) -> Checked {
        let kept = kept.map(|kept| Zeroizing::new(kept.to_owned()));
        let (nobody, password) = (self.nobody.clone(), password.clone());
        tokio::task::spawn_blocking(move || match kept {
            Some(kept) if kept.starts_with("$argon2") => match verify(&kept, &password) {
                Some(checked) => checked,
                None => {
                    verify(&nobody, &password);
                    Checked::Wrong
                }
            },
            Some(clear) if !clear.is_empty() => {
                let right: bool = clear.as_bytes().ct_eq(password.as_bytes()).into();
                verify(&nobody, &password);
                if right { Checked::Outdated } else { Checked::Wrong }
            }
            _ => {
                verify(&nobody, &password);
                Checked::Wrong
            }
        })
        .await
        .unwrap_or(Checked::Wrong)
    }
}

fn compute(algorithm: Algorithm, version: Version, params: Params, salt: &[u8], password: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let argon2 = Argon2::new(algorithm, version, params);
    let mut memory: Vec<Block> = Vec::with_capacity(RESERVED.max(argon2.params().block_count()));
    memory.resize(argon2.params().block_count(), Block::default());
    let mut out = Zeroizing::new([0_u8; 32]);
    argon2.hash_password_into_with_memory(password, salt, out.as_mut(), &mut memory).ok()?;
    Some(out)
}

fn hash(password: &str) -> String {
    let mut salt = [0_u8; 16];
    rand::fill(&mut salt);
    let params = Params::new(MEMORY, PASSES, LANES, Some(32)).expect("the parameters stand above");
    let out = compute(Algorithm::Argon2id, Version::V0x13, params.clone(), &salt, password.as_bytes())
        .expect("a salt of 16 bytes and a bounded password suit argon2");
    let kept = PasswordHash {
        algorithm: Ident::new("argon2id").expect("a name"),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).expect("three numbers"),
        salt: Some(Salt::new(&salt).expect("16 bytes")),
        hash: Some(Output::new(out.as_ref()).expect("32 bytes")),
    };
    kept.to_string()
}

/// `None` where it is no hash that can be computed here.
fn verify(kept: &str, password: &str) -> Option<Checked> {
    let kept = PasswordHash::new(kept).ok()?;
    let algorithm = Algorithm::new(kept.algorithm.as_str()).ok()?;
    let version = kept.version.map_or(Some(Version::V0x13), |version| Version::try_from(version).ok())?;
    let params = Params::try_from(&kept).ok()?;
    let bounded = params.m_cost() <= MEMORY_AT_MOST && params.t_cost() <= PASSES_AT_MOST && params.p_cost() <= LANES_AT_MOST;
    let (salt, expected) = (kept.salt?, kept.hash?);
    if !bounded || expected.len() != 32 {
        return None;
    }
    let today = algorithm == Algorithm::Argon2id && params.m_cost() >= MEMORY && params.t_cost() >= PASSES;
    let params = Params::new(params.m_cost(), params.t_cost(), params.p_cost(), Some(32)).ok()?;
    let out = compute(algorithm, version, params, salt.as_ref(), password.as_bytes())?;
    let right: bool = out.as_ref().ct_eq(expected.as_bytes()).into();
    Some(match (right, today) {
        (false, _) => Checked::Wrong,
        (true, true) => Checked::Right,
        (true, false) => Checked::Outdated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_kept_as_argon2id_and_known_again() {
        let passwords = Passwords::new(1);
        let turn = passwords.turn().await.expect("nobody waits");
        let kept = passwords.hash(&turn, &secret("abc12345")).await;
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_eq!(passwords.check(&turn, Some(&kept), &secret("abc12345")).await, Checked::Right);
        assert_eq!(passwords.check(&turn, Some(&kept), &secret("abc12346")).await, Checked::Wrong);
        assert_ne!(
            passwords.hash(&turn, &secret("abc12345")).await,
            kept,
            "two people with one password are not seen to have it"
        );
    }

    #[tokio::test]
    async fn clear_text_and_weak_hashes_let_in_and_ask_for_a_better_one() {
        let passwords = Passwords::new(1);
        let turn = passwords.turn().await.expect("nobody waits");
        assert_eq!(passwords.check(&turn, Some("abc123"), &secret("abc123")).await, Checked::Outdated);
        assert_eq!(passwords.check(&turn, Some("abc123"), &secret("abc1234")).await, Checked::Wrong);
        // `echo -n password | argon2 somesalt -id -t 2 -m 8 -p 1 -l 32 -e`, recomputed here.
        let params = Params::new(256, 2, 1, Some(32)).expect("parameters");
        let out = compute(Algorithm::Argon2id, Version::V0x13, params, b"somesalt", b"password").expect("computed");
        let weak = format!("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ${}", base64_of(out.as_ref()));
        assert_eq!(passwords.check(&turn, Some(&weak), &secret("password")).await, Checked::Outdated);
    }

    fn base64_of(bytes: &[u8]) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
    }

    #[tokio::test]
    async fn a_hash_that_would_take_the_machine_down_is_refused_instead_of_computed() {
        let passwords = Passwords::new(1);
        let turn = passwords.turn().await.expect("nobody waits");
        let huge = "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(passwords.check(&turn, Some(huge), &secret("password")).await, Checked::Wrong);
        assert_eq!(passwords.check(&turn, Some("$argon2id$nonsense"), &secret("$argon2id$nonsense")).await, Checked::Wrong);
        assert_eq!(passwords.check(&turn, None, &secret("password")).await, Checked::Wrong);
    }

    #[tokio::test]
    async fn the_line_is_bounded() {
        let passwords = Arc::new(Passwords::new(1));
        let turn = passwords.turn().await.expect("nobody waits");
        let mut waiting = Vec::new();
        for _ in 0..LINE {
            let passwords = Arc::clone(&passwords);
            waiting.push(tokio::spawn(async move { passwords.turn().await.map(drop) }));
        }
        while passwords.waiting.load(Ordering::Relaxed) < LINE {
            tokio::task::yield_now().await;
        }
        assert!(passwords.turn().await.is_err(), "one more is sent away at once");
        drop(turn);
        for one in waiting {
            one.await.expect("no panic").expect("it had its turn");
        }
    }
}
