//! Every name on disk and every key that is not the state machine's own. Numbers in keys are big-endian, so that
//! keys are in the order of the numbers.

/// Who the node is.
pub(crate) const IDENTITY_FILE: &str = "node.toml";
/// The lower bound of the log.
pub(crate) const WATERMARK_FILE: &str = "watermark";
/// The log's database.
pub(crate) const LOG_DIR: &str = "log";
/// A log that is being written anew.
pub(crate) const LOG_NEW_DIR: &str = "log.new";
/// The log that a new one has just taken the place of.
pub(crate) const LOG_OLD_DIR: &str = "log.old";
/// A log that was set aside, as its rows are lost.
pub(crate) const LOG_OWED_DIR: &str = "log.owed";
/// How far this node was before that.
pub(crate) const OWED_FILE: &str = "owed";
/// Where it is noted that the state's database is damaged, so that the next start makes a new one.
pub(crate) const DAMAGED_FILE: &str = "DAMAGED";
/// Names the live state directory.
pub(crate) const CURRENT_FILE: &str = "CURRENT";
/// What state directories begin with; an epoch follows.
pub(crate) const STATE_PREFIX: &str = "state-";
/// Where snapshots are.
pub(crate) const SNAPSHOT_DIR: &str = "snap";

/// Keyspace of the log's database: index → record.
pub(crate) const LOG_ENTRIES: &str = "log";
/// Keyspace of the log's database: what is beside the entries.
pub(crate) const LOG_META: &str = "meta";
/// In [`LOG_META`]: the vote.
pub(crate) const VOTE: &[u8] = b"vote";
/// In [`LOG_META`]: up to where the log was purged.
pub(crate) const PURGED: &[u8] = b"purged";
/// In [`LOG_META`]: up to where entries are known to be committed; a hint.
pub(crate) const COMMITTED: &[u8] = b"committed";
/// In [`LOG_META`]: format and cluster.
pub(crate) const ORIGIN: &[u8] = b"origin";

/// Keyspace of the state's database: the state machine's rows.
pub(crate) const STATE_ROWS: &str = "rows";
/// Keyspace of the state's database: what Raft says about them.
pub(crate) const STATE_RAFT: &str = "raft";
/// In [`STATE_RAFT`]: the last entry applied.
pub(crate) const APPLIED: &[u8] = b"applied";
/// In [`STATE_RAFT`]: the membership at that entry.
pub(crate) const MEMBERSHIP: &[u8] = b"membership";
/// In [`STATE_RAFT`]: the last entry of the snapshot that the state began with.
pub(crate) const INSTALLED: &[u8] = b"installed";
/// In [`STATE_RAFT`]: since when something that was deleted is still on this disk, and up to which entry.
pub(crate) const UNCLEAN: &[u8] = b"unclean";
/// In [`STATE_RAFT`]: the rolling hash, beside the state machine's own, to find one of them lost.
pub(crate) const HASH: &[u8] = b"hash";

/// The key of a log entry.
pub(crate) fn entry(index: u64) -> [u8; 8] {
    index.to_be_bytes()
}
