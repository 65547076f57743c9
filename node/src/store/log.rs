//! Raft's log and vote on disk. Entries are readable as soon as they are handed over and acknowledged when they are
//! synced. Knows nothing of what an entry holds.

mod record;
mod renew;
mod scan;
mod tail;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use raftchat_schema::stored::{LogId, Vote};

pub use record::{Chain, LogRecord};
pub use tail::LogBounds;
pub(crate) use tail::LogCounters;
pub use writer::Done;

pub(crate) use record::{seal, unseal};
pub(crate) use renew::{begin_beside, settle};
pub(crate) use scan::Scanned;

use super::error::StoreError;
use super::failure::Failures;
use super::files::{self, OpenFailure};
use super::keys;
use super::syncs::Syncs;
use super::watermark::{HighWater, Watermark};
use tail::{CacheLimits, SharedTail};
use writer::{Op, Writer};

/// The format of the log's records.
pub const LOG_FORMAT: u32 = 1;

/// Beyond this much on disk, what keeps old journals alive is written out: the small keyspace beside the entries. The least that
/// fjall takes: a journal ends at 64 MB.
const JOURNALS_BYTES_MAX: u64 = 64 << 20;

/// How much memory the log takes.
#[derive(Clone, Copy, Debug)]
pub struct LogSettings {
    /// Of the database's blocks, in bytes.
    pub block_cache: u64,
    /// Of what is not yet in the database's tables, in bytes.
    pub memtable: u64,
    /// The most entries kept in memory for followers.
    pub recent_entries: usize,
    /// The most bytes of them.
    pub recent_bytes: usize,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { block_cache: 4 << 20, memtable: 16 << 20, recent_entries: 8192, recent_bytes: 8 << 20 }
    }
}

/// The entries of the log, for who reads them; none only while one database takes the place of another.
pub(crate) type SharedEntries = Arc<RwLock<Option<Keyspace>>>;

/// A log that is open but not yet trusted.
pub(crate) struct OpenLog {
    db: Database,
    entries: Keyspace,
    meta: Keyspace,
    path: PathBuf,
}

impl OpenLog {
    /// Opens the database, and makes it if there is none.
    pub(crate) fn open(path: &Path, settings: &LogSettings) -> Result<Self, StoreError> {
        let builder = Database::builder(path)
            .cache_size(settings.block_cache)
            .max_journaling_size(JOURNALS_BYTES_MAX)
            .worker_threads(1);
        let db = files::open_database(path, builder).map_err(|failure| match failure {
            OpenFailure::InUse => StoreError::InUse { path: path.to_owned() },
            OpenFailure::System(error) => StoreError::io("opening the log's database in", path)(error),
            OpenFailure::Damaged(reason) => StoreError::LogDatabase { doing: "opening", reason },
        })?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(settings.memtable);
        let entries = db.keyspace(keys::LOG_ENTRIES, options).map_err(StoreError::log("opening"))?;
        let meta = db.keyspace(keys::LOG_META, options).map_err(StoreError::log("opening"))?;
        Ok(Self { db, entries, meta, path: path.to_owned() })
    }

    /// Reads all of it; see [`scan::scan`].
    pub(crate) fn scan(&self, asked: &[u64]) -> Result<Scanned, StoreError> {
        scan::scan(&self.entries, &self.meta, asked)
    }

    /// Writes whose log it is, durably.
    pub(crate) fn claim(&self, cluster: &str) -> Result<(), StoreError> {
        let body = [&LOG_FORMAT.to_be_bytes(), cluster.as_bytes()].concat();
        self.meta.insert(keys::ORIGIN, record::seal(&body)).map_err(StoreError::log("writing"))?;
        self.db.persist(PersistMode::SyncAll).map_err(StoreError::log("writing"))
    }

    /// Refuses another cluster's log.
    pub(crate) fn must_be_of(&self, cluster: &str) -> Result<(), StoreError> {
        let lost = || StoreError::DamagedMeta { what: "origin" };
        let sealed = self.meta.get(keys::ORIGIN).map_err(StoreError::log("reading"))?.ok_or_else(lost)?;
        let (format, name) = record::unseal(&sealed).and_then(<[u8]>::split_first_chunk::<4>).ok_or_else(lost)?;
        let found = u32::from_be_bytes(*format);
        if found != LOG_FORMAT {
            return Err(StoreError::OtherFormat { path: self.path.clone(), found, known: LOG_FORMAT });
        }
        if name == cluster.as_bytes() { Ok(()) } else { Err(lost()) }
    }

    /// Begins to serve a log that was found whole.
    pub(crate) fn serve(
        self,
        scanned: &Scanned,
        watermark: Watermark,
        settings: &LogSettings,
        (failures, syncs): (Failures, Syncs),
    ) -> Result<LogStore, StoreError> {
        // What was found may never have been synced by who wrote it, and from now on others hear that it is here. fjall syncs what
        // it recovers, before it reads it; that is not left to it alone. And so the disk is known from the start.
        syncs.time(|| self.db.persist(PersistMode::SyncAll)).map_err(StoreError::log("syncing"))?;
        let limits = CacheLimits { entries: settings.recent_entries, bytes: settings.recent_bytes };
        let tail = Arc::new(SharedTail::new(scanned.bounds, scanned.vote, scanned.committed, limits));
        let (queue, requests) = mpsc::channel();
        let shared: SharedEntries = Arc::new(RwLock::new(Some(self.entries.clone())));
        let last = scanned.bounds.last;
        let entry =
            last.map(|id| super::watermark::MarkedEntry { index: id.index, term: id.term, chain: scanned.chain });
        let writer = Writer {
            db: self.db,
            dir: self.path.clone(),
            settings: *settings,
            entries: self.entries.clone(),
            meta: self.meta,
            shared: shared.clone(),
            renewing: None,
            tail: tail.clone(),
            watermark,
            failures,
            syncs,
            high_water: HighWater { entry, vote: scanned.vote },
            last,
            chain: scanned.chain,
            committed: scanned.committed,
            purged_remains: scanned.purged_remains,
            noted: Instant::now(),
            unnoted: true,
            stopped: false,
        };
        let thread = std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || writer.run(&requests))
            .map_err(StoreError::io("starting the writer of", &self.path))?;
        let thread = Arc::new(Mutex::new(Some(thread)));
        Ok(LogStore { tail, entries: shared, queue, thread })
    }
}

/// The log. Clones are the same log.
#[derive(Clone)]
pub struct LogStore {
    tail: Arc<SharedTail>,
    entries: SharedEntries,
    queue: Sender<Op>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for LogStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogStore").field("bounds", &self.bounds()).finish_non_exhaustive()
    }
}

impl LogStore {
    /// Where it begins and ends, what was handed over counted in.
    pub fn bounds(&self) -> LogBounds {
        self.tail.lock().bounds
    }

    /// The vote that is on disk.
    pub fn vote(&self) -> Option<Vote> {
        self.tail.lock().vote
    }

    /// What its writer has done so far.
    pub(crate) fn counters(&self) -> &LogCounters {
        &self.tail.counters
    }

    /// Up to where entries are known to be committed. A hint: after a crash it may be an older one.
    pub fn committed(&self) -> Option<LogId> {
        self.tail.lock().committed
    }

    /// Notes up to where entries are committed; written with whatever is written next.
    pub fn note_committed(&self, committed: Option<LogId>) {
        self.tail.lock().committed = committed;
    }

    /// Writes the vote; `done` is called when it is durable.
    pub fn save_vote(&self, vote: Vote, done: Done) {
        self.ask(Op::Vote { vote, done });
    }

    /// Appends entries that follow on the last one. They can be read when this returns; `done` is called when
    /// they are durable.
    pub fn append(&self, records: Vec<LogRecord>, done: Done) -> Result<(), StoreError> {
        // Queued under the lock: what is first in memory is first in the queue.
        let mut tail = self.tail.lock();
        tail.push(&records)?;
        let generation = tail.generation;
        self.ask(Op::Append { records, generation, done });
        Ok(())
    }

    /// Removes the entries from index `next` on, all or none; `done` is called when that is durable.
    pub fn truncate(&self, next: u64, done: Done) -> Result<(), StoreError> {
        let bounds = self.bounds();
        let next = next.max(bounds.first_index());
        let last = match next.checked_sub(1) {
            Some(index) if next > bounds.first_index() => self.read(index, next)?.first().map(|record| record.id),
            _ => bounds.purged,
        };
        if next < bounds.next_index() {
            self.tail.update(|tail| tail.truncate(next, last));
        }
        self.ask(Op::Truncate { next, done });
        Ok(())
    }

    /// Removes the entries up to and with `upto`, which may be past the last: a snapshot holds what they did. The caller
    /// has made sure that the snapshot, or the state, is durable.
    pub fn purge(&self, upto: LogId, done: Done) {
        if upto.index < self.bounds().first_index() {
            return done(Ok(()));
        }
        self.tail.update(|tail| tail.purge(upto));
        self.ask(Op::Purge { upto, done });
    }

    /// The entries of `from..to` that there are. May read the disk.
    pub fn read(&self, from: u64, to: u64) -> Result<Vec<LogRecord>, StoreError> {
        self.read_some(from, to, usize::MAX)
    }

    /// Like [`LogStore::read`], but ends after the entry that brings it to `bytes_max`; the first is always there.
    pub fn read_some(&self, from: u64, to: u64, bytes_max: usize) -> Result<Vec<LogRecord>, StoreError> {
        let (from, to, in_memory, recent) = {
            let tail = self.tail.lock();
            let (from, to) = tail.clamp(from, to);
            let (in_memory, recent) = tail.recent(from, to);
            (from, to, in_memory, recent)
        };
        let mut records = Vec::new();
        if from < in_memory {
            records = match self.read_disk(from, in_memory, bytes_max) {
                // It may have been purged, or truncated, while it was read.
                Err(StoreError::Hole { .. }) if self.tail.lock().clamp(from, to) != (from, to) => {
                    return self.read_some(from, to, bytes_max);
                }
                other => other?,
            };
            if (records.len() as u64) < in_memory.saturating_sub(from) {
                return Ok(records);
            }
        }
        let mut bytes: usize = records.iter().map(|record| record.entry.len()).sum();
        for record in recent {
            bytes = bytes.saturating_add(record.entry.len());
            if bytes > bytes_max && !records.is_empty() {
                break;
            }
            records.push(record);
        }
        Ok(records)
    }

    fn read_disk(&self, from: u64, to: u64, bytes_max: usize) -> Result<Vec<LogRecord>, StoreError> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entries = entries.as_ref().ok_or_else(|| StoreError::Failed("the log could not be opened again".into()))?;
        scan::read(entries, from, to, bytes_max)
    }

    /// Writes the log anew, so that nothing that was purged or truncated is left on the disk; `done` is called when it is in its
    /// place, or was left as it is.
    pub fn renew(&self, done: Done) {
        self.ask(Op::Renew { done });
    }

    /// [`LogStore::read_some`] will not touch the disk.
    pub fn is_in_memory(&self, from: u64, to: u64) -> bool {
        let tail = self.tail.lock();
        let (from, to) = tail.clamp(from, to);
        tail.recent(from, to).0 == from
    }

    /// Blocks until no entry up to `index` is in memory alone: what is applied must never be ahead of the disk.
    pub fn wait_synced(&self, index: u64) -> Result<(), StoreError> {
        self.tail.wait_synced(index)
    }

    /// Writes what is left, tells the watermark and ends the writer's thread. Blocks.
    pub fn close(&self) -> Result<(), StoreError> {
        let (done, closed) = mpsc::channel();
        self.ask(Op::Stop {
            done: Box::new(move |outcome| {
                // Nobody is left to hear it only if this thread has gone.
                let _heard = done.send(outcome);
            }),
        });
        let outcome = closed.recv().unwrap_or(Ok(()));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            return Err(StoreError::Failed("the log's writer panicked".into()));
        }
        outcome
    }

    fn ask(&self, op: Op) {
        if let Err(mpsc::SendError(op)) = self.queue.send(op) {
            writer::refuse(op, "the log is closed");
        }
    }
}
