//! Turns commands into log entries: all that arrives while the last entries are under way becomes one entry, without a
//! timer, so that a lone command waits for nobody and a crowd shares one sync. Never knows what a command means.

mod batch;
mod runner;

use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::command::{Command, Outcome, Proposal};
use raftchat_schema::id::NodeId;
use raftchat_schema::limits::{HEAVY_WAITING_MAX, PROPOSALS_WAITING_MAX};
use raftchat_schema::peer::ProposeReply;
use raftchat_schema::wire;
use tokio::sync::{mpsc, oneshot};

use crate::clock::NodeClock;
use crate::meters::Meters;
use crate::peers::{PeerLinks, Place};
use crate::raft::RaftHandle;
use crate::waiting::Waiting;
use batch::{Job, Queue};
use runner::{BATCHES_IN_FLIGHT, HEAVY_BATCHES_IN_FLIGHT, Runner};

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
    light: mpsc::Sender<Job>,
    /// Commands of many rows: they never stand before those of everybody else.
    heavy: mpsc::Sender<Job>,
}

impl Proposer {
    /// Starts the task that packs commands. It ends when nobody can propose any more.
    pub(crate) fn start(
        raft: RaftHandle,
        peers: Arc<PeerLinks>,
        waiting: Arc<Waiting>,
        clock: Arc<NodeClock>,
        meters: &Meters,
    ) -> Self {
        let node = raft.stores().identity.node;
        let (light, light_queue) = mpsc::channel(PROPOSALS_WAITING_MAX);
        let (heavy, heavy_queue) = mpsc::channel(HEAVY_WAITING_MAX);
        let runner = Arc::new(Runner::new(raft, peers, waiting.clone(), clock, meters.batch_rows.clone()));
        tokio::spawn(runner.clone().run(Queue::new(light_queue), BATCHES_IN_FLIGHT));
        tokio::spawn(runner.run(Queue::new(heavy_queue), HEAVY_BATCHES_IN_FLIGHT));
        Self { node, waiting, light, heavy }
    }

    fn take(&self, job: Job) -> bool {
        let queue = if job.is_heavy() { &self.heavy } else { &self.light };
        queue.try_send(job).is_ok()
    }

    /// Has a command that writes about so many rows committed and applied on this node, and gives its outcome.
    pub async fn propose(&self, command: &Command, rows: usize, limit: Duration) -> Result<Outcome, Unsettled> {
        let mut ticket = self.waiting.join(limit);
        let proposal = Proposal { node: self.node, number: ticket.number(), command: wire::encode_command(command) };
        if !self.take(Job::Own { proposal, rows }) {
            return Err(Unsettled::Busy);
        }
        match tokio::time::timeout(limit, ticket.outcome()).await {
            Ok(Some(outcome)) => Ok(outcome),
            _ if ticket.may_be_stored() => Err(Unsettled::Unknown),
            _ => Err(Unsettled::NoLeader),
        }
    }

    /// Takes in what another node hands to this one as the leader; answered when it is committed.
    pub(crate) async fn propose_for_peer(&self, proposals: Vec<Proposal>, rows: usize, place: Place) -> ProposeReply {
        let (answer, reply) = oneshot::channel();
        if !self.take(Job::Forwarded { proposals, rows, answer, place }) {
            return ProposeReply::Failed;
        }
        reply.await.unwrap_or(ProposeReply::Failed)
    }
}
