//! Turns commands into log entries: all that arrives while the last entries are under way becomes one entry, without a
//! timer, so that a lone command waits for nobody and a crowd shares one sync. Never knows what a command means.

mod batch;
mod runner;

use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::command::{Command, Outcome, Proposal};
use raftchat_schema::id::NodeId;
use raftchat_schema::limits::PROPOSALS_WAITING_MAX;
use raftchat_schema::peer::ProposeReply;
use raftchat_schema::wire;
use tokio::sync::{mpsc, oneshot};

use crate::clock::NodeClock;
use crate::peers::PeerLinks;
use crate::raft::RaftHandle;
use crate::waiting::Waiting;
use batch::Job;
use runner::Runner;

/// Why a command has no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsettled {
    /// More commands wait than this node takes on. Nothing was stored.
    #[error("more is waiting than this node takes on: try again in a moment")]
    Busy,
    /// No majority was found in time. Nothing was stored.
    #[error("no majority of the nodes was found in time: nothing was stored")]
    NoLeader,
    /// No answer came in time. It may have been stored: repeat the same command.
    #[error("no answer in time: whether it was stored is not known, repeat it")]
    Unknown,
}

/// Takes commands. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Proposer {
    node: NodeId,
    waiting: Arc<Waiting>,
    jobs: mpsc::Sender<Job>,
}

impl Proposer {
    /// Starts the task that packs commands. It ends when nobody can propose any more.
    pub(crate) fn start(raft: RaftHandle, peers: Arc<PeerLinks>, waiting: Arc<Waiting>, clock: Arc<NodeClock>) -> Self {
        let node = raft.stores().identity.node;
        let (jobs, queue) = mpsc::channel(PROPOSALS_WAITING_MAX);
        let runner = Arc::new(Runner::new(raft, peers, waiting.clone(), clock));
        tokio::spawn(runner.run(queue));
        Self { node, waiting, jobs }
    }

    /// Has a command committed and applied on this node, and gives its outcome.
    pub async fn propose(&self, command: &Command, limit: Duration) -> Result<Outcome, Unsettled> {
        let mut ticket = self.waiting.join(limit);
        let proposal = Proposal { node: self.node, number: ticket.number(), command: wire::encode_command(command) };
        if self.jobs.try_send(Job::Own(proposal)).is_err() {
            return Err(Unsettled::Busy);
        }
        match tokio::time::timeout(limit, ticket.outcome()).await {
            Ok(Some(outcome)) => Ok(outcome),
            _ if ticket.may_be_stored() => Err(Unsettled::Unknown),
            _ => Err(Unsettled::NoLeader),
        }
    }

    /// Takes in what another node hands to this one as the leader; answered when it is committed.
    pub(crate) async fn propose_for_peer(&self, proposals: Vec<Proposal>) -> ProposeReply {
        let (answer, reply) = oneshot::channel();
        if self.jobs.try_send(Job::Forwarded { proposals, answer }).is_err() {
            return ProposeReply::Failed;
        }
        reply.await.unwrap_or(ProposeReply::Failed)
    }
}
