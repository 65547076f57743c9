//! Keeps the node's links and its door as the membership has them, and finds out who has joined while this node was away.
//! Never changes the membership.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use raftchat_schema::id::NodeId;
use raftchat_schema::stored::{Member, Membership};
use raftchat_transport::{Admission as _, AuthRefusal, CloseCode, LinkFailure, Server};
use tokio::time::{MissedTickBehavior, interval};

use crate::peers::greeting::differences;
use crate::peers::links::PeerLinks;
use crate::peers::members::Members;
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

/// Says in what `members` of `node.toml` is not what the cluster has: it is not looked at any more, and whoever changed it
/// waits for something in vain. Once, when the membership is known.
pub(crate) async fn tell_of_old_list(members: Arc<Members>, told: Vec<(NodeId, Member)>) {
    let mut changes = members.watch();
    let known = changes.wait_for(|now| now.log_id.is_some());
    let Ok(now) = known.await.map(|now| now.clone()) else { return };
    let (moved, others): (Vec<_>, Vec<_>) =
        differences(&told, &now.membership.members).into_iter().partition(|told| told.contains("of node"));
    if !moved.is_empty() {
        let differences = moved.join("; ");
        tracing::warn!(
            %differences,
            "`members` in node.toml is not what the cluster knows (\"there\"), which alone counts since it has begun. A node \
             that has moved is removed and added again"
        );
    }
    if !others.is_empty() {
        let differences = others.join("; ");
        tracing::info!(%differences, "nodes came or went since `members` in node.toml was written; the cluster knows (\"there\")");
    }
}

/// Says once that no other node lets this one in. Whether that is told.
fn tell_if_shut_out(own: NodeId, members: &Members, links: &PeerLinks, told: bool) -> bool {
    let now = members.now();
    let mut others = now.membership.members.iter().filter(|(node, _)| *node != own).peekable();
    let refuses = |node: NodeId| {
        let failure = links.health(node).and_then(|health| health.last_failure);
        matches!(failure, Some(LinkFailure::Refused { reason: AuthRefusal::NotAMember }))
    };
    let shut_out = others.peek().is_some() && others.all(|(node, _)| refuses(*node));
    if shut_out && !told {
        tracing::warn!(
            "no other node lets this one in: it was removed from the cluster, or its certificate is not the one that they know. \
             If it was removed, stop it; it knocks more and more rarely"
        );
    }
    shut_out
}

/// While nobody leads this node, asks the members that it knows for a newer membership. The leader may have joined while this
/// node was away: it then knocks in vain, and what would make it known is in the log that it alone can send.
pub(crate) async fn ask_for_members(own: NodeId, members: Arc<Members>, links: Arc<PeerLinks>, raft: RaftHandle) {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told_shut_out = false;
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
        answers.into_iter().flatten().for_each(|reply| members.hear(&reply.membership));
        told_shut_out = tell_if_shut_out(own, &members, &links, told_shut_out);
    }
}
