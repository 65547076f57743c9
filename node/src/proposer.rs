//! Turns commands into log entries: all that arrives while the last entries are under way becomes one entry, without a
//! timer, so that a lone command waits for nobody and a crowd shares one sync. Never knows what a command means.

pub(crate) mod asking;
mod batch;
pub(crate) mod reaching;
pub mod read_index;
mod runner;
pub(crate) mod waiting;

use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::command::{Command, Outcome, Proposal};
use raftchat_schema::id::NodeId;
use raftchat_schema::limits::{HEAVY_WAITING_MAX, PROPOSALS_WAITING_MAX};
use raftchat_schema::peer::ProposeReply;
use raftchat_schema::wire;
use raftchat_transport::counters;
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;

use crate::clock::NodeClock;
use crate::health::freshness::Freshness;
use crate::health::meters::Meters;
use crate::peers::budget::Place;
use crate::peers::links::PeerLinks;
use crate::proposer::waiting::{Ticket, Waiting};
use crate::raft::RaftHandle;
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

counters! {
    /// What the proposer has done.
    pub(crate) struct ProposerCounters of "proposer" {
        /// Commands that were handed in on this node.
        commands,
        /// Commands that were turned away because too many waited.
        turned_away,
        /// Commands of this node that have their outcome.
        settled,
        /// Commands of this node of which nobody knows whether they were stored.
        unknown,
        /// Batches that were packed, of one command or many.
        batches,
        /// Batches that became an entry of this node's log, as it led.
        led,
        /// Batches that were handed to the node that leads.
        handed_on,
    }
}

/// Takes commands. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Proposer {
    node: NodeId,
    waiting: Arc<Waiting>,
    light: mpsc::Sender<Job>,
    /// Commands of many rows: they never stand before those of everybody else.
    heavy: mpsc::Sender<Job>,
    freshness: Arc<Freshness>,
    counters: Arc<ProposerCounters>,
}

/// What was handed to a leader is waited for so long by a node that has lost the majority meanwhile: where all have too much to
/// do, who is told sooner only asks once more.
const HANDED_ON_GRACE: Duration = Duration::from_secs(1);

impl Proposer {
    /// Starts the task that packs commands. It ends when nobody can propose any more.
    pub(crate) fn start(
        raft: RaftHandle,
        peers: Arc<PeerLinks>,
        waiting: Arc<Waiting>,
        clock: Arc<NodeClock>,
        freshness: Arc<Freshness>,
        meters: &Meters,
    ) -> Self {
        let node = raft.stores().identity.node;
        let (light, light_queue) = mpsc::channel(PROPOSALS_WAITING_MAX);
        let (heavy, heavy_queue) = mpsc::channel(HEAVY_WAITING_MAX);
        let counters: Arc<ProposerCounters> = Arc::default();
        let counted = (meters.batch_rows.clone(), counters.clone());
        let runner = Arc::new(Runner::new(raft, peers, waiting.clone(), clock, counted));
        tokio::spawn(runner.clone().run(Queue::new(light_queue), BATCHES_IN_FLIGHT));
        tokio::spawn(runner.run(Queue::new(heavy_queue), HEAVY_BATCHES_IN_FLIGHT));
        Self { node, waiting, light, heavy, freshness, counters }
    }

    fn take(&self, job: Job) -> bool {
        let queue = if job.is_heavy() { &self.heavy } else { &self.light };
        queue.try_send(job).is_ok()
    }

    /// Has a command that writes about so many rows committed and applied on this node, and gives its outcome. Who asks a node
    /// that has no majority is told so in a moment: another may have one.
    pub async fn propose(&self, command: &Command, rows: usize, limit: Duration) -> Result<Outcome, Unsettled> {
        let ticket = self.waiting.join(limit);
        let span = tracing::debug_span!("proposal", node = %self.node, number = ticket.number());
        self.settle(ticket, command, rows, limit).instrument(span).await
    }

    async fn settle(
        &self,
        mut ticket: Ticket,
        command: &Command,
        rows: usize,
        limit: Duration,
    ) -> Result<Outcome, Unsettled> {
        self.counters.commands.add(1);
        let proposal = Proposal { node: self.node, number: ticket.number(), command: wire::encode_command(command) };
        if !self.take(Job::Own { proposal, rows }) {
            self.counters.turned_away.add(1);
            return Err(Unsettled::Busy);
        }
        tracing::debug!(rows, "proposed");
        let given_up = self.majority_is_lost(ticket.number());
        let outcome = tokio::select! {
            outcome = ticket.outcome() => outcome,
            () = tokio::time::sleep(limit) => None,
            () = given_up => None,
        };
        match outcome {
            Some(outcome) => {
                self.counters.settled.add(1);
                tracing::debug!(refused = outcome.is_err(), "settled");
                Ok(outcome)
            }
            None if ticket.may_be_stored() => {
                self.counters.unknown.add(1);
                tracing::debug!("nobody knows whether it was stored");
                Err(Unsettled::Unknown)
            }
            None => Err(Unsettled::NoLeader),
        }
    }

    async fn majority_is_lost(&self, number: u64) {
        let begun = tokio::time::Instant::now();
        self.freshness.lost().await;
        while self.waiting.may_be_stored(number) && begun.elapsed() < HANDED_ON_GRACE {
            tokio::time::sleep_until(begun + HANDED_ON_GRACE).await;
            self.freshness.lost().await;
        }
    }

    /// What was done so far.
    pub(crate) fn counters(&self) -> Arc<ProposerCounters> {
        self.counters.clone()
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
