//! Why a node's store cannot be used, each reason by its name and with what to do about it.

use std::path::{Path, PathBuf};

use raftchat_files::Trouble;
use raftchat_schema::level::Level;
use raftchat_schema::stored::{LogId, Vote};

use super::keys;

/// What to do with a node whose log cannot be trusted: its vote could undo what a majority was told is safe.
const REJOIN: &str = "This node must not vote. Keep its data directory for inspection; take the node out with \
                      `raftchatctl cluster remove` and replace it by a new one with `raftchatctl cluster add`";

/// What to do with a node whose state alone is lost.
const REFILL: &str = "Take the node out with `raftchatctl cluster remove` and replace it by a new one with `raftchatctl \
                      cluster add`: the others send it everything";

/// Why the store refused to open, or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused to read or write a file. Final where it was a write: a failed sync is never tried again.
    #[error("{doing} {}: {source}. {trouble}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What helps.
        trouble: Trouble,
    },
    /// A database gave up by itself, for a reason that it told nobody, and the disk takes what is written to it by now.
    #[error("{doing} {}: the database had stopped at a failure of the disk. Start the node again: if the disk still fails, it is told how", .path.display())]
    Stopped {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
    },
    /// The log's database did not open, or failed while running.
    #[error("the log's database failed while {doing}: {reason}. {REJOIN}")]
    LogDatabase {
        /// What was being done.
        doing: &'static str,
        /// What fjall said.
        reason: String,
    },
    /// The state's database did not open, or failed while running.
    #[error(
        "the state's database failed while {doing}: {reason}. Start the node again: it is made anew from the log and the snapshot that are here"
    )]
    StateDatabase {
        /// What was being done.
        doing: &'static str,
        /// What fjall said.
        reason: String,
    },
    /// The database is open in another process.
    #[error("{} is in use by another process. Stop the other raftchatd first", .path.display())]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// The log ends before an entry that this node has acknowledged.
    #[error("the log ends before index {have}, but this node acknowledged entries up to index {marked}. {REJOIN}")]
    LogShorter {
        /// The first index that is not in the log.
        have: u64,
        /// The last index that was acknowledged.
        marked: u64,
    },
    /// An entry is not what was written.
    #[error("the log entry {index} is damaged: {what}. {REJOIN}")]
    DamagedEntry {
        /// Which.
        index: u64,
        /// In what way.
        what: &'static str,
    },
    /// An entry is missing between others.
    #[error("the log has a hole: entry {missing} is missing. {REJOIN}")]
    Hole {
        /// The first that is not there.
        missing: u64,
    },
    /// The log holds another entry than the one acknowledged.
    #[error("the log entry {index} is not the one this node acknowledged. {REJOIN}")]
    OtherEntry {
        /// Which.
        index: u64,
    },
    /// A record beside the entries is damaged or missing.
    #[error("the log's record of its {what} is damaged or missing. {REJOIN}")]
    DamagedMeta {
        /// Which.
        what: &'static str,
    },
    /// The vote on disk is older than one this node has given.
    #[error("the vote on disk is for term {}, but this node voted in term {}. {REJOIN}", .have.map_or(0, |vote| vote.term), .marked.term)]
    VoteLost {
        /// What is there.
        have: Option<Vote>,
        /// What was there.
        marked: Vote,
    },
    /// The log's directory is gone.
    #[error("{} is missing although this node has an identity. {REJOIN}", .path.display())]
    LogMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The watermark is gone or no longer readable.
    #[error("{} is missing or damaged, so nothing says how long the log must be. {REJOIN}", .path.display())]
    WatermarkLost {
        /// Where it should be.
        path: PathBuf,
    },
    /// There is a log but nothing that says whose.
    #[error("{} is missing or damaged although there is a log: nobody can say whose log it is. Restore the file, or: {REJOIN}", .path.display())]
    IdentityLost {
        /// Where it should be.
        path: PathBuf,
    },
    /// There is no data and no word that there never was any.
    #[error(
        "{} holds no data, and nothing says that this node is new: one that lost its disk may have voted, and must not \
         come back under its id. Put the data back (is its disk mounted?); if it is lost, take the node out with `raftchatctl cluster remove` and \
         replace it by a new one with `raftchatctl cluster add`",
        .path.display()
    )]
    NotNew {
        /// The data directory.
        path: PathBuf,
    },
    /// The data belongs to another node or cluster.
    #[error(
        "the data directory belongs to node {found_node} of cluster `{found_cluster}`, not to node {node} of `{cluster}`. Point the node at its own directory"
    )]
    OtherIdentity {
        /// Whose it is.
        found_node: u64,
        /// Of which cluster.
        found_cluster: String,
        /// Who asked for it.
        node: u64,
        /// Of which cluster.
        cluster: String,
    },
    /// The data was written by a program that this one does not understand.
    #[error("{} has format {found}, this program reads {known}. Use a raftchatd that knows the format", .path.display())]
    OtherFormat {
        /// What.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// What this program reads.
        known: u32,
    },
    /// The rows are of a cluster that was upgraded.
    #[error(
        "the cluster is at feature level {level}, and this program knows none above {newest}: it is older than the others. Start a \
         newer raftchatd"
    )]
    NewerLevel {
        /// The cluster's.
        level: Level,
        /// The highest that this program knows.
        newest: Level,
    },
    /// The state cannot be brought up from what is here.
    #[error("the state is lost ({why}), and neither a snapshot nor the whole log is here to rebuild it. {REFILL}")]
    StateLost {
        /// What happened to it.
        why: String,
    },
    /// A snapshot file is not what was written.
    #[error("the snapshot {} is damaged: {what}. It is not used; the leader sends it again", .path.display())]
    DamagedSnapshot {
        /// Which.
        path: PathBuf,
        /// In what way.
        what: &'static str,
    },
    /// A snapshot is of another cluster.
    #[error("the snapshot is of cluster `{found}`, this node is of `{cluster}`. Check which cluster its peers are of")]
    OtherClusterSnapshot {
        /// Of which.
        found: String,
        /// This node's.
        cluster: String,
    },
    /// A block of a snapshot does not start where the last ended.
    #[error(
        "a block starts at byte {offset}, but {have} bytes are here. Ask for the transfer again and go on from there"
    )]
    SnapshotOffset {
        /// Where it starts.
        offset: u64,
        /// How much there is.
        have: u64,
    },
    /// The store failed before; nothing is written any more.
    #[error("the store has failed: {0}. Restart the node once the cause is removed")]
    Failed(String),
    /// Entries were handed over that do not follow on what is there.
    #[error("entry {given:?} does not follow on entry {last:?}: this program is at fault")]
    NotNext {
        /// What was handed over.
        given: LogId,
        /// What is there.
        last: Option<LogId>,
    },
}

impl StoreError {
    /// A constructor for `map_err`: what was being done to which file.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| {
            let trouble = Trouble::of(&source, &path).unwrap_or(Trouble::Other);
            Self::Io { doing, path, source, trouble }
        }
    }

    /// A constructor for `map_err`: what was being done to the log.
    pub(crate) fn log(doing: &'static str) -> impl FnOnce(fjall::Error) -> Self {
        move |error| match Cause::of(error, Path::new(keys::LOG_DIR)) {
            Cause::System(source) => Self::io(doing, keys::LOG_DIR)(source),
            Cause::Before => Self::Stopped { doing, path: keys::LOG_DIR.into() },
            Cause::Damage(reason) => Self::LogDatabase { doing, reason },
        }
    }

    /// A constructor for `map_err`: what was being done to the state.
    pub(crate) fn state(doing: &'static str) -> impl FnOnce(fjall::Error) -> Self {
        move |error| match Cause::of(error, Path::new(STATE)) {
            Cause::System(source) => Self::io(doing, STATE)(source),
            Cause::Before => Self::Stopped { doing, path: STATE.into() },
            Cause::Damage(reason) => Self::StateDatabase { doing, reason },
        }
    }

    /// Looks at the disk itself where a database has given up without a word: `dir` is where it lies.
    pub(crate) fn explained(self, dir: &Path) -> Self {
        let Self::Stopped { doing, .. } = self else { return self };
        match raftchat_files::probe(dir, ROOM_BYTES) {
            Err(source) => Self::io(doing, dir)(source),
            Ok(()) => Self::Stopped { doing, path: dir.to_owned() },
        }
    }

    /// Whether what is stored is not what was written, so that it helps to throw it away and have it again.
    pub fn is_damage_of_state(&self) -> bool {
        matches!(self, Self::StateDatabase { .. })
    }
}

/// What the state's database is called where it is not known which of its directories it is.
const STATE: &str = "the state";
/// A database that gave up while less was free than this, in bytes, gave up for want of room: it writes out what it has in
/// memory in one piece.
const ROOM_BYTES: u64 = 32 << 20;

/// What is behind an error of fjall's.
pub(crate) enum Cause {
    /// The system did not do what it was asked to.
    System(std::io::Error),
    /// An earlier failure, which was told nobody.
    Before,
    /// The files are not what was written.
    Damage(String),
}

impl Cause {
    /// Looks into the error: fjall hands on what the system said, about `dir`, as well as what its files say.
    pub(crate) fn of(error: fjall::Error, dir: &Path) -> Self {
        let what = match error {
            fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
                match Trouble::of(&error, dir) {
                    // A file that its own directory speaks of: lost, not withheld.
                    Some(Trouble::Missing) => "one of its files is missing",
                    Some(_) => return Self::System(error),
                    None => "one of its files is cut short or holds nonsense",
                }
            }
            fjall::Error::Poisoned => return Self::Before,
            fjall::Error::Storage(fjall::LsmError::ChecksumMismatch { .. }) => "a checksum does not fit",
            fjall::Error::InvalidVersion(_) | fjall::Error::Storage(fjall::LsmError::InvalidVersion(_)) => {
                "it is of a form that this program does not know"
            }
            fjall::Error::JournalRecovery(_) => "its journal is damaged",
            _ => "one of its files is damaged",
        };
        Self::Damage(what.to_owned())
    }
}

/// Refuses rows of a feature level that this program does not know.
pub(crate) fn must_know(level: Level) -> Result<(), StoreError> {
    let newest = Level::newest();
    if level <= newest { Ok(()) } else { Err(StoreError::NewerLevel { level, newest }) }
}

impl From<StoreError> for std::io::Error {
    fn from(error: StoreError) -> Self {
        Self::other(error)
    }
}
