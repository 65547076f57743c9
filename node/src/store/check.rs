//! Whether a log is all that this node has acknowledged. Knows the log, the witness and the state by what they say; reads
//! nothing itself.

use raftchat_schema::stored::{LogId, Vote};

use super::error::StoreError;
use super::log::Scanned;
use super::state::AppliedState;
use super::witness::Testimony;

/// The indices whose entries the scan has to bring for [`check`].
pub(crate) fn asked(testimony: &Testimony, applied: Option<&AppliedState>) -> Vec<u64> {
    let witnessed = testimony.entry.map(|entry| entry.index);
    let applied = applied.and_then(|applied| applied.log_id).map(|id| id.index);
    witnessed.into_iter().chain(applied).collect()
}

/// Refuses a log that holds less than, or something else than, what was seen in it.
pub(crate) fn check(
    scanned: &Scanned,
    testimony: &Testimony,
    applied: Option<&AppliedState>,
) -> Result<(), StoreError> {
    check_witness(scanned, testimony)?;
    check_vote(scanned, testimony)?;
    applied.map_or(Ok(()), |applied| check_applied(scanned, applied))
}

fn check_witness(scanned: &Scanned, testimony: &Testimony) -> Result<(), StoreError> {
    let Some(witnessed) = testimony.entry else {
        return Ok(());
    };
    let index = witnessed.index;
    if index >= scanned.bounds.next_index() {
        return Err(StoreError::LogShorter { have: scanned.bounds.next_index(), witnessed: index });
    }
    let found = scanned.found.iter().find(|(id, _)| id.index == index);
    match found {
        Some((id, chain)) if id.term != witnessed.term || *chain != witnessed.chain => {
            Err(StoreError::OtherEntry { index })
        }
        // Not found: purged since.
        _ => Ok(()),
    }
}

fn check_vote(scanned: &Scanned, testimony: &Testimony) -> Result<(), StoreError> {
    let order = |vote: &Vote| (vote.term, vote.node, vote.committed);
    if let Some(witnessed) = testimony.vote
        && scanned.vote.is_none_or(|have| order(&have) < order(&witnessed))
    {
        return Err(StoreError::VoteLost { have: scanned.vote, witnessed });
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
        return Err(StoreError::LogShorter { have: scanned.bounds.next_index(), witnessed: last.index });
    }
    if scanned.found.iter().any(|(id, _)| id.index == last.index && *id != last) {
        return Err(StoreError::OtherEntry { index: last.index });
    }
    Ok(())
}
