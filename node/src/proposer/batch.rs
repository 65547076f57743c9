//! What goes into one log entry. Knows nothing of where it goes.

use raftchat_schema::command::Proposal;
use raftchat_schema::limits::{BATCH_BYTES_MAX, BATCH_COMMANDS_MAX};
use raftchat_schema::peer::ProposeReply;
use tokio::sync::{mpsc, oneshot};

/// Something to be stored.
#[derive(Debug)]
pub(crate) enum Job {
    /// Of this node.
    Own(Proposal),
    /// Of another node, which takes this one for the leader.
    Forwarded { proposals: Vec<Proposal>, answer: oneshot::Sender<ProposeReply> },
}

/// What is stored together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) own: Vec<Proposal>,
    pub(crate) forwarded: Vec<Proposal>,
    answers: Vec<oneshot::Sender<ProposeReply>>,
}

impl Batch {
    /// The first job and what else is there already, up to the limits of one entry.
    pub(crate) fn gather(first: Job, queue: &mut mpsc::Receiver<Job>) -> Self {
        let mut batch = Self::default();
        let mut bytes = batch.add(first);
        while bytes < BATCH_BYTES_MAX && batch.own.len() + batch.forwarded.len() < BATCH_COMMANDS_MAX {
            let Ok(job) = queue.try_recv() else { break };
            bytes = bytes.saturating_add(batch.add(job));
        }
        batch
    }

    fn add(&mut self, job: Job) -> usize {
        match job {
            Job::Own(proposal) => {
                let bytes = proposal.command.len();
                self.own.push(proposal);
                bytes
            }
            Job::Forwarded { proposals, answer } => {
                let bytes = proposals.iter().map(|proposal| proposal.command.len()).sum();
                self.forwarded.extend(proposals);
                self.answers.push(answer);
                bytes
            }
        }
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
        for answer in self.answers.drain(..) {
            // The peer may have given up.
            let _heard = answer.send(reply);
        }
    }
}
