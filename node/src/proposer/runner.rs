//! Brings batches into the log, here or by way of the leader, and tries again until they are in or nobody waits any more.

use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::command::Batch as Entry;
use raftchat_schema::id::NodeId;
use raftchat_schema::peer::ProposeReply;
use raftchat_schema::wire;
use raftchat_transport::Meter;
use tokio::sync::Semaphore;

use super::ProposerCounters;
use super::batch::{Batch, Queue};
use crate::clock::NodeClock;
use crate::peers::links::PeerLinks;
use crate::proposer::asking;
use crate::proposer::waiting::Waiting;
use crate::raft::{PeerCallError, ProposeFailure, RaftHandle, Role};

/// Batches under way at once: while one is synced the next is on its way.
pub(super) const BATCHES_IN_FLIGHT: usize = 2;
/// Heavy ones: between two of them there is room for what everybody else does.
pub(super) const HEAVY_BATCHES_IN_FLIGHT: usize = 1;
/// How long the leader may take for one batch of a follower, at least: slow disks take longer.
const FORWARD_LIMIT: Duration = Duration::from_secs(5);

pub(super) struct Runner {
    raft: RaftHandle,
    peers: Arc<PeerLinks>,
    waiting: Arc<Waiting>,
    clock: Arc<NodeClock>,
    /// The rows of the newest batch, and of the largest.
    rows: Arc<Meter>,
    counters: Arc<ProposerCounters>,
}

enum Attempt {
    /// It is in the log, or nobody here is left to try.
    Over,
    /// It is not, as far as is known.
    Again,
}

impl Runner {
    pub(super) fn new(
        raft: RaftHandle,
        peers: Arc<PeerLinks>,
        waiting: Arc<Waiting>,
        clock: Arc<NodeClock>,
        (rows, counters): (Arc<Meter>, Arc<ProposerCounters>),
    ) -> Self {
        Self { raft, peers, waiting, clock, rows, counters }
    }

    /// Stores what is in the queue, in so many batches at once.
    pub(super) async fn run(self: Arc<Self>, mut queue: Queue, in_flight: usize) {
        let slots = Arc::new(Semaphore::new(in_flight));
        while let Ok(slot) = slots.clone().acquire_owned().await {
            // First the slot, then the jobs: what arrives meanwhile shares the entry.
            let Some(batch) = queue.next_batch().await else { return };
            self.rows.set(u64::try_from(batch.rows()).unwrap_or(u64::MAX));
            self.counters.batches.add(1);
            let runner = self.clone();
            tokio::spawn(async move {
                runner.store(batch).await;
                drop(slot);
            });
        }
    }

    async fn store(&self, mut batch: Batch) {
        let (mut leadership, mut pause) = (self.raft.watch_leadership(), asking::PAUSE);
        loop {
            self.waiting.retain_waited_for(&mut batch.own);
            if batch.is_empty() {
                return;
            }
            let known = *leadership.borrow_and_update();
            let attempt = match known.leader {
                _ if known.role == Role::Leader => self.lead(&mut batch).await,
                Some(leader) => {
                    batch.answer_peers(ProposeReply::NotLeader { leader: Some(leader) });
                    self.forward(leader, &batch).await
                }
                None => {
                    batch.answer_peers(ProposeReply::NotLeader { leader: None });
                    Attempt::Again
                }
            };
            if matches!(attempt, Attempt::Over) {
                return;
            }
            // Whether the time is over or another leads: the next attempt looks anew.
            asking::wait(&mut pause, &mut leadership).await;
        }
    }

    /// This node leads: the batch becomes an entry of its log.
    async fn lead(&self, batch: &mut Batch) -> Attempt {
        // Who has just come to lead hears from the others within a moment.
        let Some(stamp) = self.clock.stamp() else {
            batch.answer_peers(ProposeReply::NotLeader { leader: None });
            return Attempt::Again;
        };
        self.waiting.note_may_be_stored(&batch.own);
        let entry = Entry { stamp, proposals: batch.proposals() };
        match self.raft.propose(wire::encode_batch(&entry).into()).await {
            Ok(()) => {
                self.counters.led.add(1);
                batch.answer_peers(ProposeReply::Done);
                Attempt::Over
            }
            Err(ProposeFailure::NotLeader { leader }) => {
                self.waiting.note_not_stored(&batch.own);
                batch.answer_peers(ProposeReply::NotLeader { leader });
                Attempt::Again
            }
            Err(ProposeFailure::Retry) => {
                self.waiting.note_not_stored(&batch.own);
                batch.answer_peers(ProposeReply::NotLeader { leader: None });
                Attempt::Again
            }
            Err(ProposeFailure::Unknown) => {
                batch.answer_peers(ProposeReply::Failed);
                Attempt::Again
            }
            Err(ProposeFailure::Fatal(reason)) => {
                tracing::debug!(%reason, "a batch is given up");
                batch.answer_peers(ProposeReply::Failed);
                Attempt::Over
            }
        }
    }

    async fn forward(&self, leader: NodeId, batch: &Batch) -> Attempt {
        if batch.own.is_empty() {
            return Attempt::Over;
        }
        self.waiting.note_may_be_stored(&batch.own);
        let asked = self.peers.propose(leader, batch.own.clone(), batch.own_rows, self.raft.patience(FORWARD_LIMIT));
        // A dead leader does not say so: who hears of the next one first need not wait for the link to time out.
        let Some(answer) = self.raft.while_leads(leader, asked).await else { return Attempt::Again };
        match answer {
            Ok(ProposeReply::Done) => {
                self.counters.handed_on.add(1);
                Attempt::Over
            }
            Ok(ProposeReply::NotLeader { .. }) => {
                self.waiting.note_not_stored(&batch.own);
                Attempt::Again
            }
            Ok(ProposeReply::Failed) => Attempt::Again,
            Err(error) => {
                if matches!(error, PeerCallError::NotSent(_)) {
                    self.waiting.note_not_stored(&batch.own);
                }
                tracing::debug!(%leader, %error, "the leader did not take a batch");
                Attempt::Again
            }
        }
    }
}
