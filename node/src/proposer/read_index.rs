//! Reads that see all that was acknowledged before them, on any node: one question to the leader at a time, shared by all
//! who ask meanwhile (Raft thesis, section 6.4). Never rests on a lease.

use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::peer::ReadIndexReply;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use crate::peers::links::PeerLinks;
use crate::proposer::asking;
use crate::raft::{RaftHandle, ReadFailure, Role};

/// How long the leader may take for one answer.
const ASK_LIMIT: Duration = Duration::from_secs(1);
/// A round that has no index by then is given up: those who wait are told.
const ROUND_LIMIT: Duration = Duration::from_secs(3);

type Asked = oneshot::Sender<bool>;

/// Makes reads linearizable. Clones are the same one.
#[derive(Clone, Debug)]
pub struct ReadIndex {
    asked: mpsc::UnboundedSender<Asked>,
}

impl ReadIndex {
    /// Starts the task that asks. It ends when nobody can ask any more.
    pub(crate) fn start(raft: RaftHandle, peers: Arc<PeerLinks>) -> Self {
        let (asked, queue) = mpsc::unbounded_channel();
        tokio::spawn(run(raft, peers, queue));
        Self { asked }
    }

    /// Returns when everything that was acknowledged before the call is applied here: true; or when no majority could
    /// confirm that in time: false.
    pub async fn confirm(&self, limit: Duration) -> bool {
        let (answer, confirmed) = oneshot::channel();
        if self.asked.send(answer).is_err() {
            return false;
        }
        matches!(timeout(limit, confirmed).await, Ok(Ok(true)))
    }
}

async fn run(raft: RaftHandle, peers: Arc<PeerLinks>, mut queue: mpsc::UnboundedReceiver<Asked>) {
    while let Some(first) = queue.recv().await {
        // Only who asked before the round began may share its index.
        let mut round = vec![first];
        while let Ok(asked) = queue.try_recv() {
            round.push(asked);
        }
        let deadline = Instant::now() + ROUND_LIMIT;
        let confirmed = match timeout_at(deadline, index(&raft, &peers)).await {
            Ok(Some(index)) => matches!(timeout_at(deadline, raft.wait_applied(index)).await, Ok(Ok(()))),
            _ => false,
        };
        for asked in round {
            // Whoever asked may have given up.
            let _heard = asked.send(confirmed);
        }
    }
}

/// The leader's read index, whoever leads; none when the node is stopping.
async fn index(raft: &RaftHandle, peers: &PeerLinks) -> Option<u64> {
    let (mut leadership, mut pause) = (raft.watch_leadership(), asking::PAUSE);
    loop {
        let known = *leadership.borrow_and_update();
        let found = match known.leader {
            _ if known.role == Role::Leader => match raft.read_index().await {
                Ok(index) => Some(index),
                Err(ReadFailure::Fatal(_)) => return None,
                Err(ReadFailure::NotLeader { .. } | ReadFailure::Retry) => None,
            },
            Some(leader) => match raft.while_leads(leader, peers.read_index(leader, ASK_LIMIT)).await {
                Some(Ok(ReadIndexReply::Index(index))) => Some(index),
                _ => None,
            },
            None => None,
        };
        if found.is_some() {
            return found;
        }
        // Whether the time is over or another leads: the next attempt looks anew.
        asking::wait(&mut pause, &mut leadership).await;
    }
}
