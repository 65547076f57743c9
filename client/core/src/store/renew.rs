//! The database written anew, so that nothing of what was deleted is left in its files: it keeps what was overwritten or erased
//! until it happens to compact it, and in its journal until it is closed. Knows nothing of when.

use std::sync::atomic::Ordering;

use raftchat_model::Durability;

use super::database::{Database, OpenFailure, Table};
use super::error::StoreError;
use super::keys::{self, Kind};
use super::{Store, place};

/// Rows are written in batches of about so many bytes.
const BATCH_BYTES: usize = 256 << 10;

impl Store {
    /// Whether words that were deleted are still in the files.
    pub fn is_unclean(&self) -> bool {
        self.unclean.load(Ordering::Relaxed)
    }

    /// Writes all rows anew and throws the old files away. After a crash either is there, whole. Reads and writes everything;
    /// what fails leaves the store as it was.
    pub fn renew(&mut self) -> Result<(), StoreError> {
        let disk = || StoreError::disk("cleaning", &self.dir);
        let path = place::next(&self.dir).map_err(disk())?;
        let fresh = open(&path)?;
        self.copy_to(&fresh)?;
        // Its files are whole only when they were read again.
        fresh.close()?;
        let fresh = open(&path)?;
        if self.tell_apart(&fresh)? {
            return Err(StoreError::Damaged { doing: "cleaning", reason: "what was written anew is not the same" });
        }
        place::exchange(&self.dir).map_err(disk())?;
        // The old one must not be open when its files go.
        drop(std::mem::replace(&mut self.database, fresh));
        self.unclean.store(false, Ordering::Relaxed);
        place::sweep(&self.dir).map_err(disk())
    }

    fn copy_to(&self, fresh: &Database) -> Result<(), StoreError> {
        let view = self.database.view();
        let unclean = Kind::Unclean.key();
        for table in Table::ALL {
            let (mut batch, mut bytes) = (Vec::new(), 0_usize);
            for row in view.from(table, Vec::new()) {
                let (key, row) = row?;
                if table == Table::Rows && *key == *unclean {
                    continue;
                }
                bytes = bytes.saturating_add(key.len()).saturating_add(row.len());
                batch.push((table, key.to_vec(), Some(row.to_vec())));
                if bytes >= BATCH_BYTES {
                    bytes = 0;
                    fresh.commit(std::mem::take(&mut batch), Durability::Lazy)?;
                }
            }
            fresh.commit(batch, Durability::Lazy)?;
        }
        Ok(())
    }

    /// Whether the other is not of the same last batch, or has another number of rows.
    fn tell_apart(&self, fresh: &Database) -> Result<bool, StoreError> {
        let (old, new) = (self.database.view(), fresh.view());
        for table in Table::ALL {
            if old.get(table, keys::BATCH)? != new.get(table, keys::BATCH)? {
                return Ok(true);
            }
            let extra = usize::from(old.has(table, &Kind::Unclean.key())? && table == Table::Rows);
            if old.from(table, Vec::new()).count() != new.from(table, Vec::new()).count().saturating_add(extra) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn open(path: &std::path::Path) -> Result<Database, StoreError> {
    Database::open(path).map_err(|failure| match failure {
        OpenFailure::Io(error) => StoreError::disk("cleaning", path)(error),
        OpenFailure::InUse => StoreError::Damaged { doing: "cleaning", reason: "another program writes there" },
        OpenFailure::Damaged(reason) => StoreError::Damaged { doing: "cleaning", reason },
    })
}
