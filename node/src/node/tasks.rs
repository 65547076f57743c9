//! What a running node does of its own accord, each as a task that ends with the node. Never knows in which order the node's parts
//! are started.

use std::sync::Arc;
use std::time::Duration;

use raftchat_transport::{CloseCode, RpcCounters, Server};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Shared;
use crate::audience::applied::is_open;
use crate::audience::gossip;
use crate::audience::live;
use crate::clock::{self, Comparing};
use crate::config::NodeConfig;
use crate::health::counters::{self, Counters};
use crate::health::freshness::{self, Freshness};
use crate::health::room::{self, FileSystemOf};
use crate::health::suspicion::{self, Watching};
use crate::housekeeping::proposals;
use crate::housekeeping::{cleaning, damage, expiry};
use crate::peers::admission;
use crate::peers::greeting::{self, Greeter};
use crate::proposer::Proposer;
use crate::proposer::read_index::ReadIndex;
use crate::raft::RaftHandle;

/// How often, after a start, it is asked whether the node has applied what it had before.
const RECOVERY_ROUND: Duration = Duration::from_secs(5);

/// How this node meets the others: whom it knows, what it compares with them, whom it lets in.
pub(super) fn spawn_meetings(
    tasks: &mut JoinSet<()>,
    shared: &Shared,
    raft: &RaftHandle,
    greeter: Arc<Greeter>,
    peer_server: Arc<Server>,
) {
    let (members, links) = (|| shared.members.clone(), || shared.links.clone());
    tasks.spawn(admission::follow_members(members(), links(), peer_server));
    tasks.spawn(admission::ask_for_members(shared.own, members(), links(), raft.clone()));
    tasks.spawn(clock::keep_comparing(Comparing {
        own: shared.own,
        clock: shared.clock.clone(),
        members: members(),
        links: links(),
        raft: raft.clone(),
    }));
    tasks.spawn(greeting::keep_greeting(greeter, members(), links()));
}

/// Who is there, on this node and on the others.
pub(super) fn spawn_presence(tasks: &mut JoinSet<()>, shared: &Shared) {
    let (links, members) = (shared.links.clone(), shared.members.clone());
    tasks.spawn(gossip::announce_presence(shared.own, shared.presence.clone(), links.clone(), members));
    tasks.spawn(shared.presence.clone().keep_expiring(move |node| links.is_up(node)));
    let state = shared.stores.state.clone();
    tasks.spawn(live::keep_ending(shared.live.clone(), live::LOOK, move |id| is_open(&state.view(), id)));
}

/// How this node minds its disk and its certificates.
pub(super) fn spawn_keepers(tasks: &mut JoinSet<()>, config: &NodeConfig, shared: &Shared, raft: &RaftHandle) {
    let disk = FileSystemOf(config.data.clone());
    tasks.spawn(room::keep_looking(shared.room.clone(), disk, shared.links.clone(), shared.members.clone()));
    tasks.spawn(damage::stop_if_damaged(raft.stores().clone()));
    tasks.spawn(expiry::keep_warning(shared.leaf.ending.clone(), shared.clock.clone()));
    tasks.spawn(cleaning::keep_clean(raft.clone(), config.disk.erase_within()));
}

/// What the node notes of its own accord: in the log that all share, and in its own.
pub(super) fn spawn_notes(
    tasks: &mut JoinSet<()>,
    shared: &Shared,
    proposer: &Proposer,
    raft: &RaftHandle,
    passed: Arc<RpcCounters>,
) {
    let (proposer, raft) = (|| proposer.clone(), || raft.clone());
    let clock = || shared.clock.clone();
    tasks.spawn(proposals::note_last_seen(shared.presence.clone(), proposer(), raft(), clock()));
    tasks.spawn(proposals::note_use(shared.live.clone(), proposer(), raft(), clock()));
    tasks.spawn(proposals::note_age(proposer(), raft(), clock()));
    tasks.spawn(proposals::note_delivered(shared.deliveries.clone(), proposer(), raft()));
    tasks.spawn(proposals::erase(shared.erasures.clone(), proposer(), raft()));
    let counters = Counters::new(&proposer(), raft(), shared.fanout.clone(), shared.links.clone(), passed);
    tasks.spawn(counters::keep_telling(counters));
}

/// How this node finds out how it and the others stand.
pub(super) fn spawn_watches(
    tasks: &mut JoinSet<()>,
    shared: &Shared,
    freshness: Arc<Freshness>,
    read_index: ReadIndex,
    raft: RaftHandle,
    clients: Arc<Server>,
) {
    let health = || shared.health.clone();
    tasks.spawn(suspicion::watch_peers(Watching {
        own: shared.own,
        members: shared.members.clone(),
        links: shared.links.clone(),
        raft: raft.clone(),
        standing_by: shared.standing_by.clone(),
        board: health(),
    }));
    tasks.spawn(raft.keep_replacing());
    tasks.spawn(freshness::keep_asking(freshness.clone(), read_index));
    let end_links = move || {
        clients.close_where(|_| true, CloseCode::Behind, "it has had none for too long");
    };
    tasks.spawn(freshness::keep_noting(freshness, health(), end_links));
}

/// Says once that the node has applied what it had before it was stopped.
pub(super) async fn wait_for_recovery(raft: RaftHandle, recovered: watch::Sender<bool>) {
    while !raft.wait_for_recovery(RECOVERY_ROUND).await {
        tracing::info!("still waiting for a majority to say what is committed");
    }
    tracing::info!("serving");
    recovered.send_replace(true);
}
