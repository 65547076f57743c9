//! The feature levels that the other nodes know, as each said last, and raising the cluster's. What decides is pure. Never knows
//! what a level brings.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use raftchat_schema::command::Command;
use raftchat_schema::id::NodeId;
use raftchat_schema::level::Level;
use raftchat_schema::peer::{MembershipRefusal, MembershipReply};
use raftchat_state::level;

use crate::proposer::{Proposer, Unsettled};
use crate::raft::{RaftHandle, ReadFailure};

/// For how long the word of a node counts: it gives it each second.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// How long whoever asks for another level is kept waiting for it.
const RAISE_LIMIT: Duration = Duration::from_secs(10);

/// What each of the other nodes knows, and when it said so.
#[derive(Debug, Default)]
pub(crate) struct Levels(Mutex<BTreeMap<NodeId, (Level, Instant)>>);

impl Levels {
    /// A node says up to which level its program knows them.
    pub(crate) fn hear(&self, from: NodeId, newest: Level, now: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(from, (newest, now));
    }

    /// Refuses unless all `members` know `wanted`, and names the first that does not.
    fn must_be_known(
        &self,
        (own, newest): (NodeId, Level),
        members: impl Iterator<Item = NodeId>,
        wanted: Level,
        now: Instant,
    ) -> Result<(), MembershipRefusal> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for node in members {
            let known = if node == own {
                Some(newest)
            } else {
                // A node that was stopped may be another when it comes back.
                let recent = heard.get(&node).filter(|(_, at)| now.saturating_duration_since(*at) < GOOD_FOR);
                recent.map(|(level, _)| *level)
            };
            if known.is_none_or(|known| known < wanted) {
                return Err(MembershipRefusal::NotUpgraded { node, newest: known });
            }
        }
        Ok(())
    }
}

/// Raises the cluster to `wanted`, if this node leads and all members know it.
pub(crate) async fn raise(levels: &Levels, raft: &RaftHandle, proposer: &Proposer, wanted: Level) -> MembershipReply {
    // One that was paused may only believe that it leads, and know an old membership.
    match raft.read_index().await {
        Ok(_index) => {}
        Err(ReadFailure::NotLeader { leader }) => return MembershipReply::NotLeader { leader },
        Err(ReadFailure::Retry | ReadFailure::Fatal(_)) => return MembershipReply::Failed,
    }
    let (own, members) = (raft.stores().identity.node, raft.members().membership.membership.members);
    let Ok(current) = level(&raft.stores().state.view()) else { return MembershipReply::Failed };
    if current >= wanted {
        return MembershipReply::Done;
    }
    let all = members.iter().map(|(node, _)| *node);
    if let Err(refusal) = levels.must_be_known((own, Level::newest()), all, wanted, Instant::now()) {
        return MembershipReply::Refused(refusal);
    }
    match proposer.propose(&Command::RaiseLevel(wanted), 0, RAISE_LIMIT).await {
        Ok(_outcome) => {
            tracing::info!(level = %wanted, "the cluster is at another feature level");
            MembershipReply::Done
        }
        Err(Unsettled::Busy | Unsettled::NoLeader) => MembershipReply::NotLeader { leader: None },
        Err(Unsettled::Unknown) => MembershipReply::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_member_that_is_not_upgraded_is_named() {
        let (levels, now) = (Levels::default(), Instant::now());
        let (first, second) = (Level::FIRST, Level::FIRST.next());
        let refusal = |node, newest| Err(MembershipRefusal::NotUpgraded { node: NodeId(node), newest });
        let check =
            |own, wanted, at| levels.must_be_known((NodeId(1), own), [1, 2, 3].map(NodeId).into_iter(), wanted, at);
        assert_eq!(check(second, second, now), refusal(2, None), "nobody was heard yet");
        levels.hear(NodeId(2), second, now);
        levels.hear(NodeId(3), first, now);
        assert_eq!(check(second, second, now), refusal(3, Some(first)));
        levels.hear(NodeId(3), second, now);
        assert_eq!(check(second, second, now), Ok(()));
        assert_eq!(check(first, second, now), refusal(1, Some(first)), "the leader itself");
        let later = now + GOOD_FOR;
        assert_eq!(check(second, second, later), refusal(2, None), "it may have been put in another's place since");
    }
}
