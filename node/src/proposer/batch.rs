//! What goes into one log entry. Knows nothing of where it goes.

use raftchat_schema::command::Proposal;
use raftchat_schema::limits::{BATCH_BYTES_MAX, BATCH_COMMANDS_MAX, BATCH_ROWS_MAX, HEAVY_ROWS_MIN};
use raftchat_schema::peer::ProposeReply;
use tokio::sync::{mpsc, oneshot};

use crate::peers::budget::Place;

/// Something to be stored.
#[derive(Debug)]
pub(crate) enum Job {
    /// Of this node, with about how many rows it writes.
    Own { proposal: Proposal, rows: usize },
    /// Of another node, which takes this one for the leader; with its word for the rows.
    Forwarded { proposals: Vec<Proposal>, rows: usize, answer: oneshot::Sender<ProposeReply>, place: Place },
}

impl Job {
    /// Whether it is one of those that must not stand before what everybody else does.
    pub(crate) fn is_heavy(&self) -> bool {
        match self {
            Self::Own { rows, .. } => *rows >= HEAVY_ROWS_MIN,
            // A node packs heavy ones apart: each such batch has one at least.
            Self::Forwarded { proposals, rows, .. } => *rows >= HEAVY_ROWS_MIN.saturating_mul(proposals.len().max(1)),
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::Own { proposal, rows } => Size { commands: 1, bytes: proposal.command.len(), rows: *rows },
            Self::Forwarded { proposals, rows, .. } => Size {
                commands: proposals.len(),
                bytes: proposals.iter().map(|proposal| proposal.command.len()).sum(),
                rows: *rows,
            },
        }
    }
}

/// How much is in a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    commands: usize,
    bytes: usize,
    rows: usize,
}

impl Size {
    fn with(self, more: Self) -> Self {
        Self {
            commands: self.commands.saturating_add(more.commands),
            bytes: self.bytes.saturating_add(more.bytes),
            rows: self.rows.saturating_add(more.rows),
        }
    }

    fn has_room(self) -> bool {
        self.commands < BATCH_COMMANDS_MAX && self.bytes < BATCH_BYTES_MAX && self.rows < BATCH_ROWS_MAX
    }
}

/// Jobs in the order in which they came, with the one that did not fit the last batch in front.
#[derive(Debug)]
pub(super) struct Queue {
    jobs: mpsc::Receiver<Job>,
    held: Option<Job>,
}

impl Queue {
    pub(super) fn new(jobs: mpsc::Receiver<Job>) -> Self {
        Self { jobs, held: None }
    }

    /// The next job and what else is there already, up to the limits of one entry. None: there will be no more.
    pub(super) async fn next_batch(&mut self) -> Option<Batch> {
        let first = match self.held.take() {
            Some(held) => held,
            None => self.jobs.recv().await?,
        };
        let mut batch = Batch::default();
        batch.add(first);
        while batch.size.has_room() {
            let Ok(job) = self.jobs.try_recv() else { break };
            // Rows are what holds up others: what would be too many waits for the next entry.
            if batch.size.with(job.size()).rows > BATCH_ROWS_MAX {
                self.held = Some(job);
                break;
            }
            batch.add(job);
        }
        Some(batch)
    }
}

/// What is stored together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) own: Vec<Proposal>,
    pub(crate) forwarded: Vec<Proposal>,
    /// About how many rows this node's own write.
    pub(crate) own_rows: usize,
    size: Size,
    /// The place of each is kept until it is answered: who gives its call up does not so get another.
    answers: Vec<(oneshot::Sender<ProposeReply>, Place)>,
}

impl Batch {
    fn add(&mut self, job: Job) {
        self.size = self.size.with(job.size());
        match job {
            Job::Own { proposal, rows } => {
                self.own_rows = self.own_rows.saturating_add(rows);
                self.own.push(proposal);
            }
            Job::Forwarded { proposals, answer, place, .. } => {
                self.forwarded.extend(proposals);
                self.answers.push((answer, place));
            }
        }
    }

    /// About how many rows all of it writes.
    pub(crate) fn rows(&self) -> usize {
        self.size.rows
    }

    /// Everything in it, this node's own first.
    pub(crate) fn proposals(&self) -> Vec<Proposal> {
        self.own.iter().chain(&self.forwarded).cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.forwarded.is_empty()
    }

    /// Tells the other nodes what came of theirs, and lets go of it: they know best what to do next.
    pub(crate) fn answer_peers(&mut self, reply: ProposeReply) {
        self.forwarded.clear();
        for (answer, _place) in self.answers.drain(..) {
            // The peer may have given up.
            let _heard = answer.send(reply);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use raftchat_schema::id::NodeId;
    use tokio::sync::Semaphore;

    use super::*;

    fn own(rows: usize) -> Job {
        Job::Own { proposal: Proposal { node: NodeId(1), number: 0, command: vec![0; 8] }, rows }
    }

    fn forwarded(commands: usize, rows: usize) -> Job {
        let proposals = vec![Proposal { node: NodeId(2), number: 0, command: vec![0; 8] }; commands];
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Job::Forwarded { proposals, rows, answer: oneshot::channel().0, place }
    }

    async fn batches(jobs: Vec<Job>) -> Vec<usize> {
        let (sender, receiver) = mpsc::channel(64);
        for job in jobs {
            let _room = sender.try_send(job);
        }
        drop(sender);
        let mut queue = Queue::new(receiver);
        let mut sizes = Vec::new();
        while let Some(batch) = queue.next_batch().await {
            sizes.push(batch.rows());
        }
        sizes
    }

    #[tokio::test]
    async fn an_entry_has_no_more_rows_than_hold_up_nobody_and_none_is_lost() {
        assert_eq!(batches(vec![own(12), own(12), own(2012), own(700), own(700), own(700)]).await, [2036, 1400, 700]);
        assert_eq!(batches(vec![own(5000), own(12)]).await, [5000, 12], "what is larger by itself goes by itself");
        assert_eq!(batches(vec![own(12), forwarded(90, 1080), forwarded(90, 1080)]).await, [1092, 1080]);
    }

    #[test]
    fn what_is_heavy_is_told_from_many_that_are_not() {
        assert!(own(2012).is_heavy() && !own(12).is_heavy());
        assert!(forwarded(1, 2012).is_heavy() && forwarded(3, 1500).is_heavy());
        assert!(!forwarded(100, 1200).is_heavy());
    }
}
