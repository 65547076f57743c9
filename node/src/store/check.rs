//! Whether a log is all that this node has acknowledged. Knows the log, the watermark and the state by what they say; reads
//! nothing itself.

use raftchat_schema::stored::{LogId, Vote};

use super::error::StoreError;
use super::log::Scanned;
use super::state::AppliedState;
use super::watermark::HighWater;

/// The indices whose entries the scan has to bring for [`check`].
pub(crate) fn asked(high_water: &HighWater, applied: Option<&AppliedState>) -> Vec<u64> {
    let marked = high_water.entry.map(|entry| entry.index);
    let applied = applied.and_then(|applied| applied.log_id).map(|id| id.index);
    marked.into_iter().chain(applied).collect()
}

/// Refuses a log that holds less than, or something else than, what was seen in it.
pub(crate) fn check(
    scanned: &Scanned,
    high_water: &HighWater,
    applied: Option<&AppliedState>,
) -> Result<(), StoreError> {
    check_watermark(scanned, high_water)?;
    check_vote(scanned, high_water)?;
    applied.map_or(Ok(()), |applied| check_applied(scanned, applied))
}

fn check_watermark(scanned: &Scanned, high_water: &HighWater) -> Result<(), StoreError> {
    let Some(marked) = high_water.entry else {
        return Ok(());
    };
    let index = marked.index;
    if index >= scanned.bounds.next_index() {
        return Err(StoreError::LogShorter { have: scanned.bounds.next_index(), marked: index });
    }
    let found = scanned.found.iter().find(|(id, _)| id.index == index);
    match found {
        Some((id, chain)) if id.term != marked.term || *chain != marked.chain => Err(StoreError::OtherEntry { index }),
        // Not found: purged since.
        _ => Ok(()),
    }
}

fn check_vote(scanned: &Scanned, high_water: &HighWater) -> Result<(), StoreError> {
    let order = |vote: &Vote| (vote.term, vote.node, vote.committed);
    if let Some(marked) = high_water.vote
        && scanned.vote.is_none_or(|have| order(&have) < order(&marked))
    {
        return Err(StoreError::VoteLost { have: scanned.vote, marked });
    }
    let term = scanned.vote.map_or(0, |vote| vote.term);
    // Nobody takes an entry of a term without having noted the term before.
    if scanned.bounds.last.is_some_and(|last| last.term > term) {
        return Err(StoreError::DamagedMeta { what: "vote" });
    }
    Ok(())
}

fn check_applied(scanned: &Scanned, applied: &AppliedState) -> Result<(), StoreError> {
    let Some(last) = applied.log_id else {
        return Ok(());
    };
    // A snapshot may be ahead of a log that it is about to replace.
    if applied.installed.is_some_and(|installed: LogId| installed >= last) {
        return Ok(());
    }
    if last.index >= scanned.bounds.next_index() {
        return Err(StoreError::LogShorter { have: scanned.bounds.next_index(), marked: last.index });
    }
    if scanned.found.iter().any(|(id, _)| id.index == last.index && *id != last) {
        return Err(StoreError::OtherEntry { index: last.index });
    }
    Ok(())
}
