//! Tells the other nodes who is online here, for as long as the node runs. Never knows what they make of it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use raftchat_schema::id::NodeId;
use tokio::time::Instant;

use crate::audience::presence::{Presence, SAY_INTERVAL};
use crate::peers::links::PeerLinks;
use crate::peers::members::Members;

/// How long a peer may take to hear of it: the next word follows soon.
const TELL_LIMIT: Duration = Duration::from_millis(500);
/// How often everything is said, so that what was lost is made good.
const EVERYTHING_INTERVAL: Duration = Duration::from_secs(1);

/// Keeps the peers informed: of what changes at once, and often enough that what was said before stays good.
pub(crate) async fn announce_presence(
    own: NodeId,
    presence: Arc<Presence>,
    links: Arc<PeerLinks>,
    members: Arc<Members>,
) {
    let mut everything_due = Instant::now();
    loop {
        let begun = Instant::now();
        let update = if begun >= everything_due {
            everything_due = begun + EVERYTHING_INTERVAL;
            presence.full_update()
        } else {
            presence.update()
        };
        let now = members.now();
        let peers = now.membership.members.iter().filter(|(node, _)| *node != own && links.is_up(*node));
        // Who does not hear it hears the next.
        let _told = join_all(peers.map(|(node, _)| links.tell_presence(*node, update.clone(), TELL_LIMIT))).await;
        let _elapsed = tokio::time::timeout_at(begun + SAY_INTERVAL, presence.changed_here()).await;
    }
}
