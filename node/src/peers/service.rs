//! What another node's calls do here. One of these for each connection of a peer.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use raftchat_schema::generated::peer_capnp::{peer, snapshot_transfer};
use raftchat_schema::id::{ConversationId, NodeId, UserId};
use raftchat_schema::peer::{AppendRequest, ReadIndexReply};
use raftchat_schema::wire;
use tokio::sync::watch;

use super::malformed;
use crate::clock::NodeClock;
use crate::presence::Presence;
use crate::proposer::Proposer;
use crate::raft::membership::MembershipFailure;
use crate::raft::{AppendStream, IncomingSnapshot, RaftHandle, ReadFailure, ReceiveError};
use crate::room::Room;
use crate::typing::{Typing, TypingNews};

/// How long an answer waits that an entry is stamped ahead of this node's time, which is found out within a second.
const NOT_OF_THIS_TIME_PAUSE: Duration = Duration::from_millis(200);

/// What the calls of all peers need.
#[derive(Clone, Debug)]
pub(crate) struct PeerServices {
    pub(crate) raft: RaftHandle,
    pub(crate) proposer: Proposer,
    pub(crate) presence: Arc<Presence>,
    pub(crate) typing: Arc<Typing>,
    pub(crate) clock: Arc<NodeClock>,
    pub(crate) room: Arc<Room>,
    /// Somebody wants this node to stop, and how long that may take.
    pub(crate) drain: watch::Sender<Option<Duration>>,
}

/// Answers one peer.
pub(crate) struct PeerService {
    services: PeerServices,
    from: NodeId,
    appends: RefCell<AppendStream>,
}

impl PeerService {
    pub(crate) fn new(services: PeerServices, from: NodeId) -> Self {
        let appends = RefCell::new(services.raft.append_stream());
        Self { services, from, appends }
    }

    /// Nobody speaks for another: what is led must be led by who calls.
    fn must_lead(&self, request: &AppendRequest) -> Result<(), capnp::Error> {
        if request.vote.node == self.from {
            return Ok(());
        }
        tracing::warn!(from = %self.from, claims = %request.vote.node, "a node appends in the name of another");
        Err(capnp::Error::failed("a node appends in its own name only".to_owned()))
    }
}

impl PeerService {
    /// What is stamped far ahead of this node's time is not acknowledged: a majority decides what time it is. What is committed
    /// already has been decided, and is taken.
    async fn must_be_of_this_time(&self, request: &AppendRequest) -> Result<(), capnp::Error> {
        let first = request.previous.map_or(0, |previous| previous.index.saturating_add(1));
        let decided = request.committed.map_or(0, |committed| committed.index.saturating_add(1).saturating_sub(first));
        let open = request.entries.iter().skip(usize::try_from(decided).unwrap_or(usize::MAX));
        for entry in open {
            let stamp = wire::stamp_of_entry(entry).map_err(malformed)?;
            let Some(stamp) = stamp.filter(|stamp| self.services.clock.is_too_far_ahead(*stamp)) else { continue };
            tracing::debug!(from = %self.from, stamp_ms = stamp.0, "an entry is stamped ahead of this node's time");
            // Whoever leads tries again at once.
            tokio::time::sleep(NOT_OF_THIS_TIME_PAUSE).await;
            return Err(capnp::Error::failed("the entry is stamped ahead of this node's time".to_owned()));
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn failed(error: ReceiveError) -> capnp::Error {
    capnp::Error::failed(error.to_string())
}

impl peer::Server for PeerService {
    async fn append(
        self: Rc<Self>,
        params: peer::AppendParams,
        mut results: peer::AppendResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_append_request(params.get()?.get_request()?).map_err(malformed)?;
        self.must_lead(&request)?;
        self.must_be_of_this_time(&request).await?;
        // Submitted before anything is waited for: in the order of arrival.
        let answer = self.appends.borrow_mut().submit(request);
        wire::write_append_response(results.get().init_response(), &answer.await.map_err(failed)?);
        Ok(())
    }

    async fn heartbeat(
        self: Rc<Self>,
        params: peer::HeartbeatParams,
        mut results: peer::HeartbeatResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_append_request(params.get()?.get_request()?).map_err(malformed)?;
        self.must_lead(&request)?;
        let response = self.services.raft.append(request).await.map_err(failed)?;
        wire::write_append_response(results.get().init_response(), &response);
        Ok(())
    }

    async fn vote(
        self: Rc<Self>,
        params: peer::VoteParams,
        mut results: peer::VoteResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_vote_request(params.get()?.get_request()?).map_err(malformed)?;
        let response = self.services.raft.vote(request).await.map_err(failed)?;
        wire::write_vote_response(results.get().init_response(), &response);
        Ok(())
    }

    async fn pre_vote(
        self: Rc<Self>,
        params: peer::PreVoteParams,
        mut results: peer::PreVoteResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_vote_request(params.get()?.get_request()?).map_err(malformed)?;
        let response = self.services.raft.pre_vote(request).await.map_err(failed)?;
        wire::write_vote_response(results.get().init_response(), &response);
        Ok(())
    }

    async fn snapshot(
        self: Rc<Self>,
        params: peer::SnapshotParams,
        mut results: peer::SnapshotResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_snapshot_request(params.get()?).map_err(malformed)?;
        tracing::info!(from = %self.from, id = %request.id, bytes = request.length, "a snapshot comes in");
        let incoming = self.services.raft.receive_snapshot(request).await.map_err(failed)?;
        let mut results = results.get();
        results.set_have_bytes(incoming.have());
        results.set_transfer(capnp_rpc::new_client(Incoming(incoming)));
        Ok(())
    }

    async fn transfer_leadership(
        self: Rc<Self>,
        params: peer::TransferLeadershipParams,
        _results: peer::TransferLeadershipResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_transfer_request(params.get()?).map_err(malformed)?;
        self.services.raft.transfer_leadership(request).await.map_err(failed)
    }

    async fn propose(
        self: Rc<Self>,
        params: peer::ProposeParams,
        mut results: peer::ProposeResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let rows = usize::try_from(params.get_rows()).unwrap_or(usize::MAX);
        let mut proposals = wire::read_proposals(params.get_proposals()?).map_err(malformed)?;
        for proposal in &mut proposals {
            // What no node can read must not get into the log: there it would stop all of them.
            wire::decode_command(&proposal.command).map_err(|error| {
                tracing::error!(from = %self.from, %error, "a node proposes what cannot be read");
                malformed(error)
            })?;
            // The outcome goes to who proposes, whatever it says.
            proposal.node = self.from;
        }
        wire::write_propose_reply(results.get(), self.services.proposer.propose_for_peer(proposals, rows).await);
        Ok(())
    }

    async fn read_index(
        self: Rc<Self>,
        _params: peer::ReadIndexParams,
        mut results: peer::ReadIndexResults,
    ) -> Result<(), capnp::Error> {
        let reply = match self.services.raft.read_index().await {
            Ok(index) => ReadIndexReply::Index(index),
            Err(ReadFailure::NotLeader { leader }) => ReadIndexReply::NotLeader { leader },
            Err(ReadFailure::Retry | ReadFailure::Fatal(_)) => ReadIndexReply::Failed,
        };
        wire::write_read_index_reply(results.get(), reply);
        Ok(())
    }

    async fn presence(
        self: Rc<Self>,
        params: peer::PresenceParams,
        _results: peer::PresenceResults,
    ) -> Result<(), capnp::Error> {
        let update = wire::read_presence_update(params.get()?.get_update()?).map_err(malformed)?;
        self.services.presence.heard(self.from, update, Instant::now());
        Ok(())
    }

    async fn typing(
        self: Rc<Self>,
        params: peer::TypingParams,
        _results: peer::TypingResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        self.services.typing.heard(TypingNews {
            conversation: ConversationId(params.get_conversation()),
            user: UserId(params.get_user()),
            active: params.get_active(),
        });
        Ok(())
    }

    async fn room(self: Rc<Self>, params: peer::RoomParams, _results: peer::RoomResults) -> Result<(), capnp::Error> {
        let params = params.get()?;
        self.services.room.heard(self.from, params.get_free_bytes(), params.get_short());
        Ok(())
    }

    async fn members(
        self: Rc<Self>,
        _params: peer::MembersParams,
        mut results: peer::MembersResults,
    ) -> Result<(), capnp::Error> {
        wire::write_members_reply(results.get(), &self.services.raft.members());
        Ok(())
    }

    async fn clock(
        self: Rc<Self>,
        _params: peer::ClockParams,
        mut results: peer::ClockResults,
    ) -> Result<(), capnp::Error> {
        wire::write_clock_reading(results.get().init_reading(), &self.services.clock.reading());
        Ok(())
    }

    async fn drain(
        self: Rc<Self>,
        params: peer::DrainParams,
        _results: peer::DrainResults,
    ) -> Result<(), capnp::Error> {
        let within = Duration::from_millis(params.get()?.get_deadline_ms().into());
        tracing::info!(from = %self.from, ?within, "asked to drain");
        self.services.drain.send_if_modified(|asked| {
            let first = asked.is_none();
            *asked = asked.or(Some(within));
            first
        });
        Ok(())
    }

    async fn add_member(
        self: Rc<Self>,
        params: peer::AddMemberParams,
        mut results: peer::AddMemberResults,
    ) -> Result<(), capnp::Error> {
        let (node, member) = wire::read_member(params.get()?.get_member()?).map_err(malformed)?;
        let outcome = self.services.raft.add_learner(node, member).await;
        wire::write_membership_reply(results.get().init_change(), MembershipFailure::reply(&outcome));
        Ok(())
    }

    async fn promote(
        self: Rc<Self>,
        params: peer::PromoteParams,
        mut results: peer::PromoteResults,
    ) -> Result<(), capnp::Error> {
        let outcome = self.services.raft.promote(NodeId(params.get()?.get_node())).await;
        wire::write_membership_reply(results.get().init_change(), MembershipFailure::reply(&outcome));
        Ok(())
    }

    async fn remove_member(
        self: Rc<Self>,
        params: peer::RemoveMemberParams,
        mut results: peer::RemoveMemberResults,
    ) -> Result<(), capnp::Error> {
        let outcome = self.services.raft.remove_member(NodeId(params.get()?.get_node())).await;
        wire::write_membership_reply(results.get().init_change(), MembershipFailure::reply(&outcome));
        Ok(())
    }
}

/// A snapshot on its way in.
struct Incoming(IncomingSnapshot);

impl snapshot_transfer::Server for Incoming {
    async fn block(
        self: Rc<Self>,
        params: snapshot_transfer::BlockParams,
        _results: snapshot_transfer::BlockResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let bytes = Bytes::copy_from_slice(params.get_bytes()?);
        self.0.block(params.get_offset(), bytes).await.map_err(failed)
    }

    async fn finish(
        self: Rc<Self>,
        _params: snapshot_transfer::FinishParams,
        mut results: snapshot_transfer::FinishResults,
    ) -> Result<(), capnp::Error> {
        let vote = self.0.finish().await.map_err(failed)?;
        wire::write_vote(results.get().init_vote(), &vote);
        Ok(())
    }
}
