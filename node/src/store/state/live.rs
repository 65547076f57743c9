//! One state database, open: its keyspaces, its reads and its writes. Knows nothing of which of several is the live one.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fjall::{Database, Iter, Keyspace, KeyspaceCreateOptions, PersistMode, Readable as _, Snapshot};
use raftchat_schema::id::{Stamp, StateHash};
use raftchat_schema::stored::{LogId, StoredMembership};
use raftchat_schema::wire;
use raftchat_state::{Order, Rows, Writes};

use crate::store::error::StoreError;
use crate::store::files::{self, OpenFailure};
use crate::store::keys;
use crate::store::log::{seal, unseal};

/// Beyond this much on disk, what keeps old journals alive is written out: the few records beside the rows would for long, as they
/// hardly fill their memory. The least that fjall takes: a journal ends at 64 MB.
const JOURNALS_BYTES_MAX: u64 = 64 << 20;

/// How much memory the state takes.
#[derive(Clone, Copy, Debug)]
pub struct StateSettings {
    /// Of the database's blocks, in bytes.
    pub block_cache: u64,
    /// Of what is not yet in the database's tables, in bytes.
    pub memtable: u64,
}

impl Default for StateSettings {
    fn default() -> Self {
        Self { block_cache: 32 << 20, memtable: 16 << 20 }
    }
}

/// What Raft says about the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppliedState {
    /// The last entry whose effects are in the rows.
    pub log_id: Option<LogId>,
    /// The membership at that entry.
    pub membership: StoredMembership,
    /// The last entry of the snapshot that the rows began with; none if they began empty.
    pub installed: Option<LogId>,
    /// What was deleted and is still on this disk; none if nothing is.
    pub unclean: Option<Unclean>,
}

/// Words that were deleted and are still on this disk, under the rows and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclean {
    /// Since when, by this node's clock.
    pub since: Stamp,
    /// The last entry that took some away.
    pub upto: u64,
}

impl Unclean {
    fn encode(self) -> Vec<u8> {
        [self.since.0.to_be_bytes(), self.upto.to_be_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (since, upto) = bytes.split_first_chunk::<8>()?;
        let upto = upto.try_into().ok().map(u64::from_be_bytes)?;
        Some(Self { since: Stamp(u64::from_be_bytes(*since)), upto })
    }
}

pub(crate) struct Live {
    db: Database,
    rows: Keyspace,
    raft: Keyspace,
    pub(crate) epoch: u64,
    /// What the last batch left beside the rows that seldom changes; none before the first one. Written when it is another.
    standing: Mutex<Option<Standing>>,
    damaged: AtomicBool,
    /// One more than the index up to which what was applied is durable; 0 where that is not known.
    durable: AtomicU64,
    // Last, so that the directory goes when the database has let go of it.
    retire: Retire,
}

#[derive(PartialEq, Eq)]
struct Standing {
    membership: StoredMembership,
    installed: Option<LogId>,
    unclean: Option<Unclean>,
}

struct Retire {
    path: PathBuf,
    retired: AtomicBool,
}

impl Drop for Retire {
    fn drop(&mut self) {
        if !self.retired.load(Ordering::Acquire) {
            return;
        }
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "an old state stays until the next start");
        }
    }
}

impl Live {
    pub(crate) fn open(path: &Path, epoch: u64, settings: &StateSettings) -> Result<Self, StoreError> {
        let builder = Database::builder(path)
            .cache_size(settings.block_cache)
            .max_journaling_size(JOURNALS_BYTES_MAX)
            .worker_threads(1);
        let db = files::open_database(path, builder).map_err(|failure| match failure {
            OpenFailure::InUse => StoreError::InUse { path: path.to_owned() },
            OpenFailure::System(error) => StoreError::io("opening the state's database in", path)(error),
            OpenFailure::Damaged(reason) => StoreError::StateDatabase { doing: "opening", reason },
        })?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(settings.memtable);
        let rows = db.keyspace(keys::STATE_ROWS, options).map_err(StoreError::state("opening"))?;
        let raft = db.keyspace(keys::STATE_RAFT, options).map_err(StoreError::state("opening"))?;
        let retire = Retire { path: path.to_owned(), retired: AtomicBool::new(false) };
        let (standing, damaged, durable) = Default::default();
        Ok(Self { db, rows, raft, epoch, standing, damaged, durable, retire })
    }

    /// Removes the directory once nobody reads it any more.
    pub(crate) fn retire(&self) {
        self.retire.retired.store(true, Ordering::Release);
    }

    /// Reads something. The database panics over some damage that it did not think of; here that is an answer like the others, and
    /// the start after it makes the rows anew.
    fn read<T>(&self, read: impl FnOnce() -> fjall::Result<T>) -> Result<T, StoreError> {
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(outcome) => outcome.map_err(|error| self.failed("reading", error)),
            Err(_panic) => {
                self.note_damage();
                let reason = "its tables are damaged beyond what it can tell".to_owned();
                Err(StoreError::StateDatabase { doing: "reading", reason })
            }
        }
    }

    /// What an error of the database means. Damage is noted for the next start, which then makes the rows anew: a database
    /// opens without reading its tables, and would only come to the same place again.
    fn failed(&self, doing: &'static str, error: fjall::Error) -> StoreError {
        let error = match StoreError::state(doing)(error).explained(&self.retire.path) {
            StoreError::Stopped { doing, .. } => {
                let reason = "it has stopped, and the disk takes what is written to it".to_owned();
                StoreError::StateDatabase { doing, reason }
            }
            other => other,
        };
        if error.is_damage_of_state() {
            self.note_damage();
        }
        error
    }

    /// Has the next start make the rows anew.
    pub(crate) fn note_damage(&self) {
        if self.damaged.swap(true, Ordering::AcqRel) {
            return;
        }
        let mark = self.retire.path.with_file_name(keys::DAMAGED_FILE);
        if let Err(error) = files::replace(&mark, self.epoch.to_string().as_bytes()) {
            tracing::error!(%error, "that the state is damaged cannot be noted for the next start");
        }
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// Stores rows and what Raft says about them, all at once. Survives the process's death, not the machine's.
    pub(crate) fn commit(
        &self,
        writes: &Writes,
        applied: &AppliedState,
        hash: Option<StateHash>,
    ) -> Result<(), StoreError> {
        let mut batch = self.db.batch().durability(Some(PersistMode::Buffer));
        for (key, row) in &writes.0 {
            match row {
                Some(row) => batch.insert(&self.rows, key.as_slice(), row.as_slice()),
                None => batch.remove(&self.rows, key.as_slice()),
            }
        }
        if let Some(log_id) = &applied.log_id {
            batch.insert(&self.raft, keys::APPLIED, seal(&wire::encode_log_id(log_id)));
        }
        if let Some(hash) = hash {
            batch.insert(&self.raft, keys::HASH, seal(&hash.0));
        }
        let AppliedState { membership, installed, unclean, log_id: _ } = applied.clone();
        let now = Standing { membership, installed, unclean };
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken, as it is not known while a batch is under way that may fail.
        if standing.take().as_ref() != Some(&now) {
            batch.insert(&self.raft, keys::MEMBERSHIP, seal(&wire::encode_stored_membership(&now.membership)));
            if let Some(log_id) = &now.installed {
                batch.insert(&self.raft, keys::INSTALLED, seal(&wire::encode_log_id(log_id)));
            }
            if let Some(unclean) = &now.unclean {
                batch.insert(&self.raft, keys::UNCLEAN, seal(&unclean.encode()));
            }
        }
        batch.commit().map_err(|error| self.failed("writing", error))?;
        *standing = Some(now);
        Ok(())
    }

    /// Stores rows alone, while a snapshot is loaded.
    pub(crate) fn load(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), StoreError> {
        let mut batch = self.db.batch().durability(Some(PersistMode::Buffer));
        for (key, row) in rows {
            batch.insert(&self.rows, key, row);
        }
        batch.commit().map_err(|error| self.failed("loading a snapshot", error))
    }

    /// Makes durable what was committed, which is at least what was applied up to `applied`.
    pub(crate) fn sync(&self, applied: Option<LogId>) -> Result<(), StoreError> {
        self.persist()?;
        self.durable.fetch_max(applied.map_or(0, |id| id.index.saturating_add(1)), Ordering::AcqRel);
        Ok(())
    }

    /// Whether what was applied up to and with that entry is known to be durable.
    pub(crate) fn is_durable(&self, index: u64) -> bool {
        self.durable.load(Ordering::Acquire) > index
    }

    fn persist(&self) -> Result<(), StoreError> {
        self.db.persist(PersistMode::SyncAll).map_err(|error| self.failed("syncing", error))
    }
}

/// The rows as they were at one moment, with what Raft said about them then. Cheap to take, to clone and to send; held
/// for long it keeps what was overwritten since from being thrown away.
#[derive(Clone)]
pub struct StateView {
    // First, so that it is gone before the database is.
    snapshot: Snapshot,
    live: Arc<Live>,
}

impl std::fmt::Debug for StateView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateView").field("epoch", &self.live.epoch).finish_non_exhaustive()
    }
}

impl StateView {
    pub(crate) fn of(live: Arc<Live>) -> Self {
        Self { snapshot: live.db.snapshot(), live }
    }

    /// What Raft says about these rows.
    pub fn applied(&self) -> Result<AppliedState, StoreError> {
        let log_id = self.sealed(keys::APPLIED, |bytes| wire::decode_log_id(bytes).ok())?;
        let membership = self.sealed(keys::MEMBERSHIP, |bytes| wire::decode_stored_membership(bytes).ok())?;
        let installed = self.sealed(keys::INSTALLED, |bytes| wire::decode_log_id(bytes).ok())?;
        let unclean = self.sealed(keys::UNCLEAN, Unclean::decode)?;
        Ok(AppliedState { log_id, membership: membership.unwrap_or_default(), installed, unclean })
    }

    /// The rolling hash as it was noted beside the rows.
    pub(crate) fn noted_hash(&self) -> Result<Option<StateHash>, StoreError> {
        self.sealed(keys::HASH, |bytes| bytes.try_into().ok().map(StateHash))
    }

    /// Visits all rows in the order of their keys until `visit` breaks or fails.
    pub(crate) fn every_row<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rows = self.live.read(|| Ok(self.snapshot.iter(&self.live.rows)))?;
        while let Some((key, row)) = self.live.read(|| rows.next().map(fjall::Guard::into_inner).transpose())? {
            visit(&key, &row)?;
        }
        Ok(())
    }

    fn sealed<T>(&self, key: &[u8], decode: impl FnOnce(&[u8]) -> Option<T>) -> Result<Option<T>, StoreError> {
        let value = self.live.read(|| self.snapshot.get(&self.live.raft, key))?;
        let damaged = || {
            self.live.note_damage();
            let reason = format!("its record `{}` is damaged", String::from_utf8_lossy(key));
            StoreError::StateDatabase { doing: "reading", reason }
        };
        value.map(|value| unseal(&value).and_then(decode).ok_or_else(damaged)).transpose()
    }
}

impl Rows for StateView {
    type Error = StoreError;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.live.read(|| self.snapshot.get(&self.live.rows, key))?;
        Ok(row.map(|row| row.to_vec()))
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if from >= to {
            return Ok(());
        }
        let rows: Iter = self.live.read(|| Ok(self.snapshot.range::<&[u8], _>(&self.live.rows, from..to)))?;
        match order {
            Order::Ascending => walk(&self.live, rows, visit),
            Order::Descending => walk(&self.live, rows.rev(), visit),
        }
    }
}

fn walk(
    live: &Live,
    mut rows: impl Iterator<Item = fjall::Guard>,
    mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    while let Some((key, row)) = live.read(|| rows.next().map(fjall::Guard::into_inner).transpose())? {
        if visit(&key, &row).is_break() {
            break;
        }
    }
    Ok(())
}
