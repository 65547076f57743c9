//! Password hashes: Argon2id on a few threads of its own, always before anything is proposed. Knows whose turn it is, and
//! never whose passwords they are.

mod pool;
mod queue;

use std::sync::{Arc, OnceLock};

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use raftchat_schema::budgets::{HASHES_WAITING_EACH_MAX, HASHES_WAITING_MAX};
use raftchat_schema::command::Verifier;

use crate::config::NodeConfig;
use crate::health::meters::Meters;
use pool::Pool;
use queue::Places;

pub(crate) use queue::Asker;

/// Why a password was not hashed or checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    /// More wait than this node takes on, or more of the same device.
    #[error("more passwords wait to be checked than this node takes on: try again in {wait:?}")]
    Busy {
        /// When it is worth asking again.
        wait: std::time::Duration,
    },
    /// The hash function or the system's randomness failed, or the stored hash is damaged.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

/// Hashes and checks, in turn. Clones share the threads.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    hasher: Arc<Hasher>,
    pool: Arc<Pool>,
}

/// The hash function; to be used where the pool says.
#[derive(Debug)]
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    /// What is checked for users that there are not, so that they take as long.
    nobody: OnceLock<String>,
}

impl Passwords {
    /// Argon2's m and t as the node is told; p is 1. Half the cores may hash: the other half is for all else.
    pub(crate) fn new(config: &NodeConfig, meters: &Meters) -> Result<Self, PasswordError> {
        let params = Params::new(config.password_memory_kib, config.password_passes, 1, None).map_err(failed)?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = u32::try_from((cores / 2).max(1)).unwrap_or(1);
        // Where nobody is limited, one device makes a crowd of users to measure with.
        let each = if config.limits.device_per_second == 0 { HASHES_WAITING_MAX } else { HASHES_WAITING_EACH_MAX };
        let places = Places { all: HASHES_WAITING_MAX, each };
        let pool = Pool::start(threads, places, meters).map_err(failed)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Ok(Self { hasher: Arc::new(Hasher { argon2, nobody: OnceLock::new() }), pool: Arc::new(pool) })
    }

    /// Does `work` when the asker's turn comes. Where the caller is gone before that it is dropped undone; once begun it is
    /// done to the end, whoever is gone: what must be known of its outcome, `work` notes itself.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        asker: Asker,
        work: impl FnOnce(&Hasher) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let hasher = self.hasher.clone();
        self.pool.ask(asker, move || work(&hasher)).await
    }
}

impl Hasher {
    /// What the password will be checked against.
    pub(crate) fn hash(&self, password: &str) -> Result<Verifier, PasswordError> {
        hash(&self.argon2, password).map(Verifier::Argon2id)
    }

    /// Whether the password is the one; without a verifier it takes as long and is not.
    pub(crate) fn check(&self, password: &str, verifier: Option<&Verifier>) -> Result<bool, PasswordError> {
        if let Some(Verifier::Argon2id(phc)) = verifier {
            return verify(&self.argon2, password, phc);
        }
        let nobody = self.nobody.get_or_init(|| hash(&self.argon2, "nobody").unwrap_or_default());
        let _always_wrong = verify(&self.argon2, password, nobody)?;
        Ok(false)
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
mod tests;
