//! Keeps the node's links and its door as the membership has them, and finds out who has joined while this node was away.
//! Never changes the membership.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::Membership;
use raftchat_transport::{Admission as _, CloseCode, Server};
use tokio::time::{MissedTickBehavior, interval};

use crate::members::Members;
use crate::peers::PeerLinks;
use crate::raft::{RaftHandle, Role};

/// A node that has not heard a leader for so long asks whether there is one that it does not let in.
const SILENCE_MS: u64 = 2000;
/// How often it asks.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long a node may take to answer: the next question follows soon.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// Links to all members and to nobody else, and nobody else at the door, for as long as the node runs.
pub(crate) async fn follow_members(members: Arc<Members>, links: Arc<PeerLinks>, door: Arc<Server>) {
    let mut changes = members.watch();
    let mut before = Membership::default();
    loop {
        let now = changes.borrow_and_update().clone();
        links.follow(&before, &now.membership);
        let shown_out =
            door.close_where(|who| members.admit(who).is_err(), CloseCode::NotAMember, "no longer a member");
        if shown_out > 0 {
            tracing::info!(connections = shown_out, "closed those of a node that is no longer a member");
        }
        before = now.membership.clone();
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// While nobody leads this node, asks the members that it knows for a newer membership. The leader may have joined while this
/// node was away: it then knocks in vain, and what would make it known is in the log that it alone can send.
pub(crate) async fn ask_for_members(own: NodeId, members: Arc<Members>, links: Arc<PeerLinks>, raft: RaftHandle) {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let status = raft.status();
        let led = status.contact_age_ms.is_some_and(|age| age < SILENCE_MS);
        if led || status.leadership.role == Role::Leader {
            continue;
        }
        let now = members.now();
        let others = now.membership.members.iter().map(|(node, _)| *node);
        let asked = others.filter(|node| *node != own && links.is_up(*node));
        let answers = join_all(asked.map(|node| links.members(node, ANSWER_LIMIT))).await;
        // Who does not answer is asked again.
        answers.into_iter().flatten().for_each(|reply| members.learn(reply.membership));
    }
}
