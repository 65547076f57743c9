//! From where the sessions on this node are used, so that a person finds among their sessions the one that is not theirs.
//! Knows nothing of what they do.

use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::command::{Command, SessionUse};
use raftchat_schema::limits::{LAST_USED_INTERVAL_MS, NOTED_AT_ONCE_MAX, NOTED_ROWS};
use raftchat_state::{SessionRecord, session};
use tokio::time::{MissedTickBehavior, interval};

use super::NOTE_LIMIT;
use crate::audience::live::LiveSessions;
use crate::clock::NodeClock;
use crate::proposer::Proposer;
use crate::raft::RaftHandle;
use crate::store::StateView;

/// The pause between two notes: what arrives meanwhile shares the next.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is looked whether those that stay were last noted long ago.
const LOOK_INTERVAL: Duration = Duration::from_mins(10);

/// Notes which sessions are used on this node, for as long as it runs.
pub(crate) async fn note_use(live: Arc<LiveSessions>, proposer: Proposer, raft: RaftHandle, clock: Arc<NodeClock>) {
    let is_long_ago = |known: &SessionRecord, _usage: &SessionUse| {
        clock.time().0.saturating_sub(known.last_used.0) >= LAST_USED_INTERVAL_MS
    };
    let mut look = interval(LOOK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = tokio::select! {
            _ = look.tick() => due(&raft.stores().state.view(), live.uses(), is_long_ago),
            // One that is used over several nodes has several addresses: each is told as it comes, not again and again.
            () = live.joined() => {
                let moved = |known: &SessionRecord, usage: &SessionUse| known.address != usage.address;
                let due_now = |known: &SessionRecord, usage: &SessionUse| moved(known, usage) || is_long_ago(known, usage);
                due(&raft.stores().state.view(), live.take_new(), due_now)
            }
        };
        for some in due.chunks(NOTED_AT_ONCE_MAX) {
            let rows = some.len().saturating_mul(NOTED_ROWS);
            if let Err(error) = proposer.propose(&Command::NoteUse(some.to_vec()), rows, NOTE_LIMIT).await {
                tracing::debug!(%error, "which sessions are used is not noted");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn due(
    view: &StateView,
    uses: Vec<SessionUse>,
    is_due: impl Fn(&SessionRecord, &SessionUse) -> bool,
) -> Vec<SessionUse> {
    let known = |usage: &SessionUse| session(view, usage.session).ok().flatten();
    uses.into_iter().filter(|usage| known(usage).is_some_and(|known| is_due(&known, usage))).collect()
}
