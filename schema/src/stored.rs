//! What Raft keeps, as plain types: log ids, votes, memberships, entries, snapshot headers. Knows no
//! consensus library and no disk.

use crate::id::{ChangeNumber, NodeId, StateHash};
use crate::level::Level;

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The term it was proposed in.
    pub term: u64,
    /// The node that led that term.
    pub leader: NodeId,
    /// The log index, from 0 (the first membership).
    pub index: u64,
}

/// Raft's currentTerm and votedFor, and whether a majority granted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The Raft term; it only grows.
    pub term: u64,
    /// The node that is voted for.
    pub node: NodeId,
    /// That node became leader.
    pub committed: bool,
}

/// A node as the membership lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// `host:port` of its peer endpoint.
    pub peer_address: String,
    /// `host:port` of its client endpoint.
    pub client_address: String,
    /// SHA-256 of its certificate's public key (SPKI).
    pub fingerprint: [u8; 32],
}

/// The voters, and all nodes that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// One list of voters, or two while a joint change is under way.
    pub configs: Vec<Vec<NodeId>>,
    /// Voters and learners, in order of id.
    pub members: Vec<(NodeId, Member)>,
}

/// A membership and where in the log it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredMembership {
    /// None before the first.
    pub log_id: Option<LogId>,
    /// The membership that stands there.
    pub membership: Membership,
}

/// A log entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The entry's place in the log.
    pub log_id: LogId,
    /// The entry's content.
    pub payload: EntryPayload,
}

/// Kinds of content of a log entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryPayload {
    /// Nothing: a new leader's first entry.
    Blank,
    /// An encoded [`crate::command::Batch`].
    Batch(Vec<u8>),
    /// A change of membership.
    Membership(Membership),
}

/// The first block of a snapshot file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The format of what follows.
    pub format: u32,
    /// Of which cluster.
    pub cluster: String,
    /// The last log entry whose effects are in it.
    pub last_applied: Option<LogId>,
    /// The membership at that entry.
    pub membership: StoredMembership,
    /// The change counter.
    pub change: ChangeNumber,
    /// The rolling hash.
    pub state_hash: StateHash,
    /// The cluster's feature level.
    pub level: Level,
}
