//! When somebody was last seen, at most once a minute a user. Knows nothing of who is shown it.

use std::sync::Arc;
use std::time::Duration;

use raftchat_schema::command::Command;
use raftchat_schema::id::UserId;
use raftchat_schema::limits::{LAST_SEEN_INTERVAL_MS, NOTED_AT_ONCE_MAX, NOTED_ROWS};
use raftchat_schema::view::UserView;
use raftchat_state::user;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::interval;

use super::NOTE_LIMIT;
use crate::audience::presence::Presence;
use crate::clock::NodeClock;
use crate::proposer::Proposer;
use crate::raft::RaftHandle;

/// Notes who is seen on this node, for as long as it runs.
pub(crate) async fn note_last_seen(
    presence: Arc<Presence>,
    proposer: Proposer,
    raft: RaftHandle,
    clock: Arc<NodeClock>,
) {
    let mut news = presence.news();
    let mut minute = interval(Duration::from_millis(LAST_SEEN_INTERVAL_MS));
    loop {
        let seen = tokio::select! {
            _ = minute.tick() => presence.users_here(),
            heard = news.recv() => match heard {
                Ok(news) if !news.online => vec![news.user],
                Ok(_) | Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
        };
        for some in due(&raft, &clock, seen).chunks(NOTED_AT_ONCE_MAX) {
            let rows = some.len().saturating_mul(NOTED_ROWS);
            if let Err(error) = proposer.propose(&Command::NoteLastSeen(some.to_vec()), rows, NOTE_LIMIT).await {
                tracing::debug!(%error, "who was seen is not noted");
            }
        }
    }
}

/// Those for whom the log would take a note: the rest would only cost an entry.
fn due(raft: &RaftHandle, clock: &NodeClock, users: Vec<UserId>) -> Vec<UserId> {
    let view = raft.stores().state.view();
    let now_ms = clock.time().0;
    let ago_ms = |user: UserView| user.last_seen.map_or(u64::MAX, |seen| now_ms.saturating_sub(seen.0));
    let due = |id: &UserId| {
        let found = user(&view, *id).ok().flatten().filter(|user| !user.deleted && !user.presence_hidden);
        found.map(ago_ms).is_some_and(|ago_ms| ago_ms >= LAST_SEEN_INTERVAL_MS)
    };
    users.into_iter().filter(due).collect()
}
