//! What one node's key can do to the others: each call of the peer interface with each value that no node sends, made by hand
//! with the certificate of a node of the cluster. Afterwards the cluster works, and its term is one that can be.

use std::time::{Duration, Instant, SystemTime};

use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, join_all};
use raftchat_certs::LeafFiles;
use raftchat_schema::budgets::{SNAPSHOT_BLOCK_BYTES_MAX, TERMS_AHEAD_MAX};
use raftchat_schema::command::Proposal;
use raftchat_schema::generated::peer_capnp::{membership_change, peer};
use raftchat_schema::id::NodeId;
use raftchat_schema::peer::{
    AppendRequest, MembershipRefusal, MembershipReply, PresenceUpdate, SnapshotRequest, TransferRequest, VoteRequest,
};
use raftchat_schema::stored::{Entry, EntryPayload, LogId, Member, Vote};
use raftchat_schema::view::NodeStatus;
use raftchat_schema::wire;
use raftchat_transport::{
    Credentials, Dialer, DialerConfig, Expect, Link, LinkLimits, LinkTiming, Role, StreamPriority, TrustAnchors,
};

use crate::support::{Cluster, locally, soon, until};

type Outcome = Result<(), capnp::Error>;

/// Somebody with the key of a node, on a link to another.
struct Thief {
    own: NodeId,
    other: NodeId,
    _link: Link,
    peer: peer::Client,
    seen: NodeStatus,
}

impl Thief {
    async fn at(cluster: &Cluster, own: u64, victim: u64, seen: NodeStatus) -> Self {
        let files = LeafFiles::load(&cluster.certs(own), SystemTime::now()).unwrap();
        let dialer = Dialer::new(&DialerConfig {
            role: Role::Node,
            credentials: Credentials { chain: files.leaf.chain_der(), key: files.leaf.key_der() },
            nodes: TrustAnchors(vec![files.anchors.nodes.to_vec()]),
            timing: LinkTiming::peer(),
            limits: LinkLimits::peer(),
        })
        .unwrap();
        let expect = Expect { cluster: cluster.name().to_owned(), node: Some(victim) };
        let link = soon(dialer.connect(cluster.nodes[&victim].peer_address(), &expect)).await.unwrap();
        let peer = soon(link.open_rpc(StreamPriority::Control)).await.unwrap();
        let other = (1..=3).find(|node| *node != own && *node != victim).unwrap();
        Self { own: NodeId(own), other: NodeId(other), _link: link, peer, seen }
    }

    fn vote(&self, term: u64, committed: bool) -> Vote {
        Vote { term, node: self.own, committed }
    }

    fn ask_vote(&self, request: &VoteRequest) -> LocalBoxFuture<'_, Outcome> {
        let mut call = self.peer.vote_request();
        wire::write_vote_request(call.get().init_request(), request);
        async move { call.send().promise.await.map(drop) }.boxed_local()
    }

    fn ask_pre_vote(&self, request: &VoteRequest) -> LocalBoxFuture<'_, Outcome> {
        let mut call = self.peer.pre_vote_request();
        wire::write_vote_request(call.get().init_request(), request);
        async move { call.send().promise.await.map(drop) }.boxed_local()
    }

    fn append(&self, request: &AppendRequest) -> LocalBoxFuture<'_, Outcome> {
        let mut call = self.peer.append_request();
        wire::write_append_request(call.get().init_request(), request);
        async move { call.send().promise.await.map(drop) }.boxed_local()
    }

    fn heartbeat(&self, request: &AppendRequest) -> LocalBoxFuture<'_, Outcome> {
        let mut call = self.peer.heartbeat_request();
        wire::write_append_request(call.get().init_request(), request);
        async move { call.send().promise.await.map(drop) }.boxed_local()
    }

    fn snapshot(&self, vote: Vote, id: &str, length: u64) -> LocalBoxFuture<'_, Outcome> {
        let mut call = self.peer.snapshot_request();
        wire::write_snapshot_request(call.get(), &SnapshotRequest { vote, id: id.to_owned(), length });
        async move { call.send().promise.await.map(drop) }.boxed_local()
    }

    fn transfer(&self, from: Vote) -> LocalBoxFuture<'_, Outcome> {
        let mut call = self.peer.transfer_leadership_request();
        wire::write_transfer_request(call.get(), &TransferRequest { from, to: self.own, last_log: None });
        async move { call.send().promise.await.map(drop) }.boxed_local()
    }

    fn propose(&self, count: u64, command: &[u8]) -> LocalBoxFuture<'_, Outcome> {
        let proposal = |number| Proposal { node: self.own, number, command: command.to_vec() };
        let proposals: Vec<_> = (0..count).map(proposal).collect();
        let mut call = self.peer.propose_request();
        wire::write_proposals(call.get().init_proposals(u32::try_from(count).unwrap()), &proposals);
        async move { call.send().promise.await.map(drop) }.boxed_local()
    }

    fn presence(&self, online: u64, offline: u64, lease_ms: u64) -> LocalBoxFuture<'_, Outcome> {
        let users = |count| (0..count).map(raftchat_schema::id::UserId).collect();
        let update = PresenceUpdate { full: true, online: users(online), offline: users(offline), lease_ms };
        let mut call = self.peer.presence_request();
        wire::write_presence_update(call.get().init_update(), &update);
        async move { call.send().promise.await.map(drop) }.boxed_local()
    }

    fn typing(&self, id: u64) -> LocalBoxFuture<'_, Outcome> {
        let mut call = self.peer.typing_request();
        call.get().set_conversation(id);
        call.get().set_user(id);
        call.get().set_active(true);
        async move { call.send().promise.await.map(drop) }.boxed_local()
    }

    fn drain(&self) -> LocalBoxFuture<'_, Outcome> {
        let mut call = self.peer.drain_request();
        call.get().set_deadline_ms(0);
        async move { call.send().promise.await.map(drop) }.boxed_local()
    }

    async fn remove(&self, node: u64) -> MembershipReply {
        let mut call = self.peer.remove_member_request();
        call.get().set_node(node);
        let response = soon(call.send().promise).await.unwrap();
        reply(response.get().unwrap().get_change().unwrap())
    }

    async fn promote(&self, node: u64) -> MembershipReply {
        let mut call = self.peer.promote_request();
        call.get().set_node(node);
        let response = soon(call.send().promise).await.unwrap();
        reply(response.get().unwrap().get_change().unwrap())
    }

    async fn add(&self, node: u64, member: Member) -> MembershipReply {
        let mut call = self.peer.add_member_request();
        wire::write_member(call.get().init_member(), NodeId(node), &member);
        let response = soon(call.send().promise).await.unwrap();
        reply(response.get().unwrap().get_change().unwrap())
    }

    /// The terms and places that no cluster comes to.
    fn absurd_votes(&self, committed: bool) -> Vec<Vote> {
        let far = self.seen.term + TERMS_AHEAD_MAX + 2;
        let mut votes: Vec<_> = [far, 1 << 63, u64::MAX - 1, u64::MAX].map(|term| self.vote(term, committed)).into();
        let next = self.seen.term + 1;
        votes.push(Vote { node: self.other, ..self.vote(next, committed) });
        votes.push(Vote { node: NodeId(u64::MAX), ..self.vote(next, committed) });
        votes.push(self.vote(next, !committed));
        votes
    }

    /// Everything of Raft's.
    fn raft(&self) -> Vec<(String, LocalBoxFuture<'_, Outcome>)> {
        let mut calls = Vec::new();
        let (next, beyond) = (self.seen.term + 1, |index| LogId { term: 0, leader: self.own, index });
        let last = VoteRequest { vote: self.vote(next, false), last_log: None, leadership_transfer: true };
        for vote in self.absurd_votes(false) {
            let request = VoteRequest { vote, ..last.clone() };
            calls.push((format!("vote {vote:?}"), self.ask_vote(&request)));
            calls.push((format!("pre-vote {vote:?}"), self.ask_pre_vote(&request)));
        }
        for place in [beyond(u64::MAX), LogId { term: u64::MAX, ..beyond(1) }] {
            let request = VoteRequest { last_log: Some(place), ..last.clone() };
            calls.push((format!("vote with a log up to {place:?}"), self.ask_vote(&request)));
            calls.push((format!("pre-vote with a log up to {place:?}"), self.ask_pre_vote(&request)));
        }
        let empty = AppendRequest { vote: self.vote(next, true), previous: None, entries: Vec::new(), committed: None };
        for vote in self.absurd_votes(true) {
            let request = AppendRequest { vote, ..empty.clone() };
            calls.push((format!("append {vote:?}"), self.append(&request)));
            calls.push((format!("heartbeat {vote:?}"), self.heartbeat(&request)));
            calls.push((format!("snapshot {vote:?}"), self.snapshot(vote, "7-7", 1000)));
            calls.push((format!("hand on {vote:?}"), self.transfer(vote)));
        }
        for place in [beyond(u64::MAX), beyond(u64::MAX - 1), LogId { term: u64::MAX, ..beyond(1) }] {
            let requests = [
                AppendRequest { previous: Some(place), ..empty.clone() },
                AppendRequest { committed: Some(place), ..empty.clone() },
                AppendRequest { entries: vec![entry(place, EntryPayload::Blank)], ..empty.clone() },
            ];
            for request in requests {
                calls.push((format!("append at {place:?}"), self.append(&request)));
                calls.push((format!("heartbeat at {place:?}"), self.heartbeat(&request)));
            }
        }
        let noise = AppendRequest { entries: vec![vec![7; 1000].into()], ..empty.clone() };
        calls.push(("append noise".to_owned(), self.append(&noise)));
        calls.push(("append what stops who applies it".to_owned(), self.append(&self.poison())));
        let (id, long) = ("7-7", "x".repeat(100_000));
        for (id, length) in [(id, 0), (id, 1 << 63), (id, u64::MAX), ("", 1000), (long.as_str(), 1000)] {
            let name = format!("snapshot {} of {length} bytes", id.len());
            calls.push((name, self.snapshot(self.vote(next, true), id, length)));
        }
        calls.push(("hand on, led by another".to_owned(), self.transfer(self.vote(self.seen.term, true))));
        calls
    }

    /// After the last entry comes one that no node can read.
    fn poison(&self) -> AppendRequest {
        let (term, leader) = (self.seen.term, self.seen.leader.unwrap());
        let previous = Some(LogId { term, leader, index: self.seen.applied });
        let id = LogId { term: term + 1, leader: self.own, index: self.seen.applied + 1 };
        let entries = vec![entry(id, EntryPayload::Batch(b"no batch at all".to_vec()))];
        AppendRequest { vote: self.vote(term + 1, true), previous, entries, committed: Some(id) }
    }

    /// Everything else.
    fn rest(&self) -> Vec<(String, LocalBoxFuture<'_, Outcome>)> {
        vec![
            ("more proposals than a batch has".to_owned(), self.propose(100_000, b"")),
            ("a command that nobody can read".to_owned(), self.propose(1, b"no command")),
            ("a command of 3 MB".to_owned(), self.propose(1, &vec![0; 3_000_000])),
            ("presence of half a million".to_owned(), self.presence(250_000, 200_000, u64::MAX)),
            ("the end of another node".to_owned(), self.drain()),
        ]
    }

    /// Blocks of a snapshot that do not follow on each other, and one transfer after the other.
    async fn send_snapshots_badly(&self) {
        let vote = self.vote(self.seen.term + 1, true);
        let mut open = Vec::new();
        for attempt in 0..10 {
            let mut call = self.peer.snapshot_request();
            let request = SnapshotRequest { vote, id: format!("7-{attempt}"), length: 1 << 30 };
            wire::write_snapshot_request(call.get(), &request);
            let Ok(response) = soon(call.send().promise).await else { continue };
            let transfer = response.get().unwrap().get_transfer().unwrap();
            for (offset, bytes) in [(5, 10), (u64::MAX, 10), (0, 0), (0, SNAPSHOT_BLOCK_BYTES_MAX + 1)] {
                let mut call = transfer.block_request();
                call.get().set_offset(offset);
                call.get().set_bytes(&vec![1; bytes]);
                assert!(soon(call.send().promise).await.is_err(), "a block of {bytes} at {offset}");
            }
            open.push(transfer);
        }
        assert!(open.len() <= 2, "{} snapshots at once", open.len());
        for transfer in open {
            assert!(soon(transfer.finish_request().send().promise).await.is_err(), "it has not arrived");
        }
    }

    /// So much at once that it would be felt.
    async fn flood(&self) {
        let asked = (0..500).map(|_| self.peer.read_index_request().send().promise);
        let answered = soon(join_all(asked)).await.iter().filter(|answer| answer.is_ok()).count();
        println!("{answered} of 500 read indexes were answered");
        soon(join_all((0..5000).map(|id| self.typing(u64::MAX - id)))).await;
        soon(join_all((0..500).map(|_| self.presence(1000, 1000, u64::MAX)))).await;
    }
}

fn entry(log_id: LogId, payload: EntryPayload) -> bytes::Bytes {
    wire::encode_entry(&Entry { log_id, payload }).into()
}

fn reply(change: membership_change::Reader<'_>) -> MembershipReply {
    wire::read_membership_reply(change).unwrap()
}

/// What an operator may ask with any node's certificate, and what not.
async fn asks_for_another_membership(thief: &Thief, leads: bool, victim: u64) {
    let refused = |refusal| {
        let elsewhere = |reply: &MembershipReply| matches!(reply, MembershipReply::NotLeader { .. });
        move |reply: MembershipReply| reply == MembershipReply::Refused(refusal) || !leads && elsewhere(&reply)
    };
    assert!(refused(MembershipRefusal::NoSuchNode)(thief.remove(u64::MAX).await));
    assert!(refused(MembershipRefusal::NoSuchNode)(thief.promote(u64::MAX).await));
    for node in [victim, victim, thief.other.0] {
        assert!(refused(MembershipRefusal::NeedsSecond)(thief.remove(node).await), "node {node} is there");
    }
    let member =
        Member { peer_address: "x".repeat(100_000) + ":1", client_address: "y:2".to_owned(), fingerprint: [9; 32] };
    assert!(refused(MembershipRefusal::Malformed)(thief.add(9, member.clone()).await));
    assert!(refused(MembershipRefusal::Malformed)(
        thief.add(0, Member { peer_address: "x:1".to_owned(), ..member }).await
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_of_one_node_stops_the_others() {
    locally(async {
        let cluster = Cluster::start().await;
        let alice = cluster.alice(1).await;
        let leader = until(async || alice.status().await.leader).await.0;
        let own = 1 + leader % 3;
        for victim in (1..=3).filter(|node| *node != own) {
            let device = cluster.resume(victim).await;
            let seen = until(async || Some(device.status().await).filter(|status| status.leader.is_some())).await;
            let (term, leads) = (seen.term, seen.leader == Some(NodeId(victim)));
            let thief = Thief::at(&cluster, own, victim, seen).await;
            for (name, call) in thief.raft().into_iter().chain(thief.rest()) {
                let begun = Instant::now();
                let outcome = soon(call).await;
                assert!(outcome.is_err(), "node {victim} takes it: {name}");
                assert!(begun.elapsed() < Duration::from_secs(5), "{name} takes {:?}", begun.elapsed());
            }
            assert_eq!(device.status().await.term, term, "and nothing of it has moved its term");
            asks_for_another_membership(&thief, leads, victim).await;
            thief.send_snapshots_badly().await;
            thief.flood().await;
        }
        let before = alice.status().await.term;
        for node in 1..=3 {
            let device = cluster.resume(node).await;
            device.rename(&format!("alice over {node}")).await;
            let status = device.status().await;
            assert!(status.term < before + 1000, "node {node} is in term {}", status.term);
        }
        assert!(cluster.nodes.values().all(|node| node.failed().now_or_never().is_none()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_in_a_leaders_name_that_it_did_not_give_waits_for_its_lease() {
    locally(async {
        let cluster = Cluster::start().await;
        let alice = cluster.alice(1).await;
        let leader = until(async || alice.status().await.leader).await.0;
        let own = 1 + leader % 3;
        let seen = cluster.resume(leader).await.status().await;
        let thief = Thief::at(&cluster, own, leader, seen.clone()).await;
        let last_log = Some(LogId { term: seen.term, leader: NodeId(leader), index: 1 << 40 });
        for term in seen.term + 1..seen.term + 50 {
            let vote = thief.vote(term, false);
            let mut call = thief.peer.vote_request();
            let request = VoteRequest { vote, last_log, leadership_transfer: true };
            wire::write_vote_request(call.get().init_request(), &request);
            let response = soon(call.send().promise).await.unwrap();
            let response = wire::read_vote_response(response.get().unwrap().get_response().unwrap()).unwrap();
            assert!(!response.granted, "the leader has asked nobody to stand");
        }
        let now = cluster.resume(leader).await.status().await;
        assert_eq!((now.leader, now.term), (seen.leader, seen.term));
    })
    .await;
}
