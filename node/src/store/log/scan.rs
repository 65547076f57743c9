//! Reads a log from end to end before it is used: every checksum, every link, no hole. Knows nothing of what else on the
//! node says how long the log must be.

use fjall::{Keyspace, UserValue};
use raftchat_schema::stored::{LogId, Vote};
use raftchat_schema::wire;

use super::record::{self, Chain, LogRecord};
use super::tail::{LogBounds, index_after};
use crate::store::error::StoreError;
use crate::store::keys;

/// What a log holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scanned {
    pub(crate) bounds: LogBounds,
    /// The chain at the last entry.
    pub(crate) chain: Chain,
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    /// Entries that were purged and are still to be removed.
    pub(crate) purged_remains: Option<(u64, u64)>,
    /// What stands at the indices that were asked about, and the chain there.
    pub(crate) found: Vec<(LogId, Chain)>,
}

/// Reads the whole log; `asked` are the indices whose entries are wanted.
pub(crate) fn scan(entries: &Keyspace, meta: &Keyspace, asked: &[u64]) -> Result<Scanned, StoreError> {
    let mut scanned = read_meta(meta)?;
    let first = scanned.bounds.first_index();
    let remains = |found: Option<fjall::Guard>| {
        found.map(fjall::Guard::key).transpose().map(|key| key.and_then(|key| index_of(&key)))
    };
    let lowest = remains(entries.range(..keys::entry(first)).next()).map_err(StoreError::log("reading"))?;
    scanned.purged_remains = lowest.map(|lowest| (lowest, first));
    for guard in entries.range(keys::entry(first)..) {
        let (key, value) = guard.into_inner().map_err(StoreError::log("reading"))?;
        let next = index_after(scanned.bounds.last);
        let index = index_of(&key).ok_or(StoreError::DamagedEntry { index: next, what: "its key is no index" })?;
        if index != next {
            return Err(StoreError::Hole { missing: next });
        }
        let linked = record::decode(index, &value).map_err(|what| StoreError::DamagedEntry { index, what })?;
        if linked.previous != scanned.chain {
            return Err(StoreError::DamagedEntry { index, what: "it does not follow on the one before" });
        }
        if scanned.bounds.last.is_some_and(|last| last.term > linked.record.id.term) {
            return Err(StoreError::DamagedEntry { index, what: "its term is below the one before" });
        }
        scanned.chain = linked.chain;
        scanned.bounds.last = Some(linked.record.id);
        if asked.contains(&index) {
            scanned.found.push((linked.record.id, linked.chain));
        }
    }
    Ok(scanned)
}

/// Reads `from..to`, which must all be there.
pub(crate) fn read(entries: &Keyspace, from: u64, to: u64, bytes_max: usize) -> Result<Vec<LogRecord>, StoreError> {
    let mut records = Vec::new();
    let mut bytes = 0_usize;
    let mut next = from;
    for guard in entries.range(keys::entry(from)..keys::entry(to)) {
        let (key, value) = guard.into_inner().map_err(StoreError::log("reading"))?;
        if index_of(&key) != Some(next) {
            break;
        }
        let linked = record::decode(next, &value).map_err(|what| StoreError::DamagedEntry { index: next, what })?;
        bytes = bytes.saturating_add(linked.record.entry.len());
        if bytes > bytes_max && !records.is_empty() {
            return Ok(records);
        }
        records.push(linked.record);
        next = next.saturating_add(1);
    }
    if next < to { Err(StoreError::Hole { missing: next }) } else { Ok(records) }
}

/// The chain at an entry that is on disk.
pub(crate) fn chain_at(entries: &Keyspace, index: u64) -> Result<Option<(LogId, Chain)>, StoreError> {
    let Some(value) = entries.get(keys::entry(index)).map_err(StoreError::log("reading"))? else {
        return Ok(None);
    };
    let linked = record::decode(index, &value).map_err(|what| StoreError::DamagedEntry { index, what })?;
    Ok(Some((linked.record.id, linked.chain)))
}

fn read_meta(meta: &Keyspace) -> Result<Scanned, StoreError> {
    let purged = sealed(meta, keys::PURGED, "purge point", record::decode_purged)?;
    let vote = sealed(meta, keys::VOTE, "vote", |bytes| wire::decode_vote(record::unseal(bytes)?).ok())?;
    let committed =
        sealed(meta, keys::COMMITTED, "commit point", |bytes| wire::decode_log_id(record::unseal(bytes)?).ok())?;
    let bounds = LogBounds { purged: purged.map(|(id, _)| id), last: purged.map(|(id, _)| id) };
    let chain = purged.map(|(_, chain)| chain).unwrap_or_default();
    Ok(Scanned { bounds, chain, vote, committed, purged_remains: None, found: Vec::new() })
}

fn sealed<T>(
    meta: &Keyspace,
    key: &[u8],
    what: &'static str,
    decode: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let value: Option<UserValue> = meta.get(key).map_err(StoreError::log("reading"))?;
    value.map(|value| decode(&value).ok_or(StoreError::DamagedMeta { what })).transpose()
}

fn index_of(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}
