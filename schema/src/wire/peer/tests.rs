//! What nodes ask of each other, there and back.

use super::*;
use crate::stored::{LogId, Member, Membership, StoredMembership, Vote};

const PLACE: LogId = LogId { term: 3, leader: NodeId(2), index: 17 };
const VOTE: Vote = Vote { term: 4, node: NodeId(5), committed: true };

macro_rules! survives {
    ($write:expr, $read:expr, $owned:ty, $plain:expr) => {{
        let plain = $plain;
        let mut arena = capnp::message::Builder::new_default();
        $write(arena.init_root::<<$owned as capnp::traits::Owned>::Builder<'_>>(), &plain);
        let reader = arena.get_root_as_reader::<<$owned as capnp::traits::Owned>::Reader<'_>>().unwrap();
        assert_eq!($read(reader).unwrap(), plain);
    }};
}

#[test]
fn what_nodes_say_survives_the_wire() {
    for previous in [None, Some(PLACE)] {
        let entries = vec![Bytes::from_static(b"one"), Bytes::new()];
        let append = AppendRequest { vote: VOTE, previous, entries, committed: previous };
        survives!(write_append_request, read_append_request, append_request::Owned, append);
        let vote = VoteRequest { vote: VOTE, last_log: previous, leadership_transfer: true };
        survives!(write_vote_request, read_vote_request, vote_request::Owned, vote);
        let vote = VoteResponse { vote: VOTE, granted: true, last_log: previous };
        survives!(write_vote_response, read_vote_response, vote_response::Owned, vote);
        let response = AppendResponse::PartialSuccess(previous);
        survives!(write_append_response, read_append_response, append_response::Owned, response);
        let transfer = TransferRequest { from: VOTE, to: NodeId(3), last_log: previous };
        let (write, read) = (write_transfer_request, read_transfer_request);
        survives!(write, read, peer::transfer_leadership_params::Owned, transfer);
    }
    for response in [AppendResponse::Success, AppendResponse::Conflict, AppendResponse::HigherVote(VOTE)] {
        survives!(write_append_response, read_append_response, append_response::Owned, response);
    }
    let snapshot = SnapshotRequest { vote: VOTE, id: "17-ab".to_owned(), length: u64::MAX };
    survives!(write_snapshot_request, read_snapshot_request, peer::snapshot_params::Owned, snapshot);
    let presence = PresenceUpdate { full: true, online: vec![UserId(7)], offline: vec![UserId(8)], lease_ms: 9 };
    survives!(write_presence_update, read_presence_update, presence_update::Owned, presence);
    for trust in [ClockTrust::Alone, ClockTrust::Agreed, ClockTrust::Confirmed] {
        let reading = ClockReading { time_ms: u64::MAX, wall_ms: 7, trust, has_doubts: true };
        survives!(write_clock_reading, read_clock_reading, clock_reading::Owned, reading);
    }
}

#[test]
fn what_the_leader_answers_survives_the_wire() {
    let elsewhere = [None, Some(NodeId(3))];
    let not_leader = elsewhere.map(|leader| ProposeReply::NotLeader { leader });
    for reply in [ProposeReply::Done, ProposeReply::Failed].into_iter().chain(not_leader) {
        let mut arena = capnp::message::Builder::new_default();
        write_propose_reply(arena.init_root(), reply);
        assert_eq!(read_propose_reply(arena.get_root_as_reader().unwrap()), reply);
    }
    let not_leader = elsewhere.map(|leader| ReadIndexReply::NotLeader { leader });
    for reply in [ReadIndexReply::Index(9), ReadIndexReply::Failed].into_iter().chain(not_leader) {
        let mut arena = capnp::message::Builder::new_default();
        write_read_index_reply(arena.init_root(), reply);
        assert_eq!(read_read_index_reply(arena.get_root_as_reader().unwrap()), reply);
    }
}

#[test]
fn a_greeting_says_how_far_a_node_is_and_what_it_would_begin() {
    let far = Mark { data: "abc".to_owned(), vote: Some(VOTE), applied: Some(PLACE), start: 9, seal: [7; 32] };
    let member =
        Member { peer_address: "anna:2".to_owned(), client_address: "anna:1".to_owned(), fingerprint: [3; 32] };
    let founds = Greeting { founds: Some(vec![(NodeId(2), member)]), ..Greeting::default() };
    let behind = Greeting {
        mark: far.clone(),
        behind: Some(PLACE),
        founds: None,
        sync: Duration::from_millis(7),
        newest: Level(3),
    };
    for plain in [founds.clone(), behind.clone(), Greeting::default()] {
        survives!(write_greeting, read_greeting, greeting::Owned, plain);
    }
    for plain in [Welcome { greeting: behind, known: vec![far, Mark::default()] }, Welcome::default()] {
        survives!(write_welcome, read_welcome, peer::greet_results::Owned, plain);
    }
}

#[test]
fn what_an_operator_is_answered_survives_the_wire() {
    let member = Member { peer_address: "anna:7401".to_owned(), client_address: String::new(), fingerprint: [7; 32] };
    let membership = Membership { configs: vec![vec![NodeId(1)]], members: vec![(NodeId(1), member)] };
    for (log_id, leader) in [(None, None), (Some(PLACE), Some(NodeId(3)))] {
        let reply = MembersReply { membership: StoredMembership { log_id, membership: membership.clone() }, leader };
        survives!(write_members_reply, read_members_reply, peer::members_results::Owned, reply);
    }
    let refusals = [
        MembershipRefusal::Malformed,
        MembershipRefusal::Taken,
        MembershipRefusal::NoSuchNode,
        MembershipRefusal::NotCaughtUp { behind: None },
        MembershipRefusal::NotCaughtUp { behind: Some(9) },
        MembershipRefusal::LastVoter,
        MembershipRefusal::NoMajority,
        MembershipRefusal::UnderWay,
        MembershipRefusal::NobodyTookOver,
    ];
    let not_leader = [None, Some(NodeId(3))].map(|leader| MembershipReply::NotLeader { leader });
    let others = [MembershipReply::Done, MembershipReply::Failed].into_iter().chain(not_leader);
    for reply in refusals.map(MembershipReply::Refused).into_iter().chain(others) {
        let mut arena = capnp::message::Builder::new_default();
        write_membership_reply(arena.init_root(), reply);
        assert_eq!(read_membership_reply(arena.get_root_as_reader().unwrap()).unwrap(), reply);
    }
}
