//! The calls of this node to the others, over their links. Never knows what is proposed or applied.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use raftchat_schema::command::Proposal;
use raftchat_schema::generated::peer_capnp::{peer, snapshot_transfer};
use raftchat_schema::id::NodeId;
use raftchat_schema::peer::{
    ClockReading, Greeting, MembersReply, PresenceUpdate, ProposeReply, ReadIndexReply, Welcome,
};
use raftchat_schema::stored::{Membership, Vote};
use raftchat_schema::wire::{self, WireError};
use raftchat_transport::{CallFailure, LinkCounters, LinkFailure, PeerHealth, PeerPool};
use tokio::sync::{mpsc, oneshot};

use crate::audience::typing_news::TypingNews;
use crate::raft::{
    AppendRequest, AppendResponse, Lane, OutgoingSnapshot, PeerCallError, PeerCalls, SnapshotRequest, Target,
    TransferRequest, VoteRequest, VoteResponse,
};

type Answer<T> = BoxFuture<'static, Result<T, PeerCallError>>;
type LocalAnswer<T> = futures::future::LocalBoxFuture<'static, Result<T, capnp::Error>>;

/// The links from this node to the others.
#[derive(Debug)]
pub struct PeerLinks {
    own: NodeId,
    pool: Arc<PeerPool<peer::Client>>,
}

impl PeerLinks {
    /// No links yet.
    pub fn new(own: NodeId, pool: PeerPool<peer::Client>) -> Self {
        Self { own, pool: Arc::new(pool) }
    }

    /// Keeps links to these members, and to nobody else.
    pub fn follow(&self, before: &Membership, now: &Membership) {
        for (node, _) in &before.members {
            if !now.members.iter().any(|(member, _)| member == node) {
                self.pool.remove_peer(node.0);
            }
        }
        for (node, member) in now.members.iter().filter(|(node, _)| *node != self.own) {
            self.pool.set_peer(node.0, &member.peer_address);
        }
    }

    /// Whether there is a link to that node.
    pub fn is_up(&self, node: NodeId) -> bool {
        self.pool.health(node.0).is_some_and(|health| health.up)
    }

    /// What has become of the links so far.
    pub(crate) fn counters(&self) -> &LinkCounters {
        self.pool.counters()
    }

    /// The state of the link to that node; none if it is no member.
    pub(crate) fn health(&self, node: NodeId) -> Option<PeerHealth> {
        self.pool.health(node.0)
    }

    /// Shows all nodes that this one is here.
    pub(crate) fn send_beats(&self) {
        self.pool.send_beats();
    }

    /// Waits until a link is lost or a node is said to be out of reach.
    pub(crate) async fn alarmed(&self) {
        self.pool.alarmed().await;
    }

    /// Hands commands that write about so many rows to the leader.
    pub async fn propose(
        &self,
        leader: NodeId,
        proposals: Vec<Proposal>,
        rows: usize,
        limit: Duration,
    ) -> Result<ProposeReply, PeerCallError> {
        let call = self.call(leader, Lane::Log, move |peer| {
            let mut request = peer.propose_request();
            request.get().set_rows(u32::try_from(rows).unwrap_or(u32::MAX));
            let list = request.get().init_proposals(u32::try_from(proposals.len()).unwrap_or(u32::MAX));
            wire::write_proposals(list, &proposals);
            async move { Ok(wire::read_propose_reply(request.send().promise.await?.get()?)) }.boxed_local()
        });
        within(limit, call).await
    }

    /// Asks the leader for a read index.
    pub async fn read_index(&self, leader: NodeId, limit: Duration) -> Result<ReadIndexReply, PeerCallError> {
        let call = self.call(leader, Lane::Urgent, |peer| {
            let request = peer.read_index_request();
            async move { Ok(wire::read_read_index_reply(request.send().promise.await?.get()?)) }.boxed_local()
        });
        within(limit, call).await
    }

    /// Tells a node who is online here.
    pub async fn tell_presence(
        &self,
        node: NodeId,
        update: PresenceUpdate,
        limit: Duration,
    ) -> Result<(), PeerCallError> {
        let call = self.call(node, Lane::Urgent, move |peer| {
            let mut request = peer.presence_request();
            wire::write_presence_update(request.get().init_update(), &update);
            async move { request.send().promise.await.map(drop) }.boxed_local()
        });
        within(limit, call).await
    }

    /// Tells a node who is writing here.
    pub(crate) async fn tell_typing(
        &self,
        node: NodeId,
        news: TypingNews,
        limit: Duration,
    ) -> Result<(), PeerCallError> {
        let call = self.call(node, Lane::Urgent, move |peer| {
            let mut request = peer.typing_request();
            request.get().set_conversation(news.conversation.0);
            request.get().set_user(news.user.0);
            request.get().set_active(news.active);
            async move { request.send().promise.await.map(drop) }.boxed_local()
        });
        within(limit, call).await
    }

    /// Tells a node how much room this one's disk has, and whether that is less than its reserve.
    pub(crate) async fn tell_room(
        &self,
        node: NodeId,
        free_bytes: u64,
        short: bool,
        limit: Duration,
    ) -> Result<(), PeerCallError> {
        let call = self.call(node, Lane::Urgent, move |peer| {
            let mut request = peer.room_request();
            request.get().set_free_bytes(free_bytes);
            request.get().set_short(short);
            async move { request.send().promise.await.map(drop) }.boxed_local()
        });
        within(limit, call).await
    }

    /// Asks a node who belongs to the cluster.
    pub async fn members(&self, node: NodeId, limit: Duration) -> Result<MembersReply, PeerCallError> {
        let call = self.call(node, Lane::Urgent, |peer| {
            let request = peer.members_request();
            async move { wire::read_members_reply(request.send().promise.await?.get()?).map_err(malformed) }
                .boxed_local()
        });
        within(limit, call).await
    }

    /// Asks a node what time it is.
    pub(crate) async fn clock(&self, node: NodeId, limit: Duration) -> Result<ClockReading, PeerCallError> {
        let call = self.call(node, Lane::Urgent, |peer| {
            let request = peer.clock_request();
            async move {
                let response = request.send().promise.await?;
                wire::read_clock_reading(response.get()?.get_reading()?).map_err(malformed)
            }
            .boxed_local()
        });
        within(limit, call).await
    }

    /// Tells a node how this one is, and hears the same.
    pub(crate) fn greet(
        &self,
        node: NodeId,
        greeting: Greeting,
        limit: Duration,
    ) -> impl Future<Output = Result<Welcome, PeerCallError>> + use<> {
        let call = self.call(node, Lane::Urgent, move |peer| {
            let mut request = peer.greet_request();
            wire::write_greeting(request.get().init_greeting(), &greeting);
            async move { wire::read_welcome(request.send().promise.await?.get()?).map_err(malformed) }.boxed_local()
        });
        within(limit, call)
    }

    /// Submits a call at once; calls of one lane are sent in the order in which they were submitted.
    fn call<T, F>(&self, to: NodeId, lane: Lane, start: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnOnce(peer::Client) -> LocalAnswer<T> + Send + 'static,
    {
        let lane = match lane {
            Lane::Log => raftchat_transport::Lane::Log,
            Lane::Urgent => raftchat_transport::Lane::Control,
            Lane::Snapshot => raftchat_transport::Lane::Snapshot,
        };
        self.pool.call(to.0, lane, start).map(|outcome| outcome.map_err(failure)).boxed()
    }

    /// Keeps a link to whom a call goes, wherever the membership says that is.
    fn call_target<T, F>(&self, to: &Target, lane: Lane, start: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnOnce(peer::Client) -> LocalAnswer<T> + Send + 'static,
    {
        self.pool.set_peer(to.node.0, &to.member.peer_address);
        self.call(to.node, lane, start)
    }
}

async fn within<T>(limit: Duration, call: Answer<T>) -> Result<T, PeerCallError> {
    tokio::time::timeout(limit, call).await.unwrap_or(Err(PeerCallError::Timeout))
}

fn failure(failure: CallFailure) -> PeerCallError {
    match failure {
        CallFailure::Link(LinkFailure::Timeout(_)) => PeerCallError::Timeout,
        CallFailure::Link(link) if link.may_have_happened() => PeerCallError::Unreachable(link.to_string()),
        CallFailure::Link(link) => PeerCallError::NotSent(link.to_string()),
        CallFailure::Remote(error) => PeerCallError::Remote(error.extra),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
pub(crate) fn malformed(error: WireError) -> capnp::Error {
    capnp::Error::failed(error.to_string())
}

impl PeerCalls for PeerLinks {
    fn way(&self, to: &Target) -> Option<Duration> {
        self.health(to.node)?.rtt
    }

    fn append(&self, to: &Target, lane: Lane, request: AppendRequest, _limit: Duration) -> Answer<AppendResponse> {
        self.call_target(to, lane, move |peer| {
            if lane == Lane::Urgent {
                let mut call = peer.heartbeat_request();
                wire::write_append_request(call.get().init_request(), &request);
                return async move {
                    let response = call.send().promise.await?;
                    wire::read_append_response(response.get()?.get_response()?).map_err(malformed)
                }
                .boxed_local();
            }
            let mut call = peer.append_request();
            wire::write_append_request(call.get().init_request(), &request);
            async move {
                let response = call.send().promise.await?;
                wire::read_append_response(response.get()?.get_response()?).map_err(malformed)
            }
            .boxed_local()
        })
    }

    fn vote(&self, to: &Target, request: VoteRequest, _limit: Duration) -> Answer<VoteResponse> {
        self.call_target(to, Lane::Urgent, move |peer| {
            let mut call = peer.vote_request();
            wire::write_vote_request(call.get().init_request(), &request);
            async move {
                let response = call.send().promise.await?;
                wire::read_vote_response(response.get()?.get_response()?).map_err(malformed)
            }
            .boxed_local()
        })
    }

    fn pre_vote(&self, to: &Target, request: VoteRequest, _limit: Duration) -> Answer<VoteResponse> {
        self.call_target(to, Lane::Urgent, move |peer| {
            let mut call = peer.pre_vote_request();
            wire::write_vote_request(call.get().init_request(), &request);
            async move {
                let response = call.send().promise.await?;
                wire::read_vote_response(response.get()?.get_response()?).map_err(malformed)
            }
            .boxed_local()
        })
    }

    fn open_snapshot(
        &self,
        to: &Target,
        request: SnapshotRequest,
        _limit: Duration,
    ) -> Answer<Box<dyn OutgoingSnapshot>> {
        self.call_target(to, Lane::Snapshot, move |peer| {
            let mut call = peer.snapshot_request();
            wire::write_snapshot_request(call.get(), &request);
            async move {
                let response = call.send().promise.await?;
                let results = response.get()?;
                let (have, transfer) = (results.get_have_bytes(), results.get_transfer()?);
                let (pieces, queue) = mpsc::channel(1);
                tokio::task::spawn_local(transfer_pieces(transfer, queue));
                Ok(Box::new(Outgoing { have, pieces }) as Box<dyn OutgoingSnapshot>)
            }
            .boxed_local()
        })
    }

    fn transfer_leadership(&self, to: &Target, request: TransferRequest, _limit: Duration) -> Answer<()> {
        self.call_target(to, Lane::Urgent, move |peer| {
            let mut call = peer.transfer_leadership_request();
            wire::write_transfer_request(call.get(), &request);
            async move { call.send().promise.await.map(drop) }.boxed_local()
        })
    }
}

/// What a transfer is asked for; the capability stays on its link's thread.
enum Piece {
    Block { offset: u64, bytes: Bytes, done: oneshot::Sender<Result<(), PeerCallError>> },
    Finish { done: oneshot::Sender<Result<Vote, PeerCallError>> },
}

/// A snapshot on its way to a peer.
struct Outgoing {
    have: u64,
    pieces: mpsc::Sender<Piece>,
}

async fn transfer_pieces(transfer: snapshot_transfer::Client, mut queue: mpsc::Receiver<Piece>) {
    let remote = |error: capnp::Error| match error.kind {
        capnp::ErrorKind::Disconnected => PeerCallError::Unreachable(error.extra),
        _ => PeerCallError::Remote(error.extra),
    };
    while let Some(piece) = queue.recv().await {
        match piece {
            Piece::Block { offset, bytes, done } => {
                let mut call = transfer.block_request();
                call.get().set_offset(offset);
                call.get().set_bytes(&bytes);
                // Whoever sends may have given up.
                let _heard = done.send(call.send().promise.await.map(drop).map_err(remote));
            }
            Piece::Finish { done } => {
                let outcome = async {
                    let response = transfer.finish_request().send().promise.await?;
                    Ok(wire::read_vote(response.get()?.get_vote()?))
                };
                let _heard = done.send(outcome.await.map_err(remote));
                return;
            }
        }
    }
}

fn lost() -> PeerCallError {
    PeerCallError::Unreachable("the link to it is gone".to_owned())
}

impl OutgoingSnapshot for Outgoing {
    fn have(&self) -> u64 {
        self.have
    }

    fn block(&mut self, offset: u64, bytes: Bytes, _limit: Duration) -> BoxFuture<'_, Result<(), PeerCallError>> {
        async move {
            let (done, outcome) = oneshot::channel();
            self.pieces.send(Piece::Block { offset, bytes, done }).await.map_err(|_| lost())?;
            outcome.await.unwrap_or_else(|_| Err(lost()))
        }
        .boxed()
    }

    fn finish(self: Box<Self>, _limit: Duration) -> Answer<Vote> {
        async move {
            let (done, outcome) = oneshot::channel();
            self.pieces.send(Piece::Finish { done }).await.map_err(|_| lost())?;
            outcome.await.unwrap_or_else(|_| Err(lost()))
        }
        .boxed()
    }
}
