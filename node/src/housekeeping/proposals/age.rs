//! That time has passed, where nobody does anything: sessions grow old by the entries of the log. Knows no session.

use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::command::Command;
use raftchat_schema::limits::AGE_NOTE_MS;
use raftchat_state::stamp;
use tokio::time::{MissedTickBehavior, interval};

use super::NOTE_LIMIT;
use crate::clock::NodeClock;
use crate::proposer::Proposer;
use crate::raft::{RaftHandle, Role};

/// How often it is looked when anything was logged.
const LOOK_INTERVAL: Duration = Duration::from_mins(10);

/// Has the leader log an entry where there was none for long, for as long as the node runs.
pub(crate) async fn note_age(proposer: Proposer, raft: RaftHandle, clock: Arc<NodeClock>) {
    let mut look = interval(LOOK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let leads = raft.watch_leadership().borrow().role == Role::Leader;
        let last = stamp(&raft.stores().state.view()).unwrap_or_default();
        // Before the first entry there is no session.
        if !leads || last.0 == 0 || clock.time().0.saturating_sub(last.0) < AGE_NOTE_MS {
            continue;
        }
        if let Err(error) = proposer.propose(&Command::NoteUse(Vec::new()), 0, NOTE_LIMIT).await {
            tracing::debug!(%error, "that time has passed is not noted");
        }
    }
}
