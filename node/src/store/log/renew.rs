//! The log written anew: a database keeps what was removed from it until it happens to compact it, and in its journal for
//! longer, and a purge is to leave nothing. Knows nothing of why.
//!
//! The new one is written, synced, closed and read from end to end under another name. Then the old one is renamed, the new
//! one gets its name, and the old one is removed. Whoever opens the log first settles what was interrupted: where the log is,
//! the other two are of no use; where it is missing, the old one is whole and nothing was written since.

use std::fs;
use std::path::{Path, PathBuf};

use fjall::{Keyspace, PersistMode};
use raftchat_schema::stored::Vote;
use raftchat_schema::wire;

use super::{LogSettings, OpenLog, Scanned};
use crate::store::error::StoreError;
use crate::store::{files, keys};

/// Entries are written in batches of about so many bytes.
const BATCH_BYTES: usize = 256 << 10;

/// Writes the entries from `first` on, and what is beside them, into a new database beside the log in `dir`; says what is in it.
pub(super) fn write(
    dir: &Path,
    settings: &LogSettings,
    entries: &Keyspace,
    meta: &Keyspace,
    first: u64,
) -> Result<Scanned, StoreError> {
    let path = beside(dir, keys::LOG_NEW_DIR);
    remove(&path)?;
    let fresh = OpenLog::open(&path, settings)?;
    let failed = |error| StoreError::log("writing anew")(error);
    let mut batch = fresh.db.batch().durability(Some(PersistMode::Buffer));
    let mut bytes = 0_usize;
    for guard in meta.iter() {
        let (key, value) = guard.into_inner().map_err(failed)?;
        batch.insert(&fresh.meta, key, value);
    }
    for guard in entries.range(keys::entry(first)..) {
        let (key, value) = guard.into_inner().map_err(failed)?;
        bytes = bytes.saturating_add(value.len());
        batch.insert(&fresh.entries, key, value);
        if bytes >= BATCH_BYTES {
            bytes = 0;
            let next = fresh.db.batch().durability(Some(PersistMode::Buffer));
            std::mem::replace(&mut batch, next).commit().map_err(failed)?;
        }
    }
    batch.commit().map_err(failed)?;
    fresh.db.persist(PersistMode::SyncAll).map_err(failed)?;
    drop(fresh);
    files::sync_dir(&path)?;
    OpenLog::open(&path, settings)?.scan(&[])
}

/// Makes a log without entries beside the one in `dir`, under the name of a new one, with that vote.
pub(crate) fn begin_beside(
    dir: &Path,
    settings: &LogSettings,
    cluster: &str,
    vote: Option<Vote>,
) -> Result<(), StoreError> {
    let path = beside(dir, keys::LOG_NEW_DIR);
    remove(&path)?;
    let fresh = OpenLog::open(&path, settings)?;
    if let Some(vote) = vote {
        let sealed = super::seal(&wire::encode_vote(&vote));
        fresh.meta.insert(keys::VOTE, sealed).map_err(StoreError::log("writing anew"))?;
    }
    // Makes all of it durable.
    fresh.claim(cluster)?;
    drop(fresh);
    files::sync_dir(&path)
}

/// Puts the new log in the place of the one in `dir`. Both must be closed.
pub(super) fn exchange(dir: &Path) -> Result<(), StoreError> {
    files::rename(dir, &beside(dir, keys::LOG_OLD_DIR))?;
    files::rename(&beside(dir, keys::LOG_NEW_DIR), dir)
}

/// Removes the log that another has taken the place of.
pub(super) fn remove_old(dir: &Path) -> Result<(), StoreError> {
    remove(&beside(dir, keys::LOG_OLD_DIR))
}

/// Removes a new log that did not come about, as far as that can be done.
pub(super) fn discard(dir: &Path) {
    if let Err(error) = remove(&beside(dir, keys::LOG_NEW_DIR)) {
        tracing::warn!(%error, "a log that was not finished stays until the next start");
    }
}

/// Finishes or undoes an exchange that was interrupted; `dir` is where the log is to be.
pub(crate) fn settle(dir: &Path) -> Result<(), StoreError> {
    let old = beside(dir, keys::LOG_OLD_DIR);
    if old.is_dir() && !dir.is_dir() {
        files::rename(&old, dir)?;
    }
    remove(&old)?;
    remove(&beside(dir, keys::LOG_NEW_DIR))
}

fn beside(dir: &Path, name: &str) -> PathBuf {
    dir.with_file_name(name)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("removing", path)(error)),
        _ => Ok(()),
    }
}
