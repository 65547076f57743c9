//! Has the leader erase what is to be erased, piece by piece, so that no entry is long. Knows nothing of what that is.

use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::command::Command;
use raftchat_schema::limits::{ERASE_STEP_ROWS, GROUP_MEMBERS_MAX};
use raftchat_schema::pause::Pause;
use raftchat_state::erasure_pending;
use raftchat_transport::lot;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::NOTE_LIMIT;
use crate::proposer::Proposer;
use crate::raft::{RaftHandle, Role};

/// The pause between two pieces: what people do goes first.
const PAUSE: Duration = Duration::from_millis(20);
/// The pauses after pieces that could not be erased.
const FAILED: Pause = Pause::between(Duration::from_millis(250), Duration::from_secs(30));
/// What a piece may cost: one message more than fits may be among it, and each member may have it unread.
const ERASE_ROWS: usize = ERASE_STEP_ROWS + GROUP_MEMBERS_MAX;
/// How often it is looked without having been told to: whoever led before may have left something.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Tells that there may be something to erase.
#[derive(Debug, Default)]
pub(crate) struct Erasures(Notify);

impl Erasures {
    /// An account or a group may have gone.
    pub(crate) fn may_be_pending(&self) {
        self.0.notify_one();
    }
}

/// Has it done while this node leads, for as long as it runs.
pub(crate) async fn erase(erasures: Arc<Erasures>, proposer: Proposer, raft: RaftHandle) {
    let (leadership, mut failed) = (raft.watch_leadership(), FAILED);
    loop {
        let leads = leadership.borrow().role == Role::Leader;
        let pending = leads && erasure_pending(&raft.stores().state.view()).unwrap_or(false);
        if !pending {
            let _elapsed = timeout(LOOK_INTERVAL, erasures.0.notified()).await;
            continue;
        }
        let pause = match proposer.propose(&Command::Erase, ERASE_ROWS, NOTE_LIMIT).await {
            Ok(_erased) => {
                failed.reset();
                PAUSE
            }
            Err(error) => {
                tracing::debug!(%error, "the next piece is not erased yet");
                failed.grow(lot())
            }
        };
        tokio::time::sleep(pause).await;
    }
}
