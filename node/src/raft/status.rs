//! What a node knows of its cluster, to be shown and to act on.

use std::sync::Arc;

use raftchat_schema::id::NodeId;
use raftchat_schema::stored::{LogId, StoredMembership};

/// What part a node plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Follows and does not vote.
    Learner,
    /// Follows and votes.
    Follower,
    /// Stands for election.
    Candidate,
    /// Leads.
    Leader,
    /// Is stopping.
    Stopping,
}

/// Who leads, as far as this node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The current term.
    pub term: u64,
    /// Who leads it; none while that is open.
    pub leader: Option<NodeId>,
    /// This node's part.
    pub role: Role,
}

/// A node's view of its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaftStatus {
    /// Who says so.
    pub node: NodeId,
    /// Who leads.
    pub leadership: Leadership,
    /// The index of the last entry of the log.
    pub last_log: Option<u64>,
    /// The last entry known to be committed.
    pub committed: Option<LogId>,
    /// The last entry applied.
    pub applied: Option<LogId>,
    /// The last entry in the newest snapshot.
    pub snapshot: Option<LogId>,
    /// The last entry purged.
    pub purged: Option<LogId>,
    /// On a leader: milliseconds since a majority last answered. On others: since the leader was last heard.
    pub contact_age_ms: Option<u64>,
    /// The membership in effect.
    pub membership: StoredMembership,
    /// Why the node must stop, if it must.
    pub failed: Option<Arc<str>>,
}
