//! What the log looks like right now: its bounds, and its newest entries in memory, so that an entry can be read before
//! it is on disk and followers that keep up cost no disk reads. Never touches the disk.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use raftchat_schema::stored::{LogId, Vote};
use raftchat_transport::counters;

use super::record::LogRecord;
use crate::store::error::StoreError;

/// The ends of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogBounds {
    /// The last entry that was purged; none if none was.
    pub purged: Option<LogId>,
    /// The last entry, be it purged; none in an empty log.
    pub last: Option<LogId>,
}

impl LogBounds {
    /// The first index that is not purged.
    pub fn first_index(&self) -> u64 {
        index_after(self.purged)
    }

    /// The index of the next entry.
    pub fn next_index(&self) -> u64 {
        index_after(self.last)
    }
}

pub(crate) fn index_after(id: Option<LogId>) -> u64 {
    id.map_or(0, |id| id.index.saturating_add(1))
}

/// How much is kept in memory of what is on disk too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheLimits {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) bounds: LogBounds,
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    /// Goes up when the log gets shorter, so that a late "is on disk" of what is gone is not taken for the new.
    pub(crate) generation: u64,
    /// The newest entries, without a gap; those from `synced_below` on are nowhere else.
    recent: BTreeMap<u64, LogRecord>,
    bytes: usize,
    synced_below: u64,
    /// The index of the first entry that was ever here: what a log begins with is its owner's affair.
    begins: u64,
    limits: CacheLimits,
    failed: Option<String>,
}

impl Tail {
    /// Adds entries that follow on the last.
    pub(crate) fn push(&mut self, records: &[LogRecord]) -> Result<(), StoreError> {
        let mut last = self.bounds.last;
        for record in records {
            // The very first may stand anywhere: where it should is for the caller to know.
            if last.is_some() && record.id.index != index_after(last) {
                return Err(StoreError::NotNext { given: record.id, last });
            }
            last = Some(record.id);
        }
        if self.bounds.last.is_none()
            && let Some(first) = records.first()
        {
            self.synced_below = first.id.index;
            self.begins = first.id.index;
        }
        self.bounds.last = last;
        for record in records {
            self.bytes = self.bytes.saturating_add(record.entry.len());
            self.recent.insert(record.id.index, record.clone());
        }
        Ok(())
    }

    /// Entries below `index` are on disk, if the log was not truncated since.
    pub(crate) fn synced(&mut self, index: u64, generation: u64) {
        if generation == self.generation {
            self.synced_below = self.synced_below.max(index);
            self.evict();
        }
    }

    /// Removes the entries from `next` on; `last` is then the last.
    pub(crate) fn truncate(&mut self, next: u64, last: Option<LogId>) {
        let removed = self.recent.split_off(&next);
        self.forget(&removed);
        self.bounds.last = last;
        self.synced_below = self.synced_below.min(next);
        self.generation = self.generation.saturating_add(1);
    }

    /// Removes the entries up to and with `upto`.
    pub(crate) fn purge(&mut self, upto: LogId) {
        let kept = self.recent.split_off(&upto.index.saturating_add(1));
        let removed = std::mem::replace(&mut self.recent, kept);
        self.forget(&removed);
        self.bounds.purged = Some(upto);
        if self.bounds.last.is_none_or(|last| last.index <= upto.index) {
            self.bounds.last = Some(upto);
        }
        self.synced_below = self.synced_below.max(upto.index.saturating_add(1));
    }

    /// The entries of `from..to` that are in memory, and the first index of them; what is below is on disk.
    pub(crate) fn recent(&self, from: u64, to: u64) -> (u64, Vec<LogRecord>) {
        let in_memory = self.recent.first_key_value().map_or(to, |(index, _)| *index).clamp(from, to.max(from));
        let records = self.recent.range(in_memory..to.max(in_memory)).map(|(_, record)| record.clone()).collect();
        (in_memory, records)
    }

    /// The bounds within which `from..to` can be read.
    pub(crate) fn clamp(&self, from: u64, to: u64) -> (u64, u64) {
        let from = from.max(self.bounds.first_index()).max(self.begins);
        (from, to.min(self.bounds.next_index()).max(from))
    }

    fn unsynced(&self, upto: u64) -> bool {
        self.synced_below <= upto && self.recent.range(self.synced_below..=upto).next().is_some()
    }

    fn forget(&mut self, removed: &BTreeMap<u64, LogRecord>) {
        let bytes: usize = removed.values().map(|record| record.entry.len()).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn evict(&mut self) {
        while self.recent.len() > self.limits.entries || self.bytes > self.limits.bytes {
            let Some(oldest) = self.recent.first_entry().filter(|oldest| *oldest.key() < self.synced_below) else {
                return;
            };
            self.bytes = self.bytes.saturating_sub(oldest.remove().entry.len());
        }
    }
}

counters! {
    /// What the writer of the log has done.
    pub(crate) struct LogCounters of "log" {
        /// Batches that were written and synced, of one request or many.
        batches,
        /// Entries in them.
        entries,
        /// Bytes of entries in them, as they are on disk.
        bytes,
        /// Votes in them.
        votes,
        /// Times that the end of the log was taken back because another leader had it otherwise.
        truncated,
    }
}

/// The tail as its threads share it.
#[derive(Debug)]
pub(crate) struct SharedTail {
    tail: Mutex<Tail>,
    moved: Condvar,
    pub(crate) counters: LogCounters,
}

impl SharedTail {
    pub(crate) fn new(bounds: LogBounds, vote: Option<Vote>, committed: Option<LogId>, limits: CacheLimits) -> Self {
        let tail = Tail {
            bounds,
            vote,
            committed,
            generation: 0,
            recent: BTreeMap::new(),
            bytes: 0,
            synced_below: bounds.next_index(),
            begins: bounds.first_index(),
            limits,
            failed: None,
        };
        Self { tail: Mutex::new(tail), moved: Condvar::new(), counters: LogCounters::default() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the tail and wakes those who wait for the disk.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Tail)) {
        change(&mut self.lock());
        self.moved.notify_all();
    }

    /// Nothing more reaches the disk.
    pub(crate) fn fail(&self, reason: &str) {
        self.update(|tail| tail.failed = Some(reason.to_owned()));
    }

    /// Blocks until no entry up to `index` is in memory alone.
    pub(crate) fn wait_synced(&self, index: u64) -> Result<(), StoreError> {
        let waiting = self.moved.wait_while(self.lock(), |tail| tail.failed.is_none() && tail.unsynced(index));
        match &waiting.unwrap_or_else(PoisonError::into_inner).failed {
            Some(reason) => Err(StoreError::Failed(reason.clone())),
            None => Ok(()),
        }
    }
}
