//! The way from openraft's types to the plain ones of the schema, and back. The only such place.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openraft::{EntryPayload, Membership, StoredMembership};
use raftchat_schema::id::NodeId;
use raftchat_schema::stored;
use raftchat_schema::wire::{self, WireError};

use crate::raft::messages::{AppendRequest, AppendResponse, VoteRequest, VoteResponse};
use crate::raft::types::{
    BatchBytes, LogEntry, RaftLeaderId, RaftLogId, RaftMembership, RaftStoredMembership, RaftVote, SnapshotMeta,
    TypeConfig,
};
use crate::store::LogRecord;

pub(crate) fn to_log_id(plain: stored::LogId) -> RaftLogId {
    RaftLogId::new(RaftLeaderId { term: plain.term, node_id: plain.leader.0 }, plain.index)
}

pub(crate) fn from_log_id(id: RaftLogId) -> stored::LogId {
    stored::LogId { term: id.leader_id.term, leader: NodeId(id.leader_id.node_id), index: id.index }
}

pub(crate) fn to_vote(plain: stored::Vote) -> RaftVote {
    RaftVote { leader_id: RaftLeaderId { term: plain.term, node_id: plain.node.0 }, committed: plain.committed }
}

pub(crate) fn from_vote(vote: RaftVote) -> stored::Vote {
    stored::Vote { term: vote.leader_id.term, node: NodeId(vote.leader_id.node_id), committed: vote.committed }
}

/// What a membership must be: every voter is among the members.
pub(crate) fn to_membership(plain: &stored::Membership) -> Result<RaftMembership, WireError> {
    let configs: Vec<BTreeSet<u64>> =
        plain.configs.iter().map(|voters| voters.iter().map(|node| node.0).collect()).collect();
    let members: BTreeMap<u64, stored::Member> =
        plain.members.iter().map(|(node, member)| (node.0, member.clone())).collect();
    if configs.is_empty() && members.is_empty() {
        return Ok(Membership::default());
    }
    Membership::new(configs, members).map_err(|error| WireError::Malformed(error.to_string()))
}

pub(crate) fn from_membership(membership: &RaftMembership) -> stored::Membership {
    let configs = membership.get_joint_config();
    stored::Membership {
        configs: configs.iter().map(|voters| voters.iter().copied().map(NodeId).collect()).collect(),
        members: membership.nodes().map(|(node, member)| (NodeId(*node), member.clone())).collect(),
    }
}

pub(crate) fn to_stored_membership(plain: &stored::StoredMembership) -> Result<RaftStoredMembership, WireError> {
    Ok(StoredMembership::new(plain.log_id.map(to_log_id), to_membership(&plain.membership)?))
}

pub(crate) fn from_stored_membership(membership: &RaftStoredMembership) -> stored::StoredMembership {
    stored::StoredMembership {
        log_id: membership.log_id().map(from_log_id),
        membership: from_membership(membership.membership()),
    }
}

pub(crate) fn to_snapshot_meta(header: &stored::SnapshotHeader) -> Result<SnapshotMeta, WireError> {
    Ok(SnapshotMeta {
        last_log_id: header.last_applied.map(to_log_id),
        last_membership: to_stored_membership(&header.membership)?,
    })
}

/// The entry's message; made if it has none yet.
pub(crate) fn encoded(entry: &LogEntry) -> Bytes {
    if let Some(bytes) = &entry.encoded {
        return bytes.clone();
    }
    let payload = match &entry.payload {
        EntryPayload::Blank => stored::EntryPayload::Blank,
        EntryPayload::Normal(batch) => stored::EntryPayload::Batch(batch.0.to_vec()),
        EntryPayload::Membership(membership) => stored::EntryPayload::Membership(from_membership(membership)),
    };
    wire::encode_entry(&stored::Entry { log_id: from_log_id(entry.id), payload }).into()
}

pub(crate) fn to_record(entry: &LogEntry) -> LogRecord {
    LogRecord { id: from_log_id(entry.id), entry: encoded(entry) }
}

/// The entry in a message, which it keeps.
pub(crate) fn to_entry(bytes: Bytes) -> Result<LogEntry, WireError> {
    let stored::Entry { log_id, payload } = wire::decode_entry(&bytes)?;
    let payload = match payload {
        stored::EntryPayload::Blank => EntryPayload::Blank,
        stored::EntryPayload::Batch(batch) => EntryPayload::Normal(BatchBytes(batch.into())),
        stored::EntryPayload::Membership(membership) => EntryPayload::Membership(to_membership(&membership)?),
    };
    Ok(LogEntry { id: to_log_id(log_id), payload, encoded: Some(bytes) })
}

pub(crate) fn from_append(request: &openraft::raft::AppendEntriesRequest<TypeConfig>) -> AppendRequest {
    AppendRequest {
        vote: from_vote(request.vote),
        previous: request.prev_log_id.map(from_log_id),
        entries: request.entries.iter().map(encoded).collect(),
        committed: request.leader_commit.map(from_log_id),
    }
}

pub(crate) fn to_append(request: AppendRequest) -> Result<openraft::raft::AppendEntriesRequest<TypeConfig>, WireError> {
    Ok(openraft::raft::AppendEntriesRequest {
        vote: to_vote(request.vote),
        prev_log_id: request.previous.map(to_log_id),
        entries: request.entries.into_iter().map(to_entry).collect::<Result<_, _>>()?,
        leader_commit: request.committed.map(to_log_id),
    })
}

pub(crate) fn to_append_response(response: &AppendResponse) -> openraft::raft::AppendEntriesResponse<TypeConfig> {
    use openraft::raft::AppendEntriesResponse as Raft;
    match response {
        AppendResponse::Success => Raft::Success,
        AppendResponse::PartialSuccess(matching) => Raft::PartialSuccess(matching.map(to_log_id)),
        AppendResponse::Conflict => Raft::Conflict,
        AppendResponse::HigherVote(vote) => Raft::HigherVote(to_vote(*vote)),
    }
}

pub(crate) fn from_vote_request(request: &openraft::raft::VoteRequest<TypeConfig>) -> VoteRequest {
    VoteRequest {
        vote: from_vote(request.vote),
        last_log: request.last_log_id.map(from_log_id),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn to_vote_request(request: &VoteRequest) -> openraft::raft::VoteRequest<TypeConfig> {
    let mut raft = openraft::raft::VoteRequest::new(to_vote(request.vote), request.last_log.map(to_log_id));
    raft.leadership_transfer = request.leadership_transfer;
    raft
}

pub(crate) fn from_vote_response(response: &openraft::raft::VoteResponse<TypeConfig>) -> VoteResponse {
    VoteResponse {
        vote: from_vote(response.vote),
        granted: response.vote_granted,
        last_log: response.last_log_id.map(from_log_id),
    }
}

pub(crate) fn to_vote_response(response: &VoteResponse) -> openraft::raft::VoteResponse<TypeConfig> {
    openraft::raft::VoteResponse::new(to_vote(response.vote), response.last_log.map(to_log_id), response.granted)
}

pub(crate) fn from_append_response(response: &openraft::raft::AppendEntriesResponse<TypeConfig>) -> AppendResponse {
    use openraft::raft::AppendEntriesResponse as Raft;
    match response {
        Raft::Success => AppendResponse::Success,
        Raft::PartialSuccess(matching) => AppendResponse::PartialSuccess(matching.map(from_log_id)),
        Raft::Conflict => AppendResponse::Conflict,
        Raft::HigherVote(vote) => AppendResponse::HigherVote(from_vote(*vote)),
    }
}
