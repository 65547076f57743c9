//! The database under the store: three tables, written together. Knows nothing of what is in them.
//!
//! fjall reads its whole journal when it opens, also what its tables hold already, at 0.7 s for 64 MiB of small rows. So a
//! database that is closed writes out what is in memory and empties the journal.

use std::fs::{self, OpenOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fjall::{KeyspaceCreateOptions, PersistMode, Readable as _};
use raftchat_model::Durability;

use super::error::{Cause, StoreError};

/// Of blocks read from the disk.
const BLOCK_CACHE_BYTES: u64 = 8 << 20;
/// Of what was written last, for each table.
const MEMTABLE_BYTES: u64 = 4 << 20;
/// Beyond this much on disk, what keeps old journals alive is written out. The least that fjall takes.
const JOURNALS_BYTES: u64 = 64 << 20;
/// Of files kept open.
const OPEN_FILES: usize = 64;
/// A disk that takes longer than this to write out what is in memory is left alone: the journal has it.
const FLUSH_PATIENCE: Duration = Duration::from_secs(10);

/// How fjall makes a database: of one whose making was cut short it says for ever that a file exists.
const MAKING: raftchat_files::Making<'static> =
    raftchat_files::Making { lock: "lock", mark: "version", contents: "keyspaces" };

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    /// All but messages.
    Rows,
    /// Messages.
    Messages,
    /// Words → messages.
    Words,
}

impl Table {
    pub(super) const ALL: [Self; 3] = [Self::Rows, Self::Messages, Self::Words];
}

/// A row as it was read.
pub(super) type Bytes = fjall::Slice;

/// Why a database did not open.
pub(super) enum OpenFailure {
    InUse,
    Damaged(&'static str),
    Io(std::io::Error),
}

/// The tables, open.
pub(super) struct Database {
    db: fjall::Database,
    tables: Tables,
    path: Arc<Path>,
}

#[derive(Clone)]
struct Tables {
    rows: fjall::Keyspace,
    messages: fjall::Keyspace,
    words: fjall::Keyspace,
}

impl Tables {
    fn of(&self, table: Table) -> &fjall::Keyspace {
        match table {
            Table::Rows => &self.rows,
            Table::Messages => &self.messages,
            Table::Words => &self.words,
        }
    }
}

impl Database {
    /// Opens the database in `path`; makes it if there is none.
    pub(super) fn open(path: &Path) -> Result<Self, OpenFailure> {
        let removed = raftchat_files::remove_half_made(path, &MAKING).map_err(OpenFailure::Io)?;
        if removed {
            tracing::info!("a store whose making was interrupted is made anew");
        }
        // fjall panics on some damaged files instead of answering; here that is an answer like the others.
        match catch_unwind(AssertUnwindSafe(|| open(path))) {
            Ok(Ok((db, tables))) => Ok(Self { db, tables, path: path.into() }),
            Ok(Err(fjall::Error::Locked)) => Err(OpenFailure::InUse),
            Ok(Err(error)) => Err(failure_of(Cause::of(error, path), path)),
            Err(_panic) => {
                Err(failure_of(Cause::Damage("its files are damaged beyond what the database can tell"), path))
            }
        }
    }

    /// All tables as they are now.
    pub(super) fn view(&self) -> View {
        View { snapshot: self.db.snapshot(), tables: self.tables.clone(), dir: self.path.clone() }
    }

    /// Writes or erases rows, all or none. They survive the death of this process, and of the machine if asked for.
    pub(super) fn commit(
        &self,
        rows: impl IntoIterator<Item = (Table, Vec<u8>, Option<Vec<u8>>)>,
        durability: Durability,
    ) -> Result<(), StoreError> {
        let mode = match durability {
            Durability::Lazy => PersistMode::Buffer,
            Durability::Synced => PersistMode::SyncData,
        };
        let mut batch = self.db.batch().durability(Some(mode));
        for (table, key, row) in rows {
            match row {
                Some(row) => batch.insert(self.tables.of(table), key, row),
                None => batch.remove(self.tables.of(table), key),
            }
        }
        batch.commit().map_err(StoreError::database("writing", &self.path))
    }

    /// How much there is to read before it opens again, in bytes.
    pub(super) fn journal_bytes(&self) -> Result<u64, StoreError> {
        let bytes = journals(&self.path).and_then(|journals| journals.iter().map(|path| used_bytes(path)).sum());
        bytes.map_err(StoreError::disk("reading", &self.path))
    }

    /// Makes all durable, and leaves nothing to be read again. The database must not be opened by anybody else meanwhile.
    pub(super) fn close(self) -> Result<(), StoreError> {
        self.db.persist(PersistMode::SyncAll).map_err(StoreError::database("closing", &self.path))?;
        let written_out = self.write_out()?;
        let Self { db, tables, path } = self;
        drop(tables);
        drop(db);
        if written_out { empty_journals(&path).map_err(StoreError::disk("closing", &path)) } else { Ok(()) }
    }

    /// Writes what is in memory into the tables' files; false if that takes too long.
    fn write_out(&self) -> Result<bool, StoreError> {
        let deadline = Instant::now() + FLUSH_PATIENCE;
        for table in Table::ALL {
            self.tables.of(table).rotate_memtable().map_err(StoreError::database("closing", &self.path))?;
        }
        let waiting = |table: Table| self.tables.of(table).sealed_memtable_count() > 0;
        while Table::ALL.into_iter().any(waiting) {
            if Instant::now() > deadline {
                tracing::warn!("the disk is too slow to write out the stored messages; the next start takes longer");
                return Ok(false);
            }
            // fjall tells nobody when it is done; its own wait is a loop like this one, without an end.
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(true)
    }
}

/// The tables as they were at one moment.
pub(super) struct View {
    // First, so that it is gone before the database is.
    snapshot: fjall::Snapshot,
    tables: Tables,
    dir: Arc<Path>,
}

impl View {
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.snapshot.get(self.tables.of(table), key).map_err(self.failure())
    }

    pub(super) fn has(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        self.snapshot.contains_key(self.tables.of(table), key).map_err(self.failure())
    }

    /// The rows whose keys begin with `prefix`, in the order of their keys.
    pub(super) fn prefix(&self, table: Table, prefix: &[u8]) -> Scan {
        self.scan(self.snapshot.prefix(self.tables.of(table), prefix))
    }

    /// The rows from `from` to before `to`, in the order of their keys.
    pub(super) fn range(&self, table: Table, from: Vec<u8>, to: Vec<u8>) -> Scan {
        // fjall does not take a range that ends before it begins.
        let to = to.max(from.clone());
        self.scan(self.snapshot.range(self.tables.of(table), from..to))
    }

    /// The rows from `from` on, in the order of their keys.
    pub(super) fn from(&self, table: Table, from: Vec<u8>) -> Scan {
        self.scan(self.snapshot.range(self.tables.of(table), from..))
    }

    fn scan(&self, rows: fjall::Iter) -> Scan {
        Scan { rows, dir: self.dir.clone() }
    }

    fn failure(&self) -> impl FnOnce(fjall::Error) -> StoreError {
        StoreError::database("reading", &self.dir)
    }
}

/// Rows, one after the other, from either end.
pub(super) struct Scan {
    rows: fjall::Iter,
    dir: Arc<Path>,
}

impl Scan {
    /// Their keys alone.
    pub(super) fn keys(self) -> impl DoubleEndedIterator<Item = Result<Bytes, StoreError>> {
        let Self { rows, dir } = self;
        rows.map(move |guard| guard.key().map_err(StoreError::database("reading", &dir)))
    }

    /// The next key; the row itself may stay unread.
    pub(super) fn next_key(&mut self) -> Option<Result<Bytes, StoreError>> {
        self.rows.next().map(|guard| guard.key().map_err(StoreError::database("reading", &self.dir)))
    }
}

impl Iterator for Scan {
    type Item = Result<(Bytes, Bytes), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next().map(|guard| guard.into_inner().map_err(StoreError::database("reading", &self.dir)))
    }
}

impl DoubleEndedIterator for Scan {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.rows.next_back().map(|guard| guard.into_inner().map_err(StoreError::database("reading", &self.dir)))
    }
}

fn open(path: &Path) -> fjall::Result<(fjall::Database, Tables)> {
    let db = fjall::Database::builder(path)
        .cache_size(BLOCK_CACHE_BYTES)
        .max_journaling_size(JOURNALS_BYTES)
        .max_cached_files(Some(OPEN_FILES))
        .worker_threads(1)
        .open()?;
    let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
    let rows = db.keyspace("rows", options)?;
    let messages = db.keyspace("messages", options)?;
    let words = db.keyspace("words", options)?;
    Ok((db, Tables { rows, messages, words }))
}

/// Empties the journals of a database that is closed and whose tables hold all that is in them.
fn empty_journals(path: &Path) -> std::io::Result<()> {
    for journal in journals(path)? {
        let file = OpenOptions::new().write(true).open(journal)?;
        file.set_len(0)?;
        file.sync_all()?;
    }
    Ok(())
}

fn journals(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths: std::io::Result<Vec<_>> = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect();
    Ok(paths?.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "jnl")).collect())
}

/// A journal is as long as it may get from the beginning; what of it was written is what the disk gave room for.
fn used_bytes(path: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(fs::metadata(path)?.blocks().saturating_mul(512))
}

/// A disk that takes nothing is told before damage is: what looks so may only not have been written.
fn failure_of(cause: Cause, path: &Path) -> OpenFailure {
    match cause {
        Cause::System(error) => OpenFailure::Io(error),
        Cause::Before => OpenFailure::Damaged("it stopped while it was opened"),
        Cause::Damage(reason) => match raftchat_files::probe(path, 0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => OpenFailure::Io(error),
            _ => OpenFailure::Damaged(reason),
        },
    }
}
