//! Tells the other nodes who is online here, and the log, at most once a minute a user, when somebody was last seen.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use raftchat_schema::command::Command;
use raftchat_schema::id::{NodeId, UserId};
use raftchat_schema::limits::LAST_SEEN_INTERVAL_MS;
use raftchat_state::user;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, interval};

use crate::members::Members;
use crate::peers::PeerLinks;
use crate::presence::{ANNOUNCE_INTERVAL, Presence};
use crate::proposer::Proposer;
use crate::raft::RaftHandle;

/// How long a peer may take to hear of it: the next word follows soon.
const TELL_LIMIT: Duration = Duration::from_millis(500);
/// How long a note in the log may take; the next one does as well.
const NOTE_LIMIT: Duration = Duration::from_secs(5);

/// Keeps the peers informed for as long as the node runs.
pub(crate) async fn announce_presence(
    own: NodeId,
    presence: Arc<Presence>,
    links: Arc<PeerLinks>,
    members: Arc<Members>,
) {
    let mut due = Instant::now();
    loop {
        let update = if Instant::now() >= due {
            due = Instant::now() + ANNOUNCE_INTERVAL;
            presence.full_update()
        } else {
            presence.update()
        };
        let now = members.now();
        let peers = now.membership.members.iter().filter(|(node, _)| *node != own && links.is_up(*node));
        // Who does not hear it hears the next.
        let _told = join_all(peers.map(|(node, _)| links.tell_presence(*node, update.clone(), TELL_LIMIT))).await;
        presence.expire(|node| links.is_up(node));
        // Until something changes, or the time for everything has come.
        let _elapsed = tokio::time::timeout_at(due, presence.changed_here()).await;
    }
}

/// Notes in the log who is seen on this node, for as long as it runs.
pub(crate) async fn note_last_seen(presence: Arc<Presence>, proposer: Proposer, raft: RaftHandle) {
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
        let due = due(&raft, seen);
        if !due.is_empty()
            && let Err(error) = proposer.propose(&Command::NoteLastSeen(due), NOTE_LIMIT).await
        {
            tracing::debug!(%error, "who was seen is not noted");
        }
    }
}

/// Those for whom the log would take a note: the rest would only cost an entry.
fn due(raft: &RaftHandle, users: Vec<UserId>) -> Vec<UserId> {
    let view = raft.stores().state.view();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let due = |id: &UserId| {
        let found = user(&view, *id).ok().flatten().filter(|user| !user.deleted);
        let ago_ms = |user: raftchat_schema::view::UserView| {
            user.last_seen.map_or(u64::MAX, |seen| now_ms.saturating_sub(seen.0))
        };
        found.map(ago_ms).is_some_and(|ago_ms| ago_ms >= LAST_SEEN_INTERVAL_MS)
    };
    users.into_iter().filter(due).collect()
}
