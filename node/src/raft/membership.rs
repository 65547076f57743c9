//! Who belongs to the cluster and who leads it: the changes an operator asks for. Knows nothing of certificates.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::{ClientWriteError, RaftError};
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::Member;

use super::handle::RaftHandle;
use super::status::Role;
use super::types::TypeConfig;

/// Why the membership was not changed, or leadership not handed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipFailure {
    /// Another node leads, or nobody.
    #[error("this node does not lead: ask node {}", .leader.map_or_else(|| "(unknown)".to_owned(), |node| node.to_string()))]
    NotLeader {
        /// Who does.
        leader: Option<NodeId>,
    },
    /// It contradicts the membership as it is, or one is being changed.
    #[error("the membership cannot be changed so: {0}")]
    Refused(String),
    /// Nobody took over in time.
    #[error("nobody took over leadership in time")]
    NobodyTookOver,
    /// The node is stopping, or leadership was lost meanwhile.
    #[error("the change was interrupted; look at the membership before trying again: {0}")]
    Interrupted(String),
}

fn failure(error: RaftError<TypeConfig, ClientWriteError<TypeConfig>>) -> MembershipFailure {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(elsewhere)) => {
            MembershipFailure::NotLeader { leader: elsewhere.leader_id.map(NodeId) }
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => {
            MembershipFailure::Refused(error.to_string())
        }
        other => MembershipFailure::Interrupted(other.to_string()),
    }
}

impl RaftHandle {
    /// Adds a node that receives the log and does not vote; returns when it has caught up. A node id is never given twice.
    pub async fn add_learner(&self, node: NodeId, member: Member) -> Result<(), MembershipFailure> {
        self.raft.add_learner(node.0, member, true).await.map(drop).map_err(failure)
    }

    /// Makes these nodes, all of them already members, the ones that vote. Who is not among them leaves the cluster.
    pub async fn change_voters(&self, voters: &[NodeId]) -> Result<(), MembershipFailure> {
        let voters: BTreeSet<u64> = voters.iter().map(|node| node.0).collect();
        self.raft.change_membership(voters, false).await.map(drop).map_err(failure)
    }

    /// Hands leadership to the voter that is furthest, if this node leads, and waits until it has taken over. For a
    /// graceful stop.
    pub async fn hand_on_leadership(&self, limit: Duration) -> Result<(), MembershipFailure> {
        let Some(to) = self.successor() else {
            return Ok(());
        };
        let mut leadership = self.watch_leadership();
        let started = self.raft.trigger().transfer_leader(to).await;
        started.map_err(|error| MembershipFailure::Interrupted(error.to_string()))?;
        let own = self.stores.identity.node;
        let taken = leadership.wait_for(|now| now.leader.is_some_and(|leader| leader != own));
        match tokio::time::timeout(limit, taken).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(MembershipFailure::Interrupted(error.to_string())),
            Err(_elapsed) => Err(MembershipFailure::NobodyTookOver),
        }
    }

    /// The other voter whose log is furthest; none unless this node leads others.
    fn successor(&self) -> Option<u64> {
        if self.watch_leadership().borrow().role != Role::Leader {
            return None;
        }
        let metrics = self.raft.metrics().borrow_watched().clone();
        let voters: BTreeSet<u64> = metrics.membership_config.voter_ids().collect();
        let matched = metrics.replication?;
        let others = matched.into_iter().filter(|(node, _)| *node != metrics.id && voters.contains(node));
        others.max_by_key(|(_, matching)| matching.map(|id| id.index)).map(|(node, _)| node)
    }
}
