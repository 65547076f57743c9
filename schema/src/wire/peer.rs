//! What nodes ask of each other and answer.

use std::time::Duration;

use bytes::Bytes;

use super::{
    WireError, count, digest, read_member, read_optional_log_id, read_stored_membership, read_vote, text, write_log_id,
    write_member, write_stored_membership, write_vote,
};
use crate::generated::peer_capnp::{
    append_request, append_response, clock_reading, greeting, mark, membership_change, peer, presence_update,
    vote_request, vote_response,
};
use crate::id::{NodeId, UserId};
use crate::level::Level;
use crate::peer::{
    AppendRequest, AppendResponse, ClockReading, ClockTrust, Greeting, Mark, MembersReply, MembershipRefusal,
    MembershipReply, PresenceUpdate, ProposeReply, ReadIndexReply, SnapshotRequest, TransferRequest, VoteRequest,
    VoteResponse, Welcome,
};

/// Fills in a request to append.
pub fn write_append_request(mut builder: append_request::Builder<'_>, plain: &AppendRequest) {
    write_vote(builder.reborrow().init_vote(), &plain.vote);
    builder.set_has_previous(plain.previous.is_some());
    if let Some(previous) = &plain.previous {
        write_log_id(builder.reborrow().init_previous(), previous);
    }
    builder.set_has_committed(plain.committed.is_some());
    if let Some(committed) = &plain.committed {
        write_log_id(builder.reborrow().init_committed(), committed);
    }
    let mut entries = builder.init_entries(count(plain.entries.len()));
    for (at, entry) in (0..).zip(&plain.entries) {
        entries.set(at, entry);
    }
}

/// Reads a request to append.
pub fn read_append_request(reader: append_request::Reader<'_>) -> Result<AppendRequest, WireError> {
    let entries = reader.get_entries()?.iter().map(|entry| Ok(Bytes::copy_from_slice(entry?)));
    Ok(AppendRequest {
        vote: read_vote(reader.get_vote()?),
        previous: read_optional_log_id(reader.get_has_previous(), reader.get_previous())?,
        entries: entries.collect::<Result<_, WireError>>()?,
        committed: read_optional_log_id(reader.get_has_committed(), reader.get_committed())?,
    })
}

/// Fills in the answer to a request to append.
pub fn write_append_response(mut builder: append_response::Builder<'_>, plain: &AppendResponse) {
    match plain {
        AppendResponse::Success => builder.set_success(()),
        AppendResponse::PartialSuccess(matching) => {
            let mut partial = builder.init_partial_success();
            partial.set_has_matching(matching.is_some());
            if let Some(matching) = matching {
                write_log_id(partial.init_matching(), matching);
            }
        }
        AppendResponse::Conflict => builder.set_conflict(()),
        AppendResponse::HigherVote(vote) => write_vote(builder.init_higher_vote(), vote),
    }
}

/// Reads the answer to a request to append.
pub fn read_append_response(reader: append_response::Reader<'_>) -> Result<AppendResponse, WireError> {
    Ok(match reader.which()? {
        append_response::Success(()) => AppendResponse::Success,
        append_response::PartialSuccess(partial) => {
            AppendResponse::PartialSuccess(read_optional_log_id(partial.get_has_matching(), partial.get_matching())?)
        }
        append_response::Conflict(()) => AppendResponse::Conflict,
        append_response::HigherVote(vote) => AppendResponse::HigherVote(read_vote(vote?)),
    })
}

/// Fills in a request for a vote.
pub fn write_vote_request(mut builder: vote_request::Builder<'_>, plain: &VoteRequest) {
    write_vote(builder.reborrow().init_vote(), &plain.vote);
    builder.set_has_last_log(plain.last_log.is_some());
    builder.set_leadership_transfer(plain.leadership_transfer);
    if let Some(last_log) = &plain.last_log {
        write_log_id(builder.init_last_log(), last_log);
    }
}

/// Reads a request for a vote.
pub fn read_vote_request(reader: vote_request::Reader<'_>) -> Result<VoteRequest, WireError> {
    Ok(VoteRequest {
        vote: read_vote(reader.get_vote()?),
        last_log: read_optional_log_id(reader.get_has_last_log(), reader.get_last_log())?,
        leadership_transfer: reader.get_leadership_transfer(),
    })
}

/// Fills in the answer to a request for a vote.
pub fn write_vote_response(mut builder: vote_response::Builder<'_>, plain: &VoteResponse) {
    write_vote(builder.reborrow().init_vote(), &plain.vote);
    builder.set_granted(plain.granted);
    builder.set_has_last_log(plain.last_log.is_some());
    if let Some(last_log) = &plain.last_log {
        write_log_id(builder.init_last_log(), last_log);
    }
}

/// Reads the answer to a request for a vote.
pub fn read_vote_response(reader: vote_response::Reader<'_>) -> Result<VoteResponse, WireError> {
    Ok(VoteResponse {
        vote: read_vote(reader.get_vote()?),
        granted: reader.get_granted(),
        last_log: read_optional_log_id(reader.get_has_last_log(), reader.get_last_log())?,
    })
}

/// Fills in the announcement of a snapshot.
pub fn write_snapshot_request(mut builder: peer::snapshot_params::Builder<'_>, plain: &SnapshotRequest) {
    write_vote(builder.reborrow().init_vote(), &plain.vote);
    builder.set_snapshot_id(plain.id.as_str());
    builder.set_length(plain.length);
}

/// Reads the announcement of a snapshot.
pub fn read_snapshot_request(reader: peer::snapshot_params::Reader<'_>) -> Result<SnapshotRequest, WireError> {
    Ok(SnapshotRequest {
        vote: read_vote(reader.get_vote()?),
        id: text(reader.get_snapshot_id()?)?,
        length: reader.get_length(),
    })
}

/// Fills in a transfer of leadership.
pub fn write_transfer_request(mut builder: peer::transfer_leadership_params::Builder<'_>, plain: &TransferRequest) {
    write_vote(builder.reborrow().init_from(), &plain.from);
    builder.set_to(plain.to.0);
    builder.set_has_last_log(plain.last_log.is_some());
    if let Some(last_log) = &plain.last_log {
        write_log_id(builder.init_last_log(), last_log);
    }
}

/// Reads a transfer of leadership.
pub fn read_transfer_request(
    reader: peer::transfer_leadership_params::Reader<'_>,
) -> Result<TransferRequest, WireError> {
    Ok(TransferRequest {
        from: read_vote(reader.get_from()?),
        to: NodeId(reader.get_to()),
        last_log: read_optional_log_id(reader.get_has_last_log(), reader.get_last_log())?,
    })
}

fn known(leader: u64) -> Option<NodeId> {
    (leader != 0).then_some(NodeId(leader))
}

fn or_unknown(leader: Option<NodeId>) -> u64 {
    leader.map_or(0, |node| node.0)
}

/// Fills in what came of proposing.
pub fn write_propose_reply(mut builder: peer::propose_results::Builder<'_>, plain: ProposeReply) {
    let (status, leader) = match plain {
        ProposeReply::Done => (peer::ProposeStatus::Done, None),
        ProposeReply::NotLeader { leader } => (peer::ProposeStatus::NotLeader, leader),
        ProposeReply::Failed => (peer::ProposeStatus::Failed, None),
    };
    builder.set_status(status);
    builder.set_leader(or_unknown(leader));
}

/// Reads what came of proposing; what this program does not know may have been stored.
pub fn read_propose_reply(reader: peer::propose_results::Reader<'_>) -> ProposeReply {
    match reader.get_status() {
        Ok(peer::ProposeStatus::Done) => ProposeReply::Done,
        Ok(peer::ProposeStatus::NotLeader) => ProposeReply::NotLeader { leader: known(reader.get_leader()) },
        Ok(peer::ProposeStatus::Failed) | Err(_) => ProposeReply::Failed,
    }
}

/// Fills in what came of asking for a read index.
pub fn write_read_index_reply(mut builder: peer::read_index_results::Builder<'_>, plain: ReadIndexReply) {
    let (status, index, leader) = match plain {
        ReadIndexReply::Index(index) => (peer::ProposeStatus::Done, index, None),
        ReadIndexReply::NotLeader { leader } => (peer::ProposeStatus::NotLeader, 0, leader),
        ReadIndexReply::Failed => (peer::ProposeStatus::Failed, 0, None),
    };
    builder.set_status(status);
    builder.set_index(index);
    builder.set_leader(or_unknown(leader));
}

/// Reads what came of asking for a read index.
pub fn read_read_index_reply(reader: peer::read_index_results::Reader<'_>) -> ReadIndexReply {
    match reader.get_status() {
        Ok(peer::ProposeStatus::Done) => ReadIndexReply::Index(reader.get_index()),
        Ok(peer::ProposeStatus::NotLeader) => ReadIndexReply::NotLeader { leader: known(reader.get_leader()) },
        Ok(peer::ProposeStatus::Failed) | Err(_) => ReadIndexReply::Failed,
    }
}

/// Fills in who belongs to the cluster.
pub fn write_members_reply(mut builder: peer::members_results::Builder<'_>, plain: &MembersReply) {
    builder.set_leader(or_unknown(plain.leader));
    write_stored_membership(builder.init_membership(), &plain.membership);
}

/// Reads who belongs to the cluster.
pub fn read_members_reply(reader: peer::members_results::Reader<'_>) -> Result<MembersReply, WireError> {
    let membership = read_stored_membership(reader.get_membership()?)?;
    Ok(MembersReply { membership, leader: known(reader.get_leader()) })
}

/// Fills in what came of asking for another membership.
pub fn write_membership_reply(mut builder: membership_change::Builder<'_>, plain: MembershipReply) {
    use membership_change::Refusal as Wire;
    let refusal = match plain {
        MembershipReply::Done => return builder.set_done(()),
        MembershipReply::NotLeader { leader } => return builder.set_not_leader(or_unknown(leader)),
        MembershipReply::Failed => return builder.set_failed(()),
        MembershipReply::Refused(MembershipRefusal::NotCaughtUp { behind }) => {
            let mut wire = builder.init_not_caught_up();
            wire.set_reached(behind.is_some());
            return wire.set_behind(behind.unwrap_or_default());
        }
        MembershipReply::Refused(MembershipRefusal::NotUpgraded { node, newest }) => {
            let mut wire = builder.init_not_upgraded();
            wire.set_node(node.0);
            return wire.set_newest(newest.map_or(0, |level| level.0));
        }
        MembershipReply::Refused(MembershipRefusal::Malformed) => Wire::Malformed,
        MembershipReply::Refused(MembershipRefusal::Taken) => Wire::Taken,
        MembershipReply::Refused(MembershipRefusal::NoSuchNode) => Wire::NoSuchNode,
        MembershipReply::Refused(MembershipRefusal::LastVoter) => Wire::LastVoter,
        MembershipReply::Refused(MembershipRefusal::NoMajority) => Wire::NoMajority,
        MembershipReply::Refused(MembershipRefusal::UnderWay) => Wire::UnderWay,
        MembershipReply::Refused(MembershipRefusal::NobodyTookOver) => Wire::NobodyTookOver,
        MembershipReply::Refused(MembershipRefusal::NotAllowed) => Wire::NotAllowed,
        MembershipReply::Refused(MembershipRefusal::NeedsSecond) => Wire::NeedsSecond,
    };
    builder.set_refused(refusal);
}

/// Reads what came of asking for another membership.
pub fn read_membership_reply(reader: membership_change::Reader<'_>) -> Result<MembershipReply, WireError> {
    use membership_change::Refusal as Wire;
    let refusal = match reader.which()? {
        membership_change::Done(()) => return Ok(MembershipReply::Done),
        membership_change::NotLeader(leader) => return Ok(MembershipReply::NotLeader { leader: known(leader) }),
        membership_change::Failed(()) => return Ok(MembershipReply::Failed),
        membership_change::NotCaughtUp(wire) => {
            MembershipRefusal::NotCaughtUp { behind: wire.get_reached().then_some(wire.get_behind()) }
        }
        membership_change::NotUpgraded(wire) => MembershipRefusal::NotUpgraded {
            node: NodeId(wire.get_node()),
            newest: Some(Level(wire.get_newest())).filter(|level| *level >= Level::FIRST),
        },
        membership_change::Refused(refusal) => match refusal? {
            Wire::Malformed => MembershipRefusal::Malformed,
            Wire::Taken => MembershipRefusal::Taken,
            Wire::NoSuchNode => MembershipRefusal::NoSuchNode,
            Wire::LastVoter => MembershipRefusal::LastVoter,
            Wire::NoMajority => MembershipRefusal::NoMajority,
            Wire::UnderWay => MembershipRefusal::UnderWay,
            Wire::NobodyTookOver => MembershipRefusal::NobodyTookOver,
            Wire::NotAllowed => MembershipRefusal::NotAllowed,
            Wire::NeedsSecond => MembershipRefusal::NeedsSecond,
        },
    };
    Ok(MembershipReply::Refused(refusal))
}

/// Fills in who is online.
pub fn write_presence_update(mut builder: presence_update::Builder<'_>, plain: &PresenceUpdate) {
    builder.set_full(plain.full);
    builder.set_lease_ms(plain.lease_ms);
    let mut online = builder.reborrow().init_online(count(plain.online.len()));
    for (at, user) in (0..).zip(&plain.online) {
        online.set(at, user.0);
    }
    let mut offline = builder.init_offline(count(plain.offline.len()));
    for (at, user) in (0..).zip(&plain.offline) {
        offline.set(at, user.0);
    }
}

/// Reads who is online.
pub fn read_presence_update(reader: presence_update::Reader<'_>) -> Result<PresenceUpdate, WireError> {
    Ok(PresenceUpdate {
        full: reader.get_full(),
        online: reader.get_online()?.iter().map(UserId).collect(),
        offline: reader.get_offline()?.iter().map(UserId).collect(),
        lease_ms: reader.get_lease_ms(),
    })
}

/// Fills in what a node says of the time.
pub fn write_clock_reading(mut builder: clock_reading::Builder<'_>, plain: &ClockReading) {
    builder.set_time_ms(plain.time_ms);
    builder.set_wall_ms(plain.wall_ms);
    builder.set_has_doubts(plain.has_doubts);
    builder.set_trust(match plain.trust {
        ClockTrust::Alone => clock_reading::Trust::Alone,
        ClockTrust::Agreed => clock_reading::Trust::Agreed,
        ClockTrust::Confirmed => clock_reading::Trust::Confirmed,
    });
}

/// Reads what a node says of the time.
pub fn read_clock_reading(reader: clock_reading::Reader<'_>) -> Result<ClockReading, WireError> {
    Ok(ClockReading {
        time_ms: reader.get_time_ms(),
        wall_ms: reader.get_wall_ms(),
        has_doubts: reader.get_has_doubts(),
        trust: match reader.get_trust()? {
            clock_reading::Trust::Alone => ClockTrust::Alone,
            clock_reading::Trust::Agreed => ClockTrust::Agreed,
            clock_reading::Trust::Confirmed => ClockTrust::Confirmed,
        },
    })
}

fn write_mark(mut builder: mark::Builder<'_>, plain: &Mark) {
    builder.set_data(plain.data.as_str());
    builder.set_has_vote(plain.vote.is_some());
    if let Some(vote) = &plain.vote {
        write_vote(builder.reborrow().init_vote(), vote);
    }
    builder.set_has_applied(plain.applied.is_some());
    if let Some(applied) = &plain.applied {
        write_log_id(builder.reborrow().init_applied(), applied);
    }
    builder.set_start(plain.start);
    builder.set_seal(&plain.seal);
}

fn read_mark(reader: mark::Reader<'_>) -> Result<Mark, WireError> {
    let vote = if reader.get_has_vote() { Some(read_vote(reader.get_vote()?)) } else { None };
    Ok(Mark {
        data: text(reader.get_data()?)?,
        vote,
        applied: read_optional_log_id(reader.get_has_applied(), reader.get_applied())?,
        start: reader.get_start(),
        seal: digest(reader.get_seal()?, "seal")?,
    })
}

/// Fills in what a node says of itself.
pub fn write_greeting(mut builder: greeting::Builder<'_>, plain: &Greeting) {
    write_mark(builder.reborrow().init_mark(), &plain.mark);
    builder.set_is_behind(plain.behind.is_some());
    if let Some(behind) = &plain.behind {
        write_log_id(builder.reborrow().init_behind(), behind);
    }
    builder.set_sync_ms(u32::try_from(plain.sync.as_millis()).unwrap_or(u32::MAX));
    builder.set_newest_level(plain.newest.0);
    builder.set_founds(plain.founds.is_some());
    let all = plain.founds.as_deref().unwrap_or_default();
    let mut members = builder.init_members(count(all.len()));
    for (at, (node, member)) in (0..).zip(all) {
        write_member(members.reborrow().get(at), *node, member);
    }
}

/// Reads what a node says of itself.
pub fn read_greeting(reader: greeting::Reader<'_>) -> Result<Greeting, WireError> {
    let members = reader.get_members()?.iter().map(read_member).collect::<Result<Vec<_>, _>>()?;
    Ok(Greeting {
        mark: read_mark(reader.get_mark()?)?,
        behind: read_optional_log_id(reader.get_is_behind(), reader.get_behind())?,
        founds: reader.get_founds().then_some(members),
        sync: Duration::from_millis(reader.get_sync_ms().into()),
        newest: Level(reader.get_newest_level()),
    })
}

/// Fills in the answer to a greeting.
pub fn write_welcome(mut builder: peer::greet_results::Builder<'_>, plain: &Welcome) {
    write_greeting(builder.reborrow().init_greeting(), &plain.greeting);
    let mut known = builder.init_known(count(plain.known.len()));
    for (at, mark) in (0..).zip(&plain.known) {
        write_mark(known.reborrow().get(at), mark);
    }
}

/// Reads the answer to a greeting.
pub fn read_welcome(reader: peer::greet_results::Reader<'_>) -> Result<Welcome, WireError> {
    Ok(Welcome {
        greeting: read_greeting(reader.get_greeting()?)?,
        known: reader.get_known()?.iter().map(read_mark).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
