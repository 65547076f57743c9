//! The rows written anew into a fresh directory, so that nothing of what was there before is left under them: a database
//! keeps what was overwritten or removed until it happens to compact it, and in its journal for longer. Knows nothing of
//! why that is wanted.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use raftchat_schema::id::StateHash;
use raftchat_state::Writes;

use super::live::Live;
use super::{AppliedState, StateStore, StateView, epochs, path, point};
use crate::store::error::StoreError;
use crate::store::files;

/// Rows are loaded in batches of about so many bytes.
const BATCH_BYTES: usize = 256 << 10;

/// What was committed while the rows were copied.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) writes: Writes,
    pub(crate) applied: AppliedState,
    pub(crate) hash: Option<StateHash>,
}

impl Commit {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let row = |(key, row): (&Vec<u8>, &Option<Vec<u8>>)| {
            key.len().saturating_add(row.as_ref().map_or(0, Vec::len)).saturating_add(64)
        };
        self.writes.0.iter().map(row).fold(256, usize::saturating_add)
    }
}

/// A copy of the rows, not yet in their place. Dropped, it is removed.
pub(crate) struct FreshState(Option<Live>);

impl Drop for FreshState {
    fn drop(&mut self) {
        if let Some(live) = &self.0 {
            live.retire();
        }
    }
}

impl StateStore {
    /// Copies the rows of a view, durably. Reads and writes all of them: for a thread of its own. Nothing may be installed
    /// and no other copy be made until it is adopted or dropped.
    pub(crate) fn copy(&self, view: &StateView) -> Result<FreshState, StoreError> {
        let epoch = epochs(&self.dir)?.last().map_or(1, |last| last.saturating_add(1));
        let live = Live::open(&path(&self.dir, epoch), epoch, &self.settings)?;
        let fresh = FreshState(Some(live));
        let Some(live) = &fresh.0 else { return Ok(fresh) };
        let (mut batch, mut bytes, mut count) = (Vec::new(), 0_usize, 0_u64);
        view.every_row(|key, row| {
            bytes = bytes.saturating_add(key.len()).saturating_add(row.len());
            count = count.saturating_add(1);
            batch.push((key.to_vec(), row.to_vec()));
            if bytes >= BATCH_BYTES {
                bytes = 0;
                live.load(std::mem::take(&mut batch))?;
            }
            Ok::<(), StoreError>(())
        })?;
        live.load(batch)?;
        let applied = AppliedState { unclean: None, ..view.applied()? };
        live.commit(&Writes::default(), &applied, view.noted_hash()?)?;
        live.sync(None)?;
        Ok(fresh)
    }

    /// Brings a copy up to date with what was committed since and puts it in the place of the rows. After a crash at any
    /// moment either is there, whole. Views taken before go on showing the old.
    pub(crate) fn adopt(&self, mut fresh: FreshState, since: &[Commit], now: &AppliedState) -> Result<(), StoreError> {
        let Some(live) = &fresh.0 else { return Ok(()) };
        for Commit { writes, applied, hash } in since {
            // What it says of what is unclean is said for all of them, at the end.
            let applied = AppliedState { unclean: None, ..applied.clone() };
            live.commit(writes, &applied, *hash)?;
        }
        live.commit(&Writes::default(), now, None)?;
        live.sync(now.log_id)?;
        let Some(live) = fresh.0.take() else { return Ok(()) };
        self.put_in_place(live)
    }

    fn put_in_place(&self, live: Live) -> Result<(), StoreError> {
        files::sync_dir(&path(&self.dir, live.epoch))?;
        files::sync_dir(Path::new(&self.dir))?;
        point(&self.dir, live.epoch)?;
        let mut current = self.live.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, Arc::new(live)).retire();
        Ok(())
    }
}
