//! Password hashes: Argon2id on a few threads of its own, always before anything is proposed. Never knows whose they are.

use std::sync::{Arc, OnceLock};

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use raftchat_schema::command::Verifier;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Beyond so many that run or wait, a node answers that it is busy: a hash takes a good part of a second, and who waits
/// for several of them takes the node for dead.
const WAITING_MAX: usize = 8;

/// Why a password was not hashed or checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    /// More wait than this node takes on.
    #[error("more passwords wait to be checked than this node takes on: try again in a moment")]
    Busy,
    /// The hash function or the system's randomness failed, or the stored hash is damaged.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

/// Hashes and checks. Clones share the threads.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    hasher: Argon2<'static>,
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// What is checked for users that there are not, so that they take as long.
    nobody: Arc<OnceLock<String>>,
}

impl Passwords {
    /// `memory_kib` and `passes` are Argon2's m and t; p is 1.
    pub(crate) fn new(memory_kib: u32, passes: u32) -> Result<Self, PasswordError> {
        let params = Params::new(memory_kib, passes, 1, None).map_err(failed)?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            hasher: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            running: Arc::new(Semaphore::new((cores / 2).max(1))),
            places: Arc::new(Semaphore::new(WAITING_MAX)),
            nobody: Arc::default(),
        })
    }

    /// What the password will be checked against.
    pub(crate) async fn hash(&self, password: Zeroizing<String>) -> Result<Verifier, PasswordError> {
        let hasher = self.hasher.clone();
        self.work(move || hash(&hasher, &password)).await.map(Verifier::Argon2id)
    }

    /// Whether the password is the one; without a verifier it takes as long and is not.
    pub(crate) async fn check(
        &self,
        password: Zeroizing<String>,
        verifier: Option<Verifier>,
    ) -> Result<bool, PasswordError> {
        let (hasher, nobody) = (self.hasher.clone(), self.nobody.clone());
        self.work(move || {
            let Some(Verifier::Argon2id(phc)) = verifier else {
                let phc = match nobody.get() {
                    Some(phc) => phc.clone(),
                    None => nobody.get_or_init(|| hash(&hasher, "nobody").unwrap_or_default()).clone(),
                };
                let _always_wrong = verify(&hasher, &password, &phc)?;
                return Ok(false);
            };
            verify(&hasher, &password, &phc)
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let Ok(_place) = self.places.try_acquire() else { return Err(PasswordError::Busy) };
        let _turn = self.running.acquire().await.map_err(failed)?;
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn failed(error: impl ToString) -> PasswordError {
    PasswordError::Failed(error.to_string())
}

fn hash(hasher: &Argon2<'_>, password: &str) -> Result<String, PasswordError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(failed)?;
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    hasher.hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(failed)
}

/// The parameters are those in the hash, not today's.
fn verify(hasher: &Argon2<'_>, password: &str, phc: &str) -> Result<bool, PasswordError> {
    let hash = PasswordHash::new(phc).map_err(failed)?;
    match hasher.verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::Password) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn typed(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn the_right_password_passes_and_no_other() {
        let passwords = Passwords::new(19_456, 2).unwrap();
        let verifier = passwords.hash(typed("correct horse")).await.unwrap();
        let Verifier::Argon2id(phc) = &verifier;
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_ne!(passwords.hash(typed("correct horse")).await.unwrap(), verifier, "salted");
        assert!(passwords.check(typed("correct horse"), Some(verifier.clone())).await.unwrap());
        assert!(!passwords.check(typed("battery staple"), Some(verifier)).await.unwrap());
        assert!(!passwords.check(typed("nobody"), None).await.unwrap());
        let damaged = passwords.check(typed("x"), Some(Verifier::Argon2id("$argon2id$".into()))).await;
        assert!(matches!(damaged, Err(PasswordError::Failed(_))), "{damaged:?}");
    }
}
