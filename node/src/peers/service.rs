//! What another node's calls do here. One of these for each connection of a peer.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use raftchat_schema::budgets::{MEMBERS_MAX, PRESENCE_USERS_MAX, SNAPSHOT_BLOCK_BYTES_MAX};
use raftchat_schema::command::Proposal;
use raftchat_schema::generated::peer_capnp::{peer, snapshot_transfer};
use raftchat_schema::id::{ConversationId, NodeId, UserId};
use raftchat_schema::level::Level;
use raftchat_schema::limits::{BATCH_BYTES_MAX, BATCH_COMMANDS_MAX, PAYLOAD_BYTES_MAX};
use raftchat_schema::peer::{AppendRequest, ProposeReply, ReadIndexReply};
use raftchat_schema::wire;
use raftchat_transport::Damped;
use tokio::sync::watch;

use super::budget::{PeerBudget, PeerBudgets, Place};
use super::links::malformed;
use crate::audience::presence::Presence;
use crate::audience::typing::Typing;
use crate::audience::typing_news::TypingNews;
use crate::clock::NodeClock;
use crate::health::room::Room;
use crate::levels;
use crate::peers::greeting::Greeter;
use crate::proposer::Proposer;
use crate::raft::membership::MembershipFailure;
use crate::raft::{AppendStream, IncomingSnapshot, RaftHandle, ReadFailure, ReceiveError};

/// How long an answer waits that an entry is stamped ahead of this node's time, which is found out within a second.
const NOT_OF_THIS_TIME_PAUSE: Duration = Duration::from_millis(200);
/// The longest that a node is asked to wait for its devices: what `raftchatctl cluster drain` takes.
const DRAIN_MAX: Duration = Duration::from_hours(1);

/// As many nodes as a cluster has.
const GREETING_MEMBERS_MAX: u32 = 32;
const _: () = assert!(GREETING_MEMBERS_MAX as usize == MEMBERS_MAX);

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
    pub(crate) greeter: Arc<Greeter>,
    /// What each node may have under way here.
    pub(crate) budgets: Arc<PeerBudgets>,
    /// What was refused, told now and then.
    pub(crate) refused: Arc<Damped<(NodeId, &'static str)>>,
}

/// Answers one peer.
pub(crate) struct PeerService {
    services: PeerServices,
    from: NodeId,
    budget: Arc<PeerBudget>,
    appends: RefCell<AppendStream>,
}

impl PeerService {
    pub(crate) fn new(services: PeerServices, from: NodeId) -> Self {
        let appends = RefCell::new(services.raft.append_stream(from));
        let budget = services.budgets.of(from);
        Self { services, from, budget, appends }
    }

    /// What is told of a call that was not done. The log hears of it now and then: what a node that keeps to the rules never
    /// asks is worth a warning.
    fn refused(&self, call: &'static str) -> impl Fn(ReceiveError) -> capnp::Error + use<'_> {
        move |error| {
            if matches!(error, ReceiveError::Absurd(_) | ReceiveError::Malformed(_)) {
                self.warn(call, &error);
            }
            capnp::Error::failed(error.to_string())
        }
    }

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

    fn may_change(&self, call: &'static str) -> Result<(), capnp::Error> {
        if self.budget.change(Instant::now()) { Ok(()) } else { Err(self.too_much(call)) }
    }

    fn too_much(&self, call: &'static str) -> capnp::Error {
        self.refuse(call, "the node asks for more at once than one that keeps to the rules does")
    }

    fn refuse(&self, call: &'static str, reason: &str) -> capnp::Error {
        self.warn(call, &reason);
        capnp::Error::failed(reason.to_owned())
    }

    fn warn(&self, call: &'static str, reason: &dyn std::fmt::Display) {
        if let Some(left_out) = self.services.refused.tell((self.from, call), Instant::now()) {
            tracing::warn!(from = %self.from, call, %reason, left_out, "a node's call was refused");
        }
    }

    /// Commands that another node hands on: no more of them than a batch has, and all readable. What no node can read must not
    /// get into the log: there it would stop all of them.
    fn proposals(&self, params: &peer::propose_params::Reader<'_>) -> Result<Vec<Proposal>, capnp::Error> {
        let list = params.get_proposals()?;
        if usize::try_from(list.len()).is_ok_and(|count| count > BATCH_COMMANDS_MAX) {
            return Err(self.refuse("propose", "a batch has fewer commands"));
        }
        let mut proposals = wire::read_proposals(list).map_err(malformed)?;
        let bytes: usize = proposals.iter().map(|proposal| proposal.command.len()).sum();
        if bytes > BATCH_BYTES_MAX + 2 * PAYLOAD_BYTES_MAX {
            return Err(self.refuse("propose", "a batch has fewer bytes"));
        }
        for proposal in &mut proposals {
            if let Err(error) = wire::decode_command(&proposal.command) {
                return Err(self.refuse("propose", &error.to_string()));
            }
            // The outcome goes to who proposes, whatever it says.
            proposal.node = self.from;
        }
        Ok(proposals)
    }
}

impl peer::Server for PeerService {
    async fn append(
        self: Rc<Self>,
        params: peer::AppendParams,
        mut results: peer::AppendResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_append_request(params.get()?.get_request()?).map_err(malformed)?;
        self.must_be_of_this_time(&request).await?;
        // Submitted before anything is waited for: in the order of arrival.
        let answer = self.appends.borrow_mut().submit(request);
        wire::write_append_response(results.get().init_response(), &answer.await.map_err(self.refused("append"))?);
        Ok(())
    }

    async fn heartbeat(
        self: Rc<Self>,
        params: peer::HeartbeatParams,
        mut results: peer::HeartbeatResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_append_request(params.get()?.get_request()?).map_err(malformed)?;
        if !request.entries.is_empty() {
            return Err(self.refuse("heartbeat", "a heartbeat has no entries"));
        }
        let response = self.services.raft.heartbeat(self.from, request).await.map_err(self.refused("heartbeat"))?;
        wire::write_append_response(results.get().init_response(), &response);
        Ok(())
    }

    async fn vote(
        self: Rc<Self>,
        params: peer::VoteParams,
        mut results: peer::VoteResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_vote_request(params.get()?.get_request()?).map_err(malformed)?;
        let response = self.services.raft.vote(self.from, request).await.map_err(self.refused("vote"))?;
        wire::write_vote_response(results.get().init_response(), &response);
        Ok(())
    }

    async fn pre_vote(
        self: Rc<Self>,
        params: peer::PreVoteParams,
        mut results: peer::PreVoteResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_vote_request(params.get()?.get_request()?).map_err(malformed)?;
        let response = self.services.raft.pre_vote(self.from, request).await.map_err(self.refused("preVote"))?;
        wire::write_vote_response(results.get().init_response(), &response);
        Ok(())
    }

    async fn snapshot(
        self: Rc<Self>,
        params: peer::SnapshotParams,
        mut results: peer::SnapshotResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_snapshot_request(params.get()?).map_err(malformed)?;
        let place = self.budget.snapshot().ok_or_else(|| self.too_much("snapshot"))?;
        let (id, bytes) = (request.id.clone(), request.length);
        let incoming = self.services.raft.receive_snapshot(self.from, request).await;
        let incoming = incoming.map_err(self.refused("snapshot"))?;
        tracing::info!(from = %self.from, %id, bytes, have = incoming.have(), "a snapshot comes in");
        let mut results = results.get();
        results.set_have_bytes(incoming.have());
        let (services, from) = (self.services.clone(), self.from);
        let transfer = Incoming { snapshot: incoming, refused: services.refused, from, _place: place };
        results.set_transfer(capnp_rpc::new_client(transfer));
        Ok(())
    }

    async fn transfer_leadership(
        self: Rc<Self>,
        params: peer::TransferLeadershipParams,
        _results: peer::TransferLeadershipResults,
    ) -> Result<(), capnp::Error> {
        let request = wire::read_transfer_request(params.get()?).map_err(malformed)?;
        self.services.raft.transfer_leadership(self.from, request).await.map_err(self.refused("transferLeadership"))
    }

    async fn propose(
        self: Rc<Self>,
        params: peer::ProposeParams,
        mut results: peer::ProposeResults,
    ) -> Result<(), capnp::Error> {
        let Some(place) = self.budget.batch() else {
            self.warn("propose", &"more batches at once than a node has under way");
            wire::write_propose_reply(results.get(), ProposeReply::NotLeader { leader: None });
            return Ok(());
        };
        let params = params.get()?;
        let rows = usize::try_from(params.get_rows()).unwrap_or(usize::MAX);
        let proposals = self.proposals(&params)?;
        let reply = self.services.proposer.propose_for_peer(proposals, rows, place).await;
        wire::write_propose_reply(results.get(), reply);
        Ok(())
    }

    async fn read_index(
        self: Rc<Self>,
        _params: peer::ReadIndexParams,
        mut results: peer::ReadIndexResults,
    ) -> Result<(), capnp::Error> {
        let _place = self.budget.read_index().ok_or_else(|| self.too_much("readIndex"))?;
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
        // What is left out is made good by the next word that tells everything.
        if !self.budget.presence(Instant::now()) {
            return Ok(());
        }
        let update = params.get()?.get_update()?;
        if update.get_online()?.len().saturating_add(update.get_offline()?.len()) > PRESENCE_USERS_MAX {
            return Err(self.refuse("presence", "more users than a node serves"));
        }
        let update = wire::read_presence_update(update).map_err(malformed)?;
        self.services.presence.heard(self.from, update, Instant::now());
        Ok(())
    }

    async fn typing(
        self: Rc<Self>,
        params: peer::TypingParams,
        _results: peer::TypingResults,
    ) -> Result<(), capnp::Error> {
        if !self.budget.typing(Instant::now()) {
            return Ok(());
        }
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

    async fn greet(
        self: Rc<Self>,
        params: peer::GreetParams,
        mut results: peer::GreetResults,
    ) -> Result<(), capnp::Error> {
        let greeting = params.get()?.get_greeting()?;
        if greeting.get_members()?.len() > GREETING_MEMBERS_MAX {
            return Err(self.refuse("greet", "more nodes than a cluster has"));
        }
        let greeting = wire::read_greeting(greeting).map_err(malformed)?;
        wire::write_welcome(results.get(), &self.services.greeter.welcome(self.from, &greeting));
        Ok(())
    }

    async fn drain(
        self: Rc<Self>,
        params: peer::DrainParams,
        _results: peer::DrainResults,
    ) -> Result<(), capnp::Error> {
        if self.from != self.services.raft.stores().identity.node {
            return Err(self.refuse("drain", "a node is drained in its own name only: no other may end it"));
        }
        let within = Duration::from_millis(params.get()?.get_deadline_ms().into()).min(DRAIN_MAX);
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
        self.may_change("addMember")?;
        let outcome = self.services.raft.add_for(self.from, node, member).await;
        wire::write_membership_reply(results.get().init_change(), MembershipFailure::reply(&outcome));
        Ok(())
    }

    async fn promote(
        self: Rc<Self>,
        params: peer::PromoteParams,
        mut results: peer::PromoteResults,
    ) -> Result<(), capnp::Error> {
        self.may_change("promote")?;
        let outcome = self.services.raft.promote_for(self.from, NodeId(params.get()?.get_node())).await;
        wire::write_membership_reply(results.get().init_change(), MembershipFailure::reply(&outcome));
        Ok(())
    }

    async fn remove_member(
        self: Rc<Self>,
        params: peer::RemoveMemberParams,
        mut results: peer::RemoveMemberResults,
    ) -> Result<(), capnp::Error> {
        self.may_change("removeMember")?;
        let outcome = self.services.raft.remove_for(self.from, NodeId(params.get()?.get_node())).await;
        wire::write_membership_reply(results.get().init_change(), MembershipFailure::reply(&outcome));
        Ok(())
    }

    async fn finalize(
        self: Rc<Self>,
        params: peer::FinalizeParams,
        mut results: peer::FinalizeResults,
    ) -> Result<(), capnp::Error> {
        self.may_change("finalize")?;
        let (services, wanted) = (&self.services, Level(params.get()?.get_level()));
        let reply = levels::raise(services.greeter.levels(), &services.raft, &services.proposer, wanted).await;
        wire::write_membership_reply(results.get().init_change(), reply);
        Ok(())
    }
}

/// A snapshot on its way in.
struct Incoming {
    snapshot: IncomingSnapshot,
    from: NodeId,
    refused: Arc<Damped<(NodeId, &'static str)>>,
    _place: Place,
}

impl Incoming {
    /// Both sides are told why: who sends by the answer, who runs this node by its log.
    fn failed(&self) -> impl Fn(ReceiveError) -> capnp::Error + use<'_> {
        |error| {
            if let Some(left_out) = self.refused.tell((self.from, "snapshot transfer"), Instant::now()) {
                tracing::warn!(from = %self.from, %error, left_out, "a snapshot that comes in cannot be taken over");
            }
            capnp::Error::failed(error.to_string())
        }
    }
}

impl snapshot_transfer::Server for Incoming {
    async fn block(
        self: Rc<Self>,
        params: snapshot_transfer::BlockParams,
        _results: snapshot_transfer::BlockResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let bytes = params.get_bytes()?;
        if bytes.is_empty() || bytes.len() > SNAPSHOT_BLOCK_BYTES_MAX {
            return Err(capnp::Error::failed(format!("a block has from 1 to {SNAPSHOT_BLOCK_BYTES_MAX} bytes")));
        }
        self.snapshot.block(params.get_offset(), Bytes::copy_from_slice(bytes)).await.map_err(self.failed())
    }

    async fn finish(
        self: Rc<Self>,
        _params: snapshot_transfer::FinishParams,
        mut results: snapshot_transfer::FinishResults,
    ) -> Result<(), capnp::Error> {
        let vote = self.snapshot.finish().await.map_err(self.failed())?;
        wire::write_vote(results.get().init_vote(), &vote);
        Ok(())
    }
}
