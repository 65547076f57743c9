//! openraft's types as this node uses them. Knows nothing of what a batch holds.

pub(crate) mod convert;
pub(crate) mod runtime;

use std::fmt;

use bytes::Bytes;
use openraft::entry::RaftEntry;
use openraft::type_config::alias;
use openraft::{EntryPayload, Membership};
use raftchat_schema::stored::Member;

/// The bytes of a `Stored.Batch` message, as its proposer made it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct BatchBytes(pub(crate) Bytes);

impl fmt::Debug for BatchBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch of {} bytes", self.0.len())
    }
}

impl fmt::Display for BatchBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

openraft::declare_raft_types!(
    /// What openraft is told about this node's types.
    pub(crate) TypeConfig:
        D = BatchBytes,
        R = (),
        NodeId = u64,
        Node = Member,
        Entry = LogEntry,
        AsyncRuntime = super::types::runtime::RaftRuntime,
);

pub(crate) type RaftLogId = alias::LogIdOf<TypeConfig>;
pub(crate) type RaftVote = alias::VoteOf<TypeConfig>;
pub(crate) type RaftLeaderId = alias::LeaderIdOf<TypeConfig>;
pub(crate) type RaftMembership = Membership<u64, Member>;
pub(crate) type RaftStoredMembership = alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = alias::SnapshotMetaOf<TypeConfig>;
pub(crate) type Payload = EntryPayload<BatchBytes, u64, Member>;

/// A log entry that remembers its message once it has one, so that it is encoded once on its way through a node.
#[derive(Clone)]
pub(crate) struct LogEntry {
    pub(crate) id: RaftLogId,
    pub(crate) payload: Payload,
    pub(crate) encoded: Option<Bytes>,
}

impl PartialEq for LogEntry {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.payload == other.payload
    }
}

impl fmt::Debug for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.id, self.payload)
    }
}

impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.payload)
    }
}

impl RaftEntry for LogEntry {
    type CommittedLeaderId = RaftLeaderId;
    type Payload = Payload;

    fn new(id: RaftLogId, payload: Payload) -> Self {
        Self { id, payload, encoded: None }
    }

    fn log_id_parts(&self) -> (&RaftLeaderId, u64) {
        (&self.id.leader_id, self.id.index)
    }

    fn set_log_id(&mut self, new: RaftLogId) {
        self.id = new;
        self.encoded = None;
    }

    fn get_membership(&self) -> Option<RaftMembership> {
        match &self.payload {
            EntryPayload::Membership(membership) => Some(membership.clone()),
            EntryPayload::Blank | EntryPayload::Normal(_) => None,
        }
    }
}
