//! What nodes say to each other, as plain types in the shape of `peer.capnp`. Knows nothing of who says it and how it
//! travels.

use std::time::Duration;

use bytes::Bytes;

use crate::id::{NodeId, UserId};
use crate::level::Level;
use crate::stored::{LogId, Member, StoredMembership, Vote};

/// Entries to append; without entries, a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendRequest {
    /// The leader's vote.
    pub vote: Vote,
    /// The entry before the first of these; none before the very first.
    pub previous: Option<LogId>,
    /// Each a `Stored.Entry` message.
    pub entries: Vec<Bytes>,
    /// Up to where the leader knows entries to be committed.
    pub committed: Option<LogId>,
}

/// The answer to an [`AppendRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendResponse {
    /// All of it is durable on the follower.
    Success,
    /// It is durable up to this entry; none: nothing of it.
    PartialSuccess(Option<LogId>),
    /// The follower has another entry at `previous`, or none.
    Conflict,
    /// The follower has seen a later leader or candidate.
    HigherVote(Vote),
}

/// A candidate asks for a vote, or, as a pre-vote, whether it would get one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteRequest {
    /// The vote that it asks for: a term, in its own name.
    pub vote: Vote,
    /// The last entry of its log.
    pub last_log: Option<LogId>,
    /// The leader itself asked it to stand, so a living leader is no reason to refuse.
    pub leadership_transfer: bool,
}

/// The answer to a [`VoteRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteResponse {
    /// The vote of who answers, afterwards.
    pub vote: Vote,
    /// It is granted.
    pub granted: bool,
    /// The last entry of the log of who answers.
    pub last_log: Option<LogId>,
}

/// Announces a snapshot file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRequest {
    /// The leader's vote.
    pub vote: Vote,
    /// Names its content, so that an attempt can go on where another ended.
    pub id: String,
    /// The length of the whole file in bytes.
    pub length: u64,
}

/// The leader asks `to` to stand for election now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRequest {
    /// The leader's vote.
    pub from: Vote,
    /// The node that is to stand.
    pub to: NodeId,
    /// The last entry of the leader's log.
    pub last_log: Option<LogId>,
}

/// The answer to commands that were handed to the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposeReply {
    /// They are committed.
    Done,
    /// Nothing was stored: another leads.
    NotLeader {
        /// The leader, if known.
        leader: Option<NodeId>,
    },
    /// They may have been stored; proposing the same again is harmless.
    Failed,
}

/// The answer to the question for a read index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadIndexReply {
    /// The log index that, once applied, makes a read linearizable.
    Index(u64),
    /// This node does not lead.
    NotLeader {
        /// The leader, if known.
        leader: Option<NodeId>,
    },
    /// No majority answered.
    Failed,
}

/// The members of the cluster, as one node knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersReply {
    /// The newest membership that it knows to be committed.
    pub membership: StoredMembership,
    /// The node that it takes for the leader.
    pub leader: Option<NodeId>,
}

/// The answer to the wish for another membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipReply {
    /// It is committed.
    Done,
    /// Nothing was changed: another leads.
    NotLeader {
        /// The leader, if known.
        leader: Option<NodeId>,
    },
    /// Nothing was changed.
    Refused(MembershipRefusal),
    /// It may have been, or may yet be, changed; asking the same again is harmless.
    Failed,
}

/// Reasons why the membership was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipRefusal {
    /// The node to be added cannot be a member, or there are as many members as there may be.
    #[error("a member needs a number from 1, two different addresses `host:port`, and the fingerprint of its key")]
    Malformed,
    /// It contradicts a member that there is.
    #[error("a member has this number, key or address already: see `raftchatctl cluster members`")]
    Taken,
    /// There is no such member.
    #[error("no member of the cluster has this number: see `raftchatctl cluster members`")]
    NoSuchNode,
    /// A learner that is to vote is not near enough to the end of the log.
    #[error("{}", not_caught_up(*.behind))]
    NotCaughtUp {
        /// The entries that it misses; none if the leader does not hear from it.
        behind: Option<u64>,
    },
    /// Nobody would be left to decide anything.
    #[error("the node is the last that votes: add another and promote it first")]
    LastVoter,
    /// Too few of those who would vote are reached.
    #[error(
        "of the nodes that would vote then, no majority is reached: nothing could be stored any more. Start others first"
    )]
    NoMajority,
    /// Another change is under way, or the leader is only settling in.
    #[error("the membership is just being changed: try again in a moment")]
    UnderWay,
    /// The node to be removed leads, and could not hand leadership on.
    #[error("the node leads, and no other took over in time: see whether the others run, and try again")]
    NobodyTookOver,
    /// The node that asks has no vote.
    #[error("who asks is no node that votes, and decides nothing: ask where the directory of one is that does")]
    NotAllowed,
    /// The node to be removed is there, and only one other has said so yet.
    #[error(
        "the node is there, and it takes two others, or the node itself, to take it out: run the same within ten minutes where \
         the directory of another node is; or stop the node first"
    )]
    NeedsSecond,
    /// A member does not know the level that the cluster is to be raised to.
    #[error("{}", not_upgraded(*.node, *.newest))]
    NotUpgraded {
        /// The member.
        node: NodeId,
        /// The highest level that it knows; none if the leader has not heard from it lately.
        newest: Option<Level>,
    },
}

fn not_upgraded(node: NodeId, newest: Option<Level>) -> String {
    match newest {
        Some(level) => format!(
            "node {node} knows feature levels up to {level} and no higher one: upgrade its program, restart it, and run the same again"
        ),
        None => {
            format!("the leader does not hear from node {node}, and does not know its version: start it, or remove it")
        }
    }
}

fn not_caught_up(behind: Option<u64>) -> String {
    match behind {
        Some(entries) => format!("the node misses {entries} entries of the log and must catch up before it votes"),
        None => "the leader does not hear from the node: start it, and see its log".to_owned(),
    }
}

/// Users with live sessions on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceUpdate {
    /// Replaces all that was said before; otherwise the lists are what changed.
    pub full: bool,
    /// Users who have a live session there.
    pub online: Vec<UserId>,
    /// Users who have none any more.
    pub offline: Vec<UserId>,
    /// For how long it is good, in ms from arrival.
    pub lease_ms: u64,
}

/// Degrees of how well a node knows the cluster's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClockTrust {
    /// From its own machine alone.
    Alone,
    /// A majority has, or had, the same.
    Agreed,
    /// And the clocks of a majority of the machines said so too.
    Confirmed,
}

/// One node's answer to the question for the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The cluster's time as it has it, in ms since 1970.
    pub time_ms: u64,
    /// Its machine's clock, in ms since 1970.
    pub wall_ms: u64,
    /// Its own degree of trust in that time.
    pub trust: ClockTrust,
    /// Its machine's clock is wrong for certain.
    pub has_doubts: bool,
}

/// How far a node was: its furthest word of itself. Only grows, as long as the node keeps its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Random, made with its data directory.
    pub data: String,
    /// The last vote that it has given.
    pub vote: Option<Vote>,
    /// The last entry that it has applied.
    pub applied: Option<LogId>,
    /// Random, made when its program was started: tells what this one has said from what one before it has.
    pub start: u64,
    /// Tells the node itself that it has said so.
    pub seal: [u8; 32],
}

/// One node's word of itself when it meets another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Greeting {
    /// Its present mark.
    pub mark: Mark,
    /// Its data is older than it was, and it gives no vote until it has come to this entry.
    pub behind: Option<LogId>,
    /// It has no log yet, and would begin a cluster of these nodes.
    pub founds: Option<Vec<(NodeId, Member)>>,
    /// How long its disk may well take to make something durable; to the millisecond.
    pub sync: Duration,
    /// The highest feature level that its program knows.
    pub newest: Level,
}

/// The answer to a [`Greeting`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// The word of the node that answers.
    pub greeting: Greeting,
    /// Marks that the caller has made before, as the node that answers remembers them.
    pub known: Vec<Mark>,
}
